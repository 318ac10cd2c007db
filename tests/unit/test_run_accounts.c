/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_accounts.c: what is kept of subscriptions from run to run, what is learned of their
 * windows, and the line before a run.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "run/windows.h"

#define SECOND_US INT64_C(1000000)
#define NOW_S     INT64_C(1795000000)
#define NOW_US    (NOW_S * SECOND_US)

static struct pawl_datadir dir;

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(dir.path, sizeof(dir.path), "/tmp/pawl-accounts-XXXXXX");
    return mkdtemp(dir.path) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[PAWL_PATH_BYTES + 16];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir.path);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own. */
}

static struct pawl_subscription subscription_of(uint64_t id, int64_t used_bp, int64_t tokens)
{
    struct pawl_subscription subscription = {
        .upstream = PAWL_UPSTREAM_ANTHROPIC,
        .id = id,
        .billing = PAWL_BILLING_PLAN,
        .tokens = tokens,
        .seen_us = NOW_US,
        .window_count = 1,
        .windows = {{.name = "5h",
                     .length_s = 18000,
                     .used_bp = used_bp,
                     .resets_at_s = NOW_S + 3600,
                     .has_status = true}},
    };
    return subscription;
}

static void what_was_learned_is_there_for_the_next_run(void **state)
{
    (void)state;
    struct pawl_windows windows;
    pawl_windows_open(&windows, &dir);
    assert_false(windows.key_kept);
    struct pawl_subscription one = subscription_of(0x1234, 1000, 0);
    struct pawl_subscription two = subscription_of(0x1234, 1200, 50000);
    pawl_windows_learn(&windows, &one);
    pawl_windows_learn(&windows, &two);
    assert_true(windows.key_kept);

    struct pawl_windows next;
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    pawl_windows_open(&next, &dir);
    assert_true(next.key_kept);
    assert_memory_equal(&next.key, &windows.key, sizeof(next.key));
    assert_true(pawl_ok(pawl_accounts_read(&dir, "0000000000001234", &record, &msg)));
    assert_int_equal(record.billing, PAWL_BILLING_PLAN);
    assert_int_equal(record.seen_us, NOW_US);
    assert_int_equal(record.window_count, 1);
    assert_string_equal(record.windows[0].seen.name, "5h");
    assert_int_equal(record.windows[0].seen.used_bp, 1200);
    assert_int_equal(record.windows[0].learned_tokens, 50000);
    assert_int_equal(record.windows[0].learned_bp, 200);
    /* 250 tokens a basis point, 8,800 of them left. */
    assert_int_equal(pawl_account_tokens_left(&record.windows[0], NOW_US), 2200000);
}

static void a_run_whose_key_came_second_writes_nothing(void **state)
{
    (void)state;
    struct pawl_windows late = {.dir = &dir};
    struct pawl_subscription one = subscription_of(0x9999, 1000, 0);
    pawl_windows_learn(&late, &one); /* Another run's key is there. */
    assert_true(late.key_lost);
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    assert_int_equal(pawl_accounts_read(&dir, "0000000000009999", &record, &msg).code,
                     PAWL_ERR_NOT_FOUND);
}

static void a_window_that_began_anew_teaches_nothing(void **state)
{
    (void)state;
    struct pawl_account_record record = {.window_count = 0};
    struct pawl_subscription one = subscription_of(1, 9000, 0);
    pawl_account_learn(&record, &one, 0);
    struct pawl_subscription fresh = subscription_of(1, 9100, 0);
    fresh.windows[0].resets_at_s += 18000;
    pawl_account_learn(&record, &fresh, 1000);
    assert_int_equal(record.windows[0].learned_bp, 0);
    struct pawl_subscription back = subscription_of(1, 100, 0);
    back.windows[0].resets_at_s += 18000;
    pawl_account_learn(&record, &back, 1000);
    assert_int_equal(record.windows[0].learned_bp, 0);
    assert_int_equal(pawl_account_tokens_left(&record.windows[0], NOW_US), -1);
}

static void a_window_whose_reset_is_past_is_whole_again(void **state)
{
    (void)state;
    struct pawl_account_window window = {
        .seen = {.used_bp = 10000, .resets_at_s = NOW_S, .refused = true, .has_status = true},
        .learned_tokens = 1000,
        .learned_bp = 10,
    };
    char text[PAWL_WINDOW_TEXT_BYTES];
    assert_int_equal(pawl_account_tokens_left(&window, NOW_US - 1), 0);
    assert_int_equal(pawl_account_tokens_left(&window, NOW_US), 1000000);
    assert_string_equal(pawl_window_text(&window, NOW_US, text), "has begun anew");
    assert_string_equal(pawl_window_text(&window, NOW_US - 90 * SECOND_US, text),
                        "100.0% used (calls are refused), resets in 1m 30s");
}

/* --- The line before a run ------------------------------------------------------------------- */

static const char *set_variable;
static const char *set_value;

static const char *environment(const char *name)
{
    return set_variable != NULL && strcmp(name, set_variable) == 0 ? set_value : NULL;
}

static void expect_line(const struct pawl_account_record *record, int64_t tokens, const char *text)
{
    struct pawl_buf line;
    pawl_buf_init(&line, 4096);
    pawl_windows_line(record, tokens, NOW_US, &line);
    assert_true(pawl_slice_equal_str(pawl_buf_slice(&line), text));
    pawl_buf_free(&line);
}

static void the_account_is_guessed_and_told(void **state)
{
    (void)state;
    struct pawl_windows windows;
    struct pawl_account_record record;
    pawl_windows_open(&windows, &dir);
    struct pawl_subscription own = subscription_of(0, 5000, 0);
    own.id = pawl_subscription_id(windows.key, PAWL_UPSTREAM_ANTHROPIC, PAWL_SLICE("sk-ant-oat01"));
    own.seen_us = NOW_US - SECOND_US;
    pawl_windows_learn(&windows, &own);

    set_variable = "CLAUDE_CODE_OAUTH_TOKEN";
    set_value = "sk-ant-oat01";
    assert_true(pawl_windows_guess(&windows, environment, PAWL_AGENT_CLAUDE, &record));
    assert_int_equal(record.windows[0].seen.used_bp, 5000);
    assert_true(pawl_windows_guess(&windows, environment, PAWL_AGENT_NONE, &record));
    assert_false(pawl_windows_guess(&windows, environment, PAWL_AGENT_CODEX, &record));
    set_value = "another";
    assert_false(pawl_windows_guess(&windows, environment, PAWL_AGENT_CLAUDE, &record));
    set_variable = NULL;
    assert_true(pawl_windows_guess(&windows, environment, PAWL_AGENT_CLAUDE, &record));
    assert_int_equal(record.windows[0].seen.used_bp, 1200); /* the one that was seen last */
    assert_false(pawl_windows_guess(&windows, environment, PAWL_AGENT_NONE, &record));

    memcpy(record.id, "0000000000001234", sizeof(record.id));
    expect_line(&record, 5000000,
                "pawl: anthropic subscription 00000000: 5h window 12.0% used, resets in 1h; about "
                "2,200,000 tokens are left in the 5h window, LESS than the 5,000,000 that this run "
                "may use\n");
    expect_line(&record, 2000000,
                "pawl: anthropic subscription 00000000: 5h window 12.0% used, resets in 1h; about "
                "2,200,000 tokens are left in the 5h window, enough for the 2,000,000 that this "
                "run may use\n");
}

static bool count(void *arg, const struct pawl_account_record *record)
{
    (void)record;
    ++*(int *)arg;
    return true;
}

static void files_that_are_no_accounts_are_passed_over(void **state)
{
    (void)state;
    char path[PAWL_PATH_BYTES + 64];
    static const char *const names[] = {"ffffffffffffffff.json", "x.json",
                                        "fffffffffffffffe.jsonx"};
    struct pawl_errmsg msg;
    int before = 0;
    int after = 0;
    assert_true(pawl_ok(pawl_accounts_each(&dir, count, &before, &msg)));
    assert_int_equal(before, 2);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/accounts/%s", dir.path, names[i]);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs("{\"upstream\":\"nobody\"}", file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    assert_true(pawl_ok(pawl_accounts_each(&dir, count, &after, &msg)));
    assert_int_equal(after, before);
    struct pawl_account_record record;
    assert_int_equal(pawl_accounts_read(&dir, "ffffffffffffffff", &record, &msg).code,
                     PAWL_ERR_CORRUPT);
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/accounts/key", dir.path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_is_there_for_the_next_run),
        cmocka_unit_test(a_run_whose_key_came_second_writes_nothing),
        cmocka_unit_test(a_window_that_began_anew_teaches_nothing),
        cmocka_unit_test(a_window_whose_reset_is_past_is_whole_again),
        cmocka_unit_test(the_account_is_guessed_and_told),
        cmocka_unit_test(files_that_are_no_accounts_are_passed_over),
    };
    return cmocka_run_group_tests_name("run_accounts", tests, make_folder, remove_folder);
}
