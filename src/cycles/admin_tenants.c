/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_tenants.c: tenants: made, listed, read, changed, suspended, closed.
 *
 * Making one that is there already is answered with the one that is there, so that setup scripts
 * may run twice; under another name or parent it is a conflict. Closing is final and done with the
 * tenant's own document; what it holds is given back afterwards by the server, and everything else
 * of its reads as closed from that moment on.
 */
#include "base/assert.h"
#include "cycles/admin.h"
#include "cycles/admin_page.h"
#include "cycles/cycles_priv.h"
#include "cycles/render.h"

static const char *const expiry_policies[] = {"AUTO_RELEASE", "MANUAL_CLEANUP", "GRACE_ONLY", NULL};

enum { DAY_MS = 86400000 };

static bool tenant_id_ok(struct pawl_slice id)
{
    for (size_t i = 0; i < id.bytes; i++) {
        char byte = id.data[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-')) {
            return false;
        }
    }
    /* A scope's value begins and ends with a letter or digit. */
    return pawl_level_value_ok(id);
}

static void write_tenant(struct pawl_json_writer *writer, const struct pawl_tenant *tenant)
{
    PAWL_ASSERT(tenant->state >= PAWL_TENANT_ACTIVE && tenant->state <= PAWL_TENANT_CLOSED);
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "tenant_id", tenant->id);
    pawl_json_member_string(writer, "name", tenant->name);
    pawl_json_member_str(writer, "status", pawl_admin_tenant_states[tenant->state - 1]);
    if (tenant->parent.bytes > 0) {
        pawl_json_member_string(writer, "parent_tenant_id", tenant->parent);
    }
    if (tenant->overage != 0) {
        pawl_json_member_str(writer, "default_commit_overage_policy",
                             pawl_overage_words[tenant->overage - 1]);
    }
    if (tenant->ttl_default_ms != 0) {
        pawl_json_member_i64(writer, "default_reservation_ttl_ms", tenant->ttl_default_ms);
    }
    if (tenant->ttl_max_ms != 0) {
        pawl_json_member_i64(writer, "max_reservation_ttl_ms", tenant->ttl_max_ms);
    }
    if (tenant->extensions_max >= 0) {
        pawl_json_member_i64(writer, "max_reservation_extensions", tenant->extensions_max);
    }
    if (tenant->expiry_policy != 0) {
        pawl_json_member_str(writer, "reservation_expiry_policy",
                             expiry_policies[tenant->expiry_policy - 1]);
    }
    pawl_render_raw(writer, "metadata", tenant->metadata);
    pawl_admin_write_time(writer, "created_at", tenant->created_us);
    pawl_admin_write_time(writer, "updated_at", tenant->updated_us);
    pawl_admin_write_time(writer, "suspended_at", tenant->suspended_us);
    pawl_admin_write_time(writer, "closed_at", tenant->closed_us);
    pawl_json_object_end(writer);
}

/* --- Made and changed ------------------------------------------------------------------------- */

/* Those of both operations stand first. */
enum {
    TENANT_NAME,
    TENANT_METADATA,
    TENANT_OVERAGE,
    TENANT_TTL_DEFAULT,
    TENANT_TTL_MAX,
    TENANT_EXTENSIONS,
    TENANT_STATUS, /* of a change */
    UPDATE_FIELDS,
    TENANT_ID = TENANT_STATUS, /* of a new one, and so the rest */
    TENANT_PARENT,
    TENANT_EXPIRY,
    CREATE_FIELDS
};

#define TERMS_FIELDS                                                                               \
    [TENANT_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_MAP, .max = 32},               \
    [TENANT_OVERAGE] = {PAWL_FIELD("default_commit_overage_policy"), .type = PAWL_FIELD_WORD,      \
                        .words = pawl_overage_words},                                              \
    [TENANT_TTL_DEFAULT] = {PAWL_FIELD("default_reservation_ttl_ms"), .type = PAWL_FIELD_INTEGER,  \
                            .min = 1000, .max = DAY_MS},                                           \
    [TENANT_TTL_MAX] = {PAWL_FIELD("max_reservation_ttl_ms"), .type = PAWL_FIELD_INTEGER,          \
                        .min = 1000, .max = DAY_MS},                                               \
    [TENANT_EXTENSIONS] = {PAWL_FIELD("max_reservation_extensions"), .type = PAWL_FIELD_INTEGER,   \
                           .max = INT32_MAX}

static const struct pawl_field create_fields[] = {
    [TENANT_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .required = true, .max = 256},
    TERMS_FIELDS,
    [TENANT_ID] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING, .required = true, .min = 3,
                   .max = 64},
    [TENANT_PARENT] = {PAWL_FIELD("parent_tenant_id"), .type = PAWL_FIELD_STRING, .max = 128},
    [TENANT_EXPIRY] = {PAWL_FIELD("reservation_expiry_policy"), .type = PAWL_FIELD_WORD,
                       .words = expiry_policies}};
static const struct pawl_field update_fields[] = {
    [TENANT_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .max = 256},
    TERMS_FIELDS,
    [TENANT_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD,
                       .words = pawl_admin_tenant_states}};
const struct pawl_shape pawl_tenant_update_shape = PAWL_SHAPE(update_fields);
const struct pawl_shape pawl_tenant_create_shape = PAWL_SHAPE(create_fields);

/* What both operations may say, onto what is there. false: refused. */
static bool
take_terms(struct pawl_call *call, const struct pawl_value *values, struct pawl_tenant *tenant)
{
    if (values[TENANT_NAME].present) {
        tenant->name = values[TENANT_NAME].text;
    }
    if (values[TENANT_METADATA].present) {
        tenant->metadata = pawl_json_raw(&call->body, values[TENANT_METADATA].node);
    }
    if (values[TENANT_OVERAGE].present) {
        tenant->overage = pawl_admin_word(&values[TENANT_OVERAGE]);
    }
    if (values[TENANT_TTL_DEFAULT].present) {
        tenant->ttl_default_ms = values[TENANT_TTL_DEFAULT].number;
    }
    if (values[TENANT_TTL_MAX].present) {
        tenant->ttl_max_ms = values[TENANT_TTL_MAX].number;
    }
    if (values[TENANT_EXTENSIONS].present) {
        tenant->extensions_max = (int32_t)values[TENANT_EXTENSIONS].number;
    }
    /* Who says nothing of leases may change the rest of what was made by other rules. */
    return (!values[TENANT_TTL_DEFAULT].present && !values[TENANT_TTL_MAX].present) ||
           pawl_admin_leases_fit(call, "default_reservation_ttl_ms", tenant->ttl_default_ms,
                                 tenant->ttl_max_ms);
}

/* Puts it, and answers with what is there then. false: refused. */
static bool put(struct pawl_call *call, const struct pawl_tenant *tenant, int status)
{
    struct pawl_registry *registry = pawl_call_registry(call);
    struct pawl_slice id = pawl_arena_copy(call->arena, tenant->id);
    struct pawl_tenant seen;
    if (!pawl_admin_may_answer(call)) {
        return false;
    }
    pawl_registry_put_tenant(registry, tenant, pawl_admin_put(call));
    if (pawl_registry_tenant(registry, id, &seen)) {
        write_tenant(pawl_call_json(call), &seen);
        pawl_call_keep(call, status);
    }
    return true;
}

static void answer_existing(struct pawl_call *call,
                            const struct pawl_value *values,
                            const struct pawl_tenant *tenant)
{
    if (!pawl_slice_equal(tenant->name, values[TENANT_NAME].text) ||
        !pawl_slice_equal(tenant->parent, values[TENANT_PARENT].text)) {
        pawl_call_refuse(call, PAWL_ERROR_DUPLICATE_RESOURCE,
                         "there is a tenant of this id, with another name or parent");
        return;
    }
    write_tenant(pawl_call_json(call), tenant);
    pawl_call_reply_read(call, 200);
}

void pawl_cycles_create_tenant(struct pawl_call *call)
{
    struct pawl_value values[CREATE_FIELDS];
    struct pawl_tenant tenant = {.extensions_max = -1, .state = PAWL_TENANT_ACTIVE};
    struct pawl_tenant seen;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_tenant_create_shape, values)) {
        return;
    }
    if (!tenant_id_ok(values[TENANT_ID].text)) {
        pawl_body_refuse(call, "tenant_id",
                         "it must be lower-case letters, digits and '-', the first and the last a "
                         "letter or digit");
        return;
    }
    if (pawl_registry_tenant(pawl_call_registry(call), values[TENANT_ID].text, &seen)) {
        answer_existing(call, values, &seen);
        return;
    }
    if (values[TENANT_PARENT].text.bytes > 0 &&
        !pawl_registry_tenant(pawl_call_registry(call), values[TENANT_PARENT].text, &seen)) {
        pawl_body_refuse(call, "parent_tenant_id", "there is no tenant of this id");
        return;
    }
    tenant.id = values[TENANT_ID].text;
    tenant.parent = values[TENANT_PARENT].text;
    tenant.expiry_policy = pawl_admin_word(&values[TENANT_EXPIRY]);
    if (take_terms(call, values, &tenant)) {
        (void)put(call, &tenant, 201);
    }
}

void pawl_cycles_get_tenant(struct pawl_call *call)
{
    struct pawl_tenant tenant;
    if (!pawl_registry_tenant(pawl_call_registry(call), call->params[0], &tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_NOT_FOUND, "there is no such tenant");
        return;
    }
    write_tenant(pawl_call_json(call), &tenant);
    pawl_call_reply_read(call, 200);
}

static void take_state(struct pawl_call *call, uint8_t state, struct pawl_tenant *tenant)
{
    if (state == PAWL_TENANT_SUSPENDED && tenant->state != PAWL_TENANT_SUSPENDED) {
        tenant->suspended_us = call->now_us;
    }
    if (state == PAWL_TENANT_CLOSED) {
        tenant->closed_us = call->now_us;
    }
    if (state != 0) {
        tenant->state = state;
    }
}

/* The host drains it. Told again, since that may have been broken off. */
static void tell_closed(const struct pawl_call *call)
{
    const struct pawl_cycles_options *options = &call->cycles->options;
    if (options->tenant_closed != NULL) {
        options->tenant_closed(options->tenant_closed_arg);
    }
}

void pawl_cycles_update_tenant(struct pawl_call *call)
{
    struct pawl_value values[UPDATE_FIELDS];
    struct pawl_tenant tenant;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_tenant_update_shape, values)) {
        return;
    }
    if (!pawl_registry_tenant(pawl_call_registry(call), call->params[0], &tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_NOT_FOUND, "there is no such tenant");
        return;
    }
    uint8_t state = pawl_admin_word(&values[TENANT_STATUS]);
    if (tenant.state == PAWL_TENANT_CLOSED) {
        if (state != PAWL_TENANT_CLOSED) {
            pawl_call_refuse(call, PAWL_ERROR_TENANT_CLOSED, "the tenant is closed, for good");
            return;
        }
        write_tenant(pawl_call_json(call), &tenant);
        tell_closed(call);
        pawl_call_reply_read(call, 200);
        return;
    }
    if (!take_terms(call, values, &tenant)) {
        return;
    }
    take_state(call, state, &tenant);
    if (put(call, &tenant, 200) && state == PAWL_TENANT_CLOSED) {
        tell_closed(call);
    }
}

/* --- Listed ----------------------------------------------------------------------------------- */

enum {
    LIST_STATUS,
    LIST_PARENT,
    LIST_SEARCH,
    LIST_SORT,
    LIST_DIRECTION,
    LIST_CURSOR,
    LIST_LIMIT,
    LIST_FIELDS
};
enum { BY_ID, BY_NAME, BY_STATUS, BY_CREATED };
static const char *const orders[] = {"tenant_id", "name", "status", "created_at", NULL};
static const struct pawl_field list_fields[] = {
    [LIST_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD,
                     .words = pawl_admin_tenant_states},
    [LIST_PARENT] = {PAWL_FIELD("parent_tenant_id"), .type = PAWL_FIELD_STRING},
    [LIST_SEARCH] = PAWL_PAGE_FIELD_SEARCH,
    [LIST_SORT] = {PAWL_FIELD("sort_by"), .type = PAWL_FIELD_WORD, .words = orders},
    [LIST_DIRECTION] = PAWL_PAGE_FIELD_DIRECTION,
    [LIST_CURSOR] = PAWL_PAGE_FIELD_CURSOR,
    [LIST_LIMIT] = PAWL_PAGE_FIELD_LIMIT};
const struct pawl_shape pawl_tenants_shape = PAWL_SHAPE(list_fields);

struct list {
    struct pawl_page page; /* first */
    struct pawl_value values[LIST_FIELDS];
    uint32_t cursor;
};

static bool is_listed(const struct list *list, const struct pawl_tenant *tenant)
{
    const struct pawl_value *values = list->values;
    return (!values[LIST_STATUS].present ||
            tenant->state == pawl_admin_word(&values[LIST_STATUS])) &&
           (!values[LIST_PARENT].present ||
            pawl_slice_equal(tenant->parent, values[LIST_PARENT].text)) &&
           (pawl_page_contains(tenant->id, values[LIST_SEARCH].text) ||
            pawl_page_contains(tenant->name, values[LIST_SEARCH].text));
}

static void offer(struct list *list, const struct pawl_tenant *tenant)
{
    struct pawl_page_key key = {.divisor = 1, .id = list->cursor};
    int64_t order = list->values[LIST_SORT].present ? list->values[LIST_SORT].number : BY_CREATED;
    if (order == BY_ID) {
        key.text = tenant->id;
    } else if (order == BY_NAME) {
        key.text = tenant->name;
    } else if (order == BY_STATUS) {
        key.text = pawl_slice_str(pawl_admin_tenant_states[tenant->state - 1]);
    }
    pawl_page_offer(&list->page, &key); /* as they were made is by their place */
}

static void list_write(struct pawl_call *call, struct pawl_json_writer *writer, uint64_t id)
{
    struct pawl_tenant tenant;
    uint32_t cursor = (uint32_t)id - 1;
    if (pawl_registry_tenant_next(pawl_call_registry(call), &cursor, &tenant)) {
        write_tenant(writer, &tenant);
    }
}

static bool list_step(struct pawl_call *call)
{
    struct list *list = call->state;
    struct pawl_tenant tenant;
    if (!pawl_registry_tenant_next(pawl_call_registry(call), &list->cursor, &tenant)) {
        return false;
    }
    if (is_listed(list, &tenant)) {
        offer(list, &tenant);
    }
    return true;
}

static const struct pawl_page_kind page_kind = {
    .rows = "tenants", .step = list_step, .write = list_write};

void pawl_cycles_list_tenants(struct pawl_call *call)
{
    static const struct pawl_page_fields fields = {LIST_SORT, LIST_DIRECTION, LIST_CURSOR,
                                                   LIST_LIMIT, 0};
    struct list *list = pawl_call_alloc(call, sizeof(*list));
    if (list == NULL || !pawl_query_read(call, &pawl_tenants_shape, list->values) ||
        !pawl_page_begin(call, &pawl_tenants_shape, list->values, &fields, true, &list->page)) {
        return;
    }
    call->state = list;
    pawl_page_walk(call, &page_kind);
}
