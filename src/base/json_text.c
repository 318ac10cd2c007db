/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text.c: what a string says, as opposed to how it is written. Two keys are the same
 * when their decoded bytes are, so comparing and hashing go over decoded pieces; texts
 * without a backslash, which nearly all are, take the direct way.
 *
 * Everything here relies on the reader having checked the text, and asserts where it would
 * otherwise read past the end.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/json_priv.h"
#include "base/utf8.h"

static uint32_t unit_value(const char *hex)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char byte = (unsigned char)hex[i];
        uint32_t digit = (uint32_t)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The code point of a \u escape at the front of *rest, both halves of a pair taken. */
static uint32_t take_unicode(struct pawl_slice *rest)
{
    PAWL_ASSERT(rest->bytes >= 6);
    uint32_t unit = unit_value(rest->data + 2);
    *rest = pawl_slice_sub(*rest, 6, SIZE_MAX);
    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    if (unit < 0xdc00 && pawl_slice_starts_with(*rest, PAWL_SLICE("\\u"))) {
        PAWL_ASSERT(rest->bytes >= 6);
        uint32_t second = unit_value(rest->data + 2);
        if (second >= 0xdc00 && second <= 0xdfff) {
            *rest = pawl_slice_sub(*rest, 6, SIZE_MAX);
            return 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
        }
    }
    return PAWL_UTF8_REPLACEMENT;
}

size_t pawl_json_text_next(struct pawl_slice *rest, char out[static 4])
{
    PAWL_ASSERT(rest->bytes > 0);
    out[0] = rest->data[0];
    if (out[0] != '\\') {
        *rest = pawl_slice_sub(*rest, 1, SIZE_MAX);
        return 1;
    }
    PAWL_ASSERT(rest->bytes >= 2);
    char name = rest->data[1];
    if (name == 'u') {
        return pawl_utf8_encode(take_unicode(rest), out);
    }
    switch (name) {
    case 'b':
        out[0] = '\b';
        break;
    case 'f':
        out[0] = '\f';
        break;
    case 'n':
        out[0] = '\n';
        break;
    case 'r':
        out[0] = '\r';
        break;
    case 't':
        out[0] = '\t';
        break;
    default: /* a quote, a slash or a backslash stands for itself */
        out[0] = name;
        break;
    }
    *rest = pawl_slice_sub(*rest, 2, SIZE_MAX);
    return 1;
}

bool pawl_json_text_equal(struct pawl_json_text text, struct pawl_slice plain)
{
    if (!text.escaped) {
        return pawl_slice_equal(text.raw, plain);
    }
    struct pawl_slice rest = text.raw;
    size_t at = 0;
    while (rest.bytes > 0) {
        char piece[4];
        size_t bytes = pawl_json_text_next(&rest, piece);
        if (!pawl_slice_equal(pawl_slice_of(piece, bytes), pawl_slice_sub(plain, at, bytes))) {
            return false;
        }
        at += bytes;
    }
    return at == plain.bytes;
}

/* Decoded bytes one at a time. */
struct cursor {
    struct pawl_slice rest;
    char piece[4];
    size_t piece_bytes;
    size_t piece_at;
};

/* The next byte, or -1 at the end. */
static int cursor_next(struct cursor *cursor)
{
    if (cursor->piece_at == cursor->piece_bytes) {
        if (cursor->rest.bytes == 0) {
            return -1;
        }
        cursor->piece_bytes = pawl_json_text_next(&cursor->rest, cursor->piece);
        cursor->piece_at = 0;
    }
    return (unsigned char)cursor->piece[cursor->piece_at++];
}

int pawl_json_text_compare(struct pawl_json_text a, struct pawl_json_text b)
{
    if (!a.escaped && !b.escaped) {
        return pawl_slice_compare(a.raw, b.raw);
    }
    struct cursor left = {.rest = a.raw};
    struct cursor right = {.rest = b.raw};
    for (;;) {
        int left_byte = cursor_next(&left);
        int right_byte = cursor_next(&right);
        if (left_byte != right_byte) {
            return left_byte < right_byte ? -1 : 1;
        }
        if (left_byte < 0) {
            return 0;
        }
    }
}

uint64_t pawl_json_text_hash(struct pawl_json_text text)
{
    struct pawl_hash_key key = {0};
    if (!text.escaped) {
        return pawl_hash_sip(key, text.raw);
    }
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, key);
    struct pawl_slice rest = text.raw;
    while (rest.bytes > 0) {
        char piece[4];
        size_t bytes = pawl_json_text_next(&rest, piece);
        pawl_hash_sip_add(&state, piece, bytes);
    }
    return pawl_hash_sip_end(&state);
}
