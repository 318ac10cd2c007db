/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote.c: what a subject could still take. It asks the admission rule for nothing at all, so
 * its code is the one that a reserve would get, and its numbers are those that a refusal would
 * show. A quote is a read; whoever wants certainty reserves.
 */
#include "core/ops.h"
#include "core/table.h"

/* Folds one budget into the quote of its unit. */
static void quote_add(const struct pawl_core *core,
                      int64_t now_us,
                      const struct pawl_stand *stand,
                      struct pawl_quote *quote)
{
    int64_t remaining = pawl_stand_remaining(stand);
    int64_t headroom = stand->allocated - stand->spent - stand->debt;
    PAWL_ASSERT(headroom == remaining + stand->reserved);
    PAWL_ASSERT(stand->current);
    if (!quote->bound || headroom < quote->headroom) {
        quote->headroom = headroom;
    }
    if (!quote->bound || remaining < quote->remaining) {
        quote->budget = pawl_id_make(0, stand->budget);
        quote->remaining = remaining;
        quote->held = stand->reserved;
        quote->limit = stand->allocated;
        quote->spent = stand->spent;
        int64_t start_us = 0;
        int64_t end_us = 0;
        pawl_stand_bounds(core, stand, now_us, &start_us, &end_us);
        quote->resets_at_us = end_us != INT64_MAX ? end_us : 0;
    }
    quote->bound = true;
}

uint16_t pawl_core_quote(const struct pawl_core *core,
                         int64_t now_us,
                         const struct pawl_subject *subject,
                         struct pawl_slice phase,
                         const uint16_t *units,
                         uint32_t unit_count,
                         struct pawl_quote *ret_quotes,
                         struct pawl_denial *ret_denial)
{
    PAWL_ASSERT(now_us >= core->state.now_us);
    PAWL_ASSERT(unit_count >= 1);
    PAWL_ASSERT(unit_count <= PAWL_LINES_MAX);
    struct pawl_amount lines[PAWL_LINES_MAX];
    for (uint32_t i = 0; i < unit_count; i++) {
        lines[i] = (struct pawl_amount){.unit = units[i], .value = 0};
        ret_quotes[i] = (struct pawl_quote){.bound = false};
    }
    struct pawl_denial denial = {.budget = 0};
    struct pawl_admission admission;
    uint16_t code = PAWL_RESULT_INVALID_REQUEST;
    if (pawl_shape_subject_ok(subject) && phase.bytes <= PAWL_NAME_BYTES_MAX) {
        struct pawl_subject_path path;
        pawl_subject_path(core, subject, &path);
        pawl_subject_guess(core, &path);
        code = pawl_admit_gather(core, now_us, &path, phase, lines, unit_count, PAWL_GATES_ALL,
                                 &admission);
    }
    if (code == PAWL_RESULT_OK) {
        for (uint32_t i = 0; i < admission.row_count; i++) {
            quote_add(core, now_us, &admission.rows[i].stand, &ret_quotes[admission.rows[i].line]);
        }
        code = pawl_admit_check(core, now_us, &admission, lines, PAWL_GATES_ALL, &denial);
    }
    if (ret_denial != NULL) {
        *ret_denial = denial;
    }
    return code;
}
