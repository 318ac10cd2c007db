/* SPDX-License-Identifier: Apache-2.0 */
/*
 * review.h: the weekly look at the dearest runs (`review.weekly_top`). The first command of an ISO
 * week that could show something points there, once for the whole data directory; the week stands
 * in its file `review-week`.
 */
#ifndef PAWL_RUN_REVIEW_H
#define PAWL_RUN_REVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "run/datadir.h"

enum { PAWL_REVIEW_WEEK_BYTES = 16 };
/* "2026-W48", in local time. */
const char *pawl_review_week(int64_t us, char out[static PAWL_REVIEW_WEEK_BYTES]);

/* What is said then: a format for how many runs. */
#define PAWL_REVIEW_LINE                                                                           \
    "pawl: a new week: 'pawl runs --top %u --since 7d' has the dearest runs of the last one\n"

/* true: nobody has said it this week, and it is the caller who does. In a directory without runs,
 * and in the first week of one, nobody does. */
bool pawl_review_is_due(const struct pawl_datadir *dir, int64_t now_us);

#endif
