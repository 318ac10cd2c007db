/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_flags.c: each flag as a field of the policy, with the flag as where it comes from. Some
 * are more than one field (--phase), or one of several times (--degrade).
 */
#include "cli/policy_flags.h"

#include <string.h>

#include "base/buf.h"
#include "run/limit_options.h"
#include "run/phases.h"
#include "run/policy.h"

enum { LADDER_BYTES_MAX = 1024 };

/* The field that a flag stands above, and its text where the flag has none. FIELD_COUNT: none. */
static enum pawl_policy_field_id field_of(int id, const char **ret_text)
{
    if (id >= PAWL_CLI_FLAG_MAX_USD && id <= PAWL_CLI_FLAG_MAX_TIME) {
        return pawl_run_policy_cap_field((enum pawl_run_cap_index)(id - PAWL_CLI_FLAG_MAX_USD));
    }
    switch (id) {
    case PAWL_CLI_FLAG_ON_LIMIT:
        return PAWL_POLICY_ON_LIMIT_ACTION;
    case PAWL_CLI_FLAG_SUMMARY_USD:
        return PAWL_POLICY_ON_LIMIT_SUMMARY;
    case PAWL_CLI_FLAG_AUTO_RESUME:
        *ret_text = *ret_text != NULL ? *ret_text : "yes";
        return PAWL_POLICY_ON_LIMIT_AUTO_RESUME;
    case PAWL_CLI_FLAG_ESCALATION:
        return PAWL_POLICY_ESCALATION;
    case PAWL_CLI_FLAG_IDLE_PAUSE:
        return PAWL_POLICY_IDLE_PAUSE_AFTER;
    case PAWL_CLI_FLAG_APPROVER:
        return PAWL_POLICY_APPROVER;
    case PAWL_CLI_FLAG_AT_WINDOW:
        return PAWL_POLICY_WINDOWS_AT_LIMIT;
    case PAWL_CLI_FLAG_ATTENDED:
        *ret_text = "attended";
        return PAWL_POLICY_ATTENDANCE;
    case PAWL_CLI_FLAG_UNATTENDED:
        *ret_text = "unattended";
        return PAWL_POLICY_ATTENDANCE;
    default:
        return PAWL_POLICY_FIELD_COUNT;
    }
}

static int set(const struct pawl_cli_call *call,
               const struct pawl_cli_option *option,
               struct pawl_policy_setting setting,
               struct pawl_policy *policy)
{
    struct pawl_errmsg msg = {""};
    setting.origin = PAWL_POLICY_FROM_FLAG;
    setting.source = option->name;
    if (pawl_failed(pawl_policy_set(policy, &setting, &msg))) {
        return pawl_cli_usage_error(call, "--%s %s", option->name, msg.text);
    }
    return PAWL_CLI_GO_ON;
}

/* "verification=$0.40,10m": a field for each of its items. */
static int take_phase(const struct pawl_cli_call *call,
                      const struct pawl_cli_given *given,
                      struct pawl_policy *policy)
{
    struct pawl_run_phases scratch;
    struct pawl_errmsg msg = {""};
    pawl_phases_init(&scratch);
    if (pawl_failed(pawl_phases_parse(&scratch, given->value, &msg))) {
        return pawl_cli_usage_error(call, "--phase: %s", msg.text);
    }
    struct pawl_slice rest = pawl_slice_str(given->value);
    struct pawl_slice name = pawl_slice_cut(&rest, '=');
    int status = PAWL_CLI_GO_ON;
    while (status == PAWL_CLI_GO_ON && !pawl_slice_empty(rest)) {
        struct pawl_policy_setting setting = {.key = name};
        struct pawl_slice item = pawl_slice_trim(pawl_slice_cut(&rest, ','));
        if (pawl_phases_item(item, &setting.field, &setting.text)) {
            status = set(call, given->option, setting, policy);
        }
    }
    return status;
}

/* All the steps that are given are one ladder, in place of the policy's. */
static int take_ladder(const struct pawl_cli_call *call, struct pawl_policy *policy)
{
    const struct pawl_cli_option *option = NULL;
    struct pawl_buf ladder;
    pawl_buf_init(&ladder, LADDER_BYTES_MAX);
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id == PAWL_CLI_FLAG_DEGRADE) {
            option = call->given[i].option;
            pawl_buf_printf(&ladder, "%s%s", ladder.bytes > 0 ? ", " : "", call->given[i].value);
        }
    }
    int status = PAWL_CLI_GO_ON;
    if (option != NULL) {
        struct pawl_policy_setting setting = {.field = PAWL_POLICY_ON_LIMIT_DEGRADE,
                                              .text = pawl_buf_slice(&ladder)};
        status = set(call, option, setting, policy);
    }
    pawl_buf_free(&ladder);
    return status;
}

int pawl_cli_take_policy_flags(const struct pawl_cli_call *call, struct pawl_policy *policy)
{
    int status = PAWL_CLI_GO_ON;
    if (pawl_cli_has(call, PAWL_CLI_FLAG_ATTENDED) &&
        pawl_cli_has(call, PAWL_CLI_FLAG_UNATTENDED)) {
        return pawl_cli_usage_error(call, "--attended and --unattended exclude each other");
    }
    for (size_t i = 0; status == PAWL_CLI_GO_ON && i < call->given_count; i++) {
        const struct pawl_cli_given *given = &call->given[i];
        const char *text = given->value;
        enum pawl_policy_field_id field = field_of(given->option->id, &text);
        if (field != PAWL_POLICY_FIELD_COUNT) {
            struct pawl_policy_setting setting = {.field = field, .text = pawl_slice_str(text)};
            status = set(call, given->option, setting, policy);
        } else if (given->option->id == PAWL_CLI_FLAG_PHASE) {
            status = take_phase(call, given, policy);
        }
    }
    return status == PAWL_CLI_GO_ON ? take_ladder(call, policy) : status;
}
