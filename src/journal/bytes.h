/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h: numbers in the journal's files, little-endian wherever they lie and whatever the machine
 * is. At most eight bytes.
 */
#ifndef PAWL_JOURNAL_BYTES_H
#define PAWL_JOURNAL_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void bytes_store(void *at, uint64_t value, size_t bytes)
{
    unsigned char *to = at;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

static inline uint64_t bytes_load(const void *at, size_t bytes)
{
    const unsigned char *from = at;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

static inline uint32_t bytes_load_u32(const void *at)
{
    return (uint32_t)bytes_load(at, 4);
}

#endif
