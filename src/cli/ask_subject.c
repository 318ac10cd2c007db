/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_subject.c: whom a request is about. A subject is six levels, of which some are named, and a
 * scope is the same as one line; whoever types may use either, and leave a tenant out where the key
 * says which.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/ask_read.h"
#include "cli/ask_values.h"
#include "registry/scopes.h"

/* A scope that was cut to a cell is still longer than a server takes: it is never another one. */
_Static_assert((int)PAWL_ASK_CELL_BYTES - 1 > (int)PAWL_SCOPE_TEXT_BYTES, "a scope fits a cell");

const char *const pawl_ask_levels[PAWL_ASK_LEVELS] = {"tenant",   "workspace", "app",
                                                      "workflow", "agent",     "toolset"};

static int tell_level(const struct pawl_cli_call *call, struct pawl_slice level, const char *text)
{
    char word[64];
    struct pawl_nearest nearest = {.word = word};
    (void)pawl_slice_copy_str(level, word, sizeof(word));
    for (int i = 0; i < PAWL_ASK_LEVELS; i++) {
        pawl_nearest_offer(&nearest, pawl_ask_levels[i]);
    }
    if (nearest.found != NULL) {
        return pawl_cli_usage_error(call, "'%s': a scope has no level '%s'; did you mean '%s'?",
                                    text, word, nearest.found);
    }
    return pawl_cli_usage_error(call,
                                "'%s' is no scope: it has the levels tenant, workspace, app, "
                                "workflow, agent and toolset in that order, as in "
                                "tenant:acme/workspace:web",
                                text);
}

static int level_of(struct pawl_slice name)
{
    for (int i = 0; i < PAWL_ASK_LEVELS; i++) {
        if (pawl_slice_equal_str(name, pawl_ask_levels[i])) {
            return i;
        }
    }
    return -1;
}

int pawl_ask_take_scope(const struct pawl_cli_call *call,
                        const char *text,
                        struct pawl_ask_subject *ret_subject)
{
    struct pawl_slice rest = pawl_slice_str(text);
    size_t used = 0;
    int before = -1;
    *ret_subject = (struct pawl_ask_subject){.text = ""};
    if (rest.bytes == 0 || rest.bytes > sizeof(ret_subject->text) - PAWL_ASK_LEVELS) {
        return pawl_cli_usage_error(call, "a scope is %s", rest.bytes == 0 ? "empty" : "too long");
    }
    for (bool first = true; first || !pawl_slice_empty(rest); first = false) {
        struct pawl_slice value = pawl_slice_cut(&rest, '/');
        bool bare = first && pawl_slice_find_byte(value, ':') == SIZE_MAX;
        struct pawl_slice name = bare ? PAWL_SLICE("tenant") : pawl_slice_cut(&value, ':');
        int level = level_of(name);
        if (level <= before || value.bytes == 0) {
            return tell_level(call, level < 0 ? name : PAWL_SLICE_NONE, text);
        }
        (void)pawl_slice_copy_str(value, ret_subject->text + used,
                                  sizeof(ret_subject->text) - used);
        ret_subject->levels[level] = ret_subject->text + used;
        used += value.bytes + 1;
        before = level;
    }
    return PAWL_CLI_GO_ON;
}

int pawl_ask_take_subject(const struct pawl_cli_call *call, struct pawl_ask_subject *ret_subject)
{
    const char *scope = pawl_cli_value(call, PAWL_ASK_SCOPE);
    *ret_subject = (struct pawl_ask_subject){.text = ""};
    int status = scope != NULL ? pawl_ask_take_scope(call, scope, ret_subject) : PAWL_CLI_GO_ON;
    for (int i = 0; i < PAWL_ASK_LEVELS && status == PAWL_CLI_GO_ON; i++) {
        const char *value = pawl_cli_value(call, PAWL_ASK_TENANT + i);
        if (value == NULL) {
            continue;
        }
        if (value[0] == '\0') {
            status = pawl_cli_usage_error(call, "--%s is empty", pawl_ask_levels[i]);
        } else if (ret_subject->levels[i] != NULL && strcmp(ret_subject->levels[i], value) != 0) {
            status = pawl_cli_usage_error(call, "--scope and --%s disagree: %s and %s",
                                          pawl_ask_levels[i], ret_subject->levels[i], value);
        }
        ret_subject->levels[i] = value;
    }
    return status;
}

const char *pawl_ask_scope_path(const struct pawl_ask_subject *subject,
                                char out[static PAWL_ASK_CELL_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < PAWL_ASK_LEVELS && used < PAWL_ASK_CELL_BYTES; i++) {
        if (subject->levels[i] != NULL) {
            used += (size_t)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, "%s%s:%s",
                                     used > 0 ? "/" : "", pawl_ask_levels[i], subject->levels[i]);
        }
    }
    return out;
}

/* A scope that is an operand has no options beside it. */
static int tell_whose(const struct pawl_cli_call *call)
{
    for (size_t i = 0; i < call->command->option_count; i++) {
        if (strcmp(call->command->options[i].name, "scope") == 0) {
            return pawl_cli_usage_error(call, "say whose: --tenant or --scope");
        }
    }
    return pawl_cli_usage_error(call, "say whose: a scope begins with its tenant, as in "
                                      "tenant:acme/agent:bot; or set $CYCLES_TENANT");
}

int pawl_ask_fill_tenant(struct pawl_ask *ask,
                         enum pawl_plane plane,
                         struct pawl_ask_subject *subject)
{
    const char *said = getenv("CYCLES_TENANT");
    if (subject->levels[0] != NULL) {
        return PAWL_CLI_GO_ON;
    }
    if (said != NULL && said[0] != '\0') {
        subject->levels[0] = said;
        return PAWL_CLI_GO_ON;
    }
    if (pawl_ask_is_admin(ask, plane)) {
        return tell_whose(ask->call);
    }
    pawl_ask_path(ask, "/v1/auth/introspect");
    ask->may_miss = true; /* another server may have it at its other port */
    int status = pawl_ask_send(ask, plane, "GET");
    if (status == PAWL_EXIT_REFUSED && ask->answer.status == 404) {
        return tell_whose(ask->call);
    }
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    subject->levels[0] = pawl_ask_text(ask, 0, "tenant_id", subject->tenant);
    return subject->tenant[0] != '\0' ? PAWL_CLI_GO_ON : tell_whose(ask->call);
}

int pawl_ask_put_subject(struct pawl_ask *ask, const struct pawl_ask_subject *subject)
{
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, "subject");
    pawl_json_object_begin(json);
    for (int i = 0; i < PAWL_ASK_LEVELS; i++) {
        if (subject->levels[i] != NULL) {
            pawl_json_member_str(json, pawl_ask_levels[i], subject->levels[i]);
        }
    }
    int status = pawl_ask_put_pairs(ask, "dimensions", PAWL_ASK_DIMENSION);
    pawl_json_object_end(json);
    return status;
}

void pawl_ask_query_subject(struct pawl_ask *ask, const struct pawl_ask_subject *subject)
{
    for (int i = 0; i < PAWL_ASK_LEVELS; i++) {
        pawl_ask_query(ask, pawl_ask_levels[i], subject->levels[i]);
    }
}
