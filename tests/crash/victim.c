/* SPDX-License-Identifier: Apache-2.0 */
/*
 * victim.c: the process that is killed: an engine on a real directory with the machine's clocks,
 * and clients who reserve and commit without pause. What request number n asks for is a function of
 * n, so that a later life can send the same again under the same key.
 *
 * Each client has one request on the way: reserve with key 2n, then, when it is granted, commit
 * with key 2n + 1. A small checkpoint distance and small segments make deaths in those moments
 * likely.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "protocol.h"

enum {
    CLIENTS = 24,
    CHECKPOINT_OPS = 700,
    SEGMENT_KIB = 700,
    /* Segments of earlier lives go in this one, and never those that nobody has compared yet. */
    KEPT_KIB = 12 * 1024,
    KEY_BYTES = 24
};

struct victim;

struct victim_client {
    struct pawl_op op;
    struct victim *victim;
    uint64_t key; /* of the request on the way */
};

struct victim {
    struct pawl_engine *engine;
    int out;
    int wake_fd;
    uint64_t next_number;
    struct victim_client clients[CLIENTS];
};

static int64_t drawn(uint64_t key, uint64_t below)
{
    return (int64_t)(pawl_hash_mix(key) % below);
}

static const char *tenant_of(uint64_t key)
{
    static const char *const tenants[] = {"acme", "globex", "initech"};
    return tenants[(key / 2) % 3];
}

static void tell(const struct victim *victim, const struct victim_client *client)
{
    const struct pawl_result *result = &client->op.result;
    struct told told;
    memset(&told, 0, sizeof(told));
    told.op = result->op;
    told.key = client->key;
    told.original_op = result->original_op;
    told.id = result->id;
    told.code = result->code;
    told.replayed = result->replayed;
    ssize_t written = write(victim->out, &told, sizeof(told));
    if (written != (ssize_t)sizeof(told)) {
        _exit(4);
    }
}

static void submit(struct victim_client *client, struct pawl_command *command)
{
    char key[KEY_BYTES];
    int bytes = snprintf(key, sizeof(key), "k%" PRIu64, client->key);
    command->idempotency_key = pawl_slice_of(key, (size_t)bytes);
    command->payload_hash[0] = pawl_hash_mix(client->key) | 1;
    client->op.lazy = command->type == PAWL_COMMAND_COMMIT && drawn(client->key + 4, 2) == 0;
    pawl_engine_submit(client->victim->engine, command, &client->op);
}

static void reserve(struct victim_client *client, uint64_t number)
{
    client->key = 2 * number;
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    struct pawl_command_reserve *wish = &command.u.reserve;
    wish->subject.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenant_of(client->key));
    wish->line_count = 1;
    wish->lines[0] = (struct pawl_amount){.unit = PAWL_UNIT_USD_MICROCENTS,
                                          .value = 1 + drawn(client->key, 1000)};
    wish->ttl_ms = 1 + drawn(client->key + 1, 400);
    wish->overage = PAWL_OVERAGE_BOOK_FULL;
    wish->extensions_max = PAWL_EXTENSIONS_MAX;
    wish->on_expiry =
        drawn(client->key + 2, 2) == 0 ? PAWL_ON_EXPIRY_RELEASE : PAWL_ON_EXPIRY_SETTLE_AT_HOLD;
    submit(client, &command);
}

static void commit(struct victim_client *client, uint64_t reservation)
{
    client->key++;
    struct pawl_command command = {.type = PAWL_COMMAND_COMMIT};
    command.u.settle.reservation = reservation;
    command.u.settle.line_count = 1;
    command.u.settle.lines[0] =
        (struct pawl_amount){.unit = PAWL_UNIT_USD_MICROCENTS, .value = drawn(client->key, 1200)};
    submit(client, &command);
}

static void on_answer(struct pawl_op *op)
{
    struct victim_client *client = op->arg;
    struct victim *victim = client->victim;
    tell(victim, client);
    bool granted = client->key % 2 == 0 && op->result.code == PAWL_RESULT_OK;
    /* Some holds are left to run out. */
    if (granted && drawn(client->key + 3, 10) != 0) {
        commit(client, op->result.id);
    } else {
        reserve(client, victim->next_number++);
    }
}

static void on_wake(void *arg)
{
    const struct victim *victim = arg;
    uint64_t one = 1;
    ssize_t written = write(victim->wake_fd, &one, sizeof(one));
    (void)written;
}

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    (void)fprintf(stderr, "victim: %s: %s\n", pawl_err_name(err), msg->text);
    _exit(3);
}

static pawl_err
open_engine(struct victim *victim, const struct victim_options *options, struct pawl_errmsg *msg)
{
    struct pawl_journal_sqlite_options files = {
        .dir = options->dir, .allow_any_filesystem = true, .segment_bytes_max = SEGMENT_KIB * 1024};
    struct pawl_journal *journal = NULL;
    pawl_err err = pawl_journal_sqlite_open(&files, &journal, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        files.create = true;
        err = pawl_journal_sqlite_open(&files, &journal, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_engine_options engine = {.journal = journal,
                                         .dir = options->dir,
                                         .clock = pawl_clock_os(),
                                         .commit_mode = options->threads ? PAWL_COMMIT_THREAD
                                                                         : PAWL_COMMIT_INLINE,
                                         .wake = on_wake,
                                         .wake_arg = victim,
                                         .fatal = on_fatal,
                                         .retention = {.bytes_max = KEPT_KIB * 1024},
                                         .checkpoint_every_ops = CHECKPOINT_OPS};
    return pawl_engine_open(&engine, &victim->engine, msg);
}

static void ignore(struct pawl_op *op)
{
    (void)op;
}

/* In the first life they are made; later the ledger says that they are there. */
static void make_budgets(struct victim *victim, struct pawl_op *ops)
{
    for (uint64_t i = 0; i < 3; i++) {
        struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
        command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenant_of(2 * i));
        command.u.budget_create.unit = PAWL_UNIT_USD_MICROCENTS;
        command.u.budget_create.allocated = PAWL_AMOUNT_MAX / 4;
        command.u.budget_create.mode = PAWL_BUDGET_ENFORCE;
        ops[i] = (struct pawl_op){.done = ignore};
        pawl_engine_submit(victim->engine, &command, &ops[i]);
    }
}

int victim_run(const struct victim_options *options)
{
    struct victim *victim = calloc(1, sizeof(*victim));
    struct pawl_op budgets[3];
    struct pawl_errmsg msg = {""};
    PAWL_ASSERT(victim != NULL);
    victim->out = options->out;
    victim->next_number = options->first_key / 2;
    victim->wake_fd = eventfd(0, EFD_CLOEXEC);
    pawl_err err = open_engine(victim, options, &msg);
    if (pawl_failed(err)) {
        on_fatal(NULL, err, &msg);
    }
    make_budgets(victim, budgets);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct victim_client *client = &victim->clients[i];
        *client =
            (struct victim_client){.op = {.done = on_answer, .arg = client}, .victim = victim};
        reserve(client, victim->next_number++);
    }
    for (;;) {
        pawl_engine_tick(victim->engine);
        pawl_engine_turn(victim->engine);
        if (options->threads) {
            /* Everybody waits for the commit: nothing to do until it ends. */
            struct pollfd wait = {.fd = victim->wake_fd, .events = POLLIN};
            int ready = poll(&wait, 1, 10);
            uint64_t count = 0;
            if (ready > 0 && read(victim->wake_fd, &count, sizeof(count)) < 0 && errno != EINTR) {
                _exit(4);
            }
            pawl_engine_collect(victim->engine);
        }
    }
}
