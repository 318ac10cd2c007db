/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c: the writer's thread: batches from the queue into the file, many in one transaction, with
 * the watermark in it.
 *
 * A transaction costs as much as the rows of several requests, and the more rows it has, the more
 * of them meet in a leaf, which is written once for all. So they come together first, for half a
 * second where nobody lists: what was gathered then takes a list that comes tens of milliseconds
 * to wait for, once, since the next ones find short gatherings. Nothing is gathered while somebody
 * waits. When more comes than can be written, the queue grows, and with it the transactions.
 *
 * Failure: the file is closed, what was queued is forgotten, and after a second it is opened again;
 * what is missing is read back then; likewise, at once, where the reader cannot use it. A file that
 * is damaged is put aside and made again, a few times: a disk that damages every file is broken.
 */
#include <string.h>

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/cond.h"
#include "base/log.h"

enum {
    GATHER_US = 500000,       /* nobody looks */
    GATHER_LISTED_US = 20000, /* somebody did, not longer ago than LISTED_US */
    LISTED_US = 10000000,
    RETRY_US = 1000000,
    TRANSACTION_BYTES = 16 << 20,
    FORGET_LEAST = 64 /* rows that are looked at in each transaction, and two for each new one */
};

/* --- The file. -------------------------------------------------------------------------------- */

/* What the file says of itself. */
struct state {
    uint64_t op;
    uint64_t rows;
    struct pawl_journal_hash hash;
    struct pawl_hash_key hash_key;
};

static bool read_state(struct pawl_archive_db *db, struct state *ret_state)
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_STATE_GET);
    bool sound = false;
    if (pawl_archive_db_step(db, get)) {
        const void *hash = sqlite3_column_blob(get, 1);
        const void *key = sqlite3_column_blob(get, 3);
        sound = hash != NULL && sqlite3_column_bytes(get, 1) == (int)sizeof(ret_state->hash) &&
                key != NULL && sqlite3_column_bytes(get, 3) == (int)sizeof(ret_state->hash_key) &&
                sqlite3_column_int64(get, 0) >= 0;
        if (sound) {
            ret_state->op = (uint64_t)sqlite3_column_int64(get, 0);
            ret_state->rows = (uint64_t)sqlite3_column_int64(get, 2);
            memcpy(&ret_state->hash, hash, sizeof(ret_state->hash));
            memcpy(&ret_state->hash_key, key, sizeof(ret_state->hash_key));
        }
        pawl_archive_db_done(get);
    }
    if (!sound) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "the file has no watermark");
    }
    return sound;
}

static bool wants_setting_aside(pawl_err err)
{
    return err.code == PAWL_ERR_CORRUPT || err.code == PAWL_ERR_VERSION;
}

/* With the lock where threads run. The file was put aside; `msg` is what was wrong with it. */
static void note_set_aside(struct pawl_archive *archive, const struct pawl_errmsg *msg)
{
    archive->set_aside_count++;
    pawl_log(PAWL_LOG_WARN,
             "%s is made again from the journal: %s; what was there, if anything, is %s.aside",
             archive->path, msg->text[0] != '\0' ? msg->text : "it is not this ledger's",
             archive->path);
}

/* Without the lock: it may take as long as the disk does. */
static pawl_err open_and_read(struct pawl_archive *archive, struct state *ret_state)
{
    pawl_err err = pawl_archive_db_open(&archive->db, archive->path, PAWL_ARCHIVE_DB_MADE);
    if (pawl_ok(err) && !read_state(&archive->db, ret_state)) {
        err = archive->db.err;
        pawl_archive_db_close(&archive->db);
    }
    return err;
}

/* With the lock. */
static void works(struct pawl_archive *archive)
{
    if (archive->broken) {
        pawl_log(PAWL_LOG_INFO, "%s can be used again", archive->path);
    }
    archive->broken = false;
}

/* With the lock where threads run: everything begins anew from what the file has. */
static void begin_from(struct pawl_archive *archive, const struct state *state)
{
    pawl_archive_drop_queue(archive);
    archive->op = state->op;
    archive->rows = state->rows;
    archive->hash = state->hash;
    archive->fed_op = state->op;
    archive->missing = true;
    works(archive);
    archive->apply.hash_key = state->hash_key;
    archive->apply.scopes.key = state->hash_key;
    archive->apply.stage.row_count = state->rows;
    pawl_archive_scopes_forget(&archive->apply.scopes);
    pawl_archive_stage_reset(&archive->apply.stage);
    archive->forget = (struct pawl_archive_forget){.op = 0};
}

pawl_err pawl_archive_open_file(struct pawl_archive *archive, struct pawl_errmsg *msg)
{
    struct state state = {.op = 0};
    pawl_err err = open_and_read(archive, &state);
    if (wants_setting_aside(err)) {
        err = pawl_archive_db_set_aside(archive->path, msg);
        if (pawl_failed(err)) {
            return err;
        }
        note_set_aside(archive, &archive->db.msg);
        err = open_and_read(archive, &state);
    }
    if (pawl_failed(err)) {
        *msg = archive->db.msg;
    } else {
        begin_from(archive, &state);
    }
    return err;
}

/* Neither connection has it open then. Without the lock. */
static pawl_err set_aside(struct pawl_archive *archive, struct pawl_errmsg *msg)
{
    pthread_mutex_lock(&archive->reading);
    pawl_archive_db_close(&archive->reader_db);
    pawl_archive_db_close(&archive->db);
    pawl_err err = pawl_archive_db_set_aside(archive->path, msg);
    pthread_mutex_unlock(&archive->reading);
    return err;
}

/* Likewise. Together, so that SQLite does not find one of them in the way of the other. */
static void close_both(struct pawl_archive *archive)
{
    pthread_mutex_lock(&archive->reading);
    pawl_archive_db_close(&archive->reader_db);
    pawl_archive_db_close(&archive->db);
    pthread_mutex_unlock(&archive->reading);
}

/* --- Transactions. ---------------------------------------------------------------------------- */

static void apply_item(struct pawl_archive *archive, const struct pawl_archive_item *item)
{
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    if (!pawl_record_batch_open(pawl_slice_of(item->data, item->bytes), &cursor)) {
        pawl_archive_db_fail(&archive->db, PAWL_ERR(PROTOCOL), "a batch cannot be read");
        return;
    }
    while (pawl_ok(archive->db.err) && pawl_record_batch_next(&cursor, archive->scratch, &record)) {
        pawl_archive_apply(&archive->apply, &record);
    }
    if (cursor.left > 0) {
        pawl_archive_db_fail(&archive->db, PAWL_ERR(PROTOCOL), "a record cannot be read");
    }
}

static void write_state(struct pawl_archive *archive, const struct pawl_archive_item *last)
{
    sqlite3_stmt *set = pawl_archive_db_get(&archive->db, PAWL_ARCHIVE_SQL_STATE_SET);
    pawl_archive_bind(set, 1, (int64_t)last->last_op);
    pawl_archive_bind_blob(set, 2, last->hash.bytes, PAWL_JOURNAL_HASH_BYTES);
    pawl_archive_bind(set, 3, (int64_t)archive->apply.stage.row_count);
    pawl_archive_db_run(&archive->db, set);
}

/* Batches that follow the file's watermark, in order. A failure is in the connection. */
static void write_items(struct pawl_archive *archive, const struct pawl_archive_item *first)
{
    struct pawl_archive_db *db = &archive->db;
    const struct pawl_archive_item *last = first;
    archive->apply.made = 0;
    pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BEGIN_WRITE));
    for (const struct pawl_archive_item *item = first; item != NULL; item = item->next) {
        apply_item(archive, item);
        last = item;
    }
    pawl_archive_reached_write(&archive->apply.scopes.reached, db);
    pawl_archive_forget(&archive->apply, &archive->forget, archive->options.keep_us,
                        FORGET_LEAST + 2 * (uint32_t)archive->apply.made);
    pawl_archive_stage_write(&archive->apply.stage);
    write_state(archive, last);
    pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_COMMIT));
    if (pawl_failed(db->err)) {
        pawl_archive_db_rollback(db);
    }
}

/* --- The thread. ------------------------------------------------------------------------------ */

static bool is_called_off(const struct pawl_archive *archive)
{
    return archive->set_aside_wanted || archive->reopen_wanted || archive->closing;
}

/* With the lock: until there is something to do, and for a while what comes with it. */
static void gather(struct pawl_archive *archive)
{
    while (archive->first == NULL && !is_called_off(archive)) {
        pthread_cond_wait(&archive->work, &archive->lock);
    }
    int64_t now_us = pawl_archive_now_us();
    bool listed = archive->asked_us != 0 && now_us - archive->asked_us < LISTED_US;
    int64_t until_us = now_us + (listed ? GATHER_LISTED_US : GATHER_US);
    while (archive->urgent == 0 && !is_called_off(archive) &&
           archive->queued_bytes < TRANSACTION_BYTES &&
           pawl_cond_wait_until(&archive->work, &archive->lock, until_us)) {
    }
}

/* With the lock: what goes into one transaction, cut off the queue. */
static struct pawl_archive_item *cut(struct pawl_archive *archive)
{
    struct pawl_archive_item *first = archive->first;
    struct pawl_archive_item *last = first;
    if (first == NULL) {
        return NULL;
    }
    size_t bytes = last->bytes;
    while (last->next != NULL && bytes + last->next->bytes <= TRANSACTION_BYTES) {
        last = last->next;
        bytes += last->bytes;
    }
    archive->first = last->next;
    archive->last = archive->first == NULL ? NULL : archive->last;
    last->next = NULL;
    return first;
}

/* With the lock; it is let go meanwhile. */
static void write_some(struct pawl_archive *archive)
{
    struct pawl_archive_item *items = cut(archive);
    if (items == NULL) {
        return;
    }
    PAWL_ASSERT(items->first_op == archive->op + 1 || archive->op == 0);
    pthread_mutex_unlock(&archive->lock);
    write_items(archive, items);
    uint64_t bytes = 0;
    uint64_t op = 0;
    struct pawl_journal_hash hash = {{0}};
    while (items != NULL) {
        struct pawl_archive_item *item = items;
        items = item->next;
        bytes += item->bytes;
        op = item->last_op;
        hash = item->hash;
        pawl_free(item);
    }
    pthread_mutex_lock(&archive->lock);
    archive->queued_bytes -= bytes;
    if (pawl_ok(archive->db.err)) {
        archive->op = op;
        archive->hash = hash;
        archive->rows = archive->apply.stage.row_count;
        works(archive);
        pthread_cond_broadcast(&archive->asked);
    }
}

/* With the lock. */
static void tell_broken(struct pawl_archive *archive, const struct pawl_errmsg *msg)
{
    if (!archive->broken) {
        pawl_log(PAWL_LOG_ERROR, "%s; until it can be used, no list is answered", msg->text);
    }
    archive->broken = true;
    archive->missing = true;
    (void)pawl_slice_copy_str(pawl_slice_str(msg->text), archive->why, sizeof(archive->why));
    pawl_archive_drop_queue(archive);
    pthread_cond_broadcast(&archive->asked);
}

/* With the lock. */
static void wait_to_retry(struct pawl_archive *archive)
{
    int64_t until_us = pawl_archive_now_us() + RETRY_US;
    while (!archive->closing && pawl_cond_wait_until(&archive->work, &archive->lock, until_us)) {
    }
}

/* With the lock; it is let go meanwhile. Puts the file aside if that is what is wrong with it, and
 * opens it again, after a while if it could not be used. */
static void mend(struct pawl_archive *archive)
{
    struct pawl_errmsg msg = archive->db.msg;
    pawl_err err = archive->db.err;
    if (wants_setting_aside(err) && archive->spoiled < PAWL_ARCHIVE_SPOILED_MAX) {
        archive->spoiled++;
        archive->set_aside_wanted = true;
    }
    if (archive->set_aside_wanted) {
        archive->missing = true; /* nothing is queued meanwhile */
        pthread_mutex_unlock(&archive->lock);
        err = set_aside(archive, &msg);
        pthread_mutex_lock(&archive->lock);
        if (pawl_ok(err)) {
            note_set_aside(archive, &msg);
        }
    }
    if (pawl_failed(err)) {
        tell_broken(archive, &msg);
        wait_to_retry(archive);
    }
    if (archive->closing) {
        return;
    }
    pthread_mutex_unlock(&archive->lock);
    struct state state = {.op = 0};
    close_both(archive);
    err = open_and_read(archive, &state);
    pthread_mutex_lock(&archive->lock);
    archive->set_aside_wanted = false;
    archive->reopen_wanted = false;
    if (pawl_failed(err)) {
        tell_broken(archive, &archive->db.msg);
    } else {
        begin_from(archive, &state);
    }
}

static bool needs_mending(const struct pawl_archive *archive)
{
    return archive->db.sqlite == NULL || pawl_failed(archive->db.err) ||
           archive->set_aside_wanted || archive->reopen_wanted;
}

void *pawl_archive_writer_main(void *arg)
{
    struct pawl_archive *archive = arg;
    pthread_mutex_lock(&archive->lock);
    while (!(archive->closing && (archive->first == NULL || needs_mending(archive)))) {
        if (needs_mending(archive)) {
            mend(archive);
        } else {
            gather(archive);
        }
        if (!needs_mending(archive)) {
            write_some(archive);
        }
        bool call = archive->missing && !archive->broken &&
                    archive->queued_bytes <= archive->options.queue_bytes_max / 2;
        if (call && archive->options.wake != NULL) {
            pthread_mutex_unlock(&archive->lock);
            archive->options.wake(archive->options.wake_arg);
            pthread_mutex_lock(&archive->lock);
        }
    }
    pthread_mutex_unlock(&archive->lock);
    return NULL;
}
