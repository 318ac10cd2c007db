/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h: the server's log: lines about its life, from wherever pawl_log is called, and a line for a
 * request. Text for people or one JSON object a line; to stderr or to a file that is opened anew at
 * SIGHUP. Keys, headers and bodies never come here.
 *
 * Lines of requests are collected and leave once a turn of the loop; all others leave at once. What
 * cannot be written without waiting is lost, and counted.
 */
#ifndef PAWL_SERVER_LOG_H
#define PAWL_SERVER_LOG_H

#include "base/err.h"
#include "cycles/cycles.h"
#include "server/options.h"

/* Takes over pawl_log. */
PAWL_MUST_CHECK pawl_err pawl_serve_log_open(const struct pawl_serve_options *options,
                                             struct pawl_errmsg *msg);
/* The file again, by its name. On an error the old one stays. */
PAWL_MUST_CHECK pawl_err pawl_serve_log_reopen(struct pawl_errmsg *msg);
/* true: there is something to flush. */
bool pawl_serve_log_request(const struct pawl_cycles_seen *seen);
void pawl_serve_log_flush(void);
/* Lines that were. From any thread. */
uint64_t pawl_serve_log_lost(void);
void pawl_serve_log_close(void);

#endif
