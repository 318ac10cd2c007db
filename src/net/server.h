/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h: an HTTP/1.1 server on a libuv loop. llhttp parses; the guard (guard.h) refuses
 * before it what its packaged version would let through.
 *
 * One exchange is one request and its answer. The handler gets it when the whole request,
 * body included, is there, and may answer at once or later, in one piece or as a stream.
 * Pipelined requests wait their turn: the next one is handed out when the answer before it
 * has ended, so answers keep their order.
 *
 * Life of an exchange: it lives until it was answered (reply, or begin … end, or abort). After
 * that it may be used until the callback of the loop's that answered it returns, and not
 * longer. If the client goes away first, `gone` runs once; after it every call on the exchange
 * is still allowed until the owner has answered, and does nothing on the wire. So the owner
 * always answers exactly once, whether or not somebody still listens. A client that shuts its
 * sending side while it waits counts as gone.
 *
 * What the server refuses by itself (refusal.h: bytes that are not HTTP, limits, times) never
 * reaches the handler. Its answer is {"error":NAME,"message":TEXT}, with "limit" where one was
 * passed, or what the owner's `refusal` makes of it, and the connection ends with it.
 *
 * Everything runs on the loop's thread. No callback runs inside a call on an exchange; `gone` runs
 * inside pawl_http_server_close.
 */
#ifndef PAWL_NET_SERVER_H
#define PAWL_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "net/http.h"

struct uv_loop_s;
struct pawl_http_server;
struct pawl_http_exchange;
struct pawl_tls_server;

struct pawl_http_request {
    struct pawl_slice method; /* "POST" */
    struct pawl_slice target; /* as it stands in the request line */
    struct pawl_slice path;   /* the target before '?', not decoded */
    struct pawl_slice query;  /* after '?', or empty */
    const struct pawl_http_header *headers;
    size_t header_count;
    struct pawl_slice body; /* whole; transfer coding removed, content coding untouched */
    bool upgrade;           /* asks for another protocol (a websocket) */
};

typedef void pawl_http_handler_fn(void *arg, struct pawl_http_exchange *exchange);

/* How many bytes the body of a request may have, where that is more than limits.body_bytes_max, and
 * who sends it: a number of the owner's. */
struct pawl_http_body_max {
    uint64_t bytes;
    uint64_t whose;
};

/* Asked when the head of one was read that has more, or does not say. It calls nothing of the
 * server's. */
typedef struct pawl_http_body_max
pawl_http_body_max_fn(void *arg, const struct pawl_http_request *request, uint32_t listener);

/* So much of a body, or its rest, has to come in each body_timeout_ms: one that drips holds its
 * connection as long as it likes otherwise. */
#define PAWL_HTTP_BODY_STEP_BYTES 16384
/* The same of a body that is longer than most may be: of its kind there are few at once. */
#define PAWL_HTTP_LARGE_STEP_BYTES 262144
/* So much of an answer that waits to be sent, or its rest, a peer has to take in each
 * write_timeout_ms, for the same reason. */
#define PAWL_HTTP_WRITE_STEP_BYTES 16384

struct pawl_http_limits {
    uint32_t head_bytes_max;       /* request line and headers; 431 */
    uint32_t header_count_max;     /* 431 */
    uint64_t body_bytes_max;       /* 413; the owner may take more of some (body_max) */
    uint32_t large_count_max;      /* of bodies at once that have more (places.h); 503 */
    uint64_t arena_bytes_max;      /* what the owner may take from one exchange's arena */
    uint32_t connection_count_max; /* 503 */
    /* Times; 0 is no limit. */
    uint32_t handshake_timeout_ms;   /* TLS, from accepting to its end; closes */
    uint32_t head_timeout_ms;        /* from the first byte of a head to its end; 408 */
    uint32_t body_timeout_ms;        /* for each step of a body, see above; 408 */
    uint32_t idle_timeout_ms;        /* keep-alive without a request; closes */
    uint32_t write_queue_bytes_high; /* reply_write says "pause" above this */
    uint32_t write_timeout_ms; /* for each PAWL_HTTP_WRITE_STEP_BYTES that a peer takes; closes */
};

#define PAWL_HTTP_LIMITS_DEFAULT                                                                   \
    ((struct pawl_http_limits){.head_bytes_max = 65536,                                            \
                               .header_count_max = 200,                                            \
                               .body_bytes_max = 64u << 20,                                        \
                               .large_count_max = 16,                                              \
                               .arena_bytes_max = 256u << 20,                                      \
                               .connection_count_max = 4096,                                       \
                               .handshake_timeout_ms = 10000,                                      \
                               .head_timeout_ms = 30000,                                           \
                               .body_timeout_ms = 60000,                                           \
                               .idle_timeout_ms = 300000,                                          \
                               .write_queue_bytes_high = 256u << 10,                               \
                               .write_timeout_ms = 300000})

enum { PAWL_HTTP_PEER_BYTES = 64 };

/* A refusal of the server's own, and what is sent for it. */
struct pawl_http_refused {
    int status;
    const char *name;    /* "head_too_large": those of refusal.h */
    const char *message; /* a sentence that needs no escaping in JSON */
    uint64_t limit;      /* the limit that was passed, or 0 */
    uint32_t listener;   /* the tag of the listener it came by */
    const char *peer;    /* who asks, as pawl_http_exchange_peer has it */
    /* Head of the request, where it was read; its body is empty. NULL where it was not. */
    const struct pawl_http_request *request;
};

struct pawl_http_refusal_answer {
    int status;
    const struct pawl_http_header *headers;
    size_t header_count;
    struct pawl_slice body;
    struct pawl_arena *arena; /* for the above; it is copied when the function returns */
};

/* Gets the answer as it would be sent, and changes of it what it likes. It sends nothing itself and
 * calls nothing of the server's. It may run inside pawl_http_server_close or a handler's turn. */
typedef void pawl_http_refusal_fn(void *arg,
                                  const struct pawl_http_refused *refused,
                                  struct pawl_http_refusal_answer *answer);

struct pawl_http_server_options {
    struct uv_loop_s *loop; /* borrowed */
    struct pawl_http_limits limits;
    bool
        same_user_only; /* refuse loopback TCP peers of another uid (403), where the system tells */
    pawl_http_handler_fn *handler;
    pawl_http_refusal_fn *refusal;   /* NULL: the answers stay as they are */
    pawl_http_body_max_fn *body_max; /* NULL: body_bytes_max is for all */
    void *arg;                       /* of all three */
};

/* From here on the process ignores SIGPIPE (net/loop.h). */
PAWL_MUST_CHECK pawl_err pawl_http_server_new(const struct pawl_http_server_options *options,
                                              struct pawl_http_server **ret_server);

/* Where a server listens. All of it is copied but `tls`. */
struct pawl_http_listen {
    /* "127.0.0.1:8080", "[::1]:8080", "localhost:8080": a name is looked up during the call, and
     * each address that it has is listened on, those of a family that the machine lacks excepted.
     * "*:8080" is every address, of IPv4 and of IPv6; "[::]:8080" is those of IPv6 alone. Port 0 is
     * any free one, for all addresses the same. "unix:/run/s" or "/run/s" is a Unix socket. */
    const char *address;
    uint32_t tag;       /* the owner's; pawl_http_exchange_listener gives it back */
    uint32_t unix_mode; /* of the socket's file; 0 is 0600 */
    /* As that of the server, for this one. On a Unix socket the system always tells, and root may
     * come in, too. */
    bool same_user_only;
    /* So many connections it may have beside connection_count_max. One listener of a server has
     * them. */
    uint32_t own_count_max;
    struct pawl_tls_server *tls; /* net/tls.h; borrowed until the server is gone. NULL is plain */
};

/* May be called several times. The port taken goes to ret_port (NULL, if nobody asks); a Unix
 * socket has 0. A stale socket is replaced, and the file goes with the server. INVALID: the address
 * cannot be read. NOT_FOUND: the name is unknown, or no interface has the address, or there is no
 * such folder. EXISTS: somebody listens there, whose process the message names if the system tells,
 * or this server does, or the path is no socket. PERMISSION: a port below 1024, or the folder.
 * Nothing is open then. */
PAWL_MUST_CHECK pawl_err pawl_http_server_listen(struct pawl_http_server *server,
                                                 const struct pawl_http_listen *listen,
                                                 uint16_t *ret_port,
                                                 struct pawl_errmsg *msg);
/* The same for a host and port apart, and for a Unix socket with mode 0600. */
PAWL_MUST_CHECK pawl_err pawl_http_server_listen_tcp(struct pawl_http_server *server,
                                                     const char *host,
                                                     uint16_t port,
                                                     uint16_t *ret_port,
                                                     struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_http_server_listen_unix(struct pawl_http_server *server,
                                                      const char *path,
                                                      struct pawl_errmsg *msg);
/* Stops listening, closes idle connections, and calls `done` when the last exchange has ended. */
void pawl_http_server_drain(struct pawl_http_server *server, void (*done)(void *arg), void *arg);
/* Closes everything now; on_gone runs for open exchanges. The server is freed once the loop has
 * run its close callbacks and every exchange was answered. */
void pawl_http_server_close(struct pawl_http_server *server);
size_t pawl_http_server_connection_count(const struct pawl_http_server *server);
/* Of which a request is under way: from its first byte to the last one of its answer. Walks all. */
size_t pawl_http_server_request_count(const struct pawl_http_server *server);

/* --- One exchange ------------------------------------------------------------------------- */

const struct pawl_http_request *
pawl_http_exchange_request(const struct pawl_http_exchange *exchange);
/* Memory that lives as long as the exchange. */
struct pawl_arena *pawl_http_exchange_arena(struct pawl_http_exchange *exchange);
/* A word of the owner's. */
void pawl_http_exchange_set_owner(struct pawl_http_exchange *exchange, void *owner);
void *pawl_http_exchange_owner(const struct pawl_http_exchange *exchange);
/* `gone` runs once when the client disconnects before the answer has ended. `drained` runs when the
 * write queue fell below half of its high mark after reply_write said "pause". */
void pawl_http_exchange_on_gone(struct pawl_http_exchange *exchange,
                                void (*gone)(struct pawl_http_exchange *exchange));
void pawl_http_exchange_on_drained(struct pawl_http_exchange *exchange,
                                   void (*drained)(struct pawl_http_exchange *exchange));
bool pawl_http_exchange_is_gone(const struct pawl_http_exchange *exchange);
/* The tag of the listener by which it came (struct pawl_http_listen). */
uint32_t pawl_http_exchange_listener(const struct pawl_http_exchange *exchange);
/* The process that asks, where it came by a Unix socket; else, or when it has gone, 0. */
pid_t pawl_http_exchange_peer_pid(const struct pawl_http_exchange *exchange);
/* Whether that process is inside of a run (PAWL_KEEPER_NAME in net/peer.h), where an agent could
 * have asked. Of what came by TCP or has gone nobody can tell: no. */
bool pawl_http_exchange_is_from_run(const struct pawl_http_exchange *exchange);
/* Who asks, for a log: "203.0.113.7:50122", "[2001:db8::7]:50122", by a Unix socket "pid 4711"; ""
 * when it has gone, or where the system does not tell. Returns `out`. */
const char *pawl_http_exchange_peer(const struct pawl_http_exchange *exchange,
                                    char out[static PAWL_HTTP_PEER_BYTES]);

/* A whole answer, status 200 to 999. Content-Length and Connection are added; headers of that
 * name, hop-by-hop ones, and such as hold CR, LF or NUL are left out. Everything is copied. A
 * HEAD request gets no body. */
void pawl_http_reply(struct pawl_http_exchange *exchange,
                     int status,
                     const struct pawl_http_header *headers,
                     size_t header_count,
                     struct pawl_slice body);
/* The same with header lines in front of the headers, each with its end: they are sent as they are,
 * by whoever made every byte of them. */
void pawl_http_reply_lines(struct pawl_http_exchange *exchange,
                           int status,
                           struct pawl_slice lines,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           struct pawl_slice body);
/* A stream: `content_length` when it is known, else -1 for chunked coding (HTTP/1.0 clients get
 * an answer that ends with the connection). */
void pawl_http_reply_begin(struct pawl_http_exchange *exchange,
                           int status,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           int64_t content_length);
/* Copies the bytes and sends them in this turn. false = the queue is high: stop producing until
 * `drained` (what was passed is taken all the same). Past a promised length bytes are dropped;
 * true when the client is gone. */
bool pawl_http_reply_write(struct pawl_http_exchange *exchange, struct pawl_slice bytes);
/* An answer shorter than its promised length ends as an abort does. */
void pawl_http_reply_end(struct pawl_http_exchange *exchange);
/* Ends the connection without ending the answer, as an upstream that broke off did. */
void pawl_http_reply_abort(struct pawl_http_exchange *exchange);

#endif
