/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result.h: what apply answers: a code from result.def and the numbers behind it. A result is
 * a value: it borrows nothing but `expired`, whose rows live in the core until the next apply. It
 * is written to the journal beside its command, so history and explanations never compute anything
 * again.
 */
#ifndef PAWL_CORE_RESULT_H
#define PAWL_CORE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"

enum pawl_result_code {
#define PAWL_RESULT(name, number, http, wire, retryable, remembered, meaning)                      \
    PAWL_RESULT_##name = number,
#include "core/result.def"
#undef PAWL_RESULT
    PAWL_RESULT_COUNT = 27
};

/* Columns of the table. `code` must be one of the enum. */
const char *pawl_result_name(uint16_t code);
/* Of a command that spends or would: whether this says if it may be spent, as opposed to an error
 * of the request or a full ledger. */
PAWL_MUST_CHECK bool pawl_result_decides(uint16_t code);
const char *pawl_result_wire(uint16_t code);
const char *pawl_result_meaning(uint16_t code);
int pawl_result_http(uint16_t code);
bool pawl_result_retryable(uint16_t code);
bool pawl_result_remembered(uint16_t code);
/* Smaller is stronger: the row's place in the table. */
int pawl_result_precedence(uint16_t code);

enum { PAWL_LINES_MAX = 8, PAWL_HOLDS_MAX = 64, PAWL_EXPIRE_MAX = 2000 };

/* What an operation did to one budget. */
struct pawl_delta {
    uint64_t budget;  /* pawl_budget_id */
    uint32_t ordinal; /* which instance of its window */
    uint16_t unit;
    int64_t reserved; /* signed changes */
    int64_t spent;
    int64_t debt;
    int64_t allocated; /* by funding only */
};

/* How a budget stood when a command had been carried out, in the instance that it booked in. */
struct pawl_standing {
    int64_t allocated;
    int64_t reserved;
    int64_t spent;
    int64_t debt;
    int64_t overdraft_limit;
    bool over_limit;
};

/* The numbers behind a refusal: the same that the balance query shows. Amounts are in
 * `unit`; `fits` is the largest amount that would have been granted now. */
struct pawl_denial {
    uint64_t budget; /* 0 when no budget refused (a session's state did) */
    uint64_t session;
    uint16_t unit;
    uint8_t window_kind; /* enum pawl_window_kind */
    uint8_t reason;      /* enum pawl_session_reason when a session refused */
    int64_t limit;       /* allocated */
    int64_t spent;
    int64_t held;
    int64_t debt;
    int64_t asked;
    int64_t fits;
    int64_t resets_at_us; /* 0: never by itself */
};

enum pawl_expired_kind {
    PAWL_EXPIRED_RELEASED = 1,    /* a hold given back */
    PAWL_EXPIRED_SETTLED = 2,     /* a hold booked in full, unconfirmed */
    PAWL_EXPIRED_SESSION = 3,     /* a session whose wall clock ran out */
    PAWL_EXPIRED_APPROVAL = 4,    /* a question nobody answered */
    PAWL_EXPIRED_UNCONFIRMED = 5, /* the time for corrections is over */
    PAWL_EXPIRED_DRAINED = 6      /* a hold given back since its tenant is closed */
};

struct pawl_expired {
    uint64_t id; /* reservation, session or approval */
    uint8_t kind;
};

struct pawl_result {
    uint16_t code;
    bool replayed;        /* an idempotent repeat: `original_op` has the answer; nothing changed */
    bool over_limit;      /* this booking took a budget past its limit (docs/LEDGER.md, 5) */
    bool more_due;        /* EXPIRE: there is more that is due */
    uint64_t op;          /* this operation's number */
    uint64_t original_op; /* of the first one with this key, when replayed */
    int64_t now_us;
    uint64_t id; /* of what was made or touched: reservation, event, budget, session, approval */
    int64_t expires_us; /* of the lease, when there is one */
    uint32_t line_count;
    struct pawl_amount charged[PAWL_LINES_MAX];  /* commit, event, correction: what was booked */
    struct pawl_amount released[PAWL_LINES_MAX]; /* commit, release: what went back */
    uint32_t delta_count;
    struct pawl_delta deltas[PAWL_HOLDS_MAX];
    /* One for each delta, of what settles or changes a budget (COMMIT, RELEASE, CORRECT, EVENT,
     * BUDGET_CREATE, BUDGET_FUND, BUDGET_SET); 0 of all others. */
    uint32_t standing_count;
    struct pawl_standing standings[PAWL_HOLDS_MAX];
    struct pawl_denial denial; /* all zero unless a budget or a session refused */
    uint32_t expired_count;
    const struct pawl_expired *expired; /* EXPIRE: in order of their deadlines */
};

/* Makes it an empty OK. The rows of deltas and standings are left as they are, since only what is
 * within the counts is ever read, and they are nearly all of the structure. */
void pawl_result_clear(struct pawl_result *result);

#endif
