/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored.c: see restored.h. A line is "OPERATION SALT", both decimal, or "new" at the end of a
 * copy's. The salt is drawn at the start and not with the copy, which may be restored twice.
 */
#define _GNU_SOURCE
#include "server/restored.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file_os.h"
#include "base/log.h"
#include "base/prng.h"
#include "base/slice.h"

static const char name_of_file[] = "restored";
static const char word_of_copy[] = "new";

enum { FILE_BYTES_MAX = 48 * (PAWL_RESTORED_MAX + 1) };

static pawl_err read_line(struct pawl_restored *restored,
                          struct pawl_slice line,
                          const char *path,
                          struct pawl_errmsg *msg)
{
    struct pawl_slice op = pawl_slice_cut(&line, ' ');
    if (restored->count == PAWL_RESTORED_MAX) {
        pawl_errmsg_set(msg, "%.400s: more than %d lines", path, PAWL_RESTORED_MAX);
        return PAWL_ERR(LIMIT);
    }
    struct pawl_id_turn *turn = &restored->turns[restored->count];
    if (!pawl_slice_to_u64(op, &turn->after_op) || !pawl_slice_to_u64(line, &turn->salt) ||
        (restored->count > 0 && turn->after_op < turn[-1].after_op)) {
        pawl_errmsg_set(msg, "%.400s: line %u is not 'OPERATION SALT'", path,
                        (unsigned)restored->count + 1);
        return PAWL_ERR(CORRUPT);
    }
    restored->count++;
    return PAWL_OK;
}

/* `*ret_copy`: nobody has opened it yet. Where there is no file, there was no restore. */
static pawl_err read_all(const char *dir,
                         struct pawl_restored *ret_restored,
                         bool *ret_copy,
                         struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    struct pawl_buf text;
    struct pawl_errmsg why = {""};
    *ret_copy = false;
    ret_restored->count = 0;
    int bytes = snprintf(path, sizeof(path), "%s/%s", dir, name_of_file);
    if (bytes < 0 || (size_t)bytes >= sizeof(path)) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", dir);
        return PAWL_ERR(LIMIT);
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return PAWL_OK;
    }
    pawl_buf_init(&text, FILE_BYTES_MAX);
    pawl_err err = pawl_file_read(path, &text, &why);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%.400s: %.200s", path, why.text);
    }
    struct pawl_slice rest = pawl_buf_slice(&text);
    while (pawl_ok(err) && !pawl_slice_empty(rest)) {
        struct pawl_slice line = pawl_slice_cut(&rest, '\n');
        *ret_copy = pawl_slice_equal_str(line, word_of_copy) && pawl_slice_empty(rest);
        err = *ret_copy ? PAWL_OK : read_line(ret_restored, line, path, msg);
    }
    pawl_buf_free(&text);
    return err;
}

static pawl_err write_all(const struct pawl_place *place,
                          const struct pawl_restored *restored,
                          bool copy,
                          struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    for (uint32_t i = 0; i < restored->count; i++) {
        pawl_buf_printf(&text, "%" PRIu64 " %" PRIu64 "\n", restored->turns[i].after_op,
                        restored->turns[i].salt);
    }
    if (copy) {
        pawl_buf_printf(&text, "%s\n", word_of_copy);
    }
    pawl_err err = pawl_place_path(place, name_of_file, path, msg);
    if (pawl_ok(err) && text.overflowed) {
        pawl_errmsg_set(msg, "no memory for %.400s", path);
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_ok(err)) {
        err = pawl_file_replace(path, pawl_buf_slice(&text), true, msg);
    }
    pawl_buf_free(&text);
    return err;
}

pawl_err pawl_restored_open(const struct pawl_place *place,
                            uint64_t last_op,
                            struct pawl_restored *ret_restored,
                            struct pawl_errmsg *msg)
{
    bool copy = false;
    pawl_err err = read_all(place->dir, ret_restored, &copy, msg);
    if (pawl_failed(err) || !copy) {
        return err;
    }
    if (ret_restored->count == PAWL_RESTORED_MAX) {
        pawl_errmsg_set(msg, "%.400s/%s is full", place->dir, name_of_file);
        return PAWL_ERR(LIMIT);
    }
    struct pawl_id_turn *turn = &ret_restored->turns[ret_restored->count++];
    turn->after_op = last_op;
    pawl_random_bytes(&turn->salt, sizeof(turn->salt));
    err = write_all(place, ret_restored, false, msg);
    if (pawl_ok(err)) {
        pawl_log(PAWL_LOG_WARN,
                 "restored from a backup that ends at operation %" PRIu64 ": ids of reservations "
                 "that were made after it are unknown from now on",
                 last_op);
    }
    return err;
}

pawl_err pawl_restored_copy(const char *from, const struct pawl_place *to, struct pawl_errmsg *msg)
{
    struct pawl_restored restored;
    bool copy = false;
    pawl_err err = read_all(from, &restored, &copy, msg);
    return pawl_ok(err) ? write_all(to, &restored, true, msg) : err;
}
