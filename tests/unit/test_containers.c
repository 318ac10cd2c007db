/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_containers.c: what time in OpenAI's containers is booked, over the calls of a run. A script
 * is a list of calls; each says what it shows and what it costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/containers.h"

static const int64_t minute_us = 60 * 1000000;

struct step {
    int64_t from; /* minutes */
    int64_t to;
    const char *ran;    /* ids, each a letter; "": none showed */
    const char *before; /* that the conversation has used */
    int64_t gigabytes;  /* asked for */
    bool code;
    int64_t expected;
};

static struct pawl_container_names names_of(const char *letters)
{
    struct pawl_container_names names = {.count = 0};
    for (; *letters != '\0'; letters++) {
        (void)pawl_container_names_add(&names, pawl_slice_of(letters, 1));
    }
    return names;
}

static void check(const struct step *steps, size_t count)
{
    struct pawl_containers containers = {.next = 0};
    for (size_t i = 0; i < count; i++) {
        struct pawl_container_use use = {
            .ran = names_of(steps[i].ran),
            .before = names_of(steps[i].before),
            .gigabytes = steps[i].gigabytes,
            .started_us = steps[i].from * minute_us,
            .ended_us = steps[i].to * minute_us,
            .code = steps[i].code,
        };
        int64_t minutes = pawl_containers_bill(&containers, &use);
        if (minutes != steps[i].expected) {
            fail_msg("step %zu: %lld minutes", i, (long long)minutes);
        }
    }
}

static void a_container_that_goes_on_is_paid_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {0, 1, "a", "", 1, true, 20},
        {5, 6, "a", "a", 1, true, 0},
        {18, 19, "a", "a", 1, true, 0},
        {19, 21, "a", "a", 1, true, 20}, /* beyond what was paid */
        {22, 23, "b", "", 4, true, 80},  /* another one */
        {30, 31, "ab", "ab", 5, true, 0},
        {40, 41, "ab", "ab", 5, true, 20}, /* the first only */
    };
    check(steps, PAWL_ARRAY_LEN(steps));
}

static void a_long_call_pays_for_each_block(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {0, 20, "a", "", 4, true, 160}, /* two have begun */
        {21, 39, "a", "a", 4, true, 0},
        {39, 85, "a", "a", 4, true, 3 * 80},
    };
    check(steps, PAWL_ARRAY_LEN(steps));
}

/* One is made for a request that has none to go on in, though no code runs. */
static void a_container_is_made_for_the_request(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {0, 1, "", "", 1, false, 20},
        {1, 2, "", "", 1, false, 20}, /* nobody tells which it was, so it is not gone on in */
        {2, 3, "a", "", 1, true, 20},
        {3, 4, "", "a", 1, false, 0},
        {3, 4, "", "x", 1, false, 20},   /* of another run */
        {30, 31, "", "a", 1, false, 20}, /* it has ended */
        {31, 32, "", "a", 1, true, 20},  /* code ran, nobody says where */
        {32, 33, "", "", 0, true, 0},    /* none was asked for */
        {32, 33, "z", "", 0, true, 0},   /* one that was made beforehand */
    };
    check(steps, PAWL_ARRAY_LEN(steps));
}

static void the_oldest_is_forgotten_first(void **state)
{
    (void)state;
    struct pawl_containers containers = {.next = 0};
    struct pawl_container_use use = {.gigabytes = 4, .ended_us = 1, .code = true};
    char id[2] = {'a', 'a'};
    struct pawl_container_names first = {.count = 0};
    (void)pawl_container_names_add(&first, pawl_slice_of(id, 2));
    for (int i = 0; i <= PAWL_CONTAINERS_KNOWN_MAX; i++) {
        id[0] = (char)('a' + i % 16);
        id[1] = (char)('a' + i / 16);
        use.ran = (struct pawl_container_names){.count = 0};
        (void)pawl_container_names_add(&use.ran, pawl_slice_of(id, 2));
        assert_int_equal(pawl_containers_bill(&containers, &use), 80);
    }
    assert_int_equal(pawl_containers_gigabytes(&containers, first.name[0]), -1);
    assert_int_equal(pawl_containers_gigabytes(&containers, use.ran.name[0]), 4);
}

static void names_are_kept_once(void **state)
{
    (void)state;
    struct pawl_container_names names = names_of("abacabad");
    assert_int_equal(names.count, 4);
    assert_false(pawl_container_names_add(&names, PAWL_SLICE_NONE));
    assert_true(pawl_container_names_add(&names, PAWL_SLICE("a")));
    assert_int_equal(names.count, 4);
    names = names_of("abcdefghijk");
    assert_int_equal(names.count, PAWL_CONTAINERS_NAMED_MAX);
    assert_false(pawl_container_names_add(&names, PAWL_SLICE("k")));
    assert_true(pawl_container_names_add(&names, PAWL_SLICE("h"))); /* it is there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_that_goes_on_is_paid_once),
        cmocka_unit_test(a_long_call_pays_for_each_block),
        cmocka_unit_test(a_container_is_made_for_the_request),
        cmocka_unit_test(the_oldest_is_forgotten_first),
        cmocka_unit_test(names_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
