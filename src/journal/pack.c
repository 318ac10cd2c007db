/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c: batches to and from their packed form.
 *
 * Stored bytes are data from outside: the length that a packed batch claims is believed only as far
 * as LZ4 could make it of what is there, before there is memory for it, and must be met exactly.
 * Whether the batch is ours is for its checksum and the chain to say, as ever.
 *
 * Failure: packing has none, since a batch can always be stored as it is. Ownership: the room is
 * the caller's; it stays empty, what lies in it is good until its next use.
 */
#include "journal/pack.h"

#include <lz4.h>
#include <string.h>

#include "base/assert.h"
#include "journal/bytes.h"

enum {
    AT_PLAIN_BYTES = 4,
    HEADER_BYTES = 8,
    /* Nothing is gained in a batch of one record or two. */
    BATCH_BYTES_MIN = 1024,
    /* An eighth at least must be. */
    GAIN_SHIFT = 3,
    /* A byte of an LZ4 block stands for at most so many (its format: lengths grow by 255 a byte).
     */
    RATIO_MAX = 255
};

static const char packed_magic[4] = {'P', 'W', 'Z', '1'};

struct pawl_slice pawl_pack(struct pawl_slice batch, struct pawl_buf *room)
{
    PAWL_ASSERT(batch.bytes > 0 && batch.bytes <= PAWL_PACK_BATCH_BYTES_MAX);
    if (batch.bytes < BATCH_BYTES_MIN) {
        return batch;
    }
    size_t bytes_max = batch.bytes - (batch.bytes >> GAIN_SHIFT) - HEADER_BYTES;
    char *to = pawl_buf_reserve(room, HEADER_BYTES + bytes_max);
    if (to == NULL) {
        return batch;
    }
    memcpy(to, packed_magic, sizeof(packed_magic));
    bytes_store(to + AT_PLAIN_BYTES, batch.bytes, 4);
    int bytes =
        LZ4_compress_default(batch.data, to + HEADER_BYTES, (int)batch.bytes, (int)bytes_max);
    return bytes > 0 ? pawl_slice_of(to, HEADER_BYTES + (size_t)bytes) : batch;
}

pawl_err pawl_unpack(struct pawl_slice stored, struct pawl_buf *room, struct pawl_slice *ret_batch)
{
    if (stored.bytes < sizeof(packed_magic) ||
        memcmp(stored.data, packed_magic, sizeof(packed_magic)) != 0) {
        *ret_batch = stored;
        return PAWL_OK;
    }
    if (stored.bytes <= HEADER_BYTES || stored.bytes > PAWL_PACK_ROOM_BYTES_MAX) {
        return PAWL_ERR(CORRUPT);
    }
    size_t plain_bytes = bytes_load_u32(stored.data + AT_PLAIN_BYTES);
    size_t block_bytes = stored.bytes - HEADER_BYTES;
    if (plain_bytes == 0 || plain_bytes > PAWL_PACK_BATCH_BYTES_MAX ||
        plain_bytes / RATIO_MAX > block_bytes) {
        return PAWL_ERR(CORRUPT);
    }
    char *to = pawl_buf_reserve(room, plain_bytes);
    if (to == NULL) {
        return PAWL_ERR(MEMORY);
    }
    int bytes =
        LZ4_decompress_safe(stored.data + HEADER_BYTES, to, (int)block_bytes, (int)plain_bytes);
    if (bytes < 0 || (size_t)bytes != plain_bytes) {
        return PAWL_ERR(CORRUPT);
    }
    *ret_batch = pawl_slice_of(to, plain_bytes);
    return PAWL_OK;
}
