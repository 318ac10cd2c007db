/* SPDX-License-Identifier: Apache-2.0 */
/* test_width.c: how many columns a text takes, and where it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "cli/width.h"

static void characters_take_none_one_or_two(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"caf\xc3\xa9 \xe2\x80\xa6", 6},             /* é, an ellipsis */
        {"e\xcc\x81", 1},                            /* an accent behind its letter */
        {"\xe5\x90\x88\xe7\xba\xa6", 4},             /* Chinese */
        {"\xed\x95\x9c", 2},                         /* Hangul */
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2}, /* the same, by its jamo */
        {"\xef\xbd\xb1\xef\xbc\xa1", 3},             /* a half-width and a full-width letter */
        {"\xf0\x9f\x9a\x80", 2},                     /* a rocket */
        {"\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88", 1}, /* Thai, with two marks */
        {"\xd0\x96\xce\xa9\xd7\x90", 3},             /* Cyrillic, Greek, Hebrew */
        {"a\xff\xfe"
         "b",
         4},                 /* no UTF-8 */
        {"\xe2\x80\x8d", 0}, /* a joiner */
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        assert_int_equal(pawl_width_text(rows[i].text), rows[i].columns);
    }
    assert_int_equal(pawl_width_of(0x10ffff), 1);
    assert_int_equal(pawl_width_of(0x20000), 2);
}

/* No half of a character, and no mark without its letter. */
static void a_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char text[] = "a\xe5\x90\x88\xe7\xba\xa6"
                               "e\xcc\x81";
    static const struct {
        size_t columns;
        size_t bytes;
        size_t taken;
    } rows[] = {{0, 0, 0}, {1, 1, 1}, {2, 1, 1}, {3, 4, 3}, {4, 4, 3}, {5, 7, 5}, {6, 10, 6}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        size_t taken = 99;
        assert_int_equal(pawl_width_cut(text, rows[i].columns, &taken), rows[i].bytes);
        assert_int_equal(taken, rows[i].taken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(characters_take_none_one_or_two),
                                       cmocka_unit_test(a_text_is_cut_between_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
