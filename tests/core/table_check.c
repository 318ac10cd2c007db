/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_check.c: what came of a step, against what the table says. Flags are exact: a result that
 * is replayed, over a limit, or that leaves more due must be announced as such, and
 * an EXPIRE must list every row, in order. Numbers are compared where the table gives them.
 */
#include <inttypes.h>
#include <string.h>

#include "base/attrs.h"

#include "table.h"

struct check {
    struct table_run *run;
    const struct table_step *step;
    uint16_t unit; /* in which amounts are written */
};

/* --- Comparing one value. --------------------------------------------------------------------- */

static bool key_is(const struct table_word *word, const char *key)
{
    return pawl_slice_equal_str(word->key, key);
}

static void fail_word(const struct check *check, const struct table_word *word, const char *got)
{
    table_fail(check->run, check->step, "%.*s: expected %.*s, got %s", (int)word->key.bytes,
               word->key.data, (int)word->value.bytes, word->value.data, got);
}

static void check_amount(const struct check *check, const struct table_word *word, int64_t got)
{
    char text[32];
    int64_t expected = 0;
    table_amount_print(check->unit, got, text);
    if (!table_amount(check->unit, word->value, &expected) || expected != got) {
        fail_word(check, word, text);
    }
}

static void check_count(const struct check *check, const struct table_word *word, uint64_t got)
{
    char text[32];
    uint64_t expected = 0;
    (void)snprintf(text, sizeof(text), "%" PRIu64, got);
    if (!pawl_slice_to_u64(word->value, &expected) || expected != got) {
        fail_word(check, word, text);
    }
}

static void check_time(const struct check *check, const struct table_word *word, int64_t got)
{
    char text[40];
    int64_t expected = 0;
    int64_t from_now = 0;
    table_time_print(got, text);
    if (table_duration_us(word->value, &from_now)) { /* "60s" is so long after now */
        expected = check->run->now_us + from_now;
    } else if (!table_time_us(word->value, &expected)) {
        fail_word(check, word, text);
        return;
    }
    if (expected != got) {
        fail_word(check, word, text);
    }
}

static void
check_text(const struct check *check, const struct table_word *word, struct pawl_slice got)
{
    bool empty = pawl_slice_equal_str(word->value, "-") && pawl_slice_empty(got);
    if (!empty && !pawl_slice_equal(word->value, got)) {
        char text[512];
        (void)pawl_slice_copy_str(got, text, sizeof(text));
        fail_word(check, word, text);
    }
}

static void check_str(const struct check *check, const struct table_word *word, const char *got)
{
    check_text(check, word, pawl_slice_str(got));
}

/* The value names an object; "-" is none. */
static void check_object(const struct check *check, const struct table_word *word, uint64_t got)
{
    uint64_t expected = 0;
    if (!pawl_slice_equal_str(word->value, "-")) {
        const struct table_name *name = table_name_find(check->run, word->value);
        if (name == NULL) {
            fail_word(check, word, "a name that is not known");
            return;
        }
        expected = name->id;
    }
    if (expected != got) {
        char text[32];
        (void)snprintf(text, sizeof(text), "id %" PRIu64, got);
        fail_word(check, word, text);
    }
}

static const char *reason_name(uint8_t reason)
{
    static const char *const names[] = {
        [PAWL_REASON_NONE] = "none",       [PAWL_REASON_CAP] = "cap",
        [PAWL_REASON_IDLE] = "idle",       [PAWL_REASON_APPROVAL] = "approval",
        [PAWL_REASON_BREAKER] = "breaker", [PAWL_REASON_COMPLETED] = "completed",
        [PAWL_REASON_CAPPED] = "capped",   [PAWL_REASON_KILLED] = "killed",
        [PAWL_REASON_FAILED] = "failed",
    };
    return reason < PAWL_ARRAY_LEN(names) && names[reason] != NULL ? names[reason] : "?";
}

/* --- Results. --------------------------------------------------------------------------------- */

static void check_lines(const struct check *check,
                        const struct table_word *word,
                        const struct pawl_amount *lines,
                        uint32_t line_count)
{
    struct check in_unit = *check;
    if (!table_unit(word->key, &in_unit.unit)) {
        fail_word(check, word, "no unit");
        return;
    }
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].unit == in_unit.unit) {
            check_amount(&in_unit, word, lines[i].value);
            return;
        }
    }
    fail_word(check, word, "no such line");
}

static void check_denial(const struct check *check,
                         const struct table_word *word,
                         const struct pawl_denial *denial)
{
    struct check in_unit = *check;
    in_unit.unit = denial->unit;
    char text[16];
    if (key_is(word, "budget")) {
        check_object(check, word, denial->budget);
    } else if (key_is(word, "session")) {
        check_object(check, word, denial->session);
    } else if (key_is(word, "unit")) {
        check_str(check, word, denial->unit != 0 ? table_unit_name(denial->unit, text) : NULL);
    } else if (key_is(word, "reason")) {
        check_str(check, word, reason_name(denial->reason));
    } else if (key_is(word, "resets")) {
        check_time(check, word, denial->resets_at_us);
    } else if (key_is(word, "window")) {
        check_count(check, word, denial->window_kind);
    } else if (key_is(word, "limit")) {
        check_amount(&in_unit, word, denial->limit);
    } else if (key_is(word, "spent")) {
        check_amount(&in_unit, word, denial->spent);
    } else if (key_is(word, "held")) {
        check_amount(&in_unit, word, denial->held);
    } else if (key_is(word, "debt")) {
        check_amount(&in_unit, word, denial->debt);
    } else if (key_is(word, "asked")) {
        check_amount(&in_unit, word, denial->asked);
    } else if (key_is(word, "fits")) {
        check_amount(&in_unit, word, denial->fits);
    } else {
        fail_word(check, word, "a key that denials do not have");
    }
}

static void check_delta(const struct check *check,
                        const struct table_word *word,
                        const struct pawl_delta *delta)
{
    struct check in_unit = *check;
    in_unit.unit = delta->unit;
    if (key_is(word, "reserved")) {
        check_amount(&in_unit, word, delta->reserved);
    } else if (key_is(word, "spent")) {
        check_amount(&in_unit, word, delta->spent);
    } else if (key_is(word, "debt")) {
        check_amount(&in_unit, word, delta->debt);
    } else if (key_is(word, "ordinal")) {
        check_count(check, word, delta->ordinal);
    } else {
        fail_word(check, word, "a key that deltas do not have");
    }
}

/* The delta of the budget that the word names. */
static const struct pawl_delta *
delta_of(const struct check *check, const struct table_word *word, const struct pawl_result *result)
{
    static const struct pawl_delta none = {.budget = 0};
    const struct table_name *name = table_name_find(check->run, word->key);
    for (uint32_t i = 0; name != NULL && i < result->delta_count; i++) {
        if (result->deltas[i].budget == name->id) {
            return &result->deltas[i];
        }
    }
    fail_word(check, word, "no delta");
    return &none;
}

static void check_plain(const struct check *check,
                        const struct table_word *word,
                        const struct pawl_result *result)
{
    if (key_is(word, "id")) {
        check_object(check, word, result->id);
    } else if (key_is(word, "expires")) {
        check_time(check, word, result->expires_us);
    } else if (key_is(word, "deltas")) {
        check_count(check, word, result->delta_count);
    } else if (key_is(word, "lines")) {
        check_count(check, word, result->line_count);
    } else if (key_is(word, "of")) {
        const struct table_name *name = table_name_find(check->run, word->value);
        if (name == NULL || name->op != result->original_op) {
            fail_word(check, word, "another operation");
        }
    } else {
        fail_word(check, word, "a key that results do not have");
    }
}

/* "A1:released" */
static void check_row(const struct check *check,
                      const struct table_word *word,
                      const struct pawl_result *result,
                      uint32_t row)
{
    static const char *const kinds[] = {
        [PAWL_EXPIRED_RELEASED] = "released",       [PAWL_EXPIRED_SETTLED] = "settled",
        [PAWL_EXPIRED_SESSION] = "ended",           [PAWL_EXPIRED_APPROVAL] = "unanswered",
        [PAWL_EXPIRED_UNCONFIRMED] = "unconfirmed",
    };
    struct pawl_slice kind = word->key;
    struct pawl_slice object = pawl_slice_cut(&kind, ':');
    const struct table_name *name = table_name_find(check->run, object);
    if (row >= result->expired_count) {
        table_fail(check->run, check->step, "only %u rows expired", result->expired_count);
        return;
    }
    const struct pawl_expired *expired = &result->expired[row];
    if (name == NULL || name->id != expired->id ||
        !pawl_slice_equal_str(kind, kinds[expired->kind])) {
        table_fail(check->run, check->step, "row %u: expected %.*s, got id %" PRIu64 " %s", row,
                   (int)word->key.bytes, word->key.data, expired->id, kinds[expired->kind]);
    }
}

struct flags {
    bool replayed, over_limit, more;
};

static bool flag_of(const struct table_word *word, struct flags *flags)
{
    flags->replayed = flags->replayed || key_is(word, "replayed");
    flags->over_limit = flags->over_limit || key_is(word, "over_limit");
    flags->more = flags->more || key_is(word, "more");
    return key_is(word, "replayed") || key_is(word, "over_limit") || key_is(word, "more");
}

static void
check_flags(const struct check *check, const struct flags *flags, const struct pawl_result *result)
{
    static const char *const said[] = {"not ", ""};
    if (flags->replayed != result->replayed) {
        table_fail(check->run, check->step, "%sreplayed", said[result->replayed]);
    }
    if (flags->over_limit != result->over_limit) {
        table_fail(check->run, check->step, "%sover_limit", said[result->over_limit]);
    }
    if (flags->more != result->more_due) {
        table_fail(check->run, check->step, "%smore due", said[result->more_due]);
    }
}

static bool code_is(struct pawl_slice expected, uint16_t code)
{
    char lower[64];
    const char *name = pawl_result_name(code);
    size_t bytes = 0;
    for (; name[bytes] != '\0' && bytes < sizeof(lower); bytes++) {
        char byte = name[bytes];
        lower[bytes] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    return pawl_slice_equal(expected, pawl_slice_of(lower, bytes));
}

enum section { SECTION_PLAIN, SECTION_CHARGED, SECTION_RELEASED, SECTION_DENIAL, SECTION_DELTA };

/* A word without "=" begins a section, is a flag, or a row of an EXPIRE. */
static enum section check_bare(const struct check *check,
                               const struct table_word *word,
                               const struct pawl_result *result,
                               uint32_t *rows,
                               struct flags *flags,
                               enum section section)
{
    if (key_is(word, "charged")) {
        return SECTION_CHARGED;
    }
    if (key_is(word, "released")) {
        return SECTION_RELEASED;
    }
    if (key_is(word, "denial")) {
        return SECTION_DENIAL;
    }
    if (key_is(word, "delta")) {
        return SECTION_DELTA;
    }
    if (!flag_of(word, flags)) {
        check_row(check, word, result, *rows);
        ++*rows;
    }
    return section;
}

void table_check_result(struct table_run *run,
                        const struct table_step *step,
                        const struct pawl_result *result)
{
    struct check check = {.run = run, .step = step};
    struct flags flags = {.replayed = false};
    enum section section = SECTION_PLAIN;
    const struct pawl_delta *delta = NULL;
    uint32_t rows = 0;
    struct pawl_slice expected = step->expect_count > 0 ? step->expected[0].key : PAWL_SLICE("ok");
    if (!code_is(expected, result->code)) {
        table_fail(run, step, "expected %.*s, got %s", (int)expected.bytes, expected.data,
                   pawl_result_name(result->code));
        return;
    }
    for (uint32_t i = 1; i < step->expect_count; i++) {
        const struct table_word *word = &step->expected[i];
        if (section == SECTION_DELTA && !word->has_value) {
            delta = delta_of(&check, word, result); /* "delta B1 reserved=… B2 reserved=…" */
        } else if (!word->has_value) {
            section = check_bare(&check, word, result, &rows, &flags, section);
        } else if (section == SECTION_CHARGED) {
            check_lines(&check, word, result->charged, result->line_count);
        } else if (section == SECTION_RELEASED) {
            check_lines(&check, word, result->released, result->line_count);
        } else if (section == SECTION_DENIAL) {
            check_denial(&check, word, &result->denial);
        } else if (section == SECTION_DELTA && delta != NULL) {
            check_delta(&check, word, delta);
        } else {
            check_plain(&check, word, result);
        }
    }
    check_flags(&check, &flags, result);
    if (rows != result->expired_count) {
        table_fail(run, step, "%u rows expired, %u are listed", result->expired_count, rows);
    }
}

/* --- Reads. ----------------------------------------------------------------------------------- */

static void show_budget(struct check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "active", "frozen", "closed"};
    struct pawl_budget_view view;
    char path[2048];
    if (!pawl_core_budget(check->run->world.core, name->id, check->run->now_us, &view)) {
        table_fail(check->run, check->step, "no such budget");
        return;
    }
    (void)pawl_core_scope_path(check->run->world.core, view.scope, path, sizeof(path));
    check->unit = view.unit;
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (key_is(word, "remaining")) {
            check_amount(check, word, view.remaining);
        } else if (key_is(word, "allocated")) {
            check_amount(check, word, view.allocated);
        } else if (key_is(word, "reserved")) {
            check_amount(check, word, view.reserved);
        } else if (key_is(word, "spent")) {
            check_amount(check, word, view.spent);
        } else if (key_is(word, "debt")) {
            check_amount(check, word, view.debt);
        } else if (key_is(word, "overdraft")) {
            check_amount(check, word, view.overdraft_limit);
        } else if (key_is(word, "over_limit")) {
            check_str(check, word, view.over_limit ? "yes" : "no");
        } else if (key_is(word, "state")) {
            check_str(check, word, states[view.state]);
        } else if (key_is(word, "ordinal")) {
            check_count(check, word, view.ordinal);
        } else if (key_is(word, "start")) {
            check_time(check, word, view.window_start_us);
        } else if (key_is(word, "end")) {
            check_time(check, word, view.window_end_us);
        } else if (key_is(word, "scope")) {
            check_str(check, word, path);
        } else if (key_is(word, "phase")) {
            check_text(check, word, view.phase);
        } else {
            fail_word(check, word, "a key that budgets do not have");
        }
    }
}

static void show_reservation(const struct check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "held", "unconfirmed"};
    struct pawl_reservation_view view;
    if (!pawl_core_reservation(check->run->world.core, name->id, &view)) {
        view = (struct pawl_reservation_view){.state = 0};
    }
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (key_is(word, "state")) {
            check_str(check, word, view.state != 0 ? states[view.state] : "gone");
        } else if (key_is(word, "expires")) {
            check_time(check, word, view.expires_us);
        } else if (key_is(word, "created")) {
            check_time(check, word, view.created_us);
        } else if (key_is(word, "extensions")) {
            check_count(check, word, view.extensions);
        } else if (key_is(word, "lines")) {
            check_count(check, word, view.line_count);
        } else if (key_is(word, "session")) {
            check_text(check, word, view.session);
        } else {
            check_lines(check, word, view.lines, view.line_count);
        }
    }
}

static void show_session(const struct check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "active", "paused", "ended"};
    struct pawl_session_view view;
    char unit[16];
    if (!pawl_core_session(check->run->world.core, name->tenant, name->name, &view)) {
        table_fail(check->run, check->step, "no such session");
        return;
    }
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (key_is(word, "state")) {
            check_str(check, word, states[view.state]);
        } else if (key_is(word, "reason")) {
            check_str(check, word, reason_name(view.reason));
        } else if (key_is(word, "unit")) {
            check_str(check, word, view.unit != 0 ? table_unit_name(view.unit, unit) : NULL);
        } else if (key_is(word, "holds")) {
            check_count(check, word, view.open_holds);
        } else if (key_is(word, "phase")) {
            check_text(check, word, view.phase);
        } else if (key_is(word, "opened")) {
            check_time(check, word, view.opened_us);
        } else if (key_is(word, "deadline")) {
            check_time(check, word, view.deadline_us);
        } else {
            fail_word(check, word, "a key that sessions do not have");
        }
    }
}

static void show_approval(const struct check *check, const struct table_name *name)
{
    static const char *const states[] = {"?", "pending", "approved", "denied", "expired"};
    struct pawl_approval_view view;
    if (!pawl_core_approval(check->run->world.core, name->id, &view)) {
        view = (struct pawl_approval_view){.state = 0};
    }
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (key_is(word, "state")) {
            check_str(check, word, view.state != 0 ? states[view.state] : "gone");
        } else if (key_is(word, "expires")) {
            check_time(check, word, view.expires_us);
        } else if (key_is(word, "session")) {
            check_text(check, word, view.session);
        } else {
            check_lines(check, word, view.lines, view.line_count);
        }
    }
}

static void read_show(struct check *check)
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
    case TABLE_EVENT:
        break;
    }
    table_fail(check->run, check->step, "cannot be shown");
}

/* "quote session=R1 usd=0 -> ok remaining=… headroom=… held=… limit=… spent=… budget=…" of the one
 * unit that is named, with any amount. */
static void read_quote(struct check *check)
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
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (i == 0 && !code_is(word->key, code)) {
            table_fail(run, check->step, "got %s", pawl_result_name(code));
        } else if (key_is(word, "remaining")) {
            check_amount(check, word, quote.remaining);
        } else if (key_is(word, "headroom")) {
            check_amount(check, word, quote.headroom);
        } else if (key_is(word, "held")) {
            check_amount(check, word, quote.held);
        } else if (key_is(word, "limit")) {
            check_amount(check, word, quote.limit);
        } else if (key_is(word, "spent")) {
            check_amount(check, word, quote.spent);
        } else if (key_is(word, "budget")) {
            check_object(check, word, quote.budget);
        } else if (key_is(word, "bound")) {
            check_str(check, word, quote.bound ? "yes" : "no");
        } else if (key_is(word, "reason")) {
            check_str(check, word, reason_name(denial.reason));
        }
    }
}

static void read_stats(const struct check *check)
{
    struct pawl_core_stats stats;
    pawl_core_stats(check->run->world.core, &stats);
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (key_is(word, "strings")) {
            check_count(check, word, stats.strings);
        } else if (key_is(word, "scopes")) {
            check_count(check, word, stats.scopes);
        } else if (key_is(word, "budgets")) {
            check_count(check, word, stats.budgets);
        } else if (key_is(word, "reservations")) {
            check_count(check, word, stats.reservations);
        } else if (key_is(word, "idempotency")) {
            check_count(check, word, stats.idempotency);
        } else if (key_is(word, "sessions")) {
            check_count(check, word, stats.sessions);
        } else if (key_is(word, "approvals")) {
            check_count(check, word, stats.approvals);
        } else {
            fail_word(check, word, "a key that stats do not have");
        }
    }
}

bool table_check_read(struct table_run *run, const struct table_step *step)
{
    struct check check = {.run = run, .step = step};
    struct pawl_slice verb = step->words[0].key;
    if (pawl_slice_equal_str(verb, "show")) {
        read_show(&check);
    } else if (pawl_slice_equal_str(verb, "quote")) {
        read_quote(&check);
    } else if (pawl_slice_equal_str(verb, "stats")) {
        read_stats(&check);
    } else if (pawl_slice_equal_str(verb, "due") && step->expect_count == 1) {
        struct table_word word = {.key = PAWL_SLICE("due"), .value = step->expected[0].key};
        check_time(&check, &word, pawl_core_next_due_us(run->world.core));
    } else {
        return false;
    }
    return true;
}
