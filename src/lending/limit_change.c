/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit_change.c: a limit is made, gets another amount, or is removed. Whatever may be wrong with
 * it is found before its command goes to the ledger. The marker is there before the first limit and
 * goes after the last one, and is touched when a change is durable, so that whoever finds it
 * untouched has missed nothing that was acknowledged.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/limit_words.h"
#include "lending/lender_priv.h"

static const struct pawl_slice tenant = {"local", 5};

/* --- Ends ---------------------------------------------------------------------------------- */

struct job {
    struct pawl_op op;
    struct pawl_lender *lender;
    struct pawl_limit_change *change;
    struct pawl_limit limit; /* one that is being made */
};

static void finish(struct job *job)
{
    struct pawl_limit_change *change = job->change;
    job->lender->open_jobs--;
    pawl_free(job);
    change->done(change);
}

static void on_failed(struct pawl_op *op)
{
    finish(op->arg);
}

/* The change's own error is told in a later turn. */
static void fail(struct job *job, pawl_err err)
{
    job->change->err = err;
    job->op.done = on_failed;
    pawl_engine_barrier(job->lender->engine, &job->op);
}

/* --- Finding ------------------------------------------------------------------------------- */

static struct pawl_lender_limit *find_name(struct pawl_lender *lender, const char *name)
{
    uint64_t number = 0;
    bool is_number = pawl_slice_to_u64(pawl_slice_str(name), &number);
    struct pawl_lender_limit *found = NULL;
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        const struct pawl_limit *limit = &lender->limits[i].limit;
        if (strcmp(limit->name, name) == 0) {
            return &lender->limits[i];
        }
        found = is_number && limit->number == number ? &lender->limits[i] : found;
    }
    return found;
}

/* Whether both count the same in the same window and place. */
static bool same_thing(const struct pawl_limit *a, const struct pawl_limit *b)
{
    return a->unit == b->unit && a->place == b->place && strcmp(a->path, b->path) == 0 &&
           a->window.kind == b->window.kind && a->window.period == b->window.period &&
           a->window.week_start == b->window.week_start &&
           a->window.length_us == b->window.length_us && strcmp(a->zone, b->zone) == 0;
}

static struct pawl_lender_limit *find_thing(struct pawl_lender *lender,
                                            const struct pawl_limit *wanted)
{
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        if (same_thing(&lender->limits[i].limit, wanted)) {
            return &lender->limits[i];
        }
    }
    return NULL;
}

/* --- Another amount ------------------------------------------------------------------------ */

static void on_amount_set(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_limit_change *change = job->change;
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_errmsg_set(&change->msg, "%s", pawl_result_meaning(op->result.code));
        change->err = PAWL_ERR(INVALID);
    } else {
        pawl_lender_read(job->lender, &change->limit);
        pawl_lender_touch_marker(job->lender);
    }
    finish(job);
}

static void set_amount(struct job *job, struct pawl_lender_limit *found)
{
    struct pawl_limit_change *change = job->change;
    struct pawl_limit present = found->limit;
    pawl_lender_read(job->lender, &present);
    struct pawl_command fund = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .u.budget_fund = {.budget = present.budget,
                          .kind = PAWL_FUND_RESET,
                          .amount = change->limit.amount},
    };
    change->changed = true;
    change->amount_before = present.amount;
    change->limit = present;
    /* Who holds more than there is now gives back what it can. */
    found->wanted_until_us = pawl_engine_now_us(job->lender->engine) + PAWL_LENDER_WANTED_US;
    job->op.done = on_amount_set;
    pawl_engine_submit(job->lender->engine, &fund, &job->op);
}

/* --- Making -------------------------------------------------------------------------------- */

static void on_made(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_limit_change *change = job->change;
    if (op->result.code == PAWL_RESULT_OK) {
        change->limit = job->limit;
        pawl_lender_read(job->lender, &change->limit);
        pawl_lender_touch_marker(job->lender);
    } else {
        pawl_errmsg_set(&change->msg, "%s", pawl_result_meaning(op->result.code));
        change->err = PAWL_ERR(INVALID);
    }
    finish(job);
}

/* "usd-per-day", "tokens-per-5h-web", with a number behind it where that is taken. */
static void make_name(struct pawl_lender *lender, struct pawl_limit *limit)
{
    static const char *const units[PAWL_UNIT_BUILTIN_COUNT] = {
        [PAWL_UNIT_USD_MICROCENTS] = "usd",
        [PAWL_UNIT_TOKENS] = "tokens",
        [PAWL_UNIT_TOOL_CALLS] = "tool-calls",
        [PAWL_UNIT_ITERATIONS] = "iterations",
    };
    char period[PAWL_LIMIT_WORDS_BYTES];
    char base[PAWL_LIMIT_NAME_BYTES - 8];
    const char *unit = limit->unit < PAWL_UNIT_BUILTIN_COUNT ? units[limit->unit] : NULL;
    const char *slash = strrchr(limit->path, '/');
    const char *place = slash != NULL && slash[1] != '\0' ? slash + 1 : "";
    (void)snprintf(base, sizeof(base), "%s-per-%s%s%.24s", unit != NULL ? unit : "units",
                   pawl_limit_period(limit, period), place[0] != '\0' ? "-" : "", place);
    for (char *c = base; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        *c = plain ? *c : '-';
    }
    (void)snprintf(limit->name, sizeof(limit->name), "%s", base);
    for (unsigned i = 2; find_name(lender, limit->name) != NULL; i++) {
        (void)snprintf(limit->name, sizeof(limit->name), "%s-%u", base, i);
    }
}

/* By how many limits a run may be bound when this one is there, too: those of the machine, of one
 * repository, and of a directory and all above it, wherever that is worst. */
static uint32_t most_that_bind(const struct pawl_lender *lender, const struct pawl_limit *wanted)
{
    uint32_t most[PAWL_LIMIT_PLACE_COUNT] = {0};
    for (uint32_t i = 0; i <= lender->limit_count; i++) {
        const struct pawl_limit *at = i > 0 ? &lender->limits[i - 1].limit : wanted;
        struct pawl_lend_place there = {.run = "", .dir = at->path, .repo = at->path};
        uint32_t count = 0;
        for (uint32_t k = 0; k <= lender->limit_count; k++) {
            const struct pawl_limit *limit = k > 0 ? &lender->limits[k - 1].limit : wanted;
            count += limit->place == at->place && pawl_lender_binds(limit, &there) ? 1 : 0;
        }
        most[at->place] = count > most[at->place] ? count : most[at->place];
    }
    return most[PAWL_LIMIT_MACHINE] + most[PAWL_LIMIT_REPO] + most[PAWL_LIMIT_DIR];
}

static pawl_err prepare_new(struct job *job)
{
    struct pawl_lender *lender = job->lender;
    struct pawl_errmsg *msg = &job->change->msg;
    job->limit = job->change->limit;
    struct pawl_limit *limit = &job->limit;
    if (lender->limit_count >= PAWL_LIMITS_MAX) {
        pawl_errmsg_set(msg, "there are %d limits; remove one first", PAWL_LIMITS_MAX);
        return PAWL_ERR(LIMIT);
    }
    if (most_that_bind(lender, limit) > PAWL_LEND_LIMITS_MAX) {
        pawl_errmsg_set(msg, "%d limits would bind a run there; remove one first",
                        PAWL_LEND_LIMITS_MAX + 1);
        return PAWL_ERR(LIMIT);
    }
    limit->number = lender->next_number++;
    if (limit->name[0] == '\0') {
        make_name(lender, limit);
    }
    size_t bytes = strlen(limit->zone) + strlen(limit->path) + sizeof("- machine ");
    if (bytes > PAWL_VALUE_BYTES_MAX) {
        pawl_errmsg_set(msg, "the path is too long for a limit");
        return PAWL_ERR(LIMIT);
    }
    pawl_err err = pawl_lender_use_zone(lender, limit, msg);
    return pawl_ok(err) ? pawl_lender_set_marker(lender, true, msg) : err;
}

static void make_limit(struct job *job)
{
    pawl_err err = prepare_new(job);
    if (pawl_failed(err)) {
        fail(job, err);
        return;
    }
    char name[PAWL_NAME_BYTES_MAX];
    char value[PAWL_LIMIT_VALUE_BYTES];
    struct pawl_command create = {
        .type = PAWL_COMMAND_BUDGET_CREATE,
        .u.budget_create = {.unit = job->limit.unit,
                            .window = job->limit.window,
                            .allocated = job->limit.amount,
                            .mode = PAWL_BUDGET_ENFORCE},
    };
    create.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = tenant;
    create.u.budget_create.scope.dimension = pawl_lender_dimension(&job->limit, name, value);
    struct pawl_lender *lender = job->lender;
    job->op.done = on_made;
    pawl_engine_submit(lender->engine, &create, &job->op);
    /* It is there for whoever asks next, whose answer is durable after it: who makes the same one
     * at once only changes it. */
    if (job->op.result.code == PAWL_RESULT_OK) {
        job->limit.budget = job->op.result.id;
        lender->limits[lender->limit_count++] = (struct pawl_lender_limit){.limit = job->limit};
    }
}

/* --- Removing ------------------------------------------------------------------------------ */

static void on_removed(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_errmsg msg;
    if (job->lender->limit_count == 0) {
        (void)pawl_failed(pawl_lender_set_marker(job->lender, false, &msg));
    }
    pawl_lender_touch_marker(job->lender);
    finish(job);
}

static void remove_limit(struct job *job)
{
    struct pawl_lender *lender = job->lender;
    struct pawl_limit_change *change = job->change;
    struct pawl_lender_limit *found = find_name(lender, change->limit.name);
    if (found == NULL) {
        pawl_errmsg_set(&change->msg, "there is no limit '%s'", change->limit.name);
        fail(job, PAWL_ERR(NOT_FOUND));
        return;
    }
    change->limit = found->limit;
    pawl_lender_read(lender, &change->limit);
    struct pawl_command close = {
        .type = PAWL_COMMAND_BUDGET_SET,
        .u.budget_set = {.budget = found->limit.budget, .state = PAWL_BUDGET_CLOSED},
    };
    uint32_t index = (uint32_t)(found - lender->limits);
    lender->limit_count--;
    memmove(found, found + 1, (lender->limit_count - index) * sizeof(*found));
    job->op.done = on_removed;
    pawl_engine_submit(lender->engine, &close, &job->op);
}

/* --- The door ------------------------------------------------------------------------------ */

void pawl_lender_change(struct pawl_lender *lender, struct pawl_limit_change *change)
{
    struct job *job = pawl_alloc_zeroed(1, sizeof(*job));
    PAWL_ASSERT(job != NULL); /* a process that has no memory for this has none to go on */
    *job = (struct job){.lender = lender, .change = change, .op = {.arg = job}};
    change->err = PAWL_OK;
    lender->open_jobs++;
    if (change->remove) {
        remove_limit(job);
        return;
    }
    struct pawl_lender_limit *same = find_thing(lender, &change->limit);
    struct pawl_lender_limit *named =
        change->limit.name[0] != '\0' ? find_name(lender, change->limit.name) : NULL;
    if (named != NULL && named != same) {
        pawl_errmsg_set(&change->msg,
                        "the limit '%s' counts something else; remove it first, or take another "
                        "name",
                        named->limit.name);
        fail(job, PAWL_ERR(EXISTS));
    } else if (same != NULL && change->limit.name[0] != '\0' && named == NULL) {
        pawl_errmsg_set(&change->msg, "that is what the limit '%s' counts already",
                        same->limit.name);
        fail(job, PAWL_ERR(EXISTS));
    } else if (same != NULL) {
        set_amount(job, same);
    } else {
        make_limit(job);
    }
}
