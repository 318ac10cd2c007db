/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c: see control.h. It is a server of its own, beside the gateway's, since the two answer
 * to different people: this one to whoever may open the run's directory.
 */
#define _GNU_SOURCE
#include "run/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/prng.h"
#include "core/command.h"
#include "net/peer.h"
#include "net/server.h"

enum { TRACE_BYTES = 16, ERROR_TEXT_BYTES = 512 };

/* --- Answering ------------------------------------------------------------------------------ */

static void reply(struct pawl_http_exchange *exchange, int status, struct pawl_slice body)
{
    struct pawl_http_header type = {PAWL_SLICE("content-type"), PAWL_SLICE("application/json")};
    pawl_http_reply(exchange, status, &type, 1, body);
}

/* Both ids are made up here: a run's socket is asked now and then by its own user, who finds the
 * answer by the run. */
static void put_ids(struct pawl_json_writer *writer)
{
    unsigned char bytes[TRACE_BYTES];
    char trace[2 * TRACE_BYTES + 1];
    char request[sizeof("req_pawl_") + (size_t)2 * TRACE_BYTES];
    pawl_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(trace + 2 * i, 3, "%02x", bytes[i]);
    }
    (void)snprintf(request, sizeof(request), "req_pawl_%.16s", trace);
    pawl_json_member_str(writer, "request_id", request);
    pawl_json_member_str(writer, "trace_id", trace);
}

/* `field` and `kind` say what in the request was wrong, where that can be said. */
static void reply_error(struct pawl_http_exchange *exchange,
                        int status,
                        const char *code,
                        const char *message,
                        const char *field)
{
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "error", code);
    pawl_json_member_str(&writer, "message", message);
    put_ids(&writer);
    if (field != NULL) {
        pawl_json_key(&writer, "details");
        pawl_json_object_begin(&writer);
        pawl_json_member_str(&writer, "field", field);
        pawl_json_object_end(&writer);
    }
    pawl_json_object_end(&writer);
    reply(exchange, status,
          body.overflowed ? PAWL_SLICE("{\"error\":\"LIMIT_EXCEEDED\",\"message\":\"no memory\"}")
                          : pawl_buf_slice(&body));
    pawl_buf_free(&body);
}

void pawl_control_reply(struct pawl_http_exchange *exchange, struct pawl_buf *body)
{
    if (body->overflowed) {
        pawl_control_refuse(exchange, PAWL_RESULT_LIMIT_REACHED, "the answer is too long");
    } else {
        reply(exchange, 200, pawl_buf_slice(body));
    }
    pawl_buf_free(body);
}

void pawl_control_refuse(struct pawl_http_exchange *exchange,
                         enum pawl_result_code code,
                         const char *format,
                         ...)
{
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    reply_error(exchange, pawl_result_http((uint16_t)code), pawl_result_wire((uint16_t)code), text,
                NULL);
}

bool pawl_control_is_inside(struct pawl_http_exchange *exchange, pid_t keeper, const char *what)
{
    char text[ERROR_TEXT_BYTES];
    pid_t pid = pawl_http_exchange_peer_pid(exchange);
    if (pid <= 0 || !pawl_peer_descends_from(pid, keeper)) {
        return false;
    }
    (void)snprintf(text, sizeof(text),
                   "%s takes a person's word, and this came from inside the run itself, where its "
                   "agent could say it. Say it again in another terminal",
                   what);
    reply_error(exchange, 403, "FORBIDDEN", text, NULL);
    return true;
}

/* --- Reading a body ------------------------------------------------------------------------- */

struct reader {
    struct pawl_json json;
    struct pawl_arena *arena;
    char field[64]; /* what is wrong; "" for the body as a whole */
    char problem[ERROR_TEXT_BYTES];
};

PAWL_PRINTF(3, 4)
static bool wrong(struct reader *reader, const char *field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->problem, sizeof(reader->problem), format, arguments);
    va_end(arguments);
    (void)pawl_slice_copy_str(pawl_slice_str(field), reader->field, sizeof(reader->field));
    return false;
}

static bool read_text(struct reader *reader,
                      const struct pawl_control_field *field,
                      uint32_t node,
                      struct pawl_control_value *value)
{
    if (!pawl_json_is(&reader->json, node, PAWL_JSON_STRING)) {
        return wrong(reader, field->name, "'%s' is not a string", field->name);
    }
    value->text = pawl_json_string(&reader->json, node, reader->arena);
    bool plain = value->text.bytes > 0;
    for (size_t i = 0; i < value->text.bytes; i++) {
        unsigned char byte = (unsigned char)value->text.data[i];
        plain = plain && byte >= 0x20 && byte != 0x7f;
    }
    return plain ||
           wrong(reader, field->name, "'%s' is empty or has control characters in it", field->name);
}

static bool read_amount(struct reader *reader,
                        const struct pawl_control_field *field,
                        uint32_t node,
                        struct pawl_control_value *value)
{
    uint32_t unit = pawl_json_get(&reader->json, node, "unit");
    struct pawl_amount amount = {0};
    if (!pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT) ||
        reader->json.nodes[node].count != 2 ||
        !pawl_json_is(&reader->json, unit, PAWL_JSON_STRING) ||
        !pawl_json_i64(&reader->json, pawl_json_get(&reader->json, node, "amount"),
                       &amount.value)) {
        return wrong(reader, field->name, "each of '%s' is {\"unit\":\"TOKENS\",\"amount\":5}",
                     field->name);
    }
    amount.unit = pawl_unit_from_name(pawl_json_string(&reader->json, unit, reader->arena));
    if (amount.unit == PAWL_UNIT_NONE) {
        return wrong(reader, field->name, "there is no unit %.*s",
                     (int)pawl_slice_sub(pawl_json_raw(&reader->json, unit), 0, 64).bytes,
                     pawl_json_raw(&reader->json, unit).data);
    }
    if (amount.value <= 0 || amount.value > PAWL_AMOUNT_MAX) {
        return wrong(reader, field->name, "an amount of '%s' is not above 0", field->name);
    }
    for (uint32_t i = 0; i < value->amount_count; i++) {
        if (value->amounts[i].unit == amount.unit) {
            return wrong(reader, field->name, "'%s' has %s twice", field->name,
                         pawl_unit_name(amount.unit));
        }
    }
    value->amounts[value->amount_count++] = amount;
    return true;
}

static bool read_amounts(struct reader *reader,
                         const struct pawl_control_field *field,
                         uint32_t node,
                         struct pawl_control_value *value)
{
    if (!pawl_json_is(&reader->json, node, PAWL_JSON_ARRAY)) {
        return wrong(reader, field->name, "'%s' is not a list of amounts", field->name);
    }
    if (reader->json.nodes[node].count > PAWL_LINES_MAX) {
        return wrong(reader, field->name, "'%s' has more than %d amounts", field->name,
                     (int)PAWL_LINES_MAX);
    }
    uint32_t element = pawl_json_first(&reader->json, node);
    for (; element != PAWL_JSON_NONE; element = pawl_json_next(&reader->json, element)) {
        if (!read_amount(reader, field, element, value)) {
            return false;
        }
    }
    return true;
}

static bool read_value(struct reader *reader,
                       const struct pawl_control_field *field,
                       uint32_t node,
                       struct pawl_control_value *value)
{
    value->given = true;
    switch (field->kind) {
    case PAWL_CONTROL_TEXT:
        return read_text(reader, field, node, value);
    case PAWL_CONTROL_NUMBER:
        return (pawl_json_i64(&reader->json, node, &value->number) && value->number >= 0) ||
               wrong(reader, field->name, "'%s' is not an integer of 0 or more", field->name);
    case PAWL_CONTROL_BOOL:
        value->truth = pawl_json_is(&reader->json, node, PAWL_JSON_TRUE);
        return value->truth || pawl_json_is(&reader->json, node, PAWL_JSON_FALSE) ||
               wrong(reader, field->name, "'%s' is neither true nor false", field->name);
    case PAWL_CONTROL_AMOUNTS:
        return read_amounts(reader, field, node, value);
    }
    PAWL_UNREACHABLE();
}

static bool read_member(struct reader *reader,
                        const struct pawl_control_route *route,
                        uint32_t node,
                        struct pawl_control_value *values)
{
    uint32_t key = reader->json.nodes[node].key;
    for (size_t i = 0; i < route->field_count; i++) {
        if (pawl_json_string_is(&reader->json, key, route->fields[i].name)) {
            return read_value(reader, &route->fields[i], node, &values[i]);
        }
    }
    char name[64];
    (void)pawl_slice_copy_str(pawl_slice_sub(pawl_json_string_raw(&reader->json, key), 0, 63), name,
                              sizeof(name));
    return wrong(reader, name, "'%s' is not known here", name);
}

static bool read_body(struct reader *reader,
                      const struct pawl_control_route *route,
                      struct pawl_slice body,
                      struct pawl_control_value *values)
{
    struct pawl_json_limits limits = {.depth_max = 8, .nodes_max = 1024};
    if (pawl_slice_empty(pawl_slice_trim(body))) {
        body = PAWL_SLICE("{}");
    }
    if (!pawl_json_parse(reader->arena, body, PAWL_JSON_LEDGER, limits, &reader->json)) {
        return wrong(reader, "", "the body is not JSON: %s at byte %llu",
                     pawl_json_error_name(reader->json.error),
                     (unsigned long long)reader->json.error_offset);
    }
    if (!pawl_json_is(&reader->json, 0, PAWL_JSON_OBJECT)) {
        return wrong(reader, "", "the body is not a JSON object");
    }
    uint32_t node = pawl_json_first(&reader->json, 0);
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&reader->json, node)) {
        if (!read_member(reader, route, node, values)) {
            return false;
        }
    }
    for (size_t i = 0; i < route->field_count; i++) {
        if (route->fields[i].required && !values[i].given) {
            return wrong(reader, route->fields[i].name, "'%s' is missing", route->fields[i].name);
        }
    }
    return true;
}

/* --- Serving -------------------------------------------------------------------------------- */

static void
serve(struct pawl_control *control, const struct pawl_control_route *route, void *exchange)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    struct pawl_control_value values[PAWL_CONTROL_FIELDS_MAX] = {{.given = false}};
    struct reader reader = {.arena = pawl_http_exchange_arena(exchange)};
    PAWL_ASSERT(route->field_count <= PAWL_CONTROL_FIELDS_MAX);
    if (!read_body(&reader, route, request->body, values)) {
        reply_error(exchange, 400, pawl_result_wire(PAWL_RESULT_INVALID_REQUEST), reader.problem,
                    reader.field[0] != '\0' ? reader.field : NULL);
        return;
    }
    route->handler(control->options.arg, exchange, values);
}

static void handle(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_control *control = arg;
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    const struct pawl_control_route *other = NULL;
    for (size_t i = 0; i < control->options.route_count; i++) {
        const struct pawl_control_route *route = &control->options.routes[i];
        if (!pawl_slice_equal_str(request->path, route->path)) {
            continue;
        }
        if (pawl_slice_equal_str(request->method, route->method)) {
            serve(control, route, exchange);
            return;
        }
        other = route;
    }
    if (other != NULL) {
        char text[ERROR_TEXT_BYTES];
        (void)snprintf(text, sizeof(text), "%s takes %s only", other->path, other->method);
        reply_error(exchange, 405, pawl_result_wire(PAWL_RESULT_INVALID_REQUEST), text, NULL);
        return;
    }
    pawl_control_refuse(exchange, PAWL_RESULT_NOT_FOUND,
                        "a run answers nothing at this path; a pawl of another version may");
}

/* --- The socket ----------------------------------------------------------------------------- */

pawl_err pawl_control_address(const char *run_path,
                              int *ret_dir_fd,
                              char out[static PAWL_CONTROL_ADDRESS_BYTES],
                              struct pawl_errmsg *msg)
{
    int fd = open(run_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        pawl_errmsg_set(msg, "cannot open %.400s: %s", run_path, strerror(errno));
        return pawl_err_from_errno(errno);
    }
    (void)snprintf(out, PAWL_CONTROL_ADDRESS_BYTES, "/proc/self/fd/%d/%s", fd, PAWL_CONTROL_SOCKET);
    *ret_dir_fd = fd;
    return PAWL_OK;
}

pawl_err pawl_control_open(struct pawl_control *control,
                           const struct pawl_control_options *options,
                           struct pawl_errmsg *msg)
{
    *control = (struct pawl_control){.options = *options, .dir_fd = -1};
    char address[PAWL_CONTROL_ADDRESS_BYTES];
    pawl_err err = pawl_control_address(options->run->path, &control->dir_fd, address, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_http_server_options http = {
        .loop = options->loop,
        .limits = PAWL_HTTP_LIMITS_DEFAULT,
        .handler = handle,
        .arg = control,
    };
    http.limits.body_bytes_max = PAWL_CONTROL_BODY_MAX;
    http.limits.connection_count_max = 64;
    err = pawl_http_server_new(&http, &control->http);
    if (pawl_ok(err)) {
        err = pawl_http_server_listen_unix(control->http, address, msg);
    } else {
        pawl_errmsg_set(msg, "no memory for the run's socket");
    }
    if (pawl_failed(err)) {
        pawl_control_close(control);
    }
    return err;
}

void pawl_control_close(struct pawl_control *control)
{
    if (control->http != NULL) {
        pawl_http_server_close(control->http);
        control->http = NULL;
    }
    if (control->dir_fd >= 0) {
        (void)close(control->dir_fd);
        control->dir_fd = -1;
    }
}
