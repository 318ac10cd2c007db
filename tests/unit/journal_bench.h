/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_bench.h: a journal on a simulated disk, and batches to put into it, for the tests of the
 * journal. What fails here fails the test that called.
 */
#ifndef PAWL_TESTS_UNIT_JOURNAL_BENCH_H
#define PAWL_TESTS_UNIT_JOURNAL_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "tests/lib/batches.h"
#include "tests/lib/disk.h"

#define BENCH_DIR   "/sim"
#define BENCH_FIRST BENCH_DIR "/journal-000001.db"

enum { BENCH_SEGMENT_BYTES = 160 * 1024 };

struct bench {
    struct disk *disk;
    struct batches batches;
    struct pawl_journal *journal;
    struct pawl_errmsg msg;
    int64_t segment_bytes;
};

static inline void bench_init(struct bench *bench, uint64_t seed)
{
    *bench = (struct bench){.disk = disk_new(seed)};
    batches_init(&bench->batches, seed);
}

static inline pawl_err bench_open_as(struct bench *bench, bool create, bool read_only)
{
    struct pawl_journal_sqlite_options options = {.dir = BENCH_DIR,
                                                  .create = create,
                                                  .read_only = read_only,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(bench->disk),
                                                  .files = disk_files(bench->disk),
                                                  .segment_bytes_max = bench->segment_bytes};
    return pawl_journal_sqlite_open(&options, &bench->journal, &bench->msg);
}

static inline void bench_must(struct bench *bench, pawl_err err)
{
    if (pawl_failed(err)) {
        fail_msg("%s: %s", pawl_err_name(err), bench->msg.text);
    }
}

static inline void bench_append(struct bench *bench, uint32_t count)
{
    bench_must(bench, batches_append(&bench->batches, bench->journal, count, &bench->msg));
}

static inline void bench_close_journal(struct bench *bench)
{
    bench->journal->ops->close(bench->journal);
    bench->journal = NULL;
}

static inline void bench_free(struct bench *bench)
{
    if (bench->journal != NULL) {
        bench_close_journal(bench);
    }
    batches_free(&bench->batches);
    disk_free(bench->disk);
}

/* What reading gave: how far, and the last hash. */
struct reading {
    uint64_t next_op;
    uint64_t batches;
    struct pawl_journal_hash hash;
    uint64_t stop_at;
};

static inline bool bench_note_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct reading *reading = arg;
    assert_true(reading->next_op == 0 || batch->first_op == reading->next_op);
    assert_true(batch->last_op >= batch->first_op);
    struct pawl_journal_hash hash = pawl_journal_chain(batch->previous, batch->blob);
    assert_memory_equal(&hash, &batch->hash, sizeof(hash));
    reading->next_op = batch->last_op + 1;
    reading->hash = batch->hash;
    reading->batches++;
    return reading->stop_at == 0 || batch->last_op < reading->stop_at;
}

static inline pawl_err
bench_read_from(struct bench *bench, uint64_t op, struct reading *ret_reading)
{
    *ret_reading = (struct reading){.next_op = 0};
    return bench->journal->ops->read(bench->journal, op, bench_note_batch, ret_reading,
                                     &bench->msg);
}

static inline void bench_assert_whole(struct bench *bench, uint64_t last_op)
{
    struct reading reading;
    bench_must(bench, bench_read_from(bench, 1, &reading));
    struct pawl_journal_head head = bench->journal->ops->head(bench->journal);
    assert_int_equal(head.last_op, last_op);
    assert_int_equal(head.first_op, last_op > 0 ? 1 : 0);
    assert_int_equal(reading.next_op, last_op > 0 ? last_op + 1 : 0);
    assert_memory_equal(&reading.hash, &head.hash, sizeof(head.hash));
}

/* Writes until that segment exists, and closes. */
static inline void bench_make_segments(struct bench *bench, const char *until)
{
    bench->segment_bytes = BENCH_SEGMENT_BYTES;
    bench_must(bench, bench_open_as(bench, true, false));
    while (!disk_exists(bench->disk, until)) {
        bench_append(bench, 60);
    }
    bench_close_journal(bench);
}

#endif
