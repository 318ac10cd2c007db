/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_keys.c: API keys: made, listed, changed, revoked, looked at. The secret is in one answer
 * and nowhere else: what is kept is its hash. Where a client did not get that answer it makes
 * another key and revokes this one.
 */
#include "base/assert.h"
#include "base/money.h"
#include "cycles/admin.h"
#include "cycles/admin_page.h"
#include "cycles/render.h"
#include "registry/filter.h"

#define KEY_LIFE_US (INT64_C(90) * 86400 * 1000000)

static const char *const key_states[] = {"ACTIVE", "REVOKED", "EXPIRED", NULL};

void pawl_admin_write_permissions(struct pawl_json_writer *writer, uint64_t permissions)
{
    pawl_json_key(writer, "permissions");
    pawl_json_array_begin(writer);
    for (unsigned i = 0; i < PAWL_PERMISSION_COUNT; i++) {
        if ((permissions >> i & 1) != 0) {
            pawl_json_put_str(writer, pawl_permission_name((enum pawl_permission)i));
        }
    }
    pawl_json_array_end(writer);
}

static void write_key(struct pawl_json_writer *writer, const struct pawl_key *key)
{
    PAWL_ASSERT(key->state >= PAWL_KEY_ACTIVE && key->state <= PAWL_KEY_EXPIRED);
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "key_id", key->id);
    pawl_json_member_string(writer, "tenant_id", key->tenant);
    pawl_json_member_string(writer, "key_prefix", key->prefix);
    pawl_json_member_string(writer, "name", key->name);
    if (key->description.bytes > 0) {
        pawl_json_member_string(writer, "description", key->description);
    }
    pawl_admin_write_permissions(writer, key->permissions);
    pawl_render_raw(writer, "scope_filter", key->scope_filter);
    pawl_json_member_str(writer, "status", key_states[key->state - 1]);
    pawl_admin_write_time(writer, "created_at", key->created_us);
    pawl_admin_write_time(writer, "expires_at", key->expires_us);
    pawl_admin_write_time(writer, "revoked_at", key->revoked_us);
    if (key->revoked_us != 0 && key->revoked_reason.bytes > 0) {
        pawl_json_member_string(writer, "revoked_reason", key->revoked_reason);
    }
    pawl_render_raw(writer, "metadata", key->metadata);
    pawl_json_object_end(writer);
}

/* --- What a key may say of itself ------------------------------------------------------------- */

/* Those of both operations stand first. */
enum {
    KEY_NAME,
    KEY_DESCRIPTION,
    KEY_PERMISSIONS,
    KEY_FILTER,
    KEY_METADATA,
    UPDATE_FIELDS,
    KEY_TENANT = UPDATE_FIELDS,
    KEY_EXPIRES,
    CREATE_FIELDS
};
#define SAID_FIELDS                                                                                \
    [KEY_DESCRIPTION] = {PAWL_FIELD("description"), .type = PAWL_FIELD_STRING, .max = 1024},       \
    [KEY_PERMISSIONS] = {PAWL_FIELD("permissions"), .type = PAWL_FIELD_STRINGS, .max = 256},       \
    [KEY_FILTER] = {PAWL_FIELD("scope_filter"), .type = PAWL_FIELD_STRINGS,                        \
                    .max = PAWL_FILTER_ENTRIES_MAX},                                               \
    [KEY_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT}

static const struct pawl_field create_fields[] = {
    [KEY_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .required = true, .max = 256},
    SAID_FIELDS,
    [KEY_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [KEY_EXPIRES] = {PAWL_FIELD("expires_at"), .type = PAWL_FIELD_STRING, .time = true}};
const struct pawl_shape pawl_key_create_shape = PAWL_SHAPE(create_fields);
static const struct pawl_field update_fields[] = {
    [KEY_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .max = 256}, SAID_FIELDS};
const struct pawl_shape pawl_key_update_shape = PAWL_SHAPE(update_fields);

static bool take_permissions(struct pawl_call *call, uint32_t list, uint64_t *ret_permissions)
{
    uint64_t permissions = 0;
    for (uint32_t at = pawl_json_first_element(&call->body, list); at != PAWL_JSON_NONE;
         at = pawl_json_next(&call->body, at)) {
        enum pawl_permission permission = PAWL_PERMISSION_RESERVATIONS_CREATE;
        struct pawl_slice name = pawl_json_string(&call->body, at, call->arena);
        if (!pawl_permission_from_name(name, &permission)) {
            pawl_body_refuse(call, "permissions", "\"%.*s\" is no permission",
                             (int)pawl_min_i64((int64_t)name.bytes, 64), name.data);
            return false;
        }
        permissions |= UINT64_C(1) << permission;
    }
    *ret_permissions = permissions;
    return true;
}

/* An empty list says that there is no filter. */
static bool take_filter(struct pawl_call *call, uint32_t list, struct pawl_slice *ret_filter)
{
    struct pawl_errmsg msg = {""};
    for (uint32_t at = pawl_json_first_element(&call->body, list); at != PAWL_JSON_NONE;
         at = pawl_json_next(&call->body, at)) {
        struct pawl_filter_entry entry;
        if (!pawl_filter_entry_read(pawl_json_string(&call->body, at, call->arena), &entry, &msg)) {
            pawl_body_refuse(call, "scope_filter", "%s", msg.text);
            return false;
        }
    }
    bool empty = pawl_json_first_element(&call->body, list) == PAWL_JSON_NONE;
    *ret_filter = empty ? PAWL_SLICE_NONE : pawl_json_raw(&call->body, list);
    return true;
}

/* What both operations may say, onto what is there. false: refused. */
static bool take_said(struct pawl_call *call, const struct pawl_value *values, struct pawl_key *key)
{
    if (values[KEY_NAME].present) {
        key->name = values[KEY_NAME].text;
    }
    if (values[KEY_DESCRIPTION].present) {
        key->description = values[KEY_DESCRIPTION].text;
    }
    if (values[KEY_METADATA].present) {
        key->metadata = pawl_json_raw(&call->body, values[KEY_METADATA].node);
    }
    return (!values[KEY_PERMISSIONS].present ||
            take_permissions(call, values[KEY_PERMISSIONS].node, &key->permissions)) &&
           (!values[KEY_FILTER].present ||
            take_filter(call, values[KEY_FILTER].node, &key->scope_filter));
}

/* --- Made ------------------------------------------------------------------------------------- */

static void
write_new(struct pawl_json_writer *writer, const struct pawl_key *key, const char *secret)
{
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "key_id", key->id);
    pawl_json_member_str(writer, "key_secret", secret);
    pawl_json_member_string(writer, "key_prefix", key->prefix);
    pawl_json_member_string(writer, "tenant_id", key->tenant);
    pawl_admin_write_permissions(writer, key->permissions);
    pawl_admin_write_time(writer, "created_at", key->created_us);
    pawl_admin_write_time(writer, "expires_at", key->expires_us);
    pawl_json_object_end(writer);
}

static bool take_expiry(struct pawl_call *call, const struct pawl_value *value, int64_t *ret_us)
{
    if (!pawl_admin_time(call, "expires_at", value, ret_us)) {
        return false;
    }
    if (*ret_us == 0) {
        *ret_us = call->now_us + KEY_LIFE_US;
    }
    if (*ret_us <= call->now_us) {
        pawl_body_refuse(call, "expires_at", "it is past already");
        return false;
    }
    return true;
}

void pawl_cycles_create_api_key(struct pawl_call *call)
{
    struct pawl_value values[CREATE_FIELDS];
    char secret[PAWL_SECRET_BYTES];
    char id[PAWL_SECRET_BYTES];
    struct pawl_key key = {.state = PAWL_KEY_ACTIVE, .permissions = pawl_permission_defaults()};
    struct pawl_key seen;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_key_create_shape, values) ||
        !pawl_admin_body_tenant(call, &values[KEY_TENANT], &key.tenant) ||
        !take_said(call, values, &key) ||
        !take_expiry(call, &values[KEY_EXPIRES], &key.expires_us) || !pawl_admin_may_answer(call)) {
        return;
    }
    pawl_registry_new_secret(secret);
    pawl_registry_new_id("key", id);
    key.id = pawl_slice_str(id);
    key.prefix = pawl_slice_of(secret, PAWL_SECRET_PREFIX_BYTES);
    pawl_registry_put_key(pawl_call_registry(call), &key, pawl_slice_str(secret),
                          pawl_admin_put(call));
    if (pawl_registry_key(pawl_call_registry(call), key.id, call->now_us, &seen)) {
        write_new(pawl_call_json(call), &seen, secret);
        pawl_call_keep(call, 201);
    }
}

/* --- Changed and revoked ---------------------------------------------------------------------- */

static void put(struct pawl_call *call, const struct pawl_key *key)
{
    struct pawl_key seen;
    if (!pawl_admin_may_answer(call)) {
        return;
    }
    pawl_registry_put_key(pawl_call_registry(call), key, PAWL_SLICE_NONE, pawl_admin_put(call));
    if (pawl_registry_key(pawl_call_registry(call), call->params[0], call->now_us, &seen)) {
        write_key(pawl_call_json(call), &seen);
        pawl_call_keep(call, 200);
    }
}

/* The key of the path. false: refused. */
static bool find(struct pawl_call *call, struct pawl_key *ret_key)
{
    if (pawl_registry_key(pawl_call_registry(call), call->params[0], call->now_us, ret_key)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND, "there is no such key");
    return false;
}

static bool is_tenant_closed(const struct pawl_call *call, const struct pawl_key *key)
{
    return pawl_core_tenant_state(pawl_engine_core(pawl_call_engine(call)), key->tenant) ==
           PAWL_TENANT_CLOSED;
}

void pawl_cycles_update_api_key(struct pawl_call *call)
{
    struct pawl_value values[UPDATE_FIELDS];
    struct pawl_key key;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_key_update_shape, values) ||
        !find(call, &key)) {
        return;
    }
    if (is_tenant_closed(call, &key)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_CLOSED, "the tenant is closed, for good");
    } else if (key.state != PAWL_KEY_ACTIVE) {
        bool revoked = key.state == PAWL_KEY_REVOKED;
        pawl_call_refuse(call, revoked ? PAWL_ERROR_KEY_REVOKED : PAWL_ERROR_KEY_EXPIRED,
                         "the key is %s and is not changed any more",
                         revoked ? "revoked" : "past its time");
    } else if (take_said(call, values, &key)) {
        put(call, &key);
    }
}

static const struct pawl_field revoke_fields[] = {
    {PAWL_FIELD("reason"), .type = PAWL_FIELD_STRING, .max = 512}};
const struct pawl_shape pawl_key_revoke_shape = PAWL_SHAPE(revoke_fields);

void pawl_cycles_revoke_api_key(struct pawl_call *call)
{
    struct pawl_value reason;
    struct pawl_key key;
    if (!pawl_admin_may_change(call) || !pawl_query_read(call, &pawl_key_revoke_shape, &reason) ||
        !find(call, &key)) {
        return;
    }
    if (is_tenant_closed(call, &key)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_CLOSED, "the tenant is closed, for good");
        return;
    }
    if (key.state == PAWL_KEY_REVOKED) {
        pawl_call_refuse(call, PAWL_ERROR_KEY_REVOKED, "the key is revoked already");
        return;
    }
    key.state = PAWL_KEY_REVOKED;
    key.revoked_us = call->now_us;
    key.revoked_reason = reason.text;
    put(call, &key);
}

/* --- Listed ----------------------------------------------------------------------------------- */

enum {
    LIST_TENANT,
    LIST_STATUS,
    LIST_SEARCH,
    LIST_SORT,
    LIST_DIRECTION,
    LIST_CURSOR,
    LIST_LIMIT,
    LIST_FIELDS
};
enum { BY_ID, BY_NAME, BY_TENANT, BY_STATUS, BY_CREATED, BY_EXPIRES };
static const char *const orders[] = {"key_id",     "name",       "tenant_id", "status",
                                     "created_at", "expires_at", NULL};
static const struct pawl_field list_fields[] = {
    [LIST_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [LIST_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD, .words = key_states},
    [LIST_SEARCH] = PAWL_PAGE_FIELD_SEARCH,
    [LIST_SORT] = {PAWL_FIELD("sort_by"), .type = PAWL_FIELD_WORD, .words = orders},
    [LIST_DIRECTION] = PAWL_PAGE_FIELD_DIRECTION,
    [LIST_CURSOR] = PAWL_PAGE_FIELD_CURSOR,
    [LIST_LIMIT] = PAWL_PAGE_FIELD_LIMIT};
const struct pawl_shape pawl_keys_shape = PAWL_SHAPE(list_fields);

struct list {
    struct pawl_page page; /* first */
    struct pawl_value values[LIST_FIELDS];
    uint32_t cursor;
};

static bool is_listed(const struct list *list, const struct pawl_key *key)
{
    const struct pawl_value *values = list->values;
    return (!values[LIST_STATUS].present || key->state == pawl_admin_word(&values[LIST_STATUS])) &&
           (!values[LIST_TENANT].present ||
            pawl_slice_equal(key->tenant, values[LIST_TENANT].text)) &&
           (pawl_page_contains(key->id, values[LIST_SEARCH].text) ||
            pawl_page_contains(key->name, values[LIST_SEARCH].text));
}

static void offer(struct list *list, const struct pawl_key *key)
{
    struct pawl_page_key row = {.divisor = 1, .id = list->cursor};
    int64_t order = list->values[LIST_SORT].present ? list->values[LIST_SORT].number : BY_CREATED;
    switch (order) {
    case BY_ID:
        row.text = key->id;
        break;
    case BY_NAME:
        row.text = key->name;
        break;
    case BY_TENANT:
        row.text = key->tenant;
        break;
    case BY_STATUS:
        row.text = pawl_slice_str(key_states[key->state - 1]);
        break;
    case BY_EXPIRES:
        row.number = key->expires_us;
        break;
    default: /* as they were made: by their place */
        break;
    }
    pawl_page_offer(&list->page, &row);
}

static void list_write(struct pawl_call *call, struct pawl_json_writer *writer, uint64_t id)
{
    struct pawl_key key;
    uint32_t cursor = (uint32_t)id - 1;
    if (pawl_registry_key_next(pawl_call_registry(call), &cursor, call->now_us, &key)) {
        write_key(writer, &key);
    }
}

static bool list_step(struct pawl_call *call)
{
    struct list *list = call->state;
    struct pawl_key key;
    if (!pawl_registry_key_next(pawl_call_registry(call), &list->cursor, call->now_us, &key)) {
        return false;
    }
    if (is_listed(list, &key)) {
        offer(list, &key);
    }
    return true;
}

static const struct pawl_page_kind page_kind = {
    .rows = "keys", .step = list_step, .write = list_write};

void pawl_cycles_list_api_keys(struct pawl_call *call)
{
    static const struct pawl_page_fields fields = {LIST_SORT, LIST_DIRECTION, LIST_CURSOR,
                                                   LIST_LIMIT, 0};
    struct list *list = pawl_call_alloc(call, sizeof(*list));
    if (list == NULL || !pawl_query_read(call, &pawl_keys_shape, list->values) ||
        !pawl_page_begin(call, &pawl_keys_shape, list->values, &fields, true, &list->page)) {
        return;
    }
    call->state = list;
    pawl_page_walk(call, &page_kind);
}

/* --- Looked at -------------------------------------------------------------------------------- */

static const struct pawl_field check_fields[] = {
    {PAWL_FIELD("key_secret"), .type = PAWL_FIELD_STRING, .required = true}};
const struct pawl_shape pawl_key_check_shape = PAWL_SHAPE(check_fields);

void pawl_cycles_validate_api_key(struct pawl_call *call)
{
    static const char *const why[] = {[PAWL_AUTH_UNKNOWN] = "NOT_FOUND",
                                      [PAWL_AUTH_REVOKED] = "REVOKED",
                                      [PAWL_AUTH_EXPIRED] = "EXPIRED"};
    struct pawl_registry *registry = pawl_call_registry(call);
    struct pawl_value secret;
    struct pawl_principal who = {.kind = PAWL_PRINCIPAL_NONE};
    struct pawl_tenant tenant = {.state = PAWL_TENANT_ACTIVE};
    struct pawl_key key = {.expires_us = 0};
    if (!pawl_body_read(call, &pawl_key_check_shape, &secret)) {
        return;
    }
    enum pawl_auth auth = pawl_registry_key_check(registry, secret.text, call->now_us, &who);
    bool known = auth != PAWL_AUTH_UNKNOWN &&
                 pawl_registry_key(registry, who.key_id, call->now_us, &key) &&
                 pawl_registry_tenant(registry, who.tenant, &tenant);
    bool valid = auth == PAWL_AUTH_OK && tenant.state == PAWL_TENANT_ACTIVE;
    struct pawl_json_writer *writer = pawl_call_json(call);
    pawl_json_object_begin(writer);
    pawl_json_member_bool(writer, "valid", valid);
    pawl_json_member_string(writer, "tenant_id", who.tenant);
    if (known) {
        pawl_json_member_string(writer, "key_id", who.key_id);
        pawl_admin_write_permissions(writer, who.permissions);
        pawl_render_raw(writer, "scope_filter", who.scope_filter);
        pawl_admin_write_time(writer, "expires_at", key.expires_us);
    }
    if (!valid) {
        pawl_json_member_str(writer, "reason",
                             auth != PAWL_AUTH_OK                    ? why[auth]
                             : tenant.state == PAWL_TENANT_SUSPENDED ? "TENANT_SUSPENDED"
                                                                     : "TENANT_CLOSED");
    }
    pawl_json_object_end(writer);
    pawl_call_reply_read(call, 200);
}
