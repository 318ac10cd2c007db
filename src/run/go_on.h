/* SPDX-License-Identifier: Apache-2.0 */
/*
 * go_on.h: what a run that was stopped needs to go on, as the card, `pawl show`, `pawl approve`
 * and `pawl run --resume` all say it. The amount is gateway/more.h's, and the one that was named at
 * the halt where that is enough.
 */
#ifndef PAWL_RUN_GO_ON_H
#define PAWL_RUN_GO_ON_H

#include "base/buf.h"
#include "engine/lend.h"
#include "history/history.h"
#include "run/phases.h"

struct pawl_go_on {
    uint16_t unit;                     /* of the cap that stopped it; NONE: none did */
    int64_t more;                      /* of the unit; 0: nothing has to be added */
    char limit[PAWL_LIMIT_NAME_BYTES]; /* across runs, that must begin anew or be raised */
    char phase[PAWL_PHASE_NAME_BYTES]; /* whose ceiling it was; "": the run's own cap */
};

/* Of a run that was stopped, by what the history has of its end. */
void pawl_go_on_read(const struct pawl_history_run *run, struct pawl_go_on *ret_go_on);
/* " --add-usd 0.75", " --phase verification=usd=0.20"; nothing where nothing is to be added. */
void pawl_go_on_put_options(const struct pawl_go_on *go_on, struct pawl_buf *out);
/* "pawl run --resume run_… --add-usd 0.75", or, while it lives, "pawl approve …". `data_dir` as it
 * was given; NULL: it was not. */
void pawl_go_on_put_command(const struct pawl_go_on *go_on,
                            const char *id,
                            const char *data_dir,
                            bool lives,
                            struct pawl_buf *out);

#endif
