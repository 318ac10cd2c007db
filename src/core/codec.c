/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.c: commands and results as bytes, after the tables of docs/JOURNAL.md.
 *
 * The payload of each command type is a row of fields in one table, and three walkers read that
 * table: measure, encode and decode. A field that is written but not read, or in another order,
 * cannot happen. Encoding measures first and then fills exactly that much room, so that the
 * hot path has one capacity check an operation instead of one a field.
 *
 * Invariant (J8): there is one form of each command and result. A part is present exactly when
 * it says something; the decoder refuses a present part that is empty, an unknown bit, a
 * bool that is neither 0 nor 1. Values that the ledger judges (states, kinds, amounts) pass as
 * they are, because a refused command is in the journal too.
 *
 * Failure: the decoder answers false and leaves its output alone; bytes are never trusted.
 * The encoder's input is our own: what pawl_codec_command_fits refuses is a bug here. A buffer
 * that is full or has no memory gets its sticky flag. Ownership: decoded texts borrow from the
 * bytes, lists from the scratch.
 */
#include "core/codec.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "core/codec_priv.h"

/* --- The table of payloads. ------------------------------------------------------------------- */

enum field_kind {
    FIELD_END = 0,
    FIELD_U8,
    FIELD_BOOL,
    FIELD_U16,
    FIELD_U32,
    FIELD_I32,
    FIELD_U64,
    FIELD_I64,
    FIELD_NAME, /* a text of at most PAWL_NAME_BYTES_MAX */
    FIELD_SUBJECT,
    FIELD_SCOPE,
    FIELD_WINDOW,
    FIELD_LINES,      /* offset: the count, array: the amounts */
    FIELD_CAPS,       /* the same with session caps */
    FIELD_TRANSITIONS /* offset: the count, array: the pointer */
};

struct field {
    uint16_t kind;
    uint16_t offset;
    uint16_t array;
};

enum { FIELDS_MAX = 17 };

#define AT(member) offsetof(struct pawl_command, u.member)
#define ONE(field_kind, member)                                                                    \
    {                                                                                              \
        .kind = FIELD_##field_kind, .offset = AT(member)                                           \
    }
#define LIST(field_kind, count, member)                                                            \
    {                                                                                              \
        FIELD_##field_kind, AT(count), AT(member)                                                  \
    }

#define RESERVE_FIELDS                                                                             \
    {                                                                                              \
        ONE(SUBJECT, reserve.subject), ONE(NAME, reserve.phase),                                   \
            LIST(LINES, reserve.line_count, reserve.lines), ONE(I64, reserve.ttl_ms),              \
            ONE(I64, reserve.grace_ms), ONE(U8, reserve.overage), ONE(U8, reserve.on_expiry),      \
            ONE(U8, reserve.priority)                                                              \
    }
#define SETTLE_FIELDS                                                                              \
    {                                                                                              \
        ONE(U64, settle.reservation), LIST(LINES, settle.line_count, settle.lines)                 \
    }

static const struct field payloads[PAWL_COMMAND_TYPE_END][FIELDS_MAX] = {
    [PAWL_COMMAND_CONFIG] = {ONE(U32, config.rules_version), ONE(U32, config.strings_max),
                             ONE(U32, config.scopes_max), ONE(U32, config.budgets_max),
                             ONE(U32, config.reservations_max), ONE(U32, config.idempotency_max),
                             ONE(U32, config.sessions_max), ONE(U32, config.approvals_max),
                             ONE(I64, config.idempotency_ttl_us),
                             ONE(I64, config.idempotency_settle_ttl_us),
                             ONE(I64, config.correction_ttl_us), ONE(U64, config.hash_key.k0),
                             ONE(U64, config.hash_key.k1), ONE(U64, config.id_key.k0),
                             ONE(U64, config.id_key.k1), ONE(U16, config.shard)},
    [PAWL_COMMAND_TZ_DEFINE] =
        {ONE(U16, tz_define.tz), ONE(NAME, tz_define.name), ONE(I32, tz_define.initial_offset_s),
         LIST(TRANSITIONS, tz_define.transition_count, tz_define.transitions)},
    [PAWL_COMMAND_BUDGET_CREATE] = {ONE(SCOPE, budget_create.scope), ONE(NAME, budget_create.phase),
                                    ONE(U16, budget_create.unit), ONE(WINDOW, budget_create.window),
                                    ONE(I64, budget_create.allocated),
                                    ONE(I64, budget_create.overdraft_limit),
                                    ONE(U8, budget_create.mode)},
    [PAWL_COMMAND_BUDGET_FUND] = {ONE(U64, budget_fund.budget), ONE(U8, budget_fund.kind),
                                  ONE(I64, budget_fund.amount)},
    [PAWL_COMMAND_BUDGET_SET] = {ONE(U64, budget_set.budget), ONE(U8, budget_set.state),
                                 ONE(BOOL, budget_set.set_overdraft_limit),
                                 ONE(I64, budget_set.overdraft_limit)},
    [PAWL_COMMAND_RESERVE] = RESERVE_FIELDS,
    [PAWL_COMMAND_GROW] = {ONE(U64, grow.reservation), LIST(LINES, grow.line_count, grow.lines)},
    [PAWL_COMMAND_EXTEND] = {ONE(U64, extend.reservation), ONE(I64, extend.ttl_ms)},
    [PAWL_COMMAND_COMMIT] = SETTLE_FIELDS,
    [PAWL_COMMAND_RELEASE] = {ONE(U64, release.reservation)},
    [PAWL_COMMAND_CORRECT] = SETTLE_FIELDS,
    [PAWL_COMMAND_EVENT] = {ONE(SUBJECT, event.subject), ONE(NAME, event.phase),
                            LIST(LINES, event.line_count, event.lines), ONE(U8, event.overage)},
    [PAWL_COMMAND_DECIDE] = RESERVE_FIELDS,
    [PAWL_COMMAND_EXPIRE] = {ONE(I64, expire.until_us), ONE(U32, expire.max)},
    [PAWL_COMMAND_SESSION_OPEN] = {ONE(NAME, session_open.tenant), ONE(NAME, session_open.name),
                                   ONE(NAME, session_open.parent), ONE(NAME, session_open.phase),
                                   LIST(CAPS, session_open.cap_count, session_open.caps)},
    [PAWL_COMMAND_SESSION_SET] = {ONE(NAME, session_set.tenant), ONE(NAME, session_set.name),
                                  ONE(U8, session_set.state), ONE(U8, session_set.reason),
                                  ONE(U16, session_set.unit)},
    [PAWL_COMMAND_SESSION_PHASE] = {ONE(NAME, session_phase.tenant), ONE(NAME, session_phase.name),
                                    ONE(NAME, session_phase.phase)},
    [PAWL_COMMAND_APPROVAL_OPEN] = {ONE(NAME, approval_open.tenant),
                                    ONE(NAME, approval_open.session), ONE(U8, approval_open.kind),
                                    LIST(LINES, approval_open.line_count, approval_open.lines),
                                    ONE(I64, approval_open.ttl_ms)},
    [PAWL_COMMAND_APPROVAL_ANSWER] =
        {ONE(U64, approval_answer.approval), ONE(BOOL, approval_answer.approved),
         LIST(LINES, approval_answer.line_count, approval_answer.lines)},
    [PAWL_COMMAND_NOTE] = {ONE(NAME, note.tenant), ONE(NAME, note.session), ONE(U16, note.kind)},
};

_Static_assert(sizeof(struct pawl_command) <= UINT16_MAX, "offsets are stored in 16 bits");

/* Parts of a command's head. */
enum { PART_KEY = 1, PART_HASH = 2, PART_METADATA = 4, PARTS_ALL = 7 };
/* Parts of a subject and a scope above the six levels. */
enum {
    PART_LEVELS = 0x3f,
    PART_SUBJECT_SESSION = 0x40,
    PART_DIMENSION = 0x40,
    PART_SESSION = 0x80
};
enum { AMOUNT_BYTES = 2 + 8, WINDOW_BYTES = 1 + 1 + 1 + 2 + 8, TRANSITION_BYTES = 8 + 4 };

static uint32_t load_u32(const void *at)
{
    uint32_t value;
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

static bool dimension_given(const struct pawl_dimension *dimension)
{
    return dimension->name.bytes > 0 || dimension->value.bytes > 0;
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
    case FIELD_END:
        break;
    }
    PAWL_UNREACHABLE();
}

static bool hash_given(const struct pawl_command *command)
{
    return command->payload_hash[0] != 0 || command->payload_hash[1] != 0;
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
    for (const struct field *field = payloads[command->type]; field->kind != FIELD_END; field++) {
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
    for (const struct field *field = payloads[command->type]; field->kind != FIELD_END; field++) {
        put_field(&writer, (const char *)command, field);
    }
    writer_end(&writer, out, measure.bytes);
}

/* --- Reading what nobody vouches for. --------------------------------------------------------- */

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
    for (const struct field *field = payloads[command.type]; field->kind != FIELD_END; field++) {
        take_field(&reader, (char *)&command, field, scratch);
    }
    if (reader.bad) {
        return false;
    }
    reader_consume(&reader, bytes);
    *ret_command = command;
    return true;
}
