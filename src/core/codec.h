/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.h: commands and results as bytes, field by field, little-endian, no padding. The
 * layout is in docs/JOURNAL.md. Encoding appends to a buffer; decoding borrows texts from the bytes
 * it is given, checks every length and range, and never trusts a count. decode(encode(x)) == x, and
 * encode(decode(bytes)) == bytes for every accepted input: there is one form of each.
 */
#ifndef PAWL_CORE_CODEC_H
#define PAWL_CORE_CODEC_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "core/command.h"
#include "core/result.h"

/* Scratch for what a decoded command cannot borrow in place. */
struct pawl_codec_scratch {
    struct pawl_tz_transition transitions[PAWL_TZ_TRANSITIONS_MAX];
    struct pawl_expired expired[PAWL_EXPIRE_MAX];
};

/* Whether the type is known and every text and list keeps the maxima of command.h. What does not
 * fit cannot be written to the journal, so it must not reach apply. */
PAWL_MUST_CHECK bool pawl_codec_command_fits(const struct pawl_command *command);
/* Appends. The command must fit. A buffer without room gets its flag and nothing else. */
void pawl_codec_encode_command(struct pawl_buf *out, const struct pawl_command *command);
/* Consumes from *bytes what it read. false: not an encoding of ours. Then, and of a result's lists
 * beyond their counts, what is in the output is anybody's guess. */
PAWL_MUST_CHECK bool pawl_codec_decode_command(struct pawl_slice *bytes,
                                               struct pawl_codec_scratch *scratch,
                                               struct pawl_command *ret_command);
void pawl_codec_encode_result(struct pawl_buf *out, const struct pawl_result *result);
PAWL_MUST_CHECK bool pawl_codec_decode_result(struct pawl_slice *bytes,
                                              struct pawl_codec_scratch *scratch,
                                              struct pawl_result *ret_result);

#endif
