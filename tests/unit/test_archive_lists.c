/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_archive_lists.c: every list against a plain model of the same drawn history: each order,
 * both directions, each filter and many together, pages of drawn sizes, also while rows come,
 * change and go between pages. No threads: records are applied and queries run as the archive's
 * threads do it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archive/apply.h"
#include "archive/query.h"
#include "base/alloc.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "seed.h"
#include "tests/lib/archive_model.h"

enum { FORGET_LOOKS = 64, STEPS_A_WRITE = 40 };

static uint64_t seed;

struct fixture {
    char folder[32];
    char path[64];
    struct model *model;
    struct pawl_archive_db writer;
    struct pawl_archive_db reader;
    struct pawl_archive_apply apply;
    struct pawl_archive_forget forget;
    int64_t keep_us;
    struct pawl_archive_limits limits;
};

/* --- Fixture. --------------------------------------------------------------------------------- */

static void check(const struct pawl_archive_db *db)
{
    if (pawl_failed(db->err)) {
        fail_msg("%s", db->msg.text);
    }
}

static struct pawl_hash_key read_key(struct pawl_archive_db *db)
{
    struct pawl_hash_key key;
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_STATE_GET);
    assert_true(pawl_archive_db_step(db, get));
    assert_int_equal(sqlite3_column_bytes(get, 3), sizeof(key));
    memcpy(&key, sqlite3_column_blob(get, 3), sizeof(key));
    pawl_archive_db_done(get);
    return key;
}

static struct fixture *begin(uint64_t of_seed)
{
    struct fixture *fixture = pawl_alloc_zeroed(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/pawl-archive-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/archive.db", fixture->folder);
    fixture->model = model_new(of_seed);
    fixture->keep_us = INT64_C(1) << 50;
    fixture->limits = pawl_archive_limits;
    assert_true(
        pawl_ok(pawl_archive_db_open(&fixture->writer, fixture->path, PAWL_ARCHIVE_DB_MADE)));
    assert_true(
        pawl_ok(pawl_archive_db_open(&fixture->reader, fixture->path, PAWL_ARCHIVE_DB_MADE)));
    fixture->apply.db = &fixture->writer;
    fixture->apply.hash_key = read_key(&fixture->writer);
    fixture->apply.scopes.key = fixture->apply.hash_key;
    fixture->apply.scopes.slots =
        pawl_alloc_zeroed(PAWL_ARCHIVE_SCOPE_SLOTS, sizeof(fixture->apply.scopes.slots[0]));
    pawl_archive_stage_init(&fixture->apply.stage, &fixture->writer);
    return fixture;
}

static void finish(struct fixture *fixture)
{
    char command[64];
    pawl_archive_stage_free(&fixture->apply.stage);
    pawl_free(fixture->apply.scopes.slots);
    pawl_free(fixture->apply.scopes.reached.scopes);
    pawl_archive_db_close(&fixture->writer);
    pawl_archive_db_close(&fixture->reader);
    model_free(fixture->model);
    (void)snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
    assert_int_equal(system(command), 0);
    pawl_free(fixture);
}

/* One transaction, as the writer's. */
static void write_steps(struct fixture *fixture, uint32_t steps)
{
    struct pawl_archive_db *db = &fixture->writer;
    static struct pawl_record record;
    pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BEGIN_WRITE));
    for (uint32_t i = 0; i < steps; i++) {
        model_step(fixture->model, &record);
        pawl_archive_apply(&fixture->apply, &record);
    }
    pawl_archive_reached_write(&fixture->apply.scopes.reached, db);
    pawl_archive_forget(&fixture->apply, &fixture->forget, fixture->keep_us, FORGET_LOOKS);
    pawl_archive_stage_write(&fixture->apply.stage);
    pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_COMMIT));
    check(db);
}

static void write_many(struct fixture *fixture, uint32_t steps)
{
    for (uint32_t at = 0; at < steps; at += STEPS_A_WRITE) {
        write_steps(fixture, STEPS_A_WRITE);
    }
}

/* --- Pages. ----------------------------------------------------------------------------------- */

static void describe(const struct pawl_archive_query *query)
{
    static const char *const sorts[] = {"created", "expires", "reserved", "scope", "status"};
    print_message("list: by %s %s, tenant %.*s, status %d, limit %u, after op %" PRIu64 "\n",
                  sorts[query->sort], query->ascending ? "up" : "down", (int)query->tenant.bytes,
                  query->tenant.data, query->status, query->limit, query->after.op);
    for (int level = 1; level < PAWL_LEVEL_COUNT; level++) {
        print_message("  level %d: %.*s\n", level, (int)query->levels[level].bytes,
                      query->levels[level].data != NULL ? query->levels[level].data : "");
    }
    print_message("  key %.*s, created %" PRId64 " to %" PRId64 ", expires %" PRId64 " to %" PRId64
                  ", finalized %" PRId64 " to %" PRId64 "\n",
                  (int)query->idempotency_key.bytes,
                  query->idempotency_key.data != NULL ? query->idempotency_key.data : "",
                  query->created_from_ms, query->created_to_ms, query->expires_from_ms,
                  query->expires_to_ms, query->finalized_from_ms, query->finalized_to_ms);
}

static void ask(struct fixture *fixture,
                const struct pawl_archive_query *query,
                struct pawl_archive_request *ret_request)
{
    *ret_request = (struct pawl_archive_request){.answer = PAWL_ARCHIVE_FOUND};
    if (!pawl_archive_query_run(&fixture->reader, query, &fixture->limits, ret_request)) {
        describe(query);
        fail_msg("%s", fixture->reader.msg.text);
    }
    if (ret_request->row_count > query->limit) {
        describe(query);
        fail_msg("%u rows", ret_request->row_count);
    }
}

/* The product's limits, or such as make each way be given up where a small history would not. */
static void draw_limits(struct fixture *fixture)
{
    struct pawl_prng *prng = &fixture->model->prng;
    if (pawl_prng_one_in(prng, 3)) {
        fixture->limits = pawl_archive_limits;
        return;
    }
    fixture->limits = (struct pawl_archive_limits){
        .work_first = pawl_prng_below(prng, 6000),
        .work_max = pawl_prng_one_in(prng, 2) ? 2000000 : pawl_prng_below(prng, 6000),
        .gather_work = pawl_prng_below(prng, 20000),
        .gather_rows = 1 + (uint32_t)pawl_prng_below(prng, 300),
        .strands = (uint32_t)pawl_prng_below(prng, 40),
        .paths = (uint32_t)pawl_prng_below(prng, 40),
        .scopes_few = 1 + (uint32_t)pawl_prng_below(prng, 30),
        .scopes_many = 1 + (uint32_t)pawl_prng_below(prng, 400),
        .scopes_looks = (uint32_t)pawl_prng_below(prng, 30),
        .spots = (uint32_t)pawl_prng_below(prng, 200),
        .spots_work = pawl_prng_below(prng, 50000),
        .rows_looks = (uint32_t)pawl_prng_below(prng, 30),
    };
}

/* The list from its beginning to its end is the model's. */
static void compare(struct fixture *fixture, struct pawl_archive_query query)
{
    struct model *model = fixture->model;
    static const struct model_row *rows[MODEL_ROWS_MAX];
    uint32_t count = model_list(model, &query, rows);
    uint32_t at = 0;
    uint32_t empty = 0;
    struct pawl_archive_request request;
    do {
        draw_limits(fixture);
        query.limit = 1 + (uint32_t)pawl_prng_below(&model->prng,
                                                    pawl_prng_one_in(&model->prng, 4) ? 1000 : 20);
        ask(fixture, &query, &request);
        for (uint32_t i = 0; i < request.row_count; i++) {
            if (at == count || !model_same(&request.rows[i], &rows[at]->row)) {
                describe(&query);
                fail_msg("row %u of %u is op %" PRIu64 ", wanted op %" PRIu64, at, count,
                         request.rows[i].op, at < count ? rows[at]->row.op : 0);
            }
            at++;
        }
        empty = request.row_count == 0 ? empty + 1 : 0;
        query.after = request.last;
        pawl_archive_release(&request);
    } while (request.more && empty < MODEL_ROWS_MAX);
    if (at != count || request.more) {
        describe(&query);
        fail_msg("%u rows of %u, more: %d", at, count, request.more);
    }
}

/* --- Tests. ----------------------------------------------------------------------------------- */

static void every_filter_alone_in_every_order(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed);
    write_many(fixture, 800);
    const struct model_row *like = &fixture->model->rows[fixture->model->count / 2];
    struct pawl_archive_query queries[48];
    uint32_t count = 0;
    for (uint8_t status = 0; status <= PAWL_ARCHIVE_RELEASED; status++) {
        queries[count] = model_all();
        queries[count++].status = status;
    }
    for (int level = 1; level < PAWL_LEVEL_COUNT; level++) {
        queries[count] = model_all();
        queries[count++].levels[level] = PAWL_SLICE("part");
        queries[count] = model_all();
        queries[count++].levels[level] = PAWL_SLICE("PART-b");
    }
    for (uint32_t i = 0; i < fixture->model->count && count < 32; i += 97) {
        queries[count] = model_all();
        queries[count++].idempotency_key = fixture->model->rows[i].row.idempotency_key;
    }
    for (int bounds = 1; bounds < 4; bounds++) {
        for (int which = 0; which < 3; which++) {
            struct pawl_archive_query query = model_all();
            int64_t *const froms[] = {&query.created_from_ms, &query.expires_from_ms,
                                      &query.finalized_from_ms};
            int64_t *const tos[] = {&query.created_to_ms, &query.expires_to_ms,
                                    &query.finalized_to_ms};
            *froms[which] = (bounds & 1) != 0 ? like->row.created_ms : INT64_MIN;
            *tos[which] = (bounds & 2) != 0 ? like->row.created_ms + 2000 : INT64_MAX;
            queries[count++] = query;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint8_t sort = 0; sort <= PAWL_ARCHIVE_BY_STATUS; sort++) {
            for (int ascending = 0; ascending < 2; ascending++) {
                queries[i].sort = sort;
                queries[i].ascending = ascending == 1;
                compare(fixture, queries[i]);
            }
        }
    }
    finish(fixture);
}

static void many_filters_together(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 1);
    for (int round = 0; round < 8; round++) {
        write_many(fixture, 400);
        for (int i = 0; i < 100; i++) {
            compare(fixture, model_draw_query(fixture->model));
        }
    }
    finish(fixture);
}

static void with_a_scope_for_nearly_each_reservation(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 2);
    fixture->model->scope_values = 60;
    for (int round = 0; round < 4; round++) {
        write_many(fixture, 900);
        for (int i = 0; i < 80; i++) {
            compare(fixture, model_draw_query(fixture->model));
        }
    }
    finish(fixture);
}

static void in_one_segment(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 3);
    fixture->model->op_jump = 3;
    write_many(fixture, 4000);
    for (int i = 0; i < 120; i++) {
        compare(fixture, model_draw_query(fixture->model));
    }
    finish(fixture);
}

/* Rows whose place did not change while the list was walked are on it once, if they passed all the
 * while; whatever is on it passes. A row that was moved may be on it where it was and where it
 * went. */
static void walk_while_it_changes(struct fixture *fixture, struct pawl_archive_query query)
{
    static uint64_t seen[2 * MODEL_ROWS_MAX];
    struct model *model = fixture->model;
    uint64_t began = model->step;
    uint32_t count = model->count;
    uint32_t seen_count = 0;
    uint32_t pages = 0;
    struct pawl_archive_request request;
    do {
        draw_limits(fixture);
        query.limit = 1 + (uint32_t)pawl_prng_below(&model->prng, 40);
        ask(fixture, &query, &request);
        for (uint32_t i = 0; i < request.row_count; i++) {
            const struct model_row *row = model_find(model, request.rows[i].op);
            assert_non_null(row);
            assert_true(model_same(&request.rows[i], &row->row));
            assert_true(model_passes(&query, row));
            assert_true(i == 0 || model_compare(&query, &request.rows[i - 1], &row->row) < 0);
            assert_true(seen_count < PAWL_ARRAY_LEN(seen));
            seen[seen_count++] = row->row.op;
        }
        query.after = request.last;
        pawl_archive_release(&request);
        write_steps(fixture, 1 + (uint32_t)pawl_prng_below(&model->prng, 8));
    } while (request.more && ++pages < MODEL_ROWS_MAX);
    assert_false(request.more);
    for (uint32_t i = 0; i < count; i++) {
        const struct model_row *row = &model->rows[i];
        uint32_t times = 0;
        for (uint32_t j = 0; j < seen_count; j++) {
            times += seen[j] == row->row.op ? 1 : 0;
        }
        bool moves = query.sort != PAWL_ARCHIVE_BY_CREATED && query.sort != PAWL_ARCHIVE_BY_SCOPE;
        bool same = row->changed <= began;
        if ((same && times != (model_passes(&query, row) ? 1 : 0)) || (!moves && times > 1)) {
            describe(&query);
            fail_msg("op %" PRIu64 " is on it %u times", row->row.op, times);
        }
    }
}

static void pages_while_rows_come_and_change(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 4);
    write_many(fixture, 800);
    while (fixture->model->count < MODEL_ROWS_MAX / 2) {
        walk_while_it_changes(fixture, model_draw_query(fixture->model));
        struct pawl_archive_query query = model_all();
        query.sort = (uint8_t)pawl_prng_below(&fixture->model->prng, PAWL_ARCHIVE_BY_STATUS + 1);
        query.ascending = pawl_prng_one_in(&fixture->model->prng, 2);
        walk_while_it_changes(fixture, query);
    }
    finish(fixture);
}

/* How many texts the file has; each has 16 bytes before it, with its lengths. */
static uint32_t texts_in_file(struct fixture *fixture)
{
    uint32_t count = 0;
    sqlite3_stmt *packs = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(fixture->reader.sqlite, "SELECT texts FROM pack", -1, &packs, NULL),
        SQLITE_OK);
    while (sqlite3_step(packs) == SQLITE_ROW) {
        const char *data = sqlite3_column_blob(packs, 0);
        size_t bytes = (size_t)sqlite3_column_bytes(packs, 0);
        for (size_t at = 0; at < bytes; count++) {
            uint32_t lengths[2];
            memcpy(lengths, data + at + 8, sizeof(lengths));
            at += 16 + lengths[0] + lengths[1];
            assert_true(at <= bytes);
        }
    }
    assert_int_equal(sqlite3_finalize(packs), SQLITE_OK);
    return count;
}

static uint32_t texts_in_model(const struct model *model)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const struct pawl_archive_row *row = &model->rows[i].row;
        if (!model->rows[i].gone) {
            count += row->idempotency_key.bytes + row->document.bytes > 0 ? 1 : 0;
            count += row->committed_document.bytes > 0 ? 1 : 0;
        }
    }
    return count;
}

/* Scopes whose reservations all lie before the segment of the oldest row; `*ret_scopes` is how many
 * have some, which is how many there are. */
static uint32_t scopes_left_over(struct fixture *fixture, uint32_t *ret_scopes)
{
    struct pawl_archive_image oldest;
    struct pawl_archive_reaches reaches;
    uint32_t left = 0;
    *ret_scopes = 0;
    assert_true(pawl_archive_row_from(&fixture->reader, 0, &oldest));
    for (uint64_t number = 0; pawl_archive_reaches_from(&fixture->reader, number, &reaches);
         number = reaches.number + 1) {
        for (size_t i = 0; i < PAWL_ARCHIVE_REACH_SCOPES; i++) {
            uint32_t end = reaches.of[i].end_segment;
            *ret_scopes += end != 0 ? 1 : 0;
            left += end != 0 && end <= pawl_archive_segment(oldest.op) ? 1 : 0;
        }
    }
    return left;
}

static uint32_t scopes_in_file(struct fixture *fixture)
{
    sqlite3_stmt *count = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(fixture->reader.sqlite, "SELECT count(*) FROM scope", -1, &count, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    uint32_t scopes = (uint32_t)sqlite3_column_int(count, 0);
    assert_int_equal(sqlite3_finalize(count), SQLITE_OK);
    return scopes;
}

static void what_is_over_for_long_enough_goes(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 5);
    fixture->keep_us = 5 * PAWL_US_PER_SECOND;
    for (int round = 0; round < 5; round++) {
        write_many(fixture, 600);
        /* Until everything that was there was looked at. */
        int64_t before_ms = (fixture->model->now_us - fixture->keep_us) / PAWL_US_PER_MS;
        for (uint32_t i = 0; i <= 2 * fixture->model->count / FORGET_LOOKS + 2; i++) {
            write_steps(fixture, 0);
        }
        model_forget(fixture->model, before_ms);
        for (int i = 0; i < 60; i++) {
            compare(fixture, model_draw_query(fixture->model));
        }
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < fixture->model->count; i++) {
        left += fixture->model->rows[i].gone ? 0 : 1;
    }
    assert_true(left < fixture->model->count / 2);
    assert_int_equal(fixture->apply.stage.row_count, left);
    assert_int_equal(texts_in_file(fixture), texts_in_model(fixture->model));
    write_many(fixture, 600);
    for (int i = 0; i < 100; i++) {
        write_steps(fixture, 0);
    }
    assert_true(fixture->forget.swept > 0);
    uint32_t scopes = 0;
    assert_int_equal(scopes_left_over(fixture, &scopes), 0);
    assert_int_equal(scopes, scopes_in_file(fixture));
    finish(fixture);
}

static void one_reservation_is_found_by_its_number(void **state)
{
    (void)state;
    struct fixture *fixture = begin(seed + 6);
    write_many(fixture, 600);
    for (uint32_t i = 0; i < fixture->model->count; i++) {
        struct pawl_archive_query query = model_all();
        struct pawl_archive_request request;
        query.op = fixture->model->rows[i].row.op;
        query.tenant = PAWL_SLICE("nobody"); /* whosever it is */
        query.limit = 1;
        ask(fixture, &query, &request);
        assert_int_equal(request.row_count, 1);
        assert_true(model_same(&request.rows[0], &fixture->model->rows[i].row));
        pawl_archive_release(&request);
    }
    static const uint64_t none[] = {UINT64_MAX, INT64_MAX, UINT64_C(1) << 56};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(none); i++) {
        struct pawl_archive_query query = model_all();
        struct pawl_archive_request request;
        query.op = none[i];
        ask(fixture, &query, &request);
        assert_int_equal(request.row_count, 0);
        pawl_archive_release(&request);
    }
    finish(fixture);
}

int main(void)
{
    seed = seed_for("build/werror/bin/test_archive_lists");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_alone_in_every_order),
        cmocka_unit_test(many_filters_together),
        cmocka_unit_test(with_a_scope_for_nearly_each_reservation),
        cmocka_unit_test(in_one_segment),
        cmocka_unit_test(pages_while_rows_come_and_change),
        cmocka_unit_test(what_is_over_for_long_enough_goes),
        cmocka_unit_test(one_reservation_is_found_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
