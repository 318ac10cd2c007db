/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c: BudgetLedger: the ledger's numbers, and what the registry keeps beside them.
 */
#include "cycles/ledger.h"

#include <inttypes.h>
#include <stdio.h>

#include "cycles/admin_budget.h"
#include "cycles/cycles_priv.h"
#include "cycles/render.h"
#include "cycles/subject.h"
#include "engine/engine.h"

const char *pawl_ledger_id(uint64_t budget, char out[static PAWL_LEDGER_ID_BYTES])
{
    (void)snprintf(out, PAWL_LEDGER_ID_BYTES, "bud_%" PRIu64, budget);
    return out;
}

bool pawl_ledger_includes_metadata(struct pawl_slice include)
{
    while (include.bytes > 0) {
        if (pawl_slice_equal_str(pawl_slice_trim(pawl_slice_cut(&include, ',')), "metadata")) {
            return true;
        }
    }
    return false;
}

static void render_amount(struct pawl_json_writer *writer,
                          const char *name,
                          const struct pawl_budget_view *view,
                          int64_t value)
{
    pawl_render_amount(writer, name, (struct pawl_amount){view->unit, value});
}

void pawl_render_ledger(struct pawl_json_writer *writer,
                        struct pawl_call *call,
                        const struct pawl_budget_view *view,
                        struct pawl_slice path,
                        bool with_metadata)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_budget_extra extra;
    char id[PAWL_LEDGER_ID_BYTES];
    char unit[PAWL_UNIT_TEXT_BYTES];
    pawl_registry_budget(pawl_call_registry(call), view->id, call->arena, &extra);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "ledger_id", pawl_ledger_id(view->id, id));
    pawl_json_member_string(writer, "tenant_id", view->tenant);
    pawl_json_member_string(writer, "scope", path);
    pawl_json_member_string(writer, "scope_path", path);
    pawl_json_member_str(writer, "unit", pawl_unit_text(view->unit, unit));
    render_amount(writer, "allocated", view, view->allocated);
    render_amount(writer, "remaining", view, view->remaining);
    render_amount(writer, "reserved", view, view->reserved);
    render_amount(writer, "spent", view, view->spent);
    render_amount(writer, "debt", view, view->debt);
    render_amount(writer, "overdraft_limit", view, view->overdraft_limit);
    pawl_json_member_bool(writer, "is_over_limit", view->over_limit);
    if (view->overage >= PAWL_OVERAGE_REJECT &&
        view->overage <= PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT) {
        pawl_json_member_str(writer, "commit_overage_policy",
                             pawl_overage_words[view->overage - 1]);
    }
    pawl_json_member_str(writer, "status", pawl_budget_states[pawl_budget_state(core, view) - 1]);
    if (extra.rollover >= PAWL_ROLLOVER_NONE && extra.rollover <= PAWL_ROLLOVER_MAX) {
        pawl_json_member_str(writer, "rollover_policy", pawl_budget_rollovers[extra.rollover - 1]);
    }
    pawl_admin_write_time(writer, "period_start", extra.period_start_us);
    pawl_admin_write_time(writer, "period_end", extra.period_end_us);
    if (with_metadata) {
        pawl_render_raw(writer, "metadata", extra.metadata);
    }
    pawl_admin_write_time(writer, "created_at", view->created_us);
    pawl_admin_write_time(writer, "updated_at", view->updated_us);
    pawl_json_object_end(writer);
}
