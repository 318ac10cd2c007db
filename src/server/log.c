/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c: see log.h. There is one log for the process, as there is one pawl_log; its descriptor
 * stands still over a reopening (dup2), so threads that write lines need no lock. A line goes out
 * in one write, and what cannot be written at once is lost and counted: a log must not stop the
 * ledger, also where nobody reads the pipe that it goes into.
 *
 * stderr may be shared with a shell, so its own O_NONBLOCK is not ours to set. A pipe or a terminal
 * is opened once more by its name under /proc, which gives a description of our own; a socket (the
 * system journal's) is written with a flag; where neither is possible, poll is asked before each
 * piece that a pipe takes whole.
 */
#define _GNU_SOURCE
#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

enum { REQUESTS_NONE, REQUESTS_ERRORS, REQUESTS_ALL };
enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_JSON };
enum { LINE_BYTES_MAX = 8 << 10, LINES_BYTES_MAX = 1 << 20, FLUSH_BYTES = 64 << 10 };

/* How a write is kept from waiting. */
enum way { WAY_PLAIN, WAY_SOCKET, WAY_ASK };

static struct {
    int fd;
    enum way way;
    bool own; /* the descriptor is ours to close */
    bool json;
    int64_t requests;
    const char *path; /* NULL: stderr */
    struct pawl_buf lines;
} out = {.fd = STDERR_FILENO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* From any thread. */
static _Atomic uint64_t lines_lost;
static _Atomic bool torn; /* the last thing that was written is half a line */

uint64_t pawl_serve_log_lost(void)
{
    return atomic_load_explicit(&lines_lost, memory_order_relaxed);
}

static ssize_t write_some(const char *data, size_t bytes)
{
    struct pollfd ask = {.fd = out.fd, .events = POLLOUT};
    if (out.way == WAY_SOCKET) {
        return send(out.fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (out.way == WAY_PLAIN) {
        return write(out.fd, data, bytes);
    }
    if (poll(&ask, 1, 0) != 1 || (ask.revents & POLLOUT) == 0) {
        return 0;
    }
    return write(out.fd, data, bytes < PIPE_BUF ? bytes : PIPE_BUF);
}

/* What is not taken at once is lost; of a line that was begun, so is its rest. */
static void write_out(const char *data, size_t bytes)
{
    uint64_t lost = 0;
    if (atomic_load(&torn) && write_some("\n", 1) == 1) {
        atomic_store(&torn, false);
    }
    while (bytes > 0) {
        ssize_t written = write_some(data, bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            break;
        }
        data += written;
        bytes -= (size_t)written;
        atomic_store(&torn, data[-1] != '\n');
    }
    for (size_t i = 0; i < bytes; i++) {
        lost += data[i] == '\n';
    }
    atomic_fetch_add_explicit(&lines_lost, lost, memory_order_relaxed);
}

/* "2026-11-29T02:43:44.123456Z" */
static const char *time_text(char text[static PAWL_CLOCK_TEXT_BYTES])
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_us = clock.real_us(clock.arg);
    (void)pawl_clock_format_utc(now_us, text);
    size_t bytes = strlen(text);
    PAWL_ASSERT(bytes > 0 && text[bytes - 1] == 'Z');
    (void)snprintf(text + bytes - 1, PAWL_CLOCK_TEXT_BYTES - bytes + 1, ".%06uZ",
                   (unsigned)(now_us % PAWL_US_PER_SECOND));
    return text;
}

static void begin_object(struct pawl_json_writer *json,
                         struct pawl_buf *line,
                         const char *level,
                         const char *event)
{
    char time[PAWL_CLOCK_TEXT_BYTES];
    pawl_json_writer_init(json, line);
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "time", time_text(time));
    pawl_json_member_str(json, "level", level);
    pawl_json_member_str(json, "event", event);
}

/* --- Its life -------------------------------------------------------------------------------- */

/* From whichever thread calls pawl_log. */
static void on_line(void *arg, enum pawl_log_level level, const char *text)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    struct pawl_buf line;
    struct pawl_json_writer json;
    char plain[LINE_BYTES_MAX];
    (void)arg;
    if (!out.json) {
        int bytes = snprintf(plain, sizeof(plain), "pawl: %s%s\n", words[level], text);
        write_out(plain, bytes < (int)sizeof(plain) ? (size_t)bytes : sizeof(plain) - 1);
        return;
    }
    pawl_buf_init(&line, LINE_BYTES_MAX);
    begin_object(&json, &line, level_names[level], "message");
    pawl_json_member_str(&json, "message", text);
    pawl_json_object_end(&json);
    pawl_buf_append_byte(&line, '\n');
    if (!line.overflowed) {
        write_out(line.data, line.bytes);
    }
    pawl_buf_free(&line);
}

/* A named pipe is opened to read as well: so it can be before anybody reads it, and a reader that
 * goes and comes again ends nothing. What is in it meanwhile waits there, as much as it holds. */
static int open_file(const char *path, struct pawl_errmsg *msg)
{
    struct stat seen;
    int access = stat(path, &seen) == 0 && S_ISFIFO(seen.st_mode) ? O_RDWR : O_WRONLY;
    int fd = open(path, access | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        pawl_errmsg_set(msg, "the log %.300s: %s", path, strerror(errno));
    }
    return fd;
}

/* stderr, in a way that never waits. */
static void take_stderr(void)
{
    struct stat seen;
    out.fd = STDERR_FILENO;
    out.own = false;
    out.way = WAY_PLAIN;
    if (fstat(STDERR_FILENO, &seen) != 0 || S_ISREG(seen.st_mode)) {
        return;
    }
    if (S_ISSOCK(seen.st_mode)) {
        out.way = WAY_SOCKET;
        return;
    }
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        out.fd = fd;
        out.own = true;
    } else {
        out.way = WAY_ASK;
    }
}

pawl_err pawl_serve_log_open(const struct pawl_serve_options *options, struct pawl_errmsg *msg)
{
    out.path = pawl_serve_text(options, PAWL_SERVE_OPT_LOG_FILE);
    if (out.path == NULL) {
        take_stderr();
    } else {
        out.fd = open_file(out.path, msg);
        if (out.fd < 0) {
            return pawl_err_from_errno(errno);
        }
        out.own = true;
        out.way = WAY_PLAIN;
    }
    int64_t format = pawl_serve_number(options, PAWL_SERVE_OPT_LOG_FORMAT);
    out.json = format == FORMAT_JSON || (format == FORMAT_AUTO && isatty(out.fd) != 1);
    out.requests = pawl_serve_number(options, PAWL_SERVE_OPT_LOG_REQUESTS);
    pawl_buf_init(&out.lines, LINES_BYTES_MAX);
    pawl_log_set_writer(on_line, NULL,
                        (enum pawl_log_level)pawl_serve_number(options, PAWL_SERVE_OPT_LOG_LEVEL));
    return PAWL_OK;
}

pawl_err pawl_serve_log_reopen(struct pawl_errmsg *msg)
{
    if (out.path == NULL) {
        return PAWL_OK;
    }
    pawl_serve_log_flush();
    int fd = open_file(out.path, msg);
    if (fd < 0) {
        return pawl_err_from_errno(errno);
    }
    bool moved = dup3(fd, out.fd, O_CLOEXEC) >= 0;
    int error_number = errno;
    (void)close(fd);
    if (!moved) {
        pawl_errmsg_set(msg, "the log %.300s: %s", out.path, strerror(error_number));
    }
    return moved ? PAWL_OK : pawl_err_from_errno(error_number);
}

void pawl_serve_log_close(void)
{
    pawl_serve_log_flush();
    pawl_buf_free(&out.lines);
    pawl_log_set_writer(NULL, NULL, PAWL_LOG_WARN);
    if (out.own) {
        (void)close(out.fd);
    }
    out.fd = STDERR_FILENO;
    out.own = false;
    out.way = WAY_PLAIN;
    out.path = NULL;
}

/* --- Requests -------------------------------------------------------------------------------- */

/* "": it has gone. Returns `text`. */
static const char *peer_of(const struct pawl_cycles_seen *seen,
                           char text[static PAWL_HTTP_PEER_BYTES])
{
    if (seen->exchange != NULL) {
        return pawl_http_exchange_peer(seen->exchange, text);
    }
    (void)snprintf(text, PAWL_HTTP_PEER_BYTES, "%s", seen->peer != NULL ? seen->peer : "");
    return text;
}

static void write_json(struct pawl_buf *line, const struct pawl_cycles_seen *seen)
{
    struct pawl_json_writer json;
    char client[PAWL_HTTP_PEER_BYTES];
    begin_object(&json, line, seen->status >= 500 ? "warn" : "info", "request");
    pawl_json_member_str(&json, "request_id", seen->request_id);
    pawl_json_member_str(&json, "trace_id", seen->trace_id);
    (void)peer_of(seen, client);
    if (client[0] != '\0') {
        pawl_json_member_str(&json, "client", client);
    }
    if (!pawl_slice_empty(seen->tenant)) {
        pawl_json_member_string(&json, "tenant", seen->tenant);
    }
    if (!pawl_slice_empty(seen->key_id)) {
        pawl_json_member_string(&json, "key_id", seen->key_id);
    }
    pawl_json_member_str(&json, "operation", seen->operation);
    pawl_json_member_string(&json, "method", pawl_slice_sub(seen->method, 0, 32));
    pawl_json_member_string(&json, "path", pawl_slice_sub(seen->path, 0, 256));
    pawl_json_member_i64(&json, "status", seen->status);
    if (seen->error != NULL) {
        pawl_json_member_str(&json, "error", seen->error);
    }
    if (seen->refusal != NULL) {
        pawl_json_member_str(&json, "refusal", seen->refusal);
    }
    pawl_json_member_i64(&json, "us", seen->us);
    pawl_json_object_end(&json);
}

/* What comes from outside has its control characters replaced: a line is a line. */
static void append_plain(struct pawl_buf *line, struct pawl_slice text, size_t bytes_max)
{
    text = pawl_slice_sub(text, 0, bytes_max);
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        pawl_buf_append_byte(line, byte <= 0x20 || byte == 0x7f ? '?' : text.data[i]);
    }
}

static void write_text(struct pawl_buf *line, const struct pawl_cycles_seen *seen)
{
    char time[PAWL_CLOCK_TEXT_BYTES];
    char client[PAWL_HTTP_PEER_BYTES];
    pawl_buf_printf(line, "%s %d ", time_text(time), seen->status);
    append_plain(line, pawl_slice_empty(seen->method) ? PAWL_SLICE("-") : seen->method, 32);
    pawl_buf_append_byte(line, ' ');
    append_plain(line, pawl_slice_empty(seen->path) ? PAWL_SLICE("-") : seen->path, 256);
    pawl_buf_printf(line, " %s", seen->error != NULL ? seen->error : "-");
    if (seen->refusal != NULL) {
        pawl_buf_printf(line, "/%s", seen->refusal);
    }
    pawl_buf_printf(line, " %" PRId64 "us ", seen->us);
    append_plain(line, pawl_slice_empty(seen->tenant) ? PAWL_SLICE("-") : seen->tenant, 128);
    pawl_buf_printf(line, " %s %s", peer_of(seen, client)[0] != '\0' ? client : "-",
                    seen->request_id);
}

bool pawl_serve_log_request(const struct pawl_cycles_seen *seen)
{
    bool refused = seen->status >= 400;
    if (out.requests == REQUESTS_NONE || (out.requests == REQUESTS_ERRORS && !refused)) {
        return false;
    }
    if (out.lines.bytes + LINE_BYTES_MAX > LINES_BYTES_MAX || out.lines.bytes >= FLUSH_BYTES) {
        pawl_serve_log_flush();
    }
    if (out.json) {
        write_json(&out.lines, seen);
    } else {
        write_text(&out.lines, seen);
    }
    pawl_buf_append_byte(&out.lines, '\n');
    return true;
}

void pawl_serve_log_flush(void)
{
    if (out.lines.bytes > 0) {
        write_out(out.lines.data, out.lines.bytes);
        pawl_buf_reset(&out.lines);
    }
}
