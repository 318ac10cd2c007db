/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worktree_diff.c: two states of a tree into "created, changed, deleted".
 *
 * Git's status names the files that differ from the last commit, at the start and at the end. A file
 * that is named at the end counts when its last change (ctime) is not older than the start: what
 * was dirty before and was left alone does not. A file that is only named at the start was put
 * back, committed or removed since. Commits of the run are added with the files that they touched.
 *
 * A file's own times come from the file system's coarse clock, a few milliseconds behind; CLOCK_SLACK_US
 * covers that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/clock.h"
#include "run/worktree.h"

enum { CLOCK_SLACK_US = 20000, ENTRIES_MAX = 1 << 20, NAME_BYTES_MAX = 120 };

struct entry {
    struct pawl_slice path; /* NUL-terminated in the text it comes from */
    bool fresh;             /* not in the last commit: untracked or added */
    bool absent;            /* deleted */
    bool committed;         /* by the run itself */
};

struct entries {
    struct entry *list;
    size_t count;
};

/* --- Reading ------------------------------------------------------------------------------- */

/* The path behind `count` words. */
static struct pawl_slice after_words(struct pawl_slice line, int count)
{
    for (int i = 0; i < count; i++) {
        (void)pawl_slice_cut(&line, ' ');
    }
    return line;
}

/* "1 XY …", "u XY …", "? path" (git-status(1), porcelain version 2). false: no file. */
static bool read_status_line(struct pawl_slice line, struct entry *ret_entry)
{
    char kind = line.bytes > 2 ? line.data[0] : '#';
    int words = kind == '1' ? 8 : kind == 'u' ? 10 : kind == '?' ? 1 : 0;
    if (words == 0) {
        return false;
    }
    char staged = kind == '?' ? '?' : line.data[2];
    char unstaged = kind == '?' ? '?' : line.data[3];
    *ret_entry = (struct entry){
        .path = after_words(line, words),
        .fresh = kind == '?' || staged == 'A',
        .absent = unstaged == 'D' || (staged == 'D' && unstaged == '.'),
    };
    return ret_entry->path.bytes > 0;
}

static int compare_path(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    return pawl_slice_compare(a->path, b->path);
}

static size_t count_nuls(struct pawl_slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        count += text.data[i] == '\0';
    }
    return count;
}

static void add_status(struct entries *entries, struct pawl_slice text)
{
    while (text.bytes > 0) {
        struct entry entry;
        if (read_status_line(pawl_slice_cut(&text, '\0'), &entry)) {
            entries->list[entries->count++] = entry;
        }
    }
}

/* "M", path, "A", path, … */
static void add_commits(struct entries *entries, struct pawl_slice text)
{
    while (text.bytes > 0) {
        struct pawl_slice letter = pawl_slice_cut(&text, '\0');
        struct pawl_slice path = pawl_slice_cut(&text, '\0');
        if (letter.bytes > 0 && path.bytes > 0) {
            entries->list[entries->count++] = (struct entry){
                .path = path, .fresh = letter.data[0] == 'A', .absent = letter.data[0] == 'D'};
        }
    }
}

/* Of two about one file, the status knows how it is, and the commits whether it was there at the
 * start. */
static void merge(struct entry *into, const struct entry *other)
{
    const struct entry *committed = other->committed ? other : into;
    const struct entry *current = other->committed ? into : other;
    *into = (struct entry){.path = into->path,
                           .fresh = committed->fresh,
                           .absent = current->absent,
                           .committed = true};
}

/* Sorted by path, each once. */
static bool read_entries(struct entries *entries,
                         struct pawl_slice status,
                         struct pawl_slice commits,
                         struct pawl_arena *arena)
{
    size_t capacity = count_nuls(status) + count_nuls(commits) + 2;
    *entries = (struct entries){0};
    if (capacity <= ENTRIES_MAX) {
        entries->list = pawl_arena_alloc(arena, capacity * sizeof(entries->list[0]));
    }
    if (entries->list == NULL) {
        return false;
    }
    add_status(entries, status);
    add_commits(entries, commits);
    if (entries->count > 0) {
        qsort(entries->list, entries->count, sizeof(entries->list[0]), compare_path);
    }
    size_t kept = 0;
    for (size_t i = 0; i < entries->count; i++) {
        if (kept > 0 && compare_path(&entries->list[kept - 1], &entries->list[i]) == 0) {
            merge(&entries->list[kept - 1], &entries->list[i]);
        } else {
            entries->list[kept++] = entries->list[i];
        }
    }
    entries->count = kept;
    return true;
}

static const struct entry *find(const struct entries *entries, const struct entry *like)
{
    return entries->count == 0 ? NULL
                               : bsearch(like, entries->list, entries->count,
                                         sizeof(entries->list[0]), compare_path);
}

struct pawl_slice pawl_worktree_head(struct pawl_slice status)
{
    while (status.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&status, '\0');
        if (pawl_slice_starts_with(line, PAWL_SLICE("# branch.oid "))) {
            struct pawl_slice id = pawl_slice_sub(line, strlen("# branch.oid "), line.bytes);
            /* "(initial)": there is no commit yet. */
            return id.bytes > 0 && id.data[0] != '(' ? id : PAWL_SLICE_NONE;
        }
    }
    return PAWL_SLICE_NONE;
}

/* --- Comparing ----------------------------------------------------------------------------- */

struct comparison {
    const struct pawl_worktree_answers *answers;
    struct pawl_worktree_changes *changes;
};

static void count_change(struct comparison *comparison, uint32_t *counter, struct pawl_slice path)
{
    struct pawl_worktree_changes *changes = comparison->changes;
    (*counter)++;
    if (changes->name_count < PAWL_WORKTREE_NAMES_MAX && path.bytes <= NAME_BYTES_MAX) {
        changes->names[changes->name_count++] = path;
    }
}

/* Looks at the file as it is now. Returns whether it is there. */
static bool look(const struct comparison *comparison, struct pawl_slice path, bool *ret_recent)
{
    struct stat found;
    if (fstatat(comparison->answers->root_fd, path.data, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    int64_t changed_us =
        (int64_t)found.st_ctim.tv_sec * PAWL_US_PER_SECOND + found.st_ctim.tv_nsec / 1000;
    *ret_recent = changed_us >= comparison->answers->started_us - CLOCK_SLACK_US;
    return true;
}

static void
compare_entry(struct comparison *comparison, const struct entry *before, const struct entry *after)
{
    struct pawl_worktree_changes *changes = comparison->changes;
    const struct entry *entry = after != NULL ? after : before;
    bool was_there = before == NULL ? !after->fresh : !before->absent;
    bool recent = false;
    bool is_there = look(comparison, entry->path, &recent);
    if (is_there && !was_there) {
        count_change(comparison, &changes->created, entry->path);
    } else if (is_there && recent) {
        count_change(comparison, &changes->changed, entry->path);
    } else if (!is_there && was_there) {
        count_change(comparison, &changes->deleted, entry->path);
    }
}

void pawl_worktree_diff(const struct pawl_worktree_answers *answers,
                        struct pawl_arena *arena,
                        struct pawl_worktree_changes *ret_changes)
{
    *ret_changes = (struct pawl_worktree_changes){0};
    struct entries before;
    struct entries after;
    if (!read_entries(&before, answers->before, PAWL_SLICE_NONE, arena) ||
        !read_entries(&after, answers->after, answers->commits, arena)) {
        return;
    }
    ret_changes->known = true;
    struct comparison comparison = {.answers = answers, .changes = ret_changes};
    for (size_t i = 0; i < after.count; i++) {
        compare_entry(&comparison, find(&before, &after.list[i]), &after.list[i]);
    }
    for (size_t i = 0; i < before.count; i++) {
        if (find(&after, &before.list[i]) == NULL) {
            compare_entry(&comparison, &before.list[i], NULL);
        }
    }
}

void pawl_worktree_put(const struct pawl_worktree_changes *changes, struct pawl_json_writer *writer)
{
    if (!changes->known) {
        return;
    }
    pawl_json_key(writer, "files");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "tree", "git");
    pawl_json_member_i64(writer, "changed", changes->changed);
    pawl_json_member_i64(writer, "created", changes->created);
    pawl_json_member_i64(writer, "deleted", changes->deleted);
    pawl_json_key(writer, "names");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < changes->name_count; i++) {
        pawl_json_put_string(writer, changes->names[i]);
    }
    pawl_json_array_end(writer);
    pawl_json_object_end(writer);
}
