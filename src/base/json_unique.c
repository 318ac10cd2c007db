/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_unique.c: no key twice in one object. Objects of a few members compare every pair.
 * Larger ones sort their keys by (hash, decoded bytes, position) and look at neighbours:
 * n log n for any input. A hash table would need a secret key against chosen collisions, and
 * a reader that behaves differently in every process is no good to a journal that replays;
 * here a collision only costs a longer comparison.
 *
 * Heapsort, since it needs no second array and has no bad case.
 */
#include "base/assert.h"
#include "base/json_priv.h"

enum { PAIRS_MAX = 8 };

struct entry {
    uint64_t hash;
    uint32_t key; /* node */
};

static bool same_key(const struct pawl_json *json, uint32_t a, uint32_t b)
{
    return pawl_json_text_compare(pawl_json_text_of(json, a), pawl_json_text_of(json, b)) == 0;
}

static bool entry_before(const struct pawl_json *json, struct entry a, struct entry b)
{
    if (a.hash != b.hash) {
        return a.hash < b.hash;
    }
    int order =
        pawl_json_text_compare(pawl_json_text_of(json, a.key), pawl_json_text_of(json, b.key));
    return order != 0 ? order < 0 : a.key < b.key;
}

/* Lets the entry at `hole` sink until both its children are before it. */
static void sift(const struct pawl_json *json, struct entry *entries, size_t hole, size_t count)
{
    struct entry sinking = entries[hole];
    for (size_t child = 2 * hole + 1; child < count; child = 2 * hole + 1) {
        if (child + 1 < count && entry_before(json, entries[child], entries[child + 1])) {
            child++;
        }
        if (!entry_before(json, sinking, entries[child])) {
            break;
        }
        entries[hole] = entries[child];
        hole = child;
    }
    entries[hole] = sinking;
}

static void sort(const struct pawl_json *json, struct entry *entries, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(json, entries, i - 1, count);
    }
    for (size_t last = count - 1; last > 0; last--) {
        struct entry greatest = entries[0];
        entries[0] = entries[last];
        entries[last] = greatest;
        sift(json, entries, 0, last);
    }
}

/* The same number for keys that are the same and have no escapes: from length and both ends. */
static uint64_t mark_of(const struct pawl_json *json, const struct pawl_json_node *key)
{
    uint64_t first = (unsigned char)json->text.data[key->start + 1]; /* the quote, of "" */
    uint64_t last = (unsigned char)json->text.data[key->end - 2];
    return (key->end - key->start) << 16 | first << 8 | last;
}

/* The first key in document order that repeats an earlier one, or NONE. Nearly all pairs are told
 * apart by their marks, where neither has escapes. */
static uint32_t find_by_pairs(const struct pawl_json *json, uint32_t object)
{
    uint64_t marks[PAIRS_MAX];
    uint32_t seen[PAIRS_MAX];
    uint32_t count = 0;
    bool escaped = false;
    for (uint32_t member = object + 2; member != PAWL_JSON_NONE;
         member = json->nodes[member].next) {
        uint32_t key = json->nodes[member].key;
        uint64_t mark = mark_of(json, &json->nodes[key]);
        escaped = escaped || json->nodes[key].escaped;
        for (uint32_t i = 0; i < count; i++) {
            if ((marks[i] == mark || escaped) && same_key(json, key, seen[i])) {
                return key;
            }
        }
        PAWL_ASSERT(count < PAIRS_MAX);
        marks[count] = mark;
        seen[count++] = key;
    }
    return PAWL_JSON_NONE;
}

static uint32_t
find_by_sorting(const struct pawl_json *json, uint32_t object, struct entry *entries)
{
    size_t count = 0;
    uint32_t member = pawl_json_first(json, object);
    for (; member != PAWL_JSON_NONE; member = pawl_json_next(json, member)) {
        uint32_t key = json->nodes[member].key;
        entries[count++] =
            (struct entry){.hash = pawl_json_text_hash(pawl_json_text_of(json, key)), .key = key};
    }
    PAWL_ASSERT(count == json->nodes[object].count);
    sort(json, entries, count);
    uint32_t first = PAWL_JSON_NONE; /* the greatest number, so that any key is less */
    for (size_t i = 1; i < count; i++) {
        if (entries[i].hash == entries[i - 1].hash && entries[i].key < first &&
            same_key(json, entries[i - 1].key, entries[i].key)) {
            first = entries[i].key;
        }
    }
    return first;
}

bool pawl_json_check_unique(struct pawl_json *json, struct pawl_arena *arena)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < json->count; i++) {
        if (json->nodes[i].type == PAWL_JSON_OBJECT && json->nodes[i].count > largest) {
            largest = json->nodes[i].count;
        }
    }
    struct entry *entries = NULL;
    if (largest > PAIRS_MAX) {
        entries = pawl_arena_alloc(arena, largest * sizeof(*entries));
        if (entries == NULL) {
            json->error = PAWL_JSON_NO_MEMORY;
            json->error_offset = 0;
            return false;
        }
    }
    for (uint32_t i = 0; i < json->count; i++) {
        if (json->nodes[i].type != PAWL_JSON_OBJECT || json->nodes[i].count < 2) {
            continue;
        }
        uint32_t key = json->nodes[i].count <= PAIRS_MAX ? find_by_pairs(json, i)
                                                         : find_by_sorting(json, i, entries);
        if (key != PAWL_JSON_NONE) {
            json->error = PAWL_JSON_DUPLICATE;
            json->error_offset = json->nodes[key].start;
            return false;
        }
    }
    return true;
}
