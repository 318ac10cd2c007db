/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_host.c: a gateway on its own, for black-box suites: loop, server, client, engine on a
 * directory, and the gateway, without agent and terminal around it.
 *
 *   gateway_host DIR [name=value …]
 *
 * prints one JSON object a line on standard output: {"port":…,"secret":…} when it is ready, then
 * one answer for each line that comes on standard input:
 *
 *   state         counters, what is left of each unit, whether it latched
 *   stop WORDS    refuses every model call from now on
 *   unlatch       lifts the latch and resumes the session
 *   raise N       gives so many microcents more
 *   settle MS     answers when nothing is in flight any more
 *   quit          settles (for at most a second), closes, ends
 *
 * and {"latched":…} whenever the gateway latches. With records=FILE every durable operation is
 * written there as a line of JSON, in order. Everything happens on one thread but the commit.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/json.h"
#include "gateway_host.h"
#include "journal/journal.h"

enum { OUT_BYTES_MAX = 1 << 20 };

#define RUN_ID "run_test0000000000"
#define SECRET "test-secret-of-the-gateway-host"

static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_TOOL_CALLS,
                                 PAWL_UNIT_ITERATIONS};

static void print_line(struct pawl_buf *out)
{
    (void)printf("%s\n", pawl_buf_cstr(out));
    (void)fflush(stdout);
    pawl_buf_free(out);
}

/* --- Engine --------------------------------------------------------------------------------- */

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    (void)arg;
    (void)err;
    host_die("the journal", msg);
}

static void on_wake_thread(void *arg)
{
    struct host *host = arg;
    pawl_wake_send(&host->wake);
}

static void on_wake(void *arg)
{
    struct host *host = arg;
    pawl_engine_collect(host->engine);
}

/* The turn that follows sets the timer anew. */
static void on_due(void *arg)
{
    struct host *host = arg;
    pawl_engine_tick(host->engine);
}

static void turn(struct host *host)
{
    struct pawl_engine *engine = host->engine;
    pawl_engine_turn(engine);
    pawl_due_set(&host->due, pawl_engine_next_due_us(engine), pawl_engine_now_us(engine));
}

static void on_check(uv_check_t *handle)
{
    turn(handle->data);
}

static void on_prepare(uv_prepare_t *handle)
{
    turn(handle->data);
}

static bool is_flowing(void *arg)
{
    const struct host *host = arg;
    return host->gateway != NULL && pawl_gateway_flowing(host->gateway);
}

static void put_amounts(struct pawl_json_writer *writer,
                        const char *key,
                        const struct pawl_amount *amounts,
                        uint32_t count)
{
    pawl_json_key(writer, key);
    pawl_json_object_begin(writer);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = pawl_unit_name(amounts[i].unit);
        pawl_json_member_i64(writer, name != NULL ? name : "?", amounts[i].value);
    }
    pawl_json_object_end(writer);
}

static void on_durable(void *arg, const struct pawl_record *record)
{
    struct host *host = arg;
    if (host->records == NULL) {
        return;
    }
    const struct pawl_command *command = &record->command;
    const struct pawl_result *result = &record->result;
    struct pawl_buf out;
    struct pawl_json_writer writer;
    pawl_buf_init(&out, OUT_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_i64(&writer, "op", (int64_t)result->op);
    pawl_json_member_str(&writer, "type", pawl_command_type_name(command->type));
    pawl_json_member_str(&writer, "code", pawl_result_name(result->code));
    pawl_json_member_i64(&writer, "id", (int64_t)result->id);
    if (command->type == PAWL_COMMAND_RESERVE) {
        put_amounts(&writer, "asked", command->u.reserve.lines, command->u.reserve.line_count);
    }
    put_amounts(&writer, "charged", result->charged, result->line_count);
    if (!pawl_slice_empty(command->metadata)) {
        pawl_json_key(&writer, "metadata");
        pawl_json_put_raw(&writer, command->metadata);
    }
    pawl_json_object_end(&writer);
    (void)fprintf(host->records, "%s\n", pawl_buf_cstr(&out));
    (void)fflush(host->records);
    pawl_buf_free(&out);
}

static void open_engine(struct host *host, const char *dir)
{
    struct pawl_errmsg msg = {.text = ""};
    struct pawl_journal *journal = NULL;
    struct pawl_journal_sqlite_options files = {
        .dir = dir, .create = true, .allow_any_filesystem = true};
    pawl_err err = pawl_journal_sqlite_open(&files, &journal, &msg);
    if (err.code == PAWL_ERR_EXISTS) {
        files.create = false;
        err = pawl_journal_sqlite_open(&files, &journal, &msg);
    }
    if (pawl_failed(err)) {
        host_die("journal", &msg);
    }
    struct pawl_engine_options options = {
        .journal = journal,
        .dir = dir,
        .clock = pawl_clock_os(),
        .commit_mode = host->inline_commit ? PAWL_COMMIT_INLINE : PAWL_COMMIT_THREAD,
        .flowing = host->always_thread ? NULL : is_flowing,
        .flowing_arg = host,
        .wake = on_wake_thread,
        .wake_arg = host,
        .durable = on_durable,
        .durable_arg = host,
        .fatal = on_fatal,
        .fatal_arg = host,
    };
    if (pawl_failed(pawl_engine_open(&options, &host->engine, &msg))) {
        host_die("engine", &msg);
    }
}

/* --- Commands on standard input -------------------------------------------------------------- */

static void put_left(struct pawl_json_writer *writer, struct host *host, size_t unit)
{
    struct pawl_authority *authority = pawl_engine_authority(host->engine);
    struct pawl_quote quote;
    (void)authority->ops->quote(authority, &host->subject, PAWL_SLICE_NONE, &units[unit], 1, &quote,
                                NULL);
    pawl_json_key(writer, pawl_unit_name(units[unit]));
    pawl_json_object_begin(writer);
    pawl_json_member_bool(writer, "bound", quote.bound);
    pawl_json_member_i64(writer, "limit", quote.limit);
    pawl_json_member_i64(writer, "spent", quote.spent);
    pawl_json_member_i64(writer, "held", quote.held);
    pawl_json_member_i64(writer, "remaining", quote.remaining);
    pawl_json_object_end(writer);
}

static void print_state(struct host *host)
{
    struct pawl_gateway_counters counters = pawl_gateway_counters(host->gateway);
    struct pawl_buf out;
    struct pawl_json_writer writer;
    pawl_buf_init(&out, OUT_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_i64(&writer, "calls", (int64_t)counters.calls);
    pawl_json_member_i64(&writer, "refusals", (int64_t)counters.refusals);
    pawl_json_member_i64(&writer, "passed", (int64_t)counters.passed);
    pawl_json_member_i64(&writer, "batches", (int64_t)counters.batches);
    pawl_json_member_i64(&writer, "in_flight", (int64_t)counters.in_flight);
    pawl_json_member_i64(&writer, "overshoot", counters.overshoot_microcents);
    pawl_json_member_i64(&writer, "settled", (int64_t)host->settled);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        put_left(&writer, host, i);
    }
    struct pawl_session_view session;
    bool known =
        pawl_core_session(pawl_engine_core(host->engine), host->subject.levels[PAWL_LEVEL_TENANT],
                          host->subject.session, &session);
    pawl_json_member_i64(&writer, "session_state", known ? session.state : 0);
    pawl_json_member_i64(&writer, "open_holds", known ? session.open_holds : 0);
    pawl_json_object_end(&writer);
    print_line(&out);
}

static void on_latched(void *arg, const struct pawl_gateway_latch *latch)
{
    (void)arg;
    struct pawl_buf out;
    struct pawl_json_writer writer;
    pawl_buf_init(&out, OUT_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "latched", latch->message);
    pawl_json_member_i64(&writer, "refusal", latch->refusal);
    pawl_json_member_i64(&writer, "unit", latch->unit);
    pawl_json_object_end(&writer);
    print_line(&out);
}

static void on_settled(void *arg, const struct pawl_gateway_settled *settled)
{
    (void)settled;
    struct host *host = arg;
    host->settled++;
}

static void print_word(const char *word)
{
    struct pawl_buf out;
    pawl_buf_init(&out, HOST_LINE_BYTES_MAX);
    pawl_buf_printf(&out, "{\"%s\":true}", word);
    print_line(&out);
}

static void on_idle(void *arg)
{
    struct host *host = arg;
    print_word("idle");
    if (host->quitting) {
        uv_stop(&host->loop);
    }
}

static void on_command_done(struct pawl_op *op)
{
    struct host *host = op->arg;
    host_need(op->result.code == PAWL_RESULT_OK, "a command on standard input");
    pawl_gateway_unlatch(host->gateway);
    print_word("done");
}

static void submit(struct host *host, const struct pawl_command *command)
{
    host->op = (struct pawl_op){.done = on_command_done, .arg = host};
    pawl_engine_submit(host->engine, command, &host->op);
}

static void resume_session(struct host *host)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_SESSION_SET,
        .u.session_set = {.tenant = host->subject.levels[PAWL_LEVEL_TENANT],
                          .name = host->subject.session,
                          .state = PAWL_SESSION_ACTIVE},
    };
    submit(host, &command);
}

static void raise_cap(struct host *host, int64_t microcents)
{
    struct pawl_authority *authority = pawl_engine_authority(host->engine);
    struct pawl_quote quote;
    (void)authority->ops->quote(authority, &host->subject, PAWL_SLICE_NONE, &units[0], 1, &quote,
                                NULL);
    struct pawl_command command = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .u.budget_fund = {.budget = quote.budget, .kind = PAWL_FUND_CREDIT, .amount = microcents}};
    submit(host, &command);
}

static void on_line(struct host *host, const char *line)
{
    struct pawl_slice rest = pawl_slice_str(line);
    struct pawl_slice word = pawl_slice_cut(&rest, ' ');
    uint64_t number = 0;
    (void)pawl_slice_to_u64(rest, &number);
    if (pawl_slice_equal_str(word, "state")) {
        print_state(host);
    } else if (pawl_slice_equal_str(word, "stop")) {
        pawl_gateway_stop(host->gateway, PAWL_REFUSAL_STOPPED, rest.data);
        print_word("stopped");
    } else if (pawl_slice_equal_str(word, "unlatch")) {
        resume_session(host);
    } else if (pawl_slice_equal_str(word, "raise")) {
        raise_cap(host, (int64_t)number);
    } else if (pawl_slice_equal_str(word, "settle")) {
        pawl_gateway_settle_all(host->gateway, (uint32_t)number, on_idle, host);
    } else if (pawl_slice_equal_str(word, "quit")) {
        host->quitting = true;
        pawl_gateway_settle_all(host->gateway, 1000, on_idle, host);
    } else {
        host_die("a word that is not known", NULL);
    }
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct host *host = handle->data;
    (void)wanted;
    *buf = uv_buf_init(host->line + host->line_bytes,
                       (unsigned)(sizeof(host->line) - host->line_bytes - 1));
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct host *host = stream->data;
    (void)buf;
    if (count < 0) {
        uv_stop(&host->loop); /* whoever started it has gone */
        return;
    }
    host->line_bytes += (size_t)count;
    for (;;) {
        char *end = memchr(host->line, '\n', host->line_bytes);
        if (end == NULL) {
            return;
        }
        *end = '\0';
        on_line(host, host->line);
        size_t used = (size_t)(end - host->line) + 1;
        memmove(host->line, end + 1, host->line_bytes - used);
        host->line_bytes -= used;
    }
}

/* --- Start ---------------------------------------------------------------------------------- */

static void on_opened(struct pawl_op *op)
{
    struct host *host = op->arg;
    struct pawl_errmsg msg = {.text = ""};
    host_need(op->result.code == PAWL_RESULT_OK || op->result.code == PAWL_RESULT_ALREADY_EXISTS,
              "session");
    struct pawl_http_server_options options = {
        .loop = &host->loop,
        .limits = PAWL_HTTP_LIMITS_DEFAULT,
        .same_user_only = true,
        .handler = pawl_gateway_handle,
        .arg = host->gateway,
    };
    host_need(pawl_ok(pawl_http_server_new(&options, &host->server)), "server");
    uint16_t port = 0;
    if (pawl_failed(pawl_http_server_listen_tcp(host->server, "127.0.0.1", 0, &port, &msg))) {
        host_die("listen", &msg);
    }
    (void)printf("{\"port\":%u,\"secret\":\"" SECRET "\",\"pid\":%d}\n", port, (int)getpid());
    (void)fflush(stdout);
}

static void init_loop(struct host *host)
{
    int failures = uv_loop_init(&host->loop) != 0;
    failures += uv_check_init(&host->loop, &host->check) != 0;
    failures += uv_prepare_init(&host->loop, &host->prepare) != 0;
    failures += pawl_failed(pawl_wake_init(&host->wake, &host->loop, on_wake, host));
    failures += uv_pipe_init(&host->loop, &host->input, 0) != 0;
    failures += uv_pipe_open(&host->input, STDIN_FILENO) != 0;
    host_need(failures == 0, "loop");
    pawl_due_init(&host->due, &host->loop, on_due, host);
    host->check.data = host;
    host->prepare.data = host;
    host->input.data = host;
    (void)uv_check_start(&host->check, on_check);
    (void)uv_prepare_start(&host->prepare, on_prepare);
    (void)uv_read_start((uv_stream_t *)&host->input, on_alloc, on_input);
}

static void start(struct host *host)
{
    struct pawl_http_client_options options = {
        .loop = &host->loop, .ca_file = host->ca_file, .use_proxy_environment = host->use_proxy};
    host_need(pawl_ok(pawl_http_client_new(&options, &host->client)), "client");
    host->subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    host->subject.session = PAWL_SLICE(RUN_ID);
    host->options.loop = &host->loop;
    host->options.client = host->client;
    host->options.authority = pawl_engine_authority(host->engine);
    host->options.prices = host->prices;
    host->options.secret = SECRET;
    host->options.subject = &host->subject;
    host->options.run_id = RUN_ID;
    host->options.on_latched = on_latched;
    host->options.on_settled = on_settled;
    host->options.arg = host;
    host_need(pawl_ok(pawl_gateway_new(&host->options, &host->gateway)), "gateway");
    host->open.type = PAWL_COMMAND_SESSION_OPEN;
    host->open.u.session_open.tenant = PAWL_SLICE("local");
    host->open.u.session_open.name = PAWL_SLICE(RUN_ID);
    host->op = (struct pawl_op){.done = on_opened, .arg = host};
    pawl_engine_submit(host->engine, &host->open, &host->op);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void finish(struct host *host)
{
    if (host->server != NULL) {
        pawl_http_server_close(host->server);
    }
    pawl_http_client_close(host->client);
    /* Their close callbacks, then the handles of this file. */
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
    pawl_gateway_free(host->gateway);
    pawl_engine_close(host->engine);
    pawl_price_book_free(host->prices);
    uv_walk(&host->loop, close_handle, NULL);
    (void)uv_run(&host->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&host->loop);
    pawl_wake_free(&host->wake);
    if (host->records != NULL) {
        (void)fclose(host->records);
    }
}

int main(int argc, char **argv)
{
    static struct host host;
    struct pawl_errmsg msg = {.text = ""};
    host_need(argc >= 2, "usage: gateway_host DIR [name=value …]");
    host.options.hard_cap = true;
    if (pawl_failed(pawl_price_book_load_embedded(&host.prices, &msg))) {
        host_die("prices", &msg);
    }
    host_read_options(&host, argc, argv);
    init_loop(&host);
    open_engine(&host, argv[1]);
    start(&host);
    (void)uv_run(&host.loop, UV_RUN_DEFAULT);
    if (!host.quitting) {
        _exit(0); /* killed by its parent's end: as abrupt as that */
    }
    finish(&host);
    return 0;
}
