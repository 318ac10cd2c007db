/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c: one table of method, path and handler. An answer leaves when the ledger has it on disk;
 * whoever went away meanwhile is answered all the same, into the void.
 */
#include "lending/routes.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/limit_words.h"
#include "journal/copy.h"
#include "lending/wire.h"

struct route_call {
    struct pawl_routes *routes;
    struct pawl_http_exchange *exchange;
    const struct pawl_http_request *request;
    struct pawl_slice name; /* what stands for the star of the path */
    struct pawl_lend_ask ask;
    struct pawl_limit_change change;
};

/* --- Answers ------------------------------------------------------------------------------- */

static void reply(struct route_call *call, int status, struct pawl_buf *body)
{
    struct pawl_http_header type = {PAWL_SLICE("content-type"), PAWL_SLICE("application/json")};
    PAWL_ASSERT(!body->overflowed);
    pawl_http_reply(call->exchange, status, &type, 1, pawl_buf_slice(body));
    pawl_buf_free(body);
    call->routes->open_count--;
    pawl_free(call);
}

static void reply_error(struct route_call *call, int status, const char *code, const char *message)
{
    struct pawl_buf body;
    struct pawl_json_writer writer;
    char id[40];
    (void)snprintf(id, sizeof(id), "req_pawl_%llu",
                   (unsigned long long)call->routes->request_count);
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "error", code);
    pawl_json_member_str(&writer, "message", message);
    pawl_json_member_str(&writer, "request_id", id);
    pawl_json_object_end(&writer);
    reply(call, status, &body);
}

static void on_answered(struct pawl_lend_ask *ask)
{
    struct route_call *call = ask->arg;
    struct pawl_buf body;
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    pawl_wire_write_answer(&ask->request, &ask->answer, &body);
    reply(call, pawl_result_http(ask->answer.code), &body);
}

static void ask(struct route_call *call, const struct pawl_wire_asked *asked)
{
    call->ask = (struct pawl_lend_ask){.request = asked->lend, .done = on_answered, .arg = call};
    pawl_lender_ask(call->routes->lender, &asked->place, &call->ask);
}

/* --- Limits -------------------------------------------------------------------------------- */

static void list_limits(struct route_call *call)
{
    struct pawl_buf body;
    struct pawl_json_writer writer;
    struct pawl_limit limit;
    uint32_t cursor = 0;
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "result", pawl_result_name(PAWL_RESULT_OK));
    pawl_json_member_i64(&writer, "now_ms",
                         pawl_lender_now_us(call->routes->lender) / PAWL_US_PER_MS);
    pawl_json_key(&writer, "limits");
    pawl_json_array_begin(&writer);
    while (pawl_lender_limit_next(call->routes->lender, &cursor, &limit)) {
        pawl_json_object_begin(&writer);
        pawl_wire_write_limit(&writer, &limit);
        pawl_json_object_end(&writer);
    }
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
    reply(call, 200, &body);
}

static void on_list(struct pawl_lend_ask *ask)
{
    list_limits(ask->arg);
}

static void get_limits(struct route_call *call)
{
    struct pawl_errmsg msg = {""};
    struct pawl_wire_asked asked;
    struct pawl_slice query = call->request->query;
    if (!pawl_wire_read_look(query, pawl_http_exchange_arena(call->exchange), &asked, &msg)) {
        reply_error(call, 400, "INVALID_REQUEST", msg.text);
        return;
    }
    ask(call, &asked);
    if (query.bytes == 0) {
        call->ask.done = on_list; /* behind the same barrier */
    }
}

static int status_of(pawl_err err)
{
    switch (err.code) {
    case PAWL_ERR_NONE:
        return 200;
    case PAWL_ERR_NOT_FOUND:
        return 404;
    case PAWL_ERR_EXISTS:
        return 409;
    case PAWL_ERR_LIMIT:
        return 503;
    default:
        return 400;
    }
}

static void on_changed(struct pawl_limit_change *change)
{
    static const char *const codes[] = {"INVALID_REQUEST", "NOT_FOUND", "LIMIT_EXCEEDED"};
    struct route_call *call = change->arg;
    int status = status_of(change->err);
    if (pawl_failed(change->err)) {
        reply_error(call, status,
                    codes[status == 404   ? 1
                          : status == 503 ? 2
                                          : 0],
                    change->msg.text);
        return;
    }
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "result", pawl_result_name(PAWL_RESULT_OK));
    pawl_wire_write_limit(&writer, &change->limit);
    if (change->changed) {
        pawl_json_member_i64(&writer, "limit_before", change->amount_before);
    }
    pawl_json_object_end(&writer);
    reply(call, status, &body);
}

/* An agent would set its own limits. From inside of whichever run, nothing is changed or made. */
static bool is_inside_run(struct route_call *call)
{
    if (!pawl_http_exchange_is_from_run(call->exchange)) {
        return false;
    }
    reply_error(call, 403, "FORBIDDEN", PAWL_LIMIT_INSIDE_RUN);
    return true;
}

static void post_limit(struct route_call *call)
{
    if (is_inside_run(call)) {
        return;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_limit_change *change = &call->change;
    *change = (struct pawl_limit_change){.done = on_changed, .arg = call};
    if (!pawl_wire_read_change(call->request->body, pawl_http_exchange_arena(call->exchange),
                               &change->limit, &msg)) {
        reply_error(call, 400, "INVALID_REQUEST", msg.text);
        return;
    }
    change->limit.number = 0;
    pawl_lender_change(call->routes->lender, change);
}

static void delete_limit(struct route_call *call)
{
    if (is_inside_run(call)) {
        return;
    }
    struct pawl_limit_change *change = &call->change;
    *change = (struct pawl_limit_change){.remove = true, .done = on_changed, .arg = call};
    struct pawl_slice name = pawl_wire_decode(call->name, pawl_http_exchange_arena(call->exchange));
    if (!pawl_slice_copy_str(name, change->limit.name, sizeof(change->limit.name))) {
        reply_error(call, 404, "NOT_FOUND", "there is no limit of that name");
        return;
    }
    pawl_lender_change(call->routes->lender, change);
}

/* --- Slices -------------------------------------------------------------------------------- */

static void post_slice(struct route_call *call, enum pawl_lend_kind kind)
{
    struct pawl_errmsg msg = {""};
    struct pawl_wire_asked asked = {.lend.kind = kind};
    struct pawl_arena *arena = pawl_http_exchange_arena(call->exchange);
    if (!pawl_slice_copy_str(call->name, asked.lend.slice, sizeof(asked.lend.slice))) {
        reply_error(call, 404, "NOT_FOUND", "that is no slice");
    } else if (!pawl_wire_read_slice(call->request->body, arena, &asked, &msg)) {
        reply_error(call, 400, "INVALID_REQUEST", msg.text);
    } else {
        ask(call, &asked);
    }
}

static void draw_slice(struct route_call *call)
{
    post_slice(call, PAWL_LEND_DRAW);
}

static void extend_slice(struct route_call *call)
{
    post_slice(call, PAWL_LEND_EXTEND);
}

static void settle_slice(struct route_call *call)
{
    post_slice(call, PAWL_LEND_SETTLE);
}

/* --- The journal --------------------------------------------------------------------------- */

static void copy_journal(struct route_call *call)
{
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_errmsg msg = {""};
    if (is_inside_run(call)) {
        return;
    }
    if (pawl_failed(pawl_copy_make(call->routes->dir, name, &msg))) {
        reply_error(call, 503, "UNAVAILABLE", msg.text);
        return;
    }
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "result", pawl_result_name(PAWL_RESULT_OK));
    pawl_json_member_str(&writer, "copy", name);
    pawl_json_object_end(&writer);
    reply(call, 200, &body);
}

/* --- The table ----------------------------------------------------------------------------- */

static const struct {
    const char *method;
    const char *path; /* a star stands for one segment that is not empty */
    void (*handle)(struct route_call *call);
} routes[] = {
    {"GET", PAWL_WIRE_LIMITS, get_limits},
    {"POST", PAWL_WIRE_LIMITS, post_limit},
    {"DELETE", PAWL_WIRE_LIMITS "/*", delete_limit},
    {"POST", PAWL_WIRE_COPY, copy_journal},
    {"POST", PAWL_WIRE_SLICES, draw_slice},
    {"POST", PAWL_WIRE_SLICES "/*/extend", extend_slice},
    {"POST", PAWL_WIRE_SLICES "/*/settle", settle_slice},
};

static bool fits(struct pawl_slice path, const char *pattern, struct pawl_slice *ret_name)
{
    struct pawl_slice rest = pawl_slice_str(pattern);
    struct pawl_slice before = pawl_slice_cut(&rest, '*');
    if (before.bytes == pawl_slice_str(pattern).bytes) {
        return pawl_slice_equal(path, before);
    }
    if (path.bytes <= before.bytes + rest.bytes || !pawl_slice_starts_with(path, before) ||
        !pawl_slice_ends_with(path, rest)) {
        return false;
    }
    *ret_name = pawl_slice_sub(path, before.bytes, path.bytes - before.bytes - rest.bytes);
    return pawl_slice_find_byte(*ret_name, '/') == SIZE_MAX;
}

/* Nobody of this version asks for it. */
static void reply_other(struct route_call *call)
{
    char text[200];
    (void)snprintf(text, sizeof(text),
                   "no such path for the authority of this version of pawl, process %d; 'kill -9 "
                   "%d' loses nothing, and who asks next starts one of his own",
                   (int)getpid(), (int)getpid());
    reply_error(call, 404, "NOT_FOUND", text);
}

void pawl_routes_handle(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_routes *all = arg;
    struct route_call *call = pawl_alloc_zeroed(1, sizeof(*call));
    PAWL_ASSERT(call != NULL); /* a process that has no memory for this has none to go on */
    call->routes = all;
    call->exchange = exchange;
    call->request = pawl_http_exchange_request(exchange);
    all->request_count++;
    all->open_count++;
    bool path_known = false;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(routes); i++) {
        if (fits(call->request->path, routes[i].path, &call->name)) {
            path_known = true;
            if (pawl_slice_equal_str(call->request->method, routes[i].method)) {
                routes[i].handle(call);
                return;
            }
        }
    }
    if (path_known) {
        reply_error(call, 405, "INVALID_REQUEST", "the path does not take this method");
    } else {
        reply_other(call);
    }
}
