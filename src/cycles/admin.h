/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h: what the handlers of the governance plane share. A change is applied, its answer is
 * rendered from the state right after it and kept, and leaves when the change is durable; a read is
 * rendered and kept likewise, and leaves when all that it saw is durable. So no answer tells of
 * anything that came later and may still be lost.
 */
#ifndef PAWL_CYCLES_ADMIN_H
#define PAWL_CYCLES_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "cycles/body.h"
#include "cycles/call.h"
#include "cycles/subject.h"
#include "registry/scopes.h"

/* --- Words: lists up to NULL, in the order of the numbers behind them, from 1 on -------------- */

extern const char *const pawl_admin_tenant_states[]; /* enum pawl_tenant_state */
extern const char *const pawl_admin_directions[];    /* 1: ascending, 2: descending */
/* 0 where the value is absent. */
uint8_t pawl_admin_word(const struct pawl_value *value);

/* --- Times: ISO 8601 -------------------------------------------------------------------------- */

/* Reads a field of type STRING; absent is 0. false: refused. */
PAWL_MUST_CHECK bool pawl_admin_time(struct pawl_call *call,
                                     const char *field,
                                     const struct pawl_value *value,
                                     int64_t *ret_us);
/* "2026-06-15T10:00:00.500Z"; nothing for 0. */
void pawl_admin_write_time(struct pawl_json_writer *writer, const char *key, int64_t us);
/* A key's set, as a member. */
void pawl_admin_write_permissions(struct pawl_json_writer *writer, uint64_t permissions);

/* --- Who, and what may be touched ------------------------------------------------------------- */

/* Nobody changes limits from inside of a run: an agent would set its own. false: refused. To be
 * asked by everything that changes anything. */
PAWL_MUST_CHECK bool pawl_admin_may_change(struct pawl_call *call);
/* The tenant that a body is about: the key's own, and then the body must not name one; the
 * administrator names it, and it must be there. false: refused. */
PAWL_MUST_CHECK bool pawl_admin_body_tenant(struct pawl_call *call,
                                            const struct pawl_value *tenant_id,
                                            struct pawl_slice *ret_tenant);
/* The usual lease must not be longer than the largest one; 0: not set. `field` is the usual one's
 * name. false: refused. */
PAWL_MUST_CHECK bool pawl_admin_leases_fit(struct pawl_call *call,
                                           const char *field,
                                           int64_t usual_ms,
                                           int64_t largest_ms);
/* Whether the caller may touch the place: the key's tenant and scope filter. false: refused. */
PAWL_MUST_CHECK bool pawl_admin_may_touch(struct pawl_call *call, const struct pawl_place *place);

/* --- Answers ---------------------------------------------------------------------------------- */

/* The continuation of a change: what was kept, or why the ledger refused. The handler begins with
 * nothing kept, and keeps something before it returns if it sees that the change was made. */
void pawl_admin_send_kept(struct pawl_call *call);
/* Why it refused a command of this plane. */
void pawl_admin_refuse_result(struct pawl_call *call);

/* The operation for one of the registry's changes, which is answered with what was kept; the note
 * stands beside it. Whoever puts asks pawl_admin_may_answer right before: what is put stays, and
 * what memory was short for (caps, a filter) would be missing in it. */
struct pawl_op *pawl_admin_put(struct pawl_call *call);

/* Memory for the answer, before the change is made: a client would not know otherwise what it was
 * told of with a 500. false: there is none, and the call was refused. */
PAWL_MUST_CHECK bool pawl_admin_may_answer(struct pawl_call *call);

/* What the journal keeps beside a change: who asked, in which request, and why. `reason` and
 * `metadata` may be absent. Good until the next one. Comes last before the change: false where it
 * is more than the journal takes, or memory was short on the way, and the call was refused. */
PAWL_MUST_CHECK bool pawl_admin_note(struct pawl_call *call,
                                     const struct pawl_value *reason,
                                     const struct pawl_value *metadata,
                                     struct pawl_slice *ret_note);

#endif
