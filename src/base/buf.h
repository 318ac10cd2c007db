/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h: a growing byte buffer that cannot be made without its maximum. The first
 * append that would pass the maximum (or for which there is no memory) appends nothing
 * and sets a sticky flag: writers append freely and check once at the end. Until a reset
 * nothing more is appended, so that the content is a prefix of what was meant, without holes.
 *
 * The buffer owns its bytes. A slice or pointer into it is good until the next append,
 * reserve, consume, reset or free. Arguments are copied and may not point into the buffer.
 */
#ifndef PAWL_BASE_BUF_H
#define PAWL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/slice.h"

struct pawl_buf {
    char *data;   /* owned; NULL until the first append */
    size_t bytes; /* of content */
    size_t capacity;
    size_t max_bytes;
    bool overflowed;
};

/* 0 < max_bytes < SIZE_MAX. Allocates nothing yet. */
void pawl_buf_init(struct pawl_buf *buf, size_t max_bytes);
/* Gives the memory back; the buffer is then as after init. */
void pawl_buf_free(struct pawl_buf *buf);
/* Empties it, keeps the memory, clears the flag. */
void pawl_buf_reset(struct pawl_buf *buf);

/* Each of these goes in whole or not at all. */
void pawl_buf_append(struct pawl_buf *buf, const void *data, size_t bytes);
void pawl_buf_append_slice(struct pawl_buf *buf, struct pawl_slice slice);
/* NULL appends nothing. */
void pawl_buf_append_str(struct pawl_buf *buf, const char *text);
void pawl_buf_append_byte(struct pawl_buf *buf, char byte);
/* Decimal digits. */
void pawl_buf_append_i64(struct pawl_buf *buf, int64_t value);
void pawl_buf_append_u64(struct pawl_buf *buf, uint64_t value);
void pawl_buf_printf(struct pawl_buf *buf, const char *format, ...) PAWL_PRINTF(2, 3);
/* Room for `bytes` more at the end, for a reader to fill, then `pawl_buf_advance` by what was
 * filled. NULL when the maximum or memory does not allow it; that sets no flag, since "full"
 * is an ordinary answer to a reader, who stops until somebody consumes. */
static inline char *pawl_buf_reserve(struct pawl_buf *buf, size_t bytes);
static inline void pawl_buf_advance(struct pawl_buf *buf, size_t bytes);
/* Makes the content `bytes` longer, at least one, for a writer who fills them at once: an append of
 * what is composed in place. NULL: it was not, and the flag is set. */
static inline char *pawl_buf_extend(struct pawl_buf *buf, size_t bytes);
/* Drops bytes from the front, at most what is there; the rest moves down, so a reader should
 * consume what it can at once rather than byte by byte. */
void pawl_buf_consume(struct pawl_buf *buf, size_t bytes);
/* The content as a C string: a NUL is put behind it (not counted, and there is always room).
 * NULL when overflowed, and only then. */
const char *pawl_buf_cstr(struct pawl_buf *buf);

static inline struct pawl_slice pawl_buf_slice(const struct pawl_buf *buf)
{
    return (struct pawl_slice){buf->data, buf->bytes};
}

/* --- In line, since a buffer is grown a few times and appended to many ------------------------ */

/* What is left to do where the room may not be there. */
char *pawl_buf_grow(struct pawl_buf *buf, size_t bytes);

/* Whether `more` bytes fit as it is. Not the last byte of all: so an empty one never has room. */
static inline bool pawl_buf_fits(const struct pawl_buf *buf, size_t more)
{
    return !buf->overflowed && more < buf->capacity - buf->bytes;
}

static inline char *pawl_buf_reserve(struct pawl_buf *buf, size_t bytes)
{
    return pawl_buf_fits(buf, bytes) ? buf->data + buf->bytes : pawl_buf_grow(buf, bytes);
}

static inline void pawl_buf_advance(struct pawl_buf *buf, size_t bytes)
{
    PAWL_ASSERT(bytes <= buf->capacity - buf->bytes);
    buf->bytes += bytes;
}

static inline char *pawl_buf_extend(struct pawl_buf *buf, size_t bytes)
{
    char *room = pawl_buf_reserve(buf, bytes);
    if (room == NULL) {
        buf->overflowed = true;
        return NULL;
    }
    buf->bytes += bytes;
    return room;
}

/* Little-endian fixed-width fields, for the journal's records. */
void pawl_buf_put_u8(struct pawl_buf *buf, uint8_t value);
void pawl_buf_put_u16(struct pawl_buf *buf, uint16_t value);
void pawl_buf_put_u32(struct pawl_buf *buf, uint32_t value);
void pawl_buf_put_u64(struct pawl_buf *buf, uint64_t value);
void pawl_buf_put_i64(struct pawl_buf *buf, int64_t value);

#endif
