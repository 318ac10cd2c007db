/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c: the queue and the thread between durable records and the file.
 *
 * Records are copied as journal batches into a buffer. The thread swaps that buffer for an
 * empty one and writes what it got in one transaction, the run's watermark with it; so the file
 * always shows a prefix of the journal. A transaction costs as much as the records of a call, so
 * the thread lets a few of them come together first, unless somebody waits for them. When the
 * buffer is full the feeder waits: nothing is dropped. After a failure the thread takes records and
 * writes none; the error is told by `wait` and `close`, and the file is caught up from the journal
 * by the next reader.
 *
 * The thread begins with the first record, or with the first question about the file, and opens
 * the file itself: a run does not wait for it to start.
 */
#define _GNU_SOURCE
#include "history/history.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cond.h"
#include "history/db.h"

enum {
    QUEUE_BYTES_MAX = 64 << 20,
    QUEUE_BYTES_HIGH = 32 << 20,
    RUN_ID_BYTES = 64,
    GATHER_MS = 20 /* nobody sees a row so much later; a call of a model takes longer */
};

struct pawl_history {
    struct pawl_history_db db; /* the thread's while it has work, else the owner's */
    char *path;                /* owned */
    char run_id[RUN_ID_BYTES]; /* empty: for reading only, and there is no thread */
    pthread_t thread;
    bool has_thread;
    bool opened; /* by the thread, with or without success */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct pawl_buf pending; /* an open batch, or empty */
    uint64_t watermark;
    bool closing;
    uint32_t waiting; /* in `wait`, or because the queue is full */
    pawl_err err;
    struct pawl_codec_scratch scratch; /* the thread's */
};

struct pawl_history_db *pawl_history_connection(struct pawl_history *history)
{
    return &history->db;
}

/* What the file has of the run; 0 also after a failure, which is kept in the connection. */
static uint64_t read_watermark(struct pawl_history *history)
{
    uint64_t watermark = 0;
    sqlite3_stmt *row = pawl_history_db_bind(&history->db, "SELECT watermark FROM runs WHERE id=?1",
                                             "t", history->run_id);
    if (row != NULL && pawl_history_db_step(&history->db, row)) {
        watermark = (uint64_t)sqlite3_column_int64(row, 0);
        (void)sqlite3_reset(row);
    }
    return watermark;
}

static void begin_run(struct pawl_history *history, int64_t now_us)
{
    pawl_history_db_run(&history->db,
                        "INSERT OR IGNORE INTO runs(id, started_us, state)"
                        " VALUES(?1, ?2, 'active')",
                        "ti", history->run_id, now_us);
}

/* One transaction. Returns the last operation that the file has then, 0 after a failure. */
static uint64_t write_batch(struct pawl_history *history, struct pawl_slice blob)
{
    struct pawl_history_db *db = &history->db;
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    bool readable = pawl_record_batch_open(blob, &cursor);
    PAWL_ASSERT(readable);
    pawl_history_db_run(db, "BEGIN IMMEDIATE", "");
    /* Read again: another process may have written what we are about to. */
    uint64_t last = read_watermark(history);
    while (pawl_ok(db->err) && pawl_record_batch_next(&cursor, &history->scratch, &record)) {
        if (record.op > last) {
            if (last == 0) {
                begin_run(history, record.now_us);
            }
            pawl_history_apply(db, pawl_slice_str(history->run_id), &record);
            last = record.op;
        }
    }
    pawl_history_db_run(db, "UPDATE runs SET watermark=?2 WHERE id=?1", "ti", history->run_id,
                        (int64_t)last);
    pawl_history_db_run(db, "COMMIT", "");
    if (pawl_failed(db->err)) {
        /* Where this fails as well, closing the connection ends the transaction. */
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
        return 0;
    }
    return last;
}

static void open_file(struct pawl_history *history)
{
    pawl_err err = pawl_history_db_open(&history->db, history->path);
    uint64_t watermark = pawl_ok(err) ? read_watermark(history) : 0;
    pthread_mutex_lock(&history->mutex);
    history->watermark = watermark;
    history->err = pawl_failed(history->err) ? history->err : history->db.err;
    history->opened = true;
    pthread_cond_broadcast(&history->changed);
    pthread_mutex_unlock(&history->mutex);
}

/* In boot time. */
static int64_t in_ms(uint32_t timeout_ms)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg) + (int64_t)timeout_ms * PAWL_US_PER_MS;
}

/* With the mutex, the thread's: until there is something to write, and for a while what comes
 * with it. */
static void gather(struct pawl_history *history)
{
    while (history->pending.bytes == 0 && !history->closing) {
        pthread_cond_wait(&history->changed, &history->mutex);
    }
    int64_t until_us = in_ms(GATHER_MS);
    while (history->waiting == 0 && !history->closing &&
           pawl_cond_wait_until(&history->changed, &history->mutex, until_us)) {
    }
}

static void *thread_main(void *arg)
{
    struct pawl_history *history = arg;
    struct pawl_buf mine;
    pawl_buf_init(&mine, QUEUE_BYTES_MAX);
    open_file(history);
    pthread_mutex_lock(&history->mutex);
    for (;;) {
        gather(history);
        if (history->pending.bytes == 0) {
            break;
        }
        struct pawl_buf full = history->pending;
        history->pending = mine;
        mine = full;
        pthread_cond_broadcast(&history->changed);
        pthread_mutex_unlock(&history->mutex);

        pawl_record_batch_end(&mine);
        uint64_t last = pawl_ok(history->db.err) ? write_batch(history, pawl_buf_slice(&mine)) : 0;
        pawl_buf_reset(&mine);

        pthread_mutex_lock(&history->mutex);
        history->watermark = last > history->watermark ? last : history->watermark;
        history->err = pawl_failed(history->err) ? history->err : history->db.err;
        pthread_cond_broadcast(&history->changed);
    }
    pthread_mutex_unlock(&history->mutex);
    pawl_buf_free(&mine);
    return NULL;
}

/* With the mutex. Without a thread the error is kept and records are ignored. */
static void ensure_thread(struct pawl_history *history)
{
    if (history->has_thread || pawl_failed(history->err)) {
        return;
    }
    /* Signals are the loop's. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&history->thread, NULL, thread_main, history);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    history->has_thread = failure == 0;
    history->err = pawl_err_from_errno(failure);
}

static void release(struct pawl_history *history)
{
    pthread_cond_destroy(&history->changed);
    pthread_mutex_destroy(&history->mutex);
    pawl_buf_free(&history->pending);
    pawl_history_db_close(&history->db);
    pawl_free(history->path);
    pawl_free(history);
}

static struct pawl_history *make(const char *path)
{
    size_t bytes = strlen(path) + 1;
    struct pawl_history *history = pawl_alloc_zeroed(1, sizeof(*history));
    char *copy = history != NULL ? pawl_alloc(bytes) : NULL;
    if (copy == NULL) {
        pawl_free(history);
        return NULL;
    }
    memcpy(copy, path, bytes);
    history->path = copy;
    pthread_mutex_init(&history->mutex, NULL);
    pawl_cond_init(&history->changed);
    pawl_buf_init(&history->pending, QUEUE_BYTES_MAX);
    return history;
}

pawl_err pawl_history_open(const char *path,
                           const char *run_id,
                           struct pawl_history **ret_history,
                           struct pawl_errmsg *msg)
{
    struct pawl_history *history = make(path);
    if (history == NULL) {
        pawl_errmsg_set(msg, "history: out of memory");
        return PAWL_ERR(MEMORY);
    }
    if (run_id != NULL) {
        bool fits = pawl_slice_copy_str(pawl_slice_str(run_id), history->run_id, RUN_ID_BYTES);
        PAWL_ASSERT(fits && run_id[0] != '\0');
    } else if (pawl_failed(pawl_history_db_open_reader(&history->db, path))) {
        pawl_err err = history->db.err;
        pawl_errmsg_set(msg, "%s", history->db.msg.text);
        release(history);
        return err;
    }
    *ret_history = history;
    return PAWL_OK;
}

bool pawl_history_is_read_only(const struct pawl_history *history)
{
    return history->db.read_only;
}

/* With the mutex. */
static void tell(const struct pawl_history *history, struct pawl_errmsg *msg)
{
    if (pawl_failed(history->db.err)) {
        pawl_errmsg_set(msg, "%s", history->db.msg.text);
    } else {
        pawl_errmsg_set(msg, "history: %s", pawl_err_name(history->err));
    }
}

pawl_err pawl_history_ready(struct pawl_history *history, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(history->run_id[0] != '\0');
    pthread_mutex_lock(&history->mutex);
    ensure_thread(history);
    while (history->has_thread && !history->opened) {
        pthread_cond_wait(&history->changed, &history->mutex);
    }
    pawl_err err = history->err;
    if (pawl_failed(err)) {
        tell(history, msg);
    }
    pthread_mutex_unlock(&history->mutex);
    return err;
}

/* After a record that found no memory nothing more is taken, so that the file stays a prefix of the
 * journal; the next reader catches it up from there. */
static void enqueue(struct pawl_history *history, const struct pawl_record *record)
{
    if (history->pending.bytes == 0) {
        pawl_record_batch_begin(&history->pending);
        pthread_cond_broadcast(&history->changed);
    }
    if (!history->pending.overflowed) {
        pawl_record_batch_add(&history->pending, record);
    }
    if (history->pending.overflowed) {
        history->err = PAWL_ERR(MEMORY);
        pawl_buf_reset(&history->pending);
    }
}

/* With the mutex. While somebody waits, the thread writes what there is at once. */
static void begin_waiting(struct pawl_history *history)
{
    history->waiting++;
    pthread_cond_broadcast(&history->changed);
}

void pawl_history_feed(struct pawl_history *history, const struct pawl_record *record)
{
    PAWL_ASSERT(history->run_id[0] != '\0');
    pthread_mutex_lock(&history->mutex);
    ensure_thread(history);
    if (history->pending.bytes > QUEUE_BYTES_HIGH) {
        begin_waiting(history);
        while (history->pending.bytes > QUEUE_BYTES_HIGH) {
            pthread_cond_wait(&history->changed, &history->mutex);
        }
        history->waiting--;
    }
    if (pawl_ok(history->err)) {
        enqueue(history, record);
    }
    pthread_mutex_unlock(&history->mutex);
}

uint64_t pawl_history_watermark(struct pawl_history *history)
{
    pthread_mutex_lock(&history->mutex);
    uint64_t watermark = history->watermark;
    pthread_mutex_unlock(&history->mutex);
    return watermark;
}

pawl_err pawl_history_wait(struct pawl_history *history, uint64_t op, uint32_t timeout_ms)
{
    int64_t until_us = in_ms(timeout_ms);
    pthread_mutex_lock(&history->mutex);
    ensure_thread(history);
    begin_waiting(history);
    pawl_err err = history->err;
    while (pawl_ok(err) && history->watermark < op) {
        bool in_time = pawl_cond_wait_until(&history->changed, &history->mutex, until_us);
        err = in_time ? history->err : PAWL_ERR(TIMEOUT);
    }
    history->waiting--;
    pthread_mutex_unlock(&history->mutex);
    return err;
}

pawl_err pawl_history_close(struct pawl_history *history, struct pawl_errmsg *msg)
{
    if (history->has_thread) {
        pthread_mutex_lock(&history->mutex);
        history->closing = true;
        pthread_cond_broadcast(&history->changed);
        pthread_mutex_unlock(&history->mutex);
        pthread_join(history->thread, NULL);
    }
    pawl_err err = pawl_failed(history->db.err) ? history->db.err : history->err;
    if (pawl_failed(err)) {
        tell(history, msg);
    }
    release(history);
    return err;
}
