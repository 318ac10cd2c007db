/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vendor.h: what a provider's answer tells of the windows of a subscription (so much in five hours,
 * so much in a week), and whether a credential is one of a subscription at all. One table of header
 * names, vendor.c; where a provider says nothing, nothing is known, and nothing is guessed.
 *
 * Shares are basis points, 10,000 of them the whole window, rounded up.
 */
#ifndef PAWL_GATEWAY_VENDOR_H
#define PAWL_GATEWAY_VENDOR_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/upstream.h"
#include "net/http.h"

enum {
    PAWL_VENDOR_WINDOWS_MAX = 4,
    PAWL_VENDOR_NAME_BYTES = 8,
    PAWL_VENDOR_WHOLE_BP = 10000,
    PAWL_VENDOR_BP_MAX = 1000000 /* a hundred windows: what is more is nonsense, and is cut */
};

struct pawl_vendor_window {
    char name[PAWL_VENDOR_NAME_BYTES]; /* by its length: "5h", "7d" */
    int64_t length_s;
    bool has_share;      /* else it only says that it refuses */
    int64_t used_bp;     /* without a share: the whole */
    int64_t resets_at_s; /* since 1970; 0: not told */
    bool has_status;     /* the provider says whether it takes calls of this window … */
    bool refused;        /* … and that it refuses them now */
};

/* Reads the windows from the head of an answer; returns how many. `now_s` turns "in so many
 * seconds" into a time. */
uint32_t pawl_vendor_windows(const struct pawl_http_header *headers,
                             size_t count,
                             int64_t now_s,
                             struct pawl_vendor_window out[static PAWL_VENDOR_WINDOWS_MAX]);

/* "5h", "7d", "90m": by the largest unit that it is a whole number of. */
void pawl_vendor_window_name(int64_t length_s, char out[static PAWL_VENDOR_NAME_BYTES]);

enum pawl_billing {
    PAWL_BILLING_API, /* dollars are owed for each call */
    PAWL_BILLING_PLAN /* a subscription: its windows are what counts, and dollars are what the same
                         would cost at list prices */
};
/* By the form of the credential in a request's head. Unknown forms are API: the careful side. */
enum pawl_billing pawl_vendor_billing(enum pawl_upstream upstream,
                                      const struct pawl_http_header *headers,
                                      size_t count);
/* The same for one that goes into an `Authorization: Bearer` header. */
enum pawl_billing pawl_vendor_billing_of_token(enum pawl_upstream upstream,
                                               struct pawl_slice token);
/* The credential itself, for telling accounts apart; empty: there is none. It is a secret. */
struct pawl_slice pawl_vendor_credential(const struct pawl_http_header *headers, size_t count);

/* Credentials of a subscription are renewed every few hours, and the account stays. Its provider's
 * id of it, where the request has one: in a header, or in what a body says of its user. Empty: it
 * has none. */
struct pawl_slice pawl_vendor_account(enum pawl_upstream upstream,
                                      const struct pawl_http_header *headers,
                                      size_t count,
                                      struct pawl_slice user);

/* Where it answers, unless somebody says otherwise: a base URL without a slash at its end. */
const char *pawl_vendor_base(enum pawl_upstream upstream);

#endif
