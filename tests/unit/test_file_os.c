/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_file_os.c: a small file is replaced whole or stays as it was; pipes are read to their end,
 * and whoever writes to one may come later.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/file_os.h"
#include "tests/lib/dir_syncs.h"

enum { TEXT_BYTES_MAX = 64 };

static char folder[] = "/tmp/pawl-file-XXXXXX";
static char path[64];
static char fresh[72];

static int enter(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - sizeof("XXXXXX"), "XXXXXX", sizeof("XXXXXX"));
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    (void)remove(path);
    return rmdir(folder);
}

static void expect_content(const char *wanted)
{
    struct pawl_buf text;
    struct pawl_errmsg msg = {""};
    pawl_buf_init(&text, TEXT_BYTES_MAX);
    assert_true(pawl_ok(pawl_file_read(path, &text, &msg)));
    assert_true(pawl_slice_equal_str(pawl_buf_slice(&text), wanted));
    pawl_buf_free(&text);
}

static void a_file_is_replaced_whole(void **state)
{
    struct pawl_errmsg msg = {""};
    struct stat seen;
    (void)state;
    assert_true(pawl_ok(pawl_file_replace(path, PAWL_SLICE("a longer first one"), true, &msg)));
    expect_content("a longer first one");
    assert_true(pawl_ok(pawl_file_replace(path, PAWL_SLICE("second"), false, &msg)));
    expect_content("second");
    assert_int_equal(stat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 07777, 0600);
    assert_int_equal(access(fresh, F_OK), -1);
}

static void what_cannot_be_replaced_stays(void **state)
{
    struct pawl_errmsg msg = {""};
    char above[80];
    char wanted[160];
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(pawl_failed(pawl_file_replace(path, PAWL_SLICE("text"), true, &msg)));
    (void)snprintf(wanted, sizeof(wanted), "cannot write %s: Is a directory", path);
    assert_string_equal(msg.text, wanted);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(access(path, F_OK), 0);
    (void)snprintf(above, sizeof(above), "%s/none/file", path);
    assert_int_equal(pawl_file_replace(above, PAWL_SLICE("text"), true, &msg).code,
                     PAWL_ERR_NOT_FOUND);
}

static void a_path_that_is_too_long_is_told(void **state)
{
    static char endless[8192];
    struct pawl_errmsg msg = {""};
    (void)state;
    (void)memset(endless, 'x', sizeof(endless) - 1);
    endless[0] = '/';
    assert_true(pawl_failed(pawl_file_replace(endless, PAWL_SLICE("text"), true, &msg)));
    assert_non_null(strstr(msg.text, "too long"));
    endless[sizeof(endless) - 2] = '/';
    assert_int_equal(pawl_parent_sync(endless, &msg).code, PAWL_ERR_LIMIT);
}

static void a_parent_is_what_stands_before_the_last_name(void **state)
{
    struct pawl_errmsg msg = {""};
    (void)state;
    assert_true(pawl_ok(pawl_parent_sync(path, &msg)));
    assert_true(pawl_ok(pawl_parent_sync("/tmp", &msg)));
    assert_true(pawl_ok(pawl_parent_sync("name", &msg)));
    assert_int_equal(pawl_parent_sync("/none/name", &msg).code, PAWL_ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "the directory /none:"));
}

static void a_directory_is_made_for_good_or_not_at_all(void **state)
{
    struct pawl_errmsg msg = {""};
    struct stat seen;
    bool made = false;
    (void)state;
    dir_syncs_forget();
    dir_syncs_fail(true);
    assert_int_equal(pawl_directory_make(path, &made, &msg).code, PAWL_ERR_IO);
    dir_syncs_fail(false);
    assert_false(made);
    assert_int_equal(access(path, F_OK), -1);
    dir_syncs_forget();
    assert_true(pawl_ok(pawl_directory_make(path, &made, &msg)));
    assert_true(made);
    assert_int_equal(dir_syncs_made(), 1);
    assert_int_equal(stat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 07777, 0700);
    dir_syncs_fail(true); /* it would not be asked for */
    assert_true(pawl_ok(pawl_directory_make(path, &made, &msg)));
    assert_false(made);
    dir_syncs_fail(false);
    assert_int_equal(pawl_directory_make("/none/name", NULL, &msg).code, PAWL_ERR_NOT_FOUND);
    assert_string_equal(msg.text,
                        "cannot make the directory /none/name: No such file or directory");
}

static void what_is_no_file_is_told(void **state)
{
    struct pawl_buf text;
    struct pawl_errmsg msg = {""};
    (void)state;
    pawl_buf_init(&text, 4);
    assert_int_equal(pawl_file_read(path, &text, &msg).code, PAWL_ERR_NOT_FOUND);
    assert_int_equal(pawl_file_read(folder, &text, &msg).code, PAWL_ERR_IO);
    assert_string_equal(msg.text, "Is a directory");
    assert_true(pawl_ok(pawl_file_replace(path, PAWL_SLICE("12345"), false, &msg)));
    assert_int_equal(pawl_file_read(path, &text, &msg).code, PAWL_ERR_LIMIT);
    pawl_buf_free(&text);
}

static void rest(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

/* It comes late, and is silent for a while between two halves. */
static void *write_later(void *arg)
{
    (void)arg;
    rest(50);
    FILE *pipe = fopen(path, "we");
    assert_non_null(pipe);
    rest(50);
    (void)fputs("half and ", pipe);
    (void)fflush(pipe);
    rest(50);
    (void)fputs("half", pipe);
    (void)fclose(pipe);
    return NULL;
}

static void a_named_pipe_is_read_when_somebody_writes(void **state)
{
    pthread_t writer;
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_later, NULL), 0);
    expect_content("half and half");
    assert_int_equal(pthread_join(writer, NULL), 0);
}

/* As a shell passes what a command prints. */
static void a_pipe_without_a_name_is_read_to_its_end(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "told", 4), 4);
    (void)close(ends[1]);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    expect_content("told");
    expect_content("");
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, enter, leave),
        cmocka_unit_test_setup_teardown(what_cannot_be_replaced_stays, enter, leave),
        cmocka_unit_test(a_path_that_is_too_long_is_told),
        cmocka_unit_test_setup_teardown(a_parent_is_what_stands_before_the_last_name, enter, leave),
        cmocka_unit_test_setup_teardown(a_directory_is_made_for_good_or_not_at_all, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_told, enter, leave),
        cmocka_unit_test_setup_teardown(a_named_pipe_is_read_when_somebody_writes, enter, leave),
        cmocka_unit_test_setup_teardown(a_pipe_without_a_name_is_read_to_its_end, enter, leave),
    };
    return cmocka_run_group_tests_name("file_os", tests, NULL, NULL);
}
