/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_record.c: an account as the text of its file; see accounts.h. A field that is not there
 * is empty: nothing in it is worth more than the next answer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/money.h"
#include "run/accounts.h"

enum { ARENA_BYTES_MAX = 256 * 1024 };

/* --- Names ----------------------------------------------------------------------------------- */

static const char *const upstream_names[PAWL_UPSTREAM_COUNT] = {
    [PAWL_UPSTREAM_ANTHROPIC] = "anthropic",
    [PAWL_UPSTREAM_OPENAI] = "openai",
    [PAWL_UPSTREAM_GEMINI] = "gemini",
    [PAWL_UPSTREAM_CHATGPT] = "chatgpt",
};

const char *pawl_upstream_name(enum pawl_upstream upstream)
{
    PAWL_ASSERT(upstream < PAWL_UPSTREAM_COUNT);
    return upstream_names[upstream];
}

enum pawl_upstream pawl_upstream_of_name(const char *name)
{
    int which = 0;
    while (which < PAWL_UPSTREAM_COUNT && strcmp(upstream_names[which], name) != 0) {
        which++;
    }
    return (enum pawl_upstream)which;
}

static const char *const mode_names[PAWL_BILLING_MODE_COUNT] = {
    [PAWL_BILLING_MODE_AUTO] = "auto",
    [PAWL_BILLING_MODE_API] = "api",
    [PAWL_BILLING_MODE_PLAN] = "plan",
};

const char *pawl_billing_mode_name(enum pawl_billing_mode mode)
{
    PAWL_ASSERT(mode < PAWL_BILLING_MODE_COUNT);
    return mode_names[mode];
}

enum pawl_billing_mode pawl_billing_mode_of(const char *name)
{
    int which = 0;
    while (which < PAWL_BILLING_MODE_COUNT && strcmp(mode_names[which], name) != 0) {
        which++;
    }
    return (enum pawl_billing_mode)which;
}

const char *pawl_billing_name(enum pawl_billing billing)
{
    return billing == PAWL_BILLING_PLAN ? "plan" : "api";
}

enum pawl_billing pawl_account_billing(const struct pawl_account_record *record)
{
    if (record->mode != PAWL_BILLING_MODE_AUTO) {
        return record->mode == PAWL_BILLING_MODE_PLAN ? PAWL_BILLING_PLAN : PAWL_BILLING_API;
    }
    return record->quota.seen_us > 0 ? PAWL_BILLING_PLAN : record->detected;
}

void pawl_account_id_text(uint64_t id, char out[static PAWL_ACCOUNT_ID_BYTES])
{
    (void)snprintf(out, PAWL_ACCOUNT_ID_BYTES, "%016" PRIx64, id);
}

/* --- Writing --------------------------------------------------------------------------------- */

static void
put_amount(struct pawl_json_writer *writer, const char *key, struct pawl_quota_amount amount)
{
    pawl_json_key(writer, key);
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "microcents", amount.microcents);
    pawl_json_member_i64(writer, "tokens", amount.tokens);
    pawl_json_object_end(writer);
}

static void put_window(struct pawl_json_writer *writer, const struct pawl_quota_window *window)
{
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "window", window->name);
    pawl_json_member_i64(writer, "length_s", window->length_s);
    pawl_json_member_i64(writer, "resets_at_s", window->resets_at_s);
    pawl_json_member_bool(writer, "resets_guessed", window->resets_guessed);
    if (window->ended_at_s > 0) {
        pawl_json_member_i64(writer, "ended_at_s", window->ended_at_s);
    }
    pawl_json_member_i64(writer, "told_us", window->told_us);
    pawl_json_member_i64(writer, "told_bp", window->told_bp);
    pawl_json_member_bool(writer, "has_status", window->has_status);
    pawl_json_member_bool(writer, "refused", window->refused);
    put_amount(writer, "contained", window->contained);
    put_amount(writer, "learned", window->learned);
    pawl_json_member_i64(writer, "learned_bp", window->learned_bp);
    if (window->unsure) {
        pawl_json_member_bool(writer, "unsure", true);
    }
    if (window->unit != 0) {
        pawl_json_member_str(writer, "unit", pawl_unit_name(window->unit));
        pawl_json_member_i64(writer, "limit", window->limit);
    }
    pawl_json_object_end(writer);
}

static void put_runs(struct pawl_json_writer *writer, const struct pawl_account_record *record)
{
    pawl_json_key(writer, "runs");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < record->run_count; i++) {
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "run", record->runs[i].id);
        put_amount(writer, "booked", record->runs[i].booked);
        pawl_json_object_end(writer);
    }
    pawl_json_array_end(writer);
}

void pawl_account_record_write(const struct pawl_account_record *record, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    if (record->same_as[0] != '\0') {
        pawl_json_member_str(&writer, "same_as", record->same_as);
    }
    if (record->name[0] != '\0') {
        pawl_json_member_str(&writer, "name", record->name);
    }
    if (record->source[0] != '\0') {
        pawl_json_member_str(&writer, "source", record->source);
    }
    pawl_json_member_str(&writer, "upstream", pawl_upstream_name(record->upstream));
    pawl_json_member_str(&writer, "detected", pawl_billing_name(record->detected));
    pawl_json_member_str(&writer, "billing", pawl_billing_mode_name(record->mode));
    put_amount(&writer, "booked", record->quota.booked);
    pawl_json_member_i64(&writer, "seen_us", record->quota.seen_us);
    pawl_json_key(&writer, "windows");
    pawl_json_array_begin(&writer);
    for (uint32_t i = 0; i < record->quota.window_count; i++) {
        put_window(&writer, &record->quota.windows[i]);
    }
    pawl_json_array_end(&writer);
    put_runs(&writer, record);
    pawl_json_object_end(&writer);
}

/* --- Reading --------------------------------------------------------------------------------- */

static int64_t count_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    int64_t count = pawl_json_count_or(json, pawl_json_get(json, node, key), 0);
    return pawl_min_i64(count, PAWL_AMOUNT_MAX);
}

static int64_t share_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_min_i64(count_of(json, node, key), PAWL_VENDOR_BP_MAX);
}

static bool flag_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_json_bool_or(json, pawl_json_get(json, node, key), false);
}

static struct pawl_quota_amount
amount_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    uint32_t amount = pawl_json_get(json, node, key);
    return (struct pawl_quota_amount){
        .microcents = amount != PAWL_JSON_NONE ? count_of(json, amount, "microcents") : 0,
        .tokens = amount != PAWL_JSON_NONE ? count_of(json, amount, "tokens") : 0,
    };
}

static void text_of(const struct pawl_json *json, const char *key, char *out, size_t out_bytes)
{
    (void)pawl_slice_copy_str(pawl_json_string_raw(json, pawl_json_get(json, 0, key)), out,
                              out_bytes);
}

/* A time that no clock of ours shows is none. */
static struct pawl_quota_window read_window(const struct pawl_json *json, uint32_t node)
{
    struct pawl_quota_window window = {
        .length_s = count_of(json, node, "length_s"),
        .resets_at_s = pawl_min_i64(count_of(json, node, "resets_at_s"), INT32_MAX * INT64_C(4)),
        .resets_guessed = flag_of(json, node, "resets_guessed"),
        .ended_at_s = count_of(json, node, "ended_at_s"),
        .told_us = count_of(json, node, "told_us"),
        .told_bp = share_of(json, node, "told_bp"),
        .has_status = flag_of(json, node, "has_status"),
        .refused = flag_of(json, node, "refused"),
        .contained = amount_of(json, node, "contained"),
        .learned = amount_of(json, node, "learned"),
        .learned_bp = share_of(json, node, "learned_bp"),
        .unsure = flag_of(json, node, "unsure"),
        .limit = count_of(json, node, "limit"),
    };
    uint32_t unit = pawl_json_get(json, node, "unit");
    if (pawl_json_string_is(json, unit, pawl_unit_name(PAWL_UNIT_TOKENS))) {
        window.unit = PAWL_UNIT_TOKENS;
    } else if (pawl_json_string_is(json, unit, pawl_unit_name(PAWL_UNIT_USD_MICROCENTS))) {
        window.unit = PAWL_UNIT_USD_MICROCENTS;
    }
    (void)pawl_slice_copy_str(pawl_json_string_raw(json, pawl_json_get(json, node, "window")),
                              window.name, sizeof(window.name));
    return window;
}

static void read_runs(const struct pawl_json *json, struct pawl_account_record *record)
{
    uint32_t list = pawl_json_get(json, 0, "runs");
    uint32_t node = list != PAWL_JSON_NONE ? pawl_json_first(json, list) : list;
    for (; node != PAWL_JSON_NONE && record->run_count < PAWL_ACCOUNT_RUNS_MAX;
         node = pawl_json_next(json, node)) {
        struct pawl_account_run *run = &record->runs[record->run_count];
        if (pawl_slice_copy_str(pawl_json_string_raw(json, pawl_json_get(json, node, "run")),
                                run->id, sizeof(run->id))) {
            run->booked = amount_of(json, node, "booked");
            record->run_count++;
        }
    }
}

static bool read_record(const struct pawl_json *json, struct pawl_account_record *record)
{
    char word[16] = "";
    text_of(json, "upstream", word, sizeof(word));
    record->upstream = pawl_upstream_of_name(word);
    if (record->upstream == PAWL_UPSTREAM_COUNT) {
        return false;
    }
    word[0] = '\0';
    text_of(json, "billing", word, sizeof(word));
    enum pawl_billing_mode mode = pawl_billing_mode_of(word);
    record->mode = mode != PAWL_BILLING_MODE_COUNT ? mode : PAWL_BILLING_MODE_AUTO;
    record->detected = pawl_json_string_is(json, pawl_json_get(json, 0, "detected"), "plan")
                           ? PAWL_BILLING_PLAN
                           : PAWL_BILLING_API;
    text_of(json, "name", record->name, sizeof(record->name));
    text_of(json, "source", record->source, sizeof(record->source));
    text_of(json, "same_as", record->same_as, sizeof(record->same_as));
    record->quota.booked = amount_of(json, 0, "booked");
    record->quota.seen_us = count_of(json, 0, "seen_us");
    read_runs(json, record);
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "windows"));
    for (; node != PAWL_JSON_NONE && record->quota.window_count < PAWL_VENDOR_WINDOWS_MAX;
         node = pawl_json_next(json, node)) {
        struct pawl_quota_window window = read_window(json, node);
        if (window.length_s > 0) {
            record->quota.windows[record->quota.window_count++] = window;
        }
    }
    return true;
}

bool pawl_account_record_read(struct pawl_slice text, struct pawl_account_record *ret_record)
{
    struct pawl_account_record record = {.id = ""};
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    bool good = pawl_json_parse(&arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json) &&
                read_record(&json, &record);
    pawl_arena_free(&arena);
    if (good) {
        *ret_record = record;
    }
    return good;
}
