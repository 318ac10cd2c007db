/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve_options.c: what a server's options take, which origin is stronger, and addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/options.h"

static bool takes(enum pawl_serve_option_id id, const char *text, int64_t *ret_number)
{
    struct pawl_serve_options options;
    struct pawl_errmsg msg;
    pawl_serve_options_init(&options);
    pawl_err err = pawl_serve_options_set(&options, id, text, PAWL_SERVE_FROM_FLAG, &msg);
    if (pawl_ok(err) && pawl_serve_option_table[id].type > PAWL_SERVE_LIST) {
        *ret_number = pawl_serve_number(&options, id);
    }
    pawl_serve_options_free(&options);
    return pawl_ok(err);
}

static void every_default_is_what_its_option_takes(void **state)
{
    (void)state;
    struct pawl_serve_options options;
    struct pawl_errmsg msg;
    pawl_serve_options_init(&options);
    for (int i = 0; i < PAWL_SERVE_OPTION_COUNT; i++) {
        const struct pawl_serve_option *option = &pawl_serve_option_table[i];
        assert_int_equal(options.values[i].count > 0, option->by_default[0] != '\0');
        assert_int_equal(options.values[i].origin, PAWL_SERVE_FROM_DEFAULT);
        assert_int_equal(option->argument == NULL, option->type == PAWL_SERVE_SWITCH);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(option->flag, pawl_serve_option_table[k].flag);
        }
    }
    assert_true(pawl_ok(pawl_serve_options_check(&options, NULL, &msg)));
    pawl_serve_options_free(&options);
}

/* What is said stands over what the ledger keeps, that over the default. */
static void times_are_compared_as_they_will_be_in_force(void **state)
{
    (void)state;
    enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };
    static const struct pawl_serve_kept unknown = {0};
    static const struct pawl_serve_kept longer = {.keys_ms = DAY, .settled_ms = 20 * DAY};
    static const struct pawl_serve_kept keys = {.keys_ms = 10 * (int64_t)DAY,
                                                .settled_ms = 20 * DAY};
    static const struct pawl_serve_kept journal = {.keys_ms = DAY, .settled_ms = 40 * (int64_t)DAY};
    static const struct {
        enum pawl_serve_option_id id;
        const char *text;
        const struct pawl_serve_kept *kept;
        const char *words; /* NULL: it is good */
    } rows[] = {
        {PAWL_SERVE_OPT_KEEP_KEYS, "10d", NULL,
         "keep-settlements must not be shorter than keep-idempotency: 7d (default) and 10d (a "
         "flag)"},
        {PAWL_SERVE_OPT_KEEP_KEYS, "10d", &unknown, NULL},
        {PAWL_SERVE_OPT_KEEP_KEYS, "10d", &longer, NULL},
        {PAWL_SERVE_OPT_KEEP_KEYS, "30d", &longer,
         "keep-settlements must not be shorter than keep-idempotency: 20d (as the ledger has it) "
         "and 30d (a flag)"},
        {PAWL_SERVE_OPT_KEEP_SETTLED, "24h", &longer, NULL},
        {PAWL_SERVE_OPT_KEEP_SETTLED, "24h", &keys,
         "keep-settlements must not be shorter than keep-idempotency: 1d (a flag) and 10d (as the "
         "ledger has it)"},
        {PAWL_SERVE_OPT_KEEP_SETTLED, "31d", &longer,
         "keep-journal must not be shorter than keep-settlements: 30d (default) and 31d (a flag): "
         "repeated requests are answered from the journal"},
        {PAWL_SERVE_OPT_KEEP_JOURNAL, "1d", &unknown, NULL},
        {PAWL_SERVE_OPT_KEEP_JOURNAL, "39d", &journal,
         "keep-journal must not be shorter than keep-settlements: 39d (a flag) and 40d (as the "
         "ledger has it): repeated requests are answered from the journal"},
        /* What an earlier start was told goes on where this one is told nothing of it. */
        {PAWL_SERVE_OPT_KEEP_KEYS, "12h", &journal, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pawl_serve_options options;
        struct pawl_errmsg msg = {""};
        pawl_serve_options_init(&options);
        assert_true(pawl_ok(pawl_serve_options_set(&options, rows[i].id, rows[i].text,
                                                   PAWL_SERVE_FROM_FLAG, &msg)));
        pawl_err err = pawl_serve_options_check(&options, rows[i].kept, &msg);
        assert_int_equal(pawl_ok(err), rows[i].words == NULL);
        assert_string_equal(msg.text, rows[i].words != NULL ? rows[i].words : "");
        pawl_serve_options_free(&options);
    }
}

static void numbers_are_read_by_their_type(void **state)
{
    (void)state;
    static const struct {
        enum pawl_serve_option_id id;
        const char *text;
        int64_t number;
    } good[] = {{PAWL_SERVE_OPT_MAX_BUDGETS, "1", 1},
                {PAWL_SERVE_OPT_MAX_BUDGETS, "2M", 2000000},
                {PAWL_SERVE_OPT_MAX_BUDGETS, "16777215", 16777215},
                {PAWL_SERVE_OPT_MAX_BODY, "64K", 65536},
                {PAWL_SERVE_OPT_MAX_BODY, "64KiB", 65536},
                {PAWL_SERVE_OPT_MAX_BODY, "1024", 1024},
                {PAWL_SERVE_OPT_KEEP_JOURNAL_BYTES, "20G", INT64_C(20) << 30},
                {PAWL_SERVE_OPT_DRAIN_TIMEOUT, "0", 0},
                {PAWL_SERVE_OPT_DRAIN_TIMEOUT, "1m30s", 90000},
                {PAWL_SERVE_OPT_COMMIT, "thread", 2},
                {PAWL_SERVE_OPT_LOG_FORMAT, "json", 2},
                {PAWL_SERVE_OPT_QUICKSTART, "yes", 1},
                {PAWL_SERVE_OPT_QUICKSTART, "off", 0}};
    static const struct {
        enum pawl_serve_option_id id;
        const char *text;
    } bad[] = {
        {PAWL_SERVE_OPT_MAX_BUDGETS, "0"},     {PAWL_SERVE_OPT_MAX_BUDGETS, "16777216"},
        {PAWL_SERVE_OPT_MAX_BUDGETS, "-1"},    {PAWL_SERVE_OPT_MAX_BUDGETS, "1 "},
        {PAWL_SERVE_OPT_MAX_BODY, "K"},        {PAWL_SERVE_OPT_MAX_BODY, "1.5M"},
        {PAWL_SERVE_OPT_MAX_BODY, "9999999T"}, {PAWL_SERVE_OPT_MAX_BODY, "99999999999999999T"},
        {PAWL_SERVE_OPT_HEAD_TIMEOUT, "0"},    {PAWL_SERVE_OPT_HEAD_TIMEOUT, "5"},
        {PAWL_SERVE_OPT_COMMIT, "thr"},        {PAWL_SERVE_OPT_COMMIT, "inline|thread"},
        {PAWL_SERVE_OPT_QUICKSTART, "maybe"},  {PAWL_SERVE_OPT_TLS_CERT, ""}};
    int64_t number = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(takes(good[i].id, good[i].text, &number));
        assert_int_equal(number, good[i].number);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(takes(bad[i].id, bad[i].text, &number));
    }
}

static void set(struct pawl_serve_options *options, const char *text, enum pawl_serve_origin origin)
{
    struct pawl_errmsg msg;
    pawl_err err = pawl_serve_options_set(options, PAWL_SERVE_OPT_LISTEN, text, origin, &msg);
    assert_true(pawl_ok(err));
}

static void a_stronger_origin_wins_whichever_is_read_first(void **state)
{
    (void)state;
    struct pawl_serve_options options;
    pawl_serve_options_init(&options);
    const struct pawl_serve_value *listen = &options.values[PAWL_SERVE_OPT_LISTEN];
    set(&options, ":1", PAWL_SERVE_FROM_VARIABLE);
    set(&options, ":2", PAWL_SERVE_FROM_FILE);
    assert_int_equal(listen->count, 1);
    assert_string_equal(listen->texts[0], ":1");
    set(&options, ":3", PAWL_SERVE_FROM_FLAG);
    set(&options, ":4", PAWL_SERVE_FROM_FLAG);
    set(&options, ":5", PAWL_SERVE_FROM_VARIABLE);
    assert_int_equal(listen->count, 2);
    assert_string_equal(listen->texts[0], ":3");
    assert_string_equal(listen->texts[1], ":4");
    pawl_serve_options_free(&options);
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    struct pawl_serve_options options;
    struct pawl_errmsg msg;
    pawl_serve_options_init(&options);
    for (int i = 0; i < PAWL_SERVE_LIST_MAX; i++) {
        set(&options, ":1", PAWL_SERVE_FROM_FLAG);
    }
    pawl_err err =
        pawl_serve_options_set(&options, PAWL_SERVE_OPT_LISTEN, ":1", PAWL_SERVE_FROM_FLAG, &msg);
    assert_int_equal(err.code, PAWL_ERR_LIMIT);
    pawl_serve_options_free(&options);
}

static void addresses_have_their_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        bool is_unix;
    } good[] = {{"127.0.0.1:7878", "127.0.0.1", 7878, false},
                {"localhost:0", "localhost", 0, false},
                {"[::1]:80", "::1", 80, false},
                {":7878", "*", 7878, false},
                {"*:7878", "*", 7878, false},
                {"0.0.0.0:65535", "0.0.0.0", 65535, false},
                {"unix:/run/a", "/run/a", 0, true},
                {"unix:a.sock", "a.sock", 0, true},
                {"/run/a", "/run/a", 0, true}};
    static const char *const bad[] = {"",    "localhost", "7878",  "a:65536", "a:-1",
                                      "a:x", "::1:80",    "unix:", "a:",      "[::1]"};
    struct pawl_serve_address address;
    struct pawl_errmsg msg;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(pawl_ok(pawl_serve_address_parse(good[i].text, &address, &msg)));
        assert_string_equal(address.host, good[i].host);
        assert_int_equal(address.port, good[i].port);
        assert_int_equal(address.is_unix, good[i].is_unix);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pawl_serve_address_parse(bad[i], &address, &msg).code, PAWL_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_what_its_option_takes),
        cmocka_unit_test(times_are_compared_as_they_will_be_in_force),
        cmocka_unit_test(numbers_are_read_by_their_type),
        cmocka_unit_test(a_stronger_origin_wins_whichever_is_read_first),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(addresses_have_their_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
