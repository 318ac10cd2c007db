/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_feed.c: what goes into the archive: batches of 64 records, as fast as they are taken.
 *
 * Ten tenants, of which the first has half of everything; 20 workspaces each, 5 apps, agents that
 * ten reservations share; an idempotency key for each reservation, 300 bytes of document, 60 of
 * settlement. One in a thousand stays open, one in fifty expires, one in twenty is released; each
 * ends some lifecycles after it began.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "archive/archive_priv.h"
#include "archive_bench.h"
#include "base/assert.h"
#include "base/attrs.h"

enum { BATCH_RECORDS = 64, TEXT_BYTES = 64, PARTS = 5, STEP_US = 20 };

#define AHEAD_BYTES (UINT64_C(64) << 20)

static uint64_t draw(struct bench *bench, uint64_t below)
{
    return pawl_prng_below(&bench->prng, below);
}

static double thread_seconds(pthread_t thread)
{
    clockid_t clock;
    struct timespec used = {0, 0};
    PAWL_ASSERT(pthread_getcpuclockid(thread, &clock) == 0);
    PAWL_ASSERT(clock_gettime(clock, &used) == 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Until everything up to `op` is in the file. */
static void wait_for(struct bench *bench, uint64_t op)
{
    struct pawl_archive_query query = bench_query();
    struct pawl_archive_request request;
    query.limit = 1;
    (void)bench_ask(bench, &query, op, &request);
    pawl_archive_release(&request);
}

static void flush(struct bench *bench)
{
    if (bench->in_batch == 0) {
        return;
    }
    pawl_record_batch_end(&bench->batch);
    struct pawl_journal_batch batch = {
        .first_op = bench->first_op, .last_op = bench->op, .blob = pawl_buf_slice(&bench->batch)};
    pawl_archive_feed(bench->archive, &batch);
    bench->fed_bytes += batch.blob.bytes;
    pawl_buf_reset(&bench->batch);
    bench->in_batch = 0;
    if (bench->fed_bytes > AHEAD_BYTES) {
        /* The queue has room for four times as much. */
        wait_for(bench, bench->waited_op);
        bench->waited_op = bench->op;
        bench->fed_bytes = 0;
    }
}

static void put(struct bench *bench, const struct pawl_command *command, struct pawl_result *result)
{
    if (bench->in_batch == 0) {
        pawl_record_batch_begin(&bench->batch);
        bench->first_op = bench->op + 1;
    }
    bench->op++;
    bench->now_us += STEP_US;
    result->op = bench->op;
    result->now_us = bench->now_us;
    pawl_record_batch_put(&bench->batch, command, result, 0);
    bench->in_batch++;
    if (bench->in_batch == BATCH_RECORDS) {
        flush(bench);
    }
}

/* How each agent's number says where it is. */
static void
name_subject(struct bench *bench, struct pawl_subject *subject, char texts[static 4][TEXT_BYTES])
{
    static const char *const names[] = {"tenant", "team", "app", "agent"};
    static const int levels[] = {PAWL_LEVEL_TENANT, PAWL_LEVEL_WORKSPACE, PAWL_LEVEL_APP,
                                 PAWL_LEVEL_AGENT};
    uint64_t agent = draw(bench, bench->agents);
    uint64_t tenant = agent % 16 < 7 ? 0 : agent % 10;
    const uint64_t numbers[] = {tenant, agent % 20, agent % 5, agent};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        int bytes = snprintf(texts[i], TEXT_BYTES, "%s-%" PRIu64, names[i], numbers[i]);
        subject->levels[levels[i]] = pawl_slice_of(texts[i], (size_t)bytes);
    }
}

static struct bench_hold reserve(struct bench *bench)
{
    char texts[4][TEXT_BYTES];
    char key[TEXT_BYTES];
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    struct pawl_command_reserve *body = &command.u.reserve;
    name_subject(bench, &body->subject, texts);
    int bytes = snprintf(key, sizeof(key), "%016" PRIx64 "%016" PRIx64,
                         pawl_prng_next(&bench->prng), pawl_prng_next(&bench->prng));
    command.idempotency_key = pawl_slice_of(key, (size_t)bytes);
    command.metadata = pawl_slice_of(bench->document, BENCH_DOCUMENT_BYTES);
    body->line_count = 1;
    body->lines[0] =
        (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, (int64_t)(1000 + draw(bench, 10000000))};
    body->ttl_ms = 60000 + (int64_t)draw(bench, 4) * 60000;
    body->overage = PAWL_OVERAGE_REJECT;
    body->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    struct pawl_result result = {.id = bench->op + 1,
                                 .expires_us = bench->now_us + body->ttl_ms * 1000};
    put(bench, &command, &result);
    return (struct bench_hold){.op = bench->op, .amount = body->lines[0].value};
}

static void end(struct bench *bench, struct bench_hold hold)
{
    uint64_t fate = draw(bench, 1000);
    struct pawl_expired expired = {.id = hold.op, .kind = PAWL_EXPIRED_RELEASED};
    struct pawl_command command = {.metadata =
                                       pawl_slice_of(bench->document, BENCH_SETTLEMENT_BYTES)};
    struct pawl_result result = {.id = hold.op};
    if (hold.op == 0 || fate == 0) {
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

static void feed_part(struct bench *bench, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct bench_hold *old = &bench->holds[i % bench->lag];
        struct bench_hold hold = reserve(bench);
        end(bench, *old);
        *old = hold;
    }
    flush(bench);
    wait_for(bench, bench->op);
}

void bench_feed(struct bench *bench, uint32_t lifecycles)
{
    for (uint32_t part = 0; part < PARTS; part++) {
        uint32_t from = (uint32_t)((uint64_t)lifecycles * part / PARTS);
        uint32_t to = (uint32_t)((uint64_t)lifecycles * (part + 1) / PARTS);
        double used = -thread_seconds(bench->archive->writer);
        int64_t took_ns = -bench_ns();
        struct pawl_archive_stats stats;
        feed_part(bench, from, to);
        used += thread_seconds(bench->archive->writer);
        took_ns += bench_ns();
        pawl_archive_stats(bench->archive, &stats);
        PAWL_ASSERT(stats.op == bench->op && !stats.missing && !stats.broken);
        (void)printf("%8u lifecycles: %5.2f us of the writer's processor time each, %6.0f "
                     "lifecycles/s\n",
                     to, used / (to - from) * 1e6, (to - from) * 1e9 / (double)took_ns);
        (void)fflush(stdout);
    }
}
