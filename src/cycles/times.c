/* SPDX-License-Identifier: Apache-2.0 */
/*
 * times.c: reading a date-time of RFC 3339, strictly: two digits where there are two, a real day of
 * a real month. A leap second counts as the one after it, as in POSIX.
 */
#include "cycles/times.h"

#include "base/clock.h"

/* Digits at `at`, or -1. */
static int digits(struct pawl_slice text, size_t at, size_t count)
{
    int value = 0;
    if (at + count > text.bytes) {
        return -1;
    }
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Since 1970-01-01, negative before it; the year is 1 or later. */
static int64_t days_before(int year, int month, int day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (int i = 1; i < month; i++) {
        days += days_in(year, i);
    }
    return days + day - 1;
}

/* The fraction after the seconds; *at goes behind it. */
static bool fraction(struct pawl_slice text, size_t *at, int64_t *ret_us)
{
    int64_t us = 0;
    int64_t scale = PAWL_US_PER_SECOND;
    *ret_us = 0;
    if (*at >= text.bytes || text.data[*at] != '.') {
        return true;
    }
    size_t start = ++*at;
    for (int digit = digits(text, *at, 1); digit >= 0; digit = digits(text, *at, 1)) {
        scale /= 10;
        us += digit * scale;
        ++*at;
    }
    *ret_us = us;
    return *at > start;
}

/* "Z" or "+02:00", which is the end. */
static bool offset(struct pawl_slice text, size_t at, int64_t *ret_seconds)
{
    if (at + 1 == text.bytes && (text.data[at] == 'Z' || text.data[at] == 'z')) {
        *ret_seconds = 0;
        return true;
    }
    int hours = digits(text, at + 1, 2);
    int minutes = digits(text, at + 4, 2);
    if (at + 6 != text.bytes || (text.data[at] != '+' && text.data[at] != '-') ||
        text.data[at + 3] != ':' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    int64_t seconds = (int64_t)hours * 3600 + minutes * INT64_C(60);
    *ret_seconds = text.data[at] == '+' ? seconds : -seconds;
    return true;
}

/* Of the last year that four digits can say: with an offset a time may lie in the next one, and
 * could not be written as it can be read. */
#define SECONDS_END (INT64_C(253402300799) + 1)

bool pawl_time_parse_us(struct pawl_slice text, int64_t *ret_us)
{
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 2);
    int day = digits(text, 8, 2);
    int hour = digits(text, 11, 2);
    int minute = digits(text, 14, 2);
    int second = digits(text, 17, 2);
    size_t at = 19;
    int64_t us = 0;
    int64_t east_s = 0;
    bool shaped = text.bytes > 19 && text.data[4] == '-' && text.data[7] == '-' &&
                  (text.data[10] == 'T' || text.data[10] == 't' || text.data[10] == ' ') &&
                  text.data[13] == ':' && text.data[16] == ':';
    if (!shaped || year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
        !fraction(text, &at, &us) || !offset(text, at, &east_s)) {
        return false;
    }
    int64_t seconds = days_before(year, month, day) * 86400 + hour * INT64_C(3600) +
                      minute * INT64_C(60) + second - east_s;
    if (seconds >= SECONDS_END) {
        return false;
    }
    *ret_us = seconds * PAWL_US_PER_SECOND + us;
    return true;
}
