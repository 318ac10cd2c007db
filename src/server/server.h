/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h: the process of `pawl serve`: from options to an exit status.
 *
 *   place ─► log ─► engine (replay) ─► registry, archive ─► listeners ─► first key, quick start
 *   … the loop … signal ─► drain ─► everything is closed, the last of it the lock
 *
 * Nothing listens before the ledger is whole, and no key is made before all addresses are had: it
 * could be told to nobody. What fails on the way is told, and nothing is left.
 * A journal that cannot be written ends the process at once: what is not on disk was acknowledged
 * to nobody, and a start replays what is.
 */
#ifndef PAWL_SERVER_SERVER_H
#define PAWL_SERVER_SERVER_H

#include "base/err.h"
#include "core/command.h"
#include "server/options.h"

struct pawl_server_options {
    const struct pawl_serve_options *said; /* checked, as far as the ledger is not needed for it */
    const char *data_dir;                  /* resolved */
    const char *admin_key;                 /* of $PAWL_ADMIN_KEY; NULL: it is not set */
    const char *version;
    bool allow_any_filesystem; /* besides what the options say */
};

/* Serves until it is told to end. PAWL_OK: it ended as asked. Errors, with the reason: those of
 * place.h; CORRUPT, VERSION, CLOCK, UNSUPPORTED of the journal; INVALID, EXISTS, PERMISSION,
 * NOT_FOUND of addresses, certificates and the administrator's key. */
PAWL_MUST_CHECK pawl_err pawl_server_main(const struct pawl_server_options *options,
                                          struct pawl_errmsg *msg);

/* What can be found out without starting: the data directory, certificates, the key's file. */
PAWL_MUST_CHECK pawl_err pawl_server_check(const struct pawl_server_options *options,
                                           struct pawl_errmsg *msg);

/* Whether a ledger is in the directory: its own maxima apply then, unless others are said. */
PAWL_MUST_CHECK bool pawl_server_has_ledger(const struct pawl_server_options *options);

/* What the maxima would come to in memory if all were reached. */
struct pawl_server_memory_row {
    const char *option; /* "max-budgets" */
    int64_t rows_max;
    int64_t row_bytes;
};
enum { PAWL_SERVER_MEMORY_ROWS = PAWL_MAXIMUM_COUNT };
/* Returns the sum. The maxima are the ledger's `config`, or the options' where it is NULL. */
int64_t pawl_server_memory(const struct pawl_serve_options *options,
                           const struct pawl_config *config,
                           struct pawl_server_memory_row ret_rows[static PAWL_SERVER_MEMORY_ROWS]);

/* The administrator's key is a word of 12 to 512 visible characters. */
enum { PAWL_ADMIN_KEY_BYTES = 513 };

#endif
