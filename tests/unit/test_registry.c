/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_registry.c: tenants, keys and policies over an engine on a simulated disk: what is put binds
 * at once, is there again after a crash, and what the ledger refuses changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "registry/registry.h"
#include "tests/lib/kit.h"

#define USD       PAWL_UNIT_USD_MICROCENTS
#define MINUTE_US (INT64_C(60) * PAWL_US_PER_SECOND)

struct world {
    struct kit kit;
    struct pawl_registry *registry;
};

static void reopen(struct world *world)
{
    struct pawl_errmsg msg = {""};
    kit_open(&world->kit);
    if (pawl_failed(pawl_registry_open(world->kit.engine, &world->registry, &msg))) {
        fail_msg("%s", msg.text);
    }
}

static void setup(struct world *world)
{
    *world = (struct world){.registry = NULL};
    kit_init(&world->kit, 1);
    world->kit.accept_clock = true;
    reopen(world);
}

static void teardown(struct world *world)
{
    pawl_registry_close(world->registry);
    kit_free(&world->kit);
}

/* The machine dies; what was answered must be there again. */
static void crash(struct world *world)
{
    pawl_registry_close(world->registry);
    kit_crash(&world->kit, true);
    reopen(world);
}

static int64_t now_us(struct world *world)
{
    return pawl_engine_now_us(world->kit.engine);
}

/* --- Puts ------------------------------------------------------------------------------------- */

static void on_done(struct pawl_op *op)
{
    *(bool *)op->arg = true;
}

struct put {
    struct pawl_op op;
    bool done;
};

static struct pawl_op *begin(struct put *put)
{
    *put = (struct put){.op.done = on_done};
    put->op.arg = &put->done;
    return &put->op;
}

static uint16_t end(struct world *world, struct put *put)
{
    assert_false(put->done); /* never inside the call */
    pawl_engine_flush(world->kit.engine);
    assert_true(put->done);
    return put->op.result.code;
}

static struct pawl_tenant a_tenant(const char *id)
{
    return (struct pawl_tenant){.id = pawl_slice_str(id),
                                .name = PAWL_SLICE("Acme \"Corp\""),
                                .state = PAWL_TENANT_ACTIVE,
                                .extensions_max = -1};
}

static uint16_t put_tenant(struct world *world, const struct pawl_tenant *tenant)
{
    struct put put;
    pawl_registry_put_tenant(world->registry, tenant, begin(&put));
    return end(world, &put);
}

static uint16_t put_key(struct world *world, const struct pawl_key *key, const char *secret)
{
    struct put put;
    pawl_registry_put_key(world->registry, key, pawl_slice_str(secret), begin(&put));
    return end(world, &put);
}

static uint16_t put_policy(struct world *world, const struct pawl_policy_rule *policy)
{
    struct put put;
    pawl_registry_put_policy(world->registry, policy, begin(&put));
    return end(world, &put);
}

static struct pawl_key a_key(const char *id, const char *tenant)
{
    return (struct pawl_key){.id = pawl_slice_str(id),
                             .tenant = pawl_slice_str(tenant),
                             .name = PAWL_SLICE("k"),
                             .prefix = PAWL_SLICE("cyc_live_abcde"),
                             .permissions = pawl_permission_defaults(),
                             .state = PAWL_KEY_ACTIVE};
}

static struct pawl_policy_rule a_policy(const char *id, const char *pattern, int64_t priority)
{
    return (struct pawl_policy_rule){.id = pawl_slice_str(id),
                                     .tenant = PAWL_SLICE("acme"),
                                     .name = pawl_slice_str(id),
                                     .pattern = pawl_slice_str(pattern),
                                     .enabled = true,
                                     .priority = priority,
                                     .extensions_max = -1};
}

static void must(uint16_t code)
{
    if (code != PAWL_RESULT_OK) {
        fail_msg("%s", pawl_result_name(code));
    }
}

/* --- Tenants and keys ------------------------------------------------------------------------- */

static void tenant_is_there_again_after_a_crash(void **state)
{
    (void)state;
    struct world world;
    struct pawl_tenant seen;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    tenant.metadata = PAWL_SLICE("{\"team\":\"a\"}");
    tenant.ttl_max_ms = 7200000;
    must(put_tenant(&world, &tenant));
    crash(&world);
    assert_true(pawl_registry_tenant(world.registry, PAWL_SLICE("acme"), &seen));
    assert_true(pawl_slice_equal(seen.name, tenant.name));
    assert_true(pawl_slice_equal(seen.metadata, tenant.metadata));
    assert_int_equal(seen.ttl_max_ms, 7200000);
    assert_int_equal(seen.ttl_default_ms, 0);
    assert_int_equal(seen.extensions_max, -1);
    assert_int_equal(seen.state, PAWL_TENANT_ACTIVE);
    assert_true(seen.version > 0 && seen.created_us >= KIT_START_US);
    uint32_t cursor = 0;
    assert_true(pawl_registry_tenant_next(world.registry, &cursor, &seen));
    assert_false(pawl_registry_tenant_next(world.registry, &cursor, &seen));
    teardown(&world);
}

static void change_of_an_old_version_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct world world;
    struct pawl_tenant seen;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    tenant.name = PAWL_SLICE("another");
    assert_true(put_tenant(&world, &tenant) != PAWL_RESULT_OK); /* it is there already */
    assert_true(pawl_registry_tenant(world.registry, PAWL_SLICE("acme"), &seen));
    assert_true(pawl_slice_equal_str(seen.name, "Acme \"Corp\""));
    seen.name = PAWL_SLICE("another");
    must(put_tenant(&world, &seen)); /* its other texts are the view's own */
    assert_true(pawl_registry_tenant(world.registry, PAWL_SLICE("acme"), &seen));
    assert_true(pawl_slice_equal_str(seen.name, "another"));
    teardown(&world);
}

static void document_that_is_too_long_is_refused(void **state)
{
    (void)state;
    static char metadata[PAWL_DOCUMENT_BYTES_MAX * 16];
    static const size_t lengths[] = {PAWL_DOCUMENT_BYTES_MAX, sizeof(metadata)};
    struct world world;
    struct pawl_tenant seen;
    setup(&world);
    for (size_t i = 0; i < 2; i++) {
        memset(metadata, 'x', lengths[i]);
        memcpy(metadata, "{\"a\":\"", 6);
        memcpy(metadata + lengths[i] - 2, "\"}", 2);
        struct pawl_tenant tenant = a_tenant("acme");
        tenant.metadata = pawl_slice_of(metadata, lengths[i]);
        assert_int_equal(put_tenant(&world, &tenant), PAWL_RESULT_INVALID_REQUEST);
        assert_false(pawl_registry_tenant(world.registry, PAWL_SLICE("acme"), &seen));
    }
    teardown(&world);
}

static void key_is_known_by_its_secret_and_by_nothing_else(void **state)
{
    (void)state;
    struct world world;
    struct pawl_principal who;
    char secret[PAWL_SECRET_BYTES];
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    pawl_registry_new_secret(secret);
    struct pawl_key key = a_key("key_1", "acme");
    key.scope_filter = PAWL_SLICE("[\"workspace:eng\"]");
    must(put_key(&world, &key, secret));
    crash(&world);
    struct pawl_slice asked = pawl_slice_str(secret);
    int64_t now = now_us(&world);
    assert_int_equal(pawl_registry_key_check(world.registry, asked, now, &who), PAWL_AUTH_OK);
    assert_int_equal(who.kind, PAWL_PRINCIPAL_TENANT);
    assert_true(pawl_slice_equal_str(who.tenant, "acme"));
    assert_true(pawl_slice_equal_str(who.key_id, "key_1"));
    assert_true(pawl_principal_may(&who, PAWL_PERMISSION_RESERVATIONS_CREATE));
    struct pawl_slice levels[PAWL_LEVEL_COUNT] = {PAWL_SLICE("acme"), PAWL_SLICE("eng")};
    assert_true(pawl_principal_covers(&who, levels));
    levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("ops");
    assert_false(pawl_principal_covers(&who, levels));
    for (size_t i = 0; i < asked.bytes; i++) {
        secret[i] ^= 1;
        assert_int_equal(pawl_registry_key_check(world.registry, asked, now, &who),
                         PAWL_AUTH_UNKNOWN);
        secret[i] ^= 1;
    }
    assert_int_equal(
        pawl_registry_key_check(world.registry, pawl_slice_sub(asked, 0, 40), now, &who),
        PAWL_AUTH_UNKNOWN);
    assert_int_equal(pawl_registry_key_check(world.registry, PAWL_SLICE_NONE, now, &who),
                     PAWL_AUTH_UNKNOWN);
    teardown(&world);
}

static void key_ends_by_time_by_word_and_with_its_tenant(void **state)
{
    (void)state;
    struct world world;
    struct pawl_principal who;
    struct pawl_key seen;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    int64_t now = now_us(&world);
    struct pawl_key key = a_key("key_time", "acme");
    key.expires_us = now + MINUTE_US;
    must(put_key(&world, &key, "by time"));
    key = a_key("key_word", "acme");
    must(put_key(&world, &key, "by word"));
    key = a_key("key_tenant", "acme");
    must(put_key(&world, &key, "with its tenant"));

    struct pawl_slice by_time = PAWL_SLICE("by time");
    assert_int_equal(pawl_registry_key_check(world.registry, by_time, now + MINUTE_US - 1, &who),
                     PAWL_AUTH_OK);
    assert_int_equal(pawl_registry_key_check(world.registry, by_time, now + MINUTE_US, &who),
                     PAWL_AUTH_EXPIRED);
    assert_true(pawl_registry_key(world.registry, PAWL_SLICE("key_time"), now + MINUTE_US, &seen));
    assert_int_equal(seen.state, PAWL_KEY_EXPIRED);

    assert_true(pawl_registry_key(world.registry, PAWL_SLICE("key_word"), now, &seen));
    seen.state = PAWL_KEY_REVOKED;
    seen.revoked_us = now;
    seen.revoked_reason = PAWL_SLICE("lost");
    must(put_key(&world, &seen, ""));
    assert_int_equal(pawl_registry_key_check(world.registry, PAWL_SLICE("by word"), now, &who),
                     PAWL_AUTH_REVOKED);
    assert_true(pawl_slice_equal_str(who.key_id, "key_word")); /* whose it was */

    assert_true(pawl_registry_tenant(world.registry, PAWL_SLICE("acme"), &tenant));
    tenant.state = PAWL_TENANT_CLOSED;
    tenant.closed_us = now;
    must(put_tenant(&world, &tenant));
    crash(&world);
    assert_true(pawl_registry_key(world.registry, PAWL_SLICE("key_tenant"), now, &seen));
    assert_int_equal(seen.state, PAWL_KEY_REVOKED);
    assert_int_equal(seen.revoked_us, now);
    assert_true(pawl_slice_equal_str(seen.revoked_reason, "tenant_closed"));
    /* It may still ask: the ledger has its own word about what it may change. */
    assert_int_equal(
        pawl_registry_key_check(world.registry, PAWL_SLICE("with its tenant"), now, &who),
        PAWL_AUTH_OK);
    assert_true(pawl_registry_key(world.registry, PAWL_SLICE("key_word"), now, &seen));
    assert_true(pawl_slice_equal_str(seen.revoked_reason, "lost"));
    teardown(&world);
}

static void many_keys_are_each_found(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    struct world world;
    struct pawl_principal who;
    struct pawl_key seen;
    uint32_t cursor = 0;
    char id[32];
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    static struct put puts[KEYS];
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(id, sizeof(id), "key_%u", i);
        struct pawl_key key = a_key(id, "acme");
        pawl_registry_put_key(world.registry, &key, pawl_slice_str(id), begin(&puts[i]));
    }
    pawl_engine_flush(world.kit.engine);
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(id, sizeof(id), "key_%u", i);
        assert_true(puts[i].done && puts[i].op.result.code == PAWL_RESULT_OK);
        assert_int_equal(pawl_registry_key_check(world.registry, pawl_slice_str(id), 1, &who),
                         PAWL_AUTH_OK);
        assert_true(pawl_slice_equal_str(who.key_id, id));
        assert_true(pawl_registry_key_next(world.registry, &cursor, 1, &seen));
        assert_true(pawl_slice_equal_str(seen.id, id));
    }
    assert_false(pawl_registry_key_next(world.registry, &cursor, 1, &seen));
    teardown(&world);
}

static void administrator_is_who_has_the_secret_that_was_set(void **state)
{
    (void)state;
    struct world world;
    struct put put;
    setup(&world);
    assert_false(pawl_registry_admin_is_set(world.registry));
    assert_false(pawl_registry_admin_check(world.registry, PAWL_SLICE_NONE));
    pawl_registry_admin_set(world.registry, PAWL_SLICE("first"), begin(&put));
    must(end(&world, &put));
    crash(&world);
    assert_true(pawl_registry_admin_is_set(world.registry));
    assert_true(pawl_registry_admin_check(world.registry, PAWL_SLICE("first")));
    pawl_registry_admin_set(world.registry, PAWL_SLICE("second"), begin(&put));
    must(end(&world, &put));
    assert_false(pawl_registry_admin_check(world.registry, PAWL_SLICE("first")));
    assert_true(pawl_registry_admin_check(world.registry, PAWL_SLICE("second")));
    teardown(&world);
}

/* --- Terms ------------------------------------------------------------------------------------ */

static struct pawl_terms terms_of(struct world *world, const char *workspace, const char *agent)
{
    struct pawl_terms terms;
    struct pawl_slice levels[PAWL_LEVEL_COUNT] = {PAWL_SLICE("acme"), pawl_slice_str(workspace)};
    levels[PAWL_LEVEL_AGENT] = pawl_slice_str(agent);
    pawl_registry_terms(world->registry, levels, USD, now_us(world), &terms);
    return terms;
}

static void terms_without_a_word_are_the_defaults(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_terms terms = terms_of(&world, "eng", "bot"); /* not even a tenant */
    assert_int_equal(terms.overage, PAWL_OVERAGE_ALLOW_IF_AVAILABLE);
    assert_int_equal(terms.ttl_default_ms, 60000);
    assert_int_equal(terms.ttl_max_ms, 3600000);
    assert_int_equal(terms.extensions_max, 10);
    assert_int_equal(terms.policy.bytes, 0);
    assert_int_equal(terms.caps.bytes, 0);
    assert_int_equal(terms.throttle, 0);
    teardown(&world);
}

static void term_is_the_strongest_policys_that_says_it(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    tenant.ttl_default_ms = 5000;
    tenant.extensions_max = 3;
    must(put_tenant(&world, &tenant));
    struct pawl_policy_rule wide = a_policy("pol_wide", "tenant:acme", 1);
    wide.overage = PAWL_OVERAGE_REJECT;
    wide.ttl_max_ms = 100000;
    wide.caps = PAWL_SLICE("{\"max_tokens\":1}");
    must(put_policy(&world, &wide));
    struct pawl_policy_rule narrow = a_policy("pol_narrow", "agent:bot", 5);
    narrow.overage = PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT;
    narrow.extensions_max = 0;
    must(put_policy(&world, &narrow));
    crash(&world);

    struct pawl_terms terms = terms_of(&world, "eng", "bot");
    assert_true(pawl_slice_equal_str(terms.policy, "pol_narrow"));
    assert_int_equal(terms.overage, PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT);
    assert_int_equal(terms.extensions_max, 0);
    assert_int_equal(terms.ttl_max_ms, 100000);
    assert_int_equal(terms.ttl_default_ms, 5000);
    assert_true(pawl_slice_equal_str(terms.caps, "{\"max_tokens\":1}"));

    terms = terms_of(&world, "eng", "other");
    assert_true(pawl_slice_equal_str(terms.policy, "pol_wide"));
    assert_int_equal(terms.overage, PAWL_OVERAGE_REJECT);
    assert_int_equal(terms.extensions_max, 3);
    teardown(&world);
}

static void policies_of_one_priority_are_ranked_by_pattern_and_then_by_age(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    static const char *const ids[] = {"pol_a", "pol_b", "pol_c"};
    static const char *const patterns[] = {"agent:*", "tenant:acme/workspace:eng", "workspace:*/*"};
    for (size_t i = 0; i < 3; i++) {
        struct pawl_policy_rule policy = a_policy(ids[i], patterns[i], 7);
        must(put_policy(&world, &policy));
    }
    assert_true(pawl_slice_equal_str(terms_of(&world, "eng", "bot").policy, "pol_b"));
    assert_true(pawl_slice_equal_str(terms_of(&world, "ops", "bot").policy, "pol_c"));
    assert_true(pawl_slice_equal_str(terms_of(&world, "", "bot").policy, "pol_a"));
    struct pawl_policy_rule twin = a_policy("pol_d", "agent:*", 7);
    must(put_policy(&world, &twin));
    assert_true(pawl_slice_equal_str(terms_of(&world, "", "bot").policy, "pol_a"));
    /* A change of priority takes its place at once, and being changed does not make it younger. */
    struct pawl_policy_rule seen;
    assert_true(pawl_registry_policy(world.registry, PAWL_SLICE("pol_a"), &seen));
    seen.priority = 6;
    must(put_policy(&world, &seen));
    assert_true(pawl_slice_equal_str(terms_of(&world, "", "bot").policy, "pol_d"));
    assert_true(pawl_registry_policy(world.registry, PAWL_SLICE("pol_a"), &seen));
    seen.priority = 7;
    must(put_policy(&world, &seen));
    assert_true(pawl_slice_equal_str(terms_of(&world, "", "bot").policy, "pol_a"));
    assert_int_equal(pawl_registry_policy_count(world.registry, PAWL_SLICE("acme")), 4);
    teardown(&world);
}

static void policy_binds_while_it_is_in_force_and_its_own_tenant_only(void **state)
{
    (void)state;
    struct world world;
    struct pawl_terms terms;
    struct pawl_slice levels[PAWL_LEVEL_COUNT] = {PAWL_SLICE("acme")};
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    int64_t from = now_us(&world) + MINUTE_US;
    struct pawl_policy_rule policy = a_policy("pol_x", "*", 0);
    policy.effective_from_us = from;
    policy.effective_until_us = from + MINUTE_US;
    must(put_policy(&world, &policy));
    static const struct {
        int64_t after_us;
        bool binds;
    } rows[] = {{-1, false}, {0, true}, {MINUTE_US - 1, true}, {MINUTE_US, false}};
    for (size_t i = 0; i < 4; i++) {
        pawl_registry_terms(world.registry, levels, USD, from + rows[i].after_us, &terms);
        assert_int_equal(terms.policy.bytes > 0, rows[i].binds);
    }
    levels[0] = PAWL_SLICE("other");
    pawl_registry_terms(world.registry, levels, USD, from, &terms);
    assert_int_equal(terms.policy.bytes, 0);
    levels[0] = PAWL_SLICE("acme");
    struct pawl_policy_rule seen;
    assert_true(
        pawl_registry_policy_named(world.registry, PAWL_SLICE("acme"), PAWL_SLICE("pol_x"), &seen));
    seen.enabled = false;
    must(put_policy(&world, &seen));
    pawl_registry_terms(world.registry, levels, USD, from, &terms);
    assert_int_equal(terms.policy.bytes, 0);
    teardown(&world);
}

static void rate_limit_is_the_smaller_of_holds_and_commits(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    must(put_tenant(&world, &tenant));
    static const struct {
        int64_t holds, commits;
        uint32_t limit;
    } rows[] = {{5, 0, 5}, {0, 4, 4}, {5, 3, 3}, {2, 3, 2}, {INT64_C(1) << 40, 0, UINT32_MAX}};
    for (size_t i = 0; i < 5; i++) {
        char id[32];
        struct pawl_policy_rule seen;
        (void)snprintf(id, sizeof(id), "pol_%zu", i);
        struct pawl_policy_rule policy = a_policy(id, "*", (int64_t)i);
        policy.reservations_per_minute = rows[i].holds;
        policy.commits_per_minute = rows[i].commits;
        must(put_policy(&world, &policy));
        struct pawl_terms terms = terms_of(&world, "eng", "bot");
        assert_true(pawl_registry_policy(world.registry, pawl_slice_str(id), &seen));
        assert_int_equal(terms.throttle, seen.document);
        assert_int_equal(terms.throttle_per_minute, rows[i].limit);
    }
    teardown(&world);
}

static void overage_comes_from_policy_then_budget_then_tenant(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_tenant tenant = a_tenant("acme");
    tenant.overage = PAWL_OVERAGE_REJECT;
    must(put_tenant(&world, &tenant));
    assert_int_equal(terms_of(&world, "eng", "").overage, PAWL_OVERAGE_REJECT);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    budget.u.budget_create.overage = PAWL_OVERAGE_ALLOW_IF_AVAILABLE;
    (void)kit_must(&world.kit, &budget);
    assert_int_equal(terms_of(&world, "eng", "").overage, PAWL_OVERAGE_ALLOW_IF_AVAILABLE);
    budget.u.budget_create.scope.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("eng");
    budget.u.budget_create.overage = PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT;
    (void)kit_must(&world.kit, &budget);
    /* The deepest that has one. */
    assert_int_equal(terms_of(&world, "eng", "bot").overage, PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT);
    assert_int_equal(terms_of(&world, "ops", "bot").overage, PAWL_OVERAGE_ALLOW_IF_AVAILABLE);
    struct pawl_policy_rule policy = a_policy("pol_x", "*", 0);
    policy.overage = PAWL_OVERAGE_REJECT;
    must(put_policy(&world, &policy));
    assert_int_equal(terms_of(&world, "eng", "bot").overage, PAWL_OVERAGE_REJECT);
    teardown(&world);
}

static void what_is_said_of_a_budget_is_kept(void **state)
{
    (void)state;
    struct world world;
    struct put put;
    struct pawl_arena arena;
    struct pawl_budget_extra seen;
    setup(&world);
    pawl_arena_init(&arena, 1 << 20);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    uint64_t id = kit_must(&world.kit, &budget);
    pawl_registry_budget(world.registry, id, &arena, &seen);
    assert_int_equal(seen.version, 0);
    struct pawl_budget_extra extra = {.rollover = PAWL_ROLLOVER_CARRY_FORWARD,
                                      .period_end_us = KIT_START_US,
                                      .metadata = PAWL_SLICE("{\"a\":1.5}")};
    pawl_registry_put_budget(world.registry, PAWL_SLICE("acme"), id, &extra, begin(&put));
    must(end(&world, &put));
    crash(&world);
    pawl_registry_budget(world.registry, id, &arena, &seen);
    assert_int_equal(seen.rollover, PAWL_ROLLOVER_CARRY_FORWARD);
    assert_int_equal(seen.period_end_us, KIT_START_US);
    assert_true(pawl_slice_equal(seen.metadata, extra.metadata));
    assert_true(seen.version > 0);
    /* Where memory is short it does not pass for a budget of which nothing is said. */
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        pawl_arena_free(&arena);
        pawl_arena_init(&arena, 1 << 20);
        pawl_alloc_fail_at(nth, 1);
        pawl_registry_budget(world.registry, id, &arena, &seen);
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        assert_int_equal(arena.overflowed, failed);
        assert_int_equal(seen.version > 0, !failed);
    }
    pawl_arena_free(&arena);
    teardown(&world);
}

static void ledger_with_a_document_that_cannot_be_read_is_not_opened(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        const char *body;
    } rows[] = {{PAWL_DOCUMENT_TENANT, "{\"name\":1}"},
                {PAWL_DOCUMENT_KEY, "{\"hash\":\"00\"}"},
                {PAWL_DOCUMENT_POLICY, "{\"pattern\":\"nowhere\"}"},
                {PAWL_DOCUMENT_POLICY, "{\"pattern\":"}};
    for (size_t i = 0; i < 4; i++) {
        struct world world;
        struct pawl_errmsg msg = {""};
        setup(&world);
        pawl_registry_close(world.registry);
        struct pawl_command command = {
            .type = PAWL_COMMAND_DOCUMENT_PUT,
            .u.document_put = {.kind = rows[i].kind,
                               .tenant = PAWL_SLICE("acme"),
                               .id = PAWL_SLICE("acme"),
                               .state = 1,
                               .body = pawl_slice_str(rows[i].body)},
        };
        (void)kit_must(&world.kit, &command);
        pawl_err err = pawl_registry_open(world.kit.engine, &world.registry, &msg);
        assert_int_equal(err.code, PAWL_ERR_CORRUPT);
        assert_non_null(strstr(msg.text, "acme"));
        kit_free(&world.kit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenant_is_there_again_after_a_crash),
        cmocka_unit_test(change_of_an_old_version_is_refused_and_changes_nothing),
        cmocka_unit_test(document_that_is_too_long_is_refused),
        cmocka_unit_test(key_is_known_by_its_secret_and_by_nothing_else),
        cmocka_unit_test(key_ends_by_time_by_word_and_with_its_tenant),
        cmocka_unit_test(many_keys_are_each_found),
        cmocka_unit_test(administrator_is_who_has_the_secret_that_was_set),
        cmocka_unit_test(terms_without_a_word_are_the_defaults),
        cmocka_unit_test(term_is_the_strongest_policys_that_says_it),
        cmocka_unit_test(policies_of_one_priority_are_ranked_by_pattern_and_then_by_age),
        cmocka_unit_test(policy_binds_while_it_is_in_force_and_its_own_tenant_only),
        cmocka_unit_test(rate_limit_is_the_smaller_of_holds_and_commits),
        cmocka_unit_test(overage_comes_from_policy_then_budget_then_tenant),
        cmocka_unit_test(what_is_said_of_a_budget_is_kept),
        cmocka_unit_test(ledger_with_a_document_that_cannot_be_read_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
