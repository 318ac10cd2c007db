/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline.h: many waits of the same length. All connections that wait for the same thing wait
 * equally long, so a list in order of arrival is a list in order of expiry, and starting,
 * restarting and ending a wait cost a few pointers instead of a timer's heap.
 *
 * A node is embedded in what waits and is in at most one list. A list with timeout 0 never
 * expires.
 */
#ifndef PAWL_NET_DEADLINE_H
#define PAWL_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct pawl_deadline_list;

struct pawl_deadline {
    struct pawl_deadline_list *list; /* NULL: waits for nothing */
    struct pawl_deadline *prev;
    struct pawl_deadline *next;
    uint64_t since_ms;
};

struct pawl_deadline_list {
    struct pawl_deadline *first; /* the oldest */
    struct pawl_deadline *last;
    uint32_t timeout_ms;
};

/* Begins a wait at `now_ms`, or begins it again, leaving the list it was in. Times must not
 * go back between calls on one list. */
void pawl_deadline_start(struct pawl_deadline_list *list,
                         struct pawl_deadline *deadline,
                         uint64_t now_ms);
void pawl_deadline_stop(struct pawl_deadline *deadline);
/* The oldest one that is due, taken out of the list, or NULL. */
struct pawl_deadline *pawl_deadline_take_due(struct pawl_deadline_list *list, uint64_t now_ms);
/* When the list's oldest is due; false when nothing will ever be. */
bool pawl_deadline_next(const struct pawl_deadline_list *list, uint64_t *ret_at_ms);

#endif
