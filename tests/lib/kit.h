/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit.h: an engine on a simulated disk and a clock that stands still, and the commands that
 * tests give it. Failures of the kit itself end the test program with the reason.
 */
#ifndef PAWL_TESTS_LIB_KIT_H
#define PAWL_TESTS_LIB_KIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "tests/lib/disk.h"

#define KIT_DIR      "/sim"
#define KIT_START_US (INT64_C(1790000000) * PAWL_US_PER_SECOND)

struct kit {
    struct disk *disk;
    struct pawl_clock_manual time;
    struct pawl_engine *engine; /* NULL: closed */
    struct pawl_errmsg msg;     /* of the last failure */
    pawl_err fatal;             /* what the engine died of */
    unsigned fatals;
    uint64_t durable_records; /* told to `durable` */
    uint64_t durable_repeats;
    /* Options of the next opening. */
    enum pawl_commit_mode mode;
    bool threads; /* false: single_threaded */
    bool accept_clock;
    uint64_t checkpoint_every;
    int64_t alive_every_us;
    int64_t segment_bytes;
    int64_t idempotency_ttl_us; /* 0: the default */
    uint32_t documents_max;     /* likewise, of the ledger that is made */
    struct pawl_journal_retention retention;
    bool keep_answers;
    const struct pawl_files *files; /* NULL: the disk's */
    void (*wake)(void *arg);
    void *wake_arg;
    bool (*flowing)(void *arg);
    void *flowing_arg;
    void (*durable)(void *arg, const struct pawl_record *record); /* besides the counting */
    void (*durable_batch)(void *arg, const struct pawl_journal_batch *batch);
    void *durable_batch_arg;
};

void kit_init(struct kit *kit, uint64_t seed);
/* Opens the journal, or makes it when there is none, and the engine on it. */
pawl_err kit_try_open(struct kit *kit);
void kit_open(struct kit *kit);
void kit_close(struct kit *kit);
/* The process dies, and with `power` the machine; what is not synced is up to the disk. */
void kit_crash(struct kit *kit, bool power);
void kit_free(struct kit *kit);
/* Damages every checkpoint that is on the disk; a second time makes them good again. */
void kit_flip_bit_of_checkpoints(struct kit *kit);

/* One operation and what became of it. */
struct ask {
    struct pawl_op op;
    bool done;
    unsigned order; /* among all answers of the program; from 1 */
};

/* NULL: a barrier. */
void kit_submit(struct kit *kit, const struct pawl_command *command, struct ask *ask);
/* The same as an operation that nobody waits for. */
void kit_submit_lazy(struct kit *kit, const struct pawl_command *command, struct ask *ask);
/* Submits, flushes, and gives the result. */
struct pawl_result kit_run(struct kit *kit, const struct pawl_command *command);
/* The same, and it must be OK. Returns result.id. */
uint64_t kit_must(struct kit *kit, const struct pawl_command *command);
uint64_t kit_digest(const struct kit *kit);

/* Commands. Texts are borrowed. */
struct pawl_command kit_budget(const char *tenant, uint16_t unit, int64_t allocated);
struct pawl_command kit_reserve(const char *tenant, uint16_t unit, int64_t amount);
struct pawl_command kit_commit(uint64_t reservation, uint16_t unit, int64_t amount);
struct pawl_command kit_release(uint64_t reservation);
struct pawl_command kit_with_key(struct pawl_command command, const char *key);

#endif
