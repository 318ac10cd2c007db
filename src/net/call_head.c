/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_head.c: the head of an answer. libcurl hands it over line by line, the interim ones (1xx)
 * included, and later the trailers in the same way. Lines are gathered raw; the empty line
 * makes an array of slices into them for on_head. Names keep their case and values their
 * bytes, because the gateway passes them on.
 *
 * A folded line (obsolete, but some servers still send them) becomes part of the value before
 * it, joined by spaces. Failure: a head that is too large, or that libcurl lets through
 * and nobody could pass on, ends the call as a breach of protocol.
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "net/client_priv.h"

static bool fail(struct pawl_http_call *call, const char *why)
{
    call->head_bad = true;
    call->head_why = why;
    return false;
}

static bool is_status_line(struct pawl_slice line)
{
    return pawl_slice_starts_with(line, PAWL_SLICE("HTTP/"));
}

/* "HTTP/1.1 200 OK": the number, or 0. */
static int parse_status(struct pawl_slice line)
{
    struct pawl_slice rest = line;
    (void)pawl_slice_cut(&rest, ' ');
    uint64_t status = 0;
    bool plain = rest.bytes >= 3 && pawl_slice_to_u64(pawl_slice_sub(rest, 0, 3), &status) &&
                 (rest.bytes == 3 || rest.data[3] == ' ');
    return plain ? (int)status : 0;
}

static struct pawl_slice without_line_end(struct pawl_slice line)
{
    while (line.bytes > 0 &&
           (line.data[line.bytes - 1] == '\n' || line.data[line.bytes - 1] == '\r')) {
        line.bytes -= 1;
    }
    return line;
}

/* The status line and the header lines, each with an LF behind it, to headers. */
static size_t split_lines(struct pawl_http_call *call, struct pawl_http_header *headers)
{
    size_t count = 0;
    struct pawl_slice rest = pawl_buf_slice(&call->head);
    (void)pawl_slice_cut(&rest, '\n');
    while (rest.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&rest, '\n');
        size_t colon = pawl_slice_find_byte(line, ':');
        if (colon == 0 || colon == SIZE_MAX) {
            continue; /* nothing that could be passed on */
        }
        PAWL_ASSERT(count < call->header_count);
        headers[count].name = pawl_slice_trim(pawl_slice_sub(line, 0, colon));
        headers[count].value = pawl_slice_trim(pawl_slice_sub(line, colon + 1, line.bytes));
        count += 1;
    }
    return count;
}

static bool deliver(struct pawl_http_call *call)
{
    if (call->status < 200 || call->status > 999) {
        return fail(call, "the answer has no valid status");
    }
    struct pawl_http_header *headers =
        pawl_arena_alloc(&call->arena, ((size_t)call->header_count + 1) * sizeof(*headers));
    if (headers == NULL || call->head.overflowed) {
        return fail(call, "the head of the answer is too large");
    }
    size_t count = split_lines(call, headers);
    call->head_done = true;
    if (call->state == PAWL_CALL_RUNNING && call->events.on_head != NULL) {
        call->events.on_head(call->events.arg, call->status, headers, count);
    }
    return true;
}

static bool end_of_head(struct pawl_http_call *call)
{
    bool interim = call->status >= 100 && call->status <= 199 && call->status != 101;
    if (interim) {
        return true; /* the next status line begins anew */
    }
    return deliver(call);
}

bool pawl_call_head_line(struct pawl_http_call *call, struct pawl_slice line)
{
    if (call->head_done) {
        return true; /* a trailer */
    }
    struct pawl_slice text = without_line_end(line);
    if (is_status_line(text)) {
        pawl_buf_reset(&call->head);
        call->header_count = 0;
        call->status = parse_status(text);
    } else if (text.bytes == 0) {
        return end_of_head(call);
    } else if ((text.data[0] == ' ' || text.data[0] == '\t') && call->header_count > 0) {
        PAWL_ASSERT(call->head.bytes > 0);
        call->head.data[call->head.bytes - 1] = ' ';
        text = pawl_slice_trim(text);
    } else {
        call->header_count += 1;
    }
    pawl_buf_append_slice(&call->head, text);
    pawl_buf_append_byte(&call->head, '\n');
    if (call->head.overflowed) {
        return fail(call, "the head of the answer is too large");
    }
    return true;
}
