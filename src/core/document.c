/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c: texts that the ledger keeps for its host: who a tenant is, a key's hash and rights, a
 * policy's rules. They go through the same door as money does, so they are in the journal, in
 * checkpoints and in a replay, and there is no second store that could disagree with this one.
 *
 * A body lies in a chain of slots. What replaces it goes into the same slots; those that a shorter
 * body leaves over are freed, and so zeroed. Of what a document says the ledger reads one thing,
 * the state of a tenant, which it keeps beside the tenant's scope, where admission looks (admit.h).
 *
 * A put says which version it replaces, so of two who change a document at once the second is
 * refused and looks again.
 *
 * Invariants (audited):
 *   D1  no two documents have the same kind and name; a document keeps its kind, name and tenant
 *   D2  a body of n bytes has as many slots as n bytes need, and they are zero behind the body
 *   D3  the state beside a tenant's scope is the one of its document, NONE where there is none
 */
#include "core/document.h"

#include "core/admit.h"
#include "core/index.h"
#include "core/ops.h"
#include "core/scope.h"
#include "core/table.h"

uint32_t pawl_document_hash(const struct pawl_core *core, uint8_t kind, struct pawl_slice name)
{
    PAWL_ASSERT(kind > 0);
    PAWL_ASSERT(kind < PAWL_DOCUMENT_KIND_END);
    return (uint32_t)pawl_string_hash(core, kind, name);
}

uint32_t pawl_document_find(const struct pawl_core *core, uint8_t kind, struct pawl_slice name)
{
    uint32_t hash = pawl_document_hash(core, kind, name);
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_DOCUMENT, hash);
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        const struct pawl_document_slot *slot = pawl_document_at(core, at);
        PAWL_ASSERT(slot->kind != 0);
        if (slot->kind == kind && pawl_slice_equal(pawl_string_text(core, slot->name), name)) {
            return at;
        }
    }
    return 0;
}

uint32_t pawl_document_of_id(const struct pawl_core *core, uint64_t id)
{
    if (id == 0 || id >= core->state.tables[PAWL_TABLE_DOCUMENT].slot_count) {
        return 0;
    }
    PAWL_ASSERT(pawl_document_at(core, (uint32_t)id)->kind != 0);
    return (uint32_t)id;
}

/* --- DOCUMENT_PUT. ---------------------------------------------------------------------------- */

/* Room for one that is not there yet. */
static uint16_t check_room(const struct pawl_core *core,
                           const struct pawl_command_document_put *put)
{
    uint32_t count = core->state.tables[PAWL_TABLE_DOCUMENT].live_count;
    PAWL_ASSERT(count <= core->state.limits.documents_max);
    if (count == core->state.limits.documents_max) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    struct pawl_additions additions = {.string_count = 0};
    if (put->kind == PAWL_DOCUMENT_TENANT) {
        struct pawl_scope_name place = pawl_scope_of_tenant(put->tenant);
        (void)pawl_additions_scope(core, &additions, &place);
    }
    pawl_additions_string(core, &additions, put->id);
    pawl_additions_string(core, &additions, put->tenant);
    PAWL_ASSERT(additions.string_count <= 2);
    return pawl_additions_fit(core, &additions);
}

uint16_t pawl_document_plan_put(const struct pawl_core *core,
                                const struct pawl_command_document_put *put,
                                struct pawl_plan *plan)
{
    plan->slot = pawl_document_find(core, put->kind, put->id);
    if (plan->slot == 0 && put->version != 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    uint16_t code =
        pawl_admit_tenant(core, pawl_scope_tenant(core, put->tenant), PAWL_GATE_TENANT_CLOSED);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    if (plan->slot == 0) {
        return check_room(core, put);
    }
    if (put->version == 0) {
        return PAWL_RESULT_ALREADY_EXISTS;
    }
    const struct pawl_document_slot *slot = pawl_document_at(core, plan->slot);
    PAWL_ASSERT(slot->version < core->state.op);
    bool same = slot->version == put->version &&
                pawl_slice_equal(pawl_string_text(core, slot->tenant), put->tenant);
    return same ? PAWL_RESULT_OK : PAWL_RESULT_STATE_CONFLICT;
}

static void body_free(struct pawl_core *core, uint32_t at)
{
    while (at != 0) {
        uint32_t next = pawl_body_at(core, at)->next;
        PAWL_ASSERT(pawl_body_at(core, at)->live == 1);
        PAWL_ASSERT(next != at);
        pawl_table_free(core, PAWL_TABLE_BODY, at);
        at = next;
    }
}

/* Writes the body over the one that is there. */
static void body_store(struct pawl_core *core, uint32_t document, struct pawl_slice body)
{
    uint32_t at = pawl_document_at(core, document)->body;
    uint32_t last = 0;
    PAWL_ASSERT(body.bytes <= PAWL_DOCUMENT_BYTES_MAX);
    for (size_t done = 0; done < body.bytes; done += PAWL_BODY_BYTES) {
        if (at == 0) {
            at = pawl_table_take(core, PAWL_TABLE_BODY);
            if (last == 0) {
                pawl_document_edit(core, document)->body = at;
            } else {
                pawl_body_edit(core, last)->next = at;
            }
        }
        struct pawl_body_slot *slot = pawl_body_edit(core, at);
        struct pawl_slice part = pawl_slice_sub(body, done, PAWL_BODY_BYTES);
        slot->live = 1;
        memcpy(slot->text, part.data, part.bytes);
        memset(slot->text + part.bytes, 0, sizeof(slot->text) - part.bytes);
        last = at;
        at = slot->next;
    }
    if (last == 0) {
        pawl_document_edit(core, document)->body = 0;
    } else if (at != 0) {
        pawl_body_edit(core, last)->next = 0;
    }
    body_free(core, at);
    pawl_document_edit(core, document)->body_bytes = (uint32_t)body.bytes;
}

static uint32_t document_add(struct pawl_core *core, const struct pawl_command_document_put *put)
{
    uint32_t tenant = pawl_string_intern(core, put->tenant);
    uint32_t name = pawl_string_intern(core, put->id);
    uint32_t document = pawl_table_take(core, PAWL_TABLE_DOCUMENT);
    struct pawl_document_slot *slot = pawl_document_edit(core, document);
    PAWL_ASSERT(slot->kind == 0);
    PAWL_ASSERT(name != 0);
    slot->kind = put->kind;
    slot->name = name;
    slot->tenant = tenant;
    slot->created_us = core->state.now_us;
    pawl_index_insert(core, PAWL_INDEX_DOCUMENT, pawl_document_hash(core, put->kind, put->id),
                      document);
    return document;
}

void pawl_document_apply_put(struct pawl_core *core,
                             const struct pawl_command_document_put *put,
                             const struct pawl_plan *plan,
                             struct pawl_result *result)
{
    uint32_t document = plan->slot != 0 ? plan->slot : document_add(core, put);
    body_store(core, document, put->body);
    struct pawl_document_slot *slot = pawl_document_edit(core, document);
    PAWL_ASSERT(slot->kind == put->kind);
    slot->state = put->state;
    slot->version = core->state.op;
    slot->updated_us = core->state.now_us;
    if (put->kind == PAWL_DOCUMENT_TENANT) {
        struct pawl_scope_name place = pawl_scope_of_tenant(put->tenant);
        uint32_t scope = pawl_scope_intern(core, &place);
        PAWL_ASSERT(pawl_scope_at(core, scope)->tenant_state != PAWL_TENANT_CLOSED);
        pawl_scope_edit(core, scope)->tenant_state = put->state;
    }
    result->id = pawl_id_make(0, document);
}

/* --- Throttles. ------------------------------------------------------------------------------- */

static uint32_t minute_of(int64_t now_us)
{
    PAWL_ASSERT(now_us >= 0);
    return (uint32_t)(now_us / PAWL_THROTTLE_US);
}

uint32_t pawl_document_taken(const struct pawl_core *core, uint32_t document, int64_t now_us)
{
    const struct pawl_document_slot *slot = pawl_document_at(core, document);
    PAWL_ASSERT(slot->minute <= minute_of(now_us));
    return slot->minute == minute_of(now_us) ? slot->taken : 0;
}

void pawl_document_take(struct pawl_core *core, uint32_t document)
{
    int64_t now_us = core->state.now_us;
    uint32_t taken = pawl_document_taken(core, document, now_us);
    struct pawl_document_slot *slot = pawl_document_edit(core, document);
    PAWL_ASSERT(taken < UINT32_MAX);
    slot->minute = minute_of(now_us);
    slot->taken = taken + 1;
}

/* --- Reads. ----------------------------------------------------------------------------------- */

bool pawl_core_document_find(const struct pawl_core *core,
                             uint8_t kind,
                             struct pawl_slice name,
                             uint64_t *ret_document)
{
    if (kind == 0 || kind >= PAWL_DOCUMENT_KIND_END || pawl_slice_empty(name) ||
        name.bytes > PAWL_NAME_BYTES_MAX) {
        return false;
    }
    uint32_t document = pawl_document_find(core, kind, name);
    if (document == 0) {
        return false;
    }
    PAWL_ASSERT(pawl_document_at(core, document)->kind == kind);
    *ret_document = pawl_id_make(0, document);
    return true;
}

bool pawl_core_document(const struct pawl_core *core,
                        uint64_t document,
                        struct pawl_document_view *ret_view)
{
    uint32_t at = pawl_document_of_id(core, document);
    if (at == 0) {
        return false;
    }
    const struct pawl_document_slot *slot = pawl_document_at(core, at);
    PAWL_ASSERT(slot->name != 0);
    PAWL_ASSERT(slot->created_us <= slot->updated_us);
    *ret_view = (struct pawl_document_view){
        .id = document,
        .kind = slot->kind,
        .state = slot->state,
        .tenant = pawl_string_text(core, slot->tenant),
        .name = pawl_string_text(core, slot->name),
        .version = slot->version,
        .created_us = slot->created_us,
        .updated_us = slot->updated_us,
        .body_bytes = slot->body_bytes,
    };
    return true;
}

bool pawl_core_document_next(const struct pawl_core *core, uint32_t *cursor, uint64_t *ret_document)
{
    uint32_t at = *cursor + 1; /* Index 0 is nobody. */
    PAWL_ASSERT(at != 0);
    if (at >= core->state.tables[PAWL_TABLE_DOCUMENT].slot_count) {
        return false;
    }
    PAWL_ASSERT(pawl_document_at(core, at)->kind != 0);
    *cursor = at;
    *ret_document = pawl_id_make(0, at);
    return true;
}

size_t
pawl_core_document_body(const struct pawl_core *core, uint64_t document, char *out, size_t bytes)
{
    uint32_t at = pawl_document_of_id(core, document);
    if (at == 0) {
        return 0;
    }
    size_t length = pawl_document_at(core, at)->body_bytes;
    size_t wanted = bytes < length ? bytes : length;
    uint32_t part = pawl_document_at(core, at)->body;
    PAWL_ASSERT(out != NULL || bytes == 0);
    for (size_t done = 0; done < wanted; done += PAWL_BODY_BYTES) {
        const struct pawl_body_slot *slot = pawl_body_at(core, part);
        size_t left = wanted - done;
        PAWL_ASSERT(slot->live == 1);
        memcpy(out + done, slot->text, left < PAWL_BODY_BYTES ? left : PAWL_BODY_BYTES);
        part = slot->next;
    }
    return length;
}
