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

/* Removes those of 64 that end before the segment; returns whether there were any. */
static bool
thin_out(struct pawl_archive_db *db, struct pawl_archive_reaches *reaches, uint64_t segment)
{
    bool any = false;
    for (uint32_t i = 0; i < PAWL_ARCHIVE_REACH_SCOPES; i++) {
        struct pawl_archive_reach *reach = &reaches->of[i];
        if (reach->end_segment != 0 && reach->end_segment <= segment) {
            remove_scope(db, (uint32_t)reaches->number * PAWL_ARCHIVE_REACH_SCOPES + i);
            *reach = (struct pawl_archive_reach){.end_segment = 0};
            any = true;
        }
    }
    if (any) {
        pawl_archive_reaches_put(db, reaches);
    }
    return any;
}

static void
forget_scopes(struct pawl_archive_apply *apply, struct pawl_archive_forget *forget, uint32_t max)
{
    struct pawl_archive_reaches reaches;
    bool more = true;
    bool any = false;
    if (forget->reaches == 0) {
        forget->segment = first_segment(apply->db);
    }
    if (forget->segment == forget->swept) {
        return;
    }
    for (uint32_t looked = 0; more && looked < max; looked += PAWL_ARCHIVE_REACH_SCOPES) {
        more = pawl_archive_reaches_from(apply->db, forget->reaches, &reaches);
        if (more) {
            any = thin_out(apply->db, &reaches, forget->segment) || any;
            forget->reaches = reaches.number + 1;
        }
    }
    if (!more) {
        forget->reaches = 0;
        forget->swept = forget->segment;
    }
    if (any) {
        pawl_archive_scopes_forget(&apply->scopes);
    }
}

void pawl_archive_forget(struct pawl_archive_apply *apply,
                         struct pawl_archive_forget *forget,
                         int64_t keep_us,
                         uint32_t max)
{
    enum { MAX = 4096 };
    uint64_t ops[MAX];
    int64_t before_ms = (apply->now_us - keep_us) / PAWL_US_PER_MS;
    uint32_t looks = max < MAX ? max : MAX;
    if (looks == 0 || pawl_failed(apply->db->err)) {
        return;
    }
    PAWL_ASSERT(apply->scopes.reached.count == 0); /* what scopes reached was written before */
    forget_scopes(apply, forget, looks);
    uint32_t count = find_rows(apply, forget, before_ms, looks, ops);
    for (uint32_t i = 0; i < count; i++) {
        struct pawl_archive_staged *row = pawl_archive_stage_find(&apply->stage, ops[i]);
        if (row != NULL) {
            row->removed = true;
        }
    }
}
