/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h: what a command carries beside its numbers, as one JSON object in the journal: who
 * asked, for what, and what policy applied. Lists, single reservations, `why` and replays read it
 * back. Texts of the request are kept as they came, so they are given back as they came.
 *
 *   {"v":1,"key":"key_…","policy":"pol_…","caps":{…},"subject":{…},"action":{…},"metadata":{…},
 *    "metrics":{…},"reason":"…","client_time_ms":0}
 *
 * Each member only where there is something to say.
 */
#ifndef PAWL_CYCLES_DOCUMENT_H
#define PAWL_CYCLES_DOCUMENT_H

#include "cycles/body.h"

enum { PAWL_DOCUMENT_FORMAT = 1 };

/* Begins one with the format and the key's id. The server's one writer of documents. */
struct pawl_json_writer *pawl_document_begin(struct pawl_call *call);
/* A value as it stands in the body; nothing where it is absent. */
void pawl_document_add(struct pawl_call *call,
                       struct pawl_json_writer *writer,
                       const char *name,
                       const struct pawl_value *value);
/* The same of what may be left out, where it does not fit. What it comes with is booked: a
 * settlement is not refused for what is told beside it, or clients would drop what was spent. */
void pawl_document_add_if_fits(struct pawl_call *call,
                               struct pawl_json_writer *writer,
                               const char *name,
                               const struct pawl_value *value);
/* A record of the shape's, whose fields begin at values: those that are there and not ignored. */
void pawl_document_add_record(struct pawl_call *call,
                              struct pawl_json_writer *writer,
                              const char *name,
                              const struct pawl_shape *shape,
                              const struct pawl_value *values);
/* Ends it. Borrowed until the next begin. false: it is longer than the ledger takes, and the call
 * was refused. */
PAWL_MUST_CHECK bool pawl_document_end(struct pawl_call *call, struct pawl_slice *ret_document);

/* Reads one back; its nodes lie in the arena. An unreadable one has no members. */
void pawl_document_read(struct pawl_arena *arena,
                        struct pawl_slice document,
                        struct pawl_json *ret_json);
/* A member's raw JSON, or empty. */
struct pawl_slice pawl_document_member(const struct pawl_json *json, const char *name);

#endif
