/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.h: the reader's side of a run that nobody runs any more. Its process was killed: what was
 * acknowledged is in its journal, its open holds stand for calls that the provider may have billed,
 * and the history may lack the last records. Settling takes the run's lock, replays, books the open
 * holds in full as unconfirmed, ends the session as killed, and writes to the history what it
 * lacks. Doing it twice changes nothing.
 */
#ifndef PAWL_RUN_SETTLE_H
#define PAWL_RUN_SETTLE_H

#include "base/attrs.h"
#include "base/err.h"
#include "history/history.h"
#include "run/datadir.h"

enum pawl_settle_outcome {
    PAWL_SETTLE_WAS_ENDED = 1, /* there was nothing to do */
    PAWL_SETTLE_ALIVE,         /* its process runs; ask it (live.h) */
    PAWL_SETTLE_SETTLED
};

/* `history` is the data directory's, opened for reading. A run that has ended but is not in it (its
 * file was deleted, say) is written to it again from its journal. */
PAWL_MUST_CHECK pawl_err pawl_settle_run(const struct pawl_datadir *dir,
                                         struct pawl_history *history,
                                         const char *id,
                                         enum pawl_settle_outcome *ret_outcome,
                                         struct pawl_errmsg *msg);
/* All of them: for the list. A run that cannot be settled does not keep the others from it;
 * `trouble` hears of each such one and may be NULL. */
typedef void pawl_settle_trouble_fn(void *arg, const char *id, const struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_settle_all(const struct pawl_datadir *dir,
                                         struct pawl_history *history,
                                         pawl_settle_trouble_fn *trouble,
                                         void *arg,
                                         struct pawl_errmsg *msg);

#endif
