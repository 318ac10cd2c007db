/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.h: CRC-32C (Castagnoli) for bytes at rest: it finds damage, and nothing that somebody did
 * on purpose.
 */
#ifndef PAWL_BASE_CRC32C_H
#define PAWL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with 0; feed the previous value to go on: crc32c(crc32c(0, a), b) is that of a and b
 * joined. NULL is allowed for 0 bytes. */
uint32_t pawl_crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same, on any processor. */
uint32_t pawl_crc32c_by_tables(uint32_t crc, const void *data, size_t bytes);

#endif
