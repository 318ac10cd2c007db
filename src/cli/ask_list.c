/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_list.c: see ask_list.h. Lines of JSON and ids leave page by page, so a list may be as long as
 * it likes; a table is held until its columns are known, so it ends at some rows, and says so.
 */
#define _GNU_SOURCE
#include "cli/ask_list.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/money.h"
#include "cli/ask_read.h"
#include "cli/ask_values.h"

enum { TABLE_ROWS_MAX = 10000, CURSOR_BYTES = 4096 };

/* The path, and what is sorted by. */
static int begin(struct pawl_ask *ask, const struct pawl_ask_list *list)
{
    char word[PAWL_ASK_CELL_BYTES];
    const char *sort = NULL;
    bool desc = pawl_cli_has(ask->call, PAWL_ASK_DESC);
    int status = list->sorts != NULL
                     ? pawl_ask_take_word(ask->call, PAWL_ASK_SORT, list->sorts, word, &sort)
                     : PAWL_CLI_GO_ON;
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (desc && sort == NULL) {
        return pawl_cli_usage_error(ask->call, "--desc goes with --sort");
    }
    pawl_ask_path(ask, list->path);
    pawl_ask_query(ask, "sort_by", sort);
    pawl_ask_query(ask, "sort_dir", sort == NULL ? NULL : desc ? "desc" : "asc");
    return PAWL_CLI_GO_ON;
}

/* --limit; without one all there are. */
static int take_limit(const struct pawl_ask *ask, uint64_t *ret_limit)
{
    int64_t limit = 0;
    const char *text = pawl_cli_value(ask->call, PAWL_ASK_LIMIT);
    if (text == NULL) {
        *ret_limit = UINT64_MAX;
        return PAWL_CLI_GO_ON;
    }
    if (!pawl_money_parse_count(pawl_slice_str(text), &limit) || limit == 0) {
        return pawl_cli_usage_error(ask->call, "--limit takes a number above 0, not '%s'", text);
    }
    *ret_limit = (uint64_t)limit;
    return PAWL_CLI_GO_ON;
}

static void print_row(struct pawl_ask *ask,
                      struct pawl_ask_list *list,
                      struct pawl_cli_table *table,
                      uint32_t node)
{
    char id[PAWL_ASK_CELL_BYTES];
    if (table != NULL) {
        list->row(ask, table, node);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        if (strcmp(pawl_ask_text(ask, node, list->id, id), list->last) != 0) {
            puts(id);
        }
        memcpy(list->last, id, sizeof(id));
    } else {
        pawl_ask_print_json(ask, node);
    }
}

/* The rows of one answer, and the cursor of the next: "" at the end. */
static int take_page(struct pawl_ask *ask,
                     struct pawl_ask_list *list,
                     struct pawl_cli_table *table,
                     uint64_t limit,
                     char cursor[static CURSOR_BYTES])
{
    const struct pawl_json *json = &ask->json;
    uint32_t rows = pawl_json_get(json, 0, list->rows);
    if (!pawl_json_is(json, rows, PAWL_JSON_ARRAY)) {
        return pawl_ask_tell_odd(ask);
    }
    uint32_t node = pawl_json_first(json, rows);
    for (; node != PAWL_JSON_NONE && list->count < limit; node = pawl_json_next(json, node)) {
        print_row(ask, list, table, node);
        list->count++;
    }
    bool more = pawl_json_bool_or(json, pawl_json_get(json, 0, "has_more"), false);
    struct pawl_slice next =
        pawl_json_string(json, pawl_json_get(json, 0, "next_cursor"), &ask->arena);
    cursor[0] = '\0';
    if (more && node == PAWL_JSON_NONE && !pawl_slice_copy_str(next, cursor, CURSOR_BYTES)) {
        return pawl_ask_tell_odd(ask);
    }
    return PAWL_EXIT_OK;
}

static void ask_for_page(struct pawl_ask *ask,
                         const struct pawl_ask_list *list,
                         size_t path_bytes,
                         uint64_t limit,
                         const char *cursor)
{
    char page[24];
    uint64_t left = limit - list->count;
    bool last = left < (uint64_t)list->page;
    (void)snprintf(page, sizeof(page), "%" PRIu64, last ? left : (uint64_t)list->page);
    ask->path.bytes = path_bytes;
    pawl_ask_query(ask, "limit", page);
    pawl_ask_query(ask, "cursor", cursor);
}

static void show_progress(const struct pawl_ask_list *list, bool shown)
{
    if (shown) {
        fprintf(stderr, "\r%" PRIu64 " so far\033[K", list->count);
    } else {
        fputs("\r\033[K", stderr);
    }
}

static int print_all(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    char cursor[CURSOR_BYTES] = "";
    uint64_t limit = 0;
    size_t path_bytes = ask->path.bytes;
    bool raw = pawl_cli_has(ask->call, PAWL_ASK_JSON) || pawl_cli_has(ask->call, PAWL_ASK_QUIET);
    bool progress = isatty(STDERR_FILENO) == 1 && (!raw || isatty(STDOUT_FILENO) == 0);
    int status = take_limit(ask, &limit);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    bool cut = !raw && limit == UINT64_MAX;
    limit = cut ? TABLE_ROWS_MAX : limit;
    struct pawl_cli_table *table =
        raw ? NULL : pawl_cli_table_new_fitting(list->columns, list->column_count, list->lackable);
    bool shown = false;
    list->count = 0;
    do {
        ask_for_page(ask, list, path_bytes, limit, cursor);
        status = pawl_ask_send(ask, list->plane, "GET");
        if (status == PAWL_EXIT_OK) {
            status = pawl_ask_check_tenant(ask, list->plane, list->tenant);
        }
        if (status == PAWL_EXIT_OK) {
            status = take_page(ask, list, table, limit, cursor);
        }
        if (progress && status == PAWL_EXIT_OK && cursor[0] != '\0') {
            show_progress(list, true);
            shown = true;
        }
    } while (status == PAWL_EXIT_OK && cursor[0] != '\0' && list->count < limit);
    if (shown) {
        show_progress(list, false);
    }
    if (table != NULL) {
        pawl_cli_table_print(table, stdout);
        (void)fflush(stdout);
    }
    if (status == PAWL_EXIT_OK && list->count == 0 && !raw) {
        bool like = list->filtered && list->none_like != NULL;
        fprintf(stderr, "%s\n", like ? list->none_like : list->none);
    } else if (status == PAWL_EXIT_OK && cut && list->count == limit) {
        fprintf(stderr, "These are the first %d; --limit or --json shows more.\n", TABLE_ROWS_MAX);
    }
    return status;
}

int pawl_ask_list(const struct pawl_cli_call *call, struct pawl_ask_list *list)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = begin(&ask, list);
    }
    if (status == PAWL_CLI_GO_ON && list->filters != NULL) {
        size_t bytes = ask.path.bytes;
        status = list->filters(&ask, list);
        list->filtered = ask.path.bytes > bytes;
    }
    if (status == PAWL_CLI_GO_ON) {
        status = print_all(&ask, list);
    }
    pawl_ask_close(&ask);
    return status;
}
