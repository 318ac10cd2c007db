/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.h: the one door to the ledger for whoever spends. A gateway does not know whether
 * the ledger is in this process or behind a socket.
 *
 * An operation is submitted and answered later: `done` runs on the loop's thread when the
 * answer, a refusal included, is durable. Nothing may be told to anybody before that. The
 * structure is the caller's and must live until then.
 *
 * Where nobody waits for the answer, the caller says so with `lazy`: the operation starts no sync
 * by itself. It becomes durable with the next one that somebody waits for, and without one within
 * PAWL_LAZY_US. That is for what a crash may take back without harm, like the settlement of a hold
 * that is on disk: after the crash the hold is booked in full.
 */
#ifndef PAWL_ENGINE_AUTHORITY_H
#define PAWL_ENGINE_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/command.h"
#include "core/core.h"
#include "core/result.h"
#include "engine/lend.h"

enum { PAWL_LAZY_US = 5000 };

struct pawl_op {
    void (*done)(struct pawl_op *op); /* never NULL */
    void *arg;                        /* the caller's */
    bool lazy;                        /* the caller's: nobody waits for it */
    uint64_t needs_op;                /* the engine's: durable once the journal has this one */
    struct pawl_op *next;             /* the engine's */
    struct pawl_result result;        /* valid when done runs; `expired` is NULL by then */
};

/* A limit that others spend on too, where it is what binds. */
struct pawl_shared_limit {
    bool unreachable;        /* whoever holds it does not answer: nothing is known */
    const char *why;         /* … and what went wrong; valid until the next call */
    struct pawl_limit limit; /* `spent` with what is known here already, `held` by others only */
};

/* What is set aside for a last call. */
struct pawl_keep {
    int64_t shared; /* of each shared limit, though never more than half of it; 0: nothing */
    int64_t own;    /* what the caller keeps of the subject's own budgets by itself */
};

struct pawl_authority;

struct pawl_authority_ops {
    /* The command's texts are borrowed for the call only. done never runs inside the call. */
    void (*submit)(struct pawl_authority *authority,
                   const struct pawl_command *command,
                   struct pawl_op *op);
    /* What a subject could still take, as far as this side knows, at once. It promises
     * nothing: only a reserve does. See pawl_core_quote. */
    uint16_t (*quote)(struct pawl_authority *authority,
                      const struct pawl_subject *subject,
                      struct pawl_slice phase,
                      const uint16_t *units,
                      uint32_t unit_count,
                      struct pawl_quote *ret_quotes,
                      struct pawl_denial *ret_denial);
    /* The ledger's time. */
    int64_t (*now_us)(struct pawl_authority *authority);
    /* Whether in this unit a shared limit has less than everything that is this ledger's own: what
     * is free now (`at_best` false), or what would be if all holds came back. Whoever asks is short
     * of it, and others are told. NULL: there are none. */
    bool (*shared)(struct pawl_authority *authority,
                   const struct pawl_subject *subject,
                   uint16_t unit,
                   bool at_best,
                   struct pawl_shared_limit *ret_shared);
    /* Sets aside what the subject's last call needs of a unit, on limits that others spend on too:
     * nobody gets it until the next word here, and other calls are let through only when it is
     * there. false: no such limit counts the unit; else what the limits leave beside it, now and at
     * best. NULL: there are none. */
    bool (*keep)(struct pawl_authority *authority,
                 uint16_t unit,
                 const struct pawl_keep *keep,
                 int64_t *ret_free,
                 int64_t *ret_room);
};

struct pawl_authority {
    const struct pawl_authority_ops *ops;
};

#endif
