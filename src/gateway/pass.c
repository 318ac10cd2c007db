/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass.c: paths that cost nothing, handed through untouched: method, headers, body, status,
 * coding, all as they come, both ways with back-pressure. Nothing is read and nothing is held.
 * What does not come back is an address to go to (Location, Refresh): a client that followed a
 * redirect would leave pawl, and the method and body of a free path may buy something elsewhere.
 *
 * A batch passes in the same way, but it spends: that it went out is written down before it does.
 *
 * Ownership: a pass lives until its upstream call has ended or was aborted; the exchange lives at
 * least as long, because it is answered then, also when the client left before.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "gateway/gateway_priv.h"
#include "gateway/headers.h"

enum { ARENA_BYTES_MAX = 1 << 20, URL_BYTES_MAX = 64 * 1024, PASS_IDLE_MS = 10 * 60 * 1000 };

struct pawl_pass {
    uint32_t magic;
    struct pawl_gateway *gateway;
    struct pawl_pass *next;
    struct pawl_pass *prev;
    struct pawl_http_exchange *exchange;
    struct pawl_http_call *upstream;
    struct pawl_arena arena;
    enum pawl_dialect dialect;
    bool begun;
    /* A batch: it goes out once it is written down. */
    struct pawl_route route;
    struct pawl_op op;
    bool noting;
};

static struct pawl_pass *checked(void *arg)
{
    struct pawl_pass *pass = arg;
    PAWL_ASSERT(pass != NULL && pass->magic == PAWL_PASS_MAGIC);
    return pass;
}

static void unlink_pass(struct pawl_pass *pass)
{
    struct pawl_gateway *gateway = pass->gateway;
    if (pass->prev != NULL) {
        pass->prev->next = pass->next;
    } else {
        gateway->passes = pass->next;
    }
    if (pass->next != NULL) {
        pass->next->prev = pass->prev;
    }
}

static void free_pass(struct pawl_pass *pass)
{
    struct pawl_gateway *gateway = pass->gateway;
    unlink_pass(pass);
    pawl_arena_free(&pass->arena);
    pass->magic = 0;
    pawl_free(pass);
    pawl_gateway_check_idle(gateway);
}

/* Takes the exchange away from the pass, for its last answer. */
static struct pawl_http_exchange *take_exchange(struct pawl_pass *pass)
{
    struct pawl_http_exchange *exchange = pass->exchange;
    pass->exchange = NULL;
    pawl_http_exchange_set_owner(exchange, NULL);
    return exchange;
}

static void refuse_unreachable(struct pawl_pass *pass, const char *why)
{
    struct pawl_refusal_words words = {.refusal = PAWL_REFUSAL_UNREACHABLE};
    pawl_words_set(&words, "pawl: the provider did not answer: %s", why);
    pawl_refuse_exchange(take_exchange(pass), pass->gateway, pass->dialect, &words);
}

static void break_off(struct pawl_pass *pass)
{
    struct pawl_http_call *upstream = pass->upstream;
    pass->upstream = NULL;
    if (upstream != NULL) {
        pawl_http_call_abort(upstream);
    }
    pawl_http_reply_abort(take_exchange(pass));
    if (pass->noting) {
        /* The ledger still has its operation; the gateway stays until that is done. */
        pass->gateway->closing_count++;
        unlink_pass(pass);
        return;
    }
    free_pass(pass);
}

/* --- Upstream ------------------------------------------------------------------------------- */

static void on_head(void *arg, int status, const struct pawl_http_header *headers, size_t count)
{
    struct pawl_pass *pass = checked(arg);
    struct pawl_headers_options keep = {.drop_addresses = true, .extra = 1};
    size_t kept = 0;
    struct pawl_http_header *list =
        pawl_headers_forward(headers, count, &keep, &pass->arena, &kept);
    if (list != NULL) {
        list[kept++] = (struct pawl_http_header){PAWL_SLICE("x-pawl-run"),
                                                 pawl_slice_str(pass->gateway->options.run_id)};
    }
    uint64_t length = 0;
    bool known =
        pawl_slice_to_u64(pawl_http_header_value(headers, count, "content-length"), &length) &&
        length <= INT64_MAX;
    pass->begun = true;
    pawl_http_reply_begin(pass->exchange, status, list, kept, known ? (int64_t)length : -1);
}

static bool on_body(void *arg, struct pawl_slice bytes)
{
    return pawl_http_reply_write(checked(arg)->exchange, bytes);
}

static void on_done(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why)
{
    struct pawl_pass *pass = checked(arg);
    (void)phase;
    pass->upstream = NULL;
    if (!pass->begun) {
        refuse_unreachable(pass, pawl_ok(err) ? "an answer without a head" : why);
    } else if (pawl_ok(err)) {
        pawl_http_reply_end(take_exchange(pass));
    } else {
        pawl_http_reply_abort(take_exchange(pass));
    }
    free_pass(pass);
}

/* --- Client --------------------------------------------------------------------------------- */

static void on_gone(struct pawl_http_exchange *exchange)
{
    void *owner = pawl_http_exchange_owner(exchange);
    if (owner != NULL) {
        break_off(checked(owner));
    }
}

static void on_drained(struct pawl_http_exchange *exchange)
{
    void *owner = pawl_http_exchange_owner(exchange);
    if (owner != NULL && checked(owner)->upstream != NULL) {
        pawl_http_call_resume(checked(owner)->upstream);
    }
}

static pawl_err
start(struct pawl_pass *pass, const struct pawl_route *route, struct pawl_errmsg *msg)
{
    struct pawl_gateway *gateway = pass->gateway;
    const struct pawl_http_request *request = pawl_http_exchange_request(pass->exchange);
    struct pawl_headers_options keep = {.drop_attribution = true};
    size_t count = 0;
    struct pawl_http_header *headers =
        pawl_headers_forward(request->headers, request->header_count, &keep, &pass->arena, &count);
    struct pawl_buf url;
    pawl_buf_init(&url, URL_BYTES_MAX);
    pawl_route_append_url(route, gateway->bases[route->upstream], request->query, &url);
    if (headers == NULL || url.overflowed) {
        pawl_buf_free(&url);
        pawl_errmsg_set(msg, "no memory for the request");
        return PAWL_ERR(MEMORY);
    }
    struct pawl_http_call_options options = {
        .method = request->method,
        .url = pawl_buf_slice(&url),
        .headers = headers,
        .header_count = count,
        .body = request->body,
        .has_body = request->body.bytes > 0 || pawl_slice_equal_str(request->method, "POST"),
        .idle_timeout_ms = PASS_IDLE_MS,
        .events = {.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = pass},
    };
    pawl_err err = pawl_http_call_start(gateway->options.client, &options, &pass->upstream, msg);
    pawl_buf_free(&url);
    return err;
}

static void launch(struct pawl_pass *pass)
{
    struct pawl_errmsg msg = {.text = ""};
    if (pawl_failed(start(pass, &pass->route, &msg))) {
        refuse_unreachable(pass, msg.text);
        free_pass(pass);
    }
}

/* NULL without memory: the exchange is answered. */
static struct pawl_pass *new_pass(struct pawl_gateway *gateway,
                                  struct pawl_http_exchange *exchange,
                                  const struct pawl_route *route)
{
    struct pawl_pass *pass = pawl_alloc_zeroed(1, sizeof(*pass));
    if (pass == NULL) {
        pawl_http_reply(exchange, 503, NULL, 0, PAWL_SLICE("pawl: no memory\n"));
        return NULL;
    }
    pass->magic = PAWL_PASS_MAGIC;
    pass->gateway = gateway;
    pass->exchange = exchange;
    pass->dialect = route->dialect;
    pass->route = *route;
    pawl_arena_init(&pass->arena, ARENA_BYTES_MAX);
    pass->next = gateway->passes;
    if (gateway->passes != NULL) {
        gateway->passes->prev = pass;
    }
    gateway->passes = pass;
    pawl_http_exchange_set_owner(exchange, pass);
    pawl_http_exchange_on_gone(exchange, on_gone);
    pawl_http_exchange_on_drained(exchange, on_drained);
    return pass;
}

void pawl_pass_start(struct pawl_gateway *gateway,
                     struct pawl_http_exchange *exchange,
                     const struct pawl_route *route)
{
    struct pawl_pass *pass = new_pass(gateway, exchange, route);
    if (pass != NULL) {
        gateway->counters.passed++;
        launch(pass);
    }
}

/* --- Batches -------------------------------------------------------------------------------- */

static void on_noted(struct pawl_op *op)
{
    struct pawl_pass *pass = checked(op->arg);
    struct pawl_gateway *gateway = pass->gateway;
    pass->noting = false;
    if (pass->exchange != NULL) {
        launch(pass);
        return;
    }
    /* Its client has gone; it was taken out of the list then. */
    PAWL_ASSERT(gateway->closing_count > 0);
    gateway->closing_count--;
    pawl_arena_free(&pass->arena);
    pass->magic = 0;
    pawl_free(pass);
    pawl_gateway_check_idle(gateway);
}

void pawl_pass_start_batch(struct pawl_gateway *gateway,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_route *route)
{
    if (gateway->latched || gateway->stopped) {
        struct pawl_refusal_words words = gateway->latch;
        words.latches = false;
        words.refusal = gateway->stopped ? words.refusal : PAWL_REFUSAL_LATCHED;
        pawl_refuse_exchange(exchange, gateway, route->dialect, &words);
        return;
    }
    struct pawl_pass *pass = new_pass(gateway, exchange, route);
    if (pass == NULL) {
        return;
    }
    gateway->counters.batches++;
    struct pawl_buf note;
    pawl_buf_init(&note, PAWL_METADATA_BYTES_MAX);
    pawl_note_batch(route, &note);
    struct pawl_command command = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = pawl_buf_slice(&note),
        .u.note = {.tenant = gateway->subject.levels[PAWL_LEVEL_TENANT],
                   .session = gateway->subject.session,
                   .kind = PAWL_NOTE_BATCH},
    };
    pass->noting = true;
    pass->op = (struct pawl_op){.done = on_noted, .arg = pass};
    pawl_gateway_submit(gateway, &command, &pass->op);
    pawl_buf_free(&note);
}

void pawl_pass_abort_all(struct pawl_gateway *gateway)
{
    while (gateway->passes != NULL) {
        break_off(gateway->passes);
    }
}
