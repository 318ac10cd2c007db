/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h: one job at a time, handed to a thread and taken back, or done on the spot. The
 * engine has three: one for the journal (so that never two calls of it overlap), one for
 * checkpoint files and one for the witness.
 *
 * Whatever the job touches belongs to it from run until poll or wait said that it is done.
 */
#ifndef PAWL_ENGINE_WORKER_H
#define PAWL_ENGINE_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"

typedef pawl_err pawl_worker_fn(void *arg, struct pawl_errmsg *msg);

enum pawl_worker_state {
    PAWL_WORKER_IDLE, /* takes a job */
    PAWL_WORKER_BUSY, /* the job is the thread's */
    PAWL_WORKER_DONE  /* the job's outcome waits to be taken */
};

struct pawl_worker {
    bool threaded;
    bool stopping;
    enum pawl_worker_state state;
    pawl_worker_fn *fn;
    void *arg;
    pawl_err err;
    struct pawl_errmsg msg;
    void (*wake)(void *arg); /* on the thread, after each job; or NULL */
    void *wake_arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t given;
    pthread_cond_t done;
};

/* The thread is called `name`, at most 15 bytes, where threads are listed. */
PAWL_MUST_CHECK pawl_err pawl_worker_open(struct pawl_worker *worker,
                                          const char *name,
                                          bool threaded,
                                          void (*wake)(void *arg),
                                          void *wake_arg,
                                          struct pawl_errmsg *msg);
/* Waits for the job that is under way and throws its outcome away. */
void pawl_worker_close(struct pawl_worker *worker);
/* The worker must be idle. Without a thread the job is done when this returns. */
void pawl_worker_run(struct pawl_worker *worker, pawl_worker_fn *fn, void *arg);
/* The same, and done when this returns, thread or not. */
void pawl_worker_run_here(struct pawl_worker *worker, pawl_worker_fn *fn, void *arg);
enum pawl_worker_state pawl_worker_state(struct pawl_worker *worker);
/* Until it is not busy. */
void pawl_worker_wait(struct pawl_worker *worker);
/* From DONE to IDLE: how the job ended. */
PAWL_MUST_CHECK pawl_err pawl_worker_take(struct pawl_worker *worker, struct pawl_errmsg *msg);

#endif
