/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h: the file that holds the ledger's state after some operation. The format is in
 * docs/JOURNAL.md. It says nothing about what is in the chunks; the core does.
 *
 * The writer may be used on another thread than the journal. Its file exists under its own
 * name only after finish returned; the journal's row comes after that (J10).
 */
#ifndef PAWL_JOURNAL_CHECKPOINT_H
#define PAWL_JOURNAL_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"
#include "journal/files.h"
#include "journal/journal.h"

struct pawl_checkpoint_writer;

struct pawl_checkpoint_start {
    uint64_t op;
    uint32_t rules_version;
    uint32_t chunk_bytes;
    struct pawl_journal_hash hash; /* of the journal at op */
    struct pawl_slice root;        /* borrowed for the call */
};

PAWL_MUST_CHECK pawl_err pawl_checkpoint_begin(const struct pawl_files *files,
                                               const char *dir,
                                               const struct pawl_checkpoint_start *start,
                                               struct pawl_checkpoint_writer **ret_writer,
                                               struct pawl_errmsg *msg);
/* chunk_bytes of them, borrowed for the call. */
PAWL_MUST_CHECK pawl_err pawl_checkpoint_chunk(struct pawl_checkpoint_writer *writer,
                                               uint32_t number,
                                               const void *chunk,
                                               struct pawl_errmsg *msg);
/* Makes it durable under its name, and fills the row that the journal should get. Frees the
 * writer, also on failure. */
PAWL_MUST_CHECK pawl_err pawl_checkpoint_finish(struct pawl_checkpoint_writer *writer,
                                                struct pawl_journal_checkpoint *ret_checkpoint,
                                                struct pawl_errmsg *msg);
void pawl_checkpoint_abandon(struct pawl_checkpoint_writer *writer);

/* Reading. The whole file is verified before the first call; a false from one of them means that
 * the state is not one of ours. What they get is borrowed for the call. */
struct pawl_checkpoint_sink {
    bool (*root)(void *arg, struct pawl_slice root);
    bool (*chunk)(void *arg, uint32_t number, struct pawl_slice chunk);
    void *arg;
    uint32_t rules_version; /* VERSION when the file has newer ones */
    uint32_t chunk_bytes;
};
PAWL_MUST_CHECK pawl_err pawl_checkpoint_load(const struct pawl_files *files,
                                              const char *dir,
                                              const struct pawl_journal_checkpoint *row,
                                              const struct pawl_checkpoint_sink *sink,
                                              struct pawl_errmsg *msg);

#endif
