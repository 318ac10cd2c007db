/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.c: what can be said about a command without looking at the ledger: lengths, ranges,
 * enumerations, fields that exclude each other. Whoever sends a command has usually checked
 * most of it with a better message; here is the line that nothing passes, whatever the host
 * does, and the rest of the core asserts what this file has refused.
 */
#include "core/ops.h"
#include "core/timer.h"
#include "core/window.h"

#define DAY_MS           INT64_C(86400000)
#define QUESTION_MS_MAX  (366 * DAY_MS)
#define RETENTION_US_MAX (3660 * DAY_MS * 1000)
_Static_assert(PAWL_NOW_US_MAX / 1000 + RETENTION_US_MAX / 1000 + 3 * PAWL_LEASE_MS_MAX <
                   PAWL_TIMER_DUE_MS_MAX,
               "whatever is retained or leased has a deadline");
/* What the tables' directories have room for, with every hold and block that goes with it. */
#define ENTRIES_MAX     ((UINT32_C(1) << 24) - 1)
#define IDEMPOTENCY_MAX ((UINT32_C(1) << 27) - 1)
#define DOCUMENTS_MAX   ((UINT32_C(1) << 21) - 1)

static bool name_ok(struct pawl_slice text)
{
    return text.bytes > 0 && text.bytes <= PAWL_NAME_BYTES_MAX && text.data != NULL;
}

static bool name_or_none_ok(struct pawl_slice text)
{
    return pawl_slice_empty(text) || name_ok(text);
}

static bool value_ok(struct pawl_slice text)
{
    return text.bytes > 0 && text.bytes <= PAWL_VALUE_BYTES_MAX && text.data != NULL;
}

static bool lines_ok(const struct pawl_amount *lines, uint32_t line_count, uint32_t at_least)
{
    PAWL_ASSERT(lines != NULL);
    PAWL_ASSERT(at_least <= 1);
    if (line_count < at_least || line_count > PAWL_LINES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].unit == PAWL_UNIT_NONE || !pawl_amount_valid(lines[i].value)) {
            return false;
        }
        for (uint32_t other = 0; other < i; other++) {
            if (lines[other].unit == lines[i].unit) {
                return false;
            }
        }
    }
    return true;
}

static bool levels_ok(const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    PAWL_ASSERT(levels != NULL);
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (!name_or_none_ok(levels[level])) {
            return false;
        }
    }
    return name_ok(levels[PAWL_LEVEL_TENANT]);
}

bool pawl_shape_subject_ok(const struct pawl_subject *subject)
{
    PAWL_ASSERT(subject != NULL);
    if (!levels_ok(subject->levels) || !name_or_none_ok(subject->session) ||
        subject->dimension_count > PAWL_DIMENSIONS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        const struct pawl_dimension *dimension = &subject->dimensions[i];
        if (!name_ok(dimension->name) || !value_ok(dimension->value)) {
            return false;
        }
        for (uint32_t other = 0; other < i; other++) {
            if (pawl_slice_equal(subject->dimensions[other].name, dimension->name)) {
                return false;
            }
        }
    }
    return true;
}

/* Levels; or the tenant and a dimension; or the tenant and a session. */
static bool scope_name_ok(const struct pawl_scope_name *name)
{
    PAWL_ASSERT(name != NULL);
    if (!levels_ok(name->levels)) {
        return false;
    }
    bool deeper = false;
    for (uint32_t level = PAWL_LEVEL_TENANT + 1; level < PAWL_LEVEL_COUNT; level++) {
        deeper = deeper || !pawl_slice_empty(name->levels[level]);
    }
    bool dimension =
        !pawl_slice_empty(name->dimension.name) || !pawl_slice_empty(name->dimension.value);
    bool session = !pawl_slice_empty(name->session);
    if (dimension && (!name_ok(name->dimension.name) || !value_ok(name->dimension.value))) {
        return false;
    }
    if (session && !name_ok(name->session)) {
        return false;
    }
    return (int)deeper + (int)dimension + (int)session <= 1;
}

static bool overage_ok(uint8_t overage)
{
    return overage >= PAWL_OVERAGE_REJECT && overage <= PAWL_OVERAGE_BOOK_FULL;
}

static bool overage_or_none_ok(uint8_t overage)
{
    return overage == 0 || overage_ok(overage);
}

static bool retention_ok(int64_t ttl_us)
{
    return ttl_us > 0 && ttl_us <= RETENTION_US_MAX;
}

static bool config_ok(const struct pawl_config *config)
{
    PAWL_ASSERT(config != NULL);
    const uint32_t maxima[] = {
        config->strings_max,      config->scopes_max,   config->budgets_max,
        config->reservations_max, config->sessions_max, config->approvals_max,
    };
    for (uint32_t i = 0; i < PAWL_ARRAY_LEN(maxima); i++) {
        if (maxima[i] == 0 || maxima[i] > ENTRIES_MAX) {
            return false;
        }
    }
    if (config->idempotency_max == 0 || config->idempotency_max > IDEMPOTENCY_MAX ||
        config->documents_max == 0 || config->documents_max > DOCUMENTS_MAX) {
        return false;
    }
    return config->rules_version >= 1 && config->rules_version <= PAWL_RULES_VERSION &&
           retention_ok(config->idempotency_ttl_us) &&
           retention_ok(config->idempotency_settle_ttl_us) &&
           retention_ok(config->correction_ttl_us);
}

static bool create_ok(const struct pawl_command_budget_create *create)
{
    PAWL_ASSERT(create != NULL);
    return scope_name_ok(&create->scope) && name_or_none_ok(create->phase) &&
           create->unit != PAWL_UNIT_NONE && pawl_amount_valid(create->allocated) &&
           pawl_amount_valid(create->overdraft_limit) && create->mode == PAWL_BUDGET_ENFORCE &&
           overage_or_none_ok(create->overage);
}

static bool fund_ok(const struct pawl_command_budget_fund *fund)
{
    PAWL_ASSERT(fund != NULL);
    return fund->kind >= PAWL_FUND_CREDIT && fund->kind <= PAWL_FUND_REPAY_DEBT &&
           pawl_amount_valid(fund->amount) &&
           (fund->kind == PAWL_FUND_RESET_SPENT ? pawl_amount_valid(fund->spent)
                                                : fund->spent == 0);
}

static bool set_ok(const struct pawl_command_budget_set *set)
{
    PAWL_ASSERT(set != NULL);
    bool changes = set->state != 0 || set->set_overdraft_limit || set->overage != 0;
    if (set->state > PAWL_BUDGET_CLOSED || !changes || !overage_or_none_ok(set->overage)) {
        return false;
    }
    return set->set_overdraft_limit ? pawl_amount_valid(set->overdraft_limit)
                                    : set->overdraft_limit == 0;
}

static bool reserve_ok(const struct pawl_command_reserve *reserve)
{
    PAWL_ASSERT(reserve != NULL);
    return pawl_shape_subject_ok(&reserve->subject) && name_or_none_ok(reserve->phase) &&
           lines_ok(reserve->lines, reserve->line_count, 1) && reserve->ttl_ms >= 1 &&
           reserve->ttl_ms <= PAWL_LEASE_MS_MAX && reserve->grace_ms >= 0 &&
           reserve->grace_ms <= PAWL_LEASE_MS_MAX && overage_ok(reserve->overage) &&
           reserve->on_expiry >= PAWL_ON_EXPIRY_RELEASE &&
           reserve->on_expiry <= PAWL_ON_EXPIRY_SETTLE_AT_HOLD &&
           reserve->priority <= PAWL_PRIORITY_BULK &&
           reserve->extensions_max <= PAWL_EXTENSIONS_MAX &&
           (reserve->throttle != 0) == (reserve->throttle_per_minute != 0);
}

static bool event_ok(const struct pawl_command_event *event)
{
    PAWL_ASSERT(event != NULL);
    return pawl_shape_subject_ok(&event->subject) && name_or_none_ok(event->phase) &&
           lines_ok(event->lines, event->line_count, 1) && overage_ok(event->overage);
}

static bool caps_ok(const struct pawl_command_session_open *open)
{
    PAWL_ASSERT(open != NULL);
    if (open->cap_count > PAWL_SESSION_CAPS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < open->cap_count; i++) {
        const struct pawl_session_cap *cap = &open->caps[i];
        bool clock = cap->unit == PAWL_UNIT_WALL_CLOCK_MS;
        if (cap->unit == PAWL_UNIT_NONE || !pawl_amount_valid(cap->amount) ||
            !name_or_none_ok(cap->phase) || (clock && !pawl_slice_empty(cap->phase))) {
            return false;
        }
        for (uint32_t other = 0; other < i; other++) {
            if (open->caps[other].unit == cap->unit &&
                pawl_slice_equal(open->caps[other].phase, cap->phase)) {
                return false;
            }
        }
    }
    return true;
}

static bool open_ok(const struct pawl_command_session_open *open)
{
    PAWL_ASSERT(open != NULL);
    return name_ok(open->tenant) && name_ok(open->name) && pawl_slice_empty(open->parent) &&
           name_or_none_ok(open->phase) && caps_ok(open);
}

static bool session_set_ok(const struct pawl_command_session_set *set)
{
    PAWL_ASSERT(set != NULL);
    if (!name_ok(set->tenant) || !name_ok(set->name)) {
        return false;
    }
    bool cap = set->reason == PAWL_REASON_CAP || set->reason == PAWL_REASON_CAPPED;
    if (cap != (set->unit != PAWL_UNIT_NONE)) {
        return false;
    }
    switch (set->state) {
    case PAWL_SESSION_ACTIVE:
        return set->reason == PAWL_REASON_NONE;
    case PAWL_SESSION_PAUSED:
        return set->reason >= PAWL_REASON_CAP && set->reason <= PAWL_REASON_BREAKER;
    case PAWL_SESSION_ENDED:
        return set->reason >= PAWL_REASON_COMPLETED && set->reason <= PAWL_REASON_FAILED;
    default:
        return false;
    }
}

static bool approval_open_ok(const struct pawl_command_approval_open *open)
{
    PAWL_ASSERT(open != NULL);
    if (!name_ok(open->tenant) || !name_ok(open->session) || open->ttl_ms < 0 ||
        open->ttl_ms > QUESTION_MS_MAX) {
        return false;
    }
    if (open->kind == PAWL_APPROVAL_RAISE_CAP) {
        return lines_ok(open->lines, open->line_count, 1);
    }
    return open->kind >= PAWL_APPROVAL_MODEL && open->kind <= PAWL_APPROVAL_PHASE &&
           open->line_count == 0;
}

/* A tenant's document has the tenant's name; the server's own belong to nobody. */
static bool document_ok(const struct pawl_command_document_put *put)
{
    PAWL_ASSERT(put != NULL);
    if (put->kind == 0 || put->kind >= PAWL_DOCUMENT_KIND_END || !name_ok(put->id) ||
        put->state == 0 || put->body.bytes > PAWL_DOCUMENT_BYTES_MAX ||
        (put->body.bytes > 0 && put->body.data == NULL)) {
        return false;
    }
    if (put->kind == PAWL_DOCUMENT_SERVER) {
        return pawl_slice_empty(put->tenant);
    }
    if (put->kind == PAWL_DOCUMENT_TENANT &&
        (put->state > PAWL_TENANT_CLOSED || !pawl_slice_equal(put->id, put->tenant))) {
        return false;
    }
    return name_ok(put->tenant);
}

static bool drain_ok(const struct pawl_command_tenant_drain *drain)
{
    PAWL_ASSERT(drain != NULL);
    return name_ok(drain->tenant) && drain->max >= 1 && drain->max <= PAWL_EXPIRE_MAX;
}

static bool payload_ok(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_CONFIG:
        return config_ok(&command->u.config);
    case PAWL_COMMAND_BUDGET_CREATE:
        return create_ok(&command->u.budget_create);
    case PAWL_COMMAND_BUDGET_FUND:
        return fund_ok(&command->u.budget_fund);
    case PAWL_COMMAND_BUDGET_SET:
        return set_ok(&command->u.budget_set);
    case PAWL_COMMAND_DECIDE:
        return !command->u.reserve.dry_run && reserve_ok(&command->u.reserve);
    case PAWL_COMMAND_RESERVE:
        return reserve_ok(&command->u.reserve);
    case PAWL_COMMAND_GROW:
        return lines_ok(command->u.grow.lines, command->u.grow.line_count, 1);
    case PAWL_COMMAND_EXTEND:
        return command->u.extend.ttl_ms >= 1 && command->u.extend.ttl_ms <= PAWL_LEASE_MS_MAX;
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_CORRECT:
        return lines_ok(command->u.settle.lines, command->u.settle.line_count, 1);
    case PAWL_COMMAND_EVENT:
        return event_ok(&command->u.event);
    case PAWL_COMMAND_EXPIRE:
        return command->u.expire.max >= 1 && command->u.expire.max <= PAWL_EXPIRE_MAX;
    case PAWL_COMMAND_SESSION_OPEN:
        return open_ok(&command->u.session_open);
    case PAWL_COMMAND_SESSION_SET:
        return session_set_ok(&command->u.session_set);
    case PAWL_COMMAND_SESSION_PHASE:
        return name_ok(command->u.session_phase.tenant) && name_ok(command->u.session_phase.name) &&
               name_or_none_ok(command->u.session_phase.phase);
    case PAWL_COMMAND_APPROVAL_OPEN:
        return approval_open_ok(&command->u.approval_open);
    case PAWL_COMMAND_APPROVAL_ANSWER:
        return lines_ok(command->u.approval_answer.lines, command->u.approval_answer.line_count, 0);
    case PAWL_COMMAND_NOTE:
        return name_ok(command->u.note.tenant) && name_or_none_ok(command->u.note.session);
    case PAWL_COMMAND_TZ_DEFINE: /* zone.c looks at it whole */
    case PAWL_COMMAND_RELEASE:
        return true;
    case PAWL_COMMAND_DOCUMENT_PUT:
        return document_ok(&command->u.document_put);
    case PAWL_COMMAND_TENANT_DRAIN:
        return drain_ok(&command->u.tenant_drain);
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    return false;
}

uint16_t pawl_shape_check(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    bool ok = command->type >= PAWL_COMMAND_CONFIG && command->type < PAWL_COMMAND_TYPE_END &&
              command->metadata.bytes <= PAWL_METADATA_BYTES_MAX &&
              command->idempotency_key.bytes <= PAWL_KEY_BYTES_MAX &&
              (pawl_slice_empty(command->idempotency_key) || pawl_idem_allowed(command->type)) &&
              payload_ok(command);
    return ok ? PAWL_RESULT_OK : PAWL_RESULT_INVALID_REQUEST;
}
