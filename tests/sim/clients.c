/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.c: who spends, and an administrator. A client has at most one hold and one request on
 * the way; some are impatient and send twice; after a death of the process some send again what
 * was not answered, under the same key, and some forget about it.
 *
 * Nothing is checked here but the order of answers; the auditor does the rest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "core/codec.h"
#include "sim.h"

static const char *const tenants[SIM_TENANTS_MAX] = {"t0", "t1", "t2", "t3"};
static const char *const workspaces[] = {"w0", "w1"};
static const char *const agents[] = {"a0", "a1", "a2"};
static const char *const engineers[] = {"e0", "e1"};

static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_ITERATIONS};

#define PICK(prng, array) ((array)[pawl_prng_below((prng), PAWL_ARRAY_LEN(array))])

void clients_init(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->client_count; i++) {
        sim->clients[i] = (struct client){
            .number = i, .tenant = (uint32_t)pawl_prng_below(&sim->prng, sim->tenant_count)};
    }
}

/* --- Sending. --------------------------------------------------------------------------------- */

static void hash_payload(struct pawl_command *command)
{
    static struct pawl_buf bytes;
    if (bytes.max_bytes == 0) {
        pawl_buf_init(&bytes, PAWL_RECORD_BYTES_MAX);
    }
    struct pawl_command bare = *command;
    bare.idempotency_key = PAWL_SLICE_NONE;
    pawl_buf_reset(&bytes);
    pawl_codec_encode_command(&bytes, &bare);
    command->payload_hash[0] =
        pawl_hash_sip((struct pawl_hash_key){1, 1}, pawl_buf_slice(&bytes)) | 1;
    command->payload_hash[1] = pawl_hash_sip((struct pawl_hash_key){2, 2}, pawl_buf_slice(&bytes));
}

static void on_answer(struct pawl_op *op);

static void send(struct request *request)
{
    struct sim *sim = request->sim;
    request->waiting = true;
    request->retry = false;
    request->sequence = ++sim->next_sequence;
    uint16_t type = request->command.type;
    bool settles = type == PAWL_COMMAND_COMMIT || type == PAWL_COMMAND_RELEASE;
    bool lazy = settles && request->sequence % 2 == 0;
    request->op = (struct pawl_op){.done = on_answer, .arg = request, .lazy = lazy};
    sim->counts.submitted++;
    pawl_engine_submit(sim->engine, &request->command, &request->op);
}

static struct request *request_new(struct sim *sim, struct client *client)
{
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        if (!sim->requests[i].busy) {
            struct request *request = &sim->requests[i];
            *request = (struct request){.sim = sim, .client = client, .busy = true};
            return request;
        }
    }
    return NULL;
}

/* With a key most of the time; without one it can never be sent again. */
static void send_new(struct sim *sim, struct client *client, const struct pawl_command *command)
{
    struct request *request = request_new(sim, client);
    if (request == NULL) {
        return;
    }
    request->command = *command;
    if (!pawl_prng_one_in(&sim->prng, 5)) {
        (void)snprintf(request->key, sizeof(request->key), "k%" PRIu64, ++sim->next_key);
        request->command.idempotency_key = pawl_slice_str(request->key);
        hash_payload(&request->command);
    }
    if (client != NULL) {
        client->pending = request;
    }
    send(request);
}

/* The same command under the same key once more, while the first is on its way. */
static void send_twice(struct sim *sim, const struct request *first)
{
    struct request *second = request_new(sim, NULL);
    if (second == NULL || first->command.idempotency_key.bytes == 0) {
        if (second != NULL) {
            second->busy = false;
        }
        return;
    }
    second->command = first->command;
    memcpy(second->key, first->key, sizeof(second->key));
    second->command.idempotency_key = pawl_slice_str(second->key);
    sim->counts.duplicates++;
    send(second);
}

/* --- What clients want. ----------------------------------------------------------------------- */

static void draw_subject(struct sim *sim, const struct client *client, struct pawl_subject *ret)
{
    struct pawl_prng *prng = &sim->prng;
    ret->levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenants[client->tenant]);
    if (pawl_prng_one_in(prng, 2)) {
        ret->levels[PAWL_LEVEL_WORKSPACE] = pawl_slice_str(PICK(prng, workspaces));
    }
    if (pawl_prng_one_in(prng, 3)) {
        ret->levels[PAWL_LEVEL_AGENT] = pawl_slice_str(PICK(prng, agents));
    }
    if (pawl_prng_one_in(prng, 3)) {
        ret->dimension_count = 1;
        ret->dimensions[0].name = PAWL_SLICE("engineer");
        ret->dimensions[0].value = pawl_slice_str(PICK(prng, engineers));
    }
    if (sim->session_count > 0 && pawl_prng_one_in(prng, 3)) {
        const struct sim_session *session =
            &sim->sessions[pawl_prng_below(prng, sim->session_count)];
        if (session->tenant == client->tenant) {
            ret->session = pawl_slice_str(session->name);
        }
    }
}

static int64_t draw_amount(struct sim *sim, uint16_t unit)
{
    int64_t most = unit == PAWL_UNIT_ITERATIONS ? 2 : 500;
    return pawl_prng_between(&sim->prng, pawl_prng_one_in(&sim->prng, 30) ? 0 : 1, most);
}

static uint32_t draw_lines(struct sim *sim, struct pawl_amount *ret_lines)
{
    uint32_t count = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        if (i == 0 || pawl_prng_one_in(&sim->prng, 3)) {
            ret_lines[count++] =
                (struct pawl_amount){.unit = units[i], .value = draw_amount(sim, units[i])};
        }
    }
    return count;
}

/* Mostly the plain one: a budget that went over its limit takes nothing until it is funded. */
static uint8_t draw_overage(struct pawl_prng *prng)
{
    int64_t last = pawl_prng_one_in(prng, 8) ? PAWL_OVERAGE_BOOK_FULL : PAWL_OVERAGE_REJECT;
    return (uint8_t)pawl_prng_between(prng, PAWL_OVERAGE_REJECT, last);
}

static void want_hold(struct sim *sim, struct client *client)
{
    struct pawl_prng *prng = &sim->prng;
    bool decide = pawl_prng_one_in(prng, 20);
    struct pawl_command command = {.type = decide ? PAWL_COMMAND_DECIDE : PAWL_COMMAND_RESERVE};
    struct pawl_command_reserve *reserve = &command.u.reserve;
    draw_subject(sim, client, &reserve->subject);
    reserve->line_count = draw_lines(sim, reserve->lines);
    reserve->ttl_ms = pawl_prng_between(prng, 1, 30000);
    reserve->grace_ms = pawl_prng_one_in(prng, 2) ? 0 : pawl_prng_between(prng, 0, 5000);
    reserve->overage = draw_overage(prng);
    reserve->extensions_max = PAWL_EXTENSIONS_MAX;
    reserve->dry_run = !decide && pawl_prng_one_in(prng, 20);
    reserve->on_expiry =
        (uint8_t)pawl_prng_between(prng, PAWL_ON_EXPIRY_RELEASE, PAWL_ON_EXPIRY_SETTLE_AT_HOLD);
    send_new(sim, client, &command);
}

static void want_event(struct sim *sim, struct client *client)
{
    struct pawl_command command = {.type = PAWL_COMMAND_EVENT};
    draw_subject(sim, client, &command.u.event.subject);
    command.u.event.line_count = draw_lines(sim, command.u.event.lines);
    command.u.event.overage = draw_overage(&sim->prng);
    send_new(sim, client, &command);
}

/* The actual amounts: mostly less than was held, sometimes more. */
static void draw_actual(struct sim *sim, const struct client *client, struct pawl_amount *ret_lines)
{
    for (uint32_t i = 0; i < client->line_count; i++) {
        int64_t held = client->lines[i].value;
        int64_t most = pawl_prng_one_in(&sim->prng, 4) ? held * 2 + 5 : held;
        ret_lines[i] = (struct pawl_amount){.unit = client->lines[i].unit,
                                            .value = pawl_prng_between(&sim->prng, 0, most)};
    }
}

static void want_settlement(struct sim *sim, struct client *client, uint16_t type)
{
    struct pawl_command command = {.type = type};
    command.u.settle.reservation = client->reservation;
    command.u.settle.line_count = client->line_count;
    draw_actual(sim, client, command.u.settle.lines);
    send_new(sim, client, &command);
}

static void act_on_hold(struct sim *sim, struct client *client)
{
    struct pawl_prng *prng = &sim->prng;
    struct pawl_command command = {.type = 0};
    if (client->unconfirmed) {
        want_settlement(sim, client, PAWL_COMMAND_CORRECT);
        return;
    }
    switch (pawl_prng_below(prng, 12)) {
    case 0:
    case 1:
        command.type = PAWL_COMMAND_GROW;
        command.u.grow.reservation = client->reservation;
        command.u.grow.line_count = 1;
        command.u.grow.lines[0] = (struct pawl_amount){
            .unit = client->lines[0].unit, .value = draw_amount(sim, client->lines[0].unit)};
        send_new(sim, client, &command);
        return;
    case 2:
        command.type = PAWL_COMMAND_EXTEND;
        command.u.extend.reservation = client->reservation;
        command.u.extend.ttl_ms = pawl_prng_between(prng, 1, 20000);
        send_new(sim, client, &command);
        return;
    case 3:
    case 4:
        command.type = PAWL_COMMAND_RELEASE;
        command.u.release.reservation = client->reservation;
        send_new(sim, client, &command);
        return;
    case 5:
        /* Walks away: the lease runs out, and sometimes somebody corrects it later. */
        if (pawl_prng_one_in(prng, 2)) {
            client->unconfirmed = true;
        } else {
            client->reservation = 0;
        }
        return;
    default:
        want_settlement(sim, client, PAWL_COMMAND_COMMIT);
        return;
    }
}

/* --- The administrator. ----------------------------------------------------------------------- */

static void draw_window(struct sim *sim, struct pawl_window *ret_window)
{
    switch (pawl_prng_below(&sim->prng, 4)) {
    case 0:
        ret_window->kind = PAWL_WINDOW_CALENDAR;
        ret_window->period =
            (uint8_t)pawl_prng_between(&sim->prng, PAWL_PERIOD_HOUR, PAWL_PERIOD_WEEK);
        return;
    case 1:
        ret_window->kind = PAWL_WINDOW_FIXED;
        ret_window->length_us = pawl_prng_between(&sim->prng, 1, 120) * PAWL_US_PER_SECOND;
        return;
    default:
        return;
    }
}

static void create_budget(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
    struct pawl_command_budget_create *create = &command.u.budget_create;
    uint64_t tenant = sim->budgets_asked < sim->tenant_count
                          ? sim->budgets_asked
                          : pawl_prng_below(prng, sim->tenant_count);
    bool plain = sim->budgets_asked < sim->tenant_count;
    create->scope.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(tenants[tenant]);
    if (!plain) {
        switch (pawl_prng_below(prng, 4)) {
        case 0:
            create->scope.levels[PAWL_LEVEL_WORKSPACE] = pawl_slice_str(PICK(prng, workspaces));
            break;
        case 1:
            create->scope.levels[PAWL_LEVEL_AGENT] = pawl_slice_str(PICK(prng, agents));
            break;
        case 2:
            create->scope.dimension.name = PAWL_SLICE("engineer");
            create->scope.dimension.value = pawl_slice_str(PICK(prng, engineers));
            break;
        default:
            break;
        }
        draw_window(sim, &create->window);
    }
    create->unit = plain ? PAWL_UNIT_USD_MICROCENTS : PICK(prng, units);
    create->allocated =
        pawl_prng_between(prng, 0, create->unit == PAWL_UNIT_ITERATIONS ? 200 : 40000);
    create->overdraft_limit = pawl_prng_one_in(prng, 3) ? pawl_prng_between(prng, 0, 2000) : 0;
    create->mode = PAWL_BUDGET_ENFORCE;
    sim->budgets_asked++;
    send_new(sim, NULL, &command);
}

static void fund_budget(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_FUND};
    command.u.budget_fund.budget = sim->budgets[pawl_prng_below(prng, sim->budget_count)];
    int64_t last = pawl_prng_one_in(prng, 2) ? PAWL_FUND_REPAY_DEBT : PAWL_FUND_CREDIT;
    command.u.budget_fund.kind = (uint8_t)pawl_prng_between(prng, PAWL_FUND_CREDIT, last);
    command.u.budget_fund.amount = pawl_prng_between(prng, 0, 20000);
    if (command.u.budget_fund.kind == PAWL_FUND_RESET_SPENT) {
        command.u.budget_fund.spent = pawl_prng_between(prng, 0, 20000);
    }
    send_new(sim, NULL, &command);
}

static void set_budget(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_SET};
    command.u.budget_set.budget = sim->budgets[pawl_prng_below(prng, sim->budget_count)];
    command.u.budget_set.state =
        (uint8_t)(pawl_prng_one_in(prng, 4) ? PAWL_BUDGET_FROZEN : PAWL_BUDGET_ACTIVE);
    send_new(sim, NULL, &command);
}

static void open_session(struct sim *sim)
{
    if (sim->session_count == SIM_SESSIONS_MAX) {
        return;
    }
    struct pawl_prng *prng = &sim->prng;
    struct sim_session *session = &sim->sessions[sim->session_count];
    (void)snprintf(session->name, sizeof(session->name), "s%u", (unsigned)sim->session_count);
    session->tenant = (uint32_t)pawl_prng_below(prng, sim->tenant_count);
    sim->session_count++;
    struct pawl_command command = {.type = PAWL_COMMAND_SESSION_OPEN};
    struct pawl_command_session_open *open = &command.u.session_open;
    open->tenant = pawl_slice_str(tenants[session->tenant]);
    open->name = pawl_slice_str(session->name);
    open->cap_count = 2;
    open->caps[0] = (struct pawl_session_cap){.unit = PAWL_UNIT_USD_MICROCENTS,
                                              .amount = pawl_prng_between(prng, 100, 5000)};
    open->caps[1] = (struct pawl_session_cap){.unit = PAWL_UNIT_ITERATIONS,
                                              .amount = pawl_prng_between(prng, 1, 20)};
    if (pawl_prng_one_in(prng, 2)) {
        open->caps[open->cap_count++] = (struct pawl_session_cap){
            .unit = PAWL_UNIT_WALL_CLOCK_MS, .amount = pawl_prng_between(prng, 1, 600000)};
    }
    send_new(sim, NULL, &command);
}

static void steer_session(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    struct sim_session *session = &sim->sessions[pawl_prng_below(prng, sim->session_count)];
    struct pawl_command command = {.type = PAWL_COMMAND_SESSION_SET};
    struct pawl_slice tenant = pawl_slice_str(tenants[session->tenant]);
    struct pawl_slice name = pawl_slice_str(session->name);
    switch (pawl_prng_below(prng, 4)) {
    case 0:
        command.u.session_set.tenant = tenant;
        command.u.session_set.name = name;
        command.u.session_set.state = PAWL_SESSION_PAUSED;
        command.u.session_set.reason = PAWL_REASON_CAP;
        command.u.session_set.unit = PAWL_UNIT_USD_MICROCENTS;
        break;
    case 1:
        command.u.session_set.tenant = tenant;
        command.u.session_set.name = name;
        command.u.session_set.state =
            (uint8_t)(pawl_prng_one_in(prng, 6) ? PAWL_SESSION_ENDED : PAWL_SESSION_ACTIVE);
        command.u.session_set.reason =
            command.u.session_set.state == PAWL_SESSION_ENDED ? PAWL_REASON_COMPLETED : 0;
        break;
    case 2:
        command.type = PAWL_COMMAND_APPROVAL_OPEN;
        command.u.approval_open.tenant = tenant;
        command.u.approval_open.session = name;
        command.u.approval_open.kind = PAWL_APPROVAL_RAISE_CAP;
        command.u.approval_open.line_count = 1;
        command.u.approval_open.lines[0] = (struct pawl_amount){
            .unit = PAWL_UNIT_USD_MICROCENTS, .value = pawl_prng_between(prng, 1, 2000)};
        command.u.approval_open.ttl_ms =
            pawl_prng_one_in(prng, 2) ? 0 : pawl_prng_between(prng, 1, 60000);
        break;
    default:
        if (session->approval == 0) {
            return;
        }
        command.type = PAWL_COMMAND_APPROVAL_ANSWER;
        command.u.approval_answer.approval = session->approval;
        command.u.approval_answer.approved = pawl_prng_one_in(prng, 2);
        session->approval = 0;
        break;
    }
    send_new(sim, NULL, &command);
}

/* Mostly suspends one for a while. One is closed now and then, and never the last one. */
static void steer_tenant(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    const struct pawl_core *core = pawl_engine_core(sim->engine);
    uint32_t tenant = (uint32_t)pawl_prng_below(prng, sim->tenant_count);
    struct pawl_command command = {.type = PAWL_COMMAND_DOCUMENT_PUT};
    struct pawl_command_document_put *put = &command.u.document_put;
    struct pawl_document_view view = {.version = 0};
    uint64_t document = 0;
    put->kind = PAWL_DOCUMENT_TENANT;
    put->tenant = pawl_slice_str(tenants[tenant]);
    put->id = put->tenant;
    if (pawl_core_document_find(core, put->kind, put->id, &document) &&
        !pawl_core_document(core, document, &view)) {
        program_fail("a document is found and is not there");
    }
    put->version = view.version;
    put->state = (uint8_t)(pawl_prng_one_in(prng, 4) ? PAWL_TENANT_SUSPENDED : PAWL_TENANT_ACTIVE);
    if (tenant > 0 && view.version != 0 && pawl_prng_one_in(prng, 10)) {
        put->state = PAWL_TENANT_CLOSED;
    }
    static const char body[300] = "what is said of it";
    put->body = pawl_slice_of(body, (size_t)pawl_prng_below(prng, sizeof(body)));
    send_new(sim, NULL, &command);
}

/* What a tenant holds, in one pass or in a slice that begins somewhere. */
static void drain_tenant(struct sim *sim, struct pawl_slice tenant)
{
    struct pawl_prng *prng = &sim->prng;
    struct pawl_command command = {.type = PAWL_COMMAND_TENANT_DRAIN};
    struct request *request = request_new(sim, NULL);
    if (request == NULL) {
        return;
    }
    bool whole = pawl_prng_one_in(prng, 2);
    command.u.tenant_drain.tenant = tenant;
    command.u.tenant_drain.from = whole ? 0 : (uint32_t)pawl_prng_below(prng, 40);
    command.u.tenant_drain.max = whole ? PAWL_EXPIRE_MAX : 1 + (uint32_t)pawl_prng_below(prng, 20);
    request->command = command;
    send(request);
}

static void administer(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    if (pawl_prng_one_in(prng, 25)) {
        steer_tenant(sim);
        return;
    }
    if (pawl_prng_one_in(prng, 25)) {
        drain_tenant(sim, pawl_slice_str(tenants[pawl_prng_below(prng, sim->tenant_count)]));
        return;
    }
    if (sim->budgets_asked < sim->tenant_count * 2 ||
        (sim->budgets_asked < SIM_BUDGETS_MAX && pawl_prng_one_in(prng, 30))) {
        create_budget(sim);
    } else if (sim->budget_count > 0 && pawl_prng_one_in(prng, 3)) {
        fund_budget(sim);
    } else if (sim->budget_count > 0 && pawl_prng_one_in(prng, 8)) {
        set_budget(sim);
    } else if (sim->session_count == 0 || pawl_prng_one_in(prng, 5)) {
        open_session(sim);
    } else {
        steer_session(sim);
    }
}

/* --- Answers. --------------------------------------------------------------------------------- */

static void note_made(struct sim *sim, const struct request *request)
{
    const struct pawl_result *result = &request->op.result;
    if (result->code != PAWL_RESULT_OK || result->replayed) {
        return;
    }
    if (request->command.type == PAWL_COMMAND_BUDGET_CREATE &&
        sim->budget_count < SIM_BUDGETS_MAX) {
        sim->budgets[sim->budget_count++] = result->id;
    } else if (request->command.type == PAWL_COMMAND_DOCUMENT_PUT &&
               request->command.u.document_put.state == PAWL_TENANT_CLOSED) {
        sim->closed = request->command.u.document_put.tenant;
    } else if (request->command.type == PAWL_COMMAND_APPROVAL_OPEN) {
        for (uint32_t i = 0; i < sim->session_count; i++) {
            struct sim_session *session = &sim->sessions[i];
            if (pawl_slice_equal_str(request->command.u.approval_open.session, session->name)) {
                session->approval = result->id;
            }
        }
    }
}

static void note_hold(struct client *client, const struct request *request)
{
    const struct pawl_command *command = &request->command;
    const struct pawl_result *result = &request->op.result;
    bool ok = result->code == PAWL_RESULT_OK;
    if (result->code == PAWL_RESULT_TENANT_CLOSED) {
        client->tenant = 0; /* goes to the one that is never closed */
        client->reservation = 0;
        return;
    }
    if (command->type == PAWL_COMMAND_RESERVE) {
        client->reservation = ok ? result->id : 0; /* 0 of a dry run too */
        client->unconfirmed = false;
        client->line_count = command->u.reserve.line_count;
        memcpy(client->lines, command->u.reserve.lines, sizeof(client->lines));
    } else if (command->type == PAWL_COMMAND_GROW && ok && !result->replayed) {
        client->lines[0].value += command->u.grow.lines[0].value;
    } else if (command->type == PAWL_COMMAND_COMMIT || command->type == PAWL_COMMAND_RELEASE ||
               command->type == PAWL_COMMAND_CORRECT) {
        bool again = result->code == PAWL_RESULT_BUDGET_EXCEEDED ||
                     result->code == PAWL_RESULT_CAP_EXCEEDED ||
                     result->code == PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED ||
                     result->code == PAWL_RESULT_STATE_CONFLICT;
        client->reservation = again ? client->reservation : 0;
    }
}

static void on_answer(struct pawl_op *op)
{
    struct request *request = op->arg;
    struct sim *sim = request->sim;
    if (!request->waiting || request->sequence <= sim->answered_sequence) {
        program_fail("answers come twice or out of order");
    }
    sim->answered_sequence = request->sequence;
    sim->counts.answered++;
    audit_answer(sim->audit, &op->result);
    request->waiting = false;
    note_made(sim, request);
    struct client *client = request->client;
    if (client != NULL) {
        if (client->pending == request) {
            client->pending = NULL;
        }
        note_hold(client, request);
    }
    request->busy = false;
}

void clients_lose(struct sim *sim)
{
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        struct request *request = &sim->requests[i];
        if (!request->busy || !request->waiting) {
            continue;
        }
        sim->counts.lost++;
        request->waiting = false;
        bool has_key = request->command.idempotency_key.bytes > 0;
        if (has_key && !pawl_prng_one_in(&sim->prng, 4)) {
            request->retry = true;
            continue;
        }
        if (request->client != NULL && request->client->pending == request) {
            request->client->pending = NULL;
            request->client->reservation = 0;
        }
        request->busy = false;
    }
}

/* --- Steps. ----------------------------------------------------------------------------------- */

bool clients_quiet(const struct sim *sim)
{
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        if (sim->requests[i].busy) {
            return false;
        }
    }
    return true;
}

void clients_retry_one(struct sim *sim)
{
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        if (sim->requests[i].busy && sim->requests[i].retry) {
            sim->counts.retried++;
            send(&sim->requests[i]);
            return;
        }
    }
}

void clients_act(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    if (pawl_prng_one_in(prng, 6)) {
        clients_retry_one(sim);
        return;
    }
    if (sim->closed.bytes > 0) {
        drain_tenant(sim, sim->closed);
        sim->closed = PAWL_SLICE_NONE;
        return;
    }
    if (sim->budgets_asked < sim->tenant_count || pawl_prng_one_in(prng, 15)) {
        administer(sim);
        return;
    }
    struct client *client = &sim->clients[pawl_prng_below(prng, sim->client_count)];
    if (client->pending != NULL) {
        if (!client->pending->retry && pawl_prng_one_in(prng, 5)) {
            send_twice(sim, client->pending);
        }
    } else if (client->reservation != 0) {
        act_on_hold(sim, client);
    } else if (pawl_prng_one_in(prng, 10)) {
        want_event(sim, client);
    } else {
        want_hold(sim, client);
    }
}
