/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_ids.c: ids are genuine, sort by creation, and cannot be guessed from each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/kit.h"

static void ids_come_back_as_the_operation(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1);
    kit_open(&kit);
    char text[PAWL_ID_TEXT_BYTES];
    uint64_t op = 0;
    for (uint64_t i = 1; i < UINT64_MAX / 3; i = i * 3 + 1) {
        const char *id = pawl_engine_id_format(kit.engine, i, text);
        assert_int_equal(strlen(id), 33);
        assert_true(pawl_engine_id_parse(kit.engine, pawl_slice_str(id), &op));
        assert_int_equal(op, i);
    }
    kit_free(&kit);
}

static void ids_sort_by_creation(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 2);
    kit_open(&kit);
    char before[PAWL_ID_TEXT_BYTES];
    char after[PAWL_ID_TEXT_BYTES];
    for (uint64_t op = 1; op < 3000; op++) {
        (void)pawl_engine_id_format(kit.engine, op, before);
        (void)pawl_engine_id_format(kit.engine, op + 1, after);
        assert_true(strcmp(before, after) < 0);
    }
    kit_free(&kit);
}

/* A restore behind operation 10, and another one behind 20: what is before them stays as it was. */
static void ids_behind_a_restore_are_others(void **state)
{
    (void)state;
    static const struct pawl_id_turn turns[] = {{10, 0x1111}, {20, 0x2222}, {20, 0x3333}};
    struct kit kit;
    kit_init(&kit, 4);
    kit_open(&kit);
    char before[PAWL_ID_TEXT_BYTES];
    char after[PAWL_ID_TEXT_BYTES];
    for (uint32_t count = 0; count <= 3; count++) {
        for (uint64_t op = 1; op < 30; op++) {
            uint64_t found = 0;
            pawl_engine_id_turns(kit.engine, turns, 0);
            (void)pawl_engine_id_format(kit.engine, op, before);
            pawl_engine_id_turns(kit.engine, turns, count);
            (void)pawl_engine_id_format(kit.engine, op, after);
            bool same = count == 0 || op <= turns[0].after_op;
            assert_int_equal(strcmp(before, after) == 0, same);
            assert_int_equal(pawl_engine_id_parse(kit.engine, pawl_slice_str(before), &found),
                             same);
            assert_true(pawl_engine_id_parse(kit.engine, pawl_slice_str(after), &found));
            assert_int_equal(found, op);
        }
    }
    kit_free(&kit);
}

static void every_change_of_an_id_is_noticed(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 3);
    kit_open(&kit);
    char text[PAWL_ID_TEXT_BYTES];
    uint64_t op = 77;
    (void)pawl_engine_id_format(kit.engine, 123456, text);
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++) {
        char right = text[i];
        for (int byte = 0; byte < 256; byte++) {
            text[i] = (char)byte;
            assert_int_equal(pawl_engine_id_parse(kit.engine, pawl_slice_of(text, bytes), &op),
                             text[i] == right);
        }
        text[i] = right;
    }
    assert_int_equal(op, 123456);
    op = 77;
    assert_false(pawl_engine_id_parse(kit.engine, pawl_slice_of(text, bytes - 1), &op));
    assert_false(pawl_engine_id_parse(kit.engine, pawl_slice_of(text, bytes + 1), &op));
    assert_false(pawl_engine_id_parse(kit.engine, PAWL_SLICE_NONE, &op));
    assert_int_equal(op, 77);
    kit_free(&kit);
}

static void an_id_of_another_ledger_is_not_ours(void **state)
{
    (void)state;
    struct kit kit;
    char text[PAWL_ID_TEXT_BYTES];
    struct pawl_config other = pawl_engine_default_config();
    assert_int_not_equal(other.id_key.k0, 3);
    kit_init(&kit, 4);
    kit_open(&kit);
    (void)pawl_engine_id_format(kit.engine, 9, text);
    /* The same ledger after a restart knows it, by its own key. */
    kit_close(&kit);
    kit_open(&kit);
    uint64_t op = 0;
    assert_true(pawl_engine_id_parse(kit.engine, pawl_slice_str(text), &op));
    assert_int_equal(op, 9);
    assert_false(
        pawl_engine_id_parse(kit.engine, PAWL_SLICE("rsv_00000000000014000000000000000"), &op));
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_come_back_as_the_operation),
        cmocka_unit_test(ids_sort_by_creation),
        cmocka_unit_test(ids_behind_a_restore_are_others),
        cmocka_unit_test(every_change_of_an_id_is_noticed),
        cmocka_unit_test(an_id_of_another_ledger_is_not_ours),
    };
    return cmocka_run_group_tests_name("engine_ids", tests, NULL, NULL);
}
