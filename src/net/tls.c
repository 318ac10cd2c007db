/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c: certificates and keys from files, as OpenSSL's contexts. A reload makes a new context and
 * changes places with the old one only when everything in it is good; connections hold a
 * reference to theirs, so the old one goes with the last of them.
 *
 * libssl is linked, unlike libcurl (net/curl.h): it brings nothing with it but libcrypto, which is
 * there anyway, and costs the start of a process 0.4 ms.
 *
 * OpenSSL keeps its errors in a queue of the thread's. It is emptied before each use here, so what
 * is found in it afterwards is of that use.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/tls_priv.h"

enum { TLS_MAGIC = 0x746c7373 };

struct pawl_tls_server {
    uint32_t magic;
    SSL_CTX *context;
    char *certificate_file;
    char *key_file;
    int64_t not_after_s;
};

/* ECDHE with an AEAD. TLS 1.3 has suites of its own, all of them good. */
static const char suites_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const unsigned char protocols[] = "\x08http/1.1";

static pawl_err no_memory(struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "no memory for TLS");
    return PAWL_ERR(MEMORY);
}

/* --- The context ---------------------------------------------------------------------------- */

static int choose_protocol(SSL *ssl,
                           const unsigned char **out,
                           unsigned char *out_bytes,
                           const unsigned char *offered,
                           unsigned offered_bytes,
                           void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    int found = SSL_select_next_proto(&chosen, out_bytes, protocols, sizeof(protocols) - 1, offered,
                                      offered_bytes);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Nobody is there to be asked: OpenSSL itself would turn to the terminal. That it asked says that
 * the key is encrypted, which its errors hide among others. */
static int no_pass_phrase(char *out, int bytes, int for_writing, void *arg)
{
    (void)out;
    (void)bytes;
    (void)for_writing;
    *(bool *)arg = true;
    return -1;
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* An idle connection holds no buffers then. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, suites_1_2) != 1 ||
        SSL_CTX_set_num_tickets(context, 1) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

/* --- Files ---------------------------------------------------------------------------------- */

/* OpenSSL tells of a file that is missing in words of its own; the system's are better known. And
 * it would wait in front of a named pipe until somebody writes to it, the whole server with it. */
static pawl_err check_file(const char *what, const char *path, struct pawl_errmsg *msg)
{
    struct stat seen = {.st_mode = 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error_number = fd < 0 || fstat(fd, &seen) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (error_number != 0) {
        pawl_errmsg_set(msg, "%s %s: %s", what, path, strerror(error_number));
        return pawl_err_from_errno(error_number);
    }
    if (!S_ISREG(seen.st_mode)) {
        pawl_errmsg_set(msg, "%s %s: %s; it has to be a file, which can be read again", what, path,
                        S_ISFIFO(seen.st_mode)  ? "it is a pipe"
                        : S_ISDIR(seen.st_mode) ? "it is a directory"
                                                : "it is a device");
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* The first error in the queue is the cause, the later ones are who passed it on. */
static pawl_err unusable(const char *what, const char *path, struct pawl_errmsg *msg)
{
    unsigned long error = ERR_peek_error();
    const char *why = ERR_reason_error_string(error);
    int library = ERR_GET_LIB(error);
    if (why == NULL || library == ERR_LIB_PEM || library == ERR_LIB_ASN1 ||
        library == ERR_LIB_OSSL_DECODER) {
        why = "there is none in the file that can be read (PEM)";
    }
    pawl_errmsg_set(msg, "%s %s: %s", what, path, why);
    return PAWL_ERR(INVALID);
}

static bool is_mismatch(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_X509
               ? reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH
               : ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_NO_CERTIFICATE_ASSIGNED;
}

static pawl_err read_key(SSL_CTX *context,
                         const char *certificate_file,
                         const char *key_file,
                         struct pawl_errmsg *msg)
{
    const bool *asked = SSL_CTX_get_default_passwd_cb_userdata(context);
    ERR_clear_error();
    /* Of another kind than the certificate's, a key is taken, and lies beside it (the check). */
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1) {
        return PAWL_OK;
    }
    unsigned long error = ERR_peek_error();
    if (*asked) {
        pawl_errmsg_set(msg, "key %s: it is encrypted, and nobody is there to give the pass phrase",
                        key_file);
    } else if (is_mismatch(error)) {
        pawl_errmsg_set(msg, "the key in %s is not that of the certificate in %s", key_file,
                        certificate_file);
    } else {
        return unusable("key", key_file, msg);
    }
    return PAWL_ERR(INVALID);
}

static pawl_err read_pair(SSL_CTX *context,
                          const char *certificate_file,
                          const char *key_file,
                          struct pawl_errmsg *msg)
{
    pawl_err err = check_file("certificate", certificate_file, msg);
    if (pawl_ok(err)) {
        err = check_file("key", key_file, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    bool asked = false;
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        err = unusable("certificate", certificate_file, msg);
    } else {
        err = read_key(context, certificate_file, key_file, msg);
    }
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    SSL_CTX_set_default_passwd_cb(context, NULL);
    return err;
}

static int64_t not_after_s(SSL_CTX *context)
{
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    struct tm broken_down = {0};
    PAWL_ASSERT(certificate != NULL);
    bool read = ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &broken_down) == 1;
    return read ? (int64_t)timegm(&broken_down) : 0;
}

/* --- The server's -------------------------------------------------------------------------- */

static struct pawl_tls_server *tls_checked(struct pawl_tls_server *tls)
{
    PAWL_ASSERT(tls != NULL && tls->magic == TLS_MAGIC);
    return tls;
}

pawl_err pawl_tls_server_reload(struct pawl_tls_server *tls, struct pawl_errmsg *msg)
{
    tls_checked(tls);
    SSL_CTX *context = new_context();
    if (context == NULL) {
        return no_memory(msg);
    }
    pawl_err err = read_pair(context, tls->certificate_file, tls->key_file, msg);
    if (pawl_failed(err)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return err;
    }
    SSL_CTX_free(tls->context);
    tls->context = context;
    tls->not_after_s = not_after_s(context);
    return PAWL_OK;
}

static char *copy_str(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = pawl_alloc(bytes);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

pawl_err pawl_tls_server_new(const struct pawl_tls_server_options *options,
                             struct pawl_tls_server **ret_tls,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->certificate_file != NULL && options->key_file != NULL);
    struct pawl_tls_server *tls = pawl_alloc_zeroed(1, sizeof(*tls));
    if (tls == NULL) {
        return no_memory(msg);
    }
    tls->magic = TLS_MAGIC;
    tls->certificate_file = copy_str(options->certificate_file);
    tls->key_file = copy_str(options->key_file);
    bool copied = tls->certificate_file != NULL && tls->key_file != NULL;
    pawl_err err = copied ? pawl_tls_server_reload(tls, msg) : no_memory(msg);
    if (pawl_failed(err)) {
        pawl_tls_server_free(tls);
        return err;
    }
    *ret_tls = tls;
    return PAWL_OK;
}

int64_t pawl_tls_server_not_after_s(const struct pawl_tls_server *tls)
{
    PAWL_ASSERT(tls->magic == TLS_MAGIC && tls->context != NULL);
    return tls->not_after_s;
}

SSL *pawl_tls_new_ssl(struct pawl_tls_server *tls)
{
    return SSL_new(tls_checked(tls)->context);
}

void pawl_tls_server_free(struct pawl_tls_server *tls)
{
    if (tls == NULL) {
        return;
    }
    tls_checked(tls);
    SSL_CTX_free(tls->context);
    pawl_free(tls->certificate_file);
    pawl_free(tls->key_file);
    tls->magic = 0;
    pawl_free(tls);
}
