/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_words.c: amounts and refusals as people read them, whatever a server sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "remote/words.h"

static void amounts_have_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        int64_t amount;
        const char *words;
        const char *number;
    } rows[] = {
        {"USD_MICROCENTS", 1250000000, "$12.50", "$12.50"},
        {"USD_MICROCENTS", -300000000, "-$3.00", "-$3.00"},
        {"USD_MICROCENTS", 19999, "$0.00019999", "$0.00019999"}, /* nothing is rounded */
        {"USD_MICROCENTS", 1, "$0.00000001", "$0.00000001"},
        {"TOKENS", 5000, "5,000 tokens", "5,000"},
        {"TOKENS", 1, "1 token", "1"},
        {"CREDITS", 0, "0 credits", "0"},
        {"RISK_POINTS", 2, "2 risk points", "2"},
        {"FOO\x1b", 2, "2 FOO?", "2"},
        {"", 2, "2 ", "2"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char out[PAWL_REMOTE_WORDS_BYTES];
        struct pawl_slice unit = pawl_slice_str(rows[i].unit);
        assert_string_equal(pawl_remote_amount(unit, rows[i].amount, out), rows[i].words);
        assert_string_equal(pawl_remote_number(unit, rows[i].amount, out), rows[i].number);
    }
}

static void refusals_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *words; /* NULL: it is none */
        const char *numbers;
    } rows[] = {
        {"", NULL, ""},
        {"[]", NULL, ""},
        {"{\"error\":7}", NULL, ""},
        {"{\"error\":\"X\",\"message\":\"no\"}", "no", ""},
        {"{\"error\":\"X\",\"message\":\"no\",\"details\":[1]}", "no", ""},
        {"{\"error\":\"X\",\"message\":\"no\",\"details\":{\"scope\":\"tenant:a\"}}", "no", ""},
        {"{\"error\":\"X\",\"message\":\"a\\u001b[2Jb\\nc\"}", "a?[2Jb c", ""},
        {"{\"error\":\"X\",\"message\":\"m\",\"details\":{\"limit_kind\":\"held\",\"unit\":"
         "\"TOKENS\",\"scope\":\"tenant:a\",\"limit\":10,\"spent\":1,\"held\":8,\"asked\":3,"
         "\"fits\":1,\"resets_at_ms\":61000}}",
         "too little is left as long as others hold so much",
         "tenant:a: 10 tokens in all, 1 token spent, 8 tokens held, 3 tokens asked for, 1 token "
         "would fit, resets in 1m"},
        {"{\"error\":\"X\",\"message\":\"m\",\"details\":{\"limit_kind\":\"hold\",\"unit\":"
         "\"USD_MICROCENTS\",\"scope\":\"tenant:a\",\"asked\":51000000,\"fits\":50000000}}",
         "the hold is $0.50 and its overage policy is REJECT",
         "tenant:a: $0.51 asked for, $0.50 would fit"},
        {"{\"error\":\"X\",\"message\":\"m\",\"details\":{\"limit_kind\":\"new\",\"unit\":"
         "\"USD_MICROCENTS\",\"limit\":100000000}}",
         "m", "$1.00 in all"},
        {"{\"error\":\"X\",\"message\":\"m\",\"details\":{\"scope\":\"tenant:a\","
         "\"requested_unit\":\"TOKENS\",\"expected_units\":[\"USD_MICROCENTS\"]}}",
         "m", "tenant:a counts dollars, not tokens"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_refusal refusal;
        bool read = pawl_refusal_read(pawl_slice_str(rows[i].body), 1000, &refusal);
        print_message("row %zu\n", i);
        assert_int_equal(read, rows[i].words != NULL);
        assert_string_equal(refusal.words, read ? rows[i].words : "");
        assert_string_equal(refusal.numbers, rows[i].numbers);
    }
}

static void the_field_that_is_wrong_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *details;
        const char *field;
        const char *must_be;
        int64_t least;
        int64_t most;
    } rows[] = {
        {"{}", "", "", 0, 0},
        {"{\"field\":\"a.b\",\"must_be\":\"an integer from 1 to 86400000\"}", "a.b",
         "an integer from 1 to 86400000", 1, 86400000},
        {"{\"field\":\"a\",\"must_be\":\"an integer from -5 to 5\"}", "a",
         "an integer from -5 to 5", 0, 0},
        {"{\"field\":\"a\",\"must_be\":\"an integer from 1 to 18446744073709551615\"}", "a",
         "an integer from 1 to 18446744073709551615", 0, 0},
        {"{\"field\":\"a\",\"must_be\":\"true or false\"}", "a", "true or false", 0, 0},
        {"{\"field\":7,\"must_be\":\" \"}", "", " ", 0, 0},
        {"{\"field\":\"a\\u001b\",\"must_be\":\"\"}", "a?", "", 0, 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char text[512];
        struct pawl_refusal refusal;
        (void)snprintf(text, sizeof(text), "{\"error\":\"X\",\"message\":\"m\",\"details\":%s}",
                       rows[i].details);
        assert_true(pawl_refusal_read(pawl_slice_str(text), 0, &refusal));
        assert_string_equal(refusal.field, rows[i].field);
        assert_string_equal(refusal.must_be, rows[i].must_be);
        assert_int_equal(refusal.least, rows[i].least);
        assert_int_equal(refusal.most, rows[i].most);
    }
}

/* Texts of any length end within the line, and the line ends with what fits. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    static char body[32768];
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 7);
    for (int round = 0; round < 300; round++) {
        char text[3000];
        struct pawl_refusal refusal;
        size_t bytes = (size_t)pawl_prng_below(&prng, sizeof(text) - 1);
        memset(text, 'x', bytes);
        text[bytes] = '\0';
        (void)snprintf(body, sizeof(body),
                       "{\"error\":\"%s\",\"message\":\"%s\",\"request_id\":\"%s\",\"details\":{"
                       "\"field\":\"%s\",\"scope\":\"%s\",\"unit\":\"%s\",\"limit\":5,\"spent\":5,"
                       "\"requested_unit\":\"%s\",\"expected_units\":%s}}",
                       text, text, text, text, text, text, text,
                       round % 2 == 0 ? "[]" : "[\"TOKENS\",\"CREDITS\",\"CREDITS\"]");
        assert_true(pawl_refusal_read(pawl_slice_str(body), 0, &refusal));
        assert_true(strlen(refusal.code) < sizeof(refusal.code));
        assert_true(strlen(refusal.words) < sizeof(refusal.words));
        assert_true(strlen(refusal.numbers) < sizeof(refusal.numbers));
        assert_true(strlen(refusal.request_id) < sizeof(refusal.request_id));
        assert_true(strlen(refusal.field) < sizeof(refusal.field));
        assert_true(bytes == 0 || refusal.numbers[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_have_their_units),
        cmocka_unit_test(refusals_are_read),
        cmocka_unit_test(the_field_that_is_wrong_is_read),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
