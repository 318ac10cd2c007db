/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contact.h: asking the authority, from a command or from a thread that may wait. Where nobody
 * answers, it is started.
 */
#ifndef PAWL_LENDING_CONTACT_H
#define PAWL_LENDING_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "engine/lend.h"
#include "lending/lender.h"

struct pawl_contact {
    const char *data_dir; /* borrowed; absolute */
    uint32_t timeout_ms;  /* for one question, a start of the authority included */
};

/* Whether there may be a limit: where not, nobody needs to be asked. */
bool pawl_contact_has_limits(const struct pawl_contact *contact);
/* The file that says so, as it is now. The authority touches it when it has changed a limit, so
 * whoever finds it as it was knows all of them. */
struct pawl_contact_mark {
    bool there;
    uint64_t inode;
    int64_t touched_s;
    int64_t touched_ns; /* … and so many more */
};
struct pawl_contact_mark pawl_contact_read_mark(const struct pawl_contact *contact);

/* One request, sent again after a break: none of them does anything twice. UNREACHABLE, TIMEOUT,
 * PROTOCOL. */
struct pawl_contact_answer {
    int status;
    struct pawl_buf body; /* the caller's, initialised */
};
PAWL_MUST_CHECK pawl_err pawl_contact_send(const struct pawl_contact *contact,
                                           const char *method,
                                           struct pawl_slice target,
                                           struct pawl_slice body,
                                           struct pawl_contact_answer *answer,
                                           struct pawl_errmsg *msg);
/* What is told of an answer that this version of pawl cannot read; `body` may have words. */
void pawl_contact_tell_other(const struct pawl_contact *contact,
                             struct pawl_slice body,
                             struct pawl_errmsg *ret_msg);
/* A borrower's question. ret_answer->err and why say whether there was an answer. */
void pawl_contact_ask(const struct pawl_contact *contact,
                      const struct pawl_lend_place *place,
                      const struct pawl_lend_request *request,
                      struct pawl_lend_answer *ret_answer);

#endif
