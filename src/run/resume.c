/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.c: see resume.h. What the run had comes from the history, its command from meta.json; the
 * session's id from the metadata of its calls, and its last words from the file that it left.
 */
#define _GNU_SOURCE
#include "run/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/money.h"
#include "run/caps.h"
#include "run/live.h"
#include "run/rundir.h"

enum {
    ARENA_BYTES_MAX = 8 << 20,
    META_BYTES_MAX = 64 << 10,
    SAID_SUMMARY_BYTES = 16 << 10, /* of a summary, in a command line */
    ASK_MS = 2000,
    ADD_BYTES_MAX = 64
};

#define CLAIM_FILE "resumed"

static const char said_first[] = "Continue where you left off.";

struct work {
    const struct pawl_resume_request *request;
    struct pawl_resume *resume;
    struct pawl_errmsg *msg;
    bool found;
    bool completed;
    uint16_t unit;           /* of the cap that stopped it; 0: none */
    struct pawl_slice phase; /* whose ceiling that was; empty: the run's own */
    int64_t limit[PAWL_CAP_COUNT];
    int64_t spent[PAWL_CAP_COUNT]; /* by this run alone */
    struct pawl_slice session;
    struct pawl_slice successor;
    struct pawl_json meta;
};

static char *keep(struct work *work, struct pawl_slice text)
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

static void read_before(struct work *work, struct pawl_slice before)
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

static void read_phases(struct work *work, const struct pawl_json *json)
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

/* What its phases had, and whose limit stopped it: at one across runs, no cap of its own has to be
 * added to. */
static void read_end(struct work *work, const struct pawl_history_run *run)
{
    struct pawl_json json;
    struct pawl_arena *arena = &work->resume->arena;
    struct pawl_slice note = pawl_arena_copy(arena, run->end_note);
    work->unit = run->unit;
    if (pawl_slice_empty(note) ||
        !pawl_json_parse(arena, note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return;
    }
    if (pawl_json_get(&json, 0, "limit") != PAWL_JSON_NONE) {
        work->unit = PAWL_UNIT_NONE;
    }
    if (!work->request->own_policy) {
        work->phase = pawl_json_string(&json, pawl_json_get(&json, 0, "phase"), arena);
        read_phases(work, &json);
    }
}

static bool take_run(void *arg, const struct pawl_history_run *run)
{
    struct work *work = arg;
    work->found = true;
    work->completed = pawl_slice_equal_str(run->reason, "completed");
    read_end(work, run);
    work->resume->baseline =
        pawl_slice_empty(run->baseline_last) ? NULL : keep(work, run->baseline_last);
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
    struct work *work = arg;
    work->successor = pawl_arena_copy(&work->resume->arena, run->id);
    return false;
}

/* The main conversation's id; the last call that had one counts. */
static bool take_session(void *arg, const struct pawl_history_call *call)
{
    struct work *work = arg;
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

static pawl_err read_history(struct work *work)
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

static pawl_err path_of(struct work *work, const char *name, char out[static PAWL_PATH_BYTES])
{
    char relative[PAWL_RUN_ID_BYTES + 32];
    (void)snprintf(relative, sizeof(relative), "runs/%s/%s", work->request->id, name);
    return pawl_datadir_path(work->request->dir, relative, out, work->msg);
}

/* A file's first bytes, in the arena; empty where it cannot be read. */
static struct pawl_slice read_file(struct work *work, const char *path, size_t max)
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

static pawl_err read_meta(struct work *work)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = path_of(work, "meta.json", path);
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

static const char *meta_text(struct work *work, const char *key)
{
    uint32_t node = pawl_json_get(&work->meta, 0, key);
    struct pawl_slice text = pawl_json_string(&work->meta, node, &work->resume->arena);
    return pawl_slice_empty(text) ? NULL : keep(work, text);
}

static char **read_argv(struct work *work)
{
    uint32_t list = pawl_json_get(&work->meta, 0, "argv");
    uint32_t count = list != PAWL_JSON_NONE ? work->meta.nodes[list].count : 0;
    char **argv = pawl_arena_alloc(&work->resume->arena, (count + 1) * sizeof(*argv));
    uint32_t at = 0;
    uint32_t node = argv != NULL ? pawl_json_first(&work->meta, list) : PAWL_JSON_NONE;
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&work->meta, node)) {
        struct pawl_slice word = pawl_json_string(&work->meta, node, &work->resume->arena);
        argv[at] = keep(work, word);
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
static struct pawl_slice read_words(struct work *work, const char *name)
{
    char path[PAWL_PATH_BYTES];
    if (pawl_failed(path_of(work, name, path)) || access(path, R_OK) != 0) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice text = pawl_slice_trim(read_file(work, path, SAID_SUMMARY_BYTES));
    if (work->resume->summary_path == NULL && !pawl_slice_empty(text)) {
        work->resume->summary_path = keep(work, pawl_slice_str(path));
    }
    return text;
}

/* What the agent is told. */
static struct pawl_slice make_words(struct work *work)
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

/* --- Whether it can go on ------------------------------------------------------------------- */

static bool is_live(struct work *work)
{
    struct pawl_buf answer;
    struct pawl_errmsg ignored;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_live_ask(work->request->dir, work->request->id, ASK_MS, &answer, &ignored);
    pawl_buf_free(&answer);
    return pawl_ok(err);
}

static pawl_err check(struct work *work)
{
    const char *id = work->request->id;
    if (is_live(work)) {
        pawl_errmsg_set(work->msg,
                        "%s is still running. To give it more: pawl approve %s "
                        "--add-usd 1.00",
                        id, id);
        return PAWL_ERR(INVALID);
    }
    if (work->completed) {
        pawl_errmsg_set(work->msg, "%s was completed: there is nothing to go on with", id);
        return PAWL_ERR(INVALID);
    }
    if (!pawl_slice_empty(work->successor)) {
        pawl_errmsg_set(work->msg, "%s went on in %.*s already: pawl run --resume %.*s", id,
                        (int)work->successor.bytes, work->successor.data,
                        (int)work->successor.bytes, work->successor.data);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

static const char *add_option(enum pawl_run_cap_index index)
{
    static const char *const names[PAWL_CAP_COUNT] = {
        [PAWL_CAP_USD] = "--add-usd 1.00",
        [PAWL_CAP_TOKENS] = "--add-tokens 1M",
        [PAWL_CAP_TOOL_CALLS] = "--add-tool-calls 100",
        [PAWL_CAP_ITERATIONS] = "--add-iterations 50",
        [PAWL_CAP_TIME] = "--add-time 30m",
    };
    return names[index];
}

/* What it had left, and what is added. */
static pawl_err make_caps(struct work *work)
{
    const struct pawl_resume_request *request = work->request;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        int64_t left = work->limit[i] - work->spent[i];
        int64_t amount = left + request->added[i];
        bool stopped = work->unit == pawl_cap_unit(index) && pawl_slice_empty(work->phase) &&
                       request->added[i] == 0;
        if (work->limit[i] < 0) {
            continue; /* It had no such cap. */
        }
        if (stopped || amount <= 0) {
            char spent[PAWL_CAP_TEXT_BYTES];
            char limit[PAWL_CAP_TEXT_BYTES];
            pawl_errmsg_set(
                work->msg, "%s is at its cap: %s of %s used. Add to it: pawl run --resume %s %s",
                request->id, pawl_cap_format(index, work->spent[i], spent),
                pawl_cap_phrase(index, work->limit[i], limit), request->id, add_option(index));
            return PAWL_ERR(INVALID);
        }
        if (amount > PAWL_AMOUNT_MAX) {
            pawl_errmsg_set(work->msg, "so much cannot be added: %s", add_option(index));
            return PAWL_ERR(INVALID);
        }
        work->resume->caps[i] =
            (struct pawl_run_cap){.set = true, .amount = amount, .origin = PAWL_ORIGIN_RESUMED};
    }
    return PAWL_OK;
}

/* The phase that stopped it has to be given something. */
static pawl_err check_phase(struct work *work)
{
    struct pawl_errmsg ignored;
    struct pawl_run_phases added;
    enum pawl_run_cap_index index = pawl_cap_of_unit(work->unit);
    if (pawl_slice_empty(work->phase) || index == PAWL_CAP_COUNT) {
        return PAWL_OK;
    }
    pawl_phases_init(&added);
    for (size_t i = 0; work->request->phases[i] != NULL; i++) {
        if (pawl_failed(pawl_phases_parse(&added, work->request->phases[i], &ignored))) {
            break; /* It was looked at already. */
        }
    }
    int given = pawl_phases_find(&added, work->phase);
    if (given != PAWL_PHASE_NONE && added.phases[given].caps[index].set) {
        return PAWL_OK;
    }
    struct pawl_buf more;
    pawl_buf_init(&more, ADD_BYTES_MAX);
    for (int i = 0; i < work->resume->phases.count; i++) {
        const struct pawl_phase_before *phase = &work->resume->phases.phases[i];
        if (pawl_slice_equal_str(work->phase, phase->name)) {
            pawl_phases_put_ceiling(index, (pawl_max_i64(phase->limit[index], 1) + 1) / 2, &more);
        }
    }
    pawl_errmsg_set(work->msg,
                    "%s was stopped at the ceiling of %.*s. Add to it: pawl run --resume %s "
                    "--phase %.*s=%s",
                    work->request->id, (int)work->phase.bytes, work->phase.data, work->request->id,
                    (int)work->phase.bytes, work->phase.data, pawl_buf_cstr(&more));
    pawl_buf_free(&more);
    return PAWL_ERR(INVALID);
}

/* --- All of it ------------------------------------------------------------------------------ */

static pawl_err make_command(struct work *work)
{
    struct pawl_resume *resume = work->resume;
    char **argv = read_argv(work);
    if (argv == NULL || argv[0] == NULL) {
        pawl_errmsg_set(work->msg, "the command of %s is not known", work->request->id);
        return PAWL_ERR(INVALID);
    }
    struct pawl_agent_command command = pawl_agent_of(argv);
    const char *given = meta_text(work, "agent");
    if (given != NULL && pawl_agent_by_name(given, &resume->agent)) {
        /* Known by what the user said, its arguments are those of a script around it. */
        command.agent = PAWL_AGENT_NONE;
        resume->agent_given = true;
    } else {
        resume->agent = command.agent;
    }
    bool whole = pawl_json_bool_or(&work->meta, pawl_json_get(&work->meta, 0, "argv_whole"), false);
    if (command.agent == PAWL_AGENT_NONE && !whole && work->request->extra[0] == NULL) {
        pawl_errmsg_set(work->msg,
                        "the command of %s was not written down whole: it is too long, or has what "
                        "looks like a secret in it. Give it again: pawl run --resume %s ... -- "
                        "COMMAND",
                        work->request->id, work->request->id);
        return PAWL_ERR(INVALID);
    }
    struct pawl_slice said = make_words(work);
    resume->argv = pawl_resume_command(&resume->arena, command, argv, work->session, said,
                                       work->request->extra);
    return resume->argv != NULL ? PAWL_OK : PAWL_ERR(MEMORY);
}

static void take_rest(struct work *work)
{
    struct pawl_resume *resume = work->resume;
    resume->name = meta_text(work, "name");
    resume->model = meta_text(work, "model");
    resume->cwd = meta_text(work, "cwd");
    const char *primary = meta_text(work, "primary");
    enum pawl_run_cap_index index =
        primary != NULL ? pawl_cap_of_unit(pawl_unit_from_name(pawl_slice_str(primary)))
                        : PAWL_CAP_COUNT;
    resume->primary = index != PAWL_CAP_COUNT ? index : PAWL_CAP_USD;
    char path[PAWL_PATH_BYTES];
    if (!work->request->own_policy && pawl_ok(path_of(work, PAWL_RUN_POLICY_FILE, path)) &&
        access(path, R_OK) == 0) {
        resume->policy = keep(work, pawl_slice_str(path));
    }
}

pawl_err pawl_resume_make(const struct pawl_resume_request *request,
                          struct pawl_resume *ret_resume,
                          struct pawl_errmsg *msg)
{
    *ret_resume = (struct pawl_resume){.argv = NULL};
    pawl_arena_init(&ret_resume->arena, ARENA_BYTES_MAX);
    struct work work = {.request = request, .resume = ret_resume, .msg = msg};
    pawl_err err = read_history(&work);
    if (pawl_ok(err)) {
        err = check(&work);
    }
    if (pawl_ok(err)) {
        err = make_caps(&work);
    }
    if (pawl_ok(err)) {
        err = check_phase(&work);
    }
    if (pawl_ok(err)) {
        err = read_meta(&work);
    }
    if (pawl_ok(err)) {
        err = make_command(&work);
    }
    if (pawl_ok(err)) {
        take_rest(&work);
    }
    if (err.code == PAWL_ERR_MEMORY || (pawl_ok(err) && ret_resume->arena.overflowed)) {
        pawl_errmsg_set(msg, "no memory");
        err = PAWL_ERR(MEMORY);
    }
    return err;
}

void pawl_resume_free(struct pawl_resume *resume)
{
    pawl_arena_free(&resume->arena);
}

/* --- One successor -------------------------------------------------------------------------- */

/* A claim of a run that came to nothing counts no more: its directory is gone. */
static bool is_stale(const struct pawl_datadir *dir, int fd, struct pawl_errmsg *msg)
{
    char id[PAWL_RUN_ID_BYTES] = "";
    char relative[PAWL_RUN_ID_BYTES + 8];
    char path[PAWL_PATH_BYTES];
    ssize_t bytes = pread(fd, id, sizeof(id) - 1, 0);
    id[bytes > 0 ? bytes : 0] = '\0';
    (void)snprintf(relative, sizeof(relative), "runs/%s", id);
    bool there = id[0] != '\0' && pawl_ok(pawl_datadir_path(dir, relative, path, msg)) &&
                 access(path, F_OK) == 0;
    if (there) {
        pawl_errmsg_set(msg, "it went on in %s already: pawl run --resume %s", id, id);
    }
    return !there;
}

pawl_err pawl_resume_claim(const struct pawl_datadir *dir,
                           const char *from,
                           const char *id,
                           struct pawl_errmsg *msg)
{
    char relative[PAWL_RUN_ID_BYTES + 32];
    char path[PAWL_PATH_BYTES];
    (void)snprintf(relative, sizeof(relative), "runs/%s/" CLAIM_FILE, from);
    pawl_err err = pawl_datadir_path(dir, relative, path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool locked = fd >= 0 && fcntl(fd, F_SETLKW, &lock) == 0;
    if (locked && !is_stale(dir, fd, msg)) {
        err = PAWL_ERR(EXISTS);
    } else if (!locked || ftruncate(fd, 0) != 0 ||
               pwrite(fd, id, strlen(id), 0) != (ssize_t)strlen(id)) {
        pawl_errmsg_set(msg, "cannot write %.400s: %s", path, strerror(errno));
        err = pawl_err_from_errno(errno);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}
