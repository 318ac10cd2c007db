/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_clean.c: what was put into an agent is taken away again: by the run at its end, which has
 * the plan; and for a run that was killed by whoever settles it, who knows only where such things
 * lie.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/agents_priv.h"
#include "run/datadir.h"

bool pawl_agent_item_path(const char *run_dir, const char *name, char out[static PAWL_PATH_BYTES])
{
    int bytes = name[0] == '/' ? snprintf(out, PAWL_PATH_BYTES, "%s", name)
                               : snprintf(out, PAWL_PATH_BYTES, "%s/%s", run_dir, name);
    return bytes > 0 && bytes < PAWL_PATH_BYTES;
}

/* A directory, and the one that it stands for. */
struct pair {
    char here[PAWL_PATH_BYTES];
    char there[PAWL_PATH_BYTES];
};

static bool cut_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* What the agent made, or put in the place of a link as programs do that write a file anew,
 * goes where it would be without pawl. What does not come along by a rename stays in the run's
 * directory. */
static void take_along(void *arg, const char *name)
{
    const struct pair *pair = arg;
    char from[PAWL_PATH_BYTES + 256];
    char to[PAWL_PATH_BYTES + 256];
    struct stat found;
    (void)snprintf(from, sizeof(from), "%s/%s", pair->here, name);
    (void)snprintf(to, sizeof(to), "%s/%s", pair->there, name);
    if (lstat(from, &found) == 0 && !S_ISLNK(found.st_mode)) {
        (void)rename(from, to);
    }
}

static void unlink_items(const struct pawl_agent_plan *plan,
                         const char *run_dir,
                         enum pawl_agent_item_kind kind)
{
    char path[PAWL_PATH_BYTES];
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct pawl_agent_item *item = &plan->items[i];
        struct stat found;
        if (item->kind == kind && pawl_agent_item_path(run_dir, item->name, path) &&
            lstat(path, &found) == 0 && (kind != PAWL_AGENT_LINK || S_ISLNK(found.st_mode))) {
            (void)unlink(path);
        }
    }
}

static void remove_parents(const struct pawl_agent_plan *plan, const char *run_dir)
{
    char path[PAWL_PATH_BYTES];
    for (size_t i = plan->item_count; i > 0; i--) {
        const struct pawl_agent_item *item = &plan->items[i - 1];
        if (item->kind != PAWL_AGENT_FILE && item->kind != PAWL_AGENT_LINK) {
            continue;
        }
        /* A directory that is not empty stays, and so do those above it. */
        bool going = pawl_agent_item_path(run_dir, item->name, path);
        while (going && cut_name(path) && strcmp(path, run_dir) != 0) {
            going = rmdir(path) == 0;
        }
    }
}

void pawl_agent_clean(const struct pawl_agent_plan *plan, const char *run_dir)
{
    unlink_items(plan, run_dir, PAWL_AGENT_FILE);
    unlink_items(plan, run_dir, PAWL_AGENT_LINK);
    for (size_t i = 0; i < plan->item_count; i++) {
        struct pair pair;
        const struct pawl_agent_item *item = &plan->items[i];
        if (item->kind == PAWL_AGENT_OVERLAY &&
            pawl_agent_item_path(run_dir, item->name, pair.here) &&
            pawl_agent_item_path(run_dir, item->value, pair.there)) {
            (void)mkdir(pair.there, S_IRWXU);
            pawl_agent_each_entry(pair.here, take_along, &pair);
        }
    }
    remove_parents(plan, run_dir);
}

/* --- After a kill ---------------------------------------------------------------------------- */

static void unlink_link(void *arg, const char *name)
{
    char path[PAWL_PATH_BYTES + 256];
    struct stat found;
    (void)snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
    if (lstat(path, &found) == 0 && S_ISLNK(found.st_mode)) {
        (void)unlink(path);
    }
}

/* What else is in it stays, and then so does the directory. */
static void empty(const char *dir)
{
    static const char *const files[] = {PAWL_AGENT_CLAUDE_FILE, PAWL_AGENT_GEMINI_FILE,
                                        "settings.json"};
    char path[PAWL_PATH_BYTES + 256];
    union {
        const char *from;
        void *to;
    } arg = {.from = dir};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    pawl_agent_each_entry(dir, unlink_link, arg.to);
}

void pawl_agent_clean_killed(const char *run_dir, const char *run_id)
{
    char path[PAWL_PATH_BYTES + 256];
    empty(run_dir);
    (void)snprintf(path, sizeof(path), "%s/" PAWL_AGENT_GEMINI_OVERLAY, run_dir);
    empty(path);
    (void)rmdir(path);
    (void)cut_name(path);
    (void)rmdir(path);
    (void)snprintf(path, sizeof(path), PAWL_AGENT_ROOTS_DIR "/%s", run_id);
    empty(path);
    (void)rmdir(path);
    (void)rmdir(PAWL_AGENT_ROOTS_DIR);
}
