/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h: what a live run answers on its own socket, runs/<id>/run.sock: GET /v1/x-pawl/run and
 * nothing else. `pawl runs` and `pawl show` ask it (live.h).
 */
#ifndef PAWL_RUN_STATUS_H
#define PAWL_RUN_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "gateway/gateway.h"
#include "run/account.h"
#include "run/rundir.h"

#define PAWL_STATUS_PATH   "/v1/x-pawl/run"
#define PAWL_STATUS_SOCKET "run.sock"

struct uv_loop_s;

struct pawl_status {
    const char *run_id;
    const char *name; /* NULL: none */
    pid_t pid;
    bool ending;
    int64_t started_us;
    int64_t now_us;
    struct pawl_account account;
    struct pawl_gateway_counters counters;
    const struct pawl_gateway_latch *latch; /* NULL: none */
};

void pawl_status_write(const struct pawl_status *status, struct pawl_buf *out);

struct pawl_status_server_options {
    struct uv_loop_s *loop; /* borrowed */
    const struct pawl_rundir *run;
    void (*fill)(void *arg, struct pawl_status *ret_status);
    void *arg;
};

struct pawl_status_server {
    struct pawl_http_server *http;
    struct pawl_status_server_options options;
    int dir_fd;
};

/* `server` must live until it is closed. On failure there is nothing to close. */
PAWL_MUST_CHECK pawl_err pawl_status_server_open(struct pawl_status_server *server,
                                                 const struct pawl_status_server_options *options,
                                                 struct pawl_errmsg *msg);
/* Removes the socket; the rest is freed as the loop goes on. */
void pawl_status_server_close(struct pawl_status_server *server);

/* A path to the socket that is short enough for an address whatever the data directory's is:
 * through the descriptor of the run's directory, which goes to ret_dir_fd. */
enum { PAWL_STATUS_ADDRESS_BYTES = 64 };
PAWL_MUST_CHECK pawl_err pawl_status_address(const char *run_path,
                                             int *ret_dir_fd,
                                             char out[static PAWL_STATUS_ADDRESS_BYTES],
                                             struct pawl_errmsg *msg);

#endif
