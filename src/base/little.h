/* SPDX-License-Identifier: Apache-2.0 */
/*
 * little.h: numbers as they lie in bytes, the lowest byte first, on any machine.
 */
#ifndef PAWL_BASE_LITTLE_H
#define PAWL_BASE_LITTLE_H

#include <stdint.h>
#include <string.h>

/* Bytes that need not be aligned. */
static inline uint64_t pawl_load_little_64(const void *at)
{
    uint64_t value = 0;
    memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t pawl_load_little_32(const void *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline void pawl_store_little_64(void *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, sizeof(value));
}

#endif
