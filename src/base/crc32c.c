/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.c: CRC-32C in two ways that give the same number: by tables anywhere, and by the
 * processor's own instruction where it has one, which is asked at each call since the answer lies
 * in memory. The tables are constants of the compiler, so nothing here keeps state or needs to be
 * set up. Bytes are read in a fixed order: checksums are compared across machines.
 *
 * This is a file of its own because the core links hash.c where no processor can be asked.
 */
#include "base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "base/attrs.h"
#include "base/little.h"

/*
 * Eight tables take eight bytes a step: table k says what byte i does to the register when k
 * more bytes follow it. A CRC is linear over XOR, so each table of 256 follows from its
 * entries for the eight single bits; only those 64 numbers are written down, and the unit
 * test derives them again from the polynomial. The compiler spreads them out, which leaves
 * nothing to initialise at run time and nothing to race for.
 */
#define CRC_ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                               \
    (((i)&1U ? (b0) : 0U) ^ ((i)&2U ? (b1) : 0U) ^ ((i)&4U ? (b2) : 0U) ^ ((i)&8U ? (b3) : 0U) ^   \
     ((i)&16U ? (b4) : 0U) ^ ((i)&32U ? (b5) : 0U) ^ ((i)&64U ? (b6) : 0U) ^                       \
     ((i)&128U ? (b7) : 0U))
#define CRC_4(i, ...)                                                                              \
    CRC_ENTRY((i), __VA_ARGS__), CRC_ENTRY((i) + 1U, __VA_ARGS__),                                 \
        CRC_ENTRY((i) + 2U, __VA_ARGS__), CRC_ENTRY((i) + 3U, __VA_ARGS__)
#define CRC_16(i, ...)                                                                             \
    CRC_4((i), __VA_ARGS__), CRC_4((i) + 4U, __VA_ARGS__), CRC_4((i) + 8U, __VA_ARGS__),           \
        CRC_4((i) + 12U, __VA_ARGS__)
#define CRC_64(i, ...)                                                                             \
    CRC_16((i), __VA_ARGS__), CRC_16((i) + 16U, __VA_ARGS__), CRC_16((i) + 32U, __VA_ARGS__),      \
        CRC_16((i) + 48U, __VA_ARGS__)
#define CRC_TABLE(...)                                                                             \
    {                                                                                              \
        CRC_64(0U, __VA_ARGS__), CRC_64(64U, __VA_ARGS__), CRC_64(128U, __VA_ARGS__),              \
            CRC_64(192U, __VA_ARGS__)                                                              \
    }

static const uint32_t crc_tables[8][256] = {
    CRC_TABLE(0xf26b8303,
              0xe13b70f7,
              0xc79a971f,
              0x8ad958cf,
              0x105ec76f,
              0x20bd8ede,
              0x417b1dbc,
              0x82f63b78), /* the reversed polynomial */
    CRC_TABLE(0x13a29877,
              0x274530ee,
              0x4e8a61dc,
              0x9d14c3b8,
              0x3fc5f181,
              0x7f8be302,
              0xff17c604,
              0xfbc3faf9),
    CRC_TABLE(0xa541927e,
              0x4f6f520d,
              0x9edea41a,
              0x38513ec5,
              0x70a27d8a,
              0xe144fb14,
              0xc76580d9,
              0x8b277743),
    CRC_TABLE(0xdd45aab8,
              0xbf672381,
              0x7b2231f3,
              0xf64463e6,
              0xe964b13d,
              0xd725148b,
              0xaba65fe7,
              0x52a0c93f),
    CRC_TABLE(0x38116fac,
              0x7022df58,
              0xe045beb0,
              0xc5670b91,
              0x8f2261d3,
              0x1ba8b557,
              0x37516aae,
              0x6ea2d55c),
    CRC_TABLE(0xef306b19,
              0xdb8ca0c3,
              0xb2f53777,
              0x6006181f,
              0xc00c303e,
              0x85f4168d,
              0x0e045beb,
              0x1c08b7d6),
    CRC_TABLE(0x68032cc8,
              0xd0065990,
              0xa5e0c5d1,
              0x4e2dfd53,
              0x9c5bfaa6,
              0x3d5b83bd,
              0x7ab7077a,
              0xf56e0ef4),
    CRC_TABLE(0x493c7d27,
              0x9278fa4e,
              0x211d826d,
              0x423b04da,
              0x847609b4,
              0x0d006599,
              0x1a00cb32,
              0x34019664),
};

uint32_t pawl_crc32c_by_tables(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    size_t left = bytes;
    crc = ~crc;
    for (; left >= 8; left -= 8) {
        uint64_t word = pawl_load_little_64(at) ^ crc;
        crc = crc_tables[7][word & 0xff] ^ crc_tables[6][(word >> 8) & 0xff] ^
              crc_tables[5][(word >> 16) & 0xff] ^ crc_tables[4][(word >> 24) & 0xff] ^
              crc_tables[3][(word >> 32) & 0xff] ^ crc_tables[2][(word >> 40) & 0xff] ^
              crc_tables[1][(word >> 48) & 0xff] ^ crc_tables[0][word >> 56];
        at += 8;
    }
    for (; left > 0; left--) {
        crc = crc_tables[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
        at++;
    }
    return ~crc;
}

#if defined(__x86_64__)

PAWL_TARGET("sse4.2")
static uint32_t by_instruction(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    size_t left = bytes;
    uint64_t state = ~crc;
    for (; left >= 8; left -= 8) {
        state = _mm_crc32_u64(state, pawl_load_little_64(at));
        at += 8;
    }
    for (; left > 0; left--) {
        state = _mm_crc32_u8((uint32_t)state, *at);
        at++;
    }
    return ~(uint32_t)state;
}

uint32_t pawl_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, bytes)
                                            : pawl_crc32c_by_tables(crc, data, bytes);
}

#else

uint32_t pawl_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return pawl_crc32c_by_tables(crc, data, bytes);
}

#endif
