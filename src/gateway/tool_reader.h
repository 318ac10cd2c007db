/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_reader.h: the tool calls of an answer, each with its name and its arguments, as they come:
 * told once when they open and once when they are whole. It reads what the meter has parsed, so it
 * costs no second look at the bytes, and counts nothing.
 *
 * Arguments are kept up to a maximum and cut there. In a stream a call is whole no later than at
 * the event that lets the client run it.
 */
#ifndef PAWL_GATEWAY_TOOL_READER_H
#define PAWL_GATEWAY_TOOL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "gateway/dialect.h"

enum {
    PAWL_TOOL_NAME_BYTES = 128,
    PAWL_TOOL_ARGUMENTS_BYTES_MAX = 16 * 1024,
    PAWL_TOOL_OPEN_MAX = 16 /* calls at a time; what is beyond is told by its name alone */
};

struct pawl_open_tool {
    bool open;
    uint32_t place;
    uint32_t id; /* hash; 0: it has none */
    char name[PAWL_TOOL_NAME_BYTES];
    struct pawl_buf arguments;
};

struct pawl_tool_reader {
    /* A call has begun; a call is whole. The slices are valid during the callback. */
    void (*on_open)(void *arg, struct pawl_slice name);
    void (*on_whole)(void *arg, struct pawl_slice name, struct pawl_slice arguments);
    void *arg;
    struct pawl_open_tool tools[PAWL_TOOL_OPEN_MAX];
    uint32_t told; /* Responses: items that were told */
};

/* A zeroed reader whose callbacks are set is ready. */
void pawl_tool_reader_free(struct pawl_tool_reader *reader);
/* An event, or a whole answer. Texts are decoded into the arena. */
void pawl_tool_reader_see(struct pawl_tool_reader *reader,
                          enum pawl_dialect dialect,
                          const struct pawl_json *json,
                          struct pawl_arena *arena);

#endif
