/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.h: tenants and scopes as numbers, for the writer. A scope is made with its first
 * reservation, together with rows that find it by each of its levels.
 */
#ifndef PAWL_ARCHIVE_SCOPES_H
#define PAWL_ARCHIVE_SCOPES_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/db.h"
#include "archive/reach.h"
#include "base/hash.h"
#include "core/command.h"

enum { PAWL_ARCHIVE_SCOPE_SLOTS = 1 << 18 };

struct pawl_archive_scope_ids {
    uint32_t tenant;
    uint32_t scope;
};

struct pawl_archive_scope_slot {
    uint64_t path_hash; /* 0: free */
    struct pawl_archive_scope_ids ids;
    uint32_t segment; /* the last one that is known to be reached */
};

/* The scopes that were used last; one place for each hash. */
struct pawl_archive_scopes {
    struct pawl_hash_key key;
    struct pawl_archive_scope_slot *slots; /* owned: PAWL_ARCHIVE_SCOPE_SLOTS */
    struct pawl_archive_reached reached;   /* in this transaction */
};

/* A text in lower case (ASCII). `out` has room for PAWL_NAME_BYTES_MAX. */
struct pawl_slice pawl_archive_lower(struct pawl_slice text, char out[static PAWL_NAME_BYTES_MAX]);
/* "tenant:acme/workspace:prod/agent:writer": levels that are not given are left out. */
struct pawl_slice pawl_archive_path(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                                    char out[static PAWL_ARCHIVE_PATH_BYTES]);

/* Forgets what was used: after a failed transaction, or when scopes were removed by one. */
void pawl_archive_scopes_forget(struct pawl_archive_scopes *scopes);
/* The numbers of a reservation's tenant and scope, made if need be. After a failure (kept in the
 * connection) they mean nothing. */
struct pawl_archive_scope_ids
pawl_archive_scope_of(struct pawl_archive_scopes *scopes,
                      struct pawl_archive_db *db,
                      const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                      uint64_t op);

#endif
