/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_err.h: SQLite's codes as ours, at the boundary and nowhere else. */
#ifndef PAWL_JOURNAL_SQLITE_ERR_H
#define PAWL_JOURNAL_SQLITE_ERR_H

#include <sqlite3.h>

#include "base/err.h"

/* From what the connection said last. `doing` begins the text: "cannot <doing> <path>: …". */
pawl_err pawl_sqlite_err(
    sqlite3 *db, int code, const char *doing, const char *path, struct pawl_errmsg *msg);

#endif
