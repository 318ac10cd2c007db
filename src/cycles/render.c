/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.c: the six answers. Their members stand in the order of the protocol's text.
 */
#include "cycles/render.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "cycles/denial.h"
#include "engine/engine.h"

_Static_assert((int)PAWL_RENDER_ID_BYTES >= (int)PAWL_ID_TEXT_BYTES, "an id fits");

/* --- Parts ---------------------------------------------------------------------------------- */

#define AMOUNT_TEXT(unit) "{\"unit\":\"" unit "\",\"amount\":"
#define AMOUNT_OF(unit)                                                                            \
    {                                                                                              \
        AMOUNT_TEXT(unit), sizeof(AMOUNT_TEXT(unit)) - 1                                           \
    }

/* The most frequent value of all: {"unit":…,"amount":…}, composed in place for the protocol's
 * units. */
static void put_amount(struct pawl_json_writer *writer, struct pawl_amount amount)
{
    static const struct pawl_slice heads[] = {[PAWL_UNIT_USD_MICROCENTS] =
                                                  AMOUNT_OF("USD_MICROCENTS"),
                                              [PAWL_UNIT_TOKENS] = AMOUNT_OF("TOKENS"),
                                              [PAWL_UNIT_CREDITS] = AMOUNT_OF("CREDITS"),
                                              [PAWL_UNIT_RISK_POINTS] = AMOUNT_OF("RISK_POINTS")};
    char unit[PAWL_UNIT_TEXT_BYTES];
    struct pawl_slice head =
        amount.unit < PAWL_ARRAY_LEN(heads) ? heads[amount.unit] : PAWL_SLICE_NONE;
    if (head.bytes == 0) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit", pawl_unit_text(amount.unit, unit));
        pawl_json_member_i64(writer, "amount", amount.value);
        pawl_json_object_end(writer);
        return;
    }
    size_t number = pawl_decimal_bytes_i64(amount.value);
    char *room = pawl_json_put_room(writer, head.bytes + number + 1);
    if (room != NULL) {
        memcpy(room, head.data, head.bytes);
        pawl_decimal_put_i64(amount.value, number, room + head.bytes);
        room[head.bytes + number] = '}';
    }
}

void pawl_render_amount(struct pawl_json_writer *writer,
                        const char *name,
                        struct pawl_amount amount)
{
    pawl_json_key(writer, name);
    put_amount(writer, amount);
}

/* Every scope on the way, the tenant's first. */
static void render_affected(struct pawl_json_writer *writer, struct pawl_slice path)
{
    PAWL_JSON_KEY(writer, "affected_scopes");
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
    PAWL_JSON_KEY(writer, "scope_path");
    pawl_json_put_string(writer, path);
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

void pawl_render_raw(struct pawl_json_writer *writer, const char *name, struct pawl_slice json)
{
    if (json.bytes > 0) {
        pawl_json_key(writer, name);
        pawl_json_put_raw(writer, json);
    }
}

/* What is left of a lease; nothing of one that is over. */
static int64_t remaining_ms(const struct pawl_done *done, uint64_t reservation)
{
    int64_t expires_us = 0;
    int64_t now_ms = done->now_us / PAWL_US_PER_MS;
    bool open = pawl_core_lease(pawl_engine_core(done->engine), reservation, &expires_us) &&
                now_ms <= expires_us / PAWL_US_PER_MS;
    int64_t left_ms = done->result->expires_us / PAWL_US_PER_MS - now_ms;
    return open && left_ms > 0 ? left_ms : 0;
}

static void
render_lease(struct pawl_json_writer *writer, const struct pawl_done *done, uint64_t reservation)
{
    PAWL_JSON_KEY(writer, "expires_at_ms");
    pawl_json_put_i64(writer, done->result->expires_us / PAWL_US_PER_MS);
    PAWL_JSON_KEY(writer, "remaining_ttl_ms");
    pawl_json_put_i64(writer, remaining_ms(done, reservation));
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
    if (done->result->code != PAWL_RESULT_OK) {
        PAWL_JSON_MEMBER(writer, "decision", "DENY");
    } else if (done->caps.bytes > 0) {
        PAWL_JSON_MEMBER(writer, "decision", "ALLOW_WITH_CAPS");
    } else {
        PAWL_JSON_MEMBER(writer, "decision", "ALLOW");
    }
}

void pawl_render_decide(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    pawl_json_object_begin(writer);
    render_decision(writer, done);
    if (done->result->code == PAWL_RESULT_OK) {
        pawl_render_raw(writer, "caps", done->caps);
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
        PAWL_JSON_KEY(writer, "reservation_id");
        pawl_json_put_str(writer, pawl_engine_id_format(done->engine, result->id, id));
    }
    pawl_render_scopes(writer, reserve->subject.levels);
    if (result->code != PAWL_RESULT_OK) {
        render_reason(writer, result);
        pawl_json_object_end(writer);
        return;
    }
    PAWL_JSON_KEY(writer, "reserved");
    put_amount(writer, reserve->lines[0]);
    if (!reserve->dry_run) {
        render_lease(writer, done, result->id);
    }
    pawl_render_raw(writer, "caps", done->caps);
    pawl_json_object_end(writer);
}

/* --- Settlements ---------------------------------------------------------------------------- */

bool pawl_balance_is_shown(const struct pawl_budget_place *place)
{
    return pawl_unit_is_protocol(place->unit) && !place->has_phase && place->of_levels;
}

int64_t pawl_standing_remaining(const struct pawl_standing *standing)
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
    return pawl_standing_remaining(a) < pawl_standing_remaining(b);
}

void pawl_render_balance(struct pawl_json_writer *writer, const struct pawl_balance *balance)
{
    const struct pawl_standing *standing = &balance->standing;
    uint16_t unit = balance->unit;
    pawl_json_object_begin(writer);
    PAWL_JSON_KEY(writer, "scope");
    pawl_json_put_string(writer, balance->path);
    PAWL_JSON_KEY(writer, "scope_path");
    pawl_json_put_string(writer, balance->path);
    PAWL_JSON_KEY(writer, "remaining");
    put_amount(writer, (struct pawl_amount){unit, pawl_standing_remaining(standing)});
    PAWL_JSON_KEY(writer, "reserved");
    put_amount(writer, (struct pawl_amount){unit, standing->reserved});
    PAWL_JSON_KEY(writer, "spent");
    put_amount(writer, (struct pawl_amount){unit, standing->spent});
    PAWL_JSON_KEY(writer, "allocated");
    put_amount(writer, (struct pawl_amount){unit, standing->allocated});
    if (standing->debt > 0) {
        PAWL_JSON_KEY(writer, "debt");
        put_amount(writer, (struct pawl_amount){unit, standing->debt});
    }
    if (standing->overdraft_limit > 0) {
        PAWL_JSON_KEY(writer, "overdraft_limit");
        put_amount(writer, (struct pawl_amount){unit, standing->overdraft_limit});
    }
    if (standing->over_limit) {
        pawl_json_member_bool(writer, "is_over_limit", true);
    }
    pawl_json_object_end(writer);
}

/* Whether another budget of the same scope and unit is shown in the place of number `i`. */
static bool is_outshone(const struct pawl_budget_place *places,
                        const struct pawl_standing *standings,
                        uint32_t count,
                        uint32_t i)
{
    for (uint32_t j = 0; j < count; j++) {
        if (j == i || places[j].scope != places[i].scope || places[j].unit != places[i].unit ||
            !pawl_balance_is_shown(&places[j])) {
            continue;
        }
        bool before =
            pawl_balance_before(places[j].window, &standings[j], places[i].window, &standings[i]);
        bool behind =
            pawl_balance_before(places[i].window, &standings[i], places[j].window, &standings[j]);
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
    uint32_t count = result->standing_count;
    struct pawl_budget_place places[PAWL_HOLDS_MAX];
    char path[PAWL_SCOPE_PATH_BYTES];
    PAWL_ASSERT(count <= result->delta_count && count <= PAWL_HOLDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (!pawl_core_budget_place(core, result->deltas[i].budget, &places[i])) {
            places[i] = (struct pawl_budget_place){.unit = PAWL_UNIT_NONE}; /* never shown */
        }
    }
    PAWL_JSON_KEY(writer, "balances");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < count; i++) {
        if (!pawl_balance_is_shown(&places[i]) ||
            is_outshone(places, result->standings, count, i)) {
            continue;
        }
        size_t bytes = pawl_core_scope_path(core, places[i].scope, path, sizeof(path));
        PAWL_ASSERT(bytes < sizeof(path));
        pawl_render_balance(writer, &(struct pawl_balance){.path = pawl_slice_of(path, bytes),
                                                           .unit = result->deltas[i].unit,
                                                           .standing = result->standings[i]});
    }
    pawl_json_array_end(writer);
}

void pawl_render_commit(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_result *result = done->result;
    PAWL_ASSERT(result->line_count == 1);
    pawl_json_object_begin(writer);
    PAWL_JSON_MEMBER(writer, "status", "COMMITTED");
    PAWL_JSON_KEY(writer, "charged");
    put_amount(writer, result->charged[0]);
    if (result->released[0].value > 0) {
        PAWL_JSON_KEY(writer, "released");
        put_amount(writer, result->released[0]);
    }
    render_balances(writer, done);
    pawl_json_object_end(writer);
}

void pawl_render_release(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    PAWL_ASSERT(done->result->line_count >= 1);
    pawl_json_object_begin(writer);
    PAWL_JSON_MEMBER(writer, "status", "RELEASED");
    PAWL_JSON_KEY(writer, "released");
    put_amount(writer, done->result->released[0]);
    render_balances(writer, done);
    pawl_json_object_end(writer);
}

void pawl_render_extend(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    pawl_json_object_begin(writer);
    PAWL_JSON_MEMBER(writer, "status", "ACTIVE");
    render_lease(writer, done, done->command->u.extend.reservation);
    pawl_json_object_end(writer);
}

void pawl_render_event(struct pawl_json_writer *writer, const struct pawl_done *done)
{
    const struct pawl_result *result = done->result;
    const struct pawl_command_event *event = &done->command->u.event;
    char id[PAWL_RENDER_ID_BYTES];
    PAWL_ASSERT(result->line_count == 1);
    pawl_json_object_begin(writer);
    PAWL_JSON_MEMBER(writer, "status", "APPLIED");
    pawl_json_member_string(writer, "event_id", pawl_render_event_id(done->engine, result->op, id));
    if (result->charged[0].value < event->lines[0].value) {
        PAWL_JSON_KEY(writer, "charged");
        put_amount(writer, result->charged[0]);
    }
    render_balances(writer, done);
    pawl_json_object_end(writer);
}
