/* SPDX-License-Identifier: Apache-2.0 */
/* tls_priv.h: between tls.c, which has the certificates, and tls_conn.c, which has connections. */
#ifndef PAWL_NET_TLS_PRIV_H
#define PAWL_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* A connection's own, with what is in force now. NULL when there is no memory. */
SSL *pawl_tls_new_ssl(struct pawl_tls_server *tls);

#endif
