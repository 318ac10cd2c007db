/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.c: what a transaction touches, in memory; see stage.h. Writing it is in stage_write.c.
 *
 * Failure: kept in the connection. Ownership: of its arrays, which stay as large as the largest
 * transaction wanted them.
 */
#include "archive/stage.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { ROWS_FIRST = 256 };

void pawl_archive_stage_init(struct pawl_archive_stage *stage, struct pawl_archive_db *db)
{
    *stage = (struct pawl_archive_stage){.db = db};
    pawl_archive_pack_init(&stage->pack);
}

void pawl_archive_stage_free(struct pawl_archive_stage *stage)
{
    pawl_free(stage->rows);
    pawl_free(stage->slots);
    pawl_free(stage->changes);
    pawl_free(stage->texts);
    pawl_free(stage->gone);
    pawl_buf_free(&stage->pack.bytes);
    pawl_archive_merge_free(&stage->merge);
    *stage = (struct pawl_archive_stage){.db = NULL};
}

void pawl_archive_stage_reset(struct pawl_archive_stage *stage)
{
    stage->count = 0;
    stage->text_count = 0;
    stage->block.count = 0;
    pawl_buf_reset(&stage->pack.bytes);
    if (stage->slot_count > 0) {
        memset(stage->slots, 0, stage->slot_count * sizeof(stage->slots[0]));
    }
}

/* --- Finding. --------------------------------------------------------------------------------- */

/* Where the operation is, or where it would go. */
static uint32_t slot_of(const struct pawl_archive_stage *stage, uint64_t op)
{
    uint32_t mask = stage->slot_count - 1;
    uint32_t slot = (uint32_t)pawl_hash_mix(op) & mask;
    while (stage->slots[slot] != 0 && stage->rows[stage->slots[slot] - 1].now.op != op) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Room for one more row, at most half of the slots taken. */
static bool grow(struct pawl_archive_stage *stage)
{
    if (stage->count < stage->capacity) {
        return true;
    }
    uint32_t capacity = stage->capacity == 0 ? ROWS_FIRST : 2 * stage->capacity;
    struct pawl_archive_staged *rows = pawl_realloc(stage->rows, capacity * sizeof(rows[0]));
    if (rows != NULL) {
        stage->rows = rows;
    }
    uint32_t *slots =
        rows != NULL ? pawl_alloc_zeroed(2 * (size_t)capacity, sizeof(slots[0])) : NULL;
    if (slots == NULL) {
        pawl_archive_db_fail(stage->db, PAWL_ERR(MEMORY), "no memory for a transaction");
        return false;
    }
    pawl_free(stage->slots);
    stage->slots = slots;
    stage->slot_count = 2 * capacity;
    stage->capacity = capacity;
    for (uint32_t i = 0; i < stage->count; i++) {
        stage->slots[slot_of(stage, stage->rows[i].now.op)] = i + 1;
    }
    return true;
}

static struct pawl_archive_staged *append(struct pawl_archive_stage *stage, uint64_t op)
{
    if (!grow(stage)) {
        return NULL;
    }
    uint32_t slot = slot_of(stage, op);
    PAWL_ASSERT(stage->slots[slot] == 0);
    struct pawl_archive_staged *row = &stage->rows[stage->count];
    *row = (struct pawl_archive_staged){.now = {.op = op}};
    stage->count++;
    stage->slots[slot] = stage->count;
    return row;
}

struct pawl_archive_staged *pawl_archive_stage_find(struct pawl_archive_stage *stage, uint64_t op)
{
    uint32_t slot = stage->count > 0 ? slot_of(stage, op) : 0;
    if (stage->count > 0 && stage->slots[slot] != 0) {
        return &stage->rows[stage->slots[slot] - 1];
    }
    if (op > INT64_MAX) {
        return NULL;
    }
    if (stage->block.count == 0 || stage->block.number != pawl_archive_block_of(op)) {
        (void)pawl_archive_block_get(stage->db, pawl_archive_block_of(op), &stage->block);
    }
    const struct pawl_archive_image *image = pawl_archive_block_row(&stage->block, op);
    struct pawl_archive_staged *row = image != NULL ? append(stage, op) : NULL;
    if (row != NULL) {
        row->existed = true;
        row->before = *image;
        row->now = *image;
    }
    return row;
}

/* --- Texts. ----------------------------------------------------------------------------------- */

static bool add_text(struct pawl_archive_stage *stage, const struct pawl_archive_text *text)
{
    struct pawl_archive_text *texts =
        pawl_archive_db_room(stage->db, stage->texts, &stage->text_capacity, stage->text_count + 1,
                             sizeof(stage->texts[0]));
    if (texts == NULL) {
        return false;
    }
    stage->texts = texts;
    PAWL_ASSERT(stage->text_count == 0 || stage->texts[stage->text_count - 1].op < text->op);
    stage->texts[stage->text_count++] = *text;
    return true;
}

struct pawl_archive_staged *pawl_archive_stage_add(struct pawl_archive_stage *stage,
                                                   const struct pawl_archive_text *text)
{
    return add_text(stage, text) ? append(stage, text->op) : NULL;
}

/* Leaves out a text of this transaction's; one of the file's is removed with the difference. */
static void drop_text(struct pawl_archive_stage *stage, uint64_t op)
{
    for (size_t i = stage->text_count; i > 0 && stage->texts[i - 1].op >= op; i--) {
        if (stage->texts[i - 1].op == op) {
            stage->texts[i - 1].document = PAWL_SLICE_NONE;
        }
    }
}

void pawl_archive_stage_settle(struct pawl_archive_stage *stage,
                               struct pawl_archive_staged *row,
                               const struct pawl_archive_text *text)
{
    if (row->now.settlement_op != 0) {
        drop_text(stage, row->now.settlement_op);
    }
    if (add_text(stage, text)) {
        row->now.settlement_op = text->op;
    }
}
