/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspect.c: who am I, and what may I see and do: what dashboards are drawn by. The flags follow
 * from the permissions by the protocol's frozen table, and the six of the administrator's are never
 * a tenant key's, whatever it may.
 */
#include "cycles/admin.h"
#include "cycles/render.h"

#define P(name) (UINT64_C(1) << PAWL_PERMISSION_##name)

static const uint64_t handling = P(RESERVATIONS_CREATE) | P(RESERVATIONS_COMMIT) |
                                 P(RESERVATIONS_RELEASE) | P(RESERVATIONS_EXTEND);

static const struct {
    const char *name;
    uint64_t any; /* of these; 0: the administrator only */
} capabilities[] = {
    {"view_overview", 0},
    {"view_budgets", P(BUDGETS_READ) | P(ADMIN_READ) | P(ADMIN_BUDGETS_READ)},
    {"view_events", P(EVENTS_READ) | P(ADMIN_READ) | P(ADMIN_EVENTS_READ)},
    {"view_webhooks", P(WEBHOOKS_READ) | P(ADMIN_READ) | P(ADMIN_WEBHOOKS_READ)},
    {"view_audit", 0},
    {"view_tenants", 0},
    {"view_api_keys", 0},
    {"view_policies", P(POLICIES_READ) | P(ADMIN_READ) | P(ADMIN_POLICIES_READ)},
    {"view_reservations", handling | P(RESERVATIONS_LIST) | P(ADMIN_READ)},
    {"manage_budgets", P(BUDGETS_WRITE) | P(ADMIN_WRITE) | P(ADMIN_BUDGETS_WRITE)},
    {"manage_policies", P(POLICIES_WRITE) | P(ADMIN_WRITE) | P(ADMIN_POLICIES_WRITE)},
    {"manage_webhooks", P(WEBHOOKS_WRITE) | P(ADMIN_WRITE) | P(ADMIN_WEBHOOKS_WRITE)},
    {"manage_tenants", 0},
    {"manage_api_keys", 0},
    {"manage_reservations", handling | P(ADMIN_WRITE)},
};

static void write_capabilities(struct pawl_json_writer *writer, const struct pawl_principal *who)
{
    bool admin = who->kind == PAWL_PRINCIPAL_ADMIN;
    pawl_json_key(writer, "capabilities");
    pawl_json_object_begin(writer);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(capabilities); i++) {
        pawl_json_member_bool(writer, capabilities[i].name,
                              admin || (who->permissions & capabilities[i].any) != 0);
    }
    pawl_json_object_end(writer);
}

void pawl_cycles_introspect(struct pawl_call *call)
{
    const struct pawl_principal *who = &call->principal;
    bool admin = who->kind == PAWL_PRINCIPAL_ADMIN;
    struct pawl_json_writer *writer = pawl_call_json(call);
    pawl_json_object_begin(writer);
    pawl_json_member_bool(writer, "authenticated", true);
    pawl_json_member_str(writer, "auth_type", admin ? "admin" : "tenant");
    if (admin) {
        pawl_json_key(writer, "permissions");
        pawl_json_array_begin(writer);
        pawl_json_put_str(writer, "*");
        pawl_json_array_end(writer);
    } else {
        pawl_admin_write_permissions(writer, who->permissions);
    }
    write_capabilities(writer, who);
    if (!admin) {
        pawl_json_member_string(writer, "tenant_id", who->tenant);
        pawl_render_raw(writer, "scope_filter", who->scope_filter);
    }
    pawl_json_object_end(writer);
    pawl_call_reply_read(call, 200);
}
