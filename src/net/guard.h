/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h: the bytes of a request before the parser sees them.
 *
 * A parser that forgives lets two programs see two different requests in the same bytes. The
 * llhttp that distributions package forgives a CR without LF, folded headers and a missing
 * Host. So every line of a head, and every byte of a chunked body's framing, passes here first. The
 * guard keeps no headers and decodes nothing: it says yes or no, how a line divides, and where the
 * message ends; then the parser must come to the same end (reader.c).
 *
 * It refuses, besides what the grammar of RFC 9112 refuses: trailers, CONNECT, transfer codings
 * other than a single "chunked", and anything that states the body's length twice, even when
 * both agree.
 */
#ifndef PAWL_NET_GUARD_H
#define PAWL_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"
#include "net/refusal.h"

/* --- A head, line by line. ----------------------------------------------------------------- */

struct pawl_guard {
    uint32_t header_count_max;
    uint32_t header_count;
    uint32_t blank_count; /* empty lines before the request line */
    bool request_line_seen;
    bool ended; /* the empty line after the headers came */
    bool version_1_0;
    bool host_seen;
    bool length_seen;
    bool chunked;
    bool expects_continue;
    uint64_t content_length;
    /* Of the line that passed last, slices of it: the method and the target, or a header's name and
     * its value without the white space around it. */
    struct pawl_slice first;
    struct pawl_slice second;
};

void pawl_guard_init(struct pawl_guard *guard, uint32_t header_count_max);
/* The next line, its LF included. */
PAWL_MUST_CHECK enum pawl_http_refusal pawl_guard_line(struct pawl_guard *guard,
                                                       struct pawl_slice line);

/* --- The framing of a chunked body. -------------------------------------------------------- */

enum pawl_guard_chunk_state {
    PAWL_GUARD_CHUNK_SIZE_FIRST, /* wants a hexadecimal digit */
    PAWL_GUARD_CHUNK_SIZE,
    PAWL_GUARD_CHUNK_EXTENSION,
    PAWL_GUARD_CHUNK_SIZE_LF,
    PAWL_GUARD_CHUNK_DATA,
    PAWL_GUARD_CHUNK_DATA_CR,
    PAWL_GUARD_CHUNK_DATA_LF,
    PAWL_GUARD_CHUNK_END_CR, /* after the last chunk: the empty line, no trailer */
    PAWL_GUARD_CHUNK_END_LF,
    PAWL_GUARD_CHUNK_DONE
};

struct pawl_guard_chunks {
    enum pawl_guard_chunk_state state;
    uint64_t body_bytes_max; /* a size line that passes it is refused at once */
    uint64_t chunk_left_bytes;
    uint64_t data_bytes;     /* of all chunks so far */
    uint64_t overhead_bytes; /* everything that is not data */
    uint32_t line_bytes;     /* of the current size line */
};

void pawl_guard_chunks_init(struct pawl_guard_chunks *chunks, uint64_t body_bytes_max);
/* Passes bytes until the body ends or they run out; *ret_used says how many belong to the body. The
 * end is chunks->state == PAWL_GUARD_CHUNK_DONE. */
PAWL_MUST_CHECK enum pawl_http_refusal
pawl_guard_chunks_feed(struct pawl_guard_chunks *chunks, struct pawl_slice bytes, size_t *ret_used);

#endif
