/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_files.c: see segment_files.h. SQLite keeps up to three files for a segment; the two
 * beside the database ("-wal", "-journal") belong to it, and where they are without it they would
 * be read as part of the next file of that name.
 *
 * Failure: whatever `files` says; nothing is retried. Ownership: of the list only.
 */
#include "journal/segment_files.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/slice.h"

enum { NUMBER_DIGITS = 6, NUMBERS_FIRST = 16, NAME_BYTES_MAX = 48 };

_Static_assert(PAWL_SEGMENTS_MAX == 999999, "as many as NUMBER_DIGITS digits can name");

pawl_err pawl_segment_files_path(const struct pawl_segment_files *segments,
                                 uint32_t number,
                                 const char *suffix,
                                 char ret_path[static PAWL_PATH_BYTES_MAX],
                                 struct pawl_errmsg *msg)
{
    PAWL_ASSERT(number > 0 && number <= PAWL_SEGMENTS_MAX);
    char name[NAME_BYTES_MAX];
    int length =
        snprintf(name, sizeof(name), "journal-%0*u.db%s", NUMBER_DIGITS, (unsigned)number, suffix);
    PAWL_ASSERT(length > 0 && (size_t)length < sizeof(name));
    return pawl_files_path(segments->dir, name, ret_path, msg);
}

/* --- Which there are. ------------------------------------------------------------------------- */

struct listing {
    struct pawl_segment_numbers numbers;
    uint32_t capacity;
    bool no_memory;
};

/* "journal-000042.db" gives 42; anything else 0. */
static uint32_t number_of_name(const char *name)
{
    struct pawl_slice rest = pawl_slice_str(name);
    struct pawl_slice prefix = PAWL_SLICE("journal-");
    struct pawl_slice suffix = PAWL_SLICE(".db");
    if (rest.bytes != prefix.bytes + NUMBER_DIGITS + suffix.bytes ||
        !pawl_slice_starts_with(rest, prefix) || !pawl_slice_ends_with(rest, suffix)) {
        return 0;
    }
    uint64_t number = 0;
    bool digits = pawl_slice_to_u64(pawl_slice_sub(rest, prefix.bytes, NUMBER_DIGITS), &number);
    return digits ? (uint32_t)number : 0;
}

static bool note_name(void *arg, const char *name)
{
    struct listing *listing = arg;
    struct pawl_segment_numbers *numbers = &listing->numbers;
    uint32_t number = number_of_name(name);
    if (number == 0) {
        return true;
    }
    if (numbers->count == listing->capacity) {
        uint32_t capacity = listing->capacity == 0 ? NUMBERS_FIRST : listing->capacity * 2;
        uint32_t *rows = pawl_realloc(numbers->rows, capacity * sizeof(*rows));
        if (rows == NULL) {
            listing->no_memory = true;
            return false;
        }
        numbers->rows = rows;
        listing->capacity = capacity;
    }
    /* Put in its place; names mostly come in order, and there are few. */
    PAWL_ASSERT(number <= PAWL_SEGMENTS_MAX);
    uint32_t at = numbers->count++;
    for (; at > 0 && numbers->rows[at - 1] > number; at--) {
        numbers->rows[at] = numbers->rows[at - 1];
    }
    numbers->rows[at] = number;
    return true;
}

pawl_err pawl_segment_files_list(const struct pawl_segment_files *segments,
                                 struct pawl_segment_numbers *ret_numbers,
                                 struct pawl_errmsg *msg)
{
    struct listing listing = {.numbers = {.rows = NULL}};
    const struct pawl_files *files = segments->files;
    pawl_err err = files->ops->list(files->arg, segments->dir, note_name, &listing, msg);
    if (pawl_ok(err) && listing.no_memory) {
        pawl_errmsg_set(msg, "no memory to list %s", segments->dir);
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_failed(err)) {
        pawl_free(listing.numbers.rows);
        return err;
    }
    *ret_numbers = listing.numbers;
    return PAWL_OK;
}

/* --- What is done to them. -------------------------------------------------------------------- */

/* The database last: a crash in between must not leave a log without it. */
pawl_err pawl_segment_files_remove(const struct pawl_segment_files *segments,
                                   uint32_t number,
                                   struct pawl_errmsg *msg)
{
    static const char *const suffixes[] = {"-wal", "-journal", ""};
    pawl_err err = PAWL_OK;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(suffixes) && pawl_ok(err); i++) {
        char path[PAWL_PATH_BYTES_MAX];
        err = pawl_segment_files_path(segments, number, suffixes[i], path, msg);
        if (pawl_ok(err)) {
            err = segments->files->ops->remove(segments->files->arg, path, msg);
        }
    }
    return err;
}

pawl_err pawl_segment_files_bytes(const struct pawl_segment_files *segments,
                                  uint32_t number,
                                  const char *suffix,
                                  uint64_t *ret_bytes,
                                  struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    struct pawl_file *file = NULL;
    pawl_err err = pawl_segment_files_path(segments, number, suffix, path, msg);
    if (pawl_ok(err)) {
        err = segments->files->ops->open(segments->files->arg, path, &file, ret_bytes, msg);
    }
    if (pawl_ok(err)) {
        segments->files->ops->close(file);
    }
    return err;
}

/* SQLite throws the log of an empty database away. We never leave such a pair, not even in a
 * crash: somebody emptied the file, and the log may be all that is left. */
pawl_err pawl_segment_files_check_not_emptied(const struct pawl_segment_files *segments,
                                              uint32_t number,
                                              struct pawl_errmsg *msg)
{
    uint64_t bytes = 0;
    uint64_t log_bytes = 0;
    pawl_err err = pawl_segment_files_bytes(segments, number, "", &bytes, msg);
    if (pawl_ok(err) && bytes == 0) {
        err = pawl_segment_files_bytes(segments, number, "-wal", &log_bytes, msg);
        if (err.code == PAWL_ERR_NOT_FOUND) {
            return PAWL_OK;
        }
    }
    if (pawl_ok(err) && log_bytes > 0) {
        pawl_errmsg_set(msg, "segment %u of %s was emptied, its log was not", (unsigned)number,
                        segments->dir);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

/*
 * What a crash left in the log is what the kernel shows, and that need not be on the disk: after
 * a failed sync the kernel may keep the pages, call them clean, and never write them. What is
 * committed behind such a hole, or copied into the database from it, would come apart with the next
 * power failure, synced or not. So before SQLite sees the log, it is written once more over itself.
 */
pawl_err pawl_segment_files_write_log_again(const struct pawl_segment_files *segments,
                                            uint32_t number,
                                            struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_segment_files_path(segments, number, "-wal", path, msg);
    return pawl_ok(err) ? segments->files->ops->refresh(segments->files->arg, path, msg) : err;
}
