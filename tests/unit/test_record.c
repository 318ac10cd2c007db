/* SPDX-License-Identifier: Apache-2.0 */
/* test_record.c: batches come back record by record, and no damage to one passes for sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "core/core.h"
#include "death.h"
#include "journal/record.h"
#include "seed.h"
#include "tests/lib/batches.h"
#include "tests/lib/generate.h"

static void records_come_back_as_they_were(void **state)
{
    (void)state;
    struct batches batches;
    batches_init(&batches, seed_for("test_record"));
    for (int round = 0; round < 200; round++) {
        pawl_arena_reset(&batches.arena);
        pawl_buf_reset(&batches.blob);
        struct pawl_record records[5];
        uint32_t count = (uint32_t)pawl_prng_between(&batches.prng, 1, 5);
        pawl_record_batch_begin(&batches.blob);
        for (uint32_t i = 0; i < count; i++) {
            records[i] = (struct pawl_record){
                .op = 100 + i, .now_us = 5000 + i, .repeats = (uint32_t)round * i};
            generate_command(&batches.prng, &batches.arena, &records[i].command);
            generate_result(&batches.prng, &batches.arena, 100 + i, 5000 + i, &records[i].result);
            pawl_record_batch_add(&batches.blob, &records[i]);
        }
        pawl_record_batch_end(&batches.blob);
        struct pawl_record_cursor cursor;
        assert_true(pawl_record_batch_open(pawl_buf_slice(&batches.blob), &cursor));
        assert_int_equal(cursor.left, count);
        assert_int_equal(cursor.rules_version, PAWL_RULES_VERSION);
        struct pawl_record record;
        for (uint32_t i = 0; i < count; i++) {
            assert_true(pawl_record_batch_next(&cursor, batches.scratch, &record));
            assert_int_equal(record.op, records[i].op);
            assert_int_equal(record.now_us, records[i].now_us);
            assert_int_equal(record.repeats, records[i].repeats);
            assert_int_equal(record.command.type, records[i].command.type);
            assert_int_equal(record.result.code, records[i].result.code);
            assert_true(record.result_bytes.bytes >= 20);
        }
        assert_int_equal(cursor.left, 0);
        assert_false(pawl_record_batch_next(&cursor, batches.scratch, &record));
    }
    batches_free(&batches);
}

static void one_record_is_found_among_many(void **state)
{
    (void)state;
    struct batches batches;
    batches_init(&batches, 3);
    batches_make(&batches, 41, 60);
    struct pawl_slice blob = pawl_buf_slice(&batches.blob);
    struct pawl_record record;
    for (uint64_t op = 41; op < 101; op++) {
        assert_true(pawl_record_batch_find(blob, op, batches.scratch, &record));
        assert_int_equal(record.op, op);
        assert_int_equal(record.result.op, op);
    }
    assert_false(pawl_record_batch_find(blob, 40, batches.scratch, &record));
    assert_false(pawl_record_batch_find(blob, 101, batches.scratch, &record));
    batches_free(&batches);
}

static void a_repeat_is_counted_in_its_record(void **state)
{
    (void)state;
    struct batches batches;
    batches_init(&batches, 4);
    struct pawl_command command = {.type = PAWL_COMMAND_RELEASE};
    struct pawl_result result = {.code = PAWL_RESULT_GONE, .op = 7, .now_us = 9};
    pawl_record_batch_begin(&batches.blob);
    pawl_record_batch_put(&batches.blob, &command, &result, 0);
    size_t offset = batches.blob.bytes;
    result.op = 8;
    pawl_record_batch_put(&batches.blob, &command, &result, 0);
    pawl_record_batch_repeat(&batches.blob, offset);
    pawl_record_batch_repeat(&batches.blob, offset);
    pawl_record_batch_end(&batches.blob);
    struct pawl_record record;
    struct pawl_slice blob = pawl_buf_slice(&batches.blob);
    assert_true(pawl_record_batch_find(blob, 7, batches.scratch, &record));
    assert_int_equal(record.repeats, 0);
    assert_true(pawl_record_batch_find(blob, 8, batches.scratch, &record));
    assert_int_equal(record.repeats, 2);
    batches_free(&batches);
}

static void every_flipped_bit_and_every_cut_is_refused(void **state)
{
    (void)state;
    struct batches batches;
    batches_init(&batches, 5);
    batches_make(&batches, 1, 4);
    struct pawl_slice blob = pawl_buf_slice(&batches.blob);
    struct pawl_record_cursor cursor;
    for (size_t bit = 0; bit < blob.bytes * 8; bit++) {
        batches.blob.data[bit / 8] ^= (char)(1U << (bit % 8));
        assert_false(pawl_record_batch_open(blob, &cursor));
        batches.blob.data[bit / 8] ^= (char)(1U << (bit % 8));
    }
    assert_true(pawl_record_batch_open(blob, &cursor));
    for (size_t bytes = 0; bytes < blob.bytes; bytes++) {
        char *cut = malloc(bytes > 0 ? bytes : 1);
        assert_non_null(cut);
        memcpy(cut, blob.data, bytes);
        assert_false(pawl_record_batch_open(pawl_slice_of(cut, bytes), &cursor));
        free(cut);
    }
    batches_free(&batches);
}

/* Whoever can compute a CRC can make a frame: what is inside is not trusted either. */
static void a_sound_frame_around_damage_does_not_help_it(void **state)
{
    (void)state;
    struct batches batches;
    batches_init(&batches, seed_for("test_record"));
    unsigned refused = 0;
    for (int round = 0; round < 4000; round++) {
        batches_make(&batches, 1, 3);
        struct pawl_buf *blob = &batches.blob;
        int64_t byte = pawl_prng_between(&batches.prng, 12, (int64_t)blob->bytes - 1);
        blob->data[byte] ^= (char)(1U << pawl_prng_below(&batches.prng, 8));
        uint32_t crc = pawl_crc32c(0, blob->data + 8, blob->bytes - 8);
        for (unsigned i = 0; i < 4; i++) {
            blob->data[4 + i] = (char)(unsigned char)(crc >> (8 * i));
        }
        char *copy = malloc(blob->bytes);
        assert_non_null(copy);
        memcpy(copy, blob->data, blob->bytes);
        struct pawl_record_cursor cursor;
        struct pawl_record record;
        if (pawl_record_batch_open(pawl_slice_of(copy, blob->bytes), &cursor)) {
            while (pawl_record_batch_next(&cursor, batches.scratch, &record)) {
                assert_true(record.op > 0);
            }
        }
        refused += cursor.left > 0 ? 1 : 0;
        free(copy);
    }
    assert_true(refused > 0);
    batches_free(&batches);
}

static void begin_in_a_full_buffer(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 100);
    pawl_buf_append_byte(&buf, 'x');
    pawl_record_batch_begin(&buf);
}

static void end_an_empty_batch(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 100);
    pawl_record_batch_begin(&buf);
    pawl_record_batch_end(&buf);
}

static void batches_that_nobody_may_write_are_bugs(void **state)
{
    (void)state;
    assert_true(death_of(begin_in_a_full_buffer).aborted);
    assert_true(death_of(end_an_empty_batch).aborted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_they_were),
        cmocka_unit_test(one_record_is_found_among_many),
        cmocka_unit_test(a_repeat_is_counted_in_its_record),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
        cmocka_unit_test(a_sound_frame_around_damage_does_not_help_it),
        cmocka_unit_test(batches_that_nobody_may_write_are_bugs),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
