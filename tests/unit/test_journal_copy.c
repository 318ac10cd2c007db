/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_copy.c: copies of a journal that is at work: what is left behind goes with the next
 * start of its owner, and what somebody reads does not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/copy.h"

enum { PATH_BYTES = 256 };

static void put_file(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/journal/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, name, 4) == 4);
    assert_int_equal(close(fd), 0);
}

static void a_copy_that_is_read_is_left_alone(void **state)
{
    static const char *const names[] = {"journal-000001.db", "journal-000002.db",
                                        "journal-000002.db-wal", "journal.lock"};
    char dir[] = "/tmp/pawl-copy-XXXXXX";
    char path[PATH_BYTES];
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_errmsg msg = {""};
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/journal", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put_file(dir, names[i]);
    }
    assert_true(pawl_ok(pawl_copy_make(dir, name, &msg)));
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int copy_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int hold_fd = pawl_copy_hold(copy_fd);
    assert_true(copy_fd >= 0 && hold_fd >= 0);
    pawl_copy_remove_left(dir);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(faccessat(copy_fd, names[i], R_OK, 0), 0);
    }
    assert_int_equal(close(hold_fd), 0);
    pawl_copy_remove_left(dir);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(close(copy_fd), 0);
    pawl_copy_remove(dir, "journal"); /* files and the directory, as of a copy */
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_is_read_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
