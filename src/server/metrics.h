/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h: what is counted while the server works, and Prometheus' text form. metrics.def has the
 * table. Counting allocates nothing: series have fixed places, and what finds none (more operations
 * and statuses than there are) is counted under "other". Times are whole microseconds inside and
 * decimal seconds outside.
 */
#ifndef PAWL_SERVER_METRICS_H
#define PAWL_SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/money.h"
#include "core/command.h"
#include "core/result.h"

enum pawl_metric_kind { PAWL_METRIC_COUNTER, PAWL_METRIC_GAUGE, PAWL_METRIC_HISTOGRAM };

enum pawl_metric_id {
#define PAWL_METRIC(id, name, kind, labels, help) PAWL_METRIC_ID_##id,
#include "server/metrics.def"
#undef PAWL_METRIC
    PAWL_METRIC_COUNT
};

enum { PAWL_METRIC_BUCKETS = 18, PAWL_METRIC_SERIES_MAX = 512 };

struct pawl_metric_histogram {
    uint64_t buckets[PAWL_METRIC_BUCKETS]; /* not cumulative; the last one: beyond all bounds */
    uint64_t sum;
};

/* Of an operation and a status, or an operation and an error or a reason. */
struct pawl_metric_series {
    const char *operation; /* static; NULL: a free place */
    const char *error;     /* static; NULL: of `status` */
    int status;
    struct pawl_metric_histogram seconds; /* of `status`; of an error only `sum`, the count */
};

/* What happened to amounts. */
enum pawl_metric_amount {
    PAWL_METRIC_HELD,
    PAWL_METRIC_SETTLED,
    PAWL_METRIC_RELEASED,
    PAWL_METRIC_DENIED,
    PAWL_METRIC_AMOUNT_COUNT
};

struct pawl_metrics {
    struct pawl_metric_series requests[PAWL_METRIC_SERIES_MAX];
    struct pawl_metric_series refusals[PAWL_METRIC_SERIES_MAX];
    struct pawl_metric_series denials[PAWL_METRIC_SERIES_MAX];
    /* By unit; units that are defined at run time are together under number 0. */
    uint64_t amounts[PAWL_METRIC_AMOUNT_COUNT][PAWL_UNIT_BUILTIN_COUNT];
    struct pawl_metric_histogram commit_seconds;
    struct pawl_metric_histogram batch_operations;
    uint64_t written_bytes;
};

/* `operation` and `error` are static texts, one address each; `error` NULL: none. */
void pawl_metrics_count_request(
    struct pawl_metrics *metrics, const char *operation, int status, const char *error, int64_t us);
/* What the ledger answered to a command that spends or would; others are not counted. */
void pawl_metrics_count_answer(struct pawl_metrics *metrics,
                               const char *operation,
                               const struct pawl_command *command,
                               const struct pawl_result *result);
void pawl_metrics_count_batch(struct pawl_metrics *metrics,
                              uint64_t operations,
                              uint64_t bytes,
                              int64_t commit_us);

/* --- The text. Each metric's samples in one piece, as the format wants it. -------------------- */

struct pawl_metrics_writer {
    struct pawl_buf *out;
    int last; /* whose head was written last; -1: nobody's */
};
void pawl_metrics_begin(struct pawl_metrics_writer *writer, struct pawl_buf *out);
void pawl_metrics_put(struct pawl_metrics_writer *writer, enum pawl_metric_id id, int64_t value);
/* `labels` are written as they are: table="budgets". */
void pawl_metrics_put_labeled(struct pawl_metrics_writer *writer,
                              enum pawl_metric_id id,
                              const char *labels,
                              int64_t value);
/* The value is in microseconds, and told in seconds. */
void pawl_metrics_put_us(struct pawl_metrics_writer *writer, enum pawl_metric_id id, int64_t us);
/* Everything that was counted. */
void pawl_metrics_put_counted(struct pawl_metrics_writer *writer,
                              const struct pawl_metrics *metrics);

#endif
