/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse.c: errors. One form for all of them: {error, message, request_id, trace_id, details}. The
 * code is one that clients know; the message says what was wrong and where; the details are for
 * programs.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "core/core.h"
#include "cycles/cycles_priv.h"
#include "cycles/denial.h"
#include "engine/engine.h"

struct error_row {
    int status;
    const char *wire;
};

#define PAWL_ERROR(NAME, code, word, meaning)                                                      \
    [PAWL_ERROR_##NAME] = {.status = (code), .wire = (word)},
static const struct error_row rows[PAWL_ERROR_COUNT] = {
#include "cycles/error.def"
};
#undef PAWL_ERROR

enum { MESSAGE_BYTES = 1024 };

int pawl_error_status(enum pawl_error error)
{
    PAWL_ASSERT((unsigned)error < PAWL_ERROR_COUNT);
    return rows[error].status;
}

const char *pawl_error_wire(enum pawl_error error)
{
    PAWL_ASSERT((unsigned)error < PAWL_ERROR_COUNT);
    return rows[error].wire;
}

static void send_error(struct pawl_call *call,
                       int status,
                       const char *wire,
                       const char *message,
                       struct pawl_slice details)
{
    struct pawl_json_writer *writer = pawl_call_json(call);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "error", wire);
    pawl_json_member_str(writer, "message", message);
    pawl_json_member_str(writer, "request_id", call->request_id);
    pawl_json_member_str(writer, "trace_id", call->trace_id);
    if (details.bytes > 0) {
        pawl_json_key(writer, "details");
        pawl_json_put_raw(writer, details);
    }
    pawl_json_object_end(writer);
    pawl_call_send(call, status, wire, PAWL_SLICE("application/json"),
                   pawl_buf_slice(&call->cycles->out));
}

/* A refusal tells of the ledger as an answer does: whose key it is and what it may, what is there
 * and what is not. So it does not leave before that is on disk (J7). */
static void refuse(struct pawl_call *call,
                   enum pawl_error error,
                   const char *message,
                   struct pawl_slice details)
{
    if (pawl_call_must_wait(call)) {
        pawl_call_keep_error(call, error, message, details);
    } else {
        send_error(call, pawl_error_status(error), pawl_error_wire(error), message, details);
    }
}

void pawl_call_refuse(struct pawl_call *call, enum pawl_error error, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    refuse(call, error, message, PAWL_SLICE_NONE);
}

void pawl_call_refuse_with(struct pawl_call *call,
                           enum pawl_error error,
                           struct pawl_slice details,
                           const char *format,
                           ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    refuse(call, error, message, details);
}

/* When a policy's minute is over. */
static void say_when(struct pawl_call *call, const struct pawl_result *result)
{
    int64_t reset_us = result->denial.resets_at_us;
    int64_t left_us = reset_us - result->now_us;
    int64_t seconds = left_us > 0 ? (left_us + PAWL_US_PER_SECOND - 1) / PAWL_US_PER_SECOND : 1;
    pawl_call_retry_after(call, seconds);
    struct pawl_slice at = pawl_arena_printf(
        call->arena, "%lld", (long long)result->now_us / PAWL_US_PER_SECOND + seconds);
    if (at.bytes > 0) {
        pawl_call_header(call, PAWL_SLICE("X-RateLimit-Reset"), at);
        pawl_call_header(call, PAWL_SLICE("X-RateLimit-Remaining"), PAWL_SLICE("0"));
    }
}

void pawl_call_refuse_result(struct pawl_call *call, const struct pawl_result *result)
{
    PAWL_ASSERT(result->code != PAWL_RESULT_OK);
    struct pawl_denial_words words;
    pawl_denial_say(pawl_engine_core(pawl_call_engine(call)), result, call->asked, call->arena,
                    &words);
    if (result->code == PAWL_RESULT_RATE_LIMITED) {
        say_when(call, result);
    } else if (words.retry_s > 0) {
        pawl_call_retry_after(call, words.retry_s);
    }
    send_error(call, pawl_result_http(result->code), pawl_result_wire(result->code), words.message,
               words.details);
}
