/* SPDX-License-Identifier: Apache-2.0 */
/*
 * times.h: ISO 8601 as the protocol's filters and the governance plane have it. Writing is
 * pawl_clock_format_utc's.
 */
#ifndef PAWL_CYCLES_TIMES_H
#define PAWL_CYCLES_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

/* "2026-11-22T02:19:08Z", with a fraction or without, with Z or an offset like +02:00 (RFC 3339);
 * years 1 to 9999, since clients write their zero as 0001-01-01T00:00:00Z: negative before 1970.
 * Digits beyond microseconds are cut. */
PAWL_MUST_CHECK bool pawl_time_parse_us(struct pawl_slice text, int64_t *ret_us);

#endif
