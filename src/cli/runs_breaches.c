/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs_breaches.c: breaches one by one, and counted by group. Every run that has ended counts in
 * its group, so that a share can be told; groups come in the order of their names, weeks in that of
 * time.
 */
#include "cli/runs_breaches.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/money.h"
#include "cli/breach.h"
#include "cli/open.h"
#include "run/caps.h"
#include "run/review.h"

enum { KEY_BYTES = 256, GROUPS_MAX = 4096, BAR_COLUMNS = 24, LINE_BYTES = 4 << 20 };

struct group {
    char key[KEY_BYTES];
    uint64_t runs;
    uint64_t stopped;
    uint64_t approved;
    uint64_t causes[PAWL_CAUSE_COUNT];
};

struct gathering {
    struct pawl_history *history;
    const struct pawl_breaches_query *query;
    struct pawl_cli_table *table; /* of the breaches; NULL: groups or JSON */
    struct pawl_buf groups;       /* of struct group */
    enum pawl_breaches_by by;
    pawl_err err;
    struct pawl_errmsg *msg;
};

enum pawl_breaches_by pawl_breaches_by_of(const char *word)
{
    static const char *const words[] = {
        [PAWL_BREACHES_BY_POLICY] = "policy",
        [PAWL_BREACHES_BY_REPO] = "repo",
        [PAWL_BREACHES_BY_WEEK] = "week",
        [PAWL_BREACHES_BY_CAUSE] = "cause",
    };
    for (size_t i = PAWL_BREACHES_BY_POLICY; i < PAWL_ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum pawl_breaches_by)i;
        }
    }
    return PAWL_BREACHES_BY_COUNT;
}

static const char *how_word(enum pawl_breach_how how)
{
    return how == PAWL_BREACH_APPROVED ? "approved" : "stopped";
}

/* --- Groups --------------------------------------------------------------------------------- */

static struct group *group_of(struct gathering *gathering, const char *key)
{
    size_t count = gathering->groups.bytes / sizeof(struct group);
    struct group *groups = (struct group *)(void *)gathering->groups.data;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(groups[i].key, key) == 0) {
            return &groups[i];
        }
    }
    struct group fresh = {.runs = 0};
    (void)pawl_slice_copy_str(pawl_slice_str(key), fresh.key, sizeof(fresh.key));
    pawl_buf_append(&gathering->groups, &fresh, sizeof(fresh));
    if (gathering->groups.overflowed) {
        pawl_cli_no_memory();
    }
    return (struct group *)(void *)gathering->groups.data + count;
}

static void key_of(const struct gathering *gathering,
                   const struct pawl_history_run *run,
                   const struct pawl_breach *breach,
                   char out[static KEY_BYTES])
{
    struct pawl_slice text;
    char week[PAWL_REVIEW_WEEK_BYTES];
    switch (gathering->by) {
    case PAWL_BREACHES_BY_POLICY:
        text = run->policy;
        break;
    case PAWL_BREACHES_BY_REPO:
        text = pawl_slice_empty(run->repo) ? run->cwd : run->repo;
        break;
    case PAWL_BREACHES_BY_CAUSE:
        text = pawl_slice_str(breach != NULL ? pawl_breach_cause_name(breach->cause) : "none");
        break;
    case PAWL_BREACHES_BY_WEEK:
    case PAWL_BREACHES_EACH: /* with the weeks below */
    case PAWL_BREACHES_BY_COUNT:
        text = pawl_slice_str(pawl_review_week(run->started_us, week));
        break;
    }
    (void)pawl_cli_plain(pawl_slice_empty(text) ? PAWL_SLICE("-") : text, out, KEY_BYTES);
}

static void count_run(struct gathering *gathering,
                      const struct pawl_history_run *run,
                      const struct pawl_breach_facts *facts,
                      const struct pawl_breach *breach)
{
    char key[KEY_BYTES];
    key_of(gathering, run, breach, key);
    struct group *group = group_of(gathering, key);
    group->runs++;
    if (breach != NULL) {
        group->stopped += facts->how == PAWL_BREACH_STOPPED ? 1 : 0;
        group->approved += facts->how == PAWL_BREACH_APPROVED ? 1 : 0;
        group->causes[breach->cause]++;
    }
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a;
    const struct group *right = b;
    return strcmp(left->key, right->key);
}

/* --- One by one ----------------------------------------------------------------------------- */

static const struct pawl_cli_column columns[] = {
    {"RUN", false, 0},         {"STARTED", false, 0}, {"HOW", false, 0},   {"CAP", false, 0},
    {"USED", true, 0},         {"OF", true, 0},       {"CAUSE", false, 0}, {"POLICY", false, 20},
    {"REPOSITORY", false, 40}, {"FACTS", false, 70},
};
static const char *const lackable[] = {"POLICY", "REPOSITORY", "HOW", "STARTED", "OF", NULL};

static void add_row(struct pawl_cli_table *table,
                    const struct pawl_history_run *run,
                    const struct pawl_breach_facts *facts,
                    const struct pawl_breach *breach)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char amount[PAWL_CAP_TEXT_BYTES];
    char plain[PAWL_PATH_BYTES];
    int unit = -1;
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        unit = pawl_cli_history_unit(i) == facts->unit ? (int)i : unit;
    }
    enum pawl_run_cap_index cap = pawl_cap_of_unit(facts->unit);
    (void)pawl_slice_copy_str(run->id, text, sizeof(text));
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(table, pawl_cli_local_time(run->started_us, text));
    pawl_cli_table_cell(table, how_word(facts->how));
    pawl_cli_table_cell(table, pawl_cli_unit_word(facts->unit));
    pawl_cli_table_cell(table, unit >= 0 ? pawl_cap_format(cap, run->spent[unit], amount) : "");
    pawl_cli_table_cell(table, unit >= 0 && run->first[unit] >= 0
                                   ? pawl_cap_format(cap, run->first[unit], amount)
                                   : "");
    pawl_cli_table_cell(table, pawl_breach_cause_name(breach->cause));
    pawl_cli_table_cell(table, pawl_cli_plain(run->policy, plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(run->repo, plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(breach->words), plain, sizeof(plain)));
}

static void print_json(const struct pawl_history_run *run,
                       const struct pawl_breach_facts *facts,
                       const struct pawl_breach *breach)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    char week[PAWL_REVIEW_WEEK_BYTES];
    pawl_buf_init(&line, LINE_BYTES);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_string(&json, "run", run->id);
    pawl_cli_write_text(&json, "name", run->name);
    pawl_json_member_i64(&json, "started_ms", run->started_us / PAWL_US_PER_MS);
    pawl_json_member_str(&json, "week", pawl_review_week(run->started_us, week));
    pawl_json_member_str(&json, "how", how_word(facts->how));
    if (pawl_unit_name(facts->unit) != NULL) {
        pawl_json_member_str(&json, "cap", pawl_unit_name(facts->unit));
    }
    pawl_json_member_str(&json, "cause", pawl_breach_cause_name(breach->cause));
    pawl_json_member_str(&json, "facts", breach->words);
    pawl_cli_write_text(&json, "policy", run->policy);
    pawl_cli_write_text(&json, "repo", run->repo);
    pawl_cli_write_text(&json, "cwd", run->cwd);
    pawl_json_key(&json, "first_limits");
    pawl_json_object_begin(&json);
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        if (run->first[i] >= 0) {
            pawl_cli_write_amount(&json, pawl_cli_history_key(i), pawl_cli_history_unit(i),
                                  run->first[i]);
        }
    }
    pawl_json_object_end(&json);
    pawl_json_key(&json, "spent");
    pawl_json_object_begin(&json);
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        pawl_cli_write_amount(&json, pawl_cli_history_key(i), pawl_cli_history_unit(i),
                              run->spent[i]);
    }
    pawl_json_object_end(&json);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* --- Gathering ------------------------------------------------------------------------------ */

static bool take_run(void *arg, const struct pawl_history_run *run)
{
    struct gathering *gathering = arg;
    struct pawl_breach_facts facts;
    struct pawl_breach breach;
    if (run->ended_us == 0) {
        return true; /* It may still do either. */
    }
    gathering->err =
        pawl_breach_look(gathering->history, gathering->query->prices, run, &facts, gathering->msg);
    if (pawl_failed(gathering->err)) {
        return false;
    }
    if (facts.how == PAWL_BREACH_NONE) {
        count_run(gathering, run, &facts, NULL);
        return true;
    }
    pawl_breach_judge(&facts, &breach);
    count_run(gathering, run, &facts, &breach);
    if (gathering->table != NULL) {
        add_row(gathering->table, run, &facts, &breach);
    } else if (gathering->by == PAWL_BREACHES_EACH) {
        print_json(run, &facts, &breach);
    }
    return true;
}

/* --- Printing groups ------------------------------------------------------------------------ */

static void group_json(const struct group *group)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "group", group->key);
    pawl_json_member_i64(&json, "runs", (int64_t)group->runs);
    pawl_json_member_i64(&json, "breaches", (int64_t)(group->stopped + group->approved));
    pawl_json_member_i64(&json, "stopped", (int64_t)group->stopped);
    pawl_json_member_i64(&json, "approved", (int64_t)group->approved);
    pawl_json_key(&json, "causes");
    pawl_json_object_begin(&json);
    for (int i = 0; i < PAWL_CAUSE_COUNT; i++) {
        pawl_json_member_i64(&json, pawl_breach_cause_name((enum pawl_breach_cause)i),
                             (int64_t)group->causes[i]);
    }
    pawl_json_object_end(&json);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* '#' for what was stopped, '+' for what went past by approval, to the scale of the largest. */
static void bar(const struct group *group, uint64_t largest, char out[static BAR_COLUMNS + 1])
{
    uint64_t scale = largest > BAR_COLUMNS ? largest : BAR_COLUMNS;
    size_t stopped = (size_t)((group->stopped * BAR_COLUMNS + scale - 1) / scale);
    size_t approved = (size_t)((group->approved * BAR_COLUMNS + scale - 1) / scale);
    size_t at = 0;
    for (size_t i = 0; i < stopped && at < BAR_COLUMNS; i++) {
        out[at++] = '#';
    }
    for (size_t i = 0; i < approved && at < BAR_COLUMNS; i++) {
        out[at++] = '+';
    }
    out[at] = '\0';
}

static void group_row(struct pawl_cli_table *table, const struct group *group, uint64_t largest)
{
    char text[PAWL_CLI_TEXT_BYTES];
    uint64_t breaches = group->stopped + group->approved;
    const uint64_t counts[] = {group->runs, breaches, group->stopped, group->approved};
    pawl_cli_table_cell(table, group->key);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(counts); i++) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, counts[i]);
        pawl_cli_table_cell(table, text);
    }
    for (int i = 0; i < PAWL_CAUSE_COUNT; i++) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, group->causes[i]);
        pawl_cli_table_cell(table, text);
    }
    bar(group, largest, text);
    pawl_cli_table_cell(table, text);
}

static void print_groups(struct gathering *gathering, const char *title, bool json)
{
    const struct pawl_cli_column group_columns[] = {
        {title, false, 48},        {"RUNS", true, 0},
        {"BREACHES", true, 0},     {"STOPPED", true, 0},
        {"APPROVED", true, 0},     {"ESCALATION", true, 0},
        {"VERIFICATION", true, 0}, {"SCOPE", true, 0},
        {"DEFAULT", true, 0},      {"", false, 0},
    };
    static const char *const without[] = {"", "APPROVED", "STOPPED", NULL};
    size_t count = gathering->groups.bytes / sizeof(struct group);
    struct group *groups = (struct group *)(void *)gathering->groups.data;
    uint64_t largest = 0;
    if (count > 0) {
        qsort(groups, count, sizeof(groups[0]), compare_groups);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t breaches = groups[i].stopped + groups[i].approved;
        largest = breaches > largest ? breaches : largest;
    }
    struct pawl_cli_table *table =
        json ? NULL
             : pawl_cli_table_new_fitting(group_columns, PAWL_ARRAY_LEN(group_columns), without);
    for (size_t i = 0; i < count; i++) {
        if (json) {
            group_json(&groups[i]);
        } else {
            group_row(table, &groups[i], largest);
        }
    }
    if (table != NULL) {
        pawl_cli_table_print(table, stdout);
    }
}

pawl_err pawl_breaches_print(struct pawl_history *history,
                             const struct pawl_breaches_query *query,
                             struct pawl_errmsg *msg)
{
    static const char *const titles[] = {
        [PAWL_BREACHES_EACH] = "WEEK",          [PAWL_BREACHES_BY_POLICY] = "POLICY",
        [PAWL_BREACHES_BY_REPO] = "REPOSITORY", [PAWL_BREACHES_BY_WEEK] = "WEEK",
        [PAWL_BREACHES_BY_CAUSE] = "CAUSE",
    };
    bool each = query->by == PAWL_BREACHES_EACH;
    struct gathering gathering = {
        .history = history,
        .query = query,
        .by = query->by,
        .err = PAWL_OK,
        .msg = msg,
        .table = each && !query->json
                     ? pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable)
                     : NULL,
    };
    pawl_buf_init(&gathering.groups, GROUPS_MAX * sizeof(struct group));
    pawl_err err = pawl_history_runs(history, query->filter, take_run, &gathering, msg);
    err = pawl_failed(err) ? err : gathering.err;
    if (gathering.table != NULL) {
        pawl_cli_table_print(gathering.table, stdout);
    }
    if (pawl_ok(err) && !(each && query->json)) {
        if (each && gathering.groups.bytes > 0) {
            puts("");
        }
        print_groups(&gathering, titles[query->by], query->json);
    }
    pawl_buf_free(&gathering.groups);
    return err;
}
