/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant.c: what a tenant's state means beside admission (admit.h): TENANT_DRAIN, which gives back
 * what a closed tenant holds. A tenant closes with one command, however much it holds, and from
 * then on takes nothing new; so one pass over the reservations finds all that there is, a slice at
 * a time, and live commands of others get their turn in between.
 *
 * A hold is given back whatever its on_expiry says: nobody can settle it any more. A reservation
 * that was booked in full and waits for a correction stays, and ends with the time for those.
 */
#include "core/admit.h"
#include "core/ops.h"
#include "core/scope.h"
#include "core/table.h"

uint32_t pawl_scope_tenant(const struct pawl_core *core, struct pawl_slice tenant)
{
    PAWL_ASSERT(tenant.bytes <= PAWL_NAME_BYTES_MAX);
    if (pawl_slice_empty(tenant)) {
        return 0;
    }
    struct pawl_scope_name place = pawl_scope_of_tenant(tenant);
    return pawl_scope_find(core, &place);
}

uint8_t pawl_core_tenant_state(const struct pawl_core *core, struct pawl_slice tenant)
{
    if (tenant.bytes > PAWL_NAME_BYTES_MAX) {
        return PAWL_TENANT_NONE;
    }
    uint32_t scope = pawl_scope_tenant(core, tenant);
    PAWL_ASSERT(scope == 0 || pawl_scope_at(core, scope)->level == PAWL_LEVEL_TENANT);
    return scope != 0 ? pawl_scope_at(core, scope)->tenant_state : PAWL_TENANT_NONE;
}

uint16_t pawl_tenant_plan_drain(const struct pawl_core *core,
                                const struct pawl_command_tenant_drain *drain,
                                struct pawl_plan *plan)
{
    plan->slot = pawl_scope_tenant(core, drain->tenant);
    PAWL_ASSERT(drain->max >= 1);
    PAWL_ASSERT(drain->max <= PAWL_EXPIRE_MAX);
    bool closed =
        plan->slot != 0 && pawl_scope_at(core, plan->slot)->tenant_state == PAWL_TENANT_CLOSED;
    return closed ? PAWL_RESULT_OK : PAWL_RESULT_STATE_CONFLICT;
}

void pawl_tenant_apply_drain(struct pawl_core *core,
                             const struct pawl_command_tenant_drain *drain,
                             const struct pawl_plan *plan,
                             struct pawl_result *result)
{
    uint32_t slot_count = core->state.tables[PAWL_TABLE_RESERVATION].slot_count;
    uint32_t at = drain->from > 0 ? drain->from : 1; /* Index 0 is nobody. */
    uint32_t count = 0;
    PAWL_ASSERT(plan->slot != 0);
    for (uint32_t looked = 0; looked < drain->max && at < slot_count; looked++, at++) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        if (slot->state == PAWL_RESERVATION_HELD && pawl_held_tenant(core, slot) == plan->slot) {
            core->expired[count] =
                (struct pawl_expired){.id = slot->id, .kind = PAWL_EXPIRED_DRAINED};
            count++;
            pawl_expire_give_back(core, at);
        }
    }
    PAWL_ASSERT(count <= drain->max);
    result->id = at;
    result->more_due = at < slot_count;
    result->expired_count = count;
    result->expired = core->expired;
}
