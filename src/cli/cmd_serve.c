/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_serve.c: `pawl serve`: from flags, variables and a file to a server. Its options are rows of
 * src/server/options.def, so that help, completions, the file and the page cannot tell different
 * stories.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/server_dir.h"
#include "server/server.h"

/* An option's id is its place in the table, from 1 on. */
static const struct pawl_cli_option options[] = {
#define PAWL_SERVE_OPTION(id, flag, argument, type, least, most, by_default, choices, places,      \
                          help)                                                                    \
    {PAWL_SERVE_OPT_##id + 1, 0, flag, argument, help},
#include "server/options.def"
#undef PAWL_SERVE_OPTION
};

/* --- Reading what was said ------------------------------------------------------------------- */

static int take_flags(const struct pawl_cli_call *call, struct pawl_serve_options *said)
{
    struct pawl_errmsg msg;
    for (size_t i = 0; i < call->given_count; i++) {
        const struct pawl_cli_given *given = &call->given[i];
        enum pawl_serve_option_id id = (enum pawl_serve_option_id)(given->option->id - 1);
        const char *text = given->value != NULL ? given->value : "yes";
        if (pawl_failed(pawl_serve_options_set(said, id, text, PAWL_SERVE_FROM_FLAG, &msg))) {
            bool named = pawl_serve_option_table[id].type == PAWL_SERVE_LIST;
            return named ? pawl_cli_usage_error(call, "--%s %s", given->option->name, msg.text)
                         : pawl_cli_usage_error(call, "--%s %s, not '%s'", given->option->name,
                                                msg.text, text);
        }
    }
    return PAWL_CLI_GO_ON;
}

static int read_all(const struct pawl_cli_call *call, struct pawl_serve_options *said)
{
    struct pawl_errmsg msg = {""};
    int status = take_flags(call, said);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_err err = pawl_serve_options_read_variables(said, environ, &msg);
    const char *file = pawl_serve_text(said, PAWL_SERVE_OPT_CONFIG);
    if (pawl_ok(err) && file != NULL) {
        err = pawl_serve_options_read_file(said, file, &msg);
    }
    return pawl_ok(err) ? PAWL_CLI_GO_ON : pawl_cli_usage_error(call, "%s", msg.text);
}

/* --- --check --------------------------------------------------------------------------------- */

/* Whether a ledger that is there keeps its own where nothing is said. */
static bool is_ledgers(enum pawl_serve_option_id id)
{
    static const enum pawl_serve_option_id ids[] = {
#define PAWL_MAXIMUM(id, name, words, most, used, row_bytes, at_once, comes_back, note)            \
    PAWL_SERVE_OPT_MAX_##id,
#include "core/maxima.def"
#undef PAWL_MAXIMUM
        PAWL_SERVE_OPT_KEEP_KEYS, PAWL_SERVE_OPT_KEEP_SETTLED};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(ids); i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void
print_options(const struct pawl_serve_options *said, const char *data_dir, bool has_ledger)
{
    static const struct pawl_cli_column columns[] = {
        {"OPTION", false, 0}, {"VALUE", false, 0}, {"FROM", false, 0}};
    struct pawl_cli_table *table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    for (int i = 0; i < PAWL_SERVE_OPTION_COUNT; i++) {
        enum pawl_serve_option_id id = (enum pawl_serve_option_id)i;
        const struct pawl_serve_value *value = &said->values[i];
        char from[80];
        if (id == PAWL_SERVE_OPT_CHECK || (value->count == 0 && id != PAWL_SERVE_OPT_DATA_DIR)) {
            continue;
        }
        if (has_ledger && is_ledgers(id) && value->origin == PAWL_SERVE_FROM_DEFAULT) {
            pawl_cli_table_cell(table, pawl_serve_option_table[i].flag);
            pawl_cli_table_cell(table, "-");
            pawl_cli_table_cell(table, "as the ledger has it");
            continue;
        }
        for (uint32_t k = 0; k < value->count || k == 0; k++) {
            pawl_cli_table_cell(table, k == 0 ? pawl_serve_option_table[i].flag : "");
            pawl_cli_table_cell(table, id == PAWL_SERVE_OPT_DATA_DIR ? data_dir : value->texts[k]);
            pawl_cli_table_cell(table, pawl_serve_origin_text(said, id, from, sizeof(from)));
        }
    }
    pawl_cli_table_print(table, stdout);
}

static bool says_every_maximum(const struct pawl_serve_options *said)
{
    bool all = true;
    for (int i = 0; i < PAWL_SERVE_OPTION_COUNT; i++) {
        enum pawl_serve_option_id id = (enum pawl_serve_option_id)i;
        all = all && (!is_ledgers(id) || said->values[i].origin != PAWL_SERVE_FROM_DEFAULT);
    }
    return all;
}

/* To read the ledger's own maxima it would have to be replayed, which a start does. */
static void print_memory(const struct pawl_serve_options *said, bool has_ledger)
{
    if (has_ledger && !says_every_maximum(said)) {
        puts("\nWhat is not said stays as the ledger in the data directory has it, and a start "
             "compares\nwhat is said with that; its log and pawl_ledger_rows_max of /metrics tell "
             "the maxima.");
        return;
    }
    struct pawl_server_memory_row rows[PAWL_SERVER_MEMORY_ROWS];
    int64_t sum = pawl_server_memory(said, NULL, rows);
    puts("\nMemory if every maximum were reached; it is taken as the ledger fills, and lower ones "
         "take less:");
    for (size_t i = 0; i < PAWL_SERVER_MEMORY_ROWS; i++) {
        printf("  %-18s%10" PRId64 " x %4" PRId64 " bytes  %6" PRId64 " MiB\n", rows[i].option,
               rows[i].rows_max, rows[i].row_bytes, rows[i].rows_max * rows[i].row_bytes >> 20);
    }
    printf("  %-41s%6" PRId64 " MiB\n", "together", sum >> 20);
}

static int check(const struct pawl_cli_call *call, const struct pawl_server_options *server)
{
    struct pawl_errmsg msg = {""};
    bool has_ledger = pawl_server_has_ledger(server);
    print_options(server->said, server->data_dir, has_ledger);
    print_memory(server->said, has_ledger);
    pawl_err err = pawl_server_check(server, &msg);
    if (pawl_failed(err)) {
        (void)fflush(stdout);
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    puts("\nthe configuration is good");
    return PAWL_EXIT_OK;
}

/* --- The command ----------------------------------------------------------------------------- */

static int exit_status(pawl_err err)
{
    return err.code == PAWL_ERR_CORRUPT ? PAWL_EXIT_CORRUPT : PAWL_EXIT_REFUSED;
}

static int serve(const struct pawl_cli_call *call, const struct pawl_serve_options *said)
{
    char dir[PAWL_PATH_BYTES];
    struct pawl_errmsg msg = {""};
    const char *key = getenv("PAWL_ADMIN_KEY");
    struct pawl_server_options server = {.said = said,
                                         .data_dir = dir,
                                         .admin_key = key != NULL && key[0] != '\0' ? key : NULL,
                                         .version = PAWL_VERSION,
                                         .allow_any_filesystem =
                                             pawl_datadir_allows_any_filesystem()};
    pawl_err err = pawl_cli_server_dir(pawl_serve_text(said, PAWL_SERVE_OPT_DATA_DIR), dir, &msg);
    if (pawl_ok(err)) {
        static const struct pawl_serve_kept unknown = {.keys_ms = 0};
        bool has_ledger = pawl_server_has_ledger(&server);
        if (pawl_failed(pawl_serve_options_check(said, has_ledger ? &unknown : NULL, &msg))) {
            return pawl_cli_usage_error(call, "%s", msg.text);
        }
    }
    if (pawl_ok(err) && pawl_serve_number(said, PAWL_SERVE_OPT_CHECK) == 1) {
        return check(call, &server);
    }
    if (pawl_ok(err)) {
        err = pawl_server_main(&server, &msg);
    }
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, exit_status(err), "%s", msg.text);
}

static int run_serve(const struct pawl_cli_call *call)
{
    struct pawl_serve_options said;
    pawl_serve_options_init(&said);
    int status = read_all(call, &said);
    if (status == PAWL_CLI_GO_ON) {
        status = serve(call, &said);
    }
    pawl_serve_options_free(&said);
    return status;
}

const struct pawl_cli_command pawl_cli_command_serve = {
    .name = "serve",
    .operands = "",
    .summary = "serve budgets to others: the Cycles protocol on one port",
    .text =
        "Serves the Cycles protocol over a ledger of its own, to any client of it. Each option\n"
        "can also be a variable (PAWL_SERVE_TLS_CERT) or stand in the file of --config\n"
        "(tls-cert: PATH); a flag is stronger than a variable, a variable than the file.\n\n"
        "The administrator's key is taken from $PAWL_ADMIN_KEY or --admin-key-file, or made\n"
        "at the first start and shown once. SIGTERM ends it when what is open is answered,\n"
        "SIGHUP reads the certificate and opens the log anew.",
    .examples = "  pawl serve --quickstart\n"
                "  pawl serve --data-dir /var/lib/pawl --listen 0.0.0.0:7878 \\\n"
                "      --tls-cert /etc/pawl/cert.pem --tls-key /etc/pawl/key.pem\n"
                "  pawl serve --config /etc/pawl/serve.yaml --check",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_serve,
};
