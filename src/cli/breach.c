/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breach.c: see breach.h. The causes are tried from the most particular to the most general: a run
 * that is none of the first three was a usual one, and its envelope was too small for it.
 */
#include "cli/breach.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/money.h"
#include "cli/open.h"
#include "gateway/price.h"
#include "gateway/price_tier.h"

enum { ARENA_BYTES = 1 << 20, THREADS_MAX = 256 };

const char *pawl_breach_cause_name(enum pawl_breach_cause cause)
{
    static const char *const names[] = {
        [PAWL_CAUSE_ESCALATION] = "escalation",
        [PAWL_CAUSE_VERIFICATION] = "verification too broad",
        [PAWL_CAUSE_SCOPE] = "scope too wide",
        [PAWL_CAUSE_DEFAULT] = "default too low",
    };
    _Static_assert(PAWL_ARRAY_LEN(names) == PAWL_CAUSE_COUNT, "every cause has a name");
    return names[cause];
}

/* --- The rule ------------------------------------------------------------------------------- */

static int64_t percent_of(int64_t part, int64_t whole)
{
    int64_t percent = 0;
    if (whole <= 0 || part <= 0 || !pawl_money_mul_div_floor(part, 100, whole, &percent)) {
        return 0;
    }
    return percent;
}

/* What a dearer model or a verification takes is dollars and tokens. */
static bool is_spending(uint16_t unit)
{
    return unit == PAWL_UNIT_USD_MICROCENTS || unit == PAWL_UNIT_TOKENS;
}

static bool is_escalation(const struct pawl_breach_facts *facts, struct pawl_breach *breach)
{
    int64_t percent = percent_of(facts->dearer_microcents, facts->microcents);
    if (!is_spending(facts->unit) || (percent < PAWL_BREACH_DEARER_PERCENT &&
                                      !facts->model_approved && !facts->dearer_refused)) {
        return false;
    }
    (void)snprintf(breach->words, sizeof(breach->words),
                   "%" PRId64 "%% of the dollars for %s, begun with %s%s%s", percent,
                   facts->dearer[0] != '\0' ? facts->dearer : "a dearer model",
                   facts->baseline[0] != '\0' ? facts->baseline : "another",
                   facts->model_approved ? "; the switch was approved" : "",
                   facts->dearer_refused ? "; its call was the one that did not fit" : "");
    return true;
}

static bool is_verification(const struct pawl_breach_facts *facts, struct pawl_breach *breach)
{
    int64_t percent = percent_of(facts->verification_microcents, facts->microcents);
    if (percent <= PAWL_BREACH_VERIFICATION_PERCENT) {
        return false;
    }
    (void)snprintf(breach->words, sizeof(breach->words),
                   "%" PRId64 "%% of the dollars in verification", percent);
    return true;
}

static bool is_scope(const struct pawl_breach_facts *facts, struct pawl_breach *breach)
{
    bool tools = facts->unit == PAWL_UNIT_TOOL_CALLS &&
                 facts->tool_calls >= PAWL_BREACH_TOOLS_PER_CALL * facts->calls;
    if (facts->files >= PAWL_BREACH_FILES) {
        (void)snprintf(breach->words, sizeof(breach->words), "%" PRId64 " files touched",
                       facts->files);
    } else if (facts->threads >= PAWL_BREACH_THREADS) {
        (void)snprintf(breach->words, sizeof(breach->words), "%" PRId64 " sub-agents",
                       facts->threads);
    } else if (tools) {
        (void)snprintf(breach->words, sizeof(breach->words),
                       "%" PRId64 " tool calls in %" PRId64 " model calls", facts->tool_calls,
                       facts->calls);
    } else {
        return false;
    }
    return true;
}

void pawl_breach_judge(const struct pawl_breach_facts *facts, struct pawl_breach *ret_breach)
{
    *ret_breach = (struct pawl_breach){.cause = PAWL_CAUSE_DEFAULT};
    if (is_escalation(facts, ret_breach)) {
        ret_breach->cause = PAWL_CAUSE_ESCALATION;
    } else if (is_verification(facts, ret_breach)) {
        ret_breach->cause = PAWL_CAUSE_VERIFICATION;
    } else if (is_scope(facts, ret_breach)) {
        ret_breach->cause = PAWL_CAUSE_SCOPE;
    } else {
        const char *unit = pawl_cli_unit_word(facts->unit);
        (void)snprintf(ret_breach->words, sizeof(ret_breach->words), "the cap on %s%s%s",
                       unit[0] != '\0' ? unit : "something",
                       facts->origin[0] != '\0' ? ", set by " : "", facts->origin);
    }
}

/* --- The facts ------------------------------------------------------------------------------ */

struct looking {
    const struct pawl_price_book *prices;
    struct pawl_breach_facts *facts;
    struct pawl_arena arena;
    int64_t at_us;
    unsigned tier; /* of the first model; 0: not known */
    unsigned dearest_tier;
    struct pawl_slice threads[THREADS_MAX]; /* in the arena */
};

static unsigned tier_of(const struct looking *looking, struct pawl_slice model)
{
    struct pawl_price price;
    struct pawl_price_query query = {.model = model, .at_us = looking->at_us};
    return !pawl_slice_empty(model) && pawl_price_lookup(looking->prices, query, &price)
               ? pawl_price_tier(&price)
               : 0;
}

/* The conversation of a call, empty for the main one. In the arena. */
static struct pawl_slice thread_of(struct looking *looking, struct pawl_slice meta)
{
    struct pawl_json json;
    if (!pawl_json_parse(&looking->arena, meta, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                         &json)) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice text =
        pawl_json_string(&json, pawl_json_get(&json, 0, "thread"), &looking->arena);
    return pawl_slice_empty(text) ? text : pawl_arena_copy(&looking->arena, text);
}

static void count_thread(struct looking *looking, struct pawl_slice thread)
{
    struct pawl_breach_facts *facts = looking->facts;
    for (int64_t i = 0; i < facts->threads; i++) {
        if (pawl_slice_equal(looking->threads[i], thread)) {
            return;
        }
    }
    if (facts->threads < THREADS_MAX) {
        looking->threads[facts->threads++] = thread;
    }
}

static void note_dearer(struct looking *looking, struct pawl_slice model, unsigned tier)
{
    if (tier > looking->dearest_tier) {
        looking->dearest_tier = tier;
        (void)pawl_slice_copy_str(model, looking->facts->dearer, sizeof(looking->facts->dearer));
    }
}

/* Where a run has no baseline on record (none of its calls was answered, or its pawl did not keep
 * it), the first call of the main conversation stands for it. */
static bool take_call(void *arg, const struct pawl_history_call *call)
{
    struct looking *looking = arg;
    struct pawl_breach_facts *facts = looking->facts;
    if (pawl_slice_equal_str(call->state, "refused")) {
        unsigned asked = tier_of(looking, call->model_asked);
        facts->dearer_refused = looking->tier != 0 && asked > looking->tier;
        if (facts->dearer_refused) {
            note_dearer(looking, call->model_asked, asked);
        }
        return true;
    }
    struct pawl_slice thread = thread_of(looking, call->reserve_meta);
    struct pawl_slice model = pawl_slice_empty(call->model) ? call->model_asked : call->model;
    unsigned tier = tier_of(looking, model);
    if (!pawl_slice_empty(thread)) {
        count_thread(looking, thread);
    } else if (looking->tier == 0 && facts->baseline[0] == '\0') {
        looking->tier = tier;
        (void)pawl_slice_copy_str(model, facts->baseline, sizeof(facts->baseline));
    }
    if (pawl_slice_equal_str(call->phase, "verification")) {
        facts->verification_microcents += call->spent[PAWL_HISTORY_MICROCENTS];
    }
    if (looking->tier != 0 && tier > looking->tier) {
        facts->dearer_microcents += call->spent[PAWL_HISTORY_MICROCENTS];
        note_dearer(looking, model, tier);
    }
    return !looking->arena.overflowed;
}

/* An approved question means that the envelope was reached; what was given unasked, only where it
 * was used. */
static bool take_approval(void *arg, const struct pawl_history_approval *approval)
{
    struct looking *looking = arg;
    struct pawl_breach_facts *facts = looking->facts;
    struct pawl_json json;
    if (!pawl_slice_equal_str(approval->state, "approved")) {
        return true;
    }
    if (pawl_slice_equal_str(approval->kind, "model")) {
        facts->model_approved = true;
    }
    if (approval->unasked || !pawl_slice_equal_str(approval->kind, "raise_cap") ||
        facts->how == PAWL_BREACH_APPROVED ||
        !pawl_json_parse(&looking->arena, approval->asked, PAWL_JSON_FORWARD,
                         PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return true;
    }
    uint32_t first = pawl_json_first(&json, 0);
    facts->how = PAWL_BREACH_APPROVED;
    facts->unit = pawl_unit_from_name(
        pawl_json_string(&json, pawl_json_get(&json, first, "unit"), &looking->arena));
    return true;
}

/* A limit across runs is no envelope of this one. */
static bool stopped_by_limit(struct looking *looking, const struct pawl_history_run *run)
{
    struct pawl_json json;
    return pawl_json_parse(&looking->arena, run->end_note, PAWL_JSON_FORWARD,
                           PAWL_JSON_LIMITS_DEFAULT, &json) &&
           pawl_json_get(&json, 0, "limit") != PAWL_JSON_NONE;
}

static void take_end(struct looking *looking, const struct pawl_history_run *run)
{
    static const char *const counts[] = {"files.changed", "files.created", "files.deleted"};
    struct pawl_json json;
    looking->facts->files = -1;
    if (!pawl_json_parse(&looking->arena, run->end_note, PAWL_JSON_FORWARD,
                         PAWL_JSON_LIMITS_DEFAULT, &json) ||
        pawl_json_get(&json, 0, "files") == PAWL_JSON_NONE) {
        return;
    }
    looking->facts->files = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(counts); i++) {
        looking->facts->files += pawl_json_count_or(&json, pawl_json_path(&json, 0, counts[i]), 0);
    }
}

static void take_origin(struct looking *looking, const struct pawl_history_run *run)
{
    struct pawl_json json;
    const char *unit = pawl_unit_name(looking->facts->unit);
    if (unit == NULL || !pawl_json_parse(&looking->arena, run->origins, PAWL_JSON_FORWARD,
                                         PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return;
    }
    uint32_t cap = pawl_json_get(&json, 0, unit);
    (void)pawl_slice_copy_str(
        pawl_json_string(&json, pawl_json_get(&json, cap, "origin"), &looking->arena),
        looking->facts->origin, sizeof(looking->facts->origin));
}

/* Beyond what it began with, without a question: more was given beforehand, and used. */
static void take_excess(struct pawl_breach_facts *facts, const struct pawl_history_run *run)
{
    for (size_t i = 0; i < PAWL_HISTORY_UNITS && facts->how == PAWL_BREACH_NONE; i++) {
        if (run->approvals_given > 0 && run->first[i] >= 0 && run->spent[i] > run->first[i]) {
            facts->how = PAWL_BREACH_APPROVED;
            facts->unit = pawl_cli_history_unit(i);
        }
    }
}

pawl_err pawl_breach_look(struct pawl_history *history,
                          const struct pawl_price_book *prices,
                          const struct pawl_history_run *run,
                          struct pawl_breach_facts *ret_facts,
                          struct pawl_errmsg *msg)
{
    struct looking looking = {.prices = prices, .facts = ret_facts, .at_us = run->started_us};
    *ret_facts = (struct pawl_breach_facts){
        .microcents = run->spent[PAWL_HISTORY_MICROCENTS],
        .calls = (int64_t)run->calls,
        .tool_calls = run->spent[PAWL_HISTORY_TOOL_CALLS],
    };
    pawl_arena_init(&looking.arena, (size_t)64 * ARENA_BYTES);
    struct pawl_slice baseline = pawl_slice_empty(run->baseline) ? run->model : run->baseline;
    (void)pawl_slice_copy_str(baseline, ret_facts->baseline, sizeof(ret_facts->baseline));
    looking.tier = tier_of(&looking, baseline);
    pawl_err err = pawl_history_approvals(history, run->id, take_approval, &looking, msg);
    take_excess(ret_facts, run);
    if (ret_facts->how == PAWL_BREACH_NONE && run->hard_stop && run->unit != 0 &&
        !stopped_by_limit(&looking, run)) {
        ret_facts->how = PAWL_BREACH_STOPPED;
        ret_facts->unit = run->unit;
    }
    if (ret_facts->how == PAWL_BREACH_NONE &&
        run->overshoot_microcents > 0) { /* and it asked for no more */
        ret_facts->how = PAWL_BREACH_STOPPED;
        ret_facts->unit = PAWL_UNIT_USD_MICROCENTS;
    }
    if (pawl_ok(err) && ret_facts->how != PAWL_BREACH_NONE) {
        err = pawl_history_calls(history, run->id, take_call, &looking, msg);
        take_end(&looking, run);
        take_origin(&looking, run);
    }
    if (pawl_ok(err) && looking.arena.overflowed) {
        pawl_errmsg_set(msg, "no memory for the calls of a run");
        err = PAWL_ERR(MEMORY);
    }
    pawl_arena_free(&looking.arena);
    return err;
}
