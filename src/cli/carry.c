/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry.c: see carry.h. What has a field in a policy comes with the run's own policy, in which its
 * flags stand (run/keep_policy.c); the rest is in its meta.json. A flag that only says yes takes
 * "=no" as well, or nobody could take it back.
 */
#include "cli/carry.h"

#include <string.h>

enum { VALUE_BYTES_SHOWN = 80 };

static const struct {
    const char *option;
    enum pawl_carry carry;
} decisions[] = {
    {"max-usd", PAWL_CARRY_LEFT},
    {"max-tokens", PAWL_CARRY_LEFT},
    {"max-tool-calls", PAWL_CARRY_LEFT},
    {"max-iterations", PAWL_CARRY_LEFT},
    {"max-time", PAWL_CARRY_LEFT},
    {"phase", PAWL_CARRY_ADDS},
    {"policy", PAWL_CARRY_TOLD},
    {"on-limit", PAWL_CARRY_TOLD},
    {"degrade", PAWL_CARRY_TOLD},
    {"summary-usd", PAWL_CARRY_TOLD},
    {"auto-resume", PAWL_CARRY_TOLD},
    {"escalation", PAWL_CARRY_TOLD},
    {"idle-pause", PAWL_CARRY_TOLD},
    {"approver", PAWL_CARRY_TOLD},
    {"at-window", PAWL_CARRY_TOLD},
    {"attended", PAWL_CARRY_TOLD},
    {"unattended", PAWL_CARRY_TOLD},
    {"model", PAWL_CARRY_TOLD},
    {"agent", PAWL_CARRY_TOLD},
    {"name", PAWL_CARRY_TOLD},
    {"billing", PAWL_CARRY_TOLD},
    {"prices", PAWL_CARRY_TOLD},
    {"allow-batches", PAWL_CARRY_TOLD},
    {"resume", PAWL_CARRY_THIS_RUN},
    {"add-usd", PAWL_CARRY_THIS_RUN},
    {"add-tokens", PAWL_CARRY_THIS_RUN},
    {"add-tool-calls", PAWL_CARRY_THIS_RUN},
    {"add-iterations", PAWL_CARRY_THIS_RUN},
    {"add-time", PAWL_CARRY_THIS_RUN},
    {"data-dir", PAWL_CARRY_THIS_RUN},
    {"quiet", PAWL_CARRY_THIS_RUN},
    {"no-card", PAWL_CARRY_THIS_RUN},
    {"json-card", PAWL_CARRY_THIS_RUN},
};

enum pawl_carry pawl_cli_carry_of(const char *option)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(decisions); i++) {
        if (strcmp(decisions[i].option, option) == 0) {
            return decisions[i].carry;
        }
    }
    return PAWL_CARRY_UNDECIDED;
}

size_t pawl_cli_carry_count(void)
{
    return PAWL_ARRAY_LEN(decisions);
}

static bool is_told(const struct pawl_cli_call *call, const char *option)
{
    for (size_t i = 0; i < call->given_count; i++) {
        if (strcmp(call->given[i].option->name, option) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Into the options ------------------------------------------------------------------------ */

void pawl_cli_carry(const struct pawl_cli_call *call,
                    const struct pawl_resume *resume,
                    struct pawl_run_options *run)
{
    if (!is_told(call, "policy")) {
        run->policy = resume->policy;
        run->policy_unchosen = !resume->policy_chosen;
        run->phases_before = &resume->phases;
    }
    if (!is_told(call, "model")) {
        run->model = resume->model;
        run->baseline = resume->baseline;
    }
    if (!is_told(call, "agent") && resume->agent_given) {
        run->agent_given = true;
        run->agent = resume->agent;
    }
    if (!is_told(call, "name")) {
        run->name = resume->name;
    }
    if (!is_told(call, "billing")) {
        run->billing = resume->billing;
    }
    if (!is_told(call, "prices")) {
        run->prices = resume->prices;
        run->prices_as = resume->prices_as;
    }
    if (!is_told(call, "allow-batches")) {
        run->allow_batches = resume->allow_batches;
    }
}

/* --- In words -------------------------------------------------------------------------------- */

static void put_item(struct pawl_buf *list, const char *option, const char *value)
{
    char shown[VALUE_BYTES_SHOWN];
    pawl_buf_printf(list, "%s--%s", list->bytes > 0 ? ", " : "", option);
    if (value != NULL) {
        pawl_buf_printf(list, " %s", pawl_cli_plain(pawl_slice_str(value), shown, sizeof(shown)));
    }
}

static void put_before(const struct pawl_cli_call *call,
                       const struct pawl_resume *resume,
                       struct pawl_buf *list)
{
    const struct {
        const char *option;
        const char *value; /* NULL: there is none */
    } texts[] = {
        {"policy", resume->policy != NULL && resume->policy_chosen ? resume->policy_name : NULL},
        {"model", resume->model},
        {"agent", resume->agent_given ? pawl_agent_name(resume->agent) : NULL},
        {"name", resume->name},
        {"billing", resume->billing != PAWL_BILLING_MODE_AUTO
                        ? pawl_billing_mode_name(resume->billing)
                        : NULL},
        {"prices", resume->prices_as != NULL ? resume->prices_as : resume->prices},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        if (texts[i].value != NULL && !is_told(call, texts[i].option)) {
            put_item(list, texts[i].option, texts[i].value);
        }
    }
    if (resume->prices_as != NULL && !is_told(call, "prices")) {
        pawl_buf_append_str(list, " (it is gone; as it was then)");
    }
    if (resume->allow_batches && !is_told(call, "allow-batches")) {
        put_item(list, "allow-batches", NULL);
    }
}

static void put_now(const struct pawl_cli_call *call, struct pawl_buf *list)
{
    for (size_t i = 0; i < call->given_count; i++) {
        const struct pawl_cli_given *given = &call->given[i];
        enum pawl_carry carry = pawl_cli_carry_of(given->option->name);
        if (carry == PAWL_CARRY_TOLD || carry == PAWL_CARRY_ADDS) {
            put_item(list, given->option->name, given->value);
        }
    }
}

void pawl_cli_carry_lines(const struct pawl_cli_call *call,
                          const struct pawl_resume *resume,
                          struct pawl_buf *out)
{
    struct pawl_buf list;
    pawl_buf_init(&list, out->max_bytes);
    put_before(call, resume, &list);
    if (list.bytes > 0) {
        pawl_buf_printf(out, "pawl: as it was told then: %s\n", pawl_buf_cstr(&list));
    }
    pawl_buf_reset(&list);
    put_now(call, &list);
    if (list.bytes > 0) {
        pawl_buf_printf(out, "pawl: as you say now: %s\n", pawl_buf_cstr(&list));
    }
    pawl_buf_free(&list);
}
