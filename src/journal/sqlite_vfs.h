/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_vfs.h: the VFS for files that several connections write and read at once: where the disk
 * is full, the index that they share is an error and not the end of the process.
 */
#ifndef PAWL_JOURNAL_SQLITE_VFS_H
#define PAWL_JOURNAL_SQLITE_VFS_H

/* Its name, for sqlite3_open_v2; NULL (SQLite's default) where it could not be registered. */
const char *pawl_sqlite_vfs(void);

#endif
