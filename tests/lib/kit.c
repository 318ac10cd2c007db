/* SPDX-License-Identifier: Apache-2.0 */
/* kit.c: see kit.h. */
#include "tests/lib/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

static void die(const char *doing, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)fprintf(stderr, "kit: %s: %s: %s\n", doing, pawl_err_name(err), msg->text);
    abort();
}

void kit_init(struct kit *kit, uint64_t seed)
{
    *kit = (struct kit){.disk = disk_new(seed),
                        .time = {.real_us = KIT_START_US, .boot_us = 1000},
                        .mode = PAWL_COMMIT_INLINE};
}

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    struct kit *kit = arg;
    kit->fatal = err;
    kit->fatals++;
    kit->msg = *msg;
}

static void on_durable(void *arg, const struct pawl_record *record)
{
    struct kit *kit = arg;
    kit->durable_records++;
    kit->durable_repeats += record->repeats;
    if (kit->durable != NULL) {
        kit->durable(kit->wake_arg, record);
    }
}

static pawl_err open_journal(struct kit *kit, struct pawl_journal **ret_journal)
{
    struct pawl_journal_sqlite_options options = {.dir = KIT_DIR,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(kit->disk),
                                                  .files = disk_files(kit->disk),
                                                  .segment_bytes_max = kit->segment_bytes};
    pawl_err err = pawl_journal_sqlite_open(&options, ret_journal, &kit->msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        options.create = true;
        err = pawl_journal_sqlite_open(&options, ret_journal, &kit->msg);
    }
    return err;
}

pawl_err kit_try_open(struct kit *kit)
{
    PAWL_ASSERT(kit->engine == NULL);
    struct pawl_journal *journal = NULL;
    pawl_err err = open_journal(kit, &journal);
    if (pawl_failed(err)) {
        return err;
    }
    /* The same keys every time, so that digests can be compared between programs. */
    struct pawl_config config = pawl_engine_default_config();
    config.hash_key = (struct pawl_hash_key){1, 2};
    config.id_key = (struct pawl_hash_key){3, 4};
    if (kit->idempotency_ttl_us != 0) {
        config.idempotency_ttl_us = kit->idempotency_ttl_us;
        config.idempotency_settle_ttl_us = kit->idempotency_ttl_us;
    }
    if (kit->documents_max != 0) {
        config.documents_max = kit->documents_max;
    }
    const struct pawl_files *files = kit->files != NULL ? kit->files : disk_files(kit->disk);
    struct pawl_engine_options options = {.journal = journal,
                                          .dir = KIT_DIR,
                                          .clock = pawl_clock_from_manual(&kit->time),
                                          .accept_clock = kit->accept_clock,
                                          .commit_mode = kit->mode,
                                          .flowing = kit->flowing,
                                          .flowing_arg = kit->flowing_arg,
                                          .wake = kit->wake,
                                          .wake_arg = kit->wake_arg,
                                          .durable = on_durable,
                                          .durable_arg = kit,
                                          .durable_batch = kit->durable_batch,
                                          .durable_batch_arg = kit->durable_batch_arg,
                                          .fatal = on_fatal,
                                          .fatal_arg = kit,
                                          .config = &config,
                                          .checkpoint_every_ops = kit->checkpoint_every,
                                          .alive_every_us = kit->alive_every_us,
                                          .retention = kit->retention,
                                          .keep_answers = kit->keep_answers,
                                          .files = files,
                                          .single_threaded = !kit->threads};
    return pawl_engine_open(&options, &kit->engine, &kit->msg);
}

void kit_open(struct kit *kit)
{
    pawl_err err = kit_try_open(kit);
    if (pawl_failed(err)) {
        die("open", err, &kit->msg);
    }
}

void kit_close(struct kit *kit)
{
    pawl_engine_close(kit->engine);
    kit->engine = NULL;
}

void kit_crash(struct kit *kit, bool power)
{
    /* First the disk, so that what the engine still tries reaches nothing. */
    disk_crash(kit->disk, power);
    unsigned fatals = kit->fatals;
    if (kit->engine != NULL) {
        kit_close(kit);
    }
    kit->fatals = fatals;
}

void kit_free(struct kit *kit)
{
    if (kit->engine != NULL) {
        kit_close(kit);
    }
    disk_free(kit->disk);
}

static void on_done(struct pawl_op *op)
{
    static unsigned answers;
    struct ask *ask = op->arg;
    PAWL_ASSERT(!ask->done);
    ask->done = true;
    ask->order = ++answers;
}

void kit_submit(struct kit *kit, const struct pawl_command *command, struct ask *ask)
{
    *ask = (struct ask){.op = {.done = on_done, .arg = ask}};
    if (command != NULL) {
        pawl_engine_submit(kit->engine, command, &ask->op);
    } else {
        pawl_engine_barrier(kit->engine, &ask->op);
    }
}

void kit_submit_lazy(struct kit *kit, const struct pawl_command *command, struct ask *ask)
{
    *ask = (struct ask){.op = {.done = on_done, .arg = ask, .lazy = true}};
    pawl_engine_submit(kit->engine, command, &ask->op);
}

struct pawl_result kit_run(struct kit *kit, const struct pawl_command *command)
{
    struct ask ask;
    kit_submit(kit, command, &ask);
    pawl_engine_flush(kit->engine);
    if (!ask.done) {
        die("run", kit->fatal, &kit->msg);
    }
    return ask.op.result;
}

uint64_t kit_must(struct kit *kit, const struct pawl_command *command)
{
    struct pawl_result result = kit_run(kit, command);
    if (result.code != PAWL_RESULT_OK) {
        (void)fprintf(stderr, "kit: %s gave %s\n", pawl_command_type_name(command->type),
                      pawl_result_name(result.code));
        abort();
    }
    return result.id;
}

static void flip_bit_of_checkpoint(void *arg, const char *path)
{
    struct kit *kit = arg;
    if (strstr(path, "checkpoint-") != NULL) {
        disk_flip_bit(kit->disk, path, disk_file_bytes(kit->disk, path) / 2, 3);
    }
}

void kit_flip_bit_of_checkpoints(struct kit *kit)
{
    disk_each(kit->disk, flip_bit_of_checkpoint, kit);
}

uint64_t kit_digest(const struct kit *kit)
{
    return pawl_core_digest(pawl_engine_core(kit->engine));
}

/* --- Commands. -------------------------------------------------------------------------------- */

struct pawl_command kit_budget(const char *tenant, uint16_t unit, int64_t allocated)
{
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
    command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenant);
    command.u.budget_create.unit = unit;
    command.u.budget_create.allocated = allocated;
    command.u.budget_create.mode = PAWL_BUDGET_ENFORCE;
    return command;
}

struct pawl_command kit_reserve(const char *tenant, uint16_t unit, int64_t amount)
{
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    struct pawl_command_reserve *reserve = &command.u.reserve;
    reserve->subject.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenant);
    reserve->line_count = 1;
    reserve->lines[0] = (struct pawl_amount){.unit = unit, .value = amount};
    reserve->ttl_ms = 60000;
    reserve->grace_ms = 5000;
    reserve->overage = PAWL_OVERAGE_REJECT;
    reserve->extensions_max = PAWL_EXTENSIONS_MAX;
    reserve->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    return command;
}

struct pawl_command kit_commit(uint64_t reservation, uint16_t unit, int64_t amount)
{
    struct pawl_command command = {.type = PAWL_COMMAND_COMMIT};
    command.u.settle.reservation = reservation;
    command.u.settle.line_count = 1;
    command.u.settle.lines[0] = (struct pawl_amount){.unit = unit, .value = amount};
    return command;
}

struct pawl_command kit_release(uint64_t reservation)
{
    return (struct pawl_command){.type = PAWL_COMMAND_RELEASE,
                                 .u.release.reservation = reservation};
}

struct pawl_command kit_with_key(struct pawl_command command, const char *key)
{
    command.idempotency_key = pawl_slice_str(key);
    /* Any function of the payload does; the tests change the amount to change the payload. */
    int64_t amount = command.type == PAWL_COMMAND_RESERVE  ? command.u.reserve.lines[0].value
                     : command.type == PAWL_COMMAND_COMMIT ? command.u.settle.lines[0].value
                                                           : (int64_t)command.u.release.reservation;
    command.payload_hash[0] = pawl_hash_mix((uint64_t)amount + command.type);
    command.payload_hash[1] = 1;
    return command;
}
