/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worktree_diff.c: two states of a tree into "created, changed, deleted".
 *
 * Git's status names the files that differ from the last commit, at the start and at the end. If
 * the first look was over before the agent started, the comparison is exact: what was clean and
 * differs now was changed; what differed before and still does was changed if the file's last
 * change (ctime) is another one. Otherwise a file counts when its last change is not older than the
 * start. Commits of the run are added with the files that they touched.
 *
 * A file's own times come from the file system's coarse clock, a few milliseconds behind;
 * CLOCK_SLACK_US covers that in the second case.
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
static bool read_status_line(struct pawl_slice line, struct pawl_worktree_entry *ret_entry)
{
    char kind = line.bytes > 2 ? line.data[0] : '#';
    int words = kind == '1' ? 8 : kind == 'u' ? 10 : kind == '?' ? 1 : 0;
    if (words == 0) {
        return false;
    }
    char staged = kind == '?' ? '?' : line.data[2];
    char unstaged = kind == '?' ? '?' : line.data[3];
    *ret_entry = (struct pawl_worktree_entry){
        .path = after_words(line, words),
        .fresh = kind == '?' || staged == 'A',
        .absent = unstaged == 'D' || (staged == 'D' && unstaged == '.'),
    };
    return ret_entry->path.bytes > 0;
}

static int compare_path(const void *left, const void *right)
{
    const struct pawl_worktree_entry *a = left;
    const struct pawl_worktree_entry *b = right;
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

static void add_status(struct pawl_worktree_entries *entries, struct pawl_slice text)
{
    while (text.bytes > 0) {
        struct pawl_worktree_entry entry;
        if (read_status_line(pawl_slice_cut(&text, '\0'), &entry)) {
            entries->list[entries->count++] = entry;
        }
    }
}

/* "M", path, "A", path, … */
static void add_commits(struct pawl_worktree_entries *entries, struct pawl_slice text)
{
    while (text.bytes > 0) {
        struct pawl_slice letter = pawl_slice_cut(&text, '\0');
        struct pawl_slice path = pawl_slice_cut(&text, '\0');
        if (letter.bytes > 0 && path.bytes > 0) {
            entries->list[entries->count++] = (struct pawl_worktree_entry){
                .path = path, .fresh = letter.data[0] == 'A', .absent = letter.data[0] == 'D'};
        }
    }
}

/* Of two about one file, the status knows how it is, and the commits whether it was there at the
 * start. */
static void merge(struct pawl_worktree_entry *into, const struct pawl_worktree_entry *other)
{
    const struct pawl_worktree_entry *committed = other->committed ? other : into;
    const struct pawl_worktree_entry *current = other->committed ? into : other;
    *into = (struct pawl_worktree_entry){.path = into->path,
                                         .fresh = committed->fresh,
                                         .absent = current->absent,
                                         .committed = true};
}

/* Sorted by path, each once. */
static bool read_entries(struct pawl_worktree_entries *entries,
                         struct pawl_slice status,
                         struct pawl_slice commits,
                         struct pawl_arena *arena)
{
    size_t capacity = count_nuls(status) + count_nuls(commits) + 2;
    *entries = (struct pawl_worktree_entries){0};
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

static const struct pawl_worktree_entry *find(const struct pawl_worktree_entries *entries,
                                              const struct pawl_worktree_entry *like)
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

/* The time of the file's last change; false: it is not there. */
static bool look(int root_fd, struct pawl_slice path, int64_t *ret_changed_us)
{
    struct stat found;
    if (fstatat(root_fd, path.data, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    *ret_changed_us =
        (int64_t)found.st_ctim.tv_sec * PAWL_US_PER_SECOND + found.st_ctim.tv_nsec / 1000;
    return true;
}

bool pawl_worktree_read_start(struct pawl_slice status,
                              int root_fd,
                              struct pawl_arena *arena,
                              struct pawl_worktree_start *start)
{
    if (!read_entries(&start->entries, status, PAWL_SLICE_NONE, arena)) {
        return false;
    }
    for (size_t i = 0; root_fd >= 0 && i < start->entries.count; i++) {
        struct pawl_worktree_entry *entry = &start->entries.list[i];
        (void)look(root_fd, entry->path, &entry->changed_us);
    }
    start->head = pawl_worktree_head(status);
    start->exact = root_fd >= 0;
    start->known = true;
    return true;
}

/* --- Comparing ----------------------------------------------------------------------------- */

struct comparison {
    const struct pawl_worktree_start *start;
    int root_fd;
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

static bool was_changed(const struct comparison *comparison,
                        const struct pawl_worktree_entry *before,
                        int64_t changed_us)
{
    if (!comparison->start->exact) {
        return changed_us >= comparison->start->at_us - CLOCK_SLACK_US;
    }
    return before == NULL || before->changed_us != changed_us;
}

/* At least one of the two is there. */
static void compare_entry(struct comparison *comparison,
                          const struct pawl_worktree_entry *before,
                          const struct pawl_worktree_entry *after)
{
    struct pawl_worktree_changes *changes = comparison->changes;
    PAWL_ASSERT(before != NULL || after != NULL);
    const struct pawl_worktree_entry *entry = after != NULL ? after : before;
    bool was_there = before == NULL ? !entry->fresh : !before->absent;
    int64_t changed_us = 0;
    bool is_there = look(comparison->root_fd, entry->path, &changed_us);
    if (is_there && !was_there) {
        count_change(comparison, &changes->created, entry->path);
    } else if (is_there && was_changed(comparison, before, changed_us)) {
        count_change(comparison, &changes->changed, entry->path);
    } else if (!is_there && was_there) {
        count_change(comparison, &changes->deleted, entry->path);
    }
}

void pawl_worktree_diff(const struct pawl_worktree_start *start,
                        const struct pawl_worktree_end *end,
                        struct pawl_arena *arena,
                        struct pawl_worktree_changes *ret_changes)
{
    *ret_changes = (struct pawl_worktree_changes){0};
    struct pawl_worktree_entries after;
    if (!start->known || !read_entries(&after, end->status, end->commits, arena)) {
        return;
    }
    ret_changes->known = true;
    struct comparison comparison = {
        .start = start, .root_fd = end->root_fd, .changes = ret_changes};
    for (size_t i = 0; i < after.count; i++) {
        compare_entry(&comparison, find(&start->entries, &after.list[i]), &after.list[i]);
    }
    for (size_t i = 0; i < start->entries.count; i++) {
        if (find(&after, &start->entries.list[i]) == NULL) {
            compare_entry(&comparison, &start->entries.list[i], NULL);
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
