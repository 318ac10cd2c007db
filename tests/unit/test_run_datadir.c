/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_datadir.c: the data directory, ids of runs, and the directory of one run, on a real
 * directory that each test gets for itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "run/datadir.h"
#include "run/rundir.h"
#include "tests/lib/dir_syncs.h"

#define NOON INT64_C(1795348800000000)

struct fixture {
    char root[64];
    struct pawl_datadir dir;
    struct pawl_errmsg msg;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    memcpy(fixture->root, "/tmp/pawl-test-XXXXXX", 22);
    assert_non_null(mkdtemp(fixture->root));
    char path[PAWL_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/data", fixture->root);
    assert_true(pawl_ok(pawl_datadir_resolve(path, &fixture->dir, &fixture->msg)));
    dir_syncs_forget();
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", fixture->root);
    int status = system(command);
    free(fixture);
    return status;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_format(struct fixture *fixture, const char *text)
{
    char path[PAWL_PATH_BYTES];
    assert_true(pawl_ok(pawl_datadir_path(&fixture->dir, "FORMAT", path, &fixture->msg)));
    write_file(path, text);
}

/* --- Where it is --------------------------------------------------------------------------- */

static void expect_path(const char *flag, const char *path)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_datadir_resolve(flag, &dir, &msg)));
    assert_string_equal(dir.path, path);
}

static void datadir_precedence_is_flag_variable_state_home_home(void **state)
{
    (void)state;
    setenv("HOME", "/h", 1);
    setenv("XDG_STATE_HOME", "/x", 1);
    setenv("PAWL_DATA_DIR", "/p/q//", 1);
    expect_path("/flag", "/flag");
    expect_path(NULL, "/p/q");
    setenv("PAWL_DATA_DIR", "", 1);
    expect_path(NULL, "/x/pawl");
    setenv("XDG_STATE_HOME", "relative", 1);
    expect_path(NULL, "/h/.local/state/pawl");
    unsetenv("XDG_STATE_HOME");
    expect_path(NULL, "/h/.local/state/pawl");
    expect_path("/", "/");
    char here[PAWL_PATH_BYTES];
    char expected[PAWL_PATH_BYTES + 16];
    assert_non_null(getcwd(here, sizeof(here)));
    (void)snprintf(expected, sizeof(expected), "%s/a/b", here);
    expect_path("a/b/", expected);
}

static void datadir_name_must_not_be_empty_or_too_long(void **state)
{
    (void)state;
    struct pawl_datadir dir;
    struct pawl_errmsg msg;
    assert_int_equal(pawl_datadir_resolve("", &dir, &msg).code, PAWL_ERR_INVALID);
    char name[PAWL_PATH_BYTES + 1];
    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[PAWL_PATH_BYTES] = '\0';
    assert_int_equal(pawl_datadir_resolve(name, &dir, &msg).code, PAWL_ERR_LIMIT);
}

/* --- What it is ---------------------------------------------------------------------------- */

static void datadir_is_made_for_its_owner_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pawl_datadir_check(&fixture->dir, &fixture->msg).code, PAWL_ERR_NOT_FOUND);
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    assert_true(pawl_ok(pawl_datadir_check(&fixture->dir, &fixture->msg)));
    struct stat found;
    assert_int_equal(stat(fixture->dir.path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    char path[PAWL_PATH_BYTES];
    assert_true(pawl_ok(pawl_datadir_path(&fixture->dir, "FORMAT", path, &fixture->msg)));
    char text[16] = {0};
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 7);
    assert_string_equal(text, "pawl 1\n");
    close(fd);
}

static void datadir_of_a_newer_pawl_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    write_format(fixture, "pawl 2\n");
    assert_int_equal(pawl_datadir_create(&fixture->dir, &fixture->msg).code, PAWL_ERR_VERSION);
    assert_int_equal(pawl_datadir_check(&fixture->dir, &fixture->msg).code, PAWL_ERR_VERSION);
    assert_non_null(strstr(fixture->msg.text, "newer"));
}

static void datadir_of_something_else_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    static const char *const others[] = {"tar 1\n", "pawl\n", "pawl one\n", "pawl -1\n", "\n"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        write_format(fixture, others[i]);
        assert_int_equal(pawl_datadir_create(&fixture->dir, &fixture->msg).code, PAWL_ERR_CORRUPT);
    }
}

static void datadir_format_left_empty_by_a_power_cut_is_written_again(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    write_format(fixture, "");
    assert_int_equal(pawl_datadir_check(&fixture->dir, &fixture->msg).code, PAWL_ERR_NOT_FOUND);
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    assert_true(pawl_ok(pawl_datadir_check(&fixture->dir, &fixture->msg)));
}

/* --- Ids ----------------------------------------------------------------------------------- */

static void run_id_tells_its_time_and_sorts_by_it(void **state)
{
    (void)state;
    char before[PAWL_RUN_ID_BYTES];
    char after[PAWL_RUN_ID_BYTES];
    for (int64_t ms = 1; ms < (INT64_C(1) << 45); ms *= 3) {
        pawl_run_id_make(ms * PAWL_US_PER_MS, before);
        pawl_run_id_make((ms + 1) * PAWL_US_PER_MS, after);
        assert_true(pawl_run_id_valid(before));
        assert_true(strcmp(before, after) < 0);
        assert_int_equal(pawl_run_id_time_us(before), ms * PAWL_US_PER_MS);
    }
}

static void run_ids_of_one_instant_differ(void **state)
{
    (void)state;
    char first[PAWL_RUN_ID_BYTES];
    char second[PAWL_RUN_ID_BYTES];
    int same = 0;
    for (int i = 0; i < 100; i++) {
        pawl_run_id_make(NOON, first);
        pawl_run_id_make(NOON, second);
        same += strcmp(first, second) == 0;
    }
    assert_true(same < 5); /* Each pair is equal once in 2^30. */
}

static void run_id_of_another_form_is_invalid(void **state)
{
    (void)state;
    char id[PAWL_RUN_ID_BYTES];
    pawl_run_id_make(NOON, id);
    static const char *const wrong[] = {"",
                                        "run_",
                                        "run_0123456789abcde",
                                        "run_0123456789abcdef0",
                                        "ran_0123456789abcdef",
                                        "run_0123456789abcdeu",
                                        "run_0123456789ABCDEF",
                                        "run_0123456789abcd/f"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(pawl_run_id_valid(wrong[i]));
    }
    assert_true(pawl_run_id_valid("run_0123456789abcdef"));
}

/* --- Finding runs -------------------------------------------------------------------------- */

static void make_run(struct fixture *fixture, int64_t now_us, char id[static PAWL_RUN_ID_BYTES])
{
    struct pawl_rundir run;
    assert_true(pawl_ok(pawl_rundir_create(&fixture->dir, now_us, &run, &fixture->msg)));
    memcpy(id, run.id, PAWL_RUN_ID_BYTES);
    pawl_rundir_close(&run);
}

struct listed {
    char ids[8][PAWL_RUN_ID_BYTES];
    size_t count;
};

static bool list_step(void *arg, const char *id)
{
    struct listed *listed = arg;
    assert_true(listed->count < 8);
    memcpy(listed->ids[listed->count++], id, PAWL_RUN_ID_BYTES);
    return true;
}

static void datadir_lists_runs_newest_first_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    struct listed listed = {0};
    assert_true(pawl_ok(pawl_datadir_runs(&fixture->dir, list_step, &listed, &fixture->msg)));
    assert_int_equal(listed.count, 0);
    char ids[3][PAWL_RUN_ID_BYTES];
    for (int i = 0; i < 3; i++) {
        make_run(fixture, NOON + i * PAWL_US_PER_SECOND, ids[i]);
    }
    char other[PAWL_PATH_BYTES];
    assert_true(pawl_ok(
        pawl_datadir_path(&fixture->dir, "runs/.new-run_0000000000000000", other, &fixture->msg)));
    assert_int_equal(mkdir(other, 0700), 0);
    assert_true(pawl_ok(pawl_datadir_runs(&fixture->dir, list_step, &listed, &fixture->msg)));
    assert_int_equal(listed.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(listed.ids[i], ids[2 - i]);
    }
}

static void datadir_finds_a_run_by_any_unique_beginning(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    char found[PAWL_RUN_ID_BYTES];
    assert_int_equal(pawl_datadir_find(&fixture->dir, "last", found, &fixture->msg).code,
                     PAWL_ERR_NOT_FOUND);
    char old[PAWL_RUN_ID_BYTES];
    char new[PAWL_RUN_ID_BYTES];
    make_run(fixture, NOON, old);
    make_run(fixture, NOON + PAWL_US_PER_MS * 32, new);
    assert_true(pawl_ok(pawl_datadir_find(&fixture->dir, "last", found, &fixture->msg)));
    assert_string_equal(found, new);
    assert_true(pawl_ok(pawl_datadir_find(&fixture->dir, old, found, &fixture->msg)));
    assert_string_equal(found, old);
    old[13] = '\0'; /* Nine characters of the time: they differ in the last of these. */
    assert_true(pawl_ok(pawl_datadir_find(&fixture->dir, old + 4, found, &fixture->msg)));
    assert_memory_equal(found, old, 13);
    for (char *c = old; *c != '\0'; c++) {
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    }
    assert_true(pawl_ok(pawl_datadir_find(&fixture->dir, old + 4, found, &fixture->msg)));
    assert_int_equal(pawl_datadir_find(&fixture->dir, "0", found, &fixture->msg).code,
                     PAWL_ERR_INVALID);
    static const char *const none[] = {"", "run_", "zzzz", "0123456789abcdef0", "../x"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(pawl_datadir_find(&fixture->dir, none[i], found, &fixture->msg).code,
                         PAWL_ERR_NOT_FOUND);
    }
}

/* --- One run ------------------------------------------------------------------------------- */

static void rundir_is_locked_from_its_first_appearance(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    struct pawl_rundir run;
    struct pawl_rundir other;
    assert_true(pawl_ok(pawl_rundir_create(&fixture->dir, NOON, &run, &fixture->msg)));
    assert_int_equal(pawl_rundir_lock(&fixture->dir, run.id, &other, &fixture->msg).code,
                     PAWL_ERR_LOCKED);
    assert_true(pawl_ok(pawl_rundir_sync(&run, &fixture->msg)));
    pawl_rundir_close(&run);
    assert_true(pawl_ok(pawl_rundir_lock(&fixture->dir, run.id, &other, &fixture->msg)));
    struct stat found;
    assert_int_equal(stat(other.journal, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    pawl_rundir_close(&other);
}

/* A run's own are synced before the first of its calls is answered, beside the agent's start. */
static void rundir_and_what_is_above_it_outlive_a_power_failure(void **state)
{
    struct fixture *fixture = *state;
    struct pawl_datadir deep;
    struct pawl_rundir run;
    char path[PAWL_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/.local/state/pawl", fixture->root);
    assert_true(pawl_ok(pawl_datadir_resolve(path, &deep, &fixture->msg)));
    dir_syncs_forget();
    assert_true(pawl_ok(pawl_datadir_create(&deep, &fixture->msg)));
    assert_int_equal(dir_syncs_made(), 4);
    assert_true(pawl_ok(pawl_datadir_create(&deep, &fixture->msg)));
    assert_int_equal(dir_syncs_made(), 0);
    assert_true(pawl_ok(pawl_rundir_create(&deep, NOON, &run, &fixture->msg)));
    assert_true(pawl_ok(pawl_rundir_sync(&run, &fixture->msg)));
    assert_int_equal(dir_syncs_made(), 3); /* its own twice, the second time under its name */
    pawl_rundir_close(&run);
}

static void rundir_end_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    struct pawl_rundir run;
    assert_true(pawl_ok(pawl_rundir_create(&fixture->dir, NOON, &run, &fixture->msg)));
    assert_false(pawl_rundir_is_ended(&run));
    assert_int_equal(pawl_rundir_ended_op(&run), 0);
    assert_true(pawl_ok(pawl_rundir_set_ended(&run, 42, &fixture->msg)));
    assert_true(pawl_rundir_is_ended(&run));
    pawl_rundir_close(&run);
    struct pawl_rundir again;
    assert_true(pawl_ok(pawl_rundir_lock(&fixture->dir, run.id, &again, &fixture->msg)));
    assert_true(pawl_rundir_is_ended(&again));
    assert_int_equal(pawl_rundir_ended_op(&again), 42);
    pawl_rundir_close(&again);
}

static void rundir_that_came_to_nothing_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    struct pawl_rundir run;
    assert_true(pawl_ok(pawl_rundir_create(&fixture->dir, NOON, &run, &fixture->msg)));
    assert_true(pawl_ok(pawl_rundir_write(&run, "meta.json", PAWL_SLICE("{}"), &fixture->msg)));
    pawl_rundir_remove(&run);
    struct stat found;
    assert_int_equal(stat(run.path, &found), -1);
    struct listed listed = {0};
    assert_true(pawl_ok(pawl_datadir_runs(&fixture->dir, list_step, &listed, &fixture->msg)));
    assert_int_equal(listed.count, 0);
}

static void rundir_that_is_not_there_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pawl_ok(pawl_datadir_create(&fixture->dir, &fixture->msg)));
    struct pawl_rundir run;
    assert_int_equal(
        pawl_rundir_lock(&fixture->dir, "run_0000000000000000", &run, &fixture->msg).code,
        PAWL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datadir_precedence_is_flag_variable_state_home_home),
        cmocka_unit_test(datadir_name_must_not_be_empty_or_too_long),
        cmocka_unit_test_setup_teardown(datadir_is_made_for_its_owner_alone, begin, end),
        cmocka_unit_test_setup_teardown(datadir_of_a_newer_pawl_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(datadir_of_something_else_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(datadir_format_left_empty_by_a_power_cut_is_written_again,
                                        begin, end),
        cmocka_unit_test(run_id_tells_its_time_and_sorts_by_it),
        cmocka_unit_test(run_ids_of_one_instant_differ),
        cmocka_unit_test(run_id_of_another_form_is_invalid),
        cmocka_unit_test_setup_teardown(datadir_lists_runs_newest_first_and_nothing_else, begin,
                                        end),
        cmocka_unit_test_setup_teardown(datadir_finds_a_run_by_any_unique_beginning, begin, end),
        cmocka_unit_test_setup_teardown(rundir_is_locked_from_its_first_appearance, begin, end),
        cmocka_unit_test_setup_teardown(rundir_and_what_is_above_it_outlive_a_power_failure, begin,
                                        end),
        cmocka_unit_test_setup_teardown(rundir_end_is_remembered, begin, end),
        cmocka_unit_test_setup_teardown(rundir_that_came_to_nothing_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(rundir_that_is_not_there_is_not_found, begin, end),
    };
    return cmocka_run_group_tests_name("run_datadir", tests, NULL, NULL);
}
