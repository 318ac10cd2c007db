/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.c: counts, edges and fading. Everything is integer arithmetic, so the same samples
 * give the same estimates on any machine.
 */
#include "gateway/histogram.h"

#include "base/assert.h"

enum { LINEAR_STEP = 12, OCTAVE_STEPS = 4, FINE_FIRST = 256, FINE_STEPS = 32 };

/* The logarithmic scale: 0 .. 3 have a step each, then every octave has four. */
static uint32_t log_step(int64_t value)
{
    if (value < OCTAVE_STEPS) {
        return (uint32_t)value;
    }
    uint32_t octave = 63u - (uint32_t)__builtin_clzll((unsigned long long)value);
    uint32_t quarter = (uint32_t)((uint64_t)value >> (octave - 2)) & 3u;
    uint32_t step = (octave - 1) * OCTAVE_STEPS + quarter;
    return step < PAWL_HISTOGRAM_STEPS ? step : PAWL_HISTOGRAM_STEPS - 1;
}

static int64_t log_lower(uint32_t step)
{
    if (step < OCTAVE_STEPS) {
        return step;
    }
    uint32_t octave = step / OCTAVE_STEPS + 1;
    return (int64_t)(OCTAVE_STEPS + step % OCTAVE_STEPS) << (octave - 2);
}

/* The fine scale: octaves from FINE_FIRST on; what is below counts in the first step. */
static uint32_t fine_step(int64_t value)
{
    if (value < FINE_FIRST) {
        return 0;
    }
    uint32_t octave = 63u - (uint32_t)__builtin_clzll((unsigned long long)value);
    uint32_t part = (uint32_t)((uint64_t)value >> (octave - 5)) & (FINE_STEPS - 1u);
    uint32_t step = (octave - 8) * FINE_STEPS + part;
    return step < PAWL_HISTOGRAM_STEPS ? step : PAWL_HISTOGRAM_STEPS - 1;
}

static int64_t fine_lower(uint32_t step)
{
    return (int64_t)(FINE_STEPS + step % FINE_STEPS) << (step / FINE_STEPS + 3);
}

static int64_t lower_edge(enum pawl_histogram_scale scale, uint32_t step)
{
    switch (scale) {
    case PAWL_HISTOGRAM_LINEAR:
        return (int64_t)step * LINEAR_STEP;
    case PAWL_HISTOGRAM_LOG:
        return log_lower(step);
    case PAWL_HISTOGRAM_FINE:
        return fine_lower(step);
    }
    PAWL_UNREACHABLE();
}

static int64_t upper_edge(enum pawl_histogram_scale scale, uint32_t step)
{
    return lower_edge(scale, step + 1);
}

static uint32_t step_of(enum pawl_histogram_scale scale, int64_t value)
{
    if (scale != PAWL_HISTOGRAM_LINEAR) {
        return scale == PAWL_HISTOGRAM_LOG ? log_step(value) : fine_step(value);
    }
    int64_t step = value / LINEAR_STEP;
    return step < PAWL_HISTOGRAM_STEPS ? (uint32_t)step : PAWL_HISTOGRAM_STEPS - 1;
}

static void fade(struct pawl_histogram *histogram)
{
    histogram->total = 0;
    for (uint32_t i = 0; i < PAWL_HISTOGRAM_STEPS; i++) {
        histogram->counts[i] = (uint16_t)(histogram->counts[i] / 2);
        histogram->total += histogram->counts[i];
    }
}

void pawl_histogram_add(struct pawl_histogram *histogram,
                        enum pawl_histogram_scale scale,
                        int64_t value)
{
    PAWL_ASSERT(value >= 0);
    if (histogram->total >= PAWL_HISTOGRAM_SAMPLES_MAX) {
        fade(histogram);
    }
    histogram->counts[step_of(scale, value)]++;
    histogram->total++;
}

int64_t pawl_histogram_quantile(const struct pawl_histogram *histogram,
                                enum pawl_histogram_scale scale,
                                uint32_t permille)
{
    PAWL_ASSERT(permille <= 1000);
    if (histogram->total == 0) {
        return 0;
    }
    uint64_t wanted = ((uint64_t)histogram->total * permille + 999) / 1000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < PAWL_HISTOGRAM_STEPS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && seen > 0) {
            return upper_edge(scale, i);
        }
    }
    PAWL_UNREACHABLE();
}

int64_t pawl_histogram_lowest(const struct pawl_histogram *histogram,
                              enum pawl_histogram_scale scale)
{
    for (uint32_t i = 0; i < PAWL_HISTOGRAM_STEPS; i++) {
        if (histogram->counts[i] > 0) {
            return lower_edge(scale, i);
        }
    }
    return 0;
}
