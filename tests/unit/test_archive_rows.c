/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_archive_rows.c: what lies in the archive's file: blocks of rows, packs of texts, and the
 * order in which changes come to a shelf.
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

#include "archive/rows.h"
#include "archive/shelf.h"
#include "base/alloc.h"
#include "base/prng.h"
#include "core/command.h"
#include "seed.h"

static uint64_t seed;

struct fixture {
    char folder[32];
    char path[64];
    struct pawl_archive_db db;
    struct pawl_archive_pack pack;
};

static int begin(void **state)
{
    static struct fixture fixture;
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/pawl-archive-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.path, sizeof(fixture.path), "%s/archive.db", fixture.folder);
    assert_true(pawl_ok(pawl_archive_db_open(&fixture.db, fixture.path, PAWL_ARCHIVE_DB_MADE)));
    pawl_archive_pack_init(&fixture.pack);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[64];
    pawl_buf_free(&fixture->pack.bytes);
    pawl_archive_db_close(&fixture->db);
    (void)snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
    return system(command);
}

static int64_t number_of(struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *get = NULL;
    assert_int_equal(sqlite3_prepare_v2(fixture->db.sqlite, sql, -1, &get, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(get, 0);
    assert_int_equal(sqlite3_finalize(get), SQLITE_OK);
    return number;
}

/* --- Blocks. ---------------------------------------------------------------------------------- */

static void rows_are_found_from_an_operation_on(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_archive_db *db = &fixture->db;
    struct pawl_archive_block block = {
        .number = 1, .count = 2, .rows = {{.op = 33, .reserved = 7}, {.op = 63}}};
    struct pawl_archive_block last = {.number = 4, .count = 1, .rows = {{.op = 130}}};
    struct pawl_archive_image row;
    assert_false(pawl_archive_row_from(db, 0, &row));
    assert_false(pawl_archive_row_last(db, &row));
    pawl_archive_block_put(db, &block);
    pawl_archive_block_put(db, &last);
    assert_true(pawl_archive_row_get(db, 33, &row));
    assert_int_equal(row.reserved, 7);
    assert_false(pawl_archive_row_get(db, 34, &row));
    assert_false(pawl_archive_row_get(db, 64, &row));
    static const uint64_t from_and_found[][2] = {{0, 33},  {33, 33},  {34, 63},
                                                 {63, 63}, {64, 130}, {129, 130}};
    for (size_t i = 0; i < sizeof(from_and_found) / sizeof(from_and_found[0]); i++) {
        assert_true(pawl_archive_row_from(db, from_and_found[i][0], &row));
        assert_int_equal(row.op, from_and_found[i][1]);
    }
    assert_false(pawl_archive_row_from(db, 131, &row)); /* of the last block, and behind its rows */
    assert_true(pawl_archive_row_last(db, &row));
    assert_int_equal(row.op, 130);
    last.count = 0;
    pawl_archive_block_put(db, &last);
    assert_true(pawl_archive_row_last(db, &row));
    assert_int_equal(row.op, 63);
    assert_true(pawl_ok(db->err));
}

static void a_block_with_a_foreign_row_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_archive_block block = {.number = 1, .count = 1, .rows = {{.op = 64}}};
    struct pawl_archive_image row;
    pawl_archive_block_put(&fixture->db, &block);
    assert_false(pawl_archive_row_get(&fixture->db, 33, &row));
    assert_int_equal(fixture->db.err.code, PAWL_ERR_CORRUPT);
}

/* --- Packs. ----------------------------------------------------------------------------------- */

enum { TEXTS = 400 };

/* Texts of drawn lengths under each third operation, some of them large. */
static void put_texts(struct fixture *fixture, struct pawl_archive_text *ret_texts)
{
    static char bytes[PAWL_METADATA_BYTES_MAX];
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed);
    memset(bytes, 'd', sizeof(bytes));
    for (int i = 0; i < TEXTS; i++) {
        size_t most = i % 50 == 7 ? sizeof(bytes) : 500;
        ret_texts[i] = (struct pawl_archive_text){
            .op = (uint64_t)i * 3 + 1,
            .key = pawl_slice_of(bytes, pawl_prng_below(&prng, 2) * 36),
            .document = pawl_slice_of(bytes, 1 + pawl_prng_below(&prng, most)),
        };
        pawl_archive_pack_add(&fixture->pack, &fixture->db, &ret_texts[i]);
        if (i % 100 == 60) {
            pawl_archive_pack_finish(&fixture->pack, &fixture->db);
        }
    }
    pawl_archive_pack_finish(&fixture->pack, &fixture->db);
}

/* Each is there unless `gone` says that it is not, and no other. */
static void
check_texts(struct fixture *fixture, const struct pawl_archive_text *texts, const bool *gone)
{
    struct pawl_archive_text text;
    for (uint64_t op = 0; op < 3 * TEXTS + 10; op++) {
        uint64_t i = op / 3;
        bool there = i < TEXTS && texts[i].op == op && !gone[i];
        pawl_archive_text_get(&fixture->db, op, &text);
        assert_true(pawl_slice_equal(text.key, there ? texts[i].key : PAWL_SLICE_NONE));
        assert_true(pawl_slice_equal(text.document, there ? texts[i].document : PAWL_SLICE_NONE));
        pawl_archive_text_done(&fixture->db);
    }
    assert_true(pawl_ok(fixture->db.err));
}

static void texts_are_found_and_go(void **state)
{
    struct fixture *fixture = *state;
    static struct pawl_archive_text texts[TEXTS];
    bool gone[TEXTS] = {false};
    uint64_t ops[TEXTS];
    put_texts(fixture, texts);
    check_texts(fixture, texts, gone);
    assert_true(number_of(fixture, "SELECT count(*) FROM pack") < TEXTS / 4);
    size_t count = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        gone[i] = i < 60 || i % 4 == 0;
        if (gone[i]) {
            ops[count++] = texts[i].op;
        } else if (i % 7 == 0) {
            ops[count++] = texts[i].op + 1; /* nothing has it */
        }
    }
    pawl_archive_texts_remove(&fixture->db, ops, count);
    check_texts(fixture, texts, gone);
    for (size_t i = 0; i < TEXTS; i++) {
        gone[i] = true;
        ops[i] = texts[i].op;
    }
    pawl_archive_texts_remove(&fixture->db, ops, TEXTS);
    check_texts(fixture, texts, gone);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pack"), 0);
}

static void a_pack_that_ends_in_the_middle_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_archive_text text = {1, PAWL_SLICE("key"), PAWL_SLICE("document")};
    static const uint64_t op = 1;
    pawl_archive_pack_add(&fixture->pack, &fixture->db, &text);
    pawl_archive_pack_finish(&fixture->pack, &fixture->db);
    assert_int_equal(sqlite3_exec(fixture->db.sqlite, "UPDATE pack SET texts=substr(texts, 1, 20)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    pawl_archive_text_get(&fixture->db, 1, &text);
    assert_true(pawl_slice_empty(text.document));
    assert_int_equal(fixture->db.err.code, PAWL_ERR_CORRUPT);
    pawl_archive_text_done(&fixture->db);
    fixture->db.err = PAWL_OK;
    pawl_archive_texts_remove(&fixture->db, &op, 1);
    assert_int_equal(fixture->db.err.code, PAWL_ERR_CORRUPT);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pack"), 1);
}

/* --- Changes. --------------------------------------------------------------------------------- */

static int compare_changes(const void *a, const void *b)
{
    const struct pawl_archive_entry *one = &((const struct pawl_archive_change *)a)->entry;
    const struct pawl_archive_entry *other = &((const struct pawl_archive_change *)b)->entry;
    uint64_t one_segment = pawl_archive_segment(pawl_archive_entry_op(one));
    uint64_t other_segment = pawl_archive_segment(pawl_archive_entry_op(other));
    if (one_segment != other_segment) {
        return one_segment < other_segment ? -1 : 1;
    }
    return pawl_archive_entry_compare(one, other);
}

static void changes_are_sorted(void **state)
{
    enum { MOST = 700 };
    struct fixture *fixture = *state;
    static struct pawl_archive_change changes[MOST];
    static struct pawl_archive_change wanted[MOST];
    struct pawl_archive_merge merge = {.entries = NULL};
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed);
    for (size_t count = 1; count < MOST; count += count < 40 ? 1 : 61) {
        uint64_t numbers = count % 3 == 0 ? 1 : 50; /* with one, the operations are the order */
        for (size_t i = 0; i < count; i++) {
            int64_t number = (int64_t)pawl_prng_below(&prng, numbers) - 25;
            uint64_t op = pawl_prng_below(&prng, UINT64_C(1) << 20) << 10 | i;
            changes[i] = (struct pawl_archive_change){
                .entry = {.group = (uint32_t)pawl_prng_below(&prng, 3),
                          .scope = (uint32_t)i,
                          .number = number,
                          .op_status = op << 8},
                .remove = i % 2 == 0,
            };
        }
        memcpy(wanted, changes, sizeof(changes));
        qsort(wanted, count, sizeof(wanted[0]), compare_changes);
        pawl_archive_changes_sort(&fixture->db, changes, count, &merge);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(changes[i].entry.scope, wanted[i].entry.scope);
            assert_int_equal(changes[i].remove, wanted[i].remove);
        }
    }
    pawl_archive_merge_free(&merge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_found_from_an_operation_on, begin, end),
        cmocka_unit_test_setup_teardown(a_block_with_a_foreign_row_is_damage, begin, end),
        cmocka_unit_test_setup_teardown(texts_are_found_and_go, begin, end),
        cmocka_unit_test_setup_teardown(a_pack_that_ends_in_the_middle_is_damage, begin, end),
        cmocka_unit_test_setup_teardown(changes_are_sorted, begin, end),
    };
    seed = seed_for("build/werror/bin/test_archive_rows");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
