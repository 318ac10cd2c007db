/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_scope.c: places whose paths have the same hash. A subject's scopes are found from the
 * deepest up, by the first one under the hash of its path, so a wrong first one must be noticed
 * and the right one still be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/scope.h"
#include "core_memory.h"

enum { NAMES = 400000, NAME_BYTES = 16 };

struct named {
    uint32_t hash;
    uint32_t number;
};

static int by_hash(const void *a, const void *b)
{
    uint32_t first = ((const struct named *)a)->hash;
    uint32_t second = ((const struct named *)b)->hash;
    return (first > second) - (first < second);
}

static struct pawl_slice name_of(uint32_t number, char out[static NAME_BYTES])
{
    int bytes = snprintf(out, NAME_BYTES, "place-%u", number);
    return pawl_slice_of(out, (size_t)bytes);
}

/* Two names that give two scopes under `acme` the same hash in the index; of 400,000 names some
 * twenty pairs do, whatever the key. */
static void find_twins(const struct pawl_core *core, uint8_t level, uint32_t ret_numbers[static 2])
{
    static struct named names[NAMES];
    struct pawl_scope_key tenant = {.level = PAWL_LEVEL_TENANT, .value = PAWL_SLICE("acme")};
    uint64_t above = pawl_scope_hash(core, 0, &tenant);
    for (uint32_t i = 0; i < NAMES; i++) {
        char text[NAME_BYTES];
        struct pawl_scope_key key = {.level = level, .value = name_of(i, text)};
        names[i] =
            (struct named){.hash = (uint32_t)pawl_scope_hash(core, above, &key), .number = i};
    }
    qsort(names, NAMES, sizeof(names[0]), by_hash);
    for (uint32_t i = 1; i < NAMES; i++) {
        if (names[i].hash == names[i - 1].hash) {
            ret_numbers[0] = names[i - 1].number;
            ret_numbers[1] = names[i].number;
            return;
        }
    }
    fail_msg("no two names have the same hash");
}

static struct pawl_result apply(struct pawl_core *core, const struct pawl_command *command)
{
    struct pawl_result result;
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    pawl_core_apply(core, 1000, command, &result);
    return result;
}

static uint64_t create(struct pawl_core *core, struct pawl_slice workspace)
{
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE,
                                   .u.budget_create = {.unit = PAWL_UNIT_TOKENS,
                                                       .allocated = 100,
                                                       .mode = PAWL_BUDGET_ENFORCE}};
    command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    command.u.budget_create.scope.levels[PAWL_LEVEL_WORKSPACE] = workspace;
    struct pawl_result result = apply(core, &command);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    return result.id;
}

static struct pawl_result reserve(struct pawl_core *core, struct pawl_slice workspace)
{
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE,
                                   .u.reserve = {.line_count = 1,
                                                 .lines = {{.unit = PAWL_UNIT_TOKENS, .value = 1}},
                                                 .ttl_ms = 1000,
                                                 .overage = PAWL_OVERAGE_REJECT,
                                                 .extensions_max = PAWL_EXTENSIONS_MAX,
                                                 .on_expiry = PAWL_ON_EXPIRY_RELEASE}};
    command.u.reserve.subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    command.u.reserve.subject.levels[PAWL_LEVEL_WORKSPACE] = workspace;
    return apply(core, &command);
}

static void scopes_with_one_hash_are_told_apart(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    uint32_t numbers[2] = {0, 0};
    char texts[2][NAME_BYTES];
    find_twins(core, PAWL_LEVEL_WORKSPACE, numbers);
    struct pawl_slice first = name_of(numbers[0], texts[0]);
    struct pawl_slice second = name_of(numbers[1], texts[1]);
    uint64_t tenant_budget = create(core, PAWL_SLICE_NONE);
    uint64_t first_budget = create(core, first);

    /* The one that is there does not pass for the one that is not. */
    struct pawl_result result = reserve(core, second);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    assert_int_equal(result.delta_count, 1);
    assert_int_equal(result.deltas[0].budget, tenant_budget);

    uint64_t second_budget = create(core, second);
    result = reserve(core, second);
    assert_int_equal(result.delta_count, 2);
    assert_int_equal(result.deltas[0].budget, tenant_budget);
    assert_int_equal(result.deltas[1].budget, second_budget);
    result = reserve(core, first);
    assert_int_equal(result.delta_count, 2);
    assert_int_equal(result.deltas[1].budget, first_budget);
    pawl_core_audit(core);
    memory_free(core);
}

static void texts_that_differ_in_one_byte_differ_in_their_hash(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    char text[PAWL_VALUE_BYTES_MAX] = {0};
    for (size_t bytes = 1; bytes <= 80; bytes++) {
        uint64_t hash = pawl_string_hash(core, 0, pawl_slice_of(text, bytes));
        assert_true(hash != pawl_string_hash(core, 1, pawl_slice_of(text, bytes)));
        assert_true(hash != pawl_string_hash(core, 0, pawl_slice_of(text, bytes + 1)));
        for (size_t at = 0; at < bytes; at++) {
            text[at] = 'x';
            assert_true(hash != pawl_string_hash(core, 0, pawl_slice_of(text, bytes)));
            text[at] = 0;
        }
    }
    memory_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_with_one_hash_are_told_apart),
        cmocka_unit_test(texts_that_differ_in_one_byte_differ_in_their_hash),
    };
    return cmocka_run_group_tests_name("core_scope", tests, NULL, NULL);
}
