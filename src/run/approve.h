/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve.h: a run that asks for more, and the answers, from wherever they come. docs/RUN.md has
 * what a person sees of it.
 */
#ifndef PAWL_RUN_APPROVE_H
#define PAWL_RUN_APPROVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/slice.h"
#include "core/result.h"
#include "gateway/limit.h"

struct pawl_http_exchange;
struct pawl_run;

/* The question that is open. */
struct pawl_run_question {
    enum pawl_question_kind kind;
    uint64_t approval; /* its id in the ledger; 0: there is none */
    bool opening;      /* … yet: it is on its way to the disk */
    bool told;         /* where somebody sits */
    bool sent;         /* by the approver, or it is about to be */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX]; /* what is asked for */
};

/* Gives more: answers the open question with the amounts, or with what it asks for where there are
 * none; without a question it simply gives. `by`: who, or empty. The exchange is answered when that
 * is durable. */
void pawl_run_approve(struct pawl_run *run,
                      struct pawl_http_exchange *exchange,
                      const struct pawl_amount *lines,
                      uint32_t line_count,
                      struct pawl_slice by);
/* Says no to the open question. */
void pawl_run_deny(struct pawl_run *run, struct pawl_http_exchange *exchange, struct pawl_slice by);

#endif
