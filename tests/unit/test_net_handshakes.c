/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_handshakes.c: how a listener with TLS begins a connection, and how it does not:
 * versions, protocols, resumption, times, bytes that are no handshake; and its certificate, which
 * may change while connections live.
 */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/attrs.h"

static bool serves(struct secure *secure, const char *path)
{
    char request[128];
    char answer[64];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    snprintf(answer, sizeof(answer), "GET %s 0", path);
    secure_send(secure, request);
    WAIT_UNTIL(secure->wire.world, secure_has(secure, answer) || secure->wire.eof);
    return secure_has(secure, answer);
}

/* Connects and waits until the server has said no. */
static void expect_refused(struct scene *scene)
{
    struct secure secure;
    scene_connect(scene, &secure);
    WAIT_UNTIL(&scene->world, secure_pump(&secure) && secure.wire.eof);
    assert_true(secure.alert >= 0);
    assert_false(secure.wire.broken);
    secure_close(&secure);
    WAIT_UNTIL(&scene->world, pawl_http_server_connection_count(scene->service.server) == 0);
    assert_int_equal(scene->service.request_count, 0);
}

/* --- What is agreed on ---------------------------------------------------------------------- */

static void server_shakes_hands_and_serves(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    struct secure secure;
    scene_connect(&scene, &secure);
    secure_wait_open(&secure);
    assert_int_equal(SSL_version(secure.ssl), TLS1_3_VERSION);
    assert_int_equal(SSL_get_verify_result(secure.ssl), X509_V_OK);
    assert_true(serves(&secure, "/one"));
    assert_true(serves(&secure, "/two"));
    secure_close(&secure);
    scene_close(&scene);
}

static void server_speaks_tls_1_2_with_forward_secrecy_only(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    SSL_CTX_set_max_proto_version(scene.client, TLS1_2_VERSION);
    static const char *const refused[] = {"AES128-GCM-SHA256:AES256-SHA",
                                          "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(refused); i++) {
        assert_int_equal(SSL_CTX_set_cipher_list(scene.client, refused[i]), 1);
        expect_refused(&scene);
    }
    assert_int_equal(SSL_CTX_set_cipher_list(scene.client, "DEFAULT"), 1);
    struct secure secure;
    scene_connect(&scene, &secure);
    secure_wait_open(&secure);
    assert_int_equal(SSL_version(secure.ssl), TLS1_2_VERSION);
    assert_int_equal(SSL_CIPHER_is_aead(SSL_get_current_cipher(secure.ssl)), 1);
    assert_true(serves(&secure, "/"));
    secure_close(&secure);
    scene_close(&scene);
}

static void server_refuses_old_versions(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    /* Level 0, or the client would not even ask. */
    assert_int_equal(SSL_CTX_set_cipher_list(scene.client, "ALL:@SECLEVEL=0"), 1);
    SSL_CTX_set_min_proto_version(scene.client, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(scene.client, TLS1_1_VERSION);
    expect_refused(&scene);
    scene_close(&scene);
}

static void server_agrees_on_http_1_1_or_on_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    static const unsigned char other[] = "\x02h2";
    assert_int_equal(SSL_CTX_set_alpn_protos(scene.client, other, sizeof(other) - 1), 0);
    expect_refused(&scene);
    assert_int_equal(SSL_CTX_set_alpn_protos(scene.client, both, sizeof(both) - 1), 0);
    struct secure secure;
    scene_connect(&scene, &secure);
    secure_wait_open(&secure);
    const unsigned char *chosen = NULL;
    unsigned bytes = 0;
    SSL_get0_alpn_selected(secure.ssl, &chosen, &bytes);
    assert_int_equal(bytes, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    assert_true(serves(&secure, "/"));
    secure_close(&secure);
    scene_close(&scene);
}

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

static void server_resumes_sessions(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(versions); i++) {
        struct scene scene;
        scene_open(&scene, limits_default());
        scene.service.answer_at_once = true;
        SSL_CTX_set_max_proto_version(scene.client, versions[i]);
        SSL_CTX_set_session_cache_mode(scene.client,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(scene.client, keep_session);
        struct secure first;
        scene_connect(&scene, &first);
        secure_wait_open(&first);
        assert_true(serves(&first, "/"));
        assert_non_null(kept_session);
        /* Else OpenSSL takes the session for spoilt. */
        SSL_set_shutdown(first.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        secure_close(&first);
        struct secure second;
        SSL_SESSION *session = kept_session;
        kept_session = NULL;
        secure_connect_with(&second, &scene.world, scene.service.port, scene.client, session);
        secure_wait_open(&second);
        assert_int_equal(SSL_session_reused(second.ssl), 1);
        assert_true(serves(&second, "/"));
        secure_close(&second);
        SSL_SESSION_free(session);
        SSL_SESSION_free(kept_session);
        kept_session = NULL;
        scene_close(&scene);
    }
}

static void server_does_not_renegotiate(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    SSL_CTX_set_max_proto_version(scene.client, TLS1_2_VERSION);
    struct secure secure;
    scene_connect(&scene, &secure);
    secure_wait_open(&secure);
    assert_true(serves(&secure, "/before"));
    assert_int_equal(SSL_renegotiate(secure.ssl), 1);
    (void)SSL_do_handshake(secure.ssl);
    secure_pump(&secure);
    /* It is told so; most clients, OpenSSL among them, end the connection then. */
    WAIT_UNTIL(&scene.world, secure_pump(&secure) && secure.alert == SSL_AD_NO_RENEGOTIATION);
    secure_close(&secure);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 0);
    assert_int_equal(scene.service.request_count, 1);
    scene_close(&scene);
}

/* --- What is no handshake ------------------------------------------------------------------- */

/* True: also one that wanted only the client's last word. */
static bool handshakes_were_ended(uint32_t timeout_ms)
{
    struct scene scene;
    struct pawl_http_limits limits = limits_default();
    limits.handshake_timeout_ms = timeout_ms;
    scene_open(&scene, limits);
    struct wire silent;
    wire_connect(&silent, &scene.world, scene.service.port);
    WAIT_UNTIL(&scene.world, silent.eof);
    assert_int_equal(silent.in.bytes, 0);
    wire_close(&silent);
    /* The first half of a client's hello. */
    struct wire half;
    wire_connect(&half, &scene.world, scene.service.port);
    wire_send_bytes(&half, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    WAIT_UNTIL(&scene.world, half.eof);
    wire_close(&half);
    /* One that never says its last word. */
    struct secure mute;
    scene_connect(&scene, &mute);
    mute.mute = true;
    WAIT_UNTIL(&scene.world, secure_pump(&mute) && mute.wire.eof);
    bool opened = mute.open;
    secure_close(&mute);
    assert_int_equal(scene.service.request_count, 0);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 0);
    scene_close(&scene);
    return opened;
}

static void server_ends_handshakes_that_take_too_long(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 10, handshakes_were_ended(ms));
}

/* Drip by drip it is still one handshake with one end. */
static void server_measures_a_handshake_from_its_beginning(void **state)
{
    (void)state;
    struct scene scene;
    struct pawl_http_limits limits = limits_default();
    limits.handshake_timeout_ms = 30;
    scene_open(&scene, limits);
    struct wire drip;
    wire_connect(&drip, &scene.world, scene.service.port);
    wire_send_bytes(&drip, "\x16\x03\x01\x3f\xff", 5);
    uint64_t began_ms = uv_now(&scene.world.loop);
    while (!drip.eof && uv_now(&scene.world.loop) < began_ms + 10000) {
        wire_send_bytes(&drip, "\x01", 1);
        world_turn(&scene.world);
    }
    assert_true(drip.eof);
    wire_close(&drip);
    scene_close(&scene);
}

static void server_refuses_garbage(void **state)
{
    (void)state;
    static const struct pawl_slice rows[] = {
        {"hello\r\n\r\n", 9},
        {"\x16\x03\x01\x00\x05hello", 10},
        {"\x16\x03\x01\xff\xff\x01\x00\x01\xfc", 9},
        {"\x15\x03\x03\x00\x02\x02\x28", 7},
        {"\x17\x03\x03\x00\x01x", 6},
        {"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x00", 12},
        {"\0\0\0\0\0\0\0\0\0\0\0\0", 12},
    };
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct wire wire;
        wire_connect(&wire, &scene.world, scene.service.port);
        wire_send_bytes(&wire, rows[i].data, rows[i].bytes);
        WAIT_UNTIL(&scene.world, wire.eof);
        assert_false(wire_has(&wire, "HTTP"));
        wire_close(&wire);
    }
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 0);
    assert_int_equal(scene.service.request_count, 0);
    struct secure secure;
    scene_connect(&scene, &secure);
    secure_wait_open(&secure);
    assert_true(serves(&secure, "/still"));
    secure_close(&secure);
    scene_close(&scene);
}

static void server_tells_plain_http_that_the_port_speaks_tls(void **state)
{
    (void)state;
    static const char *const requests[] = {GET("/"), "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
                                           "HEAD / HTTP/1.1\r\n\r\n", "PUT / HTTP/1.1\r\n\r\n"};
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(requests); i++) {
        struct wire wire;
        wire_connect(&wire, &scene.world, scene.service.port);
        wire_send(&wire, requests[i]);
        WAIT_UNTIL(&scene.world, wire.eof);
        assert_int_equal(strncmp(wire_text(&wire), "HTTP/1.1 400 Bad Request\r\n", 26), 0);
        assert_true(wire_has(&wire, "\"error\":\"tls_wanted\""));
        assert_false(wire.broken);
        wire_close(&wire);
    }
    assert_int_equal(scene.service.request_count, 0);
    scene_close(&scene);
}

static void server_closes_while_hands_are_shaken(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    struct wire half;
    wire_connect(&half, &scene.world, scene.service.port);
    wire_send_bytes(&half, "\x16\x03\x01\x02\x00", 5);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 1);
    struct wire gone;
    wire_connect(&gone, &scene.world, scene.service.port);
    wire_send_bytes(&gone, "\x16\x03\x01\x02\x00", 5);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 2);
    wire_reset(&gone);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 1);
    service_close(&scene.service);
    scene.service.server = NULL;
    WAIT_UNTIL(&scene.world, half.eof);
    wire_close(&half);
    scene_close(&scene);
}

/* --- Certificates --------------------------------------------------------------------------- */

static void reload_serves_the_new_certificate_to_new_connections(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    struct secure old;
    scene_connect(&scene, &old);
    secure_wait_open(&old);
    papers_renew(&scene.papers);
    struct pawl_errmsg msg = {0};
    assert_true(pawl_ok(pawl_tls_server_reload(scene.tls, &msg)));
    /* A client of the old root does not know the new one. */
    struct secure stranger;
    scene_connect(&scene, &stranger);
    WAIT_UNTIL(&scene.world, secure_pump(&stranger) && stranger.failed);
    secure_close(&stranger);
    SSL_CTX_free(scene.client);
    scene.client = papers_client(&scene.papers);
    struct secure new;
    scene_connect(&scene, &new);
    secure_wait_open(&new);
    assert_true(serves(&new, "/new"));
    assert_true(serves(&old, "/old"));
    secure_close(&old);
    secure_close(&new);
    scene_close(&scene);
}

/* With a pass phrase, or NULL: without. */
static void write_key(const char *path, EVP_PKEY *key, const char *phrase)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_non_null(key);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, phrase != NULL ? EVP_aes_128_cbc() : NULL,
                                               phrase, phrase != NULL ? (int)strlen(phrase) : 0,
                                               NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
}

static void expect_bad_pair(struct scene *scene, enum pawl_err_code code, const char *why)
{
    struct pawl_errmsg msg = {0};
    pawl_err err = pawl_tls_server_reload(scene->tls, &msg);
    if (err.code != code || strstr(msg.text, why) == NULL ||
        strstr(msg.text, scene->papers.folder) == NULL) {
        fail_msg("\"%s\" (%s) instead of \"%s\"", msg.text, pawl_err_name(err), why);
    }
    struct secure secure;
    scene_connect(scene, &secure);
    secure_wait_open(&secure);
    assert_true(serves(&secure, "/"));
    secure_close(&secure);
}

static void reload_keeps_the_old_pair_when_the_new_one_is_bad(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    struct papers other;
    papers_open(&other);
    struct papers *papers = &scene.papers;
    char good_key[96];
    char good_chain[96];
    snprintf(good_key, sizeof(good_key), "%s/key.good", papers->folder);
    snprintf(good_chain, sizeof(good_chain), "%s/chain.good", papers->folder);
    assert_int_equal(rename(papers->key, good_key), 0);
    expect_bad_pair(&scene, PAWL_ERR_NOT_FOUND, "key.pem: No such file");
    assert_int_equal(rename(other.key, papers->key), 0);
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "is not that of the certificate");
    papers_spoil(papers->key, "");
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "key.pem: there is none");
    /* OpenSSL has a place for each kind of key. */
    write_key(papers->key, EVP_RSA_gen(2048), NULL);
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "is not that of the certificate");
    write_key(papers->key, EVP_EC_gen("P-256"), "pass phrase");
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "key.pem: it is encrypted");
    assert_int_equal(rename(good_key, papers->key), 0);
    assert_int_equal(rename(papers->chain, good_chain), 0);
    expect_bad_pair(&scene, PAWL_ERR_NOT_FOUND, "chain.pem: No such file");
    papers_spoil(papers->chain, "words\n");
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "chain.pem: there is none");
    papers_spoil(papers->chain, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_bad_pair(&scene, PAWL_ERR_INVALID, "certificate ");
    assert_int_equal(rename(good_chain, papers->chain), 0);
    assert_true(pawl_ok(pawl_tls_server_reload(scene.tls, NULL)));
    papers_close(&other);
    scene_close(&scene);
}

static void certificate_tells_its_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    int64_t left_s = pawl_tls_server_not_after_s(scene.tls) - (int64_t)time(NULL);
    assert_true(left_s > 86400 - 600 && left_s <= 86400);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_shakes_hands_and_serves),
        cmocka_unit_test(server_speaks_tls_1_2_with_forward_secrecy_only),
        cmocka_unit_test(server_refuses_old_versions),
        cmocka_unit_test(server_agrees_on_http_1_1_or_on_nothing),
        cmocka_unit_test(server_resumes_sessions),
        cmocka_unit_test(server_does_not_renegotiate),
        cmocka_unit_test(server_ends_handshakes_that_take_too_long),
        cmocka_unit_test(server_measures_a_handshake_from_its_beginning),
        cmocka_unit_test(server_refuses_garbage),
        cmocka_unit_test(server_tells_plain_http_that_the_port_speaks_tls),
        cmocka_unit_test(server_closes_while_hands_are_shaken),
        cmocka_unit_test(reload_serves_the_new_certificate_to_new_connections),
        cmocka_unit_test(reload_keeps_the_old_pair_when_the_new_one_is_bad),
        cmocka_unit_test(certificate_tells_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
