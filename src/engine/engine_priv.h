/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_priv.h: the engine's inside, shared by the files that make it up:
 *
 *   engine.c    life, time, and the reads of engine.h
 *   turn.c      what moves it: jobs are taken back, answers go out, jobs are started
 *   open.c      what a journal says before the first command
 *   submit.c    applying and recording
 *   lookup.c    reading records back
 *   commit.c    jobs of the journal: commits, naming checkpoints, housekeeping
 *   snapshot.c  checkpoints
 *   witness.c   the witness
 *   queue.c     those who wait, and failing
 *
 * A file calls those below it and none above it.
 */
#ifndef PAWL_ENGINE_ENGINE_PRIV_H
#define PAWL_ENGINE_ENGINE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/codec.h"
#include "engine/engine.h"
#include "engine/fold.h"
#include "engine/ledger.h"
#include "engine/slew.h"
#include "engine/worker.h"
#include "journal/checkpoint.h"
#include "journal/files.h"
#include "journal/journal.h"
#include "journal/record.h"
#include "journal/witness.h"

enum {
    ENGINE_MAGIC = 0x50415745,
    /* A batch takes records until it has so many bytes; then the next operation waits for a commit.
     */
    BATCH_BYTES = 16 << 20,
    /* Its buffer always has room for one record more. */
    BATCH_BYTES_MAX = BATCH_BYTES + 2 * PAWL_RECORD_BYTES_MAX,
    /* Commits between two looks at the journal's log, so that a busy one is copied in steps that
     * nobody who waits meanwhile notices much: with 250 requests in each commit that is 2 MB … */
    TIDY_COMMITS = 16,
    /* … and between two looks at its oldest segment, for which all reservations may be gone
     * through. */
    RETENTION_COMMITS = 128,
    SNAPSHOT_SLICE_CHUNKS = 16
};

/* A batch on its way: collecting, or given to the journal's worker. */
struct engine_slot {
    struct pawl_buf blob;
    uint64_t first_op; /* 0: nothing collected yet */
    uint64_t last_op;
};

enum engine_job { JOB_NONE, JOB_COMMIT, JOB_NAME, JOB_TIDY, JOB_RETIRE };

enum snapshot_state {
    SNAPSHOT_NONE,
    SNAPSHOT_BEGUN,     /* the core hands out chunks; the batch that ends with it is on its way */
    SNAPSHOT_STREAMING, /* the file is open */
    SNAPSHOT_DURABLE    /* the file has its name; the journal does not know it yet */
};

enum side_job { SIDE_NONE, SIDE_BEGIN, SIDE_SLICE, SIDE_FINISH, SIDE_REMOVE };

struct engine_snapshot {
    enum snapshot_state state;
    uint64_t named_op; /* of the newest one that the journal names */
    uint64_t tried_op; /* from it on operations count to the next one: that, or one given up */
    uint64_t op;       /* of the one under way */
    struct pawl_journal_hash hash;
    char *root; /* owned: its bytes as they were */
    size_t root_bytes;
    size_t root_capacity;
    char *chunks; /* owned: SNAPSHOT_SLICE_CHUNKS of them */
    uint32_t numbers[SNAPSHOT_SLICE_CHUNKS];
    uint32_t chunk_count;
    bool handed_out;
    bool last; /* the ledger is closed behind it */
    struct pawl_checkpoint_writer *writer;
    struct pawl_journal_checkpoint row;
    char obsolete[64]; /* a file that the journal no longer names; empty: none */
};

struct pawl_engine {
    struct pawl_authority authority; /* first: the authority's functions cast back */
    uint32_t magic;
    bool poisoned;
    bool advancing; /* turn, collect or flush is on the stack */
    struct pawl_engine_options options;
    const struct pawl_files *files;
    struct pawl_journal *journal;
    struct pawl_ledger ledger;
    struct pawl_slew slew;
    struct pawl_codec_scratch *scratch; /* owned: for records read back here */
    const struct pawl_id_turn *id_turns;
    uint32_t id_turn_count;
    uint16_t own_code; /* what the engine's own last command gave */
    uint32_t supplied; /* commands that the core has memory for already */
    char dir[PAWL_PATH_BYTES_MAX];

    /* Batches. */
    struct engine_slot slots[2];
    uint32_t collecting;   /* which of them */
    uint64_t both_records; /* the most that two in a row had lately (commit.c) */
    struct pawl_fold fold;
    struct pawl_worker journal_worker;
    enum engine_job job;
    struct pawl_journal_batch batch; /* of the last JOB_COMMIT, its blob while there is one */
    int64_t commit_us;               /* how long it took, with options.durable_batch; the job's */
    uint64_t wanted_op;              /* the last one that somebody waits for */
    int64_t lazy_due_us;             /* when what has collected is written in any case; see J16 */
    uint64_t durable_op;
    struct pawl_journal_hash durable_hash;
    uint32_t commits_since_tidy;
    uint32_t commits_since_retention;
    bool retire_due; /* whether a segment has been kept long enough is to be looked at */
    enum pawl_journal_retired retired; /* of JOB_RETIRE */
    int64_t retire_now_us;             /* of JOB_RETIRE */

    /* Those who wait, in the order in which they asked. */
    struct pawl_op *waiting_first;
    struct pawl_op *waiting_last;
    uint32_t waiting_count;
    uint64_t lapsed_holds; /* for metrics */

    /* Checkpoints. */
    struct pawl_worker side_worker;
    enum side_job side_job;
    struct engine_snapshot snapshot;

    /* The witness, on a worker of its own: the sync of a checkpoint can take longer than the
     * second that it has (J11). */
    struct pawl_worker witness_worker;
    bool witness_writing;
    struct pawl_witness witness;      /* the newest that is on disk */
    struct pawl_witness witness_next; /* the one that is being written */
    int64_t witness_due_us;           /* INT64_MAX: nothing to say */

    struct pawl_buf lookup; /* the batch that pawl_engine_original handed a record out of */
};

/* queue.c */
/* `op` is answered once `needs_op` is durable. */
void pawl_engine_enqueue(struct pawl_engine *engine, struct pawl_op *op, uint64_t needs_op);
/* Answers whom it can. false: nobody. */
bool pawl_engine_answer_ready(struct pawl_engine *engine);
/* Stops for good and says why (J2). */
void pawl_engine_fail(struct pawl_engine *engine, pawl_err err, const struct pawl_errmsg *msg);

/* submit.c */
/* Applies and records a command of the engine's own; nobody waits for it. */
void pawl_engine_apply_own(struct pawl_engine *engine, const struct pawl_command *command);

/* commit.c */
/* Whether the next commit is the thread's. */
bool pawl_engine_commits_on_thread(const struct pawl_engine *engine);
/* Whether what has collected is to be committed now: somebody waits for it, or it has waited long
 * enough (J16), by the time that was read last. */
bool pawl_engine_commit_is_due(const struct pawl_engine *engine);
/* In the middle of a turn: starts the commit of a large batch. */
void pawl_engine_commit_early(struct pawl_engine *engine);
/* Starts what is most due, if no job is under way. */
bool pawl_engine_start_job(struct pawl_engine *engine);
bool pawl_engine_finish_job(struct pawl_engine *engine);
/* The journal's retention is looked at when it has nothing else to do. */
void pawl_engine_look_at_retention(struct pawl_engine *engine);
/* Makes everything up to `op` durable, waiting for it, without answering anybody. */
void pawl_engine_make_durable(struct pawl_engine *engine, uint64_t op);

/* snapshot.c */
/* Begins one with the state as it is. false: no memory for it. */
bool pawl_snapshot_begin(struct pawl_engine *engine);
/* At the end of a batch, before it is given away: begins a checkpoint when one is due. */
void pawl_snapshot_at_batch_end(struct pawl_engine *engine);
/* A batch is durable. */
void pawl_snapshot_note_durable(struct pawl_engine *engine);
/* Takes finished jobs of the side worker and the witness's. */
bool pawl_snapshot_finish_job(struct pawl_engine *engine);
bool pawl_snapshot_start_job(struct pawl_engine *engine);
/* Before the journal is told about a checkpoint: which one it will forget. */
void pawl_snapshot_note_obsolete(struct pawl_engine *engine);
/* The journal knows it now. */
void pawl_snapshot_named(struct pawl_engine *engine);
int64_t pawl_snapshot_next_due_us(const struct pawl_engine *engine);
void pawl_snapshot_free(struct pawl_engine *engine);

/* witness.c */
/* A batch is durable: sets when the witness is due, unless it is set. */
void pawl_engine_witness_note_durable(struct pawl_engine *engine);
/* It is due at once, if it lags. */
void pawl_engine_witness_hurry(struct pawl_engine *engine);
/* When a turn has to come for it. INT64_MAX: it says what is durable, or is being written, of which
 * the worker tells the end. */
int64_t pawl_engine_witness_next_due_us(const struct pawl_engine *engine);
bool pawl_engine_witness_start_job(struct pawl_engine *engine);
bool pawl_engine_witness_finish_job(struct pawl_engine *engine);
/* At the end, when no job is under way: writes what is durable, unless it says so already. */
PAWL_MUST_CHECK pawl_err pawl_engine_witness_write_last(struct pawl_engine *engine,
                                                        struct pawl_errmsg *msg);

/* open.c */
PAWL_MUST_CHECK pawl_err pawl_engine_load(struct pawl_engine *engine, struct pawl_errmsg *msg);

#endif
