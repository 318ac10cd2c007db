/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crc32c.c: CRC-32C against published vectors and against the polynomial itself; the two ways
 * to it against each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "seed.h"

enum { LENGTH_MAX = 300 };

static void fill(struct pawl_prng *prng, unsigned char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)pawl_prng_next(prng);
    }
}

/* Bit by bit from the polynomial. */
static uint32_t slow_crc32c(uint32_t crc, const unsigned char *data, size_t bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return ~crc;
}

static void crc32c_gives_the_published_values(void **state)
{
    (void)state;
    unsigned char data[32] = {0};
    assert_int_equal(pawl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(pawl_crc32c(0, NULL, 0), 0);
    /* The four vectors of RFC 3720, B.4. */
    assert_int_equal(pawl_crc32c(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    assert_int_equal(pawl_crc32c(0, data, sizeof(data)), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char)i;
    }
    assert_int_equal(pawl_crc32c(0, data, sizeof(data)), 0x46dd794e);
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(pawl_crc32c(0, data, sizeof(data)), 0x113fdb5c);
}

static void crc32c_tables_follow_from_the_polynomial(void **state)
{
    (void)state;
    /* One byte of any value with 0 .. 7 zeros behind it reads each entry of each table. */
    for (unsigned value = 0; value < 256; value++) {
        for (size_t at = 0; at < 8; at++) {
            unsigned char data[8] = {0};
            data[at] = (unsigned char)value;
            uint32_t got = pawl_crc32c_by_tables(0, data, sizeof(data));
            assert_int_equal(got, slow_crc32c(0, data, sizeof(data)));
        }
    }
}

static void crc32c_goes_on_from_any_cut(void **state)
{
    struct pawl_prng *prng = *state;
    unsigned char data[LENGTH_MAX];
    fill(prng, data, sizeof(data));
    for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
        uint32_t whole = slow_crc32c(0, data, bytes);
        size_t cut = (size_t)pawl_prng_below(prng, bytes + 1);
        uint32_t crc = pawl_crc32c(0, data, cut);
        assert_int_equal(pawl_crc32c(0, data, bytes), whole);
        assert_int_equal(pawl_crc32c(crc, data + cut, bytes - cut), whole);
        /* Whichever way the processor allows, and the other one. */
        assert_int_equal(pawl_crc32c_by_tables(0, data, cut), crc);
        assert_int_equal(pawl_crc32c_by_tables(crc, data + cut, bytes - cut), whole);
    }
}

int main(void)
{
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_crc32c"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_tables_follow_from_the_polynomial),
        cmocka_unit_test_prestate(crc32c_goes_on_from_any_cut, &prng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
