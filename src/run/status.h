/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h: where a live run stands, as it tells on its own socket (control.h).
 */
#ifndef PAWL_RUN_STATUS_H
#define PAWL_RUN_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "gateway/estimate.h"
#include "gateway/gateway.h"
#include "run/account.h"
#include "run/lending.h"
#include "run/outage.h"
#include "run/phases.h"
#include "run/recent.h"

enum { PAWL_STATUS_TEXT_BYTES = 1024 };

struct pawl_status {
    const char *run_id;
    const char *name; /* NULL: none */
    char *const *argv;
    const char *cwd;    /* "": it cannot be told */
    const char *repo;   /* place.h; "": none */
    const char *policy; /* its name */
    const char *model;  /* known beforehand; NULL: not */
    struct pawl_slice phase;
    struct pawl_phase_report phases;
    bool attended;
    pid_t pid;
    bool ending;
    int64_t started_us;
    int64_t now_us;
    struct pawl_account account;
    struct pawl_pace pace;
    const struct pawl_recent *recent;
    struct pawl_run_limits limits; /* across runs */
    struct pawl_gateway_counters counters;
    const struct pawl_outage *outage;       /* NULL: the providers answer */
    const struct pawl_limit_wait *wait;     /* NULL: no call waits for a window */
    const struct pawl_gateway_latch *latch; /* NULL: none */
    bool asks;                              /* a question is open, … */
    enum pawl_question_kind about;          /* … and what it is about */
    uint32_t asked_count;                   /* what it asks for; a yes to the rest has no amount */
    const struct pawl_amount *asked;
    char asked_text[PAWL_STATUS_TEXT_BYTES]; /* in words, with the commands that answer it */
    const char *asked_phase;                 /* the phase that it is about; NULL: the run */
    uint32_t estimate_count;
    struct pawl_estimate_error estimates[PAWL_ESTIMATE_MODELS];
};

/* "more", "model", "resume", "phase". */
const char *pawl_status_question(enum pawl_question_kind kind);
void pawl_status_write(const struct pawl_status *status, struct pawl_buf *out);

#endif
