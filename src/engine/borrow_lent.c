/* SPDX-License-Identifier: Apache-2.0 */
/*
 * borrow_lent.c: what a run's journal says of its slices. It is the same reckoning that the
 * borrower made while it lived: a slice whose debit is there has its spending said; what else was
 * spent is put down to the others in the order in which they were drawn, the rest to the last.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json.h"
#include "engine/borrow.h"
#include "journal/record.h"

enum { NOTE_ARENA_BYTES = 256 * 1024, SLICES_FIRST = 16 };

static struct pawl_lent_slice *find(struct pawl_lent *lent, struct pawl_slice id)
{
    for (uint32_t i = lent->count; i > 0; i--) {
        if (pawl_slice_equal_str(id, lent->slices[i - 1].slice)) {
            return &lent->slices[i - 1];
        }
    }
    return NULL;
}

static struct pawl_lent_slice *append(struct pawl_lent *lent)
{
    if (lent->slices == NULL || lent->count == lent->capacity) {
        uint32_t capacity = lent->capacity == 0 ? SLICES_FIRST : 2 * lent->capacity;
        struct pawl_lent_slice *slices =
            pawl_realloc(lent->slices, capacity * sizeof(lent->slices[0]));
        if (slices == NULL) {
            lent->failed = true;
            return NULL;
        }
        lent->slices = slices;
        lent->capacity = capacity;
    }
    struct pawl_lent_slice *slice = &lent->slices[lent->count++];
    *slice = (struct pawl_lent_slice){.granted = 0};
    return slice;
}

static void feed_credit(struct pawl_lent *lent,
                        const struct pawl_json *note,
                        struct pawl_slice id,
                        uint16_t unit,
                        int64_t amount)
{
    int64_t number = pawl_json_count_or(note, pawl_json_get(note, 0, "number"), 0);
    struct pawl_lent_slice *slice = append(lent);
    if (slice == NULL) {
        return;
    }
    slice->unit = unit;
    slice->granted = amount;
    slice->number = (uint64_t)number;
    (void)pawl_slice_copy_str(id, slice->slice, sizeof(slice->slice));
    lent->last_number[unit] = (uint64_t)number;
}

static void feed_fund(struct pawl_lent *lent, const struct pawl_record *record)
{
    const struct pawl_command_budget_fund *fund = &record->command.u.budget_fund;
    struct pawl_arena arena;
    struct pawl_json note;
    struct pawl_json_limits limits = {.depth_max = 4, .nodes_max = 64};
    pawl_arena_init(&arena, NOTE_ARENA_BYTES);
    if (pawl_json_parse(&arena, record->command.metadata, PAWL_JSON_LEDGER, limits, &note)) {
        struct pawl_slice id = pawl_json_string(&note, pawl_json_get(&note, 0, "slice"), &arena);
        uint16_t unit =
            pawl_unit_from_name(pawl_json_string(&note, pawl_json_get(&note, 0, "unit"), &arena));
        struct pawl_lent_slice *known = id.bytes > 0 ? find(lent, id) : NULL;
        bool unit_known = unit > PAWL_UNIT_NONE && unit < PAWL_UNIT_BUILTIN_COUNT;
        if (id.bytes > 0 && known == NULL && unit_known && fund->kind == PAWL_FUND_CREDIT) {
            feed_credit(lent, &note, id, unit, fund->amount);
        } else if (known != NULL && fund->kind == PAWL_FUND_DEBIT) {
            known->returned = true;
            known->spent = pawl_json_count_or(&note, pawl_json_get(&note, 0, "spent"), 0);
        } else if (unit_known && fund->kind == PAWL_FUND_RESET) {
            uint32_t lifted = pawl_json_get(&note, 0, "lifted");
            lent->lifted[unit] = pawl_json_bool_or(&note, lifted, true);
            lent->freely[unit] += pawl_json_count_or(&note, pawl_json_get(&note, 0, "freely"), 0);
        }
    }
    pawl_arena_free(&arena);
}

void pawl_lent_feed(struct pawl_lent *lent, const struct pawl_record *record)
{
    if (record->result.code != PAWL_RESULT_OK || record->result.replayed) {
        return;
    }
    if (record->command.type == PAWL_COMMAND_BUDGET_FUND &&
        !pawl_slice_empty(record->command.metadata)) {
        feed_fund(lent, record);
    } else if (record->command.type == PAWL_COMMAND_BUDGET_CREATE &&
               record->command.u.budget_create.unit < PAWL_UNIT_BUILTIN_COUNT &&
               pawl_slice_equal_str(record->command.u.budget_create.scope.dimension.name,
                                    PAWL_LENT_DIMENSION)) {
        lent->bound[record->command.u.budget_create.unit] = true;
    }
}

static int64_t spent_in(const struct pawl_core *core, struct pawl_slice tenant, uint16_t unit)
{
    struct pawl_scope_name scope = {
        .dimension = {PAWL_SLICE(PAWL_LENT_DIMENSION), PAWL_SLICE(PAWL_LENT_VALUE)}};
    struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    struct pawl_budget_view view;
    uint64_t budget = 0;
    scope.levels[PAWL_LEVEL_TENANT] = tenant;
    bool there = pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, unit, &lifetime, &budget) &&
                 pawl_core_budget(core, budget, pawl_core_now_us(core), &view);
    return there ? view.spent : 0;
}

static void share_unit(struct pawl_lent *lent, uint16_t unit, int64_t spent)
{
    struct pawl_lent_slice *last = NULL;
    int64_t rest = spent - lent->freely[unit];
    for (uint32_t i = 0; i < lent->count; i++) {
        rest -=
            lent->slices[i].unit == unit && lent->slices[i].returned ? lent->slices[i].spent : 0;
    }
    rest = rest > 0 ? rest : 0;
    for (uint32_t i = 0; i < lent->count; i++) {
        struct pawl_lent_slice *slice = &lent->slices[i];
        if (slice->unit == unit && !slice->returned) {
            slice->spent = pawl_min_i64(rest, slice->granted);
            rest -= slice->spent;
            last = slice;
        }
    }
    /* A bill that nobody could have known. What was spent while no limit counted is none. */
    if (last != NULL && !lent->lifted[unit]) {
        last->spent += rest;
    }
}

void pawl_lent_share(struct pawl_lent *lent, const struct pawl_core *core, struct pawl_slice tenant)
{
    for (int unit = PAWL_UNIT_NONE + 1; unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
        if (lent->bound[unit]) {
            share_unit(lent, (uint16_t)unit, spent_in(core, tenant, (uint16_t)unit));
        }
    }
}

bool pawl_lent_has(const struct pawl_lent *lent, uint16_t unit, uint64_t number)
{
    for (uint32_t i = 0; i < lent->count; i++) {
        if (lent->slices[i].unit == unit && lent->slices[i].number == number) {
            return true;
        }
    }
    return false;
}

void pawl_lent_free(struct pawl_lent *lent)
{
    pawl_free(lent->slices);
    *lent = (struct pawl_lent){.count = 0};
}
