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
        struct pawl_borrow_unit *unit = pawl_borrow_unit_of(borrower, lines[i].unit);
        if (unit == NULL || unit->lifted || !pawl_amount_valid(lines[i].value)) {
            continue;
        }
        int64_t left = pawl_borrow_free(unit);
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
    bool counts =
        unit != NULL && (unit->unit == PAWL_UNIT_ITERATIONS || unit->unit == PAWL_UNIT_TOOL_CALLS);
    op->result = (struct pawl_result){
        .code = counts ? PAWL_RESULT_CAP_EXCEEDED : PAWL_RESULT_BUDGET_EXCEEDED,
        .now_us = pawl_borrow_now_us(borrower),
    };
    if (unit != NULL) {
        op->result.denial = pawl_borrow_denial(unit, asked);
    }
    op->done(op);
}

/* Holds that were taken before any limit counted know nothing of the scope of what is lent. */
static bool is_bound(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].budget != 0) {
            return true;
        }
    }
    return false;
}

static void put_scope(const struct pawl_borrower *borrower, struct pawl_command *command)
{
    struct pawl_slice *phase = NULL;
    struct pawl_subject *subject = subject_of(command, &phase);
    if (subject != NULL && is_bound(borrower) && subject->dimension_count < PAWL_DIMENSIONS_MAX) {
        subject->dimensions[subject->dimension_count++] =
            (struct pawl_dimension){PAWL_SLICE(PAWL_LENT_DIMENSION), PAWL_SLICE(PAWL_LENT_VALUE)};
    }
}

/* Whether it cannot be said yet, or at all, which limits bind. */
static bool in_the_dark(const struct pawl_borrower *borrower, const struct pawl_command *command)
{
    return command->type == PAWL_COMMAND_RESERVE && !borrower->ending &&
           (borrower->checking || borrower->unknown);
}

/* true: it goes on waiting. */
static bool serve_one(struct pawl_borrower *borrower, struct pawl_borrow_wait *wait)
{
    int64_t asked = 0;
    int64_t missing = 0;
    if (in_the_dark(borrower, &wait->command)) {
        if (!borrower->checking) {
            refuse(borrower, wait->op, NULL, 0);
        }
        return borrower->checking;
    }
    struct pawl_borrow_unit *unit = find_short(borrower, &wait->command, &asked, &missing);
    if (unit == NULL) {
        put_scope(borrower, &wait->command);
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

/* `unit`: what it waits for; NULL: a word of the lender. */
static void wait_for_more(struct pawl_borrower *borrower,
                          const struct pawl_command *command,
                          struct pawl_op *op,
                          struct pawl_borrow_unit *unit,
                          int64_t missing)
{
    struct pawl_borrow_wait *wait = pawl_alloc_zeroed(1, sizeof(*wait));
    PAWL_ASSERT(wait != NULL); /* a process that has no memory for this has none to go on */
    wait->op = op;
    wait->command = *command;
    bool copied = copy_command(wait);
    PAWL_ASSERT(copied); /* likewise */
    if (borrower->wait_last != NULL) {
        borrower->wait_last->next = wait;
    } else {
        borrower->wait_first = wait;
    }
    borrower->wait_last = wait;
    if (unit != NULL) {
        pawl_borrow_draw(unit, missing);
    }
}

void pawl_borrow_submit(struct pawl_authority *authority,
                        const struct pawl_command *command,
                        struct pawl_op *op)
{
    struct pawl_borrower *borrower = of(authority);
    const struct pawl_borrower_options *options = &borrower->options;
    int64_t asked = 0;
    int64_t missing = 0;
    if (command->type == PAWL_COMMAND_RESERVE && !borrower->ending && options->changed != NULL &&
        options->changed(options->arg)) {
        pawl_borrower_check(borrower);
    }
    if (in_the_dark(borrower, command)) {
        wait_for_more(borrower, command, op, NULL, 0);
        return;
    }
    struct pawl_borrow_unit *unit = find_short(borrower, command, &asked, &missing);
    if (unit != NULL && !borrower->ending) {
        wait_for_more(borrower, command, op, unit, missing);
        return;
    }
    struct pawl_command own = *command;
    put_scope(borrower, &own);
    pawl_engine_submit(options->engine, &own, op);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        pawl_borrow_consider(&borrower->units[i]);
    }
}

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
            if (pawl_borrow_begins_anew(unit, &unit->limits[k])) {
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

static void begin_look(struct pawl_borrower *borrower);

/* What a person would call the same limits: a change of it is told. */
static uint64_t sum_of(const struct pawl_borrower *borrower)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        const struct pawl_borrow_unit *unit = &borrower->units[i];
        for (uint32_t k = 0; k < unit->limit_count; k++) {
            sum += unit->limits[k].number * UINT64_C(0x9e3779b97f4a7c15) +
                   (uint64_t)unit->limits[k].amount;
        }
    }
    return sum;
}

/* What somebody says of the limits who was asked for all of them. */
static void hear_all(struct pawl_borrower *borrower, const struct pawl_lend_answer *answer)
{
    const struct pawl_borrower_options *options = &borrower->options;
    bool was_out_of_reach = borrower->unreachable;
    bool wanted = answer->wanted;
    uint64_t sum_before = sum_of(borrower);
    pawl_borrow_set_reach(borrower, answer);
    if (pawl_failed(answer->err)) {
        pawl_borrow_serve(borrower);
        return;
    }
    bool more = pawl_borrow_hear(borrower, answer) || was_out_of_reach;
    bool hungry = is_hungry(borrower); /* before it is served */
    pawl_borrow_serve(borrower);
    tick_units(borrower, wanted);
    if (sum_of(borrower) != sum_before && options->on_limits != NULL) {
        options->on_limits(options->arg);
    }
    /* Less may matter, too: a call that waits for others learns that they have spent it. */
    if ((more || hungry || is_hungry(borrower)) && options->on_more != NULL) {
        options->on_more(options->arg);
    }
}

static void on_looked(struct pawl_lend_ask *ask)
{
    struct pawl_borrower *borrower = ask->arg;
    bool too_early = borrower->check_again; /* It was asked before the change. */
    borrower->looking = false;
    borrower->check_again = false;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    if (!too_early) {
        borrower->unknown =
            pawl_failed(ask->answer.err) && (borrower->unknown || borrower->checking);
        borrower->checking = false;
    }
    hear_all(borrower, &ask->answer);
    if (too_early && !borrower->looking) { /* Not before: it takes the place of this question. */
        begin_look(borrower);
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

static void begin_look(struct pawl_borrower *borrower)
{
    borrower->looking = true;
    borrower->look_ask = (struct pawl_lend_ask){
        .request = {.kind = PAWL_LEND_LOOK, .unit = take_lacking(borrower)},
        .done = on_looked,
        .arg = borrower,
    };
    borrower->options.link.ask(borrower->options.link.arg, &borrower->look_ask);
}

/* Whether there is anything to look after. */
static bool is_idle(const struct pawl_borrower *borrower)
{
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        if (borrower->units[i].limit_count > 0) {
            return false;
        }
    }
    return !borrower->unknown && pawl_borrower_settled(borrower);
}

static void look(struct pawl_borrower *borrower)
{
    int64_t since_ms = (pawl_borrow_now_us(borrower) - borrower->looked_us) / PAWL_US_PER_MS;
    bool soon = is_hungry(borrower) || borrower->unreachable || window_ended(borrower);
    if (!borrower->looking && !borrower->ending && !is_idle(borrower) &&
        since_ms >= (soon ? PAWL_BORROW_HUNGRY_MS - 100 : PAWL_BORROW_LOOK_MS)) {
        begin_look(borrower);
    }
}

void pawl_borrower_check(struct pawl_borrower *borrower)
{
    if (borrower->ending) {
        return;
    }
    borrower->checking = true;
    if (borrower->looking) {
        borrower->check_again = true;
    } else {
        begin_look(borrower);
    }
}

void pawl_borrower_tick(struct pawl_borrower *borrower)
{
    tick_units(borrower, false);
    pawl_borrow_serve(borrower);
    look(borrower);
    pawl_borrow_check_end(borrower);
}

bool pawl_borrower_idle(const struct pawl_borrower *borrower)
{
    return is_idle(borrower) && !borrower->checking;
}

/* --- Life ---------------------------------------------------------------------------------- */

pawl_err pawl_borrower_new(const struct pawl_borrower_options *options,
                           struct pawl_borrower **ret_borrower)
{
    PAWL_ASSERT(options->limit_count <= PAWL_LEND_LIMITS_MAX);
    struct pawl_borrower *borrower = pawl_alloc_zeroed(1, sizeof(*borrower));
    struct pawl_lend_answer *found = pawl_alloc_zeroed(1, sizeof(*found));
    if (borrower == NULL || found == NULL) {
        pawl_free(borrower);
        pawl_free(found);
        return PAWL_ERR(MEMORY);
    }
    borrower->base.ops = &pawl_borrower_ops;
    borrower->options = *options;
    borrower->looked_us = pawl_borrow_now_us(borrower);
    for (size_t i = 0; i < PAWL_BORROW_UNITS; i++) {
        borrower->units[i].borrower = borrower;
        borrower->units[i].unit = units[i];
    }
    found->limit_count = options->limit_count;
    if (options->limit_count > 0) {
        memcpy(found->limits, options->limits, options->limit_count * sizeof(found->limits[0]));
    }
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
        borrower->units[i].kept = 0;
        pawl_borrow_consider(&borrower->units[i]);
    }
    pawl_borrow_serve(borrower);
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
