/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c: proves a directory without changing a byte of it (docs/JOURNAL.md, section 6). One
 * pass over all batches: the journal verifies the chain as it reads; here every record is applied
 * again and its result compared, and at each checkpoint the state computed so far is compared with
 * the one in the file.
 *
 * Where the oldest segments are gone the replay starts from the oldest checkpoint that follows.
 * What older rules recorded is applied under the present ones, as a start does it: from a
 * checkpoint of theirs on, which is taken as it is. Where that gives other results only the chain
 * is proved, up to the next checkpoint; the report says from where on results were compared. The
 * same where no checkpoint of theirs is kept any more and what these rules recorded later comes out
 * otherwise: the state that they went on from was not the one that was computed here.
 */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "engine/engine.h"
#include "engine/ledger.h"
#include "engine/replay.h"
#include "journal/record.h"
#include "journal/witness.h"

struct verify {
    const struct pawl_verify_options *options;
    const struct pawl_files *files;
    struct pawl_journal *journal;
    struct pawl_journal_head head;
    struct pawl_ledger ledger;
    struct pawl_replay replay;
    bool replaying;    /* the ledger has the state at the batch before */
    bool older;        /* the batch at hand was recorded under older rules */
    bool older_seen;   /* … or one before it */
    bool anchored;     /* the state was once that of a checkpoint */
    uint64_t begun_op; /* the checkpoint from which all was compared; 0: from the beginning */
    bool expect_seen;
    struct pawl_verify_report report;
    pawl_err err;
    struct pawl_errmsg *msg;
};

/* The state in the file of a checkpoint, into a ledger that is not one yet. */
static pawl_err load_state(struct verify *verify,
                           const struct pawl_journal_checkpoint *row,
                           struct pawl_ledger *ret_ledger)
{
    if (!pawl_ledger_init(ret_ledger)) {
        pawl_errmsg_set(verify->msg, "no memory for the checkpoint %s", row->file);
        return PAWL_ERR(MEMORY);
    }
    pawl_err err =
        pawl_replay_restore(ret_ledger, verify->files, verify->options->dir, row, verify->msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        pawl_errmsg_set(verify->msg, "the checkpoint %s is missing", row->file);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

/* In place of the one that was computed, if any: a start under these rules goes on from it, and
 * other rules may have come to it by the same results. */
static pawl_err take_state(struct verify *verify, const struct pawl_journal_checkpoint *row)
{
    pawl_ledger_free(&verify->ledger);
    pawl_err err = load_state(verify, row, &verify->ledger);
    if (err.code == PAWL_ERR_VERSION) {
        verify->replaying = false;
        return PAWL_OK;
    }
    if (pawl_ok(err) && !verify->replaying) {
        verify->replaying = true;
        verify->begun_op = row->op;
    }
    verify->anchored = true;
    return err;
}

/* Of older rules' checkpoints the last was what a start went on from. Where the oldest of two is
 * still ahead that one may be gone, and what these rules come to from the beginning is a guess. */
static bool is_guess(const struct verify *verify)
{
    struct pawl_journal_checkpoint row;
    return verify->older_seen && !verify->anchored &&
           verify->journal->ops->checkpoint(verify->journal, 1, &row);
}

/* Against the one that was computed, which it takes the place of if that was a guess. */
static pawl_err compare_state(struct verify *verify, const struct pawl_journal_checkpoint *row)
{
    PAWL_ASSERT(pawl_core_op(verify->ledger.core) == row->op);
    struct pawl_ledger other;
    pawl_err err = load_state(verify, row, &other);
    bool same =
        pawl_ok(err) && pawl_core_digest(other.core) == pawl_core_digest(verify->ledger.core);
    pawl_ledger_free(&other);
    if (pawl_ok(err) && !same && is_guess(verify)) {
        verify->replaying = false;
        return take_state(verify, row);
    }
    if (pawl_ok(err) && !same) {
        pawl_errmsg_set(verify->msg, "the checkpoint %s is not the state at operation %" PRIu64,
                        row->file, row->op);
        err = PAWL_ERR(CORRUPT);
    }
    verify->anchored = true;
    return err;
}

static pawl_err check_checkpoints(struct verify *verify, const struct pawl_journal_batch *batch)
{
    struct pawl_journal_checkpoint row;
    pawl_err err = PAWL_OK;
    for (uint32_t i = 0; verify->journal->ops->checkpoint(verify->journal, i, &row); i++) {
        if (pawl_failed(err) || row.op < batch->first_op || row.op > batch->last_op) {
            continue;
        }
        if (row.op != batch->last_op || memcmp(&row.hash, &batch->hash, sizeof(row.hash)) != 0) {
            pawl_errmsg_set(verify->msg, "the checkpoint %s belongs to another journal", row.file);
            err = PAWL_ERR(CORRUPT);
        } else if (!verify->replaying || verify->older) {
            err = take_state(verify, &row);
        } else if (row.op != verify->begun_op) {
            err = compare_state(verify, &row);
        }
    }
    return err;
}

static void check_expected(struct verify *verify, const struct pawl_journal_batch *batch)
{
    const struct pawl_verify_options *options = verify->options;
    if (options->expect_op == batch->last_op) {
        verify->expect_seen = memcmp(&options->expect_hash, &batch->hash, sizeof(batch->hash)) == 0;
    }
}

static pawl_err replay_batch(struct verify *verify, const struct pawl_journal_batch *batch)
{
    struct pawl_record_cursor cursor;
    verify->older =
        pawl_record_batch_open(batch->blob, &cursor) && cursor.rules_version < PAWL_RULES_VERSION;
    verify->older_seen = verify->older_seen || verify->older;
    if (!verify->replaying || batch->last_op <= verify->begun_op) {
        return PAWL_OK;
    }
    pawl_err err = pawl_replay_batch(&verify->replay, batch, verify->msg);
    bool other_rules = err.code == PAWL_ERR_VERSION;
    bool other_state = pawl_failed(err) && verify->replay.differed && is_guess(verify);
    if (other_rules || other_state) {
        verify->replaying = false;
        return PAWL_OK;
    }
    return err;
}

static bool verify_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct verify *verify = arg;
    PAWL_ASSERT(pawl_ok(verify->err)); /* a failure stopped the reading */
    verify->err = replay_batch(verify, batch);
    if (pawl_ok(verify->err)) {
        verify->err = check_checkpoints(verify, batch);
    }
    check_expected(verify, batch);
    verify->report.batches++;
    if (verify->options->progress != NULL) {
        verify->options->progress(verify->options->arg, batch->last_op, verify->head.last_op);
    }
    return pawl_ok(verify->err);
}

/* The oldest checkpoint from which the batches that are here can be replayed. */
static pawl_err start_from_checkpoint(struct verify *verify)
{
    struct pawl_journal_checkpoint row;
    struct pawl_journal_checkpoint oldest = {.op = 0};
    for (uint32_t i = 0; verify->journal->ops->checkpoint(verify->journal, i, &row); i++) {
        if (row.op + 1 >= verify->head.first_op) {
            oldest = row;
        }
    }
    if (oldest.op == 0) {
        pawl_errmsg_set(verify->msg,
                        "the segments begin at operation %" PRIu64
                        " and no checkpoint says what was before",
                        verify->head.first_op);
        return PAWL_ERR(CORRUPT);
    }
    verify->replaying = false;
    return take_state(verify, &oldest);
}

static pawl_err verify_end(struct verify *verify)
{
    const struct pawl_verify_options *options = verify->options;
    struct pawl_witness witness;
    pawl_err err =
        pawl_witness_check(verify->files, options->dir, verify->journal, &witness, verify->msg);
    if (pawl_ok(err) && options->expect_op > verify->head.last_op) {
        pawl_errmsg_set(verify->msg,
                        "it ends at operation %" PRIu64 ", before operation %" PRIu64
                        ": what came between is lost, or it is another journal",
                        verify->head.last_op, options->expect_op);
        err = PAWL_ERR(CORRUPT);
    } else if (pawl_ok(err) && options->expect_op > 0 && !verify->expect_seen) {
        pawl_errmsg_set(verify->msg,
                        "this is not the journal that ended with that hash at operation %" PRIu64,
                        options->expect_op);
        err = PAWL_ERR(CORRUPT);
    }
    if (pawl_ok(err) && verify->replaying) {
        pawl_core_audit(verify->ledger.core);
        verify->report.digest = pawl_core_digest(verify->ledger.core);
    }
    /* A checkpoint at the very end leaves nothing to compare. */
    verify->report.results_compared =
        verify->replaying && (verify->begun_op == 0 || verify->begun_op < verify->head.last_op);
    verify->report.first_op = verify->head.first_op;
    verify->report.replayed_from_op = verify->begun_op + 1;
    verify->report.last_op = verify->head.last_op;
    verify->report.hash = verify->head.hash;
    return err;
}

static pawl_err verify_all(struct verify *verify)
{
    verify->head = verify->journal->ops->head(verify->journal);
    verify->replaying = true;
    pawl_err err = PAWL_OK;
    if (verify->head.first_op > 1) {
        err = start_from_checkpoint(verify);
    }
    if (pawl_ok(err) && verify->head.last_op > 0) {
        err = verify->journal->ops->read(verify->journal, verify->head.first_op, verify_batch,
                                         verify, verify->msg);
    }
    err = pawl_failed(verify->err) ? verify->err : err;
    return pawl_ok(err) ? verify_end(verify) : err;
}

pawl_err pawl_engine_verify(const struct pawl_verify_options *options,
                            struct pawl_verify_report *ret_report,
                            struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->dir != NULL);
    struct verify verify = {.options = options, .msg = msg};
    verify.files = options->files != NULL ? options->files : pawl_files_os();
    struct pawl_journal_sqlite_options open = {.dir = options->dir,
                                               .read_only = true,
                                               .allow_any_filesystem =
                                                   options->allow_any_filesystem,
                                               .vfs = options->vfs,
                                               .files = options->files};
    pawl_err err = pawl_journal_sqlite_open(&open, &verify.journal, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (!pawl_ledger_init(&verify.ledger)) {
        err = PAWL_ERR(MEMORY);
    } else if (!pawl_replay_init(&verify.replay, &verify.ledger)) {
        pawl_ledger_free(&verify.ledger);
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory to verify %s", options->dir);
        verify.journal->ops->close(verify.journal);
        return err;
    }
    err = verify_all(&verify);
    if (pawl_ok(err)) {
        *ret_report = verify.report;
    }
    pawl_replay_free(&verify.replay);
    pawl_ledger_free(&verify.ledger);
    verify.journal->ops->close(verify.journal);
    return err;
}
