/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.h: scopes of subjects and names of units as they stand on the wire. Scopes as people write
 * them, with their errors and patterns: registry/scopes.h.
 */
#ifndef PAWL_CYCLES_SCOPES_H
#define PAWL_CYCLES_SCOPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"
#include "core/command.h"
#include "registry/scopes.h" /* names of levels */

enum {
    PAWL_UNIT_TEXT_BYTES = 16,
    /* Of any scope that has a budget: six levels, or the tenant and a dimension whose value is all
     * percent signs. */
    PAWL_SCOPE_PATH_BYTES = 1536
};

/* The units that the protocol knows; others are seen only natively. */
bool pawl_unit_is_protocol(uint16_t unit);
/* The protocol's name; "unit-64" for a custom one. */
const char *pawl_unit_text(uint16_t unit, char out[static PAWL_UNIT_TEXT_BYTES]);

/* Whether it may be a level's value: [A-Za-z0-9_.-], 1 to 128 of them. */
bool pawl_level_value_valid(struct pawl_slice value);
/* In lower case; the value itself where it is that already, or without memory nothing. */
struct pawl_slice pawl_level_value_lower(struct pawl_slice value, struct pawl_arena *arena);

/* "tenant:acme/agent:bot": all levels that are given. Returns its length. */
size_t pawl_levels_path(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                        char out[static PAWL_SCOPE_PATH_BYTES]);

#endif
