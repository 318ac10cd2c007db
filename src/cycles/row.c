/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.c: one reservation's members, from its row and from the document that its RESERVE carried.
 * One that was made natively has no such document, and shows its tenant and nothing else.
 */
#include "cycles/row.h"

#include "base/assert.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/operation.h"
#include "cycles/render.h"
#include "engine/engine.h"

const char *pawl_row_status_name(uint8_t status)
{
    switch (status) {
    case PAWL_ARCHIVE_ACTIVE:
        return "ACTIVE";
    case PAWL_ARCHIVE_COMMITTED:
        return "COMMITTED";
    case PAWL_ARCHIVE_RELEASED:
        return "RELEASED";
    default:
        PAWL_ASSERT(status == PAWL_ARCHIVE_EXPIRED);
        return "EXPIRED";
    }
}

static void render_subject(struct pawl_json_writer *writer,
                           const struct pawl_json *document,
                           struct pawl_slice tenant)
{
    struct pawl_slice subject = pawl_document_member(document, "subject");
    struct pawl_slice action = pawl_document_member(document, "action");
    if (subject.bytes > 0) {
        pawl_render_raw(writer, "subject", subject);
    } else {
        pawl_json_key(writer, "subject");
        pawl_json_object_begin(writer);
        pawl_json_member_string(writer, "tenant", tenant);
        pawl_json_object_end(writer);
    }
    pawl_render_raw(writer, "action",
                    action.bytes > 0 ? action
                                     : PAWL_SLICE("{\"kind\":\"native\",\"name\":\"native\"}"));
}

void pawl_render_row(struct pawl_json_writer *writer,
                     struct pawl_call *call,
                     const struct pawl_archive_row *row,
                     uint32_t parts)
{
    struct pawl_json document;
    char id[PAWL_ID_TEXT_BYTES];
    pawl_document_read(call->arena, row->document, &document);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "reservation_id",
                         pawl_engine_id_format(pawl_call_engine(call), row->op, id));
    pawl_json_member_str(writer, "status", pawl_row_status_name(row->status));
    if (row->idempotency_key.bytes > 0) {
        pawl_json_member_string(writer, "idempotency_key", row->idempotency_key);
    }
    render_subject(writer, &document, row->tenant);
    pawl_render_amount(writer, "reserved", (struct pawl_amount){row->unit, row->reserved});
    if (row->status == PAWL_ARCHIVE_COMMITTED) {
        pawl_render_amount(writer, "committed", (struct pawl_amount){row->unit, row->committed});
    }
    pawl_json_member_i64(writer, "created_at_ms", row->created_ms);
    pawl_json_member_i64(writer, "expires_at_ms", row->expires_ms);
    bool settled = row->status == PAWL_ARCHIVE_COMMITTED || row->status == PAWL_ARCHIVE_RELEASED;
    if (settled && row->finalized_ms > 0) {
        pawl_json_member_i64(writer, "finalized_at_ms", row->finalized_ms);
    }
    pawl_render_scope_list(writer, row->scope_path);
    if ((parts & PAWL_ROW_METADATA) != 0) {
        pawl_render_raw(writer, "metadata", pawl_document_member(&document, "metadata"));
    }
    if ((parts & PAWL_ROW_COMMITTED_METADATA) != 0 && row->status == PAWL_ARCHIVE_COMMITTED) {
        pawl_document_read(call->arena, row->committed_document, &document);
        pawl_render_raw(writer, "committed_metadata", pawl_document_member(&document, "metadata"));
    }
    pawl_json_object_end(writer);
}

/* --- An open one ---------------------------------------------------------------------------- */

bool pawl_row_of_open(struct pawl_call *call,
                      uint64_t reservation,
                      struct pawl_archive_row *ret_row,
                      bool *ret_refused)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_reservation_view view;
    const struct pawl_record *record = NULL;
    char path[PAWL_SCOPE_PATH_BYTES];
    *ret_refused = false;
    if (!pawl_core_reservation(core, reservation, &view) || view.state != PAWL_RESERVATION_HELD ||
        call->now_us / PAWL_US_PER_MS > view.expires_us / PAWL_US_PER_MS + view.grace_ms) {
        return false;
    }
    struct pawl_slice tenant = pawl_arena_copy(call->arena, view.tenant);
    if (!pawl_operation_read(call, reservation, &record)) {
        *ret_refused = true;
        return false;
    }
    const struct pawl_command *command = &record->command;
    PAWL_ASSERT(command->type == PAWL_COMMAND_RESERVE);
    size_t path_bytes = pawl_levels_path(command->u.reserve.subject.levels, path);
    *ret_row = (struct pawl_archive_row){
        .op = reservation,
        .tenant = tenant,
        .status = PAWL_ARCHIVE_ACTIVE,
        .unit = view.lines[0].unit,
        .reserved = view.lines[0].value,
        .created_ms = view.created_us / PAWL_US_PER_MS,
        .expires_ms = view.expires_us / PAWL_US_PER_MS,
        .extensions = view.extensions,
        .scope_path = pawl_arena_copy(call->arena, pawl_slice_of(path, path_bytes)),
        .idempotency_key = pawl_arena_copy(call->arena, command->idempotency_key),
        .document = pawl_arena_copy(call->arena, command->metadata)};
    return true;
}
