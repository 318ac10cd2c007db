/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers.h: holds an answer of the server's against src/cycles/answer.def: the fields that it may
 * have and those that it must, their types, and the sums that every row of a ledger keeps.
 */
#ifndef PAWL_TESTS_LIB_ANSWERS_H
#define PAWL_TESTS_LIB_ANSWERS_H

#include "base/json.h"

/* NULL: it is as it should be; else why not, until the next call. `operation` of route.def; NULL
 * where no route was found. */
const char *answers_check(const char *operation, int status, const struct pawl_json *json);
/* Whether a table of errors has such a row at all. */
bool answers_error_exists(int status, struct pawl_slice code);
/* The errors that an operation's row names, "409 BUDGET_EXCEEDED, …"; NULL: no such operation. */
const char *answers_errors(const char *operation);

#endif
