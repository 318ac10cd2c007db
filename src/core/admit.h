/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.h: the admission rule. RESERVE, GROW, DECIDE, EVENT and quotes all ask it, so what a
 * question answers is what the deed will do.
 *
 * First it is found which budgets bind: those on the subject's scopes whose unit is asked for and
 * whose phase is empty or the present one. Then gates in the order of result.def, each
 * over all budgets before the next; the first that refuses names the first budget, in canonical
 * order, that made it do so.
 */
#ifndef PAWL_CORE_ADMIT_H
#define PAWL_CORE_ADMIT_H

#include "core/book.h"
#include "core/hold.h"
#include "core/scope.h"
#include "core/state.h"

enum pawl_gate {
    PAWL_GATE_TENANT_CLOSED = 1 << 0,
    PAWL_GATE_TENANT_SUSPENDED = 1 << 1,
    PAWL_GATE_FROZEN = 1 << 2,
    PAWL_GATE_CLOSED = 1 << 3,
    PAWL_GATE_OVER_LIMIT = 1 << 4,
    PAWL_GATE_DEBT = 1 << 5,
    PAWL_GATE_ENDED = 1 << 6,
    PAWL_GATE_PAUSED = 1 << 7,
    PAWL_GATE_DEADLINE = 1 << 8,
    PAWL_GATE_THROTTLE = 1 << 9,
    PAWL_GATE_CAP = 1 << 10,
    PAWL_GATE_FUNDS = 1 << 11
};
enum {
    PAWL_GATES_ALL = (1 << 12) - 1,
    PAWL_GATES_TENANT = PAWL_GATE_TENANT_CLOSED | PAWL_GATE_TENANT_SUSPENDED,
    PAWL_GATES_SESSION = PAWL_GATE_ENDED | PAWL_GATE_PAUSED | PAWL_GATE_DEADLINE,
    /* A direct debit: debt and limits hinder reservations only, as in the protocol; the overage
     * policy decides about funds. */
    PAWL_GATES_EVENT =
        PAWL_GATE_TENANT_CLOSED | PAWL_GATE_FROZEN | PAWL_GATE_CLOSED | PAWL_GATES_SESSION,
    /* What has happened must be in the books, except of a tenant that has none any more. */
    PAWL_GATES_BOOK_FULL = PAWL_GATE_TENANT_CLOSED
};

/* A budget that binds one line. */
struct pawl_admission_row {
    struct pawl_stand stand;
    uint32_t line;
};

struct pawl_admission {
    uint32_t session;             /* slot; 0: none */
    uint32_t tenant;              /* scope; 0: nobody has heard of it */
    uint32_t throttle;            /* slot of a document; 0: none */
    uint32_t throttle_per_minute; /* what it takes */
    uint32_t row_count;
    struct pawl_admission_row rows[PAWL_HOLDS_MAX];
};

/* What the state of a tenant refuses: OK, TENANT_CLOSED or TENANT_SUSPENDED. 0 is a tenant that
 * nobody has heard of, and passes. For whatever changes something of a tenant without being a
 * reservation or a debit, which come to it through pawl_admit_check. */
uint16_t pawl_admit_tenant(const struct pawl_core *core, uint32_t tenant, uint32_t gates);
/* Finds what binds. OK; NOT_FOUND: an unknown session, or nothing binds; TENANT_CLOSED and
 * TENANT_SUSPENDED, if they are among the gates: all but OK and an unknown session stands behind
 * them here; UNIT_MISMATCH: nothing binds, but budgets in other units would; LIMIT_REACHED: more
 * budgets than one operation can hold. The admission has no throttle yet. */
uint16_t pawl_admit_gather(const struct pawl_core *core,
                           int64_t now_us,
                           const struct pawl_subject_path *path,
                           struct pawl_slice phase,
                           const struct pawl_amount *lines,
                           uint32_t line_count,
                           uint32_t gates,
                           struct pawl_admission *ret_admission);
/* What binds more of an open reservation: the holds of those lines for which `asked`, which has
 * an amount for each line of the reservation, names a unit. Each in its own window instance. */
void pawl_admit_gather_held(const struct pawl_core *core,
                            int64_t now_us,
                            const struct pawl_held *held,
                            const struct pawl_amount *asked,
                            struct pawl_admission *ret_admission);
/* Asks the gates. lines[row.line] is what is asked of a row. `denial` is written whole. */
uint16_t pawl_admit_check(const struct pawl_core *core,
                          int64_t now_us,
                          const struct pawl_admission *admission,
                          const struct pawl_amount *lines,
                          uint32_t gates,
                          struct pawl_denial *ret_denial);
/* The numbers of a refusal by a row, for refusals that are found outside the gates. */
void pawl_admit_denial(const struct pawl_core *core,
                       int64_t now_us,
                       const struct pawl_admission *admission,
                       const struct pawl_admission_row *row,
                       int64_t asked,
                       struct pawl_denial *ret_denial);
/* CAP_EXCEEDED for tool calls and iterations, BUDGET_EXCEEDED for everything else. */
uint16_t pawl_admit_funds_code(uint16_t unit);

#endif
