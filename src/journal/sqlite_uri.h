/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_uri.h: the name under which SQLite opens a file that nobody changes: it takes no lock,
 * looks for no log and makes no file beside it, so it also works on media that cannot be written.
 */
#ifndef PAWL_JOURNAL_SQLITE_URI_H
#define PAWL_JOURNAL_SQLITE_URI_H

#include "journal/files.h"

enum { PAWL_SQLITE_URI_BYTES = PAWL_PATH_BYTES_MAX * 3 + 32 };

/* "file:<path, escaped>?immutable=1", of an absolute path "file://<…", for SQLITE_OPEN_URI. */
void pawl_sqlite_immutable_uri(const char *path, char out[static PAWL_SQLITE_URI_BYTES]);

#endif
