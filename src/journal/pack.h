/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.h: the form in which a batch lies in its row: as it is, or packed with LZ4. Subjects, names
 * and metadata come back from record to record, so that a batch of a busy moment has a fifth of its
 * bytes then: less to write before the sync, less to copy out of the log after it, less disk.
 * The layout is in docs/JOURNAL.md; why LZ4 is in docs/decisions/0016.
 */
#ifndef PAWL_JOURNAL_PACK_H
#define PAWL_JOURNAL_PACK_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum {
    /* What a batch has at most, packed or not: four times what the engine puts into one. */
    PAWL_PACK_BATCH_BYTES_MAX = 1 << 26,
    /* Room for the packed form of such a batch too, which can be a little longer. */
    PAWL_PACK_ROOM_BYTES_MAX = PAWL_PACK_BATCH_BYTES_MAX + (1 << 19)
};

/* The batch as it is to be stored: packed, which then lies in `room`, or itself where packing gains
 * nothing or there is no memory for it. */
PAWL_MUST_CHECK struct pawl_slice pawl_pack(struct pawl_slice batch, struct pawl_buf *room);
/* The batch that was stored so: `stored` itself, or what lies in `room` then. CORRUPT: it cannot be
 * one. MEMORY. */
PAWL_MUST_CHECK pawl_err pawl_unpack(struct pawl_slice stored,
                                     struct pawl_buf *room,
                                     struct pawl_slice *ret_batch);

#endif
