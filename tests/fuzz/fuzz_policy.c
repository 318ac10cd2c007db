/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_policy.c: whatever stands in a policy or in a server's file of options: the reader survives
 * it, tells values within the text with paths that fit, and says of what it refuses why. A policy
 * that is taken says the same when it is written and read again: its caps above all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "policy/policy.h"
#include "policy/yaml.h"
#include "tests/lib/fuzz.h"

enum { ROOM_BYTES = 1 << 20 };

struct told {
    struct pawl_slice text; /* of the file */
    uint32_t problems;
};

static void check_place(const struct told *told, uint32_t line, const char *path)
{
    PAWL_ASSERT(line <= told->text.bytes + 1);
    PAWL_ASSERT(strlen(path) < PAWL_YAML_PATH_BYTES);
}

static void on_key(void *arg, uint32_t line, const char *path)
{
    check_place(arg, line, path);
    PAWL_ASSERT(line > 0 && path[0] != '\0');
}

static void on_field(void *arg, uint32_t line, const char *path, struct pawl_slice text)
{
    const struct told *told = arg;
    check_place(told, line, path);
    PAWL_ASSERT(line > 0 && path[0] != '\0' && text.bytes <= told->text.bytes);
    /* Every byte is there: a sanitizer looks on. */
    PAWL_ASSERT(text.bytes == 0 || memchr(text.data, text.data[text.bytes - 1], text.bytes));
}

static void on_problem(void *arg, uint32_t line, const char *path, const char *message)
{
    struct told *told = arg;
    check_place(told, line, path);
    PAWL_ASSERT(message[0] != '\0');
    told->problems++;
}

static void try_form(struct pawl_slice text, bool lists)
{
    struct told told = {.text = text};
    struct pawl_yaml_reader reader = {.what = "file",
                                      .example = "listen:",
                                      .lists = lists,
                                      .key = on_key,
                                      .field = on_field,
                                      .problem = on_problem,
                                      .arg = &told};
    bool sound = pawl_yaml_read(&reader, text);
    PAWL_ASSERT(sound == (told.problems == 0));
}

static const struct pawl_policy_value *same_place(const struct pawl_policy *policy,
                                                  const struct pawl_policy_value *value)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        if (policy->values[i].field == value->field &&
            pawl_slice_equal(policy->values[i].key, value->key)) {
            return &policy->values[i];
        }
    }
    return NULL;
}

static void same_policy(const struct pawl_policy *policy, struct pawl_slice written)
{
    static struct pawl_policy again;
    struct pawl_policy_reporter reporter = {.report = NULL};
    pawl_policy_init(&again);
    bool sound = pawl_policy_read(&again, "again.yaml", written, &reporter);
    PAWL_ASSERT(sound && again.value_count == policy->value_count);
    for (uint32_t i = 0; i < policy->value_count; i++) {
        const struct pawl_policy_value *value = &policy->values[i];
        const struct pawl_policy_value *other = same_place(&again, value);
        PAWL_ASSERT(other != NULL && pawl_slice_equal(other->text, value->text));
        PAWL_ASSERT(other->number == value->number && other->share == value->share &&
                    other->word == value->word);
    }
    pawl_policy_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct pawl_policy policy;
    struct pawl_policy_reporter reporter = {.report = NULL};
    struct pawl_buf written;
    /* In memory of its own, exactly as long, so that a sanitizer sees a step past the end. */
    char *copy = malloc(bytes > 0 ? bytes : 1);
    PAWL_ASSERT(copy != NULL);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    struct pawl_slice text = pawl_slice_of(copy, bytes);
    try_form(text, false);
    try_form(text, true);
    pawl_policy_init(&policy);
    if (pawl_policy_read(&policy, "dir/ours.yaml", text, &reporter)) {
        pawl_policy_check(&policy, &reporter);
        pawl_buf_init(&written, ROOM_BYTES);
        pawl_policy_write(&policy, &written);
        PAWL_ASSERT(!written.overflowed);
        if (written.bytes <= PAWL_POLICY_BYTES_MAX) { /* what stands beside the fields is long */
            same_policy(&policy, pawl_buf_slice(&written));
        }
        pawl_buf_free(&written);
    }
    pawl_policy_free(&policy);
    free(copy);
    return 0;
}
