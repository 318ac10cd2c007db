/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage_hide.h: takes back out of a Chat Completions stream what asking for usage put into it.
 *
 * A client that did not set stream_options.include_usage gets it set by the gateway, which cannot
 * meter otherwise. The provider then adds a chunk with `choices: []` at the end, on which code like
 * `chunk.choices[0].delta` falls over, and `"usage": null` to all the others. Neither may reach a
 * client that did not ask.
 */
#ifndef PAWL_GATEWAY_USAGE_HIDE_H
#define PAWL_GATEWAY_USAGE_HIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "gateway/sse.h"

enum pawl_usage_hiding {
    PAWL_USAGE_HIDE_KEEP,   /* forward event->raw */
    PAWL_USAGE_HIDE_DROP,   /* forward nothing */
    PAWL_USAGE_HIDE_REWRITE /* forward what was appended to `out` */
};

/* Only for streams whose request was changed. `scratch` is reset; nothing is kept in it. If `out`
 * cannot grow, the event is kept as it is. */
enum pawl_usage_hiding pawl_usage_hide(const struct pawl_sse_event *event,
                                       struct pawl_arena *scratch,
                                       struct pawl_buf *out);

#endif
