/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h: the ledger, a deterministic state machine: apply(core, now_us, command) -> result.
 * The same commands with the same times give the same state, digest and results on any machine.
 * No I/O, no clock, no allocation, no floating point; a gate checks it. docs/LEDGER.md has the
 * rules.
 *
 * Memory. State lives in chunks of PAWL_CHUNK_BYTES that the host supplies; slots hold no pointers,
 * only indexes, so a chunk's bytes can be written to a checkpoint and read back as they are.
 * Before each batch the host gives what pawl_core_chunks_wanted says the batch can need at worst;
 * apply never asks. Freed slots are zeroed, so equal histories have equal bytes.
 *
 * Money, for every budget and at every moment:
 *   L1  remaining = allocated - spent - reserved - debt, and reserved >= 0, debt >= 0
 *   L2  reserved of a window instance = the sum of the holds that point at it
 *   L3  a reservation is settled exactly once (committed, released or expired); an unconfirmed
 *       settlement is corrected at most once
 *   L4  a command that is not answered OK changes nothing but the operation number, time, and
 *       what had rolled or expired anyway; a decision (DECIDE, a dry run) is remembered under its
 *       key whichever way it went
 *   L5  no grant takes remaining below zero, whatever the overdraft limit; only what was used
 *       in the end can (overage.c)
 *   L6  a hold settles in the window instance in which it was taken
 *   L7  time never goes back: now_us is at least that of the operation before
 *
 * Reads are pure: they roll a copy of a window and change nothing.
 */
#ifndef PAWL_CORE_CORE_H
#define PAWL_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"
#include "core/command.h"
#include "core/result.h"

/* Raised whenever the same command could give another result or state than before
 * (docs/decisions/0018-an-upgrade-counts-from-the-last-checkpoint.md). */
#define PAWL_RULES_VERSION 4u

enum { PAWL_CHUNK_BYTES = 65536 };

/* The last time that the ledger takes: 4000 days before its timers end (in the year 2527), so that
 * whatever a command may add to the present still has a deadline. */
#define PAWL_NOW_US_MAX (((INT64_C(1) << 44) - INT64_C(4000) * 86400000) * 1000)

struct pawl_core;

/* --- Life ------------------------------------------------------------------------------------- */

/* Bytes of the root structure, which the host allocates (aligned to 64). */
size_t pawl_core_size(void);
/* An empty ledger that waits for its CONFIG. */
struct pawl_core *pawl_core_init(void *memory, size_t bytes);
/* How many more chunks `command_count` commands can need at worst. */
uint32_t pawl_core_chunks_wanted(const struct pawl_core *core, uint32_t command_count);
/* Takes a chunk of PAWL_CHUNK_BYTES, aligned to 64, of any content, for good. */
void pawl_core_give_chunk(struct pawl_core *core, void *chunk);
/* Hands every chunk back, one a call, in any order; NULL when there is none left. The core is dead
 * after the first call. */
void *pawl_core_take_chunk(struct pawl_core *core);

/* --- The one door ----------------------------------------------------------------------------- */

/* now_us >= the time of the operation before and <= PAWL_NOW_US_MAX (asserted: the engine
 * guarantees it). The first command must be CONFIG. Writes *ret_result, all but the deltas
 * beyond delta_count and the standings beyond standing_count. */
void pawl_core_apply(struct pawl_core *core,
                     int64_t now_us,
                     const struct pawl_command *command,
                     struct pawl_result *ret_result);

/* The last operation's number (0: none) and time. */
uint64_t pawl_core_op(const struct pawl_core *core);
int64_t pawl_core_now_us(const struct pawl_core *core);
const struct pawl_config *pawl_core_config(const struct pawl_core *core);
/* When the next lease, session or approval is due; INT64_MAX: nothing is. */
int64_t pawl_core_next_due_us(const struct pawl_core *core);

/* --- Reads ------------------------------------------------------------------------------------ */

struct pawl_budget_view {
    uint64_t id;
    uint32_t scope; /* for pawl_core_scope_path */
    uint16_t unit;
    uint8_t mode;
    uint8_t state; /* CLOSED where its tenant is */
    struct pawl_window window;
    struct pawl_slice phase; /* borrowed until the next apply */
    uint32_t ordinal;        /* of the current instance */
    int64_t window_start_us; /* 0 for a lifetime window and a fixed one not yet open */
    int64_t window_end_us;   /* INT64_MAX likewise */
    int64_t allocated;
    int64_t reserved;
    int64_t spent;
    int64_t debt;
    int64_t overdraft_limit;
    int64_t remaining; /* allocated - spent - reserved - debt; signed */
    bool over_limit;
    uint8_t overage; /* as it was created or set; 0: none of its own */
    int64_t created_us;
    int64_t updated_us;       /* of the last funding or BUDGET_SET, or the creation */
    struct pawl_slice tenant; /* borrowed until the next apply */
};

/* By id; by place; all, in the order of their creation (start with 0). */
PAWL_MUST_CHECK bool pawl_core_budget(const struct pawl_core *core,
                                      uint64_t budget,
                                      int64_t now_us,
                                      struct pawl_budget_view *ret_view);
/* Where a budget is, which never changes. */
struct pawl_budget_place {
    uint32_t scope;
    uint16_t unit;
    uint8_t window; /* enum pawl_window_kind */
    bool has_phase;
    bool of_levels; /* the scope: no dimension's, no session's */
};
PAWL_MUST_CHECK bool pawl_core_budget_place(const struct pawl_core *core,
                                            uint64_t budget,
                                            struct pawl_budget_place *ret_place);
PAWL_MUST_CHECK bool pawl_core_budget_find(const struct pawl_core *core,
                                           const struct pawl_scope_name *scope,
                                           struct pawl_slice phase,
                                           uint16_t unit,
                                           const struct pawl_window *window,
                                           uint64_t *ret_budget);
PAWL_MUST_CHECK bool
pawl_core_budget_next(const struct pawl_core *core, uint32_t *cursor, uint64_t *ret_budget);

/* Budgets whose path has every level that the filter gives, the tenant among them: the tree of
 * scopes is walked, and only where such a path can go on. In no promised order, but in the same one
 * as long as no budget is made; start with all zero. Looks at about `steps_max` scopes; *ret_budget
 * is 0 where that was not enough to find one. false: there are no more. */
struct pawl_budget_walk {
    uint32_t scope;
    uint32_t budget;
};
PAWL_MUST_CHECK bool pawl_core_budget_walk(const struct pawl_core *core,
                                           const struct pawl_scope_name *filter,
                                           uint32_t steps_max,
                                           struct pawl_budget_walk *walk,
                                           uint64_t *ret_budget);
/* Where a walk of the budget's tenant stands when it has come to this budget: what it would come
 * to next comes next. What is made meanwhile changes the order of nothing that was there, so a list
 * of pages has each of those once. false: there is no such budget. */
PAWL_MUST_CHECK bool pawl_core_budget_walk_at(const struct pawl_core *core,
                                              uint64_t budget,
                                              struct pawl_budget_walk *ret_walk);
/* "tenant:acme/workspace:web"; names and values percent-encode what is outside [A-Za-z0-9_.-],
 * and the first byte of a dimension's name that is also a level's. Writes at most `bytes` with a
 * NUL, returns the length that the whole path has. */
size_t pawl_core_scope_path(const struct pawl_core *core, uint32_t scope, char *out, size_t bytes);

/* What a subject could still take, per unit, over every budget that binds it now. */
struct pawl_quote {
    bool bound;        /* false: no budget of this unit applies */
    uint64_t budget;   /* the one with the least left */
    int64_t remaining; /* of that one; may be negative */
    /* The least over the budgets of allocated - spent - debt: what would be left if every hold
     * came back unused. */
    int64_t headroom;
    int64_t held;  /* reserved on the one with the least left */
    int64_t limit; /* its allocated */
    int64_t spent;
    int64_t resets_at_us; /* when its window ends and begins anew; 0: never by itself */
};
/* The code that a reserve of amount 0 would get now (OK, SESSION_PAUSED, BUDGET_FROZEN, …,
 * INVALID_REQUEST for a subject that no command may have), and one quote per unit asked for.
 * `denial` may be NULL. */
uint16_t pawl_core_quote(const struct pawl_core *core,
                         int64_t now_us,
                         const struct pawl_subject *subject,
                         struct pawl_slice phase,
                         const uint16_t *units,
                         uint32_t unit_count,
                         struct pawl_quote *ret_quotes,
                         struct pawl_denial *ret_denial);

enum pawl_reservation_state {
    PAWL_RESERVATION_HELD = 1,
    PAWL_RESERVATION_UNCONFIRMED = 2 /* expired, booked at the hold, open to a correction */
};

struct pawl_reservation_view {
    uint64_t id;
    uint8_t state;
    uint8_t overage;
    uint8_t on_expiry;
    int64_t created_us;
    int64_t expires_us;
    uint32_t extensions;
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
    struct pawl_slice session; /* borrowed until the next apply */
    struct pawl_slice tenant;  /* likewise */
    int64_t grace_ms;
    uint32_t extensions_max;
};
PAWL_MUST_CHECK bool pawl_core_reservation(const struct pawl_core *core,
                                           uint64_t reservation,
                                           struct pawl_reservation_view *ret_view);
/* Until when a reservation is held; false: it is not. */
PAWL_MUST_CHECK bool
pawl_core_lease(const struct pawl_core *core, uint64_t reservation, int64_t *ret_expires_us);
/* Open ones in slot order; start with 0. */
PAWL_MUST_CHECK bool pawl_core_reservation_next(const struct pawl_core *core,
                                                uint32_t *cursor,
                                                uint64_t *ret_reservation);

struct pawl_session_view {
    uint64_t id;
    uint32_t scope;
    uint8_t state;
    uint8_t reason;
    uint16_t unit; /* of the cap */
    int64_t opened_us;
    int64_t deadline_us;    /* INT64_MAX: none */
    struct pawl_slice name; /* borrowed until the next apply */
    struct pawl_slice phase;
    uint32_t open_holds;
};
PAWL_MUST_CHECK bool pawl_core_session(const struct pawl_core *core,
                                       struct pawl_slice tenant,
                                       struct pawl_slice name,
                                       struct pawl_session_view *ret_view);

struct pawl_approval_view {
    uint64_t id;
    uint8_t kind;
    uint8_t state;
    int64_t opened_us;
    int64_t expires_us; /* INT64_MAX: none */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
    struct pawl_slice session;
};
PAWL_MUST_CHECK bool pawl_core_approval(const struct pawl_core *core,
                                        uint64_t approval,
                                        struct pawl_approval_view *ret_view);

/* A tenant's state: NONE where it has no document. */
uint8_t pawl_core_tenant_state(const struct pawl_core *core, struct pawl_slice tenant);

struct pawl_document_view {
    uint64_t id;
    uint8_t kind;
    uint8_t state;
    struct pawl_slice tenant; /* borrowed until the next apply, as is the name */
    struct pawl_slice name;   /* the id that the host gave it */
    uint64_t version;
    int64_t created_us;
    int64_t updated_us;
    uint32_t body_bytes;
};
PAWL_MUST_CHECK bool pawl_core_document_find(const struct pawl_core *core,
                                             uint8_t kind,
                                             struct pawl_slice name,
                                             uint64_t *ret_document);
PAWL_MUST_CHECK bool pawl_core_document(const struct pawl_core *core,
                                        uint64_t document,
                                        struct pawl_document_view *ret_view);
/* All, in the order in which they were made; start with 0. */
PAWL_MUST_CHECK bool
pawl_core_document_next(const struct pawl_core *core, uint32_t *cursor, uint64_t *ret_document);
/* Copies the body, at most `bytes` of it; returns its whole length. */
size_t
pawl_core_document_body(const struct pawl_core *core, uint64_t document, char *out, size_t bytes);

/* Which operation answered a key that is still remembered, from a command of the type and with the
 * tenant (or the object) and key of `like`; its payload does not matter. */
PAWL_MUST_CHECK bool
pawl_core_key_find(const struct pawl_core *core, const struct pawl_command *like, uint64_t *ret_op);

/* Whether no record is free for the command's key. As many are kept as there are open reservations,
 * so that what was granted can be settled. NULL: of one that neither opens nor settles one. */
bool pawl_core_keys_full(const struct pawl_core *core, const struct pawl_command *command);

/* Occupation of the tables, for metrics and the bytes-per-reservation figure. */
struct pawl_core_stats {
    uint32_t strings, scopes, budgets, reservations, idempotency, sessions, approvals, documents;
    uint32_t chunks_used, chunks_free;
    /* Of one live reservation: its slot, both idempotency records, its shares of indexes and
     * timers. */
    uint64_t reservation_bytes;
};
void pawl_core_stats(const struct pawl_core *core, struct pawl_core_stats *ret_stats);

/* The oldest operation of which somebody may still ask the record: the first of all that made a
 * reservation which is open, or answered a key that is remembered. The next operation where there
 * is none. It never goes back. Goes through all reservations. */
uint64_t pawl_core_needed_op(const struct pawl_core *core);

/* --- Digest and checkpoint -------------------------------------------------------------------- */

/* Of the whole state. Expensive. */
uint64_t pawl_core_digest(const struct pawl_core *core);
/* Walks every table and asserts L1, L2 and the indexes' agreement. For tests and verification. */
void pawl_core_audit(const struct pawl_core *core);

/* A checkpoint is the root's bytes and then every used chunk, as they were when it began. Between
 * two calls of `next` any number of commands may be applied: a chunk that is about to change for
 * the first time is copied aside first. `next` returns false when everything was handed out, which
 * ends it. Chunks come in the order of their numbers, and are restored in that order. Where the
 * supply has no chunk for a copy, `apply` drops the snapshot: then it is not active any more. */
void pawl_core_snapshot_begin(struct pawl_core *core);
size_t pawl_core_snapshot_root(const struct pawl_core *core, void *out, size_t bytes);
PAWL_MUST_CHECK bool
pawl_core_snapshot_next(struct pawl_core *core, uint32_t *ret_number, void *out_chunk);
void pawl_core_snapshot_abort(struct pawl_core *core);
bool pawl_core_snapshot_active(const struct pawl_core *core);

/* Whether a root has other bytes than this code's, of an earlier or later version. */
PAWL_MUST_CHECK bool pawl_core_root_is_foreign(struct pawl_slice root);
/* The other way, into a fresh core: the root, then each chunk (memory is given with give_chunk
 * first; restore copies into it). false: not a state of ours. */
PAWL_MUST_CHECK bool pawl_core_restore_root(struct pawl_core *core, struct pawl_slice root);
PAWL_MUST_CHECK bool
pawl_core_restore_chunk(struct pawl_core *core, uint32_t number, struct pawl_slice chunk);
PAWL_MUST_CHECK bool pawl_core_restore_end(struct pawl_core *core);

#endif
