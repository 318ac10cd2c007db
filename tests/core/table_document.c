/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_document.c: the steps about documents and tenants, and those that look over many things at
 * once: what a walk finds, what a key is remembered with.
 */
#include <inttypes.h>
#include <string.h>

#include "base/attrs.h"

#include "table.h"
#include "table_compare.h"
#include "table_words.h"

static const struct table_choice kinds[] = {
    {"tenant", PAWL_DOCUMENT_TENANT}, {"key", PAWL_DOCUMENT_KEY},
    {"policy", PAWL_DOCUMENT_POLICY}, {"budget", PAWL_DOCUMENT_BUDGET},
    {"server", PAWL_DOCUMENT_SERVER},
};
static const struct table_choice states[] = {
    {"active", PAWL_TENANT_ACTIVE},
    {"suspended", PAWL_TENANT_SUSPENDED},
    {"closed", PAWL_TENANT_CLOSED},
};

/* --- Commands. -------------------------------------------------------------------------------- */

/* "version=D" is the operation that wrote what is known as D. */
static uint64_t version_of(struct table_run *run, const struct table_step *step, uint64_t plain)
{
    const struct table_word *word = table_find(step, "version");
    const struct table_name *name = word != NULL ? table_name_find(run, word->value) : NULL;
    return name != NULL ? name->op : table_word_number(run, step, "version", plain);
}

void table_verb_document(struct table_run *run,
                         const struct table_step *step,
                         struct pawl_command *command)
{
    struct pawl_command_document_put *put = &command->u.document_put;
    command->type = PAWL_COMMAND_DOCUMENT_PUT;
    put->kind = table_pick(run, step, "kind", kinds, PAWL_ARRAY_LEN(kinds), PAWL_DOCUMENT_POLICY);
    put->tenant = table_word_text(run, step, "tenant", "acme");
    put->id = table_find(step, "id") != NULL ? table_word_text(run, step, "id", NULL)
                                             : table_word_at(step, 1);
    put->version = version_of(run, step, 0);
    put->state = table_pick(run, step, "state", NULL, 0, 1);
    put->body = table_word_text(run, step, "body", NULL);
}

/* A tenant's own document; it replaces the last one unless the step says what. */
void table_verb_tenant(struct table_run *run,
                       const struct table_step *step,
                       struct pawl_command *command)
{
    struct pawl_command_document_put *put = &command->u.document_put;
    const struct table_name *last = table_name_find(run, table_word_at(step, 1));
    command->type = PAWL_COMMAND_DOCUMENT_PUT;
    put->kind = PAWL_DOCUMENT_TENANT;
    put->tenant = table_word_at(step, 1);
    put->id = put->tenant;
    put->version = version_of(run, step, last != NULL ? last->op : 0);
    put->state = table_choice_of(step, states, PAWL_ARRAY_LEN(states));
    put->body = table_word_text(run, step, "body", NULL);
}

void table_verb_drain(struct table_run *run,
                      const struct table_step *step,
                      struct pawl_command *command)
{
    command->type = PAWL_COMMAND_TENANT_DRAIN;
    command->u.tenant_drain.tenant = table_word_at(step, 1);
    command->u.tenant_drain.from = (uint32_t)table_word_number(run, step, "from", 0);
    command->u.tenant_drain.max = (uint32_t)table_word_number(run, step, "max", 100);
}

/* --- Reads. ----------------------------------------------------------------------------------- */

void table_show_document(struct table_check *check, const struct table_name *name)
{
    static char body[PAWL_DOCUMENT_BYTES_MAX];
    struct pawl_core *core = check->run->world.core;
    struct pawl_document_view view;
    uint64_t found = 0;
    if (!pawl_core_document(core, name->id, &view) ||
        !pawl_core_document_find(core, view.kind, view.name, &found) || found != name->id) {
        table_fail(check->run, check->step, "no such document");
        return;
    }
    size_t bytes = pawl_core_document_body(core, name->id, body, sizeof(body));
    const struct table_fact facts[] = {
        {.key = "kind", .kind = TABLE_FACT_COUNT, .number = view.kind},
        {.key = "state", .kind = TABLE_FACT_COUNT, .number = view.state},
        {.key = "tenant", .kind = TABLE_FACT_TEXT, .text = view.tenant},
        {.key = "id", .kind = TABLE_FACT_TEXT, .text = view.name},
        {.key = "created", .kind = TABLE_FACT_TIME, .number = view.created_us},
        {.key = "updated", .kind = TABLE_FACT_TIME, .number = view.updated_us},
        {.key = "bytes", .kind = TABLE_FACT_COUNT, .number = view.body_bytes},
    };
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        if (table_key_is(word, "body")) {
            struct table_word whole = *word;
            whole.value = table_text(check->run, word->value);
            table_compare_text(check, &whole, pawl_slice_of(body, bytes));
        } else if (table_key_is(word, "version")) {
            const struct table_name *of = table_name_find(check->run, word->value);
            if (of == NULL || of->op != view.version) {
                table_differs(check, word, "another operation");
            }
        } else {
            table_compare_fact(check, word, facts, PAWL_ARRAY_LEN(facts));
        }
    }
}

/* "state acme -> closed" */
static void read_state(struct table_check *check)
{
    static const char *const names[] = {"none", "active", "suspended", "closed"};
    uint8_t state = pawl_core_tenant_state(check->run->world.core, table_word_at(check->step, 1));
    if (check->step->expect_count != 1 ||
        !pawl_slice_equal_str(check->step->expected[0].key, names[state])) {
        table_fail(check->run, check->step, "the tenant is %s", names[state]);
    }
}

/* How often the walk found it. */
static uint32_t count_of(const uint64_t *found, uint32_t count, uint64_t id)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < count; i++) {
        times += found[i] == id;
    }
    return times;
}

/* "walk tenant=acme agent=bot steps=2 -> B1 B2": these budgets and no others, each once, in any
 * order. */
static void read_walk(struct table_check *check)
{
    struct table_run *run = check->run;
    struct pawl_scope_name filter = {.session = PAWL_SLICE_NONE};
    struct pawl_budget_walk walk = {0};
    uint64_t found[TABLE_WORDS_MAX];
    uint64_t budget = 0;
    uint32_t count = 0;
    uint32_t calls = 0;
    uint32_t steps = (uint32_t)table_word_number(run, check->step, "steps", 100);
    table_levels(run, check->step, filter.levels);
    (void)table_dimensions(run, check->step, &filter.dimension, 1);
    filter.session = table_word_text(run, check->step, "session", NULL);
    while (pawl_core_budget_walk(run->world.core, &filter, steps, &walk, &budget)) {
        if (budget != 0 && count < TABLE_WORDS_MAX) {
            found[count++] = budget;
        }
        if (++calls == 10000) {
            table_fail(run, check->step, "the walk does not end");
            return;
        }
    }
    for (uint32_t i = 0; i < check->step->expect_count; i++) {
        const struct table_word *word = &check->step->expected[i];
        const struct table_name *name = table_name_find(run, word->key);
        if (name == NULL || count_of(found, count, name->id) != 1) {
            table_differs(check, word, "not found once");
        }
    }
    if (count != check->step->expect_count) {
        table_fail(run, check->step, "%u budgets are found", count);
    }
}

/* "remembered reserve usd=1 key=k -> A1": whose operation the key of such a command is; "-" is
 * nobody's. */
static void read_remembered(struct table_check *check)
{
    struct table_step step = *check->step;
    struct pawl_command command;
    uint64_t op = 0;
    step.word_count--;
    memmove(step.words, step.words + 1, step.word_count * sizeof(step.words[0]));
    if (!table_command(check->run, &step, &command) || check->step->expect_count != 1) {
        table_fail(check->run, check->step, "of which command?");
        return;
    }
    bool known = pawl_core_key_find(check->run->world.core, &command, &op);
    struct pawl_slice expected = check->step->expected[0].key;
    const struct table_name *name = table_name_find(check->run, expected);
    bool same =
        pawl_slice_equal_str(expected, "-") ? !known : known && name != NULL && name->op == op;
    if (!same) {
        table_fail(check->run, check->step, "got operation %" PRIu64, op);
    }
}

bool table_check_many(struct table_check *check)
{
    struct pawl_slice verb = check->step->words[0].key;
    if (pawl_slice_equal_str(verb, "state")) {
        read_state(check);
    } else if (pawl_slice_equal_str(verb, "walk")) {
        read_walk(check);
    } else if (pawl_slice_equal_str(verb, "remembered")) {
        read_remembered(check);
    } else {
        return false;
    }
    return true;
}
