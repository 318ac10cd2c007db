/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c: the growing buffer. Capacity doubles, so that appending is linear over all, and is
 * cut to the maximum.
 *
 * Invariants, checked on every growth:
 *   B1  bytes <= capacity <= max_bytes.
 *   B2  where data is not NULL it has room for capacity + 1 bytes: the last one is for the NUL
 *       of pawl_buf_cstr, which therefore never has to allocate.
 *   B3  after `overflowed` nothing is appended until a reset, so that the content never has
 *       a hole in the middle.
 *
 * Failure: no room and no memory look the same to a writer (the flag). Ownership: the buffer
 * owns data; slices of it are good until the next append, consume, reset or free.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/little.h"

enum { CAPACITY_FIRST = 256, DECIMAL_BYTES = 20 };

void pawl_buf_init(struct pawl_buf *buf, size_t max_bytes)
{
    PAWL_ASSERT(max_bytes > 0 && max_bytes < SIZE_MAX);
    *buf = (struct pawl_buf){.max_bytes = max_bytes};
}

void pawl_buf_free(struct pawl_buf *buf)
{
    pawl_free(buf->data);
    *buf = (struct pawl_buf){.max_bytes = buf->max_bytes};
}

void pawl_buf_reset(struct pawl_buf *buf)
{
    buf->bytes = 0;
    buf->overflowed = false;
}

/* Makes room for `more` bytes behind the content. */
static bool make_room(struct pawl_buf *buf, size_t more)
{
    PAWL_ASSERT(buf->bytes <= buf->capacity && buf->capacity <= buf->max_bytes);
    if (more > buf->max_bytes - buf->bytes) {
        return false;
    }
    size_t need = buf->bytes + more;
    if (need <= buf->capacity && buf->data != NULL) {
        return true;
    }
    size_t doubled = buf->capacity > buf->max_bytes / 2 ? buf->max_bytes : buf->capacity * 2;
    size_t capacity = doubled > CAPACITY_FIRST ? doubled : CAPACITY_FIRST;
    capacity = capacity > need ? capacity : need;
    capacity = capacity < buf->max_bytes ? capacity : buf->max_bytes;
    char *data = pawl_realloc(buf->data, capacity + 1);
    if (data == NULL) {
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

static bool grow_or_flag(struct pawl_buf *buf, size_t more)
{
    if (buf->overflowed) {
        return false;
    }
    if (!make_room(buf, more)) {
        buf->overflowed = true;
        return false;
    }
    return true;
}

/* Whether `more` bytes fit as it is. Mostly they do: a buffer is grown a few times and appended
 * to many. */
static inline bool fits(const struct pawl_buf *buf, size_t more)
{
    return !buf->overflowed && more <= buf->capacity - buf->bytes && buf->data != NULL;
}

/* Room for an append, or the flag. */
static inline bool make_room_or_flag(struct pawl_buf *buf, size_t more)
{
    return fits(buf, more) || grow_or_flag(buf, more);
}

void pawl_buf_append(struct pawl_buf *buf, const void *data, size_t bytes)
{
    if (bytes > 0 && make_room_or_flag(buf, bytes)) {
        memcpy(buf->data + buf->bytes, data, bytes);
        buf->bytes += bytes;
    }
}

void pawl_buf_append_slice(struct pawl_buf *buf, struct pawl_slice slice)
{
    pawl_buf_append(buf, slice.data, slice.bytes);
}

void pawl_buf_append_str(struct pawl_buf *buf, const char *text)
{
    pawl_buf_append_slice(buf, pawl_slice_str(text));
}

void pawl_buf_append_byte(struct pawl_buf *buf, char byte)
{
    if (make_room_or_flag(buf, 1)) {
        buf->data[buf->bytes++] = byte;
    }
}

void pawl_buf_append_u64(struct pawl_buf *buf, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[DECIMAL_BYTES];
    size_t start = sizeof(digits);
    while (value >= 10) {
        start -= 2;
        memcpy(digits + start, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value > 0 || start == sizeof(digits)) {
        digits[--start] = (char)('0' + value);
    }
    pawl_buf_append(buf, digits + start, sizeof(digits) - start);
}

void pawl_buf_append_i64(struct pawl_buf *buf, int64_t value)
{
    if (value >= 0) {
        pawl_buf_append_u64(buf, (uint64_t)value);
        return;
    }
    /* Sign and digits go in whole or not at all: room for both first. */
    if (make_room_or_flag(buf, 1)) {
        size_t before = buf->bytes;
        pawl_buf_append_byte(buf, '-');
        pawl_buf_append_u64(buf, UINT64_C(0) - (uint64_t)value);
        if (buf->overflowed) {
            buf->bytes = before;
        }
    }
}

void pawl_buf_printf(struct pawl_buf *buf, const char *format, ...)
{
    if (!make_room_or_flag(buf, 0)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    size_t room = buf->capacity - buf->bytes + 1;
    int length = vsnprintf(buf->data + buf->bytes, room, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buf->overflowed = true;
        return;
    }
    size_t bytes = (size_t)length;
    if (bytes >= room) {
        if (!make_room_or_flag(buf, bytes)) {
            return;
        }
        va_start(arguments, format);
        int again = vsnprintf(buf->data + buf->bytes, bytes + 1, format, arguments);
        va_end(arguments);
        PAWL_ASSERT(again == length);
    }
    buf->bytes += bytes;
}

char *pawl_buf_reserve(struct pawl_buf *buf, size_t bytes)
{
    if (!fits(buf, bytes) && (buf->overflowed || !make_room(buf, bytes))) {
        return NULL;
    }
    return buf->data + buf->bytes;
}

void pawl_buf_advance(struct pawl_buf *buf, size_t bytes)
{
    PAWL_ASSERT(bytes <= buf->capacity - buf->bytes);
    buf->bytes += bytes;
}

void pawl_buf_consume(struct pawl_buf *buf, size_t bytes)
{
    PAWL_ASSERT(bytes <= buf->bytes);
    size_t left = buf->bytes - bytes;
    if (bytes > 0 && left > 0) {
        memmove(buf->data, buf->data + bytes, left);
    }
    buf->bytes = left;
}

const char *pawl_buf_cstr(struct pawl_buf *buf)
{
    if (buf->overflowed) {
        return NULL;
    }
    if (buf->data == NULL) {
        return "";
    }
    buf->data[buf->bytes] = '\0';
    return buf->data;
}

/* The `bytes` low bytes of a value, the lowest first, whatever the machine's order. */
static inline void put_little(struct pawl_buf *buf, uint64_t value, size_t bytes)
{
    if (make_room_or_flag(buf, bytes)) {
        unsigned char little[8];
        pawl_store_little_64(little, value);
        memcpy(buf->data + buf->bytes, little, bytes);
        buf->bytes += bytes;
    }
}

void pawl_buf_put_u8(struct pawl_buf *buf, uint8_t value)
{
    put_little(buf, value, sizeof(value));
}

void pawl_buf_put_u16(struct pawl_buf *buf, uint16_t value)
{
    put_little(buf, value, sizeof(value));
}

void pawl_buf_put_u32(struct pawl_buf *buf, uint32_t value)
{
    put_little(buf, value, sizeof(value));
}

void pawl_buf_put_u64(struct pawl_buf *buf, uint64_t value)
{
    put_little(buf, value, sizeof(value));
}

void pawl_buf_put_i64(struct pawl_buf *buf, int64_t value)
{
    put_little(buf, (uint64_t)value, sizeof(value));
}
