/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines_start.c: what is said before a run, as a small card: what it may spend first, then what
 * else binds it, what happens there, who can be asked, and how it is watched and stopped. A line
 * for each, none for what there is not; see lines.h.
 */
#include "run/card.h"
#include "run/lines.h"
#include "run/meta.h"

void pawl_lines_label(const char *word, struct pawl_buf *out)
{
    pawl_buf_printf(out, "  %-*s", PAWL_CARD_TEXT_COLUMN - 2, word);
}

/* --- Caps ----------------------------------------------------------------------------------- */

static void append_cap(const struct pawl_lines_start *start,
                       enum pawl_run_cap_index index,
                       struct pawl_buf *out)
{
    char text[PAWL_CAP_TEXT_BYTES];
    const struct pawl_run_cap *cap = &start->caps[index];
    pawl_buf_append_str(out, pawl_cap_phrase(index, cap->amount, text));
    pawl_buf_append_str(out, index == PAWL_CAP_TIME ? " of time" : "");
    pawl_lines_conversion(start->model->priced ? &start->model->price : NULL, index, cap, out);
    if (cap->origin == PAWL_ORIGIN_COMPUTED && start->sizing != NULL) {
        pawl_buf_printf(out, " (%s)", start->sizing);
    }
}

static void append_caps(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    pawl_buf_printf(out, "pawl: %s may %s ", start->run_id,
                    start->primary == PAWL_CAP_USD ? "spend" : "use");
    append_cap(start, start->primary, out);
    pawl_buf_append_byte(out, '\n');
    pawl_lines_label("other caps", out);
    const char *before = "";
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        if (index != start->primary) {
            pawl_buf_append_str(out, before);
            append_cap(start, index, out);
            before = ", ";
        }
    }
    pawl_buf_append_byte(out, '\n');
}

static bool has_ceiling(const struct pawl_phase_plan *phase)
{
    for (int k = 0; k < PAWL_CAP_COUNT; k++) {
        if (phase->caps[k].set) {
            return true;
        }
    }
    return false;
}

/* "verification up to $0.60, 10m of time (then it asks)" */
static void append_phase(const struct pawl_phase_plan *phase, bool attended, struct pawl_buf *out)
{
    const char *before = " up to ";
    pawl_buf_append_str(out, phase->name);
    for (int k = 0; k < PAWL_CAP_COUNT; k++) {
        char text[PAWL_CAP_TEXT_BYTES];
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)k;
        if (!phase->caps[k].set) {
            continue;
        }
        pawl_buf_printf(out, "%s%s%s", before, pawl_cap_phrase(index, phase->caps[k].amount, text),
                        index == PAWL_CAP_TIME ? " of time" : "");
        if (phase->before[k] > 0) {
            pawl_buf_printf(out, " (%s used before)",
                            pawl_cap_format(index, phase->before[k], text));
        }
        before = ", ";
    }
    if (phase->mode == PAWL_PHASE_HALT) {
        pawl_buf_append_str(out, " (then halt)");
    } else if (phase->mode == PAWL_PHASE_ASK && attended) {
        pawl_buf_append_str(out, " (then it asks)");
    }
}

static void append_phases(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    const char *word = "phases";
    for (int i = 0; start->phases != NULL && i < start->phases->count; i++) {
        if (has_ceiling(&start->phases->phases[i])) {
            pawl_lines_label(word, out);
            append_phase(&start->phases->phases[i], start->attended, out);
            pawl_buf_append_byte(out, '\n');
            word = "";
        }
    }
}

/* --- Where its calls go --------------------------------------------------------------------- */

static void append_model(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    pawl_lines_label("model", out);
    if (start->model->name != NULL) {
        pawl_buf_printf(out, "%.100s%s", start->model->name,
                        start->model->priced ? "" : " (no price is known: its calls are refused)");
    } else {
        pawl_buf_append_str(out, "not known yet");
    }
    const struct pawl_limit_options *limit = start->limit;
    for (uint32_t i = 0; i < limit->step_count; i++) {
        pawl_buf_printf(out, "; from %u %% on %s", (unsigned)limit->steps[i].percent,
                        limit->steps[i].model);
    }
    pawl_buf_append_byte(out, '\n');
    if (start->account_count > 0) {
        pawl_lines_label("account", out);
        pawl_account_guess_words(start->accounts, start->account_count, out);
        pawl_buf_append_byte(out, '\n');
    }
    if (start->policy != NULL) {
        pawl_lines_label("policy", out);
        pawl_buf_printf(out, "%s\n", start->policy);
    }
    for (uint32_t i = 0; start->limits != NULL && i < start->limits->count; i++) {
        pawl_lines_label(i == 0 ? "limits" : "", out);
        pawl_lending_phrase(&start->limits->rows[i], out);
        pawl_buf_append_byte(out, '\n');
    }
}

/* --- At a limit ----------------------------------------------------------------------------- */

static void append_mode(const struct pawl_limit_options *limit, bool attended, struct pawl_buf *out)
{
    switch (limit->on_limit) {
    case PAWL_ON_LIMIT_SUMMARY:
        pawl_buf_append_str(out, "one more call sums up, then ");
        break;
    case PAWL_ON_LIMIT_ASK:
        pawl_buf_append_str(out, attended ? "it asks for more (pawl approve), else "
                                          : "it would ask for more, but nobody is there: ");
        break;
    case PAWL_ON_LIMIT_PAUSE:
        pawl_buf_printf(out, "across runs it %s; at a cap of its own %s",
                        limit->auto_resume
                            ? "waits until that begins anew, and goes on by itself"
                            : "is stopped until that begins anew (--auto-resume: it waits)",
                        attended ? "it asks for more (pawl approve), else " : "");
        break;
    case PAWL_ON_LIMIT_HALT:
        break;
    }
}

static void append_limit(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    pawl_lines_label("at a limit", out);
    append_mode(start->limit, start->attended, out);
    if (start->interactive) {
        pawl_buf_append_str(out,
                            "its calls are refused, but nothing is killed until its time is up\n");
    } else {
        pawl_buf_printf(out,
                        "its calls are refused, and it is ended %ds later, or at once when its "
                        "time is up\n",
                        PAWL_LINES_GRACE_S);
    }
}

/* Where nobody can be asked a question is a no. */
static void append_person(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    bool ask = start->escalation == PAWL_ESCALATION_ASK && start->attended;
    pawl_lines_label(start->attended ? "attended" : "unattended", out);
    pawl_buf_printf(out, "%s%s%s\n",
                    start->attended && !start->interactive ? "by its approver; " : "",
                    start->escalation == PAWL_ESCALATION_ALLOW ? "dearer models are allowed"
                    : ask                                      ? "dearer models only on a yes"
                                                               : "no escalation to dearer models",
                    start->interactive ? " (--unattended to leave it alone)" : "");
}

/* --- All of it ------------------------------------------------------------------------------ */

void pawl_lines_start(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    append_caps(start, out);
    append_model(start, out);
    append_phases(start, out);
    append_limit(start, out);
    append_person(start, out);
    pawl_lines_label("to watch", out);
    pawl_buf_append_str(out, "pawl top");
    pawl_meta_data_dir(start->data_dir, out);
    pawl_buf_append_str(out, "   to stop it: pawl stop");
    pawl_meta_data_dir(start->data_dir, out);
    pawl_buf_printf(out, " %s\n", start->run_id);
}
