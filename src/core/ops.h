/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.h: the commands, each in two halves. A plan reads the ledger, which it cannot change, and
 * answers with a code; only where that is OK, apply carries the plan out, and it cannot fail. So
 * a command that is refused changes nothing (core.h, L4) because it never gets the chance.
 *
 * core.c has checked the shape of the command (shape.c) and its idempotency key before.
 */
#ifndef PAWL_CORE_OPS_H
#define PAWL_CORE_OPS_H

#include "core/admit.h"
#include "core/hold.h"
#include "core/scope.h"
#include "core/state.h"

/* What a plan found out, for apply. Which members count is the command's own business. */
struct pawl_plan {
    uint32_t slot;    /* of the budget, reservation, approval, document or tenant that was named */
    uint32_t session; /* slot */
    int64_t expires_us;
    struct pawl_subject_path path; /* of RESERVE, DECIDE and EVENT; before the plan (core.c) */
    struct pawl_held held;         /* the reservation that was named, or the one to make */
    uint32_t booking_count;
    struct pawl_booking bookings[PAWL_HOLDS_MAX];
    struct pawl_amount lines[PAWL_LINES_MAX]; /* in the order of the held lines */
    struct pawl_amount charged[PAWL_LINES_MAX];
    struct pawl_amount released[PAWL_LINES_MAX];
    struct pawl_admission admission;
    struct pawl_denial denial;
};

/* --- Shape (shape.c): everything that can be said without the ledger -------------------------- */

/* OK or INVALID_REQUEST. */
uint16_t pawl_shape_check(const struct pawl_command *command);
bool pawl_shape_subject_ok(const struct pawl_subject *subject);

/* --- Budgets (budget.c) ----------------------------------------------------------------------- */

uint16_t pawl_budget_plan_create(const struct pawl_core *core,
                                 const struct pawl_command_budget_create *create,
                                 struct pawl_plan *plan);
void pawl_budget_apply_create(struct pawl_core *core,
                              const struct pawl_command_budget_create *create,
                              struct pawl_result *result);
uint16_t pawl_budget_plan_fund(const struct pawl_core *core,
                               const struct pawl_command_budget_fund *fund,
                               struct pawl_plan *plan);
void pawl_budget_apply_fund(struct pawl_core *core,
                            const struct pawl_command_budget_fund *fund,
                            const struct pawl_plan *plan,
                            struct pawl_result *result);
uint16_t pawl_budget_plan_set(const struct pawl_core *core,
                              const struct pawl_command_budget_set *set,
                              struct pawl_plan *plan);
void pawl_budget_apply_set(struct pawl_core *core,
                           const struct pawl_command_budget_set *set,
                           const struct pawl_plan *plan,
                           struct pawl_result *result);
/* Adds a budget to a scope. Room and uniqueness were checked. Returns its slot. */
uint32_t pawl_budget_add(struct pawl_core *core,
                         uint32_t scope,
                         const struct pawl_command_budget_create *create);
/* The budget of that scope, phase (string), unit and window, or 0. */
uint32_t pawl_budget_lookup(const struct pawl_core *core,
                            uint32_t scope,
                            uint32_t phase,
                            uint16_t unit,
                            const struct pawl_window *window);
/* The slot behind a public id, or 0. */
uint32_t pawl_budget_of_id(const struct pawl_core *core, uint64_t id);
/* allocated += amount, as FUND CREDIT does. The sum was checked. */
void pawl_budget_credit(struct pawl_core *core, uint32_t budget, int64_t amount);

/* --- Reservations (reserve.c, settle.c, event.c) ---------------------------------------------- */

uint16_t pawl_reserve_plan(const struct pawl_core *core,
                           const struct pawl_command_reserve *reserve,
                           struct pawl_plan *plan);
void pawl_reserve_apply(struct pawl_core *core,
                        const struct pawl_command_reserve *reserve,
                        const struct pawl_plan *plan,
                        struct pawl_result *result);
uint16_t pawl_reserve_plan_decide(const struct pawl_core *core,
                                  const struct pawl_command_reserve *reserve,
                                  struct pawl_plan *plan);
uint16_t pawl_reserve_plan_grow(const struct pawl_core *core,
                                const struct pawl_command_grow *grow,
                                struct pawl_plan *plan);
void pawl_reserve_apply_grow(struct pawl_core *core,
                             const struct pawl_plan *plan,
                             struct pawl_result *result);
uint16_t pawl_reserve_plan_extend(const struct pawl_core *core,
                                  const struct pawl_command_extend *extend,
                                  struct pawl_plan *plan);
void pawl_reserve_apply_extend(struct pawl_core *core,
                               const struct pawl_plan *plan,
                               struct pawl_result *result);
/* Finds a reservation that is open, whose tenant passes these gates, and whose lease, with or
 * without grace, has not ended: OK with plan->slot, NOT_FOUND, GONE, TENANT_CLOSED,
 * TENANT_SUSPENDED or RESERVATION_EXPIRED. */
uint16_t pawl_reserve_find_open(const struct pawl_core *core,
                                uint64_t id,
                                bool with_grace,
                                uint32_t tenant_gates,
                                struct pawl_plan *plan);
/* NOT_FOUND for an id that cannot have been given out yet, GONE for any other. */
uint16_t pawl_reserve_missing(const struct pawl_core *core, uint64_t id);

uint16_t pawl_settle_plan_commit(const struct pawl_core *core,
                                 const struct pawl_command_settle *settle,
                                 struct pawl_plan *plan);
uint16_t pawl_settle_plan_release(const struct pawl_core *core,
                                  const struct pawl_command_release *release,
                                  struct pawl_plan *plan);
uint16_t pawl_settle_plan_correct(const struct pawl_core *core,
                                  const struct pawl_command_settle *settle,
                                  struct pawl_plan *plan);
/* Of all three: books, answers, frees the reservation. */
void pawl_settle_apply(struct pawl_core *core,
                       const struct pawl_plan *plan,
                       struct pawl_result *result);

uint16_t pawl_event_plan(const struct pawl_core *core,
                         const struct pawl_command_event *event,
                         struct pawl_plan *plan);
void pawl_event_apply(struct pawl_core *core,
                      const struct pawl_plan *plan,
                      struct pawl_result *result);

/* Carries the plan's bookings out; and says how the budgets stand then. */
void pawl_plan_book(struct pawl_core *core,
                    const struct pawl_plan *plan,
                    struct pawl_result *result);
void pawl_plan_settle(struct pawl_core *core,
                      const struct pawl_plan *plan,
                      struct pawl_result *result);

/* --- Overage (overage.c) ---------------------------------------------------------------------- */

/* From plan->held (what is covered, nothing for an event), plan->lines (the actual amounts, in the
 * same order) and plan->admission (what binds): plans the bookings, what is charged and what goes
 * back, or refuses. */
uint16_t
pawl_overage_plan(const struct pawl_core *core, enum pawl_overage policy, struct pawl_plan *plan);

/* --- Time (expire.c) -------------------------------------------------------------------------- */

uint16_t pawl_expire_plan(const struct pawl_core *core, const struct pawl_command_expire *expire);
void pawl_expire_apply(struct pawl_core *core,
                       const struct pawl_command_expire *expire,
                       struct pawl_result *result);

/* Gives every hold of an open reservation back and frees it. */
void pawl_expire_give_back(struct pawl_core *core, uint32_t slot);

/* --- Documents and tenants (document.c, tenant.c) --------------------------------------------- */

uint16_t pawl_document_plan_put(const struct pawl_core *core,
                                const struct pawl_command_document_put *put,
                                struct pawl_plan *plan);
void pawl_document_apply_put(struct pawl_core *core,
                             const struct pawl_command_document_put *put,
                             const struct pawl_plan *plan,
                             struct pawl_result *result);
uint16_t pawl_tenant_plan_drain(const struct pawl_core *core,
                                const struct pawl_command_tenant_drain *drain,
                                struct pawl_plan *plan);
void pawl_tenant_apply_drain(struct pawl_core *core,
                             const struct pawl_command_tenant_drain *drain,
                             const struct pawl_plan *plan,
                             struct pawl_result *result);

/* --- Sessions and approvals (session.c, approval.c) ------------------------------------------- */

uint16_t pawl_session_plan_open(const struct pawl_core *core,
                                const struct pawl_command_session_open *open,
                                struct pawl_plan *plan);
void pawl_session_apply_open(struct pawl_core *core,
                             const struct pawl_command_session_open *open,
                             const struct pawl_plan *plan,
                             struct pawl_result *result);
uint16_t pawl_session_plan_set(const struct pawl_core *core,
                               const struct pawl_command_session_set *set,
                               struct pawl_plan *plan);
void pawl_session_apply_set(struct pawl_core *core,
                            const struct pawl_command_session_set *set,
                            const struct pawl_plan *plan,
                            struct pawl_result *result);
uint16_t pawl_session_plan_phase(const struct pawl_core *core,
                                 const struct pawl_command_session_phase *phase,
                                 struct pawl_plan *plan);
void pawl_session_apply_phase(struct pawl_core *core,
                              const struct pawl_command_session_phase *phase,
                              const struct pawl_plan *plan,
                              struct pawl_result *result);
/* Moves the session to another state, with what follows from it. */
void pawl_session_move(struct pawl_core *core,
                       uint32_t session,
                       enum pawl_session_state state,
                       enum pawl_session_reason reason,
                       uint16_t unit);
/* The deadline `ms` after `from_us`, or after the present one: false when it is out of range. */
PAWL_MUST_CHECK bool pawl_session_deadline(int64_t from_us, int64_t ms, int64_t *ret_deadline_us);
void pawl_session_set_deadline(struct pawl_core *core, uint32_t session, int64_t deadline_us);

uint16_t pawl_approval_plan_open(const struct pawl_core *core,
                                 const struct pawl_command_approval_open *open,
                                 struct pawl_plan *plan);
void pawl_approval_apply_open(struct pawl_core *core,
                              const struct pawl_command_approval_open *open,
                              const struct pawl_plan *plan,
                              struct pawl_result *result);
uint16_t pawl_approval_plan_answer(const struct pawl_core *core,
                                   const struct pawl_command_approval_answer *answer,
                                   struct pawl_plan *plan);
void pawl_approval_apply_answer(struct pawl_core *core,
                                const struct pawl_command_approval_answer *answer,
                                const struct pawl_plan *plan,
                                struct pawl_result *result);
/* The slot behind a public id, or 0. */
uint32_t pawl_approval_of_id(const struct pawl_core *core, uint64_t id);
/* Nobody answered in time. */
void pawl_approval_expire(struct pawl_core *core, uint32_t approval);

/* --- Configuration (config.c) ----------------------------------------------------------------- */

uint16_t pawl_config_plan(const struct pawl_core *core, const struct pawl_config *config);
void pawl_config_apply(struct pawl_core *core, const struct pawl_config *config);

/* Makes core->config anew from the state; after a restore. */
void pawl_core_config_from_limits(struct pawl_core *core);

/* --- Idempotency (idem.c) --------------------------------------------------------------------- */

struct pawl_idem_key {
    uint64_t hash[2];
    uint64_t payload_hash[2];
};

/* Whether commands of this type may have a key. */
bool pawl_idem_allowed(uint16_t type);
struct pawl_idem_key pawl_idem_key(const struct pawl_core *core,
                                   const struct pawl_command *command);
/* The record that still counts, or 0. */
uint32_t pawl_idem_find(const struct pawl_core *core, const struct pawl_idem_key *key);
void pawl_idem_remember(struct pawl_core *core,
                        uint16_t type,
                        const struct pawl_idem_key *key,
                        uint64_t id);
/* Forgets a few records whose time is over. */
void pawl_idem_drain(struct pawl_core *core);

#endif
