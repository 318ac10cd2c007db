/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.c: see place.h. In a plain repository ".git" is a directory. In a worktree and in a
 * submodule it is a file that names one ("gitdir: …"); in a worktree's there is a file "commondir"
 * that names the one that all share. A bare repository is such a directory itself.
 */
#define _GNU_SOURCE
#include "run/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/slice.h"

/* The first line of a small file. */
static bool read_line(const char *path, char out[static PAWL_PATH_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t bytes = fd >= 0 ? read(fd, out, PAWL_PATH_BYTES - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (bytes <= 0) {
        return false;
    }
    out[bytes] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0';
}

static bool join(const char *dir, const char *name, char out[static PAWL_PATH_BYTES])
{
    bool absolute = name[0] == '/';
    int bytes =
        snprintf(out, PAWL_PATH_BYTES, "%s%s%s", absolute ? "" : dir, absolute ? "" : "/", name);
    return bytes > 0 && bytes < PAWL_PATH_BYTES;
}

static bool resolve(const char *path, char out[static PAWL_PATH_BYTES])
{
    char *real = realpath(path, NULL);
    bool fits = real != NULL && pawl_slice_copy_str(pawl_slice_str(real), out, PAWL_PATH_BYTES);
    (free)(real); /* libc's, not ours */
    return fits;
}

/* The git directory that `git` (the ".git" of some directory) leads to. */
static bool git_dir_of(const char *dir, const char *git, char out[static PAWL_PATH_BYTES])
{
    static const char word[] = "gitdir: ";
    struct stat found;
    char line[PAWL_PATH_BYTES];
    char path[PAWL_PATH_BYTES];
    if (stat(git, &found) != 0) {
        return false;
    }
    if (S_ISDIR(found.st_mode)) {
        return join(git, "HEAD", path) && access(path, F_OK) == 0 && resolve(git, out);
    }
    return S_ISREG(found.st_mode) && read_line(git, line) &&
           strncmp(line, word, sizeof(word) - 1) == 0 && join(dir, line + sizeof(word) - 1, path) &&
           resolve(path, out);
}

/* The one that all worktrees share. */
static void to_common(char git_dir[static PAWL_PATH_BYTES])
{
    char path[PAWL_PATH_BYTES];
    char line[PAWL_PATH_BYTES];
    char common[PAWL_PATH_BYTES];
    if (join(git_dir, "commondir", path) && read_line(path, line) && join(git_dir, line, path) &&
        resolve(path, common)) {
        memcpy(git_dir, common, sizeof(common));
    }
}

/* What git looks for, too. */
static bool is_git_dir(const char *dir)
{
    static const char *const parts[] = {"HEAD", "objects", "refs"};
    char path[PAWL_PATH_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(parts); i++) {
        if (!join(dir, parts[i], path) || access(path, F_OK) != 0) {
            return false;
        }
    }
    return true;
}

/* The git directory of a repository whose top this is. */
static bool repo_at(const char *dir, char out[static PAWL_PATH_BYTES])
{
    char git[PAWL_PATH_BYTES];
    return (join(strcmp(dir, "/") == 0 ? "" : dir, ".git", git) && git_dir_of(dir, git, out)) ||
           (is_git_dir(dir) && resolve(dir, out));
}

static void find_repo(struct pawl_place *place)
{
    char dir[PAWL_PATH_BYTES];
    char *out = place->repo;
    out[0] = '\0';
    place->git[0] = '\0';
    (void)pawl_slice_copy_str(pawl_slice_str(place->dir), dir, sizeof(dir));
    for (;;) {
        if (repo_at(dir, out)) {
            memcpy(place->git, out, sizeof(place->git));
            to_common(out);
            size_t bytes = strlen(out);
            if (bytes > 5 && strcmp(out + bytes - 5, "/.git") == 0) {
                out[bytes - 5] = '\0';
            }
            return;
        }
        char *slash = strrchr(dir, '/');
        if (slash == NULL || strcmp(dir, "/") == 0) {
            return;
        }
        slash[slash == dir ? 1 : 0] = '\0';
    }
}

bool pawl_place_find(const char *path, struct pawl_place *ret_place)
{
    struct stat found;
    if (!resolve(path, ret_place->dir) || stat(ret_place->dir, &found) != 0 ||
        !S_ISDIR(found.st_mode)) {
        ret_place->dir[0] = '\0';
        ret_place->repo[0] = '\0';
        ret_place->git[0] = '\0';
        return false;
    }
    find_repo(ret_place);
    return true;
}
