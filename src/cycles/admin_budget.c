/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_budget.c: one budget: made, looked up, changed, frozen and unfrozen.
 *
 * What the ledger has no field for (rollover policy, period, metadata) is a document beside the
 * budget, put right behind it in the same batch: the answer waits for both.
 */
#include "cycles/admin_budget.h"
#include "cycles/denial.h"
#include "cycles/ledger.h"
#include "cycles/scopes.h"

const char *const pawl_budget_states[] = {"ACTIVE", "FROZEN", "CLOSED", NULL};
const char *const pawl_budget_rollovers[] = {"NONE", "CARRY_FORWARD", "CAP_AT_ALLOCATED", NULL};

static const struct pawl_value absent = {.node = PAWL_JSON_NONE};

/* --- Shown ------------------------------------------------------------------------------------ */

bool pawl_budget_is_shown(const struct pawl_budget_view *view)
{
    return view->window.kind == PAWL_WINDOW_LIFETIME && view->phase.bytes == 0 &&
           pawl_unit_is_protocol(view->unit);
}

uint8_t pawl_budget_state(const struct pawl_core *core, const struct pawl_budget_view *view)
{
    return pawl_core_tenant_state(core, view->tenant) == PAWL_TENANT_CLOSED ? PAWL_BUDGET_CLOSED
                                                                            : view->state;
}

void pawl_budget_write(struct pawl_call *call,
                       struct pawl_json_writer *writer,
                       const struct pawl_budget_view *view,
                       bool with_metadata)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    char path[PAWL_SCOPE_PATH_BYTES];
    (void)pawl_core_scope_path(core, view->scope, path, sizeof(path));
    pawl_render_ledger(writer, call, view, pawl_slice_str(path), with_metadata);
}

/* Keeps the budget as it is now for the answer. */
static void keep_budget(struct pawl_call *call, uint64_t budget, bool with_metadata, int status)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_budget_view view;
    if (pawl_core_budget(core, budget, pawl_core_now_us(core), &view)) {
        pawl_budget_write(call, pawl_call_json(call), &view, with_metadata);
        pawl_call_keep(call, status);
    }
}

/* --- Found ------------------------------------------------------------------------------------ */

static uint64_t find_at(struct pawl_call *call, const struct pawl_place *place, uint16_t unit)
{
    const struct pawl_window window = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_scope_name scope = {.session = PAWL_SLICE_NONE};
    uint64_t budget = 0;
    memcpy(scope.levels, place->levels, sizeof(scope.levels));
    bool found = pawl_core_budget_find(pawl_engine_core(pawl_call_engine(call)), &scope,
                                       PAWL_SLICE_NONE, unit, &window, &budget);
    return found ? budget : 0;
}

enum { NAMED_SCOPE, NAMED_UNIT, NAMED_TENANT, NAMED_INCLUDE, NAMED_FIELDS };
static const struct pawl_field named_fields[] = {
    [NAMED_SCOPE] = {PAWL_FIELD("scope"), .type = PAWL_FIELD_STRING, .required = true},
    [NAMED_UNIT] = {PAWL_FIELD("unit"), .type = PAWL_FIELD_WORD, .required = true,
                    .words = pawl_unit_words},
    [NAMED_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [NAMED_INCLUDE] = {PAWL_FIELD("include"), .type = PAWL_FIELD_STRING}};
const struct pawl_shape pawl_budget_shape = PAWL_SHAPE(named_fields);

struct pawl_budget_named *pawl_budget_named(struct pawl_call *call)
{
    struct pawl_value values[NAMED_FIELDS];
    struct pawl_errmsg msg = {""};
    struct pawl_budget_named *named = pawl_call_alloc(call, sizeof(*named));
    if (named == NULL || !pawl_query_read(call, &pawl_budget_shape, values)) {
        return NULL;
    }
    if (!pawl_place_read(values[NAMED_SCOPE].text, &named->place, &msg)) {
        pawl_body_refuse(call, "scope", "%s", msg.text);
        return NULL;
    }
    if (!pawl_admin_may_touch(call, &named->place)) {
        return NULL;
    }
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    named->unit = pawl_admin_word(&values[NAMED_UNIT]);
    named->tenant_id = values[NAMED_TENANT];
    named->with_metadata = pawl_ledger_includes_metadata(values[NAMED_INCLUDE].text);
    named->budget = find_at(call, &named->place, named->unit);
    if (named->budget == 0 ||
        !pawl_core_budget(core, named->budget, pawl_core_now_us(core), &named->view)) {
        pawl_call_refuse(call, PAWL_ERROR_BUDGET_NOT_FOUND,
                         "there is no budget at this scope in this unit");
        return NULL;
    }
    return named;
}

void pawl_cycles_lookup_budget(struct pawl_call *call)
{
    const struct pawl_budget_named *named = pawl_budget_named(call);
    if (named != NULL) {
        pawl_budget_write(call, pawl_call_json(call), &named->view, named->with_metadata);
        pawl_call_reply_read(call, 200);
    }
}

/* --- Made ------------------------------------------------------------------------------------- */

enum {
    NEW_TENANT,
    NEW_SCOPE,
    NEW_UNIT,
    NEW_ALLOCATED,
    NEW_OVERDRAFT,
    NEW_OVERAGE,
    NEW_ROLLOVER,
    NEW_START,
    NEW_END,
    NEW_METADATA,
    NEW_FIELDS,
    ALLOCATED_SLOT = NEW_FIELDS,
    OVERDRAFT_SLOT = ALLOCATED_SLOT + PAWL_AMOUNT_FIELD_COUNT,
    NEW_VALUES = OVERDRAFT_SLOT + PAWL_AMOUNT_FIELD_COUNT
};
static const struct pawl_field new_fields[] = {
    [NEW_TENANT] = {PAWL_FIELD("tenant_id"), .type = PAWL_FIELD_STRING},
    [NEW_SCOPE] = {PAWL_FIELD("scope"), .type = PAWL_FIELD_STRING, .required = true},
    [NEW_UNIT] = {PAWL_FIELD("unit"), .type = PAWL_FIELD_WORD, .required = true,
                  .words = pawl_unit_words},
    [NEW_ALLOCATED] = {PAWL_FIELD("allocated"), .type = PAWL_FIELD_RECORD, .required = true,
                       .inner = &pawl_amount_shape, .slot = ALLOCATED_SLOT},
    [NEW_OVERDRAFT] = {PAWL_FIELD("overdraft_limit"), .type = PAWL_FIELD_RECORD,
                       .inner = &pawl_amount_shape, .slot = OVERDRAFT_SLOT},
    [NEW_OVERAGE] = {PAWL_FIELD("commit_overage_policy"), .type = PAWL_FIELD_WORD,
                     .words = pawl_overage_words},
    [NEW_ROLLOVER] = {PAWL_FIELD("rollover_policy"), .type = PAWL_FIELD_WORD,
                      .words = pawl_budget_rollovers},
    [NEW_START] = {PAWL_FIELD("period_start"), .type = PAWL_FIELD_STRING, .time = true},
    [NEW_END] = {PAWL_FIELD("period_end"), .type = PAWL_FIELD_STRING, .time = true},
    [NEW_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .max = 15000}};
const struct pawl_shape pawl_budget_create_shape = PAWL_SHAPE(new_fields);

/* An amount's unit must be the budget's. false: refused. */
static bool check_unit(struct pawl_call *call,
                       const char *field,
                       const struct pawl_value *amount,
                       uint16_t unit)
{
    const struct pawl_value *given = &amount[PAWL_AMOUNT_UNIT];
    if (!given->present || pawl_admin_word(given) == unit) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_UNIT_MISMATCH, "%s is in %s and the budget in %s", field,
                     pawl_unit_words[given->number], pawl_unit_words[unit - 1]);
    return false;
}

/* false: refused. */
static bool take_new(struct pawl_call *call,
                     const struct pawl_value *values,
                     struct pawl_place *place,
                     struct pawl_command_budget_create *create)
{
    struct pawl_errmsg msg = {""};
    struct pawl_slice tenant = PAWL_SLICE_NONE;
    if (!pawl_admin_body_tenant(call, &values[NEW_TENANT], &tenant)) {
        return false;
    }
    if (!pawl_place_read(values[NEW_SCOPE].text, place, &msg)) {
        pawl_body_refuse(call, "scope", "%s", msg.text);
        return false;
    }
    if (call->principal.kind == PAWL_PRINCIPAL_ADMIN &&
        !pawl_slice_equal(tenant, place->levels[PAWL_LEVEL_TENANT])) {
        pawl_body_refuse(call, "scope", "it is of another tenant than tenant_id");
        return false;
    }
    create->unit = pawl_admin_word(&values[NEW_UNIT]);
    create->mode = PAWL_BUDGET_ENFORCE;
    create->overage = pawl_admin_word(&values[NEW_OVERAGE]);
    create->allocated = values[ALLOCATED_SLOT + PAWL_AMOUNT_AMOUNT].number;
    create->overdraft_limit = values[OVERDRAFT_SLOT + PAWL_AMOUNT_AMOUNT].number;
    memcpy(create->scope.levels, place->levels, sizeof(create->scope.levels));
    return pawl_admin_may_touch(call, place) &&
           check_unit(call, "allocated", &values[ALLOCATED_SLOT], create->unit) &&
           check_unit(call, "overdraft_limit", &values[OVERDRAFT_SLOT], create->unit);
}

/* *ret_said: whether there is anything to keep. false: refused. */
static bool take_extra(struct pawl_call *call,
                       const struct pawl_value *values,
                       struct pawl_budget_extra *extra,
                       bool *ret_said)
{
    extra->rollover = pawl_admin_word(&values[NEW_ROLLOVER]);
    if (values[NEW_METADATA].present) {
        extra->metadata = pawl_json_raw(&call->body, values[NEW_METADATA].node);
    }
    if (!pawl_admin_time(call, "period_start", &values[NEW_START], &extra->period_start_us) ||
        !pawl_admin_time(call, "period_end", &values[NEW_END], &extra->period_end_us)) {
        return false;
    }
    if (extra->period_end_us != 0 && extra->period_end_us <= extra->period_start_us) {
        pawl_body_refuse(call, "period_end", "it must be after period_start");
        return false;
    }
    *ret_said = extra->rollover != 0 || extra->metadata.bytes > 0 || extra->period_start_us != 0 ||
                extra->period_end_us != 0;
    return true;
}

/* What is said beside a budget takes room of its own where nothing is said yet. false: refused. */
static bool has_room(struct pawl_call *call, const struct pawl_budget_extra *before)
{
    if (before->version != 0 || pawl_registry_budget_has_room(pawl_call_registry(call))) {
        return true;
    }
    pawl_call_retry_after(call, PAWL_DENIAL_RETRY_FULL_S);
    pawl_call_refuse(call, PAWL_ERROR_LEDGER_FULL,
                     "the ledger has no room for what is said of the budget (--max-documents)");
    return false;
}

/* Of two commands the second one's answer is the call's. */
static void on_first_of_two(struct pawl_op *op)
{
    (void)op;
}

/* The first one was refused, and there was no second. */
static void on_alone(struct pawl_op *op)
{
    struct pawl_call *call = op->arg;
    call->op.result = op->result;
    pawl_admin_send_kept(call);
}

static bool tenant_is(const struct pawl_call *call, struct pawl_slice tenant, uint8_t state)
{
    return pawl_core_tenant_state(pawl_engine_core(pawl_call_engine(call)), tenant) == state;
}

static void create(struct pawl_call *call,
                   const struct pawl_command *command,
                   const struct pawl_place *place,
                   const struct pawl_budget_extra *extra)
{
    uint16_t unit = command->u.budget_create.unit;
    if (extra == NULL || find_at(call, place, unit) != 0) {
        if (!pawl_admin_may_answer(call)) {
            return;
        }
        pawl_call_submit(call, command, pawl_admin_send_kept);
        keep_budget(call, find_at(call, place, unit), false, 201);
        return;
    }
    struct pawl_op *first = pawl_call_alloc(call, sizeof(*first));
    if (first == NULL || !has_room(call, extra) || !pawl_admin_may_answer(call)) {
        return;
    }
    struct pawl_op *second = pawl_call_op(call, pawl_admin_send_kept);
    first->done = on_first_of_two;
    first->arg = call;
    pawl_engine_submit(pawl_call_engine(call), command, first);
    uint64_t budget = find_at(call, place, unit);
    if (budget == 0) {
        first->done = on_alone; /* which never runs inside of the call */
        return;
    }
    pawl_registry_note(pawl_call_registry(call), command->metadata);
    pawl_registry_put_budget(pawl_call_registry(call), place->levels[PAWL_LEVEL_TENANT], budget,
                             extra, second);
    keep_budget(call, budget, false, 201);
}

void pawl_cycles_create_budget(struct pawl_call *call)
{
    struct pawl_value values[NEW_VALUES];
    struct pawl_place place;
    struct pawl_budget_extra extra = {.version = 0};
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
    bool said = false;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_budget_create_shape, values) ||
        !take_new(call, values, &place, &command.u.budget_create) ||
        !take_extra(call, values, &extra, &said) ||
        !pawl_admin_note(call, &absent, &absent, &command.metadata)) {
        return;
    }
    if (tenant_is(call, place.levels[PAWL_LEVEL_TENANT], PAWL_TENANT_SUSPENDED)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_SUSPENDED,
                         "the tenant is suspended and gets no budgets");
        return;
    }
    create(call, &command, &place, said ? &extra : NULL);
}

/* --- Changed ---------------------------------------------------------------------------------- */

/* What is kept beside the budget, with this metadata. false: refused. */
static bool take_metadata(struct pawl_call *call,
                          const struct pawl_budget_named *named,
                          const struct pawl_value *metadata,
                          struct pawl_budget_extra *ret_extra)
{
    pawl_registry_budget(pawl_call_registry(call), named->budget, call->arena, ret_extra);
    if (!pawl_call_has_memory(call) || !has_room(call, ret_extra)) {
        return false;
    }
    ret_extra->metadata = pawl_json_raw(&call->body, metadata->node);
    return true;
}

static void put_metadata(struct pawl_call *call,
                         const struct pawl_budget_named *named,
                         const struct pawl_budget_extra *extra)
{
    pawl_registry_put_budget(pawl_call_registry(call), named->place.levels[PAWL_LEVEL_TENANT],
                             named->budget, extra, pawl_admin_put(call));
}

enum { SET_OVERDRAFT, SET_OVERAGE, SET_METADATA, SET_FIELDS, SET_SLOT = SET_FIELDS };
static const struct pawl_field set_fields[] = {
    [SET_OVERDRAFT] = {PAWL_FIELD("overdraft_limit"), .type = PAWL_FIELD_RECORD,
                       .inner = &pawl_amount_shape, .slot = SET_SLOT},
    [SET_OVERAGE] = {PAWL_FIELD("commit_overage_policy"), .type = PAWL_FIELD_WORD,
                     .words = pawl_overage_words},
    [SET_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .max = 15000}};
const struct pawl_shape pawl_budget_update_shape = PAWL_SHAPE(set_fields);

void pawl_cycles_update_budget(struct pawl_call *call)
{
    struct pawl_value values[SET_SLOT + PAWL_AMOUNT_FIELD_COUNT];
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_SET};
    struct pawl_budget_extra extra;
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_budget_update_shape, values)) {
        return;
    }
    const struct pawl_budget_named *named = pawl_budget_named(call);
    if (named == NULL || !check_unit(call, "overdraft_limit", &values[SET_SLOT], named->unit) ||
        (values[SET_METADATA].present &&
         !take_metadata(call, named, &values[SET_METADATA], &extra)) ||
        !pawl_admin_note(call, &absent, &absent, &command.metadata)) {
        return;
    }
    struct pawl_op *first = pawl_call_alloc(call, sizeof(*first));
    if (first == NULL || !pawl_admin_may_answer(call)) {
        return;
    }
    command.u.budget_set = (struct pawl_command_budget_set){
        .budget = named->budget,
        .set_overdraft_limit = values[SET_OVERDRAFT].present,
        .overdraft_limit = values[SET_SLOT + PAWL_AMOUNT_AMOUNT].number,
        .overage = pawl_admin_word(&values[SET_OVERAGE])};
    bool sets = values[SET_OVERDRAFT].present || values[SET_OVERAGE].present;
    if (values[SET_METADATA].present && sets) {
        first->done = on_first_of_two;
        pawl_engine_submit(pawl_call_engine(call), &command, first);
        put_metadata(call, named, &extra); /* refused for the same reasons */
    } else if (values[SET_METADATA].present) {
        put_metadata(call, named, &extra);
    } else if (sets) {
        pawl_call_submit(call, &command, pawl_admin_send_kept);
    } else if (tenant_is(call, named->place.levels[PAWL_LEVEL_TENANT], PAWL_TENANT_CLOSED)) {
        pawl_call_refuse(call, PAWL_ERROR_TENANT_CLOSED, "the tenant is closed, for good");
        return;
    } else {
        pawl_budget_write(call, pawl_call_json(call), &named->view, named->with_metadata);
        pawl_call_reply_read(call, 200);
        return;
    }
    keep_budget(call, named->budget, named->with_metadata, 200);
}

/* --- Frozen and unfrozen ---------------------------------------------------------------------- */

enum { STATE_REASON, STATE_METADATA, STATE_FIELDS };
static const struct pawl_field state_fields[] = {
    [STATE_REASON] = {PAWL_FIELD("reason"), .type = PAWL_FIELD_STRING, .max = 512},
    [STATE_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .max = 15000}};
const struct pawl_shape pawl_budget_state_shape = PAWL_SHAPE(state_fields);

static void set_state(struct pawl_call *call, uint8_t state)
{
    struct pawl_value values[STATE_FIELDS];
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_SET};
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_budget_state_shape, values)) {
        return;
    }
    const struct pawl_budget_named *named = pawl_budget_named(call);
    if (named == NULL) {
        return;
    }
    uint8_t before = pawl_budget_state(pawl_engine_core(pawl_call_engine(call)), &named->view);
    if (before == state) {
        pawl_call_refuse(
            call,
            state == PAWL_BUDGET_FROZEN ? PAWL_ERROR_BUDGET_FROZEN : PAWL_ERROR_STATE_CONFLICT,
            "the budget is %s already", state == PAWL_BUDGET_FROZEN ? "frozen" : "active");
        return;
    }
    if (!pawl_admin_note(call, &values[STATE_REASON], &values[STATE_METADATA], &command.metadata) ||
        !pawl_admin_may_answer(call)) {
        return;
    }
    command.u.budget_set =
        (struct pawl_command_budget_set){.budget = named->budget, .state = state};
    pawl_call_submit(call, &command, pawl_admin_send_kept);
    keep_budget(call, named->budget, named->with_metadata, 200);
}

void pawl_cycles_freeze_budget(struct pawl_call *call)
{
    set_state(call, PAWL_BUDGET_FROZEN);
}

void pawl_cycles_unfreeze_budget(struct pawl_call *call)
{
    set_state(call, PAWL_BUDGET_ACTIVE);
}
