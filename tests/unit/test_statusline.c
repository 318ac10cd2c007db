/* SPDX-License-Identifier: Apache-2.0 */
/* test_statusline.c: the line of a run as a table of formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/money.h"
#include "cli/statusline.h"

#define CENT (PAWL_MICROCENTS_PER_USD / 100)

static struct pawl_glance glance;

static void fill(void)
{
    glance = (struct pawl_glance){
        .id = "run_0123456789abcdef", .name = "night\x1b[31mly", .phase = "impl", .calls = 9};
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        glance.caps[i] = (struct pawl_glance_cap){.limit = 1000, .spent = 100, .left_ms = -1};
    }
    glance.caps[PAWL_CAP_USD] = (struct pawl_glance_cap){.limit = 150 * CENT,
                                                         .spent = 42 * CENT + CENT / 2,
                                                         .per_minute = 9 * CENT,
                                                         .left_ms = 12 * 60 * 1000 + 59999};
}

static void expect(const char *format, const char *line)
{
    struct pawl_buf out;
    struct pawl_errmsg msg;
    pawl_buf_init(&out, 4096);
    assert_true(pawl_ok(pawl_statusline_write(&glance, format, &out, &msg)));
    assert_string_equal(pawl_buf_cstr(&out), line);
    pawl_buf_free(&out);
}

static void a_running_run(void **state)
{
    (void)state;
    fill();
    expect(PAWL_STATUSLINE_FORMAT, "$0.43/$1.50 28% · 12m left · impl");
    expect(PAWL_STATUSLINE_FORMAT_ASCII, "$0.43/$1.50 28% - 12m left - impl");
    expect("{burn} {calls} {tokens} {run}", "$0.09/min 9 100 run_0123456789abcdef");
    expect("[{nearest:}]", "[]"); /* the dollars are the nearest */
    expect("{{{name}}", "{night?[31mly}");
    expect("", "");
    glance.caps[PAWL_CAP_TOKENS].spent = 400;
    expect("{nearest:/}", "/tokens 40%");
}

static void a_run_that_stands_still(void **state)
{
    (void)state;
    fill();
    glance.unreached = true;
    expect("{state}", "no answer");
    glance.latched = true;
    glance.unit = PAWL_UNIT_USD_MICROCENTS;
    expect(PAWL_STATUSLINE_FORMAT, "$0.43/$1.50 28% · stopped: dollars · impl");
    glance.ending = true;
    glance.phase[0] = '\0';
    expect(PAWL_STATUSLINE_FORMAT, "$0.43/$1.50 28% · ending");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        const char *words;
    } rows[] = {{"{cost}", "there is no {cost}, only {spent}"},
                {"{}", "there is no {}, only"},
                {"a{spent", "a brace is open: '{spent'"}};
    fill();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_buf out;
        struct pawl_errmsg msg = {""};
        pawl_buf_init(&out, 4096);
        assert_true(pawl_failed(pawl_statusline_write(&glance, rows[i].format, &out, &msg)));
        assert_non_null(strstr(msg.text, rows[i].words));
        pawl_buf_free(&out);
    }
}

static void times_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "0s"},          {59999, "59s"},      {60000, "1m"},
                {3599999, "59m"},   {3900000, "1h 05m"}, {86399999, "23h 59m"},
                {86400000, ">24h"}, {INT64_MAX, ">24h"}};
    char out[PAWL_STATUSLINE_LEFT_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        assert_string_equal(pawl_statusline_time(rows[i].ms, out), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_run),
        cmocka_unit_test(a_run_that_stands_still),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(times_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
