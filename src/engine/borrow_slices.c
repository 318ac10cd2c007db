/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_slices.c: the life of slices.
 *
 *      drawn ──► OPEN ──used up, given back──► CLOSING ──durable──► CLOSED ──told──► gone
 *                  └── half its time over, and needed: prolonged
 *
 * What is spent is put down to open slices in the order in which they were drawn. `assigned` is
 * what was put down to slices that are not open any more; the rest of what the budget has spent is
 * that of the open ones.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/borrow_priv.h"

/* --- Drawing ------------------------------------------------------------------------------- */

/* A tenth of what the run may still take, and at most what it spent in a minute. */
static int64_t target(const struct pawl_borrow_unit *unit)
{
    int64_t share = pawl_borrow_own_left(unit) / PAWL_LEND_SHARE;
    if (unit->burn < 0) {
        return share;
    }
    int64_t now = pawl_borrow_view(unit).spent - unit->burn_from;
    return pawl_min_i64(share, pawl_max_i64(unit->burn, now));
}

static void on_drawn(struct pawl_lend_ask *ask);

void pawl_borrow_draw(struct pawl_borrow_unit *unit, int64_t at_least)
{
    struct pawl_borrower *borrower = unit->borrower;
    if (unit->drawing || !unit->bound || unit->lifted ||
        pawl_borrow_now_us(borrower) < unit->retry_us) {
        return;
    }
    if (!unit->unanswered) {
        unit->number++;
        unit->under = unit->newest;
    }
    unit->drawing = true;
    unit->draw_ask = (struct pawl_lend_ask){
        .request = {.kind = PAWL_LEND_DRAW,
                    .unit = unit->unit,
                    .number = unit->number,
                    .at_least = at_least,
                    .want = pawl_max_i64(at_least, target(unit))},
        .done = on_drawn,
        .arg = unit,
    };
    pawl_borrow_send_draw(unit);
}

void pawl_borrow_send_draw(struct pawl_borrow_unit *unit)
{
    const struct pawl_lender_link *link = &unit->borrower->options.link;
    if (unit->drawing && unit->durable) {
        link->ask(link->arg, &unit->draw_ask);
    }
}

/* Half of its time, or the end of its window, so that nothing is carried over from one window into
 * the next without need. */
static int64_t renew_at(const struct pawl_borrow_unit *unit, int64_t ttl_ms)
{
    int64_t now_us = pawl_borrow_now_us(unit->borrower);
    int64_t at_us = now_us + ttl_ms * PAWL_US_PER_MS / 2;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        int64_t resets_us = unit->limits[i].resets_at_us;
        at_us = resets_us > now_us ? pawl_min_i64(at_us, resets_us) : at_us;
    }
    return at_us;
}

/* What a slice is held on that was drawn just now. */
static uint32_t newest_of(const struct pawl_borrow_unit *unit,
                          const struct pawl_lend_answer *answer)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < answer->limit_count; i++) {
        const struct pawl_limit *limit = &answer->limits[i];
        newest = limit->unit == unit->unit && limit->number > newest ? limit->number : newest;
    }
    return newest;
}

static void take_slice(struct pawl_borrow_unit *unit, const struct pawl_lend_answer *answer)
{
    struct pawl_borrow_slice *slice = pawl_alloc_zeroed(1, sizeof(*slice));
    if (slice == NULL) {
        return; /* It expires, and is found by whoever settles the run. */
    }
    slice->unit = unit;
    slice->covers = answer->again ? unit->under : newest_of(unit, answer);
    slice->granted = answer->granted;
    slice->state = PAWL_SLICE_CLOSED;
    memcpy(slice->id, answer->slice, sizeof(slice->id));
    struct pawl_borrow_slice **end = &unit->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = slice;
    if (answer->ttl_ms <= 0) {
        return; /* It was drawn before, and has expired unused: that is told. */
    }
    char note[PAWL_BORROW_NOTE_BYTES];
    (void)snprintf(note, sizeof(note),
                   "{\"slice\":\"%s\",\"unit\":\"%s\",\"number\":%llu,\"granted\":%lld}", slice->id,
                   pawl_unit_name(unit->unit), (unsigned long long)unit->number,
                   (long long)slice->granted);
    if (pawl_borrow_fund(unit, PAWL_FUND_CREDIT, slice->granted, note) == PAWL_RESULT_OK) {
        slice->state = PAWL_SLICE_OPEN;
        slice->renew_us = renew_at(unit, answer->ttl_ms);
    }
}

static void on_drawn(struct pawl_lend_ask *ask)
{
    struct pawl_borrow_unit *unit = ask->arg;
    struct pawl_borrower *borrower = unit->borrower;
    const struct pawl_lend_answer *answer = &ask->answer;
    int64_t now_us = pawl_borrow_now_us(borrower);
    PAWL_ASSERT(unit->drawing && ask == &unit->draw_ask);
    unit->drawing = false;
    unit->unanswered = pawl_failed(answer->err);
    pawl_borrow_set_reach(borrower, answer);
    if (unit->unanswered) {
        unit->retry_us = now_us + PAWL_BORROW_RETRY_MS * PAWL_US_PER_MS;
        pawl_borrow_serve(borrower);
        return;
    }
    unit->retry_us = 0;
    if (answer->code == PAWL_RESULT_OK) {
        take_slice(unit, answer);
    } else if (answer->code != PAWL_RESULT_GONE) {
        unit->number--; /* A refusal is not remembered, and numbers have no gaps (A6). */
    }
    if (answer->code != PAWL_RESULT_GONE) {
        (void)pawl_borrow_hear_unit(unit, answer);
    }
    bool refused =
        answer->code == PAWL_RESULT_BUDGET_EXCEEDED || answer->code == PAWL_RESULT_CAP_EXCEEDED;
    if (refused && !unit->refused) {
        unit->refused_us = now_us;
    }
    unit->refused = refused;
    pawl_borrow_serve(borrower);
    pawl_borrow_consider(unit);
    pawl_borrow_check_end(borrower);
}

/* --- Closing ------------------------------------------------------------------------------- */

static uint32_t open_slices(const struct pawl_borrow_unit *unit)
{
    uint32_t count = 0;
    for (const struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        count += slice->state == PAWL_SLICE_OPEN;
    }
    return count;
}

static void on_closed(struct pawl_op *op)
{
    struct pawl_borrow_slice *slice = op->arg;
    struct pawl_borrow_unit *unit = slice->unit;
    PAWL_ASSERT(slice->state == PAWL_SLICE_CLOSING && unit->borrower->open_ops > 0);
    unit->borrower->open_ops--;
    if (op->result.code == PAWL_RESULT_OK) {
        slice->state = PAWL_SLICE_CLOSED;
    } else { /* nothing was taken off; it goes on */
        slice->state = PAWL_SLICE_OPEN;
        slice->renew_us = pawl_borrow_now_us(unit->borrower) + PAWL_US_PER_SECOND;
        unit->assigned -= slice->spent;
    }
    pawl_borrow_consider(unit);
}

/* Ends a slice of which so much was spent. The rest is off the budget at once, and the lender hears
 * of it when that is durable (W2). */
static void close_slice(struct pawl_borrow_slice *slice, int64_t spent)
{
    struct pawl_borrow_unit *unit = slice->unit;
    struct pawl_engine *engine = unit->borrower->options.engine;
    int64_t returned = slice->granted - spent;
    char note[PAWL_BORROW_NOTE_BYTES];
    PAWL_ASSERT(slice->state == PAWL_SLICE_OPEN && spent >= 0);
    slice->op = (struct pawl_op){.done = on_closed, .arg = slice};
    slice->state = PAWL_SLICE_CLOSING;
    slice->spent = spent;
    unit->assigned += spent;
    unit->parked -= pawl_min_i64(unit->parked, pawl_max_i64(returned, 0));
    unit->borrower->open_ops++;
    if (returned <= 0) {
        pawl_engine_barrier(engine, &slice->op);
        return;
    }
    (void)snprintf(note, sizeof(note), "{\"slice\":\"%s\",\"spent\":%lld,\"returned\":%lld}",
                   slice->id, (long long)spent, (long long)returned);
    struct pawl_command debit = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .metadata = pawl_slice_str(note),
        .u.budget_fund = {.budget = unit->budget, .kind = PAWL_FUND_DEBIT, .amount = returned},
    };
    pawl_engine_submit(engine, &debit, &slice->op);
}

int64_t pawl_borrow_spent_of(const struct pawl_borrow_slice *wanted)
{
    const struct pawl_borrow_unit *unit = wanted->unit;
    if (wanted->state != PAWL_SLICE_OPEN) {
        return wanted->spent;
    }
    int64_t rest = pawl_max_i64(pawl_borrow_view(unit).spent - unit->assigned, 0);
    for (const struct pawl_borrow_slice *slice = unit->first; slice != wanted;
         slice = slice->next) {
        rest -= slice->state == PAWL_SLICE_OPEN ? pawl_min_i64(rest, slice->granted) : 0;
    }
    return open_slices(unit) == 1 ? rest : pawl_min_i64(rest, wanted->granted);
}

/* Whether the rest of a slice that is open can go back, where so much must stay: nothing that is
 * held needs it, and it is not the last one that something under way could still be put down to
 * (W3). */
static bool may_give_back(const struct pawl_borrow_slice *wanted, int64_t kept, int64_t *ret_spent)
{
    const struct pawl_borrow_unit *unit = wanted->unit;
    struct pawl_budget_view view = pawl_borrow_view(unit);
    PAWL_ASSERT(wanted->state == PAWL_SLICE_OPEN);
    *ret_spent = pawl_borrow_spent_of(wanted);
    if (open_slices(unit) == 1 && view.reserved > 0) {
        return false;
    }
    return wanted->granted - *ret_spent <= pawl_max_i64(view.remaining - kept, 0);
}

bool pawl_borrow_is_stale(const struct pawl_borrow_slice *slice)
{
    return slice->state == PAWL_SLICE_OPEN && slice->covers < slice->unit->newest;
}

void pawl_borrow_close_stale(struct pawl_borrow_unit *unit)
{
    for (struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        int64_t spent = 0;
        if (pawl_borrow_is_stale(slice) && may_give_back(slice, 0, &spent)) {
            close_slice(slice, spent);
        }
    }
}

/* Gives back whatever can go, the newest first. `all`: also what is used up. */
static void give_back(struct pawl_borrow_unit *unit, bool all)
{
    for (;;) {
        struct pawl_borrow_slice *found = NULL;
        int64_t found_spent = 0;
        for (struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
            int64_t spent = 0;
            if (slice->state == PAWL_SLICE_OPEN && may_give_back(slice, unit->kept, &spent) &&
                (all || spent < slice->granted)) {
                found = slice;
                found_spent = spent;
            }
        }
        if (found == NULL) {
            return;
        }
        close_slice(found, found_spent);
    }
}

/* Slices that are used up, but for the last. */
static void close_used(struct pawl_borrow_unit *unit)
{
    uint32_t open = open_slices(unit);
    int64_t rest = pawl_borrow_view(unit).spent - unit->assigned;
    for (struct pawl_borrow_slice *slice = unit->first; slice != NULL && open > 1;
         slice = slice->next) {
        if (slice->state == PAWL_SLICE_OPEN && rest < slice->granted) {
            return;
        }
        if (slice->state == PAWL_SLICE_OPEN) {
            rest -= slice->granted;
            open--;
            close_slice(slice, slice->granted);
        }
    }
}

/* --- Telling ------------------------------------------------------------------------------- */

static void forget(struct pawl_borrow_slice *slice)
{
    struct pawl_borrow_slice **at = &slice->unit->first;
    while (*at != slice) {
        PAWL_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = slice->next;
    pawl_free(slice);
}

static void on_told(struct pawl_lend_ask *ask)
{
    struct pawl_borrow_unit *unit = ask->arg;
    struct pawl_borrower *borrower = unit->borrower;
    PAWL_ASSERT(unit->telling && unit->told_slice->state == PAWL_SLICE_CLOSED);
    unit->telling = false;
    pawl_borrow_set_reach(borrower, &ask->answer);
    if (pawl_failed(ask->answer.err)) {
        unit->retry_us = pawl_borrow_now_us(borrower) + PAWL_BORROW_RETRY_MS * PAWL_US_PER_MS;
        return;
    }
    if (ask->answer.code != PAWL_RESULT_OK) {
        pawl_log(PAWL_LOG_WARN, "a slice was not settled as it was spent: %s",
                 pawl_result_meaning(ask->answer.code));
    }
    unit->told += unit->told_slice->spent;
    forget(unit->told_slice);
    unit->told_slice = NULL;
    pawl_borrow_consider(unit);
    pawl_borrow_check_end(borrower);
}

static void tell(struct pawl_borrow_slice *slice,
                 enum pawl_lend_kind kind,
                 void (*done)(struct pawl_lend_ask *))
{
    struct pawl_borrow_unit *unit = slice->unit;
    struct pawl_borrower *borrower = unit->borrower;
    PAWL_ASSERT(!unit->telling && slice->state != PAWL_SLICE_CLOSING);
    unit->telling = true;
    unit->told_slice = slice;
    unit->tell_ask = (struct pawl_lend_ask){
        .request = {.kind = kind, .unit = unit->unit, .spent = slice->spent},
        .done = done,
        .arg = unit,
    };
    memcpy(unit->tell_ask.request.slice, slice->id, sizeof(slice->id));
    borrower->options.link.ask(borrower->options.link.arg, &unit->tell_ask);
}

static void tell_next(struct pawl_borrow_unit *unit)
{
    struct pawl_borrow_slice *slice = unit->first;
    if (unit->telling || pawl_borrow_now_us(unit->borrower) < unit->retry_us) {
        return;
    }
    while (slice != NULL && slice->state != PAWL_SLICE_CLOSED) {
        slice = slice->next;
    }
    if (slice != NULL) {
        tell(slice, PAWL_LEND_SETTLE, on_told);
    }
}

/* --- Prolonging ---------------------------------------------------------------------------- */

static void on_extended(struct pawl_lend_ask *ask)
{
    struct pawl_borrow_unit *unit = ask->arg;
    struct pawl_borrow_slice *slice = unit->told_slice;
    int64_t now_us = pawl_borrow_now_us(unit->borrower);
    PAWL_ASSERT(unit->telling && slice != NULL && slice->unit == unit);
    unit->telling = false;
    unit->told_slice = NULL;
    pawl_borrow_set_reach(unit->borrower, &ask->answer);
    if (pawl_failed(ask->answer.err)) {
        slice->renew_us = now_us + PAWL_BORROW_RETRY_MS * PAWL_US_PER_MS;
    } else if (ask->answer.code == PAWL_RESULT_OK) {
        slice->renew_us = renew_at(unit, ask->answer.ttl_ms);
    } else {
        /* It is booked in full, and may be used up; what is left of it is told when it can be. */
        slice->expired = true;
        slice->renew_us = now_us + PAWL_BORROW_LOOK_MS * PAWL_US_PER_MS;
    }
    pawl_borrow_consider(unit);
}

static void renew(struct pawl_borrow_unit *unit)
{
    int64_t now_us = pawl_borrow_now_us(unit->borrower);
    for (struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        int64_t spent = 0;
        if (slice->state != PAWL_SLICE_OPEN || slice->renew_us > now_us) {
            continue;
        }
        if (may_give_back(slice, unit->kept, &spent)) {
            close_slice(slice, spent);
        } else if (slice->expired) {
            slice->renew_us = now_us + PAWL_BORROW_LOOK_MS * PAWL_US_PER_MS;
        } else if (!unit->telling && now_us >= unit->retry_us) {
            tell(slice, PAWL_LEND_EXTEND, on_extended);
        }
    }
}

/* --- All of it ----------------------------------------------------------------------------- */

void pawl_borrow_consider(struct pawl_borrow_unit *unit)
{
    const struct pawl_borrower *borrower = unit->borrower;
    if (unit->budget == 0) {
        return;
    }
    pawl_borrow_close_stale(unit);
    close_used(unit);
    if (borrower->ending) {
        give_back(unit, true);
        if (unit->unanswered) {
            pawl_borrow_draw(unit, 1); /* whether there is such a slice */
        }
    }
    tell_next(unit);
    /* Towards the end of a limit its tenths are so small that the calls ask for themselves. */
    int64_t size = target(unit);
    int64_t share = pawl_borrow_lender_left(unit) / PAWL_LEND_SHARE;
    int64_t free = pawl_borrow_free(unit);
    bool ahead = size > 0 && share > size / 4 && free < (size + 1) / 2;
    if (!borrower->ending && !unit->refused && unit->parked == 0 && (ahead || free < 0)) {
        pawl_borrow_draw(unit, free < 0 ? -free : 1);
    }
}

static void measure_burn(struct pawl_borrow_unit *unit)
{
    int64_t now_us = pawl_borrow_now_us(unit->borrower);
    if (now_us - unit->burn_since_us >= PAWL_BORROW_BURN_MS * PAWL_US_PER_MS) {
        int64_t spent = pawl_borrow_view(unit).spent;
        unit->burn = pawl_max_i64(spent - unit->burn_from, 0);
        unit->burn_from = spent;
        unit->burn_since_us = now_us;
    }
}

void pawl_borrow_tick_unit(struct pawl_borrow_unit *unit, bool wanted)
{
    if (unit->budget == 0) {
        return;
    }
    measure_burn(unit);
    renew(unit);
    /* Also what is too little for a call of this run: two that hold a half each would both wait. */
    bool waits = unit->borrower->wait_first != NULL || unit->drawing;
    if ((wanted && !waits) || unit->lifted) {
        give_back(unit, unit->lifted);
    }
    pawl_borrow_consider(unit);
}
