/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_backup.c: `pawl backup DIR`: a server's ledger, copied whole while the server works. What is
 * in it is what was acknowledged up to then, as a crash would leave it, so a restore is a start on
 * the directory. Everything is on disk before the word is given; what was begun and failed is
 * removed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_os.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/server_copy.h"
#include "cli/server_dir.h"
#include "journal/copy.h"
#include "journal/journal.h"
#include "journal/witness.h"
#include "server/place.h"
#include "server/restored.h"

enum { OPTION_DATA_DIR = 1, OPTION_JSON };
enum { CHUNK_BYTES = 1 << 22 };

static const struct pawl_cli_option options[] = {
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "the server's ledger (else $PAWL_SERVE_DATA_DIR)"},
    {OPTION_JSON, 0, "json", NULL, "what was copied, as an object"},
};

struct backup {
    const char *to;
    struct pawl_place place;
    char journal[PAWL_PATH_BYTES];
    int from_fd;
    int to_fd;
    int64_t bytes;
    uint32_t files;
    struct pawl_journal_head head; /* of what was copied */
};

static pawl_err from_errno(const char *what, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "%.400s: %s", what, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

/* --- Copying --------------------------------------------------------------------------------- */

static pawl_err
copy_bytes(struct backup *backup, int from, int to, const char *name, struct pawl_errmsg *msg)
{
    ssize_t bytes = 0;
    while ((bytes = sendfile(to, from, NULL, CHUNK_BYTES)) > 0) {
        backup->bytes += bytes;
    }
    return bytes == 0 && fsync(to) == 0 ? PAWL_OK : from_errno(name, msg);
}

static pawl_err copy_file(struct backup *backup, const char *name, struct pawl_errmsg *msg)
{
    int from = openat(backup->from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int to =
        from >= 0 ? openat(backup->to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    pawl_err err = to >= 0 ? copy_bytes(backup, from, to, name, msg) : from_errno(name, msg);
    if (from >= 0) {
        (void)close(from);
    }
    if (to >= 0 && close(to) != 0 && pawl_ok(err)) {
        err = from_errno(name, msg);
    }
    backup->files++;
    return err;
}

static pawl_err copy_all(struct backup *backup, struct pawl_errmsg *msg)
{
    DIR *entries = fdopendir(dup(backup->from_fd));
    if (entries == NULL) {
        return from_errno("the journal", msg);
    }
    pawl_err err = PAWL_OK;
    while (pawl_ok(err)) {
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            break;
        }
        struct pawl_slice name = pawl_slice_str(entry->d_name);
        if (entry->d_name[0] != '.' && !pawl_slice_ends_with(name, PAWL_SLICE(".tmp")) &&
            !pawl_slice_ends_with(name, PAWL_SLICE(".lock"))) {
            err = copy_file(backup, entry->d_name, msg);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return err;
}

/* --- The place ------------------------------------------------------------------------------- */

/* Whether `to`, or what there is of its path, is `dir` or lies in it. */
static bool lies_in(const char *to, const char *dir)
{
    char path[PAWL_PATH_BYTES];
    char there[PAWL_PATH_BYTES];
    char real[PAWL_PATH_BYTES];
    bool found =
        realpath(dir, real) != NULL && pawl_slice_copy_str(pawl_slice_str(to), path, sizeof(path));
    while (found && realpath(path, there) == NULL) {
        char *slash = strrchr(path, '/');
        if (errno != ENOENT || slash == path) {
            return false;
        }
        (void)snprintf(slash != NULL ? slash : path, 2, "%s", slash != NULL ? "" : ".");
    }
    size_t bytes = strlen(real);
    return found && strncmp(there, real, bytes) == 0 &&
           (there[bytes] == '\0' || there[bytes] == '/');
}

/* A server's directory like any other, nobody's before, and marked as half a backup. */
static pawl_err make_place(struct backup *backup, struct pawl_errmsg *msg)
{
    struct pawl_place *place = &backup->place;
    pawl_err err = pawl_place_open(backup->to, place, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (!place->fresh) {
        pawl_errmsg_set(msg, "%.300s has a ledger already; a backup wants a directory of its own",
                        place->dir);
        err = PAWL_ERR(EXISTS);
    }
    if (pawl_ok(err)) {
        err = pawl_place_mark(place, false, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_place_path(place, PAWL_PLACE_JOURNAL, backup->journal, msg);
    }
    if (pawl_ok(err) && mkdir(backup->journal, 0700) != 0) {
        err = from_errno(backup->journal, msg);
    }
    if (pawl_ok(err)) {
        backup->to_fd = open(backup->journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = backup->to_fd >= 0 ? PAWL_OK : from_errno(backup->journal, msg);
    }
    if (pawl_failed(err)) {
        pawl_place_discard(place);
        pawl_place_close(place);
    }
    return err;
}

/* What was begun is half a ledger, which nobody should take for one. */
static void remove_begun(const struct backup *backup)
{
    DIR *entries = fdopendir(dup(backup->to_fd));
    while (entries != NULL) {
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            break;
        }
        (void)unlinkat(backup->to_fd, entry->d_name, 0);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    (void)rmdir(backup->journal);
    int dir_fd = open(backup->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        (void)unlinkat(dir_fd, "FORMAT", 0);
        (void)unlinkat(dir_fd, "restored", 0);
        (void)unlinkat(dir_fd, PAWL_PLACE_LOCK, 0);
        (void)close(dir_fd);
    }
    (void)rmdir(backup->to);
}

static pawl_err
back_up(struct backup *backup, const char *dir, const char *journal, struct pawl_errmsg *msg)
{
    pawl_err err = make_place(backup, msg);
    if (pawl_failed(err)) {
        return err;
    }
    backup->from_fd = open(journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A server that starts meanwhile would take it for one that was left. */
    int hold_fd = backup->from_fd >= 0 ? pawl_copy_hold(backup->from_fd) : -1;
    err = backup->from_fd >= 0 ? copy_all(backup, msg) : from_errno(journal, msg);
    if (hold_fd >= 0) {
        (void)close(hold_fd);
    }
    if (pawl_ok(err)) {
        err = pawl_directory_sync(backup->journal, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_restored_copy(dir, &backup->place, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_place_mark(&backup->place, true, msg);
    }
    if (pawl_failed(err)) {
        remove_begun(backup);
    }
    pawl_place_close(&backup->place);
    return err;
}

/* Where the copy ends, to be kept elsewhere: what `pawl verify --expect` takes. */
static pawl_err read_head(struct backup *backup, struct pawl_errmsg *msg)
{
    struct pawl_journal *journal = NULL;
    struct pawl_journal_sqlite_options open = {.dir = backup->journal, .read_only = true};
    pawl_err err = pawl_journal_sqlite_open(&open, &journal, msg);
    if (pawl_ok(err)) {
        backup->head = journal->ops->head(journal);
        journal->ops->close(journal);
    }
    return err;
}

/* --- The command ----------------------------------------------------------------------------- */

static void
tell(const struct pawl_cli_call *call, const struct backup *backup, const char *from, bool live)
{
    char hash[PAWL_JOURNAL_HASH_TEXT_BYTES];
    struct pawl_buf line;
    struct pawl_json_writer json;
    (void)pawl_journal_hash_format(&backup->head.hash, hash);
    if (!pawl_cli_has(call, OPTION_JSON)) {
        printf("%s: %u files, %" PRId64 " MiB%s\n    %" PRIu64
               ":%s\n'pawl verify --data-dir %s' proves that it is whole; "
               "'pawl serve --data-dir %s' goes on with it\n",
               from, (unsigned)backup->files, (backup->bytes + (1 << 20) - 1) >> 20,
               live ? ", as of now; the server goes on" : "", backup->head.last_op, hash,
               backup->to, backup->to);
        return;
    }
    pawl_buf_init(&line, 1 << 14);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "from", from);
    pawl_json_member_str(&json, "backup", backup->to);
    pawl_json_member_i64(&json, "files", backup->files);
    pawl_json_member_i64(&json, "bytes", backup->bytes);
    pawl_json_member_bool(&json, "live", live);
    pawl_json_member_i64(&json, "last_op", (int64_t)backup->head.last_op);
    pawl_json_member_str(&json, "hash", hash);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static int run_backup(const struct pawl_cli_call *call)
{
    char dir[PAWL_PATH_BYTES];
    struct pawl_server_copy copy;
    struct pawl_errmsg msg = {""};
    struct backup backup = {.to = call->operands[0], .from_fd = -1, .to_fd = -1};
    pawl_err err = pawl_cli_server_dir(pawl_cli_value(call, OPTION_DATA_DIR), dir, &msg);
    if (pawl_ok(err) && lies_in(backup.to, dir)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED,
                              "%s is in the server's own directory, %s; a backup wants another one",
                              backup.to, dir);
    }
    if (pawl_ok(err)) {
        err = pawl_server_copy_open(dir, &copy, &msg);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(
            call, err.code == PAWL_ERR_UNREACHABLE ? PAWL_EXIT_UNREACHABLE : PAWL_EXIT_REFUSED,
            "%s", msg.text);
    }
    bool live = copy.live;
    err = back_up(&backup, dir, copy.journal, &msg);
    pawl_server_copy_close(&copy);
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    err = read_head(&backup, &msg);
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_CORRUPT, "%s is copied as it is; it is damaged: %s",
                              dir, msg.text);
    }
    tell(call, &backup, dir, live);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_backup = {
    .name = "backup",
    .operands = "DIR",
    .summary = "copy a server's ledger while it works",
    .text = "Copies the ledger of 'pawl serve' into DIR, which is made or empty: all that was\n"
            "acknowledged up to now. The server goes on meanwhile. A restore is 'pawl serve\n"
            "--data-dir DIR', or putting the directory back in its place. The ledger is that of\n"
            "--data-dir, of $PAWL_SERVE_DATA_DIR, or the one beside the runs. The line OP:HASH\n"
            "says where the copy ends; kept elsewhere, 'pawl verify --expect' takes it.",
    .examples = "  pawl backup /backup/pawl-$(date +%F)\n"
                "  pawl backup --data-dir /var/lib/pawl /srv/backup/pawl",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_backup,
};
