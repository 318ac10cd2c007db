/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h: the archive's SQLite file, inside this layer: one connection, its schema, and its
 * statements, all of which stand in one table so that a test can look at every plan.
 */
#ifndef PAWL_ARCHIVE_DB_H
#define PAWL_ARCHIVE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"

enum pawl_archive_sql {
    /* Transactions and what the file is. */
    PAWL_ARCHIVE_SQL_BEGIN_WRITE,
    PAWL_ARCHIVE_SQL_BEGIN_READ,
    PAWL_ARCHIVE_SQL_COMMIT,
    PAWL_ARCHIVE_SQL_STATE_GET,
    PAWL_ARCHIVE_SQL_STATE_SET,
    /* Rows and texts (rows.h). */
    PAWL_ARCHIVE_SQL_BLOCK_GET,
    PAWL_ARCHIVE_SQL_BLOCK_FROM,
    PAWL_ARCHIVE_SQL_BLOCK_LAST,
    PAWL_ARCHIVE_SQL_BLOCK_PUT,
    PAWL_ARCHIVE_SQL_BLOCK_DELETE,
    PAWL_ARCHIVE_SQL_PACK_AT,
    PAWL_ARCHIVE_SQL_PACK_PUT,
    PAWL_ARCHIVE_SQL_PACK_DELETE,
    /* Tenants and scopes. */
    PAWL_ARCHIVE_SQL_TENANT_FIND,
    PAWL_ARCHIVE_SQL_TENANT_NAME,
    PAWL_ARCHIVE_SQL_TENANT_INSERT,
    PAWL_ARCHIVE_SQL_SCOPE_FIND,
    PAWL_ARCHIVE_SQL_SCOPE_GET,
    PAWL_ARCHIVE_SQL_SCOPE_INSERT,
    PAWL_ARCHIVE_SQL_SCOPE_UP,
    PAWL_ARCHIVE_SQL_SCOPE_DOWN,
    PAWL_ARCHIVE_SQL_SCOPE_DELETE,
    PAWL_ARCHIVE_SQL_LEVEL_INSERT,
    PAWL_ARCHIVE_SQL_LEVEL_SCOPES,
    PAWL_ARCHIVE_SQL_LEVEL_HAS,
    PAWL_ARCHIVE_SQL_LEVEL_DELETE,
    PAWL_ARCHIVE_SQL_REACH_GET,
    PAWL_ARCHIVE_SQL_REACH_FROM,
    PAWL_ARCHIVE_SQL_REACH_PUT,
    PAWL_ARCHIVE_SQL_REACH_DELETE,
    /* Leaves (shelf.h). */
    PAWL_ARCHIVE_SQL_PLACE_AT,
    PAWL_ARCHIVE_SQL_PLACE_BEFORE,
    PAWL_ARCHIVE_SQL_PLACE_AFTER,
    PAWL_ARCHIVE_SQL_PLACE_INSERT,
    PAWL_ARCHIVE_SQL_PLACE_DELETE,
    PAWL_ARCHIVE_SQL_LEAF_GET,
    PAWL_ARCHIVE_SQL_LEAF_INSERT,
    PAWL_ARCHIVE_SQL_LEAF_UPDATE,
    PAWL_ARCHIVE_SQL_LEAF_DELETE,
    PAWL_ARCHIVE_SQL_COUNT
};

struct pawl_archive_db {
    sqlite3 *sqlite; /* NULL: closed */
    sqlite3_stmt *statements[PAWL_ARCHIVE_SQL_COUNT];
    uint64_t work; /* since a query began, in some twenty nanoseconds; see query.h */
    pawl_err err;  /* the first failure; while there is one nothing is done any more */
    struct pawl_errmsg msg;
};

/* The text of a statement, for the test of plans. */
const char *pawl_archive_sql_text(enum pawl_archive_sql which);

enum pawl_archive_db_file {
    PAWL_ARCHIVE_DB_MADE, /* made if need be */
    PAWL_ARCHIVE_DB_THERE /* somebody writes it: where there is none it was taken away */
};

/* CORRUPT or VERSION: it wants setting aside. After a failure it is closed, and `err` and `msg` say
 * why. */
PAWL_MUST_CHECK pawl_err pawl_archive_db_open(struct pawl_archive_db *db,
                                              const char *path,
                                              enum pawl_archive_db_file file);
/* Closed already: nothing. */
void pawl_archive_db_close(struct pawl_archive_db *db);
/* Renames a closed file to "PATH.aside" and removes what lies beside it. What cannot be renamed is
 * removed. */
PAWL_MUST_CHECK pawl_err pawl_archive_db_set_aside(const char *path, struct pawl_errmsg *msg);
/* Keeps a failure, unless there was one before. */
void pawl_archive_db_fail(struct pawl_archive_db *db, pawl_err err, const char *text);
/* An array with room for `wanted` elements of `each` bytes: the one that it was given, or one that
 * is twice as large as is wanted and has what was in it. NULL: no memory, which is kept as a
 * failure, and the old one is as it was. */
PAWL_MUST_CHECK void *pawl_archive_db_room(
    struct pawl_archive_db *db, void *array, size_t *capacity, size_t wanted, size_t each);
/* Ends a transaction that failed; closing would do it too. */
void pawl_archive_db_rollback(struct pawl_archive_db *db);

/* Ready to be bound. */
sqlite3_stmt *pawl_archive_db_get(struct pawl_archive_db *db, enum pawl_archive_sql which);
/* The next row; false at the end or on a failure, which is kept. At the end it is reset; whoever
 * leaves before calls pawl_archive_db_done. */
bool pawl_archive_db_step(struct pawl_archive_db *db, sqlite3_stmt *statement);
void pawl_archive_db_done(sqlite3_stmt *statement);
/* Runs one that has no rows. */
void pawl_archive_db_run(struct pawl_archive_db *db, sqlite3_stmt *statement);

/* Texts and blobs are borrowed until the statement is done. */
static inline void pawl_archive_bind(sqlite3_stmt *statement, int index, int64_t value)
{
    int code = sqlite3_bind_int64(statement, index, value);
    PAWL_ASSERT(code == SQLITE_OK);
}

/* An empty one is NULL in the table. */
static inline void
pawl_archive_bind_text(sqlite3_stmt *statement, int index, struct pawl_slice text)
{
    int code = text.bytes == 0
                   ? sqlite3_bind_null(statement, index)
                   : sqlite3_bind_text(statement, index, text.data, (int)text.bytes, SQLITE_STATIC);
    PAWL_ASSERT(code == SQLITE_OK);
}

static inline void
pawl_archive_bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t bytes)
{
    int code = sqlite3_bind_blob(statement, index, data, (int)bytes, SQLITE_STATIC);
    PAWL_ASSERT(code == SQLITE_OK);
}

/* Good until the statement goes on. */
static inline struct pawl_slice pawl_archive_column_text(sqlite3_stmt *statement, int column)
{
    const char *data = (const char *)sqlite3_column_text(statement, column);
    int bytes = sqlite3_column_bytes(statement, column);
    return data == NULL ? PAWL_SLICE_NONE : pawl_slice_of(data, (size_t)bytes);
}

#endif
