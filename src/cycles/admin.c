/* SPDX-License-Identifier: Apache-2.0 */
/* admin.c: see admin.h. */
#include "cycles/admin.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/scopes.h"
#include "cycles/times.h"
#include "engine/limit_words.h"

enum {
    /* Of a document every byte may have to be escaped; what is said besides has a scope's path
     * twice, which is the longest of it. */
    ANSWER_BYTES_MAX = 6 * PAWL_DOCUMENT_BYTES_MAX + 2 * 6 * PAWL_SCOPE_PATH_BYTES + 8192,
    /* What is kept of a budget, as it is read for its answer, and what the answer is kept in. */
    BESIDE_BYTES = 2 * PAWL_DOCUMENT_BYTES_MAX + 4096
};

const char *const pawl_admin_tenant_states[] = {"ACTIVE", "SUSPENDED", "CLOSED", NULL};
const char *const pawl_admin_directions[] = {"asc", "desc", NULL};

uint8_t pawl_admin_word(const struct pawl_value *value)
{
    return value->present ? (uint8_t)(value->number + 1) : 0;
}

/* --- Times ------------------------------------------------------------------------------------ */

bool pawl_admin_time(struct pawl_call *call,
                     const char *field,
                     const struct pawl_value *value,
                     int64_t *ret_us)
{
    *ret_us = 0;
    if (!value->present || (pawl_time_parse_us(value->text, ret_us) && *ret_us > 0)) {
        return true;
    }
    pawl_body_refuse(call, field, "it must be a time from 1970 on, like \"2026-06-15T12:00:00Z\"");
    return false;
}

void pawl_admin_write_time(struct pawl_json_writer *writer, const char *key, int64_t us)
{
    char utc[PAWL_CLOCK_TEXT_BYTES]; /* 2026-11-22T02:19:08Z */
    char text[PAWL_CLOCK_TEXT_BYTES + 8];
    if (us == 0) {
        return;
    }
    size_t bytes = strlen(pawl_clock_format_utc(us, utc));
    PAWL_ASSERT(us > 0 && bytes > 1);
    (void)snprintf(text, sizeof(text), "%.*s.%03dZ", (int)(bytes - 1), utc,
                   (int)(us % PAWL_US_PER_SECOND / PAWL_US_PER_MS));
    pawl_json_member_str(writer, key, text);
}

/* --- Who -------------------------------------------------------------------------------------- */

bool pawl_admin_may_change(struct pawl_call *call)
{
    if (!pawl_http_exchange_is_from_run(call->exchange)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "%s", PAWL_LIMIT_INSIDE_RUN);
    return false;
}

bool pawl_admin_body_tenant(struct pawl_call *call,
                            const struct pawl_value *tenant_id,
                            struct pawl_slice *ret_tenant)
{
    struct pawl_tenant tenant;
    if (call->principal.kind == PAWL_PRINCIPAL_TENANT) {
        if (tenant_id->present) {
            pawl_body_refuse(call, "tenant_id",
                             "a tenant's key is for its own tenant, and names none");
            return false;
        }
        *ret_tenant = call->principal.tenant;
        return true;
    }
    if (!tenant_id->present) {
        pawl_body_refuse(call, "tenant_id", "it is missing; the administrator says whose it is");
        return false;
    }
    if (!pawl_registry_tenant(pawl_call_registry(call), tenant_id->text, &tenant)) {
        pawl_body_refuse(call, "tenant_id", "there is no tenant of this id");
        return false;
    }
    *ret_tenant = tenant_id->text;
    return true;
}

bool pawl_admin_leases_fit(struct pawl_call *call,
                           const char *field,
                           int64_t usual_ms,
                           int64_t largest_ms)
{
    PAWL_ASSERT(usual_ms >= 0);
    PAWL_ASSERT(largest_ms >= 0);
    if (largest_ms == 0 || usual_ms <= largest_ms) {
        return true;
    }
    pawl_body_refuse(call, field, "it is %lld, and the largest lease would be %lld",
                     (long long)usual_ms, (long long)largest_ms);
    return false;
}

bool pawl_admin_may_touch(struct pawl_call *call, const struct pawl_place *place)
{
    const struct pawl_principal *who = &call->principal;
    if (who->kind != PAWL_PRINCIPAL_TENANT) {
        return true;
    }
    if (!pawl_slice_equal(who->tenant, place->levels[PAWL_LEVEL_TENANT])) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "the scope is another tenant's");
        return false;
    }
    if (!pawl_principal_covers(who, place->levels)) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN,
                         "the key's scope filter does not let it touch this scope");
        return false;
    }
    return true;
}

/* --- Answers ---------------------------------------------------------------------------------- */

void pawl_admin_refuse_result(struct pawl_call *call)
{
    switch (call->op.result.code) {
    case PAWL_RESULT_ALREADY_EXISTS:
        pawl_call_refuse(call, PAWL_ERROR_DUPLICATE_RESOURCE, "there is one already");
        break;
    case PAWL_RESULT_NOT_FOUND:
        pawl_call_refuse(call, PAWL_ERROR_BUDGET_NOT_FOUND, "there is no such budget");
        break;
    case PAWL_RESULT_INVALID_REQUEST: /* everything else was looked at before */
        pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                         "what it says is more than %d bytes together", PAWL_DOCUMENT_BYTES_MAX);
        break;
    default:
        pawl_call_refuse_result(call, &call->op.result);
        break;
    }
}

void pawl_admin_send_kept(struct pawl_call *call)
{
    if (call->op.result.code == PAWL_RESULT_OK) {
        pawl_call_send_kept(call);
    } else {
        pawl_admin_refuse_result(call);
    }
}

bool pawl_admin_may_answer(struct pawl_call *call)
{
    struct pawl_buf *out = &call->cycles->out;
    pawl_buf_reset(out);
    if (pawl_arena_reserve(call->arena, ANSWER_BYTES_MAX + BESIDE_BYTES) &&
        pawl_buf_reserve(out, ANSWER_BYTES_MAX) != NULL) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR,
                     "there is no memory for the answer, and nothing was changed");
    return false;
}

/* false: refused. */
static bool write_note(struct pawl_call *call,
                       const struct pawl_value *reason,
                       const struct pawl_value *metadata,
                       struct pawl_slice *ret_note)
{
    struct pawl_json_writer *writer = pawl_document_begin(call);
    pawl_json_member_str(writer, "operation", call->route->operation);
    pawl_json_member_str(writer, "request_id", call->request_id);
    pawl_json_member_str(writer, "trace_id", call->trace_id);
    pawl_document_add(call, writer, "reason", reason);
    pawl_document_add(call, writer, "metadata", metadata);
    return pawl_document_end(call, ret_note);
}

bool pawl_admin_note(struct pawl_call *call,
                     const struct pawl_value *reason,
                     const struct pawl_value *metadata,
                     struct pawl_slice *ret_note)
{
    return pawl_call_has_memory(call) && write_note(call, reason, metadata, ret_note);
}

struct pawl_op *pawl_admin_put(struct pawl_call *call)
{
    static const struct pawl_value absent = {.node = PAWL_JSON_NONE};
    struct pawl_slice note = PAWL_SLICE_NONE;
    PAWL_ASSERT(!call->arena->overflowed);
    bool written = write_note(call, &absent, &absent, &note);
    PAWL_ASSERT(written); /* nothing in it is the client's */
    pawl_registry_note(pawl_call_registry(call), note);
    return pawl_call_op(call, pawl_admin_send_kept);
}
