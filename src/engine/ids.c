/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.c: reservation ids as the outside sees them: "rsv_" and 29 characters for 18 bytes: shard,
 * operation number, and a keyed check of both, each with the highest byte first. So ids sort by
 * creation, nobody can make one up, and a genuine one whose reservation is gone can be
 * told from a forged one without remembering it.
 *
 * There is one form: lower case, and the last character's unused bit is 0.
 */
#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "engine/engine.h"

enum {
    SHARD_BYTES = 2,
    OP_BYTES = 8,
    CHECK_BYTES = 8,
    ID_BYTES = SHARD_BYTES + OP_BYTES + CHECK_BYTES,
    DIGITS = (ID_BYTES * 8 + 4) / 5,
    UNUSED_BITS = DIGITS * 5 - ID_BYTES * 8
};

static const char prefix[4] = {'r', 's', 'v', '_'};
/* Crockford's: ascending in ASCII, and no letter that looks like a digit. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

_Static_assert(sizeof(prefix) + DIGITS + 1 <= PAWL_ID_TEXT_BYTES, "an id fits its buffer");
_Static_assert(sizeof(digits) == 33, "base 32");

static void store_big(unsigned char *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    }
}

static uint64_t load_big(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void
make_id(const struct pawl_config *config, uint64_t op, unsigned char out[static ID_BYTES])
{
    store_big(out, config->shard, SHARD_BYTES);
    store_big(out + SHARD_BYTES, op, OP_BYTES);
    struct pawl_slice named = pawl_slice_of((const char *)out, SHARD_BYTES + OP_BYTES);
    store_big(out + SHARD_BYTES + OP_BYTES, pawl_hash_sip(config->id_key, named), CHECK_BYTES);
}

const char *pawl_engine_id_format(const struct pawl_engine *engine,
                                  uint64_t op,
                                  char out[static PAWL_ID_TEXT_BYTES])
{
    unsigned char id[ID_BYTES + 1] = {0};
    make_id(pawl_core_config(pawl_engine_core(engine)), op, id);
    memcpy(out, prefix, sizeof(prefix));
    for (size_t i = 0; i < DIGITS; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)id[bit / 8] << 8 | id[bit / 8 + 1];
        out[sizeof(prefix) + i] = digits[pair >> (11 - bit % 8) & 31];
    }
    out[sizeof(prefix) + DIGITS] = '\0';
    return out;
}

/* What a character is worth, and one more, so that those which are no digit are 0. */
static const unsigned char worth[UCHAR_MAX + 1] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['g'] = 17, ['h'] = 18, ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32};

static bool read_digits(struct pawl_slice text, unsigned char out[static ID_BYTES])
{
    unsigned bits = 0;
    unsigned bit_count = 0;
    size_t used = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned digit = worth[(unsigned char)text.data[i]];
        if (digit == 0) {
            return false;
        }
        bits = (bits << 5 | (digit - 1)) & 0xfff;
        bit_count += 5;
        if (bit_count >= 8 && used < ID_BYTES) {
            bit_count -= 8;
            out[used++] = (unsigned char)(bits >> bit_count);
        }
    }
    PAWL_ASSERT(text.bytes != DIGITS || used == ID_BYTES);
    return (bits & ((1U << UNUSED_BITS) - 1)) == 0;
}

bool pawl_engine_id_parse(const struct pawl_engine *engine,
                          struct pawl_slice text,
                          uint64_t *ret_op)
{
    unsigned char given[ID_BYTES] = {0};
    unsigned char genuine[ID_BYTES];
    if (text.bytes != sizeof(prefix) + DIGITS || memcmp(text.data, prefix, sizeof(prefix)) != 0 ||
        !read_digits(pawl_slice_sub(text, sizeof(prefix), DIGITS), given)) {
        return false;
    }
    uint64_t op = load_big(given + SHARD_BYTES, OP_BYTES);
    make_id(pawl_core_config(pawl_engine_core(engine)), op, genuine);
    /* In constant time, so that nobody finds the check byte by byte. */
    unsigned different = 0;
    for (size_t i = 0; i < ID_BYTES; i++) {
        different |= (unsigned)(given[i] ^ genuine[i]);
    }
    if (different != 0) {
        return false;
    }
    *ret_op = op;
    return true;
}
