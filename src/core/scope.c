/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.c: the tree of places where budgets sit. A scope is found through one index by the hash
 * of its whole path, which is built from the hashes of its texts without looking anything up;
 * the slot then proves parent, level and texts. The first bytes of a value lie in the slot, so
 * that usual names need no second look.
 *
 * Invariants:
 *   P1  no two live scopes have the same parent, level, name and value
 *   P2  every scope of a level below the tenant's is in the list of its parent, once
 */
#include "core/scope.h"

#include "core/index.h"
#include "core/table.h"

/* Whether the first bytes are equal: one to PAWL_SCOPE_INLINE_BYTES of them. In words, because a
 * call costs more than the comparison. */
static bool head_is(const char *head, const char *text, size_t bytes)
{
    PAWL_ASSERT(bytes > 0);
    PAWL_ASSERT(bytes <= PAWL_SCOPE_INLINE_BYTES);
    if (bytes < sizeof(uint64_t)) {
        return memcmp(head, text, bytes) == 0;
    }
    uint64_t differs = 0;
    for (size_t at = 0; at + sizeof(uint64_t) < bytes; at += sizeof(uint64_t)) {
        differs |= pawl_string_word(head + at, 8) ^ pawl_string_word(text + at, 8);
    }
    size_t last = bytes - sizeof(uint64_t);
    differs |= pawl_string_word(head + last, 8) ^ pawl_string_word(text + last, 8);
    return differs == 0;
}

bool pawl_scope_has(const struct pawl_core *core, uint32_t scope, const struct pawl_scope_key *key)
{
    const struct pawl_scope_slot *slot = pawl_scope_at(core, scope);
    PAWL_ASSERT(slot->live == 1);
    if (slot->level != key->level || slot->value_bytes != key->value.bytes) {
        return false;
    }
    if (slot->value_bytes <= PAWL_SCOPE_INLINE_BYTES) {
        if (!head_is(slot->value_head, key->value.data, key->value.bytes)) {
            return false;
        }
    } else if (!pawl_slice_equal(pawl_string_text(core, slot->value), key->value)) {
        return false;
    }
    return slot->name == 0 || pawl_slice_equal(pawl_string_text(core, slot->name), key->name);
}

uint32_t pawl_scope_child(const struct pawl_core *core,
                          uint32_t parent,
                          uint64_t hash,
                          const struct pawl_scope_key *key)
{
    PAWL_ASSERT((parent == 0) == (key->level == PAWL_LEVEL_TENANT));
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_SCOPE, (uint32_t)hash);
    uint32_t at = pawl_index_next(core, &cursor);
    while (at != 0 &&
           (pawl_scope_at(core, at)->parent != parent || !pawl_scope_has(core, at, key))) {
        at = pawl_index_next(core, &cursor);
    }
    return at;
}

uint32_t pawl_scope_keys(const struct pawl_scope_name *name,
                         struct pawl_scope_key ret_keys[static PAWL_LEVEL_COUNT])
{
    uint32_t count = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (!pawl_slice_empty(name->levels[level])) {
            ret_keys[count] =
                (struct pawl_scope_key){.level = (uint8_t)level, .value = name->levels[level]};
            count++;
        }
    }
    PAWL_ASSERT(count >= 1);
    PAWL_ASSERT(ret_keys[0].level == PAWL_LEVEL_TENANT);
    if (!pawl_slice_empty(name->dimension.name)) {
        PAWL_ASSERT(count == 1);
        ret_keys[1] = (struct pawl_scope_key){.level = PAWL_LEVEL_DIMENSION,
                                              .name = name->dimension.name,
                                              .value = name->dimension.value};
        return 2;
    }
    if (!pawl_slice_empty(name->session)) {
        PAWL_ASSERT(count == 1);
        ret_keys[1] = (struct pawl_scope_key){.level = PAWL_LEVEL_SESSION, .value = name->session};
        return 2;
    }
    return count;
}

uint32_t pawl_scope_find(const struct pawl_core *core, const struct pawl_scope_name *name)
{
    struct pawl_scope_key keys[PAWL_LEVEL_COUNT];
    uint32_t count = pawl_scope_keys(name, keys);
    uint32_t scope = 0;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        hash = pawl_scope_hash(core, hash, &keys[i]);
        scope = pawl_scope_child(core, scope, hash, &keys[i]);
        if (scope == 0) {
            return 0;
        }
    }
    PAWL_ASSERT(scope != 0);
    return scope;
}

static uint32_t
scope_add(struct pawl_core *core, uint32_t parent, uint64_t hash, const struct pawl_scope_key *key)
{
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_SCOPE].live_count < core->state.limits.scopes_max);
    PAWL_ASSERT(key->value.bytes <= PAWL_VALUE_BYTES_MAX);
    uint32_t name = pawl_string_intern(core, key->name);
    PAWL_ASSERT((name != 0) == (key->level == PAWL_LEVEL_DIMENSION));
    uint32_t value = pawl_string_intern(core, key->value);
    uint32_t scope = pawl_table_take(core, PAWL_TABLE_SCOPE);
    struct pawl_scope_slot *slot = pawl_scope_edit(core, scope);
    PAWL_ASSERT(slot->live == 0);
    slot->parent = parent;
    slot->name = name;
    slot->value = value;
    slot->level = key->level;
    slot->live = 1;
    slot->value_bytes = (uint16_t)key->value.bytes;
    if (key->value.bytes <= PAWL_SCOPE_INLINE_BYTES) {
        memcpy(slot->value_head, key->value.data, key->value.bytes);
    }
    if (parent != 0 && key->level < PAWL_LEVEL_COUNT) {
        struct pawl_scope_slot *above = pawl_scope_edit(core, parent);
        slot->next_sibling = above->first_child;
        above->first_child = scope;
    }
    pawl_index_insert(core, PAWL_INDEX_SCOPE, (uint32_t)hash, scope);
    return scope;
}

uint32_t pawl_scope_intern(struct pawl_core *core, const struct pawl_scope_name *name)
{
    struct pawl_scope_key keys[PAWL_LEVEL_COUNT];
    uint32_t count = pawl_scope_keys(name, keys);
    uint32_t scope = 0;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        hash = pawl_scope_hash(core, hash, &keys[i]);
        uint32_t child = pawl_scope_child(core, scope, hash, &keys[i]);
        scope = child != 0 ? child : scope_add(core, scope, hash, &keys[i]);
        PAWL_ASSERT(scope != 0);
    }
    PAWL_ASSERT(scope != 0);
    return scope;
}

struct pawl_scope_name pawl_scope_of_tenant(struct pawl_slice tenant)
{
    PAWL_ASSERT(!pawl_slice_empty(tenant));
    struct pawl_scope_name name = {.session = PAWL_SLICE_NONE};
    name.levels[PAWL_LEVEL_TENANT] = tenant;
    return name;
}

uint32_t pawl_scope_root(const struct pawl_core *core, uint32_t scope)
{
    const struct pawl_scope_slot *slot = pawl_scope_at(core, scope);
    while (slot->parent != 0) {
        scope = slot->parent;
        slot = pawl_scope_at(core, scope);
    }
    PAWL_ASSERT(slot->live == 1);
    PAWL_ASSERT(slot->level == PAWL_LEVEL_TENANT);
    return scope;
}

struct pawl_scope_name pawl_scope_of_session(struct pawl_slice tenant, struct pawl_slice session)
{
    PAWL_ASSERT(!pawl_slice_empty(tenant));
    PAWL_ASSERT(!pawl_slice_empty(session));
    struct pawl_scope_name name = {.session = session};
    name.levels[PAWL_LEVEL_TENANT] = tenant;
    return name;
}

/* The scopes from the tenant down to this one; returns how many. */
static uint32_t scope_chain(const struct pawl_core *core,
                            uint32_t scope,
                            uint32_t ret_chain[static PAWL_LEVEL_COUNT])
{
    uint32_t depth = 0;
    for (uint32_t at = scope; at != 0; at = pawl_scope_at(core, at)->parent) {
        depth++;
    }
    PAWL_ASSERT(depth >= 1);
    PAWL_ASSERT(depth <= PAWL_LEVEL_COUNT);
    uint32_t at = scope;
    for (uint32_t i = depth; i > 0; i--) {
        ret_chain[i - 1] = at;
        at = pawl_scope_at(core, at)->parent;
    }
    PAWL_ASSERT(at == 0);
    return depth;
}

uint64_t pawl_scope_hash_of(const struct pawl_core *core, uint32_t scope)
{
    uint32_t chain[PAWL_LEVEL_COUNT];
    uint32_t depth = scope_chain(core, scope, chain);
    uint64_t hash = 0;
    PAWL_ASSERT(depth >= 1);
    for (uint32_t i = 0; i < depth; i++) {
        const struct pawl_scope_slot *slot = pawl_scope_at(core, chain[i]);
        struct pawl_scope_key key = {
            .level = slot->level,
            .name = pawl_string_text(core, slot->name),
            .value = pawl_string_text(core, slot->value),
        };
        PAWL_ASSERT(key.value.bytes == slot->value_bytes);
        hash = pawl_scope_hash(core, hash, &key);
    }
    return hash;
}

/* --- A path as text. -------------------------------------------------------------------------- */

struct path_writer {
    char *out;
    size_t bytes;
    size_t length; /* of the whole path, also of what does not fit */
};

static void path_put(struct path_writer *writer, const char *text, size_t bytes)
{
    size_t room = writer->bytes > writer->length ? writer->bytes - writer->length - 1 : 0;
    size_t fitting = bytes < room ? bytes : room;
    PAWL_ASSERT(bytes > 0);
    if (fitting > 0) {
        memcpy(writer->out + writer->length, text, fitting);
    }
    writer->length += bytes;
}

static void path_escaped(struct path_writer *writer, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    PAWL_ASSERT(byte != 0);
    const char escape[] = {'%', digits[(unsigned char)byte >> 4], digits[(unsigned char)byte & 15]};
    path_put(writer, escape, sizeof(escape));
}

/* Whether it stands for itself in a path: [A-Za-z0-9_.-]. */
static bool path_plain(char byte)
{
    static const uint64_t plain[4] = {UINT64_C(0x03ff600000000000), UINT64_C(0x07fffffe87fffffe)};
    unsigned char at = (unsigned char)byte;
    return (plain[at / 64] >> (at % 64) & 1) != 0;
}

static void path_encoded(struct path_writer *writer, struct pawl_slice text)
{
    PAWL_ASSERT(text.bytes > 0);
    PAWL_ASSERT(text.bytes <= PAWL_VALUE_BYTES_MAX);
    size_t from = 0; /* of what stands for itself and was not put yet */
    for (size_t i = 0; i <= text.bytes; i++) {
        if (i < text.bytes && path_plain(text.data[i])) {
            continue;
        }
        if (i > from) {
            path_put(writer, text.data + from, i - from);
        }
        if (i < text.bytes) {
            path_escaped(writer, text.data[i]);
        }
        from = i + 1;
    }
}

static const struct pawl_slice level_names[] = {{"tenant", 6},   {"workspace", 9}, {"app", 3},
                                                {"workflow", 8}, {"agent", 5},     {"toolset", 7},
                                                {"", 0},         {"session", 7}};
_Static_assert(PAWL_ARRAY_LEN(level_names) == PAWL_LEVEL_SESSION + 1, "a name for each level");

/* A dimension may have the name of a level, and clients have one called "session". Its first byte
 * is encoded then, which no level's is, so that two places never have the same path. */
static void path_dimension(struct path_writer *writer, struct pawl_slice name)
{
    PAWL_ASSERT(name.bytes > 0);
    for (size_t level = 0; level < PAWL_ARRAY_LEN(level_names); level++) {
        if (pawl_slice_equal(name, level_names[level])) {
            path_escaped(writer, name.data[0]);
            name = pawl_slice_sub(name, 1, name.bytes - 1);
            break;
        }
    }
    path_encoded(writer, name);
}

size_t pawl_core_scope_path(const struct pawl_core *core, uint32_t scope, char *out, size_t bytes)
{
    uint32_t chain[PAWL_LEVEL_COUNT];
    uint32_t depth = scope_chain(core, scope, chain);
    struct path_writer writer = {.out = out, .bytes = bytes};
    PAWL_ASSERT(out != NULL || bytes == 0);
    for (uint32_t i = 0; i < depth; i++) {
        const struct pawl_scope_slot *slot = pawl_scope_at(core, chain[i]);
        PAWL_ASSERT(slot->level < PAWL_ARRAY_LEN(level_names));
        if (i > 0) {
            path_put(&writer, "/", 1);
        }
        if (slot->level == PAWL_LEVEL_DIMENSION) {
            path_dimension(&writer, pawl_string_text(core, slot->name));
        } else {
            const struct pawl_slice *name = &level_names[slot->level];
            path_put(&writer, name->data, name->bytes);
        }
        path_put(&writer, ":", 1);
        path_encoded(&writer, pawl_string_text(core, slot->value));
    }
    if (bytes > 0) {
        out[writer.length < bytes ? writer.length : bytes - 1] = '\0';
    }
    return writer.length;
}
