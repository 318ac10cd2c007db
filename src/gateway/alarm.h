/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm.h: one timer on the loop, and the monotonic clock that goes with it. It keeps libuv out
 * of the files that only want to be called later.
 */
#ifndef PAWL_GATEWAY_ALARM_H
#define PAWL_GATEWAY_ALARM_H

#include <stdint.h>

#include "base/attrs.h"

struct uv_loop_s;
struct pawl_alarm;

/* `ring` runs once for each start that is not stopped or started anew before. NULL without
 * memory. */
PAWL_MUST_CHECK struct pawl_alarm *
pawl_alarm_new(struct uv_loop_s *loop, void (*ring)(void *arg), void *arg);
void pawl_alarm_start(struct pawl_alarm *alarm, uint64_t ms);
void pawl_alarm_stop(struct pawl_alarm *alarm);
/* Frees it; `closed` runs in a later turn of the loop, with the arg of new. */
void pawl_alarm_close(struct pawl_alarm *alarm, void (*closed)(void *arg));

/* Microseconds of a clock that never steps. */
int64_t pawl_alarm_now_us(void);

#endif
