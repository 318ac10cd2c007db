/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c: the two names of a request. Its own id is made here, whatever the client says. The trace
 * id is the client's where that is valid, by the rules of W3C Trace Context (version 00) or as 32
 * hexadecimal digits; what is not valid is passed over, never refused.
 */
#include <string.h>

#include "base/little.h"
#include "cycles/cycles_priv.h"

enum { TRACE_DIGITS = 32, TRACEPARENT_BYTES = 55 };

/* Eight digits at once: each goes into a byte of its own, and all become characters together. */
static void put_hex(uint32_t value, char out[static 8])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t digits = value;
    digits = (digits | digits << 16) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits | digits << 8) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits | digits << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = (digits + ones * 6) >> 4 & ones; /* 1 in the byte of a digit from 10 on */
    uint64_t text = digits + ones * '0' + letters * ('a' - '0' - 10);
    pawl_store_little_64(out, __builtin_bswap64(text));
}

static void put_hex_16(uint64_t value, char out[static 16])
{
    put_hex((uint32_t)(value >> 32), out);
    put_hex((uint32_t)value, out + 8);
}

/* Lower-case digits that are not all zero. */
static bool is_id(struct pawl_slice text)
{
    bool all_zero = true;
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f'))) {
            return false;
        }
        all_zero = all_zero && byte == '0';
    }
    return !all_zero;
}

static bool is_hex_pair(struct pawl_slice text)
{
    return is_id(text) || pawl_slice_equal_str(text, "00");
}

/* "00-" trace "-" parent "-" flags. */
static bool traceparent_is_valid(struct pawl_slice text)
{
    return text.bytes == TRACEPARENT_BYTES && memcmp(text.data, "00-", 3) == 0 &&
           text.data[35] == '-' && text.data[52] == '-' &&
           is_id(pawl_slice_sub(text, 3, TRACE_DIGITS)) && is_id(pawl_slice_sub(text, 36, 16)) &&
           is_hex_pair(pawl_slice_sub(text, 53, 2));
}

void pawl_trace_request_id(struct pawl_prng *prng, char out[static PAWL_CALL_REQUEST_ID_BYTES])
{
    memcpy(out, "req_", 4);
    put_hex_16(pawl_prng_next(prng), out + 4);
    put_hex((uint32_t)pawl_prng_next(prng), out + 20);
    out[28] = '\0';
}

void pawl_trace_id(struct pawl_prng *prng,
                   struct pawl_slice traceparent,
                   struct pawl_slice trace_id,
                   char out[static PAWL_CALL_TRACE_ID_BYTES])
{
    if (traceparent_is_valid(traceparent)) {
        memcpy(out, traceparent.data + 3, TRACE_DIGITS);
    } else if (trace_id.bytes == TRACE_DIGITS && is_id(trace_id)) {
        memcpy(out, trace_id.data, TRACE_DIGITS);
    } else {
        put_hex_16(pawl_prng_next(prng), out);
        put_hex_16(pawl_prng_next(prng) | 1, out + 16);
    }
    out[TRACE_DIGITS] = '\0';
}
