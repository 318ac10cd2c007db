/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c: see status.h. It is a server of its own, beside the gateway's, since the two answer to
 * different people: this one to whoever may open the run's directory.
 */
#define _GNU_SOURCE
#include "run/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "run/caps.h"

enum { ANSWER_BYTES_MAX = 16384 };

static void put_caps(struct pawl_json_writer *writer, const struct pawl_account *account)
{
    pawl_json_key(writer, "caps");
    pawl_json_array_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit",
                             pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)));
        pawl_json_member_i64(writer, "limit", account->units[i].limit);
        pawl_json_member_i64(writer, "spent", account->units[i].spent);
        pawl_json_member_i64(writer, "held", account->units[i].held);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

static void put_latch(struct pawl_json_writer *writer, const struct pawl_gateway_latch *latch)
{
    pawl_json_key(writer, "latched");
    if (latch == NULL) {
        pawl_json_put_null(writer);
        return;
    }
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "reason", pawl_refusal_name(latch->refusal));
    if (pawl_unit_name(latch->unit) != NULL) {
        pawl_json_member_str(writer, "unit", pawl_unit_name(latch->unit));
    }
    pawl_json_member_str(writer, "message", latch->message);
    pawl_json_object_end(writer);
}

void pawl_status_write(const struct pawl_status *status, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", status->run_id);
    if (status->name != NULL) {
        pawl_json_member_str(&writer, "name", status->name);
    }
    pawl_json_member_i64(&writer, "pid", status->pid);
    pawl_json_member_str(&writer, "state", status->ending ? "ending" : "active");
    pawl_json_member_i64(&writer, "started_ms", status->started_us / PAWL_US_PER_MS);
    pawl_json_member_i64(&writer, "now_ms", status->now_us / PAWL_US_PER_MS);
    put_caps(&writer, &status->account);
    pawl_json_member_i64(&writer, "calls", (int64_t)status->counters.calls);
    pawl_json_member_i64(&writer, "refusals", (int64_t)status->counters.refusals);
    pawl_json_member_i64(&writer, "in_flight", (int64_t)status->counters.in_flight);
    pawl_json_member_i64(&writer, "overshoot", status->counters.overshoot_microcents);
    put_latch(&writer, status->latch);
    pawl_json_object_end(&writer);
}

/* --- Serving ------------------------------------------------------------------------------- */

static void reply(struct pawl_http_exchange *exchange, int status, struct pawl_slice body)
{
    struct pawl_http_header type = {PAWL_SLICE("content-type"), PAWL_SLICE("application/json")};
    pawl_http_reply(exchange, status, &type, 1, body);
}

static void handle(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_status_server *server = arg;
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    if (!pawl_slice_equal_str(request->path, PAWL_STATUS_PATH)) {
        reply(exchange, 404, PAWL_SLICE("{\"error\":\"NOT_FOUND\",\"message\":\"no such path\"}"));
        return;
    }
    if (!pawl_slice_equal_str(request->method, "GET")) {
        reply(exchange, 405,
              PAWL_SLICE("{\"error\":\"INVALID_REQUEST\",\"message\":\"only GET\"}"));
        return;
    }
    struct pawl_status status = {0};
    server->options.fill(server->options.arg, &status);
    struct pawl_buf body;
    pawl_buf_init(&body, ANSWER_BYTES_MAX);
    pawl_status_write(&status, &body);
    if (body.overflowed) {
        reply(exchange, 503,
              PAWL_SLICE("{\"error\":\"LIMIT_EXCEEDED\",\"message\":\"no memory\"}"));
    } else {
        reply(exchange, 200, pawl_buf_slice(&body));
    }
    pawl_buf_free(&body);
}

pawl_err pawl_status_address(const char *run_path,
                             int *ret_dir_fd,
                             char out[static PAWL_STATUS_ADDRESS_BYTES],
                             struct pawl_errmsg *msg)
{
    int fd = open(run_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        pawl_errmsg_set(msg, "cannot open %.400s: %s", run_path, strerror(errno));
        return pawl_err_from_errno(errno);
    }
    (void)snprintf(out, PAWL_STATUS_ADDRESS_BYTES, "/proc/self/fd/%d/%s", fd, PAWL_STATUS_SOCKET);
    *ret_dir_fd = fd;
    return PAWL_OK;
}

pawl_err pawl_status_server_open(struct pawl_status_server *server,
                                 const struct pawl_status_server_options *options,
                                 struct pawl_errmsg *msg)
{
    *server = (struct pawl_status_server){.options = *options, .dir_fd = -1};
    char address[PAWL_STATUS_ADDRESS_BYTES];
    pawl_err err = pawl_status_address(options->run->path, &server->dir_fd, address, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_http_server_options http = {
        .loop = options->loop,
        .limits = PAWL_HTTP_LIMITS_DEFAULT,
        .handler = handle,
        .arg = server,
    };
    http.limits.body_bytes_max = 4096;
    http.limits.connection_count_max = 64;
    err = pawl_http_server_new(&http, &server->http);
    if (pawl_ok(err)) {
        err = pawl_http_server_listen_unix(server->http, address, msg);
    } else {
        pawl_errmsg_set(msg, "no memory for the run's socket");
    }
    if (pawl_failed(err)) {
        pawl_status_server_close(server);
    }
    return err;
}

void pawl_status_server_close(struct pawl_status_server *server)
{
    if (server->http != NULL) {
        pawl_http_server_close(server->http);
        server->http = NULL;
    }
    if (server->dir_fd >= 0) {
        (void)close(server->dir_fd);
        server->dir_fd = -1;
    }
}
