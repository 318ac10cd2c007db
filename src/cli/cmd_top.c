/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_top.c: `pawl top`: gathers the live runs once a second and has them laid out and painted;
 * between two looks it reads keys. Where there is no terminal it prints one look as text.
 *
 * What changes a run (stop, approve) is asked back for, and is the same request as the command of
 * that name makes.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "cli/top_layout.h"
#include "cli/top_screen.h"
#include "run/live.h"

enum { OPTION_ONCE = 1, OPTION_SORT, OPTION_DATA_DIR };

enum {
    RUNS_MAX = 64,
    ASK_MS = 300,
    POST_MS = 5000,
    LOOK_MS = 1000,
    SNAPSHOT_WIDTH = 100,
    CLOCK_BYTES = 16,
    MESSAGE_BYTES = 256
};

static const struct pawl_cli_option options[] = {
    {OPTION_ONCE, '1', "once", NULL, "print one look as text, as where there is no terminal"},
    {OPTION_SORT, 0, "sort", "ORDER", "start (the newest first), use, rate or spent"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

/* What the next key answers. */
enum question { ASKS_NOTHING, ASKS_TO_STOP, ASKS_TO_APPROVE };

struct session {
    struct pawl_datadir dir;
    struct pawl_top top;
    enum question question;
    char asked_about[PAWL_RUN_ID_BYTES];
    char message[MESSAGE_BYTES]; /* "": the keys are shown */
    char clock[CLOCK_BYTES];
};

/* --- Looking -------------------------------------------------------------------------------- */

static bool take(void *arg, const char *id)
{
    struct session *session = arg;
    struct pawl_errmsg msg;
    struct pawl_top *top = &session->top;
    if (pawl_ok(pawl_glance_ask(&session->dir, id, ASK_MS, NULL, &top->runs[top->count], &msg))) {
        top->count++;
    }
    return top->count < RUNS_MAX;
}

/* The selection stays on its run, wherever that stands now. */
static pawl_err look(struct session *session, struct pawl_errmsg *msg)
{
    struct pawl_top *top = &session->top;
    struct pawl_clock machine = pawl_clock_os();
    char selected[PAWL_RUN_ID_BYTES] = "";
    if (top->selected < top->count) {
        memcpy(selected, top->runs[top->selected].id, sizeof(selected));
    }
    top->now_ms = machine.real_us(machine.arg) / PAWL_US_PER_MS;
    time_t seconds = (time_t)(top->now_ms / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(session->clock, sizeof(session->clock), "%H:%M:%S", &parts) == 0) {
        session->clock[0] = '\0';
    }
    top->clock = session->clock;
    top->count = 0;
    pawl_err err = pawl_glance_candidates(&session->dir, take, session, msg);
    pawl_top_arrange(top, selected);
    return err;
}

/* --- Acting --------------------------------------------------------------------------------- */

static const struct pawl_glance *selected_run(const struct session *session)
{
    const struct pawl_top *top = &session->top;
    return top->selected < top->count ? &top->runs[top->selected] : NULL;
}

static void ask_back(struct session *session, enum question question)
{
    const struct pawl_glance *run = selected_run(session);
    if (run == NULL) {
        return;
    }
    if (question == ASKS_TO_APPROVE && !run->asks) {
        (void)snprintf(session->message, sizeof(session->message),
                       "it asks for nothing; pawl approve %s --add-usd 1.00 gives more", run->id);
        return;
    }
    session->question = question;
    memcpy(session->asked_about, run->id, sizeof(session->asked_about));
    (void)snprintf(session->message, sizeof(session->message), "%s %.60s (%s)? y or n",
                   question == ASKS_TO_STOP ? "stop" : "give what is asked for to",
                   pawl_glance_title(run), run->id);
}

static void act(struct session *session)
{
    struct pawl_errmsg msg = {""};
    struct pawl_buf answer;
    bool stops = session->question == ASKS_TO_STOP;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_live_post(&session->dir, session->asked_about, stops ? "/stop" : "/approve",
                                  PAWL_SLICE("{}"), POST_MS, &answer, &msg);
    pawl_buf_free(&answer);
    (void)snprintf(session->message, sizeof(session->message), "%s: %.200s", session->asked_about,
                   pawl_failed(err) ? msg.text
                   : stops          ? "is being ended"
                                    : "goes on");
}

/* false: the person wants to leave. */
static bool take_char(struct session *session, char key)
{
    if (session->question != ASKS_NOTHING) {
        session->message[0] = '\0';
        if (key == 'y' || key == 'Y') {
            act(session);
        }
        session->question = ASKS_NOTHING;
        return true;
    }
    session->message[0] = '\0';
    switch (key) {
    case 'q':
        return false;
    case 's':
        session->top.sort = (session->top.sort + 1) % PAWL_TOP_SORT_COUNT;
        break;
    case 'k':
        ask_back(session, ASKS_TO_STOP);
        break;
    case 'a':
        ask_back(session, ASKS_TO_APPROVE);
        break;
    default:
        break;
    }
    return true;
}

static bool take_key(struct session *session, enum pawl_key key, char character)
{
    struct pawl_top *top = &session->top;
    if (key == PAWL_KEY_CHAR) {
        return take_char(session, character);
    }
    if (key != PAWL_KEY_NONE) {
        session->question = ASKS_NOTHING;
        session->message[0] = '\0';
    }
    switch (key) {
    case PAWL_KEY_UP:
        top->selected -= top->selected > 0 ? 1 : 0;
        break;
    case PAWL_KEY_DOWN:
        top->selected += top->selected + 1 < top->count ? 1 : 0;
        break;
    case PAWL_KEY_FIRST:
        top->selected = 0;
        break;
    case PAWL_KEY_LAST:
        top->selected = top->count > 0 ? top->count - 1 : 0;
        break;
    case PAWL_KEY_ENTER:
        top->detail = !top->detail;
        break;
    case PAWL_KEY_BACK:
        top->detail = false;
        break;
    case PAWL_KEY_END:
        return false;
    case PAWL_KEY_NONE:
    case PAWL_KEY_CHAR:
        break;
    }
    return true;
}

/* --- On a terminal -------------------------------------------------------------------------- */

static void paint(struct session *session)
{
    struct pawl_grid grid;
    int width = 0;
    int height = 0;
    pawl_screen_size(&width, &height);
    session->top.message = session->message[0] != '\0' ? session->message : NULL;
    pawl_grid_init(&grid, width, height, pawl_screen_speaks_utf8());
    pawl_top_layout(&session->top, &grid);
    pawl_screen_paint(&grid);
    pawl_grid_free(&grid);
}

static pawl_err watch(struct session *session, struct pawl_errmsg *msg)
{
    struct pawl_clock machine = pawl_clock_os();
    pawl_err err = look(session, msg);
    int64_t next_us = machine.boot_us(machine.arg) + LOOK_MS * PAWL_US_PER_MS;
    while (pawl_ok(err)) {
        char character = '\0';
        paint(session);
        int64_t wait_ms = (next_us - machine.boot_us(machine.arg)) / PAWL_US_PER_MS;
        enum pawl_key key = pawl_screen_key(wait_ms > 0 ? (int)wait_ms : 0, &character);
        if (!take_key(session, key, character)) {
            break;
        }
        if (key == PAWL_KEY_CHAR || machine.boot_us(machine.arg) >= next_us) {
            err = look(session, msg);
            next_us = machine.boot_us(machine.arg) + LOOK_MS * PAWL_US_PER_MS;
        }
    }
    return err;
}

/* --- As text -------------------------------------------------------------------------------- */

static pawl_err print_once(struct session *session, struct pawl_errmsg *msg)
{
    struct winsize size = {.ws_col = 0};
    struct pawl_grid grid;
    pawl_err err = look(session, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                                : SNAPSHOT_WIDTH;
    pawl_grid_init(&grid, width, pawl_top_snapshot_height(session->top.count),
                   pawl_cli_speaks_utf8());
    pawl_top_layout(&session->top, &grid);
    pawl_grid_print(&grid, stdout);
    pawl_grid_free(&grid);
    return PAWL_OK;
}

/* --- The command ---------------------------------------------------------------------------- */

static int take_sort(const struct pawl_cli_call *call, enum pawl_top_sort *sort)
{
    const char *wanted = pawl_cli_value(call, OPTION_SORT);
    for (int i = 0; wanted != NULL && i < PAWL_TOP_SORT_COUNT; i++) {
        if (strcmp(wanted, pawl_top_sort_name((enum pawl_top_sort)i)) == 0) {
            *sort = (enum pawl_top_sort)i;
            return PAWL_CLI_GO_ON;
        }
    }
    return wanted == NULL ? PAWL_CLI_GO_ON
                          : pawl_cli_usage_error(
                                call, "--sort takes start, use, rate or spent, not '%s'", wanted);
}

static int run_top(const struct pawl_cli_call *call)
{
    static struct session session;
    struct pawl_errmsg msg = {""};
    bool once =
        pawl_cli_has(call, OPTION_ONCE) || isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0;
    int status = take_sort(call, &session.top.sort);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &session.dir, &msg);
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    session.top.interactive = !once;
    session.top.runs = pawl_alloc_zeroed(RUNS_MAX, sizeof(session.top.runs[0]));
    if (session.top.runs == NULL) {
        pawl_cli_no_memory();
    }
    if (once) {
        err = print_once(&session, &msg);
    } else if (pawl_screen_open()) {
        err = watch(&session, &msg);
        pawl_screen_close();
        pawl_screen_raise();
    } else {
        pawl_errmsg_set(&msg,
                        "this terminal is not known, or cannot be painted on (TERM=%s); pawl "
                        "top --once prints one look as text",
                        getenv("TERM") != NULL ? getenv("TERM") : "");
        err = PAWL_ERR(UNSUPPORTED);
    }
    pawl_free(session.top.runs);
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

const struct pawl_cli_command pawl_cli_command_top = {
    .name = "top",
    .operands = "",
    .summary = "watch the live runs",
    .text =
        "Shows all live runs, refreshed every second: a gauge for each cap, dollars a minute,\n"
        "how long the run lasts at this rate, its phase; of the selected one the dearest call\n"
        "and the last ones too. Keys: q leaves, arrows select, Enter shows one run alone, s\n"
        "sorts, k stops the selected run and a gives it what it asks for, both after a y.\n"
        "Where input or output is no terminal, one look is printed as text. NO_COLOR is heeded.",
    .examples = "  pawl top\n"
                "  pawl top --once --sort rate",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_top,
};
