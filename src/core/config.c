/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c: CONFIG: the maxima of the ledger, how long keys are remembered, and the keys of its
 * hashes. It is the first command of every journal, and may come again: then it changes maxima and
 * times, never what ids and hashes are made with. It is a command like any other, so a replay takes
 * the change at the same operation and gives the same answers before and after it.
 *
 * What is there keeps what it was promised. A maximum does not go below what is in use, and a key's
 * time not below that of a key that is remembered already: records of keys lie in the order in
 * which they end (idem.c), and a shorter time would have a later one end first.
 */
#include "core/ops.h"
#include "core/table.h"

const struct pawl_config *pawl_core_config(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.limits.configured == 1);
    PAWL_ASSERT(core->config.budgets_max == core->state.limits.budgets_max);
    return &core->config;
}

void pawl_core_config_from_limits(struct pawl_core *core)
{
    const struct pawl_limits *limits = &core->state.limits;
    PAWL_ASSERT(limits->shard <= UINT16_MAX);
    PAWL_ASSERT(limits->configured == 1);
    core->config = (struct pawl_config){
        .rules_version = limits->rules_version,
        .strings_max = limits->strings_max,
        .scopes_max = limits->scopes_max,
        .budgets_max = limits->budgets_max,
        .reservations_max = limits->reservations_max,
        .idempotency_max = limits->idempotency_max,
        .sessions_max = limits->sessions_max,
        .approvals_max = limits->approvals_max,
        .documents_max = limits->documents_max,
        .idempotency_ttl_us = limits->idempotency_ttl_us,
        .idempotency_settle_ttl_us = limits->idempotency_settle_ttl_us,
        .correction_ttl_us = limits->correction_ttl_us,
        .hash_key = {limits->hash_key[0], limits->hash_key[1]},
        .id_key = {limits->id_key[0], limits->id_key[1]},
        .shard = (uint16_t)limits->shard,
    };
}

/* --- Whether it may be. ----------------------------------------------------------------------- */

/* What a ledger is made with, once. */
static bool is_same_ledger(const struct pawl_limits *limits, const struct pawl_config *config)
{
    return limits->rules_version == config->rules_version && limits->shard == config->shard &&
           limits->hash_key[0] == config->hash_key.k0 &&
           limits->hash_key[1] == config->hash_key.k1 && limits->id_key[0] == config->id_key.k0 &&
           limits->id_key[1] == config->id_key.k1 &&
           limits->correction_ttl_us == config->correction_ttl_us &&
           limits->approvals_max <= config->approvals_max;
}

static bool fits_what_is_there(const struct pawl_core *core, const struct pawl_config *config)
{
    const struct pawl_table *tables = core->state.tables;
    return core->state.string_count <= config->strings_max &&
           tables[PAWL_TABLE_SCOPE].live_count <= config->scopes_max &&
           tables[PAWL_TABLE_BUDGET].live_count <= config->budgets_max &&
           tables[PAWL_TABLE_RESERVATION].live_count <= config->reservations_max &&
           tables[PAWL_TABLE_IDEM].live_count <= config->idempotency_max &&
           tables[PAWL_TABLE_SESSION].live_count <= config->sessions_max &&
           tables[PAWL_TABLE_DOCUMENT].live_count <= config->documents_max;
}

/* A key that is remembered from now on ends no earlier than the last one before. */
static bool keeps_order(const struct pawl_core *core, uint32_t retention, int64_t ttl_us)
{
    uint32_t tail = core->state.idem_queues[retention].tail;
    PAWL_ASSERT(retention < PAWL_RETENTION_COUNT);
    return tail == 0 || pawl_idem_at(core, tail)->expires_us <= core->state.now_us + ttl_us;
}

uint16_t pawl_config_plan(const struct pawl_core *core, const struct pawl_config *config)
{
    PAWL_ASSERT(core->state.limits.configured <= 1);
    if (core->state.limits.configured == 0) {
        return PAWL_RESULT_OK;
    }
    bool may = is_same_ledger(&core->state.limits, config) && fits_what_is_there(core, config) &&
               keeps_order(core, PAWL_RETENTION_SETTLE, config->idempotency_settle_ttl_us) &&
               keeps_order(core, PAWL_RETENTION_PLAIN, config->idempotency_ttl_us);
    return may ? PAWL_RESULT_OK : PAWL_RESULT_STATE_CONFLICT;
}

/* --- Done. ------------------------------------------------------------------------------------ */

void pawl_config_apply(struct pawl_core *core, const struct pawl_config *config)
{
    PAWL_ASSERT(pawl_config_plan(core, config) == PAWL_RESULT_OK);
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_BUDGET].live_count <= config->budgets_max);
    core->state.limits = (struct pawl_limits){
        .rules_version = config->rules_version,
        .strings_max = config->strings_max,
        .scopes_max = config->scopes_max,
        .budgets_max = config->budgets_max,
        .reservations_max = config->reservations_max,
        .idempotency_max = config->idempotency_max,
        .sessions_max = config->sessions_max,
        .approvals_max = config->approvals_max,
        .documents_max = config->documents_max,
        .idempotency_ttl_us = config->idempotency_ttl_us,
        .idempotency_settle_ttl_us = config->idempotency_settle_ttl_us,
        .correction_ttl_us = config->correction_ttl_us,
        .hash_key = {config->hash_key.k0, config->hash_key.k1},
        .id_key = {config->id_key.k0, config->id_key.k1},
        .shard = config->shard,
        .configured = 1,
    };
    pawl_core_config_from_limits(core);
}
