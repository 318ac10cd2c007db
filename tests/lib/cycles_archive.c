/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_archive.c: see cycles_archive.h.
 */
#include "tests/lib/cycles_archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "cycles/scopes.h"

enum { ROWS_MAX = 4096, QUESTIONS_MAX = 16, ARENA_BYTES_MAX = 256 << 20 };

struct question {
    struct pawl_archive_query query;
    struct pawl_archive_request *request;
};

struct pawl_archive {
    struct pawl_arena arena; /* of all texts */
    uint32_t row_count;
    struct pawl_archive_row rows[ROWS_MAX];
    uint32_t question_count;
    struct question questions[QUESTIONS_MAX];
};

struct pawl_archive *cycles_archive_new(void)
{
    struct pawl_archive *archive = pawl_alloc_zeroed(1, sizeof(*archive));
    PAWL_ASSERT(archive != NULL);
    pawl_arena_init(&archive->arena, ARENA_BYTES_MAX);
    return archive;
}

void cycles_archive_free(struct pawl_archive *archive)
{
    pawl_arena_free(&archive->arena);
    pawl_free(archive);
}

/* --- Records -------------------------------------------------------------------------------- */

static struct pawl_archive_row *find_row(struct pawl_archive *archive, uint64_t op)
{
    for (uint32_t i = 0; i < archive->row_count; i++) {
        if (archive->rows[i].op == op) {
            return &archive->rows[i];
        }
    }
    return NULL;
}

static void add_row(struct pawl_archive *archive, const struct pawl_record *record)
{
    const struct pawl_command_reserve *reserve = &record->command.u.reserve;
    char path[PAWL_SCOPE_PATH_BYTES];
    size_t bytes = pawl_levels_path(reserve->subject.levels, path);
    if (archive->row_count == ROWS_MAX) {
        return; /* the fuzzer goes on for long */
    }
    archive->rows[archive->row_count++] = (struct pawl_archive_row){
        .op = record->op,
        .tenant = pawl_arena_copy(&archive->arena, reserve->subject.levels[PAWL_LEVEL_TENANT]),
        .status = PAWL_ARCHIVE_ACTIVE,
        .unit = reserve->lines[0].unit,
        .reserved = reserve->lines[0].value,
        .created_ms = record->now_us / PAWL_US_PER_MS,
        .expires_ms = record->result.expires_us / PAWL_US_PER_MS,
        .scope_path = pawl_arena_copy(&archive->arena, pawl_slice_of(path, bytes)),
        .idempotency_key = pawl_arena_copy(&archive->arena, record->command.idempotency_key),
        .document = pawl_arena_copy(&archive->arena, record->command.metadata)};
}

static void settle_row(struct pawl_archive *archive, const struct pawl_record *record)
{
    struct pawl_archive_row *row = find_row(archive, pawl_command_reservation(&record->command));
    if (row == NULL) {
        return;
    }
    switch (record->command.type) {
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_RELEASE:
        row->status = record->command.type == PAWL_COMMAND_COMMIT ? PAWL_ARCHIVE_COMMITTED
                                                                  : PAWL_ARCHIVE_RELEASED;
        row->committed = record->result.charged[0].value;
        row->finalized_ms = record->now_us / PAWL_US_PER_MS;
        row->committed_document = pawl_arena_copy(&archive->arena, record->command.metadata);
        return;
    case PAWL_COMMAND_EXTEND:
        row->expires_ms = record->result.expires_us / PAWL_US_PER_MS;
        row->extensions++;
        return;
    default:
        return;
    }
}

void cycles_archive_note(struct pawl_archive *archive, const struct pawl_record *record)
{
    const struct pawl_result *result = &record->result;
    if (result->code != PAWL_RESULT_OK || result->replayed) {
        return;
    }
    if (record->command.type == PAWL_COMMAND_RESERVE) {
        if (!record->command.u.reserve.dry_run) {
            add_row(archive, record);
        }
        return;
    }
    settle_row(archive, record);
    for (uint32_t i = 0; i < result->expired_count; i++) {
        struct pawl_archive_row *row = find_row(archive, result->expired[i].id);
        if (row != NULL && result->expired[i].kind == PAWL_EXPIRED_RELEASED) {
            row->status = PAWL_ARCHIVE_EXPIRED;
        } else if (row != NULL && result->expired[i].kind == PAWL_EXPIRED_DRAINED) {
            row->status = PAWL_ARCHIVE_RELEASED;
            row->finalized_ms = record->now_us / PAWL_US_PER_MS;
        }
    }
}

/* --- Queries -------------------------------------------------------------------------------- */

static bool between(int64_t value, int64_t from, int64_t to)
{
    return value >= from && value <= to;
}

static bool matches(const struct pawl_archive_query *query, const struct pawl_archive_row *row)
{
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    bool any_final = query->finalized_from_ms != INT64_MIN || query->finalized_to_ms != INT64_MAX;
    if (query->op != 0) {
        return row->op == query->op;
    }
    bool fits = pawl_slice_equal(row->tenant, query->tenant) &&
                (query->status == 0 || query->status == row->status) &&
                between(row->created_ms, query->created_from_ms, query->created_to_ms) &&
                between(row->expires_ms, query->expires_from_ms, query->expires_to_ms) &&
                (!any_final ||
                 (row->finalized_ms > 0 &&
                  between(row->finalized_ms, query->finalized_from_ms, query->finalized_to_ms))) &&
                (pawl_slice_empty(query->idempotency_key) ||
                 pawl_slice_equal(query->idempotency_key, row->idempotency_key)) &&
                pawl_path_levels(row->scope_path, levels);
    for (uint32_t level = PAWL_LEVEL_TENANT + 1; fits && level < PAWL_LEVEL_COUNT; level++) {
        fits = pawl_slice_empty(query->levels[level]) ||
               pawl_slice_equal(query->levels[level], levels[level]);
    }
    return fits;
}

static int64_t number_of(uint8_t sort, const struct pawl_archive_row *row)
{
    switch (sort) {
    case PAWL_ARCHIVE_BY_EXPIRES:
        return row->expires_ms;
    case PAWL_ARCHIVE_BY_RESERVED:
        return row->reserved;
    case PAWL_ARCHIVE_BY_STATUS:
        return row->status;
    default:
        return 0;
    }
}

/* Where `a` lies against a place, in the order of the query. */
static int compare(const struct pawl_archive_query *query,
                   const struct pawl_archive_row *a,
                   struct pawl_archive_place *place)
{
    int64_t number = number_of(query->sort, a);
    int order = number < place->number ? -1 : number > place->number;
    if (query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        order = pawl_slice_compare(a->scope_path, pawl_slice_str(place->text));
    }
    if (order == 0) {
        order = a->op < place->op ? -1 : a->op > place->op;
    }
    return query->ascending ? order : -order;
}

static struct pawl_archive_place place_of(const struct pawl_archive_query *query,
                                          const struct pawl_archive_row *row)
{
    struct pawl_archive_place place = {.op = row->op, .number = number_of(query->sort, row)};
    if (query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        PAWL_ASSERT(pawl_slice_copy_str(row->scope_path, place.text, sizeof(place.text)));
    }
    return place;
}

/* The first row behind `after`; selection, one by one. */
static const struct pawl_archive_row *next_row(const struct pawl_archive *archive,
                                               const struct pawl_archive_query *query,
                                               struct pawl_archive_place *after)
{
    const struct pawl_archive_row *best = NULL;
    struct pawl_archive_place best_place = {0};
    for (uint32_t i = 0; i < archive->row_count; i++) {
        const struct pawl_archive_row *row = &archive->rows[i];
        if (matches(query, row) && (after->op == 0 || compare(query, row, after) > 0) &&
            (best == NULL || compare(query, row, &best_place) < 0)) {
            best = row;
            best_place = place_of(query, row);
        }
    }
    *after = best_place;
    return best;
}

static void answer(struct pawl_archive *archive, struct question *question)
{
    struct pawl_archive_request *request = question->request;
    struct pawl_archive_place after = question->query.after;
    struct pawl_archive_row *rows =
        pawl_alloc_zeroed(question->query.limit, sizeof(*request->rows));
    PAWL_ASSERT(rows != NULL);
    request->answer = PAWL_ARCHIVE_FOUND;
    request->memory = rows;
    request->rows = rows;
    request->row_count = 0;
    while (request->row_count < question->query.limit) {
        const struct pawl_archive_row *row = next_row(archive, &question->query, &after);
        if (row == NULL) {
            return;
        }
        rows[request->row_count++] = *row;
        request->last = after;
    }
    request->more = next_row(archive, &question->query, &after) != NULL;
}

void pawl_archive_ask(struct pawl_archive *archive,
                      const struct pawl_archive_query *query,
                      uint64_t needs_op,
                      uint32_t timeout_ms,
                      struct pawl_archive_request *request)
{
    PAWL_ASSERT(needs_op > 0 && timeout_ms > 0 && query->limit > 0);
    PAWL_ASSERT(archive->question_count < QUESTIONS_MAX);
    struct question *question = &archive->questions[archive->question_count++];
    *question = (struct question){.query = *query, .request = request};
    question->query.tenant = pawl_arena_copy(&archive->arena, query->tenant);
    question->query.idempotency_key = pawl_arena_copy(&archive->arena, query->idempotency_key);
    for (uint32_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        question->query.levels[i] = pawl_arena_copy(&archive->arena, query->levels[i]);
    }
}

void cycles_archive_collect(struct pawl_archive *archive, bool behind)
{
    uint32_t count = archive->question_count;
    archive->question_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct question question = archive->questions[i];
        if (behind) {
            question.request->answer = PAWL_ARCHIVE_BEHIND;
            question.request->memory = NULL;
        } else {
            answer(archive, &question);
        }
        question.request->done(question.request);
    }
}

void pawl_archive_release(struct pawl_archive_request *request)
{
    pawl_free(request->memory);
    request->memory = NULL;
}
