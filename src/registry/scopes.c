/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.c: scopes and patterns, read once when they are written and never while a request waits:
 * what a request asks is a comparison of at most six levels for each pattern.
 *
 * A pattern that is not rooted fits where a scope ends with its steps. The subject's scopes are the
 * prefixes of one list of levels, so that is: the steps stand side by side somewhere in the list.
 */
#include "registry/scopes.h"

#include <string.h>

#include "base/assert.h"

static const char *const level_names[PAWL_LEVEL_COUNT] = {"tenant",   "workspace", "app",
                                                          "workflow", "agent",     "toolset"};

const char *pawl_level_name(enum pawl_level level)
{
    PAWL_ASSERT((unsigned)level < PAWL_LEVEL_COUNT);
    return level_names[level];
}

bool pawl_level_from_name(struct pawl_slice name, enum pawl_level *ret_level)
{
    for (unsigned level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (pawl_slice_equal_str(name, level_names[level])) {
            *ret_level = (enum pawl_level)level;
            return true;
        }
    }
    return false;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

static bool is_alphanumeric(char byte)
{
    char small = lower(byte);
    return (small >= 'a' && small <= 'z') || (byte >= '0' && byte <= '9');
}

bool pawl_level_value_ok(struct pawl_slice value)
{
    if (value.bytes == 0 || value.bytes > PAWL_NAME_BYTES_MAX || !is_alphanumeric(value.data[0]) ||
        !is_alphanumeric(value.data[value.bytes - 1])) {
        return false;
    }
    for (size_t i = 0; i < value.bytes; i++) {
        char byte = value.data[i];
        if (!is_alphanumeric(byte) && byte != '.' && byte != '_' && byte != '-') {
            return false;
        }
    }
    return true;
}

/* The value in lower case, at the end of what the room holds already. */
static struct pawl_slice keep_lower(struct pawl_slice value, char *room, size_t *used)
{
    char *at = room + *used;
    for (size_t i = 0; i < value.bytes; i++) {
        at[i] = lower(value.data[i]);
    }
    *used += value.bytes;
    return pawl_slice_of(at, value.bytes);
}

/* "workspace:eng": the level and the value, which is not looked at. */
static bool read_step(struct pawl_slice segment,
                      enum pawl_level *ret_level,
                      struct pawl_slice *ret_value,
                      struct pawl_errmsg *msg)
{
    struct pawl_slice rest = segment;
    struct pawl_slice name = pawl_slice_cut(&rest, ':');
    if (name.bytes == segment.bytes || !pawl_level_from_name(name, ret_level)) {
        pawl_errmsg_set(msg,
                        "\"%.*s\" is not LEVEL:VALUE, with a level of tenant, workspace, app, "
                        "workflow, agent and toolset",
                        (int)(segment.bytes < 64 ? segment.bytes : 64), segment.data);
        return false;
    }
    *ret_value = rest;
    return true;
}

static bool check_value(struct pawl_slice value, struct pawl_errmsg *msg)
{
    if (!pawl_level_value_ok(value)) {
        pawl_errmsg_set(msg,
                        "\"%.*s\" cannot be a value: 1 to %d letters, digits, '.', '_' and '-', "
                        "the first and the last a letter or digit",
                        (int)(value.bytes < 64 ? value.bytes : 64), value.data,
                        PAWL_NAME_BYTES_MAX);
        return false;
    }
    return true;
}

static bool check_order(int before, enum pawl_level level, struct pawl_errmsg *msg)
{
    if ((int)level <= before) {
        PAWL_ASSERT(before >= 0);
        pawl_errmsg_set(msg,
                        "%s cannot stand behind %s: the order is tenant, workspace, app, "
                        "workflow, agent, toolset",
                        level_names[level], level_names[before]);
        return false;
    }
    return true;
}

/* The next step of a path, behind those before it; the value is not looked at. */
static bool next_step(struct pawl_slice *rest,
                      int *before,
                      enum pawl_level *ret_level,
                      struct pawl_slice *ret_value,
                      struct pawl_errmsg *msg)
{
    if (!read_step(pawl_slice_cut(rest, '/'), ret_level, ret_value, msg) ||
        !check_order(*before, *ret_level, msg)) {
        return false;
    }
    *before = (int)*ret_level;
    return true;
}

bool pawl_path_levels(struct pawl_slice path, struct pawl_slice ret_levels[static PAWL_LEVEL_COUNT])
{
    int before = -1;
    memset(ret_levels, 0, PAWL_LEVEL_COUNT * sizeof(ret_levels[0]));
    while (path.bytes > 0) {
        enum pawl_level level = PAWL_LEVEL_TENANT;
        struct pawl_slice value = PAWL_SLICE_NONE;
        if (!next_step(&path, &before, &level, &value, NULL) || value.bytes == 0) {
            return false;
        }
        ret_levels[level] = value;
    }
    return true;
}

bool pawl_place_read(struct pawl_slice text, struct pawl_place *ret_place, struct pawl_errmsg *msg)
{
    size_t used = 0;
    int before = -1;
    struct pawl_slice rest = text;
    memset(ret_place->levels, 0, sizeof(ret_place->levels));
    if (text.bytes == 0 || text.bytes > sizeof(ret_place->room) ||
        text.data[text.bytes - 1] == '/') {
        pawl_errmsg_set(msg, "a scope is written as \"tenant:acme/workspace:eng\"");
        return false;
    }
    while (rest.bytes > 0) {
        enum pawl_level level = PAWL_LEVEL_TENANT;
        struct pawl_slice value = PAWL_SLICE_NONE;
        bool first = before < 0;
        if (!next_step(&rest, &before, &level, &value, msg) || !check_value(value, msg)) {
            return false;
        }
        if (first && level != PAWL_LEVEL_TENANT) {
            pawl_errmsg_set(msg, "a scope begins with its tenant: \"tenant:acme/%.*s\"",
                            (int)(text.bytes < 64 ? text.bytes : 64), text.data);
            return false;
        }
        ret_place->levels[level] = keep_lower(value, ret_place->room, &used);
    }
    PAWL_ASSERT(used <= sizeof(ret_place->room));
    return true;
}

bool pawl_pattern_read(struct pawl_slice text,
                       char *room,
                       struct pawl_pattern *ret_pattern,
                       struct pawl_errmsg *msg)
{
    size_t used = 0;
    int before = -1;
    bool first = true;
    struct pawl_slice rest = text;
    *ret_pattern = (struct pawl_pattern){.rooted = false};
    if (text.bytes == 0 || text.bytes > PAWL_SCOPE_TEXT_BYTES || text.data[text.bytes - 1] == '/') {
        pawl_errmsg_set(msg, "a pattern is written as \"tenant:acme/workspace:*\"");
        return false;
    }
    while (rest.bytes > 0) {
        struct pawl_slice segment = pawl_slice_cut(&rest, '/');
        if (pawl_slice_equal_str(segment, "*")) {
            if (!first && rest.bytes > 0) {
                pawl_errmsg_set(msg, "a \"*\" of its own stands at the beginning or the end");
                return false;
            }
            ret_pattern->below = !first; /* at the beginning it says: anywhere */
            first = false;
            continue;
        }
        enum pawl_level level = PAWL_LEVEL_TENANT;
        struct pawl_slice value = PAWL_SLICE_NONE;
        if (!read_step(segment, &level, &value, msg) || !check_order(before, level, msg)) {
            return false;
        }
        bool any = pawl_slice_equal_str(value, "*");
        if (!any && !check_value(value, msg)) {
            return false;
        }
        before = (int)level;
        ret_pattern->rooted |= first && level == PAWL_LEVEL_TENANT;
        ret_pattern->steps[ret_pattern->step_count++] = (struct pawl_pattern_step){
            .level = (uint8_t)level,
            .value = any ? PAWL_SLICE_NONE : keep_lower(value, room, &used),
        };
        first = false;
    }
    PAWL_ASSERT(used <= text.bytes && ret_pattern->step_count <= PAWL_LEVEL_COUNT);
    return true;
}

void pawl_named_levels_of(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                          struct pawl_named_levels *ret_named)
{
    ret_named->count = 0;
    for (unsigned level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (levels[level].bytes > 0) {
            ret_named->levels[ret_named->count] = (uint8_t)level;
            ret_named->values[ret_named->count++] = levels[level];
        }
    }
}

/* Whether the steps stand in the subject's levels from `at` on, side by side. */
static bool
fits_at(const struct pawl_pattern *pattern, const struct pawl_named_levels *named, uint32_t at)
{
    for (uint32_t i = 0; i < pattern->step_count; i++) {
        const struct pawl_pattern_step *step = &pattern->steps[i];
        if (named->levels[at + i] != step->level ||
            (step->value.bytes > 0 && !pawl_slice_equal(named->values[at + i], step->value))) {
            return false;
        }
    }
    return true;
}

bool pawl_pattern_binds(const struct pawl_pattern *pattern, const struct pawl_named_levels *named)
{
    uint32_t wanted = pattern->step_count + (pattern->below ? 1 : 0);
    if (wanted > named->count) {
        return false;
    }
    uint32_t last = pattern->rooted ? 0 : named->count - wanted;
    for (uint32_t at = 0; at <= last; at++) {
        if (fits_at(pattern, named, at)) {
            return true;
        }
    }
    return false;
}
