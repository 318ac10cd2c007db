/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_spots.c: where something lies, for lists by scope. To look into each segment of each scope
 * for the few reservations that a filter lets through would take a search each. So what the filter
 * allows is read from its own shelf, whose entries say scope and operation, and pairs of scope and
 * segment are kept; the walk passes over the others.
 */
#include "archive/query.h"
#include "base/hash.h"

struct spots {
    struct pawl_archive_search *search;
    uint64_t *slots; /* the arena's: scope << 32 | segment, by hash; 0: free */
    uint32_t slot_count;
    uint32_t count;
    uint64_t work_max;
};

static uint64_t *slot_of(uint64_t *slots, uint32_t slot_count, uint32_t scope, uint64_t segment)
{
    uint64_t pair = (uint64_t)scope << 32 | segment;
    uint32_t mask = slot_count - 1;
    uint32_t at = (uint32_t)pawl_hash_mix(pair) & mask;
    while (slots[at] != 0 && slots[at] != pair) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* false: there are too many. */
static bool take_segment(struct spots *spots,
                         enum pawl_archive_shelf shelf,
                         const struct pawl_archive_entry *low,
                         const struct pawl_archive_entry *high,
                         uint64_t segment)
{
    struct pawl_archive_search *search = spots->search;
    const uint8_t status = search->query->status;
    struct pawl_archive_cursor cursor;
    const struct pawl_archive_entry *entry = NULL;
    pawl_archive_cursor_open(&cursor, search->db, shelf, segment, low, high, true);
    while ((entry = pawl_archive_cursor_next(&cursor)) != NULL) {
        uint64_t op = pawl_archive_entry_op(entry);
        if (search->db->work > spots->work_max) {
            return false;
        }
        if (op < search->op_low || op > search->op_high ||
            (status != 0 && status != pawl_archive_entry_status(entry))) {
            continue;
        }
        uint64_t *slot = slot_of(spots->slots, spots->slot_count, entry->scope, segment);
        if (*slot == 0) {
            if (spots->count == search->limits->spots) {
                return false;
            }
            *slot = (uint64_t)entry->scope << 32 | segment;
            spots->count++;
        }
    }
    return pawl_ok(search->db->err);
}

/* What one shelf has between two numbers. */
static bool try_range(struct pawl_archive_search *search,
                      enum pawl_archive_shelf shelf,
                      int64_t from,
                      int64_t to)
{
    struct spots spots = {.search = search, .slot_count = 64};
    struct pawl_archive_entry low = pawl_archive_bound(search->tenant, from, 0);
    struct pawl_archive_entry high = pawl_archive_bound(search->tenant, to, PAWL_ARCHIVE_OP_MAX);
    while (spots.slot_count / 2 <= search->limits->spots) {
        spots.slot_count *= 2;
    }
    spots.slots = pawl_arena_alloc(search->arena, spots.slot_count * sizeof(spots.slots[0]));
    if (spots.slots == NULL) {
        return true; /* the arena's flag says it */
    }
    spots.work_max = search->db->work + search->limits->spots_work;
    uint64_t last = pawl_archive_segment(search->op_high);
    for (uint64_t segment = pawl_archive_segment(search->op_low); segment <= last; segment++) {
        if (!take_segment(&spots, shelf, &low, &high, segment)) {
            return false;
        }
    }
    search->spots = spots.slots;
    search->spot_slots = spots.slot_count;
    return true;
}

void pawl_archive_spots_make(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    bool made = (query->status != 0 &&
                 try_range(search, PAWL_ARCHIVE_SHELF_STATUS, query->status, query->status)) ||
                (pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms) &&
                 try_range(search, PAWL_ARCHIVE_SHELF_FINALIZED, query->finalized_from_ms,
                           query->finalized_to_ms)) ||
                (pawl_archive_bounded(query->expires_from_ms, query->expires_to_ms) &&
                 try_range(search, PAWL_ARCHIVE_SHELF_EXPIRES, query->expires_from_ms,
                           query->expires_to_ms));
    PAWL_ASSERT(!made || search->spots != NULL || search->arena->overflowed);
}

bool pawl_archive_spots_has(const struct pawl_archive_search *search,
                            uint32_t scope,
                            uint64_t segment)
{
    return search->spots == NULL ||
           *slot_of(search->spots, search->spot_slots, scope, segment) != 0;
}
