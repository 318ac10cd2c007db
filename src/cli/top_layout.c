/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_layout.c: see top_layout.h. The list is a table whose columns are chosen by width once; the
 * panel below it, and the view of one run, are top_panel.c with more or less room.
 */
#include "cli/top_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
#include "base/money.h"
#include "cli/open.h"
#include "cli/statusline.h"
#include "cli/top_priv.h"
#include "run/caps.h"

enum {
    NAME_LEAST = 12,
    PANEL_LINES = 9, /* title, five caps, the dearest, two calls */
    LIST_LEAST = 3,
    WARN_PERMILLE = 750,
    BAD_PERMILLE = 900
};

static const char *const cap_titles[PAWL_CAP_COUNT] = {"DOLLARS", "TOKENS", "TOOLS", "CALLS",
                                                       "TIME"};

/* --- Words ---------------------------------------------------------------------------------- */

static enum pawl_style style_of(int64_t permille)
{
    return permille >= BAD_PERMILLE    ? PAWL_STYLE_BAD
           : permille >= WARN_PERMILLE ? PAWL_STYLE_WARN
                                       : PAWL_STYLE_GOOD;
}

static int64_t held_permille(const struct pawl_glance_cap *cap)
{
    int64_t permille = 0;
    if (cap->limit <= 0 || cap->held <= 0 ||
        !pawl_money_mul_div_floor(cap->held, 1000, cap->limit, &permille)) {
        return 0;
    }
    return permille;
}

/* At most so many columns, so that the word that matters is not cut. */
void pawl_top_state(const struct pawl_glance *run, int width, char *out)
{
    bool whole = width >= PAWL_TOP_STATE_WHOLE;
    const char *unit = whole ? pawl_cli_unit_word(run->unit) : "";
    const char *state = "running";
    switch (pawl_glance_state(run)) {
    case PAWL_GLANCE_ENDING:
        state = "ending";
        break;
    case PAWL_GLANCE_ASKS:
        state = whole ? run->question : "asks";
        break;
    case PAWL_GLANCE_STOPPED:
        (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "stopped%s%s", unit[0] != '\0' ? ": " : "", unit);
        return;
    case PAWL_GLANCE_WAITS:
        state = "waits";
        break;
    case PAWL_GLANCE_NO_ANSWER:
        state = whole ? "no answer" : "offline";
        break;
    case PAWL_GLANCE_RUNNING:
        break;
    }
    (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "%s", state);
}

bool pawl_top_stands_still(const struct pawl_glance *run)
{
    return run->ending || run->latched;
}

static void left_text(const struct pawl_glance *run, char *out)
{
    enum pawl_run_cap_index cap;
    int64_t left_ms = 0;
    out[0] = '\0';
    if (!pawl_top_stands_still(run) && pawl_glance_next_cap(run, &cap, &left_ms)) {
        (void)pawl_statusline_time(left_ms, out);
    }
}

/* Cents are enough for what changes every second. */
void pawl_top_dollars(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES])
{
    int64_t cent = PAWL_MICROCENTS_PER_USD / 100;
    pawl_money_format_usd((microcents + cent / 2) / cent * cent, out);
}

/* --- The list ------------------------------------------------------------------------------- */

/* Where the columns are; a width of 0: it is not shown. */
struct columns {
    int name_width;
    int state, state_width;
    int caps[PAWL_CAP_COUNT];
    int cap_count; /* the first so many */
    int gauge_width;
    int burn, burn_width;
    int left, left_width;
    int phase, phase_width;
};

static int needed(const struct columns *columns)
{
    int width = NAME_LEAST;
    width += columns->state_width > 0 ? columns->state_width + 1 : 0;
    width += columns->cap_count * (columns->gauge_width + PAWL_TOP_PERCENT_COLUMNS + 1);
    width += columns->burn_width > 0 ? columns->burn_width + 1 : 0;
    width += columns->left_width > 0 ? columns->left_width + 1 : 0;
    width += columns->phase_width > 0 ? columns->phase_width + 1 : 0;
    return width;
}

static int place_column(int *at, int width)
{
    int here = *at;
    *at += width > 0 ? width + 1 : 0;
    return here;
}

/* From the richest to the poorest that fits; the name gets the rest. */
static void choose_columns(int width, struct columns *ret_columns)
{
    static const struct columns choices[] = {
        {.state_width = PAWL_TOP_STATE_WHOLE,
         .cap_count = 5,
         .gauge_width = 10,
         .burn_width = 9,
         .left_width = 8,
         .phase_width = 14},
        {.state_width = 8,
         .cap_count = 5,
         .gauge_width = 6,
         .burn_width = 9,
         .left_width = 8,
         .phase_width = 12},
        {.state_width = 8, .cap_count = 5, .gauge_width = 4, .burn_width = 0, .left_width = 7},
        {.state_width = 0, .cap_count = 5, .gauge_width = 2, .left_width = 7},
        {.state_width = 0, .cap_count = 2, .gauge_width = 4, .left_width = 7},
        {.state_width = 0, .cap_count = 1, .gauge_width = 8, .left_width = 7},
        {.state_width = 0, .cap_count = 1, .gauge_width = 4},
    };
    size_t choice = 0;
    while (choice + 1 < PAWL_ARRAY_LEN(choices) && needed(&choices[choice]) > width) {
        choice++;
    }
    struct columns columns = choices[choice];
    columns.name_width = NAME_LEAST + width - needed(&columns);
    columns.name_width = columns.name_width < 4 ? 4 : columns.name_width;
    int at = columns.name_width + 1;
    columns.state = place_column(&at, columns.state_width);
    for (int i = 0; i < columns.cap_count; i++) {
        columns.caps[i] = place_column(&at, columns.gauge_width + PAWL_TOP_PERCENT_COLUMNS);
    }
    columns.burn = place_column(&at, columns.burn_width);
    columns.left = place_column(&at, columns.left_width);
    columns.phase = place_column(&at, columns.phase_width);
    *ret_columns = columns;
}

static void put_titles(struct pawl_grid *grid, int row, const struct columns *columns)
{
    struct pawl_field field = {.row = row, .width = columns->name_width, .style = PAWL_STYLE_BOLD};
    pawl_grid_text(grid, field, "RUN");
    field.column = columns->state;
    field.width = columns->state_width;
    pawl_grid_text(grid, field, "STATE");
    for (int i = 0; i < columns->cap_count; i++) {
        field.column = columns->caps[i];
        field.width = columns->gauge_width + PAWL_TOP_PERCENT_COLUMNS;
        pawl_grid_text(grid, field, cap_titles[i]);
    }
    field.right = true;
    field.column = columns->burn;
    field.width = columns->burn_width;
    pawl_grid_text(grid, field, "$/MIN");
    field.column = columns->left;
    field.width = columns->left_width;
    pawl_grid_text(grid, field, "LEFT");
    field.right = false;
    field.column = columns->phase;
    field.width = columns->phase_width;
    pawl_grid_text(grid, field, "PHASE");
}

/* A bar and its percentage. */
void pawl_top_put_gauge(struct pawl_grid *grid,
                        struct pawl_field field,
                        const struct pawl_glance *run,
                        enum pawl_run_cap_index cap)
{
    char text[PAWL_TOP_TEXT_BYTES];
    int64_t permille = pawl_glance_permille(run, cap);
    if (run->caps[cap].limit <= 0) {
        return;
    }
    field.style = style_of(permille);
    pawl_grid_gauge(grid, field, permille, held_permille(&run->caps[cap]));
    (void)snprintf(text, sizeof(text), "%" PRId64 "%%", pawl_min_i64(permille / 10, 999));
    field.column += field.width;
    field.width = PAWL_TOP_PERCENT_COLUMNS;
    field.right = true;
    pawl_grid_text(grid, field, text);
}

static void put_run(struct pawl_grid *grid,
                    int row,
                    const struct columns *columns,
                    const struct pawl_glance *run)
{
    char text[PAWL_TOP_TEXT_BYTES];
    enum pawl_style style = pawl_top_stands_still(run) ? PAWL_STYLE_DIM : PAWL_STYLE_PLAIN;
    struct pawl_field field = {.row = row, .width = columns->name_width, .style = style};
    pawl_grid_text(grid, field, pawl_glance_title(run));
    pawl_top_state(run, columns->state_width, text);
    field.column = columns->state;
    field.width = columns->state_width;
    field.style = run->latched || run->asks ? PAWL_STYLE_BAD : style;
    pawl_grid_text(grid, field, text);
    field.style = style;
    for (int i = 0; i < columns->cap_count; i++) {
        field.column = columns->caps[i];
        field.width = columns->gauge_width;
        pawl_top_put_gauge(grid, field, run, (enum pawl_run_cap_index)i);
    }
    field.right = true;
    field.column = columns->burn;
    field.width = columns->burn_width;
    char money[PAWL_MONEY_TEXT_BYTES] = "";
    if (run->caps[PAWL_CAP_USD].per_minute > 0) {
        pawl_money_format_usd_short(run->caps[PAWL_CAP_USD].per_minute, money);
    }
    pawl_grid_text(grid, field, money);
    left_text(run, text);
    field.column = columns->left;
    field.width = columns->left_width;
    pawl_grid_text(grid, field, text);
    field.right = false;
    field.column = columns->phase;
    field.width = columns->phase_width;
    pawl_grid_text(grid, field, run->phase);
}

/* The part of the list that has the selected run in it. */
static void put_list(const struct pawl_top *top, struct pawl_grid *grid, int row, int lines)
{
    struct columns columns;
    choose_columns(grid->width, &columns);
    put_titles(grid, row, &columns);
    uint32_t shown = lines > 1 ? (uint32_t)(lines - 1) : 0;
    uint32_t first = top->selected >= shown && shown > 0 ? top->selected - shown + 1 : 0;
    for (uint32_t i = 0; i < shown && first + i < top->count; i++) {
        int here = row + 1 + (int)i;
        put_run(grid, here, &columns, &top->runs[first + i]);
        for (int x = 0; top->interactive && first + i == top->selected && x < grid->width; x++) {
            pawl_grid_cell(grid, here, x)->selected = true;
        }
    }
    if (top->count == 0) {
        struct pawl_field field = {.row = row + 2, .width = grid->width, .style = PAWL_STYLE_DIM};
        pawl_grid_text(grid, field, "no run is live: pawl run -- COMMAND starts one");
    }
}

/* --- The whole ------------------------------------------------------------------------------ */

static void put_bar(const struct pawl_top *top, struct pawl_grid *grid)
{
    char text[2 * PAWL_TOP_TEXT_BYTES];
    char spent[PAWL_MONEY_TEXT_BYTES];
    char rate[PAWL_MONEY_TEXT_BYTES];
    int64_t spent_sum = 0;
    int64_t rate_sum = 0;
    for (uint32_t i = 0; i < top->count; i++) {
        spent_sum += top->runs[i].caps[PAWL_CAP_USD].spent;
        rate_sum += top->runs[i].caps[PAWL_CAP_USD].per_minute;
    }
    pawl_top_dollars(spent_sum, spent);
    pawl_top_dollars(rate_sum, rate);
    (void)snprintf(text, sizeof(text), "pawl top  %u live  %s spent  %s/min  by %s",
                   (unsigned)top->count, spent, rate, pawl_top_sort_name(top->sort));
    pawl_grid_line(grid, 0, PAWL_STYLE_TITLE, false);
    int clock = (int)strlen(top->clock);
    struct pawl_field field = {.width = grid->width - clock - 1, .style = PAWL_STYLE_TITLE};
    pawl_grid_text(grid, field, text);
    field.column = grid->width - clock;
    field.width = clock;
    pawl_grid_text(grid, field, top->clock);
}

static void put_keys(const struct pawl_top *top, struct pawl_grid *grid)
{
    const char *wide = "q quit   arrows select   enter one run   s sort   k stop   a approve";
    const char *narrow = "q quit  s sort  k stop  enter";
    int row = grid->height - 1;
    pawl_grid_line(grid, row, PAWL_STYLE_TITLE, false);
    struct pawl_field field = {.row = row, .width = grid->width, .style = PAWL_STYLE_TITLE};
    pawl_grid_text(grid, field,
                   top->message != NULL                  ? top->message
                   : (size_t)grid->width >= strlen(wide) ? wide
                                                         : narrow);
}

void pawl_top_layout(const struct pawl_top *top, struct pawl_grid *grid)
{
    int end = grid->height - (top->interactive ? 1 : 0);
    bool any = top->selected < top->count;
    put_bar(top, grid);
    if (top->interactive) {
        put_keys(top, grid);
    }
    if (top->detail && any) {
        pawl_top_put_panel(grid, 1, end, &top->runs[top->selected], true);
        return;
    }
    int panel = top->interactive && any ? PANEL_LINES + 1 : 0;
    panel = end - 1 - panel < LIST_LEAST + 1 ? 0 : panel;
    put_list(top, grid, 1, end - 1 - panel);
    if (panel > 0) {
        pawl_top_put_panel(grid, end - PANEL_LINES, end, &top->runs[top->selected], false);
    }
}

int pawl_top_snapshot_height(uint32_t count)
{
    return count > 0 ? 2 + (int)pawl_min_i64(count, PAWL_GRID_HEIGHT_MAX - 2) : 4;
}

/* --- Order ---------------------------------------------------------------------------------- */

const char *pawl_top_sort_name(enum pawl_top_sort sort)
{
    static const char *const names[] = {
        [PAWL_TOP_BY_START] = "start",
        [PAWL_TOP_BY_USED] = "use",
        [PAWL_TOP_BY_BURN] = "rate",
        [PAWL_TOP_BY_SPENT] = "spent",
    };
    _Static_assert(PAWL_ARRAY_LEN(names) == PAWL_TOP_SORT_COUNT, "every order has a name");
    return names[sort];
}

static int64_t key_of(const struct pawl_glance *run, enum pawl_top_sort sort)
{
    int64_t most = 0;
    switch (sort) {
    case PAWL_TOP_BY_USED:
        for (int i = 0; i < PAWL_CAP_COUNT; i++) {
            most = pawl_max_i64(most, pawl_glance_permille(run, (enum pawl_run_cap_index)i));
        }
        return most;
    case PAWL_TOP_BY_BURN:
        return run->caps[PAWL_CAP_USD].per_minute;
    case PAWL_TOP_BY_SPENT:
        return run->caps[PAWL_CAP_USD].spent;
    case PAWL_TOP_BY_START:
    case PAWL_TOP_SORT_COUNT:
        break;
    }
    return 0;
}

/* The largest key first; runs that are alike stand by their start, the newest first. */
static bool
comes_before(const struct pawl_glance *a, const struct pawl_glance *b, enum pawl_top_sort sort)
{
    int64_t left = key_of(a, sort);
    int64_t right = key_of(b, sort);
    return left != right ? left > right : strcmp(a->id, b->id) > 0;
}

void pawl_top_arrange(struct pawl_top *top, const char *selected_id)
{
    static struct pawl_glance moved; /* too large for the stack */
    for (uint32_t i = 1; i < top->count; i++) {
        uint32_t to = i;
        while (to > 0 && comes_before(&top->runs[i], &top->runs[to - 1], top->sort)) {
            to--;
        }
        if (to < i) {
            moved = top->runs[i];
            memmove(&top->runs[to + 1], &top->runs[to], (i - to) * sizeof(top->runs[0]));
            top->runs[to] = moved;
        }
    }
    for (uint32_t i = 0; i < top->count; i++) {
        if (strcmp(top->runs[i].id, selected_id) == 0) {
            top->selected = i;
            return;
        }
    }
    if (top->selected >= top->count) {
        top->selected = top->count > 0 ? top->count - 1 : 0;
    }
}
