/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datadir.h: where runs are kept (docs/CONTRACTS.md has the layout). Any number of processes use
 * one data directory at once; nothing here is locked but each run's own directory (rundir.h).
 */
#ifndef PAWL_RUN_DATADIR_H
#define PAWL_RUN_DATADIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"

enum {
    PAWL_PATH_BYTES = 4096,
    PAWL_RUN_ID_BYTES = 21, /* "run_", ten of time, six of chance, a NUL */
    PAWL_DATADIR_FORMAT = 1 /* what this pawl writes, and the newest it reads */
};

struct pawl_datadir {
    char path[PAWL_PATH_BYTES]; /* absolute, without a slash at the end */
};

/* `flag` (NULL: not given), else $PAWL_DATA_DIR, $XDG_STATE_HOME/pawl, ~/.local/state/pawl. Empty
 * variables count as unset. Touches nothing. */
PAWL_MUST_CHECK pawl_err pawl_datadir_resolve(const char *flag,
                                              struct pawl_datadir *ret_dir,
                                              struct pawl_errmsg *msg);
/* Makes it if it is not there. VERSION: a newer pawl's; CORRUPT: somebody else's FORMAT. */
PAWL_MUST_CHECK pawl_err pawl_datadir_create(const struct pawl_datadir *dir,
                                             struct pawl_errmsg *msg);
/* The same for readers: NOT_FOUND when nothing was ever kept there. Makes nothing. */
PAWL_MUST_CHECK pawl_err pawl_datadir_check(const struct pawl_datadir *dir,
                                            struct pawl_errmsg *msg);
/* The path of a name inside, "history.db". LIMIT: too long. */
PAWL_MUST_CHECK pawl_err pawl_datadir_path(const struct pawl_datadir *dir,
                                           const char *name,
                                           char out[static PAWL_PATH_BYTES],
                                           struct pawl_errmsg *msg);
/* PAWL_ALLOW_ANY_FS=1: journals may lie on memory and network file systems (tests). */
bool pawl_datadir_allows_any_filesystem(void);

/* A new id of a run that starts now. */
void pawl_run_id_make(int64_t now_us, char out[static PAWL_RUN_ID_BYTES]);
/* "run_" and 16 characters of its alphabet. */
bool pawl_run_id_valid(const char *text);
/* The start that the id tells, in microseconds. */
int64_t pawl_run_id_time_us(const char *id);

/* The ids of all runs, newest first; false stops. A directory without runs has none. */
typedef bool pawl_datadir_run_fn(void *arg, const char *id);
PAWL_MUST_CHECK pawl_err pawl_datadir_runs(const struct pawl_datadir *dir,
                                           pawl_datadir_run_fn *fn,
                                           void *arg,
                                           struct pawl_errmsg *msg);
/* "last", or the beginning of an id with or without "run_". NOT_FOUND; INVALID: more than one
 * begins so. */
PAWL_MUST_CHECK pawl_err pawl_datadir_find(const struct pawl_datadir *dir,
                                           const char *text,
                                           char ret_id[static PAWL_RUN_ID_BYTES],
                                           struct pawl_errmsg *msg);

#endif
