/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_rows.c: rows by their operation, with and without texts, and the rows of an answer.
 *
 * Ownership: an answer's rows and texts are in its memory, which goes with pawl_archive_release.
 */
#include "archive/query.h"
#include "base/alloc.h"

/* A thousand rows with the largest documents. */
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

bool pawl_archive_row_look(struct pawl_archive_db *db,
                           uint64_t op,
                           struct pawl_archive_image *ret_image)
{
    db->work += PAWL_ARCHIVE_WORK_ROW;
    return pawl_archive_row_get(db, op, ret_image);
}

bool pawl_archive_row_has_key(struct pawl_archive_db *db, uint64_t op, struct pawl_slice key)
{
    struct pawl_archive_text text;
    db->work += PAWL_ARCHIVE_WORK_ROW;
    pawl_archive_text_get(db, op, &text);
    bool equal = pawl_slice_equal(text.key, key);
    pawl_archive_text_done(db);
    return equal;
}

struct pawl_slice
pawl_archive_scope_path(struct pawl_archive_db *db, struct pawl_arena *arena, uint32_t scope)
{
    struct pawl_slice path = PAWL_SLICE_NONE;
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_SCOPE_GET);
    pawl_archive_bind(get, 1, scope);
    db->work += PAWL_ARCHIVE_WORK_ROW;
    if (pawl_archive_db_step(db, get)) {
        path = pawl_arena_copy(arena, pawl_archive_column_text(get, 0));
        pawl_archive_db_done(get);
    }
    return path;
}

static struct pawl_slice
tenant_name(struct pawl_archive_db *db, struct pawl_arena *arena, uint32_t tenant)
{
    struct pawl_slice name = PAWL_SLICE_NONE;
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_TENANT_NAME);
    pawl_archive_bind(get, 1, tenant);
    if (pawl_archive_db_step(db, get)) {
        name = pawl_arena_copy(arena, pawl_archive_column_text(get, 0));
        pawl_archive_db_done(get);
    }
    return name;
}

/* Copies an operation's texts. */
static struct pawl_archive_text
copy_text(struct pawl_archive_db *db, struct pawl_arena *arena, uint64_t op)
{
    struct pawl_archive_text text = {.op = op};
    if (op != 0) {
        pawl_archive_text_get(db, op, &text);
        text.key = pawl_arena_copy(arena, text.key);
        text.document = pawl_arena_copy(arena, text.document);
        pawl_archive_text_done(db);
    }
    return text;
}

/* `block` is the one that was looked into last, or has no rows: neighbours are of one. */
static bool fill_row(struct pawl_archive_db *db,
                     struct pawl_arena *arena,
                     uint64_t op,
                     struct pawl_archive_block *block,
                     struct pawl_archive_row *ret_row)
{
    if (block->count == 0 || block->number != pawl_archive_block_of(op)) {
        (void)pawl_archive_block_get(db, pawl_archive_block_of(op), block);
    }
    const struct pawl_archive_image *image = pawl_archive_block_row(block, op);
    if (image == NULL) {
        return false;
    }
    struct pawl_archive_text text = copy_text(db, arena, op);
    *ret_row = (struct pawl_archive_row){
        .op = op,
        .status = image->status,
        .unit = image->unit,
        .reserved = image->reserved,
        .committed = image->committed,
        .created_ms = image->created_ms,
        .expires_ms = image->expires_ms,
        .finalized_ms = image->finalized_ms,
        .extensions = image->extensions,
        .idempotency_key = text.key,
        .document = text.document,
        .committed_document = copy_text(db, arena, image->settlement_op).document,
        .tenant = tenant_name(db, arena, image->tenant),
        .scope_path = pawl_archive_scope_path(db, arena, image->scope),
    };
    return true;
}

bool pawl_archive_rows_answer(struct pawl_archive_db *db,
                              const struct pawl_archive_found *found,
                              uint32_t count,
                              struct pawl_archive_request *request)
{
    struct pawl_arena *arena = pawl_alloc(sizeof(*arena));
    if (arena == NULL) {
        pawl_archive_db_fail(db, PAWL_ERR(MEMORY), "no memory for an answer");
        return false;
    }
    pawl_arena_init(arena, ANSWER_BYTES_MAX);
    request->memory = arena;
    struct pawl_archive_row *rows =
        pawl_arena_alloc(arena, (count > 0 ? count : 1) * sizeof(rows[0]));
    struct pawl_archive_block block = {.count = 0};
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count && !arena->overflowed; i++) {
        filled += fill_row(db, arena, found[i].op, &block, &rows[filled]) ? 1U : 0U;
    }
    request->rows = rows;
    request->row_count = filled;
    if (arena->overflowed) {
        pawl_archive_db_fail(db, PAWL_ERR(MEMORY), "no memory for an answer");
    }
    return pawl_ok(db->err);
}

void pawl_archive_release(struct pawl_archive_request *request)
{
    struct pawl_arena *arena = request->memory;
    if (arena != NULL) {
        pawl_arena_free(arena);
        pawl_free(arena);
    }
    request->memory = NULL;
    request->rows = NULL;
    request->row_count = 0;
}
