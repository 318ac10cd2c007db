/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_budget.c: the budget of a unit in the run's own ledger, beside its caps: what is lent goes
 * into it. What the lender says of the limits decides whether there is one: it is made with the
 * first limit of its unit, and open wide when the last one has gone.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "engine/borrow_priv.h"

/* --- The budget ---------------------------------------------------------------------------- */

struct own_op {
    struct pawl_op op;
    struct pawl_borrower *borrower;
};

static void on_own(struct pawl_op *op)
{
    struct own_op *own = op->arg;
    PAWL_ASSERT(own->borrower->open_ops > 0);
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_log(PAWL_LOG_ERROR, "borrowing: %s", pawl_result_meaning(op->result.code));
    }
    own->borrower->open_ops--;
    pawl_free(own);
}

/* An operation that nobody waits for. Returns its code, which is known at once. */
static uint16_t submit(struct pawl_borrower *borrower, const struct pawl_command *command)
{
    struct own_op *own = pawl_alloc_zeroed(1, sizeof(*own));
    if (own == NULL) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    *own = (struct own_op){.op = {.done = on_own, .arg = own, .lazy = true}, .borrower = borrower};
    borrower->open_ops++;
    pawl_engine_submit(borrower->options.engine, command, &own->op);
    return own->op.result.code;
}

uint16_t pawl_borrow_fund(struct pawl_borrow_unit *unit,
                          enum pawl_fund_kind kind,
                          int64_t amount,
                          const char *note)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .metadata = pawl_slice_str(note),
        .u.budget_fund = {.budget = unit->budget, .kind = (uint8_t)kind, .amount = amount},
    };
    return submit(unit->borrower, &command);
}

/* `freely`: what was spent while no limit counted. */
static void fund_lifted(struct pawl_borrow_unit *unit, int64_t amount, int64_t freely)
{
    char note[PAWL_BORROW_NOTE_BYTES];
    (void)snprintf(note, sizeof(note), "{\"unit\":\"%s\",\"lifted\":%s,\"freely\":%lld}",
                   pawl_unit_name(unit->unit), unit->lifted ? "true" : "false", (long long)freely);
    (void)pawl_borrow_fund(unit, PAWL_FUND_RESET, amount, note);
}

/* What was spent meanwhile is no slice's and nobody's to be told; what slices that are still out
 * have left is lent as before. */
static void bind_again(struct pawl_borrow_unit *unit)
{
    struct pawl_budget_view view = pawl_borrow_view(unit);
    int64_t put_down = 0;
    int64_t rest = 0;
    for (const struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        if (slice->state == PAWL_SLICE_OPEN) {
            int64_t spent = pawl_min_i64(pawl_borrow_spent_of(slice), slice->granted);
            put_down += spent;
            rest += slice->granted - spent;
        }
    }
    int64_t freely = pawl_max_i64(view.spent - unit->assigned - put_down, 0);
    unit->assigned += freely;
    unit->told += freely;
    fund_lifted(unit, view.spent + view.reserved + rest, freely);
}

static void on_bound(struct pawl_op *op)
{
    struct pawl_borrow_unit *unit = op->arg;
    PAWL_ASSERT(unit->borrower->open_ops > 0 && !unit->durable);
    unit->borrower->open_ops--;
    unit->durable = op->result.code == PAWL_RESULT_OK;
    pawl_borrow_send_draw(unit);
}

static void bind(struct pawl_borrow_unit *unit)
{
    struct pawl_borrower *borrower = unit->borrower;
    const struct pawl_subject *subject = borrower->options.subject;
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_command create = {
        .type = PAWL_COMMAND_BUDGET_CREATE,
        .u.budget_create = {.unit = unit->unit, .mode = PAWL_BUDGET_ENFORCE, .window = lifetime},
    };
    struct pawl_scope_name *scope = &create.u.budget_create.scope;
    scope->levels[PAWL_LEVEL_TENANT] = subject->levels[PAWL_LEVEL_TENANT];
    scope->dimension =
        (struct pawl_dimension){PAWL_SLICE(PAWL_LENT_DIMENSION), PAWL_SLICE(PAWL_LENT_VALUE)};
    unit->bound = true;
    if (unit->budget == 0) {
        borrower->open_ops++;
        unit->bind_op = (struct pawl_op){.done = on_bound, .arg = unit}; /* not lazy: W5 */
        pawl_engine_submit(borrower->options.engine, &create, &unit->bind_op);
        bool there = pawl_core_budget_find(pawl_engine_core(borrower->options.engine), scope,
                                           PAWL_SLICE_NONE, unit->unit, &lifetime, &unit->budget);
        PAWL_ASSERT(there || pawl_engine_poisoned(borrower->options.engine));
        unit->burn_since_us = pawl_borrow_now_us(borrower);
        unit->burn = -1;
    } else if (unit->lifted) {
        unit->lifted = false;
        bind_again(unit);
    }
}

/* No limit counts this unit any more: what the run's own caps leave may be spent. */
static void lift(struct pawl_borrow_unit *unit)
{
    if (!unit->lifted && unit->budget != 0) {
        unit->lifted = true;
        unit->refused = false;
        unit->kept = 0;
        fund_lifted(unit, PAWL_AMOUNT_MAX, 0);
    }
}

/* --- What is heard ------------------------------------------------------------------------- */

void pawl_borrow_set_reach(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer)
{
    borrower->unreachable = pawl_failed(answer->err);
    if (borrower->unreachable) {
        memcpy(borrower->why, answer->why, sizeof(borrower->why));
        return;
    }
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        borrower->units[i].retry_us = 0;
    }
}

/* What of this run's spending and slices stands in the limits' numbers. */
static void note_what_lender_knows(struct pawl_borrow_unit *unit)
{
    unit->told_then = unit->told;
    unit->lent_then = 0;
    memset(unit->apart, 0, sizeof(unit->apart));
    for (struct pawl_borrow_slice *slice = unit->first; slice != NULL; slice = slice->next) {
        unit->lent_then += slice->granted;
        for (uint32_t i = 0; i < unit->limit_count; i++) {
            if (slice->covers < unit->limits[i].number) {
                unit->apart[i].spent += pawl_borrow_spent_of(slice);
                unit->apart[i].lent += slice->granted;
            }
        }
    }
}

bool pawl_borrow_hear_unit(struct pawl_borrow_unit *unit, const struct pawl_lend_answer *answer)
{
    int64_t left_before = pawl_borrow_lender_left(unit);
    bool was_short = unit->refused || unit->pressed_us != 0;
    bool was_lifted = unit->lifted;
    unit->limit_count = 0;
    unit->newest = 0;
    for (uint32_t i = 0; i < answer->limit_count; i++) {
        const struct pawl_limit *limit = &answer->limits[i];
        if (limit->unit == unit->unit) {
            unit->limits[unit->limit_count++] = *limit;
            unit->newest = limit->number > unit->newest ? limit->number : unit->newest;
        }
    }
    if (unit->limit_count > 0) {
        bind(unit);
    } else {
        lift(unit);
    }
    note_what_lender_knows(unit);
    pawl_borrow_park(unit);
    pawl_borrow_close_stale(unit);
    bool more = pawl_borrow_lender_left(unit) > left_before || (unit->lifted && !was_lifted);
    unit->refused = unit->refused && !more;
    return was_short && more;
}

bool pawl_borrow_hear(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer)
{
    bool more = false;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        more = pawl_borrow_hear_unit(&borrower->units[i], answer) || more;
    }
    return more;
}
