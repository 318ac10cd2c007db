/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_read.h: from a server's answer to cells, cards and lines of JSON. What it says is fit for a
 * terminal when it comes from here.
 */
#ifndef PAWL_CLI_ASK_READ_H
#define PAWL_CLI_ASK_READ_H

#include "cli/ask.h"

/* A text, fit for a terminal; "" where there is none. */
const char *pawl_ask_text(struct pawl_ask *ask,
                          uint32_t node,
                          const char *key,
                          char out[static PAWL_ASK_CELL_BYTES]);
/* A list of texts: "a, b". */
const char *pawl_ask_texts(struct pawl_ask *ask,
                           uint32_t node,
                           const char *key,
                           char out[static PAWL_ASK_CELL_BYTES]);
/* The members of an object as "team=web, n=3", as they are typed behind --metadata. */
const char *pawl_ask_pairs(struct pawl_ask *ask,
                           uint32_t node,
                           const char *key,
                           char out[static PAWL_ASK_CELL_BYTES]);
/* A time, of either plane, in the local time zone: "2026-11-22 02:19"; and milliseconds. */
const char *pawl_ask_time(struct pawl_ask *ask,
                          uint32_t node,
                          const char *key,
                          char out[static PAWL_ASK_CELL_BYTES]);
int64_t pawl_ask_time_ms(struct pawl_ask *ask, uint32_t node, const char *key);
/* {"unit":…,"amount":…} in words, or as a number alone; "" where there is none. */
const char *pawl_ask_amount(struct pawl_ask *ask,
                            uint32_t node,
                            const char *key,
                            char out[static PAWL_REMOTE_WORDS_BYTES]);
/* Its number; `fallback` where there is none. */
int64_t
pawl_ask_count(const struct pawl_ask *ask, uint32_t node, const char *key, int64_t fallback);
/* The value as one line of JSON, as it came. */
void pawl_ask_print_json(const struct pawl_ask *ask, uint32_t node);
/* A line of a card, "  left         $87.00"; nothing for an empty value. */
void pawl_ask_print_field(const char *name, const char *value);

#endif
