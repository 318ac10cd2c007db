/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c: one SQLite file of the journal.
 *
 * A batch is one row and one transaction: SQLite's own commit decides whether it is there (J1,
 * J4). The settings of docs/JOURNAL.md, section 4, are made when the file is opened. A file is
 * made whole (segment_make.c): it either has the row of the table `segment`, and then all of its
 * tables, or was never begun (J13).
 *
 * Reading changes nothing. A file whose log is empty or gone is opened as immutable, which also
 * works on read-only media. One with a log (after a crash) is opened with write access, because
 * SQLite wants a lock, but then only read, and closed without copying the log.
 *
 * Failure: SQLite's codes become ours through sqlite_err.c. Nothing is retried. Ownership: the
 * segment owns its connection and statements; one thread at a time.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/files.h"
#include "journal/record.h"
#include "journal/segment_priv.h"
#include "journal/sqlite_err.h"

enum { ROW_OVERHEAD_BYTES = 64 };

pawl_err
segment_failed(struct pawl_segment *segment, int code, const char *doing, struct pawl_errmsg *msg)
{
    return pawl_sqlite_err(segment->db, code, doing, segment->path, msg);
}

pawl_err segment_run(struct pawl_segment *segment,
                     const char *sql,
                     const char *doing,
                     struct pawl_errmsg *msg)
{
    int code = sqlite3_exec(segment->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? PAWL_OK : segment_failed(segment, code, doing, msg);
}

pawl_err segment_prepare(struct pawl_segment *segment,
                         const char *sql,
                         sqlite3_stmt **ret_statement,
                         struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(segment->db, sql, -1, 0, &statement, NULL);
    if (code != SQLITE_OK) {
        return segment_failed(segment, code, "read", msg);
    }
    *ret_statement = statement;
    return PAWL_OK;
}

/* The one number that a statement like PRAGMA page_count gives. */
static pawl_err query_number(struct pawl_segment *segment,
                             const char *sql,
                             int64_t *ret_number,
                             struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = segment_prepare(segment, sql, &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    } else {
        err = code == SQLITE_DONE ? PAWL_ERR(CORRUPT) : segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static bool column_hash(sqlite3_stmt *statement, int column, struct pawl_journal_hash *ret_hash)
{
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(statement, column) != PAWL_JOURNAL_HASH_BYTES) {
        return false;
    }
    memcpy(ret_hash->bytes, sqlite3_column_blob(statement, column), PAWL_JOURNAL_HASH_BYTES);
    return true;
}

static pawl_err corrupt(const struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "%s holds something that pawl did not write", segment->path);
    return PAWL_ERR(CORRUPT);
}

/* Called by SQLite after each commit with the size of the log. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct pawl_segment *segment = arg;
    (void)db;
    (void)name;
    segment->log_pages = (uint32_t)pages;
    return SQLITE_OK;
}

/* --- Opening. --------------------------------------------------------------------------------- */

/* "file:<path, escaped>?immutable=1". */
static void immutable_uri(const char *path, char out[static PAWL_PATH_BYTES_MAX * 3 + 32])
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 5;
    memcpy(out, "file:", used);
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte == '%' || byte == '?' || byte == '#') {
            out[used++] = '%';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        } else {
            out[used++] = (char)byte;
        }
    }
    memcpy(out + used, "?immutable=1", sizeof("?immutable=1"));
}

/* Whether the file beside this one, say the log, is there. */
static bool companion_exists(const char *vfs_name, const char *path, const char *suffix)
{
    char name[PAWL_PATH_BYTES_MAX + 16];
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    int length = snprintf(name, sizeof(name), "%s%s", path, suffix);
    int exists = 0;
    if (vfs == NULL || length < 0 || (size_t)length >= sizeof(name) ||
        vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, &exists) != SQLITE_OK) {
        return true;
    }
    return exists != 0;
}

static pawl_err connect(const char *vfs,
                        const char *path,
                        int flags,
                        struct pawl_segment **ret_segment,
                        struct pawl_errmsg *msg)
{
    struct pawl_segment *segment = pawl_alloc_zeroed(1, sizeof(*segment));
    if (segment == NULL) {
        pawl_errmsg_set(msg, "no memory to open %s", path);
        return PAWL_ERR(MEMORY);
    }
    size_t bytes = strlen(path) + 1;
    PAWL_ASSERT(bytes <= sizeof(segment->path));
    memcpy(segment->path, path, bytes);
    char uri[PAWL_PATH_BYTES_MAX * 3 + 32];
    const char *name = path;
    if ((flags & SQLITE_OPEN_URI) != 0) {
        immutable_uri(path, uri);
        name = uri;
    }
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(name, &segment->db, flags, vfs);
    if (code != SQLITE_OK) {
        pawl_err err = segment_failed(segment, code, "open", msg);
        (void)sqlite3_close(segment->db);
        pawl_free(segment);
        return err;
    }
    *ret_segment = segment;
    return PAWL_OK;
}

/* What holds for every connection. Exclusive locking comes before the log is touched, so that its
 * index is on the heap and there is no shared memory. */
static pawl_err configure(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    (void)sqlite3_db_config(segment->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(segment->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_wal_hook(segment->db, after_commit, segment);
    return segment_run(
        segment,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -2048;",
        "open", msg);
}

/* Everything rests on the log: a file that is not in WAL mode is not one of ours. */
static pawl_err require_wal(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = segment_prepare(segment, "PRAGMA journal_mode", &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_step(statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (mode == NULL || strcmp(mode, "wal") != 0) {
        pawl_errmsg_set(msg, "%s cannot be used with a write-ahead log", segment->path);
        err = PAWL_ERR(UNSUPPORTED);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* Whether the tables are there. A file that was never begun has none. */
static pawl_err begun(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    int64_t tables = 0;
    pawl_err err = query_number(segment,
                                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                                "name IN ('segment', 'batch', 'checkpoint')",
                                &tables, msg);
    if (pawl_ok(err) && tables != 3) {
        err = tables == 0 ? PAWL_ERR(NOT_FOUND) : corrupt(segment, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    int64_t application = 0;
    int64_t version = 0;
    err = query_number(segment, "PRAGMA application_id", &application, msg);
    if (pawl_ok(err)) {
        err = query_number(segment, "PRAGMA user_version", &version, msg);
    }
    if (pawl_ok(err) && application != SEGMENT_APPLICATION_ID) {
        err = corrupt(segment, msg);
    }
    if (pawl_ok(err) && version != SEGMENT_USER_VERSION) {
        pawl_errmsg_set(msg, "%s has format %lld, this pawl knows format %d", segment->path,
                        (long long)version, SEGMENT_USER_VERSION);
        err = PAWL_ERR(VERSION);
    }
    return err;
}

static pawl_err load_place(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    pawl_err err = begun(segment, msg);
    sqlite3_stmt *statement = NULL;
    if (pawl_ok(err)) {
        err = segment_prepare(segment, "SELECT number, first_op, previous FROM segment", &statement,
                              msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_step(statement);
    int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    int64_t first_op = code == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        err = segment_failed(segment, code, "read", msg);
    } else if (number < 1 || number > UINT32_MAX || first_op < 1 ||
               !column_hash(statement, 2, &segment->place.previous)) {
        err = corrupt(segment, msg);
    } else {
        segment->place.number = (uint32_t)number;
        segment->place.first_op = (uint64_t)first_op;
    }
    (void)sqlite3_finalize(statement);
    int64_t pages = 0;
    if (pawl_ok(err)) {
        err = query_number(segment, "PRAGMA page_count", &pages, msg);
        segment->bytes = pages * SEGMENT_PAGE_BYTES;
    }
    return err;
}

static pawl_err prepare_insert(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    segment->writes = true;
    int code = sqlite3_prepare_v3(
        segment->db, "INSERT INTO batch(first_op, last_op, hash, blob) VALUES (?1, ?2, ?3, ?4)", -1,
        SQLITE_PREPARE_PERSISTENT, &segment->insert, NULL);
    return code == SQLITE_OK ? PAWL_OK : segment_failed(segment, code, "open", msg);
}

pawl_err pawl_segment_open(const char *vfs,
                           const char *path,
                           enum pawl_segment_access access,
                           struct pawl_segment **ret_segment,
                           struct pawl_errmsg *msg)
{
    int flags = SQLITE_OPEN_READWRITE;
    if (access == PAWL_SEGMENT_READ) {
        if (!companion_exists(vfs, path, "-wal")) {
            flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
        }
    }
    struct pawl_segment *segment = NULL;
    pawl_err err = connect(vfs, path, flags, &segment, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(segment != NULL);
    if (access == PAWL_SEGMENT_READ) {
        (void)sqlite3_db_config(segment->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    err = configure(segment, msg);
    if (pawl_ok(err)) {
        err = load_place(segment, msg);
    }
    if (pawl_ok(err) && access == PAWL_SEGMENT_WRITE) {
        err = require_wal(segment, msg);
    }
    if (pawl_ok(err)) {
        err = access == PAWL_SEGMENT_WRITE
                  ? prepare_insert(segment, msg)
                  : segment_run(segment, "PRAGMA query_only = ON", "open", msg);
    }
    if (pawl_failed(err)) {
        pawl_segment_close(segment, access == PAWL_SEGMENT_READ);
        return err;
    }
    *ret_segment = segment;
    return PAWL_OK;
}

void pawl_segment_close(struct pawl_segment *segment, bool poisoned)
{
    if (segment == NULL) {
        return;
    }
    if (poisoned) {
        (void)sqlite3_db_config(segment->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_finalize(segment->insert);
    int code = sqlite3_close(segment->db);
    PAWL_ASSERT(code == SQLITE_OK);
    pawl_free(segment);
}

/* --- Batches. --------------------------------------------------------------------------------- */

const struct pawl_segment_place *pawl_segment_place(const struct pawl_segment *segment)
{
    return &segment->place;
}

int64_t pawl_segment_bytes(const struct pawl_segment *segment)
{
    return segment->bytes;
}

uint32_t pawl_segment_log_pages(const struct pawl_segment *segment)
{
    return segment->log_pages;
}

pawl_err pawl_segment_insert(struct pawl_segment *segment,
                             const struct pawl_journal_batch *batch,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(segment->writes && batch->first_op >= segment->place.first_op);
    PAWL_ASSERT(batch->last_op >= batch->first_op && batch->blob.bytes > 0);
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
        code = sqlite3_bind_blob64(insert, 4, batch->blob.data, batch->blob.bytes, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(insert);
    }
    pawl_err err = PAWL_OK;
    if (code != SQLITE_DONE) {
        err = segment_failed(segment, code, "commit to", msg);
    }
    (void)sqlite3_reset(insert);
    (void)sqlite3_clear_bindings(insert);
    segment->bytes += (int64_t)batch->blob.bytes + ROW_OVERHEAD_BYTES;
    return err;
}

/* The row of a batch as it stands there; false when it cannot be one. */
static bool column_batch(sqlite3_stmt *statement, struct pawl_journal_batch *ret_batch)
{
    int64_t first_op = sqlite3_column_int64(statement, 0);
    int64_t last_op = sqlite3_column_int64(statement, 1);
    if (first_op < 1 || last_op < first_op || !column_hash(statement, 2, &ret_batch->hash) ||
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
    pawl_err err = segment_prepare(segment, sql, &statement, msg);
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
        bool sound =
            first_op > 0 && last_op >= first_op && column_hash(statement, 2, &ret_batch->hash);
        ret_batch->first_op = sound ? (uint64_t)first_op : 0;
        ret_batch->last_op = sound ? (uint64_t)last_op : 0;
        err = sound ? PAWL_OK : corrupt(segment, msg);
    } else {
        err =
            code == SQLITE_DONE ? PAWL_ERR(NOT_FOUND) : segment_failed(segment, code, "read", msg);
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

/* J3 and J5: this batch is the successor of what came before, and its frame is sound. */
static pawl_err verify_batch(const struct pawl_segment *segment,
                             const struct pawl_segment_end *before,
                             struct pawl_journal_batch *batch,
                             struct pawl_errmsg *msg)
{
    unsigned long long op = (unsigned long long)batch->first_op;
    if (batch->first_op != before->last_op + 1) {
        pawl_errmsg_set(msg, "%s: operation %llu is missing (the next one is %llu)", segment->path,
                        (unsigned long long)before->last_op + 1, op);
        return PAWL_ERR(CORRUPT);
    }
    batch->previous = before->hash;
    struct pawl_journal_hash hash = pawl_journal_chain(before->hash, batch->blob);
    struct pawl_record_cursor cursor;
    if (memcmp(hash.bytes, batch->hash.bytes, sizeof(hash.bytes)) != 0 ||
        !pawl_record_batch_open(batch->blob, &cursor) ||
        cursor.left != batch->last_op - batch->first_op + 1) {
        pawl_errmsg_set(msg,
                        "%s: the batch at operation %llu was altered; everything before it is "
                        "sound",
                        segment->path, op);
        return PAWL_ERR(CORRUPT);
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
    struct pawl_segment_end end = {.stopped = false};
    pawl_err err = find_start(segment, from_op, &end, msg);
    sqlite3_stmt *statement = NULL;
    if (pawl_ok(err)) {
        err = segment_prepare(segment,
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
        struct pawl_journal_batch batch;
        err = column_batch(statement, &batch) ? verify_batch(segment, &end, &batch, msg)
                                              : corrupt(segment, msg);
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
        err = segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    if (pawl_ok(err)) {
        *ret_end = end;
    }
    return err;
}

/* --- Names of checkpoints, and the log. ------------------------------------------------------- */

static bool column_checkpoint(sqlite3_stmt *statement,
                              struct pawl_journal_checkpoint *ret_checkpoint)
{
    int64_t op = sqlite3_column_int64(statement, 0);
    const char *file = (const char *)sqlite3_column_text(statement, 3);
    struct pawl_slice name = pawl_slice_str(file);
    if (op < 1 || !column_hash(statement, 1, &ret_checkpoint->hash) || name.bytes == 0 ||
        pawl_slice_find_byte(name, '/') != SIZE_MAX) {
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
    pawl_err err = segment_prepare(
        segment, "SELECT op, hash, digest, file FROM checkpoint ORDER BY op DESC", &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_segment_checkpoints found = {.count = 0};
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && pawl_ok(err); code = sqlite3_step(statement)) {
        if (found.count == PAWL_SEGMENT_CHECKPOINTS ||
            !column_checkpoint(statement, &found.rows[found.count])) {
            err = corrupt(segment, msg);
        } else {
            found.count++;
        }
    }
    if (pawl_ok(err) && code != SQLITE_DONE) {
        err = segment_failed(segment, code, "read", msg);
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
    pawl_err err = segment_prepare(
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
        err = segment_failed(segment, code, "write", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

pawl_err segment_put_checkpoints(struct pawl_segment *segment,
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
    PAWL_ASSERT(segment->writes);
    pawl_err err = segment_run(segment, "BEGIN IMMEDIATE; DELETE FROM checkpoint", "write", msg);
    if (pawl_ok(err)) {
        err = segment_put_checkpoints(segment, checkpoints, msg);
    }
    if (pawl_ok(err)) {
        err = segment_run(segment, "COMMIT", "write", msg);
    }
    return err;
}

pawl_err pawl_segment_copy_log(struct pawl_segment *segment, bool empty, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(segment->writes);
    int mode = empty ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int pages = 0;
    int copied = 0;
    int code = sqlite3_wal_checkpoint_v2(segment->db, NULL, mode, &pages, &copied);
    if (code != SQLITE_OK) {
        return segment_failed(segment, code, "checkpoint", msg);
    }
    /* The next commit begins at the log's start again, and then the hook tells its size. */
    segment->log_pages = 0;
    return PAWL_OK;
}
