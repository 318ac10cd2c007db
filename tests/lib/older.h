/* SPDX-License-Identifier: Apache-2.0 */
/*
 * older.h: a kit's directory written again as the pawl of the rules before would have written it,
 * for the tests of upgrades: the same operations and checkpoints, under the version before ours.
 */
#ifndef PAWL_TESTS_LIB_OLDER_H
#define PAWL_TESTS_LIB_OLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/kit.h"

#define OLDER_RULES (PAWL_RULES_VERSION - 1)

struct older {
    uint64_t until_op; /* what is behind it stays as these rules have it; 0: nothing */
    uint64_t other_op; /* has another result than these rules give; 0: none */
    bool other_state;  /* checkpoints have another state than these rules come to */
    bool other_layout; /* … and that in other bytes */
};

/* Of a closed kit. The witness goes. A failure ends the program with the reason. */
void older_rewrite(struct kit *kit, struct older how);

#endif
