/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c: batches of records as bytes, after docs/JOURNAL.md.
 *
 * The frame carries a CRC-32C over everything behind it, so that damage is found before a single
 * length in it is believed. The record's own length lets a reader go to one operation without
 * decoding those before it.
 *
 * Invariants: J8 (one form: a record must be used up by what is in it, and the last record ends the
 * blob), and a record's number and time are those of its result.
 *
 * Failure: readers answer false; writers leave the buffer's flag up.
 */
#include "journal/record.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "core/core.h"
#include "journal/bytes.h"

enum {
    AT_CRC = 4,
    AT_RULES = 8,
    AT_COUNT = 12,
    HEADER_BYTES = 16,
    RECORD_LENGTH_BYTES = 4,
    /* In a record, behind its length. */
    AT_OP = 0,
    AT_NOW = 8,
    AT_REPEATS = 16,
    RECORD_HEADER_BYTES = 20
};

static const char batch_magic[4] = {'P', 'W', 'B', '1'};

void pawl_record_batch_begin(struct pawl_buf *out)
{
    PAWL_ASSERT(out->bytes == 0);
    pawl_buf_append(out, batch_magic, sizeof(batch_magic));
    pawl_buf_put_u32(out, 0);
    pawl_buf_put_u32(out, PAWL_RULES_VERSION);
    pawl_buf_put_u32(out, 0);
}

void pawl_record_batch_put(struct pawl_buf *out,
                           const struct pawl_command *command,
                           const struct pawl_result *result,
                           uint32_t repeats)
{
    PAWL_ASSERT(out->bytes >= HEADER_BYTES && result->op > 0);
    size_t start = out->bytes;
    pawl_buf_put_u32(out, 0);
    pawl_buf_put_u64(out, result->op);
    pawl_buf_put_i64(out, result->now_us);
    pawl_buf_put_u32(out, repeats);
    pawl_codec_encode_command(out, command);
    pawl_codec_encode_result(out, result);
    if (out->overflowed) {
        return;
    }
    size_t bytes = out->bytes - start;
    PAWL_ASSERT(bytes <= PAWL_RECORD_BYTES_MAX);
    bytes_store(out->data + start, (uint32_t)(bytes - RECORD_LENGTH_BYTES), 4);
    bytes_store(out->data + AT_COUNT, bytes_load_u32(out->data + AT_COUNT) + 1, 4);
}

void pawl_record_batch_add(struct pawl_buf *out, const struct pawl_record *record)
{
    PAWL_ASSERT(record->op == record->result.op && record->now_us == record->result.now_us);
    pawl_record_batch_put(out, &record->command, &record->result, record->repeats);
}

void pawl_record_batch_repeat(struct pawl_buf *out, size_t offset)
{
    PAWL_ASSERT(offset >= HEADER_BYTES && offset < out->bytes);
    PAWL_ASSERT(out->bytes - offset >= RECORD_LENGTH_BYTES + RECORD_HEADER_BYTES);
    char *at = out->data + offset + RECORD_LENGTH_BYTES + AT_REPEATS;
    uint32_t repeats = bytes_load_u32(at);
    PAWL_ASSERT(repeats < UINT32_MAX);
    bytes_store(at, repeats + 1, 4);
}

void pawl_record_batch_end(struct pawl_buf *out)
{
    PAWL_ASSERT(!out->overflowed && out->bytes > HEADER_BYTES);
    PAWL_ASSERT(bytes_load_u32(out->data + AT_COUNT) > 0);
    bytes_store(out->data + AT_CRC, pawl_crc32c(0, out->data + AT_RULES, out->bytes - AT_RULES), 4);
}

bool pawl_record_batch_open(struct pawl_slice blob, struct pawl_record_cursor *ret_cursor)
{
    if (blob.bytes < HEADER_BYTES || memcmp(blob.data, batch_magic, sizeof(batch_magic)) != 0) {
        return false;
    }
    uint32_t crc = pawl_crc32c(0, blob.data + AT_RULES, blob.bytes - AT_RULES);
    uint32_t count = bytes_load_u32(blob.data + AT_COUNT);
    if (crc != bytes_load_u32(blob.data + AT_CRC) || count == 0) {
        return false;
    }
    *ret_cursor = (struct pawl_record_cursor){
        .rest = pawl_slice_sub(blob, HEADER_BYTES, blob.bytes - HEADER_BYTES),
        .left = count,
        .rules_version = bytes_load_u32(blob.data + AT_RULES)};
    return true;
}

bool pawl_record_batch_known(const struct pawl_record_cursor *cursor, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(cursor->left > 0);
    if (cursor->rules_version <= PAWL_RULES_VERSION) {
        return true;
    }
    pawl_errmsg_set(msg,
                    "the journal was written by a newer pawl, under rules %" PRIu32
                    ", and this one has %u: use the newer one",
                    cursor->rules_version, PAWL_RULES_VERSION);
    return false;
}

/* Cuts the next record off, without its length. */
static bool next_body(struct pawl_slice *rest, struct pawl_slice *ret_body)
{
    if (rest->bytes < RECORD_LENGTH_BYTES + RECORD_HEADER_BYTES) {
        return false;
    }
    size_t bytes = bytes_load_u32(rest->data);
    if (bytes < RECORD_HEADER_BYTES || bytes > rest->bytes - RECORD_LENGTH_BYTES) {
        return false;
    }
    *ret_body = pawl_slice_of(rest->data + RECORD_LENGTH_BYTES, bytes);
    *rest = pawl_slice_of(ret_body->data + bytes, rest->bytes - RECORD_LENGTH_BYTES - bytes);
    return true;
}

static bool decode_body(struct pawl_slice body,
                        struct pawl_codec_scratch *scratch,
                        struct pawl_record *ret_record)
{
    PAWL_ASSERT(body.bytes >= RECORD_HEADER_BYTES);
    ret_record->op = bytes_load(body.data + AT_OP, 8);
    ret_record->now_us = (int64_t)bytes_load(body.data + AT_NOW, 8);
    ret_record->repeats = bytes_load_u32(body.data + AT_REPEATS);
    struct pawl_slice rest =
        pawl_slice_of(body.data + RECORD_HEADER_BYTES, body.bytes - RECORD_HEADER_BYTES);
    if (ret_record->op == 0 || !pawl_codec_decode_command(&rest, scratch, &ret_record->command)) {
        return false;
    }
    ret_record->result_bytes = rest;
    return pawl_codec_decode_result(&rest, scratch, &ret_record->result) && rest.bytes == 0 &&
           ret_record->result.op == ret_record->op &&
           ret_record->result.now_us == ret_record->now_us;
}

bool pawl_record_batch_next(struct pawl_record_cursor *cursor,
                            struct pawl_codec_scratch *scratch,
                            struct pawl_record *ret_record)
{
    struct pawl_slice rest = cursor->rest;
    struct pawl_slice body = PAWL_SLICE_NONE;
    bool last = cursor->left == 1;
    if (cursor->left == 0 || !next_body(&rest, &body) || (last && rest.bytes != 0) ||
        !decode_body(body, scratch, ret_record)) {
        return false;
    }
    cursor->rest = rest;
    cursor->left--;
    return true;
}

bool pawl_record_batch_find(struct pawl_slice blob,
                            uint64_t op,
                            struct pawl_codec_scratch *scratch,
                            struct pawl_record *ret_record)
{
    struct pawl_record_cursor cursor;
    if (!pawl_record_batch_open(blob, &cursor)) {
        return false;
    }
    struct pawl_slice body = PAWL_SLICE_NONE;
    for (; cursor.left > 0 && next_body(&cursor.rest, &body); cursor.left--) {
        if (bytes_load(body.data + AT_OP, 8) == op) {
            return decode_body(body, scratch, ret_record);
        }
    }
    return false;
}
