/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rundir.h: the directory of one run. Whoever holds its lock (flock on the file "lock") may open
 * the journal in it: the process that runs it, and after its death whoever settles it. The lock
 * goes with its process, however that ends, so "held" means "alive".
 *
 * The file's first word tells whether there is anything left to settle: "open" from the start on,
 * "ended" once the end is in the journal and in the history, with the last operation behind it. A
 * run that is neither locked nor ended was abandoned: its process was killed.
 */
#ifndef PAWL_RUN_RUNDIR_H
#define PAWL_RUN_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "run/datadir.h"

/* A run's last words, where it was asked for them. */
#define PAWL_SUMMARY_FILE "summary.txt"
/* What its last answer had said that was cut at the limit. */
#define PAWL_PARTIAL_FILE "partial.txt"
/* The policy that it is under, flags included (keep_policy.c). */
#define PAWL_RUN_POLICY_FILE "policy.yaml"
/* A copy of the prices that were named for it. */
#define PAWL_RUN_PRICES_FILE "prices.json"

struct pawl_rundir {
    char id[PAWL_RUN_ID_BYTES];
    char path[PAWL_PATH_BYTES];
    char journal[PAWL_PATH_BYTES];
    int lock_fd; /* owned; -1: not held */
};

/* Makes a directory under a new id, with the lock held and an empty journal directory. It appears
 * under its name only when all of that is there. */
PAWL_MUST_CHECK pawl_err pawl_rundir_create(const struct pawl_datadir *dir,
                                            int64_t now_us,
                                            struct pawl_rundir *ret_run,
                                            struct pawl_errmsg *msg);
/* Takes the lock of an existing one, waiting for nobody; also where nothing can be written. LOCKED:
 * alive; NOT_FOUND. */
PAWL_MUST_CHECK pawl_err pawl_rundir_lock(const struct pawl_datadir *dir,
                                          const char *id,
                                          struct pawl_rundir *ret_run,
                                          struct pawl_errmsg *msg);
/* Writes a whole file of the run, mode 0600. */
PAWL_MUST_CHECK pawl_err pawl_rundir_write(const struct pawl_rundir *run,
                                           const char *name,
                                           struct pawl_slice text,
                                           struct pawl_errmsg *msg);
void pawl_rundir_unlink(const struct pawl_rundir *run, const char *name);
/* Makes the directory's own entries durable: before anything is acknowledged. */
PAWL_MUST_CHECK pawl_err pawl_rundir_sync(const struct pawl_rundir *run, struct pawl_errmsg *msg);
/* Whether something was certainly written to the journal once: what is missing then is lost, and
 * what is missing else may never have been there. */
bool pawl_rundir_has_witness(const struct pawl_rundir *run);
bool pawl_rundir_is_ended(const struct pawl_rundir *run);
/* The last operation of the journal then; 0: not ended, or that was not written down. */
uint64_t pawl_rundir_ended_op(const struct pawl_rundir *run);
/* It has ended, and a history that knows it up to `known_op` has all of it. Needs no lock, since
 * that is the last word. false also when it cannot be read. */
bool pawl_rundir_says_ended(const struct pawl_datadir *dir, const char *id, uint64_t known_op);
PAWL_MUST_CHECK pawl_err pawl_rundir_set_ended(const struct pawl_rundir *run,
                                               uint64_t last_op,
                                               struct pawl_errmsg *msg);
/* Lets the lock go. */
void pawl_rundir_close(struct pawl_rundir *run);
/* Removes what create made, when the run came to nothing before anything was acknowledged. */
void pawl_rundir_remove(struct pawl_rundir *run);

#endif
