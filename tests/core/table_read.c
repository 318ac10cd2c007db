/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_read.c: the steps that only look: show, quote, stats, due. Each lists what it can show as
 * facts, and the words of the table pick among them; a word that picks nothing fails the step.
 */
#include "base/attrs.h"

#include "table.h"
#include "table_compare.h"

enum { PATH_BYTES = 2048 };

#define AMOUNT(name, value)                                                                        \
    {                                                                                              \
        .key = (name), .kind = TABLE_FACT_AMOUNT, .number = (value)                                \
    }
#define COUNT(name, value)                                                                         \
    {                                                                                              \
        .key = (name), .kind = TABLE_FACT_COUNT, .number = (int64_t)(value)                        \
    }
#define TIME(name, value)                                                                          \
    {                                                                                              \
        .key = (name), .kind = TABLE_FACT_TIME, .number = (value)                                  \
    }
#define TEXT(name, value)                                                                          \
    {                                                                                              \
        .key = (name), .kind = TABLE_FACT_TEXT, .text = (value)                                    \
    }
#define NAME(name, value) TEXT(name, pawl_slice_str(value))

/* Every expected word from `from` on against the facts. */
static void compare_facts(const struct table_check *check,
                          uint32_t from,
                          const struct table_fact *facts,
                          size_t fact_count)
{
    for (uint32_t i = from; i < check->step->expect_count; i++) {
        table_compare_fact(check, &check->step->expected[i], facts, fact_count);
    }
}

/* The same where a word may also be a line: "usd=0.30". */
static void compare_facts_or_lines(const struct table_check *check,
                                   const struct table_fact *facts,
                                   size_t fact_count,
                                   const struct pawl_amount *lines,
                                   uint32_t line_count)
{
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        uint16_t unit = 0;
        if (table_unit(word->key, &unit)) {
            table_compare_lines(check, word, lines, line_count);
        } else {
            table_compare_fact(check, word, facts, fact_count);
        }
    }
}

static void show_budget(struct table_check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "active", "frozen", "closed"};
    struct pawl_budget_view view;
    char path[PATH_BYTES];
    if (!pawl_core_budget(check->run->world.core, name->id, check->run->now_us, &view)) {
        table_fail(check->run, check->step, "no such budget");
        return;
    }
    (void)pawl_core_scope_path(check->run->world.core, view.scope, path, sizeof(path));
    check->unit = view.unit;
    const struct table_fact facts[] = {AMOUNT("remaining", view.remaining),
                                       AMOUNT("allocated", view.allocated),
                                       AMOUNT("reserved", view.reserved),
                                       AMOUNT("spent", view.spent),
                                       AMOUNT("debt", view.debt),
                                       AMOUNT("overdraft", view.overdraft_limit),
                                       NAME("over_limit", view.over_limit ? "yes" : "no"),
                                       NAME("state", states[view.state]),
                                       COUNT("ordinal", view.ordinal),
                                       TIME("start", view.window_start_us),
                                       TIME("end", view.window_end_us),
                                       NAME("scope", path),
                                       TEXT("phase", view.phase),
                                       COUNT("overage", view.overage),
                                       TIME("created", view.created_us),
                                       TIME("updated", view.updated_us),
                                       TEXT("tenant", view.tenant)};
    compare_facts(check, 0, facts, PAWL_ARRAY_LEN(facts));
}

static void show_reservation(const struct table_check *check, const struct table_name *name)
{
    static const char *const states[] = {"gone", "held", "unconfirmed"};
    struct pawl_reservation_view view;
    if (!pawl_core_reservation(check->run->world.core, name->id, &view)) {
        view = (struct pawl_reservation_view){.state = 0};
    }
    const struct table_fact facts[] = {NAME("state", states[view.state]),
                                       TIME("expires", view.expires_us),
                                       TIME("created", view.created_us),
                                       COUNT("extensions", view.extensions),
                                       COUNT("lines", view.line_count),
                                       TEXT("session", view.session),
                                       TEXT("tenant", view.tenant),
                                       COUNT("grace_ms", view.grace_ms),
                                       COUNT("extensions_max", view.extensions_max)};
    compare_facts_or_lines(check, facts, PAWL_ARRAY_LEN(facts), view.lines, view.line_count);
}

static void show_session(const struct table_check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "active", "paused", "ended"};
    struct pawl_session_view view;
    char unit[16];
    if (!pawl_core_session(check->run->world.core, name->tenant, name->name, &view)) {
        table_fail(check->run, check->step, "no such session");
        return;
    }
    const struct table_fact facts[] = {
        NAME("state", states[view.state]),
        NAME("reason", table_reason_name(view.reason)),
        NAME("unit", view.unit != 0 ? table_unit_name(view.unit, unit) : NULL),
        COUNT("holds", view.open_holds),
        TEXT("phase", view.phase),
        TIME("opened", view.opened_us),
        TIME("deadline", view.deadline_us)};
    compare_facts(check, 0, facts, PAWL_ARRAY_LEN(facts));
}

static void show_approval(const struct table_check *check, const struct table_name *name)
{
    static const char *const states[] = {"gone", "pending", "approved", "denied", "expired"};
    struct pawl_approval_view view;
    if (!pawl_core_approval(check->run->world.core, name->id, &view)) {
        view = (struct pawl_approval_view){.state = 0};
    }
    const struct table_fact facts[] = {NAME("state", states[view.state]),
                                       TIME("expires", view.expires_us),
                                       TEXT("session", view.session)};
    compare_facts_or_lines(check, facts, PAWL_ARRAY_LEN(facts), view.lines, view.line_count);
}

static void read_show(struct table_check *check)
{
    const struct table_name *name = table_name_of(check->run, check->step);
    if (name == NULL) {
        return;
    }
    switch (name->object) {
    case TABLE_BUDGET:
        show_budget(check, name);
        return;
    case TABLE_RESERVATION:
        show_reservation(check, name);
        return;
    case TABLE_SESSION:
        show_session(check, name);
        return;
    case TABLE_APPROVAL:
        show_approval(check, name);
        return;
    case TABLE_DOCUMENT:
        table_show_document(check, name);
        return;
    case TABLE_DECISION:
    case TABLE_EVENT:
        break;
    }
    table_fail(check->run, check->step, "cannot be shown");
}

/* "quote session=R1 usd=0 -> ok remaining=… headroom=… held=… limit=… spent=… budget=…" of the one
 * unit that is named, with any amount. */
static void read_quote(struct table_check *check)
{
    struct table_run *run = check->run;
    struct pawl_subject subject;
    struct pawl_amount lines[PAWL_LINES_MAX] = {{.unit = 0}};
    struct pawl_quote quote;
    struct pawl_denial denial;
    uint32_t count = 0;
    (void)table_subject(run, check->step, &subject);
    const struct table_word *phase = table_find(check->step, "phase");
    if (!table_lines(run, check->step, lines, &count) || count != 1) {
        table_fail(run, check->step, "one unit is needed");
        return;
    }
    uint16_t code = pawl_core_quote(run->world.core, run->now_us, &subject,
                                    phase != NULL ? phase->value : PAWL_SLICE_NONE, &lines[0].unit,
                                    1, &quote, &denial);
    check->unit = lines[0].unit;
    if (check->step->expect_count > 0 && !table_code_is(check->step->expected[0].key, code)) {
        table_fail(run, check->step, "got %s", pawl_result_name(code));
    }
    const struct table_fact facts[] = {AMOUNT("remaining", quote.remaining),
                                       AMOUNT("headroom", quote.headroom),
                                       AMOUNT("held", quote.held),
                                       AMOUNT("limit", quote.limit),
                                       AMOUNT("spent", quote.spent),
                                       NAME("bound", quote.bound ? "yes" : "no"),
                                       NAME("reason", table_reason_name(denial.reason))};
    for (uint32_t i = 1; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (table_key_is(word, "budget")) {
            table_compare_object(check, word, quote.budget);
        } else {
            table_compare_fact(check, word, facts, PAWL_ARRAY_LEN(facts));
        }
    }
}

static void read_stats(const struct table_check *check)
{
    struct pawl_core_stats stats;
    pawl_core_stats(check->run->world.core, &stats);
    const struct table_fact facts[] = {
        COUNT("strings", stats.strings),         COUNT("scopes", stats.scopes),
        COUNT("budgets", stats.budgets),         COUNT("reservations", stats.reservations),
        COUNT("idempotency", stats.idempotency), COUNT("sessions", stats.sessions),
        COUNT("approvals", stats.approvals),     COUNT("documents", stats.documents)};
    compare_facts(check, 0, facts, PAWL_ARRAY_LEN(facts));
}

bool table_check_read(struct table_run *run, const struct table_step *step)
{
    struct table_check check = {.run = run, .step = step};
    struct pawl_slice verb = step->words[0].key;
    if (pawl_slice_equal_str(verb, "show")) {
        read_show(&check);
    } else if (pawl_slice_equal_str(verb, "quote")) {
        read_quote(&check);
    } else if (pawl_slice_equal_str(verb, "stats")) {
        read_stats(&check);
    } else if (pawl_slice_equal_str(verb, "due") && step->expect_count == 1) {
        struct table_word word = {.key = PAWL_SLICE("due"), .value = step->expected[0].key};
        table_compare_time(&check, &word, pawl_core_next_due_us(run->world.core));
    } else {
        return table_check_many(&check);
    }
    return true;
}
