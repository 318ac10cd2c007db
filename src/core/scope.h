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

#include <string.h>

#include "base/hash.h"
#include "core/state.h"

/* --- Texts (strings.c) ------------------------------------------------------------------------ */

static inline uint64_t pawl_string_word(const char *at, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, at, bytes);
    return word;
}

/* A hash that depends on the ledger's key and on what was hashed before (`from`). Texts that differ
 * may share it: look-ups compare. Eight bytes at a time through the mixer, from a secret start;
 * SipHash would be stronger and four times as dear, and is not needed where only commands that set
 * limits add texts. */
static inline uint64_t
pawl_string_hash(const struct pawl_core *core, uint64_t from, struct pawl_slice text)
{
    const uint64_t *key = core->state.limits.hash_key;
    uint64_t hash = (from ^ key[0]) + text.bytes;
    const char *at = text.data;
    size_t left = text.bytes;
    PAWL_ASSERT(left > 0);
    PAWL_ASSERT(left <= PAWL_VALUE_BYTES_MAX);
    for (; left > 8; left -= 8) {
        hash = pawl_hash_mix(hash ^ pawl_string_word(at, 8)) + key[1];
        at += 8;
    }
    /* One to eight bytes are left. Pieces of a fixed size, which may overlap, are read without a
     * call. */
    uint64_t word = 0;
    if (text.bytes >= 8) {
        word = pawl_string_word(at + left - 8, 8);
    } else if (left >= 4) {
        word = pawl_string_word(at, 4) | pawl_string_word(at + left - 4, 4) << 32;
    } else {
        word = (uint64_t)(unsigned char)at[0] << 16 | (uint64_t)(unsigned char)at[left / 2] << 8 |
               (unsigned char)at[left - 1];
    }
    return pawl_hash_mix((hash ^ word) + key[1]);
}

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
static inline uint64_t pawl_scope_hash(const struct pawl_core *core,
                                       uint64_t parent_hash,
                                       const struct pawl_scope_key *key)
{
    PAWL_ASSERT(pawl_slice_empty(key->name) == (key->level != PAWL_LEVEL_DIMENSION));
    uint64_t hash = parent_hash + key->level + 1;
    if (!pawl_slice_empty(key->name)) {
        hash = pawl_string_hash(core, hash, key->name);
    }
    return pawl_string_hash(core, hash, key->value);
}
/* Whether a scope has this level and these texts. */
bool pawl_scope_has(const struct pawl_core *core, uint32_t scope, const struct pawl_scope_key *key);
/* The child of `parent`, or 0. */
uint32_t pawl_scope_child(const struct pawl_core *core,
                          uint32_t parent,
                          uint64_t hash,
                          const struct pawl_scope_key *key);
uint32_t pawl_scope_find(const struct pawl_core *core, const struct pawl_scope_name *name);
uint32_t pawl_scope_intern(struct pawl_core *core, const struct pawl_scope_name *name);
/* The hash again from what is stored; for audits. */
uint64_t pawl_scope_hash_of(const struct pawl_core *core, uint32_t scope);
/* The place of a tenant; its scope, or 0. */
struct pawl_scope_name pawl_scope_of_tenant(struct pawl_slice tenant);
uint32_t pawl_scope_tenant(const struct pawl_core *core, struct pawl_slice tenant);
/* The scope of the tenant above this one. */
uint32_t pawl_scope_root(const struct pawl_core *core, uint32_t scope);
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

struct pawl_path_step {
    struct pawl_scope_key key;
    uint64_t hash;
    uint32_t
        guess; /* of the deepest level and all that follow: the first scope under the hash, which
                     * is nearly always the right one; 0: none */
};

/* All places that a subject names, in canonical order: levels from the tenant down, dimensions by
 * name, the session. */
struct pawl_subject_path {
    uint32_t level_count;
    uint32_t step_count;
    uint32_t deepest; /* the level with a guess */
    struct pawl_path_step steps[PAWL_SUBJECT_SCOPES_MAX];
};

/* Hashes the places and asks memory for their buckets. Borrows the subject's texts. */
void pawl_subject_path(const struct pawl_core *core,
                       const struct pawl_subject *subject,
                       struct pawl_subject_path *ret_path);
/* Looks into the buckets and asks memory for the scopes. Before any scope is made. */
void pawl_subject_guess(const struct pawl_core *core, struct pawl_subject_path *path);
/* Those that exist, in the same order. */
void pawl_subject_scopes(const struct pawl_core *core,
                         const struct pawl_subject_path *path,
                         struct pawl_scope_list *ret_list);
/* The session of that name, or 0. */
uint32_t pawl_subject_session(const struct pawl_core *core,
                              struct pawl_slice tenant,
                              struct pawl_slice name);

#endif
