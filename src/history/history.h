/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h: the read model. One SQLite file for a whole data directory, filled from durable
 * records on a thread of its own, outside the path of any answer. It may lag and it may be rebuilt:
 * the journals are the truth. Several processes write it at once (WAL, busy time-out); feeding the
 * same record twice changes nothing.
 *
 * The writer takes records of one run. Readers open the same file for queries.
 */
#ifndef PAWL_HISTORY_HISTORY_H
#define PAWL_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/result.h"
#include "journal/record.h"

struct pawl_history;

/* Makes the file and brings its schema up to date if need be. `run_id` NULL: for reading only, also
 * where nothing can be written.
 * With a run the file is opened by the thread, when the first record comes: what is wrong with it
 * is told by `ready`, `wait` and `close`. */
PAWL_MUST_CHECK pawl_err pawl_history_open(const char *path,
                                           const char *run_id,
                                           struct pawl_history **ret_history,
                                           struct pawl_errmsg *msg);
/* It was opened for reading where nothing can be written: no writer could be opened there. */
bool pawl_history_is_read_only(const struct pawl_history *history);
/* Copies the record into the queue. The disk is the thread's; only when the queue is full does the
 * caller wait for it, since nothing is dropped. After a failure (wait and close tell it) records
 * are ignored. */
void pawl_history_feed(struct pawl_history *history, const struct pawl_record *record);
/* Waits until the thread has opened the file. */
PAWL_MUST_CHECK pawl_err pawl_history_ready(struct pawl_history *history, struct pawl_errmsg *msg);
/* The last operation of the run that is in the file, once it is ready. */
uint64_t pawl_history_watermark(struct pawl_history *history);
/* Waits until `op` is in the file, at most `timeout_ms`. */
PAWL_MUST_CHECK pawl_err pawl_history_wait(struct pawl_history *history,
                                           uint64_t op,
                                           uint32_t timeout_ms);
/* Writes what is queued and frees. An error that the thread met is told here. */
PAWL_MUST_CHECK pawl_err pawl_history_close(struct pawl_history *history, struct pawl_errmsg *msg);

/* --- Queries ---------------------------------------------------------------------------------- */

/* From a history for reading, or from a writer's between a successful wait and the next record: its
 * thread does nothing then. */

/* Where each unit stands in an array of amounts, and in the names of the file's columns. */
enum pawl_history_unit {
    PAWL_HISTORY_MICROCENTS = 0,
    PAWL_HISTORY_TOKENS = 1,
    PAWL_HISTORY_TOOL_CALLS = 2,
    PAWL_HISTORY_ITERATIONS = 3,
    PAWL_HISTORY_WALL_CLOCK_MS = 4,
    PAWL_HISTORY_UNITS = 5
};

struct pawl_history_run {
    struct pawl_slice id;
    struct pawl_slice name;    /* what --name gave it, or empty */
    struct pawl_slice command; /* argv as one line, shell-quoted */
    struct pawl_slice argv;    /* as a JSON array */
    struct pawl_slice cwd;
    int64_t started_us;
    int64_t ended_us;         /* 0: no end is known */
    struct pawl_slice state;  /* "active", "paused", "ended" */
    struct pawl_slice reason; /* "completed", "capped", "killed", "failed", "cap", … or empty */
    uint16_t unit;            /* of the cap that fired; 0: none */
    bool hard_stop;
    int status;       /* pawl's exit status; -1: none */
    int agent_status; /* -1: none */
    int agent_signal;
    int64_t limit[PAWL_HISTORY_UNITS]; /* -1: none */
    int64_t spent[PAWL_HISTORY_UNITS];
    int64_t unconfirmed_microcents;
    int64_t overshoot_microcents;
    uint64_t calls;
    uint64_t refusals;
    uint64_t approvals_asked;
    uint64_t approvals_given;
    uint64_t batches;               /* let through unmetered */
    struct pawl_slice resumed_from; /* the run that this one goes on with, or empty */
    struct pawl_slice before;   /* what that one and those before it had spent, JSON, or empty */
    struct pawl_slice end_note; /* the metadata of the end, JSON, or empty */
    struct pawl_slice policy;   /* these are empty where the run's pawl did not tell them */
    struct pawl_slice repo;     /* the main directory of its git repository */
    struct pawl_slice model;    /* that was known beforehand */
    struct pawl_slice baseline; /* what a dearer model was judged by at first, … */
    struct pawl_slice baseline_last; /* … and at last; empty: it was never known */
    struct pawl_slice phase;         /* the present one, or the last */
    struct pawl_slice origins;       /* {"UNIT":{"amount":…,"origin":"default"}}, JSON */
    bool attended;
    int64_t keep_ms;                   /* it may be removed so long after its end; 0: it is kept */
    int64_t first[PAWL_HISTORY_UNITS]; /* the limits it began with; -1: none */
    uint64_t watermark;                /* the last operation that all of this comes from */
};

struct pawl_history_call {
    uint64_t id; /* operation number of the reserve */
    int64_t at_us;
    int64_t settled_us; /* 0: open */
    /* "held", "settled", "released", "unconfirmed", "corrected", "refused" */
    struct pawl_slice state;
    struct pawl_slice dialect;
    struct pawl_slice model_asked;
    struct pawl_slice model;
    struct pawl_slice end;
    struct pawl_slice reason; /* of a refusal */
    int status;
    int64_t hold[PAWL_HISTORY_UNITS];
    int64_t spent[PAWL_HISTORY_UNITS];
    int64_t input; /* these five in tokens */
    int64_t cache_read;
    int64_t cache_write;
    int64_t output;
    int64_t reasoning; /* part of the output */
    int64_t tool_calls;
    int64_t duration_us;
    bool estimated;
    struct pawl_slice reserve_meta; /* JSON as it was written */
    struct pawl_slice settle_meta;
    struct pawl_slice phase; /* of the run when it was made, or empty */
};

struct pawl_history_model {
    struct pawl_slice model;
    uint64_t calls;
    int64_t microcents;
    int64_t input; /* these four in tokens */
    int64_t cache_read;
    int64_t cache_write;
    int64_t output;
};

struct pawl_history_approval {
    uint64_t id;
    int64_t at_us;
    int64_t answered_us;     /* 0: not yet */
    struct pawl_slice state; /* "pending", "approved", "denied", "expired" */
    struct pawl_slice kind;  /* "raise_cap", "model", "resume", "phase" */
    struct pawl_slice asked; /* a JSON array of amounts */
    struct pawl_slice given; /* likewise; empty: nothing */
    struct pawl_slice by;    /* who answered, or empty */
    bool unasked;            /* more was given without a question */
    struct pawl_slice phase; /* of kind "phase": which; else empty */
};

/* Something that happened in a run and is no call: a NOTE of a kind that is shown. */
struct pawl_history_mark {
    uint64_t id; /* its operation's number */
    int64_t at_us;
    uint16_t kind;          /* enum pawl_note_kind */
    struct pawl_slice note; /* its metadata, JSON */
};

struct pawl_history_filter {
    uint32_t limit;                 /* 0: all */
    struct pawl_slice id_prefix;    /* with or without "run_"; empty: any */
    struct pawl_slice name;         /* the whole of it; empty: any, or none */
    int64_t since_us;               /* 0: from the beginning */
    struct pawl_slice resumed_from; /* the runs that go on with that one; empty: any */
    bool dearest_first;             /* in dollars; else the newest first */
};

/* Each row is borrowed for the call; false stops the reading, which is no error. Newest run first;
 * calls in the order in which they were made. */
typedef bool pawl_history_run_fn(void *arg, const struct pawl_history_run *run);
typedef bool pawl_history_id_fn(void *arg, struct pawl_slice run_id, uint64_t watermark);
typedef bool pawl_history_call_fn(void *arg, const struct pawl_history_call *call);
typedef bool pawl_history_model_fn(void *arg, const struct pawl_history_model *model);
typedef bool pawl_history_approval_fn(void *arg, const struct pawl_history_approval *approval);
typedef bool pawl_history_mark_fn(void *arg, const struct pawl_history_mark *mark);

PAWL_MUST_CHECK pawl_err pawl_history_runs(struct pawl_history *history,
                                           const struct pawl_history_filter *filter,
                                           pawl_history_run_fn *fn,
                                           void *arg,
                                           struct pawl_errmsg *msg);
/* The ids, and up to which operation the file has each run, in no order. */
PAWL_MUST_CHECK pawl_err pawl_history_ids(struct pawl_history *history,
                                          pawl_history_id_fn *fn,
                                          void *arg,
                                          struct pawl_errmsg *msg);
/* Up to which operation the file has the run; 0: not at all. */
PAWL_MUST_CHECK pawl_err pawl_history_known_op(struct pawl_history *history,
                                               struct pawl_slice run_id,
                                               uint64_t *ret_op,
                                               struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_history_calls(struct pawl_history *history,
                                            struct pawl_slice run_id,
                                            pawl_history_call_fn *fn,
                                            void *arg,
                                            struct pawl_errmsg *msg);
/* Questions to a person, and marks, in their order. */
PAWL_MUST_CHECK pawl_err pawl_history_approvals(struct pawl_history *history,
                                                struct pawl_slice run_id,
                                                pawl_history_approval_fn *fn,
                                                void *arg,
                                                struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_history_marks(struct pawl_history *history,
                                            struct pawl_slice run_id,
                                            pawl_history_mark_fn *fn,
                                            void *arg,
                                            struct pawl_errmsg *msg);
/* Runs that may be removed at `now_us` (keep_ms after their end), the oldest first. */
PAWL_MUST_CHECK pawl_err pawl_history_due(struct pawl_history *history,
                                          int64_t now_us,
                                          uint32_t limit,
                                          pawl_history_id_fn *fn,
                                          void *arg,
                                          struct pawl_errmsg *msg);
/* Removes what is known of a run, but that it was there. `history` is one for reading that could be
 * written; a run's own directory goes first, or it would be fed again from there. */
PAWL_MUST_CHECK pawl_err pawl_history_forget(struct pawl_history *history,
                                             struct pawl_slice run_id,
                                             struct pawl_errmsg *msg);
/* A run that was removed, by its id or the beginning of it (with or without "run_"), or by name. */
struct pawl_history_gone {
    char id[24]; /* "": none */
    int64_t ended_us;
    int64_t keep_ms;
};
PAWL_MUST_CHECK pawl_err pawl_history_find_gone(struct pawl_history *history,
                                                struct pawl_slice text,
                                                struct pawl_history_gone *ret_gone,
                                                struct pawl_errmsg *msg);
/* By money, dearest first. */
PAWL_MUST_CHECK pawl_err pawl_history_models(struct pawl_history *history,
                                             struct pawl_slice run_id,
                                             pawl_history_model_fn *fn,
                                             void *arg,
                                             struct pawl_errmsg *msg);
/* The same of all runs that began at or after `since_us` in a repository. */
PAWL_MUST_CHECK pawl_err pawl_history_mix(struct pawl_history *history,
                                          struct pawl_slice repo,
                                          int64_t since_us,
                                          pawl_history_model_fn *fn,
                                          void *arg,
                                          struct pawl_errmsg *msg);

#endif
