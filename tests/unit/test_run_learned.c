/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_learned.c: what calls have taught about models, from run to run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/file_os.h"
#include "run/learned.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (INT64_C(86400) * SECOND_US)
#define NOW_US    (INT64_C(1795000000) * SECOND_US)
#define MODEL     PAWL_SLICE("model-1")

static struct pawl_datadir dir;

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(dir.path, sizeof(dir.path), "/tmp/pawl-learned-XXXXXX");
    return mkdtemp(dir.path) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[PAWL_PATH_BYTES + 16];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir.path);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own. */
}

/* --- A run ----------------------------------------------------------------------------------- */

static struct pawl_estimate_lesson lesson_of(int64_t number)
{
    struct pawl_estimate_lesson lesson;
    for (int i = 0; i < PAWL_LESSON_COUNT; i++) {
        lesson.values[i] = number * 100 + i;
    }
    return lesson;
}

/* A run whose calls teach the lessons first … last. */
static pawl_err
run_teaches(const char *source, struct pawl_slice model, int64_t first, int64_t last, int64_t at_us)
{
    struct pawl_errmsg msg = {""};
    struct pawl_learned *learned = pawl_learned_new();
    assert_non_null(learned);
    for (int64_t i = first; i <= last; i++) {
        struct pawl_estimate_lesson lesson = lesson_of(i);
        pawl_learned_note(learned, source, model, &lesson, at_us);
    }
    pawl_err err = pawl_learned_save(learned, &dir, at_us, &msg);
    pawl_learned_free(learned);
    return err;
}

static void teach(const char *source, struct pawl_slice model, int64_t first, int64_t last)
{
    assert_true(pawl_ok(run_teaches(source, model, first, last, NOW_US)));
}

/* Everything that is kept, as "source/model:number number …\n". */
struct seen {
    struct pawl_buf text;
    char place[160];
};

static void see(void *arg,
                const char *source,
                struct pawl_slice model,
                const struct pawl_estimate_lesson *lesson)
{
    struct seen *seen = arg;
    char place[160];
    (void)snprintf(place, sizeof(place), "%s/%.*s", source, (int)model.bytes, model.data);
    if (strcmp(place, seen->place) != 0) {
        pawl_buf_printf(&seen->text, "%s%s:", seen->text.bytes > 0 ? "\n" : "", place);
        memcpy(seen->place, place, sizeof(place));
    }
    int64_t number = lesson->values[0] / 100;
    struct pawl_estimate_lesson whole = lesson_of(number);
    assert_memory_equal(lesson, &whole, sizeof(whole));
    pawl_buf_printf(&seen->text, " %lld", (long long)number);
}

static void assert_kept_at(int64_t now_us, const char *wanted)
{
    struct seen seen = {.place = ""};
    pawl_buf_init(&seen.text, 65536);
    pawl_learned_read(&dir, now_us, see, &seen);
    assert_string_equal(pawl_buf_cstr(&seen.text), wanted);
    pawl_buf_free(&seen.text);
}

static void assert_kept(const char *wanted)
{
    assert_kept_at(NOW_US, wanted);
}

static void file_path(char path[static PAWL_PATH_BYTES], const char *name)
{
    struct pawl_errmsg msg = {""};
    assert_true(pawl_ok(pawl_datadir_path(&dir, name, path, &msg)));
}

static void put_text(const char *text)
{
    char path[PAWL_PATH_BYTES];
    file_path(path, PAWL_LEARNED_FILE);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void replace_in_file(const char *from, const char *to)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_errmsg msg = {""};
    struct pawl_buf text;
    struct pawl_buf changed;
    file_path(path, PAWL_LEARNED_FILE);
    pawl_buf_init(&text, 1 << 20);
    pawl_buf_init(&changed, 1 << 20);
    assert_true(pawl_ok(pawl_file_read(path, &text, &msg)));
    char *at = strstr(pawl_buf_cstr(&text), from);
    assert_non_null(at);
    pawl_buf_append(&changed, text.data, (size_t)(at - text.data));
    pawl_buf_append_str(&changed, to);
    pawl_buf_append_str(&changed, at + strlen(from));
    put_text(pawl_buf_cstr(&changed));
    pawl_buf_free(&text);
    pawl_buf_free(&changed);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void runs_add_to_what_others_learned(void **state)
{
    (void)state;
    assert_kept("");
    teach("openai", MODEL, 1, 3);
    teach("openai", MODEL, 4, 5);
    teach("openai", PAWL_SLICE("odd \"name\""), 7, 7);
    assert_kept("openai/model-1: 1 2 3 4 5\nopenai/odd \"name\": 7");
}

static void a_run_that_learned_nothing_writes_nothing(void **state)
{
    (void)state;
    char path[PAWL_PATH_BYTES];
    struct stat found;
    teach("openai", MODEL, 2, 1);
    file_path(path, PAWL_LEARNED_FILE);
    assert_int_equal(stat(path, &found), -1);
}

static void an_address_of_the_users_is_another_teacher(void **state)
{
    (void)state;
    char own[PAWL_LEARNED_SOURCE_BYTES];
    char mine[PAWL_LEARNED_SOURCE_BYTES];
    char other[PAWL_LEARNED_SOURCE_BYTES];
    pawl_learned_source(PAWL_UPSTREAM_OPENAI, NULL, own);
    pawl_learned_source(PAWL_UPSTREAM_OPENAI, "http://me:secret@127.0.0.1:1/v1", mine);
    pawl_learned_source(PAWL_UPSTREAM_OPENAI, "http://127.0.0.1:1/v1", other);
    assert_string_equal(own, "openai");
    assert_null(strstr(mine, "secret"));
    assert_int_equal(strncmp(mine, "openai-", 7), 0);
    assert_string_not_equal(mine, other);
}

static void the_newest_lessons_count(void **state)
{
    (void)state;
    struct pawl_buf wanted;
    pawl_buf_init(&wanted, 4096);
    teach("openai", MODEL, 1, 20);
    teach("openai", MODEL, 21, 40);
    pawl_buf_append_str(&wanted, "openai/model-1:");
    for (int i = 41 - PAWL_LEARNED_LESSONS; i <= 40; i++) {
        pawl_buf_printf(&wanted, " %d", i);
    }
    assert_kept(pawl_buf_cstr(&wanted));
    pawl_buf_free(&wanted);
}

static void a_lesson_counts_for_thirty_days(void **state)
{
    (void)state;
    assert_true(pawl_ok(run_teaches("openai", MODEL, 1, 1, NOW_US - 20 * DAY_US)));
    teach("openai", MODEL, 2, 2);
    assert_kept("openai/model-1: 1 2");
    assert_kept_at(NOW_US + 11 * DAY_US, "openai/model-1: 2");
    assert_kept_at(NOW_US + 31 * DAY_US, "");
}

static void the_models_that_were_called_last_are_kept(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i <= PAWL_LEARNED_MODELS; i++) {
        (void)snprintf(name, sizeof(name), "model-%d", i);
        int64_t at_us = NOW_US + i * SECOND_US;
        assert_true(pawl_ok(run_teaches("openai", pawl_slice_str(name), i, i, at_us)));
    }
    struct seen seen = {.place = ""};
    pawl_buf_init(&seen.text, 65536);
    pawl_learned_read(&dir, NOW_US, see, &seen);
    assert_null(strstr(pawl_buf_cstr(&seen.text), "model-0:"));
    (void)snprintf(name, sizeof(name), "model-%d:", PAWL_LEARNED_MODELS);
    assert_non_null(strstr(pawl_buf_cstr(&seen.text), name));
    assert_non_null(strstr(pawl_buf_cstr(&seen.text), "model-1:"));
    pawl_buf_free(&seen.text);
}

static void a_name_without_room_teaches_nothing(void **state)
{
    (void)state;
    char name[PAWL_ESTIMATE_NAME_BYTES + 1];
    memset(name, 'm', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    teach("openai", pawl_slice_str(name), 1, 1);
    teach("openai", PAWL_SLICE_NONE, 1, 1);
    assert_kept("");
}

static void what_cannot_be_read_is_learned_anew(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{\"estimator\":2}", "no JSON"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        put_text(texts[i]);
        assert_kept("");
        teach("openai", MODEL, 1, 1);
        assert_kept("openai/model-1: 1");
    }
}

static void another_version_is_not_understood(void **state)
{
    (void)state;
    teach("openai", MODEL, 1, 1);
    replace_in_file("\"estimator\":", "\"estimator\":9");
    assert_kept("");
    teach("openai", MODEL, 2, 2);
    assert_kept("openai/model-1: 2");
    replace_in_file("\"new_dense\"", "\"new_something\"");
    assert_kept("");
}

static void a_lesson_with_another_number_of_values_is_left_out(void **state)
{
    (void)state;
    teach("openai", MODEL, 1, 2);
    replace_in_file(",100,", ",100,5,");
    assert_kept("openai/model-1: 2");
    replace_in_file(",200,", ",\"200\",");
    assert_kept("");
}

static void nobody_waits_for_a_lock_that_stays(void **state)
{
    (void)state;
    char path[PAWL_PATH_BYTES];
    teach("openai", MODEL, 1, 1);
    file_path(path, PAWL_LEARNED_FILE ".lock");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(run_teaches("openai", MODEL, 2, 2, NOW_US).code, PAWL_ERR_LOCKED);
    (void)close(fd);
    assert_kept("openai/model-1: 1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_add_to_what_others_learned),
        TEST(a_run_that_learned_nothing_writes_nothing),
        TEST(an_address_of_the_users_is_another_teacher),
        TEST(the_newest_lessons_count),
        TEST(a_lesson_counts_for_thirty_days),
        TEST(the_models_that_were_called_last_are_kept),
        TEST(a_name_without_room_teaches_nothing),
        TEST(what_cannot_be_read_is_learned_anew),
        TEST(another_version_is_not_understood),
        TEST(a_lesson_with_another_number_of_values_is_left_out),
        TEST(nobody_waits_for_a_lock_that_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
