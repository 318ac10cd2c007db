/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h: from a journal to a ledger: the newest checkpoint that is sound, then every record
 * after it, applied again and compared with what it gave the first time (J9).
 */
#ifndef PAWL_ENGINE_REPLAY_H
#define PAWL_ENGINE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/codec.h"
#include "engine/ledger.h"
#include "journal/files.h"
#include "journal/journal.h"

struct pawl_replay {
    struct pawl_ledger *ledger;         /* borrowed */
    struct pawl_codec_scratch *scratch; /* owned */
    struct pawl_result *result;         /* owned */
    struct pawl_buf bytes;
    bool differed; /* it stopped at another result than the recorded one */
    /* Behind each batch of the tail. NULL, as after init: nobody. */
    void (*progress)(void *arg, uint64_t op, uint64_t last_op);
    void *progress_arg;
};

/* false: no memory. */
PAWL_MUST_CHECK bool pawl_replay_init(struct pawl_replay *replay, struct pawl_ledger *ledger);
void pawl_replay_free(struct pawl_replay *replay);

/* Loads a checkpoint's file into a ledger that is fresh from init. On failure the ledger is a
 * fresh one again. VERSION: written under newer rules, or with another layout of the state. */
PAWL_MUST_CHECK pawl_err pawl_replay_restore(struct pawl_ledger *ledger,
                                             const struct pawl_files *files,
                                             const char *dir,
                                             const struct pawl_journal_checkpoint *row,
                                             struct pawl_errmsg *msg);
/* Applies a batch's records that the ledger has not yet. VERSION: recorded under newer rules, or
 * under older ones that gave another result. CORRUPT: out of order, or another result than the one
 * that was recorded under the same rules. */
PAWL_MUST_CHECK pawl_err pawl_replay_batch(struct pawl_replay *replay,
                                           const struct pawl_journal_batch *batch,
                                           struct pawl_errmsg *msg);
/* Checkpoint and tail. A damaged checkpoint is told (log.h) and passed over. */
PAWL_MUST_CHECK pawl_err pawl_replay_journal(struct pawl_replay *replay,
                                             struct pawl_journal *journal,
                                             const struct pawl_files *files,
                                             const char *dir,
                                             struct pawl_errmsg *msg);

#endif
