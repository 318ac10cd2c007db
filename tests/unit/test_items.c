/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_items.c: the items of a JSON list, however it is cut into pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/items.h"

enum { TEXT_BYTES_MAX = 4096 };

/* Everything that comes out, as "<raw>item" for each; a raw without an item in it is "<raw>". */
static void read_all(const char *text, size_t piece_bytes, struct pawl_buf *out)
{
    struct pawl_items items;
    struct pawl_sse_event event;
    struct pawl_slice rest = pawl_slice_str(text);
    pawl_items_init(&items, 0);
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice piece = pawl_slice_sub(rest, 0, piece_bytes);
        rest = pawl_slice_sub(rest, piece.bytes, rest.bytes);
        while (pawl_items_next(&items, &piece, &event) == PAWL_SSE_EVENT) {
            pawl_buf_printf(out, "<%.*s>%.*s", (int)event.raw.bytes, event.raw.data,
                            (int)event.data.bytes, event.data.data);
        }
    }
    if (pawl_items_finish(&items, &event) == PAWL_SSE_EVENT) {
        pawl_buf_printf(out, "<%.*s>%.*s%s", (int)event.raw.bytes, event.raw.data,
                        (int)event.data.bytes, event.data.data, event.complete ? "" : "!");
    }
    pawl_items_free(&items);
}

static void items_come_out_as_soon_as_they_are_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"[{\"a\":1}\n,\r\n{\"b\":[2]}]\n",
         "<[{\"a\":1}>{\"a\":1}<\n,\r\n{\"b\":[2]}>{\"b\":[2]}<]><\n>!"},
        {"[]", "<[]>"},
        {" [ ] ", "< [ ]>< >!"},
        {"[{\"a\":\"]}\\\"\\\\\"},{}]",
         "<[{\"a\":\"]}\\\"\\\\\"}>{\"a\":\"]}\\\"\\\\\"}<,{}>{}<]>"},
        {"[[1],[2]]", "<[[1]>[1]<,[2]>[2]<]>"},
        {"[{\"a\":", "<[{\"a\":>{\"a\":!"},
        {"[1,2]", "<[1,2]>1,2]"},
        {"nothing", "<nothing>!"},
    };
    static const size_t pieces[] = {SIZE_MAX, 1, 3};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < PAWL_ARRAY_LEN(pieces); k++) {
            struct pawl_buf out;
            pawl_buf_init(&out, TEXT_BYTES_MAX);
            read_all(rows[i].text, pieces[k], &out);
            assert_string_equal(pawl_buf_cstr(&out), rows[i].expected);
            pawl_buf_free(&out);
        }
    }
}

static void an_item_above_the_maximum_ends_the_reading(void **state)
{
    (void)state;
    struct pawl_items items;
    struct pawl_sse_event event;
    struct pawl_slice text = PAWL_SLICE("[{\"a\":1},{\"b\":\"0123456789\"}]");
    pawl_items_init(&items, 12);
    assert_int_equal(pawl_items_next(&items, &text, &event), PAWL_SSE_EVENT);
    assert_int_equal(pawl_items_next(&items, &text, &event), PAWL_SSE_TOO_BIG);
    assert_int_equal(pawl_items_next(&items, &text, &event), PAWL_SSE_TOO_BIG);
    assert_int_equal(pawl_items_finish(&items, &event), PAWL_SSE_TOO_BIG);
    pawl_items_free(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_as_soon_as_they_are_whole),
        cmocka_unit_test(an_item_above_the_maximum_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
