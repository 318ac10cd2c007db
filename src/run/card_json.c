/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card_json.c: the run card as JSON, and the note of the end, which is a part of it that has to
 * fit the metadata of a command: where it does not, names of files are left out, and at last the
 * phases.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/command.h"
#include "run/card.h"

const char *pawl_run_why_name(enum pawl_run_why why)
{
    static const char *const names[PAWL_WHY_COUNT] = {
        [PAWL_WHY_COMPLETED] = "completed",     [PAWL_WHY_FAILED] = "failed",
        [PAWL_WHY_SIGNAL] = "signal",           [PAWL_WHY_CAP] = "cap",
        [PAWL_WHY_REFUSED] = "refused",         [PAWL_WHY_TIME] = "time",
        [PAWL_WHY_STOPPED] = "stopped",         [PAWL_WHY_KEEPER] = "keeper",
        [PAWL_WHY_NOT_STARTED] = "not_started",
    };
    PAWL_ASSERT(why < PAWL_WHY_COUNT);
    return names[why];
}

static const char *unit_name(int index)
{
    return pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)index));
}

/* How it ended: shared by the card and the note. */
static void put_end(const struct pawl_card *card, struct pawl_json_writer *writer)
{
    pawl_json_member_i64(writer, "status", card->status);
    if (card->agent_status >= 0) {
        pawl_json_member_i64(writer, "agent_status", card->agent_status);
    }
    pawl_json_member_i64(writer, "agent_signal", card->agent_signal);
    pawl_json_member_str(writer, "why", pawl_run_why_name(card->why));
    if (card->unit != 0 && pawl_unit_name(card->unit) != NULL) {
        pawl_json_member_str(writer, "unit", pawl_unit_name(card->unit));
    }
    if (card->limit != NULL && card->limit[0] != '\0') {
        pawl_json_member_str(writer, "limit", card->limit);
    }
    if (card->phase != NULL) {
        pawl_json_member_str(writer, "phase", card->phase);
    }
    if (card->more > 0) {
        pawl_json_member_i64(writer, "more", card->more);
    }
    pawl_json_member_bool(writer, "hard_stop", card->hard_stop);
    pawl_json_key(writer, "requested");
    pawl_json_object_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_member_i64(writer, unit_name(i), card->caps[i].amount);
    }
    pawl_json_object_end(writer);
    pawl_json_member_i64(writer, "overshoot", card->overshoot_microcents);
}

void pawl_card_end_note(const struct pawl_card *card, struct pawl_buf *out)
{
    PAWL_ASSERT(out->max_bytes >= PAWL_METADATA_BYTES_MAX);
    struct pawl_worktree_changes files = card->files;
    bool phases = true;
    for (;;) {
        struct pawl_json_writer writer;
        pawl_buf_reset(out);
        pawl_json_writer_init(&writer, out);
        pawl_json_object_begin(&writer);
        put_end(card, &writer);
        pawl_lending_write(&writer, &card->limits, true);
        if (phases) {
            pawl_phase_report_put(&card->phases, &writer);
        }
        pawl_worktree_put(&files, &writer);
        pawl_json_object_end(&writer);
        bool fits = !out->overflowed && out->bytes <= PAWL_METADATA_BYTES_MAX;
        if (fits || (files.name_count == 0 && !phases)) {
            return;
        }
        phases = phases && files.name_count > 0;
        files.name_count /= 2;
    }
}

static void put_models(const struct pawl_card *card, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "models");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < card->model_count; i++) {
        const struct pawl_card_model *model = &card->models[i];
        pawl_json_object_begin(writer);
        pawl_json_member_string(writer, "model", model->model);
        pawl_json_member_i64(writer, "calls", (int64_t)model->calls);
        pawl_json_member_i64(writer, "microcents", model->microcents);
        pawl_json_member_i64(writer, "input", model->input);
        pawl_json_member_i64(writer, "output", model->output);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
    if (card->dearest.known) {
        pawl_json_key(writer, "dearest");
        pawl_json_object_begin(writer);
        pawl_json_member_i64(writer, "call", (int64_t)card->dearest.id);
        pawl_json_member_string(writer, "model", card->dearest.model);
        pawl_json_member_i64(writer, "microcents", card->dearest.microcents);
        pawl_json_member_i64(writer, "input", card->dearest.input);
        pawl_json_member_i64(writer, "output", card->dearest.output);
        pawl_json_object_end(writer);
    }
}

static void put_steps(const struct pawl_card *card, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "degraded");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < card->step_count; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "model", card->steps[i].step->model);
        pawl_json_member_i64(writer, "percent", card->steps[i].step->percent);
        pawl_json_member_i64(writer, "at_ms", card->steps[i].at_us / PAWL_US_PER_MS);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

static void put_notices(struct pawl_slice notices, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "notices");
    pawl_json_array_begin(writer);
    while (notices.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&notices, '\n');
        if (line.bytes > 0) {
            pawl_json_put_string(writer, line);
        }
    }
    pawl_json_array_end(writer);
}

void pawl_card_json(const struct pawl_card *card, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", card->run_id);
    if (card->name != NULL) {
        pawl_json_member_str(&writer, "name", card->name);
    }
    put_end(card, &writer);
    pawl_json_member_i64(&writer, "started_ms", card->started_us / PAWL_US_PER_MS);
    pawl_json_member_i64(&writer, "ended_ms", card->ended_us / PAWL_US_PER_MS);
    pawl_json_key(&writer, "consumed");
    pawl_json_object_begin(&writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_member_i64(&writer, unit_name(i), card->account.units[i].spent);
    }
    pawl_json_object_end(&writer);
    pawl_json_key(&writer, "limits");
    pawl_json_object_begin(&writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_member_i64(&writer, unit_name(i), card->account.units[i].limit);
    }
    pawl_json_object_end(&writer);
    pawl_lending_write(&writer, &card->limits, false);
    pawl_phase_report_put(&card->phases, &writer);
    pawl_json_member_i64(&writer, "unconfirmed", card->unconfirmed_microcents);
    pawl_json_member_i64(&writer, "calls", (int64_t)card->calls);
    pawl_json_member_i64(&writer, "refusals", (int64_t)card->refusals);
    pawl_json_member_i64(&writer, "refused_tools", (int64_t)card->refused_tools);
    pawl_json_member_i64(&writer, "repeats", (int64_t)card->repeats);
    pawl_json_member_i64(&writer, "batches", (int64_t)card->batches);
    pawl_json_member_i64(&writer, "approvals_asked", (int64_t)card->approvals_asked);
    pawl_json_member_i64(&writer, "approvals_given", (int64_t)card->approvals_given);
    put_models(card, &writer);
    put_steps(card, &writer);
    pawl_worktree_put(&card->files, &writer);
    put_notices(card->notices, &writer);
    pawl_json_object_end(&writer);
    pawl_buf_append_byte(out, '\n');
}
