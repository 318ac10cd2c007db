/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.h: reservations as they are stored, and as the rules work on them: all lines and holds in
 * one flat list. A hold is a budget and the window instance in which the line's amount was taken.
 */
#ifndef PAWL_CORE_HOLD_H
#define PAWL_CORE_HOLD_H

#include "core/state.h"

struct pawl_held {
    uint32_t slot;
    uint32_t line_count;
    uint32_t hold_count;
    uint16_t units[PAWL_LINES_MAX];
    int64_t values[PAWL_LINES_MAX];
    struct pawl_hold holds[PAWL_HOLDS_MAX];
    uint8_t hold_line[PAWL_HOLDS_MAX];
};

/* Asks memory for the slot that the index names. */
void pawl_held_prefetch(const struct pawl_core *core, uint64_t id);
/* The slot of a reservation by its id, or 0. */
uint32_t pawl_held_find(const struct pawl_core *core, uint64_t id);
void pawl_held_load(const struct pawl_core *core, uint32_t slot, struct pawl_held *ret_held);
/* Makes a reservation of these lines and holds; returns its slot. */
uint32_t pawl_held_store(struct pawl_core *core, uint64_t id, const struct pawl_held *held);
void pawl_held_set_value(struct pawl_core *core, uint32_t slot, uint32_t line, int64_t value);
/* Frees the slot with its blocks, index entry and timer. */
void pawl_held_free(struct pawl_core *core, uint32_t slot);
/* The first whole millisecond in which a settlement is refused. */
int64_t pawl_held_due_ms(const struct pawl_reservation_slot *slot);
uint32_t pawl_held_hash(uint64_t id);
/* The scope of the tenant whose budgets it holds from. */
uint32_t pawl_held_tenant(const struct pawl_core *core, const struct pawl_reservation_slot *slot);

#endif
