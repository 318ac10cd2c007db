/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recent.c: see recent.h. Sums only grow and stand still between two notes, so what had been spent
 * at some moment is what the last step at or before it says. Where notes come seldom, the list
 * reaches further back than the window, which does no harm.
 */
#include "run/recent.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"

void pawl_recent_init(struct pawl_recent *recent, int64_t started_us)
{
    *recent = (struct pawl_recent){.started_us = started_us};
}

void pawl_recent_add(struct pawl_recent *recent, const struct pawl_recent_call *call)
{
    recent->calls[recent->call_count % PAWL_RECENT_CALLS] = *call;
    recent->call_count++;
    if (recent->dearest.id == 0 || call->microcents > recent->dearest.microcents) {
        recent->dearest = *call;
    }
}

const struct pawl_recent_call *pawl_recent_call_at(const struct pawl_recent *recent, uint32_t index)
{
    if (index >= PAWL_RECENT_CALLS || index >= recent->call_count) {
        return NULL;
    }
    return &recent->calls[(recent->call_count - 1 - index) % PAWL_RECENT_CALLS];
}

/* The clock of the ledger never goes back. */
static int64_t elapsed_ms(const struct pawl_recent *recent, int64_t now_us)
{
    return pawl_max_i64((now_us - recent->started_us) / PAWL_US_PER_MS, 0);
}

void pawl_recent_note(struct pawl_recent *recent,
                      int64_t now_us,
                      const struct pawl_account *account)
{
    int64_t number = elapsed_ms(recent, now_us) / PAWL_PACE_STEP_MS;
    bool same = recent->step_count > 0 && recent->steps[recent->step_count - 1].step >= number;
    if (!same && recent->step_count == PAWL_PACE_STEPS) {
        memmove(&recent->steps[0], &recent->steps[1],
                (PAWL_PACE_STEPS - 1) * sizeof(recent->steps[0]));
        recent->step_count--;
    }
    recent->step_count += same ? 0 : 1;
    struct pawl_recent_step *step = &recent->steps[recent->step_count - 1];
    step->step = number;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        step->spent[i] = account->units[i].spent;
    }
}

/* When the window begins, on the border of a step, and what had been spent by then. */
static int64_t window_start_ms(const struct pawl_recent *recent,
                               int64_t elapsed,
                               int64_t ret_spent[static PAWL_CAP_COUNT])
{
    int64_t first = pawl_max_i64(elapsed - PAWL_PACE_WINDOW_MS, 0) / PAWL_PACE_STEP_MS;
    memset(ret_spent, 0, PAWL_CAP_COUNT * sizeof(ret_spent[0]));
    for (uint32_t i = 0; i < recent->step_count && recent->steps[i].step < first; i++) {
        memcpy(ret_spent, recent->steps[i].spent, sizeof(recent->steps[i].spent));
    }
    return first * PAWL_PACE_STEP_MS;
}

void pawl_recent_pace(const struct pawl_recent *recent,
                      int64_t now_us,
                      const struct pawl_account *account,
                      struct pawl_pace *ret_pace)
{
    int64_t before[PAWL_CAP_COUNT];
    int64_t elapsed = elapsed_ms(recent, now_us);
    int64_t window_ms = elapsed - window_start_ms(recent, elapsed, before);
    window_ms = pawl_max_i64(window_ms, PAWL_PACE_LEAST_MS);
    *ret_pace = (struct pawl_pace){.window_ms = window_ms};
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        int64_t used = account->units[i].spent - before[i];
        int64_t left = pawl_max_i64(account->units[i].limit - account->units[i].spent, 0);
        ret_pace->units[i].left_ms = -1;
        if (i == PAWL_CAP_TIME) {
            ret_pace->units[i].left_ms = account->units[i].limit > 0 ? left : -1;
        } else if (used > 0) {
            if (!pawl_money_mul_div_floor(used, INT64_C(60000), window_ms,
                                          &ret_pace->units[i].per_minute)) {
                ret_pace->units[i].per_minute = PAWL_AMOUNT_MAX;
            }
            if (account->units[i].limit > 0 &&
                !pawl_money_mul_div_floor(left, window_ms, used, &ret_pace->units[i].left_ms)) {
                ret_pace->units[i].left_ms = PAWL_AMOUNT_MAX;
            }
        }
    }
}
