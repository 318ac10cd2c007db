/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c: the end of a turn. Every request of a turn is in one batch; the commit is here, between
 * the reading of requests and the writing of answers, and the timer is set to what is due next:
 * expiry, a checkpoint's slice, what was written lazily. Nothing is due without a timer, so an idle
 * server sleeps.
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "server/log.h"
#include "server/server_priv.h"

void pawl_serve_want_turn(void *arg)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    if (serve->turn != NULL) {
        pawl_turn_request(serve->turn);
    }
}

void pawl_serve_on_due(void *arg)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    pawl_engine_tick(serve->engine);
    pawl_serve_want_turn(serve);
}

static void set_timer(struct pawl_serve *serve)
{
    struct pawl_engine *engine = serve->engine;
    if (uv_is_closing((uv_handle_t *)&serve->due.timer) == 0) {
        pawl_due_set(&serve->due, pawl_engine_next_due_us(engine), pawl_engine_now_us(engine));
    }
}

void pawl_serve_turn(void *arg)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    pawl_cycles_turn(serve->cycles);
    pawl_engine_turn(serve->engine);
    if (serve->archive_busy) {
        serve->archive_busy = pawl_archive_turn(serve->archive, serve->engine);
    }
    bool more = pawl_serve_drains_turn(serve);
    if ((more || serve->archive_busy) && !serve->stopped) {
        pawl_serve_want_turn(serve);
    }
    set_timer(serve);
    pawl_serve_log_flush();
}

void pawl_serve_on_wake(void *arg)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    pawl_engine_collect(serve->engine);
    pawl_serve_want_turn(serve);
}

void pawl_serve_on_archive_wake(void *arg)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    pawl_archive_collect(serve->archive);
    serve->archive_busy = true; /* it may have room now for what it misses */
    pawl_serve_want_turn(serve);
}

/* Now and then, and at once where there is more. */
void pawl_serve_on_archive_timer(uv_timer_t *timer)
{
    struct pawl_serve *serve = pawl_serve_of(timer->data);
    serve->archive_busy = pawl_archive_turn(serve->archive, serve->engine);
    if (serve->archive_busy) {
        pawl_serve_want_turn(serve);
    } else {
        set_timer(serve); /* where nobody asks, the first of them after a sleep */
    }
}

/* --- What happened --------------------------------------------------------------------------- */

void pawl_serve_on_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    /* Without an engine it is being opened. */
    int64_t commit_us = serve->engine != NULL ? pawl_engine_commit_us(serve->engine) : 0;
    pawl_metrics_count_batch(serve->metrics, batch->last_op - batch->first_op + 1,
                             batch->blob.bytes, commit_us);
    if (serve->archive != NULL) {
        pawl_archive_feed(serve->archive, batch);
    }
}

void pawl_serve_observe(void *arg, const struct pawl_cycles_seen *seen)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    pawl_metrics_count_request(serve->metrics, seen->operation, seen->status, seen->error,
                               seen->us);
    if (seen->asked != NULL) {
        pawl_metrics_count_answer(serve->metrics, seen->operation, seen->asked, seen->result);
    }
    if (pawl_serve_log_request(seen)) {
        pawl_serve_want_turn(serve);
    }
}
