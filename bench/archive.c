/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/archive.c: the archive alone. First lifecycles (reserve, commit) go in, as batches of 64
 * records, as fast as they are taken; each commit comes some lifecycles after its reserve. Printed is
 * the processor's time for one lifecycle, of the archive's own thread. Then each shape of list is
 * asked for many times, and its p50 and p99 are printed.
 *
 * Ten tenants of unequal size, 20 workspaces each, 5 apps, agents that many reservations share;
 * an idempotency key for each reservation, 300 bytes of document, 60 of settlement. One in a
 * thousand stays open, one in fifty expires, one in twenty is released.
 *
 *   bench_archive [lifecycles] [lag of commits] [directory] [agents]
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/archive_priv.h"
#include "base/assert.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/prng.h"

enum {
    BATCH_RECORDS = 64,
    ROUNDS = 300,
    LIMIT = 50,
    TEXT_BYTES = 64,
    DOCUMENT_BYTES = 300,
    SETTLEMENT_BYTES = 60
};

struct open_hold {
    uint64_t op;
    int64_t amount;
};

struct bench {
    struct pawl_archive *archive;
    struct pawl_prng prng;
    struct pawl_buf batch;
    uint32_t in_batch;
    uint64_t first_op;
    uint64_t op;
    int64_t now_us;
    uint32_t agents;
    uint32_t lag;
    struct open_hold *holds; /* a ring of `lag` */
    char document[DOCUMENT_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool woken;
};

static const int64_t start_us = INT64_C(1790000000000000);

static uint64_t draw(struct bench *bench, uint64_t below)
{
    return pawl_prng_next(&bench->prng) % below;
}

/* --- Feeding. --------------------------------------------------------------------------------- */

static double thread_seconds(pthread_t thread)
{
    clockid_t clock;
    struct timespec used = {0, 0};
    PAWL_ASSERT(pthread_getcpuclockid(thread, &clock) == 0);
    PAWL_ASSERT(clock_gettime(clock, &used) == 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static int64_t real_ns(void)
{
    struct timespec now;
    PAWL_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void flush(struct bench *bench)
{
    if (bench->in_batch == 0) {
        return;
    }
    pawl_record_batch_end(&bench->batch);
    struct pawl_journal_batch batch = {
        .first_op = bench->first_op, .last_op = bench->op, .blob = pawl_buf_slice(&bench->batch)};
    struct pawl_archive_stats stats;
    pawl_archive_stats(bench->archive, &stats);
    while (stats.queued_bytes > (UINT64_C(128) << 20)) {
        usleep(1000);
        pawl_archive_stats(bench->archive, &stats);
    }
    pawl_archive_feed(bench->archive, &batch);
    pawl_buf_reset(&bench->batch);
    bench->in_batch = 0;
}

static void put(struct bench *bench, const struct pawl_command *command, struct pawl_result *result)
{
    if (bench->in_batch == 0) {
        pawl_record_batch_begin(&bench->batch);
        bench->first_op = bench->op + 1;
    }
    bench->op++;
    bench->now_us += 20;
    result->op = bench->op;
    result->now_us = bench->now_us;
    pawl_record_batch_put(&bench->batch, command, result, 0);
    bench->in_batch++;
    if (bench->in_batch == BATCH_RECORDS) {
        flush(bench);
    }
}

static struct open_hold reserve(struct bench *bench)
{
    static const char *const names[] = {"tenant", "team", "app", "agent"};
    static const int levels[] = {PAWL_LEVEL_TENANT, PAWL_LEVEL_WORKSPACE, PAWL_LEVEL_APP,
                                 PAWL_LEVEL_AGENT};
    char texts[4][TEXT_BYTES];
    char key[TEXT_BYTES];
    uint64_t agent = draw(bench, bench->agents);
    uint64_t tenant = agent % 16 < 7 ? 0 : agent % 10; /* the first has about half */
    const uint64_t numbers[] = {tenant, agent % 20, agent % 5, agent};
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        int bytes = snprintf(texts[i], TEXT_BYTES, "%s-%" PRIu64, names[i], numbers[i]);
        command.u.reserve.subject.levels[levels[i]] = pawl_slice_of(texts[i], (size_t)bytes);
    }
    int bytes = snprintf(key, sizeof(key), "%016" PRIx64 "%016" PRIx64,
                         pawl_prng_next(&bench->prng), pawl_prng_next(&bench->prng));
    command.idempotency_key = pawl_slice_of(key, (size_t)bytes);
    command.metadata = pawl_slice_of(bench->document, DOCUMENT_BYTES);
    struct pawl_command_reserve *body = &command.u.reserve;
    body->line_count = 1;
    body->lines[0] =
        (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, (int64_t)(1000 + draw(bench, 10000000))};
    body->ttl_ms = 60000 + (int64_t)draw(bench, 4) * 60000;
    body->overage = PAWL_OVERAGE_REJECT;
    body->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    struct pawl_result result = {.id = bench->op + 1,
                                 .expires_us = bench->now_us + body->ttl_ms * 1000};
    put(bench, &command, &result);
    return (struct open_hold){.op = bench->op, .amount = body->lines[0].value};
}

static void end(struct bench *bench, struct open_hold hold)
{
    uint64_t fate = draw(bench, 1000);
    struct pawl_expired expired = {.id = hold.op, .kind = PAWL_EXPIRED_RELEASED};
    struct pawl_command command = {.metadata = pawl_slice_of(bench->document, SETTLEMENT_BYTES)};
    struct pawl_result result = {.id = hold.op};
    if (fate == 0) {
        return;
    }
    if (fate < 20) {
        command.type = PAWL_COMMAND_EXPIRE;
        command.metadata = PAWL_SLICE_NONE;
        command.u.expire = (struct pawl_command_expire){bench->now_us, 1};
        result.id = 0;
        result.expired_count = 1;
        result.expired = &expired;
    } else if (fate < 70) {
        command.type = PAWL_COMMAND_RELEASE;
        command.u.release.reservation = hold.op;
    } else {
        struct pawl_amount charged = {PAWL_UNIT_USD_MICROCENTS, hold.amount / 2};
        command.type = PAWL_COMMAND_COMMIT;
        command.u.settle.reservation = hold.op;
        command.u.settle.line_count = 1;
        command.u.settle.lines[0] = charged;
        result.line_count = 1;
        result.charged[0] = charged;
        result.released[0] = (struct pawl_amount){charged.unit, hold.amount - charged.value};
    }
    put(bench, &command, &result);
}

static void feed(struct bench *bench, uint32_t lifecycles)
{
    double before = thread_seconds(bench->archive->writer);
    int64_t began_ns = real_ns();
    uint32_t step = lifecycles / 5;
    for (uint32_t i = 0; i < lifecycles; i++) {
        struct open_hold hold = reserve(bench);
        if (bench->lag == 0) {
            end(bench, hold);
        } else {
            struct open_hold *old = &bench->holds[i % bench->lag];
            if (old->op != 0) {
                end(bench, *old);
            }
            *old = hold;
        }
        if ((i + 1) % step == 0) {
            flush(bench);
            struct pawl_archive_stats stats;
            do {
                usleep(1000);
                pawl_archive_stats(bench->archive, &stats);
                PAWL_ASSERT(!stats.broken && !stats.missing);
            } while (stats.op < bench->op);
            double used = thread_seconds(bench->archive->writer);
            printf("fed %8u: %5.2f us of processor a lifecycle, %6.0f lifecycles/s, %" PRIu64
                   " rows\n",
                   i + 1, (used - before) / step * 1e6,
                   (double)step * 1e9 / (double)(real_ns() - began_ns), stats.rows);
            fflush(stdout);
            before = used;
            began_ns = real_ns();
        }
    }
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

static int compare_ns(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a;
    int64_t other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

struct shape {
    const char *name;
    uint8_t sort;
    bool ascending;
    uint8_t status;
    const char *levels[PAWL_LEVEL_COUNT];
    double created_part; /* of all of the time, at the end; 0: any */
    double expires_part;
    double finalized_part;
    bool deep; /* from the middle, as a later page does */
};

#define LAST_AGENT "agent-7"

static const struct shape shapes[] = {
    {.name = "created"},
    {.name = "created, ascending", .ascending = true},
    {.name = "created, from the middle", .deep = true},
    {.name = "created, ACTIVE", .status = PAWL_ARCHIVE_ACTIVE},
    {.name = "created, EXPIRED", .status = PAWL_ARCHIVE_EXPIRED},
    {.name = "created, workspace", .levels = {[PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "created, agent", .levels = {[PAWL_LEVEL_AGENT] = LAST_AGENT}},
    {.name = "created, app + workspace",
     .levels = {[PAWL_LEVEL_APP] = "app-2", [PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "created, last 1 %", .created_part = 0.01},
    {.name = "created, expires in the last 1 %", .expires_part = 0.01},
    {.name = "created, finalized in the last 1 %", .finalized_part = 0.01},
    {.name = "created, finalized in the last half", .finalized_part = 0.5},
    {.name = "expires", .sort = PAWL_ARCHIVE_BY_EXPIRES},
    {.name = "expires, ACTIVE", .sort = PAWL_ARCHIVE_BY_EXPIRES, .status = PAWL_ARCHIVE_ACTIVE},
    {.name = "expires, ascending, workspace",
     .sort = PAWL_ARCHIVE_BY_EXPIRES,
     .ascending = true,
     .levels = {[PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "reserved", .sort = PAWL_ARCHIVE_BY_RESERVED},
    {.name = "reserved, EXPIRED", .sort = PAWL_ARCHIVE_BY_RESERVED, .status = PAWL_ARCHIVE_EXPIRED},
    {.name = "reserved, workspace",
     .sort = PAWL_ARCHIVE_BY_RESERVED,
     .levels = {[PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "reserved, agent",
     .sort = PAWL_ARCHIVE_BY_RESERVED,
     .levels = {[PAWL_LEVEL_AGENT] = LAST_AGENT}},
    {.name = "reserved, last 1 %", .sort = PAWL_ARCHIVE_BY_RESERVED, .created_part = 0.01},
    {.name = "reserved, ACTIVE + app, last half",
     .sort = PAWL_ARCHIVE_BY_RESERVED,
     .status = PAWL_ARCHIVE_ACTIVE,
     .levels = {[PAWL_LEVEL_APP] = "app-2"},
     .created_part = 0.5},
    {.name = "scope", .sort = PAWL_ARCHIVE_BY_SCOPE},
    {.name = "scope, from the middle", .sort = PAWL_ARCHIVE_BY_SCOPE, .deep = true},
    {.name = "scope, ACTIVE", .sort = PAWL_ARCHIVE_BY_SCOPE, .status = PAWL_ARCHIVE_ACTIVE},
    {.name = "scope, app", .sort = PAWL_ARCHIVE_BY_SCOPE, .levels = {[PAWL_LEVEL_APP] = "app-2"}},
    {.name = "status", .sort = PAWL_ARCHIVE_BY_STATUS},
    {.name = "status, workspace",
     .sort = PAWL_ARCHIVE_BY_STATUS,
     .levels = {[PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "nothing: no such agent", .levels = {[PAWL_LEVEL_AGENT] = "nobody"}},
    {.name = "nothing: released, finalized long ago, by amount",
     .sort = PAWL_ARCHIVE_BY_RESERVED,
     .status = PAWL_ARCHIVE_RELEASED,
     .levels = {[PAWL_LEVEL_TOOLSET] = "nothing"}},
};

static struct pawl_archive_query query_of(struct bench *bench, const struct shape *shape)
{
    struct pawl_archive_query query = {
        .tenant = PAWL_SLICE("tenant-0"),
        .sort = shape->sort,
        .ascending = shape->ascending,
        .status = shape->status,
        .created_from_ms = INT64_MIN,
        .created_to_ms = INT64_MAX,
        .expires_from_ms = INT64_MIN,
        .expires_to_ms = INT64_MAX,
        .finalized_from_ms = INT64_MIN,
        .finalized_to_ms = INT64_MAX,
        .limit = LIMIT,
    };
    int64_t end_ms = bench->now_us / 1000;
    double span_ms = (double)(bench->now_us - start_us) / 1000;
    for (int i = 0; i < PAWL_LEVEL_COUNT; i++) {
        query.levels[i] = pawl_slice_str(shape->levels[i]);
    }
    if (shape->created_part > 0) {
        query.created_from_ms = end_ms - (int64_t)(span_ms * shape->created_part);
    }
    if (shape->expires_part > 0) {
        query.expires_from_ms = end_ms + 240000 - (int64_t)(span_ms * shape->expires_part);
    }
    if (shape->finalized_part > 0) {
        query.finalized_from_ms = end_ms - (int64_t)(span_ms * shape->finalized_part);
    }
    if (shape->deep) {
        query.after.op = 1 + draw(bench, bench->op);
        query.after.number = 0;
        if (shape->sort == PAWL_ARCHIVE_BY_SCOPE) {
            snprintf(query.after.text, sizeof(query.after.text),
                     "tenant:tenant-0/workspace:team-%u/app:app-2", (unsigned)draw(bench, 20));
        }
    }
    return query;
}

static int64_t ask(struct bench *bench,
                   const struct pawl_archive_query *query,
                   uint32_t *ret_rows,
                   bool *ret_short)
{
    bool done = false;
    struct pawl_archive_request request = {.done = on_done, .arg = &done};
    int64_t began_ns = real_ns();
    pawl_archive_ask(bench->archive, query, bench->op, 10000, &request);
    while (!done) {
        pthread_mutex_lock(&bench->lock);
        while (!bench->woken) {
            pthread_cond_wait(&bench->answered, &bench->lock);
        }
        bench->woken = false;
        pthread_mutex_unlock(&bench->lock);
        pawl_archive_collect(bench->archive);
    }
    int64_t took_ns = real_ns() - began_ns;
    if (request.answer != PAWL_ARCHIVE_FOUND) {
        fprintf(stderr, "bench_archive: answer %d: %s\n", (int)request.answer, request.why);
        exit(1);
    }
    *ret_rows = request.row_count;
    *ret_short = request.more && request.row_count < query->limit;
    pawl_archive_release(&request);
    return took_ns;
}

static void ask_all(struct bench *bench)
{
    static int64_t took_ns[ROUNDS];
    printf("%-50s %9s %9s %9s %5s\n", "list of 50", "p50 us", "p99 us", "max us", "rows");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(shapes); i++) {
        uint32_t rows = 0;
        bool cut = false;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            struct pawl_archive_query query = query_of(bench, &shapes[i]);
            took_ns[round] = ask(bench, &query, &rows, &cut);
        }
        qsort(took_ns, ROUNDS, sizeof(took_ns[0]), compare_ns);
        printf("%-50s %9.1f %9.1f %9.1f %5u%s\n", shapes[i].name, (double)took_ns[ROUNDS / 2] / 1e3,
               (double)took_ns[ROUNDS * 99 / 100] / 1e3, (double)took_ns[ROUNDS - 1] / 1e3, rows,
               cut ? " (cut short)" : "");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    uint32_t lifecycles = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
    bench.lag = argc > 2 ? (uint32_t)atoi(argv[2]) : 20000;
    const char *directory = argc > 3 ? argv[3] : ".";
    bench.agents = argc > 4 ? (uint32_t)atoi(argv[4]) : 100000;
    bench.holds = calloc(bench.lag > 0 ? bench.lag : 1, sizeof(bench.holds[0]));
    PAWL_ASSERT(bench.holds != NULL && lifecycles >= 5 && bench.agents > 0);
    bench.now_us = start_us;
    memset(bench.document, 'x', sizeof(bench.document));
    pawl_prng_seed(&bench.prng, 1);
    pawl_buf_init(&bench.batch, 16 << 20);
    pthread_mutex_init(&bench.lock, NULL);
    pthread_cond_init(&bench.answered, NULL);

    char path[4096];
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings); i++) {
        snprintf(path, sizeof(path), "%s/bench-archive.db%s", directory, endings[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/bench-archive.db", directory);
    struct pawl_errmsg msg;
    struct pawl_archive_options options = {.path = path, .wake = on_wake, .wake_arg = &bench};
    if (pawl_failed(pawl_archive_open(&options, &bench.archive, &msg))) {
        fprintf(stderr, "bench_archive: %s\n", msg.text);
        return 1;
    }
    /* There is no journal to compare it with. */
    pthread_mutex_lock(&bench.archive->lock);
    bench.archive->verified = true;
    bench.archive->missing = false;
    pthread_mutex_unlock(&bench.archive->lock);
    feed(&bench, lifecycles);
    ask_all(&bench);
    pawl_archive_close(bench.archive);
    pawl_buf_free(&bench.batch);
    free(bench.holds);
    return 0;
}
