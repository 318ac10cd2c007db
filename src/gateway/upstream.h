/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h: whose API is behind a path. The first segment after the secret names it, and the
 * host's options give its address.
 */
#ifndef PAWL_GATEWAY_UPSTREAM_H
#define PAWL_GATEWAY_UPSTREAM_H

enum pawl_upstream {
    PAWL_UPSTREAM_ANTHROPIC,
    PAWL_UPSTREAM_OPENAI,
    PAWL_UPSTREAM_GEMINI,
    PAWL_UPSTREAM_CHATGPT, /* OpenAI's Responses under a ChatGPT plan, as Codex calls them */
    PAWL_UPSTREAM_COUNT
};

#endif
