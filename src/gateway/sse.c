/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse.c: the reader of server-sent events (contract in sse.h).
 *
 * Two steps. Finding where an event ends works on bytes as they come and only looks for line
 * ends; an event ends with the first line that is empty. Reading the fields happens once, when the
 * whole event lies in `pending`, so no field is ever parsed in halves and the cuts of the
 * input cannot matter (S1).
 *
 * Everything is copied into `pending` once. Events are a few hundred bytes; handing out slices
 * of the caller's buffer instead would save that copy and cost a second code path for every
 * event that straddles two reads.
 */
#include "gateway/sse.h"

#include "base/assert.h"

static const char bom[] = "\xEF\xBB\xBF";
enum { BOM_BYTES = 3 };

void pawl_sse_init(struct pawl_sse *sse, size_t event_bytes_max)
{
    size_t max = event_bytes_max == 0 ? PAWL_SSE_EVENT_BYTES_MAX : event_bytes_max;
    *sse = (struct pawl_sse){.first = true};
    pawl_buf_init(&sse->pending, max);
    pawl_buf_init(&sse->joined, max);
}

void pawl_sse_free(struct pawl_sse *sse)
{
    pawl_buf_free(&sse->pending);
    pawl_buf_free(&sse->joined);
}

/* --- Fields. ------------------------------------------------------------------------------ */

/* Cuts the next line off *rest, its end excluded. */
static struct pawl_slice cut_line(struct pawl_slice *rest)
{
    size_t end = 0;
    while (end < rest->bytes && rest->data[end] != '\n' && rest->data[end] != '\r') {
        ++end;
    }
    struct pawl_slice line = {rest->data, end};
    if (end < rest->bytes) {
        bool both = rest->data[end] == '\r' && end + 1 < rest->bytes && rest->data[end + 1] == '\n';
        end += both ? 2 : 1;
    }
    *rest = pawl_slice_of(rest->data + end, rest->bytes - end);
    return line;
}

/* The value of the field `name` if the line is one: what follows the colon, less one space. */
static bool field_value(struct pawl_slice line, struct pawl_slice name, struct pawl_slice *ret)
{
    if (!pawl_slice_starts_with(line, name)) {
        return false;
    }
    if (line.bytes == name.bytes) {
        *ret = pawl_slice_of(line.data + line.bytes, 0);
        return true;
    }
    if (line.data[name.bytes] != ':') {
        return false;
    }
    size_t skip = name.bytes + 1;
    if (skip < line.bytes && line.data[skip] == ' ') {
        ++skip;
    }
    *ret = pawl_slice_of(line.data + skip, line.bytes - skip);
    return true;
}

static void add_data(struct pawl_sse *sse, struct pawl_sse_event *event, struct pawl_slice value)
{
    if (!event->has_data) {
        event->has_data = true;
        event->data_in_raw = true;
        event->data = value;
        return;
    }
    if (event->data_in_raw) {
        pawl_buf_append_slice(&sse->joined, event->data);
        event->data_in_raw = false;
    }
    pawl_buf_append_byte(&sse->joined, '\n');
    pawl_buf_append_slice(&sse->joined, value);
    event->data = pawl_buf_slice(&sse->joined);
}

static enum pawl_sse_status
hand_out(struct pawl_sse *sse, bool complete, struct pawl_sse_event *ret_event)
{
    struct pawl_slice rest = pawl_buf_slice(&sse->pending);
    struct pawl_sse_event event = {.raw = rest, .complete = complete};
    if (sse->first && pawl_slice_starts_with(rest, pawl_slice_of(bom, BOM_BYTES))) {
        rest = pawl_slice_sub(rest, BOM_BYTES, rest.bytes);
    }
    pawl_buf_reset(&sse->joined);
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice line = cut_line(&rest);
        struct pawl_slice value = PAWL_SLICE_NONE;
        if (field_value(line, PAWL_SLICE("data"), &value)) {
            add_data(sse, &event, value);
        } else if (field_value(line, PAWL_SLICE("event"), &value)) {
            event.name = value;
        }
    }
    if (sse->joined.overflowed) {
        sse->failed = true;
        return PAWL_SSE_TOO_BIG;
    }
    sse->first = false;
    sse->handed_out = true;
    *ret_event = event;
    return PAWL_SSE_EVENT;
}

/* --- Line ends. --------------------------------------------------------------------------- */

static size_t find_line_end(struct pawl_slice input)
{
    for (size_t i = 0; i < input.bytes; ++i) {
        if (input.data[i] == '\n' || input.data[i] == '\r') {
            return i;
        }
    }
    return SIZE_MAX;
}

static void take(struct pawl_sse *sse, struct pawl_slice *input, size_t bytes)
{
    PAWL_ASSERT(bytes <= input->bytes);
    pawl_buf_append(&sse->pending, input->data, bytes);
    *input = pawl_slice_of(input->data + bytes, input->bytes - bytes);
}

/* The line whose end is now in pending was empty, so the event is complete. */
static bool line_was_blank(const struct pawl_sse *sse, size_t end_bytes)
{
    struct pawl_slice line = {sse->pending.data + sse->line_start,
                              sse->pending.bytes - sse->line_start - end_bytes};
    if (sse->first && sse->line_start == 0 &&
        pawl_slice_equal(line, pawl_slice_of(bom, BOM_BYTES))) {
        return true;
    }
    return line.bytes == 0;
}

/* A line has ended with `end_bytes` bytes of line end. */
static bool end_line(struct pawl_sse *sse, size_t end_bytes)
{
    bool blank = line_was_blank(sse, end_bytes);
    sse->line_start = sse->pending.bytes;
    return blank;
}

/* Takes the LF that belongs to the CR before it, if it is there. Returns the bytes of the
 * line end, or 0 when that cannot be known yet. */
static size_t finish_cr(struct pawl_sse *sse, struct pawl_slice *input)
{
    if (pawl_slice_empty(*input)) {
        /* A stream of bare CRs must not wait for a byte that may never come (S3). */
        sse->after_cr = sse->crlf;
        sse->skip_lf = !sse->crlf;
        return sse->crlf ? 0 : 1;
    }
    sse->after_cr = false;
    if (input->data[0] != '\n') {
        return 1;
    }
    take(sse, input, 1);
    sse->crlf = true;
    return 2;
}

/* Takes one line end from the input, which stands at one. 0 as for finish_cr. */
static size_t take_line_end(struct pawl_sse *sse, struct pawl_slice *input)
{
    bool lf = input->data[0] == '\n';
    take(sse, input, 1);
    return lf ? 1 : finish_cr(sse, input);
}

/* The LF of a CR that has already ended its line: bytes to keep, but no line of its own. */
static void take_late_lf(struct pawl_sse *sse, struct pawl_slice *input)
{
    sse->skip_lf = false;
    if (input->data[0] == '\n') {
        take(sse, input, 1);
        sse->crlf = true;
        sse->line_start = sse->pending.bytes;
    }
}

/* Takes bytes up to and with the next line end. 0 when no line has ended yet, else the bytes of
 * its end. */
static size_t take_line(struct pawl_sse *sse, struct pawl_slice *input)
{
    if (sse->after_cr) {
        return finish_cr(sse, input);
    }
    size_t line_bytes = find_line_end(*input);
    if (line_bytes == SIZE_MAX) {
        take(sse, input, input->bytes);
        return 0;
    }
    take(sse, input, line_bytes);
    return take_line_end(sse, input);
}

enum pawl_sse_status
pawl_sse_next(struct pawl_sse *sse, struct pawl_slice *input, struct pawl_sse_event *ret_event)
{
    if (sse->handed_out) {
        pawl_buf_reset(&sse->pending);
        sse->line_start = 0;
        sse->handed_out = false;
    }
    while (!sse->failed && !pawl_slice_empty(*input)) {
        size_t end_bytes = 0;
        if (sse->skip_lf) {
            take_late_lf(sse, input);
        } else {
            end_bytes = take_line(sse, input);
        }
        if (sse->pending.overflowed) {
            sse->failed = true;
        } else if (end_bytes > 0 && end_line(sse, end_bytes)) {
            return hand_out(sse, true, ret_event);
        }
    }
    return sse->failed ? PAWL_SSE_TOO_BIG : PAWL_SSE_MORE;
}

enum pawl_sse_status pawl_sse_finish(struct pawl_sse *sse, struct pawl_sse_event *ret_event)
{
    if (sse->failed) {
        return PAWL_SSE_TOO_BIG;
    }
    if (sse->handed_out || sse->pending.bytes == 0) {
        return PAWL_SSE_MORE;
    }
    /* A CR that waited for its LF ends its line after all. */
    bool complete = sse->after_cr && line_was_blank(sse, 1);
    sse->after_cr = false;
    return hand_out(sse, complete, ret_event);
}
