/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c: query strings by the tables of body.h: names and values are percent-decoded, '+' is a
 * space. What no field is named for is passed over, since clients and proxies add parameters of
 * their own; what is read is checked as strictly as a body.
 */
#include "base/assert.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "cycles/body.h"

/* Empty without memory too. */
static struct pawl_slice decode(struct pawl_slice text, struct pawl_arena *arena)
{
    char *copy = pawl_arena_alloc(arena, text.bytes);
    if (copy == NULL) {
        return PAWL_SLICE_NONE;
    }
    for (size_t i = 0; i < text.bytes; i++) {
        copy[i] = text.data[i] == '+' ? ' ' : text.data[i];
    }
    return pawl_slice_of(copy, pawl_percent_undo(copy, text.bytes));
}

static bool to_integer(struct pawl_slice text, int64_t *ret_number)
{
    bool negative = text.bytes > 0 && text.data[0] == '-';
    uint64_t magnitude = 0;
    if (!pawl_slice_to_u64(pawl_slice_sub(text, negative, text.bytes), &magnitude) ||
        magnitude > INT64_MAX) {
        return false;
    }
    *ret_number = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool take(const struct pawl_field *field, struct pawl_value *value)
{
    int64_t length = (int64_t)pawl_text_length(value->text);
    switch (field->type) {
    case PAWL_FIELD_INTEGER:
        return to_integer(value->text, &value->number) && value->number >= field->min &&
               value->number <= field->max;
    case PAWL_FIELD_BOOL:
        value->truth = pawl_slice_equal_str(value->text, "true");
        return value->truth || pawl_slice_equal_str(value->text, "false");
    case PAWL_FIELD_WORD:
        value->number = pawl_field_word(field, value->text);
        return value->number >= 0;
    default:
        PAWL_ASSERT(field->type == PAWL_FIELD_STRING);
        return length >= field->min && (field->max == 0 || length <= field->max);
    }
}

static const struct pawl_field *
find_field(const struct pawl_shape *shape, struct pawl_slice name, struct pawl_value *values)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        if (!values[i].present &&
            pawl_slice_equal(pawl_slice_of(shape->fields[i].name, shape->fields[i].name_bytes),
                             name)) {
            return &shape->fields[i];
        }
    }
    return NULL;
}

bool pawl_query_read(struct pawl_call *call,
                     const struct pawl_shape *shape,
                     struct pawl_value *values)
{
    struct pawl_slice rest = call->request->query;
    for (uint32_t i = 0; i < shape->count; i++) {
        values[i] = (struct pawl_value){.node = PAWL_JSON_NONE};
    }
    while (rest.bytes > 0) {
        struct pawl_slice raw = pawl_slice_cut(&rest, '&');
        struct pawl_slice name = decode(pawl_slice_cut(&raw, '='), call->arena);
        struct pawl_slice text = pawl_slice_trim(decode(raw, call->arena));
        const struct pawl_field *field = find_field(shape, name, values);
        if (field == NULL || text.bytes == 0) {
            continue;
        }
        struct pawl_value *value = &values[field - shape->fields];
        value->text = text;
        if (!pawl_utf8_valid(text) || !take(field, value)) {
            pawl_field_refuse(call, field->name, field,
                              pawl_utf8_valid(text) ? text : PAWL_SLICE("not UTF-8"));
            return false;
        }
        value->present = true;
    }
    if (!pawl_call_has_memory(call)) {
        return false;
    }
    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape->fields[i].required && !values[i].present) {
            pawl_field_refuse(call, shape->fields[i].name, &shape->fields[i], PAWL_SLICE_NONE);
            return false;
        }
    }
    return true;
}
