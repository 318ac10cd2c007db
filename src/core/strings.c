/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strings.c: interned texts: tenants, names, values, phases. A text lies in one run of slots
 * within a chunk, so that it can be read in place. Texts are never removed: only commands that
 * set limits add them, and their number is bounded by strings_max.
 *
 * A command counts first what it would add (struct pawl_additions) and is refused before
 * anything is changed.
 */
#include "core/index.h"
#include "core/scope.h"
#include "core/table.h"

_Static_assert((int)PAWL_VALUE_BYTES_MAX >= (int)PAWL_NAME_BYTES_MAX,
               "a value is the longest text");

struct pawl_slice pawl_string_text(const struct pawl_core *core, uint32_t string)
{
    if (string == 0) {
        return PAWL_SLICE_NONE;
    }
    const struct pawl_string_slot *slot = pawl_string_at(core, string);
    PAWL_ASSERT(slot->bytes > 0);
    PAWL_ASSERT(slot->bytes <= PAWL_VALUE_BYTES_MAX);
    return pawl_slice_of(slot->text, slot->bytes);
}

static uint32_t
string_find_hashed(const struct pawl_core *core, struct pawl_slice text, uint32_t hash)
{
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_STRING, hash);
    PAWL_ASSERT(text.bytes > 0);
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        if (pawl_slice_equal(pawl_string_text(core, at), text)) {
            return at;
        }
    }
    return 0;
}

uint32_t pawl_string_find(const struct pawl_core *core, struct pawl_slice text)
{
    PAWL_ASSERT(text.bytes <= PAWL_VALUE_BYTES_MAX);
    if (pawl_slice_empty(text)) {
        return 0;
    }
    return string_find_hashed(core, text, (uint32_t)pawl_string_hash(core, 0, text));
}

uint32_t pawl_string_intern(struct pawl_core *core, struct pawl_slice text)
{
    PAWL_ASSERT(text.bytes <= PAWL_VALUE_BYTES_MAX);
    if (pawl_slice_empty(text)) {
        return 0;
    }
    uint32_t hash = (uint32_t)pawl_string_hash(core, 0, text);
    uint32_t found = string_find_hashed(core, text, hash);
    if (found != 0) {
        return found;
    }
    PAWL_ASSERT(core->state.string_count < core->state.limits.strings_max);
    uint32_t slots = 1;
    if (text.bytes > PAWL_STRING_HEAD_BYTES) {
        slots += (uint32_t)((text.bytes - PAWL_STRING_HEAD_BYTES + 63) / 64);
    }
    uint32_t string = pawl_table_take_run(core, PAWL_TABLE_STRING, slots);
    PAWL_ASSERT(string != 0);
    struct pawl_string_slot *slot = pawl_string_edit(core, string);
    slot->hash = hash;
    slot->bytes = (uint32_t)text.bytes;
    /* The run lies in one chunk: the text goes on in the slots behind the first. */
    memcpy((char *)slot + offsetof(struct pawl_string_slot, text), text.data, text.bytes);
    core->state.string_count++;
    PAWL_ASSERT(pawl_slice_equal(pawl_string_text(core, string), text));
    pawl_index_insert(core, PAWL_INDEX_STRING, hash, string);
    return string;
}

/* --- What a command would add. ---------------------------------------------------------------- */

void pawl_additions_string(const struct pawl_core *core,
                           struct pawl_additions *additions,
                           struct pawl_slice text)
{
    PAWL_ASSERT(additions->string_count <= PAWL_NEW_STRINGS_MAX);
    if (pawl_slice_empty(text) || pawl_string_find(core, text) != 0) {
        return;
    }
    for (uint32_t i = 0; i < additions->string_count; i++) {
        if (pawl_slice_equal(additions->strings[i], text)) {
            return;
        }
    }
    PAWL_ASSERT(additions->string_count < PAWL_NEW_STRINGS_MAX);
    additions->strings[additions->string_count] = text;
    additions->string_count++;
}

uint32_t pawl_additions_scope(const struct pawl_core *core,
                              struct pawl_additions *additions,
                              const struct pawl_scope_name *name)
{
    struct pawl_scope_key keys[PAWL_LEVEL_COUNT];
    uint32_t count = pawl_scope_keys(name, keys);
    PAWL_ASSERT(count <= PAWL_LEVEL_COUNT);
    uint32_t scope = 0;
    uint64_t hash = 0;
    PAWL_ASSERT(count >= 1);
    for (uint32_t i = 0; i < count; i++) {
        hash = pawl_scope_hash(core, hash, &keys[i]);
        scope = i == 0 || scope != 0 ? pawl_scope_child(core, scope, hash, &keys[i]) : 0;
        if (scope == 0) {
            additions->scope_count++;
            pawl_additions_string(core, additions, keys[i].name);
            pawl_additions_string(core, additions, keys[i].value);
        }
    }
    return scope;
}

uint16_t pawl_additions_fit(const struct pawl_core *core, const struct pawl_additions *additions)
{
    const struct pawl_limits *limits = &core->state.limits;
    uint32_t scopes = core->state.tables[PAWL_TABLE_SCOPE].live_count;
    PAWL_ASSERT(core->state.string_count <= limits->strings_max);
    PAWL_ASSERT(scopes <= limits->scopes_max);
    bool fits = additions->string_count <= limits->strings_max - core->state.string_count &&
                additions->scope_count <= limits->scopes_max - scopes;
    return fits ? PAWL_RESULT_OK : PAWL_RESULT_LIMIT_REACHED;
}
