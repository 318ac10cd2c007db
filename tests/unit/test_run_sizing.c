/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_sizing.c: the computed cap as a table of facts and dollars, and the repository's size
 * from an index that is written here byte by byte.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/money.h"
#include "run/sizing.h"

#define USD PAWL_MICROCENTS_PER_USD

static struct pawl_sizing_facts facts_of(int64_t files, int64_t blended_cents)
{
    struct pawl_sizing_facts facts = {
        .root = "/r",
        .files_known = files >= 0,
        .files = files >= 0 ? (uint32_t)files : 0,
        .blended_microcents = blended_cents * (USD / 100),
        .calls = 1,
    };
    return facts;
}

static void the_cap_follows_the_files_and_the_models(void **state)
{
    (void)state;
    static const struct {
        int64_t files; /* -1: not known */
        int64_t blended_cents;
        int64_t cents; /* without bounds */
    } rows[] = {
        {0, 600, 100},          {199, 600, 100},      {200, 600, 125},   {399, 600, 125},
        {400, 600, 150},        {1600, 600, 200},     {1600, 1200, 400}, {1600, 300, 100},
        {1600, 1, 50},          {1600, 1000000, 800}, {1600, 0, 200},    {-1, 0, 100},
        {4294967295, 600, 725}, {200, 601, 126},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_sizing_facts facts = facts_of(rows[i].files, rows[i].blended_cents);
        struct pawl_sizing sizing;
        pawl_sizing_compute(&facts, 1, 1000 * USD, &sizing);
        assert_int_equal(sizing.microcents, rows[i].cents * (USD / 100));
    }
}

static void the_bounds_hold(void **state)
{
    (void)state;
    struct pawl_sizing sizing;
    struct pawl_sizing_facts large = facts_of(1000000, 3000);
    pawl_sizing_compute(&large, USD, 5 * USD, &sizing);
    assert_int_equal(sizing.microcents, 5 * USD);
    struct pawl_sizing_facts small = facts_of(10, 10);
    pawl_sizing_compute(&small, USD, 5 * USD, &sizing);
    assert_int_equal(sizing.microcents, USD);
}

static void the_reason_says_what_was_counted(void **state)
{
    (void)state;
    struct pawl_sizing sizing;
    struct pawl_sizing_facts facts = facts_of(1648, 900);
    pawl_sizing_compute(&facts, USD, 5 * USD, &sizing);
    assert_string_equal(sizing.reason,
                        "1,648 tracked files, the models used here at $9.00 a million "
                        "tokens (x 1.50)");
    facts.calls = 0;
    facts.files_known = false;
    pawl_sizing_compute(&facts, USD, 5 * USD, &sizing);
    assert_string_equal(sizing.reason, "a repository of unknown size, the model at $9.00 a million "
                                       "tokens (x 1.50)");
    struct pawl_sizing_facts nothing = {.root = ""};
    pawl_sizing_compute(&nothing, USD, 5 * USD, &sizing);
    assert_string_equal(sizing.reason, "no git repository, no model known yet");
}

/* --- Repositories ---------------------------------------------------------------------------- */

static char top[64];

static int make_top(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/pawl-sizing-XXXXXX");
    return mkdtemp(top) != NULL ? 0 : -1;
}

static int remove_top(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", top);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own. */
}

static void make_folder(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", top, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", top, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static bool look(const char *name, struct pawl_sizing_facts *facts)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", top, name);
    *facts = (struct pawl_sizing_facts){.files = 0};
    return pawl_sizing_repository(path, facts);
}

static void the_index_tells_the_number_of_tracked_files(void **state)
{
    (void)state;
    static const unsigned char index[] = {'D', 'I', 'R', 'C', 0, 0, 0, 2, 0, 1, 2, 3, 9, 9};
    struct pawl_sizing_facts facts;
    char root[128];
    make_folder("repo");
    make_folder("repo/.git");
    make_folder("repo/deep");
    write_file("repo/.git/HEAD", "ref: x\n", 7);
    write_file("repo/.git/index", index, sizeof(index));
    assert_true(look("repo/deep", &facts));
    (void)snprintf(root, sizeof(root), "%s/repo", top);
    assert_string_equal(facts.root, root);
    assert_true(facts.files_known);
    assert_int_equal(facts.files, 0x10203);
}

static void a_linked_worktree_has_its_index_elsewhere(void **state)
{
    (void)state;
    static const unsigned char index[] = {'D', 'I', 'R', 'C', 0, 0, 0, 2, 0, 0, 0, 7};
    struct pawl_sizing_facts facts;
    make_folder("linked");
    make_folder("elsewhere");
    write_file("linked/.git", "gitdir: ../elsewhere\n", 21);
    write_file("elsewhere/index", index, sizeof(index));
    assert_true(look("linked", &facts));
    assert_int_equal(facts.files, 7);
}

static void an_index_that_is_none_leaves_the_size_unknown(void **state)
{
    (void)state;
    struct pawl_sizing_facts facts;
    make_folder("fresh");
    make_folder("fresh/.git");
    write_file("fresh/.git/HEAD", "ref: x\n", 7);
    assert_true(look("fresh", &facts));
    assert_false(facts.files_known);
    write_file("fresh/.git/index", "DIRC", 4);
    assert_true(look("fresh", &facts));
    assert_false(facts.files_known);
    write_file("fresh/.git/index", "something else", 14);
    assert_true(look("fresh", &facts));
    assert_false(facts.files_known);
}

static void outside_of_a_repository_there_is_none(void **state)
{
    (void)state;
    struct pawl_sizing_facts facts;
    make_folder("plain");
    assert_false(look("plain", &facts));
    assert_false(pawl_sizing_repository("", &facts));
    assert_false(pawl_sizing_repository("/", &facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cap_follows_the_files_and_the_models),
        cmocka_unit_test(the_bounds_hold),
        cmocka_unit_test(the_reason_says_what_was_counted),
        cmocka_unit_test(the_index_tells_the_number_of_tracked_files),
        cmocka_unit_test(a_linked_worktree_has_its_index_elsewhere),
        cmocka_unit_test(an_index_that_is_none_leaves_the_size_unknown),
        cmocka_unit_test(outside_of_a_repository_there_is_none),
    };
    return cmocka_run_group_tests_name("run_sizing", tests, make_top, remove_top);
}
