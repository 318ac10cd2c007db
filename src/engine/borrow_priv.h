/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_priv.h: what the files of the borrower share.
 *
 *   borrow.c        a borrower's life; the heartbeat
 *   borrow_wait.c   what the gateway submits: reserves that wait
 *   borrow_quote.c  what the limits leave: quotes, refusals
 *   borrow_budget.c the budget that what is lent goes into; what the lender says of limits
 *   borrow_slices.c slices: drawn, prolonged, given back
 *   borrow_lent.c   what a journal says of them
 */
#ifndef PAWL_ENGINE_BORROW_PRIV_H
#define PAWL_ENGINE_BORROW_PRIV_H

#include "base/buf.h"
#include "engine/borrow.h"

enum {
    PAWL_BORROW_UNITS = 4,
    PAWL_BORROW_LOOK_MS = 10 * 1000, /* the heartbeat */
    PAWL_BORROW_HUNGRY_MS = 1000,    /* … while something is refused */
    PAWL_BORROW_HUNGRY_FOR_MS = 60 * 1000,
    PAWL_BORROW_RETRY_MS = 1000,
    PAWL_BORROW_BURN_MS = 60 * 1000,
    PAWL_BORROW_NOTE_BYTES = 192
};

enum pawl_slice_state {
    PAWL_SLICE_OPEN,
    PAWL_SLICE_CLOSING, /* its end is applied, and not durable yet */
    PAWL_SLICE_CLOSED   /* to be told */
};

struct pawl_borrow_unit;

struct pawl_borrow_slice {
    struct pawl_borrow_slice *next; /* in the order in which they were drawn */
    struct pawl_borrow_unit *unit;
    char id[PAWL_LEND_SLICE_BYTES];
    enum pawl_slice_state state;
    int64_t granted;
    int64_t spent;    /* of one that is not open: final */
    int64_t renew_us; /* when it is given back or prolonged */
    uint32_t covers;  /* the number of the newest limit that it is held on */
    bool expired;     /* the lender has booked it in full */
    struct pawl_op op;
};

struct pawl_borrow_unit {
    struct pawl_borrower *borrower;
    uint16_t unit;
    bool bound;      /* there is a limit in this unit */
    bool lifted;     /* there was one: the budget is open wide */
    uint64_t budget; /* 0: not made */
    struct pawl_op bind_op;
    bool durable; /* … is the budget: the lender may be asked (W5) */
    struct pawl_borrow_slice *first;
    uint64_t number;  /* of the draw under way, else of the last one */
    bool unanswered;  /* … which must be asked again before another */
    uint32_t under;   /* … the newest limit that bound when it was first asked */
    bool drawing;     /* … is under way, or waits for the budget to be durable */
    bool telling;     /* a slice is being settled or prolonged */
    int64_t assigned; /* spent, as far as it was put down to slices that are not open */
    int64_t told;     /* of it, what the lender has confirmed */
    int64_t retry_us; /* the lender did not answer: not before then */
    /* What the lender said last. */
    bool refused;        /* the last draw was refused, and nothing has come back since */
    int64_t refused_us;  /* when that began */
    int64_t pressed_us;  /* when a quote was last bound by a limit; 0: never */
    bool lacking;        /* a call was refused or held for it since the last look */
    int64_t parked;      /* what is lent and must not be spent: a limit was lowered below it */
    int64_t kept;        /* for the run's last call */
    int64_t kept_of_own; /* what the gateway keeps of the run's own cap */
    int64_t told_then;   /* `told` when it said it */
    int64_t lent_then;   /* open slices then */
    uint32_t limit_count;
    struct pawl_limit limits[PAWL_LEND_LIMITS_MAX];
    struct pawl_borrow_apart {
        int64_t spent;
        int64_t lent;
    } apart[PAWL_LEND_LIMITS_MAX]; /* by limit: of slices then that are not held on it */
    uint32_t newest;               /* the highest number of a limit; numbers only grow */
    /* How fast it is spent. */
    int64_t burn_since_us;
    int64_t burn_from;
    int64_t burn; /* in the last whole stretch; -1: not known yet */
    struct pawl_lend_ask draw_ask;
    struct pawl_lend_ask tell_ask;
    struct pawl_borrow_slice *told_slice; /* what tell_ask is about */
};

/* An operation that waits for more. */
struct pawl_borrow_wait {
    struct pawl_borrow_wait *next;
    struct pawl_op *op;
    struct pawl_command command; /* its texts lie in `texts` */
    struct pawl_buf texts;
};

struct pawl_borrower {
    struct pawl_authority base; /* first */
    struct pawl_borrower_options options;
    struct pawl_borrow_unit units[PAWL_BORROW_UNITS];
    struct pawl_borrow_wait *wait_first;
    struct pawl_borrow_wait *wait_last;
    bool serving;
    struct pawl_lend_ask look_ask;
    bool looking;
    int64_t looked_us;
    bool checking;    /* limits may have changed: reserves wait for the answer */
    bool check_again; /* … and the look under way was asked before that */
    bool unknown;     /* … and nobody answered */
    bool unreachable;
    char why[200];
    bool ending;
    void (*ended)(void *arg);
    void *ended_arg;
    uint32_t open_ops; /* of ours in the engine */
};

/* --- borrow.c --- */

void pawl_borrow_check_end(struct pawl_borrower *borrower);

/* --- borrow_wait.c --- */

/* Lets those who wait have what has come, or tells them that nothing does. */
void pawl_borrow_serve(struct pawl_borrower *borrower);
void pawl_borrow_submit(struct pawl_authority *authority,
                        const struct pawl_command *command,
                        struct pawl_op *op);

/* --- borrow_quote.c --- */

extern const struct pawl_authority_ops pawl_borrower_ops;
/* NULL: no limit ever counted it. */
struct pawl_borrow_unit *pawl_borrow_unit_of(struct pawl_borrower *borrower, uint16_t unit);
/* What is lent and that a call may have; below 0 where a limit was lowered, or has come. */
int64_t pawl_borrow_free(const struct pawl_borrow_unit *unit);
/* Parks what is lent above a limit, as last heard. */
void pawl_borrow_park(struct pawl_borrow_unit *unit);
/* The numbers of a refusal. */
struct pawl_denial pawl_borrow_denial(const struct pawl_borrow_unit *unit, int64_t asked);
/* Its window has ended since it was heard of. */
bool pawl_borrow_begins_anew(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit);
/* Where the unit's budget stands: its own numbers. */
struct pawl_budget_view pawl_borrow_view(const struct pawl_borrow_unit *unit);
/* The least that any limit has left for everybody, as last heard; at least 0. */
int64_t pawl_borrow_lender_left(const struct pawl_borrow_unit *unit);
/* What the run's own caps leave of the unit; PAWL_AMOUNT_MAX: none of them counts it. */
int64_t pawl_borrow_own_left(const struct pawl_borrow_unit *unit);
int64_t pawl_borrow_now_us(const struct pawl_borrower *borrower);

/* --- borrow_budget.c --- */

/* Puts more into the unit's budget, takes off it, or sets it. Returns the code, known at once. */
uint16_t pawl_borrow_fund(struct pawl_borrow_unit *unit,
                          enum pawl_fund_kind kind,
                          int64_t amount,
                          const char *note);
/* What the lender says of the limits, to all units or to one. true: there is more than before where
 * there was too little. */
bool pawl_borrow_hear(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer);
bool pawl_borrow_hear_unit(struct pawl_borrow_unit *unit, const struct pawl_lend_answer *answer);
/* Nobody answered, or somebody did. */
void pawl_borrow_set_reach(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer);

/* --- borrow_slices.c --- */

/* Asks for at least so much; nothing while a question is under way. */
void pawl_borrow_draw(struct pawl_borrow_unit *unit, int64_t at_least);
/* The unit's budget has become durable: what is to be drawn is asked for. */
void pawl_borrow_send_draw(struct pawl_borrow_unit *unit);
/* What was spent of a slice, as it is put down now; of the last open one all the rest. */
int64_t pawl_borrow_spent_of(const struct pawl_borrow_slice *wanted);
/* A limit has come since it was drawn. */
bool pawl_borrow_is_stale(const struct pawl_borrow_slice *slice);
/* Gives back such slices, as far as nothing under way needs them. */
void pawl_borrow_close_stale(struct pawl_borrow_unit *unit);
/* Something was spent, or has come: draws ahead, closes what is used up, tells. */
void pawl_borrow_consider(struct pawl_borrow_unit *unit);
/* `wanted`: somebody else lacks it, so what is free goes back. */
void pawl_borrow_tick_unit(struct pawl_borrow_unit *unit, bool wanted);

#endif
