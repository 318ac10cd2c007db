/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_lists.c: each order, in both directions, with each filter: the first page, and pages that
 * go on behind a reservation drawn at random, as later pages do. A list that ends before its page
 * is full is counted among "short": its work had a limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_bench.h"
#include "base/assert.h"
#include "base/attrs.h"

enum { PERCENT = 100, ROUNDS_MAX = 10000, LEASE_MAX_MS = 240000, LIST_NS_MAX = 2000000000 };

struct filter {
    const char *name;
    uint8_t status;
    const char *levels[PAWL_LEVEL_COUNT];
    /* Per cent of the whole time, from and to; both 0: any. */
    int created[2];
    int expires[2];
    int finalized[2];
};

static const struct filter filters[] = {
    {.name = "all"},
    {.name = "ACTIVE", .status = PAWL_ARCHIVE_ACTIVE},
    {.name = "EXPIRED", .status = PAWL_ARCHIVE_EXPIRED},
    {.name = "COMMITTED", .status = PAWL_ARCHIVE_COMMITTED},
    {.name = "workspace", .levels = {[PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "app", .levels = {[PAWL_LEVEL_APP] = "app-2"}},
    {.name = "agent", .levels = {[PAWL_LEVEL_AGENT] = "agent-16"}},
    {.name = "app, workspace",
     .levels = {[PAWL_LEVEL_APP] = "app-2", [PAWL_LEVEL_WORKSPACE] = "team-7"}},
    {.name = "no such agent", .levels = {[PAWL_LEVEL_AGENT] = "nobody"}},
    {.name = "created in the last 1 %", .created = {99, 100}},
    {.name = "created in the first half", .created = {0, 50}},
    {.name = "expires in the last 1 %", .expires = {99, 100}},
    {.name = "expires in the last 10 %", .expires = {90, 100}},
    {.name = "expires in the first 10 %", .expires = {0, 10}},
    {.name = "finalized in the last 1 %", .finalized = {99, 100}},
    {.name = "finalized in the last 10 %", .finalized = {90, 100}},
    {.name = "finalized in the first 10 %", .finalized = {0, 10}},
    {.name = "finalized in the last half", .finalized = {50, 100}},
    {.name = "EXPIRED, app, last half",
     .status = PAWL_ARCHIVE_EXPIRED,
     .levels = {[PAWL_LEVEL_APP] = "app-2"},
     .created = {50, 100}},
    {.name = "EXPIRED, finalized", .status = PAWL_ARCHIVE_EXPIRED, .finalized = {1, 100}},
    {.name = "RELEASED, expires in the middle",
     .status = PAWL_ARCHIVE_RELEASED,
     .expires = {45, 55}},
    {.name = "created late, expires early", .created = {50, 100}, .expires = {0, 49}},
};

static const char *const sort_names[] = {"created", "expires", "reserved", "scope", "status"};

/* A part of the time in which reservations were made, shifted by what a lease adds. */
static void set_range(const struct bench *bench,
                      const int percent[static 2],
                      int64_t late_ms,
                      int64_t *from_ms,
                      int64_t *to_ms)
{
    int64_t start_ms = bench->start_us / 1000;
    int64_t span_ms = bench->now_us / 1000 - start_ms + late_ms;
    if (percent[0] > 0) {
        *from_ms = start_ms + span_ms * percent[0] / PERCENT;
    }
    if (percent[1] > 0 && percent[1] < PERCENT) {
        *to_ms = start_ms + span_ms * percent[1] / PERCENT;
    }
}

static struct pawl_archive_query query_of(const struct bench *bench, const struct filter *filter)
{
    struct pawl_archive_query query = bench_query();
    query.status = filter->status;
    for (int i = 0; i < PAWL_LEVEL_COUNT; i++) {
        query.levels[i] = pawl_slice_str(filter->levels[i]);
    }
    set_range(bench, filter->created, 0, &query.created_from_ms, &query.created_to_ms);
    set_range(bench, filter->expires, LEASE_MAX_MS, &query.expires_from_ms, &query.expires_to_ms);
    set_range(bench, filter->finalized, 0, &query.finalized_from_ms, &query.finalized_to_ms);
    return query;
}

/* The place of some reservation of the tenant's. */
static struct pawl_archive_place draw_place(struct bench *bench, uint8_t sort)
{
    for (;;) {
        struct pawl_archive_request request;
        struct pawl_archive_query query = bench_query();
        struct pawl_archive_place place = {.op = 0};
        query.op = 1 + pawl_prng_below(&bench->prng, bench->op);
        query.limit = 1;
        (void)bench_ask(bench, &query, 0, &request);
        const struct pawl_archive_row *row = request.rows;
        if (request.row_count == 1 && pawl_slice_equal(row->tenant, query.tenant)) {
            const int64_t numbers[] = {0, row->expires_ms, row->reserved, 0, row->status};
            place.op = row->op;
            place.number = numbers[sort];
            if (sort == PAWL_ARCHIVE_BY_SCOPE) {
                PAWL_ASSERT(pawl_slice_copy_str(row->scope_path, place.text, sizeof(place.text)));
            }
        }
        pawl_archive_release(&request);
        if (place.op != 0) {
            return place;
        }
    }
}

struct times {
    uint32_t count;
    uint32_t cut;
    uint32_t rows;
    int64_t ns[ROUNDS_MAX];
};

static int compare_ns(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a;
    int64_t other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

static void
measure(struct bench *bench, struct pawl_archive_query query, bool deep, struct times *ret_times)
{
    int64_t until_ns = bench_ns() + LIST_NS_MAX;
    *ret_times = (struct times){.count = 0};
    while (ret_times->count < bench->rounds && bench_ns() < until_ns) {
        struct pawl_archive_request request;
        if (deep) {
            query.after = draw_place(bench, query.sort);
        }
        ret_times->ns[ret_times->count++] = bench_ask(bench, &query, bench->op, &request);
        ret_times->cut += request.more && request.row_count < query.limit ? 1 : 0;
        ret_times->rows = request.row_count;
        pawl_archive_release(&request);
    }
    qsort(ret_times->ns, ret_times->count, sizeof(ret_times->ns[0]), compare_ns);
}

static double ms_of(const struct times *times, uint32_t percent)
{
    return (double)times->ns[(times->count - 1) * percent / PERCENT] / 1e6;
}

void bench_lists(struct bench *bench)
{
    static struct times first;
    static struct times deep;
    double worst_ms = 0;
    (void)printf("%-48s %26s %26s\n%-48s %8s %8s %8s %8s %8s %8s\n",
                 "pages of 50, ms of the reader's processor time", "first page", "from anywhere",
                 "", "p50", "p99", "rows", "p50", "p99", "short");
    for (uint8_t sort = 0; sort < PAWL_ARRAY_LEN(sort_names); sort++) {
        for (size_t i = 0; i < 2 * PAWL_ARRAY_LEN(filters); i++) {
            char name[64];
            bool ascending = i % 2 == 1;
            struct pawl_archive_query query = query_of(bench, &filters[i / 2]);
            (void)snprintf(name, sizeof(name), "%s %s: %s", sort_names[sort],
                           ascending ? "asc" : "desc", filters[i / 2].name);
            if (bench->only != NULL && strncmp(name, bench->only, strlen(bench->only)) != 0) {
                continue;
            }
            query.sort = sort;
            query.ascending = ascending;
            measure(bench, query, false, &first);
            measure(bench, query, true, &deep);
            (void)printf("%-48s %8.2f %8.2f %8u %8.2f %8.2f %8u\n", name, ms_of(&first, 50),
                         ms_of(&first, 99), first.rows, ms_of(&deep, 50), ms_of(&deep, 99),
                         first.cut + deep.cut);
            (void)fflush(stdout);
            worst_ms = ms_of(&first, 99) > worst_ms ? ms_of(&first, 99) : worst_ms;
            worst_ms = ms_of(&deep, 99) > worst_ms ? ms_of(&deep, 99) : worst_ms;
        }
    }
    (void)printf("the largest p99: %.2f ms\n", worst_ms);
}
