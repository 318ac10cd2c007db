/* SPDX-License-Identifier: Apache-2.0 */
/*
 * halt.c: see halt.h. One table says what each status is called in each dialect; none of these
 * names is one that an SDK retries.
 */
#include "gateway/halt.h"

#include "base/assert.h"
#include "base/json.h"

static const struct {
    int status;
    const char *anthropic;
    const char *openai;
    const char *gemini;
} types[] = {
    {402, "billing_error", "insufficient_quota", "FAILED_PRECONDITION"},
    {400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"},
    {403, "permission_error", "invalid_request_error", "PERMISSION_DENIED"},
    {404, "not_found_error", "invalid_request_error", "NOT_FOUND"},
    {413, "request_too_large", "invalid_request_error", "INVALID_ARGUMENT"},
    {426, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION"},
    {502, "api_error", "api_error", "UNAVAILABLE"},
    {503, "overloaded_error", "server_error", "UNAVAILABLE"},
};

static int status_of(const struct pawl_halt *halt)
{
    return halt->status == 0 ? PAWL_HALT_STATUS : halt->status;
}

/* The words alone, for a refusal that is meant to stop the client. */
static bool is_plain(const struct pawl_halt *halt)
{
    bool responses = halt->dialect == PAWL_DIALECT_OPENAI_RESPONSES ||
                     halt->dialect == PAWL_DIALECT_OPENAI_COMPACT;
    return halt->codex && responses && status_of(halt) == PAWL_HALT_STATUS;
}

int pawl_halt_status(const struct pawl_halt *halt)
{
    return is_plain(halt) ? 400 : status_of(halt);
}

static const char *type_of(const struct pawl_halt *halt)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(types); ++i) {
        if (types[i].status == status_of(halt)) {
            return halt->dialect == PAWL_DIALECT_ANTHROPIC ? types[i].anthropic : types[i].openai;
        }
    }
    return "api_error";
}

static const char *gemini_status_of(const struct pawl_halt *halt)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(types); ++i) {
        if (types[i].status == status_of(halt)) {
            return types[i].gemini;
        }
    }
    return "UNKNOWN";
}

static void put_details(struct pawl_json_writer *writer, const struct pawl_halt *halt)
{
    if (!pawl_slice_empty(halt->details)) {
        pawl_json_key(writer, "details");
        pawl_json_put_raw(writer, halt->details);
    }
}

/* {"type":"error","error":{"type":…,"message":…}} */
static void put_anthropic(struct pawl_json_writer *writer, const struct pawl_halt *halt)
{
    pawl_json_member_str(writer, "type", "error");
    pawl_json_key(writer, "error");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "type", type_of(halt));
    pawl_json_member_string(writer, "message", halt->message);
    pawl_json_member_str(writer, "code", halt->code);
    put_details(writer, halt);
    pawl_json_object_end(writer);
}

/* {"error":{"message":…,"type":…,"param":null,"code":…}} */
static void put_openai(struct pawl_json_writer *writer, const struct pawl_halt *halt)
{
    pawl_json_key(writer, "error");
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "message", halt->message);
    pawl_json_member_str(writer, "type", type_of(halt));
    pawl_json_key(writer, "param");
    pawl_json_put_null(writer);
    pawl_json_member_str(writer, "code", halt->code);
    put_details(writer, halt);
    pawl_json_object_end(writer);
}

/* {"error":{"code":402,"message":…,"status":"FAILED_PRECONDITION"}} */
static void put_gemini(struct pawl_json_writer *writer, const struct pawl_halt *halt)
{
    pawl_json_key(writer, "error");
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "code", status_of(halt));
    pawl_json_member_string(writer, "message", halt->message);
    pawl_json_member_str(writer, "status", gemini_status_of(halt));
    pawl_json_member_str(writer, "reason", halt->code);
    put_details(writer, halt);
    pawl_json_object_end(writer);
}

static void put_body(const struct pawl_halt *halt, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    switch (halt->dialect) {
    case PAWL_DIALECT_ANTHROPIC:
        put_anthropic(&writer, halt);
        break;
    case PAWL_DIALECT_OPENAI_CHAT:
    case PAWL_DIALECT_OPENAI_RESPONSES:
    case PAWL_DIALECT_OPENAI_COMPACT:
    case PAWL_DIALECT_OPENAI_LEGACY:
    case PAWL_DIALECT_OPENAI_EMBED:
        put_openai(&writer, halt);
        break;
    case PAWL_DIALECT_GEMINI:
    case PAWL_DIALECT_GEMINI_EMBED:
        put_gemini(&writer, halt);
        break;
    case PAWL_DIALECT_COUNT:
        PAWL_UNREACHABLE();
    }
    pawl_json_object_end(&writer);
}

void pawl_halt_body(const struct pawl_halt *halt,
                    struct pawl_buf *out,
                    const char **ret_content_type)
{
    if (is_plain(halt)) {
        pawl_buf_append_slice(out, halt->message);
        *ret_content_type = "text/plain; charset=utf-8";
    } else {
        put_body(halt, out);
        *ret_content_type = "application/json";
    }
}

/* --- Events --------------------------------------------------------------------------------- */

static void put_failed_response(struct pawl_json_writer *writer, const struct pawl_halt *halt)
{
    pawl_json_key(writer, "response");
    pawl_json_object_begin(writer);
    pawl_json_member_string(writer, "id", halt->response_id);
    pawl_json_member_str(writer, "object", "response");
    pawl_json_member_i64(writer, "created_at", 0);
    pawl_json_member_str(writer, "status", "failed");
    pawl_json_member_string(writer, "model", halt->model);
    pawl_json_key(writer, "error");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "code", "invalid_prompt");
    pawl_json_member_string(writer, "message", halt->message);
    pawl_json_object_end(writer);
    pawl_json_key(writer, "output");
    pawl_json_array_begin(writer);
    pawl_json_array_end(writer);
    pawl_json_key(writer, "usage");
    pawl_json_put_null(writer);
    pawl_json_object_end(writer);
}

/* One event that ends every client at once. response.failed with the code "invalid_prompt" is what
 * Codex and the Vercel SDK take as final, and OpenAI's own SDKs hand it to their callers as any
 * other event; those throw at data that has an error at its top, in an event of any name. Codex
 * takes "event: error" for a broken connection and asks again. */
static void put_responses_event(const struct pawl_halt *halt, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_buf_append_str(out, "event: response.failed\ndata: ");
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "type", "response.failed");
    pawl_json_member_i64(&writer, "sequence_number", halt->sequence);
    put_failed_response(&writer, halt);
    if (!halt->codex) {
        put_openai(&writer, halt);
    }
    pawl_json_object_end(&writer);
}

/* {"candidates":[{"content":{"role":"model","parts":[{"text":MESSAGE}]},"index":0}]} */
static void put_gemini_text(const struct pawl_halt *halt, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_key(&writer, "candidates");
    pawl_json_array_begin(&writer);
    pawl_json_object_begin(&writer);
    pawl_json_key(&writer, "content");
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "role", "model");
    pawl_json_key(&writer, "parts");
    pawl_json_array_begin(&writer);
    pawl_json_object_begin(&writer);
    pawl_json_member_string(&writer, "text", halt->message);
    pawl_json_object_end(&writer);
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
    pawl_json_member_i64(&writer, "index", 0);
    pawl_json_object_end(&writer);
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
}

static void put_gemini_event(const struct pawl_halt *halt, bool line_open, struct pawl_buf *out)
{
    static const struct {
        const char *front;
        const char *behind;
    } around[] = {
        [PAWL_HALT_EVENT] = {"data: ", "\n\n"}, [PAWL_HALT_BARE] = {"", "\n"},
        [PAWL_HALT_SHOWN] = {"data: ", "\n\n"}, [PAWL_HALT_FIRST_ITEM] = {"[", "]\n"},
        [PAWL_HALT_LAST_ITEM] = {",\n", "]\n"},
    };
    if (line_open && halt->form <= PAWL_HALT_SHOWN) {
        pawl_buf_append_str(out, "\n\n");
    }
    pawl_buf_append_str(out, around[halt->form].front);
    if (halt->form == PAWL_HALT_SHOWN) {
        put_gemini_text(halt, out);
    } else {
        put_body(halt, out);
    }
    pawl_buf_append_str(out, around[halt->form].behind);
}

void pawl_halt_event(const struct pawl_halt *halt, bool line_open, struct pawl_buf *out)
{
    bool gemini =
        halt->dialect == PAWL_DIALECT_GEMINI || halt->dialect == PAWL_DIALECT_GEMINI_EMBED;
    if (gemini) {
        put_gemini_event(halt, line_open, out);
        return;
    }
    if (line_open) {
        pawl_buf_append_str(out, "\n\n");
    }
    switch (halt->dialect) {
    case PAWL_DIALECT_ANTHROPIC:
        pawl_buf_append_str(out, "event: error\ndata: ");
        put_body(halt, out);
        break;
    case PAWL_DIALECT_OPENAI_CHAT:
    case PAWL_DIALECT_OPENAI_LEGACY:
    case PAWL_DIALECT_OPENAI_EMBED:
        pawl_buf_append_str(out, "data: ");
        put_body(halt, out);
        break;
    case PAWL_DIALECT_OPENAI_RESPONSES:
    case PAWL_DIALECT_OPENAI_COMPACT:
        put_responses_event(halt, out);
        break;
    case PAWL_DIALECT_GEMINI:
    case PAWL_DIALECT_GEMINI_EMBED:
    case PAWL_DIALECT_COUNT:
        PAWL_UNREACHABLE();
    }
    pawl_buf_append_str(out, "\n\n");
}
