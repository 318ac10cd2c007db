/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_copy.h: a server's journal, held still: by its lock where no server is at work, else as a
 * copy that the server makes beside it (journal/copy.h).
 */
#ifndef PAWL_CLI_SERVER_COPY_H
#define PAWL_CLI_SERVER_COPY_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "run/datadir.h"

struct pawl_server_copy {
    char dir[PAWL_PATH_BYTES];     /* the server's */
    char journal[PAWL_PATH_BYTES]; /* what can be read: the journal itself, or the copy */
    bool live;                     /* a server is at work; it is a copy, which goes when closed */
    int lock_fd;                   /* else the lock */
};

/* NOT_FOUND: there is no server's ledger in the directory. PERMISSION: it is another user's.
 * UNREACHABLE: a server has the lock and does not answer. */
PAWL_MUST_CHECK pawl_err pawl_server_copy_open(const char *dir,
                                               struct pawl_server_copy *ret_copy,
                                               struct pawl_errmsg *msg);
void pawl_server_copy_close(struct pawl_server_copy *copy);

#endif
