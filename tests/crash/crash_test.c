/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_test.c: kills a real process at random points, again and again, in one directory, and
 * compares what it had told with what is there.
 *
 *   crash_test [--seed=N] [--rounds=R] [--seconds=S] [--dir=DIR]
 *
 * After each kill the directory is verified, opened and read: every answer that came through the
 * pipe must be in the journal with the same code and id, no key may have been applied twice, and
 * the independent auditor of the simulator must agree with the ledger's totals. The next life
 * begins in the same directory and sends the unanswered requests again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/prng.h"
#include "engine/engine.h"
#include "protocol.h"
#include "tests/lib/program.h"

enum { TOLD_MAX = 1 << 16, ROUNDS_DEFAULT = 40 };

struct killer {
    struct pawl_prng prng;
    char program[PATH_MAX]; /* our own file: what stands for it in /proc is valgrind's under that */
    const char *dir;
    struct audit *audit;
    struct pawl_engine *engine;
    struct pawl_errmsg msg;
    struct told *told; /* owned: answers of the life that just ended */
    size_t told_count;
    size_t matched;
    uint64_t next_key; /* everything below was answered, in some life */
    uint64_t answers;
    uint64_t tails; /* operations that nobody was told about */
};

/* --- A life and its end. ---------------------------------------------------------------------- */

static pid_t start_victim(const struct killer *killer, bool threads, int *ret_pipe)
{
    int ends[2];
    if (pipe(ends) != 0) {
        program_fail("no pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child < 0) {
        program_fail("no child: %s", strerror(errno));
    }
    if (child == 0) {
        char out[16];
        char key[24];
        (void)close(ends[0]);
        (void)snprintf(out, sizeof(out), "%d", ends[1]);
        (void)snprintf(key, sizeof(key), "%" PRIu64, killer->next_key);
        (void)execl(killer->program, "crash_test", "--victim", killer->dir,
                    threads ? "thread" : "inline", key, out, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    *ret_pipe = ends[0];
    return child;
}

/* One answer from the pipe. false: the other end is closed. A piece of one at the end is nobody's.
 */
static bool read_told(int pipe_fd, struct told *ret_told)
{
    size_t used = 0;
    while (used < sizeof(*ret_told)) {
        ssize_t got = read(pipe_fd, (char *)ret_told + used, sizeof(*ret_told) - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        used += (size_t)got;
    }
    return true;
}

static void keep(struct killer *killer, const struct told *told)
{
    if (killer->told_count == TOLD_MAX) {
        program_fail("more answers than the table holds");
    }
    killer->told[killer->told_count++] = *told;
    killer->answers++;
}

/* Lets it live for so many answers, kills it, and takes what is still in the pipe. */
static void one_life(struct killer *killer)
{
    int pipe_fd = -1;
    uint64_t answers =
        pawl_prng_below(&killer->prng, pawl_prng_one_in(&killer->prng, 3) ? 30 : 3000);
    pid_t child = start_victim(killer, pawl_prng_one_in(&killer->prng, 2), &pipe_fd);
    struct told told;
    killer->told_count = 0;
    for (uint64_t i = 0; i < answers && read_told(pipe_fd, &told); i++) {
        keep(killer, &told);
    }
    (void)kill(child, SIGKILL);
    while (read_told(pipe_fd, &told)) {
        keep(killer, &told);
    }
    (void)close(pipe_fd);
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL) {
        program_fail("the victim ended by itself, status %d", status);
    }
}

/* --- What is there afterwards. ---------------------------------------------------------------- */

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    program_fail("%s: %s", pawl_err_name(err), msg->text);
}

static void open_engine(struct killer *killer)
{
    struct pawl_journal_sqlite_options files = {.dir = killer->dir, .allow_any_filesystem = true};
    struct pawl_journal *journal = NULL;
    pawl_err err = pawl_journal_sqlite_open(&files, &journal, &killer->msg);
    if (err.code == PAWL_ERR_NOT_FOUND && killer->answers == 0) {
        files.create = true;
        err = pawl_journal_sqlite_open(&files, &journal, &killer->msg);
    }
    if (pawl_ok(err)) {
        struct pawl_engine_options options = {.journal = journal,
                                              .dir = killer->dir,
                                              .clock = pawl_clock_os(),
                                              .commit_mode = PAWL_COMMIT_INLINE,
                                              .fatal = on_fatal,
                                              .single_threaded = true};
        err = pawl_engine_open(&options, &killer->engine, &killer->msg);
    }
    if (pawl_failed(err)) {
        program_fail("it does not open: %s: %s", pawl_err_name(err), killer->msg.text);
    }
}

/* Answers came in the order of operations, so one walk over both matches them. */
static bool compare(void *arg, const struct pawl_record *record)
{
    struct killer *killer = arg;
    audit_recheck(killer->audit, record);
    audit_learn_sessions(killer->audit, pawl_engine_core(killer->engine));
    bool found = false;
    while (killer->matched < killer->told_count && killer->told[killer->matched].op == record->op) {
        const struct told *told = &killer->told[killer->matched++];
        found = true;
        if (told->code != record->result.code || told->replayed != record->result.replayed ||
            told->id != record->result.id || told->original_op != record->result.original_op) {
            program_fail("operation %" PRIu64 " was told otherwise than it is recorded",
                         record->op);
        }
    }
    bool ours =
        record->command.type == PAWL_COMMAND_RESERVE || record->command.type == PAWL_COMMAND_COMMIT;
    killer->tails += ours && !found ? 1 : 0;
    return true;
}

static void look_at_it(struct killer *killer)
{
    uint64_t known = audit_last_op(killer->audit);
    struct pawl_verify_options verify = {.dir = killer->dir, .allow_any_filesystem = true};
    struct pawl_verify_report report;
    pawl_err err = pawl_engine_verify(&verify, &report, &killer->msg);
    bool nothing = err.code == PAWL_ERR_NOT_FOUND && killer->answers == 0;
    if (pawl_failed(err) && !nothing) {
        program_fail("verification says %s: %s", pawl_err_name(err), killer->msg.text);
    }
    open_engine(killer);
    killer->matched = 0;
    if (pawl_engine_durable_op(killer->engine) > known) {
        err = pawl_engine_records(killer->engine, known + 1, compare, killer, &killer->msg);
        if (pawl_failed(err)) {
            program_fail("the journal cannot be read: %s", killer->msg.text);
        }
    }
    if (killer->matched != killer->told_count) {
        program_fail("%zu answers of %zu are not in the journal; the first is operation %" PRIu64,
                     killer->told_count - killer->matched, killer->told_count,
                     killer->told[killer->matched].op);
    }
    const struct pawl_core *core = pawl_engine_core(killer->engine);
    if (!nothing && report.last_op > 0 && report.digest != pawl_core_digest(core)) {
        program_fail("full replay and checkpoint with tail give different digests");
    }
    pawl_core_audit(core);
    audit_totals(killer->audit, core, pawl_engine_now_us(killer->engine));
    pawl_engine_close(killer->engine);
    killer->engine = NULL;
}

/* Requests are numbered; what was on the way when it died is somewhere above the lowest that was
 * not answered. Those are sent again, answered ones among them: they come back as repeats. */
static void choose_next_key(struct killer *killer)
{
    uint64_t newest = killer->next_key;
    for (size_t i = 0; i < killer->told_count; i++) {
        newest = killer->told[i].key > newest ? killer->told[i].key : newest;
    }
    uint64_t back = pawl_prng_below(&killer->prng, 60);
    killer->next_key = newest > back ? newest - back : 0;
}

/* --- The command line. ------------------------------------------------------------------------ */

static bool remove_name(void *arg, const char *name)
{
    const char *dir = arg;
    char path[PAWL_PATH_BYTES_MAX];
    if (name[0] != '.' && pawl_ok(pawl_files_path(dir, name, path, NULL))) {
        (void)unlink(path);
    }
    return true;
}

static int be_victim(char **argv)
{
    struct victim_options options = {.dir = argv[2],
                                     .threads = strcmp(argv[3], "thread") == 0,
                                     .first_key = program_number(argv[0], argv[4]),
                                     .out = (int)program_number(argv[0], argv[5])};
    return victim_run(&options);
}

struct choice {
    uint64_t seed;
    uint64_t rounds;
    uint64_t seconds; /* 0: as many rounds as were asked for */
    const char *dir;
};

static struct choice parse(int argc, char **argv)
{
    struct choice choice = {.seed = program_fresh_seed(), .rounds = ROUNDS_DEFAULT};
    const struct program_option places[] = {{.name = "seed", .number = &choice.seed},
                                            {.name = "rounds", .number = &choice.rounds},
                                            {.name = "seconds", .number = &choice.seconds},
                                            {.name = "dir", .text = &choice.dir}};
    program_options(argc, argv, places, PAWL_ARRAY_LEN(places));
    return choice;
}

static uint64_t run(struct killer *killer, const struct choice *choice)
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t until_us = clock.boot_us(clock.arg) + (int64_t)choice->seconds * PAWL_US_PER_SECOND;
    uint64_t round = 0;
    for (; round < choice->rounds; round++) {
        if (choice->seconds > 0 && clock.boot_us(clock.arg) >= until_us) {
            break;
        }
        one_life(killer);
        look_at_it(killer);
        choose_next_key(killer);
    }
    return round;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "--victim") == 0) {
        return be_victim(argv);
    }
    struct choice choice = parse(argc, argv);
    char place[] = "crash-XXXXXX";
    program_repeat_by("crash_test --seed=%" PRIu64, choice.seed);
    pawl_log_set(-1, PAWL_LOG_ERROR);
    (void)printf("crash_test --seed=%" PRIu64 "\n", choice.seed);
    (void)fflush(stdout);
    struct killer *killer = calloc(1, sizeof(*killer));
    PAWL_ASSERT(killer != NULL);
    killer->told = calloc(TOLD_MAX, sizeof(*killer->told));
    killer->audit = audit_new();
    killer->dir = choice.dir != NULL ? choice.dir : mkdtemp(place);
    PAWL_ASSERT(killer->told != NULL && killer->dir != NULL);
    ssize_t bytes = readlink("/proc/self/exe", killer->program, sizeof(killer->program) - 1);
    PAWL_ASSERT(bytes > 0);
    pawl_prng_seed(&killer->prng, choice.seed);
    uint64_t rounds = run(killer, &choice);
    struct audit_counts counts = audit_counts(killer->audit);
    (void)printf("%" PRIu64 " kills, %" PRIu64 " answers, all there; %" PRIu64
                 " operations that nobody was told about; %" PRIu64 " repeats, %" PRIu64
                 " grants, %" PRIu64 " expired\n",
                 rounds, killer->answers, killer->tails, counts.replayed, counts.grants,
                 counts.expired);
    if (choice.dir == NULL) {
        const struct pawl_files *files = pawl_files_os();
        char dir[sizeof(place)];
        memcpy(dir, place, sizeof(place));
        (void)files->ops->list(files->arg, place, remove_name, dir, NULL);
        (void)rmdir(place);
    }
    bool worked = rounds > 0 && killer->answers > 0;
    audit_free(killer->audit);
    free(killer->told);
    free(killer);
    (void)printf("%u passed, %u failed\n", worked ? 1U : 0U, worked ? 0U : 1U);
    return worked ? 0 : 1;
}
