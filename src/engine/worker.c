/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c: the hand-off of worker.h, one mutex and two conditions. Not libuv's pool: a commit
 * must never queue behind somebody's name look-up.
 *
 * Invariants: only the owner moves IDLE to BUSY, DONE to IDLE, and IDLE to DONE for a job that it
 * does itself; only the thread moves BUSY to DONE. So the mutex, taken for each move, also orders
 * all memory that the job touched.
 *
 * The thread blocks every signal: they are the main thread's.
 */
#define _GNU_SOURCE
#include "engine/worker.h"

#include <signal.h>
#include <string.h>

#include "base/assert.h"

static void lock(struct pawl_worker *worker)
{
    int failed = pthread_mutex_lock(&worker->lock);
    PAWL_ASSERT(failed == 0);
}

static void unlock(struct pawl_worker *worker)
{
    int failed = pthread_mutex_unlock(&worker->lock);
    PAWL_ASSERT(failed == 0);
}

static void *thread_main(void *arg)
{
    struct pawl_worker *worker = arg;
    lock(worker);
    for (;;) {
        while (worker->state != PAWL_WORKER_BUSY && !worker->stopping) {
            (void)pthread_cond_wait(&worker->given, &worker->lock);
        }
        if (worker->state != PAWL_WORKER_BUSY) {
            break;
        }
        unlock(worker);
        pawl_err err = worker->fn(worker->arg, &worker->msg);
        lock(worker);
        worker->err = err;
        worker->state = PAWL_WORKER_DONE;
        (void)pthread_cond_signal(&worker->done);
        if (worker->wake != NULL && !worker->stopping) {
            /* Outside the lock, since the host may collect at once. */
            unlock(worker);
            worker->wake(worker->wake_arg);
            lock(worker);
        }
    }
    unlock(worker);
    return NULL;
}

static int start_thread(struct pawl_worker *worker, const char *name)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (failed == 0) {
        failed = pthread_create(&worker->thread, NULL, thread_main, worker);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (failed == 0) {
        (void)pthread_setname_np(worker->thread, name);
    }
    return failed;
}

pawl_err pawl_worker_open(struct pawl_worker *worker,
                          const char *name,
                          bool threaded,
                          void (*wake)(void *arg),
                          void *wake_arg,
                          struct pawl_errmsg *msg)
{
    *worker = (struct pawl_worker){
        .threaded = threaded, .state = PAWL_WORKER_IDLE, .wake = wake, .wake_arg = wake_arg};
    int failed = pthread_mutex_init(&worker->lock, NULL);
    PAWL_ASSERT(failed == 0);
    failed = pthread_cond_init(&worker->given, NULL);
    PAWL_ASSERT(failed == 0);
    failed = pthread_cond_init(&worker->done, NULL);
    PAWL_ASSERT(failed == 0);
    if (!threaded) {
        return PAWL_OK;
    }
    failed = start_thread(worker, name);
    if (failed != 0) {
        pawl_errmsg_set(msg, "cannot start a thread: %s", strerror(failed));
        worker->threaded = false;
        pawl_worker_close(worker);
        return pawl_err_from_errno(failed);
    }
    return PAWL_OK;
}

void pawl_worker_close(struct pawl_worker *worker)
{
    if (worker->threaded) {
        lock(worker);
        worker->stopping = true;
        (void)pthread_cond_signal(&worker->given);
        unlock(worker);
        int failed = pthread_join(worker->thread, NULL);
        PAWL_ASSERT(failed == 0);
    }
    (void)pthread_cond_destroy(&worker->given);
    (void)pthread_cond_destroy(&worker->done);
    (void)pthread_mutex_destroy(&worker->lock);
}

void pawl_worker_run(struct pawl_worker *worker, pawl_worker_fn *fn, void *arg)
{
    if (!worker->threaded) {
        pawl_worker_run_here(worker, fn, arg);
        return;
    }
    lock(worker);
    PAWL_ASSERT(worker->state == PAWL_WORKER_IDLE && !worker->stopping);
    worker->fn = fn;
    worker->arg = arg;
    worker->msg.text[0] = '\0';
    worker->state = PAWL_WORKER_BUSY;
    unlock(worker);
    /* Outside the lock, which the thread would only wake up to wait for. */
    (void)pthread_cond_signal(&worker->given);
}

/* The lock is what shows this thread all that the other one did in its last job, and the next job
 * of the other one what is done here. */
void pawl_worker_run_here(struct pawl_worker *worker, pawl_worker_fn *fn, void *arg)
{
    lock(worker);
    PAWL_ASSERT(worker->state == PAWL_WORKER_IDLE && !worker->stopping);
    worker->msg.text[0] = '\0';
    unlock(worker);
    pawl_err err = fn(arg, &worker->msg);
    lock(worker);
    worker->err = err;
    worker->state = PAWL_WORKER_DONE;
    unlock(worker);
}

enum pawl_worker_state pawl_worker_state(struct pawl_worker *worker)
{
    lock(worker);
    enum pawl_worker_state state = worker->state;
    unlock(worker);
    return state;
}

void pawl_worker_wait(struct pawl_worker *worker)
{
    lock(worker);
    while (worker->state == PAWL_WORKER_BUSY) {
        (void)pthread_cond_wait(&worker->done, &worker->lock);
    }
    unlock(worker);
}

pawl_err pawl_worker_take(struct pawl_worker *worker, struct pawl_errmsg *msg)
{
    lock(worker);
    PAWL_ASSERT(worker->state == PAWL_WORKER_DONE);
    worker->state = PAWL_WORKER_IDLE;
    pawl_err err = worker->err;
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%s", worker->msg.text);
    }
    unlock(worker);
    return err;
}
