/* SPDX-License-Identifier: Apache-2.0 */
/* threads.h: what each of an agent's conversations spent, for `pawl show`. */
#ifndef PAWL_CLI_THREADS_H
#define PAWL_CLI_THREADS_H

#include "base/arena.h"
#include "history/history.h"

struct pawl_cli_threads;

/* In the arena. */
struct pawl_cli_threads *pawl_cli_threads_new(struct pawl_arena *arena);
void pawl_cli_threads_add(struct pawl_cli_threads *threads, const struct pawl_history_call *call);
/* A line each, unless all that there is is the main conversation. Nothing is added behind it. */
void pawl_cli_threads_print(struct pawl_cli_threads *threads, bool json);

#endif
