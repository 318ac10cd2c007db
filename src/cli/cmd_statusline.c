/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_statusline.c: `pawl statusline`. It stands in prompts and is started every few seconds, so it
 * opens no history and waits for nobody for long: a run that does not answer at once is passed
 * over. Where there is no run there is no line, and that is no error.
 *
 * An agent's status line tells on stdin where it is, as JSON; tmux gives a socket on which nothing
 * ever comes, the same one as stdout, by which it is told apart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "cli/statusline.h"
#include "run/place.h"

enum { OPTION_FORMAT = 1, OPTION_DATA_DIR };

enum {
    ASK_MS = 100,
    ASKS_MAX = 16, /* live runs that are looked at; the newest come first */
    STDIN_MS = 50,
    STDIN_BYTES_MAX = 256 << 10,
    ARENA_BYTES_MAX = 1 << 20,
    LINE_BYTES_MAX = 4096
};

static const struct pawl_cli_option options[] = {
    {OPTION_FORMAT, 'f', "format", "FORMAT", "what to print, with placeholders as below"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

/* --- Where the line is shown ---------------------------------------------------------------- */

static bool may_read_stdin(void)
{
    struct stat in;
    struct stat out;
    if (isatty(STDIN_FILENO) != 0 || fstat(STDIN_FILENO, &in) != 0) {
        return false;
    }
    bool same =
        fstat(STDOUT_FILENO, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
    return !same && (S_ISREG(in.st_mode) || S_ISFIFO(in.st_mode) || S_ISSOCK(in.st_mode));
}

/* To the end of file, but not for long. */
static void read_stdin(struct pawl_buf *text)
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t until_us = clock.boot_us(clock.arg) + STDIN_MS * PAWL_US_PER_MS;
    for (;;) {
        struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
        int64_t left_ms = (until_us - clock.boot_us(clock.arg)) / PAWL_US_PER_MS;
        if (left_ms < 0 || poll(&polled, 1, (int)left_ms) <= 0) {
            return;
        }
        char *room = pawl_buf_reserve(text, 4096);
        ssize_t bytes = room != NULL ? read(STDIN_FILENO, room, 4096) : 0;
        if (bytes == 0 || (bytes < 0 && errno != EINTR)) {
            return;
        }
        pawl_buf_advance(text, bytes > 0 ? (size_t)bytes : 0);
    }
}

/* The directory that an agent tells; false: it tells none. */
static bool told_directory(char out[static PAWL_PATH_BYTES])
{
    static const char *const paths[] = {"workspace.current_dir", "cwd"};
    struct pawl_buf text;
    struct pawl_arena arena;
    struct pawl_json json;
    bool told = false;
    if (!may_read_stdin()) {
        return false;
    }
    pawl_buf_init(&text, STDIN_BYTES_MAX);
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    read_stdin(&text);
    if (pawl_json_parse(&arena, pawl_buf_slice(&text), PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                        &json)) {
        for (size_t i = 0; i < PAWL_ARRAY_LEN(paths) && !told; i++) {
            struct pawl_slice dir =
                pawl_json_string(&json, pawl_json_path(&json, 0, paths[i]), &arena);
            told = !pawl_slice_empty(dir) && pawl_slice_copy_str(dir, out, PAWL_PATH_BYTES);
        }
    }
    pawl_arena_free(&arena);
    pawl_buf_free(&text);
    return told;
}

/* --- Which run ------------------------------------------------------------------------------ */

enum { FAR, SAME_REPOSITORY, SAME_DIRECTORY };

struct choice {
    const struct pawl_datadir *dir;
    const char *wanted; /* an id; NULL: by place */
    struct pawl_place place;
    int asks;
    int rank; /* of what was found; -1: nothing yet */
    struct pawl_glance found;
};

static int rank_of(const struct choice *choice, const struct pawl_glance *glance)
{
    if (choice->place.dir[0] != '\0' && strcmp(glance->cwd, choice->place.dir) == 0) {
        return SAME_DIRECTORY;
    }
    return choice->place.repo[0] != '\0' && strcmp(glance->repo, choice->place.repo) == 0
               ? SAME_REPOSITORY
               : FAR;
}

static bool look(void *arg, const char *id)
{
    struct choice *choice = arg;
    struct pawl_errmsg msg;
    static struct pawl_glance glance; /* too large for a stack that callbacks share */
    if (pawl_ok(pawl_glance_ask(choice->dir, id, ASK_MS, NULL, &glance, &msg))) {
        int rank = choice->wanted != NULL ? SAME_DIRECTORY : rank_of(choice, &glance);
        if (rank > choice->rank) {
            choice->rank = rank;
            choice->found = glance;
        }
    }
    choice->asks++;
    return choice->rank < SAME_DIRECTORY && choice->asks < ASKS_MAX;
}

static bool choose(struct choice *choice)
{
    struct pawl_errmsg msg;
    char told[PAWL_PATH_BYTES];
    const char *own = getenv("PAWL_RUN_ID");
    bool is_told = told_directory(told); /* Read in any case: whoever writes it expects that. */
    if (own != NULL && pawl_run_id_valid(own)) {
        choice->wanted = own;
        (void)look(choice, own);
        return choice->rank >= 0;
    }
    if (!pawl_place_find(is_told ? told : ".", &choice->place)) {
        choice->place = (struct pawl_place){.dir = ""};
    }
    return pawl_ok(pawl_glance_candidates(choice->dir, look, choice, &msg)) && choice->rank >= 0;
}

/* --- The command ---------------------------------------------------------------------------- */

/* A format is told to be wrong whether there is a run or not. */
static int check_format(const struct pawl_cli_call *call, const char *format)
{
    static const struct pawl_glance nothing;
    struct pawl_errmsg msg = {""};
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES_MAX);
    pawl_err err = pawl_statusline_write(&nothing, format, &line, &msg);
    pawl_buf_free(&line);
    return pawl_ok(err) ? PAWL_CLI_GO_ON : pawl_cli_usage_error(call, "--format: %s", msg.text);
}

static int run_statusline(const struct pawl_cli_call *call)
{
    static struct choice choice;
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    const char *format = pawl_cli_value(call, OPTION_FORMAT);
    if (format == NULL) {
        format = pawl_cli_speaks_utf8() ? PAWL_STATUSLINE_FORMAT : PAWL_STATUSLINE_FORMAT_ASCII;
    }
    int status = check_format(call, format);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (pawl_failed(pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &msg))) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    choice = (struct choice){.dir = &dir, .rank = -1};
    if (choose(&choice)) {
        struct pawl_buf line;
        pawl_buf_init(&line, LINE_BYTES_MAX);
        if (pawl_ok(pawl_statusline_write(&choice.found, format, &line, &msg))) {
            pawl_cli_print_line(&line);
        }
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_statusline = {
    .name = "statusline",
    .operands = "",
    .summary = "a live run in one line, for tmux and prompts",
    .text =
        "Prints where a live run stands, or nothing where there is none: the run that\n"
        "$PAWL_RUN_ID names; else the newest one in this directory, in this repository, or\n"
        "anywhere. An agent that tells its directory as JSON on stdin (Claude Code's status\n"
        "line does) is believed.\n"
        "FORMAT has placeholders: {spent} {cap} {percent} of the dollars, {state} of a run that\n"
        "is stopped or ending, {left} at this rate until the first cap, {burn} in dollars a\n"
        "minute, {nearest} cap that is not the dollars, {phase}, {model}, {tokens}, {calls},\n"
        "{name}, {run}, {policy}. {left: - } puts \" - \" in front where there is a value. {{ is\n"
        "a brace.",
    .examples = "  set -g status-right '#(pawl statusline)'     # ~/.tmux.conf\n"
                "  PS1='$(pawl statusline) \\$ '\n"
                "  pawl statusline --format '{percent}{left: }'",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_statusline,
};
