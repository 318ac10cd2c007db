/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h: speaking to a run that is under way. It answers on the socket in its directory
 * (control.h), which only its own user can open. Blocking, with a limit in time.
 *
 * Errors: UNREACHABLE (nobody answers there), TIMEOUT, PROTOCOL (what came is no answer), INVALID
 * (the run refused: the message has its words), NOT_FOUND (no such run).
 */
#ifndef PAWL_RUN_LIVE_H
#define PAWL_RUN_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/datadir.h"
#include "run/rundir.h"

enum { PAWL_LIVE_ANSWER_MAX = 65536 + 4096 };

/* Appends the status, one JSON object (docs/RUN.md has its fields). */
PAWL_MUST_CHECK pawl_err pawl_live_ask(const struct pawl_datadir *dir,
                                       const char *id,
                                       uint32_t timeout_ms,
                                       struct pawl_buf *out,
                                       struct pawl_errmsg *msg);
/* Posts a JSON object to PAWL_CONTROL_PATH and `what` ("/stop"), and appends the answer, one JSON
 * object. */
PAWL_MUST_CHECK pawl_err pawl_live_post(const struct pawl_datadir *dir,
                                        const char *id,
                                        const char *what,
                                        struct pawl_slice json,
                                        uint32_t timeout_ms,
                                        struct pawl_buf *out,
                                        struct pawl_errmsg *msg);
/* Takes the run's lock, or asks who has it: LOCKED where that answered, or what the question came
 * to. Who has the lock and does not answer (UNREACHABLE) begins, ends, or settles the run, which is
 * short: it is waited for, within limits, and then LOCKED too. */
typedef pawl_err pawl_live_owner_fn(void *arg,
                                    const struct pawl_datadir *dir,
                                    const char *id,
                                    struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_live_lock(const struct pawl_datadir *dir,
                                        const char *id,
                                        pawl_live_owner_fn *ask,
                                        void *arg,
                                        struct pawl_rundir *ret_run,
                                        bool *ret_answered,
                                        struct pawl_errmsg *msg);

#endif
