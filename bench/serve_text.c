/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_text.c: requests as the clients send them.
 *
 * Heads are those of the TypeScript client on Node's fetch: the same headers in the same order,
 * the idempotency key repeated in X-Idempotency-Key. A reserve has a body of 615 bytes, with a
 * subject of several levels or of dimensions, an action with tags, a lease, an overage policy and
 * metadata; every request has a key of its own, a random UUID. Bodies of both depths are equally
 * long, so that what differs between two rows of the table is the number of budgets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "serve_load.h"

enum { UUID_BYTES = 36, DIGITS = 6, TENANT_BYTES = 10, LEASE_BYTES = 7, TEXT_BYTES_MAX = 4096 };

const char *const work_names[WORK_COUNT] = {
    [WORK_RESERVE] = "reserve",   [WORK_LIFECYCLE] = "lifecycle", [WORK_DECIDE] = "decide",
    [WORK_BALANCES] = "balances", [WORK_EVENT] = "event",
};

#define HEAD_COMMON                                                                                \
    "host: 127.0.0.1:7878\r\n"                                                                     \
    "connection: keep-alive\r\n"
#define HEAD_FETCH                                                                                 \
    "accept: */*\r\n"                                                                              \
    "accept-language: *\r\n"                                                                       \
    "sec-fetch-mode: cors\r\n"                                                                     \
    "user-agent: node\r\n"                                                                         \
    "accept-encoding: gzip, deflate\r\n"
#define HEAD_POST                                                                                  \
    HEAD_COMMON "Content-Type: application/json\r\n"                                               \
                "X-Cycles-API-Key: $s\r\n"                                                         \
                "X-Idempotency-Key: $i\r\n" HEAD_FETCH
#define HEAD_GET HEAD_COMMON "X-Cycles-API-Key: $s\r\n" HEAD_FETCH

#define SUBJECT_FLAT                                                                               \
    "\"subject\":{\"tenant\":\"$t\",\"workspace\":\"w$w\",\"dimensions\":{\"app\":\"support\","    \
    "\"feature\":\"reply\",\"region\":\"eu-west-1\",\"user\":\"20417\"}}"
#define SUBJECT_DEEP                                                                               \
    "\"subject\":{\"tenant\":\"$t\",\"workspace\":\"w$w\",\"app\":\"p$p\",\"workflow\":\"f$f\","   \
    "\"agent\":\"a$a\",\"dimensions\":{\"user\":\"20417\"}}"
#define ACTION                                                                                     \
    "\"action\":{\"kind\":\"llm.completion\",\"name\":\"openai:gpt-4o\","                          \
    "\"tags\":[\"prod\",\"customer-support\"]}"
#define METADATA                                                                                   \
    "\"metadata\":{\"session\":\"5f1c9a3e-77\",\"model\":\"gpt-4o-2024-08-06\",\"tier\":\"gold\"," \
    "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"caller\":\"triage\",\"attempt\":1,"       \
    "\"prompt_tokens\":1180,\"max_tokens\":512}"
#define METRICS                                                                                    \
    "\"metrics\":{\"tokens_input\":1180,\"tokens_output\":342,\"latency_ms\":1840,"                \
    "\"model_version\":\"gpt-4o-2024-08-06\"}"

/* --- Templates. ------------------------------------------------------------------------------- */

static const char field_letters[FIELD_COUNT] = {
    [FIELD_KEY] = 'i',       [FIELD_TENANT] = 't',      [FIELD_SECRET] = 's',
    [FIELD_WORKSPACE] = 'w', [FIELD_APP] = 'p',         [FIELD_WORKFLOW] = 'f',
    [FIELD_AGENT] = 'a',     [FIELD_RESERVATION] = 'r', [FIELD_LEASE] = 'l',
};

static enum field field_of(char letter)
{
    for (uint32_t i = FIELD_NONE + 1; i < FIELD_COUNT; i++) {
        if (field_letters[i] == letter) {
            return (enum field)i;
        }
    }
    PAWL_ASSERT(letter == '\0'); /* a $ is a field's */
    return FIELD_NONE;
}

static uint32_t width_of(enum field field)
{
    switch (field) {
    case FIELD_KEY:
        return UUID_BYTES;
    case FIELD_TENANT:
        return TENANT_BYTES;
    case FIELD_WORKSPACE:
    case FIELD_APP:
    case FIELD_WORKFLOW:
    case FIELD_AGENT:
        return DIGITS;
    case FIELD_LEASE:
        return LEASE_BYTES;
    case FIELD_NONE:
    case FIELD_SECRET:
    case FIELD_RESERVATION:
    case FIELD_COUNT:
        break;
    }
    PAWL_ASSERT(false); /* not in a body */
    return 0;
}

static uint32_t body_bytes_of(const char *body)
{
    uint32_t bytes = 0;
    for (const char *at = body; *at != '\0'; at++) {
        if (*at == '$') {
            at++;
            bytes += width_of(field_of(*at));
        } else {
            bytes++;
        }
    }
    return bytes;
}

static void add_piece(struct template *out, const char *text, size_t bytes, enum field field)
{
    if (field == FIELD_NONE && bytes == 0) {
        return;
    }
    PAWL_ASSERT(out->count < TEMPLATE_PIECES_MAX);
    out->pieces[out->count++] =
        (struct piece){.text = text, .bytes = (uint32_t)bytes, .field = field};
}

void load_template_cut(struct template *out, const char *name, const char *head, const char *body)
{
    *out = (struct template){.name = name, .text = malloc(TEXT_BYTES_MAX)};
    if (out->text == NULL) {
        load_die("memory");
    }
    int bytes = 0;
    if (body == NULL) {
        bytes = snprintf(out->text, TEXT_BYTES_MAX, "%s\r\n", head);
    } else {
        out->body_bytes = body_bytes_of(body);
        bytes = snprintf(out->text, TEXT_BYTES_MAX, "%scontent-length: %u\r\n\r\n%s", head,
                         out->body_bytes, body);
    }
    PAWL_ASSERT(bytes > 0 && bytes < TEXT_BYTES_MAX);
    const char *from = out->text;
    for (const char *at = strchr(from, '$'); at != NULL; at = strchr(from, '$')) {
        add_piece(out, from, (size_t)(at - from), FIELD_NONE);
        add_piece(out, NULL, 0, field_of(at[1]));
        from = at + 2;
    }
    add_piece(out, from, strlen(from), FIELD_NONE);
}

void load_template_literal(struct template *out, const char *path)
{
    *out = (struct template){.name = "request", .text = malloc(LOAD_REQUEST_BYTES_MAX)};
    FILE *file = fopen(path, "rb");
    if (file == NULL || out->text == NULL) {
        load_die(path);
    }
    size_t bytes = fread(out->text, 1, LOAD_REQUEST_BYTES_MAX, file);
    (void)fclose(file);
    if (bytes == 0 || bytes == LOAD_REQUEST_BYTES_MAX) {
        errno = EMSGSIZE;
        load_die(path);
    }
    add_piece(out, out->text, bytes, FIELD_NONE);
}

/* --- Filling. --------------------------------------------------------------------------------- */

/* A UUID of version 4. Unique because it is drawn from 122 random bits. */
static void draw_uuid(struct pawl_prng *prng, char out[static UUID_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t bits[2] = {pawl_prng_next(prng), pawl_prng_next(prng)};
    uint32_t drawn = 0;
    for (uint32_t i = 0; i < UUID_BYTES; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
            continue;
        }
        out[i] = hex[(bits[drawn / 16] >> (drawn % 16 * 4)) & 15];
        drawn++;
    }
    out[14] = '4';
    out[19] = '8';
}

static char *put(char *out, const char *text, size_t bytes)
{
    memcpy(out, text, bytes);
    return out + bytes;
}

static char *put_digits(char *out, uint32_t number)
{
    for (uint32_t i = DIGITS; i > 0; i--) {
        out[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    return out + DIGITS;
}

/* Space in front of a number is none of its digits. */
static char *put_lease(char *out, uint32_t ms)
{
    PAWL_ASSERT(ms > 0 && ms < 10000000);
    uint32_t at = LEASE_BYTES;
    for (; ms > 0; ms /= 10) {
        out[--at] = (char)('0' + ms % 10);
    }
    memset(out, ' ', at);
    return out + LEASE_BYTES;
}

/* The levels above an agent hold ten of the next each. */
static char *put_field(const struct filling *filling, enum field field, const char *key, char *out)
{
    switch (field) {
    case FIELD_KEY:
        return put(out, key, UUID_BYTES);
    case FIELD_TENANT:
        return put(out, filling->tenant->name, TENANT_BYTES);
    case FIELD_SECRET:
        return put(out, filling->tenant->secret, strlen(filling->tenant->secret));
    case FIELD_WORKSPACE:
        return put_digits(out, filling->scope / filling->per_workspace);
    case FIELD_APP:
        return put_digits(out, filling->scope / 100);
    case FIELD_WORKFLOW:
        return put_digits(out, filling->scope / 10);
    case FIELD_AGENT:
        return put_digits(out, filling->scope);
    case FIELD_RESERVATION:
        return put(out, filling->reservation, filling->reservation_bytes);
    case FIELD_LEASE:
        return put_lease(out, filling->lease_ms);
    case FIELD_NONE:
    case FIELD_COUNT:
        break;
    }
    PAWL_ASSERT(false);
    return out;
}

size_t load_template_fill(const struct template *from, const struct filling *filling, char *out)
{
    char key[UUID_BYTES];
    draw_uuid(filling->prng, key);
    char *at = out;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct piece *piece = &from->pieces[i];
        if (piece->field == FIELD_NONE) {
            at = put(at, piece->text, piece->bytes);
        } else {
            at = put_field(filling, piece->field, key, at);
        }
    }
    PAWL_ASSERT(at - out <= LOAD_REQUEST_BYTES_MAX);
    return (size_t)(at - out);
}

/* --- What is sent. ---------------------------------------------------------------------------- */

static void cut_reserve(struct template *out, const char *subject)
{
    char body[TEXT_BYTES_MAX];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"$i\",%s," ACTION
                   ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":1250000},"
                   "\"ttl_ms\":$l,\"grace_period_ms\":5000,"
                   "\"overage_policy\":\"ALLOW_IF_AVAILABLE\"," METADATA "}",
                   subject);
    load_template_cut(out, "reserve", "POST /v1/reservations HTTP/1.1\r\n" HEAD_POST, body);
    out->has_id = true;
}

static void cut_commit(struct template *out)
{
    load_template_cut(out, "commit", "POST /v1/reservations/$r/commit HTTP/1.1\r\n" HEAD_POST,
                      "{\"idempotency_key\":\"$i\","
                      "\"actual\":{\"unit\":\"USD_MICROCENTS\",\"amount\":981500}," METRICS "}");
}

static void cut_decide(struct template *out, const char *subject)
{
    char body[TEXT_BYTES_MAX];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"$i\",%s," ACTION
                   ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":1250000}}",
                   subject);
    load_template_cut(out, "decide", "POST /v1/decide HTTP/1.1\r\n" HEAD_POST, body);
}

static void cut_event(struct template *out, const char *subject)
{
    char body[TEXT_BYTES_MAX];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"$i\",%s," ACTION
                   ",\"actual\":{\"unit\":\"USD_MICROCENTS\",\"amount\":981500},"
                   "\"overage_policy\":\"ALLOW_IF_AVAILABLE\"," METRICS "}",
                   subject);
    load_template_cut(out, "event", "POST /v1/events HTTP/1.1\r\n" HEAD_POST, body);
}

static void cut_balances(struct template *out, bool deep)
{
    const char *head =
        deep ? "GET /v1/balances?tenant=$t&workspace=w$w&app=p$p&workflow=f$f&agent=a$a "
               "HTTP/1.1\r\n" HEAD_GET
             : "GET /v1/balances?tenant=$t&workspace=w$w HTTP/1.1\r\n" HEAD_GET;
    load_template_cut(out, "balances", head, NULL);
}

uint32_t load_templates_of(enum work work, const struct shape *shape, struct template *out)
{
    bool deep = shape->depth > 1;
    const char *subject = deep ? SUBJECT_DEEP : SUBJECT_FLAT;
    switch (work) {
    case WORK_RESERVE:
        cut_reserve(&out[0], subject);
        return 1;
    case WORK_LIFECYCLE:
        cut_reserve(&out[0], subject);
        cut_commit(&out[1]);
        return 2;
    case WORK_DECIDE:
        cut_decide(&out[0], subject);
        return 1;
    case WORK_BALANCES:
        cut_balances(&out[0], deep);
        return 1;
    case WORK_EVENT:
        cut_event(&out[0], subject);
        return 1;
    case WORK_COUNT:
        break;
    }
    PAWL_ASSERT(false);
    return 0;
}
