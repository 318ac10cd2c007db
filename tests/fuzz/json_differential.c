/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_differential.c: the comparison. jansson is the oracle because it is the one common
 * reader that refuses duplicate keys by itself. What may differ, and only this:
 *
 *   FORWARD takes, jansson refuses   lone surrogates in escapes; numbers that fit neither its
 *                                    int64 nor its double; NUL in a key.
 *   FORWARD refuses, jansson takes   depth beyond our limit; a NUL byte right behind a number or
 *                                    a word, which jansson 2.14 loses when it puts it back.
 *   LEDGER takes, jansson refuses    nothing.
 *   LEDGER refuses, jansson takes    the same; numbers that are no plain integers within 2^53-1.
 *
 * Each excuse is checked against the text by code that shares nothing with the reader. Where
 * both take a text, the values must be equal, and what our writer makes of it must be equal
 * again in jansson's eyes.
 */
#include "json_differential.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/json.h"

enum { ARENA_BYTES_MAX = 1 << 28, DEPTH_MAX = 100 };

static const struct pawl_json_limits limits = {.depth_max = DEPTH_MAX, .nodes_max = 2000000};

/* --- Proofs that an excuse holds. ------------------------------------------------------------- */

/* The deepest nesting, strings left out. Right for any text that is valid JSON. */
static unsigned nesting_of(struct pawl_slice text)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (in_string) {
            i += byte == '\\';
            in_string = byte != '"';
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '[' || byte == '{') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if (byte == ']' || byte == '}') {
            depth--;
        }
    }
    return deepest;
}

/* The code unit of "\uXXXX" at `at`, or -1 when there is no such escape. */
static long unit_at(struct pawl_slice text, size_t at)
{
    struct pawl_slice escape = pawl_slice_sub(text, at, 6);
    if (escape.bytes < 6 || !pawl_slice_starts_with(escape, PAWL_SLICE("\\u"))) {
        return -1;
    }
    char digits[5];
    (void)pawl_slice_copy_str(pawl_slice_sub(escape, 2, 4), digits, sizeof(digits));
    return strtol(digits, NULL, 16);
}

static bool is_between(long value, long low, long high)
{
    return value >= low && value <= high;
}

static bool has_lone_surrogate(struct pawl_slice text)
{
    size_t at = 0;
    while (at < text.bytes) {
        long unit = unit_at(text, at);
        if (is_between(unit, 0xd800, 0xdbff) && is_between(unit_at(text, at + 6), 0xdc00, 0xdfff)) {
            at += 12;
        } else if (is_between(unit, 0xd800, 0xdfff)) {
            return true;
        } else if (unit >= 0) {
            at += 6;
        } else {
            at += text.data[at] == '\\' ? 2 : 1;
        }
    }
    return false;
}

/* Whether some number has many digits or an exponent, without which jansson cannot overflow. */
static bool has_large_number(const struct pawl_json *json)
{
    for (uint32_t i = 0; i < json->count; i++) {
        struct pawl_slice raw = pawl_json_raw(json, i);
        if (pawl_json_is(json, i, PAWL_JSON_NUMBER) &&
            (raw.bytes >= 19 || pawl_slice_find_byte(raw, 'e') != SIZE_MAX ||
             pawl_slice_find_byte(raw, 'E') != SIZE_MAX)) {
            return true;
        }
    }
    return false;
}

/* Whether the number that begins at `offset` is one that LEDGER takes, by printing it again. */
static bool is_plain_integer(struct pawl_slice text, uint64_t offset)
{
    struct pawl_slice number = pawl_slice_sub(text, (size_t)offset, SIZE_MAX);
    size_t bytes = 0;
    while (bytes < number.bytes && strchr("+-.0123456789eE", number.data[bytes]) != NULL &&
           number.data[bytes] != '\0') {
        bytes++;
    }
    char digits[32];
    char again[32];
    if (!pawl_slice_copy_str(pawl_slice_sub(number, 0, bytes), digits, sizeof(digits))) {
        return false;
    }
    long long value = strtoll(digits, NULL, 10);
    snprintf(again, sizeof(again), "%lld", value);
    return strcmp(digits, again) == 0 && value >= -9007199254740991 && value <= 9007199254740991;
}

/* Whether the byte at `offset` is a NUL that ends a number or a word. */
static bool is_lost_nul(struct pawl_slice text, uint64_t offset)
{
    struct pawl_slice around = pawl_slice_sub(text, (size_t)offset - (offset > 0), 2);
    return around.bytes == 2 && around.data[1] == '\0' &&
           strchr("0123456789aelrstufn", around.data[0]) != NULL;
}

/* --- Comparison of documents that both took. -------------------------------------------------- */

static void compare_number(const struct pawl_json *json, uint32_t node, const json_t *theirs)
{
    struct pawl_slice raw = pawl_json_raw(json, node);
    int64_t value = 0;
    if (pawl_json_i64(json, node, &value)) {
        PAWL_ASSERT(json_is_integer(theirs));
        PAWL_ASSERT(json_integer_value(theirs) == value);
    } else if (pawl_slice_equal_str(raw, "-0")) {
        PAWL_ASSERT(json_is_integer(theirs) && json_integer_value(theirs) == 0);
    } else {
        PAWL_ASSERT(json_is_real(theirs));
    }
}

static void compare_scalar(const struct pawl_json *json,
                           uint32_t node,
                           const json_t *theirs,
                           struct pawl_arena *arena)
{
    switch (pawl_json_type(json, node)) {
    case PAWL_JSON_NULL:
        PAWL_ASSERT(json_is_null(theirs));
        break;
    case PAWL_JSON_FALSE:
        PAWL_ASSERT(json_is_false(theirs));
        break;
    case PAWL_JSON_TRUE:
        PAWL_ASSERT(json_is_true(theirs));
        break;
    case PAWL_JSON_NUMBER:
        compare_number(json, node, theirs);
        break;
    case PAWL_JSON_STRING: {
        PAWL_ASSERT(json_is_string(theirs));
        struct pawl_slice text =
            pawl_slice_of(json_string_value(theirs), json_string_length(theirs));
        PAWL_ASSERT(pawl_slice_equal(pawl_json_string(json, node, arena), text));
        break;
    }
    case PAWL_JSON_ARRAY:
        PAWL_ASSERT(json_is_array(theirs));
        PAWL_ASSERT(json_array_size(theirs) == json->nodes[node].count);
        break;
    case PAWL_JSON_OBJECT:
        PAWL_ASSERT(json_is_object(theirs));
        PAWL_ASSERT(json_object_size(theirs) <= json->nodes[node].count);
        break;
    }
}

/* A member's counterpart, looked up on both sides by its decoded key. NULL where the object has
 * duplicates: which of the two jansson kept is no concern of ours. */
static const json_t *member_counterpart(const struct pawl_json *json,
                                        uint32_t object,
                                        uint32_t member,
                                        const json_t *theirs,
                                        struct pawl_arena *arena)
{
    struct pawl_slice key = pawl_json_string(json, json->nodes[member].key, arena);
    const json_t *value = json_object_getn(theirs, key.bytes > 0 ? key.data : "", key.bytes);
    PAWL_ASSERT(value != NULL);
    bool unique = json_object_size(theirs) == json->nodes[object].count;
    /* A look-up walks the object, so only small ones are asked for every key. */
    if (json->nodes[object].count <= 64) {
        char text[256];
        bool duplicate = false;
        bool whole = pawl_slice_copy_str(key, text, sizeof(text));
        uint32_t found = pawl_json_get_checked(json, object, text, &duplicate);
        if (whole && strlen(text) == key.bytes) {
            PAWL_ASSERT(found == (duplicate ? PAWL_JSON_NONE : member));
            PAWL_ASSERT(!duplicate || !unique);
        }
    }
    return unique ? value : NULL;
}

static void
compare_values(const struct pawl_json *json, const json_t *root, struct pawl_arena *arena)
{
    const json_t **theirs = calloc(json->count, sizeof(const json_t *));
    PAWL_ASSERT(theirs != NULL);
    theirs[0] = root;
    for (uint32_t i = 0; i < json->count; i++) {
        if (theirs[i] == NULL) {
            continue; /* a key, or below an object with duplicates */
        }
        compare_scalar(json, i, theirs[i], arena);
        size_t index = 0;
        for (uint32_t child = pawl_json_first(json, i); child != PAWL_JSON_NONE;
             child = pawl_json_next(json, child)) {
            theirs[child] = pawl_json_is(json, i, PAWL_JSON_ARRAY)
                                ? json_array_get(theirs[i], index)
                                : member_counterpart(json, i, child, theirs[i], arena);
            index++;
        }
        PAWL_ASSERT(index == json->nodes[i].count);
    }
    free(theirs);
}

/* --- The writer. ------------------------------------------------------------------------------ */

static void write_value(struct pawl_json_writer *writer,
                        const struct pawl_json *json,
                        uint32_t node,
                        struct pawl_arena *arena)
{
    int64_t value = 0;
    switch (pawl_json_type(json, node)) {
    case PAWL_JSON_NULL:
        pawl_json_put_null(writer);
        break;
    case PAWL_JSON_FALSE:
    case PAWL_JSON_TRUE:
        pawl_json_put_bool(writer, pawl_json_bool_or(json, node, false));
        break;
    case PAWL_JSON_NUMBER:
        PAWL_ASSERT(pawl_json_i64(json, node, &value));
        pawl_json_put_i64(writer, value);
        break;
    case PAWL_JSON_STRING:
        pawl_json_put_string(writer, pawl_json_string(json, node, arena));
        break;
    case PAWL_JSON_ARRAY:
        pawl_json_array_begin(writer);
        break;
    case PAWL_JSON_OBJECT:
        pawl_json_object_begin(writer);
        break;
    }
}

static bool is_container(const struct pawl_json *json, uint32_t node)
{
    return pawl_json_is(json, node, PAWL_JSON_ARRAY) || pawl_json_is(json, node, PAWL_JSON_OBJECT);
}

/* Writes the document again, node by node in their order. */
static void
write_document(struct pawl_buf *out, const struct pawl_json *json, struct pawl_arena *arena)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    uint32_t open[DEPTH_MAX]; /* the containers around the current node */
    uint32_t left[DEPTH_MAX]; /* how many of their children are still to come */
    size_t depth = 0;
    for (uint32_t i = 0; i < json->count; i++) {
        if (i + 1 < json->count && json->nodes[i + 1].key == i) {
            pawl_json_key_slice(&writer, pawl_json_string(json, i, arena));
            continue;
        }
        write_value(&writer, json, i, arena);
        if (depth > 0) {
            left[depth - 1]--;
        }
        if (is_container(json, i)) {
            open[depth] = i;
            left[depth++] = json->nodes[i].count;
        }
        for (; depth > 0 && left[depth - 1] == 0; depth--) {
            if (pawl_json_is(json, open[depth - 1], PAWL_JSON_OBJECT)) {
                pawl_json_object_end(&writer);
            } else {
                pawl_json_array_end(&writer);
            }
        }
    }
    PAWL_ASSERT(depth == 0 && writer.depth == 0);
}

static void
check_writer(const struct pawl_json *json, const json_t *theirs, struct pawl_arena *arena)
{
    struct pawl_buf out;
    pawl_buf_init(&out, ARENA_BYTES_MAX);
    write_document(&out, json, arena);
    PAWL_ASSERT(!out.overflowed);
    json_error_t error;
    json_t *again =
        json_loadb(out.data, out.bytes, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    PAWL_ASSERT(again != NULL);
    PAWL_ASSERT(json_equal(again, theirs));
    json_decref(again);
    pawl_buf_free(&out);
}

/* --- The two profiles. ------------------------------------------------------------------------ */

static bool
check_forward(struct pawl_slice text, const struct pawl_json *json, struct pawl_arena *arena)
{
    bool fine = json->error == PAWL_JSON_FINE;
    json_error_t error;
    json_t *theirs = json_loadb(text.bytes > 0 ? text.data : "", text.bytes,
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool jansson_fine = theirs != NULL;
    if (fine && jansson_fine) {
        compare_values(json, theirs, arena);
    } else if (fine) {
        enum json_error_code code = json_error_code(&error);
        bool excused = strstr(error.text, "Unicode") != NULL && has_lone_surrogate(text);
        if (code == json_error_numeric_overflow) {
            excused = has_large_number(json);
        } else if (code == json_error_null_byte_in_key) {
            excused = pawl_slice_find(text, PAWL_SLICE("\\u0000")) != SIZE_MAX;
        }
        PAWL_ASSERT(excused);
    } else if (jansson_fine) {
        bool depth = json->error == PAWL_JSON_DEPTH && nesting_of(text) > DEPTH_MAX;
        PAWL_ASSERT(depth || is_lost_nul(text, json->error_offset));
    }
    json_decref(theirs);
    return jansson_fine;
}

static void
check_ledger(struct pawl_slice text, const struct pawl_json *json, struct pawl_arena *arena)
{
    bool fine = json->error == PAWL_JSON_FINE;
    json_error_t error;
    json_t *theirs = json_loadb(text.bytes > 0 ? text.data : "", text.bytes,
                                JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (fine) {
        PAWL_ASSERT(theirs != NULL);
        compare_values(json, theirs, arena);
        check_writer(json, theirs, arena);
    } else if (theirs != NULL) {
        bool number = json->error == PAWL_JSON_NOT_INTEGER || json->error == PAWL_JSON_RANGE;
        bool depth = json->error == PAWL_JSON_DEPTH && nesting_of(text) > DEPTH_MAX;
        PAWL_ASSERT(number || depth || is_lost_nul(text, json->error_offset));
        PAWL_ASSERT(!number || !is_plain_integer(text, json->error_offset));
    } else if (json->error == PAWL_JSON_DUPLICATE) {
        PAWL_ASSERT(json_error_code(&error) == json_error_duplicate_key);
    }
    json_decref(theirs);
}

/* --- The outline. ----------------------------------------------------------------------------- */

static void compare_parts(const struct pawl_json *json, const struct pawl_json_outline *outline)
{
    uint32_t at = pawl_json_first(json, 0);
    PAWL_ASSERT(outline->count == json->nodes[0].count);
    for (uint32_t i = 0; i < outline->count; i++, at = pawl_json_next(json, at)) {
        const struct pawl_json_part *part = &outline->parts[i];
        struct pawl_slice key = pawl_json_raw(json, json->nodes[at].key);
        struct pawl_slice value = pawl_json_raw(json, at);
        PAWL_ASSERT(part->key.data == key.data && part->key.bytes == key.bytes);
        PAWL_ASSERT(part->value.data == value.data && part->value.bytes == value.bytes);
        PAWL_ASSERT(part->depth == nesting_of(value));
    }
}

/* What the reader says of an object says the outline, too; but of depth and equal keys nothing. */
static void check_outline(struct pawl_slice text,
                          enum pawl_json_profile profile,
                          const struct pawl_json *json,
                          struct pawl_arena *arena)
{
    struct pawl_json_outline outline;
    bool fine = pawl_json_outline(arena, text, profile, &outline);
    size_t space = 0;
    while (space < text.bytes && strchr(" \t\r\n", text.data[space]) != NULL &&
           text.data[space] != '\0') {
        space++;
    }
    PAWL_ASSERT(fine == (outline.error == PAWL_JSON_FINE));
    if (space == text.bytes || text.data[space] != '{') {
        PAWL_ASSERT(!fine && outline.error_offset == space);
    } else if (outline.error == PAWL_JSON_TOO_MANY_NODES) {
        PAWL_ASSERT(outline.count == PAWL_JSON_PARTS_MAX);
    } else if (json->error == PAWL_JSON_FINE) {
        PAWL_ASSERT(fine);
        compare_parts(json, &outline);
    } else if (json->error == PAWL_JSON_DUPLICATE) {
        PAWL_ASSERT(fine);
    } else if (json->error == PAWL_JSON_DEPTH) {
        PAWL_ASSERT(fine || outline.error_offset > json->error_offset);
    } else {
        PAWL_ASSERT(outline.error == json->error && outline.error_offset == json->error_offset);
    }
}

struct json_verdict json_differential(struct pawl_slice text)
{
    struct pawl_arena arena;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    struct pawl_json forward;
    struct pawl_json ledger;
    struct json_verdict verdict = {
        .forward_fine = pawl_json_parse(&arena, text, PAWL_JSON_FORWARD, limits, &forward),
        .ledger_fine = pawl_json_parse(&arena, text, PAWL_JSON_LEDGER, limits, &ledger),
    };
    PAWL_ASSERT(verdict.forward_fine || !verdict.ledger_fine);
    verdict.jansson_fine = check_forward(text, &forward, &arena);
    check_ledger(text, &ledger, &arena);
    check_outline(text, PAWL_JSON_FORWARD, &forward, &arena);
    check_outline(text, PAWL_JSON_LEDGER, &ledger, &arena);
    PAWL_ASSERT(!arena.overflowed);
    pawl_arena_free(&arena);
    return verdict;
}
