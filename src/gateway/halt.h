/* SPDX-License-Identifier: Apache-2.0 */
/*
 * halt.h: how pawl says no, in the words of the API that the client speaks.
 *
 * A refusal must stop the client at once: no retry, its text in front of the user, an exit
 * status that is not 0. What achieves that was measured per client: HTTP 402 in the endpoint's
 * own error format before the call, the dialect's error event in mid-stream. 429 and 5xx are
 * retried, 401 is asked again for minutes, and a polite ending looks like success.
 */
#ifndef PAWL_GATEWAY_HALT_H
#define PAWL_GATEWAY_HALT_H

#include <stdbool.h>

#include "base/buf.h"
#include "gateway/dialect.h"

enum { PAWL_HALT_STATUS = 402 };

/* Beside the body: tells SDKs that honour it not to try again. */
#define PAWL_HALT_RETRY_HEADER_NAME  "x-should-retry"
#define PAWL_HALT_RETRY_HEADER_VALUE "false"

/* How a stream is told that it ends here. */
enum pawl_halt_form {
    PAWL_HALT_EVENT,      /* the dialect's error event */
    PAWL_HALT_BARE,       /* the body alone in a piece of its own, which Google's SDK for Node takes
                           * for an error; its older versions pass over an event that holds one */
    PAWL_HALT_SHOWN,      /* before that: the message as text of the model, which people see */
    PAWL_HALT_FIRST_ITEM, /* the only item of a list that has not begun */
    PAWL_HALT_LAST_ITEM   /* one more item of a list, and the list's end */
};

struct pawl_halt {
    enum pawl_dialect dialect;
    int status;                /* 0: PAWL_HALT_STATUS */
    struct pawl_slice message; /* first and short; clients wrap and cut it */
    const char *code;          /* for machines: "budget_exceeded" */
    struct pawl_slice details; /* a JSON object with the numbers, or empty */
    enum pawl_halt_form form;  /* of an event of Google's */
    bool codex;                /* the client is Codex, which wants some of it otherwise */
    /* OpenAI Responses, of the answer that is ended: */
    struct pawl_slice response_id;
    struct pawl_slice model;
    int64_t sequence; /* of the event that comes next */
};

/* Appends the body of the answer and says what it is. */
void pawl_halt_body(const struct pawl_halt *halt,
                    struct pawl_buf *out,
                    const char **ret_content_type);
/* Codex shows the body of a 400 word for word and asks five more times after a 402, so it gets
 * the message alone, as a 400. */
int pawl_halt_status(const struct pawl_halt *halt);
/* Only for the dialects that have a meter, since no other stream is ever begun. Appends the
 * event that ends a stream that has begun. `line_open`: what was forwarded before may have
 * ended in the middle of a line, so that a blank line must come first. */
void pawl_halt_event(const struct pawl_halt *halt, bool line_open, struct pawl_buf *out);

#endif
