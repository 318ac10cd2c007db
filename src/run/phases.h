/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phases.h: the phases of a run: which there are, what each may use, which tool calls belong to
 * which, and what each has used. Ceilings are budgets of the session in the ledger; a phase without
 * a ceiling in some unit has a budget there that never binds, so that what it used is known.
 * docs/PHASES.md is the page for users.
 *
 * Time is used by the phase in which the run is. It is booked when that changes, at the end, and
 * now and then in between, each time exactly what has passed since.
 */
#ifndef PAWL_RUN_PHASES_H
#define PAWL_RUN_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/core.h"
#include "engine/authority.h"
#include "gateway/phase.h"
#include "policy/policy.h"
#include "run/account.h"
#include "run/run.h"

struct pawl_run;

enum { PAWL_PHASE_NAME_BYTES = 33, PAWL_PHASE_MATCH_BYTES = 513 };

struct pawl_phase_cap {
    bool set;
    int64_t amount;
    int64_t permille; /* of the run's cap, in place of an amount; 0: the amount counts */
};

struct pawl_phase_plan {
    char name[PAWL_PHASE_NAME_BYTES];
    struct pawl_phase_cap caps[PAWL_CAP_COUNT];
    enum pawl_phase_mode mode;
    bool mode_given;                    /* by a flag */
    char match[PAWL_PHASE_MATCH_BYTES]; /* the user's patterns, see policy/tool_kind.h */
    int64_t before[PAWL_CAP_COUNT];     /* what the run before had spent in it, … */
};

/* … that this one goes on with: what each of its phases had, and has spent. */
struct pawl_phase_before {
    char name[PAWL_PHASE_NAME_BYTES];
    int64_t limit[PAWL_CAP_COUNT]; /* -1: none */
    int64_t spent[PAWL_CAP_COUNT];
};
struct pawl_phases_before {
    struct pawl_phase_before phases[PAWL_PHASES_MAX];
    int count;
};

/* The first is implementation, the second verification. */
struct pawl_run_phases {
    struct pawl_phase_plan phases[PAWL_PHASES_MAX];
    int count;
};

/* "refuse", "halt", "ask". */
const char *pawl_phase_mode_name(enum pawl_phase_mode mode);

void pawl_phases_init(struct pawl_run_phases *phases);
/* PHASE_NONE: there is none of that name. */
int pawl_phases_find(const struct pawl_run_phases *phases, struct pawl_slice name);
/* The policy's field of a ceiling. */
enum pawl_policy_field_id pawl_phases_field(enum pawl_run_cap_index index);
/* What the policy says. INVALID: there are too many, or a name is none. */
PAWL_MUST_CHECK pawl_err pawl_phases_from_policy(struct pawl_run_phases *phases,
                                                 const struct pawl_policy *policy,
                                                 struct pawl_errmsg *msg);
/* "verification=$0.40,10m": a name and ceilings, on top of what there is. */
PAWL_MUST_CHECK pawl_err pawl_phases_parse(struct pawl_run_phases *phases,
                                           const char *text,
                                           struct pawl_errmsg *msg);
/* An item of such a text as a field of a policy, and its value: "10m" is PHASES_TIME. false: it is
 * none. */
PAWL_MUST_CHECK bool pawl_phases_item(struct pawl_slice item,
                                      enum pawl_policy_field_id *ret_field,
                                      struct pawl_slice *ret_value);
/* Ceilings and what was spent, of the run that this one goes on with. INVALID as above. */
PAWL_MUST_CHECK pawl_err pawl_phases_carry(struct pawl_run_phases *phases,
                                           const struct pawl_phases_before *before,
                                           struct pawl_errmsg *msg);
/* Flags of such a run: what they name is added to what a phase has. Their shares are amounts. */
PAWL_MUST_CHECK pawl_err pawl_phases_add(struct pawl_run_phases *phases,
                                         const struct pawl_run_phases *added,
                                         struct pawl_errmsg *msg);
/* Makes amounts of shares. */
void pawl_phases_resolve(struct pawl_run_phases *phases,
                         const struct pawl_run_cap caps[static PAWL_CAP_COUNT]);
/* The phase of a tool call; PHASE_NONE: it says nothing. */
int pawl_phases_of_tool(const struct pawl_run_phases *phases,
                        struct pawl_slice name,
                        struct pawl_slice arguments);

/* --- What was used (phase_books.c) ----------------------------------------------------------- */

/* The budgets of one phase; a limit of -1: it has none. */
void pawl_phases_account(const struct pawl_core *core,
                         const char *run_id,
                         int64_t now_us,
                         const char *phase,
                         struct pawl_account *ret_account);

/* "phases": what the ledger knows of a run's phases, each with limit and spent by unit; what is
 * held counts as spent. */
void pawl_phases_put_books(const struct pawl_core *core,
                           const char *run_id,
                           int64_t now_us,
                           struct pawl_json_writer *writer);

/* Where each phase stands, for cards and status. */
struct pawl_phase_stand {
    const char *name;
    enum pawl_phase_mode mode;
    bool closed;
    struct pawl_account account;
};
struct pawl_phase_report {
    int count;
    int current;
    bool by_hand;
    struct pawl_phase_stand stands[PAWL_PHASES_MAX];
};
/* "phases": a list of objects, as docs/CONTRACTS.md has it. */
void pawl_phase_report_put(const struct pawl_phase_report *report, struct pawl_json_writer *writer);

struct pawl_http_exchange;

/* --- Of a live run (phase_books.c) ----------------------------------------------------------- */

/* Opens the books of each phase, in the commit of the session's opening; and whether that was done,
 * behind it. */
struct pawl_phase_opening {
    int count;
    struct pawl_op ops[PAWL_PHASES_MAX * PAWL_CAP_COUNT];
};
void pawl_run_phases_open(struct pawl_run *run, struct pawl_phase_opening *opening);
bool pawl_run_phases_opened(const struct pawl_phase_opening *opening);
/* Books what the run before had spent in each, once they are open; looked at in the same way. */
void pawl_run_phases_carry(struct pawl_run *run, struct pawl_phase_opening *opening);
void pawl_run_phases_options(struct pawl_run *run, struct pawl_phase_options *ret_options);
/* Books the time since the last time, `at_least_ms` of it or none. */
void pawl_run_phases_book(struct pawl_run *run, int64_t at_least_ms);
/* What its agent should know of its phase now (phase_words.c); false: nothing. */
struct pawl_phase_told {
    bool entered;
    int percent; /* of the ceilings, that it was told of last */
};
bool pawl_run_phase_context(struct pawl_run *run, struct pawl_buf *out);
void pawl_run_phases_report(struct pawl_run *run, struct pawl_phase_report *ret_report);

/* The budget behind a ceiling of a phase; false: it has none in that unit, so nothing that could
 * be raised. */
bool pawl_run_phase_ceiling(struct pawl_run *run, int phase, uint16_t unit, uint64_t *ret_budget);
/* It was given more. */
void pawl_run_phases_reopen(struct pawl_run *run, int phase);
/* Where the phases stand, as an object. */
void pawl_run_phases_reply(struct pawl_run *run, struct pawl_http_exchange *exchange);
/* The phase of that name; NONE: there is none, and the exchange was told so. */
int pawl_run_phase_of(struct pawl_run *run,
                      struct pawl_http_exchange *exchange,
                      struct pawl_slice name);

#endif
