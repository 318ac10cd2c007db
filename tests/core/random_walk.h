/* SPDX-License-Identifier: Apache-2.0 */
/* random_walk.h: a walk (random_walk.c) and what it draws its commands from (random_draw.c). */
#ifndef PAWL_TESTS_CORE_RANDOM_WALK_H
#define PAWL_TESTS_CORE_RANDOM_WALK_H

#include "base/prng.h"

#include "table.h"

enum { RECENT_MAX = 24, LINES_DRAWN_MAX = 3 };

struct walk {
    struct pawl_prng prng;
    struct table_world world;
    struct table_log log;
    int64_t now_us;
    uint32_t reservation_count;
    uint64_t reservations[RECENT_MAX]; /* the latest, a ring */
    uint32_t approval_count;
    uint64_t approvals[RECENT_MAX];
    struct pawl_tz_transition transitions[4];
    char key[32];
    char body[PAWL_DOCUMENT_BYTES_MAX + 1];
    int failures;
};

static inline uint64_t below(struct walk *walk, uint64_t bound)
{
    return pawl_prng_below(&walk->prng, bound);
}

/* Levels of a place; texts are static. */
void draw_levels(struct walk *walk, struct pawl_slice *ret_levels);
/* Any command; its texts lie in the walk. */
void draw_command(struct walk *walk, struct pawl_command *ret_command);

#endif
