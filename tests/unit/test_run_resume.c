/* SPDX-License-Identifier: Apache-2.0 */
/* Each agent's own way to go on, from the words that it was started with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "run/resume.h"

enum { WORDS_MAX = 16, TEXT_BYTES = 4096 };

struct row {
    const char *argv[WORDS_MAX];
    const char *session;
    const char *extra[WORDS_MAX];
    const char *wanted; /* joined by '|' */
};

static const struct row rows[] = {
    /* Claude Code */
    {{"claude", "-p", "fix it"}, "5e55", {NULL}, "claude|--resume|5e55|-p|go on"},
    {{"claude", "-p", "fix it"}, "", {NULL}, "claude|--continue|-p|go on"},
    {{"claude", "-p", "fix it"}, "5e55", {"do", "less"}, "claude|--resume|5e55|-p|do|less"},
    {{"claude"}, "5e55", {NULL}, "claude|--resume|5e55"},
    {{"claude", "--resume", "old", "--print", "x"},
     "5e55",
     {NULL},
     "claude|--resume|5e55|-p|go on"},
    {{"claude", "--model=opus", "--allowedTools", "Bash", "Edit", "--verbose", "-p", "x"},
     "5e55",
     {NULL},
     "claude|--model=opus|--allowedTools|Bash|Edit|--verbose|--resume|5e55|-p|go on"},
    {{"claude", "--session-id", "9", "--permission-mode", "plan"},
     "9",
     {NULL},
     "claude|--permission-mode|plan|--resume|9"},
    {{"npx", "-y", "@anthropic-ai/claude-code", "-p", "x"},
     "5e55",
     {NULL},
     "npx|-y|@anthropic-ai/claude-code|--resume|5e55|-p|go on"},
    /* Codex */
    {{"codex", "exec", "-m", "gpt-5", "--json", "fix it"},
     "5e55",
     {NULL},
     "codex|exec|-m|gpt-5|--json|resume|5e55|go on"},
    {{"codex", "exec", "fix it"}, "", {NULL}, "codex|exec|resume|--last|go on"},
    {{"codex", "-s", "read-only"}, "5e55", {NULL}, "codex|-s|read-only|resume|5e55"},
    /* Gemini CLI */
    {{"gemini", "-m", "gemini-2.5-pro", "-p", "x", "--yolo"},
     "",
     {NULL},
     "gemini|-m|gemini-2.5-pro|--yolo|--resume|latest|-p|go on"},
    {{"gemini"}, "", {NULL}, "gemini|--resume|latest"},
    /* Any other */
    {{"python", "agent.py", "-p", "x"}, "5e55", {NULL}, "python|agent.py|-p|x"},
    {{"python", "agent.py"}, "", {"python", "other.py"}, "python|other.py"},
};

static const char *join(char **argv, struct pawl_buf *out)
{
    pawl_buf_reset(out);
    for (size_t i = 0; argv[i] != NULL; i++) {
        pawl_buf_printf(out, "%s%s", i > 0 ? "|" : "", argv[i]);
    }
    return pawl_buf_cstr(out);
}

static void every_agent_goes_on_in_its_own_way(void **state)
{
    (void)state;
    struct pawl_buf text;
    pawl_buf_init(&text, TEXT_BYTES);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_arena arena;
        char *argv[WORDS_MAX];
        char *extra[WORDS_MAX];
        memcpy(argv, rows[i].argv, sizeof(argv));
        memcpy(extra, rows[i].extra, sizeof(extra));
        pawl_arena_init(&arena, 1 << 20);
        char **command =
            pawl_resume_command(&arena, pawl_agent_of(argv), argv, pawl_slice_str(rows[i].session),
                                PAWL_SLICE("go on"), extra);
        assert_non_null(command);
        assert_string_equal(join(command, &text), rows[i].wanted);
        pawl_arena_free(&arena);
    }
    pawl_buf_free(&text);
}

static void without_memory_there_is_no_command(void **state)
{
    (void)state;
    struct pawl_arena arena;
    char *argv[] = {(char[]){"claude"}, NULL};
    char *extra[] = {NULL};
    pawl_arena_init(&arena, 16);
    assert_null(pawl_resume_command(&arena, pawl_agent_of(argv), argv, PAWL_SLICE("5e55"),
                                    PAWL_SLICE("go on"), extra));
    pawl_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_agent_goes_on_in_its_own_way),
        cmocka_unit_test(without_memory_there_is_no_command),
    };
    return cmocka_run_group_tests_name("run_resume", tests, NULL, NULL);
}
