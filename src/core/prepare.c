/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare.c: asks memory for what the next commands will read, before any of them is applied.
 *
 * With a million open reservations nearly everything that a command touches lies outside the
 * processor's caches: buckets, then slots, then budgets and timers, one wait after the other. A
 * group of commands can wait for all of them at once. So this walks the group in steps: first
 * every bucket that the hashes name, then every slot that the buckets name, and so on; each
 * step finds in the cache what the step before asked for.
 *
 * These are hints. They change nothing, may be stale by the time a command is applied, and may be
 * left out.
 */
#include "base/hash.h"

#include "core/index.h"
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"

enum { GROUP_MAX = 32 };

struct hints {
    uint64_t reservation; /* id, or 0 */
    uint32_t slot;        /* of it */
    uint32_t step_count;
    uint32_t scope_hashes[PAWL_LEVEL_COUNT];
    uint32_t scopes[PAWL_LEVEL_COUNT];
};

/* The first slot under a hash, unproved. */
static uint32_t guess(const struct pawl_core *core, enum pawl_index_id index, uint32_t hash)
{
    PAWL_ASSERT(index < PAWL_INDEX_COUNT);
    struct pawl_index_cursor cursor = pawl_index_find(core, index, hash);
    return pawl_index_next(core, &cursor);
}

static uint64_t reservation_of(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    switch (command->type) {
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_CORRECT:
        return command->u.settle.reservation;
    case PAWL_COMMAND_RELEASE:
        return command->u.release.reservation;
    case PAWL_COMMAND_EXTEND:
        return command->u.extend.reservation;
    case PAWL_COMMAND_GROW:
        return command->u.grow.reservation;
    default:
        return 0;
    }
}

/* --- Buckets. --------------------------------------------------------------------------------- */

static void ask_scope_buckets(const struct pawl_core *core,
                              const struct pawl_subject *subject,
                              struct hints *hints)
{
    uint64_t hash = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        struct pawl_slice value = subject->levels[level];
        if (value.bytes > 0 && value.bytes <= PAWL_NAME_BYTES_MAX) {
            struct pawl_scope_key key = {.level = (uint8_t)level, .value = value};
            hash = pawl_scope_hash(core, hash, &key);
            pawl_index_prefetch(core, PAWL_INDEX_SCOPE, (uint32_t)hash);
            hints->scope_hashes[hints->step_count] = (uint32_t)hash;
            hints->step_count++;
        }
    }
    PAWL_ASSERT(hints->step_count <= PAWL_LEVEL_COUNT);
}

static void ask_buckets(const struct pawl_core *core,
                        const struct pawl_command *command,
                        uint64_t op,
                        struct hints *ret_hints)
{
    *ret_hints = (struct hints){.reservation = reservation_of(command)};
    PAWL_ASSERT(op > core->state.op);
    PAWL_ASSERT(ret_hints->step_count == 0);
    if (pawl_idem_has_key(command)) {
        struct pawl_idem_key key = pawl_idem_key(core, command);
        pawl_index_prefetch(core, PAWL_INDEX_IDEM, (uint32_t)key.hash[0]);
    }
    if (ret_hints->reservation != 0) {
        uint32_t hash = pawl_held_hash(core, ret_hints->reservation);
        pawl_index_prefetch(core, PAWL_INDEX_RESERVATION, hash);
    } else if (command->type == PAWL_COMMAND_RESERVE) {
        pawl_index_prefetch(core, PAWL_INDEX_RESERVATION, pawl_held_hash(core, op));
        ask_scope_buckets(core, &command->u.reserve.subject, ret_hints);
    } else if (command->type == PAWL_COMMAND_EVENT) {
        ask_scope_buckets(core, &command->u.event.subject, ret_hints);
    }
}

/* Each command with a key makes room by forgetting what is over, the oldest first. */
static void ask_for_drain(const struct pawl_core *core, uint32_t count)
{
    PAWL_ASSERT(count <= GROUP_MAX);
    for (uint32_t retention = 0; retention < PAWL_RETENTION_COUNT; retention++) {
        uint32_t at = core->state.idem_queues[retention].head;
        for (uint32_t i = 0; i < count && at != 0; i++) {
            const struct pawl_idem_slot *slot = pawl_idem_at(core, at);
            PAWL_ASSERT(slot->live == 1);
            if (core->state.now_us < slot->expires_us - 1000) {
                break;
            }
            pawl_index_prefetch(core, PAWL_INDEX_IDEM, (uint32_t)slot->key_hash[0]);
            at = slot->next;
        }
    }
}

/* --- Slots, and what they point at. ----------------------------------------------------------- */

static void ask_slots(const struct pawl_core *core, struct hints *hints)
{
    PAWL_ASSERT(hints->slot == 0);
    PAWL_ASSERT(hints->step_count <= PAWL_LEVEL_COUNT);
    if (hints->reservation != 0) {
        uint32_t hash = pawl_held_hash(core, hints->reservation);
        hints->slot = guess(core, PAWL_INDEX_RESERVATION, hash);
        if (hints->slot != 0) {
            const struct pawl_reservation_slot *slot = pawl_reservation_at(core, hints->slot);
            __builtin_prefetch(slot);
            __builtin_prefetch(&slot->values);
        }
    }
    for (uint32_t i = 0; i < hints->step_count; i++) {
        hints->scopes[i] = guess(core, PAWL_INDEX_SCOPE, hints->scope_hashes[i]);
        if (hints->scopes[i] != 0) {
            __builtin_prefetch(pawl_scope_at(core, hints->scopes[i]));
        }
    }
}

static void ask_objects(const struct pawl_core *core, const struct hints *hints)
{
    PAWL_ASSERT(hints->slot == 0 || hints->reservation != 0);
    if (hints->slot != 0) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, hints->slot);
        PAWL_ASSERT(slot->timer != 0);
        __builtin_prefetch(pawl_timer_node_at(core, slot->timer));
        for (uint32_t i = 0; i < slot->hold_count && i < PAWL_HOLDS_INLINE; i++) {
            __builtin_prefetch(pawl_budget_at(core, slot->holds[i].budget));
        }
    }
    for (uint32_t i = 0; i < hints->step_count; i++) {
        uint32_t budget =
            hints->scopes[i] != 0 ? pawl_scope_at(core, hints->scopes[i])->first_budget : 0;
        if (budget != 0) {
            __builtin_prefetch(pawl_budget_at(core, budget));
        }
    }
}

void pawl_core_prepare(const struct pawl_core *core,
                       const struct pawl_command *commands,
                       uint32_t count)
{
    struct hints hints[GROUP_MAX];
    PAWL_ASSERT(commands != NULL || count == 0);
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    if (core->state.limits.configured == 0) {
        return;
    }
    uint32_t group = count < GROUP_MAX ? count : GROUP_MAX;
    PAWL_ASSERT(group <= count);
    for (uint32_t i = 0; i < group; i++) {
        ask_buckets(core, &commands[i], core->state.op + 1 + i, &hints[i]);
    }
    ask_for_drain(core, group);
    for (uint32_t i = 0; i < group; i++) {
        ask_slots(core, &hints[i]);
    }
    for (uint32_t i = 0; i < group; i++) {
        ask_objects(core, &hints[i]);
    }
    for (uint32_t i = 0; i < group; i++) {
        if (hints[i].slot != 0) {
            pawl_timer_prefetch(core, pawl_reservation_at(core, hints[i].slot)->timer);
        }
    }
}
