/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h: the read model of a server's reservations: one SQLite file, filled from durable
 * batches on a thread of its own, outside the path of any answer. From it come lists, what a
 * reservation that is over was, and whose it is. The journal is the truth: the file may lag, and it
 * may be removed and is then made again from the journal.
 *
 * The engine's thread only copies a batch's bytes into a queue; decoding and writing are the
 * archive's thread's. Where the queue is full, batches are left out and read back from the journal
 * when there is room again (pawl_archive_turn): nothing waits for the archive, and memory is
 * bounded.
 *
 * A query waits until the file has the operation that it needs, for a while, and runs on a second
 * thread with a connection of its own. It reads sorted entries and never a whole table, and its
 * work has a limit: a query that comes there answers with what it has, and where to go on.
 *
 * A disk that fails makes the archive answer BROKEN; it tries again every second. A file that is
 * damaged, of another version or not this journal's is renamed to "PATH.aside" and made again, and
 * so is one that somebody removed or replaced meanwhile.
 *
 * All functions but pawl_archive_open are for the thread of the engine.
 */
#ifndef PAWL_ARCHIVE_ARCHIVE_H
#define PAWL_ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/command.h"
#include "journal/journal.h"

struct pawl_engine;
struct pawl_archive;

struct pawl_archive_options {
    const char *path;
    uint64_t queue_bytes_max; /* 0: 256 MiB */
    int64_t keep_us;          /* how long what is over is kept, in the ledger's time; 0: 30 days */
    /* Something was answered, or there is room for what is missing: the host calls collect and turn
     * from its loop. On any thread. */
    void (*wake)(void *arg);
    void *wake_arg;
};

PAWL_MUST_CHECK pawl_err pawl_archive_open(const struct pawl_archive_options *options,
                                           struct pawl_archive **ret_archive,
                                           struct pawl_errmsg *msg);
/* Writes what is queued and frees; open requests are answered with SHUT_DOWN first. */
void pawl_archive_close(struct pawl_archive *archive);
/* Takes a durable batch (pawl_engine_options.durable_batch). Copies it or, without room, notes that
 * it is missing. */
void pawl_archive_feed(struct pawl_archive *archive, const struct pawl_journal_batch *batch);
/* From the loop, once after the engine was opened and then now and then: what is missing is read
 * back from the journal, about a MiB a call. true: there is more to do, call again soon. */
bool pawl_archive_turn(struct pawl_archive *archive, struct pawl_engine *engine);

/* --- Queries ---------------------------------------------------------------------------------- */

enum pawl_archive_status { /* in the order of their names, in which lists sort them */
                           PAWL_ARCHIVE_ACTIVE = 1,
                           PAWL_ARCHIVE_COMMITTED = 2,
                           PAWL_ARCHIVE_EXPIRED = 3,
                           PAWL_ARCHIVE_RELEASED = 4
};

enum pawl_archive_sort {
    PAWL_ARCHIVE_BY_CREATED = 0, /* also by id, which gives the order of creation, and by tenant */
    PAWL_ARCHIVE_BY_EXPIRES = 1,
    PAWL_ARCHIVE_BY_RESERVED = 2,
    PAWL_ARCHIVE_BY_SCOPE = 3,
    PAWL_ARCHIVE_BY_STATUS = 4
};

enum { PAWL_ARCHIVE_PATH_BYTES = 832 }; /* six levels with their names, and a NUL */

/* Where the next page begins: behind this row. */
struct pawl_archive_place {
    uint64_t op;                        /* 0: at the beginning */
    int64_t number;                     /* what it sorts by, unless that is op or a text */
    char text[PAWL_ARCHIVE_PATH_BYTES]; /* BY_SCOPE: the path; else empty */
};

struct pawl_archive_query {
    uint64_t op; /* this reservation, whosever it is, and nothing else is read; 0: a list */
    struct pawl_slice tenant;
    uint8_t status;                             /* 0: any */
    struct pawl_slice levels[PAWL_LEVEL_COUNT]; /* empty: any; the tenant's is not read */
    struct pawl_slice idempotency_key;          /* empty: any */
    /* Inclusive, in milliseconds; INT64_MIN and INT64_MAX: open. */
    int64_t created_from_ms, created_to_ms;
    int64_t expires_from_ms, expires_to_ms;
    int64_t finalized_from_ms, finalized_to_ms; /* leaves out what has no such time */
    uint8_t sort;                               /* enum pawl_archive_sort */
    bool ascending;
    uint32_t limit; /* rows at most, 1 .. 1000 */
    struct pawl_archive_place after;
};

/* Fields of an initializer: every range is open. */
#define PAWL_ARCHIVE_EVER                                                                          \
    .created_from_ms = INT64_MIN, .created_to_ms = INT64_MAX, .expires_from_ms = INT64_MIN,        \
    .expires_to_ms = INT64_MAX, .finalized_from_ms = INT64_MIN, .finalized_to_ms = INT64_MAX

struct pawl_archive_row {
    uint64_t op; /* the reservation's operation */
    struct pawl_slice tenant;
    uint8_t status;
    uint16_t unit;
    int64_t reserved;
    int64_t committed; /* COMMITTED only */
    int64_t created_ms;
    int64_t expires_ms;
    int64_t finalized_ms; /* when it was committed or released; 0: neither */
    uint32_t extensions;
    struct pawl_slice scope_path; /* the deepest scope of the subject's levels, in lower case */
    struct pawl_slice idempotency_key;
    struct pawl_slice document;           /* the RESERVE's metadata as it was written: JSON */
    struct pawl_slice committed_document; /* the COMMIT's or RELEASE's, or empty */
};

enum pawl_archive_answer {
    PAWL_ARCHIVE_FOUND,  /* rows, maybe none */
    PAWL_ARCHIVE_BEHIND, /* the file did not get there in time */
    PAWL_ARCHIVE_BROKEN, /* it cannot be read or written: `why` */
    PAWL_ARCHIVE_SHUT_DOWN
};

struct pawl_archive_request {
    void (*done)(struct pawl_archive_request *request); /* on the loop, from collect */
    void *arg;
    /* The archive's, valid in done and until pawl_archive_release: */
    enum pawl_archive_answer answer;
    const char *why;
    const struct pawl_archive_row *rows;
    uint32_t row_count;
    /* There may be more behind `last`. A page may have fewer rows than the limit then, or none: the
     * work of one query has a limit as well. */
    bool more;
    struct pawl_archive_place last; /* for the next page's `after` */
    void *memory;
    struct pawl_archive_request *next;
};

/* Answers when the file has `needs_op`, or after timeout_ms without it. Texts of the query are
 * copied; the request is the caller's and lies still until it is answered. */
void pawl_archive_ask(struct pawl_archive *archive,
                      const struct pawl_archive_query *query,
                      uint64_t needs_op,
                      uint32_t timeout_ms,
                      struct pawl_archive_request *request);
/* Runs `done` of whatever was answered. */
void pawl_archive_collect(struct pawl_archive *archive);
void pawl_archive_release(struct pawl_archive_request *request);

/* For metrics. */
struct pawl_archive_stats {
    uint64_t op; /* everything up to it is in the file */
    uint64_t queued_bytes;
    uint64_t rows;
    uint64_t set_aside; /* how often the file was made again */
    bool missing;       /* batches were left out and are being read back */
    bool broken;
};
void pawl_archive_stats(struct pawl_archive *archive, struct pawl_archive_stats *ret_stats);

#endif
