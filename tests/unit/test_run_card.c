/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_card.c: the words of a run: the lines before and during it, the card, its JSON, and the
 * note of the end, which must fit a command's metadata whatever the files are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "core/command.h"
#include "run/card.h"
#include "run/lines.h"
#include "run/status.h"
#include "run_caps.h"

#define USD PAWL_MICROCENTS_PER_USD

static struct pawl_buf out;
static struct pawl_run_cap caps[PAWL_CAP_COUNT];

static int begin(void **state)
{
    (void)state;
    pawl_buf_init(&out, 65536);
    memset(caps, 0, sizeof(caps));
    resolve_caps(caps, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pawl_buf_free(&out);
    return 0;
}

static const struct pawl_limit_options halt;

static struct pawl_card capped_card(void)
{
    struct pawl_card card = {
        .run_id = "run_0123456789abcdef",
        .name = "nightly",
        .started_us = 1795348800000000,
        .ended_us = 1795348802000000,
        .why = PAWL_WHY_CAP,
        .hard_stop = true,
        .unit = PAWL_UNIT_USD_MICROCENTS,
        .more = 29000000,
        .status = 124,
        .agent_status = 1,
        .caps = caps,
        .primary = PAWL_CAP_USD,
        .calls = 2,
        .refusals = 1,
        .has_details = true,
        .model_count = 1,
        .models = {{.model = PAWL_SLICE("m"),
                    .calls = 2,
                    .microcents = 149000000,
                    .input = 1000,
                    .output = 50}},
        .dearest = {.known = true,
                    .id = 7,
                    .model = PAWL_SLICE("m"),
                    .microcents = 100000000,
                    .input = 900,
                    .output = 40},
        .files = {.known = true, .changed = 1, .name_count = 1, .names = {PAWL_SLICE("a\nb.c")}},
        .notices = PAWL_SLICE("pawl: 50 % used\n"),
    };
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        card.account.units[i].limit = caps[i].amount;
    }
    card.account.units[PAWL_CAP_USD].spent = 149000000;
    return card;
}

static const char *text_of(const struct pawl_card *card)
{
    pawl_buf_reset(&out);
    pawl_card_text(card, &out);
    return pawl_buf_cstr(&out);
}

static void expect_words(const char *text, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (strstr(text, list[i]) == NULL) {
            fail_msg("'%s' is not in:\n%s", list[i], text);
        }
    }
}

static void card_says_what_was_asked_and_used(void **state)
{
    (void)state;
    struct pawl_card card = capped_card();
    card.refusals = 3;
    card.refused_tools = 2;
    static const char *const words[] = {"pawl: 50 % used\npawl: run_0123456789abcdef HARD STOP at "
                                        "the cap of $1.50\n",
                                        "$1.49 of $1.50, 99.3 %",
                                        "0 of 5M, 0.0 %",
                                        "refused     1 model call, 2 tool calls\n",
                                        "m: $1.49 in 2 calls, 1,000 tokens in, 50 out",
                                        "$1.00, m, 900 tokens in, 40 out",
                                        "hard stop   yes",
                                        "exit status 1\n",
                                        "1 changed, 0 created, 0 deleted: a?b.c\n",
                                        "overshoot   $0.00",
                                        "--resume run_0123456789abcdef --add-usd 0.29\n",
                                        "pawl show run_0123456789abcdef\n",
                                        NULL};
    expect_words(text_of(&card), words);
}

static void card_names_every_kind_of_end(void **state)
{
    (void)state;
    static const struct {
        enum pawl_run_why why;
        const char *words;
        const char *goes_on; /* with what is added; NULL: nothing is said */
    } rows[] = {
        {PAWL_WHY_COMPLETED, "the agent was done", NULL},
        {PAWL_WHY_FAILED, "the agent returned 1", NULL},
        {PAWL_WHY_SIGNAL, "killed by signal 9 (Killed)", "\n"},
        {PAWL_WHY_CAP, "HARD STOP at the cap of $1.50", " --add-usd 0.29\n"},
        {PAWL_WHY_TIME, "HARD STOP at the cap of 1h", " --add-time 30m\n"},
        {PAWL_WHY_REFUSED, "HARD STOP: the 5h window is used up\n", "\n"},
        {PAWL_WHY_STOPPED, "stopped with pawl stop", "\n"},
        {PAWL_WHY_KEEPER, "keeper", NULL},
        {PAWL_WHY_NOT_STARTED, "could not be executed", NULL},
    };
    assert_int_equal(PAWL_ARRAY_LEN(rows), PAWL_WHY_COUNT);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_card card = capped_card();
        card.why = rows[i].why;
        card.more = rows[i].why == PAWL_WHY_TIME ? INT64_C(30) * 60 * 1000 : card.more;
        card.words = "the 5h window is used up. It begins anew in 1h";
        card.agent_signal = rows[i].why == PAWL_WHY_SIGNAL ? 9 : 0;
        const char *words[] = {rows[i].words, NULL};
        expect_words(text_of(&card), words);
        char goes_on[128];
        (void)snprintf(goes_on, sizeof(goes_on),
                       "  to go on    pawl run --resume run_0123456789abcdef%s",
                       rows[i].goes_on != NULL ? rows[i].goes_on : "");
        assert_int_equal(strstr(text_of(&card), goes_on) != NULL, rows[i].goes_on != NULL);
        assert_true(strlen(pawl_run_why_name(rows[i].why)) > 0);
    }
}

static void a_limit_across_runs_is_named_and_its_own_caps_are_not_asked_for(void **state)
{
    (void)state;
    struct pawl_card card = capped_card();
    card.limit = "usd-per-day";
    card.words = "the day's limit of $20.00 on this machine is spent: $19.99 used. It resets";
    static const char *const words[] = {
        "run_0123456789abcdef HARD STOP: the day's limit of $20.00 on this machine is spent: "
        "$19.99 used\n",
        "--resume run_0123456789abcdef, when usd-per-day has reset or is raised: see pawl limit\n",
        NULL};
    expect_words(text_of(&card), words);
    assert_null(strstr(text_of(&card), "--add-usd"));
    pawl_buf_reset(&out);
    pawl_card_end_note(&card, &out);
    assert_non_null(strstr(pawl_buf_cstr(&out), "\"limit\":\"usd-per-day\""));
}

static void card_says_when_the_history_is_missing(void **state)
{
    (void)state;
    struct pawl_card card = capped_card();
    card.has_details = false;
    static const char *const words[] = {"the history could not be read", NULL};
    expect_words(text_of(&card), words);
}

static void card_leaves_out_what_did_not_happen(void **state)
{
    (void)state;
    struct pawl_card card = {.run_id = "run_0123456789abcdef",
                             .why = PAWL_WHY_COMPLETED,
                             .caps = caps,
                             .has_details = true,
                             .unseen = true,
                             .model_count = 1,
                             .models = {{.model = PAWL_SLICE("m"), .calls = 1}},
                             .files = {.known = true}};
    card.phases.count = 1;
    card.phases.stands[0].name = "verification";
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        card.account.units[i].limit = caps[i].amount;
        card.phases.stands[0].account.units[i].limit = i == PAWL_CAP_USD ? USD / 2 : -1;
    }
    static const char *const words[] = {"  phases      verification: nothing of $0.50\n",
                                        "  not seen    no model call came through pawl",
                                        "  files       none changed\n", "  overshoot   $0.00\n",
                                        NULL};
    expect_words(text_of(&card), words);
    static const char *const absent[] = {"refused", "by model", "approvals", "to go on"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(absent); i++) {
        assert_null(strstr(text_of(&card), absent[i]));
    }
    card.unseen = false;
    card.overshoot_microcents = 5;
    card.phases.stands[0].account.units[PAWL_CAP_ITERATIONS].spent = 1;
    static const char *const others[] = {"verification: $0.00 of $0.50, 1 model call, 0s\n",
                                         "$0.00000005: a call took more tokens than were held",
                                         NULL};
    expect_words(text_of(&card), others);
    assert_null(strstr(text_of(&card), "not seen"));
}

static int64_t number(const struct pawl_json *json, const char *path)
{
    int64_t value = -1;
    assert_true(pawl_json_i64(json, pawl_json_path(json, 0, path), &value));
    return value;
}

static void card_as_json_has_amounts_as_integers(void **state)
{
    (void)state;
    struct pawl_card card = capped_card();
    pawl_buf_reset(&out);
    pawl_card_json(&card, &out);
    struct pawl_slice line = pawl_buf_slice(&out);
    assert_int_equal(pawl_slice_find_byte(line, '\n'), line.bytes - 1);
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 1 << 20);
    assert_true(pawl_json_parse(&arena, line, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json));
    assert_int_equal(number(&json, "status"), 124);
    assert_int_equal(number(&json, "requested.USD_MICROCENTS"), 150000000);
    assert_int_equal(number(&json, "consumed.USD_MICROCENTS"), 149000000);
    assert_int_equal(number(&json, "dearest.microcents"), 100000000);
    assert_int_equal(number(&json, "files.changed"), 1);
    assert_true(pawl_json_string_is(&json, pawl_json_path(&json, 0, "why"), "cap"));
    assert_true(pawl_json_string_is(&json, pawl_json_path(&json, 0, "unit"), "USD_MICROCENTS"));
    assert_int_equal(json.nodes[pawl_json_get(&json, 0, "notices")].count, 1);
    pawl_arena_free(&arena);
}

static void end_note_fits_a_command_whatever_files_are_called(void **state)
{
    (void)state;
    static char name[120];
    memset(name, 1, sizeof(name)); /* Six bytes each in JSON. */
    struct pawl_card card = capped_card();
    card.files.name_count = PAWL_WORKTREE_NAMES_MAX;
    for (size_t i = 0; i < PAWL_WORKTREE_NAMES_MAX; i++) {
        card.files.names[i] = pawl_slice_of(name, sizeof(name));
    }
    pawl_buf_reset(&out);
    pawl_card_end_note(&card, &out);
    assert_true(out.bytes <= PAWL_METADATA_BYTES_MAX);
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 1 << 20);
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&out), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    assert_int_equal(number(&json, "files.changed"), 1);
    pawl_arena_free(&arena);
}

/* --- Lines --------------------------------------------------------------------------------- */

/* $3 for a million tokens of input, $15 of output. */
static struct pawl_price plain_price(void)
{
    static struct pawl_price_row row;
    for (size_t i = 0; i < PAWL_PRICE_KIND_COUNT; i++) {
        row.microcents[i] = PAWL_PRICE_ABSENT;
    }
    row.microcents[PAWL_PRICE_INPUT] = 3 * USD;
    row.microcents[PAWL_PRICE_OUTPUT] = 15 * USD;
    return (struct pawl_price){.rows = &row, .row_count = 1, .multiplier_permille = 1000};
}

static void the_start_has_a_line_for_each_thing(void **state)
{
    (void)state;
    struct pawl_model_guess model = {.name = "some-model", .priced = true, .price = plain_price()};
    struct pawl_lines_start start = {.run_id = "run_1",
                                     .caps = caps,
                                     .primary = PAWL_CAP_TIME,
                                     .model = &model,
                                     .limit = &halt,
                                     .escalation = PAWL_ESCALATION_ASK};
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    assert_string_equal(pawl_buf_cstr(&out),
                        "pawl: run_1 may use 1h of time\n"
                        "  other caps  $1.50 (100K to 500K tokens), 5M tokens ($15.00 to $75.00), "
                        "300 tool calls, 100 model calls\n"
                        "  model       some-model\n"
                        "  at a limit  its calls are refused, and it is ended 10s later, or at "
                        "once when its time is up\n"
                        "  unattended  no escalation to dearer models\n"
                        "  to watch    pawl top   to stop it: pawl stop run_1\n");
    model.priced = false;
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    static const char *const refused[] = {"some-model (no price is known: its calls are refused)\n",
                                          NULL};
    expect_words(pawl_buf_cstr(&out), refused);
    start.attended = true; /* By somebody who is elsewhere: it is ended all the same. */
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    static const char *const elsewhere[] = {"ended 10s later",
                                            "  attended    by its approver; dearer", NULL};
    expect_words(pawl_buf_cstr(&out), elsewhere);
    start.interactive = true;
    model.name = NULL;
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    start.primary = PAWL_CAP_USD;
    start.data_dir = "/a b";
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    static const char *const words[] = {
        "pawl: run_1 may spend $1.50\n",
        "  model       not known yet\n",
        "nothing is killed until its time is up\n",
        "  attended    dearer models only on a yes (--unattended to leave it alone)\n",
        "pawl top --data-dir '/a b'   to stop it: pawl stop --data-dir '/a b' run_1\n",
        NULL};
    expect_words(pawl_buf_cstr(&out), words);
}

static void a_known_price_converts_both_ways_in_line_and_card(void **state)
{
    (void)state;
    struct pawl_model_guess model = {.name = "m", .priced = true, .price = plain_price()};
    struct pawl_run_cap own[PAWL_CAP_COUNT] = {[PAWL_CAP_TOKENS] = {true, 5000, PAWL_ORIGIN_FLAG}};
    resolve_caps(own, &model.price);
    struct pawl_lines_start start = {.run_id = "run_1",
                                     .caps = own,
                                     .primary = PAWL_CAP_TOKENS,
                                     .model = &model,
                                     .limit = &halt};
    static const char *const line[] = {
        "may use 5K tokens ($0.015 to $0.075)\n",
        "  $0.075 (from the tokens; 5K to 25K tokens), 300 tool calls, ", NULL};
    pawl_buf_reset(&out);
    pawl_lines_start(&start, &out);
    expect_words(pawl_buf_cstr(&out), line);
    struct pawl_card card = capped_card();
    card.caps = own;
    card.price = &model.price;
    static const char *const rows[] = {
        " ($0.015 to $0.075), 0.0 %\n",
        "$1.49 of $1.50 (from the tokens; 5K to 25K tokens), 99.3 %\n", NULL};
    expect_words(text_of(&card), rows);
}

static void latch_line_gives_the_reason_once(void **state)
{
    (void)state;
    struct pawl_gateway_latch latch = {.message = "pawl: budget spent"};
    pawl_buf_reset(&out);
    pawl_lines_latched(&latch, true, &out);
    assert_string_equal(pawl_buf_cstr(&out), "pawl: stopped: budget spent\n");
    pawl_buf_reset(&out);
    pawl_lines_latched(&latch, false, &out);
    static const char *const words[] = {"10 seconds", NULL};
    expect_words(pawl_buf_cstr(&out), words);
}

/* --- Thresholds ---------------------------------------------------------------------------- */

static void thresholds_are_told_once_each_and_in_order(void **state)
{
    (void)state;
    struct pawl_account account = {0};
    account.units[PAWL_CAP_USD].limit = 1000;
    account.units[PAWL_CAP_ITERATIONS].limit = 10;
    static const struct {
        int64_t usd;
        int64_t iterations;
        int told;
    } rows[] = {{0, 0, 0},  {499, 4, 0}, {0, 5, 50},   {499, 5, 0},  {760, 6, 75},
                {10, 2, 0}, {899, 8, 0}, {900, 8, 90}, {1000, 10, 0}};
    int told = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        account.units[PAWL_CAP_USD].spent = rows[i].usd;
        account.units[PAWL_CAP_ITERATIONS].spent = rows[i].iterations;
        assert_int_equal(pawl_account_threshold(&account, &told), rows[i].told);
    }
    told = 0;
    assert_int_equal(pawl_account_threshold(&account, &told), 90); /* One jump, one line. */
    assert_int_equal(pawl_account_threshold(&account, &told), 0);
}

static void threshold_line_names_the_nearest_cap(void **state)
{
    (void)state;
    struct pawl_account account = {0};
    account.units[PAWL_CAP_USD].limit = 2 * USD;
    account.units[PAWL_CAP_USD].spent = USD / 2;
    account.units[PAWL_CAP_ITERATIONS].limit = 10;
    account.units[PAWL_CAP_ITERATIONS].spent = 8;
    pawl_buf_reset(&out);
    pawl_lines_threshold(&account, &out);
    assert_string_equal(pawl_buf_cstr(&out),
                        "pawl: 80 % used: 8 of 10 model calls; $0.50 spent so far\n");
}

/* --- Status -------------------------------------------------------------------------------- */

static void status_is_json_with_the_latch(void **state)
{
    (void)state;
    struct pawl_gateway_latch latch = {
        .refusal = PAWL_REFUSAL_SPENT, .unit = PAWL_UNIT_TOKENS, .message = "no \"more\""};
    static const struct pawl_recent recent;
    char agent[] = "agent";
    char *argv[] = {agent, NULL};
    struct pawl_status status = {.run_id = "run_x",
                                 .argv = argv,
                                 .cwd = "",
                                 .repo = "",
                                 .policy = "team",
                                 .pid = 5,
                                 .latch = &latch,
                                 .recent = &recent};
    status.account.units[PAWL_CAP_TOKENS].held = 9;
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 1 << 20);
    pawl_buf_reset(&out);
    pawl_status_write(&status, &out);
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&out), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    assert_true(pawl_json_string_is(&json, pawl_json_path(&json, 0, "latched.reason"), "spent"));
    assert_true(pawl_json_string_is(&json, pawl_json_path(&json, 0, "latched.unit"), "TOKENS"));
    assert_true(pawl_json_string_is(&json, pawl_json_path(&json, 0, "state"), "active"));
    assert_int_equal(json.nodes[pawl_json_get(&json, 0, "caps")].count, PAWL_CAP_COUNT);
    pawl_arena_free(&arena);
    for (int i = 0; i < PAWL_REFUSAL_COUNT; i++) {
        assert_non_null(pawl_refusal_name((enum pawl_refusal)i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_says_what_was_asked_and_used),
        cmocka_unit_test(card_names_every_kind_of_end),
        cmocka_unit_test(card_leaves_out_what_did_not_happen),
        cmocka_unit_test(a_limit_across_runs_is_named_and_its_own_caps_are_not_asked_for),
        cmocka_unit_test(card_says_when_the_history_is_missing),
        cmocka_unit_test(card_as_json_has_amounts_as_integers),
        cmocka_unit_test(end_note_fits_a_command_whatever_files_are_called),
        cmocka_unit_test(the_start_has_a_line_for_each_thing),
        cmocka_unit_test(a_known_price_converts_both_ways_in_line_and_card),
        cmocka_unit_test(latch_line_gives_the_reason_once),
        cmocka_unit_test(thresholds_are_told_once_each_and_in_order),
        cmocka_unit_test(threshold_line_names_the_nearest_cap),
        cmocka_unit_test(status_is_json_with_the_latch),
    };
    return cmocka_run_group_tests_name("run_card", tests, begin, end);
}
