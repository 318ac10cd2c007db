/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone.c: time zones as tables of transitions, journaled by TZ_DEFINE. The host reads them from
 * the system's files; the core only searches them. A zone defined again replaces its table,
 * which moves no window that is open already, since an instance keeps its bounds.
 *
 * Invariants:
 *   Z1  transitions ascend strictly; offsets are below a day in size
 *   Z2  slots beyond `count` are zero
 */
#include "core/table.h"
#include "core/window.h"

enum { OFFSET_S_MAX = 86399 };
#define TRANSITION_S_MAX (INT64_C(1) << 40)

static const struct pawl_zone_slot *zone_at(const struct pawl_core *core, uint16_t tz)
{
    PAWL_ASSERT(tz >= 1);
    PAWL_ASSERT(tz <= PAWL_TZ_MAX);
    uint32_t slot = core->state.zone_of_tz[tz - 1];
    PAWL_ASSERT(slot <= PAWL_TZ_MAX);
    return slot != 0 ? pawl_zone_at(core, slot) : NULL;
}

bool pawl_zone_defined(const struct pawl_core *core, uint16_t tz)
{
    if (tz == 0) {
        return true;
    }
    return tz <= PAWL_TZ_MAX && zone_at(core, tz) != NULL;
}

/* How many transitions lie at or before the instant. */
static uint32_t transitions_passed(const struct pawl_zone_slot *zone, int64_t utc_s)
{
    PAWL_ASSERT(zone->count <= PAWL_TZ_TRANSITIONS_MAX);
    uint32_t low = 0;
    uint32_t high = zone->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= utc_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    PAWL_ASSERT(low <= zone->count);
    return low;
}

static int32_t offset_after(const struct pawl_zone_slot *zone, uint32_t passed)
{
    PAWL_ASSERT(passed <= zone->count);
    return passed == 0 ? zone->initial_offset_s : zone->offset_s[passed - 1];
}

int32_t pawl_zone_offset(const struct pawl_core *core, uint16_t tz, int64_t utc_s)
{
    if (tz == 0) {
        return 0;
    }
    const struct pawl_zone_slot *zone = zone_at(core, tz);
    PAWL_ASSERT(zone != NULL);
    return offset_after(zone, transitions_passed(zone, utc_s));
}

int64_t pawl_zone_instant(const struct pawl_core *core, uint16_t tz, int64_t local_s)
{
    if (tz == 0) {
        return local_s;
    }
    const struct pawl_zone_slot *zone = zone_at(core, tz);
    PAWL_ASSERT(zone != NULL);
    /* No offset takes the answer further from local_s than a day, so the search begins with the
     * stretch that holds the instant one day before. */
    uint32_t passed = transitions_passed(zone, local_s - OFFSET_S_MAX);
    for (;; passed++) {
        int64_t instant = local_s - offset_after(zone, passed);
        if (passed > 0 && instant < zone->at_s[passed - 1]) {
            instant = zone->at_s[passed - 1]; /* The clock jumped over it. */
        }
        if (passed == zone->count || instant < zone->at_s[passed]) {
            return instant;
        }
    }
}

uint16_t pawl_zone_plan(const struct pawl_core *core, const struct pawl_command_tz_define *define)
{
    PAWL_ASSERT(core != NULL);
    PAWL_ASSERT(define != NULL);
    if (define->tz == 0 || define->tz > PAWL_TZ_MAX) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    if (pawl_slice_empty(define->name) || define->name.bytes > PAWL_NAME_BYTES_MAX) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    if (define->transition_count > PAWL_TZ_TRANSITIONS_MAX) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    if (define->initial_offset_s < -OFFSET_S_MAX || define->initial_offset_s > OFFSET_S_MAX) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    for (uint32_t i = 0; i < define->transition_count; i++) {
        const struct pawl_tz_transition *transition = &define->transitions[i];
        bool ascends = i == 0 || define->transitions[i - 1].at_s < transition->at_s;
        bool in_range = transition->at_s > -TRANSITION_S_MAX && transition->at_s < TRANSITION_S_MAX;
        bool offset_ok =
            transition->offset_s >= -OFFSET_S_MAX && transition->offset_s <= OFFSET_S_MAX;
        if (!ascends || !in_range || !offset_ok) {
            return PAWL_RESULT_INVALID_REQUEST;
        }
    }
    return PAWL_RESULT_OK;
}

void pawl_zone_apply(struct pawl_core *core, const struct pawl_command_tz_define *define)
{
    PAWL_ASSERT(define->tz >= 1);
    PAWL_ASSERT(define->tz <= PAWL_TZ_MAX);
    PAWL_ASSERT(define->transition_count <= PAWL_TZ_TRANSITIONS_MAX);
    uint32_t slot = core->state.zone_of_tz[define->tz - 1];
    if (slot == 0) {
        slot = pawl_table_take(core, PAWL_TABLE_ZONE);
        core->state.zone_of_tz[define->tz - 1] = (uint16_t)slot;
    }
    PAWL_ASSERT(slot <= PAWL_TZ_MAX);
    struct pawl_zone_slot *zone = pawl_zone_edit(core, slot);
    memset(zone, 0, sizeof(*zone));
    zone->live = 1;
    zone->count = define->transition_count;
    zone->initial_offset_s = define->initial_offset_s;
    for (uint32_t i = 0; i < define->transition_count; i++) {
        zone->at_s[i] = define->transitions[i].at_s;
        zone->offset_s[i] = define->transitions[i].offset_s;
    }
}
