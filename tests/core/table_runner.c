/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_runner.c: runs the tables of the folders and files that it is given. After every step the
 * ledger is audited; after every table it is run again in other ways (table_world.c). A table
 * fails with the lines that were not as it says; the last line counts tables.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#include "table.h"

enum { FILE_BYTES_MAX = 1 << 20, FILES_MAX = 1024, PATH_BYTES = 1024 };

/* 2026-01-01T00:00:00Z, a Thursday. */
static const int64_t start_us = INT64_C(1767225600) * 1000000;

void table_fail(struct table_run *run, const struct table_step *step, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: ", run->file, step->line);
    (void)vprintf(format, arguments);
    printf("\n    %.*s\n", (int)step->text.bytes, step->text.data);
    va_end(arguments);
    run->failures++;
}

/* --- Names. ----------------------------------------------------------------------------------- */

struct table_name *table_name_find(struct table_run *run, struct pawl_slice name)
{
    for (uint32_t i = run->name_count; i > 0; i--) {
        if (pawl_slice_equal(run->names[i - 1].name, name)) {
            return &run->names[i - 1];
        }
    }
    return NULL;
}

struct table_name *table_name_of(struct table_run *run, const struct table_step *step)
{
    struct table_name *name = NULL;
    if (step->word_count > 1) {
        name = table_name_find(run, step->words[1].key);
    }
    if (name == NULL) {
        table_fail(run, step, "the second word names nothing");
    }
    return name;
}

/* What a command made is known by the step's second word from now on. */
static void name_add(struct table_run *run,
                     const struct table_step *step,
                     const struct pawl_command *command,
                     const struct pawl_result *result)
{
    struct table_name name = {.id = result->id, .op = result->op, .tenant = PAWL_SLICE("acme")};
    if (command->type == PAWL_COMMAND_BUDGET_CREATE) {
        name.object = TABLE_BUDGET;
        name.unit = command->u.budget_create.unit;
    } else if (pawl_command_decides(command)) {
        name.object = TABLE_DECISION;
    } else if (command->type == PAWL_COMMAND_DOCUMENT_PUT) {
        name.object = TABLE_DOCUMENT;
    } else if (command->type == PAWL_COMMAND_RESERVE) {
        name.object = TABLE_RESERVATION;
    } else if (command->type == PAWL_COMMAND_EVENT) {
        name.object = TABLE_EVENT;
    } else if (command->type == PAWL_COMMAND_SESSION_OPEN) {
        name.object = TABLE_SESSION;
        name.tenant = command->u.session_open.tenant;
    } else if (command->type == PAWL_COMMAND_APPROVAL_OPEN) {
        name.object = TABLE_APPROVAL;
    }
    if (name.object == 0 || step->word_count < 2 || step->words[1].has_value) {
        return;
    }
    name.name = step->words[1].key;
    PAWL_ASSERT(run->name_count < TABLE_NAMES_MAX);
    run->names[run->name_count] = name;
    run->name_count++;
}

/* "budget_of B7 R1 usd [phase]" names the budget that a session's cap made. */
static void name_cap(struct table_run *run, const struct table_step *step)
{
    static const struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    uint16_t unit = 0;
    uint64_t id = 0;
    const struct table_name *session =
        step->word_count >= 4 ? table_name_find(run, step->words[2].key) : NULL;
    if (session == NULL || !table_unit(step->words[3].key, &unit)) {
        table_fail(run, step, "no such session or unit");
        return;
    }
    struct pawl_scope_name scope = {.session = session->name};
    scope.levels[PAWL_LEVEL_TENANT] = session->tenant;
    struct pawl_slice phase = step->word_count > 4 ? step->words[4].key : PAWL_SLICE_NONE;
    if (!pawl_core_budget_find(run->world.core, &scope, phase, unit, &lifetime, &id)) {
        table_fail(run, step, "no such budget");
        return;
    }
    PAWL_ASSERT(run->name_count < TABLE_NAMES_MAX);
    run->names[run->name_count] = (struct table_name){
        .name = step->words[1].key, .object = TABLE_BUDGET, .id = id, .unit = unit};
    run->name_count++;
}

/* --- Steps. ----------------------------------------------------------------------------------- */

void table_apply(struct table_run *run,
                 const struct table_step *step,
                 const struct pawl_command *command,
                 struct pawl_result *ret_result)
{
    table_world_apply(&run->world, run->now_us, command, ret_result);
    table_log_add(&run->log, step->line, run->now_us, command, ret_result);
    if (command->type == PAWL_COMMAND_CONFIG && ret_result->code == PAWL_RESULT_OK) {
        run->configured = true;
    }
}

/* "tick 61s", "at 2026-03-08T06:59:59Z"; false if the step is neither. */
static bool run_clock(struct table_run *run, const struct table_step *step)
{
    int64_t us = 0;
    bool tick = pawl_slice_equal_str(step->words[0].key, "tick");
    if (!tick && !pawl_slice_equal_str(step->words[0].key, "at")) {
        return false;
    }
    struct pawl_slice value = step->word_count > 1 ? step->words[1].key : PAWL_SLICE_NONE;
    if (tick ? !table_duration_us(value, &us) : !table_time_us(value, &us)) {
        table_fail(run, step, "no time");
        return true;
    }
    us = tick ? run->now_us + us : us;
    if (us < run->now_us) {
        table_fail(run, step, "time does not go back");
        return true;
    }
    run->now_us = us;
    return true;
}

static void run_command(struct table_run *run, const struct table_step *step)
{
    struct pawl_command command;
    struct pawl_result result;
    bool config = pawl_slice_equal_str(step->words[0].key, "config");
    bool bare = table_find(step, "unconfigured") != NULL;
    if (!config && !bare) {
        table_configure(run, step);
    }
    int failures = run->failures;
    if (!table_command(run, step, &command)) {
        if (failures == run->failures) {
            table_fail(run, step, "unknown verb");
        }
        return;
    }
    table_apply(run, step, &command, &result);
    bool kept = pawl_command_decides(&command) && !pawl_slice_empty(command.idempotency_key);
    if ((result.code == PAWL_RESULT_OK || kept) && !result.replayed) {
        name_add(run, step, &command, &result);
    }
    table_check_result(run, step, &result);
}

static void run_step(struct table_run *run, struct table_step *step)
{
    uint64_t times = 1;
    if (pawl_slice_equal_str(step->words[0].key, "repeat")) { /* "repeat 3 note …" */
        if (step->word_count < 3 || !pawl_slice_to_u64(step->words[1].key, &times)) {
            table_fail(run, step, "how often?");
            return;
        }
        step->word_count -= 2;
        memmove(step->words, step->words + 2, step->word_count * sizeof(step->words[0]));
    }
    for (uint64_t i = 0; i < times; i++) {
        if (run_clock(run, step)) {
            continue;
        }
        if (pawl_slice_equal_str(step->words[0].key, "budget_of")) {
            name_cap(run, step);
        } else if (!table_check_read(run, step)) {
            run_command(run, step);
        }
    }
}

/* --- Files. ----------------------------------------------------------------------------------- */

static char *file_read(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(FILE_BYTES_MAX);
    PAWL_ASSERT(text != NULL);
    if (file == NULL) {
        free(text);
        return NULL;
    }
    *ret_bytes = fread(text, 1, FILE_BYTES_MAX, file);
    (void)fclose(file);
    return text;
}

/* A table must say why its rule exists before its first step. */
static bool has_reason(struct pawl_slice text)
{
    return pawl_slice_starts_with(text, PAWL_SLICE("# SPDX")) &&
           pawl_slice_find(text, PAWL_SLICE("\n# ")) != SIZE_MAX;
}

/* Returns whether the table passed. */
static bool run_file(const char *path)
{
    size_t bytes = 0;
    char *text = file_read(path, &bytes);
    struct table_run *run = calloc(1, sizeof(*run));
    PAWL_ASSERT(run != NULL);
    run->file = path;
    run->now_us = start_us;
    table_world_init(&run->world);
    struct pawl_slice rest = pawl_slice_of(text, text != NULL ? bytes : 0);
    uint32_t steps = 0;
    if (!has_reason(rest)) {
        printf("%s:1: no licence line and reason\n", path);
        run->failures++;
    }
    for (int line = 1; !pawl_slice_empty(rest); line++) {
        struct table_step step;
        if (table_step_parse(pawl_slice_cut(&rest, '\n'), line, &step)) {
            run_step(run, &step);
            steps++;
        }
    }
    if (steps == 0) {
        printf("%s:1: no steps\n", path);
        run->failures++;
    }
    run->failures += table_log_verify(&run->log, &run->world, path);
    bool passed = run->failures == 0;
    table_log_free(&run->log);
    table_world_free(&run->world);
    free(run);
    free(text);
    return passed;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The tables of a folder in the order of their names, or the path itself. */
static size_t paths_of(const char *path, char (*ret_paths)[PATH_BYTES])
{
    DIR *folder = opendir(path);
    size_t count = 0;
    if (folder == NULL) {
        (void)snprintf(ret_paths[0], PATH_BYTES, "%s", path);
        return 1;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (pawl_slice_ends_with(pawl_slice_str(entry->d_name), PAWL_SLICE(".tbl"))) {
            PAWL_ASSERT(count < FILES_MAX);
            (void)snprintf(ret_paths[count], PATH_BYTES, "%s/%s", path, entry->d_name);
            count++;
        }
    }
    (void)closedir(folder);
    qsort(ret_paths, count, PATH_BYTES, name_compare);
    return count;
}

int main(int argc, char **argv)
{
    int passed = 0;
    int failed = 0;
    char(*paths)[PATH_BYTES] = calloc(FILES_MAX, PATH_BYTES);
    PAWL_ASSERT(paths != NULL);
    for (int i = 1; i < argc; i++) {
        size_t count = paths_of(argv[i], paths);
        for (size_t path = 0; path < count; path++) {
            if (run_file(paths[path])) {
                passed++;
            } else {
                failed++;
            }
        }
    }
    free(paths);
    printf("%d passed, %d failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
