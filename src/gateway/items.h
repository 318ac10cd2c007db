/* SPDX-License-Identifier: Apache-2.0 */
/*
 * items.h: an incremental reader of a JSON list's items that keeps the bytes: what sse.h is for
 * event streams, for Google's streams without `alt=sse`, and with the same contract (S1 to S4
 * there). An item is handed out as an event whose data is the item and whose raw bytes are the
 * item and whatever stands in front of it, the comma included.
 *
 * Only brackets and quotes are looked at. Whether an item is JSON, its reader finds out; what is
 * no list at all comes out as bytes without data.
 */
#ifndef PAWL_GATEWAY_ITEMS_H
#define PAWL_GATEWAY_ITEMS_H

#include "gateway/sse.h"

struct pawl_items {
    struct pawl_buf pending; /* the item under way, with what stands in front of it */
    size_t item_start;       /* in pending; SIZE_MAX: it has not begun */
    uint32_t depth;          /* open brackets, the list's own included */
    bool in_string;
    bool after_backslash;
    bool handed_out; /* pending holds the item of the last call */
    bool failed;
};

/* event_bytes_max: 0 for the default. Allocates nothing yet. */
void pawl_items_init(struct pawl_items *items, size_t event_bytes_max);
void pawl_items_free(struct pawl_items *items);

/* As pawl_sse_next. */
enum pawl_sse_status pawl_items_next(struct pawl_items *items,
                                     struct pawl_slice *input,
                                     struct pawl_sse_event *ret_event);
/* As pawl_sse_finish. */
enum pawl_sse_status pawl_items_finish(struct pawl_items *items, struct pawl_sse_event *ret_event);

#endif
