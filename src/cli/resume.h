/* SPDX-License-Identifier: Apache-2.0 */
/* resume.h: `pawl run --resume RUN`: what is left of a run, turned into the options of the next. */
#ifndef PAWL_CLI_RESUME_H
#define PAWL_CLI_RESUME_H

#include "cli/cli.h"
#include "run/resume.h"
#include "run/run.h"

/* Fills in the command, the caps, the name and the model where no option gave them, goes to the
 * run's directory, and says what is started. `added`: to each cap. The texts are `resume`'s, which
 * is to be freed in any case. Returns PAWL_CLI_GO_ON or a status. */
int pawl_cli_resume(const struct pawl_cli_call *call,
                    const char *id_or_name,
                    const int64_t *added,
                    struct pawl_run_options *run,
                    struct pawl_resume *ret_resume);

#endif
