/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.h: containers of OpenAI's in which code ran for answers of this run, and until when
 * each is paid for. A request whose conversation has used one goes on in it, so it costs nothing
 * more until that time; a request that names one by its id has a size and a price because of it.
 *
 * Time is billed by the minute while a container runs, and one runs on after its call: it is
 * booked in blocks of twenty minutes from its first use on, as the vendor once did, which is never
 * less. A container that is not known here, from before the run or long ago, is booked anew.
 */
#ifndef PAWL_GATEWAY_CONTAINERS_H
#define PAWL_GATEWAY_CONTAINERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    PAWL_CONTAINERS_KNOWN_MAX = 64, /* of a run; the oldest goes first */
    PAWL_CONTAINERS_NAMED_MAX = 8,  /* in one request or answer */
    PAWL_CONTAINERS_BLOCK_MINUTES = 20
};

struct pawl_container {
    uint64_t name; /* a hash of its id; 0: free */
    int64_t gigabytes;
    int64_t paid_until_us; /* monotonic */
};

struct pawl_containers {
    struct pawl_container known[PAWL_CONTAINERS_KNOWN_MAX];
    uint32_t next;
};

/* Names of some containers, each once. */
struct pawl_container_names {
    uint64_t name[PAWL_CONTAINERS_NAMED_MAX];
    uint32_t count;
};
/* Adds one by its id. false: an empty id, which is none, or one too many. */
bool pawl_container_names_add(struct pawl_container_names *names, struct pawl_slice id);

/* -1: not known. */
int64_t pawl_containers_gigabytes(const struct pawl_containers *containers, uint64_t name);

/* What a call has to do with containers. */
struct pawl_container_use {
    struct pawl_container_names ran;    /* in which code of its answer ran */
    struct pawl_container_names before; /* that its conversation has used */
    int64_t gigabytes; /* of what is made for a request, if there is none to go on in */
    int64_t started_us;
    int64_t ended_us;
    bool code; /* some ran, wherever it was */
};

/* The minutes that it is billed, times their gigabytes, and remembers the containers. One is made
 * for a request whether code runs in it or not. */
int64_t pawl_containers_bill(struct pawl_containers *containers,
                             const struct pawl_container_use *use);

#endif
