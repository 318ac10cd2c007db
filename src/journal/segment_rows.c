/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_rows.c: what stands in a segment's tables: batches, and the names of checkpoints.
 *
 * A batch is one row and one transaction: SQLite's own commit decides whether it is there (J1,
 * J4). What is read back is verified before it is handed out: the numbers go on without a gap
 * (J5), and each hash is the successor of the one before (J3).
 *
 * Rows are data from outside, since anybody can write a file: whatever cannot be ours is CORRUPT.
 */
#include <string.h>

#include "base/assert.h"
#include "journal/pack.h"
#include "journal/record.h"
#include "journal/segment_priv.h"

enum {
    ROW_OVERHEAD_BYTES = 64,
    /* The room for packing is kept from batch to batch up to this; a larger one gives it back. */
    ROOM_KEEP_BYTES = 1 << 20
};

/* --- Batches. --------------------------------------------------------------------------------- */

pawl_err pawl_segment_insert(struct pawl_segment *segment,
                             const struct pawl_journal_batch *batch,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(segment->writes && batch->first_op >= segment->place.first_op);
    PAWL_ASSERT(batch->last_op >= batch->first_op && batch->last_op <= INT64_MAX);
    struct pawl_slice stored =
        segment->packs ? pawl_pack(batch->blob, &segment->room) : batch->blob;
    sqlite3_stmt *insert = segment->insert;
    int code = sqlite3_bind_int64(insert, 1, (sqlite3_int64)batch->first_op);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(insert, 2, (sqlite3_int64)batch->last_op);
    }
    if (code == SQLITE_OK) {
        code =
            sqlite3_bind_blob(insert, 3, batch->hash.bytes, PAWL_JOURNAL_HASH_BYTES, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_blob64(insert, 4, stored.data, stored.bytes, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(insert);
    }
    pawl_err err = PAWL_OK;
    if (code != SQLITE_DONE) {
        err = pawl_segment_failed(segment, code, "commit to", msg);
    }
    (void)sqlite3_reset(insert); /* says again what the step said */
    (void)sqlite3_clear_bindings(insert);
    segment->bytes += (int64_t)stored.bytes + ROW_OVERHEAD_BYTES;
    if (segment->room.capacity > ROOM_KEEP_BYTES) {
        pawl_buf_free(&segment->room);
    }
    return err;
}

/* The row of a batch, its blob as it is stored; false when it cannot be one. */
static bool column_batch(sqlite3_stmt *statement, struct pawl_journal_batch *ret_batch)
{
    int64_t first_op = sqlite3_column_int64(statement, 0);
    int64_t last_op = sqlite3_column_int64(statement, 1);
    if (first_op < 1 || last_op < first_op ||
        !pawl_segment_column_hash(statement, 2, &ret_batch->hash) ||
        sqlite3_column_type(statement, 3) != SQLITE_BLOB) {
        return false;
    }
    ret_batch->first_op = (uint64_t)first_op;
    ret_batch->last_op = (uint64_t)last_op;
    const char *data = sqlite3_column_blob(statement, 3);
    ret_batch->blob = pawl_slice_of(data, (size_t)sqlite3_column_bytes(statement, 3));
    return data != NULL;
}

/* first_op, last_op and hash of one batch, chosen by a condition. NOT_FOUND: there is none. */
static pawl_err find_batch(struct pawl_segment *segment,
                           const char *sql,
                           uint64_t op,
                           struct pawl_journal_batch *ret_batch,
                           struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(segment, sql, &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int64_t bound = op > INT64_MAX ? INT64_MAX : (int64_t)op;
    int code = sqlite3_bind_int64(statement, 1, bound);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        int64_t first_op = sqlite3_column_int64(statement, 0);
        int64_t last_op = sqlite3_column_int64(statement, 1);
        bool sound = first_op > 0 && last_op >= first_op &&
                     pawl_segment_column_hash(statement, 2, &ret_batch->hash);
        ret_batch->first_op = sound ? (uint64_t)first_op : 0;
        ret_batch->last_op = sound ? (uint64_t)last_op : 0;
        err = sound ? PAWL_OK : pawl_segment_corrupt(segment, msg);
    } else {
        err = code == SQLITE_DONE ? PAWL_ERR(NOT_FOUND)
                                  : pawl_segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

pawl_err pawl_segment_last(struct pawl_segment *segment,
                           uint64_t *ret_last_op,
                           struct pawl_journal_hash *ret_hash,
                           struct pawl_errmsg *msg)
{
    struct pawl_journal_batch last = {.last_op = segment->place.first_op - 1,
                                      .hash = segment->place.previous};
    pawl_err err = find_batch(segment,
                              "SELECT first_op, last_op, hash FROM batch WHERE first_op <= ?1 "
                              "ORDER BY first_op DESC LIMIT 1",
                              UINT64_MAX, &last, msg);
    if (pawl_failed(err) && err.code != PAWL_ERR_NOT_FOUND) {
        return err;
    }
    *ret_last_op = last.last_op;
    *ret_hash = last.hash;
    return PAWL_OK;
}

/* Where reading from from_op begins: the end of the last batch that lies before it wholly. */
static pawl_err find_start(struct pawl_segment *segment,
                           uint64_t from_op,
                           struct pawl_segment_end *ret_before,
                           struct pawl_errmsg *msg)
{
    static const char at_or_before[] = "SELECT first_op, last_op, hash FROM batch "
                                       "WHERE first_op <= ?1 ORDER BY first_op DESC LIMIT 1";
    ret_before->last_op = segment->place.first_op - 1;
    ret_before->hash = segment->place.previous;
    struct pawl_journal_batch before = {0};
    pawl_err err = find_batch(segment, at_or_before, from_op, &before, msg);
    if (pawl_ok(err) && before.last_op >= from_op) {
        err = find_batch(segment, at_or_before, before.first_op - 1, &before, msg);
    }
    if (pawl_ok(err)) {
        ret_before->last_op = before.last_op;
        ret_before->hash = before.hash;
    }
    return err.code == PAWL_ERR_NOT_FOUND ? PAWL_OK : err;
}

static pawl_err
altered(const struct pawl_segment *segment, uint64_t first_op, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg,
                    "%s: the batch at operation %llu was altered; everything before it is sound",
                    segment->path, (unsigned long long)first_op);
    return PAWL_ERR(CORRUPT);
}

/* J3 and J5: this batch is the successor of what came before, and its frame is sound. Its blob is
 * unpacked then. */
static pawl_err verify_batch(struct pawl_segment *segment,
                             const struct pawl_segment_end *before,
                             struct pawl_journal_batch *batch,
                             struct pawl_errmsg *msg)
{
    if (batch->first_op != before->last_op + 1) {
        pawl_errmsg_set(msg, "%s: operation %llu is missing (the next one is %llu)", segment->path,
                        (unsigned long long)before->last_op + 1,
                        (unsigned long long)batch->first_op);
        return PAWL_ERR(CORRUPT);
    }
    batch->previous = before->hash;
    pawl_err err = pawl_unpack(batch->blob, &segment->room, &batch->blob);
    if (err.code == PAWL_ERR_MEMORY) {
        pawl_errmsg_set(msg, "no memory to read %s", segment->path);
        return err;
    }
    if (pawl_failed(err)) {
        return altered(segment, batch->first_op, msg);
    }
    struct pawl_journal_hash hash = pawl_journal_chain(before->hash, batch->blob);
    struct pawl_record_cursor cursor;
    if (memcmp(hash.bytes, batch->hash.bytes, sizeof(hash.bytes)) != 0 ||
        !pawl_record_batch_open(batch->blob, &cursor) ||
        cursor.left != batch->last_op - batch->first_op + 1) {
        return altered(segment, batch->first_op, msg);
    }
    return PAWL_OK;
}

pawl_err pawl_segment_read(struct pawl_segment *segment,
                           uint64_t from_op,
                           pawl_journal_batch_fn *fn,
                           void *arg,
                           struct pawl_segment_end *ret_end,
                           struct pawl_errmsg *msg)
{
    PAWL_ASSERT(fn != NULL && from_op > 0);
    struct pawl_segment_end end = {.stopped = false};
    pawl_err err = find_start(segment, from_op, &end, msg);
    sqlite3_stmt *statement = NULL;
    if (pawl_ok(err)) {
        err = pawl_segment_prepare(
            segment,
            "SELECT first_op, last_op, hash, blob FROM batch WHERE first_op > ?1 "
            "ORDER BY first_op",
            &statement, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_bind_int64(statement, 1, (sqlite3_int64)end.last_op);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW) {
            break;
        }
        struct pawl_journal_batch batch = {.first_op = 0};
        err = column_batch(statement, &batch) ? verify_batch(segment, &end, &batch, msg)
                                              : pawl_segment_corrupt(segment, msg);
        if (pawl_failed(err)) {
            break;
        }
        end.last_op = batch.last_op;
        end.hash = batch.hash;
        end.stopped = !fn(arg, &batch);
        if (end.stopped) {
            break;
        }
    }
    if (pawl_ok(err) && code != SQLITE_DONE && code != SQLITE_ROW) {
        err = pawl_segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    if (pawl_ok(err)) {
        *ret_end = end;
    }
    return err;
}

/* --- Names of checkpoints. -------------------------------------------------------------------- */

static bool column_checkpoint(sqlite3_stmt *statement,
                              struct pawl_journal_checkpoint *ret_checkpoint)
{
    int64_t op = sqlite3_column_int64(statement, 0);
    const char *file = (const char *)sqlite3_column_text(statement, 3);
    struct pawl_slice name = pawl_slice_str(file);
    if (op < 1 || !pawl_segment_column_hash(statement, 1, &ret_checkpoint->hash) ||
        name.bytes == 0 || pawl_slice_find_byte(name, '/') != SIZE_MAX) {
        return false;
    }
    ret_checkpoint->op = (uint64_t)op;
    ret_checkpoint->digest = (uint64_t)sqlite3_column_int64(statement, 2);
    return pawl_slice_copy_str(name, ret_checkpoint->file, sizeof(ret_checkpoint->file));
}

pawl_err pawl_segment_checkpoints(struct pawl_segment *segment,
                                  struct pawl_segment_checkpoints *ret_checkpoints,
                                  struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(
        segment, "SELECT op, hash, digest, file FROM checkpoint ORDER BY op DESC", &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_segment_checkpoints found = {.count = 0};
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && pawl_ok(err); code = sqlite3_step(statement)) {
        if (found.count == PAWL_SEGMENT_CHECKPOINTS ||
            !column_checkpoint(statement, &found.rows[found.count])) {
            err = pawl_segment_corrupt(segment, msg);
        } else {
            found.count++;
        }
    }
    if (pawl_ok(err) && code != SQLITE_DONE) {
        err = pawl_segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    if (pawl_ok(err)) {
        *ret_checkpoints = found;
    }
    return err;
}

static pawl_err insert_checkpoint(struct pawl_segment *segment,
                                  const struct pawl_journal_checkpoint *checkpoint,
                                  struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(
        segment, "INSERT INTO checkpoint(op, hash, digest, file) VALUES (?1, ?2, ?3, ?4)",
        &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_bind_int64(statement, 1, (sqlite3_int64)checkpoint->op);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_blob(statement, 2, checkpoint->hash.bytes, PAWL_JOURNAL_HASH_BYTES,
                                 SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 3, (sqlite3_int64)checkpoint->digest);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 4, checkpoint->file, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_DONE) {
        err = pawl_segment_failed(segment, code, "write", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

pawl_err pawl_segment_put_checkpoints(struct pawl_segment *segment,
                                      const struct pawl_segment_checkpoints *checkpoints,
                                      struct pawl_errmsg *msg)
{
    pawl_err err = PAWL_OK;
    PAWL_ASSERT(checkpoints->count <= PAWL_SEGMENT_CHECKPOINTS);
    for (uint32_t i = 0; i < checkpoints->count && pawl_ok(err); i++) {
        err = insert_checkpoint(segment, &checkpoints->rows[i], msg);
    }
    return err;
}

pawl_err pawl_segment_set_checkpoints(struct pawl_segment *segment,
                                      const struct pawl_segment_checkpoints *checkpoints,
                                      struct pawl_errmsg *msg)
{
    PAWL_ASSERT(segment->writes && checkpoints->count > 0);
    pawl_err err =
        pawl_segment_run(segment, "BEGIN IMMEDIATE; DELETE FROM checkpoint", "write", msg);
    if (pawl_ok(err)) {
        err = pawl_segment_put_checkpoints(segment, checkpoints, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_run(segment, "COMMIT", "write", msg);
    }
    return err;
}
