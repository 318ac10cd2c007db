/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h: what was seen lately, as 128 integer counts. Old samples fade: whenever 512 have
 * collected, every count is halved, so a quantile speaks about the newest few hundred.
 *
 * Three scales: LINEAR steps of 12, for tokens per 1,024 bytes (up to 1.5 tokens a byte); four
 * steps an octave (LOG), for counts and rates; and 32 steps an octave from 256 to 4,096 (FINE), for
 * one count in thousandths or 1,024ths of another. A quantile is the upper edge of its step, so it
 * errs upwards, by at most a step.
 */
#ifndef PAWL_GATEWAY_HISTOGRAM_H
#define PAWL_GATEWAY_HISTOGRAM_H

#include <stdint.h>

enum { PAWL_HISTOGRAM_STEPS = 128, PAWL_HISTOGRAM_SAMPLES_MAX = 512 };

enum pawl_histogram_scale { PAWL_HISTOGRAM_LINEAR, PAWL_HISTOGRAM_LOG, PAWL_HISTOGRAM_FINE };

struct pawl_histogram {
    uint16_t counts[PAWL_HISTOGRAM_STEPS];
    uint32_t total;
};

/* value >= 0. What lies beyond the last step counts in it. */
void pawl_histogram_add(struct pawl_histogram *histogram,
                        enum pawl_histogram_scale scale,
                        int64_t value);
/* The upper edge of the step in which the quantile lies: at least `permille` thousandths of the
 * samples are no larger. 0 without samples. */
int64_t pawl_histogram_quantile(const struct pawl_histogram *histogram,
                                enum pawl_histogram_scale scale,
                                uint32_t permille);
/* The lower edge of the lowest step that has a sample. 0 without samples. */
int64_t pawl_histogram_lowest(const struct pawl_histogram *histogram,
                              enum pawl_histogram_scale scale);

#endif
