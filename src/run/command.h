/* SPDX-License-Identifier: Apache-2.0 */
/* command.h: which program a command's name stands for, asked before anything is made for it. */
#ifndef PAWL_RUN_COMMAND_H
#define PAWL_RUN_COMMAND_H

#include <stdbool.h>

#include "base/slice.h"
#include "run/datadir.h"

/* Where execvp(3) looks when there is no PATH. */
#define PAWL_COMMAND_PATH "/bin:/usr/bin"

/* Whether a directory is that of some run's wrappers (wrap.h), by its name. */
bool pawl_command_is_wrappers(struct pawl_slice dir);
/* The program that execvp(3) would execute with this PATH (NULL: not set), but no wrapper. 0, or
 * the errno that execvp would end with, ENOENT or EACCES, but for directories: one that is named is
 * EISDIR, which says more, and those on the way through $PATH are passed over, as shells do it. A
 * script whose interpreter is missing is only found out by executing it. */
int pawl_command_find(const char *name, const char *path, char ret_program[static PAWL_PATH_BYTES]);
/* The same with the process's own PATH, without the program. */
int pawl_command_check(const char *name);

#endif
