/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_priv.h: the archive's inside, shared by archive.c (the queue and the writer) and ask.c
 * (requests and the reader).
 *
 * Two locks. `lock` guards what both threads and the owner look at, and is held for moments.
 * `reading` is held by the reader for the length of a query; the writer takes it only to put the
 * file aside, which must be closed for that. Nobody takes `reading` while holding `lock`.
 */
#ifndef PAWL_ARCHIVE_ARCHIVE_PRIV_H
#define PAWL_ARCHIVE_ARCHIVE_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/apply.h"
#include "archive/archive.h"
#include "archive/db.h"

/* How often a file is made again since it was damaged. */
enum { PAWL_ARCHIVE_SPOILED_MAX = 3 };

/* A batch in the queue, with its bytes behind it. */
struct pawl_archive_item {
    struct pawl_archive_item *next;
    uint64_t first_op;
    uint64_t last_op;
    struct pawl_journal_hash hash;
    size_t bytes;
    char data[];
};

/* A request that waits, with the query's texts behind it. */
struct pawl_archive_waiting {
    struct pawl_archive_waiting *next;
    struct pawl_archive_request *request;
    struct pawl_archive_query query;
    uint64_t needs_op;
    int64_t until_us; /* of boot time */
    char texts[];
};

struct pawl_archive {
    char *path; /* owned */
    struct pawl_archive_options options;

    pthread_mutex_t lock;
    pthread_cond_t work;  /* for the writer: something is queued, somebody waits, it is the end */
    pthread_cond_t asked; /* for the reader: a request, a newer file, the end */
    bool closing;
    bool broken;     /* the writer cannot use the file */
    bool unreadable; /* the reader cannot, which looks again until it can */
    bool set_aside_wanted;
    bool reopen_wanted;
    uint32_t urgent;  /* requests that wait for the writer */
    int64_t asked_us; /* when the last one came, of boot time; 0: never */
    char why[sizeof(((struct pawl_errmsg *)NULL)->text)];
    uint64_t op; /* in the file */
    struct pawl_journal_hash hash;
    uint64_t rows;
    uint64_t set_aside_count;
    uint32_t spoiled; /* times that the file was found damaged */

    /* The queue. */
    struct pawl_archive_item *first;
    struct pawl_archive_item *last;
    uint64_t queued_bytes;
    uint64_t fed_op; /* the last one that was queued or is in the file */
    bool missing;    /* what follows fed_op has to be read back */
    bool verified;   /* the file is known to be this journal's */

    /* Requests, in the order in which they were asked. */
    struct pawl_archive_waiting *waiting_first;
    struct pawl_archive_waiting *waiting_last;
    struct pawl_archive_request *answered_first;
    struct pawl_archive_request *answered_last;

    /* The writer's. */
    pthread_t writer;
    struct pawl_archive_db db;
    struct pawl_archive_apply apply;
    struct pawl_archive_forget forget;
    struct pawl_codec_scratch *scratch; /* owned */

    /* The reader's, under `reading`. */
    pthread_t reader;
    pthread_mutex_t reading;
    struct pawl_archive_db reader_db;
    int64_t look_us; /* while `unreadable`: when to look again; under `lock` */
};

/* Boot time, by which waits are bounded. */
int64_t pawl_archive_now_us(void);

/* ask.c: the reader's thread. */
void *pawl_archive_reader_main(void *arg);

/* write.c: the writer's thread, and opening the file. */
void *pawl_archive_writer_main(void *arg);
/* Opens the file, putting aside what is not ours; with a failure `msg` says why. */
PAWL_MUST_CHECK pawl_err pawl_archive_open_file(struct pawl_archive *archive,
                                                struct pawl_errmsg *msg);
/* With the lock: drops what is queued; it is read back later. */
void pawl_archive_drop_queue(struct pawl_archive *archive);

#endif
