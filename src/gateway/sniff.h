/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff.h: what an answer is, by its first bytes. Its Content-Type is what a proxy or a small
 * server happened to write: event streams come as text/plain, and single JSON bodies as
 * text/event-stream. Both read the wrong way are booked wrongly, and no text can be both.
 */
#ifndef PAWL_GATEWAY_SNIFF_H
#define PAWL_GATEWAY_SNIFF_H

#include "base/slice.h"

enum pawl_sniffed {
    PAWL_SNIFFED_NOTHING, /* only blanks, or the beginning of a word: more bytes are needed */
    PAWL_SNIFFED_JSON,
    PAWL_SNIFFED_EVENTS, /* server-sent events */
    PAWL_SNIFFED_OTHER
};

/* `bytes` is everything from the beginning of the answer. */
enum pawl_sniffed pawl_sniff(struct pawl_slice bytes);

#endif
