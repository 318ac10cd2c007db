/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.c: see remote.h. A command waits, so the loop belongs to this file and runs only while a
 * request is under way.
 *
 * A socket's path may be longer than a socket's address can hold (107 bytes): it is then reached
 * through its directory, held open, under /proc/self/fd.
 */
#define _GNU_SOURCE
#include "remote/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/client.h"

enum { HEADERS_MAX = 5, TRIES = 2, URL_BYTES_MAX = 64 << 10 };

struct pawl_remote {
    uv_loop_t loop;
    struct pawl_http_client *client;
    const struct pawl_target *target;
    uint32_t timeout_ms;
    int dir_fd; /* of a socket with a long path; -1: none */
};

/* --- The server ------------------------------------------------------------------------------ */

/* The path as a socket's address can hold it. */
static bool short_path(struct pawl_remote *remote, char *out, size_t bytes)
{
    struct pawl_slice dir = pawl_slice_str(remote->target->socket);
    if (dir.bytes < sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return pawl_slice_copy_str(dir, out, bytes);
    }
    char path[PAWL_TARGET_BYTES];
    struct pawl_slice name = pawl_slice_cut_last(&dir, '/');
    bool known = pawl_slice_copy_str(dir, path, sizeof(path));
    remote->dir_fd = known ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int length =
        snprintf(out, bytes, "/proc/self/fd/%d/%.*s", remote->dir_fd, (int)name.bytes, name.data);
    return length > 0 && (size_t)length < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static void free_remote(struct pawl_remote *remote)
{
    (void)uv_run(&remote->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&remote->loop);
    PAWL_ASSERT(busy == 0);
    if (remote->dir_fd >= 0) {
        (void)close(remote->dir_fd);
    }
    pawl_free(remote);
}

pawl_err pawl_remote_open(const struct pawl_remote_options *options,
                          struct pawl_remote **ret_remote,
                          struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->target != NULL && options->timeout_ms > 0);
    char socket[PAWL_TARGET_BYTES];
    struct pawl_remote *remote = pawl_alloc_zeroed(1, sizeof(*remote));
    if (remote == NULL || uv_loop_init(&remote->loop) != 0) {
        pawl_free(remote);
        pawl_errmsg_set(msg, "no memory for a connection");
        return PAWL_ERR(MEMORY);
    }
    remote->target = options->target;
    remote->timeout_ms = options->timeout_ms;
    remote->dir_fd = -1;
    bool local = options->target->socket[0] != '\0';
    if (local && !short_path(remote, socket, sizeof(socket))) {
        pawl_errmsg_set(msg, "the socket %.300s cannot be reached: its name is too long",
                        options->target->socket);
        free_remote(remote);
        return PAWL_ERR(INVALID);
    }
    struct pawl_http_client_options client = {
        .loop = &remote->loop,
        .ca_file = options->ca_file,
        .unix_socket = local ? socket : NULL,
        .use_proxy_environment = !local,
        .connection_count_max = 1,
    };
    pawl_err err = pawl_http_client_new(&client, &remote->client);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for a connection");
        free_remote(remote);
        return err;
    }
    *ret_remote = remote;
    return PAWL_OK;
}

void pawl_remote_close(struct pawl_remote *remote)
{
    if (remote != NULL) {
        pawl_http_client_close(remote->client);
        free_remote(remote);
    }
}

/* --- One try --------------------------------------------------------------------------------- */

struct attempt {
    struct pawl_remote_answer *answer;
    pawl_err err;
    enum pawl_http_phase phase;
    bool done;
    struct pawl_errmsg why;
};

static void on_head(void *arg, int status, const struct pawl_http_header *headers, size_t count)
{
    struct attempt *attempt = arg;
    struct pawl_remote_answer *answer = attempt->answer;
    const struct pawl_http_header *id = pawl_http_find_header(headers, count, "X-Request-Id");
    const struct pawl_http_header *whose = pawl_http_find_header(headers, count, "X-Cycles-Tenant");
    const struct pawl_http_header *wait = pawl_http_find_header(headers, count, "Retry-After");
    uint64_t seconds = 0;
    answer->status = status;
    if (id != NULL) {
        (void)pawl_slice_copy_str(id->value, answer->request_id, sizeof(answer->request_id));
    }
    if (whose != NULL) {
        (void)pawl_slice_copy_str(whose->value, answer->tenant, sizeof(answer->tenant));
    }
    if (wait != NULL && pawl_slice_to_u64(wait->value, &seconds) && seconds <= UINT32_MAX) {
        answer->retry_after_s = (uint32_t)seconds;
    }
}

static bool on_body(void *arg, struct pawl_slice bytes)
{
    struct attempt *attempt = arg;
    pawl_buf_append_slice(&attempt->answer->body, bytes);
    return true;
}

static void on_done(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why)
{
    struct attempt *attempt = arg;
    attempt->err = err;
    attempt->phase = phase;
    attempt->done = true;
    pawl_errmsg_set(&attempt->why, "%s", why != NULL ? why : "");
}

static void
put(struct pawl_http_header *headers, size_t *count, const char *name, struct pawl_slice value)
{
    PAWL_ASSERT(*count < HEADERS_MAX);
    headers[(*count)++] = (struct pawl_http_header){pawl_slice_str(name), value};
}

static void try_once(struct pawl_remote *remote,
                     const struct pawl_remote_request *request,
                     struct pawl_slice url,
                     struct attempt *attempt)
{
    struct pawl_http_header headers[HEADERS_MAX];
    struct pawl_http_call *call = NULL;
    size_t count = 0;
    put(headers, &count, "Accept", PAWL_SLICE("application/json"));
    if (request->body.bytes > 0) {
        put(headers, &count, "Content-Type", PAWL_SLICE("application/json"));
    }
    if (request->key != NULL) {
        put(headers, &count, request->key->is_admin ? "X-Admin-API-Key" : "X-Cycles-API-Key",
            pawl_slice_str(request->key->secret));
    }
    if (request->idempotency.bytes > 0) {
        put(headers, &count, "X-Idempotency-Key", request->idempotency);
    }
    struct pawl_http_call_options options = {
        .method = pawl_slice_str(request->method),
        .url = url,
        .headers = headers,
        .header_count = count,
        .body = request->body,
        .has_body = request->body.bytes > 0,
        .connect_timeout_ms = remote->timeout_ms,
        .idle_timeout_ms = remote->timeout_ms,
        .events = {on_head, on_body, on_done, attempt},
    };
    attempt->err = pawl_http_call_start(remote->client, &options, &call, &attempt->why);
    attempt->done = pawl_failed(attempt->err);
    while (!attempt->done && uv_run(&remote->loop, UV_RUN_ONCE) != 0) {
    }
    if (!attempt->done) {
        attempt->err = PAWL_ERR(IO);
        pawl_errmsg_set(&attempt->why, "the connection ended without a word");
    }
}

/* --- A request ------------------------------------------------------------------------------- */

void pawl_remote_answer_init(struct pawl_remote_answer *answer)
{
    *answer = (struct pawl_remote_answer){.status = 0};
    pawl_buf_init(&answer->body, PAWL_REMOTE_ANSWER_MAX);
}

void pawl_remote_answer_free(struct pawl_remote_answer *answer)
{
    pawl_buf_free(&answer->body);
}

/* libcurl speaks of "localhost port 80" where it means a socket. */
static const char *why_unreachable(const char *socket, const struct attempt *attempt)
{
    if (socket[0] == '\0') {
        return attempt->why.text;
    }
    return access(socket, F_OK) != 0 ? strerror(errno) : "nobody listens at the socket";
}

/* What is to be done about a handshake that failed. */
static const char *hint_of(const char *why)
{
    if (strstr(why, "SSL certificate problem") != NULL) {
        return "; --ca-file FILE says who vouches for it";
    }
    if (strstr(why, "wrong version number") != NULL) { /* OpenSSL's, of what is no TLS */
        return "; no TLS is spoken there, so its address may begin with http://";
    }
    return "";
}

static void tell(const struct pawl_remote *remote,
                 const struct pawl_remote_request *request,
                 const struct attempt *attempt,
                 struct pawl_errmsg *msg)
{
    const char *name = pawl_target_name(remote->target);
    bool changes = strcmp(request->method, "GET") != 0;
    const char *doubt = changes && attempt->phase != PAWL_HTTP_PHASE_CONNECT
                            ? "; what was asked for may have been done"
                            : "";
    const char *socket = remote->target->socket;
    switch (attempt->err.code) {
    case PAWL_ERR_UNREACHABLE:
        if (socket[0] != '\0' && access(socket, W_OK) != 0 && errno == EACCES) {
            pawl_errmsg_set(
                msg, "%.300s: permission denied; run this as the server's user, or as root", name);
        } else if (remote->target->from[0] == '\0') {
            pawl_errmsg_set(msg,
                            "no server answers on this machine (%.200s): 'pawl serve' starts one, "
                            "--server or $PAWL_SERVER names one elsewhere",
                            name);
        } else {
            pawl_errmsg_set(msg, "no server answers at %.200s (%s): %.160s", name,
                            remote->target->from, why_unreachable(socket, attempt));
        }
        break;
    case PAWL_ERR_TIMEOUT:
        pawl_errmsg_set(msg, "the server at %.200s did not answer within %u s%s", name,
                        (unsigned)((remote->timeout_ms + 999) / 1000), doubt);
        break;
    case PAWL_ERR_IO:
        pawl_errmsg_set(msg, "the connection to %.200s broke: %.120s%s", name, attempt->why.text,
                        doubt);
        break;
    default:
        pawl_errmsg_set(msg, "%.200s: %.250s%s", name, attempt->why.text,
                        hint_of(attempt->why.text));
        break;
    }
}

pawl_err pawl_remote_send(struct pawl_remote *remote,
                          const struct pawl_remote_request *request,
                          struct pawl_remote_answer *answer,
                          struct pawl_errmsg *msg)
{
    PAWL_ASSERT(request->path.bytes > 0 && request->path.data[0] == '/');
    struct attempt attempt = {.answer = answer};
    struct pawl_buf url;
    pawl_buf_init(&url, URL_BYTES_MAX);
    pawl_buf_append_str(&url, remote->target->url);
    pawl_buf_append_slice(&url, request->path);
    if (url.overflowed) {
        pawl_errmsg_set(msg, "what is asked for is too long");
        pawl_buf_free(&url);
        return PAWL_ERR(LIMIT);
    }
    for (int i = 0; i < TRIES; i++) {
        attempt = (struct attempt){.answer = answer};
        answer->status = 0;
        answer->request_id[0] = '\0';
        answer->tenant[0] = '\0';
        answer->retry_after_s = 0;
        pawl_buf_reset(&answer->body);
        try_once(remote, request, pawl_buf_slice(&url), &attempt);
        if (attempt.err.code != PAWL_ERR_IO || !request->repeatable) {
            break;
        }
    }
    pawl_buf_free(&url);
    if (pawl_ok(attempt.err) && answer->body.overflowed) {
        attempt.err = PAWL_ERR(LIMIT);
        pawl_errmsg_set(&attempt.why, "its answer is too long");
    }
    if (pawl_failed(attempt.err)) {
        tell(remote, request, &attempt, msg);
    }
    return attempt.err;
}
