/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c: version, check and place, in base64url without padding. The place is enciphered, by a
 * stream that begins with the check: it may be that of a row which the key's scope filter leaves
 * out, with its scope or its amount.
 */
#include "cycles/cursor.h"

#include "base/assert.h"
#include "base/hash.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

enum { VERSION = 2, HEAD_BYTES = 9 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* --- base64url ------------------------------------------------------------------------------ */

static struct pawl_slice to_text(struct pawl_arena *arena, const unsigned char *from, size_t bytes)
{
    size_t length = (bytes * 8 + 5) / 6;
    char *out = pawl_arena_alloc(arena, length);
    unsigned held = 0;
    unsigned bits = 0;
    size_t at = 0;
    if (out == NULL) {
        return PAWL_SLICE_NONE;
    }
    for (size_t i = 0; i < bytes; i++) {
        held = held << 8 | from[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out[at++] = digits[held >> bits & 63];
        }
        held &= (1U << bits) - 1;
    }
    if (bits > 0) {
        out[at++] = digits[held << (6 - bits) & 63];
    }
    PAWL_ASSERT(at == length);
    return pawl_slice_of(out, length);
}

/* The number of bytes, or 0: not base64url. */
static size_t from_text(struct pawl_slice text, unsigned char out[static PAWL_CURSOR_BYTES_MAX * 2])
{
    unsigned held = 0;
    unsigned bits = 0;
    size_t at = 0;
    if (text.bytes > (size_t)PAWL_CURSOR_BYTES_MAX * 2) {
        return 0;
    }
    for (size_t i = 0; i < text.bytes; i++) {
        const char *digit = text.data[i] != '\0' ? strchr(digits, text.data[i]) : NULL;
        if (digit == NULL) {
            return 0;
        }
        held = held << 6 | (unsigned)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[at++] = (unsigned char)(held >> bits);
            held &= (1U << bits) - 1;
        }
    }
    return at;
}

/* --- Checks --------------------------------------------------------------------------------- */

/* A place of before a restore may be another tenant's by now, or none. */
static struct pawl_hash_key key_of(const struct pawl_call *call)
{
    struct pawl_hash_key key = pawl_engine_id_key(pawl_call_engine(call));
    return (struct pawl_hash_key){key.k0 ^ UINT64_C(0x637572736f72), key.k1}; /* "cursor" */
}

static void add_text(struct pawl_hash_sip *state, struct pawl_slice text)
{
    uint64_t bytes = text.bytes;
    pawl_hash_sip_add(state, &bytes, sizeof(bytes));
    pawl_hash_sip_add(state, text.data, text.bytes);
}

uint64_t pawl_cursor_binding(struct pawl_call *call,
                             const struct pawl_shape *shape,
                             const struct pawl_value *values,
                             uint64_t free,
                             bool descending)
{
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, key_of(call));
    add_text(&state, pawl_slice_str(call->route->operation));
    pawl_hash_sip_add(&state, &call->principal.kind, sizeof(call->principal.kind));
    pawl_hash_sip_add(&state, &descending, sizeof(descending));
    add_text(&state, call->principal.tenant);
    for (uint32_t i = 0; i < shape->count; i++) {
        if ((free >> i & 1) == 0) {
            add_text(&state, values[i].present ? values[i].text : PAWL_SLICE_NONE);
        }
    }
    return pawl_hash_sip_end(&state);
}

static uint64_t check_of(const struct pawl_call *call, uint64_t binding, struct pawl_slice place)
{
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, key_of(call));
    pawl_hash_sip_add(&state, &binding, sizeof(binding));
    pawl_hash_sip_add(&state, place.data, place.bytes);
    return pawl_hash_sip_end(&state);
}

/* Enciphers a place that is plain, and the other way round. */
static void
encipher(const struct pawl_call *call, uint64_t check, unsigned char *place, size_t bytes)
{
    struct pawl_hash_key key = key_of(call);
    key.k0 ^= UINT64_C(0x73747265616d); /* "stream" */
    uint64_t block = 0;
    for (size_t at = 0; at < bytes; at++) {
        if (at % sizeof(block) == 0) {
            uint64_t counted[] = {check, at / sizeof(block)};
            block = pawl_hash_sip(key, pawl_slice_of((const char *)counted, sizeof(counted)));
        }
        place[at] ^= (unsigned char)(block >> 8 * (at % sizeof(block)));
    }
}

struct pawl_slice
pawl_cursor_make(struct pawl_call *call, uint64_t binding, struct pawl_slice place)
{
    unsigned char bytes[HEAD_BYTES + PAWL_CURSOR_BYTES_MAX];
    PAWL_ASSERT(place.bytes <= PAWL_CURSOR_BYTES_MAX);
    uint64_t check = check_of(call, binding, place);
    bytes[0] = VERSION;
    memcpy(bytes + 1, &check, sizeof(check));
    memcpy(bytes + HEAD_BYTES, place.data, place.bytes);
    encipher(call, check, bytes + HEAD_BYTES, place.bytes);
    return to_text(call->arena, bytes, HEAD_BYTES + place.bytes);
}

bool pawl_cursor_take(struct pawl_call *call,
                      uint64_t binding,
                      struct pawl_slice text,
                      size_t bytes_min,
                      size_t bytes_max,
                      struct pawl_slice *ret_place)
{
    unsigned char bytes[PAWL_CURSOR_BYTES_MAX * 2];
    size_t count = from_text(text, bytes);
    uint64_t check = 0;
    if (count > HEAD_BYTES && bytes[0] == VERSION) {
        struct pawl_slice place =
            pawl_slice_of((const char *)bytes + HEAD_BYTES, count - HEAD_BYTES);
        memcpy(&check, bytes + 1, sizeof(check));
        encipher(call, check, bytes + HEAD_BYTES, place.bytes);
        if (check == check_of(call, binding, place) && place.bytes >= bytes_min &&
            place.bytes <= bytes_max) {
            *ret_place = pawl_arena_copy(call->arena, place);
            return pawl_call_has_memory(call);
        }
    }
    pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                     "cursor: it is none of this list's; filters and order must stay the same "
                     "from page to page");
    return false;
}

void pawl_cursor_write(struct pawl_json_writer *writer, struct pawl_slice cursor)
{
    if (cursor.bytes > 0) {
        pawl_json_member_string(writer, "next_cursor", cursor);
    }
    pawl_json_member_bool(writer, "has_more", cursor.bytes > 0);
}
