/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c: a policy from YAML. libyaml gives events with their lines; a policy is mappings within
 * mappings with a single text at the end of each, so a path is all that has to be remembered. What
 * YAML can do beyond that (anchors, tags, several documents) has no meaning here and is refused.
 *
 * A file is read twice: once for `extends`, since what it stands on comes first whatever the order
 * of its lines; then for everything.
 */
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "policy/policy_priv.h"

enum { DEPTH_MAX = 4, PATH_BYTES = PAWL_POLICY_PATH_BYTES, PATHS_MAX = 256 };

struct reader {
    struct pawl_policy *policy;
    struct pawl_policy_reporter *reporter;
    const char *file;
    bool looks_for_extends;    /* the first reading */
    struct pawl_slice extends; /* in the policy's arena; empty: the file does not say */
    uint32_t extends_line;
    char path[PATH_BYTES]; /* of the mapping that is read: "" or "caps." */
    size_t path_bytes[DEPTH_MAX + 1];
    int depth;    /* of mappings that are open */
    bool has_key; /* a key was read, and its value comes next */
    uint32_t key_line;
    size_t key_start;                  /* in path */
    struct pawl_slice seen[PATHS_MAX]; /* paths of this file, for duplicates */
    uint32_t seen_count;
    bool stopped; /* the rest makes no sense */
};

static uint32_t line_of(const yaml_event_t *event)
{
    return (uint32_t)event->start_mark.line + 1;
}

/* In the first reading nothing is told: the second finds it again. */
static void tell(struct reader *reader, uint32_t line, const char *path, const char *message)
{
    if (!reader->looks_for_extends) {
        struct pawl_policy_problem problem = {.line = line, .path = path};
        pawl_policy_tell(reader->reporter, problem, "%s", message);
    }
}

static void stop(struct reader *reader, uint32_t line, const char *message)
{
    tell(reader, line, reader->path, message);
    reader->stopped = true;
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

static void tell_unknown(struct reader *reader)
{
    char message[2 * PATH_BYTES];
    const char *near = nearest_path(reader->path);
    if (is_group(reader->path)) {
        (void)snprintf(message, sizeof(message), "is a group: its fields stand below it, indented");
    } else if (near != NULL) {
        (void)snprintf(message, sizeof(message), "there is no such field; did you mean %s?", near);
    } else {
        (void)snprintf(message, sizeof(message), "there is no such field");
    }
    tell(reader, reader->key_line, reader->path, message);
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

static void take_field(struct reader *reader, struct pawl_slice text)
{
    struct pawl_slice key;
    struct pawl_policy_setting setting = {
        .field = pawl_policy_find_field(pawl_slice_str(reader->path), &key),
        .key = key,
        .text = text,
        .origin = PAWL_POLICY_FROM_FILE,
        .source = reader->file,
        .line = reader->key_line,
    };
    if (setting.field == PAWL_POLICY_FIELD_COUNT) {
        tell_unknown(reader);
        return;
    }
    if (reader->looks_for_extends) {
        if (setting.field == PAWL_POLICY_EXTENDS) {
            reader->extends = pawl_arena_copy(&reader->policy->arena, text);
            reader->extends_line = reader->key_line;
        }
        return;
    }
    struct pawl_errmsg msg;
    if (pawl_failed(pawl_policy_set(reader->policy, &setting, &msg))) {
        tell(reader, reader->key_line, reader->path, msg.text);
    }
}

/* --- Events ---------------------------------------------------------------------------------- */

static void leave_key(struct reader *reader)
{
    reader->path[reader->path_bytes[reader->depth]] = '\0';
    reader->has_key = false;
}

static void take_key(struct reader *reader, const yaml_event_t *event, struct pawl_slice text)
{
    size_t start = reader->path_bytes[reader->depth];
    reader->key_line = line_of(event);
    bool fits = start + text.bytes + 2 <= PATH_BYTES;
    bool plain = fits && text.bytes > 0 && memchr(text.data, '.', text.bytes) == NULL &&
                 memchr(text.data, '\0', text.bytes) == NULL;
    if (!plain) {
        stop(reader, reader->key_line, "a key must be a short word without a full stop");
        return;
    }
    memcpy(reader->path + start, text.data, text.bytes);
    reader->path[start + text.bytes] = '\0';
    reader->has_key = true;
    if (seen_before(reader, pawl_slice_str(reader->path))) {
        tell(reader, reader->key_line, reader->path, "is there twice");
    }
}

static void on_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct pawl_slice text =
        pawl_slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        stop(reader, line_of(event), "anchors and tags have no meaning here");
    } else if (reader->depth == 0) {
        stop(reader, line_of(event), "a policy is made of fields, such as \"caps:\"");
    } else if (!reader->has_key) {
        take_key(reader, event, text);
    } else {
        take_field(reader, text);
        leave_key(reader);
    }
}

static void on_mapping(struct reader *reader, const yaml_event_t *event)
{
    if (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL) {
        stop(reader, line_of(event), "anchors and tags have no meaning here");
        return;
    }
    if (reader->depth > 0 && !reader->has_key) {
        stop(reader, line_of(event), "a key must be a word");
        return;
    }
    if (reader->depth == DEPTH_MAX) {
        stop(reader, line_of(event), "this is nested too deeply");
        return;
    }
    size_t bytes = strlen(reader->path);
    if (reader->depth > 0) {
        reader->path[bytes++] = '.';
        reader->path[bytes] = '\0';
    }
    reader->depth++;
    reader->path_bytes[reader->depth] = bytes;
    reader->has_key = false;
}

static void on_mapping_end(struct reader *reader)
{
    reader->depth--;
    leave_key(reader);
}

static void on_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(reader, event);
        break;
    case YAML_MAPPING_START_EVENT:
        on_mapping(reader, event);
        break;
    case YAML_MAPPING_END_EVENT:
        on_mapping_end(reader);
        break;
    case YAML_SEQUENCE_START_EVENT:
        stop(reader, line_of(event), "a list has no meaning here");
        break;
    case YAML_ALIAS_EVENT:
        stop(reader, line_of(event), "anchors and tags have no meaning here");
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (reader->seen_count > 0) {
            stop(reader, line_of(event), "one file holds one policy");
        }
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        break;
    }
}

/* One reading of the whole text. */
static void read_all(struct reader *reader, struct pawl_slice text)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        stop(reader, 0, "no memory");
        return;
    }
    const char *data = text.bytes > 0 ? text.data : ""; /* It wants an address even for nothing. */
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, text.bytes);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    bool ended = false;
    while (!ended && !reader->stopped) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            const char *problem = parser.problem != NULL ? parser.problem : "no memory";
            size_t line =
                parser.problem_mark.line > 0 ? parser.problem_mark.line : parser.mark.line;
            char message[256];
            (void)snprintf(message, sizeof(message), "this is no YAML: %s", problem);
            reader->path[0] = '\0';
            stop(reader, (uint32_t)line + 1, message);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        on_event(reader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
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
