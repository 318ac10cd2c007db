/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.c: see checkpoint.h and docs/JOURNAL.md. Written front to back with a hash over
 * everything, so that writing needs no seek and no second pass. Read twice: once for the hash,
 * once for the content, because the ledger should never be fed bytes that nobody vouches for.
 *
 * Failure: a file that is not exactly what its row says is CORRUPT, and the caller has an older one
 * or the journal itself. Ownership: the writer owns the open file.
 */
#include "journal/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "journal/bytes.h"
#include "journal/sha256.h"

enum {
    /* Where the fields of the header begin; the magic is at 0. */
    AT_RULES = 8,
    AT_CHUNK_BYTES = 12,
    AT_OP = 16,
    AT_HASH = 24,
    AT_ROOT_BYTES = AT_HASH + PAWL_JOURNAL_HASH_BYTES,
    HEADER_BYTES = AT_ROOT_BYTES + 8,
    COUNTS_BYTES = 4 + 4, /* the end mark and the count of chunks */
    TRAILER_BYTES = COUNTS_BYTES + PAWL_JOURNAL_HASH_BYTES,
    NUMBER_BYTES = 4,
    SLICE_BYTES = 1 << 18,
    /* Far above any root and chunk of ours; guards the arithmetic on sizes from outside. */
    PIECE_BYTES_MAX = 1 << 26
};

#define END_MARK UINT32_MAX

static const char file_magic[8] = {'P', 'A', 'W', 'L', 'C', 'K', 'P', '1'};

static uint64_t digest_of(const struct pawl_journal_hash *hash)
{
    return bytes_load(hash->bytes, 8);
}

/* --- Writing. --------------------------------------------------------------------------------- */

struct pawl_checkpoint_writer {
    const struct pawl_files *files;
    struct pawl_file *file;
    struct pawl_sha256 sha;
    uint32_t chunk_bytes;
    uint32_t chunk_count;
    struct pawl_journal_checkpoint row;
    char path[PAWL_PATH_BYTES_MAX];
};

static pawl_err
put(struct pawl_checkpoint_writer *writer, const void *data, size_t bytes, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(writer->file != NULL && bytes > 0);
    pawl_sha256_add(&writer->sha, data, bytes);
    return writer->files->ops->append(writer->file, data, bytes, msg);
}

static pawl_err put_header(struct pawl_checkpoint_writer *writer,
                           const struct pawl_checkpoint_start *start,
                           struct pawl_errmsg *msg)
{
    unsigned char header[HEADER_BYTES];
    memcpy(header, file_magic, sizeof(file_magic));
    bytes_store(header + AT_RULES, start->rules_version, 4);
    bytes_store(header + AT_CHUNK_BYTES, start->chunk_bytes, 4);
    bytes_store(header + AT_OP, start->op, 8);
    memcpy(header + AT_HASH, start->hash.bytes, PAWL_JOURNAL_HASH_BYTES);
    bytes_store(header + AT_ROOT_BYTES, start->root.bytes, 8);
    pawl_err err = put(writer, header, sizeof(header), msg);
    return pawl_ok(err) ? put(writer, start->root.data, start->root.bytes, msg) : err;
}

static pawl_err
open_writer(struct pawl_checkpoint_writer *writer, const char *dir, struct pawl_errmsg *msg)
{
    char temporary[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_files_path(dir, writer->row.file, writer->path, msg);
    if (pawl_ok(err)) {
        err = pawl_files_path(dir, "checkpoint.tmp", temporary, msg);
    }
    if (pawl_ok(err)) {
        pawl_sha256_begin(&writer->sha);
        err = writer->files->ops->create(writer->files->arg, temporary, &writer->file, msg);
    }
    return err;
}

pawl_err pawl_checkpoint_begin(const struct pawl_files *files,
                               const char *dir,
                               const struct pawl_checkpoint_start *start,
                               struct pawl_checkpoint_writer **ret_writer,
                               struct pawl_errmsg *msg)
{
    PAWL_ASSERT(start->op > 0 && start->chunk_bytes > 0 && start->chunk_bytes <= PIECE_BYTES_MAX);
    PAWL_ASSERT(start->root.bytes > 0 && start->root.bytes <= PIECE_BYTES_MAX);
    struct pawl_checkpoint_writer *writer = pawl_alloc_zeroed(1, sizeof(*writer));
    if (writer == NULL) {
        pawl_errmsg_set(msg, "no memory for a checkpoint");
        return PAWL_ERR(MEMORY);
    }
    writer->files = files;
    writer->chunk_bytes = start->chunk_bytes;
    writer->row.op = start->op;
    writer->row.hash = start->hash;
    int length = snprintf(writer->row.file, sizeof(writer->row.file),
                          "checkpoint-%018" PRIu64 ".pawl", start->op);
    PAWL_ASSERT(length > 0 && (size_t)length < sizeof(writer->row.file));
    pawl_err err = open_writer(writer, dir, msg);
    if (pawl_ok(err)) {
        err = put_header(writer, start, msg);
    }
    if (pawl_failed(err)) {
        pawl_checkpoint_abandon(writer);
        return err;
    }
    *ret_writer = writer;
    return PAWL_OK;
}

pawl_err pawl_checkpoint_chunk(struct pawl_checkpoint_writer *writer,
                               uint32_t number,
                               const void *chunk,
                               struct pawl_errmsg *msg)
{
    PAWL_ASSERT(number != END_MARK && chunk != NULL);
    PAWL_ASSERT(writer->chunk_count < END_MARK);
    unsigned char head[NUMBER_BYTES];
    bytes_store(head, number, sizeof(head));
    pawl_err err = put(writer, head, sizeof(head), msg);
    writer->chunk_count++;
    return pawl_ok(err) ? put(writer, chunk, writer->chunk_bytes, msg) : err;
}

pawl_err pawl_checkpoint_finish(struct pawl_checkpoint_writer *writer,
                                struct pawl_journal_checkpoint *ret_checkpoint,
                                struct pawl_errmsg *msg)
{
    PAWL_ASSERT(writer->file != NULL && writer->row.op > 0);
    unsigned char counts[COUNTS_BYTES];
    bytes_store(counts, END_MARK, 4);
    bytes_store(counts + 4, writer->chunk_count, 4);
    pawl_err err = put(writer, counts, sizeof(counts), msg);
    struct pawl_journal_hash hash = pawl_sha256_end(&writer->sha);
    if (pawl_ok(err)) {
        err = writer->files->ops->append(writer->file, hash.bytes, sizeof(hash.bytes), msg);
    }
    if (pawl_ok(err)) {
        struct pawl_file *file = writer->file;
        writer->file = NULL;
        err = writer->files->ops->publish(file, writer->path, msg);
    }
    if (pawl_ok(err)) {
        writer->row.digest = digest_of(&hash);
        *ret_checkpoint = writer->row;
    }
    pawl_checkpoint_abandon(writer);
    return err;
}

void pawl_checkpoint_abandon(struct pawl_checkpoint_writer *writer)
{
    if (writer->file != NULL) {
        writer->files->ops->close(writer->file);
    }
    pawl_free(writer);
}

/* --- Reading. --------------------------------------------------------------------------------- */

struct reader {
    const struct pawl_files *files;
    struct pawl_file *file;
    unsigned char *room; /* owned: SLICE_BYTES, or a root, or a chunk with its number */
    uint64_t bytes;      /* of the file */
    uint64_t root_bytes;
    uint64_t chunk_count;
};

static pawl_err damaged(const struct pawl_journal_checkpoint *row, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "the checkpoint %s is damaged", row->file);
    return PAWL_ERR(CORRUPT);
}

static pawl_err
read_at(struct reader *reader, uint64_t offset, size_t bytes, struct pawl_errmsg *msg)
{
    return reader->files->ops->read(reader->file, offset, reader->room, bytes, msg);
}

/* The trailer's hash over all before it, and the row's digest of that. */
static pawl_err verify_hash(struct reader *reader,
                            const struct pawl_journal_checkpoint *row,
                            struct pawl_errmsg *msg)
{
    struct pawl_sha256 sha;
    pawl_sha256_begin(&sha);
    pawl_err err = PAWL_OK;
    uint64_t end = reader->bytes - PAWL_JOURNAL_HASH_BYTES;
    for (uint64_t at = 0; at < end && pawl_ok(err);) {
        size_t bytes = end - at < SLICE_BYTES ? (size_t)(end - at) : SLICE_BYTES;
        err = read_at(reader, at, bytes, msg);
        if (pawl_ok(err)) {
            pawl_sha256_add(&sha, reader->room, bytes);
        }
        at += bytes;
    }
    struct pawl_journal_hash hash = pawl_sha256_end(&sha);
    if (pawl_ok(err)) {
        err = read_at(reader, end, PAWL_JOURNAL_HASH_BYTES, msg);
    }
    if (pawl_ok(err) && (memcmp(hash.bytes, reader->room, sizeof(hash.bytes)) != 0 ||
                         digest_of(&hash) != row->digest)) {
        err = damaged(row, msg);
    }
    return err;
}

/* What the header says must agree with the row, with us, and with the file's length. */
static pawl_err read_header(struct reader *reader,
                            const struct pawl_journal_checkpoint *row,
                            const struct pawl_checkpoint_sink *sink,
                            struct pawl_errmsg *msg)
{
    pawl_err err = read_at(reader, 0, HEADER_BYTES, msg);
    if (pawl_failed(err)) {
        return err;
    }
    const unsigned char *header = reader->room;
    uint64_t rules = bytes_load(header + AT_RULES, 4);
    reader->root_bytes = bytes_load(header + AT_ROOT_BYTES, 8);
    if (memcmp(header, file_magic, sizeof(file_magic)) != 0 ||
        bytes_load(header + AT_OP, 8) != row->op ||
        memcmp(header + AT_HASH, row->hash.bytes, PAWL_JOURNAL_HASH_BYTES) != 0 ||
        reader->root_bytes == 0 || reader->root_bytes > PIECE_BYTES_MAX) {
        return damaged(row, msg);
    }
    if (rules > sink->rules_version ||
        bytes_load(header + AT_CHUNK_BYTES, 4) != sink->chunk_bytes) {
        pawl_errmsg_set(msg,
                        "the checkpoint %s was written by another pawl, under rules %" PRIu64
                        ", and this one has %" PRIu32 ": use the one that wrote it",
                        row->file, rules, sink->rules_version);
        return PAWL_ERR(VERSION);
    }
    uint64_t fixed = HEADER_BYTES + reader->root_bytes + TRAILER_BYTES;
    uint64_t each = NUMBER_BYTES + (uint64_t)sink->chunk_bytes;
    if (reader->bytes < fixed || (reader->bytes - fixed) % each != 0) {
        return damaged(row, msg);
    }
    reader->chunk_count = (reader->bytes - fixed) / each;
    return PAWL_OK;
}

static pawl_err feed(struct reader *reader,
                     const struct pawl_journal_checkpoint *row,
                     const struct pawl_checkpoint_sink *sink,
                     struct pawl_errmsg *msg)
{
    uint64_t at = HEADER_BYTES;
    const char *room = (const char *)reader->room;
    pawl_err err = read_at(reader, at, (size_t)reader->root_bytes, msg);
    bool taken =
        pawl_ok(err) && sink->root(sink->arg, pawl_slice_of(room, (size_t)reader->root_bytes));
    at += reader->root_bytes;
    size_t each = NUMBER_BYTES + (size_t)sink->chunk_bytes;
    for (uint64_t i = 0; i < reader->chunk_count && taken; i++, at += each) {
        err = read_at(reader, at, each, msg);
        uint32_t number = (uint32_t)bytes_load(reader->room, NUMBER_BYTES);
        taken =
            pawl_ok(err) && number != END_MARK &&
            sink->chunk(sink->arg, number, pawl_slice_of(room + NUMBER_BYTES, sink->chunk_bytes));
    }
    if (taken) {
        PAWL_ASSERT(at + TRAILER_BYTES == reader->bytes);
        err = read_at(reader, at, COUNTS_BYTES, msg);
        taken = pawl_ok(err) && bytes_load(reader->room, 4) == END_MARK &&
                bytes_load(reader->room + 4, 4) == reader->chunk_count;
    }
    return pawl_failed(err) || taken ? err : damaged(row, msg);
}

/* Room for the largest piece, or the room as it was and MEMORY. */
static pawl_err make_room(struct reader *reader, size_t bytes, struct pawl_errmsg *msg)
{
    unsigned char *room = pawl_realloc(reader->room, bytes);
    if (room == NULL) {
        pawl_errmsg_set(msg, "no memory to read a checkpoint");
        return PAWL_ERR(MEMORY);
    }
    reader->room = room;
    return PAWL_OK;
}

static pawl_err load_opened(struct reader *reader,
                            const struct pawl_journal_checkpoint *row,
                            const struct pawl_checkpoint_sink *sink,
                            struct pawl_errmsg *msg)
{
    if (reader->bytes < HEADER_BYTES + TRAILER_BYTES) {
        return damaged(row, msg);
    }
    pawl_err err = make_room(reader, SLICE_BYTES, msg);
    if (pawl_ok(err)) {
        err = verify_hash(reader, row, msg);
    }
    if (pawl_ok(err)) {
        err = read_header(reader, row, sink, msg);
    }
    size_t piece = NUMBER_BYTES + (size_t)sink->chunk_bytes;
    piece = piece > reader->root_bytes ? piece : (size_t)reader->root_bytes;
    if (pawl_ok(err) && piece > SLICE_BYTES) {
        err = make_room(reader, piece, msg);
    }
    return pawl_ok(err) ? feed(reader, row, sink, msg) : err;
}

pawl_err pawl_checkpoint_load(const struct pawl_files *files,
                              const char *dir,
                              const struct pawl_journal_checkpoint *row,
                              const struct pawl_checkpoint_sink *sink,
                              struct pawl_errmsg *msg)
{
    PAWL_ASSERT(sink->root != NULL && sink->chunk != NULL);
    PAWL_ASSERT(sink->chunk_bytes > 0 && sink->chunk_bytes <= PIECE_BYTES_MAX);
    char path[PAWL_PATH_BYTES_MAX];
    struct reader reader = {.files = files};
    pawl_err err = pawl_files_path(dir, row->file, path, msg);
    if (pawl_ok(err)) {
        err = files->ops->open(files->arg, path, &reader.file, &reader.bytes, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    err = load_opened(&reader, row, sink, msg);
    pawl_free(reader.room);
    files->ops->close(reader.file);
    return err;
}
