/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.c: what to say of a reservation that is not open any more. The ledger has forgotten it; the
 * archive has not, but may lag, and is waited for a short while only: a client that settles has a
 * timeout of a few seconds. Where nothing is known the answer is 410 and never 404: upon 410
 * clients book what they spent as a debit, upon 404 they drop it.
 */
#include "archive/archive.h"
#include "base/assert.h"
#include "cycles/cycles_priv.h"
#include "cycles/operation.h"
#include "cycles/subject.h"
#include "engine/engine.h"

enum { WAIT_MS = 1000 };

struct gone_question {
    struct pawl_archive_request request;
    bool mismatch;
};

/* A closed tenant refuses whatever had become of what it held; only repeats stand before that. */
static bool is_closed(const struct pawl_call *call, const struct pawl_archive_row *row)
{
    struct pawl_slice tenant = row != NULL ? row->tenant : call->principal.tenant;
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    return tenant.bytes > 0 && pawl_core_tenant_state(core, tenant) == PAWL_TENANT_CLOSED;
}

static void refuse(struct pawl_call *call, const struct pawl_archive_row *row, bool mismatch)
{
    if (row != NULL && !pawl_subject_may_see(call, row->tenant, row->scope_path)) {
        return; /* refused */
    }
    if (mismatch) {
        pawl_call_refuse(call, PAWL_ERROR_IDEMPOTENCY_MISMATCH, "%s",
                         pawl_result_meaning(PAWL_RESULT_IDEMPOTENCY_MISMATCH));
    } else if (is_closed(call, row)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_CLOSED, "%s",
                         pawl_result_meaning(PAWL_RESULT_TENANT_CLOSED));
    } else if (row != NULL && row->status == PAWL_ARCHIVE_COMMITTED) {
        pawl_call_refuse(call, PAWL_ERROR_RESERVATION_FINALIZED,
                         "the reservation was committed already");
    } else if (row != NULL && row->status == PAWL_ARCHIVE_RELEASED) {
        pawl_call_refuse(call, PAWL_ERROR_RESERVATION_FINALIZED,
                         "the reservation was released already");
    } else {
        pawl_call_refuse(call, PAWL_ERROR_RESERVATION_EXPIRED, "the reservation is no longer held");
    }
}

static void on_answer(struct pawl_archive_request *request)
{
    struct pawl_call *call = request->arg;
    const struct gone_question *question = call->state;
    struct pawl_archive_row row = {0};
    bool found = request->answer == PAWL_ARCHIVE_FOUND && request->row_count == 1;
    call->waited = false; /* the tenant is looked at now */
    if (found) {
        row.status = request->rows[0].status;
        row.tenant = pawl_arena_copy(call->arena, request->rows[0].tenant);
        row.scope_path = pawl_arena_copy(call->arena, request->rows[0].scope_path);
    }
    pawl_archive_release(request);
    refuse(call, found ? &row : NULL, question->mismatch);
}

void pawl_gone_refuse(struct pawl_call *call, uint64_t reservation, bool mismatch)
{
    struct gone_question *question = pawl_call_alloc(call, sizeof(*question));
    if (question == NULL) {
        return;
    }
    const struct pawl_archive_query query = {.op = reservation, PAWL_ARCHIVE_EVER, .limit = 1};
    question->mismatch = mismatch;
    question->request.done = on_answer;
    question->request.arg = call;
    call->state = question;
    pawl_archive_ask(pawl_call_archive(call), &query,
                     pawl_core_op(pawl_engine_core(pawl_call_engine(call))), WAIT_MS,
                     &question->request);
}
