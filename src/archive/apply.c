/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c: what each durable record means for a reservation's row. A record holds the command and
 * its result, so nothing is decided here again; what was refused, repeated or only asked changes
 * nothing. A reservation that is not here (it is from before the journal's beginning, or was
 * removed since it is long over) is left alone.
 *
 * A reservation of several units shows its first line; a server's has one.
 */
#include "archive/apply.h"

#include "archive/archive.h"
#include "base/clock.h"

static int64_t in_ms(int64_t us)
{
    return us / PAWL_US_PER_MS;
}

int64_t pawl_archive_key_hash(struct pawl_hash_key hash_key, uint32_t tenant, struct pawl_slice key)
{
    struct pawl_hash_key own = {hash_key.k0 ^ tenant, hash_key.k1};
    return (int64_t)(pawl_hash_sip(own, key) >> 1 | 1);
}

static void apply_reserve(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    const struct pawl_command_reserve *reserve = &record->command.u.reserve;
    if (reserve->dry_run) {
        return;
    }
    struct pawl_archive_scope_ids ids =
        pawl_archive_scope_of(&apply->scopes, apply->db, reserve->subject.levels, record->op);
    struct pawl_slice key = record->command.idempotency_key;
    struct pawl_archive_text text = {record->op, key, record->command.metadata};
    struct pawl_archive_staged *row = pawl_archive_stage_add(&apply->stage, &text);
    if (row == NULL) {
        return;
    }
    row->now = (struct pawl_archive_image){
        .op = record->op,
        .tenant = ids.tenant,
        .scope = ids.scope,
        .status = PAWL_ARCHIVE_ACTIVE,
        .unit = reserve->lines[0].unit,
        .reserved = reserve->lines[0].value,
        .created_ms = in_ms(record->now_us),
        .expires_ms = in_ms(record->result.expires_us),
        .key_hash = key.bytes > 0 ? pawl_archive_key_hash(apply->hash_key, ids.tenant, key) : 0,
    };
    apply->made++;
}

static struct pawl_archive_staged *
find_in(struct pawl_archive_apply *apply, uint64_t op, uint8_t status)
{
    struct pawl_archive_staged *row = pawl_archive_stage_find(&apply->stage, op);
    return row != NULL && row->now.status == status ? row : NULL;
}

/* The amount of the row's unit among the lines. */
static int64_t
amount_of(const struct pawl_amount *lines, uint32_t count, uint16_t unit, int64_t fallback)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i].unit == unit) {
            return lines[i].value;
        }
    }
    return fallback;
}

static void apply_grow(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    const struct pawl_command_grow *grow = &record->command.u.grow;
    struct pawl_archive_staged *row = find_in(apply, grow->reservation, PAWL_ARCHIVE_ACTIVE);
    if (row != NULL) {
        row->now.reserved += amount_of(grow->lines, grow->line_count, row->now.unit, 0);
    }
}

static void apply_extend(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    struct pawl_archive_staged *row =
        find_in(apply, record->command.u.extend.reservation, PAWL_ARCHIVE_ACTIVE);
    if (row != NULL) {
        row->now.expires_ms = in_ms(record->result.expires_us);
        row->now.extensions++;
    }
}

static void settle_text(struct pawl_archive_apply *apply,
                        struct pawl_archive_staged *row,
                        const struct pawl_record *record)
{
    struct pawl_archive_text text = {record->op, PAWL_SLICE_NONE, record->command.metadata};
    if (text.document.bytes > 0) {
        pawl_archive_stage_settle(&apply->stage, row, &text);
    }
}

static void settle(struct pawl_archive_apply *apply,
                   struct pawl_archive_staged *row,
                   const struct pawl_record *record,
                   enum pawl_archive_status status)
{
    row->now.status = (uint8_t)status;
    row->now.finalized_ms = in_ms(record->now_us);
    settle_text(apply, row, record);
}

static void apply_commit(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    const struct pawl_result *result = &record->result;
    struct pawl_archive_staged *row =
        find_in(apply, record->command.u.settle.reservation, PAWL_ARCHIVE_ACTIVE);
    if (row != NULL) {
        row->now.committed = amount_of(result->charged, result->line_count, row->now.unit, 0);
        settle(apply, row, record, PAWL_ARCHIVE_COMMITTED);
    }
}

static void apply_release(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    struct pawl_archive_staged *row =
        find_in(apply, record->command.u.release.reservation, PAWL_ARCHIVE_ACTIVE);
    if (row != NULL) {
        settle(apply, row, record, PAWL_ARCHIVE_RELEASED);
    }
}

/* It was booked at its hold when it expired; now it is known better. The time stays. */
static void apply_correct(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    const struct pawl_result *result = &record->result;
    struct pawl_archive_staged *row =
        find_in(apply, record->command.u.settle.reservation, PAWL_ARCHIVE_COMMITTED);
    if (row != NULL) {
        row->now.committed =
            amount_of(result->charged, result->line_count, row->now.unit, row->now.committed);
        settle_text(apply, row, record);
    }
}

static void apply_expired(struct pawl_archive_apply *apply,
                          const struct pawl_record *record,
                          const struct pawl_expired *expired)
{
    bool of_hold = expired->kind == PAWL_EXPIRED_RELEASED ||
                   expired->kind == PAWL_EXPIRED_SETTLED || expired->kind == PAWL_EXPIRED_DRAINED;
    struct pawl_archive_staged *row =
        of_hold ? find_in(apply, expired->id, PAWL_ARCHIVE_ACTIVE) : NULL;
    if (row == NULL) {
        return;
    }
    if (expired->kind == PAWL_EXPIRED_RELEASED) {
        row->now.status = PAWL_ARCHIVE_EXPIRED; /* and has no time at which it was finalized */
        return;
    }
    row->now.finalized_ms = in_ms(record->now_us);
    if (expired->kind == PAWL_EXPIRED_SETTLED) {
        row->now.status = PAWL_ARCHIVE_COMMITTED;
        row->now.committed = row->now.reserved;
    } else {
        row->now.status = PAWL_ARCHIVE_RELEASED;
    }
}

void pawl_archive_apply(struct pawl_archive_apply *apply, const struct pawl_record *record)
{
    apply->now_us = record->now_us;
    if (record->result.code != PAWL_RESULT_OK || record->result.replayed) {
        return;
    }
    switch (record->command.type) {
    case PAWL_COMMAND_RESERVE:
        apply_reserve(apply, record);
        break;
    case PAWL_COMMAND_GROW:
        apply_grow(apply, record);
        break;
    case PAWL_COMMAND_EXTEND:
        apply_extend(apply, record);
        break;
    case PAWL_COMMAND_COMMIT:
        apply_commit(apply, record);
        break;
    case PAWL_COMMAND_RELEASE:
        apply_release(apply, record);
        break;
    case PAWL_COMMAND_CORRECT:
        apply_correct(apply, record);
        break;
    case PAWL_COMMAND_EXPIRE:
    case PAWL_COMMAND_TENANT_DRAIN:
        for (uint32_t i = 0; i < record->result.expired_count; i++) {
            apply_expired(apply, record, &record->result.expired[i]);
        }
        break;
    default: /* nothing of a reservation's */
        break;
    }
}
