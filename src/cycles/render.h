/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h: answers from records: the same function writes the first answer, from the command and
 * result at hand, and every repeat, from those read back, so that the two are the same bytes but
 * for remaining_ttl_ms, which counts from now. Bodies are closed: nothing may be added to them,
 * since clients refuse what they don't know there, and a null is never written.
 */
#ifndef PAWL_CYCLES_RENDER_H
#define PAWL_CYCLES_RENDER_H

#include "base/json.h"
#include "core/command.h"
#include "core/core.h"
#include "core/result.h"
#include "cycles/scopes.h"

struct pawl_engine;

/* One operation as it was done. */
struct pawl_done {
    const struct pawl_engine *engine;
    const struct pawl_command *command;
    const struct pawl_result *result;
    struct pawl_slice caps; /* of RESERVE and DECIDE: a JSON object, or empty */
    int64_t now_us;         /* of the answer */
};

void pawl_render_reserve(struct pawl_json_writer *writer, const struct pawl_done *done);
void pawl_render_decide(struct pawl_json_writer *writer, const struct pawl_done *done);
void pawl_render_commit(struct pawl_json_writer *writer, const struct pawl_done *done);
void pawl_render_release(struct pawl_json_writer *writer, const struct pawl_done *done);
void pawl_render_extend(struct pawl_json_writer *writer, const struct pawl_done *done);
void pawl_render_event(struct pawl_json_writer *writer, const struct pawl_done *done);

/* --- Parts ---------------------------------------------------------------------------------- */

/* "name": and the JSON; nothing where there is none. */
void pawl_render_raw(struct pawl_json_writer *writer, const char *name, struct pawl_slice json);
/* "name":{"unit":…,"amount":…} */
void pawl_render_amount(struct pawl_json_writer *writer,
                        const char *name,
                        struct pawl_amount amount);
/* "affected_scopes":[…],"scope_path":"…" */
void pawl_render_scopes(struct pawl_json_writer *writer,
                        const struct pawl_slice levels[static PAWL_LEVEL_COUNT]);
/* The same of a path. */
void pawl_render_scope_list(struct pawl_json_writer *writer, struct pawl_slice path);
/* The reservation's id in `out`: rsv_…; that of a debit begins with evt_. */
enum { PAWL_RENDER_ID_BYTES = 40 };
struct pawl_slice pawl_render_event_id(const struct pawl_engine *engine,
                                       uint64_t op,
                                       char out[static PAWL_RENDER_ID_BYTES]);

/* What is left: less than nothing where more is owed than was given. */
int64_t pawl_standing_remaining(const struct pawl_standing *standing);

struct pawl_balance {
    struct pawl_slice path;
    uint16_t unit;
    struct pawl_standing standing;
};
/* One row: an object. */
void pawl_render_balance(struct pawl_json_writer *writer, const struct pawl_balance *balance);
/* Whether the protocol shows the budget at all: one of its units, no phase, a scope of levels. */
PAWL_MUST_CHECK bool pawl_balance_is_shown(const struct pawl_budget_place *place);
/* Of several budgets of one scope and unit the protocol shows one: that without a window, else the
 * one with the least left. Whether `a` goes before `b`. */
bool pawl_balance_before(uint8_t window_a,
                         const struct pawl_standing *a,
                         uint8_t window_b,
                         const struct pawl_standing *b);

#endif
