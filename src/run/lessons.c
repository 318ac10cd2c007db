/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lessons.c: a run's part in what is learned about models: its gateway begins with what earlier
 * runs have learned from the same address, and what its own calls teach is kept when it ends.
 */
#define _GNU_SOURCE
#include <string.h>

#include "run/run_priv.h"

void pawl_run_on_lesson(void *arg, const struct pawl_gateway_lesson *lesson)
{
    struct pawl_run *run = arg;
    pawl_learned_note(run->learned, run->sources[lesson->upstream], lesson->model, &lesson->lesson,
                      run->clock.real_us(run->clock.arg));
}

/* A model is known by its name alone, so only what its own address has taught is taught. */
static void teach(void *arg,
                  const char *source,
                  struct pawl_slice model,
                  const struct pawl_estimate_lesson *lesson)
{
    struct pawl_run *run = arg;
    for (int i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        if (strcmp(run->sources[i], source) == 0) {
            pawl_gateway_teach(run->gateway, model, lesson);
        }
    }
}

void pawl_run_teach(struct pawl_run *run)
{
    for (int i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        pawl_learned_source((enum pawl_upstream)i, run->upstreams.urls[i], run->sources[i]);
    }
    run->learned = pawl_learned_new();
    pawl_learned_read(&run->dir, run->clock.real_us(run->clock.arg), teach, run);
}

void pawl_run_keep_lessons(struct pawl_run *run)
{
    struct pawl_errmsg msg;
    int64_t now_us = run->clock.real_us(run->clock.arg);
    pawl_err err = pawl_learned_save(run->learned, &run->dir, now_us, &msg);
    (void)err.code; /* The next run learns it anew. */
    pawl_learned_free(run->learned);
    run->learned = NULL;
}
