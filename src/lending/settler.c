/* SPDX-License-Identifier: Apache-2.0 */
/* settler.c: see settler.h. */
#define _GNU_SOURCE
#include "lending/settler.h"

#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/slice.h"
#include "lending/authority.h"

enum { PAUSE_MS = 10 * 1000 };

void pawl_settler_init(struct pawl_settler *settler, uv_loop_t *loop, const char *data_dir)
{
    *settler = (struct pawl_settler){.loop = loop, .data_dir = data_dir};
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_settler *settler = handle->data;
    settler->running = false;
}

static void on_exit(uv_process_t *process, int64_t status, int number)
{
    (void)status; /* What it could not settle the next one tries again. */
    (void)number;
    uv_close((uv_handle_t *)process, on_closed);
}

void pawl_settler_call(struct pawl_settler *settler)
{
    uint64_t now_ms = uv_now(settler->loop);
    char data_dir[PAWL_AUTHORITY_PATH_BYTES];
    if (settler->running || settler->ending || now_ms < settler->not_before_ms ||
        !pawl_slice_copy_str(pawl_slice_str(settler->data_dir), data_dir, sizeof(data_dir))) {
        return;
    }
    char name[] = "pawl";
    char command[] = "runs";
    char option[] = "--data-dir";
    char *argv[] = {name, command, option, data_dir, NULL};
    uv_stdio_container_t nothing[] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = "/proc/self/exe",
        .args = argv,
        .stdio_count = PAWL_ARRAY_LEN(nothing),
        .stdio = nothing,
    };
    settler->not_before_ms = now_ms + PAUSE_MS;
    settler->running = true;
    int failed = uv_spawn(settler->loop, &settler->process, &options);
    settler->process.data = settler;
    if (failed != 0) {
        pawl_log(PAWL_LOG_WARN, "runs that died are not settled: %s", uv_strerror(failed));
        uv_close((uv_handle_t *)&settler->process, on_closed);
    }
}

void pawl_settler_end(struct pawl_settler *settler)
{
    settler->ending = true;
    if (settler->running && uv_is_closing((uv_handle_t *)&settler->process) == 0) {
        (void)uv_process_kill(&settler->process, SIGTERM);
    }
}
