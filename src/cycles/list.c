/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c: GET /v1/reservations and GET /v1/reservations/{id}.
 *
 * An open reservation is read from the ledger, with what its record in the journal says beside it;
 * that needs no archive, so a client that lost an id finds it by its key at once. Everything else
 * comes from the archive, which is waited for until it has all that the ledger had when the
 * question came: what a client was told before, it finds in the list.
 */
#include "archive/archive.h"
#include "base/assert.h"
#include "base/little.h"
#include "cycles/body.h"
#include "cycles/cursor.h"
#include "cycles/cycles_priv.h"
#include "cycles/operation.h"
#include "cycles/row.h"
#include "cycles/scopes.h"
#include "cycles/subject.h"
#include "cycles/times.h"
#include "engine/engine.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

/* The first six in the order of enum pawl_level; the six bounds in pairs. */
enum {
    LIST_LEVELS,
    LIST_FROM = PAWL_LEVEL_COUNT,
    LIST_TO,
    LIST_EXPIRES_FROM,
    LIST_EXPIRES_TO,
    LIST_FINALIZED_FROM,
    LIST_FINALIZED_TO,
    LIST_KEY,
    LIST_STATUS,
    LIST_SORT_BY,
    LIST_SORT_DIR,
    LIST_INCLUDE,
    LIST_LIMIT,
    LIST_CURSOR,
    LIST_FIELD_COUNT
};

static const char *const status_words[] = {"ACTIVE", "COMMITTED", "RELEASED", "EXPIRED", NULL};
static const uint8_t status_of_word[] = {PAWL_ARCHIVE_ACTIVE, PAWL_ARCHIVE_COMMITTED,
                                         PAWL_ARCHIVE_RELEASED, PAWL_ARCHIVE_EXPIRED};
static const char *const sort_words[] = {
    "created_at_ms", "reservation_id", "tenant", "expires_at_ms",
    "reserved",      "scope_path",     "status", NULL};
static const uint8_t sort_of_word[] = {PAWL_ARCHIVE_BY_CREATED,  PAWL_ARCHIVE_BY_CREATED,
                                       PAWL_ARCHIVE_BY_CREATED,  PAWL_ARCHIVE_BY_EXPIRES,
                                       PAWL_ARCHIVE_BY_RESERVED, PAWL_ARCHIVE_BY_SCOPE,
                                       PAWL_ARCHIVE_BY_STATUS};
static const char *const direction_words[] = {"desc", "asc", NULL};

#define TEXT(name)                                                                                 \
    {                                                                                              \
        PAWL_FIELD(name), .type = PAWL_FIELD_STRING                                                \
    }

#define TIME(name)                                                                                 \
    {                                                                                              \
        PAWL_FIELD(name), .type = PAWL_FIELD_STRING, .time = true                                  \
    }

static const struct pawl_field list_fields[] = {
    [PAWL_LEVEL_TENANT] = TEXT("tenant"),
    [PAWL_LEVEL_WORKSPACE] = TEXT("workspace"),
    [PAWL_LEVEL_APP] = TEXT("app"),
    [PAWL_LEVEL_WORKFLOW] = TEXT("workflow"),
    [PAWL_LEVEL_AGENT] = TEXT("agent"),
    [PAWL_LEVEL_TOOLSET] = TEXT("toolset"),
    [LIST_FROM] = TIME("from"),
    [LIST_TO] = TIME("to"),
    [LIST_EXPIRES_FROM] = TIME("expires_from"),
    [LIST_EXPIRES_TO] = TIME("expires_to"),
    [LIST_FINALIZED_FROM] = TIME("finalized_from"),
    [LIST_FINALIZED_TO] = TIME("finalized_to"),
    [LIST_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .max = 256},
    [LIST_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD, .words = status_words},
    [LIST_SORT_BY] = {PAWL_FIELD("sort_by"), .type = PAWL_FIELD_WORD, .words = sort_words},
    [LIST_SORT_DIR] = {PAWL_FIELD("sort_dir"), .type = PAWL_FIELD_WORD, .words = direction_words},
    [LIST_INCLUDE] = TEXT("include"),
    [LIST_LIMIT] = {PAWL_FIELD("limit"), .type = PAWL_FIELD_INTEGER, .min = 1, .max = LIMIT_MAX},
    [LIST_CURSOR] = TEXT("cursor")};
const struct pawl_shape pawl_reservations_shape = PAWL_SHAPE(list_fields);

/* In call->state. */
struct list {
    struct pawl_archive_request request;
    struct pawl_archive_query query;
    uint64_t binding;
    uint32_t parts;
    bool one; /* GET by id */
};

/* --- The query ------------------------------------------------------------------------------ */

/* One bound; a lower one rounds up to a millisecond, an upper one down. false: refused. */
static bool take_bound(struct pawl_call *call,
                       const struct pawl_value *value,
                       const char *name,
                       bool lower,
                       int64_t *bound_ms)
{
    int64_t us = 0;
    if (!value->present) {
        return true;
    }
    if (!pawl_time_parse_us(value->text, &us)) {
        pawl_body_refuse(call, name, "it is not a time like 2026-11-22T02:19:08Z");
        return false;
    }
    *bound_ms = (us + (lower ? PAWL_US_PER_MS - 1 : 0)) / PAWL_US_PER_MS;
    return true;
}

static bool take_pair(struct pawl_call *call,
                      const struct pawl_value *values,
                      uint32_t from,
                      int64_t *from_ms,
                      int64_t *to_ms)
{
    const char *name = list_fields[from].name;
    if (!take_bound(call, &values[from], name, true, from_ms) ||
        !take_bound(call, &values[from + 1], list_fields[from + 1].name, false, to_ms)) {
        return false;
    }
    if (values[from].present && values[from + 1].present && *from_ms > *to_ms) {
        pawl_body_refuse(call, name, "it is later than %s", list_fields[from + 1].name);
        return false;
    }
    return true;
}

/* Whose reservations: the key's tenant, or the one that the administrator names. */
static bool take_tenant(struct pawl_call *call,
                        const struct pawl_value *values,
                        struct pawl_archive_query *query)
{
    const struct pawl_value *tenant = &values[PAWL_LEVEL_TENANT];
    if (call->principal.kind == PAWL_PRINCIPAL_ADMIN) {
        query->tenant = tenant->text;
        if (!tenant->present) {
            pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                             "tenant query parameter is required when using admin key "
                             "authentication");
        }
        return tenant->present;
    }
    query->tenant = call->principal.tenant;
    if (tenant->present && !pawl_slice_equal(tenant->text, query->tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "tenant is not the key's tenant");
        return false;
    }
    return true;
}

static bool take_levels(struct pawl_call *call,
                        const struct pawl_value *values,
                        struct pawl_archive_query *query)
{
    for (uint32_t level = PAWL_LEVEL_TENANT + 1; level < PAWL_LEVEL_COUNT; level++) {
        if (values[level].present && !pawl_level_value_valid(values[level].text)) {
            pawl_body_refuse(call, list_fields[level].name, "no scope has such a value");
            return false;
        }
        query->levels[level] = pawl_level_value_lower(values[level].text, call->arena);
    }
    return true;
}

static uint32_t parts_of(struct pawl_slice include)
{
    uint32_t parts = 0;
    while (include.bytes > 0) {
        struct pawl_slice word = pawl_slice_trim(pawl_slice_cut(&include, ','));
        parts |= pawl_slice_equal_str(word, "metadata") ? PAWL_ROW_METADATA : 0;
        parts |= pawl_slice_equal_str(word, "committed_metadata") ? PAWL_ROW_COMMITTED_METADATA : 0;
    }
    return parts;
}

/* --- Cursors -------------------------------------------------------------------------------- */

static struct pawl_slice write_cursor(struct pawl_call *call, const struct list *list)
{
    const struct pawl_archive_place *last = &list->request.last;
    char place[16 + sizeof(last->text)];
    size_t text_bytes = strlen(last->text);
    memcpy(place, &last->op, sizeof(last->op));
    memcpy(place + 8, &last->number, sizeof(last->number));
    memcpy(place + 16, last->text, text_bytes);
    return pawl_cursor_make(call, list->binding, pawl_slice_of(place, 16 + text_bytes));
}

static bool take_cursor(struct pawl_call *call, struct pawl_slice text, struct list *list)
{
    struct pawl_archive_place *after = &list->query.after;
    struct pawl_slice place;
    if (!pawl_cursor_take(call, list->binding, text, 16, 15 + sizeof(after->text), &place)) {
        return false;
    }
    memcpy(&after->op, place.data, sizeof(after->op));
    memcpy(&after->number, place.data + 8, sizeof(after->number));
    memcpy(after->text, place.data + 16, place.bytes - 16);
    return true;
}

/* false: refused. */
static bool take_query(struct pawl_call *call, const struct pawl_value *values, struct list *list)
{
    struct pawl_archive_query *query = &list->query;
    const uint64_t free = UINT64_C(1) << LIST_INCLUDE | UINT64_C(1) << LIST_LIMIT |
                          UINT64_C(1) << LIST_CURSOR | UINT64_C(1) << LIST_SORT_DIR;
    *query = (struct pawl_archive_query){PAWL_ARCHIVE_EVER, .limit = LIMIT_DEFAULT};
    list->parts = parts_of(values[LIST_INCLUDE].text);
    query->status = values[LIST_STATUS].present ? status_of_word[values[LIST_STATUS].number] : 0;
    query->sort = sort_of_word[values[LIST_SORT_BY].number];
    query->ascending = values[LIST_SORT_DIR].number == 1;
    list->binding =
        pawl_cursor_binding(call, &pawl_reservations_shape, values, free, !query->ascending);
    query->idempotency_key = values[LIST_KEY].text;
    if (values[LIST_LIMIT].present) {
        query->limit = (uint32_t)values[LIST_LIMIT].number;
    }
    return take_pair(call, values, LIST_FROM, &query->created_from_ms, &query->created_to_ms) &&
           take_pair(call, values, LIST_EXPIRES_FROM, &query->expires_from_ms,
                     &query->expires_to_ms) &&
           take_pair(call, values, LIST_FINALIZED_FROM, &query->finalized_from_ms,
                     &query->finalized_to_ms) &&
           take_tenant(call, values, query) && take_levels(call, values, query) &&
           (!values[LIST_CURSOR].present || take_cursor(call, values[LIST_CURSOR].text, list));
}

/* --- Answers -------------------------------------------------------------------------------- */

static void render_list(struct pawl_call *call, const struct list *list)
{
    struct pawl_json_writer *writer = pawl_call_json(call);
    struct pawl_slice cursor = list->request.more ? write_cursor(call, list) : PAWL_SLICE_NONE;
    pawl_json_object_begin(writer);
    pawl_json_key(writer, "reservations");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < list->request.row_count; i++) {
        if (pawl_subject_covers_path(call, list->request.rows[i].scope_path)) {
            pawl_render_row(writer, call, &list->request.rows[i], list->parts);
        }
    }
    pawl_json_array_end(writer);
    pawl_cursor_write(writer, cursor);
    pawl_json_object_end(writer);
}

static void refuse_archive(struct pawl_call *call, const struct pawl_archive_request *request)
{
    pawl_call_retry_after(call, 1);
    if (request->answer == PAWL_ARCHIVE_BROKEN) {
        pawl_call_refuse(call, PAWL_ERROR_UNAVAILABLE, "the archive cannot be read: %s",
                         request->why != NULL ? request->why : "no reason is known");
    } else {
        pawl_call_refuse(call, PAWL_ERROR_UNAVAILABLE,
                         "the archive of reservations is behind the ledger; ask again");
    }
}

/* One that is over, or of which nothing is known. */
static void answer_one(struct pawl_call *call, const struct list *list)
{
    const struct pawl_archive_row *row = &list->request.rows[0];
    if (list->request.row_count == 0) {
        pawl_call_refuse(call, PAWL_ERROR_RESERVATION_EXPIRED,
                         "the reservation is no longer held, and no longer in the archive");
    } else if (!pawl_subject_may_see(call, row->tenant, row->scope_path)) {
        return; /* refused */
    } else if (row->status == PAWL_ARCHIVE_EXPIRED) {
        pawl_call_refuse(call, PAWL_ERROR_RESERVATION_EXPIRED, "the reservation expired");
    } else {
        pawl_render_row(pawl_call_json(call), call, row,
                        PAWL_ROW_METADATA | PAWL_ROW_COMMITTED_METADATA);
        pawl_call_reply(call, 200);
    }
}

static void on_archive(struct pawl_archive_request *request)
{
    struct pawl_call *call = request->arg;
    struct list *list = call->state;
    PAWL_ASSERT(&list->request == request);
    /* Its memory goes with the answer, so a copy of what releases it stays. */
    struct pawl_archive_request held = *request;
    if (request->answer != PAWL_ARCHIVE_FOUND) {
        refuse_archive(call, request);
    } else if (list->one) {
        answer_one(call, list);
    } else {
        render_list(call, list);
        pawl_call_reply(call, 200);
    }
    pawl_archive_release(&held);
}

static void ask_archive(struct pawl_call *call)
{
    struct list *list = call->state;
    uint32_t wait_ms = call->cycles->options.archive_wait_ms;
    list->request.done = on_archive;
    list->request.arg = call;
    pawl_archive_ask(pawl_call_archive(call), &list->query,
                     pawl_core_op(pawl_engine_core(pawl_call_engine(call))), wait_ms,
                     &list->request);
}

/* --- Finding by key ------------------------------------------------------------------------- */

static bool in_bounds(const struct pawl_archive_query *query, const struct pawl_archive_row *row)
{
    bool any_final = query->finalized_from_ms != INT64_MIN || query->finalized_to_ms != INT64_MAX;
    return !any_final && row->created_ms >= query->created_from_ms &&
           row->created_ms <= query->created_to_ms && row->expires_ms >= query->expires_from_ms &&
           row->expires_ms <= query->expires_to_ms;
}

static bool matches(const struct pawl_archive_query *query, const struct pawl_archive_row *row)
{
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    bool fits = (query->status == 0 || query->status == row->status) && in_bounds(query, row) &&
                pawl_path_levels(row->scope_path, levels);
    for (uint32_t level = PAWL_LEVEL_TENANT + 1; fits && level < PAWL_LEVEL_COUNT; level++) {
        fits = pawl_slice_empty(query->levels[level]) ||
               pawl_slice_equal(query->levels[level], levels[level]);
    }
    return fits;
}

/* The one open reservation that the key made, where the ledger still knows the key and the filters
 * fit; what the key made earlier is the archive's. true: the call was answered, or refused. */
static bool find_by_key(struct pawl_call *call, struct list *list)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_command *like = pawl_call_alloc(call, sizeof(*like));
    struct pawl_archive_row row;
    uint64_t op = 0;
    bool refused = like == NULL;
    if (refused) {
        return true;
    }
    like->type = PAWL_COMMAND_RESERVE;
    like->idempotency_key = list->query.idempotency_key;
    like->u.reserve.subject.levels[PAWL_LEVEL_TENANT] = list->query.tenant;
    if (!pawl_core_key_find(core, like, &op) || !pawl_row_of_open(call, op, &row, &refused) ||
        !matches(&list->query, &row)) {
        return refused;
    }
    list->request.row_count = 1;
    list->request.rows = &row;
    render_list(call, list);
    pawl_call_reply_read(call, 200);
    return true;
}

/* --- Handlers ------------------------------------------------------------------------------- */

void pawl_cycles_list_reservations(struct pawl_call *call)
{
    struct pawl_value values[LIST_FIELD_COUNT];
    if (!pawl_query_read(call, &pawl_reservations_shape, values)) {
        return;
    }
    struct list *list = pawl_call_alloc(call, sizeof(*list));
    if (list == NULL) {
        return;
    }
    call->state = list;
    /* What is open is the newest of its key, so it is on no later page. */
    bool by_key = values[LIST_KEY].present && !values[LIST_CURSOR].present;
    if (take_query(call, values, list) && (!by_key || !find_by_key(call, list))) {
        ask_archive(call);
    }
}

void pawl_cycles_get_reservation(struct pawl_call *call)
{
    struct pawl_archive_row row;
    uint64_t reservation = 0;
    bool refused = false;
    if (!pawl_operation_id(call, &reservation) || !pawl_operation_owns(call, reservation)) {
        return;
    }
    if (pawl_row_of_open(call, reservation, &row, &refused)) {
        pawl_render_row(pawl_call_json(call), call, &row,
                        PAWL_ROW_METADATA | PAWL_ROW_COMMITTED_METADATA);
        pawl_call_reply_read(call, 200);
        return;
    }
    struct list *list = refused ? NULL : pawl_call_alloc(call, sizeof(*list));
    if (list == NULL) {
        return;
    }
    list->query = (struct pawl_archive_query){.op = reservation, PAWL_ARCHIVE_EVER, .limit = 1};
    list->one = true;
    call->state = list;
    ask_archive(call);
}
