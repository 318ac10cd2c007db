/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_memory.c: SQLite counts what memory it holds, under one lock for the whole process, which
 * each thread that writes to a database takes several times a statement. Nobody asks for the count.
 */
#include "journal/sqlite_memory.h"

#include <sqlite3.h>

void pawl_sqlite_count_no_memory(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* else it counts, as before */
}
