/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers.c: see answers.h. The tables are small, so they are looked through each time. Records lie
 * three deep at most, which bounds the recursion by the tables and not by the answer.
 */
#include "tests/lib/answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/money.h"
#include "core/result.h"

struct answer_row {
    const char *operation;
    int status;
    const char *shape;
    const char *errors;
};

struct answer_field {
    const char *shape;
    const char *name;
    const char *type;
    bool always;
};

struct error_row {
    int status;
    const char *code;
};

enum { MAYBE = 0, ALWAYS = 1 };

#define PAWL_ANSWER(operation, status, shape, errors) {#operation, (status), (shape), (errors)},
#define PAWL_ANSWER_FIELD(shape, name, type, when, meaning)
static const struct answer_row answers[] = {
#include "cycles/answer.def"
};
#undef PAWL_ANSWER
#undef PAWL_ANSWER_FIELD

#define PAWL_ANSWER(operation, status, shape, errors)
#define PAWL_ANSWER_FIELD(shape, name, type, when, meaning) {#shape, (name), (type), (when) == 1},
static const struct answer_field fields[] = {
#include "cycles/answer.def"
};
#undef PAWL_ANSWER
#undef PAWL_ANSWER_FIELD

#define PAWL_ERROR(NAME, status, wire, meaning)                               {(status), (wire)},
#define PAWL_RESULT(NAME, number, http, wire, retryable, remembered, meaning) {(http), (wire)},
static const struct error_row errors[] = {
#include "core/result.def"
#include "cycles/error.def"
};
#undef PAWL_ERROR
#undef PAWL_RESULT

/* What any operation may answer. */
static const struct error_row common[] = {{400, "INVALID_REQUEST"},
                                          {401, "UNAUTHORIZED"},
                                          {403, "FORBIDDEN"},
                                          {403, "INSUFFICIENT_PERMISSIONS"}};

static char why[1024];

static bool fail(const char *format, ...) PAWL_PRINTF(1, 2);
static bool fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return false;
}

/* --- Types ---------------------------------------------------------------------------------- */

static bool is_shape(struct pawl_slice name)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        if (pawl_slice_equal_str(name, fields[i].shape)) {
            return true;
        }
    }
    return false;
}

static bool check_shape(const struct pawl_json *json, uint32_t node, struct pawl_slice shape);

static bool fits_time(struct pawl_slice text)
{
    return text.bytes == 24 && text.data[4] == '-' && text.data[10] == 'T' && text.data[23] == 'Z';
}

/* One alternative of a type. */
static bool fits_word(const struct pawl_json *json, uint32_t node, struct pawl_slice word)
{
    int64_t number = 0;
    if (is_shape(word)) {
        return pawl_json_is(json, node, PAWL_JSON_OBJECT) && check_shape(json, node, word);
    }
    if (pawl_slice_equal_str(word, "object")) {
        return pawl_json_is(json, node, PAWL_JSON_OBJECT);
    }
    if (pawl_slice_equal_str(word, "boolean")) {
        return pawl_json_is(json, node, PAWL_JSON_TRUE) ||
               pawl_json_is(json, node, PAWL_JSON_FALSE);
    }
    if (pawl_slice_equal_str(word, "integer")) {
        return pawl_json_i64(json, node, &number) && number >= -PAWL_AMOUNT_MAX &&
               number <= PAWL_AMOUNT_MAX;
    }
    if (!pawl_json_is(json, node, PAWL_JSON_STRING)) {
        return false;
    }
    struct pawl_slice text = pawl_json_string_raw(json, node);
    return pawl_slice_equal_str(word, "string") || pawl_slice_equal(text, word) ||
           (pawl_slice_equal_str(word, "time") && fits_time(text));
}

static bool fits_any(const struct pawl_json *json, uint32_t node, struct pawl_slice words)
{
    while (words.bytes > 0) {
        if (fits_word(json, node, pawl_slice_cut(&words, '|'))) {
            why[0] = '\0'; /* of the alternatives before it */
            return true;
        }
    }
    return false;
}

static bool fits(const struct pawl_json *json, uint32_t node, const char *type)
{
    struct pawl_slice words = pawl_slice_str(type);
    if (!pawl_slice_ends_with(words, PAWL_SLICE("[]"))) {
        return fits_any(json, node, words);
    }
    words.bytes -= 2;
    if (!pawl_json_is(json, node, PAWL_JSON_ARRAY)) {
        return false;
    }
    for (uint32_t at = pawl_json_first(json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(json, at)) {
        if (!fits_any(json, at, words)) {
            return false;
        }
    }
    return true;
}

/* --- Objects -------------------------------------------------------------------------------- */

static const struct answer_field *find_field(struct pawl_slice shape, struct pawl_slice name)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        if (pawl_slice_equal_str(shape, fields[i].shape) &&
            pawl_slice_equal_str(name, fields[i].name)) {
            return &fields[i];
        }
    }
    return NULL;
}

/* remaining = allocated - spent - reserved - debt, wherever they are all there. */
static bool check_sums(const struct pawl_json *json, uint32_t node)
{
    static const char *const parts[] = {"spent.amount", "reserved.amount", "debt.amount"};
    int64_t left = 0;
    int64_t remaining = 0;
    if (!pawl_json_i64(json, pawl_json_path(json, node, "allocated.amount"), &left) ||
        !pawl_json_i64(json, pawl_json_path(json, node, "remaining.amount"), &remaining)) {
        return true;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(parts); i++) {
        int64_t part = 0;
        if (pawl_json_i64(json, pawl_json_path(json, node, parts[i]), &part)) {
            if (part < 0) {
                return fail("%s is negative", parts[i]);
            }
            left -= part;
        }
    }
    return left == remaining ||
           fail("%lld remain, by their parts %lld", (long long)remaining, (long long)left);
}

static bool check_shape(const struct pawl_json *json, uint32_t node, struct pawl_slice shape)
{
    for (uint32_t at = pawl_json_first(json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(json, at)) {
        struct pawl_slice name = pawl_json_string_raw(json, json->nodes[at].key);
        const struct answer_field *field = find_field(shape, name);
        if (field == NULL) {
            return fail("%.*s has no field %.*s", (int)shape.bytes, shape.data, (int)name.bytes,
                        name.data);
        }
        if (!fits(json, at, field->type)) {
            struct pawl_slice raw = pawl_json_raw(json, at);
            return why[0] == '\0' &&
                   fail("%s.%s is %.*s and not %s", field->shape, field->name,
                        (int)pawl_min_i64((int64_t)raw.bytes, 200), raw.data, field->type);
        }
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        if (fields[i].always && pawl_slice_equal_str(shape, fields[i].shape) &&
            pawl_json_get(json, node, fields[i].name) == PAWL_JSON_NONE) {
            return fail("%s has to have %s", fields[i].shape, fields[i].name);
        }
    }
    return check_sums(json, node);
}

/* --- Answers -------------------------------------------------------------------------------- */

bool answers_error_exists(int status, struct pawl_slice code)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(errors); i++) {
        if (errors[i].status == status && pawl_slice_equal_str(code, errors[i].code)) {
            return true;
        }
    }
    return false;
}

const char *answers_errors(const char *operation)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].operation, operation) == 0) {
            return answers[i].errors;
        }
    }
    return NULL;
}

static bool may_answer(const char *operation, int status, struct pawl_slice code)
{
    char wanted[64];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(common); i++) {
        if (common[i].status == status && pawl_slice_equal_str(code, common[i].code)) {
            return true;
        }
    }
    (void)snprintf(wanted, sizeof(wanted), "%d %.*s", status, (int)code.bytes, code.data);
    if (operation == NULL) {
        return strcmp(wanted, "404 NOT_FOUND") == 0 || strcmp(wanted, "405 INVALID_REQUEST") == 0;
    }
    struct pawl_slice rest = pawl_slice_str(answers_errors(operation));
    while (rest.bytes > 0) {
        if (pawl_slice_equal_str(pawl_slice_trim(pawl_slice_cut(&rest, ',')), wanted)) {
            return true;
        }
    }
    return false;
}

static bool check_error(const char *operation, int status, const struct pawl_json *json)
{
    struct pawl_slice code = pawl_json_string_raw(json, pawl_json_get(json, 0, "error"));
    if (!check_shape(json, 0, PAWL_SLICE("Error"))) {
        return false;
    }
    return (answers_error_exists(status, code) && may_answer(operation, status, code)) ||
           fail("%s answers %d %.*s, which its row does not name",
                operation != NULL ? operation : "no route", status, (int)code.bytes, code.data);
}

/* caps if and only if they bind, an id if and only if there is a hold. */
static bool check_decision(const struct pawl_json *json)
{
    uint32_t decision = pawl_json_get(json, 0, "decision");
    if (decision == PAWL_JSON_NONE) {
        return true;
    }
    bool caps = pawl_json_get(json, 0, "caps") != PAWL_JSON_NONE;
    bool denied = pawl_json_string_is(json, decision, "DENY");
    bool held = pawl_json_get(json, 0, "reservation_id") != PAWL_JSON_NONE;
    bool reason = pawl_json_get(json, 0, "reason_code") != PAWL_JSON_NONE;
    bool good = caps == pawl_json_string_is(json, decision, "ALLOW_WITH_CAPS") &&
                denied == reason && !(denied && held) &&
                held == (pawl_json_get(json, 0, "expires_at_ms") != PAWL_JSON_NONE) &&
                held == (pawl_json_get(json, 0, "remaining_ttl_ms") != PAWL_JSON_NONE);
    return good || fail("a decision does not agree with itself");
}

const char *answers_check(const char *operation, int status, const struct pawl_json *json)
{
    why[0] = '\0';
    for (size_t i = 0; operation != NULL && i < PAWL_ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].operation, operation) == 0 && answers[i].status == status) {
            if (json->count == 0) {
                return "no body";
            }
            bool good =
                check_shape(json, 0, pawl_slice_str(answers[i].shape)) && check_decision(json);
            return good ? NULL : why;
        }
    }
    if (json->count == 0 || status < 400) {
        (void)fail("%d without a row or without a body", status);
        return why;
    }
    return check_error(operation, status, json) ? NULL : why;
}
