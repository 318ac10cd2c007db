/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handles.c: the loop's handles: signals, timers, and the wakes of other threads.
 *
 * The end: at the first signal readiness goes false, nothing new is accepted, what is open is
 * answered, for a while; at the second signal, or when the while is over, what is open is cut.
 * Either way the ledger is closed as it should be (end.c), and that is what the exit status tells.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "base/assert.h"
#include "base/log.h"
#include "server/log.h"
#include "server/notify.h"
#include "server/server_priv.h"

enum { ARCHIVE_MS = 1000 };

static void stop(struct pawl_serve *serve)
{
    serve->stopped = true;
    uv_stop(&serve->loop);
}

static void on_drained(void *arg)
{
    stop(pawl_serve_of(arg));
}

static void on_drain_time(uv_timer_t *timer)
{
    struct pawl_serve *serve = pawl_serve_of(timer->data);
    pawl_log(PAWL_LOG_WARN, "%u requests are cut: they took longer than drain-timeout",
             (unsigned)pawl_http_server_request_count(serve->http));
    stop(serve);
}

static void on_end_signal(uv_signal_t *handle, int number)
{
    struct pawl_serve *serve = pawl_serve_of(handle->data);
    const char *name = number == SIGTERM ? "SIGTERM" : "SIGINT";
    if (serve->ending) {
        pawl_log(PAWL_LOG_WARN, "%s again: ending at once", name);
        serve->cut = true;
        stop(serve);
        return;
    }
    serve->ending = true;
    pawl_log(PAWL_LOG_INFO, "%s: ending; %u requests are open", name,
             (unsigned)pawl_http_server_request_count(serve->http));
    pawl_notify_stopping("answering what is open");
    pawl_cycles_drain(serve->cycles);
    pawl_http_server_drain(serve->http, on_drained, serve);
    (void)uv_timer_start(&serve->drain_timer, on_drain_time,
                         (uint64_t)pawl_serve_number(serve->said, PAWL_SERVE_OPT_DRAIN_TIMEOUT), 0);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct pawl_serve *serve = pawl_serve_of(handle->data);
    struct pawl_errmsg msg = {""};
    (void)number;
    if (!serve->ending) {
        pawl_notify_reloading();
    }
    if (pawl_failed(pawl_serve_log_reopen(&msg))) {
        pawl_log(PAWL_LOG_ERROR, "SIGHUP: %s; the old one stays", msg.text);
    }
    if (serve->tls == NULL) {
        pawl_log(PAWL_LOG_INFO, "SIGHUP: the log was opened anew");
    } else if (pawl_failed(pawl_tls_server_reload(serve->tls, &msg))) {
        pawl_log(PAWL_LOG_ERROR, "SIGHUP: %s; the old certificate stays", msg.text);
    } else {
        pawl_log(PAWL_LOG_INFO, "SIGHUP: the log was opened and the certificate read anew");
        pawl_serve_warn_of_certificate(serve);
    }
    if (!serve->ending) {
        pawl_serve_tell_manager(serve);
    }
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    pawl_notify_alive();
}

/* --- The loop's handles ---------------------------------------------------------------------- */

void pawl_serve_handles_init(struct pawl_serve *serve)
{
    uv_loop_t *loop = &serve->loop;
    uv_handle_t *handles[] = {
        (uv_handle_t *)&serve->wake.poll,   (uv_handle_t *)&serve->archive_wake.poll,
        (uv_handle_t *)&serve->due.timer,   (uv_handle_t *)&serve->archive_timer,
        (uv_handle_t *)&serve->drain_timer, (uv_handle_t *)&serve->watchdog,
        (uv_handle_t *)&serve->term,        (uv_handle_t *)&serve->interrupt,
        (uv_handle_t *)&serve->hangup};
    pawl_due_init(&serve->due, loop, pawl_serve_on_due, serve);
    serve->due.least_ms = 0;
    int failures = 0;
    failures += pawl_failed(pawl_wake_init(&serve->wake, loop, pawl_serve_on_wake, serve));
    failures +=
        pawl_failed(pawl_wake_init(&serve->archive_wake, loop, pawl_serve_on_archive_wake, serve));
    failures += uv_timer_init(loop, &serve->archive_timer) != 0;
    failures += uv_timer_init(loop, &serve->drain_timer) != 0;
    failures += uv_timer_init(loop, &serve->watchdog) != 0;
    failures += uv_signal_init(loop, &serve->term) != 0;
    failures += uv_signal_init(loop, &serve->interrupt) != 0;
    failures += uv_signal_init(loop, &serve->hangup) != 0;
    PAWL_ASSERT(failures == 0); /* at the start of a process there is room for all of them */
    for (size_t i = 0; i < PAWL_ARRAY_LEN(handles); i++) {
        handles[i]->data = serve;
    }
}

void pawl_serve_handles_start(struct pawl_serve *serve)
{
    uint64_t watchdog_ms = pawl_notify_watchdog_ms();
    (void)uv_timer_start(&serve->archive_timer, pawl_serve_on_archive_timer, 0, ARCHIVE_MS);
    if (watchdog_ms > 0) {
        (void)uv_timer_start(&serve->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    }
    (void)uv_signal_start(&serve->term, on_end_signal, SIGTERM);
    (void)uv_signal_start(&serve->interrupt, on_end_signal, SIGINT);
    (void)uv_signal_start(&serve->hangup, on_hangup, SIGHUP);
    pawl_serve_drains_look(serve);
}

/* --- Closed --------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    if (handle->data == arg && handle->type != UV_SIGNAL && uv_is_closing(handle) == 0) {
        uv_close(handle, NULL);
    }
}

/* A signal that comes meanwhile stops the loop, and nothing more may be open behind it. */
static void run_to_end(uv_loop_t *loop)
{
    while (uv_run(loop, UV_RUN_DEFAULT) != 0) {
    }
}

void pawl_serve_handles_close(struct pawl_serve *serve)
{
    uv_handle_t *signals[] = {(uv_handle_t *)&serve->term, (uv_handle_t *)&serve->interrupt,
                              (uv_handle_t *)&serve->hangup};
    uv_walk(&serve->loop, close_handle, serve);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(signals); i++) {
        uv_unref(signals[i]); /* the loop ends although they are open */
    }
    run_to_end(&serve->loop);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(signals); i++) {
        uv_ref(signals[i]);
    }
}

/* One that comes from here on would have its default action, and end what is at its end already
 * with another status. */
void pawl_serve_signals_close(struct pawl_serve *serve)
{
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    uv_close((uv_handle_t *)&serve->term, NULL);
    uv_close((uv_handle_t *)&serve->interrupt, NULL);
    uv_close((uv_handle_t *)&serve->hangup, NULL);
    run_to_end(&serve->loop);
}
