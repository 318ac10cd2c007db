/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_priv.h: what the files of the JSON module share. Nobody else includes it.
 *
 *   json_token.c   one string, number or word at a position
 *   json_read.c    structure: the loop over values, the node array, the limits
 *   json_unique.c  duplicate keys of a whole document
 *   json_text.c    a string's content: decoded, compared, hashed
 *   json_get.c     look-ups
 *   json_write.c   the writer
 */
#ifndef PAWL_BASE_JSON_PRIV_H
#define PAWL_BASE_JSON_PRIV_H

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/json.h"

/* --- json_token.c. A scan stands on a byte of the text; each function below begins at `at` and
 * on success leaves it behind the token. On failure `error` says why and `at` where. ---------- */

struct pawl_json_scan {
    const unsigned char *at;
    const unsigned char *end;
    enum pawl_json_profile profile;
    enum pawl_json_error error;
};

/* Sets the error at a position; always false, to be returned. */
bool pawl_json_scan_fail(struct pawl_json_scan *scan,
                         enum pawl_json_error error,
                         const unsigned char *at);
/* `at` is on the opening quote. */
bool pawl_json_scan_string(struct pawl_json_scan *scan, bool *ret_escaped);
/* `at` is on a minus or a digit. */
bool pawl_json_scan_number(struct pawl_json_scan *scan);
/* "true", "false" or "null". */
bool pawl_json_scan_word(struct pawl_json_scan *scan, struct pawl_slice word);

/* Of eight bytes as they lie in memory: the high bit of every byte that a string cannot hold as it
 * is, or that is not ASCII. Exact for the lowest such byte of the word; bytes above it may be
 * marked wrongly, since the subtractions borrow from them. */
static inline uint64_t pawl_json_not_plain(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    uint64_t hits = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                    ((word - ones * 0x20) & ~word) | word;
    return hits & (ones << 7);
}

#if defined(__SSE2__)

/* The same of sixteen: ones in every byte that is such a one. Exact for all of them. */
static inline __m128i pawl_json_not_plain_block(__m128i block)
{
    __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    /* As signed numbers, both control characters and bytes beyond ASCII are less. */
    return _mm_or_si128(hits, _mm_cmplt_epi8(block, _mm_set1_epi8(' ')));
}

#endif

/* --- json_text.c. A text is what stands between the quotes of a string that was checked. ----- */

struct pawl_json_text {
    struct pawl_slice raw;
    bool escaped; /* raw holds at least one backslash */
};

/* Takes the next piece off *rest and gives its decoded bytes: an escape (a surrogate pair
 * counts as one) or one plain byte. Returns how many bytes, 1 .. 4. *rest is not empty. A lone
 * surrogate gives U+FFFD. */
size_t pawl_json_text_next(struct pawl_slice *rest, char out[static 4]);
bool pawl_json_text_equal(struct pawl_json_text text, struct pawl_slice plain);
/* By decoded bytes, as pawl_slice_compare does. */
int pawl_json_text_compare(struct pawl_json_text a, struct pawl_json_text b);
/* Of the decoded bytes, under a key of zeros: the same in every process. */
uint64_t pawl_json_text_hash(struct pawl_json_text text);

/* --- json_get.c. ---------------------------------------------------------------------------- */

/* What stands between the quotes of a string node. */
struct pawl_json_text pawl_json_text_of(const struct pawl_json *json, uint32_t node);

/* --- json_unique.c. ------------------------------------------------------------------------- */

/* Whether every object's keys differ. Otherwise PAWL_JSON_DUPLICATE (or NO_MEMORY) is in
 * json->error, and the offset of the first key that repeats an earlier one of its object. */
bool pawl_json_check_unique(struct pawl_json *json, struct pawl_arena *arena);

#endif
