/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon.c: the canonical form is written into a buffer, each piece with its type and length, so
 * that no two different bodies have the same bytes, and hashed with a key of the ledger's own,
 * which stays the same for good: a repeat may come days and restarts later.
 */
#include "cycles/canon.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/little.h"
#include "core/core.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

enum { TAG_ABSENT = 0, TAG_TEXT = 1, TAG_NUMBER = 2, TAG_TRUE = 3, TAG_FALSE = 4, TAG_NULL = 5 };
enum { TAG_ARRAY = 6, TAG_OBJECT = 7, TAG_RECORD = 8 };

enum { FEW_MEMBERS = 12, TEXT_HEAD_BYTES = 5, WORD_BYTES = 8 };

struct canon {
    struct pawl_buf *out;
    struct pawl_arena *arena;
    const struct pawl_json *json;
};

struct canon_member {
    struct pawl_slice key;
    uint32_t node;
};

static void put_text(struct canon *canon, uint8_t tag, struct pawl_slice text)
{
    char *room = pawl_buf_reserve(canon->out, TEXT_HEAD_BYTES + text.bytes);
    PAWL_ASSERT(room != NULL); /* a body is smaller, and grows by a few bytes for each value */
    uint8_t length[8];
    pawl_store_little_64(length, text.bytes);
    room[0] = (char)tag;
    memcpy(room + 1, length, TEXT_HEAD_BYTES - 1);
    if (text.bytes > 0) {
        memcpy(room + TEXT_HEAD_BYTES, text.data, text.bytes);
    }
    pawl_buf_advance(canon->out, TEXT_HEAD_BYTES + text.bytes);
}

/* --- JSON of the client's own --------------------------------------------------------------- */

static void put_json(struct canon *canon, uint32_t node);

static int compare_members(const void *a, const void *b)
{
    const struct canon_member *first = a;
    const struct canon_member *second = b;
    return pawl_slice_compare(first->key, second->key);
}

/* By key. Few are put in their places one by one. */
static void sort_members(struct canon_member *members, uint32_t count)
{
    if (count > FEW_MEMBERS) {
        qsort(members, count, sizeof(*members), compare_members);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        struct canon_member member = members[i];
        uint32_t at = i;
        for (; at > 0 && pawl_slice_compare(member.key, members[at - 1].key) < 0; at--) {
            members[at] = members[at - 1];
        }
        members[at] = member;
    }
}

static void put_object(struct canon *canon, uint32_t node)
{
    uint32_t count = canon->json->nodes[node].count;
    struct canon_member *members = pawl_arena_alloc(canon->arena, count * sizeof(*members));
    if (members == NULL) {
        return; /* the arena's flag is up, and the call refused for it */
    }
    uint32_t i = 0;
    for (uint32_t at = pawl_json_first(canon->json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(canon->json, at)) {
        members[i++] = (struct canon_member){
            .key = pawl_json_string(canon->json, canon->json->nodes[at].key, canon->arena),
            .node = at};
    }
    PAWL_ASSERT(i == count);
    sort_members(members, count);
    pawl_buf_put_u8(canon->out, TAG_OBJECT);
    pawl_buf_put_u32(canon->out, count);
    for (i = 0; i < count; i++) {
        put_text(canon, TAG_TEXT, members[i].key);
        put_json(canon, members[i].node);
    }
}

static void put_array(struct canon *canon, uint32_t node)
{
    pawl_buf_put_u8(canon->out, TAG_ARRAY);
    pawl_buf_put_u32(canon->out, canon->json->nodes[node].count);
    for (uint32_t at = pawl_json_first(canon->json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(canon->json, at)) {
        put_json(canon, at);
    }
}

/* Recursion is bounded by the depth that a body may have. */
static void put_json(struct canon *canon, uint32_t node)
{
    switch (pawl_json_type(canon->json, node)) {
    case PAWL_JSON_OBJECT:
        put_object(canon, node);
        return;
    case PAWL_JSON_ARRAY:
        put_array(canon, node);
        return;
    case PAWL_JSON_STRING:
        put_text(canon, TAG_TEXT, pawl_json_string(canon->json, node, canon->arena));
        return;
    case PAWL_JSON_NUMBER:
        put_text(canon, TAG_NUMBER, pawl_json_raw(canon->json, node));
        return;
    case PAWL_JSON_TRUE:
        pawl_buf_put_u8(canon->out, TAG_TRUE);
        return;
    case PAWL_JSON_FALSE:
        pawl_buf_put_u8(canon->out, TAG_FALSE);
        return;
    case PAWL_JSON_NULL:
        pawl_buf_put_u8(canon->out, TAG_NULL);
        return;
    }
    PAWL_UNREACHABLE();
}

/* --- Fields --------------------------------------------------------------------------------- */

static void put_fields(struct canon *canon,
                       const struct pawl_shape *shape,
                       const struct pawl_value *values,
                       uint32_t slot);

static void put_value(struct canon *canon,
                      const struct pawl_field *field,
                      const struct pawl_value *values,
                      const struct pawl_value *value)
{
    switch (field->type) {
    case PAWL_FIELD_STRING:
        put_text(canon, TAG_TEXT, value->text);
        return;
    case PAWL_FIELD_INTEGER:
    case PAWL_FIELD_WORD:
        pawl_buf_put_u8(canon->out, TAG_NUMBER);
        pawl_buf_put_i64(canon->out, value->number);
        return;
    case PAWL_FIELD_BOOL:
        pawl_buf_put_u8(canon->out, value->truth ? TAG_TRUE : TAG_FALSE);
        return;
    case PAWL_FIELD_RECORD:
        pawl_buf_put_u8(canon->out, TAG_RECORD);
        put_fields(canon, field->inner, values, field->slot);
        return;
    case PAWL_FIELD_IGNORED:
        pawl_buf_put_u8(canon->out, TAG_ABSENT);
        return;
    default:
        put_json(canon, value->node);
        return;
    }
}

static void put_fields(struct canon *canon,
                       const struct pawl_shape *shape,
                       const struct pawl_value *values,
                       uint32_t slot)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_value *value = &values[slot + i];
        if (value->present) {
            put_value(canon, &shape->fields[i], values, value);
        } else {
            pawl_buf_put_u8(canon->out, TAG_ABSENT);
        }
    }
}

void pawl_canon_hash(struct pawl_call *call,
                     const struct pawl_shape *shape,
                     const struct pawl_value *values,
                     uint64_t ret_hash[static 2])
{
    struct pawl_buf *out = &call->cycles->canon;
    struct canon canon = {.out = out, .arena = call->arena, .json = &call->body};
    struct pawl_hash_key key =
        pawl_core_config(pawl_engine_core(call->cycles->options.engine))->hash_key;
    pawl_buf_reset(out);
    pawl_buf_put_u8(out, call->principal.kind);
    put_text(&canon, TAG_TEXT, call->principal.tenant);
    put_fields(&canon, shape, values, 0);
    /* As whole words: the form ends by itself, so zeros behind it say nothing. */
    pawl_buf_put_u64(out, 0);
    PAWL_ASSERT(!out->overflowed); /* a body is smaller, and grows by a few bytes for each value */
    pawl_hash_sip_pair(key, (const uint64_t *)(const void *)out->data, out->bytes / WORD_BYTES,
                       ret_hash);
}
