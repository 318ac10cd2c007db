/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.h: scopes as people and requests write them: "tenant:acme/workspace:eng". A place is
 * rooted at its tenant, its levels stand in canonical order, gaps are skipped; values are letters,
 * digits and "._-", with a letter or digit at both ends, and lower case is what they are kept in.
 *
 * A pattern may leave values open and say where it looks (docs/CYCLES.md shows each form): a
 * value may be a star, for any; a star at the end, of its own, wants at least one level more; what
 * is not rooted at a tenant, or begins with a star of its own, is looked for anywhere; a star alone
 * is everything.
 *
 * A pattern binds a subject where it fits any of the subject's scopes, the cumulative paths of its
 * levels. So "tenant:acme" binds all of acme, and "tenant:acme/agent:bot" does not bind a subject
 * with a workspace between the two.
 */
#ifndef PAWL_REGISTRY_SCOPES_H
#define PAWL_REGISTRY_SCOPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/command.h"

/* "workspace"; static text. */
const char *pawl_level_name(enum pawl_level level);
/* false: none of the six. */
PAWL_MUST_CHECK bool pawl_level_from_name(struct pawl_slice name, enum pawl_level *ret_level);
/* Whether a value may stand in a scope. */
bool pawl_level_value_ok(struct pawl_slice value);

enum { PAWL_SCOPE_TEXT_BYTES = PAWL_LEVEL_COUNT * (PAWL_NAME_BYTES_MAX + 16) };

/* A scope in lower case. The levels lie in `room`: it may not be moved while they are used. */
struct pawl_place {
    struct pawl_slice levels[PAWL_LEVEL_COUNT]; /* empty: not given */
    char room[PAWL_SCOPE_TEXT_BYTES];
};
/* false: no scope, and why. */
PAWL_MUST_CHECK bool
pawl_place_read(struct pawl_slice text, struct pawl_place *ret_place, struct pawl_errmsg *msg);

/* The levels of a path that the ledger wrote, as slices of it: as pawl_place_read, for values that
 * requests may have and scopes of budgets may not ("-x"), and for paths without a tenant. false: it
 * has a segment that names no level (a dimension, a session), or they are not in order. */
PAWL_MUST_CHECK bool pawl_path_levels(struct pawl_slice path,
                                      struct pawl_slice ret_levels[static PAWL_LEVEL_COUNT]);

struct pawl_pattern_step {
    uint8_t level;           /* enum pawl_level */
    struct pawl_slice value; /* lower case; empty: any */
};

struct pawl_pattern {
    bool rooted; /* begins at the tenant */
    bool below;  /* at least one level follows */
    uint32_t step_count;
    struct pawl_pattern_step steps[PAWL_LEVEL_COUNT];
};
/* `room` has text.bytes bytes and holds the values. false: no pattern, and why. */
PAWL_MUST_CHECK bool pawl_pattern_read(struct pawl_slice text,
                                       char *room,
                                       struct pawl_pattern *ret_pattern,
                                       struct pawl_errmsg *msg);

/* Which levels a subject names, in order: made once, asked by every pattern. */
struct pawl_named_levels {
    uint32_t count;
    uint8_t levels[PAWL_LEVEL_COUNT];
    struct pawl_slice values[PAWL_LEVEL_COUNT];
};
void pawl_named_levels_of(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                          struct pawl_named_levels *ret_named);
bool pawl_pattern_binds(const struct pawl_pattern *pattern, const struct pawl_named_levels *named);

#endif
