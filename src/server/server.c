/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c: the life of the process; server.h has its order. Whatever was opened is closed in the
 * opposite order, wherever it failed.
 */
#define _GNU_SOURCE
#include "server/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "journal/copy.h"
#include "server/log.h"
#include "server/notify.h"
#include "server/server_priv.h"

enum { PROGRESS_US = 1000000 };
/* Of --commit, in the order of options.def. */
enum { COMMIT_AUTO, COMMIT_INLINE };
/* With auto: so many who wait for one commit have it done on the thread, for more of them will ask
 * meanwhile. */
enum { FLOWING_MIN = 16 };

/* An idle server comes back, however long nobody has asked it for anything. */
#define ALIVE_EVERY_US (INT64_C(3600) * PAWL_US_PER_SECOND)

/* --- The engine ------------------------------------------------------------------------------ */

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    pawl_log(PAWL_LOG_ERROR,
             "the journal cannot be written, so nothing more is acknowledged (%s): "
             "%s",
             pawl_err_name(err), msg->text);
    pawl_notify_stopping("the journal cannot be written");
    pawl_serve_log_flush();
    _exit(EXIT_FAILURE); /* nothing is closed, for that would try again */
}

static void on_engine_wake(void *arg)
{
    pawl_wake_send(&pawl_serve_of(arg)->wake);
}

/* While a few wait the loop has nothing to do beside their sync, and two changes of threads would
 * only make it longer. */
static bool is_flowing(void *arg)
{
    const struct pawl_engine *engine = pawl_serve_of(arg)->engine;
    struct pawl_engine_stats stats = {.waiting = 0};
    if (engine != NULL) { /* not while it is being opened */
        pawl_engine_stats(engine, &stats);
    }
    return stats.waiting >= FLOWING_MIN;
}

static void on_archive_answer(void *arg)
{
    pawl_wake_send(&pawl_serve_of(arg)->archive_wake);
}

static void on_progress(void *arg, uint64_t op, uint64_t last_op)
{
    struct pawl_serve *serve = pawl_serve_of(arg);
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_us = clock.boot_us(clock.arg);
    char status[80];
    if (serve->progress_at_us == 0) {
        serve->progress_at_us = now_us; /* a short replay is not worth a word */
    }
    if (now_us - serve->progress_at_us < PROGRESS_US) {
        return;
    }
    serve->progress_at_us = now_us;
    serve->progress_shown = true;
    (void)snprintf(status, sizeof(status), "replaying operation %" PRIu64 " of %" PRIu64, op,
                   last_op);
    pawl_log(PAWL_LOG_INFO, "%s", status);
    pawl_notify_working(status);
}

static struct pawl_config config_of(const struct pawl_serve_options *said)
{
    struct pawl_config config = pawl_engine_default_config();
#define PAWL_MAXIMUM(id, name, words, most, used, row_bytes, at_once, comes_back, note)            \
    config.most = (uint32_t)pawl_serve_number(said, PAWL_SERVE_OPT_MAX_##id);
#include "core/maxima.def"
#undef PAWL_MAXIMUM
    config.idempotency_ttl_us = pawl_serve_number(said, PAWL_SERVE_OPT_KEEP_KEYS) * PAWL_US_PER_MS;
    config.idempotency_settle_ttl_us =
        pawl_serve_number(said, PAWL_SERVE_OPT_KEEP_SETTLED) * PAWL_US_PER_MS;
    return config;
}

/* A maximum, or a time that keys are remembered, of an option. */
struct maximum {
    enum pawl_serve_option_id option;
    int64_t asked;
    int64_t has;
    int64_t used;   /* of a maximum */
    uint32_t *rows; /* where it goes; or … */
    int64_t *us;
};

enum { MAXIMA = PAWL_MAXIMUM_COUNT + 2 };

static void list_maxima(const struct pawl_config *asked,
                        const struct pawl_config *has,
                        const struct pawl_core_stats *used,
                        struct pawl_config *wanted,
                        struct maximum ret_maxima[static MAXIMA])
{
    const struct maximum maxima[MAXIMA] = {
#define PAWL_MAXIMUM(id, name, words, most, in_use, row_bytes, at_once, comes_back, note)          \
    {PAWL_SERVE_OPT_MAX_##id, asked->most, has->most, used->in_use, &wanted->most, NULL},
#include "core/maxima.def"
#undef PAWL_MAXIMUM
        {PAWL_SERVE_OPT_KEEP_KEYS, asked->idempotency_ttl_us, has->idempotency_ttl_us, 0, NULL,
         &wanted->idempotency_ttl_us},
        {PAWL_SERVE_OPT_KEEP_SETTLED, asked->idempotency_settle_ttl_us,
         has->idempotency_settle_ttl_us, 0, NULL, &wanted->idempotency_settle_ttl_us},
    };
    memcpy(ret_maxima, maxima, sizeof(maxima));
}

/* What was said to this start and is not the ledger's yet becomes it; what was not said stays as it
 * is there, since it may have been said to an earlier one. */
static pawl_err
take_maxima(struct pawl_serve *serve, const struct pawl_config *asked, struct pawl_errmsg *msg)
{
    const struct pawl_core *core = pawl_engine_core(serve->engine);
    struct pawl_config wanted = *pawl_core_config(core);
    struct pawl_core_stats used;
    struct maximum maxima[MAXIMA];
    const char *shorter = NULL;
    bool differs = false;
    struct pawl_serve_kept kept = {.keys_ms = wanted.idempotency_ttl_us / PAWL_US_PER_MS,
                                   .settled_ms = wanted.idempotency_settle_ttl_us / PAWL_US_PER_MS};
    pawl_err err = pawl_serve_options_check(serve->said, &kept, msg);
    if (pawl_failed(err)) {
        return err;
    }
    pawl_core_stats(core, &used);
    list_maxima(asked, pawl_core_config(core), &used, &wanted, maxima);
    for (size_t i = 0; i < MAXIMA; i++) {
        const struct maximum *at = &maxima[i];
        const char *flag = pawl_serve_option_table[at->option].flag;
        if (at->asked == at->has ||
            serve->said->values[at->option].origin == PAWL_SERVE_FROM_DEFAULT) {
            continue;
        }
        if (at->asked < at->used) {
            pawl_errmsg_set(msg, "%s %" PRId64 " is less than the ledger has: %" PRId64, flag,
                            at->asked, at->used);
            return PAWL_ERR(INVALID);
        }
        if (at->rows != NULL) {
            *at->rows = (uint32_t)at->asked;
        } else {
            *at->us = at->asked;
            shorter = at->asked < at->has ? flag : shorter;
        }
        differs = true;
    }
    if (!differs || pawl_engine_configure(serve->engine, &wanted)) {
        return PAWL_OK;
    }
    if (shorter == NULL) {
        pawl_errmsg_set(msg, "no memory to change the ledger's maxima");
        return PAWL_ERR(MEMORY);
    }
    pawl_errmsg_set(msg,
                    "%s is shorter than keys are remembered for already, which was promised; go "
                    "on with the former, and say it again when the last of them is over",
                    shorter);
    return PAWL_ERR(INVALID);
}

static struct pawl_engine_options engine_options(struct pawl_serve *serve,
                                                 struct pawl_journal *journal,
                                                 const struct pawl_config *config)
{
    const struct pawl_serve_options *said = serve->said;
    int64_t commit = pawl_serve_number(said, PAWL_SERVE_OPT_COMMIT);
    return (struct pawl_engine_options){
        .journal = journal,
        .dir = serve->journal_dir,
        .clock = pawl_clock_os(),
        .accept_clock = pawl_serve_number(said, PAWL_SERVE_OPT_ACCEPT_CLOCK) == 1,
        .commit_mode = commit == COMMIT_INLINE ? PAWL_COMMIT_INLINE : PAWL_COMMIT_THREAD,
        .flowing = commit == COMMIT_AUTO ? is_flowing : NULL,
        .flowing_arg = serve,
        .wake = on_engine_wake,
        .wake_arg = serve,
        .durable_batch = pawl_serve_on_batch,
        .durable_batch_arg = serve,
        .progress = on_progress,
        .progress_arg = serve,
        .fatal = on_fatal,
        .fatal_arg = serve,
        .config = config,
        .checkpoint_every_ops = (uint64_t)pawl_serve_number(said, PAWL_SERVE_OPT_CHECKPOINT),
        .alive_every_us = ALIVE_EVERY_US,
        .retention = {.age_us =
                          pawl_serve_number(said, PAWL_SERVE_OPT_KEEP_JOURNAL) * PAWL_US_PER_MS,
                      .bytes_max = pawl_serve_number(said, PAWL_SERVE_OPT_KEEP_JOURNAL_BYTES)},
        .keep_answers = true,
    };
}

static pawl_err open_engine(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    struct pawl_config config = config_of(serve->said);
    struct pawl_journal *journal = NULL;
    struct pawl_journal_sqlite_options options = {
        .dir = serve->journal_dir,
        .allow_any_filesystem = serve->options->allow_any_filesystem ||
                                pawl_serve_number(serve->said, PAWL_SERVE_OPT_ANY_FILESYSTEM) == 1,
        .segment_bytes_max = pawl_serve_number(serve->said, PAWL_SERVE_OPT_SEGMENT_BYTES),
    };
    pawl_err err = pawl_place_make_dir(&serve->place, PAWL_PLACE_JOURNAL, serve->journal_dir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = pawl_journal_sqlite_open(&options, &journal, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        options.create = true;
        err = pawl_place_may_begin(&serve->place, msg);
        if (pawl_ok(err)) {
            err = pawl_journal_sqlite_open(&options, &journal, msg);
        }
    }
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_engine_options engine = engine_options(serve, journal, &config);
    err = pawl_engine_open(&engine, &serve->engine, msg);
    if (pawl_ok(err)) {
        err = take_maxima(serve, &config, msg);
    }
    if (err.code == PAWL_ERR_CLOCK) {
        pawl_errmsg_wrap(msg, "the clock (--accept-clock goes on all the same)");
    }
    return err;
}

/* --- What stands on it ----------------------------------------------------------------------- */

static pawl_err open_archive(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    pawl_err err = pawl_place_path(&serve->place, PAWL_PLACE_ARCHIVE, path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_archive_options options = {
        .path = path,
        .keep_us = pawl_serve_number(serve->said, PAWL_SERVE_OPT_KEEP_ARCHIVE) * PAWL_US_PER_MS,
        .wake = on_archive_answer,
        .wake_arg = serve};
    return pawl_archive_open(&options, &serve->archive, msg);
}

static void on_tenant_closed(void *arg)
{
    pawl_serve_drains_look(pawl_serve_of(arg));
}

static pawl_err open_cycles(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    struct pawl_cycles_options options = {.engine = serve->engine,
                                          .registry = serve->registry,
                                          .archive = serve->archive,
                                          .clock = pawl_clock_os(),
                                          .turn_wanted = pawl_serve_want_turn,
                                          .turn_arg = serve,
                                          .observe = pawl_serve_observe,
                                          .observe_arg = serve,
                                          .tenant_closed = on_tenant_closed,
                                          .tenant_closed_arg = serve,
                                          .other = pawl_serve_other,
                                          .other_arg = serve,
                                          .settlement_bytes_max = (uint64_t)pawl_serve_number(
                                              serve->said, PAWL_SERVE_OPT_MAX_SETTLEMENT)};
    pawl_err err = pawl_cycles_new(&options, &serve->cycles);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for the protocol's tables");
    }
    return err;
}

static pawl_err open_tls(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    struct pawl_tls_server_options options = {
        .certificate_file = pawl_serve_text(serve->said, PAWL_SERVE_OPT_TLS_CERT),
        .key_file = pawl_serve_text(serve->said, PAWL_SERVE_OPT_TLS_KEY)};
    return options.certificate_file != NULL ? pawl_tls_server_new(&options, &serve->tls, msg)
                                            : PAWL_OK;
}

static void tell_memory(const struct pawl_serve *serve)
{
    struct pawl_server_memory_row rows[PAWL_SERVER_MEMORY_ROWS];
    char text[400] = "";
    size_t used = 0;
    const struct pawl_config *config = pawl_core_config(pawl_engine_core(serve->engine));
    int64_t sum = pawl_server_memory(serve->said, config, rows);
    for (size_t i = 0; i < PAWL_SERVER_MEMORY_ROWS && used < sizeof(text); i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %" PRId64 ": %" PRId64 " MiB",
                             i > 0 ? ", " : "", rows[i].option, rows[i].rows_max,
                             rows[i].rows_max * rows[i].row_bytes >> 20);
    }
    pawl_log(PAWL_LOG_INFO,
             "the ledger takes memory as it fills: %" PRId64 " MiB if every maximum were reached, "
             "less with lower ones (%s)",
             sum >> 20, text);
}

/* --- From the beginning ---------------------------------------------------------------------- */

static pawl_err open_ledger(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    pawl_err err = open_engine(serve, msg);
    if (err.code == PAWL_ERR_CORRUPT) {
        const struct pawl_errmsg why = *msg;
        pawl_errmsg_set(msg,
                        "%.400s; 'pawl verify' says up to where the ledger is whole, and a backup "
                        "goes in its place",
                        why.text);
    }
    if (pawl_ok(err)) {
        pawl_copy_remove_left(serve->place.dir);
        err = pawl_restored_open(&serve->place, pawl_engine_durable_op(serve->engine),
                                 &serve->restored, msg);
    }
    if (pawl_ok(err)) {
        pawl_engine_id_turns(serve->engine, serve->restored.turns, serve->restored.count);
        err = pawl_registry_open(serve->engine, &serve->registry, msg);
    }
    if (pawl_ok(err)) {
        err = open_archive(serve, msg);
    }
    if (pawl_ok(err)) {
        err = open_cycles(serve, msg);
    }
    return err;
}

/* Keys are stored as hashes, so one that was made must be told, even if the start ends here. That
 * is why what fails for reasons outside, the addresses, comes before. */
static pawl_err make_first(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    pawl_err err = pawl_serve_first_key(serve, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = pawl_serve_quick_start(serve, msg);
    if (pawl_failed(err)) {
        pawl_serve_tell_admin_key(serve);
        (void)fflush(stdout);
    }
    return err;
}

static pawl_err serve_until_told(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    pawl_err err = open_tls(serve, msg);
    if (pawl_ok(err)) {
        err = pawl_place_open(serve->options->data_dir, &serve->place, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    if (uv_loop_init(&serve->loop) != 0) {
        pawl_errmsg_set(msg, "cannot make an event loop");
        return PAWL_ERR(MEMORY);
    }
    serve->has_loop = true;
    pawl_serve_handles_init(serve);
    (void)umask(077); /* whatever SQLite makes is for this user alone */
    err = pawl_serve_take_descriptors(serve, msg);
    if (pawl_ok(err)) {
        /* Before the HTTP server's own turn: answers leave in the turn in which they are durable.
         */
        err = pawl_turn_new(&serve->loop, pawl_serve_turn, serve, &serve->turn);
    }
    if (pawl_ok(err)) {
        err = open_ledger(serve, msg);
    }
    if (pawl_ok(err)) {
        tell_memory(serve);
        err = pawl_serve_listen(serve, msg); /* nobody is accepted before the loop runs */
    }
    if (pawl_ok(err)) {
        err = make_first(serve, msg);
    }
    if (pawl_ok(err)) {
        pawl_serve_handles_start(serve);
        pawl_serve_tell_start(serve);
        pawl_serve_tell_manager(serve);
        (void)uv_run(&serve->loop, UV_RUN_DEFAULT);
    }
    return err;
}

/* A file that may not grow is an error of its write, which is told, and no silent death. */
static void ignore_file_size_signal(void)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGXFSZ, &ignored, NULL);
}

pawl_err pawl_server_main(const struct pawl_server_options *options, struct pawl_errmsg *msg)
{
    struct pawl_clock clock = pawl_clock_os();
    struct pawl_serve *serve = pawl_alloc_zeroed(1, sizeof(*serve));
    struct pawl_metrics *metrics = pawl_alloc_zeroed(1, sizeof(*metrics));
    pawl_err err = PAWL_ERR(MEMORY);
    if (serve == NULL || metrics == NULL) {
        pawl_errmsg_set(msg, "no memory to start");
    } else {
        serve->magic = PAWL_SERVE_MAGIC;
        serve->options = options;
        serve->said = options->said;
        serve->metrics = metrics;
        serve->started_us = clock.real_us(clock.arg);
        serve->place = (struct pawl_place){.dir_fd = -1, .lock_fd = -1};
        ignore_file_size_signal();
        err = pawl_serve_log_open(options->said, msg);
        if (pawl_ok(err)) {
            err = serve_until_told(serve, msg);
            pawl_serve_close(serve, pawl_failed(err));
            if (pawl_ok(err)) {
                pawl_log(PAWL_LOG_INFO, "the ledger is closed");
            }
            pawl_serve_log_close();
        }
    }
    pawl_free(metrics);
    pawl_free(serve);
    return err;
}

bool pawl_server_has_ledger(const struct pawl_server_options *options)
{
    return pawl_place_is_servers(options->data_dir);
}

pawl_err pawl_server_check(const struct pawl_server_options *options, struct pawl_errmsg *msg)
{
    char key[PAWL_ADMIN_KEY_BYTES];
    struct pawl_serve *serve = pawl_alloc_zeroed(1, sizeof(*serve));
    if (serve == NULL) {
        pawl_errmsg_set(msg, "no memory");
        return PAWL_ERR(MEMORY);
    }
    serve->said = options->said;
    pawl_err err = pawl_place_look(options->data_dir, msg);
    if (pawl_ok(err)) {
        err = pawl_place_may_write(options->data_dir, msg);
    }
    if (pawl_ok(err)) {
        err = open_tls(serve, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_serve_read_admin_key(options, key, msg);
        explicit_bzero(key, sizeof(key));
    }
    pawl_tls_server_free(serve->tls);
    pawl_free(serve);
    return err;
}
