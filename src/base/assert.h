/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert.h: checks for bugs. They stay on in release builds.
 *
 * Three kinds of "no" are never mixed: a *result* is an expected answer of the
 * ledger (core/result.def), an *error* is something that the world did to us
 * (base/err.h), and a failed assertion is a bug of ours. An assertion therefore
 * never looks at data that came from outside.
 *
 * PAWL_ASSERT      cheap, always on. Prints file, line and expression, calls the
 *                  hook (which may add context such as the last operation
 *                  number), then aborts.
 * PAWL_SLOW_ASSERT expensive (sums over a whole table); only in builds with
 *                  PAWL_SLOW_ASSERTS, which the tests and the simulator use.
 */
#ifndef PAWL_BASE_ASSERT_H
#define PAWL_BASE_ASSERT_H

#include "base/attrs.h"

/* Called once, before the abort, with nothing locked. May be NULL. */
typedef void pawl_assert_hook_fn(void);

void pawl_assert_set_hook(pawl_assert_hook_fn *hook);

PAWL_NORETURN PAWL_COLD void
pawl_assert_failed(const char *file, int line, const char *function, const char *expression);

#define PAWL_ASSERT(expression)                                                                    \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            pawl_assert_failed(__FILE__, __LINE__, __func__, #expression);                         \
        }                                                                                          \
    } while (0)

#ifdef PAWL_SLOW_ASSERTS
#define PAWL_SLOW_ASSERT(expression) PAWL_ASSERT(expression)
#else
#define PAWL_SLOW_ASSERT(expression)                                                               \
    do {                                                                                           \
        (void)sizeof(!(expression));                                                               \
    } while (0)
#endif

#define PAWL_UNREACHABLE() pawl_assert_failed(__FILE__, __LINE__, __func__, "unreachable")

#endif
