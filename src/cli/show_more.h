/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_more.h: what `pawl show` tells of a run beside its calls: where it goes on from and with,
 * the questions to a person, the steps down the ladder, the files, the last words.
 */
#ifndef PAWL_CLI_SHOW_MORE_H
#define PAWL_CLI_SHOW_MORE_H

#include "cli/cli.h"
#include "history/history.h"
#include "run/datadir.h"

struct pawl_cli_more {
    const struct pawl_datadir *dir;
    const char *data_dir; /* as it was given, for commands that are shown; NULL: it was not */
    struct pawl_slice run_id;
    int64_t started_us; /* of the run, since times are told from there */
    bool json;
    bool full; /* the texts that it left, as long as they are */
};
PAWL_MUST_CHECK pawl_err pawl_cli_show_more(const struct pawl_cli_more *what,
                                            struct pawl_history *history,
                                            struct pawl_errmsg *msg);

/* The files that a run changed, from the note of its end; nothing where that says nothing. */
void pawl_cli_show_files(struct pawl_slice end_note);

#endif
