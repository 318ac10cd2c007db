/* SPDX-License-Identifier: Apache-2.0 */
/*
 * denial.h: a refusal of the ledger's in words and numbers. The numbers are the record's own, so a
 * refusal says the same whenever it is read. Which maximum was reached is not in the record; the
 * tables tell it as they are.
 */
#ifndef PAWL_CYCLES_DENIAL_H
#define PAWL_CYCLES_DENIAL_H

#include "base/arena.h"
#include "base/slice.h"
#include "core/command.h"
#include "core/core.h"
#include "core/result.h"

enum {
    PAWL_DENIAL_MESSAGE_BYTES = 2048,
    PAWL_DENIAL_RETRY_S = 1,      /* room comes back with whatever ends next */
    PAWL_DENIAL_RETRY_FULL_S = 60 /* somebody has to raise a maximum, or keys to be forgotten */
};

struct pawl_denial_words {
    char message[PAWL_DENIAL_MESSAGE_BYTES];
    struct pawl_slice details; /* a JSON object of the arena's, or empty */
    uint32_t retry_s;          /* of LIMIT_REACHED: when asking again makes sense; else 0 */
};

/* result->code is not OK. `asked` is the command that was refused; NULL: it is not at hand, and the
 * refusal is no commit's and no rate's. */
void pawl_denial_say(const struct pawl_core *core,
                     const struct pawl_result *result,
                     const struct pawl_command *asked,
                     struct pawl_arena *arena,
                     struct pawl_denial_words *ret_words);

#endif
