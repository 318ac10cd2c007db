/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h: a reservation as lists and single reads show it.
 */
#ifndef PAWL_CYCLES_ROW_H
#define PAWL_CYCLES_ROW_H

#include "archive/archive.h"
#include "base/json.h"
#include "cycles/call.h"

enum { PAWL_ROW_METADATA = 1, PAWL_ROW_COMMITTED_METADATA = 2 };

/* "ACTIVE" … "EXPIRED". */
const char *pawl_row_status_name(uint8_t status);
/* `parts`: what is shown besides what always is. */
void pawl_render_row(struct pawl_json_writer *writer,
                     struct pawl_call *call,
                     const struct pawl_archive_row *row,
                     uint32_t parts);
/* Of an open reservation, from the ledger and its record; texts are the arena's. false: it is not
 * open, or the call was refused and *ret_refused says so. */
PAWL_MUST_CHECK bool pawl_row_of_open(struct pawl_call *call,
                                      uint64_t reservation,
                                      struct pawl_archive_row *ret_row,
                                      bool *ret_refused);

#endif
