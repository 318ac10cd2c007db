/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_sieve.c: filters on times while another shelf is walked. An entry of that shelf does not
 * know when its reservation expires or was finalized, and to look at the row of each costs a
 * hundred times as much as to pass over it.
 *
 * So of each segment, when the first entry of it comes, the shelf of the filter is asked whether it
 * has anything there at all; if not, the segment is passed over. A few rows are looked at then. If
 * they were not enough, what the filter allows in this segment is read from its shelf into one bit
 * an operation, and the rest is a look at a bit.
 */
#include "archive/query.h"

enum {
    SEGMENTS_MAX = 1 << 16, /* beyond them rows are looked at */
    MADE_MAX = 512,         /* sieves of one query: 16 MiB */
    OPS = 1 << PAWL_ARCHIVE_SEGMENT_BITS,
    WORDS = OPS / 64
};

struct pawl_archive_sieve {
    bool asked;
    bool none;
    uint32_t looks;
    uint64_t *bits; /* the arena's: WORDS; NULL: not made */
};

struct range {
    enum pawl_archive_shelf shelf;
    int64_t from;
    int64_t to;
};

/* What has to be sieved for: up to two. */
static uint32_t ranges_of(const struct pawl_archive_query *query, struct range ret_ranges[static 2])
{
    uint32_t count = 0;
    if (pawl_archive_bounded(query->expires_from_ms, query->expires_to_ms) &&
        query->sort != PAWL_ARCHIVE_BY_EXPIRES) {
        ret_ranges[count++] = (struct range){PAWL_ARCHIVE_SHELF_EXPIRES, query->expires_from_ms,
                                             query->expires_to_ms};
    }
    if (pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms)) {
        ret_ranges[count++] = (struct range){PAWL_ARCHIVE_SHELF_FINALIZED, query->finalized_from_ms,
                                             query->finalized_to_ms};
    }
    return count;
}

static void open_range(struct pawl_archive_search *search,
                       const struct range *range,
                       uint64_t segment,
                       struct pawl_archive_cursor *cursor)
{
    struct pawl_archive_entry low = pawl_archive_bound(search->tenant, range->from, 0);
    struct pawl_archive_entry high =
        pawl_archive_bound(search->tenant, range->to, PAWL_ARCHIVE_OP_MAX);
    pawl_archive_cursor_open(cursor, search->db, range->shelf, segment, &low, &high, true);
}

static struct pawl_archive_sieve *sieve_of(struct pawl_archive_search *search, uint64_t segment)
{
    if (search->sieves == NULL) {
        search->first_sieve = pawl_archive_segment(search->op_low);
        search->sieve_count = pawl_archive_segment(search->op_high) - search->first_sieve + 1;
        if (search->sieve_count > SEGMENTS_MAX) {
            return NULL;
        }
        search->sieves = pawl_arena_alloc(search->arena,
                                          (size_t)search->sieve_count * sizeof(search->sieves[0]));
    }
    if (search->sieves == NULL) {
        return NULL; /* the arena's flag says it */
    }
    /* The walk may go on from within the range that it began with. */
    PAWL_ASSERT(segment - search->first_sieve < search->sieve_count);
    return &search->sieves[segment - search->first_sieve];
}

static void set_bits(struct pawl_archive_search *search,
                     const struct range *range,
                     uint64_t segment,
                     uint64_t *bits)
{
    struct pawl_archive_cursor cursor;
    const struct pawl_archive_entry *entry = NULL;
    open_range(search, range, segment, &cursor);
    while ((entry = pawl_archive_cursor_next(&cursor)) != NULL) {
        uint64_t at = pawl_archive_entry_op(entry) % OPS;
        bits[at / 64] |= UINT64_C(1) << at % 64;
    }
}

/* What every range allows. NULL: no memory. */
static uint64_t *make_bits(struct pawl_archive_search *search,
                           const struct range *ranges,
                           uint32_t count,
                           uint64_t segment)
{
    uint64_t *bits = pawl_arena_alloc(search->arena, WORDS * sizeof(bits[0]));
    if (bits == NULL) {
        return NULL;
    }
    set_bits(search, &ranges[0], segment, bits);
    if (count > 1) {
        uint64_t *others = pawl_arena_alloc(search->arena, WORDS * sizeof(others[0]));
        if (others == NULL) {
            return NULL;
        }
        set_bits(search, &ranges[1], segment, others);
        for (uint32_t i = 0; i < WORDS; i++) {
            bits[i] &= others[i];
        }
    }
    return bits;
}

static bool look_at_row(struct pawl_archive_search *search, uint64_t op)
{
    struct pawl_archive_image row;
    return pawl_archive_row_look(search->db, op, &row) && pawl_archive_allows_row(search, op, &row);
}

static bool has_none(struct pawl_archive_search *search,
                     const struct range *ranges,
                     uint32_t count,
                     uint64_t segment)
{
    bool none = false;
    for (uint32_t i = 0; i < count && !none; i++) {
        struct pawl_archive_cursor cursor;
        open_range(search, &ranges[i], segment, &cursor);
        none = pawl_archive_cursor_next(&cursor) == NULL;
    }
    return none && pawl_ok(search->db->err);
}

enum pawl_archive_sieved pawl_archive_sieve(struct pawl_archive_search *search, uint64_t op)
{
    struct range ranges[2];
    uint32_t count = ranges_of(search->query, ranges);
    if (count == 0) {
        return PAWL_ARCHIVE_SIEVE_YES;
    }
    uint64_t segment = pawl_archive_segment(op);
    struct pawl_archive_sieve *sieve = sieve_of(search, segment);
    if (sieve == NULL) {
        return look_at_row(search, op) ? PAWL_ARCHIVE_SIEVE_YES : PAWL_ARCHIVE_SIEVE_NO;
    }
    if (!sieve->asked) {
        sieve->asked = true;
        sieve->none = has_none(search, ranges, count, segment);
    }
    if (sieve->none) {
        return PAWL_ARCHIVE_SIEVE_NONE;
    }
    if (sieve->bits == NULL && sieve->looks >= search->limits->rows_looks &&
        search->sieves_made + count <= MADE_MAX) {
        sieve->bits = make_bits(search, ranges, count, segment);
        search->sieves_made += count;
    }
    if (sieve->bits != NULL) {
        uint64_t at = op % OPS;
        return (sieve->bits[at / 64] >> at % 64 & 1) != 0 ? PAWL_ARCHIVE_SIEVE_YES
                                                          : PAWL_ARCHIVE_SIEVE_NO;
    }
    sieve->looks++;
    return look_at_row(search, op) ? PAWL_ARCHIVE_SIEVE_YES : PAWL_ARCHIVE_SIEVE_NO;
}
