/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_codex.c: Codex.
 *
 * It takes no address from its environment, and its built-in provider opens a websocket; so pawl
 * gives it a provider of its own by -c, which comes before config.toml and its profiles. The
 * last -c wins, so pawl's stand behind all arguments but "--".
 *
 * Codex lets the model write scripts that run many tools, and one item in the model's answer says
 * nothing about them. Only its hooks see each. A hook of the command line is not trusted
 * until somebody has looked at it, and the switch that waives this waives it for the hooks of an
 * unknown project too; so pawl says by the hook's hash that this one is trusted, and no other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/sha256.h"
#include "run/agents_priv.h"
#include "run/datadir.h"

enum { VALUE_BYTES_MAX = 32768 };

#define KEY_VARIABLE "PAWL_GATEWAY_KEY"

/* What runs somewhere else, or in a service that outlives pawl. */
static const char *const elsewhere[] = {"cloud", "remote-control", "queue", "agents"};

static void
append_c(struct pawl_agent_plan *plan, size_t at, struct pawl_buf *value, const char *why)
{
    plan->full = plan->full || value->overflowed;
    pawl_agent_argument(plan, at, "-c", why);
    pawl_agent_argument(plan, at, pawl_buf_cstr(value), NULL);
    pawl_buf_reset(value);
}

/* A TOML string has the escapes of a JSON string. */
static void put_text(struct pawl_buf *out, const char *text)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_put_str(&writer, text);
}

/* --- Ways out -------------------------------------------------------------------------------- */

enum login { LOGIN_NONE, LOGIN_KEY, LOGIN_CHATGPT };

/* What `codex login` left. Codex takes it before the variable OPENAI_API_KEY. */
static enum login read_login(const struct pawl_agent_request *request, struct pawl_agent_plan *plan)
{
    struct pawl_json json;
    const char *own = request->get("CODEX_HOME");
    const char *home = request->get("HOME");
    const char *path = own != NULL && own[0] != '\0'
                           ? pawl_agent_text(plan, "%s/auth.json", own)
                           : pawl_agent_text(plan, "%s/.codex/auth.json", home != NULL ? home : "");
    if (pawl_failed(pawl_agent_read_json(plan, path, &json))) {
        return LOGIN_NONE;
    }
    uint32_t key = pawl_json_get(&json, 0, "OPENAI_API_KEY");
    bool chatgpt = pawl_json_string_is(&json, pawl_json_get(&json, 0, "auth_mode"), "chatgpt");
    if (!chatgpt && pawl_json_is(&json, key, PAWL_JSON_STRING)) {
        return LOGIN_KEY;
    }
    uint32_t tokens = pawl_json_get(&json, 0, "tokens");
    return pawl_json_is(&json, tokens, PAWL_JSON_OBJECT) ? LOGIN_CHATGPT : LOGIN_NONE;
}

static pawl_err refuse_ways_out(const struct pawl_agent_request *request, struct pawl_errmsg *msg)
{
    const char *subcommand = pawl_agent_subcommand(request);
    for (size_t i = 0; subcommand != NULL && i < PAWL_ARRAY_LEN(elsewhere); i++) {
        if (strcmp(subcommand, elsewhere[i]) == 0) {
            pawl_errmsg_set(msg,
                            "codex %s runs outside of this process, where pawl can neither "
                            "meter nor end it",
                            subcommand);
            return PAWL_ERR(UNSUPPORTED);
        }
    }
    static const char *const flags[] = {"--oss", "--local-provider", "--remote"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(flags); i++) {
        if (pawl_agent_has_flag(request, flags[i])) {
            pawl_errmsg_set(msg,
                            "codex %s chooses a provider that pawl does not meter. Leave it "
                            "out, or leave the agent's calls unmetered with --agent none",
                            flags[i]);
            return PAWL_ERR(UNSUPPORTED);
        }
    }
    return PAWL_OK;
}

/* Two commands call no model and take what stands behind them for words of their own. */
static bool calls_no_model(const struct pawl_agent_request *request)
{
    const char *first = request->argv[request->command.first];
    return first != NULL && (strcmp(first, "help") == 0 || strcmp(first, "sandbox") == 0);
}

/* --- The provider ---------------------------------------------------------------------------- */

static bool is_set(const struct pawl_agent_request *request, const char *name)
{
    const char *value = request->get(name);
    return value != NULL && value[0] != '\0';
}

/* Who pays, and where the credential comes from. */
struct payer {
    const char *key;  /* the variable that has it; NULL: Codex's own login */
    const char *path; /* behind the gateway's secret */
    const char *why;
};

static struct payer payer_of(const struct pawl_agent_request *request, struct pawl_agent_plan *plan)
{
    struct payer payer = {
        .path = "openai/v1",
        .why = "the gateway's address, the user's own key, plain HTTP",
    };
    enum login login = read_login(request, plan);
    if (is_set(request, "CODEX_API_KEY")) {
        payer.key = "CODEX_API_KEY";
    } else if (login == LOGIN_CHATGPT) {
        payer.path = "chatgpt";
        payer.why = "the gateway's address, the user's ChatGPT plan, plain HTTP";
        pawl_agent_note(plan, "Codex calls under a ChatGPT plan: dollars are what its calls would "
                              "cost at list prices, and no ceiling can be put on an answer there");
    } else if (is_set(request, "OPENAI_API_KEY")) {
        payer.key = "OPENAI_API_KEY";
    }
    /* Without any it may have a key where pawl cannot look, and says so itself if not. */
    return payer;
}

/* The value of the last -c or --config whose value begins so; NULL: there is none. */
static const char *last_config(const struct pawl_agent_request *request, const char *begins)
{
    const char *found = NULL;
    size_t end = pawl_agent_options_end(request);
    for (size_t i = request->command.first; i < end; i++) {
        const char *argument = request->argv[i];
        const char *value = NULL;
        if (strncmp(argument, "--config=", 9) == 0) {
            value = argument + 9;
        } else if (strcmp(argument, "-c") == 0 || strcmp(argument, "--config") == 0) {
            value = request->argv[i + 1];
        } else if (strncmp(argument, "-c", 2) == 0) {
            value = argument + (argument[2] == '=' ? 3 : 2);
        }
        if (value != NULL && strncmp(value, begins, strlen(begins)) == 0) {
            found = value;
        }
    }
    return found;
}

static void
put_provider(const struct pawl_agent_request *request, struct pawl_agent_plan *plan, size_t at)
{
    struct pawl_buf value;
    struct payer payer = payer_of(request, plan);
    pawl_buf_init(&value, VALUE_BYTES_MAX);
    /* Other users may read the command line, so the secret goes by a header. */
    const char *secret = strrchr(request->address, '/') + 1;
    int host_bytes = (int)(secret - request->address);
    pawl_buf_append_str(&value, "model_providers.pawl={name=\"OpenAI through pawl\",base_url=");
    put_text(&value, pawl_agent_text(plan, "%.*s-/%s", host_bytes, request->address, payer.path));
    pawl_buf_append_str(&value, ",env_http_headers={\"x-pawl-key\"=\"" KEY_VARIABLE "\"}");
    /* Codex's own retries stay, for a provider in trouble: it sends no refusal of pawl's again. */
    pawl_buf_append_str(&value, ",wire_api=\"responses\",supports_websockets=false,");
    if (payer.key != NULL) {
        pawl_buf_printf(&value, "env_key=\"%s\"}", payer.key);
    } else {
        pawl_buf_append_str(&value, "requires_openai_auth=true}");
    }
    pawl_agent_env(plan, KEY_VARIABLE, secret, "the gateway's secret, which it sends by a header");
    const char *last = last_config(request, "model_provider");
    if (last == NULL || strcmp(last, pawl_buf_cstr(&value)) != 0) {
        pawl_agent_argument(plan, at, "-c",
                            "a provider of pawl's own, whatever config.toml and profiles choose");
        pawl_agent_argument(plan, at, "model_provider=pawl", NULL);
        append_c(plan, at, &value, payer.why);
    }
    pawl_buf_free(&value);
}

/* --- Hooks ----------------------------------------------------------------------------------- */

/* "hooks = false" in a table of features, "features.hooks = false". */
static bool switched_off(struct pawl_slice config)
{
    while (config.bytes > 0) {
        struct pawl_slice line = pawl_slice_cut(&config, '\n');
        struct pawl_slice name = pawl_slice_trim(pawl_slice_cut(&line, '='));
        struct pawl_slice value = pawl_slice_trim(line);
        bool about_hooks = pawl_slice_equal_str(name, "hooks") ||
                           pawl_slice_equal_str(name, "codex_hooks") ||
                           pawl_slice_equal_str(name, "features.hooks");
        if (about_hooks && pawl_slice_starts_with(value, PAWL_SLICE("false"))) {
            return true;
        }
    }
    return false;
}

static bool names_hooks(const char *setting)
{
    return strncmp(setting, "hooks", 5) == 0 || strncmp(setting, "features.hooks", 14) == 0 ||
           strncmp(setting, "features.codex_hooks", 20) == 0;
}

/* What config.toml holds, or nothing. */
static struct pawl_slice read_config(const struct pawl_agent_request *request,
                                     struct pawl_agent_plan *plan)
{
    struct pawl_slice config = PAWL_SLICE_NONE;
    const char *own = request->get("CODEX_HOME");
    const char *home = request->get("HOME");
    const char *path =
        own != NULL && own[0] != '\0'
            ? pawl_agent_text(plan, "%s/config.toml", own)
            : pawl_agent_text(plan, "%s/.codex/config.toml", home != NULL ? home : "");
    return pawl_ok(pawl_agent_read_file(plan, path, &config)) ? config : PAWL_SLICE_NONE;
}

/* What config.toml says of one of its settings, as it stands there; empty where nothing. */
static struct pawl_slice setting_of(struct pawl_slice config, const char *wanted)
{
    while (config.bytes > 0) {
        struct pawl_slice value = pawl_slice_trim(pawl_slice_cut(&config, '\n'));
        if (pawl_slice_starts_with(value, PAWL_SLICE("["))) {
            break; /* Behind the first table's head it is another setting. */
        }
        struct pawl_slice name = pawl_slice_trim(pawl_slice_cut(&value, '='));
        if (pawl_slice_equal_str(name, wanted)) {
            return pawl_slice_trim(value);
        }
    }
    return PAWL_SLICE_NONE;
}

/* Somebody who relies on a provider of his own would wonder. */
static void note_provider(struct pawl_agent_plan *plan, struct pawl_slice config)
{
    struct pawl_slice provider = setting_of(config, "model_provider");
    if (!pawl_slice_empty(provider) &&
        !pawl_slice_starts_with(provider, PAWL_SLICE("\"openai\""))) {
        pawl_agent_note(plan,
                        "config.toml chooses the provider %.*s, which is not used under pawl: "
                        "calls go to OPENAI_BASE_URL, or to OpenAI's own address",
                        (int)pawl_slice_sub(provider, 0, 64).bytes, provider.data);
    }
}

/* Under a plan Codex calls below this address. */
static void find_chatgpt(struct pawl_agent_plan *plan, struct pawl_slice config)
{
    struct pawl_slice url = setting_of(config, "chatgpt_base_url");
    char quote = url.bytes > 0 ? url.data[0] : '\0';
    if (quote != '"' && quote != '\'') {
        return;
    }
    url = pawl_slice_sub(url, 1, url.bytes);
    url = pawl_slice_cut(&url, quote);
    while (url.bytes > 0 && url.data[url.bytes - 1] == '/') {
        url.bytes--;
    }
    plan->chatgpt_url = pawl_agent_text(plan, "%.*s/codex", (int)url.bytes, url.data);
}

/* Whether pawl's hook stands among the arguments already: an earlier start in the run has put it
 * there, and a script has passed its arguments on. */
static bool has_hook(const struct pawl_agent_request *request, struct pawl_agent_plan *plan)
{
    const char *last = last_config(request, "hooks.PreToolUse=");
    return last != NULL && strstr(last, pawl_agent_hook_command(request, plan)) != NULL;
}

/* Why the user's own arguments or settings leave no room for pawl's hook; NULL: they do. */
static const char *
why_no_hooks(const struct pawl_agent_request *request, struct pawl_slice config, bool hook_given)
{
    size_t end = pawl_agent_options_end(request);
    for (size_t i = request->command.first; i + 1 < end; i++) {
        const char *argument = request->argv[i];
        bool is_config = strcmp(argument, "-c") == 0 || strcmp(argument, "--config") == 0;
        bool names = (is_config && names_hooks(request->argv[i + 1])) ||
                     (strncmp(argument, "--config=", 9) == 0 && names_hooks(argument + 9));
        if (names && !hook_given) {
            return "the command sets hooks of its own (-c hooks…)";
        }
        if (strcmp(argument, "--disable") == 0 && strstr(request->argv[i + 1], "hooks") != NULL) {
            return "the command switches them off (--disable hooks)";
        }
    }
    if (switched_off(config)) {
        return "config.toml switches them off (hooks = false)";
    }
    return NULL;
}

/* What pawl has Codex call: before a tool, and when somebody has told it something. */
struct codex_hook {
    const char *event;   /* as config.toml has it, */
    const char *key;     /* … and as its hash does */
    const char *matcher; /* NULL: there is none */
    int timeout_s;
    const char *why;
};

static const struct codex_hook codex_hooks[] = {
    {"PreToolUse", "pre_tool_use", "*", PAWL_AGENT_HOOK_TIMEOUT_S,
     "asks pawl before each tool call, those of scripts included"},
    {"UserPromptSubmit", "user_prompt_submit", NULL, PAWL_AGENT_PROMPT_TIMEOUT_S,
     "tells pawl that somebody is there"},
};

/* The hash by which Codex knows a hook: of its definition as JSON with sorted keys. */
static void hash_hook(const struct codex_hook *hook,
                      const char *command,
                      char out[static 2 * PAWL_JOURNAL_HASH_BYTES + 1])
{
    struct pawl_buf text;
    struct pawl_json_writer writer;
    pawl_buf_init(&text, VALUE_BYTES_MAX);
    pawl_json_writer_init(&writer, &text);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "event_name", hook->key);
    pawl_json_key(&writer, "hooks");
    pawl_json_array_begin(&writer);
    pawl_json_object_begin(&writer);
    pawl_json_member_bool(&writer, "async", false);
    pawl_json_member_str(&writer, "command", command);
    pawl_json_member_i64(&writer, "timeout", hook->timeout_s);
    pawl_json_member_str(&writer, "type", "command");
    pawl_json_object_end(&writer);
    pawl_json_array_end(&writer);
    if (hook->matcher != NULL) {
        pawl_json_member_str(&writer, "matcher", hook->matcher);
    }
    pawl_json_object_end(&writer);
    struct pawl_sha256 sha;
    pawl_sha256_begin(&sha);
    pawl_sha256_add(&sha, text.data, text.bytes);
    struct pawl_journal_hash hash = pawl_sha256_end(&sha);
    for (size_t i = 0; i < sizeof(hash.bytes); i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash.bytes[i]);
    }
    pawl_buf_free(&text);
}

static void
put_hooks(const struct pawl_agent_request *request, struct pawl_agent_plan *plan, size_t at)
{
    const char *command = pawl_agent_hook_command(request, plan);
    struct pawl_buf value;
    struct pawl_buf state;
    pawl_buf_init(&value, VALUE_BYTES_MAX);
    pawl_buf_init(&state, VALUE_BYTES_MAX);
    pawl_buf_append_str(&state, "hooks.state={");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(codex_hooks); i++) {
        const struct codex_hook *hook = &codex_hooks[i];
        char hash[2 * PAWL_JOURNAL_HASH_BYTES + 1];
        pawl_buf_printf(&value, "hooks.%s=[{%s%s%shooks=[{type=\"command\",command=", hook->event,
                        hook->matcher != NULL ? "matcher=\"" : "",
                        hook->matcher != NULL ? hook->matcher : "",
                        hook->matcher != NULL ? "\"," : "");
        put_text(&value, command);
        pawl_buf_printf(&value, ",timeout=%d}]}]", hook->timeout_s);
        append_c(plan, at, &value, hook->why);
        hash_hook(hook, command, hash);
        pawl_buf_printf(&state,
                        "%s\"/<session-flags>/config.toml:%s:0:0\"={trusted_hash=\"sha256:%s\"}",
                        i > 0 ? "," : "", hook->key, hash);
    }
    pawl_buf_append_byte(&state, '}');
    append_c(plan, at, &state, "these hooks are trusted, and no other on their account");
    pawl_buf_free(&value);
    pawl_buf_free(&state);
}

pawl_err pawl_agent_plan_codex(const struct pawl_agent_request *request,
                               struct pawl_agent_plan *plan,
                               struct pawl_errmsg *msg)
{
    size_t at = pawl_agent_options_end(request);
    pawl_err err = refuse_ways_out(request, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (calls_no_model(request)) {
        plan->calls_nothing = true;
        return PAWL_OK;
    }
    put_provider(request, plan, at);
    struct pawl_slice config = read_config(request, plan);
    note_provider(plan, config);
    find_chatgpt(plan, config);
    bool hook_given = has_hook(request, plan);
    plan->no_hooks = why_no_hooks(request, config, hook_given);
    plan->hooks = plan->no_hooks == NULL;
    if (plan->hooks && !hook_given) {
        put_hooks(request, plan, at);
    }
    return PAWL_OK;
}
