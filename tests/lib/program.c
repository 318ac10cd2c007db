/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.c: see program.h. getopt_long does the work; it reports an option by its place in the
 * table, so that a program says what it takes in one list.
 */
#include "tests/lib/program.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/prng.h"
#include "base/slice.h"

enum { REPEAT_BYTES_MAX = 256 };

uint64_t program_number(const char *program, const char *text)
{
    uint64_t value = 0;
    if (!pawl_slice_to_u64(pawl_slice_str(text), &value)) {
        (void)fprintf(stderr, "%s: not a number: %s\n", program, text);
        exit(2);
    }
    return value;
}

uint64_t program_fresh_seed(void)
{
    uint32_t seed = 0;
    pawl_random_bytes(&seed, sizeof(seed));
    return seed;
}

static void store(const char *program, const struct program_option *place)
{
    if (place->number != NULL) {
        *place->number = program_number(program, optarg);
    } else if (place->text != NULL) {
        *place->text = optarg;
    } else {
        *place->flag = true;
    }
}

void program_options(int argc, char **argv, const struct program_option *places, size_t place_count)
{
    struct option rows[PROGRAM_OPTIONS_MAX + 1] = {0};
    PAWL_ASSERT(place_count <= PROGRAM_OPTIONS_MAX);
    for (size_t i = 0; i < place_count; i++) {
        int argument = places[i].flag != NULL ? no_argument : required_argument;
        rows[i] = (struct option){.name = places[i].name, .has_arg = argument};
    }
    int place = 0;
    int found = getopt_long(argc, argv, "", rows, &place);
    for (; found == 0; found = getopt_long(argc, argv, "", rows, &place)) {
        store(argv[0], &places[place]);
    }
    if (found != -1) {
        exit(2); /* getopt_long has said why */
    }
    if (optind < argc) {
        (void)fprintf(stderr, "%s: what is %s?\n", argv[0], argv[optind]);
        exit(2);
    }
}

/* --- Last words. ------------------------------------------------------------------------------ */

static char repeat_by[REPEAT_BYTES_MAX];

static void tell_how_to_repeat(void)
{
    (void)fprintf(stderr, "reproduce: %s\n", repeat_by);
}

void program_repeat_by(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(repeat_by, sizeof(repeat_by), format, arguments);
    va_end(arguments);
    PAWL_ASSERT(length > 0 && (size_t)length < sizeof(repeat_by));
    pawl_assert_set_hook(tell_how_to_repeat);
}

void program_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    tell_how_to_repeat();
    abort();
}
