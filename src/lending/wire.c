/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c: see wire.h. */
#include "lending/wire.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/percent.h"
#include "engine/limit_words.h"

static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};

const char *pawl_wire_weekday(uint8_t week_start)
{
    PAWL_ASSERT(week_start < PAWL_ARRAY_LEN(weekdays));
    return weekdays[week_start];
}

bool pawl_wire_weekday_of(struct pawl_slice name, uint8_t *ret_week_start)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(weekdays); i++) {
        if (pawl_slice_equal_nocase(name, pawl_slice_str(weekdays[i]))) {
            *ret_week_start = (uint8_t)i;
            return true;
        }
    }
    return false;
}

/* --- Limits -------------------------------------------------------------------------------- */

static void put_window(struct pawl_json_writer *writer, const struct pawl_limit *limit)
{
    const struct pawl_window *window = &limit->window;
    if (window->kind == PAWL_WINDOW_FIXED) {
        pawl_json_member_str(writer, "window", "fixed");
        pawl_json_member_i64(writer, "length_ms", window->length_us / PAWL_US_PER_MS);
        return;
    }
    pawl_json_member_str(writer, "window", "calendar");
    pawl_json_member_str(writer, "period", pawl_limit_period_name(window->period));
    if (window->period == PAWL_PERIOD_WEEK) {
        pawl_json_member_str(writer, "week_start", pawl_wire_weekday(window->week_start));
    }
    pawl_json_member_str(writer, "time_zone", limit->zone);
}

void pawl_wire_write_limit(struct pawl_json_writer *writer, const struct pawl_limit *limit)
{
    if (limit->number != 0) {
        pawl_json_member_i64(writer, "number", limit->number);
    }
    if (limit->name[0] != '\0') {
        pawl_json_member_str(writer, "name", limit->name);
    }
    pawl_json_member_str(writer, "place", pawl_limit_place_name(limit->place));
    if (limit->path[0] != '\0') {
        pawl_json_member_str(writer, "path", limit->path);
    }
    put_window(writer, limit);
    pawl_json_member_str(writer, "unit", pawl_unit_name(limit->unit));
    pawl_json_member_i64(writer, "limit", limit->amount);
    if (limit->number == 0) {
        return; /* one that is asked for: it does not stand anywhere yet */
    }
    pawl_json_member_i64(writer, "spent", limit->spent);
    pawl_json_member_i64(writer, "held", limit->held);
    pawl_json_member_i64(writer, "left", pawl_limit_left(limit));
    if (limit->starts_at_us != 0) {
        pawl_json_member_i64(writer, "starts_at_ms", limit->starts_at_us / PAWL_US_PER_MS);
    }
    if (limit->resets_at_us != 0) {
        pawl_json_member_i64(writer, "resets_at_ms", limit->resets_at_us / PAWL_US_PER_MS);
    }
}

static bool get_text(const struct pawl_json *json,
                     uint32_t node,
                     const char *key,
                     struct pawl_arena *arena,
                     char *out,
                     size_t out_bytes)
{
    struct pawl_slice text = pawl_json_string(json, pawl_json_get(json, node, key), arena);
    return pawl_slice_copy_str(text, out, out_bytes);
}

static int64_t get_ms_as_us(const struct pawl_json *json, uint32_t node, const char *key)
{
    int64_t ms = pawl_json_count_or(json, pawl_json_get(json, node, key), 0);
    return ms < INT64_MAX / PAWL_US_PER_MS ? ms * PAWL_US_PER_MS : 0;
}

static bool get_window(const struct pawl_json *json,
                       uint32_t node,
                       struct pawl_arena *arena,
                       struct pawl_limit *limit)
{
    struct pawl_window *window = &limit->window;
    if (pawl_json_string_is(json, pawl_json_get(json, node, "window"), "fixed")) {
        window->kind = PAWL_WINDOW_FIXED;
        window->length_us = get_ms_as_us(json, node, "length_ms");
        return window->length_us > 0;
    }
    struct pawl_slice period = pawl_json_string(json, pawl_json_get(json, node, "period"), arena);
    uint32_t start = pawl_json_get(json, node, "week_start");
    window->kind = PAWL_WINDOW_CALENDAR;
    window->period = pawl_limit_period_of(period);
    return pawl_json_string_is(json, pawl_json_get(json, node, "window"), "calendar") &&
           window->period != PAWL_PERIOD_NONE &&
           get_text(json, node, "time_zone", arena, limit->zone, sizeof(limit->zone)) &&
           limit->zone[0] != '\0' &&
           (start == PAWL_JSON_NONE ||
            pawl_wire_weekday_of(pawl_json_string(json, start, arena), &window->week_start));
}

bool pawl_wire_read_limit(const struct pawl_json *json,
                          uint32_t node,
                          struct pawl_arena *arena,
                          struct pawl_limit *ret_limit)
{
    *ret_limit = (struct pawl_limit){.number = 0};
    ret_limit->unit =
        pawl_unit_from_name(pawl_json_string(json, pawl_json_get(json, node, "unit"), arena));
    ret_limit->place =
        pawl_limit_place_of(pawl_json_string(json, pawl_json_get(json, node, "place"), arena));
    ret_limit->amount = pawl_json_count_or(json, pawl_json_get(json, node, "limit"), -1);
    ret_limit->number = (uint32_t)pawl_json_count_or(json, pawl_json_get(json, node, "number"), 0);
    ret_limit->spent = pawl_json_count_or(json, pawl_json_get(json, node, "spent"), 0);
    ret_limit->held = pawl_json_count_or(json, pawl_json_get(json, node, "held"), 0);
    ret_limit->starts_at_us = get_ms_as_us(json, node, "starts_at_ms");
    ret_limit->resets_at_us = get_ms_as_us(json, node, "resets_at_ms");
    return ret_limit->unit != PAWL_UNIT_NONE && ret_limit->amount >= 0 &&
           ret_limit->place != PAWL_LIMIT_PLACE_COUNT &&
           get_text(json, node, "name", arena, ret_limit->name, sizeof(ret_limit->name)) &&
           get_text(json, node, "path", arena, ret_limit->path, sizeof(ret_limit->path)) &&
           get_window(json, node, arena, ret_limit);
}

/* --- Asking -------------------------------------------------------------------------------- */

void pawl_wire_request_init(struct pawl_wire_request *request)
{
    request->method = "GET";
    pawl_buf_init(&request->target, PAWL_WIRE_BYTES_MAX);
    pawl_buf_init(&request->body, PAWL_WIRE_BYTES_MAX);
}

void pawl_wire_request_free(struct pawl_wire_request *request)
{
    pawl_buf_free(&request->target);
    pawl_buf_free(&request->body);
}

void pawl_wire_write_ask(const struct pawl_lend_place *place,
                         const struct pawl_lend_request *lend,
                         struct pawl_wire_request *request)
{
    if (lend->kind == PAWL_LEND_LOOK) {
        pawl_buf_append_str(&request->target, PAWL_WIRE_LIMITS "?dir=");
        pawl_percent_append(&request->target, place->dir);
        pawl_buf_append_str(&request->target, "&repo=");
        pawl_percent_append(&request->target, place->repo);
        if (lend->unit != PAWL_UNIT_NONE) {
            pawl_buf_append_str(&request->target, "&lacking=");
            pawl_buf_append_str(&request->target, pawl_unit_name(lend->unit));
        }
        return;
    }
    request->method = "POST";
    pawl_buf_append_str(&request->target, PAWL_WIRE_SLICES);
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, &request->body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", place->run);
    if (lend->kind == PAWL_LEND_DRAW) {
        pawl_json_member_str(&writer, "unit", pawl_unit_name(lend->unit));
        pawl_json_member_i64(&writer, "number", (int64_t)lend->number);
        pawl_json_member_i64(&writer, "at_least", lend->at_least);
        pawl_json_member_i64(&writer, "want", lend->want);
        pawl_json_member_str(&writer, "dir", place->dir);
        pawl_json_member_str(&writer, "repo", place->repo);
    } else {
        pawl_buf_append_byte(&request->target, '/');
        pawl_percent_append(&request->target, lend->slice);
        pawl_buf_append_str(&request->target,
                            lend->kind == PAWL_LEND_EXTEND ? "/extend" : "/settle");
    }
    if (lend->kind == PAWL_LEND_SETTLE) {
        pawl_json_member_str(&writer, "unit", pawl_unit_name(lend->unit));
        pawl_json_member_i64(&writer, "spent", lend->spent);
    }
    pawl_json_object_end(&writer);
}

static bool parse(struct pawl_arena *arena, struct pawl_slice body, struct pawl_json *json)
{
    struct pawl_json_limits limits = {.depth_max = 8, .nodes_max = 65536};
    return pawl_json_parse(arena, body, PAWL_JSON_LEDGER, limits, json) &&
           pawl_json_is(json, 0, PAWL_JSON_OBJECT);
}

static bool get_result(const struct pawl_json *json, struct pawl_arena *arena, uint16_t *ret_code)
{
    struct pawl_slice name = pawl_json_string(json, pawl_json_get(json, 0, "result"), arena);
    for (int code = 0; code < PAWL_RESULT_COUNT; code++) {
        if (pawl_slice_equal_str(name, pawl_result_name((uint16_t)code))) {
            *ret_code = (uint16_t)code;
            return true;
        }
    }
    return false;
}

static bool
get_limits(const struct pawl_json *json, struct pawl_arena *arena, struct pawl_lend_answer *answer)
{
    uint32_t list = pawl_json_get(json, 0, "limits");
    for (uint32_t node = pawl_json_first(json, list); node != PAWL_JSON_NONE;
         node = pawl_json_next(json, node)) {
        if (answer->limit_count == PAWL_LEND_LIMITS_MAX ||
            !pawl_wire_read_limit(json, node, arena, &answer->limits[answer->limit_count])) {
            return false;
        }
        answer->limit_count++;
    }
    return true;
}

bool pawl_wire_read_answer(struct pawl_slice body, struct pawl_lend_answer *ret_answer)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, PAWL_WIRE_ARENA_BYTES);
    struct pawl_lend_answer answer = {.err = PAWL_OK};
    bool good = parse(&arena, body, &json) && get_result(&json, &arena, &answer.code) &&
                get_limits(&json, &arena, &answer) &&
                get_text(&json, 0, "slice", &arena, answer.slice, sizeof(answer.slice));
    if (good) {
        answer.granted = pawl_json_count_or(&json, pawl_json_get(&json, 0, "granted"), 0);
        answer.ttl_ms = pawl_json_count_or(&json, pawl_json_get(&json, 0, "ttl_ms"), 0);
        answer.refused_by =
            (uint32_t)pawl_json_count_or(&json, pawl_json_get(&json, 0, "refused_by"), 0);
        answer.again = pawl_json_bool_or(&json, pawl_json_get(&json, 0, "again"), false);
        answer.wanted = pawl_json_bool_or(&json, pawl_json_get(&json, 0, "wanted"), false);
        *ret_answer = answer;
    }
    pawl_arena_free(&arena);
    return good;
}

bool pawl_wire_read_copy(struct pawl_slice body, char *ret_name, size_t name_bytes)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, PAWL_WIRE_ARENA_BYTES);
    bool read = parse(&arena, body, &json) &&
                get_text(&json, 0, "copy", &arena, ret_name, name_bytes) && ret_name[0] != '\0' &&
                strchr(ret_name, '/') == NULL;
    pawl_arena_free(&arena);
    return read;
}

void pawl_wire_read_message(struct pawl_slice body, struct pawl_errmsg *ret_msg)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, PAWL_WIRE_ARENA_BYTES);
    ret_msg->text[0] = '\0';
    if (parse(&arena, body, &json)) {
        (void)get_text(&json, 0, "message", &arena, ret_msg->text, sizeof(ret_msg->text));
    }
    pawl_arena_free(&arena);
}

/* --- Being asked --------------------------------------------------------------------------- */

struct pawl_slice pawl_wire_decode(struct pawl_slice text, struct pawl_arena *arena)
{
    char *out = pawl_arena_alloc(arena, text.bytes + 1);
    if (out == NULL) {
        return PAWL_SLICE_NONE;
    }
    (void)memcpy(out, text.bytes > 0 ? text.data : "", text.bytes);
    size_t bytes = pawl_percent_undo(out, text.bytes);
    out[bytes] = '\0';
    return pawl_slice_of(out, bytes);
}

bool pawl_wire_read_look(struct pawl_slice query,
                         struct pawl_arena *arena,
                         struct pawl_wire_asked *ret_asked,
                         struct pawl_errmsg *msg)
{
    *ret_asked = (struct pawl_wire_asked){.lend.kind = PAWL_LEND_LOOK,
                                          .place = {.run = "", .dir = "", .repo = ""}};
    while (query.bytes > 0) {
        struct pawl_slice value = pawl_slice_cut(&query, '&');
        struct pawl_slice key = pawl_slice_cut(&value, '=');
        struct pawl_slice text = pawl_wire_decode(value, arena);
        if (pawl_slice_equal_str(key, "dir")) {
            ret_asked->place.dir = text.data;
        } else if (pawl_slice_equal_str(key, "repo")) {
            ret_asked->place.repo = text.data;
        } else if (pawl_slice_equal_str(key, "lacking")) {
            ret_asked->lend.unit = pawl_unit_from_name(text);
        } else {
            pawl_errmsg_set(msg, "'%.*s' is no parameter, only dir, repo and lacking are",
                            (int)pawl_slice_sub(key, 0, 64).bytes, key.data);
            return false;
        }
    }
    return !arena->overflowed && ret_asked->place.dir != NULL && ret_asked->place.repo != NULL;
}

/* A member that is a text; "" where there is none. */
static const char *get_str(const struct pawl_json *json, struct pawl_arena *arena, const char *key)
{
    struct pawl_slice text = pawl_json_string(json, pawl_json_get(json, 0, key), arena);
    const char *copy = pawl_arena_copy(arena, text).data;
    return copy != NULL ? copy : "";
}

bool pawl_wire_read_slice(struct pawl_slice body,
                          struct pawl_arena *arena,
                          struct pawl_wire_asked *asked,
                          struct pawl_errmsg *msg)
{
    struct pawl_json json;
    if (!parse(arena, body, &json)) {
        pawl_errmsg_set(msg, "the body is no JSON object: %s", pawl_json_error_name(json.error));
        return false;
    }
    struct pawl_lend_request *lend = &asked->lend;
    asked->place = (struct pawl_lend_place){.run = get_str(&json, arena, "run"),
                                            .dir = get_str(&json, arena, "dir"),
                                            .repo = get_str(&json, arena, "repo")};
    size_t run_bytes = strlen(asked->place.run);
    if (run_bytes == 0 || run_bytes >= PAWL_LENDER_RUN_BYTES) {
        pawl_errmsg_set(msg, "run: a text of 1 to %d bytes", PAWL_LENDER_RUN_BYTES - 1);
        return false;
    }
    lend->unit =
        pawl_unit_from_name(pawl_json_string(&json, pawl_json_get(&json, 0, "unit"), arena));
    if (lend->kind != PAWL_LEND_EXTEND && lend->unit == PAWL_UNIT_NONE) {
        pawl_errmsg_set(msg, "unit: there is none of that name");
        return false;
    }
    lend->number = (uint64_t)pawl_json_count_or(&json, pawl_json_get(&json, 0, "number"), 0);
    lend->at_least = pawl_json_count_or(&json, pawl_json_get(&json, 0, "at_least"), -1);
    lend->want = pawl_json_count_or(&json, pawl_json_get(&json, 0, "want"), lend->at_least);
    lend->spent = pawl_json_count_or(&json, pawl_json_get(&json, 0, "spent"), -1);
    bool good = lend->kind == PAWL_LEND_EXTEND ||
                (lend->kind == PAWL_LEND_SETTLE && lend->spent >= 0) ||
                (lend->number > 0 && lend->at_least > 0 && lend->want >= lend->at_least);
    if (!good) {
        pawl_errmsg_set(msg, lend->kind == PAWL_LEND_SETTLE
                                 ? "spent: an amount from 0 on"
                                 : "number and at_least: above 0; want: not below at_least");
    }
    return good;
}

bool pawl_wire_limit_name_ok(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    bool digits = name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
    return name[strspn(name, plain)] == '\0' && !digits;
}

bool pawl_wire_read_change(struct pawl_slice body,
                           struct pawl_arena *arena,
                           struct pawl_limit *ret_limit,
                           struct pawl_errmsg *msg)
{
    struct pawl_json json;
    if (!parse(arena, body, &json)) {
        pawl_errmsg_set(msg, "the body is no JSON object: %s", pawl_json_error_name(json.error));
        return false;
    }
    if (!pawl_wire_read_limit(&json, 0, arena, ret_limit)) {
        pawl_errmsg_set(msg, "a limit has a unit, a limit, a place and a window "
                             "(docs/CONTRACTS.md)");
        return false;
    }
    bool counted = ret_limit->unit == PAWL_UNIT_USD_MICROCENTS ||
                   ret_limit->unit == PAWL_UNIT_TOKENS || ret_limit->unit == PAWL_UNIT_TOOL_CALLS ||
                   ret_limit->unit == PAWL_UNIT_ITERATIONS;
    bool has_path = ret_limit->path[0] == '/';
    if (!counted) {
        pawl_errmsg_set(msg, "unit: no limit counts %s", pawl_unit_name(ret_limit->unit));
    } else if (!pawl_wire_limit_name_ok(ret_limit->name)) {
        pawl_errmsg_set(msg, "name: letters, digits and . _ -, not digits alone");
    } else if (has_path != (ret_limit->place != PAWL_LIMIT_MACHINE)) {
        pawl_errmsg_set(msg, "path: an absolute one for repo and dir, none for machine");
    } else {
        return true;
    }
    return false;
}

void pawl_wire_write_answer(const struct pawl_lend_request *lend,
                            const struct pawl_lend_answer *answer,
                            struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "result", pawl_result_name(answer->code));
    if (answer->code != PAWL_RESULT_OK) {
        pawl_json_member_str(&writer, "error", pawl_result_wire(answer->code));
        pawl_json_member_str(&writer, "message", pawl_result_meaning(answer->code));
    }
    if (answer->slice[0] != '\0') {
        pawl_json_member_str(&writer, "slice", answer->slice);
        pawl_json_member_i64(&writer, "granted", answer->granted);
    }
    if (lend->kind == PAWL_LEND_DRAW || lend->kind == PAWL_LEND_EXTEND) {
        pawl_json_member_i64(&writer, "ttl_ms", answer->ttl_ms);
    }
    if (answer->again) {
        pawl_json_member_bool(&writer, "again", true);
    }
    if (answer->refused_by != 0) {
        pawl_json_member_i64(&writer, "refused_by", answer->refused_by);
    }
    if (lend->kind == PAWL_LEND_DRAW || lend->kind == PAWL_LEND_LOOK) {
        pawl_json_member_bool(&writer, "wanted", answer->wanted);
        pawl_json_key(&writer, "limits");
        pawl_json_array_begin(&writer);
        for (uint32_t i = 0; i < answer->limit_count; i++) {
            pawl_json_object_begin(&writer);
            pawl_wire_write_limit(&writer, &answer->limits[i]);
            pawl_json_object_end(&writer);
        }
        pawl_json_array_end(&writer);
    }
    pawl_json_object_end(&writer);
}
