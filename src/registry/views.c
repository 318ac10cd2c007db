/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views.c: look-ups of tenants, policies and what is said of budgets; and changes. A change writes
 * the whole document, submits it, and reads it back from the ledger: where the ledger refused it,
 * what is read is what stood there before.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "core/core.h"
#include "registry/registry_priv.h"

bool pawl_registry_tenant(const struct pawl_registry *registry,
                          struct pawl_slice id,
                          struct pawl_tenant *ret_tenant)
{
    const struct registry_tenant *tenant = pawl_registry_find_tenant(registry, id);
    if (tenant == NULL || !tenant->known) {
        return false;
    }
    *ret_tenant = tenant->view;
    return true;
}

bool pawl_registry_tenant_next(const struct pawl_registry *registry,
                               uint32_t *cursor,
                               struct pawl_tenant *ret_tenant)
{
    while (*cursor < registry->tenants.count) {
        const struct registry_tenant *tenant = registry->tenants.records[(*cursor)++];
        if (tenant->known) {
            *ret_tenant = tenant->view;
            return true;
        }
    }
    return false;
}

bool pawl_registry_policy(const struct pawl_registry *registry,
                          struct pawl_slice id,
                          struct pawl_policy_rule *ret_policy)
{
    const struct registry_policy *policy = pawl_registry_find_policy(registry, id);
    if (policy == NULL) {
        return false;
    }
    *ret_policy = policy->view;
    return true;
}

bool pawl_registry_policy_named(const struct pawl_registry *registry,
                                struct pawl_slice tenant,
                                struct pawl_slice name,
                                struct pawl_policy_rule *ret_policy)
{
    const struct registry_tenant *owner = pawl_registry_find_tenant(registry, tenant);
    const struct registry_policy *policy = owner != NULL ? owner->policies : NULL;
    for (; policy != NULL; policy = policy->next) {
        if (pawl_slice_equal(policy->view.name, name)) {
            *ret_policy = policy->view;
            return true;
        }
    }
    return false;
}

uint32_t pawl_registry_policy_count(const struct pawl_registry *registry, struct pawl_slice tenant)
{
    const struct registry_tenant *owner = pawl_registry_find_tenant(registry, tenant);
    return owner != NULL ? owner->policy_count : 0;
}

bool pawl_registry_policy_next(const struct pawl_registry *registry,
                               uint32_t *cursor,
                               struct pawl_policy_rule *ret_policy)
{
    if (*cursor >= registry->policies.count) {
        return false;
    }
    *ret_policy = ((const struct registry_policy *)registry->policies.records[(*cursor)++])->view;
    return true;
}

/* A budget's number as the name of its document. */
static struct pawl_slice budget_name(uint64_t budget, char out[static 24])
{
    int bytes = snprintf(out, 24, "%" PRIu64, budget);
    PAWL_ASSERT(bytes > 0 && bytes < 24);
    return pawl_slice_of(out, (size_t)bytes);
}

void pawl_registry_budget(const struct pawl_registry *registry,
                          uint64_t budget,
                          struct pawl_arena *arena,
                          struct pawl_budget_extra *ret_extra)
{
    const struct pawl_core *core = pawl_engine_core(registry->engine);
    struct pawl_document_view view;
    struct pawl_arena scratch;
    uint64_t document = 0;
    char name[24];
    *ret_extra = (struct pawl_budget_extra){.version = 0};
    if (!pawl_core_document_find(core, PAWL_DOCUMENT_BUDGET, budget_name(budget, name),
                                 &document) ||
        !pawl_core_document(core, document, &view)) {
        return;
    }
    char *body = pawl_arena_alloc(arena, view.body_bytes);
    char *room = pawl_arena_alloc(arena, view.body_bytes);
    if (body == NULL || room == NULL) {
        return; /* the arena's flag is up */
    }
    size_t bytes = pawl_core_document_body(core, document, body, view.body_bytes);
    PAWL_ASSERT(bytes == view.body_bytes);
    pawl_arena_init(&scratch, 8 << 20);
    struct pawl_budget_extra extra = {.version = view.version};
    if (pawl_registry_budget_read(pawl_slice_of(body, bytes), room, &scratch, &extra)) {
        *ret_extra = extra;
    }
    arena->overflowed = arena->overflowed || scratch.overflowed;
    pawl_arena_free(&scratch);
}

/* --- Changes ---------------------------------------------------------------------------------- */

struct put {
    uint8_t kind;
    uint8_t state;
    struct pawl_slice tenant;
    struct pawl_slice id;
    uint64_t version;
};

/* What did not fit into registry->body, for the ledger to refuse. */
static const char too_long[PAWL_DOCUMENT_BYTES_MAX + 1];

/* What registry->body has, as a document. The names may be a view's: they are copied first. */
static void submit(struct pawl_registry *registry, const struct put *put, struct pawl_op *op)
{
    char id_room[PAWL_NAME_BYTES_MAX + 1];
    bool whole = pawl_slice_copy_str(put->id, id_room, sizeof(id_room));
    PAWL_ASSERT(whole);
    struct pawl_slice body = registry->body.overflowed ? pawl_slice_of(too_long, sizeof(too_long))
                                                       : pawl_buf_slice(&registry->body);
    struct pawl_slice id = pawl_slice_str(id_room);
    struct pawl_command command = {
        .type = PAWL_COMMAND_DOCUMENT_PUT,
        .metadata = registry->note,
        .u.document_put = {.kind = put->kind,
                           .tenant = put->tenant,
                           .id = id,
                           .version = put->version,
                           .state = put->state,
                           .body = body},
    };
    pawl_engine_submit(registry->engine, &command, op);
    registry->note = PAWL_SLICE_NONE;
    pawl_registry_refresh(registry, put->kind, id);
}

void pawl_registry_note(struct pawl_registry *registry, struct pawl_slice note)
{
    registry->note = note;
}

void pawl_registry_put_tenant(struct pawl_registry *registry,
                              const struct pawl_tenant *tenant,
                              struct pawl_op *op)
{
    pawl_buf_reset(&registry->body);
    pawl_registry_tenant_write(&registry->body, tenant);
    submit(registry,
           &(struct put){.kind = PAWL_DOCUMENT_TENANT,
                         .state = tenant->state,
                         .tenant = tenant->id,
                         .id = tenant->id,
                         .version = tenant->version},
           op);
}

void pawl_registry_put_key(struct pawl_registry *registry,
                           const struct pawl_key *key,
                           struct pawl_slice secret,
                           struct pawl_op *op)
{
    const struct registry_key *before = pawl_registry_find_key(registry, key->id);
    PAWL_ASSERT((before == NULL) == (secret.bytes > 0)); /* a key's secret never changes */
    struct registry_secret hash = before != NULL ? before->secret : pawl_registry_secret_of(secret);
    pawl_buf_reset(&registry->body);
    pawl_registry_key_write(&registry->body, key, &hash);
    submit(registry,
           &(struct put){.kind = PAWL_DOCUMENT_KEY,
                         .state = key->state,
                         .tenant = key->tenant,
                         .id = key->id,
                         .version = key->version},
           op);
}

void pawl_registry_put_policy(struct pawl_registry *registry,
                              const struct pawl_policy_rule *policy,
                              struct pawl_op *op)
{
    pawl_buf_reset(&registry->body);
    pawl_registry_policy_write(&registry->body, policy);
    submit(registry,
           &(struct put){.kind = PAWL_DOCUMENT_POLICY,
                         .state = policy->enabled ? PAWL_POLICY_ACTIVE : PAWL_POLICY_DISABLED,
                         .tenant = policy->tenant,
                         .id = policy->id,
                         .version = policy->version},
           op);
}

/* Names that a budget may bring: its levels', and its document's. */
enum { NAMES_OF_A_BUDGET = PAWL_LEVEL_COUNT + 1 };

bool pawl_registry_budget_has_room(const struct pawl_registry *registry)
{
    const struct pawl_core *core = pawl_engine_core(registry->engine);
    const struct pawl_config *config = pawl_core_config(core);
    struct pawl_core_stats stats;
    pawl_core_stats(core, &stats);
    return stats.documents < config->documents_max &&
           stats.strings + NAMES_OF_A_BUDGET <= config->strings_max;
}

void pawl_registry_put_budget(struct pawl_registry *registry,
                              struct pawl_slice tenant,
                              uint64_t budget,
                              const struct pawl_budget_extra *extra,
                              struct pawl_op *op)
{
    char name[24];
    pawl_buf_reset(&registry->body);
    pawl_registry_budget_write(&registry->body, extra);
    submit(registry,
           &(struct put){.kind = PAWL_DOCUMENT_BUDGET,
                         .state = 1,
                         .tenant = tenant,
                         .id = budget_name(budget, name),
                         .version = extra->version},
           op);
}

void pawl_registry_admin_set(struct pawl_registry *registry,
                             struct pawl_slice secret,
                             struct pawl_op *op)
{
    struct registry_secret hash = pawl_registry_secret_of(secret);
    pawl_buf_reset(&registry->body);
    pawl_registry_admin_write(&registry->body, &hash);
    submit(registry,
           &(struct put){.kind = PAWL_DOCUMENT_SERVER,
                         .state = 1,
                         .id = PAWL_SLICE(REGISTRY_ADMIN_ID),
                         .version = registry->admin_version},
           op);
}
