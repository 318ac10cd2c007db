/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h: what the test programs that draw from a seed share: their command line, and their last
 * words, which say how to repeat the run.
 */
#ifndef PAWL_TESTS_LIB_PROGRAM_H
#define PAWL_TESTS_LIB_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

/* Where the value of an option goes: one of the three is set. What is not given stays as it was. */
struct program_option {
    const char *name; /* without the dashes */
    uint64_t *number;
    const char **text; /* borrowed from the command line */
    bool *flag;
};

enum { PROGRAM_OPTIONS_MAX = 16 };

/* --name=VALUE or --name, in any order. A wrong line is told on stderr and ends the program with
 * status 2. */
void program_options(int argc,
                     char **argv,
                     const struct program_option *places,
                     size_t place_count);
/* Decimal digits, or the end of the program. */
uint64_t program_number(const char *program, const char *text);
/* A seed from the system, short enough to be typed again. */
uint64_t program_fresh_seed(void);

/* What to type to have this run again. It is printed when a test or an assertion fails from now on.
 */
void program_repeat_by(const char *format, ...) PAWL_PRINTF(1, 2);
/* Says on stderr what went wrong and how to repeat it, and aborts. */
PAWL_NORETURN void program_fail(const char *format, ...) PAWL_PRINTF(1, 2);

#endif
