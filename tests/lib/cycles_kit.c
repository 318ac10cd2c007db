/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_kit.c: see cycles_kit.h. A request is served, and then the loop's turns are played until
 * it is answered: what the dispatcher put off, the engine's commits, the archive.
 */
#include "tests/lib/cycles_kit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/http.h"
#include "tests/lib/cycles_archive.h"

enum { TEXT_BYTES_MAX = 1 << 20, ARENA_BYTES_MAX = 256 << 20, TURNS_MAX = 100000 };

/* --- Exchanges ------------------------------------------------------------------------------ */

const struct pawl_http_request *
pawl_http_exchange_request(const struct pawl_http_exchange *exchange)
{
    return &exchange->request;
}

struct pawl_arena *pawl_http_exchange_arena(struct pawl_http_exchange *exchange)
{
    return &exchange->arena;
}

uint32_t pawl_http_exchange_listener(const struct pawl_http_exchange *exchange)
{
    (void)exchange;
    return 0;
}

bool pawl_http_exchange_is_from_run(const struct pawl_http_exchange *exchange)
{
    (void)exchange;
    return false;
}

void pawl_http_reply(struct pawl_http_exchange *exchange,
                     int status,
                     const struct pawl_http_header *headers,
                     size_t header_count,
                     struct pawl_slice body)
{
    pawl_http_reply_lines(exchange, status, PAWL_SLICE_NONE, headers, header_count, body);
}

void pawl_http_reply_lines(struct pawl_http_exchange *exchange,
                           int status,
                           struct pawl_slice lines,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           struct pawl_slice body)
{
    PAWL_ASSERT(!exchange->answered);
    exchange->answered = true;
    exchange->status = status;
    while (lines.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&lines, '\n');
        PAWL_ASSERT(pawl_slice_ends_with(line, PAWL_SLICE("\r")));
        pawl_buf_append(&exchange->head, line.data, line.bytes - 1);
        pawl_buf_append_str(&exchange->head, "\n");
    }
    for (size_t i = 0; i < header_count; i++) {
        pawl_buf_append_slice(&exchange->head, headers[i].name);
        pawl_buf_append_str(&exchange->head, ": ");
        pawl_buf_append_slice(&exchange->head, headers[i].value);
        pawl_buf_append_str(&exchange->head, "\n");
    }
    pawl_buf_append_slice(&exchange->body, body);
    PAWL_ASSERT(!exchange->body.overflowed && !exchange->head.overflowed);
}

static void exchange_reset(struct pawl_http_exchange *exchange)
{
    pawl_arena_free(&exchange->arena);
    pawl_buf_free(&exchange->head);
    pawl_buf_free(&exchange->body);
    *exchange = (struct pawl_http_exchange){0};
    pawl_arena_init(&exchange->arena, ARENA_BYTES_MAX);
    pawl_buf_init(&exchange->head, TEXT_BYTES_MAX);
    pawl_buf_init(&exchange->body, CYCLES_KIT_BODY_BYTES_MAX);
}

/* --- The world ------------------------------------------------------------------------------ */

static void on_turn_wanted(void *arg)
{
    (void)arg; /* turns are played anyway */
}

static void on_observed(void *arg, const struct pawl_cycles_seen *seen)
{
    struct cycles_kit *kit = arg;
    kit->observed++;
    kit->observed_status = seen->status;
    PAWL_ASSERT(seen->operation != NULL && strlen(seen->request_id) == 28);
    PAWL_ASSERT(strlen(seen->trace_id) == 32 && seen->us >= 0);
}

static void on_tenant_closed(void *arg)
{
    struct cycles_kit *kit = arg;
    kit->closed_told++;
}

static void open_layers(struct cycles_kit *kit)
{
    struct pawl_errmsg msg = {""};
    kit_open(&kit->kit);
    PAWL_ASSERT(pawl_ok(pawl_registry_open(kit->kit.engine, &kit->registry, &msg)));
    const struct pawl_cycles_options options = {.engine = kit->kit.engine,
                                                .registry = kit->registry,
                                                .archive = kit->archive,
                                                .clock = pawl_clock_from_manual(&kit->kit.time),
                                                .turn_wanted = on_turn_wanted,
                                                .observe = on_observed,
                                                .observe_arg = kit,
                                                .tenant_closed = on_tenant_closed,
                                                .tenant_closed_arg = kit,
                                                .settlement_bytes_max =
                                                    CYCLES_KIT_SETTLEMENT_BYTES_MAX};
    PAWL_ASSERT(pawl_ok(pawl_cycles_new(&options, &kit->cycles)));
}

static void close_layers(struct cycles_kit *kit)
{
    pawl_cycles_free(kit->cycles);
    pawl_registry_close(kit->registry);
    kit_close(&kit->kit);
}

static void on_record(void *arg, const struct pawl_record *record)
{
    struct cycles_kit *kit = arg;
    cycles_archive_note(kit->archive, record);
}

static void on_done(struct pawl_op *op)
{
    PAWL_ASSERT(op->result.code == PAWL_RESULT_OK);
}

static void on_any(struct pawl_op *op)
{
    (void)op;
}

static void make_tenant(struct cycles_kit *kit, const char *id, const char *key, const char *secret)
{
    struct pawl_op tenant_op = {.done = on_done};
    struct pawl_op key_op = {.done = on_done};
    const struct pawl_tenant tenant = {.id = pawl_slice_str(id),
                                       .name = pawl_slice_str(id),
                                       .state = PAWL_TENANT_ACTIVE,
                                       .extensions_max = -1,
                                       .created_us = KIT_START_US,
                                       .updated_us = KIT_START_US};
    const struct pawl_key made = {.id = pawl_slice_str(key),
                                  .prefix = pawl_slice_of(secret, PAWL_SECRET_PREFIX_BYTES),
                                  .tenant = pawl_slice_str(id),
                                  .name = pawl_slice_str(key),
                                  .permissions = pawl_permission_defaults(),
                                  .state = PAWL_KEY_ACTIVE,
                                  .created_us = KIT_START_US,
                                  .updated_us = KIT_START_US,
                                  .expires_us =
                                      KIT_START_US + INT64_C(90) * 86400 * PAWL_US_PER_SECOND};
    pawl_registry_put_tenant(kit->registry, &tenant, &tenant_op);
    pawl_registry_put_key(kit->registry, &made, pawl_slice_str(secret), &key_op);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_put_key(struct cycles_kit *kit, const struct pawl_key *key)
{
    struct pawl_op op = {.done = on_done};
    pawl_registry_put_key(kit->registry, key, PAWL_SLICE_NONE, &op);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_put_tenant(struct cycles_kit *kit, const struct pawl_tenant *tenant)
{
    struct pawl_op op = {.done = on_done};
    pawl_registry_put_tenant(kit->registry, tenant, &op);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_put_policy(struct cycles_kit *kit, const struct pawl_policy_rule *policy)
{
    struct pawl_op op = {.done = on_done};
    pawl_registry_put_policy(kit->registry, policy, &op);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_open(struct cycles_kit *kit, uint64_t seed)
{
    cycles_kit_open_small(kit, seed, 0);
}

void cycles_kit_open_small(struct cycles_kit *kit, uint64_t seed, uint32_t documents_max)
{
    struct pawl_op op = {.done = on_done};
    *kit = (struct cycles_kit){0};
    kit_init(&kit->kit, seed);
    kit->kit.documents_max = documents_max;
    kit->kit.durable = on_record;
    kit->kit.wake_arg = kit;
    kit->archive = cycles_archive_new();
    pawl_arena_init(&kit->arena, ARENA_BYTES_MAX);
    exchange_reset(&kit->exchange);
    open_layers(kit);
    make_tenant(kit, "acme", "key_acme", CYCLES_KIT_ACME);
    make_tenant(kit, "globex", "key_globex", CYCLES_KIT_GLOBEX);
    pawl_registry_admin_set(kit->registry, pawl_slice_str(CYCLES_KIT_ADMIN), &op);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_free(struct cycles_kit *kit)
{
    close_layers(kit);
    kit_free(&kit->kit);
    cycles_archive_free(kit->archive);
    exchange_reset(&kit->exchange);
    pawl_arena_free(&kit->exchange.arena);
    pawl_arena_free(&kit->arena);
}

void cycles_kit_restart(struct cycles_kit *kit)
{
    close_layers(kit);
    open_layers(kit);
}

void cycles_kit_advance(struct cycles_kit *kit, int64_t ms)
{
    pawl_clock_manual_advance(&kit->kit.time, ms * PAWL_US_PER_MS);
    pawl_engine_tick(kit->kit.engine);
    pawl_engine_flush(kit->kit.engine);
}

void cycles_kit_must(struct cycles_kit *kit, const struct pawl_command *command)
{
    (void)kit_must(&kit->kit, command);
}

uint64_t cycles_kit_budget(struct cycles_kit *kit, const char *path, uint16_t unit, int64_t amount)
{
    static const char *const names[PAWL_LEVEL_COUNT] = {"tenant",   "workspace", "app",
                                                        "workflow", "agent",     "toolset"};
    struct pawl_command command = kit_budget("", unit, amount);
    struct pawl_slice rest = pawl_slice_str(path);
    while (rest.bytes > 0) {
        struct pawl_slice value = pawl_slice_cut(&rest, '/');
        struct pawl_slice name = pawl_slice_cut(&value, ':');
        for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
            if (pawl_slice_equal_str(name, names[level])) {
                command.u.budget_create.scope.levels[level] = value;
            }
        }
    }
    return kit_must(&kit->kit, &command);
}

/* --- Requests ------------------------------------------------------------------------------- */

static bool is_early(const struct cycles_kit *kit)
{
    const struct pawl_engine *engine = kit->kit.engine;
    return kit->exchange.answered &&
           pawl_core_op(pawl_engine_core(engine)) > pawl_engine_durable_op(engine);
}

static void play(struct cycles_kit *kit)
{
    for (kit->turns = 0; !kit->exchange.answered; kit->turns++) {
        PAWL_ASSERT(kit->turns < TURNS_MAX);
        pawl_cycles_turn(kit->cycles);
        kit->early = is_early(kit);
        pawl_engine_turn(kit->kit.engine);
        pawl_engine_flush(kit->kit.engine);
        cycles_archive_collect(kit->archive, kit->archive_behind);
    }
}

static void read_answer(struct cycles_kit *kit)
{
    pawl_arena_reset(&kit->arena);
    kit->json = (struct pawl_json){0};
    if (kit->exchange.body.bytes > 0) {
        PAWL_ASSERT(pawl_json_parse(&kit->arena, pawl_buf_slice(&kit->exchange.body),
                                    PAWL_JSON_BODY, PAWL_JSON_LIMITS_DEFAULT, &kit->json));
    }
    PAWL_ASSERT(kit->observed_status == kit->exchange.status);
    PAWL_ASSERT(pawl_cycles_open_count(kit->cycles) == 0);
}

int cycles_kit_send_bytes(struct cycles_kit *kit, const struct pawl_http_request *request)
{
    uint32_t observed = kit->observed;
    struct pawl_op other = {.done = on_any};
    const struct pawl_command note = {.type = PAWL_COMMAND_NOTE,
                                      .u.note = {.tenant = PAWL_SLICE("acme"), .kind = 1}};
    exchange_reset(&kit->exchange);
    if (kit->request_bytes_max > 0) {
        pawl_arena_init(&kit->exchange.arena, kit->request_bytes_max);
    }
    kit->exchange.request = *request;
    if (kit->beside) {
        pawl_engine_submit(kit->kit.engine, &note, &other);
    }
    pawl_cycles_serve(kit->cycles, &kit->exchange, kit->door);
    kit->early = is_early(kit);
    play(kit);
    pawl_engine_flush(kit->kit.engine);
    PAWL_ASSERT(kit->observed == observed + 1);
    read_answer(kit);
    return kit->exchange.status;
}

int cycles_kit_send(struct cycles_kit *kit,
                    const char *method,
                    const char *target,
                    const char *headers,
                    const char *body)
{
    struct pawl_http_header list[CYCLES_KIT_HEADERS_MAX];
    struct pawl_http_request request = {.method = pawl_slice_str(method),
                                        .target = pawl_slice_str(target),
                                        .headers = list,
                                        .body = pawl_slice_str(body)};
    struct pawl_slice lines =
        pawl_slice_str(headers != NULL ? headers : "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n");
    request.query = request.target;
    request.path = pawl_slice_cut(&request.query, '?');
    while (lines.bytes > 0) {
        struct pawl_slice value = pawl_slice_cut(&lines, '\n');
        struct pawl_slice name = pawl_slice_cut(&value, ':');
        PAWL_ASSERT(request.header_count < CYCLES_KIT_HEADERS_MAX);
        list[request.header_count++] = (struct pawl_http_header){name, pawl_slice_trim(value)};
    }
    return cycles_kit_send_bytes(kit, &request);
}

/* --- Answers -------------------------------------------------------------------------------- */

const char *cycles_kit_body(struct cycles_kit *kit)
{
    const char *text = pawl_buf_cstr(&kit->exchange.body);
    return text != NULL ? text : "";
}

bool cycles_kit_header_is(const struct cycles_kit *kit, const char *line)
{
    struct pawl_slice rest = pawl_buf_slice(&kit->exchange.head);
    while (rest.bytes > 0) {
        if (pawl_slice_equal_str(pawl_slice_cut(&rest, '\n'), line)) {
            return true;
        }
    }
    return false;
}

/* "a.0.b": members by name, elements by number. */
static uint32_t find(const struct pawl_json *json, const char *path)
{
    struct pawl_slice rest = pawl_slice_str(path);
    uint32_t node = json->count > 0 ? 0 : PAWL_JSON_NONE;
    while (rest.bytes > 0) {
        char name[128];
        uint64_t number = 0;
        struct pawl_slice part = pawl_slice_cut(&rest, '.');
        PAWL_ASSERT(pawl_slice_copy_str(part, name, sizeof(name)));
        if (pawl_json_is(json, node, PAWL_JSON_ARRAY) && pawl_slice_to_u64(part, &number)) {
            node = pawl_json_first(json, node);
            while (number-- > 0) {
                node = pawl_json_next(json, node);
            }
        } else {
            node = pawl_json_get(json, node, name);
        }
    }
    return node;
}

const char *cycles_kit_text(struct cycles_kit *kit, const char *path)
{
    uint32_t node = find(&kit->json, path);
    struct pawl_slice text = pawl_json_is(&kit->json, node, PAWL_JSON_STRING)
                                 ? pawl_json_string(&kit->json, node, &kit->arena)
                                 : pawl_json_raw(&kit->json, node);
    text = pawl_arena_copy(&kit->arena, text);
    return text.data != NULL ? text.data : "";
}

int64_t cycles_kit_number(struct cycles_kit *kit, const char *path)
{
    int64_t value = INT64_MIN;
    return pawl_json_i64(&kit->json, find(&kit->json, path), &value) ? value : INT64_MIN;
}

const char *cycles_kit_members(struct cycles_kit *kit)
{
    struct pawl_buf out;
    pawl_buf_init(&out, TEXT_BYTES_MAX);
    for (uint32_t at = pawl_json_first(&kit->json, 0); at != PAWL_JSON_NONE;
         at = pawl_json_next(&kit->json, at)) {
        pawl_buf_append_str(&out, out.bytes > 0 ? " " : "");
        pawl_buf_append_slice(&out, pawl_json_string_raw(&kit->json, kit->json.nodes[at].key));
    }
    struct pawl_slice text = pawl_arena_copy(&kit->arena, pawl_buf_slice(&out));
    pawl_buf_free(&out);
    return text.data != NULL ? text.data : "";
}
