/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c: life, the queue between durable batches and the writer, and catching up.
 *
 * The queue is a list of copied batches in order and without gaps. When it is full, or the file is
 * broken, a batch is left out, and so are all that follow, until pawl_archive_turn has read back
 * what is missing and the newest batch fits on to it again.
 *
 * The first turn compares the file with the journal: the batch at the file's watermark must be
 * there with the same hash, or the file is another journal's, or from the future, and is made
 * again.
 */
#define _GNU_SOURCE
#include "archive/archive.h"

#include <signal.h>
#include <string.h>

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cond.h"
#include "engine/engine.h"

enum { READ_BACK_BYTES = 1 << 20 };

#define QUEUE_BYTES_MAX (UINT64_C(256) << 20)
#define KEEP_US         (INT64_C(30) * 86400 * PAWL_US_PER_SECOND)

int64_t pawl_archive_now_us(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg);
}

/* --- Life. ------------------------------------------------------------------------------------ */

static void release(struct pawl_archive *archive)
{
    pawl_archive_drop_queue(archive);
    pawl_archive_db_close(&archive->db);
    pawl_archive_db_close(&archive->reader_db);
    pawl_archive_stage_free(&archive->apply.stage);
    pawl_free(archive->apply.scopes.slots);
    pawl_free(archive->apply.scopes.reached.scopes);
    pawl_free(archive->scratch);
    pawl_free(archive->path);
    pthread_cond_destroy(&archive->work);
    pthread_cond_destroy(&archive->asked);
    pthread_mutex_destroy(&archive->lock);
    pthread_mutex_destroy(&archive->reading);
    pawl_free(archive);
}

static void init_locks(struct pawl_archive *archive)
{
    pawl_cond_init(&archive->work);
    pawl_cond_init(&archive->asked);
    pthread_mutex_init(&archive->lock, NULL);
    pthread_mutex_init(&archive->reading, NULL);
}

static struct pawl_archive *make(const struct pawl_archive_options *options)
{
    struct pawl_archive *archive = pawl_alloc_zeroed(1, sizeof(*archive));
    if (archive == NULL) {
        return NULL;
    }
    init_locks(archive);
    size_t path_bytes = strlen(options->path) + 1;
    archive->options = *options;
    archive->path = pawl_alloc(path_bytes);
    archive->scratch = pawl_alloc_zeroed(1, sizeof(*archive->scratch));
    archive->apply.scopes.slots =
        pawl_alloc_zeroed(PAWL_ARCHIVE_SCOPE_SLOTS, sizeof(archive->apply.scopes.slots[0]));
    if (archive->path == NULL || archive->scratch == NULL || archive->apply.scopes.slots == NULL) {
        release(archive);
        return NULL;
    }
    memcpy(archive->path, options->path, path_bytes);
    archive->options.path = archive->path;
    if (options->queue_bytes_max == 0) {
        archive->options.queue_bytes_max = QUEUE_BYTES_MAX;
    }
    if (options->keep_us == 0) {
        archive->options.keep_us = KEEP_US;
    }
    archive->apply.db = &archive->db;
    pawl_archive_stage_init(&archive->apply.stage, &archive->db);
    archive->missing = true; /* until a turn has looked */
    return archive;
}

/* The threads get no signals: those are the loop's. */
static pawl_err start_threads(struct pawl_archive *archive)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&archive->writer, NULL, pawl_archive_writer_main, archive);
    if (failure == 0) {
        failure = pthread_create(&archive->reader, NULL, pawl_archive_reader_main, archive);
        if (failure != 0) {
            pthread_mutex_lock(&archive->lock);
            archive->closing = true;
            pthread_cond_broadcast(&archive->work);
            pthread_mutex_unlock(&archive->lock);
            pthread_join(archive->writer, NULL);
        }
    }
    if (failure == 0) {
        (void)pthread_setname_np(archive->writer, "archive-writer");
        (void)pthread_setname_np(archive->reader, "archive-reader");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pawl_err_from_errno(failure);
}

pawl_err pawl_archive_open(const struct pawl_archive_options *options,
                           struct pawl_archive **ret_archive,
                           struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->path != NULL && options->keep_us >= 0);
    struct pawl_archive *archive = make(options);
    if (archive == NULL) {
        pawl_errmsg_set(msg, "archive: out of memory");
        return PAWL_ERR(MEMORY);
    }
    pawl_err err = pawl_archive_open_file(archive, msg);
    if (pawl_ok(err)) {
        err = start_threads(archive);
        if (pawl_failed(err)) {
            pawl_errmsg_set(msg, "archive: no thread: %s", pawl_err_name(err));
        }
    }
    if (pawl_failed(err)) {
        release(archive);
        return err;
    }
    *ret_archive = archive;
    return PAWL_OK;
}

void pawl_archive_close(struct pawl_archive *archive)
{
    pthread_mutex_lock(&archive->lock);
    archive->closing = true;
    pthread_cond_broadcast(&archive->work);
    pthread_cond_broadcast(&archive->asked);
    pthread_mutex_unlock(&archive->lock);
    pthread_join(archive->reader, NULL);
    pawl_archive_collect(archive);
    pthread_join(archive->writer, NULL);
    release(archive);
}

void pawl_archive_stats(struct pawl_archive *archive, struct pawl_archive_stats *ret_stats)
{
    pthread_mutex_lock(&archive->lock);
    *ret_stats = (struct pawl_archive_stats){
        .op = archive->op,
        .queued_bytes = archive->queued_bytes,
        .rows = archive->rows,
        .set_aside = archive->set_aside_count,
        .missing = archive->missing,
        .broken = archive->broken || archive->unreadable,
    };
    pthread_mutex_unlock(&archive->lock);
}

/* --- The queue. ------------------------------------------------------------------------------- */

void pawl_archive_drop_queue(struct pawl_archive *archive)
{
    while (archive->first != NULL) {
        struct pawl_archive_item *item = archive->first;
        archive->first = item->next;
        pawl_free(item);
    }
    archive->last = NULL;
    archive->queued_bytes = 0;
}

/* With the lock. false: no room or no memory. An empty queue has room for any batch. */
static bool enqueue(struct pawl_archive *archive, const struct pawl_journal_batch *batch)
{
    if (archive->queued_bytes > 0 &&
        archive->queued_bytes + batch->blob.bytes > archive->options.queue_bytes_max) {
        return false;
    }
    struct pawl_archive_item *item = pawl_alloc(sizeof(*item) + batch->blob.bytes);
    if (item == NULL) {
        return false;
    }
    item->next = NULL;
    item->first_op = batch->first_op;
    item->last_op = batch->last_op;
    item->hash = batch->hash;
    item->bytes = batch->blob.bytes;
    memcpy(item->data, batch->blob.data, batch->blob.bytes);
    if (archive->last == NULL) {
        archive->first = item;
        pthread_cond_signal(&archive->work);
    } else {
        archive->last->next = item;
    }
    archive->last = item;
    archive->queued_bytes += item->bytes;
    archive->fed_op = item->last_op;
    return true;
}

void pawl_archive_feed(struct pawl_archive *archive, const struct pawl_journal_batch *batch)
{
    PAWL_ASSERT(batch->first_op > 0 && batch->first_op <= batch->last_op);
    pthread_mutex_lock(&archive->lock);
    if (!archive->missing && batch->last_op > archive->fed_op) {
        archive->missing =
            archive->broken || batch->first_op != archive->fed_op + 1 || !enqueue(archive, batch);
    }
    pthread_mutex_unlock(&archive->lock);
}

/* --- Catching up. ----------------------------------------------------------------------------- */

struct reading {
    struct pawl_archive *archive;
    uint64_t at_op; /* of the check: the watermark */
    const struct pawl_journal_hash *hash;
    bool same;
    size_t bytes;
};

static bool check_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct reading *reading = arg;
    reading->same = batch->last_op == reading->at_op &&
                    memcmp(batch->hash.bytes, reading->hash->bytes, PAWL_JOURNAL_HASH_BYTES) == 0;
    return false;
}

/* Whether the file's last batch is this journal's. An error of the journal's is told by the engine
 * itself; here it only means that the file cannot be trusted. */
static bool is_of(struct pawl_archive *archive,
                  struct pawl_engine *engine,
                  uint64_t op,
                  const struct pawl_journal_hash *hash)
{
    struct reading reading = {.archive = archive, .at_op = op, .hash = hash};
    struct pawl_errmsg msg;
    return op == 0 ||
           (pawl_ok(pawl_engine_batches(engine, op, check_batch, &reading, &msg)) && reading.same);
}

/* Runs before anything of this journal is written. */
static void verify(struct pawl_archive *archive, struct pawl_engine *engine)
{
    pthread_mutex_lock(&archive->lock);
    uint64_t op = archive->op;
    struct pawl_journal_hash hash = archive->hash;
    pthread_mutex_unlock(&archive->lock);
    bool same = is_of(archive, engine, op, &hash);
    pthread_mutex_lock(&archive->lock);
    archive->verified = true;
    archive->set_aside_wanted = !same;
    pthread_cond_signal(&archive->work);
    pthread_mutex_unlock(&archive->lock);
}

static bool take_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct reading *reading = arg;
    struct pawl_archive *archive = reading->archive;
    bool more = false;
    pthread_mutex_lock(&archive->lock);
    /* The writer may have begun anew meanwhile. */
    if (batch->first_op == archive->fed_op + 1 && !archive->broken && !archive->set_aside_wanted) {
        bool taken = enqueue(archive, batch);
        reading->bytes += taken ? batch->blob.bytes : 0;
        more = taken && reading->bytes < READ_BACK_BYTES;
    }
    pthread_mutex_unlock(&archive->lock);
    return more;
}

/* What the journal does not go back to cannot be had. */
static uint64_t next_op(struct pawl_archive *archive, struct pawl_engine *engine)
{
    uint64_t first_op = pawl_engine_first_op(engine);
    pthread_mutex_lock(&archive->lock);
    if (archive->op == 0 && archive->first == NULL && first_op > archive->fed_op + 1) {
        archive->fed_op = first_op - 1;
    }
    uint64_t next = archive->fed_op + 1;
    pthread_mutex_unlock(&archive->lock);
    return next;
}

/* With the lock: whether something can be read back now. */
static bool has_room(const struct pawl_archive *archive)
{
    return archive->missing && !archive->broken && !archive->set_aside_wanted &&
           archive->queued_bytes <= archive->options.queue_bytes_max / 2;
}

bool pawl_archive_turn(struct pawl_archive *archive, struct pawl_engine *engine)
{
    pthread_mutex_lock(&archive->lock);
    bool verified = archive->verified;
    bool room = has_room(archive);
    pthread_mutex_unlock(&archive->lock);
    if (!verified) {
        verify(archive, engine);
        return true;
    }
    if (!room || pawl_engine_poisoned(engine)) {
        return false;
    }
    struct reading reading = {.archive = archive};
    struct pawl_errmsg msg;
    uint64_t from_op = next_op(archive, engine);
    pawl_err err = PAWL_OK;
    if (from_op <= pawl_engine_durable_op(engine)) {
        err = pawl_engine_batches(engine, from_op, take_batch, &reading, &msg);
    }
    uint64_t durable_op = pawl_engine_durable_op(engine);
    pthread_mutex_lock(&archive->lock);
    if (pawl_failed(err)) {
        /* The journal does not have it any more, or cannot be read: begin with what it has. */
        archive->set_aside_wanted |= err.code == PAWL_ERR_NOT_FOUND; /* the reader may want it */
        pthread_cond_signal(&archive->work);
    } else if (archive->fed_op >= durable_op) {
        archive->missing = false;
    }
    /* Where not even one batch fitted, the writer wakes the host when it has written. */
    bool more = pawl_ok(err) && reading.bytes > 0 && has_room(archive);
    pthread_mutex_unlock(&archive->lock);
    return more;
}
