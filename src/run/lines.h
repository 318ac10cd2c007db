/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h: what is said before a run, and the single lines during it, as texts. Whether and when
 * they are printed is terminal.h's business.
 */
#ifndef PAWL_RUN_LINES_H
#define PAWL_RUN_LINES_H

#include <stdbool.h>

#include "base/buf.h"
#include "gateway/gateway.h"
#include "run/account.h"
#include "run/account_guess.h"
#include "run/caps.h"
#include "run/lending.h"
#include "run/model.h"
#include "run/phases.h"

/* Times that the lines promise and the run keeps. */
enum {
    PAWL_LINES_GRACE_S = 10, /* for an agent to end by itself at a cap */
    PAWL_LINES_DRAIN_S = 10  /* for calls that outlive their agent */
};

struct pawl_lines_start {
    const char *run_id;
    const char *data_dir; /* as it was given; NULL: it was not */
    const char *policy;   /* its name; NULL: nobody chose one */
    const char *sizing;   /* why the dollars are what they are; NULL: they were not computed */
    const struct pawl_run_cap *caps; /* PAWL_CAP_COUNT of them */
    enum pawl_run_cap_index primary;
    const struct pawl_model_guess *model;
    bool attended;    /* somebody can be reached, … */
    bool interactive; /* … and sits beside it */
    enum pawl_escalation_mode escalation;
    const struct pawl_limit_options *limit;
    const struct pawl_run_phases *phases;      /* NULL: none */
    const struct pawl_run_limits *limits;      /* across runs; NULL: none */
    const struct pawl_account_guess *accounts; /* that it may go out on */
    uint32_t account_count;
};

/* "  model       ": in front of a line of the run card, and of what is said before a run. */
void pawl_lines_label(const char *word, struct pawl_buf *out);
/* What is said before a run, a line for each thing. */
void pawl_lines_start(const struct pawl_lines_start *start, struct pawl_buf *out);

/* From here on each appends one line with its new line. */
void pawl_lines_threshold(const struct pawl_account *account, struct pawl_buf *out);
void pawl_lines_latched(const struct pawl_gateway_latch *latch,
                        bool attended,
                        struct pawl_buf *out);
void pawl_lines_time_up(int64_t limit_ms, struct pawl_buf *out);
/* A question, and how it is answered. */
void pawl_lines_question(const char *run_id,
                         const struct pawl_limit_question *question,
                         struct pawl_buf *out);
/* The command that takes questions to a person has failed. */
void pawl_lines_approver_failed(const char *command, const char *how, struct pawl_buf *out);
void pawl_lines_phase_question(const char *run_id,
                               const char *phase,
                               const struct pawl_limit_question *question,
                               struct pawl_buf *out);
/* What a phase was given, and what it has in all now; or that it gets nothing. */
void pawl_lines_phase_given(const char *phase,
                            const struct pawl_amount *lines,
                            uint32_t line_count,
                            const struct pawl_account *account,
                            struct pawl_slice by,
                            struct pawl_buf *out);
void pawl_lines_phase_denied(const char *phase, struct pawl_slice by, struct pawl_buf *out);
/* What was given, and what there is in all now; `by` may be empty. */
void pawl_lines_given(const struct pawl_amount *lines,
                      uint32_t line_count,
                      const struct pawl_account *account,
                      struct pawl_slice by,
                      struct pawl_buf *out);
void pawl_lines_denied(struct pawl_slice by,
                       const struct pawl_limit_question *question,
                       struct pawl_buf *out);
/* A step down the ladder, or why it is not taken. */
void pawl_lines_step(const struct pawl_limit_step *step, struct pawl_buf *out);
/* Calls wait for a window, or one went out again (`wait` NULL). */
void pawl_lines_wait(const char *run_id,
                     const struct pawl_limit_wait *wait,
                     int64_t now_us,
                     struct pawl_buf *out);
void pawl_lines_stopped(struct pawl_buf *out);
void pawl_lines_ending(struct pawl_buf *out);
void pawl_lines_draining(uint64_t calls, struct pawl_buf *out);

/* What stands behind a cap: " (100K to 500K tokens)" behind dollars, " ($0.18 to $0.90)" behind
 * tokens, " (from the tokens; 15K to 75K tokens)" behind derived dollars; nothing behind other
 * units, or where `price` is NULL. */
void pawl_lines_conversion(const struct pawl_price *price,
                           enum pawl_run_cap_index index,
                           const struct pawl_run_cap *cap,
                           struct pawl_buf *out);

#endif
