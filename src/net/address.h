/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h: where something listens with TCP, and whether two cannot both.
 */
#ifndef PAWL_NET_ADDRESS_H
#define PAWL_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct pawl_address {
    sa_family_t family;   /* AF_INET or AF_INET6 */
    uint16_t port;        /* 0: nowhere */
    struct in6_addr host; /* of IPv4 the first four bytes; zeros are every address of the family */
};

struct pawl_address pawl_address_of(const struct sockaddr_storage *address);
/* Whether one is in the other's way. */
bool pawl_address_meets(const struct pawl_address *a, const struct pawl_address *b);

#endif
