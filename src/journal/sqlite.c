/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.c: the journal's table of effects over segments: one directory, one owner, one chain.
 *
 * The head lives in memory and moves only after a commit returned (J1). Before a batch goes
 * to a segment that is full, the next segment is made: the old one's log is copied into it and it
 * is closed, then the new file appears whole under its name (J13), then the batch goes there. A
 * crash between any two of these leaves at most an empty segment, which is a head as good as any.
 *
 * Failure: any error of a write latches `poisoned`, and from then on nothing is written, not
 * even while closing (J2). Errors of reads latch nothing.
 *
 * Ownership: the journal owns the lock, the newest segment's connection and the list of places.
 * Older segments are opened for a read and closed after it.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/journal.h"
#include "journal/segment.h"

#define SEGMENT_BYTES_DEFAULT (INT64_C(1) << 30)

enum {
    JOURNAL_MAGIC = 0x4a4f5552,
    SEGMENTS_MAX = 999999,
    /* The log is copied when nothing waits and it has so many pages (4 MiB) … */
    LOG_PAGES_IDLE = 256,
    /* … and in any case at so many (64 MiB). */
    LOG_PAGES_MAX = 4096
};

struct sqlite_journal {
    struct pawl_journal base; /* first: the table's functions cast back */
    uint32_t magic;
    bool read_only;
    bool poisoned;
    const struct pawl_files *files;
    struct pawl_file *lock; /* NULL: reading where nobody ever locked */
    int64_t segment_bytes_max;
    struct pawl_segment *active;
    struct pawl_segment_place *places; /* of every segment here, ascending */
    uint32_t place_count;
    struct pawl_journal_head head;
    struct pawl_segment_checkpoints checkpoints;
    char vfs[64]; /* empty: the default one */
    char dir[PAWL_PATH_BYTES_MAX];
};

static struct sqlite_journal *journal_of(struct pawl_journal *base)
{
    struct sqlite_journal *journal = (struct sqlite_journal *)base;
    PAWL_ASSERT(base != NULL && journal->magic == JOURNAL_MAGIC);
    return journal;
}

static const struct sqlite_journal *const_journal_of(const struct pawl_journal *base)
{
    const struct sqlite_journal *journal = (const struct sqlite_journal *)base;
    PAWL_ASSERT(base != NULL && journal->magic == JOURNAL_MAGIC);
    return journal;
}

static const char *vfs_of(const struct sqlite_journal *journal)
{
    return journal->vfs[0] != '\0' ? journal->vfs : NULL;
}

static pawl_err segment_path(const struct sqlite_journal *journal,
                             uint32_t number,
                             const char *suffix,
                             char out[static PAWL_PATH_BYTES_MAX],
                             struct pawl_errmsg *msg)
{
    char name[48];
    (void)snprintf(name, sizeof(name), "journal-%06u.db%s", (unsigned)number, suffix);
    return pawl_files_path(journal->dir, name, out, msg);
}

static pawl_err open_segment(const struct sqlite_journal *journal,
                             uint32_t number,
                             enum pawl_segment_access access,
                             struct pawl_segment **ret_segment,
                             struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = segment_path(journal, number, "", path, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_open(vfs_of(journal), path, access, ret_segment, msg);
    }
    if (pawl_ok(err) && pawl_segment_place(*ret_segment)->number != number) {
        pawl_errmsg_set(msg, "%s says that it is segment %u: a file was renamed", path,
                        (unsigned)pawl_segment_place(*ret_segment)->number);
        pawl_segment_close(*ret_segment, true);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

/* --- Which segments there are. ---------------------------------------------------------------- */

struct numbers {
    uint32_t *rows; /* owned */
    uint32_t count;
    uint32_t capacity;
    bool no_memory;
};

/* "journal-000042.db" gives 42; anything else 0. */
static uint32_t number_of_name(const char *name)
{
    struct pawl_slice rest = pawl_slice_str(name);
    struct pawl_slice prefix = PAWL_SLICE("journal-");
    struct pawl_slice suffix = PAWL_SLICE(".db");
    if (rest.bytes != prefix.bytes + 6 + suffix.bytes || !pawl_slice_starts_with(rest, prefix) ||
        !pawl_slice_ends_with(rest, suffix)) {
        return 0;
    }
    uint64_t number = 0;
    bool digits = pawl_slice_to_u64(pawl_slice_sub(rest, prefix.bytes, 6), &number);
    return digits ? (uint32_t)number : 0;
}

static bool note_name(void *arg, const char *name)
{
    struct numbers *numbers = arg;
    uint32_t number = number_of_name(name);
    if (number == 0) {
        return true;
    }
    if (numbers->count == numbers->capacity) {
        uint32_t capacity = numbers->capacity == 0 ? 16 : numbers->capacity * 2;
        uint32_t *rows = pawl_realloc(numbers->rows, capacity * sizeof(*rows));
        if (rows == NULL) {
            numbers->no_memory = true;
            return false;
        }
        numbers->rows = rows;
        numbers->capacity = capacity;
    }
    /* Kept in order; there are few. */
    uint32_t at = numbers->count++;
    for (; at > 0 && numbers->rows[at - 1] > number; at--) {
        numbers->rows[at] = numbers->rows[at - 1];
    }
    numbers->rows[at] = number;
    return true;
}

static pawl_err list_segments(const struct sqlite_journal *journal,
                              struct numbers *ret_numbers,
                              struct pawl_errmsg *msg)
{
    struct numbers numbers = {.rows = NULL};
    pawl_err err =
        journal->files->ops->list(journal->files->arg, journal->dir, note_name, &numbers, msg);
    if (pawl_ok(err) && numbers.no_memory) {
        pawl_errmsg_set(msg, "no memory to list %s", journal->dir);
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_failed(err)) {
        pawl_free(numbers.rows);
        return err;
    }
    *ret_numbers = numbers;
    return PAWL_OK;
}

/* Files from numbers->rows[keep] on were never begun: they go, with what SQLite put beside them. */
static pawl_err remove_unbegun(const struct sqlite_journal *journal,
                               const struct numbers *numbers,
                               uint32_t keep,
                               struct pawl_errmsg *msg)
{
    static const char *const suffixes[] = {"-wal", "-journal", ""};
    pawl_err err = PAWL_OK;
    for (uint32_t row = keep; row < numbers->count && pawl_ok(err); row++) {
        for (size_t i = 0; i < PAWL_ARRAY_LEN(suffixes) && pawl_ok(err); i++) {
            char path[PAWL_PATH_BYTES_MAX];
            err = segment_path(journal, numbers->rows[row], suffixes[i], path, msg);
            if (pawl_ok(err)) {
                err = journal->files->ops->remove(journal->files->arg, path, msg);
            }
        }
    }
    return err;
}

static pawl_err file_bytes(const struct sqlite_journal *journal,
                           uint32_t number,
                           const char *suffix,
                           uint64_t *ret_bytes,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    struct pawl_file *file = NULL;
    pawl_err err = segment_path(journal, number, suffix, path, msg);
    if (pawl_ok(err)) {
        err = journal->files->ops->open(journal->files->arg, path, &file, ret_bytes, msg);
    }
    if (pawl_ok(err)) {
        journal->files->ops->close(file);
    }
    return err;
}

/* SQLite throws the log of an empty database away. We never leave such a pair, not even in a
 * crash: somebody emptied the file, and the log may be all that is left. */
static pawl_err
check_not_emptied(const struct sqlite_journal *journal, uint32_t number, struct pawl_errmsg *msg)
{
    uint64_t bytes = 0;
    uint64_t log_bytes = 0;
    pawl_err err = file_bytes(journal, number, "", &bytes, msg);
    if (pawl_ok(err) && bytes == 0) {
        err = file_bytes(journal, number, "-wal", &log_bytes, msg);
        if (err.code == PAWL_ERR_NOT_FOUND) {
            return PAWL_OK;
        }
    }
    if (pawl_ok(err) && log_bytes > 0) {
        pawl_errmsg_set(msg, "segment %u of %s was emptied, its log was not", (unsigned)number,
                        journal->dir);
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
static pawl_err
write_log_again(const struct sqlite_journal *journal, uint32_t number, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = segment_path(journal, number, "-wal", path, msg);
    return pawl_ok(err) ? journal->files->ops->refresh(journal->files->arg, path, msg) : err;
}

/* The newest file that was begun becomes the active segment; *ret_count files are left with it. */
static pawl_err find_active(struct sqlite_journal *journal,
                            const struct numbers *numbers,
                            uint32_t *ret_count,
                            struct pawl_errmsg *msg)
{
    enum pawl_segment_access access = journal->read_only ? PAWL_SEGMENT_READ : PAWL_SEGMENT_WRITE;
    for (uint32_t count = numbers->count; count > 0; count--) {
        uint32_t number = numbers->rows[count - 1];
        pawl_err err = check_not_emptied(journal, number, msg);
        if (pawl_ok(err) && !journal->read_only) {
            err = write_log_again(journal, number, msg);
        }
        if (pawl_ok(err)) {
            err = open_segment(journal, number, access, &journal->active, msg);
        }
        if (pawl_ok(err)) {
            *ret_count = count;
        }
        if (pawl_ok(err) || err.code != PAWL_ERR_NOT_FOUND) {
            return err;
        }
    }
    pawl_errmsg_set(msg, "there is no journal in %s", journal->dir);
    return PAWL_ERR(NOT_FOUND);
}

/* --- The head. -------------------------------------------------------------------------------- */

static pawl_err read_place(const struct sqlite_journal *journal,
                           uint32_t number,
                           struct pawl_segment_place *ret_place,
                           struct pawl_errmsg *msg)
{
    struct pawl_segment *segment = NULL;
    pawl_err err = open_segment(journal, number, PAWL_SEGMENT_READ, &segment, msg);
    if (pawl_ok(err)) {
        *ret_place = *pawl_segment_place(segment);
        pawl_segment_close(segment, true);
    } else if (err.code == PAWL_ERR_NOT_FOUND) {
        pawl_errmsg_set(msg, "segment %u of %s is empty", (unsigned)number, journal->dir);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

/* All places, the active one last; numbers without a gap. */
static pawl_err
load_places(struct sqlite_journal *journal, const struct numbers *numbers, struct pawl_errmsg *msg)
{
    journal->places = pawl_alloc_zeroed(numbers->count, sizeof(*journal->places));
    if (journal->places == NULL) {
        pawl_errmsg_set(msg, "no memory to open the journal in %s", journal->dir);
        return PAWL_ERR(MEMORY);
    }
    for (uint32_t i = 0; i + 1 < numbers->count; i++) {
        if (numbers->rows[i] + 1 != numbers->rows[i + 1]) {
            pawl_errmsg_set(msg, "segment %u of %s is missing", (unsigned)numbers->rows[i] + 1,
                            journal->dir);
            return PAWL_ERR(CORRUPT);
        }
        pawl_err err = read_place(journal, numbers->rows[i], &journal->places[i], msg);
        if (pawl_failed(err)) {
            return err;
        }
    }
    journal->places[numbers->count - 1] = *pawl_segment_place(journal->active);
    journal->place_count = numbers->count;
    return PAWL_OK;
}

/* J13 at the newest border; reading checks those that it crosses. */
static pawl_err check_border(const struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    if (journal->place_count < 2) {
        return PAWL_OK;
    }
    const struct pawl_segment_place *place = &journal->places[journal->place_count - 1];
    struct pawl_segment *before = NULL;
    pawl_err err = open_segment(journal, place->number - 1, PAWL_SEGMENT_READ, &before, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint64_t last_op = 0;
    struct pawl_journal_hash hash;
    err = pawl_segment_last(before, &last_op, &hash, msg);
    pawl_segment_close(before, true);
    if (pawl_ok(err) &&
        (last_op + 1 != place->first_op || memcmp(&hash, &place->previous, sizeof(hash)) != 0)) {
        pawl_errmsg_set(msg, "segment %u of %s does not continue the one before it",
                        (unsigned)place->number, journal->dir);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

static pawl_err load_head(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    pawl_err err = check_border(journal, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_last(journal->active, &journal->head.last_op, &journal->head.hash, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_checkpoints(journal->active, &journal->checkpoints, msg);
    }
    if (pawl_ok(err)) {
        uint64_t first_op = journal->places[0].first_op;
        journal->head.first_op = journal->head.last_op >= first_op ? first_op : 0;
    }
    return err;
}

static pawl_err add_place(struct sqlite_journal *journal,
                          const struct pawl_segment_place *place,
                          struct pawl_errmsg *msg)
{
    struct pawl_segment_place *places =
        pawl_realloc(journal->places, (journal->place_count + 1) * sizeof(*places));
    if (places == NULL) {
        pawl_errmsg_set(msg, "no memory for another segment in %s", journal->dir);
        return PAWL_ERR(MEMORY);
    }
    places[journal->place_count] = *place;
    journal->places = places;
    journal->place_count++;
    return PAWL_OK;
}

/* Makes the segment that follows the head the active one. */
static pawl_err
begin_segment(struct sqlite_journal *journal, uint32_t number, struct pawl_errmsg *msg)
{
    struct pawl_segment_place place = {
        .number = number, .first_op = journal->head.last_op + 1, .previous = journal->head.hash};
    if (number > SEGMENTS_MAX) {
        pawl_errmsg_set(msg, "%s has as many segments as there can be", journal->dir);
        return PAWL_ERR(LIMIT);
    }
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = segment_path(journal, number, "", path, msg);
    if (pawl_ok(err)) {
        err = add_place(journal, &place, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_create(journal->files, vfs_of(journal), path, &place,
                                  &journal->checkpoints, &journal->active, msg);
    }
    return err;
}

/* --- The table. ------------------------------------------------------------------------------- */

/* Latches what went wrong with a write (J2). */
static pawl_err latch(struct sqlite_journal *journal, pawl_err err)
{
    journal->poisoned = journal->poisoned || pawl_failed(err);
    return err;
}

static pawl_err refuse_if_poisoned(const struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(!journal->read_only);
    if (!journal->poisoned) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "the journal in %s failed before and takes nothing more", journal->dir);
    return PAWL_ERR(POISONED);
}

static pawl_err roll_over(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    uint32_t number = pawl_segment_place(journal->active)->number;
    pawl_err err = pawl_segment_copy_log(journal->active, true, msg);
    pawl_segment_close(journal->active, pawl_failed(err));
    journal->active = NULL;
    return pawl_ok(err) ? begin_segment(journal, number + 1, msg) : err;
}

static pawl_err sqlite_append(struct pawl_journal *base,
                              const struct pawl_journal_batch *batch,
                              struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(batch->first_op == journal->head.last_op + 1);
    PAWL_ASSERT(memcmp(&batch->previous, &journal->head.hash, sizeof(batch->previous)) == 0);
    bool full = pawl_segment_bytes(journal->active) >= journal->segment_bytes_max;
    bool has_batches = pawl_segment_place(journal->active)->first_op <= journal->head.last_op;
    if (full && has_batches) {
        err = roll_over(journal, msg);
    } else if (pawl_segment_log_pages(journal->active) >= LOG_PAGES_MAX) {
        err = pawl_segment_copy_log(journal->active, false, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_segment_insert(journal->active, batch, msg);
    }
    if (pawl_failed(err)) {
        return latch(journal, err);
    }
    journal->head.last_op = batch->last_op;
    journal->head.hash = batch->hash;
    if (journal->head.first_op == 0) {
        journal->head.first_op = batch->first_op;
    }
    return PAWL_OK;
}

/* The place that holds from_op, as an index. */
static uint32_t place_of(const struct sqlite_journal *journal, uint64_t from_op)
{
    uint32_t at = journal->place_count - 1;
    while (at > 0 && journal->places[at].first_op > from_op) {
        at--;
    }
    return at;
}

static pawl_err read_one(struct sqlite_journal *journal,
                         uint32_t at,
                         uint64_t from_op,
                         pawl_journal_batch_fn *fn,
                         void *arg,
                         struct pawl_segment_end *ret_end,
                         struct pawl_errmsg *msg)
{
    if (at + 1 == journal->place_count) {
        return pawl_segment_read(journal->active, from_op, fn, arg, ret_end, msg);
    }
    struct pawl_segment *segment = NULL;
    pawl_err err =
        open_segment(journal, journal->places[at].number, PAWL_SEGMENT_READ, &segment, msg);
    if (pawl_ok(err)) {
        err = pawl_segment_read(segment, from_op, fn, arg, ret_end, msg);
        pawl_segment_close(segment, true);
    }
    return err;
}

static pawl_err sqlite_read(struct pawl_journal *base,
                            uint64_t from_op,
                            pawl_journal_batch_fn *fn,
                            void *arg,
                            struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    PAWL_ASSERT(journal->active != NULL || journal->poisoned);
    if (journal->active == NULL) {
        return refuse_if_poisoned(journal, msg);
    }
    if (from_op < journal->places[0].first_op) {
        pawl_errmsg_set(msg, "operation %llu is older than the segments in %s",
                        (unsigned long long)from_op, journal->dir);
        return PAWL_ERR(NOT_FOUND);
    }
    for (uint32_t at = place_of(journal, from_op); at < journal->place_count; at++) {
        struct pawl_segment_end end;
        pawl_err err = read_one(journal, at, from_op, fn, arg, &end, msg);
        if (pawl_failed(err) || end.stopped) {
            return err;
        }
        const struct pawl_segment_place *next =
            at + 1 < journal->place_count ? &journal->places[at + 1] : NULL;
        if (next != NULL && (end.last_op + 1 != next->first_op ||
                             memcmp(&end.hash, &next->previous, sizeof(end.hash)) != 0)) {
            pawl_errmsg_set(msg, "segment %u of %s does not continue the one before it",
                            (unsigned)next->number, journal->dir);
            return PAWL_ERR(CORRUPT);
        }
    }
    return PAWL_OK;
}

static struct pawl_journal_head sqlite_head(const struct pawl_journal *base)
{
    return const_journal_of(base)->head;
}

static pawl_err sqlite_add_checkpoint(struct pawl_journal *base,
                                      const struct pawl_journal_checkpoint *checkpoint,
                                      struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_segment_checkpoints *old = &journal->checkpoints;
    PAWL_ASSERT(checkpoint->op > 0 && checkpoint->op <= journal->head.last_op); /* J10 */
    PAWL_ASSERT(old->count == 0 || old->rows[0].op < checkpoint->op);
    struct pawl_segment_checkpoints checkpoints = {.count = old->count > 0 ? 2 : 1,
                                                   .rows = {*checkpoint, old->rows[0]}};
    err = pawl_segment_set_checkpoints(journal->active, &checkpoints, msg);
    if (pawl_ok(err)) {
        journal->checkpoints = checkpoints;
    }
    return latch(journal, err);
}

static bool sqlite_checkpoint(const struct pawl_journal *base,
                              uint32_t index,
                              struct pawl_journal_checkpoint *ret_checkpoint)
{
    const struct sqlite_journal *journal = const_journal_of(base);
    if (index >= journal->checkpoints.count) {
        return false;
    }
    *ret_checkpoint = journal->checkpoints.rows[index];
    return true;
}

static pawl_err sqlite_idle(struct pawl_journal *base, struct pawl_errmsg *msg)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_err err = refuse_if_poisoned(journal, msg);
    if (pawl_ok(err) && pawl_segment_log_pages(journal->active) >= LOG_PAGES_IDLE) {
        err = latch(journal, pawl_segment_copy_log(journal->active, false, msg));
    }
    return err;
}

static void sqlite_close(struct pawl_journal *base)
{
    struct sqlite_journal *journal = journal_of(base);
    pawl_segment_close(journal->active, journal->poisoned || journal->read_only);
    if (journal->lock != NULL) {
        journal->files->ops->close(journal->lock);
    }
    pawl_free(journal->places);
    journal->magic = 0;
    pawl_free(journal);
}

static const struct pawl_journal_ops sqlite_ops = {.append = sqlite_append,
                                                   .read = sqlite_read,
                                                   .head = sqlite_head,
                                                   .add_checkpoint = sqlite_add_checkpoint,
                                                   .checkpoint = sqlite_checkpoint,
                                                   .idle = sqlite_idle,
                                                   .close = sqlite_close};

/* --- Opening. --------------------------------------------------------------------------------- */

static pawl_err take_lock(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_files_path(journal->dir, "journal.lock", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = journal->files->ops->lock(journal->files->arg, path, !journal->read_only, &journal->lock,
                                    msg);
    /* Where there is no lock file nobody ever wrote, and reading must not make one. */
    return journal->read_only && err.code == PAWL_ERR_NOT_FOUND ? PAWL_OK : err;
}

static pawl_err open_existing(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    struct numbers numbers;
    pawl_err err = list_segments(journal, &numbers, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint32_t count = 0;
    err = find_active(journal, &numbers, &count, msg);
    if (pawl_ok(err) && !journal->read_only) {
        err = remove_unbegun(journal, &numbers, count, msg);
    }
    if (pawl_ok(err)) {
        numbers.count = count;
        err = load_places(journal, &numbers, msg);
    }
    if (pawl_ok(err)) {
        err = load_head(journal, msg);
    }
    pawl_free(numbers.rows);
    return err;
}

static pawl_err create_new(struct sqlite_journal *journal, struct pawl_errmsg *msg)
{
    struct numbers numbers;
    pawl_err err = list_segments(journal, &numbers, msg);
    if (pawl_failed(err)) {
        return err;
    }
    uint32_t count = 0;
    err = find_active(journal, &numbers, &count, msg);
    if (pawl_ok(err)) {
        pawl_errmsg_set(msg, "there is a journal in %s already", journal->dir);
        err = PAWL_ERR(EXISTS);
    } else if (err.code == PAWL_ERR_NOT_FOUND) {
        err = remove_unbegun(journal, &numbers, 0, msg);
        err = pawl_ok(err) ? begin_segment(journal, 1, msg) : err;
    }
    pawl_free(numbers.rows);
    return err;
}

static pawl_err open_into(struct sqlite_journal *journal,
                          const struct pawl_journal_sqlite_options *options,
                          struct pawl_errmsg *msg)
{
    struct pawl_slice vfs = pawl_slice_str(options->vfs);
    if (!pawl_slice_copy_str(pawl_slice_str(options->dir), journal->dir, sizeof(journal->dir)) ||
        !pawl_slice_copy_str(vfs, journal->vfs, sizeof(journal->vfs))) {
        pawl_errmsg_set(msg, "the name of the journal's directory is too long");
        return PAWL_ERR(INVALID);
    }
    pawl_err err = PAWL_OK;
    if (!options->allow_any_filesystem) {
        err = journal->files->ops->check(journal->files->arg, journal->dir, msg);
    }
    if (pawl_ok(err)) {
        err = take_lock(journal, msg);
    }
    if (pawl_ok(err)) {
        err = options->create ? create_new(journal, msg) : open_existing(journal, msg);
    }
    return err;
}

pawl_err pawl_journal_sqlite_open(const struct pawl_journal_sqlite_options *options,
                                  struct pawl_journal **ret_journal,
                                  struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->dir != NULL && !(options->create && options->read_only));
    struct sqlite_journal *journal = pawl_alloc_zeroed(1, sizeof(*journal));
    if (journal == NULL) {
        pawl_errmsg_set(msg, "no memory to open the journal in %s", options->dir);
        return PAWL_ERR(MEMORY);
    }
    journal->base.ops = &sqlite_ops;
    journal->magic = JOURNAL_MAGIC;
    journal->read_only = options->read_only;
    journal->files = options->files != NULL ? options->files : pawl_files_os();
    journal->segment_bytes_max =
        options->segment_bytes_max > 0 ? options->segment_bytes_max : SEGMENT_BYTES_DEFAULT;
    pawl_err err = open_into(journal, options, msg);
    if (pawl_failed(err)) {
        /* What was not opened whole is left as it lies. */
        journal->poisoned = true;
        sqlite_close(&journal->base);
        return err;
    }
    *ret_journal = &journal->base;
    return PAWL_OK;
}
