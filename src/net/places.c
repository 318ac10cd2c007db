/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.c: the places of large bodies as a list. It is walked for each body that wants one, which
 * is as long as there are places; who sends what is nowhere else.
 */
#include "net/places.h"

#include <stddef.h>

#include "base/assert.h"

uint32_t pawl_body_places_of(const struct pawl_body_places *places, uint64_t whose)
{
    uint32_t count = 0;
    for (const struct pawl_body_place *place = places->first; place != NULL; place = place->next) {
        count += place->whose == whose;
    }
    return count;
}

enum pawl_http_refusal
pawl_body_place_take(struct pawl_body_place *place, struct pawl_body_places *places, uint32_t most)
{
    PAWL_ASSERT(place->places == NULL);
    if (places->count >= most) {
        return PAWL_HTTP_REFUSAL_LARGE_COUNT;
    }
    if (pawl_body_places_of(places, place->whose) >= most - places->count) {
        return PAWL_HTTP_REFUSAL_LARGE_COUNT_OF_ONE;
    }
    place->places = places;
    place->prev = NULL;
    place->next = places->first;
    if (place->next != NULL) {
        place->next->prev = place;
    }
    places->first = place;
    places->count += 1;
    return PAWL_HTTP_REFUSAL_NONE;
}

void pawl_body_place_leave(struct pawl_body_place *place)
{
    struct pawl_body_places *places = place->places;
    if (places == NULL) {
        return;
    }
    PAWL_ASSERT(places->count > 0);
    if (place->prev != NULL) {
        place->prev->next = place->next;
    } else {
        PAWL_ASSERT(places->first == place);
        places->first = place->next;
    }
    if (place->next != NULL) {
        place->next->prev = place->prev;
    }
    places->count -= 1;
    *place = (struct pawl_body_place){0};
}
