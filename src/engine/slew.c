/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slew.c: see slew.h.
 *
 * Invariants:
 *   S1  a reading is never below the one before
 *   S2  between two readings the clock runs within 500 ppm of the boot clock, to a microsecond
 *   S3  only the fraction of a microsecond is carried over from reading to reading, so that a
 *       clock which was right for a year has not saved up a year's correction
 */
#include "engine/slew.h"

#include "base/assert.h"
#include "core/core.h"

#define DRAW_PPM      INT64_C(500)
#define MILLION       INT64_C(1000000)
#define AHEAD_US_MAX  (INT64_C(24) * 3600 * PAWL_US_PER_SECOND)
#define BEHIND_US_MAX (INT64_C(5) * 60 * PAWL_US_PER_SECOND)
#define STEP_US_MIN   (INT64_C(60) * PAWL_US_PER_SECOND)
/* One reading draws at most as if so much time had passed: guards the product below. */
#define ELAPSED_US_MAX (INT64_C(366) * 24 * 3600 * PAWL_US_PER_SECOND)

/* The last time at which a ledger starts: centuries from now, and a year before its last one. */
#define START_US_MAX (PAWL_NOW_US_MAX - ELAPSED_US_MAX)

static void tell_distance(int64_t journal_us, int64_t real_us, struct pawl_errmsg *msg)
{
    char real[PAWL_CLOCK_TEXT_BYTES];
    char last[PAWL_CLOCK_TEXT_BYTES];
    pawl_errmsg_set(msg,
                    "the clock says %s, the journal ends at %s. If the clock is right, start "
                    "once with --accept-clock",
                    pawl_clock_format_utc(real_us, real), pawl_clock_format_utc(journal_us, last));
}

pawl_err pawl_slew_start(struct pawl_slew *slew,
                         struct pawl_clock clock,
                         int64_t journal_us,
                         bool accept,
                         struct pawl_errmsg *msg)
{
    int64_t real_us = clock.real_us(clock.arg);
    PAWL_ASSERT(journal_us >= 0 && journal_us <= PAWL_NOW_US_MAX);
    if (real_us > START_US_MAX || journal_us > START_US_MAX) {
        pawl_errmsg_set(msg, "the clock or the journal's end is in the year 2515 or later, which "
                             "is more than the ledger can count");
        return PAWL_ERR(CLOCK);
    }
    bool far = real_us > journal_us + AHEAD_US_MAX || real_us < journal_us - BEHIND_US_MAX;
    if (journal_us > 0 && far && !accept) {
        tell_distance(journal_us, real_us, msg);
        return PAWL_ERR(CLOCK);
    }
    *slew = (struct pawl_slew){.clock = clock,
                               .now_us = real_us > journal_us ? real_us : journal_us,
                               .boot_us = clock.boot_us(clock.arg),
                               .real_us = real_us};
    return PAWL_OK;
}

/* By how much the ledger's clock is drawn after `elapsed_us`. */
static int64_t draw(struct pawl_slew *slew, int64_t elapsed_us, int64_t distance_us)
{
    PAWL_ASSERT(elapsed_us > 0 && elapsed_us <= ELAPSED_US_MAX);
    PAWL_ASSERT(slew->credit >= 0 && slew->credit < MILLION); /* S3 */
    int64_t credit = slew->credit + elapsed_us * DRAW_PPM;
    int64_t most_us = credit / MILLION;
    slew->credit = credit % MILLION; /* S3 */
    if (distance_us > most_us) {
        return most_us;
    }
    return distance_us < -most_us ? -most_us : distance_us;
}

int64_t pawl_slew_now_us(struct pawl_slew *slew)
{
    int64_t boot_us = slew->clock.boot_us(slew->clock.arg);
    int64_t real_us = slew->clock.real_us(slew->clock.arg);
    int64_t elapsed_us = boot_us - slew->boot_us;
    if (elapsed_us <= 0) {
        return slew->now_us;
    }
    elapsed_us = elapsed_us < ELAPSED_US_MAX ? elapsed_us : ELAPSED_US_MAX;
    int64_t step_us = (real_us - slew->real_us) - elapsed_us;
    if (step_us > STEP_US_MIN || step_us < -STEP_US_MIN) {
        slew->step_us = step_us;
    }
    slew->boot_us = boot_us;
    slew->real_us = real_us;
    int64_t moved_us = slew->now_us + elapsed_us;
    int64_t next_us = moved_us + draw(slew, elapsed_us, real_us - moved_us);
    /* S1: drawing back never takes more than the elapsed time, since 500 ppm is less than all of
     * it; the carried fraction can make it one microsecond. */
    slew->now_us = next_us > slew->now_us ? next_us : slew->now_us;
    PAWL_ASSERT(slew->now_us >= moved_us - elapsed_us); /* S1 */
    return slew->now_us;
}

bool pawl_slew_stepped(struct pawl_slew *slew, int64_t *ret_step_us)
{
    if (slew->step_us == 0) {
        return false;
    }
    *ret_step_us = slew->step_us;
    slew->step_us = 0;
    return true;
}
