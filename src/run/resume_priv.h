/* SPDX-License-Identifier: Apache-2.0 */
/* resume_priv.h: shared by the files that turn a run into the one that goes on with it. */
#ifndef PAWL_RUN_RESUME_PRIV_H
#define PAWL_RUN_RESUME_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/json.h"
#include "base/slice.h"
#include "run/go_on.h"
#include "run/resume.h"

struct pawl_resume_work {
    const struct pawl_resume_request *request;
    struct pawl_resume *resume;
    struct pawl_errmsg *msg;
    bool found;
    bool completed;
    bool called;             /* a model call came, if only to be refused: there is a conversation */
    struct pawl_go_on go_on; /* what stopped it, and what it needs */
    int64_t limit[PAWL_CAP_COUNT];
    int64_t spent[PAWL_CAP_COUNT]; /* by this run alone */
    struct pawl_slice session;
    struct pawl_slice successor;
    struct pawl_json meta;
};

/* --- resume_read.c: all texts live in the arena ---------------------------------------------- */

/* NULL: no memory. */
char *pawl_resume_keep(struct pawl_resume_work *work, struct pawl_slice text);
PAWL_MUST_CHECK pawl_err pawl_resume_read_history(struct pawl_resume_work *work);
/* A file of the run's directory. */
PAWL_MUST_CHECK pawl_err pawl_resume_path(struct pawl_resume_work *work,
                                          const char *name,
                                          char out[static PAWL_PATH_BYTES]);
PAWL_MUST_CHECK pawl_err pawl_resume_read_meta(struct pawl_resume_work *work);
/* NULL: it does not say. */
const char *pawl_resume_meta_text(struct pawl_resume_work *work, const char *key);
/* NULL at the end; NULL: no memory. */
char **pawl_resume_read_argv(struct pawl_resume_work *work);
/* What the agent is told. */
struct pawl_slice pawl_resume_words(struct pawl_resume_work *work);

#endif
