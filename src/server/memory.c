/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c: what a ledger's maxima come to. Bytes of a row are its slots and its shares of the
 * indexes over it (src/core/state.h), as docs/OPERATING.md has them measured; memory is taken as
 * rows come, so this is what could be needed, not what is.
 */
#include <string.h>

#include "base/assert.h"
#include "core/command.h"
#include "server/server.h"

static void list_ledgers(const struct pawl_config *config,
                         int64_t ret_maxima[static PAWL_SERVER_MEMORY_ROWS])
{
    const int64_t maxima[PAWL_SERVER_MEMORY_ROWS] = {
        config->budgets_max,      config->scopes_max,      config->strings_max,
        config->reservations_max, config->idempotency_max, config->documents_max};
    memcpy(ret_maxima, maxima, sizeof(maxima));
}

int64_t pawl_server_memory(const struct pawl_serve_options *options,
                           const struct pawl_config *config,
                           struct pawl_server_memory_row ret_rows[static PAWL_SERVER_MEMORY_ROWS])
{
    static const struct {
        const char *table;
        enum pawl_serve_option_id option;
        int64_t row_bytes;
    } rows[PAWL_SERVER_MEMORY_ROWS] = {
        {"budgets", PAWL_SERVE_OPT_MAX_BUDGETS, 208},           /* budget, window, index */
        {"scopes", PAWL_SERVE_OPT_MAX_SCOPES, 80},              /* scope, index */
        {"names", PAWL_SERVE_OPT_MAX_NAMES, 96},                /* text in slots of 64, index */
        {"reservations", PAWL_SERVE_OPT_MAX_RESERVATIONS, 216}, /* over at most four budgets */
        {"idempotency keys", PAWL_SERVE_OPT_MAX_IDEMPOTENCY, 80},
        {"documents", PAWL_SERVE_OPT_MAX_DOCUMENTS, 768}, /* a key's; at most 17 KiB */
    };
    int64_t ledgers[PAWL_SERVER_MEMORY_ROWS];
    int64_t sum = 0;
    if (config != NULL) {
        list_ledgers(config, ledgers); /* in the order of the rows */
    }
    for (size_t i = 0; i < PAWL_SERVER_MEMORY_ROWS; i++) {
        ret_rows[i] = (struct pawl_server_memory_row){
            .table = rows[i].table,
            .rows_max = config != NULL ? ledgers[i] : pawl_serve_number(options, rows[i].option),
            .row_bytes = rows[i].row_bytes};
        PAWL_ASSERT(ret_rows[i].rows_max > 0);
        sum += ret_rows[i].rows_max * ret_rows[i].row_bytes;
    }
    return sum;
}
