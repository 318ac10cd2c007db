/* SPDX-License-Identifier: Apache-2.0 */
/*
 * texts.c: packs of texts; see rows.h.
 *
 * In the file a pack is found by the first operation that it was made with; it ends where the next
 * one begins. It has, one behind the other, the operation (8 bytes), the length of the key (4), the
 * length of the document (4), little-endian, and the two texts. A pack is a page, unless one text
 * alone is larger.
 */
#include <string.h>

#include "archive/rows.h"
#include "journal/bytes.h"

enum { HEAD_BYTES = 16, PACK_BYTES = 4096 - 40 };

/* The largest texts alone, or a page of them. */
#define PACK_BYTES_MAX ((size_t)1 << 20)

/* --- Writing. --------------------------------------------------------------------------------- */

void pawl_archive_pack_init(struct pawl_archive_pack *pack)
{
    pawl_buf_init(&pack->bytes, PACK_BYTES_MAX);
}

static void append(struct pawl_buf *buf, const struct pawl_archive_text *text)
{
    char head[HEAD_BYTES];
    bytes_store(head, text->op, 8);
    bytes_store(head + 8, text->key.bytes, 4);
    bytes_store(head + 12, text->document.bytes, 4);
    pawl_buf_append(buf, head, sizeof(head));
    pawl_buf_append_slice(buf, text->key);
    pawl_buf_append_slice(buf, text->document);
}

static void write_pack(struct pawl_archive_db *db, uint64_t first_op, const struct pawl_buf *bytes)
{
    if (bytes->overflowed) {
        pawl_archive_db_fail(db, PAWL_ERR(MEMORY), "no memory for texts");
        return;
    }
    enum pawl_archive_sql which =
        bytes->bytes > 0 ? PAWL_ARCHIVE_SQL_PACK_PUT : PAWL_ARCHIVE_SQL_PACK_DELETE;
    sqlite3_stmt *put = pawl_archive_db_get(db, which);
    pawl_archive_bind(put, 1, (int64_t)first_op);
    if (bytes->bytes > 0) {
        pawl_archive_bind_blob(put, 2, bytes->data, bytes->bytes);
    }
    pawl_archive_db_run(db, put);
}

void pawl_archive_pack_finish(struct pawl_archive_pack *pack, struct pawl_archive_db *db)
{
    if (pack->bytes.bytes > 0 || pack->bytes.overflowed) {
        write_pack(db, pack->first_op, &pack->bytes);
    }
    pawl_buf_reset(&pack->bytes);
}

void pawl_archive_pack_add(struct pawl_archive_pack *pack,
                           struct pawl_archive_db *db,
                           const struct pawl_archive_text *text)
{
    size_t bytes = text->key.bytes + text->document.bytes;
    if (bytes == 0) {
        return;
    }
    if (pack->bytes.bytes + HEAD_BYTES + bytes > PACK_BYTES) {
        pawl_archive_pack_finish(pack, db);
    }
    if (pack->bytes.bytes == 0) {
        pack->first_op = text->op;
    }
    append(&pack->bytes, text);
}

/* --- Reading. --------------------------------------------------------------------------------- */

/* The next texts of a pack, cut off its front; false: it has no more, or ends in the middle. */
static bool next_text(struct pawl_slice *pack, struct pawl_archive_text *ret_text)
{
    if (pack->bytes < HEAD_BYTES) {
        return false;
    }
    size_t key_bytes = bytes_load_u32(pack->data + 8);
    size_t document_bytes = bytes_load_u32(pack->data + 12);
    if (key_bytes + document_bytes > pack->bytes - HEAD_BYTES) {
        return false;
    }
    const char *texts = pack->data + HEAD_BYTES;
    ret_text->op = bytes_load(pack->data, 8);
    ret_text->key = pawl_slice_of(texts, key_bytes);
    ret_text->document = pawl_slice_of(texts + key_bytes, document_bytes);
    pack->data = texts + key_bytes + document_bytes;
    pack->bytes -= HEAD_BYTES + key_bytes + document_bytes;
    return true;
}

/* The pack that has an operation if any has; its statement is open then. */
static bool find_pack(struct pawl_archive_db *db,
                      uint64_t op,
                      uint64_t *ret_first_op,
                      struct pawl_slice *ret_pack)
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_PACK_AT);
    pawl_archive_bind(get, 1, (int64_t)op);
    if (!pawl_archive_db_step(db, get)) {
        return false;
    }
    const char *data = sqlite3_column_blob(get, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(get, 1);
    *ret_first_op = (uint64_t)sqlite3_column_int64(get, 0);
    *ret_pack = data == NULL ? PAWL_SLICE_NONE : pawl_slice_of(data, bytes);
    return true;
}

static void tell_corrupt(struct pawl_archive_db *db)
{
    pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "a pack of texts cannot be read");
}

void pawl_archive_text_get(struct pawl_archive_db *db,
                           uint64_t op,
                           struct pawl_archive_text *ret_text)
{
    struct pawl_slice pack = PAWL_SLICE_NONE;
    uint64_t first_op = 0;
    bool more = find_pack(db, op, &first_op, &pack);
    struct pawl_archive_text text = {.op = 0};
    while (more && text.op < op) {
        more = next_text(&pack, &text);
    }
    if (!more && pack.bytes > 0) {
        tell_corrupt(db);
    }
    *ret_text = text.op == op ? text : (struct pawl_archive_text){.op = op};
}

void pawl_archive_text_done(struct pawl_archive_db *db)
{
    pawl_archive_db_done(pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_PACK_AT));
}

/* --- Removing. -------------------------------------------------------------------------------- */

/* Leaves out of a pack what is to go, and returns how many of the operations lie before its end. */
static size_t thin_out(struct pawl_archive_db *db,
                       struct pawl_slice pack,
                       const uint64_t *ops,
                       size_t count,
                       struct pawl_buf *ret_left)
{
    struct pawl_archive_text text;
    size_t at = 0;
    while (next_text(&pack, &text)) {
        while (at < count && ops[at] < text.op) {
            at++;
        }
        if (at < count && ops[at] == text.op) {
            at++;
        } else {
            append(ret_left, &text);
        }
    }
    if (pack.bytes > 0) {
        tell_corrupt(db);
    }
    return at;
}

void pawl_archive_texts_remove(struct pawl_archive_db *db, const uint64_t *ops, size_t count)
{
    struct pawl_buf left;
    pawl_buf_init(&left, PACK_BYTES_MAX);
    size_t at = 0;
    while (at < count && pawl_ok(db->err)) {
        struct pawl_slice pack;
        uint64_t first_op = 0;
        size_t gone = 0;
        pawl_buf_reset(&left);
        if (find_pack(db, ops[at], &first_op, &pack)) {
            gone = thin_out(db, pack, ops + at, count - at, &left);
            bool changed = left.bytes < pack.bytes || left.overflowed;
            pawl_archive_text_done(db);
            if (changed && pawl_ok(db->err)) {
                write_pack(db, first_op, &left);
            }
        }
        at += gone > 0 ? gone : 1; /* one that has no text lies behind its pack's end */
    }
    pawl_buf_free(&left);
}
