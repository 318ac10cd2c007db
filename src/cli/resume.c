/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c: see resume.h. */
#define _GNU_SOURCE
#include "cli/resume.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/money.h"
#include "cli/carry.h"
#include "cli/open.h"
#include "run/meta.h"

enum { LINE_BYTES = 4096, COMMAND_BYTES_SHOWN = 600 };

/* Reads the run and makes its successor of it. */
static int make(const struct pawl_cli_call *call,
                const char *text,
                const int64_t *added,
                const struct pawl_run_options *run,
                char id[static PAWL_RUN_ID_BYTES],
                struct pawl_resume *ret_resume)
{
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    int status = pawl_cli_open_history(call, run->data_dir, &dir, &history);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    if (history == NULL) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "no run was ever made in %s", dir.path);
    }
    struct pawl_errmsg msg = {""};
    struct pawl_errmsg closing = {""};
    pawl_err err = pawl_cli_find_run(&dir, history, text, id, &msg);
    if (pawl_ok(err)) {
        (void)pawl_cli_settle_run(call, &dir, history, id);
        struct pawl_resume_request request = {
            .dir = &dir,
            .history = history,
            .id = id,
            .phases = run->phases,
            .own_policy = run->policy != NULL,
            .extra = call->operands,
        };
        memcpy(request.added, added, sizeof(request.added));
        err = pawl_resume_make(&request, ret_resume, &msg);
    }
    (void)pawl_failed(pawl_history_close(history, &closing)); /* It was only read. */
    return pawl_ok(err) ? PAWL_CLI_GO_ON : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

/* Paths that the options gave hold where pawl was started. What is no path stays as it is; the
 * copies live as long as the run, which is the process. */
static void make_absolute(struct pawl_run_options *run)
{
    static char paths[3][PATH_MAX];
    const char **const given[3] = {&run->data_dir, &run->prices, &run->policy};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(given); i++) {
        if (*given[i] != NULL && realpath(*given[i], paths[i]) != NULL) {
            *given[i] = paths[i];
        }
    }
}

/* The agent's sessions belong to the directory in which it ran. */
static int go_there(const struct pawl_cli_call *call, const char *cwd)
{
    if (cwd != NULL && chdir(cwd) != 0) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "cannot go to %s, where the run was: %s",
                              cwd, strerror(errno));
    }
    return PAWL_CLI_GO_ON;
}

/* For an agent that has no way of its own, and for whoever wants to know. */
static void set_environment(const char *id, const struct pawl_resume *resume)
{
    (void)setenv("PAWL_RESUME", "1", 1);
    (void)setenv("PAWL_RESUMED_RUN", id, 1);
    if (resume->summary_path != NULL) {
        (void)setenv("PAWL_SUMMARY_FILE", resume->summary_path, 1);
    } else {
        (void)unsetenv("PAWL_SUMMARY_FILE");
    }
}

static void say(const struct pawl_cli_call *call, const char *id, const struct pawl_resume *resume)
{
    char money[PAWL_MONEY_TEXT_BYTES];
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_buf_printf(&line, "pawl: goes on with %s (%s spent so far): ", id,
                    pawl_money_format_usd(resume->spent[PAWL_CAP_USD], money));
    pawl_meta_command_line(resume->argv, COMMAND_BYTES_SHOWN, &line);
    pawl_buf_append_byte(&line, '\n');
    if (resume->agent == PAWL_AGENT_NONE || resume->agent_given) {
        pawl_buf_printf(&line,
                        "pawl: no way of its own to go on is known of this command, so it is "
                        "started again, with PAWL_RESUME=1%s in its environment\n",
                        resume->summary_path != NULL ? " and PAWL_SUMMARY_FILE" : "");
    }
    pawl_cli_carry_lines(call, resume, &line);
    fputs(pawl_buf_cstr(&line), stderr);
    pawl_buf_free(&line);
}

int pawl_cli_resume(const struct pawl_cli_call *call,
                    const char *id_or_name,
                    const int64_t *added,
                    struct pawl_run_options *run,
                    struct pawl_resume *ret_resume)
{
    static char id[PAWL_RUN_ID_BYTES]; /* as long as the run, which is the process */
    int status = make(call, id_or_name, added, run, id, ret_resume);
    if (status == PAWL_CLI_GO_ON) {
        make_absolute(run);
        status = go_there(call, ret_resume->cwd);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    run->argv = ret_resume->argv;
    run->resumed_from = id;
    memcpy(run->spent_before, ret_resume->spent, sizeof(run->spent_before));
    memcpy(run->caps, ret_resume->caps, sizeof(run->caps));
    run->primary = ret_resume->primary;
    pawl_cli_carry(call, ret_resume, run);
    set_environment(id, ret_resume);
    if (!run->quiet) {
        say(call, id, ret_resume);
    }
    return PAWL_CLI_GO_ON;
}
