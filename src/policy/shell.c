/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.c: see shell.h. One pass over the bytes; a nested script is found by its closing mark and
 * read later, so nothing recurses.
 */
#include "policy/shell.h"

#include <string.h>

static bool at_end(const struct pawl_shell *shell)
{
    return shell->at >= shell->script.bytes;
}

/* The byte `ahead` of here; NUL behind the end. */
static char peek(const struct pawl_shell *shell, size_t ahead)
{
    size_t at = shell->at + ahead;
    return at < shell->script.bytes ? shell->script.data[at] : '\0';
}

void pawl_shell_init(struct pawl_shell *shell, struct pawl_slice script)
{
    shell->script = script;
    shell->at = 0;
    shell->here_count = 0;
    shell->nested_count = 0;
    shell->nested_seen = 0;
    shell->text_bytes = 0;
}

/* --- Nested scripts ------------------------------------------------------------------------ */

static void add_nested(struct pawl_shell *shell, struct pawl_slice script)
{
    if (shell->nested_seen < PAWL_SHELL_NESTED_MAX && script.bytes > 0) {
        shell->nested[shell->nested_count++] = script;
        shell->nested_seen++;
    }
}

void pawl_shell_push(struct pawl_shell *shell, struct pawl_slice script)
{
    size_t room = sizeof(shell->text) - shell->text_bytes;
    if (script.bytes > 0 && script.bytes <= room) {
        char *copy = shell->text + shell->text_bytes;
        memcpy(copy, script.data, script.bytes);
        shell->text_bytes += script.bytes;
        add_nested(shell, pawl_slice_of(copy, script.bytes));
    }
}

/* Where the quotation that begins at `at` ends: behind its closing mark, or at the end. */
static size_t skip_quotes(struct pawl_slice script, size_t at)
{
    char mark = script.data[at++];
    while (at < script.bytes && script.data[at] != mark) {
        at += script.data[at] == '\\' && mark == '"' ? 2 : 1;
    }
    return at < script.bytes ? at + 1 : script.bytes;
}

/* "$(…)": at its dollar. The inside is read later. */
static void skip_substitution(struct pawl_shell *shell)
{
    struct pawl_slice script = shell->script;
    size_t start = shell->at + 2;
    size_t at = start;
    int depth = 1;
    while (at < script.bytes) {
        char byte = script.data[at];
        if (byte == '\'' || byte == '"') {
            at = skip_quotes(script, at);
            continue;
        }
        depth += byte == '(' ? 1 : byte == ')' ? -1 : 0;
        if (depth == 0) {
            break;
        }
        at += byte == '\\' ? 2 : 1;
    }
    at = at < script.bytes ? at : script.bytes;
    add_nested(shell, pawl_slice_sub(script, start, at - start));
    shell->at = at + 1;
}

static void skip_backticks(struct pawl_shell *shell)
{
    struct pawl_slice rest = pawl_slice_sub(shell->script, shell->at + 1, SIZE_MAX);
    size_t end = pawl_slice_find_byte(rest, '`');
    end = end == SIZE_MAX ? rest.bytes : end;
    add_nested(shell, pawl_slice_sub(rest, 0, end));
    shell->at += end + 2;
}

/* --- Words --------------------------------------------------------------------------------- */

static void put(struct pawl_shell_command *command, char byte)
{
    if (command->text_bytes < sizeof(command->text)) {
        command->text[command->text_bytes++] = byte;
    }
}

/* At a dollar or a backtick. What it stands for is not known, and a '$' marks the place. */
static void read_expansion(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    if (peek(shell, 0) == '`') {
        skip_backticks(shell);
    } else if (peek(shell, 1) == '(') {
        skip_substitution(shell);
    } else {
        shell->at++;
    }
    put(command, '$');
}

static void read_double_quotes(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    shell->at++;
    while (!at_end(shell) && peek(shell, 0) != '"') {
        char byte = peek(shell, 0);
        if (byte == '$' || byte == '`') {
            read_expansion(shell, command);
            continue;
        }
        if (byte == '\\' && strchr("\"\\$`", peek(shell, 1)) != NULL) {
            shell->at++;
        }
        if (!at_end(shell)) {
            put(command, peek(shell, 0));
        }
        shell->at++;
    }
    shell->at++;
}

static void read_single_quotes(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    for (shell->at++; !at_end(shell) && peek(shell, 0) != '\''; shell->at++) {
        put(command, peek(shell, 0));
    }
    shell->at++;
}

static bool ends_word(char byte)
{
    return strchr(" \t\r\n;&|()<>", byte) != NULL; /* NUL, too */
}

/* The word that begins here, without its quotes; it may be empty. */
static struct pawl_slice read_word(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    size_t start = command->text_bytes;
    while (!at_end(shell) && !ends_word(peek(shell, 0))) {
        char byte = peek(shell, 0);
        if (byte == '\'') {
            read_single_quotes(shell, command);
        } else if (byte == '"') {
            read_double_quotes(shell, command);
        } else if (byte == '$' || byte == '`') {
            read_expansion(shell, command);
        } else if (byte == '\\') {
            if (peek(shell, 1) != '\n' && peek(shell, 1) != '\0') {
                put(command, peek(shell, 1));
            }
            shell->at += 2;
        } else {
            put(command, byte);
            shell->at++;
        }
    }
    return pawl_slice_of(command->text + start, command->text_bytes - start);
}

static void skip_blanks(struct pawl_shell *shell)
{
    while (!at_end(shell) && strchr(" \t\r", peek(shell, 0)) != NULL) {
        shell->at++;
    }
}

/* --- Redirections -------------------------------------------------------------------------- */

static bool is_number(struct pawl_slice word)
{
    uint64_t number = 0;
    return pawl_slice_to_u64(word, &number);
}

/* At a '<'. A here-document's lines follow behind the end of this one. */
static void read_input(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    size_t marks = 0;
    while (peek(shell, 0) == '<') {
        shell->at++;
        marks++;
    }
    if (peek(shell, 0) == '(') {
        return; /* "<(…)": its commands are read as they stand. */
    }
    if (marks == 2 && peek(shell, 0) == '-') {
        shell->at++;
    }
    skip_blanks(shell);
    struct pawl_slice word = read_word(shell, command);
    size_t room = sizeof(shell->text) - shell->text_bytes;
    if (marks == 2 && shell->here_count < PAWL_SHELL_HERE_MAX && word.bytes <= room) {
        char *copy = shell->text + shell->text_bytes; /* The command's words go before it comes. */
        memcpy(copy, word.data, word.bytes);
        shell->text_bytes += word.bytes;
        shell->here[shell->here_count++] = pawl_slice_of(copy, word.bytes);
    }
}

/* At a '>', or at the '&' of "&>". */
static void read_output(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    while (peek(shell, 0) == '&' || peek(shell, 0) == '>' || peek(shell, 0) == '|') {
        shell->at++;
    }
    bool copy = shell->script.data[shell->at - 1] == '&';
    skip_blanks(shell);
    struct pawl_slice target = read_word(shell, command);
    bool nowhere = pawl_slice_starts_with(target, PAWL_SLICE("/dev/"));
    command->writes = command->writes || !(copy || nowhere);
}

static void skip_line(struct pawl_shell *shell)
{
    while (!at_end(shell) && peek(shell, 0) != '\n') {
        shell->at++;
    }
}

/* Behind the end of a line: the here-documents that it announced. */
static void skip_documents(struct pawl_shell *shell)
{
    for (uint32_t i = 0; i < shell->here_count; i++) {
        bool over = false;
        while (!over && !at_end(shell)) {
            size_t start = shell->at;
            skip_line(shell);
            struct pawl_slice line = pawl_slice_sub(shell->script, start, shell->at - start);
            over = pawl_slice_equal(pawl_slice_trim(line), shell->here[i]);
            shell->at++;
        }
    }
    shell->here_count = 0;
}

/* --- Commands ------------------------------------------------------------------------------ */

static void add_word(struct pawl_shell_command *command, struct pawl_slice word)
{
    if (command->word_count < PAWL_SHELL_WORDS_MAX) {
        command->words[command->word_count++] = word;
    }
}

/* Reads one piece: a word, a redirection. false: the command is over. */
static bool read_piece(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    char byte = peek(shell, 0);
    if (byte == '<') {
        read_input(shell, command);
    } else if (byte == '>' || (byte == '&' && peek(shell, 1) == '>')) {
        read_output(shell, command);
    } else if (byte == '\n') {
        shell->at++;
        skip_documents(shell);
        return false;
    } else if (ends_word(byte)) {
        shell->at++; /* an operator */
        return false;
    } else if (byte == '#') {
        skip_line(shell);
    } else {
        struct pawl_slice word = read_word(shell, command);
        bool descriptor = is_number(word) && strchr("<>", peek(shell, 0)) != NULL && !at_end(shell);
        if (!descriptor) {
            add_word(command, word);
        }
    }
    return true;
}

/* Up to the end of the command; false: the script ended before it. */
static bool read_command(struct pawl_shell *shell, struct pawl_shell_command *command)
{
    command->word_count = 0;
    command->text_bytes = 0;
    command->writes = false;
    skip_blanks(shell);
    while (!at_end(shell) && read_piece(shell, command)) {
        skip_blanks(shell);
    }
    return command->word_count > 0 || !at_end(shell);
}

bool pawl_shell_next(struct pawl_shell *shell, struct pawl_shell_command *ret_command)
{
    for (;;) {
        while (read_command(shell, ret_command)) {
            if (ret_command->word_count > 0) {
                return true;
            }
        }
        if (shell->nested_count == 0) {
            return false;
        }
        shell->script = shell->nested[--shell->nested_count];
        shell->at = 0;
        shell->here_count = 0;
    }
}
