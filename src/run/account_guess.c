/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_guess.c: see account_guess.h. Claude Code says in ~/.claude.json which account it is
 * logged in with, by its provider's id of it, and keeps the tokens elsewhere; Codex says it beside
 * them. The Gemini CLI goes out with an API key under pawl (agent_gemini.c says why).
 */
#include "run/account_guess.h"

#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
#include "base/file_os.h"
#include "base/json.h"

enum { FILE_BYTES_MAX = 8 << 20, ARENA_BYTES_MAX = 32 << 20 };

/* By provider in the order in which clients look at them. */
static const struct {
    const char *variable;
    enum pawl_upstream upstream;
    bool bearer; /* its form may be that of a subscription's */
} credentials[] = {
    {"ANTHROPIC_AUTH_TOKEN", PAWL_UPSTREAM_ANTHROPIC, true},
    {"ANTHROPIC_API_KEY", PAWL_UPSTREAM_ANTHROPIC, false},
    {"CLAUDE_CODE_OAUTH_TOKEN", PAWL_UPSTREAM_ANTHROPIC, true},
    {"CODEX_API_KEY", PAWL_UPSTREAM_OPENAI, true},
    {"OPENAI_API_KEY", PAWL_UPSTREAM_OPENAI, true},
    {"GEMINI_API_KEY", PAWL_UPSTREAM_GEMINI, false},
    {"GOOGLE_API_KEY", PAWL_UPSTREAM_GEMINI, false},
};

/* --- A guess --------------------------------------------------------------------------------- */

static void set_billing(const struct pawl_account_question *question,
                        enum pawl_billing form,
                        struct pawl_account_guess *guess)
{
    struct pawl_account_record own = {.mode = question->mode, .detected = form};
    if (guess->known) {
        own.quota.seen_us = guess->record.quota.seen_us;
        own.mode = own.mode == PAWL_BILLING_MODE_AUTO ? guess->record.mode : own.mode;
    }
    guess->billing = pawl_account_billing(&own);
    guess->billing_set = own.mode != PAWL_BILLING_MODE_AUTO;
}

static void
look_up(const struct pawl_account_question *question, uint64_t id, struct pawl_account_guess *guess)
{
    char text[PAWL_ACCOUNT_ID_BYTES];
    struct pawl_errmsg msg;
    pawl_account_id_text(id, text);
    guess->known = pawl_ok(pawl_accounts_read(question->dir, text, &guess->record, &msg));
    if (!guess->known) {
        guess->record = (struct pawl_account_record){.upstream = guess->upstream};
        memcpy(guess->record.id, text, sizeof(text));
    }
}

static void by_credential(const struct pawl_account_question *question,
                          const char *source,
                          enum pawl_upstream upstream,
                          bool bearer,
                          struct pawl_slice credential,
                          struct pawl_account_guess *ret_guess)
{
    *ret_guess = (struct pawl_account_guess){.upstream = upstream, .source = source};
    look_up(question, pawl_subscription_id(question->key, upstream, credential), ret_guess);
    set_billing(question,
                bearer ? pawl_vendor_billing_of_token(upstream, credential) : PAWL_BILLING_API,
                ret_guess);
}

static struct pawl_slice value_of(const struct pawl_account_question *question, const char *name)
{
    const char *value = question->get(name);
    return value != NULL ? pawl_slice_trim(pawl_slice_str(value)) : PAWL_SLICE_NONE;
}

pawl_err pawl_account_of_variable(const struct pawl_account_question *question,
                                  const char *variable,
                                  enum pawl_upstream upstream,
                                  struct pawl_account_guess *ret_guess,
                                  struct pawl_errmsg *msg)
{
    struct pawl_slice credential = value_of(question, variable);
    bool bearer = true;
    if (pawl_slice_empty(credential)) {
        pawl_errmsg_set(msg, "%.60s is not set: export it first, then add the account", variable);
        return PAWL_ERR(NOT_FOUND);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(credentials); i++) {
        if (strcmp(credentials[i].variable, variable) == 0) {
            bearer = credentials[i].bearer;
            upstream = upstream == PAWL_UPSTREAM_COUNT ? credentials[i].upstream : upstream;
        }
    }
    if (upstream == PAWL_UPSTREAM_COUNT) {
        pawl_errmsg_set(msg,
                        "%.60s does not say whose credential it holds: add --provider anthropic, "
                        "openai or gemini",
                        variable);
        return PAWL_ERR(INVALID);
    }
    by_credential(question, variable, upstream, bearer, credential, ret_guess);
    return PAWL_OK;
}

/* --- What an agent's own log-in says --------------------------------------------------------- */

static bool read_json(const char *path, struct pawl_arena *arena, struct pawl_json *ret_json)
{
    struct pawl_errmsg msg;
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    bool good = pawl_ok(pawl_file_read(path, &text, &msg));
    if (good) {
        struct pawl_slice copy = pawl_arena_copy(arena, pawl_buf_slice(&text));
        good = pawl_json_parse(arena, copy, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, ret_json);
    }
    pawl_buf_free(&text);
    return good;
}

/* A file in the folder that a variable names, else somewhere below the home directory. */
static bool read_own(const struct pawl_account_question *question,
                     const char *variable,
                     const char *name,
                     const char *below_home,
                     struct pawl_arena *arena,
                     struct pawl_json *ret_json)
{
    char path[PAWL_PATH_BYTES];
    const char *own = question->get(variable);
    const char *home = question->get("HOME");
    bool moved = own != NULL && own[0] != '\0';
    int bytes = snprintf(path, sizeof(path), "%s/%s%s", moved ? own : (home != NULL ? home : ""),
                         moved ? "" : below_home, name);
    return bytes > 0 && bytes < (int)sizeof(path) && read_json(path, arena, ret_json);
}

/* true: Claude Code is logged in, with that account of its provider's. */
static bool claude_account(const struct pawl_account_question *question,
                           struct pawl_arena *arena,
                           struct pawl_slice *ret_account)
{
    struct pawl_json json;
    if (!read_own(question, "CLAUDE_CONFIG_DIR", ".claude.json", "", arena, &json)) {
        return false;
    }
    uint32_t account = pawl_json_get(&json, 0, "oauthAccount");
    if (!pawl_json_is(&json, account, PAWL_JSON_OBJECT) ||
        pawl_json_is(&json, pawl_json_get(&json, 0, "primaryApiKey"), PAWL_JSON_STRING)) {
        return false;
    }
    *ret_account = pawl_json_string(&json, pawl_json_get(&json, account, "accountUuid"), arena);
    return !pawl_slice_empty(*ret_account);
}

/* true: Codex is logged in with ChatGPT, and takes that before OPENAI_API_KEY (agent_codex.c). */
static bool codex_account(const struct pawl_account_question *question,
                          struct pawl_arena *arena,
                          struct pawl_slice *ret_account)
{
    struct pawl_json json;
    if (!read_own(question, "CODEX_HOME", "auth.json", ".codex/", arena, &json)) {
        return false;
    }
    uint32_t key = pawl_json_get(&json, 0, "OPENAI_API_KEY");
    uint32_t tokens = pawl_json_get(&json, 0, "tokens");
    bool chatgpt = pawl_json_string_is(&json, pawl_json_get(&json, 0, "auth_mode"), "chatgpt");
    if ((!chatgpt && pawl_json_is(&json, key, PAWL_JSON_STRING)) ||
        !pawl_json_is(&json, tokens, PAWL_JSON_OBJECT)) {
        return false;
    }
    *ret_account = pawl_json_string(&json, pawl_json_get(&json, tokens, "account_id"), arena);
    return true;
}

static bool by_login(const struct pawl_account_question *question,
                     struct pawl_account_guess *ret_guess)
{
    struct pawl_arena arena;
    struct pawl_slice account = PAWL_SLICE_NONE;
    bool claude = question->agent == PAWL_AGENT_CLAUDE;
    enum pawl_upstream upstream = claude ? PAWL_UPSTREAM_ANTHROPIC : PAWL_UPSTREAM_CHATGPT;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    bool found =
        claude ? claude_account(question, &arena, &account)
               : question->agent == PAWL_AGENT_CODEX && codex_account(question, &arena, &account);
    if (found) {
        *ret_guess = (struct pawl_account_guess){
            .upstream = upstream,
            .source = claude ? "the log-in of Claude Code" : "the log-in of Codex",
        };
        look_up(question, pawl_subscription_id_of_account(question->key, upstream, account),
                ret_guess);
        set_billing(question, PAWL_BILLING_PLAN, ret_guess);
    }
    pawl_arena_free(&arena);
    return found;
}

/* --- The one that was used last -------------------------------------------------------------- */

struct latest {
    enum pawl_upstream upstream;
    struct pawl_account_record record;
};

static bool keep_latest(void *arg, const struct pawl_account_record *record)
{
    struct latest *latest = arg;
    if (record->upstream == latest->upstream && pawl_account_billing(record) == PAWL_BILLING_PLAN &&
        record->quota.seen_us > latest->record.quota.seen_us) {
        latest->record = *record;
    }
    return true;
}

static bool last_used(const struct pawl_account_question *question,
                      enum pawl_upstream upstream,
                      struct pawl_account_guess *ret_guess)
{
    struct pawl_errmsg msg;
    struct latest latest = {.upstream = upstream};
    if (pawl_failed(pawl_accounts_each(question->dir, keep_latest, &latest, &msg)) ||
        latest.record.quota.seen_us == 0) {
        return false;
    }
    *ret_guess = (struct pawl_account_guess){
        .upstream = upstream, .known = true, .assumed = true, .record = latest.record};
    set_billing(question, latest.record.detected, ret_guess);
    return true;
}

/* --- All together ---------------------------------------------------------------------------- */

static enum pawl_upstream upstream_of(enum pawl_agent agent)
{
    switch (agent) {
    case PAWL_AGENT_CLAUDE:
        return PAWL_UPSTREAM_ANTHROPIC;
    case PAWL_AGENT_CODEX:
        return PAWL_UPSTREAM_OPENAI;
    case PAWL_AGENT_GEMINI:
        return PAWL_UPSTREAM_GEMINI;
    case PAWL_AGENT_NONE:
    case PAWL_AGENT_COUNT:
        break;
    }
    return PAWL_UPSTREAM_COUNT; /* Nobody knows: credentials must tell. */
}

/* A token that is renewed every few hours is not known by itself; the account that it was used for
 * last most probably is. */
static void prefer_known(const struct pawl_account_question *question,
                         struct pawl_account_guess *guess)
{
    struct pawl_account_guess last;
    if (!guess->known && guess->billing == PAWL_BILLING_PLAN &&
        last_used(question, guess->upstream, &last)) {
        last.source = guess->source;
        *guess = last;
    }
}

uint32_t pawl_account_guess(const struct pawl_account_question *question,
                            struct pawl_account_guess ret_guesses[static PAWL_UPSTREAM_COUNT])
{
    enum pawl_upstream only = upstream_of(question->agent);
    bool seen[PAWL_UPSTREAM_COUNT] = {false};
    uint32_t count = 0;
    if (question->agent == PAWL_AGENT_CODEX &&
        pawl_slice_empty(value_of(question, "CODEX_API_KEY")) &&
        by_login(question, &ret_guesses[0])) {
        prefer_known(question, &ret_guesses[0]);
        return 1;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(credentials); i++) {
        struct pawl_slice credential = value_of(question, credentials[i].variable);
        enum pawl_upstream upstream = credentials[i].upstream;
        bool fits = only == PAWL_UPSTREAM_COUNT || only == upstream;
        if (fits && !seen[upstream] && !pawl_slice_empty(credential)) {
            seen[upstream] = true;
            by_credential(question, credentials[i].variable, upstream, credentials[i].bearer,
                          credential, &ret_guesses[count]);
            prefer_known(question, &ret_guesses[count]);
            count++;
        }
    }
    if (count == 0 && only != PAWL_UPSTREAM_COUNT &&
        (by_login(question, &ret_guesses[0]) || last_used(question, only, &ret_guesses[0]))) {
        count = 1;
    }
    return count;
}

/* --- Words ----------------------------------------------------------------------------------- */

void pawl_account_guess_words(const struct pawl_account_guess *guesses,
                              uint32_t count,
                              struct pawl_buf *out)
{
    uint32_t said = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pawl_account_guess *guess = &guesses[i];
        const char *name = guess->known ? guess->record.name : "";
        if (name[0] == '\0' && guess->billing != PAWL_BILLING_PLAN && !guess->billing_set) {
            continue;
        }
        pawl_buf_printf(out, "%s%s%s%s %s%s, %s%s%s", said++ == 0 ? "" : "; or ", name,
                        name[0] != '\0' ? ": " : "", pawl_upstream_name(guess->upstream),
                        pawl_billing_name(guess->billing), guess->billing_set ? " as set" : "",
                        guess->source != NULL ? "by " : "as the last time",
                        guess->source != NULL ? guess->source : "",
                        guess->billing == PAWL_BILLING_PLAN
                            ? " (dollars are what its calls would cost at list prices)"
                            : "");
    }
    if (said == 0 && count > 0) {
        pawl_buf_append_str(out, "billed by the token");
    }
}
