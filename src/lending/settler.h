/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settler.h: has runs that died settled while somebody lacks what they hold. A run that was killed
 * keeps its slices off the limits for minutes, or until a reader settles it; where another run
 * waits for them, that reader is `pawl runs`, started by the authority, at most every 10 s. It is a
 * process of its own, since settling writes to journals and may fail as a disk may.
 */
#ifndef PAWL_LENDING_SETTLER_H
#define PAWL_LENDING_SETTLER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct pawl_settler {
    uv_loop_t *loop;      /* borrowed */
    const char *data_dir; /* borrowed */
    uv_process_t process;
    bool running;
    bool ending;
    uint64_t not_before_ms;
};

void pawl_settler_init(struct pawl_settler *settler, uv_loop_t *loop, const char *data_dir);
/* Somebody lacks what others hold. */
void pawl_settler_call(struct pawl_settler *settler);
/* Stops it, wherever it is: the next one does the same again. The loop must run until it has gone.
 */
void pawl_settler_end(struct pawl_settler *settler);

#endif
