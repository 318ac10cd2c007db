/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve_place.c: a data directory that is made is there after a power failure: the entry of
 * each directory is synced before anything in it can be acknowledged.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/place.h"
#include "tests/lib/dir_syncs.h"

enum { PATH_BYTES = 256 };

static void what_is_made_is_there_after_a_power_failure(void **state)
{
    char folder[] = "/tmp/pawl-place-XXXXXX";
    char dir[PATH_BYTES];
    char journal[PAWL_PLACE_PATH_BYTES];
    struct pawl_place place;
    struct pawl_errmsg msg = {""};
    (void)state;
    assert_non_null(mkdtemp(folder));
    dir_syncs_forget(); /* that one is the test's */
    (void)snprintf(dir, sizeof(dir), "%s/var/lib/pawl", folder);
    assert_true(pawl_ok(pawl_place_open(dir, &place, &msg)));
    assert_int_equal(dir_syncs_made(), 3);
    assert_true(pawl_ok(pawl_place_make_dir(&place, PAWL_PLACE_JOURNAL, journal, &msg)));
    assert_int_equal(dir_syncs_made(), 1);
    assert_true(pawl_ok(pawl_place_make_dir(&place, PAWL_PLACE_JOURNAL, journal, &msg)));
    assert_int_equal(dir_syncs_made(), 0);
    pawl_place_discard(&place);
    pawl_place_close(&place);
    assert_int_equal(rmdir(folder), 0); /* nothing of it is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_there_after_a_power_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
