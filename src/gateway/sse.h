/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse.h: an incremental reader of server-sent events that keeps the bytes.
 *
 * A proxy must do two things with a stream: understand each event, and pass it on as it came.
 * So every event is handed out with its exact bytes, and the bytes of all events put together
 * are the bytes that were fed, comments, blank lines and byte order mark included.
 *
 * Contract:
 *   S1  The same bytes give the same names and data however they were cut into pieces.
 *   S2  The `raw` slices in order are the input, without a gap or an overlap, once
 *       pawl_sse_finish was called.
 *   S3  No event is held back: when the blank line that ends it is there, so is the event.
 *   S4  At most event_bytes_max bytes are kept. A longer event is an error, and stays one.
 *
 * Lines end with LF, CR LF or CR. A stream that has shown CR LF is taken to go on with it: a cut
 * between the two then waits for the LF, so that it does not split an event's bytes.
 */
#ifndef PAWL_GATEWAY_SSE_H
#define PAWL_GATEWAY_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { PAWL_SSE_EVENT_BYTES_MAX = 16 * 1024 * 1024 };

struct pawl_sse_event {
    struct pawl_slice raw;  /* every byte of it, up to and with its blank line */
    struct pawl_slice name; /* the last "event:" field; empty if there is none */
    struct pawl_slice data; /* the "data:" fields joined with LF */
    bool has_data;          /* at least one "data:" field: without one, a client sees nothing */
    bool data_in_raw;       /* one "data:" line only, so that `data` points into `raw` */
    bool complete;          /* ended by a blank line; false only from pawl_sse_finish */
};

enum pawl_sse_status {
    PAWL_SSE_EVENT,  /* *ret_event is set */
    PAWL_SSE_MORE,   /* all input is taken and no event is complete */
    PAWL_SSE_TOO_BIG /* an event passed the maximum (or memory is gone): nothing more will come */
};

struct pawl_sse {
    struct pawl_buf pending; /* the event under way */
    struct pawl_buf joined;  /* data of an event with several data lines */
    size_t line_start;       /* in pending: where the line under way begins */
    bool after_cr;           /* the last byte was a CR, and its line waits for the LF */
    bool skip_lf;    /* the last byte was a CR that ended its line; an LF still belongs to it */
    bool crlf;       /* a CR LF was seen */
    bool handed_out; /* pending holds the event of the last call */
    bool first;      /* nothing was handed out yet: a byte order mark may stand in front */
    bool failed;
};

/* event_bytes_max: 0 for the default. Allocates nothing yet. */
void pawl_sse_init(struct pawl_sse *sse, size_t event_bytes_max);
void pawl_sse_free(struct pawl_sse *sse);

/* Takes bytes from the front of *input until an event is complete or the input is used up. The
 * event's slices live until the next call on this reader. */
enum pawl_sse_status
pawl_sse_next(struct pawl_sse *sse, struct pawl_slice *input, struct pawl_sse_event *ret_event);

/* The stream has ended. PAWL_SSE_EVENT when bytes were left over: an event without its blank
 * line, which some providers end with, or which a cut left behind. */
enum pawl_sse_status pawl_sse_finish(struct pawl_sse *sse, struct pawl_sse_event *ret_event);

#endif
