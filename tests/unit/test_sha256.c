/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sha256.c: the standard's examples (FIPS 180-4, and NIST's for the million bytes), and
 * libsodium's SHA-256 at every length and every way of cutting: what two libraries agree on is the
 * standard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/attrs.h"
#include "base/prng.h"
#include "journal/sha256.h"
#include "seed.h"

enum { LENGTH_MAX = 400, HASH_BYTES = crypto_hash_sha256_BYTES, PART_MAX = 130 };

static void fill(struct pawl_prng *prng, unsigned char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)pawl_prng_next(prng);
    }
}

static void assert_hash(const struct pawl_journal_hash *hash, const char *hex)
{
    char text[2 * HASH_BYTES + 1];
    for (size_t i = 0; i < HASH_BYTES; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
    }
    assert_string_equal(text, hex);
}

static struct pawl_journal_hash hash_of(const void *data, size_t bytes)
{
    struct pawl_sha256 sha;
    pawl_sha256_begin(&sha);
    pawl_sha256_add(&sha, data, bytes);
    return pawl_sha256_end(&sha);
}

static void the_standards_examples_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hex;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(examples); i++) {
        struct pawl_journal_hash hash = hash_of(examples[i].text, strlen(examples[i].text));
        assert_hash(&hash, examples[i].hex);
    }
}

static void a_million_bytes_hold(void **state)
{
    (void)state;
    char part[1000];
    memset(part, 'a', sizeof(part));
    struct pawl_sha256 sha;
    pawl_sha256_begin(&sha);
    for (int i = 0; i < 1000; i++) {
        pawl_sha256_add(&sha, part, sizeof(part));
    }
    struct pawl_journal_hash hash = pawl_sha256_end(&sha);
    assert_hash(&hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void libsodium_agrees_at_every_length_and_cut(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_sha256"));
    unsigned char data[LENGTH_MAX];
    for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
        unsigned char expected[HASH_BYTES];
        fill(&prng, data, bytes);
        crypto_hash_sha256(expected, data, bytes);
        struct pawl_journal_hash whole = hash_of(data, bytes);
        assert_memory_equal(whole.bytes, expected, sizeof(expected));
        struct pawl_sha256 sha;
        pawl_sha256_begin(&sha);
        for (size_t at = 0; at < bytes;) {
            size_t part = (size_t)pawl_prng_below(&prng, PART_MAX);
            part = part < bytes - at ? part : bytes - at;
            pawl_sha256_add(&sha, data + at, part);
            at += part;
        }
        struct pawl_journal_hash cut = pawl_sha256_end(&sha);
        assert_memory_equal(cut.bytes, expected, sizeof(expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples_hold),
        cmocka_unit_test(a_million_bytes_hold),
        cmocka_unit_test(libsodium_agrees_at_every_length_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
