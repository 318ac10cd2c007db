/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_write.c: the writer. Its output always reads back under LEDGER's rules for strings:
 * whatever bytes a string holds, what comes out is valid UTF-8 without control characters.
 * The one exception is NUL, which is written as an escape and which LEDGER refuses.
 *
 * W1  depth < LEVELS; bit d of is_object and has_member describes level d. Level 0 is the
 *     document itself: it holds one value.
 * W2  a value stands at level 0, in an array, or directly behind a key; anything else is a
 *     bug of the caller's and asserts.
 *
 * A full buffer is the buffer's own sticky flag; the writer goes on keeping count.
 */
#include "base/json.h"

#include <string.h>

#include "base/assert.h"
#include "base/json_priv.h"
#include "base/utf8.h"

enum { LEVELS = 128, CLEAN_BYTES_MAX = 256 };

#define SPACES UINT64_C(0x20202020202020)

_Static_assert(sizeof(((struct pawl_json_writer *)0)->is_object) * 8 == LEVELS,
               "one bit for each level");

static bool bit_get(const uint64_t bits[static 2], uint32_t level)
{
    return (bits[level / 64] >> (level % 64) & 1) != 0;
}

static void bit_set(uint64_t bits[static 2], uint32_t level, bool value)
{
    uint64_t mask = UINT64_C(1) << (level % 64);
    bits[level / 64] = value ? bits[level / 64] | mask : bits[level / 64] & ~mask;
}

void pawl_json_writer_init(struct pawl_json_writer *writer, struct pawl_buf *out)
{
    *writer = (struct pawl_json_writer){.out = out};
}

/* Whatever must stand in front of a value. */
static void before_value(struct pawl_json_writer *writer)
{
    uint32_t level = writer->depth;
    if (bit_get(writer->is_object, level)) {
        PAWL_ASSERT(writer->after_key);
        writer->after_key = false;
        return;
    }
    PAWL_ASSERT(!writer->after_key);
    if (bit_get(writer->has_member, level)) {
        PAWL_ASSERT(level > 0);
        pawl_buf_append_byte(writer->out, ',');
    }
    bit_set(writer->has_member, level, true);
}

static void begin(struct pawl_json_writer *writer, bool object)
{
    before_value(writer);
    PAWL_ASSERT(writer->depth + 1 < LEVELS);
    writer->depth++;
    bit_set(writer->is_object, writer->depth, object);
    bit_set(writer->has_member, writer->depth, false);
    pawl_buf_append_byte(writer->out, object ? '{' : '[');
}

static void end(struct pawl_json_writer *writer, bool object)
{
    PAWL_ASSERT(writer->depth > 0);
    PAWL_ASSERT(bit_get(writer->is_object, writer->depth) == object);
    PAWL_ASSERT(!writer->after_key);
    writer->depth--;
    pawl_buf_append_byte(writer->out, object ? '}' : ']');
}

void pawl_json_object_begin(struct pawl_json_writer *writer)
{
    begin(writer, true);
}

void pawl_json_object_end(struct pawl_json_writer *writer)
{
    end(writer, true);
}

void pawl_json_array_begin(struct pawl_json_writer *writer)
{
    begin(writer, false);
}

void pawl_json_array_end(struct pawl_json_writer *writer)
{
    end(writer, false);
}

/* How many bytes at the front of `text` can be copied as they are. */
static size_t clean_prefix(struct pawl_slice text)
{
    size_t at = 0;
    while (at < text.bytes) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            break;
        }
        size_t length =
            byte < 0x80 ? 1 : pawl_utf8_length(pawl_slice_sub(text, at, PAWL_UTF8_BYTES_MAX));
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

/* One byte that cannot be copied: escaped, or replaced where it is no UTF-8. */
static void append_escaped(struct pawl_buf *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_names[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (byte >= 0x80) {
        char replacement[PAWL_UTF8_BYTES_MAX];
        size_t bytes = pawl_utf8_encode(PAWL_UTF8_REPLACEMENT, replacement);
        pawl_buf_append(out, replacement, bytes);
        return;
    }
    char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    size_t bytes = sizeof(escape);
    if (byte >= 0x20) {
        escape[1] = (char)byte;
        bytes = 2;
    } else if (short_names[byte] != '\0') {
        escape[1] = short_names[byte];
        bytes = 2;
    }
    pawl_buf_append(out, escape, bytes);
}

/* Copies a text of which every byte can be copied as it is. false: there is another one, and
 * `out` holds anything. */
static inline bool copy_plain(const char *text, size_t bytes, char *out)
{
    uint64_t hits = 0;
    uint64_t word = 0;
    size_t at = 0;
    for (; at + sizeof(word) <= bytes; at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        hits |= pawl_json_not_plain(word);
        memcpy(out + at, &word, sizeof(word));
    }
    /* The rest as one word, filled up with what is plain. */
    size_t left = bytes - at;
    if (left >= sizeof(uint32_t)) {
        uint32_t low = 0;
        uint32_t high = 0;
        memcpy(&low, text + at, sizeof(low));
        memcpy(&high, text + bytes - sizeof(high), sizeof(high));
        hits |= pawl_json_not_plain((uint64_t)high << 32 | low);
        memcpy(out + at, &low, sizeof(low));
        memcpy(out + bytes - sizeof(high), &high, sizeof(high));
    } else {
        for (; at < bytes; at++) {
            hits |= pawl_json_not_plain(SPACES << 8 | (unsigned char)text[at]);
            out[at] = text[at];
        }
    }
    return hits == 0;
}

/* A text of which every byte can be copied, in one piece. false: it was not appended. */
static inline bool append_quoted_clean(struct pawl_buf *out, struct pawl_slice text)
{
    char *room = text.bytes <= CLEAN_BYTES_MAX ? pawl_buf_reserve(out, text.bytes + 2) : NULL;
    if (room == NULL || !copy_plain(text.data, text.bytes, room + 1)) {
        return false;
    }
    room[0] = '"';
    room[text.bytes + 1] = '"';
    pawl_buf_advance(out, text.bytes + 2);
    return true;
}

/* The same of a key, with the comma in front of it and the colon behind. */
static inline bool append_key_clean(struct pawl_buf *out, struct pawl_slice key, bool comma)
{
    char *room = key.bytes <= CLEAN_BYTES_MAX ? pawl_buf_reserve(out, key.bytes + 4) : NULL;
    if (room == NULL) {
        return false;
    }
    room[0] = ',';
    room += comma;
    if (!copy_plain(key.data, key.bytes, room + 1)) {
        return false;
    }
    room[0] = '"';
    memcpy(room + 1 + key.bytes, "\":", 2);
    pawl_buf_advance(out, key.bytes + 3 + comma);
    return true;
}

static void append_quoted(struct pawl_buf *out, struct pawl_slice text)
{
    if (append_quoted_clean(out, text)) {
        return; /* as nearly all values that are not long */
    }
    pawl_buf_append_byte(out, '"');
    struct pawl_slice rest = text;
    while (rest.bytes > 0) {
        size_t clean = clean_prefix(rest);
        pawl_buf_append(out, rest.data, clean);
        rest = pawl_slice_sub(rest, clean, SIZE_MAX);
        if (rest.bytes > 0) {
            append_escaped(out, (unsigned char)rest.data[0]);
            rest = pawl_slice_sub(rest, 1, SIZE_MAX);
        }
    }
    pawl_buf_append_byte(out, '"');
}

void pawl_json_key_slice(struct pawl_json_writer *writer, struct pawl_slice key)
{
    PAWL_ASSERT(bit_get(writer->is_object, writer->depth));
    PAWL_ASSERT(!writer->after_key);
    bool comma = bit_get(writer->has_member, writer->depth);
    bit_set(writer->has_member, writer->depth, true);
    writer->after_key = true;
    if (append_key_clean(writer->out, key, comma)) {
        return; /* as all of our own */
    }
    if (comma) {
        pawl_buf_append_byte(writer->out, ',');
    }
    append_quoted(writer->out, key);
    pawl_buf_append_byte(writer->out, ':');
}

void pawl_json_key(struct pawl_json_writer *writer, const char *key)
{
    pawl_json_key_slice(writer, pawl_slice_str(key));
}

void pawl_json_put_string(struct pawl_json_writer *writer, struct pawl_slice text)
{
    before_value(writer);
    append_quoted(writer->out, text);
}

void pawl_json_put_str(struct pawl_json_writer *writer, const char *text)
{
    pawl_json_put_string(writer, pawl_slice_str(text));
}

void pawl_json_put_i64(struct pawl_json_writer *writer, int64_t value)
{
    before_value(writer);
    pawl_buf_append_i64(writer->out, value);
}

void pawl_json_put_bool(struct pawl_json_writer *writer, bool value)
{
    before_value(writer);
    pawl_buf_append_str(writer->out, value ? "true" : "false");
}

void pawl_json_put_null(struct pawl_json_writer *writer)
{
    before_value(writer);
    pawl_buf_append_str(writer->out, "null");
}

void pawl_json_put_raw(struct pawl_json_writer *writer, struct pawl_slice json)
{
    PAWL_ASSERT(json.bytes > 0);
    before_value(writer);
    pawl_buf_append_slice(writer->out, json);
}

void pawl_json_member_str(struct pawl_json_writer *writer, const char *key, const char *text)
{
    pawl_json_key(writer, key);
    pawl_json_put_str(writer, text);
}

void pawl_json_member_string(struct pawl_json_writer *writer,
                             const char *key,
                             struct pawl_slice text)
{
    pawl_json_key(writer, key);
    pawl_json_put_string(writer, text);
}

void pawl_json_member_i64(struct pawl_json_writer *writer, const char *key, int64_t value)
{
    pawl_json_key(writer, key);
    pawl_json_put_i64(writer, value);
}

void pawl_json_member_bool(struct pawl_json_writer *writer, const char *key, bool value)
{
    pawl_json_key(writer, key);
    pawl_json_put_bool(writer, value);
}
