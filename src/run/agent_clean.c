/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_clean.c: what was put into a run's agents is taken away again, at its end by the run, and
 * after a kill by whoever settles it. Neither knows what a script has started in it, so things are
 * found by where they lie and how their names begin.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/agents_priv.h"
#include "run/datadir.h"
#include "run/wrap.h"

enum { LONG_PATH_BYTES = PAWL_PATH_BYTES + 256 };

bool pawl_agent_item_path(const char *run_dir, const char *name, char out[static PAWL_PATH_BYTES])
{
    int bytes = name[0] == '/' ? snprintf(out, PAWL_PATH_BYTES, "%s", name)
                               : snprintf(out, PAWL_PATH_BYTES, "%s/%s", run_dir, name);
    return bytes > 0 && bytes < PAWL_PATH_BYTES;
}

/* A directory that is cleaned, and the one that it stands for. */
struct cleaning {
    const char *dir;
    const char *real; /* NULL: what is left in it stays */
    bool killed;
};

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* Links and settings are pawl's, with what a start that was killed may have left of them. */
static void unlink_given(void *arg, const char *name)
{
    const struct cleaning *cleaning = arg;
    char path[LONG_PATH_BYTES];
    struct stat found;
    (void)snprintf(path, sizeof(path), "%s/%s", cleaning->dir, name);
    bool is_link = lstat(path, &found) == 0 && S_ISLNK(found.st_mode);
    if (is_link || begins(name, PAWL_AGENT_CLAUDE_FILE) || begins(name, PAWL_AGENT_GEMINI_FILE) ||
        begins(name, "settings.json")) {
        (void)unlink(path);
    }
}

/* What the agent made, or put in the place of a link as programs do that write a file anew,
 * goes where it would be without pawl. What does not come along by a rename stays in the run's
 * directory. */
static void take_along(void *arg, const char *name)
{
    const struct cleaning *cleaning = arg;
    char from[LONG_PATH_BYTES];
    char to[LONG_PATH_BYTES];
    (void)snprintf(from, sizeof(from), "%s/%s", cleaning->dir, name);
    (void)snprintf(to, sizeof(to), "%s/%s", cleaning->real, name);
    (void)rename(from, to);
}

static void empty(struct cleaning cleaning)
{
    pawl_agent_each_entry(cleaning.dir, unlink_given, &cleaning);
    if (cleaning.real != NULL && !cleaning.killed) {
        (void)mkdir(cleaning.real, S_IRWXU);
        pawl_agent_each_entry(cleaning.dir, take_along, &cleaning);
    }
}

static void clean_home(void *arg, const char *name)
{
    const struct cleaning *run = arg;
    char real[PAWL_PATH_BYTES];
    char link[LONG_PATH_BYTES + sizeof("/" PAWL_AGENT_GEMINI_REAL)];
    char overlay[LONG_PATH_BYTES + sizeof("/" PAWL_AGENT_GEMINI_OVERLAY)];
    char home[LONG_PATH_BYTES];
    if (!begins(name, PAWL_AGENT_GEMINI_HOME)) {
        return;
    }
    (void)snprintf(home, sizeof(home), "%s/%s", run->dir, name);
    (void)snprintf(link, sizeof(link), "%s/" PAWL_AGENT_GEMINI_REAL, home);
    (void)snprintf(overlay, sizeof(overlay), "%s/" PAWL_AGENT_GEMINI_OVERLAY, home);
    ssize_t bytes = readlink(link, real, sizeof(real) - 1);
    real[bytes > 0 ? bytes : 0] = '\0';
    empty((struct cleaning){overlay, bytes > 0 ? real : NULL, run->killed});
    (void)unlink(link);
    /* A directory that is not empty stays, and so do those above it. */
    (void)(rmdir(overlay) == 0 && rmdir(home) == 0);
}

void pawl_agent_clean(const char *run_dir, const char *run_id, bool killed)
{
    char roots[PAWL_PATH_BYTES];
    struct cleaning run = {.dir = run_dir, .killed = killed};
    pawl_wrap_clean(run_dir);
    empty(run);
    pawl_agent_each_entry(run_dir, clean_home, &run);
    (void)snprintf(roots, sizeof(roots), PAWL_AGENT_ROOTS_DIR "/%s", run_id);
    empty((struct cleaning){.dir = roots, .killed = killed});
    (void)(rmdir(roots) == 0 && rmdir(PAWL_AGENT_ROOTS_DIR) == 0);
}
