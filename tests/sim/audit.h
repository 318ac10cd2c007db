/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h: an independent opinion on the ledger, in plain arithmetic. It is told every durable
 * record in order, keeps its own maps, shares no code with the core, and ends the program with a
 * sentence when something does not add up:
 *
 *   A1  no grant takes reserved + spent + debt of a window above what is allocated; only BOOK_FULL,
 *       a correction and a lowered limit may leave it there
 *   A2  exactly the budgets that bind the subject are charged, each with the line's amount
 *   A3  a reservation ends once: committed, released or expired; an unconfirmed one is corrected
 *       at most once
 *   A4  a hold is settled in the window in which it was taken, by exactly what was held
 *   A5  a key is used up once; a repeat names the first operation
 *   A6  a refusal changes nothing, and its numbers are the true ones
 *   A7  nothing is granted in a session that is paused, ended or out of time, nor on a frozen or
 *       closed budget
 *   A8  operations are 1, 2, 3, …; time does not go back
 *   A9  what was told before a crash is in the journal after it, the same (audit_recheck)
 */
#ifndef PAWL_TESTS_SIM_AUDIT_H
#define PAWL_TESTS_SIM_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "journal/record.h"

struct audit;

struct audit *audit_new(void);
void audit_free(struct audit *audit);

/* The next record, durable. */
void audit_record(struct audit *audit, const struct pawl_record *record);
/* A record read back from the journal after a restart: one that is known must be the same; one that
 * is not is the tail that nobody was told about, and counts from now on. */
void audit_recheck(struct audit *audit, const struct pawl_record *record);
/* A result that somebody was told: it must be the recorded one. */
void audit_answer(const struct audit *audit, const struct pawl_result *result);
/* The last operation that is known. */
uint64_t audit_last_op(const struct audit *audit);
/* Every total against what the ledger says. */
void audit_totals(const struct audit *audit, const struct pawl_core *core, int64_t now_us);
/* Gives the auditor the numbers of the budgets that a session's caps made, which no result names.
 */
void audit_learn_sessions(struct audit *audit, const struct pawl_core *core);

/* For the summary. */
struct audit_counts {
    uint64_t grants, denials, settled, expired, drained, replayed, overshoots, folded;
    uint64_t by_code[PAWL_RESULT_COUNT];
};
struct audit_counts audit_counts(const struct audit *audit);

#endif
