/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.c: see authority.h. The lock comes first and goes with the process: whoever has it may
 * open the journal and replace a socket that nobody listens behind.
 */
#define _GNU_SOURCE
#include "lending/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file_os.h"
#include "base/log.h"
#include "engine/engine.h"
#include "journal/copy.h"
#include "lending/daemon.h"
#include "lending/lender.h"
#include "lending/routes.h"
#include "lending/settler.h"
#include "net/due.h"
#include "net/server.h"
#include "net/wake.h"

enum { PULSE_MS_MAX = 1000, PULSE_MS_MIN = 20, ADDRESS_BYTES = 64 };

struct authority {
    const struct pawl_authority_options *options;
    char dir[PAWL_AUTHORITY_PATH_BYTES];
    char journal[PAWL_AUTHORITY_PATH_BYTES];
    char marker[PAWL_AUTHORITY_PATH_BYTES];
    int lock_fd;
    int dir_fd;
    int ready_fd; /* the caller waits behind it; -1: nobody does */
    struct pawl_engine *engine;
    struct pawl_lender *lender;
    struct pawl_http_server *http;
    struct pawl_routes routes;
    struct pawl_settler settler;
    uv_loop_t loop;
    bool has_loop;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct pawl_wake wake;
    struct pawl_due due;
    uv_timer_t pulse_timer;
    uv_signal_t term;
    uint64_t requests_seen;
    uint64_t quiet_since_ms;
    bool ending;
};

/* --- Files --------------------------------------------------------------------------------- */

static pawl_err join(char *out, const char *dir, const char *name, struct pawl_errmsg *msg)
{
    int bytes = snprintf(out, PAWL_AUTHORITY_PATH_BYTES, "%s/%s", dir, name);
    if (bytes < 0 || bytes >= PAWL_AUTHORITY_PATH_BYTES) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", dir);
        return PAWL_ERR(LIMIT);
    }
    return PAWL_OK;
}

static pawl_err from_errno(const char *path, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "%.400s: %s", path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

static pawl_err find_places(struct authority *authority, struct pawl_errmsg *msg)
{
    pawl_err err = join(authority->dir, authority->options->data_dir, PAWL_AUTHORITY_DIR, msg);
    if (pawl_ok(err)) {
        err = join(authority->journal, authority->dir, "journal", msg);
    }
    if (pawl_ok(err)) {
        err = join(authority->marker, authority->dir, PAWL_AUTHORITY_MARK, msg);
    }
    return err;
}

static pawl_err take_lock(struct authority *authority, struct pawl_errmsg *msg)
{
    char path[PAWL_AUTHORITY_PATH_BYTES];
    pawl_err err = join(path, authority->dir, PAWL_AUTHORITY_LOCK, msg);
    if (pawl_failed(err)) {
        return err;
    }
    authority->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (authority->lock_fd < 0) {
        return from_errno(path, msg);
    }
    if (flock(authority->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        /* For whoever asks it and hears nothing; it does without where the disk is full. */
        (void)(ftruncate(authority->lock_fd, 0) == 0 &&
               dprintf(authority->lock_fd, "%d\n", (int)getpid()) > 0);
        return PAWL_OK;
    }
    if (errno != EWOULDBLOCK) {
        return from_errno(path, msg);
    }
    pawl_errmsg_set(msg, "an authority is running for %.400s", authority->options->data_dir);
    return PAWL_ERR(LOCKED);
}

/* --- The ledger ---------------------------------------------------------------------------- */

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    pawl_log(PAWL_LOG_ERROR, "the journal of the limits cannot be written (%s): %s",
             pawl_err_name(err), msg->text);
    _exit(EXIT_FAILURE); /* nothing is closed, for that would try again */
}

static void on_wake(void *arg)
{
    struct authority *authority = arg;
    pawl_wake_send(&authority->wake);
}

static pawl_err open_engine(struct authority *authority, struct pawl_errmsg *msg)
{
    struct pawl_config config = pawl_lender_config();
    struct pawl_journal_sqlite_options journal = {
        .dir = authority->journal,
        .allow_any_filesystem = authority->options->allow_any_filesystem,
    };
    struct pawl_engine_options options = {
        .dir = authority->journal,
        .clock = pawl_clock_os(),
        .accept_clock = true, /* it sleeps for days, and nobody is there to be asked */
        .commit_mode = PAWL_COMMIT_INLINE,
        .wake = on_wake,
        .wake_arg = authority,
        .fatal = on_fatal,
        .config = &config,
    };
    pawl_err err = pawl_directory_make(authority->journal, NULL, msg);
    if (pawl_ok(err)) {
        err = pawl_journal_sqlite_open(&journal, &options.journal, msg);
    }
    if (err.code == PAWL_ERR_NOT_FOUND) {
        journal.create = true;
        err = pawl_journal_sqlite_open(&journal, &options.journal, msg);
    }
    return pawl_ok(err) ? pawl_engine_open(&options, &authority->engine, msg) : err;
}

/* --- Turns --------------------------------------------------------------------------------- */

static void on_due(void *arg)
{
    struct authority *authority = arg;
    pawl_engine_tick(authority->engine);
}

/* After a sleep the pulse makes the first of them, where nobody asks. */
static void turn(struct authority *authority)
{
    struct pawl_engine *engine = authority->engine;
    pawl_engine_turn(engine);
    pawl_due_set(&authority->due, pawl_engine_next_due_us(engine), pawl_engine_now_us(engine));
}

static void before_poll(uv_prepare_t *handle)
{
    turn(handle->data);
}

static void after_poll(uv_check_t *handle)
{
    turn(handle->data);
}

static void on_woken(void *arg)
{
    struct authority *authority = arg;
    pawl_engine_collect(authority->engine);
}

/* --- The end ------------------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    struct authority *authority = arg;
    uv_stop(&authority->loop);
}

static void end(struct authority *authority)
{
    if (!authority->ending) {
        authority->ending = true;
        pawl_settler_end(&authority->settler);
        pawl_http_server_drain(authority->http, on_drained, authority);
    }
}

/* Whoever asks while it goes finds nobody, and starts the next one. */
static void on_pulse(uv_timer_t *timer)
{
    struct authority *authority = timer->data;
    uint64_t now_ms = uv_now(&authority->loop);
    if (authority->requests_seen != authority->routes.request_count ||
        authority->routes.open_count > 0) {
        authority->requests_seen = authority->routes.request_count;
        authority->quiet_since_ms = now_ms;
    }
    uint64_t quiet_ms = now_ms - authority->quiet_since_ms;
    if (quiet_ms >= (uint64_t)authority->options->idle_ms &&
        pawl_lender_open_slices(authority->lender) == 0) {
        end(authority);
    }
}

static void on_term(uv_signal_t *handle, int number)
{
    (void)number;
    end(handle->data);
}

static void on_lack(void *arg)
{
    struct authority *authority = arg;
    pawl_settler_call(&authority->settler);
}

/* --- Serving ------------------------------------------------------------------------------- */

static pawl_err listen_on_socket(struct authority *authority, struct pawl_errmsg *msg)
{
    struct pawl_http_server_options options = {
        .loop = &authority->loop,
        .limits = PAWL_HTTP_LIMITS_DEFAULT,
        .handler = pawl_routes_handle,
        .arg = &authority->routes,
    };
    options.limits.body_bytes_max = 64 << 10;
    options.limits.connection_count_max = 512;
    authority->dir_fd = open(authority->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (authority->dir_fd < 0) {
        return from_errno(authority->dir, msg);
    }
    pawl_err err = pawl_http_server_new(&options, &authority->http);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for a server");
        return err;
    }
    char address[ADDRESS_BYTES];
    (void)snprintf(address, sizeof(address), "/proc/self/fd/%d/%s", authority->dir_fd,
                   PAWL_AUTHORITY_SOCKET);
    err = pawl_http_server_listen_unix(authority->http, address, msg);
    if (err.code == PAWL_ERR_EXISTS) {
        pawl_errmsg_set(msg, "%.400s/" PAWL_AUTHORITY_SOCKET " is no socket; move it away",
                        authority->dir);
    }
    return err;
}

static void start_handles(struct authority *authority)
{
    uv_loop_t *loop = &authority->loop;
    int failures = 0;
    failures += uv_prepare_init(loop, &authority->before_poll) != 0;
    failures += uv_check_init(loop, &authority->after_poll) != 0;
    failures += pawl_failed(pawl_wake_init(&authority->wake, loop, on_woken, authority));
    failures += uv_timer_init(loop, &authority->pulse_timer) != 0;
    failures += uv_signal_init(loop, &authority->term) != 0;
    PAWL_ASSERT(failures == 0); /* at the start of a process there is room for all of them */
    pawl_due_init(&authority->due, loop, on_due, authority);
    authority->before_poll.data = authority;
    authority->after_poll.data = authority;
    authority->wake.poll.data = authority;
    authority->due.timer.data = authority;
    authority->pulse_timer.data = authority;
    authority->term.data = authority;
    int64_t pulse_ms = authority->options->idle_ms / 4;
    pulse_ms = pulse_ms > PULSE_MS_MAX ? PULSE_MS_MAX : pulse_ms;
    pulse_ms = pulse_ms < PULSE_MS_MIN ? PULSE_MS_MIN : pulse_ms;
    (void)uv_prepare_start(&authority->before_poll, before_poll);
    (void)uv_check_start(&authority->after_poll, after_poll);
    (void)uv_timer_start(&authority->pulse_timer, on_pulse, (uint64_t)pulse_ms, (uint64_t)pulse_ms);
    (void)uv_signal_start(&authority->term, on_term, SIGTERM);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    struct authority *authority = arg;
    if (handle->data == authority && uv_is_closing(handle) == 0) {
        uv_close(handle, NULL);
    }
}

/* The next one may be a newer pawl, which goes on from it. */
static void write_checkpoint(struct pawl_engine *engine)
{
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_engine_checkpoint_last(engine, NULL, NULL, &msg))) {
        pawl_log(PAWL_LOG_WARN, "the limits: %s", msg.text);
    }
}

static void close_all(struct authority *authority)
{
    if (authority->http != NULL) {
        pawl_http_server_close(authority->http);
    }
    if (authority->has_loop) {
        uv_walk(&authority->loop, close_handle, authority);
    }
    if (authority->engine != NULL) {
        pawl_engine_flush(authority->engine);
    }
    if (authority->has_loop) {
        (void)uv_run(&authority->loop, UV_RUN_DEFAULT);
    }
    if (authority->ending) {
        write_checkpoint(authority->engine);
    }
    pawl_lender_free(authority->lender);
    if (authority->engine != NULL) {
        pawl_engine_close(authority->engine);
    }
    if (authority->has_loop) {
        (void)uv_loop_close(&authority->loop);
    }
    pawl_wake_free(&authority->wake);
    if (authority->dir_fd >= 0) {
        (void)close(authority->dir_fd);
    }
    if (authority->lock_fd >= 0) {
        (void)close(authority->lock_fd);
    }
}

static pawl_err serve(struct authority *authority, struct pawl_errmsg *msg)
{
    pawl_err err = find_places(authority, msg);
    if (pawl_ok(err)) {
        err = take_lock(authority, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    if (uv_loop_init(&authority->loop) != 0) {
        pawl_errmsg_set(msg, "cannot make an event loop");
        return PAWL_ERR(MEMORY);
    }
    authority->has_loop = true;
    start_handles(authority);
    pawl_settler_init(&authority->settler, &authority->loop, authority->options->data_dir);
    err = open_engine(authority, msg);
    if (pawl_ok(err)) {
        struct pawl_lender_options lender = {.engine = authority->engine,
                                             .marker = authority->marker,
                                             .reload_zones = true,
                                             .on_lack = on_lack,
                                             .arg = authority};
        err = pawl_lender_new(&lender, &authority->lender, msg);
    }
    if (pawl_ok(err)) {
        pawl_copy_remove_left(authority->dir);
        authority->routes.lender = authority->lender;
        authority->routes.dir = authority->dir;
        err = listen_on_socket(authority, msg);
    }
    if (pawl_ok(err)) {
        pawl_daemon_tell(&authority->ready_fd, PAWL_OK, "");
        authority->quiet_since_ms = uv_now(&authority->loop);
        (void)uv_run(&authority->loop, UV_RUN_DEFAULT);
    }
    return err;
}

/* Its errors are told to whoever waits behind `ready_fd`, too. */
static pawl_err
run(const struct pawl_authority_options *options, int ready_fd, struct pawl_errmsg *msg)
{
    struct authority *authority = pawl_alloc_zeroed(1, sizeof(*authority));
    if (authority == NULL) {
        return PAWL_ERR(MEMORY);
    }
    authority->options = options;
    authority->lock_fd = -1;
    authority->dir_fd = -1;
    authority->wake.fd = -1;
    authority->ready_fd = ready_fd;
    pawl_err err = serve(authority, msg);
    close_all(authority);
    pawl_daemon_tell(&authority->ready_fd, err, msg->text);
    pawl_free(authority);
    return err;
}

pawl_err pawl_authority_main(const struct pawl_authority_options *options, struct pawl_errmsg *msg)
{
    char dir[PAWL_AUTHORITY_PATH_BYTES];
    pawl_err err = join(dir, options->data_dir, PAWL_AUTHORITY_DIR, msg);
    if (pawl_ok(err)) {
        err = pawl_directory_make(dir, NULL, msg); /* a daemon's log is in it, too */
    }
    if (pawl_failed(err)) {
        return err;
    }
    return options->daemon ? pawl_daemon_start(options, run, msg) : run(options, -1, msg);
}
