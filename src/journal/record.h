/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h: one operation as it stands in a batch: number, time, command, result. The byte
 * layout is in docs/JOURNAL.md.
 */
#ifndef PAWL_JOURNAL_RECORD_H
#define PAWL_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/codec.h"
#include "core/command.h"
#include "core/result.h"

/* Room that no record passes (docs/JOURNAL.md, limits). */
enum { PAWL_RECORD_BYTES_MAX = 65536 };

struct pawl_record {
    uint64_t op;
    int64_t now_us;
    uint32_t repeats; /* identical denials folded into this one within a second; 0: none */
    struct pawl_command command;
    struct pawl_result result;
    struct pawl_slice result_bytes; /* of one that was read back: the result as it stands there */
};

/* Opens a batch in an empty buffer, appends records to it, and closes it (count, checksum). */
void pawl_record_batch_begin(struct pawl_buf *out);
void pawl_record_batch_add(struct pawl_buf *out, const struct pawl_record *record);
/* The same from its parts: number and time are the result's. */
void pawl_record_batch_put(struct pawl_buf *out,
                           const struct pawl_command *command,
                           const struct pawl_result *result,
                           uint32_t repeats);
/* One more equal denial for the record that was added at `offset`. */
void pawl_record_batch_repeat(struct pawl_buf *out, size_t offset);
void pawl_record_batch_end(struct pawl_buf *out);

/* Reads a batch back: the frame with its checksum first (false: not one of ours), then the
 * records. They borrow from the blob and the scratch. */
struct pawl_record_cursor {
    struct pawl_slice rest;
    uint32_t left;
    uint32_t rules_version; /* of the code that computed the results */
};
PAWL_MUST_CHECK bool pawl_record_batch_open(struct pawl_slice blob,
                                            struct pawl_record_cursor *ret_cursor);
/* Whether this code knows all that the batch may hold: false, with what to do, where it was
 * recorded under newer rules, which can have records that are not known here. */
PAWL_MUST_CHECK bool pawl_record_batch_known(const struct pawl_record_cursor *cursor,
                                             struct pawl_errmsg *msg);
/* false at the end (left == 0) or on damage (left > 0). */
PAWL_MUST_CHECK bool pawl_record_batch_next(struct pawl_record_cursor *cursor,
                                            struct pawl_codec_scratch *scratch,
                                            struct pawl_record *ret_record);
/* The one record with that number, without decoding those before it. */
PAWL_MUST_CHECK bool pawl_record_batch_find(struct pawl_slice blob,
                                            uint64_t op,
                                            struct pawl_codec_scratch *scratch,
                                            struct pawl_record *ret_record);

#endif
