/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c: writing and reading what commands carry. Raw spans of the body are copied unseen:
 * they were checked when it was read.
 */
#include "cycles/document.h"

#include "base/assert.h"
#include "core/command.h"
#include "cycles/cycles_priv.h"

struct pawl_json_writer *pawl_document_begin(struct pawl_call *call)
{
    struct pawl_cycles *cycles = call->cycles;
    struct pawl_json_writer *writer = &cycles->document_writer;
    pawl_buf_reset(&cycles->document);
    pawl_json_writer_init(writer, &cycles->document);
    pawl_json_object_begin(writer);
    PAWL_JSON_KEY(writer, "v");
    pawl_json_put_i64(writer, PAWL_DOCUMENT_FORMAT);
    PAWL_JSON_KEY(writer, "key");
    pawl_json_put_string(writer, call->principal.key_id);
    return writer;
}

void pawl_document_add(struct pawl_call *call,
                       struct pawl_json_writer *writer,
                       const char *name,
                       const struct pawl_value *value)
{
    if (value->present) {
        pawl_json_key(writer, name);
        pawl_json_put_raw(writer, pawl_json_raw(&call->body, value->node));
    }
}

void pawl_document_add_if_fits(struct pawl_call *call,
                               struct pawl_json_writer *writer,
                               const char *name,
                               const struct pawl_value *value)
{
    /* Of the member's name and punctuation, and the end. */
    size_t besides = strlen(name) + sizeof(",\"\":}");
    size_t bytes = value->present ? pawl_json_raw(&call->body, value->node).bytes : 0;
    if (call->cycles->document.bytes + besides + bytes <= PAWL_METADATA_BYTES_MAX) {
        pawl_document_add(call, writer, name, value);
    }
}

void pawl_document_add_record(struct pawl_call *call,
                              struct pawl_json_writer *writer,
                              const char *name,
                              const struct pawl_shape *shape,
                              const struct pawl_value *values)
{
    pawl_json_key(writer, name);
    pawl_json_object_begin(writer);
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[i];
        if (values[i].present && field->type != PAWL_FIELD_IGNORED) {
            pawl_json_put_piece(writer, PAWL_JSON_NEXT_VALUE,
                                pawl_slice_of(field->quoted, (size_t)field->name_bytes + 3));
            pawl_json_put_raw(writer, pawl_json_raw(&call->body, values[i].node));
        }
    }
    pawl_json_object_end(writer);
}

bool pawl_document_end(struct pawl_call *call, struct pawl_slice *ret_document)
{
    struct pawl_cycles *cycles = call->cycles;
    pawl_json_object_end(&cycles->document_writer);
    struct pawl_slice document = pawl_buf_slice(&cycles->document);
    if (cycles->document.overflowed || document.bytes > PAWL_METADATA_BYTES_MAX) {
        pawl_body_refuse(call, "metadata",
                         "what is kept of the request (subject, action, metadata, metrics) takes "
                         "more than %d bytes",
                         PAWL_METADATA_BYTES_MAX);
        return false;
    }
    *ret_document = document;
    return true;
}

void pawl_document_read(struct pawl_arena *arena,
                        struct pawl_slice document,
                        struct pawl_json *ret_json)
{
    static const struct pawl_json_node empty = {
        .type = PAWL_JSON_OBJECT, .next = PAWL_JSON_NONE, .key = PAWL_JSON_NONE};
    const struct pawl_json_limits limits = {.depth_max = 70, .nodes_max = PAWL_CYCLES_NODES_MAX};
    if (!pawl_json_parse(arena, document, PAWL_JSON_BODY, limits, ret_json)) {
        *ret_json = (struct pawl_json){.nodes = &empty, .count = 1, .profile = PAWL_JSON_BODY};
    }
}

struct pawl_slice pawl_document_member(const struct pawl_json *json, const char *name)
{
    return pawl_json_raw(json, pawl_json_get(json, 0, name));
}
