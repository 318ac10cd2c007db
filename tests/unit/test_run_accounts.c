/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_accounts.c: what is kept of accounts from run to run and shared by runs at the same
 * time, which account an agent will use, and the line before a run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/account_guess.h"
#include "run/account_words.h"
#include "run/windows.h"

#define SECOND_US INT64_C(1000000)
#define NOW_S     INT64_C(1795000000)
#define RUN       "run_0123456789abcdef"
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

/* --- Runs beside each other ------------------------------------------------------------------ */

static struct pawl_subscription account_of(uint64_t id)
{
    return (struct pawl_subscription){
        .upstream = PAWL_UPSTREAM_ANTHROPIC,
        .id = id,
        .credential_id = id,
        .detected = PAWL_BILLING_PLAN,
        .billing = PAWL_BILLING_PLAN,
    };
}

static struct pawl_windows open_run(void)
{
    struct pawl_windows windows;
    pawl_windows_open(&windows, &dir, RUN, PAWL_BILLING_MODE_AUTO);
    assert_true(windows.key_kept);
    return windows;
}

/* An answer in one piece: what it cost, and what its head tells. */
static void answer(struct pawl_windows *windows,
                   struct pawl_subscription *account,
                   int64_t used_bp,
                   int64_t tokens)
{
    struct pawl_vendor_window told = {.name = "5h",
                                      .length_s = 18000,
                                      .has_share = true,
                                      .used_bp = used_bp,
                                      .resets_at_s = NOW_S + 3600,
                                      .has_status = true};
    struct pawl_quota_news news = {.now_us = NOW_US,
                                   .booked = {.microcents = tokens, .tokens = tokens},
                                   .told = &told,
                                   .told_count = 1,
                                   .told_us = NOW_US,
                                   .told_all = true};
    pawl_windows_sync(windows, account, &news);
}

static void book(struct pawl_windows *windows, struct pawl_subscription *account, int64_t tokens)
{
    struct pawl_quota_news news = {.now_us = NOW_US,
                                   .booked = {.microcents = tokens, .tokens = tokens}};
    pawl_windows_sync(windows, account, &news);
}

static void look(struct pawl_windows *windows, struct pawl_subscription *account)
{
    struct pawl_quota_news nothing = {.now_us = NOW_US};
    pawl_windows_sync(windows, account, &nothing);
}

static int64_t used(const struct pawl_subscription *account)
{
    return pawl_quota_used_bp(&account->quota, &account->quota.windows[0]);
}

static struct pawl_account_record record_of(const char *id)
{
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_accounts_read(&dir, id, &record, &msg)));
    return record;
}

static void runs_share_a_window_and_the_next_one_finds_it(void **state)
{
    (void)state;
    struct pawl_windows one = open_run();
    struct pawl_windows two = open_run();
    assert_memory_equal(&one.key, &two.key, sizeof(one.key));
    struct pawl_subscription at_one = account_of(0x1234);
    struct pawl_subscription at_two = account_of(0x1234);
    answer(&one, &at_one, 1000, 5000);
    answer(&one, &at_one, 1200, 50000); /* 250 tokens a basis point */
    look(&two, &at_two);
    assert_int_equal(used(&at_two), 1200);
    book(&two, &at_two, 25000);
    assert_int_equal(used(&at_two), 1300);
    look(&one, &at_one);
    assert_int_equal(used(&at_one), 1300);
    answer(&two, &at_two, 1100, 0); /* corrected down, for both */
    look(&one, &at_one);
    assert_int_equal(used(&at_one), 1100);

    struct pawl_windows next = open_run();
    struct pawl_subscription later = account_of(0x1234);
    look(&next, &later);
    assert_int_equal(used(&later), 1100);
    struct pawl_account_record record = record_of("0000000000001234");
    assert_int_equal(pawl_account_billing(&record), PAWL_BILLING_PLAN);
    assert_int_equal(record.quota.booked.tokens, 80000);
    assert_int_equal(pawl_quota_worth(&record.quota.windows[0], 8900).tokens, 2225000);
}

/* A run that is stopped while it has the lock stops no other's calls. */
static void what_cannot_be_written_now_is_written_later(void **state)
{
    (void)state;
    char path[PAWL_PATH_BYTES + 32];
    struct pawl_windows run = open_run();
    struct pawl_subscription account = account_of(0x77);
    (void)snprintf(path, sizeof(path), "%s/accounts/lock", dir.path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    book(&run, &account, 300);
    book(&run, &account, 20);
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    assert_int_equal(pawl_accounts_read(&dir, "0000000000000077", &record, &msg).code,
                     PAWL_ERR_NOT_FOUND);
    assert_int_equal(account.quota.booked.tokens, 320);
    assert_int_equal(close(fd), 0);
    look(&run, &account);
    record = record_of("0000000000000077");
    assert_int_equal(record.quota.booked.tokens, 320);
    book(&run, &account, 1);
    record = record_of("0000000000000077");
    assert_int_equal(record.quota.booked.tokens, 321);
}

/* --- What a person says ---------------------------------------------------------------------- */

static pawl_err
on_edit(void *arg, struct pawl_account_record *record, bool *ret_write, struct pawl_errmsg *msg)
{
    (void)msg;
    record->mode = PAWL_BILLING_MODE_API;
    (void)snprintf(record->name, sizeof(record->name), "%s", (const char *)arg);
    assert_true(pawl_quota_set(&record->quota, 7200, PAWL_UNIT_TOKENS, 4000));
    *ret_write = true;
    return PAWL_OK;
}

static void edit(const char *id, char *name)
{
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_accounts_change(&dir, id, on_edit, name, &record, &msg)));
}

static void what_a_person_says_holds_for_a_run_under_way(void **state)
{
    (void)state;
    char name[] = "work";
    struct pawl_windows run = open_run();
    struct pawl_subscription account = account_of(0x88);
    look(&run, &account);
    assert_int_equal(account.billing, PAWL_BILLING_PLAN);
    edit("0000000000000088", name);
    look(&run, &account);
    assert_int_equal(account.billing, PAWL_BILLING_API);
    assert_true(account.billing_set);
    assert_string_equal(account.name, "work");
    assert_string_equal(account.quota.windows[0].name, "2h");

    struct pawl_windows with_flag;
    struct pawl_subscription flagged = account_of(0x88);
    pawl_windows_open(&with_flag, &dir, RUN, PAWL_BILLING_MODE_PLAN);
    look(&with_flag, &flagged);
    assert_int_equal(flagged.billing, PAWL_BILLING_PLAN);
}

/* Added by its credential, then called by its provider's id of it. */
static void a_credential_leads_to_its_account(void **state)
{
    (void)state;
    char name[] = "home";
    edit("00000000000000a1", name);
    struct pawl_windows run = open_run();
    struct pawl_subscription account = account_of(0xa2);
    account.credential_id = 0xa1;
    answer(&run, &account, 100, 10);
    assert_string_equal(account.name, "home");
    struct pawl_account_record record = record_of("00000000000000a1");
    assert_string_equal(record.id, "00000000000000a2");
    assert_int_equal(record.quota.window_count, 2);
    struct pawl_account_record found;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_accounts_find(&dir, "home", &found, &msg)));
    assert_string_equal(found.id, "00000000000000a2");
    assert_true(pawl_ok(pawl_accounts_remove(&dir, found.id, &msg)));
    assert_int_equal(pawl_accounts_read(&dir, "00000000000000a1", &record, &msg).code,
                     PAWL_ERR_NOT_FOUND);
}

static void accounts_are_found_by_what_tells_them_apart(void **state)
{
    (void)state;
    struct pawl_account_record record;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_accounts_find(&dir, "work", &record, &msg)));
    assert_string_equal(record.id, "0000000000000088");
    assert_true(pawl_ok(pawl_accounts_find(&dir, "0000000000001", &record, &msg)));
    assert_string_equal(record.id, "0000000000001234");
    assert_int_equal(pawl_accounts_find(&dir, "0000", &record, &msg).code, PAWL_ERR_INVALID);
    assert_int_equal(pawl_accounts_find(&dir, "nobody", &record, &msg).code, PAWL_ERR_NOT_FOUND);
    assert_int_equal(pawl_accounts_find(&dir, "", &record, &msg).code, PAWL_ERR_INVALID);
    assert_true(pawl_account_name_ok("a.b-c_1"));
    assert_false(pawl_account_name_ok(""));
    assert_false(pawl_account_name_ok("a b"));
    assert_false(pawl_account_name_ok("0000000000001234"));
    assert_false(pawl_account_name_ok("123456789012345678901234567890123"));
}

/* --- The line before a run ------------------------------------------------------------------- */

static const char *set_variable;
static const char *set_value;

static const char *environment(const char *name)
{
    return set_variable != NULL && strcmp(name, set_variable) == 0 ? set_value : NULL;
}

static uint32_t guess(enum pawl_agent agent, struct pawl_account_guess *ret_guess)
{
    struct pawl_windows windows = open_run();
    struct pawl_account_question question = {
        .dir = &dir, .key = windows.key, .get = environment, .agent = agent};
    struct pawl_account_guess guesses[PAWL_UPSTREAM_COUNT];
    uint32_t count = pawl_account_guess(&question, guesses);
    *ret_guess = guesses[0];
    return count;
}

static void expect_words(const struct pawl_account_guess *told, const char *text)
{
    struct pawl_buf words;
    pawl_buf_init(&words, 4096);
    pawl_account_guess_words(told, 1, &words);
    pawl_buf_append_byte(&words, '\0');
    assert_string_equal(words.data, text);
    pawl_buf_free(&words);
}

static void the_account_is_guessed_as_the_agent_chooses_it(void **state)
{
    (void)state;
    struct pawl_account_guess told;
    struct pawl_windows windows = open_run();
    struct pawl_subscription own = account_of(0);
    own.id = pawl_subscription_id(windows.key, PAWL_UPSTREAM_ANTHROPIC, PAWL_SLICE("sk-ant-oat01"));
    own.credential_id = own.id;
    answer(&windows, &own, 5000, 0);

    set_variable = "CLAUDE_CODE_OAUTH_TOKEN";
    set_value = "sk-ant-oat01";
    assert_int_equal(guess(PAWL_AGENT_CLAUDE, &told), 1);
    assert_true(told.known && told.billing == PAWL_BILLING_PLAN);
    assert_int_equal(told.record.quota.windows[0].told_bp, 5000);
    expect_words(&told, "anthropic plan, by CLAUDE_CODE_OAUTH_TOKEN (dollars are what its "
                        "calls would cost at list prices)");
    assert_int_equal(guess(PAWL_AGENT_NONE, &told), 1);
    assert_int_equal(guess(PAWL_AGENT_CODEX, &told), 0);
    set_variable = "ANTHROPIC_API_KEY";
    set_value = "sk-ant-api03";
    assert_int_equal(guess(PAWL_AGENT_CLAUDE, &told), 1);
    assert_true(!told.known && told.billing == PAWL_BILLING_API);
    expect_words(&told, "billed by the token");
    set_variable = NULL; /* Nothing speaks for one: the subscription that was used last. */
    assert_int_equal(guess(PAWL_AGENT_CLAUDE, &told), 1);
    assert_true(told.assumed && told.billing == PAWL_BILLING_PLAN);
    assert_int_equal(guess(PAWL_AGENT_NONE, &told), 0);
}

static void a_log_in_says_which_account_it_is(void **state)
{
    (void)state;
    char path[PAWL_PATH_BYTES + 32];
    struct pawl_account_guess told;
    struct pawl_windows windows = open_run();
    struct pawl_subscription own = account_of(0);
    own.id =
        pawl_subscription_id_of_account(windows.key, PAWL_UPSTREAM_ANTHROPIC, PAWL_SLICE("u-1"));
    own.credential_id = own.id;
    answer(&windows, &own, 4200, 0);
    (void)snprintf(path, sizeof(path), "%s/.claude.json", dir.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("{\"oauthAccount\":{\"accountUuid\":\"u-1\"}}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    set_variable = "CLAUDE_CONFIG_DIR";
    set_value = dir.path;
    assert_int_equal(guess(PAWL_AGENT_CLAUDE, &told), 1);
    assert_true(told.known && !told.assumed);
    assert_int_equal(told.record.quota.windows[0].told_bp, 4200);
    assert_string_equal(told.source, "the log-in of Claude Code");

    (void)snprintf(path, sizeof(path), "%s/auth.json", dir.path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("{\"auth_mode\":\"chatgpt\",\"tokens\":{\"account_id\":\"a-1\"}}", file) >=
                0);
    assert_int_equal(fclose(file), 0);
    set_variable = "CODEX_HOME";
    assert_int_equal(guess(PAWL_AGENT_CODEX, &told), 1);
    assert_int_equal(told.upstream, PAWL_UPSTREAM_CHATGPT);
    expect_words(&told, "chatgpt plan, by the log-in of Codex (dollars are what its calls "
                        "would cost at list prices)");
    set_variable = NULL;
}

static void expect_fit(const struct pawl_account_record *record, int64_t tokens, const char *text)
{
    struct pawl_buf line;
    struct pawl_quota_amount may_use = {.tokens = tokens};
    pawl_buf_init(&line, 4096);
    pawl_account_fit_line(record, may_use, NOW_US - 90 * SECOND_US, &line);
    pawl_buf_append_byte(&line, '\0');
    if (strstr((const char *)line.data, text) == NULL) {
        print_message("%s\n", (const char *)line.data);
    }
    assert_non_null(strstr((const char *)line.data, text));
    pawl_buf_free(&line);
}

static void before_a_run_it_is_said_whether_it_fits(void **state)
{
    (void)state;
    struct pawl_account_record record = record_of("0000000000001234");
    expect_fit(&record, 500000, "5h window 11.0% used");
    expect_fit(&record, 500000, "this run may use about 20.0% of it, and 89.0% (");
    expect_fit(&record, 500000, "2,225,000 tokens) are left: it fits");
    expect_fit(&record, 2250000, "it does NOT fit");
    record.quota.windows[0].refused = true;
    expect_fit(&record, 500000, "5h window 11.0% used, calls are refused, resets ");
    record.quota.windows[0].refused = false;
    record.quota.windows[0].learned_bp = 0;
    expect_fit(&record, 500000, "is not learned yet");
    record.quota.window_count = 0;
    expect_fit(&record, 500000, "no windows are known");
}

/* --- Files ----------------------------------------------------------------------------------- */

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
    static const char *const names[] = {"ffffffffffffffff.json", "x.json", "fffffffffffffffe.jsonx",
                                        "fffffffffffffffe.json.new"};
    struct pawl_errmsg msg;
    int before = 0;
    int after = 0;
    assert_true(pawl_ok(pawl_accounts_each(&dir, count, &before, &msg)));
    assert_true(before > 2);
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
    struct pawl_windows run = open_run();
    struct pawl_subscription account = account_of(UINT64_MAX);
    book(&run, &account, 7); /* It is begun anew. */
    record = record_of("ffffffffffffffff");
    assert_int_equal(record.quota.booked.tokens, 7);
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/accounts/key", dir.path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_share_a_window_and_the_next_one_finds_it),
        cmocka_unit_test(what_cannot_be_written_now_is_written_later),
        cmocka_unit_test(what_a_person_says_holds_for_a_run_under_way),
        cmocka_unit_test(a_credential_leads_to_its_account),
        cmocka_unit_test(accounts_are_found_by_what_tells_them_apart),
        cmocka_unit_test(the_account_is_guessed_as_the_agent_chooses_it),
        cmocka_unit_test(a_log_in_says_which_account_it_is),
        cmocka_unit_test(before_a_run_it_is_said_whether_it_fits),
        cmocka_unit_test(files_that_are_no_accounts_are_passed_over),
    };
    return cmocka_run_group_tests_name("run_accounts", tests, make_folder, remove_folder);
}
