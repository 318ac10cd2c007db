/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c: how runs are told, to people and in JSON, so that every command tells them alike.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "cli/open.h"

enum { NOTE_ARENA_BYTES = 64 << 10 };

const char *pawl_cli_local_time(int64_t us, char out[static PAWL_CLI_TEXT_BYTES])
{
    time_t seconds = (time_t)(us / INT64_C(1000000));
    struct tm parts;
    if (us == 0 || localtime_r(&seconds, &parts) == NULL ||
        strftime(out, PAWL_CLI_TEXT_BYTES, "%Y-%m-%d %H:%M", &parts) == 0) {
        return "";
    }
    return out;
}

uint16_t pawl_cli_history_unit(size_t index)
{
    static const uint16_t units[PAWL_HISTORY_UNITS] = {
        PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS,        PAWL_UNIT_TOOL_CALLS,
        PAWL_UNIT_ITERATIONS,     PAWL_UNIT_WALL_CLOCK_MS,
    };
    PAWL_ASSERT(index < PAWL_HISTORY_UNITS);
    return units[index];
}

const char *pawl_cli_history_key(size_t index)
{
    static const char *const keys[PAWL_HISTORY_UNITS] = {"usd", "tokens", "tool_calls",
                                                         "iterations", "time"};
    PAWL_ASSERT(index < PAWL_HISTORY_UNITS);
    return keys[index];
}

const char *pawl_cli_unit_word(uint16_t unit)
{
    static const char *const words[PAWL_HISTORY_UNITS] = {"dollars", "tokens", "tool calls",
                                                          "model calls", "time"};
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        if (pawl_cli_history_unit(i) == unit) {
            return words[i];
        }
    }
    return "";
}

/* What the note of the end says under a name; "" where it says nothing. */
static const char *
end_word(const struct pawl_history_run *run, const char *name, char out[static PAWL_CLI_TEXT_BYTES])
{
    struct pawl_arena arena;
    struct pawl_json json;
    out[0] = '\0';
    pawl_arena_init(&arena, NOTE_ARENA_BYTES);
    if (pawl_json_parse(&arena, run->end_note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                        &json)) {
        struct pawl_slice word = pawl_json_string(&json, pawl_json_get(&json, 0, name), &arena);
        (void)pawl_slice_copy_str(word, out, PAWL_CLI_TEXT_BYTES);
    }
    pawl_arena_free(&arena);
    return out;
}

const char *pawl_cli_run_word(const struct pawl_history_run *run,
                              char out[static PAWL_CLI_TEXT_BYTES])
{
    char word[PAWL_CLI_TEXT_BYTES];
    if (!pawl_slice_equal_str(run->state, "ended")) {
        snprintf(out, PAWL_CLI_TEXT_BYTES, "%s%s",
                 pawl_slice_equal_str(run->state, "paused") ? "stopped: " : "running",
                 pawl_slice_equal_str(run->state, "paused") ? pawl_cli_unit_word(run->unit) : "");
    } else if (pawl_slice_equal_str(run->reason, "capped")) {
        bool shared = end_word(run, "limit", word)[0] != '\0';
        snprintf(out, PAWL_CLI_TEXT_BYTES, "capped: %s%.48s", shared ? "limit " : "",
                 shared ? word : pawl_cli_unit_word(run->unit));
    } else if (strcmp(end_word(run, "why", word), "stopped") == 0) {
        pawl_slice_copy_str(PAWL_SLICE("stopped by hand"), out, PAWL_CLI_TEXT_BYTES);
    } else if (strcmp(word, "refused") == 0) {
        pawl_slice_copy_str(PAWL_SLICE("stopped"), out, PAWL_CLI_TEXT_BYTES);
    } else if (run->agent_signal > 0) {
        snprintf(out, PAWL_CLI_TEXT_BYTES, "%.*s (signal %d)", (int)run->reason.bytes,
                 run->reason.data, run->agent_signal);
    } else if (pawl_slice_equal_str(run->reason, "failed") && run->agent_status >= 0) {
        snprintf(out, PAWL_CLI_TEXT_BYTES, "failed (%d)", run->agent_status);
    } else {
        pawl_slice_copy_str(run->reason, out, PAWL_CLI_TEXT_BYTES);
    }
    return out;
}

void pawl_cli_write_text(struct pawl_json_writer *json, const char *key, struct pawl_slice text)
{
    if (!pawl_slice_empty(text)) {
        pawl_json_member_string(json, key, text);
    }
}

void pawl_cli_write_amount(struct pawl_json_writer *json,
                           const char *key,
                           uint16_t unit,
                           int64_t amount)
{
    pawl_json_key(json, key);
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "unit", pawl_unit_name(unit));
    pawl_json_member_i64(json, "amount", amount);
    pawl_json_object_end(json);
}

void pawl_cli_write_run(struct pawl_json_writer *json, const struct pawl_history_run *run)
{
    pawl_json_member_string(json, "run", run->id);
    pawl_cli_write_text(json, "name", run->name);
    pawl_cli_write_text(json, "command", run->command);
    if (!pawl_slice_empty(run->argv)) {
        pawl_json_key(json, "argv");
        pawl_json_put_raw(json, run->argv);
    }
    pawl_cli_write_text(json, "cwd", run->cwd);
    pawl_cli_write_text(json, "repo", run->repo);
    pawl_cli_write_text(json, "policy", run->policy);
    if (run->keep_ms > 0) {
        pawl_json_member_i64(json, "keep_ms", run->keep_ms);
    }
    pawl_json_member_i64(json, "started_ms", run->started_us / PAWL_US_PER_MS);
    if (run->ended_us != 0) {
        pawl_json_member_i64(json, "ended_ms", run->ended_us / PAWL_US_PER_MS);
    }
    pawl_json_member_string(json, "state", run->state);
    pawl_cli_write_text(json, "reason", run->reason);
    if (run->unit != 0) {
        pawl_json_member_str(json, "cap", pawl_unit_name(run->unit));
    }
    pawl_json_member_bool(json, "hard_stop", run->hard_stop);
    if (run->status >= 0) {
        pawl_json_member_i64(json, "status", run->status);
        pawl_json_member_i64(json, "agent_signal", run->agent_signal);
    }
    if (run->agent_status >= 0) {
        pawl_json_member_i64(json, "agent_status", run->agent_status);
    }
    pawl_json_key(json, "limits");
    pawl_json_object_begin(json);
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        if (run->limit[i] >= 0) {
            pawl_cli_write_amount(json, pawl_cli_history_key(i), pawl_cli_history_unit(i),
                                  run->limit[i]);
        }
    }
    pawl_json_object_end(json);
    pawl_json_key(json, "spent");
    pawl_json_object_begin(json);
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        pawl_cli_write_amount(json, pawl_cli_history_key(i), pawl_cli_history_unit(i),
                              run->spent[i]);
    }
    pawl_json_object_end(json);
    pawl_cli_write_amount(json, "unconfirmed", PAWL_UNIT_USD_MICROCENTS,
                          run->unconfirmed_microcents);
    pawl_cli_write_amount(json, "overshoot", PAWL_UNIT_USD_MICROCENTS, run->overshoot_microcents);
    pawl_json_member_i64(json, "calls", (int64_t)run->calls);
    pawl_json_member_i64(json, "refusals", (int64_t)run->refusals);
    pawl_json_member_i64(json, "batches", (int64_t)run->batches);
    if (!pawl_slice_empty(run->baseline)) {
        pawl_json_member_string(json, "baseline", run->baseline);
    }
    if (!pawl_slice_empty(run->resumed_from)) {
        pawl_json_member_string(json, "resumed_from", run->resumed_from);
    }
    if (!pawl_slice_empty(run->before)) {
        pawl_json_key(json, "before");
        pawl_json_put_raw(json, run->before);
    }
    pawl_json_member_i64(json, "approvals_asked", (int64_t)run->approvals_asked);
    pawl_json_member_i64(json, "approvals_given", (int64_t)run->approvals_given);
}
