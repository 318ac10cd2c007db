/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation.h: what operations that change the ledger share: a command that outlives its handler,
 * and the answer, which is the first one or a repeat of it.
 */
#ifndef PAWL_CYCLES_OPERATION_H
#define PAWL_CYCLES_OPERATION_H

#include "core/command.h"
#include "cycles/call.h"
#include "cycles/render.h"

typedef void pawl_render_fn(struct pawl_json_writer *writer, const struct pawl_done *done);

/* In call->state. The command's texts are the body's and the arena's. */
struct pawl_operation {
    struct pawl_command command;
    struct pawl_slice caps;
    pawl_render_fn *render;
    int status; /* of a success */
};

/* Zeroed, in call->state. NULL: the call was refused. */
struct pawl_operation *
pawl_operation_new(struct pawl_call *call, uint16_t type, int status, pawl_render_fn *render);
/* Applies its command, or refuses for want of memory; `then` runs when the result is durable. */
void pawl_operation_submit(struct pawl_call *call, pawl_call_fn *then);
/* The answer to call->op.result, which is OK, or a decision. A repeat is answered from its original
 * record. */
void pawl_operation_answer(struct pawl_call *call);
/* Refuses what a subject's budgets refused, with what the protocol wants said of a missing budget
 * and of a wrong unit. */
void pawl_operation_refuse(struct pawl_call *call,
                           const struct pawl_subject *subject,
                           uint16_t unit);

/* The reservation that a path names: params[0]. false: it is none of ours, and the call was
 * refused. */
PAWL_MUST_CHECK bool pawl_operation_id(struct pawl_call *call, uint64_t *ret_reservation);
/* Whether the caller may touch an open reservation: its tenant's key, one whose scope filter covers
 * it, or the administrator. true as well where it is not open: gone.h says then what to answer.
 * false: refused. */
PAWL_MUST_CHECK bool pawl_operation_owns(struct pawl_call *call, uint64_t reservation);
/* Reads the operation's record back into the server's one place for it. false: refused. */
PAWL_MUST_CHECK bool
pawl_operation_read(struct pawl_call *call, uint64_t op, const struct pawl_record **ret_record);

/* --- gone.c: a genuine id whose reservation is not open ------------------------------------- */

/* Asks the archive what became of it, and refuses accordingly: another tenant's, or one beyond the
 * key's scope filter, with 403, one that is settled with 409 RESERVATION_FINALIZED, one that
 * expired, or of which nothing is known in time, with 410. `mismatch`: the key was used with
 * another payload, which is said to its owner. */
void pawl_gone_refuse(struct pawl_call *call, uint64_t reservation, bool mismatch);

#endif
