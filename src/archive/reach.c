/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c: see reach.h.
 *
 * Failure: kept in the connection.
 */
#include "archive/reach.h"

#include <stdlib.h>
#include <string.h>

/* --- In the file. ----------------------------------------------------------------------------- */

/* Steps a statement that has a number and reaches. */
static bool
load(struct pawl_archive_db *db, sqlite3_stmt *get, struct pawl_archive_reaches *ret_reaches)
{
    memset(ret_reaches->of, 0, sizeof(ret_reaches->of));
    if (!pawl_archive_db_step(db, get)) {
        return false;
    }
    const void *data = sqlite3_column_blob(get, 1);
    bool sound = data != NULL && sqlite3_column_bytes(get, 1) == (int)sizeof(ret_reaches->of);
    ret_reaches->number = (uint64_t)sqlite3_column_int64(get, 0);
    if (sound) {
        memcpy(ret_reaches->of, data, sizeof(ret_reaches->of));
    }
    pawl_archive_db_done(get);
    if (!sound) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "the reach of scopes cannot be read");
    }
    return sound;
}

static void
get_reaches(struct pawl_archive_db *db, uint64_t number, struct pawl_archive_reaches *ret_reaches)
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_REACH_GET);
    pawl_archive_bind(get, 1, (int64_t)number);
    (void)load(db, get, ret_reaches); /* where there are none, none has an end */
    ret_reaches->number = number;
}

struct pawl_archive_reach pawl_archive_reach_get(struct pawl_archive_db *db, uint32_t scope)
{
    struct pawl_archive_reaches reaches;
    get_reaches(db, scope / PAWL_ARCHIVE_REACH_SCOPES, &reaches);
    return reaches.of[scope % PAWL_ARCHIVE_REACH_SCOPES];
}

bool pawl_archive_reaches_from(struct pawl_archive_db *db,
                               uint64_t number,
                               struct pawl_archive_reaches *ret_reaches)
{
    sqlite3_stmt *from = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_REACH_FROM);
    pawl_archive_bind(from, 1, (int64_t)number);
    return load(db, from, ret_reaches);
}

void pawl_archive_reaches_put(struct pawl_archive_db *db,
                              const struct pawl_archive_reaches *reaches)
{
    bool some = false;
    for (size_t i = 0; i < PAWL_ARCHIVE_REACH_SCOPES; i++) {
        some = some || reaches->of[i].end_segment != 0;
    }
    sqlite3_stmt *put =
        pawl_archive_db_get(db, some ? PAWL_ARCHIVE_SQL_REACH_PUT : PAWL_ARCHIVE_SQL_REACH_DELETE);
    pawl_archive_bind(put, 1, (int64_t)reaches->number);
    if (some) {
        pawl_archive_bind_blob(put, 2, reaches->of, sizeof(reaches->of));
    }
    pawl_archive_db_run(db, put);
}

/* --- Of a transaction. ------------------------------------------------------------------------ */

void pawl_archive_reached_add(struct pawl_archive_reached *reached,
                              struct pawl_archive_db *db,
                              uint32_t scope,
                              uint64_t segment)
{
    PAWL_ASSERT(segment < UINT32_MAX);
    uint64_t *scopes = pawl_archive_db_room(db, reached->scopes, &reached->capacity,
                                            reached->count + 1, sizeof(scopes[0]));
    if (scopes != NULL) {
        reached->scopes = scopes;
        scopes[reached->count++] = (uint64_t)scope << 32 | segment;
    }
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a;
    const uint64_t *other = b;
    return *one < *other ? -1 : *one > *other;
}

/* Those that are of the row with the first one; returns how many. */
static size_t extend(struct pawl_archive_reaches *reaches, const uint64_t *scopes, size_t count)
{
    size_t i = 0;
    for (; i < count && (scopes[i] >> 32) / PAWL_ARCHIVE_REACH_SCOPES == reaches->number; i++) {
        struct pawl_archive_reach *reach =
            &reaches->of[(scopes[i] >> 32) % PAWL_ARCHIVE_REACH_SCOPES];
        uint32_t segment = (uint32_t)scopes[i];
        if (reach->end_segment == 0) {
            reach->first_segment = segment;
        }
        if (reach->end_segment <= segment) {
            reach->end_segment = segment + 1;
        }
    }
    return i;
}

void pawl_archive_reached_write(struct pawl_archive_reached *reached, struct pawl_archive_db *db)
{
    size_t at = 0;
    if (reached->count > 1) {
        qsort(reached->scopes, reached->count, sizeof(reached->scopes[0]), compare);
    }
    while (at < reached->count && pawl_ok(db->err)) {
        struct pawl_archive_reaches reaches;
        get_reaches(db, (reached->scopes[at] >> 32) / PAWL_ARCHIVE_REACH_SCOPES, &reaches);
        at += extend(&reaches, reached->scopes + at, reached->count - at);
        pawl_archive_reaches_put(db, &reaches);
    }
    reached->count = 0;
}
