/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: a policy as a list of values, the later replacing the earlier. */
#include "policy/policy.h"

#include <string.h>

#include "base/assert.h"
#include "policy/policy_priv.h"

enum { ARENA_BYTES_MAX = 2 * PAWL_POLICY_BYTES_MAX };

void pawl_policy_init(struct pawl_policy *policy)
{
    policy->value_count = 0;
    pawl_arena_init(&policy->arena, ARENA_BYTES_MAX);
}

void pawl_policy_free(struct pawl_policy *policy)
{
    pawl_arena_free(&policy->arena);
    policy->value_count = 0;
}

static struct pawl_policy_value *
find(struct pawl_policy *policy, enum pawl_policy_field_id field, struct pawl_slice key)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        struct pawl_policy_value *value = &policy->values[i];
        if (value->field == field && pawl_slice_equal(value->key, key)) {
            return value;
        }
    }
    return NULL;
}

pawl_err pawl_policy_set(struct pawl_policy *policy,
                         const struct pawl_policy_setting *setting,
                         struct pawl_errmsg *msg)
{
    struct pawl_policy_value value = {
        .field = setting->field,
        .key = pawl_arena_copy(&policy->arena, setting->key),
        .text = pawl_arena_copy(&policy->arena, setting->text),
        .origin = setting->origin,
        .source = setting->source,
        .line = setting->line,
    };
    struct pawl_policy_value *place = find(policy, setting->field, setting->key);
    bool full = place == NULL && policy->value_count == PAWL_POLICY_VALUES_MAX;
    if (policy->arena.overflowed || full) {
        pawl_errmsg_set(msg, "the policy is too large");
        return PAWL_ERR(LIMIT);
    }
    pawl_err err = pawl_policy_parse_value(&value, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (place == NULL) {
        place = &policy->values[policy->value_count++];
    }
    *place = value;
    return PAWL_OK;
}

const struct pawl_policy_value *
pawl_policy_get(const struct pawl_policy *policy, enum pawl_policy_field_id field, const char *key)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        const struct pawl_policy_value *value = &policy->values[i];
        if (value->field == field && pawl_slice_equal_str(value->key, key)) {
            return value;
        }
    }
    return NULL;
}

int64_t pawl_policy_number(const struct pawl_policy *policy, enum pawl_policy_field_id field)
{
    const struct pawl_policy_value *value = pawl_policy_get(policy, field, "");
    PAWL_ASSERT(value != NULL && pawl_policy_fields[field].type != PAWL_POLICY_TEXT);
    return value->number;
}

bool pawl_policy_is(const struct pawl_policy *policy,
                    enum pawl_policy_field_id field,
                    const char *word)
{
    const struct pawl_policy_value *value = pawl_policy_get(policy, field, "");
    return value != NULL && value->word && pawl_slice_equal_str(value->text, word);
}
