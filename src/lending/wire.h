/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h: the native API of limits and slices as text, for both ends of the socket
 * (docs/AUTHORITY.md, docs/CONTRACTS.md). Every answer has `result`, the ledger's code by name.
 */
#ifndef PAWL_LENDING_WIRE_H
#define PAWL_LENDING_WIRE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/json.h"
#include "engine/lend.h"
#include "lending/lender.h"

#define PAWL_WIRE_LIMITS "/v1/x-pawl/limits"
#define PAWL_WIRE_SLICES "/v1/x-pawl/slices"
#define PAWL_WIRE_COPY   "/v1/x-pawl/journal/copy"

enum { PAWL_WIRE_BYTES_MAX = 1 << 20, PAWL_WIRE_ARENA_BYTES = 4 << 20 };

/* --- Limits -------------------------------------------------------------------------------- */

/* Letters, digits and . _ -, not digits alone (a limit's number); empty: one is made up. */
bool pawl_wire_limit_name_ok(const char *name);

/* The members of a limit, inside an open object. */
void pawl_wire_write_limit(struct pawl_json_writer *writer, const struct pawl_limit *limit);
PAWL_MUST_CHECK bool pawl_wire_read_limit(const struct pawl_json *json,
                                          uint32_t node,
                                          struct pawl_arena *arena,
                                          struct pawl_limit *ret_limit);
/* "monday" … "sunday". */
const char *pawl_wire_weekday(uint8_t week_start);
/* false: it is none. */
PAWL_MUST_CHECK bool pawl_wire_weekday_of(struct pawl_slice name, uint8_t *ret_week_start);

/* --- The asker's side ---------------------------------------------------------------------- */

/* A request: its method, target and body. */
struct pawl_wire_request {
    const char *method;
    struct pawl_buf target;
    struct pawl_buf body;
};
void pawl_wire_request_init(struct pawl_wire_request *request);
void pawl_wire_request_free(struct pawl_wire_request *request);
void pawl_wire_write_ask(const struct pawl_lend_place *place,
                         const struct pawl_lend_request *lend,
                         struct pawl_wire_request *request);
/* false: not what was agreed. */
PAWL_MUST_CHECK bool pawl_wire_read_answer(struct pawl_slice body,
                                           struct pawl_lend_answer *ret_answer);
/* What an error body says, for people; "" where it says nothing. */
/* The name of a copy of the journal; false: the answer is none. */
PAWL_MUST_CHECK bool pawl_wire_read_copy(struct pawl_slice body, char *ret_name, size_t name_bytes);
void pawl_wire_read_message(struct pawl_slice body, struct pawl_errmsg *ret_msg);

/* --- The authority's side ------------------------------------------------------------------ */

/* Reads what a request asks; false, with the reason: it cannot be read. Texts live in the arena. */
struct pawl_wire_asked {
    struct pawl_lend_request lend;
    struct pawl_lend_place place;
};
PAWL_MUST_CHECK bool pawl_wire_read_look(struct pawl_slice query,
                                         struct pawl_arena *arena,
                                         struct pawl_wire_asked *ret_asked,
                                         struct pawl_errmsg *msg);
PAWL_MUST_CHECK bool pawl_wire_read_slice(struct pawl_slice body,
                                          struct pawl_arena *arena,
                                          struct pawl_wire_asked *asked,
                                          struct pawl_errmsg *msg);
PAWL_MUST_CHECK bool pawl_wire_read_change(struct pawl_slice body,
                                           struct pawl_arena *arena,
                                           struct pawl_limit *ret_limit,
                                           struct pawl_errmsg *msg);
/* Undoes percent signs, in the arena, with a NUL behind it. */
struct pawl_slice pawl_wire_decode(struct pawl_slice text, struct pawl_arena *arena);
void pawl_wire_write_answer(const struct pawl_lend_request *lend,
                            const struct pawl_lend_answer *answer,
                            struct pawl_buf *out);

#endif
