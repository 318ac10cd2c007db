/* SPDX-License-Identifier: Apache-2.0 */
/* card.c: the run card for people: one fact a line, a word in front of each. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "run/card.h"
#include "run/go_on.h"
#include "run/lines.h"
#include "run/meta.h"

enum { NAMES_SHOWN = 6 };

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void append_cap_amount(const struct pawl_card *card, uint16_t unit, struct pawl_buf *out)
{
    enum pawl_run_cap_index index = pawl_cap_of_unit(unit);
    char text[PAWL_CAP_TEXT_BYTES];
    if (index == PAWL_CAP_COUNT) {
        pawl_buf_append_str(out, "a cap");
    } else {
        pawl_buf_printf(out, "the cap of %s",
                        pawl_cap_phrase(index, card->account.units[index].limit, text));
    }
}

/* Whether a limit across runs stopped it. */
static bool is_shared(const struct pawl_card *card)
{
    return card->why == PAWL_WHY_CAP && card->limit != NULL && card->limit[0] != '\0';
}

/* The first sentence of what the agent was told. */
static void append_stop_words(const struct pawl_card *card, struct pawl_buf *out)
{
    struct pawl_slice words = pawl_slice_str(card->words);
    size_t end = pawl_slice_find(words, PAWL_SLICE(". "));
    pawl_buf_append_str(out, "HARD STOP: ");
    pawl_buf_append_slice(out, pawl_slice_sub(words, 0, end));
}

static void append_headline(const struct pawl_card *card, struct pawl_buf *out)
{
    pawl_buf_printf(out, "pawl: %s ", card->run_id);
    switch (card->why) {
    case PAWL_WHY_COMPLETED:
        pawl_buf_append_str(out, "ended: the agent was done");
        break;
    case PAWL_WHY_FAILED:
        pawl_buf_printf(out, "ended: the agent returned %d", card->agent_status);
        break;
    case PAWL_WHY_SIGNAL:
        pawl_buf_printf(out, "ended: the agent was killed by signal %d (%s)", card->agent_signal,
                        strsignal(card->agent_signal));
        break;
    case PAWL_WHY_CAP:
        if (is_shared(card) || card->phase != NULL) {
            append_stop_words(card, out);
        } else {
            pawl_buf_append_str(out, "HARD STOP at ");
            append_cap_amount(card, card->unit, out);
        }
        break;
    case PAWL_WHY_TIME:
        pawl_buf_append_str(out, "HARD STOP at ");
        append_cap_amount(card, PAWL_UNIT_WALL_CLOCK_MS, out);
        break;
    case PAWL_WHY_REFUSED:
        append_stop_words(card, out);
        break;
    case PAWL_WHY_STOPPED:
        pawl_buf_append_str(out, "stopped with pawl stop");
        break;
    case PAWL_WHY_KEEPER:
        pawl_buf_append_str(out, "ended: the keeper process was killed");
        break;
    case PAWL_WHY_NOT_STARTED:
        pawl_buf_append_str(out, "ended: the command could not be executed");
        break;
    case PAWL_WHY_COUNT:
        PAWL_UNREACHABLE();
    }
    pawl_buf_append_byte(out, '\n');
}

static void
append_unit(const struct pawl_card *card, enum pawl_run_cap_index index, struct pawl_buf *out)
{
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    int64_t permille = pawl_account_permille(&card->account, index);
    pawl_lines_label(index == PAWL_CAP_USD ? "spent" : pawl_cap_noun(index), out);
    pawl_buf_printf(out, "%s of %s",
                    pawl_cap_format(index, card->account.units[index].spent, spent),
                    pawl_cap_format(index, card->account.units[index].limit, limit));
    pawl_lines_conversion(card->price, index, &card->caps[index], out);
    pawl_buf_printf(out, ", %" PRId64 ".%d %%\n", permille / 10, (int)(permille % 10));
}

static void append_units(const struct pawl_card *card, struct pawl_buf *out)
{
    append_unit(card, card->primary, out);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if ((enum pawl_run_cap_index)i != card->primary) {
            append_unit(card, (enum pawl_run_cap_index)i, out);
        }
    }
}

static void append_limits(const struct pawl_card *card, struct pawl_buf *out)
{
    for (uint32_t i = 0; i < card->limits.count; i++) {
        pawl_lines_label(i == 0 ? "limits" : "", out);
        pawl_lending_phrase(&card->limits.rows[i], out);
        pawl_buf_append_byte(out, '\n');
    }
}

static bool is_untouched(const struct pawl_phase_stand *stand)
{
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (stand->account.units[i].spent != 0) {
            return false;
        }
    }
    return true;
}

/* Its money, its calls, its time, each with its ceiling where there is one; or that it was not
 * entered, and what it might have used. */
static void append_phase(const struct pawl_phase_stand *stand, struct pawl_buf *out)
{
    static const enum pawl_run_cap_index order[] = {
        PAWL_CAP_USD, PAWL_CAP_ITERATIONS, PAWL_CAP_TOKENS, PAWL_CAP_TOOL_CALLS, PAWL_CAP_TIME};
    bool untouched = is_untouched(stand);
    bool any = false;
    pawl_buf_printf(out, "%s: ", stand->name);
    for (size_t k = 0; k < PAWL_ARRAY_LEN(order); k++) {
        enum pawl_run_cap_index index = order[k];
        char spent[PAWL_CAP_TEXT_BYTES];
        char limit[PAWL_CAP_TEXT_BYTES];
        int64_t most = stand->account.units[index].limit;
        int64_t used = stand->account.units[index].spent;
        bool always =
            index == PAWL_CAP_USD || index == PAWL_CAP_ITERATIONS || index == PAWL_CAP_TIME;
        if (most < 0 && (untouched || !always)) {
            continue;
        }
        pawl_buf_append_str(out, any ? ", " : untouched ? "nothing of " : "");
        any = true;
        if (untouched) {
            pawl_buf_append_str(out, pawl_cap_phrase(index, most, limit));
        } else if (most >= 0) {
            pawl_buf_printf(out, "%s of %s", pawl_cap_format(index, used, spent),
                            pawl_cap_phrase(index, most, limit));
        } else {
            pawl_buf_append_str(out, pawl_cap_phrase(index, used, spent));
        }
    }
    pawl_buf_append_str(out, any ? "" : "nothing");
    pawl_buf_append_str(out, stand->closed ? ", at its limit\n" : "\n");
}

static void append_phases(const struct pawl_card *card, struct pawl_buf *out)
{
    for (int i = 0; i < card->phases.count; i++) {
        pawl_lines_label(i == 0 ? "phases" : "", out);
        append_phase(&card->phases.stands[i], out);
    }
    if (card->phases_go_on) {
        pawl_lines_label("", out);
        pawl_buf_append_str(out, "(with what was spent before in each)\n");
    }
}

static void append_tokens(int64_t input, int64_t output, struct pawl_buf *out)
{
    char in[PAWL_MONEY_TEXT_BYTES];
    char made[PAWL_MONEY_TEXT_BYTES];
    pawl_buf_printf(out, "%s tokens in, %s out", pawl_money_format_count(input, in),
                    pawl_money_format_count(output, made));
}

static void append_calls(const struct pawl_card *card, struct pawl_buf *out)
{
    char money[PAWL_MONEY_TEXT_BYTES];
    if (card->unseen) {
        pawl_lines_label("not seen", out);
        pawl_buf_append_str(out, "no model call came through pawl: what the agent may have spent "
                                 "elsewhere is in none of these figures\n");
    }
    if (card->refusals > 0) {
        pawl_lines_label("refused", out);
        uint64_t tools =
            card->refused_tools < card->refusals ? card->refused_tools : card->refusals;
        uint64_t models = card->refusals - tools;
        if (models > 0) {
            pawl_buf_printf(out, "%" PRIu64 " model call%s", models, plural(models));
        }
        if (tools > 0) {
            pawl_buf_printf(out, "%s%" PRIu64 " tool call%s", models > 0 ? ", " : "", tools,
                            plural(tools));
        }
        if (card->repeats > 0) {
            pawl_buf_printf(out, ", %" PRIu64 " more after the stop", card->repeats);
        }
        pawl_buf_append_byte(out, '\n');
    }
    if (card->failed > 0) {
        pawl_lines_label("not billed", out);
        pawl_buf_printf(out, "%" PRIu64 " call%s%s%s\n", card->failed, plural(card->failed),
                        card->failure[0] != '\0' ? ": " : "", card->failure);
    }
    if (card->batches > 0) {
        pawl_lines_label("batches", out);
        pawl_buf_printf(out, "%" PRIu64 " sent; what they cost is not in these figures\n",
                        card->batches);
    }
    const char *word = "by model";
    for (uint32_t i = 0; i < card->model_count; i++) {
        const struct pawl_card_model *model = &card->models[i];
        if (model->microcents == 0 && model->input == 0 && model->output == 0) {
            continue; /* Its calls came to nothing. */
        }
        pawl_lines_label(word, out);
        word = "";
        pawl_buf_printf(out, "%.*s: %s in %" PRIu64 " call%s, ", (int)model->model.bytes,
                        model->model.data, pawl_money_format_usd(model->microcents, money),
                        model->calls, plural(model->calls));
        append_tokens(model->input, model->output, out);
        pawl_buf_append_byte(out, '\n');
    }
    if (card->dearest.known) {
        pawl_lines_label("dearest", out);
        pawl_buf_printf(out, "%s, %.*s, ", pawl_money_format_usd(card->dearest.microcents, money),
                        (int)card->dearest.model.bytes, card->dearest.model.data);
        append_tokens(card->dearest.input, card->dearest.output, out);
        pawl_buf_append_byte(out, '\n');
    }
    if (!card->has_details) {
        pawl_lines_label("", out);
        pawl_buf_append_str(out, "the history could not be read; `pawl show` rebuilds it\n");
    }
}

static void append_steps(const struct pawl_card *card, struct pawl_buf *out)
{
    char took[PAWL_CLOCK_TEXT_BYTES];
    for (uint32_t i = 0; i < card->step_count; i++) {
        int64_t at_ms = (card->steps[i].at_us - card->started_us) / PAWL_US_PER_MS;
        pawl_lines_label(i == 0 ? "degraded" : "", out);
        pawl_buf_printf(out, "to %s from %u %% on, after %s\n", card->steps[i].step->model,
                        (unsigned)card->steps[i].step->percent,
                        pawl_duration_format_about(at_ms, took));
    }
}

static void append_agent(const struct pawl_card *card, struct pawl_buf *out)
{
    pawl_lines_label("agent", out);
    if (card->agent_signal != 0) {
        pawl_buf_printf(out, "ended by signal %d (%s)%s\n", card->agent_signal,
                        strsignal(card->agent_signal), card->killed ? ", sent by pawl" : "");
    } else if (card->agent_status >= 0) {
        pawl_buf_printf(out, "exit status %d%s\n", card->agent_status,
                        card->killed ? ", asked to end by pawl" : "");
    } else {
        pawl_buf_append_str(out, "no exit status\n");
    }
}

static void append_files(const struct pawl_card *card, struct pawl_buf *out)
{
    const struct pawl_worktree_changes *files = &card->files;
    if (!files->known) {
        return;
    }
    pawl_lines_label("files", out);
    if (files->changed == 0 && files->created == 0 && files->deleted == 0) {
        pawl_buf_append_str(out, "none changed\n");
        return;
    }
    pawl_buf_printf(out, "%u changed, %u created, %u deleted", (unsigned)files->changed,
                    (unsigned)files->created, (unsigned)files->deleted);
    uint32_t total = files->changed + files->created + files->deleted;
    uint32_t shown = files->name_count < NAMES_SHOWN ? files->name_count : NAMES_SHOWN;
    for (uint32_t i = 0; i < shown; i++) {
        pawl_buf_append_str(out, i == 0 ? ": " : " ");
        for (size_t j = 0; j < files->names[i].bytes; j++) {
            unsigned char byte = (unsigned char)files->names[i].data[j];
            pawl_buf_append_byte(out, byte < ' ' || byte == 0x7f ? '?' : (char)byte);
        }
    }
    pawl_buf_append_str(out, shown > 0 && shown < total ? " ...\n" : "\n");
}

/* What helps a run that was stopped: at a cap more of it, at a limit across runs nothing but that
 * limit. One that was stopped otherwise has enough left. */
static void append_go_on(const struct pawl_card *card, struct pawl_buf *out)
{
    uint16_t unit = card->why == PAWL_WHY_TIME ? PAWL_UNIT_WALL_CLOCK_MS : card->unit;
    enum pawl_run_cap_index index = pawl_cap_of_unit(unit);
    bool capped = card->why == PAWL_WHY_CAP || card->why == PAWL_WHY_TIME;
    bool stopped = card->why == PAWL_WHY_REFUSED || card->why == PAWL_WHY_STOPPED ||
                   card->why == PAWL_WHY_SIGNAL;
    if (!stopped && (!capped || index == PAWL_CAP_COUNT)) {
        return;
    }
    pawl_lines_label("to go on", out);
    bool shared = is_shared(card);
    struct pawl_go_on go_on = {.unit = unit, .more = stopped || shared ? 0 : card->more};
    (void)pawl_slice_copy_str(pawl_slice_str(card->phase != NULL ? card->phase : ""), go_on.phase,
                              sizeof(go_on.phase));
    pawl_go_on_put_command(&go_on, card->run_id, card->data_dir, false, out);
    if (shared) {
        pawl_buf_printf(out, ", when %s has reset or is raised: see pawl limit", card->limit);
    }
    pawl_buf_append_byte(out, '\n');
}

void pawl_card_text(const struct pawl_card *card, struct pawl_buf *out)
{
    char money[PAWL_MONEY_TEXT_BYTES];
    pawl_buf_append_slice(out, card->notices);
    append_headline(card, out);
    append_units(card, out);
    append_limits(card, out);
    append_phases(card, out);
    append_calls(card, out);
    if (card->unconfirmed_microcents > 0) {
        pawl_lines_label("unconfirmed", out);
        pawl_buf_printf(out, "%s of it was booked by estimate\n",
                        pawl_money_format_usd(card->unconfirmed_microcents, money));
    }
    if (card->approvals_asked > 0 || card->approvals_given > 0) {
        pawl_lines_label("approvals", out);
        pawl_buf_printf(out, "%" PRIu64 " asked, %" PRIu64 " given\n", card->approvals_asked,
                        card->approvals_given);
    }
    append_steps(card, out);
    pawl_lines_label("hard stop", out);
    pawl_buf_append_str(out, card->hard_stop ? "yes\n" : "no\n");
    append_agent(card, out);
    append_files(card, out);
    pawl_lines_label("overshoot", out);
    pawl_buf_printf(
        out, "%s%s\n", pawl_money_format_usd(card->overshoot_microcents, money),
        card->overshoot_microcents > 0 ? ": a call took more tokens than were held for it" : "");
    append_go_on(card, out);
    pawl_lines_label("more", out);
    pawl_buf_printf(out, "pawl show %s", card->run_id);
    pawl_meta_data_dir(card->data_dir, out);
    pawl_buf_append_byte(out, '\n');
}
