/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slew.h: the ledger's clock. It starts at the later of the journal's last time and real time,
 * runs with the clock that counts since boot, and is drawn towards real time by at most
 * 500 parts per million: half a millisecond a second. It never goes back, so nothing that has
 * expired comes back, and it never jumps, so nothing expires at once because somebody set the
 * clock.
 */
#ifndef PAWL_ENGINE_SLEW_H
#define PAWL_ENGINE_SLEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/clock.h"
#include "base/err.h"

struct pawl_slew {
    struct pawl_clock clock;
    int64_t now_us;  /* the ledger's time, as of the last reading */
    int64_t boot_us; /* of the last reading */
    int64_t real_us;
    int64_t credit;  /* of drawing, in millionths of a microsecond: what was not a whole one */
    int64_t step_us; /* the last step of real time that nobody has asked for yet; 0: none */
};

/* journal_us 0: there is no journal yet. CLOCK: real time is over 24 h ahead of the journal or over
 * 5 min behind, and `accept` is false. */
PAWL_MUST_CHECK pawl_err pawl_slew_start(struct pawl_slew *slew,
                                         struct pawl_clock clock,
                                         int64_t journal_us,
                                         bool accept,
                                         struct pawl_errmsg *msg);
int64_t pawl_slew_now_us(struct pawl_slew *slew);
/* Whether real time stepped by more than a minute since the last call; by how much. */
bool pawl_slew_stepped(struct pawl_slew *slew, int64_t *ret_step_us);

#endif
