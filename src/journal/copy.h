/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.h: a copy of a journal as it is on disk, for `pawl verify` and backups while its owner
 * works: the authority, a live run, a server. It is made between two commits, when nothing is being
 * written, and is a journal as a crash leaves one. What is never written again (segments but the
 * last, checkpoints) is linked, the rest copied; so it is small. Whoever reads it holds its lock,
 * and removes it afterwards; what was left behind goes with the next start of an authority or a
 * server, and with the end of a run.
 */
#ifndef PAWL_JOURNAL_COPY_H
#define PAWL_JOURNAL_COPY_H

#include "base/attrs.h"
#include "base/err.h"

enum { PAWL_COPY_NAME_BYTES = 32 };

/* `dir` has the directory "journal" in it; the name of the copy beside that comes back. */
PAWL_MUST_CHECK pawl_err pawl_copy_make(const char *dir,
                                        char ret_name[static PAWL_COPY_NAME_BYTES],
                                        struct pawl_errmsg *msg);
/* The segment that was written, the file at `path`, has been closed: what a copy kept open of it is
 * let go, so that the disk has its space when it is removed. */
void pawl_copy_let_go(const char *path);
/* Holds the lock of an open copy, for who reads its files as they are; opening the journal in it
 * does so by itself. The descriptor to close afterwards; -1: there is no lock in it. */
int pawl_copy_hold(int copy_fd);
void pawl_copy_remove(const char *dir, const char *name);
/* All that nobody reads. */
void pawl_copy_remove_left(const char *dir);

#endif
