/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random_draw.c: any command, in a world so small that commands meet: few names, little money,
 * short leases, keys that come again. What is there already is drawn more often than what is not.
 */
#include <inttypes.h>
#include <string.h>

#include "random_walk.h"

static struct pawl_slice one_of(struct walk *walk, const char *const *names, uint64_t count)
{
    return pawl_slice_str(names[below(walk, count)]);
}

static const char *const tenants[] = {"acme", "acme", "zeta"};
static const char *const places[] = {"", "web", "shop"};
static const char *const sessions[] = {"", "R1", "R2", "R3"};
static const char *const phases[] = {"", "", "verify", "build", "wrap-up"};
static const char *const values[] = {"alice", "bob"};

/* --- Parts. ----------------------------------------------------------------------------------- */

static int64_t draw_amount(struct walk *walk)
{
    if (below(walk, 60) == 0) {
        return PAWL_AMOUNT_MAX - (int64_t)below(walk, 3);
    }
    return (int64_t)below(walk, below(walk, 4) == 0 ? 60 : 12);
}

static uint32_t draw_lines(struct walk *walk, struct pawl_amount *ret_lines)
{
    static const uint16_t units[LINES_DRAWN_MAX + 1] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS,
                                                        PAWL_UNIT_ITERATIONS, PAWL_UNIT_CREDITS};
    uint32_t count = 0;
    for (uint32_t i = 0; i <= LINES_DRAWN_MAX && count < LINES_DRAWN_MAX; i++) {
        if (below(walk, 2) == 0) {
            ret_lines[count] = (struct pawl_amount){.unit = units[i], .value = draw_amount(walk)};
            count++;
        }
    }
    return count;
}

void draw_levels(struct walk *walk, struct pawl_slice *ret_levels)
{
    ret_levels[PAWL_LEVEL_TENANT] = one_of(walk, tenants, 3);
    ret_levels[PAWL_LEVEL_WORKSPACE] = one_of(walk, places, 3);
    ret_levels[PAWL_LEVEL_AGENT] = one_of(walk, places, 2);
    ret_levels[PAWL_LEVEL_TOOLSET] =
        below(walk, 4) == 0 ? one_of(walk, places, 3) : PAWL_SLICE_NONE;
}

static void draw_subject(struct walk *walk, struct pawl_subject *ret_subject)
{
    draw_levels(walk, ret_subject->levels);
    ret_subject->session = one_of(walk, sessions, 4);
    if (below(walk, 3) == 0) {
        ret_subject->dimension_count = 2;
        ret_subject->dimensions[0] = (struct pawl_dimension){.name = PAWL_SLICE("engineer"),
                                                             .value = one_of(walk, values, 2)};
        ret_subject->dimensions[1] =
            (struct pawl_dimension){.name = PAWL_SLICE("a"), .value = one_of(walk, values, 2)};
    }
}

static struct pawl_window draw_window(struct walk *walk)
{
    struct pawl_window window = {.kind = (uint8_t)below(walk, 3)};
    if (window.kind == PAWL_WINDOW_CALENDAR) {
        window.period = (uint8_t)(1 + below(walk, 2));
        window.tz = (uint16_t)below(walk, 2);
    } else if (window.kind == PAWL_WINDOW_FIXED) {
        window.length_us = 1000000 * (int64_t)(1 + below(walk, 30));
    }
    return window;
}

static uint64_t draw_budget(struct walk *walk)
{
    struct pawl_core_stats stats;
    pawl_core_stats(walk->world.core, &stats);
    return 1 + below(walk, stats.budgets + 1);
}

/* A budget that owes and has something left all the same, or nothing; 0: there is none. */
static uint64_t find_owing(struct walk *walk, bool with_rest)
{
    uint32_t cursor = 0;
    uint64_t budget = 0;
    while (pawl_core_budget_next(walk->world.core, &cursor, &budget)) {
        struct pawl_budget_view view;
        if (pawl_core_budget(walk->world.core, budget, walk->now_us, &view) && view.debt > 0 &&
            view.overdraft_limit > 0 && (view.remaining >= 0) == with_rest) {
            return budget;
        }
    }
    return 0;
}

static uint64_t draw_recent(struct walk *walk, const uint64_t *ids, uint32_t count)
{
    uint32_t known = count < RECENT_MAX ? count : RECENT_MAX;
    return known == 0 || below(walk, 40) == 0 ? below(walk, 5000) : ids[below(walk, known)];
}

/* --- Commands. -------------------------------------------------------------------------------- */

static void draw_create(struct walk *walk, struct pawl_command *command)
{
    struct pawl_command_budget_create *create = &command->u.budget_create;
    struct pawl_amount lines[PAWL_LINES_MAX] = {{.unit = PAWL_UNIT_TOKENS}};
    (void)draw_lines(walk, lines);
    command->type = PAWL_COMMAND_BUDGET_CREATE;
    create->unit = lines[0].unit;
    create->allocated = (int64_t)below(walk, 200);
    create->overdraft_limit = below(walk, 2) == 0 ? (int64_t)below(walk, 30) : 0;
    create->mode = PAWL_BUDGET_ENFORCE;
    create->window = draw_window(walk);
    create->phase = one_of(walk, phases, 4);
    create->scope.levels[PAWL_LEVEL_TENANT] = one_of(walk, tenants, 3);
    switch (below(walk, 4)) {
    case 0:
        create->scope.session = one_of(walk, sessions + 1, 3);
        break;
    case 1:
        create->scope.dimension = (struct pawl_dimension){.name = PAWL_SLICE("engineer"),
                                                          .value = one_of(walk, values, 2)};
        break;
    default:
        draw_levels(walk, create->scope.levels);
        break;
    }
}

static void draw_fund(struct walk *walk, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_BUDGET_FUND;
    command->u.budget_fund.budget = draw_budget(walk);
    command->u.budget_fund.kind = PAWL_FUND_CREDIT;
    command->u.budget_fund.amount = 10 * draw_amount(walk);
    uint64_t owing = below(walk, 3) == 0 ? find_owing(walk, false) : 0;
    if (owing != 0) {
        command->u.budget_fund.budget = owing;
        command->u.budget_fund.amount = 200;
        return;
    }
    if (below(walk, 2) == 0) {
        command->u.budget_fund.kind = (uint8_t)(1 + below(walk, 5));
        command->u.budget_fund.amount = draw_amount(walk);
    }
    if (command->u.budget_fund.kind == PAWL_FUND_RESET_SPENT) {
        command->u.budget_fund.amount = (int64_t)below(walk, 200);
        command->u.budget_fund.spent = draw_amount(walk);
    }
}

static void draw_set(struct walk *walk, struct pawl_command *command)
{
    struct pawl_command_budget_set *set = &command->u.budget_set;
    command->type = PAWL_COMMAND_BUDGET_SET;
    set->budget = draw_budget(walk);
    uint64_t owing = below(walk, 2) == 0 ? find_owing(walk, true) : 0;
    bool owes = owing != 0;
    set->budget = owes ? owing : set->budget;
    if (owes || below(walk, 2) == 0) {
        set->set_overdraft_limit = true;
        set->overdraft_limit = owes ? 0 : (int64_t)(below(walk, 3) / 2 * below(walk, 20));
    } else {
        set->state = below(walk, 40) == 0 ? PAWL_BUDGET_CLOSED : (uint8_t)(1 + below(walk, 2));
    }
}

static void draw_reserve(struct walk *walk, struct pawl_command *command)
{
    struct pawl_command_reserve *reserve = &command->u.reserve;
    command->type = below(walk, 6) == 0 ? PAWL_COMMAND_DECIDE : PAWL_COMMAND_RESERVE;
    draw_subject(walk, &reserve->subject);
    reserve->phase = one_of(walk, phases, 5);
    reserve->line_count = draw_lines(walk, reserve->lines);
    reserve->ttl_ms = 1 + (int64_t)below(walk, below(walk, 3) == 0 ? 100000 : 3000);
    reserve->grace_ms = (int64_t)below(walk, 3) * 500;
    reserve->overage = (uint8_t)(1 + below(walk, 4));
    reserve->extensions_max = below(walk, 2) == 0 ? PAWL_EXTENSIONS_MAX : (uint16_t)below(walk, 3);
    reserve->dry_run = command->type == PAWL_COMMAND_RESERVE && below(walk, 12) == 0;
    if (below(walk, 3) == 0) {
        reserve->throttle = 1 + below(walk, 3);
        reserve->throttle_per_minute = 1;
    }
    reserve->on_expiry = (uint8_t)(1 + below(walk, 2));
}

/* The lines of an open reservation, with other amounts. */
static uint32_t draw_actual(struct walk *walk, uint64_t id, struct pawl_amount *ret_lines)
{
    struct pawl_reservation_view view;
    if (below(walk, 20) == 0 || !pawl_core_reservation(walk->world.core, id, &view)) {
        return draw_lines(walk, ret_lines);
    }
    for (uint32_t i = 0; i < view.line_count; i++) {
        ret_lines[i] = view.lines[i];
        if (below(walk, 3) == 0) {
            ret_lines[i].value = draw_amount(walk);
        }
    }
    return view.line_count;
}

static void draw_by_id(struct walk *walk, struct pawl_command *command)
{
    uint64_t id = draw_recent(walk, walk->reservations, walk->reservation_count);
    switch (below(walk, 8)) {
    case 0:
        command->type = PAWL_COMMAND_GROW;
        command->u.grow.reservation = id;
        command->u.grow.line_count = draw_actual(walk, id, command->u.grow.lines);
        break;
    case 1:
        command->type = PAWL_COMMAND_EXTEND;
        command->u.extend.reservation = id;
        command->u.extend.ttl_ms = 1 + (int64_t)below(walk, 3000);
        break;
    case 2:
        command->type = PAWL_COMMAND_RELEASE;
        command->u.release.reservation = id;
        break;
    case 3:
    case 4:
        command->type = PAWL_COMMAND_CORRECT;
        command->u.settle.reservation = id;
        command->u.settle.line_count = draw_actual(walk, id, command->u.settle.lines);
        break;
    default:
        command->type = PAWL_COMMAND_COMMIT;
        command->u.settle.reservation = id;
        command->u.settle.line_count = draw_actual(walk, id, command->u.settle.lines);
        break;
    }
}

static void draw_event(struct walk *walk, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_EVENT;
    draw_subject(walk, &command->u.event.subject);
    command->u.event.line_count = draw_lines(walk, command->u.event.lines);
    command->u.event.overage = (uint8_t)(1 + below(walk, 4));
}

static void draw_session_open(struct walk *walk, struct pawl_command *command)
{
    struct pawl_command_session_open *open = &command->u.session_open;
    command->type = PAWL_COMMAND_SESSION_OPEN;
    open->tenant = one_of(walk, tenants, 3);
    open->name = one_of(walk, sessions + 1, 3);
    open->phase = one_of(walk, phases, 4);
    open->caps[0] =
        (struct pawl_session_cap){.unit = PAWL_UNIT_USD_MICROCENTS, .amount = draw_amount(walk)};
    open->caps[1] = (struct pawl_session_cap){.unit = PAWL_UNIT_ITERATIONS, .amount = 5};
    open->caps[2] = (struct pawl_session_cap){
        .phase = PAWL_SLICE("verify"), .unit = PAWL_UNIT_TOKENS, .amount = draw_amount(walk)};
    open->caps[3] = (struct pawl_session_cap){.unit = PAWL_UNIT_WALL_CLOCK_MS,
                                              .amount = (int64_t)below(walk, 60000)};
    open->cap_count = (uint32_t)below(walk, 5);
}

static void draw_session(struct walk *walk, struct pawl_command *command)
{
    static const uint8_t reasons[][2] = {
        {PAWL_SESSION_ACTIVE, PAWL_REASON_NONE},     {PAWL_SESSION_PAUSED, PAWL_REASON_IDLE},
        {PAWL_SESSION_PAUSED, PAWL_REASON_APPROVAL}, {PAWL_SESSION_ACTIVE, PAWL_REASON_NONE},
        {PAWL_SESSION_ENDED, PAWL_REASON_FAILED},
    };
    if (below(walk, 3) == 0) {
        command->type = PAWL_COMMAND_SESSION_PHASE;
        command->u.session_phase.tenant = one_of(walk, tenants, 3);
        command->u.session_phase.name = one_of(walk, sessions + 1, 3);
        command->u.session_phase.phase = one_of(walk, phases, 5);
        return;
    }
    const uint8_t *to = reasons[below(walk, below(walk, 6) == 0 ? 5 : 4)];
    command->type = PAWL_COMMAND_SESSION_SET;
    command->u.session_set.tenant = one_of(walk, tenants, 3);
    command->u.session_set.name = one_of(walk, sessions + 1, 3);
    command->u.session_set.state = to[0];
    command->u.session_set.reason = to[1];
}

static void draw_approval(struct walk *walk, struct pawl_command *command)
{
    if (below(walk, 2) == 0) {
        struct pawl_command_approval_open *open = &command->u.approval_open;
        command->type = PAWL_COMMAND_APPROVAL_OPEN;
        open->tenant = one_of(walk, tenants, 3);
        open->session = one_of(walk, sessions + 1, 3);
        open->kind = (uint8_t)(1 + below(walk, 3));
        open->ttl_ms = (int64_t)below(walk, 3) * 2000;
        if (open->kind == PAWL_APPROVAL_RAISE_CAP) {
            open->line_count = 1;
            open->lines[0] =
                (struct pawl_amount){.unit = PAWL_UNIT_USD_MICROCENTS, .value = draw_amount(walk)};
        }
        return;
    }
    command->type = PAWL_COMMAND_APPROVAL_ANSWER;
    command->u.approval_answer.approval = draw_recent(walk, walk->approvals, walk->approval_count);
    command->u.approval_answer.approved = below(walk, 3) != 0;
}

/* One tenant is never closed, or nothing would be left to happen. */
static uint8_t draw_tenant_state(struct walk *walk, struct pawl_slice tenant)
{
    bool may_close = pawl_slice_equal_str(tenant, "zeta");
    if (may_close && below(walk, 8) == 0) {
        return PAWL_TENANT_CLOSED;
    }
    return below(walk, 12) == 0 ? PAWL_TENANT_SUSPENDED : PAWL_TENANT_ACTIVE;
}

static void draw_document(struct walk *walk, struct pawl_command *command)
{
    static const char *const ids[] = {"p1", "p2", "p3", "acme"};
    struct pawl_command_document_put *put = &command->u.document_put;
    struct pawl_document_view view;
    uint64_t document = 0;
    command->type = PAWL_COMMAND_DOCUMENT_PUT;
    put->kind = (uint8_t)(1 + below(walk, PAWL_DOCUMENT_KIND_END - 1));
    put->kind = below(walk, 3) == 0 ? PAWL_DOCUMENT_TENANT : put->kind;
    put->tenant = put->kind == PAWL_DOCUMENT_SERVER ? PAWL_SLICE_NONE : one_of(walk, tenants, 3);
    put->id = put->kind == PAWL_DOCUMENT_TENANT ? put->tenant : one_of(walk, ids, 4);
    put->state = put->kind == PAWL_DOCUMENT_TENANT ? draw_tenant_state(walk, put->tenant) : 7;
    put->body =
        pawl_slice_of(walk->body, below(walk, below(walk, 8) == 0 ? sizeof(walk->body) : 600));
    for (size_t i = 0; i < 8; i++) {
        walk->body[i * 247] = (char)('a' + below(walk, 26));
    }
    if (pawl_core_document_find(walk->world.core, put->kind, put->id, &document) &&
        pawl_core_document(walk->world.core, document, &view)) {
        put->version = below(walk, 6) == 0 ? below(walk, 100) : view.version;
    }
}

static void draw_drain(struct walk *walk, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_TENANT_DRAIN;
    command->u.tenant_drain.tenant = PAWL_SLICE("zeta");
    command->u.tenant_drain.from = (uint32_t)below(walk, 3) / 2 * (uint32_t)below(walk, 30);
    command->u.tenant_drain.max = (uint32_t)(1 + below(walk, 40));
}

static void draw_zone(struct walk *walk, struct pawl_command *command)
{
    struct pawl_command_tz_define *define = &command->u.tz_define;
    command->type = PAWL_COMMAND_TZ_DEFINE;
    define->tz = 1;
    define->name = PAWL_SLICE("Some/Where");
    define->initial_offset_s = (int32_t)below(walk, 40) * 900 - 18000;
    define->transition_count = (uint32_t)below(walk, 4);
    define->transitions = walk->transitions;
    for (uint32_t i = 0; i < define->transition_count; i++) {
        walk->transitions[i] = (struct pawl_tz_transition){
            .at_s = walk->now_us / 1000000 + 3600 * (int64_t)i + (int64_t)below(walk, 3600),
            .offset_s = (int32_t)below(walk, 40) * 900 - 18000};
    }
}

void draw_command(struct walk *walk, struct pawl_command *ret_command)
{
    uint64_t draw = below(walk, 100);
    *ret_command = (struct pawl_command){.type = PAWL_COMMAND_NOTE};
    if (draw < 36) {
        draw_reserve(walk, ret_command);
    } else if (draw < 62) {
        draw_by_id(walk, ret_command);
    } else if (draw < 68) {
        draw_event(walk, ret_command);
    } else if (draw < 75) {
        ret_command->type = PAWL_COMMAND_EXPIRE;
        ret_command->u.expire.until_us = walk->now_us - (int64_t)below(walk, 2) * 100000;
        ret_command->u.expire.max = (uint32_t)(1 + below(walk, 5));
    } else if (draw < 77) {
        draw_document(walk, ret_command);
    } else if (draw < 78) {
        draw_drain(walk, ret_command);
    } else if (draw < 83) {
        draw_create(walk, ret_command);
    } else if (draw < 88) {
        draw_fund(walk, ret_command);
    } else if (draw < 91) {
        draw_set(walk, ret_command);
    } else if (draw < 93) {
        draw_session_open(walk, ret_command);
    } else if (draw < 95) {
        draw_session(walk, ret_command);
    } else if (draw < 98) {
        draw_approval(walk, ret_command);
    } else if (draw < 99) {
        draw_zone(walk, ret_command);
    } else {
        ret_command->u.note.tenant = one_of(walk, tenants, 3);
    }
    bool may_have_key = ret_command->type != PAWL_COMMAND_EXPIRE &&
                        ret_command->type != PAWL_COMMAND_TENANT_DRAIN &&
                        ret_command->type != PAWL_COMMAND_TZ_DEFINE;
    if (may_have_key && below(walk, 2) == 0) {
        (void)snprintf(walk->key, sizeof(walk->key), "k%" PRIu64, below(walk, 30));
        ret_command->idempotency_key = pawl_slice_str(walk->key);
        ret_command->payload_hash[0] = below(walk, 3);
    }
}
