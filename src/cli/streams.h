/* SPDX-License-Identifier: Apache-2.0 */
/* streams.h: what a command does about stdin, stdout and stderr before it begins and when it is
 * done. */
#ifndef PAWL_CLI_STREAMS_H
#define PAWL_CLI_STREAMS_H

/* Before anything is opened: afterwards no other file has one of their descriptors. */
void pawl_cli_streams_begin(void);

/* The status to exit with: `status`, unless it says that all is well and the output could not be
 * written, which is told. Where its reader is gone the process ends by SIGPIPE, without a word. */
int pawl_cli_streams_end(int status);

#endif
