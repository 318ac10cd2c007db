/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_stop.c: `pawl stop RUN`: ends a live run at once, and waits for its end, so that what comes
 * behind it in a script finds nothing running.
 */
#include <poll.h>

#include "cli/commands.h"
#include "cli/open.h"
#include "run/live.h"

enum { OPTION_DATA_DIR = 1 };

enum { ASK_MS = 5000, LOOK_MS = 50, LOOKS_MAX = 20 * 20 };

static const struct pawl_cli_option options[] = {
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

/* Until it does not answer any more; false when it still does after a while. */
static bool await_end(const struct pawl_datadir *dir, const char *id)
{
    for (int look = 0; look < LOOKS_MAX; look++) {
        struct pawl_errmsg msg;
        struct pawl_buf answer;
        pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
        pawl_err err = pawl_live_ask(dir, id, ASK_MS, &answer, &msg);
        pawl_buf_free(&answer);
        if (pawl_failed(err)) {
            return true;
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    return false;
}

static int run_stop(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    char id[PAWL_RUN_ID_BYTES];
    int status =
        pawl_cli_open_run(call, pawl_cli_value(call, OPTION_DATA_DIR), call->operands[0], &dir, id);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_live_post(&dir, id, "/stop", PAWL_SLICE("{}"), ASK_MS, &answer, &msg);
    pawl_buf_free(&answer);
    if (pawl_failed(err)) {
        return pawl_cli_no_answer(call, id, err, &msg);
    }
    if (!await_end(&dir, id)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s was told to stop and has not ended yet",
                              id);
    }
    printf("%s is stopped\n", id);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_stop = {
    .name = "stop",
    .operands = "RUN",
    .summary = "end a run at once",
    .text =
        "Refuses every further call of RUN, ends its agent and everything that it started (TERM,\n"
        "two seconds, KILL), and waits until that is done. What the calls under way cost is\n"
        "still booked. RUN is an id or the beginning of one, a name, or 'last'.",
    .examples = "  pawl stop last\n"
                "  pawl stop nightly",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_stop,
};
