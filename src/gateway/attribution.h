/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attribution.h: which of an agent's conversations a call belongs to, as far as its headers tell.
 * The path tells the run; this tells sub-agents and side calls apart. It decides nothing, and goes
 * into the call's metadata (docs/CONTRACTS.md).
 */
#ifndef PAWL_GATEWAY_ATTRIBUTION_H
#define PAWL_GATEWAY_ATTRIBUTION_H

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"
#include "net/http.h"

/* Empty where it is not known. */
struct pawl_attribution {
    struct pawl_slice session; /* of the client's own */
    struct pawl_slice thread;  /* of a sub-agent or a side call; empty: the main conversation */
    struct pawl_slice parent;  /* the thread that started it */
    struct pawl_slice kind;    /* "main", "subagent", "title", "compaction", … */
    struct pawl_slice name;    /* what the client calls it, such as "Explore" */
};

/* Texts are copied into the arena, cut where they are long. */
struct pawl_attribution pawl_attribution_of(const struct pawl_http_header *headers,
                                            size_t header_count,
                                            struct pawl_arena *arena);
/* Members of an open object. */
void pawl_attribution_write(const struct pawl_attribution *attribution,
                            struct pawl_json_writer *writer);

#endif
