/* SPDX-License-Identifier: Apache-2.0 */
/* apply_priv.h: what the files that read durable records share. */
#ifndef PAWL_HISTORY_APPLY_PRIV_H
#define PAWL_HISTORY_APPLY_PRIV_H

#include "base/json.h"
#include "history/db.h"

struct pawl_history_context {
    struct pawl_history_db *db;
    struct pawl_slice run;
    const struct pawl_record *record;
    struct pawl_arena *arena;
    struct pawl_json meta; /* count 0 when there is none that can be read */
};

/* --- apply.c -------------------------------------------------------------------------------- */

/* A member of the metadata; empty, or false, where it is not there. */
struct pawl_slice pawl_history_meta_text(const struct pawl_history_context *context,
                                         const char *path);
bool pawl_history_meta_true(const struct pawl_history_context *context, const char *path);

/* --- apply_approval.c ----------------------------------------------------------------------- */

void pawl_history_apply_question(const struct pawl_history_context *context);
void pawl_history_apply_answer(const struct pawl_history_context *context);

#endif
