/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h: what a listener needs to speak TLS: a certificate and its key, from PEM files, which may
 * be read again while connections live.
 *
 * TLS 1.2 and 1.3; with 1.2 only forward-secret suites with an AEAD. ALPN: http/1.1, and a client
 * that offers other protocols alone is refused. Sessions are resumed by tickets whose keys live as
 * long as the process, or until a reload. No renegotiation, no compression, no early data, no
 * client certificates. A handshake runs on the loop's thread: an ECDSA key costs it a tenth of what
 * one of RSA does.
 */
#ifndef PAWL_NET_TLS_H
#define PAWL_NET_TLS_H

#include <stdint.h>

#include "base/err.h"

struct pawl_tls_server;

struct pawl_tls_server_options {
    const char *certificate_file; /* the server's own first, then the intermediate ones */
    const char *key_file;         /* not encrypted; may be the same file */
};

/* The paths are copied, for reload. NOT_FOUND, PERMISSION and other errors of a file; INVALID: no
 * file but a pipe, a directory, a device; no certificate or key in it; or they do not belong
 * together. The message names the file and says why. */
PAWL_MUST_CHECK pawl_err pawl_tls_server_new(const struct pawl_tls_server_options *options,
                                             struct pawl_tls_server **ret_tls,
                                             struct pawl_errmsg *msg);
/* Reads both files again. Connections accepted from now on get what they hold, older ones keep what
 * they have. On an error all stays as it was. Errors as above. */
PAWL_MUST_CHECK pawl_err pawl_tls_server_reload(struct pawl_tls_server *tls,
                                                struct pawl_errmsg *msg);
/* The end of the certificate in force, in seconds since 1970: one that has expired is served all
 * the same, since a client that refuses it says why and a server that does not start says less. */
int64_t pawl_tls_server_not_after_s(const struct pawl_tls_server *tls);
/* After the servers that use it are gone. NULL is allowed. */
void pawl_tls_server_free(struct pawl_tls_server *tls);

#endif
