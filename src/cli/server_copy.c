/* SPDX-License-Identifier: Apache-2.0 */
/* server_copy.c: see server_copy.h. */
#define _GNU_SOURCE
#include "cli/server_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/slice.h"
#include "journal/copy.h"
#include "lending/wire.h"
#include "remote/remote.h"
#include "server/place.h"

enum { COPY_MS = 60 * 1000 };

static pawl_err path_in(const char *dir,
                        const char *name,
                        char out[static PAWL_PATH_BYTES],
                        struct pawl_errmsg *msg)
{
    int bytes = snprintf(out, PAWL_PATH_BYTES, "%s/%s", dir, name);
    if (bytes < 0 || bytes >= PAWL_PATH_BYTES) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", dir);
        return PAWL_ERR(LIMIT);
    }
    return PAWL_OK;
}

/* The name of a copy that the server has made. */
static pawl_err ask(struct pawl_remote *remote,
                    const struct pawl_remote_request *request,
                    char ret_name[static PAWL_COPY_NAME_BYTES],
                    struct pawl_errmsg *msg)
{
    struct pawl_remote_answer answer;
    pawl_remote_answer_init(&answer);
    pawl_err err = pawl_remote_send(remote, request, &answer, msg);
    struct pawl_slice body = pawl_buf_slice(&answer.body);
    if (pawl_ok(err) &&
        (answer.status != 200 || !pawl_wire_read_copy(body, ret_name, PAWL_COPY_NAME_BYTES))) {
        pawl_wire_read_message(body, msg);
        if (msg->text[0] == '\0') {
            pawl_errmsg_set(msg, "the server's answer has no copy in it");
        }
        err = PAWL_ERR(UNREACHABLE);
    }
    pawl_remote_answer_free(&answer);
    return err;
}

static pawl_err ask_server(struct pawl_server_copy *copy, struct pawl_errmsg *msg)
{
    char name[PAWL_COPY_NAME_BYTES];
    char socket[PAWL_PATH_BYTES];
    char address[PAWL_PATH_BYTES + sizeof("unix:")];
    struct pawl_target target;
    struct pawl_remote *remote = NULL;
    struct pawl_remote_options options = {.target = &target, .timeout_ms = COPY_MS};
    struct pawl_remote_request request = {
        .method = "POST", .path = PAWL_SLICE("/v1/x-pawl/journal/copy"), .repeatable = true};
    pawl_err err = path_in(copy->dir, PAWL_PLACE_SOCKET, socket, msg);
    if (pawl_failed(err)) {
        return err;
    }
    (void)snprintf(address, sizeof(address), "unix:%s", socket);
    err = pawl_target_choose(address, "", &target, msg);
    if (pawl_ok(err)) {
        err = pawl_remote_open(&options, &remote, msg);
    }
    if (pawl_ok(err)) {
        err = ask(remote, &request, name, msg);
    }
    pawl_remote_close(remote);
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg, "the server that has %.200s", copy->dir);
        return PAWL_ERR(UNREACHABLE);
    }
    copy->live = true;
    return path_in(copy->dir, name, copy->journal, msg);
}

/* The lock of a server's directory, held; its place may be one that cannot be written, such as a
 * snapshot. *ret_fd is -1 where there is none: then no server can be there, and none was. */
static pawl_err open_lock(const char *path, int *ret_fd, struct pawl_errmsg *msg)
{
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_fd < 0 && (errno == EROFS || errno == EACCES)) {
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (*ret_fd < 0 && errno == ENOENT) {
            return PAWL_OK;
        }
    }
    if (*ret_fd < 0) {
        pawl_errmsg_set(msg, "%.400s: %s", path, strerror(errno));
        return pawl_err_from_errno(errno);
    }
    return PAWL_OK;
}

pawl_err
pawl_server_copy_open(const char *dir, struct pawl_server_copy *ret_copy, struct pawl_errmsg *msg)
{
    char lock[PAWL_PATH_BYTES];
    *ret_copy = (struct pawl_server_copy){.lock_fd = -1};
    if (!pawl_place_is_servers(dir)) {
        if (access(dir, R_OK | X_OK) != 0 && errno == EACCES) {
            pawl_errmsg_set(
                msg, "%.400s: permission denied; run this as the server's user, or as root", dir);
            return PAWL_ERR(PERMISSION);
        }
        pawl_errmsg_set(msg, "there is no server's ledger in %.400s", dir);
        return PAWL_ERR(NOT_FOUND);
    }
    pawl_err err = pawl_place_judge(dir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    (void)pawl_slice_copy_str(pawl_slice_str(dir), ret_copy->dir, sizeof(ret_copy->dir));
    err = path_in(dir, PAWL_PLACE_LOCK, lock, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = open_lock(lock, &ret_copy->lock_fd, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (ret_copy->lock_fd < 0 || flock(ret_copy->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return path_in(dir, PAWL_PLACE_JOURNAL, ret_copy->journal, msg);
    }
    (void)close(ret_copy->lock_fd);
    ret_copy->lock_fd = -1;
    return ask_server(ret_copy, msg);
}

void pawl_server_copy_close(struct pawl_server_copy *copy)
{
    const char *slash = strrchr(copy->journal, '/');
    if (copy->live && slash != NULL) {
        pawl_copy_remove(copy->dir, slash + 1);
    }
    if (copy->lock_fd >= 0) {
        (void)close(copy->lock_fd);
    }
    copy->live = false;
    copy->lock_fd = -1;
}
