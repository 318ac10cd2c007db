/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_command.c: steps into commands. Every verb is a row of `verbs`. Words that a step does
 * not give have plain values: a lease of 60 s without grace, overage reject, release on expiry.
 */
#include <string.h>

#include "base/attrs.h"

#include "table.h"
#include "table_words.h"

static const struct table_choice overages[] = {
    {"reject", PAWL_OVERAGE_REJECT},
    {"if_available", PAWL_OVERAGE_ALLOW_IF_AVAILABLE},
    {"overdraft", PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT},
    {"book_full", PAWL_OVERAGE_BOOK_FULL},
};
static const struct table_choice expiries[] = {
    {"release", PAWL_ON_EXPIRY_RELEASE},
    {"settle", PAWL_ON_EXPIRY_SETTLE_AT_HOLD},
};
static const struct table_choice reasons[] = {
    {"none", PAWL_REASON_NONE},       {"cap", PAWL_REASON_CAP},
    {"idle", PAWL_REASON_IDLE},       {"approval", PAWL_REASON_APPROVAL},
    {"breaker", PAWL_REASON_BREAKER}, {"completed", PAWL_REASON_COMPLETED},
    {"capped", PAWL_REASON_CAPPED},   {"killed", PAWL_REASON_KILLED},
    {"failed", PAWL_REASON_FAILED},
};
static const struct table_choice kinds[] = {
    {"raise", PAWL_APPROVAL_RAISE_CAP},
    {"model", PAWL_APPROVAL_MODEL},
    {"resume", PAWL_APPROVAL_RESUME},
    {"phase", PAWL_APPROVAL_PHASE},
};
static const struct table_choice funds[] = {
    {"credit", PAWL_FUND_CREDIT},         {"debit", PAWL_FUND_DEBIT},
    {"reset", PAWL_FUND_RESET},           {"reset_spent", PAWL_FUND_RESET_SPENT},
    {"repay_debt", PAWL_FUND_REPAY_DEBT},
};

/* --- Verbs. ----------------------------------------------------------------------------------- */

typedef void
verb_fn(struct table_run *run, const struct table_step *step, struct pawl_command *command);

static void
verb_budget(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_budget_create *create = &command->u.budget_create;
    struct pawl_amount lines[PAWL_LINES_MAX] = {{.unit = 0}};
    uint32_t count = 0;
    const struct table_word *overdraft = table_find(step, "overdraft");
    command->type = PAWL_COMMAND_BUDGET_CREATE;
    (void)table_lines(run, step, lines, &count);
    create->unit = lines[0].unit;
    create->allocated = lines[0].value;
    table_levels(run, step, create->scope.levels);
    (void)table_dimensions(run, step, &create->scope.dimension, 1);
    create->scope.session = table_word_text(run, step, "session", NULL);
    create->phase = table_word_text(run, step, "phase", NULL);
    create->window = table_window(run, step);
    create->overage = table_pick(run, step, "overage", overages, PAWL_ARRAY_LEN(overages), 0);
    create->mode = table_find(step, "mode") != NULL ? PAWL_BUDGET_SHADOW : PAWL_BUDGET_ENFORCE;
    if (overdraft != NULL &&
        !table_amount(create->unit, overdraft->value, &create->overdraft_limit)) {
        table_fail(run, step, "overdraft: no amount");
    }
}

static void
verb_fund(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_BUDGET_FUND;
    command->u.budget_fund.budget = table_named_id(run, step);
    command->u.budget_fund.amount = table_amount_of(run, step);
    const struct table_name *name = table_name_find(run, table_word_at(step, 1));
    const struct table_word *spent = table_find(step, "spent");
    if (spent != NULL && !table_amount(name != NULL ? name->unit : PAWL_UNIT_TOKENS, spent->value,
                                       &command->u.budget_fund.spent)) {
        table_fail(run, step, "spent: no amount");
    }
    command->u.budget_fund.kind = table_choice_of(step, funds, PAWL_ARRAY_LEN(funds));
}

static void
verb_set(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_slice verb = step->words[0].key;
    struct pawl_command_budget_set *set = &command->u.budget_set;
    command->type = PAWL_COMMAND_BUDGET_SET;
    set->budget = table_named_id(run, step);
    if (pawl_slice_equal_str(verb, "overdraft")) {
        set->set_overdraft_limit = true;
        set->overdraft_limit = table_amount_of(run, step);
    } else if (pawl_slice_equal_str(verb, "overage")) {
        set->overage = table_choice_of(step, overages, PAWL_ARRAY_LEN(overages));
    } else if (pawl_slice_equal_str(verb, "freeze")) {
        set->state = PAWL_BUDGET_FROZEN;
    } else {
        set->state = pawl_slice_equal_str(verb, "close") ? PAWL_BUDGET_CLOSED : PAWL_BUDGET_ACTIVE;
    }
}

static void
verb_reserve(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_reserve *reserve = &command->u.reserve;
    bool decide = pawl_slice_equal_str(step->words[0].key, "decide");
    command->type = decide ? PAWL_COMMAND_DECIDE : PAWL_COMMAND_RESERVE;
    (void)table_subject(run, step, &reserve->subject);
    (void)table_lines(run, step, reserve->lines, &reserve->line_count);
    reserve->phase = table_word_text(run, step, "phase", NULL);
    reserve->ttl_ms = table_word_duration_ms(run, step, "ttl", 60000);
    reserve->grace_ms = table_word_duration_ms(run, step, "grace", 0);
    reserve->overage =
        table_pick(run, step, "overage", overages, PAWL_ARRAY_LEN(overages), PAWL_OVERAGE_REJECT);
    reserve->on_expiry = table_pick(run, step, "on_expiry", expiries, PAWL_ARRAY_LEN(expiries),
                                    PAWL_ON_EXPIRY_RELEASE);
    reserve->priority = table_pick(run, step, "priority", NULL, 0, PAWL_PRIORITY_NORMAL);
    const struct table_word *throttle = table_find(step, "throttle");
    const struct table_name *document =
        throttle != NULL ? table_name_find(run, throttle->value) : NULL;
    reserve->throttle = document != NULL ? document->id : 0;
    if (throttle != NULL && document == NULL) {
        (void)pawl_slice_to_u64(throttle->value, &reserve->throttle);
    }
    reserve->throttle_per_minute = (uint32_t)table_word_number(run, step, "per_minute", 0);
    reserve->extensions_max =
        (uint16_t)table_word_number(run, step, "extensions", PAWL_EXTENSIONS_MAX);
    reserve->dry_run = table_has(step, "dry_run");
}

static void
verb_grow(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_GROW;
    command->u.grow.reservation = table_named_id(run, step);
    (void)table_lines(run, step, command->u.grow.lines, &command->u.grow.line_count);
}

static void
verb_extend(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    int64_t us = 0;
    command->type = PAWL_COMMAND_EXTEND;
    command->u.extend.reservation = table_named_id(run, step);
    if (!table_duration_us(table_word_at(step, 2), &us)) {
        table_fail(run, step, "a duration is needed");
    }
    command->u.extend.ttl_ms = us / 1000;
}

static void
verb_settle(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    bool commit = pawl_slice_equal_str(step->words[0].key, "commit");
    command->type = commit ? PAWL_COMMAND_COMMIT : PAWL_COMMAND_CORRECT;
    command->u.settle.reservation = table_named_id(run, step);
    (void)table_lines(run, step, command->u.settle.lines, &command->u.settle.line_count);
}

static void
verb_release(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_RELEASE;
    command->u.release.reservation = table_named_id(run, step);
}

static void
verb_event(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_event *event = &command->u.event;
    command->type = PAWL_COMMAND_EVENT;
    (void)table_subject(run, step, &event->subject);
    (void)table_lines(run, step, event->lines, &event->line_count);
    event->phase = table_word_text(run, step, "phase", NULL);
    event->overage =
        table_pick(run, step, "overage", overages, PAWL_ARRAY_LEN(overages), PAWL_OVERAGE_REJECT);
}

static void
verb_expire(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    const struct table_word *until = table_find(step, "until");
    int64_t ahead_us = 0;
    if (until != NULL && !table_duration_us(until->value, &ahead_us)) {
        table_fail(run, step, "until: no duration");
    }
    command->type = PAWL_COMMAND_EXPIRE;
    command->u.expire.until_us = run->now_us + ahead_us;
    command->u.expire.max = (uint32_t)table_word_number(run, step, "max", 100);
}

/* Caps are amounts; "verify:usd=0.50" is one of a phase. */
static void
verb_session(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_session_open *open = &command->u.session_open;
    command->type = PAWL_COMMAND_SESSION_OPEN;
    open->tenant = table_word_text(run, step, "tenant", "acme");
    open->name = table_text(run, table_word_at(step, 1));
    open->parent = table_word_text(run, step, "parent", NULL);
    open->phase = table_word_text(run, step, "phase", NULL);
    for (uint32_t i = 1; i < step->word_count; i++) {
        struct pawl_slice unit_text = step->words[i].key;
        struct pawl_slice phase = PAWL_SLICE_NONE;
        uint16_t unit = 0;
        if (pawl_slice_find_byte(unit_text, ':') != SIZE_MAX) {
            phase = pawl_slice_cut(&unit_text, ':');
        }
        if (!step->words[i].has_value || !table_unit(unit_text, &unit)) {
            continue;
        }
        if (open->cap_count < PAWL_SESSION_CAPS_MAX) {
            struct pawl_session_cap *cap = &open->caps[open->cap_count];
            cap->unit = unit;
            cap->phase = phase;
            if (!table_amount(unit, step->words[i].value, &cap->amount)) {
                table_fail(run, step, "a cap is no amount");
            }
        }
        open->cap_count++;
    }
}

static void
verb_state(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_session_set *set = &command->u.session_set;
    struct pawl_slice verb = step->words[0].key;
    const struct table_word *unit = table_find(step, "unit");
    bool pause = pawl_slice_equal_str(verb, "pause");
    bool end = pawl_slice_equal_str(verb, "end");
    uint8_t plain = pause ? PAWL_REASON_IDLE : PAWL_REASON_NONE;
    command->type = PAWL_COMMAND_SESSION_SET;
    set->tenant = table_word_text(run, step, "tenant", "acme");
    set->name = table_word_at(step, 1);
    set->state = pause ? PAWL_SESSION_PAUSED : end ? PAWL_SESSION_ENDED : PAWL_SESSION_ACTIVE;
    set->state = table_pick(run, step, "state", NULL, 0, set->state);
    set->reason = table_pick(run, step, "reason", reasons, PAWL_ARRAY_LEN(reasons),
                             end ? PAWL_REASON_COMPLETED : plain);
    if (unit != NULL) {
        (void)table_unit(unit->value, &set->unit);
    }
}

static void
verb_phase(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_SESSION_PHASE;
    command->u.session_phase.tenant = table_word_text(run, step, "tenant", "acme");
    command->u.session_phase.name = table_word_at(step, 1);
    command->u.session_phase.phase = table_text(run, table_word_at(step, 2));
}

static void
verb_ask(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_approval_open *open = &command->u.approval_open;
    command->type = PAWL_COMMAND_APPROVAL_OPEN;
    open->tenant = table_word_text(run, step, "tenant", "acme");
    open->session = table_word_text(run, step, "session", NULL);
    open->kind = table_choice_of(step, kinds, PAWL_ARRAY_LEN(kinds));
    (void)table_lines(run, step, open->lines, &open->line_count);
    open->ttl_ms = table_word_duration_ms(run, step, "ttl", 0);
}

static void
verb_answer(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_approval_answer *answer = &command->u.approval_answer;
    command->type = PAWL_COMMAND_APPROVAL_ANSWER;
    answer->approval = table_named_id(run, step);
    answer->approved = pawl_slice_equal_str(table_word_at(step, 2), "yes");
    (void)table_lines(run, step, answer->lines, &answer->line_count);
}

static void
verb_note(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    command->type = PAWL_COMMAND_NOTE;
    command->u.note.tenant = table_word_text(run, step, "tenant", "acme");
    command->u.note.session = table_word_text(run, step, "session", NULL);
    command->u.note.kind = 1;
}

/* "zone 1 initial=-5h 2026-03-08T07:00:00Z=-4h …"; "fill=N" adds N transitions, one a day. */
static void
verb_zone(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    struct pawl_command_tz_define *define = &command->u.tz_define;
    const struct table_word *fill = table_find(step, "fill");
    uint64_t number = 0;
    int64_t us = 0;
    command->type = PAWL_COMMAND_TZ_DEFINE;
    (void)pawl_slice_to_u64(table_word_at(step, 1), &number);
    define->tz = (uint16_t)number;
    define->name = table_word_text(run, step, "name", "Here/There");
    define->transitions = run->transitions;
    for (uint32_t i = 1; i < step->word_count; i++) {
        int64_t at_us = 0;
        if (!step->words[i].has_value || !table_duration_us(step->words[i].value, &us)) {
            continue;
        }
        if (pawl_slice_equal_str(step->words[i].key, "initial")) {
            define->initial_offset_s = (int32_t)(us / 1000000);
        } else if (table_time_us(step->words[i].key, &at_us)) {
            run->transitions[define->transition_count] = (struct pawl_tz_transition){
                .at_s = at_us / 1000000, .offset_s = (int32_t)(us / 1000000)};
            define->transition_count++;
        }
    }
    number = 0;
    if (fill != NULL && pawl_slice_to_u64(fill->value, &number)) {
        for (uint64_t i = 0; i < number && i < PAWL_TZ_TRANSITIONS_MAX; i++) {
            run->transitions[i] = (struct pawl_tz_transition){.at_s = (int64_t)i * 86400,
                                                              .offset_s = i % 2 == 0 ? 3600 : 0};
        }
        define->transition_count = (uint32_t)number;
    }
}

static void
verb_config(struct table_run *run, const struct table_step *step, struct pawl_command *command)
{
    static const int64_t day_ms = 86400000;
    static const struct {
        const char *key;
        size_t offset;
    } maxima[] = {
        {"strings", offsetof(struct pawl_config, strings_max)},
        {"scopes", offsetof(struct pawl_config, scopes_max)},
        {"budgets", offsetof(struct pawl_config, budgets_max)},
        {"reservations", offsetof(struct pawl_config, reservations_max)},
        {"idempotency", offsetof(struct pawl_config, idempotency_max)},
        {"sessions", offsetof(struct pawl_config, sessions_max)},
        {"approvals", offsetof(struct pawl_config, approvals_max)},
        {"documents", offsetof(struct pawl_config, documents_max)},
        {"rules", offsetof(struct pawl_config, rules_version)},
    };
    struct pawl_config *config = &command->u.config;
    command->type = PAWL_COMMAND_CONFIG;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(maxima); i++) {
        const struct table_word *word = table_find(step, maxima[i].key);
        uint64_t value = 1000;
        if (word != NULL && !pawl_slice_to_u64(word->value, &value)) {
            table_fail(run, step, "%s: no number", maxima[i].key);
        }
        uint32_t narrow = (uint32_t)value;
        memcpy((char *)config + maxima[i].offset, &narrow, sizeof(narrow));
    }
    if (table_find(step, "rules") == NULL) {
        config->rules_version = PAWL_RULES_VERSION;
    }
    config->idempotency_ttl_us = 1000 * table_word_duration_ms(run, step, "keys_ttl", day_ms);
    config->idempotency_settle_ttl_us =
        1000 * table_word_duration_ms(run, step, "settle_ttl", 7 * day_ms);
    config->correction_ttl_us =
        1000 * table_word_duration_ms(run, step, "correction_ttl", 7 * day_ms);
    config->hash_key = (struct pawl_hash_key){1, 2};
    config->id_key = (struct pawl_hash_key){3, 4};
    config->shard = 5;
}

static const struct {
    const char *name;
    verb_fn *build;
} verbs[] = {
    {"budget", verb_budget},       {"fund", verb_fund},         {"freeze", verb_set},
    {"unfreeze", verb_set},        {"close", verb_set},         {"overdraft", verb_set},
    {"reserve", verb_reserve},     {"decide", verb_reserve},    {"grow", verb_grow},
    {"extend", verb_extend},       {"commit", verb_settle},     {"correct", verb_settle},
    {"release", verb_release},     {"event", verb_event},       {"expire", verb_expire},
    {"session", verb_session},     {"pause", verb_state},       {"resume", verb_state},
    {"end", verb_state},           {"phase", verb_phase},       {"ask", verb_ask},
    {"answer", verb_answer},       {"note", verb_note},         {"zone", verb_zone},
    {"config", verb_config},       {"overage", verb_set},       {"document", table_verb_document},
    {"tenant", table_verb_tenant}, {"drain", table_verb_drain},
};

bool table_command(struct table_run *run,
                   const struct table_step *step,
                   struct pawl_command *ret_command)
{
    const struct table_word *key = table_find(step, "key");
    const struct table_word *payload = table_find(step, "payload");
    int failures = run->failures;
    uint64_t hash = 1;
    *ret_command = (struct pawl_command){.type = 0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(verbs); i++) {
        if (pawl_slice_equal_str(step->words[0].key, verbs[i].name)) {
            verbs[i].build(run, step, ret_command);
        }
    }
    if (ret_command->type == 0) {
        return false;
    }
    if (key != NULL) {
        ret_command->idempotency_key = table_text(run, key->value);
        if (payload != NULL) {
            (void)pawl_slice_to_u64(payload->value, &hash);
        }
        ret_command->payload_hash[0] = hash;
        ret_command->payload_hash[1] = ~hash;
    }
    ret_command->metadata = table_word_text(run, step, "metadata", NULL);
    return run->failures == failures;
}

void table_configure(struct table_run *run, const struct table_step *step)
{
    static const struct table_step plain = {.word_count = 0};
    struct pawl_command command = {.type = 0};
    struct pawl_result result;
    if (run->configured) {
        return;
    }
    verb_config(run, &plain, &command);
    table_apply(run, step, &command, &result);
    if (result.code != PAWL_RESULT_OK) {
        table_fail(run, step, "the plain CONFIG is refused");
    }
}
