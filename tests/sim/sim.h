/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h: the simulator. One seed draws everything: the clock, the clients and what they want, the
 * disk's faults, the deaths. world.c has the engine and its misfortunes, clients.c the work,
 * main.c the options and the end.
 */
#ifndef PAWL_TESTS_SIM_SIM_H
#define PAWL_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "base/clock.h"
#include "base/prng.h"
#include "engine/engine.h"
#include "tests/lib/disk.h"
#include "tests/lib/program.h"

#define SIM_DIR "/sim"

enum {
    SIM_CLIENTS_MAX = 64,
    SIM_REQUESTS_MAX = 256,
    SIM_TENANTS_MAX = 4,
    SIM_BUDGETS_MAX = 128,
    SIM_SESSIONS_MAX = 64,
    SIM_NAME_BYTES = 16
};

struct sim;
struct client;

/* A command on its way. It outlives crashes, so that it can be sent again under its key. */
struct request {
    struct pawl_op op;
    struct sim *sim;
    struct client *client; /* NULL: the administrator's */
    struct pawl_command command;
    char key[SIM_NAME_BYTES];
    uint64_t sequence; /* of its sending */
    bool busy;
    bool waiting; /* sent and not answered */
    bool retry;   /* the process died meanwhile: to be sent again */
};

struct client {
    uint32_t tenant;
    uint32_t number;
    uint64_t reservation; /* 0: holds nothing */
    bool unconfirmed;     /* the hold expired and may be corrected */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
    struct request *pending;
};

struct sim_session {
    char name[SIM_NAME_BYTES];
    uint32_t tenant;
    bool open;
    uint64_t approval; /* 0: none asked */
};

struct sim_counts {
    uint64_t submitted, answered, lost, retried, duplicates;
    uint64_t kills, power_failures, orderly, faults, failed_opens, verified, checkpoints, removed;
};

struct sim {
    /* Drawn from the seed at the start. */
    uint64_t seed;
    uint64_t ops;
    uint32_t tenant_count;
    uint32_t client_count;
    uint64_t checkpoint_every;
    int64_t segment_bytes;
    struct pawl_journal_retention retention;
    uint32_t turn_one_in;  /* steps between turns of the engine, on average */
    uint32_t fault_one_in; /* lives of the process that get no fault, to one that does */

    struct pawl_prng prng;
    struct disk *disk;
    struct pawl_clock_manual time;
    struct pawl_engine *engine;
    struct audit *audit;
    struct pawl_errmsg msg;
    bool died;  /* the engine said that it cannot go on */
    bool tells; /* --tell: a line for each turn of fate */

    struct request requests[SIM_REQUESTS_MAX];
    struct client clients[SIM_CLIENTS_MAX];
    struct sim_session sessions[SIM_SESSIONS_MAX];
    uint32_t session_count;
    struct pawl_slice closed; /* a tenant that was closed and is to be drained */
    uint64_t budgets[SIM_BUDGETS_MAX];
    uint32_t budget_count;
    uint32_t budgets_asked; /* of the plan: created or on their way */
    uint64_t next_key;
    uint64_t next_sequence;
    uint64_t answered_sequence;
    struct sim_counts counts;
};

/* clients.c */
void clients_init(struct sim *sim);
/* Somebody does something. */
void clients_act(struct sim *sim);
/* The process died: whoever waited does not know. Some send again, some give up. */
void clients_lose(struct sim *sim);
/* Whether nobody waits and nothing is to be sent again. */
bool clients_quiet(const struct sim *sim);
void clients_retry_one(struct sim *sim);

/* world.c */
void world_open_first(struct sim *sim);
/* A process dies or ends, another begins, and the auditor looks. */
void world_crash(struct sim *sim, bool power);
void world_restart(struct sim *sim);
void world_pass_time(struct sim *sim);
/* After every step: if the engine died of a fault, the process ends. */
void world_bury(struct sim *sim);
void world_arm_fault(struct sim *sim);
void world_end(struct sim *sim);
/* With --tell: a line on stdout. */
void sim_tell(const struct sim *sim, const char *format, ...) PAWL_PRINTF(2, 3);

#endif
