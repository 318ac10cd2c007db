/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.h: who has the address that somebody else wants. "Address already in use" leaves people
 * to look for the process themselves; the kernel knows it.
 */
#ifndef PAWL_NET_HOLDER_H
#define PAWL_NET_HOLDER_H

#include <stdint.h>
#include <sys/types.h>

#include "net/address.h"

enum { PAWL_HOLDER_BYTES = 96 };

/* "process 4242 (nginx)"; empty for 0 or less. */
void pawl_holder_text(pid_t pid, char ret_text[static PAWL_HOLDER_BYTES]);
/* Who listens where it is in the way of that address: as above, "a process of user 33" where its
 * process cannot be seen from here, or empty. */
void pawl_holder_of_address(const struct pawl_address *wanted,
                            char ret_text[static PAWL_HOLDER_BYTES]);

#endif
