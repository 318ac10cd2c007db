/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c: see account.h. Held amounts do not count as used: most of what is held comes back.
 */
#include "run/account.h"

#include "base/attrs.h"
#include "base/clock.h"
#include "base/money.h"
#include "run/caps.h"

static void read_unit(const struct pawl_core *core,
                      const char *run_id,
                      int64_t now_us,
                      enum pawl_run_cap_index index,
                      struct pawl_account *account)
{
    struct pawl_scope_name scope = {.session = pawl_slice_str(run_id)};
    scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE(PAWL_RUN_TENANT);
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_budget_view view;
    uint64_t budget = 0;
    if (pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, pawl_cap_unit(index), &lifetime,
                              &budget) &&
        pawl_core_budget(core, budget, now_us, &view)) {
        account->units[index].limit = view.allocated;
        account->units[index].spent = view.spent;
        account->units[index].held = view.reserved;
    }
}

void pawl_account_read(const struct pawl_core *core,
                       const char *run_id,
                       int64_t now_us,
                       struct pawl_account *ret_account)
{
    *ret_account = (struct pawl_account){0};
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (i != PAWL_CAP_TIME) {
            read_unit(core, run_id, now_us, (enum pawl_run_cap_index)i, ret_account);
        }
    }
    struct pawl_session_view session;
    if (pawl_core_session(core, PAWL_SLICE(PAWL_RUN_TENANT), pawl_slice_str(run_id), &session)) {
        ret_account->units[PAWL_CAP_TIME].spent = (now_us - session.opened_us) / PAWL_US_PER_MS;
        if (session.deadline_us != INT64_MAX) {
            ret_account->units[PAWL_CAP_TIME].limit =
                (session.deadline_us - session.opened_us + PAWL_US_PER_MS - 1) / PAWL_US_PER_MS;
        }
    }
}

int64_t pawl_account_permille(const struct pawl_account *account, enum pawl_run_cap_index index)
{
    int64_t limit = account->units[index].limit;
    int64_t spent = account->units[index].spent;
    int64_t permille = 0;
    if (limit <= 0 || spent <= 0 || !pawl_money_mul_div_floor(spent, 1000, limit, &permille)) {
        return 0;
    }
    return permille;
}

enum pawl_run_cap_index pawl_account_nearest(const struct pawl_account *account)
{
    enum pawl_run_cap_index nearest = PAWL_CAP_USD;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        if (pawl_account_permille(account, index) > pawl_account_permille(account, nearest)) {
            nearest = index;
        }
    }
    return nearest;
}

int pawl_account_threshold(const struct pawl_account *account, int *told)
{
    static const int64_t percents[] = {90, 75, 50};
    int64_t permille = pawl_account_permille(account, pawl_account_nearest(account));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(percents); i++) {
        if (permille >= percents[i] * 10 && *told < percents[i]) {
            *told = (int)percents[i];
            return *told;
        }
    }
    return 0;
}
