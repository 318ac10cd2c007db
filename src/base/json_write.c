/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_write.c: the writer. Its output always reads back under LEDGER's rules for strings:
 * whatever bytes a string holds, what comes out is valid UTF-8 without control characters.
 * The one exception is NUL, which is written as an escape and which LEDGER refuses.
 *
 * W1  depth < PAWL_JSON_DEPTH_MAX. Level 0 is the document itself: it holds one value. What stands
 *     in a container that has ended is nobody's business any more, so one `comma` is enough for
 *     all levels.
 * W2  a value stands at level 0, in an array, or directly behind a key; anything else is a
 *     bug of the caller's and asserts.
 *
 * A full buffer is the buffer's own sticky flag; the writer goes on keeping count.
 */
#include "base/json.h"

#include <string.h>

#include "base/assert.h"
#include "base/decimal.h"
#include "base/json_plain.h"
#include "base/utf8.h"

enum { CLEAN_BYTES_MAX = 256 };

#define SPACES UINT64_C(0x2020202020202020)

void pawl_json_writer_init(struct pawl_json_writer *writer, struct pawl_buf *out)
{
    writer->out = out; /* not the whole of it: a level's place is written when it begins */
    writer->depth = 0;
    writer->next = PAWL_JSON_NEXT_ELEMENT;
    writer->comma = false;
}

/* The place of a value is taken. Whether a comma stands in front of it. */
static inline bool take_place(struct pawl_json_writer *writer)
{
    bool comma = writer->comma;
    writer->comma = true;
    if (writer->next == PAWL_JSON_NEXT_VALUE) {
        writer->next = PAWL_JSON_NEXT_KEY;
        return false;
    }
    PAWL_ASSERT(writer->next == PAWL_JSON_NEXT_ELEMENT);
    PAWL_ASSERT(!comma || writer->depth > 0);
    return comma;
}

/* The same of a key. */
static inline bool take_key_place(struct pawl_json_writer *writer)
{
    PAWL_ASSERT(writer->next == PAWL_JSON_NEXT_KEY);
    bool comma = writer->comma;
    writer->next = PAWL_JSON_NEXT_VALUE;
    writer->comma = false;
    return comma;
}

static inline char *value_room(struct pawl_json_writer *writer, size_t bytes)
{
    bool comma = take_place(writer);
    char *room = pawl_buf_extend(writer->out, comma + bytes);
    if (room == NULL) {
        return NULL;
    }
    *room = ',';
    return room + comma;
}

char *pawl_json_put_room(struct pawl_json_writer *writer, size_t bytes)
{
    PAWL_ASSERT(bytes > 0);
    return value_room(writer, bytes);
}

/* A value that is JSON as it is. */
static inline void put_value(struct pawl_json_writer *writer, const char *text, size_t bytes)
{
    char *room = value_room(writer, bytes);
    if (room != NULL) {
        memcpy(room, text, bytes);
    }
}

static inline void begin(struct pawl_json_writer *writer, char bracket, enum pawl_json_next next)
{
    PAWL_ASSERT(writer->depth + 1 < PAWL_JSON_DEPTH_MAX);
    put_value(writer, &bracket, 1);
    writer->behind[++writer->depth] = writer->next;
    writer->next = (uint8_t)next;
    writer->comma = false;
}

static inline void end(struct pawl_json_writer *writer, char bracket, enum pawl_json_next next)
{
    PAWL_ASSERT(writer->depth > 0);
    PAWL_ASSERT(writer->next == next);
    writer->next = writer->behind[writer->depth--];
    writer->comma = true;
    pawl_buf_append_byte(writer->out, bracket);
}

void pawl_json_object_begin(struct pawl_json_writer *writer)
{
    begin(writer, '{', PAWL_JSON_NEXT_KEY);
}

void pawl_json_object_end(struct pawl_json_writer *writer)
{
    end(writer, '}', PAWL_JSON_NEXT_KEY);
}

void pawl_json_array_begin(struct pawl_json_writer *writer)
{
    begin(writer, '[', PAWL_JSON_NEXT_ELEMENT);
}

void pawl_json_array_end(struct pawl_json_writer *writer)
{
    end(writer, ']', PAWL_JSON_NEXT_ELEMENT);
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

static inline uint64_t copy_word(const char *text, char *out)
{
    uint64_t word = 0;
    memcpy(&word, text, sizeof(word));
    memcpy(out, &word, sizeof(word));
    return pawl_json_not_plain(word);
}

/* Eight bytes and more; the last word may overlap the one before it. */
static inline bool copy_plain_words(const char *text, size_t bytes, char *out)
{
    size_t last = bytes - sizeof(uint64_t);
    uint64_t hits = copy_word(text + last, out + last);
    for (size_t at = 0; at < last; at += sizeof(uint64_t)) {
        hits |= copy_word(text + at, out + at);
    }
    return hits == 0;
}

#if defined(__SSE2__)

static inline __m128i copy_block(const char *text, char *out)
{
    __m128i block = _mm_loadu_si128((const void *)text);
    _mm_storeu_si128((void *)out, block);
    return pawl_json_not_plain_block(block);
}

/* The same by blocks of sixteen where there are as many. */
static inline bool copy_plain_blocks(const char *text, size_t bytes, char *out)
{
    if (bytes < sizeof(__m128i)) {
        return copy_plain_words(text, bytes, out);
    }
    size_t last = bytes - sizeof(__m128i);
    __m128i hits = copy_block(text + last, out + last);
    for (size_t at = 0; at < last; at += sizeof(__m128i)) {
        hits = _mm_or_si128(hits, copy_block(text + at, out + at));
    }
    return _mm_movemask_epi8(hits) == 0;
}

#else

static inline bool copy_plain_blocks(const char *text, size_t bytes, char *out)
{
    return copy_plain_words(text, bytes, out);
}

#endif

/* Copies a text of which every byte can be copied as it is. false: there is another one, and
 * `out` holds anything. */
static inline bool copy_plain(const char *text, size_t bytes, char *out)
{
    if (bytes >= sizeof(uint64_t)) {
        return copy_plain_blocks(text, bytes, out);
    }
    uint64_t word = SPACES;
    for (size_t at = 0; at < bytes; at++) {
        word = word << 8 | (unsigned char)text[at];
        out[at] = text[at];
    }
    return pawl_json_not_plain(word) == 0;
}

/* What stands around a string: the comma in front of it, and a key's colon behind it. */
struct around {
    bool comma;
    bool colon;
};

/* A text of which every byte can be copied, in one piece. false: it was not appended. */
static inline bool append_clean(struct pawl_buf *out, struct pawl_slice text, struct around around)
{
    size_t bytes = around.comma + 2 + text.bytes + around.colon;
    char *room = text.bytes <= CLEAN_BYTES_MAX ? pawl_buf_reserve(out, bytes) : NULL;
    if (room == NULL) {
        return false;
    }
    *room = ',';
    char *quote = room + around.comma;
    if (!copy_plain(text.data, text.bytes, quote + 1)) {
        return false;
    }
    *quote = '"';
    quote[text.bytes + 1] = '"';
    room[bytes - 1] = around.colon ? ':' : '"';
    pawl_buf_advance(out, bytes);
    return true;
}

static void append_piecewise(struct pawl_buf *out, struct pawl_slice text, struct around around)
{
    pawl_buf_append(out, around.comma ? ",\"" : "\"", (size_t)around.comma + 1);
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
    pawl_buf_append(out, "\":", (size_t)around.colon + 1);
}

static inline void append_string(struct pawl_buf *out, struct pawl_slice text, struct around around)
{
    if (!append_clean(out, text, around)) { /* as nearly all that are not long */
        append_piecewise(out, text, around);
    }
}

void pawl_json_key_slice(struct pawl_json_writer *writer, struct pawl_slice key)
{
    append_string(writer->out, key,
                  (struct around){.comma = take_key_place(writer), .colon = true});
}

void pawl_json_key(struct pawl_json_writer *writer, const char *key)
{
    pawl_json_key_slice(writer, pawl_slice_str(key));
}

void pawl_json_put_string(struct pawl_json_writer *writer, struct pawl_slice text)
{
    append_string(writer->out, text, (struct around){.comma = take_place(writer)});
}

void pawl_json_put_str(struct pawl_json_writer *writer, const char *text)
{
    pawl_json_put_string(writer, pawl_slice_str(text));
}

void pawl_json_put_i64(struct pawl_json_writer *writer, int64_t value)
{
    size_t bytes = pawl_decimal_bytes_i64(value);
    char *room = value_room(writer, bytes);
    if (room != NULL) {
        pawl_decimal_put_i64(value, bytes, room);
    }
}

void pawl_json_put_bool(struct pawl_json_writer *writer, bool value)
{
    put_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void pawl_json_put_null(struct pawl_json_writer *writer)
{
    put_value(writer, "null", 4);
}

void pawl_json_put_raw(struct pawl_json_writer *writer, struct pawl_slice json)
{
    PAWL_ASSERT(json.bytes > 0);
    put_value(writer, json.data, json.bytes);
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
