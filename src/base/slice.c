/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.c: comparing, cutting and searching borrowed bytes. The core uses it too, so it asks
 * nothing of the system beyond mem* functions. An empty slice may have a NULL pointer, which
 * memcmp and memcpy must not see even for zero bytes: every call is guarded by a length.
 */
#include "base/slice.h"

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value - 'A' + 'a') : value;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool pawl_slice_equal(struct pawl_slice a, struct pawl_slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

bool pawl_slice_equal_str(struct pawl_slice a, const char *b)
{
    return pawl_slice_equal(a, pawl_slice_str(b));
}

bool pawl_slice_equal_nocase(struct pawl_slice a, struct pawl_slice b)
{
    if (a.bytes != b.bytes) {
        return false;
    }
    for (size_t i = 0; i < a.bytes; i++) {
        if (a.data[i] != b.data[i] && lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool pawl_slice_starts_with(struct pawl_slice slice, struct pawl_slice prefix)
{
    return slice.bytes >= prefix.bytes &&
           pawl_slice_equal(pawl_slice_sub(slice, 0, prefix.bytes), prefix);
}

bool pawl_slice_ends_with(struct pawl_slice slice, struct pawl_slice suffix)
{
    return slice.bytes >= suffix.bytes &&
           pawl_slice_equal(pawl_slice_sub(slice, slice.bytes - suffix.bytes, suffix.bytes),
                            suffix);
}

int pawl_slice_compare(struct pawl_slice a, struct pawl_slice b)
{
    size_t shared = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;
    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

size_t pawl_slice_find_byte(struct pawl_slice haystack, char byte)
{
    if (haystack.bytes == 0) {
        return SIZE_MAX;
    }
    const char *hit = memchr(haystack.data, (unsigned char)byte, haystack.bytes);
    return hit != NULL ? (size_t)(hit - haystack.data) : SIZE_MAX;
}

size_t pawl_slice_find(struct pawl_slice haystack, struct pawl_slice needle)
{
    if (needle.bytes == 0) {
        return 0;
    }
    size_t from = 0;
    while (haystack.bytes - from >= needle.bytes) {
        /* The first byte can only stand where the rest of the needle still fits. */
        size_t room = haystack.bytes - from - needle.bytes + 1;
        size_t skip = pawl_slice_find_byte(pawl_slice_sub(haystack, from, room), needle.data[0]);
        if (skip == SIZE_MAX) {
            return SIZE_MAX;
        }
        from += skip;
        if (memcmp(haystack.data + from, needle.data, needle.bytes) == 0) {
            return from;
        }
        from++;
    }
    return SIZE_MAX;
}

struct pawl_slice pawl_slice_sub(struct pawl_slice slice, size_t start, size_t bytes)
{
    if (slice.data == NULL) {
        return PAWL_SLICE_NONE;
    }
    size_t from = start < slice.bytes ? start : slice.bytes;
    size_t left = slice.bytes - from;
    return (struct pawl_slice){slice.data + from, bytes < left ? bytes : left};
}

struct pawl_slice pawl_slice_trim(struct pawl_slice slice)
{
    size_t start = 0;
    size_t end = slice.bytes;
    while (start < end && is_blank(slice.data[start])) {
        start++;
    }
    while (end > start && is_blank(slice.data[end - 1])) {
        end--;
    }
    return pawl_slice_sub(slice, start, end - start);
}

struct pawl_slice pawl_slice_cut(struct pawl_slice *rest, char byte)
{
    struct pawl_slice whole = *rest;
    size_t at = pawl_slice_find_byte(whole, byte);
    if (at == SIZE_MAX) {
        *rest = pawl_slice_sub(whole, whole.bytes, 0);
        return whole;
    }
    *rest = pawl_slice_sub(whole, at + 1, SIZE_MAX);
    return pawl_slice_sub(whole, 0, at);
}

struct pawl_slice pawl_slice_cut_last(struct pawl_slice *rest, char byte)
{
    struct pawl_slice whole = *rest;
    size_t at = whole.bytes;
    while (at > 0 && whole.data[at - 1] != byte) {
        at--;
    }
    *rest = pawl_slice_sub(whole, 0, at > 0 ? at - 1 : 0);
    return pawl_slice_sub(whole, at, SIZE_MAX);
}

bool pawl_slice_copy_str(struct pawl_slice slice, char *out, size_t out_bytes)
{
    if (out_bytes == 0) {
        return false;
    }
    size_t bytes = slice.bytes < out_bytes ? slice.bytes : out_bytes - 1;
    if (bytes > 0) {
        memcpy(out, slice.data, bytes);
    }
    out[bytes] = '\0';
    return bytes == slice.bytes;
}

bool pawl_slice_to_u64(struct pawl_slice slice, uint64_t *ret_value)
{
    enum { DIGITS_SURE = 19 }; /* so many cannot overflow */
    uint64_t value = 0;
    for (size_t i = 0; i < slice.bytes; i++) {
        unsigned digit = (unsigned)(unsigned char)slice.data[i] - '0';
        if (digit > 9 || (i >= DIGITS_SURE && value > (UINT64_MAX - digit) / 10)) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (slice.bytes == 0) {
        return false;
    }
    *ret_value = value;
    return true;
}
