/* SPDX-License-Identifier: Apache-2.0 */
/*
 * denial.c: what a budget refused, as people and programs read it. `limit_kind` tells the refusals
 * apart that the protocol's code has in common: "spent" (it is used up), "held" (it would fit once
 * what others hold came back), "frozen", "closed", "over_limit", "debt", "session", "rate",
 * "ledger".
 */
#include "cycles/denial.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "cycles/scopes.h"

enum { DETAILS_BYTES_MAX = 4096 };

static const char *limit_kind(const struct pawl_result *result)
{
    const struct pawl_denial *denial = &result->denial;
    switch (result->code) {
    case PAWL_RESULT_BUDGET_FROZEN:
        return "frozen";
    case PAWL_RESULT_BUDGET_CLOSED:
        return "closed";
    case PAWL_RESULT_OVER_LIMIT:
        return "over_limit";
    case PAWL_RESULT_DEBT_OUTSTANDING:
    case PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED:
        return "debt";
    case PAWL_RESULT_RATE_LIMITED:
        return "rate";
    case PAWL_RESULT_LIMIT_REACHED:
        return "ledger";
    case PAWL_RESULT_SESSION_ENDED:
    case PAWL_RESULT_SESSION_PAUSED:
    case PAWL_RESULT_DEADLINE_PASSED:
    case PAWL_RESULT_CAP_EXCEEDED:
        return "session";
    default:
        return denial->limit - denial->spent - denial->debt >= denial->asked ? "held" : "spent";
    }
}

static const char *window_name(const struct pawl_window *window)
{
    static const char *const periods[] = {"none",  "hour",    "day", "week",
                                          "month", "quarter", "year"};
    switch (window->kind) {
    case PAWL_WINDOW_LIFETIME:
        return "lifetime";
    case PAWL_WINDOW_CALENDAR:
        return window->period < PAWL_ARRAY_LEN(periods) ? periods[window->period] : "calendar";
    case PAWL_WINDOW_FIXED:
        return "fixed";
    default:
        return "rolling";
    }
}

/* The budget that refused; false: none did. */
static bool say_budget(const struct pawl_core *core,
                       const struct pawl_result *result,
                       struct pawl_json_writer *writer,
                       char path[static PAWL_SCOPE_PATH_BYTES])
{
    const struct pawl_denial *denial = &result->denial;
    struct pawl_budget_view view;
    char unit[PAWL_UNIT_TEXT_BYTES];
    if (denial->budget == 0 ||
        !pawl_core_budget(core, denial->budget, pawl_core_now_us(core), &view)) {
        return false;
    }
    (void)pawl_core_scope_path(core, view.scope, path, PAWL_SCOPE_PATH_BYTES);
    pawl_json_member_str(writer, "scope", path);
    pawl_json_member_str(writer, "unit", pawl_unit_text(denial->unit, unit));
    pawl_json_member_str(writer, "window", window_name(&view.window));
    pawl_json_member_i64(writer, "limit", denial->limit);
    pawl_json_member_i64(writer, "spent", denial->spent);
    pawl_json_member_i64(writer, "held", denial->held);
    if (denial->debt > 0) {
        pawl_json_member_i64(writer, "debt", denial->debt);
    }
    pawl_json_member_i64(writer, "asked", denial->asked);
    pawl_json_member_i64(writer, "fits", pawl_max_i64(denial->fits, 0));
    pawl_json_member_i64(writer, "resets_at_ms", denial->resets_at_us / PAWL_US_PER_MS);
    return true;
}

static void
say_message(const struct pawl_result *result, const char *path, struct pawl_denial_words *words)
{
    const struct pawl_denial *denial = &result->denial;
    const char *meaning = pawl_result_meaning(result->code);
    char unit[PAWL_UNIT_TEXT_BYTES];
    if (path[0] == '\0') {
        (void)snprintf(words->message, sizeof(words->message), "%s", meaning);
        return;
    }
    (void)snprintf(words->message, sizeof(words->message),
                   "%s: %s: its limit is %lld %s, %lld are spent, %lld held; %lld were asked for",
                   path, meaning, (long long)denial->limit, pawl_unit_text(denial->unit, unit),
                   (long long)denial->spent, (long long)denial->held, (long long)denial->asked);
}

void pawl_denial_say(const struct pawl_core *core,
                     const struct pawl_result *result,
                     struct pawl_arena *arena,
                     struct pawl_denial_words *ret_words)
{
    struct pawl_json_writer writer;
    struct pawl_buf out;
    char path[PAWL_SCOPE_PATH_BYTES] = "";
    PAWL_ASSERT(result->code != PAWL_RESULT_OK);
    pawl_buf_init(&out, DETAILS_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "reason", pawl_result_name(result->code));
    bool by_budget = say_budget(core, result, &writer, path);
    if (by_budget || result->denial.session != 0 || result->code == PAWL_RESULT_RATE_LIMITED ||
        result->code == PAWL_RESULT_LIMIT_REACHED) {
        pawl_json_member_str(&writer, "limit_kind", limit_kind(result));
    }
    pawl_json_object_end(&writer);
    ret_words->details =
        out.overflowed ? PAWL_SLICE_NONE : pawl_arena_copy(arena, pawl_buf_slice(&out));
    pawl_buf_free(&out);
    say_message(result, path, ret_words);
}
