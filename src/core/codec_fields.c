/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_fields.c: the payload of each type of command, in the order in which it is stored. It
 * repeats the table of docs/JOURNAL.md, and what stands here is in every journal: fields are
 * neither moved nor taken out. A type without a row has no payload.
 */
#include "core/codec_fields.h"

#include <stddef.h>

#define AT(member) offsetof(struct pawl_command, u.member)
#define ONE(field_kind, member)                                                                    \
    {                                                                                              \
        .kind = FIELD_##field_kind, .offset = AT(member)                                           \
    }
#define LIST(field_kind, count, member)                                                            \
    {                                                                                              \
        FIELD_##field_kind, AT(count), AT(member)                                                  \
    }

#define RESERVE_FIELDS                                                                             \
    {                                                                                              \
        ONE(SUBJECT, reserve.subject), ONE(NAME, reserve.phase),                                   \
            LIST(LINES, reserve.line_count, reserve.lines), ONE(I64, reserve.ttl_ms),              \
            ONE(I64, reserve.grace_ms), ONE(U8, reserve.overage), ONE(U8, reserve.on_expiry),      \
            ONE(U8, reserve.priority), ONE(U16, reserve.extensions_max),                           \
            ONE(BOOL, reserve.dry_run),                                                            \
            LIST(THROTTLE, reserve.throttle, reserve.throttle_per_minute)                          \
    }
#define SETTLE_FIELDS                                                                              \
    {                                                                                              \
        ONE(U64, settle.reservation), LIST(LINES, settle.line_count, settle.lines)                 \
    }

const struct field pawl_codec_payloads[PAWL_COMMAND_TYPE_END][FIELDS_MAX] = {
    [PAWL_COMMAND_CONFIG] = {ONE(U32, config.rules_version), ONE(U32, config.strings_max),
                             ONE(U32, config.scopes_max), ONE(U32, config.budgets_max),
                             ONE(U32, config.reservations_max), ONE(U32, config.idempotency_max),
                             ONE(U32, config.sessions_max), ONE(U32, config.approvals_max),
                             ONE(U32, config.documents_max), ONE(I64, config.idempotency_ttl_us),
                             ONE(I64, config.idempotency_settle_ttl_us),
                             ONE(I64, config.correction_ttl_us), ONE(U64, config.hash_key.k0),
                             ONE(U64, config.hash_key.k1), ONE(U64, config.id_key.k0),
                             ONE(U64, config.id_key.k1), ONE(U16, config.shard)},
    [PAWL_COMMAND_TZ_DEFINE] =
        {ONE(U16, tz_define.tz), ONE(NAME, tz_define.name), ONE(I32, tz_define.initial_offset_s),
         LIST(TRANSITIONS, tz_define.transition_count, tz_define.transitions)},
    [PAWL_COMMAND_BUDGET_CREATE] = {ONE(SCOPE, budget_create.scope), ONE(NAME, budget_create.phase),
                                    ONE(U16, budget_create.unit), ONE(WINDOW, budget_create.window),
                                    ONE(I64, budget_create.allocated),
                                    ONE(I64, budget_create.overdraft_limit),
                                    ONE(U8, budget_create.mode), ONE(U8, budget_create.overage)},
    [PAWL_COMMAND_BUDGET_FUND] = {ONE(U64, budget_fund.budget), ONE(U8, budget_fund.kind),
                                  ONE(I64, budget_fund.amount), ONE(I64, budget_fund.spent)},
    [PAWL_COMMAND_BUDGET_SET] = {ONE(U64, budget_set.budget), ONE(U8, budget_set.state),
                                 ONE(BOOL, budget_set.set_overdraft_limit),
                                 ONE(I64, budget_set.overdraft_limit), ONE(U8, budget_set.overage)},
    [PAWL_COMMAND_RESERVE] = RESERVE_FIELDS,
    [PAWL_COMMAND_GROW] = {ONE(U64, grow.reservation), LIST(LINES, grow.line_count, grow.lines)},
    [PAWL_COMMAND_EXTEND] = {ONE(U64, extend.reservation), ONE(I64, extend.ttl_ms)},
    [PAWL_COMMAND_COMMIT] = SETTLE_FIELDS,
    [PAWL_COMMAND_RELEASE] = {ONE(U64, release.reservation)},
    [PAWL_COMMAND_CORRECT] = SETTLE_FIELDS,
    [PAWL_COMMAND_EVENT] = {ONE(SUBJECT, event.subject), ONE(NAME, event.phase),
                            LIST(LINES, event.line_count, event.lines), ONE(U8, event.overage)},
    [PAWL_COMMAND_DECIDE] = RESERVE_FIELDS,
    [PAWL_COMMAND_EXPIRE] = {ONE(I64, expire.until_us), ONE(U32, expire.max)},
    [PAWL_COMMAND_SESSION_OPEN] = {ONE(NAME, session_open.tenant), ONE(NAME, session_open.name),
                                   ONE(NAME, session_open.parent), ONE(NAME, session_open.phase),
                                   LIST(CAPS, session_open.cap_count, session_open.caps)},
    [PAWL_COMMAND_SESSION_SET] = {ONE(NAME, session_set.tenant), ONE(NAME, session_set.name),
                                  ONE(U8, session_set.state), ONE(U8, session_set.reason),
                                  ONE(U16, session_set.unit)},
    [PAWL_COMMAND_SESSION_PHASE] = {ONE(NAME, session_phase.tenant), ONE(NAME, session_phase.name),
                                    ONE(NAME, session_phase.phase)},
    [PAWL_COMMAND_APPROVAL_OPEN] = {ONE(NAME, approval_open.tenant),
                                    ONE(NAME, approval_open.session), ONE(U8, approval_open.kind),
                                    LIST(LINES, approval_open.line_count, approval_open.lines),
                                    ONE(I64, approval_open.ttl_ms)},
    [PAWL_COMMAND_APPROVAL_ANSWER] =
        {ONE(U64, approval_answer.approval), ONE(BOOL, approval_answer.approved),
         LIST(LINES, approval_answer.line_count, approval_answer.lines)},
    [PAWL_COMMAND_NOTE] = {ONE(NAME, note.tenant), ONE(NAME, note.session), ONE(U16, note.kind)},
    [PAWL_COMMAND_DOCUMENT_PUT] = {ONE(U8, document_put.kind), ONE(NAME, document_put.tenant),
                                   ONE(NAME, document_put.id), ONE(U64, document_put.version),
                                   ONE(U8, document_put.state), ONE(BODY, document_put.body)},
    [PAWL_COMMAND_TENANT_DRAIN] = {ONE(NAME, tenant_drain.tenant), ONE(U32, tenant_drain.from),
                                   ONE(U32, tenant_drain.max)},
};

_Static_assert(sizeof(struct pawl_command) <= UINT16_MAX, "offsets are stored in 16 bits");
