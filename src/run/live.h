/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h: asking a run that is under way. It answers on the socket in its directory, which only
 * its own user can open.
 */
#ifndef PAWL_RUN_LIVE_H
#define PAWL_RUN_LIVE_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/datadir.h"

enum { PAWL_LIVE_ANSWER_MAX = 65536 };

/* Appends the status, one JSON object (docs/RUN.md has its fields). UNREACHABLE: nobody answers
 * there; TIMEOUT; PROTOCOL. */
PAWL_MUST_CHECK pawl_err pawl_live_ask(const struct pawl_datadir *dir,
                                       const char *id,
                                       uint32_t timeout_ms,
                                       struct pawl_buf *out,
                                       struct pawl_errmsg *msg);

#endif
