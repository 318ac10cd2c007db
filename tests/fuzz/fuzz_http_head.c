/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http_head.c: bytes that claim to be HTTP requests, through guard and parser.
 *
 * Properties of every input:
 *   - cut into pieces it gives the same request, or the same refusal of its head, as in one
 *     piece, and a body is refused either way or not at all;
 *   - what is accepted has one Host (of HTTP/1.0 one at most), headers and a body within the
 *     limits, and no byte in its head that a guard must not let through;
 *   - an accepted request ends inside the input, and the next one begins right behind it.
 * The first byte chooses how the pieces are cut.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/reader.h"
#include "tests/lib/fuzz.h"

enum { HEAD_BYTES_MAX = 4096, HEADERS_MAX = 50, BODY_BYTES_MAX = 8192, REQUESTS_MAX = 64 };

struct subject {
    struct pawl_arena arena;
    struct pawl_reader reader;
};

static struct pawl_http_limits limits;

static void open_subject(struct subject *subject)
{
    pawl_arena_init(&subject->arena, 1 << 20);
    pawl_reader_init(&subject->reader, &limits, &subject->arena);
}

static void close_subject(struct subject *subject)
{
    pawl_reader_free(&subject->reader);
    pawl_arena_free(&subject->arena);
}

/* Feeds up to `piece` bytes at a time, each piece in memory of its own size. */
static size_t feed(struct pawl_reader *reader, const uint8_t *data, size_t bytes, size_t piece)
{
    size_t used = 0;
    while (used < bytes && reader->state <= PAWL_READER_BODY) {
        size_t here = piece < bytes - used ? piece : bytes - used;
        char *copy = malloc(here);
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, data + used, here);
        size_t taken = 0;
        while (taken < here && reader->state <= PAWL_READER_BODY) {
            taken += pawl_reader_feed(reader, pawl_slice_of(copy + taken, here - taken));
        }
        free(copy);
        used += taken;
    }
    return used;
}

static bool same_slice(struct pawl_slice a, struct pawl_slice b)
{
    return pawl_slice_equal(a, b);
}

static void check_same(const struct pawl_reader *a, const struct pawl_reader *b)
{
    PAWL_ASSERT(a->state == b->state && a->headers_complete == b->headers_complete);
    /* In a body guard and parser may both object, and the cuts decide who does it first. */
    PAWL_ASSERT(a->refusal == b->refusal || a->headers_complete);
    if (a->state != PAWL_READER_COMPLETE) {
        return;
    }
    PAWL_ASSERT(same_slice(a->request.method, b->request.method));
    PAWL_ASSERT(same_slice(a->request.target, b->request.target));
    PAWL_ASSERT(same_slice(a->request.path, b->request.path));
    PAWL_ASSERT(same_slice(a->request.query, b->request.query));
    PAWL_ASSERT(same_slice(a->request.body, b->request.body));
    PAWL_ASSERT(a->request.upgrade == b->request.upgrade && a->keep_alive == b->keep_alive);
    PAWL_ASSERT(a->request.header_count == b->request.header_count);
    for (size_t i = 0; i < a->request.header_count; i++) {
        PAWL_ASSERT(same_slice(a->request.headers[i].name, b->request.headers[i].name));
        PAWL_ASSERT(same_slice(a->request.headers[i].value, b->request.headers[i].value));
    }
}

static void check_text(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        PAWL_ASSERT(byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    }
}

static void check_accepted(const struct pawl_reader *reader)
{
    const struct pawl_http_request *request = &reader->request;
    size_t host_count = 0;
    PAWL_ASSERT(request->header_count <= HEADERS_MAX && request->body.bytes <= BODY_BYTES_MAX);
    PAWL_ASSERT(request->method.bytes > 0 && request->target.bytes > 0 && request->path.bytes > 0);
    check_text(request->target);
    for (size_t i = 0; i < request->header_count; i++) {
        PAWL_ASSERT(request->headers[i].name.bytes > 0);
        check_text(request->headers[i].name);
        check_text(request->headers[i].value);
        host_count += pawl_slice_equal_nocase(request->headers[i].name, PAWL_SLICE("host")) ? 1 : 0;
    }
    PAWL_ASSERT(host_count == 1 || (host_count == 0 && reader->guard.version_1_0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    limits = PAWL_HTTP_LIMITS_DEFAULT;
    limits.head_bytes_max = HEAD_BYTES_MAX;
    limits.header_count_max = HEADERS_MAX;
    limits.body_bytes_max = BODY_BYTES_MAX;
    if (bytes == 0) {
        return 0;
    }
    size_t piece = (size_t)(data[0] % 64) + 1;
    data += 1;
    bytes -= 1;
    struct subject whole;
    struct subject cut;
    open_subject(&whole);
    open_subject(&cut);
    for (int i = 0; i < REQUESTS_MAX && bytes > 0; i++) {
        size_t used = feed(&whole.reader, data, bytes, bytes);
        size_t used_cut = feed(&cut.reader, data, bytes, piece);
        check_same(&whole.reader, &cut.reader);
        if (whole.reader.state != PAWL_READER_COMPLETE) {
            break;
        }
        PAWL_ASSERT(used == used_cut && used <= bytes);
        check_accepted(&whole.reader);
        data += used;
        bytes -= used;
        pawl_arena_reset(&whole.arena);
        pawl_arena_reset(&cut.arena);
        pawl_reader_reset(&whole.reader);
        pawl_reader_reset(&cut.reader);
    }
    close_subject(&whole);
    close_subject(&cut);
    return 0;
}
