/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forget.c: what is over for long enough goes, a few rows with each transaction, so that the file
 * does not grow for ever.
 *
 * Rows are looked at in the order of their creation, and when one is too young to be over for long
 * enough the look begins again with the oldest: those that were left are few, leases do not live as
 * long as what is kept. Scopes are looked at in the order of their numbers, all of them each time
 * that the oldest row has come to another segment; one whose last segment lies before every row has
 * none.
 */
#include "archive/apply.h"
#include "archive/archive.h"
#include "base/clock.h"

static bool is_due(const struct pawl_archive_image *image, int64_t before_ms)
{
    int64_t over_ms = image->finalized_ms != 0 ? image->finalized_ms : image->expires_ms;
    return image->status != PAWL_ARCHIVE_ACTIVE && over_ms < before_ms;
}

/* How many rows there are to remove, and their numbers. */
static uint32_t find_rows(struct pawl_archive_apply *apply,
                          struct pawl_archive_forget *forget,
                          int64_t before_ms,
                          uint32_t max,
                          uint64_t *ret_ops)
{
    struct pawl_archive_block block;
    uint32_t count = 0;
    uint32_t looked = 0;
    bool young = false;
    while (!young && looked < max &&
           pawl_archive_block_from(apply->db, pawl_archive_block_of(forget->op), &block)) {
        for (uint32_t i = 0; i < block.count && !young && looked < max; i++) {
            const struct pawl_archive_image *row = &block.rows[i];
            if (row->op >= forget->op) {
                looked++;
                forget->op = row->op + 1;
                young = row->created_ms >= before_ms;
                if (!young && is_due(row, before_ms)) {
                    ret_ops[count++] = row->op;
                }
            }
        }
        if (looked < max) {
            forget->op = (block.number + 1) << PAWL_ARCHIVE_BLOCK_BITS;
        }
    }
    if (young || looked < max) {
        forget->op = 0;
    }
    return count;
}

static void remove_scope(struct pawl_archive_db *db, uint32_t scope)
{
    static const enum pawl_archive_sql removals[] = {PAWL_ARCHIVE_SQL_LEVEL_DELETE,
                                                     PAWL_ARCHIVE_SQL_SCOPE_DELETE};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(removals); i++) {
        sqlite3_stmt *remove = pawl_archive_db_get(db, removals[i]);
        pawl_archive_bind(remove, 1, scope);
        pawl_archive_db_run(db, remove);
    }
}

/* The segment of the oldest row that is not staged for removal is no earlier than this. */
static uint64_t first_segment(struct pawl_archive_db *db)
{
    struct pawl_archive_image oldest;
    return pawl_archive_row_from(db, 0, &oldest) ? pawl_archive_segment(oldest.op) : 0;
}

static void forget_scopes(struct pawl_archive_apply *apply,
                          struct pawl_archive_forget *forget,
                          uint32_t max,
                          uint32_t *scratch)
{
    if (forget->scope == 0) {
        forget->segment = first_segment(apply->db);
    }
    if (forget->segment == forget->swept) {
        return;
    }
    uint32_t count = 0;
    uint32_t looked = 0;
    sqlite3_stmt *scopes = pawl_archive_db_get(apply->db, PAWL_ARCHIVE_SQL_SCOPE_NEXT);
    pawl_archive_bind(scopes, 1, forget->scope);
    pawl_archive_bind(scopes, 2, max);
    while (pawl_archive_db_step(apply->db, scopes)) {
        looked++;
        forget->scope = (uint32_t)sqlite3_column_int64(scopes, 0);
        if ((uint64_t)sqlite3_column_int64(scopes, 1) < forget->segment) {
            scratch[count++] = forget->scope;
        }
    }
    if (looked < max) {
        forget->scope = 0;
        forget->swept = forget->segment;
    }
    for (uint32_t i = 0; i < count; i++) {
        remove_scope(apply->db, scratch[i]);
    }
    if (count > 0) {
        pawl_archive_scopes_forget(&apply->scopes);
    }
}

void pawl_archive_forget(struct pawl_archive_apply *apply,
                         struct pawl_archive_forget *forget,
                         int64_t keep_us,
                         uint32_t max)
{
    enum { MAX = 4096 };
    union {
        uint64_t ops[MAX];
        uint32_t scopes[MAX];
    } scratch;
    int64_t before_ms = (apply->now_us - keep_us) / PAWL_US_PER_MS;
    uint32_t looks = max < MAX ? max : MAX;
    if (looks == 0 || pawl_failed(apply->db->err)) {
        return;
    }
    /* Nothing of this transaction is in the tables yet: its scopes are newer than any that go. */
    forget_scopes(apply, forget, looks, scratch.scopes);
    uint32_t count = find_rows(apply, forget, before_ms, looks, scratch.ops);
    for (uint32_t i = 0; i < count; i++) {
        struct pawl_archive_staged *row = pawl_archive_stage_find(&apply->stage, scratch.ops[i]);
        if (row != NULL) {
            row->removed = true;
        }
    }
}
