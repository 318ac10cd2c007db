/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c: one command's options, read by getopt_long from the command's table. Anything
 * wrong is told in one line with the way to --help, and nothing has happened yet.
 */
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "cli/cli.h"

const struct pawl_cli_option pawl_cli_common_options[] = {
    {PAWL_CLI_HELP, 'h', "help", NULL, "show this help"},
};
const size_t pawl_cli_common_option_count = PAWL_ARRAY_LEN(pawl_cli_common_options);

enum { OPTION_NAMES_BYTES = 256 };

/* The tables in getopt_long's form. `val` is the option's place in the two tables, counted
 * from 256, so that letters and long names meet in one number. */
struct getopt_form {
    struct option longs[PAWL_CLI_OPTIONS_MAX + 1];
    char shorts[2 * PAWL_CLI_OPTIONS_MAX + 4];
    const struct pawl_cli_option *options[PAWL_CLI_OPTIONS_MAX];
    size_t count;
};

static int argument_kind(const struct pawl_cli_option *option)
{
    if (option->argument == NULL) {
        return no_argument;
    }
    return option->argument[0] == '[' ? optional_argument : required_argument;
}

static void form_add(struct getopt_form *form, size_t *shorts, const struct pawl_cli_option *option)
{
    PAWL_ASSERT(form->count < PAWL_CLI_OPTIONS_MAX);
    form->longs[form->count] = (struct option){
        .name = option->name,
        .has_arg = argument_kind(option),
        .val = 256 + (int)form->count,
    };
    form->options[form->count] = option;
    form->count++;
    if (option->letter != 0) {
        form->shorts[(*shorts)++] = option->letter;
        if (argument_kind(option) == required_argument) {
            form->shorts[(*shorts)++] = ':';
        }
    }
}

static void form_init(struct getopt_form *form, const struct pawl_cli_command *command)
{
    *form = (struct getopt_form){.count = 0};
    size_t shorts = 0;
    if (command->stops_at_operand) {
        form->shorts[shorts++] = '+';
    }
    form->shorts[shorts++] = ':'; /* errors are told here, not by getopt */
    for (size_t i = 0; i < command->option_count; i++) {
        form_add(form, &shorts, &command->options[i]);
    }
    for (size_t i = 0; i < pawl_cli_common_option_count; i++) {
        form_add(form, &shorts, &pawl_cli_common_options[i]);
    }
    PAWL_ASSERT(shorts < sizeof(form->shorts));
}

static const struct pawl_cli_option *form_option(const struct getopt_form *form, int value)
{
    if (value >= 256) {
        size_t index = (size_t)value - 256;
        PAWL_ASSERT(index < form->count);
        return form->options[index];
    }
    for (size_t i = 0; i < form->count; i++) {
        if (form->options[i]->letter == value) {
            return form->options[i];
        }
    }
    PAWL_UNREACHABLE();
}

/* "--max-usd, --max-tokens": the options whose names begin so; how many they are. */
static size_t options_with(const struct getopt_form *form,
                           struct pawl_slice beginning,
                           char names[static OPTION_NAMES_BYTES])
{
    size_t used = 0;
    size_t fitting = 0;
    names[0] = '\0';
    for (size_t i = 0; i < form->count && used < OPTION_NAMES_BYTES; i++) {
        if (form->options[i]->help != NULL &&
            pawl_slice_starts_with(pawl_slice_str(form->options[i]->name), beginning)) {
            int written = snprintf(names + used, OPTION_NAMES_BYTES - used, "%s--%s",
                                   fitting == 0 ? "" : ", ", form->options[i]->name);
            used += (size_t)written;
            fitting++;
        }
    }
    return fitting;
}

/* A long name that is none: misspelt, or of a kind of which there are others. */
static int
tell_unknown(const struct pawl_cli_call *call, const struct getopt_form *form, const char *word)
{
    char name[64];
    char names[OPTION_NAMES_BYTES];
    struct pawl_nearest nearest = {.word = name};
    size_t bytes = strcspn(word + 2, "=");
    (void)pawl_slice_copy_str(pawl_slice_of(word + 2, bytes), name, sizeof(name));
    for (size_t i = 0; i < form->count; i++) {
        if (form->options[i]->help != NULL) {
            pawl_nearest_offer(&nearest, form->options[i]->name);
        }
    }
    if (nearest.found != NULL) {
        return pawl_cli_usage_error(call, "there is no option --%s; did you mean --%s?", name,
                                    nearest.found);
    }
    size_t kind = strcspn(name, "-") + 1;
    bool others = kind < strlen(name) && options_with(form, pawl_slice_of(name, kind), names) > 0;
    return pawl_cli_usage_error(call, "there is no option --%s%s%s", name,
                                others ? "; near it: " : "", others ? names : "");
}

/* What getopt has no use for: no option's name, or the beginning of several. */
static int tell_unknown_or_ambiguous(const struct pawl_cli_call *call,
                                     const struct getopt_form *form,
                                     const char *word)
{
    char names[OPTION_NAMES_BYTES];
    size_t length = strcspn(word, "=");
    bool several = length > 2 && options_with(form, pawl_slice_of(word + 2, length - 2), names) > 1;
    return several ? pawl_cli_usage_error(call, "%s could be %s", word, names)
                   : tell_unknown(call, form, word);
}

/* What getopt could not take: which word it was is found again from its own variables. */
static int tell_bad_option(const struct pawl_cli_call *call,
                           const struct getopt_form *form,
                           char **argv,
                           bool missing)
{
    bool is_letter = optopt > 0 && optopt < 256;
    if (missing) {
        return is_letter ? pawl_cli_usage_error(call, "-%c needs a value", optopt)
                         : pawl_cli_usage_error(call, "%s needs a value", argv[optind - 1]);
    }
    if (is_letter) {
        return pawl_cli_usage_error(call, "there is no option -%c", optopt);
    }
    return optopt >= 256 ? pawl_cli_usage_error(call, "%s takes no value", argv[optind - 1])
                         : tell_unknown_or_ambiguous(call, form, argv[optind - 1]);
}

/* Fills the call. Returns PAWL_CLI_GO_ON or an exit status. */
static int parse(struct pawl_cli_call *call, int argc, char **argv)
{
    struct getopt_form form;
    form_init(&form, call->command);
    optind = 0; /* a fresh scan, with glibc's permutation */
    opterr = 0;
    for (;;) {
        int value = getopt_long(argc, argv, form.shorts, form.longs, NULL);
        if (value == -1) {
            break;
        }
        if (value == '?' || value == ':') {
            return tell_bad_option(call, &form, argv, value == ':');
        }
        const struct pawl_cli_option *option = form_option(&form, value);
        if (option->id == PAWL_CLI_HELP) {
            pawl_cli_print_command_help(stdout, call->command);
            return PAWL_EXIT_OK;
        }
        if (call->given_count == PAWL_CLI_OPTIONS_MAX) {
            return pawl_cli_usage_error(call, "too many options");
        }
        call->given[call->given_count++] = (struct pawl_cli_given){option, optarg};
    }
    call->operands = argv + optind;
    call->operand_count = (size_t)(argc - optind);
    return PAWL_CLI_GO_ON;
}

/* A noun was given no verb, though it does nothing by itself, or none that there is. */
static int tell_verbs(const struct pawl_cli_call *call)
{
    char verbs[160] = "";
    size_t used = 0;
    for (size_t i = 0; call->command->verbs[i] != NULL && used < sizeof(verbs); i++) {
        const char *comma = i == 0 ? "" : call->command->verbs[i + 1] != NULL ? ", " : " or ";
        used += (size_t)snprintf(verbs + used, sizeof(verbs) - used, "%s%s", comma,
                                 pawl_cli_last_word(call->command->verbs[i]));
    }
    if (call->operand_count == 0) {
        return pawl_cli_usage_error(call, "say what to do: %s", verbs);
    }
    const char *nearest = pawl_cli_guess_verb(call->command, call->operands[0]);
    return nearest != NULL
               ? pawl_cli_usage_error(call, "there is no '%s'; did you mean '%s'?",
                                      call->operands[0], nearest)
               : pawl_cli_usage_error(call, "there is no '%s', only %s", call->operands[0], verbs);
}

int pawl_cli_run(const struct pawl_cli_command *command, int argc, char **argv)
{
    const struct pawl_cli_command *verb = argc > 1 ? pawl_cli_find_verb(command, argv[1]) : NULL;
    if (verb != NULL) {
        return pawl_cli_run(verb, argc - 1, argv + 1);
    }
    struct pawl_cli_call call = {.command = command};
    if (command->run == NULL && argc > 1 && argv[1][0] != '-') {
        call.operands = argv + 1; /* Also where --help comes behind it. */
        call.operand_count = 1;
        return tell_verbs(&call);
    }
    int status = parse(&call, argc, argv);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (command->run == NULL) {
        return tell_verbs(&call);
    }
    if (call.operand_count < command->operands_min) {
        return pawl_cli_usage_error(&call, "an argument is missing. Usage: pawl %s [options] %s",
                                    command->name, command->operands);
    }
    if (call.operand_count > command->operands_max && command->verbs != NULL) {
        return tell_verbs(&call);
    }
    if (call.operand_count > command->operands_max) {
        return pawl_cli_usage_error(&call, "unexpected argument '%s'",
                                    call.operands[command->operands_max]);
    }
    return command->run(&call);
}

const char *pawl_cli_value(const struct pawl_cli_call *call, int id)
{
    for (size_t i = call->given_count; i > 0; i--) {
        if (call->given[i - 1].option->id == id) {
            return call->given[i - 1].value;
        }
    }
    return NULL;
}

const char *pawl_cli_switch(const struct pawl_cli_call *call, int id)
{
    const char *value = pawl_cli_value(call, id);
    return value != NULL || !pawl_cli_has(call, id) ? value : "yes";
}

bool pawl_cli_has(const struct pawl_cli_call *call, int id)
{
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id == id) {
            return true;
        }
    }
    return false;
}

PAWL_PRINTF(2, 0)
static void tell(const struct pawl_cli_call *call, const char *format, va_list arguments)
{
    fprintf(stderr, "pawl %s: ", call->command->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int pawl_cli_usage_error(const struct pawl_cli_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(call, format, arguments);
    va_end(arguments);
    if (strcmp(call->command->name, "help") == 0) {
        fputs("See 'pawl help'.\n", stderr); /* The list is more help than help's own text. */
    } else {
        fprintf(stderr, "See 'pawl %s --help'.\n", call->command->name);
    }
    return PAWL_EXIT_USAGE;
}

int pawl_cli_error(const struct pawl_cli_call *call, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(call, format, arguments);
    va_end(arguments);
    return status;
}
