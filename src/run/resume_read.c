/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume_read.c: what is known of a run that is to go on. What it had comes from the history, its
 * command and what its flags said from meta.json; the session's id from the metadata of its calls,
 * and its last words from the file that it left.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/caps.h"
#include "run/resume_priv.h"
#include "run/rundir.h"

enum {
    META_BYTES_MAX = 64 << 10,
    SAID_SUMMARY_BYTES = 16 << 10 /* of a summary, in a command line */
};

static const char said_first[] = "Continue where you left off.";

char *pawl_resume_keep(struct pawl_resume_work *work, struct pawl_slice text)
{
    char *copy = pawl_arena_alloc(&work->resume->arena, text.bytes + 1);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = '\0';
    return copy;
}

/* --- The history ---------------------------------------------------------------------------- */

static void read_before(struct pawl_resume_work *work, struct pawl_slice before)
{
    struct pawl_json json;
    if (pawl_slice_empty(before) || !pawl_json_parse(&work->resume->arena, before, PAWL_JSON_LEDGER,
                                                     PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return;
    }
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        const char *unit = pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i));
        work->resume->spent[i] = pawl_json_count_or(&json, pawl_json_get(&json, 0, unit), 0);
    }
}

_Static_assert((int)PAWL_CAP_USD == (int)PAWL_HISTORY_MICROCENTS &&
                   (int)PAWL_CAP_TOKENS == (int)PAWL_HISTORY_TOKENS &&
                   (int)PAWL_CAP_TOOL_CALLS == (int)PAWL_HISTORY_TOOL_CALLS &&
                   (int)PAWL_CAP_ITERATIONS == (int)PAWL_HISTORY_ITERATIONS &&
                   (int)PAWL_CAP_TIME == (int)PAWL_HISTORY_WALL_CLOCK_MS,
               "caps and the history's units stand in the same order");

static void
read_units(const struct pawl_json *json, uint32_t units, struct pawl_phase_before *ret_phase)
{
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        ret_phase->limit[i] = -1;
    }
    uint32_t node = units != PAWL_JSON_NONE ? pawl_json_first(json, units) : units;
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        struct pawl_slice name = pawl_json_string_raw(json, pawl_json_get(json, node, "unit"));
        enum pawl_run_cap_index index = pawl_cap_of_unit(pawl_unit_from_name(name));
        if (index != PAWL_CAP_COUNT) {
            ret_phase->limit[index] =
                pawl_json_count_or(json, pawl_json_get(json, node, "limit"), -1);
            ret_phase->spent[index] =
                pawl_json_count_or(json, pawl_json_get(json, node, "spent"), 0);
        }
    }
}

static void read_phases(struct pawl_resume_work *work, const struct pawl_json *json)
{
    struct pawl_phases_before *phases = &work->resume->phases;
    uint32_t list = pawl_json_get(json, 0, "phases");
    uint32_t node = list != PAWL_JSON_NONE ? pawl_json_first(json, list) : list;
    for (; node != PAWL_JSON_NONE && phases->count < PAWL_PHASES_MAX;
         node = pawl_json_next(json, node)) {
        struct pawl_phase_before phase = {.name = ""};
        struct pawl_slice name = pawl_json_string_raw(json, pawl_json_get(json, node, "phase"));
        if (pawl_policy_phase_name_ok(name) &&
            pawl_slice_copy_str(name, phase.name, sizeof(phase.name))) {
            read_units(json, pawl_json_get(json, node, "units"), &phase);
            phases->phases[phases->count++] = phase;
        }
    }
}

/* What stopped it, and what its phases had. */
static void read_end(struct pawl_resume_work *work, const struct pawl_history_run *run)
{
    struct pawl_json json;
    struct pawl_arena *arena = &work->resume->arena;
    struct pawl_slice note = pawl_arena_copy(arena, run->end_note);
    pawl_go_on_read(run, &work->go_on);
    if (work->request->own_policy && work->go_on.phase[0] != '\0') {
        work->go_on = (struct pawl_go_on){.more = 0}; /* Its phases begin anew. */
    }
    if (pawl_slice_empty(note) ||
        !pawl_json_parse(arena, note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return;
    }
    if (!work->request->own_policy) {
        read_phases(work, &json);
    }
}

static bool take_run(void *arg, const struct pawl_history_run *run)
{
    struct pawl_resume_work *work = arg;
    work->found = true;
    work->completed = pawl_slice_equal_str(run->reason, "completed");
    work->called = run->calls > 0 || run->refusals > 0;
    read_end(work, run);
    work->resume->baseline =
        pawl_slice_empty(run->baseline_last) ? NULL : pawl_resume_keep(work, run->baseline_last);
    read_before(work, pawl_arena_copy(&work->resume->arena, run->before));
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        work->limit[i] = run->limit[i];
        work->spent[i] = run->spent[i];
        work->resume->spent[i] += run->spent[i];
    }
    return false;
}

static bool take_successor(void *arg, const struct pawl_history_run *run)
{
    struct pawl_resume_work *work = arg;
    work->successor = pawl_arena_copy(&work->resume->arena, run->id);
    return false;
}

/* The main conversation's id; the last call that had one counts. */
static bool take_session(void *arg, const struct pawl_history_call *call)
{
    struct pawl_resume_work *work = arg;
    struct pawl_arena *arena = &work->resume->arena;
    struct pawl_json json;
    struct pawl_slice meta = pawl_arena_copy(arena, call->reserve_meta);
    if (!pawl_slice_empty(meta) &&
        pawl_json_parse(arena, meta, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json) &&
        pawl_json_get(&json, 0, "thread") == PAWL_JSON_NONE) {
        struct pawl_slice session =
            pawl_json_string(&json, pawl_json_get(&json, 0, "session"), arena);
        work->session = pawl_slice_empty(session) ? work->session : session;
    }
    return !arena->overflowed;
}

pawl_err pawl_resume_read_history(struct pawl_resume_work *work)
{
    struct pawl_slice id = pawl_slice_str(work->request->id);
    struct pawl_history *history = work->request->history;
    struct pawl_history_filter itself = {.limit = 1, .id_prefix = id};
    struct pawl_history_filter after = {.limit = 1, .resumed_from = id};
    pawl_err err = pawl_history_runs(history, &itself, take_run, work, work->msg);
    if (pawl_ok(err)) {
        err = pawl_history_runs(history, &after, take_successor, work, work->msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_calls(history, id, take_session, work, work->msg);
    }
    if (pawl_ok(err) && !work->found) {
        pawl_errmsg_set(work->msg, "%s has not recorded anything", work->request->id);
        err = PAWL_ERR(NOT_FOUND);
    }
    return err;
}

/* --- Its directory -------------------------------------------------------------------------- */

pawl_err
pawl_resume_path(struct pawl_resume_work *work, const char *name, char out[static PAWL_PATH_BYTES])
{
    char relative[PAWL_RUN_ID_BYTES + 32];
    (void)snprintf(relative, sizeof(relative), "runs/%s/%s", work->request->id, name);
    return pawl_datadir_path(work->request->dir, relative, out, work->msg);
}

/* A file's first bytes, in the arena; empty where it cannot be read. */
static struct pawl_slice read_file(struct pawl_resume_work *work, const char *path, size_t max)
{
    struct pawl_slice text = PAWL_SLICE_NONE;
    char *room = pawl_arena_alloc(&work->resume->arena, max);
    FILE *file = room != NULL ? fopen(path, "re") : NULL;
    if (file != NULL) {
        text = pawl_slice_of(room, fread(room, 1, max, file));
        (void)fclose(file);
    }
    return text;
}

pawl_err pawl_resume_read_meta(struct pawl_resume_work *work)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_resume_path(work, "meta.json", path);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_slice text = read_file(work, path, META_BYTES_MAX);
    if (!pawl_json_parse(&work->resume->arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT,
                         &work->meta)) {
        pawl_errmsg_set(work->msg, "%s cannot be read", path);
        return PAWL_ERR(CORRUPT);
    }
    return PAWL_OK;
}

const char *pawl_resume_meta_text(struct pawl_resume_work *work, const char *key)
{
    uint32_t node = pawl_json_get(&work->meta, 0, key);
    struct pawl_slice text = pawl_json_string(&work->meta, node, &work->resume->arena);
    return pawl_slice_empty(text) ? NULL : pawl_resume_keep(work, text);
}

char **pawl_resume_read_argv(struct pawl_resume_work *work)
{
    uint32_t list = pawl_json_get(&work->meta, 0, "argv");
    uint32_t count = list != PAWL_JSON_NONE ? work->meta.nodes[list].count : 0;
    char **argv = pawl_arena_alloc(&work->resume->arena, (count + 1) * sizeof(*argv));
    uint32_t at = 0;
    uint32_t node = argv != NULL ? pawl_json_first(&work->meta, list) : PAWL_JSON_NONE;
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&work->meta, node)) {
        struct pawl_slice word = pawl_json_string(&work->meta, node, &work->resume->arena);
        argv[at] = pawl_resume_keep(work, word);
        if (argv[at++] == NULL) {
            return NULL;
        }
    }
    if (argv != NULL) {
        argv[at] = NULL;
    }
    return argv;
}

/* Its last words: a summary, or what its last answer had said when it was cut. */
static struct pawl_slice read_words(struct pawl_resume_work *work, const char *name)
{
    char path[PAWL_PATH_BYTES];
    if (pawl_failed(pawl_resume_path(work, name, path)) || access(path, R_OK) != 0) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice text = pawl_slice_trim(read_file(work, path, SAID_SUMMARY_BYTES));
    if (work->resume->summary_path == NULL && !pawl_slice_empty(text)) {
        work->resume->summary_path = pawl_resume_keep(work, pawl_slice_str(path));
    }
    return text;
}

/* What the agent is told. */
struct pawl_slice pawl_resume_words(struct pawl_resume_work *work)
{
    struct pawl_arena *arena = &work->resume->arena;
    struct pawl_slice summary = read_words(work, PAWL_SUMMARY_FILE);
    struct pawl_slice partial = read_words(work, PAWL_PARTIAL_FILE);
    if (!pawl_slice_empty(summary)) {
        return pawl_arena_printf(arena,
                                 "%s The run before ended at the limit of its budget. What you "
                                 "said then about what was done and what is left:\n\n%.*s",
                                 said_first, (int)summary.bytes, summary.data);
    }
    if (!pawl_slice_empty(partial)) {
        return pawl_arena_printf(arena,
                                 "%s The run before ended at the limit of its budget, in the "
                                 "middle of an answer, which began:\n\n%.*s",
                                 said_first, (int)partial.bytes, partial.data);
    }
    return pawl_slice_str(said_first);
}
