/* SPDX-License-Identifier: Apache-2.0 */
/* history_feed.c: see history_feed.h. */
#define _GNU_SOURCE
#include "tests/lib/history_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attrs.h"

const char history_run_id[] = "run_0123456789abcdef";

void history_open_writer(struct fixture *fixture)
{
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_history_open(fixture->path, history_run_id, &fixture->history, &msg)));
}

void history_close(struct fixture *fixture)
{
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_history_close(fixture->history, &msg)));
}

int history_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/pawl-history-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof(fixture->path), "%s/history.db", fixture->dir);
    history_open_writer(fixture);
    *state = fixture;
    return 0;
}

int history_teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings); i++) {
        char path[80];
        snprintf(path, sizeof(path), "%s%s", fixture->path, endings[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(fixture->dir), 0);
    free(fixture);
    return 0;
}

/* --- Records ---------------------------------------------------------------------------------- */

struct pawl_record history_record(struct fixture *fixture, uint16_t type, const char *metadata)
{
    struct pawl_record record = {
        .op = ++fixture->op,
        .now_us = INT64_C(1790000000000000) + (int64_t)fixture->op * 1000000,
        .command = {.type = type, .metadata = pawl_slice_str(metadata)},
    };
    record.result.op = record.op;
    record.result.now_us = record.now_us;
    record.result.id = record.op;
    return record;
}

void history_feed_session(struct fixture *fixture)
{
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_SESSION_OPEN, "");
    struct pawl_command_session_open *open = &record.command.u.session_open;
    open->tenant = PAWL_SLICE("local");
    open->name = pawl_slice_str(history_run_id);
    open->cap_count = 2;
    open->caps[0] = (struct pawl_session_cap){.unit = PAWL_UNIT_USD_MICROCENTS, .amount = 1000};
    open->caps[1] = (struct pawl_session_cap){.unit = PAWL_UNIT_ITERATIONS, .amount = 10};
    pawl_history_feed(fixture->history, &record);
}

uint64_t history_feed_reserve(struct fixture *fixture, int64_t microcents)
{
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_RESERVE,
                                               "{\"dialect\":\"anthropic\",\"model\":\"m\"}");
    struct pawl_command_reserve *reserve = &record.command.u.reserve;
    reserve->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    reserve->subject.session = pawl_slice_str(history_run_id);
    reserve->line_count = 2;
    reserve->lines[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, microcents};
    reserve->lines[1] = (struct pawl_amount){PAWL_UNIT_ITERATIONS, 1};
    reserve->ttl_ms = 60000;
    reserve->overage = PAWL_OVERAGE_BOOK_FULL;
    reserve->extensions_max = PAWL_EXTENSIONS_MAX;
    reserve->on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD;
    pawl_history_feed(fixture->history, &record);
    return record.op;
}

void history_feed_settle(struct fixture *fixture, uint16_t type, uint64_t call, int64_t microcents)
{
    struct pawl_record record = history_record(
        fixture, type,
        "{\"model\":\"m-1\",\"usage\":{\"input\":4,\"input_audio\":2,\"input_image\":1,"
        "\"cache_read\":10,\"cache_image_read\":5,\"cache_write\":1,"
        "\"cache_write_long\":2,\"output\":9,\"output_audio\":11,\"reasoning\":8},"
        "\"end\":\"complete\",\"status\":200,\"tool_calls\":3}");
    struct pawl_command_settle *settle = &record.command.u.settle;
    settle->reservation = call;
    settle->line_count = 2;
    settle->lines[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, microcents};
    settle->lines[1] = (struct pawl_amount){PAWL_UNIT_ITERATIONS, 1};
    record.result.line_count = 2;
    record.result.charged[0] = settle->lines[0];
    record.result.charged[1] = settle->lines[1];
    record.result.released[0].unit = PAWL_UNIT_USD_MICROCENTS;
    record.result.released[1].unit = PAWL_UNIT_ITERATIONS;
    pawl_history_feed(fixture->history, &record);
}

void history_feed_expired(struct fixture *fixture, uint64_t call, uint8_t kind)
{
    struct pawl_expired expired = {.id = call, .kind = kind};
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_EXPIRE, "");
    record.command.u.expire = (struct pawl_command_expire){record.now_us, 10};
    record.result.expired_count = 1;
    record.result.expired = &expired;
    pawl_history_feed(fixture->history, &record);
}

void history_feed_state(struct fixture *fixture,
                        uint8_t session_state,
                        uint8_t reason,
                        uint16_t unit)
{
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_SESSION_SET, "");
    record.command.u.session_set = (struct pawl_command_session_set){
        .tenant = PAWL_SLICE("local"),
        .name = pawl_slice_str(history_run_id),
        .state = session_state,
        .reason = reason,
        .unit = unit,
    };
    pawl_history_feed(fixture->history, &record);
}

void history_feed_note(struct fixture *fixture,
                       uint16_t kind,
                       uint32_t repeats,
                       const char *metadata)
{
    struct pawl_record record = history_record(fixture, PAWL_COMMAND_NOTE, metadata);
    record.repeats = repeats;
    record.command.u.note = (struct pawl_command_note){
        .tenant = PAWL_SLICE("local"), .session = pawl_slice_str(history_run_id), .kind = kind};
    pawl_history_feed(fixture->history, &record);
}

/* --- What the tables say ---------------------------------------------------------------------- */

bool history_see_run(void *arg, const struct pawl_history_run *run)
{
    struct seen *seen = arg;
    seen->runs++;
    seen->run = *run;
    pawl_slice_copy_str(run->state, seen->run_state, sizeof(seen->run_state));
    pawl_slice_copy_str(run->reason, seen->run_reason, sizeof(seen->run_reason));
    pawl_slice_copy_str(run->name, seen->name, sizeof(seen->name));
    pawl_slice_copy_str(run->command, seen->command, sizeof(seen->command));
    return true;
}

static bool see_call(void *arg, const struct pawl_history_call *call)
{
    struct seen *seen = arg;
    seen->calls++;
    seen->call = *call;
    pawl_slice_copy_str(call->state, seen->call_state, sizeof(seen->call_state));
    pawl_slice_copy_str(call->model, seen->call_model, sizeof(seen->call_model));
    pawl_slice_copy_str(call->dialect, seen->call_dialect, sizeof(seen->call_dialect));
    return true;
}

struct seen history_read_back(struct fixture *fixture)
{
    struct seen seen = {.runs = 0};
    struct pawl_history *reader = NULL;
    struct pawl_errmsg msg;
    struct pawl_history_filter filter = {.id_prefix = PAWL_SLICE("0123")};
    history_close(fixture);
    assert_true(pawl_ok(pawl_history_open(fixture->path, NULL, &reader, &msg)));
    assert_true(pawl_ok(pawl_history_runs(reader, &filter, history_see_run, &seen, &msg)));
    assert_true(
        pawl_ok(pawl_history_calls(reader, pawl_slice_str(history_run_id), see_call, &seen, &msg)));
    assert_true(pawl_ok(pawl_history_close(reader, &msg)));
    return seen;
}
