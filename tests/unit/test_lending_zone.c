/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lending_zone.c: the system's time zones as tables. The C library reads the same files and is
 * the oracle; what it knows and the files do not, rules with odd forms, is spelled out.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "lending/zone.h"

#define NOW_S INT64_C(1795870000) /* 2026-11-28 */
#define DAY_S INT64_C(86400)

static int32_t offset_at(const struct pawl_zone_table *table, int64_t at_s)
{
    int32_t offset_s = table->initial_offset_s;
    for (uint32_t i = 0; i < table->count && table->transitions[i].at_s <= at_s; i++) {
        offset_s = table->transitions[i].offset_s;
    }
    return offset_s;
}

static void agree(const char *name, const struct pawl_zone_table *table)
{
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    for (int64_t at_s = NOW_S - 300 * DAY_S; at_s < INT64_C(4000000000); at_s += 5 * 3600 + 7) {
        time_t seconds = (time_t)at_s;
        struct tm local;
        assert_non_null(localtime_r(&seconds, &local));
        if (offset_at(table, at_s) != local.tm_gmtoff) {
            fail_msg("%s at %lld: %d, not %ld", name, (long long)at_s, offset_at(table, at_s),
                     local.tm_gmtoff);
        }
    }
}

static void tables_agree_with_the_c_library(void **state)
{
    (void)state;
    static const char *const names[] = {
        "UTC",           "Europe/Berlin",    "America/New_York", "Australia/Lord_Howe",
        "Asia/Kolkata",  "America/St_Johns", "Pacific/Auckland", "Africa/Casablanca",
        "Europe/Dublin", "America/Santiago", "Asia/Jerusalem",   "Pacific/Kiritimati",
    };
    struct pawl_zone_table *table = malloc(sizeof(*table));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        struct pawl_errmsg msg = {""};
        if (pawl_failed(pawl_zone_load(names[i], NOW_S, table, &msg))) {
            fail_msg("%s: %s", names[i], msg.text);
        }
        agree(names[i], table);
    }
    free(table);
}

static void rules_agree_with_the_c_library(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "XYZ-5:12:33",
        "NST3:30NDT,J60/2,J300",
        "AAA0BBB,59,300/1:30",
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
    };
    struct pawl_zone_table *table = malloc(sizeof(*table));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rules); i++) {
        struct pawl_errmsg msg = {""};
        if (pawl_failed(pawl_zone_load(rules[i], NOW_S, table, &msg))) {
            fail_msg("%s: %s", rules[i], msg.text);
        }
        agree(rules[i], table);
    }
    free(table);
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "CE-1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J366",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-25",
        "<+03-3",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        struct pawl_zone_rule rule;
        if (pawl_zone_rule_parse(pawl_slice_str(texts[i]), &rule)) {
            fail_msg("'%s' was taken", texts[i]);
        }
    }
}

static void names_that_leave_the_directory_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",  "/etc/passwd",   "../passwd", "Mars/Olympus",
                                        ".", "Europe/../UTC", "zone.tab"};
    struct pawl_zone_table *table = malloc(sizeof(*table));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        struct pawl_errmsg msg = {""};
        if (pawl_ok(pawl_zone_load(names[i], NOW_S, table, &msg))) {
            fail_msg("'%s' was taken", names[i]);
        }
        assert_true(msg.text[0] != '\0');
    }
    free(table);
}

/* Cut anywhere, and with any one byte turned, a file is refused or gives a table; nothing is read
 * outside of it (the sanitizers look). */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    assert_non_null(file);
    char bytes[8192];
    size_t have = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_true(have > 100 && have < sizeof(bytes));
    struct pawl_zone_table *table = malloc(sizeof(*table));
    assert_true(pawl_zone_read(pawl_slice_of(bytes, have), NOW_S, table));
    unsigned refused = 0;
    for (size_t cut = 0; cut < have; cut++) {
        char *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        refused += !pawl_zone_read(pawl_slice_of(exact, cut), NOW_S, table);
        free(exact);
    }
    for (size_t i = 0; i < have; i++) {
        bytes[i] = (char)~bytes[i];
        refused += !pawl_zone_read(pawl_slice_of(bytes, have), NOW_S, table);
        bytes[i] = (char)~bytes[i];
    }
    assert_true(refused > have / 2);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_agree_with_the_c_library),
        cmocka_unit_test(rules_agree_with_the_c_library),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(names_that_leave_the_directory_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
