/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.c: see fold.h. A command is not applied a second time when its answer is known: it is
 * byte for byte the one that was just denied, nothing was applied in between, and no time has
 * come at which the answer could change. Then the state is the same, and so is the denial.
 *
 * What could change it with time: the refusing window rolls (resets_at), or a lease, session or
 * approval falls due. Both end the fold, as does a second.
 *
 * The count lives in the record of the collecting batch, so it is exact and durable before the
 * last of those who share it is answered. A batch that is being written is never touched;
 * a storm therefore costs at most one record a commit.
 */
#include "engine/fold.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "core/codec.h"
#include "journal/record.h"

#define FOLD_US PAWL_US_PER_SECOND

void pawl_fold_init(struct pawl_fold *fold)
{
    *fold = (struct pawl_fold){.active = false};
    pawl_buf_init(&fold->form, PAWL_RECORD_BYTES_MAX);
    pawl_buf_init(&fold->other, PAWL_RECORD_BYTES_MAX);
}

void pawl_fold_free(struct pawl_fold *fold)
{
    pawl_buf_free(&fold->form);
    pawl_buf_free(&fold->other);
}

void pawl_fold_forget(struct pawl_fold *fold)
{
    fold->active = false;
}

static bool type_folds(uint16_t type)
{
    return type == PAWL_COMMAND_RESERVE || type == PAWL_COMMAND_DECIDE ||
           type == PAWL_COMMAND_EVENT;
}

/* Refusals by the state of tenants, budgets and sessions; not those that say that the request is
 * wrong. */
static bool code_folds(uint16_t code)
{
    return (code >= PAWL_RESULT_BUDGET_FROZEN && code <= PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED) ||
           (code >= PAWL_RESULT_TENANT_CLOSED && code <= PAWL_RESULT_RATE_LIMITED);
}

/* A decision is remembered under its key whichever way it went, so the next one with the same key
 * is answered from there. */
static bool remembered(const struct pawl_command *command)
{
    return pawl_command_decides(command) && command->idempotency_key.bytes > 0;
}

void pawl_fold_remember(struct pawl_fold *fold,
                        const struct pawl_command *command,
                        const struct pawl_result *result,
                        size_t offset,
                        int64_t next_due_us)
{
    fold->active = false;
    if (!type_folds(command->type) || !code_folds(result->code) || remembered(command)) {
        return;
    }
    PAWL_ASSERT(result->op > 0 && result->delta_count == 0);
    pawl_buf_reset(&fold->form);
    pawl_codec_encode_command(&fold->form, command);
    int64_t until_us = result->now_us + FOLD_US;
    int64_t resets_at_us = result->denial.resets_at_us;
    if (resets_at_us > 0 && resets_at_us < until_us) {
        until_us = resets_at_us;
    }
    fold->from_us = result->now_us;
    fold->until_us = until_us < next_due_us ? until_us : next_due_us;
    fold->offset = offset;
    fold->result = *result;
    /* Without memory for the comparison every denial is a record of its own: no harm. */
    fold->active = !fold->form.overflowed;
}

bool pawl_fold_matches(struct pawl_fold *fold, const struct pawl_command *command, int64_t now_us)
{
    if (!fold->active || !type_folds(command->type) || now_us < fold->from_us ||
        now_us >= fold->until_us) {
        return false;
    }
    pawl_buf_reset(&fold->other);
    pawl_codec_encode_command(&fold->other, command);
    return !fold->other.overflowed &&
           pawl_slice_equal(pawl_buf_slice(&fold->form), pawl_buf_slice(&fold->other));
}
