/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h: the large bodies that are read at once. There are few places, and a body may keep its
 * own for as long as it comes at the slowest pace that is allowed. So nobody gets one more while
 * he has as many as are free: whoever comes alone has half of them, and finds the next ones for
 * somebody else.
 */
#ifndef PAWL_NET_PLACES_H
#define PAWL_NET_PLACES_H

#include <stdint.h>

#include "net/refusal.h"

struct pawl_body_places;

/* One body's. Zeroed it is free. */
struct pawl_body_place {
    struct pawl_body_places *places; /* NULL: it has none */
    struct pawl_body_place *prev;
    struct pawl_body_place *next;
    uint64_t whose; /* the owner's number of who sends it (struct pawl_http_body_max) */
};

/* Zeroed there are none in it. */
struct pawl_body_places {
    struct pawl_body_place *first;
    uint32_t count;
};

/* How many of them are this sender's. */
uint32_t pawl_body_places_of(const struct pawl_body_places *places, uint64_t whose);
/* Takes one of `most`, for place->whose. NONE, or why there is none. */
enum pawl_http_refusal
pawl_body_place_take(struct pawl_body_place *place, struct pawl_body_places *places, uint32_t most);
/* Nothing where it has none. */
void pawl_body_place_leave(struct pawl_body_place *place);

#endif
