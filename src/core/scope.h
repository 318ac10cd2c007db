/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.h: interned texts, the tree of scopes, and the scopes that a subject touches.
 *
 * A scope is a child of the one before it on its path: level, a dimension's name, value. Both
 * texts and scopes are made by what sets limits (budgets, sessions, phases) and are kept for
 * good; a request that spends only looks them up, so nobody fills the tables by spending.
 */
#ifndef PAWL_CORE_SCOPE_H
#define PAWL_CORE_SCOPE_H

#include "core/state.h"

/* --- Texts (strings.c) ------------------------------------------------------------------------ */

/* A hash that depends on the ledger's key and on what was hashed before (`from`). Texts that differ
 * may share it: look-ups compare. */
uint64_t pawl_string_hash(const struct pawl_core *core, uint64_t from, struct pawl_slice text);
/* The text's index, or 0 when it is not there or empty. */
uint32_t pawl_string_find(const struct pawl_core *core, struct pawl_slice text);
/* Finds or adds it; 0 for the empty text. Room was checked by a plan. */
uint32_t pawl_string_intern(struct pawl_core *core, struct pawl_slice text);
/* Borrowed until the next apply; empty for 0. */
struct pawl_slice pawl_string_text(const struct pawl_core *core, uint32_t string);

/* What a command would add, counted before anything is changed. */
enum { PAWL_NEW_STRINGS_MAX = 32 };
struct pawl_additions {
    uint32_t string_count;
    uint32_t scope_count;
    struct pawl_slice strings[PAWL_NEW_STRINGS_MAX];
};
void pawl_additions_string(const struct pawl_core *core,
                           struct pawl_additions *additions,
                           struct pawl_slice text);
/* The scope with everything above it. Returns its index if it exists already, else 0. */
uint32_t pawl_additions_scope(const struct pawl_core *core,
                              struct pawl_additions *additions,
                              const struct pawl_scope_name *name);
/* OK or LIMIT_REACHED. */
uint16_t pawl_additions_fit(const struct pawl_core *core, const struct pawl_additions *additions);

/* --- Scopes (scope.c) ------------------------------------------------------------------------- */

struct pawl_scope_key {
    uint8_t level;          /* enum pawl_level */
    struct pawl_slice name; /* of a dimension, else empty */
    struct pawl_slice value;
};

/* The keys on the way to a place, the tenant's first; at most PAWL_LEVEL_COUNT. */
uint32_t pawl_scope_keys(const struct pawl_scope_name *name,
                         struct pawl_scope_key ret_keys[static PAWL_LEVEL_COUNT]);
/* Of a scope under the one with parent_hash (0 for a tenant). */
uint64_t pawl_scope_hash(const struct pawl_core *core,
                         uint64_t parent_hash,
                         const struct pawl_scope_key *key);
/* The child of `parent`, or 0. */
uint32_t pawl_scope_child(const struct pawl_core *core,
                          uint32_t parent,
                          uint64_t hash,
                          const struct pawl_scope_key *key);
uint32_t pawl_scope_find(const struct pawl_core *core, const struct pawl_scope_name *name);
uint32_t pawl_scope_intern(struct pawl_core *core, const struct pawl_scope_name *name);
/* The hash again from what is stored; for audits. */
uint64_t pawl_scope_hash_of(const struct pawl_core *core, uint32_t scope);
/* The place of a session. */
struct pawl_scope_name pawl_scope_of_session(struct pawl_slice tenant, struct pawl_slice session);

/* --- Subjects (subject.c) --------------------------------------------------------------------- */

enum { PAWL_SUBJECT_SCOPES_MAX = PAWL_LEVEL_COUNT + PAWL_DIMENSIONS_MAX + 1 };

struct pawl_scope_list {
    uint32_t count;
    uint32_t scopes[PAWL_SUBJECT_SCOPES_MAX];
    uint32_t session;     /* slot; 0: none was named */
    bool session_unknown; /* one was named that was never opened */
};

/* Those that exist, in canonical order: levels from the tenant down, dimensions by name, the
 * session. */
void pawl_subject_scopes(const struct pawl_core *core,
                         const struct pawl_subject *subject,
                         struct pawl_scope_list *ret_list);
/* The session of that name, or 0. */
uint32_t pawl_subject_session(const struct pawl_core *core,
                              struct pawl_slice tenant,
                              struct pawl_slice name);

#endif
