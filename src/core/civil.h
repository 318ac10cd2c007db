/* SPDX-License-Identifier: Apache-2.0 */
/*
 * civil.h: calendar arithmetic on integers. "Local" seconds count from 1970-01-01 00:00 on the
 * wall clock of some place; they are no instants until a zone says which (window.h).
 */
#ifndef PAWL_CORE_CIVIL_H
#define PAWL_CORE_CIVIL_H

#include <stdint.h>

#include "core/command.h"

struct pawl_civil_date {
    int64_t year;
    uint32_t month; /* 1 .. 12 */
    uint32_t day;   /* 1 .. 31 */
};

/* Days since 1970-01-01 in the Gregorian calendar, and back. Years -30000 .. 30000. */
int64_t pawl_civil_days(struct pawl_civil_date date);
struct pawl_civil_date pawl_civil_date(int64_t days);
/* 0 Monday .. 6 Sunday. */
uint32_t pawl_civil_weekday(int64_t days);

/* When the period that holds `local_s` began, and when the one after a period's start begins. */
int64_t pawl_civil_period_start(enum pawl_period period, uint32_t week_start, int64_t local_s);
int64_t pawl_civil_period_next(enum pawl_period period, int64_t start_s);

#endif
