/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h: core and journal together. Commands are applied at once, in order; their records
 * collect in a batch; a batch becomes durable in one commit; only then do the answers go out. While
 * one batch is being written the next one collects, so an idle engine answers at the speed of one
 * sync and a busy one shares it among many.
 *
 * The host calls pawl_engine_turn at the end of each turn of its loop, and pawl_engine_collect
 * when `wake` told it that a commit on the thread has ended. A failed commit is final: the reason
 * is told through `fatal`, which does not return in a real process.
 *
 * Everything but the commit itself runs on the thread that opened the engine.
 */
#ifndef PAWL_ENGINE_ENGINE_H
#define PAWL_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "core/core.h"
#include "engine/authority.h"
#include "journal/journal.h"
#include "journal/record.h"

struct pawl_engine;

/* Kinds of NOTE from here on are the engine's own. */
enum {
    PAWL_ENGINE_NOTE_FIRST = 0xff00,
    PAWL_ENGINE_NOTE_CLOCK_STEP = 0xff00,
    PAWL_ENGINE_NOTE_ALIVE = 0xff01
};

enum pawl_commit_mode {
    PAWL_COMMIT_INLINE, /* in pawl_engine_turn: fewest switches, holds the loop for one sync */
    PAWL_COMMIT_THREAD  /* on a thread of its own while something flows, else as INLINE */
};

struct pawl_engine_options {
    struct pawl_journal *journal; /* taken: closed with the engine */
    const char *dir;              /* the journal's directory, for checkpoints and the witness */
    struct pawl_clock clock;
    bool accept_clock; /* open even if real time is far from the journal's */
    enum pawl_commit_mode commit_mode;
    /* Whether the host's loop has anything to do that a sync must not hold up, like a stream under
     * way. Asked before each commit of THREAD: two changes of threads cost a lone caller about as
     * much as half a sync. NULL: always. */
    bool (*flowing)(void *arg);
    void *flowing_arg;
    /* A commit, or a slice of a checkpoint, has ended; called on that thread. May be NULL with
     * INLINE: the host's timer then does what is left. */
    void (*wake)(void *arg);
    void *wake_arg;
    /* Each record once it is durable, in order, for history. Borrowed for the call. NULL: nobody.
     */
    void (*durable)(void *arg, const struct pawl_record *record);
    void *durable_arg;
    /* The same, a batch at a time and as it lies in the journal: for who reads it on a thread of
     * its own. Borrowed for the call. NULL: nobody. */
    void (*durable_batch)(void *arg, const struct pawl_journal_batch *batch);
    void *durable_batch_arg;
    /* While the journal is replayed at the start, now and then. NULL: nobody. */
    void (*progress)(void *arg, uint64_t op, uint64_t last_op);
    void *progress_arg;
    /* Must not return, except in tests: then the engine is poisoned and answers nothing more. */
    void (*fatal)(void *arg, pawl_err err, const struct pawl_errmsg *msg);
    void *fatal_arg;
    /* Of a new ledger; ignored when the journal has one (pawl_engine_configure). NULL: defaults. */
    const struct pawl_config *config;
    uint64_t checkpoint_every_ops; /* 0: 200,000 */
    /* After so long without a command a tick records one of its own, so that the journal's end is
     * not far from the clock as long as the process is there. 0: never. */
    int64_t alive_every_us;
    /* How long the journal's segments are kept. Zero: 30 days or 20 GiB, whichever comes first. */
    struct pawl_journal_retention retention;
    /* No segment goes from which a repeat of a key that is remembered would be answered, or that
     * has the record of a reservation that is open, whatever the size of all of them. */
    bool keep_answers;
    /* Where checkpoints and the witness go; NULL: the machine's files. */
    const struct pawl_files *files;
    /* No thread at all, not even for checkpoints and the witness: for the simulator. */
    bool single_threaded;
};

/* Replays the journal (newest checkpoint, then the tail) and is ready. On failure the journal
 * is closed. */
PAWL_MUST_CHECK pawl_err pawl_engine_open(const struct pawl_engine_options *options,
                                          struct pawl_engine **ret_engine,
                                          struct pawl_errmsg *msg);
/* Commits what is collected, answers it, and frees everything. */
void pawl_engine_close(struct pawl_engine *engine);

/* The defaults, with fresh random keys. */
struct pawl_config pawl_engine_default_config(void);

/* Other maxima, or times of keys, from now on; it is in the journal with the next batch. All else
 * of `config` is as pawl_core_config has it. false: the ledger refused, since more is in use, or
 * keys are remembered for longer; or without memory. */
PAWL_MUST_CHECK bool pawl_engine_configure(struct pawl_engine *engine,
                                           const struct pawl_config *config);

struct pawl_authority *pawl_engine_authority(struct pawl_engine *engine);

/* Applies now, answers later. Texts are borrowed for the call only. */
void pawl_engine_submit(struct pawl_engine *engine,
                        const struct pawl_command *command,
                        struct pawl_op *op);
/* Answers when all that was applied so far is durable: for reads. op->result is left alone. */
void pawl_engine_barrier(struct pawl_engine *engine, struct pawl_op *op);
/* Starts the commit of what has collected, unless one is under way; answers what is durable.
 * Submitting, also from inside `done`, is allowed; turn, collect and flush inside `done` do
 * nothing, closing is a bug. */
void pawl_engine_turn(struct pawl_engine *engine);
/* Answers what has become durable; starts the next commit if there is something. */
void pawl_engine_collect(struct pawl_engine *engine);
/* Commits until nothing is left, answering all of it. For the end and for tools. */
void pawl_engine_flush(struct pawl_engine *engine);
/* Expires what is due (one slice); the host's timer calls it at pawl_engine_next_due_us, and
 * then, as always, turn. In the ledger's time; INT64_MAX: nothing is due. Ask again after
 * each turn. */
void pawl_engine_tick(struct pawl_engine *engine);
int64_t pawl_engine_next_due_us(const struct pawl_engine *engine);
/* For metrics. */
struct pawl_engine_stats {
    uint64_t op;            /* applied */
    uint64_t durable_op;    /* written */
    uint64_t checkpoint_op; /* of the newest checkpoint; 0: none */
    uint64_t lapsed_holds;  /* since the start: ended by themselves, settled by nobody in time */
    uint32_t waiting;       /* operations that wait for their answer */
};
void pawl_engine_stats(const struct pawl_engine *engine, struct pawl_engine_stats *ret_stats);
/* Inside of durable_batch: how long the batch took to be written. */
int64_t pawl_engine_commit_us(const struct pawl_engine *engine);
/* Whether a failure stopped it for good: nothing is applied, committed or answered any more. */
bool pawl_engine_poisoned(const struct pawl_engine *engine);

/* For reads: the state as of the last applied operation, and the engine's time. */
const struct pawl_core *pawl_engine_core(const struct pawl_engine *engine);
int64_t pawl_engine_now_us(struct pawl_engine *engine);
/* The last durable operation. */
uint64_t pawl_engine_durable_op(const struct pawl_engine *engine);
/* The oldest operation that can still be read back; 0: none. Waits for a commit under way. */
uint64_t pawl_engine_first_op(struct pawl_engine *engine);
/* The original answer behind a replayed result, read back from the journal. It may have to wait for
 * a commit. The record is borrowed until the next call. NOT_FOUND: older than what is here. */
PAWL_MUST_CHECK pawl_err pawl_engine_original(struct pawl_engine *engine,
                                              uint64_t op,
                                              struct pawl_codec_scratch *scratch,
                                              struct pawl_record *ret_record,
                                              struct pawl_errmsg *msg);
/* Every durable record from from_op on, in order, until fn says false: for history to catch up.
 * Each is borrowed for the call. */
typedef bool pawl_engine_record_fn(void *arg, const struct pawl_record *record);
PAWL_MUST_CHECK pawl_err pawl_engine_records(struct pawl_engine *engine,
                                             uint64_t from_op,
                                             pawl_engine_record_fn *fn,
                                             void *arg,
                                             struct pawl_errmsg *msg);
/* The same by whole batches, from the one that holds from_op: for who keeps up by durable_batch and
 * left some out. To read a piece at a time, fn says false when it has enough and the next call goes
 * on behind the last batch that it got. An operation that is not durable yet is not waited for.
 * NOT_FOUND: from_op is older than what is here. */
PAWL_MUST_CHECK pawl_err pawl_engine_batches(struct pawl_engine *engine,
                                             uint64_t from_op,
                                             pawl_journal_batch_fn *fn,
                                             void *arg,
                                             struct pawl_errmsg *msg);
/* Commits what is collected and writes a checkpoint to its end, unless the newest one has all. */
PAWL_MUST_CHECK pawl_err pawl_engine_checkpoint(struct pawl_engine *engine,
                                                struct pawl_errmsg *msg);
/* The same before the engine is closed, which is all that it is fit for then. A disk that is full
 * does not stop it. TIMEOUT: `cut` (NULL: never), which is asked again and again meanwhile, said
 * true. */
PAWL_MUST_CHECK pawl_err pawl_engine_checkpoint_last(struct pawl_engine *engine,
                                                     bool (*cut)(void *arg),
                                                     void *arg,
                                                     struct pawl_errmsg *msg);

/* --- Ids of reservations on the outside: "rsv_" + base32(shard, operation, MAC) --------------- */

enum { PAWL_ID_TEXT_BYTES = 40 };

/* A ledger that was restored counts on from the copy: its operations have numbers that others had
 * in the time that is lost. Behind `after_op` its ids have check digits of their own. */
struct pawl_id_turn {
    uint64_t after_op;
    uint64_t salt;
};
/* Ascending; borrowed while the engine is open. Before the first id is made or read. */
void pawl_engine_id_turns(struct pawl_engine *engine,
                          const struct pawl_id_turn *turns,
                          uint32_t count);
/* Of the ids that are made from now on, which is another one after each restore: for what must not
 * outlive one either. */
struct pawl_hash_key pawl_engine_id_key(const struct pawl_engine *engine);
const char *pawl_engine_id_format(const struct pawl_engine *engine,
                                  uint64_t op,
                                  char out[static PAWL_ID_TEXT_BYTES]);
/* false: not an id of ours (a forged or mistyped one). */
PAWL_MUST_CHECK bool
pawl_engine_id_parse(const struct pawl_engine *engine, struct pawl_slice text, uint64_t *ret_op);

/* --- Verification ----------------------------------------------------------------------------- */

struct pawl_verify_report {
    uint64_t first_op;
    uint64_t replayed_from_op; /* results before it were not compared: their segments are gone, or
                                * other rules gave others */
    uint64_t last_op;
    uint64_t batches;
    struct pawl_journal_hash hash;
    uint64_t digest;
    bool results_compared; /* up to last_op; false: other rules gave others, and no checkpoint
                            * follows */
};

/* Reads a directory without changing it: chain, witness, checkpoints, replay with every result
 * compared, audit. `expect_op` 0: no external anchor. */
struct pawl_verify_options {
    const char *dir;
    uint64_t expect_op;
    struct pawl_journal_hash expect_hash;
    void (*progress)(void *arg, uint64_t op, uint64_t last_op);
    void *arg;
    bool allow_any_filesystem;      /* as in the journal's options */
    const char *vfs;                /* NULL: the default one */
    const struct pawl_files *files; /* NULL: the machine's */
};
PAWL_MUST_CHECK pawl_err pawl_engine_verify(const struct pawl_verify_options *options,
                                            struct pawl_verify_report *ret_report,
                                            struct pawl_errmsg *msg);

#endif
