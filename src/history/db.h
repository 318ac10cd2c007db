/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h: the history's SQLite file, inside this layer: one connection, its schema, and a way to
 * run a statement with values in one line. Statements are prepared once and kept.
 */
#ifndef PAWL_HISTORY_DB_H
#define PAWL_HISTORY_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "history/history.h"
#include "journal/record.h"

enum { PAWL_HISTORY_STATEMENTS_MAX = 64 };

struct pawl_history_db {
    sqlite3 *sqlite;
    struct {
        const char *sql; /* compared by address: literals only */
        sqlite3_stmt *statement;
    } statements[PAWL_HISTORY_STATEMENTS_MAX];
    uint32_t statement_count;
    bool read_only;
    pawl_err err; /* the first failure, kept until it is taken */
    struct pawl_errmsg msg;
};

/* Makes the file if need be. After a failure too the struct wants closing. */
PAWL_MUST_CHECK pawl_err pawl_history_db_open(struct pawl_history_db *db, const char *path);
/* The same for a reader: where nothing can be written, `read_only` is set and the file is read as
 * it is. */
PAWL_MUST_CHECK pawl_err pawl_history_db_open_reader(struct pawl_history_db *db, const char *path);
void pawl_history_db_close(struct pawl_history_db *db);
/* Keeps a failure that SQLite knows nothing of, unless there was one before. */
void pawl_history_db_fail(struct pawl_history_db *db, pawl_err err, const char *text);

/* A prepared statement with values bound: one letter each, 'i' int64_t, 's' struct pawl_slice
 * (an empty one is NULL in the table), 't' const char *. NULL after a failure, which is kept in
 * db->err. Reset before the next use by the next call of the same. */
sqlite3_stmt *
pawl_history_db_bind(struct pawl_history_db *db, const char *sql, const char *types, ...);
/* Binds and runs to the end, dropping rows. false: kept in db->err. */
bool pawl_history_db_run(struct pawl_history_db *db, const char *sql, const char *types, ...);
/* The next row; false at the end or on a failure, which is kept. */
bool pawl_history_db_step(struct pawl_history_db *db, sqlite3_stmt *statement);

/* apply.c: one record into the tables, inside a transaction of the caller's, who has made the row
 * of the run and writes its watermark. */
void pawl_history_apply(struct pawl_history_db *db,
                        struct pawl_slice run_id,
                        const struct pawl_record *record);

/* The place of a unit among the amounts (enum pawl_history_unit), or -1. */
int pawl_history_unit_index(uint16_t unit);

/* For query.c. */
struct pawl_history_db *pawl_history_connection(struct pawl_history *history);

#endif
