/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c: a policy from YAML (yaml.h has what of it counts). Each value is put in the place of its
 * path; what has no place is told with the nearest path that has.
 *
 * A file is read twice: once for `extends`, since what it stands on comes first whatever the order
 * of its lines; then for everything.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "policy/policy_priv.h"
#include "policy/yaml.h"

enum { PATHS_MAX = 256 };
_Static_assert((int)PAWL_POLICY_PATH_BYTES == (int)PAWL_YAML_PATH_BYTES, "a path is a path");

struct reader {
    struct pawl_policy *policy;
    struct pawl_policy_reporter *reporter;
    const char *file;
    bool looks_for_extends;    /* the first reading */
    struct pawl_slice extends; /* in the policy's arena; empty: the file does not say */
    uint32_t extends_line;
    struct pawl_slice seen[PATHS_MAX]; /* paths of this file, for duplicates */
    uint32_t seen_count;
};

/* In the first reading nothing is told: the second finds it again. */
static void tell(void *arg, uint32_t line, const char *path, const char *message)
{
    struct reader *reader = arg;
    if (!reader->looks_for_extends) {
        struct pawl_policy_problem problem = {.line = line, .path = path};
        pawl_policy_tell(reader->reporter, problem, "%s", message);
    }
}

/* --- Fields ---------------------------------------------------------------------------------- */

/* The path of a field that was probably meant, or NULL. */
static const char *nearest_path(const char *path)
{
    struct pawl_nearest nearest = {.word = path};
    for (int i = 0; i < PAWL_POLICY_FIELD_COUNT; i++) {
        pawl_nearest_offer(&nearest, pawl_policy_fields[i].path);
    }
    return nearest.found;
}

/* "caps" of "caps.usd". */
static bool is_group(const char *path)
{
    size_t bytes = strlen(path);
    for (int i = 0; i < PAWL_POLICY_FIELD_COUNT; i++) {
        const char *field = pawl_policy_fields[i].path;
        if (strncmp(field, path, bytes) == 0 && field[bytes] == '.') {
            return true;
        }
    }
    return false;
}

static void tell_unknown(struct reader *reader, uint32_t line, const char *path)
{
    char message[2 * PAWL_POLICY_PATH_BYTES];
    const char *near = nearest_path(path);
    if (is_group(path)) {
        (void)snprintf(message, sizeof(message), "is a group: its fields stand below it, indented");
    } else if (near != NULL) {
        (void)snprintf(message, sizeof(message), "there is no such field; did you mean %s?", near);
    } else {
        (void)snprintf(message, sizeof(message), "there is no such field");
    }
    tell(reader, line, path, message);
}

/* Whether this path was there before. Remembers it. */
static bool seen_before(struct reader *reader, struct pawl_slice path)
{
    for (uint32_t i = 0; i < reader->seen_count; i++) {
        if (pawl_slice_equal(reader->seen[i], path)) {
            return true;
        }
    }
    if (reader->seen_count < PATHS_MAX) {
        reader->seen[reader->seen_count++] = pawl_arena_copy(&reader->policy->arena, path);
    }
    return false;
}

static void take_key(void *arg, uint32_t line, const char *path)
{
    if (seen_before(arg, pawl_slice_str(path))) {
        tell(arg, line, path, "is there twice");
    }
}

static void take_field(void *arg, uint32_t line, const char *path, struct pawl_slice text)
{
    struct reader *reader = arg;
    struct pawl_slice key;
    struct pawl_policy_setting setting = {
        .field = pawl_policy_find_field(pawl_slice_str(path), &key),
        .key = key,
        .text = text,
        .origin = PAWL_POLICY_FROM_FILE,
        .source = reader->file,
        .line = line,
    };
    if (setting.field == PAWL_POLICY_FIELD_COUNT) {
        tell_unknown(reader, line, path);
        return;
    }
    if (reader->looks_for_extends) {
        if (setting.field == PAWL_POLICY_EXTENDS) {
            reader->extends = pawl_arena_copy(&reader->policy->arena, text);
            reader->extends_line = line;
        }
        return;
    }
    struct pawl_errmsg msg;
    if (pawl_failed(pawl_policy_set(reader->policy, &setting, &msg))) {
        tell(reader, line, path, msg.text);
    }
}

/* One reading of the whole text. */
static void read_all(struct reader *reader, struct pawl_slice text)
{
    struct pawl_yaml_reader yaml = {.what = "policy",
                                    .example = "caps:",
                                    .key = take_key,
                                    .field = take_field,
                                    .problem = tell,
                                    .arg = reader};
    (void)pawl_yaml_read(&yaml, text); /* what was wrong with it was told */
}

static struct reader
reader_for(struct pawl_policy *policy, const char *path, struct pawl_policy_reporter *reporter)
{
    return (struct reader){.policy = policy, .file = path, .reporter = reporter};
}

/* A file that gives no name is called what it is called on disk, without folder and ending. */
static void name_after_file(struct pawl_policy *policy, const char *path)
{
    if (pawl_policy_get(policy, PAWL_POLICY_NAME, "")->origin != PAWL_POLICY_FROM_BUILTIN) {
        return;
    }
    const char *slash = strrchr(path, '/');
    struct pawl_slice name = pawl_slice_str(slash != NULL ? slash + 1 : path);
    size_t end = pawl_slice_find(name, PAWL_SLICE(".y"));
    struct pawl_policy_setting setting = {
        .field = PAWL_POLICY_NAME,
        .text = pawl_slice_sub(name, 0, end),
        .origin = PAWL_POLICY_FROM_FILE,
        .source = path,
    };
    struct pawl_errmsg msg;
    if (pawl_failed(pawl_policy_set(policy, &setting, &msg))) {
        return; /* A name that is none leaves the built-in's. */
    }
}

bool pawl_policy_read(struct pawl_policy *policy,
                      const char *path,
                      struct pawl_slice text,
                      struct pawl_policy_reporter *reporter)
{
    uint32_t errors_before = reporter->errors;
    if (text.bytes > PAWL_POLICY_BYTES_MAX) {
        struct pawl_policy_problem problem = {.path = ""};
        pawl_policy_tell(reporter, problem, "a policy has at most %d bytes", PAWL_POLICY_BYTES_MAX);
        return false;
    }
    struct reader first = reader_for(policy, path, reporter);
    first.looks_for_extends = true;
    read_all(&first, text);
    struct pawl_slice base =
        pawl_slice_empty(first.extends) ? PAWL_SLICE("individual") : first.extends;
    if (!pawl_policy_load_builtin(policy, base)) {
        struct pawl_policy_problem problem = {.line = first.extends_line, .path = "extends"};
        pawl_policy_tell(reporter, problem, "there is no built-in policy '%.*s'",
                         (int)pawl_slice_sub(base, 0, 64).bytes, base.data);
        bool loaded = pawl_policy_load_builtin(policy, PAWL_SLICE("individual"));
        PAWL_ASSERT(loaded);
    }
    struct reader second = reader_for(policy, path, reporter);
    read_all(&second, text);
    name_after_file(policy, path);
    if (second.seen_count == 0 && reporter->errors == errors_before) {
        struct pawl_policy_problem problem = {.line = 1, .path = ""};
        pawl_policy_tell(reporter, problem, "the file says nothing");
    }
    return reporter->errors == errors_before;
}
