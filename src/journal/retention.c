/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c: the oldest segments go when they have been kept long enough.
 *
 * J15: a segment is removed only when every checkpoint that is kept, and there must be two, is at
 * its end or behind it; the oldest first; never the one that is written. So whichever of the two
 * checkpoints can be read, everything after it is here, and what was removed is needed by no start.
 * The removal is on disk before it is known here and before the next one is looked at, so a crash
 * at any instant leaves segments without a gap.
 *
 * The age is the ledger's time since the segment's last record; it is read from the segment once.
 * Closed segments are opened as files for their size; the active one must not be, because closing
 * the file would take SQLite's lock away (fcntl(2) locks belong to the process), so it is asked.
 *
 * Failure: a removal that fails poisons the journal, as any failed write. What cannot be looked at
 * is no reason to remove anything: sizes are asked for again the next time; a segment whose end
 * cannot be read stays, with a line in the log, until the size of all is too much and nothing that
 * is younger than `needed_us` is to be kept.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "journal/record.h"
#include "journal/sqlite_priv.h"

#define AGE_US_DEFAULT    (INT64_C(30) * 24 * 3600 * PAWL_US_PER_SECOND)
#define BYTES_MAX_DEFAULT (INT64_C(20) << 30)

static uint64_t end_of_oldest(const struct sqlite_journal *journal)
{
    PAWL_ASSERT(journal->place_count > 1);
    PAWL_ASSERT(journal->places[1].first_op > journal->places[0].first_op);
    return journal->places[1].first_op - 1;
}

/* J15, the first half. */
static bool is_covered(const struct sqlite_journal *journal)
{
    const struct pawl_segment_checkpoints *kept = &journal->checkpoints;
    bool covered = kept->count == PAWL_SEGMENT_CHECKPOINTS;
    for (uint32_t i = 0; i < kept->count; i++) {
        covered = covered && kept->rows[i].op >= end_of_oldest(journal);
    }
    return covered;
}

static pawl_err
bytes_of_all(const struct sqlite_journal *journal, int64_t *ret_bytes, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(journal->active != NULL && journal->place_count > 0);
    int64_t total = pawl_segment_bytes(journal->active);
    for (uint32_t i = 0; i + 1 < journal->place_count; i++) {
        uint64_t bytes = 0;
        pawl_err err = pawl_segment_files_bytes(&journal->segments, journal->places[i].number, "",
                                                &bytes, msg);
        if (pawl_failed(err)) {
            return err;
        }
        total += (int64_t)bytes;
    }
    *ret_bytes = total;
    return PAWL_OK;
}

/* --- The end of the oldest. ------------------------------------------------------------------- */

struct ending {
    uint64_t op;
    struct pawl_codec_scratch *scratch;
    int64_t at_us; /* 0: not found */
};

static bool note_end(void *arg, const struct pawl_journal_batch *batch)
{
    struct ending *ending = arg;
    struct pawl_record record;
    if (pawl_record_batch_find(batch->blob, ending->op, ending->scratch, &record)) {
        ending->at_us = record.now_us;
    }
    return false;
}

static pawl_err read_end(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    struct ending ending = {.op = end_of_oldest(journal),
                            .scratch = pawl_alloc(sizeof(*ending.scratch))};
    struct pawl_segment *segment = NULL;
    struct pawl_segment_end end;
    if (ending.scratch == NULL) {
        pawl_errmsg_set(msg, "no memory to read a segment");
        return PAWL_ERR(MEMORY);
    }
    pawl_err err = pawl_journal_open_segment(journal, journal->places[0].number, PAWL_SEGMENT_READ,
                                             &segment, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_read(segment, ending.op, note_end, &ending, &end, msg);
        pawl_segment_close(segment, true);
    }
    pawl_free(ending.scratch);
    if (pawl_ok(err) && ending.at_us == 0) {
        pawl_errmsg_set(msg, "its last record cannot be read");
        err = PAWL_ERR(CORRUPT);
    }
    if (pawl_ok(err)) {
        journal->oldest_end_us = ending.at_us;
    }
    return err;
}

/* Whether the oldest segment ended more than that ago; not where its end cannot be read. */
static bool is_older(struct sqlite_journal *journal, int64_t age_us, int64_t now_us)
{
    struct pawl_errmsg why = {""};
    if (journal->oldest_end_us == 0 && pawl_failed(read_end(journal, &why))) {
        pawl_log(PAWL_LOG_WARN, "segment %u of %s is kept: %s", (unsigned)journal->places[0].number,
                 journal->segments.dir, why.text);
        journal->oldest_end_us = INT64_MAX;
    }
    return journal->oldest_end_us != INT64_MAX && now_us - journal->oldest_end_us > age_us;
}

/* --- Removing it. ----------------------------------------------------------------------------- */

static pawl_err remove_oldest(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(journal->place_count > 1 && is_covered(journal));
    pawl_err err = pawl_segment_files_remove(&journal->segments, journal->places[0].number, msg);
    if (pawl_failed(err)) {
        return err;
    }
    journal->place_count--;
    memmove(&journal->places[0], &journal->places[1],
            journal->place_count * sizeof(journal->places[0]));
    PAWL_ASSERT(journal->places[0].first_op > journal->head.first_op);
    journal->head.first_op = journal->places[0].first_op;
    journal->oldest_end_us = 0;
    return PAWL_OK;
}

pawl_err pawl_journal_retire(struct sqlite_journal *journal,
                             const struct pawl_journal_retention *retention,
                             int64_t now_us,
                             enum pawl_journal_retired *ret_retired,
                             struct pawl_errmsg *msg)
{
    *ret_retired = PAWL_JOURNAL_KEPT;
    if (retention->keep_all || journal->place_count < 2 || !is_covered(journal)) {
        return PAWL_OK;
    }
    int64_t bytes = 0;
    int64_t bytes_max = retention->bytes_max > 0 ? retention->bytes_max : BYTES_MAX_DEFAULT;
    int64_t age_us = retention->age_us > 0 ? retention->age_us : AGE_US_DEFAULT;
    if (pawl_failed(bytes_of_all(journal, &bytes, msg)) ||
        (bytes <= bytes_max && !is_older(journal, age_us, now_us)) ||
        (retention->needed_us > 0 && !is_older(journal, retention->needed_us, now_us))) {
        return PAWL_OK;
    }
    if (retention->needed_op > 0 && end_of_oldest(journal) >= retention->needed_op) {
        *ret_retired = PAWL_JOURNAL_NEEDED;
        return PAWL_OK;
    }
    pawl_err err = remove_oldest(journal, msg);
    if (pawl_ok(err)) {
        *ret_retired = PAWL_JOURNAL_REMOVED;
    }
    return err;
}
