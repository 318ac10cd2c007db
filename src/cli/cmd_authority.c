/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_authority.c: `pawl authority`: the process that holds the limits. Whoever needs it starts it;
 * by hand it is for looking at it.
 */
#include "base/clock.h"
#include "cli/commands.h"
#include "lending/authority.h"
#include "run/datadir.h"

enum { OPTION_DAEMON = 1, OPTION_IDLE, OPTION_DATA_DIR };

static const struct pawl_cli_option options[] = {
    {OPTION_DAEMON, 0, "daemon", NULL, "go on in the background, without the terminal"},
    {OPTION_IDLE, 0, "idle", "TIME", "end so long after the last request (default 1m)"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs and limits are kept"},
};

static int run_authority(const struct pawl_cli_call *call)
{
    struct pawl_errmsg msg = {""};
    struct pawl_datadir dir;
    struct pawl_authority_options authority = {
        .data_dir = dir.path,
        .daemon = pawl_cli_has(call, OPTION_DAEMON),
        .allow_any_filesystem = pawl_datadir_allows_any_filesystem(),
        .idle_ms = PAWL_AUTHORITY_IDLE_MS,
    };
    const char *idle = pawl_cli_value(call, OPTION_IDLE);
    if (idle != NULL && !pawl_duration_parse_ms(idle, &authority.idle_ms)) {
        return pawl_cli_usage_error(call, "--idle takes a time such as 10s or 5m");
    }
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_create(&dir, &msg);
    }
    if (pawl_ok(err)) {
        err = pawl_authority_main(&authority, &msg);
    }
    if (err.code == PAWL_ERR_LOCKED && authority.daemon) {
        return PAWL_EXIT_OK; /* there is one, which is what was wanted */
    }
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

const struct pawl_cli_command pawl_cli_command_authority = {
    .name = "authority",
    .operands = "",
    .summary = "hold the limits of this user",
    .text = "Holds the limits that 'pawl limit' sets, and lends to runs. Runs start it when they\n"
            "need it, and it ends when nobody does. In the foreground it is for looking at it.",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .hidden = true,
    .run = run_authority,
};
