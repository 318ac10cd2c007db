/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_host.h: what the files of gateway_host share. */
#ifndef PAWL_TESTS_HTTP_GATEWAY_HOST_H
#define PAWL_TESTS_HTTP_GATEWAY_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <uv.h>

#include "engine/engine.h"
#include "gateway/gateway.h"
#include "net/due.h"
#include "net/wake.h"

enum { HOST_LINE_BYTES_MAX = 4096 };

struct host {
    uv_loop_t loop;
    uv_check_t check;
    uv_prepare_t prepare;
    struct pawl_wake wake;
    struct pawl_due due;
    uv_pipe_t input;
    struct pawl_engine *engine;
    struct pawl_http_client *client;
    const char *ca_file; /* NULL: the system's */
    bool use_proxy;
    struct pawl_http_server *server;
    struct pawl_price_book *prices;
    struct pawl_gateway *gateway;
    struct pawl_subject subject;
    struct pawl_command open; /* SESSION_OPEN with the caps */
    struct pawl_op op;
    struct pawl_gateway_options options;
    FILE *records;
    uint64_t settled;
    bool inline_commit;
    bool always_thread;
    bool quitting;
    size_t line_bytes;
    char line[HOST_LINE_BYTES_MAX];
};

/* Ends the program, with the reason. */
_Noreturn void host_die(const char *what, const struct pawl_errmsg *msg);
void host_need(bool fine, const char *what);
/* From the third word on. */
void host_read_options(struct host *host, int argc, char **argv);

#endif
