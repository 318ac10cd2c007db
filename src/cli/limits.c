/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c: the authority is asked about limits across runs, and what it says is put into words: a
 * table, JSON, names for completion. `pawl limit` changes them (cmd_limit.c).
 */
#include "cli/limits.h"

#include <string.h>

#include "base/clock.h"
#include "engine/limit_words.h"
#include "lending/contact.h"
#include "lending/wire.h"
#include "run/caps.h"

enum {
    TIMEOUT_MS = 10000,
    GLANCE_MS = 800, /* for what is only offered, behind a Tab */
    AHEAD_MS = 3600 * 1000
};

/* --- Asking -------------------------------------------------------------------------------- */

/* The answer is none that this pawl knows. */
static int
tell_other(const struct pawl_cli_call *call, const struct pawl_datadir *dir, struct pawl_slice body)
{
    struct pawl_errmsg msg;
    struct pawl_contact contact = {.data_dir = dir->path};
    pawl_contact_tell_other(&contact, body, &msg);
    return pawl_cli_error(call, PAWL_EXIT_UNREACHABLE, "%s", msg.text);
}

/* PAWL_EXIT_OK with the body of the answer, or what to return. */
static int send(const struct pawl_cli_call *call,
                const struct pawl_datadir *dir,
                const char *method,
                struct pawl_slice target,
                struct pawl_slice body,
                struct pawl_buf *ret_body)
{
    struct pawl_errmsg msg = {""};
    struct pawl_contact contact = {.data_dir = dir->path, .timeout_ms = TIMEOUT_MS};
    struct pawl_contact_answer answer = {.status = 0};
    pawl_buf_init(&answer.body, PAWL_WIRE_BYTES_MAX);
    pawl_err err = pawl_contact_send(&contact, method, target, body, &answer, &msg);
    *ret_body = answer.body;
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_UNREACHABLE, "%s", msg.text);
    }
    if (answer.status != 200) {
        pawl_wire_read_message(pawl_buf_slice(&answer.body), &msg);
        if (msg.text[0] == '\0' || answer.status == 405) {
            return tell_other(call, dir, pawl_buf_slice(&answer.body));
        }
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    return PAWL_EXIT_OK;
}

/* --- Words --------------------------------------------------------------------------------- */

const char *
pawl_cli_limit_amount(uint16_t unit, int64_t value, char out[static PAWL_CAP_TEXT_BYTES])
{
    if (value < 0) {
        value = 0; /* more is spent and lent than a lowered limit has: nothing is left */
    }
    return pawl_cap_short(pawl_cap_of_unit(unit), value, out);
}

static const char *phrase(const struct pawl_limit *limit, char *out)
{
    return pawl_cap_phrase(pawl_cap_of_unit(limit->unit), limit->amount, out);
}

const char *pawl_cli_limit_resets(const struct pawl_limit *limit,
                                  char out[static PAWL_LIMIT_WORDS_BYTES])
{
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    struct pawl_clock machine = pawl_clock_os();
    int64_t now_us = machine.real_us(machine.arg);
    if (limit->resets_at_us == 0 || limit->resets_at_us <= now_us) {
        return "at the first use";
    }
    (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "%.40s (in %.40s)",
                   pawl_limit_clock(limit->resets_at_us, now_us, clock),
                   pawl_limit_until(limit->resets_at_us, now_us, until));
    return out;
}

static const char *place(const struct pawl_limit *limit, char out[static PAWL_LIMIT_WORDS_BYTES])
{
    (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "%s%s%s", pawl_limit_place_name(limit->place),
                   limit->path[0] != '\0' ? " " : "", limit->path);
    return out;
}

void pawl_cli_print_limit_json(const struct pawl_limit *limit)
{
    struct pawl_buf line;
    struct pawl_json_writer writer;
    pawl_buf_init(&line, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &line);
    pawl_json_object_begin(&writer);
    pawl_wire_write_limit(&writer, limit);
    pawl_json_object_end(&writer);
    pawl_cli_print_line(&line);
}

static void add_row(struct pawl_cli_table *table, const struct pawl_limit *limit)
{
    char text[PAWL_LIMIT_WORDS_BYTES];
    char plain[PAWL_LIMIT_WORDS_BYTES];
    char money[PAWL_CAP_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "%u", (unsigned)limit->number);
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(table, limit->name);
    pawl_cli_table_cell(table, phrase(limit, money));
    pawl_cli_table_cell(table, pawl_limit_period(limit, text));
    pawl_cli_table_cell(table,
                        pawl_cli_plain(pawl_slice_str(place(limit, text)), plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_limit_amount(limit->unit, limit->spent, money));
    pawl_cli_table_cell(
        table, limit->held > 0 ? pawl_cli_limit_amount(limit->unit, limit->held, money) : "");
    pawl_cli_table_cell(table, pawl_cli_limit_amount(limit->unit, pawl_limit_left(limit), money));
    pawl_cli_table_cell(table, pawl_cli_limit_resets(limit, text));
}

/* --- Listing ------------------------------------------------------------------------------- */

static const struct pawl_cli_column columns[] = {
    {"#", true, 0},    {"NAME", false, 32},  {"LIMIT", true, 0},
    {"PER", false, 0}, {"WHERE", false, 48}, {"SPENT", true, 0},
    {"HELD", true, 0}, {"LEFT", true, 0},    {"RESETS", false, 0},
};
static const char *const lackable[] = {"HELD", "SPENT", NULL};

typedef void take_limit_fn(void *arg, const struct pawl_limit *limit);

/* The limits of an answer, one after the other, and the ledger's time; -1: it does not say. false:
 * it is none. */
static bool each_limit(struct pawl_slice body, take_limit_fn *take, void *arg, int64_t *ret_now_ms)
{
    struct pawl_arena arena;
    struct pawl_json list;
    struct pawl_json_limits limits = {.depth_max = 8, .nodes_max = 1 << 20};
    pawl_arena_init(&arena, PAWL_WIRE_ARENA_BYTES);
    bool good = pawl_json_parse(&arena, body, PAWL_JSON_LEDGER, limits, &list) &&
                pawl_json_get(&list, 0, "limits") != PAWL_JSON_NONE;
    uint32_t node = good ? pawl_json_first(&list, pawl_json_get(&list, 0, "limits")) : 0;
    *ret_now_ms = good ? pawl_json_count_or(&list, pawl_json_get(&list, 0, "now_ms"), -1) : -1;
    for (; good && node != PAWL_JSON_NONE; node = pawl_json_next(&list, node)) {
        struct pawl_limit limit;
        good = pawl_wire_read_limit(&list, node, &arena, &limit);
        if (good) {
            take(arg, &limit);
        }
    }
    pawl_arena_free(&arena);
    return good;
}

static void take_json(void *arg, const struct pawl_limit *limit)
{
    (void)arg;
    pawl_cli_print_limit_json(limit);
}

static void take_row(void *arg, const struct pawl_limit *limit)
{
    add_row(arg, limit);
}

/* Once written, a ledger's time does not go back, and windows end by it. */
static void
warn_of_clock(const struct pawl_cli_call *call, const struct pawl_datadir *dir, int64_t now_ms)
{
    char ahead[PAWL_LIMIT_WORDS_BYTES];
    struct pawl_clock machine = pawl_clock_os();
    int64_t real_ms = machine.real_us(machine.arg) / PAWL_US_PER_MS;
    if (now_ms - real_ms >= AHEAD_MS) {
        fprintf(stderr,
                "pawl %s: the limits' ledger is %s ahead of this machine's clock, which once stood "
                "there: windows end that much too late. To begin anew, without limits: mv "
                "%s/authority %s/authority.old\n",
                call->command->name,
                pawl_limit_until(now_ms * PAWL_US_PER_MS, real_ms * PAWL_US_PER_MS, ahead),
                dir->path, dir->path);
    }
}

static bool print_list(struct pawl_slice body, bool json, int64_t *ret_now_ms)
{
    if (json) {
        return each_limit(body, take_json, NULL, ret_now_ms);
    }
    struct pawl_cli_table *table =
        pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable);
    bool good = each_limit(body, take_row, table, ret_now_ms);
    pawl_cli_table_print(table, stdout);
    return good;
}

struct naming {
    pawl_cli_limit_fn *fn;
    void *arg;
};

static void take_name(void *arg, const struct pawl_limit *limit)
{
    const struct naming *naming = arg;
    char money[PAWL_CAP_TEXT_BYTES];
    char period[PAWL_LIMIT_WORDS_BYTES];
    char about[2 * PAWL_LIMIT_WORDS_BYTES];
    (void)snprintf(about, sizeof(about), "%s per %s", phrase(limit, money),
                   pawl_limit_period(limit, period));
    naming->fn(naming->arg, limit->name, about);
}

void pawl_cli_each_limit(const struct pawl_datadir *dir, pawl_cli_limit_fn *fn, void *arg)
{
    struct pawl_errmsg msg = {""};
    struct naming naming = {.fn = fn, .arg = arg};
    struct pawl_contact contact = {.data_dir = dir->path, .timeout_ms = GLANCE_MS};
    struct pawl_contact_answer answer = {.status = 0};
    pawl_buf_init(&answer.body, PAWL_WIRE_BYTES_MAX);
    if (pawl_ok(pawl_contact_send(&contact, "GET", PAWL_SLICE(PAWL_WIRE_LIMITS), PAWL_SLICE_NONE,
                                  &answer, &msg)) &&
        answer.status == 200) {
        int64_t now_ms = 0;
        (void)each_limit(pawl_buf_slice(&answer.body), take_name, &naming, &now_ms);
    }
    pawl_buf_free(&answer.body);
}

bool pawl_cli_has_limits(const struct pawl_datadir *dir)
{
    struct pawl_contact contact = {.data_dir = dir->path};
    return pawl_contact_has_limits(&contact);
}

int pawl_cli_print_limits(const struct pawl_cli_call *call,
                          const struct pawl_datadir *dir,
                          const char *before,
                          bool json)
{
    struct pawl_buf body;
    int status = send(call, dir, "GET", PAWL_SLICE(PAWL_WIRE_LIMITS), PAWL_SLICE_NONE, &body);
    if (status == PAWL_EXIT_OK) {
        int64_t now_ms = -1;
        fputs(before, stdout);
        if (print_list(pawl_buf_slice(&body), json, &now_ms)) {
            (void)fflush(stdout);
            warn_of_clock(call, dir, now_ms);
        } else {
            status = tell_other(call, dir, pawl_buf_slice(&body));
        }
    }
    pawl_buf_free(&body);
    return status;
}

/* --- Changing ------------------------------------------------------------------------------ */

static bool read_changed(struct pawl_slice body, struct pawl_limit *ret_limit, int64_t *ret_before)
{
    struct pawl_arena arena;
    struct pawl_json json;
    struct pawl_json_limits limits = {.depth_max = 8, .nodes_max = 4096};
    pawl_arena_init(&arena, PAWL_WIRE_ARENA_BYTES);
    bool good = pawl_json_parse(&arena, body, PAWL_JSON_LEDGER, limits, &json) &&
                pawl_wire_read_limit(&json, 0, &arena, ret_limit);
    *ret_before =
        good ? pawl_json_count_or(&json, pawl_json_get(&json, 0, "limit_before"), -1) : -1;
    pawl_arena_free(&arena);
    return good;
}

int pawl_cli_change_limit(const struct pawl_cli_call *call,
                          const struct pawl_datadir *dir,
                          const char *method,
                          struct pawl_slice target,
                          struct pawl_slice body,
                          struct pawl_limit *ret_limit,
                          int64_t *ret_before)
{
    struct pawl_buf answer;
    int status = send(call, dir, method, target, body, &answer);
    if (status == PAWL_EXIT_OK && !read_changed(pawl_buf_slice(&answer), ret_limit, ret_before)) {
        status = tell_other(call, dir, pawl_buf_slice(&answer));
    }
    pawl_buf_free(&answer);
    return status;
}
