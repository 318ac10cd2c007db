/* SPDX-License-Identifier: Apache-2.0 */
/* test_err.c: errors have names, messages wrap on the way up and are cut, never overrun. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < PAWL_ERR_COUNT; i++) {
        const char *name = pawl_err_name((pawl_err){i});
        assert_true(strlen(name) > 0);
        assert_string_not_equal(name, "unknown");
        for (uint16_t other = 0; other < i; other++) {
            assert_string_not_equal(name, pawl_err_name((pawl_err){other}));
        }
    }
    assert_string_equal(pawl_err_name((pawl_err){PAWL_ERR_COUNT}), "unknown");
    assert_string_equal(pawl_err_name(PAWL_ERR(CORRUPT)), "corrupt");
    assert_true(pawl_ok(PAWL_OK));
    assert_true(pawl_failed(PAWL_ERR(IO)));
}

static void messages_wrap_from_the_inside_out(void **state)
{
    (void)state;
    struct pawl_errmsg msg = {.text = ""};
    pawl_errmsg_wrap(&msg, "run %d", 7);
    assert_string_equal(msg.text, "run 7");
    pawl_errmsg_set(&msg, "read(2) gave %d", -1);
    pawl_errmsg_wrap(&msg, "segment %d", 3);
    pawl_errmsg_wrap(&msg, "journal");
    assert_string_equal(msg.text, "journal: segment 3: read(2) gave -1");
    pawl_errmsg_set(&msg, "again: %s", msg.text);
    assert_string_equal(msg.text, "again: journal: segment 3: read(2) gave -1");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct {
        struct pawl_errmsg msg;
        char guard[8];
    } framed = {.guard = "guard"};
    size_t room = sizeof(framed.msg.text) - 1;
    pawl_errmsg_set(&framed.msg, "%2000d", 1);
    assert_int_equal(strlen(framed.msg.text), room);
    pawl_errmsg_set(&framed.msg, "inner");
    pawl_errmsg_wrap(&framed.msg, "%0509d", 1); /* leaves room for ": " and nothing else */
    assert_int_equal(strlen(framed.msg.text), room);
    assert_string_equal(framed.msg.text + 509, ": ");
    pawl_errmsg_wrap(&framed.msg, "%0511d", 1);
    assert_int_equal(strlen(framed.msg.text), room);
    pawl_errmsg_wrap(&framed.msg, "%02000d", 1);
    assert_int_equal(strlen(framed.msg.text), room);
    assert_string_equal(framed.guard, "guard");
}

static void no_message_is_allowed(void **state)
{
    (void)state;
    pawl_errmsg_set(NULL, "%d", 1);
    pawl_errmsg_wrap(NULL, "%d", 1);
    struct pawl_errmsg msg = {.text = "kept"};
    pawl_errmsg_wrap(&msg, "%s", "outer");
    assert_string_equal(msg.text, "outer: kept");
}

static void errno_maps_to_what_the_world_did(void **state)
{
    (void)state;
    assert_int_equal(pawl_err_from_errno(0).code, PAWL_ERR_NONE);
    assert_int_equal(pawl_err_from_errno(ENOSPC).code, PAWL_ERR_FULL);
    assert_int_equal(pawl_err_from_errno(EDQUOT).code, PAWL_ERR_FULL);
    assert_int_equal(pawl_err_from_errno(ENOENT).code, PAWL_ERR_NOT_FOUND);
    assert_int_equal(pawl_err_from_errno(EEXIST).code, PAWL_ERR_EXISTS);
    assert_int_equal(pawl_err_from_errno(EACCES).code, PAWL_ERR_PERMISSION);
    assert_int_equal(pawl_err_from_errno(EINVAL).code, PAWL_ERR_INVALID);
    assert_int_equal(pawl_err_from_errno(EMFILE).code, PAWL_ERR_LIMIT);
    assert_int_equal(pawl_err_from_errno(ENOMEM).code, PAWL_ERR_MEMORY);
    assert_int_equal(pawl_err_from_errno(ECONNREFUSED).code, PAWL_ERR_UNREACHABLE);
    assert_int_equal(pawl_err_from_errno(ETIMEDOUT).code, PAWL_ERR_TIMEOUT);
    assert_int_equal(pawl_err_from_errno(EBUSY).code, PAWL_ERR_LOCKED);
    assert_int_equal(pawl_err_from_errno(EPROTO).code, PAWL_ERR_PROTOCOL);
    assert_int_equal(pawl_err_from_errno(ENOSYS).code, PAWL_ERR_UNSUPPORTED);
    assert_int_equal(pawl_err_from_errno(EIO).code, PAWL_ERR_IO);
    assert_int_equal(pawl_err_from_errno(12345).code, PAWL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_of_its_own),
        cmocka_unit_test(messages_wrap_from_the_inside_out),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(no_message_is_allowed),
        cmocka_unit_test(errno_maps_to_what_the_world_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
