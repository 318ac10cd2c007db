/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h: what a durable record means for the rows.
 */
#ifndef PAWL_ARCHIVE_APPLY_H
#define PAWL_ARCHIVE_APPLY_H

#include "archive/scopes.h"
#include "archive/stage.h"
#include "base/hash.h"
#include "journal/record.h"

struct pawl_archive_apply {
    struct pawl_archive_db *db;
    struct pawl_archive_stage stage;
    struct pawl_archive_scopes scopes;
    struct pawl_hash_key hash_key; /* of idempotency keys; the file's own */
    int64_t now_us;                /* of the last record */
    uint64_t made;                 /* rows, in this transaction */
};

/* Stages what the record changes. Records come in order, each once. */
void pawl_archive_apply(struct pawl_archive_apply *apply, const struct pawl_record *record);
/* The number under which a tenant's key is found; never 0. */
int64_t
pawl_archive_key_hash(struct pawl_hash_key hash_key, uint32_t tenant, struct pawl_slice key);

/* forget.c: stages the removal of rows that are over for longer than `keep_us`, and removes scopes
 * that have none. Looks at `max` rows at most; `*cursor` is where it goes on, 0 in the beginning.
 * */
struct pawl_archive_forget {
    uint64_t op;
    uint64_t reaches; /* of which scopes are looked at next */
    uint64_t segment; /* scopes that end before it are looked for since the look began, … */
    uint64_t swept;   /* … and there are none that end before this one */
};
void pawl_archive_forget(struct pawl_archive_apply *apply,
                         struct pawl_archive_forget *forget,
                         int64_t keep_us,
                         uint32_t max);

#endif
