/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_priv.h: the inside of one `pawl run`, shared by the files that make it up:
 *
 *   run.c     the order of it all, and what can fail before the agent starts
 *   inject.c  what the agent gets besides an address, so that no call goes past the gateway
 *   start.c   the ledger, the gateway, the run's socket; the agent's start
 *   limit.c   what the gateway says at the limit
 *   approve.c more for a run, or a no
 *   approve_phase.c the same for a phase
 *   watch.c   what comes in while the agent runs: keeper, signals, timers, latch, thresholds
 *   finish.c  the end: draining, closing the books
 *   loans.c   its part in limits across runs
 *   lessons.c its part in what is learned about models
 *   report.c  the numbers of the card
 *
 *      STARTING ──agent runs──► RUNNING ──agent ended──► CLEARING ──tree gone──► DRAINING
 *          │                       └─ a cap, the time, a dead keeper ─► (kill) ─┘     │
 *          └──── could not start ────────────────────────────────────────────────────►┴► ENDED
 */
#ifndef PAWL_RUN_RUN_PRIV_H
#define PAWL_RUN_RUN_PRIV_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "gateway/gateway.h"
#include "history/history.h"
#include "net/client.h"
#include "net/due.h"
#include "net/server.h"
#include "net/wake.h"
#include "run/approve.h"
#include "run/approver.h"
#include "run/caps.h"
#include "run/card.h"
#include "run/control.h"
#include "run/environ.h"
#include "run/go_on.h"
#include "run/keeper.h"
#include "run/learned.h"
#include "run/lending.h"
#include "run/lines.h"
#include "run/model.h"
#include "run/outage.h"
#include "run/phases.h"
#include "run/place.h"
#include "run/policy.h"
#include "run/presence.h"
#include "run/recent.h"
#include "run/run.h"
#include "run/rundir.h"
#include "run/sizing.h"
#include "run/status.h"
#include "run/terminal.h"
#include "run/windows.h"
#include "run/worktree.h"

/* Exit statuses of `pawl run` (docs/CONTRACTS.md). */
enum {
    PAWL_RUN_EXIT_CAPPED = 124,
    PAWL_RUN_EXIT_FAILED = 125,
    PAWL_RUN_EXIT_NOT_EXECUTABLE = 126,
    PAWL_RUN_EXIT_NOT_FOUND = 127,
    PAWL_RUN_EXIT_SIGNAL = 128
};

enum {
    PAWL_RUN_GRACE_MS = PAWL_LINES_GRACE_S * 1000,
    PAWL_RUN_PATIENCE_MS = 2000, /* between TERM and KILL */
    PAWL_RUN_DRAIN_MS = PAWL_LINES_DRAIN_S * 1000,
    PAWL_RUN_GIT_AHEAD_MS = 15, /* for git's first look to come before the agent's start */
    PAWL_RUN_GIT_MS = 3000,
    PAWL_RUN_HISTORY_MS = 10000,
    PAWL_RUN_NOTICES_BYTES = 4096,
    PAWL_RUN_SECRET_BYTES = 20,
    PAWL_RUN_WORDS_BYTES = PAWL_RUN_ID_BYTES + 180,
    PAWL_RUN_ADDRESS_BYTES = 64 + 2 * PAWL_RUN_SECRET_BYTES /* of the gateway */
};

enum pawl_run_phase {
    PAWL_RUN_STARTING,
    PAWL_RUN_RUNNING,
    PAWL_RUN_CLEARING, /* the agent has ended, or is being ended; its tree is cleared */
    PAWL_RUN_DRAINING, /* nobody is left; calls under way are read to their end */
    PAWL_RUN_ENDED
};

struct pawl_run {
    const struct pawl_run_options *options;
    enum pawl_run_phase phase;
    struct pawl_clock clock;
    struct pawl_terminal terminal;
    char cwd[PAWL_PATH_BYTES];
    struct pawl_place place; /* the same for limits and reports */

    /* What binds it. */
    struct pawl_run_policy policy;
    struct pawl_limit_options limit; /* the flags' and the policy's words */
    struct pawl_sizing sizing;       /* of a cap that the policy has computed */
    struct pawl_run_cap caps[PAWL_CAP_COUNT];
    struct pawl_run_phases phases;
    enum pawl_run_cap_index primary;
    bool attended;                /* somebody can be reached, … */
    bool interactive;             /* … and sits beside it: at a cap nothing is killed */
    const char *approver_command; /* that takes questions to somebody; NULL: there is none */
    struct pawl_price_book *prices;
    char prices_path[PAWL_PATH_BYTES]; /* where prices of one's own are, or would go */
    struct pawl_buf prices_text;       /* what is there */
    struct pawl_model_guess model;
    struct pawl_environ_upstreams upstreams;
    enum pawl_agent agent;
    struct pawl_agent_plan agent_plan;

    /* Where it is written down. */
    struct pawl_datadir dir;
    struct pawl_rundir rundir;
    char words
        [PAWL_RUN_WORDS_BYTES]; /* the run in a command that is offered: id and data directory */
    struct pawl_history *history;
    struct pawl_engine *engine;
    int64_t started_us; /* the ledger's time of the session's opening */
    struct pawl_subject subject;
    struct pawl_lending *lending; /* its part in limits across runs */

    /* Who acts. */
    struct pawl_keeper keeper;
    uv_loop_t loop;
    bool has_loop;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct pawl_wake wake;
    struct pawl_due due;    /* leases */
    uv_timer_t pulse_timer; /* wall clock and its thresholds */
    uv_timer_t grace_timer;
    uv_timer_t phase_timer; /* the end of the present phase's time */
    uv_poll_t keeper_poll;
    uv_poll_t signal_poll;
    int signal_fd;
    struct pawl_http_client *client;
    struct pawl_http_server *server;
    struct pawl_gateway *gateway;
    struct pawl_control control;
    struct pawl_worktree worktree;
    struct pawl_windows windows;
    struct pawl_learned *learned;                                 /* what its calls have taught, */
    char sources[PAWL_UPSTREAM_COUNT][PAWL_LEARNED_SOURCE_BYTES]; /* … and who counts for each */
    struct pawl_presence presence;
    struct pawl_approver approver;
    char secret[2 * PAWL_RUN_SECRET_BYTES + 1];

    /* What happened. */
    struct pawl_recent recent; /* the last calls, for whoever watches */
    struct pawl_outages outages;
    struct pawl_limit_wait wait; /* calls are held for a window; resets at 0: none is */
    int phase_at;                /* which of `phases` it is in, */
    int64_t phase_since_us;      /* … and up to when that is booked */
    bool keeper_lost;
    bool killed;  /* by pawl */
    bool time_up; /* the wall clock ended it */
    bool stopped; /* somebody asked for it: pawl stop */
    bool latched;
    struct pawl_gateway_latch latch;
    char latch_message[1024];
    char latch_name[PAWL_LIMIT_NAME_BYTES];
    int start_error; /* errno of an agent that could not be executed; 0 */
    bool agent_ended;
    int wait_status;
    int threshold_told;
    struct pawl_run_question question;
    struct pawl_run_phase_question phase_questions[PAWL_PHASES_MAX];
    struct pawl_phase_told phase_told[PAWL_PHASES_MAX];
    struct pawl_op question_op;
    struct pawl_limit_question asked; /* in its own words */
    char asked_from[PAWL_ESCALATION_MODEL_BYTES];
    char asked_to[PAWL_ESCALATION_MODEL_BYTES];
    bool summed_up;   /* the one more call was made: it is stopped, however early its agent ends */
    bool was_latched; /* once, whatever lifted it since */
    uint32_t step_count;
    struct pawl_card_step steps[PAWL_CARD_STEPS_MAX];
    struct pawl_buf notices; /* lines that could not be printed */
};

/* --- run.c --- */

/* "pawl: …" on stderr; for failures before the agent has the terminal. */
void pawl_run_complain(const char *what, const struct pawl_errmsg *msg);
int64_t pawl_run_now_us(struct pawl_run *run);

/* --- inject.c --- */

/* Whether the agent can be kept to the gateway at all; touches nothing. */
PAWL_MUST_CHECK pawl_err pawl_run_check_agent(struct pawl_run *run, struct pawl_errmsg *msg);
/* Writes what the agent gets as files, and appends what it gets by the keeper. */
PAWL_MUST_CHECK pawl_err pawl_run_inject(struct pawl_run *run,
                                         const char *address,
                                         struct pawl_buf *settings,
                                         struct pawl_buf *edits,
                                         struct pawl_errmsg *msg);
/* Nobody reads those files any more. */
void pawl_run_clean_agent(struct pawl_run *run);

/* --- start.c --- */

/* Makes the run's directory, its ledger and its gateway, and lets the agent start. On failure the
 * caller closes what there is. */
PAWL_MUST_CHECK pawl_err pawl_run_start(struct pawl_run *run, struct pawl_errmsg *msg);

/* --- signals.c --- */

/* Signals that are for the agent are collected from here on, the others are ignored. Before the
 * first thread. */
PAWL_MUST_CHECK pawl_err pawl_run_collect_signals(struct pawl_run *run, struct pawl_errmsg *msg);
/* Passes on what has come. */
void pawl_run_on_signal(uv_poll_t *poll, int status, int events);

/* --- watch.c --- */

/* Sets up all handles. */
void pawl_run_watch(struct pawl_run *run);
/* A line, now or on the card. true unless nobody saw it yet. */
bool pawl_run_say(struct pawl_run *run, const struct pawl_buf *line);
/* What waits for an answer: now or not at all, for behind the run's end nobody can give one; and
 * under --quiet too where somebody sits, since the agent waits. Whether somebody could read it. */
bool pawl_run_say_now(struct pawl_run *run, const struct pawl_buf *line);
/* For the gateway. */
void pawl_run_on_latched(void *arg, const struct pawl_gateway_latch *latch);
void pawl_run_on_settled(void *arg, const struct pawl_gateway_settled *settled);
void pawl_run_on_reach(void *arg, enum pawl_upstream upstream, const char *why);
/* For the run's socket. */
void pawl_run_stop(struct pawl_run *run);
void pawl_run_fill_status(void *arg, struct pawl_status *ret_status);
/* limit.c: the open question, if there is one. */
void pawl_run_fill_question(const struct pawl_run *run, struct pawl_status *status);

/* The wall clock's cap may have moved. */
void pawl_run_look_at_clock(struct pawl_run *run);
/* A window of the account keeps calls out: the next look is not far. */
void pawl_run_look_soon(struct pawl_run *run);

/* --- limit.c: for the gateway --- */

enum pawl_limit_answer pawl_run_on_ask(void *arg, const struct pawl_limit_question *question);
bool pawl_run_is_idle(void *arg);
void pawl_run_on_wait(void *arg,
                      enum pawl_limit_wait_event event,
                      const struct pawl_limit_wait *wait);
/* The agent was told something, as its hook says. */
void pawl_run_prompted(struct pawl_run *run);
void pawl_run_on_summary(void *arg, const struct pawl_limit_summary *summary);
void pawl_run_on_partial(void *arg, const struct pawl_limit_summary *partial);
void pawl_run_on_step(void *arg, const struct pawl_limit_step *step);
void pawl_run_on_baseline(void *arg, const struct pawl_gateway_baseline *baseline);
/* keep_policy.c: policy.yaml of the run: all that it is under, flags included. */
PAWL_MUST_CHECK pawl_err pawl_run_keep_policy(struct pawl_run *run, struct pawl_errmsg *msg);
/* The same of a price file that was named, and what that is called: a copy is its original. */
PAWL_MUST_CHECK pawl_err pawl_run_keep_prices(struct pawl_run *run, struct pawl_errmsg *msg);
const char *pawl_run_prices_path(const struct pawl_run *run);

/* --- finish.c --- */

/* The agent has ended or must end: no more calls, everything below the keeper goes. */
void pawl_run_clear(struct pawl_run *run, const char *words);
/* Nobody is left. */
void pawl_run_drain(struct pawl_run *run);
/* After the loop: closes the books, prints the card, returns the exit status. */
int pawl_run_finish(struct pawl_run *run);
/* Frees what there is, at any stage. */
void pawl_run_close(struct pawl_run *run);

/* --- loans.c --- */

/* After the engine and before the gateway. */
PAWL_MUST_CHECK pawl_err pawl_run_borrow(struct pawl_run *run, struct pawl_errmsg *msg);
/* What the gateway spends from. */
struct pawl_authority *pawl_run_authority(struct pawl_run *run);
/* What stopped the run is over: lifts the latch, resumes the session, and says why. */
void pawl_run_go_on(struct pawl_run *run, const char *why);
/* Gives back what was lent, then ends the loop. */
void pawl_run_give_back(struct pawl_run *run);

/* --- lessons.c --- */

/* Before the gateway's first call. */
void pawl_run_teach(struct pawl_run *run);
/* For the gateway. */
void pawl_run_on_lesson(void *arg, const struct pawl_gateway_lesson *lesson);
/* For the runs to come. */
void pawl_run_keep_lessons(struct pawl_run *run);

/* --- report.c --- */

/* What stops it, if anything does, and how it would go on. */
void pawl_run_needs(struct pawl_run *run, struct pawl_go_on *ret_go_on);

/* What is known before the last records are written. */
void pawl_run_report(struct pawl_run *run, struct pawl_card *ret_card);
/* Adds calls, models and the dearest call from the history, which has all of the run, and the only
 * model's price where none was known. Texts live in the arena. */
void pawl_run_report_history(struct pawl_run *run,
                             struct pawl_arena *arena,
                             struct pawl_card *card);

#endif
