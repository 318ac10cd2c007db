/* SPDX-License-Identifier: Apache-2.0 */
/* top_priv.h: what the list and the panel of `pawl top` share. */
#ifndef PAWL_CLI_TOP_PRIV_H
#define PAWL_CLI_TOP_PRIV_H

#include "base/money.h"
#include "cli/grid.h"
#include "run/caps.h"
#include "run/glance.h"

enum {
    PAWL_TOP_TEXT_BYTES = 256,
    PAWL_TOP_PERCENT_COLUMNS = 5, /* " 100%" */
    PAWL_TOP_STATE_WHOLE = 16     /* "stopped: dollars" */
};

/* --- top_layout.c --- */

/* A word for where it stands, of at most so many columns, so that the one that matters is not cut;
 * PAWL_TOP_TEXT_BYTES. */
void pawl_top_state(const struct pawl_glance *run, int width, char *out);
/* Nothing of it moves any more. */
bool pawl_top_stands_still(const struct pawl_glance *run);
/* In cents, which are enough for what changes every second. */
void pawl_top_dollars(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES]);
/* A bar of a cap as wide as the field, and its percentage behind it. */
void pawl_top_put_gauge(struct pawl_grid *grid,
                        struct pawl_field field,
                        const struct pawl_glance *run,
                        enum pawl_run_cap_index cap);

/* --- top_panel.c --- */

/* One run, in the lines from `row` to before `end`. `whole`: command, place and message, too. */
void pawl_top_put_panel(
    struct pawl_grid *grid, int row, int end, const struct pawl_glance *run, bool whole);

#endif
