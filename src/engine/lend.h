/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.h: what a borrower asks of a lender, and what it is told (docs/AUTHORITY.md). Plain values,
 * so that the two may be in one process, as in tests, or have a socket in between.
 */
#ifndef PAWL_ENGINE_LEND_H
#define PAWL_ENGINE_LEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/command.h"

enum {
    PAWL_LEND_SLICE_BYTES = 40,     /* the text of a slice's id: PAWL_ID_TEXT_BYTES */
    PAWL_LEND_LIMITS_MAX = 15,      /* that bind one run; a subject has 16 dimensions */
    PAWL_LEND_TTL_MS = 300 * 1000,  /* of a slice */
    PAWL_LEND_GRACE_MS = 60 * 1000, /* in which a settlement is still taken as one */
    PAWL_LEND_SHARE = 10,           /* a slice is at most this part of what is left */
    PAWL_LIMIT_NAME_BYTES = 65,
    PAWL_LIMIT_PATH_BYTES = 257,
    PAWL_LIMIT_ZONE_BYTES = 64
};

/* What a limit counts. */
enum pawl_limit_place {
    PAWL_LIMIT_MACHINE, /* every run */
    PAWL_LIMIT_REPO,    /* runs in a repository */
    PAWL_LIMIT_DIR,     /* runs in a directory or below it */
    PAWL_LIMIT_PLACE_COUNT
};

/* A limit and where it stands. */
struct pawl_limit {
    uint32_t number; /* > 0, never used again */
    uint64_t budget; /* in the lender's ledger */
    char name[PAWL_LIMIT_NAME_BYTES];
    enum pawl_limit_place place;
    char path[PAWL_LIMIT_PATH_BYTES]; /* of REPO and DIR */
    char zone[PAWL_LIMIT_ZONE_BYTES]; /* of a calendar window */
    uint16_t unit;
    struct pawl_window window;
    int64_t amount;
    int64_t spent;
    int64_t held;         /* lent, and not settled yet */
    int64_t starts_at_us; /* of the present window; 0: not open yet */
    int64_t resets_at_us; /* 0: not open yet */
};

enum pawl_lend_kind {
    PAWL_LEND_LOOK,   /* which limits bind here, and where do they stand? */
    PAWL_LEND_DRAW,   /* a slice */
    PAWL_LEND_EXTEND, /* half a slice's time more */
    PAWL_LEND_SETTLE  /* what was spent of a slice; the rest goes back */
};

struct pawl_lend_request {
    enum pawl_lend_kind kind;
    uint16_t unit;                     /* DRAW, SETTLE; LOOK: one that somebody lacks here, or 0 */
    uint64_t number;                   /* DRAW: of the run's draws in this unit, from 1 */
    int64_t at_least;                  /* DRAW: > 0, or nothing at all */
    int64_t want;                      /* DRAW: >= at_least */
    char slice[PAWL_LEND_SLICE_BYTES]; /* EXTEND, SETTLE */
    int64_t spent;                     /* SETTLE: may be more than the slice */
};

struct pawl_lend_answer {
    pawl_err err; /* nobody answered: nothing below counts but `why` */
    char why[200];
    /* OK. DRAW: CAP_EXCEEDED and BUDGET_EXCEEDED: a limit does not give so much; NOT_FOUND: no
     * limit counts this unit here; GONE: the slice of that number is settled already. EXTEND:
     * RESERVATION_EXPIRED: booked in full by now. */
    uint16_t code;
    char slice[PAWL_LEND_SLICE_BYTES]; /* DRAW */
    int64_t granted;                   /* DRAW */
    int64_t ttl_ms;                    /* DRAW: how long from now */
    bool again;                        /* DRAW: this number was drawn before */
    uint32_t refused_by;               /* DRAW: the limit's number */
    bool wanted;                       /* somebody was refused what others hold */
    /* LOOK: every limit that binds; DRAW: those in its unit, as they stand behind it. */
    uint32_t limit_count;
    struct pawl_limit limits[PAWL_LEND_LIMITS_MAX];
};

/* One question under way. The structure is the asker's and must live until `done`, which runs on
 * the loop's thread, never inside `ask`. */
struct pawl_lend_ask {
    struct pawl_lend_request request;
    struct pawl_lend_answer answer;
    void (*done)(struct pawl_lend_ask *ask);
    void *arg;                  /* the asker's */
    struct pawl_lend_ask *next; /* the lender's */
};

/* The way to a lender, for one run. */
struct pawl_lender_link {
    void (*ask)(void *arg, struct pawl_lend_ask *ask);
    void *arg;
};

/* What a limit has left: amount - spent - held; may be negative. */
static inline int64_t pawl_limit_left(const struct pawl_limit *limit)
{
    return limit->amount - limit->spent - limit->held;
}

#endif
