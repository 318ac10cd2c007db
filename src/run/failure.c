/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c: see failure.h. The words are in the note of the call's end (docs/CONTRACTS.md). */
#include "run/failure.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"

enum { ARENA_BYTES = 1 << 16, ERROR_BYTES_SHOWN = 64 };

/* What comes from outside stays on its line and tells a terminal nothing. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        *text = byte < ' ' || byte >= 0x7f ? '?' : *text;
    }
}

const char *pawl_failure_words(const struct pawl_history_call *call,
                               char out[static PAWL_FAILURE_BYTES])
{
    struct pawl_arena arena;
    struct pawl_json json;
    out[0] = '\0';
    if (!pawl_slice_equal_str(call->state, "released")) {
        return out;
    }
    pawl_arena_init(&arena, ARENA_BYTES);
    bool read = pawl_json_parse(&arena, call->settle_meta, PAWL_JSON_FORWARD,
                                PAWL_JSON_LIMITS_DEFAULT, &json);
    struct pawl_slice why =
        read ? pawl_json_string(&json, pawl_json_get(&json, 0, "why"), &arena) : PAWL_SLICE_NONE;
    struct pawl_slice error =
        read ? pawl_json_string(&json, pawl_json_get(&json, 0, "error"), &arena) : PAWL_SLICE_NONE;
    if (call->status >= 400) {
        error = pawl_slice_sub(error, 0, ERROR_BYTES_SHOWN);
        (void)snprintf(out, PAWL_FAILURE_BYTES, "the provider answered %d%s%.*s%s",
                       (int)call->status, error.bytes > 0 ? " (" : "", (int)error.bytes,
                       error.bytes > 0 ? error.data : "", error.bytes > 0 ? ")" : "");
    } else if (why.bytes > 0) {
        (void)pawl_slice_copy_str(pawl_slice_sub(why, 0, PAWL_FAILURE_BYTES - 1), out,
                                  PAWL_FAILURE_BYTES);
    }
    pawl_arena_free(&arena);
    make_plain(out);
    return out;
}
