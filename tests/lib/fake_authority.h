/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_authority.h: a ledger of a few numbers behind the authority's interface, for tests of
 * whoever spends. Commands are applied at once and answered when the test says that a turn has
 * passed, so a test stands between "applied" and "durable" whenever it wants. Any command can
 * be made to fail.
 */
#ifndef PAWL_TESTS_LIB_FAKE_AUTHORITY_H
#define PAWL_TESTS_LIB_FAKE_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/authority.h"

enum { FAKE_UNITS = 8, FAKE_HOLDS_MAX = 64, FAKE_QUEUE_MAX = 64, FAKE_LOG_MAX = 4096 };

struct fake_budget {
    bool bound;
    int64_t limit;
    int64_t spent;
    int64_t held;
};

struct fake_hold {
    uint64_t id;      /* 0: free */
    bool unconfirmed; /* it expired, and is booked at what it held */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
};

struct fake_authority {
    struct pawl_authority base;
    struct fake_budget budgets[FAKE_UNITS]; /* by unit */
    struct fake_hold holds[FAKE_HOLDS_MAX];
    bool paused;
    int64_t now_us;
    bool leases_over;       /* every hold's lease has ended; EXPIRE books it */
    uint32_t expire_rounds; /* so many EXPIREs come back with more to do first */
    uint64_t last_op;
    /* The next `fail_count` commands of this type are answered with the code. */
    uint16_t fail_type;
    uint16_t fail_code;
    uint32_t fail_count;
    struct pawl_op *queue[FAKE_QUEUE_MAX];
    size_t queue_count;
    /* What came, in order. */
    uint16_t types[FAKE_LOG_MAX];
    size_t type_count;
    struct pawl_command last; /* of the last command; its texts are gone */
    char last_metadata[PAWL_METADATA_BYTES_MAX + 1];
};

void fake_authority_init(struct fake_authority *authority);
/* What was submitted so far becomes durable, and its answers go out. */
void fake_authority_turn(struct fake_authority *authority);
/* How many commands of the type came. */
size_t fake_authority_count(const struct fake_authority *authority, uint16_t type);

#endif
