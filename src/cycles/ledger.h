/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h: a budget as the governance plane shows it: BudgetLedger, in GET /v1/balances' second
 * form and in everything under /v1/admin/budgets.
 */
#ifndef PAWL_CYCLES_LEDGER_H
#define PAWL_CYCLES_LEDGER_H

#include "base/json.h"
#include "core/core.h"
#include "cycles/call.h"

/* "bud_" and the budget's number. */
enum { PAWL_LEDGER_ID_BYTES = 32 };
const char *pawl_ledger_id(uint64_t budget, char out[static PAWL_LEDGER_ID_BYTES]);
/* The object. `path` is the scope's. The protocol's object has no metadata; who wants it asks. */
void pawl_render_ledger(struct pawl_json_writer *writer,
                        struct pawl_call *call,
                        const struct pawl_budget_view *view,
                        struct pawl_slice path,
                        bool with_metadata);
/* Whether an `include` of a query ("a,b") names metadata. */
bool pawl_ledger_includes_metadata(struct pawl_slice include);

#endif
