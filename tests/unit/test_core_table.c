/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_table.c: slots, runs of slots, the directory of chunks, and copies aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/table.h"
#include "core_memory.h"
#include "death.h"
#include "seed.h"

enum { SLOTS_MAX = 3000 };

static uint64_t seed;

static bool is_zero(const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

static void slots_come_zeroed_and_keep_what_is_written(void **state)
{
    (void)state;
    static uint32_t taken[SLOTS_MAX];
    static uint64_t written[SLOTS_MAX];
    struct pawl_core *core = memory_core();
    struct pawl_prng prng;
    uint32_t count = 0;
    memory_give(core, 20);
    pawl_prng_seed(&prng, seed);
    for (uint32_t step = 0; step < 8000; step++) {
        if (count == 0 || (count < SLOTS_MAX && pawl_prng_below(&prng, 10) < 6)) {
            uint32_t index = pawl_table_take(core, PAWL_TABLE_RESERVATION);
            struct pawl_reservation_slot *slot = pawl_reservation_edit(core, index);
            assert_true(index > 0);
            assert_true(is_zero(slot, sizeof(*slot)));
            taken[count] = index;
            written[count] = pawl_prng_next(&prng);
            memset(slot, 0xff, sizeof(*slot));
            slot->id = written[count];
            count++;
        } else {
            uint32_t victim = (uint32_t)pawl_prng_below(&prng, count);
            assert_int_equal(pawl_reservation_at(core, taken[victim])->id, written[victim]);
            pawl_table_free(core, PAWL_TABLE_RESERVATION, taken[victim]);
            count--;
            taken[victim] = taken[count];
            written[victim] = written[count];
        }
        assert_int_equal(core->state.tables[PAWL_TABLE_RESERVATION].live_count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(pawl_reservation_at(core, taken[i])->id, written[i]);
    }
    memory_free(core);
}

static void the_slot_freed_last_is_taken_first(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    memory_give(core, 4);
    uint32_t a = pawl_table_take(core, PAWL_TABLE_IDEM);
    uint32_t b = pawl_table_take(core, PAWL_TABLE_IDEM);
    pawl_table_free(core, PAWL_TABLE_IDEM, a);
    pawl_table_free(core, PAWL_TABLE_IDEM, b);
    assert_int_equal(pawl_table_take(core, PAWL_TABLE_IDEM), b);
    assert_int_equal(pawl_table_take(core, PAWL_TABLE_IDEM), a);
    assert_int_equal(pawl_table_take(core, PAWL_TABLE_IDEM), b + 1);
    memory_free(core);
}

static void a_run_of_slots_lies_in_one_chunk(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    struct pawl_prng prng;
    uint32_t per_chunk = pawl_chunk_slots(PAWL_TABLE_STRING);
    uint32_t behind = 1;
    memory_give(core, 20);
    pawl_prng_seed(&prng, seed);
    for (uint32_t step = 0; step < 2000; step++) {
        uint32_t slots = (uint32_t)pawl_prng_between(&prng, 1, 5);
        uint32_t first = pawl_table_take_run(core, PAWL_TABLE_STRING, slots);
        assert_int_equal(first / per_chunk, (first + slots - 1) / per_chunk);
        assert_true(first >= behind && first - behind < 5);
        behind = first + slots;
    }
    memory_free(core);
}

static void a_dense_table_grows_and_shrinks_at_its_end(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    uint32_t per_chunk = pawl_chunk_slots(PAWL_TABLE_TIMER);
    memory_give(core, 4);
    for (uint32_t i = 0; i <= per_chunk; i++) {
        assert_int_equal(pawl_table_push(core, PAWL_TABLE_TIMER), i);
        pawl_timer_entry_edit(core, i)->run = i + 1;
    }
    assert_int_equal(core->state.tables[PAWL_TABLE_TIMER].chunk_count, 2);
    for (uint32_t i = per_chunk + 1; i > 0; i--) {
        assert_int_equal(pawl_timer_entry_at(core, i - 1)->run, i);
        pawl_table_pop(core, PAWL_TABLE_TIMER);
    }
    assert_int_equal(pawl_table_push(core, PAWL_TABLE_TIMER), 0);
    assert_true(is_zero(pawl_timer_entry_at(core, 0), sizeof(struct pawl_timer_entry_slot)));
    memory_free(core);
}

static void a_shortage_counts_chunks_and_directory_pages(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    uint32_t per_chunk = pawl_chunk_slots(PAWL_TABLE_BUDGET);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, 0), 0);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, 1), 2);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, per_chunk), 2);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, per_chunk + 1), 3);
    assert_int_equal(
        pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, (uint64_t)per_chunk * PAWL_PAGE_REFS + 1),
        PAWL_PAGE_REFS + 1 + 2);
    memory_give(core, 2);
    (void)pawl_table_push(core, PAWL_TABLE_BUDGET);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, per_chunk - 1), 0);
    assert_int_equal(pawl_chunk_shortage(core, PAWL_TABLE_BUDGET, per_chunk), 1);
    memory_free(core);
}

static void a_snapshot_shows_a_chunk_as_it_was(void **state)
{
    (void)state;
    static unsigned char chunk[PAWL_CHUNK_BYTES];
    struct pawl_core *core = memory_core();
    uint32_t number = 0;
    memory_give(core, 6);
    uint32_t a = pawl_table_take(core, PAWL_TABLE_BUDGET);
    pawl_budget_edit(core, a)->allocated = 7;
    pawl_core_snapshot_begin(core);
    pawl_budget_edit(core, a)->allocated = 8;
    uint32_t b = pawl_table_take(core, PAWL_TABLE_SESSION); /* a chunk that is not in it */
    pawl_session_edit(core, b)->unit = 1;
    assert_int_equal(core->memory.aside_count, 1);
    assert_true(pawl_core_snapshot_next(core, &number, chunk));
    assert_int_equal(number, 0);
    const struct pawl_budget_slot *slots = (const void *)chunk;
    assert_int_equal(slots[a].allocated, 7);
    assert_int_equal(pawl_budget_at(core, a)->allocated, 8);
    pawl_budget_edit(core, a)->allocated = 9; /* handed out already: no copy */
    assert_int_equal(core->memory.aside_count, 0);
    assert_false(pawl_core_snapshot_next(core, &number, chunk));
    assert_false(pawl_core_snapshot_active(core));
    memory_free(core);
}

static void a_snapshot_gives_way_when_there_is_no_memory_for_its_copies(void **state)
{
    (void)state;
    for (int growing = 0; growing < 2; growing++) {
        struct pawl_core *core = memory_core();
        memory_give(core, growing == 1 ? 5 : 4);
        uint32_t a = pawl_table_take(core, PAWL_TABLE_BUDGET);
        uint32_t b = pawl_table_take(core, PAWL_TABLE_WINDOW);
        assert_int_equal(core->memory.free_count, growing);
        pawl_core_snapshot_begin(core);
        pawl_budget_edit(core, a)->allocated = 8;
        assert_int_equal(core->memory.aside_count, growing);
        if (growing == 1) { /* The copy comes back before a table runs dry. */
            memory_give(core, 1);
            (void)pawl_table_take(core, PAWL_TABLE_SESSION);
        }
        assert_false(pawl_core_snapshot_active(core));
        assert_int_equal(core->memory.aside_count, 0);
        pawl_window_edit(core, b)->spent = 5;
        assert_int_equal(pawl_budget_at(core, a)->allocated, 8);
        assert_int_equal(pawl_window_at(core, b)->spent, 5);
        memory_free(core);
    }
}

static void a_snapshot_wants_a_bounded_number_of_copies(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(1000000);
    uint32_t per_chunk = pawl_chunk_slots(PAWL_TABLE_HOLDS);
    memory_give(core, 302);
    for (uint32_t i = 0; i < 300 * per_chunk; i++) {
        (void)pawl_table_push(core, PAWL_TABLE_HOLDS);
    }
    memory_give(core, pawl_core_chunks_wanted(core, 4));
    assert_int_equal(pawl_core_chunks_wanted(core, 4), 0);
    uint32_t spare = core->memory.free_count;
    pawl_core_snapshot_begin(core);
    assert_true(pawl_core_chunks_wanted(core, 1) <= 128);
    assert_int_equal(pawl_core_chunks_wanted(core, 4), 300); /* all that there is to copy */
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    assert_true(core->memory.free_count >= 128 && core->memory.free_count <= spare + 128);
    memory_free(core);
}

static void take_without_memory(void)
{
    (void)pawl_table_take(memory_core(), PAWL_TABLE_BUDGET);
}

static void read_beyond_the_table(void)
{
    struct pawl_core *core = memory_core();
    memory_give(core, 2);
    (void)pawl_table_take(core, PAWL_TABLE_BUDGET);
    (void)pawl_budget_at(core, 2);
}

static void running_dry_and_reading_outside_are_bugs(void **state)
{
    (void)state;
    assert_true(death_of(take_without_memory).aborted);
    assert_true(death_of(read_beyond_the_table).aborted);
}

int main(void)
{
    seed = seed_for("test_core_table");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_come_zeroed_and_keep_what_is_written),
        cmocka_unit_test(the_slot_freed_last_is_taken_first),
        cmocka_unit_test(a_run_of_slots_lies_in_one_chunk),
        cmocka_unit_test(a_dense_table_grows_and_shrinks_at_its_end),
        cmocka_unit_test(a_shortage_counts_chunks_and_directory_pages),
        cmocka_unit_test(a_snapshot_shows_a_chunk_as_it_was),
        cmocka_unit_test(a_snapshot_gives_way_when_there_is_no_memory_for_its_copies),
        cmocka_unit_test(a_snapshot_wants_a_bounded_number_of_copies),
        cmocka_unit_test(running_dry_and_reading_outside_are_bugs),
    };
    return cmocka_run_group_tests_name("core_table", tests, NULL, NULL);
}
