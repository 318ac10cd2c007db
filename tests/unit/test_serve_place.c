/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve_place.c: a data directory that is made is there after a power failure: the entry of
 * each directory is synced before anything in it can be acknowledged. The calls that make and sync
 * are this program's own, which write down what is asked of them and do it.
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
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "server/place.h"

enum { MADE_MAX = 8, PATH_BYTES = 256 };

/* Directories that were made and whose entries are not on disk. */
static char unsynced[MADE_MAX][PATH_BYTES];
static size_t made_count;

int mkdir(const char *path, mode_t mode)
{
    long made = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (made == 0) {
        PAWL_ASSERT(made_count < MADE_MAX && strlen(path) < PATH_BYTES);
        (void)snprintf(unsynced[made_count++], PATH_BYTES, "%s", path);
    }
    return (int)made;
}

/* Of a directory: what lies in it is there for good. */
int fsync(int fd)
{
    char name[64];
    char path[PATH_BYTES] = "";
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(name, path, sizeof(path) - 1);
    for (size_t i = 0; bytes > 0 && i < made_count; i++) {
        const char *slash = strrchr(unsynced[i], '/');
        bool inside = slash != NULL && (size_t)bytes == (size_t)(slash - unsynced[i]) &&
                      strncmp(unsynced[i], path, (size_t)bytes) == 0;
        unsynced[i][0] = inside ? '\0' : unsynced[i][0];
    }
    return (int)syscall(SYS_fsync, fd);
}

static void assert_all_synced(size_t made)
{
    assert_int_equal(made_count, made);
    for (size_t i = 0; i < made_count; i++) {
        assert_string_equal(unsynced[i], "");
    }
    made_count = 0;
}

static void what_is_made_is_there_after_a_power_failure(void **state)
{
    char folder[] = "/tmp/pawl-place-XXXXXX";
    char dir[PATH_BYTES];
    char journal[PAWL_PLACE_PATH_BYTES];
    struct pawl_place place;
    struct pawl_errmsg msg = {""};
    (void)state;
    assert_non_null(mkdtemp(folder));
    made_count = 0; /* that one is the test's */
    (void)snprintf(dir, sizeof(dir), "%s/var/lib/pawl", folder);
    assert_true(pawl_ok(pawl_place_open(dir, &place, &msg)));
    assert_all_synced(3);
    assert_true(pawl_ok(pawl_place_make_dir(&place, PAWL_PLACE_JOURNAL, journal, &msg)));
    assert_all_synced(1);
    assert_true(pawl_ok(pawl_place_make_dir(&place, PAWL_PLACE_JOURNAL, journal, &msg)));
    assert_all_synced(0);
    pawl_place_discard(&place);
    pawl_place_close(&place);
    assert_int_equal(rmdir(folder), 0); /* nothing of it is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_there_after_a_power_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
