/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c: see metrics.h. A series is found by the addresses of its texts, in a small open table:
 * there are as many as there are operations times statuses that occur.
 */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"

static const struct {
    const char *name;
    enum pawl_metric_kind kind;
    const char *help;
} table[PAWL_METRIC_COUNT] = {
#define PAWL_METRIC(id, name, kind, labels, help) {name, PAWL_METRIC_##kind, help},
#include "server/metrics.def"
#undef PAWL_METRIC
};

/* Upper bounds: microseconds of a request or a commit; operations of a batch. */
static const int64_t us_bounds[PAWL_METRIC_BUCKETS - 1] = {
    50,    100,    250,    500,    1000,    2500,    5000,     10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000, 30000000};
static const int64_t count_bounds[PAWL_METRIC_BUCKETS - 1] = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};

static void observe(struct pawl_metric_histogram *histogram,
                    const int64_t bounds[static PAWL_METRIC_BUCKETS - 1],
                    int64_t value)
{
    size_t bucket = 0;
    while (bucket < PAWL_METRIC_BUCKETS - 1 && value > bounds[bucket]) {
        bucket++;
    }
    histogram->buckets[bucket]++;
    histogram->sum += value > 0 ? (uint64_t)value : 0;
}

/* Its place, or the last one, which is everybody's who finds none. */
static struct pawl_metric_series *
find_series(struct pawl_metric_series *series, const char *operation, const char *error, int status)
{
    enum { OTHER = PAWL_METRIC_SERIES_MAX - 1, TRIES_MAX = 64 };
    uint64_t hash = pawl_hash_mix((uint64_t)(uintptr_t)operation ^
                                  pawl_hash_mix((uint64_t)(uintptr_t)error + (uint64_t)status));
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        struct pawl_metric_series *at = &series[(hash + i) % OTHER];
        if (at->operation == NULL) {
            at->operation = operation;
            at->error = error;
            at->status = status;
        }
        if (at->operation == operation && at->error == error && at->status == status) {
            return at;
        }
    }
    series[OTHER].operation = "other";
    series[OTHER].error = error != NULL ? "OTHER" : NULL;
    return &series[OTHER];
}

void pawl_metrics_count_request(
    struct pawl_metrics *metrics, const char *operation, int status, const char *error, int64_t us)
{
    PAWL_ASSERT(operation != NULL);
    observe(&find_series(metrics->requests, operation, NULL, status)->seconds, us_bounds, us);
    if (error != NULL) {
        find_series(metrics->refusals, operation, error, 0)->seconds.sum++;
    }
}

static void add_amounts(struct pawl_metrics *metrics,
                        enum pawl_metric_amount what,
                        const struct pawl_amount *amounts,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t unit = amounts[i].unit < PAWL_UNIT_BUILTIN_COUNT ? amounts[i].unit : 0;
        metrics->amounts[what][unit] += (uint64_t)pawl_max_i64(amounts[i].value, 0);
    }
}

static void count_asked(struct pawl_metrics *metrics,
                        const char *operation,
                        const struct pawl_result *result,
                        const struct pawl_amount *lines,
                        uint32_t line_count,
                        bool moves)
{
    if (result->code == PAWL_RESULT_OK || !pawl_result_decides(result->code)) {
        return;
    }
    find_series(metrics->denials, operation, pawl_result_name(result->code), 0)->seconds.sum++;
    if (moves) {
        add_amounts(metrics, PAWL_METRIC_DENIED, lines, line_count);
    }
}

void pawl_metrics_count_answer(struct pawl_metrics *metrics,
                               const char *operation,
                               const struct pawl_command *command,
                               const struct pawl_result *result)
{
    const struct pawl_command_reserve *reserve = &command->u.reserve;
    const struct pawl_command_event *event = &command->u.event;
    bool granted = result->code == PAWL_RESULT_OK;
    if (result->replayed) {
        return;
    }
    switch (command->type) {
    case PAWL_COMMAND_DECIDE:
        count_asked(metrics, operation, result, NULL, 0, false);
        return;
    case PAWL_COMMAND_RESERVE:
        count_asked(metrics, operation, result, reserve->lines, reserve->line_count,
                    !reserve->dry_run);
        if (granted && !reserve->dry_run) {
            add_amounts(metrics, PAWL_METRIC_HELD, reserve->lines, reserve->line_count);
        }
        return;
    case PAWL_COMMAND_EVENT:
        count_asked(metrics, operation, result, event->lines, event->line_count, true);
        break;
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_RELEASE:
        break;
    default:
        return;
    }
    if (granted) {
        add_amounts(metrics, PAWL_METRIC_SETTLED, result->charged, result->line_count);
        add_amounts(metrics, PAWL_METRIC_RELEASED, result->released, result->line_count);
    }
}

void pawl_metrics_count_batch(struct pawl_metrics *metrics,
                              uint64_t operations,
                              uint64_t bytes,
                              int64_t commit_us)
{
    PAWL_ASSERT(operations > 0);
    observe(&metrics->commit_seconds, us_bounds, commit_us);
    observe(&metrics->batch_operations, count_bounds, (int64_t)operations);
    metrics->written_bytes += bytes;
}

/* --- The text -------------------------------------------------------------------------------- */

void pawl_metrics_begin(struct pawl_metrics_writer *writer, struct pawl_buf *out)
{
    *writer = (struct pawl_metrics_writer){.out = out, .last = -1};
}

static void put_head(struct pawl_metrics_writer *writer, enum pawl_metric_id id)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    if (writer->last != (int)id) {
        pawl_buf_printf(writer->out, "# HELP %s %s\n# TYPE %s %s\n", table[id].name, table[id].help,
                        table[id].name, kinds[table[id].kind]);
        writer->last = (int)id;
    }
}

static void put_seconds(struct pawl_buf *out, uint64_t us)
{
    pawl_buf_printf(out, "%" PRIu64 ".%06" PRIu64, us / (uint64_t)PAWL_US_PER_SECOND,
                    us % (uint64_t)PAWL_US_PER_SECOND);
}

void pawl_metrics_put(struct pawl_metrics_writer *writer, enum pawl_metric_id id, int64_t value)
{
    put_head(writer, id);
    pawl_buf_printf(writer->out, "%s %" PRId64 "\n", table[id].name, value);
}

void pawl_metrics_put_labeled(struct pawl_metrics_writer *writer,
                              enum pawl_metric_id id,
                              const char *labels,
                              int64_t value)
{
    put_head(writer, id);
    pawl_buf_printf(writer->out, "%s{%s} %" PRId64 "\n", table[id].name, labels, value);
}

void pawl_metrics_put_us(struct pawl_metrics_writer *writer, enum pawl_metric_id id, int64_t us)
{
    put_head(writer, id);
    pawl_buf_printf(writer->out, "%s ", table[id].name);
    put_seconds(writer->out, (uint64_t)us);
    pawl_buf_append_byte(writer->out, '\n');
}

/* `labels` end in a comma, or are empty. `seconds`: bounds and sum are microseconds. */
static void put_histogram(struct pawl_metrics_writer *writer,
                          enum pawl_metric_id id,
                          const char *labels,
                          const struct pawl_metric_histogram *histogram,
                          bool seconds)
{
    struct pawl_buf *out = writer->out;
    const char *name = table[id].name;
    int bare = (int)strlen(labels) - (labels[0] != '\0' ? 1 : 0);
    uint64_t count = 0;
    put_head(writer, id);
    for (size_t i = 0; i < PAWL_METRIC_BUCKETS; i++) {
        count += histogram->buckets[i];
        pawl_buf_printf(out, "%s_bucket{%sle=\"", name, labels);
        if (i == PAWL_METRIC_BUCKETS - 1) {
            pawl_buf_append_str(out, "+Inf");
        } else if (seconds) {
            put_seconds(out, (uint64_t)us_bounds[i]);
        } else {
            pawl_buf_append_i64(out, count_bounds[i]);
        }
        pawl_buf_printf(out, "\"} %" PRIu64 "\n", count);
    }
    const char *open = bare > 0 ? "{" : "";
    const char *shut = bare > 0 ? "}" : "";
    pawl_buf_printf(out, "%s_sum%s%.*s%s ", name, open, bare, labels, shut);
    if (seconds) {
        put_seconds(out, histogram->sum);
    } else {
        pawl_buf_append_u64(out, histogram->sum);
    }
    pawl_buf_printf(out, "\n%s_count%s%.*s%s %" PRIu64 "\n", name, open, bare, labels, shut, count);
}

static void put_counts(struct pawl_metrics_writer *writer,
                       enum pawl_metric_id id,
                       const char *label,
                       const struct pawl_metric_series series[static PAWL_METRIC_SERIES_MAX])
{
    char labels[160];
    put_head(writer, id);
    for (size_t i = 0; i < PAWL_METRIC_SERIES_MAX; i++) {
        if (series[i].operation != NULL) {
            (void)snprintf(labels, sizeof(labels), "operation=\"%s\",%s=\"%s\"",
                           series[i].operation, label, series[i].error);
            pawl_metrics_put_labeled(writer, id, labels, (int64_t)series[i].seconds.sum);
        }
    }
}

static void put_amounts(struct pawl_metrics_writer *writer, const struct pawl_metrics *metrics)
{
    static const char *const names[PAWL_METRIC_AMOUNT_COUNT] = {"held", "settled", "released",
                                                                "denied"};
    char labels[80];
    put_head(writer, PAWL_METRIC_ID_AMOUNTS);
    for (size_t what = 0; what < PAWL_METRIC_AMOUNT_COUNT; what++) {
        for (int unit = 0; unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
            if (metrics->amounts[what][unit] > 0) {
                (void)snprintf(labels, sizeof(labels), "what=\"%s\",unit=\"%s\"", names[what],
                               unit > 0 ? pawl_unit_name((uint16_t)unit) : "CUSTOM");
                pawl_metrics_put_labeled(writer, PAWL_METRIC_ID_AMOUNTS, labels,
                                         (int64_t)metrics->amounts[what][unit]);
            }
        }
    }
}

void pawl_metrics_put_counted(struct pawl_metrics_writer *writer,
                              const struct pawl_metrics *metrics)
{
    char labels[160];
    put_head(writer, PAWL_METRIC_ID_REQUEST_SECONDS);
    for (size_t i = 0; i < PAWL_METRIC_SERIES_MAX; i++) {
        const struct pawl_metric_series *at = &metrics->requests[i];
        if (at->operation != NULL) {
            (void)snprintf(labels, sizeof(labels), "operation=\"%s\",status=\"%d\",", at->operation,
                           at->status);
            put_histogram(writer, PAWL_METRIC_ID_REQUEST_SECONDS, labels, &at->seconds, true);
        }
    }
    put_counts(writer, PAWL_METRIC_ID_REFUSALS, "error", metrics->refusals);
    put_counts(writer, PAWL_METRIC_ID_DENIALS, "reason", metrics->denials);
    put_amounts(writer, metrics);
    put_histogram(writer, PAWL_METRIC_ID_COMMIT_SECONDS, "", &metrics->commit_seconds, true);
    put_histogram(writer, PAWL_METRIC_ID_BATCH_OPERATIONS, "", &metrics->batch_operations, false);
    pawl_metrics_put(writer, PAWL_METRIC_ID_WRITTEN_BYTES, (int64_t)metrics->written_bytes);
}
