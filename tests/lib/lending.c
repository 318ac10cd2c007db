/* SPDX-License-Identifier: Apache-2.0 */
/* lending.c: see lending.h. */
#include "tests/lib/lending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint64_t lending_draw(struct world *world, uint64_t below)
{
    return pawl_prng_below(&world->prng, below);
}

/* --- The wire ------------------------------------------------------------------------------ */

static void on_lent(struct pawl_lend_ask *ask)
{
    struct letter *letter = ask->arg;
    letter->answered = true;
}

static void on_ask(void *arg, struct pawl_lend_ask *ask)
{
    struct run *run = arg;
    struct world *world = run->world;
    struct letter *letter = calloc(1, sizeof(*letter));
    assert_non_null(letter);
    assert_true(world->wire_count < WIRE);
    letter->run = run;
    letter->asked = ask;
    world->wire[world->wire_count++] = letter;
}

static void take_off(struct world *world, uint32_t index)
{
    free(world->wire[index]);
    world->wire_count--;
    memmove(&world->wire[index], &world->wire[index + 1],
            (world->wire_count - index) * sizeof(world->wire[0]));
}

static void deliver(struct world *world, uint32_t index, pawl_err err)
{
    struct letter *letter = world->wire[index];
    struct pawl_lend_ask *asked = letter->asked;
    if (asked != NULL) {
        asked->answer = letter->own.answer;
        asked->answer.err = err;
    }
    take_off(world, index);
    if (asked != NULL) {
        asked->done(asked);
    }
}

/* Moves the first letter of some run by one step. */
void lending_carry(struct world *world)
{
    for (uint32_t i = 0; i < world->wire_count; i++) {
        struct letter *letter = world->wire[i];
        if (world->lender == NULL) {
            deliver(world, i, PAWL_ERR(UNREACHABLE));
            return;
        }
        if (!letter->sent && letter->asked != NULL) {
            struct pawl_lend_place place = {.run = letter->run->name, .dir = "", .repo = ""};
            letter->sent = true;
            letter->own = (struct pawl_lend_ask){
                .request = letter->asked->request, .done = on_lent, .arg = letter};
            pawl_lender_ask(world->lender, &place, &letter->own);
            return;
        }
        if (letter->answered) {
            deliver(world, i, PAWL_OK);
            return;
        }
    }
}

/* --- The lender ---------------------------------------------------------------------------- */

void lending_open_lender(struct world *world)
{
    struct pawl_errmsg msg = {""};
    kit_open(&world->kit);
    struct pawl_lender_options options = {.engine = world->kit.engine};
    assert_true(pawl_ok(pawl_lender_new(&options, &world->lender, &msg)));
}

static void on_changed(struct pawl_limit_change *change)
{
    assert_true(pawl_ok(change->err));
}

void lending_set_limit(struct world *world, uint8_t period, int64_t amount)
{
    struct pawl_limit_change change = {
        .remove = amount == 0,
        .limit = {.unit = USD,
                  .amount = amount,
                  .zone = "UTC",
                  .window = {.kind = PAWL_WINDOW_CALENDAR, .period = period}},
        .done = on_changed,
    };
    (void)snprintf(change.limit.name, sizeof(change.limit.name), "limit-%u", (unsigned)period);
    pawl_lender_change(world->lender, &change);
    pawl_engine_flush(world->kit.engine);
}

/* What a run asks before each reserve. */
static bool has_changed(void *arg)
{
    struct run *run = arg;
    bool changed = run->changes_seen != run->world->changes;
    run->changes_seen = run->world->changes;
    return changed;
}

struct pawl_limit lending_limit_of(const struct world *world)
{
    struct pawl_limit limit;
    uint32_t cursor = 0;
    assert_true(pawl_lender_limit_next(world->lender, &cursor, &limit));
    return limit;
}

struct pawl_limit lending_limit_beside(const struct world *world)
{
    struct pawl_limit limit;
    uint32_t cursor = 1;
    assert_true(pawl_lender_limit_next(world->lender, &cursor, &limit));
    return limit;
}

/* What dies leaves its memory behind, as a process does. */
void lending_kill_lender(struct world *world)
{
    world->lender = NULL;
    kit_crash(&world->kit, lending_draw(world, 2) == 0);
    for (uint32_t i = world->wire_count; i > 0; i--) {
        deliver(world, i - 1, PAWL_ERR(UNREACHABLE));
    }
    world->deaths++;
}

/* --- Runs ---------------------------------------------------------------------------------- */

void lending_begin_run(struct world *world, struct run *run)
{
    *run = (struct run){
        .world = world, .generation = run->generation + 1, .changes_seen = world->changes};
    (void)snprintf(run->name, sizeof(run->name), "run_%u_%u", (unsigned)(run - world->runs),
                   run->generation);
    kit_init(&run->kit, lending_draw(world, UINT64_MAX));
    run->kit.time = world->kit.time;
    kit_open(&run->kit);
    struct pawl_command open = {
        .type = PAWL_COMMAND_SESSION_OPEN,
        .u.session_open = {.tenant = PAWL_SLICE("local"),
                           .name = pawl_slice_str(run->name),
                           .cap_count = 1,
                           .caps = {{.unit = USD, .amount = RUN_CAP}}},
    };
    kit_must(&run->kit, &open);
    run->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    run->subject.session = pawl_slice_str(run->name);
    struct pawl_limit found[LIMITS];
    uint32_t count = 0;
    while (count < LIMITS && pawl_lender_limit_next(world->lender, &count, &found[count])) {
    }
    struct pawl_borrower_options options = {
        .engine = run->kit.engine,
        .subject = &run->subject,
        .link = {.ask = on_ask, .arg = run},
        .changed = has_changed,
        .arg = run,
        .limits = found,
        .limit_count = count,
    };
    assert_true(pawl_ok(pawl_borrower_new(&options, &run->borrower)));
}

static void on_reserved(struct pawl_op *op)
{
    struct hold *hold = op->arg;
    hold->asked = false;
    hold->used = op->result.code == PAWL_RESULT_OK;
    hold->id = op->result.id;
    hold->run->refused += hold->used ? 0 : 1;
}

static void on_committed(struct pawl_op *op)
{
    struct hold *hold = op->arg;
    struct world *world = hold->run->world;
    /* One that expired is booked in full, and stays so. */
    bool expired = op->result.code == PAWL_RESULT_RESERVATION_EXPIRED;
    assert_true(op->result.code == PAWL_RESULT_OK || expired);
    if (hold->epoch == world->epoch) {
        world->beside_spent += expired ? hold->amount : hold->charge;
    }
    *hold = (struct hold){.used = false};
}

static void submit(struct run *run, const struct pawl_command *command, struct hold *hold)
{
    struct pawl_authority *authority = pawl_borrower_authority(run->borrower);
    authority->ops->submit(authority, command, &hold->op);
}

bool lending_call(struct run *run)
{
    struct hold *hold = &run->holds[lending_draw(run->world, HOLDS)];
    if (hold->used || hold->asked) {
        return false;
    }
    *hold = (struct hold){.run = run,
                          .asked = true,
                          .epoch = run->world->epoch,
                          .amount = 1 + (int64_t)lending_draw(run->world, (uint64_t)CALL_MAX),
                          .op = {.done = on_reserved, .arg = hold}};
    struct pawl_command reserve = {
        .type = PAWL_COMMAND_RESERVE,
        .u.reserve = {.subject = run->subject,
                      .line_count = 1,
                      .lines = {{USD, hold->amount}},
                      .ttl_ms = INT64_C(600) * 1000,
                      .grace_ms = 1000,
                      .overage = PAWL_OVERAGE_BOOK_FULL,
                      .extensions_max = PAWL_EXTENSIONS_MAX,
                      .on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD},
    };
    submit(run, &reserve, hold);
    return true;
}

void lending_settle_call(struct run *run)
{
    struct hold *hold = &run->holds[lending_draw(run->world, HOLDS)];
    if (!hold->used || hold->settling) {
        return;
    }
    hold->settling = true;
    hold->op = (struct pawl_op){
        .done = on_committed, .arg = hold, .lazy = lending_draw(run->world, 2) == 0};
    hold->charge = (int64_t)lending_draw(run->world, (uint64_t)hold->amount + 1);
    struct pawl_command commit = {
        .type = PAWL_COMMAND_COMMIT,
        .u.settle = {.reservation = hold->id, .line_count = 1, .lines = {{USD, hold->charge}}},
    };
    submit(run, &commit, hold);
}

struct pawl_budget_view lending_lent_to(const struct run *run)
{
    struct pawl_scope_name scope = {
        .dimension = {PAWL_SLICE(PAWL_LENT_DIMENSION), PAWL_SLICE(PAWL_LENT_VALUE)}};
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_budget_view view = {.spent = 0};
    const struct pawl_core *core = pawl_engine_core(run->kit.engine);
    uint64_t budget = 0;
    scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    bool there = pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, USD, &lifetime, &budget) &&
                 pawl_core_budget(core, budget, pawl_core_now_us(core), &view);
    if (there) {
        assert_true(view.remaining >= 0);
    }
    return view;
}

int64_t lending_spent_of(const struct run *run)
{
    return lending_lent_to(run).spent;
}

void lending_keep(struct run *run, int64_t amount)
{
    struct pawl_authority *authority = pawl_borrower_authority(run->borrower);
    struct pawl_keep keep = {.shared = amount};
    int64_t free = 0;
    int64_t room = 0;
    assert_true(authority->ops->keep(authority, USD, &keep, &free, &room));
}

void lending_kill_run(struct run *run)
{
    struct world *world = run->world;
    struct pawl_budget_view lent = lending_lent_to(run);
    run->used_at_death = lent.spent + lent.reserved;
    run->borrower = NULL;
    kit_crash(&run->kit, lending_draw(world, 2) == 0);
    for (uint32_t i = world->wire_count; i > 0; i--) {
        struct letter *letter = world->wire[i - 1];
        if (letter->run == run && !letter->sent) {
            take_off(world, i - 1);
        } else if (letter->run == run) {
            letter->asked = NULL;
        }
    }
    world->deaths++;
}

/* --- Settling a run that died --------------------------------------------------------------- */

static bool feed(void *arg, const struct pawl_record *record)
{
    pawl_lent_feed(arg, record);
    return true;
}

/* As run/settle.c does: the time of this journal moves on until nothing is held. */
static void expire_holds(struct run *run)
{
    const struct pawl_core *core = pawl_engine_core(run->kit.engine);
    for (int64_t due = pawl_core_next_due_us(core); due != INT64_MAX;
         due = pawl_core_next_due_us(core)) {
        int64_t now_us = pawl_engine_now_us(run->kit.engine);
        struct pawl_core_stats stats;
        pawl_core_stats(core, &stats);
        uint32_t cursor = 0;
        uint64_t id = 0;
        bool held = false;
        struct pawl_reservation_view view;
        while (pawl_core_reservation_next(core, &cursor, &id)) {
            held = held ||
                   (pawl_core_reservation(core, id, &view) && view.state == PAWL_RESERVATION_HELD);
        }
        if (!held) {
            return;
        }
        pawl_clock_manual_advance(&run->kit.time, due > now_us ? due - now_us : 0);
        pawl_engine_tick(run->kit.engine);
        pawl_engine_flush(run->kit.engine);
    }
}

static void on_settled(struct pawl_lend_ask *ask)
{
    ask->arg = NULL;
}

static struct pawl_lend_answer
tell(struct world *world, const struct run *run, struct pawl_lend_request request)
{
    struct pawl_lend_place place = {.run = run->name, .dir = "", .repo = ""};
    struct pawl_lend_ask *ask = calloc(1, sizeof(*ask));
    assert_non_null(ask);
    *ask = (struct pawl_lend_ask){.request = request, .done = on_settled, .arg = world};
    pawl_lender_ask(world->lender, &place, ask);
    pawl_engine_flush(world->kit.engine);
    assert_null(ask->arg);
    struct pawl_lend_answer answer = ask->answer;
    free(ask);
    return answer;
}

/* What lending.c sends for a run that died; false: the lender died in the middle. */
static bool give_back(struct world *world, struct run *run, struct pawl_lent *lent)
{
    for (uint32_t i = 0; i < lent->count; i++) {
        if (lending_draw(world, 12) == 0) {
            lending_kill_lender(world);
            return false;
        }
        struct pawl_lend_request settle = {
            .kind = PAWL_LEND_SETTLE, .unit = USD, .spent = lent->slices[i].spent};
        memcpy(settle.slice, lent->slices[i].slice, sizeof(settle.slice));
        (void)tell(world, run, settle);
    }
    bool was_drawn = lent->bound[USD];
    for (uint64_t number = 1; was_drawn || number <= lent->last_number[USD]; number++) {
        struct pawl_lend_request again = {
            .kind = PAWL_LEND_DRAW, .unit = USD, .number = number, .at_least = 1, .want = 1};
        struct pawl_lend_answer found = {.code = PAWL_RESULT_GONE, .again = true};
        if (!pawl_lent_has(lent, USD, number)) {
            found = tell(world, run, again);
        }
        was_drawn = found.again;
        if (found.code == PAWL_RESULT_OK) {
            struct pawl_lend_request nothing = {.kind = PAWL_LEND_SETTLE, .unit = USD};
            memcpy(nothing.slice, found.slice, sizeof(nothing.slice));
            (void)tell(world, run, nothing);
        }
    }
    return true;
}

void lending_settle_run(struct world *world, struct run *run)
{
    struct pawl_lent lent = {.count = 0};
    struct pawl_errmsg msg = {""};
    run->kit.accept_clock = true;
    kit_open(&run->kit);
    expire_holds(run);
    assert_true(pawl_ok(pawl_engine_records(run->kit.engine, 1, feed, &lent, &msg)));
    pawl_lent_share(&lent, pawl_engine_core(run->kit.engine), PAWL_SLICE("local"));
    while (!give_back(world, run, &lent)) {
        lending_open_lender(world);
    }
    pawl_lent_free(&lent);
    int64_t spent = lending_spent_of(run);
    world->spent_before += spent;
    /* What it had given back to itself just before it died may not have been durable. */
    world->bound += pawl_max_i64(spent - run->used_at_death, 0);
    kit_free(&run->kit);
}

/* --- The world ----------------------------------------------------------------------------- */

void lending_advance(struct world *world, int64_t us)
{
    pawl_clock_manual_advance(&world->kit.time, us);
    if (world->lender != NULL) {
        pawl_engine_tick(world->kit.engine);
    }
    for (size_t i = 0; i < RUNS; i++) {
        struct run *run = &world->runs[i];
        if (run->borrower != NULL) {
            pawl_clock_manual_advance(&run->kit.time, us);
            pawl_engine_tick(run->kit.engine);
            pawl_borrower_tick(run->borrower);
        }
    }
}
