/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h: the command line of a test program: --name=VALUE or --name, in any order. A wrong
 * line is told on stderr and ends the program with status 2, as it does for every program of ours.
 */
#ifndef PAWL_TESTS_LIB_OPTIONS_H
#define PAWL_TESTS_LIB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the value of an option goes: one of the three is set. What is not given stays as it was. */
struct option_place {
    const char *name; /* without the dashes */
    uint64_t *number;
    const char **text; /* borrowed from the command line */
    bool *flag;
};

enum { OPTIONS_MAX = 16 };

void options_parse(int argc, char **argv, const struct option_place *places, size_t place_count);
/* Decimal digits, or the end of the program. */
uint64_t options_number(const char *program, const char *text);
/* A seed from the system, short enough to be typed again. */
uint64_t options_fresh_seed(void);

#endif
