/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c: one request from bytes.
 *
 * The head is gathered in one buffer, each line judged by the guard as it completes, and the
 * places of its parts are kept. When the empty line came, llhttp gets the head in one piece. From
 * then on the buffer does not move, so the request's slices point into it and nothing is copied
 * again. What llhttp makes of the head is compared and not used, but for two questions of
 * connections: keep-alive and upgrade. The body goes
 * through guard and llhttp piece by piece into a buffer that doubles: a large Content-Length
 * promises nothing and reserves nothing.
 *
 * Invariants:
 *   R1  llhttp sees no byte that the guard has not passed.
 *   R2  COMPLETE only when the guard and llhttp ended the message at the same byte, and found as
 *       many headers in it and as long a target.
 *   R3  head and body never grow past the limits; memory that one large request needed
 *       is given back when the next one begins.
 *   R4  a body that has more than the limit of all has a place from when that is known until its
 *       memory is given back.
 * Failure: REFUSED with a row of refusal.h, memory included; the state is final until reset.
 */
#include "net/reader.h"

#include <string.h>

#include "base/assert.h"

enum {
    HEAD_STEP_BYTES = 1024, /* copied at once; a body's first bytes may be among them */
    LINES_FIRST = 16,
    HEAD_KEEP_BYTES = 16 * 1024, /* larger buffers are not kept for the next request */
    BODY_KEEP_BYTES = 16 * 1024,
    BODY_RESERVE_BYTES = 1 << 20 /* at once, for a body that says that it is so long */
};

static struct pawl_reader *reader_of(llhttp_t *parser)
{
    struct pawl_reader *reader = parser->data;
    PAWL_ASSERT(reader != NULL && &reader->parser == parser);
    return reader;
}

static int on_url(llhttp_t *parser, const char *at, size_t bytes)
{
    (void)at;
    reader_of(parser)->parser_target_bytes += bytes;
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct pawl_reader *reader = reader_of(parser);
    reader->parser_header_count += 1;
    return reader->headers_complete ? -1 : 0; /* a trailer, which the guard would have refused */
}

static int on_headers_complete(llhttp_t *parser)
{
    struct pawl_reader *reader = reader_of(parser);
    reader->headers_complete = true;
    reader->keep_alive = llhttp_should_keep_alive(parser) != 0;
    reader->request.upgrade = parser->upgrade != 0;
    /* No protocol but HTTP is ever spoken here, so what follows is read as HTTP. */
    parser->upgrade = 0;
    return 0;
}

/* Makes room for a body of so many bytes. false: it is too large, or there are too many such. */
static bool may_have(struct pawl_reader *reader, uint64_t bytes)
{
    if (bytes <= reader->body.max_bytes) {
        return true;
    }
    if (bytes > reader->body_bytes_max) {
        reader->refusal = PAWL_HTTP_REFUSAL_BODY_BYTES;
        return false;
    }
    reader->refusal =
        pawl_body_place_take(&reader->place, reader->large.places, reader->limits->large_count_max);
    if (reader->refusal != PAWL_HTTP_REFUSAL_NONE) {
        return false;
    }
    reader->body.max_bytes = (size_t)reader->body_bytes_max;
    return true;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct pawl_reader *reader = reader_of(parser);
    if (!may_have(reader, reader->body.bytes + bytes)) {
        return -1;
    }
    pawl_buf_append(&reader->body, at, bytes);
    if (reader->body.overflowed) {
        reader->refusal = PAWL_HTTP_REFUSAL_MEMORY;
        return -1;
    }
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    reader_of(parser)->message_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {.on_url = on_url,
                                           .on_header_value_complete = on_header_value_complete,
                                           .on_headers_complete = on_headers_complete,
                                           .on_body = on_body,
                                           .on_message_complete = on_message_complete};

void pawl_reader_init(struct pawl_reader *reader,
                      const struct pawl_http_limits *limits,
                      struct pawl_arena *arena)
{
    PAWL_ASSERT(limits->head_bytes_max > 0 && limits->body_bytes_max > 0);
    *reader = (struct pawl_reader){.limits = limits, .arena = arena};
    llhttp_init(&reader->parser, HTTP_REQUEST, &settings);
    reader->parser.data = reader;
    pawl_guard_init(&reader->guard, limits->header_count_max);
    pawl_buf_init(&reader->head, limits->head_bytes_max);
    pawl_buf_init(&reader->body, (size_t)limits->body_bytes_max);
}

/* The next body is like most. */
static void end_large(struct pawl_reader *reader)
{
    pawl_body_place_leave(&reader->place);
    reader->body.max_bytes = (size_t)reader->limits->body_bytes_max;
}

void pawl_reader_free(struct pawl_reader *reader)
{
    pawl_buf_free(&reader->head);
    pawl_buf_free(&reader->body);
    end_large(reader);
}

static void empty(struct pawl_buf *buf, size_t keep_bytes)
{
    if (buf->capacity > keep_bytes) {
        pawl_buf_free(buf);
    } else {
        pawl_buf_reset(buf);
    }
}

void pawl_reader_reset(struct pawl_reader *reader)
{
    reader->state = PAWL_READER_HEAD;
    reader->refusal = PAWL_HTTP_REFUSAL_NONE;
    reader->headers_complete = false;
    reader->message_complete = false;
    reader->head_known = false;
    reader->keep_alive = false;
    reader->line_start = 0;
    reader->lines = NULL;
    reader->line_count = 0;
    reader->line_room = 0;
    reader->parser_header_count = 0;
    reader->parser_target_bytes = 0;
    reader->request = (struct pawl_http_request){0};
    empty(&reader->head, HEAD_KEEP_BYTES);
    empty(&reader->body, BODY_KEEP_BYTES);
    end_large(reader);
    llhttp_reset(&reader->parser);
    pawl_guard_init(&reader->guard, reader->limits->header_count_max);
}

bool pawl_reader_is_large(const struct pawl_reader *reader)
{
    return reader->place.places != NULL;
}

bool pawl_reader_head_begun(const struct pawl_reader *reader)
{
    return reader->state == PAWL_READER_HEAD && reader->head.bytes > 0;
}

static void refuse(struct pawl_reader *reader, enum pawl_http_refusal refusal)
{
    PAWL_ASSERT(refusal != PAWL_HTTP_REFUSAL_NONE);
    reader->state = PAWL_READER_REFUSED;
    reader->refusal = refusal;
}

/* Path and query of the target, which the guard has found to begin with '/' or a scheme, or to
 * be "*". */
static void split_target(struct pawl_http_request *request)
{
    struct pawl_slice rest = request->target;
    if (rest.data[0] != '/' && rest.data[0] != '*') {
        size_t scheme = pawl_slice_find(rest, PAWL_SLICE("://"));
        struct pawl_slice authority = pawl_slice_sub(rest, scheme + 3, rest.bytes);
        size_t end = 0;
        while (end < authority.bytes && authority.data[end] != '/' && authority.data[end] != '?') {
            end += 1;
        }
        rest = pawl_slice_sub(authority, end, authority.bytes);
    }
    request->path = pawl_slice_cut(&rest, '?');
    request->query = rest;
    if (request->path.bytes == 0) {
        request->path = PAWL_SLICE("/");
    }
}

static struct pawl_slice slice_of(const struct pawl_reader *reader, struct pawl_reader_span span)
{
    return pawl_slice_of(reader->head.data + span.at, span.bytes);
}

/* Makes the request of the lines. False: no memory. */
static bool finish_head(struct pawl_reader *reader)
{
    struct pawl_http_request *request = &reader->request;
    size_t count = reader->line_count - 1;
    struct pawl_http_header *headers =
        pawl_arena_alloc_bare(reader->arena, count * sizeof(*headers));
    if (headers == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct pawl_reader_line *line = &reader->lines[i + 1];
        headers[i].name = slice_of(reader, line->first);
        headers[i].value = slice_of(reader, line->second);
    }
    request->headers = headers;
    request->header_count = count;
    request->method = slice_of(reader, reader->lines[0].first);
    request->target = slice_of(reader, reader->lines[0].second);
    split_target(request);
    if (request->upgrade) {
        /* An offer of HTTP/2 in clear text may be ignored, and some clients make it with
         * every first request. */
        const struct pawl_http_header *upgrade =
            pawl_http_find_header(request->headers, request->header_count, "Upgrade");
        request->upgrade =
            upgrade == NULL || !pawl_slice_equal_nocase(upgrade->value, PAWL_SLICE("h2c"));
    }
    reader->head_known = true;
    return true;
}

static void complete(struct pawl_reader *reader)
{
    reader->request.body = pawl_buf_slice(&reader->body);
    reader->state = PAWL_READER_COMPLETE;
}

/* Whether the parser sees in the head what the guard has seen. */
static bool parser_agrees(struct pawl_reader *reader, bool has_body)
{
    llhttp_errno_t err = llhttp_execute(&reader->parser, reader->head.data, reader->head.bytes);
    return err == (has_body ? HPE_OK : HPE_PAUSED) && reader->headers_complete &&
           reader->message_complete == !has_body &&
           reader->parser_header_count == reader->line_count - 1 &&
           reader->parser_target_bytes == reader->lines[0].second.bytes;
}

static void set_body_max(struct pawl_reader *reader)
{
    const struct pawl_guard *guard = &reader->guard;
    uint64_t most = reader->limits->body_bytes_max;
    reader->body_bytes_max = most;
    if (reader->large.body_max != NULL && (guard->chunked || guard->content_length > most)) {
        struct pawl_http_body_max more =
            reader->large.body_max(reader->large.arg, &reader->request);
        reader->body_bytes_max = more.bytes > most ? more.bytes : most;
        reader->place.whose = more.whose;
    }
}

/* The guard saw the end of the head: the parser's turn. */
static void parse_head(struct pawl_reader *reader)
{
    const struct pawl_guard *guard = &reader->guard;
    bool has_body = guard->chunked || guard->content_length > 0;
    if (!parser_agrees(reader, has_body)) {
        refuse(reader, llhttp_get_errno(&reader->parser) == HPE_INVALID_METHOD
                           ? PAWL_HTTP_REFUSAL_METHOD
                           : PAWL_HTTP_REFUSAL_PARSER);
        return;
    }
    if (!finish_head(reader)) {
        refuse(reader, PAWL_HTTP_REFUSAL_MEMORY);
        return;
    }
    if (!has_body) {
        complete(reader);
        return;
    }
    set_body_max(reader);
    if (!guard->chunked && !may_have(reader, guard->content_length)) {
        refuse(reader, reader->refusal);
        return;
    }
    reader->state = PAWL_READER_BODY;
    reader->body_left_bytes = guard->content_length;
    if (!guard->chunked) {
        /* Otherwise a body is copied again each time it has outgrown its buffer. Where there is no
         * such room now, there may be for what really comes. */
        uint64_t bytes =
            guard->content_length < BODY_RESERVE_BYTES ? guard->content_length : BODY_RESERVE_BYTES;
        (void)pawl_buf_reserve(&reader->body, (size_t)bytes);
    }
    pawl_guard_chunks_init(&reader->chunks, reader->body_bytes_max);
}

static struct pawl_reader_span span_of(const struct pawl_reader *reader, struct pawl_slice part)
{
    return (struct pawl_reader_span){.at = (uint32_t)(part.data - reader->head.data),
                                     .bytes = (uint32_t)part.bytes};
}

static bool make_room_for_line(struct pawl_reader *reader)
{
    size_t room = reader->line_room > 0 ? reader->line_room * 2 : LINES_FIRST;
    struct pawl_reader_line *lines =
        reader->lines == NULL
            ? pawl_arena_alloc_bare(reader->arena, room * sizeof(*lines))
            : pawl_arena_resize(reader->arena, reader->lines, reader->line_room * sizeof(*lines),
                                room * sizeof(*lines));
    if (lines == NULL) {
        refuse(reader, PAWL_HTTP_REFUSAL_MEMORY);
        return false;
    }
    reader->lines = lines;
    reader->line_room = room;
    return true;
}

/* Keeps where the parts of the line are that has passed. */
static void keep_line(struct pawl_reader *reader)
{
    if (reader->line_count < reader->line_room || make_room_for_line(reader)) {
        reader->lines[reader->line_count++] = (struct pawl_reader_line){
            span_of(reader, reader->guard.first), span_of(reader, reader->guard.second)};
    }
}

static void judge_line(struct pawl_reader *reader, struct pawl_slice line)
{
    struct pawl_guard *guard = &reader->guard;
    enum pawl_http_refusal refusal = pawl_guard_line(guard, line);
    if (refusal != PAWL_HTTP_REFUSAL_NONE) {
        refuse(reader, refusal);
    } else if (guard->request_line_seen && !guard->ended) {
        keep_line(reader);
    }
}

/* Judges the lines that are whole with `piece` bytes more, which lie behind the head's. Returns how
 * many of them belong to it, and makes them its own. */
static size_t take_lines(struct pawl_reader *reader, size_t piece)
{
    struct pawl_buf *head = &reader->head;
    size_t before = head->bytes;
    size_t at = before;
    const char *lf;
    while (reader->state == PAWL_READER_HEAD && !reader->guard.ended &&
           (lf = memchr(head->data + at, '\n', before + piece - at)) != NULL) {
        at = (size_t)(lf - head->data) + 1;
        judge_line(reader, pawl_slice_of(head->data + reader->line_start, at - reader->line_start));
        reader->line_start = at;
        if (reader->state == PAWL_READER_HEAD && !reader->guard.request_line_seen) {
            /* An empty line before the request is nobody's. */
            pawl_buf_reset(head);
            reader->line_start = 0;
            return at - before;
        }
    }
    size_t taken = reader->guard.ended ? at - before : piece;
    pawl_buf_advance(head, taken);
    return taken;
}

static size_t feed_head(struct pawl_reader *reader, struct pawl_slice bytes)
{
    size_t used = 0;
    while (used < bytes.bytes && reader->state == PAWL_READER_HEAD) {
        size_t room = reader->head.max_bytes - reader->head.bytes;
        size_t piece = bytes.bytes - used < HEAD_STEP_BYTES ? bytes.bytes - used : HEAD_STEP_BYTES;
        piece = piece < room ? piece : room;
        char *end = piece > 0 ? pawl_buf_reserve(&reader->head, piece) : NULL;
        if (end == NULL) {
            refuse(reader, piece == 0 ? PAWL_HTTP_REFUSAL_HEAD_BYTES : PAWL_HTTP_REFUSAL_MEMORY);
            break;
        }
        memcpy(end, bytes.data + used, piece);
        used += take_lines(reader, piece);
        if (reader->state == PAWL_READER_HEAD && reader->guard.ended) {
            parse_head(reader);
        }
    }
    return used;
}

static size_t feed_body(struct pawl_reader *reader, struct pawl_slice bytes)
{
    size_t used = 0;
    bool done = false;
    if (reader->guard.chunked) {
        enum pawl_http_refusal refusal = pawl_guard_chunks_feed(&reader->chunks, bytes, &used);
        if (refusal != PAWL_HTTP_REFUSAL_NONE) {
            refuse(reader, refusal);
            return bytes.bytes;
        }
        done = reader->chunks.state == PAWL_GUARD_CHUNK_DONE;
    } else {
        used =
            bytes.bytes < reader->body_left_bytes ? bytes.bytes : (size_t)reader->body_left_bytes;
        reader->body_left_bytes -= used;
        done = reader->body_left_bytes == 0;
    }
    llhttp_errno_t err = llhttp_execute(&reader->parser, bytes.data, used);
    if (err != (done ? HPE_PAUSED : HPE_OK) || reader->message_complete != done) {
        refuse(reader, reader->refusal != PAWL_HTTP_REFUSAL_NONE ? reader->refusal
                                                                 : PAWL_HTTP_REFUSAL_PARSER);
    } else if (done) {
        complete(reader);
    }
    return used;
}

size_t pawl_reader_feed(struct pawl_reader *reader, struct pawl_slice bytes)
{
    switch (reader->state) {
    case PAWL_READER_HEAD:
        return feed_head(reader, bytes);
    case PAWL_READER_BODY:
        return bytes.bytes > 0 ? feed_body(reader, bytes) : 0;
    case PAWL_READER_COMPLETE:
    case PAWL_READER_REFUSED:
        return 0;
    }
    PAWL_UNREACHABLE();
}
