/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow.c: a borrower's life, and its heartbeat: when it looks at the lender, and what comes of
 * the answer. While something is short it looks every second, else every ten; where no limit binds
 * and nothing is lent, never.
 */
#include "engine/borrow.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "engine/borrow_priv.h"

static const uint16_t units[PAWL_BORROW_UNITS] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS,
                                                  PAWL_UNIT_ITERATIONS, PAWL_UNIT_TOOL_CALLS};

/* --- The heartbeat ------------------------------------------------------------------------- */

/* Somebody lately got less than he wanted. */
static bool is_hungry(const struct pawl_borrower *borrower)
{
    int64_t since_us = pawl_borrow_now_us(borrower) - PAWL_BORROW_HUNGRY_FOR_MS * PAWL_US_PER_MS;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        if ((unit->refused && unit->refused_us > since_us) || unit->pressed_us > since_us) {
            return true;
        }
    }
    return false;
}

/* A window of a limit has ended since it was looked at. */
static bool window_ended(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count; k++) {
            if (pawl_borrow_begins_anew(unit, &unit->limits[k])) {
                return true;
            }
        }
    }
    return false;
}

static void tick_units(struct pawl_borrower *borrower, bool give_back)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_tick_unit(&borrower->units[i], give_back);
    }
}

static void begin_look(struct pawl_borrower *borrower);

/* What a person would call the same limits: a change of it is told. */
static uint64_t sum_of(const struct pawl_borrower *borrower)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count; k++) {
            sum += unit->limits[k].number * UINT64_C(0x9e3779b97f4a7c15) +
                   (uint64_t)unit->limits[k].amount;
        }
    }
    return sum;
}

/* What somebody says of the limits who was asked for all of them. */
static void hear_all(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer)
{
    const struct pawl_borrower_options *options = &borrower->options;
    bool was_out_of_reach = borrower->unreachable;
    bool wanted = answer->wanted;
    uint64_t sum_before = sum_of(borrower);
    pawl_borrow_set_reach(borrower, answer);
    if (pawl_failed(answer->err)) {
        pawl_borrow_serve(borrower);
        return;
    }
    bool more = pawl_borrow_hear(borrower, answer) || was_out_of_reach;
    bool hungry = is_hungry(borrower); /* before it is served */
    pawl_borrow_serve(borrower);
    tick_units(borrower, wanted);
    if (sum_of(borrower) != sum_before && options->on_limits != NULL) {
        options->on_limits(options->arg);
    }
    /* Less may matter, too: a call that waits for others learns that they have spent it. */
    if ((more || hungry || is_hungry(borrower)) && options->on_more != NULL) {
        options->on_more(options->arg);
    }
}

static void on_looked(struct pawl_lend_ask *ask)
{
    struct pawl_borrower *borrower = ask->arg;
    bool too_early = borrower->check_again; /* It was asked before the change. */
    borrower->looking = false;
    borrower->check_again = false;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    if (!too_early) {
        borrower->unknown =
            pawl_failed(ask->answer.err) && (borrower->unknown || borrower->checking);
        borrower->checking = false;
    }
    hear_all(borrower, &ask->answer);
    if (too_early && !borrower->looking) { /* Not before: it takes the place of this question. */
        begin_look(borrower);
    }
}

/* One at a time; the next look tells of the next. */
static uint16_t take_lacking(struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].lacking) {
            borrower->units[i].lacking = false;
            return borrower->units[i].unit;
        }
    }
    return PAWL_UNIT_NONE;
}

static void begin_look(struct pawl_borrower *borrower)
{
    borrower->looking = true;
    borrower->look_ask = (struct pawl_lend_ask){
        .request = {.kind = PAWL_LEND_LOOK, .unit = take_lacking(borrower)},
        .done = on_looked,
        .arg = borrower,
    };
    borrower->options.link.ask(borrower->options.link.arg, &borrower->look_ask);
}

/* Whether there is anything to look after. */
static bool is_idle(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].limit_count > 0) {
            return false;
        }
    }
    return !borrower->unknown && pawl_borrower_settled(borrower);
}

static void look(struct pawl_borrower *borrower)
{
    int64_t since_ms = (pawl_borrow_now_us(borrower) - borrower->looked_us) / PAWL_US_PER_MS;
    bool soon = is_hungry(borrower) || borrower->unreachable || window_ended(borrower);
    if (!borrower->looking && !borrower->ending && !is_idle(borrower) &&
        since_ms >= (soon ? PAWL_BORROW_HUNGRY_MS - 100 : PAWL_BORROW_LOOK_MS)) {
        begin_look(borrower);
    }
}

void pawl_borrower_check(struct pawl_borrower *borrower)
{
    if (borrower->ending) {
        return;
    }
    borrower->checking = true;
    if (borrower->looking) {
        borrower->check_again = true;
    } else {
        begin_look(borrower);
    }
}

void pawl_borrower_tick(struct pawl_borrower *borrower)
{
    tick_units(borrower, false);
    pawl_borrow_serve(borrower);
    look(borrower);
    pawl_borrow_check_end(borrower);
}

bool pawl_borrower_idle(const struct pawl_borrower *borrower)
{
    return is_idle(borrower) && !borrower->checking;
}

/* --- Life ---------------------------------------------------------------------------------- */

pawl_err pawl_borrower_new(const struct pawl_borrower_options *options,
                           struct pawl_borrower **ret_borrower)
{
    PAWL_ASSERT(options->limit_count <= PAWL_LEND_LIMITS_MAX);
    struct pawl_borrower *borrower = pawl_alloc_zeroed(1, sizeof(*borrower));
    struct pawl_lend_answer *found = pawl_alloc_zeroed(1, sizeof(*found));
    if (borrower == NULL || found == NULL) {
        pawl_free(borrower);
        pawl_free(found);
        return PAWL_ERR(MEMORY);
    }
    borrower->base.ops = &pawl_borrower_ops;
    borrower->options = *options;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        borrower->units[i].borrower = borrower;
        borrower->units[i].unit = units[i];
    }
    found->limit_count = options->limit_count;
    if (options->limit_count > 0) {
        memcpy(found->limits, options->limits, options->limit_count * sizeof(found->limits[0]));
    }
    (void)pawl_borrow_hear(borrower, found);
    pawl_free(found);
    borrower->options.limits = NULL;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_consider(&borrower->units[i]);
    }
    *ret_borrower = borrower;
    return PAWL_OK;
}

struct pawl_authority *pawl_borrower_authority(struct pawl_borrower *borrower)
{
    return &borrower->base;
}

bool pawl_borrower_settled(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        if (unit->first != NULL || unit->drawing || unit->unanswered) {
            return false;
        }
    }
    return true;
}

void pawl_borrow_check_end(struct pawl_borrower *borrower)
{
    void (*ended)(void *arg) = borrower->ended;
    if (borrower->ending && ended != NULL && pawl_borrower_settled(borrower)) {
        borrower->ended = NULL;
        ended(borrower->ended_arg);
    }
}

void pawl_borrower_end(struct pawl_borrower *borrower, void (*done)(void *arg), void *arg)
{
    PAWL_ASSERT(borrower->ended == NULL && done != NULL);
    borrower->ending = true;
    borrower->ended = done;
    borrower->ended_arg = arg;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        borrower->units[i].kept = 0;
        pawl_borrow_consider(&borrower->units[i]);
    }
    pawl_borrow_serve(borrower);
}

void pawl_borrower_free(struct pawl_borrower *borrower)
{
    if (borrower == NULL) {
        return;
    }
    PAWL_ASSERT(borrower->wait_first == NULL);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        struct pawl_borrow_slice *slice = borrower->units[i].first;
        while (slice != NULL) {
            struct pawl_borrow_slice *next = slice->next;
            pawl_free(slice);
            slice = next;
        }
    }
    pawl_free(borrower);
}
