/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.c: see accounts.h, and datafile.h for how the files are replaced and locked. A writer
 * reads, changes and replaces under the lock.
 */
#define _GNU_SOURCE
#include "run/accounts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h> /* qsort */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file_os.h"
#include "base/prng.h"
#include "run/datafile.h"

enum { FILE_BYTES_MAX = 32 * 1024, ACCOUNTS_MAX = 256 };

static bool is_id(const char *text)
{
    return strlen(text) == PAWL_ACCOUNT_ID_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == PAWL_ACCOUNT_ID_BYTES - 1;
}

bool pawl_account_name_ok(const char *name)
{
    size_t bytes = strlen(name);
    for (size_t i = 0; i < bytes; i++) {
        if (isalnum((unsigned char)name[i]) == 0 && strchr("._-", name[i]) == NULL) {
            return false;
        }
    }
    return bytes > 0 && bytes < PAWL_ACCOUNT_NAME_BYTES && !is_id(name);
}

/* --- Files ----------------------------------------------------------------------------------- */

static pawl_err file_path(const struct pawl_datadir *dir,
                          const char *name,
                          char out[static PAWL_PATH_BYTES],
                          struct pawl_errmsg *msg)
{
    char relative[64];
    (void)snprintf(relative, sizeof(relative), "accounts/%s", name);
    return pawl_datadir_path(dir, relative, out, msg);
}

static pawl_err record_path(const struct pawl_datadir *dir,
                            const char *id,
                            char out[static PAWL_PATH_BYTES],
                            struct pawl_errmsg *msg)
{
    char name[PAWL_ACCOUNT_ID_BYTES + 8];
    (void)snprintf(name, sizeof(name), "%.16s.json", id);
    return file_path(dir, name, out, msg);
}

static pawl_err make_folder(const struct pawl_datadir *dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "accounts", path, msg);
    if (pawl_ok(err) && mkdir(path, 0700) != 0 && errno != EEXIST) {
        err = pawl_datafile_failed("make", path, msg);
    }
    return err;
}

static pawl_err take_lock(const struct pawl_datadir *dir, int *ret_fd, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = file_path(dir, "lock", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = pawl_datafile_lock(path, ret_fd, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        err = make_folder(dir, msg);
        if (pawl_ok(err)) {
            err = pawl_datafile_lock(path, ret_fd, msg);
        }
    }
    return err;
}

/* --- The key --------------------------------------------------------------------------------- */

static pawl_err read_key(const char *path, struct pawl_hash_key *ret_key, struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    pawl_buf_init(&text, sizeof(*ret_key) + 1);
    pawl_err err = pawl_file_read(path, &text, msg);
    if (pawl_ok(err) && text.bytes != sizeof(*ret_key)) {
        pawl_errmsg_set(msg, "%.400s has not the right size; remove it", path);
        err = PAWL_ERR(CORRUPT);
    }
    if (pawl_ok(err)) {
        memcpy(ret_key, text.data, sizeof(*ret_key));
    }
    pawl_buf_free(&text);
    return err;
}

static pawl_err make_key(const struct pawl_datadir *dir,
                         const char *path,
                         struct pawl_hash_key *ret_key,
                         struct pawl_errmsg *msg)
{
    struct pawl_hash_key key;
    int lock_fd = -1;
    pawl_err err = take_lock(dir, &lock_fd, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = read_key(path, &key, msg); /* Another may have made one meanwhile. */
    if (err.code == PAWL_ERR_NOT_FOUND) {
        pawl_random_bytes(&key, sizeof(key));
        err = pawl_file_replace(path, pawl_slice_of((const char *)&key, sizeof(key)), true, msg);
    }
    (void)close(lock_fd);
    if (pawl_ok(err)) {
        *ret_key = key;
    }
    return err;
}

pawl_err pawl_accounts_key(const struct pawl_datadir *dir,
                           struct pawl_hash_key *ret_key,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = file_path(dir, "key", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = read_key(path, ret_key, msg);
    return err.code == PAWL_ERR_NOT_FOUND ? make_key(dir, path, ret_key, msg) : err;
}

/* --- Reading --------------------------------------------------------------------------------- */

static pawl_err read_one(const struct pawl_datadir *dir,
                         const char *id,
                         struct pawl_account_record *ret_record,
                         struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_account_record record;
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    pawl_err err = record_path(dir, id, path, msg);
    if (pawl_ok(err)) {
        err = pawl_file_read(path, &text, msg);
    }
    if (pawl_ok(err) && !pawl_account_record_read(pawl_buf_slice(&text), &record)) {
        pawl_errmsg_set(msg, "%.400s is damaged; remove it", path);
        err = PAWL_ERR(CORRUPT);
    }
    pawl_buf_free(&text);
    if (pawl_ok(err)) {
        (void)snprintf(record.id, sizeof(record.id), "%.16s", id);
        *ret_record = record;
    }
    return err;
}

pawl_err pawl_accounts_read(const struct pawl_datadir *dir,
                            const char *id,
                            struct pawl_account_record *ret_record,
                            struct pawl_errmsg *msg)
{
    struct pawl_account_record record;
    pawl_err err = read_one(dir, id, &record, msg);
    if (pawl_ok(err) && is_id(record.same_as)) {
        err = read_one(dir, record.same_as, &record, msg);
    }
    if (pawl_ok(err)) {
        *ret_record = record;
    }
    return err;
}

struct pawl_account_stamp pawl_accounts_stamp(const struct pawl_datadir *dir, const char *id)
{
    char path[PAWL_PATH_BYTES];
    struct stat found;
    struct pawl_errmsg msg;
    if (pawl_failed(record_path(dir, id, path, &msg)) || stat(path, &found) != 0) {
        return (struct pawl_account_stamp){.inode = 0};
    }
    return (struct pawl_account_stamp){.inode = found.st_ino, .changed = found.st_mtim};
}

/* --- Changing -------------------------------------------------------------------------------- */

/* What a person said, and what is counted where no provider tells, nothing brings back. */
static bool must_last(const struct pawl_account_record *record)
{
    bool said = record->name[0] != '\0' || record->source[0] != '\0' ||
                record->mode != PAWL_BILLING_MODE_AUTO;
    for (uint32_t i = 0; i < record->quota.window_count; i++) {
        said = said || record->quota.windows[i].unit != 0;
    }
    return said;
}

static pawl_err write_one(const struct pawl_datadir *dir,
                          const struct pawl_account_record *record,
                          struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    pawl_account_record_write(record, &text);
    pawl_err err = record_path(dir, record->id, path, msg);
    if (pawl_ok(err)) {
        err = pawl_file_replace(path, pawl_buf_slice(&text), must_last(record), msg);
    }
    pawl_buf_free(&text);
    return err;
}

/* A damaged file is begun anew. */
static pawl_err read_or_blank(const struct pawl_datadir *dir,
                              const char *id,
                              struct pawl_account_record *ret_record,
                              struct pawl_errmsg *msg)
{
    pawl_err err = pawl_accounts_read(dir, id, ret_record, msg);
    if (err.code == PAWL_ERR_NOT_FOUND || err.code == PAWL_ERR_CORRUPT) {
        *ret_record = (struct pawl_account_record){.upstream = PAWL_UPSTREAM_ANTHROPIC};
        (void)snprintf(ret_record->id, sizeof(ret_record->id), "%.16s", id);
        err = PAWL_OK;
    }
    return err;
}

pawl_err pawl_accounts_change(const struct pawl_datadir *dir,
                              const char *id,
                              pawl_account_change_fn *fn,
                              void *arg,
                              struct pawl_account_record *ret_record,
                              struct pawl_errmsg *msg)
{
    int lock_fd = -1;
    bool write = false;
    struct pawl_account_record record;
    pawl_err err = take_lock(dir, &lock_fd, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = read_or_blank(dir, id, &record, msg);
    if (pawl_ok(err)) {
        err = fn(arg, &record, &write, msg);
    }
    if (pawl_ok(err) && write) {
        err = write_one(dir, &record, msg);
    }
    (void)close(lock_fd);
    if (pawl_ok(err)) {
        *ret_record = record;
    }
    return err;
}

/* What a person said of the one holds for the other, where he said nothing of that. */
static void join(struct pawl_account_record *to, const struct pawl_account_record *from)
{
    if (to->name[0] == '\0') {
        memcpy(to->name, from->name, sizeof(to->name));
    }
    if (to->source[0] == '\0') {
        memcpy(to->source, from->source, sizeof(to->source));
    }
    to->mode = to->mode == PAWL_BILLING_MODE_AUTO ? from->mode : to->mode;
    for (uint32_t i = 0; i < from->quota.window_count; i++) {
        const struct pawl_quota_window *window = &from->quota.windows[i];
        struct pawl_quota_window *own = pawl_quota_find(&to->quota, window->name);
        if (window->unit != 0 && (own == NULL || own->unit == 0)) {
            bool fits = pawl_quota_set(&to->quota, window->length_s, window->unit, window->limit);
            (void)fits; /* There are more told ones than can be kept: those count. */
        }
    }
}

pawl_err pawl_accounts_join(const struct pawl_datadir *dir,
                            const char *from,
                            const char *to,
                            struct pawl_errmsg *msg)
{
    int lock_fd = -1;
    struct pawl_account_record old;
    struct pawl_account_record record;
    struct pawl_errmsg ignored;
    if (pawl_failed(read_one(dir, from, &old, &ignored)) || old.same_as[0] != '\0') {
        return PAWL_OK;
    }
    pawl_err err = take_lock(dir, &lock_fd, msg);
    if (pawl_failed(err)) {
        return err;
    }
    bool known = pawl_ok(read_one(dir, to, &record, &ignored));
    if (known) {
        join(&record, &old);
        for (uint32_t i = 0; i < old.run_count; i++) {
            pawl_account_note_run(dir, &record, old.runs[i].id, old.runs[i].booked);
        }
    } else {
        record = old;
    }
    (void)snprintf(record.id, sizeof(record.id), "%.16s", to);
    (void)snprintf(old.same_as, sizeof(old.same_as), "%.16s", to);
    err = write_one(dir, &record, msg);
    if (pawl_ok(err)) {
        old.quota = (struct pawl_quota){.window_count = 0};
        old.run_count = 0;
        err = write_one(dir, &old, msg);
    }
    (void)close(lock_fd);
    return err;
}

pawl_err
pawl_accounts_remove(const struct pawl_datadir *dir, const char *id, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    int lock_fd = -1;
    pawl_err err = record_path(dir, id, path, msg);
    if (pawl_ok(err)) {
        err = take_lock(dir, &lock_fd, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    if (unlink(path) != 0) {
        err = pawl_datafile_failed("remove", path, msg);
    }
    (void)close(lock_fd);
    return err;
}

/* --- All of them ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct pawl_account_record *one = a;
    const struct pawl_account_record *other = b;
    int order = strcmp(one->name, other->name);
    return order != 0 ? order : strcmp(one->id, other->id);
}

static size_t read_all(const struct pawl_datadir *dir, DIR *folder, struct pawl_account_record *out)
{
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && count < ACCOUNTS_MAX;
         entry = readdir(folder)) {
        char id[PAWL_ACCOUNT_ID_BYTES];
        struct pawl_errmsg ignored;
        (void)snprintf(id, sizeof(id), "%.16s", entry->d_name);
        if (is_id(id) && strcmp(entry->d_name + strlen(id), ".json") == 0 &&
            pawl_ok(read_one(dir, id, &out[count], &ignored)) && out[count].same_as[0] == '\0') {
            count++;
        }
    }
    qsort(out, count, sizeof(out[0]), by_name);
    return count;
}

pawl_err pawl_accounts_each(const struct pawl_datadir *dir,
                            pawl_account_fn *fn,
                            void *arg,
                            struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "accounts", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno == ENOENT ? PAWL_OK : pawl_datafile_failed("read", path, msg);
    }
    struct pawl_account_record *all = pawl_alloc_zeroed(ACCOUNTS_MAX, sizeof(*all));
    size_t count = all != NULL ? read_all(dir, folder, all) : 0;
    (void)closedir(folder);
    bool more = true;
    for (size_t i = 0; i < count && more; i++) {
        more = fn(arg, &all[i]);
    }
    pawl_free(all);
    return PAWL_OK;
}

static bool seen(void *arg, const struct pawl_account_record *record)
{
    bool *any = arg;
    *any = record->id[0] != '\0';
    return !*any;
}

bool pawl_accounts_any(const struct pawl_datadir *dir)
{
    struct pawl_errmsg ignored;
    bool any = false;
    return pawl_failed(pawl_accounts_each(dir, seen, &any, &ignored)) || any;
}

struct search {
    const char *text;
    uint32_t count; /* that the text may mean */
    bool exact;
    struct pawl_account_record record;
};

static bool look(void *arg, const struct pawl_account_record *record)
{
    struct search *search = arg;
    bool exact = strcmp(record->name, search->text) == 0 || strcmp(record->id, search->text) == 0;
    if (exact || strncmp(record->id, search->text, strlen(search->text)) == 0) {
        search->record = *record;
        search->count++;
        search->exact = exact;
    }
    return !exact;
}

pawl_err pawl_accounts_find(const struct pawl_datadir *dir,
                            const char *text,
                            struct pawl_account_record *ret_record,
                            struct pawl_errmsg *msg)
{
    struct search search = {.text = text};
    if (text[0] == '\0') {
        pawl_errmsg_set(msg, "an account has a name or an id");
        return PAWL_ERR(INVALID);
    }
    pawl_err err = pawl_accounts_each(dir, look, &search, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (search.count == 0) {
        pawl_errmsg_set(msg, "there is no account '%.60s'; 'pawl accounts' shows all", text);
        return PAWL_ERR(NOT_FOUND);
    }
    if (search.count > 1 && !search.exact) {
        pawl_errmsg_set(msg, "%u accounts begin with '%.16s'; say more of the id", search.count,
                        text);
        return PAWL_ERR(INVALID);
    }
    *ret_record = search.record;
    return PAWL_OK;
}
