/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_timer.c: runs and heap of deadlines against a list that is searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/table.h"
#include "core/timer.h"
#include "core_memory.h"
#include "seed.h"

enum { TIMERS_MAX = 2000 };

struct model_timer {
    int64_t due_ms;
    uint64_t sequence;
    uint32_t slot;
    uint32_t node;
};

struct model {
    uint32_t count;
    uint64_t sequence;
    struct model_timer timers[TIMERS_MAX];
};

static uint64_t seed;

static void model_add(struct model *model, struct pawl_core *core, int64_t due_ms, uint32_t slot)
{
    struct model_timer timer = {.due_ms = due_ms, .sequence = model->sequence, .slot = slot};
    timer.node = pawl_timer_add(core, due_ms, PAWL_TIMER_SESSION, slot);
    model->timers[model->count] = timer;
    model->count++;
    model->sequence++;
}

static void model_remove(struct model *model, uint32_t i)
{
    model->count--;
    model->timers[i] = model->timers[model->count];
}

/* The earliest; of equal ones the one that was set first. */
static uint32_t model_first(const struct model *model)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < model->count; i++) {
        const struct model_timer *a = &model->timers[i];
        const struct model_timer *b = &model->timers[first];
        if (a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->sequence < b->sequence)) {
            first = i;
        }
    }
    return first;
}

static void expect_first(const struct model *model, const struct pawl_core *core)
{
    struct pawl_timer timer;
    assert_int_equal(pawl_timer_first(core, &timer), model->count > 0);
    if (model->count > 0) {
        const struct model_timer *expected = &model->timers[model_first(model)];
        assert_int_equal(timer.due_ms, expected->due_ms);
        assert_int_equal(timer.slot, expected->slot);
        assert_int_equal(timer.node, expected->node);
        assert_int_equal(timer.kind, PAWL_TIMER_SESSION);
    }
}

/* Adds, cancels and takes the earliest; `range` small makes equal deadlines. */
static void run_model(int64_t range, uint32_t add_bias)
{
    static struct model model;
    struct pawl_core *core = memory_core();
    struct pawl_prng prng;
    memory_give(core, 12);
    pawl_prng_seed(&prng, seed + (uint64_t)range);
    model.count = 0;
    model.sequence = 0;
    for (uint32_t step = 0; step < 5000; step++) {
        uint64_t draw = pawl_prng_below(&prng, 100);
        if (model.count == 0 || (draw < add_bias && model.count < TIMERS_MAX)) {
            model_add(&model, core, pawl_prng_between(&prng, 0, range), step + 1);
        } else {
            uint32_t victim =
                draw % 2 == 0 ? model_first(&model) : (uint32_t)pawl_prng_below(&prng, model.count);
            pawl_timer_prefetch(core, model.timers[victim].node);
            pawl_timer_prefetch_neighbours(core, model.timers[victim].node);
            pawl_timer_cancel(core, model.timers[victim].node);
            model_remove(&model, victim);
        }
        expect_first(&model, core);
        if (step % 50 == 0) {
            pawl_timer_audit(core);
        }
    }
    pawl_timer_audit(core);
    memory_free(core);
}

static void the_heap_has_the_earliest_of_a_list(void **state)
{
    (void)state;
    run_model(PAWL_TIMER_DUE_MS_MAX, 60);
    run_model(1000000, 50);
}

static void equal_deadlines_come_in_the_order_in_which_they_were_set(void **state)
{
    (void)state;
    run_model(0, 60);
    run_model(3, 55);
    run_model(600, 60); /* more deadlines than open runs: they push each other out */
}

static void a_timer_can_be_read_by_its_node(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    memory_give(core, 8);
    uint32_t node = pawl_timer_add(core, 5, PAWL_TIMER_APPROVAL, (UINT32_C(1) << 30) - 1);
    struct pawl_timer timer = pawl_timer_at(core, node);
    assert_int_equal(timer.due_ms, 5);
    assert_int_equal(timer.kind, PAWL_TIMER_APPROVAL);
    assert_int_equal(timer.slot, (UINT32_C(1) << 30) - 1);
    pawl_timer_cancel(core, node);
    assert_false(pawl_timer_first(core, &timer));
    memory_free(core);
}

int main(void)
{
    seed = seed_for("test_core_timer");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_has_the_earliest_of_a_list),
        cmocka_unit_test(equal_deadlines_come_in_the_order_in_which_they_were_set),
        cmocka_unit_test(a_timer_can_be_read_by_its_node),
    };
    return cmocka_run_group_tests_name("core_timer", tests, NULL, NULL);
}
