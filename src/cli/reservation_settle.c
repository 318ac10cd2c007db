/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reservation_settle.c: `pawl reservation commit`, `release` and `extend`. Each carries an
 * idempotency key: whoever says it again with the same one gets the same answer.
 */
#include "base/clock.h"
#include "cli/ask_read.h"
#include "cli/commands.h"
#include "cli/reservations.h"
#include "cli/spends.h"

enum { OPTION_REASON = 1, OPTION_BY };

/* "/v1/reservations/rsv_…/commit", with the key in the body. */
static void begin(struct pawl_ask *ask, const char *what)
{
    pawl_ask_path(ask, PAWL_RESERVATIONS_PATH);
    pawl_ask_segment(ask, ask->call->operands[0]);
    pawl_ask_segment(ask, what);
    pawl_ask_put_key(ask);
}

/* Sends; what is printed for people is said by the caller. true: it went well, and is for them. */
static bool send(struct pawl_ask *ask, enum pawl_plane plane, int *status)
{
    *status = pawl_ask_send(ask, plane, "POST");
    if (*status != PAWL_EXIT_OK) {
        return false;
    }
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
        return false;
    }
    return true;
}

/* --- commit ---------------------------------------------------------------------------------- */

static int run_commit(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    struct pawl_amount amount = {.unit = PAWL_UNIT_NONE};
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_take_amount(call, &amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        begin(&ask, "commit");
        pawl_ask_put_amount(&ask, "actual", amount);
        status = pawl_spend_put_metrics(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_put_pairs(&ask, "metadata", PAWL_ASK_METADATA);
    }
    if (status == PAWL_CLI_GO_ON && send(&ask, PAWL_PLANE_TENANT, &status)) {
        char charged[PAWL_REMOTE_WORDS_BYTES];
        char released[PAWL_REMOTE_WORDS_BYTES];
        (void)pawl_ask_amount(&ask, 0, "released", released);
        printf("%s is charged%s%s%s\n", pawl_ask_amount(&ask, 0, "charged", charged),
               released[0] != '\0' ? ", " : "", released,
               released[0] != '\0' ? " of the hold goes back" : "");
        if (pawl_ask_count(&ask, 0, "charged", amount.value) < amount.value) {
            printf("  that is all that was left: it cost more, and its budgets are over their "
                   "limit\n");
        }
        pawl_spend_print_balances(&ask);
    }
    pawl_ask_close(&ask);
    return status;
}

static const struct pawl_cli_option commit_options[] = {
    PAWL_ASK_AMOUNT_OPTIONS,     PAWL_SPEND_METRIC_OPTIONS, PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_IDEMPOTENCY_OPTION, PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_reservation_commit_command = {
    .name = "reservation commit",
    .operands = "RESERVATION",
    .summary = "say what it cost: that is charged, the rest goes back",
    .text =
        "Once committed, a hold is over. What it cost above the hold is charged as its overage\n"
        "says: not at all, as far as there is something, or as debt.",
    .examples =
        "  pawl reservation commit rsv_0001 --usd 0.42\n"
        "  pawl reservation commit rsv_0001 --tokens 12345 --tokens-in 12K --tokens-out 345",
    .options = commit_options,
    .option_count = PAWL_ARRAY_LEN(commit_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_commit,
};

/* --- release --------------------------------------------------------------------------------- */

static int run_release(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        begin(&ask, "release");
        pawl_ask_put_text(&ask, "reason", pawl_cli_value(call, OPTION_REASON));
        if (send(&ask, PAWL_PLANE_TENANT_OR_ADMIN, &status)) {
            char released[PAWL_REMOTE_WORDS_BYTES];
            printf("%s goes back\n", pawl_ask_amount(&ask, 0, "released", released));
            pawl_spend_print_balances(&ask);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static const struct pawl_cli_option release_options[] = {
    {OPTION_REASON, 0, "reason", "TEXT", "kept beside it"},
    PAWL_ASK_IDEMPOTENCY_OPTION,
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_reservation_release_command = {
    .name = "reservation release",
    .operands = "RESERVATION",
    .summary = "nothing was spent: all of it goes back",
    .text = "The administrator may release any tenant's hold, which is noted.",
    .examples = "  pawl reservation release rsv_0001 --reason \"gave up\"",
    .options = release_options,
    .option_count = PAWL_ARRAY_LEN(release_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_release,
};

/* --- extend ---------------------------------------------------------------------------------- */

static int run_extend(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int64_t by_ms = -1;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_take_ms(call, OPTION_BY, &by_ms);
    }
    if (status == PAWL_CLI_GO_ON && by_ms < 0) {
        status = pawl_cli_usage_error(call, "say how much longer: --by 5m");
    }
    if (status == PAWL_CLI_GO_ON) {
        begin(&ask, "extend");
        pawl_ask_put_number(&ask, "extend_by_ms", OPTION_BY, by_ms);
        if (send(&ask, PAWL_PLANE_TENANT, &status)) {
            char until[PAWL_ASK_CELL_BYTES];
            char span[PAWL_CLOCK_TEXT_BYTES];
            int64_t left_ms = pawl_ask_count(&ask, 0, "remaining_ttl_ms", 0);
            printf("held until %s%s%s%s\n", pawl_ask_time(&ask, 0, "expires_at_ms", until),
                   left_ms > 0 ? " (" : "",
                   left_ms > 0 ? pawl_duration_format_ms(left_ms, span) : "",
                   left_ms > 0 ? ")" : "");
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static const struct pawl_cli_option extend_options[] = {
    {OPTION_BY, 0, "by", "TIME", "how much longer than until now"},
    PAWL_ASK_IDEMPOTENCY_OPTION,
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_reservation_extend_command = {
    .name = "reservation extend",
    .operands = "RESERVATION",
    .summary = "hold it for longer",
    .text = "Before it has expired, and as often as the tenant may. The server may grant less.",
    .examples = "  pawl reservation extend rsv_0001 --by 5m",
    .options = extend_options,
    .option_count = PAWL_ARRAY_LEN(extend_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_extend,
};
