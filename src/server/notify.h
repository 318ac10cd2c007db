/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h: what the service manager is told, by datagrams to $NOTIFY_SOCKET as sd_notify(3) has
 * it. Without one, and where it cannot be told, nothing happens.
 */
#ifndef PAWL_SERVER_NOTIFY_H
#define PAWL_SERVER_NOTIFY_H

#include <stdint.h>

void pawl_notify_ready(const char *status);
/* SIGHUP is being obeyed; ready comes after it. */
void pawl_notify_reloading(void);
void pawl_notify_stopping(const char *status);
/* While a long start or end goes on: half a minute from here it may go on without another word. */
void pawl_notify_working(const char *status);
void pawl_notify_alive(void);
/* How often it wants to hear that: half of the watchdog's time, in milliseconds; 0: never. */
uint64_t pawl_notify_watchdog_ms(void);

#endif
