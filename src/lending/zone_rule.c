/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone_rule.c: the rule at the end of a zone's file. RFC 8536 takes POSIX's form and lets the time
 * of a change lie between -167 and 167 hours.
 */
#include "base/assert.h"
#include "core/civil.h"
#include "lending/zone.h"

enum { HOUR_S = 3600, DAY_S = 86400, HOURS_MAX = 167 };

/* Takes the first byte away if it is this one. */
static bool take(struct pawl_slice *text, char byte)
{
    if (text->bytes == 0 || text->data[0] != byte) {
        return false;
    }
    *text = pawl_slice_sub(*text, 1, text->bytes);
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool take_number(struct pawl_slice *text, int32_t max, int32_t *ret_value)
{
    size_t digits = 0;
    while (digits < text->bytes && digits < 4 && is_digit(text->data[digits])) {
        digits++;
    }
    uint64_t value = 0;
    if (!pawl_slice_to_u64(pawl_slice_sub(*text, 0, digits), &value) || value > (uint64_t)max) {
        return false;
    }
    *text = pawl_slice_sub(*text, digits, text->bytes);
    *ret_value = (int32_t)value;
    return true;
}

/* "CET", "<+03>". */
static bool take_name(struct pawl_slice *text)
{
    size_t bytes = 0;
    if (take(text, '<')) {
        bytes = pawl_slice_find_byte(*text, '>');
        if (bytes == SIZE_MAX) {
            return false;
        }
        *text = pawl_slice_sub(*text, bytes + 1, text->bytes);
        return bytes >= 1;
    }
    while (bytes < text->bytes && ((text->data[bytes] >= 'A' && text->data[bytes] <= 'Z') ||
                                   (text->data[bytes] >= 'a' && text->data[bytes] <= 'z'))) {
        bytes++;
    }
    *text = pawl_slice_sub(*text, bytes, text->bytes);
    return bytes >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct pawl_slice *text, int32_t *ret_s)
{
    bool negative = take(text, '-');
    if (!negative) {
        (void)take(text, '+');
    }
    int32_t hours = 0;
    int32_t minutes = 0;
    int32_t seconds = 0;
    if (!take_number(text, HOURS_MAX, &hours) ||
        (take(text, ':') && !take_number(text, 59, &minutes)) ||
        (take(text, ':') && !take_number(text, 59, &seconds))) {
        return false;
    }
    int32_t sum = hours * HOUR_S + minutes * 60 + seconds;
    *ret_s = negative ? -sum : sum;
    return true;
}

/* What stands in TZ is how far the place is behind UTC. */
static bool take_offset(struct pawl_slice *text, int32_t *ret_offset_s)
{
    int32_t behind_s = 0;
    if (!take_time(text, &behind_s) || behind_s <= -DAY_S || behind_s >= DAY_S) {
        return false;
    }
    *ret_offset_s = -behind_s;
    return true;
}

static bool take_day(struct pawl_slice *text, struct pawl_zone_day *ret_day)
{
    struct pawl_zone_day day = {.form = '0', .time_s = 2 * HOUR_S};
    bool ok = false;
    if (take(text, 'M')) {
        day.form = 'M';
        ok = take_number(text, 12, &day.month) && day.month >= 1 && take(text, '.') &&
             take_number(text, 5, &day.week) && day.week >= 1 && take(text, '.') &&
             take_number(text, 6, &day.day);
    } else if (take(text, 'J')) {
        day.form = 'J';
        ok = take_number(text, 365, &day.day) && day.day >= 1;
    } else {
        ok = take_number(text, 365, &day.day);
    }
    if (ok && take(text, '/')) {
        ok = take_time(text, &day.time_s);
    }
    *ret_day = day;
    return ok;
}

bool pawl_zone_rule_parse(struct pawl_slice text, struct pawl_zone_rule *ret_rule)
{
    struct pawl_zone_rule rule = {.has_summer = false};
    if (!take_name(&text) || !take_offset(&text, &rule.standard_s)) {
        return false;
    }
    if (text.bytes > 0) {
        rule.has_summer = true;
        rule.summer_s = rule.standard_s + HOUR_S;
        bool named = take_name(&text);
        if (named && text.bytes > 0 && text.data[0] != ',') {
            named = take_offset(&text, &rule.summer_s);
        }
        if (!named || !take(&text, ',') || !take_day(&text, &rule.to_summer) || !take(&text, ',') ||
            !take_day(&text, &rule.to_standard) || text.bytes > 0) {
            return false;
        }
    }
    *ret_rule = rule;
    return true;
}

/* --- Expanding ----------------------------------------------------------------------------- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The n-th such weekday of the month; the fifth is the last, whichever that is. */
static int64_t weekday_of_month(const struct pawl_zone_day *day, int64_t year)
{
    struct pawl_civil_date first = {.year = year, .month = (uint32_t)day->month, .day = 1};
    struct pawl_civil_date next = {
        .year = day->month == 12 ? year + 1 : year,
        .month = day->month == 12 ? 1 : (uint32_t)day->month + 1,
        .day = 1,
    };
    int64_t begins = pawl_civil_days(first);
    int64_t ends = pawl_civil_days(next);
    int64_t sunday_based = (pawl_civil_weekday(begins) + 1) % 7;
    int64_t days = begins + (day->day - sunday_based + 7) % 7 + INT64_C(7) * (day->week - 1);
    return days >= ends ? days - 7 : days;
}

static int64_t local_change(const struct pawl_zone_day *day, int64_t year)
{
    struct pawl_civil_date new_year = {.year = year, .month = 1, .day = 1};
    int64_t days = 0;
    if (day->form == 'M') {
        days = weekday_of_month(day, year);
    } else if (day->form == 'J') {
        int32_t march_first = 60;
        days = pawl_civil_days(new_year) + day->day - 1 +
               (is_leap(year) && day->day >= march_first ? 1 : 0);
    } else {
        days = pawl_civil_days(new_year) + day->day;
    }
    return days * DAY_S + day->time_s;
}

/* Where the changes of a table begin. */
struct stretch {
    int64_t since_s; /* the rule holds for what comes after this; */
    int64_t after_s; /* what comes after this is in the table, and before it only the offset */
};

static void append(struct pawl_zone_table *table,
                   const struct stretch *stretch,
                   struct pawl_tz_transition change)
{
    bool later = table->count == 0 || table->transitions[table->count - 1].at_s < change.at_s;
    if (change.at_s <= stretch->since_s || !later) {
        return;
    }
    if (change.at_s <= stretch->after_s) {
        table->initial_offset_s = change.offset_s;
    } else if (table->count < PAWL_TZ_TRANSITIONS_MAX) {
        table->transitions[table->count++] = change;
    }
}

void pawl_zone_rule_expand(const struct pawl_zone_rule *rule,
                           int64_t since_s,
                           int64_t after_s,
                           struct pawl_zone_table *table)
{
    PAWL_ASSERT(table->count <= PAWL_TZ_TRANSITIONS_MAX);
    struct stretch stretch = {.since_s = since_s, .after_s = after_s};
    for (int64_t year = PAWL_ZONE_FIRST_YEAR; rule->has_summer && year <= PAWL_ZONE_LAST_YEAR;
         year++) {
        struct pawl_tz_transition summer = {
            .at_s = local_change(&rule->to_summer, year) - rule->standard_s,
            .offset_s = rule->summer_s,
        };
        struct pawl_tz_transition standard = {
            .at_s = local_change(&rule->to_standard, year) - rule->summer_s,
            .offset_s = rule->standard_s,
        };
        bool summer_first = summer.at_s < standard.at_s; /* not so in the south */
        append(table, &stretch, summer_first ? summer : standard);
        append(table, &stretch, summer_first ? standard : summer);
    }
}
