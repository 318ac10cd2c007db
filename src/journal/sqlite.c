/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.c: the journal's table of effects over segments: one directory, one owner, one chain.
 *
 * The head lives in memory and moves only after a commit returned (J1). Before a batch goes
 * to a segment that is full, the next segment is made: the old one's log is copied into it and it
 * is closed, then the new file appears whole under its name (J13), then the batch goes there. A
 * crash between any two of these leaves at most an empty segment, which is a head as good as any.
 *
 * Failure: any error of a write latches `poisoned`, and from then on nothing is written, not
 * even while closing (J2). Errors of reads latch nothing.
 *
 * Ownership: the journal owns the lock, the newest segment's connection and the list of places.
 * Older segments are opened for a read and closed after it.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/copy.h"
#include "journal/sqlite_priv.h"

#define SEGMENT_BYTES_DEFAULT (INT64_C(1) << 30)

enum {
    JOURNAL_MAGIC = 0x4a4f5552,
    /* The log is copied when nothing waits and it has so many pages (4 MiB) … */
    LOG_PAGES_IDLE = 256,
    /* … and in any case at so many (8 MiB). */
    LOG_PAGES_MAX = 512
};

static struct sqlite_journal *journal_of(struct pawl_journal *base)
{
    struct sqlite_journal *journal = (struct sqlite_journal *)base;
    PAWL_ASSERT(base != NULL && journal->magic == JOURNAL_MAGIC);
    return journal;
}

static const struct sqlite_journal *const_journal_of(const struct pawl_journal *base)
{
    const struct sqlite_journal *journal = (const struct sqlite_journal *)base;
    PAWL_ASSERT(base != NULL && journal->magic == JOURNAL_MAGIC);
    return journal;
}

/* --- The table. ------------------------------------------------------------------------------- */

/* Latches what went wrong with a write (J2). */
static pawl_err latch(struct sqlite_journal *journal, pawl_err err)
{
    journal->poisoned = journal->poisoned || pawl_failed(err);
    return err;
}

static pawl_err refuse_if_poisoned(const struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(!journal->read_only);
    if (!journal->poisoned) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "the journal in %s failed before and takes nothing more",
                    journal->segments.dir);
    return PAWL_ERR(POISONED);
}

static void close_active(struct sqlite_journal *journal, bool poisoned)
{
    char path[PAWL_PATH_BYTES_MAX];
    uint32_t number = pawl_segment_place(journal->active)->number;
    pawl_segment_close(journal->active, poisoned);
    journal->active = NULL;
    if (pawl_ok(pawl_segment_files_path(&journal->segments, number, "", path, NULL))) {
        pawl_copy_let_go(path);
    }
}

static pawl_err roll_over(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(journal->active != NULL && journal->place_count > 0);
    uint32_t number = pawl_segment_place(journal->active)->number;
    PAWL_ASSERT(journal->places[journal->place_count - 1].number == number);
    pawl_err err = pawl_segment_copy_log(journal->active, true, msg);
    close_active(journal, pawl_failed(err));
    return pawl_ok(err) ? pawl_journal_begin_segment(journal, number + 1, msg) : err;
}

static pawl_err sqlite_append(struct pawl_journal *base,
                              const struct pawl_journal_batch *batch,
                              struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(batch->first_op == journal->head.last_op + 1);
    PAWL_ASSERT(memcmp(&batch->previous, &journal->head.hash, sizeof(batch->previous)) == 0);
    bool full = pawl_segment_bytes(journal->active) >= journal->segment_bytes_max;
    bool has_batches = pawl_segment_place(journal->active)->first_op <= journal->head.last_op;
    if (full && has_batches) {
        err = roll_over(journal, msg);
    } else if (pawl_segment_log_pages(journal->active) >= LOG_PAGES_MAX) {
        err = pawl_segment_copy_log(journal->active, false, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_insert(journal->active, batch, msg);
    }
    if (pawl_failed(err)) {
        return latch(journal, err);
    }
    journal->head.last_op = batch->last_op;
    journal->head.hash = batch->hash;
    if (journal->head.first_op == 0) {
        journal->head.first_op = batch->first_op;
    }
    PAWL_ASSERT(journal->head.first_op <= journal->head.last_op);
    return PAWL_OK;
}

/* The place that holds from_op, as an index. */
static uint32_t place_of(const struct sqlite_journal *journal, uint64_t from_op)
{
    PAWL_ASSERT(journal->place_count > 0 && journal->places[0].first_op <= from_op);
    uint32_t at = journal->place_count - 1;
    while (at > 0 && journal->places[at].first_op > from_op) {
        at--;
    }
    return at;
}

static pawl_err read_one(struct sqlite_journal *journal,
                         uint32_t at,
                         uint64_t from_op,
                         pawl_journal_batch_fn *fn,
                         void *arg,
                         struct pawl_segment_end *ret_end,
                         struct pawl_errmsg *msg)
{
    PAWL_ASSERT(at < journal->place_count);
    if (at + 1 == journal->place_count) {
        return pawl_segment_read(journal->active, from_op, fn, arg, ret_end, msg);
    }
    struct pawl_segment *segment = NULL;
    pawl_err err = pawl_journal_open_segment(journal, journal->places[at].number, PAWL_SEGMENT_READ,
                                             &segment, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_read(segment, from_op, fn, arg, ret_end, msg);
        pawl_segment_close(segment, true);
    }
    return err;
}

static pawl_err sqlite_read(struct pawl_journal *base,
                            uint64_t from_op,
                            pawl_journal_batch_fn *fn,
                            void *arg,
                            struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    PAWL_ASSERT(journal->active != NULL || journal->poisoned);
    if (journal->active == NULL) {
        return refuse_if_poisoned(journal, msg);
    }
    if (from_op < journal->places[0].first_op) {
        pawl_errmsg_set(msg, "operation %llu is older than the segments in %s",
                        (unsigned long long)from_op, journal->segments.dir);
        return PAWL_ERR(NOT_FOUND);
    }
    for (uint32_t at = place_of(journal, from_op); at < journal->place_count; at++) {
        struct pawl_segment_end end;
        pawl_err err = read_one(journal, at, from_op, fn, arg, &end, msg);
        if (pawl_failed(err) || end.stopped) {
            return err;
        }
        if (at + 1 < journal->place_count) {
            err = pawl_journal_check_continues(journal, &journal->places[at + 1], end.last_op,
                                               &end.hash, msg);
            if (pawl_failed(err)) {
                return err;
            }
        }
    }
    return PAWL_OK;
}

static struct pawl_journal_head sqlite_head(const struct pawl_journal *base)
{
    return const_journal_of(base)->head;
}

static pawl_err sqlite_add_checkpoint(struct pawl_journal *base,
                                      const struct pawl_journal_checkpoint *checkpoint,
                                      struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_segment_checkpoints *old = &journal->checkpoints;
    PAWL_ASSERT(checkpoint->op > 0 && checkpoint->op <= journal->head.last_op); /* J10 */
    PAWL_ASSERT(old->count == 0 || old->rows[0].op < checkpoint->op);
    struct pawl_segment_checkpoints checkpoints = {.count = old->count > 0 ? 2 : 1,
                                                   .rows = {*checkpoint, old->rows[0]}};
    err = pawl_segment_set_checkpoints(journal->active, &checkpoints, msg);
    if (pawl_ok(err)) {
        journal->checkpoints = checkpoints;
    }
    return latch(journal, err);
}

static bool sqlite_checkpoint(const struct pawl_journal *base,
                              uint32_t index,
                              struct pawl_journal_checkpoint *ret_checkpoint)
{
    const struct sqlite_journal *journal = const_journal_of(base);
    if (index >= journal->checkpoints.count) {
        return false;
    }
    *ret_checkpoint = journal->checkpoints.rows[index];
    return true;
}

static pawl_err sqlite_idle(struct pawl_journal *base, struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_ok(err) && pawl_segment_log_pages(journal->active) >= LOG_PAGES_IDLE) {
        err = latch(journal, pawl_segment_copy_log(journal->active, false, msg));
    }
    return err;
}

static pawl_err sqlite_retire(struct pawl_journal *base,
                              const struct pawl_journal_retention *retention,
                              int64_t now_us,
                              enum pawl_journal_retired *ret_retired,
                              struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_ok(err)) {
        err = latch(journal, pawl_journal_retire(journal, retention, now_us, ret_retired, msg));
    }
    return err;
}

static void sqlite_close(struct pawl_journal *base)
{
    struct sqlite_journal *journal = journal_of(base);
    if (journal->active != NULL) {
        close_active(journal, journal->poisoned || journal->read_only);
    }
    if (journal->lock != NULL) {
        journal->segments.files->ops->close(journal->lock);
    }
    pawl_free(journal->places);
    journal->magic = 0;
    pawl_free(journal);
}

static const struct pawl_journal_ops sqlite_ops = {.append = sqlite_append,
                                                   .read = sqlite_read,
                                                   .head = sqlite_head,
                                                   .add_checkpoint = sqlite_add_checkpoint,
                                                   .checkpoint = sqlite_checkpoint,
                                                   .idle = sqlite_idle,
                                                   .retire = sqlite_retire,
                                                   .close = sqlite_close};

/* --- Opening. --------------------------------------------------------------------------------- */

static pawl_err take_lock(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_files_path(journal->segments.dir, "journal.lock", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = journal->segments.files->ops->lock(journal->segments.files->arg, path,
                                             !journal->read_only, &journal->lock, msg);
    /* Where there is no lock file nobody ever wrote, and reading must not make one. */
    return journal->read_only && err.code == PAWL_ERR_NOT_FOUND ? PAWL_OK : err;
}

static pawl_err open_into(struct sqlite_journal *journal,
                          const struct pawl_journal_sqlite_options *options,
                          struct pawl_errmsg *msg)
{
    struct pawl_slice vfs = pawl_slice_str(options->vfs);
    if (!pawl_slice_copy_str(pawl_slice_str(options->dir), journal->segments.dir,
                             sizeof(journal->segments.dir)) ||
        !pawl_slice_copy_str(vfs, journal->vfs, sizeof(journal->vfs))) {
        pawl_errmsg_set(msg, "the name of the journal's directory is too long");
        return PAWL_ERR(INVALID);
    }
    pawl_err err = PAWL_OK;
    /* What is only read, a backup say, can lie anywhere. */
    if (!options->allow_any_filesystem && !options->read_only) {
        err = journal->segments.files->ops->check(journal->segments.files->arg,
                                                  journal->segments.dir, msg);
    }
    if (pawl_ok(err)) {
        err = take_lock(journal, msg);
    }
    if (pawl_ok(err)) {
        err = options->create ? pawl_journal_create_new(journal, msg)
                              : pawl_journal_open_existing(journal, msg);
    }
    return err;
}

pawl_err pawl_journal_sqlite_open(const struct pawl_journal_sqlite_options *options,
                                  struct pawl_journal **ret_journal,
                                  struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->dir != NULL && !(options->create && options->read_only));
    struct sqlite_journal *journal = pawl_alloc_zeroed(1, sizeof(*journal));
    if (journal == NULL) {
        pawl_errmsg_set(msg, "no memory to open the journal in %s", options->dir);
        return PAWL_ERR(MEMORY);
    }
    journal->base.ops = &sqlite_ops;
    journal->magic = JOURNAL_MAGIC;
    journal->read_only = options->read_only;
    journal->segments.files = options->files != NULL ? options->files : pawl_files_os();
    journal->segment_bytes_max =
        options->segment_bytes_max > 0 ? options->segment_bytes_max : SEGMENT_BYTES_DEFAULT;
    pawl_err err = open_into(journal, options, msg);
    if (pawl_failed(err)) {
        /* What was not opened whole is left as it lies. */
        journal->poisoned = true;
        sqlite_close(&journal->base);
        return err;
    }
    PAWL_ASSERT(journal->active != NULL && journal->place_count > 0);
    *ret_journal = &journal->base;
    return PAWL_OK;
}
