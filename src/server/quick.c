/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quick.c: `--quickstart`: in an empty ledger a tenant, its key and a budget, so that the first
 * request can be made a minute after the download. It is told once, with a line to paste. In a
 * ledger that is not empty nothing is made: a restart with the same flags is no second start.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "server/server_priv.h"

#define QUICK_TENANT "quickstart"
#define QUICK_AMOUNT (10 * PAWL_MICROCENTS_PER_USD)

static bool is_empty(const struct pawl_serve *serve)
{
    struct pawl_tenant tenant;
    uint32_t tenant_cursor = 0;
    uint32_t budget_cursor = 0;
    uint64_t budget = 0;
    return !pawl_registry_tenant_next(serve->registry, &tenant_cursor, &tenant) &&
           !pawl_core_budget_next(pawl_engine_core(serve->engine), &budget_cursor, &budget);
}

static pawl_err make_tenant(struct pawl_serve *serve, int64_t now_us, struct pawl_errmsg *msg)
{
    struct pawl_serve_wait wait;
    struct pawl_tenant tenant = {.id = PAWL_SLICE(QUICK_TENANT),
                                 .name = PAWL_SLICE("Quick start"),
                                 .state = PAWL_TENANT_ACTIVE,
                                 .extensions_max = -1,
                                 .created_us = now_us,
                                 .updated_us = now_us};
    pawl_serve_wait_init(&wait);
    pawl_registry_put_tenant(serve->registry, &tenant, &wait.op);
    return pawl_serve_wait(serve, &wait, "the tenant", msg);
}

static pawl_err make_key(struct pawl_serve *serve, int64_t now_us, struct pawl_errmsg *msg)
{
    char id[PAWL_SECRET_BYTES];
    struct pawl_serve_wait wait;
    pawl_registry_new_id("key", id);
    pawl_registry_new_secret(serve->tenant_key);
    struct pawl_key key = {.id = pawl_slice_str(id),
                           .prefix = pawl_slice_of(serve->tenant_key, PAWL_SECRET_PREFIX_BYTES),
                           .tenant = PAWL_SLICE(QUICK_TENANT),
                           .name = PAWL_SLICE("quick start"),
                           .permissions = pawl_permission_defaults(),
                           .state = PAWL_KEY_ACTIVE,
                           .created_us = now_us,
                           .updated_us = now_us};
    pawl_serve_wait_init(&wait);
    pawl_registry_put_key(serve->registry, &key, pawl_slice_str(serve->tenant_key), &wait.op);
    return pawl_serve_wait(serve, &wait, "the key", msg);
}

static pawl_err make_budget(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    struct pawl_serve_wait wait;
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_CREATE};
    command.u.budget_create.scope.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE(QUICK_TENANT);
    command.u.budget_create.unit = PAWL_UNIT_USD_MICROCENTS;
    command.u.budget_create.window.kind = PAWL_WINDOW_LIFETIME;
    command.u.budget_create.allocated = QUICK_AMOUNT;
    command.u.budget_create.mode = PAWL_BUDGET_ENFORCE;
    pawl_serve_wait_init(&wait);
    pawl_engine_submit(serve->engine, &command, &wait.op);
    return pawl_serve_wait(serve, &wait, "the budget", msg);
}

pawl_err pawl_serve_quick_start(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    if (pawl_serve_number(serve->said, PAWL_SERVE_OPT_QUICKSTART) == 0) {
        return PAWL_OK;
    }
    if (!is_empty(serve)) {
        serve->quick_word = "quickstart: there are tenants or budgets already, so nothing was made";
        return PAWL_OK;
    }
    int64_t now_us = pawl_engine_now_us(serve->engine);
    pawl_err err = make_tenant(serve, now_us, msg);
    if (pawl_ok(err)) {
        err = make_budget(serve, msg);
    }
    if (pawl_ok(err)) {
        err = make_key(serve, now_us, msg); /* the last, since only a whole start tells it */
    }
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg, "quickstart");
    }
    return err;
}

/* As one word of a shell's. */
static void print_quoted(const char *text)
{
    (void)putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            (void)putchar(*text);
        }
    }
    (void)putchar('\'');
}

/* Clients of the protocol have addresses of TCP only; a socket is for pawl's own commands. */
static void print_address(const char *url, bool is_unix)
{
    if (!is_unix) {
        printf("  export CYCLES_BASE_URL=%s\n", url);
        return;
    }
    printf("  export PAWL_SERVER=");
    print_quoted(url);
    (void)putchar('\n');
}

void pawl_serve_tell_quick_start(struct pawl_serve *serve)
{
    if (serve->quick_word != NULL) {
        printf("%s\n", serve->quick_word);
    }
    if (serve->tenant_key[0] == '\0') {
        return;
    }
    bool is_unix = strncmp(serve->url, "unix:", 5) == 0;
    const char *base = is_unix ? "http://localhost" : serve->url;
    const char *certificate = pawl_serve_text(serve->said, PAWL_SERVE_OPT_TLS_CERT);
    printf("\nquickstart: tenant \"" QUICK_TENANT
           "\" with a budget of $10 and a key, which is shown "
           "only now.\n\n");
    print_address(serve->url, is_unix);
    printf("  export CYCLES_API_KEY=%s\n"
           "  export CYCLES_TENANT=" QUICK_TENANT "\n\n"
           "Reserve half a cent:\n\n"
           "  curl -sS",
           serve->tenant_key);
    if (is_unix) {
        printf(" --unix-socket ");
        print_quoted(serve->url + 5);
    } else if (certificate != NULL) {
        printf(" --cacert ");
        print_quoted(certificate);
    }
    printf(" %s/v1/reservations -H 'X-Cycles-API-Key: %s' -H 'Content-Type: application/json' "
           "-d '{\"idempotency_key\":\"quickstart-1\",\"subject\":{\"tenant\":\"" QUICK_TENANT
           "\"},\"action\":{\"kind\":\"llm.completion\",\"name\":\"gpt-4o\"},\"estimate\":"
           "{\"unit\":\"USD_MICROCENTS\",\"amount\":500000}}'\n\n",
           base, serve->tenant_key);
    explicit_bzero(serve->tenant_key, sizeof(serve->tenant_key));
}
