/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads.c: see threads.h. Which conversation a call belongs to stands in its metadata
 * (docs/CONTRACTS.md); what its client did not tell apart counts as the main one. An agent with
 * hundreds of them gets lines for the first ones, and one for all others together.
 */
#include "cli/threads.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/money.h"
#include "cli/cli.h"
#include "cli/open.h"

enum { THREADS_MAX = 64, JSON_BYTES_MAX = 65536, NODES_MAX = 4096, SCRATCH_BYTES_MAX = 1 << 20 };

struct thread {
    struct pawl_slice id; /* empty: the main conversation */
    struct pawl_slice kind;
    struct pawl_slice name;
    uint64_t calls;
    uint64_t refusals;
    int64_t microcents;
    int64_t input;
    int64_t output;
};

struct pawl_cli_threads {
    struct pawl_arena *arena;
    struct pawl_arena scratch;       /* of the metadata that is being read */
    struct thread rows[THREADS_MAX]; /* the first is the main one, the last all that had no row */
    size_t count;
};

struct pawl_cli_threads *pawl_cli_threads_new(struct pawl_arena *arena)
{
    struct pawl_cli_threads *threads = pawl_arena_alloc(arena, sizeof(*threads));
    if (threads == NULL) {
        pawl_cli_no_memory();
    }
    threads->arena = arena;
    pawl_arena_init(&threads->scratch, SCRATCH_BYTES_MAX);
    threads->rows[0].kind = PAWL_SLICE("main");
    threads->count = 1;
    return threads;
}

static struct pawl_slice
text_of(struct pawl_arena *arena, const struct pawl_json *json, const char *key)
{
    uint32_t node = pawl_json_get(json, 0, key);
    return node != PAWL_JSON_NONE && pawl_json_is(json, node, PAWL_JSON_STRING)
               ? pawl_json_string(json, node, arena)
               : PAWL_SLICE_NONE;
}

static struct thread *row_of(struct pawl_cli_threads *threads, const struct pawl_history_call *call)
{
    struct pawl_arena *arena = &threads->scratch;
    struct pawl_json json;
    pawl_arena_reset(arena);
    struct pawl_json_limits limits = {.depth_max = 16, .nodes_max = NODES_MAX};
    if (!pawl_json_parse(arena, call->reserve_meta, PAWL_JSON_FORWARD, limits, &json) ||
        !pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
        return &threads->rows[0];
    }
    struct pawl_slice id = text_of(arena, &json, "thread");
    for (size_t i = 0; i < threads->count; i++) {
        if (pawl_slice_equal(threads->rows[i].id, id)) {
            return &threads->rows[i];
        }
    }
    struct thread *row = &threads->rows[threads->count];
    if (threads->count == THREADS_MAX - 1) {
        row->id = PAWL_SLICE("others");
        return row;
    }
    threads->count++;
    row->id = pawl_arena_copy(threads->arena, id);
    row->kind = pawl_arena_copy(threads->arena, text_of(arena, &json, "class"));
    row->name = pawl_arena_copy(threads->arena, text_of(arena, &json, "name"));
    return row;
}

void pawl_cli_threads_add(struct pawl_cli_threads *threads, const struct pawl_history_call *call)
{
    struct thread *row = row_of(threads, call);
    if (pawl_slice_equal_str(call->state, "refused")) {
        row->refusals++;
        return;
    }
    row->calls++;
    row->microcents += call->spent[0];
    row->input += call->input + call->cache_read + call->cache_write;
    row->output += call->output;
}

static void print_json(const struct thread *row)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "thread");
    pawl_cli_write_text(&json, "thread", row->id);
    pawl_cli_write_text(&json, "class", row->kind);
    pawl_cli_write_text(&json, "name", row->name);
    pawl_json_member_i64(&json, "calls", (int64_t)row->calls);
    pawl_json_member_i64(&json, "refusals", (int64_t)row->refusals);
    pawl_cli_write_amount(&json, "spent", PAWL_UNIT_USD_MICROCENTS, row->microcents);
    pawl_json_member_i64(&json, "input_tokens", row->input);
    pawl_json_member_i64(&json, "output_tokens", row->output);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void print_text(const struct thread *row)
{
    char money[PAWL_MONEY_TEXT_BYTES];
    char kind[PAWL_CLI_TEXT_BYTES];
    char name[PAWL_CLI_TEXT_BYTES];
    char id[PAWL_CLI_TEXT_BYTES];
    (void)pawl_cli_plain(pawl_slice_empty(row->kind) ? PAWL_SLICE("conversation") : row->kind, kind,
                         sizeof(kind));
    (void)pawl_cli_plain(row->name, name, sizeof(name));
    (void)pawl_cli_plain(row->id, id, sizeof(id));
    printf("%s%s%s%s%s: %" PRIu64 " call%s, %s", kind, name[0] != '\0' ? " " : "", name,
           id[0] != '\0' ? " " : "", id, row->calls, row->calls == 1 ? "" : "s",
           pawl_money_format_usd(row->microcents, money));
    if (row->refusals > 0) {
        printf(", %" PRIu64 " refused", row->refusals);
    }
    fputc('\n', stdout);
}

void pawl_cli_threads_print(struct pawl_cli_threads *threads, bool json)
{
    pawl_arena_free(&threads->scratch);
    size_t count = threads->count;
    count += threads->rows[THREADS_MAX - 1].calls > 0 ? 1 : 0;
    if (count < 2) {
        return;
    }
    if (!json) {
        fputc('\n', stdout);
    }
    for (size_t i = 0; i < count; i++) {
        if (json) {
            print_json(&threads->rows[i]);
        } else {
            print_text(&threads->rows[i]);
        }
    }
}
