/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statusline.h: a live run in one short line, by a format with placeholders, for tmux, prompts and
 * agents' status lines. It prints nothing itself and asks nobody.
 *
 * {NAME} stands for a value; {NAME:PREFIX} for the same with PREFIX in front where there is a
 * value, so a separator goes with what it separates. "{{" is a brace.
 */
#ifndef PAWL_CLI_STATUSLINE_H
#define PAWL_CLI_STATUSLINE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/glance.h"

/* "$0.42/$1.50 28% · 12m left · verification"; the other is for terminals without UTF-8. */
#define PAWL_STATUSLINE_FORMAT       "{spent}/{cap} {percent}{state: · }{left: · }{phase: · }"
#define PAWL_STATUSLINE_FORMAT_ASCII "{spent}/{cap} {percent}{state: - }{left: - }{phase: - }"

/* Appends the line. INVALID with the words: there is no such placeholder, or a brace is open. */
PAWL_MUST_CHECK pawl_err pawl_statusline_write(const struct pawl_glance *glance,
                                               const char *format,
                                               struct pawl_buf *out,
                                               struct pawl_errmsg *msg);

enum { PAWL_STATUSLINE_LEFT_BYTES = 32 };
/* "12m", "1h 05m", "40s", ">24h"; a time that is still jumping about is told coarsely. */
const char *pawl_statusline_time(int64_t ms, char out[static PAWL_STATUSLINE_LEFT_BYTES]);

#endif
