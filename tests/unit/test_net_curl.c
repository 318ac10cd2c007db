/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_curl.c: a libcurl that is not there is told by name, every time, and nothing of it is
 * called. This program is built with curl.c looking for a library that nobody has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/curl.h"

static void a_missing_library_is_named_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pawl_errmsg msg = {""};
        assert_int_equal(pawl_curl_load(&msg).code, PAWL_ERR_NOT_FOUND);
        assert_non_null(strstr(msg.text, "libcurl-of-nobody.so.4 cannot be loaded: "));
        assert_null(pawl_curl.easy_init);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_missing_library_is_named_every_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
