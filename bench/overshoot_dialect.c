/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot_dialect.c: how the APIs write what the benchmark says: requests of the clients, answers
 * of the provider. Every function writes one text into the room that it is given.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "overshoot.h"

const char *const dialect_names[DIALECT_COUNT] = {
    [DIALECT_CHAT] = "chat",
    [DIALECT_RESPONSES] = "responses",
    [DIALECT_ANTHROPIC] = "anthropic",
    [DIALECT_GEMINI] = "gemini",
};

/* --- Requests ------------------------------------------------------------------------------- */

int dialect_path(const struct question *question, char *out, size_t size)
{
    switch (question->dialect) {
    case DIALECT_CHAT:
        return snprintf(out, size, "openai/v1/chat/completions");
    case DIALECT_RESPONSES:
        return snprintf(out, size, "openai/v1/responses");
    case DIALECT_ANTHROPIC:
        return snprintf(out, size, "anthropic/v1/messages");
    case DIALECT_GEMINI:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size, "gemini/v1beta/models/overshoot-%u:%s", question->model,
                    question->streamed ? "streamGenerateContent?alt=sse" : "generateContent");
}

int dialect_body_head(const struct question *question, char *out, size_t size)
{
    long long asked = (long long)question->asked;
    const char *stream = question->streamed ? "true" : "false";
    switch (question->dialect) {
    case DIALECT_CHAT:
        return snprintf(out, size,
                        "{\"model\":\"overshoot-%u\",\"max_completion_tokens\":%lld,\"stream\":%s,"
                        "\"messages\":[{\"role\":\"user\",\"content\":\"",
                        question->model, asked, stream);
    case DIALECT_RESPONSES:
        return snprintf(out, size,
                        "{\"model\":\"overshoot-%u\",\"max_output_tokens\":%lld,\"stream\":%s,"
                        "\"input\":[{\"role\":\"user\",\"content\":\"",
                        question->model, asked, stream);
    case DIALECT_ANTHROPIC:
        return snprintf(out, size,
                        "{\"model\":\"overshoot-%u\",\"max_tokens\":%lld,\"stream\":%s,"
                        "\"messages\":[{\"role\":\"user\",\"content\":\"",
                        question->model, asked, stream);
    case DIALECT_GEMINI:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size,
                    "{\"generationConfig\":{\"maxOutputTokens\":%lld},"
                    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"",
                    asked);
}

const char *dialect_body_end(enum dialect dialect)
{
    return dialect == DIALECT_GEMINI ? "\"}]}]}" : "\"}]}";
}

enum dialect dialect_of_request(const char *request)
{
    static const char *const marks[DIALECT_COUNT] = {"/chat/completions ", "/responses ",
                                                     "/messages ", "enerateContent"};
    size_t line = strcspn(request, "\r");
    for (int i = 0; i < DIALECT_COUNT; i++) {
        if (memmem(request, line, marks[i], strlen(marks[i])) != NULL) {
            return (enum dialect)i;
        }
    }
    return DIALECT_COUNT;
}

const char *dialect_ceiling_key(enum dialect dialect)
{
    static const char *const keys[DIALECT_COUNT] = {
        "\"max_completion_tokens\":", "\"max_output_tokens\":", "\"max_tokens\":",
        "\"maxOutputTokens\":"};
    return keys[dialect];
}

bool dialect_wants_stream(enum dialect dialect, const char *request)
{
    return dialect == DIALECT_GEMINI ? strstr(request, ":streamGenerateContent") != NULL
                                     : strstr(request, "\"stream\":true") != NULL;
}

/* --- Figures -------------------------------------------------------------------------------- */

static int put_usage(enum dialect dialect, const struct figures *figures, char *out, size_t size)
{
    long long input = (long long)figures->input;
    long long output = (long long)figures->output;
    if (figures->silent) {
        return snprintf(out, size, "\"x\":0");
    }
    switch (dialect) {
    case DIALECT_CHAT:
        return snprintf(out, size,
                        "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
                        "\"total_tokens\":%lld}",
                        input, output, input + output);
    case DIALECT_GEMINI:
        return snprintf(out, size,
                        "\"usageMetadata\":{\"promptTokenCount\":%lld,\"candidatesTokenCount\":"
                        "%lld,\"totalTokenCount\":%lld}",
                        input, output, input + output);
    case DIALECT_RESPONSES:
    case DIALECT_ANTHROPIC:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size, "\"usage\":{\"input_tokens\":%lld,\"output_tokens\":%lld}", input,
                    output);
}

/* --- Streams -------------------------------------------------------------------------------- */

#define CHUNK "\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"overshoot-1\","

int dialect_open(enum dialect dialect, const struct figures *figures, char *out, size_t size)
{
    switch (dialect) {
    case DIALECT_RESPONSES:
        return snprintf(out, size,
                        "event: response.created\ndata: {\"type\":\"response.created\","
                        "\"response\":{\"id\":\"r\",\"model\":\"overshoot-1\"}}\n\n"
                        "event: response.output_item.added\ndata: {\"type\":"
                        "\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":"
                        "\"message\",\"content\":[]}}\n\n");
    case DIALECT_ANTHROPIC:
        return snprintf(out, size,
                        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
                        "{\"id\":\"m\",\"model\":\"overshoot-1\",\"usage\":{\"input_tokens\":%lld,"
                        "\"output_tokens\":1}}}\n\n"
                        "event: content_block_start\ndata: {\"type\":\"content_block_start\","
                        "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
                        (long long)figures->input);
    case DIALECT_CHAT:
    case DIALECT_GEMINI:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size, ": begins\n\n");
}

int dialect_delta(enum dialect dialect, const char *text, char *out, size_t size)
{
    switch (dialect) {
    case DIALECT_CHAT:
        return snprintf(out, size,
                        "data: {" CHUNK "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}"
                        "]}\n\n",
                        text);
    case DIALECT_RESPONSES:
        return snprintf(out, size,
                        "event: response.output_text.delta\ndata: {\"type\":"
                        "\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,"
                        "\"delta\":\"%s\"}\n\n",
                        text);
    case DIALECT_ANTHROPIC:
        return snprintf(out, size,
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
                        "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n",
                        text);
    case DIALECT_GEMINI:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size,
                    "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":"
                    "[{\"text\":\"%s\"}]}}],\"modelVersion\":\"overshoot-1\"}\n\n",
                    text);
}

int dialect_close(enum dialect dialect, const struct figures *figures, char *out, size_t size)
{
    char usage[256];
    (void)put_usage(dialect, figures, usage, sizeof(usage));
    switch (dialect) {
    case DIALECT_CHAT:
        return snprintf(out, size,
                        "data: {" CHUNK "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                        "\"stop\"}]}\n\ndata: {" CHUNK "\"choices\":[],%s}\n\ndata: [DONE]\n\n",
                        usage);
    case DIALECT_RESPONSES:
        return snprintf(out, size,
                        "event: response.completed\ndata: {\"type\":\"response.completed\","
                        "\"response\":{\"id\":\"r\",\"status\":\"completed\",%s}}\n\n",
                        usage);
    case DIALECT_ANTHROPIC:
        return snprintf(out, size,
                        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":"
                        "{\"stop_reason\":\"end_turn\"},%s}\n\n"
                        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                        usage);
    case DIALECT_GEMINI:
    case DIALECT_COUNT:
        break;
    }
    return snprintf(out, size,
                    "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\","
                    "\"parts\":[]},\"finishReason\":\"STOP\"}],\"modelVersion\":\"overshoot-1\","
                    "%s}\n\n",
                    usage);
}

/* --- In one piece --------------------------------------------------------------------------- */

const char *dialect_whole_head(enum dialect dialect)
{
    static const char *const heads[DIALECT_COUNT] = {
        "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"overshoot-1\",\"choices\":"
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
        "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"overshoot-1\","
        "\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"output_text\",\"text\":\"",
        "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"overshoot-1\","
        "\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\",\"text\":\"",
        "{\"modelVersion\":\"overshoot-1\",\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\","
        "\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"",
    };
    return heads[dialect];
}

int dialect_whole_end(enum dialect dialect, const struct figures *figures, char *out, size_t size)
{
    static const char *const ends[DIALECT_COUNT] = {"\"},\"finish_reason\":\"stop\"}],", "\"}]}],",
                                                    "\"}],", "\"}]}}],"};
    char usage[256];
    (void)put_usage(dialect, figures, usage, sizeof(usage));
    return snprintf(out, size, "%s%s}", ends[dialect], usage);
}
