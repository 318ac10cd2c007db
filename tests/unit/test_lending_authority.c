/* SPDX-License-Identifier: Apache-2.0 */
/* test_lending_authority.c: the process from its beginning to its end, in this one. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lending/authority.h"
#include "tests/lib/dir_syncs.h"

static char folder[32];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/pawl-authority-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int end(void **state)
{
    char command[64];
    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static pawl_err start(struct pawl_errmsg *msg)
{
    const struct pawl_authority_options options = {
        .data_dir = folder, .allow_any_filesystem = true, .idle_ms = 1};
    dir_syncs_forget();
    return pawl_authority_main(&options, msg);
}

/* A limit that was set is there after a power failure, with its ledger. */
static void authority_has_its_directories_for_good(void **state)
{
    struct pawl_errmsg msg = {""};
    (void)state;
    assert_true(pawl_ok(start(&msg)));
    assert_int_equal(dir_syncs_made(), 2);
    assert_true(pawl_ok(start(&msg)));
    assert_int_equal(dir_syncs_made(), 0);
}

static void authority_does_not_start_where_they_could_go(void **state)
{
    struct pawl_errmsg msg = {""};
    (void)state;
    dir_syncs_fail(true);
    assert_int_equal(start(&msg).code, PAWL_ERR_IO);
    dir_syncs_fail(false);
    assert_non_null(strstr(msg.text, "cannot sync the directory /tmp/pawl-authority-"));
    assert_true(pawl_ok(start(&msg)));
    assert_int_equal(dir_syncs_made(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(authority_has_its_directories_for_good, begin, end),
        cmocka_unit_test_setup_teardown(authority_does_not_start_where_they_could_go, begin, end),
    };
    return cmocka_run_group_tests_name("lending_authority", tests, NULL, NULL);
}
