/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h: where a run is, for limits on a directory or a repository. A repository is told by its
 * common git directory, which all its worktrees share; no git is asked, since this stands before
 * the start of every run that has limits.
 */
#ifndef PAWL_RUN_PLACE_H
#define PAWL_RUN_PLACE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "run/datadir.h"

struct pawl_place {
    char dir[PAWL_PATH_BYTES];  /* absolute, links resolved; "" where that cannot be told */
    char repo[PAWL_PATH_BYTES]; /* the repository's directory (without "/.git"); "": none */
    char git[PAWL_PATH_BYTES];  /* the git directory of this working tree, which has its index */
};

/* false: there is no such directory. */
PAWL_MUST_CHECK bool pawl_place_find(const char *path, struct pawl_place *ret_place);

#endif
