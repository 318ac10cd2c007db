/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve.c: more for a run, or a no, from somebody else than the agent (`pawl approve`, `pawl
 * deny`). Both are records of the ledger: a question is opened when a call waits for an answer, or,
 * where nothing was asked, together with its answer. What an answer means for money and state the
 * ledger does (core/approval.c); here the gateway's latch is lifted and the agent's grace ends.
 *
 * A person's answer is worth waiting for a sync: the loop stands still for it.
 */
#define _GNU_SOURCE
#include "run/approve.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "run/run_priv.h"

enum { LINE_BYTES = 2048, META_BYTES_MAX = 1024, BY_BYTES_SHOWN = 64 };

/* --- The ledger ----------------------------------------------------------------------------- */

static void on_done(struct pawl_op *op)
{
    (void)op; /* Looked at behind the flush. */
}

/* Durable when it returns. */
static struct pawl_result submit(struct pawl_run *run, const struct pawl_command *command)
{
    struct pawl_op op = {.done = on_done};
    pawl_engine_submit(run->engine, command, &op);
    pawl_engine_flush(run->engine);
    return op.result;
}

static void write_meta(struct pawl_slice by, bool unasked, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    if (!pawl_slice_empty(by)) {
        pawl_json_member_string(&writer, "by", pawl_slice_sub(by, 0, PAWL_NAME_BYTES_MAX));
    }
    if (unasked) {
        pawl_json_member_bool(&writer, "unasked", true);
    }
    pawl_json_object_end(&writer);
}

/* A question that is there for the sake of its answer. */
static uint16_t open_unasked(struct pawl_run *run,
                             const struct pawl_amount *lines,
                             uint32_t line_count,
                             struct pawl_slice meta)
{
    struct pawl_command open = {
        .type = PAWL_COMMAND_APPROVAL_OPEN,
        .metadata = meta,
        .u.approval_open = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                            .session = pawl_slice_str(run->rundir.id),
                            .kind = line_count > 0 ? PAWL_APPROVAL_RAISE_CAP : PAWL_APPROVAL_RESUME,
                            .line_count = line_count},
    };
    if (line_count > 0) {
        memcpy(open.u.approval_open.lines, lines, line_count * sizeof(lines[0]));
    }
    struct pawl_result result = submit(run, &open);
    run->question.approval = result.code == PAWL_RESULT_OK ? result.id : 0;
    return result.code;
}

static uint16_t answer(struct pawl_run *run,
                       bool approved,
                       const struct pawl_amount *lines,
                       uint32_t line_count,
                       struct pawl_slice meta)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_APPROVAL_ANSWER,
        .metadata = meta,
        .u.approval_answer = {.approval = run->question.approval,
                              .approved = approved,
                              .line_count = line_count},
    };
    if (line_count > 0) {
        memcpy(command.u.approval_answer.lines, lines, line_count * sizeof(lines[0]));
    }
    return submit(run, &command).code;
}

/* --- What follows from a yes ---------------------------------------------------------------- */

/* The thresholds are told again when they are passed again. */
static void forget_thresholds(struct pawl_run *run, const struct pawl_account *account)
{
    run->threshold_told = 0;
    (void)pawl_account_threshold(account, &run->threshold_told);
}

void pawl_run_lift(struct pawl_run *run)
{
    struct pawl_account account;
    pawl_presence_sign(&run->presence, run->clock.real_us(run->clock.arg));
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                      &account);
    forget_thresholds(run, &account);
    run->latched = false;
    (void)uv_timer_stop(&run->grace_timer);
    pawl_run_look_at_clock(run);
    pawl_gateway_unlatch(run->gateway);
}

static void say_given(struct pawl_run *run,
                      const struct pawl_amount *lines,
                      uint32_t line_count,
                      struct pawl_slice by)
{
    struct pawl_account account;
    struct pawl_buf line;
    pawl_account_read(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                      &account);
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_given(lines, line_count, &account, pawl_slice_sub(by, 0, BY_BYTES_SHOWN), &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

/* --- Answering ------------------------------------------------------------------------------ */

void pawl_run_put_amounts(struct pawl_json_writer *writer,
                          const char *key,
                          const struct pawl_amount *lines,
                          uint32_t line_count)
{
    pawl_json_key(writer, key);
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < line_count; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit", pawl_unit_name(lines[i].unit));
        pawl_json_member_i64(writer, "amount", lines[i].value);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

/* "switch": the models, and what the call that asked costs with each, as far as that is known. */
static void put_switch(struct pawl_json_writer *writer, const struct pawl_limit_question *question)
{
    pawl_json_key(writer, "switch");
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "from", question->from);
    pawl_json_member_string(writer, "to", question->to);
    if (question->cost_from > 0) {
        pawl_json_member_i64(writer, "microcents_from", question->cost_from);
    }
    pawl_json_member_i64(writer, "microcents_to", question->cost_to);
    pawl_json_object_end(writer);
}

void pawl_run_answer_reply(struct pawl_run *run,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_run_answer *answer)
{
    struct pawl_status status = {0};
    struct pawl_buf body;
    struct pawl_buf stand;
    struct pawl_json_writer writer;
    pawl_run_fill_status(run, &status);
    pawl_buf_init(&stand, PAWL_CONTROL_ANSWER_MAX);
    pawl_status_write(&status, &stand);
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", run->rundir.id);
    if (answer->phase != NULL) {
        pawl_json_member_str(&writer, "phase", answer->phase);
    }
    pawl_json_member_bool(&writer, "asked", answer->asked);
    if (answer->switched != NULL) {
        put_switch(&writer, answer->switched);
    }
    pawl_run_put_amounts(&writer, "given", answer->lines, answer->line_count);
    if (!stand.overflowed) {
        pawl_json_key(&writer, "status");
        pawl_json_put_raw(&writer, pawl_buf_slice(&stand));
    }
    pawl_json_object_end(&writer);
    pawl_control_reply(exchange, &body);
    pawl_buf_free(&stand);
}

bool pawl_run_answer_too_late(struct pawl_run *run, struct pawl_http_exchange *exchange)
{
    if (run->phase <= PAWL_RUN_RUNNING) {
        return false;
    }
    struct pawl_go_on go_on;
    struct pawl_buf command;
    pawl_buf_init(&command, LINE_BYTES);
    pawl_run_needs(run, &go_on);
    pawl_go_on_put_command(&go_on, run->rundir.id, NULL, false, &command);
    pawl_control_refuse(exchange, PAWL_RESULT_SESSION_ENDED, "%s is ending. Go on with: %s",
                        run->rundir.id, pawl_buf_cstr(&command));
    pawl_buf_free(&command);
    return true;
}

void pawl_run_answer_refuse(struct pawl_run *run,
                            struct pawl_http_exchange *exchange,
                            uint16_t code)
{
    pawl_control_refuse(exchange, (enum pawl_result_code)code, "%s: %s", run->rundir.id,
                        pawl_result_meaning(code));
}

/* The question's answer, and more where it is given. A question about a model or about going on is
 * answered by itself; what is given with it is a yes of its own. */
static uint16_t say_yes(struct pawl_run *run,
                        const struct pawl_amount *lines,
                        uint32_t line_count,
                        struct pawl_slice meta)
{
    uint16_t code = PAWL_RESULT_OK;
    bool asked = run->question.approval != 0;
    if (asked && run->question.kind != PAWL_QUESTION_MORE) {
        code = answer(run, true, NULL, 0, meta);
        run->question.approval = 0;
        if (code != PAWL_RESULT_OK || line_count == 0) {
            return code;
        }
        asked = false;
    }
    if (!asked) {
        code = open_unasked(run, lines, line_count, meta);
    }
    return code == PAWL_RESULT_OK ? answer(run, true, lines, line_count, meta) : code;
}

/* What was asked for is given, and whoever waits goes on. */
static void go_on(struct pawl_run *run,
                  const struct pawl_amount *lines,
                  uint32_t line_count,
                  struct pawl_slice by)
{
    run->question = (struct pawl_run_question){.approval = 0};
    pawl_approver_withdraw(&run->approver, run);
    say_given(run, lines, line_count, by);
    pawl_run_lift(run);
}

void pawl_run_resume(struct pawl_run *run, struct pawl_slice by)
{
    struct pawl_buf meta;
    PAWL_ASSERT(run->question.approval != 0 && run->question.kind == PAWL_QUESTION_RESUME);
    pawl_buf_init(&meta, META_BYTES_MAX);
    write_meta(by, false, &meta);
    if (answer(run, true, NULL, 0, pawl_buf_slice(&meta)) == PAWL_RESULT_OK) {
        go_on(run, NULL, 0, by);
    }
    pawl_buf_free(&meta);
}

void pawl_run_approve(struct pawl_run *run,
                      struct pawl_http_exchange *exchange,
                      const struct pawl_amount *lines,
                      uint32_t line_count,
                      struct pawl_slice by)
{
    if (pawl_run_answer_too_late(run, exchange)) {
        return;
    }
    pawl_engine_flush(run->engine); /* A question that is on its way to the disk is there now. */
    struct pawl_run_question question = run->question;
    bool asked = question.approval != 0;
    if (!asked && line_count == 0 && pawl_run_any_phase_asks(run)) {
        pawl_run_approve_phase(run, exchange, PAWL_SLICE_NONE, NULL, 0, by);
        return;
    }
    /* A window of a subscription is nothing that more money helps against. */
    bool window = run->latched && run->latch.refusal == PAWL_REFUSAL_WINDOW;
    if (!asked && line_count == 0 && !window) {
        pawl_control_refuse(exchange, PAWL_RESULT_INVALID_REQUEST,
                            "%s asks for nothing now: say how much it gets, as in pawl approve %s "
                            "--add-usd 1.00",
                            run->rundir.id, run->rundir.id);
        return;
    }
    struct pawl_buf meta;
    pawl_buf_init(&meta, META_BYTES_MAX);
    write_meta(by, !asked, &meta);
    if (line_count == 0) {
        lines = question.lines;
        line_count = question.line_count;
    }
    uint16_t code = say_yes(run, lines, line_count, pawl_buf_slice(&meta));
    pawl_buf_free(&meta);
    if (code != PAWL_RESULT_OK) {
        pawl_run_answer_refuse(run, exchange, code);
        return;
    }
    if (asked && question.kind == PAWL_QUESTION_MODEL) {
        pawl_gateway_allow_model(run->gateway);
    }
    go_on(run, lines, line_count, by);
    struct pawl_run_answer said = {
        .asked = asked,
        .switched = asked && question.kind == PAWL_QUESTION_MODEL ? &run->asked : NULL,
        .lines = lines,
        .line_count = line_count};
    pawl_run_answer_reply(run, exchange, &said);
}

void pawl_run_deny(struct pawl_run *run, struct pawl_http_exchange *exchange, struct pawl_slice by)
{
    if (pawl_run_answer_too_late(run, exchange)) {
        return;
    }
    pawl_engine_flush(run->engine);
    if (run->question.approval == 0 && pawl_run_any_phase_asks(run)) {
        pawl_run_deny_phase(run, exchange, PAWL_SLICE_NONE, by);
        return;
    }
    if (run->question.approval == 0) {
        pawl_control_refuse(exchange, PAWL_RESULT_STATE_CONFLICT,
                            "%s asks for nothing now. To end it: pawl stop %s", run->rundir.id,
                            run->rundir.id);
        return;
    }
    struct pawl_buf meta;
    pawl_buf_init(&meta, META_BYTES_MAX);
    write_meta(by, false, &meta);
    uint16_t code = answer(run, false, NULL, 0, pawl_buf_slice(&meta));
    pawl_buf_free(&meta);
    if (code != PAWL_RESULT_OK) {
        pawl_run_answer_refuse(run, exchange, code);
        return;
    }
    run->question = (struct pawl_run_question){.approval = 0};
    pawl_approver_withdraw(&run->approver, run);
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_denied(pawl_slice_sub(by, 0, BY_BYTES_SHOWN), &run->asked, &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
    struct pawl_run_answer said = {.asked = true};
    pawl_run_answer_reply(run, exchange, &said);
    pawl_gateway_deny(run->gateway);
}
