/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance.h: what another process sees of live runs: which there are, and where each stands. It is
 * status.h read back, for `pawl status`, `pawl statusline` and `pawl top`. Texts are cut to what a
 * screen can show of them; a field that a run of an older pawl does not tell is empty or 0.
 */
#ifndef PAWL_RUN_GLANCE_H
#define PAWL_RUN_GLANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "run/datadir.h"
#include "run/recent.h"

enum { PAWL_GLANCE_TEXT_BYTES = 128, PAWL_GLANCE_LINE_BYTES = 512 };

struct pawl_glance_cap {
    int64_t limit; /* 0: none */
    int64_t spent;
    int64_t held;
    int64_t per_minute;
    int64_t left_ms; /* at this rate; -1: nothing is being used */
};

/* What a run is at, as whoever shows it says: the first that holds. */
enum pawl_glance_state {
    PAWL_GLANCE_ENDING,
    PAWL_GLANCE_ASKS,
    PAWL_GLANCE_STOPPED,
    PAWL_GLANCE_WAITS, /* it stands still until a window begins anew */
    PAWL_GLANCE_NO_ANSWER,
    PAWL_GLANCE_RUNNING
};

struct pawl_glance {
    char id[PAWL_RUN_ID_BYTES];
    char name[PAWL_GLANCE_TEXT_BYTES]; /* "": none, as below */
    char command[PAWL_GLANCE_LINE_BYTES];
    char cwd[PAWL_PATH_BYTES];
    char repo[PAWL_PATH_BYTES];
    char policy[PAWL_GLANCE_TEXT_BYTES];
    char model[PAWL_GLANCE_TEXT_BYTES]; /* of the last call, or what was known beforehand */
    char phase[PAWL_GLANCE_TEXT_BYTES];
    char stopped_by[PAWL_GLANCE_TEXT_BYTES]; /* the reason of a latch, "spent" */
    char message[PAWL_GLANCE_LINE_BYTES];    /* its words, else those of an open question, of a
                                              * wait, or of an outage */
    uint16_t unit;                           /* its cap; 0: none */
    bool latched;
    bool unreached; /* a provider does not answer */
    bool waits;     /* a call is held until a window begins anew */
    int64_t waits_until_ms;
    bool asks;            /* a question to a person is open (docs/LIMITS.md) */
    const char *question; /* "asks for more", or what else it asks for; never NULL where it asks */
    bool attended;
    bool ending;
    int64_t pid;
    int64_t started_ms;
    int64_t now_ms;
    int64_t calls;
    int64_t refusals;
    int64_t in_flight;
    int64_t pace_ms; /* what the rates are taken over */
    struct pawl_glance_cap caps[PAWL_CAP_COUNT];
    struct pawl_recent_call dearest; /* id 0: none */
    uint32_t last_count;
    struct pawl_recent_call last[PAWL_RECENT_CALLS]; /* the newest first */
};

/* Reads what a run answered. false: it is none. */
PAWL_MUST_CHECK bool pawl_glance_read(struct pawl_slice json, struct pawl_glance *ret_glance);

/* Runs that have a socket, newest first; false stops. One that was killed may be among them. */
PAWL_MUST_CHECK pawl_err pawl_glance_candidates(const struct pawl_datadir *dir,
                                                pawl_datadir_run_fn *fn,
                                                void *arg,
                                                struct pawl_errmsg *msg);
/* Asks one run, and appends its answer to `raw` unless that is NULL. Errors as of live.h. */
PAWL_MUST_CHECK pawl_err pawl_glance_ask(const struct pawl_datadir *dir,
                                         const char *id,
                                         uint32_t timeout_ms,
                                         struct pawl_buf *raw,
                                         struct pawl_glance *ret_glance,
                                         struct pawl_errmsg *msg);

/* What stops the run first at these rates: the cap, and when. false: nothing is known. */
PAWL_MUST_CHECK bool pawl_glance_next_cap(const struct pawl_glance *glance,
                                          enum pawl_run_cap_index *ret_cap,
                                          int64_t *ret_left_ms);
/* What share of its cap a unit has used, in thousandths, rounded down; 0 without a cap. */
int64_t pawl_glance_permille(const struct pawl_glance *glance, enum pawl_run_cap_index cap);
enum pawl_glance_state pawl_glance_state(const struct pawl_glance *glance);
/* Its name, or else its command without the program's directory. */
const char *pawl_glance_title(const struct pawl_glance *glance);

#endif
