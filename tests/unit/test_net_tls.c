/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_tls.c: calls over TLS. The upstream is a thread of this test with a certificate made on
 * the spot; the client must accept it with its authority's file, and refuse it without, or
 * under a name that it doesn't bear.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"

/* --- An upstream that speaks TLS ------------------------------------------------------------ */

struct upstream {
    SSL_CTX *context;
    int listener;
    uint16_t port;
    pthread_t thread;
    char ca_path[64];
    /* Read after the thread has ended. */
    size_t connection_count;
    size_t request_count;
    size_t resumed_count;
    size_t connections_wanted;
    size_t requests_per_connection;
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Signed by itself, for 127.0.0.1 and for nothing else. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void serve_connection(struct upstream *upstream, SSL *ssl)
{
    static const char go_on[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
    static const char last[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret";
    if (SSL_accept(ssl) != 1) {
        return;
    }
    upstream->resumed_count += SSL_session_reused(ssl) == 1 ? 1 : 0;
    for (size_t i = 0; i < upstream->requests_per_connection; i++) {
        char request[4096];
        size_t used = 0;
        /* A request of this test ends with its body, "hello". */
        while (used < 5 || memcmp(request + used - 5, "hello", 5) != 0) {
            int got = SSL_read(ssl, request + used, (int)(sizeof(request) - used));
            if (got <= 0) {
                return;
            }
            used += (size_t)got;
        }
        upstream->request_count += 1;
        const char *answer = i + 1 < upstream->requests_per_connection ? go_on : last;
        if (SSL_write(ssl, answer, (int)strlen(answer)) <= 0) {
            return;
        }
    }
    SSL_shutdown(ssl);
}

static void *serve(void *arg)
{
    struct upstream *upstream = arg;
    while (upstream->connection_count < upstream->connections_wanted) {
        int fd = accept(upstream->listener, NULL, NULL);
        if (fd < 0) {
            break;
        }
        upstream->connection_count += 1;
        SSL *ssl = SSL_new(upstream->context);
        if (ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
            serve_connection(upstream, ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

static void upstream_open(struct upstream *upstream, size_t connections, size_t requests)
{
    *upstream =
        (struct upstream){.connections_wanted = connections, .requests_per_connection = requests};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *certificate = make_certificate(key);
    upstream->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(upstream->context);
    assert_int_equal(SSL_CTX_use_certificate(upstream->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(upstream->context, key), 1);
    snprintf(upstream->ca_path, sizeof(upstream->ca_path), "/tmp/pawl_tls_XXXXXX");
    int fd = mkstemp(upstream->ca_path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    upstream->listener = listen_loopback(8, &upstream->port);
    assert_int_equal(pthread_create(&upstream->thread, NULL, serve, upstream), 0);
}

static void upstream_close(struct upstream *upstream)
{
    assert_int_equal(pthread_join(upstream->thread, NULL), 0);
    close(upstream->listener);
    SSL_CTX_free(upstream->context);
    unlink(upstream->ca_path);
}

/* --- Calls ---------------------------------------------------------------------------------- */

struct result {
    bool done;
    pawl_err err;
    enum pawl_http_phase phase;
    char why[256];
    char body[64];
};

static bool on_body(void *arg, struct pawl_slice bytes)
{
    struct result *result = arg;
    assert_true(pawl_slice_copy_str(bytes, result->body, sizeof(result->body)));
    return true;
}

static void on_done(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why)
{
    struct result *result = arg;
    result->done = true;
    result->err = err;
    result->phase = phase;
    snprintf(result->why, sizeof(result->why), "%s", why);
}

static struct result
post(struct world *world, struct pawl_http_client *client, const char *host, uint16_t port)
{
    struct result result = {0};
    char url[100];
    snprintf(url, sizeof(url), "https://%s:%u/", host, (unsigned)port);
    struct pawl_http_call_options options = {
        .method = PAWL_SLICE("POST"),
        .url = pawl_slice_str(url),
        .body = PAWL_SLICE("hello"),
        .has_body = true,
        .events = {.on_body = on_body, .on_done = on_done, .arg = &result}};
    struct pawl_http_call *call = NULL;
    assert_true(pawl_ok(pawl_http_call_start(client, &options, &call, NULL)));
    WAIT_UNTIL(world, result.done);
    return result;
}

static struct pawl_http_client *open_client(struct world *world, const char *ca_file)
{
    struct pawl_http_client_options options = {.loop = &world->loop, .ca_file = ca_file};
    struct pawl_http_client *client = NULL;
    assert_true(pawl_ok(pawl_http_client_new(&options, &client)));
    return client;
}

static void client_speaks_tls_and_uses_the_connection_again(void **state)
{
    (void)state;
    struct world world;
    struct upstream upstream;
    world_open(&world);
    upstream_open(&upstream, 1, 5);
    struct pawl_http_client *client = open_client(&world, upstream.ca_path);
    for (int i = 0; i < 5; i++) {
        struct result result = post(&world, client, "127.0.0.1", upstream.port);
        assert_true(pawl_ok(result.err));
        assert_string_equal(result.body, "secret");
        assert_int_equal(result.phase, PAWL_HTTP_PHASE_DONE);
    }
    pawl_http_client_close(client);
    upstream_close(&upstream);
    assert_int_equal(upstream.request_count, 5);
    world_close(&world);
}

static void client_resumes_tls_sessions(void **state)
{
    (void)state;
    struct world world;
    struct upstream upstream;
    world_open(&world);
    upstream_open(&upstream, 3, 1);
    struct pawl_http_client *client = open_client(&world, upstream.ca_path);
    for (int i = 0; i < 3; i++) {
        assert_true(pawl_ok(post(&world, client, "127.0.0.1", upstream.port).err));
    }
    pawl_http_client_close(client);
    upstream_close(&upstream);
    assert_int_equal(upstream.request_count, 3);
    assert_true(upstream.resumed_count > 0);
    world_close(&world);
}

static void client_refuses_a_certificate_that_nobody_vouches_for(void **state)
{
    (void)state;
    struct world world;
    struct upstream upstream;
    world_open(&world);
    upstream_open(&upstream, 1, 1);
    struct pawl_http_client *client = open_client(&world, NULL);
    struct result result = post(&world, client, "127.0.0.1", upstream.port);
    assert_int_equal(result.err.code, PAWL_ERR_PROTOCOL);
    assert_int_equal(result.phase, PAWL_HTTP_PHASE_CONNECT);
    assert_non_null(strstr(result.why, "certificate"));
    pawl_http_client_close(client);
    upstream_close(&upstream);
    assert_int_equal(upstream.request_count, 0);
    world_close(&world);
}

static void client_refuses_a_certificate_of_another_name(void **state)
{
    (void)state;
    struct world world;
    struct upstream upstream;
    world_open(&world);
    upstream_open(&upstream, 1, 1);
    struct pawl_http_client *client = open_client(&world, upstream.ca_path);
    struct result result = post(&world, client, "localhost", upstream.port);
    assert_int_equal(result.err.code, PAWL_ERR_PROTOCOL);
    assert_int_equal(result.phase, PAWL_HTTP_PHASE_CONNECT);
    pawl_http_client_close(client);
    upstream_close(&upstream);
    assert_int_equal(upstream.request_count, 0);
    world_close(&world);
}

static void client_says_when_its_authorities_are_missing(void **state)
{
    (void)state;
    struct world world;
    struct upstream upstream;
    world_open(&world);
    upstream_open(&upstream, 1, 1);
    struct pawl_http_client *client = open_client(&world, "/none/such.pem");
    struct result result = post(&world, client, "127.0.0.1", upstream.port);
    assert_int_equal(result.err.code, PAWL_ERR_NOT_FOUND);
    assert_non_null(strstr(result.why, "/none/such.pem"));
    pawl_http_client_close(client);
    upstream_close(&upstream);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_speaks_tls_and_uses_the_connection_again),
        cmocka_unit_test(client_resumes_tls_sessions),
        cmocka_unit_test(client_refuses_a_certificate_that_nobody_vouches_for),
        cmocka_unit_test(client_refuses_a_certificate_of_another_name),
        cmocka_unit_test(client_says_when_its_authorities_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
