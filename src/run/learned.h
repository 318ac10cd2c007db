/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learned.h: what calls have taught about models, kept for later runs: learned.json in the data
 * directory. A run that begins with it holds for its first call what such calls have cost, and not
 * what any tokenizer could make of it.
 *
 * It is a cache. Where it is missing, damaged or another version's, a run learns anew; two runs
 * that end together lose nothing, for it is changed under a lock.
 */
#ifndef PAWL_RUN_LEARNED_H
#define PAWL_RUN_LEARNED_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "gateway/estimate.h"
#include "gateway/upstream.h"
#include "run/datadir.h"

#define PAWL_LEARNED_FILE "learned.json"

enum {
    PAWL_LEARNED_LESSONS = 32, /* of a model: the newest */
    PAWL_LEARNED_MODELS = 32,  /* those that were called last */
    PAWL_LEARNED_DAYS = 30,    /* a lesson counts so long: names stay, what answers may change */
    PAWL_LEARNED_SOURCE_BYTES = 32
};

struct pawl_learned;

/* Who counts: the upstream, and where it is not the vendor's own address (NULL), a hash of that.
 * One name may mean another model elsewhere. */
void pawl_learned_source(enum pawl_upstream upstream,
                         const char *url,
                         char ret_source[static PAWL_LEARNED_SOURCE_BYTES]);

/* NULL when there is no memory. */
PAWL_MUST_CHECK struct pawl_learned *pawl_learned_new(void);
void pawl_learned_free(struct pawl_learned *learned);

/* Takes a lesson of now. Without memory, or with a name that is too long, it is forgotten. */
void pawl_learned_note(struct pawl_learned *learned,
                       const char *source,
                       struct pawl_slice model,
                       const struct pawl_estimate_lesson *lesson,
                       int64_t now_us);

/* Every lesson in the file that still counts: of each model the oldest first. */
typedef void pawl_learned_fn(void *arg,
                             const char *source,
                             struct pawl_slice model,
                             const struct pawl_estimate_lesson *lesson);
void pawl_learned_read(const struct pawl_datadir *dir,
                       int64_t now_us,
                       pawl_learned_fn *fn,
                       void *arg);

/* Adds what was noted to the file; where nothing was, touches nothing. */
PAWL_MUST_CHECK pawl_err pawl_learned_save(const struct pawl_learned *learned,
                                           const struct pawl_datadir *dir,
                                           int64_t now_us,
                                           struct pawl_errmsg *msg);

#endif
