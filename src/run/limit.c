/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c: what the gateway says at the limit, written down and told: a question for more, the
 * run's last words, a step down the ladder of models. The answers to a question are approve.c's.
 *
 * A question goes to whoever can be reached: it is a line on stderr where pawl may write, and waits
 * for `pawl approve` in any case. pawl does not read the answer from the terminal: the agent may be
 * reading there, and would lose what was typed. Where the terminal is the agent's screen the line
 * cannot be shown, and the agent's own screen shows the refusal with the same words instead
 * (docs/decisions/0007-questions-are-answered-elsewhere.md).
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "run/run_priv.h"

enum {
    LINE_BYTES = 2048,
    NOTE_BYTES_MAX = 16 * PAWL_METADATA_BYTES_MAX,
    /* Of a summary's text in the journal; the file has all of it. An escape takes six bytes. */
    SUMMARY_NOTE_BYTES = 3000
};

/* --- Notes ---------------------------------------------------------------------------------- */

static void on_noted(struct pawl_op *op)
{
    pawl_free(op);
}

static void submit_note(struct pawl_run *run, uint16_t kind, struct pawl_slice meta)
{
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    if (op == NULL) {
        return; /* A note is for people; the money stands without it. */
    }
    op->done = on_noted;
    struct pawl_command note = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = meta,
        .u.note = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                   .session = pawl_slice_str(run->rundir.id),
                   .kind = kind},
    };
    pawl_engine_submit(run->engine, &note, op);
}

/* --- A question ----------------------------------------------------------------------------- */

/* Where somebody sits; a line in a log reaches nobody. */
static bool tell(struct pawl_run *run)
{
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_question(run->words, &run->asked, &line);
    bool told = pawl_run_say_now(run, &line);
    pawl_buf_free(&line);
    return told;
}

void pawl_run_say_unsent(struct pawl_run *run, const char *how)
{
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_approver_failed(run->approver_command, how, &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

static void on_approver_ended(void *arg, bool told, const char *how)
{
    struct pawl_run *run = arg;
    if (told) {
        return;
    }
    pawl_run_say_unsent(run, how);
    run->question.sent = false;
    if (!run->question.told) {
        pawl_gateway_untold(run->gateway);
    }
}

bool pawl_run_send_question(struct pawl_run *run, const struct pawl_run_sending *sending)
{
    struct pawl_errmsg msg = {""};
    if (run->approver_command == NULL) {
        return false;
    }
    struct pawl_slice text = pawl_buf_slice(sending->line);
    struct pawl_approver_question question = {
        .loop = &run->loop,
        .command = run->approver_command,
        .data_dir = run->dir.path,
        .run_id = run->rundir.id,
        .name = run->options->name,
        .cwd = run->cwd,
        .kind = pawl_status_question(sending->kind),
        .phase = sending->phase,
        .text = pawl_slice_cut(&text, '\n'),
        .ended = sending->ended,
        .arg = sending->arg,
    };
    pawl_err err = pawl_approver_ask(&run->approver, &question, &msg);
    if (pawl_failed(err)) {
        pawl_run_complain("the approver", &msg);
    }
    return pawl_ok(err);
}

/* Takes the question to a person; whether that went well is known when the command has ended. */
static bool send_question(struct pawl_run *run)
{
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_question(run->words, &run->asked, &line);
    struct pawl_run_sending sending = {
        .kind = run->asked.kind, .line = &line, .ended = on_approver_ended, .arg = run};
    bool sent = pawl_run_send_question(run, &sending);
    pawl_buf_free(&line);
    return sent;
}

/* It is told when it is durable. */
static void on_opened(struct pawl_op *op)
{
    struct pawl_run *run = op->arg;
    run->question.opening = false;
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_gateway_deny(run->gateway); /* The session has ended, or the ledger is full. */
        return;
    }
    run->question.approval = op->result.id;
    run->question.told = tell(run);
    run->question.sent = send_question(run);
    if (!run->question.told && !run->question.sent) {
        pawl_gateway_untold(run->gateway);
    }
}

/* The ledger's kind of question; amounts belong to one for more alone. */
static uint8_t kind_of(const struct pawl_limit_question *question)
{
    switch (question->kind) {
    case PAWL_QUESTION_MODEL:
        return PAWL_APPROVAL_MODEL;
    case PAWL_QUESTION_RESUME:
        return PAWL_APPROVAL_RESUME;
    case PAWL_QUESTION_PHASE:
        return PAWL_APPROVAL_PHASE;
    case PAWL_QUESTION_MORE:
        break;
    }
    return PAWL_APPROVAL_RAISE_CAP;
}

static void open_question(struct pawl_run *run)
{
    bool more = run->asked.kind == PAWL_QUESTION_MORE;
    struct pawl_command open = {
        .type = PAWL_COMMAND_APPROVAL_OPEN,
        .u.approval_open = {.tenant = PAWL_SLICE(PAWL_RUN_TENANT),
                            .session = pawl_slice_str(run->rundir.id),
                            .kind = kind_of(&run->asked),
                            .line_count = more ? 1 : 0,
                            .lines = {run->asked.asked}},
    };
    run->question = (struct pawl_run_question){.kind = run->asked.kind,
                                               .opening = true,
                                               .opened_us = run->clock.real_us(run->clock.arg),
                                               .line_count = run->asked.asked.value > 0 ? 1 : 0,
                                               .lines = {run->asked.asked}};
    run->question_op = (struct pawl_op){.done = on_opened, .arg = run};
    pawl_engine_submit(run->engine, &open, &run->question_op);
}

/* Its texts are the gateway's, and are needed until it is told. */
static void keep_question(struct pawl_run *run, const struct pawl_limit_question *question)
{
    run->asked = *question;
    (void)pawl_slice_copy_str(question->from, run->asked_from, sizeof(run->asked_from));
    (void)pawl_slice_copy_str(question->to, run->asked_to, sizeof(run->asked_to));
    run->asked.from = pawl_slice_str(run->asked_from);
    run->asked.to = pawl_slice_str(run->asked_to);
}

/* A question whose call has gone makes way for one about something else; it is asked again when
 * its call comes again. */
static void withdraw_question(struct pawl_run *run)
{
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    if (op == NULL) {
        return; /* It stays pending in the books, and nothing hangs on it. */
    }
    pawl_approver_withdraw(&run->approver, run);
    op->done = on_noted;
    struct pawl_command no = {
        .type = PAWL_COMMAND_APPROVAL_ANSWER,
        .metadata = PAWL_SLICE("{\"withdrawn\":true}"),
        .u.approval_answer = {.approval = run->question.approval, .approved = false},
    };
    pawl_engine_submit(run->engine, &no, op);
}

enum pawl_limit_answer pawl_run_on_ask(void *arg, const struct pawl_limit_question *question)
{
    struct pawl_run *run = arg;
    if (!run->attended || run->phase > PAWL_RUN_RUNNING) {
        return PAWL_LIMIT_NOBODY;
    }
    if (question->kind == PAWL_QUESTION_PHASE) {
        return pawl_run_ask_for_phase(run, question);
    }
    if (run->question.opening) {
        return PAWL_LIMIT_HOLD;
    }
    if (run->question.approval != 0 && run->question.kind == question->kind) {
        run->question.told = tell(run);
        run->question.sent = run->question.sent || send_question(run);
        return run->question.told || run->question.sent ? PAWL_LIMIT_HOLD : PAWL_LIMIT_TELL;
    }
    if (run->question.approval != 0) {
        withdraw_question(run);
    }
    keep_question(run, question);
    open_question(run);
    return PAWL_LIMIT_HOLD;
}

/* Its line, without who says it. */
static void take_text(struct pawl_slice line, struct pawl_status *status)
{
    struct pawl_slice words = pawl_slice_cut(&line, '\n');
    struct pawl_slice before = PAWL_SLICE("pawl: ");
    if (pawl_slice_starts_with(words, before)) {
        words = pawl_slice_sub(words, before.bytes, words.bytes);
    }
    words = pawl_slice_sub(words, 0, sizeof(status->asked_text) - 1);
    (void)pawl_slice_copy_str(words, status->asked_text, sizeof(status->asked_text));
}

/* Where the run itself asks nothing, a phase may. */
void pawl_run_fill_question(const struct pawl_run *run, struct pawl_status *status)
{
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    if (run->question.approval != 0) {
        status->asks = true;
        status->about = run->question.kind;
        status->asked_count = run->question.line_count;
        status->asked = run->question.lines;
        pawl_lines_question(run->words, &run->asked, &line);
    }
    for (int i = 0; i < run->phases.count && !status->asks; i++) {
        const struct pawl_run_phase_question *question = &run->phase_questions[i];
        if (question->approval != 0) {
            status->asks = true;
            status->about = PAWL_QUESTION_PHASE;
            status->asked_phase = run->phases.phases[i].name;
            status->asked_count = 1;
            status->asked = &question->asked.asked;
            pawl_lines_phase_question(run->words, status->asked_phase, &question->asked, &line);
        }
    }
    take_text(pawl_buf_slice(&line), status);
    pawl_buf_free(&line);
}

/* --- A wait for a window ---------------------------------------------------------------------- */

/* A refusal has words of its own, and behind the agent's end nobody waits. */
void pawl_run_on_wait(void *arg,
                      enum pawl_limit_wait_event event,
                      const struct pawl_limit_wait *wait)
{
    struct pawl_run *run = arg;
    run->wait = event == PAWL_LIMIT_WAIT_BEGINS ? *wait : (struct pawl_limit_wait){0};
    if (event == PAWL_LIMIT_WAIT_ENDS || run->phase > PAWL_RUN_RUNNING) {
        return;
    }
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_wait(run->words, wait, pawl_run_now_us(run), &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

/* --- Presence -------------------------------------------------------------------------------- */

static bool waits_for_resume(const struct pawl_run *run)
{
    return run->question.kind == PAWL_QUESTION_RESUME &&
           (run->question.opening || run->question.approval != 0);
}

/* What somebody tells the agent says yes where somebody typed it: a program may tell it things,
 * too, such as that its job in the background has ended. */
void pawl_run_prompted(struct pawl_run *run)
{
    bool first = run->presence.prompt_count == 0;
    bool typed = pawl_presence_typed_since(&run->presence, run->question.opened_us);
    pawl_presence_prompt(&run->presence, run->clock.real_us(run->clock.arg));
    if (!first && typed && waits_for_resume(run) && !run->question.opening) {
        pawl_run_resume(run, PAWL_SLICE("a prompt"));
    }
}

/* Only where a person can be seen at all: without a terminal there is nobody to miss, unless
 * somebody gives signs. Once it was asked, a key that is touched is no answer. */
bool pawl_run_is_idle(void *arg)
{
    struct pawl_run *run = arg;
    if (waits_for_resume(run)) {
        return true;
    }
    int64_t pause_ms = pawl_run_policy_idle_ms(&run->policy);
    if (!run->attended || pause_ms == 0 ||
        !(run->presence.follows || run->presence.sign_count > 0)) {
        return false;
    }
    int64_t now_us = run->clock.real_us(run->clock.arg);
    return now_us - pawl_presence_last_us(&run->presence, now_us) >= pause_ms * PAWL_US_PER_MS;
}

/* --- The last words ------------------------------------------------------------------------- */

/* As much of the text as a note can hold. */
static void write_text_note(const struct pawl_limit_summary *words,
                            const char *file,
                            size_t text_bytes,
                            struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_buf_reset(out);
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_i64(&writer, "call", (int64_t)words->call);
    pawl_json_member_str(&writer, "file", file);
    pawl_json_member_i64(&writer, "bytes", (int64_t)words->text.bytes);
    pawl_json_member_bool(&writer, "cut", words->cut);
    pawl_json_member_string(&writer, "text", pawl_slice_sub(words->text, 0, text_bytes));
    pawl_json_object_end(&writer);
}

static void keep_words(struct pawl_run *run,
                       const struct pawl_limit_summary *words,
                       const char *file,
                       uint16_t kind)
{
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_rundir_write(&run->rundir, file, words->text, &msg))) {
        pawl_run_complain("the run's last words cannot be kept", &msg);
    }
    struct pawl_buf note;
    pawl_buf_init(&note, NOTE_BYTES_MAX);
    size_t bytes = SUMMARY_NOTE_BYTES;
    do {
        write_text_note(words, file, bytes, &note);
        bytes /= 2;
    } while (note.bytes > PAWL_METADATA_BYTES_MAX);
    submit_note(run, kind, pawl_buf_slice(&note));
    pawl_buf_free(&note);
}

void pawl_run_on_summary(void *arg, const struct pawl_limit_summary *summary)
{
    struct pawl_run *run = arg;
    run->summed_up = true;
    keep_words(run, summary, PAWL_SUMMARY_FILE, PAWL_NOTE_SUMMARY);
}

void pawl_run_on_partial(void *arg, const struct pawl_limit_summary *partial)
{
    keep_words(arg, partial, PAWL_PARTIAL_FILE, PAWL_NOTE_PARTIAL);
}

/* --- The ladder ----------------------------------------------------------------------------- */

void pawl_run_on_step(void *arg, const struct pawl_limit_step *step)
{
    struct pawl_run *run = arg;
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_step(step, &line);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
    if (!step->fits) {
        return;
    }
    struct pawl_buf note;
    struct pawl_json_writer writer;
    pawl_buf_init(&note, PAWL_METADATA_BYTES_MAX);
    pawl_json_writer_init(&writer, &note);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "model", step->step->model);
    pawl_json_member_i64(&writer, "percent", step->step->percent);
    pawl_json_member_string(&writer, "from", pawl_slice_sub(step->from, 0, PAWL_NAME_BYTES_MAX));
    pawl_json_object_end(&writer);
    submit_note(run, PAWL_NOTE_DEGRADE, pawl_buf_slice(&note));
    pawl_buf_free(&note);
    if (run->step_count < PAWL_CARD_STEPS_MAX) {
        run->steps[run->step_count++] =
            (struct pawl_card_step){.step = step->step, .at_us = pawl_run_now_us(run)};
    }
}

/* --- What a dearer model is judged by -------------------------------------------------------- */

void pawl_run_on_baseline(void *arg, const struct pawl_gateway_baseline *baseline)
{
    struct pawl_run *run = arg;
    struct pawl_buf note;
    struct pawl_json_writer writer;
    pawl_buf_init(&note, PAWL_METADATA_BYTES_MAX);
    pawl_json_writer_init(&writer, &note);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "model", baseline->model);
    pawl_json_member_i64(&writer, "tier", baseline->tier);
    pawl_json_member_bool(&writer, "approved", baseline->approved);
    pawl_json_object_end(&writer);
    submit_note(run, PAWL_NOTE_BASELINE, pawl_buf_slice(&note));
    pawl_buf_free(&note);
}
