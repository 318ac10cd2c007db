/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert.c: what happens when one of our own invariants does not hold. The text is built in a
 * buffer on the stack and goes out with one write(2): nothing else of the process can be
 * trusted any more, neither the heap nor stdio's buffers. abort() rather than exit(), because
 * a core file is worth having and no handler may still flush half a state to disk.
 *
 * The hook is taken away before it runs, so that an assertion inside it ends here as well. The
 * core's build without an operating system brings its own pawl_assert_failed.
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
