/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.c: see accounts.h. Everything that is made is readable by its owner alone. */
#define _GNU_SOURCE
#include "run/accounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/file_os.h"
#include "base/json.h"
#include "base/money.h"

enum {
    FILE_BYTES_MAX = 16 * 1024,
    ARENA_BYTES_MAX = 256 * 1024,
    LEARNED_BP_MAX = 2000 /* above it the past counts half */
};

const char *pawl_upstream_name(enum pawl_upstream upstream)
{
    static const char *const names[PAWL_UPSTREAM_COUNT] = {
        [PAWL_UPSTREAM_ANTHROPIC] = "anthropic",
        [PAWL_UPSTREAM_OPENAI] = "openai",
        [PAWL_UPSTREAM_GEMINI] = "gemini",
        [PAWL_UPSTREAM_CHATGPT] = "chatgpt",
    };
    PAWL_ASSERT(upstream < PAWL_UPSTREAM_COUNT);
    return names[upstream];
}

void pawl_account_id_text(uint64_t id, char out[static PAWL_ACCOUNT_ID_BYTES])
{
    (void)snprintf(out, PAWL_ACCOUNT_ID_BYTES, "%016" PRIx64, id);
}

static bool is_id(const char *text)
{
    return strlen(text) == PAWL_ACCOUNT_ID_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == PAWL_ACCOUNT_ID_BYTES - 1;
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

static pawl_err failed(const char *what, const char *path, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "cannot %s %.400s: %s", what, path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

static pawl_err make_folder(const struct pawl_datadir *dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "accounts", path, msg);
    if (pawl_ok(err) && mkdir(path, 0700) != 0 && errno != EEXIST) {
        err = failed("make", path, msg);
    }
    return err;
}

/* Writes a file of its own and gives it its name: as a link, which fails where the name is taken,
 * or in place of what is there. */
static pawl_err
put_file(const char *path, struct pawl_slice text, bool replace, struct pawl_errmsg *msg)
{
    char own[PAWL_PATH_BYTES + 16];
    (void)snprintf(own, sizeof(own), "%s.XXXXXX", path);
    int fd = mkostemp(own, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        return failed("make", path, msg);
    }
    pawl_err err = PAWL_OK;
    ssize_t written = write(fd, text.data, text.bytes); /* One page: whole, or the disk is full. */
    if (written != (ssize_t)text.bytes) {
        errno = written < 0 ? errno : ENOSPC;
        err = failed("write", path, msg);
    } else if (replace ? rename(own, path) != 0 : link(own, path) != 0) {
        err = failed("make", path, msg);
    }
    (void)close(fd);
    if (!replace || pawl_failed(err)) {
        (void)unlink(own);
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

pawl_err pawl_accounts_read_key(const struct pawl_datadir *dir,
                                struct pawl_hash_key *ret_key,
                                struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = file_path(dir, "key", path, msg);
    return pawl_ok(err) ? read_key(path, ret_key, msg) : err;
}

pawl_err pawl_accounts_keep_key(const struct pawl_datadir *dir,
                                const struct pawl_hash_key *key,
                                struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = file_path(dir, "key", path, msg);
    if (pawl_ok(err)) {
        err = make_folder(dir, msg);
    }
    if (pawl_ok(err)) {
        err = put_file(path, pawl_slice_of((const char *)key, sizeof(*key)), false, msg);
    }
    return err;
}

/* --- Records --------------------------------------------------------------------------------- */

static void write_window(struct pawl_json_writer *writer, const struct pawl_account_window *window)
{
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "window", window->seen.name);
    pawl_json_member_i64(writer, "length_s", window->seen.length_s);
    pawl_json_member_i64(writer, "used_bp", window->seen.used_bp);
    pawl_json_member_i64(writer, "resets_at_ms", window->seen.resets_at_s * 1000);
    pawl_json_member_bool(writer, "has_status", window->seen.has_status);
    pawl_json_member_bool(writer, "refused", window->seen.refused);
    pawl_json_member_i64(writer, "learned_tokens", window->learned_tokens);
    pawl_json_member_i64(writer, "learned_bp", window->learned_bp);
    pawl_json_object_end(writer);
}

static void write_record(const struct pawl_account_record *record, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "upstream", pawl_upstream_name(record->upstream));
    pawl_json_member_str(&writer, "billing", record->billing == PAWL_BILLING_PLAN ? "plan" : "api");
    pawl_json_member_i64(&writer, "seen_ms", record->seen_us / PAWL_US_PER_MS);
    pawl_json_key(&writer, "windows");
    pawl_json_array_begin(&writer);
    for (uint32_t i = 0; i < record->window_count; i++) {
        write_window(&writer, &record->windows[i]);
    }
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
}

static int64_t count_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_json_count_or(json, pawl_json_get(json, node, key), 0);
}

static bool flag_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_json_bool_or(json, pawl_json_get(json, node, key), false);
}

static struct pawl_account_window read_window(const struct pawl_json *json, uint32_t node)
{
    struct pawl_account_window window = {
        .seen =
            {
                .length_s = count_of(json, node, "length_s"),
                .used_bp = pawl_min_i64(count_of(json, node, "used_bp"), PAWL_VENDOR_BP_MAX),
                .resets_at_s = count_of(json, node, "resets_at_ms") / 1000,
                .has_status = flag_of(json, node, "has_status"),
                .refused = flag_of(json, node, "refused"),
            },
        .learned_tokens = count_of(json, node, "learned_tokens"),
        .learned_bp = pawl_min_i64(count_of(json, node, "learned_bp"), PAWL_VENDOR_BP_MAX),
    };
    (void)pawl_slice_copy_str(pawl_json_string_raw(json, pawl_json_get(json, node, "window")),
                              window.seen.name, sizeof(window.seen.name));
    return window;
}

static bool read_record(const struct pawl_json *json, struct pawl_account_record *record)
{
    uint32_t upstream = pawl_json_get(json, 0, "upstream");
    int which = 0;
    while (which < PAWL_UPSTREAM_COUNT &&
           !pawl_json_string_is(json, upstream, pawl_upstream_name((enum pawl_upstream)which))) {
        which++;
    }
    if (which == PAWL_UPSTREAM_COUNT) {
        return false;
    }
    record->upstream = (enum pawl_upstream)which;
    record->billing = pawl_json_string_is(json, pawl_json_get(json, 0, "billing"), "plan")
                          ? PAWL_BILLING_PLAN
                          : PAWL_BILLING_API;
    record->seen_us = count_of(json, 0, "seen_ms") * PAWL_US_PER_MS;
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "windows"));
    for (; node != PAWL_JSON_NONE && record->window_count < PAWL_VENDOR_WINDOWS_MAX;
         node = pawl_json_next(json, node)) {
        record->windows[record->window_count++] = read_window(json, node);
    }
    return true;
}

pawl_err pawl_accounts_read(const struct pawl_datadir *dir,
                            const char *id,
                            struct pawl_account_record *ret_record,
                            struct pawl_errmsg *msg)
{
    char name[PAWL_ACCOUNT_ID_BYTES + 8];
    char path[PAWL_PATH_BYTES];
    struct pawl_account_record record = {.window_count = 0};
    struct pawl_buf text;
    struct pawl_arena arena;
    struct pawl_json json;
    (void)snprintf(name, sizeof(name), "%.16s.json", id);
    pawl_buf_init(&text, FILE_BYTES_MAX);
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    pawl_err err = file_path(dir, name, path, msg);
    if (pawl_ok(err)) {
        err = pawl_file_read(path, &text, msg);
    }
    if (pawl_ok(err) && (!pawl_json_parse(&arena, pawl_buf_slice(&text), PAWL_JSON_LEDGER,
                                          PAWL_JSON_LIMITS_DEFAULT, &json) ||
                         !read_record(&json, &record))) {
        pawl_errmsg_set(msg, "%.400s is damaged; remove it", path);
        err = PAWL_ERR(CORRUPT);
    }
    if (pawl_ok(err)) {
        memcpy(record.id, id, PAWL_ACCOUNT_ID_BYTES);
        *ret_record = record;
    }
    pawl_arena_free(&arena);
    pawl_buf_free(&text);
    return err;
}

pawl_err pawl_accounts_write(const struct pawl_datadir *dir,
                             const struct pawl_account_record *record,
                             struct pawl_errmsg *msg)
{
    char name[PAWL_ACCOUNT_ID_BYTES + 8];
    char path[PAWL_PATH_BYTES];
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    write_record(record, &text);
    (void)snprintf(name, sizeof(name), "%.16s.json", record->id);
    pawl_err err = make_folder(dir, msg);
    if (pawl_ok(err)) {
        err = file_path(dir, name, path, msg);
    }
    if (pawl_ok(err)) {
        err = put_file(path, pawl_buf_slice(&text), true, msg);
    }
    pawl_buf_free(&text);
    return err;
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
        return errno == ENOENT ? PAWL_OK : failed("read", path, msg);
    }
    bool more = true;
    for (struct dirent *entry = readdir(folder); entry != NULL && more; entry = readdir(folder)) {
        char id[PAWL_ACCOUNT_ID_BYTES];
        struct pawl_account_record record;
        struct pawl_errmsg ignored;
        (void)snprintf(id, sizeof(id), "%.16s", entry->d_name);
        if (is_id(id) && strcmp(entry->d_name + strlen(id), ".json") == 0 &&
            pawl_ok(pawl_accounts_read(dir, id, &record, &ignored))) {
            more = fn(arg, &record);
        }
    }
    (void)closedir(folder);
    return PAWL_OK;
}

/* --- Learning -------------------------------------------------------------------------------- */

static struct pawl_account_window *find(struct pawl_account_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->window_count; i++) {
        if (strcmp(record->windows[i].seen.name, name) == 0) {
            return &record->windows[i];
        }
    }
    return NULL;
}

/* What went of a window between two answers, unless it began anew in between. */
static void learn_window(struct pawl_account_window *window,
                         const struct pawl_vendor_window *now,
                         int64_t tokens)
{
    int64_t gone = now->used_bp - window->seen.used_bp;
    bool same = now->resets_at_s == window->seen.resets_at_s;
    window->seen = *now;
    if (!same || gone < 0 || tokens <= 0 || tokens > PAWL_AMOUNT_MAX / 4) {
        return;
    }
    window->learned_tokens += tokens;
    window->learned_bp += gone;
    if (window->learned_bp > LEARNED_BP_MAX) {
        window->learned_tokens /= 2;
        window->learned_bp /= 2;
    }
}

void pawl_account_learn(struct pawl_account_record *record,
                        const struct pawl_subscription *subscription,
                        int64_t tokens_since)
{
    record->upstream = subscription->upstream;
    record->billing = subscription->billing;
    record->seen_us = subscription->seen_us;
    for (uint32_t i = 0; i < subscription->window_count; i++) {
        struct pawl_account_window *window = find(record, subscription->windows[i].name);
        if (window != NULL) {
            learn_window(window, &subscription->windows[i], tokens_since);
        } else if (record->window_count < PAWL_VENDOR_WINDOWS_MAX) {
            record->windows[record->window_count++] =
                (struct pawl_account_window){.seen = subscription->windows[i]};
        }
    }
}

int64_t pawl_account_tokens_left(const struct pawl_account_window *window, int64_t now_us)
{
    bool over =
        window->seen.resets_at_s > 0 && window->seen.resets_at_s * PAWL_US_PER_SECOND <= now_us;
    int64_t used = over ? 0 : window->seen.used_bp;
    int64_t left_bp = used < PAWL_VENDOR_WHOLE_BP ? PAWL_VENDOR_WHOLE_BP - used : 0;
    int64_t tokens = -1;
    if (window->learned_bp <= 0 ||
        !pawl_money_mul_div_floor(window->learned_tokens, left_bp, window->learned_bp, &tokens)) {
        return -1;
    }
    return tokens;
}
