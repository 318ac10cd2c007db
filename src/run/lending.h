/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lending.h: a run's part in limits across runs (docs/AUTHORITY.md): it finds out whether there are
 * any, borrows, and gives back. A run without limits starts nobody and has no thread of it; before
 * each call, and every 10 s, it looks whether a limit was set.
 *
 * The authority is asked by a thread that may wait, one question after the other; answers come back
 * on the loop's thread.
 */
#ifndef PAWL_RUN_LENDING_H
#define PAWL_RUN_LENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/borrow.h"
#include "run/datadir.h"
#include "run/place.h"

struct uv_loop_s;
struct pawl_lending;

/* What fails is that limits are defined and nobody can say which. Before the keeper is forked.
 * `where`: where the run is, for the limits on directories and repositories; may be nowhere. */
PAWL_MUST_CHECK pawl_err pawl_lending_find(const struct pawl_datadir *dir,
                                           const struct pawl_place *where,
                                           struct pawl_lending **ret_lending,
                                           struct pawl_errmsg *msg);

struct pawl_lending_options {
    struct uv_loop_s *loop; /* borrowed, like all of these */
    struct pawl_engine *engine;
    const struct pawl_subject *subject;
    const char *run_id;
    /* Something may fit now that did not before. */
    void (*on_more)(void *arg);
    /* Other limits bind than before, or other amounts. */
    void (*on_limits)(void *arg);
    void *arg;
};
PAWL_MUST_CHECK pawl_err pawl_lending_open(struct pawl_lending *lending,
                                           const struct pawl_lending_options *options,
                                           struct pawl_errmsg *msg);
struct pawl_authority *pawl_lending_authority(struct pawl_lending *lending);
bool pawl_lending_may_have(struct pawl_lending *lending, uint16_t unit, int64_t amount);
/* Gives everything back; `done` runs when that is over, or was not to be had in time. */
void pawl_lending_end(struct pawl_lending *lending, void (*done)(void *arg), void *arg);
/* Whether everything is back. NULL is allowed: there was nothing. */
bool pawl_lending_settled(const struct pawl_lending *lending);
/* The limits that bind, as last heard of; none for NULL. */
struct pawl_run_limits {
    uint32_t count;
    struct pawl_limit rows[PAWL_LEND_LIMITS_MAX];
};
void pawl_lending_limits(const struct pawl_lending *lending, struct pawl_run_limits *ret_limits);
/* "$20.00 per day on this machine, $3.20 left" */
void pawl_lending_phrase(const struct pawl_limit *limit, struct pawl_buf *out);
/* All of them, with "and" between them; "none". */
void pawl_lending_list(const struct pawl_run_limits *limits, struct pawl_buf *out);
/* "shared_limits":[…], where there are any: each as `pawl limit --json` has it, or in short its
 * name, unit and amount. */
void pawl_lending_write(struct pawl_json_writer *writer,
                        const struct pawl_run_limits *limits,
                        bool in_short);
/* Stops asking, and closes what hangs on the loop, whose close callbacks must run before free. NULL
 * is allowed for both. */
void pawl_lending_close(struct pawl_lending *lending);
void pawl_lending_free(struct pawl_lending *lending);

/* Settles the slices of a run that died, from its journal: `lent` was fed all of it. NOTHING is
 * asked where it never borrowed. */
PAWL_MUST_CHECK pawl_err pawl_lending_settle(const struct pawl_datadir *dir,
                                             const char *run_id,
                                             const struct pawl_lent *lent,
                                             struct pawl_errmsg *msg);

#endif
