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
#include "base/little.h"
#include "engine/engine_priv.h"

enum {
    SHARD_BYTES = 2,
    OP_BYTES = 8,
    CHECK_BYTES = 8,
    ID_BYTES = SHARD_BYTES + OP_BYTES + CHECK_BYTES,
    DIGITS = (ID_BYTES * 8 + 4) / 5,
    /* Five bytes are eight digits. Groups are read and written as words, so that there is room
     * behind the last one; what an id does not use of it is 0. */
    GROUP_BYTES = 5,
    GROUP_DIGITS = 8,
    GROUPS = (ID_BYTES + GROUP_BYTES - 1) / GROUP_BYTES,
    ROOM = (GROUPS - 1) * GROUP_BYTES + (int)sizeof(uint64_t)
};

static const char prefix[4] = {'r', 's', 'v', '_'};
/* Crockford's: ascending in ASCII, and no letter that looks like a digit. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

_Static_assert(sizeof(prefix) + DIGITS + 1 <= PAWL_ID_TEXT_BYTES, "an id fits its buffer");
_Static_assert(sizeof(digits) == 33, "base 32");

static void store_big_64(unsigned char *at, uint64_t value)
{
    pawl_store_little_64(at, __builtin_bswap64(value));
}

static uint64_t load_big_64(const unsigned char *at)
{
    return __builtin_bswap64(pawl_load_little_64(at));
}

void pawl_engine_id_turns(struct pawl_engine *engine,
                          const struct pawl_id_turn *turns,
                          uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        PAWL_ASSERT(turns[i - 1].after_op <= turns[i].after_op);
    }
    engine->id_turns = turns;
    engine->id_turn_count = count;
}

/* The last restore before the operation has it; one behind another of the same number too. */
static struct pawl_hash_key key_of(const struct pawl_engine *engine, uint64_t op)
{
    struct pawl_hash_key key = pawl_core_config(pawl_engine_core(engine))->id_key;
    for (uint32_t i = engine->id_turn_count; i > 0; i--) {
        if (op > engine->id_turns[i - 1].after_op) {
            key.k1 ^= engine->id_turns[i - 1].salt;
            break;
        }
    }
    return key;
}

struct pawl_hash_key pawl_engine_id_key(const struct pawl_engine *engine)
{
    return key_of(engine, UINT64_MAX);
}

static void make_id(const struct pawl_engine *engine, uint64_t op, unsigned char out[static ROOM])
{
    const struct pawl_config *config = pawl_core_config(pawl_engine_core(engine));
    out[0] = (unsigned char)(config->shard >> 8);
    out[1] = (unsigned char)config->shard;
    store_big_64(out + SHARD_BYTES, op);
    struct pawl_slice named = pawl_slice_of((const char *)out, SHARD_BYTES + OP_BYTES);
    store_big_64(out + SHARD_BYTES + OP_BYTES, pawl_hash_sip(key_of(engine, op), named));
}

const char *pawl_engine_id_format(const struct pawl_engine *engine,
                                  uint64_t op,
                                  char out[static PAWL_ID_TEXT_BYTES])
{
    unsigned char id[ROOM] = {0};
    char text[GROUPS * GROUP_DIGITS];
    make_id(engine, op, id);
    for (size_t group = 0; group < GROUPS; group++) {
        uint64_t bits = load_big_64(id + group * GROUP_BYTES);
        for (size_t i = 0; i < GROUP_DIGITS; i++) {
            text[group * GROUP_DIGITS + i] = digits[bits >> 59];
            bits <<= 5;
        }
    }
    memcpy(out, prefix, sizeof(prefix));
    memcpy(out + sizeof(prefix), text, DIGITS);
    out[sizeof(prefix) + DIGITS] = '\0';
    return out;
}

/* What a character is worth, and one more, so that those which are no digit are 0. */
static const unsigned char worth[UCHAR_MAX + 1] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['g'] = 17, ['h'] = 18, ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32};

/* false: a character is no digit, or the last one's unused bit is set. */
static bool read_digits(const char *text, unsigned char out[static ROOM])
{
    char padded[GROUPS * GROUP_DIGITS];
    memset(padded, digits[0], sizeof(padded));
    memcpy(padded, text, DIGITS);
    for (size_t group = 0; group < GROUPS; group++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < GROUP_DIGITS; i++) {
            unsigned digit = worth[(unsigned char)padded[group * GROUP_DIGITS + i]];
            if (digit == 0) {
                return false;
            }
            bits = bits << 5 | (digit - 1);
        }
        store_big_64(out + group * GROUP_BYTES, bits << (64 - 5 * GROUP_DIGITS));
    }
    return out[ID_BYTES] == 0;
}

bool pawl_engine_id_parse(const struct pawl_engine *engine,
                          struct pawl_slice text,
                          uint64_t *ret_op)
{
    unsigned char given[ROOM];
    unsigned char genuine[ROOM];
    if (text.bytes != sizeof(prefix) + DIGITS || memcmp(text.data, prefix, sizeof(prefix)) != 0 ||
        !read_digits(text.data + sizeof(prefix), given)) {
        return false;
    }
    uint64_t op = load_big_64(given + SHARD_BYTES);
    make_id(engine, op, genuine);
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
