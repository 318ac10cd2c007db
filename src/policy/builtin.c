/* SPDX-License-Identifier: Apache-2.0 */
/* builtin.c: the policies of builtin.def, each on top of the first one. */
#include <string.h>

#include "base/assert.h"
#include "policy/policy_priv.h"

/* A row begins a policy, or gives a field of the one above it a value. */
struct row {
    const char *policy; /* NULL: a value */
    const char *purpose;
    enum pawl_policy_field_id field;
    const char *key;
    const char *text;
};

static const struct row rows[] = {
#define PAWL_POLICY_BUILTIN(name, purpose)  {name, purpose, PAWL_POLICY_FIELD_COUNT, "", ""},
#define PAWL_POLICY_VALUE(field, key, text) {NULL, NULL, PAWL_POLICY_##field, key, text},
#include "policy/builtin.def"
#undef PAWL_POLICY_BUILTIN
#undef PAWL_POLICY_VALUE
};

/* The row that begins a policy; PAWL_ARRAY_LEN(rows): there is none. */
static size_t start_of(uint32_t index)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        if (rows[i].policy != NULL && index-- == 0) {
            return i;
        }
    }
    return PAWL_ARRAY_LEN(rows);
}

const char *pawl_policy_builtin_name(uint32_t index)
{
    size_t row = start_of(index);
    return row < PAWL_ARRAY_LEN(rows) ? rows[row].policy : NULL;
}

const char *pawl_policy_builtin_purpose(uint32_t index)
{
    size_t row = start_of(index);
    return row < PAWL_ARRAY_LEN(rows) ? rows[row].purpose : NULL;
}

static void load_from(struct pawl_policy *policy, size_t start)
{
    for (size_t i = start + 1; i < PAWL_ARRAY_LEN(rows) && rows[i].policy == NULL; i++) {
        struct pawl_policy_setting setting = {
            .field = rows[i].field,
            .key = pawl_slice_str(rows[i].key),
            .text = pawl_slice_str(rows[i].text),
            .origin = PAWL_POLICY_FROM_BUILTIN,
            .source = rows[start].policy,
        };
        struct pawl_errmsg msg;
        pawl_err err = pawl_policy_set(policy, &setting, &msg);
        PAWL_ASSERT(pawl_ok(err)); /* A unit test loads each of them. */
    }
}

bool pawl_policy_load_builtin(struct pawl_policy *policy, struct pawl_slice name)
{
    uint32_t index = 0;
    const char *found = pawl_policy_builtin_name(index);
    while (found != NULL && !pawl_slice_equal_str(name, found)) {
        found = pawl_policy_builtin_name(++index);
    }
    if (found == NULL) {
        return false;
    }
    load_from(policy, start_of(0));
    if (index > 0) {
        load_from(policy, start_of(index));
    }
    struct pawl_policy_setting named = {
        .field = PAWL_POLICY_NAME,
        .text = name,
        .origin = PAWL_POLICY_FROM_BUILTIN,
        .source = found,
    };
    struct pawl_errmsg msg;
    pawl_err err = pawl_policy_set(policy, &named, &msg);
    PAWL_ASSERT(pawl_ok(err));
    return true;
}
