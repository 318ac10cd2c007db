/* SPDX-License-Identifier: Apache-2.0 */
/*
 * last_words.h: how a stream of Google's is told that it ends here. Two of its readers need more
 * than an event, and neither may ask again:
 *
 * - Google's SDK for Node before its version 3, which is in the Gemini CLI, passes over an event
 *   that holds an error, as if the answer had ended well. It looks for an error in what one read
 *   gave it, when that is JSON as a whole. A reader that was busy gets two pieces in one read,
 *   takes the answer for a broken one, and sends its request again. So the error is said alone,
 *   after a pause, and again after longer ones, until the client has gone or they are over.
 * - The Gemini CLI on a screen takes an answer behind a tool that shows nothing for an empty one
 *   and asks for words, twice. So it is shown the message as the model's text first. Nothing of
 *   that stays in its conversation, since an answer that ends with an error is not kept.
 */
#ifndef PAWL_GATEWAY_LAST_WORDS_H
#define PAWL_GATEWAY_LAST_WORDS_H

#include "gateway/gateway_priv.h"
#include "gateway/halt.h"

/* How often words that must be read alone are said. */
enum { PAWL_LAST_WORDS_TIMES = 3 };

/* Of an answer that has begun. */
enum pawl_halt_form pawl_last_words_form(const struct pawl_model_call *call);
/* Whether they must not share a read with what came before them. */
bool pawl_last_words_alone(const struct pawl_model_call *call);
/* Whether the message is shown as text before them. */
bool pawl_last_words_shown(const struct pawl_model_call *call);
/* How long to wait before they are said the next time. */
uint64_t pawl_last_words_ms(const struct pawl_model_call *call);

#endif
