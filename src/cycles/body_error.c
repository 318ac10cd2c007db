/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_error.c: what a field takes, in words, beside what came. Written for whoever reads the log
 * of a client: the path, the limit, the value.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/nearest.h"
#include "cycles/body.h"
#include "cycles/cycles_priv.h"

enum { RECEIVED_BYTES_MAX = 64, WORDS_BYTES_MAX = 512, DETAILS_BYTES_MAX = 4096 };

size_t pawl_text_length(struct pawl_slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        length += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    }
    return length;
}

int64_t pawl_field_word(const struct pawl_field *field, struct pawl_slice text)
{
    for (int64_t i = 0; field->words[i] != NULL; i++) {
        if (pawl_slice_equal_str(text, field->words[i])) {
            return i;
        }
    }
    return -1;
}

static void say_words(const struct pawl_field *field, struct pawl_buf *out)
{
    pawl_buf_append_str(out, "one of ");
    for (size_t i = 0; field->words[i] != NULL; i++) {
        pawl_buf_printf(out, "%s%s", i > 0 ? ", " : "", field->words[i]);
    }
}

/* " of at most 128 characters", " of 1 to 256 characters" */
static void say_count(int64_t min, int64_t max, const char *what, struct pawl_buf *out)
{
    if (max > 0 && min > 0) {
        pawl_buf_printf(out, " of %lld to %lld %s", (long long)min, (long long)max, what);
    } else if (max > 0) {
        pawl_buf_printf(out, " of at most %lld %s", (long long)max, what);
    } else if (min > 0) {
        pawl_buf_printf(out, " of at least %lld %s", (long long)min, what);
    }
}

void pawl_field_say(const struct pawl_field *field, struct pawl_buf *out)
{
    switch (field->type) {
    case PAWL_FIELD_STRING:
        pawl_buf_append_str(out, field->time ? "a time (RFC 3339)" : "a string");
        say_count(field->min, field->max, "characters", out);
        return;
    case PAWL_FIELD_INTEGER:
        pawl_buf_printf(out, "an integer from %lld to %lld", (long long)field->min,
                        (long long)field->max);
        return;
    case PAWL_FIELD_BOOL:
        pawl_buf_append_str(out, "true or false");
        return;
    case PAWL_FIELD_WORD:
        say_words(field, out);
        return;
    case PAWL_FIELD_STRINGS:
        pawl_buf_append_str(out, "a list");
        say_count(field->min, field->max, "strings", out);
        say_count(0, field->item_max, "characters each", out);
        return;
    case PAWL_FIELD_MAP:
        pawl_buf_append_str(out, "an object");
        say_count(0, field->max, "members", out);
        pawl_buf_append_str(out, ", all strings");
        say_count(0, field->item_max, "characters", out);
        return;
    default:
        pawl_buf_append_str(out, "an object");
        say_count(0, field->max, "bytes", out);
        return;
    }
}

/* Cut at a character's beginning, so that what is left is still UTF-8. */
static struct pawl_slice cut(struct pawl_slice text)
{
    size_t bytes = text.bytes < RECEIVED_BYTES_MAX ? text.bytes : RECEIVED_BYTES_MAX;
    while (bytes > 0 && bytes < text.bytes && ((unsigned char)text.data[bytes] & 0xc0) == 0x80) {
        bytes--;
    }
    return pawl_slice_of(text.data, bytes);
}

/* {"field":…,"must_be":…,"received":…}, of the arena; empty without memory. */
static struct pawl_slice
details_of(struct pawl_call *call, const char *path, const char *wanted, struct pawl_slice received)
{
    struct pawl_json_writer writer;
    struct pawl_buf out;
    pawl_buf_init(&out, DETAILS_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "field", path);
    if (wanted != NULL) {
        pawl_json_member_str(&writer, "must_be", wanted);
    }
    if (received.bytes > 0) {
        pawl_json_member_string(&writer, "received", received);
    }
    pawl_json_object_end(&writer);
    struct pawl_slice details =
        out.overflowed ? PAWL_SLICE_NONE : pawl_arena_copy(call->arena, pawl_buf_slice(&out));
    pawl_buf_free(&out);
    return details;
}

void pawl_field_refuse(struct pawl_call *call,
                       const char *path,
                       const struct pawl_field *field,
                       struct pawl_slice received)
{
    struct pawl_buf wanted;
    struct pawl_slice shown = cut(received);
    pawl_buf_init(&wanted, WORDS_BYTES_MAX);
    pawl_field_say(field, &wanted);
    const char *words = pawl_buf_cstr(&wanted);
    words = words != NULL ? words : "another value";
    struct pawl_slice details = details_of(call, path, words, shown);
    if (shown.data == NULL) {
        pawl_call_refuse_with(call, PAWL_ERROR_INVALID_REQUEST, details,
                              "%s is missing; it must be %s", path, words);
    } else {
        pawl_call_refuse_with(call, PAWL_ERROR_INVALID_REQUEST, details,
                              "%s is %.*s%s; it must be %s", path, (int)shown.bytes, shown.data,
                              shown.bytes < received.bytes ? "…" : "", words);
    }
    pawl_buf_free(&wanted);
}

void pawl_body_refuse(struct pawl_call *call, const char *field, const char *format, ...)
{
    char message[1024];
    va_list args;
    if (!pawl_call_has_memory(call)) {
        return; /* what was looked at was no longer what the body says */
    }
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    pawl_call_refuse_with(call, PAWL_ERROR_INVALID_REQUEST,
                          details_of(call, field, NULL, PAWL_SLICE_NONE), "%s: %s", field, message);
}
