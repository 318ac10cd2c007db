/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave_out.c: a settlement whose body is deeper or has more values than is read. A client takes a
 * 4xx for a reason to drop what was spent, so what is told beside it (fields that are `free`) is
 * checked and passed over where it could not be kept anyway; the rest is read as ever.
 *
 * The body is read in a copy in which a null and white space stand where such a value stood: every
 * offset stays the same. For the key of idempotency the value counts as its bytes, so a repeat is
 * known by what it left out, too (canon.c).
 */
#include <string.h>

#include "base/assert.h"
#include "core/command.h"
#include "cycles/body.h"
#include "cycles/cycles_priv.h"

static const struct pawl_field *find_field(const struct pawl_shape *shape, struct pawl_slice quoted)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[i];
        if (pawl_slice_equal(quoted, pawl_slice_of(field->quoted, (size_t)field->name_bytes + 2))) {
            return field;
        }
    }
    return NULL;
}

/* Which of the shape's free fields it is. */
static uint32_t number_of(const struct pawl_shape *shape, const struct pawl_field *field)
{
    uint32_t number = 0;
    for (const struct pawl_field *at = shape->fields; at < field; at++) {
        number += at->free;
    }
    PAWL_ASSERT(number < PAWL_CALL_LEFT_OUT_MAX);
    return number;
}

/* More than the ledger keeps, or deeper than anything is read in a body. */
static bool is_too_much(const struct pawl_json_part *part)
{
    return part->value.data[0] == '{' &&
           (part->value.bytes > PAWL_METADATA_BYTES_MAX || part->depth >= PAWL_CYCLES_DEPTH_MAX);
}

/* Empty where nothing can be left out, or without memory for it. */
static struct pawl_slice write_without(struct pawl_call *call,
                                       const struct pawl_json_outline *outline)
{
    const struct pawl_shape *shape = call->route->fields;
    struct pawl_slice text = call->request->body;
    char *copy = NULL;
    for (uint32_t i = 0; i < outline->count; i++) {
        const struct pawl_json_part *part = &outline->parts[i];
        const struct pawl_field *field = find_field(shape, part->key);
        if (field == NULL || !field->free || !is_too_much(part)) {
            continue;
        }
        if (copy == NULL) {
            copy = pawl_arena_alloc_bare(call->arena, text.bytes);
            if (copy == NULL) {
                return PAWL_SLICE_NONE;
            }
            memcpy(copy, text.data, text.bytes);
        }
        char *place = copy + (part->value.data - text.data);
        memset(place, ' ', part->value.bytes);
        memcpy(place, "null", 4);
        call->left_out[number_of(shape, field)] = part->value;
    }
    return pawl_slice_of(copy, copy != NULL ? text.bytes : 0);
}

bool pawl_body_parse_without(struct pawl_call *call, struct pawl_json_limits limits)
{
    struct pawl_json_outline outline;
    if (!pawl_json_outline(call->arena, call->request->body, PAWL_JSON_BODY, &outline)) {
        if (outline.error != PAWL_JSON_TOO_MANY_NODES) {
            call->body.error = outline.error;
            call->body.error_offset = outline.error_offset;
        }
        return false;
    }
    struct pawl_slice text = write_without(call, &outline);
    return text.bytes > 0 &&
           pawl_json_parse(call->arena, text, PAWL_JSON_BODY, limits, &call->body);
}
