/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_api.c: the parts of core.h that a table cannot show: the columns of the results,
 * cursors, paths in short buffers, and checkpoints that are not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/core.h"
#include "core_memory.h"

static const int64_t now_us = 1000000;

static struct pawl_result apply(struct pawl_core *core, const struct pawl_command *command)
{
    struct pawl_result result;
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    pawl_core_apply(core, now_us, command, &result);
    return result;
}

static uint64_t create(struct pawl_core *core, const char *workspace, uint16_t unit)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_BUDGET_CREATE,
        .u.budget_create = {.unit = unit, .allocated = 100, .mode = PAWL_BUDGET_ENFORCE},
    };
    command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    command.u.budget_create.scope.levels[PAWL_LEVEL_WORKSPACE] = pawl_slice_str(workspace);
    struct pawl_result result = apply(core, &command);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    return result.id;
}

static struct pawl_command reserve_command(void)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_RESERVE,
        .idempotency_key = PAWL_SLICE("key"),
        .u.reserve = {.line_count = 1,
                      .lines = {{.unit = PAWL_UNIT_TOKENS, .value = 1}},
                      .ttl_ms = 1000,
                      .overage = PAWL_OVERAGE_REJECT,
                      .extensions_max = PAWL_EXTENSIONS_MAX,
                      .on_expiry = PAWL_ON_EXPIRY_RELEASE},
    };
    command.u.reserve.subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    command.u.reserve.subject.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("web");
    return command;
}

/* --- Results and commands. -------------------------------------------------------------------- */

static void results_have_the_columns_of_their_table(void **state)
{
    (void)state;
    assert_string_equal(pawl_result_name(PAWL_RESULT_OK), "OK");
    assert_string_equal(pawl_result_wire(PAWL_RESULT_OK), "");
    assert_string_equal(pawl_result_wire(PAWL_RESULT_GONE), "RESERVATION_EXPIRED");
    assert_string_equal(pawl_result_meaning(PAWL_RESULT_OK), "done");
    assert_int_equal(pawl_result_http(PAWL_RESULT_LIMIT_REACHED), 503);
    assert_true(pawl_result_retryable(PAWL_RESULT_LIMIT_REACHED));
    assert_false(pawl_result_retryable(PAWL_RESULT_BUDGET_EXCEEDED));
    for (uint32_t number = 0; number < PAWL_RESULT_COUNT; number++) {
        uint16_t code = (uint16_t)number;
        assert_int_equal(pawl_result_remembered(code), code == PAWL_RESULT_OK);
        assert_true(pawl_result_http(code) == 200 || pawl_result_http(code) >= 400);
        /* Clients try again on 429, which only helps where waiting does. */
        assert_int_equal(pawl_result_http(code) == 429, code == PAWL_RESULT_RATE_LIMITED);
    }
}

static void precedence_is_the_order_of_the_table(void **state)
{
    (void)state;
    static const uint16_t order[] = {
        PAWL_RESULT_OK,
        PAWL_RESULT_INVALID_REQUEST,
        PAWL_RESULT_IDEMPOTENCY_MISMATCH,
        PAWL_RESULT_NOT_FOUND,
        PAWL_RESULT_GONE,
        PAWL_RESULT_RESERVATION_EXPIRED,
        PAWL_RESULT_UNIT_MISMATCH,
        PAWL_RESULT_BUDGET_FROZEN,
        PAWL_RESULT_BUDGET_CLOSED,
        PAWL_RESULT_OVER_LIMIT,
        PAWL_RESULT_DEBT_OUTSTANDING,
        PAWL_RESULT_SESSION_ENDED,
        PAWL_RESULT_SESSION_PAUSED,
        PAWL_RESULT_DEADLINE_PASSED,
        PAWL_RESULT_CAP_EXCEEDED,
        PAWL_RESULT_BUDGET_EXCEEDED,
        PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED,
        PAWL_RESULT_LIMIT_REACHED,
        PAWL_RESULT_AMOUNT_OVERFLOW,
        PAWL_RESULT_STATE_CONFLICT,
    };
    for (size_t i = 1; i < PAWL_ARRAY_LEN(order); i++) {
        assert_true(pawl_result_precedence(order[i - 1]) < pawl_result_precedence(order[i]));
    }
}

static void every_command_has_a_name(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < PAWL_COMMAND_TYPE_END; type++) {
        assert_true(strlen(pawl_command_type_name((uint16_t)type)) > 3);
    }
    assert_string_equal(pawl_command_type_name(PAWL_COMMAND_APPROVAL_ANSWER), "APPROVAL_ANSWER");
}

/* --- Reads. ----------------------------------------------------------------------------------- */

static void cursors_go_over_everything_once(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    uint64_t made[3] = {create(core, "", PAWL_UNIT_TOKENS), create(core, "web", PAWL_UNIT_TOKENS),
                        create(core, "shop", PAWL_UNIT_TOKENS)};
    uint32_t cursor = 0;
    uint64_t id = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(pawl_core_budget_next(core, &cursor, &id));
        assert_int_equal(id, made[i]);
    }
    assert_false(pawl_core_budget_next(core, &cursor, &id));

    uint64_t held[4];
    struct pawl_command command = reserve_command();
    command.idempotency_key = PAWL_SLICE_NONE;
    for (uint32_t i = 0; i < 4; i++) {
        held[i] = apply(core, &command).id;
    }
    struct pawl_command release = {.type = PAWL_COMMAND_RELEASE,
                                   .u.release = {.reservation = held[1]}};
    assert_int_equal(apply(core, &release).code, PAWL_RESULT_OK);
    const uint64_t left[3] = {held[0], held[2], held[3]};
    cursor = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(pawl_core_reservation_next(core, &cursor, &id));
        assert_int_equal(id, left[i]);
    }
    assert_false(pawl_core_reservation_next(core, &cursor, &id));
    memory_free(core);
}

static void what_is_not_there_is_not_read(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_budget_view budget;
    struct pawl_reservation_view reservation;
    struct pawl_session_view session;
    struct pawl_approval_view approval;
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_scope_name scope = {.session = PAWL_SLICE("R1")};
    uint64_t id = create(core, "web", PAWL_UNIT_TOKENS);
    scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    assert_false(pawl_core_budget(core, 0, now_us, &budget));
    assert_false(pawl_core_budget(core, id + 1, now_us, &budget));
    assert_false(pawl_core_budget(core, UINT64_MAX, now_us, &budget));
    assert_false(pawl_core_reservation(core, 1, &reservation));
    assert_false(pawl_core_session(core, PAWL_SLICE("acme"), PAWL_SLICE("R1"), &session));
    assert_false(pawl_core_session(core, PAWL_SLICE_NONE, PAWL_SLICE("R1"), &session));
    assert_false(pawl_core_approval(core, 1, &approval));
    struct pawl_document_view document;
    uint32_t cursor = 0;
    char body[8];
    assert_false(pawl_core_document(core, 0, &document));
    assert_false(pawl_core_document(core, 1, &document));
    assert_false(pawl_core_document_next(core, &cursor, &id));
    assert_int_equal(pawl_core_document_body(core, 1, body, sizeof(body)), 0);
    assert_false(pawl_core_document_find(core, PAWL_DOCUMENT_KEY, PAWL_SLICE("k"), &id));
    assert_false(pawl_core_document_find(core, 0, PAWL_SLICE("k"), &id));
    assert_false(pawl_core_document_find(core, PAWL_DOCUMENT_KIND_END, PAWL_SLICE("k"), &id));
    assert_false(pawl_core_document_find(core, PAWL_DOCUMENT_KEY, PAWL_SLICE_NONE, &id));
    assert_int_equal(pawl_core_tenant_state(core, PAWL_SLICE("acme")), PAWL_TENANT_NONE);
    assert_int_equal(pawl_core_tenant_state(core, PAWL_SLICE("nobody")), PAWL_TENANT_NONE);
    assert_int_equal(pawl_core_tenant_state(core, PAWL_SLICE_NONE), PAWL_TENANT_NONE);
    assert_false(
        pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, PAWL_UNIT_TOKENS, &lifetime, &id));
    scope.session = PAWL_SLICE_NONE;
    scope.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("web");
    assert_false(pawl_core_budget_find(core, &scope, PAWL_SLICE("unheard"), PAWL_UNIT_TOKENS,
                                       &lifetime, &id));
    assert_false(
        pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, PAWL_UNIT_CREDITS, &lifetime, &id));
    assert_true(
        pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, PAWL_UNIT_TOKENS, &lifetime, &id));
    memory_free(core);
}

static void a_body_is_cut_to_its_buffer(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    char text[600];
    char out[600];
    memset(text, 'x', sizeof(text));
    memcpy(text + 246, "seam", 4); /* where the second slot begins */
    struct pawl_command put = {.type = PAWL_COMMAND_DOCUMENT_PUT,
                               .u.document_put = {.kind = PAWL_DOCUMENT_KEY,
                                                  .tenant = PAWL_SLICE("acme"),
                                                  .id = PAWL_SLICE("k"),
                                                  .state = 1,
                                                  .body = pawl_slice_of(text, sizeof(text))}};
    struct pawl_result result = apply(core, &put);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    assert_int_equal(pawl_core_document_body(core, result.id, out, sizeof(out)), sizeof(text));
    assert_memory_equal(out, text, sizeof(text));
    memset(out, '-', sizeof(out));
    assert_int_equal(pawl_core_document_body(core, result.id, out, 250), sizeof(text));
    assert_memory_equal(out, text, 250);
    assert_int_equal(out[250], '-');
    assert_int_equal(pawl_core_document_body(core, result.id, NULL, 0), sizeof(text));
    memory_free(core);
}

static void keys_are_asked_for_with_any_command(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_command reserve = reserve_command();
    uint64_t op = 0;
    (void)create(core, "web", PAWL_UNIT_TOKENS);
    assert_false(pawl_core_key_find(core, &reserve, &op));
    struct pawl_result result = apply(core, &reserve);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    reserve.u.reserve.line_count = 0; /* The payload does not matter. */
    reserve.payload_hash[0] = 99;
    assert_true(pawl_core_key_find(core, &reserve, &op));
    assert_int_equal(op, result.op);
    reserve.idempotency_key = PAWL_SLICE_NONE;
    assert_false(pawl_core_key_find(core, &reserve, &op));
    struct pawl_command expire = {.type = PAWL_COMMAND_EXPIRE, .idempotency_key = PAWL_SLICE("k")};
    assert_false(pawl_core_key_find(core, &expire, &op));
    expire.type = PAWL_COMMAND_TYPE_END;
    assert_false(pawl_core_key_find(core, &expire, &op));
    memory_free(core);
}

static void a_lease_is_there_while_it_is_held(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_command reserve = reserve_command();
    int64_t expires_us = -1;
    (void)create(core, "web", PAWL_UNIT_TOKENS);
    assert_false(pawl_core_lease(core, 1, &expires_us));
    struct pawl_result held = apply(core, &reserve);
    assert_true(pawl_core_lease(core, held.id, &expires_us));
    assert_int_equal(expires_us, held.expires_us);
    struct pawl_command release = {.type = PAWL_COMMAND_RELEASE,
                                   .idempotency_key = PAWL_SLICE("release"),
                                   .u.release.reservation = held.id};
    assert_int_equal(apply(core, &release).code, PAWL_RESULT_OK);
    assert_false(pawl_core_lease(core, held.id, &expires_us));
    memory_free(core);
}

static void a_budgets_place_is_what_its_view_says(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_budget_view view;
    struct pawl_budget_place place;
    uint64_t id = create(core, "web", PAWL_UNIT_CREDITS);
    assert_true(pawl_core_budget(core, id, now_us, &view));
    assert_true(pawl_core_budget_place(core, id, &place));
    assert_int_equal(place.scope, view.scope);
    assert_int_equal(place.unit, PAWL_UNIT_CREDITS);
    assert_int_equal(place.window, view.window.kind);
    assert_false(place.has_phase);
    assert_true(place.of_levels);
    assert_false(pawl_core_budget_place(core, 0, &place));
    assert_false(pawl_core_budget_place(core, id + 1, &place));
    memory_free(core);
}

static void a_path_is_cut_to_its_buffer(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_budget_view view;
    char path[64];
    assert_true(pawl_core_budget(core, create(core, "w/b", PAWL_UNIT_TOKENS), now_us, &view));
    size_t length = pawl_core_scope_path(core, view.scope, path, sizeof(path));
    assert_string_equal(path, "tenant:acme/workspace:w%2Fb");
    assert_int_equal(length, strlen(path));
    assert_int_equal(pawl_core_scope_path(core, view.scope, path, 8), length);
    assert_string_equal(path, "tenant:");
    assert_int_equal(pawl_core_scope_path(core, view.scope, path, 1), length);
    assert_string_equal(path, "");
    assert_int_equal(pawl_core_scope_path(core, view.scope, NULL, 0), length);
    memory_free(core);
}

static void a_quote_may_be_asked_for_without_the_denial(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_command command = reserve_command();
    struct pawl_quote quotes[2];
    const uint16_t units[2] = {PAWL_UNIT_TOKENS, PAWL_UNIT_CREDITS};
    (void)create(core, "web", PAWL_UNIT_TOKENS);
    assert_int_equal(pawl_core_quote(core, now_us, &command.u.reserve.subject, PAWL_SLICE_NONE,
                                     units, 2, quotes, NULL),
                     PAWL_RESULT_OK);
    assert_true(quotes[0].bound);
    assert_int_equal(quotes[0].remaining, 100);
    assert_false(quotes[1].bound);
    memory_free(core);
}

static void a_quote_for_a_subject_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    struct pawl_quote quote;
    struct pawl_denial denial;
    const uint16_t unit = PAWL_UNIT_TOKENS;
    (void)create(core, "web", unit);
    struct pawl_subject subject = reserve_command().u.reserve.subject;
    subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE_NONE;
    assert_int_equal(
        pawl_core_quote(core, now_us, &subject, PAWL_SLICE_NONE, &unit, 1, &quote, &denial),
        PAWL_RESULT_INVALID_REQUEST);
    assert_false(quote.bound);
    subject = reserve_command().u.reserve.subject;
    subject.dimension_count = PAWL_DIMENSIONS_MAX + 1;
    assert_int_equal(
        pawl_core_quote(core, now_us, &subject, PAWL_SLICE_NONE, &unit, 1, &quote, &denial),
        PAWL_RESULT_INVALID_REQUEST);
    subject.dimension_count = 0;
    char phase[PAWL_NAME_BYTES_MAX + 1];
    memset(phase, 'p', sizeof(phase));
    assert_int_equal(pawl_core_quote(core, now_us, &subject, pawl_slice_of(phase, sizeof(phase)),
                                     &unit, 1, &quote, &denial),
                     PAWL_RESULT_INVALID_REQUEST);
    memory_free(core);
}

/* --- Paths. ----------------------------------------------------------------------------------- */

static void no_dimension_has_the_path_of_a_level(void **state)
{
    (void)state;
    static const char *const names[] = {"session", "workspace", "sessions", "team"};
    static const char *const paths[] = {"tenant:acme/%73ession:R1", "tenant:acme/%77orkspace:R1",
                                        "tenant:acme/sessions:R1", "tenant:acme/team:R1"};
    struct pawl_core *core = memory_configured(100);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        struct pawl_command command = {
            .type = PAWL_COMMAND_BUDGET_CREATE,
            .u.budget_create = {.unit = PAWL_UNIT_TOKENS, .mode = PAWL_BUDGET_ENFORCE}};
        struct pawl_scope_name *scope = &command.u.budget_create.scope;
        scope->levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
        scope->dimension =
            (struct pawl_dimension){.name = pawl_slice_str(names[i]), .value = PAWL_SLICE("R1")};
        struct pawl_budget_view view;
        assert_true(pawl_core_budget(core, apply(core, &command).id, now_us, &view));
        char path[64];
        (void)pawl_core_scope_path(core, view.scope, path, sizeof(path));
        assert_string_equal(path, paths[i]);
    }
    memory_free(core);
}

/* --- Memory and checkpoints. ------------------------------------------------------------------ */

static void a_first_batch_gets_memory_before_it_is_configured(void **state)
{
    (void)state;
    struct pawl_core *core = memory_core();
    assert_int_equal(pawl_core_chunks_wanted(core, 0), 0);
    assert_int_equal(pawl_core_chunks_wanted(core, 1), 0); /* CONFIG needs none */
    uint32_t wanted = pawl_core_chunks_wanted(core, 2);
    assert_true(wanted > 0);
    memory_give(core, 1);
    assert_int_equal(pawl_core_chunks_wanted(core, 2), wanted - 1);
    memory_free(core);
}

struct saved {
    size_t root_bytes;
    char *root;
    uint32_t count;
    char *chunks[64];
};

static struct saved save(struct pawl_core *core)
{
    struct saved saved = {.count = 0};
    pawl_core_snapshot_begin(core);
    saved.root_bytes = pawl_core_snapshot_root(core, NULL, 0);
    saved.root = malloc(saved.root_bytes);
    assert_int_equal(pawl_core_snapshot_root(core, saved.root, saved.root_bytes), saved.root_bytes);
    uint32_t number = 0;
    char *chunk = malloc(PAWL_CHUNK_BYTES);
    while (pawl_core_snapshot_next(core, &number, chunk)) {
        assert_int_equal(number, saved.count);
        saved.chunks[saved.count] = chunk;
        saved.count++;
        chunk = malloc(PAWL_CHUNK_BYTES);
    }
    free(chunk);
    return saved;
}

static void saved_free(struct saved *saved)
{
    for (uint32_t i = 0; i < saved->count; i++) {
        free(saved->chunks[i]);
    }
    free(saved->root);
}

/* Whether a root is taken whose byte at `offset` is another one. */
static bool takes_root(const struct saved *saved, size_t offset, size_t bytes)
{
    struct pawl_core *core = memory_core();
    char *root = malloc(saved->root_bytes + 8);
    memcpy(root, saved->root, saved->root_bytes);
    root[offset] = (char)(root[offset] ^ 0x40);
    bool taken = pawl_core_restore_root(core, pawl_slice_of(root, bytes));
    free(root);
    free(core);
    return taken;
}

static void a_root_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    (void)create(core, "web", PAWL_UNIT_TOKENS);
    struct saved saved = save(core);
    assert_false(takes_root(&saved, 0, saved.root_bytes));                        /* magic */
    assert_false(takes_root(&saved, 8, saved.root_bytes));                        /* layout */
    assert_false(takes_root(&saved, 12, saved.root_bytes));                       /* size */
    assert_false(takes_root(&saved, saved.root_bytes - 1, saved.root_bytes - 1)); /* cut */
    assert_false(takes_root(&saved, saved.root_bytes - 1, saved.root_bytes + 1)); /* longer */
    saved_free(&saved);
    memory_free(core);
}

static void chunks_are_restored_whole_and_in_order(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(100);
    (void)create(core, "web", PAWL_UNIT_TOKENS);
    struct pawl_command command = reserve_command();
    (void)apply(core, &command);
    struct saved saved = save(core);
    struct pawl_core *other = memory_core();
    assert_true(pawl_core_restore_root(other, pawl_slice_of(saved.root, saved.root_bytes)));
    memory_give(other, pawl_core_chunks_wanted(other, 0));
    for (uint32_t i = 0; i < saved.count; i++) {
        assert_false(pawl_core_restore_end(other)); /* something is missing */
        struct pawl_slice chunk = pawl_slice_of(saved.chunks[i], PAWL_CHUNK_BYTES);
        assert_false(pawl_core_restore_chunk(other, i, pawl_slice_sub(chunk, 0, 100)));
        assert_false(pawl_core_restore_chunk(other, saved.count, chunk));
        assert_true(pawl_core_restore_chunk(other, i, chunk));
        assert_false(pawl_core_restore_chunk(other, i, chunk)); /* twice */
    }
    assert_true(pawl_core_restore_end(other));
    assert_int_equal(pawl_core_digest(other), pawl_core_digest(core));
    assert_int_equal(pawl_core_config(other)->budgets_max, 100);
    pawl_core_audit(other);
    saved_free(&saved);
    memory_free(core);
    memory_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_have_the_columns_of_their_table),
        cmocka_unit_test(precedence_is_the_order_of_the_table),
        cmocka_unit_test(every_command_has_a_name),
        cmocka_unit_test(cursors_go_over_everything_once),
        cmocka_unit_test(what_is_not_there_is_not_read),
        cmocka_unit_test(a_body_is_cut_to_its_buffer),
        cmocka_unit_test(keys_are_asked_for_with_any_command),
        cmocka_unit_test(a_lease_is_there_while_it_is_held),
        cmocka_unit_test(a_budgets_place_is_what_its_view_says),
        cmocka_unit_test(a_path_is_cut_to_its_buffer),
        cmocka_unit_test(a_quote_may_be_asked_for_without_the_denial),
        cmocka_unit_test(a_quote_for_a_subject_that_cannot_be_is_refused),
        cmocka_unit_test(no_dimension_has_the_path_of_a_level),
        cmocka_unit_test(a_first_batch_gets_memory_before_it_is_configured),
        cmocka_unit_test(a_root_that_is_not_ours_is_refused),
        cmocka_unit_test(chunks_are_restored_whole_and_in_order),
    };
    return cmocka_run_group_tests_name("core_api", tests, NULL, NULL);
}
