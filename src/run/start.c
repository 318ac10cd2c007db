/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.c: from a checked command line to a running agent. What the agent's first instruction has
 * to wait for is done first: the ledger with the session in it (one commit), the gateway's port.
 * The rest is done while the agent starts; the loop does not turn before all of it is there, so no
 * call is answered early.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/prng.h"
#include "run/account_guess.h"
#include "run/account_words.h"
#include "run/meta.h"
#include "run/resume.h"
#include "run/review.h"
#include "run/run_priv.h"

enum { LINE_BYTES = 2048 };

/* --- The ledger ---------------------------------------------------------------------------- */

/* The journal is the truth, and what is not in it was promised to nobody: end the tree, say why,
 * and exit. Nothing of the ledger is closed, for that would try again. */
static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    struct pawl_run *run = arg;
    pawl_keeper_end(&run->keeper);
    pawl_terminal_restore(&run->terminal);
    fprintf(stderr,
            "pawl: the journal cannot be written (%s): %s\n"
            "pawl: the run is stopped; what was acknowledged is kept\n",
            pawl_err_name(err), msg->text);
    _exit(PAWL_RUN_EXIT_FAILED);
}

static void on_wake(void *arg)
{
    struct pawl_run *run = arg;
    pawl_wake_send(&run->wake);
}

static void on_durable(void *arg, const struct pawl_record *record)
{
    struct pawl_run *run = arg;
    pawl_history_feed(run->history, record);
}

/* The history's file is opened beside the start of the agent. Not being able to write it does not
 * stop a run: it can be rebuilt, and the end of the run says so. */
static pawl_err open_history(struct pawl_run *run, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(&run->dir, "history.db", path, msg);
    return pawl_ok(err) ? pawl_history_open(path, run->rundir.id, &run->history, msg) : err;
}

static bool is_flowing(void *arg)
{
    const struct pawl_run *run = arg;
    return run->gateway != NULL && pawl_gateway_flowing(run->gateway);
}

static pawl_err open_engine(struct pawl_run *run, struct pawl_errmsg *msg)
{
    struct pawl_journal_sqlite_options journal = {
        .dir = run->rundir.journal,
        .create = true,
        .allow_any_filesystem = pawl_datadir_allows_any_filesystem(),
    };
    struct pawl_engine_options options = {
        .dir = run->rundir.journal,
        .clock = run->clock,
        .commit_mode = PAWL_COMMIT_THREAD,
        .flowing = is_flowing,
        .flowing_arg = run,
        .wake = on_wake,
        .wake_arg = run,
        .durable = on_durable,
        .durable_arg = run,
        .fatal = on_fatal,
        .fatal_arg = run,
        .retention = {.keep_all = true}, /* The history is rebuilt from it. */
    };
    pawl_err err = pawl_journal_sqlite_open(&journal, &options.journal, msg);
    if (pawl_ok(err)) {
        err = pawl_engine_open(&options, &run->engine, msg);
    }
    if (err.code == PAWL_ERR_UNSUPPORTED) {
        char why[sizeof(msg->text)];
        memcpy(why, msg->text, sizeof(why));
        pawl_errmsg_set(msg, "%.400s (--data-dir)", why);
    }
    return err;
}

static void on_submitted(struct pawl_op *op)
{
    (void)op; /* The result is looked at behind the flush. */
}

static pawl_err open_session(struct pawl_run *run, struct pawl_slice meta, struct pawl_errmsg *msg)
{
    struct pawl_slice id = pawl_slice_str(run->rundir.id);
    struct pawl_slice tenant = PAWL_SLICE(PAWL_RUN_TENANT);
    struct pawl_command open = {
        .type = PAWL_COMMAND_SESSION_OPEN,
        .u.session_open = {.tenant = tenant,
                           .name = id,
                           .phase = pawl_slice_str(run->phases.phases[PAWL_PHASE_BASE].name)},
    };
    open.u.session_open.cap_count = pawl_caps_for_session(run->caps, open.u.session_open.caps);
    struct pawl_command note = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = meta,
        .u.note = {.tenant = tenant, .session = id, .kind = PAWL_NOTE_RUN_START},
    };
    struct pawl_phase_opening phases;
    struct pawl_op opened = {.done = on_submitted};
    struct pawl_op noted = {.done = on_submitted};
    pawl_engine_submit(run->engine, &open, &opened);
    pawl_engine_submit(run->engine, &note, &noted);
    pawl_run_phases_open(run, &phases);
    pawl_engine_flush(run->engine);
    if (opened.result.code != PAWL_RESULT_OK) {
        pawl_errmsg_set(msg, "the ledger does not take these caps: %s",
                        pawl_result_meaning(opened.result.code));
        return PAWL_ERR(INVALID);
    }
    bool phases_opened = pawl_run_phases_opened(&phases);
    if (phases_opened) {
        pawl_run_phases_carry(run, &phases);
        pawl_engine_flush(run->engine);
        phases_opened = pawl_run_phases_opened(&phases);
    }
    if (!phases_opened) {
        pawl_errmsg_set(msg, "the ledger does not take these phases");
        return PAWL_ERR(INVALID);
    }
    run->started_us = opened.result.now_us;
    pawl_recent_init(&run->recent, run->started_us);
    return PAWL_OK;
}

/* Who is offered a command may be in another directory. A path that is very long is left to them:
 * a command that is cut helps nobody. */
static void name_in_commands(struct pawl_run *run)
{
    struct pawl_buf words;
    pawl_buf_init(&words, PAWL_RUN_WORDS_BYTES + PAWL_PATH_BYTES * 4);
    pawl_buf_append_str(&words, run->rundir.id);
    pawl_meta_data_dir(run->options->data_dir != NULL ? run->dir.path : NULL, &words);
    if (!pawl_slice_copy_str(pawl_buf_slice(&words), run->words, sizeof(run->words))) {
        memcpy(run->words, run->rundir.id, PAWL_RUN_ID_BYTES);
    }
    pawl_buf_free(&words);
}

static pawl_err open_ledger(struct pawl_run *run, struct pawl_errmsg *msg)
{
    int64_t now_us = run->clock.real_us(run->clock.arg);
    pawl_err err = pawl_rundir_create(&run->dir, now_us, &run->rundir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    name_in_commands(run);
    struct pawl_meta meta = {
        .run_id = run->rundir.id,
        .name = run->options->name,
        .argv = run->options->argv,
        .cwd = run->cwd,
        .pid = getpid(),
        .started_us = now_us,
        .policy = pawl_run_policy_name(&run->policy),
        .policy_chosen = run->policy.chosen,
        .repo = run->place.repo,
        .keep_ms = pawl_run_policy_keep_ms(&run->policy),
        .attended = run->attended,
        .model = run->model.name,
        .primary = run->primary,
        .caps = run->caps,
        .agent = run->options->agent_given ? pawl_agent_name(run->options->agent) : NULL,
        .billing = run->options->billing != PAWL_BILLING_MODE_AUTO
                       ? pawl_billing_mode_name(run->options->billing)
                       : NULL,
        .prices = run->options->prices != NULL ? pawl_run_prices_path(run) : NULL,
        .allow_batches = run->options->allow_batches,
        .resumed_from = run->options->resumed_from,
        .spent_before = run->options->spent_before,
    };
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_METADATA_BYTES_MAX);
    pawl_meta_write(&meta, &text);
    if (run->options->resumed_from != NULL) {
        err = pawl_resume_claim(&run->dir, run->options->resumed_from, run->rundir.id, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_rundir_write(&run->rundir, "meta.json", pawl_buf_slice(&text), msg);
    }
    if (pawl_ok(err)) {
        err = pawl_run_keep_policy(run, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_run_keep_prices(run, msg);
    }
    if (pawl_ok(err)) {
        err = open_history(run, msg);
    }
    if (pawl_ok(err)) {
        err = open_engine(run, msg);
    }
    if (pawl_ok(err)) {
        err = open_session(run, pawl_buf_slice(&text), msg);
    }
    pawl_buf_free(&text);
    return err;
}

/* --- The gateway --------------------------------------------------------------------------- */

static void make_secret(struct pawl_run *run)
{
    unsigned char bytes[PAWL_RUN_SECRET_BYTES];
    pawl_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(run->secret + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void on_request(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_run *run = arg;
    pawl_http_client_prepare(run->client);
    pawl_gateway_handle(run->gateway, exchange);
}

static pawl_err listen_for_calls(struct pawl_run *run, uint16_t *ret_port, struct pawl_errmsg *msg)
{
    if (uv_loop_init(&run->loop) != 0) {
        pawl_errmsg_set(msg, "cannot make an event loop");
        return PAWL_ERR(MEMORY);
    }
    run->has_loop = true;
    run->loop.data = run;
    make_secret(run);
    struct pawl_http_server_options options = {
        .loop = &run->loop,
        .limits = PAWL_HTTP_LIMITS_DEFAULT,
        .same_user_only = true,
        .handler = on_request,
        .arg = run,
    };
    pawl_err err = pawl_http_server_new(&options, &run->server);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for the gateway");
        return err;
    }
    return pawl_http_server_listen_tcp(run->server, "127.0.0.1", 0, ret_port, msg);
}

static void
on_account(void *arg, struct pawl_subscription *subscription, const struct pawl_quota_news *news)
{
    struct pawl_run *run = arg;
    const struct pawl_quota_window *window = NULL;
    pawl_windows_sync(&run->windows, subscription, news);
    if (pawl_quota_judge(&subscription->quota, &window) != PAWL_QUOTA_OPEN) {
        pawl_run_look_soon(run);
    }
}

static pawl_err open_gateway(struct pawl_run *run, struct pawl_errmsg *msg)
{
    struct pawl_http_client_options client = {.loop = &run->loop, .use_proxy_environment = true};
    pawl_err err = pawl_http_client_new(&client, &run->client);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "cannot make an HTTP client: %s", pawl_err_name(err));
        return err;
    }
    err = pawl_run_borrow(run, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_gateway_options options = {
        .loop = &run->loop,
        .client = run->client,
        .authority = pawl_run_authority(run),
        .prices = run->prices,
        .secret = run->secret,
        .subject = &run->subject,
        .run_id = run->rundir.id,
        .run_words = run->words,
        .prices_path = pawl_run_prices_path(run),
        .policy = pawl_run_policy_name(&run->policy),
        .no_server_tools =
            pawl_policy_is(&run->policy.policy, PAWL_POLICY_TOOLS_EXPENSIVE, "forbid"),
        .hard_cap = true,
        .allow_batches = run->options->allow_batches,
        .on_latched = pawl_run_on_latched,
        .on_settled = pawl_run_on_settled,
        .on_reach = pawl_run_on_reach,
        .on_wait = pawl_run_on_wait,
        .on_ask = pawl_run_on_ask,
        .on_summary = pawl_run_on_summary,
        .on_partial = pawl_run_on_partial,
        .on_step = pawl_run_on_step,
        .limit = run->limit,
        .is_idle = pawl_run_is_idle,
        .escalation = pawl_run_policy_escalation(&run->policy),
        .declared_model = run->options->baseline != NULL ? run->options->baseline
                          : run->model.priced            ? run->model.name
                                                         : NULL,
        .on_baseline = pawl_run_on_baseline,
        .on_account = on_account,
        .on_lesson = pawl_run_on_lesson,
        .at_window = pawl_run_policy_at_window(&run->policy),
        .account_key = run->windows.key,
        .arg = run,
    };
    options.limit.attended = run->interactive;
    pawl_run_phases_options(run, &options.phases);
    for (size_t i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        options.upstreams[i] = run->upstreams.urls[i];
    }
    err = pawl_gateway_new(&options, &run->gateway);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "no memory for the gateway");
        return err;
    }
    pawl_run_teach(run);
    return PAWL_OK;
}

static void open_control(struct pawl_run *run)
{
    struct pawl_control_options options = {
        .loop = &run->loop,
        .run = &run->rundir,
        .routes = pawl_control_routes,
        .route_count = pawl_control_route_count,
        .arg = run,
    };
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_control_open(&run->control, &options, &msg))) {
        /* A run that cannot be spoken to is still bounded. */
        pawl_run_complain("the run's own socket is not there", &msg);
    }
}

/* --- The agent ----------------------------------------------------------------------------- */

/* What its windows have left for each account that the run may go out on. */
static void add_windows(struct pawl_run *run,
                        const struct pawl_account_guess *guesses,
                        uint32_t count,
                        struct pawl_buf *line)
{
    struct pawl_quota_amount may_use = {.microcents = run->caps[PAWL_CAP_USD].amount,
                                        .tokens = run->caps[PAWL_CAP_TOKENS].amount};
    for (uint32_t i = 0; i < count; i++) {
        bool told = !guesses[i].billing_set && guesses[i].record.quota.window_count > 0;
        if (guesses[i].billing == PAWL_BILLING_PLAN || told) {
            pawl_account_fit_line(&guesses[i].record, may_use, pawl_run_now_us(run), line);
        }
    }
}

static void say_start(struct pawl_run *run)
{
    struct pawl_account_question question = {.dir = &run->dir,
                                             .key = run->windows.key,
                                             .get = pawl_environ_get,
                                             .agent = run->agent,
                                             .mode = run->options->billing};
    struct pawl_account_guess guesses[PAWL_UPSTREAM_COUNT];
    uint32_t guess_count = pawl_account_guess(&question, guesses);
    struct pawl_run_limits limits;
    pawl_lending_limits(run->lending, &limits);
    struct pawl_lines_start start = {
        .run_id = run->rundir.id,
        .data_dir = run->options->data_dir,
        .policy = run->policy.chosen ? pawl_run_policy_name(&run->policy) : NULL,
        .sizing = run->sizing.reason[0] != '\0' ? run->sizing.reason : NULL,
        .caps = run->caps,
        .primary = run->primary,
        .model = &run->model,
        .attended = run->attended,
        .interactive = run->interactive,
        .escalation = pawl_run_policy_escalation(&run->policy),
        .limit = &run->limit,
        .phases = &run->phases,
        .limits = &limits,
        .accounts = guesses,
        .account_count = guess_count,
    };
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES);
    pawl_lines_start(&start, &line);
    add_windows(run, guesses, guess_count, &line);
    uint32_t review = run->options->quiet ? 0 : pawl_run_policy_weekly_top(&run->policy);
    if (review > 0 && pawl_review_is_due(&run->dir, run->clock.real_us(run->clock.arg))) {
        pawl_buf_printf(&line, PAWL_REVIEW_LINE, (unsigned)review);
    }
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

static pawl_err start_agent(struct pawl_run *run, uint16_t port, struct pawl_errmsg *msg)
{
    char address[PAWL_RUN_ADDRESS_BYTES];
    (void)snprintf(address, sizeof(address), "http://127.0.0.1:%u/%s", (unsigned)port, run->secret);
    struct pawl_environ_gateway gateway = {.address = address, .run_id = run->rundir.id};
    struct pawl_buf settings;
    struct pawl_buf edits;
    pawl_buf_init(&settings, PAWL_KEEPER_START_MAX);
    pawl_buf_init(&edits, PAWL_KEEPER_START_MAX);
    pawl_environ_settings(pawl_environ_get, &gateway, &settings);
    pawl_err err = pawl_run_inject(run, address, &settings, &edits, msg);
    if (pawl_ok(err)) {
        struct pawl_keeper_start start = {pawl_buf_slice(&settings), pawl_buf_slice(&edits)};
        err = settings.overflowed ? PAWL_ERR(LIMIT) : pawl_keeper_start(&run->keeper, &start);
        if (pawl_failed(err)) {
            pawl_errmsg_set(msg, "the agent cannot be started: %s", pawl_err_name(err));
        }
    }
    pawl_buf_free(&settings);
    pawl_buf_free(&edits);
    return err;
}

pawl_err pawl_run_start(struct pawl_run *run, struct pawl_errmsg *msg)
{
    uint16_t port = 0;
    pawl_worktree_begin(&run->worktree, run->cwd, run->clock.real_us(run->clock.arg));
    pawl_err err = listen_for_calls(run, &port, msg);
    if (pawl_ok(err)) {
        /* Before the engine has a thread that could wake the loop. */
        pawl_run_watch(run);
        err = open_ledger(run, msg);
    }
    if (pawl_ok(err)) {
        pawl_windows_open(&run->windows, &run->dir, run->rundir.id, run->options->billing);
        /* Whoever saw the line, or the agent, may speak to the run: what comes before the loop
         * turns waits in the socket's line. */
        open_control(run);
        say_start(run);
        pawl_worktree_await(&run->worktree, PAWL_RUN_GIT_AHEAD_MS);
        err = start_agent(run, port, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_rundir_sync(&run->rundir, msg);
    }
    if (pawl_ok(err)) {
        err = open_gateway(run, msg);
    }
    return err;
}
