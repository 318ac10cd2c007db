/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.h: removing runs whose policy keeps them for a time only (`history.keep`). It is done beside
 * other things, by whoever comes along: a few at the end of a later run, more by `pawl runs`.
 *
 * A run that is alive, or that was killed and is not settled, is never removed: the lock is taken
 * first, and the end must be on record. The directory goes before the rows of the history, and
 * leaves its name in one step, so whatever is interrupted is taken up by the next one.
 */
#ifndef PAWL_RUN_KEEP_H
#define PAWL_RUN_KEEP_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "history/history.h"
#include "run/datadir.h"

enum { PAWL_KEEP_AFTER_RUN = 8, PAWL_KEEP_BY_READER = 200 };

/* Removes at most `most` runs that are due at `now_us`; says how many. `history` is one for reading
 * that could be written. */
PAWL_MUST_CHECK pawl_err pawl_keep_sweep(const struct pawl_datadir *dir,
                                         struct pawl_history *history,
                                         int64_t now_us,
                                         uint32_t most,
                                         uint32_t *ret_removed,
                                         struct pawl_errmsg *msg);
/* The same behind a run; a failure is the next one's affair. */
void pawl_keep_after_run(const struct pawl_datadir *dir, int64_t now_us);

#endif
