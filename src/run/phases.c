/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phases.c: phases as they are written down, in a policy or behind --phase.
 */
#include "run/phases.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "policy/tool_kind.h"

_Static_assert((int)PAWL_PHASES_MAX == (int)PAWL_POLICY_PHASES_MAX &&
                   (int)PAWL_PHASE_NAME_BYTES == (int)PAWL_POLICY_PHASE_NAME_MAX + 1,
               "what a policy may say, a run takes");

enum { VERIFICATION = 1, TEXT_BYTES = 64, PERMILLE = 1000, MS_PER_S = 1000 };

/* Ceilings by name; one without a name is told by its form. */
static const char *const cap_keys[PAWL_CAP_COUNT] = {
    [PAWL_CAP_USD] = "usd",
    [PAWL_CAP_TOKENS] = "tokens",
    [PAWL_CAP_TOOL_CALLS] = "tool_calls",
    [PAWL_CAP_ITERATIONS] = "iterations",
    [PAWL_CAP_TIME] = "time",
};
static const enum pawl_policy_field_id cap_fields[PAWL_CAP_COUNT] = {
    [PAWL_CAP_USD] = PAWL_POLICY_PHASES_USD,
    [PAWL_CAP_TOKENS] = PAWL_POLICY_PHASES_TOKENS,
    [PAWL_CAP_TOOL_CALLS] = PAWL_POLICY_PHASES_TOOL_CALLS,
    [PAWL_CAP_ITERATIONS] = PAWL_POLICY_PHASES_ITERATIONS,
    [PAWL_CAP_TIME] = PAWL_POLICY_PHASES_TIME,
};

void pawl_phases_init(struct pawl_run_phases *phases)
{
    *phases = (struct pawl_run_phases){.count = 2};
    memcpy(phases->phases[PAWL_PHASE_BASE].name, "implementation", sizeof("implementation"));
    memcpy(phases->phases[VERIFICATION].name, "verification", sizeof("verification"));
}

int pawl_phases_find(const struct pawl_run_phases *phases, struct pawl_slice name)
{
    for (int i = 0; i < phases->count; i++) {
        if (pawl_slice_equal_str(name, phases->phases[i].name)) {
            return i;
        }
    }
    return PAWL_PHASE_NONE;
}

/* The phase of that name, made where it is not there. */
static pawl_err find_or_add(struct pawl_run_phases *phases,
                            struct pawl_slice name,
                            struct pawl_phase_plan **ret_phase,
                            struct pawl_errmsg *msg)
{
    int at = pawl_phases_find(phases, name);
    if (at == PAWL_PHASE_NONE && !pawl_policy_phase_name_ok(name)) {
        pawl_errmsg_set(msg, "a phase's name is made of up to 32 of a-z, 0-9, - and _, not '%.*s'",
                        (int)pawl_slice_sub(name, 0, TEXT_BYTES).bytes, name.data);
        return PAWL_ERR(INVALID);
    }
    if (at == PAWL_PHASE_NONE && phases->count == PAWL_PHASES_MAX) {
        pawl_errmsg_set(msg, "a run has at most %d phases", PAWL_PHASES_MAX);
        return PAWL_ERR(INVALID);
    }
    if (at == PAWL_PHASE_NONE) {
        at = phases->count++;
        phases->phases[at] = (struct pawl_phase_plan){.mode = PAWL_PHASE_REFUSE};
        (void)pawl_slice_copy_str(name, phases->phases[at].name, PAWL_PHASE_NAME_BYTES);
    }
    *ret_phase = &phases->phases[at];
    return PAWL_OK;
}

/* --- At the limit --------------------------------------------------------------------------- */

static const char *const mode_names[] = {
    [PAWL_PHASE_REFUSE] = "refuse",
    [PAWL_PHASE_HALT] = "halt",
    [PAWL_PHASE_ASK] = "ask",
};

const char *pawl_phase_mode_name(enum pawl_phase_mode mode)
{
    PAWL_ASSERT((size_t)mode < PAWL_ARRAY_LEN(mode_names));
    return mode_names[mode];
}

static bool take_mode(struct pawl_phase_plan *phase, struct pawl_slice word)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(mode_names); i++) {
        if (pawl_slice_equal_str(word, mode_names[i])) {
            phase->mode = (enum pawl_phase_mode)i;
            phase->mode_given = true;
            return true;
        }
    }
    return false;
}

/* --- From a policy -------------------------------------------------------------------------- */

enum pawl_policy_field_id pawl_phases_field(enum pawl_run_cap_index index)
{
    return cap_fields[index];
}

static void take_value(struct pawl_phase_plan *phase, const struct pawl_policy_value *value)
{
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (value->field == cap_fields[i]) {
            phase->caps[i] = (struct pawl_phase_cap){
                .set = true,
                .amount = value->share ? 0 : value->number,
                .permille = value->share ? value->number : 0,
            };
        }
    }
    if (value->field == PAWL_POLICY_PHASES_ON_LIMIT) {
        bool known = take_mode(phase, value->text);
        PAWL_ASSERT(known); /* The table of fields has the same words. */
    } else if (value->field == PAWL_POLICY_PHASES_MATCH) {
        (void)pawl_slice_copy_str(value->text, phase->match, sizeof(phase->match));
    }
}

pawl_err pawl_phases_from_policy(struct pawl_run_phases *phases,
                                 const struct pawl_policy *policy,
                                 struct pawl_errmsg *msg)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        const struct pawl_policy_value *value = &policy->values[i];
        if (value->field < PAWL_POLICY_PHASES_USD || value->field > PAWL_POLICY_PHASES_MATCH) {
            continue;
        }
        struct pawl_phase_plan *phase = NULL;
        pawl_err err = find_or_add(phases, value->key, &phase, msg);
        if (pawl_failed(err)) {
            return err;
        }
        take_value(phase, value);
    }
    return PAWL_OK;
}

/* --- From a flag ---------------------------------------------------------------------------- */

static bool parse_amount(int index, struct pawl_slice text, int64_t *ret_amount)
{
    char copy[TEXT_BYTES];
    switch ((enum pawl_run_cap_index)index) {
    case PAWL_CAP_USD:
        return pawl_money_parse_usd(text, ret_amount);
    case PAWL_CAP_TIME:
        return pawl_slice_copy_str(text, copy, sizeof(copy)) &&
               pawl_duration_parse_ms(copy, ret_amount) && *ret_amount <= PAWL_POLICY_TIME_MS_MAX;
    case PAWL_CAP_TOKENS:
    case PAWL_CAP_TOOL_CALLS:
    case PAWL_CAP_ITERATIONS:
        return pawl_money_parse_count(text, ret_amount);
    case PAWL_CAP_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

static bool parse_cap(struct pawl_phase_plan *phase, int index, struct pawl_slice text)
{
    struct pawl_phase_cap cap = {.set = true};
    bool fits =
        pawl_policy_parse_share(text, &cap.permille) ||
        (parse_amount(index, text, &cap.amount) && cap.amount > 0 && cap.amount <= PAWL_AMOUNT_MAX);
    if (fits) {
        phase->caps[index] = cap;
    }
    return fits;
}

/* "$0.40", "40%" and "0.40" are dollars, "10m" is a time, "200K" are tokens. */
static enum pawl_run_cap_index cap_of_form(struct pawl_slice text)
{
    char last = text.bytes > 0 ? text.data[text.bytes - 1] : '\0';
    if (last == 's' || last == 'm' || last == 'h' || last == 'd') {
        return PAWL_CAP_TIME;
    }
    bool dollars = last == '%' || pawl_slice_starts_with(text, PAWL_SLICE("$")) ||
                   pawl_slice_find_byte(text, '.') != SIZE_MAX;
    return dollars ? PAWL_CAP_USD : PAWL_CAP_TOKENS;
}

bool pawl_phases_item(struct pawl_slice item,
                      enum pawl_policy_field_id *ret_field,
                      struct pawl_slice *ret_value)
{
    if (pawl_slice_find_byte(item, '=') == SIZE_MAX) {
        *ret_field = cap_fields[cap_of_form(item)];
        *ret_value = item;
        return true;
    }
    struct pawl_slice value = item;
    struct pawl_slice key = pawl_slice_cut(&value, '=');
    int at = 0;
    while (at < PAWL_CAP_COUNT && !pawl_slice_equal_str(key, cap_keys[at])) {
        at++;
    }
    if (at == PAWL_CAP_COUNT && !pawl_slice_equal_str(key, "on_limit")) {
        return false;
    }
    *ret_field = at < PAWL_CAP_COUNT ? cap_fields[at] : PAWL_POLICY_PHASES_ON_LIMIT;
    *ret_value = value;
    return true;
}

static bool parse_item(struct pawl_phase_plan *phase, struct pawl_slice item)
{
    enum pawl_policy_field_id field = PAWL_POLICY_FIELD_COUNT;
    struct pawl_slice value;
    if (!pawl_phases_item(item, &field, &value)) {
        return false;
    }
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (field == cap_fields[i]) {
            return parse_cap(phase, i, value);
        }
    }
    return take_mode(phase, value);
}

pawl_err
pawl_phases_parse(struct pawl_run_phases *phases, const char *text, struct pawl_errmsg *msg)
{
    struct pawl_slice rest = pawl_slice_str(text);
    struct pawl_slice name = pawl_slice_cut(&rest, '=');
    struct pawl_phase_plan *phase = NULL;
    pawl_err err = find_or_add(phases, name, &phase, msg);
    if (pawl_failed(err)) {
        return err;
    }
    bool any = !pawl_slice_empty(rest);
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice item = pawl_slice_trim(pawl_slice_cut(&rest, ','));
        bool good = parse_item(phase, item);
        if (!good && pawl_slice_starts_with(item, PAWL_SLICE("on_limit="))) {
            char why[PAWL_POLICY_FORM_BYTES];
            struct pawl_slice word = pawl_slice_sub(item, sizeof("on_limit=") - 1, item.bytes);
            pawl_errmsg_set(msg, "%s's on_limit %s", phase->name,
                            pawl_policy_phase_mode_wrong(word, why));
            return PAWL_ERR(INVALID);
        }
        if (!good) {
            pawl_errmsg_set(msg,
                            "%s takes ceilings such as $0.40, 40%%, 10m, 200K, tool_calls=20, "
                            "iterations=10 or on_limit=halt, not '%.*s'",
                            phase->name, (int)pawl_slice_sub(item, 0, TEXT_BYTES).bytes, item.data);
            return PAWL_ERR(INVALID);
        }
    }
    if (!any) {
        pawl_errmsg_set(msg, "it wants a ceiling: %s=$0.40,10m", phase->name);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* --- Of the run before ---------------------------------------------------------------------- */

pawl_err pawl_phases_carry(struct pawl_run_phases *phases,
                           const struct pawl_phases_before *before,
                           struct pawl_errmsg *msg)
{
    for (int i = 0; i < before->count; i++) {
        const struct pawl_phase_before *from = &before->phases[i];
        struct pawl_phase_plan *phase = NULL;
        pawl_err err = find_or_add(phases, pawl_slice_str(from->name), &phase, msg);
        if (pawl_failed(err)) {
            return err;
        }
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            phase->caps[k] =
                (struct pawl_phase_cap){.set = from->limit[k] >= 0, .amount = from->limit[k]};
            phase->before[k] = from->spent[k];
        }
    }
    return PAWL_OK;
}

pawl_err pawl_phases_add(struct pawl_run_phases *phases,
                         const struct pawl_run_phases *added,
                         struct pawl_errmsg *msg)
{
    for (int i = 0; i < added->count; i++) {
        const struct pawl_phase_plan *more = &added->phases[i];
        struct pawl_phase_plan *phase = NULL;
        pawl_err err = find_or_add(phases, pawl_slice_str(more->name), &phase, msg);
        if (pawl_failed(err)) {
            return err;
        }
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            struct pawl_phase_cap *cap = &phase->caps[k];
            int64_t base = cap->set ? cap->amount : phase->before[k];
            if (more->caps[k].set && (!pawl_money_add(base, more->caps[k].amount, &cap->amount) ||
                                      cap->amount >= PAWL_AMOUNT_MAX)) {
                pawl_errmsg_set(msg, "so much cannot be added to %s", phase->name);
                return PAWL_ERR(INVALID);
            }
            cap->set = cap->set || more->caps[k].set;
        }
        phase->mode = more->mode_given ? more->mode : phase->mode;
    }
    return PAWL_OK;
}

/* --- Settled -------------------------------------------------------------------------------- */

void pawl_phases_resolve(struct pawl_run_phases *phases,
                         const struct pawl_run_cap caps[static PAWL_CAP_COUNT])
{
    for (int i = 0; i < phases->count; i++) {
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            struct pawl_phase_cap *cap = &phases->phases[i].caps[k];
            if (!cap->set || cap->permille == 0) {
                continue;
            }
            int64_t amount = 0;
            if (!pawl_money_mul_div_floor(caps[k].amount, cap->permille, PERMILLE, &amount)) {
                amount = PAWL_AMOUNT_MAX;
            }
            cap->amount = amount > 0 ? amount : 1;
        }
    }
}

int pawl_phases_of_tool(const struct pawl_run_phases *phases,
                        struct pawl_slice name,
                        struct pawl_slice arguments)
{
    for (int i = 0; i < phases->count; i++) {
        const char *match = phases->phases[i].match;
        if (match[0] != '\0' && pawl_tool_matches(pawl_slice_str(match), name, arguments)) {
            return i;
        }
    }
    switch (pawl_tool_kind_of(name, arguments)) {
    case PAWL_TOOL_VERIFIES:
        return VERIFICATION;
    case PAWL_TOOL_EDITS:
        return PAWL_PHASE_BASE;
    case PAWL_TOOL_NEUTRAL:
        break;
    }
    return PAWL_PHASE_NONE;
}
