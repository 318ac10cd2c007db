/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approver.c: see approver.h. The command gets the question as a JSON object on stdin and in its
 * environment, a session of its own, and nothing of the agent's: neither its terminal nor the
 * gateway's address.
 *
 * It must not outlive a pawl that is killed. Beside it, in its own group, a shell waits for a word
 * in a pipe that pawl holds open. Without any it goes, for the command has ended by itself and may
 * have left something behind on purpose; at a word the group has got its TERM, and gets KILL two
 * seconds later; at the pipe's end it gets both.
 */
#define _GNU_SOURCE
#include "run/approver.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/json.h"

static const char leashed[] = "(trap '' TERM; if read -r word <&3; then [ \"$word\" ] || exit; "
                              "else kill -TERM 0; fi; sleep 2; kill -KILL 0) & "
                              "exec 3<&-; exec /bin/sh -c \"$1\"";

enum { LEASH = 3 /* its descriptor */ };

enum { BODY_BYTES_MAX = 8192, ARENA_BYTES_MAX = 1 << 20, HOW_BYTES = 64, COMMAND_BYTES = 128 };

struct pawl_approver_call {
    struct pawl_approver *approver;
    struct pawl_approver_call *next;
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t leash;
    uv_write_t write;
    struct pawl_buf body;
    int open_count; /* handles that are not closed */
    void (*ended)(void *arg, bool told, const char *how);
    void *arg;
};

/* --- What it gets --------------------------------------------------------------------------- */

static void write_body(const struct pawl_approver_question *question, struct pawl_buf *out)
{
    char approve[COMMAND_BYTES];
    char deny[COMMAND_BYTES];
    const char *flag = question->phase != NULL ? " --phase " : "";
    const char *phase = question->phase != NULL ? question->phase : "";
    struct pawl_json_writer writer;
    (void)snprintf(approve, sizeof(approve), "pawl approve %s%s%s", question->run_id, flag, phase);
    (void)snprintf(deny, sizeof(deny), "pawl deny %s%s%s", question->run_id, flag, phase);
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", question->run_id);
    if (question->name != NULL) {
        pawl_json_member_str(&writer, "name", question->name);
    }
    pawl_json_member_str(&writer, "cwd", question->cwd);
    pawl_json_member_str(&writer, "question", question->kind);
    if (question->phase != NULL) {
        pawl_json_member_str(&writer, "phase", question->phase);
    }
    pawl_json_member_string(&writer, "text", question->text);
    pawl_json_member_str(&writer, "approve", approve);
    pawl_json_member_str(&writer, "deny", deny);
    pawl_json_object_end(&writer);
    pawl_buf_append_byte(out, '\n');
}

/* pawl's own environment, without what an outer run may have put there for the same names. */
static char **make_environment(const struct pawl_approver_question *question,
                               struct pawl_arena *arena)
{
    const struct {
        const char *name;
        struct pawl_slice value;
    } added[] = {
        {"PAWL_RUN=", pawl_slice_str(question->run_id)},
        {"PAWL_QUESTION=", question->text},
        {"PAWL_DATA_DIR=", pawl_slice_str(question->data_dir)},
    };
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **list = pawl_arena_alloc(arena, (count + PAWL_ARRAY_LEN(added) + 1) * sizeof(*list));
    size_t at = 0;
    for (size_t i = 0; list != NULL && i < count; i++) {
        bool ours = false;
        for (size_t k = 0; k < PAWL_ARRAY_LEN(added); k++) {
            ours = ours || strncmp(environ[i], added[k].name, strlen(added[k].name)) == 0;
        }
        if (!ours) {
            list[at++] = environ[i];
        }
    }
    for (size_t k = 0; list != NULL && k < PAWL_ARRAY_LEN(added); k++) {
        struct pawl_slice text = pawl_arena_printf(
            arena, "%s%.*s%c", added[k].name, (int)added[k].value.bytes, added[k].value.data, '\0');
        if (pawl_slice_empty(text)) {
            return NULL;
        }
        list[at++] = (char *)(uintptr_t)text.data;
    }
    if (list != NULL) {
        list[at] = NULL;
    }
    return list;
}

/* --- Its life ------------------------------------------------------------------------------- */

static void unlink_call(struct pawl_approver_call *call)
{
    struct pawl_approver_call **at = &call->approver->calls;
    while (*at != NULL && *at != call) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = call->next;
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_approver_call *call = handle->data;
    call->open_count--;
    if (call->open_count == 0) {
        pawl_buf_free(&call->body);
        pawl_free(call);
    }
}

static void close_call(struct pawl_approver_call *call)
{
    if (uv_is_closing((uv_handle_t *)&call->process) == 0) {
        uv_close((uv_handle_t *)&call->process, on_closed);
    }
    if (uv_is_closing((uv_handle_t *)&call->input) == 0) {
        uv_close((uv_handle_t *)&call->input, on_closed);
    }
    if (uv_is_closing((uv_handle_t *)&call->leash) == 0) {
        uv_close((uv_handle_t *)&call->leash, on_closed);
    }
}

/* A line for the shell beside it. */
static void tell_leash(struct pawl_approver_call *call, const char *line)
{
    uv_buf_t word = uv_buf_init((char *)(uintptr_t)line, (unsigned)strlen(line));
    (void)uv_try_write((uv_stream_t *)&call->leash, &word, 1);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal_number)
{
    struct pawl_approver_call *call = process->data;
    char how[HOW_BYTES];
    if (signal_number != 0) {
        (void)snprintf(how, sizeof(how), "ended by signal %d", signal_number);
    } else {
        (void)snprintf(how, sizeof(how), "exit status %d", (int)status);
    }
    unlink_call(call);
    if (call->ended != NULL) {
        tell_leash(call, "\n");
    }
    close_call(call);
    if (call->ended != NULL) {
        call->ended(call->arg, status == 0 && signal_number == 0, how);
    }
}

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* One that does not read its question has it in its environment. */
    struct pawl_approver_call *call = write->data;
    if (uv_is_closing((uv_handle_t *)&call->input) == 0) {
        uv_close((uv_handle_t *)&call->input, on_closed);
    }
}

static void send_body(struct pawl_approver_call *call)
{
    uv_buf_t body = uv_buf_init((char *)call->body.data, (unsigned)call->body.bytes);
    call->write.data = call;
    if (uv_write(&call->write, (uv_stream_t *)&call->input, &body, 1, on_written) != 0) {
        uv_close((uv_handle_t *)&call->input, on_closed);
    }
}

static int spawn(struct pawl_approver_call *call,
                 const struct pawl_approver_question *question,
                 char **environment)
{
    char shell[] = "/bin/sh";
    char flag[] = "-c";
    char *argv[] = {
        shell, flag, (char *)(uintptr_t)leashed, shell, (char *)(uintptr_t)question->command, NULL};
    uv_stdio_container_t stdio[LEASH + 1] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&call->input},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&call->leash},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = shell,
        .args = argv,
        .env = environment,
        .cwd = question->cwd,
        .flags = UV_PROCESS_DETACHED, /* a session of its own, so that TERM reaches all of it */
        .stdio_count = LEASH + 1,
        .stdio = stdio,
    };
    int status = uv_pipe_init(question->loop, &call->input, 0);
    PAWL_ASSERT(status == 0);
    status = uv_pipe_init(question->loop, &call->leash, 0);
    PAWL_ASSERT(status == 0);
    call->input.data = call;
    call->leash.data = call;
    call->process.data = call;
    call->open_count = 3;
    status = uv_spawn(question->loop, &call->process, &options);
    if (status != 0) {
        call->ended = NULL;
        close_call(call); /* A process that could not be started has a handle all the same. */
    }
    return status;
}

pawl_err pawl_approver_ask(struct pawl_approver *approver,
                           const struct pawl_approver_question *question,
                           struct pawl_errmsg *msg)
{
    struct pawl_arena arena;
    struct pawl_approver_call *call = pawl_alloc_zeroed(1, sizeof(*call));
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    char **environment = call != NULL ? make_environment(question, &arena) : NULL;
    pawl_err err = PAWL_OK;
    if (environment == NULL) {
        pawl_errmsg_set(msg, "no memory to start it");
        pawl_free(call);
        pawl_arena_free(&arena);
        return PAWL_ERR(MEMORY);
    }
    pawl_buf_init(&call->body, BODY_BYTES_MAX);
    write_body(question, &call->body);
    call->approver = approver;
    call->ended = question->ended;
    call->arg = question->arg;
    int status = spawn(call, question, environment);
    if (status != 0) {
        pawl_errmsg_set(msg, "it cannot be started: %s", uv_strerror(status));
        err = PAWL_ERR(IO);
    } else {
        call->next = approver->calls;
        approver->calls = call;
        send_body(call);
    }
    pawl_arena_free(&arena);
    return err;
}

void pawl_approver_withdraw(struct pawl_approver *approver, const void *arg)
{
    for (struct pawl_approver_call *call = approver->calls; call != NULL; call = call->next) {
        if (arg != NULL && call->arg != arg) {
            continue;
        }
        if (call->ended != NULL) { /* TERM once: the second may come into its farewell */
            (void)kill(-call->process.pid, SIGTERM); /* the leader of its own group */
            tell_leash(call, "withdrawn\n");
        }
        call->ended = NULL;
    }
}

void pawl_approver_close(struct pawl_approver *approver)
{
    pawl_approver_withdraw(approver, NULL);
    while (approver->calls != NULL) {
        struct pawl_approver_call *call = approver->calls;
        approver->calls = call->next;
        close_call(call);
    }
}
