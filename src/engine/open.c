/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.c: from a directory to a ledger that goes on where it stopped: witness, checkpoint,
 * tail, clock; or, where there is nothing yet, the first command.
 *
 * The witness is looked at before anything is replayed: what is missing at the end must be
 * noticed before somebody is answered from an older state (J12).
 */
#include <string.h>

#include "base/prng.h"
#include "engine/engine_priv.h"
#include "engine/replay.h"

#define DAY_US (INT64_C(24) * 3600 * PAWL_US_PER_SECOND)

struct pawl_config pawl_engine_default_config(void)
{
    struct pawl_config config = {.rules_version = PAWL_RULES_VERSION,
                                 .strings_max = 4000000,
                                 .scopes_max = 2000000,
                                 .budgets_max = 2000000,
                                 .reservations_max = 4000000,
                                 .idempotency_max = 16000000,
                                 .sessions_max = 1000000,
                                 .approvals_max = 100000,
                                 .documents_max = 1000000,
                                 .idempotency_ttl_us = DAY_US,
                                 .idempotency_settle_ttl_us = 7 * DAY_US,
                                 .correction_ttl_us = 7 * DAY_US};
    pawl_random_bytes(&config.hash_key, sizeof(config.hash_key));
    pawl_random_bytes(&config.id_key, sizeof(config.id_key));
    return config;
}

enum { ORPHANS_MAX = 8 };

/* Files that a crash left between their rename and the journal's row, or between the row's end and
 * their removal. A start takes so many; the next one takes the rest. */
struct orphans {
    struct pawl_engine *engine;
    uint32_t count;
    char names[ORPHANS_MAX][sizeof(((struct pawl_journal_checkpoint *)0)->file)];
};

static bool is_named(struct pawl_engine *engine, const char *name)
{
    struct pawl_journal_checkpoint row;
    for (uint32_t i = 0; engine->journal->ops->checkpoint(engine->journal, i, &row); i++) {
        if (strcmp(row.file, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool note_orphan(void *arg, const char *name)
{
    struct orphans *orphans = arg;
    struct pawl_slice slice = pawl_slice_str(name);
    if (pawl_slice_starts_with(slice, PAWL_SLICE("checkpoint-")) &&
        pawl_slice_ends_with(slice, PAWL_SLICE(".pawl")) &&
        slice.bytes < sizeof(orphans->names[0]) && !is_named(orphans->engine, name)) {
        memcpy(orphans->names[orphans->count++], name, slice.bytes + 1);
    }
    return orphans->count < ORPHANS_MAX;
}

static pawl_err remove_orphans(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    const struct pawl_files *files = engine->files;
    struct orphans orphans = {.engine = engine};
    pawl_err err = files->ops->list(files->arg, engine->dir, note_orphan, &orphans, msg);
    for (uint32_t i = 0; i < orphans.count && pawl_ok(err); i++) {
        char path[PAWL_PATH_BYTES_MAX];
        err = pawl_files_path(engine->dir, orphans.names[i], path, msg);
        if (pawl_ok(err)) {
            err = files->ops->remove(files->arg, path, msg);
        }
    }
    return err;
}

static pawl_err replay(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    struct pawl_replay replay;
    if (!pawl_replay_init(&replay, &engine->ledger)) {
        pawl_errmsg_set(msg, "no memory to replay the journal");
        return PAWL_ERR(MEMORY);
    }
    replay.progress = engine->options.progress;
    replay.progress_arg = engine->options.progress_arg;
    pawl_err err = pawl_replay_journal(&replay, engine->journal, engine->files, engine->dir, msg);
    pawl_replay_free(&replay);
    return err;
}

/* The first command of every journal. It is committed with the first batch: until then nothing was
 * answered, so nothing is lost with it. */
static pawl_err begin_ledger(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    struct pawl_command command = {.type = PAWL_COMMAND_CONFIG};
    command.u.config =
        engine->options.config != NULL ? *engine->options.config : pawl_engine_default_config();
    pawl_engine_apply_own(engine, &command);
    if (pawl_core_op(engine->ledger.core) == 0) {
        pawl_errmsg_set(msg, "no memory to begin a ledger");
        return PAWL_ERR(MEMORY);
    }
    if (engine->own_code != PAWL_RESULT_OK) {
        pawl_errmsg_set(msg, "the ledger's maxima are out of range");
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* A repeat is answered from the record of the first one, as long as its key is remembered, and what
 * a hold is for is read from its record, as long as it is open. */
static void keep_answers(struct pawl_engine *engine)
{
    const struct pawl_config *config = pawl_core_config(engine->ledger.core);
    int64_t settle_us = config->idempotency_settle_ttl_us;
    int64_t other_us = config->idempotency_ttl_us;
    engine->options.retention.needed_us = settle_us > other_us ? settle_us : other_us;
    if (engine->options.retention.needed_op == 0) {
        engine->options.retention.needed_op = 1; /* until it is looked for */
    }
}

bool pawl_engine_configure(struct pawl_engine *engine, const struct pawl_config *config)
{
    struct pawl_command command = {.type = PAWL_COMMAND_CONFIG};
    uint64_t op = pawl_core_op(engine->ledger.core);
    command.u.config = *config;
    pawl_engine_apply_own(engine, &command);
    if (pawl_core_op(engine->ledger.core) == op || engine->own_code != PAWL_RESULT_OK) {
        return false;
    }
    if (engine->options.keep_answers) {
        keep_answers(engine); /* keys from before hold their records by needed_op */
    }
    return true;
}

pawl_err pawl_engine_load(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    struct pawl_journal_head head = engine->journal->ops->head(engine->journal);
    pawl_err err =
        pawl_witness_check(engine->files, engine->dir, engine->journal, &engine->witness, msg);
    if (pawl_ok(err)) {
        err = replay(engine, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_slew_start(&engine->slew, engine->options.clock,
                              pawl_core_now_us(engine->ledger.core), engine->options.accept_clock,
                              msg);
    }
    if (pawl_ok(err)) {
        err = remove_orphans(engine, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    engine->durable_op = head.last_op;
    engine->durable_hash = head.hash;
    pawl_engine_look_at_retention(engine);
    struct pawl_journal_checkpoint newest;
    if (engine->journal->ops->checkpoint(engine->journal, 0, &newest)) {
        engine->snapshot.named_op = newest.op;
        engine->snapshot.tried_op = newest.op;
    }
    if (engine->witness.op < head.last_op) {
        engine->witness_due_us = pawl_slew_now_us(&engine->slew);
    }
    err = head.last_op == 0 ? begin_ledger(engine, msg) : PAWL_OK;
    if (pawl_ok(err) && engine->options.keep_answers) {
        keep_answers(engine);
    }
    return err;
}
