/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscription.h: the accounts that calls go out on, told apart by their credentials, or by their
 * provider's own id where a request has one, since credentials of a subscription are renewed. A
 * gateway knows the few that its agent uses; what is known of their windows is a quota (quota.h).
 *
 * An id is a keyed hash, so that it may be written down: without the key it says nothing about the
 * credential, and the key stays with the data directory.
 */
#ifndef PAWL_GATEWAY_SUBSCRIPTION_H
#define PAWL_GATEWAY_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "gateway/quota.h"
#include "gateway/vendor.h"

enum { PAWL_ACCOUNT_NAME_BYTES = 33 };

struct pawl_subscription {
    enum pawl_upstream upstream;
    uint64_t id;
    uint64_t credential_id; /* the same, unless its provider has an id of its own for it */
    char name[PAWL_ACCOUNT_NAME_BYTES]; /* that a person gave it; "": none */
    enum pawl_billing detected;         /* by the credential's form */
    enum pawl_billing billing;
    bool billing_set; /* by a person; else by the credential's form, and by what is told */
    struct pawl_quota quota;
};

enum { PAWL_SUBSCRIPTIONS_MAX = 8 };

struct pawl_subscriptions {
    struct pawl_hash_key key;
    uint32_t count;
    struct pawl_subscription list[PAWL_SUBSCRIPTIONS_MAX];
};

/* The account of a request whose body says this of its user; NULL: it has no credential, or there
 * are too many already. */
struct pawl_subscription *pawl_subscription_of(struct pawl_subscriptions *subscriptions,
                                               enum pawl_upstream upstream,
                                               const struct pawl_http_header *headers,
                                               size_t count,
                                               struct pawl_slice user);
/* The id that a credential would have, and one that its provider's own id of an account would. */
uint64_t pawl_subscription_id(struct pawl_hash_key key,
                              enum pawl_upstream upstream,
                              struct pawl_slice credential);
uint64_t pawl_subscription_id_of_account(struct pawl_hash_key key,
                                         enum pawl_upstream upstream,
                                         struct pawl_slice account);
/* Whether windows are what counts for it: where it is a subscription, and wherever its provider
 * tells of windows, unless a person says that it is billed by the call. */
bool pawl_subscription_has_windows(const struct pawl_subscription *subscription);

#endif
