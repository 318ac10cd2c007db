/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_top_layout.c: what `pawl top` shows, as text: whole screens where every column matters, and
 * on screens of every size that nothing is written outside, and nothing moves.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/money.h"
#include "cli/top_layout.h"

#define CENT (PAWL_MICROCENTS_PER_USD / 100)

enum { RUNS = 3 };
static struct pawl_glance runs[RUNS];

static struct pawl_top fill(void)
{
    memset(runs, 0, sizeof(runs));
    for (int i = 0; i < RUNS; i++) {
        struct pawl_glance *run = &runs[i];
        (void)snprintf(run->id, sizeof(run->id), "run_000000000000000%d", RUNS - i);
        (void)snprintf(run->command, sizeof(run->command), "/usr/bin/claude -p %d", i);
        (void)snprintf(run->policy, sizeof(run->policy), "team");
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            run->caps[k] = (struct pawl_glance_cap){.limit = 1000, .spent = 100 * k, .left_ms = -1};
        }
        run->caps[PAWL_CAP_USD] = (struct pawl_glance_cap){.limit = 200 * CENT,
                                                           .spent = (i + 1) * 60 * CENT,
                                                           .held = 20 * CENT,
                                                           .per_minute = (RUNS - i) * CENT,
                                                           .left_ms = 720000};
    }
    (void)snprintf(runs[1].name, sizeof(runs[1].name),
                   "n\xc3\xa4"
                   "chtlich \xe6\x97\xa5\xff\n");
    runs[2].latched = true;
    runs[2].unit = PAWL_UNIT_USD_MICROCENTS;
    runs[0].last_count = 1;
    runs[0].last[0] = runs[0].dearest =
        (struct pawl_recent_call){.id = 4, .microcents = 3 * CENT, .tokens = 12345, .model = "m"};
    return (struct pawl_top){.runs = runs, .count = RUNS, .clock = "13:55:01"};
}

/* The screen as text; to be freed. */
static char *screen(const struct pawl_top *top, int width, int height, bool utf8)
{
    struct pawl_grid grid;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    pawl_grid_init(&grid, width, height, utf8);
    pawl_top_layout(top, &grid);
    pawl_grid_print(&grid, out);
    pawl_grid_free(&grid);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void a_snapshot_has_a_line_for_each_run(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    char *text = screen(&top, 80, pawl_top_snapshot_height(RUNS), false);
    assert_string_equal(
        text, "pawl top  3 live  $3.60 spent  $0.06/min  by start                      13:55:01\n"
              "RUN           STATE    DOLLARS   TOKENS    TOOLS     CALLS     TIME         LEFT\n"
              "claude -p 0   running  #+..  30% #...  10% #...  20% #...  30% ##..  40%     12m\n"
              "n?chtlich ??? running  ##+.  60% #...  10% #...  20% #...  30% ##..  40%     12m\n"
              "claude -p 2   stopped  ####  90% #...  10% #...  20% #...  30% ##..  40%\n");
    free(text);
}

static void a_wide_screen_has_every_column(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    (void)snprintf(runs[0].phase, sizeof(runs[0].phase), "verification");
    char *text = screen(&top, 150, 5, true);
    assert_non_null(strstr(text, "$/MIN"));
    assert_non_null(strstr(text, "stopped: dollars"));
    assert_non_null(strstr(text, "nächtlich ???"));
    assert_non_null(strstr(text, "███▒░░░░░░  30%"));
    assert_non_null(strstr(text, "$0.03      12m verification\n"));
    free(text);
}

static void the_selected_run_has_a_panel_where_there_is_room(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    top.interactive = true;
    char *text = screen(&top, 80, 24, true);
    assert_non_null(strstr(text, "run_0000000000000003  running  claude -p 0"));
    assert_non_null(strstr(text, "$0.60 of $2.00    $0.03/min     12m left"));
    assert_non_null(strstr(text, "dearest "));
    assert_non_null(strstr(text, "$0.03    12K tokens  m\n"));
    free(text);
    text = screen(&top, 40, 10, true);
    assert_null(strstr(text, "dearest"));
    assert_non_null(strstr(text, "claude -p 2"));
    assert_non_null(strstr(text, "q quit"));
    free(text);
}

static void a_message_stands_in_place_of_the_keys(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    top.interactive = true;
    top.message = "stop it? y or n";
    char *text = screen(&top, 80, 24, false);
    assert_non_null(strstr(text, "\nstop it? y or n\n"));
    assert_null(strstr(text, "q quit"));
    free(text);
}

static void without_runs_it_says_how_to_start_one(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    top.count = 0;
    for (int interactive = 0; interactive < 2; interactive++) {
        top.interactive = interactive != 0;
        char *text = screen(&top, 80, 24, false);
        assert_non_null(strstr(text, "no run is live: pawl run -- COMMAND starts one"));
        free(text);
    }
}

/* The grid asserts nothing: what lies outside is dropped. That nothing was written there is what
 * the sanitizers look at. */
static void every_size_is_laid_out(void **state)
{
    (void)state;
    for (int width = 1; width <= 200; width += 3) {
        for (int height = 1; height <= 40; height += 3) {
            for (int kind = 0; kind < 4; kind++) {
                struct pawl_top top = fill();
                top.interactive = kind > 0;
                top.detail = kind > 1;
                top.selected = kind > 2 ? 2 : 0;
                free(screen(&top, width, height, true));
            }
        }
    }
}

static size_t column_of(const char *text, const char *word)
{
    const char *found = strstr(text, word);
    assert_non_null(found);
    while (found > text && found[-1] != '\n') {
        found--;
    }
    return (size_t)(strstr(found, word) - found);
}

/* Whatever the numbers are, each column stays where it is. */
static void nothing_jumps(void **state)
{
    (void)state;
    static const char *const words[] = {"STATE", "DOLLARS", "TOKENS", "TIME", "LEFT"};
    struct pawl_top top = fill();
    char *before = screen(&top, 80, 5, false);
    runs[0].caps[PAWL_CAP_USD].spent = 9999999 * CENT;
    runs[0].caps[PAWL_CAP_USD].per_minute = 123456 * CENT;
    runs[0].caps[PAWL_CAP_USD].left_ms = INT64_C(86399999);
    (void)snprintf(runs[0].name, sizeof(runs[0].name), "%0100d", 7);
    char *after = screen(&top, 80, 5, false);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(words); i++) {
        assert_int_equal(column_of(before, words[i]), column_of(after, words[i]));
    }
    assert_int_equal(column_of(before, " 12m"), column_of(after, " 12m"));
    assert_non_null(strstr(after, "#### 999%"));
    free(before);
    free(after);
}

static void the_selection_stays_on_its_run(void **state)
{
    (void)state;
    struct pawl_top top = fill();
    pawl_top_arrange(&top, "run_0000000000000003");
    assert_int_equal(top.selected, 0);
    top.sort = PAWL_TOP_BY_SPENT;
    pawl_top_arrange(&top, "run_0000000000000003");
    assert_string_equal(top.runs[0].id, "run_0000000000000001");
    assert_int_equal(top.selected, 2);
    top.sort = PAWL_TOP_BY_BURN;
    pawl_top_arrange(&top, "run_0000000000000003");
    assert_int_equal(top.selected, 0);
    top.count = 1;
    top.selected = 2;
    pawl_top_arrange(&top, "gone");
    assert_int_equal(top.selected, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_has_a_line_for_each_run),
        cmocka_unit_test(a_wide_screen_has_every_column),
        cmocka_unit_test(the_selected_run_has_a_panel_where_there_is_room),
        cmocka_unit_test(a_message_stands_in_place_of_the_keys),
        cmocka_unit_test(without_runs_it_says_how_to_start_one),
        cmocka_unit_test(every_size_is_laid_out),
        cmocka_unit_test(nothing_jumps),
        cmocka_unit_test(the_selection_stays_on_its_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
