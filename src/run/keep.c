/* SPDX-License-Identifier: Apache-2.0 */
/* keep.c: see keep.h. */
#define _GNU_SOURCE
#include "run/keep.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "run/rundir.h"

/* What a run's directory is called between its name and nothing. No id begins so. */
static const char hidden[] = ".gone-";

enum { NAME_BYTES = 300, FILES_OPEN = 8 };

/* --- Directories ---------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* Links are removed, not followed. */
static bool remove_tree(const char *path)
{
    return nftw(path, remove_entry, FILES_OPEN, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT;
}

/* Directories that lost their name and are still there: their remover was killed. */
static void remove_leftovers(const struct pawl_datadir *dir)
{
    char runs[PAWL_PATH_BYTES];
    char path[PAWL_PATH_BYTES + NAME_BYTES];
    struct pawl_errmsg msg;
    DIR *listing = pawl_ok(pawl_datadir_path(dir, "runs", runs, &msg)) ? opendir(runs) : NULL;
    if (listing == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (strncmp(entry->d_name, hidden, sizeof(hidden) - 1) == 0) {
            (void)snprintf(path, sizeof(path), "%s/%s", runs, entry->d_name);
            (void)remove_tree(path);
        }
    }
    (void)closedir(listing);
}

/* false: it is to be left alone. */
static bool remove_directory(const struct pawl_datadir *dir, const char *id)
{
    char name[NAME_BYTES];
    char path[PAWL_PATH_BYTES];
    struct pawl_rundir run;
    struct pawl_errmsg msg;
    pawl_err err = pawl_rundir_lock(dir, id, &run, &msg);
    if (pawl_failed(err)) {
        return err.code == PAWL_ERR_NOT_FOUND; /* An earlier remover came so far. */
    }
    (void)snprintf(name, sizeof(name), "runs/%s%s", hidden, id);
    bool gone = pawl_rundir_is_ended(&run) && pawl_ok(pawl_datadir_path(dir, name, path, &msg)) &&
                rename(run.path, path) == 0;
    if (gone) {
        (void)remove_tree(path); /* What is left of it is a leftover. */
    }
    pawl_rundir_close(&run);
    return gone;
}

/* --- The sweep ------------------------------------------------------------------------------ */

struct due {
    uint32_t count;
    char ids[PAWL_KEEP_BY_READER][PAWL_RUN_ID_BYTES];
};

/* Not removed while the history hands them out: that would change what is being read. */
static bool note_due(void *arg, struct pawl_slice run_id, uint64_t watermark)
{
    (void)watermark;
    struct due *due = arg;
    if (pawl_slice_copy_str(run_id, due->ids[due->count], PAWL_RUN_ID_BYTES) &&
        pawl_run_id_valid(due->ids[due->count])) {
        due->count++;
    }
    return due->count < PAWL_KEEP_BY_READER;
}

pawl_err pawl_keep_sweep(const struct pawl_datadir *dir,
                         struct pawl_history *history,
                         int64_t now_us,
                         uint32_t most,
                         uint32_t *ret_removed,
                         struct pawl_errmsg *msg)
{
    PAWL_ASSERT(most <= PAWL_KEEP_BY_READER);
    struct due due = {.count = 0};
    uint32_t removed = 0;
    pawl_err err = pawl_history_due(history, now_us, most, note_due, &due, msg);
    for (uint32_t i = 0; pawl_ok(err) && i < due.count; i++) {
        if (remove_directory(dir, due.ids[i])) {
            err = pawl_history_forget(history, pawl_slice_str(due.ids[i]), msg);
            removed += pawl_ok(err) ? 1 : 0;
        }
    }
    if (due.count > 0) {
        remove_leftovers(dir);
    }
    *ret_removed = removed;
    return err;
}

void pawl_keep_after_run(const struct pawl_datadir *dir, int64_t now_us)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_errmsg msg;
    struct pawl_history *history = NULL;
    uint32_t removed = 0;
    if (pawl_failed(pawl_datadir_path(dir, "history.db", path, &msg)) ||
        pawl_failed(pawl_history_open(path, NULL, &history, &msg))) {
        return;
    }
    pawl_err err = PAWL_OK;
    if (!pawl_history_is_read_only(history)) {
        err = pawl_keep_sweep(dir, history, now_us, PAWL_KEEP_AFTER_RUN, &removed, &msg);
    }
    (void)err.code; /* The next one tries again. */
    err = pawl_history_close(history, &msg);
    (void)err.code;
}
