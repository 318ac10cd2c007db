/* SPDX-License-Identifier: Apache-2.0 */
/* lines_limit.c: what is said at the limit and about the answers to a question; see lines.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "engine/limit_words.h"
#include "gateway/more.h"
#include "run/lines.h"

enum { TIME_BYTES = 32 };

static const char *local_time(int64_t us, char out[static TIME_BYTES])
{
    time_t seconds = (time_t)(us / INT64_C(1000000));
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(out, TIME_BYTES, "%Y-%m-%d %H:%M", &parts) == 0) {
        return "some time";
    }
    return out;
}

/* "This run would switch from A to B …": the question about a dearer class of model. */
static void
model_question(const char *run_id, const struct pawl_limit_question *question, struct pawl_buf *out)
{
    char one[PAWL_MONEY_TEXT_BYTES];
    char other[PAWL_MONEY_TEXT_BYTES];
    pawl_buf_printf(out, "pawl: this run would switch from %.*s to %.*s, estimated %s",
                    (int)question->from.bytes, question->from.data, (int)question->to.bytes,
                    question->to.data, pawl_money_format_usd_short(question->cost_to, one));
    if (question->cost_from > 0) {
        pawl_buf_printf(out, " instead of %s",
                        pawl_money_format_usd_short(question->cost_from, other));
    }
    pawl_buf_append_str(out, " for this call");
    if (question->asked.value > 0) {
        pawl_buf_printf(
            out, "; raise the cap from %s to %s?",
            pawl_money_format_usd_short(question->limit, one),
            pawl_money_format_usd_short(question->limit + question->asked.value, other));
    } else {
        pawl_buf_append_byte(out, '.');
    }
    pawl_buf_printf(out, " Yes: pawl approve %s   No: pawl deny %s\n", run_id, run_id);
}

void pawl_lines_question(const char *run_id,
                         const struct pawl_limit_question *question,
                         struct pawl_buf *out)
{
    if (question->kind == PAWL_QUESTION_MODEL) {
        model_question(run_id, question, out);
        return;
    }
    if (question->kind == PAWL_QUESTION_RESUME) {
        pawl_buf_printf(out,
                        "pawl: nobody was seen at the keyboard for a while, so the agent waits. Go "
                        "on: pawl approve %s   Stop: pawl deny %s\n",
                        run_id, run_id);
        return;
    }
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    char more[PAWL_MORE_BYTES];
    char when[TIME_BYTES];
    enum pawl_run_cap_index index = pawl_cap_of_unit(question->asked.unit);
    if (index == PAWL_CAP_COUNT) {
        return;
    }
    pawl_buf_printf(out, "pawl: %s of %s used, and the agent waits for more",
                    pawl_cap_format(index, question->spent, spent),
                    pawl_cap_phrase(index, question->limit, limit));
    if (question->resets_at_us != 0) {
        pawl_buf_printf(out, "; this limit begins anew at %s",
                        local_time(question->resets_at_us, when));
    }
    pawl_buf_printf(out, ". Yes: pawl approve %s %s   No: pawl deny %s\n", run_id,
                    pawl_more_option(question->asked.unit, question->asked.value, more), run_id);
}

void pawl_lines_approver_failed(const char *command, const char *how, struct pawl_buf *out)
{
    pawl_buf_printf(out, "pawl: the approver told nobody (%s): %.200s\n", how, command);
}

static void put_who(struct pawl_slice by, struct pawl_buf *out)
{
    pawl_buf_printf(out, "pawl: %.*s", by.bytes > 0 ? (int)by.bytes : 8,
                    by.bytes > 0 ? by.data : "somebody");
}

static void put_given(const struct pawl_amount *lines,
                      uint32_t line_count,
                      const struct pawl_account *account,
                      struct pawl_buf *out)
{
    char text[PAWL_CAP_TEXT_BYTES];
    for (uint32_t i = 0; i < line_count; i++) {
        enum pawl_run_cap_index index = pawl_cap_of_unit(lines[i].unit);
        if (index == PAWL_CAP_COUNT) {
            continue;
        }
        pawl_buf_printf(out, "%s %s more", i > 0 ? "," : "",
                        pawl_cap_phrase(index, lines[i].value, text));
        pawl_buf_printf(out, " (%s in all)",
                        pawl_cap_format(index, account->units[index].limit, text));
    }
}

void pawl_lines_phase_question(const char *run_id,
                               const char *phase,
                               const struct pawl_limit_question *question,
                               struct pawl_buf *out)
{
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    char more[PAWL_MORE_BYTES];
    enum pawl_run_cap_index index = pawl_cap_of_unit(question->asked.unit);
    if (index == PAWL_CAP_COUNT) {
        return;
    }
    pawl_buf_printf(out, "pawl: %s has used %s of its %s, and the agent waits for more of it",
                    phase, pawl_cap_format(index, question->spent, spent),
                    pawl_cap_phrase(index, question->limit, limit));
    pawl_buf_printf(out, ". Yes: pawl approve %s --phase %s %s", run_id, phase,
                    pawl_more_option(question->asked.unit, question->asked.value, more));
    pawl_buf_printf(out, "   No, go on without: pawl deny %s --phase %s\n", run_id, phase);
}

void pawl_lines_phase_given(const char *phase,
                            const struct pawl_amount *lines,
                            uint32_t line_count,
                            const struct pawl_account *account,
                            struct pawl_slice by,
                            struct pawl_buf *out)
{
    put_who(by, out);
    pawl_buf_printf(out, " gave %s", phase);
    put_given(lines, line_count, account, out);
    pawl_buf_append_str(out, "; it goes on\n");
}

void pawl_lines_phase_denied(const char *phase, struct pawl_slice by, struct pawl_buf *out)
{
    put_who(by, out);
    pawl_buf_printf(out, " said no: no more of %s is run; the rest goes on\n", phase);
}

void pawl_lines_given(const struct pawl_amount *lines,
                      uint32_t line_count,
                      const struct pawl_account *account,
                      struct pawl_slice by,
                      struct pawl_buf *out)
{
    put_who(by, out);
    pawl_buf_append_str(out, line_count > 0 ? " gave" : " said yes");
    put_given(lines, line_count, account, out);
    pawl_buf_append_str(out, "; the run goes on\n");
}

void pawl_lines_denied(struct pawl_slice by,
                       const struct pawl_limit_question *question,
                       struct pawl_buf *out)
{
    put_who(by, out);
    pawl_buf_append_str(out, " said no; ");
    if (question->kind == PAWL_QUESTION_MODEL) {
        pawl_buf_printf(out, "calls of %.*s and dearer ones are refused\n", (int)question->to.bytes,
                        question->to.data);
    } else {
        pawl_buf_append_str(out, "the run is stopped\n");
    }
}

void pawl_lines_step(const struct pawl_limit_step *step, struct pawl_buf *out)
{
    if (step->fits) {
        pawl_buf_printf(out, "pawl: %u %% used: calls of %.*s go to %s from here on (--degrade)\n",
                        (unsigned)step->step->percent,
                        (int)pawl_slice_sub(step->from, 0, 100).bytes, step->from.data,
                        step->step->model);
    } else {
        pawl_buf_printf(out,
                        "pawl: %u %% used, but %.*s has no %s: calls there keep their model "
                        "(--degrade)\n",
                        (unsigned)step->step->percent,
                        (int)pawl_slice_sub(step->provider, 0, 64).bytes, step->provider.data,
                        step->step->model);
    }
}

void pawl_lines_wait(const char *run_id,
                     const struct pawl_limit_wait *wait,
                     int64_t now_us,
                     struct pawl_buf *out)
{
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    if (wait == NULL) {
        pawl_buf_append_str(out, "pawl: the wait is over; the agent goes on\n");
        return;
    }
    pawl_buf_printf(out,
                    "pawl: %s. The agent waits until %s (in %s) and goes on by itself then. To end "
                    "it: pawl stop %s\n",
                    wait->what, pawl_limit_clock(wait->resets_at_us, now_us, clock),
                    pawl_limit_until(wait->resets_at_us, now_us, until), run_id);
}
