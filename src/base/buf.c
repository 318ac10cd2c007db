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
#include "base/decimal.h"
#include "base/little.h"

enum { CAPACITY_FIRST = 256 };

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

char *pawl_buf_grow(struct pawl_buf *buf, size_t bytes)
{
    return !buf->overflowed && make_room(buf, bytes) ? buf->data + buf->bytes : NULL;
}

void pawl_buf_append(struct pawl_buf *buf, const void *data, size_t bytes)
{
    char *room = bytes > 0 ? pawl_buf_extend(buf, bytes) : NULL;
    if (room != NULL) {
        memcpy(room, data, bytes);
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
    char *room = pawl_buf_extend(buf, 1);
    if (room != NULL) {
        *room = byte;
    }
}

void pawl_buf_append_u64(struct pawl_buf *buf, uint64_t value)
{
    size_t bytes = pawl_decimal_bytes(value);
    char *room = pawl_buf_extend(buf, bytes);
    if (room != NULL) {
        pawl_decimal_put(value, bytes, room);
    }
}

/* Sign and digits go in whole or not at all. */
void pawl_buf_append_i64(struct pawl_buf *buf, int64_t value)
{
    size_t bytes = pawl_decimal_bytes_i64(value);
    char *room = pawl_buf_extend(buf, bytes);
    if (room != NULL) {
        pawl_decimal_put_i64(value, bytes, room);
    }
}

void pawl_buf_printf(struct pawl_buf *buf, const char *format, ...)
{
    if (pawl_buf_reserve(buf, 0) == NULL) {
        buf->overflowed = true;
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
        if (pawl_buf_reserve(buf, bytes) == NULL) {
            buf->overflowed = true;
            return;
        }
        va_start(arguments, format);
        int again = vsnprintf(buf->data + buf->bytes, bytes + 1, format, arguments);
        va_end(arguments);
        PAWL_ASSERT(again == length);
    }
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
    char *room = pawl_buf_extend(buf, bytes);
    if (room != NULL) {
        unsigned char little[8];
        pawl_store_little_64(little, value);
        memcpy(room, little, bytes);
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
