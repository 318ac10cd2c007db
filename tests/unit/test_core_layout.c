/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_layout.c: a checkpoint is the state's bytes, so whatever changes them (a slot's
 * members, a hash, the order in which slots are taken) must raise PAWL_STATE_LAYOUT in
 * core/state.h, or an older checkpoint would be read as something that it is not.
 *
 * When the golden digest moves: raise PAWL_STATE_LAYOUT, then set both constants below to what the
 * test prints. If the results of commands moved too, PAWL_RULES_VERSION is to be raised too. A new
 * PAWL_RULES_VERSION stands in the state's configuration: where nothing but that has changed, the
 * digest alone is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/state.h"
#include "core_memory.h"

enum { GOLDEN_LAYOUT = 3 };
#define GOLDEN_DIGEST UINT64_C(0x412162747595d5b9)

static struct pawl_slice text(const char *of)
{
    return pawl_slice_str(of);
}

static struct pawl_result apply(struct pawl_core *core, int64_t now_us, struct pawl_command command)
{
    struct pawl_result result;
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    pawl_core_apply(core, now_us, &command, &result);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    return result;
}

static void make_zone(struct pawl_core *core)
{
    static const struct pawl_tz_transition transitions[] = {{.at_s = 50, .offset_s = 7200}};
    (void)apply(core, 2,
                (struct pawl_command){.type = PAWL_COMMAND_TZ_DEFINE,
                                      .u.tz_define = {.tz = 3,
                                                      .name = text("Europe/Nowhere"),
                                                      .initial_offset_s = 3600,
                                                      .transition_count = 1,
                                                      .transitions = transitions}});
}

/* Budgets of `acme`: lifetime, hourly, and of dimensions with names of all lengths. */
static void make_budgets(struct pawl_core *core)
{
    static const char *const teams[] = {
        "a", "team-with-a-name-of-more-than-thirty-two-bytes", "t2", "t3", "t4", "t5", "t6"};
    struct pawl_command create = {.type = PAWL_COMMAND_BUDGET_CREATE,
                                  .u.budget_create = {.unit = PAWL_UNIT_TOKENS,
                                                      .allocated = 100000,
                                                      .overdraft_limit = 50,
                                                      .mode = PAWL_BUDGET_ENFORCE}};
    create.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = text("acme");
    (void)apply(core, 3, create);
    create.u.budget_create.window =
        (struct pawl_window){.kind = PAWL_WINDOW_CALENDAR, .period = PAWL_PERIOD_HOUR, .tz = 3};
    (void)apply(core, 4, create);
    create.u.budget_create.window = (struct pawl_window){.kind = PAWL_WINDOW_LIFETIME};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(teams); i++) {
        create.u.budget_create.scope.dimension =
            (struct pawl_dimension){.name = text("team"), .value = text(teams[i])};
        (void)apply(core, 5, create);
    }
}

static void make_session(struct pawl_core *core)
{
    struct pawl_command open = {
        .type = PAWL_COMMAND_SESSION_OPEN,
        .u.session_open = {
            .tenant = text("acme"),
            .name = text("run-1"),
            .phase = text("plan"),
            .cap_count = 3,
            .caps = {{.unit = PAWL_UNIT_TOKENS, .amount = 5000},
                     {.phase = text("plan"), .unit = PAWL_UNIT_TOOL_CALLS, .amount = 9},
                     {.unit = PAWL_UNIT_WALL_CLOCK_MS, .amount = 10000000}}}};
    (void)apply(core, 6, open);
    (void)apply(core, 7,
                (struct pawl_command){.type = PAWL_COMMAND_APPROVAL_OPEN,
                                      .u.approval_open = {.tenant = text("acme"),
                                                          .session = text("run-1"),
                                                          .kind = PAWL_APPROVAL_RESUME,
                                                          .ttl_ms = 5000}});
}

/* One whose body fills two slots, and a tenant's. */
static void make_documents(struct pawl_core *core)
{
    static const char body[300] = "{\"rules\":[]}";
    (void)apply(core, 7,
                (struct pawl_command){.type = PAWL_COMMAND_DOCUMENT_PUT,
                                      .u.document_put = {.kind = PAWL_DOCUMENT_TENANT,
                                                         .tenant = text("acme"),
                                                         .id = text("acme"),
                                                         .state = PAWL_TENANT_ACTIVE}});
    (void)apply(
        core, 7,
        (struct pawl_command){.type = PAWL_COMMAND_DOCUMENT_PUT,
                              .u.document_put = {.kind = PAWL_DOCUMENT_POLICY,
                                                 .tenant = text("acme"),
                                                 .id = text("policy-1"),
                                                 .state = 1,
                                                 .body = pawl_slice_of(body, sizeof(body))}});
}

static struct pawl_command reserve(const char *team, int64_t amount, const char *key)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_RESERVE,
        .idempotency_key = text(key),
        .payload_hash = {1, 2},
        .u.reserve = {.line_count = 2,
                      .lines = {{.unit = PAWL_UNIT_TOKENS, .value = amount},
                                {.unit = PAWL_UNIT_TOOL_CALLS, .value = 1}},
                      .ttl_ms = 7200000,
                      .overage = PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT,
                      .extensions_max = PAWL_EXTENSIONS_MAX,
                      .on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD}};
    struct pawl_subject *subject = &command.u.reserve.subject;
    subject->levels[PAWL_LEVEL_TENANT] = text("acme");
    subject->session = text("run-1");
    subject->dimension_count = 1;
    subject->dimensions[0] = (struct pawl_dimension){.name = text("team"), .value = text(team)};
    return command;
}

/* Something in every table, every index with overflow or a split behind it. */
static struct pawl_core *worked(void)
{
    const int64_t hour_us = INT64_C(3600) * 1000000;
    struct pawl_core *core = memory_configured(1000);
    make_zone(core);
    make_budgets(core);
    make_session(core);
    make_documents(core);
    uint64_t first = 0;
    for (uint32_t i = 0; i < 9; i++) {
        char key[] = "key-0";
        key[4] = (char)('0' + i);
        struct pawl_result result = apply(core, 8 + i, reserve(i % 2 == 0 ? "a" : "t4", 10, key));
        first = first == 0 ? result.id : first;
    }
    struct pawl_command commit = {
        .type = PAWL_COMMAND_COMMIT,
        .idempotency_key = text("key-0"),
        .payload_hash = {3, 4},
        .u.settle = {.reservation = first,
                     .line_count = 2,
                     .lines = {{.unit = PAWL_UNIT_TOKENS, .value = 12},
                               {.unit = PAWL_UNIT_TOOL_CALLS, .value = 1}}}};
    (void)apply(core, hour_us, commit);
    struct pawl_command event = {.type = PAWL_COMMAND_EVENT,
                                 .u.event = {.line_count = 1,
                                             .lines = {{.unit = PAWL_UNIT_TOKENS, .value = 5}},
                                             .overage = PAWL_OVERAGE_BOOK_FULL}};
    event.u.event.subject.levels[PAWL_LEVEL_TENANT] = text("acme");
    (void)apply(core, hour_us + 1, event);
    return core;
}

static void the_bytes_of_the_state_are_those_of_its_layout(void **state)
{
    (void)state;
    struct pawl_core *core = worked();
    pawl_core_audit(core);
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        bool rare = table == PAWL_TABLE_OVERFLOW;
        assert_true(rare || core->state.tables[table].live_count > 0);
    }
    uint64_t digest = pawl_core_digest(core);
    if (digest != GOLDEN_DIGEST || (int)PAWL_STATE_LAYOUT != (int)GOLDEN_LAYOUT) {
        fail_msg("layout %d, digest UINT64_C(0x%016llx): see the head of this file",
                 (int)PAWL_STATE_LAYOUT, (unsigned long long)digest);
    }
    memory_free(core);
}

/* Into a fresh core, with another hash key. */
static bool restored(struct pawl_core *from, uint64_t key_change)
{
    static struct pawl_state root;
    static char chunk[PAWL_CHUNK_BYTES];
    struct pawl_core *to = memory_core();
    pawl_core_snapshot_begin(from);
    assert_int_equal(pawl_core_snapshot_root(from, &root, sizeof(root)), sizeof(root));
    root.limits.hash_key[1] ^= key_change;
    assert_true(pawl_core_restore_root(to, pawl_slice_of((const char *)&root, sizeof(root))));
    memory_give(to, pawl_core_chunks_wanted(to, 0));
    uint32_t number = 0;
    while (pawl_core_snapshot_next(from, &number, chunk)) {
        assert_true(pawl_core_restore_chunk(to, number, pawl_slice_of(chunk, sizeof(chunk))));
    }
    bool ended = pawl_core_restore_end(to);
    memory_free(to);
    return ended;
}

static void a_state_with_other_hashes_is_refused(void **state)
{
    (void)state;
    struct pawl_core *core = worked();
    assert_true(restored(core, 0));
    assert_false(restored(core, 1));
    memory_free(core);
    core = memory_configured(1000); /* nothing to look up yet */
    assert_true(restored(core, 1));
    memory_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_the_state_are_those_of_its_layout),
        cmocka_unit_test(a_state_with_other_hashes_is_refused),
    };
    return cmocka_run_group_tests_name("core_layout", tests, NULL, NULL);
}
