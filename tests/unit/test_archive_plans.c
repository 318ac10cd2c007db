/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_archive_plans.c: the plan of every statement that the archive has. None goes through a whole
 * table, but those that go along an index from a bound and stop at a limit, and none sorts.
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

#include "archive/db.h"

struct fixture {
    char folder[32];
    char path[64];
    struct pawl_archive_db db;
};

static int begin(void **state)
{
    static struct fixture fixture;
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/pawl-archive-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.path, sizeof(fixture.path), "%s/archive.db", fixture.folder);
    assert_true(pawl_ok(pawl_archive_db_open(&fixture.db, fixture.path, PAWL_ARCHIVE_DB_MADE)));
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[64];
    pawl_archive_db_close(&fixture->db);
    (void)snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
    return system(command);
}

/* How many steps of the plan go through a table or sort; each is printed. */
static int bad_steps(struct fixture *fixture, const char *sql, int *ret_steps)
{
    char text[1024];
    int bad = 0;
    sqlite3_stmt *plan = NULL;
    *ret_steps = 0;
    (void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(fixture->db.sqlite, text, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        (*ret_steps)++;
        if (strncmp(detail, "SCAN", 4) == 0 || strstr(detail, "TEMP B-TREE") != NULL ||
            strstr(detail, "AUTOMATIC") != NULL) {
            print_message("%s\n  %s\n", sql, detail);
            bad++;
        }
    }
    assert_int_equal(sqlite3_finalize(plan), SQLITE_OK);
    return bad;
}

static void no_statement_goes_through_a_table(void **state)
{
    int bad = 0;
    int searches = 0;
    for (int i = 0; i < PAWL_ARCHIVE_SQL_COUNT; i++) {
        int steps = 0;
        bad += bad_steps(*state, pawl_archive_sql_text((enum pawl_archive_sql)i), &steps);
        searches += steps;
    }
    assert_int_equal(bad, 0);
    assert_true(searches > 20); /* it looked at something */
}

/* The tables are small here; were they large, no plan would change, since nobody runs ANALYZE. */
static void nobody_collects_statistics(void **state)
{
    struct fixture *fixture = *state;
    sqlite3_stmt *tables = NULL;
    assert_int_equal(sqlite3_prepare_v2(fixture->db.sqlite,
                                        "SELECT name FROM sqlite_master WHERE name LIKE"
                                        " 'sqlite_stat%'",
                                        -1, &tables, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(tables), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(tables), SQLITE_OK);
}

static void a_planted_one_is_seen(void **state)
{
    static const char *const planted[] = {
        "SELECT id FROM scope WHERE path>1",
        "SELECT id FROM scope WHERE id>1 ORDER BY path",
        "SELECT a.id FROM scope a JOIN scope b ON a.path=b.path AND a.tenant<b.tenant",
    };
    for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
        int steps = 0;
        assert_true(bad_steps(*state, planted[i], &steps) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_statement_goes_through_a_table, begin, end),
        cmocka_unit_test_setup_teardown(nobody_collects_statistics, begin, end),
        cmocka_unit_test_setup_teardown(a_planted_one_is_seen, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
