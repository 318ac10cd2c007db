/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c: what a ledger's maxima come to, as core/maxima.def has the bytes of a row. Memory is
 * taken as rows come, so this is what could be needed, not what is.
 */
#include "base/assert.h"
#include "core/command.h"
#include "server/server.h"

int64_t pawl_server_memory(const struct pawl_serve_options *options,
                           const struct pawl_config *config,
                           struct pawl_server_memory_row ret_rows[static PAWL_SERVER_MEMORY_ROWS])
{
    const struct pawl_server_memory_row rows[PAWL_SERVER_MEMORY_ROWS] = {
#define PAWL_MAXIMUM(id, name, words, most, used, row_bytes, at_once, comes_back, note)            \
    {"max-" name,                                                                                  \
     config != NULL ? config->most : pawl_serve_number(options, PAWL_SERVE_OPT_MAX_##id),          \
     row_bytes},
#include "core/maxima.def"
#undef PAWL_MAXIMUM
    };
    int64_t sum = 0;
    for (size_t i = 0; i < PAWL_SERVER_MEMORY_ROWS; i++) {
        ret_rows[i] = rows[i];
        PAWL_ASSERT(rows[i].rows_max > 0);
        sum += rows[i].rows_max * rows[i].row_bytes;
    }
    return sum;
}
