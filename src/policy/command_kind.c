/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_kind.c: what a command does, by the tables of programs.def. First it is unwrapped:
 * whatever only runs another program is taken off, again and again, until the program itself stands
 * in front.
 */
#include <string.h>

#include "base/attrs.h"
#include "policy/tool_kind.h"

enum { UNWRAP_MAX = 16, NAME_BYTES = 64 };

enum how { ALWAYS, FIRST, ANY, BARE, SCRIPT, CHECKS, EDITS };

struct program {
    const char *names;
    enum how how;
    const char *words;
};
struct wrapper {
    const char *names;
    const char *options;
    uint32_t skipped;
};

static const struct program programs[] = {
#define PAWL_PROGRAM(names, how, words) {names, how, words},
#define PAWL_WRAPPER(names, options, skipped)
#include "policy/programs.def"
#undef PAWL_PROGRAM
#undef PAWL_WRAPPER
};
static const struct wrapper wrappers[] = {
#define PAWL_PROGRAM(names, how, words)
#define PAWL_WRAPPER(names, options, skipped) {names, options, skipped},
#include "policy/programs.def"
#undef PAWL_PROGRAM
#undef PAWL_WRAPPER
};

/* In the names of scripts, targets and files. */
static const char verifying_words[] =
    "test|tests|testing|lint|linter|linting|check|checks|typecheck|types|tsc|build|compile|verify|"
    "validate|e2e|unit|integration|spec|specs|coverage|cov|ci|eslint|stylelint|jest|vitest|pytest|"
    "mypy|ruff|clippy|smoke|precommit|presubmit|typing|typescript|vet|audit";

/* Options before a program's first word that take a value. */
static const char valued_options[] =
    "-C|--manifest-path|--context|--directory|--dir|--prefix|-w|--workspace|--filter|-F|--cwd|"
    "--config|-c|--project|-p|--package|--color|--settings|-f|--file|-e|--env";

static const char keywords[] = "if|then|else|elif|do|while|until|!|{|time|function|for|case|in";

/* --- Words --------------------------------------------------------------------------------- */

bool pawl_word_matches(struct pawl_slice pattern, struct pawl_slice word)
{
    size_t p = 0;
    size_t star = SIZE_MAX; /* behind the last "*", and what it has taken up to */
    size_t taken = 0;
    for (size_t w = 0; w < word.bytes;) {
        if (p < pattern.bytes && pattern.data[p] == '*') {
            star = ++p;
            taken = w;
        } else if (p < pattern.bytes && pattern.data[p] == word.data[w]) {
            p++;
            w++;
        } else if (star != SIZE_MAX) {
            p = star;
            w = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.bytes && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.bytes;
}

static bool letter_or_digit(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

static bool in_list(const char *list, struct pawl_slice word)
{
    struct pawl_slice rest = pawl_slice_str(list);
    while (!pawl_slice_empty(rest)) {
        if (pawl_slice_equal_nocase(pawl_slice_cut(&rest, '|'), word)) {
            return true;
        }
    }
    return false;
}

/* Whether one of the parts of a name, "test" of "test:unit" and "unitTest", is a verifying word. */
static bool names_verification(struct pawl_slice name)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.bytes; i++) {
        bool end = i == name.bytes || !letter_or_digit(name.data[i]);
        bool hump = !end && i > start && name.data[i] >= 'A' && name.data[i] <= 'Z' &&
                    name.data[i - 1] >= 'a' && name.data[i - 1] <= 'z';
        if (!end && !hump) {
            continue;
        }
        if (in_list(verifying_words, pawl_slice_sub(name, start, i - start))) {
            return true;
        }
        start = hump ? i : i + 1;
    }
    return false;
}

/* Against "a|b*|%". */
static bool fits(const char *patterns, struct pawl_slice word)
{
    struct pawl_slice rest = pawl_slice_str(patterns);
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice pattern = pawl_slice_cut(&rest, '|');
        bool percent = pawl_slice_equal_str(pattern, "%");
        if (percent ? names_verification(word) : pawl_word_matches(pattern, word)) {
            return true;
        }
    }
    return false;
}

static bool is_option(struct pawl_slice word)
{
    return word.bytes > 1 && (word.data[0] == '-' || word.data[0] == '+');
}

static struct pawl_slice word_at(const struct pawl_shell_command *command, uint32_t at)
{
    return at < command->word_count ? command->words[at] : PAWL_SLICE_NONE;
}

static void drop(struct pawl_shell_command *command, uint32_t count)
{
    count = count < command->word_count ? count : command->word_count;
    command->word_count -= count;
    memmove(command->words, command->words + count,
            command->word_count * sizeof(command->words[0]));
}

/* The place of the first word from `at` on that is neither an option nor an option's value. */
static uint32_t
skip_options(const struct pawl_shell_command *command, uint32_t at, const char *valued)
{
    while (at < command->word_count && is_option(command->words[at])) {
        if (pawl_slice_equal_str(command->words[at], "--")) {
            return at + 1;
        }
        at += in_list(valued, command->words[at]) ? 2 : 1;
    }
    return at;
}

/* Without its folder, its version ("tsc@5") and what tells its kind (".sh"). */
static struct pawl_slice program_name(struct pawl_slice word)
{
    static const char *const endings[] = {".sh", ".bash", ".py",  ".js",  ".mjs", ".cjs", ".ts",
                                          ".rb", ".pl",   ".php", ".exe", ".bat", ".cmd", ".ps1"};
    for (size_t slash = pawl_slice_find_byte(word, '/'); slash != SIZE_MAX;
         slash = pawl_slice_find_byte(word, '/')) {
        word = pawl_slice_sub(word, slash + 1, SIZE_MAX);
    }
    size_t version = pawl_slice_find_byte(word, '@');
    word = version != SIZE_MAX && version > 0 ? pawl_slice_sub(word, 0, version) : word;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings); i++) {
        if (pawl_slice_ends_with(word, pawl_slice_str(endings[i]))) {
            return pawl_slice_sub(word, 0, word.bytes - strlen(endings[i]));
        }
    }
    return word;
}

/* How many words a name has that the command begins with; 0: it does not. */
static uint32_t words_of_name(struct pawl_slice name, const struct pawl_shell_command *command)
{
    uint32_t count = 0;
    while (!pawl_slice_empty(name)) {
        struct pawl_slice want = pawl_slice_cut(&name, ' ');
        struct pawl_slice got = word_at(command, count);
        got = count == 0 ? program_name(got) : got;
        if (!pawl_slice_equal(want, got)) {
            return 0;
        }
        count++;
    }
    return count;
}

static uint32_t words_of_names(const char *names, const struct pawl_shell_command *command)
{
    struct pawl_slice rest = pawl_slice_str(names);
    uint32_t count = 0;
    while (count == 0 && !pawl_slice_empty(rest)) {
        count = words_of_name(pawl_slice_cut(&rest, '|'), command);
    }
    return count;
}

/* --- Unwrapping ---------------------------------------------------------------------------- */

static bool is_assignment(struct pawl_slice word)
{
    size_t i = 0;
    while (i < word.bytes && (letter_or_digit(word.data[i]) || word.data[i] == '_')) {
        i++;
    }
    return i > 0 && i < word.bytes && (word.data[i] == '=' || word.data[i] == '+');
}

/* Where a shell's script stands, "-c script"; else its file's place, or the end. */
static uint32_t find_script(const struct pawl_shell_command *command, bool *ret_inline)
{
    *ret_inline = false;
    uint32_t at = 1;
    while (at < command->word_count && is_option(command->words[at])) {
        struct pawl_slice word = command->words[at];
        bool cluster = word.data[0] == '-' && word.data[1] != '-';
        if ((cluster && pawl_slice_find_byte(word, 'c') != SIZE_MAX) ||
            pawl_slice_equal_nocase(word, PAWL_SLICE("-Command"))) {
            *ret_inline = true;
        }
        at += in_list("-o|+o|--rcfile|--init-file|-O", word) ? 2 : 1;
    }
    return at;
}

/* true: it was a shell, and what it runs stands in front, or is read later. */
static bool unwrap_shell(struct pawl_shell_command *command, struct pawl_shell *shell)
{
    struct pawl_slice name = program_name(command->words[0]);
    if (in_list("eval", name)) {
        pawl_shell_push(shell, word_at(command, 1));
        command->word_count = 0;
        return true;
    }
    if (in_list(".|source|su|runuser", name)) {
        for (uint32_t i = 1; i + 1 < command->word_count && name.bytes > 1; i++) {
            if (in_list("-c|--command", command->words[i])) {
                pawl_shell_push(shell, command->words[i + 1]);
            }
        }
        command->word_count = 0;
        return true;
    }
    if (!in_list("sh|bash|zsh|dash|ash|ksh|mksh|fish|pwsh|powershell", name)) {
        return false;
    }
    bool is_inline = false;
    uint32_t at = find_script(command, &is_inline);
    if (is_inline) {
        pawl_shell_push(shell, word_at(command, at));
        command->word_count = 0;
    } else {
        drop(command, at);
    }
    return true;
}

/* `python -m module`, `node script.js`: the module or script. */
static bool unwrap_interpreter(struct pawl_shell_command *command)
{
    struct pawl_slice name = program_name(command->words[0]);
    bool python = pawl_slice_starts_with(name, PAWL_SLICE("python")) ||
                  pawl_slice_starts_with(name, PAWL_SLICE("pypy")) ||
                  pawl_slice_equal_str(name, "py");
    if (!python && !in_list("node|nodejs|ruby|perl|php|Rscript|lua", name)) {
        return false;
    }
    uint32_t at = 1;
    while (at < command->word_count && is_option(command->words[at])) {
        struct pawl_slice word = command->words[at];
        if (python && pawl_slice_equal_str(word, "-m")) {
            drop(command, at + 1);
            return true;
        }
        if (!python && in_list("--test|--check", word)) {
            return false; /* The program's own row knows. */
        }
        if (in_list("-c|-e|-p|-r|--eval|-pe|-ne", word) && !(word.data[1] == 'r' && !python)) {
            command->word_count = 0;
            return true;
        }
        if (!python && pawl_slice_equal_str(name, "perl") &&
            pawl_slice_find_byte(word, 'i') != SIZE_MAX) {
            return false; /* edits in place */
        }
        at += in_list("-W|-X|-I|-r|--require|--import|--loader|-d", word) ? 2 : 1;
    }
    drop(command, at);
    return true;
}

/* `find … -exec program`. */
static bool unwrap_find(struct pawl_shell_command *command)
{
    if (!in_list("find|fd|fdfind", program_name(command->words[0]))) {
        return false;
    }
    for (uint32_t i = 1; i < command->word_count; i++) {
        if (in_list("-exec|-execdir|-ok|-x|-X|--exec", command->words[i])) {
            drop(command, i + 1);
            return true;
        }
    }
    return false;
}

static bool unwrap_wrapper(struct pawl_shell_command *command)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(wrappers); i++) {
        uint32_t name_words = words_of_names(wrappers[i].names, command);
        if (name_words > 0) {
            uint32_t at = skip_options(command, name_words, wrappers[i].options);
            drop(command, at + wrappers[i].skipped);
            if (wrappers[i].skipped > 0 && pawl_slice_equal_str(word_at(command, 0), "--")) {
                drop(command, 1);
            }
            return true;
        }
    }
    return false;
}

bool pawl_command_unwrap(struct pawl_shell_command *command, struct pawl_shell *shell)
{
    for (int i = 0; i < UNWRAP_MAX && command->word_count > 0; i++) {
        struct pawl_slice first = command->words[0];
        if (is_assignment(first) || in_list(keywords, first)) {
            drop(command, 1);
        } else if (!unwrap_shell(command, shell) && !unwrap_interpreter(command) &&
                   !unwrap_find(command) && !unwrap_wrapper(command)) {
            return true;
        }
    }
    return false;
}

/* --- What is left -------------------------------------------------------------------------- */

static bool any_word_fits(const struct pawl_shell_command *command, const char *patterns)
{
    for (uint32_t i = 1; i < command->word_count; i++) {
        if (fits(patterns, command->words[i])) {
            return true;
        }
    }
    return false;
}

/* A script's name: behind `run`, or in place of a command. */
static bool script_fits(const struct pawl_shell_command *command, uint32_t at, const char *patterns)
{
    at = skip_options(command, at, valued_options);
    if (in_list("workspace", word_at(command, at))) {
        at = skip_options(command, at + 2, valued_options);
    } else if (in_list("workspaces", word_at(command, at))) {
        while (at < command->word_count && !pawl_slice_equal_str(command->words[at], "run")) {
            at++;
        }
    }
    if (in_list("run|run-script|rum|task", word_at(command, at))) {
        at = skip_options(command, at + 1, valued_options);
        return at < command->word_count && fits("%", command->words[at]);
    }
    return at < command->word_count && fits(patterns, command->words[at]);
}

static bool no_word(const struct pawl_shell_command *command)
{
    return skip_options(command, 1, valued_options) >= command->word_count;
}

static enum pawl_tool_kind kind_by_row(const struct program *row,
                                       const struct pawl_shell_command *command,
                                       uint32_t name_words)
{
    uint32_t first = skip_options(command, name_words, valued_options);
    struct pawl_slice word = word_at(command, first);
    bool verifies = false;
    switch (row->how) {
    case ALWAYS:
        verifies = pawl_slice_empty(word) || !fits(row->words, word);
        break;
    case FIRST:
        verifies = !pawl_slice_empty(word) && fits(row->words, word);
        break;
    case ANY:
        verifies = any_word_fits(command, row->words);
        break;
    case BARE:
        verifies = no_word(command) || any_word_fits(command, row->words);
        break;
    case SCRIPT:
        verifies = script_fits(command, 1, row->words);
        break;
    case CHECKS:
        return any_word_fits(command, row->words) ? PAWL_TOOL_VERIFIES : PAWL_TOOL_EDITS;
    case EDITS:
        return PAWL_TOOL_EDITS;
    }
    return verifies ? PAWL_TOOL_VERIFIES : PAWL_TOOL_NEUTRAL;
}

/* `pytest --version` */
static bool only_asks(const struct pawl_shell_command *command)
{
    return command->word_count == 2 &&
           in_list("--version|-V|-v|--help|-h|-version|version|help", command->words[1]);
}

/* Programs of everyday use that change a file by an option, or by where their output goes. */
static bool edits(const struct pawl_shell_command *command)
{
    struct pawl_slice name = program_name(command->words[0]);
    for (uint32_t i = 1; i < command->word_count; i++) {
        struct pawl_slice word = command->words[i];
        bool sed = in_list("sed|gsed", name) && (pawl_slice_starts_with(word, PAWL_SLICE("-i")) ||
                                                 pawl_slice_equal_str(word, "--in-place"));
        bool perl = in_list("perl|ruby", name) && is_option(word) &&
                    pawl_slice_find_byte(word, 'i') != SIZE_MAX;
        bool git = in_list("git", name) && i == 1 && in_list("apply|am|mv|rm", word);
        bool format = in_list("cargo|go|ruff|mix|dart|deno|terraform|dotnet|biome|zig", name) &&
                      i == 1 && in_list("fmt|format", word);
        if (sed || perl || git || format) {
            return true;
        }
    }
    return command->writes;
}

/* A script in a folder, or a file: its name says what it is for. */
static bool is_script(struct pawl_slice word)
{
    return pawl_slice_find_byte(word, '/') != SIZE_MAX || program_name(word).bytes < word.bytes;
}

enum pawl_tool_kind pawl_command_kind(const struct pawl_shell_command *command)
{
    if (command->word_count == 0 || only_asks(command)) {
        return PAWL_TOOL_NEUTRAL;
    }
    if (!command->writes && edits(command) &&
        any_word_fits(command, "--check|--verify-no-changes|--check-formatted")) {
        return PAWL_TOOL_VERIFIES; /* It would change them, but only looks. */
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(programs); i++) {
        uint32_t name_words = words_of_names(programs[i].names, command);
        if (name_words > 0) {
            enum pawl_tool_kind kind = kind_by_row(&programs[i], command, name_words);
            return kind == PAWL_TOOL_NEUTRAL && edits(command) ? PAWL_TOOL_EDITS : kind;
        }
    }
    if (is_script(command->words[0]) && names_verification(program_name(command->words[0]))) {
        return PAWL_TOOL_VERIFIES;
    }
    return edits(command) ? PAWL_TOOL_EDITS : PAWL_TOOL_NEUTRAL;
}
