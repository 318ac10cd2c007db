/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c: gathers the card. Money and limits come from the ledger, which is exact at any time;
 * who got how much of it comes from the history, which may be missing.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "gateway/more.h"
#include "run/failure.h"
#include "run/run_priv.h"

/* --- From the run itself ------------------------------------------------------------------- */

static enum pawl_run_why why_of(const struct pawl_run *run)
{
    if (run->keeper_lost) {
        return PAWL_WHY_KEEPER;
    }
    if (run->start_error != 0) {
        return PAWL_WHY_NOT_STARTED;
    }
    if (run->time_up) {
        return PAWL_WHY_TIME;
    }
    if (run->stopped) {
        return PAWL_WHY_STOPPED;
    }
    if (run->latched) {
        return run->latch.unit != PAWL_UNIT_NONE ? PAWL_WHY_CAP : PAWL_WHY_REFUSED;
    }
    if (WIFSIGNALED(run->wait_status)) {
        return PAWL_WHY_SIGNAL;
    }
    return WEXITSTATUS(run->wait_status) == 0 ? PAWL_WHY_COMPLETED : PAWL_WHY_FAILED;
}

static int status_of(const struct pawl_run *run, enum pawl_run_why why)
{
    switch (why) {
    case PAWL_WHY_CAP:
    case PAWL_WHY_TIME:
    case PAWL_WHY_STOPPED:
    case PAWL_WHY_REFUSED:
        return PAWL_RUN_EXIT_CAPPED;
    case PAWL_WHY_KEEPER:
        return PAWL_RUN_EXIT_FAILED;
    case PAWL_WHY_NOT_STARTED:
        return PAWL_RUN_EXIT_NOT_EXECUTABLE; /* It was found before anything was made. */
    case PAWL_WHY_SIGNAL:
        return PAWL_RUN_EXIT_SIGNAL + WTERMSIG(run->wait_status);
    case PAWL_WHY_COMPLETED:
    case PAWL_WHY_FAILED:
        return WEXITSTATUS(run->wait_status);
    case PAWL_WHY_COUNT:
        break;
    }
    return PAWL_RUN_EXIT_FAILED;
}

static uint16_t unit_of(const struct pawl_run *run, enum pawl_run_why why)
{
    if (why == PAWL_WHY_TIME) {
        return PAWL_UNIT_WALL_CLOCK_MS;
    }
    return why == PAWL_WHY_CAP ? run->latch.unit : PAWL_UNIT_NONE;
}

/* What was named at the halt, unless more was spent since than that. */
static int64_t
more_of(const struct pawl_run *run, enum pawl_run_why why, const struct pawl_account *account)
{
    bool cap = why == PAWL_WHY_CAP;
    int64_t told = cap ? run->latch.more : 0;
    enum pawl_run_cap_index index = pawl_cap_of_unit(unit_of(run, why));
    bool elsewhere = cap && (run->latch_name[0] != '\0' || run->latch.phase != NULL);
    if (index == PAWL_CAP_COUNT || elsewhere) {
        return told;
    }
    return pawl_more_amount((struct pawl_more){.unit = pawl_cap_unit(index),
                                               .limit = account->units[index].limit,
                                               .spent = account->units[index].spent,
                                               .told = told});
}

void pawl_run_needs(struct pawl_run *run, struct pawl_go_on *ret_go_on)
{
    enum pawl_run_why why = why_of(run);
    struct pawl_account account;
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                      &account);
    *ret_go_on = (struct pawl_go_on){.unit = unit_of(run, why)};
    if (why == PAWL_WHY_CAP) {
        const char *phase = run->latch.phase != NULL ? run->latch.phase : "";
        (void)pawl_slice_copy_str(pawl_slice_str(run->latch_name), ret_go_on->limit,
                                  sizeof(ret_go_on->limit));
        (void)pawl_slice_copy_str(pawl_slice_str(phase), ret_go_on->phase,
                                  sizeof(ret_go_on->phase));
    }
    ret_go_on->more = ret_go_on->limit[0] == '\0' ? more_of(run, why, &account) : 0;
}

void pawl_run_report(struct pawl_run *run, struct pawl_card *ret_card)
{
    enum pawl_run_why why = why_of(run);
    struct pawl_gateway_counters counters = pawl_gateway_counters(run->gateway);
    bool exited = run->agent_ended && WIFEXITED(run->wait_status);
    bool signaled = run->agent_ended && WIFSIGNALED(run->wait_status);
    *ret_card = (struct pawl_card){
        .run_id = run->rundir.id,
        .name = run->options->name,
        .data_dir = run->options->data_dir,
        .started_us = run->started_us,
        .ended_us = pawl_run_now_us(run),
        .why = why,
        .hard_stop = run->was_latched || run->time_up,
        .killed = run->killed,
        .unit = unit_of(run, why),
        .limit = why == PAWL_WHY_CAP ? run->latch_name : "",
        .phase = why == PAWL_WHY_CAP ? run->latch.phase : NULL,
        .words = strncmp(run->latch_message, "pawl: ", 6) == 0 ? run->latch_message + 6
                                                               : run->latch_message,
        .status = status_of(run, why),
        .agent_status = exited ? WEXITSTATUS(run->wait_status) : -1,
        .agent_signal = signaled ? WTERMSIG(run->wait_status) : 0,
        .caps = run->caps,
        .primary = run->primary,
        .price = run->model.priced ? &run->model.price : NULL,
        .overshoot_microcents = counters.overshoot_microcents,
        .unseen = counters.received == 0 && counters.batches == 0,
        .calls = counters.calls,
        .refusals = counters.refusals - counters.repeats,
        .refused_tools = counters.refused_tools,
        .repeats = counters.repeats,
        .batches = counters.batches,
        .steps = run->steps,
        .step_count = run->step_count,
        .phases_go_on =
            run->options->phases_before != NULL && run->options->phases_before->count > 0,
        .notices = pawl_buf_slice(&run->notices),
    };
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, ret_card->ended_us,
                      &ret_card->account);
    ret_card->more = more_of(run, why, &ret_card->account);
    pawl_lending_limits(run->lending, &ret_card->limits);
    pawl_run_phases_report(run, &ret_card->phases);
    pawl_worktree_compare(&run->worktree, PAWL_RUN_GIT_MS, &ret_card->files);
}

/* --- From the history ---------------------------------------------------------------------- */

struct gathering {
    struct pawl_card *card;
    struct pawl_arena *arena;
};

static bool gather_run(void *arg, const struct pawl_history_run *run)
{
    struct gathering *gathering = arg;
    gathering->card->calls = run->calls;
    gathering->card->refusals = run->refusals;
    gathering->card->batches = run->batches;
    gathering->card->approvals_asked = run->approvals_asked;
    gathering->card->approvals_given = run->approvals_given;
    gathering->card->unconfirmed_microcents = run->unconfirmed_microcents;
    gathering->card->has_details = true;
    return false;
}

static bool gather_model(void *arg, const struct pawl_history_model *model)
{
    struct gathering *gathering = arg;
    struct pawl_card *card = gathering->card;
    card->models[card->model_count++] = (struct pawl_card_model){
        .model = pawl_arena_copy(gathering->arena, model->model),
        .calls = model->calls,
        .microcents = model->microcents,
        .input = model->input + model->cache_read + model->cache_write,
        .output = model->output,
    };
    return card->model_count < PAWL_CARD_MODELS_MAX;
}

static bool gather_call(void *arg, const struct pawl_history_call *call)
{
    struct gathering *gathering = arg;
    struct pawl_card_call *dearest = &gathering->card->dearest;
    if (pawl_slice_equal_str(call->state, "released")) {
        gathering->card->failed++;
        (void)pawl_failure_words(call, gathering->card->failure); /* of the last one */
    }
    if (call->spent[0] <= dearest->microcents) {
        return true;
    }
    struct pawl_slice model = call->model.bytes > 0 ? call->model : call->model_asked;
    *dearest = (struct pawl_card_call){
        .known = true,
        .id = call->id,
        .model = pawl_arena_copy(gathering->arena, model),
        .microcents = call->spent[0],
        .input = call->input + call->cache_read + call->cache_write,
        .output = call->output,
    };
    return true;
}

/* Where nobody knew the model before the run, the one that answered tells the conversions. */
static void find_price(const struct pawl_run *run, struct gathering *gathering)
{
    struct pawl_card *card = gathering->card;
    if (card->price != NULL || card->model_count != 1) {
        return;
    }
    struct pawl_price *price = pawl_arena_alloc(gathering->arena, sizeof(*price));
    if (price != NULL && pawl_model_price(run->prices, card->models[0].model, pawl_environ_get,
                                          card->started_us, price)) {
        card->price = price;
    }
}

void pawl_run_report_history(struct pawl_run *run, struct pawl_arena *arena, struct pawl_card *card)
{
    struct pawl_errmsg msg;
    struct gathering gathering = {.card = card, .arena = arena};
    struct pawl_slice id = pawl_slice_str(run->rundir.id);
    struct pawl_history_filter filter = {.limit = 1, .id_prefix = id};
    pawl_err err = pawl_history_runs(run->history, &filter, gather_run, &gathering, &msg);
    if (pawl_ok(err)) {
        err = pawl_history_models(run->history, id, gather_model, &gathering, &msg);
    }
    find_price(run, &gathering);
    if (pawl_ok(err)) {
        err = pawl_history_calls(run->history, id, gather_call, &gathering, &msg);
    }
    card->has_details = card->has_details && pawl_ok(err);
}
