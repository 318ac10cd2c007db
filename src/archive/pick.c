/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick.c: entries in order. A strand is a run of entries on one shelf through one or more segments;
 * a walk merges strands with a heap.
 *
 * Failure: kept in the connection, or the arena's flag. Ownership: everything is in the arena.
 */
#include "archive/query.h"

struct pawl_archive_strand {
    enum pawl_archive_shelf shelf;
    struct pawl_archive_entry low;
    struct pawl_archive_entry high;
    uint64_t segments_left; /* behind the one under the cursor */
    const struct pawl_archive_entry *head;
    struct pawl_archive_cursor cursor;
};

void pawl_archive_walk_begin(struct pawl_archive_walk *walk,
                             struct pawl_archive_search *search,
                             bool ascending,
                             bool by_op)
{
    *walk = (struct pawl_archive_walk){.search = search, .ascending = ascending, .by_op = by_op};
}

/* --- Strands. --------------------------------------------------------------------------------- */

/* The next entry of the strand becomes its head. */
static void advance(struct pawl_archive_walk *walk, struct pawl_archive_strand *strand)
{
    strand->head = pawl_archive_cursor_next(&strand->cursor);
    while (strand->head == NULL && strand->segments_left > 0 && pawl_ok(walk->search->db->err)) {
        uint64_t segment = strand->cursor.segment;
        strand->segments_left--;
        pawl_archive_cursor_open(&strand->cursor, walk->search->db, strand->shelf,
                                 walk->ascending ? segment + 1 : segment - 1, &strand->low,
                                 &strand->high, walk->ascending);
        strand->head = pawl_archive_cursor_next(&strand->cursor);
    }
}

static bool comes_before(const struct pawl_archive_walk *walk,
                         const struct pawl_archive_strand *a,
                         const struct pawl_archive_strand *b)
{
    uint64_t a_op = pawl_archive_entry_op(a->head);
    uint64_t b_op = pawl_archive_entry_op(b->head);
    if (!walk->by_op && a->head->number != b->head->number) {
        return (a->head->number < b->head->number) == walk->ascending;
    }
    return (a_op < b_op) == walk->ascending;
}

/* --- The heap. -------------------------------------------------------------------------------- */

static void sift_up(struct pawl_archive_walk *walk, uint32_t at)
{
    struct pawl_archive_strand *strand = walk->heap[at];
    while (at > 0 && comes_before(walk, strand, walk->heap[(at - 1) / 2])) {
        walk->heap[at] = walk->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    walk->heap[at] = strand;
}

static void sift_down(struct pawl_archive_walk *walk)
{
    struct pawl_archive_strand *strand = walk->heap[0];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= walk->count) {
            break;
        }
        if (child + 1 < walk->count &&
            comes_before(walk, walk->heap[child + 1], walk->heap[child])) {
            child++;
        }
        if (!comes_before(walk, walk->heap[child], strand)) {
            break;
        }
        walk->heap[at] = walk->heap[child];
        at = child;
    }
    walk->heap[at] = strand;
}

static bool heap_reserve(struct pawl_archive_walk *walk)
{
    if (walk->count < walk->capacity) {
        return true;
    }
    struct pawl_arena *arena = walk->search->arena;
    uint32_t capacity = walk->capacity == 0 ? 16 : 2 * walk->capacity;
    size_t bytes = capacity * sizeof(struct pawl_archive_strand *);
    size_t old_bytes = walk->capacity * sizeof(struct pawl_archive_strand *);
    struct pawl_archive_strand **heap =
        walk->heap == NULL ? pawl_arena_alloc(arena, bytes)
                           : pawl_arena_resize(arena, walk->heap, old_bytes, bytes);
    if (heap == NULL) {
        return false;
    }
    walk->heap = heap;
    walk->capacity = capacity;
    return true;
}

void pawl_archive_walk_add(struct pawl_archive_walk *walk,
                           enum pawl_archive_shelf shelf,
                           const struct pawl_archive_entry *low,
                           const struct pawl_archive_entry *high,
                           uint64_t first_segment,
                           uint64_t last_segment)
{
    PAWL_ASSERT(first_segment <= last_segment);
    struct pawl_archive_strand *strand = pawl_arena_alloc(walk->search->arena, sizeof(*strand));
    if (strand == NULL || !heap_reserve(walk)) {
        return; /* the arena's flag says it */
    }
    strand->shelf = shelf;
    strand->low = *low;
    strand->high = *high;
    strand->segments_left = last_segment - first_segment;
    pawl_archive_cursor_open(&strand->cursor, walk->search->db, shelf,
                             walk->ascending ? first_segment : last_segment, low, high,
                             walk->ascending);
    advance(walk, strand);
    if (strand->head != NULL) {
        walk->heap[walk->count] = strand;
        walk->count++;
        sift_up(walk, walk->count - 1);
    }
}

void pawl_archive_walk_skip(struct pawl_archive_walk *walk, uint64_t segment)
{
    uint32_t count = walk->count;
    walk->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pawl_archive_strand *strand = walk->heap[i];
        if (strand->cursor.segment == segment) {
            strand->cursor.ended = true;
            advance(walk, strand);
        }
        if (strand->head != NULL) {
            walk->heap[walk->count] = strand;
            walk->count++;
            sift_up(walk, walk->count - 1);
        }
    }
}

const struct pawl_archive_entry *pawl_archive_walk_next(struct pawl_archive_walk *walk)
{
    if (walk->count == 0 || pawl_failed(walk->search->db->err)) {
        return NULL;
    }
    struct pawl_archive_strand *strand = walk->heap[0];
    walk->entry = *strand->head;
    advance(walk, strand);
    if (strand->head == NULL) {
        walk->count--;
        walk->heap[0] = walk->heap[walk->count];
    }
    if (walk->count > 1) {
        sift_down(walk);
    }
    return &walk->entry;
}
