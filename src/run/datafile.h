/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datafile.h: the data directory's small files that several processes change: read without a lock,
 * since each is replaced whole (base/file_os.h); changed under one.
 */
#ifndef PAWL_RUN_DATAFILE_H
#define PAWL_RUN_DATAFILE_H

#include "base/attrs.h"
#include "base/err.h"

/* "cannot WHAT PATH: …" by errno, and what that is as an error. */
pawl_err pawl_datafile_failed(const char *what, const char *path, struct pawl_errmsg *msg);

/* Makes the lock's file where it is not there, and takes it; closing the descriptor lets go. It is
 * held while nothing but the disk is waited for. Whoever has it may be stopped by a person all the
 * same, so it is waited for a fifth of a second at most: a call must not hang on another run's
 * Ctrl-Z. LOCKED: another has it; NOT_FOUND: the lock's directory is not there. */
PAWL_MUST_CHECK pawl_err pawl_datafile_lock(const char *path, int *ret_fd, struct pawl_errmsg *msg);

#endif
