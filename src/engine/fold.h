/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h: equal denials in a row are one record with a count (J14), so that a client that hammers
 * on a closed door does not fill the disk.
 */
#ifndef PAWL_ENGINE_FOLD_H
#define PAWL_ENGINE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/command.h"
#include "core/result.h"

struct pawl_fold {
    bool active;
    size_t offset; /* of the denial's record in the collecting batch */
    int64_t from_us;
    int64_t until_us;
    struct pawl_buf form; /* the denied command's bytes */
    struct pawl_buf other;
    struct pawl_result result;
};

void pawl_fold_init(struct pawl_fold *fold);
void pawl_fold_free(struct pawl_fold *fold);
/* Something else was applied, or the batch was closed. */
void pawl_fold_forget(struct pawl_fold *fold);
/* Looks at what was just applied and recorded at `offset`. next_due_us: when anything expires. */
void pawl_fold_remember(struct pawl_fold *fold,
                        const struct pawl_command *command,
                        const struct pawl_result *result,
                        size_t offset,
                        int64_t next_due_us);
/* Whether this command would be denied exactly as the one before it was. */
bool pawl_fold_matches(struct pawl_fold *fold, const struct pawl_command *command, int64_t now_us);

#endif
