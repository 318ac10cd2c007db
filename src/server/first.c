/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first.c: the administrator's key. It is given by the environment or a file, or made at the first
 * start; the ledger keeps its hash (registry.h), so it can be told only once. One that is given and
 * differs from what is stored takes its place: whoever can start the server decides who runs it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "base/log.h"
#include "server/server_priv.h"

/* The protocol's own demonstrations bring keys of 14. */
enum { KEY_BYTES_MIN = 12 };

/* --- One operation --------------------------------------------------------------------------- */

static void on_done(struct pawl_op *op)
{
    struct pawl_serve_wait *wait = op->arg;
    wait->done = true;
}

void pawl_serve_wait_init(struct pawl_serve_wait *wait)
{
    *wait = (struct pawl_serve_wait){.done = false};
    wait->op.done = on_done;
    wait->op.arg = wait;
}

pawl_err pawl_serve_wait(struct pawl_serve *serve,
                         struct pawl_serve_wait *wait,
                         const char *what,
                         struct pawl_errmsg *msg)
{
    pawl_engine_flush(serve->engine);
    PAWL_ASSERT(wait->done);
    if (wait->op.result.code == PAWL_RESULT_OK) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "%s could not be made: %s", what,
                    pawl_result_meaning(wait->op.result.code));
    return PAWL_ERR(INVALID);
}

/* --- The key --------------------------------------------------------------------------------- */

static pawl_err check_key(const char *from, struct pawl_slice key, struct pawl_errmsg *msg)
{
    bool fits = key.bytes >= KEY_BYTES_MIN && key.bytes < PAWL_ADMIN_KEY_BYTES;
    for (size_t i = 0; i < key.bytes; i++) {
        fits = fits && key.data[i] > 0x20 && key.data[i] < 0x7f;
    }
    if (!fits) {
        pawl_errmsg_set(msg,
                        "%.300s: the administrator's key is one word of %d to %d visible "
                        "characters",
                        from, KEY_BYTES_MIN, PAWL_ADMIN_KEY_BYTES - 1);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* Others may not read it: a warning, since who mounts secrets as files does not always choose. */
static void look_at_mode(const char *path)
{
    struct stat found;
    if (stat(path, &found) == 0 && (found.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        pawl_log(PAWL_LOG_WARN,
                 "%s can be read by others; mode 0600 would keep the administrator's "
                 "key",
                 path);
    }
}

pawl_err pawl_serve_read_admin_key(const struct pawl_server_options *options,
                                   char out[static PAWL_ADMIN_KEY_BYTES],
                                   struct pawl_errmsg *msg)
{
    const char *path = pawl_serve_text(options->said, PAWL_SERVE_OPT_ADMIN_KEY_FILE);
    struct pawl_buf text;
    const char *from = path != NULL ? path : "$PAWL_ADMIN_KEY";
    pawl_err err = PAWL_OK;
    out[0] = '\0';
    pawl_buf_init(&text, 4096);
    if (path != NULL) {
        err = pawl_file_read(path, &text, msg);
        if (pawl_failed(err)) {
            pawl_errmsg_wrap(msg, "the administrator's key, %.300s", path);
        } else {
            look_at_mode(path);
        }
    } else if (options->admin_key != NULL) {
        pawl_buf_append_str(&text, options->admin_key);
    }
    struct pawl_slice key = pawl_buf_slice(&text);
    while (key.bytes > 0 && strchr(" \t\r\n", key.data[key.bytes - 1]) != NULL) {
        key.bytes--;
    }
    if (pawl_ok(err) && (path != NULL || options->admin_key != NULL)) {
        err = check_key(from, key, msg);
    }
    if (pawl_ok(err)) {
        bool whole = pawl_slice_copy_str(key, out, PAWL_ADMIN_KEY_BYTES);
        PAWL_ASSERT(whole);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.bytes);
    }
    pawl_buf_free(&text);
    return err;
}

static pawl_err set_key(struct pawl_serve *serve, const char *key, struct pawl_errmsg *msg)
{
    struct pawl_serve_wait wait;
    pawl_serve_wait_init(&wait);
    pawl_registry_admin_set(serve->registry, pawl_slice_str(key), &wait.op);
    return pawl_serve_wait(serve, &wait, "the administrator's key", msg);
}

pawl_err pawl_serve_first_key(struct pawl_serve *serve, struct pawl_errmsg *msg)
{
    char given[PAWL_ADMIN_KEY_BYTES];
    bool was_set = pawl_registry_admin_is_set(serve->registry);
    pawl_err err = pawl_serve_read_admin_key(serve->options, given, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (given[0] != '\0') {
        if (!pawl_registry_admin_check(serve->registry, pawl_slice_str(given))) {
            err = set_key(serve, given, msg);
            if (pawl_ok(err) && was_set) {
                pawl_log(PAWL_LOG_WARN, "the administrator's key that was given replaces the one "
                                        "that was stored, which is good for nothing any more");
            }
        }
    } else if (!was_set) {
        char secret[PAWL_SECRET_BYTES];
        pawl_registry_new_secret(secret); /* "cyc_…" is a tenant's */
        (void)snprintf(serve->admin_key, sizeof(serve->admin_key), "pawl_admin_%s",
                       strrchr(secret, '_') + 1);
        explicit_bzero(secret, sizeof(secret));
        err = set_key(serve, serve->admin_key, msg);
        if (pawl_failed(err)) {
            explicit_bzero(serve->admin_key, sizeof(serve->admin_key));
        }
    }
    explicit_bzero(given, sizeof(given));
    return err;
}
