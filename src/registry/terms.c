/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terms.c: what the policies, the budget and the tenant say about a hold. The tenant's policies are
 * walked from the strongest down, and each term is taken where it is said first; the walk ends when
 * every term is known. The result goes into the command, so the journal tells what applied.
 *
 * A rate limit counts holds, for all whom its policy binds together. Commits are never held up:
 * what was used is owed. So max_commits_per_minute bounds what may come to a commit, which is the
 * holds, and of the two limits the smaller one counts.
 */
#include "base/assert.h"
#include "core/core.h"
#include "registry/registry_priv.h"

static bool is_effective(const struct pawl_policy_rule *policy, int64_t now_us)
{
    return policy->enabled && policy->effective_from_us <= now_us &&
           (policy->effective_until_us == 0 || now_us < policy->effective_until_us);
}

static int64_t holds_per_minute(const struct pawl_policy_rule *policy)
{
    int64_t holds = policy->reservations_per_minute;
    int64_t commits = policy->commits_per_minute;
    return holds == 0 || (commits != 0 && commits < holds) ? commits : holds;
}

/* Terms that nobody has spoken about yet are as `open` says. */
struct known {
    struct pawl_terms terms;
    int64_t extensions_max; /* -1: open */
};

static void take_policy(struct known *known, const struct pawl_policy_rule *policy)
{
    struct pawl_terms *terms = &known->terms;
    int64_t per_minute = holds_per_minute(policy);
    if (terms->policy.bytes == 0) {
        terms->policy = policy->id;
    }
    if (terms->overage == 0) {
        terms->overage = policy->overage;
    }
    if (terms->ttl_default_ms == 0) {
        terms->ttl_default_ms = policy->ttl_default_ms;
    }
    if (terms->ttl_max_ms == 0) {
        terms->ttl_max_ms = policy->ttl_max_ms;
    }
    if (known->extensions_max < 0) {
        known->extensions_max = policy->extensions_max;
    }
    if (terms->caps.bytes == 0) {
        terms->caps = policy->caps;
    }
    if (terms->throttle == 0 && per_minute != 0) {
        terms->throttle = policy->document;
        terms->throttle_per_minute = per_minute > UINT32_MAX ? UINT32_MAX : (uint32_t)per_minute;
    }
}

static bool is_complete(const struct known *known)
{
    const struct pawl_terms *terms = &known->terms;
    return terms->overage != 0 && terms->ttl_default_ms != 0 && terms->ttl_max_ms != 0 &&
           known->extensions_max >= 0 && terms->caps.bytes != 0 && terms->throttle != 0;
}

/* The deepest of the places' budgets that has an overage policy of its own; 0: none has. */
static uint8_t budget_overage(const struct pawl_core *core,
                              const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                              uint16_t unit,
                              int64_t now_us)
{
    const struct pawl_window window = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_scope_name scope = {.session = PAWL_SLICE_NONE};
    uint8_t overage = 0;
    for (unsigned level = 0; level < PAWL_LEVEL_COUNT; level++) {
        struct pawl_budget_view view;
        uint64_t budget = 0;
        if (levels[level].bytes == 0) {
            continue;
        }
        scope.levels[level] = levels[level];
        if (pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, unit, &window, &budget) &&
            pawl_core_budget(core, budget, now_us, &view) && view.overage != 0) {
            overage = view.overage;
        }
    }
    return overage;
}

static void take_tenant(struct known *known, const struct pawl_tenant *tenant)
{
    struct pawl_terms *terms = &known->terms;
    if (terms->overage == 0) {
        terms->overage = tenant->overage;
    }
    if (terms->ttl_default_ms == 0) {
        terms->ttl_default_ms = tenant->ttl_default_ms;
    }
    if (terms->ttl_max_ms == 0) {
        terms->ttl_max_ms = tenant->ttl_max_ms;
    }
    if (known->extensions_max < 0) {
        known->extensions_max = tenant->extensions_max;
    }
}

static void take_defaults(struct known *known)
{
    struct pawl_terms *terms = &known->terms;
    if (terms->overage == 0) {
        terms->overage = PAWL_OVERAGE_ALLOW_IF_AVAILABLE;
    }
    if (terms->ttl_max_ms == 0) {
        terms->ttl_max_ms = PAWL_TTL_MAX_DEFAULT_MS;
    }
    if (terms->ttl_default_ms == 0) {
        terms->ttl_default_ms = PAWL_TTL_DEFAULT_MS;
    }
    if (terms->ttl_default_ms > terms->ttl_max_ms) {
        terms->ttl_default_ms = terms->ttl_max_ms;
    }
    if (known->extensions_max < 0) {
        known->extensions_max = PAWL_EXTENSIONS_DEFAULT;
    }
    terms->extensions_max =
        (uint16_t)(known->extensions_max > PAWL_EXTENSIONS_MAX ? PAWL_EXTENSIONS_MAX
                                                               : known->extensions_max);
}

void pawl_registry_terms(const struct pawl_registry *registry,
                         const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                         uint16_t unit,
                         int64_t now_us,
                         struct pawl_terms *ret_terms)
{
    struct known known = {.extensions_max = -1};
    const struct registry_tenant *tenant =
        pawl_registry_find_tenant(registry, levels[PAWL_LEVEL_TENANT]);
    if (tenant != NULL && tenant->policies != NULL) {
        struct pawl_named_levels named;
        pawl_named_levels_of(levels, &named);
        const struct registry_policy *policy = tenant->policies;
        for (; policy != NULL && !is_complete(&known); policy = policy->next) {
            if (is_effective(&policy->view, now_us) &&
                pawl_pattern_binds(&policy->pattern, &named)) {
                take_policy(&known, &policy->view);
            }
        }
    }
    if (known.terms.overage == 0 && unit != PAWL_UNIT_NONE) {
        known.terms.overage =
            budget_overage(pawl_engine_core(registry->engine), levels, unit, now_us);
    }
    if (tenant != NULL) {
        take_tenant(&known, &tenant->view);
    }
    take_defaults(&known);
    *ret_terms = known.terms;
}
