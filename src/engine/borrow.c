/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow.c: the authority that the gateway sees. A quote adds to what is lent what the lender was
 * last known to have; so it may promise too much, and a reserve finds out: it waits here for its
 * draw, and is refused with the numbers that came back.
 */
#include "engine/borrow.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "engine/borrow_priv.h"

static const uint16_t units[PAWL_BORROW_UNITS] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS,
                                                  PAWL_UNIT_ITERATIONS, PAWL_UNIT_TOOL_CALLS};

enum { TEXTS_BYTES_MAX = 64 * 1024 };

static struct pawl_borrower *of(struct pawl_authority *authority)
{
    return (struct pawl_borrower *)(void *)authority;
}

int64_t pawl_borrow_now_us(const struct pawl_borrower *borrower)
{
    return pawl_engine_now_us(borrower->options.engine);
}

static struct pawl_borrow_unit *unit_of(struct pawl_borrower *borrower, uint16_t unit)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].unit == unit && borrower->units[i].budget != 0) {
            return &borrower->units[i];
        }
    }
    return NULL; /* no limit ever counted it */
}

/* --- Numbers ------------------------------------------------------------------------------- */

struct pawl_budget_view pawl_borrow_view(const struct pawl_borrow_unit *unit)
{
    struct pawl_budget_view view = {.id = 0};
    const struct pawl_engine *engine = unit->borrower->options.engine;
    bool there = pawl_core_budget(pawl_engine_core(engine), unit->budget,
                                  pawl_borrow_now_us(unit->borrower), &view);
    PAWL_ASSERT(there);
    return view;
}

/* Its window has ended since it was heard of: the next one has nothing spent yet, as far as is
 * known here. A draw finds out. */
static bool begins_anew(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit)
{
    return limit->resets_at_us != 0 && limit->resets_at_us <= pawl_borrow_now_us(unit->borrower);
}

/* What a limit has left for everybody, now or at best. */
static int64_t
left_of(const struct pawl_borrow_unit *unit, const struct pawl_limit *limit, bool at_best)
{
    if (begins_anew(unit, limit)) {
        return limit->amount;
    }
    return at_best ? limit->amount - limit->spent : pawl_limit_left(limit);
}

int64_t pawl_borrow_lender_left(const struct pawl_borrow_unit *unit)
{
    int64_t least = unit->limit_count > 0 ? PAWL_AMOUNT_MAX : 0;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        least = pawl_min_i64(least, left_of(unit, &unit->limits[i], false));
    }
    return pawl_max_i64(least, 0);
}

static struct pawl_quote quote_own(const struct pawl_borrower *borrower,
                                   const struct pawl_subject *subject,
                                   struct pawl_slice phase,
                                   uint16_t unit)
{
    struct pawl_quote quote;
    struct pawl_denial denial;
    const struct pawl_engine *engine = borrower->options.engine;
    (void)pawl_core_quote(pawl_engine_core(engine), pawl_borrow_now_us(borrower), subject, phase,
                          &unit, 1, &quote, &denial);
    return quote;
}

int64_t pawl_borrow_own_left(const struct pawl_borrow_unit *unit)
{
    const struct pawl_borrower *borrower = unit->borrower;
    struct pawl_quote quote =
        quote_own(borrower, borrower->options.subject, PAWL_SLICE_NONE, unit->unit);
    return quote.bound ? pawl_max_i64(quote.remaining, 0) : PAWL_AMOUNT_MAX;
}

/* What the lender does not know yet to be spent. */
static int64_t untold(const struct pawl_borrow_unit *unit)
{
    return pawl_max_i64(pawl_borrow_view(unit).spent - unit->told_then, 0);
}

/* The limit that has the least left, now or at best. */
static const struct pawl_limit *tightest(const struct pawl_borrow_unit *unit, bool at_best)
{
    const struct pawl_limit *found = NULL;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < unit->limit_count; i++) {
        const struct pawl_limit *limit = &unit->limits[i];
        int64_t left = left_of(unit, limit, at_best);
        if (left < least) {
            least = left;
            found = limit;
        }
    }
    return found;
}

/* What the limits leave to this run: of what is lent and what more could be, and at best. */
static void limits_leave(const struct pawl_borrow_unit *unit, int64_t *ret_free, int64_t *ret_room)
{
    const struct pawl_borrower *borrower = unit->borrower;
    struct pawl_budget_view view = pawl_borrow_view(unit);
    const struct pawl_limit *limit = tightest(unit, true);
    *ret_free = view.remaining;
    *ret_room = PAWL_AMOUNT_MAX;
    if (unit->lifted) {
        *ret_free = PAWL_AMOUNT_MAX;
    } else if (!borrower->unreachable && limit != NULL) {
        *ret_free += pawl_borrow_lender_left(unit);
        *ret_room = left_of(unit, limit, true) - (begins_anew(unit, limit) ? 0 : untold(unit));
    }
}

/* --- Quotes -------------------------------------------------------------------------------- */

static void add_limits(struct pawl_borrow_unit *unit, struct pawl_quote *quote)
{
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    if (!quote->bound) {
        *quote = (struct pawl_quote){
            .bound = true, .remaining = PAWL_AMOUNT_MAX, .headroom = PAWL_AMOUNT_MAX};
    }
    quote->headroom = pawl_min_i64(quote->headroom, room);
    if (free >= quote->remaining) {
        return;
    }
    /* Limit, spent and held stay the run's own: shares of a cap are meant as shares of that. */
    unit->pressed_us = pawl_borrow_now_us(unit->borrower);
    quote->remaining = free;
    quote->budget = unit->budget;
}

static uint16_t borrower_quote(struct pawl_authority *authority,
                               const struct pawl_subject *subject,
                               struct pawl_slice phase,
                               const uint16_t *asked,
                               uint32_t count,
                               struct pawl_quote *ret_quotes,
                               struct pawl_denial *ret_denial)
{
    struct pawl_borrower *borrower = of(authority);
    struct pawl_authority *own = pawl_engine_authority(borrower->options.engine);
    uint16_t code = own->ops->quote(own, subject, phase, asked, count, ret_quotes, ret_denial);
    for (uint32_t i = 0; i < count; i++) {
        struct pawl_borrow_unit *unit = unit_of(borrower, asked[i]);
        if (unit != NULL && !unit->lifted) {
            add_limits(unit, &ret_quotes[i]);
        }
    }
    return code;
}

static int64_t borrower_now(struct pawl_authority *authority)
{
    return pawl_borrow_now_us(of(authority));
}

static bool borrower_shared(struct pawl_authority *authority,
                            const struct pawl_subject *subject,
                            uint16_t asked,
                            bool at_best,
                            struct pawl_shared_limit *ret_shared)
{
    struct pawl_borrower *borrower = of(authority);
    struct pawl_borrow_unit *unit = unit_of(borrower, asked);
    if (unit == NULL || unit->lifted) {
        return false;
    }
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    struct pawl_quote own = quote_own(borrower, subject, PAWL_SLICE_NONE, asked);
    const struct pawl_limit *limit = tightest(unit, at_best);
    if (limit == NULL || (own.bound && (at_best ? own.headroom <= room : own.remaining <= free))) {
        return false;
    }
    unit->lacking = true;
    *ret_shared = (struct pawl_shared_limit){
        .unreachable = borrower->unreachable, .why = borrower->why, .limit = *limit};
    ret_shared->limit.spent += untold(unit);
    ret_shared->limit.held = pawl_max_i64(limit->held - unit->lent_then, 0);
    return true;
}

/* --- Waiting ------------------------------------------------------------------------------- */

static struct pawl_slice keep(struct pawl_buf *texts, struct pawl_slice text)
{
    char *start = pawl_buf_reserve(texts, text.bytes);
    PAWL_ASSERT(start != NULL); /* all of it was reserved before */
    pawl_buf_append_slice(texts, text);
    return pawl_slice_of(start, text.bytes);
}

/* The texts of a subject, one after the other; the visitor may replace each. */
static void each_text(struct pawl_subject *subject,
                      void (*visit)(struct pawl_buf *texts, struct pawl_slice *text),
                      struct pawl_buf *texts)
{
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        visit(texts, &subject->levels[i]);
    }
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        visit(texts, &subject->dimensions[i].name);
        visit(texts, &subject->dimensions[i].value);
    }
    visit(texts, &subject->session);
}

static void keep_text(struct pawl_buf *texts, struct pawl_slice *text)
{
    *text = text->bytes > 0 ? keep(texts, *text) : *text;
}

static struct pawl_subject *subject_of(struct pawl_command *command, struct pawl_slice **ret_phase)
{
    if (command->type == PAWL_COMMAND_RESERVE) {
        *ret_phase = &command->u.reserve.phase;
        return &command->u.reserve.subject;
    }
    if (command->type == PAWL_COMMAND_EVENT) {
        *ret_phase = &command->u.event.phase;
        return &command->u.event.subject;
    }
    return NULL;
}

/* The command outlives the call that gave it. */
static bool copy_command(struct pawl_borrow_wait *wait)
{
    struct pawl_command *command = &wait->command;
    struct pawl_slice *phase = NULL;
    struct pawl_subject *subject = subject_of(command, &phase);
    pawl_buf_init(&wait->texts, TEXTS_BYTES_MAX);
    if (pawl_buf_reserve(&wait->texts, TEXTS_BYTES_MAX / 4) == NULL) {
        return false;
    }
    keep_text(&wait->texts, &command->metadata);
    keep_text(&wait->texts, &command->idempotency_key);
    if (subject != NULL) {
        keep_text(&wait->texts, phase);
        each_text(subject, keep_text, &wait->texts);
    }
    return true;
}

static void free_wait(struct pawl_borrow_wait *wait)
{
    pawl_buf_free(&wait->texts);
    pawl_free(wait);
}

static const struct pawl_amount *lines_of(const struct pawl_command *command, uint32_t *ret_count)
{
    *ret_count = 0;
    if (command->type == PAWL_COMMAND_RESERVE) {
        *ret_count = command->u.reserve.line_count;
        return command->u.reserve.lines;
    }
    if (command->type == PAWL_COMMAND_GROW) {
        *ret_count = command->u.grow.line_count;
        return command->u.grow.lines;
    }
    /* What has happened is booked in any case. */
    if (command->type == PAWL_COMMAND_EVENT && command->u.event.overage == PAWL_OVERAGE_REJECT) {
        *ret_count = command->u.event.line_count;
        return command->u.event.lines;
    }
    return NULL;
}

/* By how much the first unit that is short is short; NULL: none is. */
static struct pawl_borrow_unit *find_short(struct pawl_borrower *borrower,
                                           const struct pawl_command *command,
                                           int64_t *ret_asked,
                                           int64_t *ret_missing)
{
    uint32_t count = 0;
    const struct pawl_amount *lines = lines_of(command, &count);
    for (uint32_t i = 0; i < count && i < PAWL_LINES_MAX; i++) {
        struct pawl_borrow_unit *unit = unit_of(borrower, lines[i].unit);
        if (unit == NULL || unit->lifted || !pawl_amount_valid(lines[i].value)) {
            continue;
        }
        int64_t left = pawl_borrow_view(unit).remaining;
        if (left < lines[i].value) {
            *ret_asked = lines[i].value;
            *ret_missing = lines[i].value - left;
            return unit;
        }
    }
    return NULL;
}

static void refuse(struct pawl_borrower *borrower,
                   struct pawl_op *op,
                   const struct pawl_borrow_unit *unit,
                   int64_t asked)
{
    const struct pawl_limit *limit = tightest(unit, false);
    struct pawl_denial denial = {.budget = unit->budget, .unit = unit->unit, .asked = asked};
    int64_t free = 0;
    int64_t room = 0;
    limits_leave(unit, &free, &room);
    denial.fits = pawl_max_i64(free, 0);
    if (limit != NULL) {
        denial.window_kind = limit->window.kind;
        denial.limit = limit->amount;
        denial.spent = limit->spent + untold(unit);
        denial.held = pawl_max_i64(denial.limit - denial.spent - free, 0);
        denial.resets_at_us = limit->resets_at_us;
    }
    bool counts = unit->unit == PAWL_UNIT_ITERATIONS || unit->unit == PAWL_UNIT_TOOL_CALLS;
    op->result = (struct pawl_result){
        .code = counts ? PAWL_RESULT_CAP_EXCEEDED : PAWL_RESULT_BUDGET_EXCEEDED,
        .now_us = pawl_borrow_now_us(borrower),
        .denial = denial,
    };
    op->done(op);
}

/* true: it goes on waiting. */
static bool serve_one(struct pawl_borrower *borrower, struct pawl_borrow_wait *wait)
{
    int64_t asked = 0;
    int64_t missing = 0;
    struct pawl_borrow_unit *unit = find_short(borrower, &wait->command, &asked, &missing);
    if (unit == NULL) {
        pawl_engine_submit(borrower->options.engine, &wait->command, wait->op);
        return false;
    }
    if (unit->drawing) {
        return true;
    }
    bool had_its_draw = borrower->unreachable || borrower->ending ||
                        (unit->refused && missing > pawl_borrow_lender_left(unit));
    if (!had_its_draw) {
        pawl_borrow_draw(unit, missing);
    }
    if (unit->drawing) {
        return true;
    }
    refuse(borrower, wait->op, unit, asked);
    return false;
}

void pawl_borrow_serve(struct pawl_borrower *borrower)
{
    if (borrower->serving) {
        return;
    }
    borrower->serving = true;
    struct pawl_borrow_wait *wait = borrower->wait_first;
    borrower->wait_first = NULL;
    borrower->wait_last = NULL;
    while (wait != NULL) {
        struct pawl_borrow_wait *next = wait->next;
        wait->next = NULL;
        if (serve_one(borrower, wait)) {
            if (borrower->wait_last != NULL) {
                borrower->wait_last->next = wait;
            } else {
                borrower->wait_first = wait;
            }
            borrower->wait_last = wait;
        } else {
            free_wait(wait);
        }
        wait = next;
    }
    borrower->serving = false;
}

/* --- The door ------------------------------------------------------------------------------ */

static void wait_for_more(struct pawl_borrower *borrower,
                          const struct pawl_command *command,
                          struct pawl_op *op,
                          struct pawl_borrow_unit *unit,
                          int64_t missing)
{
    struct pawl_borrow_wait *wait = pawl_alloc_zeroed(1, sizeof(*wait));
    if (wait != NULL) {
        wait->op = op;
        wait->command = *command;
    }
    if (wait == NULL || !copy_command(wait)) {
        pawl_free(wait);
        pawl_engine_submit(borrower->options.engine, command, op); /* which says no */
        return;
    }
    if (borrower->wait_last != NULL) {
        borrower->wait_last->next = wait;
    } else {
        borrower->wait_first = wait;
    }
    borrower->wait_last = wait;
    pawl_borrow_draw(unit, missing);
}

static void borrower_submit(struct pawl_authority *authority,
                            const struct pawl_command *command,
                            struct pawl_op *op)
{
    struct pawl_borrower *borrower = of(authority);
    struct pawl_command own = *command;
    struct pawl_slice *phase = NULL;
    struct pawl_subject *subject = subject_of(&own, &phase);
    if (subject != NULL && subject->dimension_count < PAWL_DIMENSIONS_MAX) {
        subject->dimensions[subject->dimension_count++] =
            (struct pawl_dimension){PAWL_SLICE(PAWL_LENT_DIMENSION), PAWL_SLICE(PAWL_LENT_VALUE)};
    }
    int64_t asked = 0;
    int64_t missing = 0;
    struct pawl_borrow_unit *unit = find_short(borrower, &own, &asked, &missing);
    if (unit != NULL && !borrower->ending &&
        (unit->drawing || pawl_borrow_now_us(borrower) >= unit->retry_us)) {
        wait_for_more(borrower, &own, op, unit, missing);
        return;
    }
    pawl_engine_submit(borrower->options.engine, &own, op);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_consider(&borrower->units[i]);
    }
}

static const struct pawl_authority_ops borrower_ops = {
    .submit = borrower_submit,
    .quote = borrower_quote,
    .now_us = borrower_now,
    .shared = borrower_shared,
};

/* --- The heartbeat ------------------------------------------------------------------------- */

/* Somebody lately got less than he wanted. */
static bool is_hungry(const struct pawl_borrower *borrower)
{
    int64_t since_us = pawl_borrow_now_us(borrower) - PAWL_BORROW_HUNGRY_FOR_MS * PAWL_US_PER_MS;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        if ((unit->refused && unit->refused_us > since_us) || unit->pressed_us > since_us) {
            return true;
        }
    }
    return false;
}

/* A window of a limit has ended since it was looked at. */
static bool window_ended(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count; k++) {
            if (begins_anew(unit, &unit->limits[k])) {
                return true;
            }
        }
    }
    return false;
}

static void tick_units(struct pawl_borrower *borrower, bool give_back)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_tick_unit(&borrower->units[i], give_back);
    }
}

static void on_looked(struct pawl_lend_ask *ask)
{
    struct pawl_borrower *borrower = ask->arg;
    bool was_out_of_reach = borrower->unreachable;
    borrower->looking = false;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    pawl_borrow_set_reach(borrower, &ask->answer);
    if (pawl_failed(ask->answer.err)) {
        return;
    }
    bool more = pawl_borrow_hear(borrower, &ask->answer) || was_out_of_reach;
    pawl_borrow_serve(borrower);
    tick_units(borrower, ask->answer.wanted);
    /* Less may matter, too: a call that waits for others learns that they have spent it. */
    if ((more || is_hungry(borrower)) && borrower->options.on_more != NULL) {
        borrower->options.on_more(borrower->options.arg);
    }
}

/* One at a time; the next look tells of the next. */
static uint16_t take_lacking(struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].lacking) {
            borrower->units[i].lacking = false;
            return borrower->units[i].unit;
        }
    }
    return PAWL_UNIT_NONE;
}

static void look(struct pawl_borrower *borrower)
{
    int64_t since_ms = (pawl_borrow_now_us(borrower) - borrower->looked_us) / PAWL_US_PER_MS;
    bool soon = is_hungry(borrower) || borrower->unreachable || window_ended(borrower);
    if (borrower->looking || borrower->ending ||
        since_ms < (soon ? PAWL_BORROW_HUNGRY_MS - 100 : PAWL_BORROW_LOOK_MS)) {
        return;
    }
    borrower->looking = true;
    borrower->look_ask = (struct pawl_lend_ask){
        .request = {.kind = PAWL_LEND_LOOK, .unit = take_lacking(borrower)},
        .done = on_looked,
        .arg = borrower,
    };
    borrower->options.link.ask(borrower->options.link.arg, &borrower->look_ask);
}

void pawl_borrower_tick(struct pawl_borrower *borrower)
{
    tick_units(borrower, false);
    pawl_borrow_serve(borrower);
    look(borrower);
    pawl_borrow_check_end(borrower);
}

/* --- Life ---------------------------------------------------------------------------------- */

pawl_err pawl_borrower_new(const struct pawl_borrower_options *options,
                           struct pawl_borrower **ret_borrower)
{
    PAWL_ASSERT(options->limit_count > 0 && options->limit_count <= PAWL_LEND_LIMITS_MAX);
    struct pawl_borrower *borrower = pawl_alloc_zeroed(1, sizeof(*borrower));
    struct pawl_lend_answer *found = pawl_alloc_zeroed(1, sizeof(*found));
    if (borrower == NULL || found == NULL) {
        pawl_free(borrower);
        pawl_free(found);
        return PAWL_ERR(MEMORY);
    }
    borrower->base.ops = &borrower_ops;
    borrower->options = *options;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        borrower->units[i].borrower = borrower;
        borrower->units[i].unit = units[i];
    }
    found->limit_count = options->limit_count;
    memcpy(found->limits, options->limits, options->limit_count * sizeof(found->limits[0]));
    (void)pawl_borrow_hear(borrower, found);
    pawl_free(found);
    borrower->options.limits = NULL;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_consider(&borrower->units[i]);
    }
    *ret_borrower = borrower;
    return PAWL_OK;
}

struct pawl_authority *pawl_borrower_authority(struct pawl_borrower *borrower)
{
    return &borrower->base;
}

bool pawl_borrower_settled(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        if (unit->first != NULL || unit->drawing || unit->unanswered) {
            return false;
        }
    }
    return true;
}

void pawl_borrow_check_end(struct pawl_borrower *borrower)
{
    void (*ended)(void *arg) = borrower->ended;
    if (borrower->ending && ended != NULL && pawl_borrower_settled(borrower)) {
        borrower->ended = NULL;
        ended(borrower->ended_arg);
    }
}

void pawl_borrower_end(struct pawl_borrower *borrower, void (*done)(void *arg), void *arg)
{
    PAWL_ASSERT(borrower->ended == NULL && done != NULL);
    borrower->ending = true;
    borrower->ended = done;
    borrower->ended_arg = arg;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_consider(&borrower->units[i]);
    }
    pawl_borrow_serve(borrower);
}

uint32_t pawl_borrower_limits(const struct pawl_borrower *borrower,
                              struct pawl_limit ret_limits[static PAWL_LEND_LIMITS_MAX])
{
    uint32_t count = 0;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count && count < PAWL_LEND_LIMITS_MAX; k++) {
            ret_limits[count] = unit->limits[k];
            ret_limits[count].spent += untold(unit);
            ret_limits[count].held = pawl_max_i64(unit->limits[k].held - unit->lent_then, 0);
            count++;
        }
    }
    return count;
}

bool pawl_borrower_may_have(struct pawl_borrower *borrower, uint16_t asked, int64_t amount)
{
    const struct pawl_borrow_unit *unit = unit_of(borrower, asked);
    int64_t free = PAWL_AMOUNT_MAX;
    int64_t room = 0;
    if (unit != NULL) {
        limits_leave(unit, &free, &room);
    }
    return free >= amount;
}

void pawl_borrower_free(struct pawl_borrower *borrower)
{
    if (borrower == NULL) {
        return;
    }
    PAWL_ASSERT(borrower->wait_first == NULL);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        struct pawl_borrow_slice *slice = borrower->units[i].first;
        while (slice != NULL) {
            struct pawl_borrow_slice *next = slice->next;
            pawl_free(slice);
            slice = next;
        }
    }
    pawl_free(borrower);
}
