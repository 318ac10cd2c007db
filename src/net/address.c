/* SPDX-License-Identifier: Apache-2.0 */
/* address.c: see address.h. */
#include "net/address.h"

#include <string.h>

struct pawl_address pawl_address_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in in = {0};
    struct sockaddr_in6 in6 = {0};
    struct pawl_address own = {.family = address->ss_family};
    memcpy(&in, address, sizeof(in));
    memcpy(&in6, address, sizeof(in6));
    if (address->ss_family == AF_INET6) {
        own.port = ntohs(in6.sin6_port);
        own.host = in6.sin6_addr;
    } else {
        own.port = ntohs(in.sin_port);
        memcpy(&own.host, &in.sin_addr, sizeof(in.sin_addr));
    }
    return own;
}

bool pawl_address_meets(const struct pawl_address *a, const struct pawl_address *b)
{
    static const struct in6_addr every = {0};
    return a->family == b->family && a->port == b->port &&
           (memcmp(&a->host, &b->host, sizeof(every)) == 0 ||
            memcmp(&a->host, &every, sizeof(every)) == 0 ||
            memcmp(&b->host, &every, sizeof(every)) == 0);
}
