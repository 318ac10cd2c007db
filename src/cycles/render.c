/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.c: the six answers. Their members stand in the order of the protocol's text.
 */
#include "cycles/render.h"

#include "base/assert.h"
#include "base/clock.h"
#include "cycles/denial.h"
#include "engine/engine.h"

_Static_assert((int)PAWL_RENDER_ID_BYTES >= (int)PAWL_ID_TEXT_BYTES, "an id fits");

/* --- Parts ---------------------------------------------------------------------------------- */

void pawl_render_amount(struct pawl_json_writer *writer,
                        const char *name,
                        struct pawl_amount amount)
{
    char unit[PAWL_UNIT_TEXT_BYTES];
    pawl_json_key(writer, name);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "unit", pawl_unit_text(amount.unit, unit));
    pawl_json_member_i64(writer, "amount", amount.value);
    pawl_json_object_end(writer);
}

/* Every scope on the way, the tenant's first. */
static void render_affected(struct pawl_json_writer *writer, struct pawl_slice path)
{
    pawl_json_key(writer, "affected_scopes");
    pawl_json_array_begin(writer);
    for (size_t at = 0; at < path.bytes; at++) {
        if (path.data[at] == '/') {
            pawl_json_put_string(writer, pawl_slice_of(path.data, at));
        }
    }
    pawl_json_put_string(writer, path);
    pawl_json_array_end(writer);
}

void pawl_render_scope_list(struct pawl_json_writer *writer, struct pawl_slice path)
{
    render_affected(writer, path);
    pawl_json_member_string(writer, "scope_path", path);
}

void pawl_render_scopes(struct pawl_json_writer *writer,
                        const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    char path[PAWL_SCOPE_PATH_BYTES];
    pawl_render_scope_list(writer, pawl_slice_of(path, pawl_levels_path(levels, path)));
}

struct pawl_slice pawl_render_event_id(const struct pawl_engine *engine,
                                       uint64_t op,
                                       char out[static PAWL_RENDER_ID_BYTES])
{
    (void)pawl_engine_id_format(engine, op, out);
    memcpy(out, "evt", 3);
    return pawl_slice_str(out);
}

static void render_caps(struct pawl_json_writer *writer, struct pawl_slice caps)
{
    if (caps.bytes > 0) {
        pawl_json_key(writer, "caps");
        pawl_json_put_raw(writer, caps);
    }
}

/* What is left of a lease; nothing of one that is over. */
static int64_t remaining_ms(const struct pawl_done *done, uint64_t reservation)
{
    struct pawl_reservation_view view;
    int64_t now_ms = done->now_us / PAWL_US_PER_MS;
    bool open = pawl_core_reservation(pawl_engine_core(done->engine), reservation, &view) &&
                view.state == PAWL_RESERVATION_HELD && now_ms <= view.expires_us / PAWL_US_PER_MS;
    int64_t left_ms = done->result->expires_us / PAWL_US_PER_MS - now_ms;
    return open && left_ms > 0 ? left_ms : 0;
}

/* --- Decisions ------------------------------------------------------------------------------ */

/* The reason of a DENY. */
static const char *reason_code(uint16_t code)
{
    switch (code) {
    case PAWL_RESULT_NOT_FOUND:
        return "BUDGET_NOT_FOUND";
    case PAWL_RESULT_TENANT_SUSPENDED:
        return "TENANT_SUSPENDED";
    default:
        return pawl_result_wire(code);
    }
}

static void render_reason(struct pawl_json_writer *writer, const struct pawl_result *result)
{
    pawl_json_member_str(writer, "reason_code", reason_code(result->code));
    int64_t wait_ms =
        (result->denial.resets_at_us - result->now_us + PAWL_US_PER_MS - 1) / PAWL_US_PER_MS;
    if (result->denial.resets_at_us > 0 && wait_ms > 0) {
        pawl_json_member_i64(writer, "retry_after_ms", wait_ms);
    }
}

static void render_decision(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    bool allowed = done->result->code == PAWL_RESULT_OK;
    const char *granted = done->caps.bytes > 0 ? "ALLOW_WITH_CAPS" : "ALLOW";
    pawl_json_member_str(writer, "decision", allowed ? granted : "DENY");
}

void pawl_render_decide(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    pawl_json_object_begin(writer);
    render_decision(writer, done);
    if (done->result->code == PAWL_RESULT_OK) {
        render_caps(writer, done->caps);
    } else {
        render_reason(writer, done->result);
    }
    char path[PAWL_SCOPE_PATH_BYTES];
    size_t bytes = pawl_levels_path(done->command->u.reserve.subject.levels, path);
    render_affected(writer, pawl_slice_of(path, bytes));
    pawl_json_object_end(writer);
}

void pawl_render_reserve(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_command_reserve *reserve = &done->command->u.reserve;
    const struct pawl_result *result = done->result;
    char id[PAWL_ID_TEXT_BYTES];
    pawl_json_object_begin(writer);
    render_decision(writer, done);
    if (!reserve->dry_run) {
        PAWL_ASSERT(result->code == PAWL_RESULT_OK);
        pawl_json_member_str(writer, "reservation_id",
                             pawl_engine_id_format(done->engine, result->id, id));
    }
    pawl_render_scopes(writer, reserve->subject.levels);
    if (result->code != PAWL_RESULT_OK) {
        render_reason(writer, result);
        pawl_json_object_end(writer);
        return;
    }
    pawl_render_amount(writer, "reserved", reserve->lines[0]);
    if (!reserve->dry_run) {
        pawl_json_member_i64(writer, "expires_at_ms", result->expires_us / PAWL_US_PER_MS);
        pawl_json_member_i64(writer, "remaining_ttl_ms", remaining_ms(done, result->id));
    }
    render_caps(writer, done->caps);
    pawl_json_object_end(writer);
}

/* --- Settlements ---------------------------------------------------------------------------- */

bool pawl_balance_is_shown(const struct pawl_core *core,
                           const struct pawl_budget_view *view,
                           char out[static PAWL_SCOPE_PATH_BYTES],
                           struct pawl_slice *ret_path)
{
    if (!pawl_unit_is_protocol(view->unit) || view->phase.bytes > 0) {
        return false;
    }
    size_t bytes = pawl_core_scope_path(core, view->scope, out, PAWL_SCOPE_PATH_BYTES);
    PAWL_ASSERT(bytes < PAWL_SCOPE_PATH_BYTES);
    *ret_path = pawl_slice_of(out, bytes);
    return pawl_path_is_of_levels(*ret_path);
}

static int64_t remaining_of(const struct pawl_standing *standing)
{
    return standing->allocated - standing->spent - standing->reserved - standing->debt;
}

bool pawl_balance_before(uint8_t window_a,
                         const struct pawl_standing *a,
                         uint8_t window_b,
                         const struct pawl_standing *b)
{
    bool lifetime_a = window_a == PAWL_WINDOW_LIFETIME;
    bool lifetime_b = window_b == PAWL_WINDOW_LIFETIME;
    if (lifetime_a || lifetime_b) {
        return lifetime_a && !lifetime_b;
    }
    return remaining_of(a) < remaining_of(b);
}

void pawl_render_balance(struct pawl_json_writer *writer, const struct pawl_balance *balance)
{
    const struct pawl_standing *standing = &balance->standing;
    uint16_t unit = balance->unit;
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "scope", balance->path);
    pawl_json_member_string(writer, "scope_path", balance->path);
    pawl_render_amount(writer, "remaining", (struct pawl_amount){unit, remaining_of(standing)});
    pawl_render_amount(writer, "reserved", (struct pawl_amount){unit, standing->reserved});
    pawl_render_amount(writer, "spent", (struct pawl_amount){unit, standing->spent});
    pawl_render_amount(writer, "allocated", (struct pawl_amount){unit, standing->allocated});
    if (standing->debt > 0) {
        pawl_render_amount(writer, "debt", (struct pawl_amount){unit, standing->debt});
    }
    if (standing->overdraft_limit > 0) {
        pawl_render_amount(writer, "overdraft_limit",
                           (struct pawl_amount){unit, standing->overdraft_limit});
    }
    if (standing->over_limit) {
        pawl_json_member_bool(writer, "is_over_limit", true);
    }
    pawl_json_object_end(writer);
}

/* Whether another budget of the same scope and unit is shown in the place of number `i`. */
static bool is_outshone(const struct pawl_core *core,
                        const struct pawl_result *result,
                        uint32_t i,
                        const struct pawl_budget_view *view)
{
    struct pawl_budget_view other;
    for (uint32_t j = 0; j < result->standing_count; j++) {
        if (j == i || result->deltas[j].unit != view->unit ||
            !pawl_core_budget(core, result->deltas[j].budget, pawl_core_now_us(core), &other) ||
            other.scope != view->scope || other.phase.bytes > 0) {
            continue;
        }
        bool before = pawl_balance_before(other.window.kind, &result->standings[j],
                                          view->window.kind, &result->standings[i]);
        bool behind = pawl_balance_before(view->window.kind, &result->standings[i],
                                          other.window.kind, &result->standings[j]);
        if (before || (!behind && j < i)) {
            return true;
        }
    }
    return false;
}

/* How the budgets stood right after the operation, as the record says it. The ledger is asked for
 * their scopes only, and cannot be asked about a time that is past. */
static void render_balances(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_core *core = pawl_engine_core(done->engine);
    const struct pawl_result *result = done->result;
    struct pawl_budget_view view;
    char path[PAWL_SCOPE_PATH_BYTES];
    PAWL_ASSERT(result->standing_count <= result->delta_count);
    pawl_json_key(writer, "balances");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < result->standing_count; i++) {
        struct pawl_balance balance = {.unit = result->deltas[i].unit,
                                       .standing = result->standings[i]};
        if (pawl_core_budget(core, result->deltas[i].budget, pawl_core_now_us(core), &view) &&
            pawl_balance_is_shown(core, &view, path, &balance.path) &&
            (result->standing_count == 1 || !is_outshone(core, result, i, &view))) {
            pawl_render_balance(writer, &balance);
        }
    }
    pawl_json_array_end(writer);
}

void pawl_render_commit(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_result *result = done->result;
    PAWL_ASSERT(result->line_count == 1);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "status", "COMMITTED");
    pawl_render_amount(writer, "charged", result->charged[0]);
    if (result->released[0].value > 0) {
        pawl_render_amount(writer, "released", result->released[0]);
    }
    render_balances(writer, done);
    pawl_json_object_end(writer);
}

void pawl_render_release(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    PAWL_ASSERT(done->result->line_count >= 1);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "status", "RELEASED");
    pawl_render_amount(writer, "released", done->result->released[0]);
    render_balances(writer, done);
    pawl_json_object_end(writer);
}

void pawl_render_extend(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "status", "ACTIVE");
    pawl_json_member_i64(writer, "expires_at_ms", done->result->expires_us / PAWL_US_PER_MS);
    pawl_json_member_i64(writer, "remaining_ttl_ms",
                         remaining_ms(done, done->command->u.extend.reservation));
    pawl_json_object_end(writer);
}

void pawl_render_event(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_result *result = done->result;
    const struct pawl_command_event *event = &done->command->u.event;
    char id[PAWL_RENDER_ID_BYTES];
    PAWL_ASSERT(result->line_count == 1);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "status", "APPLIED");
    pawl_json_member_string(writer, "event_id", pawl_render_event_id(done->engine, result->op, id));
    if (result->charged[0].value < event->lines[0].value) {
        pawl_render_amount(writer, "charged", result->charged[0]);
    }
    render_balances(writer, done);
    pawl_json_object_end(writer);
}
