/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lending.h: a lender and runs that borrow from it, each on a simulated disk of its own. The wire
 * between them is here, too: it delivers in order, one step at a time, and loses what is on it when
 * either side dies, answers that were given included. Whatever is drawn comes from the world's own
 * generator, so a seed is a whole story.
 */
#ifndef PAWL_TESTS_LIB_LENDING_H
#define PAWL_TESTS_LIB_LENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "engine/borrow.h"
#include "lending/lender.h"
#include "tests/lib/kit.h"

#define USD      PAWL_UNIT_USD_MICROCENTS
#define SECOND   INT64_C(1000000)
#define LIMIT    INT64_C(100000)
#define RUN_CAP  INT64_C(100000000)
#define CALL_MAX INT64_C(900)

enum { RUNS = 3, HOLDS = 4, WIRE = 64, LIMITS = 2 };

struct hold {
    struct pawl_op op;
    struct run *run;
    bool used;
    bool asked;    /* the reserve is under way */
    bool early;    /* … since before the limit was changed */
    bool settling; /* so is the commit */
    uint64_t id;
    int64_t amount;
    int64_t charge;
    uint64_t epoch; /* of the world's second limit when it was asked for */
};

struct run {
    struct world *world;
    struct kit kit;
    char name[16];
    unsigned generation; /* a run that died is another run when it comes back */
    struct pawl_subject subject;
    struct pawl_borrower *borrower; /* NULL: dead or ended */
    bool ended;
    uint64_t changes_seen;
    int64_t used_at_death;
    struct hold holds[HOLDS];
    uint64_t refused;
};

/* A question on the wire. */
struct letter {
    struct run *run;
    struct pawl_lend_ask *asked; /* the borrower's; NULL: it died meanwhile */
    struct pawl_lend_ask own;    /* what the lender works on */
    bool sent;
    bool answered;
};

struct world {
    struct pawl_prng prng;
    struct kit kit;
    struct pawl_lender *lender; /* NULL: dead */
    struct run runs[RUNS];
    struct letter *wire[WIRE];
    uint32_t wire_count;
    int64_t spent_before; /* by runs that died and were settled */
    bool changing;        /* the limit changes */
    bool coming;          /* a second one comes and goes */
    uint64_t changes;
    int64_t amount;       /* of the limit */
    int64_t bound;        /* of what all runs have spent and hold */
    uint64_t epoch;       /* a second limit has come or gone */
    int64_t beside;       /* its amount; 0: there is none */
    int64_t beside_spent; /* … in this epoch, as far as it was acknowledged */
    uint64_t deaths;
};

uint64_t lending_draw(struct world *world, uint64_t below);
/* Moves the first letter of some run by one step. */
void lending_carry(struct world *world);

/* --- The lender --- */

void lending_open_lender(struct world *world);
/* Dollars a day, or in another period, in UTC; 0: the limit is removed. */
void lending_set_limit(struct world *world, uint8_t period, int64_t amount);
struct pawl_limit lending_limit_of(const struct world *world);
/* The second one, where there is one. */
struct pawl_limit lending_limit_beside(const struct world *world);
/* What dies leaves its memory behind, as a process does. */
void lending_kill_lender(struct world *world);

/* --- Runs --- */

void lending_begin_run(struct world *world, struct run *run);
/* Reserves for some call; false: that one is under way already. */
bool lending_call(struct run *run);
/* Commits some call that is held, with some part of what it holds. */
void lending_settle_call(struct run *run);
/* Where the budget of what is lent stands. */
struct pawl_budget_view lending_lent_to(const struct run *run);
int64_t lending_spent_of(const struct run *run);
/* Sets so much aside for a last call. */
void lending_keep(struct run *run, int64_t amount);
void lending_kill_run(struct run *run);
/* What a reader does for a run that died. The lender may die meanwhile, and comes back. */
void lending_settle_run(struct world *world, struct run *run);

/* Time passes for all who live. */
void lending_advance(struct world *world, int64_t us);

#endif
