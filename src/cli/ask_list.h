/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_list.h: lists that a server gives in pages, as a table, as lines of JSON, or as ids.
 */
#ifndef PAWL_CLI_ASK_LIST_H
#define PAWL_CLI_ASK_LIST_H

#include "cli/ask.h"

struct pawl_ask_list {
    enum pawl_plane plane;
    const char *rows; /* "tenants": where they stand in an answer */
    const char *id;   /* "tenant_id": what --quiet prints; NULL: there is no --quiet */
    int page;         /* how many the server gives at once */
    const struct pawl_cli_column *columns;
    size_t column_count;
    const char *const *lackable;
    const char *none; /* what is told, on stderr, where there is nothing */
    void (*row)(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node);
    bool (*wanted)(struct pawl_ask *ask, uint32_t node); /* NULL: all of them */
    uint64_t count;                                      /* comes back: how many were printed */
};

#define PAWL_ASK_LIST_OPTIONS(fields)                                                              \
    {PAWL_ASK_LIMIT, 'n', "limit", "N", "at most so many"},                                        \
        {PAWL_ASK_SORT, 0, "sort", "FIELD", fields},                                               \
    {                                                                                              \
        PAWL_ASK_DESC, 0, "desc", NULL, "with --sort: the last one first"                          \
    }

/* Begins a list: its path, and what is sorted by. `fields` are "name|status", in the protocol's own
 * words. Returns PAWL_CLI_GO_ON or a status. */
int pawl_ask_list_path(struct pawl_ask *ask, const char *path, const char *fields);
/* Asks for page after page of the path that is set, and prints them. */
int pawl_ask_list(struct pawl_ask *ask, struct pawl_ask_list *list);

#endif
