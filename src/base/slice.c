/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.c: comparing, cutting and searching borrowed bytes. The core uses it too, so it asks
 * nothing of the system beyond mem* functions. What is asked of each byte of a head is asked of
 * eight or sixteen at once. An empty slice may have a NULL pointer, which
 * memcmp and memcpy must not see even for zero bytes: every call is guarded by a length.
 */
#include "base/slice.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const uint64_t ones = UINT64_C(0x0101010101010101);

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value - 'A' + 'a') : value;
}

static bool is_control(char byte)
{
    return (unsigned char)byte < ' ' || byte == 0x7f;
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

static uint64_t word_at(const char *eight)
{
    uint64_t word;
    memcpy(&word, eight, sizeof(word));
    return word;
}

/* Eight bytes, the letters of ASCII among them in lower case. */
static uint64_t lower_word(uint64_t word)
{
    uint64_t low = word & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A'); /* the high bit of each: it is no less than 'A' */
    uint64_t past_z = low + ones * (0x7f - 'Z'); /* it is more than 'Z' */
    uint64_t capital = from_a & ~past_z & ~word & (ones * 0x80);
    return word | capital >> 2; /* 0x20, which makes the letter small */
}

bool pawl_slice_equal_nocase(struct pawl_slice a, struct pawl_slice b)
{
    size_t at = 0;
    if (a.bytes != b.bytes) {
        return false;
    }
    if (a.bytes < 8) {
        while (at < a.bytes && lower(a.data[at]) == lower(b.data[at])) {
            at++;
        }
        return at == a.bytes;
    }
    while (at < a.bytes) {
        /* The last eight go once more with what is left of fewer. */
        size_t from = a.bytes - at >= 8 ? at : a.bytes - 8;
        uint64_t left = word_at(a.data + from);
        uint64_t right = word_at(b.data + from);
        if (left != right && lower_word(left) != lower_word(right)) {
            return false;
        }
        at = from + 8;
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

/* False: none of the eight bytes is a control character. */
static bool may_hold_control(uint64_t word)
{
    uint64_t del = word ^ (ones * 0x7f);
    uint64_t hits = ((word - ones * ' ') & ~word) | ((del - ones) & ~del);
    return (hits & (ones * 0x80)) != 0;
}

/* Of sixteen bytes, a bit for each that is a control character. */
#if defined(__SSE2__)

static unsigned controls_of(const char *sixteen)
{
    __m128i block = _mm_loadu_si128((const void *)sixteen);
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(below, del));
}

#else

static unsigned controls_of(const char *sixteen)
{
    unsigned bits = 0;
    if (!may_hold_control(word_at(sixteen)) && !may_hold_control(word_at(sixteen + 8))) {
        return 0;
    }
    for (unsigned i = 0; i < 16; i++) {
        bits |= (unsigned)is_control(sixteen[i]) << i;
    }
    return bits;
}

#endif

size_t pawl_slice_find_control(struct pawl_slice text)
{
    size_t at = 0;
    if (text.bytes < 16) {
        if (text.bytes >= 8 && !may_hold_control(word_at(text.data)) &&
            !may_hold_control(word_at(text.data + text.bytes - 8))) {
            return SIZE_MAX;
        }
        while (at < text.bytes && !is_control(text.data[at])) {
            at++;
        }
        return at < text.bytes ? at : SIZE_MAX;
    }
    while (at < text.bytes) {
        /* The last sixteen go once more with what is left of fewer. */
        size_t from = text.bytes - at >= 16 ? at : text.bytes - 16;
        unsigned bits = controls_of(text.data + from);
        if (bits != 0) {
            return from + (size_t)__builtin_ctz(bits);
        }
        at = from + 16;
    }
    return SIZE_MAX;
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
