/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c: reading an object by its shape: each member is looked up among the fields, checked, and
 * decoded into its place. What is missing is found by a second look over the fields.
 *
 * Records lie at most a few levels deep, as the shapes do, so reading them may recurse. A field is
 * looked for from the one behind the last found: who writes them in the order of the shape, as
 * clients that are made from the protocol do, has each found at once.
 */
#include "cycles/body.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/money.h"
#include "base/nearest.h"
#include "cycles/cycles_priv.h"

struct body_reader {
    struct pawl_call *call;
    const struct pawl_json *json;
    struct pawl_value *values; /* of the whole body */
    bool no_text;              /* the last string that was looked at is none */
};

/* Where a field lies; kept as a chain, since the text is needed for an error only. */
struct body_path {
    const struct body_path *outer;
    struct pawl_slice name;
};

static void write_path(const struct body_path *path, char out[static PAWL_FIELD_PATH_BYTES])
{
    size_t bytes = 0;
    if (path->outer != NULL) {
        write_path(path->outer, out);
        bytes = strlen(out);
        if (bytes > 0 && bytes < PAWL_FIELD_PATH_BYTES - 1) {
            out[bytes++] = '.';
        }
    }
    (void)pawl_slice_copy_str(path->name, out + bytes, PAWL_FIELD_PATH_BYTES - bytes);
}

/* --- Values --------------------------------------------------------------------------------- */

static bool in_count(const struct pawl_field *field, size_t count)
{
    return (int64_t)count >= field->min && (field->max == 0 || (int64_t)count <= field->max);
}

/* NUL and halves of surrogate pairs are for what nobody here reads: metadata. */
static bool is_text(struct body_reader *reader, uint32_t node)
{
    reader->no_text = !pawl_json_string_is_text(reader->json, node);
    return !reader->no_text;
}

/* A decoded string of at most `max` characters (0: any). */
static bool take_text(struct body_reader *reader,
                      uint32_t node,
                      int64_t min,
                      int64_t max,
                      struct pawl_slice *ret_text)
{
    if (reader->json->nodes[node].type != PAWL_JSON_STRING || !is_text(reader, node)) {
        return false;
    }
    *ret_text = pawl_json_string(reader->json, node, reader->call->arena);
    if ((int64_t)ret_text->bytes >= min && (max == 0 || (int64_t)ret_text->bytes <= max) &&
        min <= 1) {
        return true; /* bytes are at least as many as characters */
    }
    size_t length = pawl_text_length(*ret_text);
    return (int64_t)length >= min && (max == 0 || (int64_t)length <= max);
}

static bool take_strings(struct body_reader *reader, const struct pawl_field *field, uint32_t node)
{
    const struct pawl_json_node *nodes = reader->json->nodes;
    bool is_map = field->type == PAWL_FIELD_MAP;
    struct pawl_slice text;
    if (!pawl_json_is(reader->json, node, is_map ? PAWL_JSON_OBJECT : PAWL_JSON_ARRAY) ||
        !in_count(field, nodes[node].count)) {
        return false;
    }
    for (uint32_t at = pawl_json_first(reader->json, node); at != PAWL_JSON_NONE;
         at = pawl_json_next(reader->json, at)) {
        if (!take_text(reader, at, 0, field->item_max, &text) ||
            (is_map && !is_text(reader, nodes[at].key))) {
            return false;
        }
    }
    return true;
}

static bool take_integer(struct body_reader *reader,
                         const struct pawl_field *field,
                         uint32_t node,
                         struct pawl_value *value)
{
    return pawl_json_i64(reader->json, node, &value->number) && value->number >= field->min &&
           value->number <= field->max;
}

static bool take_word(struct body_reader *reader,
                      const struct pawl_field *field,
                      uint32_t node,
                      struct pawl_value *value)
{
    if (!take_text(reader, node, 0, 0, &value->text)) {
        return false;
    }
    value->number = pawl_field_word(field, value->text);
    return value->number >= 0;
}

static bool take_bool(struct body_reader *reader, uint32_t node, struct pawl_value *value)
{
    value->truth = pawl_json_is(reader->json, node, PAWL_JSON_TRUE);
    return value->truth || pawl_json_is(reader->json, node, PAWL_JSON_FALSE);
}

/* Whether the value is what the field takes; all but records. */
static bool take(struct body_reader *reader,
                 const struct pawl_field *field,
                 uint32_t node,
                 struct pawl_value *value)
{
    switch (field->type) {
    case PAWL_FIELD_STRING:
        return take_text(reader, node, field->min, field->max, &value->text);
    case PAWL_FIELD_INTEGER:
        return take_integer(reader, field, node, value);
    case PAWL_FIELD_BOOL:
        return take_bool(reader, node, value);
    case PAWL_FIELD_WORD:
        return take_word(reader, field, node, value);
    case PAWL_FIELD_STRINGS:
    case PAWL_FIELD_MAP:
        return take_strings(reader, field, node);
    case PAWL_FIELD_OBJECT:
        return pawl_json_is(reader->json, node, PAWL_JSON_OBJECT) &&
               in_count(field, pawl_json_raw(reader->json, node).bytes);
    case PAWL_FIELD_RECORD:
        return pawl_json_is(reader->json, node, PAWL_JSON_OBJECT);
    default:
        return true;
    }
}

/* --- Objects -------------------------------------------------------------------------------- */

static bool refuse_at(struct body_reader *reader,
                      const struct body_path *path,
                      const struct pawl_field *field,
                      struct pawl_slice received)
{
    char text[PAWL_FIELD_PATH_BYTES] = "";
    write_path(path, text);
    if (reader->no_text) {
        pawl_body_refuse(reader->call, text,
                         "it has a NUL or half of a surrogate pair, which only free metadata may");
    } else {
        pawl_field_refuse(reader->call, text, field, received);
    }
    return false;
}

static bool refuse_unknown(struct body_reader *reader,
                           const struct body_path *path,
                           const struct pawl_shape *shape)
{
    char text[PAWL_FIELD_PATH_BYTES] = "";
    char word[PAWL_FIELD_PATH_BYTES] = "";
    write_path(path, text);
    (void)pawl_slice_copy_str(path->name, word, sizeof(word));
    struct pawl_nearest nearest = {.word = word};
    for (uint32_t i = 0; i < shape->count; i++) {
        pawl_nearest_offer(&nearest, shape->fields[i].name);
    }
    if (nearest.found != NULL) {
        pawl_body_refuse(reader->call, text, "there is no such field; did you mean %s?",
                         nearest.found);
    } else {
        pawl_body_refuse(reader->call, text, "there is no such field");
    }
    return false;
}

enum { FIELDS_MAX = 64 };

/* An object under way. */
struct body_object {
    const struct body_path *outer;
    const struct pawl_shape *shape;
    struct pawl_value *values; /* of this shape's fields */
    uint64_t present;          /* a bit for each field that is there */
    uint32_t next;             /* the field to look at first */
};

/* Its index, or the shape's count. */
static uint32_t find_field(const struct pawl_shape *shape, uint32_t first, struct pawl_slice name)
{
    if (name.data == NULL) {
        return shape->count; /* the arena is full, for which the call is refused in the end */
    }
    for (uint32_t i = 0, at = first; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[at];
        if (field->name_bytes == name.bytes && field->name[0] == *name.data &&
            memcmp(field->name, name.data, name.bytes) == 0) {
            return at;
        }
        at = at + 1 < shape->count ? at + 1 : 0;
    }
    return shape->count;
}

static bool read_object(struct body_reader *reader,
                        const struct body_path *outer,
                        const struct pawl_shape *shape,
                        uint32_t node,
                        uint32_t slot);

static bool read_member(struct body_reader *reader, struct body_object *object, uint32_t node)
{
    const struct pawl_json *json = reader->json;
    struct body_path path = {.outer = object->outer,
                             .name = pawl_json_key_of(json, node, reader->call->arena)};
    const struct pawl_shape *shape = object->shape;
    uint32_t index = find_field(shape, object->next, path.name);
    if (index == shape->count) {
        return refuse_unknown(reader, &path, shape);
    }
    object->next = index + 1 < shape->count ? index + 1 : 0;
    const struct pawl_field *field = &shape->fields[index];
    bool is_null = json->nodes[node].type == PAWL_JSON_NULL;
    if (is_null && !field->required) {
        return true;
    }
    struct pawl_value *value = &object->values[index];
    *value = (struct pawl_value){.present = true, .node = node};
    if (is_null || !take(reader, field, node, value)) {
        return refuse_at(reader, &path, field, pawl_json_raw(json, node));
    }
    object->present |= UINT64_C(1) << index;
    return field->type != PAWL_FIELD_RECORD ||
           read_object(reader, &path, field->inner, node, field->slot);
}

/* All that the shape has is absent, also what is in its records. */
static void clear(const struct pawl_shape *shape, struct pawl_value *values, uint32_t slot)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        values[slot + i] = (struct pawl_value){.node = PAWL_JSON_NONE};
        if (shape->fields[i].type == PAWL_FIELD_RECORD) {
            clear(shape->fields[i].inner, values, shape->fields[i].slot);
        }
    }
}

/* Of the fields that are not there. false: one has to be. */
static bool clear_absent(struct body_reader *reader, const struct body_object *object)
{
    const struct pawl_shape *shape = object->shape;
    uint64_t all = UINT64_MAX >> (FIELDS_MAX - shape->count);
    for (uint64_t absent = all & ~object->present; absent != 0; absent &= absent - 1) {
        int i = __builtin_ctzll(absent);
        const struct pawl_field *field = &shape->fields[i];
        if (field->required) {
            struct body_path path = {.outer = object->outer,
                                     .name = pawl_slice_of(field->name, field->name_bytes)};
            return refuse_at(reader, &path, field, PAWL_SLICE_NONE);
        }
        object->values[i] = (struct pawl_value){.node = PAWL_JSON_NONE};
        if (field->type == PAWL_FIELD_RECORD) {
            clear(field->inner, reader->values, field->slot);
        }
    }
    return true;
}

static bool read_object(struct body_reader *reader,
                        const struct body_path *outer,
                        const struct pawl_shape *shape,
                        uint32_t node,
                        uint32_t slot)
{
    PAWL_ASSERT(shape->count > 0 && shape->count <= FIELDS_MAX);
    struct body_object object = {.outer = outer, .shape = shape, .values = reader->values + slot};
    for (uint32_t at = pawl_json_first(reader->json, node); at != PAWL_JSON_NONE;
         at = reader->json->nodes[at].next) {
        if (!read_member(reader, &object, at)) {
            return false;
        }
    }
    return clear_absent(reader, &object);
}

bool pawl_body_read(struct pawl_call *call,
                    const struct pawl_shape *shape,
                    struct pawl_value *values)
{
    static const struct pawl_json_node empty = {
        .type = PAWL_JSON_OBJECT, .next = PAWL_JSON_NONE, .key = PAWL_JSON_NONE};
    static const struct pawl_json nothing = {.nodes = &empty, .count = 1};
    struct body_reader reader = {
        .call = call, .json = call->has_body ? &call->body : &nothing, .values = values};
    return read_object(&reader, NULL, shape, 0, 0) && pawl_call_has_memory(call);
}

bool pawl_body_key_agrees(struct pawl_call *call, struct pawl_slice key)
{
    struct pawl_slice header = call->headers[PAWL_CALL_HEADER_IDEMPOTENCY];
    if (pawl_slice_empty(header) || pawl_slice_equal(header, key)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                     "X-Idempotency-Key and the body's idempotency_key are not the same");
    return false;
}
