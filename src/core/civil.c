/* SPDX-License-Identifier: Apache-2.0 */
/*
 * civil.c: days from dates and dates from days, and the periods of a calendar. The arithmetic
 * counts years from March, so that the leap day is the last of its year and a month's first day
 * is a linear formula; eras of 400 years have 146,097 days. All divisions round down.
 */
#include "core/civil.h"

#include "base/assert.h"

#define DAY_S INT64_C(86400)
enum { HOUR_S = 3600, ERA_DAYS = 146097, ERA_YEARS = 400, EPOCH_DAYS = 719468 };

static int64_t divide_floor(int64_t value, int64_t by)
{
    PAWL_ASSERT(by > 0);
    int64_t quotient = value / by;
    return value % by < 0 ? quotient - 1 : quotient;
}

int64_t pawl_civil_days(struct pawl_civil_date date)
{
    PAWL_ASSERT(date.month >= 1);
    PAWL_ASSERT(date.month <= 12);
    PAWL_ASSERT(date.day >= 1);
    PAWL_ASSERT(date.day <= 31);
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = divide_floor(year, ERA_YEARS);
    int64_t year_of_era = year - era * ERA_YEARS;
    int64_t month = (date.month + 9) % 12; /* March is 0. */
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

struct pawl_civil_date pawl_civil_date(int64_t days)
{
    int64_t shifted = days + EPOCH_DAYS;
    int64_t era = divide_floor(shifted, ERA_DAYS);
    int64_t day_of_era = shifted - era * ERA_DAYS;
    PAWL_ASSERT(era * ERA_DAYS <= shifted);
    PAWL_ASSERT(day_of_era >= 0);
    PAWL_ASSERT(day_of_era < ERA_DAYS);
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    PAWL_ASSERT(month >= 0);
    PAWL_ASSERT(month < 12);
    struct pawl_civil_date date = {
        .year = year_of_era + era * ERA_YEARS,
        .month = (uint32_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint32_t)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    if (date.month <= 2) {
        date.year++;
    }
    return date;
}

uint32_t pawl_civil_weekday(int64_t days)
{
    int64_t weekday = days + 3 - divide_floor(days + 3, 7) * 7; /* 1970-01-01 was a Thursday. */
    PAWL_ASSERT(weekday >= 0);
    PAWL_ASSERT(weekday < 7);
    return (uint32_t)weekday;
}

int64_t pawl_civil_period_start(enum pawl_period period, uint32_t week_start, int64_t local_s)
{
    PAWL_ASSERT(week_start < 7);
    int64_t days = divide_floor(local_s, DAY_S);
    struct pawl_civil_date date = pawl_civil_date(days);
    date.day = 1;
    switch (period) {
    case PAWL_PERIOD_HOUR:
        return divide_floor(local_s, HOUR_S) * HOUR_S;
    case PAWL_PERIOD_DAY:
        return days * DAY_S;
    case PAWL_PERIOD_WEEK:
        return (days - (pawl_civil_weekday(days) + 7 - week_start) % 7) * DAY_S;
    case PAWL_PERIOD_MONTH:
        return pawl_civil_days(date) * DAY_S;
    case PAWL_PERIOD_QUARTER:
        date.month = (date.month - 1) / 3 * 3 + 1;
        return pawl_civil_days(date) * DAY_S;
    case PAWL_PERIOD_YEAR:
        date.month = 1;
        return pawl_civil_days(date) * DAY_S;
    case PAWL_PERIOD_NONE:
        break;
    }
    PAWL_UNREACHABLE();
}

/* The first day of the month `months` after the one that begins at start_s. */
static int64_t months_later(int64_t start_s, uint32_t months)
{
    struct pawl_civil_date date = pawl_civil_date(divide_floor(start_s, DAY_S));
    PAWL_ASSERT(date.day == 1);
    PAWL_ASSERT(months >= 1);
    PAWL_ASSERT(months <= 12);
    date.month += months;
    if (date.month > 12) {
        date.month -= 12;
        date.year++;
    }
    return pawl_civil_days(date) * DAY_S;
}

int64_t pawl_civil_period_next(enum pawl_period period, int64_t start_s)
{
    switch (period) {
    case PAWL_PERIOD_HOUR:
        return start_s + HOUR_S;
    case PAWL_PERIOD_DAY:
        return start_s + DAY_S;
    case PAWL_PERIOD_WEEK:
        return start_s + 7 * DAY_S;
    case PAWL_PERIOD_MONTH:
        return months_later(start_s, 1);
    case PAWL_PERIOD_QUARTER:
        return months_later(start_s, 3);
    case PAWL_PERIOD_YEAR:
        return months_later(start_s, 12);
    case PAWL_PERIOD_NONE:
        break;
    }
    PAWL_UNREACHABLE();
}
