/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h: the durable, ordered log of commands and their results, as a table of effects.
 * The engine knows only this table; sqlite.c is the one implementation now, and tests put others
 * behind it.
 *
 * A batch is what one commit makes durable: a blob of records (record.h), numbered by the
 * operations in it and chained: hash = SHA-256(previous hash, blob). Contract:
 *   J1  append returns OK only when the batch is on stable storage
 *   J2  after an append failed, nothing more is written: the journal is poisoned
 *   J3  batches are read back in order, without gaps, each hash the successor of the one before
 *   J4  what was acknowledged before a crash is there after it; what was not may be there or not,
 *       whole or not at all
 * The byte layout, the crash argument and all numbered invariants are in docs/JOURNAL.md.
 *
 * One thread at a time: whoever calls from two must order the calls.
 */
#ifndef PAWL_JOURNAL_JOURNAL_H
#define PAWL_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "journal/files.h"

enum { PAWL_JOURNAL_HASH_BYTES = 32 };

struct pawl_journal_hash {
    uint8_t bytes[PAWL_JOURNAL_HASH_BYTES];
};

struct pawl_journal_head {
    uint64_t first_op;             /* the oldest operation still here; 0: empty */
    uint64_t last_op;              /* 0: empty */
    struct pawl_journal_hash hash; /* of the last batch; all zero when empty */
};

struct pawl_journal_batch {
    uint64_t first_op;
    uint64_t last_op;
    struct pawl_slice blob; /* record.h */
    struct pawl_journal_hash previous;
    struct pawl_journal_hash hash;
};

struct pawl_journal_checkpoint {
    uint64_t op;                   /* the state after this operation */
    struct pawl_journal_hash hash; /* of the journal at that operation */
    uint64_t digest;               /* of the state */
    char file[64];                 /* name inside the directory */
};

/* How long segments are kept: until they are older or all of them are larger than this, and the
 * checkpoints cover them (J15). */
struct pawl_journal_retention {
    bool keep_all;      /* nothing is ever removed */
    int64_t age_us;     /* since the segment's last operation; 0: 30 days */
    int64_t bytes_max;  /* of all segments; 0: 20 GiB */
    int64_t needed_us;  /* whatever the size, a segment whose last operation is younger stays */
    uint64_t needed_op; /* likewise one that has this operation or a later one; 0: none is needed */
};

enum pawl_journal_retired {
    PAWL_JOURNAL_KEPT,
    PAWL_JOURNAL_NEEDED, /* kept because of `needed_op` alone */
    PAWL_JOURNAL_REMOVED /* gone, and another one may have to go */
};

struct pawl_journal;

/* Called for each batch; false stops the reading early (which is no error). */
typedef bool pawl_journal_batch_fn(void *arg, const struct pawl_journal_batch *batch);

struct pawl_journal_ops {
    /* Makes the batch durable. It continues the head: first_op, previous and hash are asserted.
     * May run on a thread of its own, never two at once, and never beside another call. */
    pawl_err (*append)(struct pawl_journal *journal,
                       const struct pawl_journal_batch *batch,
                       struct pawl_errmsg *msg);
    /* Every batch that holds an operation >= from_op, in order, chain and checksums verified.
     * What is handed out is borrowed for the call. NOT_FOUND when from_op is older than what is
     * here. */
    pawl_err (*read)(struct pawl_journal *journal,
                     uint64_t from_op,
                     pawl_journal_batch_fn *fn,
                     void *arg,
                     struct pawl_errmsg *msg);
    struct pawl_journal_head (*head)(const struct pawl_journal *journal);
    /* Names a checkpoint file that is already durable, and forgets all but the newest two. The
     * caller removes the files of those that are no longer named. */
    pawl_err (*add_checkpoint)(struct pawl_journal *journal,
                               const struct pawl_journal_checkpoint *checkpoint,
                               struct pawl_errmsg *msg);
    /* The newest first; false: no more. */
    bool (*checkpoint)(const struct pawl_journal *journal,
                       uint32_t index,
                       struct pawl_journal_checkpoint *ret_checkpoint);
    /* Housekeeping between batches, when the engine is idle. */
    pawl_err (*idle)(struct pawl_journal *journal, struct pawl_errmsg *msg);
    /* Removes the oldest segment if it has been kept long enough at `now_us` of the ledger's
     * time. */
    pawl_err (*retire)(struct pawl_journal *journal,
                       const struct pawl_journal_retention *retention,
                       int64_t now_us,
                       enum pawl_journal_retired *ret_retired,
                       struct pawl_errmsg *msg);
    void (*close)(struct pawl_journal *journal);
};

struct pawl_journal {
    const struct pawl_journal_ops *ops;
};

struct pawl_journal_sqlite_options {
    const char *dir; /* exists; files are made inside it */
    bool create;     /* make a new journal (EXISTS if there is one), else open (NOT_FOUND) */
    bool read_only;  /* for verify: writes nothing at all */
    bool allow_any_filesystem;      /* tests: network and memory file systems too */
    const char *vfs;                /* NULL: the default one; tests name a shim */
    int64_t segment_bytes_max;      /* 0: 1 GiB */
    const struct pawl_files *files; /* everything but SQLite's files; NULL: the machine's */
};

PAWL_MUST_CHECK pawl_err pawl_journal_sqlite_open(const struct pawl_journal_sqlite_options *options,
                                                  struct pawl_journal **ret_journal,
                                                  struct pawl_errmsg *msg);

/* hash = SHA-256(previous, blob). */
struct pawl_journal_hash pawl_journal_chain(struct pawl_journal_hash previous,
                                            struct pawl_slice blob);

#endif
