/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_list.h: lists that a server gives in pages, as a table, as lines of JSON, or as ids.
 */
#ifndef PAWL_CLI_ASK_LIST_H
#define PAWL_CLI_ASK_LIST_H

#include "cli/ask.h"

struct pawl_ask_list {
    enum pawl_plane plane;
    const char *path;
    const char
        *sorts; /* "name|status": what it is sorted by, in the protocol's words; NULL: nothing */
    /* Puts the filters into the query; NULL: there are none. Returns PAWL_CLI_GO_ON or a status. */
    int (*filters)(struct pawl_ask *ask, struct pawl_ask_list *list);
    const char *rows; /* "tenants": where they stand in an answer */
    const char *id;   /* "tenant_id": what --quiet prints; NULL: there is no --quiet */
    int page;         /* how many the server gives at once */
    const struct pawl_cli_column *columns;
    size_t column_count;
    const char *const *lackable;
    const char *none;      /* what is told, on stderr, where there is nothing */
    const char *none_like; /* the same where filters were given; NULL: `none` as well */
    void (*row)(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node);
    const char *tenant; /* whose rows were asked for, where a tenant's key gets its own whatever is
                           asked; NULL: nobody's in particular */
    uint64_t count;     /* how many were printed */
    bool filtered;
    char last[PAWL_ASK_CELL_BYTES]; /* what --quiet printed last: it is not said twice in a row */
};

#define PAWL_ASK_LIST_OPTIONS(fields)                                                              \
    {PAWL_ASK_LIMIT, 'n', "limit", "N", "at most so many"},                                        \
        {PAWL_ASK_SORT, 0, "sort", "FIELD", fields},                                               \
    {                                                                                              \
        PAWL_ASK_DESC, 0, "desc", NULL, "with --sort: the last one first"                          \
    }

/* The whole command: asks for page after page, and prints them. Returns its status. */
int pawl_ask_list(const struct pawl_cli_call *call, struct pawl_ask_list *list);

#endif
