/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_encode.c: commands to bytes, after the tables of docs/JOURNAL.md. It measures first and
 * then fills exactly that much room, so that the hot path has one capacity check an operation
 * instead of one a field.
 *
 * Invariant (J8): there is one form of each command. A part is written exactly when it says
 * something.
 *
 * Failure: the input is our own, so what pawl_codec_command_fits refuses is a bug here. A buffer
 * that is full or has no memory gets its sticky flag.
 */
#include <string.h>

#include "base/assert.h"
#include "core/codec.h"
#include "core/codec_fields.h"
#include "core/codec_priv.h"

static uint32_t load_u32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t load_u64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static const struct pawl_tz_transition *load_transitions(const void *at)
{
    const struct pawl_tz_transition *transitions;
    memcpy(&transitions, at, sizeof(transitions));
    return transitions;
}

/* --- Measuring: the exact size, or that it does not fit. -------------------------------------- */

struct measure {
    size_t bytes;
    bool too_long;
};

static void measure_text(struct measure *measure, struct pawl_slice text, size_t bytes_max)
{
    measure->too_long = measure->too_long || text.bytes > bytes_max;
    measure->bytes += 2 + text.bytes;
}

/* A text which is only there when it is not empty. */
static void measure_part(struct measure *measure, struct pawl_slice text, size_t bytes_max)
{
    if (text.bytes > 0) {
        measure_text(measure, text, bytes_max);
    }
}

static void measure_dimension(struct measure *measure, const struct pawl_dimension *dimension)
{
    measure_text(measure, dimension->name, PAWL_NAME_BYTES_MAX);
    measure_text(measure, dimension->value, PAWL_VALUE_BYTES_MAX);
}

static void measure_subject(struct measure *measure, const struct pawl_subject *subject)
{
    measure->bytes += 2;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        measure_part(measure, subject->levels[i], PAWL_NAME_BYTES_MAX);
    }
    measure_part(measure, subject->session, PAWL_NAME_BYTES_MAX);
    if (subject->dimension_count > PAWL_DIMENSIONS_MAX) {
        measure->too_long = true;
        return;
    }
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        measure_dimension(measure, &subject->dimensions[i]);
    }
}

static void measure_scope(struct measure *measure, const struct pawl_scope_name *scope)
{
    measure->bytes += 1;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        measure_part(measure, scope->levels[i], PAWL_NAME_BYTES_MAX);
    }
    if (dimension_given(&scope->dimension)) {
        measure_dimension(measure, &scope->dimension);
    }
    measure_part(measure, scope->session, PAWL_NAME_BYTES_MAX);
}

static void measure_list(struct measure *measure, uint32_t count, uint32_t max, size_t bytes_each)
{
    measure->too_long = measure->too_long || count > max;
    measure->bytes += measure->too_long ? 0 : count * bytes_each;
}

static void measure_caps(struct measure *measure, uint32_t count, const void *array)
{
    const struct pawl_session_cap *caps = array;
    measure->bytes += 1;
    measure_list(measure, count, PAWL_SESSION_CAPS_MAX, AMOUNT_BYTES);
    for (uint32_t i = 0; i < count && !measure->too_long; i++) {
        measure_text(measure, caps[i].phase, PAWL_NAME_BYTES_MAX);
    }
}

static void measure_field(struct measure *measure, const char *command, const struct field *field)
{
    const void *at = command + field->offset;
    const void *array = command + field->array;
    switch ((enum field_kind)field->kind) {
    case FIELD_U8:
    case FIELD_BOOL:
        measure->bytes += 1;
        return;
    case FIELD_U16:
        measure->bytes += 2;
        return;
    case FIELD_U32:
    case FIELD_I32:
        measure->bytes += 4;
        return;
    case FIELD_U64:
    case FIELD_I64:
        measure->bytes += 8;
        return;
    case FIELD_NAME:
        measure_text(measure, *(const struct pawl_slice *)at, PAWL_NAME_BYTES_MAX);
        return;
    case FIELD_BODY:
        measure_text(measure, *(const struct pawl_slice *)at, PAWL_DOCUMENT_BYTES_MAX);
        return;
    case FIELD_SUBJECT:
        measure_subject(measure, at);
        return;
    case FIELD_SCOPE:
        measure_scope(measure, at);
        return;
    case FIELD_WINDOW:
        measure->bytes += WINDOW_BYTES;
        return;
    case FIELD_LINES:
        measure->bytes += 1;
        measure_list(measure, load_u32(at), PAWL_LINES_MAX, AMOUNT_BYTES);
        return;
    case FIELD_CAPS:
        measure_caps(measure, load_u32(at), array);
        return;
    case FIELD_TRANSITIONS:
        measure->bytes += 4;
        measure_list(measure, load_u32(at), PAWL_TZ_TRANSITIONS_MAX, TRANSITION_BYTES);
        return;
    case FIELD_THROTTLE:
        measure->bytes += throttle_given(load_u64(at), load_u32(array)) ? 1 + THROTTLE_BYTES : 1;
        return;
    case FIELD_END:
        break;
    }
    PAWL_UNREACHABLE();
}

static struct measure measure_command(const struct pawl_command *command)
{
    struct measure measure = {.bytes = 2 + 1};
    if (command->type == 0 || command->type >= PAWL_COMMAND_TYPE_END) {
        measure.too_long = true;
        return measure;
    }
    measure_part(&measure, command->idempotency_key, PAWL_KEY_BYTES_MAX);
    measure.bytes += hash_given(command) ? 16 : 0;
    measure_part(&measure, command->metadata, PAWL_METADATA_BYTES_MAX);
    for (const struct field *field = pawl_codec_payloads[command->type]; field->kind != FIELD_END;
         field++) {
        measure_field(&measure, (const char *)command, field);
    }
    return measure;
}

bool pawl_codec_command_fits(const struct pawl_command *command)
{
    return !measure_command(command).too_long;
}

/* --- Writing into room that was measured. ----------------------------------------------------- */

static uint8_t level_parts(const struct pawl_slice *levels)
{
    unsigned parts = 0;
    for (unsigned i = 0; i < PAWL_LEVEL_COUNT; i++) {
        parts |= levels[i].bytes > 0 ? 1U << i : 0U;
    }
    return (uint8_t)parts;
}

static void put_dimension(struct writer *writer, const struct pawl_dimension *dimension)
{
    put_text(writer, dimension->name);
    put_text(writer, dimension->value);
}

static void put_subject(struct writer *writer, const struct pawl_subject *subject)
{
    unsigned session = subject->session.bytes > 0 ? PART_SUBJECT_SESSION : 0;
    put_u8(writer, (uint8_t)(level_parts(subject->levels) | session));
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        put_part(writer, subject->levels[i]);
    }
    put_part(writer, subject->session);
    put_u8(writer, (uint8_t)subject->dimension_count);
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        put_dimension(writer, &subject->dimensions[i]);
    }
}

static void put_scope(struct writer *writer, const struct pawl_scope_name *scope)
{
    bool dimension = dimension_given(&scope->dimension);
    unsigned parts = level_parts(scope->levels);
    parts |= dimension ? PART_DIMENSION : 0U;
    parts |= scope->session.bytes > 0 ? PART_SESSION : 0U;
    put_u8(writer, (uint8_t)parts);
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        put_part(writer, scope->levels[i]);
    }
    if (dimension) {
        put_dimension(writer, &scope->dimension);
    }
    put_part(writer, scope->session);
}

static void put_window(struct writer *writer, const struct pawl_window *window)
{
    put_u8(writer, window->kind);
    put_u8(writer, window->period);
    put_u8(writer, window->week_start);
    put_u16(writer, window->tz);
    put_i64(writer, window->length_us);
}

static void put_amounts(struct writer *writer, uint32_t count, const struct pawl_amount *amounts)
{
    put_u8(writer, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_u16(writer, amounts[i].unit);
        put_i64(writer, amounts[i].value);
    }
}

static void put_caps(struct writer *writer, uint32_t count, const struct pawl_session_cap *caps)
{
    put_u8(writer, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_text(writer, caps[i].phase);
        put_u16(writer, caps[i].unit);
        put_i64(writer, caps[i].amount);
    }
}

static void
put_transitions(struct writer *writer, uint32_t count, const struct pawl_tz_transition *transitions)
{
    put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        put_i64(writer, transitions[i].at_s);
        put_u32(writer, (uint32_t)transitions[i].offset_s);
    }
}

static void put_throttle(struct writer *writer, uint64_t document, uint32_t per_minute)
{
    bool given = throttle_given(document, per_minute);
    put_u8(writer, given ? 1 : 0);
    if (given) {
        put_u64(writer, document);
        put_u32(writer, per_minute);
    }
}

static void put_field(struct writer *writer, const char *command, const struct field *field)
{
    const void *at = command + field->offset;
    const void *array = command + field->array;
    switch ((enum field_kind)field->kind) {
    case FIELD_U8:
        put_u8(writer, *(const uint8_t *)at);
        return;
    case FIELD_BOOL:
        put_u8(writer, *(const bool *)at ? 1 : 0);
        return;
    case FIELD_U16:
        put_u16(writer, *(const uint16_t *)at);
        return;
    case FIELD_U32:
        put_u32(writer, *(const uint32_t *)at);
        return;
    case FIELD_I32:
        put_u32(writer, (uint32_t) * (const int32_t *)at);
        return;
    case FIELD_U64:
        put_u64(writer, *(const uint64_t *)at);
        return;
    case FIELD_I64:
        put_i64(writer, *(const int64_t *)at);
        return;
    case FIELD_NAME:
    case FIELD_BODY:
        put_text(writer, *(const struct pawl_slice *)at);
        return;
    case FIELD_SUBJECT:
        put_subject(writer, at);
        return;
    case FIELD_SCOPE:
        put_scope(writer, at);
        return;
    case FIELD_WINDOW:
        put_window(writer, at);
        return;
    case FIELD_LINES:
        put_amounts(writer, load_u32(at), array);
        return;
    case FIELD_CAPS:
        put_caps(writer, load_u32(at), array);
        return;
    case FIELD_TRANSITIONS:
        put_transitions(writer, load_u32(at), load_transitions(array));
        return;
    case FIELD_THROTTLE:
        put_throttle(writer, load_u64(at), load_u32(array));
        return;
    case FIELD_END:
        break;
    }
    PAWL_UNREACHABLE();
}

void pawl_codec_encode_command(struct pawl_buf *out, const struct pawl_command *command)
{
    struct measure measure = measure_command(command);
    PAWL_ASSERT(!measure.too_long);
    struct writer writer;
    if (!writer_begin(&writer, out, measure.bytes)) {
        return;
    }
    bool hash = hash_given(command);
    unsigned parts = command->idempotency_key.bytes > 0 ? PART_KEY : 0;
    parts |= hash ? PART_HASH : 0U;
    parts |= command->metadata.bytes > 0 ? PART_METADATA : 0U;
    put_u16(&writer, command->type);
    put_u8(&writer, (uint8_t)parts);
    put_part(&writer, command->idempotency_key);
    if (hash) {
        put_u64(&writer, command->payload_hash[0]);
        put_u64(&writer, command->payload_hash[1]);
    }
    put_part(&writer, command->metadata);
    for (const struct field *field = pawl_codec_payloads[command->type]; field->kind != FIELD_END;
         field++) {
        put_field(&writer, (const char *)command, field);
    }
    writer_end(&writer, out, measure.bytes);
}
