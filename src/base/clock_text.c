/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_text.c: times and durations as text. The calendar is integer arithmetic over the
 * proleptic Gregorian one, not gmtime(3): the same text on every machine, whatever the
 * locale and TZ say, for every int64. Leap seconds do not exist, as in POSIX.
 */
#include <stddef.h>

#include "base/assert.h"
#include "base/clock.h"

enum {
    SECONDS_PER_DAY = 86400,
    DAYS_PER_400_YEARS = 146097,
    DAYS_PER_100_YEARS = 36524,
    DAYS_PER_4_YEARS = 1461,
    /* From 0000-03-01 to 1970-01-01. */
    DAYS_TO_EPOCH = 719468,
};

/* Text that grows from the left; PAWL_CLOCK_TEXT_BYTES was chosen to hold the longest. */
struct writer {
    char *out;
    size_t bytes;
};

static void put(struct writer *writer, char byte)
{
    PAWL_ASSERT(writer->bytes + 1 < PAWL_CLOCK_TEXT_BYTES);
    writer->out[writer->bytes++] = byte;
    writer->out[writer->bytes] = '\0';
}

static void put_text(struct writer *writer, const char *text)
{
    while (*text != '\0') {
        put(writer, *text++);
    }
}

/* At least `width` digits, zeros in front. */
static void put_number(struct writer *writer, uint64_t value, size_t width)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || count < width);
    while (count > 0) {
        put(writer, digits[--count]);
    }
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

struct date {
    int64_t year;
    unsigned month; /* 1 .. 12 */
    unsigned day;   /* 1 .. 31 */
};

/* The date that is so many days after 1970-01-01. Years are counted from the first of March, which
 * puts the leap day at the end of a year and makes month lengths a linear formula (153 days in five
 * months). */
static struct date date_of_days(int64_t days)
{
    int64_t since = days + DAYS_TO_EPOCH;
    int64_t era = floor_div(since, DAYS_PER_400_YEARS);
    unsigned of_era = (unsigned)(since - era * DAYS_PER_400_YEARS);
    /* Taking out the leap days passed so far leaves 365 days for every year. */
    unsigned leap_days = of_era / (DAYS_PER_4_YEARS - 1) - of_era / DAYS_PER_100_YEARS +
                         of_era / (DAYS_PER_400_YEARS - 1);
    unsigned year_of_era = (of_era - leap_days) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * of_year + 2) / 153;
    unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct date){
        .year = era * 400 + (int64_t)year_of_era + (month <= 2),
        .month = month,
        .day = of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

const char *pawl_clock_format_utc(int64_t us, char out[static PAWL_CLOCK_TEXT_BYTES])
{
    int64_t seconds = floor_div(us, PAWL_US_PER_SECOND);
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    uint64_t of_day = (uint64_t)(seconds - days * SECONDS_PER_DAY);
    struct date date = date_of_days(days);
    struct writer writer = {.out = out};
    if (date.year < 0) {
        put(&writer, '-');
    }
    put_number(&writer, (uint64_t)(date.year < 0 ? -date.year : date.year), 4);
    put(&writer, '-');
    put_number(&writer, date.month, 2);
    put(&writer, '-');
    put_number(&writer, date.day, 2);
    put(&writer, 'T');
    put_number(&writer, of_day / 3600, 2);
    put(&writer, ':');
    put_number(&writer, of_day / 60 % 60, 2);
    put(&writer, ':');
    put_number(&writer, of_day % 60, 2);
    put(&writer, 'Z');
    return out;
}

/* Longest first: text must name them in this order. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"d", INT64_C(86400000)}, {"h", INT64_C(3600000)}, {"m", INT64_C(60000)},
    {"s", INT64_C(1000)},     {"ms", INT64_C(1)},
};

/* Digits at *text into a number, or false without any and past int64. */
static bool parse_digits(const char **text, int64_t *ret_value)
{
    int64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        int64_t digit = *at - '0';
        if (value > (INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (at == *text) {
        return false;
    }
    *text = at;
    *ret_value = value;
    return true;
}

/* The letters at *text as an index of `units`, or PAWL_ARRAY_LEN(units). */
static size_t parse_unit(const char **text)
{
    size_t found = PAWL_ARRAY_LEN(units);
    const char *start = *text;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        const char *name = units[i].name;
        const char *at = start;
        while (*name != '\0' && *at == *name) {
            at++;
            name++;
        }
        /* "ms" begins as "m" does: the longer match wins, and comes later in the table. */
        if (*name == '\0' && at > *text) {
            *text = at;
            found = i;
        }
    }
    return found;
}

bool pawl_duration_parse_ms(const char *text, int64_t *ret_ms)
{
    int64_t total = 0;
    size_t next_unit = 0;
    while (*text != '\0') {
        int64_t value = 0;
        if (!parse_digits(&text, &value)) {
            return false;
        }
        size_t unit = parse_unit(&text);
        if (unit == PAWL_ARRAY_LEN(units) || unit < next_unit) {
            return false;
        }
        next_unit = unit + 1;
        if (value > (INT64_MAX - total) / units[unit].ms) {
            return false;
        }
        total += value * units[unit].ms;
    }
    if (total == 0) {
        return false;
    }
    *ret_ms = total;
    return true;
}

const char *pawl_duration_format_ms(int64_t ms, char out[static PAWL_CLOCK_TEXT_BYTES])
{
    struct writer writer = {.out = out};
    uint64_t left = (uint64_t)ms;
    if (ms < 0) {
        put(&writer, '-');
        left = UINT64_C(0) - left;
    }
    size_t first = 0;
    while (first + 1 < PAWL_ARRAY_LEN(units) && left < (uint64_t)units[first].ms) {
        first++;
    }
    for (size_t i = first; i < PAWL_ARRAY_LEN(units) && i < first + 2; i++) {
        uint64_t value = left / (uint64_t)units[i].ms;
        left %= (uint64_t)units[i].ms;
        if (i == first || value > 0) {
            if (i > first) {
                put(&writer, ' ');
            }
            put_number(&writer, value, 1);
            put_text(&writer, units[i].name);
        }
    }
    return out;
}

const char *pawl_duration_format_about(int64_t ms, char out[static PAWL_CLOCK_TEXT_BYTES])
{
    enum { TENTH_MS = 100, SECOND_MS = 1000, TENTHS_BELOW_MS = 10000, MINUTE_MS = 60000 };
    if (ms == 0) {
        struct writer writer = {.out = out};
        put_text(&writer, "0s");
        return out;
    }
    bool tenths = ms >= SECOND_MS && ms < TENTHS_BELOW_MS && ms / TENTH_MS % 10 != 0;
    if (tenths) {
        struct writer writer = {.out = out};
        put_number(&writer, (uint64_t)(ms / SECOND_MS), 1);
        put(&writer, '.');
        put_number(&writer, (uint64_t)(ms / TENTH_MS % 10), 1);
        put(&writer, 's');
        return out;
    }
    return pawl_duration_format_ms(ms >= SECOND_MS && ms < MINUTE_MS ? ms - ms % SECOND_MS : ms,
                                   out);
}
