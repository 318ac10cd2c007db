/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.h: a borrowed run of bytes. It owns nothing and is not terminated; whoever
 * makes one says how long the bytes live.
 */
#ifndef PAWL_BASE_SLICE_H
#define PAWL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pawl_slice {
    const char *data; /* may be NULL only when bytes is 0 */
    size_t bytes;
};

#define PAWL_SLICE_NONE ((struct pawl_slice){NULL, 0})

/* A slice of a string literal. */
#define PAWL_SLICE(literal) ((struct pawl_slice){"" literal "", sizeof(literal) - 1})

static inline struct pawl_slice pawl_slice_of(const char *data, size_t bytes)
{
    return (struct pawl_slice){data, bytes};
}

/* A slice of a NUL-terminated string; NULL gives the empty slice. */
static inline struct pawl_slice pawl_slice_str(const char *text)
{
    return (struct pawl_slice){text, text != NULL ? strlen(text) : 0};
}

static inline bool pawl_slice_empty(struct pawl_slice slice)
{
    return slice.bytes == 0;
}

bool pawl_slice_equal(struct pawl_slice a, struct pawl_slice b);
bool pawl_slice_equal_str(struct pawl_slice a, const char *b);
/* ASCII letters compare without case, as HTTP header names do. */
bool pawl_slice_equal_nocase(struct pawl_slice a, struct pawl_slice b);
bool pawl_slice_starts_with(struct pawl_slice slice, struct pawl_slice prefix);
bool pawl_slice_ends_with(struct pawl_slice slice, struct pawl_slice suffix);
/* Byte order, the shorter first where one is a prefix of the other. */
int pawl_slice_compare(struct pawl_slice a, struct pawl_slice b);
/* Index of the first needle, or SIZE_MAX. An empty needle is found at 0. */
size_t pawl_slice_find(struct pawl_slice haystack, struct pawl_slice needle);
size_t pawl_slice_find_byte(struct pawl_slice haystack, char byte);
/* Index of the first control character, one below the space or DEL; or SIZE_MAX. */
size_t pawl_slice_find_control(struct pawl_slice text);
/* The part from `start`, `bytes` long; both are clamped to what is there. */
struct pawl_slice pawl_slice_sub(struct pawl_slice slice, size_t start, size_t bytes);
/* Without leading and trailing spaces and tabs. */
struct pawl_slice pawl_slice_trim(struct pawl_slice slice);
/* Cuts *rest at the first `byte`: returns what is before it and leaves what is after.
 * Without one, returns everything and leaves *rest empty. */
struct pawl_slice pawl_slice_cut(struct pawl_slice *rest, char byte);
/* The same from behind: returns what is after the last `byte` and leaves in *rest what is before.
 */
struct pawl_slice pawl_slice_cut_last(struct pawl_slice *rest, char byte);
/* Copies into out[out_bytes] with a NUL, cutting what does not fit; true if all fitted. With
 * out_bytes 0 nothing is written, and that is false. */
bool pawl_slice_copy_str(struct pawl_slice slice, char *out, size_t out_bytes);
/* Decimal digits only, no sign, no space; false on anything else or overflow. */
bool pawl_slice_to_u64(struct pawl_slice slice, uint64_t *ret_value);

#endif
