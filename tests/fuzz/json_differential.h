/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_differential.h: one text through our JSON reader and through jansson's, in both
 * profiles. Every disagreement must be one that we want and can prove from the text itself;
 * any other aborts.
 */
#ifndef PAWL_TESTS_FUZZ_JSON_DIFFERENTIAL_H
#define PAWL_TESTS_FUZZ_JSON_DIFFERENTIAL_H

#include "base/slice.h"

/* What a text turned out to be; a caller that invents texts checks that it met all of them. */
struct json_verdict {
    bool ledger_fine;
    bool forward_fine;
    bool jansson_fine; /* in its counterpart of FORWARD */
};

/* The text is borrowed; to let the address sanitizer see overruns, pass memory that ends
 * where the text does. */
struct json_verdict json_differential(struct pawl_slice text);

#endif
