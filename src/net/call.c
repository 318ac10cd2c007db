/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c: one call in libcurl: its handle, its callbacks, its idle time and its end.
 *
 * Handles are pooled. What is the same for every call is set once, when the handle is made; a
 * call then sets only what differs (call_options.c).
 *
 * Back-pressure: libcurl offers the bytes again that were answered with "pause". Since the
 * owner has taken the bytes with which it said "no more", it is the next ones that are
 * answered so; until a resume they stay in libcurl and, behind it, in the socket.
 *
 * Failure: see error_from(). Ownership: the client owns calls; the owner's handle is one
 * between start and on_done or abort.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/client_priv.h"

/* --- libcurl's callbacks -------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct pawl_http_call *call = pawl_call_checked(arg);
    size_t bytes = size * count;
    if (call->state != PAWL_CALL_RUNNING) {
        return bytes + 1; /* any other number ends the transfer */
    }
    pawl_client_socket_established(call);
    bool fine = pawl_call_head_line(call, pawl_slice_of(data, bytes));
    return fine && call->state == PAWL_CALL_RUNNING ? bytes : bytes + 1;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct pawl_http_call *call = pawl_call_checked(arg);
    size_t bytes = size * count;
    if (call->state != PAWL_CALL_RUNNING) {
        return bytes + 1;
    }
    if (call->paused) {
        call->held_back = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    call->resume_wanted = false;
    bool more = call->events.on_body == NULL ||
                call->events.on_body(call->events.arg, pawl_slice_of(data, bytes));
    if (call->state != PAWL_CALL_RUNNING) {
        return bytes + 1;
    }
    call->paused = !more && !call->resume_wanted;
    return bytes;
}

/* K3, for a request that is about to go out again. libcurl gets here only when a used connection
 * ended without a whole line of answer. */
static bool may_send_again(struct pawl_http_call *call)
{
    if (call->repeatable) {
        return true;
    }
    const struct pawl_http_client *client = call->client;
    bool at_once = uv_now(client->loop) - call->sent_at_ms <= client->resend_ms;
    bool first = !call->resent;
    call->resent = true;
    return first && at_once;
}

/* A connection is ready and the request about to go out: K3. */
static int on_before_request(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    (void)peer;
    (void)own;
    (void)peer_port;
    (void)own_port;
    struct pawl_http_call *call = pawl_call_checked(arg);
    long sent_bytes = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    bool sent_before = call->connected_at_bytes >= 0 && sent_bytes > call->connected_at_bytes;
    if (sent_before) {
        call->sent_twice = !may_send_again(call);
        return call->sent_twice ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
    }
    call->connected_at_bytes = sent_bytes;
    call->sent_at_ms = uv_now(call->client->loop);
    /* From here on only: another connection of the pool may be as dead as this one. */
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    return CURL_PREREQFUNC_OK;
}

/* --- Birth ---------------------------------------------------------------------------------- */

static void set_transport(struct pawl_curl_settings *set, struct pawl_http_client *client)
{
    pawl_curl_set_pointer(set, CURLOPT_PROTOCOLS_STR, "http,https");
    pawl_curl_set_long(set, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    pawl_curl_set_long(set, CURLOPT_NOSIGNAL, 1);
    pawl_curl_set_long(set, CURLOPT_TCP_NODELAY, 1);
    pawl_curl_set_long(set, CURLOPT_TCP_KEEPALIVE, 1);
    pawl_curl_set_long(set, CURLOPT_FOLLOWLOCATION, 0);
    pawl_curl_set_long(set, CURLOPT_PATH_AS_IS, 1);
    pawl_curl_set_long(set, CURLOPT_HTTP_CONTENT_DECODING, 0);
    pawl_curl_set_long(set, CURLOPT_HTTP_TRANSFER_DECODING, 1);
    pawl_curl_set_long(set, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    pawl_curl_set_long(set, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    pawl_curl_set_long(set, CURLOPT_SSL_VERIFYPEER, 1);
    pawl_curl_set_long(set, CURLOPT_SSL_VERIFYHOST, 2);
    pawl_curl_set_long(set, CURLOPT_MAXAGE_CONN, PAWL_CLIENT_CONNECTION_IDLE_S);
    pawl_curl_set_pointer(set, CURLOPT_SHARE, client->share);
    if (client->ca_file != NULL) {
        pawl_curl_set_pointer(set, CURLOPT_CAINFO, client->ca_file);
    }
    if (client->unix_socket != NULL) {
        pawl_curl_set_pointer(set, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
    }
    if (!client->use_proxy_environment) {
        pawl_curl_set_pointer(set, CURLOPT_PROXY, "");
    }
}

static bool set_constants(struct pawl_http_call *call)
{
    struct pawl_curl_settings set = {.easy = call->easy, .first_error = CURLE_OK};
    set_transport(&set, call->client);
    pawl_curl_set_pointer(&set, CURLOPT_PRIVATE, call);
    pawl_curl_set_pointer(&set, CURLOPT_ERRORBUFFER, call->error_text);
    pawl_curl_set_pointer(&set, CURLOPT_HEADERDATA, call);
    pawl_curl_set_pointer(&set, CURLOPT_WRITEDATA, call);
    pawl_curl_set_pointer(&set, CURLOPT_PREREQDATA, call);
    pawl_curl_set_pointer(&set, CURLOPT_OPENSOCKETDATA, call->client);
    pawl_curl_set_pointer(&set, CURLOPT_CLOSESOCKETDATA, call->client);
    CURLcode codes[] = {
        curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header),
        curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body),
        curl_easy_setopt(call->easy, CURLOPT_PREREQFUNCTION, on_before_request),
        curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETFUNCTION, pawl_client_open_socket),
        curl_easy_setopt(call->easy, CURLOPT_CLOSESOCKETFUNCTION, pawl_client_close_socket),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(codes); i++) {
        set.first_error = set.first_error == CURLE_OK ? codes[i] : set.first_error;
    }
    return set.first_error == CURLE_OK;
}

struct pawl_http_call *pawl_call_new(struct pawl_http_client *client)
{
    struct pawl_http_call *call = pawl_alloc_zeroed(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->magic = PAWL_CALL_MAGIC;
    call->client = client;
    call->state = PAWL_CALL_FREE;
    call->connected_at_bytes = -1;
    call->easy = curl_easy_init();
    if (call->easy == NULL || !set_constants(call)) {
        curl_easy_cleanup(call->easy);
        pawl_free(call);
        return NULL;
    }
    pawl_arena_init(&call->arena, PAWL_CALL_ARENA_BYTES_MAX);
    pawl_buf_init(&call->head, PAWL_CALL_HEAD_BYTES_MAX);
    uv_timer_init(client->loop, &call->idle_timer);
    call->idle_timer.data = call;
    client->handle_count += 1;
    return call;
}

void pawl_call_reset(struct pawl_http_call *call)
{
    /* What lives in the arena or belongs to the caller must not be pointed at any longer. */
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 0L);
    uv_timer_stop(&call->idle_timer);
    pawl_arena_reset(&call->arena);
    pawl_buf_reset(&call->head);
    call->events = (struct pawl_http_call_events){0};
    call->lines_first = NULL;
    call->lines_last = NULL;
    call->status = 0;
    call->header_count = 0;
    call->idle_timeout_ms = 0;
    call->idle_seen_bytes = 0;
    call->connected_at_bytes = -1;
    call->sent_at_ms = 0;
    call->repeatable = false;
    call->resent = false;
    call->paused = false;
    call->held_back = false;
    call->resume_wanted = false;
    call->head_done = false;
    call->sent_twice = false;
    call->timed_out = false;
    call->start_failed = false;
    call->head_bad = false;
    call->head_why = NULL;
    call->error_text[0] = '\0';
}

/* --- Idle time ------------------------------------------------------------------------------ */

/* All bytes that went either way. */
static int64_t bytes_moved(struct pawl_http_call *call)
{
    curl_off_t up = 0;
    curl_off_t down = 0;
    long request = 0;
    long header = 0;
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &header);
    return (int64_t)up + (int64_t)down + request + header;
}

static void on_idle(uv_timer_t *timer)
{
    struct pawl_http_call *call = pawl_call_checked(timer->data);
    int64_t moved = bytes_moved(call);
    /* Until it is connected the connect timeout rules, and a pause is the owner's. */
    if (moved != call->idle_seen_bytes || call->connected_at_bytes < 0 || call->paused) {
        pawl_call_arm_idle(call);
        return;
    }
    call->timed_out = true;
    pawl_client_touch(call);
}

void pawl_call_arm_idle(struct pawl_http_call *call)
{
    if (call->idle_timeout_ms > 0) {
        call->idle_seen_bytes = bytes_moved(call);
        uv_timer_start(&call->idle_timer, on_idle, call->idle_timeout_ms, 0);
    }
}

/* --- The end -------------------------------------------------------------------------------- */

static pawl_err error_from(const struct pawl_http_call *call, CURLcode code)
{
    if (call->timed_out) {
        return PAWL_ERR(TIMEOUT);
    }
    if (call->sent_twice) {
        return PAWL_ERR(IO);
    }
    if (call->head_bad) {
        return PAWL_ERR(PROTOCOL);
    }
    /* A chain, for libcurl has some hundred codes and new ones with every version. */
    if (code == CURLE_OK) {
        return PAWL_OK;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return PAWL_ERR(TIMEOUT);
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
        code == CURLE_COULDNT_CONNECT) {
        return PAWL_ERR(UNREACHABLE);
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        return PAWL_ERR(MEMORY);
    }
    if (code == CURLE_URL_MALFORMAT) {
        return PAWL_ERR(INVALID);
    }
    if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE ||
        code == CURLE_GOT_NOTHING) {
        return PAWL_ERR(IO);
    }
    if (code == CURLE_SSL_CACERT_BADFILE) {
        return PAWL_ERR(NOT_FOUND);
    }
    return PAWL_ERR(PROTOCOL);
}

static const char *why_of(const struct pawl_http_call *call, CURLcode code)
{
    if (call->timed_out) {
        return "no byte for the idle time";
    }
    if (call->sent_twice) {
        return "the connection broke after the request was sent, and it must not be sent twice";
    }
    if (call->head_bad) {
        return call->head_why;
    }
    if (code == CURLE_OK) {
        return call->head_done ? "" : "the answer broke off in its head";
    }
    return call->error_text[0] != '\0' ? call->error_text : curl_easy_strerror(code);
}

/* libcurl names whom it could not connect to, and not that this was the proxy. The addresses of
 * both would be alike only where the provider's is its own proxy. */
static void say_proxy_is_gone(struct pawl_http_call *call)
{
    char *url = NULL;
    char why[CURL_ERROR_SIZE];
    (void)curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url);
    struct pawl_slice host = pawl_call_host_of(pawl_slice_str(url != NULL ? url : ""));
    struct pawl_slice said = pawl_slice_str(call->error_text);
    if (pawl_slice_starts_with(said, PAWL_SLICE("Failed to connect to ")) &&
        pawl_slice_find(said, host) == SIZE_MAX) {
        (void)snprintf(why, sizeof(why), "%s", call->error_text);
        (void)snprintf(call->error_text, sizeof(call->error_text),
                       "the proxy that the environment names does not answer: %.180s", why);
    }
}

/* A proxy that does not let the call through says so with a status of its own, if it is there. */
static void say_proxy(struct pawl_http_call *call, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status == 407) {
        (void)snprintf(call->error_text, sizeof(call->error_text),
                       "the proxy asks for a name and a password (407), or for others");
    } else if (status >= 300) {
        (void)snprintf(call->error_text, sizeof(call->error_text),
                       "the proxy refuses the connection with status %ld", status);
    } else if (code == CURLE_COULDNT_CONNECT && call->client->use_proxy_environment) {
        say_proxy_is_gone(call);
    }
}

/* libcurl quotes a proxy's address that it cannot read, with the name and the password in it. From
 * its beginning to the last @, since what cannot be read may have anything in between. */
static void hide_login(char *text)
{
    char *end = strrchr(text, '@');
    if (end == NULL) {
        return;
    }
    *end = '\0';
    char *scheme = strstr(text, "://");
    char *quote = strchr(text, '\'');
    char *begin = scheme != NULL ? scheme + 3 : quote != NULL ? quote + 1 : text;
    *end = '@';
    memmove(begin, end, strlen(end) + 1);
}

void pawl_call_finish(struct pawl_http_call *call, CURLcode code)
{
    hide_login(call->error_text);
    if (code != CURLE_OK && call->connected_at_bytes < 0) {
        say_proxy(call, code);
    }
    pawl_err err = error_from(call, code);
    if (pawl_ok(err) && !call->head_done) {
        err = PAWL_ERR(PROTOCOL);
    }
    long sent_bytes = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    enum pawl_http_phase phase = PAWL_HTTP_PHASE_CONNECT;
    if (pawl_ok(err)) {
        phase = PAWL_HTTP_PHASE_DONE;
    } else if (call->head_done) {
        phase = PAWL_HTTP_PHASE_HEAD;
    } else if (call->connected_at_bytes >= 0 && sent_bytes > call->connected_at_bytes) {
        phase = PAWL_HTTP_PHASE_SENT;
    }
    call->events.on_done(call->events.arg, err, phase, why_of(call, code));
}
