/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c: the order of one run. What the user got wrong is found before anything is made: the
 * command, the data directory, the price file, an address that is none. Then the keeper is forked,
 * while there is one thread and no descriptor of ours; only then is anything opened.
 */
#define _GNU_SOURCE
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "run/command.h"
#include "run/limit_options.h"
#include "run/prices.h"
#include "run/run_priv.h"

void pawl_run_complain(const char *what, const struct pawl_errmsg *msg)
{
    fprintf(stderr, "pawl: %s%s%s\n", what, what[0] != '\0' ? ": " : "", msg->text);
}

int64_t pawl_run_now_us(struct pawl_run *run)
{
    return pawl_engine_now_us(run->engine);
}

/* 0: it can be executed; else the exit status. */
static int check_command(const char *name)
{
    int error_number = pawl_command_check(name);
    if (error_number == 0) {
        return 0;
    }
    if (error_number == ENOENT) {
        fprintf(stderr, "pawl: %s: command not found\n", name);
        return PAWL_RUN_EXIT_NOT_FOUND;
    }
    fprintf(stderr, "pawl: %s: cannot be executed: %s\n", name, strerror(error_number));
    return PAWL_RUN_EXIT_NOT_EXECUTABLE;
}

/* Words of the command line in place of the policy's. */
static pawl_err take_flags(struct pawl_run *run, struct pawl_errmsg *msg)
{
    const struct {
        const char *text;
        enum pawl_policy_field_id field;
        const char *flag;
    } flags[] = {
        {run->options->escalation, PAWL_POLICY_ESCALATION, "escalation"},
        {run->options->idle_pause, PAWL_POLICY_IDLE_PAUSE_AFTER, "idle-pause"},
        {run->options->approver, PAWL_POLICY_APPROVER, "approver"},
        {run->options->at_window, PAWL_POLICY_WINDOWS_AT_LIMIT, "at-window"},
        {run->options->auto_resume, PAWL_POLICY_ON_LIMIT_AUTO_RESUME, "auto-resume"},
        {run->options->on_limit, PAWL_POLICY_ON_LIMIT_ACTION, "on-limit"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(flags); i++) {
        struct pawl_policy_setting setting = {
            .field = flags[i].field,
            .text = pawl_slice_str(flags[i].text),
            .origin = PAWL_POLICY_FROM_FLAG,
            .source = flags[i].flag,
        };
        if (flags[i].text == NULL) {
            continue;
        }
        pawl_err err = pawl_policy_set(&run->policy.policy, &setting, msg);
        if (pawl_failed(err)) {
            pawl_errmsg_wrap(msg, "--%s", flags[i].flag);
            return err;
        }
    }
    return PAWL_OK;
}

/* A flag that would do nothing is a misunderstanding. */
static pawl_err check_limit_flags(const struct pawl_run *run, struct pawl_errmsg *msg)
{
    if (run->options->summary_given && run->limit.on_limit != PAWL_ON_LIMIT_SUMMARY) {
        pawl_errmsg_set(msg, "--summary-usd is for --on-limit summary");
        return PAWL_ERR(INVALID);
    }
    bool resumes_itself =
        run->options->auto_resume != NULL && strcmp(run->options->auto_resume, "yes") == 0;
    if (resumes_itself && run->limit.on_limit != PAWL_ON_LIMIT_PAUSE) {
        pawl_errmsg_set(msg, "--auto-resume is for --on-limit pause");
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* Flags first, then what follows from them, then the policy. */
static void settle_caps(struct pawl_run *run)
{
    memcpy(run->caps, run->options->caps, sizeof(run->caps));
    pawl_caps_derive(run->caps, run->model.priced ? &run->model.price : NULL);
    struct pawl_sizing_place place = {
        .dir = &run->dir,
        .cwd = run->cwd,
        .book = run->prices,
        .model = &run->model,
        .now_us = run->clock.real_us(run->clock.arg),
    };
    pawl_run_policy_size(&run->policy, &place, &run->caps[PAWL_CAP_USD], &run->sizing);
    pawl_run_policy_caps(&run->policy, run->caps);
}

static pawl_err
parse_phases(const struct pawl_run *run, struct pawl_run_phases *phases, struct pawl_errmsg *msg)
{
    pawl_err err = PAWL_OK;
    for (size_t i = 0; pawl_ok(err) && i < PAWL_RUN_PHASE_FLAGS_MAX; i++) {
        if (run->options->phases[i] != NULL) {
            err = pawl_phases_parse(phases, run->options->phases[i], msg);
        }
    }
    return err;
}

/* The policy's, and the flags on top of them; of a run that goes on with another one what that one
 * had, and the flags beside it. */
static pawl_err settle_phases(struct pawl_run *run, struct pawl_errmsg *msg)
{
    pawl_phases_init(&run->phases);
    pawl_err err = pawl_phases_from_policy(&run->phases, &run->policy.policy, msg);
    if (pawl_ok(err) && run->options->phases_before == NULL) {
        err = parse_phases(run, &run->phases, msg);
    } else if (pawl_ok(err)) {
        struct pawl_run_phases added;
        pawl_phases_init(&added);
        err = pawl_phases_carry(&run->phases, run->options->phases_before, msg);
        if (pawl_ok(err)) {
            err = parse_phases(run, &added, msg);
        }
        pawl_phases_resolve(&added, run->caps);
        if (pawl_ok(err)) {
            err = pawl_phases_add(&run->phases, &added, msg);
        }
    }
    pawl_phases_resolve(&run->phases, run->caps);
    return err;
}

/* Whether somebody can be reached, and whether somebody has to be. */
static pawl_err settle_attendance(struct pawl_run *run, struct pawl_errmsg *msg)
{
    const char *approver = pawl_run_policy_approver(&run->policy);
    run->attended = pawl_run_policy_attended(&run->policy, run->options->attendance,
                                             run->terminal.attended || approver != NULL);
    run->interactive =
        pawl_run_policy_attended(&run->policy, run->options->attendance, run->terminal.attended);
    run->approver_command = run->attended ? approver : NULL;
    if (run->attended || pawl_policy_is(&run->policy.policy, PAWL_POLICY_UNATTENDED, "allow")) {
        return PAWL_OK;
    }
    pawl_errmsg_set(
        msg,
        "the policy %s wants a person beside the run, and there is no terminal that "
        "somebody sits at. Start it from one, say --attended if somebody watches it, or "
        "how somebody is told: --approver COMMAND",
        pawl_run_policy_name(&run->policy));
    return PAWL_ERR(PERMISSION);
}

/* A model that calls are to go to must have a price, or they would be refused there. */
static pawl_err check_steps(const struct pawl_run *run, struct pawl_errmsg *msg)
{
    const struct pawl_limit_options *limit = &run->limit;
    for (uint32_t i = 0; i < limit->step_count; i++) {
        struct pawl_price price;
        struct pawl_price_query query = {.model = pawl_slice_str(limit->steps[i].model),
                                         .at_us = run->clock.real_us(run->clock.arg)};
        if (!pawl_price_lookup(run->prices, query, &price)) {
            pawl_errmsg_set(
                msg,
                "no price is known for %.128s (--degrade), so no call may go there: see "
                "'pawl prices', or put its price into %.200s",
                limit->steps[i].model, pawl_run_prices_path(run));
            return PAWL_ERR(INVALID);
        }
    }
    return PAWL_OK;
}

/* Everything that may be wrong with what the user gave. */
static pawl_err prepare(struct pawl_run *run, struct pawl_errmsg *msg)
{
    pawl_err err = pawl_datadir_resolve(run->options->data_dir, &run->dir, msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_create(&run->dir, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_run_policy_open(run->options->policy, pawl_environ_get, &run->policy, msg);
        run->policy.chosen = run->policy.chosen && !run->options->policy_unchosen;
    }
    if (pawl_ok(err)) {
        err = take_flags(run, msg);
    }
    if (pawl_ok(err)) {
        run->limit = run->options->limit;
        run->limit.before_microcents = run->options->spent_before[PAWL_CAP_USD];
        run->limit.before_tokens = run->options->spent_before[PAWL_CAP_TOKENS];
        err = pawl_limit_take_policy(&run->limit, run->options->summary_given, &run->policy.policy,
                                     msg);
    }
    if (pawl_ok(err)) {
        err = check_limit_flags(run, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_environ_upstreams(pawl_environ_get, &run->upstreams, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_prices_open_text(&run->dir, run->options->prices, run->prices_path,
                                    &run->prices_text, &run->prices, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_run_check_agent(run, msg);
    }
    if (pawl_ok(err)) {
        err = check_steps(run, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    run->primary = run->options->primary;
    pawl_model_guess(run->prices, run->options->model, run->options->argv, pawl_environ_get,
                     run->clock.real_us(run->clock.arg), &run->model);
    settle_caps(run);
    err = settle_phases(run, msg);
    if (pawl_ok(err)) {
        err = settle_attendance(run, msg);
    }
    return pawl_ok(err) ? pawl_lending_find(&run->dir, &run->place, &run->lending, msg) : err;
}

/* What the agent got is the agent's: whoever waits at the other end of a pipe must not wait for
 * pawl. Only stderr is ours as well. */
static void let_go_of_descriptors(const struct pawl_run *run)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd >= 0) {
        (void)dup2(null_fd, STDIN_FILENO);
        (void)dup2(null_fd, STDOUT_FILENO);
    }
    const int kept[] = {run->keeper.fd, run->terminal.fd};
    int limit = kept[0] > kept[1] ? kept[0] : kept[1];
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++) {
        if (fd != kept[0] && fd != kept[1]) {
            (void)close(fd);
        }
    }
    (void)syscall(SYS_close_range, (unsigned int)limit + 1, ~0u, 0);
}

static int run_all(struct pawl_run *run)
{
    struct pawl_errmsg msg = {""};
    int status = check_command(run->options->argv[0]);
    if (status != 0) {
        return status;
    }
    if (getcwd(run->cwd, sizeof(run->cwd)) == NULL) {
        run->cwd[0] = '\0'; /* It was removed, or is unreachable; the agent may live with that. */
    }
    if (!pawl_place_find(run->cwd, &run->place)) {
        run->place.dir[0] = run->place.repo[0] = '\0';
    }
    pawl_terminal_open(&run->terminal);
    pawl_presence_begin(&run->presence, &run->terminal, run->clock.real_us(run->clock.arg));
    pawl_err err = prepare(run, &msg);
    if (pawl_ok(err)) {
        err = pawl_keeper_fork(run->options->argv, &run->keeper, &msg);
    }
    if (pawl_ok(err)) {
        let_go_of_descriptors(run);
        err = pawl_run_collect_signals(run, &msg);
    }
    if (pawl_ok(err)) {
        err = pawl_run_start(run, &msg);
    }
    if (pawl_failed(err)) {
        pawl_run_complain("", &msg);
        return PAWL_RUN_EXIT_FAILED;
    }
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    return pawl_run_finish(run);
}

int pawl_run_main(const struct pawl_run_options *options)
{
    struct pawl_run *run = pawl_alloc_zeroed(1, sizeof(*run));
    if (run == NULL) {
        fputs("pawl: no memory\n", stderr);
        return PAWL_RUN_EXIT_FAILED;
    }
    run->options = options;
    run->clock = pawl_clock_os();
    run->keeper.fd = -1;
    run->terminal.fd = -1;
    run->rundir.lock_fd = -1;
    run->signal_fd = -1;
    run->wake.fd = -1;
    run->control.dir_fd = -1;
    pawl_buf_init(&run->notices, PAWL_RUN_NOTICES_BYTES);
    pawl_buf_init(&run->prices_text, PAWL_PRICE_FILE_BYTES_MAX);
    int status = run_all(run);
    pawl_run_close(run);
    pawl_free(run);
    return status;
}
