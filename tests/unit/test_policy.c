/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_policy.c: policies as texts: what is read, what is told, what a value replaces. The tables
 * of fields and of built-in policies are walked, so that a new row is tested by being there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

enum { TOLD_BYTES = 8192 };

static char told[TOLD_BYTES]; /* "2 error caps.usd: …\n" a problem */

static void collect(void *arg, const struct pawl_policy_problem *problem)
{
    (void)arg;
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof(told) - used, "%u %s %s: %s\n", (unsigned)problem->line,
                   problem->warning ? "warning" : "error", problem->path, problem->message);
}

/* Reads and checks; the problems are in `told`. The policy must be freed. */
static bool read_policy(struct pawl_policy *policy, const char *text)
{
    struct pawl_policy_reporter reporter = {.report = collect};
    told[0] = '\0';
    pawl_policy_init(policy);
    bool sound = pawl_policy_read(policy, "dir/ours.yaml", pawl_slice_str(text), &reporter);
    pawl_policy_check(policy, &reporter);
    return sound && reporter.errors == 0;
}

static void expect_told(const char *text, const char *expected)
{
    struct pawl_policy policy;
    (void)read_policy(&policy, text);
    assert_string_equal(told, expected);
    pawl_policy_free(&policy);
}

/* --- Built-in policies ----------------------------------------------------------------------- */

static void every_builtin_policy_loads_sets_all_five_caps_and_has_no_problem(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (; pawl_policy_builtin_name(count) != NULL; count++) {
        struct pawl_policy policy;
        struct pawl_policy_reporter reporter = {.report = collect};
        told[0] = '\0';
        pawl_policy_init(&policy);
        struct pawl_slice name = pawl_slice_str(pawl_policy_builtin_name(count));
        assert_true(pawl_policy_load_builtin(&policy, name));
        pawl_policy_check(&policy, &reporter);
        assert_string_equal(told, "");
        for (int field = PAWL_POLICY_CAPS_TOKENS; field <= PAWL_POLICY_CAPS_TIME; field++) {
            assert_true(pawl_policy_number(&policy, (enum pawl_policy_field_id)field) > 0);
        }
        assert_non_null(pawl_policy_get(&policy, PAWL_POLICY_CAPS_USD, ""));
        assert_true(pawl_slice_equal(pawl_policy_get(&policy, PAWL_POLICY_NAME, "")->text, name));
        pawl_policy_free(&policy);
    }
    assert_true(count >= 3);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    for (uint32_t i = 0; pawl_policy_builtin_name(i) != NULL; i++) {
        struct pawl_policy one;
        struct pawl_policy two;
        struct pawl_buf first;
        struct pawl_buf second;
        pawl_buf_init(&first, PAWL_POLICY_BYTES_MAX);
        pawl_buf_init(&second, PAWL_POLICY_BYTES_MAX);
        pawl_policy_init(&one);
        assert_true(pawl_policy_load_builtin(&one, pawl_slice_str(pawl_policy_builtin_name(i))));
        pawl_policy_write(&one, &first);
        pawl_buf_append_byte(&first, '\0');
        assert_true(read_policy(&two, first.data));
        assert_string_equal(told, "");
        pawl_policy_write(&two, &second);
        pawl_buf_append_byte(&second, '\0');
        assert_string_equal(first.data, second.data);
        pawl_policy_free(&one);
        pawl_policy_free(&two);
        pawl_buf_free(&first);
        pawl_buf_free(&second);
    }
}

static void phases_are_written_once_each(void **state)
{
    (void)state;
    static const char text[] = "phases:\n  docs:\n    tokens: 9K\n    on_limit: ask\n"
                               "  verification:\n    usd: 0.20\n    iterations: 3\n"
                               "  smoke:\n    usd: 10%\n    match: \"./smoke.sh\"\n";
    struct pawl_policy one;
    struct pawl_policy two;
    struct pawl_buf written;
    pawl_buf_init(&written, PAWL_POLICY_BYTES_MAX);
    assert_true(read_policy(&one, text));
    pawl_policy_write(&one, &written);
    pawl_buf_append_byte(&written, '\0');
    assert_true(read_policy(&two, written.data));
    assert_string_equal(told, "");
    assert_int_equal(one.value_count, two.value_count);
    for (uint32_t i = 0; i < one.value_count; i++) {
        const struct pawl_policy_value *value = &one.values[i];
        char key[PAWL_POLICY_PHASE_NAME_MAX + 1];
        assert_true(pawl_slice_copy_str(value->key, key, sizeof(key)));
        const struct pawl_policy_value *same = pawl_policy_get(&two, value->field, key);
        assert_non_null(same);
        assert_true(pawl_slice_equal(value->text, same->text));
    }
    pawl_policy_free(&one);
    pawl_policy_free(&two);
    pawl_buf_free(&written);
}

/* --- Files ----------------------------------------------------------------------------------- */

static void a_file_lies_on_top_of_what_it_extends(void **state)
{
    (void)state;
    struct pawl_policy policy;
    assert_true(read_policy(&policy, "caps:\n  usd: 2.10\n  time: 45m\nextends: team\n"));
    assert_string_equal(told, "");
    const struct pawl_policy_value *usd = pawl_policy_get(&policy, PAWL_POLICY_CAPS_USD, "");
    assert_int_equal(usd->number, 210000000);
    assert_int_equal(usd->origin, PAWL_POLICY_FROM_FILE);
    assert_int_equal(usd->line, 2);
    assert_int_equal(pawl_policy_number(&policy, PAWL_POLICY_CAPS_TIME), 45 * 60000);
    const struct pawl_policy_value *calls =
        pawl_policy_get(&policy, PAWL_POLICY_CAPS_TOOL_CALLS, "");
    assert_int_equal(calls->number, 500);
    assert_int_equal(calls->origin, PAWL_POLICY_FROM_BUILTIN);
    assert_string_equal(calls->source, "team");
    pawl_policy_free(&policy);
}

static void a_file_without_a_name_is_called_what_it_is_called_on_disk(void **state)
{
    (void)state;
    struct pawl_policy policy;
    assert_true(read_policy(&policy, "caps: {tokens: 1M}\n"));
    assert_true(pawl_slice_equal_str(pawl_policy_get(&policy, PAWL_POLICY_NAME, "")->text, "ours"));
    pawl_policy_free(&policy);
    assert_true(read_policy(&policy, "name: \"the \\\"big\\\" one\"\n"));
    assert_true(pawl_slice_equal_str(pawl_policy_get(&policy, PAWL_POLICY_NAME, "")->text,
                                     "the \"big\" one"));
    pawl_policy_free(&policy);
}

static void every_problem_is_told_with_its_line_and_field(void **state)
{
    (void)state;
    expect_told("caps:\n"
                "  usd: 1.123456789\n"
                "  tokens: -5\n"
                "  iterations: 0\n"
                "  time: 90 minutes\n"
                "  tool_cals: 3\n"
                "unattended: never\n",
                "2 error caps.usd: takes dollars above 0, such as 1.50, or auto, not "
                "'1.123456789'\n"
                "3 error caps.tokens: takes a whole number above 0, such as 60K or 10M, not '-5'\n"
                "4 error caps.iterations: takes a whole number above 0, such as 60K or 10M, not "
                "'0'\n"
                "5 error caps.time: takes a time such as 90s, 30m or 2h, not '90 minutes'\n"
                "6 error caps.tool_cals: there is no such field; did you mean caps.tool_calls?\n"
                "7 error unattended: takes allow or forbid, not 'never'\n");
}

static void what_yaml_can_do_beyond_a_policy_is_refused(void **state)
{
    (void)state;
    expect_told("caps: &a {tokens: 1M}\n", "1 error caps: anchors and tags have no meaning here\n");
    expect_told("caps: *a\n", "1 error caps: anchors and tags have no meaning here\n");
    expect_told("name: !!str x\n", "1 error name: anchors and tags have no meaning here\n");
    expect_told("unattended: [allow]\n", "1 error unattended: a list has no meaning here\n");
    expect_told("- caps\n", "1 error : a list has no meaning here\n");
    expect_told("caps\n", "1 error : a policy is made of fields, such as \"caps:\"\n");
    expect_told("name: a\n---\nname: b\n", "2 error : one file holds one policy\n");
    expect_told("a: {b: {c: {d: {e: 1}}}}\n", "1 error a.b.c.d: this is nested too deeply\n");
    expect_told("{a: b}: c\n", "1 error : a key must be a word\n");
    expect_told("caps.usd: 1\n", "1 error : a key must be a short word without a full stop\n");
    expect_told("caps: 3\n", "1 error caps: is a group: its fields stand below it, indented\n");
}

static void a_text_that_is_no_yaml_is_told_with_its_line(void **state)
{
    (void)state;
    struct pawl_policy policy;
    assert_false(read_policy(&policy, "name: a\ncaps: {\n"));
    assert_non_null(strstr(told, "error : this is no YAML: "));
    pawl_policy_free(&policy);
    assert_false(read_policy(&policy, "name: \"\xff\"\n"));
    assert_non_null(strstr(told, "error : this is no YAML: "));
    pawl_policy_free(&policy);
}

static void an_empty_file_and_a_field_said_twice_are_errors(void **state)
{
    (void)state;
    expect_told("", "1 error : the file says nothing\n");
    expect_told("# nothing yet\n", "1 error : the file says nothing\n");
    struct pawl_policy policy;
    struct pawl_policy_reporter reporter = {.report = collect};
    told[0] = '\0';
    pawl_policy_init(&policy);
    struct pawl_slice nothing = {.data = NULL, .bytes = 0}; /* a buffer into which nothing came */
    assert_false(pawl_policy_read(&policy, "ours.yaml", nothing, &reporter));
    assert_string_equal(told, "1 error : the file says nothing\n");
    pawl_policy_free(&policy);
    expect_told("caps:\n  usd: 1\n  usd: 2\n", "3 error caps.usd: is there twice\n");
    expect_told("name: a\nname: b\n", "2 error name: is there twice\n");
    expect_told("extends: nobody\n", "1 error extends: there is no built-in policy 'nobody'\n");
}

static void the_largest_file_is_64_kib(void **state)
{
    (void)state;
    static char text[PAWL_POLICY_BYTES_MAX + 2];
    memset(text, '#', sizeof(text) - 1);
    expect_told(text, "0 error : a policy has at most 65536 bytes\n");
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void caps_outside_of_the_usual_ranges_are_warned_of(void **state)
{
    (void)state;
    struct pawl_policy policy;
    assert_true(read_policy(&policy, "caps:\n  tokens: 10000001\n  tool_calls: 501\n"
                                     "  iterations: 201\n  time: 2h1m\n"));
    assert_string_equal(
        told, "2 warning caps.tokens: 10,000,001 is more than runs usually need (up to "
              "10,000,000)\n"
              "3 warning caps.tool_calls: 501 is more than runs usually need (up to 500)\n"
              "4 warning caps.iterations: 201 is more than runs usually need (up to 200)\n"
              "5 warning caps.time: 2h 1m is more than runs usually need (up to 2h)\n");
    pawl_policy_free(&policy);
    assert_true(read_policy(&policy, "caps: {tokens: 10M, tool_calls: 500, iterations: 200, "
                                     "time: 2h}\n"));
    assert_string_equal(told, "");
    pawl_policy_free(&policy);
}

static void a_computed_cap_needs_bounds_that_are_some(void **state)
{
    (void)state;
    expect_told("caps: {usd: auto}\n",
                "1 error caps.usd: auto needs caps.usd_min and caps.usd_max\n");
    expect_told("extends: team\ncaps:\n  usd_min: 6\n",
                "3 error caps.usd_min: caps.usd_min is above caps.usd_max\n");
    expect_told("caps:\n  usd_max: 6\n",
                "2 warning caps.usd_max: has no effect, since caps.usd is not auto\n");
    expect_told("extends: team\ncaps: {usd: 3}\n", "");
}

static void a_policy_under_which_nothing_could_begin_is_an_error(void **state)
{
    (void)state;
    expect_told("unattended: forbid\nattendance: unattended\n",
                "2 error attendance: no run could ever begin: unattended runs are forbidden "
                "(unattended: forbid)\n");
}

/* --- Values ---------------------------------------------------------------------------------- */

static void a_later_value_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct pawl_policy policy;
    struct pawl_errmsg msg;
    pawl_policy_init(&policy);
    assert_true(pawl_policy_load_builtin(&policy, PAWL_SLICE("individual")));
    uint32_t count = policy.value_count;
    struct pawl_policy_setting setting = {.field = PAWL_POLICY_CAPS_USD,
                                          .text = PAWL_SLICE("$4"),
                                          .origin = PAWL_POLICY_FROM_FLAG,
                                          .source = "max-usd"};
    assert_true(pawl_ok(pawl_policy_set(&policy, &setting, &msg)));
    assert_int_equal(policy.value_count, count);
    assert_int_equal(pawl_policy_number(&policy, PAWL_POLICY_CAPS_USD), 400000000);
    setting.text = PAWL_SLICE("four");
    assert_int_equal(pawl_policy_set(&policy, &setting, &msg).code, PAWL_ERR_INVALID);
    assert_int_equal(pawl_policy_number(&policy, PAWL_POLICY_CAPS_USD), 400000000);
    pawl_policy_free(&policy);
}

static void every_field_has_a_form_a_help_and_a_path_that_finds_it(void **state)
{
    (void)state;
    for (int i = 0; i < PAWL_POLICY_FIELD_COUNT; i++) {
        char form[PAWL_POLICY_FORM_BYTES];
        struct pawl_slice key;
        const struct pawl_policy_field *field = &pawl_policy_fields[i];
        assert_true(strlen(pawl_policy_form((enum pawl_policy_field_id)i, form)) > 3);
        assert_true(strlen(form) < PAWL_POLICY_FORM_BYTES - 1);
        assert_true(strlen(field->help) > 10);
        assert_int_equal(pawl_policy_find_field(pawl_slice_str(field->path), &key), i);
    }
    struct pawl_slice key;
    assert_int_equal(pawl_policy_find_field(PAWL_SLICE("caps"), &key), PAWL_POLICY_FIELD_COUNT);
    assert_int_equal(pawl_policy_find_field(PAWL_SLICE("caps.usd.x"), &key),
                     PAWL_POLICY_FIELD_COUNT);
    assert_int_equal(pawl_policy_find_field(PAWL_SLICE(""), &key), PAWL_POLICY_FIELD_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_builtin_policy_loads_sets_all_five_caps_and_has_no_problem),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(phases_are_written_once_each),
        cmocka_unit_test(a_file_lies_on_top_of_what_it_extends),
        cmocka_unit_test(a_file_without_a_name_is_called_what_it_is_called_on_disk),
        cmocka_unit_test(every_problem_is_told_with_its_line_and_field),
        cmocka_unit_test(what_yaml_can_do_beyond_a_policy_is_refused),
        cmocka_unit_test(a_text_that_is_no_yaml_is_told_with_its_line),
        cmocka_unit_test(an_empty_file_and_a_field_said_twice_are_errors),
        cmocka_unit_test(the_largest_file_is_64_kib),
        cmocka_unit_test(caps_outside_of_the_usual_ranges_are_warned_of),
        cmocka_unit_test(a_computed_cap_needs_bounds_that_are_some),
        cmocka_unit_test(a_policy_under_which_nothing_could_begin_is_an_error),
        cmocka_unit_test(a_later_value_replaces_an_earlier_one),
        cmocka_unit_test(every_field_has_a_form_a_help_and_a_path_that_finds_it),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
