/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c: see filter.h. Entries are kept in the order of their levels, so that asking is one
 * walk: within a level one hit is enough, and at the end of a level without one the answer is no.
 * The values lie behind the entries, in one block with them.
 */
#include "registry/filter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json.h"
#include "registry/scopes.h"

bool pawl_filter_entry_read(struct pawl_slice text,
                            struct pawl_filter_entry *ret_entry,
                            struct pawl_errmsg *msg)
{
    enum pawl_level level = PAWL_LEVEL_TENANT;
    struct pawl_slice value = text;
    struct pawl_slice name = pawl_slice_cut(&value, ':');
    bool any = pawl_slice_equal_str(value, "*");
    if (!pawl_level_from_name(name, &level) || (!any && !pawl_level_value_ok(value))) {
        pawl_errmsg_set(msg,
                        "\"%.*s\" is no entry of a scope filter: \"workspace:eng\" or "
                        "\"agent:*\", with a level of tenant, workspace, app, workflow, agent and "
                        "toolset",
                        (int)(text.bytes < 64 ? text.bytes : 64), text.bytes > 0 ? text.data : "");
        return false;
    }
    *ret_entry = (struct pawl_filter_entry){(uint8_t)level, any ? PAWL_SLICE_NONE : value};
    return true;
}

/* Puts the entry behind those of its level and before the next, its value at *room. */
static void
insert(struct pawl_scope_filter *filter, const struct pawl_filter_entry *entry, char **room)
{
    uint32_t at = filter->count;
    for (; at > 0 && filter->entries[at - 1].level > entry->level; at--) {
        filter->entries[at] = filter->entries[at - 1];
    }
    filter->entries[at] = (struct pawl_filter_entry){
        .level = entry->level,
        .value = pawl_slice_of(*room, entry->value.bytes),
    };
    for (size_t i = 0; i < entry->value.bytes; i++) {
        char byte = entry->value.data[i];
        *(*room)++ = byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
    }
    filter->count++;
}

/* Into a filter whose room holds array.bytes, which is more than its strings have. */
static bool fill(struct pawl_scope_filter *filter,
                 const struct pawl_json *json,
                 struct pawl_arena *arena,
                 char *room)
{
    uint32_t node = pawl_json_first(json, 0);
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        struct pawl_filter_entry entry;
        struct pawl_slice text = pawl_json_string(json, node, arena);
        if (arena->overflowed || !pawl_filter_entry_read(text, &entry, NULL)) {
            return false;
        }
        insert(filter, &entry, &room);
    }
    return true;
}

bool pawl_filter_read(struct pawl_slice array, struct pawl_scope_filter **ret_filter)
{
    struct pawl_json json;
    struct pawl_arena arena;
    struct pawl_scope_filter *filter = NULL;
    pawl_arena_init(&arena, 1 << 20);
    bool read =
        pawl_json_parse(&arena, array, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json) &&
        pawl_json_is(&json, 0, PAWL_JSON_ARRAY) && json.nodes[0].count <= PAWL_FILTER_ENTRIES_MAX;
    if (read && json.nodes[0].count > 0) {
        size_t entries_bytes = sizeof(*filter) + json.nodes[0].count * sizeof(filter->entries[0]);
        filter = pawl_alloc_zeroed(1, entries_bytes + array.bytes);
        PAWL_ASSERT(filter != NULL); /* as for the record that it belongs to */
        read = fill(filter, &json, &arena, (char *)filter + entries_bytes);
    }
    pawl_arena_free(&arena);
    if (!read) {
        pawl_free(filter);
        return false;
    }
    *ret_filter = filter;
    return true;
}

const struct pawl_scope_filter *pawl_filter_copy(const struct pawl_scope_filter *filter,
                                                 struct pawl_arena *arena)
{
    if (filter == NULL) {
        return NULL;
    }
    size_t bytes = sizeof(*filter) + filter->count * sizeof(filter->entries[0]);
    struct pawl_scope_filter *copy = pawl_arena_alloc(arena, bytes);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, filter, bytes);
    for (uint32_t i = 0; i < copy->count; i++) {
        copy->entries[i].value = pawl_arena_copy(arena, filter->entries[i].value);
    }
    return arena->overflowed ? NULL : copy;
}

bool pawl_filter_covers(const struct pawl_scope_filter *filter,
                        const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    uint32_t at = 0;
    while (at < filter->count) {
        uint8_t level = filter->entries[at].level;
        bool held = false;
        for (; at < filter->count && filter->entries[at].level == level; at++) {
            struct pawl_slice wanted = filter->entries[at].value;
            held = held || (levels[level].bytes > 0 &&
                            (wanted.bytes == 0 || pawl_slice_equal(levels[level], wanted)));
        }
        if (!held) {
            return false;
        }
    }
    return true;
}
