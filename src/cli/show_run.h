/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_run.h: the top of `pawl show`, as text: what ran where and how it ended, what was spent of
 * each cap, what else bound it, the files that it changed.
 */
#ifndef PAWL_CLI_SHOW_RUN_H
#define PAWL_CLI_SHOW_RUN_H

#include "cli/cli.h"
#include "history/history.h"

void pawl_cli_show_run(const struct pawl_history_run *run, int64_t now_us);

#endif
