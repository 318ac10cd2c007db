/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c: the limits. Each sits in a scope of its own, whose path says all that the budget does
 * not: "tenant:local/daily.7:Europe%2FBerlin dir %2Fsrv%2Fweb". So the ledger is the only place
 * where a limit is written down, and a closed one is in nobody's way.
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
#include "base/log.h"
#include "engine/limit_words.h"
#include "server/lender_priv.h"
#include "server/zone.h"

enum { PATH_BYTES = 3 * (PAWL_NAME_BYTES_MAX + PAWL_VALUE_BYTES_MAX) + 64 };

static const struct pawl_slice tenant = {"local", 5};

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

static int hex(char digit)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *found = strchr(digits, digit);
    return digit != '\0' && found != NULL ? (int)(found - digits) : -1;
}

/* Undoes the percent signs of a scope's path in place. */
static void decode(char *text)
{
    char *out = text;
    for (; *text != '\0'; text++) {
        int high = *text == '%' ? hex(text[1]) : -1;
        int low = high >= 0 ? hex(text[2]) : -1;
        *out++ = low >= 0 ? (char)(high * 16 + low) : *text;
        text += low >= 0 ? 2 : 0;
    }
    *out = '\0';
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
static void touch_marker(struct pawl_lender *lender)
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
static pawl_err set_marker(const struct pawl_lender *lender, bool there, struct pawl_errmsg *msg)
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
    char dir[4096];
    (void)pawl_slice_copy_str(pawl_slice_str(lender->marker), dir, sizeof(dir));
    char *slash = strrchr(dir, '/');
    int dir_fd = -1;
    if (error_number == 0 && slash != NULL) {
        *slash = '\0';
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error_number = dir_fd < 0 || fsync(dir_fd) != 0 ? errno : 0;
    }
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
    if (error_number != 0) {
        pawl_errmsg_set(msg, "cannot write %.300s: %s", lender->marker, strerror(error_number));
        return pawl_err_from_errno(error_number);
    }
    return PAWL_OK;
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
    pawl_err err = set_marker(lender, lender->limit_count > 0, msg);
    if (pawl_failed(err)) {
        pawl_free(lender);
        return err;
    }
    touch_marker(lender);
    *ret_lender = lender;
    return PAWL_OK;
}

void pawl_lender_free(struct pawl_lender *lender)
{
    PAWL_ASSERT(lender == NULL || lender->open_jobs == 0);
    pawl_free(lender);
}

/* --- Changing ------------------------------------------------------------------------------ */

struct job {
    struct pawl_op op;
    struct pawl_lender *lender;
    struct pawl_limit_change *change;
    struct pawl_limit limit; /* one that is being made */
};

static void finish(struct job *job)
{
    struct pawl_limit_change *change = job->change;
    job->lender->open_jobs--;
    pawl_free(job);
    change->done(change);
}

static void on_failed(struct pawl_op *op)
{
    finish(op->arg);
}

/* The change's own error is told in a later turn. */
static void fail(struct job *job, pawl_err err)
{
    job->change->err = err;
    job->op.done = on_failed;
    pawl_engine_barrier(job->lender->engine, &job->op);
}

static struct pawl_lender_limit *find_name(struct pawl_lender *lender, const char *name)
{
    uint64_t number = 0;
    bool is_number = pawl_slice_to_u64(pawl_slice_str(name), &number);
    struct pawl_lender_limit *found = NULL;
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        const struct pawl_limit *limit = &lender->limits[i].limit;
        if (strcmp(limit->name, name) == 0) {
            return &lender->limits[i];
        }
        found = is_number && limit->number == number ? &lender->limits[i] : found;
    }
    return found;
}

/* Whether both count the same in the same window and place. */
static bool same_thing(const struct pawl_limit *a, const struct pawl_limit *b)
{
    return a->unit == b->unit && a->place == b->place && strcmp(a->path, b->path) == 0 &&
           a->window.kind == b->window.kind && a->window.period == b->window.period &&
           a->window.week_start == b->window.week_start &&
           a->window.length_us == b->window.length_us && strcmp(a->zone, b->zone) == 0;
}

static struct pawl_lender_limit *find_thing(struct pawl_lender *lender,
                                            const struct pawl_limit *wanted)
{
    for (uint32_t i = 0; i < lender->limit_count; i++) {
        if (same_thing(&lender->limits[i].limit, wanted)) {
            return &lender->limits[i];
        }
    }
    return NULL;
}

static void on_amount_set(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_limit_change *change = job->change;
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_errmsg_set(&change->msg, "%s", pawl_result_meaning(op->result.code));
        change->err = PAWL_ERR(INVALID);
    } else {
        pawl_lender_read(job->lender, &change->limit);
        touch_marker(job->lender);
    }
    finish(job);
}

static void set_amount(struct job *job, struct pawl_lender_limit *found)
{
    struct pawl_limit_change *change = job->change;
    struct pawl_limit present = found->limit;
    pawl_lender_read(job->lender, &present);
    struct pawl_command fund = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .u.budget_fund = {.budget = present.budget,
                          .kind = PAWL_FUND_RESET,
                          .amount = change->limit.amount},
    };
    change->changed = true;
    change->amount_before = present.amount;
    change->limit = present;
    /* Who holds more than there is now gives back what it can. */
    found->wanted_until_us = pawl_engine_now_us(job->lender->engine) + PAWL_LENDER_WANTED_US;
    job->op.done = on_amount_set;
    pawl_engine_submit(job->lender->engine, &fund, &job->op);
}

static void on_made(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_limit_change *change = job->change;
    if (op->result.code == PAWL_RESULT_OK) {
        change->limit = job->limit;
        pawl_lender_read(job->lender, &change->limit);
        touch_marker(job->lender);
    } else {
        pawl_errmsg_set(&change->msg, "%s", pawl_result_meaning(op->result.code));
        change->err = PAWL_ERR(INVALID);
    }
    finish(job);
}

/* "usd-per-day", "tokens-per-5h-web", with a number behind it where that is taken. */
static void make_name(struct pawl_lender *lender, struct pawl_limit *limit)
{
    static const char *const units[PAWL_UNIT_BUILTIN_COUNT] = {
        [PAWL_UNIT_USD_MICROCENTS] = "usd",
        [PAWL_UNIT_TOKENS] = "tokens",
        [PAWL_UNIT_TOOL_CALLS] = "tool-calls",
        [PAWL_UNIT_ITERATIONS] = "iterations",
    };
    char period[PAWL_LIMIT_WORDS_BYTES];
    char base[PAWL_LIMIT_NAME_BYTES - 8];
    const char *unit = limit->unit < PAWL_UNIT_BUILTIN_COUNT ? units[limit->unit] : NULL;
    const char *slash = strrchr(limit->path, '/');
    const char *place = slash != NULL && slash[1] != '\0' ? slash + 1 : "";
    (void)snprintf(base, sizeof(base), "%s-per-%s%s%.24s", unit != NULL ? unit : "units",
                   pawl_limit_period(limit, period), place[0] != '\0' ? "-" : "", place);
    for (char *c = base; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        *c = plain ? *c : '-';
    }
    (void)snprintf(limit->name, sizeof(limit->name), "%s", base);
    for (unsigned i = 2; find_name(lender, limit->name) != NULL; i++) {
        (void)snprintf(limit->name, sizeof(limit->name), "%s-%u", base, i);
    }
}

/* By how many limits a run may be bound when this one is there, too: those of the machine, of one
 * repository, and of a directory and all above it, wherever that is worst. */
static uint32_t most_that_bind(const struct pawl_lender *lender, const struct pawl_limit *wanted)
{
    uint32_t most[PAWL_LIMIT_PLACE_COUNT] = {0};
    for (uint32_t i = 0; i <= lender->limit_count; i++) {
        const struct pawl_limit *at = i > 0 ? &lender->limits[i - 1].limit : wanted;
        struct pawl_lend_place there = {.run = "", .dir = at->path, .repo = at->path};
        uint32_t count = 0;
        for (uint32_t k = 0; k <= lender->limit_count; k++) {
            const struct pawl_limit *limit = k > 0 ? &lender->limits[k - 1].limit : wanted;
            count += limit->place == at->place && pawl_lender_binds(limit, &there) ? 1 : 0;
        }
        most[at->place] = count > most[at->place] ? count : most[at->place];
    }
    return most[PAWL_LIMIT_MACHINE] + most[PAWL_LIMIT_REPO] + most[PAWL_LIMIT_DIR];
}

static pawl_err prepare_new(struct job *job)
{
    struct pawl_lender *lender = job->lender;
    struct pawl_errmsg *msg = &job->change->msg;
    job->limit = job->change->limit;
    struct pawl_limit *limit = &job->limit;
    if (lender->limit_count >= PAWL_LIMITS_MAX) {
        pawl_errmsg_set(msg, "there are %d limits; remove one first", PAWL_LIMITS_MAX);
        return PAWL_ERR(LIMIT);
    }
    if (most_that_bind(lender, limit) > PAWL_LEND_LIMITS_MAX) {
        pawl_errmsg_set(msg, "%d limits would bind a run there; remove one first",
                        PAWL_LEND_LIMITS_MAX + 1);
        return PAWL_ERR(LIMIT);
    }
    limit->number = lender->next_number++;
    if (limit->name[0] == '\0') {
        make_name(lender, limit);
    }
    size_t bytes = strlen(limit->zone) + strlen(limit->path) + sizeof("- machine ");
    if (bytes > PAWL_VALUE_BYTES_MAX) {
        pawl_errmsg_set(msg, "the path is too long for a limit");
        return PAWL_ERR(LIMIT);
    }
    if (limit->window.kind == PAWL_WINDOW_CALENDAR) {
        limit->window.tz = zone_number(lender, limit->zone);
        pawl_err err = define_zone(lender, limit->zone, limit->window.tz, msg);
        if (pawl_failed(err)) {
            return err;
        }
    }
    return set_marker(lender, true, msg);
}

static void make_limit(struct job *job)
{
    pawl_err err = prepare_new(job);
    if (pawl_failed(err)) {
        fail(job, err);
        return;
    }
    char name[PAWL_NAME_BYTES_MAX];
    char value[PAWL_LIMIT_VALUE_BYTES];
    struct pawl_command create = {
        .type = PAWL_COMMAND_BUDGET_CREATE,
        .u.budget_create = {.unit = job->limit.unit,
                            .window = job->limit.window,
                            .allocated = job->limit.amount,
                            .mode = PAWL_BUDGET_ENFORCE},
    };
    create.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = tenant;
    create.u.budget_create.scope.dimension = pawl_lender_dimension(&job->limit, name, value);
    struct pawl_lender *lender = job->lender;
    job->op.done = on_made;
    pawl_engine_submit(lender->engine, &create, &job->op);
    /* It is there for whoever asks next, whose answer is durable after it: who makes the same one
     * at once only changes it. */
    if (job->op.result.code == PAWL_RESULT_OK) {
        job->limit.budget = job->op.result.id;
        lender->limits[lender->limit_count++] = (struct pawl_lender_limit){.limit = job->limit};
    }
}

static void on_removed(struct pawl_op *op)
{
    struct job *job = op->arg;
    struct pawl_errmsg msg;
    if (job->lender->limit_count == 0) {
        (void)pawl_failed(set_marker(job->lender, false, &msg));
    }
    touch_marker(job->lender);
    finish(job);
}

static void remove_limit(struct job *job)
{
    struct pawl_lender *lender = job->lender;
    struct pawl_limit_change *change = job->change;
    struct pawl_lender_limit *found = find_name(lender, change->limit.name);
    if (found == NULL) {
        pawl_errmsg_set(&change->msg, "there is no limit '%s'", change->limit.name);
        fail(job, PAWL_ERR(NOT_FOUND));
        return;
    }
    change->limit = found->limit;
    pawl_lender_read(lender, &change->limit);
    struct pawl_command close = {
        .type = PAWL_COMMAND_BUDGET_SET,
        .u.budget_set = {.budget = found->limit.budget, .state = PAWL_BUDGET_CLOSED},
    };
    uint32_t index = (uint32_t)(found - lender->limits);
    lender->limit_count--;
    memmove(found, found + 1, (lender->limit_count - index) * sizeof(*found));
    job->op.done = on_removed;
    pawl_engine_submit(lender->engine, &close, &job->op);
}

void pawl_lender_change(struct pawl_lender *lender, struct pawl_limit_change *change)
{
    struct job *job = pawl_alloc_zeroed(1, sizeof(*job));
    PAWL_ASSERT(job != NULL); /* a process that has no memory for this has none to go on */
    *job = (struct job){.lender = lender, .change = change, .op = {.arg = job}};
    change->err = PAWL_OK;
    lender->open_jobs++;
    if (change->remove) {
        remove_limit(job);
        return;
    }
    struct pawl_lender_limit *same = find_thing(lender, &change->limit);
    struct pawl_lender_limit *named =
        change->limit.name[0] != '\0' ? find_name(lender, change->limit.name) : NULL;
    if (named != NULL && named != same) {
        pawl_errmsg_set(&change->msg,
                        "the limit '%s' counts something else; remove it first, or take another "
                        "name",
                        named->limit.name);
        fail(job, PAWL_ERR(EXISTS));
    } else if (same != NULL && change->limit.name[0] != '\0' && named == NULL) {
        pawl_errmsg_set(&change->msg, "that is what the limit '%s' counts already",
                        same->limit.name);
        fail(job, PAWL_ERR(EXISTS));
    } else if (same != NULL) {
        set_amount(job, same);
    } else {
        make_limit(job);
    }
}
