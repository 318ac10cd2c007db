/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_policies.c: policies: made, listed, changed, switched off. What they do is the registry's
 * (terms.c); here is what they may say.
 *
 * Caps are kept as they will be handed to clients: only what is set, and no empty list of tools,
 * which some clients take for "none may be used".
 */
#include "base/assert.h"
#include "base/money.h"
#include "cycles/admin.h"
#include "cycles/admin_page.h"
#include "cycles/render.h"

enum { DAY_MS = 86400000 };

static const char *const policy_states[] = {"ACTIVE", "DISABLED", NULL};

static void write_ttl(struct pawl_json_writer *writer, const struct pawl_policy_rule *policy)
{
    if (policy->ttl_default_ms == 0 && policy->ttl_max_ms == 0 && policy->extensions_max < 0) {
        return;
    }
    pawl_json_key(writer, "reservation_ttl_override");
    pawl_json_object_begin(writer);
    if (policy->ttl_default_ms != 0) {
        pawl_json_member_i64(writer, "default_ttl_ms", policy->ttl_default_ms);
    }
    if (policy->ttl_max_ms != 0) {
        pawl_json_member_i64(writer, "max_ttl_ms", policy->ttl_max_ms);
    }
    if (policy->extensions_max >= 0) {
        pawl_json_member_i64(writer, "max_extensions", policy->extensions_max);
    }
    pawl_json_object_end(writer);
}

static void write_rates(struct pawl_json_writer *writer, const struct pawl_policy_rule *policy)
{
    if (policy->reservations_per_minute == 0 && policy->commits_per_minute == 0) {
        return;
    }
    pawl_json_key(writer, "rate_limits");
    pawl_json_object_begin(writer);
    if (policy->reservations_per_minute != 0) {
        pawl_json_member_i64(writer, "max_reservations_per_minute",
                             policy->reservations_per_minute);
    }
    if (policy->commits_per_minute != 0) {
        pawl_json_member_i64(writer, "max_commits_per_minute", policy->commits_per_minute);
    }
    pawl_json_object_end(writer);
}

static void write_policy(struct pawl_json_writer *writer, const struct pawl_policy_rule *policy)
{
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "policy_id", policy->id);
    pawl_json_member_string(writer, "name", policy->name);
    if (policy->description.bytes > 0) {
        pawl_json_member_string(writer, "description", policy->description);
    }
    pawl_json_member_string(writer, "scope_pattern", policy->pattern);
    pawl_json_member_i64(writer, "priority", policy->priority);
    pawl_render_raw(writer, "caps", policy->caps);
    if (policy->overage != 0) {
        pawl_json_member_str(writer, "commit_overage_policy",
                             pawl_overage_words[policy->overage - 1]);
    }
    write_ttl(writer, policy);
    write_rates(writer, policy);
    pawl_json_member_str(writer, "status", policy_states[policy->enabled ? 0 : 1]);
    pawl_admin_write_time(writer, "effective_from", policy->effective_from_us);
    pawl_admin_write_time(writer, "effective_until", policy->effective_until_us);
    pawl_admin_write_time(writer, "created_at", policy->created_us);
    pawl_admin_write_time(writer, "updated_at", policy->updated_us);
    pawl_json_object_end(writer);
}

/* --- What a policy may say -------------------------------------------------------------------- */

enum { CAPS_TOKENS, CAPS_STEPS, CAPS_ALLOW, CAPS_DENY, CAPS_COOLDOWN, CAPS_FIELDS };
static const struct pawl_field caps_fields[] = {
    [CAPS_TOKENS] = {PAWL_FIELD("max_tokens"), .type = PAWL_FIELD_INTEGER, .max = PAWL_AMOUNT_MAX},
    [CAPS_STEPS] = {PAWL_FIELD("max_steps_remaining"), .type = PAWL_FIELD_INTEGER,
                    .max = PAWL_AMOUNT_MAX},
    [CAPS_ALLOW] = {PAWL_FIELD("tool_allowlist"), .type = PAWL_FIELD_STRINGS, .item_max = 256},
    [CAPS_DENY] = {PAWL_FIELD("tool_denylist"), .type = PAWL_FIELD_STRINGS, .item_max = 256},
    [CAPS_COOLDOWN] = {PAWL_FIELD("cooldown_ms"), .type = PAWL_FIELD_INTEGER,
                       .max = PAWL_AMOUNT_MAX}};
static const struct pawl_shape caps_shape = PAWL_SHAPE(caps_fields);

enum { TTL_DEFAULT, TTL_MAX, TTL_EXTENSIONS, TTL_FIELDS };
static const struct pawl_field ttl_fields[] = {
    [TTL_DEFAULT] = {PAWL_FIELD("default_ttl_ms"), .type = PAWL_FIELD_INTEGER, .min = 1000,
                     .max = DAY_MS},
    [TTL_MAX] = {PAWL_FIELD("max_ttl_ms"), .type = PAWL_FIELD_INTEGER, .min = 1000, .max = DAY_MS},
    [TTL_EXTENSIONS] = {PAWL_FIELD("max_extensions"), .type = PAWL_FIELD_INTEGER,
                        .max = INT32_MAX}};
static const struct pawl_shape ttl_shape = PAWL_SHAPE(ttl_fields);

enum { RATE_HOLDS, RATE_COMMITS, RATE_FIELDS };
static const struct pawl_field rate_fields[] = {
    [RATE_HOLDS] = {PAWL_FIELD("max_reservations_per_minute"), .type = PAWL_FIELD_INTEGER, .min = 1,
                    .max = PAWL_AMOUNT_MAX},
    [RATE_COMMITS] = {PAWL_FIELD("max_commits_per_minute"), .type = PAWL_FIELD_INTEGER, .min = 1,
                      .max = PAWL_AMOUNT_MAX}};
static const struct pawl_shape rate_shape = PAWL_SHAPE(rate_fields);

/* Those of both operations stand first. */
enum {
    POLICY_NAME,
    POLICY_DESCRIPTION,
    POLICY_PRIORITY,
    POLICY_CAPS,
    POLICY_OVERAGE,
    POLICY_TTL,
    POLICY_RATES,
    POLICY_FROM,
    POLICY_UNTIL,
    POLICY_STATUS, /* of a change */
    UPDATE_FIELDS,
    POLICY_TENANT = POLICY_STATUS, /* of a new one */
    POLICY_PATTERN,
    CREATE_FIELDS,
    CAPS_SLOT = CREATE_FIELDS,
    TTL_SLOT = CAPS_SLOT + CAPS_FIELDS,
    RATE_SLOT = TTL_SLOT + TTL_FIELDS,
    POLICY_VALUES = RATE_SLOT + RATE_FIELDS
};
#define SAID_FIELDS                                                                                \
    [POLICY_DESCRIPTION] = {PAWL_FIELD("description"), .type = PAWL_FIELD_STRING, .max = 1024},    \
    [POLICY_PRIORITY] = {PAWL_FIELD("priority"), .type = PAWL_FIELD_INTEGER,                       \
                         .max = PAWL_AMOUNT_MAX},                                                  \
    [POLICY_CAPS] = {PAWL_FIELD("caps"), .type = PAWL_FIELD_RECORD, .inner = &caps_shape,          \
                     .slot = CAPS_SLOT},                                                           \
    [POLICY_OVERAGE] = {PAWL_FIELD("commit_overage_policy"), .type = PAWL_FIELD_WORD,              \
                        .words = pawl_overage_words},                                              \
    [POLICY_TTL] = {PAWL_FIELD("reservation_ttl_override"), .type = PAWL_FIELD_RECORD,             \
                    .inner = &ttl_shape, .slot = TTL_SLOT},                                        \
    [POLICY_RATES] = {PAWL_FIELD("rate_limits"), .type = PAWL_FIELD_RECORD, .inner = &rate_shape,  \
                      .slot = RATE_SLOT},                                                          \
    [POLICY_FROM] = {PAWL_FIELD("effective_from"), .type = PAWL_FIELD_STRING, .time = true},       \
    [POLICY_UNTIL] = {PAWL_FIELD("effective_until"), .type = PAWL_FIELD_STRING, .time = true}

static const struct pawl_field create_fields[] = {
    [POLICY_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .required = true, .max = 256},
    SAID_FIELDS,
    [POLICY_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [POLICY_PATTERN] = {PAWL_FIELD("scope_pattern"), .type = PAWL_FIELD_STRING, .required = true}};
const struct pawl_shape pawl_policy_create_shape = PAWL_SHAPE(create_fields);
static const struct pawl_field update_fields[] = {
    [POLICY_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .max = 256},
    SAID_FIELDS,
    [POLICY_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD, .words = policy_states}};
const struct pawl_shape pawl_policy_update_shape = PAWL_SHAPE(update_fields);

/* Empty where they say nothing. false: refused. */
static bool
take_caps(struct pawl_call *call, const struct pawl_value *values, struct pawl_slice *ret_caps)
{
    struct pawl_buf out;
    struct pawl_json_writer writer;
    bool said = false;
    pawl_buf_init(&out, PAWL_DOCUMENT_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    for (uint32_t i = 0; i < CAPS_FIELDS; i++) {
        const struct pawl_value *value = &values[CAPS_SLOT + i];
        bool empty = caps_fields[i].type == PAWL_FIELD_STRINGS &&
                     pawl_json_first_element(&call->body, value->node) == PAWL_JSON_NONE;
        if (value->present && !empty) {
            pawl_json_key(&writer, caps_fields[i].name);
            pawl_json_put_raw(&writer, pawl_json_raw(&call->body, value->node));
            said = true;
        }
    }
    pawl_json_object_end(&writer);
    bool whole = !out.overflowed;
    *ret_caps = said ? pawl_arena_copy(call->arena, pawl_buf_slice(&out)) : PAWL_SLICE_NONE;
    pawl_buf_free(&out);
    if (!whole) {
        pawl_body_refuse(call, "caps", "they take more than %d bytes", PAWL_DOCUMENT_BYTES_MAX);
    }
    return whole;
}

/* Records are replaced whole: what a new one does not say is not set any more. false: refused. */
static bool take_records(struct pawl_call *call,
                         const struct pawl_value *values,
                         struct pawl_policy_rule *policy)
{
    if (values[POLICY_CAPS].present && !take_caps(call, values, &policy->caps)) {
        return false;
    }
    if (values[POLICY_TTL].present) {
        const struct pawl_value *extensions = &values[TTL_SLOT + TTL_EXTENSIONS];
        policy->ttl_default_ms = values[TTL_SLOT + TTL_DEFAULT].number;
        policy->ttl_max_ms = values[TTL_SLOT + TTL_MAX].number;
        policy->extensions_max = extensions->present ? (int32_t)extensions->number : -1;
    }
    if (values[POLICY_RATES].present) {
        policy->reservations_per_minute = values[RATE_SLOT + RATE_HOLDS].number;
        policy->commits_per_minute = values[RATE_SLOT + RATE_COMMITS].number;
    }
    return true;
}

/* What both operations may say, onto what is there. false: refused. */
static bool
take_said(struct pawl_call *call, const struct pawl_value *values, struct pawl_policy_rule *policy)
{
    if (values[POLICY_NAME].present) {
        policy->name = values[POLICY_NAME].text;
    }
    if (values[POLICY_DESCRIPTION].present) {
        policy->description = values[POLICY_DESCRIPTION].text;
    }
    if (values[POLICY_PRIORITY].present) {
        policy->priority = values[POLICY_PRIORITY].number;
    }
    if (values[POLICY_OVERAGE].present) {
        policy->overage = pawl_admin_word(&values[POLICY_OVERAGE]);
    }
    if (!take_records(call, values, policy)) {
        return false;
    }
    if (values[POLICY_TTL].present &&
        !pawl_admin_leases_fit(call, "reservation_ttl_override.default_ttl_ms",
                               policy->ttl_default_ms, policy->ttl_max_ms)) {
        return false;
    }
    if ((values[POLICY_FROM].present &&
         !pawl_admin_time(call, "effective_from", &values[POLICY_FROM],
                          &policy->effective_from_us)) ||
        (values[POLICY_UNTIL].present &&
         !pawl_admin_time(call, "effective_until", &values[POLICY_UNTIL],
                          &policy->effective_until_us))) {
        return false;
    }
    if (policy->effective_until_us != 0 &&
        policy->effective_until_us <= policy->effective_from_us) {
        pawl_body_refuse(call, "effective_until", "it must be after effective_from");
        return false;
    }
    return true;
}

/* Whether the caller may make rules for what the pattern names: a star is every value, so a filter
 * with a value of that level does not hold for it. */
static bool covers(const struct pawl_call *call, struct pawl_slice text)
{
    struct pawl_pattern pattern;
    struct pawl_slice levels[PAWL_LEVEL_COUNT] = {PAWL_SLICE_NONE};
    char *room = pawl_arena_alloc(call->arena, text.bytes);
    if (room == NULL || !pawl_pattern_read(text, room, &pattern, NULL)) {
        return false;
    }
    levels[PAWL_LEVEL_TENANT] = call->principal.tenant;
    for (uint32_t i = 0; i < pattern.step_count; i++) {
        const struct pawl_pattern_step *step = &pattern.steps[i];
        levels[step->level] = step->value.bytes > 0 ? step->value : PAWL_SLICE("*");
    }
    return pawl_principal_covers(&call->principal, levels);
}

/* false: refused. */
static bool check_pattern(struct pawl_call *call, const struct pawl_policy_rule *policy)
{
    struct pawl_pattern pattern;
    struct pawl_errmsg msg = {""};
    char *room = pawl_call_alloc(call, policy->pattern.bytes);
    if (room == NULL) {
        return false;
    }
    if (!pawl_pattern_read(policy->pattern, room, &pattern, &msg)) {
        pawl_body_refuse(call, "scope_pattern", "%s", msg.text);
        return false;
    }
    const struct pawl_pattern_step *first = &pattern.steps[0];
    if (pattern.step_count > 0 && first->level == PAWL_LEVEL_TENANT && first->value.bytes > 0 &&
        !pawl_slice_equal(first->value, policy->tenant)) {
        pawl_body_refuse(call, "scope_pattern",
                         "it names another tenant; a policy binds its own tenant's subjects");
        return false;
    }
    if (call->principal.kind == PAWL_PRINCIPAL_TENANT && !covers(call, policy->pattern)) {
        if (pawl_call_has_memory(call)) {
            pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN,
                             "the key's scope filter does not let it make rules for this pattern");
        }
        return false;
    }
    return true;
}

/* Names are unique within a tenant. false: refused. */
static bool check_name(struct pawl_call *call, const struct pawl_policy_rule *policy)
{
    struct pawl_policy_rule other;
    if (!pawl_registry_policy_named(pawl_call_registry(call), policy->tenant, policy->name,
                                    &other) ||
        pawl_slice_equal(other.id, policy->id)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_DUPLICATE_RESOURCE,
                     "the tenant has a policy of this name already");
    return false;
}

static void put(struct pawl_call *call, const struct pawl_policy_rule *policy, int status)
{
    struct pawl_registry *registry = pawl_call_registry(call);
    struct pawl_slice id = pawl_arena_copy(call->arena, policy->id);
    struct pawl_policy_rule seen;
    if (!pawl_admin_may_answer(call)) {
        return;
    }
    pawl_registry_put_policy(registry, policy, pawl_admin_put(call));
    if (pawl_registry_policy(registry, id, &seen)) {
        write_policy(pawl_call_json(call), &seen);
        pawl_call_keep(call, status);
    }
}

void pawl_cycles_create_policy(struct pawl_call *call)
{
    struct pawl_value values[POLICY_VALUES];
    char id[PAWL_SECRET_BYTES];
    struct pawl_policy_rule policy = {.enabled = true, .extensions_max = -1};
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_policy_create_shape, values) ||
        !pawl_admin_body_tenant(call, &values[POLICY_TENANT], &policy.tenant) ||
        !take_said(call, values, &policy)) {
        return;
    }
    pawl_registry_new_id("pol", id);
    policy.id = pawl_slice_str(id);
    policy.pattern = values[POLICY_PATTERN].text;
    if (!check_pattern(call, &policy) || !check_name(call, &policy)) {
        return;
    }
    if (pawl_registry_policy_count(pawl_call_registry(call), policy.tenant) >=
        PAWL_POLICIES_PER_TENANT_MAX) {
        pawl_call_refuse(call, PAWL_ERROR_LEDGER_FULL, "a tenant has at most %d policies",
                         PAWL_POLICIES_PER_TENANT_MAX);
        return;
    }
    put(call, &policy, 201);
}

void pawl_cycles_update_policy(struct pawl_call *call)
{
    struct pawl_value values[POLICY_VALUES];
    struct pawl_policy_rule policy;
    const struct pawl_principal *who = &call->principal;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_policy_update_shape, values)) {
        return;
    }
    if (!pawl_registry_policy(pawl_call_registry(call), call->params[0], &policy)) {
        pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND, "there is no such policy");
        return;
    }
    if (who->kind == PAWL_PRINCIPAL_TENANT &&
        (!pawl_slice_equal(policy.tenant, who->tenant) || !covers(call, policy.pattern))) {
        if (pawl_call_has_memory(call)) {
            pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN,
                             "the policy is another tenant's, or beyond the key's scope filter");
        }
        return;
    }
    if (values[POLICY_STATUS].present) {
        policy.enabled = values[POLICY_STATUS].number == 0;
    }
    if (take_said(call, values, &policy) && check_name(call, &policy)) {
        put(call, &policy, 200);
    }
}

/* --- Listed ----------------------------------------------------------------------------------- */

enum {
    LIST_TENANT,
    LIST_PATTERN,
    LIST_STATUS,
    LIST_SORT, /* neither is the protocol's: as they were made */
    LIST_DIRECTION,
    LIST_CURSOR,
    LIST_LIMIT,
    LIST_FIELDS
};
static const char *const orders[] = {"created_at", NULL};
static const struct pawl_field list_fields[] = {
    [LIST_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [LIST_PATTERN] = {PAWL_FIELD("scope_pattern"), .type = PAWL_FIELD_STRING},
    [LIST_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD, .words = policy_states},
    [LIST_SORT] = {PAWL_FIELD("sort_by"), .type = PAWL_FIELD_WORD, .words = orders},
    [LIST_DIRECTION] = PAWL_PAGE_FIELD_DIRECTION,
    [LIST_CURSOR] = PAWL_PAGE_FIELD_CURSOR,
    [LIST_LIMIT] = PAWL_PAGE_FIELD_LIMIT};
const struct pawl_shape pawl_policies_shape = PAWL_SHAPE(list_fields);

struct list {
    struct pawl_page page; /* first */
    struct pawl_value values[LIST_FIELDS];
    struct pawl_slice tenant;
    uint32_t cursor;
};

static bool is_listed(const struct pawl_call *call,
                      const struct list *list,
                      const struct pawl_policy_rule *policy)
{
    const struct pawl_value *values = list->values;
    return pawl_slice_equal(policy->tenant, list->tenant) &&
           (!values[LIST_STATUS].present || policy->enabled == (values[LIST_STATUS].number == 0)) &&
           (!values[LIST_PATTERN].present ||
            pawl_slice_equal(policy->pattern, values[LIST_PATTERN].text)) &&
           (call->principal.filter == NULL || covers(call, policy->pattern));
}

static void list_write(struct pawl_call *call, struct pawl_json_writer *writer, uint64_t id)
{
    struct pawl_policy_rule policy;
    uint32_t cursor = (uint32_t)id - 1;
    if (pawl_registry_policy_next(pawl_call_registry(call), &cursor, &policy)) {
        write_policy(writer, &policy);
    }
}

static bool list_step(struct pawl_call *call)
{
    struct list *list = call->state;
    struct pawl_policy_rule policy;
    if (!pawl_registry_policy_next(pawl_call_registry(call), &list->cursor, &policy)) {
        return false;
    }
    if (is_listed(call, list, &policy)) {
        struct pawl_page_key row = {.divisor = 1, .id = list->cursor};
        pawl_page_offer(&list->page, &row);
    }
    return true;
}

static const struct pawl_page_kind page_kind = {
    .rows = "policies", .step = list_step, .write = list_write};

void pawl_cycles_list_policies(struct pawl_call *call)
{
    static const struct pawl_page_fields fields = {LIST_SORT, LIST_DIRECTION, LIST_CURSOR,
                                                   LIST_LIMIT, 0};
    struct list *list = pawl_call_alloc(call, sizeof(*list));
    if (list == NULL || !pawl_query_read(call, &pawl_policies_shape, list->values)) {
        return;
    }
    bool admin = call->principal.kind == PAWL_PRINCIPAL_ADMIN;
    if (admin && !list->values[LIST_TENANT].present) {
        pawl_body_refuse(call, "tenant_id", "it is missing; the administrator says whose they are");
        return;
    }
    list->tenant = admin ? list->values[LIST_TENANT].text : call->principal.tenant;
    if (pawl_page_begin(call, &pawl_policies_shape, list->values, &fields, false, &list->page)) {
        call->state = list;
        pawl_page_walk(call, &page_kind);
    }
}
