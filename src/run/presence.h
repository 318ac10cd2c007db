/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence.h: when a person was last seen. Pawl reads no keys, so it asks the kernel: the access
 * time of the terminal's device follows what is typed, to within 8 seconds. Hooks, approvals and
 * heartbeats are signs of a person too. Times are the machine's clock, microseconds since 1970, as
 * the device's are.
 */
#ifndef PAWL_RUN_PRESENCE_H
#define PAWL_RUN_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "run/terminal.h"

struct pawl_presence {
    int terminal_fd; /* borrowed; -1: there is no terminal, and only signs count */
    bool follows;    /* the terminal's device is known, and its times can be trusted */
    char device[32]; /* its path, where the descriptor's own times are another device's */
    int64_t seen_us; /* the last sign */
    uint32_t sign_count;
    uint32_t prompt_count;
};

/* `now_us`: somebody has just started the run. */
void pawl_presence_begin(struct pawl_presence *presence,
                         const struct pawl_terminal *terminal,
                         int64_t now_us);
/* A sign of a person. */
void pawl_presence_sign(struct pawl_presence *presence, int64_t now_us);
/* The agent was told something. The first time that may be its command's own words; from then on it
 * is a sign. */
void pawl_presence_prompt(struct pawl_presence *presence, int64_t now_us);
/* Whether somebody typed at the terminal since then; true where no terminal can tell. */
bool pawl_presence_typed_since(const struct pawl_presence *presence, int64_t since_us);
/* When a person was last seen; never ahead of `now_us`. */
int64_t pawl_presence_last_us(const struct pawl_presence *presence, int64_t now_us);

#endif
