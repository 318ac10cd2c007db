/* SPDX-License-Identifier: Apache-2.0 */
/*
 * denial.c: what a budget refused, as people and programs read it. `limit_kind` tells the refusals
 * apart that the protocol's code has in common: "spent" (it is used up), "held" (it would fit once
 * what others hold came back), "hold" (a commit above its own hold, whose policy is REJECT),
 * "frozen", "closed", "over_limit", "debt", "overdraft" (it would owe too much), "session", "rate",
 * "ledger". `asked` is always the whole amount of the request, `fits` what would have passed in its
 * place.
 */
#include "cycles/denial.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "cycles/scopes.h"

enum { DETAILS_BYTES_MAX = 4096, OWED_BYTES = 32 };

/* A refusal, read with what was asked. */
struct refusal {
    uint16_t code;
    bool of_commit;
    struct pawl_denial denial;
};

/* The record of an overdraft that does not suffice has what the commit needs beyond its hold; the
 * hold is the rest of what it says. */
static void read_refusal(const struct pawl_result *result,
                         const struct pawl_command *asked,
                         struct refusal *ret)
{
    *ret = (struct refusal){
        .code = result->code,
        .of_commit = asked != NULL && asked->type == PAWL_COMMAND_COMMIT,
        .denial = result->denial,
    };
    if (ret->of_commit && ret->denial.budget != 0 &&
        ret->code == PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED) {
        PAWL_ASSERT(asked->u.settle.line_count == 1);
        int64_t hold = asked->u.settle.lines[0].value - ret->denial.asked;
        PAWL_ASSERT(hold >= 0);
        ret->denial.asked += hold;
        ret->denial.fits += hold;
    }
}

static const char *limit_kind(const struct refusal *refusal)
{
    const struct pawl_denial *denial = &refusal->denial;
    switch (refusal->code) {
    case PAWL_RESULT_BUDGET_FROZEN:
        return "frozen";
    case PAWL_RESULT_BUDGET_CLOSED:
        return "closed";
    case PAWL_RESULT_OVER_LIMIT:
        return "over_limit";
    case PAWL_RESULT_DEBT_OUTSTANDING:
        return "debt";
    case PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED:
        return "overdraft";
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
        if (refusal->of_commit) {
            return "hold";
        }
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
                       const struct refusal *refusal,
                       struct pawl_json_writer *writer,
                       char path[static PAWL_SCOPE_PATH_BYTES])
{
    const struct pawl_denial *denial = &refusal->denial;
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

/* --- The ledger itself ----------------------------------------------------------------------- */

enum maximum {
#define PAWL_MAXIMUM(id, name, words, most_member, in_use, row_bytes, at_once, comes_back, note)   \
    MAXIMUM_##id,
#include "core/maxima.def"
#undef PAWL_MAXIMUM
};

struct table {
    const char *name;
    const char *option; /* of `pawl serve` */
    uint32_t used;
    uint32_t most;
    bool at_once; /* one operation may need several */
    bool comes_back;
    bool kept; /* what is left is another's */
};

enum { AT_ONCE_MAX = 32 };

static bool is_full(const struct pawl_core *core,
                    const struct pawl_command *asked,
                    enum maximum maximum,
                    const struct table *table)
{
    uint32_t left = table->used < table->most ? table->most - table->used : 0;
    if (maximum == MAXIMUM_RESERVATIONS) { /* what settles takes none */
        return left == 0 && asked != NULL &&
               (asked->type == PAWL_COMMAND_RESERVE || asked->type == PAWL_COMMAND_DECIDE);
    }
    if (maximum == MAXIMUM_IDEMPOTENCY) {
        return pawl_core_keys_full(core, asked);
    }
    uint32_t several = table->most / 8 < AT_ONCE_MAX ? table->most / 8 : AT_ONCE_MAX;
    return left <= (table->at_once ? several : 0);
}

/* The full one: false if none is, which is the case when one operation needs more than there can
 * be, or memory is short. */
static bool
full_table(const struct pawl_core *core, const struct pawl_command *asked, struct table *ret_table)
{
    const struct pawl_config *most = pawl_core_config(core);
    struct pawl_core_stats used;
    pawl_core_stats(core, &used);
    const struct table tables[PAWL_MAXIMUM_COUNT] = {
#define PAWL_MAXIMUM(id, name, words, most_member, in_use, row_bytes, at_once, comes_back, note)   \
    {words, "max-" name, used.in_use, most->most_member, at_once, comes_back, false},
#include "core/maxima.def"
#undef PAWL_MAXIMUM
    };
    for (size_t i = 0; i < PAWL_MAXIMUM_COUNT; i++) {
        if (is_full(core, asked, (enum maximum)i, &tables[i])) {
            *ret_table = tables[i];
            ret_table->kept = i == MAXIMUM_IDEMPOTENCY && tables[i].used < tables[i].most;
            return true;
        }
    }
    return false;
}

static void say_table(const struct table *table,
                      struct pawl_json_writer *writer,
                      struct pawl_denial_words *words)
{
    pawl_json_member_str(writer, "table", table->name);
    pawl_json_member_i64(writer, "used", table->used);
    pawl_json_member_i64(writer, "maximum", table->most);
    words->retry_s = table->comes_back ? PAWL_DENIAL_RETRY_S : PAWL_DENIAL_RETRY_FULL_S;
    (void)snprintf(words->message, sizeof(words->message), "%s: %s, %lu of %lu (%s)%s",
                   pawl_result_meaning(PAWL_RESULT_LIMIT_REACHED), table->name,
                   (unsigned long)table->used, (unsigned long)table->most, table->option,
                   table->kept ? ", the others are kept for open reservations" : "");
}

/* --- Words ----------------------------------------------------------------------------------- */

/* The policy that takes no more in this minute; empty: it is not there. */
static struct pawl_slice throttle_name(const struct pawl_core *core,
                                       const struct pawl_command *asked)
{
    struct pawl_document_view view;
    bool found = asked != NULL && asked->type == PAWL_COMMAND_RESERVE &&
                 asked->u.reserve.throttle != 0 &&
                 pawl_core_document(core, asked->u.reserve.throttle, &view);
    return found ? view.name : PAWL_SLICE_NONE;
}

/* Of a policy's minute. */
static void say_rate(const struct pawl_result *result,
                     struct pawl_slice policy,
                     struct pawl_json_writer *writer,
                     struct pawl_denial_words *words)
{
    const struct pawl_denial *denial = &result->denial;
    char span[PAWL_CLOCK_TEXT_BYTES];
    int64_t left_us = pawl_max_i64(denial->resets_at_us - result->now_us, 1);
    int64_t left_s = (left_us + PAWL_US_PER_SECOND - 1) / PAWL_US_PER_SECOND;
    PAWL_ASSERT(policy.bytes > 0);
    pawl_json_member_string(writer, "policy_id", policy);
    pawl_json_member_i64(writer, "limit_per_minute", denial->limit);
    pawl_json_member_i64(writer, "taken", denial->spent);
    pawl_json_member_i64(writer, "resets_at_ms", denial->resets_at_us / PAWL_US_PER_MS);
    (void)snprintf(words->message, sizeof(words->message),
                   "policy %.*s takes at most %lld hold%s a minute; again in %s", (int)policy.bytes,
                   policy.data, (long long)denial->limit, denial->limit == 1 ? "" : "s",
                   pawl_duration_format_ms(left_s * 1000, span));
}

static void
say_message(const struct refusal *refusal, const char *path, struct pawl_denial_words *words)
{
    const struct pawl_denial *denial = &refusal->denial;
    const char *meaning = pawl_result_meaning(refusal->code);
    char room[PAWL_UNIT_TEXT_BYTES];
    if (path[0] == '\0') {
        (void)snprintf(words->message, sizeof(words->message), "%s", meaning);
        return;
    }
    const char *unit = pawl_unit_text(denial->unit, room);
    if (strcmp(limit_kind(refusal), "hold") == 0) {
        (void)snprintf(words->message, sizeof(words->message),
                       "the hold is %lld %s and its overage policy is REJECT; %lld were asked for",
                       (long long)denial->fits, unit, (long long)denial->asked);
        return;
    }
    char owed[OWED_BYTES] = "";
    if (denial->debt > 0) {
        (void)snprintf(owed, sizeof(owed), ", %lld owed", (long long)denial->debt);
    }
    (void)snprintf(words->message, sizeof(words->message),
                   "%s: %s: its limit is %lld %s, %lld are spent, %lld held%s; %lld were asked for",
                   path, meaning, (long long)denial->limit, unit, (long long)denial->spent,
                   (long long)denial->held, owed, (long long)denial->asked);
}

void pawl_denial_say(const struct pawl_core *core,
                     const struct pawl_result *result,
                     const struct pawl_command *asked,
                     struct pawl_arena *arena,
                     struct pawl_denial_words *ret_words)
{
    struct pawl_json_writer writer;
    struct pawl_buf out;
    struct refusal refusal;
    char path[PAWL_SCOPE_PATH_BYTES] = "";
    struct pawl_slice throttle = throttle_name(core, asked);
    struct table table;
    bool of_ledger = result->code == PAWL_RESULT_LIMIT_REACHED;
    PAWL_ASSERT(result->code != PAWL_RESULT_OK);
    read_refusal(result, asked, &refusal);
    pawl_buf_init(&out, DETAILS_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "reason", pawl_result_name(result->code));
    bool by_budget = say_budget(core, &refusal, &writer, path);
    if (by_budget || result->denial.session != 0 || result->code == PAWL_RESULT_RATE_LIMITED ||
        of_ledger) {
        pawl_json_member_str(&writer, "limit_kind", limit_kind(&refusal));
    }
    if (result->code == PAWL_RESULT_RATE_LIMITED && throttle.bytes > 0) {
        say_rate(result, throttle, &writer, ret_words);
    } else {
        say_message(&refusal, path, ret_words);
    }
    ret_words->retry_s = of_ledger ? PAWL_DENIAL_RETRY_S : 0;
    if (of_ledger && full_table(core, asked, &table)) {
        say_table(&table, &writer, ret_words);
    }
    pawl_json_object_end(&writer);
    ret_words->details =
        out.overflowed ? PAWL_SLICE_NONE : pawl_arena_copy(arena, pawl_buf_slice(&out));
    pawl_buf_free(&out);
}
