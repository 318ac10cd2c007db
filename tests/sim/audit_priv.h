/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_priv.h: the auditor inside: audit.c follows the order of records, keys and answers,
 * audit_rules.c says what must be true of each kind of record, and audit_book.c keeps the maps.
 */
#ifndef PAWL_TESTS_SIM_AUDIT_PRIV_H
#define PAWL_TESTS_SIM_AUDIT_PRIV_H

#include <inttypes.h>
#include <stddef.h>

#include "audit.h"
#include "audit_book.h"
#include "base/attrs.h"

struct audit {
    struct book book;
    uint64_t last_op;
    int64_t last_us;
    uint64_t *hashes; /* owned, by operation: of its result's bytes */
    size_t hash_capacity;
    struct audit_counts counts;
};

/* Says what does not add up, and ends the program as a failed assertion does. */
PAWL_NORETURN void audit_wrong(const struct audit *audit, const char *format, ...)
    PAWL_PRINTF(2, 3);

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            audit_wrong(audit, __VA_ARGS__);                                                       \
        }                                                                                          \
    } while (0)

/* audit_rules.c: what must be true of a command that was taken, before its numbers go into the
 * book; and of one that was refused. */
void audit_taken(struct audit *audit, const struct pawl_record *record);
void audit_refused(struct audit *audit, const struct pawl_record *record);

#endif
