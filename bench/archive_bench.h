/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_bench.h: the parts of bench/archive.c: what goes in, and what is asked.
 */
#ifndef PAWL_BENCH_ARCHIVE_BENCH_H
#define PAWL_BENCH_ARCHIVE_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "base/buf.h"
#include "base/prng.h"

enum { BENCH_DOCUMENT_BYTES = 300, BENCH_SETTLEMENT_BYTES = 60 };

struct bench_hold {
    uint64_t op;
    int64_t amount;
};

struct bench {
    struct pawl_archive *archive;
    struct pawl_prng prng;
    /* What was made. */
    struct pawl_buf batch;
    uint32_t in_batch;
    uint64_t first_op; /* of the batch */
    uint64_t op;
    uint64_t fed_bytes; /* since it was last waited for */
    uint64_t waited_op;
    int64_t start_us;
    int64_t now_us;
    /* Options. */
    uint32_t agents;
    uint32_t lag;
    uint32_t rounds;
    const char *only;         /* lists whose name begins so; NULL: all */
    struct bench_hold *holds; /* a ring of `lag` */
    char document[BENCH_DOCUMENT_BYTES];
    /* Answers. */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool woken;
};

/* A real clock that does not step. */
int64_t bench_ns(void);
/* A query that allows everything of the largest tenant. */
struct pawl_archive_query bench_query(void);
/* Asks and waits; ends the program when the answer is none. Returns the processor's time of the
 * archive's reader, in nanoseconds: neighbours on the machine do not count. The caller releases. */
int64_t bench_ask(struct bench *bench,
                  const struct pawl_archive_query *query,
                  uint64_t needs_op,
                  struct pawl_archive_request *ret_request);

/* archive_feed.c: so many lifecycles, and what each fifth of them cost. */
void bench_feed(struct bench *bench, uint32_t lifecycles);
/* archive_lists.c: each order with each filter, and the times of its pages. */
void bench_lists(struct bench *bench);

#endif
