/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h: who may ask, and under which terms: tenants, API keys and policies, as they stand in
 * the ledger's documents (core/command.h, DOCUMENT_PUT). The documents are the truth; this is
 * the index over them that a request needs: by a key's hash, by a tenant's id, by priority.
 *
 * It is read once when the engine is open, and again document by document whenever one is put: a
 * change binds from the command on that wrote it, as in the ledger. Nothing here waits for disk:
 * whoever answers a request waits for the engine, as always.
 *
 * A key is a secret of 190 random bits. What is kept of it is its SHA-256, found by the first bytes
 * of that and compared in constant time; a slow hash would protect nothing that cannot be guessed,
 * and cost each request what it costs an attacker. Secrets are never logged or stored.
 */
#ifndef PAWL_REGISTRY_REGISTRY_H
#define PAWL_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/command.h"
#include "engine/engine.h"

struct pawl_registry;

/* Where nobody says anything else. */
#define PAWL_TTL_DEFAULT_MS     INT64_C(60000)
#define PAWL_TTL_MAX_DEFAULT_MS INT64_C(3600000)
enum { PAWL_EXTENSIONS_DEFAULT = 10 };

/* --- Permissions: permission.def has name and number ------------------------------------------ */

enum pawl_permission {
#define PAWL_PERMISSION(NAME, number, text, by_default) PAWL_PERMISSION_##NAME = (number),
#include "registry/permission.def"
#undef PAWL_PERMISSION
    PAWL_PERMISSION_COUNT = 29
};

/* "reservations:create"; static text. */
const char *pawl_permission_name(enum pawl_permission permission);
/* false: there is none of that name. */
PAWL_MUST_CHECK bool pawl_permission_from_name(struct pawl_slice name,
                                               enum pawl_permission *ret_permission);
/* What a key has whose maker says nothing: a bit for each. */
uint64_t pawl_permission_defaults(void);

/* --- Views. Borrowed until the next put of the same document. --------------------------------- */

struct pawl_tenant {
    struct pawl_slice id;
    struct pawl_slice name;
    struct pawl_slice parent;   /* empty: none */
    struct pawl_slice metadata; /* JSON, or empty */
    uint8_t state;              /* enum pawl_tenant_state */
    uint8_t overage;            /* enum pawl_overage; 0: not set */
    uint8_t expiry_policy;      /* 0: not set; kept and shown */
    int64_t ttl_default_ms;     /* 0: not set; so the next */
    int64_t ttl_max_ms;
    int32_t extensions_max; /* -1: not set */
    int64_t created_us;
    int64_t updated_us;
    int64_t suspended_us; /* 0: never */
    int64_t closed_us;
    uint64_t version;
};

enum pawl_key_state {
    PAWL_KEY_ACTIVE = 1,
    PAWL_KEY_REVOKED = 2,
    PAWL_KEY_EXPIRED = 3 /* by time */
};

struct pawl_key {
    struct pawl_slice id;     /* "key_…" */
    struct pawl_slice prefix; /* the first characters of the secret, to know it by */
    struct pawl_slice tenant;
    struct pawl_slice name;
    struct pawl_slice description;
    struct pawl_slice metadata;     /* JSON, or empty */
    struct pawl_slice scope_filter; /* JSON array of strings, or empty */
    uint64_t permissions;           /* a bit for each enum pawl_permission */
    uint8_t state; /* enum pawl_key_state, at the time that it was asked for; REVOKED where the
                    * tenant is closed, with the time and "tenant_closed" */
    int64_t created_us;
    int64_t expires_us;
    int64_t updated_us;
    int64_t revoked_us; /* 0: not */
    struct pawl_slice revoked_reason;
    uint64_t version;
};

struct pawl_policy_rule {
    struct pawl_slice id; /* "pol_…" */
    struct pawl_slice tenant;
    struct pawl_slice name;
    struct pawl_slice description;
    struct pawl_slice pattern; /* of scopes, as it was given */
    bool enabled;
    int64_t priority;
    struct pawl_slice caps; /* JSON object, or empty */
    uint8_t overage;        /* 0: not set */
    int64_t ttl_default_ms; /* 0: not set; so the next */
    int64_t ttl_max_ms;
    int32_t extensions_max;          /* -1: not set */
    int64_t reservations_per_minute; /* 0: not limited; so the next */
    int64_t commits_per_minute;
    int64_t effective_from_us; /* 0: always */
    int64_t effective_until_us;
    int64_t created_us;
    int64_t updated_us;
    uint64_t version;
    uint64_t document;
};

enum pawl_expiry_policy { /* kept and shown; holds are given back when they end */
                          PAWL_EXPIRY_AUTO_RELEASE = 1,
                          PAWL_EXPIRY_MANUAL_CLEANUP = 2,
                          PAWL_EXPIRY_GRACE_ONLY = 3,
                          PAWL_EXPIRY_POLICY_MAX = 3
};

enum pawl_rollover { /* likewise */
                     PAWL_ROLLOVER_NONE = 1,
                     PAWL_ROLLOVER_CARRY_FORWARD = 2,
                     PAWL_ROLLOVER_CAP_AT_ALLOCATED = 3,
                     PAWL_ROLLOVER_MAX = 3
};

/* What is said of a budget that the ledger has no field for; shown, and nothing follows from it. */
struct pawl_budget_extra {
    uint8_t rollover;        /* enum pawl_rollover; 0: not set */
    int64_t period_start_us; /* 0: not set; so the next */
    int64_t period_end_us;
    struct pawl_slice metadata; /* JSON object, or empty */
    uint64_t version;           /* 0: nothing is said */
};

/* --- Life ------------------------------------------------------------------------------------- */

/* Reads every document of the engine's ledger. Borrows the engine, which must outlive it. CORRUPT
 * where one is not what was written: a server that does not know its rules does not start. */
PAWL_MUST_CHECK pawl_err pawl_registry_open(struct pawl_engine *engine,
                                            struct pawl_registry **ret_registry,
                                            struct pawl_errmsg *msg);
void pawl_registry_close(struct pawl_registry *registry);
/* Reads one document again, after a command that did not go through here. */
void pawl_registry_refresh(struct pawl_registry *registry, uint8_t kind, struct pawl_slice id);

/* --- Who asks --------------------------------------------------------------------------------- */

enum pawl_principal_kind {
    PAWL_PRINCIPAL_NONE = 0,
    PAWL_PRINCIPAL_ADMIN = 1, /* the administrator's key, or the local socket */
    PAWL_PRINCIPAL_TENANT = 2
};

/* What of a scope filter is asked for with each request: registry/filter.h. */
struct pawl_scope_filter;

struct pawl_principal {
    uint8_t kind;
    struct pawl_slice tenant;               /* of TENANT; borrowed until the next put */
    struct pawl_slice key_id;               /* likewise; "admin" of ADMIN */
    uint64_t permissions;                   /* all of ADMIN */
    struct pawl_slice scope_filter;         /* JSON array of strings, or empty */
    const struct pawl_scope_filter *filter; /* the same, read; NULL: none */
};

enum pawl_auth {
    PAWL_AUTH_OK,
    PAWL_AUTH_UNKNOWN, /* no such key */
    PAWL_AUTH_REVOKED,
    PAWL_AUTH_EXPIRED
};
/* By the secret of X-Cycles-API-Key. A suspended or closed tenant's key is OK: the ledger has its
 * own word about it. *ret_principal is written unless UNKNOWN: whose key it was. */
enum pawl_auth pawl_registry_key_check(const struct pawl_registry *registry,
                                       struct pawl_slice secret,
                                       int64_t now_us,
                                       struct pawl_principal *ret_principal);
/* By X-Admin-API-Key; false as well where none is set. */
bool pawl_registry_admin_check(const struct pawl_registry *registry, struct pawl_slice secret);
/* Whether one is set; sets it (stored as a hash; durable with `op`). */
bool pawl_registry_admin_is_set(const struct pawl_registry *registry);
void pawl_registry_admin_set(struct pawl_registry *registry,
                             struct pawl_slice secret,
                             struct pawl_op *op);

/* With the protocol's wildcards: admin:read has every *:read, admin:write every *:write, and
 * admin:budgets:read also budgets:read, likewise policies, webhooks and events. */
bool pawl_principal_may(const struct pawl_principal *principal, enum pawl_permission permission);
/* Whether the key's scope filter lets it touch what the levels name (lower case, as in scopes).
 * Entries of one level are alternatives, and of each level that has an entry one must hold:
 * ["workspace:eng","agent:*"] covers what is in workspace eng and names an agent. */
bool pawl_principal_covers(const struct pawl_principal *principal,
                           const struct pawl_slice levels[static PAWL_LEVEL_COUNT]);

/* --- Terms: what the policies, the budget and the tenant say about a hold --------------------- */

struct pawl_terms {
    uint8_t overage;         /* policy > budget > tenant > ALLOW_IF_AVAILABLE; never 0 */
    int64_t ttl_default_ms;  /* policy > tenant > 60,000 */
    int64_t ttl_max_ms;      /* policy > tenant > 3,600,000; what is asked beyond is cut */
    uint16_t extensions_max; /* policy > tenant > 10 */
    struct pawl_slice
        policy;             /* the id of the one that matched with the highest priority, or empty */
    struct pawl_slice caps; /* its caps, a JSON object, or empty */
    uint64_t throttle;      /* as in RESERVE */
    uint32_t throttle_per_minute;
};
/* Levels in lower case, as they stand in scopes. Each term is that of the first policy that binds
 * the levels now and says something about it, in the order of priority; equal ones in the order of
 * the longer pattern, then of age. Unit 0: the budgets are not asked for their overage policy,
 * where the request has one of its own. */
void pawl_registry_terms(const struct pawl_registry *registry,
                         const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                         uint16_t unit,
                         int64_t now_us,
                         struct pawl_terms *ret_terms);

/* --- Look-ups --------------------------------------------------------------------------------- */

PAWL_MUST_CHECK bool pawl_registry_tenant(const struct pawl_registry *registry,
                                          struct pawl_slice id,
                                          struct pawl_tenant *ret_tenant);
PAWL_MUST_CHECK bool pawl_registry_key(const struct pawl_registry *registry,
                                       struct pawl_slice id,
                                       int64_t now_us,
                                       struct pawl_key *ret_key);
PAWL_MUST_CHECK bool pawl_registry_policy(const struct pawl_registry *registry,
                                          struct pawl_slice id,
                                          struct pawl_policy_rule *ret_policy);
/* The policy of that name of the tenant. */
PAWL_MUST_CHECK bool pawl_registry_policy_named(const struct pawl_registry *registry,
                                                struct pawl_slice tenant,
                                                struct pawl_slice name,
                                                struct pawl_policy_rule *ret_policy);
/* How many a tenant has. */
uint32_t pawl_registry_policy_count(const struct pawl_registry *registry, struct pawl_slice tenant);
/* Read from the ledger, into the arena. Nothing where nothing was said of the budget, and without
 * memory (see the arena's flag). */
void pawl_registry_budget(const struct pawl_registry *registry,
                          uint64_t budget,
                          struct pawl_arena *arena,
                          struct pawl_budget_extra *ret_extra);
/* All, in the order in which they were made; start with 0. */
PAWL_MUST_CHECK bool pawl_registry_tenant_next(const struct pawl_registry *registry,
                                               uint32_t *cursor,
                                               struct pawl_tenant *ret_tenant);
PAWL_MUST_CHECK bool pawl_registry_key_next(const struct pawl_registry *registry,
                                            uint32_t *cursor,
                                            int64_t now_us,
                                            struct pawl_key *ret_key);
PAWL_MUST_CHECK bool pawl_registry_policy_next(const struct pawl_registry *registry,
                                               uint32_t *cursor,
                                               struct pawl_policy_rule *ret_policy);

/* --- Changes. Each submits one command; `op` is answered when it is durable, and the change binds
 * from the call on. `version` 0 makes, else replaces what that operation wrote. Texts are borrowed
 * for the call and may be those of a view. What is longer than a document may be is answered
 * INVALID_REQUEST by the ledger. --------------------------------------------------------------- */

/* What stands beside the next change in the journal; borrowed until then. */
void pawl_registry_note(struct pawl_registry *registry, struct pawl_slice note);
void pawl_registry_put_tenant(struct pawl_registry *registry,
                              const struct pawl_tenant *tenant,
                              struct pawl_op *op);
/* `secret` only where the key is made: its hash is kept. */
void pawl_registry_put_key(struct pawl_registry *registry,
                           const struct pawl_key *key,
                           struct pawl_slice secret,
                           struct pawl_op *op);
void pawl_registry_put_policy(struct pawl_registry *registry,
                              const struct pawl_policy_rule *policy,
                              struct pawl_op *op);

/* Whether there is room in the ledger for what is kept of one more budget: to be asked before the
 * budget is made, since it cannot be unmade. Says no a little early where names are scarce. */
bool pawl_registry_budget_has_room(const struct pawl_registry *registry);
void pawl_registry_put_budget(struct pawl_registry *registry,
                              struct pawl_slice tenant,
                              uint64_t budget,
                              const struct pawl_budget_extra *extra,
                              struct pawl_op *op);

/* A tenant's policies are tried one after the other with each hold. Who makes them sees to it. */
enum { PAWL_POLICIES_PER_TENANT_MAX = 1000 };

enum { PAWL_SECRET_BYTES = 64, PAWL_SECRET_PREFIX_BYTES = 14 };
/* "cyc_live_" and 32 random characters; `prefix` of a key is the first PAWL_SECRET_PREFIX_BYTES. */
void pawl_registry_new_secret(char out[static PAWL_SECRET_BYTES]);
/* prefix ("key", "pol") + "_" + 16 random characters. */
void pawl_registry_new_id(const char *prefix, char out[static PAWL_SECRET_BYTES]);

#endif
