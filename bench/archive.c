/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/archive.c: the archive alone. First lifecycles (reserve, commit) go in as fast as they are
 * taken, with the processor's time of the archive's own thread. Then each order with each filter is
 * asked for, its first page and pages from anywhere in it, and their p50 and p99 are printed. What
 * goes in is in archive_feed.c, what is asked in archive_lists.c.
 *
 *   bench_archive [lifecycles] [rounds of each list] [lists whose name begins so] [directory]
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/archive_priv.h"
#include "archive_bench.h"
#include "base/assert.h"
#include "base/attrs.h"
#include "journal/sqlite_memory.h"

enum { LAG = 20000, WAIT_MS = 120000, ROUNDS_MAX = 10000, LIMIT = 50 };

int64_t bench_ns(void)
{
    struct timespec now;
    PAWL_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* --- Asking. ---------------------------------------------------------------------------------- */

static void on_wake(void *arg)
{
    struct bench *bench = arg;
    pthread_mutex_lock(&bench->lock);
    bench->woken = true;
    pthread_cond_signal(&bench->answered);
    pthread_mutex_unlock(&bench->lock);
}

static void on_done(struct pawl_archive_request *request)
{
    *(bool *)request->arg = true;
}

struct pawl_archive_query bench_query(void)
{
    return (struct pawl_archive_query){
        .tenant = PAWL_SLICE("tenant-0"),
        PAWL_ARCHIVE_EVER,
        .limit = LIMIT,
    };
}

static int64_t thread_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec used = {0, 0};
    PAWL_ASSERT(pthread_getcpuclockid(thread, &clock) == 0);
    PAWL_ASSERT(clock_gettime(clock, &used) == 0);
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

int64_t bench_ask(struct bench *bench,
                  const struct pawl_archive_query *query,
                  uint64_t needs_op,
                  struct pawl_archive_request *ret_request)
{
    bool done = false;
    int64_t used_ns = -thread_ns(bench->archive->reader);
    *ret_request = (struct pawl_archive_request){.done = on_done, .arg = &done};
    pawl_archive_ask(bench->archive, query, needs_op, WAIT_MS, ret_request);
    while (!done) {
        pthread_mutex_lock(&bench->lock);
        while (!bench->woken) {
            pthread_cond_wait(&bench->answered, &bench->lock);
        }
        bench->woken = false;
        pthread_mutex_unlock(&bench->lock);
        pawl_archive_collect(bench->archive);
    }
    used_ns += thread_ns(bench->archive->reader);
    if (ret_request->answer != PAWL_ARCHIVE_FOUND) {
        (void)fprintf(stderr, "bench_archive: answer %d: %s\n", (int)ret_request->answer,
                      ret_request->why);
        exit(1);
    }
    return used_ns;
}

/* --- The whole. ------------------------------------------------------------------------------- */

static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
    uint64_t value = 0;
    if (!pawl_slice_to_u64(pawl_slice_str(text), &value) || value < low || value > high) {
        (void)fprintf(stderr, "bench_archive: %s is not a number from %u to %u\n", text, low, high);
        exit(2);
    }
    return (uint32_t)value;
}

static void init(struct bench *bench, uint32_t lifecycles)
{
    bench->agents = lifecycles / 10 + 1;
    bench->lag = lifecycles < LAG ? lifecycles : LAG;
    bench->holds = calloc(bench->lag, sizeof(bench->holds[0]));
    PAWL_ASSERT(bench->holds != NULL);
    bench->start_us = INT64_C(1790000000000000);
    bench->now_us = bench->start_us;
    memset(bench->document, 'x', sizeof(bench->document));
    pawl_prng_seed(&bench->prng, 1);
    pawl_buf_init(&bench->batch, 16 << 20);
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->answered, NULL);
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[4096];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

static void open_archive(struct bench *bench, const char *path)
{
    struct pawl_errmsg msg;
    struct pawl_archive_options options = {.path = path, .wake = on_wake, .wake_arg = bench};
    remove_files(path);
    if (pawl_failed(pawl_archive_open(&options, &bench->archive, &msg))) {
        (void)fprintf(stderr, "bench_archive: %s\n", msg.text);
        exit(1);
    }
    /* There is no journal to compare it with. */
    pthread_mutex_lock(&bench->archive->lock);
    bench->archive->verified = true;
    bench->archive->missing = false;
    pthread_mutex_unlock(&bench->archive->lock);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    char path[4000];
    pawl_sqlite_count_no_memory(); /* as pawl does */
    uint32_t lifecycles = argc > 1 ? number(argv[1], 1000, 100000000) : 1000000;
    bench.rounds = argc > 2 ? number(argv[2], 1, ROUNDS_MAX) : 200;
    bench.only = argc > 3 && argv[3][0] != '\0' ? argv[3] : NULL;
    (void)snprintf(path, sizeof(path), "%s/bench-archive.db", argc > 4 ? argv[4] : ".");
    init(&bench, lifecycles);
    open_archive(&bench, path);
    bench_feed(&bench, lifecycles);
    bench_lists(&bench);
    pawl_archive_close(bench.archive);
    remove_files(path);
    pawl_buf_free(&bench.batch);
    free(bench.holds);
    return 0;
}
