/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values.c: see values.h. The table is at the end; before it stands what has to be looked up.
 *
 * Whoever completes waits for the answer at a prompt: what cannot be had at once (a run that does
 * not answer, a history that is damaged) is left out without a word.
 */
#define _GNU_SOURCE
#include "cli/values.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/money.h"
#include "cli/limits.h"
#include "cli/open.h"
#include "gateway/price.h"
#include "policy/policy.h"
#include "run/account_words.h"
#include "run/agents.h"
#include "run/glance.h"
#include "run/live.h"
#include "run/policy.h"
#include "run/prices.h"

enum {
    ASK_MS = 200,
    RUNS_MAX = 40, /* more than these nobody reads in a list */
    LIVE_MAX = 64,
    ABOUT_BYTES = 160,
    LINE_BYTES = 256,
    ARENA_BYTES = 1 << 20
};

void pawl_cli_offer(const struct pawl_cli_offers *offers, const char *candidate, const char *about)
{
    char whole[LINE_BYTES];
    if (strncmp(candidate, offers->word, strlen(offers->word)) == 0 &&
        strpbrk(candidate, "\t\n") == NULL &&
        snprintf(whole, sizeof(whole), "%.*s%s", (int)offers->lead_bytes, offers->lead, candidate) <
            (int)sizeof(whole)) {
        offers->take(offers->arg, whole, about);
    }
}

static void
offer_slice(const struct pawl_cli_offers *offers, struct pawl_slice candidate, const char *about)
{
    char text[LINE_BYTES];
    if (pawl_slice_copy_str(candidate, text, sizeof(text))) {
        pawl_cli_offer(offers, text, about);
    }
}

/* --- Runs ------------------------------------------------------------------------------------ */

enum which { ANY, RESUMABLE };

struct runs {
    struct pawl_cli_offers *offers;
    enum which which;
    uint32_t count;
    char last[PAWL_RUN_ID_BYTES]; /* which one "last" means; "": none */
};

static void find_last(const struct pawl_datadir *dir, struct runs *runs)
{
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_datadir_find(dir, "last", runs->last, &msg))) {
        runs->last[0] = '\0';
    }
}

static void offer_run(struct runs *runs, const char *id, struct pawl_slice name, const char *about)
{
    if (strcmp(id, runs->last) == 0) {
        pawl_cli_offer(runs->offers, "last", about);
    }
    if (!pawl_slice_empty(name)) {
        offer_slice(runs->offers, name, about);
    }
    pawl_cli_offer(runs->offers, id, about);
    runs->count++;
}

/* "stopped: dollars, $0.42, claude -p …" */
static bool past_run(void *arg, const struct pawl_history_run *run)
{
    struct runs *runs = arg;
    char word[PAWL_CLI_TEXT_BYTES];
    char id[PAWL_RUN_ID_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char command[ABOUT_BYTES / 2];
    char about[ABOUT_BYTES];
    bool ended = pawl_slice_equal_str(run->state, "ended");
    if (runs->which == RESUMABLE && (!ended || pawl_slice_equal_str(run->reason, "completed"))) {
        return true;
    }
    (void)pawl_slice_copy_str(run->id, id, sizeof(id));
    (void)snprintf(about, sizeof(about), "%s, %s, %s", pawl_cli_run_word(run, word),
                   pawl_money_format_usd_short(run->spent[PAWL_HISTORY_MICROCENTS], money),
                   pawl_cli_plain(run->command, command, sizeof(command)));
    offer_run(runs, id, run->name, about);
    return runs->count < RUNS_MAX;
}

static void offer_past(struct pawl_cli_offers *offers, enum which which)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    struct pawl_history *history = NULL;
    char path[PAWL_PATH_BYTES];
    struct runs runs = {.offers = offers, .which = which};
    struct pawl_history_filter filter = {.limit = which == ANY ? RUNS_MAX : 0};
    if (pawl_ok(pawl_datadir_resolve(offers->data_dir, &dir, &msg)) &&
        pawl_ok(pawl_datadir_check(&dir, &msg)) &&
        pawl_ok(pawl_datadir_path(&dir, "history.db", path, &msg)) &&
        pawl_ok(pawl_history_open(path, NULL, &history, &msg))) {
        find_last(&dir, &runs);
        /* What it cannot say is not offered. */
        (void)pawl_failed(pawl_history_runs(history, &filter, past_run, &runs, &msg));
        (void)pawl_failed(pawl_history_close(history, &msg));
    }
}

static void offer_runs(struct pawl_cli_offers *offers)
{
    offer_past(offers, ANY);
}

static void offer_resumable(struct pawl_cli_offers *offers)
{
    offer_past(offers, RESUMABLE);
}

static void offer_verifiable(struct pawl_cli_offers *offers)
{
    pawl_cli_offer(offers, "authority", "the ledger of limits across runs");
    offer_past(offers, ANY);
}

struct live {
    struct pawl_datadir dir;
    struct runs runs;
    struct pawl_buf *newest; /* what the newest one answered, where that is wanted; else NULL */
};

static bool live_run(void *arg, const char *id)
{
    struct live *live = arg;
    struct pawl_errmsg msg = {""};
    char money[PAWL_MONEY_TEXT_BYTES];
    char about[ABOUT_BYTES];
    char title[ABOUT_BYTES / 2];
    static struct pawl_glance glance;
    if (pawl_failed(pawl_glance_ask(&live->dir, id, ASK_MS, live->newest, &glance, &msg))) {
        return true;
    }
    if (live->newest != NULL) {
        return false;
    }
    static const char *const states[] = {
        [PAWL_GLANCE_ENDING] = "ending",     [PAWL_GLANCE_ASKS] = NULL,
        [PAWL_GLANCE_STOPPED] = "stopped",   [PAWL_GLANCE_WAITS] = "waits",
        [PAWL_GLANCE_NO_ANSWER] = "running", [PAWL_GLANCE_RUNNING] = "running"};
    const char *state = states[pawl_glance_state(&glance)];
    state = state != NULL ? state : glance.question;
    (void)snprintf(about, sizeof(about), "%s, %s, %s", state,
                   pawl_money_format_usd_short(glance.caps[PAWL_CAP_USD].spent, money),
                   pawl_cli_plain(pawl_slice_str(glance.command), title, sizeof(title)));
    offer_run(&live->runs, id, pawl_slice_str(glance.name), about);
    return live->runs.count < LIVE_MAX;
}

static void ask_live(struct pawl_cli_offers *offers, struct pawl_buf *newest)
{
    struct live live = {.runs = {.offers = offers}, .newest = newest};
    struct pawl_errmsg msg = {""};
    if (pawl_ok(pawl_datadir_resolve(offers->data_dir, &live.dir, &msg))) {
        find_last(&live.dir, &live.runs);
        (void)pawl_failed(pawl_glance_candidates(&live.dir, live_run, &live, &msg));
    }
}

static void offer_live(struct pawl_cli_offers *offers)
{
    ask_live(offers, NULL);
}

/* --- Phases ---------------------------------------------------------------------------------- */

/* Those of the newest live run, which may be under a policy with others. */
static void offer_phases(struct pawl_cli_offers *offers)
{
    struct pawl_buf answer;
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_arena_init(&arena, ARENA_BYTES);
    ask_live(offers, &answer);
    if (answer.bytes > 0 && pawl_json_parse(&arena, pawl_buf_slice(&answer), PAWL_JSON_LEDGER,
                                            PAWL_JSON_LIMITS_DEFAULT, &json)) {
        uint32_t node = pawl_json_first(&json, pawl_json_get(&json, 0, "phases"));
        for (; node != PAWL_JSON_NONE; node = pawl_json_next(&json, node)) {
            offer_slice(offers,
                        pawl_json_string(&json, pawl_json_get(&json, node, "phase"), &arena),
                        "a phase of the newest live run");
        }
        pawl_cli_offer(offers, "auto", "let its tool calls decide again");
    }
    pawl_arena_free(&arena);
    pawl_buf_free(&answer);
}

/* `pawl phase` takes a run, a phase, or both. */
static void offer_runs_and_phases(struct pawl_cli_offers *offers)
{
    offer_phases(offers);
    offer_live(offers);
}

static void offer_phase_ceilings(struct pawl_cli_offers *offers)
{
    offers->open = true;
    pawl_cli_offer(offers, "verification=", "tests, linters, builds");
    pawl_cli_offer(offers, "implementation=", "all the rest");
}

/* --- Models ---------------------------------------------------------------------------------- */

/* "$3.00 in, $15.00 out" for a million tokens of each. */
static void about_model(const struct pawl_price *price, char out[static ABOUT_BYTES])
{
    char in[PAWL_MONEY_TEXT_BYTES];
    char made[PAWL_MONEY_TEXT_BYTES];
    (void)snprintf(out, ABOUT_BYTES, "%s in, %s out",
                   pawl_money_format_usd(pawl_price_rate(price, PAWL_PRICE_INPUT, 0), in),
                   pawl_money_format_usd(pawl_price_rate(price, PAWL_PRICE_OUTPUT, 0), made));
}

static void offer_models(struct pawl_cli_offers *offers)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    char path[PAWL_PATH_BYTES];
    struct pawl_price_book *book = NULL;
    struct pawl_clock clock = pawl_clock_os();
    if (pawl_failed(pawl_datadir_resolve(offers->data_dir, &dir, &msg)) ||
        pawl_failed(pawl_prices_open(&dir, NULL, path, &book, &msg))) {
        return;
    }
    for (uint32_t i = 0; i < pawl_price_book_count(book); i++) {
        struct pawl_price price;
        char about[ABOUT_BYTES];
        pawl_price_book_at(book, i, clock.real_us(clock.arg), &price);
        if (pawl_cli_is_metered(&price)) {
            about_model(&price, about);
            offer_slice(offers, price.model, about);
        }
    }
    pawl_price_book_free(book);
}

/* A model, and behind its '@' a share. */
static void offer_ladder(struct pawl_cli_offers *offers)
{
    static const char *const shares[] = {"50%", "75%", "90%"};
    const char *at = strchr(offers->word, '@');
    if (at == NULL) {
        offers->open = true;
        offer_models(offers);
        return;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(shares); i++) {
        char step[LINE_BYTES];
        (void)snprintf(step, sizeof(step), "%.*s@%s", (int)(at - offers->word), offers->word,
                       shares[i]);
        pawl_cli_offer(offers, step, "of the budget is used");
    }
}

/* --- What else has to be looked up ----------------------------------------------------------- */

static void offer_policies(struct pawl_cli_offers *offers)
{
    char path[PAWL_PATH_BYTES];
    for (uint32_t i = 0; pawl_policy_builtin_name(i) != NULL; i++) {
        pawl_cli_offer(offers, pawl_policy_builtin_name(i), pawl_policy_builtin_purpose(i));
    }
    if (pawl_run_policy_user_file(pawl_environ_get, path) && access(path, F_OK) == 0) {
        pawl_cli_offer(offers, path, "your own");
    }
}

static void offer_agents(struct pawl_cli_offers *offers)
{
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        pawl_cli_offer(offers, pawl_agent_name((enum pawl_agent)i),
                       pawl_agent_title((enum pawl_agent)i));
    }
}

static void offer_limit(void *arg, const char *name, const char *about)
{
    pawl_cli_offer(arg, name, about);
}

static void offer_limits(struct pawl_cli_offers *offers)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    if (pawl_ok(pawl_datadir_resolve(offers->data_dir, &dir, &msg)) && pawl_cli_has_limits(&dir)) {
        pawl_cli_each_limit(&dir, offer_limit, offers);
    }
}

static bool offer_account(void *arg, const struct pawl_account_record *record)
{
    char about[ABOUT_BYTES];
    char title[PAWL_ACCOUNT_NAME_BYTES];
    (void)snprintf(about, sizeof(about), "%s, %s", pawl_upstream_name(record->upstream),
                   pawl_billing_name(pawl_account_billing(record)));
    pawl_cli_offer(arg, pawl_account_title(record, title), about);
    return true;
}

static void offer_accounts(struct pawl_cli_offers *offers)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_datadir_resolve(offers->data_dir, &dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_accounts_each(&dir, offer_account, offers, &msg);
    }
    (void)err.code;
}

static void offer_windows(struct pawl_cli_offers *offers)
{
    offers->open = true;
    pawl_cli_offer(offers, "5h=", "tokens (20M), dollars ($12) or off");
    pawl_cli_offer(offers, "7d=", "tokens (20M), dollars ($12) or off");
}

/* The third column of the system's own list. */
static void offer_zones(struct pawl_cli_offers *offers)
{
    FILE *file = fopen("/usr/share/zoneinfo/zone.tab", "re");
    char line[LINE_BYTES];
    pawl_cli_offer(offers, "UTC", "");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        struct pawl_slice rest = pawl_slice_sub(pawl_slice_str(line), 0, strcspn(line, "\n"));
        if (line[0] != '#') {
            (void)pawl_slice_cut(&rest, '\t');
            (void)pawl_slice_cut(&rest, '\t');
            offer_slice(offers, pawl_slice_cut(&rest, '\t'), "");
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void offer_commands(struct pawl_cli_offers *offers)
{
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            pawl_cli_offer(offers, pawl_cli_commands[i]->name, pawl_cli_commands[i]->summary);
        }
    }
}

/* --- The table ------------------------------------------------------------------------------- */

/* clang-format off */
static const struct pawl_cli_value_row rows[] = {
    {"run", "RUN", NULL, offer_resumable, PAWL_CLI_COMPLETES_WORDS},
    {"show", "RUN", NULL, offer_runs, PAWL_CLI_COMPLETES_WORDS},
    {"verify", "RUN", NULL, offer_verifiable, PAWL_CLI_COMPLETES_WORDS},
    {"phase", "RUN", NULL, offer_runs_and_phases, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "RUN", NULL, offer_live, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "PHASE", NULL, offer_phases, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "NAME=MOST", NULL, offer_phase_ceilings, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "MODEL", NULL, offer_models, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "MODEL@N%", NULL, offer_ladder, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "POLICY", NULL, offer_policies, PAWL_CLI_COMPLETES_FILES},
    {NULL, "AGENT", NULL, offer_agents, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "LIMIT", NULL, offer_limits, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "ACCOUNT", NULL, offer_accounts, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "TZ", NULL, offer_zones, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "COMMAND", NULL, offer_commands, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "MODE", "halt|summary|ask|pause|degrade", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "RULE", "ask|forbid|allow", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "no", "no|yes", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "END", "stop|wait|pass", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "BILLING", "plan|api|auto", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "PROVIDER", "anthropic|openai|gemini", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "VARIABLE",
     "CLAUDE_CODE_OAUTH_TOKEN|ANTHROPIC_AUTH_TOKEN|ANTHROPIC_API_KEY|CODEX_API_KEY|OPENAI_API_KEY|"
     "GEMINI_API_KEY|GOOGLE_API_KEY",
     NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "TIME=AMOUNT", NULL, offer_windows, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "WINDOW", "hour|day|week|month|quarter|year|5h", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "DAY", "monday|tuesday|wednesday|thursday|friday|saturday|sunday", NULL,
     PAWL_CLI_COMPLETES_WORDS},
    {NULL, "ORDER", "start|use|rate|spent", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "GROUP", "policy|repo|week|cause", NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "SHELL", "bash|zsh|fish", NULL, PAWL_CLI_COMPLETES_WORDS},
    {"policy check", "FILE", NULL, NULL, PAWL_CLI_COMPLETES_FILES},
    {NULL, "FILE", NULL, NULL, PAWL_CLI_COMPLETES_FILES},
    {NULL, "DIR", NULL, NULL, PAWL_CLI_COMPLETES_DIRECTORIES},
    {NULL, "PATH", NULL, NULL, PAWL_CLI_COMPLETES_DIRECTORIES},
    {NULL, "USD", NULL, NULL, PAWL_CLI_COMPLETES_WORDS}, /* amounts and texts are one's own */
    {NULL, "N", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "TIME", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "NAME", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "CMD", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "FORMAT", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "OP:HASH", NULL, NULL, PAWL_CLI_COMPLETES_WORDS},
    {NULL, "VERB", NULL, NULL, PAWL_CLI_COMPLETES_WORDS}, /* cmd_complete.c knows whose */
};
/* clang-format on */

static const struct pawl_cli_value_row *find_in(const struct pawl_cli_value_row *table,
                                                size_t count,
                                                const struct pawl_cli_command *command,
                                                struct pawl_slice placeholder)
{
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_equal_str(placeholder, table[i].placeholder) &&
            (table[i].command == NULL || strcmp(table[i].command, command->name) == 0)) {
            return &table[i];
        }
    }
    return NULL;
}

static const struct pawl_cli_value_row *find_row(const struct pawl_cli_command *command,
                                                 struct pawl_slice placeholder)
{
    const struct pawl_cli_value_row *row =
        find_in(pawl_cli_server_values, pawl_cli_server_value_count, command, placeholder);
    return row != NULL ? row : find_in(rows, PAWL_ARRAY_LEN(rows), command, placeholder);
}

bool pawl_cli_values_known(const struct pawl_cli_command *command, struct pawl_slice placeholder)
{
    return find_row(command, placeholder) != NULL;
}

enum pawl_cli_completes pawl_cli_values_offer(const struct pawl_cli_command *command,
                                              struct pawl_slice placeholder,
                                              struct pawl_cli_offers *offers)
{
    const struct pawl_cli_value_row *row = find_row(command, placeholder);
    if (row == NULL) {
        return PAWL_CLI_COMPLETES_WORDS;
    }
    struct pawl_slice words = pawl_slice_str(row->words != NULL ? row->words : "");
    while (!pawl_slice_empty(words)) {
        offer_slice(offers, pawl_slice_cut(&words, '|'), "");
    }
    if (row->offer != NULL) {
        row->offer(offers);
    }
    return row->completes;
}

/* --- Placeholders ---------------------------------------------------------------------------- */

/* "RUN" of "[RUN]", "FILE" of "FILE...". */
static struct pawl_slice bare(struct pawl_slice word)
{
    while (word.bytes > 0 && word.data[0] == '[') {
        word = pawl_slice_sub(word, 1, word.bytes);
    }
    while (word.bytes > 0 && strchr("].", word.data[word.bytes - 1]) != NULL) {
        word.bytes--;
    }
    return word;
}

struct pawl_slice pawl_cli_operand_at(const struct pawl_cli_command *command, size_t place)
{
    struct pawl_slice rest = pawl_slice_str(command->operands);
    struct pawl_slice found = PAWL_SLICE_NONE;
    for (size_t i = 0; i <= place && !pawl_slice_empty(rest); i++) {
        struct pawl_slice word = pawl_slice_cut(&rest, ' ');
        bool repeats = pawl_slice_find(word, PAWL_SLICE("...")) < word.bytes;
        found = i == place || repeats ? bare(word) : PAWL_SLICE_NONE;
    }
    return found;
}

struct pawl_slice pawl_cli_option_value(const struct pawl_cli_option *option)
{
    return option->argument != NULL ? bare(pawl_slice_str(option->argument)) : PAWL_SLICE_NONE;
}
