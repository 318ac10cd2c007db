/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_make.c: a new file of the journal. It is made in memory, tables, place and names of
 * checkpoints, and written as any other file of ours: under a temporary name, synced, renamed,
 * the directory synced. So a crash leaves no segment or a whole one (J13), and it takes two syncs
 * where SQLite, made to create it in place, takes fifteen; a short run waits for them.
 *
 * A database in memory has a rollback journal as its mode, which is two bytes of its header (18 and
 * 19, the versions for writing and reading, in SQLite's file format); ours has a write-ahead log.
 *
 * What lies beside the new name from a file that somebody took away would be read as its log: it
 * goes first.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "journal/segment_priv.h"

enum { HEADER_BYTES = 100, AT_WRITE_VERSION = 18, AT_READ_VERSION = 19, VERSION_WAL = 2 };

/* --- The content. ----------------------------------------------------------------------------- */

static pawl_err put_tables(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    char sql[128];
    int length =
        snprintf(sql, sizeof(sql),
                 "PRAGMA page_size = %d; PRAGMA application_id = %d; PRAGMA user_version = %d",
                 SEGMENT_PAGE_BYTES, SEGMENT_APPLICATION_ID, SEGMENT_USER_VERSION);
    PAWL_ASSERT(length > 0 && (size_t)length < sizeof(sql));
    pawl_err err = pawl_segment_run(segment, sql, "create", msg);
    if (pawl_ok(err)) {
        err =
            pawl_segment_run(segment,
                             "CREATE TABLE segment (id INTEGER PRIMARY KEY CHECK (id = 1),"
                             " number INTEGER NOT NULL, first_op INTEGER NOT NULL,"
                             " previous BLOB NOT NULL) STRICT;"
                             "CREATE TABLE batch (first_op INTEGER PRIMARY KEY,"
                             " last_op INTEGER NOT NULL, hash BLOB NOT NULL, blob BLOB NOT NULL)"
                             " STRICT;"
                             "CREATE TABLE checkpoint (op INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
                             " digest INTEGER NOT NULL, file TEXT NOT NULL) STRICT",
                             "create", msg);
    }
    return err;
}

static pawl_err put_place(struct pawl_segment *segment, struct pawl_errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    pawl_err err = pawl_segment_prepare(
        segment, "INSERT INTO segment(id, number, first_op, previous) VALUES (1, ?1, ?2, ?3)",
        &statement, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int code = sqlite3_bind_int64(statement, 1, segment->place.number);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 2, (sqlite3_int64)segment->place.first_op);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_blob(statement, 3, segment->place.previous.bytes,
                                 PAWL_JOURNAL_HASH_BYTES, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_DONE) {
        err = pawl_segment_failed(segment, code, "create", msg);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* The bytes of the file, for sqlite3_free. */
static pawl_err make_content(struct pawl_segment *segment,
                             const struct pawl_segment_checkpoints *checkpoints,
                             unsigned char **ret_bytes,
                             sqlite3_int64 *ret_count,
                             struct pawl_errmsg *msg)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(":memory:", &segment->db, flags, NULL);
    pawl_err err = code == SQLITE_OK ? PAWL_OK : pawl_segment_failed(segment, code, "create", msg);
    if (pawl_ok(err)) {
        err = put_tables(segment, msg);
    }
    if (pawl_ok(err)) {
        err = put_place(segment, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_put_checkpoints(segment, checkpoints, msg);
    }
    if (pawl_ok(err)) {
        *ret_bytes = sqlite3_serialize(segment->db, "main", ret_count, 0);
        if (*ret_bytes == NULL) {
            pawl_errmsg_set(msg, "no memory to create %s", segment->path);
            err = PAWL_ERR(MEMORY);
        }
    }
    code = sqlite3_close(segment->db);
    PAWL_ASSERT(code == SQLITE_OK);
    segment->db = NULL;
    return err;
}

/* --- The file. -------------------------------------------------------------------------------- */

/* "<path><suffix>". */
static pawl_err beside(const char *path,
                       const char *suffix,
                       char ret_path[static PAWL_PATH_BYTES_MAX],
                       struct pawl_errmsg *msg)
{
    int length = snprintf(ret_path, PAWL_PATH_BYTES_MAX, "%s%s", path, suffix);
    if (length < 0 || length >= PAWL_PATH_BYTES_MAX) {
        pawl_errmsg_set(msg, "the path %s is too long", path);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

static pawl_err remove_beside(const struct pawl_files *files,
                              const char *path,
                              const char *suffix,
                              struct pawl_errmsg *msg)
{
    char name[PAWL_PATH_BYTES_MAX];
    pawl_err err = beside(path, suffix, name, msg);
    return pawl_ok(err) ? files->ops->remove(files->arg, name, msg) : err;
}

static pawl_err write_file(const struct pawl_files *files,
                           const char *path,
                           struct pawl_slice content,
                           struct pawl_errmsg *msg)
{
    char temporary[PAWL_PATH_BYTES_MAX];
    pawl_err err = beside(path, ".tmp", temporary, msg);
    return pawl_ok(err) ? pawl_files_write(files, temporary, path, content, msg) : err;
}

pawl_err pawl_segment_create(const struct pawl_files *files,
                             const char *vfs,
                             const char *path,
                             const struct pawl_segment_place *place,
                             const struct pawl_segment_checkpoints *checkpoints,
                             struct pawl_segment **ret_segment,
                             struct pawl_errmsg *msg)
{
    struct pawl_segment made = {.place = *place};
    size_t path_bytes = strlen(path) + 1;
    PAWL_ASSERT(place->number > 0 && place->first_op > 0 && path_bytes <= sizeof(made.path));
    memcpy(made.path, path, path_bytes);
    unsigned char *bytes = NULL;
    sqlite3_int64 count = 0;
    pawl_err err = make_content(&made, checkpoints, &bytes, &count, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(count > HEADER_BYTES && count % SEGMENT_PAGE_BYTES == 0);
    bytes[AT_WRITE_VERSION] = VERSION_WAL;
    bytes[AT_READ_VERSION] = VERSION_WAL;
    err = remove_beside(files, path, "-wal", msg);
    if (pawl_ok(err)) {
        err = remove_beside(files, path, "-journal", msg);
    }
    if (pawl_ok(err)) {
        err = write_file(files, path, pawl_slice_of((const char *)bytes, (size_t)count), msg);
    }
    sqlite3_free(bytes);
    if (pawl_ok(err)) {
        err = pawl_segment_open(vfs, path, PAWL_SEGMENT_WRITE, ret_segment, msg);
    }
    if (err.code == PAWL_ERR_NOT_FOUND) {
        pawl_errmsg_set(msg, "%s is not there any more", path);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}
