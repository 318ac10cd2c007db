/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.h: who spends and on what, as bodies say it: the shapes that several operations share,
 * and the ledger's subject that is made of one.
 *
 * Values of levels are lower-cased for the ledger, since clients differ in it and mean the same;
 * what was sent is kept in the record. A subject that names no tenant is the key's.
 */
#ifndef PAWL_CYCLES_SUBJECT_H
#define PAWL_CYCLES_SUBJECT_H

#include "core/command.h"
#include "cycles/body.h"

/* The first six are in the order of enum pawl_level. */
enum { PAWL_SUBJECT_DIMENSIONS = PAWL_LEVEL_COUNT, PAWL_SUBJECT_FIELD_COUNT };
enum {
    PAWL_ACTION_KIND,
    PAWL_ACTION_NAME,
    PAWL_ACTION_TAGS,
    PAWL_ACTION_POLICY_KEYS,
    PAWL_ACTION_FIELD_COUNT
};
enum { PAWL_AMOUNT_UNIT, PAWL_AMOUNT_AMOUNT, PAWL_AMOUNT_FIELD_COUNT };
enum {
    PAWL_METRICS_TOKENS_INPUT,
    PAWL_METRICS_TOKENS_OUTPUT,
    PAWL_METRICS_LATENCY_MS,
    PAWL_METRICS_MODEL_VERSION,
    PAWL_METRICS_CUSTOM,
    PAWL_METRICS_FIELD_COUNT
};

extern const struct pawl_shape pawl_subject_shape;
extern const struct pawl_shape pawl_action_shape;
extern const struct pawl_shape pawl_amount_shape;
extern const struct pawl_shape pawl_metrics_shape;
/* The protocol's words for enum pawl_overage, from 1 on, and for units, from 1 on. */
extern const char *const pawl_overage_words[];
extern const char *const pawl_unit_words[];

/* Fills *ret_subject from the values of a subject, and checks that the key may speak for it. Texts
 * are the body's or the arena's. false: refused. */
PAWL_MUST_CHECK bool pawl_subject_take(struct pawl_call *call,
                                       const struct pawl_value *values,
                                       struct pawl_subject *ret_subject);
/* 403 unless the key covers what the levels name. */
PAWL_MUST_CHECK bool pawl_subject_covered(struct pawl_call *call,
                                          const struct pawl_slice levels[static PAWL_LEVEL_COUNT]);
/* Whether the key's scope filter lets it see what lies at the path. */
bool pawl_subject_covers_path(const struct pawl_call *call, struct pawl_slice path);
/* 403 unless the caller may see that tenant's reservation at the path. */
PAWL_MUST_CHECK bool
pawl_subject_may_see(struct pawl_call *call, struct pawl_slice tenant, struct pawl_slice path);
/* The amount of a shape's values. */
struct pawl_amount pawl_amount_take(const struct pawl_value *values);
/* A key of 256 characters may have more bytes than the ledger takes. false: refused. */
PAWL_MUST_CHECK bool pawl_key_take(struct pawl_call *call, const struct pawl_value *value);

#endif
