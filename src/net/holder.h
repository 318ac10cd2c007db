/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.h: who has the address that somebody else wants. "Address already in use" leaves people
 * to look for the process themselves; the kernel knows it.
 */
#ifndef PAWL_NET_HOLDER_H
#define PAWL_NET_HOLDER_H

#include <stdint.h>
#include <sys/types.h>

enum { PAWL_HOLDER_BYTES = 96 };

/* "process 4242 (nginx)"; empty for 0 or less. */
void pawl_holder_text(pid_t pid, char ret_text[static PAWL_HOLDER_BYTES]);
/* Who listens on the TCP port, at any address: as above, "a process of user 33" where its process
 * cannot be seen from here, or empty. */
void pawl_holder_of_port(uint16_t port, char ret_text[static PAWL_HOLDER_BYTES]);

#endif
