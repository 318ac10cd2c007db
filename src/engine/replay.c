/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c: see replay.h. The comparison is by bytes: the result is encoded again and must be
 * the same as the recorded one. A difference is a memory fault, damage that the chain cannot see,
 * or a bug of ours, and in each case going on would answer from a state that nobody ever had.
 *
 * Rules: a batch names the version of the rules that computed it. What older rules recorded is
 * applied under the present ones from the last checkpoint on, and has to give the same results:
 * what was answered stands, or the directory is refused and needs the pawl that wrote it once more
 * (docs/decisions/0018-an-upgrade-counts-from-the-last-checkpoint.md).
 *
 * Failure: a ledger that a replay stopped in is fit for nothing but being freed.
 */
#include "engine/replay.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "journal/checkpoint.h"
#include "journal/record.h"
#include "journal/witness.h"

bool pawl_replay_init(struct pawl_replay *replay, struct pawl_ledger *ledger)
{
    PAWL_ASSERT(ledger->core != NULL);
    *replay = (struct pawl_replay){.ledger = ledger};
    pawl_buf_init(&replay->bytes, PAWL_RECORD_BYTES_MAX);
    replay->scratch = pawl_alloc(sizeof(*replay->scratch));
    replay->result = pawl_alloc(sizeof(*replay->result));
    if (replay->scratch == NULL || replay->result == NULL) {
        pawl_replay_free(replay);
        return false;
    }
    return true;
}

void pawl_replay_free(struct pawl_replay *replay)
{
    pawl_buf_free(&replay->bytes);
    pawl_free(replay->scratch);
    pawl_free(replay->result);
    replay->scratch = NULL;
    replay->result = NULL;
}

/* --- A checkpoint. ---------------------------------------------------------------------------- */

struct restore {
    struct pawl_ledger *ledger;
    bool no_memory;
    bool foreign; /* of another layout */
};

static bool restore_root(void *arg, struct pawl_slice root)
{
    struct restore *restore = arg;
    restore->foreign = pawl_core_root_is_foreign(root);
    if (restore->foreign || !pawl_core_restore_root(restore->ledger->core, root)) {
        return false;
    }
    /* Now the core knows how many chunks are to come. */
    restore->no_memory = !pawl_ledger_supply(restore->ledger, 1);
    return !restore->no_memory;
}

static bool restore_chunk(void *arg, uint32_t number, struct pawl_slice chunk)
{
    struct restore *restore = arg;
    return pawl_core_restore_chunk(restore->ledger->core, number, chunk);
}

/* A fresh ledger in place of one that was filled in part; the error that led here goes on. */
static pawl_err refresh(struct pawl_ledger *ledger, pawl_err err, struct pawl_errmsg *msg)
{
    pawl_ledger_free(ledger);
    if (!pawl_ledger_init(ledger)) {
        pawl_errmsg_set(msg, "no memory for a ledger");
        return PAWL_ERR(MEMORY);
    }
    return err;
}

pawl_err pawl_replay_restore(struct pawl_ledger *ledger,
                             const struct pawl_files *files,
                             const char *dir,
                             const struct pawl_journal_checkpoint *row,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(row->op > 0 && pawl_core_op(ledger->core) == 0);
    struct restore restore = {.ledger = ledger};
    struct pawl_checkpoint_sink sink = {.root = restore_root,
                                        .chunk = restore_chunk,
                                        .arg = &restore,
                                        .rules_version = PAWL_RULES_VERSION,
                                        .chunk_bytes = PAWL_CHUNK_BYTES};
    pawl_err err = pawl_checkpoint_load(files, dir, row, &sink, msg);
    if (restore.no_memory) {
        pawl_errmsg_set(msg, "no memory for the checkpoint %s", row->file);
        err = PAWL_ERR(MEMORY);
    } else if (restore.foreign) {
        pawl_errmsg_set(msg,
                        "the checkpoint %s holds the ledger as another version of pawl has it in "
                        "memory: use the one that wrote it",
                        row->file);
        err = PAWL_ERR(VERSION);
    }
    if (pawl_ok(err) &&
        (!pawl_core_restore_end(ledger->core) || pawl_core_op(ledger->core) != row->op)) {
        pawl_errmsg_set(msg, "the checkpoint %s is not a state of ours", row->file);
        err = PAWL_ERR(CORRUPT);
    }
    return pawl_ok(err) ? err : refresh(ledger, err, msg);
}

/* --- Records. --------------------------------------------------------------------------------- */

static pawl_err out_of_order(uint64_t op, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "the record after operation %" PRIu64 " cannot follow it", op);
    return PAWL_ERR(CORRUPT);
}

static pawl_err other_result(const struct pawl_replay *replay,
                             const struct pawl_record *record,
                             uint32_t rules_version,
                             struct pawl_errmsg *msg)
{
    const char *now = pawl_result_name(replay->result->code);
    const char *then = pawl_result_name(record->result.code);
    if (rules_version == PAWL_RULES_VERSION) {
        pawl_errmsg_set(msg,
                        "operation %" PRIu64 " gives %s now and gave %s when it was recorded, "
                        "or other numbers: faulty memory or a bug; keep the directory",
                        record->op, now, then);
        return PAWL_ERR(CORRUPT);
    }
    pawl_errmsg_set(
        msg,
        "operation %" PRIu64 " gives %s by the rules of this pawl (%u) and gave %s, or "
        "other numbers, by those of the pawl that recorded it (%" PRIu32
        "): start that one once more and end it with SIGTERM, or, if this is a run, let "
        "its 'pawl runs' settle it; this one goes on from there",
        record->op, now, PAWL_RULES_VERSION, then, rules_version);
    return PAWL_ERR(VERSION);
}

static pawl_err replay_record(struct pawl_replay *replay,
                              const struct pawl_record *record,
                              uint32_t rules_version,
                              struct pawl_errmsg *msg)
{
    struct pawl_core *core = replay->ledger->core;
    /* J5, J6; a time that the ledger can count from; and an empty ledger begins with its CONFIG. */
    bool config = record->command.type == PAWL_COMMAND_CONFIG;
    if (record->op != pawl_core_op(core) + 1 || record->now_us < pawl_core_now_us(core) ||
        record->now_us > PAWL_NOW_US_MAX || (record->op == 1 && !config)) {
        return out_of_order(pawl_core_op(core), msg);
    }
    if (!pawl_ledger_supply(replay->ledger, 1)) {
        pawl_errmsg_set(msg, "no memory to replay operation %" PRIu64, record->op);
        return PAWL_ERR(MEMORY);
    }
    pawl_core_apply(core, record->now_us, &record->command, replay->result);
    pawl_buf_reset(&replay->bytes);
    pawl_codec_encode_result(&replay->bytes, replay->result);
    if (replay->bytes.overflowed) {
        pawl_errmsg_set(msg, "no memory to replay operation %" PRIu64, record->op);
        return PAWL_ERR(MEMORY);
    }
    bool same = pawl_slice_equal(pawl_buf_slice(&replay->bytes), record->result_bytes);
    replay->differed = !same;
    return same ? PAWL_OK : other_result(replay, record, rules_version, msg);
}

pawl_err pawl_replay_batch(struct pawl_replay *replay,
                           const struct pawl_journal_batch *batch,
                           struct pawl_errmsg *msg)
{
    PAWL_ASSERT(batch->first_op > 0 && batch->last_op >= batch->first_op);
    struct pawl_record_cursor cursor;
    const struct pawl_core *core = replay->ledger->core;
    if (!pawl_record_batch_open(batch->blob, &cursor)) {
        return out_of_order(pawl_core_op(core), msg);
    }
    if (!pawl_record_batch_known(&cursor, msg)) {
        return PAWL_ERR(VERSION);
    }
    struct pawl_record record;
    uint64_t op = batch->first_op;
    while (pawl_record_batch_next(&cursor, replay->scratch, &record)) {
        if (record.op != op++) {
            return out_of_order(op - 2, msg);
        }
        if (record.op <= pawl_core_op(core)) {
            continue;
        }
        pawl_err err = replay_record(replay, &record, cursor.rules_version, msg);
        if (pawl_failed(err)) {
            return err;
        }
    }
    if (cursor.left > 0 || op != batch->last_op + 1) {
        pawl_errmsg_set(msg, "the record of operation %" PRIu64 " cannot be read", op);
        return PAWL_ERR(CORRUPT);
    }
    return PAWL_OK;
}

/* --- A whole journal. ------------------------------------------------------------------------- */

struct tail {
    struct pawl_replay *replay;
    uint64_t last_op; /* of the journal */
    pawl_err err;
    struct pawl_errmsg *msg;
};

static bool replay_tail_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct tail *tail = arg;
    struct pawl_replay *replay = tail->replay;
    tail->err = pawl_replay_batch(replay, batch, tail->msg);
    if (pawl_ok(tail->err) && replay->progress != NULL) {
        replay->progress(replay->progress_arg, batch->last_op, tail->last_op);
    }
    return pawl_ok(tail->err);
}

/* A checkpoint counts when the journal has its operation with the same hash. */
static pawl_err restore_row(struct pawl_replay *replay,
                            struct pawl_journal *journal,
                            const struct pawl_files *files,
                            const char *dir,
                            const struct pawl_journal_checkpoint *row,
                            struct pawl_errmsg *msg)
{
    struct pawl_witness place = {.op = row->op, .hash = row->hash};
    bool same = true;
    pawl_err err = pawl_witness_compare(journal, &place, &same, msg);
    if (pawl_failed(err) && err.code != PAWL_ERR_NOT_FOUND) {
        return err;
    }
    if (!same) {
        pawl_errmsg_set(msg, "the checkpoint %s belongs to another journal", row->file);
        return PAWL_ERR(CORRUPT);
    }
    return pawl_replay_restore(replay->ledger, files, dir, row, msg);
}

/* Restores the newest checkpoint that can be. *ret_op is 0 when there is none. */
static pawl_err restore_newest(struct pawl_replay *replay,
                               struct pawl_journal *journal,
                               const struct pawl_files *files,
                               const char *dir,
                               uint64_t *ret_op,
                               struct pawl_errmsg *msg)
{
    struct pawl_journal_checkpoint row;
    for (uint32_t i = 0; journal->ops->checkpoint(journal, i, &row); i++) {
        struct pawl_errmsg why = {""};
        pawl_err err = restore_row(replay, journal, files, dir, &row, &why);
        if (pawl_ok(err)) {
            *ret_op = row.op;
            return PAWL_OK;
        }
        if (err.code == PAWL_ERR_MEMORY || err.code == PAWL_ERR_VERSION) {
            pawl_errmsg_set(msg, "%s", why.text);
            return err;
        }
        pawl_log(PAWL_LOG_WARN, "%s: %s; going on with an older one", dir, why.text);
    }
    *ret_op = 0;
    return PAWL_OK;
}

/* Where it is that cannot be read any more. */
static pawl_err name_place(pawl_err err, const char *dir, struct pawl_errmsg *msg)
{
    if (err.code == PAWL_ERR_VERSION && msg != NULL) {
        struct pawl_errmsg why = *msg;
        pawl_errmsg_set(msg, "%s: %s", dir, why.text);
    }
    return err;
}

pawl_err pawl_replay_journal(struct pawl_replay *replay,
                             struct pawl_journal *journal,
                             const struct pawl_files *files,
                             const char *dir,
                             struct pawl_errmsg *msg)
{
    struct pawl_journal_head head = journal->ops->head(journal);
    uint64_t op = 0;
    pawl_err err = restore_newest(replay, journal, files, dir, &op, msg);
    if (pawl_failed(err) || head.last_op == op) {
        return name_place(err, dir, msg);
    }
    if (op + 1 < head.first_op) {
        pawl_errmsg_set(msg,
                        "the segments in %s begin at operation %" PRIu64
                        " and no checkpoint before that is usable",
                        dir, head.first_op);
        return PAWL_ERR(CORRUPT);
    }
    struct tail tail = {.replay = replay, .last_op = head.last_op, .err = PAWL_OK, .msg = msg};
    err = journal->ops->read(journal, op + 1, replay_tail_batch, &tail, msg);
    err = pawl_failed(tail.err) ? tail.err : err;
    if (pawl_ok(err) && pawl_core_op(replay->ledger->core) != head.last_op) {
        err = out_of_order(pawl_core_op(replay->ledger->core), msg);
    }
    return name_place(err, dir, msg);
}
