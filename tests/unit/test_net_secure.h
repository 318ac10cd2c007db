/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_secure.h: certificates made on the spot, and a client that speaks TLS over a raw wire
 * (test_net_support.h). The client is OpenSSL between two pieces of memory, driven by the test's
 * loop: so a test can cut, slow down and spoil what travels, which a socket of OpenSSL's own would
 * not let it.
 */
#ifndef PAWL_TESTS_UNIT_TEST_NET_SECURE_H
#define PAWL_TESTS_UNIT_TEST_NET_SECURE_H

#include "test_net_support.h"

#include <openssl/ssl.h>

#include "net/tls.h"

/* A folder with files: a root, and a server's certificate that an intermediate one of it signed. */
struct papers {
    char folder[64];
    char root[96];  /* of the root alone: what a client trusts */
    char chain[96]; /* the server's, then the intermediate one */
    char key[96];
};

void papers_open(struct papers *papers);
/* Makes chain and key anew under a new root, as at the end of a certificate's time. */
void papers_renew(struct papers *papers);
void papers_close(struct papers *papers);
/* The file gets that text. */
void papers_spoil(const char *path, const char *text);

/* A client's context that trusts the root. */
SSL_CTX *papers_client(const struct papers *papers);

struct secure {
    struct wire wire;
    SSL *ssl;
    struct pawl_buf plain; /* what came */
    bool open;             /* the handshake is over */
    bool goodbye;          /* the peer's close_notify came */
    bool failed;
    int alert; /* the last one that came, or -1 */
    bool mute; /* nothing of what it has to say is sent */
};

/* Begins the handshake; `context` is borrowed during the call. */
void secure_connect(struct secure *secure, struct world *world, uint16_t port, SSL_CTX *context);
/* … offering a session to go on with. */
void secure_connect_with(struct secure *secure,
                         struct world *world,
                         uint16_t port,
                         SSL_CTX *context,
                         SSL_SESSION *session);
void secure_send(struct secure *secure, const char *text);
void secure_send_bytes(struct secure *secure, const char *data, size_t bytes);
/* Moves bytes both ways; what can be read is in `plain`. Always true, to be said in a condition. */
bool secure_pump(struct secure *secure);
bool secure_has(struct secure *secure, const char *text);
size_t secure_count(struct secure *secure, const char *text);
const char *secure_text(struct secure *secure);
/* Waits for the end of the handshake. */
void secure_wait_open(struct secure *secure);
void secure_close(struct secure *secure);

/* A server with TLS, and what its clients need. */
struct scene {
    struct world world;
    struct papers papers;
    struct pawl_tls_server *tls;
    struct service service;
    SSL_CTX *client;
};

void scene_open(struct scene *scene, struct pawl_http_limits limits);
void scene_close(struct scene *scene);
/* Without waiting for the handshake. */
void scene_connect(struct scene *scene, struct secure *secure);

#endif
