/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c: the table of fields.def, and finding a row by its path. */
#include "base/assert.h"
#include "policy/policy.h"

const struct pawl_policy_field pawl_policy_fields[PAWL_POLICY_FIELD_COUNT] = {
#define PAWL_POLICY_FIELD(id, path, type, least, most, usual, choices, help)                       \
    [PAWL_POLICY_##id] = {path, PAWL_POLICY_##type, least, most, usual, choices, help},
#include "policy/fields.def"
#undef PAWL_POLICY_FIELD
};

/* Segment by segment; "*" takes any that is not empty. */
static bool matches(const char *pattern, struct pawl_slice path, struct pawl_slice *ret_key)
{
    struct pawl_slice rest = pawl_slice_str(pattern);
    *ret_key = PAWL_SLICE_NONE;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice want = pawl_slice_cut(&rest, '.');
        struct pawl_slice got = pawl_slice_cut(&path, '.');
        if (pawl_slice_empty(got)) {
            return false;
        }
        if (pawl_slice_equal_str(want, "*")) {
            *ret_key = got;
        } else if (!pawl_slice_equal(want, got)) {
            return false;
        }
    }
    return pawl_slice_empty(path);
}

enum pawl_policy_field_id pawl_policy_find_field(struct pawl_slice path, struct pawl_slice *ret_key)
{
    int id = 0;
    while (id < PAWL_POLICY_FIELD_COUNT && !matches(pawl_policy_fields[id].path, path, ret_key)) {
        id++;
    }
    return (enum pawl_policy_field_id)id;
}
