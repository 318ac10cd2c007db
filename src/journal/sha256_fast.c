/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256_fast.c: SHA-256's inner loop on x86's SHA extensions (Intel's "SHA Extensions" paper; the
 * processors that have them have SSE4.1 as well). Elsewhere there is nothing fast here, and
 * sha256.c takes the plain loop. The file alone is compiled for these instructions.
 *
 * The instructions keep the state as two registers of four words, {A,B,E,F} and {C,D,G,H}, and
 * take two rounds at a time with the words' sums with the constants in the low half of a register.
 */
#include "base/assert.h"
#include "journal/sha256_priv.h"

#if defined(__SHA__) && defined(__SSE4_1__)

#include <cpuid.h>
#include <immintrin.h>

enum { LEAF_FEATURES = 7, FEATURE_SHA = 1 << 29, BLOCK_BYTES = 64 };

bool pawl_sha256_has_fast(void)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(LEAF_FEATURES, 0, &a, &b, &c, &d) != 0 && (b & FEATURE_SHA) != 0;
}

struct halves {
    __m128i abef;
    __m128i cdgh;
};

/* Rounds t to t+3, with the words w[t] to w[t+3]. */
static inline void four_rounds(struct halves *halves, __m128i words, size_t t)
{
    __m128i constants = _mm_loadu_si128((const __m128i *)(pawl_sha256_constants + t));
    __m128i sums = _mm_add_epi32(words, constants);
    halves->cdgh = _mm_sha256rnds2_epu32(halves->cdgh, halves->abef, sums);
    sums = _mm_shuffle_epi32(sums, 0x0e); /* the other two words */
    halves->abef = _mm_sha256rnds2_epu32(halves->abef, halves->cdgh, sums);
}

/* The four words after these sixteen. */
static inline __m128i next_words(__m128i w0, __m128i w4, __m128i w8, __m128i w12)
{
    __m128i w9 = _mm_alignr_epi8(w12, w8, 4);
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), w9), w12);
}

static inline __m128i load_words(const unsigned char *at)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at), big_endian);
}

static inline void take_block(struct halves *halves, const unsigned char *block)
{
    struct halves before = *halves;
    __m128i w0 = load_words(block);
    __m128i w4 = load_words(block + 16);
    __m128i w8 = load_words(block + 32);
    __m128i w12 = load_words(block + 48);
    for (size_t t = 0; t < 64; t += 16) {
        four_rounds(halves, w0, t);
        four_rounds(halves, w4, t + 4);
        four_rounds(halves, w8, t + 8);
        four_rounds(halves, w12, t + 12);
        if (t < 48) {
            w0 = next_words(w0, w4, w8, w12);
            w4 = next_words(w4, w8, w12, w0);
            w8 = next_words(w8, w12, w0, w4);
            w12 = next_words(w12, w0, w4, w8);
        }
    }
    halves->abef = _mm_add_epi32(halves->abef, before.abef);
    halves->cdgh = _mm_add_epi32(halves->cdgh, before.cdgh);
}

void pawl_sha256_blocks_fast(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    /* Words are counted from the low end of a register: {A,B,C,D} is D in the highest. */
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    struct halves halves = {
        .abef = _mm_alignr_epi8(low, high, 8),
        .cdgh = _mm_blend_epi16(high, low, 0xf0),
    };
    for (size_t i = 0; i < count; i++) {
        take_block(&halves, blocks + i * BLOCK_BYTES);
    }
    low = _mm_shuffle_epi32(halves.abef, 0x1b);
    high = _mm_shuffle_epi32(halves.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

#else

bool pawl_sha256_has_fast(void)
{
    return false;
}

void pawl_sha256_blocks_fast(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    (void)state;
    (void)blocks;
    (void)count;
    PAWL_UNREACHABLE();
}

#endif
