/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permissions.c: what a principal may do: the table of permission.def, and the protocol's
 * wildcards. They are turned into a mask for each permission when it is asked for: which bits of a
 * key would do.
 */
#include "base/assert.h"
#include "registry/filter.h"
#include "registry/registry.h"

static const struct {
    const char *name;
    bool by_default;
} permissions[] = {
#define PAWL_PERMISSION(NAME, number, text, by_default) [(number)] = {(text), (by_default) != 0},
#include "registry/permission.def"
#undef PAWL_PERMISSION
};
_Static_assert(sizeof(permissions) / sizeof(permissions[0]) == PAWL_PERMISSION_COUNT,
               "every permission has a row");
_Static_assert(PAWL_PERMISSION_COUNT < 53, "a set is an integer of JSON");

#define BIT(name) (UINT64_C(1) << PAWL_PERMISSION_##name)

const char *pawl_permission_name(enum pawl_permission permission)
{
    PAWL_ASSERT(permission < PAWL_PERMISSION_COUNT);
    return permissions[permission].name;
}

bool pawl_permission_from_name(struct pawl_slice name, enum pawl_permission *ret_permission)
{
    for (unsigned i = 0; i < PAWL_PERMISSION_COUNT; i++) {
        if (pawl_slice_equal_str(name, permissions[i].name)) {
            *ret_permission = (enum pawl_permission)i;
            return true;
        }
    }
    return false;
}

uint64_t pawl_permission_defaults(void)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < PAWL_PERMISSION_COUNT; i++) {
        set |= permissions[i].by_default ? UINT64_C(1) << i : 0;
    }
    return set;
}

/* Another permission that the same things are in, where there is one. */
static uint64_t wider_of(enum pawl_permission permission)
{
    switch ((int)permission) {
    case PAWL_PERMISSION_BUDGETS_READ:
        return BIT(ADMIN_BUDGETS_READ);
    case PAWL_PERMISSION_BUDGETS_WRITE:
        return BIT(ADMIN_BUDGETS_WRITE);
    case PAWL_PERMISSION_POLICIES_READ:
        return BIT(ADMIN_POLICIES_READ);
    case PAWL_PERMISSION_POLICIES_WRITE:
        return BIT(ADMIN_POLICIES_WRITE);
    case PAWL_PERMISSION_WEBHOOKS_READ:
        return BIT(ADMIN_WEBHOOKS_READ);
    case PAWL_PERMISSION_WEBHOOKS_WRITE:
        return BIT(ADMIN_WEBHOOKS_WRITE);
    case PAWL_PERMISSION_EVENTS_READ:
        return BIT(ADMIN_EVENTS_READ);
    case PAWL_PERMISSION_DECIDE:
    case PAWL_PERMISSION_EVENTS_CREATE:
        return BIT(RESERVATIONS_CREATE);
    default:
        return 0;
    }
}

bool pawl_principal_may(const struct pawl_principal *principal, enum pawl_permission permission)
{
    struct pawl_slice name = pawl_slice_str(pawl_permission_name(permission));
    uint64_t enough = UINT64_C(1) << permission;
    if ((principal->permissions & enough) != 0) {
        return true;
    }
    if (pawl_slice_ends_with(name, PAWL_SLICE(":read"))) {
        enough |= BIT(ADMIN_READ);
    } else if (pawl_slice_ends_with(name, PAWL_SLICE(":write"))) {
        enough |= BIT(ADMIN_WRITE);
    }
    return (principal->permissions & (enough | wider_of(permission))) != 0;
}

bool pawl_principal_covers(const struct pawl_principal *principal,
                           const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    return principal->filter == NULL || pawl_filter_covers(principal->filter, levels);
}
