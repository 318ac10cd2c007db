/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c: who asks. A tenant's key speaks for its tenant and is what counts where both keys are
 * sent, since it is the one that may less. The administrator comes by key or by a door of his own.
 *
 * All of it is said of a request's head, which may be all that there is of one (head.c). Of a call
 * the principal's texts are copied: a change of the registry while it waits for the disk would take
 * them away.
 */
#include "cycles/cycles_priv.h"
#include "registry/filter.h"

static void refuse(struct pawl_auth_verdict *verdict, const char *why)
{
    verdict->error = PAWL_ERROR_UNAUTHORIZED;
    verdict->why = why;
}

static void judge_tenant(struct pawl_cycles *cycles,
                         const struct pawl_auth_asked *asked,
                         struct pawl_auth_verdict *verdict)
{
    static const char *const why[] = {
        [PAWL_AUTH_UNKNOWN] = "the key in X-Cycles-API-Key is not known",
        [PAWL_AUTH_REVOKED] = "the key in X-Cycles-API-Key was revoked",
        [PAWL_AUTH_EXPIRED] = "the key in X-Cycles-API-Key is past its time",
    };
    struct pawl_principal found;
    if (pawl_slice_empty(asked->key)) {
        refuse(verdict, "this needs a tenant's key in the header X-Cycles-API-Key");
        return;
    }
    enum pawl_auth auth =
        pawl_registry_key_check(cycles->options.registry, asked->key, asked->now_us, &found);
    if (auth != PAWL_AUTH_OK) {
        refuse(verdict, why[auth]);
        return;
    }
    verdict->principal = found;
}

static void judge_admin(struct pawl_cycles *cycles,
                        const struct pawl_auth_asked *asked,
                        struct pawl_auth_verdict *verdict)
{
    bool has_key = !pawl_slice_empty(asked->admin_key);
    if (has_key ? pawl_registry_admin_check(cycles->options.registry, asked->admin_key)
                : asked->trusted) {
        verdict->principal = (struct pawl_principal){
            .kind = PAWL_PRINCIPAL_ADMIN, .key_id = PAWL_SLICE("admin"), .permissions = UINT64_MAX};
        return;
    }
    refuse(verdict, has_key ? "the key in X-Admin-API-Key is not the administrator's"
                            : "this needs the administrator's key in the header X-Admin-API-Key");
}

/* Whether either key is there at all decides which one is asked for. */
static void judge_either(struct pawl_cycles *cycles,
                         const struct pawl_auth_asked *asked,
                         struct pawl_auth_verdict *verdict)
{
    if (!pawl_slice_empty(asked->key)) {
        judge_tenant(cycles, asked, verdict);
    } else if (!pawl_slice_empty(asked->admin_key) || asked->trusted) {
        judge_admin(cycles, asked, verdict);
    } else {
        refuse(verdict, "this needs a key in the header X-Cycles-API-Key or X-Admin-API-Key");
    }
}

static void judge_permission(const struct pawl_cycles_route *route,
                             struct pawl_auth_verdict *verdict)
{
    enum pawl_permission wanted = (enum pawl_permission)route->permission;
    if (route->permission == PAWL_PERMISSION_NONE ||
        verdict->principal.kind != PAWL_PRINCIPAL_TENANT ||
        pawl_principal_may(&verdict->principal, wanted)) {
        return;
    }
    verdict->error = route->plane == PAWL_PLANE_GOVERNANCE ? PAWL_ERROR_INSUFFICIENT_PERMISSIONS
                                                           : PAWL_ERROR_FORBIDDEN;
    verdict->why = "the key has no permission ";
    verdict->lacks = pawl_permission_name(wanted);
}

void pawl_auth_judge(struct pawl_cycles *cycles,
                     const struct pawl_cycles_route *route,
                     const struct pawl_auth_asked *asked,
                     struct pawl_auth_verdict *ret_verdict)
{
    *ret_verdict = (struct pawl_auth_verdict){.error = PAWL_ERROR_COUNT, .lacks = ""};
    switch (route->who) {
    case PAWL_WHO_TENANT:
        judge_tenant(cycles, asked, ret_verdict);
        break;
    case PAWL_WHO_ADMIN:
        judge_admin(cycles, asked, ret_verdict);
        break;
    case PAWL_WHO_EITHER:
        judge_either(cycles, asked, ret_verdict);
        break;
    default:
        break;
    }
    judge_permission(route, ret_verdict);
}

static struct pawl_auth_asked asked_of(const struct pawl_call *call)
{
    return (struct pawl_auth_asked){.key = call->headers[PAWL_CALL_HEADER_KEY],
                                    .admin_key = call->headers[PAWL_CALL_HEADER_ADMIN_KEY],
                                    .trusted = call->trusted,
                                    .now_us = call->now_us};
}

static bool take_principal(struct pawl_call *call, const struct pawl_principal *found)
{
    struct pawl_principal *own = &call->principal;
    *own = *found;
    own->tenant = pawl_arena_copy(call->arena, found->tenant);
    own->key_id = pawl_arena_copy(call->arena, found->key_id);
    own->scope_filter = pawl_arena_copy(call->arena, found->scope_filter);
    own->filter = pawl_filter_copy(found->filter, call->arena);
    return pawl_call_has_memory(call);
}

/* A key that is known is told of, also where it may not. */
static bool take_verdict(struct pawl_call *call, const struct pawl_auth_verdict *verdict)
{
    if (!take_principal(call, &verdict->principal)) {
        return false;
    }
    if (verdict->error == PAWL_ERROR_COUNT) {
        return true;
    }
    pawl_call_refuse(call, verdict->error, "%s%s", verdict->why, verdict->lacks);
    return false;
}

bool pawl_call_authenticate(struct pawl_call *call)
{
    const struct pawl_auth_asked asked = asked_of(call);
    struct pawl_auth_verdict verdict;
    pawl_auth_judge(call->cycles, call->route, &asked, &verdict);
    return take_verdict(call, &verdict);
}

bool pawl_call_admin_only(struct pawl_call *call)
{
    const struct pawl_auth_asked asked = asked_of(call);
    struct pawl_auth_verdict verdict = {.error = PAWL_ERROR_COUNT, .lacks = ""};
    judge_admin(call->cycles, &asked, &verdict);
    return take_verdict(call, &verdict);
}
