/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_rules.c: what must be true of each kind of record before its numbers go into the book:
 * rules A1 to A4, A6 and A7 of audit.h, in plain arithmetic and without a line of the core's.
 */
#include <string.h>

#include "audit_priv.h"

/* --- Bookings. -------------------------------------------------------------------------------- */

static int64_t used(const struct book_budget *budget, const struct book_instance *instance)
{
    return instance->reserved + instance->spent + budget->debt;
}

static const struct pawl_delta *delta_of(const struct pawl_result *result, uint64_t budget)
{
    for (uint32_t i = 0; i < result->delta_count; i++) {
        if (result->deltas[i].budget == budget) {
            return &result->deltas[i];
        }
    }
    return NULL;
}

/* Puts a delta into the book. */
static struct book_instance *
book(struct audit *audit, struct book_budget *budget, const struct pawl_delta *delta)
{
    struct book_instance *instance = book_instance(budget, delta->ordinal);
    instance->reserved += delta->reserved;
    instance->spent += delta->spent;
    budget->debt += delta->debt;
    CHECK(instance->reserved >= 0, "budget %" PRIu64 " holds less than nothing", budget->id);
    CHECK(budget->debt >= 0, "budget %" PRIu64 " owes less than nothing", budget->id);
    CHECK(delta->unit == budget->unit, "budget %" PRIu64 " is charged in another unit", budget->id);
    return instance;
}

static int64_t line_value(const struct pawl_amount *lines, uint32_t count, uint16_t unit)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i].unit == unit) {
            return lines[i].value;
        }
    }
    return -1;
}

/* A7 for what a grant touches. */
static void check_open(struct audit *audit, const struct pawl_subject *subject, int64_t now_us)
{
    if (subject->session.bytes == 0) {
        return;
    }
    const struct book_session *session =
        book_session(&audit->book, subject->levels[PAWL_LEVEL_TENANT], subject->session);
    CHECK(session != NULL, "a grant in a session that nobody opened");
    CHECK(session->state == PAWL_SESSION_ACTIVE, "a grant in session %s, which is not active",
          session->name.text);
    CHECK(now_us < session->deadline_us, "a grant in session %s after its deadline",
          session->name.text);
}

/* --- Tenants. --------------------------------------------------------------------------------- */

/* Nothing of a closed tenant changes, and one that is suspended takes no new holds. */
static void check_tenant(struct audit *audit, struct pawl_slice tenant, bool holds)
{
    uint8_t state = *book_tenant(&audit->book, tenant);
    CHECK(state != PAWL_TENANT_CLOSED, "something of a closed tenant changes");
    CHECK(state != PAWL_TENANT_SUSPENDED || !holds, "a suspended tenant takes a hold");
}

static struct pawl_slice tenant_of(const struct book_budget *budget)
{
    return pawl_slice_str(budget->levels[PAWL_LEVEL_TENANT].text);
}

static struct pawl_slice tenant_holding(const struct audit *audit,
                                        const struct book_reservation *reservation)
{
    return tenant_of(&audit->book.budgets[reservation->holds[0].budget]);
}

static void on_document(struct audit *audit, const struct pawl_command_document_put *put)
{
    if (put->kind == PAWL_DOCUMENT_TENANT) {
        check_tenant(audit, put->tenant, false);
        *book_tenant(&audit->book, put->tenant) = put->state;
    }
}

/* A settled budget stands as the book has it. */
static void check_standings(struct audit *audit, const struct pawl_result *result)
{
    for (uint32_t i = 0; i < result->standing_count; i++) {
        const struct pawl_standing *standing = &result->standings[i];
        struct book_budget *budget = book_budget(&audit->book, result->deltas[i].budget);
        CHECK(budget != NULL, "an unknown budget stands");
        const struct book_instance *instance = book_instance(budget, result->deltas[i].ordinal);
        CHECK(standing->allocated == budget->allocated && standing->debt == budget->debt &&
                  standing->reserved == instance->reserved && standing->spent == instance->spent &&
                  standing->overdraft_limit == budget->overdraft_limit,
              "budget %" PRIu64 " stands otherwise than it is told", budget->id);
    }
}

/* --- Reservations. ---------------------------------------------------------------------------- */

static void on_reserve(struct audit *audit,
                       const struct pawl_command_reserve *reserve,
                       const struct pawl_result *result)
{
    struct book_reservation *reservation = book_reservation(&audit->book, result->id);
    if (reserve->dry_run) {
        CHECK(result->delta_count == 0 && result->id == 0, "a dry run holds something");
        return;
    }
    CHECK(reservation->state == BOOK_NONE, "reservation %" PRIu64 " is made twice", result->id);
    check_open(audit, &reserve->subject, result->now_us);
    check_tenant(audit, reserve->subject.levels[PAWL_LEVEL_TENANT], true);
    *reservation =
        (struct book_reservation){.state = BOOK_HELD,
                                  .overage = reserve->overage,
                                  .on_expiry = reserve->on_expiry,
                                  .grace_us = reserve->grace_ms * 1000,
                                  .due_us = result->expires_us + reserve->grace_ms * 1000};
    uint32_t bound = 0;
    for (size_t i = 0; i < audit->book.budget_count; i++) {
        struct book_budget *budget = &audit->book.budgets[i];
        int64_t amount = line_value(reserve->lines, reserve->line_count, budget->unit);
        if (amount < 0 || !book_binds(budget, &reserve->subject, budget->unit)) {
            continue;
        }
        const struct pawl_delta *delta = delta_of(result, budget->id);
        CHECK(delta != NULL, "budget %" PRIu64 " binds and is not charged", budget->id); /* A2 */
        CHECK(delta->reserved == amount && delta->spent == 0 && delta->debt == 0,
              "budget %" PRIu64 " holds another amount than the line", budget->id);
        CHECK(budget->state == PAWL_BUDGET_ACTIVE, "a grant on budget %" PRIu64 ", not active",
              budget->id);
        struct book_instance *instance = book(audit, budget, delta);
        CHECK(used(budget, instance) <= budget->allocated,
              "a grant takes budget %" PRIu64 " to %" PRId64 " of %" PRId64, budget->id,
              used(budget, instance), budget->allocated); /* A1 */
        CHECK(bound < BOOK_HOLDS_MAX, "the auditor's table of holds is too small");
        reservation->holds[bound++] = (struct book_hold){
            .budget = i, .ordinal = delta->ordinal, .unit = budget->unit, .amount = amount};
    }
    reservation->hold_count = bound;
    CHECK(bound == result->delta_count && bound > 0, "budgets are charged that do not bind");
    audit->counts.grants++;
}

static struct book_reservation *
held(struct audit *audit, uint64_t id, enum book_state state, const char *doing)
{
    struct book_reservation *reservation = book_reservation(&audit->book, id);
    CHECK(reservation->state == state, "%s of reservation %" PRIu64 " in state %d", doing, id,
          (int)reservation->state); /* A3 */
    return reservation;
}

/* The delta of a hold: in the window where it was taken (A4). */
static const struct pawl_delta *
hold_delta(struct audit *audit, const struct book_hold *hold, const struct pawl_result *result)
{
    const struct book_budget *budget = &audit->book.budgets[hold->budget];
    const struct pawl_delta *delta = delta_of(result, budget->id);
    CHECK(delta != NULL, "budget %" PRIu64 " is not settled", budget->id);
    CHECK(delta->ordinal == hold->ordinal, "budget %" PRIu64 " is settled in another window",
          budget->id);
    return delta;
}

static void
on_grow(struct audit *audit, const struct pawl_command_grow *grow, const struct pawl_result *result)
{
    struct book_reservation *reservation = held(audit, grow->reservation, BOOK_HELD, "a growth");
    check_tenant(audit, tenant_holding(audit, reservation), true);
    for (uint32_t i = 0; i < reservation->hold_count; i++) {
        struct book_hold *hold = &reservation->holds[i];
        int64_t more = line_value(grow->lines, grow->line_count, hold->unit);
        if (more < 0) {
            continue;
        }
        const struct pawl_delta *delta = hold_delta(audit, hold, result);
        struct book_budget *budget = &audit->book.budgets[hold->budget];
        CHECK(delta->reserved == more && delta->spent == 0, "a hold grows by another amount");
        struct book_instance *instance = book(audit, budget, delta);
        CHECK(used(budget, instance) <= budget->allocated,
              "growth takes budget %" PRIu64 " above its limit", budget->id); /* A1 */
        hold->amount += more;
    }
}

static void on_extend(struct audit *audit,
                      const struct pawl_command_extend *extend,
                      const struct pawl_result *result)
{
    struct book_reservation *reservation =
        held(audit, extend->reservation, BOOK_HELD, "an extension");
    check_tenant(audit, tenant_holding(audit, reservation), false);
    reservation->due_us = result->expires_us + reservation->grace_us;
}

/* How much of a line may be charged: exactly the actual amount, or under the two capping policies
 * anything from what was held to that. */
static void
check_charge(struct audit *audit, uint8_t overage, int64_t covered, int64_t actual, int64_t charged)
{
    bool capped =
        overage == PAWL_OVERAGE_ALLOW_IF_AVAILABLE || overage == PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT;
    int64_t least = capped && actual > covered ? covered : actual;
    CHECK(charged >= least && charged <= actual,
          "%" PRId64 " charged for %" PRId64 " of %" PRId64 " held", charged, actual, covered);
    CHECK(overage != PAWL_OVERAGE_REJECT || actual <= covered || covered == 0,
          "more than the hold is booked under REJECT");
}

/* A1 for what is booked after the fact. Under the overdraft policy what the limit does not pay is
 * debt, and debt has a limit of its own. */
static void check_limit(struct audit *audit,
                        uint8_t overage,
                        const struct book_budget *budget,
                        int64_t new_debt,
                        int64_t before,
                        int64_t after)
{
    if (overage == PAWL_OVERAGE_BOOK_FULL) {
        audit->counts.overshoots += after > budget->allocated ? 1 : 0;
        return;
    }
    CHECK(new_debt == 0 || (overage == PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT &&
                            budget->debt <= budget->overdraft_limit),
          "budget %" PRIu64 " owes %" PRId64 " of %" PRId64, budget->id, budget->debt,
          budget->overdraft_limit);
    CHECK(after - new_debt <= budget->allocated || after - new_debt <= before,
          "budget %" PRIu64 " goes to %" PRId64 " of %" PRId64, budget->id, after - new_debt,
          budget->allocated);
}

static void on_commit(struct audit *audit,
                      const struct pawl_command_settle *settle,
                      const struct pawl_result *result)
{
    struct book_reservation *reservation = held(audit, settle->reservation, BOOK_HELD, "a commit");
    check_tenant(audit, tenant_holding(audit, reservation), false);
    CHECK(result->now_us / 1000 <= reservation->due_us / 1000, "a commit after lease and grace");
    for (uint32_t i = 0; i < reservation->hold_count; i++) {
        const struct book_hold *hold = &reservation->holds[i];
        struct book_budget *budget = &audit->book.budgets[hold->budget];
        const struct pawl_delta *delta = hold_delta(audit, hold, result);
        int64_t actual = line_value(settle->lines, settle->line_count, hold->unit);
        int64_t charged = line_value(result->charged, result->line_count, hold->unit);
        check_charge(audit, reservation->overage, hold->amount, actual, charged);
        CHECK(delta->reserved == -hold->amount, "another amount is taken off the hold"); /* A4 */
        CHECK(delta->spent + delta->debt == charged, "booked and charged differ");
        int64_t before = used(budget, book_instance(budget, hold->ordinal));
        int64_t after = used(budget, book(audit, budget, delta));
        check_limit(audit, reservation->overage, budget, delta->debt, before, after);
    }
    CHECK(result->delta_count == reservation->hold_count, "other budgets are booked too");
    reservation->state = BOOK_COMMITTED;
    audit->counts.settled++;
}

static void on_release(struct audit *audit,
                       const struct pawl_command_release *release,
                       const struct pawl_result *result)
{
    struct book_reservation *reservation =
        held(audit, release->reservation, BOOK_HELD, "a release");
    check_tenant(audit, tenant_holding(audit, reservation), false);
    for (uint32_t i = 0; i < reservation->hold_count; i++) {
        const struct book_hold *hold = &reservation->holds[i];
        const struct pawl_delta *delta = hold_delta(audit, hold, result);
        CHECK(delta->reserved == -hold->amount && delta->spent == 0 && delta->debt == 0,
              "a release gives back another amount");
        (void)book(audit, &audit->book.budgets[hold->budget], delta);
    }
    reservation->state = BOOK_RELEASED;
    audit->counts.settled++;
}

static void on_correct(struct audit *audit,
                       const struct pawl_command_settle *settle,
                       const struct pawl_result *result)
{
    struct book_reservation *reservation =
        held(audit, settle->reservation, BOOK_UNCONFIRMED, "a correction");
    check_tenant(audit, tenant_holding(audit, reservation), false);
    for (uint32_t i = 0; i < reservation->hold_count; i++) {
        const struct book_hold *hold = &reservation->holds[i];
        const struct pawl_delta *delta = hold_delta(audit, hold, result);
        int64_t actual = line_value(settle->lines, settle->line_count, hold->unit);
        CHECK(delta->spent == actual - hold->amount && delta->reserved == 0,
              "a correction books another difference");
        (void)book(audit, &audit->book.budgets[hold->budget], delta);
    }
    reservation->state = BOOK_CORRECTED;
}

static void on_event(struct audit *audit,
                     const struct pawl_command_event *event,
                     const struct pawl_result *result)
{
    uint32_t bound = 0;
    check_tenant(audit, event->subject.levels[PAWL_LEVEL_TENANT], false);
    for (size_t i = 0; i < audit->book.budget_count; i++) {
        struct book_budget *budget = &audit->book.budgets[i];
        int64_t actual = line_value(event->lines, event->line_count, budget->unit);
        if (actual < 0 || !book_binds(budget, &event->subject, budget->unit)) {
            continue;
        }
        const struct pawl_delta *delta = delta_of(result, budget->id);
        CHECK(delta != NULL, "budget %" PRIu64 " binds and is not charged", budget->id);
        int64_t charged = line_value(result->charged, result->line_count, budget->unit);
        check_charge(audit, event->overage, 0, actual, charged);
        CHECK(delta->reserved == 0 && delta->spent + delta->debt == charged,
              "booked and charged differ");
        int64_t before = used(budget, book_instance(budget, delta->ordinal));
        int64_t after = used(budget, book(audit, budget, delta));
        check_limit(audit, event->overage, budget, delta->debt, before, after);
        bound++;
    }
    CHECK(bound == result->delta_count, "budgets are charged that do not bind");
    if (event->overage != PAWL_OVERAGE_BOOK_FULL) {
        check_open(audit, &event->subject, result->now_us);
    }
}

/* --- Time. ------------------------------------------------------------------------------------ */

static void give_back(struct audit *audit, const struct book_reservation *reservation, bool settles)
{
    for (uint32_t i = 0; i < reservation->hold_count; i++) {
        const struct book_hold *hold = &reservation->holds[i];
        struct book_instance *instance =
            book_instance(&audit->book.budgets[hold->budget], hold->ordinal);
        instance->reserved -= hold->amount;
        instance->spent += settles ? hold->amount : 0;
        CHECK(instance->reserved >= 0, "an expiry gives back more than is held");
    }
}

/* Results of EXPIRE have no deltas: what they did to the money is the auditor's own sum. */
static void expire_hold(struct audit *audit, const struct pawl_expired *row, int64_t now_us)
{
    struct book_reservation *reservation = held(audit, row->id, BOOK_HELD, "an expiry");
    bool settles = row->kind == PAWL_EXPIRED_SETTLED;
    CHECK(settles == (reservation->on_expiry == PAWL_ON_EXPIRY_SETTLE_AT_HOLD),
          "reservation %" PRIu64 " expires the other way", row->id);
    CHECK(now_us > reservation->due_us, "reservation %" PRIu64 " expires early", row->id);
    give_back(audit, reservation, settles);
    reservation->state = settles ? BOOK_UNCONFIRMED : BOOK_EXPIRED;
    audit->counts.expired++;
}

static void on_expire(struct audit *audit, const struct pawl_result *result)
{
    for (uint32_t i = 0; i < result->expired_count; i++) {
        const struct pawl_expired *row = &result->expired[i];
        switch ((enum pawl_expired_kind)row->kind) {
        case PAWL_EXPIRED_RELEASED:
        case PAWL_EXPIRED_SETTLED:
            expire_hold(audit, row, result->now_us);
            break;
        case PAWL_EXPIRED_UNCONFIRMED:
            held(audit, row->id, BOOK_UNCONFIRMED, "an end of corrections")->state = BOOK_FINAL;
            break;
        case PAWL_EXPIRED_SESSION:
            for (size_t s = 0; s < audit->book.session_count; s++) {
                struct book_session *session = &audit->book.sessions[s];
                if (session->id == row->id) {
                    CHECK(session->deadline_us <= result->now_us, "a session ends early");
                    session->state = PAWL_SESSION_ENDED;
                }
            }
            break;
        case PAWL_EXPIRED_DRAINED:
            audit_wrong(audit, "a deadline drains a tenant");
            break;
        case PAWL_EXPIRED_APPROVAL:
            CHECK(book_approval(&audit->book, row->id) != NULL, "an unknown question expires");
            break;
        }
    }
}

/* All rows are of the tenant, and where the pass is over nothing of it is held. */
static void on_drain(struct audit *audit,
                     const struct pawl_command_tenant_drain *drain,
                     const struct pawl_result *result)
{
    CHECK(*book_tenant(&audit->book, drain->tenant) == PAWL_TENANT_CLOSED,
          "a tenant is drained that is not closed");
    for (uint32_t i = 0; i < result->expired_count; i++) {
        struct book_reservation *reservation =
            held(audit, result->expired[i].id, BOOK_HELD, "a drain");
        CHECK(result->expired[i].kind == PAWL_EXPIRED_DRAINED &&
                  pawl_slice_equal(tenant_holding(audit, reservation), drain->tenant),
              "a drain takes what is not its tenant's");
        give_back(audit, reservation, false);
        reservation->state = BOOK_EXPIRED;
    }
    for (size_t i = 0; drain->from == 0 && !result->more_due && i < audit->book.reservation_count;
         i++) {
        const struct book_reservation *reservation = &audit->book.reservations[i];
        CHECK(reservation->state != BOOK_HELD ||
                  !pawl_slice_equal(tenant_holding(audit, reservation), drain->tenant),
              "a drain leaves reservation %zu", i);
    }
    audit->counts.drained += result->expired_count;
}

/* --- Budgets, sessions, questions. ------------------------------------------------------------ */

static void on_budget_create(struct audit *audit,
                             const struct pawl_command_budget_create *create,
                             const struct pawl_result *result)
{
    CHECK(book_budget(&audit->book, result->id) == NULL, "budget %" PRIu64 " is made twice",
          result->id);
    struct book_budget *budget = book_add_budget(&audit->book);
    budget->id = result->id;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        budget->levels[i] = book_name(create->scope.levels[i]);
    }
    budget->dimension = book_name(create->scope.dimension.name);
    budget->value = book_name(create->scope.dimension.value);
    budget->session = book_name(create->scope.session);
    budget->unit = create->unit;
    budget->window_kind = create->window.kind;
    budget->allocated = create->allocated;
    budget->overdraft_limit = create->overdraft_limit;
    check_tenant(audit, create->scope.levels[PAWL_LEVEL_TENANT], false);
    const struct pawl_delta *delta = delta_of(result, budget->id);
    CHECK(delta != NULL && delta->allocated == create->allocated, "another amount is allocated");
}

static void on_budget_fund(struct audit *audit,
                           const struct pawl_command_budget_fund *fund,
                           const struct pawl_result *result)
{
    struct book_budget *budget = book_budget(&audit->book, fund->budget);
    CHECK(budget != NULL && budget->state == PAWL_BUDGET_ACTIVE,
          "a budget is funded that cannot be");
    check_tenant(audit, tenant_of(budget), false);
    const struct pawl_delta *delta = delta_of(result, fund->budget);
    CHECK(delta != NULL && result->delta_count == 1, "funding does not say what it did");
    int64_t before = budget->allocated;
    int64_t paid = fund->amount < budget->debt ? fund->amount : budget->debt;
    struct book_instance *instance = book(audit, budget, delta);
    switch ((enum pawl_fund_kind)fund->kind) {
    case PAWL_FUND_CREDIT:
        budget->allocated += fund->amount;
        break;
    case PAWL_FUND_DEBIT:
        budget->allocated -= fund->amount;
        break;
    case PAWL_FUND_RESET:
        budget->allocated = fund->amount;
        break;
    case PAWL_FUND_RESET_SPENT:
        budget->allocated = fund->amount;
        CHECK(instance->spent == fund->spent, "spent is not what was set");
        break;
    case PAWL_FUND_REPAY_DEBT:
        CHECK(delta->debt == -paid, "another amount of debt is repaid");
        budget->allocated += fund->amount - paid;
        break;
    default:
        audit_wrong(audit, "an unknown kind of funding was taken");
    }
    CHECK(delta->allocated == budget->allocated - before, "another amount is allocated");
    CHECK(fund->kind == PAWL_FUND_REPAY_DEBT || delta->debt == 0, "funding touches debt");
    CHECK(fund->kind == PAWL_FUND_RESET_SPENT || delta->spent == 0, "funding touches spent");
    CHECK(delta->reserved == 0, "funding touches holds");
}

static void on_budget_set(struct audit *audit, const struct pawl_command_budget_set *set)
{
    struct book_budget *budget = book_budget(&audit->book, set->budget);
    CHECK(budget != NULL && budget->state != PAWL_BUDGET_CLOSED, "a closed budget is set");
    check_tenant(audit, tenant_of(budget), false);
    budget->state = set->state != 0 ? set->state : budget->state;
}

static void on_session_open(struct audit *audit,
                            const struct pawl_command_session_open *open,
                            const struct pawl_result *result)
{
    CHECK(book_session(&audit->book, open->tenant, open->name) == NULL, "a session opens twice");
    check_tenant(audit, open->tenant, false);
    struct book_session *session = book_add_session(&audit->book);
    session->tenant = book_name(open->tenant);
    session->name = book_name(open->name);
    session->id = result->id;
    for (uint32_t i = 0; i < open->cap_count; i++) {
        if (open->caps[i].unit == PAWL_UNIT_WALL_CLOCK_MS) {
            session->deadline_us = (result->now_us / 1000 + open->caps[i].amount) * 1000;
            continue;
        }
        struct book_budget *budget = book_add_budget(&audit->book);
        budget->levels[PAWL_LEVEL_TENANT] = session->tenant;
        budget->session = session->name;
        budget->unit = open->caps[i].unit;
        budget->allocated = open->caps[i].amount;
    }
}

static void on_approval_answer(struct audit *audit,
                               const struct pawl_command_approval_answer *answer)
{
    const struct book_approval *approval = book_approval(&audit->book, answer->approval);
    CHECK(approval != NULL, "an unknown question is answered");
    if (!answer->approved) {
        return;
    }
    struct book_session *session = &audit->book.sessions[approval->session];
    for (uint32_t i = 0; i < approval->line_count; i++) {
        for (size_t b = 0; b < audit->book.budget_count; b++) {
            struct book_budget *budget = &audit->book.budgets[b];
            if (strcmp(budget->session.text, session->name.text) == 0 &&
                strcmp(budget->levels[0].text, session->tenant.text) == 0 &&
                budget->unit == approval->lines[i].unit) {
                budget->allocated += approval->lines[i].value;
            }
        }
    }
    /* The simulator pauses sessions at caps and for questions only, and each kind that it asks
     * lifts both. */
    session->state = PAWL_SESSION_ACTIVE;
}

static void on_approval_open(struct audit *audit,
                             const struct pawl_command_approval_open *open,
                             const struct pawl_result *result)
{
    const struct book_session *session = book_session(&audit->book, open->tenant, open->session);
    CHECK(session != NULL, "a question in a session that nobody opened");
    struct book_approval *approval = book_add_approval(&audit->book);
    approval->id = result->id;
    approval->session = (size_t)(session - audit->book.sessions);
    approval->kind = open->kind;
    approval->line_count = open->line_count;
    memcpy(approval->lines, open->lines, sizeof(approval->lines));
}

/* --- Any record. ------------------------------------------------------------------------------ */

static void taken(struct audit *audit, const struct pawl_record *record)
{
    const struct pawl_command *command = &record->command;
    const struct pawl_result *result = &record->result;
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_BUDGET_CREATE:
        on_budget_create(audit, &command->u.budget_create, result);
        return;
    case PAWL_COMMAND_BUDGET_FUND:
        on_budget_fund(audit, &command->u.budget_fund, result);
        return;
    case PAWL_COMMAND_BUDGET_SET:
        on_budget_set(audit, &command->u.budget_set);
        return;
    case PAWL_COMMAND_RESERVE:
        on_reserve(audit, &command->u.reserve, result);
        return;
    case PAWL_COMMAND_GROW:
        on_grow(audit, &command->u.grow, result);
        return;
    case PAWL_COMMAND_EXTEND:
        on_extend(audit, &command->u.extend, result);
        return;
    case PAWL_COMMAND_COMMIT:
        on_commit(audit, &command->u.settle, result);
        return;
    case PAWL_COMMAND_RELEASE:
        on_release(audit, &command->u.release, result);
        return;
    case PAWL_COMMAND_CORRECT:
        on_correct(audit, &command->u.settle, result);
        return;
    case PAWL_COMMAND_EVENT:
        on_event(audit, &command->u.event, result);
        return;
    case PAWL_COMMAND_EXPIRE:
        on_expire(audit, result);
        return;
    case PAWL_COMMAND_SESSION_OPEN:
        on_session_open(audit, &command->u.session_open, result);
        return;
    case PAWL_COMMAND_SESSION_SET:
        check_tenant(audit, command->u.session_set.tenant, false);
        book_session(&audit->book, command->u.session_set.tenant, command->u.session_set.name)
            ->state = command->u.session_set.state;
        return;
    case PAWL_COMMAND_APPROVAL_OPEN:
        on_approval_open(audit, &command->u.approval_open, result);
        return;
    case PAWL_COMMAND_APPROVAL_ANSWER:
        on_approval_answer(audit, &command->u.approval_answer);
        return;
    case PAWL_COMMAND_DOCUMENT_PUT:
        on_document(audit, &command->u.document_put);
        return;
    case PAWL_COMMAND_TENANT_DRAIN:
        on_drain(audit, &command->u.tenant_drain, result);
        return;
    case PAWL_COMMAND_CONFIG:
    case PAWL_COMMAND_TZ_DEFINE:
    case PAWL_COMMAND_DECIDE:
    case PAWL_COMMAND_SESSION_PHASE:
    case PAWL_COMMAND_NOTE:
        CHECK(result->delta_count == 0, "money moved without a reason");
        return;
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    audit_wrong(audit, "an unknown command was taken");
}

void audit_taken(struct audit *audit, const struct pawl_record *record)
{
    taken(audit, record);
    check_standings(audit, &record->result);
}

/* A6. The numbers of a lifetime budget are known; of a window at least that it refuses rightly. */
void audit_refused(struct audit *audit, const struct pawl_record *record)
{
    const struct pawl_result *result = &record->result;
    const struct pawl_denial *denial = &result->denial;
    CHECK(result->delta_count == 0 && result->line_count == 0, "a refusal moved money");
    audit->counts.denials++;
    if (result->code == PAWL_RESULT_TENANT_CLOSED && record->command.type == PAWL_COMMAND_RESERVE) {
        struct pawl_slice tenant = record->command.u.reserve.subject.levels[PAWL_LEVEL_TENANT];
        CHECK(*book_tenant(&audit->book, tenant) == PAWL_TENANT_CLOSED,
              "a tenant is called closed that is not");
    }
    bool funds =
        result->code == PAWL_RESULT_BUDGET_EXCEEDED || result->code == PAWL_RESULT_CAP_EXCEEDED;
    /* REJECT refuses a settlement above its hold whatever is left. */
    if (!funds || record->command.type == PAWL_COMMAND_COMMIT) {
        return;
    }
    struct book_budget *budget = book_budget(&audit->book, denial->budget);
    CHECK(budget != NULL, "budget %" PRIu64 " refuses and is not there", denial->budget);
    CHECK(denial->limit == budget->allocated && denial->debt == budget->debt,
          "a refusal with another limit or debt than budget %" PRIu64 " has", denial->budget);
    CHECK(denial->asked > denial->limit - denial->spent - denial->held - denial->debt,
          "budget %" PRIu64 " refuses what it could grant", denial->budget);
    if (budget->window_kind == PAWL_WINDOW_LIFETIME && budget->instance_count > 0) {
        CHECK(denial->spent == budget->instances[0].spent &&
                  denial->held == budget->instances[0].reserved,
              "a refusal with other numbers than budget %" PRIu64 " has", denial->budget);
    }
}
