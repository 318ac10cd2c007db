/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h: documents as the other files of the core see them: found by kind and name, or by id,
 * and with a counter of the holds that were taken under them in the present minute (throttles).
 */
#ifndef PAWL_CORE_DOCUMENT_H
#define PAWL_CORE_DOCUMENT_H

#include "core/state.h"

/* A throttle's minute; it begins when the minute of UTC does. */
#define PAWL_THROTTLE_US INT64_C(60000000)

/* The slot of that kind and name, or 0; and its hash in the index. */
uint32_t pawl_document_find(const struct pawl_core *core, uint8_t kind, struct pawl_slice name);
uint32_t pawl_document_hash(const struct pawl_core *core, uint8_t kind, struct pawl_slice name);
/* The slot behind a public id, or 0. */
uint32_t pawl_document_of_id(const struct pawl_core *core, uint64_t id);
/* How many holds were taken under it in the minute that holds now_us; and one more. */
uint32_t pawl_document_taken(const struct pawl_core *core, uint32_t document, int64_t now_us);
void pawl_document_take(struct pawl_core *core, uint32_t document);

#endif
