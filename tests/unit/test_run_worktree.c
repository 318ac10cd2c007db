/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_worktree.c: what git said before and after, and files of a real directory whose times
 * say what was touched. Old files get their "change" by a start in the future.
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
#include "run/worktree.h"

#define HEAD_A                 "# branch.oid aaaa\0# branch.head main\0"
#define HEAD_B                 "# branch.oid bbbb\0# branch.head main\0"
#define TRACKED(letters, path) "1 " letters " N... 100644 100644 100644 11 22 " path "\0"

/* A literal with NULs inside. */
#define TEXT(literal) pawl_slice_of("" literal, sizeof(literal) - 1)

struct fixture {
    char root[32];
    int root_fd;
    struct pawl_arena arena;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    memcpy(fixture->root, "/tmp/pawl-test-XXXXXX", 22);
    assert_non_null(mkdtemp(fixture->root));
    fixture->root_fd = open(fixture->root, O_RDONLY | O_DIRECTORY);
    pawl_arena_init(&fixture->arena, 1 << 20);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"a", "b", "c d", "e"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        (void)unlinkat(fixture->root_fd, names[i], 0);
    }
    int status = rmdir(fixture->root);
    close(fixture->root_fd);
    pawl_arena_free(&fixture->arena);
    free(fixture);
    return status;
}

static void touch(struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->root_fd, name, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int64_t real_us(int64_t offset_us)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.real_us(clock.arg) + offset_us;
}

/* By the files' times alone. Counts are given as three digits: created, changed, deleted. */
static void expect(struct fixture *fixture,
                   bool touched,
                   struct pawl_slice before,
                   struct pawl_slice after,
                   struct pawl_slice commits,
                   int counts)
{
    struct pawl_worktree_start start = {
        .at_us = real_us(touched ? -60 * PAWL_US_PER_SECOND : 60 * PAWL_US_PER_SECOND),
    };
    assert_true(pawl_worktree_read_start(before, -1, &fixture->arena, &start));
    assert_false(start.exact);
    struct pawl_worktree_end tree = {
        .root_fd = fixture->root_fd, .status = after, .commits = commits};
    struct pawl_worktree_changes changes;
    pawl_worktree_diff(&start, &tree, &fixture->arena, &changes);
    assert_true(changes.known);
    assert_int_equal(changes.created * 100 + changes.changed * 10 + changes.deleted, counts);
    assert_int_equal(changes.name_count, changes.created + changes.changed + changes.deleted);
}

static void worktree_that_nobody_touched_has_no_changes(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    struct pawl_slice dirty = TEXT(HEAD_A TRACKED(".M", "a") "? b\0");
    touch(fixture, "b");
    expect(fixture, false, dirty, dirty, PAWL_SLICE_NONE, 0);
    expect(fixture, true, TEXT(HEAD_A), TEXT(HEAD_A), PAWL_SLICE_NONE, 0);
}

static void worktree_counts_what_was_created_changed_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    touch(fixture, "b");
    touch(fixture, "c d");
    expect(fixture, true, TEXT(HEAD_A),
           TEXT(HEAD_A TRACKED(".M", "a") TRACKED("A.", "b") "? c d\0" TRACKED(".D", "e")),
           PAWL_SLICE_NONE, 211);
}

static void worktree_file_dirty_before_counts_only_when_touched(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    touch(fixture, "b");
    struct pawl_slice dirty = TEXT(HEAD_A TRACKED(".M", "a") "? b\0" TRACKED("D.", "e"));
    expect(fixture, false, dirty, dirty, PAWL_SLICE_NONE, 0);
    expect(fixture, true, dirty, dirty, PAWL_SLICE_NONE, 20);
}

static void worktree_file_named_only_before_was_put_back_or_removed(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    struct pawl_slice before = TEXT(HEAD_A TRACKED(".M", "a") "? b\0" TRACKED(".D", "e"));
    expect(fixture, true, before, TEXT(HEAD_A), PAWL_SLICE_NONE, 11);
    touch(fixture, "e"); /* Deleted before, and restored. */
    expect(fixture, true, before, TEXT(HEAD_A), PAWL_SLICE_NONE, 111);
}

static void worktree_counts_what_the_run_committed(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    touch(fixture, "b");
    expect(fixture, true, TEXT(HEAD_A), TEXT(HEAD_B), TEXT("M\0a\0A\0b\0D\0e\0"), 111);
}

static void worktree_file_committed_and_changed_again_is_one_change(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    touch(fixture, "b");
    /* "a" is new in the commit and dirty after it; "b" was removed by it and made again. */
    expect(fixture, true, TEXT(HEAD_A), TEXT(HEAD_B TRACKED(".M", "a") "? b\0"),
           TEXT("A\0a\0D\0b\0"), 110);
}

/* Waits until the file system's clock has moved on. */
static void touch_later(struct fixture *fixture, const char *name)
{
    struct stat before;
    struct stat after;
    assert_int_equal(fstatat(fixture->root_fd, name, &before, 0), 0);
    do {
        assert_int_equal(fchmodat(fixture->root_fd, name, 0600, 0), 0);
        assert_int_equal(fstatat(fixture->root_fd, name, &after, 0), 0);
    } while (before.st_ctim.tv_sec == after.st_ctim.tv_sec &&
             before.st_ctim.tv_nsec / 1000 == after.st_ctim.tv_nsec / 1000);
}

static void worktree_that_was_looked_at_in_time_is_compared_exactly(void **state)
{
    struct fixture *fixture = *state;
    touch(fixture, "a");
    touch(fixture, "b");
    touch(fixture, "c d");
    /* However near the start its files were written. */
    struct pawl_worktree_start start = {.at_us = real_us(0)};
    struct pawl_slice before = TEXT(HEAD_A TRACKED(".M", "a") "? b\0");
    assert_true(pawl_worktree_read_start(before, fixture->root_fd, &fixture->arena, &start));
    assert_true(start.exact);
    touch_later(fixture, "b");
    struct pawl_worktree_end tree = {
        .root_fd = fixture->root_fd,
        .status = TEXT(HEAD_A TRACKED(".M", "a") "? b\0" TRACKED(".M", "c d")),
    };
    struct pawl_worktree_changes changes;
    pawl_worktree_diff(&start, &tree, &fixture->arena, &changes);
    assert_int_equal(changes.changed, 2);
    assert_int_equal(changes.created + changes.deleted, 0);
    assert_true(pawl_slice_equal_str(changes.names[0], "b"));
    assert_true(pawl_slice_equal_str(changes.names[1], "c d"));
}

static void worktree_head_is_read_from_the_status(void **state)
{
    (void)state;
    assert_true(pawl_slice_equal_str(pawl_worktree_head(TEXT(HEAD_A)), "aaaa"));
    assert_int_equal(pawl_worktree_head(TEXT("# branch.oid (initial)\0")).bytes, 0);
    assert_int_equal(pawl_worktree_head(TEXT("? a\0")).bytes, 0);
}

static void worktree_survives_answers_that_git_never_gives(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "1\0"
                               "1 M\0"
                               "2 x y\0"
                               "? \0"
                               "u\0\0\0"
                               "1 .M N... 1 2 3 4 5\0?";
    expect(fixture, true, TEXT("\0\0"), pawl_slice_of(text, sizeof(text) - 1), TEXT("\0M"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worktree_that_nobody_touched_has_no_changes, begin, end),
        cmocka_unit_test_setup_teardown(worktree_counts_what_was_created_changed_and_deleted, begin,
                                        end),
        cmocka_unit_test_setup_teardown(worktree_file_dirty_before_counts_only_when_touched, begin,
                                        end),
        cmocka_unit_test_setup_teardown(worktree_file_named_only_before_was_put_back_or_removed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(worktree_counts_what_the_run_committed, begin, end),
        cmocka_unit_test_setup_teardown(worktree_file_committed_and_changed_again_is_one_change,
                                        begin, end),
        cmocka_unit_test_setup_teardown(worktree_that_was_looked_at_in_time_is_compared_exactly,
                                        begin, end),
        cmocka_unit_test(worktree_head_is_read_from_the_status),
        cmocka_unit_test_setup_teardown(worktree_survives_answers_that_git_never_gives, begin, end),
    };
    return cmocka_run_group_tests_name("run_worktree", tests, NULL, NULL);
}
