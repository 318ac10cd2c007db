/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_secure.c: see the header. */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Papers --------------------------------------------------------------------------------- */

struct holder_of {
    X509 *certificate;
    EVP_PKEY *key;
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Signed by `by`, or by itself. */
static struct holder_of make(const char *name, bool is_authority, const struct holder_of *by)
{
    static long serial = 0;
    struct holder_of made = {.certificate = X509_new(), .key = EVP_EC_gen("P-256")};
    assert_non_null(made.certificate);
    assert_non_null(made.key);
    X509 *certificate = made.certificate;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, made.key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate,
                         by != NULL ? X509_get_subject_name(by->certificate) : subject);
    add_extension(certificate, NID_basic_constraints,
                  is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!is_authority) {
        add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    }
    assert_true(X509_sign(certificate, by != NULL ? by->key : made.key, EVP_sha256()) > 0);
    return made;
}

static void drop(struct holder_of *made)
{
    X509_free(made->certificate);
    EVP_PKEY_free(made->key);
}

static void write_certificates(const char *path, X509 *first, X509 *second)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, first), 1);
    if (second != NULL) {
        assert_int_equal(PEM_write_X509(file, second), 1);
    }
    assert_int_equal(fclose(file), 0);
}

void papers_renew(struct papers *papers)
{
    struct holder_of root = make("root", true, NULL);
    struct holder_of middle = make("middle", true, &root);
    struct holder_of server = make("server", false, &middle);
    write_certificates(papers->root, root.certificate, NULL);
    write_certificates(papers->chain, server.certificate, middle.certificate);
    FILE *file = fopen(papers->key, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, server.key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    drop(&root);
    drop(&middle);
    drop(&server);
}

void papers_open(struct papers *papers)
{
    snprintf(papers->folder, sizeof(papers->folder), "/tmp/pawl_papers_XXXXXX");
    assert_non_null(mkdtemp(papers->folder));
    snprintf(papers->root, sizeof(papers->root), "%s/root.pem", papers->folder);
    snprintf(papers->chain, sizeof(papers->chain), "%s/chain.pem", papers->folder);
    snprintf(papers->key, sizeof(papers->key), "%s/key.pem", papers->folder);
    papers_renew(papers);
}

void papers_close(struct papers *papers)
{
    unlink(papers->root);
    unlink(papers->chain);
    unlink(papers->key);
    assert_int_equal(rmdir(papers->folder), 0);
}

void papers_spoil(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

SSL_CTX *papers_client(const struct papers *papers)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_load_verify_locations(context, papers->root, NULL), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

/* --- The client ----------------------------------------------------------------------------- */

static void on_info(const SSL *ssl, int where, int value)
{
    struct secure *secure = SSL_get_app_data(ssl);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
        secure->alert = value & 0xff;
    }
}

void secure_connect(struct secure *secure, struct world *world, uint16_t port, SSL_CTX *context)
{
    secure_connect_with(secure, world, port, context, NULL);
}

void secure_connect_with(struct secure *secure,
                         struct world *world,
                         uint16_t port,
                         SSL_CTX *context,
                         SSL_SESSION *session)
{
    *secure = (struct secure){.alert = -1};
    wire_connect(&secure->wire, world, port);
    pawl_buf_init(&secure->plain, (size_t)512 << 20);
    secure->ssl = SSL_new(context);
    assert_non_null(secure->ssl);
    SSL_set_bio(secure->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_app_data(secure->ssl, secure);
    SSL_set_info_callback(secure->ssl, on_info);
    assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(secure->ssl), "127.0.0.1"), 1);
    if (session != NULL) {
        assert_int_equal(SSL_set_session(secure->ssl, session), 1);
    }
    SSL_set_connect_state(secure->ssl);
    secure_pump(secure);
}

static void drive(struct secure *secure)
{
    int result = 1;
    ERR_clear_error();
    if (!secure->open) {
        result = SSL_do_handshake(secure->ssl);
        secure->open = result == 1;
    }
    while (result == 1) {
        char *room = pawl_buf_reserve(&secure->plain, 16384);
        assert_non_null(room);
        size_t got = 0;
        ERR_clear_error();
        result = SSL_read_ex(secure->ssl, room, 16384, &got);
        pawl_buf_advance(&secure->plain, got);
    }
    int error = SSL_get_error(secure->ssl, result);
    secure->goodbye = secure->goodbye || error == SSL_ERROR_ZERO_RETURN;
    secure->failed = secure->failed || error == SSL_ERROR_SSL ||
                     (error == SSL_ERROR_SYSCALL && !secure->goodbye);
    ERR_clear_error();
}

static void send_out(struct secure *secure)
{
    char *data = NULL;
    long bytes = BIO_get_mem_data(SSL_get_wbio(secure->ssl), &data);
    if (bytes > 0 && !secure->mute) {
        wire_send_bytes(&secure->wire, data, (size_t)bytes);
        BIO_reset(SSL_get_wbio(secure->ssl));
    }
}

bool secure_pump(struct secure *secure)
{
    struct pawl_buf *in = &secure->wire.in;
    if (in->bytes > 0) {
        assert_int_equal(BIO_write(SSL_get_rbio(secure->ssl), in->data, (int)in->bytes),
                         (int)in->bytes);
        wire_forget(&secure->wire);
    }
    if (!secure->failed) {
        drive(secure);
    }
    send_out(secure);
    return true;
}

void secure_send_bytes(struct secure *secure, const char *data, size_t bytes)
{
    assert_true(secure->open);
    size_t put = 0;
    ERR_clear_error();
    assert_int_equal(SSL_write_ex(secure->ssl, data, bytes, &put), 1);
    assert_int_equal(put, bytes);
    send_out(secure);
}

void secure_send(struct secure *secure, const char *text)
{
    secure_send_bytes(secure, text, strlen(text));
}

size_t secure_count(struct secure *secure, const char *text)
{
    secure_pump(secure);
    size_t count = 0;
    struct pawl_slice rest = pawl_buf_slice(&secure->plain);
    struct pawl_slice wanted = pawl_slice_str(text);
    size_t at = 0;
    while (rest.bytes > 0 && (at = pawl_slice_find(rest, wanted)) != SIZE_MAX) {
        count += 1;
        rest = pawl_slice_sub(rest, at + wanted.bytes, rest.bytes);
    }
    return count;
}

bool secure_has(struct secure *secure, const char *text)
{
    return secure_count(secure, text) > 0;
}

const char *secure_text(struct secure *secure)
{
    secure_pump(secure);
    return pawl_buf_cstr(&secure->plain);
}

void secure_wait_open(struct secure *secure)
{
    WAIT_UNTIL(secure->wire.world, secure_pump(secure) && (secure->open || secure->failed));
    assert_true(secure->open);
}

void secure_close(struct secure *secure)
{
    SSL_free(secure->ssl);
    pawl_buf_free(&secure->plain);
    wire_close(&secure->wire);
}

/* --- The scene ------------------------------------------------------------------------------ */

void scene_open(struct scene *scene, struct pawl_http_limits limits)
{
    world_open(&scene->world);
    papers_open(&scene->papers);
    const struct pawl_tls_server_options options = {.certificate_file = scene->papers.chain,
                                                    .key_file = scene->papers.key};
    struct pawl_errmsg msg = {0};
    if (pawl_failed(pawl_tls_server_new(&options, &scene->tls, &msg))) {
        fail_msg("%s", msg.text);
    }
    service_open_with(&scene->service, &scene->world,
                      &(struct service_options){.limits = limits, .tls = scene->tls});
    scene->client = papers_client(&scene->papers);
}

void scene_close(struct scene *scene)
{
    if (scene->service.server != NULL) {
        service_close(&scene->service);
    }
    world_close(&scene->world);
    pawl_tls_server_free(scene->tls);
    papers_close(&scene->papers);
    SSL_CTX_free(scene->client);
}

void scene_connect(struct scene *scene, struct secure *secure)
{
    secure_connect(secure, &scene->world, scene->service.port, scene->client);
}
