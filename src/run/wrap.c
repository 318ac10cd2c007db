/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap.c: the run's side of wrap.h. Only agents that are there get a wrapper: one that is not
 * installed must be missing under pawl, too, for scripts look for it.
 *
 * A link to pawl and no script of the shell: it starts sooner, keeps the name by which the program
 * was called, and works where the data directory's file system executes nothing.
 */
#define _GNU_SOURCE
#include "run/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "run/agents_priv.h"
#include "run/command.h"
#include "run/datafile.h"

enum { PATH_VARIABLE_MAX = 32768, FACTS_BYTES_MAX = 16384 };

bool pawl_wrap_program(enum pawl_agent agent,
                       pawl_environ_get_fn *get,
                       char ret_program[static PAWL_PATH_BYTES])
{
    return agent != PAWL_AGENT_NONE &&
           pawl_command_find(pawl_agent_name(agent), get("PATH"), ret_program) == 0;
}

/* PATH is long, so it is looked through once. */
struct programs {
    bool any;
    char paths[PAWL_AGENT_COUNT][PAWL_PATH_BYTES]; /* "": it is not there */
};

static void find_programs(pawl_environ_get_fn *get, struct programs *ret_programs)
{
    ret_programs->any = false;
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        char *path = ret_programs->paths[i];
        bool found = pawl_wrap_program((enum pawl_agent)i, get, path);
        path[0] = found ? path[0] : '\0';
        ret_programs->any = ret_programs->any || found;
    }
}

static bool
wrapper_path(const char *run_dir, enum pawl_agent agent, char out[static PAWL_PATH_BYTES])
{
    int bytes =
        snprintf(out, PAWL_PATH_BYTES, "%s/" PAWL_WRAP_DIR "/%s", run_dir, pawl_agent_name(agent));
    return bytes > 0 && bytes < PAWL_PATH_BYTES;
}

static bool dir_path(const char *run_dir, char out[static PAWL_PATH_BYTES])
{
    int bytes = snprintf(out, PAWL_PATH_BYTES, "%s/" PAWL_WRAP_DIR, run_dir);
    return bytes > 0 && bytes < PAWL_PATH_BYTES;
}

static pawl_err too_long(struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "the run's path is too long");
    return PAWL_ERR(LIMIT);
}

/* --- Making ---------------------------------------------------------------------------------- */

/* What stands in the way of any wrapper; NULL: nothing. */
static const char *obstacle(const char *run_dir, const char *path, const char *pawl)
{
    if (strchr(run_dir, ':') != NULL) {
        return "the data directory's path has a colon in it, which separates directories in PATH";
    }
    if (path != NULL && strlen(path) > PATH_VARIABLE_MAX) {
        return "PATH is too long";
    }
    return access(pawl, X_OK) != 0 ? "the program pawl is not where it was started from" : NULL;
}

/* By agent, for where the PATH of a start has none. */
static void put_programs(const struct programs *programs, struct pawl_json_writer *json)
{
    pawl_json_key(json, "programs");
    pawl_json_object_begin(json);
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        if (programs->paths[i][0] == '/') {
            pawl_json_member_str(json, pawl_agent_name((enum pawl_agent)i), programs->paths[i]);
        }
    }
    pawl_json_object_end(json);
}

static pawl_err write_facts(const struct pawl_rundir *run,
                            const struct pawl_wrap *wrap,
                            const struct programs *programs,
                            struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    struct pawl_json_writer json;
    pawl_buf_init(&text, FACTS_BYTES_MAX);
    pawl_json_writer_init(&json, &text);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "run", run->id);
    pawl_json_member_str(&json, "data_dir", wrap->data_dir);
    pawl_json_member_str(&json, "address", wrap->address);
    pawl_json_member_bool(&json, "tool_calls_capped", wrap->tool_calls_capped);
    pawl_json_member_bool(&json, "quiet", wrap->quiet);
    put_programs(programs, &json);
    pawl_json_object_end(&json);
    pawl_buf_append_byte(&text, '\n');
    pawl_err err = pawl_rundir_write(run, PAWL_WRAP_FILE, pawl_buf_slice(&text), msg);
    pawl_buf_free(&text);
    return err;
}

/* Whoever has a file there of his own may write to it for the next bash: it stays. One of an outer
 * run's is none of his. */
static bool wants_bash(pawl_environ_get_fn *get)
{
    char id[PAWL_RUN_ID_BYTES];
    const char *own = get("BASH_ENV");
    struct pawl_slice path = pawl_slice_str(own != NULL ? own : "");
    struct pawl_slice name = pawl_slice_cut_last(&path, '/');
    return own == NULL || own[0] == '\0' ||
           (pawl_slice_equal_str(name, PAWL_WRAP_BASH) &&
            pawl_slice_copy_str(pawl_slice_cut_last(&path, '/'), id, sizeof(id)) &&
            pawl_run_id_valid(id));
}

static pawl_err write_bash(const struct pawl_rundir *run, struct pawl_errmsg *msg)
{
    char dir[PAWL_PATH_BYTES];
    struct pawl_buf text;
    struct pawl_buf word;
    if (!dir_path(run->path, dir)) {
        return too_long(msg);
    }
    pawl_buf_init(&word, 5 * (size_t)PAWL_PATH_BYTES);
    pawl_buf_init(&text, 11 * (size_t)PAWL_PATH_BYTES);
    pawl_agent_put_word(&word, dir);
    pawl_buf_append_str(&text, "# Of 'pawl run': agents that are started here are kept in the "
                               "run.\n");
    pawl_buf_printf(&text, "case $PATH in %s:*) ;; *) PATH=%s:$PATH ;; esac\n",
                    pawl_buf_cstr(&word), pawl_buf_cstr(&word));
    pawl_err err = pawl_rundir_write(run, PAWL_WRAP_BASH, pawl_buf_slice(&text), msg);
    pawl_buf_free(&text);
    pawl_buf_free(&word);
    return err;
}

static pawl_err make_links(const struct pawl_rundir *run,
                           const struct programs *programs,
                           const char *pawl,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    if (!dir_path(run->path, path)) {
        return too_long(msg);
    }
    if (mkdir(path, S_IRWXU) != 0) {
        return pawl_datafile_failed("make the directory", path, msg);
    }
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        bool wanted = programs->paths[i][0] != '\0';
        if (wanted &&
            (!wrapper_path(run->path, (enum pawl_agent)i, path) || symlink(pawl, path) != 0)) {
            return pawl_datafile_failed("make the link", path, msg);
        }
    }
    return PAWL_OK;
}

static void put_settings(const char *run_dir, pawl_environ_get_fn *get, struct pawl_buf *settings)
{
    const char *path = get("PATH");
    pawl_buf_printf(settings, "PATH=%s/" PAWL_WRAP_DIR ":%s", run_dir,
                    path != NULL ? path : PAWL_COMMAND_PATH);
    pawl_buf_append_byte(settings, '\0');
    if (wants_bash(get)) {
        pawl_buf_printf(settings, "BASH_ENV=%s/" PAWL_WRAP_BASH, run_dir);
        pawl_buf_append_byte(settings, '\0');
    }
}

void pawl_wrap_settings(const char *run_dir, pawl_environ_get_fn *get, struct pawl_buf *settings)
{
    struct programs programs;
    find_programs(get, &programs);
    if (programs.any) {
        put_settings(run_dir, get, settings);
    }
}

pawl_err pawl_wrap_make(const struct pawl_rundir *run,
                        const struct pawl_wrap *wrap,
                        pawl_environ_get_fn *get,
                        struct pawl_buf *settings,
                        struct pawl_errmsg *msg)
{
    char pawl[PAWL_PATH_BYTES];
    struct programs programs;
    find_programs(get, &programs);
    if (!programs.any) {
        return PAWL_OK;
    }
    const char *why_not = obstacle(run->path, get("PATH"), pawl_agent_hook_program(pawl));
    if (why_not != NULL) {
        pawl_errmsg_set(msg, "%s", why_not);
        return PAWL_ERR(UNSUPPORTED);
    }
    pawl_err err = write_facts(run, wrap, &programs, msg);
    if (pawl_ok(err) && wants_bash(get)) {
        err = write_bash(run, msg);
    }
    if (pawl_ok(err)) {
        err = make_links(run, &programs, pawl, msg);
    }
    if (pawl_failed(err)) {
        pawl_wrap_clean(run->path);
        return err;
    }
    put_settings(run->path, get, settings);
    return PAWL_OK;
}

void pawl_wrap_clean(const char *run_dir)
{
    char path[PAWL_PATH_BYTES];
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        if (wrapper_path(run_dir, (enum pawl_agent)i, path)) {
            (void)unlink(path);
        }
    }
    if (dir_path(run_dir, path)) {
        (void)rmdir(path);
    }
    static const char *const files[] = {PAWL_WRAP_FILE, PAWL_WRAP_BASH};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(files); i++) {
        int bytes = snprintf(path, sizeof(path), "%s/%s", run_dir, files[i]);
        if (bytes > 0 && bytes < PAWL_PATH_BYTES) {
            (void)unlink(path);
        }
    }
}
