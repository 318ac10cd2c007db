/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coding.h: content codings undone. A body that pawl must read may come compressed: request
 * bodies because a client chose to, answers because a provider ignored that identity was asked
 * for. What was decoded is also what is passed on, without its Content-Encoding.
 *
 * gzip and deflate always; zstd and br (Brotli) where the build found their libraries.
 */
#ifndef PAWL_GATEWAY_CODING_H
#define PAWL_GATEWAY_CODING_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/slice.h"

enum pawl_coding {
    PAWL_CODING_IDENTITY,
    PAWL_CODING_GZIP,
    PAWL_CODING_DEFLATE,
    PAWL_CODING_ZSTD,
    PAWL_CODING_BROTLI,
    PAWL_CODING_UNKNOWN /* another one, or several on top of each other */
};

/* Of a Content-Encoding header's value; empty is identity. */
enum pawl_coding pawl_coding_of(struct pawl_slice value);
/* What this build undoes, for people: "gzip, deflate, zstd and br". */
const char *pawl_codings_served(void);

enum pawl_decode_status {
    PAWL_DECODE_OK,
    PAWL_DECODE_BROKEN, /* not what the header promised */
    PAWL_DECODE_TOO_BIG /* `out` is at its maximum, or memory is gone */
};

struct pawl_decoder;

/* NULL for IDENTITY and UNKNOWN, and when there is no memory. */
PAWL_MUST_CHECK struct pawl_decoder *pawl_decoder_new(enum pawl_coding coding);
/* NULL is allowed. */
void pawl_decoder_free(struct pawl_decoder *decoder);
/* Decodes all of `in`, appending to `out`. After anything but OK it must not be fed again. */
PAWL_MUST_CHECK enum pawl_decode_status
pawl_decoder_feed(struct pawl_decoder *decoder, struct pawl_slice in, struct pawl_buf *out);
/* Whether the input so far ends where a coded body may end. */
PAWL_MUST_CHECK bool pawl_decoder_complete(const struct pawl_decoder *decoder);

#endif
