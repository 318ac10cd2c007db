/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone.h: time zones from the system's files, as the ledger's tables (TZ_DEFINE). A file says when
 * its offsets change, up to some year, and has a rule for the time behind it; a table has all
 * changes from a year ago to the year 2100, so the ledger needs no rules.
 */
#ifndef PAWL_LENDING_ZONE_H
#define PAWL_LENDING_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/command.h"

struct pawl_zone_table {
    int32_t initial_offset_s;
    uint32_t count;
    struct pawl_tz_transition transitions[PAWL_TZ_TRANSITIONS_MAX];
};

/* The zone of that name ("Europe/Berlin", "UTC"; "localtime": what this machine keeps; or a rule,
 * see below). NOT_FOUND: there is none of that name; CORRUPT: its file cannot be read. */
PAWL_MUST_CHECK pawl_err pawl_zone_load(const char *name,
                                        int64_t now_s,
                                        struct pawl_zone_table *ret_table,
                                        struct pawl_errmsg *msg);
/* The same from a file's bytes; false: it is none. */
PAWL_MUST_CHECK bool
pawl_zone_read(struct pawl_slice file, int64_t now_s, struct pawl_zone_table *ret_table);

/* A rule as POSIX writes it in TZ: "CET-1CEST,M3.5.0,M10.5.0/3". */
enum { PAWL_ZONE_FIRST_YEAR = 1971, PAWL_ZONE_LAST_YEAR = 2100 };
struct pawl_zone_day {
    char form; /* 'M' month, week, weekday; 'J' a day without February 29th; '0' one with it */
    int32_t month;
    int32_t week;
    int32_t day; /* of the week, 0 Sunday; or of the year */
    int32_t time_s;
};
struct pawl_zone_rule {
    int32_t standard_s; /* local = UTC + offset */
    bool has_summer;
    int32_t summer_s;
    struct pawl_zone_day to_summer;
    struct pawl_zone_day to_standard;
};
PAWL_MUST_CHECK bool pawl_zone_rule_parse(struct pawl_slice text, struct pawl_zone_rule *ret_rule);
/* Appends the changes after both times, up to the last year; those between `since_s` and `after_s`
 * set the offset that the table begins with. */
void pawl_zone_rule_expand(const struct pawl_zone_rule *rule,
                           int64_t since_s,
                           int64_t after_s,
                           struct pawl_zone_table *table);

/* The name of the user's zone: $TZ if it is a name or a rule, else what the system is set to, else
 * "UTC". */
enum { PAWL_ZONE_NAME_BYTES = 64 };
void pawl_zone_user_name(char out[static PAWL_ZONE_NAME_BYTES]);

#endif
