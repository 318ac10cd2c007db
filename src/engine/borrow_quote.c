/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_quote.c: what the limits leave to this run, as far as is known here: what is lent, and
 * what the lender was last known to have. So a quote may promise too much, and a reserve finds out.
 *
 * Three amounts are taken off what is lent before a call may have any of it:
 *   stale   slices that a newer limit knows nothing of: they go back, and what a call under way
 *           holds of them is drawn anew, under all limits
 *   parked  a limit was lowered below what is spent and lent: nothing of that is spent any more,
 *           at once, and it goes back as soon as no call under way stands in the way (W3)
 *   kept    set aside for the run's last call (its summary), out of everybody's reach
 */
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "engine/borrow_priv.h"

static struct pawl_borrower *of(struct pawl_authority *authority)
{
    return (struct pawl_borrower *)(void *)authority;
}

int64_t pawl_borrow_now_us(const struct pawl_borrower *borrower)
{
    return pawl_engine_now_us(borrower->options.engine);
}

struct pawl_borrow_unit *pawl_borrow_unit_of(struct pawl_borrower *borrower, uint16_t unit)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].unit == unit && borrower->units[i].budget != 0) {
            return &borrower->units[i];
        }
    }
    return NULL; /* no limit ever counted it */
}

/* --- Numbers ------------------------------------------------------------------------------- */

struct pawl_budget_view pawl_borrow_view(const struct pawl_borrow_unit *unit)
{
    struct pawl_budget_view view = {.id = 0};
    const struct pawl_engine *engine = unit->borrower->options.engine;
    bool there = pawl_core_budget(pawl_engine_core(engine), unit->budget,
                                  pawl_borrow_now_us(unit->borrower), &view);
    PAWL_ASSERT(there);
    return view;
}

/* Its window has ended since it was heard of: the next one has nothing spent yet, as far as is
 * known here. A draw finds out. */
bool pawl_borrow_begins_anew(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit)
{
    return limit->resets_at_us != 0 && limit->resets_at_us <= pawl_borrow_now_us(unit->borrower);
}

/* What a limit has left for everybody, now or at best. */
static int64_t
left_of(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit, bool at_best)
{
    if (pawl_borrow_begins_anew(unit, limit)) {
        return limit->amount;
    }
    return at_best ? limit->amount - limit->spent : pawl_limit_left(limit);
}

int64_t pawl_borrow_lender_left(const struct pawl_borrow_unit *unit)
{
    int64_t least = unit->limit_count > 0 ? PAWL_AMOUNT_MAX : 0;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        least = pawl_min_i64(least, left_of(unit, &unit->limits[i], false));
    }
    return pawl_max_i64(least, 0);
}

static struct pawl_quote quote_own(const struct pawl_borrower *borrower,
                                   const struct pawl_subject *subject,
                                   struct pawl_slice phase,
                                   uint16_t unit)
{
    struct pawl_quote quote;
    struct pawl_denial denial;
    const struct pawl_engine *engine = borrower->options.engine;
    (void)pawl_core_quote(pawl_engine_core(engine), pawl_borrow_now_us(borrower), subject, phase,
                          &unit, 1, &quote, &denial);
    return quote;
}

int64_t pawl_borrow_own_left(const struct pawl_borrow_unit *unit)
{
    const struct pawl_borrower *borrower = unit->borrower;
    struct pawl_quote quote =
        quote_own(borrower, borrower->options.subject, PAWL_SLICE_NONE, unit->unit);
    return quote.bound ? pawl_max_i64(quote.remaining, 0) : PAWL_AMOUNT_MAX;
}

/* What was spent under one of the unit's limits and the lender does not know yet. */
static int64_t untold(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit)
{
    int64_t apart = unit->apart[limit - unit->limits].spent;
    return pawl_max_i64(pawl_borrow_view(unit).spent - unit->told_then - apart, 0);
}

/* What other runs held of it then. */
static int64_t held_by_others(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit)
{
    int64_t own = unit->lent_then - unit->apart[limit - unit->limits].lent;
    return pawl_max_i64(limit->held - own, 0);
}

/* The limit that has the least left, now or at best. */
static const struct pawl_limit *tightest(const struct pawl_borrow_unit *unit, bool at_best)
{
    const struct pawl_limit *found = NULL;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        const struct pawl_limit *limit = &unit->limits[i];
        int64_t left = left_of(unit, limit, at_best);
        if (left < least) {
            least = left;
            found = limit;
        }
    }
    return found;
}

int64_t pawl_borrow_free(const struct pawl_borrow_unit *unit)
{
    int64_t stale = 0;
    for (const struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        stale += pawl_borrow_is_stale(slice)
                     ? pawl_max_i64(slice->granted - pawl_borrow_spent_of(slice), 0)
                     : 0;
    }
    return pawl_borrow_view(unit).remaining - stale - unit->parked - unit->kept;
}

/* What the limits leave to this run: of what is lent and what more could be, and at best. */
static void limits_leave(const struct pawl_borrow_unit *unit, int64_t *ret_free, int64_t *ret_room)
{
    const struct pawl_limit *limit = tightest(unit, true);
    *ret_free = pawl_borrow_free(unit);
    *ret_room = PAWL_AMOUNT_MAX;
    if (unit->lifted) {
        *ret_free = PAWL_AMOUNT_MAX;
    } else if (!unit->borrower->unreachable && limit != NULL) {
        int64_t told_since = pawl_borrow_begins_anew(unit, limit) ? 0 : untold(unit, limit);
        *ret_free += pawl_borrow_lender_left(unit);
        *ret_room = left_of(unit, limit, true) - told_since - unit->kept;
    }
}

/* A limit that was lowered: what is spent and lent above it. More than what is lent here, perhaps:
 * then what comes free of a call's hold must not be spent either. */
void pawl_borrow_park(struct pawl_borrow_unit *unit)
{
    unit->parked = 0;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        unit->parked = pawl_max_i64(unit->parked, -left_of(unit, &unit->limits[i], false));
    }
}

struct pawl_denial pawl_borrow_denial(const struct pawl_borrow_unit *unit, int64_t asked)
{
    const struct pawl_limit *limit = tightest(unit, false);
    struct pawl_denial denial = {.budget = unit->budget, .unit = unit->unit, .asked = asked};
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    denial.fits = pawl_max_i64(free, 0);
    if (limit != NULL) {
        denial.window_kind = limit->window.kind;
        denial.limit = limit->amount;
        denial.spent = limit->spent + untold(unit, limit);
        denial.held = pawl_max_i64(denial.limit - denial.spent - free, 0);
        denial.resets_at_us = limit->resets_at_us;
    }
    return denial;
}

/* --- Quotes -------------------------------------------------------------------------------- */

static void add_limits(struct pawl_borrow_unit *unit, struct pawl_quote *quote)
{
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    if (!quote->bound) {
        *quote = (struct pawl_quote){
            .bound = true, .remaining = PAWL_AMOUNT_MAX, .headroom = PAWL_AMOUNT_MAX};
    }
    quote->headroom = pawl_min_i64(quote->headroom, room);
    if (free >= quote->remaining) {
        return;
    }
    /* Limit, spent and held stay the run's own: shares of a cap are meant as shares of that. */
    unit->pressed_us = pawl_borrow_now_us(unit->borrower);
    quote->remaining = free;
    quote->budget = unit->budget;
}

static uint16_t borrower_quote(struct pawl_authority *authority,
                               const struct pawl_subject *subject,
                               struct pawl_slice phase,
                               const uint16_t *asked,
                               uint32_t count,
                               struct pawl_quote *ret_quotes,
                               struct pawl_denial *ret_denial)
{
    struct pawl_borrower *borrower = of(authority);
    struct pawl_authority *own = pawl_engine_authority(borrower->options.engine);
    uint16_t code = own->ops->quote(own, subject, phase, asked, count, ret_quotes, ret_denial);
    for (uint32_t i = 0; i < count; i++) {
        struct pawl_borrow_unit *unit = pawl_borrow_unit_of(borrower, asked[i]);
        if (unit != NULL && !unit->lifted) {
            add_limits(unit, &ret_quotes[i]);
        }
        if (borrower->unknown) { /* Nothing, until somebody can say what is allowed. */
            ret_quotes[i].bound = true;
            ret_quotes[i].remaining = pawl_min_i64(ret_quotes[i].remaining, 0);
        }
    }
    return code;
}

static int64_t borrower_now(struct pawl_authority *authority)
{
    return pawl_borrow_now_us(of(authority));
}

static bool borrower_shared(struct pawl_authority *authority,
                            const struct pawl_subject *subject,
                            uint16_t asked,
                            bool at_best,
                            struct pawl_shared_limit *ret_shared)
{
    struct pawl_borrower *borrower = of(authority);
    struct pawl_borrow_unit *unit = pawl_borrow_unit_of(borrower, asked);
    if (borrower->unknown) {
        *ret_shared = (struct pawl_shared_limit){.unreachable = true, .why = borrower->why};
        return true;
    }
    if (unit == NULL || unit->lifted) {
        return false;
    }
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    struct pawl_quote own = quote_own(borrower, subject, PAWL_SLICE_NONE, asked);
    int64_t own_free = own.remaining - unit->kept_of_own;
    int64_t own_room = own.headroom - unit->kept_of_own;
    const struct pawl_limit *limit = tightest(unit, at_best);
    if (limit == NULL || (own.bound && (at_best ? own_room <= room : own_free <= free))) {
        return false;
    }
    unit->lacking = true;
    *ret_shared = (struct pawl_shared_limit){
        .unreachable = borrower->unreachable, .why = borrower->why, .limit = *limit};
    ret_shared->limit.spent += untold(unit, limit);
    ret_shared->limit.held = held_by_others(unit, limit);
    return true;
}

/* Never more than half of a limit, as of a cap. */
static bool borrower_keep(struct pawl_authority *authority,
                          uint16_t asked,
                          const struct pawl_keep *keep,
                          int64_t *ret_free,
                          int64_t *ret_room)
{
    struct pawl_borrow_unit *unit = pawl_borrow_unit_of(of(authority), asked);
    if (unit == NULL || unit->lifted || unit->limit_count == 0) {
        return false;
    }
    int64_t most = PAWL_AMOUNT_MAX;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        most = pawl_min_i64(most, unit->limits[i].amount / 2);
    }
    unit->kept = pawl_min_i64(keep->shared, most);
    unit->kept_of_own = keep->own;
    limits_leave(unit, ret_free, ret_room);
    return true;
}

const struct pawl_authority_ops pawl_borrower_ops = {
    .submit = pawl_borrow_submit,
    .quote = borrower_quote,
    .now_us = borrower_now,
    .shared = borrower_shared,
    .keep = borrower_keep,
};

/* --- What others are told ------------------------------------------------------------------ */

uint32_t pawl_borrower_limits(const struct pawl_borrower *borrower,
                              struct pawl_limit ret_limits[static PAWL_LEND_LIMITS_MAX])
{
    uint32_t count = 0;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count && count < PAWL_LEND_LIMITS_MAX; k++) {
            ret_limits[count] = unit->limits[k];
            ret_limits[count].spent += untold(unit, &unit->limits[k]);
            ret_limits[count].held = held_by_others(unit, &unit->limits[k]);
            count++;
        }
    }
    return count;
}

bool pawl_borrower_may_have(struct pawl_borrower *borrower, uint16_t asked, int64_t amount)
{
    const struct pawl_borrow_unit *unit = pawl_borrow_unit_of(borrower, asked);
    int64_t free = PAWL_AMOUNT_MAX;
    int64_t room = 0;
    if (unit != NULL) {
        limits_leave(unit, &free, &room);
    }
    return free >= amount;
}
