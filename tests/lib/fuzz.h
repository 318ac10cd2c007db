/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h: the one function of a fuzz target. tests/fuzz/fuzz_NAME.c includes this and
 * defines it. With PAWL_FUZZ the target is linked with libFuzzer, which invents inputs;
 * in every other build it is linked with fuzz_replay.c, which feeds it the files of
 * tests/fuzz/corpus/NAME, so that a crash once found stays found in every run of the tests.
 */
#ifndef PAWL_TESTS_LIB_FUZZ_H
#define PAWL_TESTS_LIB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The input is borrowed. Returns 0; a broken property aborts through PAWL_ASSERT. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
