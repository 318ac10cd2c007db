/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_budget_list.c: budgets listed, filtered and sorted, over any number of them. Of one tenant
 * the tree of its scopes is walked, and of all the table; a piece a turn either way, and what is
 * kept is one page. A list without an order has that of the walk, so a page begins where the last
 * one ended and is complete when it is full; with one, each page looks at all there are. A budget
 * that is made or changed while a list is under way may be on it or not; each row is as it stands
 * when the answer is written.
 */
#include "base/assert.h"
#include "base/money.h"
#include "cycles/admin_budget.h"
#include "cycles/admin_page.h"
#include "cycles/ledger.h"
#include "cycles/scopes.h"

/* Of fractions in the query: parts of it. */
#define FRACTION INT64_C(1000000000000)

enum {
    LIST_TENANT,
    LIST_PREFIX,
    LIST_UNIT,
    LIST_STATUS,
    LIST_OVER,
    LIST_DEBT,
    LIST_LEAST,
    LIST_MOST,
    LIST_SEARCH,
    LIST_SORT,
    LIST_DIRECTION,
    LIST_CURSOR,
    LIST_LIMIT,
    LIST_INCLUDE,
    LIST_FIELDS
};
enum { BY_TENANT, BY_SCOPE, BY_UNIT, BY_STATUS, BY_OVERAGE, BY_UTILIZATION, BY_DEBT, BY_CREATED };
static const char *const orders[] = {
    "tenant_id", "scope", "unit", "status", "commit_overage_policy", "utilization", "debt", NULL};
static const struct pawl_field list_fields[] = {
    [LIST_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [LIST_PREFIX] = {PAWL_FIELD("scope_prefix"), .type = PAWL_FIELD_STRING},
    [LIST_UNIT] = {PAWL_FIELD("unit"), .type = PAWL_FIELD_WORD, .words = pawl_unit_words},
    [LIST_STATUS] = {PAWL_FIELD("status"), .type = PAWL_FIELD_WORD, .words = pawl_budget_states},
    [LIST_OVER] = {PAWL_FIELD("over_limit"), .type = PAWL_FIELD_BOOL},
    [LIST_DEBT] = {PAWL_FIELD("has_debt"), .type = PAWL_FIELD_BOOL},
    [LIST_LEAST] = {PAWL_FIELD("utilization_min"), .type = PAWL_FIELD_STRING},
    [LIST_MOST] = {PAWL_FIELD("utilization_max"), .type = PAWL_FIELD_STRING},
    [LIST_SEARCH] = PAWL_PAGE_FIELD_SEARCH,
    [LIST_SORT] = {PAWL_FIELD("sort_by"), .type = PAWL_FIELD_WORD, .words = orders},
    [LIST_DIRECTION] = PAWL_PAGE_FIELD_DIRECTION,
    [LIST_CURSOR] = PAWL_PAGE_FIELD_CURSOR,
    [LIST_LIMIT] = PAWL_PAGE_FIELD_LIMIT,
    [LIST_INCLUDE] = {PAWL_FIELD("include"), .type = PAWL_FIELD_STRING}};
const struct pawl_shape pawl_budgets_shape = PAWL_SHAPE(list_fields);

struct list {
    struct pawl_page page; /* first */
    struct pawl_value values[LIST_FIELDS];
    struct pawl_slice prefix; /* lower case */
    int64_t least;            /* of FRACTION */
    int64_t most;
    int64_t order;
    bool of_tenant;
    bool with_metadata;
    struct pawl_scope_name filter;
    struct pawl_budget_walk walk; /* of one tenant … */
    uint32_t cursor;              /* … or of all */
    int64_t walked;               /* budgets that were offered in the walk's own order */
    char path[PAWL_SCOPE_PATH_BYTES];
};

/* --- Filters ---------------------------------------------------------------------------------- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "0.85", "1", "1e-3": a number from 0 to 1, cut to parts of FRACTION. */
static bool read_fraction(struct pawl_slice text, int64_t *ret_parts)
{
    int64_t parts = 0;
    int64_t weight = FRACTION;
    bool fraction = false;
    size_t digits = 0;
    size_t at = 0;
    for (; at < text.bytes && (is_digit(text.data[at]) || (text.data[at] == '.' && !fraction));
         at++) {
        if (text.data[at] == '.') {
            fraction = true;
            continue;
        }
        digits++;
        if (fraction) {
            weight /= 10;
            parts += (text.data[at] - '0') * weight;
        } else if (parts > FRACTION) {
            return false;
        } else {
            parts = parts * 10 + (text.data[at] - '0') * FRACTION;
        }
    }
    if (at < text.bytes && (text.data[at] == 'e' || text.data[at] == 'E')) {
        uint64_t exponent = 0;
        bool down = at + 1 < text.bytes && text.data[at + 1] == '-';
        if (!down || !pawl_slice_to_u64(pawl_slice_sub(text, at + 2, SIZE_MAX), &exponent)) {
            return false;
        }
        for (; exponent > 0 && parts > 0; exponent--) {
            parts /= 10;
        }
        at = text.bytes;
    }
    *ret_parts = parts;
    return digits > 0 && at == text.bytes && parts <= FRACTION;
}

/* false: refused. */
static bool read_bounds(struct pawl_call *call, struct list *list)
{
    static const struct {
        uint32_t field;
        const char *name;
    } bounds[] = {{LIST_LEAST, "utilization_min"}, {LIST_MOST, "utilization_max"}};
    int64_t *parts[] = {&list->least, &list->most};
    list->least = 0;
    list->most = FRACTION;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bounds); i++) {
        const struct pawl_value *value = &list->values[bounds[i].field];
        if (value->present && !read_fraction(value->text, parts[i])) {
            pawl_body_refuse(call, bounds[i].name, "it must be a number from 0 to 1");
            return false;
        }
    }
    if (list->least > list->most) {
        pawl_body_refuse(call, "utilization_min", "it is more than utilization_max");
        return false;
    }
    return true;
}

/* spent / allocated against parts of FRACTION; nothing allocated counts as 0. */
static int compare_use(const struct pawl_budget_view *view, int64_t parts)
{
    pawl_i128 use = view->allocated > 0 ? (pawl_i128)view->spent * FRACTION : 0;
    pawl_i128 bound = (pawl_i128)parts * (view->allocated > 0 ? view->allocated : 1);
    return use < bound ? -1 : use > bound;
}

static bool agrees(const struct pawl_value *wanted, bool is)
{
    return !wanted->present || wanted->truth == is;
}

static bool passes_numbers(const struct list *list, const struct pawl_budget_view *view)
{
    const struct pawl_value *values = list->values;
    return (!values[LIST_UNIT].present || view->unit == pawl_admin_word(&values[LIST_UNIT])) &&
           agrees(&values[LIST_OVER], view->over_limit) &&
           agrees(&values[LIST_DEBT], view->debt > 0) &&
           (!values[LIST_LEAST].present || compare_use(view, list->least) >= 0) &&
           (!values[LIST_MOST].present || compare_use(view, list->most) <= 0);
}

static bool
passes_texts(const struct list *list, const struct pawl_budget_view *view, struct pawl_slice path)
{
    struct pawl_slice search = list->values[LIST_SEARCH].text;
    return pawl_slice_starts_with(path, list->prefix) &&
           (pawl_page_contains(path, search) || pawl_page_contains(view->tenant, search));
}

/* Whether the key's filter covers the scope; a path that is none of levels is not shown at all. */
static bool passes_key(const struct pawl_call *call, struct pawl_slice path)
{
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    return pawl_path_levels(path, levels) && pawl_principal_covers(&call->principal, levels);
}

/* --- Order ------------------------------------------------------------------------------------ */

/* Whether the rows come in the page's order: then it is complete when it is full. */
static bool is_in_order(const struct list *list)
{
    return list->order == BY_CREATED && !list->page.descending;
}

static void offer(const struct pawl_core *core,
                  struct list *list,
                  const struct pawl_budget_view *view,
                  struct pawl_slice path)
{
    struct pawl_page_key key = {.divisor = 1, .id = view->id};
    switch (list->order) {
    case BY_TENANT:
        key.text = view->tenant;
        break;
    case BY_SCOPE:
        key.text = path;
        break;
    case BY_UNIT:
        key.text = pawl_slice_str(pawl_unit_words[view->unit - 1]);
        break;
    case BY_STATUS:
        key.text = pawl_slice_str(pawl_budget_states[pawl_budget_state(core, view) - 1]);
        break;
    case BY_OVERAGE:
        key.text = view->overage == 0 || view->overage > PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT
                       ? PAWL_SLICE_NONE
                       : pawl_slice_str(pawl_overage_words[view->overage - 1]);
        break;
    case BY_UTILIZATION:
        key.number = view->spent;
        key.divisor = view->allocated;
        break;
    case BY_DEBT:
        key.number = view->debt;
        break;
    default: /* as they are walked, or the newest first */
        key.number = is_in_order(list) ? ++list->walked : 0;
        break;
    }
    pawl_page_offer(&list->page, &key);
}

static void consider(struct pawl_call *call, struct list *list, uint64_t budget)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_budget_view view;
    if (!pawl_core_budget(core, budget, pawl_core_now_us(core), &view) ||
        !pawl_budget_is_shown(&view) || !passes_numbers(list, &view) ||
        (list->values[LIST_STATUS].present &&
         pawl_budget_state(core, &view) != pawl_admin_word(&list->values[LIST_STATUS]))) {
        return;
    }
    size_t bytes = pawl_core_scope_path(core, view.scope, list->path, sizeof(list->path));
    struct pawl_slice path = pawl_slice_of(list->path, bytes);
    if (bytes <= PAWL_PAGE_TEXT_BYTES_MAX && passes_texts(list, &view, path) &&
        passes_key(call, path)) {
        offer(core, list, &view, path);
    }
}

/* --- The walk --------------------------------------------------------------------------------- */

/* false: there are no more. */
static bool next(const struct pawl_core *core, struct list *list, uint64_t *ret_budget)
{
    if (list->of_tenant) {
        return pawl_core_budget_walk(core, &list->filter, 1, &list->walk, ret_budget);
    }
    return pawl_core_budget_next(core, &list->cursor, ret_budget);
}

static void list_write(struct pawl_call *call, struct pawl_json_writer *writer, uint64_t id)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    const struct list *list = call->state;
    struct pawl_budget_view view;
    if (pawl_core_budget(core, id, pawl_core_now_us(core), &view)) {
        pawl_budget_write(call, writer, &view, list->with_metadata);
    }
}

static bool list_step(struct pawl_call *call)
{
    struct list *list = call->state;
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    uint64_t budget = 0;
    bool full = is_in_order(list) && list->page.count > list->page.limit;
    if (full || !next(core, list, &budget)) {
        return false;
    }
    if (budget != 0) {
        consider(call, list, budget);
    }
    return true;
}

static const struct pawl_page_kind page_kind = {
    .rows = "ledgers", .step = list_step, .write = list_write};

/* Whose: the key's own, or those of a tenant, or all. */
static void take_tenant(struct pawl_call *call, struct list *list)
{
    const struct pawl_value *named = &list->values[LIST_TENANT];
    struct pawl_slice tenant = PAWL_SLICE_NONE;
    if (call->principal.kind == PAWL_PRINCIPAL_TENANT) {
        tenant = call->principal.tenant;
    } else if (named->present) {
        tenant = named->text;
    }
    list->of_tenant = tenant.bytes > 0;
    list->filter.levels[PAWL_LEVEL_TENANT] = tenant;
}

/* Nothing before the last page's end is looked at again. false: refused. */
static bool go_on(struct pawl_call *call, struct list *list)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    list->page.after = false;
    list->cursor = (uint32_t)list->page.last.id;
    if (list->of_tenant && !pawl_core_budget_walk_at(core, list->page.last.id, &list->walk)) {
        pawl_body_refuse(call, "cursor", "the budget that it ends with is not there");
        return false;
    }
    return true;
}

void pawl_cycles_list_budgets(struct pawl_call *call)
{
    static const struct pawl_page_fields fields = {LIST_SORT, LIST_DIRECTION, LIST_CURSOR,
                                                   LIST_LIMIT, UINT64_C(1) << LIST_INCLUDE};
    struct list *list = pawl_call_alloc(call, sizeof(*list));
    if (list == NULL || !pawl_query_read(call, &pawl_budgets_shape, list->values) ||
        !read_bounds(call, list) ||
        !pawl_page_begin(call, &pawl_budgets_shape, list->values, &fields, false, &list->page)) {
        return;
    }
    const struct pawl_value *sort = &list->values[LIST_SORT];
    list->order = sort->present ? sort->number : BY_CREATED;
    list->prefix = pawl_level_value_lower(list->values[LIST_PREFIX].text, call->arena);
    list->with_metadata = pawl_ledger_includes_metadata(list->values[LIST_INCLUDE].text);
    take_tenant(call, list);
    if (is_in_order(list) && list->page.after && !go_on(call, list)) {
        return;
    }
    call->state = list;
    pawl_page_walk(call, &page_kind);
}
