/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert.c: what happens when one of our own invariants does not hold. The text goes to
 * stderr with write(2) only, since nothing else of the process can be trusted any more.
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pawl_assert_hook_fn *assert_hook;

void pawl_assert_set_hook(pawl_assert_hook_fn *hook)
{
    assert_hook = hook;
}

void pawl_assert_failed(const char *file, int line, const char *function, const char *expression)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "pawl: bug: %s:%d: %s: %s does not hold\n", file,
                          line, function, expression);
    if (length > 0) {
        size_t bytes = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, bytes);
        (void)written;
    }
    if (assert_hook != NULL) {
        pawl_assert_hook_fn *hook = assert_hook;
        assert_hook = NULL;
        hook();
    }
    abort();
}
