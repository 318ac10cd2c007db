/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record.c: whatever bytes stand in a batch, packed or not, in a command or in a result: the
 * reader survives them, and what it takes is the one form of what it read (J8).
 *
 * The first byte chooses what the rest is. For a batch the frame is mended (mark and checksum),
 * since no search finds a CRC, and behind a sound frame is where lengths and counts are believed or
 * not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "core/codec.h"
#include "journal/pack.h"
#include "journal/record.h"
#include "tests/lib/fuzz.h"

enum { FRAME_BYTES = 16, ROOM_BYTES = 1 << 17, KINDS = 4 };

static struct pawl_codec_scratch scratch;

/* Both must be the same bytes; `room` has what was encoded again. */
static void same_form(struct pawl_buf *room, struct pawl_slice bytes)
{
    PAWL_ASSERT(!room->overflowed);
    PAWL_ASSERT(pawl_slice_equal(pawl_buf_slice(room), bytes));
    pawl_buf_reset(room);
}

static void try_command(struct pawl_buf *room, struct pawl_slice bytes)
{
    struct pawl_slice rest = bytes;
    struct pawl_command command;
    if (pawl_codec_decode_command(&rest, &scratch, &command)) {
        PAWL_ASSERT(pawl_codec_command_fits(&command));
        pawl_codec_encode_command(room, &command);
        same_form(room, pawl_slice_sub(bytes, 0, bytes.bytes - rest.bytes));
    }
}

static void try_result(struct pawl_buf *room, struct pawl_slice bytes)
{
    struct pawl_slice rest = bytes;
    struct pawl_result result;
    if (pawl_codec_decode_result(&rest, &scratch, &result)) {
        pawl_codec_encode_result(room, &result);
        same_form(room, pawl_slice_sub(bytes, 0, bytes.bytes - rest.bytes));
    }
}

static void mend_frame(char *blob, size_t bytes)
{
    memcpy(blob, "PWB1", 4);
    uint32_t crc = pawl_crc32c(0, blob + 8, bytes - 8);
    for (size_t i = 0; i < 4; i++) {
        blob[4 + i] = (char)(unsigned char)(crc >> (8 * i));
    }
}

static void try_batch(struct pawl_buf *room, char *blob, size_t bytes)
{
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    if (bytes >= FRAME_BYTES) {
        mend_frame(blob, bytes);
    }
    if (!pawl_record_batch_open(pawl_slice_of(blob, bytes), &cursor)) {
        return;
    }
    while (pawl_record_batch_next(&cursor, &scratch, &record)) {
        PAWL_ASSERT(record.op == record.result.op && record.now_us == record.result.now_us);
        pawl_codec_encode_result(room, &record.result);
        same_form(room, record.result_bytes);
    }
}

/* As the stored form of a batch, and as a batch that is stored. */
static void try_packed(struct pawl_buf *room, char *stored, size_t bytes)
{
    struct pawl_slice batch;
    struct pawl_buf packed;
    if (bytes >= 4) {
        memcpy(stored, "PWZ1", 4);
    }
    if (pawl_ok(pawl_unpack(pawl_slice_of(stored, bytes), room, &batch)) && batch.data != stored) {
        PAWL_ASSERT(batch.bytes <= bytes * 255);
    }
    if (bytes < 4) {
        return;
    }
    memcpy(stored, "PWB1", 4);
    pawl_buf_init(&packed, ROOM_BYTES);
    struct pawl_slice form = pawl_pack(pawl_slice_of(stored, bytes), &packed);
    PAWL_ASSERT(form.bytes <= bytes && pawl_ok(pawl_unpack(form, room, &batch)));
    PAWL_ASSERT(pawl_slice_equal(batch, pawl_slice_of(stored, bytes)));
    pawl_buf_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0 || bytes > ROOM_BYTES) {
        return 0;
    }
    /* In memory of its own, exactly as long, so that a sanitizer sees a step past the end. */
    size_t rest = bytes - 1;
    char *copy = malloc(rest > 0 ? rest : 1);
    PAWL_ASSERT(copy != NULL);
    if (rest > 0) {
        memcpy(copy, data + 1, rest);
    }
    struct pawl_buf room;
    pawl_buf_init(&room, ROOM_BYTES);
    switch (data[0] % KINDS) {
    case 0:
        try_command(&room, pawl_slice_of(copy, rest));
        break;
    case 1:
        try_result(&room, pawl_slice_of(copy, rest));
        break;
    case 2:
        try_batch(&room, copy, rest);
        break;
    default:
        try_packed(&room, copy, rest);
        break;
    }
    pawl_buf_free(&room);
    free(copy);
    return 0;
}
