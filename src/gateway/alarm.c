/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm.c: see alarm.h. A handle of libuv's must stay until its close callback has run, which is
 * why closing takes a callback: the owner may go with it.
 */
#define _GNU_SOURCE
#include "gateway/alarm.h"

#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"

struct pawl_alarm {
    uv_timer_t timer;
    void (*ring)(void *arg);
    void (*closed)(void *arg);
    void *arg;
};

struct pawl_alarm *pawl_alarm_new(struct uv_loop_s *loop, void (*ring)(void *arg), void *arg)
{
    struct pawl_alarm *alarm = pawl_alloc_zeroed(1, sizeof(*alarm));
    if (alarm == NULL) {
        return NULL;
    }
    alarm->ring = ring;
    alarm->arg = arg;
    int status = uv_timer_init(loop, &alarm->timer);
    PAWL_ASSERT(status == 0); /* it has no reason to fail */
    alarm->timer.data = alarm;
    return alarm;
}

static void on_ring(uv_timer_t *timer)
{
    struct pawl_alarm *alarm = timer->data;
    alarm->ring(alarm->arg);
}

void pawl_alarm_start(struct pawl_alarm *alarm, uint64_t ms)
{
    int status = uv_timer_start(&alarm->timer, on_ring, ms, 0);
    PAWL_ASSERT(status == 0);
}

void pawl_alarm_stop(struct pawl_alarm *alarm)
{
    (void)uv_timer_stop(&alarm->timer);
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_alarm *alarm = handle->data;
    void (*closed)(void *arg) = alarm->closed;
    void *arg = alarm->arg;
    pawl_free(alarm);
    closed(arg);
}

void pawl_alarm_close(struct pawl_alarm *alarm, void (*closed)(void *arg))
{
    PAWL_ASSERT(alarm->closed == NULL && closed != NULL);
    alarm->closed = closed;
    uv_close((uv_handle_t *)&alarm->timer, on_closed);
}

int64_t pawl_alarm_now_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}
