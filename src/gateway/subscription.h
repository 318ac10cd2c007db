/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscription.h: the accounts that calls go out on, told apart by their credentials, and what
 * their providers say of their windows (vendor.h). A gateway knows the few that its agent uses.
 *
 * An id is a keyed hash of the credential, so that it may be written down: without the key it says
 * nothing about the credential, and the key stays with the data directory.
 */
#ifndef PAWL_GATEWAY_SUBSCRIPTION_H
#define PAWL_GATEWAY_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "gateway/vendor.h"

struct pawl_subscription {
    enum pawl_upstream upstream;
    uint64_t id;
    enum pawl_billing billing;
    int64_t tokens;  /* booked on it by this gateway so far */
    int64_t seen_us; /* when the windows were told; 0: never */
    uint32_t window_count;
    struct pawl_vendor_window windows[PAWL_VENDOR_WINDOWS_MAX];
};

enum { PAWL_SUBSCRIPTIONS_MAX = 8 };

struct pawl_subscriptions {
    struct pawl_hash_key key;
    uint32_t count;
    struct pawl_subscription list[PAWL_SUBSCRIPTIONS_MAX];
};

/* The account of a request; NULL: it has no credential, or there are too many already. */
struct pawl_subscription *pawl_subscription_of(struct pawl_subscriptions *subscriptions,
                                               enum pawl_upstream upstream,
                                               const struct pawl_http_header *headers,
                                               size_t count);
/* The id that a credential would have. */
uint64_t pawl_subscription_id(struct pawl_hash_key key,
                              enum pawl_upstream upstream,
                              struct pawl_slice credential);
/* Reads the windows from an answer's head. false: it tells nothing of them. */
bool pawl_subscription_learn(struct pawl_subscription *subscription,
                             const struct pawl_http_header *headers,
                             size_t count,
                             int64_t now_us);
/* The window that keeps calls out at `now_us`: the provider refuses, or the window is used up and
 * no reset is past; the one that resets last where there are several. NULL: none. */
const struct pawl_vendor_window *
pawl_subscription_exhausted(const struct pawl_subscription *subscription, int64_t now_us);

#endif
