/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_priv.h: what the client's files share: client.c (calls and their turns), client_socket.c
 * (libcurl's sockets on the loop), call.c (one call: its callbacks and its end), call_options.c
 * (what goes into it), call_head.c (the answer's head).
 *
 *   K1  libcurl forbids most calls from inside its callbacks. `in_curl` is set around every
 *       entry into it that may run them; what is asked for meanwhile (start, resume, abort,
 *       close) is put on a list and done at the end of the turn.
 *   K2  after abort the owner hears nothing more, whatever libcurl still delivers.
 *   K3  a model call that went out twice may cost twice. So a request of which any byte was sent
 *       is sent again only where it is all but certain that nobody took it up: the connection was
 *       used before, it ended without a line of answer, and it did so within `resend_ms` of the
 *       sending, as happens when a server closes an idle connection while a request is on its way
 *       to it. Once only, and on a new connection, where the next failure is final. libcurl repeats
 *       nothing but what a used connection swallowed; on_before_request() adds the rest. Methods
 *       that are safe to repeat know no such limits.
 *   K4  an established connection keeps its poll handle, active, to its close: connections are
 *       reused, and every change of what is watched costs two system calls.
 */
#ifndef PAWL_NET_CLIENT_PRIV_H
#define PAWL_NET_CLIENT_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/client.h"
#include "net/curl.h"
#include "net/loop.h"

enum {
    PAWL_CLIENT_MAGIC = 0x636c6e74,
    PAWL_CALL_MAGIC = 0x63616c6c,
    PAWL_SOCKET_MAGIC = 0x736f636b
};

enum {
    PAWL_CALL_HEAD_BYTES_MAX = 256 * 1024, /* of an answer */
    PAWL_CALL_ARENA_BYTES_MAX = 4 * 1024 * 1024,
    PAWL_CLIENT_IDLE_CALLS_MAX = 256, /* kept for reuse */
    PAWL_CLIENT_CONNECTIONS_DEFAULT = 256,
    PAWL_CLIENT_CONNECT_TIMEOUT_MS = 30000,
    PAWL_CLIENT_CONNECTION_IDLE_S = 90, /* an older idle connection is not used again */
    PAWL_CLIENT_RESEND_MS = 2000 /* a server that closes an idle connection is heard by then */
};

enum pawl_call_state {
    PAWL_CALL_STARTING, /* on the list of starts; libcurl has not got it */
    PAWL_CALL_RUNNING,
    PAWL_CALL_ABORTED, /* the owner has let go; still to be taken from libcurl */
    PAWL_CALL_FREE     /* in the pool */
};

struct pawl_http_call {
    uint32_t magic;
    enum pawl_call_state state;
    struct pawl_http_client *client;
    struct pawl_http_call *next; /* in the list of its state: starts, running, free */
    struct pawl_http_call *prev;
    struct pawl_http_call *work_next;
    bool in_work; /* to be looked at in the turn: resumed or aborted */
    CURL *easy;
    struct pawl_client_socket *sock; /* the last one libcurl wanted watched for it, or NULL */
    uv_timer_t idle_timer;
    struct pawl_http_call_events events;
    struct pawl_arena arena; /* header lines, and the answer's header array */
    struct curl_slist *lines_first;
    struct curl_slist *lines_last;
    struct pawl_buf head; /* the answer's, raw */
    int status;
    uint32_t header_count;
    uint32_t idle_timeout_ms;
    int64_t idle_seen_bytes;
    int64_t connected_at_bytes; /* sent before the request (to a proxy); -1: not connected */
    uint64_t sent_at_ms;        /* loop's time when the request first went out */
    bool repeatable;            /* K3 */
    bool resent;                /* K3: it was sent a second time */
    bool paused;                /* the owner said so */
    bool held_back;             /* libcurl was told */
    bool resume_wanted;
    bool head_done;
    bool sent_twice; /* K3 forbade another time and ended it */
    bool timed_out;
    bool start_failed;
    bool head_bad;
    const char *head_why;
    char error_text[CURL_ERROR_SIZE];
};

/* One socket of libcurl's. */
struct pawl_client_socket {
    uint32_t magic;
    curl_socket_t fd;
    struct pawl_http_call *call; /* the last one it was wanted for, or NULL */
    bool established;            /* an answer came over it: libcurl tells us of its close */
    int wanted;                  /* what libcurl waits for, in libuv's bits */
    int watched;                 /* what libuv is asked for; may be more, see client_socket.c */
    bool unsettled;
    struct pawl_client_socket *unsettled_next;
    struct pawl_http_client *client;
    uv_poll_t poll;
};

struct pawl_http_client {
    uint32_t magic;
    struct uv_loop_s *loop;
    CURLM *multi; /* NULL before the first call: libcurl may not be there yet */
    CURLSH *share;
    struct pawl_turn *turn;
    uv_timer_t timer;
    char *ca_file; /* owned; NULL: none, as the next */
    char *unix_socket;
    bool use_proxy_environment;
    bool prepared;   /* the host asked for libcurl ahead of the first call */
    bool has_loader; /* a thread that loads it, still to be joined */
    pthread_t loader;
    uint32_t connection_count_max;
    uint32_t resend_ms; /* K3 */
    bool timeout_now;   /* libcurl wants to be called without delay */
    bool closing;
    unsigned in_curl;
    struct pawl_http_call *starting; /* newest first */
    struct pawl_http_call *running;
    struct pawl_http_call *pool;
    struct pawl_http_call *work;
    struct pawl_client_socket **sockets; /* by file descriptor */
    size_t socket_slot_count;
    struct pawl_client_socket *unsettled;
    size_t pool_count;
    size_t handle_count; /* libuv handles that have not closed */
};

/* --- call.c --------------------------------------------------------------------------------- */

/* A call of its own with everything set that never changes. NULL without memory. */
struct pawl_http_call *pawl_call_new(struct pawl_http_client *client);
/* Forgets everything of one call; handle and buffers stay for the next. */
void pawl_call_reset(struct pawl_http_call *call);
void pawl_call_arm_idle(struct pawl_http_call *call);
/* Tells the owner the end; `code` is libcurl's. */
void pawl_call_finish(struct pawl_http_call *call, CURLcode code);

/* --- call_options.c ------------------------------------------------------------------------- */

/* A series of settings on one handle, of which the first failure is kept. */
struct pawl_curl_settings {
    CURL *easy;
    CURLcode first_error;
};

void pawl_curl_set_long(struct pawl_curl_settings *set, CURLoption option, long value);
void pawl_curl_set_pointer(struct pawl_curl_settings *set, CURLoption option, const void *value);

/* Empty where it is no http or https URL. */
struct pawl_slice pawl_call_host_of(struct pawl_slice url);
/* Fills a call in. On an error it is as it was. */
PAWL_MUST_CHECK pawl_err pawl_call_prepare(struct pawl_http_call *call,
                                           const struct pawl_http_call_options *options,
                                           struct pawl_errmsg *msg);

/* --- call_head.c ---------------------------------------------------------------------------- */

/* One line as libcurl gives it. false: the transfer must end, head_why says why. */
PAWL_MUST_CHECK bool pawl_call_head_line(struct pawl_http_call *call, struct pawl_slice line);

/* --- client.c ------------------------------------------------------------------------------- */

struct pawl_http_client *pawl_client_checked(void *data);
struct pawl_http_call *pawl_call_checked(void *data);
/* To be looked at in the turn. */
void pawl_client_touch(struct pawl_http_call *call);
/* Lets libcurl handle what happened to a socket, or the time, and tells ended calls. */
void pawl_client_socket_action(struct pawl_http_client *client, curl_socket_t fd, int events);
/* A libuv handle of the client's has closed. */
void pawl_client_handle_closed(struct pawl_http_client *client);

/* --- client_socket.c ------------------------------------------------------------------------ */

curl_socket_t
pawl_client_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int pawl_client_close_socket(void *arg, curl_socket_t fd);
/* After libcurl was entered: watches what it wants now. */
void pawl_client_settle_sockets(struct pawl_http_client *client);
/* libcurl has ended: what it left behind goes. */
void pawl_client_drop_sockets(struct pawl_http_client *client);
/* The call's answer has begun, so the connection under it stands. */
void pawl_client_socket_established(struct pawl_http_call *call);
/* The call is no longer libcurl's. */
void pawl_client_socket_leave(struct pawl_http_call *call);
/* libcurl's wish to wait for a socket (CURLMOPT_SOCKETFUNCTION). */
int pawl_client_watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused);

#endif
