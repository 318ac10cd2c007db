/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h: turns bytes into one request, whoever they come from. It knows nothing of sockets
 * and time, so that a test or a fuzzer can feed it directly.
 *
 * The guard judges first, llhttp parses what passed, and both must agree where the head and
 * the body end; else the request is refused. A reader reads one request, is asked for it,
 * and is reset for the next.
 */
#ifndef PAWL_NET_READER_H
#define PAWL_NET_READER_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/guard.h"
#include "net/places.h"
#include "net/server.h"

enum pawl_reader_state {
    PAWL_READER_HEAD,     /* wants more of the head; nothing may have come yet */
    PAWL_READER_BODY,     /* the head is complete and a body follows */
    PAWL_READER_COMPLETE, /* the request is whole */
    PAWL_READER_REFUSED   /* see `refusal` */
};

/* Part of the head, which moves while it grows. */
struct pawl_reader_span {
    uint32_t at;
    uint32_t bytes;
};

/* The request line's method and target, or a header's name and value. */
struct pawl_reader_line {
    struct pawl_reader_span first;
    struct pawl_reader_span second;
};

/* Who says that a body may have more than limits->body_bytes_max, and such bodies. */
struct pawl_reader_large {
    /* NULL: nobody */
    struct pawl_http_body_max (*body_max)(void *arg, const struct pawl_http_request *request);
    void *arg;
    struct pawl_body_places *places; /* shared with other readers */
};

struct pawl_reader {
    enum pawl_reader_state state;
    enum pawl_http_refusal refusal;
    const struct pawl_http_limits *limits; /* borrowed */
    struct pawl_arena *arena;              /* borrowed; holds the lines and the headers */
    struct pawl_guard guard;
    struct pawl_guard_chunks chunks;
    struct pawl_reader_large large;
    uint64_t body_bytes_max;      /* of this request's */
    struct pawl_body_place place; /* of a body that has more than others may */
    uint64_t body_left_bytes;     /* of a body with Content-Length */
    llhttp_t parser;
    bool headers_complete; /* llhttp said so */
    bool message_complete;
    bool head_known; /* `request` has all but its body */
    bool keep_alive;
    struct pawl_buf head;
    struct pawl_buf body;
    size_t line_start;              /* of the incomplete last line of `head` */
    struct pawl_reader_line *lines; /* of the arena: the request line and the headers */
    size_t line_count;
    size_t line_room;
    size_t parser_header_count; /* as llhttp counts */
    size_t parser_target_bytes;
    struct pawl_http_request request; /* valid when COMPLETE, until reset */
};

void pawl_reader_init(struct pawl_reader *reader,
                      const struct pawl_http_limits *limits,
                      struct pawl_arena *arena);
void pawl_reader_free(struct pawl_reader *reader);
/* Ready for the next request. The arena is the owner's to reset, before this. */
void pawl_reader_reset(struct pawl_reader *reader);
/* Takes bytes up to the end of the head, of the body, or of what is there, and returns how
 * many. Where the state is COMPLETE or REFUSED it takes none. */
size_t pawl_reader_feed(struct pawl_reader *reader, struct pawl_slice bytes);
/* Its body is one of the few that have more than others may. */
bool pawl_reader_is_large(const struct pawl_reader *reader);
/* Some byte of a head was taken, and the head is not complete. */
bool pawl_reader_head_begun(const struct pawl_reader *reader);

#endif
