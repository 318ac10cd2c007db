/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c: opening the file, its schema and its versions, and statements with values.
 *
 * The history is a cache of the journals: `synchronous=NORMAL` is enough, since what a power
 * cut takes from it is fed again from the journal, from the run's watermark on. Several processes
 * write it; WAL and a generous busy time-out let them take turns.
 */
#define _GNU_SOURCE
#include "history/db.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "journal/sqlite_err.h"
#include "journal/sqlite_uri.h"
#include "journal/sqlite_vfs.h"

enum { SCHEMA_VERSION = 7, BUSY_TIMEOUT_MS = 20000, WAL_TRIES = 200, WAL_WAIT_MS = 10 };

/* What an older pawl wrote goes: readers feed the tables again from the journals. Only the list of
 * runs that were removed on purpose stays, since nothing else tells of them. */
static const char schema[] =
    "DROP TABLE IF EXISTS runs;"
    "DROP TABLE IF EXISTS calls;"
    "DROP TABLE IF EXISTS approvals;"
    "DROP TABLE IF EXISTS marks;"
    "CREATE TABLE runs("
    " id TEXT PRIMARY KEY, watermark INTEGER NOT NULL DEFAULT 0,"
    " name TEXT, command TEXT, argv TEXT, cwd TEXT,"
    " started_us INTEGER NOT NULL, ended_us INTEGER NOT NULL DEFAULT 0,"
    " state TEXT NOT NULL, reason TEXT, unit INTEGER NOT NULL DEFAULT 0,"
    " hard_stop INTEGER NOT NULL DEFAULT 0,"
    " status INTEGER NOT NULL DEFAULT -1, agent_status INTEGER NOT NULL DEFAULT -1,"
    " agent_signal INTEGER NOT NULL DEFAULT 0,"
    " limit0 INTEGER NOT NULL DEFAULT -1, limit1 INTEGER NOT NULL DEFAULT -1,"
    " limit2 INTEGER NOT NULL DEFAULT -1, limit3 INTEGER NOT NULL DEFAULT -1,"
    " limit4 INTEGER NOT NULL DEFAULT -1,"
    " spent0 INTEGER NOT NULL DEFAULT 0, spent1 INTEGER NOT NULL DEFAULT 0,"
    " spent2 INTEGER NOT NULL DEFAULT 0, spent3 INTEGER NOT NULL DEFAULT 0,"
    " spent4 INTEGER NOT NULL DEFAULT 0,"
    " unconfirmed INTEGER NOT NULL DEFAULT 0, overshoot INTEGER NOT NULL DEFAULT 0,"
    " calls INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,"
    " asked INTEGER NOT NULL DEFAULT 0, given INTEGER NOT NULL DEFAULT 0,"
    " batches INTEGER NOT NULL DEFAULT 0,"
    " resumed_from TEXT, before TEXT, end_note TEXT,"
    " policy TEXT, repo TEXT, attended INTEGER NOT NULL DEFAULT 0, model TEXT, phase TEXT,"
    " baseline TEXT, baseline_last TEXT,"
    " keep_ms INTEGER NOT NULL DEFAULT 0, origins TEXT,"
    " first0 INTEGER NOT NULL DEFAULT -1, first1 INTEGER NOT NULL DEFAULT -1,"
    " first2 INTEGER NOT NULL DEFAULT -1, first3 INTEGER NOT NULL DEFAULT -1,"
    " first4 INTEGER NOT NULL DEFAULT -1) WITHOUT ROWID;"
    "CREATE INDEX runs_by_start ON runs(started_us);"
    "CREATE INDEX runs_by_resumed ON runs(resumed_from) WHERE resumed_from IS NOT NULL;"
    "CREATE INDEX runs_by_keep ON runs(ended_us+keep_ms*1000) WHERE keep_ms>0 AND ended_us>0;"
    "CREATE TABLE calls("
    " run_id TEXT NOT NULL, id INTEGER NOT NULL,"
    " at_us INTEGER NOT NULL, settled_us INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,"
    " dialect TEXT, model_asked TEXT, model TEXT, end TEXT, reason TEXT,"
    " status INTEGER NOT NULL DEFAULT 0,"
    " hold0 INTEGER NOT NULL DEFAULT 0, hold1 INTEGER NOT NULL DEFAULT 0,"
    " hold2 INTEGER NOT NULL DEFAULT 0, hold3 INTEGER NOT NULL DEFAULT 0,"
    " hold4 INTEGER NOT NULL DEFAULT 0,"
    " spent0 INTEGER NOT NULL DEFAULT 0, spent1 INTEGER NOT NULL DEFAULT 0,"
    " spent2 INTEGER NOT NULL DEFAULT 0, spent3 INTEGER NOT NULL DEFAULT 0,"
    " spent4 INTEGER NOT NULL DEFAULT 0,"
    " input INTEGER NOT NULL DEFAULT 0, cache_read INTEGER NOT NULL DEFAULT 0,"
    " cache_write INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0,"
    " reasoning INTEGER NOT NULL DEFAULT 0, tool_calls INTEGER NOT NULL DEFAULT 0,"
    " duration_us INTEGER NOT NULL DEFAULT 0, estimated INTEGER NOT NULL DEFAULT 0,"
    " reserve_meta TEXT, settle_meta TEXT, phase TEXT,"
    " PRIMARY KEY(run_id, id)) WITHOUT ROWID;"
    "CREATE TABLE approvals("
    " run_id TEXT NOT NULL, id INTEGER NOT NULL, at_us INTEGER NOT NULL,"
    " answered_us INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, kind TEXT NOT NULL,"
    " asked TEXT NOT NULL, given TEXT, answered_by TEXT, unasked INTEGER NOT NULL DEFAULT 0,"
    " phase TEXT,"
    " PRIMARY KEY(run_id, id)) WITHOUT ROWID;"
    "CREATE TABLE marks("
    " run_id TEXT NOT NULL, id INTEGER NOT NULL, at_us INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY(run_id, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS gone("
    " id TEXT PRIMARY KEY, name TEXT, ended_us INTEGER NOT NULL, keep_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "PRAGMA user_version=7;";
_Static_assert(SCHEMA_VERSION == 7, "the last line of the schema says its version");

void pawl_history_db_fail(struct pawl_history_db *db, pawl_err err, const char *text)
{
    PAWL_ASSERT(pawl_failed(err));
    if (pawl_ok(db->err)) {
        db->err = err;
        pawl_errmsg_set(&db->msg, "history: %s", text);
    }
}

/* Keeps what the connection said last, if it is the first failure. */
static void keep_error(struct pawl_history_db *db, int code, const char *doing)
{
    if (pawl_failed(db->err)) {
        return;
    }
    const char *path = sqlite3_db_filename(db->sqlite, "main");
    db->err = pawl_sqlite_err(db->sqlite, code, doing, path, &db->msg);
    if (db->err.code == PAWL_ERR_CORRUPT) {
        pawl_errmsg_set(&db->msg,
                        "the history is damaged (%s). Delete %s: the next command writes it anew "
                        "from the journals",
                        sqlite3_errmsg(db->sqlite), path);
    }
}

static bool run_script(struct pawl_history_db *db, const char *sql)
{
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        keep_error(db, code, "set up");
    }
    return code == SQLITE_OK;
}

static bool read_version(struct pawl_history_db *db, int64_t *ret_version)
{
    sqlite3_stmt *statement = pawl_history_db_bind(db, "PRAGMA user_version", "");
    if (statement == NULL || !pawl_history_db_step(db, statement)) {
        return false;
    }
    *ret_version = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return true;
}

/* Two processes may arrive at a file together that is empty or of an older version: the version is
 * read again inside the write transaction. */
static bool ensure_schema(struct pawl_history_db *db)
{
    int64_t version = 0;
    if (!read_version(db, &version)) {
        return false;
    }
    if (version < SCHEMA_VERSION) {
        if (!run_script(db, "BEGIN IMMEDIATE") || !read_version(db, &version)) {
            return false;
        }
        if (version < SCHEMA_VERSION && !run_script(db, schema)) {
            return false;
        }
        if (!run_script(db, "COMMIT")) {
            return false;
        }
    }
    if (version > SCHEMA_VERSION) {
        pawl_history_db_fail(db, PAWL_ERR(VERSION), "written by a newer pawl");
        return false;
    }
    return true;
}

/* Of two that make a new file a WAL together one is told at once that it is busy, whatever the
 * time-out: waiting could be for each other. */
static bool enter_wal(struct pawl_history_db *db)
{
    static const char script[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
    int code = sqlite3_exec(db->sqlite, script, NULL, NULL, NULL);
    for (int tries = 0; code == SQLITE_BUSY && tries < WAL_TRIES; tries++) {
        (void)sqlite3_sleep(WAL_WAIT_MS);
        code = sqlite3_exec(db->sqlite, script, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        keep_error(db, code, "set up");
    }
    return code == SQLITE_OK;
}

/* `path` is for messages; false: kept. */
static bool
connect(struct pawl_history_db *db, const char *path, const char *name, int flags, const char *vfs)
{
    *db = (struct pawl_history_db){.err = PAWL_OK};
    int code = sqlite3_open_v2(name, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (code != SQLITE_OK) {
        db->err = pawl_sqlite_err(db->sqlite, code, "open", path, &db->msg);
        return false;
    }
    code = sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
    PAWL_ASSERT(code == SQLITE_OK);
    return true;
}

pawl_err pawl_history_db_open(struct pawl_history_db *db, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (!connect(db, path, path, flags, pawl_sqlite_vfs())) {
        return db->err;
    }
    /* SQLite opens for reading what it cannot open for writing. */
    db->read_only = sqlite3_db_readonly(db->sqlite, "main") == 1;
    if (db->read_only) {
        pawl_history_db_fail(db, PAWL_ERR(PERMISSION), "the file cannot be written");
    } else if (enter_wal(db)) {
        (void)ensure_schema(db); /* a failure is in db->err */
    }
    return db->err;
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* SQLite needs files of its own beside the file. */
static bool may_write_beside(const char *path)
{
    char directory[PAWL_PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    size_t bytes = slash != NULL ? (size_t)(slash - path) : 0;
    if (bytes == 0 || bytes >= sizeof(directory)) {
        return true;
    }
    memcpy(directory, path, bytes);
    directory[bytes] = '\0';
    return may_write(directory);
}

/* Whether there is a log with something in it beside the file. */
static bool has_log(const char *path)
{
    char name[PAWL_PATH_BYTES_MAX + 8];
    struct stat found;
    int bytes = snprintf(name, sizeof(name), "%s-wal", path);
    return bytes > 0 && (size_t)bytes < sizeof(name) && stat(name, &found) == 0 &&
           found.st_size > 0;
}

/* For who reads alone: nothing is made, and nothing brought to the present version. */
static bool expect_version(struct pawl_history_db *db)
{
    int64_t version = 0;
    if (!read_version(db, &version)) {
        return false;
    }
    if (version != SCHEMA_VERSION) {
        pawl_history_db_fail(db, PAWL_ERR(VERSION),
                             version == 0 ? "there is nothing in it yet"
                                          : "written by a newer pawl");
    }
    return version == SCHEMA_VERSION;
}

/* A file without a log is complete and is read as one that nobody changes. With a log, which a
 * process left that was killed, SQLite needs the log's index, which lies beside it then. */
static pawl_err open_read_only(struct pawl_history_db *db, const char *path)
{
    char uri[PAWL_SQLITE_URI_BYTES];
    const char *name = path;
    int flags = SQLITE_OPEN_READONLY;
    if (!has_log(path)) {
        pawl_sqlite_immutable_uri(path, uri);
        name = uri;
        flags |= SQLITE_OPEN_URI;
    }
    /* Our VFS would write to the index. */
    if (connect(db, path, name, flags, NULL)) {
        (void)expect_version(db); /* a failure is in db->err */
    }
    db->read_only = true;
    return db->err;
}

/* On a full disk there is no room for the log's index, a file that all who read share. Who is alone
 * with the history has the index in its memory; where somebody else is at it, it cannot be read. */
static pawl_err open_alone(struct pawl_history_db *db, const char *path)
{
    if (connect(db, path, path, SQLITE_OPEN_READWRITE, NULL)) {
        int code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        PAWL_ASSERT(code == SQLITE_OK);
        if (run_script(db, "PRAGMA locking_mode=EXCLUSIVE")) {
            (void)expect_version(db); /* a failure is in db->err */
        }
    }
    db->read_only = true;
    return db->err;
}

pawl_err pawl_history_db_open_reader(struct pawl_history_db *db, const char *path)
{
    pawl_err err = pawl_history_db_open(db, path);
    bool full = err.code == PAWL_ERR_FULL;
    if (pawl_ok(err) || (!full && may_write(path) && may_write_beside(path))) {
        return err;
    }
    struct pawl_history_db reader;
    pawl_history_db_close(db); /* Its locks would be in the way. */
    if (pawl_failed(full ? open_alone(&reader, path) : open_read_only(&reader, path))) {
        pawl_history_db_close(&reader);
        return err; /* Why it cannot be written says more. */
    }
    *db = reader;
    return PAWL_OK;
}

void pawl_history_db_close(struct pawl_history_db *db)
{
    for (uint32_t i = 0; i < db->statement_count; i++) {
        (void)sqlite3_finalize(db->statements[i].statement); /* its last failure, told already */
    }
    int code = sqlite3_close(db->sqlite);
    PAWL_ASSERT(code == SQLITE_OK);
    db->sqlite = NULL;
    db->statement_count = 0;
}

static sqlite3_stmt *prepared(struct pawl_history_db *db, const char *sql)
{
    for (uint32_t i = 0; i < db->statement_count; i++) {
        if (db->statements[i].sql == sql) {
            (void)sqlite3_reset(db->statements[i].statement);
            return db->statements[i].statement;
        }
    }
    PAWL_ASSERT(db->statement_count < PAWL_HISTORY_STATEMENTS_MAX);
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        keep_error(db, code, "read");
        return NULL;
    }
    db->statements[db->statement_count].sql = sql;
    db->statements[db->statement_count].statement = statement;
    db->statement_count++;
    return statement;
}

static int bind_text(sqlite3_stmt *statement, int index, struct pawl_slice text)
{
    return text.bytes == 0 ? sqlite3_bind_null(statement, index)
                           : sqlite3_bind_text64(statement, index, text.data, text.bytes,
                                                 SQLITE_TRANSIENT, SQLITE_UTF8);
}

static sqlite3_stmt *
bind_all(struct pawl_history_db *db, const char *sql, const char *types, va_list values)
{
    if (pawl_failed(db->err)) {
        return NULL;
    }
    sqlite3_stmt *statement = prepared(db, sql);
    if (statement == NULL) {
        return NULL;
    }
    int code = SQLITE_OK;
    for (int i = 0; types[i] != '\0' && code == SQLITE_OK; i++) {
        switch (types[i]) {
        case 'i':
            code = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
            break;
        case 's':
            code = bind_text(statement, i + 1, va_arg(values, struct pawl_slice));
            break;
        case 't':
            code = bind_text(statement, i + 1, pawl_slice_str(va_arg(values, const char *)));
            break;
        default:
            PAWL_UNREACHABLE();
        }
    }
    if (code != SQLITE_OK) {
        keep_error(db, code, "write");
        return NULL;
    }
    return statement;
}

sqlite3_stmt *
pawl_history_db_bind(struct pawl_history_db *db, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = bind_all(db, sql, types, values);
    va_end(values);
    return statement;
}

bool pawl_history_db_step(struct pawl_history_db *db, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        keep_error(db, code, sqlite3_stmt_readonly(statement) != 0 ? "read" : "write");
    }
    (void)sqlite3_reset(statement); /* says again what the step said */
    return false;
}

bool pawl_history_db_run(struct pawl_history_db *db, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = bind_all(db, sql, types, values);
    va_end(values);
    if (statement == NULL) {
        return false;
    }
    while (pawl_history_db_step(db, statement)) {
    }
    return pawl_ok(db->err);
}
