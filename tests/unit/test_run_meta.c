/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_meta.c: what is written down about a command: quoted, bounded, without credentials; and
 * whether it can be executed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "core/command.h"
#include "run/caps.h"
#include "run/command.h"
#include "run/meta.h"
#include "run_caps.h"

static struct pawl_buf out;

static int begin(void **state)
{
    (void)state;
    pawl_buf_init(&out, PAWL_METADATA_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pawl_buf_free(&out);
    return 0;
}

static const char *line_of(char *const *argv, size_t bytes_max)
{
    pawl_buf_reset(&out);
    pawl_meta_command_line(argv, bytes_max, &out);
    return pawl_buf_cstr(&out);
}

static void a_data_directory_is_a_word_of_a_command(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {NULL, ""},
        {"/var/pawl", " --data-dir /var/pawl"},
        {"/a b/it's", " --data-dir '/a b/it'\\''s'"},
        {"/\xc3\xbc$HOME", " --data-dir '/\xc3\xbc$HOME'"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        pawl_buf_reset(&out);
        pawl_meta_data_dir(rows[i][0], &out);
        assert_string_equal(pawl_buf_cstr(&out), rows[i][1]);
    }
}

/* Words of a test, copied so that argv may be what it has to be. */
static char **words(const char *const *list)
{
    static char texts[8][128];
    static char *argv[9];
    size_t count = 0;
    for (; list[count] != NULL; count++) {
        assert_true(count < 8 && strlen(list[count]) < sizeof(texts[0]));
        memcpy(texts[count], list[count], strlen(list[count]) + 1);
        argv[count] = texts[count];
    }
    argv[count] = NULL;
    return argv;
}

static void command_line_reads_as_a_shell_would(void **state)
{
    (void)state;
    static const char *const list[] = {"claude", "-p", "fix it", "", "it's", "a=b/c,d", NULL};
    assert_string_equal(line_of(words(list), 200), "claude -p 'fix it' '' 'it'\\''s' a=b/c,d");
}

static void command_line_is_cut(void **state)
{
    (void)state;
    static const char *const list[] = {"echo", "one two three four", "five", NULL};
    assert_string_equal(line_of(words(list), 12), "echo 'one tw...");
    assert_string_equal(line_of(words(list), 4), "echo");
}

static void command_line_hides_what_looks_like_a_credential(void **state)
{
    (void)state;
    static const char *const list[] = {"agent",
                                       "--api-key",
                                       "0123456789abcdef",
                                       "--auth-token=abcdefghij",
                                       "OPENAI_KEY=abcdefghij",
                                       "sk-ant-0123456789abcdef",
                                       "--max-tokens",
                                       NULL};
    assert_string_equal(line_of(words(list), 500),
                        "agent --api-key (hidden) --auth-token=(hidden) OPENAI_KEY=(hidden) "
                        "(hidden) --max-tokens");
}

static void command_line_shows_counts_and_short_words(void **state)
{
    (void)state;
    static const char *const list[] = {"a",       "--max-tokens", "5000",  "--key=1",
                                       "--token", "--json",       "skate", NULL};
    assert_string_equal(line_of(words(list), 500),
                        "a --max-tokens 5000 --key=1 --token --json skate");
}

/* --- The object ---------------------------------------------------------------------------- */

static void write_meta(char *const *argv, const char *cwd, const char *name)
{
    static struct pawl_run_cap caps[PAWL_CAP_COUNT];
    memset(caps, 0, sizeof(caps));
    caps[PAWL_CAP_TIME] = (struct pawl_run_cap){true, 1000, PAWL_ORIGIN_FLAG};
    resolve_caps(caps, NULL);
    struct pawl_meta meta = {
        .repo = "/r",
        .keep_ms = 7200000,
        .policy = "individual",
        .run_id = "run_0123456789abcdef",
        .name = name,
        .argv = argv,
        .cwd = cwd,
        .pid = 42,
        .started_us = 1795348800123456,
        .primary = PAWL_CAP_TIME,
        .caps = caps,
    };
    pawl_meta_write(&meta, &out);
    assert_false(out.overflowed);
}

static void expect_text(const struct pawl_json *json, const char *path, const char *text)
{
    assert_true(pawl_json_string_is(json, pawl_json_path(json, 0, path), text));
}

static void meta_is_an_object_that_the_history_can_read(void **state)
{
    (void)state;
    static const char *const list[] = {"sh", "-c", "echo \"\t\xff\"", NULL};
    write_meta(words(list), "/here", "nightly");
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 1 << 20);
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&out), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    expect_text(&json, "run", "run_0123456789abcdef");
    expect_text(&json, "name", "nightly");
    expect_text(&json, "cwd", "/here");
    expect_text(&json, "primary", "WALL_CLOCK_MS");
    expect_text(&json, "caps.WALL_CLOCK_MS.origin", "flag");
    expect_text(&json, "caps.TOKENS.origin", "default");
    int64_t value = 0;
    assert_true(pawl_json_i64(&json, pawl_json_path(&json, 0, "started_ms"), &value));
    assert_int_equal(value, 1795348800123);
    assert_int_equal(json.nodes[pawl_json_get(&json, 0, "argv")].count, 3);
    pawl_arena_free(&arena);
}

/* Every byte of these takes six in JSON. */
static void meta_of_the_longest_command_fits_a_command(void **state)
{
    (void)state;
    enum { WORDS = 300, BYTES = 3000 };
    static char text[BYTES + 1];
    static char *argv[WORDS + 1];
    memset(text, 1, BYTES);
    for (size_t i = 0; i < WORDS; i++) {
        argv[i] = text;
    }
    write_meta(argv, text, text);
    assert_true(out.bytes <= PAWL_METADATA_BYTES_MAX);
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 1 << 20);
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&out), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    pawl_arena_free(&arena);
}

/* --- Whether it can be executed ------------------------------------------------------------ */

static void command_is_looked_for_as_shells_do(void **state)
{
    (void)state;
    setenv("PATH", "/nonexistent:/bin:/usr/bin", 1);
    assert_int_equal(pawl_command_check("sh"), 0);
    assert_int_equal(pawl_command_check("/bin/sh"), 0);
    assert_int_equal(pawl_command_check("no-such-command"), ENOENT);
    assert_int_equal(pawl_command_check(""), ENOENT);
    assert_int_equal(pawl_command_check("/"), EISDIR);
    assert_int_equal(pawl_command_check("/etc/passwd"), EACCES);
    assert_int_equal(pawl_command_check("/etc/passwd/x"), ENOENT);
    setenv("PATH", "/etc", 1);
    assert_int_equal(pawl_command_check("passwd"), EACCES);
    setenv("PATH", "/", 1);
    assert_int_equal(pawl_command_check("etc"), ENOENT);
    unsetenv("PATH");
    assert_int_equal(pawl_command_check("sh"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_line_reads_as_a_shell_would),
        cmocka_unit_test(command_line_is_cut),
        cmocka_unit_test(command_line_hides_what_looks_like_a_credential),
        cmocka_unit_test(command_line_shows_counts_and_short_words),
        cmocka_unit_test(meta_is_an_object_that_the_history_can_read),
        cmocka_unit_test(meta_of_the_longest_command_fits_a_command),
        cmocka_unit_test(a_data_directory_is_a_word_of_a_command),
        cmocka_unit_test(command_is_looked_for_as_shells_do),
    };
    return cmocka_run_group_tests_name("run_meta", tests, begin, end);
}
