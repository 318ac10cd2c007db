/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h: what the process that will be killed tells the one that kills it: one of these for
 * each answer, written to a pipe in one piece when, and not before, the engine gave the answer.
 */
#ifndef PAWL_TESTS_CRASH_PROTOCOL_H
#define PAWL_TESTS_CRASH_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

struct told {
    uint64_t op;
    uint64_t key; /* of the request; 0: it had none */
    uint64_t original_op;
    uint64_t id;
    uint16_t code;
    bool replayed;
};

/* Runs until it is killed, or until the engine cannot go on: status 3. */
struct victim_options {
    const char *dir;
    bool threads; /* commit on a thread, else inline */
    /* Requests from here on; those that were answered before are not sent again. */
    uint64_t first_key;
    int out; /* the pipe */
};
int victim_run(const struct victim_options *options);

#endif
