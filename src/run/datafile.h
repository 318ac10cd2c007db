/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datafile.h: the data directory's small files that several processes change: read without a lock,
 * since each is replaced as a whole; changed under one. They are readable by their owner alone.
 */
#ifndef PAWL_RUN_DATAFILE_H
#define PAWL_RUN_DATAFILE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"

/* "cannot WHAT PATH: …" by errno, and what that is as an error. */
pawl_err pawl_datafile_failed(const char *what, const char *path, struct pawl_errmsg *msg);

/* Under the lock: beside the file, then in its place. `sync`: it must outlive a power failure. */
PAWL_MUST_CHECK pawl_err pawl_datafile_put(const char *path,
                                           struct pawl_slice text,
                                           bool sync,
                                           struct pawl_errmsg *msg);

/* Makes the lock's file where it is not there, and takes it; closing the descriptor lets go. It is
 * held while nothing but the disk is waited for. Whoever has it may be stopped by a person all the
 * same, so it is waited for a fifth of a second at most: a call must not hang on another run's
 * Ctrl-Z. LOCKED: another has it; NOT_FOUND: the lock's directory is not there. */
PAWL_MUST_CHECK pawl_err pawl_datafile_lock(const char *path, int *ret_fd, struct pawl_errmsg *msg);

#endif
