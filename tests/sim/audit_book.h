/* SPDX-License-Identifier: Apache-2.0 */
/* audit_book.h: the auditor's maps: budgets with their windows, reservations, sessions, keys. */
#ifndef PAWL_TESTS_SIM_AUDIT_BOOK_H
#define PAWL_TESTS_SIM_AUDIT_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/command.h"
#include "core/result.h"

enum { BOOK_NAME_BYTES = 24, BOOK_HOLDS_MAX = 16 };

struct book_name {
    char text[BOOK_NAME_BYTES];
};

struct book_instance {
    uint32_t ordinal;
    int64_t reserved;
    int64_t spent;
};

struct book_budget {
    uint64_t id; /* 0: of a session's cap, not learnt yet */
    struct book_name levels[PAWL_LEVEL_COUNT];
    struct book_name dimension;
    struct book_name value;
    struct book_name session;
    uint16_t unit;
    uint8_t window_kind;
    uint8_t state;
    int64_t allocated;
    int64_t debt;
    int64_t overdraft_limit;
    struct book_instance *instances; /* owned */
    size_t instance_count;
};

enum book_state {
    BOOK_NONE,
    BOOK_HELD,
    BOOK_COMMITTED,
    BOOK_RELEASED,
    BOOK_EXPIRED,
    BOOK_UNCONFIRMED,
    BOOK_CORRECTED,
    BOOK_FINAL /* unconfirmed, and the time for corrections is over */
};

struct book_hold {
    size_t budget; /* its place in the book */
    uint32_t ordinal;
    uint16_t unit;
    int64_t amount;
};

struct book_reservation {
    enum book_state state;
    uint8_t overage;
    uint8_t on_expiry;
    int64_t due_us; /* lease and grace */
    int64_t grace_us;
    uint32_t hold_count;
    struct book_hold holds[BOOK_HOLDS_MAX];
};

struct book_session {
    struct book_name tenant;
    struct book_name name;
    uint64_t id;
    uint8_t state;
    int64_t deadline_us;
};

struct book_approval {
    uint64_t id;
    size_t session;
    uint8_t kind;
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
};

struct book_key {
    uint64_t op; /* the first operation; 0: not used yet */
    int64_t used_us;
};

struct book_tenant {
    struct book_name name;
    uint8_t state;
};

enum { BOOK_TENANTS_MAX = 8 };

struct book {
    struct book_tenant tenants[BOOK_TENANTS_MAX];
    size_t tenant_count;
    struct book_budget *budgets;
    size_t budget_count, budget_capacity;
    struct book_reservation *reservations; /* by id */
    size_t reservation_count;
    struct book_session *sessions;
    size_t session_count, session_capacity;
    struct book_approval *approvals;
    size_t approval_count, approval_capacity;
    struct book_key *keys; /* by number */
    size_t key_count;
};

void book_free(struct book *book);
struct book_name book_name(struct pawl_slice text);
bool book_is(const struct book_name *name, struct pawl_slice text);

/* Its state; NONE where nothing was said of it. */
uint8_t *book_tenant(struct book *book, struct pawl_slice name);
struct book_budget *book_add_budget(struct book *book);
/* By number; NULL: there is none. */
struct book_budget *book_budget(const struct book *book, uint64_t id);
struct book_instance *book_instance(struct book_budget *budget, uint32_t ordinal);
struct book_reservation *book_reservation(struct book *book, uint64_t id);
struct book_session *book_add_session(struct book *book);
struct book_session *
book_session(const struct book *book, struct pawl_slice tenant, struct pawl_slice name);
struct book_approval *book_add_approval(struct book *book);
struct book_approval *book_approval(const struct book *book, uint64_t id);
/* The slot of key number n. */
struct book_key *book_key(struct book *book, size_t n);

/* Whether a budget binds what this subject spends in this unit. */
bool book_binds(const struct book_budget *budget,
                const struct pawl_subject *subject,
                uint16_t unit);

#endif
