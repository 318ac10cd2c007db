/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_memory.h: SQLite without an account of its memory.
 */
#ifndef PAWL_JOURNAL_SQLITE_MEMORY_H
#define PAWL_JOURNAL_SQLITE_MEMORY_H

/* For main, before the first connection of the process; later it has no effect. */
void pawl_sqlite_count_no_memory(void);

#endif
