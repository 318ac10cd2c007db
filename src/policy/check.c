/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c: what a person should be told about a policy beside what the reader finds: values that
 * contradict each other, and values outside of what runs usually need. The latter are no errors:
 * somebody may mean them.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "policy/policy_priv.h"

enum { MESSAGE_BYTES = 512, AMOUNT_BYTES = 64, PATH_BYTES = 128 };

void pawl_policy_tell(struct pawl_policy_reporter *reporter,
                      struct pawl_policy_problem problem,
                      const char *format,
                      ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    problem.message = message;
    if (problem.warning) {
        reporter->warnings++;
    } else {
        reporter->errors++;
    }
    if (reporter->report != NULL) {
        reporter->report(reporter->arg, &problem);
    }
}

static const char *amount(enum pawl_policy_type type, int64_t number, char out[static AMOUNT_BYTES])
{
    switch (type) {
    case PAWL_POLICY_MONEY:
        return pawl_money_format_usd_short(number, out);
    case PAWL_POLICY_DURATION:
        return pawl_duration_format_ms(number, out);
    case PAWL_POLICY_TEXT:
    case PAWL_POLICY_COUNT:
    case PAWL_POLICY_CHOICE:
        break;
    }
    return pawl_money_format_count(number, out);
}

static void check_usual(const struct pawl_policy_value *value,
                        struct pawl_policy_reporter *reporter)
{
    const struct pawl_policy_field *field = &pawl_policy_fields[value->field];
    if (field->usual == 0 || value->word || value->number <= field->usual) {
        return;
    }
    char given[AMOUNT_BYTES];
    char usual[AMOUNT_BYTES];
    struct pawl_policy_problem problem = {
        .warning = true, .line = value->line, .path = field->path};
    pawl_policy_tell(reporter, problem, "%s is more than runs usually need (up to %s)",
                     amount(field->type, value->number, given),
                     amount(field->type, field->usual, usual));
}

/* The bounds of a computed cap, and that there are some. */
static void check_auto(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter)
{
    const struct pawl_policy_value *usd = pawl_policy_get(policy, PAWL_POLICY_CAPS_USD, "");
    const struct pawl_policy_value *low = pawl_policy_get(policy, PAWL_POLICY_CAPS_USD_MIN, "");
    const struct pawl_policy_value *high = pawl_policy_get(policy, PAWL_POLICY_CAPS_USD_MAX, "");
    bool computed = usd != NULL && usd->word;
    if (computed && (low == NULL || high == NULL)) {
        struct pawl_policy_problem problem = {.line = usd->line, .path = "caps.usd"};
        pawl_policy_tell(reporter, problem, "auto needs caps.usd_min and caps.usd_max");
    } else if (computed && low->number > high->number) {
        struct pawl_policy_problem problem = {
            .line = low->line > high->line ? low->line : high->line,
            .path = low->line > high->line ? "caps.usd_min" : "caps.usd_max",
        };
        pawl_policy_tell(reporter, problem, "caps.usd_min is above caps.usd_max");
    } else if (!computed && (low != NULL || high != NULL)) {
        const struct pawl_policy_value *one = low != NULL ? low : high;
        struct pawl_policy_problem problem = {
            .warning = true, .line = one->line, .path = pawl_policy_fields[one->field].path};
        if (one->origin != PAWL_POLICY_FROM_BUILTIN) {
            pawl_policy_tell(reporter, problem, "has no effect, since caps.usd is not auto");
        }
    }
}

static void check_attendance(const struct pawl_policy *policy,
                             struct pawl_policy_reporter *reporter)
{
    if (pawl_policy_is(policy, PAWL_POLICY_ATTENDANCE, "unattended") &&
        pawl_policy_is(policy, PAWL_POLICY_UNATTENDED, "forbid")) {
        const struct pawl_policy_value *value = pawl_policy_get(policy, PAWL_POLICY_ATTENDANCE, "");
        struct pawl_policy_problem problem = {.line = value->line, .path = "attendance"};
        pawl_policy_tell(reporter, problem,
                         "no run could ever begin: unattended runs are forbidden (unattended: "
                         "forbid)");
    }
}

void pawl_policy_check(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        check_usual(&policy->values[i], reporter);
    }
    check_auto(policy, reporter);
    check_attendance(policy, reporter);
}
