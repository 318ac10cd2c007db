/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_priv.h: what the files of the server share: server.c (drain, close, deadlines), listener.c
 * (accepting), listen_tcp.c and listen_unix.c (opening), admit.c (who may come in), conn.c (the
 * life of a connection), intake.c (its reads), output.c (its writes), tls_conn.c (both ways
 * through TLS), exchange.c (answers), refuse.c (those of its own).
 *
 *   accepted ─► HANDSHAKE ─► IDLE ─► HEAD ─► BODY ─► ANSWERING ─► ENDED ─► LINGERING
 *                                                             LINGERING ─► CLOSING ─► CLOSED
 *
 * Without TLS it begins as IDLE. A handshake that fails goes to LINGERING, or to ENDED where it was
 * plain HTTP. HEAD goes on to ANSWERING where there is no body, HEAD and BODY go to ENDED when the
 * request is refused, ENDED goes back to IDLE for the next request, and every state may go to
 * CLOSING.
 *
 *   C1  one exchange a connection, embedded in it; the connection's memory outlives it.
 *   C2  a connection is freed only from the server's turn, when it is CLOSED and its exchange
 *       is not the owner's any more. No function here frees one that a caller may hold.
 *   C3  handler, gone and drained run on a stack of the loop's, never inside a call on
 *       an exchange (gone: also inside pawl_http_server_close).
 *   C4  nothing is written but from the output buffer, at the end of the turn or when it is large,
 *       so an answer's head and first bytes leave in one system call.
 */
#ifndef PAWL_NET_SERVER_PRIV_H
#define PAWL_NET_SERVER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/deadline.h"
#include "net/loop.h"
#include "net/peer.h"
#include "net/reader.h"
#include "net/refusal.h"
#include "net/server.h"

enum {
    PAWL_CONN_MAGIC = 0x636f6e6e,
    PAWL_EXCHANGE_MAGIC = 0x65786368,
    PAWL_SERVER_MAGIC = 0x73727672,
    PAWL_LISTENER_MAGIC = 0x6c73746e
};

enum {
    PAWL_SERVER_READ_BYTES = 64 * 1024,       /* at most by one read */
    PAWL_INTAKE_BYTES = 192 * 1024,           /* read before it is understood; and … */
    PAWL_INTAKE_PIECES_MAX = 256,             /* … from so many connections */
    PAWL_CONN_PENDING_BYTES = 64 * 1024,      /* pipelined bytes held before reading stops */
    PAWL_CONN_OUTPUT_EARLY_BYTES = 64 * 1024, /* sent before the turn's end from here on */
    PAWL_CONN_SEALED_BYTES_MAX = 1024 * 1024, /* TLS: records not written */
    PAWL_CONN_TLS_HELD_BYTES = 32 * 1024,     /* inside OpenSSL: less than two records */
    PAWL_CONN_OUTPUT_KEEP_BYTES = 16 * 1024,
    PAWL_CONN_LINGER_MS = 2000,
    PAWL_CONN_KEEPALIVE_S = 60,
    PAWL_CONN_LINGER_BYTES = 96 * 1024 * 1024, /* a client reads its 413 when it has sent a body */
    PAWL_SERVER_OVERFLOW_COUNT = 64, /* connections above the limit that still get a 503 */
    PAWL_SERVER_BACKLOG = 1024,
    PAWL_SERVER_LATE_MS = 10 /* a timer that comes so late says that the loop stood still */
};
/* An owner that never heeds "pause" is cut off here. */
#define PAWL_CONN_OUTPUT_BYTES_MAX ((size_t)1 << 30)

enum pawl_conn_state {
    PAWL_CONN_HANDSHAKE, /* of TLS */
    PAWL_CONN_IDLE,      /* no byte of a request yet */
    PAWL_CONN_HEAD,
    PAWL_CONN_BODY,
    PAWL_CONN_ANSWERING, /* the exchange is the owner's */
    PAWL_CONN_ENDED,     /* answered; the last bytes are on their way */
    PAWL_CONN_LINGERING, /* our side is shut; what still comes is thrown away */
    PAWL_CONN_CLOSING,   /* uv_close was called */
    PAWL_CONN_CLOSED,
    PAWL_CONN_STATE_COUNT
};

/* What a connection waits for; one list of deadlines each. */
enum pawl_conn_wait {
    PAWL_WAIT_HANDSHAKE,
    PAWL_WAIT_IDLE,
    PAWL_WAIT_HEAD,
    PAWL_WAIT_BODY,
    PAWL_WAIT_WRITE,
    PAWL_WAIT_LINGER,
    PAWL_WAIT_COUNT
};

enum pawl_exchange_state {
    PAWL_EXCHANGE_NONE, /* no request is with the owner */
    PAWL_EXCHANGE_OPEN, /* handed out, not answered */
    PAWL_EXCHANGE_STREAMING,
    PAWL_EXCHANGE_ENDED
};

enum pawl_framing {
    PAWL_FRAMING_NO_BODY,
    PAWL_FRAMING_LENGTH,
    PAWL_FRAMING_CHUNKED,
    PAWL_FRAMING_UNTIL_CLOSE /* HTTP/1.0 */
};

struct pawl_conn;

struct pawl_http_exchange {
    uint32_t magic;
    enum pawl_exchange_state state;
    struct pawl_conn *conn;
    void *owner;
    void (*gone)(struct pawl_http_exchange *exchange);
    void (*drained)(struct pawl_http_exchange *exchange);
    bool is_gone;
    bool paused; /* reply_write returned false */
    bool is_head;
    bool version_1_0;
    bool keep_alive;
    enum pawl_framing framing;
    uint64_t left_bytes; /* under LENGTH */
};

struct pawl_conn {
    uint32_t magic;
    enum pawl_conn_state state;
    struct pawl_http_server *server;
    struct pawl_conn *prev;
    struct pawl_conn *next;
    struct pawl_conn *work_next;
    bool in_work;   /* on the server's list for the end of the turn */
    bool in_intake; /* a piece of what it sent waits to be understood */
    bool is_unix;
    bool same_user_only;
    bool is_apart;             /* one of its listener's own, beside the limit */
    uint32_t tag;              /* of its listener */
    struct pawl_tls_conn *tls; /* owned; NULL: plain */
    bool reading;              /* uv_read_start is in force */
    bool peer_eof;             /* after the answer ended: close when all is written */
    bool broken;               /* a write failed; to be closed at the turn's end */
    bool linger;               /* the request was not read whole: see conn.c */
    bool reset;                /* close so that an answer without length is not taken for whole */
    enum pawl_http_refusal refusal; /* decided at accept, told at the first request */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct pawl_deadline deadline;
    struct pawl_reader reader;
    struct pawl_arena arena;
    struct pawl_http_exchange exchange;
    struct pawl_buf pending; /* bytes of later requests */
    size_t pending_used;
    struct pawl_buf output;   /* collected */
    size_t output_sealed;     /* of it, what is in `sealed` or gone; 0 without TLS */
    struct pawl_buf sealed;   /* TLS: records that wait to be written */
    struct pawl_buf inflight; /* libuv's until the write's callback */
    bool writing;
    size_t write_left_bytes; /* when the write deadline began */
    uv_write_t write_request;
    uv_shutdown_t shutdown_request;
    uint64_t linger_bytes;
    size_t body_step_bytes; /* since the body's deadline began */
};

/* Instead of who has the address that is wanted: to look for that process would lead nowhere. */
#define PAWL_LISTENER_IS_OWN "this server listens there already; name each address once"

struct pawl_listener {
    uint32_t magic;
    struct pawl_http_server *server;
    struct pawl_listener *next;
    bool is_unix;
    bool same_user_only;
    uint32_t tag;
    uint32_t own_count_max;
    struct pawl_tls_server *tls; /* borrowed; NULL: plain */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uint64_t held_turn; /* a connection waits for room since then: see listener.c; 0: none does */
    char *path;         /* of a Unix socket, and which file it was */
    uint64_t path_device;
    uint64_t path_inode;
};

/* What was read in this turn (intake.c). */
struct pawl_intake_piece {
    struct pawl_conn *conn;
    size_t start; /* in the intake's data */
    size_t bytes;
};

struct pawl_intake {
    size_t count;
    size_t used;
    struct pawl_intake_piece pieces[PAWL_INTAKE_PIECES_MAX];
    char data[PAWL_INTAKE_BYTES + 2 * PAWL_SERVER_READ_BYTES];
};

struct pawl_http_server {
    uint32_t magic;
    struct uv_loop_s *loop;
    struct pawl_http_limits limits;
    bool same_user_only;
    bool draining;
    bool closing;
    pawl_http_handler_fn *handler;
    pawl_http_refusal_fn *refusal;   /* or NULL */
    pawl_http_body_max_fn *body_max; /* or NULL */
    struct pawl_body_places large;   /* bodies longer than most may be */
    void *arg;
    void (*drain_done)(void *arg);
    void *drain_arg;
    struct pawl_turn *turn;
    uv_timer_t timer;
    uint64_t timer_at_ms; /* UINT64_MAX: not started */
    bool timer_waited;    /* it came late, and let the loop read first */
    struct pawl_deadline_list waits[PAWL_WAIT_COUNT];
    struct pawl_listener *listeners;
    uint64_t held_turns; /* the last one's number */
    struct pawl_conn *conns;
    struct pawl_conn *work;
    struct pawl_conn *spare; /* memory for one more, or NULL while it is in use */
    struct pawl_peer peer;
    size_t conn_count;
    size_t apart_count;  /* of those, beside the limit */
    size_t handle_count; /* listeners and the timer, until they have closed */
    struct pawl_intake intake;
};

/* --- conn.c -------------------------------------------------------------------------------- */

/* What libuv hands back as a handle's or a request's data. */
struct pawl_conn *pawl_conn_checked(void *data);
/* NULL when there is no memory. The handle is initialised; an error of it is handled here. */
struct pawl_conn *pawl_conn_new(const struct pawl_listener *listener);
/* After uv_accept: begins to read. A refusal other than NONE is told at the first request. */
void pawl_conn_begin(struct pawl_conn *conn,
                     enum pawl_http_refusal refusal,
                     struct pawl_tls_server *tls);
/* The first request may come. */
void pawl_conn_shook_hands(struct pawl_conn *conn);
/* Plain bytes from the peer. A request that is whole by them waits to be handed out. */
void pawl_conn_take_bytes(struct pawl_conn *conn, const char *data, size_t bytes);
/* Hands out the request that is whole, if there is one. */
void pawl_conn_hand_out_whole(struct pawl_conn *conn);
/* The peer sends nothing more. What came whole before is handed out. */
void pawl_conn_peer_ended(struct pawl_conn *conn);
/* Shuts our side and drops what still comes, for a while. */
void pawl_conn_linger(struct pawl_conn *conn);
void pawl_conn_move(struct pawl_conn *conn, enum pawl_conn_state state);
/* To be settled at the end of this turn. */
void pawl_conn_touch(struct pawl_conn *conn);
/* The end of a turn: writes, tells the owner, goes on to the next request, or frees. */
void pawl_conn_settle(struct pawl_conn *conn);
/* Closes the handle now, and tells the owner of an open exchange. */
void pawl_conn_close(struct pawl_conn *conn);
void pawl_conn_expired(struct pawl_conn *conn, enum pawl_conn_wait wait);

/* --- intake.c ------------------------------------------------------------------------------- */

/* Reads what comes, from here on. */
void pawl_intake_start(struct pawl_conn *conn);
/* Understands what was read, and hands out the requests that are whole by it. */
void pawl_intake_run(struct pawl_http_server *server);

/* --- output.c ------------------------------------------------------------------------------- */

/* Of what was written, what the peer has not taken: ours and the kernel's. */
size_t pawl_conn_untaken_bytes(const struct pawl_conn *conn);
/* Writes what is collected, as far as the socket takes it, and leaves the rest to libuv. */
void pawl_conn_flush(struct pawl_conn *conn);
size_t pawl_conn_queued_bytes(const struct pawl_conn *conn);
/* Empties a buffer, and gives its memory back where it is large. */
void pawl_output_keep_small(struct pawl_buf *buf);

/* --- tls_conn.c ----------------------------------------------------------------------------- */

/* False when there is no memory. */
bool pawl_tls_conn_open(struct pawl_conn *conn, struct pawl_tls_server *server);
void pawl_tls_conn_free(struct pawl_conn *conn);
/* Bytes from the socket, before the connection lingers. */
void pawl_tls_take(struct pawl_conn *conn, struct pawl_slice bytes);
/* Makes records in `sealed` of the next piece of the output. False: the connection is broken. */
PAWL_MUST_CHECK bool pawl_tls_seal(struct pawl_conn *conn);
/* Puts the end of what we send (close_notify) into `sealed`, once. */
void pawl_tls_goodbye(struct pawl_conn *conn);

/* --- exchange.c ----------------------------------------------------------------------------- */

void pawl_exchange_open(struct pawl_conn *conn);
/* The answer to a request that was not handed out. The connection ends with it. */
void pawl_exchange_answer_refusal(struct pawl_conn *conn,
                                  int status,
                                  const struct pawl_http_header *headers,
                                  size_t header_count,
                                  struct pawl_slice body);

/* --- refuse.c ------------------------------------------------------------------------------- */

void pawl_conn_refuse(struct pawl_conn *conn, enum pawl_http_refusal refusal);

/* --- server.c ------------------------------------------------------------------------------- */

void pawl_server_wait(struct pawl_http_server *server,
                      struct pawl_conn *conn,
                      enum pawl_conn_wait wait);
/* Unlinks a connection that holds nothing any more, and takes its memory. */
void pawl_server_remove(struct pawl_http_server *server, struct pawl_conn *conn);
void pawl_server_free_when_done(struct pawl_http_server *server);

/* --- listener.c ----------------------------------------------------------------------------- */

void pawl_listeners_close(struct pawl_http_server *server);
/* A connection went: takes in what had to wait for it. */
void pawl_listeners_go_on(struct pawl_http_server *server);
/* Not open yet, with all that `listen` says. NULL when there is no memory. */
struct pawl_listener *pawl_listener_new(struct pawl_http_server *server,
                                        const struct pawl_http_listen *listen,
                                        bool is_unix);
/* Of a handle that was bound. Negative: libuv's. */
int pawl_listener_start(struct pawl_listener *listener);
/* From here on the server closes it. */
void pawl_listener_adopt(struct pawl_listener *listener);
void pawl_listener_close(struct pawl_listener *listener);

/* --- listen_tcp.c and listen_unix.c ---------------------------------------------------------- */

/* NULL as host is every address. */
pawl_err pawl_listen_tcp(struct pawl_http_server *server,
                         const struct pawl_http_listen *listen,
                         const char *host,
                         uint16_t port,
                         uint16_t *ret_port,
                         struct pawl_errmsg *msg);
pawl_err pawl_listen_unix(struct pawl_http_server *server,
                          const struct pawl_http_listen *listen,
                          const char *path,
                          struct pawl_errmsg *msg);

/* --- admit.c -------------------------------------------------------------------------------- */

/* Why a connection that was just accepted is to be refused. */
enum pawl_http_refusal pawl_conn_admit(struct pawl_conn *conn);
/* The process that connected it, where it is a Unix socket; else 0. */
pid_t pawl_conn_peer_pid(const struct pawl_conn *conn);
/* For pawl_http_exchange_peer. */
const char *pawl_conn_peer_text(const struct pawl_conn *conn,
                                char out[static PAWL_HTTP_PEER_BYTES]);

#endif
