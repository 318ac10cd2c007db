/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.c: where the server can be had. An address of --listen serves everything; one of
 * --listen-runtime or --listen-admin its plane. Where nothing is said of --listen, the default
 * address serves the planes that have none of their own.
 *
 * The socket in the data directory is the administrator's door, for the server's own user, who
 * could read and replace all that is there anyway. Except from inside of a run: an agent must not
 * set its own limits (lending/routes.c and cycles/admin.c have the same rule).
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/notify.h"
#include "server/server_priv.h"

enum {
    /* By the socket in the data directory, beside all others: whoever fills the server must not
     * keep the administrator from stopping him. */
    LOCAL_CONNECTIONS_MAX = 16,
    /* What the ledger's files, the archive's, copies and the listeners may need, and those
     * connections above the limit that are told so. */
    FDS_BESIDE_CONNECTIONS = 128 + LOCAL_CONNECTIONS_MAX
};

/* --- Doors ----------------------------------------------------------------------------------- */

static void handle(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_serve *serve = arg;
    uint32_t tag = pawl_http_exchange_listener(exchange);
    uint32_t door = tag & (PAWL_PLANE_ALL | PAWL_DOOR_TRUSTED);
    PAWL_ASSERT(serve->magic == PAWL_SERVE_MAGIC);
    if ((door & PAWL_DOOR_TRUSTED) != 0 && pawl_http_exchange_is_from_run(exchange)) {
        door &= ~(uint32_t)PAWL_DOOR_TRUSTED;
    }
    pawl_cycles_serve(serve->cycles, exchange, door);
}

static void
refuse(void *arg, const struct pawl_http_refused *refused, struct pawl_http_refusal_answer *answer)
{
    struct pawl_serve *serve = arg;
    PAWL_ASSERT(serve->magic == PAWL_SERVE_MAGIC);
    pawl_cycles_refusal(serve->cycles, refused, answer);
}

static struct pawl_http_body_max
body_max(void *arg, const struct pawl_http_request *request, uint32_t listener)
{
    struct pawl_serve *serve = arg;
    PAWL_ASSERT(serve->magic == PAWL_SERVE_MAGIC);
    return pawl_cycles_body_max(serve->cycles, request, listener);
}

static uint32_t ms_of(const struct pawl_serve *serve, enum pawl_serve_option_id id)
{
    int64_t ms = pawl_serve_number(serve->said, id);
    PAWL_ASSERT(ms >= 0 && ms <= UINT32_MAX);
    return (uint32_t)ms;
}

/* As many connections as are to be had need as many descriptors. Where they are not allowed there
 * are fewer connections: without a descriptor for its files the journal would fail, and the server
 * with it, as soon as so many have connected, with a key or without. */
pawl_err pawl_serve_take_descriptors(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    struct rlimit limit;
    rlim_t most = (rlim_t)pawl_serve_number(serve->said, PAWL_SERVE_OPT_MAX_CONNECTIONS);
    rlim_t wanted = most + FDS_BESIDE_CONNECTIONS;
    serve->connections_max = (uint32_t)most;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return PAWL_OK;
    }
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    rlim_t allowed = setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
    if (allowed <= FDS_BESIDE_CONNECTIONS) {
        pawl_errmsg_set(msg,
                        "%llu file descriptors are allowed (ulimit -n, LimitNOFILE), and more than "
                        "%d are needed",
                        (unsigned long long)allowed, FDS_BESIDE_CONNECTIONS);
        return PAWL_ERR(LIMIT);
    }
    if (allowed < wanted) {
        serve->connections_max = (uint32_t)(allowed - FDS_BESIDE_CONNECTIONS);
        pawl_log(PAWL_LOG_WARN,
                 "at most %u connections at once, since %llu file descriptors are allowed; %llu "
                 "would be needed for max-connections",
                 (unsigned)serve->connections_max, (unsigned long long)allowed,
                 (unsigned long long)wanted);
    }
    return PAWL_OK;
}

static pawl_err make_server(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    const struct pawl_serve_options *said = serve->said;
    struct pawl_http_server_options options = {.loop = &serve->loop,
                                               .limits = PAWL_HTTP_LIMITS_DEFAULT,
                                               .handler = handle,
                                               .refusal = refuse,
                                               .body_max = body_max,
                                               .arg = serve};
    struct pawl_http_limits *limits = &options.limits;
    limits->head_bytes_max = (uint32_t)pawl_serve_number(said, PAWL_SERVE_OPT_MAX_HEAD);
    limits->body_bytes_max = (uint64_t)pawl_serve_number(said, PAWL_SERVE_OPT_MAX_BODY);
    limits->connection_count_max = serve->connections_max;
    limits->head_timeout_ms = ms_of(serve, PAWL_SERVE_OPT_HEAD_TIMEOUT);
    limits->body_timeout_ms = ms_of(serve, PAWL_SERVE_OPT_BODY_TIMEOUT);
    limits->idle_timeout_ms = ms_of(serve, PAWL_SERVE_OPT_IDLE_TIMEOUT);
    limits->write_timeout_ms = ms_of(serve, PAWL_SERVE_OPT_WRITE_TIMEOUT);
    pawl_err err = pawl_http_server_new(&options, &serve->http);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for a server");
    }
    return err;
}

/* --- Addresses ------------------------------------------------------------------------------- */

/* What the kernel opened: "*" is every address. */
static const char *host_of(const struct pawl_serve_address *address)
{
    return strcmp(address->host, "*") == 0 ? "0.0.0.0" : address->host;
}

/* Every address is this machine's as well. */
static const char *client_host_of(const struct pawl_serve_address *address)
{
    const char *host = host_of(address);
    if (strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static void url_of(const struct pawl_serve *serve,
                   const struct pawl_serve_address *address,
                   const char *host,
                   uint16_t port,
                   char out[static PAWL_SERVE_URL_BYTES])
{
    if (address->is_unix) {
        (void)snprintf(out, PAWL_SERVE_URL_BYTES, "unix:%s", address->host);
        return;
    }
    bool is_v6 = strchr(host, ':') != NULL;
    (void)snprintf(out, PAWL_SERVE_URL_BYTES, "%s://%s%s%s:%u",
                   serve->tls != NULL ? "https" : "http", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                   (unsigned)port);
}

/* Once, whatever the number of such addresses. */
static void
warn_of_plain(struct pawl_serve *serve, const struct pawl_serve_address *address, const char *url)
{
    const char *host = address->host;
    bool loopback =
        strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
    if (serve->told_plain || serve->tls != NULL || address->is_unix || loopback) {
        return;
    }
    serve->told_plain = true;
    pawl_log(PAWL_LOG_WARN,
             "%s is open to other machines without TLS, so keys can be read on the way; give "
             "tls-cert and tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS",
             url);
}

void pawl_serve_warn_of_certificate(const struct pawl_serve *serve)
{
    enum { WARN_S = 7 * 86400 };
    char until[PAWL_CLOCK_TEXT_BYTES];
    struct pawl_clock clock = pawl_clock_os();
    if (serve->tls == NULL) {
        return;
    }
    int64_t end_s = pawl_tls_server_not_after_s(serve->tls);
    int64_t left_s = end_s - clock.real_us(clock.arg) / PAWL_US_PER_SECOND;
    if (left_s <= WARN_S) {
        pawl_log(PAWL_LOG_WARN, "the certificate %.300s %s at %s: %s",
                 pawl_serve_text(serve->said, PAWL_SERVE_OPT_TLS_CERT),
                 left_s <= 0 ? "ended" : "ends",
                 pawl_clock_format_utc(end_s * PAWL_US_PER_SECOND, until),
                 left_s <= 0 ? "clients refuse it; put another one there, which SIGHUP reads"
                             : "put another one there, which SIGHUP reads");
    }
}

/* Of the clients' sockets, which ask for a key; the administrator's stays its user's. */
static uint32_t socket_mode(const struct pawl_serve *serve)
{
    unsigned long mode = strtoul(pawl_serve_text(serve->said, PAWL_SERVE_OPT_SOCKET_MODE), NULL, 8);
    PAWL_ASSERT((mode & ~0666UL) == 0 && (mode & 0600) == 0600);
    return (uint32_t)mode;
}

static pawl_err
listen_at(struct pawl_serve *serve, const char *text, uint32_t planes, struct pawl_errmsg *msg)
{
    struct pawl_serve_address address;
    char form[PAWL_SERVE_URL_BYTES];
    char url[PAWL_SERVE_URL_BYTES];
    uint16_t port = 0;
    pawl_err err = pawl_serve_address_parse(text, &address, msg);
    if (pawl_failed(err)) {
        return err;
    }
    bool is_v6 = !address.is_unix && strchr(address.host, ':') != NULL;
    (void)(address.is_unix ? snprintf(form, sizeof(form), "unix:%s", address.host)
                           : snprintf(form, sizeof(form), "%s%s%s:%u", is_v6 ? "[" : "",
                                      address.host, is_v6 ? "]" : "", (unsigned)address.port));
    struct pawl_http_listen listen = {.address = form,
                                      .tag = planes,
                                      .tls = address.is_unix ? NULL : serve->tls,
                                      .unix_mode = socket_mode(serve)};
    err = pawl_http_server_listen(serve->http, &listen, &port, msg);
    if (pawl_failed(err)) {
        return err; /* the message names the address */
    }
    url_of(serve, &address, host_of(&address), port, url);
    warn_of_plain(serve, &address, url);
    pawl_buf_append(&serve->addresses, url, strlen(url) + 1);
    if (serve->addresses.overflowed) {
        pawl_errmsg_set(msg, "no memory for the addresses");
        return PAWL_ERR(MEMORY);
    }
    if (serve->url[0] == '\0' && (planes & PAWL_PLANE_RUNTIME) != 0) {
        url_of(serve, &address, client_host_of(&address), port, serve->url);
    }
    return PAWL_OK;
}

static pawl_err listen_to_list(struct pawl_serve *serve,
                               enum pawl_serve_option_id id,
                               uint32_t planes,
                               struct pawl_errmsg *msg)
{
    const struct pawl_serve_value *value = &serve->said->values[id];
    pawl_err err = PAWL_OK;
    for (uint32_t i = 0; i < value->count && planes != PAWL_PLANE_BASE && pawl_ok(err); i++) {
        err = listen_at(serve, value->texts[i], planes, msg);
    }
    return err;
}

/* In the data directory, whose path may be longer than a socket's may. */
static pawl_err listen_locally(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    char address[64];
    (void)snprintf(address, sizeof(address), "unix:/proc/self/fd/%d/" PAWL_PLACE_SOCKET,
                   serve->place.dir_fd);
    struct pawl_http_listen listen = {.address = address,
                                      .tag = PAWL_PLANE_ALL | PAWL_DOOR_TRUSTED,
                                      .same_user_only = true,
                                      .own_count_max = LOCAL_CONNECTIONS_MAX};
    pawl_err err = pawl_http_server_listen(serve->http, &listen, NULL, msg);
    if (err.code == PAWL_ERR_EXISTS) {
        pawl_errmsg_set(msg, "%.400s/" PAWL_PLACE_SOCKET " is no socket; move it away",
                        serve->place.dir);
    }
    return err;
}

pawl_err pawl_serve_listen(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    const struct pawl_serve_value *values = serve->said->values;
    uint32_t planes = PAWL_PLANE_ALL;
    if (values[PAWL_SERVE_OPT_LISTEN].origin == PAWL_SERVE_FROM_DEFAULT) {
        planes &= values[PAWL_SERVE_OPT_LISTEN_RUNTIME].count > 0 ? ~(uint32_t)PAWL_PLANE_RUNTIME
                                                                  : UINT32_MAX;
        planes &= values[PAWL_SERVE_OPT_LISTEN_ADMIN].count > 0 ? ~(uint32_t)PAWL_PLANE_GOVERNANCE
                                                                : UINT32_MAX;
    }
    pawl_serve_warn_of_certificate(serve);
    pawl_buf_init(&serve->addresses, PAWL_SERVE_ADDRESSES_BYTES);
    pawl_err err = make_server(serve, msg);
    if (pawl_ok(err)) {
        err = listen_locally(serve, msg);
    }
    if (pawl_ok(err)) {
        err = listen_to_list(serve, PAWL_SERVE_OPT_LISTEN, planes, msg);
    }
    if (pawl_ok(err)) {
        err = listen_to_list(serve, PAWL_SERVE_OPT_LISTEN_RUNTIME,
                             PAWL_PLANE_BASE | PAWL_PLANE_RUNTIME, msg);
    }
    if (pawl_ok(err)) {
        err = listen_to_list(serve, PAWL_SERVE_OPT_LISTEN_ADMIN,
                             PAWL_PLANE_BASE | PAWL_PLANE_GOVERNANCE, msg);
    }
    return err;
}

/* --- The first line -------------------------------------------------------------------------- */

/* In a line for people, a blank between two. */
static const char *addresses_of(const struct pawl_serve *serve,
                                char out[static PAWL_SERVE_ADDRESSES_BYTES])
{
    struct pawl_slice rest = pawl_buf_slice(&serve->addresses);
    size_t used = 0;
    while (rest.bytes > 0 && used < PAWL_SERVE_ADDRESSES_BYTES) {
        struct pawl_slice address = pawl_slice_cut(&rest, '\0');
        used += (size_t)snprintf(out + used, PAWL_SERVE_ADDRESSES_BYTES - used, "%s%.*s",
                                 used > 0 ? " " : "", (int)address.bytes, address.data);
    }
    return out;
}

static void tell_listening_as_json(const struct pawl_serve *serve)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    struct pawl_slice rest = pawl_buf_slice(&serve->addresses);
    pawl_buf_init(&line, (size_t)PAWL_SERVE_ADDRESSES_BYTES * 8);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "event", "listening");
    pawl_json_key(&json, "addresses");
    pawl_json_array_begin(&json);
    while (rest.bytes > 0) {
        pawl_json_put_string(&json, pawl_slice_cut(&rest, '\0'));
    }
    pawl_json_array_end(&json);
    pawl_json_member_str(&json, "data_dir", serve->place.dir);
    pawl_json_member_i64(&json, "pid", getpid());
    pawl_json_object_end(&json);
    if (!line.overflowed) {
        printf("%s\n", pawl_buf_cstr(&line));
    }
    pawl_buf_free(&line);
}

void pawl_serve_tell_admin_key(struct pawl_serve *serve)
{
    if (serve->admin_key[0] != '\0') {
        printf("the administrator's key, which is shown only now: %s\n", serve->admin_key);
        explicit_bzero(serve->admin_key, sizeof(serve->admin_key));
    }
}

/* Keys are kept as hashes, so those that went nowhere are good for nothing. */
static void tell_lost_output(bool has_admin_key, bool has_tenant_key)
{
    pawl_log(has_admin_key || has_tenant_key ? PAWL_LOG_ERROR : PAWL_LOG_WARN,
             "stdout could not be written%s%s",
             has_admin_key ? "; the administrator's key that was made is lost: start again with "
                             "--admin-key-file or $PAWL_ADMIN_KEY, which replaces it"
                           : "",
             has_tenant_key ? "; the quick start's key is lost: 'pawl key create' makes another"
                            : "");
}

void pawl_serve_tell_start(struct pawl_serve *serve)
{
    if (isatty(STDOUT_FILENO) == 1) {
        char addresses[PAWL_SERVE_ADDRESSES_BYTES];
        printf("pawl serve: listening at %s; the ledger is in %s\n", addresses_of(serve, addresses),
               serve->place.dir);
    } else {
        tell_listening_as_json(serve);
    }
    bool has_admin_key = serve->admin_key[0] != '\0';
    bool has_tenant_key = serve->tenant_key[0] != '\0';
    pawl_serve_tell_admin_key(serve);
    pawl_serve_tell_quick_start(serve);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        tell_lost_output(has_admin_key, has_tenant_key);
        __fpurge(stdout); /* told, so the end is none that failed */
        clearerr(stdout);
    }
}

void pawl_serve_tell_manager(const struct pawl_serve *serve)
{
    char addresses[PAWL_SERVE_ADDRESSES_BYTES];
    pawl_notify_ready(addresses_of(serve, addresses));
}
