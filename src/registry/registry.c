/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.c: life, and one document at a time from the ledger into its record. Opening reads them
 * all; every put reads its own again, from the ledger and not from what was sent, so that what a
 * request sees is what a restart would see.
 *
 * A record is replaced only when its document could be read whole: R1, a view is never half of
 * one document and half of another.
 *
 * No memory here ends the process, as in the lender: there is no way to answer requests without
 * knowing who asks, and everything acknowledged is on disk.
 */
#include "registry/registry_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/prng.h"

uint64_t pawl_registry_hash(const struct pawl_registry *registry, struct pawl_slice text)
{
    return pawl_hash_sip(registry->hash_key, text);
}

/* --- Lists ------------------------------------------------------------------------------------ */

static void *make_room(size_t bytes)
{
    void *room = pawl_alloc_zeroed(1, bytes > 0 ? bytes : 1);
    PAWL_ASSERT(room != NULL);
    return room;
}

static uint32_t list_add(struct registry_list *list, void *record, uint64_t hash)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        void **records = pawl_realloc(list->records, capacity * sizeof(*records));
        PAWL_ASSERT(records != NULL && capacity > list->capacity);
        list->records = records;
        list->capacity = capacity;
    }
    list->records[list->count] = record;
    pawl_registry_index_put(&list->by_id, hash, list->count);
    return list->count++;
}

static void list_free(struct registry_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        pawl_free(list->records[i]);
    }
    pawl_free(list->records);
    pawl_registry_index_free(&list->by_id);
}

struct registry_tenant *pawl_registry_find_tenant(const struct pawl_registry *registry,
                                                  struct pawl_slice id)
{
    struct registry_probe probe = {0};
    uint64_t hash = pawl_registry_hash(registry, id);
    uint32_t place;
    while ((place = pawl_registry_index_next(&registry->tenants.by_id, hash, &probe)) !=
           UINT32_MAX) {
        struct registry_tenant *tenant = registry->tenants.records[place];
        if (pawl_slice_equal(tenant->view.id, id)) {
            return tenant;
        }
    }
    return NULL;
}

struct registry_key *pawl_registry_find_key(const struct pawl_registry *registry,
                                            struct pawl_slice id)
{
    struct registry_probe probe = {0};
    uint64_t hash = pawl_registry_hash(registry, id);
    uint32_t place;
    while ((place = pawl_registry_index_next(&registry->keys.by_id, hash, &probe)) != UINT32_MAX) {
        struct registry_key *key = registry->keys.records[place];
        if (pawl_slice_equal(key->view.id, id)) {
            return key;
        }
    }
    return NULL;
}

struct registry_policy *pawl_registry_find_policy(const struct pawl_registry *registry,
                                                  struct pawl_slice id)
{
    struct registry_probe probe = {0};
    uint64_t hash = pawl_registry_hash(registry, id);
    uint32_t place;
    while ((place = pawl_registry_index_next(&registry->policies.by_id, hash, &probe)) !=
           UINT32_MAX) {
        struct registry_policy *policy = registry->policies.records[place];
        if (pawl_slice_equal(policy->view.id, id)) {
            return policy;
        }
    }
    return NULL;
}

static struct registry_tenant *tenant_of(struct pawl_registry *registry, struct pawl_slice id)
{
    struct registry_tenant *tenant = pawl_registry_find_tenant(registry, id);
    if (tenant == NULL) {
        tenant = make_room(sizeof(*tenant));
        bool whole = pawl_slice_copy_str(id, tenant->id, sizeof(tenant->id));
        PAWL_ASSERT(whole);
        tenant->view.id = pawl_slice_str(tenant->id);
        (void)list_add(&registry->tenants, tenant, pawl_registry_hash(registry, id));
    }
    return tenant;
}

/* --- From the ledger -------------------------------------------------------------------------- */

struct pawl_slice pawl_registry_body(struct pawl_registry *registry, uint64_t document)
{
    const struct pawl_core *core = pawl_engine_core(registry->engine);
    pawl_buf_reset(&registry->body);
    char *room = pawl_buf_reserve(&registry->body, PAWL_DOCUMENT_BYTES_MAX);
    PAWL_ASSERT(room != NULL);
    size_t bytes = pawl_core_document_body(core, document, room, PAWL_DOCUMENT_BYTES_MAX);
    PAWL_ASSERT(bytes <= PAWL_DOCUMENT_BYTES_MAX);
    pawl_buf_advance(&registry->body, bytes);
    return pawl_buf_slice(&registry->body);
}

/* A text of the ledger's, which is good until its next command, at the end of a record's block. */
static struct pawl_slice keep_behind(char *at, struct pawl_slice text)
{
    PAWL_ASSERT(text.bytes > 0);
    memcpy(at, text.data, text.bytes);
    return pawl_slice_of(at, text.bytes);
}

static bool load_tenant(struct pawl_registry *registry, const struct pawl_document_view *document)
{
    struct pawl_slice body = pawl_registry_body(registry, document->id);
    struct pawl_tenant view = {.extensions_max = -1};
    char *text = make_room(body.bytes);
    if (!pawl_registry_tenant_read(body, text, &registry->arena, &view)) {
        pawl_free(text);
        return false;
    }
    struct registry_tenant *tenant = tenant_of(registry, document->name);
    view.id = tenant->view.id;
    view.state = document->state;
    view.created_us = document->created_us;
    view.updated_us = document->updated_us;
    view.version = document->version;
    pawl_free(tenant->text);
    tenant->text = text;
    tenant->view = view;
    tenant->known = true;
    return true;
}

static bool load_key(struct pawl_registry *registry, const struct pawl_document_view *document)
{
    struct pawl_slice body = pawl_registry_body(registry, document->id);
    struct pawl_key view = {.state = document->state};
    struct registry_secret secret = {{0}};
    struct pawl_scope_filter *filter = NULL;
    char *text = make_room(body.bytes + document->name.bytes + document->tenant.bytes);
    bool read = pawl_registry_key_read(body, text, &registry->arena, &view, &secret);
    if (read && view.scope_filter.bytes > 0) {
        read = pawl_filter_read(view.scope_filter, &filter);
    }
    if (!read) {
        pawl_free(text);
        return false;
    }
    view.id = keep_behind(text + body.bytes, document->name);
    view.tenant = keep_behind(text + body.bytes + document->name.bytes, document->tenant);
    view.created_us = document->created_us;
    view.updated_us = document->updated_us;
    view.version = document->version;
    struct registry_key *key = pawl_registry_find_key(registry, document->name);
    if (key == NULL) {
        key = make_room(sizeof(*key));
        key->view.id = view.id;
        key->secret = secret;
        uint32_t place = list_add(&registry->keys, key, pawl_registry_hash(registry, view.id));
        pawl_registry_index_secret(registry, key, place);
    }
    pawl_free(key->text);
    pawl_free(key->filter);
    key->text = text;
    key->filter = filter;
    key->view = view;
    key->tenant = tenant_of(registry, view.tenant);
    return true;
}

/* Whether a goes before b: the higher priority, the longer pattern, the older one. */
static bool is_stronger(const struct registry_policy *a, const struct registry_policy *b)
{
    if (a->view.priority != b->view.priority) {
        return a->view.priority > b->view.priority;
    }
    if (a->view.pattern.bytes != b->view.pattern.bytes) {
        return a->view.pattern.bytes > b->view.pattern.bytes;
    }
    return a->age < b->age;
}

static void rank_out(struct registry_tenant *tenant, const struct registry_policy *policy)
{
    struct registry_policy **at = &tenant->policies;
    while (*at != policy) {
        PAWL_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = policy->next;
    tenant->policy_count--;
}

static void rank_in(struct registry_tenant *tenant, struct registry_policy *policy)
{
    struct registry_policy **at = &tenant->policies;
    while (*at != NULL && is_stronger(*at, policy)) {
        at = &(*at)->next;
    }
    policy->next = *at;
    *at = policy;
    tenant->policy_count++;
}

static bool load_policy(struct pawl_registry *registry, const struct pawl_document_view *document)
{
    struct pawl_slice body = pawl_registry_body(registry, document->id);
    struct pawl_policy_rule view = {.enabled = document->state == PAWL_POLICY_ACTIVE,
                                    .extensions_max = -1};
    struct pawl_pattern pattern;
    size_t ids_bytes = document->name.bytes + document->tenant.bytes;
    char *text = make_room(body.bytes * 2 + ids_bytes); /* the pattern's values besides */
    if (!pawl_registry_policy_read(body, text, &registry->arena, &view) ||
        !pawl_pattern_read(view.pattern, text + body.bytes + ids_bytes, &pattern, NULL)) {
        pawl_free(text);
        return false;
    }
    view.id = keep_behind(text + body.bytes, document->name);
    view.tenant = keep_behind(text + body.bytes + document->name.bytes, document->tenant);
    view.created_us = document->created_us;
    view.updated_us = document->updated_us;
    view.version = document->version;
    view.document = document->id;
    struct registry_tenant *tenant = tenant_of(registry, view.tenant);
    struct registry_policy *policy = pawl_registry_find_policy(registry, document->name);
    if (policy == NULL) {
        policy = make_room(sizeof(*policy));
        policy->view.id = view.id;
        policy->age = list_add(&registry->policies, policy, pawl_registry_hash(registry, view.id));
    } else {
        rank_out(tenant, policy);
    }
    pawl_free(policy->text);
    policy->text = text;
    policy->view = view;
    policy->pattern = pattern;
    rank_in(tenant, policy);
    return true;
}

static bool load_server(struct pawl_registry *registry, const struct pawl_document_view *document)
{
    struct registry_secret secret = {{0}};
    if (!pawl_slice_equal_str(document->name, REGISTRY_ADMIN_ID)) {
        return true; /* somebody else's */
    }
    struct pawl_slice body = pawl_registry_body(registry, document->id);
    if (!pawl_registry_admin_read(body, &registry->arena, &secret)) {
        return false;
    }
    registry->admin = secret;
    registry->admin_set = true;
    registry->admin_version = document->version;
    return true;
}

bool pawl_registry_load(struct pawl_registry *registry, const struct pawl_document_view *document)
{
    switch (document->kind) {
    case PAWL_DOCUMENT_TENANT:
        return load_tenant(registry, document);
    case PAWL_DOCUMENT_KEY:
        return load_key(registry, document);
    case PAWL_DOCUMENT_POLICY:
        return load_policy(registry, document);
    case PAWL_DOCUMENT_SERVER:
        return load_server(registry, document);
    default:
        return true; /* read when it is shown */
    }
}

void pawl_registry_refresh(struct pawl_registry *registry, uint8_t kind, struct pawl_slice id)
{
    const struct pawl_core *core = pawl_engine_core(registry->engine);
    struct pawl_document_view view;
    uint64_t document = 0;
    if (pawl_core_document_find(core, kind, id, &document) &&
        pawl_core_document(core, document, &view)) {
        bool loaded = pawl_registry_load(registry, &view);
        PAWL_ASSERT(loaded); /* it was written just now */
    }
}

/* --- Life ------------------------------------------------------------------------------------- */

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {"", "tenant", "key", "policy", "budget", "server"};
    return kind < PAWL_ARRAY_LEN(names) ? names[kind] : "";
}

static pawl_err load_all(struct pawl_registry *registry, struct pawl_errmsg *msg)
{
    const struct pawl_core *core = pawl_engine_core(registry->engine);
    struct pawl_document_view view;
    uint64_t document = 0;
    uint32_t cursor = 0;
    while (pawl_core_document_next(core, &cursor, &document)) {
        bool found = pawl_core_document(core, document, &view);
        PAWL_ASSERT(found);
        if (!pawl_registry_load(registry, &view)) {
            pawl_errmsg_set(msg, "the ledger's document of the %s \"%.*s\" is not readable",
                            kind_name(view.kind), (int)view.name.bytes, view.name.data);
            return PAWL_ERR(CORRUPT);
        }
    }
    return PAWL_OK;
}

pawl_err pawl_registry_open(struct pawl_engine *engine,
                            struct pawl_registry **ret_registry,
                            struct pawl_errmsg *msg)
{
    struct pawl_registry *registry = pawl_alloc_zeroed(1, sizeof(*registry));
    if (registry == NULL) {
        pawl_errmsg_set(msg, "no memory");
        return PAWL_ERR(MEMORY);
    }
    registry->engine = engine;
    pawl_random_bytes(&registry->hash_key, sizeof(registry->hash_key));
    /* More than a document may have: the ledger refuses what is too long, not the buffer. */
    pawl_buf_init(&registry->body, (size_t)PAWL_DOCUMENT_BYTES_MAX * 8);
    pawl_arena_init(&registry->arena, 8 << 20);
    pawl_err err = load_all(registry, msg);
    if (pawl_failed(err)) {
        pawl_registry_close(registry);
        return err;
    }
    *ret_registry = registry;
    return PAWL_OK;
}

void pawl_registry_close(struct pawl_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    for (uint32_t i = 0; i < registry->tenants.count; i++) {
        pawl_free(((struct registry_tenant *)registry->tenants.records[i])->text);
    }
    for (uint32_t i = 0; i < registry->policies.count; i++) {
        pawl_free(((struct registry_policy *)registry->policies.records[i])->text);
    }
    for (uint32_t i = 0; i < registry->keys.count; i++) {
        struct registry_key *key = registry->keys.records[i];
        pawl_free(key->text);
        pawl_free(key->filter);
    }
    list_free(&registry->tenants);
    list_free(&registry->keys);
    list_free(&registry->policies);
    pawl_registry_index_free(&registry->by_secret);
    pawl_buf_free(&registry->body);
    pawl_arena_free(&registry->arena);
    pawl_free(registry);
}
