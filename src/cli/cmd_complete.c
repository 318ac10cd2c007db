/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_complete.c: `pawl complete -- WORD…`, which the completions of all three shells ask at each
 * Tab: the words behind "pawl" as far as the cursor, the last one as far as it is typed. So what
 * is offered comes from the tables of the commands, in one place, and from this data directory as
 * it is now; a shell's script only carries it (completion.c).
 *
 * The first line tells the shell what to do beside the lines behind it, each a candidate, a tab and
 * what it is: ":words" nothing, ":open" no blank behind a candidate, ":files" and ":directories"
 * those too, ":command N" hand over to the agent's own completion, whose first word is the Nth.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/values.h"

enum { ANSWER_BYTES_MAX = 4 << 20, NAME_BYTES = 64, LINE_BYTES = 512 };

/* What the words before the cursor come to. */
struct scene {
    const struct pawl_cli_command *command;
    const struct pawl_cli_option *waiting; /* whose value comes next, or NULL */
    const char *data_dir;
    size_t operands;    /* before the cursor */
    size_t agent_at;    /* where the agent's command begins; SIZE_MAX: not yet */
    bool operands_only; /* behind "--" */
    bool given[PAWL_CLI_OPTIONS_MAX];
};

/* --- Reading the words ----------------------------------------------------------------------- */

/* The option of that name, which may be shortened as long as it is unique. */
static const struct pawl_cli_option *find_long(const struct pawl_cli_command *command,
                                               struct pawl_slice name)
{
    const struct pawl_cli_option *found = NULL;
    size_t fitting = 0;
    for (size_t i = 0; i < command->option_count; i++) {
        const struct pawl_cli_option *option = &command->options[i];
        if (pawl_slice_equal_str(name, option->name)) {
            return option;
        }
        if (pawl_slice_starts_with(pawl_slice_str(option->name), name)) {
            found = option;
            fitting++;
        }
    }
    return fitting == 1 ? found : NULL;
}

static const struct pawl_cli_option *find_letter(const struct pawl_cli_command *command,
                                                 char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

/* "[PATH]" is given with '=' or not at all. */
static bool wants_word(const struct pawl_cli_option *option)
{
    return option->argument != NULL && option->argument[0] != '[';
}

static void take_value(struct scene *scene, const struct pawl_cli_option *option, const char *value)
{
    if (strcmp(option->name, "data-dir") == 0) {
        scene->data_dir = value;
    }
}

static void take_option(struct scene *scene, const char *word)
{
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    size_t bytes = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct pawl_cli_option *option =
        is_long ? find_long(scene->command, pawl_slice_of(word + 2, bytes - 2))
                : find_letter(scene->command, word[1]);
    if (option == NULL) {
        return;
    }
    scene->given[option - scene->command->options] = true;
    if (equals != NULL) {
        take_value(scene, option, equals + 1);
    } else if (wants_word(option) && (is_long || word[2] == '\0')) {
        scene->waiting = option;
    }
}

static void take_word(struct scene *scene, const char *word, size_t at)
{
    if (scene->waiting != NULL) {
        take_value(scene, scene->waiting, word);
        scene->waiting = NULL;
    } else if (!scene->operands_only && strcmp(word, "--") == 0) {
        scene->operands_only = true;
        scene->agent_at = scene->command->stops_at_operand ? at + 1 : SIZE_MAX;
    } else if (!scene->operands_only && word[0] == '-' && word[1] != '\0') {
        take_option(scene, word);
    } else {
        if (scene->command->stops_at_operand && scene->operands == 0 && !scene->operands_only) {
            scene->operands_only = true;
            scene->agent_at = at;
        }
        scene->operands++;
    }
}

/* --- Offering -------------------------------------------------------------------------------- */

/* Once each: several runs may have one name, and a model several prices. */
static void take_candidate(void *arg, const char *candidate, const char *about)
{
    struct pawl_buf *candidates = arg;
    char line[LINE_BYTES];
    int bytes = snprintf(line, sizeof(line), "\n%s\t", candidate);
    if (bytes < 0 || (size_t)bytes >= sizeof(line) ||
        pawl_slice_find(pawl_buf_slice(candidates), pawl_slice_of(line, (size_t)bytes)) !=
            SIZE_MAX) {
        return;
    }
    pawl_buf_printf(candidates, "\n%s\t%s", candidate, about);
}

static bool may_repeat(const struct pawl_cli_option *option)
{
    static const char *const names[] = {"phase",        "degrade",    "metadata",
                                        "dimension",    "tag",        "permission",
                                        "scope-filter", "allow-tool", "deny-tool"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        if (strcmp(option->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void offer_options(const struct scene *scene, const struct pawl_cli_offers *offers)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < scene->command->option_count; i++) {
        const struct pawl_cli_option *option = &scene->command->options[i];
        if (option->help != NULL && (!scene->given[i] || may_repeat(option))) {
            (void)snprintf(name, sizeof(name), "--%s", option->name);
            pawl_cli_offer(offers, name, option->help);
        }
    }
    for (size_t i = 0; i < pawl_cli_common_option_count; i++) {
        (void)snprintf(name, sizeof(name), "--%s", pawl_cli_common_options[i].name);
        pawl_cli_offer(offers, name, pawl_cli_common_options[i].help);
    }
}

static void offer_verbs(const struct pawl_cli_command *noun, const struct pawl_cli_offers *offers)
{
    for (size_t i = 0; noun->verbs != NULL && noun->verbs[i] != NULL; i++) {
        pawl_cli_offer(offers, pawl_cli_last_word(noun->verbs[i]), noun->verbs[i]->summary);
    }
}

/* "--on-limit=su": the values, with the option in front of each. */
static enum pawl_cli_completes offer_behind_equals(const struct scene *scene,
                                                   struct pawl_cli_offers *offers)
{
    const char *word = offers->word;
    const char *equals = strchr(word, '=');
    const struct pawl_cli_option *option =
        find_long(scene->command, pawl_slice_of(word + 2, (size_t)(equals - word) - 2));
    if (option == NULL) {
        return PAWL_CLI_COMPLETES_WORDS;
    }
    offers->lead = word;
    offers->lead_bytes = (size_t)(equals + 1 - word);
    offers->word = equals + 1;
    return pawl_cli_values_offer(scene->command, pawl_cli_option_value(option), offers);
}

/* An operand; where there is none to offer, the options. */
static enum pawl_cli_completes
offer_operand(const struct scene *scene, struct pawl_cli_offers *offers, char *const *words)
{
    struct pawl_slice operand = pawl_cli_operand_at(scene->command, scene->operands);
    if (scene->operands == 0) {
        offer_verbs(scene->command, offers);
    }
    if (pawl_slice_equal_str(operand, "VERB")) {
        const struct pawl_cli_command *noun = pawl_cli_find_command(words[1]);
        offer_verbs(noun != NULL ? noun : scene->command, offers);
        return PAWL_CLI_COMPLETES_WORDS;
    }
    if (!pawl_slice_empty(operand) && !scene->command->stops_at_operand) {
        return pawl_cli_values_offer(scene->command, operand, offers);
    }
    if (offers->word[0] == '\0' && !scene->operands_only) {
        offer_options(scene, offers);
    }
    return PAWL_CLI_COMPLETES_WORDS;
}

static enum pawl_cli_completes
offer(const struct scene *scene, struct pawl_cli_offers *offers, char *const *words)
{
    if (scene->waiting != NULL) {
        return pawl_cli_values_offer(scene->command, pawl_cli_option_value(scene->waiting), offers);
    }
    if (scene->operands_only || offers->word[0] != '-') {
        return offer_operand(scene, offers, words);
    }
    if (strncmp(offers->word, "--", 2) == 0 && strchr(offers->word, '=') != NULL) {
        return offer_behind_equals(scene, offers);
    }
    offer_options(scene, offers);
    return PAWL_CLI_COMPLETES_WORDS;
}

/* --- The command ----------------------------------------------------------------------------- */

static void print_answer(enum pawl_cli_completes completes, bool open, struct pawl_buf *candidates)
{
    fputs(completes == PAWL_CLI_COMPLETES_FILES         ? ":files"
          : completes == PAWL_CLI_COMPLETES_DIRECTORIES ? ":directories"
          : open                                        ? ":open"
                                                        : ":words",
          stdout);
    pawl_cli_print_line(candidates); /* each candidate has brought its line's beginning */
}

/* The command's own name, or an option of pawl itself. */
static int complete_command(const struct pawl_cli_offers *offers, struct pawl_buf *candidates)
{
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            pawl_cli_offer(offers, pawl_cli_commands[i]->name, pawl_cli_commands[i]->summary);
        }
    }
    if (offers->word[0] == '-') {
        pawl_cli_offer(offers, "--help", "the list of commands");
        pawl_cli_offer(offers, "--version", "the version");
    }
    print_answer(PAWL_CLI_COMPLETES_WORDS, false, candidates);
    return PAWL_EXIT_OK;
}

static int run_complete(const struct pawl_cli_call *call)
{
    char **words = call->operands;
    size_t cursor = call->operand_count - 1;
    struct pawl_buf candidates;
    pawl_buf_init(&candidates, ANSWER_BYTES_MAX);
    struct pawl_cli_offers offers = {
        .lead = "", .word = words[cursor], .take = take_candidate, .arg = &candidates};
    if (cursor == 0) {
        return complete_command(&offers, &candidates);
    }
    struct scene scene = {.command = pawl_cli_find_command(words[0]), .agent_at = SIZE_MAX};
    if (scene.command == NULL) {
        print_answer(PAWL_CLI_COMPLETES_WORDS, false, &candidates);
        return PAWL_EXIT_OK;
    }
    for (size_t i = 1; i < cursor; i++) {
        const struct pawl_cli_command *verb =
            i == 1 ? pawl_cli_find_verb(scene.command, words[1]) : NULL;
        if (verb != NULL) {
            scene.command = verb;
        } else {
            take_word(&scene, words[i], i);
        }
    }
    bool begins = scene.command->stops_at_operand && !scene.operands_only &&
                  scene.waiting == NULL && offers.word[0] != '\0' && offers.word[0] != '-';
    if (begins || (scene.agent_at != SIZE_MAX && scene.waiting == NULL)) {
        printf(":command %zu\n", begins ? cursor : scene.agent_at);
        return PAWL_EXIT_OK;
    }
    offers.data_dir = scene.data_dir;
    enum pawl_cli_completes completes = offer(&scene, &offers, words);
    print_answer(completes, offers.open, &candidates);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_complete = {
    .name = "complete",
    .operands = "-- [WORD...]",
    .summary = "what the completions of the shells ask",
    .text = "Prints what may stand where the last WORD is typed, for 'pawl completion'.",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .stops_at_operand = true,
    .hidden = true,
    .run = run_complete,
};
