/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase_books.c: phases of a live run: their budgets, their time, and what can be asked of them
 * over the run's socket.
 */
#define _GNU_SOURCE
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "run/phases.h"
#include "run/run_priv.h"

enum { LINE_BYTES = 1024 };

/* --- Budgets -------------------------------------------------------------------------------- */

static struct pawl_scope_name scope_of(const char *run_id)
{
    struct pawl_scope_name scope = {.session = pawl_slice_str(run_id)};
    scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE(PAWL_RUN_TENANT);
    return scope;
}

static bool find_budget(const struct pawl_core *core,
                        const char *run_id,
                        const char *phase,
                        uint16_t unit,
                        uint64_t *ret_budget)
{
    struct pawl_scope_name scope = scope_of(run_id);
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    return pawl_core_budget_find(core, &scope, pawl_slice_str(phase), unit, &lifetime, ret_budget);
}

/* A phase without a cap of this unit is counted all the same. */
static int64_t allocated_of(const struct pawl_phase_cap *cap)
{
    return cap->set ? cap->amount : PAWL_AMOUNT_MAX;
}

static void on_submitted(struct pawl_op *op)
{
    (void)op; /* Looked at behind the flush. */
}

void pawl_run_phases_open(struct pawl_run *run, struct pawl_phase_opening *opening)
{
    const struct pawl_run_phases *phases = &run->phases;
    opening->count = 0;
    for (int i = 0; i < phases->count; i++) {
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            const struct pawl_phase_cap *cap = &phases->phases[i].caps[k];
            struct pawl_command create = {
                .type = PAWL_COMMAND_BUDGET_CREATE,
                .u.budget_create = {.scope = scope_of(run->rundir.id),
                                    .phase = pawl_slice_str(phases->phases[i].name),
                                    .unit = pawl_cap_unit((enum pawl_run_cap_index)k),
                                    .window = {.kind = PAWL_WINDOW_LIFETIME},
                                    .allocated = allocated_of(cap),
                                    .mode = PAWL_BUDGET_ENFORCE},
            };
            struct pawl_op *op = &opening->ops[opening->count++];
            *op = (struct pawl_op){.done = on_submitted};
            pawl_engine_submit(run->engine, &create, op);
        }
    }
}

/* What the run before had spent in a phase counts in this one's books from the start. */
static void reset_spent(struct pawl_run *run, int phase, int unit, struct pawl_op *op)
{
    const struct pawl_phase_plan *plan = &run->phases.phases[phase];
    uint64_t budget = 0;
    bool found = find_budget(pawl_engine_core(run->engine), run->rundir.id, plan->name,
                             pawl_cap_unit((enum pawl_run_cap_index)unit), &budget);
    PAWL_ASSERT(found);
    struct pawl_command fund = {.type = PAWL_COMMAND_BUDGET_FUND,
                                .u.budget_fund = {.budget = budget,
                                                  .kind = PAWL_FUND_RESET_SPENT,
                                                  .amount = allocated_of(&plan->caps[unit]),
                                                  .spent = plan->before[unit]}};
    *op = (struct pawl_op){.done = on_submitted};
    pawl_engine_submit(run->engine, &fund, op);
}

void pawl_run_phases_carry(struct pawl_run *run, struct pawl_phase_opening *opening)
{
    opening->count = 0;
    for (int i = 0; i < run->phases.count; i++) {
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            if (run->phases.phases[i].before[k] > 0) {
                reset_spent(run, i, k, &opening->ops[opening->count++]);
            }
        }
    }
}

bool pawl_run_phases_opened(const struct pawl_phase_opening *opening)
{
    for (int i = 0; i < opening->count; i++) {
        if (opening->ops[i].result.code != PAWL_RESULT_OK) {
            return false;
        }
    }
    return true;
}

void pawl_phases_account(const struct pawl_core *core,
                         const char *run_id,
                         int64_t now_us,
                         const char *phase,
                         struct pawl_account *ret_account)
{
    *ret_account = (struct pawl_account){0};
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        struct pawl_budget_view view;
        uint64_t budget = 0;
        if (find_budget(core, run_id, phase, pawl_cap_unit((enum pawl_run_cap_index)i), &budget) &&
            pawl_core_budget(core, budget, now_us, &view)) {
            ret_account->units[i].limit = view.allocated < PAWL_AMOUNT_MAX ? view.allocated : -1;
            ret_account->units[i].spent = view.spent;
            ret_account->units[i].held = view.reserved;
        }
    }
}

static void put_units(const struct pawl_account *account, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "units");
    pawl_json_array_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit",
                             pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)));
        if (account->units[i].limit >= 0) {
            pawl_json_member_i64(writer, "limit", account->units[i].limit);
        }
        pawl_json_member_i64(writer, "spent", account->units[i].spent);
        if (account->units[i].held > 0) {
            pawl_json_member_i64(writer, "held", account->units[i].held);
        }
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

/* The names of the session's phases in the order of their books. */
static int collect_names(const struct pawl_core *core,
                         const char *run_id,
                         int64_t now_us,
                         char names[static PAWL_PHASES_MAX][PAWL_PHASE_NAME_BYTES])
{
    uint32_t cursor = 0;
    uint64_t id = 0;
    int count = 0;
    while (pawl_core_budget_next(core, &cursor, &id) && count < PAWL_PHASES_MAX) {
        struct pawl_budget_view view;
        uint64_t own = 0;
        char name[PAWL_PHASE_NAME_BYTES];
        bool fits = pawl_core_budget(core, id, now_us, &view) && view.unit == PAWL_UNIT_TOKENS &&
                    !pawl_slice_empty(view.phase) &&
                    pawl_slice_copy_str(view.phase, name, sizeof(name)) &&
                    find_budget(core, run_id, name, view.unit, &own) && own == id;
        if (fits) {
            memcpy(names[count++], name, sizeof(name));
        }
    }
    return count;
}

void pawl_phases_put_books(const struct pawl_core *core,
                           const char *run_id,
                           int64_t now_us,
                           struct pawl_json_writer *writer)
{
    char names[PAWL_PHASES_MAX][PAWL_PHASE_NAME_BYTES];
    int count = collect_names(core, run_id, now_us, names);
    pawl_json_key(writer, "phases");
    pawl_json_array_begin(writer);
    for (int i = 0; i < count; i++) {
        struct pawl_account account;
        pawl_phases_account(core, run_id, now_us, names[i], &account);
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            account.units[k].spent += account.units[k].held;
            account.units[k].held = 0;
        }
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "phase", names[i]);
        put_units(&account, writer);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

/* --- Time ----------------------------------------------------------------------------------- */

static void on_done(struct pawl_op *op)
{
    pawl_free(op);
}

static void submit(struct pawl_run *run, const struct pawl_command *command)
{
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    if (op != NULL) {
        op->done = on_done;
        op->lazy = true;
        pawl_engine_submit(run->engine, command, op);
    }
}

/* Since the time that was booked last. */
static int64_t unbooked_ms(struct pawl_run *run)
{
    return (pawl_run_now_us(run) - run->phase_since_us) / PAWL_US_PER_MS;
}

void pawl_run_phases_book(struct pawl_run *run, int64_t at_least_ms)
{
    int64_t ms = unbooked_ms(run);
    if (run->engine == NULL || ms <= 0 || ms < at_least_ms) {
        return;
    }
    run->phase_since_us += ms * PAWL_US_PER_MS;
    struct pawl_command event = {
        .type = PAWL_COMMAND_EVENT,
        .u.event = {.subject = {.session = pawl_slice_str(run->rundir.id)},
                    .phase = pawl_slice_str(run->phases.phases[run->phase_at].name),
                    .line_count = 1,
                    .lines = {{PAWL_UNIT_WALL_CLOCK_MS, ms}},
                    .overage = PAWL_OVERAGE_BOOK_FULL},
    };
    event.u.event.subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE(PAWL_RUN_TENANT);
    submit(run, &event);
}

static void set_timer(struct pawl_run *run);

static void on_time(uv_timer_t *timer)
{
    struct pawl_run *run = timer->data;
    if (run->phase <= PAWL_RUN_RUNNING) {
        set_timer(run);
    }
}

/* For the moment at which the present phase has used up its time. What is not booked yet is on its
 * way, so the account is read as it will be. */
static void set_timer(struct pawl_run *run)
{
    const struct pawl_phase_plan *phase = &run->phases.phases[run->phase_at];
    struct pawl_account account;
    (void)uv_timer_stop(&run->phase_timer);
    pawl_phases_account(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                        phase->name, &account);
    if (account.units[PAWL_CAP_TIME].limit < 0) {
        return;
    }
    int64_t left_ms =
        account.units[PAWL_CAP_TIME].limit - account.units[PAWL_CAP_TIME].spent - unbooked_ms(run);
    if (left_ms > 0) {
        (void)uv_timer_start(&run->phase_timer, on_time, (uint64_t)left_ms, 0);
        return;
    }
    pawl_run_phases_book(run, 0);
    pawl_gateway_close_phase(run->gateway, run->phase_at, PAWL_UNIT_WALL_CLOCK_MS);
}

static void on_phase(void *arg, int phase)
{
    struct pawl_run *run = arg;
    pawl_run_phases_book(run, 0);
    run->phase_at = phase;
    struct pawl_command command = {
        .type = PAWL_COMMAND_SESSION_PHASE,
        .u.session_phase = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                            .name = pawl_slice_str(run->rundir.id),
                            .phase = pawl_slice_str(run->phases.phases[phase].name)},
    };
    submit(run, &command);
    if (run->phase <= PAWL_RUN_RUNNING) {
        set_timer(run);
    }
}

/* --- The gateway ---------------------------------------------------------------------------- */

static int of_tool(void *arg, struct pawl_slice name, struct pawl_slice arguments)
{
    const struct pawl_run *run = arg;
    return pawl_phases_of_tool(&run->phases, name, arguments);
}

static void on_closed(void *arg, int phase, uint16_t unit)
{
    struct pawl_run *run = arg;
    enum pawl_run_cap_index index = pawl_cap_of_unit(unit);
    const struct pawl_phase_plan *stand = &run->phases.phases[phase];
    struct pawl_account account;
    struct pawl_buf line;
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    pawl_phases_account(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                        stand->name, &account);
    bool asks = stand->mode == PAWL_PHASE_ASK;
    if (run->phase > PAWL_RUN_RUNNING || index == PAWL_CAP_COUNT ||
        account.units[index].limit < 0 || (asks && run->attended)) {
        return; /* The question says it, once somebody needs more. */
    }
    if (index == PAWL_CAP_ITERATIONS) {
        account.units[index].spent += account.units[index].held; /* They come back as none. */
    }
    pawl_buf_init(&line, LINE_BYTES);
    pawl_buf_printf(&line, "pawl: %s is at its limit: %s of %s. %s\n", stand->name,
                    pawl_cap_format(index, account.units[index].spent, spent),
                    pawl_cap_phrase(index, account.units[index].limit, limit),
                    stand->mode == PAWL_PHASE_HALT ? "The run stops with the next of it"
                    : asks ? "Nobody is there to ask, so no more of it is run; the rest goes on"
                           : "No more of it is run; the rest goes on");
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

void pawl_run_phases_options(struct pawl_run *run, struct pawl_phase_options *ret_options)
{
    *ret_options = (struct pawl_phase_options){.count = run->phases.count,
                                               .of_tool = of_tool,
                                               .on_phase = on_phase,
                                               .on_closed = on_closed};
    for (int i = 0; i < run->phases.count; i++) {
        ret_options->phases[i] = (struct pawl_phase){.name = run->phases.phases[i].name,
                                                     .mode = run->phases.phases[i].mode};
    }
    run->phase_at = PAWL_PHASE_BASE;
    run->phase_since_us = run->started_us;
}

/* --- Reports -------------------------------------------------------------------------------- */

void pawl_run_phases_report(struct pawl_run *run, struct pawl_phase_report *ret_report)
{
    *ret_report = (struct pawl_phase_report){
        .count = run->phases.count,
        .current = run->phase_at,
        .by_hand = pawl_gateway_pinned_phase(run->gateway) != PAWL_PHASE_NONE,
    };
    for (int i = 0; i < run->phases.count; i++) {
        struct pawl_phase_stand *stand = &ret_report->stands[i];
        stand->name = run->phases.phases[i].name;
        stand->mode = run->phases.phases[i].mode;
        stand->closed = pawl_gateway_phase_closed(run->gateway, i);
        pawl_phases_account(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                            stand->name, &stand->account);
        if (i == run->phase_at && run->phase < PAWL_RUN_ENDED) {
            stand->account.units[PAWL_CAP_TIME].spent += unbooked_ms(run);
        }
    }
}

void pawl_phase_report_put(const struct pawl_phase_report *report, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "phases");
    pawl_json_array_begin(writer);
    for (int i = 0; i < report->count; i++) {
        const struct pawl_phase_stand *stand = &report->stands[i];
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "phase", stand->name);
        pawl_json_member_str(writer, "on_limit", pawl_phase_mode_name(stand->mode));
        pawl_json_member_bool(writer, "closed", stand->closed);
        put_units(&stand->account, writer);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

/* --- Over the socket ------------------------------------------------------------------------ */

void pawl_run_phases_reply(struct pawl_run *run, struct pawl_http_exchange *exchange)
{
    struct pawl_phase_report report;
    struct pawl_json_writer writer;
    struct pawl_buf body;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_run_phases_report(run, &report);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", run->rundir.id);
    pawl_json_member_str(&writer, "phase", report.stands[report.current].name);
    pawl_json_member_bool(&writer, "by_hand", report.by_hand);
    pawl_phase_report_put(&report, &writer);
    pawl_json_object_end(&writer);
    pawl_control_reply(exchange, &body);
}

bool pawl_run_phase_ceiling(struct pawl_run *run, int phase, uint16_t unit, uint64_t *ret_budget)
{
    enum pawl_run_cap_index index = pawl_cap_of_unit(unit);
    const struct pawl_phase_plan *plan = &run->phases.phases[phase];
    return index != PAWL_CAP_COUNT && plan->caps[index].set &&
           find_budget(pawl_engine_core(run->engine), run->rundir.id, plan->name, unit, ret_budget);
}

void pawl_run_phases_reopen(struct pawl_run *run, int phase)
{
    pawl_gateway_open_phase(run->gateway, phase);
    if (phase == run->phase_at) {
        set_timer(run);
    }
}

int pawl_run_phase_of(struct pawl_run *run,
                      struct pawl_http_exchange *exchange,
                      struct pawl_slice name)
{
    int phase = pawl_phases_find(&run->phases, name);
    if (phase == PAWL_PHASE_NONE) {
        pawl_control_refuse(exchange, PAWL_RESULT_NOT_FOUND,
                            "there is no phase '%.*s': phases are named with --phase or in the "
                            "policy",
                            (int)pawl_slice_sub(name, 0, PAWL_PHASE_NAME_BYTES).bytes, name.data);
    }
    return phase;
}
