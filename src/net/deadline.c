/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline.c: doubly linked lists, appended to at the end. Invariant: along a list `since_ms`
 * never falls, so the first one is the first to expire.
 */
#include "net/deadline.h"

#include <stddef.h>

#include "base/assert.h"

void pawl_deadline_stop(struct pawl_deadline *deadline)
{
    struct pawl_deadline_list *list = deadline->list;
    if (list == NULL) {
        return;
    }
    if (deadline->prev != NULL) {
        deadline->prev->next = deadline->next;
    } else {
        PAWL_ASSERT(list->first == deadline);
        list->first = deadline->next;
    }
    if (deadline->next != NULL) {
        deadline->next->prev = deadline->prev;
    } else {
        PAWL_ASSERT(list->last == deadline);
        list->last = deadline->prev;
    }
    *deadline = (struct pawl_deadline){0};
}

void pawl_deadline_start(struct pawl_deadline_list *list,
                         struct pawl_deadline *deadline,
                         uint64_t now_ms)
{
    pawl_deadline_stop(deadline);
    PAWL_ASSERT(list->last == NULL || list->last->since_ms <= now_ms);
    *deadline = (struct pawl_deadline){.list = list, .prev = list->last, .since_ms = now_ms};
    if (list->last != NULL) {
        list->last->next = deadline;
    } else {
        list->first = deadline;
    }
    list->last = deadline;
}

bool pawl_deadline_next(const struct pawl_deadline_list *list, uint64_t *ret_at_ms)
{
    if (list->first == NULL || list->timeout_ms == 0) {
        return false;
    }
    *ret_at_ms = list->first->since_ms + list->timeout_ms;
    return true;
}

struct pawl_deadline *pawl_deadline_take_due(struct pawl_deadline_list *list, uint64_t now_ms)
{
    uint64_t at_ms = 0;
    if (!pawl_deadline_next(list, &at_ms) || at_ms > now_ms) {
        return NULL;
    }
    struct pawl_deadline *due = list->first;
    pawl_deadline_stop(due);
    return due;
}
