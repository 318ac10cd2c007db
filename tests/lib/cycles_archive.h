/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_archive.h: the functions of archive/archive.h over a list in memory, for tests of what
 * asks them. Filters and orders are written down once more here, the plain way.
 */
#ifndef PAWL_TESTS_LIB_CYCLES_ARCHIVE_H
#define PAWL_TESTS_LIB_CYCLES_ARCHIVE_H

#include "archive/archive.h"
#include "journal/record.h"

struct pawl_archive *cycles_archive_new(void);
void cycles_archive_free(struct pawl_archive *archive);
/* A durable record. */
void cycles_archive_note(struct pawl_archive *archive, const struct pawl_record *record);
/* Answers what was asked; `behind`: with BEHIND. */
void cycles_archive_collect(struct pawl_archive *archive, bool behind);

#endif
