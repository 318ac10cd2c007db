/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal.h: numbers as decimal digits, written in place: first how many there are, then the
 * digits, two at a time and from the last one on.
 */
#ifndef PAWL_BASE_DECIMAL_H
#define PAWL_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PAWL_DECIMAL_BYTES_MAX = 20 };

/* How many digits the number has, 1 to PAWL_DECIMAL_BYTES_MAX. */
static inline size_t pawl_decimal_bytes(uint64_t value)
{
    static const uint64_t powers[PAWL_DECIMAL_BYTES_MAX] = {0,
                                                            10,
                                                            100,
                                                            1000,
                                                            10000,
                                                            100000,
                                                            1000000,
                                                            10000000,
                                                            100000000,
                                                            1000000000,
                                                            10000000000,
                                                            100000000000,
                                                            1000000000000,
                                                            10000000000000,
                                                            100000000000000,
                                                            1000000000000000,
                                                            10000000000000000,
                                                            100000000000000000,
                                                            1000000000000000000,
                                                            10000000000000000000U};
    /* 1233 / 4096 is the logarithm of 2, so this is the number of digits or one less. */
    unsigned bits = 64U - (unsigned)__builtin_clzll((unsigned long long)value | 1);
    unsigned least = bits * 1233U >> 12;
    return least + (value >= powers[least]);
}

/* Two digits of a number below 100. */
static inline void pawl_decimal_put_pair(uint32_t value, char *out)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(out, pairs + (size_t)2 * value, 2);
}

/* Eight digits of a number below 10^8. */
static inline void pawl_decimal_put_eight(uint32_t value, char *out)
{
    uint32_t high = value / 10000;
    uint32_t low = value % 10000;
    pawl_decimal_put_pair(high / 100, out);
    pawl_decimal_put_pair(high % 100, out + 2);
    pawl_decimal_put_pair(low / 100, out + 4);
    pawl_decimal_put_pair(low % 100, out + 6);
}

/* The digits, of which there are `bytes`, as pawl_decimal_bytes says. */
static inline void pawl_decimal_put(uint64_t value, size_t bytes, char *out)
{
    for (; bytes > 8; value /= 100000000) {
        bytes -= 8;
        pawl_decimal_put_eight((uint32_t)(value % 100000000), out + bytes);
    }
    uint32_t rest = (uint32_t)value;
    for (; bytes >= 2; rest /= 100) {
        bytes -= 2;
        pawl_decimal_put_pair(rest % 100, out + bytes);
    }
    if (bytes == 1) {
        out[0] = (char)('0' + rest);
    }
}

/* The same of a number with a sign; a minus counts. */
static inline size_t pawl_decimal_bytes_i64(int64_t value)
{
    return value < 0 ? 1 + pawl_decimal_bytes(UINT64_C(0) - (uint64_t)value)
                     : pawl_decimal_bytes((uint64_t)value);
}

static inline void pawl_decimal_put_i64(int64_t value, size_t bytes, char *out)
{
    if (value < 0) {
        *out = '-';
        pawl_decimal_put(UINT64_C(0) - (uint64_t)value, bytes - 1, out + 1);
    } else {
        pawl_decimal_put((uint64_t)value, bytes, out);
    }
}

#endif
