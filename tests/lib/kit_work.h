/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit_work.h: a ledger with something in it, for the tests that restart and verify one: three
 * budgets in dollars, and work that is drawn from a seed.
 */
#ifndef PAWL_TESTS_LIB_KIT_WORK_H
#define PAWL_TESTS_LIB_KIT_WORK_H

#include "base/prng.h"
#include "tests/lib/kit.h"

/* kit_init, kit_open, and the budgets of the tenants acme, globex and initech. */
void kit_begin(struct kit *kit, uint64_t seed, uint64_t checkpoint_every);
/* A little of everything; about `count` operations. Time goes on. */
void kit_work(struct kit *kit, struct pawl_prng *prng, int count);
/* The words of a failure are in kit->msg. */
PAWL_MUST_CHECK pawl_err kit_verify(struct kit *kit, struct pawl_verify_report *ret_report);

#endif
