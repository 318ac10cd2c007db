/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_syncs.c: what the machine is asked to make durable, and in which order. Everything
 * else runs on a simulated disk, which would not notice if the real files were never synced, and no
 * kill of a process shows it either: so the calls themselves are watched here. This program has its
 * own fsync, fdatasync, rename and unlink in front of the C library's, for SQLite's as well.
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
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/slice.h"
#include "journal/files.h"
#include "journal/journal.h"
#include "tests/lib/batches.h"

enum { NOTES_BYTES = 4096 };

static char folder[] = "syncs-XXXXXX";
static char notes[NOTES_BYTES];

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void note(const char *what, const char *path)
{
    size_t used = strlen(notes);
    const char *name = strcmp(last_part(path), last_part(folder)) == 0 ? "." : last_part(path);
    (void)snprintf(notes + used, sizeof(notes) - used, "%s %s\n", what, name);
}

static void note_sync(int fd)
{
    char link[64];
    char path[PAWL_PATH_BYTES_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, sizeof(path) - 1);
    path[bytes > 0 ? bytes : 0] = '\0';
    note("sync", path);
}

int fsync(int fd)
{
    note_sync(fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    note_sync(fd);
    return (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
    note("rename", to);
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path)
{
    note("unlink", path);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static const char *path_of(const char *name)
{
    static char path[PAWL_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void must(pawl_err err, const struct pawl_errmsg *msg)
{
    if (pawl_failed(err)) {
        fail_msg("%s", msg->text);
    }
}

static void publish(const char *name)
{
    const struct pawl_files *files = pawl_files_os();
    struct pawl_file *file = NULL;
    struct pawl_errmsg msg = {""};
    char temporary[PAWL_PATH_BYTES_MAX];
    (void)snprintf(temporary, sizeof(temporary), "%s/%s.tmp", folder, name);
    must(files->ops->create(files->arg, temporary, &file, &msg), &msg);
    must(files->ops->append(file, "text", 4, &msg), &msg);
    must(files->ops->publish(file, path_of(name), &msg), &msg);
}

static void a_file_is_synced_before_its_name_and_its_directory_after(void **state)
{
    (void)state;
    notes[0] = '\0';
    publish("one");
    assert_string_equal(notes, "sync one.tmp\nrename one\nsync .\n");
}

static void a_removal_is_on_disk_when_it_returns(void **state)
{
    (void)state;
    const struct pawl_files *files = pawl_files_os();
    struct pawl_errmsg msg = {""};
    publish("two");
    notes[0] = '\0';
    must(files->ops->remove(files->arg, path_of("two"), &msg), &msg);
    assert_string_equal(notes, "unlink two\nsync .\n");
    notes[0] = '\0';
    must(files->ops->remove(files->arg, path_of("two"), &msg), &msg);
    assert_string_equal(notes, "unlink two\n");
}

static void a_log_that_is_written_again_is_synced(void **state)
{
    (void)state;
    const struct pawl_files *files = pawl_files_os();
    struct pawl_errmsg msg = {""};
    publish("three");
    notes[0] = '\0';
    must(files->ops->refresh(files->arg, path_of("three"), &msg), &msg);
    assert_string_equal(notes, "sync three\n");
}

static struct pawl_journal *open_journal(bool create)
{
    struct pawl_journal_sqlite_options options = {
        .dir = folder, .create = create, .allow_any_filesystem = true};
    struct pawl_journal *journal = NULL;
    struct pawl_errmsg msg = {""};
    must(pawl_journal_sqlite_open(&options, &journal, &msg), &msg);
    return journal;
}

static void a_commit_is_one_sync_of_the_log(void **state)
{
    (void)state;
    struct pawl_journal *journal = open_journal(true);
    struct batches batches;
    struct pawl_errmsg msg = {""};
    batches_init(&batches, 1);
    must(batches_append(&batches, journal, 1, &msg), &msg);
    for (int i = 0; i < 3; i++) {
        notes[0] = '\0';
        must(batches_append(&batches, journal, 1, &msg), &msg);
        assert_string_equal(notes, "sync journal-000001.db-wal\n");
    }
    journal->ops->close(journal);
    batches_free(&batches);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static bool remove_name(void *arg, const char *name)
{
    (void)arg;
    if (name[0] != '.') {
        (void)unlink(path_of(name));
    }
    return true;
}

static int remove_folder(void **state)
{
    (void)state;
    const struct pawl_files *files = pawl_files_os();
    struct pawl_errmsg msg = {""};
    pawl_err err = files->ops->list(files->arg, folder, remove_name, NULL, &msg);
    return pawl_ok(err) && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_synced_before_its_name_and_its_directory_after),
        cmocka_unit_test(a_removal_is_on_disk_when_it_returns),
        cmocka_unit_test(a_log_that_is_written_again_is_synced),
        cmocka_unit_test(a_commit_is_one_sync_of_the_log),
    };
    return cmocka_run_group_tests_name("journal_syncs", tests, make_folder, remove_folder);
}
