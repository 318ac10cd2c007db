/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lender.h: limits and slices over one engine: what the authority does, without its socket. Rules
 * and invariants (A1 … A6) are in docs/AUTHORITY.md.
 *
 * Everything that it knows about limits it reads from the ledger; only who waits for what is kept
 * here. Answers come when they are durable, never inside the call that asks.
 */
#ifndef PAWL_LENDING_LENDER_H
#define PAWL_LENDING_LENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "engine/engine.h"
#include "engine/lend.h"

struct pawl_lender;

enum {
    PAWL_LIMITS_MAX = 256,     /* at a time */
    PAWL_LENDER_RUN_BYTES = 65 /* of a run's id */
};

struct pawl_lender_options {
    struct pawl_engine *engine; /* borrowed */
    const char *marker;         /* a file that is there when there may be a limit; NULL: none */
    bool reload_zones;          /* define the limits' time zones from the system's files */
    /* Somebody lacks what is lent to others, who may be dead. NULL: nobody wants to know. */
    void (*on_lack)(void *arg);
    void *arg;
};

/* Reads the limits from the ledger. */
PAWL_MUST_CHECK pawl_err pawl_lender_new(const struct pawl_lender_options *options,
                                         struct pawl_lender **ret_lender,
                                         struct pawl_errmsg *msg);
/* Nothing of it may be under way in the engine. NULL is allowed. */
void pawl_lender_free(struct pawl_lender *lender);

/* The ledger of a new authority: keys are kept as long as slices can be corrected. */
struct pawl_config pawl_lender_config(void);

/* Who asks. Texts are borrowed for the call. */
struct pawl_lend_place {
    const char *run;
    const char *dir;  /* absolute, links resolved; "": nowhere */
    const char *repo; /* what tells the repository; "": none */
};
void pawl_lender_ask(struct pawl_lender *lender,
                     const struct pawl_lend_place *place,
                     struct pawl_lend_ask *ask);

/* The ledger's time, by which windows end. */
int64_t pawl_lender_now_us(const struct pawl_lender *lender);
/* Slices that are out. */
uint32_t pawl_lender_open_slices(const struct pawl_lender *lender);
/* All limits, in the order of their making, as they stand now; start with 0. */
PAWL_MUST_CHECK bool pawl_lender_limit_next(const struct pawl_lender *lender,
                                            uint32_t *cursor,
                                            struct pawl_limit *ret_limit);

/* A change of the limits. The structure is the asker's and must live until `done`. */
struct pawl_limit_change {
    /* Of `limit` the name ("": one is made up), place, path, zone, unit, window (without tz) and
     * amount count; for a removal `name`, which may be a number. */
    bool remove;
    struct pawl_limit limit;
    void (*done)(struct pawl_limit_change *change);
    void *arg;
    /* The answer. OK: `limit` as it stands now; `changed`: it was there before. */
    pawl_err err;
    struct pawl_errmsg msg;
    bool changed;
    int64_t amount_before;
};
void pawl_lender_change(struct pawl_lender *lender, struct pawl_limit_change *change);

#endif
