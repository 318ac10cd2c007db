/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.c: the shared shapes, and the step from a body's subject to the ledger's.
 *
 * Dimensions go to the ledger where it could have a budget for them: a value that is empty or
 * longer than a budget's may be binds nothing, and is kept in the record only.
 */
#include "cycles/subject.h"

#include "base/assert.h"
#include "cycles/cycles_priv.h"
#include "cycles/scopes.h"
#include "registry/scopes.h"

enum { LEVEL_CHARACTERS_MAX = 128, DIMENSION_CHARACTERS_MAX = 256 };

const char *const pawl_overage_words[] = {"REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT",
                                          NULL};
const char *const pawl_unit_words[] = {"USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS", NULL};

#define LEVEL(text)                                                                                \
    {                                                                                              \
        PAWL_FIELD(text), .type = PAWL_FIELD_STRING, .min = 1, .max = LEVEL_CHARACTERS_MAX         \
    }

static const struct pawl_field subject_fields[] = {
    [PAWL_LEVEL_TENANT] = LEVEL("tenant"),
    [PAWL_LEVEL_WORKSPACE] = LEVEL("workspace"),
    [PAWL_LEVEL_APP] = LEVEL("app"),
    [PAWL_LEVEL_WORKFLOW] = LEVEL("workflow"),
    [PAWL_LEVEL_AGENT] = LEVEL("agent"),
    [PAWL_LEVEL_TOOLSET] = LEVEL("toolset"),
    [PAWL_SUBJECT_DIMENSIONS] = {PAWL_FIELD("dimensions"), .type = PAWL_FIELD_MAP,
                                 .max = PAWL_DIMENSIONS_MAX, .item_max = DIMENSION_CHARACTERS_MAX}};
const struct pawl_shape pawl_subject_shape = PAWL_SHAPE(subject_fields);

static const struct pawl_field action_fields[] = {
    [PAWL_ACTION_KIND] = {PAWL_FIELD("kind"), .type = PAWL_FIELD_STRING, .required = true,
                          .max = 64},
    [PAWL_ACTION_NAME] = {PAWL_FIELD("name"), .type = PAWL_FIELD_STRING, .required = true,
                          .max = 256},
    [PAWL_ACTION_TAGS] = {PAWL_FIELD("tags"), .type = PAWL_FIELD_STRINGS, .max = 10,
                          .item_max = 64},
    [PAWL_ACTION_POLICY_KEYS] = {PAWL_FIELD("policy_keys"), .type = PAWL_FIELD_IGNORED}};
const struct pawl_shape pawl_action_shape = PAWL_SHAPE(action_fields);

static const struct pawl_field amount_fields[] = {
    [PAWL_AMOUNT_UNIT] = {PAWL_FIELD("unit"), .type = PAWL_FIELD_WORD, .required = true,
                          .words = pawl_unit_words},
    [PAWL_AMOUNT_AMOUNT] = {PAWL_FIELD("amount"), .type = PAWL_FIELD_INTEGER, .required = true,
                            .max = PAWL_AMOUNT_MAX}};
const struct pawl_shape pawl_amount_shape = PAWL_SHAPE(amount_fields);

static const struct pawl_field metrics_fields[] = {
    [PAWL_METRICS_TOKENS_INPUT] = {PAWL_FIELD("tokens_input"), .type = PAWL_FIELD_INTEGER,
                                   .max = PAWL_AMOUNT_MAX},
    [PAWL_METRICS_TOKENS_OUTPUT] = {PAWL_FIELD("tokens_output"), .type = PAWL_FIELD_INTEGER,
                                    .max = PAWL_AMOUNT_MAX},
    [PAWL_METRICS_LATENCY_MS] = {PAWL_FIELD("latency_ms"), .type = PAWL_FIELD_INTEGER,
                                 .max = PAWL_AMOUNT_MAX},
    [PAWL_METRICS_MODEL_VERSION] = {PAWL_FIELD("model_version"), .type = PAWL_FIELD_STRING,
                                    .max = 128},
    [PAWL_METRICS_CUSTOM] = {PAWL_FIELD("custom"), .type = PAWL_FIELD_OBJECT}};
const struct pawl_shape pawl_metrics_shape = PAWL_SHAPE(metrics_fields);

struct pawl_amount pawl_amount_take(const struct pawl_value *values)
{
    PAWL_ASSERT(values[PAWL_AMOUNT_AMOUNT].present);
    return (struct pawl_amount){.unit = (uint16_t)(values[PAWL_AMOUNT_UNIT].number + 1),
                                .value = values[PAWL_AMOUNT_AMOUNT].number};
}

bool pawl_key_take(struct pawl_call *call, const struct pawl_value *value)
{
    PAWL_ASSERT(value->text.bytes <= PAWL_KEY_BYTES_MAX); /* the shapes' limit, in characters */
    return pawl_body_key_agrees(call, value->text);
}

/* --- The subject ---------------------------------------------------------------------------- */

static bool take_level(struct pawl_call *call,
                       enum pawl_level level,
                       const struct pawl_value *value,
                       struct pawl_subject *subject)
{
    if (!pawl_level_value_valid(value->text)) {
        char field[PAWL_FIELD_PATH_BYTES] = "subject.";
        (void)pawl_slice_copy_str(pawl_slice_str(pawl_level_name(level)), field + 8,
                                  sizeof(field) - 8);
        pawl_body_refuse(call, field,
                         "it may hold letters, digits and \"_\", \".\", \"-\", 1 to %d of them",
                         PAWL_NAME_BYTES_MAX);
        return false;
    }
    subject->levels[level] = pawl_level_value_lower(value->text, call->arena);
    return true;
}

static void take_dimensions(struct pawl_call *call, uint32_t node, struct pawl_subject *subject)
{
    const struct pawl_json *json = &call->body;
    for (uint32_t at = pawl_json_first(json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(json, at)) {
        struct pawl_dimension dimension = {
            .name = pawl_json_string(json, json->nodes[at].key, call->arena),
            .value = pawl_json_string(json, at, call->arena)};
        if (dimension.name.bytes > 0 && dimension.name.bytes <= PAWL_NAME_BYTES_MAX &&
            dimension.value.bytes > 0 && dimension.value.bytes <= PAWL_VALUE_BYTES_MAX) {
            PAWL_ASSERT(subject->dimension_count < PAWL_DIMENSIONS_MAX);
            subject->dimensions[subject->dimension_count++] = dimension;
        }
    }
}

static bool is_covered(struct pawl_call *call, bool covered)
{
    if (!covered) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "the key's scope filter does not cover this");
    }
    return covered;
}

bool pawl_subject_covered(struct pawl_call *call,
                          const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    return is_covered(call, pawl_principal_covers(&call->principal, levels));
}

bool pawl_subject_covers_path(const struct pawl_call *call, struct pawl_slice path)
{
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    return pawl_slice_empty(call->principal.scope_filter) ||
           (pawl_path_levels(path, levels) && pawl_principal_covers(&call->principal, levels));
}

bool pawl_subject_may_see(struct pawl_call *call, struct pawl_slice tenant, struct pawl_slice path)
{
    bool admin = call->principal.kind == PAWL_PRINCIPAL_ADMIN;
    if (!admin && !pawl_slice_equal(tenant, call->principal.tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "the reservation is another tenant's");
        return false;
    }
    return is_covered(call, pawl_subject_covers_path(call, path));
}

bool pawl_subject_take(struct pawl_call *call,
                       const struct pawl_value *values,
                       struct pawl_subject *ret_subject)
{
    bool any = false;
    ret_subject->dimension_count = 0;
    ret_subject->session = PAWL_SLICE_NONE;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        ret_subject->levels[level] = PAWL_SLICE_NONE;
        any = any || values[level].present;
        if (values[level].present &&
            !take_level(call, (enum pawl_level)level, &values[level], ret_subject)) {
            return false;
        }
    }
    if (!any) {
        pawl_body_refuse(call, "subject",
                         "one of tenant, workspace, app, workflow, agent, toolset "
                         "must be there");
        return false;
    }
    if (values[PAWL_LEVEL_TENANT].present &&
        !pawl_slice_equal(values[PAWL_LEVEL_TENANT].text, call->principal.tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "subject.tenant is not the key's tenant");
        return false;
    }
    ret_subject->levels[PAWL_LEVEL_TENANT] = call->principal.tenant;
    if (values[PAWL_SUBJECT_DIMENSIONS].present) {
        take_dimensions(call, values[PAWL_SUBJECT_DIMENSIONS].node, ret_subject);
    }
    return pawl_subject_covered(call, ret_subject->levels);
}
