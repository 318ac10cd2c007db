/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lending.c: see lending.h. The thread owns a question from the moment it takes it from the queue
 * until it has put it into the list of answered ones.
 */
#define _GNU_SOURCE
#include "run/lending.h"

#include <string.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "engine/limit_words.h"
#include "lending/contact.h"
#include "lending/wire.h"
#include "net/wake.h"
#include "run/account.h"
#include "run/caps.h"

enum {
    FIND_MS = 10000, /* for the authority to start and answer, before the run does */
    ASK_MS = 3000,   /* for it to answer a run under way; then it is asked again */
    END_MS = 5000,
    TICK_MS = 1000,
    HEARTBEAT_MS = 10 * 1000 /* while no limit binds: whether one was set */
};

struct pawl_lending {
    char data_dir[PAWL_PATH_BYTES];
    struct pawl_place where;
    char run_id[PAWL_RUN_ID_BYTES];
    uint32_t limit_count;
    struct pawl_limit limits[PAWL_LEND_LIMITS_MAX]; /* at the start */
    struct pawl_lending_options options;
    struct pawl_contact_mark mark; /* as it was when the authority was asked last */
    struct pawl_borrower *borrower;
    bool open;
    bool threaded;
    bool closing;
    uv_timer_t tick;
    uv_timer_t patience;
    struct pawl_wake answered;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t asked;
    /* Under the mutex. */
    bool stop;
    struct pawl_lend_ask *queue;
    struct pawl_lend_ask *done;
    void (*ended)(void *arg);
    void *ended_arg;
};

/* --- Before the start ---------------------------------------------------------------------- */

static pawl_err look(struct pawl_lending *lending, struct pawl_errmsg *msg)
{
    struct pawl_contact contact = {.data_dir = lending->data_dir, .timeout_ms = FIND_MS};
    struct pawl_lend_answer *answer = pawl_alloc_zeroed(1, sizeof(*answer));
    if (answer == NULL) {
        return PAWL_ERR(MEMORY);
    }
    struct pawl_lend_request request = {.kind = PAWL_LEND_LOOK};
    struct pawl_lend_place place = {
        .run = "", .dir = lending->where.dir, .repo = lending->where.repo};
    pawl_contact_ask(&contact, &place, &request, answer);
    pawl_err err = answer->err;
    if (pawl_ok(err)) {
        lending->limit_count = answer->limit_count;
        memcpy(lending->limits, answer->limits, sizeof(lending->limits));
    } else {
        pawl_errmsg_set(msg, "limits are set for this run (pawl limit), and %.300s", answer->why);
    }
    pawl_free(answer);
    return err;
}

pawl_err pawl_lending_find(const struct pawl_datadir *dir,
                           const struct pawl_place *where,
                           struct pawl_lending **ret_lending,
                           struct pawl_errmsg *msg)
{
    struct pawl_contact contact = {.data_dir = dir->path};
    struct pawl_lending *lending = pawl_alloc_zeroed(1, sizeof(*lending));
    if (lending == NULL) {
        return PAWL_ERR(MEMORY);
    }
    lending->where = *where;
    memcpy(lending->data_dir, dir->path, sizeof(lending->data_dir));
    lending->mark = pawl_contact_read_mark(&contact);
    pawl_err err = lending->mark.there ? look(lending, msg) : PAWL_OK;
    if (pawl_failed(err)) {
        pawl_free(lending);
        return err;
    }
    *ret_lending = lending;
    return PAWL_OK;
}

/* --- The thread ---------------------------------------------------------------------------- */

static void append(struct pawl_lend_ask **list, struct pawl_lend_ask *ask)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    ask->next = NULL;
    *list = ask;
}

static void work(void *arg)
{
    struct pawl_lending *lending = arg;
    struct pawl_contact contact = {.data_dir = lending->data_dir, .timeout_ms = ASK_MS};
    struct pawl_lend_place place = {
        .run = lending->run_id, .dir = lending->where.dir, .repo = lending->where.repo};
    uv_mutex_lock(&lending->mutex);
    for (;;) {
        while (lending->queue == NULL && !lending->stop) {
            uv_cond_wait(&lending->asked, &lending->mutex);
        }
        if (lending->stop) {
            break;
        }
        struct pawl_lend_ask *ask = lending->queue;
        lending->queue = ask->next;
        uv_mutex_unlock(&lending->mutex);
        pawl_contact_ask(&contact, &place, &ask->request, &ask->answer);
        uv_mutex_lock(&lending->mutex);
        append(&lending->done, ask);
        pawl_wake_send(&lending->answered);
    }
    uv_mutex_unlock(&lending->mutex);
}

static void on_answered(void *arg)
{
    struct pawl_lending *lending = arg;
    uv_mutex_lock(&lending->mutex);
    struct pawl_lend_ask *done = lending->done;
    lending->done = NULL;
    uv_mutex_unlock(&lending->mutex);
    while (done != NULL && !lending->closing) {
        struct pawl_lend_ask *next = done->next;
        done->done(done);
        done = next;
    }
}

/* --- Life ---------------------------------------------------------------------------------- */

/* Whether the authority has changed limits since it was asked last. */
static bool has_changed(void *arg)
{
    struct pawl_lending *lending = arg;
    struct pawl_contact contact = {.data_dir = lending->data_dir};
    struct pawl_contact_mark mark = pawl_contact_read_mark(&contact);
    const struct pawl_contact_mark *known = &lending->mark;
    if (mark.there == known->there && mark.inode == known->inode &&
        mark.touched_s == known->touched_s && mark.touched_ns == known->touched_ns) {
        return false;
    }
    lending->mark = mark;
    /* Nobody needs to be asked, and so started, to say that there are none. */
    return mark.there || !pawl_borrower_idle(lending->borrower);
}

static void on_tick(uv_timer_t *timer)
{
    struct pawl_lending *lending = timer->data;
    if (has_changed(lending)) {
        pawl_borrower_check(lending->borrower);
    }
    pawl_borrower_tick(lending->borrower);
    bool idle = pawl_borrower_idle(lending->borrower);
    uint64_t next_ms = idle ? HEARTBEAT_MS : TICK_MS;
    if (uv_timer_get_repeat(timer) != next_ms) {
        (void)uv_timer_start(timer, on_tick, next_ms, next_ms);
    }
}

/* At the first question: most runs have none. */
static void start_thread(struct pawl_lending *lending)
{
    lending->threaded = true;
    int failed = uv_thread_create(&lending->thread, work, lending);
    PAWL_ASSERT(failed == 0); /* a limit that cannot be asked may not be passed */
    (void)uv_timer_start(&lending->tick, on_tick, TICK_MS, TICK_MS);
}

static void on_ask(void *arg, struct pawl_lend_ask *ask)
{
    struct pawl_lending *lending = arg;
    if (!lending->threaded) {
        start_thread(lending);
    }
    uv_mutex_lock(&lending->mutex);
    append(&lending->queue, ask);
    uv_cond_signal(&lending->asked);
    uv_mutex_unlock(&lending->mutex);
}

static void on_limits(void *arg)
{
    const struct pawl_lending *lending = arg;
    lending->options.on_limits(lending->options.arg);
}

static void on_more(void *arg)
{
    const struct pawl_lending *lending = arg;
    lending->options.on_more(lending->options.arg);
}

static pawl_err open_handles(struct pawl_lending *lending, struct pawl_errmsg *msg)
{
    if (uv_mutex_init(&lending->mutex) != 0) {
        pawl_errmsg_set(msg, "no memory for a lock");
        return PAWL_ERR(MEMORY);
    }
    if (uv_cond_init(&lending->asked) != 0) {
        uv_mutex_destroy(&lending->mutex);
        pawl_errmsg_set(msg, "no memory for a lock");
        return PAWL_ERR(MEMORY);
    }
    uv_loop_t *loop = lending->options.loop;
    int failures = pawl_failed(pawl_wake_init(&lending->answered, loop, on_answered, lending));
    failures += uv_timer_init(loop, &lending->tick) != 0;
    failures += uv_timer_init(loop, &lending->patience) != 0;
    PAWL_ASSERT(failures == 0); /* the loop has its descriptors */
    lending->tick.data = lending;
    lending->patience.data = lending;
    lending->open = true;
    (void)uv_timer_start(&lending->tick, on_tick, HEARTBEAT_MS, HEARTBEAT_MS);
    return PAWL_OK;
}

pawl_err pawl_lending_open(struct pawl_lending *lending,
                           const struct pawl_lending_options *options,
                           struct pawl_errmsg *msg)
{
    lending->options = *options;
    (void)pawl_slice_copy_str(pawl_slice_str(options->run_id), lending->run_id,
                              sizeof(lending->run_id));
    pawl_err err = open_handles(lending, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_borrower_options borrower = {
        .engine = options->engine,
        .subject = options->subject,
        .link = {.ask = on_ask, .arg = lending},
        .limits = lending->limits,
        .limit_count = lending->limit_count,
        .changed = has_changed,
        .on_limits = on_limits,
        .on_more = on_more,
        .arg = lending,
    };
    err = pawl_borrower_new(&borrower, &lending->borrower);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory to borrow");
    }
    return err;
}

struct pawl_authority *pawl_lending_authority(struct pawl_lending *lending)
{
    return pawl_borrower_authority(lending->borrower);
}

bool pawl_lending_may_have(struct pawl_lending *lending, uint16_t unit, int64_t amount)
{
    return pawl_borrower_may_have(lending->borrower, unit, amount);
}

bool pawl_lending_settled(const struct pawl_lending *lending)
{
    return lending == NULL || lending->borrower == NULL || pawl_borrower_settled(lending->borrower);
}

void pawl_lending_limits(const struct pawl_lending *lending, struct pawl_run_limits *ret_limits)
{
    ret_limits->count = 0;
    if (lending != NULL && lending->borrower != NULL) {
        ret_limits->count = pawl_borrower_limits(lending->borrower, ret_limits->rows);
    } else if (lending != NULL) {
        ret_limits->count = lending->limit_count;
        memcpy(ret_limits->rows, lending->limits, sizeof(lending->limits));
    }
}

void pawl_lending_phrase(const struct pawl_limit *limit, struct pawl_buf *out)
{
    char amount[PAWL_CAP_TEXT_BYTES];
    char left[PAWL_CAP_TEXT_BYTES];
    char period[PAWL_LIMIT_WORDS_BYTES];
    char where[PAWL_LIMIT_WORDS_BYTES];
    enum pawl_run_cap_index index = pawl_cap_of_unit(limit->unit);
    pawl_buf_printf(out, "%s per %s %s, %s left", pawl_cap_phrase(index, limit->amount, amount),
                    pawl_limit_period(limit, period), pawl_limit_where(limit, where),
                    pawl_cap_short(index, pawl_max_i64(pawl_limit_left(limit), 0), left));
}

void pawl_lending_list(const struct pawl_run_limits *limits, struct pawl_buf *out)
{
    for (uint32_t i = 0; i < limits->count; i++) {
        pawl_buf_append_str(out, i == 0 ? "" : " and ");
        pawl_lending_phrase(&limits->rows[i], out);
    }
    if (limits->count == 0) {
        pawl_buf_append_str(out, "none");
    }
}

void pawl_lending_write(struct pawl_json_writer *writer,
                        const struct pawl_run_limits *limits,
                        bool in_short)
{
    if (limits->count == 0) {
        return;
    }
    pawl_json_key(writer, "shared_limits");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < limits->count; i++) {
        const struct pawl_limit *limit = &limits->rows[i];
        pawl_json_object_begin(writer);
        if (in_short) {
            pawl_json_member_str(writer, "name", limit->name);
            pawl_json_member_str(writer, "unit", pawl_unit_name(limit->unit));
            pawl_json_member_i64(writer, "limit", limit->amount);
        } else {
            pawl_wire_write_limit(writer, limit);
        }
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

/* --- The end ------------------------------------------------------------------------------- */

static void finish(struct pawl_lending *lending)
{
    void (*ended)(void *arg) = lending->ended;
    lending->ended = NULL;
    (void)uv_timer_stop(&lending->patience);
    if (ended != NULL) {
        ended(lending->ended_arg);
    }
}

static void on_ended(void *arg)
{
    finish(arg);
}

static void on_out_of_patience(uv_timer_t *timer)
{
    finish(timer->data);
}

void pawl_lending_end(struct pawl_lending *lending, void (*done)(void *arg), void *arg)
{
    lending->ended = done;
    lending->ended_arg = arg;
    (void)uv_timer_start(&lending->patience, on_out_of_patience, END_MS, 0);
    pawl_borrower_end(lending->borrower, on_ended, lending);
    if (pawl_borrower_settled(lending->borrower)) {
        finish(lending);
    }
}

static void close_handle(uv_handle_t *handle)
{
    if (uv_is_closing(handle) == 0) {
        uv_close(handle, NULL);
    }
}

void pawl_lending_close(struct pawl_lending *lending)
{
    if (lending == NULL || !lending->open || lending->closing) {
        return;
    }
    lending->closing = true;
    uv_mutex_lock(&lending->mutex);
    lending->stop = true;
    uv_cond_signal(&lending->asked);
    uv_mutex_unlock(&lending->mutex);
    if (lending->threaded) {
        (void)uv_thread_join(&lending->thread);
    }
    close_handle((uv_handle_t *)&lending->tick);
    close_handle((uv_handle_t *)&lending->patience);
    close_handle((uv_handle_t *)&lending->answered.poll);
}

void pawl_lending_free(struct pawl_lending *lending)
{
    if (lending == NULL) {
        return;
    }
    if (lending->open) {
        pawl_wake_free(&lending->answered);
        uv_cond_destroy(&lending->asked);
        uv_mutex_destroy(&lending->mutex);
    }
    pawl_borrower_free(lending->borrower);
    pawl_free(lending);
}

/* --- After a death ------------------------------------------------------------------------- */

static pawl_err ask(const struct pawl_contact *contact,
                    const char *run_id,
                    const struct pawl_lend_request *request,
                    struct pawl_lend_answer *answer,
                    struct pawl_errmsg *msg)
{
    struct pawl_lend_place nowhere = {.run = run_id, .dir = "", .repo = ""};
    pawl_contact_ask(contact, &nowhere, request, answer);
    if (pawl_failed(answer->err)) {
        pawl_errmsg_set(msg, "%s", answer->why);
    }
    return answer->err;
}

/* A slice may have been drawn whose answer nobody wrote down. Its number is asked for once more,
 * with as little as there is: it comes back, or a slice that is given back at once. Nobody needs to
 * know where the run was, since a repeat does not look at that again. */
static pawl_err settle_unwritten(const struct pawl_contact *contact,
                                 const char *run_id,
                                 uint16_t unit,
                                 uint64_t number,
                                 bool *ret_was_drawn,
                                 struct pawl_errmsg *msg)
{
    struct pawl_lend_answer *answer = pawl_alloc_zeroed(1, sizeof(*answer));
    if (answer == NULL) {
        return PAWL_ERR(MEMORY);
    }
    struct pawl_lend_request draw = {
        .kind = PAWL_LEND_DRAW, .unit = unit, .number = number, .at_least = 1, .want = 1};
    pawl_err err = ask(contact, run_id, &draw, answer, msg);
    *ret_was_drawn = pawl_ok(err) && answer->again;
    if (pawl_ok(err) && answer->code == PAWL_RESULT_OK) {
        struct pawl_lend_request settle = {.kind = PAWL_LEND_SETTLE, .unit = unit};
        memcpy(settle.slice, answer->slice, sizeof(settle.slice));
        err = ask(contact, run_id, &settle, answer, msg);
    }
    pawl_free(answer);
    return err;
}

static pawl_err settle_all_unwritten(const struct pawl_contact *contact,
                                     const char *run_id,
                                     const struct pawl_lent *lent,
                                     uint16_t unit,
                                     struct pawl_errmsg *msg)
{
    pawl_err err = PAWL_OK;
    bool was_drawn = true;
    for (uint64_t number = 1; pawl_ok(err) && (was_drawn || number <= lent->last_number[unit]);
         number++) {
        was_drawn = true;
        if (!pawl_lent_has(lent, unit, number)) {
            err = settle_unwritten(contact, run_id, unit, number, &was_drawn, msg);
        }
    }
    return err;
}

pawl_err pawl_lending_settle(const struct pawl_datadir *dir,
                             const char *run_id,
                             const struct pawl_lent *lent,
                             struct pawl_errmsg *msg)
{
    struct pawl_contact contact = {.data_dir = dir->path, .timeout_ms = FIND_MS};
    struct pawl_lend_answer *answer = pawl_alloc_zeroed(1, sizeof(*answer));
    pawl_err err = answer != NULL ? PAWL_OK : PAWL_ERR(MEMORY);
    for (uint32_t i = 0; pawl_ok(err) && i < lent->count; i++) {
        const struct pawl_lent_slice *slice = &lent->slices[i];
        struct pawl_lend_request settle = {
            .kind = PAWL_LEND_SETTLE, .unit = slice->unit, .spent = slice->spent};
        memcpy(settle.slice, slice->slice, sizeof(settle.slice));
        err = ask(&contact, run_id, &settle, answer, msg);
    }
    for (int unit = 1; pawl_ok(err) && unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
        if (lent->bound[unit]) {
            err = settle_all_unwritten(&contact, run_id, lent, (uint16_t)unit, msg);
        }
    }
    pawl_free(answer);
    return err;
}
