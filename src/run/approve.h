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
#include "engine/engine.h"
#include "gateway/limit.h"

struct pawl_buf;
struct pawl_http_exchange;
struct pawl_json_writer;
struct pawl_run;

/* The question that is open. */
struct pawl_run_question {
    enum pawl_question_kind kind;
    uint64_t approval; /* its id in the ledger; 0: there is none */
    bool opening;      /* … yet: it is on its way to the disk */
    bool told;         /* where somebody sits */
    bool sent;         /* by the approver, or it is about to be */
    int64_t opened_us; /* by the machine's clock, as signs of a person are */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX]; /* what is asked for */
};

/* One about a phase. */
struct pawl_run_phase_question {
    struct pawl_run *run;
    uint64_t approval; /* 0: there is none */
    bool opening;      /* … yet */
    bool told;
    bool sent;
    struct pawl_limit_question asked;
    struct pawl_op op;
};

/* Gives more: answers the open question with the amounts, or with what it asks for where there are
 * none; without a question it simply gives. `by`: who, or empty. The exchange is answered when that
 * is durable. */
void pawl_run_approve(struct pawl_run *run,
                      struct pawl_http_exchange *exchange,
                      const struct pawl_amount *lines,
                      uint32_t line_count,
                      struct pawl_slice by);
/* Says yes to the open question whether the run may go on though nobody was seen. */
void pawl_run_resume(struct pawl_run *run, struct pawl_slice by);
/* Says no to the open question. */
void pawl_run_deny(struct pawl_run *run, struct pawl_http_exchange *exchange, struct pawl_slice by);

/* The same for a phase, named; where no name is given, and no question about the run is open, the
 * two above are about the phase that asks. */
void pawl_run_approve_phase(struct pawl_run *run,
                            struct pawl_http_exchange *exchange,
                            struct pawl_slice name,
                            const struct pawl_amount *lines,
                            uint32_t line_count,
                            struct pawl_slice by);
void pawl_run_deny_phase(struct pawl_run *run,
                         struct pawl_http_exchange *exchange,
                         struct pawl_slice name,
                         struct pawl_slice by);
bool pawl_run_any_phase_asks(const struct pawl_run *run);

/* --- approve.c, for approve_phase.c ---------------------------------------------------------- */

struct pawl_run_answer {
    const char *phase;                          /* NULL: it is about the run */
    bool asked;                                 /* there was a question */
    const struct pawl_limit_question *switched; /* yes to another class of model; NULL: not that */
    const struct pawl_amount *lines;
    uint32_t line_count;
};
/* What was decided, and where the run stands now. */
void pawl_run_answer_reply(struct pawl_run *run,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_run_answer *answer);
/* true: the run is ending, and the exchange was told. */
bool pawl_run_answer_too_late(struct pawl_run *run, struct pawl_http_exchange *exchange);
void pawl_run_answer_refuse(struct pawl_run *run,
                            struct pawl_http_exchange *exchange,
                            uint16_t code);
/* The run's stop is over. */
void pawl_run_lift(struct pawl_run *run);
void pawl_run_put_amounts(struct pawl_json_writer *writer,
                          const char *key,
                          const struct pawl_amount *lines,
                          uint32_t line_count);

/* --- limit.c, for approve_phase.c ------------------------------------------------------------ */

/* A question on its way to a person elsewhere. */
struct pawl_run_sending {
    enum pawl_question_kind kind;
    const char *phase;     /* NULL: it is about the run */
    struct pawl_buf *line; /* the question in words */
    void (*ended)(void *arg, bool told, const char *how);
    void *arg;
};
/* Has the approver take it; false: there is none, or it cannot be started. */
bool pawl_run_send_question(struct pawl_run *run, const struct pawl_run_sending *sending);
/* It took the question to nobody. */
void pawl_run_say_unsent(struct pawl_run *run, const char *how);

/* --- approve_phase.c ------------------------------------------------------------------------- */

/* What the gateway asks for a phase. */
enum pawl_limit_answer pawl_run_ask_for_phase(struct pawl_run *run,
                                              const struct pawl_limit_question *asked);

/* --- approve_phase.c, for the run's socket --------------------------------------------------- */

/* More for a phase, durably, with its question answered. false: the exchange was told why not.
 * `asked`: there was a question. */
bool pawl_run_give_phase(struct pawl_run *run,
                         struct pawl_http_exchange *exchange,
                         int phase,
                         const struct pawl_amount *lines,
                         uint32_t line_count,
                         struct pawl_slice by,
                         bool *ret_asked);

#endif
