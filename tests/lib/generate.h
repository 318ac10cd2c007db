/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate.h: commands and results drawn from a seed, every type and every part of them, for tests
 * of the codec, the records and the journal. They keep the lengths of command.h and nothing
 * else: the amounts and kinds are any numbers, since a refused command is written down too.
 */
#ifndef PAWL_TESTS_LIB_GENERATE_H
#define PAWL_TESTS_LIB_GENERATE_H

#include "base/arena.h"
#include "base/prng.h"
#include "core/command.h"
#include "core/result.h"

/* Texts and lists lie in the arena. */
void generate_command_of_type(struct pawl_prng *prng,
                              struct pawl_arena *arena,
                              uint16_t type,
                              struct pawl_command *ret_command);
void generate_command(struct pawl_prng *prng,
                      struct pawl_arena *arena,
                      struct pawl_command *ret_command);
/* A result whose number and time are given. */
void generate_result(struct pawl_prng *prng,
                     struct pawl_arena *arena,
                     uint64_t op,
                     int64_t now_us,
                     struct pawl_result *ret_result);

#endif
