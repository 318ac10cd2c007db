/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents.h: the bodies of the registry's documents: JSON objects, with nothing in them that is
 * not set. What the ledger knows of a document (id, tenant, state, times, version) is not repeated.
 * Members that a reader does not know are skipped; one of another type, or out of its range, makes
 * the body unreadable.
 *
 * A reader copies what it keeps into `room`, which has as many bytes as the body and lives as long
 * as the record.
 */
#ifndef PAWL_REGISTRY_DOCUMENTS_H
#define PAWL_REGISTRY_DOCUMENTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "registry/registry.h"

enum { PAWL_SECRET_HASH_BYTES = 32 };

struct registry_secret {
    unsigned char hash[PAWL_SECRET_HASH_BYTES]; /* SHA-256 */
};

/* `arena` is the caller's for the call; its content is of no use afterwards. false: unreadable;
 * what was written of *ret is of no use then. Only what the body has is written. */
PAWL_MUST_CHECK bool pawl_registry_tenant_read(struct pawl_slice body,
                                               char *room,
                                               struct pawl_arena *arena,
                                               struct pawl_tenant *ret_tenant);
PAWL_MUST_CHECK bool pawl_registry_key_read(struct pawl_slice body,
                                            char *room,
                                            struct pawl_arena *arena,
                                            struct pawl_key *ret_key,
                                            struct registry_secret *ret_secret);
PAWL_MUST_CHECK bool pawl_registry_policy_read(struct pawl_slice body,
                                               char *room,
                                               struct pawl_arena *arena,
                                               struct pawl_policy_rule *ret_policy);
PAWL_MUST_CHECK bool pawl_registry_budget_read(struct pawl_slice body,
                                               char *room,
                                               struct pawl_arena *arena,
                                               struct pawl_budget_extra *ret_budget);
PAWL_MUST_CHECK bool pawl_registry_admin_read(struct pawl_slice body,
                                              struct pawl_arena *arena,
                                              struct registry_secret *ret_secret);

void pawl_registry_tenant_write(struct pawl_buf *body, const struct pawl_tenant *tenant);
void pawl_registry_key_write(struct pawl_buf *body,
                             const struct pawl_key *key,
                             const struct registry_secret *secret);
void pawl_registry_policy_write(struct pawl_buf *body, const struct pawl_policy_rule *policy);
void pawl_registry_budget_write(struct pawl_buf *body, const struct pawl_budget_extra *budget);
void pawl_registry_admin_write(struct pawl_buf *body, const struct registry_secret *secret);

#endif
