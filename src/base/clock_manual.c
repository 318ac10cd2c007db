/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_manual.c: a clock that a test moves by hand. Real and boot time are fields of the
 * caller's struct, so that a test can also step the one without the other, as an
 * administrator or a time server would.
 */
#include "base/assert.h"
#include "base/clock.h"

static int64_t real_us(void *arg)
{
    const struct pawl_clock_manual *manual = arg;
    return manual->real_us;
}

static int64_t boot_us(void *arg)
{
    const struct pawl_clock_manual *manual = arg;
    return manual->boot_us;
}

struct pawl_clock pawl_clock_from_manual(struct pawl_clock_manual *manual)
{
    return (struct pawl_clock){.real_us = real_us, .boot_us = boot_us, .arg = manual};
}

void pawl_clock_manual_advance(struct pawl_clock_manual *manual, int64_t us)
{
    PAWL_ASSERT(us >= 0);
    manual->real_us += us;
    manual->boot_us += us;
}
