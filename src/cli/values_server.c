/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values_server.c: what may stand where a command about a server has a placeholder. Ids come from
 * the server itself, where one answers at once: the one of this machine, or that of $PAWL_SERVER
 * with the keys of the environment. Where it does not, nothing is offered and nothing is said.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "cli/server_dir.h"
#include "cli/values.h"
#include "remote/remote.h"
#include "server/place.h"

enum { GLANCE_MS = 500, ARENA_BYTES = 16 << 20, NODES_MAX = 200000, TEXT_BYTES = 160 };

/* A list of the server's, and what of each row is offered. */
struct source {
    enum pawl_plane plane;
    const char *path;
    const char *rows;
    const char *id;
    const char *about; /* another text of the row */
};

static bool find_server(const struct pawl_cli_offers *offers, struct pawl_target *target)
{
    struct pawl_errmsg msg = {""};
    char socket[PAWL_PATH_BYTES];
    const char *said = offers->data_dir;
    said = said != NULL && said[0] != '\0' ? said : NULL;
    if (pawl_failed(pawl_cli_server_path(said, PAWL_PLACE_SOCKET, socket, &msg)) ||
        pawl_failed(pawl_target_choose(NULL, socket, target, &msg))) {
        return false;
    }
    return target->socket[0] == '\0' || access(target->socket, F_OK) == 0;
}

static void
offer_rows(struct pawl_cli_offers *offers, const struct source *source, struct pawl_slice body)
{
    struct pawl_arena arena;
    struct pawl_json json;
    struct pawl_json_limits limits = {.depth_max = PAWL_JSON_DEPTH_MAX, .nodes_max = NODES_MAX};
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, body, PAWL_JSON_FORWARD, limits, &json)) {
        uint32_t node = pawl_json_first_element(&json, pawl_json_get(&json, 0, source->rows));
        for (; node != PAWL_JSON_NONE; node = pawl_json_next(&json, node)) {
            char id[TEXT_BYTES];
            char about[TEXT_BYTES];
            struct pawl_slice text =
                pawl_json_string(&json, pawl_json_get(&json, node, source->id), &arena);
            struct pawl_slice more =
                pawl_json_string(&json, pawl_json_get(&json, node, source->about), &arena);
            if (pawl_slice_copy_str(text, id, sizeof(id)) && id[0] != '\0') {
                pawl_cli_offer(offers, id, pawl_cli_plain(more, about, sizeof(about)));
            }
        }
    }
    pawl_arena_free(&arena);
}

static void ask(struct pawl_cli_offers *offers, const struct source *source)
{
    struct pawl_errmsg msg = {""};
    struct pawl_target target;
    struct pawl_keys keys;
    struct pawl_remote *remote = NULL;
    struct pawl_remote_answer answer;
    struct pawl_remote_options options = {.target = &target, .timeout_ms = GLANCE_MS};
    bool admin = false;
    if (!find_server(offers, &target) || pawl_failed(pawl_keys_open(NULL, &keys, &msg))) {
        return;
    }
    pawl_remote_answer_init(&answer);
    if (pawl_ok(pawl_remote_open(&options, &remote, &msg))) {
        struct pawl_remote_request request = {
            .method = "GET",
            .path = pawl_slice_str(source->path),
            .key = pawl_keys_pick(&keys, source->plane, target.door, &admin),
        };
        if (pawl_ok(pawl_remote_send(remote, &request, &answer, &msg)) && answer.status == 200) {
            offer_rows(offers, source, pawl_buf_slice(&answer.body));
        }
    }
    pawl_remote_answer_free(&answer);
    pawl_remote_close(remote);
    pawl_keys_close(&keys);
}

static void offer_tenants(struct pawl_cli_offers *offers)
{
    static const struct source source = {PAWL_PLANE_ADMIN, "/v1/admin/tenants?limit=100", "tenants",
                                         "tenant_id", "name"};
    ask(offers, &source);
}

static void offer_keys(struct pawl_cli_offers *offers)
{
    static const struct source source = {PAWL_PLANE_ADMIN, "/v1/admin/api-keys?limit=100", "keys",
                                         "key_id", "name"};
    ask(offers, &source);
}

static void offer_scopes(struct pawl_cli_offers *offers)
{
    static const struct source source = {PAWL_PLANE_ADMIN_OR_TENANT, "/v1/admin/budgets?limit=100",
                                         "ledgers", "scope", "status"};
    ask(offers, &source);
}

/* Only a tenant's key says whose; the administrator would have to name the tenant first. */
static void offer_rules(struct pawl_cli_offers *offers)
{
    static const struct source source = {PAWL_PLANE_TENANT, "/v1/admin/policies?limit=100",
                                         "policies", "policy_id", "scope_pattern"};
    ask(offers, &source);
}

static void offer_reservations(struct pawl_cli_offers *offers)
{
    static const struct source source = {PAWL_PLANE_TENANT,
                                         "/v1/reservations?status=ACTIVE&limit=100", "reservations",
                                         "reservation_id", "scope_path"};
    ask(offers, &source);
}

#define OWN(command, placeholder)                                                                  \
    {                                                                                              \
        command, placeholder, NULL, NULL, PAWL_CLI_COMPLETES_WORDS                                 \
    } /* a text of one's own */
#define WORDS(command, placeholder, words)                                                         \
    {                                                                                              \
        command, placeholder, words, NULL, PAWL_CLI_COMPLETES_WORDS                                \
    }
#define IDS(command, placeholder, offer)                                                           \
    {                                                                                              \
        command, placeholder, NULL, offer, PAWL_CLI_COMPLETES_WORDS                                \
    }

/* Of the server's options those with words of their own. */
#define SERVE_CHOICE(placeholder, words) WORDS("serve", placeholder, words),
#define SERVE_TEXT(placeholder, words)
#define SERVE_LIST(placeholder, words)
#define SERVE_COUNT(placeholder, words)
#define SERVE_BYTES(placeholder, words)
#define SERVE_TIME(placeholder, words)
#define SERVE_SWITCH(placeholder, words)

/* clang-format off */
const struct pawl_cli_value_row pawl_cli_server_values[] = {
    OWN("tenant create", "TENANT"),
    IDS(NULL, "TENANT", offer_tenants),
    IDS(NULL, "KEY", offer_keys),
    IDS(NULL, "SCOPE", offer_scopes),
    IDS("rule update", "RULE", offer_rules),
    IDS("rule disable", "RULE", offer_rules),
    IDS("rule enable", "RULE", offer_rules),
    IDS(NULL, "PATTERN", offer_scopes),
    IDS(NULL, "RESERVATION", offer_reservations),
    WORDS(NULL, "OVERAGE", "reject|available|overdraft"),
    WORDS(NULL, "ROLLOVER", "none|carry-forward|cap-at-allocated"),
    WORDS(NULL, "UNIT", "usd|tokens|credits|risk-points"),
    WORDS("tenant list", "STATE", "active|suspended|closed"),
    WORDS("key list", "STATE", "active|revoked|expired"),
    WORDS("budget list", "STATE", "active|frozen|closed"),
    WORDS("rule list", "STATE", "active|disabled"),
    WORDS("reservation list", "STATE", "active|committed|released|expired"),
    WORDS("tenant list", "FIELD", "tenant_id|name|status|created_at"),
    WORDS("key list", "FIELD", "key_id|name|tenant_id|status|created_at|expires_at"),
    WORDS("budget list", "FIELD",
          "tenant_id|scope|unit|status|commit_overage_policy|utilization|debt"),
    WORDS("reservation list", "FIELD",
          "reservation_id|tenant|scope_path|status|reserved|created_at_ms|expires_at_ms"),
    WORDS(NULL, "KIND", "llm.completion|llm.embedding|tool.call|manual"),
    WORDS(NULL, "PERMISSION",
          "reservations:create|reservations:commit|reservations:release|reservations:extend|"
          "reservations:list|balances:read|budgets:read|budgets:write|policies:read|"
          "policies:write|webhooks:read|webhooks:write|events:read|admin:read|admin:write"),
#define PAWL_SERVE_OPTION(id, flag, argument, type, least, most, by_default, choices, places, \
                          help)                                                                \
    SERVE_##type(argument, choices)
#include "server/options.def"
#undef PAWL_SERVE_OPTION
    OWN("serve", "ADDRESS"),
    OWN("serve", "BYTES"),
    OWN(NULL, "URL"),
    OWN(NULL, "SECRET"),
    OWN(NULL, "TEXT"),
    OWN(NULL, "WORD"),
    OWN(NULL, "AMOUNT"),
    OWN(NULL, "PERCENT"),
    OWN(NULL, "FILTER"),
    OWN(NULL, "NAME=VALUE"),
};
/* clang-format on */
const size_t pawl_cli_server_value_count = PAWL_ARRAY_LEN(pawl_cli_server_values);
