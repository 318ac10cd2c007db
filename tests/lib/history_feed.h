/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_feed.h: a history in a directory of its own, records of one run as an engine would have
 * made them, and what the tables say of it afterwards.
 */
#ifndef PAWL_TESTS_LIB_HISTORY_FEED_H
#define PAWL_TESTS_LIB_HISTORY_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/history.h"

extern const char history_run_id[21];

struct fixture {
    char dir[32];
    char path[64];
    struct pawl_history *history;
    uint64_t op;
};

/* For cmocka: *state is a fixture with a writer that is open. */
int history_setup(void **state);
int history_teardown(void **state);
void history_open_writer(struct fixture *fixture);
void history_close(struct fixture *fixture);

/* --- Records: each is the next operation, a second after the one before --- */

struct pawl_record history_record(struct fixture *fixture, uint16_t type, const char *metadata);
void history_feed_session(struct fixture *fixture);
/* Returns the call's number. */
uint64_t history_feed_reserve(struct fixture *fixture, int64_t microcents);
void history_feed_settle(struct fixture *fixture, uint16_t type, uint64_t call, int64_t microcents);
void history_feed_expired(struct fixture *fixture, uint64_t call, uint8_t kind);
void history_feed_state(struct fixture *fixture, uint8_t state, uint8_t reason, uint16_t unit);
void history_feed_note(struct fixture *fixture,
                       uint16_t kind,
                       uint32_t repeats,
                       const char *metadata);

/* --- What the tables say --- */

struct seen {
    uint64_t runs;
    struct pawl_history_run run; /* numbers only: the texts are gone */
    char run_state[16];
    char run_reason[16];
    char name[16];
    char command[64];
    uint64_t calls;
    struct pawl_history_call call; /* the last one */
    char call_state[16];
    char call_model[16];
    char call_dialect[16];
};

/* For pawl_history_runs; `arg` is what was seen. */
bool history_see_run(void *arg, const struct pawl_history_run *run);
/* All of it; the writer is closed. */
struct seen history_read_back(struct fixture *fixture);

#endif
