/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h: a server's data directory: its paths, its format, its lock (docs/SERVER.md, Files).
 * Whoever has the lock may open the journal.
 */
#ifndef PAWL_SERVER_PLACE_H
#define PAWL_SERVER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"

enum { PAWL_PLACE_PATH_BYTES = 4096, PAWL_PLACE_FORMAT = 1 };

#define PAWL_PLACE_JOURNAL "journal"
#define PAWL_PLACE_ARCHIVE "archive.db"
#define PAWL_PLACE_SOCKET  "pawl.sock"
#define PAWL_PLACE_LOCK    "lock"

struct pawl_place {
    char dir[PAWL_PLACE_PATH_BYTES]; /* absolute */
    int dir_fd;                      /* -1: not open */
    int lock_fd;                     /* -1: not ours */
    bool fresh;                      /* there was no ledger in it */
    uint32_t made_at; /* bytes of `dir` up to the first directory that was made; 0: none was */
};

/* Whether a server's ledger is in the directory: its FORMAT says so. */
bool pawl_place_is_servers(const char *dir);
/* Whether this pawl may read that ledger. CORRUPT: it is half a backup, or no server's; VERSION: a
 * newer pawl's. */
PAWL_MUST_CHECK pawl_err pawl_place_judge(const char *dir, struct pawl_errmsg *msg);
/* Makes the directory (0700) with its FORMAT if need be, durably, and takes the lock. LOCKED:
 * another server has it, whose process the message names. CORRUPT: it is somebody else's; VERSION:
 * a newer pawl's. On failure nothing is open. */
PAWL_MUST_CHECK pawl_err pawl_place_open(const char *dir,
                                         struct pawl_place *ret_place,
                                         struct pawl_errmsg *msg);
/* Says that the place is being filled with a copy, so that nobody takes half of it for a ledger, or
 * that all of it is there, and durable. */
PAWL_MUST_CHECK pawl_err pawl_place_mark(const struct pawl_place *place,
                                         bool whole,
                                         struct pawl_errmsg *msg);
/* The same as opening without changing anything: for `--check`. */
PAWL_MUST_CHECK pawl_err pawl_place_look(const char *dir, struct pawl_errmsg *msg);
/* Whether this user could make the directory, or write in it: PERMISSION, or what else is in the
 * way. For `--check`, too. */
PAWL_MUST_CHECK pawl_err pawl_place_may_write(const char *dir, struct pawl_errmsg *msg);
/* Whether a ledger may be begun in it, which has no journal: CORRUPT where it had one. */
PAWL_MUST_CHECK pawl_err pawl_place_may_begin(const struct pawl_place *place,
                                              struct pawl_errmsg *msg);
/* The path of a name inside. LIMIT: it is too long. */
PAWL_MUST_CHECK pawl_err pawl_place_path(const struct pawl_place *place,
                                         const char *name,
                                         char out[static PAWL_PLACE_PATH_BYTES],
                                         struct pawl_errmsg *msg);
/* A directory of that name inside, whose path comes back; if it had to be made, its entry is on
 * disk. */
PAWL_MUST_CHECK pawl_err pawl_place_make_dir(const struct pawl_place *place,
                                             const char *name,
                                             char ret_path[static PAWL_PLACE_PATH_BYTES],
                                             struct pawl_errmsg *msg);
/* Takes back what opening made, directories too, where nothing but that is there: for a start that
 * failed before it had a ledger. The journal must be closed. */
void pawl_place_discard(struct pawl_place *place);
void pawl_place_close(struct pawl_place *place);

#endif
