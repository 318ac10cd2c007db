/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c: what durability costs, measured on the disk under the present directory (or --dir):
 *
 *   - seconds from opening a directory to a ledger that answers, with a tail of a million
 *     commands, without and with a million budgets in a checkpoint before it
 *   - one client: from submitting a reserve to its durable answer, inline and with the
 *     thread, beside an append of 4 KiB with fsync in the same run
 *   - 256 clients: durable operations a second, inline and with the thread
 *
 *   bench_journal [--dir=DIR] [--commands=N] [--budgets=N] [--only=replay|latency|throughput]
 *
 * Prints numbers; nothing fails but the measurement itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "engine/engine.h"

#define USD PAWL_UNIT_USD_MICROCENTS

enum { BATCH_COMMANDS = 1000, SAMPLES = 2000, CLIENTS = 256, PAGE = 4096, SECONDS = 5 };

struct bench {
    const char *parent;
    uint64_t commands;
    uint64_t budgets;
    char dir[PAWL_PATH_BYTES_MAX];
    struct pawl_engine *engine;
    int wake_fd;
    uint64_t answered;
};

static int64_t now_us(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg);
}

static void die(const char *doing, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)fprintf(stderr, "bench_journal: %s: %s: %s\n", doing, pawl_err_name(err), msg->text);
    exit(1);
}

/* --- A directory and an engine in it. --------------------------------------------------------- */

static void make_dir(struct bench *bench)
{
    (void)snprintf(bench->dir, sizeof(bench->dir), "%s/bench-journal-XXXXXX", bench->parent);
    if (mkdtemp(bench->dir) == NULL) {
        (void)fprintf(stderr, "bench_journal: cannot make %s: %s\n", bench->dir, strerror(errno));
        exit(1);
    }
}

static bool remove_name(void *arg, const char *name)
{
    const struct bench *bench = arg;
    char path[PAWL_PATH_BYTES_MAX];
    if (name[0] != '.' && pawl_ok(pawl_files_path(bench->dir, name, path, NULL))) {
        (void)unlink(path);
    }
    return true;
}

static void remove_dir(struct bench *bench)
{
    const struct pawl_files *files = pawl_files_os();
    struct pawl_errmsg msg;
    pawl_err err = files->ops->list(files->arg, bench->dir, remove_name, bench, &msg);
    if (pawl_ok(err)) {
        (void)rmdir(bench->dir);
    }
}

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    die("the engine", err, msg);
}

static void on_wake(void *arg)
{
    const struct bench *bench = arg;
    uint64_t one = 1;
    ssize_t written = write(bench->wake_fd, &one, sizeof(one));
    PAWL_ASSERT(written == sizeof(one));
}

static void open_engine(struct bench *bench, bool create, enum pawl_commit_mode mode)
{
    struct pawl_errmsg msg = {""};
    struct pawl_journal *journal = NULL;
    struct pawl_journal_sqlite_options files = {
        .dir = bench->dir, .create = create, .allow_any_filesystem = true};
    pawl_err err = pawl_journal_sqlite_open(&files, &journal, &msg);
    if (pawl_failed(err)) {
        die("open the journal", err, &msg);
    }
    struct pawl_engine_options options = {.journal = journal,
                                          .dir = bench->dir,
                                          .clock = pawl_clock_os(),
                                          .commit_mode = mode,
                                          .wake = mode == PAWL_COMMIT_THREAD ? on_wake : NULL,
                                          .wake_arg = bench,
                                          .fatal = on_fatal,
                                          .checkpoint_every_ops = UINT64_MAX};
    err = pawl_engine_open(&options, &bench->engine, &msg);
    if (pawl_failed(err)) {
        die("open the engine", err, &msg);
    }
}

static void close_engine(struct bench *bench)
{
    pawl_engine_close(bench->engine);
    bench->engine = NULL;
}

/* --- Commands. -------------------------------------------------------------------------------- */

static void count_answer(struct pawl_op *op)
{
    struct bench *bench = op->arg;
    bench->answered++;
}

/* The operation is the caller's until it is answered. */
static void
create_budget(struct bench *bench, struct pawl_op *op, const char *tenant, const char *workspace)
{
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
    command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenant);
    command.u.budget_create.scope.levels[PAWL_LEVEL_WORKSPACE] = pawl_slice_str(workspace);
    command.u.budget_create.unit = USD;
    command.u.budget_create.allocated = PAWL_AMOUNT_MAX / 4;
    command.u.budget_create.mode = PAWL_BUDGET_ENFORCE;
    *op = (struct pawl_op){.done = count_answer, .arg = bench};
    pawl_engine_submit(bench->engine, &command, op);
}

/* A tenant with a workspace and two dimensions: four budgets on the way of each reserve. */
static void create_plan(struct bench *bench)
{
    static const char *const names[] = {"engineer", "repo"};
    struct pawl_op op;
    create_budget(bench, &op, "acme", NULL);
    pawl_engine_flush(bench->engine);
    create_budget(bench, &op, "acme", "web");
    pawl_engine_flush(bench->engine);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        op = (struct pawl_op){.done = count_answer, .arg = bench};
        struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
        struct pawl_command_budget_create *create = &command.u.budget_create;
        create->scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
        create->scope.dimension.name = pawl_slice_str(names[i]);
        create->scope.dimension.value = PAWL_SLICE("one");
        create->unit = USD;
        create->allocated = PAWL_AMOUNT_MAX / 4;
        create->mode = PAWL_BUDGET_ENFORCE;
        pawl_engine_submit(bench->engine, &command, &op);
        pawl_engine_flush(bench->engine);
    }
}

static struct pawl_command reserve_command(void)
{
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    struct pawl_command_reserve *reserve = &command.u.reserve;
    reserve->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    reserve->subject.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("web");
    reserve->subject.dimension_count = 2;
    reserve->subject.dimensions[0] =
        (struct pawl_dimension){PAWL_SLICE("engineer"), PAWL_SLICE("one")};
    reserve->subject.dimensions[1] = (struct pawl_dimension){PAWL_SLICE("repo"), PAWL_SLICE("one")};
    reserve->line_count = 1;
    reserve->lines[0] = (struct pawl_amount){.unit = USD, .value = 1000};
    reserve->ttl_ms = 600000;
    reserve->overage = PAWL_OVERAGE_REJECT;
    reserve->extensions_max = PAWL_EXTENSIONS_MAX;
    reserve->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    return command;
}

static struct pawl_command commit_command(uint64_t reservation)
{
    struct pawl_command command = {.type = PAWL_COMMAND_COMMIT};
    command.u.settle.reservation = reservation;
    command.u.settle.line_count = 1;
    command.u.settle.lines[0] = (struct pawl_amount){.unit = USD, .value = 900};
    return command;
}

static void with_key(struct pawl_command *command, char *text, size_t bytes, uint64_t number)
{
    int length = snprintf(text, bytes, "key-%020" PRIu64, number);
    command->idempotency_key = pawl_slice_of(text, (size_t)length);
    command->payload_hash[0] = number + 1;
}

/* Pairs of reserve and commit, each with its key, in batches. */
static void fill(struct bench *bench, uint64_t commands)
{
    static struct pawl_op ops[BATCH_COMMANDS];
    char text[40];
    for (uint64_t done = 0; done < commands; done += BATCH_COMMANDS) {
        for (size_t i = 0; i + 1 < BATCH_COMMANDS; i += 2) {
            struct pawl_command command = reserve_command();
            ops[i] = (struct pawl_op){.done = count_answer, .arg = bench};
            ops[i + 1] = ops[i];
            with_key(&command, text, sizeof(text), done + i);
            pawl_engine_submit(bench->engine, &command, &ops[i]);
            command = commit_command(ops[i].result.id);
            with_key(&command, text, sizeof(text), done + i + 1);
            pawl_engine_submit(bench->engine, &command, &ops[i + 1]);
        }
        pawl_engine_flush(bench->engine);
    }
}

/* --- Restart. --------------------------------------------------------------------------------- */

static void measure_replay(struct bench *bench, uint64_t budgets)
{
    static struct pawl_op ops[BATCH_COMMANDS];
    struct pawl_errmsg msg = {""};
    char workspace[32];
    make_dir(bench);
    open_engine(bench, true, PAWL_COMMIT_INLINE);
    create_plan(bench);
    for (uint64_t i = 0; i < budgets; i++) {
        (void)snprintf(workspace, sizeof(workspace), "w%" PRIu64, i);
        create_budget(bench, &ops[i % BATCH_COMMANDS], "other", workspace);
        if (i % BATCH_COMMANDS == BATCH_COMMANDS - 1) {
            pawl_engine_flush(bench->engine);
        }
    }
    pawl_engine_flush(bench->engine);
    if (budgets > 0) {
        pawl_err err = pawl_engine_checkpoint(bench->engine, &msg);
        if (pawl_failed(err)) {
            die("checkpoint", err, &msg);
        }
    }
    int64_t start_us = now_us();
    fill(bench, bench->commands);
    double filled = (double)(now_us() - start_us) / 1e6;
    uint64_t digest = pawl_core_digest(pawl_engine_core(bench->engine));
    close_engine(bench);
    start_us = now_us();
    open_engine(bench, false, PAWL_COMMIT_INLINE);
    double opened = (double)(now_us() - start_us) / 1e6;
    PAWL_ASSERT(pawl_core_digest(pawl_engine_core(bench->engine)) == digest);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("restart, %" PRIu64 " commands after %" PRIu64
                 " budgets: %.2f s (aim: 5 s); writing them took %.2f s; peak RSS %ld MiB\n",
                 bench->commands, budgets, opened, filled, usage.ru_maxrss / 1024);
    close_engine(bench);
    remove_dir(bench);
}

/* --- One client. ------------------------------------------------------------------------------ */

static int compare_us(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static int64_t percentile(int64_t *samples, size_t count, size_t percent)
{
    qsort(samples, count, sizeof(*samples), compare_us);
    return samples[count * percent / 100];
}

static int64_t measure_append(struct bench *bench, int64_t *samples)
{
    char path[PAWL_PATH_BYTES_MAX];
    char page[PAGE];
    memset(page, 'x', sizeof(page));
    pawl_err err = pawl_files_path(bench->dir, "append", path, NULL);
    PAWL_ASSERT(pawl_ok(err));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    PAWL_ASSERT(fd >= 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        int64_t start_us = now_us();
        ssize_t written = write(fd, page, sizeof(page));
        PAWL_ASSERT(written == sizeof(page));
        int failed = fsync(fd);
        PAWL_ASSERT(failed == 0);
        samples[i] = now_us() - start_us;
    }
    (void)close(fd);
    int64_t p50 = percentile(samples, SAMPLES, 50);
    (void)printf("append 4 KiB + fsync: p50 %" PRId64 " us, p99 %" PRId64 " us\n", p50,
                 percentile(samples, SAMPLES, 99));
    return p50;
}

/* Until the engine has answered everything. */
static void finish(struct bench *bench, enum pawl_commit_mode mode, uint64_t answers)
{
    while (bench->answered < answers) {
        pawl_engine_turn(bench->engine);
        if (mode == PAWL_COMMIT_THREAD && bench->answered < answers) {
            struct pollfd wait = {.fd = bench->wake_fd, .events = POLLIN};
            uint64_t count = 0;
            if (poll(&wait, 1, -1) > 0 && read(bench->wake_fd, &count, sizeof(count)) > 0) {
                pawl_engine_collect(bench->engine);
            }
        }
    }
}

static void measure_one_client(struct bench *bench,
                               enum pawl_commit_mode mode,
                               int64_t append_us,
                               int64_t *samples)
{
    const char *name = mode == PAWL_COMMIT_THREAD ? "thread" : "inline";
    open_engine(bench, mode == PAWL_COMMIT_INLINE, mode);
    if (mode == PAWL_COMMIT_INLINE) {
        create_plan(bench);
    }
    struct pawl_command reserve = reserve_command();
    struct pawl_op op;
    for (size_t i = 0; i < SAMPLES; i++) {
        bench->answered = 0;
        op = (struct pawl_op){.done = count_answer, .arg = bench};
        int64_t start_us = now_us();
        pawl_engine_submit(bench->engine, &reserve, &op);
        finish(bench, mode, 1);
        samples[i] = now_us() - start_us;
        PAWL_ASSERT(op.result.code == PAWL_RESULT_OK);
    }
    int64_t p50 = percentile(samples, SAMPLES, 50);
    (void)printf("one client, %s: p50 %" PRId64 " us, p99 %" PRId64
                 " us; p50 is %.2f x the append (aim: 2)\n",
                 name, p50, percentile(samples, SAMPLES, 99), (double)p50 / (double)append_us);
    close_engine(bench);
}

static void measure_latency(struct bench *bench)
{
    static int64_t samples[SAMPLES];
    make_dir(bench);
    /* Before and after, since the disk is not ours alone. */
    int64_t before_us = measure_append(bench, samples);
    measure_one_client(bench, PAWL_COMMIT_INLINE, before_us, samples);
    measure_one_client(bench, PAWL_COMMIT_THREAD, before_us, samples);
    (void)measure_append(bench, samples);
    remove_dir(bench);
}

/* --- Many clients. ---------------------------------------------------------------------------- */

struct client {
    struct pawl_op op;
    struct bench *bench;
};

static void ask_again(struct pawl_op *op)
{
    struct client *client = op->arg;
    struct bench *bench = client->bench;
    bench->answered++;
    struct pawl_command command = op->result.delta_count > 0 && op->result.line_count == 0
                                      ? commit_command(op->result.id)
                                      : reserve_command();
    pawl_engine_submit(bench->engine, &command, op);
}

static void measure_many(struct bench *bench, enum pawl_commit_mode mode)
{
    static struct client clients[CLIENTS];
    const char *name = mode == PAWL_COMMIT_THREAD ? "thread" : "inline";
    make_dir(bench);
    open_engine(bench, true, mode);
    create_plan(bench);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct pawl_command reserve = reserve_command();
        clients[i] = (struct client){.op = {.done = ask_again, .arg = &clients[i]}, .bench = bench};
        pawl_engine_submit(bench->engine, &reserve, &clients[i].op);
    }
    bench->answered = 0;
    int64_t start_us = now_us();
    int64_t until_us = start_us + SECONDS * PAWL_US_PER_SECOND;
    while (now_us() < until_us) {
        finish(bench, mode, bench->answered + 1);
    }
    double seconds = (double)(now_us() - start_us) / 1e6;
    (void)printf("%d clients, %s: %.0f durable operations a second\n", CLIENTS, name,
                 (double)bench->answered / seconds);
    /* The last answers find nobody. */
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].op.done = count_answer;
        clients[i].op.arg = bench;
    }
    close_engine(bench);
    remove_dir(bench);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"dir", required_argument, NULL, 'd'},
                                          {"commands", required_argument, NULL, 'c'},
                                          {"budgets", required_argument, NULL, 'b'},
                                          {"only", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    struct bench bench = {.parent = ".", .commands = 1000000, .budgets = 1000000};
    const char *only = "";
    bool numbers = true;
    for (int found = 0; found != -1;) {
        found = getopt_long(argc, argv, "", names, NULL);
        if (found == 'd') {
            bench.parent = optarg;
        } else if (found == 'c') {
            numbers = numbers && pawl_slice_to_u64(pawl_slice_str(optarg), &bench.commands);
        } else if (found == 'b') {
            numbers = numbers && pawl_slice_to_u64(pawl_slice_str(optarg), &bench.budgets);
        } else if (found == 'o') {
            only = optarg;
        } else if (found != -1) {
            numbers = false;
        }
    }
    if (!numbers) {
        (void)fprintf(stderr, "bench_journal: see the head of bench/journal.c\n");
        return 2;
    }
    bench.wake_fd = eventfd(0, EFD_CLOEXEC);
    PAWL_ASSERT(bench.wake_fd >= 0);
    bool all = only[0] == '\0';
    if (all || strcmp(only, "latency") == 0) {
        measure_latency(&bench);
    }
    if (all || strcmp(only, "throughput") == 0) {
        measure_many(&bench, PAWL_COMMIT_INLINE);
        measure_many(&bench, PAWL_COMMIT_THREAD);
    }
    if (all || strcmp(only, "replay") == 0) {
        measure_replay(&bench, 0);
        if (bench.budgets > 0) {
            measure_replay(&bench, bench.budgets);
        }
    }
    return 0;
}
