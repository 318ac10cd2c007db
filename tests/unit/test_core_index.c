/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_index.c: linear hashing against a plain list of pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/index.h"
#include "core/table.h"
#include "core_memory.h"
#include "seed.h"

enum { PAIRS_MAX = 3000 };

struct pair {
    uint32_t hash;
    uint32_t slot;
};

struct model {
    uint32_t count;
    struct pair pairs[PAIRS_MAX];
};

static uint64_t seed;

/* How often the index and the model have this pair. */
static void expect_same(const struct pawl_core *core, const struct model *model, uint32_t hash)
{
    uint32_t expected = 0;
    uint32_t found = 0;
    uint64_t expected_sum = 0;
    uint64_t found_sum = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->pairs[i].hash == hash) {
            expected++;
            expected_sum += model->pairs[i].slot;
        }
    }
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_SCOPE, hash);
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        found++;
        found_sum += at;
    }
    assert_int_equal(found, expected);
    assert_int_equal(found_sum, expected_sum);
}

/* `spread`: how many different hashes there are; few of them make long chains. */
static void run_model(uint64_t spread, uint32_t steps, uint32_t grow_bias)
{
    static struct model model;
    struct pawl_core *core = memory_core();
    struct pawl_prng prng;
    uint32_t next_slot = 1;
    memory_give(core, 60);
    pawl_prng_seed(&prng, seed + spread);
    model.count = 0;
    for (uint32_t step = 0; step < steps; step++) {
        bool add = model.count == 0 ||
                   (model.count < PAIRS_MAX && pawl_prng_below(&prng, 100) < grow_bias);
        if (add) {
            struct pair pair = {.hash = (uint32_t)pawl_prng_below(&prng, spread),
                                .slot = next_slot};
            next_slot++;
            pawl_index_insert(core, PAWL_INDEX_SCOPE, pair.hash, pair.slot);
            model.pairs[model.count] = pair;
            model.count++;
        } else {
            uint32_t victim = (uint32_t)pawl_prng_below(&prng, model.count);
            struct pair pair = model.pairs[victim];
            pawl_index_remove(core, PAWL_INDEX_SCOPE, pair.hash, pair.slot);
            model.count--;
            model.pairs[victim] = model.pairs[model.count];
            expect_same(core, &model, pair.hash);
        }
        expect_same(core, &model, (uint32_t)pawl_prng_below(&prng, spread));
        if (step % 64 == 0) {
            pawl_index_audit(core, PAWL_INDEX_SCOPE);
        }
    }
    pawl_index_audit(core, PAWL_INDEX_SCOPE);
    assert_int_equal(core->state.indexes[PAWL_INDEX_SCOPE].entry_count, model.count);
    memory_free(core);
}

static void an_index_holds_what_a_list_of_pairs_holds(void **state)
{
    (void)state;
    run_model(UINT32_MAX, 6000, 70);
    run_model(UINT32_MAX, 6000, 50);
    run_model(500, 6000, 60);
}

static void many_entries_under_few_hashes_make_chains_that_split(void **state)
{
    (void)state;
    run_model(1, 1500, 80);
    run_model(3, 3000, 70);
    run_model(16, 4000, 60);
}

static void an_empty_index_finds_nothing(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_IDEM, 7);
    assert_int_equal(pawl_index_next(core, &cursor), 0);
    pawl_index_prefetch(core, PAWL_INDEX_IDEM, 7);
    pawl_index_audit(core, PAWL_INDEX_IDEM);
    memory_free(core);
}

static void buckets_grow_with_the_entries_and_overflow_is_given_back(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    memory_give(core, 60);
    for (uint32_t slot = 1; slot <= 1000; slot++) {
        pawl_index_insert(core, PAWL_INDEX_SCOPE, slot * 2654435761U, slot);
    }
    assert_int_equal(core->state.indexes[PAWL_INDEX_SCOPE].bucket_count, 251);
    for (uint32_t slot = 1; slot <= 1000; slot++) {
        pawl_index_remove(core, PAWL_INDEX_SCOPE, slot * 2654435761U, slot);
    }
    pawl_index_audit(core, PAWL_INDEX_SCOPE);
    assert_int_equal(core->state.tables[PAWL_TABLE_OVERFLOW].live_count, 0);
    assert_int_equal(core->state.indexes[PAWL_INDEX_SCOPE].entry_count, 0);
    memory_free(core);
}

int main(void)
{
    seed = seed_for("test_core_index");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_holds_what_a_list_of_pairs_holds),
        cmocka_unit_test(many_entries_under_few_hashes_make_chains_that_split),
        cmocka_unit_test(an_empty_index_finds_nothing),
        cmocka_unit_test(buckets_grow_with_the_entries_and_overflow_is_given_back),
    };
    return cmocka_run_group_tests_name("core_index", tests, NULL, NULL);
}
