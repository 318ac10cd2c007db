/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pack.c: what is packed comes back as it was, what gains nothing stays as it is, and no
 * stored bytes make the reader take more memory than they can stand for, or read past them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "journal/bytes.h"
#include "journal/pack.h"
#include "seed.h"

struct rooms {
    struct pawl_buf stored;
    struct pawl_buf batch;
};

static void rooms_init(struct rooms *rooms)
{
    pawl_buf_init(&rooms->stored, PAWL_PACK_ROOM_BYTES_MAX);
    pawl_buf_init(&rooms->batch, PAWL_PACK_ROOM_BYTES_MAX);
}

static void rooms_free(struct rooms *rooms)
{
    pawl_buf_free(&rooms->stored);
    pawl_buf_free(&rooms->batch);
}

/* Bytes like those of a batch: the same words again and again, and something new in each. */
static char *make_batch(struct pawl_prng *prng, size_t bytes)
{
    static const char words[] = "PWB1{\"tenant\":\"acme\",\"workspace\":\"support\",\"key\":\"";
    char *batch = malloc(bytes);
    assert_non_null(batch);
    for (size_t at = 0; at < bytes; at++) {
        size_t step = at % 80;
        batch[at] = step < sizeof(words) ? words[step]
                                         : (char)(unsigned char)pawl_prng_between(prng, 0, 255);
    }
    return batch;
}

static char *make_noise(struct pawl_prng *prng, size_t bytes)
{
    char *batch = malloc(bytes);
    assert_non_null(batch);
    for (size_t at = 0; at < bytes; at++) {
        batch[at] = (char)(unsigned char)pawl_prng_between(prng, 0, 255);
    }
    memcpy(batch, "PWB1", 4);
    return batch;
}

static void
assert_comes_back(struct rooms *rooms, struct pawl_slice stored, struct pawl_slice batch)
{
    struct pawl_slice back;
    assert_true(pawl_ok(pawl_unpack(stored, &rooms->batch, &back)));
    assert_true(pawl_slice_equal(back, batch));
}

static void batches_of_every_size_come_back(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_pack"));
    struct rooms rooms;
    rooms_init(&rooms);
    for (int round = 0; round < 300; round++) {
        size_t bytes = (size_t)pawl_prng_between(&prng, 16, round % 10 == 0 ? 300000 : 9000);
        char *data = round % 3 == 0 ? make_noise(&prng, bytes) : make_batch(&prng, bytes);
        struct pawl_slice batch = pawl_slice_of(data, bytes);
        struct pawl_slice stored = pawl_pack(batch, &rooms.stored);
        assert_true(stored.bytes <= bytes);
        assert_comes_back(&rooms, stored, batch);
        free(data);
    }
    rooms_free(&rooms);
}

static void what_gains_an_eighth_is_packed_and_nothing_else(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 1);
    struct rooms rooms;
    rooms_init(&rooms);
    static const struct {
        size_t bytes;
        bool noise;
        bool packed;
    } rows[] = {
        {16, false, false},  {1023, false, false}, {1024, false, true},
        {9000, false, true}, {9000, true, false},  {PAWL_PACK_BATCH_BYTES_MAX, false, true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char *data =
            rows[i].noise ? make_noise(&prng, rows[i].bytes) : make_batch(&prng, rows[i].bytes);
        struct pawl_slice batch = pawl_slice_of(data, rows[i].bytes);
        struct pawl_slice stored = pawl_pack(batch, &rooms.stored);
        assert_int_equal(stored.data != data, rows[i].packed);
        assert_true(!rows[i].packed || stored.bytes <= batch.bytes - batch.bytes / 8);
        assert_comes_back(&rooms, stored, batch);
        free(data);
    }
    rooms_free(&rooms);
}

static void without_memory_a_batch_is_stored_as_it_is(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 2);
    struct rooms rooms;
    rooms_init(&rooms);
    char *data = make_batch(&prng, 9000);
    struct pawl_slice batch = pawl_slice_of(data, 9000);
    struct pawl_slice back;
    pawl_alloc_fail_at(1, 1);
    struct pawl_slice stored = pawl_pack(batch, &rooms.stored);
    assert_int_equal(pawl_alloc_failures(), 1);
    assert_ptr_equal(stored.data, data);
    stored = pawl_pack(batch, &rooms.stored);
    assert_ptr_not_equal(stored.data, data);
    pawl_alloc_fail_at(1, 1);
    assert_int_equal(pawl_unpack(stored, &rooms.batch, &back).code, PAWL_ERR_MEMORY);
    pawl_alloc_fail_at(0, 0);
    assert_comes_back(&rooms, stored, batch);
    free(data);
    rooms_free(&rooms);
}

/* A copy of its own, exactly as long, so that a sanitizer sees a step past the end. */
static pawl_err unpack_copy(struct rooms *rooms, struct pawl_slice stored, struct pawl_slice *back)
{
    char *copy = malloc(stored.bytes > 0 ? stored.bytes : 1);
    assert_non_null(copy);
    memcpy(copy, stored.data, stored.bytes);
    pawl_err err = pawl_unpack(pawl_slice_of(copy, stored.bytes), &rooms->batch, back);
    free(copy);
    return err;
}

static void damage_is_corrupt_or_another_batch(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_pack"));
    struct rooms rooms;
    rooms_init(&rooms);
    char *data = make_batch(&prng, 2000);
    struct pawl_slice stored = pawl_pack(pawl_slice_of(data, 2000), &rooms.stored);
    struct pawl_slice back;
    for (size_t bytes = 4; bytes < stored.bytes; bytes++) {
        pawl_err err = unpack_copy(&rooms, pawl_slice_sub(stored, 0, bytes), &back);
        assert_int_equal(err.code, PAWL_ERR_CORRUPT);
    }
    char *bytes = rooms.stored.data;
    for (size_t at = 4; at < stored.bytes; at++) {
        char before = bytes[at];
        bytes[at] = (char)(before ^ (char)(1 << pawl_prng_between(&prng, 0, 7)));
        pawl_err err = unpack_copy(&rooms, stored, &back);
        assert_true(err.code == PAWL_ERR_CORRUPT || back.bytes == 2000);
        bytes[at] = before;
    }
    assert_comes_back(&rooms, stored, pawl_slice_of(data, 2000));
    free(data);
    rooms_free(&rooms);
}

/* Whoever claims four gigabytes in twenty bytes gets no memory for them. */
static void a_length_that_cannot_be_is_not_believed(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 12 * 255 + 256, PAWL_PACK_BATCH_BYTES_MAX + 1,
                                       UINT32_MAX};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lengths); i++) {
        char stored[20] = "PWZ1";
        struct pawl_slice back;
        struct rooms rooms;
        rooms_init(&rooms);
        bytes_store(stored + 4, lengths[i], 4);
        pawl_err err = pawl_unpack(pawl_slice_of(stored, sizeof(stored)), &rooms.batch, &back);
        assert_int_equal(err.code, PAWL_ERR_CORRUPT);
        assert_int_equal(rooms.batch.capacity, 0);
        rooms_free(&rooms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_every_size_come_back),
        cmocka_unit_test(what_gains_an_eighth_is_packed_and_nothing_else),
        cmocka_unit_test(without_memory_a_batch_is_stored_as_it_is),
        cmocka_unit_test(damage_is_corrupt_or_another_batch),
        cmocka_unit_test(a_length_that_cannot_be_is_not_believed),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
