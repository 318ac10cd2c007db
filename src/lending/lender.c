/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lender.c: slices. A slice is a hold on every limit that binds its run, in one unit, and its id is
 * that of the hold. So nothing about slices is kept outside of the ledger.
 */
#include "lending/lender.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "lending/lender_priv.h"

struct job {
    struct pawl_op op;
    struct pawl_lender *lender;
    struct pawl_lend_ask *ask;
    uint64_t hold;
    char run[PAWL_LENDER_RUN_BYTES];
    uint32_t count; /* limits that bind, in the unit of a draw */
    uint32_t numbers[PAWL_LEND_LIMITS_MAX];
};

enum { KEY_BYTES = 160, EXPIRE_ROUNDS_MAX = 64 };
_Static_assert((int)PAWL_LEND_SLICE_BYTES == (int)PAWL_ID_TEXT_BYTES, "a slice has a hold's id");

int64_t pawl_lender_now_us(const struct pawl_lender *lender)
{
    return pawl_engine_now_us(lender->engine);
}

uint32_t pawl_lender_open_slices(const struct pawl_lender *lender)
{
    const struct pawl_core *core = pawl_engine_core(lender->engine);
    uint32_t cursor = 0;
    uint32_t count = 0;
    uint64_t id = 0;
    struct pawl_reservation_view view;
    while (pawl_core_reservation_next(core, &cursor, &id)) {
        count += pawl_core_reservation(core, id, &view) && view.state == PAWL_RESERVATION_HELD;
    }
    return count;
}

/* --- Answers ------------------------------------------------------------------------------- */

static void finish(struct job *job, uint16_t code)
{
    struct pawl_lend_ask *ask = job->ask;
    ask->answer.code = code;
    job->lender->open_jobs--;
    pawl_free(job);
    ask->done(ask);
}

static struct pawl_lender_limit *limit_of_number(struct pawl_lender *lender, uint32_t number)
{
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        if (lender->limits[i].limit.number == number) {
            return &lender->limits[i];
        }
    }
    return NULL; /* removed meanwhile */
}

/* Where the limits of the job stand now. */
static void put_limits(struct job *job)
{
    struct pawl_lend_answer *answer = &job->ask->answer;
    int64_t now_us = pawl_engine_now_us(job->lender->engine);
    answer->limit_count = 0;
    answer->wanted = false;
    for (uint32_t i = 0; i < job->count; i++) {
        struct pawl_lender_limit *found = limit_of_number(job->lender, job->numbers[i]);
        if (found != NULL) {
            struct pawl_limit *limit = &answer->limits[answer->limit_count++];
            *limit = found->limit;
            pawl_lender_read(job->lender, limit);
            answer->wanted = answer->wanted || found->wanted_until_us > now_us;
        }
    }
}

static void gather(struct job *job, const struct pawl_lend_place *place, uint16_t unit)
{
    const struct pawl_lender *lender = job->lender;
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        const struct pawl_limit *limit = &lender->limits[i].limit;
        if ((unit == PAWL_UNIT_NONE || limit->unit == unit) && pawl_lender_binds(limit, place)) {
            PAWL_ASSERT(job->count < PAWL_LEND_LIMITS_MAX); /* most_that_bind sees to it */
            job->numbers[job->count++] = limit->number;
        }
    }
}

/* Somebody lacks what others hold: they are told, and give back what they can. */
static void want(struct pawl_lender *lender, struct pawl_lender_limit *found)
{
    struct pawl_limit limit = found->limit;
    pawl_lender_read(lender, &limit);
    found->wanted_until_us = pawl_engine_now_us(lender->engine) + PAWL_LENDER_WANTED_US;
    if (limit.held > 0 && lender->on_lack != NULL) {
        lender->on_lack(lender->arg);
    }
}

static void note_lack(struct job *job, uint16_t unit)
{
    for (uint32_t i = 0; i < job->count; i++) {
        struct pawl_lender_limit *found = limit_of_number(job->lender, job->numbers[i]);
        if (found != NULL && found->limit.unit == unit) {
            want(job->lender, found);
        }
    }
}

static void on_looked(struct pawl_op *op)
{
    put_limits(op->arg);
    finish(op->arg, PAWL_RESULT_OK);
}

/* Ends in a later turn, when all that the answer rests on is durable. */
static void finish_later(struct job *job, uint16_t code)
{
    job->ask->answer.code = code;
    job->op.done = on_looked;
    pawl_engine_barrier(job->lender->engine, &job->op);
}

/* --- Drawing ------------------------------------------------------------------------------- */

static void on_nothing(struct pawl_op *op)
{
    struct job *job = op->arg;
    finish(job, job->ask->answer.code);
}

static void refuse_later(struct job *job, uint16_t code)
{
    job->ask->answer.code = code;
    job->op.done = on_nothing;
    pawl_engine_barrier(job->lender->engine, &job->op);
}

/* The least that any limit of the job has left. */
static int64_t least_left(struct job *job)
{
    int64_t least = PAWL_AMOUNT_MAX;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct pawl_lender_limit *found = limit_of_number(job->lender, job->numbers[i]);
        PAWL_ASSERT(found != NULL); /* it was gathered in this turn */
        struct pawl_limit limit = found->limit;
        pawl_lender_read(job->lender, &limit);
        least = pawl_min_i64(least, pawl_limit_left(&limit));
    }
    return least;
}

/* The slice that the first draw of this number got. */
static uint16_t take_again(struct job *job, uint64_t hold)
{
    struct pawl_lend_answer *answer = &job->ask->answer;
    struct pawl_reservation_view view;
    const struct pawl_engine *engine = job->lender->engine;
    (void)pawl_engine_id_format(engine, hold, answer->slice);
    answer->again = true;
    if (!pawl_core_reservation(pawl_engine_core(engine), hold, &view)) {
        return PAWL_RESULT_GONE;
    }
    answer->granted = view.lines[0].value;
    int64_t left_us = view.expires_us - pawl_engine_now_us(job->lender->engine);
    answer->ttl_ms = view.state == PAWL_RESERVATION_HELD && left_us > 0 ? left_us / 1000 : 0;
    return PAWL_RESULT_OK;
}

static void note_refusal(struct job *job, const struct pawl_denial *denial)
{
    struct pawl_lend_answer *answer = &job->ask->answer;
    for (uint32_t i = 0; i < job->count; i++) {
        struct pawl_lender_limit *found = limit_of_number(job->lender, job->numbers[i]);
        if (found != NULL && found->limit.budget == denial->budget) {
            answer->refused_by = found->limit.number;
            want(job->lender, found);
        }
    }
}

static void on_drawn(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_lend_answer *answer = &job->ask->answer;
    uint16_t code = op->result.code;
    if (code == PAWL_RESULT_OK && op->result.replayed) {
        code = take_again(job, op->result.original_op);
    } else if (code == PAWL_RESULT_OK) {
        (void)pawl_engine_id_format(job->lender->engine, op->result.id, answer->slice);
        answer->granted = job->ask->answer.granted;
        answer->ttl_ms = PAWL_LEND_TTL_MS;
    } else {
        answer->granted = 0;
        note_refusal(job, &op->result.denial);
        /* Over its limit, or closed just now: nothing is to be had, as if it were spent. */
        if (job->count == 0) {
            code = PAWL_RESULT_NOT_FOUND;
        } else if (code != PAWL_RESULT_CAP_EXCEEDED) {
            code = PAWL_RESULT_BUDGET_EXCEEDED;
        }
    }
    put_limits(job);
    finish(job, code);
}

static void draw(struct job *job)
{
    struct pawl_lender *lender = job->lender;
    const struct pawl_lend_request *request = &job->ask->request;
    if (request->at_least <= 0 || request->want < request->at_least ||
        request->want > PAWL_AMOUNT_MAX || request->number == 0) {
        refuse_later(job, PAWL_RESULT_INVALID_REQUEST);
        return;
    }
    /* Where no limit counts the unit the ledger says so, unless the number was drawn before. */
    int64_t share = pawl_min_i64(request->want, least_left(job) / PAWL_LEND_SHARE);
    int64_t amount = pawl_max_i64(request->at_least, share);
    job->ask->answer.granted = amount;
    char key[KEY_BYTES];
    char names[PAWL_LEND_LIMITS_MAX][PAWL_NAME_BYTES_MAX];
    char values[PAWL_LEND_LIMITS_MAX][PAWL_LIMIT_VALUE_BYTES];
    (void)snprintf(key, sizeof(key), "draw/%s/%u/%llu", job->run, (unsigned)request->unit,
                   (unsigned long long)request->number);
    struct pawl_command reserve = {
        .type = PAWL_COMMAND_RESERVE,
        /* The number alone tells a draw; what is asked may change until it is answered (A6). */
        .idempotency_key = pawl_slice_str(key),
        .u.reserve = {.line_count = 1,
                      .lines = {{.unit = request->unit, .value = amount}},
                      .ttl_ms = PAWL_LEND_TTL_MS,
                      .grace_ms = PAWL_LEND_GRACE_MS,
                      .overage = PAWL_OVERAGE_BOOK_FULL,
                      .extensions_max = PAWL_EXTENSIONS_MAX,
                      .on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD},
    };
    struct pawl_subject *subject = &reserve.u.reserve.subject;
    subject->levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    for (uint32_t i = 0; i < job->count; i++) {
        const struct pawl_lender_limit *found = limit_of_number(lender, job->numbers[i]);
        PAWL_ASSERT(found != NULL);
        subject->dimensions[subject->dimension_count++] =
            pawl_lender_dimension(&found->limit, names[i], values[i]);
    }
    job->op.done = on_drawn;
    pawl_engine_submit(lender->engine, &reserve, &job->op);
}

/* --- Extending and settling ---------------------------------------------------------------- */

static void on_extended(struct pawl_op *op)
{
    struct job *job = op->arg;
    int64_t now_us = pawl_engine_now_us(job->lender->engine);
    job->ask->answer.ttl_ms =
        op->result.code == PAWL_RESULT_OK ? (op->result.expires_us - now_us) / 1000 : 0;
    finish(job, op->result.code);
}

static void extend(struct job *job)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_EXTEND,
        .u.extend = {.reservation = job->hold, .ttl_ms = PAWL_LEND_TTL_MS / 2},
    };
    job->op.done = on_extended;
    pawl_engine_submit(job->lender->engine, &command, &job->op);
}

static void settle(struct job *job, uint16_t type);

static void on_settled(struct pawl_op *op)
{
    struct job *job = op->arg;
    /* It was booked in full; this is the truth. Or that was told before, and is told again. */
    if (op->result.code == PAWL_RESULT_RESERVATION_EXPIRED || op->result.code == PAWL_RESULT_GONE) {
        settle(job, PAWL_COMMAND_CORRECT);
    } else {
        finish(job, op->result.code);
    }
}

static void on_corrected(struct pawl_op *op)
{
    finish(op->arg, op->result.code);
}

static void settle(struct job *job, uint16_t type)
{
    const struct pawl_lend_request *request = &job->ask->request;
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof(key), "settle/%s/%s", job->run, request->slice);
    struct pawl_command command = {
        .type = type,
        .idempotency_key = pawl_slice_str(key),
        .payload_hash = {(uint64_t)request->spent, request->unit},
        .u.settle = {.reservation = job->hold,
                     .line_count = 1,
                     .lines = {{.unit = request->unit, .value = request->spent}}},
    };
    job->op.done = type == PAWL_COMMAND_COMMIT ? on_settled : on_corrected;
    pawl_engine_submit(job->lender->engine, &command, &job->op);
}

/* What is due has expired, whether or not the host's timer came first: after a sleep of the machine
 * both wait, and only what has expired can be corrected. */
static void expire_due(struct pawl_engine *engine)
{
    for (int round = 0; round < EXPIRE_ROUNDS_MAX; round++) {
        if (pawl_engine_next_due_us(engine) > pawl_engine_now_us(engine)) {
            return;
        }
        pawl_engine_tick(engine);
    }
}

/* --- The door ------------------------------------------------------------------------------ */

void pawl_lender_ask(struct pawl_lender *lender,
                     const struct pawl_lend_place *place,
                     struct pawl_lend_ask *ask)
{
    struct job *job = pawl_alloc_zeroed(1, sizeof(*job));
    PAWL_ASSERT(job != NULL); /* a process that has no memory for this has none to go on */
    *job = (struct job){.lender = lender, .ask = ask, .op = {.arg = job}};
    ask->answer = (struct pawl_lend_answer){.code = PAWL_RESULT_OK};
    lender->open_jobs++;
    (void)pawl_slice_copy_str(pawl_slice_str(place->run), job->run, sizeof(job->run));
    bool about_slice =
        ask->request.kind == PAWL_LEND_EXTEND || ask->request.kind == PAWL_LEND_SETTLE;
    if (about_slice &&
        !pawl_engine_id_parse(lender->engine, pawl_slice_str(ask->request.slice), &job->hold)) {
        refuse_later(job, PAWL_RESULT_NOT_FOUND);
        return;
    }
    switch (ask->request.kind) {
    case PAWL_LEND_LOOK:
        gather(job, place, PAWL_UNIT_NONE);
        note_lack(job, ask->request.unit);
        finish_later(job, PAWL_RESULT_OK);
        return;
    case PAWL_LEND_DRAW:
        gather(job, place, ask->request.unit);
        draw(job);
        return;
    case PAWL_LEND_EXTEND:
        extend(job);
        return;
    case PAWL_LEND_SETTLE:
        expire_due(lender->engine);
        settle(job, PAWL_COMMAND_COMMIT);
        return;
    }
    PAWL_UNREACHABLE();
}
