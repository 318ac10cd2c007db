/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase_words.c: what an agent is told of its phase, at the hook that asks about a tool. It goes
 * into the conversation and is paid for with every call that follows, so it is said sparingly: when
 * a phase with a ceiling is entered for the first time, and when half, three quarters and nine
 * tenths of it are used.
 */
#define _GNU_SOURCE
#include "run/phases.h"
#include "run/run_priv.h"

static const char *end_words(enum pawl_phase_mode mode)
{
    switch (mode) {
    case PAWL_PHASE_HALT:
        return "the whole run stops";
    case PAWL_PHASE_ASK:
        return "a person is asked, and what belongs to it waits";
    case PAWL_PHASE_REFUSE:
        break;
    }
    return "no more of it is run";
}

bool pawl_run_phase_context(struct pawl_run *run, struct pawl_buf *out)
{
    int phase = pawl_gateway_phase(run->gateway);
    const struct pawl_phase_plan *plan = &run->phases.phases[phase];
    struct pawl_phase_told *told = &run->phase_told[phase];
    struct pawl_account account;
    pawl_phases_account(pawl_engine_core(run->engine), run->rundir.id, pawl_run_now_us(run),
                        plan->name, &account);
    bool first = !told->entered;
    bool passed = pawl_account_threshold(&account, &told->percent) > 0;
    bool any = false;
    told->entered = true;
    if (!first && !passed) {
        return false;
    }
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        char left_text[PAWL_CAP_TEXT_BYTES];
        char limit_text[PAWL_CAP_TEXT_BYTES];
        int64_t limit = account.units[i].limit;
        if (limit < 0) {
            continue;
        }
        int64_t used =
            account.units[i].spent + (index == PAWL_CAP_ITERATIONS ? account.units[i].held : 0);
        int64_t left = limit > used ? limit - used : 0;
        if (any) {
            pawl_buf_append_str(out, ", ");
        } else {
            pawl_buf_printf(out, "pawl: this is %s, which has ", plan->name);
        }
        pawl_buf_printf(out, "%s of %s", pawl_cap_format(index, left, left_text),
                        pawl_cap_phrase(index, limit, limit_text));
        any = true;
    }
    if (any) {
        pawl_buf_printf(out, " left. When that is used up, %s.", end_words(plan->mode));
    }
    return any;
}
