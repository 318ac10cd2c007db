/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot_draw.c: how long a reply would be if nobody bounded it. Skewed, as real ones are: most
 * are short, and much of the money goes into few. Whole numbers only: a power of two is taken from
 * a table of its sixteenths.
 */
#include "overshoot.h"

const char *const distribution_names[DRAW_COUNT] = {
    [DRAW_LOGNORMAL] = "lognormal", [DRAW_PARETO] = "pareto",   [DRAW_BIMODAL] = "bimodal",
    [DRAW_SHORT] = "short",         [DRAW_CEILING] = "ceiling",
};

enum { SIXTEENTHS = 16, REPLY_MAX = 200000, PARETO_PARTS = 1 << 20 };

/* value * 2^(sixteenths / 16) */
static int64_t times_power(int64_t value, int64_t sixteenths)
{
    static const int64_t parts[SIXTEENTHS] = {1000, 1044, 1091, 1139, 1189, 1242, 1297, 1354,
                                              1414, 1477, 1542, 1610, 1682, 1756, 1834, 1915};
    int64_t whole = sixteenths / SIXTEENTHS;
    int64_t part = sixteenths % SIXTEENTHS;
    if (part < 0) {
        part += SIXTEENTHS;
        whole--;
    }
    value = value * parts[part] / 1000;
    return whole >= 0 ? value << whole : value >> -whole;
}

/* A sum of twelve even numbers is nearly normal: sigma is 1.1 octaves times ln 2 … about 1.1. */
static int64_t lognormal(int64_t median, struct pawl_prng *prng)
{
    int64_t sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += pawl_prng_between(prng, -1000, 1000);
    }
    /* The sum has a deviation of 2,000; one of ln is 23 sixteenths of an octave, and 1.1 of it. */
    return times_power(median, sum * 25 / 2000);
}

/* P(length > x) = (least / x)^1.25, whose mean is five times the least. */
static int64_t pareto(int64_t median, struct pawl_prng *prng)
{
    int64_t least = median * 574 / 1000;
    uint64_t rest = 1 + pawl_prng_below(prng, PARETO_PARTS);
    int64_t sixteenths = 0; /* -log2(rest / PARTS) / 1.25 */
    while (rest < PARETO_PARTS) {
        rest += rest / 18 + 1; /* a sixteenth of 1.25 octaves */
        sixteenths++;
    }
    return times_power(least, sixteenths);
}

int64_t draw_reply(const struct scene *scene, struct pawl_prng *prng)
{
    int64_t length = 0;
    switch (scene->distribution) {
    case DRAW_LOGNORMAL:
        length = lognormal(scene->median, prng);
        break;
    case DRAW_PARETO:
        length = pareto(scene->median, prng);
        break;
    case DRAW_BIMODAL:
        length = pawl_prng_one_in(prng, 5) ? scene->median * 12 : scene->median / 4;
        length += pawl_prng_between(prng, 0, length / 4);
        break;
    case DRAW_SHORT:
        length = pawl_prng_between(prng, 20, 60);
        break;
    case DRAW_CEILING:
    case DRAW_COUNT:
        length = INT64_MAX;
        break;
    }
    if (length == INT64_MAX && scene->ignored == 0) {
        return length; /* the ceiling cuts it */
    }
    return length < 1 ? 1 : length < REPLY_MAX ? length : REPLY_MAX;
}
