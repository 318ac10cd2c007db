/* SPDX-License-Identifier: Apache-2.0 */
/* amounts.c: see amounts.h. */
#define _GNU_SOURCE
#include "cli/amounts.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "run/caps.h"

/* No run lasts longer; it keeps every deadline within what the ledger can tell. */
#define TIME_MS_MAX (INT64_C(365) * 24 * 60 * 60 * 1000)

static const char *const forms[PAWL_CAP_COUNT] = {
    [PAWL_CAP_USD] = "dollars above 0, such as 1.50 or $0.75",
    [PAWL_CAP_TOKENS] = "a whole number above 0, such as 60K or 10M",
    [PAWL_CAP_TOOL_CALLS] = "a whole number above 0",
    [PAWL_CAP_ITERATIONS] = "a whole number above 0",
    [PAWL_CAP_TIME] = "a time such as 90s, 30m or 2h, a year at most",
};

static bool parse(enum pawl_run_cap_index index, const char *text, int64_t *ret_amount)
{
    PAWL_ASSERT(index < PAWL_CAP_COUNT);
    struct pawl_slice slice = pawl_slice_str(text);
    bool parsed = false;
    if (index == PAWL_CAP_USD) {
        parsed = pawl_money_parse_usd(slice, ret_amount);
    } else if (index == PAWL_CAP_TIME) {
        parsed = pawl_duration_parse_ms(text, ret_amount) && *ret_amount <= TIME_MS_MAX;
    } else {
        parsed = pawl_money_parse_count(slice, ret_amount);
    }
    return parsed && *ret_amount > 0 && *ret_amount <= PAWL_AMOUNT_MAX;
}

int pawl_cli_take_amount(const struct pawl_cli_call *call,
                         const struct pawl_cli_given *given,
                         enum pawl_run_cap_index index,
                         int64_t *ret_amount)
{
    PAWL_ASSERT(index < PAWL_CAP_COUNT);
    if (!parse(index, given->value, ret_amount)) {
        return pawl_cli_usage_error(call, "--%s takes %s, not '%s'", given->option->name,
                                    forms[index], given->value);
    }
    return PAWL_CLI_GO_ON;
}

int pawl_cli_take_added(const struct pawl_cli_call *call,
                        int first,
                        int64_t ret_added[PAWL_CAP_COUNT])
{
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        ret_added[i] = 0;
    }
    for (size_t i = 0; i < call->given_count; i++) {
        int index = call->given[i].option->id - first;
        if (index < 0 || index >= PAWL_CAP_COUNT) {
            continue;
        }
        int status = pawl_cli_take_amount(call, &call->given[i], (enum pawl_run_cap_index)index,
                                          &ret_added[index]);
        if (status != PAWL_CLI_GO_ON) {
            return status;
        }
    }
    return PAWL_CLI_GO_ON;
}

void pawl_cli_write_by(struct pawl_json_writer *writer)
{
    const struct passwd *user = getpwuid(getuid());
    const char *name = user != NULL ? user->pw_name : getenv("USER");
    if (name != NULL && name[0] != '\0') {
        pawl_json_member_str(writer, "by", name);
    }
}

void pawl_cli_write_added(struct pawl_json_writer *writer, const int64_t added[PAWL_CAP_COUNT])
{
    pawl_json_key(writer, "add");
    pawl_json_array_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (added[i] > 0) {
            pawl_json_object_begin(writer);
            pawl_json_member_str(writer, "unit",
                                 pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)));
            pawl_json_member_i64(writer, "amount", added[i]);
            pawl_json_object_end(writer);
        }
    }
    pawl_json_array_end(writer);
}
