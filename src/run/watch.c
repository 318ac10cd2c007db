/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c: everything that comes in while the agent runs.
 *
 * The pulse looks at the wall clock at most every ten seconds rather than once at the end, since
 * the loop's timers stand still while the machine sleeps, and the run's time does not.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "run/run_priv.h"

enum {
    LINE_BYTES = 2048,
    PULSE_MS_MAX = 10000,
    PULSE_MS_AT_WINDOW = 500,
    PULSE_MS_MIN = 10,
    PULSES = 40,
    SUMMARY_LOOK_MS = 500,
    PHASE_BOOK_MS = 30000 /* of the phase's time, booked now and then */
};

/* --- Lines --------------------------------------------------------------------------------- */

bool pawl_run_say(struct pawl_run *run, const struct pawl_buf *line)
{
    if (run->options->quiet) {
        return true; /* As it was wished. */
    }
    bool printed = pawl_terminal_try_print(&run->terminal, pawl_buf_slice(line));
    if (!printed) {
        pawl_buf_append_slice(&run->notices, pawl_buf_slice(line));
    }
    return printed;
}

bool pawl_run_say_now(struct pawl_run *run, const struct pawl_buf *line)
{
    if (run->options->quiet && !run->interactive) {
        return false;
    }
    return pawl_terminal_try_print(&run->terminal, pawl_buf_slice(line)) && run->interactive;
}

/* Calls outlive their agent; what becomes of them then is on the card. */
void pawl_run_on_reach(void *arg, enum pawl_upstream upstream, const char *why)
{
    struct pawl_run *run = arg;
    bool changed = pawl_outage_note(&run->outages, upstream, why, pawl_run_now_us(run));
    if (!changed || run->phase != PAWL_RUN_RUNNING) {
        return;
    }
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_outage_line(why, &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

/* --- The ledger's turns -------------------------------------------------------------------- */

/* The turn that follows sets the timer anew. */
static void on_due(void *arg)
{
    struct pawl_run *run = arg;
    pawl_engine_tick(run->engine);
}

/* After a sleep the pulse makes the first of them, where nobody else does. */
static void turn(struct pawl_run *run)
{
    if (run->engine != NULL) {
        pawl_engine_turn(run->engine);
        pawl_due_set(&run->due, pawl_engine_next_due_us(run->engine), pawl_run_now_us(run));
    }
}

/* Timers come before it, input and output between the two. */
static void before_poll(uv_prepare_t *handle)
{
    turn(handle->data);
}

static void after_poll(uv_check_t *handle)
{
    turn(handle->data);
}

static void on_wake(void *arg)
{
    struct pawl_run *run = arg;
    if (run->engine != NULL) {
        pawl_engine_collect(run->engine);
    }
}

/* --- Caps ---------------------------------------------------------------------------------- */

static void on_grace_over(uv_timer_t *timer)
{
    struct pawl_run *run = timer->data;
    if (run->phase != PAWL_RUN_RUNNING) {
        return;
    }
    if (pawl_gateway_summarizing(run->gateway)) {
        (void)uv_timer_start(timer, on_grace_over, SUMMARY_LOOK_MS, 0);
        return;
    }
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_ending(&line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
    run->killed = true;
    pawl_run_clear(run, run->latch_message);
}

/* As it is now: an approval may have moved it. */
static int64_t time_limit_ms(struct pawl_run *run)
{
    struct pawl_account account;
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                      &account);
    return account.units[PAWL_CAP_TIME].limit;
}

static void on_time_up(struct pawl_run *run)
{
    if (run->time_up || run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    run->time_up = true;
    run->killed = true;
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_time_up(time_limit_ms(run), &line);
    (void)pawl_run_say(run, &line);
    struct pawl_slice words = pawl_slice_trim(pawl_buf_slice(&line));
    size_t end = pawl_slice_find_byte(words, '\n');
    (void)pawl_slice_copy_str(pawl_slice_sub(words, 0, end), run->latch_message,
                              sizeof(run->latch_message));
    pawl_buf_free(&line);
    pawl_run_clear(run, run->latch_message);
}

void pawl_run_stop(struct pawl_run *run)
{
    if (run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    run->stopped = true;
    run->killed = true;
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_stopped(&line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
    pawl_run_clear(run, "pawl: the run was stopped with pawl stop");
}

void pawl_run_on_latched(void *arg, const struct pawl_gateway_latch *latch)
{
    struct pawl_run *run = arg;
    bool ending = run->phase > PAWL_RUN_RUNNING;
    if (ending && !run->summed_up) {
        return; /* What is refused while a run ends stops nothing. */
    }
    if (latch->refusal == PAWL_REFUSAL_DEADLINE) {
        on_time_up(run);
        return;
    }
    run->latched = true;
    run->was_latched = true;
    (void)pawl_slice_copy_str(pawl_slice_str(latch->message), run->latch_message,
                              sizeof(run->latch_message));
    run->latch = *latch;
    run->latch.message = run->latch_message;
    (void)pawl_slice_copy_str(pawl_slice_str(latch->name), run->latch_name,
                              sizeof(run->latch_name));
    run->latch.name = run->latch_name;
    int phase = latch->phase != NULL ? pawl_phases_find(&run->phases, pawl_slice_str(latch->phase))
                                     : PAWL_PHASE_NONE;
    run->latch.phase = phase != PAWL_PHASE_NONE ? run->phases.phases[phase].name : NULL;
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    bool alone = run->interactive || run->agent_ended; /* nobody is to be ended */
    pawl_lines_latched(&run->latch, alone, &line);
    if (run->question.approval != 0) {
        (void)pawl_run_say_now(run, &line); /* Its words send to a question that ends with it. */
    } else {
        (void)pawl_run_say(run, &line);
    }
    pawl_buf_free(&line);
    if (!alone && !ending) {
        (void)uv_timer_start(&run->grace_timer, on_grace_over, PAWL_RUN_GRACE_MS, 0);
    }
}

/* --- Thresholds ---------------------------------------------------------------------------- */

static void on_noted(struct pawl_op *op)
{
    pawl_free(op);
}

static void note_threshold(struct pawl_run *run, int percent, enum pawl_run_cap_index index)
{
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    if (op == NULL) {
        return;
    }
    op->done = on_noted;
    char text[96];
    int bytes = snprintf(text, sizeof(text), "{\"percent\":%d,\"unit\":\"%s\"}", percent,
                         pawl_unit_name(pawl_cap_unit(index)));
    struct pawl_command note = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = pawl_slice_of(text, (size_t)bytes),
        .u.note = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                   .session = pawl_slice_str(run->rundir.id),
                   .kind = PAWL_NOTE_THRESHOLD},
    };
    pawl_engine_submit(run->engine, &note, op);
}

/* Once the run is stopped there is nothing to warn of. Calls outlive their agent, so a threshold
 * may be passed while the tree is cleared. */
static void check_thresholds(struct pawl_run *run)
{
    struct pawl_account account;
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                      &account);
    int percent = pawl_account_threshold(&account, &run->threshold_told);
    if (percent == 0 || run->latched || run->time_up) {
        return;
    }
    note_threshold(run, percent, pawl_account_nearest(&account));
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_threshold(&account, &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

/* What was released cost nothing, and nobody wants to see it. */
static void remember(struct pawl_run *run, const struct pawl_gateway_settled *settled)
{
    struct pawl_account account;
    struct pawl_recent_call call = {
        .id = settled->call,
        .at_us = pawl_run_now_us(run),
        .microcents = settled->microcents,
        .tokens = settled->tokens,
        .duration_us = settled->duration_us,
        .tool_calls = settled->tool_calls,
    };
    (void)pawl_slice_copy_str(settled->model, call.model, sizeof(call.model));
    (void)pawl_slice_copy_str(settled->who, call.who, sizeof(call.who));
    if (settled->tokens > 0) {
        pawl_recent_add(&run->recent, &call);
    }
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, call.at_us, &account);
    pawl_recent_note(&run->recent, call.at_us, &account);
}

void pawl_run_on_settled(void *arg, const struct pawl_gateway_settled *settled)
{
    remember(arg, settled);
    check_thresholds(arg);
}

/* --- The wall clock ------------------------------------------------------------------------ */

/* Whether a subscription's window keeps calls out: then it may begin anew any moment, by the clock
 * or by what the provider tells another run. Whoever said `pause` without `auto_resume` wants to
 * say himself when a run that it stopped goes on. */
static bool look_at_window(struct pawl_run *run)
{
    bool by_hand = run->limit.on_limit == PAWL_ON_LIMIT_PAUSE && !run->limit.auto_resume;
    if (!run->latched || run->latch.refusal != PAWL_REFUSAL_WINDOW) {
        return pawl_gateway_look_at_windows(run->gateway);
    }
    bool over = !by_hand && pawl_gateway_window_is_over(run->gateway);
    if (over) {
        pawl_run_go_on(run, "the window that was used up has begun anew");
    }
    return !over;
}

static void on_pulse(uv_timer_t *timer)
{
    struct pawl_run *run = timer->data;
    if (run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    int64_t limit_ms = time_limit_ms(run);
    int64_t left_ms = limit_ms - (pawl_run_now_us(run) - run->started_us) / PAWL_US_PER_MS;
    if (left_ms <= 0) {
        on_time_up(run);
        return;
    }
    check_thresholds(run);
    int64_t most_ms = look_at_window(run) ? PULSE_MS_AT_WINDOW : PULSE_MS_MAX;
    pawl_run_phases_book(run, PHASE_BOOK_MS);
    int64_t wait_ms = limit_ms / PULSES;
    wait_ms = wait_ms > most_ms ? most_ms : wait_ms;
    wait_ms = wait_ms < PULSE_MS_MIN ? PULSE_MS_MIN : wait_ms;
    wait_ms = wait_ms > left_ms ? left_ms : wait_ms;
    (void)uv_timer_start(timer, on_pulse, (uint64_t)wait_ms, 0);
}

void pawl_run_look_soon(struct pawl_run *run)
{
    if (uv_timer_get_due_in(&run->pulse_timer) > PULSE_MS_AT_WINDOW) {
        (void)uv_timer_start(&run->pulse_timer, on_pulse, PULSE_MS_AT_WINDOW, 0);
    }
}

void pawl_run_look_at_clock(struct pawl_run *run)
{
    (void)uv_timer_start(&run->pulse_timer, on_pulse, 0, 0);
}

/* --- The keeper ---------------------------------------------------------------------------- */

/* An agent that gives up because its call is too big, at a limit that has more again by then, or
 * whose last answer was cut short, was stopped by its cap, though nothing is latched. One that was
 * refused and ends well has found another way. One that has the half of an answer and ends well has
 * taken it for the whole, which whoever started it must not. */
static void look_at_end(struct pawl_run *run)
{
    struct pawl_gateway_latch latch;
    if (!WIFEXITED(run->wait_status) || run->latched || run->phase != PAWL_RUN_RUNNING ||
        !pawl_gateway_stuck(run->gateway, &latch)) {
        return;
    }
    bool half = latch.refusal == PAWL_REFUSAL_SPENT;
    if (WEXITSTATUS(run->wait_status) != 0 || half) {
        pawl_run_on_latched(run, &latch);
        return;
    }
    if (latch.refusal != PAWL_REFUSAL_TOO_BIG) {
        return; /* it was told, and that it may go on */
    }
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_buf_printf(&line, "%s\n", latch.message);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

static void take_event(struct pawl_run *run, const struct pawl_keeper_event *event)
{
    switch ((enum pawl_keeper_event_kind)event->kind) {
    case PAWL_KEEPER_STARTED:
        run->phase = run->phase == PAWL_RUN_STARTING ? PAWL_RUN_RUNNING : run->phase;
        break;
    case PAWL_KEEPER_NOT_STARTED:
        run->start_error = event->error_number;
        pawl_run_clear(run, "pawl: the agent could not be started");
        break;
    case PAWL_KEEPER_EXITED:
        run->agent_ended = true;
        run->wait_status = event->wait_status;
        look_at_end(run);
        pawl_run_clear(run, "pawl: the agent has ended");
        break;
    case PAWL_KEEPER_CLEARED:
        if (event->left > 0) {
            fprintf(stderr, "pawl: %u processes of the agent could not be ended\n",
                    (unsigned)event->left);
        }
        pawl_run_drain(run);
        break;
    }
}

static void on_keeper(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct pawl_run *run = poll->data;
    struct pawl_keeper_event event;
    pawl_err err = PAWL_OK;
    while (pawl_ok(err)) {
        err = pawl_keeper_read(&run->keeper, &event);
        if (pawl_ok(err)) {
            take_event(run, &event);
        }
    }
    if (err.code == PAWL_ERR_UNREACHABLE) {
        run->keeper_lost = true;
        uv_close((uv_handle_t *)poll, NULL); /* Before its descriptor is closed. */
        pawl_keeper_clear_orphans(&run->keeper);
        pawl_run_clear(run, "pawl: the keeper process was killed");
        pawl_run_drain(run);
    }
}

/* --- All handles --------------------------------------------------------------------------- */

void pawl_run_watch(struct pawl_run *run)
{
    uv_loop_t *loop = &run->loop;
    int failures = 0;
    failures += uv_prepare_init(loop, &run->before_poll) != 0;
    failures += uv_check_init(loop, &run->after_poll) != 0;
    failures += pawl_failed(pawl_wake_init(&run->wake, loop, on_wake, run));
    failures += uv_timer_init(loop, &run->pulse_timer) != 0;
    failures += uv_timer_init(loop, &run->grace_timer) != 0;
    failures += uv_timer_init(loop, &run->phase_timer) != 0;
    failures += uv_poll_init(loop, &run->keeper_poll, run->keeper.fd) != 0;
    failures += uv_poll_init(loop, &run->signal_poll, run->signal_fd) != 0;
    PAWL_ASSERT(failures == 0); /* The descriptors are good, and nothing else can fail. */
    pawl_due_init(&run->due, loop, on_due, run);
    run->before_poll.data = run;
    run->after_poll.data = run;
    run->pulse_timer.data = run;
    run->grace_timer.data = run;
    run->phase_timer.data = run;
    run->keeper_poll.data = run;
    run->signal_poll.data = run;
    (void)uv_prepare_start(&run->before_poll, before_poll);
    (void)uv_check_start(&run->after_poll, after_poll);
    (void)uv_timer_start(&run->pulse_timer, on_pulse, 0, 0);
    (void)uv_poll_start(&run->keeper_poll, UV_READABLE, on_keeper);
    (void)uv_poll_start(&run->signal_poll, UV_READABLE, pawl_run_on_signal);
}

void pawl_run_fill_status(void *arg, struct pawl_status *ret_status)
{
    struct pawl_run *run = arg;
    *ret_status = (struct pawl_status){
        .run_id = run->rundir.id,
        .name = run->options->name,
        .argv = run->options->argv,
        .cwd = run->cwd,
        .repo = run->place.repo,
        .policy = pawl_run_policy_name(&run->policy),
        .model = run->model.name,
        .attended = run->attended,
        .recent = &run->recent,
        .outage = pawl_outage_longest(&run->outages),
        .wait = run->wait.resets_at_us != 0 ? &run->wait : NULL,
        .pid = getpid(),
        .ending = run->phase > PAWL_RUN_RUNNING,
        .started_us = run->started_us,
        .now_us = pawl_run_now_us(run),
        .counters = pawl_gateway_counters(run->gateway),
        .latch = run->latched ? &run->latch : NULL,
    };
    pawl_run_fill_question(run, ret_status);
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, ret_status->now_us,
                      &ret_status->account);
    pawl_lending_limits(run->lending, &ret_status->limits);
    pawl_recent_note(&run->recent, ret_status->now_us, &ret_status->account);
    pawl_recent_pace(&run->recent, ret_status->now_us, &ret_status->account, &ret_status->pace);
    pawl_run_phases_report(run, &ret_status->phases);
    ret_status->phase = pawl_slice_str(run->phases.phases[run->phase_at].name);
    ret_status->estimate_count = pawl_gateway_estimates(run->gateway, ret_status->estimates);
}
