/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_kind.c: from a tool call to the commands in it. The name decides for tools that edit and for
 * those that are called after what they verify; else the shell line among the arguments does, under
 * whatever key the client has it.
 */
#include "policy/tool_kind.h"

#include <string.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/json.h"

enum { ARGUMENTS_ARENA_BYTES_MAX = 1 << 20, NAME_BYTES = 96, LINE_BYTES = 8192 };

/* Letters and digits in lower case. */
static const char *const edit_tools[] = {
    "edit",
    "write",
    "multiedit",
    "notebookedit",
    "applypatch",
    "replace",
    "writefile",
    "editfile",
    "createfile",
    "insert",
    "insertedit",
    "inserteditintofile",
    "deletefile",
    "movefile",
    "renamefile",
    "copyfile",
    "writetofile",
    "replaceinfile",
    "applydiff",
    "replacestringinfile",
    "filewrite",
    "fileedit",
    "filecreate",
    "multireplacestringinfile",
    "fswrite",
    "updatefile",
    "patchfile",
    "modifyfile",
    "smartedit",
    "insertcontent",
    "appendfile",
    "searchreplace",
    "searchandreplace",
    "strreplace",
    "insertline",
    "insertatline",
    "patch",
    "rewritefile",
    "applyedit",
    "applyedits",
    "editnotebook",
    "editblock",
    "editfiles",
    "createdirectory",
    "writefiles",
    "codeedit",
    "replacelines",
    "rename",
};
/* One tool for looking and editing: its `command` says which. */
static const char *const editor_tools[] = {"strreplaceeditor", "strreplacebasededittool",
                                           "texteditor"};

static const char *const line_keys[] = {"command",      "cmd",         "shell_command",
                                        "command_line", "CommandLine", "script"};

/* A tool is called after what it verifies when one of its words is of the first list, and all
 * others of the second. */
static const char test_words[] = "test|tests|lint|linter|build|typecheck|pytest|jest|vitest|tsc|"
                                 "eslint|mypy|compile|unittest|unittests";
static const char filler_words[] = "run|runner|execute|exec|start|all|unit|integration|e2e|the|"
                                   "project|code|file|files|suite|type|check|checks|task|ci|and|"
                                   "by|name|in|workspace|package";
static const char shell_words[] = "bash|sh|zsh|shell|exec|execute|terminal|command|cmd|powershell|"
                                  "console|run";

/* --- Names --------------------------------------------------------------------------------- */

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool alphanumeric(char byte)
{
    byte = lower(byte);
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

/* Without a server's or a namespace's name in front: "mcp__files__write_file". */
static struct pawl_slice bare_name(struct pawl_slice name)
{
    for (size_t i = name.bytes; i > 1; i--) {
        bool doubled = name.data[i - 1] == '_' && name.data[i - 2] == '_';
        if (doubled || name.data[i - 1] == '.' || name.data[i - 1] == '/') {
            return pawl_slice_sub(name, i, SIZE_MAX);
        }
    }
    return name;
}

static bool is_one_of(struct pawl_slice name, const char *const *tools, size_t count)
{
    char plain[NAME_BYTES];
    size_t bytes = 0;
    for (size_t i = 0; i < name.bytes && bytes < sizeof(plain); i++) {
        if (alphanumeric(name.data[i])) {
            plain[bytes++] = lower(name.data[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_equal_str(pawl_slice_of(plain, bytes), tools[i])) {
            return true;
        }
    }
    return false;
}

static bool listed(const char *list, struct pawl_slice word)
{
    struct pawl_slice rest = pawl_slice_str(list);
    while (!pawl_slice_empty(rest)) {
        if (pawl_slice_equal_nocase(pawl_slice_cut(&rest, '|'), word)) {
            return true;
        }
    }
    return false;
}

/* The next word of "run_tests", "runTests", "run-tests". */
static struct pawl_slice next_part(struct pawl_slice *rest)
{
    size_t start = 0;
    while (start < rest->bytes && !alphanumeric(rest->data[start])) {
        start++;
    }
    size_t end = start;
    while (end < rest->bytes && alphanumeric(rest->data[end]) &&
           (end == start || lower(rest->data[end]) == rest->data[end] ||
            lower(rest->data[end - 1]) != rest->data[end - 1])) {
        end++;
    }
    struct pawl_slice part = pawl_slice_sub(*rest, start, end - start);
    *rest = pawl_slice_sub(*rest, end, SIZE_MAX);
    return part;
}

static bool is_called_a_test(struct pawl_slice name)
{
    bool tests = false;
    struct pawl_slice part = next_part(&name);
    for (; !pawl_slice_empty(part); part = next_part(&name)) {
        bool one = listed(test_words, part);
        if (!one && !listed(filler_words, part)) {
            return false;
        }
        tests = tests || one;
    }
    return tests;
}

static bool is_called_a_shell(struct pawl_slice name)
{
    struct pawl_slice part = next_part(&name);
    while (!pawl_slice_empty(part) && !listed(shell_words, part)) {
        part = next_part(&name);
    }
    return !pawl_slice_empty(part);
}

/* --- Commands ------------------------------------------------------------------------------ */

/* What is looked for in the commands: the kind of the weightiest, or a pattern of the user's. */
struct search {
    struct pawl_slice patterns;
    bool matched;
    enum pawl_tool_kind kind;
};

static bool pattern_fits(struct pawl_slice pattern, const struct pawl_shell_command *command)
{
    uint32_t at = 0;
    while (!pawl_slice_empty(pattern)) {
        struct pawl_slice want = pawl_slice_cut(&pattern, ' ');
        if (pawl_slice_empty(want)) {
            continue;
        }
        if (at >= command->word_count || !pawl_word_matches(want, command->words[at])) {
            return false;
        }
        at++;
    }
    return at > 0;
}

static void try_patterns(struct search *search, const struct pawl_shell_command *command)
{
    struct pawl_slice rest = search->patterns;
    while (!pawl_slice_empty(rest) && !search->matched) {
        search->matched = pattern_fits(pawl_slice_trim(pawl_slice_cut(&rest, ',')), command);
    }
}

static void
see_command(struct search *search, struct pawl_shell_command *command, struct pawl_shell *shell)
{
    try_patterns(search, command);
    if (pawl_command_unwrap(command, shell)) {
        try_patterns(search, command);
        enum pawl_tool_kind kind = pawl_command_kind(command);
        search->kind = kind > search->kind ? kind : search->kind;
    }
}

static void see_rest(struct search *search, struct pawl_shell *shell)
{
    struct pawl_shell_command command;
    while (pawl_shell_next(shell, &command)) {
        see_command(search, &command, shell);
    }
}

static void see_line(struct search *search, struct pawl_slice line)
{
    struct pawl_shell shell;
    pawl_shell_init(&shell, line);
    see_rest(search, &shell);
}

/* --- Arguments ----------------------------------------------------------------------------- */

/* A list of words that is a command, as programs get it. */
static void see_words(struct search *search,
                      const struct pawl_json *json,
                      uint32_t list,
                      struct pawl_arena *arena)
{
    struct pawl_shell shell;
    struct pawl_shell_command command = {.word_count = 0};
    pawl_shell_init(&shell, PAWL_SLICE_NONE);
    for (uint32_t i = pawl_json_first(json, list);
         i != PAWL_JSON_NONE && command.word_count < PAWL_SHELL_WORDS_MAX;
         i = pawl_json_next(json, i)) {
        command.words[command.word_count++] = pawl_json_string(json, i, arena);
    }
    see_command(search, &command, &shell);
    see_rest(search, &shell);
}

static void see_value(struct search *search,
                      const struct pawl_json *json,
                      uint32_t value,
                      struct pawl_arena *arena)
{
    if (pawl_json_is(json, value, PAWL_JSON_STRING)) {
        see_line(search, pawl_json_string(json, value, arena));
    } else if (pawl_json_is(json, value, PAWL_JSON_ARRAY)) {
        see_words(search, json, value, arena);
    }
}

static void
see_object(struct search *search, const struct pawl_json *json, struct pawl_arena *arena)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(line_keys); i++) {
        see_value(search, json, pawl_json_get(json, 0, line_keys[i]), arena);
    }
    uint32_t lines = pawl_json_get(json, 0, "commands");
    if (pawl_json_is(json, lines, PAWL_JSON_ARRAY)) {
        for (uint32_t i = pawl_json_first(json, lines); i != PAWL_JSON_NONE;
             i = pawl_json_next(json, i)) {
            see_value(search, json, i, arena);
        }
    }
}

/* The line of arguments that were cut, up to where they end. */
static void see_cut_object(struct search *search, struct pawl_slice text)
{
    char line[LINE_BYTES];
    size_t bytes = 0;
    size_t at = pawl_slice_find(text, PAWL_SLICE("\"command\""));
    at = at != SIZE_MAX ? at : pawl_slice_find(text, PAWL_SLICE("\"cmd\""));
    if (at == SIZE_MAX) {
        return;
    }
    struct pawl_slice rest = pawl_slice_sub(text, at, SIZE_MAX);
    (void)pawl_slice_cut(&rest, ':');
    (void)pawl_slice_cut(&rest, '"');
    for (size_t i = 0; i < rest.bytes && rest.data[i] != '"' && bytes < sizeof(line); i++) {
        char byte = rest.data[i];
        if (byte == '\\' && i + 1 < rest.bytes) {
            byte = rest.data[++i];
            byte = byte == 'n' ? '\n' : byte == 't' ? '\t' : byte;
        }
        line[bytes++] = byte;
    }
    see_line(search, pawl_slice_of(line, bytes));
}

static void
see_arguments(struct search *search, struct pawl_slice name, struct pawl_slice arguments)
{
    struct pawl_arena arena;
    struct pawl_json json;
    if (!pawl_slice_starts_with(pawl_slice_trim(arguments), PAWL_SLICE("{"))) {
        if (is_called_a_shell(name)) {
            see_line(search, arguments); /* a tool with plain input */
        }
        return;
    }
    pawl_arena_init(&arena, ARGUMENTS_ARENA_BYTES_MAX);
    if (pawl_json_parse(&arena, arguments, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        see_object(search, &json, &arena);
    } else {
        see_cut_object(search, arguments);
    }
    pawl_arena_free(&arena);
}

/* An editor that is only asked to show a file. */
static bool only_views(struct pawl_slice arguments)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARGUMENTS_ARENA_BYTES_MAX);
    bool views =
        pawl_json_parse(&arena, arguments, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json) &&
        pawl_json_string_is(&json, pawl_json_get(&json, 0, "command"), "view");
    pawl_arena_free(&arena);
    return views;
}

/* --- The tool ------------------------------------------------------------------------------ */

enum pawl_tool_kind pawl_tool_kind_of(struct pawl_slice name, struct pawl_slice arguments)
{
    struct pawl_slice bare = bare_name(name);
    if (is_one_of(bare, edit_tools, PAWL_ARRAY_LEN(edit_tools))) {
        return PAWL_TOOL_EDITS;
    }
    if (is_one_of(bare, editor_tools, PAWL_ARRAY_LEN(editor_tools))) {
        return only_views(arguments) ? PAWL_TOOL_NEUTRAL : PAWL_TOOL_EDITS;
    }
    if (is_called_a_test(bare)) {
        return PAWL_TOOL_VERIFIES;
    }
    struct search search = {.kind = PAWL_TOOL_NEUTRAL};
    see_arguments(&search, bare, arguments);
    return search.kind;
}

enum pawl_tool_kind pawl_shell_kind_of(struct pawl_slice script)
{
    struct search search = {.kind = PAWL_TOOL_NEUTRAL};
    see_line(&search, script);
    return search.kind;
}

bool pawl_tool_matches(struct pawl_slice patterns,
                       struct pawl_slice name,
                       struct pawl_slice arguments)
{
    struct pawl_slice rest = patterns;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice pattern = pawl_slice_trim(pawl_slice_cut(&rest, ','));
        if (!pawl_slice_empty(pattern) && pawl_word_matches(pattern, name)) {
            return true;
        }
    }
    struct search search = {.patterns = patterns, .kind = PAWL_TOOL_NEUTRAL};
    see_arguments(&search, bare_name(name), arguments);
    return search.matched;
}
