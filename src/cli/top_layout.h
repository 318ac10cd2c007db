/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_layout.h: what `pawl top` shows, as a function of what is known: from live runs and what the
 * person has chosen to a grid of cells. It asks nobody, reads no clock and knows no terminal, so
 * tests see what a person sees.
 *
 * Columns keep their places whatever stands in them, and numbers are aligned to the right, so
 * nothing jumps from one second to the next. On narrow screens columns go, the least important
 * first; on low ones the panel of the selected run goes.
 */
#ifndef PAWL_CLI_TOP_LAYOUT_H
#define PAWL_CLI_TOP_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/grid.h"
#include "run/glance.h"

enum pawl_top_sort {
    PAWL_TOP_BY_START, /* the newest first */
    PAWL_TOP_BY_USED,  /* the share of the nearest cap */
    PAWL_TOP_BY_BURN,  /* dollars a minute */
    PAWL_TOP_BY_SPENT,
    PAWL_TOP_SORT_COUNT
};

struct pawl_top {
    struct pawl_glance *runs; /* in the order of the screen */
    uint32_t count;
    uint32_t selected;
    enum pawl_top_sort sort;
    bool detail;         /* the selected run alone */
    bool interactive;    /* else it is a snapshot: no keys, nothing selected */
    const char *message; /* in the bottom line in place of the keys; NULL: none */
    const char *clock;   /* "13:55:01" */
    int64_t now_ms;
};

/* Fills a blank grid. */
void pawl_top_layout(const struct pawl_top *top, struct pawl_grid *grid);
/* How many lines a snapshot of so many runs has. */
int pawl_top_snapshot_height(uint32_t count);
/* Puts the runs in order, and keeps the selection on the run whose id is given, if it is there. */
void pawl_top_arrange(struct pawl_top *top, const char *selected_id);
const char *pawl_top_sort_name(enum pawl_top_sort sort);

#endif
