/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balances.c: GET /v1/balances, in both of its forms: by subject, as rows of the runtime plane; and
 * by tenant_id, scope_prefix or unit without any subject, as ledgers of the governance plane. An
 * address of the governance plane alone has the second form, whatever is asked for.
 *
 * The ledger's tree of scopes is walked in steps of a bounded number, over as many turns of the
 * loop as it takes, so that a tenant with many thousand budgets holds nobody up. What the rows say
 * is the state of the moment in which each was looked at; all of it is durable before the answer
 * leaves.
 *
 * A scope may have several budgets of a unit (windows). One row is shown for them (render.h). They
 * follow one another in the walk, so a scope's budgets are gathered before its rows are known, and
 * a page ends between rows: a cursor says before which scope, and how many of its rows are shown.
 */
#include "base/assert.h"
#include "cycles/body.h"
#include "cycles/cursor.h"
#include "cycles/cycles_priv.h"
#include "cycles/ledger.h"
#include "cycles/render.h"
#include "cycles/scopes.h"
#include "cycles/subject.h"
#include "engine/engine.h"

enum {
    LIMIT_DEFAULT = 50,
    LIMIT_MAX = 200,
    LEDGERS_MAX = 100, /* more are asked for by dashboards, and cut */
    STEPS_A_TURN = 512,
    UNITS = 4 /* of the protocol */
};

enum {
    BALANCES_LEVELS,
    BALANCES_CHILDREN = PAWL_LEVEL_COUNT,
    BALANCES_TENANT_ID,
    BALANCES_PREFIX,
    BALANCES_UNIT,
    BALANCES_LIMIT,
    BALANCES_CURSOR,
    BALANCES_FIELD_COUNT
};

#define TEXT(name)                                                                                 \
    {                                                                                              \
        PAWL_FIELD(name), .type = PAWL_FIELD_STRING                                                \
    }

static const struct pawl_field balances_fields[] = {
    [PAWL_LEVEL_TENANT] = TEXT("tenant"),
    [PAWL_LEVEL_WORKSPACE] = TEXT("workspace"),
    [PAWL_LEVEL_APP] = TEXT("app"),
    [PAWL_LEVEL_WORKFLOW] = TEXT("workflow"),
    [PAWL_LEVEL_AGENT] = TEXT("agent"),
    [PAWL_LEVEL_TOOLSET] = TEXT("toolset"),
    [BALANCES_CHILDREN] = {PAWL_FIELD("include_children"), .type = PAWL_FIELD_BOOL},
    [BALANCES_TENANT_ID] = TEXT("tenant_id"),
    [BALANCES_PREFIX] = TEXT("scope_prefix"),
    [BALANCES_UNIT] = {PAWL_FIELD("unit"), .type = PAWL_FIELD_WORD, .words = pawl_unit_words},
    [BALANCES_LIMIT] = {PAWL_FIELD("limit"), .type = PAWL_FIELD_INTEGER, .min = 1,
                        .max = PAWL_AMOUNT_MAX},
    [BALANCES_CURSOR] = TEXT("cursor")};
const struct pawl_shape pawl_balances_shape = PAWL_SHAPE(balances_fields);

struct balances_row {
    struct pawl_slice path;
    struct pawl_budget_view view;
};

/* The budgets of one scope: the one that is shown for each unit. */
struct balances_scope {
    uint32_t scope; /* 0: none is gathered */
    bool shown[UNITS];
    struct pawl_budget_view views[UNITS];
    struct pawl_budget_walk before; /* the walk's place before its first budget */
};

/* In call->state. */
struct balances {
    struct pawl_scope_name filter;
    struct pawl_slice prefix; /* lower case; empty: any */
    uint16_t unit;            /* 0: any */
    bool ledgers;
    uint64_t binding;
    struct pawl_budget_walk walk;
    struct balances_scope gathered;
    uint32_t skip; /* rows of the first scope that an earlier page has */
    uint32_t limit;
    uint32_t count;
    struct balances_row *rows;
    bool more;
    struct pawl_budget_walk next; /* where the next page begins, and … */
    uint32_t next_skip;
};

/* --- The question --------------------------------------------------------------------------- */

/* false: refused. */
static bool
take_levels(struct pawl_call *call, const struct pawl_value *values, struct balances *all)
{
    struct pawl_slice *levels = all->filter.levels;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (values[level].present && !pawl_level_value_valid(values[level].text)) {
            pawl_body_refuse(call, balances_fields[level].name, "no scope has such a value");
            return false;
        }
        levels[level] = pawl_level_value_lower(values[level].text, call->arena);
    }
    levels[PAWL_LEVEL_TENANT] = call->principal.tenant;
    return true;
}

static bool names_own_tenant(struct pawl_call *call, const struct pawl_value *value)
{
    if (!value->present || pawl_slice_equal(value->text, call->principal.tenant)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "the tenant is not the key's tenant");
    return false;
}

static bool any_present(const struct pawl_value *values, uint32_t from, uint32_t count)
{
    bool any = false;
    for (uint32_t i = from; i < from + count; i++) {
        any = any || values[i].present;
    }
    return any;
}

/* Which of the two forms, and how many rows. What narrows them down does so in both. */
static bool take_form(struct pawl_call *call, const struct pawl_value *values, struct balances *all)
{
    bool by_subject = any_present(values, BALANCES_LEVELS, PAWL_LEVEL_COUNT);
    all->ledgers = (call->planes & PAWL_PLANE_RUNTIME) == 0 ||
                   (!by_subject && any_present(values, BALANCES_TENANT_ID, 3));
    if (!by_subject && !all->ledgers) {
        pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                         "one of tenant, workspace, app, workflow, agent, toolset must be given");
        return false;
    }
    int64_t limit = values[BALANCES_LIMIT].present ? values[BALANCES_LIMIT].number : LIMIT_DEFAULT;
    if (limit > LIMIT_MAX && !all->ledgers) {
        pawl_body_refuse(call, "limit", "it must be an integer from 1 to %d", LIMIT_MAX);
        return false;
    }
    all->limit = (uint32_t)pawl_min_i64(limit, all->ledgers ? LEDGERS_MAX : LIMIT_MAX);
    all->prefix = pawl_level_value_lower(values[BALANCES_PREFIX].text, call->arena);
    all->unit = values[BALANCES_UNIT].present ? (uint16_t)(values[BALANCES_UNIT].number + 1) : 0;
    return true;
}

static bool
take_cursor(struct pawl_call *call, const struct pawl_value *value, struct balances *all)
{
    const size_t bytes = sizeof(all->walk) + sizeof(all->skip);
    struct pawl_slice place;
    if (!value->present) {
        return true;
    }
    if (!pawl_cursor_take(call, all->binding, value->text, bytes, bytes, &place)) {
        return false;
    }
    memcpy(&all->walk, place.data, sizeof(all->walk));
    memcpy(&all->skip, place.data + sizeof(all->walk), sizeof(all->skip));
    return true;
}

/* --- The walk ------------------------------------------------------------------------------- */

static struct pawl_standing standing_of(const struct pawl_budget_view *view)
{
    return (struct pawl_standing){.allocated = view->allocated,
                                  .reserved = view->reserved,
                                  .spent = view->spent,
                                  .debt = view->debt,
                                  .overdraft_limit = view->overdraft_limit,
                                  .over_limit = view->over_limit};
}

/* The gathered scope's rows; false: the page is full before the last of them. */
static bool add_rows(struct pawl_call *call, struct balances *all)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct balances_scope *gathered = &all->gathered;
    uint32_t skip = all->skip;
    uint32_t seen = 0;
    char text[PAWL_SCOPE_PATH_BYTES];
    if (gathered->scope == 0) {
        return true;
    }
    size_t bytes = pawl_core_scope_path(core, gathered->scope, text, sizeof(text));
    struct pawl_slice path = pawl_arena_copy(call->arena, pawl_slice_of(text, bytes));
    for (uint32_t i = 0; i < UNITS; i++) {
        if (!gathered->shown[i] || seen++ < skip) {
            continue;
        }
        if (all->count == all->limit) {
            all->more = true;
            all->next = gathered->before;
            all->next_skip = seen - 1;
            return false;
        }
        all->rows[all->count++] = (struct balances_row){.path = path, .view = gathered->views[i]};
    }
    all->skip = 0;
    gathered->scope = 0;
    return true;
}

static bool is_asked_for(const struct pawl_call *call,
                         const struct balances *all,
                         const struct pawl_budget_view *view)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_budget_place place;
    char text[PAWL_SCOPE_PATH_BYTES];
    if (!pawl_core_budget_place(core, view->id, &place) || !pawl_balance_is_shown(&place) ||
        (all->unit != 0 && all->unit != view->unit)) {
        return false;
    }
    size_t bytes = pawl_core_scope_path(core, view->scope, text, sizeof(text));
    PAWL_ASSERT(bytes < sizeof(text));
    struct pawl_slice path = pawl_slice_of(text, bytes);
    return pawl_slice_starts_with(path, all->prefix) && pawl_subject_covers_path(call, path);
}

/* Takes a budget into its scope's rows; false: the page is full. */
static bool gather(struct pawl_call *call,
                   struct balances *all,
                   const struct pawl_budget_view *view,
                   const struct pawl_budget_walk *before)
{
    struct balances_scope *gathered = &all->gathered;
    if (gathered->scope != view->scope) {
        if (!add_rows(call, all)) {
            return false;
        }
        memset(gathered->shown, 0, sizeof(gathered->shown));
        gathered->scope = view->scope;
        gathered->before = *before;
    }
    uint32_t unit = (uint32_t)view->unit - 1;
    PAWL_ASSERT(unit < UNITS);
    struct pawl_standing standing = standing_of(view);
    struct pawl_standing shown = standing_of(&gathered->views[unit]);
    if (!gathered->shown[unit] || pawl_balance_before(view->window.kind, &standing,
                                                      gathered->views[unit].window.kind, &shown)) {
        gathered->shown[unit] = true;
        gathered->views[unit] = *view;
    }
    return true;
}

static void finish(struct pawl_call *call);

static void walk_on(struct pawl_call *call)
{
    struct balances *all = call->state;
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_budget_view view;
    for (uint32_t steps = 0; steps < STEPS_A_TURN; steps++) {
        struct pawl_budget_walk before = all->walk;
        uint64_t budget = 0;
        if (!pawl_core_budget_walk(core, &all->filter, 1, &all->walk, &budget)) {
            (void)add_rows(call, all);
            finish(call);
            return;
        }
        if (budget != 0 && pawl_core_budget(core, budget, pawl_core_now_us(core), &view) &&
            is_asked_for(call, all, &view) && !gather(call, all, &view, &before)) {
            finish(call);
            return;
        }
    }
    pawl_call_later(call, walk_on);
}

/* --- The answer ----------------------------------------------------------------------------- */

static struct pawl_slice write_cursor(struct pawl_call *call, const struct balances *all)
{
    char place[sizeof(all->next) + sizeof(all->next_skip)];
    memcpy(place, &all->next, sizeof(all->next));
    memcpy(place + sizeof(all->next), &all->next_skip, sizeof(all->next_skip));
    return pawl_cursor_make(call, all->binding, pawl_slice_of(place, sizeof(place)));
}

static void finish(struct pawl_call *call)
{
    struct balances *all = call->state;
    struct pawl_slice cursor = all->more ? write_cursor(call, all) : PAWL_SLICE_NONE;
    struct pawl_json_writer *writer = pawl_call_json(call);
    pawl_json_object_begin(writer);
    pawl_json_key(writer, "balances");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < all->count; i++) {
        const struct balances_row *row = &all->rows[i];
        if (all->ledgers) {
            pawl_render_ledger(writer, call, &row->view, row->path, false);
        } else {
            pawl_render_balance(writer,
                                &(struct pawl_balance){.path = row->path,
                                                       .unit = row->view.unit,
                                                       .standing = standing_of(&row->view)});
        }
    }
    pawl_json_array_end(writer);
    pawl_cursor_write(writer, cursor);
    pawl_json_object_end(writer);
    pawl_call_reply_read(call, 200);
}

void pawl_cycles_get_balances(struct pawl_call *call)
{
    const uint64_t free = UINT64_C(1) << BALANCES_LIMIT | UINT64_C(1) << BALANCES_CURSOR;
    struct pawl_value values[BALANCES_FIELD_COUNT];
    if (!pawl_query_read(call, &pawl_balances_shape, values)) {
        return;
    }
    struct balances *all = pawl_call_alloc(call, sizeof(*all));
    if (all == NULL) {
        return;
    }
    call->state = all;
    all->binding = pawl_cursor_binding(call, &pawl_balances_shape, values, free, false);
    if (!take_form(call, values, all) || !names_own_tenant(call, &values[PAWL_LEVEL_TENANT]) ||
        !names_own_tenant(call, &values[BALANCES_TENANT_ID]) || !take_levels(call, values, all) ||
        !take_cursor(call, &values[BALANCES_CURSOR], all)) {
        return;
    }
    all->rows = pawl_call_alloc(call, all->limit * sizeof(*all->rows));
    if (all->rows != NULL) {
        walk_on(call);
    }
}
