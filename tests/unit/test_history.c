/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_history.c: what records become in the tables, and that feeding twice changes nothing.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "history/db.h"
#include "tests/lib/history_feed.h"

static void history_shows_a_settled_call_and_its_usage(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    uint64_t call = history_feed_reserve(fixture, 500);
    history_feed_settle(fixture, PAWL_COMMAND_COMMIT, call, 320);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.runs, 1);
    assert_int_equal(seen.run.limit[0], 1000);
    assert_int_equal(seen.run.limit[1], -1);
    assert_int_equal(seen.run.spent[0], 320);
    assert_int_equal(seen.run.spent[3], 1);
    assert_int_equal(seen.run.calls, 1);
    assert_string_equal(seen.run_state, "active");
    assert_string_equal(seen.call_state, "settled");
    assert_string_equal(seen.call_model, "m-1");
    assert_int_equal(seen.call.hold[0], 500);
    assert_int_equal(seen.call.spent[0], 320);
    assert_int_equal(seen.call.input, 7);
    assert_int_equal(seen.call.cache_read, 15);
    assert_int_equal(seen.call.cache_write, 3);
    assert_int_equal(seen.call.output, 20);
    assert_int_equal(seen.call.reasoning, 8);
    assert_int_equal(seen.call.tool_calls, 3);
}

static void feed_tool_calls(struct fixture *fixture, uint64_t call, int64_t count)
{
    char note[64];
    snprintf(note, sizeof(note), "{\"call\":%d,\"tools\":[\"Bash\"]}", (int)call);
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_EVENT, note);
    struct pawl_command_event *event = &record.command.u.event;
    event->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    event->line_count = 1;
    event->lines[0] = (struct pawl_amount){PAWL_UNIT_TOOL_CALLS, count};
    event->overage = PAWL_OVERAGE_REJECT;
    record.result.line_count = 1;
    record.result.charged[0] = event->lines[0];
    record.result.released[0].unit = PAWL_UNIT_TOOL_CALLS;
    pawl_history_feed(fixture->history, &record);
}

static void history_keeps_tool_calls_when_their_call_is_settled(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    uint64_t first = history_feed_reserve(fixture, 500);
    feed_tool_calls(fixture, first, 3);
    history_feed_settle(fixture, PAWL_COMMAND_COMMIT, first, 320);
    uint64_t second = history_feed_reserve(fixture, 200);
    feed_tool_calls(fixture, second, 2);
    history_feed_expired(fixture, second, PAWL_EXPIRED_SETTLED);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.spent[2], 5);
    assert_int_equal(seen.call.spent[2], 2);
    assert_int_equal(seen.run.spent[0], 520);
}

static void history_written_by_two_at_once_counts_once(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = *fixture;
    history_open_writer(&other);
    struct fixture *const writers[] = {fixture, &other};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(writers); i++) {
        history_feed_session(writers[i]);
        uint64_t call = history_feed_reserve(writers[i], 500);
        history_feed_settle(writers[i], PAWL_COMMAND_COMMIT, call, 320);
        assert_true(pawl_ok(pawl_history_wait(writers[i]->history, writers[i]->op, 20000)));
    }
    history_close(&other);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.spent[0], 320);
    assert_int_equal(seen.run.calls, 1);
}

static void history_without_memory_stays_a_prefix_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_errmsg msg;
    history_feed_session(fixture);
    assert_true(pawl_ok(pawl_history_wait(fixture->history, 1, 20000)));
    uint64_t before = fixture->op;
    pawl_alloc_fail_at(1, UINT64_MAX);
    for (int i = 0; i < 2000; i++) { /* until the buffer has to grow */
        history_feed_reserve(fixture, 1);
    }
    pawl_alloc_fail_at(0, 0);
    history_feed_reserve(fixture, 1);
    pawl_err err = pawl_history_close(fixture->history, &msg);
    assert_int_equal(err.code, PAWL_ERR_MEMORY);
    history_open_writer(fixture);
    assert_true(pawl_ok(pawl_history_ready(fixture->history, &msg)));
    uint64_t mark = pawl_history_watermark(fixture->history);
    assert_true(mark >= before && mark < fixture->op);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.calls, mark - before);
}

/* Whichever allocation fails, a record is in the file with all that it says, or it is not there and
 * the watermark stands before it. */
static void history_without_memory_writes_no_half_of_a_record(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_errmsg msg;
    history_feed_session(fixture);
    assert_true(pawl_ok(pawl_history_wait(fixture->history, 1, 20000)));
    for (uint64_t nth = 1, failures = 1; failures > 0; nth++) {
        pawl_alloc_fail_at(nth, UINT64_MAX);
        uint64_t call = history_feed_reserve(fixture, 1);
        pawl_err err = pawl_history_close(fixture->history, &msg);
        failures = pawl_alloc_failures();
        pawl_alloc_fail_at(0, 0);
        assert_int_equal(err.code, failures > 0 ? PAWL_ERR_MEMORY : PAWL_ERR_NONE);
        history_open_writer(fixture);
        assert_true(pawl_ok(pawl_history_ready(fixture->history, &msg)));
        uint64_t mark = pawl_history_watermark(fixture->history);
        assert_int_equal(mark, failures > 0 ? 1 : call);
        if (failures > 0) {
            fixture->op--;
        }
    }
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.call_dialect, "anthropic");
}

static void history_keeps_no_value_that_could_not_be_bound(void **state)
{
    (void)state;
    static const char make[] = "CREATE TABLE t(text TEXT)";
    static const char insert[] = "INSERT INTO t VALUES(?1)";
    static const char count[] = "SELECT count(*) FROM t";
    struct pawl_history_db db;
    assert_true(pawl_ok(pawl_history_db_open(&db, ":memory:")));
    assert_true(pawl_history_db_run(&db, make, ""));
    (void)sqlite3_limit(db.sqlite, SQLITE_LIMIT_LENGTH, 100);
    char text[200];
    memset(text, 'x', sizeof(text));
    assert_false(pawl_history_db_run(&db, insert, "s", pawl_slice_of(text, sizeof(text))));
    assert_int_equal(db.err.code, PAWL_ERR_LIMIT);
    db.err = PAWL_OK;
    sqlite3_stmt *row = pawl_history_db_bind(&db, count, "");
    assert_true(row != NULL && pawl_history_db_step(&db, row));
    assert_int_equal(sqlite3_column_int64(row, 0), 0);
    pawl_history_db_close(&db);
}

static void history_books_an_unconfirmed_call_at_its_hold_until_corrected(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    uint64_t first = history_feed_reserve(fixture, 500);
    uint64_t second = history_feed_reserve(fixture, 200);
    history_feed_expired(fixture, first, PAWL_EXPIRED_SETTLED);
    history_feed_expired(fixture, second, PAWL_EXPIRED_SETTLED);
    history_feed_settle(fixture, PAWL_COMMAND_CORRECT, first, 120);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.spent[0], 320);
    assert_int_equal(seen.run.unconfirmed_microcents, 200);
    assert_int_equal(seen.calls, 2);
    assert_string_equal(seen.call_state, "unconfirmed");
}

static void history_fed_twice_counts_once(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 2; round++) {
        fixture->op = 0;
        history_feed_session(fixture);
        uint64_t call = history_feed_reserve(fixture, 500);
        history_feed_settle(fixture, PAWL_COMMAND_COMMIT, call, 320);
        /* Something that adds is the last one: whoever begins one too early shows it. */
        feed_tool_calls(fixture, call, 2);
        assert_true(pawl_ok(pawl_history_wait(fixture->history, fixture->op, 20000)));
        if (round == 0) {
            history_close(fixture);
            history_open_writer(fixture);
            assert_true(pawl_ok(pawl_history_ready(fixture->history, NULL)));
            assert_int_equal(pawl_history_watermark(fixture->history), fixture->op);
        }
    }
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.spent[0], 320);
    assert_int_equal(seen.run.spent[2], 2);
    assert_int_equal(seen.run.calls, 1);
    assert_int_equal(seen.calls, 1);
}

static void history_leaves_out_what_the_ledger_refused(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_EVENT, "");
    record.command.u.event.subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    record.command.u.event.line_count = 1;
    record.command.u.event.lines[0] = (struct pawl_amount){PAWL_UNIT_TOOL_CALLS, 4};
    record.command.u.event.overage = PAWL_OVERAGE_REJECT;
    record.result.code = PAWL_RESULT_CAP_EXCEEDED;
    pawl_history_feed(fixture->history, &record);
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.spent[2], 0);
    assert_int_equal(seen.calls, 0);
}

static void history_counts_every_repeat_of_a_refusal(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    history_feed_note(fixture, PAWL_NOTE_REFUSAL, 2,
                      "{\"reason\":\"spent\",\"dialect\":\"anthropic\"}");
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.refusals, 3);
    assert_string_equal(seen.call_state, "refused");
}

static void history_tells_how_a_run_began_and_ended(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    history_feed_note(
        fixture, PAWL_NOTE_RUN_START, 0,
        "{\"name\":\"nightly\",\"command\":\"sh -c 'x'\",\"argv\":[\"sh\",\"-c\",\"x\"],"
        "\"cwd\":\"/w\"}");
    history_feed_state(fixture, PAWL_SESSION_PAUSED, PAWL_REASON_CAP, PAWL_UNIT_USD_MICROCENTS);
    history_feed_note(fixture, PAWL_NOTE_RUN_END, 0, "{\"status\":124,\"agent_status\":1}");
    history_feed_state(fixture, PAWL_SESSION_ENDED, PAWL_REASON_CAPPED, 0);
    struct seen seen = history_read_back(fixture);
    assert_string_equal(seen.name, "nightly");
    assert_string_equal(seen.command, "sh -c 'x'");
    assert_string_equal(seen.run_state, "ended");
    assert_string_equal(seen.run_reason, "capped");
    assert_true(seen.run.hard_stop);
    assert_int_equal(seen.run.unit, PAWL_UNIT_USD_MICROCENTS);
    assert_int_equal(seen.run.status, 124);
    assert_int_equal(seen.run.agent_status, 1);
    assert_int_equal(seen.run.spent[4], 4000);
}

static uint64_t runs_named(struct fixture *fixture, const char *name)
{
    struct seen seen = {.runs = 0};
    struct pawl_history *reader = NULL;
    struct pawl_errmsg msg;
    struct pawl_history_filter filter = {.name = pawl_slice_str(name)};
    assert_true(pawl_ok(pawl_history_open(fixture->path, NULL, &reader, &msg)));
    assert_true(pawl_ok(pawl_history_runs(reader, &filter, history_see_run, &seen, &msg)));
    assert_true(pawl_ok(pawl_history_close(reader, &msg)));
    return seen.runs;
}

static void history_finds_runs_by_the_whole_of_their_name(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    history_feed_note(fixture, PAWL_NOTE_RUN_START, 0, "{\"name\":\"nightly\"}");
    history_close(fixture);
    assert_int_equal(runs_named(fixture, "nightly"), 1);
    assert_int_equal(runs_named(fixture, "night"), 0);
    assert_int_equal(runs_named(fixture, ""), 1);
}

static void history_ends_a_run_whose_time_ran_out(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    history_feed_expired(fixture, 1, PAWL_EXPIRED_SESSION);
    struct seen seen = history_read_back(fixture);
    assert_string_equal(seen.run_reason, "capped");
    assert_int_equal(seen.run.unit, PAWL_UNIT_WALL_CLOCK_MS);
}

static void history_keeps_metadata_that_it_cannot_read(void **state)
{
    struct fixture *fixture = *state;
    history_feed_session(fixture);
    history_feed_note(fixture, PAWL_NOTE_REFUSAL, 0, "no JSON at all");
    struct seen seen = history_read_back(fixture);
    assert_int_equal(seen.run.refusals, 1);
    assert_int_equal(seen.calls, 1);
}

static void history_of_another_format_is_refused(void **state)
{
    struct fixture *fixture = *state;
    history_close(fixture);
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++) {
        fputs("This is not a database at all.\n", file);
    }
    fclose(file);
    struct pawl_errmsg msg;
    struct pawl_history *history = NULL;
    pawl_err err = pawl_history_open(fixture->path, NULL, &history, &msg);
    assert_int_equal(err.code, PAWL_ERR_CORRUPT);
    assert_null(history);
}

struct phases {
    uint64_t calls;
    char names[4][16];
};

static bool see_phase(void *arg, const struct pawl_history_call *call)
{
    struct phases *phases = arg;
    pawl_slice_copy_str(call->phase, phases->names[phases->calls++], sizeof(phases->names[0]));
    return phases->calls < 4;
}

static bool see_envelope(void *arg, const struct pawl_history_run *run)
{
    (void)arg;
    assert_int_equal(run->first[PAWL_HISTORY_MICROCENTS], 1000);
    assert_int_equal(run->first[PAWL_HISTORY_TOKENS], -1);
    assert_true(pawl_slice_equal_str(run->policy, "team"));
    assert_true(pawl_slice_equal_str(run->repo, "/r"));
    assert_true(pawl_slice_equal_str(run->model, "m"));
    assert_true(pawl_slice_equal_str(run->phase, "verification"));
    assert_true(pawl_slice_equal_str(run->origins, "{\"TOKENS\":{\"origin\":\"flag\"}}"));
    assert_true(run->attended);
    assert_int_equal(run->keep_ms, 5000);
    return true;
}

static void feed_beginning(struct fixture *fixture)
{
    history_feed_session(fixture);
    history_feed_note(
        fixture, PAWL_NOTE_RUN_START, 0,
        "{\"name\":\"n\",\"policy\":\"team\",\"repo\":\"/r\",\"model\":\"m\",\"attended\":true,"
        "\"keep_ms\":5000,\"caps\":{\"TOKENS\":{\"origin\":\"flag\"}}}");
}

static void history_tells_the_envelope_and_the_phase_of_each_call(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_errmsg msg;
    struct phases phases = {.calls = 0};
    struct pawl_history_filter filter = {.limit = 0};
    feed_beginning(fixture);
    history_feed_reserve(fixture, 10);
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_SESSION_PHASE, "");
    record.command.u.session_phase =
        (struct pawl_command_session_phase){.tenant = PAWL_SLICE("local"),
                                            .name = pawl_slice_str(history_run_id),
                                            .phase = PAWL_SLICE("verification")};
    pawl_history_feed(fixture->history, &record);
    history_feed_reserve(fixture, 10);
    assert_true(pawl_ok(pawl_history_wait(fixture->history, fixture->op, 60000)));
    assert_true(pawl_ok(pawl_history_calls(fixture->history, pawl_slice_str(history_run_id),
                                           see_phase, &phases, &msg)));
    assert_int_equal(phases.calls, 2);
    assert_string_equal(phases.names[0], "");
    assert_string_equal(phases.names[1], "verification");
    assert_true(pawl_ok(pawl_history_runs(fixture->history, &filter, see_envelope, NULL, &msg)));
    history_close(fixture);
}

static bool see_mix(void *arg, const struct pawl_history_model *model)
{
    assert_true(pawl_slice_equal_str(model->model, "m-1"));
    *(uint64_t *)arg += model->calls;
    return true;
}

static uint64_t mix_of(struct fixture *fixture, struct pawl_slice repo, int64_t since_us)
{
    struct pawl_errmsg msg;
    uint64_t calls = 0;
    assert_true(pawl_ok(pawl_history_mix(fixture->history, repo, since_us, see_mix, &calls, &msg)));
    return calls;
}

/* A run has a model as well as each of its calls: a name without its table is an error there. */
static void history_mixes_the_models_of_a_repository(void **state)
{
    struct fixture *fixture = *state;
    feed_beginning(fixture);
    history_feed_settle(fixture, PAWL_COMMAND_COMMIT, history_feed_reserve(fixture, 500), 320);
    history_feed_settle(fixture, PAWL_COMMAND_COMMIT, history_feed_reserve(fixture, 500), 320);
    assert_true(pawl_ok(pawl_history_wait(fixture->history, fixture->op, 60000)));
    assert_int_equal(mix_of(fixture, PAWL_SLICE("/r"), 0), 2);
    assert_int_equal(mix_of(fixture, PAWL_SLICE("/other"), 0), 0);
    assert_int_equal(mix_of(fixture, PAWL_SLICE("/r"), INT64_MAX), 0);
    history_close(fixture);
}

static bool see_due(void *arg, struct pawl_slice id, uint64_t watermark)
{
    uint64_t *count = arg;
    assert_true(pawl_slice_equal_str(id, history_run_id) && watermark > 0);
    (*count)++;
    return true;
}

static uint64_t due_at(struct pawl_history *history, int64_t now_us)
{
    struct pawl_errmsg msg;
    uint64_t count = 0;
    assert_true(pawl_ok(pawl_history_due(history, now_us, 9, see_due, &count, &msg)));
    return count;
}

static void history_forgets_a_run_but_that_it_was_there(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_errmsg msg;
    struct pawl_history_gone gone;
    feed_beginning(fixture);
    history_feed_reserve(fixture, 10);
    history_close(fixture);
    assert_true(pawl_ok(pawl_history_open(fixture->path, NULL, &fixture->history, &msg)));
    assert_int_equal(due_at(fixture->history, INT64_MAX / 2), 0); /* it has not ended */
    history_close(fixture);
    history_open_writer(fixture);
    history_feed_state(fixture, PAWL_SESSION_ENDED, PAWL_REASON_COMPLETED, 0);
    history_close(fixture);
    int64_t ended_us = INT64_C(1790000000000000) + (int64_t)fixture->op * 1000000;
    assert_true(pawl_ok(pawl_history_open(fixture->path, NULL, &fixture->history, &msg)));
    assert_int_equal(due_at(fixture->history, ended_us + 4999999), 0);
    assert_int_equal(due_at(fixture->history, ended_us + 5000000), 1);
    assert_true(
        pawl_ok(pawl_history_forget(fixture->history, pawl_slice_str(history_run_id), &msg)));
    assert_int_equal(due_at(fixture->history, INT64_MAX / 2), 0);
    uint64_t op = 7;
    assert_true(pawl_ok(
        pawl_history_known_op(fixture->history, pawl_slice_str(history_run_id), &op, &msg)));
    assert_int_equal(op, 0);
    static const char *const names[] = {"n", "run_0123", "0123456789abcdef"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        assert_true(pawl_ok(
            pawl_history_find_gone(fixture->history, pawl_slice_str(names[i]), &gone, &msg)));
        assert_string_equal(gone.id, history_run_id);
        assert_int_equal(gone.ended_us, ended_us);
        assert_int_equal(gone.keep_ms, 5000);
    }
    assert_true(
        pawl_ok(pawl_history_find_gone(fixture->history, PAWL_SLICE("other"), &gone, &msg)));
    assert_string_equal(gone.id, "");
    history_close(fixture);
}

#define HISTORY_TEST(name) cmocka_unit_test_setup_teardown(name, history_setup, history_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HISTORY_TEST(history_shows_a_settled_call_and_its_usage),
        HISTORY_TEST(history_books_an_unconfirmed_call_at_its_hold_until_corrected),
        HISTORY_TEST(history_fed_twice_counts_once),
        HISTORY_TEST(history_written_by_two_at_once_counts_once),
        HISTORY_TEST(history_keeps_tool_calls_when_their_call_is_settled),
        HISTORY_TEST(history_without_memory_stays_a_prefix_and_says_so),
        HISTORY_TEST(history_without_memory_writes_no_half_of_a_record),
        HISTORY_TEST(history_leaves_out_what_the_ledger_refused),
        HISTORY_TEST(history_counts_every_repeat_of_a_refusal),
        HISTORY_TEST(history_tells_how_a_run_began_and_ended),
        HISTORY_TEST(history_finds_runs_by_the_whole_of_their_name),
        HISTORY_TEST(history_ends_a_run_whose_time_ran_out),
        HISTORY_TEST(history_keeps_metadata_that_it_cannot_read),
        HISTORY_TEST(history_tells_the_envelope_and_the_phase_of_each_call),
        HISTORY_TEST(history_mixes_the_models_of_a_repository),
        HISTORY_TEST(history_forgets_a_run_but_that_it_was_there),
        HISTORY_TEST(history_of_another_format_is_refused),
        cmocka_unit_test(history_keeps_no_value_that_could_not_be_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
