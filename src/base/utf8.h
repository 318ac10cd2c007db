/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h: what the tree asks of UTF-8: is this a character, which one, and write one.
 * A character is what RFC 3629 allows: shortest form, no surrogates, at most U+10FFFF.
 */
#ifndef PAWL_BASE_UTF8_H
#define PAWL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { PAWL_UTF8_BYTES_MAX = 4 };
#define PAWL_UTF8_REPLACEMENT UINT32_C(0xfffd)

/* Length of the character at the front of `text`, 1 .. 4; 0 when there is no whole valid one
 * (or no byte at all). */
size_t pawl_utf8_length(struct pawl_slice text);
/* The code point at the front of `text`, which is not empty, and its length; of a byte that begins
 * none U+FFFD and 1. */
uint32_t pawl_utf8_decode(struct pawl_slice text, size_t *ret_bytes);
bool pawl_utf8_valid(struct pawl_slice text);
/* Writes one code point (a valid one: no surrogate, at most 0x10ffff) and returns its length. */
size_t pawl_utf8_encode(uint32_t code_point, char out[static PAWL_UTF8_BYTES_MAX]);

#endif
