/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_wait.c: what the gateway submits. A quote adds to what is lent what the lender was last
 * known to have; so it may promise too much, and a reserve finds out: it waits here for its draw,
 * and is refused with the numbers that came back. It also waits here while it is not known which
 * limits bind.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/codec.h"
#include "engine/borrow_priv.h"

/* All that a command of those that wait may have. */
enum {
    SUBJECT_BYTES_MAX = (PAWL_LEVEL_COUNT + 1) * PAWL_NAME_BYTES_MAX +
                        PAWL_DIMENSIONS_MAX * (PAWL_NAME_BYTES_MAX + PAWL_VALUE_BYTES_MAX),
    TEXTS_BYTES_MAX =
        PAWL_METADATA_BYTES_MAX + PAWL_KEY_BYTES_MAX + PAWL_NAME_BYTES_MAX + SUBJECT_BYTES_MAX
};

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
    if (pawl_buf_reserve(&wait->texts, TEXTS_BYTES_MAX) == NULL) {
        return false; /* at once, since texts that are kept must not move */
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
    bool dark = in_the_dark(borrower, command);
    struct pawl_borrow_unit *unit = dark ? NULL : find_short(borrower, command, &asked, &missing);
    bool waits = dark || (unit != NULL && !borrower->ending);
    if (waits && pawl_codec_command_fits(command)) { /* else the engine refuses it */
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
