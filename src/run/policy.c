/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: see policy.h. */
#include "run/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "run/limit_options.h"

enum { FIRST_BYTES = 480 };

/* --- Files ----------------------------------------------------------------------------------- */

/* What the table of fields takes for a text, and whoever uses it would not. */
static void check_texts(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter)
{
    struct pawl_limit_options limit = {.step_count = 0};
    struct pawl_errmsg msg = {""};
    if (pawl_ok(pawl_limit_take_policy(&limit, false, policy, &msg))) {
        return;
    }
    struct pawl_slice words = pawl_slice_str(msg.text);
    struct pawl_slice path = pawl_slice_cut(&words, ':');
    struct pawl_slice key;
    enum pawl_policy_field_id field = pawl_policy_find_field(path, &key);
    PAWL_ASSERT(field < PAWL_POLICY_FIELD_COUNT);
    struct pawl_policy_problem problem = {
        .line = pawl_policy_get(policy, field, "")->line,
        .path = pawl_policy_fields[field].path,
        .message = pawl_slice_trim(words).data,
    };
    reporter->errors++;
    if (reporter->report != NULL) {
        reporter->report(reporter->arg, &problem);
    }
}

pawl_err pawl_run_policy_load(struct pawl_policy *policy,
                              const char *path,
                              struct pawl_policy_reporter *reporter,
                              struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_POLICY_BYTES_MAX);
    pawl_err err = pawl_file_read(path, &text, msg);
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg, "cannot read the policy %s", path);
    } else {
        bool sound = pawl_policy_read(policy, path, pawl_buf_slice(&text), reporter);
        pawl_policy_check(policy, reporter);
        check_texts(policy, reporter);
        err = sound && reporter->errors == 0 ? PAWL_OK : PAWL_ERR(INVALID);
    }
    pawl_buf_free(&text);
    return err;
}

struct first_error {
    const char *path;
    char text[FIRST_BYTES];
};

static void keep_first(void *arg, const struct pawl_policy_problem *problem)
{
    struct first_error *first = arg;
    if (!problem->warning && first->text[0] == '\0') {
        (void)snprintf(first->text, sizeof(first->text), "%s:%u: %s%s%s", first->path,
                       (unsigned)problem->line, problem->path, problem->path[0] != '\0' ? ": " : "",
                       problem->message);
    }
}

static pawl_err open_file(struct pawl_run_policy *policy, const char *path, struct pawl_errmsg *msg)
{
    if (!pawl_slice_copy_str(pawl_slice_str(path), policy->path, sizeof(policy->path))) {
        pawl_errmsg_set(msg, "the policy's path is too long: %.200s...", path);
        return PAWL_ERR(LIMIT);
    }
    struct first_error first = {.path = policy->path};
    struct pawl_policy_reporter reporter = {.report = keep_first, .arg = &first};
    pawl_err err = pawl_run_policy_load(&policy->policy, policy->path, &reporter, msg);
    if (reporter.errors == 1) {
        pawl_errmsg_set(msg, "%s", first.text);
    } else if (reporter.errors > 1) {
        pawl_errmsg_set(msg, "%s; pawl policy check tells %u more", first.text,
                        (unsigned)reporter.errors - 1);
    }
    return err;
}

bool pawl_run_policy_user_file(pawl_environ_get_fn *get, char out[static PAWL_PATH_BYTES])
{
    const char *config = get("XDG_CONFIG_HOME");
    const char *home = get("HOME");
    int bytes = -1;
    if (config != NULL && config[0] == '/') { /* Relative ones do not count there. */
        bytes = snprintf(out, PAWL_PATH_BYTES, "%s/pawl/policy.yaml", config);
    } else if (home != NULL && home[0] == '/') {
        bytes = snprintf(out, PAWL_PATH_BYTES, "%s/.config/pawl/policy.yaml", home);
    }
    return bytes >= 0 && bytes < PAWL_PATH_BYTES;
}

/* --- Choosing -------------------------------------------------------------------------------- */

static bool is_path(const char *text)
{
    struct pawl_slice name = pawl_slice_str(text);
    return strchr(text, '/') != NULL || pawl_slice_ends_with(name, PAWL_SLICE(".yaml")) ||
           pawl_slice_ends_with(name, PAWL_SLICE(".yml"));
}

static pawl_err
open_named(struct pawl_run_policy *policy, const char *name, struct pawl_errmsg *msg)
{
    if (is_path(name)) {
        return open_file(policy, name, msg);
    }
    if (pawl_policy_load_builtin(&policy->policy, pawl_slice_str(name))) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "there is no built-in policy '%.64s' (pawl policy list shows them); a file is "
                    "named with its folder, ./%.64s",
                    name, name);
    return PAWL_ERR(NOT_FOUND);
}

pawl_err pawl_run_policy_open(const char *flag,
                              pawl_environ_get_fn *get,
                              struct pawl_run_policy *policy,
                              struct pawl_errmsg *msg)
{
    policy->path[0] = '\0';
    policy->chosen = true;
    pawl_policy_init(&policy->policy);
    if (flag != NULL) {
        return open_named(policy, flag, msg);
    }
    const char *variable = get("PAWL_POLICY");
    if (variable != NULL && variable[0] != '\0') {
        pawl_err err = open_named(policy, variable, msg);
        if (pawl_failed(err)) {
            pawl_errmsg_wrap(msg, "PAWL_POLICY");
        }
        return err;
    }
    char path[PAWL_PATH_BYTES];
    if (pawl_run_policy_user_file(get, path) && access(path, F_OK) == 0) {
        return open_file(policy, path, msg);
    }
    policy->chosen = false;
    bool loaded = pawl_policy_load_builtin(&policy->policy, PAWL_SLICE("individual"));
    PAWL_ASSERT(loaded);
    return PAWL_OK;
}

void pawl_run_policy_close(struct pawl_run_policy *policy)
{
    pawl_policy_free(&policy->policy);
}

const char *pawl_run_policy_name(const struct pawl_run_policy *policy)
{
    return pawl_policy_get(&policy->policy, PAWL_POLICY_NAME, "")->text.data; /* NUL-terminated */
}

bool pawl_run_policy_attended(const struct pawl_run_policy *policy,
                              enum pawl_run_attendance flag,
                              bool terminal)
{
    bool attended = terminal;
    if (flag != PAWL_ATTENDANCE_AUTO) {
        attended = flag == PAWL_ATTENDED;
    } else if (!pawl_policy_is(&policy->policy, PAWL_POLICY_ATTENDANCE, "auto")) {
        attended = pawl_policy_is(&policy->policy, PAWL_POLICY_ATTENDANCE, "attended");
    }
    return attended;
}

const char *pawl_run_policy_approver(const struct pawl_run_policy *policy)
{
    const struct pawl_policy_value *value =
        pawl_policy_get(&policy->policy, PAWL_POLICY_APPROVER, "");
    return value == NULL || value->word ? NULL : value->text.data; /* NUL-terminated */
}

/* --- Caps ------------------------------------------------------------------------------------ */

void pawl_run_policy_size(const struct pawl_run_policy *policy,
                          const struct pawl_sizing_place *place,
                          struct pawl_run_cap *usd,
                          struct pawl_sizing *sizing)
{
    if (usd->set || !pawl_policy_is(&policy->policy, PAWL_POLICY_CAPS_USD, "auto")) {
        return;
    }
    struct pawl_sizing_facts facts;
    pawl_sizing_look(place, &facts);
    pawl_sizing_compute(&facts, pawl_policy_number(&policy->policy, PAWL_POLICY_CAPS_USD_MIN),
                        pawl_policy_number(&policy->policy, PAWL_POLICY_CAPS_USD_MAX), sizing);
    *usd = (struct pawl_run_cap){
        .set = true, .amount = sizing->microcents, .origin = PAWL_ORIGIN_COMPUTED};
}

enum pawl_escalation_mode pawl_run_policy_escalation(const struct pawl_run_policy *policy)
{
    if (pawl_policy_is(&policy->policy, PAWL_POLICY_ESCALATION, "allow")) {
        return PAWL_ESCALATION_ALLOW;
    }
    return pawl_policy_is(&policy->policy, PAWL_POLICY_ESCALATION, "forbid")
               ? PAWL_ESCALATION_FORBID
               : PAWL_ESCALATION_ASK;
}

enum pawl_at_window pawl_run_policy_at_window(const struct pawl_run_policy *policy)
{
    if (pawl_policy_is(&policy->policy, PAWL_POLICY_WINDOWS_AT_LIMIT, "wait")) {
        return PAWL_AT_WINDOW_WAIT;
    }
    return pawl_policy_is(&policy->policy, PAWL_POLICY_WINDOWS_AT_LIMIT, "stop")
               ? PAWL_AT_WINDOW_STOP
               : PAWL_AT_WINDOW_PASS;
}

int64_t pawl_run_policy_idle_ms(const struct pawl_run_policy *policy)
{
    bool off = pawl_policy_is(&policy->policy, PAWL_POLICY_IDLE_PAUSE_AFTER, "off");
    return off ? 0 : pawl_policy_number(&policy->policy, PAWL_POLICY_IDLE_PAUSE_AFTER);
}

enum pawl_policy_field_id pawl_run_policy_cap_field(enum pawl_run_cap_index index)
{
    static const enum pawl_policy_field_id fields[PAWL_CAP_COUNT] = {
        [PAWL_CAP_USD] = PAWL_POLICY_CAPS_USD,
        [PAWL_CAP_TOKENS] = PAWL_POLICY_CAPS_TOKENS,
        [PAWL_CAP_TOOL_CALLS] = PAWL_POLICY_CAPS_TOOL_CALLS,
        [PAWL_CAP_ITERATIONS] = PAWL_POLICY_CAPS_ITERATIONS,
        [PAWL_CAP_TIME] = PAWL_POLICY_CAPS_TIME,
    };
    PAWL_ASSERT(index < PAWL_CAP_COUNT);
    return fields[index];
}

void pawl_run_policy_caps(const struct pawl_run_policy *policy,
                          struct pawl_run_cap caps[static PAWL_CAP_COUNT])
{
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_policy_field_id field = pawl_run_policy_cap_field((enum pawl_run_cap_index)i);
        if (caps[i].set) {
            continue;
        }
        PAWL_ASSERT(!pawl_policy_get(&policy->policy, field, "")->word);
        caps[i] = (struct pawl_run_cap){
            .set = true,
            .amount = pawl_policy_number(&policy->policy, field),
            .origin = policy->chosen ? PAWL_ORIGIN_POLICY : PAWL_ORIGIN_DEFAULT,
        };
    }
}

/* The number of a field whose only word is "off". */
static int64_t number_or_off(const struct pawl_run_policy *policy, enum pawl_policy_field_id field)
{
    return pawl_policy_is(&policy->policy, field, "off")
               ? 0
               : pawl_policy_number(&policy->policy, field);
}

int64_t pawl_run_policy_keep_ms(const struct pawl_run_policy *policy)
{
    return number_or_off(policy, PAWL_POLICY_HISTORY_KEEP);
}

uint32_t pawl_run_policy_weekly_top(const struct pawl_run_policy *policy)
{
    return (uint32_t)number_or_off(policy, PAWL_POLICY_REVIEW_WEEKLY_TOP);
}
