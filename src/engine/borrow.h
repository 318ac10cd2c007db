/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow.h: an authority that spends from a ledger of its own what it borrowed from a lender in
 * slices (docs/AUTHORITY.md). It stands between a gateway and its engine: a reserve that the slices
 * do not cover waits here until more is lent, or refused.
 *
 * In the ledger, what is lent is a budget for each unit in a scope of its own,
 * "tenant:local/lent:run", which every reserve touches beside the session's caps. Each loan is a
 * credit and each return a debit, with the slice in its metadata, so that whoever settles a run
 * that died finds its slices in its journal.
 *
 *   W1  allocated of that budget <= what is lent and not told to be spent or returned, plus what
 *       was told to be spent (A2)
 *   W2  a slice is told as spent only when the ledger, durably, has that much spent and the rest
 *       off (A4)
 *   W3  the last open slice of a unit is not settled while holds are open, so that what is spent
 *       beyond all slices always has a slice that it can be put down to
 *   W4  what is kept for the run's last call is in its slices before any other call is let through,
 *       and no other call gets it
 *   W5  nothing is drawn before the ledger, durably, has the unit's budget: whoever settles the run
 *       asks for draws that nobody wrote down only where that tells him that there may be some
 *
 * A run without limits has a borrower, too, which lends nothing and asks nobody, and costs a word
 * with its host at each reserve: whether that has changed.
 */
#ifndef PAWL_ENGINE_BORROW_H
#define PAWL_ENGINE_BORROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "engine/authority.h"
#include "engine/engine.h"
#include "engine/lend.h"

struct pawl_borrower;

#define PAWL_LENT_DIMENSION "lent"
#define PAWL_LENT_VALUE     "run"

struct pawl_borrower_options {
    struct pawl_engine *engine;         /* borrowed */
    const struct pawl_subject *subject; /* the run; borrowed, its tenant is the scope's */
    struct pawl_lender_link link;
    /* What a look at the lender found before the start; NULL and 0: no limit binds yet. */
    const struct pawl_limit *limits;
    uint32_t limit_count;
    /* Whether limits may have changed since it said so last: then a reserve waits until the lender
     * was asked. NULL: they never do. */
    bool (*changed)(void *arg);
    /* Other limits bind, or other amounts. NULL: nobody wants to know. */
    void (*on_limits)(void *arg);
    /* What did not fit before may fit now, or never. Never inside a call of this header but tick.
     */
    void (*on_more)(void *arg);
    void *arg;
};

PAWL_MUST_CHECK pawl_err pawl_borrower_new(const struct pawl_borrower_options *options,
                                           struct pawl_borrower **ret_borrower);
struct pawl_authority *pawl_borrower_authority(struct pawl_borrower *borrower);
/* Once a second, more or less: prolongs, gives back, looks. */
void pawl_borrower_tick(struct pawl_borrower *borrower);
/* Limits may have changed: looks at once. Where nobody answers, no reserve is let through until
 * somebody does. */
void pawl_borrower_check(struct pawl_borrower *borrower);
/* Whether no limit binds and nothing is lent: it needs no tick. */
bool pawl_borrower_idle(const struct pawl_borrower *borrower);
/* No more is lent; everything goes back. `done` runs when the lender has confirmed all of it. */
void pawl_borrower_end(struct pawl_borrower *borrower, void (*done)(void *arg), void *arg);
/* Whether nothing is lent that the lender has not heard the end of. */
bool pawl_borrower_settled(const struct pawl_borrower *borrower);
/* The limits as they stood when they were last heard of. */
uint32_t pawl_borrower_limits(const struct pawl_borrower *borrower,
                              struct pawl_limit ret_limits[static PAWL_LEND_LIMITS_MAX]);
/* Whether, as far as is known, so much of the unit is to be had now. */
bool pawl_borrower_may_have(struct pawl_borrower *borrower, uint16_t unit, int64_t amount);
/* Questions that are under way must not be answered any more. What is lent stays lent until
 * somebody settles the run. NULL is allowed. */
void pawl_borrower_free(struct pawl_borrower *borrower);

/* --- After a death ------------------------------------------------------------------------- */

/* What a run's journal says of its slices: feed it every record, in order, then ask for each slice
 * what was spent of it, given what the ledger has spent in the end. */
struct pawl_lent_slice {
    char slice[PAWL_LEND_SLICE_BYTES];
    uint16_t unit;
    uint64_t number; /* of its draw */
    int64_t granted;
    int64_t spent; /* set by the debit, or by pawl_lent_share */
    bool returned; /* … that said what was spent */
};
struct pawl_lent {
    struct pawl_lent_slice *slices; /* owned */
    uint32_t count;
    uint32_t capacity;
    uint64_t last_number[PAWL_UNIT_BUILTIN_COUNT]; /* of a draw, by unit; 0: none */
    bool bound[PAWL_UNIT_BUILTIN_COUNT];           /* there was a limit in this unit */
    bool lifted[PAWL_UNIT_BUILTIN_COUNT];          /* … and now there is none: it spends freely */
    int64_t freely[PAWL_UNIT_BUILTIN_COUNT];       /* what it spent so until there was one again */
    bool failed;                                   /* no memory */
};
struct pawl_record;
void pawl_lent_feed(struct pawl_lent *lent, const struct pawl_record *record);
/* Puts what the ledger has spent down to the slices. */
void pawl_lent_share(struct pawl_lent *lent,
                     const struct pawl_core *core,
                     struct pawl_slice tenant);
/* Whether a draw of that number is written down. Others may have been answered all the same: those
 * in between, and so many after the last as were drawn before the first of them was durable. Their
 * numbers have no gap. */
bool pawl_lent_has(const struct pawl_lent *lent, uint16_t unit, uint64_t number);
void pawl_lent_free(struct pawl_lent *lent);

#endif
