/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_plain.h: the plain stretches of a string, which are nearly all of a body's bytes (prompts,
 * base64 images): ASCII without quotes, backslashes and control characters. They are passed sixteen
 * bytes at a time, and eight at a time near the end or where the compiler knows no such registers.
 * For the JSON module alone; inline, since most strings are keys of a few bytes.
 */
#ifndef PAWL_BASE_JSON_PLAIN_H
#define PAWL_BASE_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

static inline bool pawl_json_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* What is left by words, and what is left of those byte by byte. */
static inline const unsigned char *pawl_json_skip_words(const unsigned char *at,
                                                        const unsigned char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof(word));
        uint64_t hits = pawl_json_not_plain(word);
        if (hits != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + __builtin_ctzll(hits) / 8;
#else
            break;
#endif
        }
    }
    while (at < end && pawl_json_is_plain(*at)) {
        at++;
    }
    return at;
}

/* The first byte that is not plain, or the end. */
static inline const unsigned char *pawl_json_skip_plain(const unsigned char *at,
                                                        const unsigned char *end)
{
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const void *)at);
        int mask = _mm_movemask_epi8(pawl_json_not_plain_block(block));
        if (mask != 0) {
            return at + __builtin_ctz((unsigned)mask);
        }
    }
#endif
    return pawl_json_skip_words(at, end);
}

#endif
