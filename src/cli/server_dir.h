/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_dir.h: where a server's ledger is when no option says where: $PAWL_SERVE_DATA_DIR, else
 * "server" in the data directory of runs. So `pawl serve` and the commands that ask it find each
 * other without a word.
 */
#ifndef PAWL_CLI_SERVER_DIR_H
#define PAWL_CLI_SERVER_DIR_H

#include "base/attrs.h"
#include "base/err.h"
#include "run/datadir.h"

/* `said` (NULL: nothing) is the directory itself. */
PAWL_MUST_CHECK pawl_err pawl_cli_server_dir(const char *said,
                                             char out[static PAWL_PATH_BYTES],
                                             struct pawl_errmsg *msg);
/* The path of a name in it: "pawl.sock". */
PAWL_MUST_CHECK pawl_err pawl_cli_server_path(const char *said,
                                              const char *name,
                                              char out[static PAWL_PATH_BYTES],
                                              struct pawl_errmsg *msg);

#endif
