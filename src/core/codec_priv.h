/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_priv.h: the bytes below codec_encode.c, codec_decode.c and codec_result.c: a writer into
 * room that was measured, and a reader that survives anything. Numbers are little-endian, as the
 * machine must be.
 *
 * The writer checks nothing on the way; writer_end asserts that exactly the measured bytes were
 * written. The reader's flag is sticky, and beyond the end everything reads as zero, so that
 * decoders check once at their end.
 */
#ifndef PAWL_CORE_CODEC_PRIV_H
#define PAWL_CORE_CODEC_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/slice.h"

struct writer {
    unsigned char *at;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie");

/* One store: compilers do not find it in a loop over the bytes. */
static inline void put(struct writer *writer, uint64_t value, size_t bytes)
{
    memcpy(writer->at, &value, bytes);
    writer->at += bytes;
}

static inline void put_u8(struct writer *writer, uint8_t value)
{
    *writer->at++ = value;
}

static inline void put_u16(struct writer *writer, uint16_t value)
{
    put(writer, value, 2);
}

static inline void put_u32(struct writer *writer, uint32_t value)
{
    put(writer, value, 4);
}

static inline void put_u64(struct writer *writer, uint64_t value)
{
    put(writer, value, 8);
}

static inline void put_i64(struct writer *writer, int64_t value)
{
    put(writer, (uint64_t)value, 8);
}

static inline void put_text(struct writer *writer, struct pawl_slice text)
{
    put_u16(writer, (uint16_t)text.bytes);
    if (text.bytes > 0) {
        memcpy(writer->at, text.data, text.bytes);
        writer->at += text.bytes;
    }
}

/* A text which is only there when it is not empty. */
static inline void put_part(struct writer *writer, struct pawl_slice text)
{
    if (text.bytes > 0) {
        put_text(writer, text);
    }
}

/* Room at the end of the buffer, or its flag. */
static inline bool writer_begin(struct writer *writer, struct pawl_buf *out, size_t bytes)
{
    if (!out->overflowed && bytes <= out->capacity - out->bytes) { /* nearly always */
        writer->at = (unsigned char *)out->data + out->bytes;
        return true;
    }
    writer->at = (unsigned char *)pawl_buf_reserve(out, bytes);
    out->overflowed = out->overflowed || writer->at == NULL;
    return writer->at != NULL;
}

static inline void writer_end(const struct writer *writer, struct pawl_buf *out, size_t bytes)
{
    PAWL_ASSERT(writer->at == (unsigned char *)out->data + out->bytes + bytes);
    pawl_buf_advance(out, bytes);
}

struct reader {
    const unsigned char *at;
    size_t left;
    bool bad; /* sticky */
};

static inline uint64_t take(struct reader *reader, size_t bytes)
{
    if (reader->left < bytes) {
        reader->bad = true;
        reader->left = 0;
        return 0;
    }
    uint64_t value = 0;
    memcpy(&value, reader->at, bytes);
    reader->at += bytes;
    reader->left -= bytes;
    return value;
}

static inline uint8_t take_u8(struct reader *reader)
{
    return (uint8_t)take(reader, 1);
}

static inline uint16_t take_u16(struct reader *reader)
{
    return (uint16_t)take(reader, 2);
}

static inline int64_t take_i64(struct reader *reader)
{
    return (int64_t)take(reader, 8);
}

static inline bool take_bool(struct reader *reader)
{
    uint8_t value = take_u8(reader);
    reader->bad = reader->bad || value > 1;
    return value == 1;
}

static inline struct pawl_slice take_text(struct reader *reader, size_t bytes_max)
{
    size_t bytes = take_u16(reader);
    if (bytes > bytes_max || bytes > reader->left) {
        reader->bad = true;
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice text =
        bytes > 0 ? pawl_slice_of((const char *)reader->at, bytes) : PAWL_SLICE_NONE;
    reader->at += bytes;
    reader->left -= bytes;
    return text;
}

/* A text whose presence was announced, so that it must not be empty. */
static inline struct pawl_slice
take_part(struct reader *reader, unsigned announced, size_t bytes_max)
{
    if (announced == 0) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice text = take_text(reader, bytes_max);
    reader->bad = reader->bad || text.bytes == 0;
    return text;
}

/* A count within its maximum; 0 when it is not. */
static inline uint32_t take_count(struct reader *reader, size_t bytes, uint32_t max)
{
    uint32_t count = (uint32_t)take(reader, bytes);
    if (count > max) {
        reader->bad = true;
        return 0;
    }
    return count;
}

/* A number whose presence was announced, so that it must not be zero. */
static inline uint64_t take_number(struct reader *reader, unsigned announced)
{
    if (announced == 0) {
        return 0;
    }
    uint64_t value = take(reader, 8);
    reader->bad = reader->bad || value == 0;
    return value;
}

static inline struct reader reader_of(struct pawl_slice bytes)
{
    return (struct reader){.at = (const unsigned char *)bytes.data, .left = bytes.bytes};
}

static inline void reader_consume(const struct reader *reader, struct pawl_slice *bytes)
{
    *bytes = pawl_slice_of((const char *)reader->at, reader->left);
}

#endif
