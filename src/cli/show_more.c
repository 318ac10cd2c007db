/* SPDX-License-Identifier: Apache-2.0 */
/* show_more.c: see show_more.h. */
#define _GNU_SOURCE
#include "cli/show_more.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/open.h"
#include "run/caps.h"
#include "run/go_on.h"
#include "run/meta.h"
#include "run/rundir.h"

enum { ARENA_BYTES = 4 << 20, JSON_BYTES_MAX = 4 << 20, NOTE_BYTES_SHOWN = 256 };
enum { WORDS_BYTES_SHOWN = 2000 };

struct more {
    const struct pawl_datadir *dir;
    const char *data_dir;
    struct pawl_slice run_id;
    int64_t started_us;
    bool json;
    bool full;    /* texts as long as they are */
    bool went_on; /* another run goes on with it */
    uint64_t approvals;
};

/* --- Amounts --------------------------------------------------------------------------------- */

/* "$1.00, 30m" of a JSON array of amounts. */
static void print_amounts(struct pawl_slice text)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        const char *comma = "";
        uint32_t node = pawl_json_first(&json, 0);
        for (; node != PAWL_JSON_NONE; node = pawl_json_next(&json, node)) {
            char amount[PAWL_CAP_TEXT_BYTES];
            enum pawl_run_cap_index index = pawl_cap_of_unit(pawl_unit_from_name(
                pawl_json_string(&json, pawl_json_get(&json, node, "unit"), &arena)));
            if (index != PAWL_CAP_COUNT) {
                int64_t value = pawl_json_count_or(&json, pawl_json_get(&json, node, "amount"), 0);
                printf("%s%s", comma, pawl_cap_phrase(index, value, amount));
                comma = ", ";
            }
        }
    }
    pawl_arena_free(&arena);
}

static const char *
after(const struct more *more, int64_t at_us, char out[static PAWL_CLOCK_TEXT_BYTES])
{
    return pawl_duration_format_about((at_us - more->started_us) / PAWL_US_PER_MS, out);
}

/* --- Questions ------------------------------------------------------------------------------- */

static void json_approval(const struct pawl_history_approval *approval)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "approval");
    pawl_json_member_string(&json, "kind", approval->kind);
    pawl_json_member_string(&json, "state", approval->state);
    pawl_json_member_i64(&json, "at_ms", approval->at_us / PAWL_US_PER_MS);
    if (approval->answered_us != 0) {
        pawl_json_member_i64(&json, "answered_ms", approval->answered_us / PAWL_US_PER_MS);
    }
    pawl_cli_write_text(&json, "by", approval->by);
    pawl_cli_write_text(&json, "phase", approval->phase);
    pawl_json_member_bool(&json, "unasked", approval->unasked);
    pawl_json_key(&json, "asked");
    pawl_json_put_raw(&json, approval->asked);
    if (!pawl_slice_empty(approval->given)) {
        pawl_json_key(&json, "given");
        pawl_json_put_raw(&json, approval->given);
    }
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* What was asked for, or given. */
static void print_what(const struct pawl_history_approval *approval, struct pawl_slice amounts)
{
    char name[PAWL_CLI_TEXT_BYTES];
    if (pawl_slice_equal_str(approval->kind, "model")) {
        fputs("a switch to a dearer model", stdout);
    } else if (pawl_slice_equal_str(approval->kind, "resume")) {
        fputs("going on, though nobody had been seen", stdout);
    } else {
        print_amounts(amounts);
        fputs(" more", stdout);
    }
    if (!pawl_slice_empty(approval->phase)) {
        printf(" for %s", pawl_cli_plain(approval->phase, name, sizeof(name)));
    }
}

static void text_approval(struct more *more, const struct pawl_history_approval *approval)
{
    char when[PAWL_CLOCK_TEXT_BYTES];
    char by[PAWL_CLI_TEXT_BYTES];
    printf("%s", more->approvals++ == 0 ? "\n" : "");
    pawl_cli_plain(approval->by, by, sizeof(by));
    if (pawl_slice_equal_str(approval->state, "approved")) {
        printf("approved after %s%s%s: ", after(more, approval->answered_us, when),
               by[0] != '\0' ? " by " : "", by);
        print_what(approval, approval->given);
        fputs(approval->unasked ? " (nothing was asked)\n" : "\n", stdout);
        return;
    }
    if (pawl_slice_equal_str(approval->state, "denied")) {
        printf("denied after %s%s%s: ", after(more, approval->answered_us, when),
               by[0] != '\0' ? " by " : "", by);
    } else {
        printf("asked after %s, %s: ", after(more, approval->at_us, when),
               pawl_slice_equal_str(approval->state, "pending")
                   ? "not answered"
                   : (pawl_slice_equal_str(approval->state, "withdrawn")
                          ? "withdrawn, since its call went away"
                          : "not answered in time"));
    }
    print_what(approval, approval->asked);
    fputs("\n", stdout);
}

static bool show_approval(void *arg, const struct pawl_history_approval *approval)
{
    struct more *more = arg;
    if (more->json) {
        json_approval(approval);
    } else {
        text_approval(more, approval);
    }
    return true;
}

/* --- Marks ----------------------------------------------------------------------------------- */

static const char *mark_name(uint16_t kind)
{
    if (kind == PAWL_NOTE_SUMMARY) {
        return "summary";
    }
    return kind == PAWL_NOTE_PARTIAL ? "partial" : "degrade";
}

static void json_mark(const struct pawl_history_mark *mark)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", mark_name(mark->kind));
    pawl_json_member_i64(&json, "at_ms", mark->at_us / PAWL_US_PER_MS);
    pawl_json_key(&json, "note");
    pawl_json_put_raw(&json, mark->note);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* A text of several lines; control characters, which a terminal might obey, become '?'. */
static void print_text(struct pawl_slice text)
{
    while (text.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&text, '\n');
        while (line.bytes > 0) {
            char piece[NOTE_BYTES_SHOWN];
            struct pawl_slice part = pawl_slice_sub(line, 0, sizeof(piece) - 1);
            fputs(pawl_cli_plain(part, piece, sizeof(piece)), stdout);
            line = pawl_slice_sub(line, part.bytes, line.bytes);
        }
        fputc('\n', stdout);
    }
}

/* Of a long text the end, where an answer was cut, or the beginning, where a summary has what
 * matters: whole characters of it, and how to see all. */
static void print_part(const struct more *more, struct pawl_slice text, bool end)
{
    if (more->full || text.bytes <= WORDS_BYTES_SHOWN) {
        print_text(text);
        return;
    }
    size_t at = end ? text.bytes - WORDS_BYTES_SHOWN : WORDS_BYTES_SHOWN;
    while (at < text.bytes && ((unsigned char)text.data[at] & 0xc0) == 0x80) {
        at++;
    }
    struct pawl_buf command;
    pawl_buf_init(&command, PAWL_PATH_BYTES + NOTE_BYTES_SHOWN);
    pawl_buf_append_str(&command, "pawl show --full");
    pawl_meta_data_dir(more->data_dir, &command);
    pawl_buf_printf(&command, " %.*s", (int)more->run_id.bytes, more->run_id.data);
    if (end) {
        printf("[%zu bytes before this: %s]\n", at, pawl_buf_cstr(&command));
        print_text(pawl_slice_sub(text, at, SIZE_MAX));
    } else {
        print_text(pawl_slice_sub(text, 0, at));
        printf("[%zu bytes more: %s]\n", text.bytes - at, pawl_buf_cstr(&command));
    }
    pawl_buf_free(&command);
}

/* The file has all of it, the note its beginning. */
static void
print_words(const struct more *more, const char *file_name, struct pawl_slice noted, bool end)
{
    char name[PAWL_RUN_ID_BYTES + 32];
    char path[PAWL_PATH_BYTES];
    struct pawl_errmsg msg;
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_SUMMARY_TEXT_MAX + 1);
    (void)snprintf(name, sizeof(name), "runs/%.*s/%s", (int)more->run_id.bytes, more->run_id.data,
                   file_name);
    FILE *file = pawl_ok(pawl_datadir_path(more->dir, name, path, &msg)) ? fopen(path, "re") : NULL;
    if (file != NULL) {
        char *room = pawl_buf_reserve(&text, PAWL_SUMMARY_TEXT_MAX);
        size_t bytes = room != NULL ? fread(room, 1, PAWL_SUMMARY_TEXT_MAX, file) : 0;
        pawl_buf_advance(&text, bytes);
        (void)fclose(file);
    }
    print_part(more, text.bytes > 0 ? pawl_buf_slice(&text) : noted, end);
    pawl_buf_free(&text);
}

static void text_mark(const struct more *more, const struct pawl_history_mark *mark)
{
    char when[PAWL_CLOCK_TEXT_BYTES];
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, mark->note, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        if (mark->kind != PAWL_NOTE_DEGRADE) {
            bool summary = mark->kind == PAWL_NOTE_SUMMARY;
            printf("\n%s, after %s:\n", summary ? "summary" : "the answer that was cut",
                   after(more, mark->at_us, when));
            print_words(more, summary ? PAWL_SUMMARY_FILE : PAWL_PARTIAL_FILE,
                        pawl_json_string(&json, pawl_json_get(&json, 0, "text"), &arena), !summary);
        } else {
            char model[PAWL_CLI_TEXT_BYTES];
            char from[PAWL_CLI_TEXT_BYTES];
            printf("\ndegraded after %s: from %lld %% on calls of %s went to %s\n",
                   after(more, mark->at_us, when),
                   (long long)pawl_json_count_or(&json, pawl_json_get(&json, 0, "percent"), 0),
                   pawl_cli_plain(pawl_json_string(&json, pawl_json_get(&json, 0, "from"), &arena),
                                  from, sizeof(from)),
                   pawl_cli_plain(pawl_json_string(&json, pawl_json_get(&json, 0, "model"), &arena),
                                  model, sizeof(model)));
        }
    }
    pawl_arena_free(&arena);
}

static bool show_mark(void *arg, const struct pawl_history_mark *mark)
{
    struct more *more = arg;
    if (more->json) {
        json_mark(mark);
    } else {
        text_mark(more, mark);
    }
    return true;
}

/* --- The chain ------------------------------------------------------------------------------- */

static bool show_successor(void *arg, const struct pawl_history_run *run)
{
    struct more *more = arg;
    char word[PAWL_CLI_TEXT_BYTES];
    more->went_on = true;
    if (more->json) {
        struct pawl_buf line;
        struct pawl_json_writer json;
        pawl_buf_init(&line, JSON_BYTES_MAX);
        pawl_json_writer_init(&json, &line);
        pawl_json_object_begin(&json);
        pawl_json_member_str(&json, "type", "went_on");
        pawl_json_member_string(&json, "run", run->id);
        pawl_json_object_end(&json);
        pawl_cli_print_line(&line);
    } else {
        printf("\nit goes on in %.*s (%s)\n", (int)run->id.bytes, run->id.data,
               pawl_cli_run_word(run, word));
    }
    return true;
}

static void json_go_on(const struct pawl_go_on *go_on, struct pawl_slice command)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "go_on");
    pawl_json_member_string(&json, "command", command);
    if (go_on->more > 0) {
        pawl_cli_write_amount(&json, "more", go_on->unit, go_on->more);
    }
    pawl_cli_write_text(&json, "limit", pawl_slice_str(go_on->limit));
    pawl_cli_write_text(&json, "phase", pawl_slice_str(go_on->phase));
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* The command with which a run that was stopped goes on. */
static bool show_go_on(void *arg, const struct pawl_history_run *run)
{
    const struct more *more = arg;
    bool ended = pawl_slice_equal_str(run->state, "ended");
    bool paused = pawl_slice_equal_str(run->state, "paused");
    if (more->went_on || !(paused || ended) || pawl_slice_equal_str(run->reason, "completed")) {
        return false;
    }
    struct pawl_go_on go_on;
    struct pawl_buf command;
    char id[PAWL_RUN_ID_BYTES];
    char limit[PAWL_CLI_TEXT_BYTES];
    pawl_buf_init(&command, PAWL_PATH_BYTES + NOTE_BYTES_SHOWN);
    pawl_go_on_read(run, &go_on);
    (void)pawl_slice_copy_str(run->id, id, sizeof(id));
    pawl_go_on_put_command(&go_on, id, more->data_dir, paused, &command);
    if (more->json) {
        json_go_on(&go_on, pawl_buf_slice(&command));
    } else {
        printf("\nto go on: %s", pawl_buf_cstr(&command));
        if (go_on.limit[0] != '\0') {
            printf(", when %s has reset or is raised: see pawl limit",
                   pawl_cli_plain(pawl_slice_str(go_on.limit), limit, sizeof(limit)));
        }
        fputc('\n', stdout);
    }
    pawl_buf_free(&command);
    return false;
}

/* --- Files ----------------------------------------------------------------------------------- */

void pawl_cli_show_files(struct pawl_slice end_note)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARENA_BYTES);
    uint32_t files = PAWL_JSON_NONE;
    if (pawl_json_parse(&arena, end_note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        files = pawl_json_get(&json, 0, "files");
    }
    if (files != PAWL_JSON_NONE) {
        static const char *const kinds[] = {"changed", "created", "deleted"};
        const char *before = "files: ";
        for (size_t i = 0; i < PAWL_ARRAY_LEN(kinds); i++) {
            int64_t count = pawl_json_count_or(&json, pawl_json_get(&json, files, kinds[i]), 0);
            printf("%s%lld %s", before, (long long)count, kinds[i]);
            before = ", ";
        }
        before = ": ";
        uint32_t name = pawl_json_first(&json, pawl_json_get(&json, files, "names"));
        for (; name != PAWL_JSON_NONE; name = pawl_json_next(&json, name)) {
            char plain[NOTE_BYTES_SHOWN];
            printf("%s%s", before,
                   pawl_cli_plain(pawl_json_string(&json, name, &arena), plain, sizeof(plain)));
            before = " ";
        }
        fputc('\n', stdout);
    }
    pawl_arena_free(&arena);
}

pawl_err pawl_cli_show_more(const struct pawl_cli_more *what,
                            struct pawl_history *history,
                            struct pawl_errmsg *msg)
{
    struct pawl_slice run_id = what->run_id;
    struct more more = {.dir = what->dir,
                        .data_dir = what->data_dir,
                        .run_id = run_id,
                        .started_us = what->started_us,
                        .json = what->json,
                        .full = what->full};
    struct pawl_history_filter successors = {.resumed_from = run_id};
    struct pawl_history_filter itself = {.limit = 1, .id_prefix = run_id};
    pawl_err err = pawl_history_approvals(history, run_id, show_approval, &more, msg);
    if (pawl_ok(err)) {
        err = pawl_history_marks(history, run_id, show_mark, &more, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_runs(history, &successors, show_successor, &more, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_runs(history, &itself, show_go_on, &more, msg);
    }
    return err;
}
