/* SPDX-License-Identifier: Apache-2.0 */
/* command.h: whether a command can be executed, asked before anything is made for it. */
#ifndef PAWL_RUN_COMMAND_H
#define PAWL_RUN_COMMAND_H

/* 0, or the errno that execvp(3) would end with, ENOENT or EACCES, but for directories: one that is
 * named is EISDIR, which says more, and those on the way through $PATH are passed over, as shells
 * do it. A script whose interpreter is missing is only found out by executing it. */
int pawl_command_check(const char *name);

#endif
