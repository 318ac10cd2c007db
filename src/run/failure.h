/* SPDX-License-Identifier: Apache-2.0 */
/* failure.h: why a call came to nothing, in words for run cards and `pawl show`. */
#ifndef PAWL_RUN_FAILURE_H
#define PAWL_RUN_FAILURE_H

#include <stddef.h>

#include "history/history.h"

enum { PAWL_FAILURE_BYTES = 160 };

/* "Could not resolve host: …", "the provider answered 401 (authentication_error)"; "": it was
 * billed, refused, or nothing is known. */
const char *pawl_failure_words(const struct pawl_history_call *call,
                               char out[static PAWL_FAILURE_BYTES]);

#endif
