/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contact.c: one request a connection, blocking, with a limit in time.
 *
 * The authority must not become a child of whoever starts it. A `pawl run` collects orphans below
 * it, to end them with the run; while it starts the authority it does not, so that this orphan goes
 * to whoever collects for the whole session. Where that is another `pawl run`, the authority ends
 * with it and is started again by the next who asks.
 */
#define _GNU_SOURCE
#include "lending/contact.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/money.h"
#include "lending/authority.h"
#include "lending/wire.h"

enum {
    TRY_MS = 10,
    TRY_MS_MAX = 250,
    FAILURES_MAX = 2,
    READ_BYTES = 16384,
    ENVIRONMENT_MAX = 64,
    WHY_BYTES = 400
};

static int64_t boot_ms(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg) / PAWL_US_PER_MS;
}

static bool path_of(const struct pawl_contact *contact, const char *name, char *out)
{
    int bytes = snprintf(out, PAWL_AUTHORITY_PATH_BYTES, "%s/" PAWL_AUTHORITY_DIR "%s%s",
                         contact->data_dir, name[0] != '\0' ? "/" : "", name);
    return bytes > 0 && bytes < PAWL_AUTHORITY_PATH_BYTES;
}

struct pawl_contact_mark pawl_contact_read_mark(const struct pawl_contact *contact)
{
    char path[PAWL_AUTHORITY_PATH_BYTES];
    struct stat found;
    struct pawl_contact_mark mark = {.there = false};
    if (!path_of(contact, PAWL_AUTHORITY_MARK, path)) {
        return mark;
    }
    if (stat(path, &found) == 0) {
        mark = (struct pawl_contact_mark){.there = true,
                                          .inode = (uint64_t)found.st_ino,
                                          .touched_s = (int64_t)found.st_mtim.tv_sec,
                                          .touched_ns = (int64_t)found.st_mtim.tv_nsec};
    } else {
        /* Whoever may not look does not know that there is none. */
        mark.there = errno != ENOENT && errno != ENOTDIR;
    }
    return mark;
}

bool pawl_contact_has_limits(const struct pawl_contact *contact)
{
    return pawl_contact_read_mark(contact).there;
}

/* --- Starting ------------------------------------------------------------------------------ */

/* What a process that outlives its caller may know of him. */
static void pick_environment(char *out[static ENVIRONMENT_MAX])
{
    static const char *const kept[] = {"PATH=", "HOME=", "LANG=", "TZ=", "TZDIR=", "PAWL_"};
    size_t count = 0;
    for (size_t i = 0; environ[i] != NULL && count < ENVIRONMENT_MAX - 1; i++) {
        for (size_t k = 0; k < PAWL_ARRAY_LEN(kept); k++) {
            if (strncmp(environ[i], kept[k], strlen(kept[k])) == 0) {
                out[count++] = environ[i];
                break;
            }
        }
    }
    out[count] = NULL;
}

static pid_t spawn(const struct pawl_contact *contact, int stderr_fd)
{
    char *environment[ENVIRONMENT_MAX];
    char data_dir[PAWL_AUTHORITY_PATH_BYTES];
    char name[] = "pawl";
    char command[] = "authority";
    char daemon[] = "--daemon";
    char option[] = "--data-dir";
    char *argv[] = {name, command, daemon, option, data_dir, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    pid_t pid = -1;
    if (!pawl_slice_copy_str(pawl_slice_str(contact->data_dir), data_dir, sizeof(data_dir)) ||
        posix_spawn_file_actions_init(&actions) != 0) {
        return -1;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    pick_environment(environment);
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (int fd = 0; fd <= 2; fd++) {
        (void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
    if (stderr_fd > 2) {
        (void)posix_spawn_file_actions_adddup2(&actions, stderr_fd, 2);
    }
    (void)posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environment) != 0) {
        pid = -1;
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* What it said when it could not start, without its name. */
static void read_words(int fd, char out[static WHY_BYTES])
{
    static const char name[] = "pawl authority: ";
    ssize_t bytes = fd >= 0 ? pread(fd, out, WHY_BYTES - 1, 0) : 0;
    out[bytes > 0 ? bytes : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (strncmp(out, name, sizeof(name) - 1) == 0) {
        memmove(out, out + sizeof(name) - 1, strlen(out) - (sizeof(name) - 1) + 1);
    }
}

/* The process that waits for the authority's word. One that takes too long is left behind: it is
 * only this one that is ended, and the authority goes on with its start. */
static pid_t await(pid_t pid, int64_t deadline_ms, int *ret_status)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t left_ms = pawl_max_i64(deadline_ms - boot_ms(), TRY_MS);
    if (fd >= 0 && poll(&polled, 1, (int)left_ms) == 0) {
        (void)kill(pid, SIGKILL);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    pid_t ended = 0;
    do {
        ended = waitpid(pid, ret_status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended;
}

/* Comes back when one listens, or another is on its way. false: this one could not, and why. */
static bool
start(const struct pawl_contact *contact, int64_t deadline_ms, char ret_why[static WHY_BYTES])
{
    int status = 0;
    int collects = 0;
    (void)prctl(PR_GET_CHILD_SUBREAPER, &collects, 0, 0, 0);
    if (collects != 0) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    }
    int stderr_fd = memfd_create("why", MFD_CLOEXEC);
    pid_t pid = spawn(contact, stderr_fd);
    pid_t ended = pid > 0 ? await(pid, deadline_ms, &status) : -1;
    if (collects != 0) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
    /* One that was reaped by somebody else may have done its work. */
    bool started = pid > 0 && (ended < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    if (!started) {
        read_words(stderr_fd, ret_why);
    }
    if (stderr_fd >= 0) {
        (void)close(stderr_fd);
    }
    return started;
}

/* --- One request --------------------------------------------------------------------------- */

/* Where as many wait as may, connecting waits, too; and where what is sent is not read. */
static void set_patience(int fd, int64_t deadline_ms)
{
    int64_t left_ms = pawl_max_i64(deadline_ms - boot_ms(), 1);
    struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
}

static pawl_err connect_to(const struct pawl_contact *contact, int64_t deadline_ms, int *ret_fd)
{
    char dir[PAWL_AUTHORITY_PATH_BYTES];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int dir_fd = path_of(contact, "", dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir_fd < 0) {
        return errno == EACCES ? PAWL_ERR(PERMISSION) : PAWL_ERR(UNREACHABLE);
    }
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/%s", dir_fd,
                   PAWL_AUTHORITY_SOCKET);
    pawl_err err = PAWL_ERR(UNREACHABLE);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        set_patience(fd, deadline_ms);
    }
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0) {
        *ret_fd = fd;
        err = PAWL_OK;
    } else if (fd >= 0) {
        err = errno == EACCES ? PAWL_ERR(PERMISSION) : errno == EAGAIN ? PAWL_ERR(TIMEOUT) : err;
        (void)close(fd);
    }
    (void)close(dir_fd);
    return err;
}

static pawl_err read_all(int fd, int64_t deadline_ms, struct pawl_buf *out)
{
    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - boot_ms();
        if (left_ms <= 0 || poll(&polled, 1, (int)left_ms) == 0) {
            return PAWL_ERR(TIMEOUT);
        }
        char *room = pawl_buf_reserve(out, READ_BYTES);
        if (room == NULL) {
            return PAWL_ERR(LIMIT);
        }
        ssize_t bytes = recv(fd, room, READ_BYTES, 0);
        if (bytes == 0) {
            return PAWL_OK;
        }
        if (bytes > 0) {
            pawl_buf_advance(out, (size_t)bytes);
        } else if (errno != EINTR && errno != EAGAIN) {
            return PAWL_ERR(UNREACHABLE);
        }
    }
}

static pawl_err send_all(int fd, struct pawl_slice bytes)
{
    while (bytes.bytes > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return errno == EAGAIN ? PAWL_ERR(TIMEOUT) : PAWL_ERR(UNREACHABLE);
        }
        bytes = pawl_slice_sub(bytes, sent > 0 ? (size_t)sent : 0, bytes.bytes);
    }
    return PAWL_OK;
}

/* "HTTP/1.1 200 OK" and the body. An answer that broke off is told from a whole one by its
 * length. */
static pawl_err take_answer(struct pawl_slice text, struct pawl_contact_answer *answer)
{
    size_t head = pawl_slice_find(text, PAWL_SLICE("\r\n\r\n"));
    uint64_t status = 0;
    uint64_t length = UINT64_MAX;
    if (head == SIZE_MAX) {
        return PAWL_ERR(UNREACHABLE);
    }
    struct pawl_slice lines = pawl_slice_sub(text, 0, head);
    struct pawl_slice body = pawl_slice_sub(text, head + 4, text.bytes);
    struct pawl_slice line = pawl_slice_cut(&lines, '\n');
    if (!pawl_slice_starts_with(line, PAWL_SLICE("HTTP/1.1 ")) ||
        !pawl_slice_to_u64(pawl_slice_sub(line, 9, 3), &status)) {
        return PAWL_ERR(PROTOCOL);
    }
    while (lines.bytes > 0) {
        struct pawl_slice value = pawl_slice_cut(&lines, '\n');
        struct pawl_slice name = pawl_slice_cut(&value, ':');
        value = pawl_slice_trim(value);
        value = pawl_slice_ends_with(value, PAWL_SLICE("\r"))
                    ? pawl_slice_sub(value, 0, value.bytes - 1)
                    : value;
        if (pawl_slice_equal_nocase(name, PAWL_SLICE("content-length")) &&
            !pawl_slice_to_u64(value, &length)) {
            return PAWL_ERR(PROTOCOL);
        }
    }
    if (body.bytes != length) {
        return PAWL_ERR(UNREACHABLE);
    }
    answer->status = (int)status;
    pawl_buf_append_slice(&answer->body, body);
    return answer->body.overflowed ? PAWL_ERR(MEMORY) : PAWL_OK;
}

static pawl_err send_once(const struct pawl_contact *contact,
                          struct pawl_slice request,
                          int64_t deadline_ms,
                          struct pawl_contact_answer *answer)
{
    int fd = -1;
    pawl_err err = connect_to(contact, deadline_ms, &fd);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_WIRE_BYTES_MAX);
    err = send_all(fd, request);
    if (pawl_ok(err)) {
        err = read_all(fd, deadline_ms, &text);
    }
    if (pawl_ok(err)) {
        err = take_answer(pawl_buf_slice(&text), answer);
    }
    pawl_buf_free(&text);
    (void)close(fd);
    return err;
}

/* Who has the lock, as it says in it; 0: nobody, or it cannot be told. */
static pid_t holder(const struct pawl_contact *contact)
{
    char path[PAWL_AUTHORITY_PATH_BYTES];
    char text[24];
    uint64_t pid = 0;
    int fd = path_of(contact, PAWL_AUTHORITY_LOCK, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return 0;
    }
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t bytes = held ? pread(fd, text, sizeof(text), 0) : 0;
    (void)close(fd);
    struct pawl_slice rest = pawl_slice_of(text, bytes > 0 ? (size_t)bytes : 0);
    return pawl_slice_to_u64(pawl_slice_cut(&rest, '\n'), &pid) && pid <= INT32_MAX ? (pid_t)pid
                                                                                    : 0;
}

void pawl_contact_tell_other(const struct pawl_contact *contact,
                             struct pawl_slice body,
                             struct pawl_errmsg *ret_msg)
{
    struct pawl_errmsg said;
    char how[32] = "ending that process";
    pid_t pid = holder(contact);
    if (pid > 0) {
        (void)snprintf(how, sizeof(how), "'kill -9 %d'", (int)pid);
    }
    pawl_wire_read_message(body, &said);
    bool words = said.text[0] != '\0';
    pawl_errmsg_set(ret_msg,
                    "the authority that holds the limits is of another version of pawl%s%.60s%s; "
                    "%s loses nothing, and who asks next starts one of this",
                    words ? " (" : "", said.text, words ? ")" : "", how);
}

static void tell_failure(const struct pawl_contact *contact,
                         pawl_err err,
                         const char *why_not_started,
                         struct pawl_errmsg *msg)
{
    bool silent = err.code == PAWL_ERR_TIMEOUT || err.code == PAWL_ERR_UNREACHABLE;
    pid_t pid = silent ? holder(contact) : 0;
    if (pid > 0) {
        pawl_errmsg_set(msg,
                        "the authority that holds the limits, process %d, does not answer: it or "
                        "its disk hangs, or its socket is gone. 'kill -9 %d' loses nothing; who "
                        "asks next starts another",
                        (int)pid, (int)pid);
    } else if (err.code == PAWL_ERR_PROTOCOL) {
        pawl_contact_tell_other(contact, PAWL_SLICE_NONE, msg);
    } else if (err.code == PAWL_ERR_PERMISSION) {
        pawl_errmsg_set(msg,
                        "the authority that holds the limits is somebody else's: permission denied "
                        "for %.300s/" PAWL_AUTHORITY_DIR,
                        contact->data_dir);
    } else if (why_not_started[0] != '\0') {
        pawl_errmsg_set(msg, "%s", why_not_started);
    } else {
        pawl_errmsg_set(msg,
                        "the authority that holds the limits does not answer (%s); "
                        "%.300s/" PAWL_AUTHORITY_DIR "/log may say why",
                        pawl_err_name(err), contact->data_dir);
    }
}

pawl_err pawl_contact_send(const struct pawl_contact *contact,
                           const char *method,
                           struct pawl_slice target,
                           struct pawl_slice body,
                           struct pawl_contact_answer *answer,
                           struct pawl_errmsg *msg)
{
    int64_t deadline_ms = boot_ms() + contact->timeout_ms;
    struct pawl_buf request;
    pawl_buf_init(&request, PAWL_WIRE_BYTES_MAX);
    pawl_buf_printf(&request,
                    "%s %.*s HTTP/1.1\r\nHost: pawl\r\nConnection: close\r\nContent-Length: "
                    "%zu\r\n\r\n",
                    method, (int)target.bytes, target.data, body.bytes);
    pawl_buf_append_slice(&request, body);
    pawl_err err = PAWL_ERR(MEMORY);
    bool tried = false;
    int failures = 0;
    int wait_ms = TRY_MS;
    char why[WHY_BYTES] = "";
    while (!request.overflowed && failures < FAILURES_MAX) {
        err = send_once(contact, pawl_buf_slice(&request), deadline_ms, answer);
        if (err.code != PAWL_ERR_UNREACHABLE || (tried && boot_ms() >= deadline_ms)) {
            break;
        }
        failures += start(contact, deadline_ms, why) ? 0 : 1;
        if (tried) { /* another one is starting, or it cannot: that takes a moment to show */
            (void)poll(NULL, 0, wait_ms);
            wait_ms = (int)pawl_min_i64(2 * (int64_t)wait_ms, TRY_MS_MAX);
        }
        tried = true;
    }
    pawl_buf_free(&request);
    if (pawl_failed(err)) {
        tell_failure(contact, err, why, msg);
    }
    return err;
}

void pawl_contact_ask(const struct pawl_contact *contact,
                      const struct pawl_lend_place *place,
                      const struct pawl_lend_request *request,
                      struct pawl_lend_answer *ret_answer)
{
    struct pawl_errmsg msg = {""};
    struct pawl_wire_request wire;
    struct pawl_contact_answer answer = {.status = 0};
    pawl_wire_request_init(&wire);
    pawl_buf_init(&answer.body, PAWL_WIRE_BYTES_MAX);
    pawl_wire_write_ask(place, request, &wire);
    pawl_err err = pawl_contact_send(contact, wire.method, pawl_buf_slice(&wire.target),
                                     pawl_buf_slice(&wire.body), &answer, &msg);
    *ret_answer = (struct pawl_lend_answer){.err = err};
    if (pawl_ok(err) && !pawl_wire_read_answer(pawl_buf_slice(&answer.body), ret_answer)) {
        ret_answer->err = PAWL_ERR(PROTOCOL);
        pawl_contact_tell_other(contact, pawl_buf_slice(&answer.body), &msg);
    }
    if (pawl_failed(ret_answer->err)) {
        (void)pawl_slice_copy_str(pawl_slice_str(msg.text), ret_answer->why,
                                  sizeof(ret_answer->why));
    }
    pawl_buf_free(&answer.body);
    pawl_wire_request_free(&wire);
}
