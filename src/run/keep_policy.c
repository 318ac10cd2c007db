/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep_policy.c: what a run is under, kept in its directory. Its policy is written written into its
 * directory as the file that would say it: the values of the policy that was chosen with those of
 * the flags in their place, but for the caps, which stand in meta.json. So it can be looked up
 * later whatever became of the policy's own file, and a run that goes on with this one is under the
 * same (resume.c). A price file that was named is copied for the same reason.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "run/run_priv.h"

enum { TEXT_BYTES = 64, MS_PER_S = 1000, PERMILLE_PER_PERCENT = 10 };

struct setting {
    struct pawl_run *run;
    struct pawl_errmsg *msg;
    pawl_err err;
};

static void
set(struct setting *setting, enum pawl_policy_field_id field, const char *key, const char *text)
{
    struct pawl_policy_setting value = {
        .field = field,
        .key = pawl_slice_str(key),
        .text = pawl_slice_str(text),
        .origin = PAWL_POLICY_FROM_FLAG,
        .source = "run",
    };
    if (pawl_ok(setting->err)) {
        setting->err = pawl_policy_set(&setting->run->policy.policy, &value, setting->msg);
    }
}

static void set_amount(struct setting *setting,
                       enum pawl_policy_field_id field,
                       const char *key,
                       enum pawl_run_cap_index index,
                       int64_t amount)
{
    char text[TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    if (index == PAWL_CAP_USD) {
        (void)snprintf(text, sizeof(text), "%s", pawl_money_format_usd(amount, money));
    } else if (index == PAWL_CAP_TIME) {
        (void)snprintf(text, sizeof(text), "%llds",
                       (long long)((amount + MS_PER_S - 1) / MS_PER_S));
    } else {
        (void)snprintf(text, sizeof(text), "%lld", (long long)amount);
    }
    set(setting, field, key, text);
}

/* --- What happens at the limit --------------------------------------------------------------- */

static void set_ladder(struct setting *setting, const struct pawl_limit_options *limit)
{
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_POLICY_BYTES_MAX);
    for (uint32_t i = 0; i < limit->step_count; i++) {
        pawl_buf_printf(&text, "%s%s@%u%%", i > 0 ? ", " : "", limit->steps[i].model,
                        (unsigned)limit->steps[i].percent);
    }
    if (limit->step_count > 0) {
        set(setting, PAWL_POLICY_ON_LIMIT_DEGRADE, "", pawl_buf_cstr(&text));
    }
    pawl_buf_free(&text);
}

static void set_limit(struct setting *setting)
{
    const struct pawl_limit_options *limit = &setting->run->limit;
    char text[TEXT_BYTES];
    if (limit->summary_microcents > 0) {
        set_amount(setting, PAWL_POLICY_ON_LIMIT_SUMMARY, "", PAWL_CAP_USD,
                   limit->summary_microcents);
    } else {
        (void)snprintf(text, sizeof(text), "%u%%",
                       (unsigned)limit->summary_permille / PERMILLE_PER_PERCENT);
        set(setting, PAWL_POLICY_ON_LIMIT_SUMMARY, "", text);
    }
    set_ladder(setting, limit);
}

/* --- Phases ---------------------------------------------------------------------------------- */

static void set_phases(struct setting *setting)
{
    const struct pawl_run_phases *phases = &setting->run->phases;
    for (int i = 0; i < phases->count; i++) {
        const struct pawl_phase_plan *phase = &phases->phases[i];
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            enum pawl_run_cap_index index = (enum pawl_run_cap_index)k;
            if (phase->caps[k].set) {
                set_amount(setting, pawl_phases_field(index), phase->name, index,
                           phase->caps[k].amount);
            }
        }
        if (phase->mode != PAWL_PHASE_REFUSE) {
            set(setting, PAWL_POLICY_PHASES_ON_LIMIT, phase->name,
                pawl_phase_mode_name(phase->mode));
        }
    }
}

/* --- Prices ---------------------------------------------------------------------------------- */

const char *pawl_run_prices_path(const struct pawl_run *run)
{
    return run->options->prices_as != NULL ? run->options->prices_as : run->prices_path;
}

/* A file that was named may be gone when the run goes on. */
pawl_err pawl_run_keep_prices(struct pawl_run *run, struct pawl_errmsg *msg)
{
    return run->options->prices == NULL ? PAWL_OK
                                        : pawl_rundir_write(&run->rundir, PAWL_RUN_PRICES_FILE,
                                                            pawl_buf_slice(&run->prices_text), msg);
}

/* --- All of it ------------------------------------------------------------------------------- */

pawl_err pawl_run_keep_policy(struct pawl_run *run, struct pawl_errmsg *msg)
{
    struct setting setting = {.run = run, .msg = msg};
    set_limit(&setting);
    set_phases(&setting);
    if (run->options->attendance != PAWL_ATTENDANCE_AUTO) {
        set(&setting, PAWL_POLICY_ATTENDANCE, "",
            run->options->attendance == PAWL_ATTENDED ? "attended" : "unattended");
    }
    if (pawl_failed(setting.err)) {
        pawl_errmsg_wrap(msg, "the run's policy cannot be kept");
        return setting.err;
    }
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_POLICY_BYTES_MAX);
    pawl_policy_write(&run->policy.policy, &text);
    pawl_err err = text.overflowed ? PAWL_ERR(LIMIT)
                                   : pawl_rundir_write(&run->rundir, PAWL_RUN_POLICY_FILE,
                                                       pawl_buf_slice(&text), msg);
    pawl_buf_free(&text);
    return err;
}
