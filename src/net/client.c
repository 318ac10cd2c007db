/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c: calls on libcurl's multi interface, driven by the loop.
 *
 * A call goes starting → running → told → pool. Starts, resumes and aborts that libcurl would
 * not bear at the moment are collected and done at the end of the turn (K1), and so is
 * libcurl's own wish to be called "now": many calls begun in one turn cost one entry into it.
 *
 * libcurl is loaded for the first call, or earlier, by a thread, when the host asks for that
 * (prepare).
 *
 * The end: close aborts every call without a word, and at the end of the turn takes libcurl apart;
 * the client's memory goes when the last libuv handle has closed.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/client_priv.h"

struct pawl_http_client *pawl_client_checked(void *data)
{
    struct pawl_http_client *client = data;
    PAWL_ASSERT(client != NULL && client->magic == PAWL_CLIENT_MAGIC);
    return client;
}

struct pawl_http_call *pawl_call_checked(void *data)
{
    struct pawl_http_call *call = data;
    PAWL_ASSERT(call != NULL && call->magic == PAWL_CALL_MAGIC);
    return call;
}

/* --- Lists ---------------------------------------------------------------------------------- */

static void link_call(struct pawl_http_call **list, struct pawl_http_call *call)
{
    call->prev = NULL;
    call->next = *list;
    if (*list != NULL) {
        (*list)->prev = call;
    }
    *list = call;
}

static void unlink_call(struct pawl_http_call **list, struct pawl_http_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        PAWL_ASSERT(*list == call);
        *list = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->next = NULL;
    call->prev = NULL;
}

void pawl_client_touch(struct pawl_http_call *call)
{
    struct pawl_http_client *client = call->client;
    if (!call->in_work) {
        call->in_work = true;
        call->work_next = client->work;
        client->work = call;
        pawl_turn_request(client->turn);
    }
}

/* --- Calls come and go ---------------------------------------------------------------------- */

static void on_call_closed(uv_handle_t *handle)
{
    struct pawl_http_call *call = pawl_call_checked(handle->data);
    struct pawl_http_client *client = call->client;
    call->magic = 0;
    pawl_free(call);
    pawl_client_handle_closed(client);
}

static void destroy(struct pawl_http_call *call)
{
    PAWL_ASSERT(call->client->in_curl == 0 && !call->in_work && call->sock == NULL);
    curl_easy_cleanup(call->easy);
    pawl_arena_free(&call->arena);
    pawl_buf_free(&call->head);
    uv_close((uv_handle_t *)&call->idle_timer, on_call_closed);
}

/* To the pool, or away when that is full. What is on the work list must stay whole until the
 * turn has seen it, and inside libcurl none of its handles can be cleaned up. */
static void recycle(struct pawl_http_call *call)
{
    struct pawl_http_client *client = call->client;
    pawl_call_reset(call);
    call->state = PAWL_CALL_FREE;
    bool kept =
        client->pool_count < PAWL_CLIENT_IDLE_CALLS_MAX || call->in_work || client->in_curl > 0;
    if (kept) {
        link_call(&client->pool, call);
        client->pool_count += 1;
    } else {
        destroy(call);
    }
}

/* Takes a call from libcurl and, unless it was aborted, tells its owner. */
static void end_call(struct pawl_http_call *call, CURLcode code)
{
    struct pawl_http_client *client = call->client;
    PAWL_ASSERT(client->in_curl == 0);
    bool told = call->state == PAWL_CALL_RUNNING;
    curl_multi_remove_handle(client->multi, call->easy);
    pawl_client_socket_leave(call);
    unlink_call(&client->running, call);
    uv_timer_stop(&call->idle_timer);
    call->state = PAWL_CALL_FREE;
    if (told) {
        pawl_call_finish(call, code);
    }
    recycle(call);
}

static void tell_ended_calls(struct pawl_http_client *client)
{
    int left = 0;
    CURLMsg *message;
    while (!client->closing && (message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            void *data = NULL;
            CURLcode code = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&data);
            end_call(pawl_call_checked(data), code);
        }
    }
}

void pawl_client_socket_action(struct pawl_http_client *client, curl_socket_t fd, int events)
{
    if (client->closing) {
        return;
    }
    int running = 0;
    client->in_curl += 1;
    curl_multi_socket_action(client->multi, fd, events, &running);
    client->in_curl -= 1;
    pawl_client_settle_sockets(client);
    tell_ended_calls(client);
}

/* --- The turn ------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct pawl_http_client *client = pawl_client_checked(timer->data);
    pawl_client_socket_action(client, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct pawl_http_client *client = pawl_client_checked(arg);
    uv_timer_stop(&client->timer);
    client->timeout_now = timeout_ms == 0;
    if (timeout_ms > 0) {
        uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
    } else if (timeout_ms == 0 && !client->closing) {
        pawl_turn_request(client->turn);
    }
    return 0;
}

/* Nobody is told of a failure here, so the list of starts holds still. */
static void begin_call(struct pawl_http_call *call)
{
    struct pawl_http_client *client = call->client;
    call->state = PAWL_CALL_RUNNING;
    link_call(&client->running, call);
    if (curl_multi_add_handle(client->multi, call->easy) == CURLM_OK) {
        pawl_call_arm_idle(call);
    } else {
        call->start_failed = true;
        pawl_client_touch(call);
    }
}

/* Oldest first: the list is newest first. */
static void begin_calls(struct pawl_http_client *client)
{
    struct pawl_http_call *oldest = client->starting;
    while (oldest != NULL && oldest->next != NULL) {
        oldest = oldest->next;
    }
    while (oldest != NULL) {
        struct pawl_http_call *call = oldest;
        oldest = call->prev;
        unlink_call(&client->starting, call);
        begin_call(call);
    }
}

static void work_on(struct pawl_http_call *call)
{
    struct pawl_http_client *client = call->client;
    if (call->state == PAWL_CALL_ABORTED) {
        end_call(call, CURLE_OK);
    } else if (call->state == PAWL_CALL_RUNNING && call->start_failed) {
        end_call(call, CURLE_OUT_OF_MEMORY);
    } else if (call->state == PAWL_CALL_RUNNING && call->timed_out) {
        end_call(call, CURLE_OPERATION_TIMEDOUT);
    } else if (call->state == PAWL_CALL_RUNNING && call->resume_wanted && call->held_back) {
        call->resume_wanted = false;
        call->held_back = false;
        client->in_curl += 1;
        curl_easy_pause(call->easy, CURLPAUSE_CONT);
        client->in_curl -= 1;
    }
}

static void take_apart(struct pawl_http_client *client);

static void on_turn(void *arg)
{
    struct pawl_http_client *client = pawl_client_checked(arg);
    while (client->work != NULL) {
        struct pawl_http_call *call = client->work;
        client->work = call->work_next;
        call->work_next = NULL;
        call->in_work = false;
        work_on(call);
    }
    if (!client->closing) {
        begin_calls(client);
    }
    if (!client->closing && client->timeout_now) {
        client->timeout_now = false;
        pawl_client_socket_action(client, CURL_SOCKET_TIMEOUT, 0);
    }
    if (client->closing) {
        take_apart(client);
        return;
    }
    pawl_client_settle_sockets(client);
    tell_ended_calls(client);
    if (client->closing) {
        pawl_turn_request(client->turn);
    }
}

/* --- The client's birth and end ------------------------------------------------------------- */

void pawl_client_handle_closed(struct pawl_http_client *client)
{
    PAWL_ASSERT(client->handle_count > 0);
    client->handle_count -= 1;
    if (client->handle_count == 0) {
        PAWL_ASSERT(client->closing && client->multi == NULL);
        client->magic = 0;
        pawl_free(client->sockets);
        pawl_free(client->ca_file);
        pawl_free(client->unix_socket);
        pawl_free(client);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    pawl_client_handle_closed(pawl_client_checked(handle->data));
}

static void wait_for_loader(struct pawl_http_client *client)
{
    if (client->has_loader) {
        client->has_loader = false;
        (void)pthread_join(client->loader, NULL);
    }
}

static void take_apart(struct pawl_http_client *client)
{
    PAWL_ASSERT(client->in_curl == 0);
    while (client->running != NULL) {
        end_call(client->running, CURLE_OK);
    }
    while (client->starting != NULL) {
        struct pawl_http_call *call = client->starting;
        unlink_call(&client->starting, call);
        recycle(call);
    }
    while (client->work != NULL) {
        client->work->in_work = false;
        client->work = client->work->work_next;
    }
    while (client->pool != NULL) {
        struct pawl_http_call *call = client->pool;
        unlink_call(&client->pool, call);
        destroy(call);
    }
    wait_for_loader(client);
    if (client->multi != NULL) {
        curl_multi_cleanup(client->multi);
        curl_share_cleanup(client->share);
        client->multi = NULL;
    }
    pawl_client_drop_sockets(client);
    pawl_turn_close(client->turn);
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

static bool set_up_multi(struct pawl_http_client *client)
{
    return client->multi != NULL && client->share != NULL &&
           curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, pawl_client_watch_socket) ==
               CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                             (long)client->connection_count_max) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) ==
               CURLM_OK &&
           curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
               CURLSHE_OK;
}

/* What a client needs of libcurl, before its first call. */
static pawl_err set_up_curl(struct pawl_http_client *client, struct pawl_errmsg *msg)
{
    if (client->multi != NULL) {
        return PAWL_OK;
    }
    wait_for_loader(client);
    pawl_err err = pawl_curl_load(msg);
    if (pawl_failed(err)) {
        return err;
    }
    client->multi = curl_multi_init();
    client->share = curl_share_init();
    if (!set_up_multi(client)) {
        curl_multi_cleanup(client->multi);
        curl_share_cleanup(client->share);
        client->multi = NULL;
        pawl_errmsg_set(msg, "no memory for an HTTP client");
        return PAWL_ERR(MEMORY);
    }
    return PAWL_OK;
}

static void *load_curl(void *arg)
{
    (void)arg;
    struct pawl_errmsg msg;
    (void)pawl_failed(pawl_curl_load(&msg)); /* The first call is told. */
    return NULL;
}

void pawl_http_client_prepare(struct pawl_http_client *client)
{
    PAWL_ASSERT(pawl_client_checked(client) == client && !client->closing);
    if (client->prepared || client->multi != NULL) {
        return;
    }
    client->prepared = true;
    sigset_t all;
    sigset_t before;
    sigfillset(&all); /* Signals are the loop's. */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    client->has_loader = pthread_create(&client->loader, NULL, load_curl, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool copy_path(const char *path, char **ret_copy)
{
    if (path == NULL) {
        return true;
    }
    size_t bytes = strlen(path) + 1;
    *ret_copy = pawl_alloc(bytes);
    if (*ret_copy != NULL) {
        memcpy(*ret_copy, path, bytes);
    }
    return *ret_copy != NULL;
}

pawl_err pawl_http_client_new(const struct pawl_http_client_options *options,
                              struct pawl_http_client **ret_client)
{
    PAWL_ASSERT(options->loop != NULL);
    pawl_loop_ignore_sigpipe();
    struct pawl_http_client *client = pawl_alloc_zeroed(1, sizeof(*client));
    bool fine = client != NULL && copy_path(options->ca_file, &client->ca_file) &&
                copy_path(options->unix_socket, &client->unix_socket) &&
                pawl_ok(pawl_turn_new(options->loop, on_turn, client, &client->turn));
    if (!fine) {
        if (client != NULL) {
            pawl_free(client->ca_file);
            pawl_free(client->unix_socket);
            pawl_free(client);
        }
        return PAWL_ERR(MEMORY);
    }
    client->magic = PAWL_CLIENT_MAGIC;
    client->loop = options->loop;
    client->use_proxy_environment = options->use_proxy_environment;
    client->connection_count_max = options->connection_count_max > 0
                                       ? options->connection_count_max
                                       : PAWL_CLIENT_CONNECTIONS_DEFAULT;
    client->resend_ms = options->resend_ms > 0 ? options->resend_ms : PAWL_CLIENT_RESEND_MS;
    uv_timer_init(options->loop, &client->timer);
    client->timer.data = client;
    client->handle_count = 1;
    *ret_client = client;
    return PAWL_OK;
}

void pawl_http_client_close(struct pawl_http_client *client)
{
    PAWL_ASSERT(pawl_client_checked(client) == client && !client->closing);
    client->closing = true;
    for (struct pawl_http_call *call = client->running; call != NULL; call = call->next) {
        call->state = PAWL_CALL_ABORTED;
    }
    pawl_turn_request(client->turn);
}

/* --- The owner's side of a call ------------------------------------------------------------- */

pawl_err pawl_http_call_start(struct pawl_http_client *client,
                              const struct pawl_http_call_options *options,
                              struct pawl_http_call **ret_call,
                              struct pawl_errmsg *msg)
{
    PAWL_ASSERT(pawl_client_checked(client) == client && !client->closing);
    pawl_err err = set_up_curl(client, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_http_call *call = client->pool;
    if (call == NULL) {
        call = pawl_call_new(client);
        if (call == NULL) {
            pawl_errmsg_set(msg, "no memory for a call");
            return PAWL_ERR(MEMORY);
        }
        link_call(&client->pool, call);
        client->pool_count += 1;
    }
    err = pawl_call_prepare(call, options, msg);
    if (pawl_failed(err)) {
        return err;
    }
    unlink_call(&client->pool, call);
    client->pool_count -= 1;
    call->state = PAWL_CALL_STARTING;
    link_call(&client->starting, call);
    pawl_turn_request(client->turn);
    *ret_call = call;
    return PAWL_OK;
}

void pawl_http_call_resume(struct pawl_http_call *call)
{
    PAWL_ASSERT(pawl_call_checked(call) == call && call->state <= PAWL_CALL_RUNNING);
    call->paused = false;
    call->resume_wanted = true;
    if (call->held_back) {
        pawl_client_touch(call);
    }
}

void pawl_http_call_abort(struct pawl_http_call *call)
{
    PAWL_ASSERT(pawl_call_checked(call) == call && call->state <= PAWL_CALL_RUNNING);
    struct pawl_http_client *client = call->client;
    if (call->state == PAWL_CALL_STARTING) {
        unlink_call(&client->starting, call);
        recycle(call);
        return;
    }
    call->state = PAWL_CALL_ABORTED;
    if (client->in_curl > 0) {
        pawl_client_touch(call);
    } else {
        end_call(call, CURLE_OK);
    }
}
