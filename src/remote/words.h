/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h: what a server says, for people: amounts in the protocol's four units, and refusals with
 * the numbers that explain them.
 */
#ifndef PAWL_REMOTE_WORDS_H
#define PAWL_REMOTE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { PAWL_REMOTE_WORDS_BYTES = 96, PAWL_REFUSAL_BYTES = 1024 };

/* "$12.50", "5,000 tokens", "3 credits", "1 risk point"; of a unit that is not known "5 FOO". */
const char *pawl_remote_amount(struct pawl_slice unit,
                               int64_t amount,
                               char out[static PAWL_REMOTE_WORDS_BYTES]);
/* The same without the unit's word, for a column that says it: "$12.50", "5,000". */
const char *pawl_remote_number(struct pawl_slice unit,
                               int64_t amount,
                               char out[static PAWL_REMOTE_WORDS_BYTES]);
/* "dollars", "tokens", "credits", "risk points"; else the unit itself, cut. */
const char *pawl_remote_unit_word(struct pawl_slice unit, char out[static PAWL_REMOTE_WORDS_BYTES]);

struct pawl_refusal {
    char code[64];                    /* "BUDGET_EXCEEDED" */
    char words[PAWL_REFUSAL_BYTES];   /* the server's message */
    char numbers[PAWL_REFUSAL_BYTES]; /* what its details come to, or "" */
    char request_id[PAWL_REMOTE_WORDS_BYTES];
    char field[PAWL_REMOTE_WORDS_BYTES];   /* that is wrong in the body: its path, or "" */
    char must_be[PAWL_REMOTE_WORDS_BYTES]; /* what it takes, or "" */
    int64_t least;                         /* the same of an integer; else both are 0 */
    int64_t most;
};

/* false: the body is no error of the protocol. now_ms says how far off a reset is. */
bool pawl_refusal_read(struct pawl_slice body, int64_t now_ms, struct pawl_refusal *ret_refusal);

#endif
