/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed.h: the seed of a randomised unit test: $PAWL_SEED, or a fixed one, printed with the
 * command that repeats the run.
 */
#ifndef PAWL_TESTS_UNIT_SEED_H
#define PAWL_TESTS_UNIT_SEED_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/slice.h"

static uint64_t seed_for(const char *program)
{
    uint64_t seed = 20261122;
    const char *text = getenv("PAWL_SEED");
    if (text != NULL && !pawl_slice_to_u64(pawl_slice_str(text), &seed)) {
        fprintf(stderr, "PAWL_SEED is not a number: %s\n", text);
        exit(2);
    }
    printf("reproduce: PAWL_SEED=%" PRIu64 " %s\n", seed, program);
    return seed;
}

#endif
