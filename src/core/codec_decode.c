/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_decode.c: commands from bytes that nobody vouches for.
 *
 * Invariant (J8): what is accepted is the one form of its command. A present part that is empty, an
 * unknown bit, a bool that is neither 0 nor 1, a text or list beyond its maximum are refused.
 * Values that the ledger judges (states, kinds, amounts) pass as they are, because a refused
 * command is in the journal too.
 *
 * Failure: false, and the output is of no use. Ownership: texts borrow from the bytes, lists from
 * the scratch.
 */
#include "base/assert.h"
#include "core/codec.h"
#include "core/codec_fields.h"
#include "core/codec_priv.h"

static void take_dimension(struct reader *reader, struct pawl_dimension *ret_dimension)
{
    ret_dimension->name = take_text(reader, PAWL_NAME_BYTES_MAX);
    ret_dimension->value = take_text(reader, PAWL_VALUE_BYTES_MAX);
}

static void take_subject(struct reader *reader, struct pawl_subject *ret_subject)
{
    unsigned parts = take_u8(reader);
    reader->bad = reader->bad || (parts & ~(unsigned)(PART_LEVELS | PART_SUBJECT_SESSION)) != 0;
    for (unsigned i = 0; i < PAWL_LEVEL_COUNT; i++) {
        ret_subject->levels[i] = take_part(reader, parts & (1U << i), PAWL_NAME_BYTES_MAX);
    }
    ret_subject->session = take_part(reader, parts & PART_SUBJECT_SESSION, PAWL_NAME_BYTES_MAX);
    ret_subject->dimension_count = take_count(reader, 1, PAWL_DIMENSIONS_MAX);
    for (uint32_t i = 0; i < ret_subject->dimension_count; i++) {
        take_dimension(reader, &ret_subject->dimensions[i]);
    }
}

static void take_scope(struct reader *reader, struct pawl_scope_name *ret_scope)
{
    unsigned parts = take_u8(reader);
    for (unsigned i = 0; i < PAWL_LEVEL_COUNT; i++) {
        ret_scope->levels[i] = take_part(reader, parts & (1U << i), PAWL_NAME_BYTES_MAX);
    }
    if ((parts & PART_DIMENSION) != 0) {
        take_dimension(reader, &ret_scope->dimension);
        reader->bad = reader->bad || !dimension_given(&ret_scope->dimension);
    }
    ret_scope->session = take_part(reader, parts & PART_SESSION, PAWL_NAME_BYTES_MAX);
}

static void take_window(struct reader *reader, struct pawl_window *ret_window)
{
    ret_window->kind = take_u8(reader);
    ret_window->period = take_u8(reader);
    ret_window->week_start = take_u8(reader);
    ret_window->tz = take_u16(reader);
    ret_window->length_us = take_i64(reader);
}

static uint32_t take_amounts(struct reader *reader, struct pawl_amount *ret_amounts)
{
    uint32_t count = take_count(reader, 1, PAWL_LINES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        ret_amounts[i].unit = take_u16(reader);
        ret_amounts[i].value = take_i64(reader);
    }
    return count;
}

static uint32_t take_caps(struct reader *reader, struct pawl_session_cap *ret_caps)
{
    uint32_t count = take_count(reader, 1, PAWL_SESSION_CAPS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        ret_caps[i].phase = take_text(reader, PAWL_NAME_BYTES_MAX);
        ret_caps[i].unit = take_u16(reader);
        ret_caps[i].amount = take_i64(reader);
    }
    return count;
}

static uint32_t take_transitions(struct reader *reader, struct pawl_tz_transition *ret_transitions)
{
    uint32_t count = take_count(reader, 4, PAWL_TZ_TRANSITIONS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        ret_transitions[i].at_s = take_i64(reader);
        ret_transitions[i].offset_s = (int32_t)(uint32_t)take(reader, 4);
    }
    return count;
}

static void take_throttle(struct reader *reader, uint64_t *ret_document, uint32_t *ret_per_minute)
{
    if (take_bool(reader)) {
        *ret_document = take(reader, 8);
        *ret_per_minute = (uint32_t)take(reader, 4);
        reader->bad = reader->bad || !throttle_given(*ret_document, *ret_per_minute);
    }
}

static void take_field(struct reader *reader,
                       char *command,
                       const struct field *field,
                       struct pawl_codec_scratch *scratch)
{
    void *at = command + field->offset;
    void *array = command + field->array;
    switch ((enum field_kind)field->kind) {
    case FIELD_U8:
        *(uint8_t *)at = take_u8(reader);
        return;
    case FIELD_BOOL:
        *(bool *)at = take_bool(reader);
        return;
    case FIELD_U16:
        *(uint16_t *)at = take_u16(reader);
        return;
    case FIELD_U32:
        *(uint32_t *)at = (uint32_t)take(reader, 4);
        return;
    case FIELD_I32:
        *(int32_t *)at = (int32_t)(uint32_t)take(reader, 4);
        return;
    case FIELD_U64:
        *(uint64_t *)at = take(reader, 8);
        return;
    case FIELD_I64:
        *(int64_t *)at = take_i64(reader);
        return;
    case FIELD_NAME:
        *(struct pawl_slice *)at = take_text(reader, PAWL_NAME_BYTES_MAX);
        return;
    case FIELD_BODY:
        *(struct pawl_slice *)at = take_text(reader, PAWL_DOCUMENT_BYTES_MAX);
        return;
    case FIELD_SUBJECT:
        take_subject(reader, at);
        return;
    case FIELD_SCOPE:
        take_scope(reader, at);
        return;
    case FIELD_WINDOW:
        take_window(reader, at);
        return;
    case FIELD_LINES:
        *(uint32_t *)at = take_amounts(reader, array);
        return;
    case FIELD_CAPS:
        *(uint32_t *)at = take_caps(reader, array);
        return;
    case FIELD_TRANSITIONS:
        *(uint32_t *)at = take_transitions(reader, scratch->transitions);
        *(const struct pawl_tz_transition **)array = scratch->transitions;
        return;
    case FIELD_THROTTLE:
        take_throttle(reader, at, array);
        return;
    case FIELD_END:
        break;
    }
    PAWL_UNREACHABLE();
}

bool pawl_codec_decode_command(struct pawl_slice *bytes,
                               struct pawl_codec_scratch *scratch,
                               struct pawl_command *ret_command)
{
    struct reader reader = reader_of(*bytes);
    struct pawl_command command = {.type = take_u16(&reader)};
    unsigned parts = take_u8(&reader);
    if (reader.bad || command.type == 0 || command.type >= PAWL_COMMAND_TYPE_END ||
        (parts & ~(unsigned)PARTS_ALL) != 0) {
        return false;
    }
    command.idempotency_key = take_part(&reader, parts & PART_KEY, PAWL_KEY_BYTES_MAX);
    if ((parts & PART_HASH) != 0) {
        command.payload_hash[0] = take(&reader, 8);
        command.payload_hash[1] = take(&reader, 8);
        reader.bad = reader.bad || !hash_given(&command);
    }
    command.metadata = take_part(&reader, parts & PART_METADATA, PAWL_METADATA_BYTES_MAX);
    for (const struct field *field = pawl_codec_payloads[command.type]; field->kind != FIELD_END;
         field++) {
        take_field(&reader, (char *)&command, field, scratch);
    }
    if (reader.bad) {
        return false;
    }
    PAWL_SLOW_ASSERT(pawl_codec_command_fits(&command));
    reader_consume(&reader, bytes);
    *ret_command = command;
    return true;
}
