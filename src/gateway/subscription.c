/* SPDX-License-Identifier: Apache-2.0 */
/* subscription.c: see subscription.h. */
#include "gateway/subscription.h"

enum { OF_ACCOUNT = 0x80 }; /* so that no credential has the id of an account */

static uint64_t hash(struct pawl_hash_key key, unsigned char what, struct pawl_slice text)
{
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, key);
    pawl_hash_sip_add(&state, &what, 1);
    pawl_hash_sip_add(&state, text.data, text.bytes);
    return pawl_hash_sip_end(&state);
}

uint64_t pawl_subscription_id(struct pawl_hash_key key,
                              enum pawl_upstream upstream,
                              struct pawl_slice credential)
{
    return hash(key, (unsigned char)upstream, credential);
}

uint64_t pawl_subscription_id_of_account(struct pawl_hash_key key,
                                         enum pawl_upstream upstream,
                                         struct pawl_slice account)
{
    return hash(key, (unsigned char)upstream | OF_ACCOUNT, account);
}

struct pawl_subscription *pawl_subscription_of(struct pawl_subscriptions *subscriptions,
                                               enum pawl_upstream upstream,
                                               const struct pawl_http_header *headers,
                                               size_t count,
                                               struct pawl_slice user)
{
    struct pawl_slice credential = pawl_vendor_credential(headers, count);
    if (pawl_slice_empty(credential)) {
        return NULL;
    }
    enum pawl_billing billing = pawl_vendor_billing(upstream, headers, count);
    struct pawl_slice account = billing == PAWL_BILLING_PLAN
                                    ? pawl_vendor_account(upstream, headers, count, user)
                                    : PAWL_SLICE_NONE;
    uint64_t credential_id = pawl_subscription_id(subscriptions->key, upstream, credential);
    uint64_t id = pawl_slice_empty(account)
                      ? credential_id
                      : pawl_subscription_id_of_account(subscriptions->key, upstream, account);
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
        .credential_id = credential_id,
        .detected = billing,
        .billing = billing,
    };
    return fresh;
}

bool pawl_subscription_has_windows(const struct pawl_subscription *subscription)
{
    return subscription->billing == PAWL_BILLING_PLAN ||
           (!subscription->billing_set && subscription->quota.window_count > 0);
}
