/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.c: requests, and the thread that answers them with a connection of its own.
 *
 * A request waits until the file has what it needs. The first of them that can be answered is, so
 * one that waits holds up nobody. Answers are told on the loop.
 *
 * Failure: a query that fails is answered BROKEN with the reason, and the connection is opened anew
 * for the next one. A file that is damaged is put aside by the writer; in any other case it opens
 * the file anew, too, since what it has may not be what the name leads to any more. From then on
 * the reader looks every two seconds, until the file can be read.
 */
#include "archive/archive.h"

#include <string.h>

#include "archive/archive_priv.h"
#include "archive/query.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

enum { LOOK_AGAIN_US = 2000000 };

/* --- Asking. ---------------------------------------------------------------------------------- */

/* Copies a text behind the others. */
static struct pawl_slice keep(char **room, struct pawl_slice text)
{
    char *at = *room;
    if (text.bytes > 0) {
        memcpy(at, text.data, text.bytes);
    }
    *room += text.bytes;
    return pawl_slice_of(at, text.bytes);
}

static struct pawl_archive_waiting *make_waiting(const struct pawl_archive_query *query)
{
    size_t bytes = query->tenant.bytes + query->idempotency_key.bytes;
    for (int i = 0; i < PAWL_LEVEL_COUNT; i++) {
        bytes += query->levels[i].bytes;
    }
    struct pawl_archive_waiting *waiting = pawl_alloc(sizeof(*waiting) + bytes);
    if (waiting == NULL) {
        return NULL;
    }
    char *room = waiting->texts;
    waiting->next = NULL;
    waiting->query = *query;
    waiting->query.tenant = keep(&room, query->tenant);
    waiting->query.idempotency_key = keep(&room, query->idempotency_key);
    for (int i = 0; i < PAWL_LEVEL_COUNT; i++) {
        waiting->query.levels[i] = keep(&room, query->levels[i]);
    }
    return waiting;
}

/* With the lock. */
static void answer(struct pawl_archive *archive,
                   struct pawl_archive_request *request,
                   enum pawl_archive_answer kind)
{
    request->answer = kind;
    request->next = NULL;
    if (archive->answered_last == NULL) {
        archive->answered_first = request;
    } else {
        archive->answered_last->next = request;
    }
    archive->answered_last = request;
}

/* Without the lock. */
static void wake(struct pawl_archive *archive)
{
    if (archive->options.wake != NULL) {
        archive->options.wake(archive->options.wake_arg);
    }
}

void pawl_archive_ask(struct pawl_archive *archive,
                      const struct pawl_archive_query *query,
                      uint64_t needs_op,
                      uint32_t timeout_ms,
                      struct pawl_archive_request *request)
{
    PAWL_ASSERT(query->limit >= 1 && query->limit <= 1000);
    PAWL_ASSERT(query->sort <= PAWL_ARCHIVE_BY_STATUS && query->status <= PAWL_ARCHIVE_RELEASED);
    struct pawl_archive_waiting *waiting = make_waiting(query);
    request->why = "";
    request->rows = NULL;
    request->row_count = 0;
    request->more = false;
    request->memory = NULL;
    request->last = (struct pawl_archive_place){.op = 0};
    int64_t now_us = pawl_archive_now_us();
    pthread_mutex_lock(&archive->lock);
    archive->asked_us = now_us;
    if (waiting == NULL) {
        request->why = "out of memory";
        answer(archive, request, PAWL_ARCHIVE_BROKEN);
    } else {
        waiting->request = request;
        waiting->needs_op = needs_op;
        waiting->until_us = now_us + (int64_t)timeout_ms * PAWL_US_PER_MS;
        if (archive->waiting_last == NULL) {
            archive->waiting_first = waiting;
        } else {
            archive->waiting_last->next = waiting;
        }
        archive->waiting_last = waiting;
        archive->urgent++;
        pthread_cond_signal(&archive->asked);
        pthread_cond_signal(&archive->work);
    }
    pthread_mutex_unlock(&archive->lock);
    if (waiting == NULL) {
        wake(archive);
    }
}

void pawl_archive_collect(struct pawl_archive *archive)
{
    pthread_mutex_lock(&archive->lock);
    struct pawl_archive_request *request = archive->answered_first;
    archive->answered_first = NULL;
    archive->answered_last = NULL;
    pthread_mutex_unlock(&archive->lock);
    while (request != NULL) {
        struct pawl_archive_request *next = request->next;
        request->done(request);
        request = next;
    }
}

/* --- Answering. ------------------------------------------------------------------------------- */

/* With the lock: the file has it, and is this journal's. */
static bool is_ready(const struct pawl_archive *archive, const struct pawl_archive_waiting *waiting)
{
    return archive->verified && !archive->set_aside_wanted && archive->op >= waiting->needs_op;
}

static bool can_be_answered(const struct pawl_archive *archive,
                            const struct pawl_archive_waiting *waiting,
                            int64_t now_us)
{
    return archive->closing || archive->broken || is_ready(archive, waiting) ||
           now_us >= waiting->until_us;
}

/* With the lock: the first that can be answered, cut off the list; NULL: none, and `*ret_until_us`
 * is when to look again. */
static struct pawl_archive_waiting *cut(struct pawl_archive *archive, int64_t *ret_until_us)
{
    int64_t now_us = pawl_archive_now_us();
    struct pawl_archive_waiting *before = NULL;
    *ret_until_us = INT64_MAX;
    for (struct pawl_archive_waiting *waiting = archive->waiting_first; waiting != NULL;
         waiting = waiting->next) {
        if (can_be_answered(archive, waiting, now_us)) {
            if (before == NULL) {
                archive->waiting_first = waiting->next;
            } else {
                before->next = waiting->next;
            }
            if (archive->waiting_last == waiting) {
                archive->waiting_last = before;
            }
            archive->urgent--;
            return waiting;
        }
        *ret_until_us = waiting->until_us < *ret_until_us ? waiting->until_us : *ret_until_us;
        before = waiting;
    }
    return NULL;
}

/* Whether the file that has the name is the one that is written. Somebody may have removed it or
 * put another in its place while both threads work: then the name leads to less than the writer
 * has, and a list of that would be a list of what is missing. */
static bool has(struct pawl_archive_db *db, uint64_t op)
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_STATE_GET);
    bool found = false;
    if (pawl_archive_db_step(db, get)) {
        found = (uint64_t)sqlite3_column_int64(get, 0) >= op;
        pawl_archive_db_done(get);
    }
    if (!found && pawl_ok(db->err)) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "the file is not the one that is written");
    }
    return found;
}

static bool open_to_read(struct pawl_archive *archive)
{
    struct pawl_archive_db *db = &archive->reader_db;
    return db->sqlite != NULL ||
           pawl_ok(pawl_archive_db_open(db, archive->path, PAWL_ARCHIVE_DB_THERE));
}

/* Without the lock; without a request it looks whether there could be one. The words of a failure
 * are copied, since the connection is opened anew. */
static bool run(struct pawl_archive *archive,
                const struct pawl_archive_waiting *waiting,
                uint64_t needs_op,
                struct pawl_errmsg *ret_why,
                bool *ret_spoiled)
{
    struct pawl_archive_db *db = &archive->reader_db;
    pthread_mutex_lock(&archive->reading);
    bool done = open_to_read(archive) && has(db, needs_op) &&
                (waiting == NULL || pawl_archive_query_run(db, &waiting->query,
                                                           &pawl_archive_limits, waiting->request));
    if (!done) {
        *ret_why = db->msg;
        *ret_spoiled = db->err.code == PAWL_ERR_CORRUPT;
        pawl_archive_db_close(db);
        if (waiting != NULL) {
            pawl_archive_release(waiting->request); /* rows that were found before it failed */
        }
    }
    pthread_mutex_unlock(&archive->reading);
    return done;
}

/* A request's words live as long as it does. */
static void keep_words(struct pawl_archive_request *request, const char *words)
{
    struct pawl_arena *arena = pawl_alloc(sizeof(*arena));
    request->why = "the archive cannot be read";
    if (arena != NULL) {
        pawl_arena_init(arena, sizeof(struct pawl_errmsg) + 16);
        struct pawl_slice copy = pawl_arena_copy(arena, pawl_slice_str(words));
        request->memory = arena;
        request->why = copy.bytes > 0 ? copy.data : request->why;
    }
}

/* With the lock. */
static void
note_run(struct pawl_archive *archive, bool done, bool spoiled, const struct pawl_errmsg *why)
{
    if (done && archive->unreadable) {
        pawl_log(PAWL_LOG_INFO, "%s can be read again", archive->path);
    } else if (!done && !archive->unreadable) {
        pawl_log(PAWL_LOG_ERROR, "%s; until it can be read, no list is answered", why->text);
    }
    archive->unreadable = !done;
    if (done) {
        return;
    }
    archive->look_us = pawl_archive_now_us() + LOOK_AGAIN_US;
    if (spoiled && archive->spoiled < PAWL_ARCHIVE_SPOILED_MAX) {
        archive->spoiled++;
        archive->set_aside_wanted = true;
    } else {
        archive->reopen_wanted = true;
    }
    pthread_cond_signal(&archive->work);
}

/* With the lock; it is let go meanwhile. */
static bool run_unlocked(struct pawl_archive *archive,
                         const struct pawl_archive_waiting *waiting,
                         uint64_t needs_op,
                         struct pawl_errmsg *ret_why)
{
    bool spoiled = false;
    pthread_mutex_unlock(&archive->lock);
    bool done = run(archive, waiting, needs_op, ret_why, &spoiled);
    pthread_mutex_lock(&archive->lock);
    note_run(archive, done, spoiled, ret_why);
    return done;
}

/* With the lock; it is let go meanwhile. */
static void answer_one(struct pawl_archive *archive, struct pawl_archive_waiting *waiting)
{
    struct pawl_archive_request *request = waiting->request;
    enum pawl_archive_answer kind = PAWL_ARCHIVE_BEHIND;
    if (archive->closing) {
        kind = PAWL_ARCHIVE_SHUT_DOWN;
    } else if (is_ready(archive, waiting)) {
        struct pawl_errmsg why = {""};
        kind = PAWL_ARCHIVE_FOUND;
        if (!run_unlocked(archive, waiting, waiting->needs_op, &why)) {
            kind = PAWL_ARCHIVE_BROKEN;
            keep_words(request, why.text);
        }
    } else if (archive->broken) {
        kind = PAWL_ARCHIVE_BROKEN;
        keep_words(request, archive->why);
    }
    answer(archive, request, kind);
    pawl_free(waiting);
}

/* With the lock; it is let go meanwhile. Nobody asks, but what cannot be read is looked at again;
 * until the writer has opened or made the file anew there is nothing to look at. */
static void look_again(struct pawl_archive *archive)
{
    struct pawl_errmsg why = {""};
    bool writer_is_done = archive->verified && !archive->broken && !archive->set_aside_wanted &&
                          !archive->reopen_wanted;
    archive->look_us = pawl_archive_now_us() + LOOK_AGAIN_US;
    if (writer_is_done) {
        (void)run_unlocked(archive, NULL, archive->op, &why);
    }
}

void *pawl_archive_reader_main(void *arg)
{
    struct pawl_archive *archive = arg;
    pthread_mutex_lock(&archive->lock);
    while (!archive->closing || archive->waiting_first != NULL) {
        int64_t until_us = INT64_MAX;
        struct pawl_archive_waiting *waiting = cut(archive, &until_us);
        if (waiting != NULL) {
            answer_one(archive, waiting);
            pthread_mutex_unlock(&archive->lock);
            wake(archive);
            pthread_mutex_lock(&archive->lock);
        } else if (archive->unreadable && pawl_archive_now_us() >= archive->look_us) {
            look_again(archive);
        } else if (archive->unreadable) {
            until_us = until_us < archive->look_us ? until_us : archive->look_us;
            (void)pawl_cond_wait_until(&archive->asked, &archive->lock, until_us);
        } else if (until_us == INT64_MAX) {
            pthread_cond_wait(&archive->asked, &archive->lock);
        } else {
            (void)pawl_cond_wait_until(&archive->asked, &archive->lock, until_us);
        }
    }
    pthread_mutex_unlock(&archive->lock);
    return NULL;
}
