/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf_sort.c: the changes of a transaction in the order of a shelf, byte by byte from the lowest
 * one (a radix sort). The changes of one transaction have most bytes of their keys in common, those
 * are passed over, and what is left costs a dozen instructions a change and byte: a tenth of what
 * qsort needs, which was more than the half of all that shelves cost.
 */
#include <string.h>

#include "archive/shelf.h"

enum { KEY_WORDS = 3, BYTE_VALUES = 256 };

/* A word of the key, the lowest one first. */
static uint64_t word_of(const struct pawl_archive_entry *entry, unsigned word)
{
    uint64_t op = pawl_archive_entry_op(entry);
    switch (word) {
    case 0:
        return op;
    case 1:
        return (uint64_t)entry->number ^ (UINT64_C(1) << 63);
    default:
        return pawl_archive_segment(op) << 32 | entry->group;
    }
}

/* Bits of the word in which not all are the same. */
static uint64_t differing(const struct pawl_archive_change *changes, size_t count, unsigned word)
{
    uint64_t first = word_of(&changes[0].entry, word);
    uint64_t bits = 0;
    for (size_t i = 1; i < count; i++) {
        bits |= first ^ word_of(&changes[i].entry, word);
    }
    return bits;
}

/* By one byte; what has the same one stays in its order. */
static void sort_by_byte(const struct pawl_archive_change *from,
                         struct pawl_archive_change *to,
                         size_t count,
                         unsigned word,
                         unsigned shift)
{
    size_t places[BYTE_VALUES] = {0};
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        places[word_of(&from[i].entry, word) >> shift & (BYTE_VALUES - 1)]++;
    }
    for (size_t i = 0; i < BYTE_VALUES; i++) {
        size_t of_byte = places[i];
        places[i] = place;
        place += of_byte;
    }
    for (size_t i = 0; i < count; i++) {
        to[places[word_of(&from[i].entry, word) >> shift & (BYTE_VALUES - 1)]++] = from[i];
    }
}

void pawl_archive_changes_sort(struct pawl_archive_db *db,
                               struct pawl_archive_change *changes,
                               size_t count,
                               struct pawl_archive_merge *merge)
{
    PAWL_ASSERT(count > 0);
    struct pawl_archive_change *room = pawl_archive_db_room(
        db, merge->changes, &merge->change_capacity, count, sizeof(changes[0]));
    if (room == NULL) {
        return;
    }
    merge->changes = room;
    struct pawl_archive_change *from = changes;
    struct pawl_archive_change *to = room;
    for (unsigned word = 0; word < KEY_WORDS; word++) {
        uint64_t bits = differing(from, count, word);
        for (unsigned shift = 0; shift < 64; shift += 8) {
            if ((bits >> shift & (BYTE_VALUES - 1)) != 0) {
                sort_by_byte(from, to, count, word, shift);
                struct pawl_archive_change *sorted = to;
                to = from;
                from = sorted;
            }
        }
    }
    if (from != changes) {
        memcpy(changes, from, count * sizeof(changes[0]));
    }
}
