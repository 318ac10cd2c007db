/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c: what a person should be told about a policy beside what the reader finds: values that
 * contradict each other, and values outside of what runs usually need. The latter are no errors:
 * somebody may mean them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
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
    if (field->usual == 0 || value->word || value->share || value->number <= field->usual) {
        return;
    }
    char given[AMOUNT_BYTES];
    char usual[AMOUNT_BYTES];
    char path[PAWL_POLICY_PATH_BYTES];
    pawl_policy_value_path(value, path);
    struct pawl_policy_problem problem = {.warning = true, .line = value->line, .path = path};
    (void)amount(field->type, value->number, given);
    (void)amount(field->type, field->usual, usual);
    if (strcmp(given, usual) == 0) { /* two hours and a second, as people say it */
        (void)pawl_slice_copy_str(value->text, given, sizeof(given));
    }
    pawl_policy_tell(reporter, problem, "%s is more than runs usually need (up to %s)", given,
                     usual);
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

/* Names that a run would not take, and more of them than it would. */
static void check_phases(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter)
{
    static const char *const always[] = {"implementation", "verification"};
    struct pawl_slice names[PAWL_POLICY_PHASES_MAX];
    size_t count = PAWL_ARRAY_LEN(always);
    for (size_t i = 0; i < count; i++) {
        names[i] = pawl_slice_str(always[i]);
    }
    for (uint32_t i = 0; i < policy->value_count; i++) {
        const struct pawl_policy_value *value = &policy->values[i];
        size_t at = 0;
        while (at < count && !pawl_slice_equal(names[at], value->key)) {
            at++;
        }
        if (pawl_slice_empty(value->key) || at < count) {
            continue;
        }
        char path[PAWL_POLICY_PATH_BYTES];
        pawl_policy_value_path(value, path);
        struct pawl_policy_problem problem = {.line = value->line, .path = path};
        if (!pawl_policy_phase_name_ok(value->key)) {
            pawl_policy_tell(reporter, problem,
                             "a phase's name is made of up to 32 of a-z, 0-9, - and _");
        } else if (count == PAWL_POLICY_PHASES_MAX) {
            pawl_policy_tell(reporter, problem, "a run has at most %d phases",
                             PAWL_POLICY_PHASES_MAX);
        } else {
            names[count++] = value->key;
        }
    }
}

bool pawl_policy_phase_name_ok(struct pawl_slice name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char byte = name.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (!letter && ((byte != '-' && byte != '_') || i == 0)) {
            return false;
        }
    }
    return name.bytes > 0 && name.bytes <= PAWL_POLICY_PHASE_NAME_MAX &&
           !pawl_slice_equal_str(name, "auto");
}

void pawl_policy_check(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter)
{
    for (uint32_t i = 0; i < policy->value_count; i++) {
        check_usual(&policy->values[i], reporter);
    }
    check_auto(policy, reporter);
    check_attendance(policy, reporter);
    check_phases(policy, reporter);
}
