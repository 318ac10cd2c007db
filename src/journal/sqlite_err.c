/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_err.c: see sqlite_err.h. An I/O error of SQLite's often has an errno behind it that says
 * more ("no space left"); where there is one, that decides.
 */
#include "journal/sqlite_err.h"

#include <errno.h>
#include <string.h>

static pawl_err from_code(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return PAWL_ERR(FULL);
    case SQLITE_ERROR: /* our SQL is sound: the tables are not ours */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return PAWL_ERR(CORRUPT);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PAWL_ERR(LOCKED);
    case SQLITE_NOMEM:
        return PAWL_ERR(MEMORY);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return PAWL_ERR(PERMISSION);
    case SQLITE_TOOBIG:
        return PAWL_ERR(LIMIT);
    default:
        break;
    }
    int system = db != NULL ? sqlite3_system_errno(db) : 0;
    pawl_err err = pawl_err_from_errno(system);
    return system == 0 ? PAWL_ERR(IO) : err;
}

pawl_err
pawl_sqlite_err(sqlite3 *db, int code, const char *doing, const char *path, struct pawl_errmsg *msg)
{
    pawl_err err = from_code(db, code);
    int system = db != NULL ? sqlite3_system_errno(db) : 0;
    const char *words = sqlite3_errstr(code);
    if (db != NULL && (sqlite3_errcode(db) & 0xff) == (code & 0xff)) {
        words = sqlite3_errmsg(db);
    }
    bool disk = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    if (disk && system != 0) {
        pawl_errmsg_set(msg, "cannot %s %s: %s (%s)", doing, path, words, strerror(system));
    } else {
        pawl_errmsg_set(msg, "cannot %s %s: %s", doing, path, words);
    }
    return err;
}
