/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored.h: which restores a ledger has behind it (the file `restored` of its directory, a line
 * each). A restored ledger counts on from the copy, so its operations have numbers that others had
 * in the time that is lost; from there on ids are made with another salt (engine/engine.h), so that
 * a commit of then settles nothing of now.
 */
#ifndef PAWL_SERVER_RESTORED_H
#define PAWL_SERVER_RESTORED_H

#include "base/attrs.h"
#include "base/err.h"
#include "engine/engine.h"
#include "server/place.h"

enum { PAWL_RESTORED_MAX = 256 };

struct pawl_restored {
    struct pawl_id_turn turns[PAWL_RESTORED_MAX];
    uint32_t count;
};

/* At a start: reads them, and where the directory is a copy that nobody has opened yet, adds a turn
 * behind `last_op` and makes that durable. CORRUPT: the file cannot be read; LIMIT: it is full. */
PAWL_MUST_CHECK pawl_err pawl_restored_open(const struct pawl_place *place,
                                            uint64_t last_op,
                                            struct pawl_restored *ret_restored,
                                            struct pawl_errmsg *msg);
/* Into a copy of the ledger in `from`: those that it has, and that it is a copy. */
PAWL_MUST_CHECK pawl_err pawl_restored_copy(const char *from,
                                            const struct pawl_place *to,
                                            struct pawl_errmsg *msg);

#endif
