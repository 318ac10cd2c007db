/* SPDX-License-Identifier: Apache-2.0 */
/* test_registry_scopes.c: scopes, patterns, scope filters and permissions, without a ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "registry/filter.h"
#include "registry/registry.h"
#include "registry/scopes.h"

static void place_is_read(void **state)
{
    (void)state;
    struct pawl_place place;
    struct pawl_errmsg msg = {""};
    assert_true(pawl_place_read(PAWL_SLICE("tenant:Acme/agent:Bot_1.x"), &place, &msg));
    assert_true(pawl_slice_equal_str(place.levels[PAWL_LEVEL_TENANT], "acme"));
    assert_true(pawl_slice_equal_str(place.levels[PAWL_LEVEL_AGENT], "bot_1.x"));
    assert_int_equal(place.levels[PAWL_LEVEL_WORKSPACE].bytes, 0);
}

static void place_of_another_form_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "acme",
        "tenant",
        "tenant:",
        "tenant:acme/",
        "/tenant:acme",
        "tenant:acme//agent:x",
        "workspace:eng",
        "tenant:acme/agent:x/workspace:y",
        "tenant:acme/tenant:other",
        "tenant:acme/team:x",
        "tenant:acme/agent:*",
        "tenant:acme/*",
        "tenant:-acme",
        "tenant:acme.",
        "tenant:ac me",
        "tenant:acme/agent:a:b",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct pawl_place place;
        struct pawl_errmsg msg = {""};
        if (pawl_place_read(pawl_slice_str(texts[i]), &place, &msg)) {
            fail_msg("\"%s\" was taken", texts[i]);
        }
        assert_true(msg.text[0] != '\0');
    }
    char text[400];
    struct pawl_place place;
    (void)snprintf(text, sizeof(text), "tenant:%0128d", 7);
    assert_true(pawl_place_read(pawl_slice_str(text), &place, NULL));
    (void)snprintf(text, sizeof(text), "tenant:%0129d", 7);
    assert_false(pawl_place_read(pawl_slice_str(text), &place, NULL));
}

/* Whether the pattern binds a subject, given as a scope. */
static bool binds(const char *pattern, const char *subject)
{
    struct pawl_place place;
    struct pawl_pattern read;
    struct pawl_named_levels named;
    char room[PAWL_SCOPE_TEXT_BYTES];
    struct pawl_errmsg msg = {""};
    if (!pawl_pattern_read(pawl_slice_str(pattern), room, &read, &msg)) {
        fail_msg("%s: %s", pattern, msg.text);
    }
    assert_true(pawl_place_read(pawl_slice_str(subject), &place, NULL));
    pawl_named_levels_of(place.levels, &named);
    return pawl_pattern_binds(&read, &named);
}

static void pattern_binds_whose_scopes_it_fits(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *subject;
        bool binds;
    } rows[] = {
        {"tenant:acme", "tenant:acme", true},
        {"tenant:acme", "tenant:acme/workspace:eng/agent:bot", true},
        {"tenant:ACME", "tenant:acme", true},
        {"tenant:acme", "tenant:acme-2", false},
        {"tenant:*", "tenant:acme/agent:bot", true},
        {"tenant:acme/workspace:eng", "tenant:acme/workspace:eng", true},
        {"tenant:acme/workspace:eng", "tenant:acme/workspace:eng/app:web", true},
        {"tenant:acme/workspace:eng", "tenant:acme/workspace:ops", false},
        {"tenant:acme/workspace:eng", "tenant:acme", false},
        {"tenant:acme/workspace:*", "tenant:acme/workspace:ops/agent:bot", true},
        {"tenant:acme/workspace:*", "tenant:acme/agent:bot", false},
        {"tenant:acme/agent:bot", "tenant:acme/agent:bot", true},
        {"tenant:acme/agent:bot", "tenant:acme/workspace:eng/agent:bot", false},
        {"tenant:acme/workspace:*/agent:bot", "tenant:acme/workspace:eng/agent:bot", true},
        {"tenant:acme/*", "tenant:acme", false},
        {"tenant:acme/*", "tenant:acme/toolset:git", true},
        {"tenant:acme/workspace:eng/*", "tenant:acme/workspace:eng", false},
        {"tenant:acme/workspace:eng/*", "tenant:acme/workspace:eng/agent:bot", true},
        {"agent:bot", "tenant:acme/agent:bot", true},
        {"agent:bot", "tenant:acme/workspace:eng/agent:bot/toolset:git", true},
        {"agent:*", "tenant:acme/workspace:eng/agent:x", true},
        {"agent:*", "tenant:acme/workspace:eng", false},
        {"*/agent:bot", "tenant:acme/app:web/agent:bot", true},
        {"*/agent:bot", "tenant:acme/app:web/agent:boot", false},
        {"workspace:eng/agent:*", "tenant:acme/workspace:eng/agent:x", true},
        {"workspace:eng/agent:*", "tenant:acme/workspace:eng/app:web/agent:x", false},
        {"agent:bot/*", "tenant:acme/agent:bot", false},
        {"agent:bot/*", "tenant:acme/agent:bot/toolset:git", true},
        {"*", "tenant:acme", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (binds(rows[i].pattern, rows[i].subject) != rows[i].binds) {
            fail_msg("%s on %s", rows[i].pattern, rows[i].subject);
        }
    }
}

static void pattern_of_another_form_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "tenant:acme/",
        "tenant:acme/*/agent:x",
        "agent:x/workspace:y",
        "team:*",
        "tenant:acme/agent:b*",
        "**",
        "tenant:acme/agent:",
        "/agent:x",
        "agent:x/tenant:acme/*",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char room[PAWL_SCOPE_TEXT_BYTES];
        struct pawl_pattern pattern;
        struct pawl_errmsg msg = {""};
        if (pawl_pattern_read(pawl_slice_str(texts[i]), room, &pattern, &msg)) {
            fail_msg("\"%s\" was taken", texts[i]);
        }
        assert_true(msg.text[0] != '\0');
    }
}

static bool covers(const char *array, const char *subject)
{
    struct pawl_place place;
    struct pawl_scope_filter *filter = NULL;
    assert_true(pawl_filter_read(pawl_slice_str(array), &filter));
    assert_true(pawl_place_read(pawl_slice_str(subject), &place, NULL));
    struct pawl_principal principal = {.kind = PAWL_PRINCIPAL_TENANT, .filter = filter};
    bool covered = pawl_principal_covers(&principal, place.levels);
    pawl_free(filter);
    return covered;
}

static void filter_entries_of_a_level_are_alternatives_and_levels_must_all_hold(void **state)
{
    (void)state;
    const char *both = "[\"agent:*\",\"workspace:Eng\"]";
    assert_true(covers(both, "tenant:acme/workspace:eng/agent:bot"));
    assert_false(covers(both, "tenant:acme/workspace:eng"));
    assert_false(covers(both, "tenant:acme/agent:bot"));
    assert_false(covers(both, "tenant:acme/workspace:ops/agent:bot"));
    const char *either = "[\"workspace:eng\",\"agent:a\",\"workspace:ops\",\"agent:b\"]";
    assert_true(covers(either, "tenant:acme/workspace:eng/agent:b"));
    assert_true(covers(either, "tenant:acme/workspace:ops/agent:a"));
    assert_false(covers(either, "tenant:acme/workspace:ops/agent:c"));
    assert_false(covers(either, "tenant:acme/workspace:web/agent:a"));
    assert_true(covers("[]", "tenant:acme"));
}

static void filter_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const arrays[] = {"",
                                         "{}",
                                         "[1]",
                                         "[\"eng\"]",
                                         "[\"team:x\"]",
                                         "[\"agent:\"]",
                                         "[\"agent:a/b\"]",
                                         "[\"agent:x\",null]"};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        struct pawl_scope_filter *filter = NULL;
        assert_false(pawl_filter_read(pawl_slice_str(arrays[i]), &filter));
        assert_null(filter);
    }
}

static bool may(const char *has, enum pawl_permission wanted)
{
    enum pawl_permission permission = PAWL_PERMISSION_ADMIN_READ;
    assert_true(pawl_permission_from_name(pawl_slice_str(has), &permission));
    struct pawl_principal principal = {.permissions = UINT64_C(1) << permission};
    return pawl_principal_may(&principal, wanted);
}

static void permission_wildcards_reach_as_far_as_the_protocol_says(void **state)
{
    (void)state;
    assert_true(may("budgets:read", PAWL_PERMISSION_BUDGETS_READ));
    assert_false(may("budgets:read", PAWL_PERMISSION_BUDGETS_WRITE));
    assert_true(may("admin:read", PAWL_PERMISSION_BALANCES_READ));
    assert_true(may("admin:read", PAWL_PERMISSION_ADMIN_AUDIT_READ));
    assert_false(may("admin:read", PAWL_PERMISSION_BUDGETS_WRITE));
    assert_false(may("admin:read", PAWL_PERMISSION_RESERVATIONS_LIST));
    assert_true(may("admin:write", PAWL_PERMISSION_POLICIES_WRITE));
    assert_false(may("admin:write", PAWL_PERMISSION_POLICIES_READ));
    assert_false(may("admin:write", PAWL_PERMISSION_RESERVATIONS_CREATE));
    assert_true(may("admin:budgets:write", PAWL_PERMISSION_BUDGETS_WRITE));
    assert_false(may("admin:budgets:write", PAWL_PERMISSION_POLICIES_WRITE));
    assert_true(may("reservations:create", PAWL_PERMISSION_DECIDE));
    assert_true(may("reservations:create", PAWL_PERMISSION_EVENTS_CREATE));
    assert_false(may("decide", PAWL_PERMISSION_RESERVATIONS_CREATE));
    assert_false(may("decide", PAWL_PERMISSION_EVENTS_CREATE));
    assert_false(may("events:create", PAWL_PERMISSION_RESERVATIONS_CREATE));
    assert_false(may("admin:write", PAWL_PERMISSION_EVENTS_CREATE));
}

static void permission_defaults_are_those_of_a_spender(void **state)
{
    (void)state;
    struct pawl_principal principal = {.permissions = pawl_permission_defaults()};
    assert_true(pawl_principal_may(&principal, PAWL_PERMISSION_RESERVATIONS_CREATE));
    assert_true(pawl_principal_may(&principal, PAWL_PERMISSION_BUDGETS_WRITE));
    assert_false(pawl_principal_may(&principal, PAWL_PERMISSION_EVENTS_READ));
    assert_false(pawl_principal_may(&principal, PAWL_PERMISSION_ADMIN_READ));
    for (unsigned i = 0; i < PAWL_PERMISSION_COUNT; i++) {
        enum pawl_permission back = PAWL_PERMISSION_ADMIN_READ;
        const char *name = pawl_permission_name((enum pawl_permission)i);
        assert_true(pawl_permission_from_name(pawl_slice_str(name), &back));
        assert_int_equal(back, i);
    }
}

static void a_path_of_the_ledgers_is_read_without_judging_its_values(void **state)
{
    (void)state;
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    static const char *const none[] = {
        "tenant:acme/dimension:x", "agent:a/tenant:b", "tenant:a/tenant:b", "tenant:", "tenant",
        "tenant:a//agent:b",       "session:1"};
    assert_true(pawl_path_levels(PAWL_SLICE("tenant:acme/agent:-x"), levels));
    assert_true(pawl_slice_equal_str(levels[PAWL_LEVEL_TENANT], "acme"));
    assert_true(pawl_slice_equal_str(levels[PAWL_LEVEL_AGENT], "-x"));
    assert_int_equal(levels[PAWL_LEVEL_APP].bytes, 0);
    assert_true(pawl_path_levels(PAWL_SLICE("app:a"), levels));
    assert_int_equal(levels[PAWL_LEVEL_TENANT].bytes, 0);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(none); i++) {
        if (pawl_path_levels(pawl_slice_str(none[i]), levels)) {
            fail_msg("%s is taken", none[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_of_the_ledgers_is_read_without_judging_its_values),
        cmocka_unit_test(place_is_read),
        cmocka_unit_test(place_of_another_form_is_refused_with_the_reason),
        cmocka_unit_test(pattern_binds_whose_scopes_it_fits),
        cmocka_unit_test(pattern_of_another_form_is_refused_with_the_reason),
        cmocka_unit_test(filter_entries_of_a_level_are_alternatives_and_levels_must_all_hold),
        cmocka_unit_test(filter_of_another_form_is_refused),
        cmocka_unit_test(permission_wildcards_reach_as_far_as_the_protocol_says),
        cmocka_unit_test(permission_defaults_are_those_of_a_spender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
