/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sse.c: the reader of server-sent events, by its contract S1 to S4: the same events for
 * every way of cutting the input, the exact bytes back, nothing held back, a bound on memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/prng.h"
#include "gateway/sse.h"
#include "seed.h"

enum { TEXT_BYTES_MAX = 4096 };

/* Everything a stream gave: one line "name|data" an event that has data, and the raw bytes. */
struct seen {
    struct pawl_buf events;
    struct pawl_buf raw;
    bool too_big;
};

static void note(struct seen *seen, const struct pawl_sse_event *event)
{
    pawl_buf_append_slice(&seen->raw, event->raw);
    if (event->has_data) {
        pawl_buf_append_slice(&seen->events, event->name);
        pawl_buf_append_byte(&seen->events, '|');
        pawl_buf_append_slice(&seen->events, event->data);
        pawl_buf_append_byte(&seen->events, '\n');
    }
}

static void feed(struct pawl_sse *sse, struct pawl_slice piece, struct seen *seen)
{
    struct pawl_sse_event event;
    enum pawl_sse_status status = PAWL_SSE_MORE;
    while ((status = pawl_sse_next(sse, &piece, &event)) == PAWL_SSE_EVENT) {
        note(seen, &event);
    }
    seen->too_big = status == PAWL_SSE_TOO_BIG;
}

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){0};
    pawl_buf_init(&seen->events, 1 << 20);
    pawl_buf_init(&seen->raw, 1 << 20);
}

static void seen_free(struct seen *seen)
{
    pawl_buf_free(&seen->events);
    pawl_buf_free(&seen->raw);
}

static void finish(struct pawl_sse *sse, struct seen *seen)
{
    struct pawl_sse_event event;
    if (pawl_sse_finish(sse, &event) == PAWL_SSE_EVENT) {
        note(seen, &event);
    }
    pawl_sse_free(sse);
}

/* Feeds `text` in pieces of `piece_bytes`. */
static void read_in_pieces(struct pawl_slice text, size_t piece_bytes, struct seen *seen)
{
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    for (size_t at = 0; at < text.bytes; at += piece_bytes) {
        feed(&sse, pawl_slice_sub(text, at, piece_bytes), seen);
    }
    finish(&sse, seen);
}

/* Feeds `text` in two pieces. */
static void read_cut(struct pawl_slice text, size_t cut, struct seen *seen)
{
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    feed(&sse, pawl_slice_sub(text, 0, cut), seen);
    feed(&sse, pawl_slice_sub(text, cut, text.bytes), seen);
    finish(&sse, seen);
}

static void assert_slice(struct pawl_slice got, struct pawl_slice expected)
{
    if (!pawl_slice_equal(got, expected)) {
        print_error("got <%.*s>\nexpected <%.*s>\n", (int)got.bytes, got.data, (int)expected.bytes,
                    expected.data);
        fail();
    }
}

static void assert_seen(struct seen *seen, struct pawl_slice text, const char *expected)
{
    assert_false(seen->too_big);
    assert_slice(pawl_buf_slice(&seen->raw), text);
    assert_slice(pawl_buf_slice(&seen->events), pawl_slice_str(expected));
    seen_free(seen);
}

static const struct {
    const char *text;
    const char *events;
} cases[] = {
    /* Line ends of all three kinds, and mixed ones. */
    {"data: a\n\ndata: b\n\n", "|a\n|b\n"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "|a\n|b\n"},
    {"data: a\r\rdata: b\r\r", "|a\n|b\n"},
    {"data: a\r\n\ndata: b\n\r\n", "|a\n|b\n"},
    {"event: x\r\ndata: a\r\n\r\n\r\n\r\ndata: b\n\n", "x|a\n|b\n"},
    {"data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r", "|a\nb\nc\n|d\n"},
    /* Names, several data lines, the one optional space, no space, a colon in the value. */
    {"event: message_start\ndata: {\"a\":1}\n\n", "message_start|{\"a\":1}\n"},
    {"event: one\nevent: two\ndata: x\n\n", "two|x\n"},
    {"data: a\ndata: b\ndata:\ndata: c\n\n", "|a\nb\n\nc\n"},
    {"data:a\n\ndata:  b\n\ndata:c: d\n\n", "|a\n| b\n|c: d\n"},
    {"data\n\n", "|\n"},
    {"data: x\nevent\n\n", "|x\n"},
    /* Fields that look alike, other fields, comments, blank lines. */
    {"database: no\ndata: yes\nevents: no\n\n", "|yes\n"},
    {": ping\n\n: ping\ndata: a\nid: 7\nretry: 100\n\n\n\n: bye\n\n", "|a\n"},
    /* A byte order mark, once and only in front. */
    {"\xEF\xBB\xBF"
     "data: a\n\n"
     "\xEF\xBB\xBF"
     "data: b\n\n",
     "|a\n"},
    {"\xEF\xBB\xBF\n\ndata: a\n\n", "|a\n"},
    /* The end without a blank line, without a line end, and inside a field. */
    {"data: a\n\ndata: b\n", "|a\n|b\n"},
    {"data: a\n\ndata: b", "|a\n|b\n"},
    {"data: a\r\n\r\ndata: b\r\n\r", "|a\n|b\n"},
    {"data: a\n\nda", "|a\n"},
    {"", ""},
    {"\n", ""},
    {"\r\n", ""},
};

static void sse_reads_whole_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); ++i) {
        struct pawl_slice text = pawl_slice_str(cases[i].text);
        struct seen seen;
        seen_init(&seen);
        read_in_pieces(text, text.bytes + 1, &seen);
        assert_seen(&seen, text, cases[i].events);
    }
}

static void sse_reads_the_same_byte_by_byte_and_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); ++i) {
        struct pawl_slice text = pawl_slice_str(cases[i].text);
        for (size_t piece_bytes = 1; piece_bytes < 12; ++piece_bytes) {
            struct seen seen;
            seen_init(&seen);
            read_in_pieces(text, piece_bytes, &seen);
            assert_seen(&seen, text, cases[i].events);
        }
    }
}

static void sse_reads_the_same_for_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); ++i) {
        struct pawl_slice text = pawl_slice_str(cases[i].text);
        for (size_t cut = 0; cut <= text.bytes; ++cut) {
            struct seen seen;
            seen_init(&seen);
            read_cut(text, cut, &seen);
            assert_seen(&seen, text, cases[i].events);
        }
    }
}

/* S3: the event is there when its blank line is, without a byte of the next one. */
static void sse_hands_out_an_event_with_its_blank_line(void **state)
{
    (void)state;
    const char *const texts[] = {"data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); ++i) {
        struct pawl_sse sse;
        pawl_sse_init(&sse, 0);
        struct pawl_slice text = pawl_slice_str(texts[i]);
        struct pawl_sse_event event;
        assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
        assert_true(event.complete);
        assert_true(event.data_in_raw);
        assert_slice(event.data, PAWL_SLICE("a"));
        assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_MORE);
        assert_int_equal(pawl_sse_finish(&sse, &event), PAWL_SSE_MORE);
        pawl_sse_free(&sse);
    }
}

/* An event's bytes are its own: dropping one leaves a stream that reads as if it had never been. */
static void sse_raw_bytes_of_events_stand_alone(void **state)
{
    (void)state;
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    struct pawl_slice text = PAWL_SLICE("data: a\r\n\r\ndata: b\r\n\r\ndata: c\r\n\r\n");
    struct pawl_sse_event event;
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
    assert_slice(event.raw, PAWL_SLICE("data: a\r\n\r\n"));
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
    assert_slice(event.raw, PAWL_SLICE("data: b\r\n\r\n"));
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
    assert_slice(event.raw, PAWL_SLICE("data: c\r\n\r\n"));
    pawl_sse_free(&sse);
}

static void sse_marks_an_event_without_its_blank_line(void **state)
{
    (void)state;
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    struct pawl_slice text = PAWL_SLICE("event: stop\ndata: {\"half\":");
    struct pawl_sse_event event;
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_MORE);
    assert_int_equal(pawl_sse_finish(&sse, &event), PAWL_SSE_EVENT);
    assert_false(event.complete);
    assert_slice(event.name, PAWL_SLICE("stop"));
    assert_slice(event.data, PAWL_SLICE("{\"half\":"));
    pawl_sse_free(&sse);
}

static void sse_joins_data_lines_outside_of_raw(void **state)
{
    (void)state;
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    struct pawl_slice text = PAWL_SLICE("data: {\ndata: }\n\n");
    struct pawl_sse_event event;
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
    assert_false(event.data_in_raw);
    assert_slice(event.data, PAWL_SLICE("{\n}"));
    pawl_sse_free(&sse);
}

static void sse_refuses_an_event_above_the_maximum_for_good(void **state)
{
    (void)state;
    struct pawl_sse sse;
    pawl_sse_init(&sse, 16);
    struct pawl_slice fits = PAWL_SLICE("data: 12345678\n\n");
    struct pawl_sse_event event;
    assert_int_equal(pawl_sse_next(&sse, &fits, &event), PAWL_SSE_EVENT);
    struct pawl_slice longer = PAWL_SLICE("data: 123456789\n\n");
    assert_int_equal(pawl_sse_next(&sse, &longer, &event), PAWL_SSE_TOO_BIG);
    struct pawl_slice more = PAWL_SLICE("data: a\n\n");
    assert_int_equal(pawl_sse_next(&sse, &more, &event), PAWL_SSE_TOO_BIG);
    assert_int_equal(pawl_sse_finish(&sse, &event), PAWL_SSE_TOO_BIG);
    pawl_sse_free(&sse);
}

/* --- Drawn input. ------------------------------------------------------------------------- */

/* Text of the bytes that matter, so that fields and line ends of every kind come often. */
static size_t draw_text(struct pawl_prng *prng, char *out)
{
    static const char *const words[] = {"data: ", "data",         "event: ", ":",    " ",
                                        "\n",     "\n\n",         "\r",      "\r\n", "\r\n\r\n",
                                        "x",      "\xEF\xBB\xBF", "id: 1"};
    size_t bytes = 0;
    size_t count = (size_t)pawl_prng_below(prng, 60);
    for (size_t i = 0; i < count; ++i) {
        const char *word = words[pawl_prng_below(prng, PAWL_ARRAY_LEN(words))];
        size_t length = strlen(word);
        memcpy(out + bytes, word, length);
        bytes += length;
    }
    return bytes;
}

static void read_drawn(struct pawl_prng *prng, struct pawl_slice text, struct seen *seen)
{
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    size_t at = 0;
    while (at < text.bytes) {
        size_t bytes = (size_t)pawl_prng_between(prng, 0, 9);
        feed(&sse, pawl_slice_sub(text, at, bytes), seen);
        at += bytes;
    }
    finish(&sse, seen);
}

static void sse_reads_drawn_input_the_same_however_it_is_cut(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_sse"));
    for (int round = 0; round < 2000; ++round) {
        char bytes[TEXT_BYTES_MAX];
        struct pawl_slice text = pawl_slice_of(bytes, draw_text(&prng, bytes));
        struct seen whole;
        seen_init(&whole);
        read_in_pieces(text, text.bytes + 1, &whole);
        struct seen pieces;
        seen_init(&pieces);
        read_drawn(&prng, text, &pieces);
        assert_slice(pawl_buf_slice(&whole.raw), text);
        assert_slice(pawl_buf_slice(&pieces.raw), text);
        assert_slice(pawl_buf_slice(&pieces.events), pawl_buf_slice(&whole.events));
        seen_free(&whole);
        seen_free(&pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sse_reads_whole_input),
        cmocka_unit_test(sse_reads_the_same_byte_by_byte_and_in_pieces),
        cmocka_unit_test(sse_reads_the_same_for_every_cut),
        cmocka_unit_test(sse_hands_out_an_event_with_its_blank_line),
        cmocka_unit_test(sse_raw_bytes_of_events_stand_alone),
        cmocka_unit_test(sse_marks_an_event_without_its_blank_line),
        cmocka_unit_test(sse_joins_data_lines_outside_of_raw),
        cmocka_unit_test(sse_refuses_an_event_above_the_maximum_for_good),
        cmocka_unit_test(sse_reads_drawn_input_the_same_however_it_is_cut),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
