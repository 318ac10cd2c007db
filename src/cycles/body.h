/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h: the fields of a request's body, by a table. A shape is a closed list of fields: what it
 * does not name is refused, and so is what is missing, of another type, or out of its range. There
 * is one error, about the first field that is wrong, with its path, its limit and what came
 * ("estimate.amount is 1.5; it must be an integer from 0 to 9007199254740991").
 *
 * A null counts as absent where the field is optional: the reference server's reader takes it so.
 *
 *     enum { FREEZE_REASON, FREEZE_METADATA, FREEZE_COUNT };
 *     static const struct pawl_field freeze_fields[] = {
 *         [FREEZE_REASON] = {PAWL_FIELD("reason"), .type = PAWL_FIELD_STRING, .max = 512},
 *         [FREEZE_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT}};
 *     static const struct pawl_shape freeze = PAWL_SHAPE(freeze_fields);
 *
 *     struct pawl_value values[FREEZE_COUNT];
 *     if (!pawl_body_read(call, &freeze, values)) {
 *         return; // was refused
 *     }
 */
#ifndef PAWL_CYCLES_BODY_H
#define PAWL_CYCLES_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"
#include "cycles/call.h"

enum pawl_field_type {
    PAWL_FIELD_STRING = 1, /* min .. max characters; max 0: any number of them */
    PAWL_FIELD_INTEGER,    /* min .. max */
    PAWL_FIELD_BOOL,
    PAWL_FIELD_WORD,    /* one of `words`; number is its index */
    PAWL_FIELD_STRINGS, /* min .. max strings of at most item_max characters each */
    PAWL_FIELD_MAP,     /* names to strings: at most max members, values of at most item_max */
    PAWL_FIELD_OBJECT,  /* any object: the client's own business, at most max bytes; 0: any */
    PAWL_FIELD_RECORD,  /* an object of shape `inner`, whose values begin at values[slot] */
    PAWL_FIELD_IGNORED  /* any value, of a version to come: taken and not looked at */
};

struct pawl_shape;

struct pawl_field {
    const char *name;
    const char *quoted; /* the same with quotes and colon, for a writer */
    uint16_t name_bytes;
    uint8_t type; /* enum pawl_field_type */
    bool required;
    bool time; /* STRING: the handler reads it as a time; here it is for the words alone */
    bool free; /* told beside what a settlement books, which goes without it (leave_out.c) */
    int64_t min;
    int64_t max;
    int64_t item_max;               /* STRINGS, MAP; 0: any */
    const char *const *words;       /* WORD: up to NULL */
    const struct pawl_shape *inner; /* RECORD */
    uint16_t slot;                  /* RECORD */
};

#define PAWL_FIELD(text) .name = (text), .quoted = "\"" text "\":", .name_bytes = sizeof(text) - 1

struct pawl_shape {
    const struct pawl_field *fields;
    uint32_t count;
};

#define PAWL_SHAPE(array)                                                                          \
    {                                                                                              \
        .fields = (array), .count = PAWL_ARRAY_LEN(array)                                          \
    }

/* Fields that are absent have present = false and the rest zero; node is PAWL_JSON_NONE then. */
struct pawl_value {
    bool present;
    bool truth;             /* BOOL */
    uint32_t node;          /* of call->body */
    int64_t number;         /* INTEGER; WORD: the index */
    struct pawl_slice text; /* STRING and WORD, decoded: the body's or the arena's */
};

/* Reads call->body; without a body (route.def, OPTIONAL) as if it were {}. `values` has a place for
 * each field of the shape, and those of the records in it. false: the call was refused. */
PAWL_MUST_CHECK bool
pawl_body_read(struct pawl_call *call, const struct pawl_shape *shape, struct pawl_value *values);
/* For what a table cannot say: 400 about the field, "field: …". Where memory was short it may be no
 * fault of the body's, and is 500. */
void pawl_body_refuse(struct pawl_call *call, const char *field, const char *format, ...)
    PAWL_PRINTF(3, 4);
/* X-Idempotency-Key, where it is there, must say what the body's key says. false: refused. */
PAWL_MUST_CHECK bool pawl_body_key_agrees(struct pawl_call *call, struct pawl_slice key);

/* Reads the body of a settlement that is too much for the limits without those of its free fields
 * that are the reason. false: the reason is another one, which call->body has. */
PAWL_MUST_CHECK bool pawl_body_parse_without(struct pawl_call *call,
                                             struct pawl_json_limits limits);

/* --- Query strings, by tables of the same form. Types STRING, INTEGER, BOOL and WORD; unknown
 * parameters are passed over, of one that comes twice the first counts, an empty value is absent.
 * `values` as above. false: refused. -------------------------------------------------- */
PAWL_MUST_CHECK bool
pawl_query_read(struct pawl_call *call, const struct pawl_shape *shape, struct pawl_value *values);

/* Room for a path like "subject.dimensions". */
enum { PAWL_FIELD_PATH_BYTES = 320 };

/* Number of characters of UTF-8 that is known to be valid. */
size_t pawl_text_length(struct pawl_slice text);

/* --- Shared by body.c and query.c (body_error.c) -------------------------------------------- */

/* "… is X; it must be Y" for a value that the field does not take. `received` is cut. */
void pawl_field_refuse(struct pawl_call *call,
                       const char *path,
                       const struct pawl_field *field,
                       struct pawl_slice received);
/* What it takes, in words: "an integer from 0 to 100". */
void pawl_field_say(const struct pawl_field *field, struct pawl_buf *out);
/* The index of the word, or -1. */
int64_t pawl_field_word(const struct pawl_field *field, struct pawl_slice text);

#endif
