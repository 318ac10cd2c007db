/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_fields.h: what a command consists of, for the two walkers over it: codec_encode.c (which
 * measures and then writes) and codec_decode.c. The payload of each type is a row of fields in one
 * table, so that a field which is written but not read, or in another order, cannot happen.
 */
#ifndef PAWL_CORE_CODEC_FIELDS_H
#define PAWL_CORE_CODEC_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/command.h"

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
    FIELD_BODY, /* a text of at most PAWL_DOCUMENT_BYTES_MAX */
    FIELD_SUBJECT,
    FIELD_SCOPE,
    FIELD_WINDOW,
    FIELD_LINES,       /* offset: the count, array: the amounts */
    FIELD_CAPS,        /* the same with session caps */
    FIELD_TRANSITIONS, /* offset: the count, array: the pointer to them */
    FIELD_THROTTLE     /* offset: the document, array: how many a minute */
};

/* Offsets are from the beginning of struct pawl_command. */
struct field {
    uint16_t kind; /* enum field_kind */
    uint16_t offset;
    uint16_t array; /* of kinds that have a count */
};

enum { FIELDS_MAX = 18 };

/* By type; each row ends with FIELD_END. */
extern const struct field pawl_codec_payloads[PAWL_COMMAND_TYPE_END][FIELDS_MAX];

/* Parts of a command's head. */
enum { PART_KEY = 1, PART_HASH = 2, PART_METADATA = 4, PARTS_ALL = 7 };
/* Parts of a subject and a scope above the six levels. */
enum {
    PART_LEVELS = 0x3f,
    PART_SUBJECT_SESSION = 0x40,
    PART_DIMENSION = 0x40,
    PART_SESSION = 0x80
};
enum {
    AMOUNT_BYTES = 2 + 8,
    WINDOW_BYTES = 1 + 1 + 1 + 2 + 8,
    TRANSITION_BYTES = 8 + 4,
    THROTTLE_BYTES = 8 + 4
};

/* These are there when either half of them says something. */
static inline bool dimension_given(const struct pawl_dimension *dimension)
{
    return dimension->name.bytes > 0 || dimension->value.bytes > 0;
}

static inline bool throttle_given(uint64_t document, uint32_t per_minute)
{
    return document != 0 || per_minute != 0;
}

static inline bool hash_given(const struct pawl_command *command)
{
    return command->payload_hash[0] != 0 || command->payload_hash[1] != 0;
}

#endif
