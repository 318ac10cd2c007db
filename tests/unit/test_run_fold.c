/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_fold.c: lines for terminals of several widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "run/fold.h"

static void lines_are_folded_between_words(void **state)
{
    (void)state;
    static const struct {
        unsigned columns;
        const char *text;
        const char *folded;
    } cases[] = {
        {80, "", ""},
        {80, "pawl: short\n", "pawl: short\n"},
        {0, "pawl: nobody knows how wide it is here\n", "pawl: nobody knows how wide it is here\n"},
        {20, "pawl: narrower than anybody reads\n", "pawl: narrower than anybody reads\n"},
        /* To the last column, and not beyond. */
        {24, "pawl: eighteen columns!!\n", "pawl: eighteen columns!!\n"},
        {24, "pawl: nineteen columns!!!\n", "pawl: nineteen\n      columns!!!\n"},
        {24, "pawl: one two three four five six\n", "pawl: one two three four\n      five six\n"},
        {24, "pawl: \303\244\303\266\303\274 two three four five\n",
         "pawl: \303\244\303\266\303\274 two three four\n      five\n"},
        /* No line but the last lacks its end. */
        {24, "one\ntwo", "one\ntwo"},
        /* Under the text of a card's line, as far as there is room. */
        {60, "  phases      implementation: $0.05, 4 model calls, 2m 5s of 10m\n",
         "  phases      implementation: $0.05, 4 model calls, 2m 5s of\n              10m\n"},
        {32, "  phases      implementation: $0.05, 4 model calls\n",
         "  phases      implementation:\n          $0.05, 4 model calls\n"},
        /* Commands stay whole, on a line of their own. */
        {40, "pawl: no more. To go on: pawl run --resume run_1 --add-usd 1\n",
         "pawl: no more. To go on:\n      pawl run --resume run_1 --add-usd 1\n"},
        {40, "pawl: so. Yes: pawl approve run_1 --add-usd 1   No: pawl deny run_1\n",
         "pawl: so. Yes:\n      pawl approve run_1 --add-usd 1\n      No: pawl deny run_1\n"},
        {30, "pawl: stopped with pawl stop; the agent is ended now\n",
         "pawl: stopped with pawl stop;\n      the agent is ended now\n"},
        {30, "pawl: go on with pawl run --resume run_0123456789 --add-usd 1\n",
         "pawl: go on with\n      pawl run --resume run_0123456789 --add-usd 1\n"},
        /* A word alone is not broken. */
        {24, "pawl: /a/path/that/is/longer/than/that yes\n",
         "pawl:\n      /a/path/that/is/longer/than/that\n      yes\n"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        struct pawl_buf out;
        pawl_buf_init(&out, 4096);
        pawl_fold(pawl_slice_str(cases[i].text), cases[i].columns, &out);
        assert_string_equal(pawl_buf_cstr(&out), cases[i].folded);
        pawl_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_folded_between_words),
    };
    return cmocka_run_group_tests_name("run_fold", tests, NULL, NULL);
}
