/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c: a policy as the file that would say it. Reading it back gives the same values; what the
 * table says of a field stands beside it, so that a copy is a place to begin.
 */
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

enum { COMMENT_COLUMN = 30 };

void pawl_policy_value_path(const struct pawl_policy_value *value,
                            char out[static PAWL_POLICY_PATH_BYTES])
{
    const char *path = pawl_policy_fields[value->field].path;
    const char *star = strchr(path, '*');
    if (star == NULL) {
        (void)snprintf(out, PAWL_POLICY_PATH_BYTES, "%s", path);
    } else {
        (void)snprintf(out, PAWL_POLICY_PATH_BYTES, "%.*s%.*s%s", (int)(star - path), path,
                       (int)value->key.bytes, value->key.data, star + 1);
    }
}

static bool plain(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool digit = byte >= '0' && byte <= '9';
        if (!letter && !digit && (i == 0 || strchr("._-", byte) == NULL)) {
            return false;
        }
    }
    return text.bytes > 0;
}

static size_t put_scalar(struct pawl_slice text, struct pawl_buf *out)
{
    size_t before = out->bytes;
    if (plain(text)) {
        pawl_buf_append_slice(out, text);
        return out->bytes - before;
    }
    pawl_buf_append_byte(out, '"');
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            pawl_buf_append_byte(out, '\\');
        }
        pawl_buf_append_byte(out, text.data[i]);
    }
    pawl_buf_append_byte(out, '"');
    return out->bytes - before;
}

/* Opens the mappings of a path that are not open yet, and leaves `open` as the path's own. Returns
 * the last word. */
static const char *put_groups(const char *path, char *open, struct pawl_buf *out, int *ret_depth)
{
    int depth = 0;
    size_t start = 0;
    bool same = true;
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(path + start, '.')) {
        size_t end = (size_t)(dot - path);
        same = same && strncmp(open, path, end + 1) == 0;
        if (!same) {
            pawl_buf_printf(out, "%*s%.*s:\n", 2 * depth, "", (int)(end - start), path + start);
        }
        start = end + 1;
        depth++;
    }
    memcpy(open, path, start);
    open[start] = '\0';
    *ret_depth = depth;
    return path + start;
}

static void put_value(const struct pawl_policy_value *value, char *open, struct pawl_buf *out)
{
    char path[PAWL_POLICY_PATH_BYTES];
    int depth = 0;
    pawl_policy_value_path(value, path);
    const char *word = put_groups(path, open, out, &depth);
    size_t before = out->bytes;
    pawl_buf_printf(out, "%*s%s: ", 2 * depth, "", word);
    (void)put_scalar(value->text, out);
    int padding = COMMENT_COLUMN - (int)(out->bytes - before);
    pawl_buf_printf(out, "%*s # %s\n", padding > 0 ? padding : 0, "",
                    pawl_policy_fields[value->field].help);
}

static bool is_of_phase(const struct pawl_policy_value *value)
{
    return strchr(pawl_policy_fields[value->field].path, '*') != NULL;
}

/* Whether no value before it has its key. */
static bool is_first(const struct pawl_policy *policy, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (is_of_phase(&policy->values[i]) &&
            pawl_slice_equal(policy->values[i].key, policy->values[index].key)) {
            return false;
        }
    }
    return true;
}

/* All fields of one key, so that its mapping is written once. */
static void put_fields(const struct pawl_policy *policy,
                       struct pawl_slice key,
                       bool of_phase,
                       char *open,
                       struct pawl_buf *out)
{
    for (int field = 0; field < PAWL_POLICY_FIELD_COUNT; field++) {
        for (uint32_t i = 0; i < policy->value_count; i++) {
            const struct pawl_policy_value *value = &policy->values[i];
            if ((int)value->field == field && is_of_phase(value) == of_phase &&
                pawl_slice_equal(value->key, key)) {
                put_value(value, open, out);
            }
        }
    }
}

void pawl_policy_write(const struct pawl_policy *policy, struct pawl_buf *out)
{
    char open[PAWL_POLICY_PATH_BYTES] = "";
    put_fields(policy, PAWL_SLICE_NONE, false, open, out);
    for (uint32_t i = 0; i < policy->value_count; i++) {
        if (is_of_phase(&policy->values[i]) && is_first(policy, i)) {
            put_fields(policy, policy->values[i].key, true, open, out);
        }
    }
}
