/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c: the limits as the ledger has them. Each sits in a scope of its own, whose path says all
 * that the budget does not: "tenant:local/daily.7:Europe%2FBerlin dir %2Fsrv%2Fweb". So the ledger
 * is the only place where a limit is written down, and a closed one is in nobody's way. Beside it
 * stand what has to be there before a limit: the marker that runs look at, and its time zone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/file_os.h"
#include "base/log.h"
#include "base/percent.h"
#include "engine/limit_words.h"
#include "lending/lender_priv.h"
#include "lending/zone.h"

enum { PATH_BYTES = 3 * (PAWL_NAME_BYTES_MAX + PAWL_VALUE_BYTES_MAX) + 64 };

/* --- Scopes -------------------------------------------------------------------------------- */

struct pawl_dimension pawl_lender_dimension(const struct pawl_limit *limit,
                                            char name[static PAWL_NAME_BYTES_MAX],
                                            char value[static PAWL_LIMIT_VALUE_BYTES])
{
    const char *zone = limit->zone[0] != '\0' ? limit->zone : "-";
    int name_bytes =
        snprintf(name, PAWL_NAME_BYTES_MAX, "%s.%u", limit->name, (unsigned)limit->number);
    int value_bytes = snprintf(value, PAWL_LIMIT_VALUE_BYTES, "%s %s%s%s", zone,
                               pawl_limit_place_name(limit->place),
                               limit->path[0] != '\0' ? " " : "", limit->path);
    PAWL_ASSERT(name_bytes > 0 && name_bytes < PAWL_NAME_BYTES_MAX);
    PAWL_ASSERT(value_bytes > 0 && value_bytes <= PAWL_VALUE_BYTES_MAX);
    return (struct pawl_dimension){.name = pawl_slice_str(name), .value = pawl_slice_str(value)};
}

static void decode(char *text)
{
    text[pawl_percent_undo(text, strlen(text))] = '\0';
}

/* What the path of a scope says of its limit; false: it is no limit's. */
static bool read_scope(char *path, struct pawl_limit *limit)
{
    static const char begin[] = "tenant:local/";
    char *colon = strchr(path + sizeof(begin) - 1, ':');
    if (strncmp(path, begin, sizeof(begin) - 1) != 0 || colon == NULL) {
        return false;
    }
    *colon = '\0';
    char *name = path + sizeof(begin) - 1;
    decode(name);
    decode(colon + 1);
    struct pawl_slice value = pawl_slice_str(colon + 1);
    struct pawl_slice zone = pawl_slice_cut(&value, ' ');
    struct pawl_slice place = pawl_slice_cut(&value, ' ');
    char *dot = strrchr(name, '.');
    uint64_t number = 0;
    limit->place = pawl_limit_place_of(place);
    if (dot == NULL || !pawl_slice_to_u64(pawl_slice_str(dot + 1), &number) || number == 0 ||
        number > UINT32_MAX || limit->place == PAWL_LIMIT_PLACE_COUNT) {
        return false;
    }
    limit->number = (uint32_t)number;
    bool fits = pawl_slice_copy_str(pawl_slice_of(name, (size_t)(dot - name)), limit->name,
                                    sizeof(limit->name)) &&
                pawl_slice_copy_str(value, limit->path, sizeof(limit->path));
    return fits && (pawl_slice_equal_str(zone, "-") ||
                    pawl_slice_copy_str(zone, limit->zone, sizeof(limit->zone)));
}

/* --- Reading ------------------------------------------------------------------------------- */

void pawl_lender_read(const struct pawl_lender *lender, struct pawl_limit *limit)
{
    struct pawl_budget_view view;
    int64_t now_us = pawl_engine_now_us(lender->engine);
    bool there = pawl_core_budget(pawl_engine_core(lender->engine), limit->budget, now_us, &view);
    PAWL_ASSERT(there);
    limit->amount = view.allocated;
    limit->spent = view.spent;
    limit->held = view.reserved;
    limit->starts_at_us = view.window_start_us;
    limit->resets_at_us = view.window_end_us != INT64_MAX ? view.window_end_us : 0;
}

/* Whether `path` is the directory or below it. */
static bool is_below(const char *path, const char *directory)
{
    size_t bytes = strlen(directory);
    bool root = strcmp(directory, "/") == 0;
    return strncmp(path, directory, bytes) == 0 &&
           (root || path[bytes] == '/' || path[bytes] == '\0');
}

bool pawl_lender_binds(const struct pawl_limit *limit, const struct pawl_lend_place *place)
{
    switch (limit->place) {
    case PAWL_LIMIT_MACHINE:
        return true;
    case PAWL_LIMIT_REPO:
        return strcmp(limit->path, place->repo) == 0;
    case PAWL_LIMIT_DIR:
        return place->dir[0] != '\0' && is_below(place->dir, limit->path);
    case PAWL_LIMIT_PLACE_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

bool pawl_lender_limit_next(const struct pawl_lender *lender,
                            uint32_t *cursor,
                            struct pawl_limit *ret_limit)
{
    if (*cursor >= lender->limit_count) {
        return false;
    }
    *ret_limit = lender->limits[(*cursor)++].limit;
    pawl_lender_read(lender, ret_limit);
    return true;
}

static void load(struct pawl_lender *lender)
{
    const struct pawl_core *core = pawl_engine_core(lender->engine);
    int64_t now_us = pawl_engine_now_us(lender->engine);
    uint32_t cursor = 0;
    uint64_t budget = 0;
    while (pawl_core_budget_next(core, &cursor, &budget)) {
        struct pawl_budget_view view;
        struct pawl_limit limit = {.budget = budget};
        char path[PATH_BYTES];
        if (!pawl_core_budget(core, budget, now_us, &view) ||
            pawl_core_scope_path(core, view.scope, path, sizeof(path)) >= sizeof(path) ||
            !read_scope(path, &limit)) {
            continue;
        }
        limit.unit = view.unit;
        limit.window = view.window;
        if (limit.number >= lender->next_number) {
            lender->next_number = limit.number + 1;
        }
        if (view.state != PAWL_BUDGET_CLOSED && lender->limit_count < PAWL_LIMITS_MAX) {
            lender->limits[lender->limit_count++] = (struct pawl_lender_limit){.limit = limit};
        }
    }
}

/* --- The marker ---------------------------------------------------------------------------- */

/* Runs that look at its time see that something has changed. It needs to be no clock's, only
 * another one each time; what a crash keeps from being set, the next start sets. */
void pawl_lender_touch_marker(struct pawl_lender *lender)
{
    if (lender->marker == NULL || lender->limit_count == 0) {
        return;
    }
    lender->touched_us = pawl_max_i64(pawl_engine_now_us(lender->engine), lender->touched_us + 1);
    struct timespec time = {.tv_sec = lender->touched_us / PAWL_US_PER_SECOND,
                            .tv_nsec = lender->touched_us % PAWL_US_PER_SECOND * 1000};
    const struct timespec times[2] = {time, time};
    if (utimensat(AT_FDCWD, lender->marker, times, 0) != 0) {
        pawl_log(PAWL_LOG_WARN, "%s cannot be touched (%s): runs hear of limits a little later",
                 lender->marker, strerror(errno));
    }
}

/* It may be there without a limit, and never a limit without it. */
pawl_err
pawl_lender_set_marker(const struct pawl_lender *lender, bool there, struct pawl_errmsg *msg)
{
    if (lender->marker == NULL) {
        return PAWL_OK;
    }
    if (!there) {
        (void)unlink(lender->marker);
        return PAWL_OK;
    }
    int fd = open(lender->marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int error_number = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (error_number != 0) {
        pawl_errmsg_set(msg, "cannot write %.300s: %s", lender->marker, strerror(error_number));
        return pawl_err_from_errno(error_number);
    }
    return pawl_parent_sync(lender->marker, msg);
}

/* --- Time zones ---------------------------------------------------------------------------- */

static void on_defined(struct pawl_op *op)
{
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_log(PAWL_LOG_ERROR, "a time zone is not taken: %s",
                 pawl_result_meaning(op->result.code));
    }
    pawl_free(op);
}

/* Defines the zone in the ledger; nobody waits for it, since what uses it comes after it. */
static pawl_err
define_zone(struct pawl_lender *lender, const char *name, uint16_t tz, struct pawl_errmsg *msg)
{
    struct pawl_zone_table *table = pawl_alloc(sizeof(*table));
    struct pawl_op *op = pawl_alloc_zeroed(1, sizeof(*op));
    int64_t now_s = pawl_engine_now_us(lender->engine) / PAWL_US_PER_SECOND;
    pawl_err err =
        table == NULL || op == NULL ? PAWL_ERR(MEMORY) : pawl_zone_load(name, now_s, table, msg);
    if (pawl_ok(err)) {
        struct pawl_command define = {
            .type = PAWL_COMMAND_TZ_DEFINE,
            .u.tz_define = {.tz = tz,
                            .name = pawl_slice_str(name),
                            .initial_offset_s = table->initial_offset_s,
                            .transition_count = table->count,
                            .transitions = table->transitions},
        };
        *op = (struct pawl_op){.done = on_defined, .lazy = true};
        pawl_engine_submit(lender->engine, &define, op);
        op = NULL;
    }
    pawl_free(op);
    pawl_free(table);
    return err;
}

/* The number under which a zone is defined for a limit already, else the lowest that no limit uses.
 * Closed budgets keep a number that may get another zone; nothing is booked on them any more but
 * what was lent in windows that are open already. */
static uint16_t zone_number(const struct pawl_lender *lender, const char *zone)
{
    bool used[PAWL_LIMITS_MAX + 2] = {true};
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        const struct pawl_limit *limit = &lender->limits[i].limit;
        if (limit->window.tz != 0 && strcmp(limit->zone, zone) == 0) {
            return limit->window.tz;
        }
        if (limit->window.tz < PAWL_ARRAY_LEN(used)) {
            used[limit->window.tz] = true;
        }
    }
    uint16_t tz = 1;
    while (used[tz]) {
        tz++;
    }
    return tz;
}

pawl_err
pawl_lender_use_zone(struct pawl_lender *lender, struct pawl_limit *limit, struct pawl_errmsg *msg)
{
    if (limit->window.kind != PAWL_WINDOW_CALENDAR) {
        return PAWL_OK;
    }
    limit->window.tz = zone_number(lender, limit->zone);
    return define_zone(lender, limit->zone, limit->window.tz, msg);
}

/* New rules of a country reach windows that are not open yet. */
static void reload_zones(struct pawl_lender *lender)
{
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        const struct pawl_limit *limit = &lender->limits[i].limit;
        bool first = limit->window.tz != 0;
        for (uint32_t k = 0; k < i; k++) {
            first = first && lender->limits[k].limit.window.tz != limit->window.tz;
        }
        struct pawl_errmsg msg = {""};
        if (first && pawl_failed(define_zone(lender, limit->zone, limit->window.tz, &msg))) {
            pawl_log(PAWL_LOG_WARN, "limits go on by the time zone as it was: %s", msg.text);
        }
    }
}

/* --- Life ---------------------------------------------------------------------------------- */

struct pawl_config pawl_lender_config(void)
{
    struct pawl_config config = pawl_engine_default_config();
    config.idempotency_ttl_us = INT64_C(8) * 86400 * PAWL_US_PER_SECOND;
    config.idempotency_settle_ttl_us = config.idempotency_ttl_us;
    return config;
}

pawl_err pawl_lender_new(const struct pawl_lender_options *options,
                         struct pawl_lender **ret_lender,
                         struct pawl_errmsg *msg)
{
    struct pawl_lender *lender = pawl_alloc_zeroed(1, sizeof(*lender));
    if (lender == NULL) {
        pawl_errmsg_set(msg, "no memory for the limits");
        return PAWL_ERR(MEMORY);
    }
    lender->engine = options->engine;
    lender->marker = options->marker;
    lender->on_lack = options->on_lack;
    lender->arg = options->arg;
    lender->next_number = 1;
    load(lender);
    if (options->reload_zones) {
        reload_zones(lender);
    }
    pawl_err err = pawl_lender_set_marker(lender, lender->limit_count > 0, msg);
    if (pawl_failed(err)) {
        pawl_free(lender);
        return err;
    }
    pawl_lender_touch_marker(lender);
    *ret_lender = lender;
    return PAWL_OK;
}

void pawl_lender_free(struct pawl_lender *lender)
{
    PAWL_ASSERT(lender == NULL || lender->open_jobs == 0);
    pawl_free(lender);
}
