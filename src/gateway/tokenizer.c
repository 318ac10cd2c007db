/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.c: byte pair encoding. A piece that is a token is one; any other begins as its bytes,
 * and of all neighbours that together are a token, those with the lowest rank are joined (the
 * leftmost first), until no two are.
 *
 * How the lowest is found: in a short piece by looking at all, in a longer one with a heap, so that
 * a piece of n bytes takes n log n steps. Entries of the heap whose pair has changed since are left
 * in it and skipped. Longer than PAWL_TOKENIZER_PIECE_BYTES_MAX no piece gets (tokenizer.h): a text
 * made to be slow costs no more than a constant times its length.
 *
 * Nothing is allocated; the largest frame is that of merge_long(), 76 KiB.
 */
#include "gateway/tokenizer.h"

#include "base/assert.h"
#include "gateway/tokenizer_priv.h"

enum { SHORT_BYTES = 48, LONG_BYTES = PAWL_TOKENIZER_PIECE_BYTES_MAX };

struct sink {
    uint32_t *ranks;
    size_t max;
    size_t count;
};

/* --- Vocabulary ----------------------------------------------------------------------------- */

static uint32_t rank_of(const char *bytes, size_t count)
{
    if (count > TOKEN_BYTES_MAX) {
        return TOKEN_RANK_NONE;
    }
    uint64_t hash = token_hash(bytes, count);
    uint32_t mark = token_mark_of(hash);
    uint32_t slot = token_slot_of(hash);
    for (;; slot = (slot + 1) % TOKEN_SLOT_COUNT) {
        uint32_t word = pawl_token_slots[slot];
        if (word == TOKEN_SLOT_EMPTY) {
            return TOKEN_RANK_NONE;
        }
        uint32_t rank = word & ((1u << TOKEN_RANK_BITS) - 1);
        if ((word ^ mark) >> TOKEN_RANK_BITS != 0) {
            continue;
        }
        uint32_t place = pawl_token_places[rank];
        const char *token = (const char *)pawl_token_bytes + (place >> TOKEN_LENGTH_BITS);
        if ((place & ((1u << TOKEN_LENGTH_BITS) - 1)) == count &&
            memcmp(token, bytes, count) == 0) {
            return rank;
        }
    }
}

static void put(struct sink *sink, const char *bytes, size_t count)
{
    if (sink->count < sink->max) {
        sink->ranks[sink->count] = rank_of(bytes, count);
        PAWL_ASSERT(sink->ranks[sink->count] != TOKEN_RANK_NONE);
    }
    sink->count++;
}

/* --- Short pieces --------------------------------------------------------------------------- */

static void merge_short(struct pawl_slice piece, struct sink *sink)
{
    uint8_t starts[SHORT_BYTES + 1]; /* of the parts, and the end */
    uint32_t ranks[SHORT_BYTES];     /* of a part together with the next one */
    uint32_t count = (uint32_t)piece.bytes;
    PAWL_ASSERT(count > 1 && count <= SHORT_BYTES); /* every byte is a token */
    for (uint32_t i = 0; i < count; i++) {
        starts[i] = (uint8_t)i;
        ranks[i] = i + 1 < count ? rank_of(piece.data + i, 2) : TOKEN_RANK_NONE;
    }
    starts[count] = (uint8_t)count;
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < count; i++) {
            best = ranks[i] < ranks[best] ? i : best;
        }
        if (ranks[best] == TOKEN_RANK_NONE) {
            break;
        }
        memmove(&starts[best + 1], &starts[best + 2], count - best - 1);
        memmove(&ranks[best + 1], &ranks[best + 2], (count - best - 2) * sizeof(ranks[0]));
        count--;
        for (uint32_t i = best > 0 ? best - 1 : 0; i <= best; i++) {
            ranks[i] = i + 2 <= count
                           ? rank_of(piece.data + starts[i], (size_t)starts[i + 2] - starts[i])
                           : TOKEN_RANK_NONE;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        put(sink, piece.data + starts[i], (size_t)starts[i + 1] - starts[i]);
    }
}

/* --- Long pieces ---------------------------------------------------------------------------- */

/* Parts as a list over the bytes at which they begin. */
struct parts {
    struct pawl_slice piece;
    uint32_t heap_count;
    uint16_t next[LONG_BYTES + 1]; /* the end is the last one's next */
    uint16_t before[LONG_BYTES + 1];
    uint32_t ranks[LONG_BYTES]; /* together with the next one; NONE too for what begins no part */
    uint64_t heap[3 * LONG_BYTES]; /* rank above place, the lowest first */
};

static void heap_add(struct parts *parts, uint64_t entry)
{
    PAWL_ASSERT(parts->heap_count < 3 * LONG_BYTES);
    uint32_t at = parts->heap_count++;
    for (; at > 0 && entry < parts->heap[(at - 1) / 2]; at = (at - 1) / 2) {
        parts->heap[at] = parts->heap[(at - 1) / 2];
    }
    parts->heap[at] = entry;
}

static uint64_t heap_take(struct parts *parts)
{
    uint64_t lowest = parts->heap[0];
    uint64_t entry = parts->heap[--parts->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= parts->heap_count) {
            break;
        }
        bool right = child + 1 < parts->heap_count && parts->heap[child + 1] < parts->heap[child];
        child += right ? 1 : 0;
        if (entry <= parts->heap[child]) {
            break;
        }
        parts->heap[at] = parts->heap[child];
        at = child;
    }
    parts->heap[at] = entry;
    return lowest;
}

static void look_at_pair(struct parts *parts, uint16_t start)
{
    uint16_t second = parts->next[start];
    parts->ranks[start] = TOKEN_RANK_NONE;
    if (second == parts->piece.bytes) {
        return;
    }
    size_t bytes = (size_t)parts->next[second] - start;
    uint32_t rank = rank_of(parts->piece.data + start, bytes);
    parts->ranks[start] = rank;
    if (rank != TOKEN_RANK_NONE) {
        heap_add(parts, (uint64_t)rank << 32 | start);
    }
}

static void join_with_next(struct parts *parts, uint16_t start)
{
    uint16_t second = parts->next[start];
    uint16_t after = parts->next[second];
    parts->next[start] = after;
    parts->before[after] = start;
    parts->ranks[second] = TOKEN_RANK_NONE;
    look_at_pair(parts, start);
    if (start > 0) {
        look_at_pair(parts, parts->before[start]);
    }
}

static void merge_long(struct pawl_slice piece, struct sink *sink)
{
    struct parts parts;
    parts.piece = piece;
    parts.heap_count = 0;
    uint16_t end = (uint16_t)piece.bytes;
    for (uint16_t i = 0; i < end; i++) {
        parts.next[i] = (uint16_t)(i + 1);
        parts.before[i + 1] = i;
    }
    for (uint16_t i = 0; i < end; i++) {
        look_at_pair(&parts, i);
    }
    while (parts.heap_count > 0) {
        uint64_t entry = heap_take(&parts);
        uint16_t start = (uint16_t)entry;
        if (parts.ranks[start] == (uint32_t)(entry >> 32)) {
            join_with_next(&parts, start);
        }
    }
    for (uint16_t at = 0; at < end; at = parts.next[at]) {
        put(sink, piece.data + at, (size_t)parts.next[at] - at);
    }
}

/* --- Texts ---------------------------------------------------------------------------------- */

static void encode_piece(struct pawl_slice piece, struct sink *sink)
{
    while (piece.bytes > LONG_BYTES) {
        merge_long(pawl_slice_sub(piece, 0, LONG_BYTES), sink);
        piece = pawl_slice_sub(piece, LONG_BYTES, piece.bytes - LONG_BYTES);
        sink->count += sink->max == 0 ? PAWL_TOKENIZER_CUT_TOKENS : 0;
    }
    if (rank_of(piece.data, piece.bytes) != TOKEN_RANK_NONE) {
        put(sink, piece.data, piece.bytes);
    } else if (piece.bytes <= SHORT_BYTES) {
        merge_short(piece, sink);
    } else {
        merge_long(piece, sink);
    }
}

size_t pawl_tokenizer_encode(struct pawl_slice text, uint32_t *ret_ranks, size_t ret_ranks_max)
{
    struct sink sink = {.ranks = ret_ranks, .max = ret_ranks_max};
    for (size_t at = 0; at < text.bytes;) {
        size_t end = pawl_token_piece_end(text, at);
        PAWL_ASSERT(end > at && end <= text.bytes);
        encode_piece(pawl_slice_sub(text, at, end - at), &sink);
        at = end;
    }
    return sink.count;
}

size_t pawl_tokenizer_count(struct pawl_slice text)
{
    return pawl_tokenizer_encode(text, NULL, 0);
}
