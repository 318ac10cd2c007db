/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_setup.c: makes the tenants, their keys and a hundred thousand budgets through the API, as
 * an operator would, but on many connections: first all tenants, then all keys, then all budgets.
 * The keys go to a file, because a key's secret is shown once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "serve_load.h"

enum { BODY_BYTES_MAX = 1024, SCOPE_BYTES_MAX = 256 };
/* As much as an amount may be, nearly: nothing is denied for want of money. */
#define ALLOCATED INT64_C(9000000000000000)

enum kind { MAKE_TENANTS, MAKE_KEYS, MAKE_BUDGETS };

struct setup {
    const struct shape *shape;
    const char *admin_key;
    struct tenant *tenants;
    enum kind kind;
    uint32_t next;
    uint32_t count;
    uint32_t *under_way; /* by connection: what its request makes */
};

/* --- The budgets of a tenant, in a row: its own, then each level from the top. ---------------- */

static uint32_t scopes_each(const struct shape *shape)
{
    return shape->scopes / shape->tenants;
}

static uint32_t groups(uint32_t scopes, uint32_t size)
{
    return (scopes + size - 1) / size;
}

static uint32_t budgets_each(const struct shape *shape)
{
    uint32_t scopes = scopes_each(shape);
    uint32_t above =
        shape->depth > 1 ? groups(scopes, 1000) + groups(scopes, 100) + groups(scopes, 10) : 0;
    return 1 + above + scopes;
}

static void scope_deep(uint32_t number, uint32_t scopes, char *out)
{
    uint32_t sizes[] = {1000, 100, 10, 1};
    uint32_t level = 0;
    while (number >= groups(scopes, sizes[level])) {
        number -= groups(scopes, sizes[level]);
        level++;
        PAWL_ASSERT(level < 4);
    }
    uint32_t leaf = number * sizes[level];
    int at = snprintf(out, SCOPE_BYTES_MAX, "/workspace:w%06" PRIu32, leaf / 1000);
    if (level >= 1) {
        at += snprintf(out + at, SCOPE_BYTES_MAX - (size_t)at, "/app:p%06" PRIu32, leaf / 100);
    }
    if (level >= 2) {
        at += snprintf(out + at, SCOPE_BYTES_MAX - (size_t)at, "/workflow:f%06" PRIu32, leaf / 10);
    }
    if (level >= 3) {
        (void)snprintf(out + at, SCOPE_BYTES_MAX - (size_t)at, "/agent:a%06" PRIu32, leaf);
    }
}

/* What follows the tenant in the scope of its budget `number`. */
static void scope_of(const struct shape *shape, uint32_t number, char *out)
{
    if (number == 0) {
        out[0] = '\0';
    } else if (shape->depth > 1) {
        scope_deep(number - 1, scopes_each(shape), out);
    } else {
        (void)snprintf(out, SCOPE_BYTES_MAX, "/workspace:w%06" PRIu32, number - 1);
    }
}

/* --- Requests. -------------------------------------------------------------------------------- */

static const char *path_of(enum kind kind)
{
    switch (kind) {
    case MAKE_TENANTS:
        return "/v1/admin/tenants";
    case MAKE_KEYS:
        return "/v1/admin/api-keys";
    case MAKE_BUDGETS:
        return "/v1/admin/budgets";
    }
    PAWL_ASSERT(false);
    return "";
}

static int body_of(const struct setup *setup, uint32_t number, char *out)
{
    if (setup->kind == MAKE_TENANTS) {
        const char *name = setup->tenants[number].name;
        return snprintf(out, BODY_BYTES_MAX, "{\"tenant_id\":\"%s\",\"name\":\"%s\"}", name, name);
    }
    if (setup->kind == MAKE_KEYS) {
        return snprintf(out, BODY_BYTES_MAX, "{\"tenant_id\":\"%s\",\"name\":\"load\"}",
                        setup->tenants[number].name);
    }
    char scope[SCOPE_BYTES_MAX];
    const char *tenant = setup->tenants[number / budgets_each(setup->shape)].name;
    scope_of(setup->shape, number % budgets_each(setup->shape), scope);
    return snprintf(out, BODY_BYTES_MAX,
                    "{\"tenant_id\":\"%s\",\"scope\":\"tenant:%s%s\",\"unit\":\"USD_MICROCENTS\","
                    "\"allocated\":{\"unit\":\"USD_MICROCENTS\",\"amount\":%" PRId64 "}}",
                    tenant, tenant, scope, ALLOCATED);
}

static size_t next_request(void *arg, uint32_t connection, uint32_t step, char *out)
{
    (void)step;
    struct setup *setup = arg;
    if (setup->next == setup->count) {
        return 0;
    }
    uint32_t number = setup->next++;
    setup->under_way[connection] = number;
    char body[BODY_BYTES_MAX];
    int body_bytes = body_of(setup, number, body);
    int bytes = snprintf(out, LOAD_REQUEST_BYTES_MAX,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         "Content-Type: application/json\r\nX-Admin-API-Key: %s\r\n"
                         "Content-Length: %d\r\n\r\n%s",
                         path_of(setup->kind), setup->admin_key, body_bytes, body);
    PAWL_ASSERT(bytes > 0 && bytes < LOAD_REQUEST_BYTES_MAX);
    return (size_t)bytes;
}

static uint32_t on_done(
    void *arg, uint32_t connection, uint32_t step, const struct answer *answer, const char *body)
{
    struct setup *setup = arg;
    if (answer->status / 100 != 2) {
        (void)fprintf(stderr, "serve_load: %s: %" PRIu32 " %s\n", path_of(setup->kind),
                      answer->status, body);
        exit(1);
    }
    if (setup->kind == MAKE_KEYS) {
        struct tenant *tenant = &setup->tenants[setup->under_way[connection]];
        const char *secret = NULL;
        size_t bytes = 0;
        if (!load_answer_field(body, answer->bytes - answer->head_bytes, "key_secret", &secret,
                               &bytes) ||
            bytes >= sizeof(tenant->secret)) {
            errno = EPROTO;
            load_die("a key without a secret");
        }
        (void)snprintf(tenant->secret, sizeof(tenant->secret), "%.*s", (int)bytes, secret);
    }
    return step;
}

static void write_keys(const struct setup *setup, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        load_die(path);
    }
    for (uint32_t i = 0; i < setup->shape->tenants; i++) {
        (void)fprintf(file, "%s %s\n", setup->tenants[i].name, setup->tenants[i].secret);
    }
    if (fclose(file) != 0) {
        load_die(path);
    }
}

void load_setup(uint16_t port,
                uint32_t connections,
                const struct shape *shape,
                const char *prefix,
                const char *admin_key,
                const char *keys_path)
{
    struct setup setup = {.shape = shape, .admin_key = admin_key};
    setup.tenants = calloc(shape->tenants, sizeof(struct tenant));
    setup.under_way = calloc(connections, sizeof(uint32_t));
    struct figures *figures = calloc(1, sizeof(struct figures));
    if (setup.tenants == NULL || setup.under_way == NULL || figures == NULL) {
        load_die("memory");
    }
    for (uint32_t i = 0; i < shape->tenants; i++) {
        (void)snprintf(setup.tenants[i].name, sizeof(setup.tenants[i].name), "%.5s-%04" PRIu32,
                       prefix, i);
    }
    struct drive drive = {.port = port,
                          .connections = connections,
                          .next = next_request,
                          .done = on_done,
                          .arg = &setup};
    uint32_t counts[] = {
        [MAKE_TENANTS] = shape->tenants,
        [MAKE_KEYS] = shape->tenants,
        [MAKE_BUDGETS] = shape->tenants * budgets_each(shape),
    };
    for (enum kind kind = MAKE_TENANTS; kind <= MAKE_BUDGETS; kind++) {
        setup.kind = kind;
        setup.next = 0;
        setup.count = counts[kind];
        *figures = (struct figures){0};
        load_drive(&drive, figures);
    }
    write_keys(&setup, keys_path);
    (void)printf("{\"tenants\":%" PRIu32 ",\"budgets\":%" PRIu32 ",\"budgets_ms\":%" PRIu64 "}\n",
                 shape->tenants, counts[MAKE_BUDGETS], figures->took_ns / 1000000);
    free(figures);
    free(setup.under_way);
    free(setup.tenants);
}

struct tenant *load_tenants_read(const char *keys_path, uint32_t count)
{
    struct tenant *tenants = calloc(count, sizeof(struct tenant));
    FILE *file = fopen(keys_path, "r");
    if (tenants == NULL || file == NULL) {
        load_die(keys_path);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (fscanf(file, "%31s %127s", tenants[i].name, tenants[i].secret) != 2) {
            errno = EINVAL;
            load_die(keys_path);
        }
    }
    (void)fclose(file);
    return tenants;
}
