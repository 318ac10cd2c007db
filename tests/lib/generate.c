/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate.c: see generate.h. Small numbers and short texts are drawn more often than large
 * ones, zero and empty often enough that every optional part is seen both there and
 * missing, and the maxima now and then, since that is where lengths go wrong.
 */
#include "tests/lib/generate.h"

#include "base/assert.h"

static uint8_t draw_u8(struct pawl_prng *prng)
{
    return (uint8_t)pawl_prng_next(prng);
}

static uint16_t draw_u16(struct pawl_prng *prng)
{
    return (uint16_t)pawl_prng_next(prng);
}

static uint32_t draw_u32(struct pawl_prng *prng)
{
    return (uint32_t)pawl_prng_next(prng);
}

static uint64_t draw_u64(struct pawl_prng *prng)
{
    switch (pawl_prng_below(prng, 4)) {
    case 0:
        return 0;
    case 1:
        return pawl_prng_below(prng, 1000);
    case 2:
        return UINT64_MAX - pawl_prng_below(prng, 3);
    default:
        return pawl_prng_next(prng);
    }
}

static int64_t draw_i64(struct pawl_prng *prng)
{
    return (int64_t)draw_u64(prng);
}

static bool draw_bool(struct pawl_prng *prng)
{
    return pawl_prng_one_in(prng, 2);
}

static size_t draw_length(struct pawl_prng *prng, size_t max)
{
    switch (pawl_prng_below(prng, 8)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return max;
    default:
        return (size_t)pawl_prng_below(prng, max < 24 ? max + 1 : 24);
    }
}

static struct pawl_slice
draw_text(struct pawl_prng *prng, struct pawl_arena *arena, size_t bytes_max)
{
    size_t bytes = draw_length(prng, bytes_max);
    if (bytes == 0) {
        return PAWL_SLICE_NONE;
    }
    char *text = pawl_arena_alloc(arena, bytes);
    PAWL_ASSERT(text != NULL);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = (char)draw_u8(prng);
    }
    return pawl_slice_of(text, bytes);
}

static struct pawl_slice draw_name(struct pawl_prng *prng, struct pawl_arena *arena)
{
    return draw_text(prng, arena, PAWL_NAME_BYTES_MAX);
}

static struct pawl_dimension draw_dimension(struct pawl_prng *prng, struct pawl_arena *arena)
{
    return (struct pawl_dimension){.name = draw_name(prng, arena),
                                   .value = draw_text(prng, arena, PAWL_VALUE_BYTES_MAX)};
}

static void
draw_subject(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_subject *ret_subject)
{
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        ret_subject->levels[i] = draw_name(prng, arena);
    }
    ret_subject->dimension_count = (uint32_t)draw_length(prng, PAWL_DIMENSIONS_MAX);
    for (uint32_t i = 0; i < ret_subject->dimension_count; i++) {
        ret_subject->dimensions[i] = draw_dimension(prng, arena);
    }
    ret_subject->session = draw_name(prng, arena);
}

static void
draw_scope(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_scope_name *ret_scope)
{
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        ret_scope->levels[i] = draw_name(prng, arena);
    }
    ret_scope->dimension = draw_dimension(prng, arena);
    ret_scope->session = draw_name(prng, arena);
}

static uint32_t draw_lines(struct pawl_prng *prng, struct pawl_amount *ret_lines)
{
    uint32_t count = (uint32_t)draw_length(prng, PAWL_LINES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        ret_lines[i].unit = draw_u16(prng);
        ret_lines[i].value = draw_i64(prng);
    }
    return count;
}

static void
draw_config(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    struct pawl_config *config = &command->u.config;
    config->rules_version = draw_u32(prng);
    config->strings_max = draw_u32(prng);
    config->scopes_max = draw_u32(prng);
    config->budgets_max = draw_u32(prng);
    config->reservations_max = draw_u32(prng);
    config->idempotency_max = draw_u32(prng);
    config->sessions_max = draw_u32(prng);
    config->approvals_max = draw_u32(prng);
    config->documents_max = draw_u32(prng);
    config->idempotency_ttl_us = draw_i64(prng);
    config->idempotency_settle_ttl_us = draw_i64(prng);
    config->correction_ttl_us = draw_i64(prng);
    config->hash_key.k0 = draw_u64(prng);
    config->hash_key.k1 = draw_u64(prng);
    config->id_key.k0 = draw_u64(prng);
    config->id_key.k1 = draw_u64(prng);
    config->shard = draw_u16(prng);
}

static void
draw_tz_define(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    struct pawl_command_tz_define *tz = &command->u.tz_define;
    uint32_t count = (uint32_t)draw_length(prng, PAWL_TZ_TRANSITIONS_MAX);
    struct pawl_tz_transition *transitions =
        pawl_arena_alloc(arena, (count + 1) * sizeof(*transitions));
    PAWL_ASSERT(transitions != NULL);
    for (uint32_t i = 0; i < count; i++) {
        transitions[i].at_s = draw_i64(prng);
        transitions[i].offset_s = (int32_t)draw_u32(prng);
    }
    tz->tz = draw_u16(prng);
    tz->name = draw_name(prng, arena);
    tz->initial_offset_s = (int32_t)draw_u32(prng);
    tz->transition_count = count;
    tz->transitions = transitions;
}

static void
draw_budget_create(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    struct pawl_command_budget_create *create = &command->u.budget_create;
    draw_scope(prng, arena, &create->scope);
    create->phase = draw_name(prng, arena);
    create->unit = draw_u16(prng);
    create->window.kind = draw_u8(prng);
    create->window.period = draw_u8(prng);
    create->window.week_start = draw_u8(prng);
    create->window.tz = draw_u16(prng);
    create->window.length_us = draw_i64(prng);
    create->allocated = draw_i64(prng);
    create->overdraft_limit = draw_i64(prng);
    create->mode = draw_u8(prng);
    create->overage = draw_u8(prng);
}

static void
draw_budget_fund(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.budget_fund.budget = draw_u64(prng);
    command->u.budget_fund.kind = draw_u8(prng);
    command->u.budget_fund.amount = draw_i64(prng);
    command->u.budget_fund.spent = draw_i64(prng);
}

static void
draw_budget_set(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.budget_set.budget = draw_u64(prng);
    command->u.budget_set.state = draw_u8(prng);
    command->u.budget_set.set_overdraft_limit = draw_bool(prng);
    command->u.budget_set.overdraft_limit = draw_i64(prng);
    command->u.budget_set.overage = draw_u8(prng);
}

static void
draw_reserve(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    struct pawl_command_reserve *reserve = &command->u.reserve;
    draw_subject(prng, arena, &reserve->subject);
    reserve->phase = draw_name(prng, arena);
    reserve->line_count = draw_lines(prng, reserve->lines);
    reserve->ttl_ms = draw_i64(prng);
    reserve->grace_ms = draw_i64(prng);
    reserve->overage = draw_u8(prng);
    reserve->on_expiry = draw_u8(prng);
    reserve->priority = draw_u8(prng);
    reserve->extensions_max = draw_u16(prng);
    reserve->dry_run = draw_bool(prng);
    if (draw_bool(prng)) {
        reserve->throttle = draw_u64(prng);
        reserve->throttle_per_minute = draw_u32(prng);
    }
}

static void
draw_grow(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.grow.reservation = draw_u64(prng);
    command->u.grow.line_count = draw_lines(prng, command->u.grow.lines);
}

static void
draw_extend(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.extend.reservation = draw_u64(prng);
    command->u.extend.ttl_ms = draw_i64(prng);
}

static void
draw_settle(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.settle.reservation = draw_u64(prng);
    command->u.settle.line_count = draw_lines(prng, command->u.settle.lines);
}

static void
draw_release(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.release.reservation = draw_u64(prng);
}

static void
draw_event(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    draw_subject(prng, arena, &command->u.event.subject);
    command->u.event.phase = draw_name(prng, arena);
    command->u.event.line_count = draw_lines(prng, command->u.event.lines);
    command->u.event.overage = draw_u8(prng);
}

static void
draw_expire(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.expire.until_us = draw_i64(prng);
    command->u.expire.max = draw_u32(prng);
}

static void
draw_session_open(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    struct pawl_command_session_open *open = &command->u.session_open;
    open->tenant = draw_name(prng, arena);
    open->name = draw_name(prng, arena);
    open->parent = draw_name(prng, arena);
    open->phase = draw_name(prng, arena);
    open->cap_count = (uint32_t)draw_length(prng, PAWL_SESSION_CAPS_MAX);
    for (uint32_t i = 0; i < open->cap_count; i++) {
        open->caps[i].phase = draw_name(prng, arena);
        open->caps[i].unit = draw_u16(prng);
        open->caps[i].amount = draw_i64(prng);
    }
}

static void
draw_session_set(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.session_set.tenant = draw_name(prng, arena);
    command->u.session_set.name = draw_name(prng, arena);
    command->u.session_set.state = draw_u8(prng);
    command->u.session_set.reason = draw_u8(prng);
    command->u.session_set.unit = draw_u16(prng);
}

static void
draw_session_phase(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.session_phase.tenant = draw_name(prng, arena);
    command->u.session_phase.name = draw_name(prng, arena);
    command->u.session_phase.phase = draw_name(prng, arena);
}

static void
draw_approval_open(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.approval_open.tenant = draw_name(prng, arena);
    command->u.approval_open.session = draw_name(prng, arena);
    command->u.approval_open.kind = draw_u8(prng);
    command->u.approval_open.line_count = draw_lines(prng, command->u.approval_open.lines);
    command->u.approval_open.ttl_ms = draw_i64(prng);
}

static void
draw_approval_answer(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    (void)arena;
    command->u.approval_answer.approval = draw_u64(prng);
    command->u.approval_answer.approved = draw_bool(prng);
    command->u.approval_answer.line_count = draw_lines(prng, command->u.approval_answer.lines);
}

static void
draw_note(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.note.tenant = draw_name(prng, arena);
    command->u.note.session = draw_name(prng, arena);
    command->u.note.kind = draw_u16(prng);
}

static void
draw_document_put(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.document_put.kind = draw_u8(prng);
    command->u.document_put.tenant = draw_name(prng, arena);
    command->u.document_put.id = draw_name(prng, arena);
    command->u.document_put.version = draw_u64(prng);
    command->u.document_put.state = draw_u8(prng);
    command->u.document_put.body = draw_text(prng, arena, PAWL_DOCUMENT_BYTES_MAX);
}

static void
draw_tenant_drain(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command)
{
    command->u.tenant_drain.tenant = draw_name(prng, arena);
    command->u.tenant_drain.from = draw_u32(prng);
    command->u.tenant_drain.max = draw_u32(prng);
}

typedef void
draw_fn(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_command *command);

static draw_fn *const payloads[PAWL_COMMAND_TYPE_END] = {
    [PAWL_COMMAND_CONFIG] = draw_config,
    [PAWL_COMMAND_TZ_DEFINE] = draw_tz_define,
    [PAWL_COMMAND_BUDGET_CREATE] = draw_budget_create,
    [PAWL_COMMAND_BUDGET_FUND] = draw_budget_fund,
    [PAWL_COMMAND_BUDGET_SET] = draw_budget_set,
    [PAWL_COMMAND_RESERVE] = draw_reserve,
    [PAWL_COMMAND_GROW] = draw_grow,
    [PAWL_COMMAND_EXTEND] = draw_extend,
    [PAWL_COMMAND_COMMIT] = draw_settle,
    [PAWL_COMMAND_RELEASE] = draw_release,
    [PAWL_COMMAND_CORRECT] = draw_settle,
    [PAWL_COMMAND_EVENT] = draw_event,
    [PAWL_COMMAND_DECIDE] = draw_reserve,
    [PAWL_COMMAND_EXPIRE] = draw_expire,
    [PAWL_COMMAND_SESSION_OPEN] = draw_session_open,
    [PAWL_COMMAND_SESSION_SET] = draw_session_set,
    [PAWL_COMMAND_SESSION_PHASE] = draw_session_phase,
    [PAWL_COMMAND_APPROVAL_OPEN] = draw_approval_open,
    [PAWL_COMMAND_APPROVAL_ANSWER] = draw_approval_answer,
    [PAWL_COMMAND_NOTE] = draw_note,
    [PAWL_COMMAND_DOCUMENT_PUT] = draw_document_put,
    [PAWL_COMMAND_TENANT_DRAIN] = draw_tenant_drain,
};

void generate_command_of_type(struct pawl_prng *prng,
                              struct pawl_arena *arena,
                              uint16_t type,
                              struct pawl_command *ret_command)
{
    *ret_command = (struct pawl_command){.type = type};
    ret_command->idempotency_key = draw_text(prng, arena, PAWL_KEY_BYTES_MAX);
    ret_command->payload_hash[0] = draw_u64(prng);
    ret_command->payload_hash[1] = draw_u64(prng);
    ret_command->metadata = draw_text(prng, arena, PAWL_METADATA_BYTES_MAX);
    PAWL_ASSERT(type < PAWL_COMMAND_TYPE_END && payloads[type] != NULL);
    payloads[type](prng, arena, ret_command);
}

void generate_command(struct pawl_prng *prng,
                      struct pawl_arena *arena,
                      struct pawl_command *ret_command)
{
    uint16_t type = (uint16_t)pawl_prng_between(prng, 1, PAWL_COMMAND_TYPE_END - 1);
    generate_command_of_type(prng, arena, type, ret_command);
}

static void draw_denial(struct pawl_prng *prng, struct pawl_denial *ret_denial)
{
    ret_denial->budget = draw_u64(prng);
    ret_denial->session = draw_u64(prng);
    ret_denial->unit = draw_u16(prng);
    ret_denial->window_kind = draw_u8(prng);
    ret_denial->reason = draw_u8(prng);
    ret_denial->limit = draw_i64(prng);
    ret_denial->spent = draw_i64(prng);
    ret_denial->held = draw_i64(prng);
    ret_denial->debt = draw_i64(prng);
    ret_denial->asked = draw_i64(prng);
    ret_denial->fits = draw_i64(prng);
    ret_denial->resets_at_us = draw_i64(prng);
}

static void
draw_result_lists(struct pawl_prng *prng, struct pawl_arena *arena, struct pawl_result *result)
{
    result->line_count = (uint32_t)draw_length(prng, PAWL_LINES_MAX);
    for (uint32_t i = 0; i < result->line_count; i++) {
        result->charged[i].unit = draw_u16(prng);
        result->charged[i].value = draw_i64(prng);
        result->released[i].unit = draw_u16(prng);
        result->released[i].value = draw_i64(prng);
    }
    result->delta_count = (uint32_t)draw_length(prng, PAWL_HOLDS_MAX);
    for (uint32_t i = 0; i < result->delta_count; i++) {
        struct pawl_delta *delta = &result->deltas[i];
        delta->budget = draw_u64(prng);
        delta->ordinal = draw_u32(prng);
        delta->unit = draw_u16(prng);
        delta->reserved = draw_i64(prng);
        delta->spent = draw_i64(prng);
        delta->debt = draw_i64(prng);
        delta->allocated = draw_i64(prng);
    }
    result->standing_count = draw_bool(prng) ? result->delta_count : 0;
    for (uint32_t i = 0; i < result->standing_count; i++) {
        struct pawl_standing *standing = &result->standings[i];
        standing->allocated = draw_i64(prng);
        standing->reserved = draw_i64(prng);
        standing->spent = draw_i64(prng);
        standing->debt = draw_i64(prng);
        standing->overdraft_limit = draw_i64(prng);
        standing->over_limit = draw_bool(prng);
    }
    result->expired_count = (uint32_t)draw_length(prng, PAWL_EXPIRE_MAX);
    if (result->expired_count == 0) {
        return;
    }
    struct pawl_expired *expired =
        pawl_arena_alloc(arena, result->expired_count * sizeof(*expired));
    PAWL_ASSERT(expired != NULL);
    for (uint32_t i = 0; i < result->expired_count; i++) {
        expired[i].id = draw_u64(prng);
        expired[i].kind =
            (uint8_t)pawl_prng_between(prng, PAWL_EXPIRED_RELEASED, PAWL_EXPIRED_DRAINED);
    }
    result->expired = expired;
}

void generate_result(struct pawl_prng *prng,
                     struct pawl_arena *arena,
                     uint64_t op,
                     int64_t now_us,
                     struct pawl_result *ret_result)
{
    *ret_result = (struct pawl_result){
        .code = (uint16_t)pawl_prng_below(prng, PAWL_RESULT_COUNT), .op = op, .now_us = now_us};
    ret_result->replayed = draw_bool(prng);
    ret_result->over_limit = draw_bool(prng);
    ret_result->more_due = draw_bool(prng);
    ret_result->original_op = draw_u64(prng);
    ret_result->id = draw_u64(prng);
    ret_result->expires_us = draw_i64(prng);
    draw_result_lists(prng, arena, ret_result);
    if (draw_bool(prng)) {
        draw_denial(prng, &ret_result->denial);
    }
}
