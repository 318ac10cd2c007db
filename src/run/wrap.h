/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap.h: agents that a script starts. The run's directory has a directory with a link to pawl for
 * each agent that is found on PATH, under that agent's name, and stands in front of the PATH of
 * whatever the run starts:
 *
 *     script ──"codex exec …"──► RUN/bin/codex, which is pawl ──exec──► codex, with what a direct
 *                                                                       start would give it
 *
 * The wrapper makes the plan of agents.h for its own arguments, directory and environment, applies
 * it, and becomes the program: the next one of that name on PATH that is no wrapper. So exit
 * status, signals, descriptors and the process itself are the program's own. A plan leaves alone
 * what a command has been given already.
 *
 * What the wrapper has to know of its run stands in a file beside that directory, since a script
 * may hide the environment. A login shell sets PATH anew, and agents run their tools in such; bash
 * reads the file that BASH_ENV names behind its profiles, where the directory comes in front again.
 * All of it goes with the run.
 */
#ifndef PAWL_RUN_WRAP_H
#define PAWL_RUN_WRAP_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/agents.h"
#include "run/environ.h"
#include "run/rundir.h"

/* In the run's directory. */
#define PAWL_WRAP_DIR  "bin"
#define PAWL_WRAP_FILE "wrap.json"
#define PAWL_WRAP_BASH "wrap.sh"

/* The program that an agent's wrapper would start with this environment; false: there is none, and
 * so no wrapper. */
bool pawl_wrap_program(enum pawl_agent agent,
                       pawl_environ_get_fn *get,
                       char ret_program[static PAWL_PATH_BYTES]);

struct pawl_wrap {
    const char *data_dir;
    const char *address;    /* of the gateway, with the secret */
    bool tool_calls_capped; /* by the user: what does not keep that cap is refused */
    bool quiet;
};

/* Appends the variables that have them in front, as the keeper takes them (keeper.h); where there
 * is no agent, nothing. */
void pawl_wrap_settings(const char *run_dir, pawl_environ_get_fn *get, struct pawl_buf *settings);
/* Makes them, and appends those variables. An error leaves nothing behind, and settings as they
 * were. */
PAWL_MUST_CHECK pawl_err pawl_wrap_make(const struct pawl_rundir *run,
                                        const struct pawl_wrap *wrap,
                                        pawl_environ_get_fn *get,
                                        struct pawl_buf *settings,
                                        struct pawl_errmsg *msg);
void pawl_wrap_clean(const char *run_dir);

/* Whether this process was started as a wrapper. Then it has become the program, or *ret_status is
 * the status that says why not. */
bool pawl_wrap_enter(char **argv, int *ret_status);

#endif
