/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finish.c: the end of a run, in an order in which nothing is lost: no new calls; nobody left below
 * the keeper; calls under way read to their end, so that they are booked as the provider bills
 * them; then the last records, the history, and the word "ended" in the lock's file. Whatever
 * interrupts this, the next reader takes it up from the journal.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "journal/copy.h"
#include "run/keep.h"
#include "run/run_priv.h"

enum {
    LINE_BYTES = 256,
    CARD_BYTES_MAX = 65536,
    ARENA_BYTES_MAX = 1 << 20,
    /* Room for a note that turns out to be too long, before it is written again. */
    NOTE_BYTES_MAX = 2 * PAWL_METADATA_BYTES_MAX
};

/* --- Ending the tree and the calls --------------------------------------------------------- */

void pawl_run_clear(struct pawl_run *run, const char *words)
{
    if (run->phase >= PAWL_RUN_CLEARING) {
        return;
    }
    run->phase = PAWL_RUN_CLEARING;
    (void)uv_timer_stop(&run->grace_timer);
    (void)uv_timer_stop(&run->pulse_timer);
    (void)uv_timer_stop(&run->phase_timer);
    pawl_approver_withdraw(&run->approver, NULL);
    pawl_gateway_stop(run->gateway, run->time_up ? PAWL_REFUSAL_DEADLINE : PAWL_REFUSAL_STOPPED,
                      words);
    if (!run->keeper_lost) {
        pawl_keeper_clear(&run->keeper, PAWL_RUN_PATIENCE_MS);
    }
}

static void on_idle(void *arg)
{
    pawl_run_give_back(arg);
}

void pawl_run_drain(struct pawl_run *run)
{
    if (run->phase >= PAWL_RUN_DRAINING) {
        return;
    }
    run->phase = PAWL_RUN_DRAINING;
    pawl_worktree_look_again(&run->worktree);
    uint64_t calls = pawl_gateway_counters(run->gateway).in_flight;
    if (calls > 0) {
        struct pawl_buf line;
        pawl_buf_init(&line, LINE_BYTES);
        pawl_lines_draining(calls, &line);
        (void)pawl_run_say(run, &line);
        pawl_buf_free(&line);
    }
    pawl_gateway_settle_all(run->gateway, PAWL_RUN_DRAIN_MS, on_idle, run);
}

/* --- Closing the books --------------------------------------------------------------------- */

static void on_written(struct pawl_op *op)
{
    (void)op; /* The session may have ended by itself, at its deadline. */
}

static enum pawl_session_reason outcome(const struct pawl_card *card)
{
    switch (card->why) {
    case PAWL_WHY_COMPLETED:
        return PAWL_REASON_COMPLETED;
    case PAWL_WHY_CAP:
    case PAWL_WHY_TIME:
        return PAWL_REASON_CAPPED;
    case PAWL_WHY_SIGNAL:
    case PAWL_WHY_STOPPED:
    case PAWL_WHY_REFUSED:
        return PAWL_REASON_KILLED;
    case PAWL_WHY_FAILED:
    case PAWL_WHY_KEEPER:
    case PAWL_WHY_NOT_STARTED:
        return PAWL_REASON_FAILED;
    case PAWL_WHY_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

static void write_end(struct pawl_run *run, const struct pawl_card *card)
{
    struct pawl_slice tenant = PAWL_SLICE(PAWL_RUN_TENANT);
    struct pawl_slice id = pawl_slice_str(run->rundir.id);
    enum pawl_session_reason reason = outcome(card);
    struct pawl_command end = {
        .type = PAWL_COMMAND_SESSION_SET,
        .u.session_set = {.tenant = tenant,
                          .name = id,
                          .state = PAWL_SESSION_ENDED,
                          .reason = (uint8_t)reason,
                          .unit = reason == PAWL_REASON_CAPPED ? card->unit : 0},
    };
    struct pawl_buf text;
    pawl_buf_init(&text, NOTE_BYTES_MAX);
    pawl_card_end_note(card, &text);
    struct pawl_command note = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = pawl_buf_slice(&text),
        .u.note = {.tenant = tenant, .session = id, .kind = PAWL_NOTE_RUN_END},
    };
    struct pawl_op ended = {.done = on_written};
    struct pawl_op noted = {.done = on_written};
    pawl_engine_submit(run->engine, &end, &ended);
    pawl_engine_submit(run->engine, &note, &noted);
    pawl_engine_flush(run->engine);
    pawl_buf_free(&text);
}

/* The run counts as ended only when the history has all of it. */
static void close_history(struct pawl_run *run,
                          uint64_t last_op,
                          struct pawl_arena *arena,
                          struct pawl_card *card)
{
    struct pawl_errmsg msg = {""};
    pawl_err waited = pawl_history_wait(run->history, last_op, PAWL_RUN_HISTORY_MS);
    if (pawl_ok(waited)) {
        pawl_run_report_history(run, arena, card);
    }
    pawl_err closed = pawl_history_close(run->history, &msg);
    run->history = NULL;
    if (!pawl_lending_settled(run->lending)) {
        /* The word stays "open", and whoever reads the run next gives it back. */
        pawl_errmsg_set(&msg, "the authority does not answer; 'pawl runs' tries again");
        pawl_run_complain("what was lent by a limit is not given back yet", &msg);
        return;
    }
    if (pawl_ok(waited) && pawl_ok(closed)) {
        closed = pawl_rundir_set_ended(&run->rundir, last_op, &msg);
    }
    if (pawl_failed(closed)) {
        pawl_run_complain("the history is behind; it is made up for later", &msg);
    }
}

static void print_card(struct pawl_run *run, const struct pawl_card *card)
{
    struct pawl_buf text;
    pawl_buf_init(&text, CARD_BYTES_MAX);
    if (run->options->json_card) {
        pawl_card_json(card, &text);
    } else if (!run->options->no_card) {
        pawl_card_text(card, &text);
    } else {
        pawl_buf_append_slice(&text, card->notices);
    }
    if (run->options->json_card) {
        pawl_terminal_print_as_is(pawl_buf_slice(&text));
    } else if (!pawl_slice_empty(pawl_buf_slice(&text))) {
        pawl_terminal_print(pawl_buf_slice(&text));
    }
    pawl_buf_free(&text);
}

int pawl_run_finish(struct pawl_run *run)
{
    PAWL_ASSERT(run->phase == PAWL_RUN_ENDED);
    pawl_keeper_end(&run->keeper);
    if (run->killed || run->keeper_lost || (run->agent_ended && WIFSIGNALED(run->wait_status))) {
        pawl_terminal_restore(&run->terminal);
    }
    pawl_run_clean_agent(run);
    pawl_run_phases_book(run, 0);
    struct pawl_card card;
    pawl_run_report(run, &card);
    write_end(run, &card);
    uint64_t last_op = pawl_engine_durable_op(run->engine);
    pawl_engine_close(run->engine);
    run->engine = NULL;
    pawl_copy_remove_left(run->rundir.path);
    struct pawl_arena arena;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    close_history(run, last_op, &arena, &card);
    print_card(run, &card);
    pawl_run_keep_lessons(run);
    pawl_keep_after_run(&run->dir, run->clock.real_us(run->clock.arg));
    pawl_arena_free(&arena);
    return card.status;
}

/* --- Freeing ------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    struct pawl_run *run = arg;
    uv_handle_t *const ours[] = {
        (uv_handle_t *)&run->before_poll, (uv_handle_t *)&run->after_poll,
        (uv_handle_t *)&run->wake.poll,   (uv_handle_t *)&run->due.timer,
        (uv_handle_t *)&run->pulse_timer, (uv_handle_t *)&run->grace_timer,
        (uv_handle_t *)&run->phase_timer, (uv_handle_t *)&run->keeper_poll,
        (uv_handle_t *)&run->signal_poll,
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(ours); i++) {
        if (handle == ours[i] && uv_is_closing(handle) == 0) {
            uv_close(handle, NULL);
        }
    }
}

static void close_loop(struct pawl_run *run)
{
    if (!run->has_loop) {
        return;
    }
    pawl_control_close(&run->control);
    if (run->server != NULL) {
        pawl_http_server_close(run->server);
    }
    if (run->client != NULL) {
        pawl_http_client_close(run->client);
    }
    pawl_lending_close(run->lending);
    pawl_approver_close(&run->approver);
    uv_walk(&run->loop, close_handle, run);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    if (run->gateway != NULL) {
        pawl_gateway_free(run->gateway);
    }
    (void)uv_loop_close(&run->loop);
    pawl_wake_free(&run->wake);
}

void pawl_run_close(struct pawl_run *run)
{
    bool began = run->started_us != 0;
    pawl_keeper_end(&run->keeper);
    if (run->engine != NULL) {
        pawl_engine_close(run->engine);
        run->engine = NULL;
    }
    if (run->history != NULL) {
        struct pawl_errmsg msg;
        (void)pawl_failed(pawl_history_close(run->history, &msg)); /* The journal has it. */
    }
    close_loop(run);
    pawl_run_clean_agent(run);
    pawl_lending_free(run->lending);
    pawl_learned_free(run->learned);
    if (run->rundir.lock_fd >= 0 && !began) {
        pawl_rundir_remove(&run->rundir);
    }
    pawl_rundir_close(&run->rundir);
    pawl_worktree_free(&run->worktree);
    pawl_price_book_free(run->prices);
    pawl_run_policy_close(&run->policy);
    pawl_terminal_close(&run->terminal);
    pawl_buf_free(&run->notices);
    pawl_buf_free(&run->prices_text);
    if (run->signal_fd >= 0) {
        (void)close(run->signal_fd);
    }
}
