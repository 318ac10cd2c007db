/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.c: see ask.h. Whoever reads the messages here has a server that said no, or none at all: each
 * says what was asked, of whom, with which key, and what could be done about it.
 */
#define _GNU_SOURCE
#include "cli/ask.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/percent.h"
#include "base/prng.h"
#include "cli/ask_read.h"
#include "cli/ask_values.h"
#include "cli/server_dir.h"
#include "server/place.h"

enum {
    TIMEOUT_MS = 30000,
    TIMEOUT_MS_MAX = 3600 * 1000,
    PATH_BYTES_MAX = 32 << 10,
    BODY_BYTES_MAX = 256 << 10,
    ARENA_BYTES = 256 << 20,
    NODES_MAX = 4000000,
    DEPTH_MAX = PAWL_JSON_DEPTH_MAX, /* metadata may be as deep as a body, and rows lie around it */
    RANDOM_BYTES = 16
};

/* --- Opening --------------------------------------------------------------------------------- */

/* What `pawl serve` takes where nothing is said: "server" in the data directory of runs. */
static pawl_err local_socket(const struct pawl_cli_call *call,
                             char out[static PAWL_PATH_BYTES],
                             struct pawl_errmsg *msg)
{
    return pawl_cli_server_path(pawl_cli_value(call, PAWL_ASK_DATA_DIR), PAWL_PLACE_SOCKET, out,
                                msg);
}

static int choose_target(struct pawl_ask *ask)
{
    char path[PAWL_PATH_BYTES];
    char url[PAWL_PATH_BYTES + sizeof("unix:")];
    struct pawl_errmsg msg = {""};
    const char *server = pawl_cli_value(ask->call, PAWL_ASK_SERVER);
    bool local = pawl_cli_has(ask->call, PAWL_ASK_DATA_DIR);
    if (server != NULL && local) {
        return pawl_cli_usage_error(ask->call, "--server and --data-dir name two servers: say one");
    }
    if (pawl_failed(local_socket(ask->call, path, &msg))) {
        return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    /* What is said here counts more than the environment. */
    (void)snprintf(url, sizeof(url), "unix:%s", path);
    if (pawl_failed(pawl_target_choose(local ? url : server, path, &ask->target, &msg))) {
        return pawl_cli_usage_error(ask->call, "%s", msg.text);
    }
    if (local) {
        ask->target.from = "--data-dir";
        ask->target.door = PAWL_DOOR_OWN;
    }
    return PAWL_CLI_GO_ON;
}

static void make_idempotency_key(char out[static PAWL_ASK_KEY_WORD_BYTES])
{
    unsigned char bytes[RANDOM_BYTES];
    pawl_random_bytes(bytes, sizeof(bytes));
    int used = snprintf(out, PAWL_ASK_KEY_WORD_BYTES, "pawl-");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        used += snprintf(out + used, PAWL_ASK_KEY_WORD_BYTES - (size_t)used, "%02x", bytes[i]);
    }
}

static int take_options(struct pawl_ask *ask, int64_t *ret_timeout_ms)
{
    const struct pawl_cli_call *call = ask->call;
    const char *timeout = pawl_cli_value(call, PAWL_ASK_TIMEOUT);
    const char *word = pawl_cli_value(call, PAWL_ASK_IDEMPOTENCY_KEY);
    *ret_timeout_ms = TIMEOUT_MS;
    for (size_t i = 0; i < call->operand_count; i++) {
        if (call->operands[i][0] == '\0') { /* "$id" of a command that failed */
            return pawl_cli_usage_error(call, "an argument is empty: %s", call->command->operands);
        }
    }
    if (pawl_cli_has(call, PAWL_ASK_KEY)) {
        return pawl_cli_usage_error(
            call, "--key is not taken: any user of this machine could read the key in the list of "
                  "processes. Put it into a file for --key-file, or into $PAWL_KEY "
                  "(the administrator's: $PAWL_ADMIN_KEY)");
    }
    if (timeout != NULL && (!pawl_duration_parse_ms(timeout, ret_timeout_ms) ||
                            *ret_timeout_ms <= 0 || *ret_timeout_ms > TIMEOUT_MS_MAX)) {
        return pawl_cli_usage_error(call, "--timeout takes a time such as 5s or 2m, not '%s'",
                                    timeout);
    }
    if (pawl_cli_has(call, PAWL_ASK_JSON) && pawl_cli_has(call, PAWL_ASK_QUIET)) {
        return pawl_cli_usage_error(call, "--json and --quiet exclude each other");
    }
    if (word == NULL) {
        make_idempotency_key(ask->idempotency);
    } else if (word[0] == '\0' || !pawl_slice_copy_str(pawl_slice_str(word), ask->idempotency,
                                                       sizeof(ask->idempotency))) {
        return pawl_cli_usage_error(call, "--idempotency-key takes a word of 1 to %d bytes",
                                    PAWL_ASK_KEY_WORD_BYTES - 1);
    }
    return PAWL_CLI_GO_ON;
}

const char *pawl_ask_tenant(const struct pawl_cli_call *call, int option)
{
    return call->operand_count > 0 ? call->operands[0] : pawl_cli_value(call, option);
}

int pawl_ask_open(const struct pawl_cli_call *call, struct pawl_ask *ask)
{
    struct pawl_errmsg msg = {""};
    int64_t timeout_ms = 0;
    *ask = (struct pawl_ask){.call = call};
    pawl_arena_init(&ask->arena, ARENA_BYTES);
    pawl_buf_init(&ask->path, PATH_BYTES_MAX);
    pawl_buf_init(&ask->body, BODY_BYTES_MAX);
    pawl_remote_answer_init(&ask->answer);
    int status = take_options(ask, &timeout_ms);
    if (status == PAWL_CLI_GO_ON) {
        status = choose_target(ask);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    struct pawl_remote_options options = {
        .target = &ask->target,
        .ca_file = pawl_cli_value(call, PAWL_ASK_CA_FILE),
        .timeout_ms = (uint32_t)timeout_ms,
    };
    pawl_err err = pawl_keys_open(pawl_cli_value(call, PAWL_ASK_KEY_FILE), &ask->keys, &msg);
    if (pawl_ok(err)) {
        err = pawl_remote_open(&options, &ask->remote, &msg);
    }
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

void pawl_ask_close(struct pawl_ask *ask)
{
    pawl_remote_close(ask->remote);
    pawl_remote_answer_free(&ask->answer);
    pawl_buf_free(&ask->path);
    pawl_buf_free(&ask->body);
    pawl_arena_free(&ask->arena);
    pawl_keys_close(&ask->keys);
}

static const struct pawl_credential *
pick(const struct pawl_ask *ask, enum pawl_plane plane, bool *ret_admin)
{
    return pawl_keys_pick(&ask->keys, plane, ask->target.door, ret_admin);
}

bool pawl_ask_is_admin(const struct pawl_ask *ask, enum pawl_plane plane)
{
    bool admin = false;
    (void)pick(ask, plane, &admin);
    return admin;
}

/* --- A request ------------------------------------------------------------------------------- */

void pawl_ask_path(struct pawl_ask *ask, const char *path)
{
    pawl_buf_reset(&ask->path);
    pawl_buf_append_str(&ask->path, path);
    pawl_buf_reset(&ask->body);
    ask->said_count = 0;
    ask->has_body = false;
    ask->is_keyed = false;
    ask->is_repeatable = false;
    ask->may_miss = false;
    ask->may_be = NULL;
    ask->was = false;
    ask->is_aside = false;
}

void pawl_ask_segment(struct pawl_ask *ask, const char *text)
{
    pawl_buf_append_byte(&ask->path, '/');
    pawl_percent_append(&ask->path, text);
}

void pawl_ask_query(struct pawl_ask *ask, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return;
    }
    bool first = pawl_slice_find_byte(pawl_buf_slice(&ask->path), '?') == SIZE_MAX;
    pawl_buf_append_byte(&ask->path, first ? '?' : '&');
    pawl_buf_append_str(&ask->path, name);
    pawl_buf_append_byte(&ask->path, '=');
    pawl_percent_append(&ask->path, value);
}

struct pawl_json_writer *pawl_ask_body(struct pawl_ask *ask)
{
    if (!ask->has_body) {
        pawl_json_writer_init(&ask->writer, &ask->body);
        pawl_json_object_begin(&ask->writer);
        ask->has_body = true;
    }
    return &ask->writer;
}

void pawl_ask_put_key(struct pawl_ask *ask)
{
    pawl_json_member_str(pawl_ask_body(ask), "idempotency_key", ask->idempotency);
    ask->is_keyed = true;
}

void pawl_ask_put_text(struct pawl_ask *ask, const char *key, const char *text)
{
    if (text != NULL) {
        pawl_json_member_str(pawl_ask_body(ask), key, text);
    }
}

void pawl_ask_put_number(struct pawl_ask *ask, const char *key, int option, int64_t value)
{
    if (value < 0) {
        return;
    }
    pawl_json_member_i64(pawl_ask_body(ask), key, value);
    PAWL_ASSERT(ask->said_count < PAWL_ASK_SAID_MAX);
    ask->said[ask->said_count++] = (struct pawl_ask_said){.key = key, .option = option};
}

/* Whether one of the first `count` options of the call has the same name before its '='. */
static bool
is_named_before(const struct pawl_cli_call *call, size_t count, int option, struct pawl_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (call->given[i].option->id == option) {
            struct pawl_slice other = pawl_slice_str(call->given[i].value);
            if (pawl_slice_equal(pawl_slice_cut(&other, '='), name)) {
                return true;
            }
        }
    }
    return false;
}

int pawl_ask_put_pairs(struct pawl_ask *ask, const char *key, int option)
{
    const struct pawl_cli_call *call = ask->call;
    if (!pawl_cli_has(call, option)) {
        return PAWL_CLI_GO_ON;
    }
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, key);
    pawl_json_object_begin(json);
    int status = PAWL_CLI_GO_ON;
    for (size_t i = 0; i < call->given_count && status == PAWL_CLI_GO_ON; i++) {
        if (call->given[i].option->id != option) {
            continue;
        }
        const char *text = call->given[i].value;
        const char *equals = strchr(text, '=');
        if (equals == NULL || equals == text) {
            status = pawl_cli_usage_error(call, "--%s takes NAME=VALUE, not '%s'",
                                          call->given[i].option->name, text);
        } else if (is_named_before(call, i, option, pawl_slice_of(text, (size_t)(equals - text)))) {
            status = pawl_cli_usage_error(call, "--%s has %.*s twice", call->given[i].option->name,
                                          (int)(equals - text), text);
        } else {
            pawl_json_key_slice(json, pawl_slice_of(text, (size_t)(equals - text)));
            pawl_json_put_str(json, equals + 1);
        }
    }
    pawl_json_object_end(json);
    return status;
}

void pawl_ask_put_list(struct pawl_ask *ask, const char *key, int option)
{
    const struct pawl_cli_call *call = ask->call;
    if (!pawl_cli_has(call, option)) {
        return;
    }
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, key);
    pawl_json_array_begin(json);
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id == option && call->given[i].value[0] != '\0') {
            pawl_json_put_str(json, call->given[i].value);
        }
    }
    pawl_json_array_end(json);
}

/* --- What is told of an answer --------------------------------------------------------------- */

int pawl_ask_tell_odd(const struct pawl_ask *ask)
{
    return pawl_cli_error(ask->call, PAWL_EXIT_UNREACHABLE,
                          "what answers at %s is no server of this kind (HTTP %d)",
                          pawl_target_name(&ask->target), ask->answer.status);
}

int pawl_ask_check_tenant(const struct pawl_ask *ask, enum pawl_plane plane, const char *tenant)
{
    bool admin = false;
    char prefix[PAWL_KEY_PREFIX_BYTES];
    char whose[PAWL_ASK_CELL_BYTES];
    const struct pawl_credential *key = pick(ask, plane, &admin);
    const char *said = ask->answer.tenant;
    if (tenant == NULL || admin || key == NULL || said[0] == '\0' ||
        strcasecmp(said, tenant) == 0) {
        return PAWL_EXIT_OK;
    }
    return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED,
                          "the key %s of %s is of tenant %s, which sees nothing of %s",
                          pawl_key_prefix(key, prefix), key->from,
                          pawl_cli_plain(pawl_slice_str(said), whose, sizeof(whose)), tenant);
}

#define WITHOUT_KEY " (on its own machine --data-dir DIR needs none)"

/* 401: who asked is not known. */
static int tell_unknown_key(const struct pawl_ask *ask,
                            enum pawl_plane plane,
                            const struct pawl_credential *key,
                            const struct pawl_refusal *refusal)
{
    char prefix[PAWL_KEY_PREFIX_BYTES];
    const char *name = pawl_target_name(&ask->target);
    bool admin = plane == PAWL_PLANE_ADMIN;
    if (key != NULL && admin && !key->is_admin) {
        return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED,
                              "%s asks for the administrator's key: --key-file FILE, "
                              "$PAWL_ADMIN_KEY" WITHOUT_KEY "; the key %s of %s is a tenant's",
                              name, pawl_key_prefix(key, prefix), key->from);
    }
    if (key != NULL) {
        return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED,
                              "%s does not take the %s key %s of %s: %s", name,
                              key->is_admin ? "administrator's" : "tenant's",
                              pawl_key_prefix(key, prefix), key->from, refusal->words);
    }
    bool either = plane == PAWL_PLANE_ADMIN_OR_TENANT || plane == PAWL_PLANE_TENANT_OR_ADMIN;
    return pawl_cli_error(
        ask->call, PAWL_EXIT_REFUSED, "%s asks for %s key: --key-file FILE%s%s%s", name,
        admin    ? "the administrator's"
        : either ? "a"
                 : "a tenant's",
        admin ? "" : ", $PAWL_KEY or $CYCLES_API_KEY", either ? " (a tenant's)" : "",
        admin || either ? ", $PAWL_ADMIN_KEY" WITHOUT_KEY : "");
}

/* "1ms to 1d" of "an integer from 1 to 86400000" milliseconds. */
static const char *range_of(const struct pawl_refusal *refusal, char out[static PAWL_REFUSAL_BYTES])
{
    char least[PAWL_CLOCK_TEXT_BYTES];
    char most[PAWL_CLOCK_TEXT_BYTES];
    if (!pawl_slice_ends_with(pawl_slice_str(refusal->field), PAWL_SLICE("_ms")) ||
        refusal->most <= 0) {
        return refusal->must_be;
    }
    (void)snprintf(out, PAWL_REFUSAL_BYTES, "a time from %s to %s",
                   pawl_duration_format_ms(refusal->least, least),
                   pawl_duration_format_ms(refusal->most, most));
    return out;
}

/* Of a number that an option said: as if it had been looked at here. false: it is none. */
static bool tell_option(const struct pawl_ask *ask, const struct pawl_refusal *refusal)
{
    struct pawl_slice path = pawl_slice_str(refusal->field);
    struct pawl_slice key = pawl_slice_cut_last(&path, '.');
    char range[PAWL_REFUSAL_BYTES];
    for (size_t i = 0; i < ask->said_count && refusal->must_be[0] != '\0'; i++) {
        int option = ask->said[i].option;
        if (pawl_slice_equal_str(key, ask->said[i].key)) {
            (void)pawl_cli_error(ask->call, PAWL_EXIT_REFUSED, "--%s takes %s, not '%s' (%s)",
                                 pawl_ask_option_name(ask->call, option), range_of(refusal, range),
                                 pawl_cli_value(ask->call, option), refusal->code);
            return true;
        }
    }
    return false;
}

/* The reason, on a line of its own the numbers, and what to name to whoever runs the server. */
static int tell_refusal(const struct pawl_ask *ask,
                        const struct pawl_credential *key,
                        const struct pawl_refusal *refusal)
{
    int http = ask->answer.status;
    char prefix[PAWL_KEY_PREFIX_BYTES];
    int status = http >= 502 && http <= 504 ? PAWL_EXIT_UNREACHABLE : PAWL_EXIT_REFUSED;
    if (http == 400 && tell_option(ask, refusal)) {
        return status;
    }
    if (http == 403 && key != NULL) {
        (void)pawl_cli_error(ask->call, status, "%s (%s; with the key %s of %s)", refusal->words,
                             refusal->code, pawl_key_prefix(key, prefix), key->from);
    } else {
        (void)pawl_cli_error(ask->call, status, "%s (%s)", refusal->words, refusal->code);
    }
    if (refusal->numbers[0] != '\0') {
        fprintf(stderr, "  %s\n", refusal->numbers);
    }
    if (http == 429 && ask->answer.retry_after_s > 0) {
        fprintf(stderr, "  again in %u s\n", (unsigned)ask->answer.retry_after_s);
    }
    if (http >= 500) {
        fprintf(stderr, "  request %s\n", refusal->request_id);
    }
    return status;
}

static bool read_answer(struct pawl_ask *ask)
{
    struct pawl_json_limits limits = {.depth_max = DEPTH_MAX, .nodes_max = NODES_MAX};
    pawl_arena_reset(&ask->arena);
    return pawl_json_parse(&ask->arena, pawl_buf_slice(&ask->answer.body), PAWL_JSON_FORWARD,
                           limits, &ask->json) &&
           pawl_json_is(&ask->json, 0, PAWL_JSON_OBJECT);
}

/* People read words; a script that asked for objects gets the refusal's too. */
static int tell(struct pawl_ask *ask, enum pawl_plane plane, const struct pawl_credential *key)
{
    struct pawl_refusal refusal;
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_ms = clock.real_us(clock.arg) / PAWL_US_PER_MS;
    if (!pawl_refusal_read(pawl_buf_slice(&ask->answer.body), now_ms, &refusal)) {
        return pawl_ask_tell_odd(ask);
    }
    ask->was = ask->may_be != NULL && strcmp(refusal.code, ask->may_be) == 0;
    if (ask->was) {
        return PAWL_EXIT_REFUSED;
    }
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON) && read_answer(ask)) {
        pawl_ask_print_json(ask, 0);
    }
    return ask->answer.status == 401 ? tell_unknown_key(ask, plane, key, &refusal)
                                     : tell_refusal(ask, key, &refusal);
}

int pawl_ask_send(struct pawl_ask *ask, enum pawl_plane plane, const char *method)
{
    bool admin = false;
    struct pawl_errmsg msg = {""};
    const struct pawl_credential *key = pick(ask, plane, &admin);
    if (ask->has_body) {
        pawl_json_object_end(&ask->writer);
        ask->has_body = false;
    }
    if (ask->path.overflowed || ask->body.overflowed) {
        return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED, "what is asked for is too long");
    }
    struct pawl_remote_request request = {
        .method = method,
        .path = pawl_buf_slice(&ask->path),
        .body = pawl_buf_slice(&ask->body),
        .key = key,
        .idempotency = ask->is_keyed ? pawl_slice_str(ask->idempotency) : PAWL_SLICE_NONE,
        .repeatable = ask->is_keyed || ask->is_repeatable || strcmp(method, "POST") != 0,
    };
    pawl_err err = pawl_remote_send(ask->remote, &request, &ask->answer, &msg);
    if (ask->is_aside &&
        (pawl_failed(err) || ask->answer.status < 200 || ask->answer.status > 299)) {
        return PAWL_EXIT_REFUSED;
    }
    if (pawl_failed(err)) {
        bool ours = err.code == PAWL_ERR_INVALID || err.code == PAWL_ERR_LIMIT ||
                    err.code == PAWL_ERR_MEMORY || err.code == PAWL_ERR_NOT_FOUND;
        return pawl_cli_error(ask->call, ours ? PAWL_EXIT_REFUSED : PAWL_EXIT_UNREACHABLE, "%s",
                              msg.text);
    }
    if (ask->answer.status == 404 && ask->may_miss) {
        return PAWL_EXIT_REFUSED;
    }
    if (ask->answer.status < 200 || ask->answer.status > 299) {
        return tell(ask, plane, key);
    }
    if (read_answer(ask)) {
        return PAWL_EXIT_OK;
    }
    return ask->is_aside ? PAWL_EXIT_REFUSED : pawl_ask_tell_odd(ask);
}

int pawl_ask_send_change(struct pawl_ask *ask, enum pawl_plane plane, const char *hint)
{
    if (!ask->has_body) {
        return pawl_cli_usage_error(ask->call, "say what is to change%s", hint);
    }
    return pawl_ask_send(ask, plane, "PATCH");
}

/* --- A question to the user ------------------------------------------------------------------ */

int pawl_ask_confirm(const struct pawl_ask *ask, const char *format, ...)
{
    char line[16] = "";
    if (pawl_cli_has(ask->call, PAWL_ASK_YES)) {
        return PAWL_CLI_GO_ON;
    }
    if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
        return pawl_cli_usage_error(ask->call, "that cannot be undone: say --yes");
    }
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(" This cannot be undone. Go on? [y/N] ", stderr);
    bool yes = fgets(line, sizeof(line), stdin) != NULL &&
               (strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0);
    return yes ? PAWL_CLI_GO_ON : pawl_cli_error(ask->call, PAWL_EXIT_REFUSED, "nothing was done");
}
