/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap_enter.c: the wrapper's side of wrap.h, in a process that is about to become the program.
 *
 * It knows its run by where it was started: the kernel tells the path of the link. Where a run
 * inside of this one has started what is started here, it is that run's affair, and nothing is put
 * in. Whatever goes wrong, the program is not started: its calls would go past the gateway.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/file_os.h"
#include "base/json.h"
#include "run/command.h"
#include "run/keeper.h"
#include "run/run_priv.h"
#include "run/wrap.h"

enum { FACTS_BYTES_MAX = 16384, ARENA_BYTES_MAX = 1 << 20 };

/* What is known of the run, and of this start. */
struct start {
    enum pawl_agent agent;
    char **argv;
    char link_dir[PAWL_PATH_BYTES];
    char run_id[PAWL_RUN_ID_BYTES];
    char data_dir[PAWL_PATH_BYTES];
    char run_dir[PAWL_PATH_BYTES];
    char address[PAWL_RUN_ADDRESS_BYTES];
    bool tool_calls_capped;
    bool quiet;
    char program[PAWL_PATH_BYTES]; /* where the run's own PATH has it; then where this one's has */
};

/* --- Which wrapper --------------------------------------------------------------------------- */

/* The path by which this process was executed; an empty text where the kernel does not tell. */
static const char *executed_path(void)
{
    unsigned long address = getauxval(AT_EXECFN);
    const char *path = NULL;
    _Static_assert(sizeof(address) == sizeof(path), "the kernel tells addresses as numbers");
    memcpy(&path, &address, sizeof(path));
    return path != NULL ? path : "";
}

/* false: this is pawl under its own name, or in a directory that is no run's. */
static bool is_wrapper(const char *path, struct start *start)
{
    const char *slash = strrchr(path, '/');
    if (!pawl_agent_by_name(slash != NULL ? slash + 1 : path, &start->agent) ||
        start->agent == PAWL_AGENT_NONE) {
        return false;
    }
    char dir[PAWL_PATH_BYTES] = ".";
    if (slash != NULL) {
        (void)pawl_slice_copy_str(pawl_slice_of(path, (size_t)(slash - path)), dir, sizeof(dir));
    }
    return realpath(dir, start->link_dir) != NULL &&
           pawl_command_is_wrappers(pawl_slice_str(start->link_dir));
}

static bool take_text(const struct pawl_json *json,
                      struct pawl_arena *arena,
                      const char *name,
                      char *out,
                      size_t bytes)
{
    uint32_t node = pawl_json_path(json, 0, name);
    return pawl_json_is(json, node, PAWL_JSON_STRING) &&
           pawl_slice_copy_str(pawl_json_string(json, node, arena), out, bytes);
}

/* Absent where it was found through a directory relative to where the run began. */
static void
take_program(struct start *start, const struct pawl_json *json, struct pawl_arena *arena)
{
    char name[sizeof("programs.") + 32];
    (void)snprintf(name, sizeof(name), "programs.%s", pawl_agent_name(start->agent));
    if (!take_text(json, arena, name, start->program, sizeof(start->program))) {
        start->program[0] = '\0';
    }
}

static bool take_facts(struct start *start, struct pawl_arena *arena, struct pawl_slice text)
{
    struct pawl_json json;
    if (!pawl_json_parse(arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json) ||
        !take_text(&json, arena, "run", start->run_id, sizeof(start->run_id)) ||
        !take_text(&json, arena, "data_dir", start->data_dir, sizeof(start->data_dir)) ||
        !take_text(&json, arena, "address", start->address, sizeof(start->address))) {
        return false;
    }
    start->tool_calls_capped =
        pawl_json_bool_or(&json, pawl_json_get(&json, 0, "tool_calls_capped"), false);
    take_program(start, &json, arena);
    start->quiet = pawl_json_bool_or(&json, pawl_json_get(&json, 0, "quiet"), false);
    int bytes = snprintf(start->run_dir, sizeof(start->run_dir), "%s/runs/%s", start->data_dir,
                         start->run_id);
    return bytes > 0 && (size_t)bytes < sizeof(start->run_dir);
}

static pawl_err read_facts(struct start *start, struct pawl_errmsg *msg)
{
    struct pawl_arena arena;
    struct pawl_buf text;
    char path[PAWL_PATH_BYTES + sizeof("/../" PAWL_WRAP_FILE)];
    (void)snprintf(path, sizeof(path), "%s/../" PAWL_WRAP_FILE, start->link_dir);
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    pawl_buf_init(&text, FACTS_BYTES_MAX);
    pawl_err err = pawl_file_read(path, &text, msg);
    if (pawl_ok(err) && !take_facts(start, &arena, pawl_buf_slice(&text))) {
        pawl_errmsg_set(msg, "another version of pawl has written it");
        err = PAWL_ERR(VERSION);
    }
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg,
                         "%s is not started, since nothing could keep its calls in the run: what "
                         "%s should say cannot be read",
                         pawl_agent_name(start->agent), path);
    }
    pawl_buf_free(&text);
    pawl_arena_free(&arena);
    return err;
}

/* --- What the program gets ------------------------------------------------------------------- */

/* A script may have set another address than the run's: its credential need not be for the one
 * that the gateway would send it to. Codex takes none from its environment. */
static pawl_err refuse_other_address(const struct start *start, struct pawl_errmsg *msg)
{
    const char *name = start->agent == PAWL_AGENT_CLAUDE   ? "ANTHROPIC_BASE_URL"
                       : start->agent == PAWL_AGENT_GEMINI ? "GOOGLE_GEMINI_BASE_URL"
                                                           : NULL;
    const char *value = name != NULL ? getenv(name) : NULL;
    if (value == NULL || value[0] == '\0' ||
        strncmp(value, start->address, strlen(start->address)) == 0) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "%s was set inside of the run, and what %s calls there pawl cannot meter. Set "
                    "it before 'pawl run', and its calls go there through pawl",
                    name, pawl_agent_name(start->agent));
    return PAWL_ERR(UNSUPPORTED);
}

/* What every command of the run gets, where it was taken away on the way here; the exceptions from
 * a proxy in any case, which may have been set since. */
static void restore_variables(const struct start *start)
{
    struct pawl_environ_gateway gateway = {.address = start->address, .run_id = start->run_id};
    struct pawl_buf settings;
    pawl_buf_init(&settings, PAWL_KEEPER_START_MAX);
    pawl_environ_settings(pawl_environ_get, &gateway, &settings);
    for (size_t at = 0; at < settings.bytes; at += strlen(settings.data + at) + 1) {
        struct pawl_slice value = pawl_slice_str(settings.data + at);
        struct pawl_slice name = pawl_slice_cut(&value, '=');
        char plain[64];
        bool fits = pawl_slice_copy_str(name, plain, sizeof(plain));
        const char *own = fits ? getenv(plain) : NULL;
        bool exception =
            pawl_slice_equal_str(name, "NO_PROXY") || pawl_slice_equal_str(name, "no_proxy");
        if (fits && (exception || own == NULL || own[0] == '\0')) {
            (void)setenv(plain, value.data, 1);
        }
    }
    pawl_buf_free(&settings);
}

static pawl_err
make_plan(const struct start *start, struct pawl_agent_plan *plan, struct pawl_errmsg *msg)
{
    char pawl[PAWL_PATH_BYTES];
    char cwd[PAWL_PATH_BYTES];
    if (getcwd(cwd, sizeof(cwd)) == NULL) {
        cwd[0] = '\0';
    }
    struct pawl_agent_request request = {
        .command = {start->agent, 1},
        .argv = start->argv,
        .get = pawl_environ_get,
        .as_root = geteuid() == 0,
        .cwd = cwd,
        .run_id = start->run_id,
        .run_dir = start->run_dir,
        .data_dir = start->data_dir,
        .pawl = pawl_agent_hook_program(pawl),
        .address = start->address,
        .wrapped = true,
    };
    pawl_err err = pawl_agent_make_plan(&request, plan, msg);
    if (pawl_ok(err) && start->tool_calls_capped) {
        err = pawl_agent_check_hooks(start->agent, plan, msg);
    }
    return pawl_ok(err) && !plan->calls_nothing ? refuse_other_address(start, msg) : err;
}

/* Files are written, variables set; what the command becomes lives in `edits`. */
static pawl_err put_in(struct start *start, struct pawl_buf *edits, struct pawl_errmsg *msg)
{
    struct pawl_agent_plan plan;
    struct pawl_buf settings;
    pawl_buf_init(&settings, PAWL_KEEPER_START_MAX);
    pawl_err err = make_plan(start, &plan, msg);
    if (pawl_ok(err)) {
        restore_variables(start);
        err = pawl_agent_apply(&plan, start->run_dir, &settings, edits, msg);
    }
    for (size_t at = 0; pawl_ok(err) && at < settings.bytes;) {
        char *name = settings.data + at;
        char *value = strchr(name, '=');
        at += strlen(name) + 1;
        *value = '\0';
        (void)setenv(name, value + 1, 1);
    }
    /* Somebody at a terminal wants to know; in a pipe the lines would be taken for the program's.
     */
    for (size_t i = 0;
         pawl_ok(err) && !start->quiet && isatty(STDERR_FILENO) == 1 && i < plan.note_count; i++) {
        fprintf(stderr, "pawl: %s\n", plan.notes[i]);
    }
    pawl_agent_free_plan(&plan);
    pawl_buf_free(&settings);
    char **edited = pawl_ok(err) ? pawl_keeper_edit(start->argv, pawl_buf_slice(edits)) : NULL;
    if (pawl_ok(err) && edited == NULL) {
        pawl_errmsg_set(msg, "no memory");
        err = PAWL_ERR(MEMORY);
    }
    start->argv = pawl_ok(err) ? edited : start->argv;
    return err;
}

/* --- Becoming it ----------------------------------------------------------------------------- */

/* Whether this start is another run's affair, one that was begun inside of this one. */
static bool is_of_inner_run(const struct start *start)
{
    const char *id = getenv("PAWL_RUN_ID");
    return id != NULL && id[0] != '\0' && strcmp(id, start->run_id) != 0;
}

static int not_executable(const char *name, int error_number)
{
    if (error_number == ENOENT) {
        fprintf(stderr, "pawl: %s: command not found\n", name);
        return PAWL_RUN_EXIT_NOT_FOUND;
    }
    fprintf(stderr, "pawl: %s: cannot be executed: %s\n", name, strerror(error_number));
    return PAWL_RUN_EXIT_NOT_EXECUTABLE;
}

static int enter(struct start *start)
{
    struct pawl_errmsg msg = {""};
    struct pawl_buf edits;
    const char *name = pawl_agent_name(start->agent);
    pawl_buf_init(&edits, PAWL_KEEPER_START_MAX);
    pawl_err err = read_facts(start, &msg);
    int missing = pawl_command_find(name, getenv("PATH"), start->program);
    if (pawl_ok(err) && missing != 0 && access(start->program, X_OK) != 0) {
        return not_executable(name, missing);
    }
    if (pawl_ok(err) && !is_of_inner_run(start)) {
        err = put_in(start, &edits, &msg);
    }
    if (pawl_failed(err)) {
        pawl_run_complain("", &msg);
        pawl_buf_free(&edits);
        return PAWL_RUN_EXIT_FAILED;
    }
    (void)execvp(start->program, start->argv);
    int error_number = errno;
    pawl_buf_free(&edits);
    return not_executable(start->program, error_number);
}

bool pawl_wrap_enter(char **argv, int *ret_status)
{
    struct start start = {.argv = argv};
    if (argv[0] == NULL || !is_wrapper(executed_path(), &start)) {
        return false;
    }
    *ret_status = enter(&start);
    return true;
}
