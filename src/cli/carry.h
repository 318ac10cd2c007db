/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry.h: what becomes of each flag of `pawl run` when `--resume` goes on with the run that had
 * it. docs/LIMITS.md tells it to users; a test walks the table of options, so that a new flag has a
 * row here.
 */
#ifndef PAWL_CLI_CARRY_H
#define PAWL_CLI_CARRY_H

#include <stddef.h>

#include "cli/cli.h"
#include "run/resume.h"
#include "run/run.h"

enum pawl_carry {
    PAWL_CARRY_UNDECIDED,
    PAWL_CARRY_LEFT,    /* a cap: what is left of it, and what is added */
    PAWL_CARRY_ADDS,    /* as it was, and what is given now is added */
    PAWL_CARRY_TOLD,    /* as it was told, but for what is told now */
    PAWL_CARRY_THIS_RUN /* it is about this one command line, and means nothing to the next */
};

enum pawl_carry pawl_cli_carry_of(const char *option);
/* How many options have a decision: no row is left of one that is gone. */
size_t pawl_cli_carry_count(void);

/* Puts what the run before was told into the options, where none of this call's says it anew. */
void pawl_cli_carry(const struct pawl_cli_call *call,
                    const struct pawl_resume *resume,
                    struct pawl_run_options *run);
/* Appends a line each: what is as it was told, and what is told now; nothing where there is
 * neither. */
void pawl_cli_carry_lines(const struct pawl_cli_call *call,
                          const struct pawl_resume *resume,
                          struct pawl_buf *out);

#endif
