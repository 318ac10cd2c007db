/* SPDX-License-Identifier: Apache-2.0 */
/* status.c: see status.h. */
#include "run/status.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/command.h"
#include "run/caps.h"
#include "run/meta.h"

/* Of a command that runs everywhere this is enough to be recognised by. */
enum { COMMAND_BYTES_MAX = 256 };

/* What is called in the agent's name, and where. */
static void put_identity(struct pawl_json_writer *writer, const struct pawl_status *status)
{
    struct pawl_buf line;
    pawl_buf_init(&line, PAWL_METADATA_BYTES_MAX);
    pawl_meta_command_line(status->argv, COMMAND_BYTES_MAX, &line);
    pawl_json_member_str(writer, "run", status->run_id);
    if (status->name != NULL) {
        pawl_json_member_str(writer, "name", status->name);
    }
    pawl_json_member_string(writer, "command", pawl_buf_slice(&line));
    pawl_buf_free(&line);
    if (status->cwd[0] != '\0') {
        pawl_json_member_str(writer, "cwd", status->cwd);
    }
    if (status->repo[0] != '\0') {
        pawl_json_member_str(writer, "repo", status->repo);
    }
    pawl_json_member_str(writer, "policy", status->policy);
    pawl_json_member_bool(writer, "attended", status->attended);
    if (status->model != NULL) {
        pawl_json_member_str(writer, "model", status->model);
    }
    if (!pawl_slice_empty(status->phase)) {
        pawl_json_member_string(writer, "phase", status->phase);
    }
}

static void put_caps(struct pawl_json_writer *writer, const struct pawl_status *status)
{
    const struct pawl_account *account = &status->account;
    pawl_json_member_i64(writer, "pace_ms", status->pace.window_ms);
    pawl_json_key(writer, "caps");
    pawl_json_array_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit",
                             pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)));
        pawl_json_member_i64(writer, "limit", account->units[i].limit);
        pawl_json_member_i64(writer, "spent", account->units[i].spent);
        pawl_json_member_i64(writer, "held", account->units[i].held);
        if (i != PAWL_CAP_TIME) {
            pawl_json_member_i64(writer, "per_minute", status->pace.units[i].per_minute);
        }
        if (status->pace.units[i].left_ms >= 0) {
            pawl_json_member_i64(writer, "left_ms", status->pace.units[i].left_ms);
        }
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

static void put_call(struct pawl_json_writer *writer, const struct pawl_recent_call *call)
{
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "call", (int64_t)call->id);
    pawl_json_member_i64(writer, "at_ms", call->at_us / PAWL_US_PER_MS);
    pawl_json_member_str(writer, "model", call->model);
    if (call->who[0] != '\0') {
        pawl_json_member_str(writer, "who", call->who);
    }
    pawl_json_member_i64(writer, "microcents", call->microcents);
    pawl_json_member_i64(writer, "tokens", call->tokens);
    pawl_json_member_i64(writer, "tool_calls", call->tool_calls);
    pawl_json_member_i64(writer, "duration_us", call->duration_us);
    pawl_json_object_end(writer);
}

static void put_recent(struct pawl_json_writer *writer, const struct pawl_recent *recent)
{
    if (recent->dearest.id != 0) {
        pawl_json_key(writer, "dearest");
        put_call(writer, &recent->dearest);
    }
    pawl_json_key(writer, "last");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; pawl_recent_call_at(recent, i) != NULL; i++) {
        put_call(writer, pawl_recent_call_at(recent, i));
    }
    pawl_json_array_end(writer);
}

static void put_latch(struct pawl_json_writer *writer, const struct pawl_gateway_latch *latch)
{
    pawl_json_key(writer, "latched");
    if (latch == NULL) {
        pawl_json_put_null(writer);
        return;
    }
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "reason", pawl_refusal_name(latch->refusal));
    if (pawl_unit_name(latch->unit) != NULL) {
        pawl_json_member_str(writer, "unit", pawl_unit_name(latch->unit));
    }
    pawl_json_member_str(writer, "message", latch->message);
    pawl_json_object_end(writer);
}

static void put_outage(struct pawl_json_writer *writer, const struct pawl_outage *outage)
{
    pawl_json_key(writer, "unreachable");
    if (outage == NULL) {
        pawl_json_put_null(writer);
        return;
    }
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "since_ms", outage->since_us / PAWL_US_PER_MS);
    pawl_json_member_i64(writer, "calls", (int64_t)outage->calls);
    pawl_json_member_str(writer, "why", outage->why);
    pawl_json_object_end(writer);
}

static void put_wait(struct pawl_json_writer *writer, const struct pawl_limit_wait *wait)
{
    pawl_json_key(writer, "waiting");
    if (wait == NULL) {
        pawl_json_put_null(writer);
        return;
    }
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "until_ms", wait->resets_at_us / PAWL_US_PER_MS);
    pawl_json_member_str(writer, "what", wait->what);
    pawl_json_object_end(writer);
}

static void put_estimates(struct pawl_json_writer *writer, const struct pawl_status *status)
{
    pawl_json_key(writer, "estimates");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < status->estimate_count; i++) {
        const struct pawl_estimate_error *error = &status->estimates[i];
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "model", error->model);
        pawl_json_member_i64(writer, "calls", error->samples);
        pawl_json_member_i64(writer, "permille_p50", error->permille_p50);
        pawl_json_member_i64(writer, "permille_p99", error->permille_p99);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

const char *pawl_status_question(enum pawl_question_kind kind)
{
    static const char *const kinds[] = {[PAWL_QUESTION_MORE] = "more",
                                        [PAWL_QUESTION_MODEL] = "model",
                                        [PAWL_QUESTION_RESUME] = "resume",
                                        [PAWL_QUESTION_PHASE] = "phase"};
    PAWL_ASSERT((size_t)kind < PAWL_ARRAY_LEN(kinds));
    return kinds[kind];
}

static void put_question(struct pawl_json_writer *writer, const struct pawl_status *status)
{
    if (status->asks) {
        pawl_json_member_str(writer, "question", pawl_status_question(status->about));
        pawl_json_member_str(writer, "question_text", status->asked_text);
    }
    if (status->asks && status->asked_phase != NULL) {
        pawl_json_member_str(writer, "question_phase", status->asked_phase);
    }
    pawl_json_key(writer, "asking");
    if (!status->asks) {
        pawl_json_put_null(writer);
        return;
    }
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < status->asked_count; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit", pawl_unit_name(status->asked[i].unit));
        pawl_json_member_i64(writer, "amount", status->asked[i].value);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

void pawl_status_write(const struct pawl_status *status, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    put_identity(&writer, status);
    pawl_json_member_i64(&writer, "pid", status->pid);
    pawl_json_member_str(&writer, "state", status->ending ? "ending" : "active");
    pawl_json_member_i64(&writer, "started_ms", status->started_us / PAWL_US_PER_MS);
    pawl_json_member_i64(&writer, "now_ms", status->now_us / PAWL_US_PER_MS);
    put_caps(&writer, status);
    pawl_lending_write(&writer, &status->limits, false);
    pawl_json_member_bool(&writer, "phase_by_hand", status->phases.by_hand);
    pawl_phase_report_put(&status->phases, &writer);
    pawl_json_member_i64(&writer, "calls", (int64_t)status->counters.calls);
    pawl_json_member_i64(&writer, "refusals", (int64_t)status->counters.refusals);
    pawl_json_member_i64(&writer, "batches", (int64_t)status->counters.batches);
    pawl_json_member_i64(&writer, "in_flight", (int64_t)status->counters.in_flight);
    pawl_json_member_i64(&writer, "overshoot", status->counters.overshoot_microcents);
    put_recent(&writer, status->recent);
    put_estimates(&writer, status);
    put_outage(&writer, status->outage);
    put_wait(&writer, status->wait);
    put_latch(&writer, status->latch);
    put_question(&writer, status);
    pawl_json_object_end(&writer);
}
