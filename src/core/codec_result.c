/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_result.c: results as bytes, after docs/JOURNAL.md. What codec_encode.c and
 * codec_decode.c say about one form of each (J8), failure and ownership holds here too. A part is
 * written exactly when it is not zero, because most results have two or three of the ten.
 *
 * Encoding runs once for each operation, so it counts the bytes first and then fills them
 * without a check in between.
 */
#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "core/codec.h"
#include "core/codec_priv.h"

/* Parts of a result. */
enum {
    PART_REPLAYED = 1,
    PART_OVER_LIMIT = 2,
    PART_MORE_DUE = 4,
    PART_ORIGINAL_OP = 8,
    PART_ID = 16,
    PART_EXPIRES = 32,
    PART_LINES = 64,
    PART_DELTAS = 128,
    PART_DENIAL = 256,
    PART_EXPIRED = 512,
    PART_STANDINGS = 1024,
    RESULT_PARTS_ALL = 2047
};
/* Of a delta and of a standing. */
enum {
    PART_RESERVED = 1,
    PART_SPENT = 2,
    PART_DEBT = 4,
    PART_ALLOCATED = 8,
    DELTA_PARTS_ALL = 15,
    PART_OVERDRAFT = 16,
    PART_STANDS_OVER = 32,
    STANDING_PARTS_ALL = 63
};

enum {
    LINE_BYTES = 2 * (2 + 8), /* charged and released */
    DENIAL_BYTES = 8 + 8 + 2 + 1 + 1 + 7 * 8,
    EXPIRED_BYTES = 8 + 1
};

static unsigned delta_parts(const struct pawl_delta *delta)
{
    return (delta->reserved != 0 ? PART_RESERVED : 0U) | (delta->spent != 0 ? PART_SPENT : 0U) |
           (delta->debt != 0 ? PART_DEBT : 0U) | (delta->allocated != 0 ? PART_ALLOCATED : 0U);
}

static size_t delta_bytes(const struct pawl_delta *delta)
{
    size_t values = (size_t)(delta->reserved != 0) + (delta->spent != 0) + (delta->debt != 0) +
                    (delta->allocated != 0);
    return 8 + 4 + 2 + 1 + 8 * values;
}

static unsigned standing_parts(const struct pawl_standing *standing)
{
    return (standing->reserved != 0 ? PART_RESERVED : 0U) |
           (standing->spent != 0 ? PART_SPENT : 0U) | (standing->debt != 0 ? PART_DEBT : 0U) |
           (standing->allocated != 0 ? PART_ALLOCATED : 0U) |
           (standing->overdraft_limit != 0 ? PART_OVERDRAFT : 0U) |
           (standing->over_limit ? PART_STANDS_OVER : 0U);
}

static size_t standing_bytes(const struct pawl_standing *standing)
{
    size_t values = (size_t)(standing->reserved != 0) + (standing->spent != 0) +
                    (standing->debt != 0) + (standing->allocated != 0) +
                    (standing->overdraft_limit != 0);
    return 1 + 8 * values;
}

/* A number that is there when it says something. */
static void put_number(struct writer *writer, int64_t value)
{
    if (value != 0) {
        put_i64(writer, value);
    }
}

static void put_delta(struct writer *writer, const struct pawl_delta *delta)
{
    put_u64(writer, delta->budget);
    put_u32(writer, delta->ordinal);
    put_u16(writer, delta->unit);
    put_u8(writer, (uint8_t)delta_parts(delta));
    put_number(writer, delta->reserved);
    put_number(writer, delta->spent);
    put_number(writer, delta->debt);
    put_number(writer, delta->allocated);
}

static void put_standing(struct writer *writer, const struct pawl_standing *standing)
{
    put_u8(writer, (uint8_t)standing_parts(standing));
    put_number(writer, standing->reserved);
    put_number(writer, standing->spent);
    put_number(writer, standing->debt);
    put_number(writer, standing->allocated);
    put_number(writer, standing->overdraft_limit);
}

static bool denial_given(const struct pawl_denial *denial)
{
    return (denial->budget | denial->session | denial->unit | denial->window_kind |
            denial->reason) != 0 ||
           (denial->limit | denial->spent | denial->held | denial->debt | denial->asked |
            denial->fits | denial->resets_at_us) != 0;
}

static void put_denial(struct writer *writer, const struct pawl_denial *denial)
{
    put_u64(writer, denial->budget);
    put_u64(writer, denial->session);
    put_u16(writer, denial->unit);
    put_u8(writer, denial->window_kind);
    put_u8(writer, denial->reason);
    const int64_t values[] = {denial->limit, denial->spent, denial->held,        denial->debt,
                              denial->asked, denial->fits,  denial->resets_at_us};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(values); i++) {
        put_i64(writer, values[i]);
    }
}

static unsigned result_parts(const struct pawl_result *result)
{
    return (result->replayed ? PART_REPLAYED : 0U) | (result->over_limit ? PART_OVER_LIMIT : 0U) |
           (result->more_due ? PART_MORE_DUE : 0U) |
           (result->original_op != 0 ? PART_ORIGINAL_OP : 0U) | (result->id != 0 ? PART_ID : 0U) |
           (result->expires_us != 0 ? PART_EXPIRES : 0U) |
           (result->line_count > 0 ? PART_LINES : 0U) |
           (result->delta_count > 0 ? PART_DELTAS : 0U) |
           (denial_given(&result->denial) ? PART_DENIAL : 0U) |
           (result->expired_count > 0 ? PART_EXPIRED : 0U) |
           (result->standing_count > 0 ? PART_STANDINGS : 0U);
}

static size_t result_bytes(const struct pawl_result *result, unsigned parts)
{
    size_t bytes = 2 + 2 + 8 + 8;
    bytes += (parts & PART_ORIGINAL_OP) != 0 ? 8 : 0;
    bytes += (parts & PART_ID) != 0 ? 8 : 0;
    bytes += (parts & PART_EXPIRES) != 0 ? 8 : 0;
    bytes += (parts & PART_LINES) != 0 ? 1 + (size_t)result->line_count * LINE_BYTES : 0;
    bytes += (parts & PART_DENIAL) != 0 ? DENIAL_BYTES : 0;
    bytes += (parts & PART_EXPIRED) != 0 ? 2 + (size_t)result->expired_count * EXPIRED_BYTES : 0;
    if ((parts & PART_DELTAS) != 0) {
        bytes += 1;
        for (uint32_t i = 0; i < result->delta_count; i++) {
            bytes += delta_bytes(&result->deltas[i]);
        }
        for (uint32_t i = 0; i < result->standing_count; i++) {
            bytes += standing_bytes(&result->standings[i]);
        }
    }
    return bytes;
}

static void put_result_lists(struct writer *writer, const struct pawl_result *result)
{
    if (result->line_count > 0) {
        put_u8(writer, (uint8_t)result->line_count);
        for (uint32_t i = 0; i < result->line_count; i++) {
            put_u16(writer, result->charged[i].unit);
            put_i64(writer, result->charged[i].value);
            put_u16(writer, result->released[i].unit);
            put_i64(writer, result->released[i].value);
        }
    }
    if (result->delta_count > 0) {
        put_u8(writer, (uint8_t)result->delta_count);
        for (uint32_t i = 0; i < result->delta_count; i++) {
            put_delta(writer, &result->deltas[i]);
        }
        for (uint32_t i = 0; i < result->standing_count; i++) {
            put_standing(writer, &result->standings[i]);
        }
    }
}

void pawl_codec_encode_result(struct pawl_buf *out, const struct pawl_result *result)
{
    PAWL_ASSERT(result->code < PAWL_RESULT_COUNT);
    PAWL_ASSERT(result->line_count <= PAWL_LINES_MAX && result->delta_count <= PAWL_HOLDS_MAX);
    PAWL_ASSERT(result->expired_count <= PAWL_EXPIRE_MAX);
    PAWL_ASSERT(result->standing_count == 0 || result->standing_count == result->delta_count);
    unsigned parts = result_parts(result);
    size_t bytes = result_bytes(result, parts);
    struct writer writer;
    if (!writer_begin(&writer, out, bytes)) {
        return;
    }
    put_u16(&writer, result->code);
    put_u16(&writer, (uint16_t)parts);
    put_u64(&writer, result->op);
    put_i64(&writer, result->now_us);
    if (result->original_op != 0) {
        put_u64(&writer, result->original_op);
    }
    if (result->id != 0) {
        put_u64(&writer, result->id);
    }
    if (result->expires_us != 0) {
        put_i64(&writer, result->expires_us);
    }
    put_result_lists(&writer, result);
    if ((parts & PART_DENIAL) != 0) {
        put_denial(&writer, &result->denial);
    }
    if (result->expired_count > 0) {
        put_u16(&writer, (uint16_t)result->expired_count);
        for (uint32_t i = 0; i < result->expired_count; i++) {
            put_u64(&writer, result->expired[i].id);
            put_u8(&writer, result->expired[i].kind);
        }
    }
    writer_end(&writer, out, bytes);
}

static void take_delta(struct reader *reader, struct pawl_delta *ret_delta)
{
    ret_delta->budget = take(reader, 8);
    ret_delta->ordinal = (uint32_t)take(reader, 4);
    ret_delta->unit = take_u16(reader);
    unsigned parts = take_u8(reader);
    reader->bad = reader->bad || (parts & ~(unsigned)DELTA_PARTS_ALL) != 0;
    ret_delta->reserved = (int64_t)take_number(reader, parts & PART_RESERVED);
    ret_delta->spent = (int64_t)take_number(reader, parts & PART_SPENT);
    ret_delta->debt = (int64_t)take_number(reader, parts & PART_DEBT);
    ret_delta->allocated = (int64_t)take_number(reader, parts & PART_ALLOCATED);
}

static void take_standing(struct reader *reader, struct pawl_standing *ret_standing)
{
    unsigned parts = take_u8(reader);
    reader->bad = reader->bad || (parts & ~(unsigned)STANDING_PARTS_ALL) != 0;
    ret_standing->reserved = (int64_t)take_number(reader, parts & PART_RESERVED);
    ret_standing->spent = (int64_t)take_number(reader, parts & PART_SPENT);
    ret_standing->debt = (int64_t)take_number(reader, parts & PART_DEBT);
    ret_standing->allocated = (int64_t)take_number(reader, parts & PART_ALLOCATED);
    ret_standing->overdraft_limit = (int64_t)take_number(reader, parts & PART_OVERDRAFT);
    ret_standing->over_limit = (parts & PART_STANDS_OVER) != 0;
}

static void take_denial(struct reader *reader, struct pawl_denial *ret_denial)
{
    ret_denial->budget = take(reader, 8);
    ret_denial->session = take(reader, 8);
    ret_denial->unit = take_u16(reader);
    ret_denial->window_kind = take_u8(reader);
    ret_denial->reason = take_u8(reader);
    int64_t *const values[] = {&ret_denial->limit,       &ret_denial->spent, &ret_denial->held,
                               &ret_denial->debt,        &ret_denial->asked, &ret_denial->fits,
                               &ret_denial->resets_at_us};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(values); i++) {
        *values[i] = take_i64(reader);
    }
    reader->bad = reader->bad || !denial_given(ret_denial);
}

/* A list that was announced: at least one row. */
static uint32_t take_rows(struct reader *reader, unsigned announced, size_t bytes, uint32_t max)
{
    if (announced == 0) {
        return 0;
    }
    uint32_t count = take_count(reader, bytes, max);
    reader->bad = reader->bad || count == 0;
    return count;
}

static void take_result_lists(struct reader *reader,
                              unsigned parts,
                              struct pawl_codec_scratch *scratch,
                              struct pawl_result *ret_result)
{
    ret_result->line_count = take_rows(reader, parts & PART_LINES, 1, PAWL_LINES_MAX);
    for (uint32_t i = 0; i < ret_result->line_count; i++) {
        ret_result->charged[i].unit = take_u16(reader);
        ret_result->charged[i].value = take_i64(reader);
        ret_result->released[i].unit = take_u16(reader);
        ret_result->released[i].value = take_i64(reader);
    }
    ret_result->delta_count = take_rows(reader, parts & PART_DELTAS, 1, PAWL_HOLDS_MAX);
    for (uint32_t i = 0; i < ret_result->delta_count; i++) {
        take_delta(reader, &ret_result->deltas[i]);
    }
    if ((parts & PART_STANDINGS) != 0) {
        /* One for each delta. */
        ret_result->standing_count = ret_result->delta_count;
        reader->bad = reader->bad || ret_result->delta_count == 0;
        for (uint32_t i = 0; i < ret_result->standing_count; i++) {
            take_standing(reader, &ret_result->standings[i]);
        }
    }
    if ((parts & PART_DENIAL) != 0) {
        take_denial(reader, &ret_result->denial);
    }
    ret_result->expired_count = take_rows(reader, parts & PART_EXPIRED, 2, PAWL_EXPIRE_MAX);
    for (uint32_t i = 0; i < ret_result->expired_count; i++) {
        /* The whole row: padding too must be the same on every machine. */
        scratch->expired[i] = (struct pawl_expired){.id = take(reader, 8)};
        scratch->expired[i].kind = take_u8(reader);
        reader->bad = reader->bad || scratch->expired[i].kind < PAWL_EXPIRED_RELEASED ||
                      scratch->expired[i].kind > PAWL_EXPIRED_DRAINED;
    }
    ret_result->expired = ret_result->expired_count > 0 ? scratch->expired : NULL;
}

bool pawl_codec_decode_result(struct pawl_slice *bytes,
                              struct pawl_codec_scratch *scratch,
                              struct pawl_result *ret_result)
{
    struct reader reader = reader_of(*bytes);
    pawl_result_clear(ret_result);
    ret_result->code = take_u16(&reader);
    unsigned parts = take_u16(&reader);
    if (reader.bad || ret_result->code >= PAWL_RESULT_COUNT ||
        (parts & ~(unsigned)RESULT_PARTS_ALL) != 0) {
        return false;
    }
    ret_result->replayed = (parts & PART_REPLAYED) != 0;
    ret_result->over_limit = (parts & PART_OVER_LIMIT) != 0;
    ret_result->more_due = (parts & PART_MORE_DUE) != 0;
    ret_result->op = take(&reader, 8);
    ret_result->now_us = take_i64(&reader);
    ret_result->original_op = take_number(&reader, parts & PART_ORIGINAL_OP);
    ret_result->id = take_number(&reader, parts & PART_ID);
    ret_result->expires_us = (int64_t)take_number(&reader, parts & PART_EXPIRES);
    take_result_lists(&reader, parts, scratch, ret_result);
    if (reader.bad) {
        return false;
    }
    reader_consume(&reader, bytes);
    return true;
}
