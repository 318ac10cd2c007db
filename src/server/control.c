/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c: the server's own paths: what Prometheus reads, and a copy of the journal beside it,
 * for `pawl verify` and `pawl backup`. The copy is made between two commits and holds the loop up
 * for as long as one segment takes to copy; all other segments are linked.
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "journal/copy.h"
#include "server/server_priv.h"

enum { METRICS_OPEN, METRICS_ADMIN, METRICS_OFF };
enum { SCRAPE_BYTES_MAX = 16 << 20 };

static void tell_metrics(struct pawl_serve *serve, struct pawl_call *call)
{
    struct pawl_buf text;
    pawl_buf_init(&text, SCRAPE_BYTES_MAX);
    pawl_serve_scrape(serve, &text);
    if (text.overflowed) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "there is no memory for the metrics");
    } else {
        pawl_call_reply_bytes(call, 200, PAWL_SLICE("text/plain; version=0.0.4; charset=utf-8"),
                              pawl_buf_slice(&text));
    }
    pawl_buf_free(&text);
}

static void copy_journal(struct pawl_serve *serve, struct pawl_call *call)
{
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_errmsg msg = {""};
    pawl_engine_flush(serve->engine);
    pawl_err err = pawl_copy_make(serve->place.dir, name, &msg);
    if (pawl_failed(err)) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "%s", msg.text);
        return;
    }
    struct pawl_json_writer *json = pawl_call_json(call);
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "copy", name);
    pawl_json_member_i64(json, "last_op", (int64_t)pawl_engine_durable_op(serve->engine));
    pawl_json_object_end(json);
    pawl_call_reply(call, 200);
}

/* A door of the runtime plane alone shows clients nothing of the server's. */
static bool is_runtime_only(const struct pawl_call *call)
{
    uint32_t planes = pawl_http_exchange_listener(call->exchange) & PAWL_PLANE_ALL;
    return planes != 0 && (planes & PAWL_PLANE_GOVERNANCE) == 0;
}

bool pawl_serve_other(void *arg, struct pawl_call *call)
{
    struct pawl_serve *serve = arg;
    PAWL_ASSERT(serve->magic == PAWL_SERVE_MAGIC);
    int64_t who = pawl_serve_number(serve->said, PAWL_SERVE_OPT_METRICS);
    struct pawl_slice path = call->request->path;
    if (pawl_slice_equal_str(path, "/metrics") && who != METRICS_OFF && !is_runtime_only(call)) {
        if (!pawl_slice_equal_str(call->request->method, "GET") &&
            !pawl_slice_equal_str(call->request->method, "HEAD")) {
            pawl_call_header(call, PAWL_SLICE("Allow"), PAWL_SLICE("GET"));
            pawl_call_refuse(call, PAWL_ERROR_METHOD, "/metrics takes GET");
        } else if (who == METRICS_OPEN || pawl_call_admin_only(call)) {
            tell_metrics(serve, call);
        }
        return true;
    }
    /* Whoever asks must be able to read the copy: the local socket's user. */
    if (pawl_slice_equal_str(path, "/v1/x-pawl/journal/copy") && call->trusted &&
        pawl_slice_equal_str(call->request->method, "POST")) {
        copy_journal(serve, call);
        return true;
    }
    return false;
}
