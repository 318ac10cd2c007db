/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts_edit.c: see accounts_edit.h. What a person says of an account: what it is called, how it
 * is billed, how much its windows have where nobody tells. An agent may not say it of its own,
 * since a window that it widened would not stop it
 * (docs/decisions/0009-a-yes-never-comes-from-inside.md).
 */
#include "cli/accounts_edit.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/money.h"
#include "net/peer.h"
#include "run/account_guess.h"
#include "run/account_words.h"

enum {
    OPTION_NAME = 1,
    OPTION_BILLING,
    OPTION_WINDOW,
    OPTION_PROVIDER,
    OPTION_JSON,
    OPTION_DATA_DIR
};

#define OPTIONS_OF_BOTH                                                                            \
    {OPTION_NAME, 'n', "name", "NAME", "what it is called"},                                       \
        {OPTION_BILLING, 0, "billing", "BILLING",                                                  \
         "plan (a subscription), api (by the call) or auto: as it looks"},                         \
        {OPTION_WINDOW, 0, "window", "TIME=AMOUNT",                                                \
         "a window by hand, tokens or dollars: 5h=20M, 7d=$150, 5h=off"},                          \
        {OPTION_JSON, 0, "json", NULL, "the account as an object"},                                \
    {                                                                                              \
        OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"                               \
    }

static const struct pawl_cli_option add_options[] = {
    {OPTION_PROVIDER, 0, "provider", "PROVIDER",
     "anthropic, openai or gemini, where the variable's name does not say it"},
    OPTIONS_OF_BOTH,
};
static const struct pawl_cli_option set_options[] = {OPTIONS_OF_BOTH};
static const struct pawl_cli_option forget_options[] = {
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

/* --- What is to be changed ------------------------------------------------------------------- */

enum { WINDOWS_SET_MAX = 8 };

struct edit {
    const char *name;            /* NULL: as it is */
    enum pawl_billing_mode mode; /* COUNT: as it is */
    uint32_t window_count;
    struct {
        int64_t length_s;
        uint16_t unit; /* 0: taken back */
        int64_t limit;
    } windows[WINDOWS_SET_MAX];
    /* add: how it was found. */
    const char *variable;
    enum pawl_upstream upstream;
    enum pawl_billing detected;
};

/* "5h=20M", "7d=$150", "5h=off" */
static int take_window(const struct pawl_cli_call *call, const char *text, struct edit *edit)
{
    enum { LENGTH_BYTES = 16 };
    char length[LENGTH_BYTES];
    int64_t length_ms = 0;
    const int64_t minute_ms = INT64_C(60) * 1000;
    const int64_t year_ms = INT64_C(366) * 24 * 60 * minute_ms;
    struct pawl_slice amount = pawl_slice_str(text);
    struct pawl_slice before = pawl_slice_cut(&amount, '=');
    if (edit->window_count == WINDOWS_SET_MAX) {
        return pawl_cli_usage_error(call, "at most %d windows at once", WINDOWS_SET_MAX);
    }
    if (!pawl_slice_copy_str(before, length, sizeof(length)) ||
        !pawl_duration_parse_ms(length, &length_ms) || length_ms % minute_ms != 0 ||
        length_ms > year_ms) {
        return pawl_cli_usage_error(
            call,
            "--window takes a length of whole minutes and an amount, such as 5h=20M, not '%s'",
            text);
    }
    bool off = pawl_slice_equal_str(amount, "off");
    bool dollars = pawl_slice_starts_with(amount, PAWL_SLICE("$"));
    int64_t limit = 0;
    bool good = off || (dollars ? pawl_money_parse_usd(amount, &limit)
                                : pawl_money_parse_count(amount, &limit));
    if (!good || (!off && limit == 0)) {
        return pawl_cli_usage_error(
            call,
            "the amount of a window is tokens (20M), dollars at list prices "
            "($150) or off, as in --window '5h=$12', not '%s'",
            text);
    }
    edit->windows[edit->window_count].length_s = length_ms / 1000;
    edit->windows[edit->window_count].unit =
        off ? PAWL_UNIT_NONE : (dollars ? PAWL_UNIT_USD_MICROCENTS : PAWL_UNIT_TOKENS);
    edit->windows[edit->window_count++].limit = limit;
    return PAWL_CLI_GO_ON;
}

static int take_edit(const struct pawl_cli_call *call, struct edit *edit)
{
    const char *billing = pawl_cli_value(call, OPTION_BILLING);
    edit->name = pawl_cli_value(call, OPTION_NAME);
    edit->mode = billing != NULL ? pawl_billing_mode_of(billing) : PAWL_BILLING_MODE_COUNT;
    if (billing != NULL && edit->mode == PAWL_BILLING_MODE_COUNT) {
        return pawl_cli_usage_error(call, "--billing takes plan, api or auto, not '%s'", billing);
    }
    if (edit->name != NULL && !pawl_account_name_ok(edit->name)) {
        return pawl_cli_usage_error(call,
                                    "--name takes up to %d letters, digits and . _ -, not '%s'",
                                    PAWL_ACCOUNT_NAME_BYTES - 1, edit->name);
    }
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id == OPTION_WINDOW) {
            int status = take_window(call, call->given[i].value, edit);
            if (status != PAWL_CLI_GO_ON) {
                return status;
            }
        }
    }
    return PAWL_CLI_GO_ON;
}

/* --- Changing it ----------------------------------------------------------------------------- */

static pawl_err
apply(void *arg, struct pawl_account_record *record, bool *ret_write, struct pawl_errmsg *msg)
{
    const struct edit *edit = arg;
    if (edit->variable != NULL) {
        record->upstream = edit->upstream;
        record->detected = edit->detected;
        (void)pawl_slice_copy_str(pawl_slice_str(edit->variable), record->source,
                                  sizeof(record->source));
    }
    if (edit->name != NULL) {
        (void)pawl_slice_copy_str(pawl_slice_str(edit->name), record->name, sizeof(record->name));
    }
    record->mode = edit->mode != PAWL_BILLING_MODE_COUNT ? edit->mode : record->mode;
    for (uint32_t i = 0; i < edit->window_count; i++) {
        if (!pawl_quota_set(&record->quota, edit->windows[i].length_s, edit->windows[i].unit,
                            edit->windows[i].limit)) {
            pawl_errmsg_set(msg,
                            "an account has at most %d windows; take one back first, as in "
                            "--window 5h=off",
                            PAWL_VENDOR_WINDOWS_MAX);
            return PAWL_ERR(LIMIT);
        }
    }
    *ret_write = true;
    return PAWL_OK;
}

static void tell(const struct pawl_cli_call *call, const struct pawl_account_record *record)
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_us = clock.real_us(clock.arg);
    char text[PAWL_WINDOW_TEXT_BYTES];
    char title[PAWL_ACCOUNT_NAME_BYTES];
    struct pawl_quota quota = record->quota;
    if (pawl_cli_has(call, OPTION_JSON)) {
        pawl_cli_print_account(record, now_us);
        return;
    }
    (void)pawl_quota_roll(&quota, now_us);
    printf("%s: %s, %s%s", pawl_account_title(record, title), pawl_upstream_name(record->upstream),
           pawl_billing_name(pawl_account_billing(record)),
           record->mode != PAWL_BILLING_MODE_AUTO ? " as set" : "");
    for (uint32_t i = 0; i < quota.window_count; i++) {
        const struct pawl_quota_window *window = &quota.windows[i];
        const char *left = pawl_window_left(&quota, window, text);
        printf("; %s window: ", window->name);
        printf("%s%s", left[0] != '\0' ? left : "what it has is not known yet",
               left[0] != '\0' ? " left" : "");
    }
    printf("\n");
}

/* A name is one account's. */
struct taken {
    const char *name;
    const char *id; /* whose it may be */
    bool by_another;
};

static bool look_at_name(void *arg, const struct pawl_account_record *record)
{
    struct taken *taken = arg;
    taken->by_another =
        strcmp(record->name, taken->name) == 0 && strcmp(record->id, taken->id) != 0;
    return !taken->by_another;
}

static int change(const struct pawl_cli_call *call,
                  const struct pawl_datadir *dir,
                  const char *id,
                  struct edit *edit)
{
    struct pawl_errmsg msg = {""};
    struct pawl_account_record record;
    struct taken taken = {.name = edit->name, .id = id};
    pawl_err err =
        edit->name != NULL ? pawl_accounts_each(dir, look_at_name, &taken, &msg) : PAWL_OK;
    if (taken.by_another) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "another account is called '%s' already",
                              edit->name);
    }
    if (pawl_ok(err)) {
        err = pawl_accounts_change(dir, id, apply, edit, &record, &msg);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    tell(call, &record);
    return PAWL_EXIT_OK;
}

/* --- The verbs ------------------------------------------------------------------------------- */

/* PAWL_CLI_GO_ON with the data directory, or what to return. */
static int open_dir(const struct pawl_cli_call *call, bool make, struct pawl_datadir *ret_dir)
{
    struct pawl_errmsg msg = {""};
    if (pawl_peer_descends_from_named(getpid(), PAWL_KEEPER_NAME)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED,
                              "accounts are changed by a person, and this came from inside of a "
                              "run, where its agent is; another terminal is the place");
    }
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), ret_dir, &msg);
    if (pawl_ok(err) && make) {
        err = pawl_datadir_create(ret_dir, &msg);
    }
    return pawl_ok(err) ? PAWL_CLI_GO_ON : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

static int run_add(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    struct pawl_account_guess guess;
    const char *provider = pawl_cli_value(call, OPTION_PROVIDER);
    struct edit edit = {.variable = call->operands[0]};
    enum pawl_upstream upstream =
        provider != NULL ? pawl_upstream_of_name(provider) : PAWL_UPSTREAM_COUNT;
    if (provider != NULL && upstream == PAWL_UPSTREAM_COUNT) {
        return pawl_cli_usage_error(call, "--provider takes anthropic, openai or gemini, not '%s'",
                                    provider);
    }
    if (strlen(edit.variable) >= PAWL_ACCOUNT_SOURCE_BYTES) {
        return pawl_cli_usage_error(call, "a variable's name has at most %d characters",
                                    PAWL_ACCOUNT_SOURCE_BYTES - 1);
    }
    int status = take_edit(call, &edit);
    status = status == PAWL_CLI_GO_ON ? open_dir(call, true, &dir) : status;
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    struct pawl_account_question question = {.dir = &dir, .get = pawl_environ_get};
    pawl_err err = pawl_accounts_key(&dir, &question.key, &msg);
    if (pawl_ok(err)) {
        err = pawl_account_of_variable(&question, edit.variable, upstream, &guess, &msg);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    edit.upstream = guess.upstream;
    edit.detected = guess.billing_set ? guess.record.detected : guess.billing;
    return change(call, &dir, guess.record.id, &edit);
}

static int run_set(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    struct pawl_account_record record;
    struct edit edit = {.variable = NULL};
    int status = take_edit(call, &edit);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (edit.name == NULL && edit.mode == PAWL_BILLING_MODE_COUNT && edit.window_count == 0) {
        return pawl_cli_usage_error(call, "say what to set: --name, --billing or --window");
    }
    status = open_dir(call, false, &dir);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (pawl_failed(pawl_accounts_find(&dir, call->operands[0], &record, &msg))) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    return change(call, &dir, record.id, &edit);
}

static int run_forget(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    struct pawl_account_record record;
    char title[PAWL_ACCOUNT_NAME_BYTES];
    int status = open_dir(call, false, &dir);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_err err = pawl_accounts_find(&dir, call->operands[0], &record, &msg);
    if (pawl_ok(err)) {
        err = pawl_accounts_remove(&dir, record.id, &msg);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    printf("%s is forgotten; its next call makes it known anew\n",
           pawl_account_title(&record, title));
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_accounts_add = {
    .name = "accounts add",
    .operands = "VARIABLE",
    .summary = "make an account known whose credential a variable has",
    .text = "The credential is hashed; it is kept nowhere. Calls that go out on it count for the\n"
            "account from then on.",
    .examples = "  pawl accounts add CLAUDE_CODE_OAUTH_TOKEN --name work\n"
                "  pawl accounts add WORK_KEY --provider openai --name work --window 5h=20M",
    .options = add_options,
    .option_count = PAWL_ARRAY_LEN(add_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_add,
};

const struct pawl_cli_command pawl_cli_command_accounts_set = {
    .name = "accounts set",
    .operands = "ACCOUNT",
    .summary = "name an account, say how it is billed, set its windows by hand",
    .text =
        "An account is told by its name, its id, or the beginning of its id. What its provider\n"
        "tells of a window goes before what is set by hand; that says how much the whole is\n"
        "until pawl has learned it from what calls used.",
    .examples = "  pawl accounts set 6d0f --name home\n"
                "  pawl accounts set home --billing plan --window 5h=20M --window '7d=$150'\n"
                "  pawl accounts set home --window 7d=off",
    .options = set_options,
    .option_count = PAWL_ARRAY_LEN(set_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_set,
};

const struct pawl_cli_command pawl_cli_command_accounts_forget = {
    .name = "accounts forget",
    .operands = "ACCOUNT",
    .summary = "forget an account: its name, its billing, what was learned of its windows",
    .text = "Runs keep what they booked; only what is known of the account goes.",
    .examples = "  pawl accounts forget work",
    .options = forget_options,
    .option_count = PAWL_ARRAY_LEN(forget_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_forget,
};
