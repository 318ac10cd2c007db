/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h: a live run's own socket, runs/<id>/run.sock, as a table of routes. `pawl runs`, `pawl
 * approve`, hooks and the like speak to it (live.h); the table is control_routes.c.
 *
 * A route names the members of its JSON body. The body is read strictly before the handler sees it:
 * an unknown member, one that is there twice, one of another kind, or one that is missing is
 * answered with the error body of docs/CONTRACTS.md, which names it. No body at all counts as {}.
 *
 * Only the run's own user reaches it: the socket has mode 0600 in a directory of mode 0700.
 */
#ifndef PAWL_RUN_CONTROL_H
#define PAWL_RUN_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/money.h"
#include "base/slice.h"
#include "core/result.h"
#include "run/rundir.h"

#define PAWL_CONTROL_SOCKET "run.sock"
#define PAWL_CONTROL_PATH   "/v1/x-pawl/run"
#define PAWL_CONTROL_COPY   "/journal/copy" /* below it */

enum {
    PAWL_CONTROL_FIELDS_MAX = 8,
    PAWL_CONTROL_BODY_MAX = 65536,
    PAWL_CONTROL_ANSWER_MAX = 65536
};

struct uv_loop_s;
struct pawl_http_exchange;
struct pawl_http_server;

enum pawl_control_kind {
    PAWL_CONTROL_TEXT,   /* a string that is not empty, without control characters */
    PAWL_CONTROL_NUMBER, /* an integer, 0 or more */
    PAWL_CONTROL_BOOL,
    PAWL_CONTROL_AMOUNTS /* [{"unit":"TOKENS","amount":5},…]: amounts above 0, units distinct */
};

struct pawl_control_field {
    const char *name;
    enum pawl_control_kind kind;
    bool required;
};

/* A member of the body; which of the values counts, the field's kind says. */
struct pawl_control_value {
    bool given;
    bool truth;
    int64_t number;
    struct pawl_slice text; /* as long as the exchange */
    uint32_t amount_count;
    struct pawl_amount amounts[PAWL_LINES_MAX];
};

/* Answers the exchange, at once or later: once what it says is durable. The values stand in the
 * order of the route's fields, and live as long as the call. */
typedef void pawl_control_handler_fn(void *arg,
                                     struct pawl_http_exchange *exchange,
                                     const struct pawl_control_value *values);

struct pawl_control_route {
    const char *method;
    const char *path; /* whole */
    const struct pawl_control_field *fields;
    size_t field_count;
    pawl_control_handler_fn *handler;
};

/* control_routes.c; the handlers' argument is the run. */
extern const struct pawl_control_route pawl_control_routes[];
extern const size_t pawl_control_route_count;

/* --- Answering ------------------------------------------------------------------------------ */

/* 200 with what was written; 503 when it did not fit. Frees the buffer. */
void pawl_control_reply(struct pawl_http_exchange *exchange, struct pawl_buf *body);
/* The error body, with the status and the code of the ledger's result (docs/RESULTS.md). */
void pawl_control_refuse(struct pawl_http_exchange *exchange,
                         enum pawl_result_code code,
                         const char *format,
                         ...) PAWL_PRINTF(3, 4);

/* Whether it was asked from below the run's own keeper: by its agent, or by what that started. Then
 * it has been answered: what only a person may say does not come from there (docs/decisions/0009).
 * `what` begins the sentence: "more for the run". */
bool pawl_control_is_inside(struct pawl_http_exchange *exchange, pid_t keeper, const char *what);

/* --- The server ----------------------------------------------------------------------------- */

struct pawl_control_options {
    struct uv_loop_s *loop; /* borrowed */
    const struct pawl_rundir *run;
    const struct pawl_control_route *routes; /* borrowed */
    size_t route_count;
    void *arg; /* of the handlers */
};

struct pawl_control {
    struct pawl_http_server *http;
    struct pawl_control_options options;
    int dir_fd;
};

/* `control` must live until it is closed. On failure there is nothing to close. */
PAWL_MUST_CHECK pawl_err pawl_control_open(struct pawl_control *control,
                                           const struct pawl_control_options *options,
                                           struct pawl_errmsg *msg);
/* Removes the socket; the rest is freed as the loop goes on, once every exchange is answered. */
void pawl_control_close(struct pawl_control *control);

/* A path to the socket that is short enough for an address whatever the data directory's is:
 * through the descriptor of the run's directory, which goes to ret_dir_fd. */
enum { PAWL_CONTROL_ADDRESS_BYTES = 64 };
PAWL_MUST_CHECK pawl_err pawl_control_address(const char *run_path,
                                              int *ret_dir_fd,
                                              char out[static PAWL_CONTROL_ADDRESS_BYTES],
                                              struct pawl_errmsg *msg);

#endif
