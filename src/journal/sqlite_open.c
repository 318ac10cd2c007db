/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_open.c: from a directory to a head. The newest file in which a segment was begun is the
 * active one. What lies above it was never begun and is removed; what lies below it must be there
 * without a gap, and its place is read; their order, and the border to the newest of them, are
 * checked (J13).
 *
 * The order matters: a log that a crash left is written again before SQLite sees it, and nothing is
 * removed before a segment was found, so that a directory that cannot be read is left as it lies.
 *
 * Failure: nothing is retried; the caller closes what was not opened whole as poisoned.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/sqlite_priv.h"

static const char *vfs_of(const struct sqlite_journal *journal)
{
    return journal->vfs[0] != '\0' ? journal->vfs : NULL;
}

pawl_err pawl_journal_open_segment(const struct sqlite_journal *journal,
                                   uint32_t number,
                                   enum pawl_segment_access access,
                                   struct pawl_segment **ret_segment,
                                   struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    struct pawl_segment *segment = NULL;
    pawl_err err = pawl_segment_files_path(&journal->segments, number, "", path, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_open(vfs_of(journal), path, access, &segment, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    if (pawl_segment_place(segment)->number != number) {
        pawl_errmsg_set(msg, "%s says that it is segment %u: a file was renamed", path,
                        (unsigned)pawl_segment_place(segment)->number);
        pawl_segment_close(segment, true);
        return PAWL_ERR(CORRUPT);
    }
    *ret_segment = segment;
    return PAWL_OK;
}

/* --- The next segment. ------------------------------------------------------------------------ */

static pawl_err add_place(struct sqlite_journal *journal,
                          const struct pawl_segment_place *place,
                          struct pawl_errmsg *msg)
{
    struct pawl_segment_place *places =
        pawl_realloc(journal->places, (journal->place_count + 1) * sizeof(*places));
    if (places == NULL) {
        pawl_errmsg_set(msg, "no memory for another segment in %s", journal->segments.dir);
        return PAWL_ERR(MEMORY);
    }
    places[journal->place_count] = *place;
    journal->places = places;
    journal->place_count++;
    return PAWL_OK;
}

pawl_err
pawl_journal_begin_segment(struct sqlite_journal *journal, uint32_t number, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(journal->active == NULL && !journal->read_only);
    struct pawl_segment_place place = {
        .number = number, .first_op = journal->head.last_op + 1, .previous = journal->head.hash};
    if (number > PAWL_SEGMENTS_MAX) {
        pawl_errmsg_set(msg, "%s has as many segments as there can be", journal->segments.dir);
        return PAWL_ERR(LIMIT);
    }
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_segment_files_path(&journal->segments, number, "", path, msg);
    if (pawl_ok(err)) {
        err = add_place(journal, &place, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_create(journal->segments.files, vfs_of(journal), path, &place,
                                  &journal->checkpoints, &journal->active, msg);
    }
    return err;
}

/* --- The segments that there are. ------------------------------------------------------------- */

/* Files from numbers->rows[keep] on were never begun: they go. */
static pawl_err remove_unbegun(const struct sqlite_journal *journal,
                               const struct pawl_segment_numbers *numbers,
                               uint32_t keep,
                               struct pawl_errmsg *msg)
{
    pawl_err err = PAWL_OK;
    for (uint32_t row = keep; row < numbers->count && pawl_ok(err); row++) {
        err = pawl_segment_files_remove(&journal->segments, numbers->rows[row], msg);
    }
    return err;
}

/* The newest file that was begun becomes the active segment; *ret_count files are left with it. */
static pawl_err find_active(struct sqlite_journal *journal,
                            const struct pawl_segment_numbers *numbers,
                            uint32_t *ret_count,
                            struct pawl_errmsg *msg)
{
    enum pawl_segment_access access = journal->read_only ? PAWL_SEGMENT_READ : PAWL_SEGMENT_WRITE;
    for (uint32_t count = numbers->count; count > 0; count--) {
        uint32_t number = numbers->rows[count - 1];
        pawl_err err = pawl_segment_files_check_not_emptied(&journal->segments, number, msg);
        if (pawl_ok(err) && !journal->read_only) {
            err = pawl_segment_files_write_log_again(&journal->segments, number, msg);
        }
        if (pawl_ok(err)) {
            err = pawl_journal_open_segment(journal, number, access, &journal->active, msg);
        }
        if (pawl_ok(err)) {
            *ret_count = count;
        }
        if (pawl_ok(err) || err.code != PAWL_ERR_NOT_FOUND) {
            return err;
        }
    }
    pawl_errmsg_set(msg, "there is no journal in %s", journal->segments.dir);
    return PAWL_ERR(NOT_FOUND);
}

static pawl_err read_place(const struct sqlite_journal *journal,
                           uint32_t number,
                           struct pawl_segment_place *ret_place,
                           struct pawl_errmsg *msg)
{
    struct pawl_segment *segment = NULL;
    pawl_err err = pawl_journal_open_segment(journal, number, PAWL_SEGMENT_READ, &segment, msg);
    if (pawl_ok(err)) {
        *ret_place = *pawl_segment_place(segment);
        pawl_segment_close(segment, true);
    } else if (err.code == PAWL_ERR_NOT_FOUND) {
        pawl_errmsg_set(msg, "segment %u of %s is empty", (unsigned)number, journal->segments.dir);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

/* All places, the active one last; numbers without a gap. */
static pawl_err load_places(struct sqlite_journal *journal,
                            const struct pawl_segment_numbers *numbers,
                            struct pawl_errmsg *msg)
{
    journal->places = pawl_alloc_zeroed(numbers->count, sizeof(*journal->places));
    if (journal->places == NULL) {
        pawl_errmsg_set(msg, "no memory to open the journal in %s", journal->segments.dir);
        return PAWL_ERR(MEMORY);
    }
    for (uint32_t i = 0; i + 1 < numbers->count; i++) {
        if (numbers->rows[i] + 1 != numbers->rows[i + 1]) {
            pawl_errmsg_set(msg, "segment %u of %s is missing", (unsigned)numbers->rows[i] + 1,
                            journal->segments.dir);
            return PAWL_ERR(CORRUPT);
        }
        pawl_err err = read_place(journal, numbers->rows[i], &journal->places[i], msg);
        if (pawl_failed(err)) {
            return err;
        }
    }
    PAWL_ASSERT(journal->active != NULL);
    journal->places[numbers->count - 1] = *pawl_segment_place(journal->active);
    journal->place_count = numbers->count;
    return PAWL_OK;
}

static pawl_err does_not_continue(const struct sqlite_journal *journal,
                                  const struct pawl_segment_place *place,
                                  struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "segment %u of %s does not continue the one before it",
                    (unsigned)place->number, journal->segments.dir);
    return PAWL_ERR(CORRUPT);
}

/* J13: `place` begins where the segment before it ended. */
pawl_err pawl_journal_check_continues(const struct sqlite_journal *journal,
                                      const struct pawl_segment_place *place,
                                      uint64_t last_op,
                                      const struct pawl_journal_hash *hash,
                                      struct pawl_errmsg *msg)
{
    if (last_op + 1 == place->first_op && memcmp(hash, &place->previous, sizeof(*hash)) == 0) {
        return PAWL_OK;
    }
    return does_not_continue(journal, place, msg);
}

/* Of J13 what the places alone say, by which segments are found and removed. */
static pawl_err check_order(const struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    for (uint32_t i = 1; i < journal->place_count; i++) {
        if (journal->places[i].first_op <= journal->places[i - 1].first_op) {
            return does_not_continue(journal, &journal->places[i], msg);
        }
    }
    return PAWL_OK;
}

/* J13 at the newest border; reading checks those that it crosses. */
static pawl_err check_border(const struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    if (journal->place_count < 2) {
        return PAWL_OK;
    }
    const struct pawl_segment_place *place = &journal->places[journal->place_count - 1];
    struct pawl_segment *before = NULL;
    pawl_err err =
        pawl_journal_open_segment(journal, place->number - 1, PAWL_SEGMENT_READ, &before, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint64_t last_op = 0;
    struct pawl_journal_hash hash;
    err = pawl_segment_last(before, &last_op, &hash, msg);
    pawl_segment_close(before, true);
    return pawl_ok(err) ? pawl_journal_check_continues(journal, place, last_op, &hash, msg) : err;
}

static pawl_err load_head(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    pawl_err err = check_order(journal, msg);
    if (pawl_ok(err)) {
        err = check_border(journal, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_last(journal->active, &journal->head.last_op, &journal->head.hash, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_checkpoints(journal->active, &journal->checkpoints, msg);
    }
    if (pawl_ok(err)) {
        uint64_t first_op = journal->places[0].first_op;
        journal->head.first_op = journal->head.last_op >= first_op ? first_op : 0;
    }
    return err;
}

/* --- The whole. ------------------------------------------------------------------------------- */

pawl_err pawl_journal_open_existing(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    struct pawl_segment_numbers numbers;
    pawl_err err = pawl_segment_files_list(&journal->segments, &numbers, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint32_t count = 0;
    PAWL_ASSERT(journal->active == NULL && journal->places == NULL);
    err = find_active(journal, &numbers, &count, msg);
    if (pawl_ok(err) && !journal->read_only) {
        err = remove_unbegun(journal, &numbers, count, msg);
    }
    if (pawl_ok(err)) {
        numbers.count = count;
        err = load_places(journal, &numbers, msg);
    }
    if (pawl_ok(err)) {
        err = load_head(journal, msg);
    }
    pawl_free(numbers.rows);
    return err;
}

pawl_err pawl_journal_create_new(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    struct pawl_segment_numbers numbers;
    pawl_err err = pawl_segment_files_list(&journal->segments, &numbers, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint32_t count = 0;
    err = find_active(journal, &numbers, &count, msg);
    if (pawl_ok(err)) {
        pawl_errmsg_set(msg, "there is a journal in %s already", journal->segments.dir);
        err = PAWL_ERR(EXISTS);
    } else if (err.code == PAWL_ERR_NOT_FOUND) {
        err = remove_unbegun(journal, &numbers, 0, msg);
        err = pawl_ok(err) ? pawl_journal_begin_segment(journal, 1, msg) : err;
    }
    pawl_free(numbers.rows);
    return err;
}
