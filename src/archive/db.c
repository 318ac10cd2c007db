/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c: opening the file, its schema, its statements.
 *
 * The archive is a cache of the journal: `synchronous=NORMAL` is enough, since what a power cut
 * takes from it is fed again from the watermark on. Whatever is not of this version goes: it is
 * cheaper to read the journal again than to keep code for every shape that there was.
 *
 * Rows lie in blocks and their texts in packs (rows.h), what finds them in leaves (shelf.h): a
 * statement for each row, and an index of SQLite's, which costs a search for each row, would be
 * more than all the rest together.
 *
 * Failure: the first one is kept in the connection and nothing is done after it. Ownership: of the
 * connection and its statements.
 */
#include "archive/db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/attrs.h"
#include "base/prng.h"
#include "journal/files.h"
#include "journal/sqlite_err.h"
#include "journal/sqlite_vfs.h"

enum { SCHEMA_VERSION = 3, BUSY_TIMEOUT_MS = 20000, HASH_KEY_BYTES = 16 };

/* Debian builds SQLite with secure_delete, which writes zeros over what goes. 32 MiB of pages are
 * kept in memory by each connection. The log is copied into the file when it has 4 MiB: both are
 * synced then, and a commit of the journal that comes meanwhile waits until the disk has it all. */
static const char settings[] = "PRAGMA page_size=4096;"
                               "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=NORMAL;"
                               "PRAGMA secure_delete=OFF;"
                               "PRAGMA cache_size=-32768;"
                               "PRAGMA wal_autocheckpoint=1024;";

static const char schema[] =
    /* One row: what is in the file. */
    "CREATE TABLE state("
    " id INTEGER PRIMARY KEY, op INTEGER NOT NULL, hash BLOB NOT NULL, rows INTEGER NOT NULL,"
    " hash_key BLOB NOT NULL);"
    "CREATE TABLE block(id INTEGER PRIMARY KEY, rows BLOB NOT NULL);"
    "CREATE TABLE pack(op INTEGER PRIMARY KEY, texts BLOB NOT NULL);"
    "CREATE TABLE tenant(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE scope("
    " id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, path TEXT NOT NULL, UNIQUE(tenant, path));"
    "CREATE TABLE reach(id INTEGER PRIMARY KEY, segments BLOB NOT NULL);"
    "CREATE TABLE level("
    " tenant INTEGER NOT NULL, level INTEGER NOT NULL, value TEXT NOT NULL,"
    " scope INTEGER NOT NULL, PRIMARY KEY(tenant, level, value, scope)) WITHOUT ROWID;"
    "CREATE INDEX level_by_scope ON level(scope);"
    "CREATE TABLE place(key BLOB PRIMARY KEY, leaf INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE leaf(id INTEGER PRIMARY KEY, entries BLOB NOT NULL);"
    "PRAGMA user_version=3;";
_Static_assert(SCHEMA_VERSION == 3, "the last line of the schema says its version");

static const char *const texts[PAWL_ARCHIVE_SQL_COUNT] = {
    [PAWL_ARCHIVE_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [PAWL_ARCHIVE_SQL_BEGIN_READ] = "BEGIN",
    [PAWL_ARCHIVE_SQL_COMMIT] = "COMMIT",
    [PAWL_ARCHIVE_SQL_STATE_GET] = "SELECT op, hash, rows, hash_key FROM state WHERE id=1",
    [PAWL_ARCHIVE_SQL_STATE_SET] = "UPDATE state SET op=?1, hash=?2, rows=?3 WHERE id=1",

    [PAWL_ARCHIVE_SQL_BLOCK_GET] = "SELECT id, rows FROM block WHERE id=?1",
    [PAWL_ARCHIVE_SQL_BLOCK_FROM] = "SELECT id, rows FROM block WHERE id>=?1 ORDER BY id LIMIT 1",
    [PAWL_ARCHIVE_SQL_BLOCK_LAST] =
        "SELECT id, rows FROM block WHERE id<=?1 ORDER BY id DESC LIMIT 1",
    [PAWL_ARCHIVE_SQL_BLOCK_PUT] = "REPLACE INTO block(id, rows) VALUES(?1, ?2)",
    [PAWL_ARCHIVE_SQL_BLOCK_DELETE] = "DELETE FROM block WHERE id=?1",
    [PAWL_ARCHIVE_SQL_PACK_AT] = "SELECT op, texts FROM pack WHERE op<=?1 ORDER BY op DESC LIMIT 1",
    [PAWL_ARCHIVE_SQL_PACK_PUT] = "REPLACE INTO pack(op, texts) VALUES(?1, ?2)",
    [PAWL_ARCHIVE_SQL_PACK_DELETE] = "DELETE FROM pack WHERE op=?1",

    [PAWL_ARCHIVE_SQL_TENANT_FIND] = "SELECT id FROM tenant WHERE name=?1",
    [PAWL_ARCHIVE_SQL_TENANT_NAME] = "SELECT name FROM tenant WHERE id=?1",
    [PAWL_ARCHIVE_SQL_TENANT_INSERT] = "INSERT INTO tenant(name) VALUES(?1)",
    [PAWL_ARCHIVE_SQL_SCOPE_FIND] = "SELECT id FROM scope WHERE tenant=?1 AND path=?2",
    [PAWL_ARCHIVE_SQL_SCOPE_GET] = "SELECT path FROM scope WHERE id=?1",
    [PAWL_ARCHIVE_SQL_SCOPE_INSERT] = "INSERT INTO scope(tenant, path) VALUES(?1, ?2)",
    /* The index of (tenant, path) has both. */
    [PAWL_ARCHIVE_SQL_SCOPE_UP] =
        "SELECT id, path FROM scope WHERE tenant=?1 AND path>=?2 ORDER BY path",
    [PAWL_ARCHIVE_SQL_SCOPE_DOWN] =
        "SELECT id, path FROM scope WHERE tenant=?1 AND path<=?2 ORDER BY path DESC",
    [PAWL_ARCHIVE_SQL_SCOPE_DELETE] = "DELETE FROM scope WHERE id=?1",
    [PAWL_ARCHIVE_SQL_LEVEL_INSERT] =
        "INSERT INTO level(tenant, level, value, scope) VALUES(?1, ?2, ?3, ?4)",
    [PAWL_ARCHIVE_SQL_LEVEL_SCOPES] =
        "SELECT scope FROM level WHERE tenant=?1 AND level=?2 AND value=?3 ORDER BY scope LIMIT ?4",
    [PAWL_ARCHIVE_SQL_LEVEL_HAS] =
        "SELECT 1 FROM level WHERE tenant=?1 AND level=?2 AND value=?3 AND scope=?4",
    [PAWL_ARCHIVE_SQL_LEVEL_DELETE] = "DELETE FROM level WHERE scope=?1",

    [PAWL_ARCHIVE_SQL_REACH_GET] = "SELECT id, segments FROM reach WHERE id=?1",
    [PAWL_ARCHIVE_SQL_REACH_FROM] =
        "SELECT id, segments FROM reach WHERE id>=?1 ORDER BY id LIMIT 1",
    [PAWL_ARCHIVE_SQL_REACH_PUT] = "REPLACE INTO reach(id, segments) VALUES(?1, ?2)",
    [PAWL_ARCHIVE_SQL_REACH_DELETE] = "DELETE FROM reach WHERE id=?1",

    [PAWL_ARCHIVE_SQL_PLACE_AT] =
        "SELECT key, leaf FROM place WHERE key<=?1 ORDER BY key DESC LIMIT 1",
    [PAWL_ARCHIVE_SQL_PLACE_BEFORE] =
        "SELECT key, leaf FROM place WHERE key<?1 ORDER BY key DESC LIMIT 1",
    [PAWL_ARCHIVE_SQL_PLACE_AFTER] =
        "SELECT key, leaf FROM place WHERE key>?1 ORDER BY key LIMIT 1",
    [PAWL_ARCHIVE_SQL_PLACE_INSERT] = "INSERT INTO place(key, leaf) VALUES(?1, ?2)",
    [PAWL_ARCHIVE_SQL_PLACE_DELETE] = "DELETE FROM place WHERE key=?1",
    [PAWL_ARCHIVE_SQL_LEAF_GET] = "SELECT entries FROM leaf WHERE id=?1",
    [PAWL_ARCHIVE_SQL_LEAF_INSERT] = "INSERT INTO leaf(entries) VALUES(?1)",
    [PAWL_ARCHIVE_SQL_LEAF_UPDATE] = "UPDATE leaf SET entries=?2 WHERE id=?1",
    [PAWL_ARCHIVE_SQL_LEAF_DELETE] = "DELETE FROM leaf WHERE id=?1",
};

const char *pawl_archive_sql_text(enum pawl_archive_sql which)
{
    PAWL_ASSERT(which < PAWL_ARCHIVE_SQL_COUNT && texts[which] != NULL);
    return texts[which];
}

/* --- Failures. -------------------------------------------------------------------------------- */

void pawl_archive_db_fail(struct pawl_archive_db *db, pawl_err err, const char *text)
{
    PAWL_ASSERT(pawl_failed(err));
    if (pawl_ok(db->err)) {
        db->err = err;
        pawl_errmsg_set(&db->msg, "archive: %s", text);
    }
}

void *pawl_archive_db_room(
    struct pawl_archive_db *db, void *array, size_t *capacity, size_t wanted, size_t each)
{
    if (array != NULL && wanted <= *capacity) {
        return array;
    }
    void *larger = pawl_realloc(array, 2 * wanted * each);
    if (larger == NULL) {
        pawl_archive_db_fail(db, PAWL_ERR(MEMORY), "no memory for a transaction");
    } else {
        *capacity = 2 * wanted;
    }
    return larger;
}

/* Keeps what the connection said last. */
static void keep_error(struct pawl_archive_db *db, int code, const char *doing)
{
    if (pawl_ok(db->err)) {
        const char *path = sqlite3_db_filename(db->sqlite, "main");
        db->err = pawl_sqlite_err(db->sqlite, code, doing, path, &db->msg);
    }
}

static bool run_script(struct pawl_archive_db *db, const char *sql)
{
    int code = pawl_ok(db->err) ? sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) : SQLITE_ERROR;
    if (code != SQLITE_OK) {
        keep_error(db, code, "set up");
    }
    return code == SQLITE_OK;
}

/* --- Opening. --------------------------------------------------------------------------------- */

static int64_t read_version(struct pawl_archive_db *db)
{
    int64_t version = 0;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        version = sqlite3_column_int64(statement, 0);
    } else {
        keep_error(db, sqlite3_errcode(db->sqlite), "read");
    }
    (void)sqlite3_finalize(statement); /* says again what the step said */
    return version;
}

/* The first row of `state`, with a key that nobody can guess. */
static void write_state(struct pawl_archive_db *db)
{
    static const char sql[] = "INSERT INTO state VALUES(1, 0, zeroblob(32), 0, ?1)";
    unsigned char key[HASH_KEY_BYTES];
    sqlite3_stmt *statement = NULL;
    pawl_random_bytes(key, sizeof(key));
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        pawl_archive_bind_blob(statement, 1, key, sizeof(key));
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_DONE) {
        keep_error(db, code, "set up");
    }
    (void)sqlite3_finalize(statement);
}

static void ensure_schema(struct pawl_archive_db *db)
{
    int64_t version = read_version(db);
    if (pawl_ok(db->err) && version == 0) {
        (void)run_script(db, "BEGIN IMMEDIATE"); /* failures are kept */
        (void)run_script(db, schema);
        if (pawl_ok(db->err)) {
            write_state(db);
        }
        (void)run_script(db, "COMMIT");
    } else if (pawl_ok(db->err) && version != SCHEMA_VERSION) {
        pawl_archive_db_fail(db, PAWL_ERR(VERSION), "the file is of another version");
    }
}

/* Nothing is written into a file that a reader finds: the writer has made it. */
static void check_schema(struct pawl_archive_db *db)
{
    int64_t version = read_version(db);
    if (pawl_ok(db->err) && version == 0) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "the file is empty");
    }
}

static void prepare_all(struct pawl_archive_db *db)
{
    for (int i = 0; i < PAWL_ARCHIVE_SQL_COUNT && pawl_ok(db->err); i++) {
        int code = sqlite3_prepare_v3(db->sqlite, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &db->statements[i], NULL);
        if (code != SQLITE_OK) {
            keep_error(db, code, "read");
        }
    }
}

pawl_err
pawl_archive_db_open(struct pawl_archive_db *db, const char *path, enum pawl_archive_db_file file)
{
    *db = (struct pawl_archive_db){.err = PAWL_OK};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    flags |= file == PAWL_ARCHIVE_DB_MADE ? SQLITE_OPEN_CREATE : 0;
    int code = sqlite3_open_v2(path, &db->sqlite, flags, pawl_sqlite_vfs());
    if (code != SQLITE_OK && file == PAWL_ARCHIVE_DB_THERE && access(path, F_OK) != 0 &&
        errno == ENOENT) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "the file is gone");
    } else if (code != SQLITE_OK) {
        db->err = pawl_sqlite_err(db->sqlite, code, "open", path, &db->msg);
    } else {
        code = sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
        PAWL_ASSERT(code == SQLITE_OK);
        if (file == PAWL_ARCHIVE_DB_THERE) {
            check_schema(db);
        }
        (void)run_script(db, settings); /* failures are kept */
        ensure_schema(db);
        prepare_all(db);
    }
    pawl_err err = db->err;
    if (pawl_failed(err)) {
        pawl_archive_db_close(db);
    }
    return err;
}

void pawl_archive_db_close(struct pawl_archive_db *db)
{
    for (int i = 0; i < PAWL_ARCHIVE_SQL_COUNT; i++) {
        (void)sqlite3_finalize(db->statements[i]); /* its last failure, told already */
        db->statements[i] = NULL;
    }
    int code = sqlite3_close(db->sqlite);
    PAWL_ASSERT(code == SQLITE_OK);
    db->sqlite = NULL;
}

static pawl_err remove_file(const char *name, struct pawl_errmsg *msg)
{
    if (unlink(name) == 0 || errno == ENOENT) {
        return PAWL_OK;
    }
    int error = errno;
    pawl_errmsg_set(msg, "cannot remove %s: %s", name, strerror(error));
    return pawl_err_from_errno(error);
}

pawl_err pawl_archive_db_set_aside(const char *path, struct pawl_errmsg *msg)
{
    static const char *const endings[] = {"-wal", "-shm"};
    char name[PAWL_PATH_BYTES_MAX + 8];
    pawl_err err = PAWL_OK;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings) && pawl_ok(err); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]); /* paths are shorter */
        err = remove_file(name, msg);
    }
    (void)snprintf(name, sizeof(name), "%s.aside", path);
    if (pawl_ok(err) && rename(path, name) != 0) {
        err = remove_file(path, msg);
    }
    return err;
}

/* --- Statements. ------------------------------------------------------------------------------ */

sqlite3_stmt *pawl_archive_db_get(struct pawl_archive_db *db, enum pawl_archive_sql which)
{
    PAWL_ASSERT(which < PAWL_ARCHIVE_SQL_COUNT && db->statements[which] != NULL);
    return db->statements[which];
}

void pawl_archive_db_done(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* says again what the step said */
}

bool pawl_archive_db_step(struct pawl_archive_db *db, sqlite3_stmt *statement)
{
    int code = pawl_ok(db->err) ? sqlite3_step(statement) : SQLITE_DONE;
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        keep_error(db, code, sqlite3_stmt_readonly(statement) != 0 ? "read" : "write");
    }
    pawl_archive_db_done(statement);
    return false;
}

void pawl_archive_db_run(struct pawl_archive_db *db, sqlite3_stmt *statement)
{
    bool row = pawl_archive_db_step(db, statement);
    PAWL_ASSERT(!row);
}

void pawl_archive_db_rollback(struct pawl_archive_db *db)
{
    if (sqlite3_get_autocommit(db->sqlite) == 0) {
        /* Where this fails as well, closing the connection ends the transaction. */
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
}
