/* SPDX-License-Identifier: Apache-2.0 */
/*
 * end.c: the way out. Whatever was opened is closed in the opposite order, wherever it failed.
 *
 * An orderly end leaves a checkpoint of all that happened: the next start replays nothing, and a
 * newer pawl goes on from a state that this one came to. It only saves time, so a second signal
 * does without it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/notify.h"
#include "server/server_priv.h"

/* The first word after a second, the next ones every ten. */
enum { PROGRESS_MS = 1000, QUIET_MS = 9000 };

/* What is open goes to its end: what takes several turns, and what waits for the disk. */
static void finish_open(struct pawl_serve *serve)
{
    do {
        if (serve->cycles != NULL) {
            pawl_cycles_turn(serve->cycles);
        }
        pawl_engine_flush(serve->engine);
    } while (serve->cycles != NULL && pawl_cycles_has_more(serve->cycles));
}

/* --- The last checkpoint --------------------------------------------------------------------- */

struct last {
    struct pawl_serve *serve;
    int64_t told_us;
};

/* Between two slices: nothing else of the loop is open but signals. */
static bool is_cut(void *arg)
{
    struct last *last = arg;
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_us = clock.boot_us(clock.arg);
    (void)uv_run(&last->serve->loop, UV_RUN_NOWAIT);
    if (!last->serve->cut && now_us - last->told_us >= PROGRESS_MS * PAWL_US_PER_MS) {
        pawl_log(PAWL_LOG_INFO, "writing a checkpoint");
        pawl_notify_working("writing a checkpoint");
        last->told_us = now_us + QUIET_MS * PAWL_US_PER_MS;
    }
    return last->serve->cut;
}

static void write_checkpoint(struct pawl_serve *serve)
{
    struct pawl_clock clock = pawl_clock_os();
    struct last last = {.serve = serve, .told_us = clock.boot_us(clock.arg)};
    struct pawl_engine_stats stats;
    struct pawl_errmsg msg = {""};
    if (serve->cut) {
        return;
    }
    pawl_err err = pawl_engine_checkpoint_last(serve->engine, is_cut, &last, &msg);
    if (pawl_failed(err)) {
        pawl_engine_stats(serve->engine, &stats);
        pawl_log(PAWL_LOG_WARN, "%s; the next start replays the operations behind %" PRIu64,
                 msg.text, stats.checkpoint_op);
    }
}

/* --- All of it ------------------------------------------------------------------------------- */

/* Requests that are still open are answered into the void, here or by the archive's end. */
static void close_services(struct pawl_serve *serve)
{
    if (serve->http != NULL) {
        pawl_http_server_close(serve->http);
    }
    if (serve->engine != NULL) {
        finish_open(serve);
    }
    if (serve->archive != NULL) {
        pawl_archive_close(serve->archive);
        serve->archive = NULL;
    }
    if (serve->turn != NULL) {
        pawl_turn_close(serve->turn);
        serve->turn = NULL;
    }
}

void pawl_serve_close(struct pawl_serve *serve, bool failed)
{
    close_services(serve);
    if (serve->has_loop) {
        pawl_serve_handles_close(serve);
    }
    if (serve->engine != NULL && !failed) {
        write_checkpoint(serve);
    }
    if (serve->cycles != NULL) {
        pawl_cycles_free(serve->cycles);
    }
    if (serve->registry != NULL) {
        pawl_registry_close(serve->registry);
    }
    if (serve->engine != NULL) {
        pawl_engine_close(serve->engine);
    }
    if (serve->has_loop) {
        pawl_serve_signals_close(serve);
    }
    pawl_tls_server_free(serve->tls);
    pawl_buf_free(&serve->addresses);
    if (serve->has_loop) {
        (void)uv_loop_close(&serve->loop);
        pawl_wake_free(&serve->wake);
        pawl_wake_free(&serve->archive_wake);
    }
    if (failed) {
        pawl_place_discard(&serve->place);
    }
    pawl_place_close(&serve->place);
}
