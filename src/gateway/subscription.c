/* SPDX-License-Identifier: Apache-2.0 */
/* subscription.c: see subscription.h. */
#include "gateway/subscription.h"

#include "base/clock.h"

uint64_t pawl_subscription_id(struct pawl_hash_key key,
                              enum pawl_upstream upstream,
                              struct pawl_slice credential)
{
    struct pawl_hash_sip state;
    unsigned char which = (unsigned char)upstream;
    pawl_hash_sip_init(&state, key);
    pawl_hash_sip_add(&state, &which, 1);
    pawl_hash_sip_add(&state, credential.data, credential.bytes);
    return pawl_hash_sip_end(&state);
}

struct pawl_subscription *pawl_subscription_of(struct pawl_subscriptions *subscriptions,
                                               enum pawl_upstream upstream,
                                               const struct pawl_http_header *headers,
                                               size_t count)
{
    struct pawl_slice credential = pawl_vendor_credential(headers, count);
    if (pawl_slice_empty(credential)) {
        return NULL;
    }
    uint64_t id = pawl_subscription_id(subscriptions->key, upstream, credential);
    for (uint32_t i = 0; i < subscriptions->count; i++) {
        if (subscriptions->list[i].id == id) {
            return &subscriptions->list[i];
        }
    }
    if (subscriptions->count == PAWL_SUBSCRIPTIONS_MAX) {
        return NULL;
    }
    struct pawl_subscription *fresh = &subscriptions->list[subscriptions->count++];
    *fresh = (struct pawl_subscription){
        .upstream = upstream,
        .id = id,
        .billing = pawl_vendor_billing(upstream, headers, count),
    };
    return fresh;
}

bool pawl_subscription_learn(struct pawl_subscription *subscription,
                             const struct pawl_http_header *headers,
                             size_t count,
                             int64_t now_us)
{
    struct pawl_vendor_window windows[PAWL_VENDOR_WINDOWS_MAX];
    uint32_t found = pawl_vendor_windows(headers, count, now_us / PAWL_US_PER_SECOND, windows);
    if (found == 0) {
        return false;
    }
    subscription->window_count = found;
    subscription->seen_us = now_us;
    for (uint32_t i = 0; i < found; i++) {
        subscription->windows[i] = windows[i];
    }
    return true;
}

const struct pawl_vendor_window *
pawl_subscription_exhausted(const struct pawl_subscription *subscription, int64_t now_us)
{
    const struct pawl_vendor_window *latest = NULL;
    for (uint32_t i = 0; i < subscription->window_count; i++) {
        const struct pawl_vendor_window *window = &subscription->windows[i];
        bool out =
            window->refused || (!window->has_status && window->used_bp >= PAWL_VENDOR_WHOLE_BP);
        bool ahead = window->resets_at_s * PAWL_US_PER_SECOND > now_us;
        if (out && ahead && (latest == NULL || window->resets_at_s > latest->resets_at_s)) {
            latest = window;
        }
    }
    return latest;
}
