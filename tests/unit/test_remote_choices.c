/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_choices.c: which server is asked, and which key is shown. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "remote/keys.h"
#include "remote/target.h"

static void forget_environment(void)
{
    static const char *const names[] = {"PAWL_SERVER", "CYCLES_BASE_URL", "PAWL_KEY",
                                        "CYCLES_API_KEY", "PAWL_ADMIN_KEY"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        assert_int_equal(unsetenv(names[i]), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    forget_environment();
    return 0;
}

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *url;
        const char *socket;
    } rows[] = {
        {"http://h:1", "http://h:1", ""},
        {"https://h/", "https://h", ""},
        {"https://h/base/v1/", "https://h/base", ""},
        {"http://[::1]:7878", "http://[::1]:7878", ""},
        {"unix:/run/pawl.sock", "http://localhost", "/run/pawl.sock"},
        {"unix:///run/pawl.sock", "http://localhost", "/run/pawl.sock"},
        {"unix:pawl.sock", "http://localhost", "pawl.sock"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_target target;
        struct pawl_errmsg msg;
        assert_true(pawl_ok(pawl_target_choose(rows[i].said, "/local", &target, &msg)));
        assert_string_equal(target.url, rows[i].url);
        assert_string_equal(target.socket, rows[i].socket);
        assert_string_equal(target.from, "--server");
    }
}

static void a_password_is_not_shown(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *shown;
    } rows[] = {
        {"http://ann:secret@h:1/", "http://h:1"},
        {"https://ann:se@cret@[::1]:7878/base@x/v1", "https://[::1]:7878/base@x"},
        {"https://h/base", "https://h/base"},
        {"unix:/run/a@b.sock", "/run/a@b.sock"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_target target;
        struct pawl_errmsg msg;
        assert_true(pawl_ok(pawl_target_choose(rows[i].said, "/local", &target, &msg)));
        assert_string_equal(pawl_target_name(&target), rows[i].shown);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",           "h",        "h:1",        "ftp://h",
                                       "http://",    "http:///", "http://h?a", "http://h#a",
                                       "http://a b", "unix:",    "https://",   "/run/pawl.sock"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_target target = {.from = "as it was"};
        struct pawl_errmsg msg = {""};
        pawl_err err = pawl_target_choose(rows[i], "/local", &target, &msg);
        assert_int_equal(err.code, PAWL_ERR_INVALID);
        assert_string_equal(target.from, "as it was");
        assert_true(msg.text[0] != '\0');
    }
}

static void what_is_refused_tells_no_secret(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *shown;
    } rows[] = {
        {"htp://ann:secret@h:1/a", "not 'htp://***@h:1/a'"},
        {"http://ann:secret@h:1 ", "not 'http://***@h:1 '"},
        {"http://ann:secret?cr#e@t@h:1?x", "not 'http://***@h:1?***'"},
        {"http://h:1/?api_key=secret", "not 'http://h:1/?***'"},
        {"ann:secret@h:1", "not '***@h:1'; did you mean http://***@h:1?"},
        {"ann:secret@", "not '***@'; did you mean http://***@?"},
        {"./a@b", "not './a@b'; did you mean unix:./a@b?"},
        {"http://", "not 'http://'"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_target target;
        struct pawl_errmsg msg = {""};
        assert_true(pawl_failed(pawl_target_choose(rows[i].said, "/local", &target, &msg)));
        if (strstr(msg.text, rows[i].shown) == NULL || strstr(msg.text, "secret") != NULL) {
            fail_msg("%s: %s", rows[i].said, msg.text);
        }
    }
}

static void what_is_said_nearest_counts(void **state)
{
    (void)state;
    struct pawl_target target;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_target_choose(NULL, "/local/pawl.sock", &target, &msg)));
    assert_string_equal(pawl_target_name(&target), "/local/pawl.sock");
    assert_string_equal(target.from, "");
    assert_int_equal(target.door, PAWL_DOOR_OWN);
    assert_int_equal(setenv("CYCLES_BASE_URL", "http://cycles", 1), 0);
    assert_true(pawl_ok(pawl_target_choose(NULL, "/local", &target, &msg)));
    assert_string_equal(pawl_target_name(&target), "http://cycles");
    assert_int_equal(target.door, PAWL_DOOR_PUBLIC);
    assert_int_equal(setenv("PAWL_SERVER", "http://pawl", 1), 0);
    assert_true(pawl_ok(pawl_target_choose(NULL, "/local", &target, &msg)));
    assert_string_equal(target.from, "$PAWL_SERVER");
    assert_true(pawl_ok(pawl_target_choose("http://flag", "/local", &target, &msg)));
    assert_string_equal(target.url, "http://flag");
    assert_true(pawl_ok(pawl_target_choose("unix:/s", "/local", &target, &msg)));
    assert_int_equal(target.door, PAWL_DOOR_SOCKET);
    assert_int_equal(setenv("PAWL_SERVER", "", 1), 0);
    assert_true(pawl_ok(pawl_target_choose(NULL, "/local", &target, &msg)));
    assert_string_equal(target.from, "$CYCLES_BASE_URL");
}

/* Of the two kinds, the one that may; at the local socket the administrator needs none. */
static void the_key_that_fits_is_shown(void **state)
{
    (void)state;
    static const struct {
        bool tenant;
        bool admin;
        enum pawl_door door;
        enum pawl_plane plane;
        const char *shown; /* "": none */
        bool as_admin;
    } rows[] = {
        {true, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_TENANT, "cyc_live_t", false},
        {true, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_ADMIN, "a", true},
        {true, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_TENANT_OR_ADMIN, "cyc_live_t", false},
        {true, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_ADMIN_OR_TENANT, "a", true},
        {true, false, PAWL_DOOR_PUBLIC, PAWL_PLANE_ADMIN_OR_TENANT, "cyc_live_t", false},
        {false, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_TENANT_OR_ADMIN, "a", true},
        {false, true, PAWL_DOOR_PUBLIC, PAWL_PLANE_TENANT, "a", true},
        {true, false, PAWL_DOOR_PUBLIC, PAWL_PLANE_ADMIN, "cyc_live_t", false},
        {false, false, PAWL_DOOR_PUBLIC, PAWL_PLANE_ADMIN, "", false},
        {true, true, PAWL_DOOR_OWN, PAWL_PLANE_ADMIN, "", true},
        {true, true, PAWL_DOOR_OWN, PAWL_PLANE_ADMIN_OR_TENANT, "", true},
        {true, true, PAWL_DOOR_OWN, PAWL_PLANE_TENANT_OR_ADMIN, "cyc_live_t", false},
        {true, false, PAWL_DOOR_OWN, PAWL_PLANE_TENANT, "cyc_live_t", false},
        {false, false, PAWL_DOOR_OWN, PAWL_PLANE_TENANT_OR_ADMIN, "", true},
        {true, true, PAWL_DOOR_SOCKET, PAWL_PLANE_ADMIN, "a", true},
        {false, false, PAWL_DOOR_SOCKET, PAWL_PLANE_ADMIN, "", true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_keys keys;
        struct pawl_errmsg msg;
        bool as_admin = !rows[i].as_admin;
        forget_environment();
        assert_int_equal(rows[i].tenant ? setenv("PAWL_KEY", "cyc_live_t", 1) : 0, 0);
        assert_int_equal(rows[i].admin ? setenv("PAWL_ADMIN_KEY", "a\n", 1) : 0, 0);
        assert_true(pawl_ok(pawl_keys_open(NULL, &keys, &msg)));
        const struct pawl_credential *key =
            pawl_keys_pick(&keys, rows[i].plane, rows[i].door, &as_admin);
        print_message("row %zu\n", i);
        assert_string_equal(key != NULL ? key->secret : "", rows[i].shown);
        assert_int_equal(as_admin, rows[i].as_admin);
        assert_true(key == NULL || key->is_admin == as_admin);
        pawl_keys_close(&keys);
    }
}

static void most_of_a_key_stays_hidden(void **state)
{
    (void)state;
    char out[PAWL_KEY_PREFIX_BYTES];
    struct pawl_credential tenant = {.secret = "cyc_live_abcdefghijklmnopqrstuvwxyz012345"};
    struct pawl_credential admin = {.secret = "0123456789abcdef0123456789abcdef", .is_admin = true};
    struct pawl_credential small = {.secret = "cyc_live_abc"};
    assert_string_equal(pawl_key_prefix(&tenant, out), "cyc_live_abc...");
    assert_string_equal(pawl_key_prefix(&admin, out), "012...");
    assert_string_equal(pawl_key_prefix(&small, out), "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses_are_read, set_up),
        cmocka_unit_test_setup(a_password_is_not_shown, set_up),
        cmocka_unit_test_setup(what_is_no_address_is_refused, set_up),
        cmocka_unit_test_setup(what_is_refused_tells_no_secret, set_up),
        cmocka_unit_test_setup(what_is_said_nearest_counts, set_up),
        cmocka_unit_test_setup(the_key_that_fits_is_shown, set_up),
        cmocka_unit_test_setup(most_of_a_key_stays_hidden, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
