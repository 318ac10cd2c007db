/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance.c: see glance.h. A run that has ended has removed its socket, so the directories without
 * one are passed over with one look each. What comes from a socket is read as leniently as what an
 * older or a newer pawl may have written, and never trusted with a length.
 */
#include "run/glance.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "engine/limit_words.h"
#include "run/caps.h"
#include "run/control.h"
#include "run/live.h"
#include "run/outage.h"

enum { ARENA_BYTES_MAX = 1 << 20, NODES_MAX = 16384 };

/* --- Reading -------------------------------------------------------------------------------- */

struct reader {
    struct pawl_json json;
    struct pawl_arena arena;
};

static void
take_text(struct reader *reader, uint32_t node, const char *key, char *out, size_t out_bytes)
{
    struct pawl_slice text =
        pawl_json_string(&reader->json, pawl_json_get(&reader->json, node, key), &reader->arena);
    (void)pawl_slice_copy_str(text, out, out_bytes);
}

static int64_t
take_number(const struct reader *reader, uint32_t node, const char *key, int64_t fallback)
{
    return pawl_json_count_or(&reader->json, pawl_json_get(&reader->json, node, key), fallback);
}

static void read_call(struct reader *reader, uint32_t node, struct pawl_recent_call *call)
{
    call->id = (uint64_t)take_number(reader, node, "call", 0);
    call->at_us = take_number(reader, node, "at_ms", 0) * PAWL_US_PER_MS;
    call->microcents = take_number(reader, node, "microcents", 0);
    call->tokens = take_number(reader, node, "tokens", 0);
    call->duration_us = take_number(reader, node, "duration_us", 0);
    call->tool_calls = (uint32_t)take_number(reader, node, "tool_calls", 0);
    take_text(reader, node, "model", call->model, sizeof(call->model));
    take_text(reader, node, "who", call->who, sizeof(call->who));
}

static void read_caps(struct reader *reader, struct pawl_glance *glance)
{
    const struct pawl_json *json = &reader->json;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        glance->caps[i].left_ms = -1;
    }
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "caps"));
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        char unit[PAWL_GLANCE_TEXT_BYTES] = "";
        take_text(reader, node, "unit", unit, sizeof(unit));
        enum pawl_run_cap_index index = pawl_cap_of_unit(pawl_unit_from_name(pawl_slice_str(unit)));
        if (index != PAWL_CAP_COUNT) {
            glance->caps[index] = (struct pawl_glance_cap){
                .limit = take_number(reader, node, "limit", 0),
                .spent = take_number(reader, node, "spent", 0),
                .held = take_number(reader, node, "held", 0),
                .per_minute = take_number(reader, node, "per_minute", 0),
                .left_ms = take_number(reader, node, "left_ms", -1),
            };
        }
    }
}

static void read_latch(struct reader *reader, struct pawl_glance *glance)
{
    uint32_t node = pawl_json_get(&reader->json, 0, "latched");
    char unit[PAWL_GLANCE_TEXT_BYTES] = "";
    glance->latched = pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT);
    take_text(reader, node, "reason", glance->stopped_by, sizeof(glance->stopped_by));
    take_text(reader, node, "message", glance->message, sizeof(glance->message));
    take_text(reader, node, "unit", unit, sizeof(unit));
    glance->unit = pawl_unit_from_name(pawl_slice_str(unit));
}

static void read_wait(struct reader *reader, struct pawl_glance *glance)
{
    uint32_t node = pawl_json_get(&reader->json, 0, "waiting");
    glance->waits = pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT);
    glance->waits_until_ms = take_number(reader, node, "until_ms", 0);
    if (pawl_glance_state(glance) != PAWL_GLANCE_WAITS) {
        return;
    }
    char what[PAWL_GLANCE_TEXT_BYTES] = "";
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    int64_t at_us =
        pawl_min_i64(glance->waits_until_ms, INT64_MAX / PAWL_US_PER_MS) * PAWL_US_PER_MS;
    int64_t now_us = glance->now_ms * PAWL_US_PER_MS;
    take_text(reader, node, "what", what, sizeof(what));
    (void)snprintf(glance->message, sizeof(glance->message),
                   "%s. It waits until %s (in %s) and goes on by itself then", what,
                   pawl_limit_clock(at_us, now_us, clock), pawl_limit_until(at_us, now_us, until));
}

static void read_outage(struct reader *reader, struct pawl_glance *glance)
{
    uint32_t node = pawl_json_get(&reader->json, 0, "unreachable");
    glance->unreached = pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT);
    if (!glance->unreached || glance->latched || glance->asks || glance->waits) {
        return;
    }
    char why[PAWL_OUTAGE_WHY_BYTES] = "";
    char lasts[PAWL_CLOCK_TEXT_BYTES];
    int64_t calls = take_number(reader, node, "calls", 0);
    int64_t lasts_ms = glance->now_ms - take_number(reader, node, "since_ms", glance->now_ms);
    take_text(reader, node, "why", why, sizeof(why));
    (void)snprintf(glance->message, sizeof(glance->message),
                   "no answer from the provider for %s, %" PRId64 " call%s: %s",
                   pawl_duration_format_about(lasts_ms > 0 ? lasts_ms : 0, lasts), calls,
                   calls == 1 ? "" : "s", why);
}

static void read_calls(struct reader *reader, struct pawl_glance *glance)
{
    const struct pawl_json *json = &reader->json;
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "last"));
    for (; node != PAWL_JSON_NONE && glance->last_count < PAWL_RECENT_CALLS;
         node = pawl_json_next(json, node)) {
        read_call(reader, node, &glance->last[glance->last_count++]);
    }
    read_call(reader, pawl_json_get(json, 0, "dearest"), &glance->dearest);
    if (glance->last_count > 0) {
        (void)pawl_slice_copy_str(pawl_slice_str(glance->last[0].model), glance->model,
                                  sizeof(glance->model));
    }
}

static void read_all(struct reader *reader, struct pawl_glance *glance)
{
    const struct pawl_json *json = &reader->json;
    take_text(reader, 0, "run", glance->id, sizeof(glance->id));
    take_text(reader, 0, "name", glance->name, sizeof(glance->name));
    take_text(reader, 0, "command", glance->command, sizeof(glance->command));
    take_text(reader, 0, "cwd", glance->cwd, sizeof(glance->cwd));
    take_text(reader, 0, "repo", glance->repo, sizeof(glance->repo));
    take_text(reader, 0, "policy", glance->policy, sizeof(glance->policy));
    take_text(reader, 0, "model", glance->model, sizeof(glance->model));
    take_text(reader, 0, "phase", glance->phase, sizeof(glance->phase));
    glance->attended = pawl_json_bool_or(json, pawl_json_get(json, 0, "attended"), false);
    glance->asks = pawl_json_is(json, pawl_json_get(json, 0, "asking"), PAWL_JSON_ARRAY);
    uint32_t about = pawl_json_get(json, 0, "question");
    glance->question = "asks for more";
    if (pawl_json_string_is(json, about, "model")) {
        glance->question = "asks to switch";
    } else if (pawl_json_string_is(json, about, "resume")) {
        glance->question = "asks to go on";
    } else if (pawl_json_string_is(json, about, "phase")) {
        glance->question = "a phase asks for more";
    }
    glance->ending = pawl_json_string_is(json, pawl_json_get(json, 0, "state"), "ending");
    glance->pid = take_number(reader, 0, "pid", 0);
    glance->started_ms = take_number(reader, 0, "started_ms", 0);
    glance->now_ms = take_number(reader, 0, "now_ms", 0);
    glance->calls = take_number(reader, 0, "calls", 0);
    glance->refusals = take_number(reader, 0, "refusals", 0);
    glance->in_flight = take_number(reader, 0, "in_flight", 0);
    glance->pace_ms = take_number(reader, 0, "pace_ms", 0);
    read_caps(reader, glance);
    read_latch(reader, glance);
    if (glance->asks) {
        take_text(reader, 0, "question_text", glance->message, sizeof(glance->message));
    }
    read_wait(reader, glance);
    read_outage(reader, glance);
    read_calls(reader, glance);
}

bool pawl_glance_read(struct pawl_slice json, struct pawl_glance *ret_glance)
{
    struct reader reader;
    struct pawl_json_limits limits = {.depth_max = 16, .nodes_max = NODES_MAX};
    pawl_arena_init(&reader.arena, ARENA_BYTES_MAX);
    *ret_glance = (struct pawl_glance){.latched = false};
    bool good = pawl_json_parse(&reader.arena, json, PAWL_JSON_FORWARD, limits, &reader.json);
    if (good) {
        read_all(&reader, ret_glance);
        good = pawl_run_id_valid(ret_glance->id);
    }
    pawl_arena_free(&reader.arena);
    return good;
}

/* --- Asking --------------------------------------------------------------------------------- */

struct candidates {
    const struct pawl_datadir *dir;
    pawl_datadir_run_fn *fn;
    void *arg;
};

static bool offer(void *arg, const char *id)
{
    const struct candidates *candidates = arg;
    char name[sizeof("runs//" PAWL_CONTROL_SOCKET) + PAWL_RUN_ID_BYTES];
    char path[PAWL_PATH_BYTES];
    struct pawl_errmsg msg;
    (void)snprintf(name, sizeof(name), "runs/%s/%s", id, PAWL_CONTROL_SOCKET);
    if (pawl_failed(pawl_datadir_path(candidates->dir, name, path, &msg)) ||
        access(path, F_OK) != 0) {
        return true;
    }
    return candidates->fn(candidates->arg, id);
}

pawl_err pawl_glance_candidates(const struct pawl_datadir *dir,
                                pawl_datadir_run_fn *fn,
                                void *arg,
                                struct pawl_errmsg *msg)
{
    struct candidates candidates = {.dir = dir, .fn = fn, .arg = arg};
    return pawl_datadir_runs(dir, offer, &candidates, msg);
}

pawl_err pawl_glance_ask(const struct pawl_datadir *dir,
                         const char *id,
                         uint32_t timeout_ms,
                         struct pawl_buf *raw,
                         struct pawl_glance *ret_glance,
                         struct pawl_errmsg *msg)
{
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_live_ask(dir, id, timeout_ms, &answer, msg);
    if (pawl_ok(err) && !pawl_glance_read(pawl_buf_slice(&answer), ret_glance)) {
        pawl_errmsg_set(msg, "%s answers what this pawl cannot read", id);
        err = PAWL_ERR(PROTOCOL);
    }
    if (pawl_ok(err) && raw != NULL) {
        pawl_buf_append_slice(raw, pawl_buf_slice(&answer));
    }
    pawl_buf_free(&answer);
    return err;
}

/* --- What follows from it ------------------------------------------------------------------- */

enum pawl_glance_state pawl_glance_state(const struct pawl_glance *glance)
{
    return glance->ending      ? PAWL_GLANCE_ENDING
           : glance->asks      ? PAWL_GLANCE_ASKS
           : glance->latched   ? PAWL_GLANCE_STOPPED
           : glance->waits     ? PAWL_GLANCE_WAITS
           : glance->unreached ? PAWL_GLANCE_NO_ANSWER
                               : PAWL_GLANCE_RUNNING;
}

bool pawl_glance_next_cap(const struct pawl_glance *glance,
                          enum pawl_run_cap_index *ret_cap,
                          int64_t *ret_left_ms)
{
    bool known = false;
    bool waits = pawl_glance_state(glance) == PAWL_GLANCE_WAITS;
    bool stands_still = glance->asks || waits; /* and uses nothing */
    for (int i = 0; i < PAWL_CAP_COUNT && !stands_still; i++) {
        int64_t left_ms = glance->caps[i].left_ms;
        if (left_ms >= 0 && (!known || left_ms < *ret_left_ms)) {
            *ret_cap = (enum pawl_run_cap_index)i;
            *ret_left_ms = left_ms;
            known = true;
        }
    }
    return known;
}

int64_t pawl_glance_permille(const struct pawl_glance *glance, enum pawl_run_cap_index cap)
{
    struct pawl_account account = {0};
    account.units[cap].limit = glance->caps[cap].limit;
    account.units[cap].spent = glance->caps[cap].spent;
    return pawl_account_permille(&account, cap);
}

const char *pawl_glance_title(const struct pawl_glance *glance)
{
    if (glance->name[0] != '\0') {
        return glance->name;
    }
    struct pawl_slice rest = pawl_slice_str(glance->command);
    struct pawl_slice program = pawl_slice_cut(&rest, ' ');
    size_t directory = program.bytes;
    while (directory > 0 && program.data[directory - 1] != '/') {
        directory--;
    }
    return glance->command + directory;
}
