/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_model.c: see archive_model.h. The history is drawn as the ledger could have made it:
 * what is not open is not settled, a reservation ends once, refusals and repeats lie between.
 */
#include "tests/lib/archive_model.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

enum { ARENA_BYTES_MAX = 64 << 20, STEP_US_MAX = 40000, START_S = 1790000000 };

static const char *const level_names[PAWL_LEVEL_COUNT] = {"tenant",   "workspace", "app",
                                                          "workflow", "agent",     "toolset"};
static const char *const tenants[] = {"acme", "globex", "t"};

struct model *model_new(uint64_t seed)
{
    struct model *model = pawl_alloc_zeroed(1, sizeof(*model));
    PAWL_ASSERT(model != NULL);
    pawl_prng_seed(&model->prng, seed);
    pawl_arena_init(&model->arena, ARENA_BYTES_MAX);
    model->now_us = INT64_C(1) * START_S * PAWL_US_PER_SECOND;
    model->op_jump = 1 << 15;
    model->scope_values = 3;
    return model;
}

void model_free(struct model *model)
{
    pawl_arena_free(&model->arena);
    pawl_free(model);
}

static uint64_t below(struct model *model, uint64_t bound)
{
    return pawl_prng_below(&model->prng, bound);
}

static bool one_in(struct model *model, uint64_t n)
{
    return pawl_prng_one_in(&model->prng, n);
}

static struct pawl_slice lower(struct model *model, struct pawl_slice text)
{
    char *bytes = pawl_arena_alloc(&model->arena, text.bytes + 1);
    PAWL_ASSERT(bytes != NULL);
    for (size_t i = 0; i < text.bytes; i++) {
        bytes[i] =
            text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] | 0x20) : text.data[i];
    }
    return pawl_slice_of(bytes, text.bytes);
}

/* --- Drawing. --------------------------------------------------------------------------------- */

/* Values that are alike: of one beginning, in other case, with what sorts before and behind '/'. */
static struct pawl_slice draw_value(struct model *model, int level)
{
    static const char *const endings[] = {"", "-b", ".c", "0", "_z", "A"};
    uint64_t number = below(model, model->scope_values);
    const char *ending = endings[number % 6];
    bool loud = one_in(model, 4);
    if (number < 6) {
        return pawl_arena_printf(&model->arena, "%s%s", loud ? "PART" : "part", ending);
    }
    return pawl_arena_printf(&model->arena, "%c%u%s", loud ? 'V' : 'v',
                             (unsigned)(number + (uint64_t)level), ending);
}

static void draw_levels(struct model *model, struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenants[one_in(model, 2) ? 0 : below(model, 3)]);
    for (int level = PAWL_LEVEL_TENANT + 1; level < PAWL_LEVEL_COUNT; level++) {
        levels[level] = one_in(model, 2) ? PAWL_SLICE_NONE : draw_value(model, level);
    }
}

static struct pawl_slice path_of(struct model *model,
                                 const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    struct pawl_slice path = PAWL_SLICE_NONE;
    for (int level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (levels[level].bytes > 0) {
            path =
                pawl_arena_printf(&model->arena, "%.*s%s%s:%.*s", (int)path.bytes,
                                  path.bytes > 0 ? path.data : "", path.bytes > 0 ? "/" : "",
                                  level_names[level], (int)levels[level].bytes, levels[level].data);
        }
    }
    return path;
}

static struct model_row *draw_row(struct model *model, uint8_t status)
{
    for (uint32_t tries = 0; tries < 64 && model->count > 0; tries++) {
        struct model_row *row = &model->rows[below(model, model->count)];
        if (row->row.status == status && !row->gone) {
            return row;
        }
    }
    return NULL;
}

static struct pawl_slice draw_document(struct model *model, const char *of)
{
    return one_in(model, 3)
               ? PAWL_SLICE_NONE
               : pawl_arena_printf(&model->arena, "{\"%s\":%u}", of, (unsigned)below(model, 1000));
}

/* --- Operations. ------------------------------------------------------------------------------ */

static void reserve(struct model *model, struct pawl_record *record)
{
    struct pawl_command_reserve *reserve = &record->command.u.reserve;
    record->command.type = PAWL_COMMAND_RESERVE;
    record->command.metadata = draw_document(model, "made");
    if (!one_in(model, 3)) {
        record->command.idempotency_key =
            pawl_arena_printf(&model->arena, "key-%u", (unsigned)below(model, 300));
    }
    draw_levels(model, reserve->subject.levels);
    reserve->line_count = 1;
    reserve->lines[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, (int64_t)below(model, 40)};
    reserve->ttl_ms = 1 + (int64_t)below(model, 20) * 25;
    reserve->overage = PAWL_OVERAGE_REJECT;
    reserve->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    reserve->dry_run = one_in(model, 20);
    record->result.id = record->op;
    record->result.expires_us = record->now_us + reserve->ttl_ms * PAWL_US_PER_MS;
    reserve->dry_run = reserve->dry_run || model->count == MODEL_ROWS_MAX;
    if (record->result.code != PAWL_RESULT_OK || record->result.replayed || reserve->dry_run) {
        return;
    }
    struct model_row *row = &model->rows[model->count++];
    *row = (struct model_row){.changed = model->step};
    for (int level = 0; level < PAWL_LEVEL_COUNT; level++) {
        row->levels[level] = lower(model, reserve->subject.levels[level]);
    }
    row->row = (struct pawl_archive_row){
        .op = record->op,
        .tenant = row->levels[PAWL_LEVEL_TENANT],
        .status = PAWL_ARCHIVE_ACTIVE,
        .unit = PAWL_UNIT_USD_MICROCENTS,
        .reserved = reserve->lines[0].value,
        .created_ms = record->now_us / PAWL_US_PER_MS,
        .expires_ms = record->result.expires_us / PAWL_US_PER_MS,
        .scope_path = path_of(model, row->levels),
        .idempotency_key = record->command.idempotency_key,
        .document = record->command.metadata,
    };
}

static void end(struct model_row *row, uint8_t status, const struct pawl_record *record)
{
    row->row.status = status;
    row->row.finalized_ms = record->now_us / PAWL_US_PER_MS;
    if (record->command.metadata.bytes > 0) {
        row->row.committed_document = record->command.metadata;
    }
}

/* A COMMIT, or the CORRECT of one. */
static void settle(struct model *model, struct model_row *row, struct pawl_record *record)
{
    struct pawl_amount charged = {PAWL_UNIT_USD_MICROCENTS, (int64_t)below(model, 50)};
    bool open = row->row.status == PAWL_ARCHIVE_ACTIVE;
    record->command.type = open ? PAWL_COMMAND_COMMIT : PAWL_COMMAND_CORRECT;
    record->command.metadata = draw_document(model, "settled");
    record->command.u.settle.reservation = row->row.op;
    record->command.u.settle.line_count = 1;
    record->command.u.settle.lines[0] = charged;
    record->result.line_count = 1;
    record->result.charged[0] = charged;
    if (record->result.code != PAWL_RESULT_OK || record->result.replayed) {
        return;
    }
    int64_t finalized_ms = row->row.finalized_ms;
    end(row, PAWL_ARCHIVE_COMMITTED, record);
    row->row.committed = charged.value;
    row->row.finalized_ms = open ? row->row.finalized_ms : finalized_ms;
    row->changed = model->step;
}

static void change(struct model *model, struct model_row *row, struct pawl_record *record)
{
    struct pawl_command *command = &record->command;
    bool counts = record->result.code == PAWL_RESULT_OK && !record->result.replayed;
    row->changed = counts ? model->step : row->changed;
    switch (below(model, 3)) {
    case 0:
        command->type = PAWL_COMMAND_GROW;
        command->u.grow.reservation = row->row.op;
        command->u.grow.line_count = 1;
        command->u.grow.lines[0] =
            (struct pawl_amount){row->row.unit, 1 + (int64_t)below(model, 9)};
        row->row.reserved += counts ? command->u.grow.lines[0].value : 0;
        return;
    case 1:
        command->type = PAWL_COMMAND_EXTEND;
        command->u.extend.reservation = row->row.op;
        command->u.extend.ttl_ms = 1 + (int64_t)below(model, 100);
        record->result.expires_us =
            (row->row.expires_ms + command->u.extend.ttl_ms) * PAWL_US_PER_MS;
        row->row.expires_ms += counts ? command->u.extend.ttl_ms : 0;
        row->row.extensions += counts ? 1 : 0;
        return;
    default:
        command->type = PAWL_COMMAND_RELEASE;
        command->u.release.reservation = row->row.op;
        command->metadata = draw_document(model, "released");
        if (counts) {
            end(row, PAWL_ARCHIVE_RELEASED, record);
        }
        return;
    }
}

/* Several open ones end by themselves: of time, or since their tenant is closed. */
static void expire(struct model *model, struct pawl_record *record)
{
    static const uint8_t kinds[] = {PAWL_EXPIRED_RELEASED, PAWL_EXPIRED_SETTLED,
                                    PAWL_EXPIRED_SESSION};
    bool drains = one_in(model, 4);
    record->command.type = drains ? PAWL_COMMAND_TENANT_DRAIN : PAWL_COMMAND_EXPIRE;
    if (drains) {
        record->command.u.tenant_drain.tenant = pawl_slice_str(tenants[0]);
        record->command.u.tenant_drain.max = 4;
    } else {
        record->command.u.expire = (struct pawl_command_expire){record->now_us, 4};
    }
    record->result.code = PAWL_RESULT_OK;
    record->result.replayed = false;
    record->result.expired = model->expired;
    uint64_t count = 1 + below(model, 4);
    for (uint64_t i = 0; i < count; i++) {
        struct model_row *row = draw_row(model, PAWL_ARCHIVE_ACTIVE);
        uint8_t kind = drains ? (uint8_t)PAWL_EXPIRED_DRAINED : kinds[below(model, 3)];
        if (row == NULL || row->changed == model->step) {
            continue;
        }
        model->expired[record->result.expired_count++] = (struct pawl_expired){row->row.op, kind};
        if (kind == PAWL_EXPIRED_SESSION) {
            continue; /* a number that is a session's */
        }
        row->changed = model->step;
        if (kind == PAWL_EXPIRED_RELEASED) {
            row->row.status = PAWL_ARCHIVE_EXPIRED;
            continue;
        }
        end(row, kind == PAWL_EXPIRED_DRAINED ? PAWL_ARCHIVE_RELEASED : PAWL_ARCHIVE_COMMITTED,
            record);
        row->row.committed = kind == PAWL_EXPIRED_SETTLED ? row->row.reserved : 0;
    }
}

void model_step(struct model *model, struct pawl_record *ret_record)
{
    model->step++;
    model->op += one_in(model, 30) ? 1 + below(model, model->op_jump) : 1;
    model->now_us += one_in(model, 3) ? 0 : (int64_t)below(model, STEP_US_MAX);
    *ret_record = (struct pawl_record){.op = model->op, .now_us = model->now_us};
    ret_record->result.code = one_in(model, 12) ? PAWL_RESULT_NOT_FOUND : PAWL_RESULT_OK;
    ret_record->result.replayed = one_in(model, 12);
    ret_record->result.op = model->op;
    ret_record->result.now_us = model->now_us;
    uint64_t kind = below(model, 20);
    struct model_row *open = draw_row(model, PAWL_ARCHIVE_ACTIVE);
    struct model_row *committed = draw_row(model, PAWL_ARCHIVE_COMMITTED);
    if (kind < 9 || open == NULL) {
        reserve(model, ret_record);
    } else if (kind < 13) {
        settle(model, open, ret_record);
    } else if (kind < 14 && committed != NULL) {
        settle(model, committed, ret_record);
    } else if (kind < 18) {
        change(model, open, ret_record);
    } else {
        expire(model, ret_record);
    }
}

void model_forget(struct model *model, int64_t before_ms)
{
    for (uint32_t i = 0; i < model->count; i++) {
        struct pawl_archive_row *row = &model->rows[i].row;
        int64_t over_ms = row->finalized_ms != 0 ? row->finalized_ms : row->expires_ms;
        if (row->status != PAWL_ARCHIVE_ACTIVE && over_ms < before_ms) {
            model->rows[i].gone = true;
        }
    }
}

/* --- Lists. ----------------------------------------------------------------------------------- */

struct pawl_archive_query model_all(void)
{
    return (struct pawl_archive_query){
        .tenant = pawl_slice_str(tenants[0]), PAWL_ARCHIVE_EVER, .limit = 1000};
}

/* Bounds about a value that some row has. */
static void draw_range(struct model *model, int64_t value, int64_t *from_ms, int64_t *to_ms)
{
    static const int64_t widths[] = {0, 3, 50, 1000, 100000};
    uint64_t kind = below(model, 4);
    *from_ms = kind == 0 ? *from_ms : value - (int64_t)below(model, 2);
    *to_ms = kind == 1 ? *to_ms : value + widths[below(model, 5)];
}

struct pawl_archive_query model_draw_query(struct model *model)
{
    struct pawl_archive_query query = model_all();
    const struct model_row *like = &model->rows[below(model, model->count)];
    query.sort = (uint8_t)below(model, PAWL_ARCHIVE_BY_STATUS + 1);
    query.ascending = one_in(model, 2);
    query.tenant = one_in(model, 8) ? PAWL_SLICE("nobody") : like->row.tenant;
    query.status = one_in(model, 2)   ? 0
                   : one_in(model, 2) ? like->row.status
                                      : (uint8_t)(1 + below(model, 4));
    for (int level = PAWL_LEVEL_TENANT + 1; level < PAWL_LEVEL_COUNT; level++) {
        if (one_in(model, 6)) {
            query.levels[level] = one_in(model, 3) ? draw_value(model, level) : like->levels[level];
        }
    }
    if (one_in(model, 12)) {
        query.idempotency_key = like->row.idempotency_key;
    }
    if (one_in(model, 4)) {
        draw_range(model, like->row.created_ms, &query.created_from_ms, &query.created_to_ms);
    }
    if (one_in(model, 4)) {
        draw_range(model, like->row.expires_ms, &query.expires_from_ms, &query.expires_to_ms);
    }
    if (one_in(model, 4)) {
        draw_range(model, like->row.finalized_ms, &query.finalized_from_ms, &query.finalized_to_ms);
    }
    return query;
}

static bool within(int64_t value, int64_t from, int64_t to)
{
    return value >= from && value <= to;
}

bool model_passes(const struct pawl_archive_query *query, const struct model_row *row)
{
    const struct pawl_archive_row *is = &row->row;
    bool any_final = query->finalized_from_ms != INT64_MIN || query->finalized_to_ms != INT64_MAX;
    bool passes =
        !row->gone && pawl_slice_equal(is->tenant, query->tenant) &&
        (query->status == 0 || query->status == is->status) &&
        within(is->created_ms, query->created_from_ms, query->created_to_ms) &&
        within(is->expires_ms, query->expires_from_ms, query->expires_to_ms) &&
        (!any_final || (is->finalized_ms != 0 && within(is->finalized_ms, query->finalized_from_ms,
                                                        query->finalized_to_ms))) &&
        (query->idempotency_key.bytes == 0 ||
         pawl_slice_equal(query->idempotency_key, is->idempotency_key));
    for (int level = PAWL_LEVEL_TENANT + 1; level < PAWL_LEVEL_COUNT; level++) {
        passes = passes && (query->levels[level].bytes == 0 ||
                            pawl_slice_equal_nocase(query->levels[level], row->levels[level]));
    }
    return passes;
}

static int64_t number_of(uint8_t sort, const struct pawl_archive_row *row)
{
    const int64_t numbers[] = {0, row->expires_ms, row->reserved, 0, row->status};
    return numbers[sort];
}

int model_compare(const struct pawl_archive_query *query,
                  const struct pawl_archive_row *a,
                  const struct pawl_archive_row *b)
{
    int64_t a_number = number_of(query->sort, a);
    int64_t b_number = number_of(query->sort, b);
    int order = a_number < b_number ? -1 : a_number > b_number;
    if (query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        order = pawl_slice_compare(a->scope_path, b->scope_path);
    }
    if (order == 0) {
        order = a->op < b->op ? -1 : a->op > b->op;
    }
    return query->ascending ? order : -order;
}

static const struct pawl_archive_query *sorting;

static int compare_sorted(const void *a, const void *b)
{
    const struct model_row *const *one = a;
    const struct model_row *const *other = b;
    return model_compare(sorting, &(*one)->row, &(*other)->row);
}

uint32_t model_list(const struct model *model,
                    const struct pawl_archive_query *query,
                    const struct model_row **ret_rows)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (model_passes(query, &model->rows[i])) {
            ret_rows[count++] = &model->rows[i];
        }
    }
    sorting = query;
    if (count > 1) {
        qsort(ret_rows, count, sizeof(ret_rows[0]), compare_sorted);
    }
    return count;
}

const struct model_row *model_find(const struct model *model, uint64_t op)
{
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->rows[i].row.op == op) {
            return &model->rows[i];
        }
    }
    return NULL;
}

bool model_same(const struct pawl_archive_row *a, const struct pawl_archive_row *b)
{
    return a->op == b->op && pawl_slice_equal(a->tenant, b->tenant) && a->status == b->status &&
           a->unit == b->unit && a->reserved == b->reserved && a->committed == b->committed &&
           a->created_ms == b->created_ms && a->expires_ms == b->expires_ms &&
           a->finalized_ms == b->finalized_ms && a->extensions == b->extensions &&
           pawl_slice_equal(a->scope_path, b->scope_path) &&
           pawl_slice_equal(a->idempotency_key, b->idempotency_key) &&
           pawl_slice_equal(a->document, b->document) &&
           pawl_slice_equal(a->committed_document, b->committed_document);
}
