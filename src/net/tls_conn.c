/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_conn.c: a connection's bytes through TLS, both ways. OpenSSL gets a BIO that reads from what
 * the socket just gave and writes to the connection's `sealed` buffer, so nothing is copied to
 * wait and nothing but an incomplete record stays inside of it:
 *
 *   socket ─► take ─► SSL_read ─► conn.c         output ─► SSL_write ─► sealed ─► socket
 *
 * Invariants:
 *   T1  after `take` all that came was read: OpenSSL holds no whole record, so back-pressure and
 *       the bounds of what is pending are conn.c's, as without TLS.
 *   T2  OpenSSL never waits to write. `sealed` is bounded: beyond what an answer's piece needs
 *       there are only handshakes, tickets and the answers to key updates, and a client that makes
 *       more of these than fit is cut off.
 *   T3  nothing is asked of OpenSSL after it has failed, nor after the goodbye but to read.
 *
 * Failure: an alert is sent where the protocol has one, then the connection ends. Who speaks plain
 * HTTP to a port with TLS is told so in plain HTTP.
 */
#define _GNU_SOURCE
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/server_priv.h"
#include "net/tls_priv.h"

enum {
    RECORD_BYTES = 16 * 1024,     /* of plain text, at most */
    SEAL_BYTES = 4 * RECORD_BYTES /* at once: a piece that the socket has a chance to take */
};

struct pawl_tls_conn {
    SSL *ssl;
    struct pawl_slice arrived; /* during `take`: what of it is not read */
    bool failed;
    bool goodbye_said;
};

/* --- The BIO -------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *out, size_t bytes, size_t *ret_got)
{
    const struct pawl_conn *conn = BIO_get_data(bio);
    struct pawl_slice *arrived = &conn->tls->arrived;
    BIO_clear_retry_flags(bio);
    size_t got = bytes < arrived->bytes ? bytes : arrived->bytes;
    if (got == 0) {
        BIO_set_retry_read(bio);
        *ret_got = 0;
        return 0;
    }
    memcpy(out, arrived->data, got);
    *arrived = pawl_slice_sub(*arrived, got, arrived->bytes);
    *ret_got = got;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t bytes, size_t *ret_put)
{
    struct pawl_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    pawl_buf_append(&conn->sealed, data, bytes);
    *ret_put = conn->sealed.overflowed ? 0 : bytes;
    return conn->sealed.overflowed ? 0 : 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method;

/* One for the process, as OpenSSL's own are. */
static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pawl connection");
    bool made = method != NULL && BIO_meth_set_read_ex(method, bio_read) == 1 &&
                BIO_meth_set_write_ex(method, bio_write) == 1 &&
                BIO_meth_set_ctrl(method, bio_control) == 1;
    if (!made) {
        BIO_meth_free(method);
        method = NULL;
    }
}

static BIO *new_bio(struct pawl_conn *conn)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int failed = pthread_once(&once, make_method);
    PAWL_ASSERT(failed == 0);
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    if (bio != NULL) {
        BIO_set_data(bio, conn);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* --- Birth and end -------------------------------------------------------------------------- */

bool pawl_tls_conn_open(struct pawl_conn *conn, struct pawl_tls_server *server)
{
    PAWL_ASSERT(conn->tls == NULL && conn->state == PAWL_CONN_HANDSHAKE);
    struct pawl_tls_conn *tls = pawl_alloc_zeroed(1, sizeof(*tls));
    SSL *ssl = tls != NULL ? pawl_tls_new_ssl(server) : NULL;
    BIO *bio = ssl != NULL ? new_bio(conn) : NULL;
    if (bio == NULL) {
        SSL_free(ssl);
        pawl_free(tls);
        return false;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    tls->ssl = ssl;
    conn->tls = tls;
    return true;
}

void pawl_tls_conn_free(struct pawl_conn *conn)
{
    if (conn->tls != NULL) {
        SSL_free(conn->tls->ssl);
        pawl_free(conn->tls);
        conn->tls = NULL;
    }
}

/* --- Reading -------------------------------------------------------------------------------- */

static bool said_http(void)
{
    unsigned long error = ERR_peek_error();
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST ||
            ERR_GET_REASON(error) == SSL_R_HTTPS_PROXY_REQUEST);
}

/* OpenSSL has given up. What it has to say to the peer is in `sealed`. */
static void fail(struct pawl_conn *conn)
{
    conn->tls->failed = true;
    if (conn->state != PAWL_CONN_HANDSHAKE) {
        pawl_conn_flush(conn);
        pawl_conn_close(conn);
    } else if (said_http()) {
        pawl_tls_conn_free(conn);
        pawl_buf_reset(&conn->sealed);
        pawl_conn_refuse(conn, PAWL_HTTP_REFUSAL_TLS_WANTED);
    } else {
        pawl_conn_linger(conn);
    }
    ERR_clear_error();
}

/* Before a call whose failure is asked about: somebody else on this thread may have left errors,
 * which SSL_get_error would take for its own. To look is cheap, to clear is not. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* What a call of OpenSSL's that did nothing means. By T1 it wants to read only where nothing is
 * left of what came; one that does otherwise would wait for ever. */
static void look_at(struct pawl_conn *conn, int result)
{
    int error = SSL_get_error(conn->tls->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        pawl_conn_peer_ended(conn);
    } else if (error != SSL_ERROR_WANT_READ || conn->tls->arrived.bytes > 0) {
        fail(conn);
    }
}

static void shake_hands(struct pawl_conn *conn)
{
    forget_errors();
    int result = SSL_do_handshake(conn->tls->ssl);
    if (result == 1) {
        pawl_conn_shook_hands(conn);
    } else {
        look_at(conn, result);
    }
}

static void read_all(struct pawl_conn *conn)
{
    char plain[RECORD_BYTES];
    const struct pawl_tls_conn *tls = conn->tls;
    /* Taking bytes may end the connection, but not free it (C2). */
    while (conn->state > PAWL_CONN_HANDSHAKE && conn->state < PAWL_CONN_LINGERING &&
           (tls->arrived.bytes > 0 || SSL_has_pending(tls->ssl) == 1)) {
        size_t got = 0;
        forget_errors();
        int result = SSL_read_ex(tls->ssl, plain, sizeof(plain), &got);
        if (result != 1) {
            look_at(conn, result);
            return;
        }
        pawl_conn_take_bytes(conn, plain, got);
    }
}

void pawl_tls_take(struct pawl_conn *conn, struct pawl_slice bytes)
{
    PAWL_ASSERT(!conn->tls->failed && conn->tls->arrived.bytes == 0);
    conn->tls->arrived = bytes;
    if (conn->state == PAWL_CONN_HANDSHAKE) {
        shake_hands(conn);
    }
    if (conn->state > PAWL_CONN_HANDSHAKE && conn->tls != NULL) {
        read_all(conn);
    }
    if (conn->tls != NULL) {
        conn->tls->arrived = PAWL_SLICE_NONE;
    }
    if (conn->sealed.bytes > 0 || conn->sealed.overflowed) {
        pawl_conn_touch(conn);
    }
}

/* --- Writing -------------------------------------------------------------------------------- */

/* Drops from the output what was sealed: at once when it is all of it, else when it is the larger
 * part, so that a byte is moved once on average. */
static void drop_sealed(struct pawl_conn *conn)
{
    struct pawl_buf *output = &conn->output;
    if (conn->output_sealed == output->bytes) {
        pawl_output_keep_small(output);
        conn->output_sealed = 0;
    } else if (conn->output_sealed > output->bytes / 2) {
        pawl_buf_consume(output, conn->output_sealed);
        conn->output_sealed = 0;
    }
}

bool pawl_tls_seal(struct pawl_conn *conn)
{
    struct pawl_tls_conn *tls = conn->tls;
    size_t bytes = conn->output.bytes - conn->output_sealed;
    if (bytes == 0 || tls->failed) {
        return true;
    }
    PAWL_ASSERT(!tls->goodbye_said);
    size_t put = 0;
    if (SSL_write_ex(tls->ssl, conn->output.data + conn->output_sealed,
                     bytes < SEAL_BYTES ? bytes : SEAL_BYTES, &put) != 1) {
        tls->failed = true;
        ERR_clear_error();
        return false;
    }
    conn->output_sealed += put;
    drop_sealed(conn);
    return true;
}

void pawl_tls_goodbye(struct pawl_conn *conn)
{
    struct pawl_tls_conn *tls = conn->tls;
    if (!tls->failed && !tls->goodbye_said && SSL_is_init_finished(tls->ssl) == 1) {
        tls->goodbye_said = true;
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}
