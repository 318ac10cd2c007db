/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon.h: what an idempotency key stands for: 128 bits of hash over the canonical form of a body.
 * Two bodies have the same form if they say the same, however they are written: order of members,
 * white space, escapes and nulls of optional fields do not count. Numbers inside of objects that
 * are the client's own count as they are written ("1.0" is not "1").
 *
 * The tenant that the key belongs to goes in too, so that nobody gets another tenant's answer by
 * his key and body.
 */
#ifndef PAWL_CYCLES_CANON_H
#define PAWL_CYCLES_CANON_H

#include <stdint.h>

#include "cycles/body.h"

/* Fields are taken in the order of the shape; defaults are the caller's to fill in before. */
void pawl_canon_hash(struct pawl_call *call,
                     const struct pawl_shape *shape,
                     const struct pawl_value *values,
                     uint64_t ret_hash[static 2]);

#endif
