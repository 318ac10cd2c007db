/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.h: the run card, what is left of a run on stderr: for people, or as one JSON object.
 * Gathering the numbers is report.c's work; this is how they read.
 */
#ifndef PAWL_RUN_CARD_H
#define PAWL_RUN_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "gateway/limit.h"
#include "run/account.h"
#include "run/caps.h"
#include "run/failure.h"
#include "run/lending.h"
#include "run/phases.h"
#include "run/worktree.h"

/* Why a run ended (docs/RUN.md has the words' meaning). */
enum pawl_run_why {
    PAWL_WHY_COMPLETED,
    PAWL_WHY_FAILED,
    PAWL_WHY_SIGNAL,
    PAWL_WHY_CAP,
    PAWL_WHY_TIME,
    PAWL_WHY_REFUSED, /* a refusal latched that is about no cap */
    PAWL_WHY_STOPPED,
    PAWL_WHY_KEEPER,
    PAWL_WHY_NOT_STARTED,
    PAWL_WHY_COUNT
};
const char *pawl_run_why_name(enum pawl_run_why why);

struct pawl_card_model {
    struct pawl_slice model;
    uint64_t calls;
    int64_t microcents;
    int64_t input; /* cached tokens included */
    int64_t output;
};

struct pawl_card_call {
    bool known;
    uint64_t id;
    struct pawl_slice model;
    int64_t microcents;
    int64_t input;
    int64_t output;
};

/* A step of the ladder that was taken. */
struct pawl_card_step {
    const struct pawl_degrade_step *step;
    int64_t at_us;
};

enum {
    PAWL_CARD_MODELS_MAX = 16,
    PAWL_CARD_STEPS_MAX = PAWL_DEGRADE_STEPS_MAX,
    PAWL_CARD_TEXT_COLUMN = 14 /* where the text behind a label begins */
};

struct pawl_card {
    const char *run_id;
    const char *name;     /* NULL: none */
    const char *data_dir; /* said only when it was given on the command line; else NULL */
    int64_t started_us;
    int64_t ended_us;
    enum pawl_run_why why;
    bool hard_stop;
    bool killed;                     /* by pawl */
    uint16_t unit;                   /* of the cap that fired; 0: none */
    const char *limit;               /* CAP: the limit across runs that fired, or "" */
    const char *phase;               /* CAP: whose limit it is; NULL: the run's */
    int64_t more;                    /* CAP, TIME: of the unit, what would help; 0: nothing of it */
    const char *words;               /* CAP, REFUSED: of the refusal that latched */
    int status;                      /* of pawl */
    int agent_status;                /* -1: it did not end by itself */
    int agent_signal;                /* 0: none */
    const struct pawl_run_cap *caps; /* as requested; PAWL_CAP_COUNT of them */
    enum pawl_run_cap_index primary;
    const struct pawl_price *price; /* of the model of the first line, or the only one; or NULL */
    struct pawl_account account;    /* at the end */
    struct pawl_run_limits limits;  /* across runs, at the end */
    struct pawl_phase_report phases;
    bool phases_go_on; /* with what the run before had spent in them */
    int64_t unconfirmed_microcents;
    int64_t overshoot_microcents;
    bool unseen; /* nothing came to the gateway, so nothing can be said of what was spent */
    uint64_t calls;
    uint64_t refusals;
    uint64_t refused_tools;           /* of them, tool calls that a hook asked about */
    uint64_t failed;                  /* came to nothing, and cost nothing */
    char failure[PAWL_FAILURE_BYTES]; /* why the last of them did */
    uint64_t repeats;                 /* beside them: what came when the run was stopped already */
    uint64_t batches;                 /* let through, and not in these figures */
    uint64_t approvals_asked;
    uint64_t approvals_given;
    bool has_details; /* models and dearest were read from the history */
    uint32_t model_count;
    struct pawl_card_model models[PAWL_CARD_MODELS_MAX];
    struct pawl_card_call dearest;
    const struct pawl_card_step *steps;
    uint32_t step_count;
    struct pawl_worktree_changes files;
    struct pawl_slice notices; /* lines that could not be printed in time */
};

void pawl_card_text(const struct pawl_card *card, struct pawl_buf *out);
/* One line. */
void pawl_card_json(const struct pawl_card *card, struct pawl_buf *out);
/* The metadata of the last note (docs/CONTRACTS.md, NOTE kind 4), at most
 * PAWL_METADATA_BYTES_MAX. */
void pawl_card_end_note(const struct pawl_card *card, struct pawl_buf *out);

#endif
