/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_priv.h: what is kept of the documents. A record is its view, and one block with the
 * view's texts; a put reads the document again into the same record, with a new block. Records
 * stay where they are, for good, as documents do.
 */
#ifndef PAWL_REGISTRY_REGISTRY_PRIV_H
#define PAWL_REGISTRY_REGISTRY_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "registry/documents.h"
#include "registry/filter.h"
#include "registry/index.h"
#include "registry/registry.h"
#include "registry/scopes.h"

#define REGISTRY_ADMIN_ID "admin" /* of the document with the administrator's hash */

/* States of a policy's document. */
enum { PAWL_POLICY_ACTIVE = 1, PAWL_POLICY_DISABLED = 2 };

struct registry_policy {
    struct pawl_policy_rule view;
    struct pawl_pattern pattern;
    char *text;                   /* owned */
    struct registry_policy *next; /* of the same tenant, the weaker one; in the order of ranks */
    uint32_t age;                 /* its place in the list of all: less is older */
};

/* Made by the first document that names the tenant, which is its own. */
struct registry_tenant {
    struct pawl_tenant view;
    char *text; /* owned */
    bool known; /* it has a document */
    uint32_t policy_count;
    struct registry_policy *policies; /* the strongest first */
    char id[PAWL_NAME_BYTES_MAX + 1];
};

struct registry_key {
    struct pawl_key view; /* its state is the document's */
    struct registry_secret secret;
    struct pawl_scope_filter *filter; /* owned; NULL: none */
    char *text;                       /* owned */
    const struct registry_tenant *tenant;
};

/* Records of one kind, in the order in which they were made, and by id. */
struct registry_list {
    void **records; /* owned, and each of them */
    uint32_t count;
    uint32_t capacity;
    struct registry_index by_id;
};

struct pawl_registry {
    struct pawl_engine *engine;
    struct pawl_hash_key hash_key; /* of ids, drawn at the start */
    struct registry_list tenants;
    struct registry_list keys;
    struct registry_list policies;
    struct registry_index by_secret;
    bool admin_set;
    uint64_t admin_version;
    struct registry_secret admin;
    struct pawl_slice note;  /* beside the next change; borrowed */
    struct pawl_buf body;    /* for what is read or written just now */
    struct pawl_arena arena; /* likewise */
};

uint64_t pawl_registry_hash(const struct pawl_registry *registry, struct pawl_slice text);
struct registry_tenant *pawl_registry_find_tenant(const struct pawl_registry *registry,
                                                  struct pawl_slice id);
struct registry_key *pawl_registry_find_key(const struct pawl_registry *registry,
                                            struct pawl_slice id);
struct registry_policy *pawl_registry_find_policy(const struct pawl_registry *registry,
                                                  struct pawl_slice id);
/* The body of a document, in registry->body; the slice is good until the next use of that. */
struct pawl_slice pawl_registry_body(struct pawl_registry *registry, uint64_t document);
/* Reads a document of the ledger into its record, which is made where there is none. false: it is
 * not what was written. */
PAWL_MUST_CHECK bool pawl_registry_load(struct pawl_registry *registry,
                                        const struct pawl_document_view *document);

/* keys.c */
struct registry_secret pawl_registry_secret_of(struct pawl_slice secret);
void pawl_registry_index_secret(struct pawl_registry *registry,
                                struct registry_key *key,
                                uint32_t place);

#endif
