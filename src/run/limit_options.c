/* SPDX-License-Identifier: Apache-2.0 */
/* limit_options.c: see limit_options.h. */
#include "run/limit_options.h"

#include "base/money.h"

enum { SUMMARY_PERCENT_MAX = 50, STEP_PERCENT_MAX = 99 };

bool pawl_limit_take_mode(struct pawl_limit_options *limit, struct pawl_slice word)
{
    static const struct {
        const char *name;
        enum pawl_on_limit mode;
    } modes[] = {{"halt", PAWL_ON_LIMIT_HALT},
                 {"summary", PAWL_ON_LIMIT_SUMMARY},
                 {"ask", PAWL_ON_LIMIT_ASK},
                 {"pause", PAWL_ON_LIMIT_PAUSE},
                 {"degrade", PAWL_ON_LIMIT_HALT}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(modes); i++) {
        if (pawl_slice_equal_str(word, modes[i].name)) {
            limit->on_limit = modes[i].mode;
            return true;
        }
    }
    return false;
}

/* "75%" */
static bool parse_percent(struct pawl_slice text, uint64_t max, uint64_t *ret_percent)
{
    return text.bytes > 1 && text.data[text.bytes - 1] == '%' &&
           pawl_slice_to_u64(pawl_slice_sub(text, 0, text.bytes - 1), ret_percent) &&
           *ret_percent >= 1 && *ret_percent <= max;
}

bool pawl_limit_take_step(struct pawl_limit_options *limit, struct pawl_slice text)
{
    struct pawl_degrade_step step = {.percent = 0};
    uint64_t percent = 0;
    size_t at = text.bytes;
    while (at > 0 && text.data[at - 1] != '@') {
        at--;
    }
    if (at <= 1 ||
        !parse_percent(pawl_slice_sub(text, at, text.bytes), STEP_PERCENT_MAX, &percent) ||
        !pawl_slice_copy_str(pawl_slice_sub(text, 0, at - 1), step.model, sizeof(step.model))) {
        return false;
    }
    step.percent = (uint32_t)percent;
    uint32_t place = limit->step_count++;
    while (place > 0 && limit->steps[place - 1].percent > percent) {
        limit->steps[place] = limit->steps[place - 1];
        place--;
    }
    limit->steps[place] = step;
    return true;
}

bool pawl_limit_take_summary(struct pawl_limit_options *limit, struct pawl_slice text)
{
    uint64_t percent = 0;
    int64_t microcents = 0;
    if (parse_percent(text, SUMMARY_PERCENT_MAX, &percent)) {
        limit->summary_permille = (uint32_t)percent * 10;
        limit->summary_microcents = 0;
        return true;
    }
    if (!pawl_money_parse_usd(text, &microcents) || microcents <= 0) {
        return false;
    }
    limit->summary_microcents = microcents;
    return true;
}

/* --- Policies -------------------------------------------------------------------------------- */

static pawl_err
wrong(enum pawl_policy_field_id field, struct pawl_slice text, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "%s: takes %s, not '%.*s'", pawl_policy_fields[field].path,
                    field == PAWL_POLICY_ON_LIMIT_SUMMARY
                        ? "dollars above 0, or a share of 1% to 50%"
                        : "a model and a share of the budget, such as claude-haiku-4-5@75%; "
                          "several with commas between",
                    (int)text.bytes, text.data);
    return PAWL_ERR(INVALID);
}

static pawl_err take_steps(struct pawl_limit_options *limit,
                           const struct pawl_policy_value *ladder,
                           struct pawl_errmsg *msg)
{
    struct pawl_slice rest = ladder->text;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice step = pawl_slice_trim(pawl_slice_cut(&rest, ','));
        if (limit->step_count == PAWL_DEGRADE_STEPS_MAX || !pawl_limit_take_step(limit, step)) {
            return wrong(PAWL_POLICY_ON_LIMIT_DEGRADE, step, msg);
        }
    }
    return PAWL_OK;
}

pawl_err pawl_limit_take_policy(struct pawl_limit_options *limit,
                                bool summary_given,
                                const struct pawl_policy *policy,
                                struct pawl_errmsg *msg)
{
    const struct pawl_policy_value *mode = pawl_policy_get(policy, PAWL_POLICY_ON_LIMIT_ACTION, "");
    const struct pawl_policy_value *summary =
        pawl_policy_get(policy, PAWL_POLICY_ON_LIMIT_SUMMARY, "");
    const struct pawl_policy_value *ladder =
        pawl_policy_get(policy, PAWL_POLICY_ON_LIMIT_DEGRADE, "");
    if (!pawl_limit_take_mode(limit, mode->text)) {
        return wrong(PAWL_POLICY_ON_LIMIT_ACTION, mode->text, msg);
    }
    if (!summary_given && !pawl_limit_take_summary(limit, summary->text)) {
        return wrong(PAWL_POLICY_ON_LIMIT_SUMMARY, summary->text, msg);
    }
    if (limit->step_count == 0 && ladder == NULL && pawl_slice_equal_str(mode->text, "degrade")) {
        pawl_errmsg_set(msg,
                        "%s: degrade needs models to go to, in on_limit.degrade or by --degrade "
                        "MODEL@75%%",
                        pawl_policy_fields[PAWL_POLICY_ON_LIMIT_ACTION].path);
        return PAWL_ERR(INVALID);
    }
    limit->auto_resume = pawl_policy_is(policy, PAWL_POLICY_ON_LIMIT_AUTO_RESUME, "yes");
    return limit->step_count == 0 && ladder != NULL ? take_steps(limit, ladder, msg) : PAWL_OK;
}
