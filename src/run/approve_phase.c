/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve_phase.c: a phase that asks for more, and the answers. A phase may ask while the run does,
 * so each has a question of its own, apart from the run's (limit.c, approve.c).
 *
 * The ledger keeps question and answer as records (APPROVAL_PHASE) and gives nothing by them; the
 * phase's budgets are funded in the answer's own commit, so that both are there or neither is. What
 * `pawl phase --add-…` gives is written down in the same way.
 */
#define _GNU_SOURCE
#include "run/approve.h"

#include "base/assert.h"
#include "base/json.h"
#include "run/run_priv.h"

enum { LINE_BYTES = 2048, BY_BYTES_SHOWN = 64 };

/* --- Records -------------------------------------------------------------------------------- */

static void on_done(struct pawl_op *op)
{
    (void)op; /* Looked at behind the flush. */
}

static void put_meta(const struct pawl_run_answer *answer,
                     const char *key,
                     struct pawl_slice by,
                     struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_buf_reset(out);
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "phase", answer->phase);
    if (!pawl_slice_empty(by)) {
        pawl_json_member_string(&writer, "by", pawl_slice_sub(by, 0, PAWL_NAME_BYTES_MAX));
    }
    if (!answer->asked) {
        pawl_json_member_bool(&writer, "unasked", true);
    }
    if (answer->line_count > 0) {
        pawl_run_put_amounts(&writer, key, answer->lines, answer->line_count);
    }
    pawl_json_object_end(&writer);
}

static struct pawl_command open_command(const struct pawl_run *run, struct pawl_slice meta)
{
    return (struct pawl_command){
        .type = PAWL_COMMAND_APPROVAL_OPEN,
        .metadata = meta,
        .u.approval_open = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                            .session = pawl_slice_str(run->rundir.id),
                            .kind = PAWL_APPROVAL_PHASE},
    };
}

/* A question that is there for the sake of its answer. Durable when it returns. */
static uint16_t open_unasked(struct pawl_run *run, int phase, struct pawl_slice meta)
{
    struct pawl_command open = open_command(run, meta);
    struct pawl_op op = {.done = on_done};
    pawl_engine_submit(run->engine, &open, &op);
    pawl_engine_flush(run->engine);
    run->phase_questions[phase].approval = op.result.code == PAWL_RESULT_OK ? op.result.id : 0;
    return op.result.code;
}

static void submit_answer(
    struct pawl_run *run, int phase, bool approved, struct pawl_slice meta, struct pawl_op *op)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_APPROVAL_ANSWER,
        .metadata = meta,
        .u.approval_answer = {.approval = run->phase_questions[phase].approval,
                              .approved = approved},
    };
    *op = (struct pawl_op){.done = on_done};
    pawl_engine_submit(run->engine, &command, op);
}

/* --- The question --------------------------------------------------------------------------- */

static void write_question(const struct pawl_run_phase_question *question, struct pawl_buf *out)
{
    const struct pawl_run *run = question->run;
    pawl_lines_phase_question(run->words, run->phases.phases[question->asked.phase].name,
                              &question->asked, out);
}

static void on_approver_ended(void *arg, bool told, const char *how)
{
    struct pawl_run_phase_question *question = arg;
    if (told) {
        return;
    }
    pawl_run_say_unsent(question->run, how);
    question->sent = false;
    if (!question->told) {
        pawl_gateway_untold_phase(question->run->gateway, question->asked.phase);
    }
}

/* On the terminal, and by the approver where that was not done yet; whether somebody may answer. */
static bool tell(struct pawl_run_phase_question *question)
{
    struct pawl_run *run = question->run;
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    write_question(question, &line);
    struct pawl_run_sending sending = {
        .kind = PAWL_QUESTION_PHASE,
        .phase = run->phases.phases[question->asked.phase].name,
        .line = &line,
        .ended = on_approver_ended,
        .arg = question,
    };
    question->sent = question->sent || pawl_run_send_question(run, &sending);
    question->told = pawl_run_say_now(run, &line);
    pawl_buf_free(&line);
    return question->told || question->sent;
}

/* It is told when it is durable. */
static void on_opened(struct pawl_op *op)
{
    struct pawl_run_phase_question *question = op->arg;
    question->opening = false;
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_gateway_deny_phase(question->run->gateway, question->asked.phase);
        return;
    }
    question->approval = op->result.id;
    if (!tell(question)) {
        pawl_gateway_untold_phase(question->run->gateway, question->asked.phase);
    }
}

enum pawl_limit_answer pawl_run_ask_for_phase(struct pawl_run *run,
                                              const struct pawl_limit_question *asked)
{
    struct pawl_run_phase_question *question = &run->phase_questions[asked->phase];
    if (question->opening) {
        return PAWL_LIMIT_HOLD;
    }
    question->run = run;
    question->asked = *asked;
    if (question->approval != 0) {
        return tell(question) ? PAWL_LIMIT_HOLD : PAWL_LIMIT_TELL;
    }
    struct pawl_buf meta;
    struct pawl_run_answer about = {.phase = run->phases.phases[asked->phase].name,
                                    .asked = true,
                                    .lines = &asked->asked,
                                    .line_count = 1};
    pawl_buf_init(&meta, PAWL_METADATA_BYTES_MAX);
    put_meta(&about, "asked", PAWL_SLICE_NONE, &meta);
    struct pawl_command open = open_command(run, pawl_buf_slice(&meta));
    question->opening = true;
    question->op = (struct pawl_op){.done = on_opened, .arg = question};
    pawl_engine_submit(run->engine, &open, &question->op);
    pawl_buf_free(&meta);
    return PAWL_LIMIT_HOLD;
}

/* It is answered. */
static void close_question(struct pawl_run *run, int phase)
{
    struct pawl_run_phase_question *question = &run->phase_questions[phase];
    question->approval = 0;
    question->sent = false;
    pawl_approver_withdraw(&run->approver, question);
}

/* --- Yes ------------------------------------------------------------------------------------ */

/* What is given must be a ceiling that the phase has, and stay within what can be counted. */
static bool check_amounts(struct pawl_run *run,
                          struct pawl_http_exchange *exchange,
                          int phase,
                          const struct pawl_amount *lines,
                          uint32_t line_count)
{
    const char *name = run->phases.phases[phase].name;
    for (uint32_t i = 0; i < line_count; i++) {
        struct pawl_budget_view view;
        uint64_t budget = 0;
        if (!pawl_run_phase_ceiling(run, phase, lines[i].unit, &budget) ||
            !pawl_core_budget(pawl_engine_core(run->engine), budget, pawl_run_now_us(run), &view)) {
            pawl_control_refuse(exchange, PAWL_RESULT_NOT_FOUND,
                                "%s has no ceiling of that kind that could be raised", name);
            return false;
        }
        if (lines[i].value > PAWL_AMOUNT_MAX - view.allocated) {
            pawl_control_refuse(exchange, PAWL_RESULT_AMOUNT_OVERFLOW, "so much cannot be added");
            return false;
        }
    }
    return true;
}

/* Whether the run is stopped, and at the limit of this phase. */
static bool stopped_by(const struct pawl_run *run, int phase)
{
    return run->latched && run->latch.phase == run->phases.phases[phase].name;
}

/* Funds and answer, in one commit; where the phase had stopped the run, it goes on. */
static uint16_t
give(struct pawl_run *run, int phase, const struct pawl_run_answer *answer, struct pawl_slice meta)
{
    struct pawl_op ops[PAWL_LINES_MAX];
    struct pawl_op answered;
    struct pawl_op resumed;
    for (uint32_t i = 0; i < answer->line_count; i++) {
        uint64_t budget = 0;
        bool found = pawl_run_phase_ceiling(run, phase, answer->lines[i].unit, &budget);
        PAWL_ASSERT(found);
        struct pawl_command fund = {.type = PAWL_COMMAND_BUDGET_FUND,
                                    .u.budget_fund = {.budget = budget,
                                                      .kind = PAWL_FUND_CREDIT,
                                                      .amount = answer->lines[i].value}};
        ops[i] = (struct pawl_op){.done = on_done};
        pawl_engine_submit(run->engine, &fund, &ops[i]);
    }
    if (stopped_by(run, phase)) {
        struct pawl_command go_on = {.type = PAWL_COMMAND_SESSION_SET,
                                     .u.session_set = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                                                       .name = pawl_slice_str(run->rundir.id),
                                                       .state = PAWL_SESSION_ACTIVE}};
        resumed = (struct pawl_op){.done = on_done};
        pawl_engine_submit(run->engine, &go_on, &resumed);
    }
    submit_answer(run, phase, true, meta, &answered);
    pawl_engine_flush(run->engine);
    for (uint32_t i = 0; i < answer->line_count; i++) {
        if (ops[i].result.code != PAWL_RESULT_OK) {
            return ops[i].result.code;
        }
    }
    return answered.result.code;
}

static void say_given(struct pawl_run *run,
                      int phase,
                      const struct pawl_run_answer *answer,
                      struct pawl_slice by)
{
    struct pawl_account account;
    struct pawl_buf line;
    pawl_phases_account(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                        answer->phase, &account);
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_phase_given(run->phases.phases[phase].name, answer->lines, answer->line_count,
                           &account, pawl_slice_sub(by, 0, BY_BYTES_SHOWN), &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

bool pawl_run_give_phase(struct pawl_run *run,
                         struct pawl_http_exchange *exchange,
                         int phase,
                         const struct pawl_amount *lines,
                         uint32_t line_count,
                         struct pawl_slice by,
                         bool *ret_asked)
{
    struct pawl_run_phase_question *question = &run->phase_questions[phase];
    struct pawl_buf meta;
    uint16_t code = PAWL_RESULT_OK;
    pawl_engine_flush(run->engine); /* A question that is on its way to the disk is there now. */
    if (!check_amounts(run, exchange, phase, lines, line_count)) {
        return false;
    }
    struct pawl_run_answer answer = {.phase = run->phases.phases[phase].name,
                                     .asked = question->approval != 0,
                                     .lines = lines,
                                     .line_count = line_count};
    pawl_buf_init(&meta, PAWL_METADATA_BYTES_MAX);
    if (!answer.asked) {
        put_meta(&answer, "asked", by, &meta);
        code = open_unasked(run, phase, pawl_buf_slice(&meta));
    }
    if (code == PAWL_RESULT_OK) {
        put_meta(&answer, "given", by, &meta);
        code = give(run, phase, &answer, pawl_buf_slice(&meta));
    }
    pawl_buf_free(&meta);
    close_question(run, phase);
    if (code != PAWL_RESULT_OK) {
        pawl_run_answer_refuse(run, exchange, code);
        return false;
    }
    say_given(run, phase, &answer, by);
    bool stopped = stopped_by(run, phase);
    pawl_run_phases_reopen(run, phase);
    if (stopped) {
        pawl_run_lift(run);
    }
    *ret_asked = answer.asked;
    return true;
}

/* --- Which phase ---------------------------------------------------------------------------- */

bool pawl_run_any_phase_asks(const struct pawl_run *run)
{
    for (int i = 0; i < run->phases.count; i++) {
        if (run->phase_questions[i].approval != 0) {
            return true;
        }
    }
    return false;
}

/* The phase of that name; without a name the only one that asks. NONE: the exchange was told. */
static int
phase_meant(struct pawl_run *run, struct pawl_http_exchange *exchange, struct pawl_slice name)
{
    int meant = PAWL_PHASE_NONE;
    if (!pawl_slice_empty(name)) {
        return pawl_run_phase_of(run, exchange, name);
    }
    for (int i = 0; i < run->phases.count; i++) {
        if (run->phase_questions[i].approval == 0) {
            continue;
        }
        if (meant != PAWL_PHASE_NONE) {
            pawl_control_refuse(exchange, PAWL_RESULT_STATE_CONFLICT,
                                "%s and %s both ask: say which one, as with --phase %s",
                                run->phases.phases[meant].name, run->phases.phases[i].name,
                                run->phases.phases[meant].name);
            return PAWL_PHASE_NONE;
        }
        meant = i;
    }
    PAWL_ASSERT(meant != PAWL_PHASE_NONE); /* The caller has looked. */
    return meant;
}

/* --- Answering ------------------------------------------------------------------------------ */

void pawl_run_approve_phase(struct pawl_run *run,
                            struct pawl_http_exchange *exchange,
                            struct pawl_slice name,
                            const struct pawl_amount *lines,
                            uint32_t line_count,
                            struct pawl_slice by)
{
    if (pawl_run_answer_too_late(run, exchange)) {
        return;
    }
    pawl_engine_flush(run->engine);
    int phase = phase_meant(run, exchange, name);
    if (phase == PAWL_PHASE_NONE) {
        return;
    }
    struct pawl_run_answer said = {
        .phase = run->phases.phases[phase].name, .lines = lines, .line_count = line_count};
    struct pawl_amount asked = run->phase_questions[phase].asked.asked;
    if (line_count == 0 && run->phase_questions[phase].approval == 0) {
        pawl_control_refuse(exchange, PAWL_RESULT_INVALID_REQUEST,
                            "%s asks for nothing now: say how much it gets, as in pawl approve %s "
                            "--phase %s --add-usd 0.50",
                            said.phase, run->rundir.id, said.phase);
        return;
    }
    if (line_count == 0) {
        said.lines = &asked;
        said.line_count = 1;
    }
    if (pawl_run_give_phase(run, exchange, phase, said.lines, said.line_count, by, &said.asked)) {
        pawl_presence_sign(&run->presence, run->clock.real_us(run->clock.arg));
        pawl_run_answer_reply(run, exchange, &said);
    }
}

void pawl_run_deny_phase(struct pawl_run *run,
                         struct pawl_http_exchange *exchange,
                         struct pawl_slice name,
                         struct pawl_slice by)
{
    if (pawl_run_answer_too_late(run, exchange)) {
        return;
    }
    pawl_engine_flush(run->engine);
    int phase = phase_meant(run, exchange, name);
    if (phase == PAWL_PHASE_NONE) {
        return;
    }
    struct pawl_run_answer said = {.phase = run->phases.phases[phase].name, .asked = true};
    if (run->phase_questions[phase].approval == 0) {
        pawl_control_refuse(exchange, PAWL_RESULT_STATE_CONFLICT, "%s asks for nothing now",
                            said.phase);
        return;
    }
    struct pawl_buf meta;
    struct pawl_op op;
    pawl_buf_init(&meta, PAWL_METADATA_BYTES_MAX);
    put_meta(&said, "given", by, &meta);
    submit_answer(run, phase, false, pawl_buf_slice(&meta), &op);
    pawl_engine_flush(run->engine);
    pawl_buf_free(&meta);
    close_question(run, phase);
    if (op.result.code != PAWL_RESULT_OK) {
        pawl_run_answer_refuse(run, exchange, op.result.code);
        return;
    }
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_phase_denied(said.phase, pawl_slice_sub(by, 0, BY_BYTES_SHOWN), &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
    pawl_presence_sign(&run->presence, run->clock.real_us(run->clock.arg));
    pawl_run_answer_reply(run, exchange, &said);
    pawl_gateway_deny_phase(run->gateway, phase);
}
