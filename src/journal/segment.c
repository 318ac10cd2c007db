/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c: one SQLite file of the journal: opening, its settings, its log, closing. What is in
 * its rows is segment_rows.c's.
 *
 * The settings of docs/JOURNAL.md, section 4, are made when the file is opened. A file is
 * made whole (segment_make.c): it either has the row of the table `segment`, and then all of its
 * tables, or was never begun (J13).
 *
 * Reading changes nothing. A file without a log beside it is opened as immutable, which also works
 * on read-only media. One with a log (after a crash) is opened with write access, because
 * SQLite wants a lock, but then only read, and closed without copying the log. Where there is no
 * write access, SQLite's VFS without locks does: the journal's own lock is held.
 *
 * Failure: SQLite's codes become ours through sqlite_err.c. Nothing is retried. Ownership: the
 * segment owns its connection and statements; one thread at a time.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/pack.h"
#include "journal/segment_priv.h"
#include "journal/sqlite_err.h"
#include "journal/sqlite_uri.h"

pawl_err pawl_segment_failed(struct pawl_segment *segment,
                             int code,
                             const char *doing,
                             struct pawl_errmsg *msg)
{
    return pawl_sqlite_err(segment->db, code, doing, segment->path, msg);
}

pawl_err pawl_segment_run(struct pawl_segment *segment,
                          const char *sql,
                          const char *doing,
                          struct pawl_errmsg *msg)
{
    int code = sqlite3_exec(segment->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? PAWL_OK : pawl_segment_failed(segment, code, doing, msg);
}

pawl_err pawl_segment_prepare(struct pawl_segment *segment,
                              const char *sql,
                              sqlite3_stmt **ret_statement,
                              struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(segment->db, sql, -1, 0, &statement, NULL);
    if (code != SQLITE_OK) {
        return pawl_segment_failed(segment, code, "read", msg);
    }
    *ret_statement = statement;
    return PAWL_OK;
}

pawl_err pawl_segment_corrupt(const struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "%s holds something that pawl did not write", segment->path);
    return PAWL_ERR(CORRUPT);
}

bool pawl_segment_column_hash(sqlite3_stmt *statement,
                              int column,
                              struct pawl_journal_hash *ret_hash)
{
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(statement, column) != PAWL_JOURNAL_HASH_BYTES) {
        return false;
    }
    memcpy(ret_hash->bytes, sqlite3_column_blob(statement, column), PAWL_JOURNAL_HASH_BYTES);
    return true;
}

/* The one number that a statement like PRAGMA page_count gives. */
static pawl_err query_number(struct pawl_segment *segment,
                             const char *sql,
                             int64_t *ret_number,
                             struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(segment, sql, &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(sqlite3_column_count(statement) == 1);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    } else {
        err = code == SQLITE_DONE ? PAWL_ERR(CORRUPT)
                                  : pawl_segment_failed(segment, code, "read", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* Called by SQLite after each commit with the size of the log. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct pawl_segment *segment = arg;
    (void)name;
    PAWL_ASSERT(db == segment->db && pages >= 0);
    segment->log_pages = (uint32_t)pages;
    return SQLITE_OK;
}

/* --- Opening. --------------------------------------------------------------------------------- */

/* Whether the file, or one beside it, say its log, is there (SQLITE_ACCESS_EXISTS) or can be
 * written (SQLITE_ACCESS_READWRITE); also when that cannot be said. */
static bool may_access(const char *vfs_name, const char *path, const char *suffix, int access)
{
    char name[PAWL_PATH_BYTES_MAX + 16];
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    int length = snprintf(name, sizeof(name), "%s%s", path, suffix);
    int yes = 0;
    if (vfs == NULL || length < 0 || (size_t)length >= sizeof(name) ||
        vfs->xAccess(vfs, name, access, &yes) != SQLITE_OK) {
        return true;
    }
    return yes != 0;
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
    PAWL_ASSERT(bytes > 1 && bytes <= sizeof(segment->path));
    memcpy(segment->path, path, bytes);
    pawl_buf_init(&segment->room, PAWL_PACK_ROOM_BYTES_MAX);
    char uri[PAWL_SQLITE_URI_BYTES];
    const char *name = path;
    if ((flags & SQLITE_OPEN_URI) != 0) {
        pawl_sqlite_immutable_uri(path, uri);
        name = uri;
    }
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(name, &segment->db, flags, vfs);
    if (code != SQLITE_OK) {
        pawl_err err = pawl_segment_failed(segment, code, "open", msg);
        (void)sqlite3_close(segment->db);
        pawl_free(segment);
        return err;
    }
    *ret_segment = segment;
    return PAWL_OK;
}

/* A switch of the connection. All that are used here are older than the STRICT tables, without
 * which SQLite could not read the file at all. */
static void set_switch(struct pawl_segment *segment, int option, int value)
{
    int code = sqlite3_db_config(segment->db, option, value, NULL);
    PAWL_ASSERT(code == SQLITE_OK);
}

/* What holds for every connection. Exclusive locking comes before the log is touched, so that its
 * index is on the heap and there is no shared memory. The hook also takes the place of the one with
 * which SQLite would copy the log by itself. */
static pawl_err configure(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    set_switch(segment, SQLITE_DBCONFIG_DEFENSIVE, 1);
    set_switch(segment, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
    (void)sqlite3_wal_hook(segment->db, after_commit, segment);
    return pawl_segment_run(
        segment,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -2048;",
        "open", msg);
}

/* Everything rests on the log: a file that is not in WAL mode is not one of ours. */
static pawl_err require_wal(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(segment, "PRAGMA journal_mode", &statement, msg);
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
        err = tables == 0 ? PAWL_ERR(NOT_FOUND) : pawl_segment_corrupt(segment, msg);
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
        err = pawl_segment_corrupt(segment, msg);
    }
    segment->packs = version != SEGMENT_USER_VERSION_PLAIN;
    if (pawl_ok(err) && segment->packs && version != SEGMENT_USER_VERSION) {
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
        err = pawl_segment_prepare(segment, "SELECT number, first_op, previous FROM segment",
                                   &statement, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_step(statement);
    int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    int64_t first_op = code == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        err = pawl_segment_failed(segment, code, "read", msg);
    } else if (number < 1 || number > UINT32_MAX || first_op < 1 ||
               !pawl_segment_column_hash(statement, 2, &segment->place.previous)) {
        err = pawl_segment_corrupt(segment, msg);
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
    PAWL_ASSERT(segment->insert == NULL && !segment->writes);
    segment->writes = true;
    int code = sqlite3_prepare_v3(
        segment->db, "INSERT INTO batch(first_op, last_op, hash, blob) VALUES (?1, ?2, ?3, ?4)", -1,
        SQLITE_PREPARE_PERSISTENT, &segment->insert, NULL);
    return code == SQLITE_OK ? PAWL_OK : pawl_segment_failed(segment, code, "open", msg);
}

pawl_err pawl_segment_open(const char *vfs,
                           const char *path,
                           enum pawl_segment_access access,
                           struct pawl_segment **ret_segment,
                           struct pawl_errmsg *msg)
{
    bool reading = access == PAWL_SEGMENT_READ;
    int flags = SQLITE_OPEN_READWRITE;
    if (reading && !may_access(vfs, path, "-wal", SQLITE_ACCESS_EXISTS)) {
        flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    } else if (reading && vfs == NULL && !may_access(vfs, path, "", SQLITE_ACCESS_READWRITE)) {
        flags = SQLITE_OPEN_READONLY;
        vfs = "unix-none";
    }
    struct pawl_segment *segment = NULL;
    pawl_err err = connect(vfs, path, flags, &segment, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(segment != NULL);
    if (reading) {
        set_switch(segment, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
    }
    err = configure(segment, msg);
    if (pawl_ok(err)) {
        err = load_place(segment, msg);
    }
    if (pawl_ok(err) && !reading) {
        err = require_wal(segment, msg);
    }
    if (pawl_ok(err)) {
        err = reading ? pawl_segment_run(segment, "PRAGMA query_only = ON", "open", msg)
                      : prepare_insert(segment, msg);
    }
    if (pawl_failed(err)) {
        pawl_segment_close(segment, reading);
        return err;
    }
    PAWL_ASSERT(segment->place.number > 0 && segment->place.first_op > 0);
    PAWL_ASSERT(segment->writes == (access == PAWL_SEGMENT_WRITE));
    *ret_segment = segment;
    return PAWL_OK;
}

void pawl_segment_close(struct pawl_segment *segment, bool poisoned)
{
    if (segment == NULL) {
        return;
    }
    PAWL_ASSERT(segment->db != NULL);
    if (poisoned) {
        set_switch(segment, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
    }
    (void)sqlite3_finalize(segment->insert);
    int code = sqlite3_close(segment->db);
    PAWL_ASSERT(code == SQLITE_OK);
    pawl_buf_free(&segment->room);
    pawl_free(segment);
}

/* --- The open file. --------------------------------------------------------------------------- */

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

pawl_err pawl_segment_copy_log(struct pawl_segment *segment, bool empty, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(segment->writes && segment->insert != NULL);
    int mode = empty ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int pages = 0;
    int copied = 0;
    int code = sqlite3_wal_checkpoint_v2(segment->db, NULL, mode, &pages, &copied);
    if (code != SQLITE_OK) {
        return pawl_segment_failed(segment, code, "checkpoint", msg);
    }
    /* The next commit begins at the log's start again, and then the hook tells its size. */
    segment->log_pages = 0;
    return PAWL_OK;
}
