/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.h: which API a client and its upstream speak with each other. A path decides it once,
 * at the start of a call, and meters, refusals and estimates follow it.
 */
#ifndef PAWL_GATEWAY_DIALECT_H
#define PAWL_GATEWAY_DIALECT_H

enum pawl_dialect {
    PAWL_DIALECT_ANTHROPIC,        /* POST /v1/messages */
    PAWL_DIALECT_OPENAI_CHAT,      /* POST /v1/chat/completions */
    PAWL_DIALECT_OPENAI_RESPONSES, /* POST /v1/responses */
    PAWL_DIALECT_OPENAI_COMPACT,   /* POST /v1/responses/compact */
    PAWL_DIALECT_OPENAI_LEGACY,    /* POST /v1/completions */
    PAWL_DIALECT_OPENAI_EMBED,     /* POST /v1/embeddings */
    PAWL_DIALECT_GEMINI,           /* POST …:generateContent and …:streamGenerateContent */
    PAWL_DIALECT_GEMINI_EMBED,     /* POST …:embedContent and …:batchEmbedContents */
    PAWL_DIALECT_COUNT
};

#endif
