/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_get.c: looking things up in a document that was read. Every function takes
 * PAWL_JSON_NONE where it takes a node and answers as for something absent, so that callers
 * chain look-ups and test once; an index outside the document is a bug and asserts.
 *
 * A look-up is a walk over the members: bodies have a handful of keys that pawl reads, each
 * once, and an index would cost more than it saves.
 */
#include "base/json.h"

#include <string.h>

#include "base/assert.h"
#include "base/json_priv.h"
#include "base/money.h"

/* The node, or NULL for NONE. */
static const struct pawl_json_node *node_at(const struct pawl_json *json, uint32_t node)
{
    if (node == PAWL_JSON_NONE) {
        return NULL;
    }
    PAWL_ASSERT(node < json->count);
    return &json->nodes[node];
}

enum pawl_json_type pawl_json_type(const struct pawl_json *json, uint32_t node)
{
    const struct pawl_json_node *found = node_at(json, node);
    return found != NULL ? (enum pawl_json_type)found->type : PAWL_JSON_NULL;
}

bool pawl_json_is(const struct pawl_json *json, uint32_t node, enum pawl_json_type type)
{
    const struct pawl_json_node *found = node_at(json, node);
    return found != NULL && (enum pawl_json_type)found->type == type;
}

uint32_t pawl_json_first(const struct pawl_json *json, uint32_t node)
{
    const struct pawl_json_node *found = node_at(json, node);
    if (found == NULL || found->count == 0) {
        return PAWL_JSON_NONE;
    }
    /* Only containers count children; in an object the first key stands in between. */
    return found->type == PAWL_JSON_OBJECT ? node + 2 : node + 1;
}

uint32_t pawl_json_first_element(const struct pawl_json *json, uint32_t list)
{
    return pawl_json_is(json, list, PAWL_JSON_ARRAY) ? pawl_json_first(json, list) : PAWL_JSON_NONE;
}

uint32_t pawl_json_next(const struct pawl_json *json, uint32_t node)
{
    const struct pawl_json_node *found = node_at(json, node);
    return found != NULL ? found->next : PAWL_JSON_NONE;
}

struct pawl_slice pawl_json_raw(const struct pawl_json *json, uint32_t node)
{
    const struct pawl_json_node *found = node_at(json, node);
    if (found == NULL) {
        return PAWL_SLICE_NONE;
    }
    PAWL_ASSERT(found->start < found->end && found->end <= json->text.bytes);
    return pawl_slice_of(json->text.data + found->start, (size_t)(found->end - found->start));
}

struct pawl_slice pawl_json_string_raw(const struct pawl_json *json, uint32_t node)
{
    if (!pawl_json_is(json, node, PAWL_JSON_STRING)) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice quoted = pawl_json_raw(json, node);
    return pawl_slice_of(quoted.data + 1, quoted.bytes - 2);
}

bool pawl_json_string_is_text(const struct pawl_json *json, uint32_t node)
{
    PAWL_ASSERT(pawl_json_is(json, node, PAWL_JSON_STRING));
    if (!json->nodes[node].escaped) {
        return true;
    }
    struct pawl_slice quoted = pawl_json_raw(json, node);
    const unsigned char *start = (const unsigned char *)quoted.data;
    struct pawl_json_scan scan = {.end = start + quoted.bytes, .profile = PAWL_JSON_LEDGER};
    bool escaped = false;
    return pawl_json_scan_string(&scan, start + 1, &escaped) != NULL;
}

struct pawl_json_text pawl_json_text_of(const struct pawl_json *json, uint32_t node)
{
    return (struct pawl_json_text){
        .raw = pawl_json_string_raw(json, node),
        .escaped = json->nodes[node].escaped,
    };
}

/* A key without escapes is as long as what stands between its quotes: that settles most. */
static bool key_is(const struct pawl_json *json, uint32_t member, struct pawl_slice key)
{
    const struct pawl_json_node *node = &json->nodes[json->nodes[member].key];
    if (!node->escaped) {
        return node->end - node->start == key.bytes + 2 &&
               memcmp(json->text.data + node->start + 1, key.data, key.bytes) == 0;
    }
    return pawl_json_text_equal(pawl_json_text_of(json, json->nodes[member].key), key);
}

static uint32_t
find_member(const struct pawl_json *json, uint32_t node, struct pawl_slice key, bool *ret_duplicate)
{
    if (!pawl_json_is(json, node, PAWL_JSON_OBJECT)) {
        return PAWL_JSON_NONE;
    }
    uint32_t found = PAWL_JSON_NONE;
    uint32_t member = pawl_json_first(json, node);
    for (; member != PAWL_JSON_NONE; member = json->nodes[member].next) {
        if (!key_is(json, member, key)) {
            continue;
        }
        if (json->profile != PAWL_JSON_FORWARD) {
            return member; /* the reader has seen to it that there is no second */
        }
        if (found != PAWL_JSON_NONE) {
            if (ret_duplicate != NULL) {
                *ret_duplicate = true;
            }
            return PAWL_JSON_NONE;
        }
        found = member;
    }
    return found;
}

uint32_t pawl_json_get_checked(const struct pawl_json *json,
                               uint32_t node,
                               const char *key,
                               bool *ret_duplicate)
{
    return find_member(json, node, pawl_slice_str(key), ret_duplicate);
}

uint32_t pawl_json_get(const struct pawl_json *json, uint32_t node, const char *key)
{
    return find_member(json, node, pawl_slice_str(key), NULL);
}

uint32_t pawl_json_path(const struct pawl_json *json, uint32_t node, const char *dotted)
{
    struct pawl_slice rest = pawl_slice_str(dotted);
    uint32_t found = node;
    while (rest.bytes > 0 && found != PAWL_JSON_NONE) {
        found = find_member(json, found, pawl_slice_cut(&rest, '.'), NULL);
    }
    return found;
}

struct pawl_slice
pawl_json_string_decoded(const struct pawl_json *json, uint32_t node, struct pawl_arena *arena)
{
    if (!pawl_json_is(json, node, PAWL_JSON_STRING)) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_json_text text = pawl_json_text_of(json, node);
    /* Decoding never lengthens: the shortest escape of an n-byte character has n bytes more. */
    char *out = pawl_arena_alloc(arena, text.raw.bytes);
    if (out == NULL) {
        return PAWL_SLICE_NONE;
    }
    size_t bytes = 0;
    struct pawl_slice rest = text.raw;
    while (rest.bytes > 0) {
        size_t plain = pawl_json_plain_bytes(rest);
        PAWL_ASSERT(bytes + plain <= text.raw.bytes);
        memcpy(out + bytes, rest.data, plain);
        bytes += plain;
        rest = pawl_slice_sub(rest, plain, SIZE_MAX);
        if (rest.bytes > 0) {
            char piece[4];
            size_t piece_bytes = pawl_json_text_next(&rest, piece);
            PAWL_ASSERT(bytes + piece_bytes <= text.raw.bytes);
            memcpy(out + bytes, piece, piece_bytes);
            bytes += piece_bytes;
        }
    }
    return pawl_slice_of(out, bytes);
}

bool pawl_json_string_is(const struct pawl_json *json, uint32_t node, const char *text)
{
    return pawl_json_is(json, node, PAWL_JSON_STRING) &&
           pawl_json_text_equal(pawl_json_text_of(json, node), pawl_slice_str(text));
}

bool pawl_json_i64(const struct pawl_json *json, uint32_t node, int64_t *ret_value)
{
    const struct pawl_json_node *found = node_at(json, node);
    if (found == NULL || found->type != PAWL_JSON_NUMBER) {
        return false;
    }
    const char *digits = json->text.data + found->start;
    size_t negative = *digits == '-';
    struct pawl_slice plain =
        pawl_slice_of(digits + negative, (size_t)(found->end - found->start) - negative);
    uint64_t value = 0;
    if (!pawl_slice_to_u64(plain, &value) || (negative && value == 0) ||
        value > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *ret_value = negative ? (int64_t)(UINT64_C(0) - value) : (int64_t)value;
    return true;
}

int64_t pawl_json_count_or(const struct pawl_json *json, uint32_t node, int64_t fallback)
{
    if (!pawl_json_is(json, node, PAWL_JSON_NUMBER)) {
        return fallback;
    }
    struct pawl_slice fraction = pawl_json_raw(json, node);
    struct pawl_slice whole = pawl_slice_cut(&fraction, '.');
    uint64_t value = 0;
    if (!pawl_slice_to_u64(whole, &value) || value > (uint64_t)PAWL_AMOUNT_MAX) {
        return fallback;
    }
    for (size_t i = 0; i < fraction.bytes; i++) {
        if (fraction.data[i] != '0') {
            return fallback;
        }
    }
    return (int64_t)value;
}

bool pawl_json_bool_or(const struct pawl_json *json, uint32_t node, bool fallback)
{
    if (pawl_json_is(json, node, PAWL_JSON_TRUE)) {
        return true;
    }
    return pawl_json_is(json, node, PAWL_JSON_FALSE) ? false : fallback;
}
