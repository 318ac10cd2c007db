/* SPDX-License-Identifier: Apache-2.0 */
/*
 * more.h: how much more of a cap would help a run that has reached it, and how it is given. One
 * rule for whoever says so: the agent's refusal, a question, the card, `pawl show`, `--resume`.
 */
#ifndef PAWL_GATEWAY_MORE_H
#define PAWL_GATEWAY_MORE_H

#include <stdint.h>

#include "base/money.h"

enum { PAWL_MORE_BYTES = 64 };

struct pawl_more {
    uint16_t unit;
    int64_t limit;
    int64_t spent;
    int64_t needed; /* by the call that did not fit; 0: not known */
    int64_t told;   /* what was named before; 0: nothing was */
};
/* What was named before, as long as that is enough. Else half of the limit again, at least what
 * several such calls need, beyond what was overspent; rounded up to what people say: cents, whole
 * minutes. */
int64_t pawl_more_amount(struct pawl_more more);
/* "--add-usd 0.75": so much more of a unit that a run can be given. Empty for another unit. */
const char *pawl_more_option(uint16_t unit, int64_t amount, char out[static PAWL_MORE_BYTES]);
/* "usd=0.75": the same as --phase takes it, behind "NAME=". */
const char *pawl_more_ceiling(uint16_t unit, int64_t amount, char out[static PAWL_MORE_BYTES]);

#endif
