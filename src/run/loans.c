/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loans.c: a run under limits across runs: what it spends from, what happens when there is more
 * again, and how it ends.
 */
#define _GNU_SOURCE
#include "base/alloc.h"
#include "run/run_priv.h"

enum { LINE_BYTES = 1024 };

static void on_resumed(struct pawl_op *op)
{
    pawl_free(op);
}

void pawl_run_go_on(struct pawl_run *run, const char *why)
{
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    if (op == NULL) {
        return; /* the next look tries again */
    }
    op->done = on_resumed;
    struct pawl_command set = {
        .type = PAWL_COMMAND_SESSION_SET,
        .u.session_set = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                          .name = pawl_slice_str(run->rundir.id),
                          .state = PAWL_SESSION_ACTIVE},
    };
    pawl_engine_submit(run->engine, &set, op);
    run->latched = false;
    (void)uv_timer_stop(&run->grace_timer);
    pawl_gateway_go_on(run->gateway);
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_buf_printf(&line, "pawl: %s; calls go on\n", why);
    pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

static void on_more(void *arg)
{
    struct pawl_run *run = arg;
    if (run->gateway == NULL || run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    if (!run->latched) {
        pawl_gateway_retry(run->gateway);
    } else if (run->latch.refusal == PAWL_REFUSAL_LIMIT && /* one of its own cap stays */
               pawl_lending_may_have(run->lending, run->latch.unit, run->latch.asked)) {
        pawl_run_go_on(run, "the limit allows more again");
    }
}

/* Somebody has set, changed or removed a limit while the agent works. */
static void on_limits(void *arg)
{
    struct pawl_run *run = arg;
    struct pawl_run_limits limits;
    struct pawl_buf line;
    if (run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    pawl_lending_limits(run->lending, &limits);
    pawl_buf_init(&line, LINE_BYTES);
    if (limits.count > 0) {
        pawl_buf_append_str(&line, "pawl: limits across runs have changed: within ");
        pawl_lending_list(&limits, &line);
    } else {
        pawl_buf_append_str(&line, "pawl: no limit across runs binds this run any more");
    }
    pawl_buf_append_byte(&line, '\n');
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

pawl_err pawl_run_borrow(struct pawl_run *run, struct pawl_errmsg *msg)
{
    run->subject = (struct pawl_subject){.session = pawl_slice_str(run->rundir.id)};
    run->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE(PAWL_RUN_TENANT);
    struct pawl_lending_options options = {
        .loop = &run->loop,
        .engine = run->engine,
        .subject = &run->subject,
        .run_id = run->rundir.id,
        .on_more = on_more,
        .on_limits = on_limits,
        .arg = run,
    };
    return pawl_lending_open(run->lending, &options, msg);
}

struct pawl_authority *pawl_run_authority(struct pawl_run *run)
{
    return pawl_lending_authority(run->lending);
}

static void on_returned(void *arg)
{
    struct pawl_run *run = arg;
    run->phase = PAWL_RUN_ENDED;
    uv_stop(&run->loop);
}

void pawl_run_give_back(struct pawl_run *run)
{
    pawl_lending_end(run->lending, on_returned, run);
}
