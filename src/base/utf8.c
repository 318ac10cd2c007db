/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c: table 3-7 of the Unicode standard as code. Beyond the lead byte's count, only the
 * second byte has ranges of its own: they are what rules out overlong forms (after e0, f0),
 * surrogates (after ed) and numbers past U+10FFFF (after f4).
 */
#include "base/utf8.h"

#include "base/assert.h"

static bool is_trail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t pawl_utf8_length(struct pawl_slice text)
{
    if (text.bytes == 0) {
        return 0;
    }
    unsigned char lead = (unsigned char)text.data[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.bytes < length) {
        return 0;
    }
    unsigned char second = (unsigned char)text.data[1];
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (!is_trail((unsigned char)text.data[i])) {
            return 0;
        }
    }
    return length;
}

uint32_t pawl_utf8_decode(struct pawl_slice text, size_t *ret_bytes)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = pawl_utf8_length(text);
    PAWL_ASSERT(text.bytes > 0);
    *ret_bytes = length == 0 ? 1 : length;
    if (length == 0) {
        return PAWL_UTF8_REPLACEMENT;
    }
    uint32_t code = (unsigned char)text.data[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | ((unsigned char)text.data[i] & 0x3fU);
    }
    return code;
}

bool pawl_utf8_valid(struct pawl_slice text)
{
    size_t at = 0;
    while (at < text.bytes) {
        size_t length = pawl_utf8_length(pawl_slice_sub(text, at, PAWL_UTF8_BYTES_MAX));
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

size_t pawl_utf8_encode(uint32_t code_point, char out[static PAWL_UTF8_BYTES_MAX])
{
    PAWL_ASSERT(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    uint32_t rest = code_point;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(unsigned char)(0x80 | (rest & 0x3f));
        rest >>= 6;
    }
    unsigned lead = length == 2 ? 0xc0 : length == 3 ? 0xe0 : 0xf0;
    out[0] = (char)(unsigned char)(lead | rest);
    return length;
}
