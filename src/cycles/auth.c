/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c: who asks. A tenant's key speaks for its tenant and is what counts where both keys are
 * sent, since it is the one that may less. The administrator comes by key or by a door of his own.
 *
 * The principal's texts are copied: a change of the registry while the call waits for the disk
 * would take them away.
 */
#include "cycles/cycles_priv.h"
#include "registry/filter.h"

static bool copy_principal(struct pawl_call *call, const struct pawl_principal *found)
{
    struct pawl_principal *own = &call->principal;
    *own = *found;
    own->tenant = pawl_arena_copy(call->arena, found->tenant);
    own->key_id = pawl_arena_copy(call->arena, found->key_id);
    own->scope_filter = pawl_arena_copy(call->arena, found->scope_filter);
    own->filter = pawl_filter_copy(found->filter, call->arena);
    return pawl_call_has_memory(call);
}

static bool be_tenant(struct pawl_call *call)
{
    static const char *const why[] = {
        [PAWL_AUTH_UNKNOWN] = "the key in X-Cycles-API-Key is not known",
        [PAWL_AUTH_REVOKED] = "the key in X-Cycles-API-Key was revoked",
        [PAWL_AUTH_EXPIRED] = "the key in X-Cycles-API-Key is past its time",
    };
    struct pawl_slice secret = call->headers[PAWL_CALL_HEADER_KEY];
    struct pawl_principal found;
    if (pawl_slice_empty(secret)) {
        pawl_call_refuse(call, PAWL_ERROR_UNAUTHORIZED,
                         "this needs a tenant's key in the header X-Cycles-API-Key");
        return false;
    }
    enum pawl_auth auth =
        pawl_registry_key_check(call->cycles->options.registry, secret, call->now_us, &found);
    if (auth != PAWL_AUTH_OK) {
        pawl_call_refuse(call, PAWL_ERROR_UNAUTHORIZED, "%s", why[auth]);
        return false;
    }
    return copy_principal(call, &found);
}

static bool be_admin(struct pawl_call *call)
{
    struct pawl_slice secret = call->headers[PAWL_CALL_HEADER_ADMIN_KEY];
    bool is = pawl_slice_empty(secret)
                  ? call->trusted
                  : pawl_registry_admin_check(call->cycles->options.registry, secret);
    if (is) {
        call->principal = (struct pawl_principal){
            .kind = PAWL_PRINCIPAL_ADMIN, .key_id = PAWL_SLICE("admin"), .permissions = UINT64_MAX};
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_UNAUTHORIZED,
                     pawl_slice_empty(secret)
                         ? "this needs the administrator's key in the header X-Admin-API-Key"
                         : "the key in X-Admin-API-Key is not the administrator's");
    return false;
}

/* Whether either key is there at all decides which one is asked for. */
static bool be_either(struct pawl_call *call)
{
    bool has_key = !pawl_slice_empty(call->headers[PAWL_CALL_HEADER_KEY]);
    bool has_admin = !pawl_slice_empty(call->headers[PAWL_CALL_HEADER_ADMIN_KEY]) || call->trusted;
    if (has_key || has_admin) {
        return has_key ? be_tenant(call) : be_admin(call);
    }
    pawl_call_refuse(call, PAWL_ERROR_UNAUTHORIZED,
                     "this needs a key in the header X-Cycles-API-Key or X-Admin-API-Key");
    return false;
}

static bool who_is_it(struct pawl_call *call)
{
    switch (call->route->who) {
    case PAWL_WHO_TENANT:
        return be_tenant(call);
    case PAWL_WHO_ADMIN:
        return be_admin(call);
    case PAWL_WHO_EITHER:
        return be_either(call);
    default:
        return true;
    }
}

bool pawl_call_authenticate(struct pawl_call *call)
{
    if (!who_is_it(call)) {
        return false;
    }
    const struct pawl_cycles_route *route = call->route;
    if (route->permission == PAWL_PERMISSION_NONE ||
        call->principal.kind != PAWL_PRINCIPAL_TENANT ||
        pawl_principal_may(&call->principal, (enum pawl_permission)route->permission)) {
        return true;
    }
    pawl_call_refuse(call,
                     route->plane == PAWL_PLANE_GOVERNANCE ? PAWL_ERROR_INSUFFICIENT_PERMISSIONS
                                                           : PAWL_ERROR_FORBIDDEN,
                     "the key has no permission %s",
                     pawl_permission_name((enum pawl_permission)route->permission));
    return false;
}

bool pawl_auth_admits(struct pawl_cycles *cycles,
                      const struct pawl_cycles_route *route,
                      const struct pawl_http_request *request,
                      bool trusted)
{
    const struct pawl_registry *registry = cycles->options.registry;
    struct pawl_slice key =
        pawl_http_header_value(request->headers, request->header_count, "x-cycles-api-key");
    struct pawl_slice admin_key =
        pawl_http_header_value(request->headers, request->header_count, "x-admin-api-key");
    struct pawl_principal found;
    if (!pawl_slice_empty(key) || route->who == PAWL_WHO_TENANT) {
        return pawl_registry_key_check(registry, key, pawl_engine_now_us(cycles->options.engine),
                                       &found) == PAWL_AUTH_OK &&
               (route->permission == PAWL_PERMISSION_NONE ||
                pawl_principal_may(&found, (enum pawl_permission)route->permission));
    }
    return pawl_slice_empty(admin_key) ? trusted : pawl_registry_admin_check(registry, admin_key);
}

bool pawl_call_admin_only(struct pawl_call *call)
{
    return be_admin(call);
}
