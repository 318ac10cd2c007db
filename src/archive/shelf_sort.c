/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf_sort.c: the changes of a transaction in the order of a shelf. It is a merge sort from below
 * with the comparison inside of it: qsort, which calls for each comparison, took more than the half of
 * all that shelves cost. Changes come in the order of operations, which for some shelves is nearly
 * theirs: runs that follow each other are copied as they are.
 */
#include <string.h>

#include "archive/shelf.h"
#include "base/money.h"

enum { RUN = 8 }; /* sorted by insertion first */

/* Segment, group and number as one number. */
static pawl_u128 key_of(const struct pawl_archive_change *change)
{
    const struct pawl_archive_entry *entry = &change->entry;
    uint64_t segment = pawl_archive_segment(pawl_archive_entry_op(entry));
    uint64_t number = (uint64_t)entry->number ^ (UINT64_C(1) << 63);
    return (pawl_u128)(segment << 32 | entry->group) << 64 | number;
}

static bool is_before(const struct pawl_archive_change *a, const struct pawl_archive_change *b)
{
    pawl_u128 a_key = key_of(a);
    pawl_u128 b_key = key_of(b);
    return a_key < b_key ||
           (a_key == b_key && pawl_archive_entry_op(&a->entry) < pawl_archive_entry_op(&b->entry));
}

static void sort_run(struct pawl_archive_change *changes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct pawl_archive_change change = changes[i];
        size_t at = i;
        while (at > 0 && is_before(&change, &changes[at - 1])) {
            changes[at] = changes[at - 1];
            at--;
        }
        changes[at] = change;
    }
}

/* Two runs, the second one behind the first. */
static void merge_runs(const struct pawl_archive_change *runs,
                       size_t first_count,
                       size_t count,
                       struct pawl_archive_change *out)
{
    const struct pawl_archive_change *a = runs;
    const struct pawl_archive_change *a_end = runs + first_count;
    const struct pawl_archive_change *b = a_end;
    const struct pawl_archive_change *b_end = runs + count;
    if (b == b_end || is_before(&b[-1], b)) {
        memcpy(out, runs, count * sizeof(out[0]));
        return;
    }
    while (a < a_end && b < b_end) {
        bool second = is_before(b, a);
        *out++ = *(second ? b : a);
        b += second ? 1 : 0;
        a += second ? 0 : 1;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof(out[0]));
    memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof(out[0]));
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

void pawl_archive_changes_sort(struct pawl_archive_db *db,
                               struct pawl_archive_change *changes,
                               size_t count,
                               struct pawl_archive_merge *merge)
{
    struct pawl_archive_change *room = pawl_archive_db_room(
        db, merge->changes, &merge->change_capacity, count, sizeof(changes[0]));
    if (room == NULL) {
        return;
    }
    merge->changes = room;
    struct pawl_archive_change *from = changes;
    struct pawl_archive_change *to = room;
    for (size_t at = 0; at < count; at += RUN) {
        sort_run(changes + at, lesser(RUN, count - at));
    }
    for (size_t width = RUN; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t left = count - at;
            merge_runs(from + at, lesser(width, left), lesser(2 * width, left), to + at);
        }
        struct pawl_archive_change *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != changes) {
        memcpy(changes, from, count * sizeof(changes[0]));
    }
}
