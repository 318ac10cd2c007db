/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon.c: the canonical form is written into a buffer, each piece with its type and length, so
 * that no two different bodies have the same bytes, and hashed with a key of the ledger's own,
 * which stays the same for good: a repeat may come days and restarts later.
 */
#include "cycles/canon.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/little.h"
#include "core/core.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

enum { TAG_ABSENT = 0, TAG_TEXT = 1, TAG_NUMBER = 2, TAG_TRUE = 3, TAG_FALSE = 4, TAG_NULL = 5 };
enum { TAG_ARRAY = 6, TAG_OBJECT = 7, TAG_RECORD = 8, TAG_LEFT_OUT = 9 };

/* What a value takes beside the bytes of a text is at most its tag, a mark and a length. */
enum { VALUE_BYTES_MAX = 9, TEXT_SHORT_MAX = 254, WORD_BYTES = 8 };
/* Of what is not in the body: fields that are absent or defaults, who asks, the last word. */
enum { BESIDES_BYTES_MAX = 2048 };
enum { FEW_MEMBERS = 12, KEEP_BYTES_MAX = 4 << 20 };

struct canon {
    char *at; /* in the buffer */
    const char *end;
    struct pawl_arena *arena;
    const struct pawl_json *json;
};

struct canon_member {
    uint64_t front; /* of the key: what settles the order of nearly all */
    struct pawl_slice key;
    uint32_t node;
};

/* Room was made for all (pawl_canon_hash). */
static inline void claim(const struct canon *canon, size_t bytes)
{
    PAWL_ASSERT(bytes <= (size_t)(canon->end - canon->at));
}

static inline void put_tag(struct canon *canon, uint8_t tag)
{
    claim(canon, 1);
    *canon->at++ = (char)tag;
}

static inline void put_count(struct canon *canon, uint8_t tag, uint32_t count)
{
    claim(canon, 1 + WORD_BYTES);
    *canon->at = (char)tag;
    pawl_store_little_64(canon->at + 1, count); /* of which four bytes count */
    canon->at += 1 + sizeof(count);
}

static inline void put_number(struct canon *canon, int64_t number)
{
    claim(canon, 1 + WORD_BYTES);
    *canon->at = TAG_NUMBER;
    pawl_store_little_64(canon->at + 1, (uint64_t)number);
    canon->at += 1 + WORD_BYTES;
}

/* The length is a byte, or for what is longer a mark and four. */
static inline void put_text(struct canon *canon, uint8_t tag, struct pawl_slice text)
{
    bool is_short = text.bytes <= TEXT_SHORT_MAX;
    claim(canon, 2 + WORD_BYTES + text.bytes);
    char *at = canon->at;
    at[0] = (char)tag;
    at[1] = (char)(is_short ? text.bytes : UCHAR_MAX);
    at += 2;
    if (!is_short) {
        pawl_store_little_64(at, text.bytes); /* of which four bytes count */
        at += sizeof(uint32_t);
    }
    if (text.bytes > 0) {
        memcpy(at, text.data, text.bytes);
    }
    canon->at = at + text.bytes;
}

/* --- JSON of the client's own --------------------------------------------------------------- */

static void put_json(struct canon *canon, uint32_t node);

/* Any order will do that is the same for the same keys. */
static int compare_members(const void *a, const void *b)
{
    const struct canon_member *first = a;
    const struct canon_member *second = b;
    if (first->front != second->front) {
        return first->front < second->front ? -1 : 1;
    }
    return pawl_slice_compare(first->key, second->key);
}

/* A number from a key's bytes: of all, or the first eight. */
static uint64_t front_of(struct pawl_slice key)
{
    const char *at = key.data;
    uint32_t low = 0;
    uint32_t high = 0;
    if (key.bytes >= WORD_BYTES) {
        return pawl_load_little_64(at);
    }
    if (key.bytes >= sizeof(low)) {
        low = pawl_load_little_32(at);
        high = pawl_load_little_32(at + key.bytes - sizeof(high));
    } else if (key.bytes > 0) {
        low = (uint32_t)(unsigned char)at[0] << 8 | (unsigned char)at[key.bytes / 2];
        high = (unsigned char)at[key.bytes - 1];
    }
    return (uint64_t)low << 32 | high;
}

/* Few are put in their places one by one. */
static void sort_members(struct canon_member *members, uint32_t count)
{
    if (count > FEW_MEMBERS) {
        qsort(members, count, sizeof(*members), compare_members);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        struct canon_member member = members[i];
        uint32_t at = i;
        for (; at > 0 && compare_members(&member, &members[at - 1]) < 0; at--) {
            members[at] = members[at - 1];
        }
        if (at < i) {
            members[at] = member;
        }
    }
}

static void put_object(struct canon *canon, uint32_t node)
{
    const struct pawl_json *json = canon->json;
    uint32_t count = json->nodes[node].count;
    struct canon_member few[FEW_MEMBERS];
    struct canon_member *members = few;
    if (count > FEW_MEMBERS) {
        members = pawl_arena_alloc_bare(canon->arena, count * sizeof(*members));
        if (members == NULL) {
            return; /* the arena's flag is up, for which the call will be refused */
        }
    }
    uint32_t i = 0;
    for (uint32_t at = pawl_json_first(json, node); at != PAWL_JSON_NONE;
         at = json->nodes[at].next, i++) {
        struct pawl_slice key = pawl_json_key_of(json, at, canon->arena);
        members[i] = (struct canon_member){.front = front_of(key), .key = key, .node = at};
    }
    PAWL_ASSERT(i == count);
    sort_members(members, count);
    put_count(canon, TAG_OBJECT, count);
    for (i = 0; i < count; i++) {
        put_text(canon, TAG_TEXT, members[i].key);
        put_json(canon, members[i].node);
    }
}

static void put_array(struct canon *canon, uint32_t node)
{
    const struct pawl_json *json = canon->json;
    put_count(canon, TAG_ARRAY, json->nodes[node].count);
    for (uint32_t at = pawl_json_first(json, node); at != PAWL_JSON_NONE;
         at = json->nodes[at].next) {
        put_json(canon, at);
    }
}

/* Recursion is bounded by the depth that a body may have. */
static void put_json(struct canon *canon, uint32_t node)
{
    switch ((enum pawl_json_type)canon->json->nodes[node].type) {
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
        put_tag(canon, TAG_TRUE);
        return;
    case PAWL_JSON_FALSE:
        put_tag(canon, TAG_FALSE);
        return;
    case PAWL_JSON_NULL:
        put_tag(canon, TAG_NULL);
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
        put_number(canon, value->number);
        return;
    case PAWL_FIELD_BOOL:
        put_tag(canon, value->truth ? TAG_TRUE : TAG_FALSE);
        return;
    case PAWL_FIELD_RECORD:
        put_tag(canon, TAG_RECORD);
        put_fields(canon, field->inner, values, field->slot);
        return;
    case PAWL_FIELD_IGNORED:
        put_tag(canon, TAG_ABSENT);
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
    const struct pawl_value *value = &values[slot];
    for (uint32_t i = 0; i < shape->count; i++, value++) {
        if (value->present) {
            put_value(canon, &shape->fields[i], values, value);
        } else {
            put_tag(canon, TAG_ABSENT);
        }
    }
}

/* What the body said and was not read counts as it was written. Nothing, where there is none. */
static void put_left_out(struct canon *canon, const struct pawl_call *call)
{
    for (size_t i = 0; i < PAWL_CALL_LEFT_OUT_MAX; i++) {
        if (call->left_out[i].bytes > 0) {
            put_tag(canon, (uint8_t)i);
            put_text(canon, TAG_LEFT_OUT, call->left_out[i]);
        }
    }
}

void pawl_canon_hash(struct pawl_call *call,
                     const struct pawl_shape *shape,
                     const struct pawl_value *values,
                     uint64_t ret_hash[static 2])
{
    const struct pawl_json *json = &call->body;
    struct pawl_buf *out = &call->cycles->canon;
    struct pawl_hash_key key =
        pawl_core_config(pawl_engine_core(call->cycles->options.engine))->hash_key;
    size_t room = json->text.bytes + json->count * (size_t)VALUE_BYTES_MAX + BESIDES_BYTES_MAX;
    pawl_buf_reset(out);
    char *form = pawl_buf_reserve(out, room);
    if (form == NULL) { /* a body has bytes for each of its values, so there is no memory */
        call->arena->overflowed = true;
        return;
    }
    struct canon canon = {.at = form, .end = form + room, .arena = call->arena, .json = json};
    put_tag(&canon, call->principal.kind);
    put_text(&canon, TAG_TEXT, call->principal.tenant);
    put_fields(&canon, shape, values, 0);
    put_left_out(&canon, call);
    /* As whole words: the form ends by itself, so zeros behind it say nothing. */
    claim(&canon, WORD_BYTES);
    memset(canon.at, 0, WORD_BYTES);
    size_t words = (size_t)(canon.at - form + WORD_BYTES - 1) / WORD_BYTES;
    pawl_hash_sip_pair_long(key, (const uint64_t *)(const void *)form, words, ret_hash);
    if (out->capacity > KEEP_BYTES_MAX) {
        pawl_buf_free(out);
    }
}
