/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_gate.c: a call and the windows of the account that it goes out on. A provider that refuses
 * until a window begins anew would only be asked in vain, again and again; so the call is held or
 * refused here, as the policy says. What answers tell and calls cost goes to whoever shares the
 * account with other runs, and comes back with what those did.
 *
 *   W1  Every way to a hold passes here, whatever the call waited for before.
 *   W2  A call that is held for a window waits for no person, and no person's no is about it.
 *   W3  Held or not, a call waits no longer than its client does, counted from its arrival.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

/* --- News ------------------------------------------------------------------------------------ */

static void apply(struct pawl_gateway *gateway,
                  struct pawl_subscription *subscription,
                  struct pawl_quota_news *news)
{
    const struct pawl_gateway_options *options = &gateway->options;
    news->now_us = pawl_gateway_now_us(gateway);
    if (options->on_account != NULL) {
        options->on_account(options->arg, subscription, news);
    } else {
        pawl_quota_apply(&subscription->quota, news);
    }
    if (!subscription->billing_set && subscription->quota.seen_us > 0) {
        subscription->billing = PAWL_BILLING_PLAN; /* Only those have windows. */
    }
}

/* Windows may have more by now, or less: whoever is held for one is judged again. */
static void changed(struct pawl_gateway *gateway)
{
    if (gateway->asking != NULL) {
        pawl_limit_retry(gateway);
    }
}

/* The head of a stream is as old as its request: it does not know what was booked meanwhile, and
 * not its own answer. That of an answer in one piece is as new as its end, and waits for it. */
void pawl_quota_gate_told(struct pawl_model_call *call,
                          const struct pawl_http_header *headers,
                          size_t count)
{
    struct pawl_gateway *gateway = call->gateway;
    if (call->subscription == NULL) {
        return;
    }
    int64_t now_us = pawl_gateway_now_us(gateway);
    call->told_count = pawl_vendor_windows(headers, count, now_us / PAWL_US_PER_SECOND, call->told);
    bool good = call->answer.status >= 200 && call->answer.status <= 299;
    if (call->told_count == 0 || (good && !call->request.stream)) {
        return;
    }
    struct pawl_quota_news news = {
        .told = call->told,
        .told_count = call->told_count,
        .told_us = good ? call->quota_us : now_us,
        .told_all = !good,
        .booked_before = call->quota_before,
    };
    call->told_count = 0;
    apply(gateway, call->subscription, &news);
    changed(gateway);
}

void pawl_quota_gate_booked(struct pawl_model_call *call, int64_t microcents, int64_t tokens)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_subscription *subscription = call->subscription;
    if (subscription == NULL) {
        return;
    }
    struct pawl_quota_news news = {
        .booked = {.microcents = microcents, .tokens = tokens},
        .on_record = call->on_record,
        .told = call->told,
        .told_count = call->told_count,
        .told_us = pawl_gateway_now_us(gateway),
        .told_all = true,
    };
    bool spent = microcents > 0 || tokens > 0;
    call->told_count = 0;
    if (news.told_count > 0 || (spent && pawl_subscription_has_windows(subscription))) {
        apply(gateway, subscription, &news);
    }
    changed(gateway);
}

/* --- Passing --------------------------------------------------------------------------------- */

/* W3 */
static int64_t patience_left_ms(const struct pawl_model_call *call)
{
    int64_t waited_ms = (pawl_alarm_now_us() - call->started_us) / PAWL_US_PER_MS;
    return (int64_t)pawl_model_call_patience_ms(call) - waited_ms;
}

static void hold(struct pawl_model_call *call, int64_t ms)
{
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_WINDOW};
    call->resumes = true;
    call->gate = PAWL_QUESTION_MORE;
    pawl_limit_hold(call, (uint64_t)pawl_max_i64(ms, 1));
}

/* Whether another call of the account is out whose answer has not begun. */
static bool another_asks(const struct pawl_model_call *call)
{
    for (const struct pawl_model_call *at = call->gateway->calls; at != NULL; at = at->next) {
        bool out =
            at->state == PAWL_MODEL_CALL_RESERVING || at->state == PAWL_MODEL_CALL_FORWARDING;
        if (at != call && out && at->subscription == call->subscription) {
            return true;
        }
    }
    return false;
}

static bool may_resume(const struct pawl_gateway_options *options)
{
    return options->at_window == PAWL_AT_WINDOW_WAIT ||
           (options->limit.on_limit == PAWL_ON_LIMIT_PAUSE && options->limit.auto_resume);
}

static void stop(struct pawl_model_call *call, const struct pawl_quota_window *window)
{
    struct pawl_gateway *gateway = call->gateway;
    int64_t resets_at_us = window->resets_at_s * PAWL_US_PER_SECOND;
    int64_t wait_ms = (resets_at_us - pawl_gateway_now_us(gateway)) / PAWL_US_PER_MS + 1;
    bool waits = may_resume(&gateway->options);
    if (waits && wait_ms <= patience_left_ms(call)) {
        struct pawl_limit_wait wait;
        pawl_words_wait_window(call->subscription, window, &wait);
        pawl_limit_wait_for(call, &wait);
        hold(call, wait_ms);
        return;
    }
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_WINDOW, .latches = !waits};
    call->words.left.resets_at_us = resets_at_us;
    pawl_words_window(&call->words, gateway, call->subscription, window);
    if (!waits) {
        gateway->used_up = call->subscription;
    }
    pawl_refuse_call(call);
}

static enum pawl_quota_verdict look(struct pawl_model_call *call,
                                    const struct pawl_quota_window **ret_window)
{
    struct pawl_subscription *subscription = call->subscription;
    struct pawl_quota_news nothing = {.told_count = 0};
    apply(call->gateway, subscription, &nothing);
    call->quota_before = subscription->quota.booked;
    call->quota_us = nothing.now_us;
    bool counts = call->gateway->options.at_window != PAWL_AT_WINDOW_PASS &&
                  pawl_subscription_has_windows(subscription);
    return counts ? pawl_quota_judge(&subscription->quota, ret_window) : PAWL_QUOTA_OPEN;
}

bool pawl_quota_gate_pass(struct pawl_model_call *call)
{
    const struct pawl_quota_window *window = NULL;
    if (call->subscription == NULL) {
        return true;
    }
    switch (look(call, &window)) {
    case PAWL_QUOTA_OPEN:
        return true;
    case PAWL_QUOTA_DOUBTFUL:
        if (patience_left_ms(call) <= 0 || !another_asks(call)) {
            return true;
        }
        pawl_model_call_step_out(call);
        hold(call, patience_left_ms(call));
        return false;
    case PAWL_QUOTA_OUT:
        pawl_model_call_step_out(call);
        stop(call, window);
        return false;
    }
    PAWL_UNREACHABLE();
}

static bool someone_waits(const struct pawl_gateway *gateway)
{
    for (const struct pawl_model_call *at = gateway->asking; at != NULL; at = at->wait_next) {
        if (at->resumes && at->words.refusal == PAWL_REFUSAL_WINDOW) {
            return true;
        }
    }
    return false;
}

bool pawl_gateway_look_at_windows(struct pawl_gateway *gateway)
{
    if (!someone_waits(gateway)) {
        return false;
    }
    pawl_limit_retry(gateway);
    return someone_waits(gateway);
}

bool pawl_gateway_window_is_over(struct pawl_gateway *gateway)
{
    struct pawl_subscription *subscription = gateway->used_up;
    const struct pawl_quota_window *window = NULL;
    if (!gateway->latched || gateway->latch.refusal != PAWL_REFUSAL_WINDOW ||
        subscription == NULL) {
        return false;
    }
    struct pawl_quota_news nothing = {.told_count = 0};
    apply(gateway, subscription, &nothing);
    return pawl_quota_judge(&subscription->quota, &window) != PAWL_QUOTA_OUT;
}
