/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cond.h: conditions that are waited for with a bound. The bound goes by a clock that never steps:
 * a plain condition goes by real time, and where that is set back by an hour while somebody waits
 * for half a second, he waits for an hour.
 */
#ifndef PAWL_BASE_COND_H
#define PAWL_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void pawl_cond_init(pthread_cond_t *cond);
/* Waits, with the mutex, at most until then, in boot time (clock.h). false: it is over, and nothing
 * was waited for. true: whoever waits looks again. */
bool pawl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us);

#endif
