/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cycles.c: requests of every route, over a small ledger with tenants, budgets and holds.
 *
 * An input is a list of requests with a 0x1e byte between them, each three parts:
 *
 *     createReservation a1 PARAMETERS?QUERY
 *     Header: value
 *
 *     BODY
 *
 * The first word is an operation; any other word stands for one of them, and one that begins with
 * '/' or '*' is a path to itself. The second word's letters say who asks and when (read_flags).
 * PARAMETERS are the path's, by ';'. In what follows @r, @p, @k, @s and @c are the last
 * reservation, policy and key, its secret, and the last cursor. A query or a body that begins with
 * '~' is drawn from the bytes behind it by the shape that the route takes.
 *
 * After each request:
 *   - the answer is what answer.def says of the operation: exactly those fields, of those types,
 *     and the sums of its rows; or an error that its row names;
 *   - its headers are there, and say what the body says;
 *   - a request with a key, sent again, is answered with the same bytes;
 *   - nothing but a probe is answered before all that it could tell of is on disk;
 *   - the whole ledger is audited.
 * After one input in sixteen the process goes and comes back with the same ledger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cycles_draw.h"

#include "base/assert.h"
#include "cycles/body.h"
#include "cycles/route.h"
#include "tests/lib/answers.h"
#include "tests/lib/cycles_kit.h"
#include "tests/lib/fuzz.h"

enum {
    INPUT_BYTES_MAX = 16384,
    REQUESTS_MAX = 12,
    TEXT_BYTES_MAX = 1 << 17,
    NAME_BYTES = 192,
    RESTART_EVERY = 16
};

static struct cycles_kit kit;

/* What was last made, for the placeholders. */
static struct {
    char reservation[NAME_BYTES];
    char policy[NAME_BYTES];
    char key[NAME_BYTES];
    char secret[NAME_BYTES];
    char cursor[8192];
} last;

struct request {
    const struct pawl_cycles_route *route; /* NULL: a path of its own */
    struct pawl_slice method;
    struct pawl_buf target;
    struct pawl_buf headers;
    struct pawl_buf body;
};

/* --- The world ------------------------------------------------------------------------------ */

static void make_world(void)
{
    static const char hold[] = "{\"idempotency_key\":\"w%d\",\"subject\":{\"agent\":\"bot\"},"
                               "\"action\":{\"kind\":\"llm\",\"name\":\"m\"},"
                               "\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":100}}";
    cycles_kit_open(&kit, 1);
    kit.kit.accept_clock = true; /* days may pass */
    kit.beside = true;
    memset(&last, 0, sizeof(last));
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    (void)cycles_kit_budget(&kit, "tenant:acme/agent:bot", PAWL_UNIT_USD_MICROCENTS, 1000);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_TOKENS, 500);
    (void)cycles_kit_budget(&kit, "tenant:globex", PAWL_UNIT_USD_MICROCENTS, 1000);
    for (int i = 0; i < 2; i++) {
        char body[sizeof(hold) + 16];
        (void)snprintf(body, sizeof(body), hold, i);
        int status = cycles_kit_send(&kit, "POST", "/v1/reservations", NULL, body);
        PAWL_ASSERT(status == 200);
    }
    (void)snprintf(last.reservation, sizeof(last.reservation), "%s",
                   cycles_kit_text(&kit, "reservation_id"));
}

static void remember(char *place, size_t bytes, const char *path)
{
    const char *text = cycles_kit_text(&kit, path);
    if (text[0] != '\0' && strlen(text) < bytes) {
        (void)snprintf(place, bytes, "%s", text);
    }
}

static const char *placeholder(char letter)
{
    switch (letter) {
    case 'r':
        return last.reservation;
    case 'p':
        return last.policy;
    case 'k':
        return last.key;
    case 's':
        return last.secret;
    case 'c':
        return last.cursor;
    default:
        return NULL;
    }
}

/* Copies the text with its placeholders filled in. */
static void append_filled(struct pawl_buf *out, struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        const char *known =
            text.data[i] == '@' && i + 1 < text.bytes ? placeholder(text.data[i + 1]) : NULL;
        if (known != NULL) {
            pawl_buf_append_str(out, known);
            i++;
        } else {
            pawl_buf_append_slice(out, pawl_slice_sub(text, i, 1));
        }
    }
}

/* --- From bytes to a request ---------------------------------------------------------------- */

static const struct pawl_cycles_route *route_of(struct pawl_slice word)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        if (pawl_slice_equal_str(word, pawl_route_at(i)->operation)) {
            return pawl_route_at(i);
        }
    }
    for (size_t i = 0; i < word.bytes; i++) {
        sum = sum * 31 + (unsigned char)word.data[i];
    }
    return pawl_route_at(sum % pawl_route_count());
}

static void read_flags(struct pawl_slice flags, struct request *request)
{
    kit.door = 0;
    kit.archive_behind = false;
    for (size_t i = 0; i < flags.bytes; i++) {
        switch (flags.data[i]) {
        case 'a':
            pawl_buf_append_str(&request->headers, "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n");
            break;
        case 'g':
            pawl_buf_append_str(&request->headers, "x-cycles-api-key: " CYCLES_KIT_GLOBEX "\n");
            break;
        case 'A':
            pawl_buf_append_str(&request->headers, "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n");
            break;
        case 's':
            pawl_buf_append_str(&request->headers, "X-Cycles-API-Key: ");
            pawl_buf_append_str(&request->headers, last.secret);
            pawl_buf_append_str(&request->headers, "\n");
            break;
        case 'T':
            kit.door = PAWL_DOOR_TRUSTED;
            break;
        case 'L':
            kit.door = PAWL_PLANE_RUNTIME;
            break;
        case 'b':
            kit.archive_behind = true;
            break;
        case 'H':
            request->method = PAWL_SLICE("HEAD");
            break;
        case 'P':
            request->method = PAWL_SLICE("PUT");
            break;
        case '1':
            cycles_kit_advance(&kit, 1000);
            break;
        case '2':
            cycles_kit_advance(&kit, 61000);
            break;
        case '3':
            cycles_kit_advance(&kit, INT64_C(26) * 3600 * 1000);
            break;
        default:
            break;
        }
    }
}

static void
append_path(struct pawl_buf *out, const struct pawl_cycles_route *route, struct pawl_slice params)
{
    struct pawl_slice path = pawl_slice_str(route->path);
    while (path.bytes > 0) {
        pawl_buf_append_slice(out, pawl_slice_cut(&path, '{'));
        if (path.bytes > 0) {
            (void)pawl_slice_cut(&path, '}');
            append_filled(out, pawl_slice_cut(&params, ';'));
        }
    }
}

static void
append_query(struct pawl_buf *out, const struct pawl_cycles_route *route, struct pawl_slice query)
{
    if (pawl_slice_starts_with(query, PAWL_SLICE("~"))) {
        struct cycles_bytes bytes = {pawl_slice_sub(query, 1, query.bytes)};
        struct pawl_buf drawn;
        pawl_buf_init(&drawn, TEXT_BYTES_MAX);
        cycles_draw_query(&drawn, route->query, &bytes);
        pawl_buf_append_str(out, "?");
        append_filled(out, pawl_buf_slice(&drawn));
        pawl_buf_free(&drawn);
    } else if (query.bytes > 0) {
        pawl_buf_append_str(out, "?");
        append_filled(out, query);
    }
}

static void read_request(struct pawl_slice text, struct request *request)
{
    struct pawl_slice line = pawl_slice_cut(&text, '\n');
    struct pawl_slice word = pawl_slice_cut(&line, ' ');
    struct pawl_slice flags = pawl_slice_cut(&line, ' ');
    struct pawl_slice params = pawl_slice_cut(&line, '?');
    bool own = word.bytes > 0 && (word.data[0] == '/' || word.data[0] == '*');
    const struct pawl_cycles_route *route = route_of(word);
    pawl_buf_init(&request->target, TEXT_BYTES_MAX);
    pawl_buf_init(&request->headers, TEXT_BYTES_MAX);
    pawl_buf_init(&request->body, TEXT_BYTES_MAX);
    request->route = own ? NULL : route;
    request->method = pawl_slice_str(route->method_name);
    read_flags(flags, request);
    if (!pawl_slice_equal_str(request->method, route->method_name)) {
        request->route = NULL; /* another operation's path, perhaps: HEAD is a GET */
    }
    if (own) {
        pawl_buf_append_slice(&request->target, word);
    } else {
        append_path(&request->target, route, params);
    }
    append_query(&request->target, route, line);
    for (line = pawl_slice_cut(&text, '\n'); line.bytes > 0; line = pawl_slice_cut(&text, '\n')) {
        append_filled(&request->headers, line);
        pawl_buf_append_str(&request->headers, "\n");
    }
    if (pawl_slice_starts_with(text, PAWL_SLICE("~"))) {
        struct cycles_bytes bytes = {pawl_slice_sub(text, 1, text.bytes)};
        struct pawl_buf drawn;
        pawl_buf_init(&drawn, TEXT_BYTES_MAX);
        cycles_draw_body(&drawn, route->fields, &bytes);
        append_filled(&request->body, pawl_buf_slice(&drawn));
        pawl_buf_free(&drawn);
    } else {
        append_filled(&request->body, text);
    }
}

static void free_request(struct request *request)
{
    pawl_buf_free(&request->target);
    pawl_buf_free(&request->headers);
    pawl_buf_free(&request->body);
}

/* --- One request ---------------------------------------------------------------------------- */

/* A byte that net does not let through in a head. */
static bool head_is_possible(const struct request *request)
{
    struct pawl_slice texts[] = {pawl_buf_slice(&request->target),
                                 pawl_buf_slice(&request->headers)};
    for (size_t text = 0; text < PAWL_ARRAY_LEN(texts); text++) {
        for (size_t i = 0; i < texts[text].bytes; i++) {
            unsigned char byte = (unsigned char)texts[text].data[i];
            if (byte == 0x7f || (byte < 0x20 && byte != '\t' && (text == 0 || byte != '\n'))) {
                return false;
            }
        }
    }
    return !request->target.overflowed && !request->headers.overflowed && !request->body.overflowed;
}

static int send(const struct request *request)
{
    struct pawl_http_header headers[CYCLES_KIT_HEADERS_MAX];
    struct pawl_slice lines = pawl_buf_slice(&request->headers);
    struct pawl_http_request http = {
        .method = request->method, .target = pawl_buf_slice(&request->target), .headers = headers};
    http.query = http.target;
    http.path = pawl_slice_cut(&http.query, '?');
    while (lines.bytes > 0 && http.header_count < PAWL_ARRAY_LEN(headers)) {
        struct pawl_slice value = pawl_slice_cut(&lines, '\n');
        struct pawl_slice name = pawl_slice_cut(&value, ':');
        headers[http.header_count++] = (struct pawl_http_header){name, pawl_slice_trim(value)};
    }
    /* In memory of its own, exactly as long, so that a sanitizer sees a step past the end. */
    char *tight = malloc(request->body.bytes > 0 ? request->body.bytes : 1);
    PAWL_ASSERT(tight != NULL);
    if (request->body.bytes > 0) {
        memcpy(tight, request->body.data, request->body.bytes);
    }
    http.body = pawl_slice_of(tight, request->body.bytes);
    int status = cycles_kit_send_bytes(&kit, &http);
    free(tight);
    return status;
}

/* The 404 of a path, and not of what it names. */
static bool is_no_path(int status)
{
    return status == 404 && cycles_kit_text(&kit, "error")[0] == 'N' &&
           (strstr(cycles_kit_body(&kit), "nothing at this path") != NULL ||
            strstr(cycles_kit_body(&kit), "the path is the other's") != NULL);
}

static void check_answer(const struct request *request, int status)
{
    char line[NAME_BYTES];
    bool probe =
        pawl_slice_starts_with(pawl_buf_slice(&request->target), PAWL_SLICE("/actuator/health"));
    PAWL_ASSERT(probe || !kit.early);
    bool found = request->route != NULL && status != 405 && !is_no_path(status);
    const char *why = answers_check(found ? request->route->operation : NULL, status, &kit.json);
    if (why != NULL && request->route != NULL) {
        (void)fprintf(stderr, "%s: %d: %s\n%s\n", request->route->operation, status, why,
                      cycles_kit_body(&kit));
    }
    PAWL_ASSERT(why == NULL || request->route == NULL);
    if (status >= 400 && kit.json.count > 0 && cycles_kit_text(&kit, "request_id")[0] != '\0') {
        (void)snprintf(line, sizeof(line), "X-Request-Id: %s", cycles_kit_text(&kit, "request_id"));
        PAWL_ASSERT(cycles_kit_header_is(&kit, line));
        (void)snprintf(line, sizeof(line), "X-Cycles-Trace-Id: %s",
                       cycles_kit_text(&kit, "trace_id"));
        PAWL_ASSERT(cycles_kit_header_is(&kit, line));
    }
    bool waits = strstr(pawl_buf_cstr(&kit.exchange.head), "Retry-After: ") != NULL;
    PAWL_ASSERT(waits || status != 429);
    PAWL_ASSERT(cycles_kit_header_is(&kit, "Content-Type: application/json"));
}

/* Whether a repeat of it is the same answer: it has a key. */
static bool is_remembered(const struct request *request, int status)
{
    const struct pawl_cycles_route *route = request->route;
    return route != NULL && status >= 200 && status < 300 && kit.json.count > 0 &&
           route->plane == PAWL_PLANE_RUNTIME && route->fields->count > 0;
}

/* Byte for byte: no time has passed. */
static void check_repeat(const struct request *request, int status)
{
    struct pawl_buf first;
    if (!is_remembered(request, status)) {
        return;
    }
    pawl_buf_init(&first, CYCLES_KIT_BODY_BYTES_MAX);
    pawl_buf_append_slice(&first, pawl_buf_slice(&kit.exchange.body));
    int again = send(request);
    bool same = again == status &&
                pawl_slice_equal(pawl_buf_slice(&first), pawl_buf_slice(&kit.exchange.body));
    if (!same) {
        (void)fprintf(stderr, "first:  %d %s\nrepeat: %d %s\n", status, pawl_buf_cstr(&first),
                      again, cycles_kit_body(&kit));
    }
    PAWL_ASSERT(same);
    pawl_buf_free(&first);
}

static void show(const struct request *request)
{
    if (getenv("PAWL_FUZZ_SHOW") != NULL) {
        (void)fprintf(stderr, "\n%.*s %.*s\n%.*s\n%.*s\n", (int)request->method.bytes,
                      request->method.data, (int)request->target.bytes, request->target.data,
                      (int)request->headers.bytes, request->headers.data, (int)request->body.bytes,
                      request->body.data);
    }
}

static void play(struct pawl_slice text)
{
    struct request request;
    read_request(text, &request);
    if (head_is_possible(&request)) {
        show(&request);
        int status = send(&request);
        if (getenv("PAWL_FUZZ_SHOW") != NULL) {
            (void)fprintf(stderr, "-> %d %s\n", status, cycles_kit_body(&kit));
        }
        check_answer(&request, status);
        remember(last.reservation, sizeof(last.reservation), "reservation_id");
        remember(last.policy, sizeof(last.policy), "policy_id");
        remember(last.key, sizeof(last.key), "key_id");
        remember(last.secret, sizeof(last.secret), "key_secret");
        remember(last.cursor, sizeof(last.cursor), "next_cursor");
        check_repeat(&request, status);
        pawl_core_audit(pawl_engine_core(kit.kit.engine));
    }
    free_request(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct pawl_slice rest = pawl_slice_of((const char *)data, bytes);
    if (bytes == 0 || bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    make_world();
    for (int i = 0; i < REQUESTS_MAX && rest.bytes > 0; i++) {
        play(pawl_slice_cut(&rest, '\x1e'));
    }
    if (bytes % RESTART_EVERY == 0) { /* it costs as much as all the rest */
        uint64_t digest = kit_digest(&kit.kit);
        cycles_kit_restart(&kit);
        PAWL_ASSERT(kit_digest(&kit.kit) == digest);
    }
    cycles_kit_free(&kit);
    return 0;
}
