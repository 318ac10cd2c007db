/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter.h: reads a provider's answer as it passes, and knows at every moment what it has used.
 *
 * One meter, one answer. It is fed either the body of a plain answer, or every event of a
 * stream in order, and never keeps what it was fed. After each event its result is valid: a
 * stream that is cut there is settled from it. A new dialect is a new file with a row in the
 * table of meter.c.
 *
 *   M1  Within a stream the last report of a field wins; reports are never added up.
 *   M2  Cutting the stream after event n gives the result of the first n events.
 *   M3  A tool call is counted at the event that opens it, so that a proxy which feeds an event
 *       before it forwards it can still hold it back.
 *   M4  An event that cannot be read changes nothing but `odd`.
 */
#ifndef PAWL_GATEWAY_METER_H
#define PAWL_GATEWAY_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "gateway/containers.h"
#include "gateway/dialect.h"
#include "gateway/price.h"
#include "gateway/usage.h"

enum {
    PAWL_METER_MODEL_BYTES = 128,
    PAWL_METER_WORD_BYTES = 64,
    PAWL_METER_ID_BYTES = 128,
    PAWL_METER_PART_COUNT_MAX = 8,
    PAWL_METER_SLOTS = 16,
    PAWL_METER_QUERIES = 64
};

/* How much of the usage is known. */
enum pawl_meter_knows {
    PAWL_METER_KNOWS_NOTHING, /* estimate both sides */
    PAWL_METER_KNOWS_INPUT, /* the input is known; the output is at least what is reported so far */
    PAWL_METER_KNOWS_ALL    /* book what is reported */
};

/* What one model used. Part 0 is the model that answers; others come from requests inside the
 * request (context compaction, an advisor), which the totals of part 0 do not include. */
struct pawl_meter_part {
    char model[PAWL_METER_MODEL_BYTES]; /* "" where the answer does not say */
    struct pawl_usage usage;
};

struct pawl_meter_result {
    struct pawl_meter_part parts[PAWL_METER_PART_COUNT_MAX];
    size_t part_count; /* at least 1 */
    enum pawl_meter_knows knows;
    char finish[PAWL_METER_WORD_BYTES]; /* why the model stopped: "end_turn", "tool_calls", … */
    char error_type[PAWL_METER_WORD_BYTES]; /* of an error inside the answer */
    char id[PAWL_METER_ID_BYTES]; /* of what a later request may go on from; "" until known */
    int64_t next_sequence;        /* … and the number of the event that comes next */
    uint32_t tool_calls;          /* that the client is asked to run */
    uint32_t server_tool_calls;   /* that the provider ran */
    uint32_t code_calls;          /* … of them, code in a container, */
    uint32_t pictures;            /* … and pictures; */
    bool pictures_told;           /* what those cost is told, in a part of their own */
    struct pawl_container_names containers; /* in which that code ran */
    int64_t tool_tokens; /* of the input, what the provider's tools brought in, where it is told */
    int64_t visible_bytes; /* of output: text, thinking that is shown, arguments of tool calls */
    int64_t hidden_bytes;  /* of sealed thinking: signatures, encrypted content */
    bool thought;          /* a block of thinking has opened, whether it shows or not */
    bool started;          /* something of an answer was seen */
    bool finished;         /* every choice has said why it stopped */
    bool terminal;         /* the stream has ended as it should, or a whole body was read */
    bool error;            /* the provider reported an error */
};

struct pawl_meter_ops;
struct pawl_tool_reader;
struct pawl_visible;

/* What the dialects keep between events (meter_priv.h). */
struct pawl_meter_state {
    int64_t last[PAWL_METER_SLOTS]; /* the last report of each of the dialect's fields */
    uint32_t reported;              /* bit: that field was reported */
    uint32_t choices;               /* bit: that choice was seen */
    uint32_t stopped;               /* bit: that choice has stopped */
    uint32_t calls[16];    /* open tool calls, as (choice, index) and a hash of their id; */
    uint32_t call_ids[16]; /* Responses: open items, as their place and the bytes that came */
    uint32_t call_count;
    uint32_t web_searches;
    uint32_t file_searches;
    char picture_model[PAWL_METER_MODEL_BYTES]; /* Responses: of the tool that makes pictures */
    uint64_t queries[PAWL_METER_QUERIES]; /* Gemini: hashes of what was searched for; 0: free */
    bool drew;                            /* Gemini: a picture or a film came */
    bool told;                            /* Gemini: its last piece counted all until then */
    bool final_report;
};

struct pawl_meter {
    const struct pawl_meter_ops *ops;
    struct pawl_arena scratch; /* for one event at a time */
    struct pawl_meter_state state;
    struct pawl_meter_result result;
    bool long_cache_asked;
    enum pawl_dialect dialect;
    struct pawl_tool_reader *tools;
    struct pawl_visible *visible; /* gets the text that shows; NULL: nobody does */
};

struct pawl_meter_options {
    enum pawl_dialect dialect;
    struct pawl_tool_reader *tools; /* gets to see what the meter has parsed; NULL: nobody does */
    /* The request asks for long-lived cache entries somewhere: a cache write whose lifetime the
     * answer does not tell is then taken to be one. */
    bool long_cache_asked;
    /* The rate that the request asks for. Gemini's answers need not say which one it got. */
    uint32_t modifiers_asked;
};

/* false: this dialect has no meter yet. On success the meter must be freed. */
PAWL_MUST_CHECK bool pawl_meter_init(struct pawl_meter *meter, struct pawl_meter_options options);
void pawl_meter_free(struct pawl_meter *meter);

/* From now on its text is kept there too. */
void pawl_meter_show(struct pawl_meter *meter, struct pawl_visible *visible);
/* The whole body of an answer that is not a stream. */
void pawl_meter_on_body(struct pawl_meter *meter, struct pawl_slice body);
/* One event of a stream: its name (may be empty) and its data. */
void pawl_meter_on_event(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data);

/* Whether all that was produced so far shows. Anthropic and Responses open a block of its own when
 * a model begins to think, even where nothing of it is shown; elsewhere it cannot be known. */
bool pawl_meter_shows_all(const struct pawl_meter *meter);
/* Whether the last piece of a stream that brought something counted all that was produced until
 * then, thoughts too, and the answer itself had begun: Google's do. */
bool pawl_meter_told_all(const struct pawl_meter *meter);

static inline const struct pawl_meter_result *pawl_meter_result(const struct pawl_meter *meter)
{
    return &meter->result;
}

/* --- Settling. ---------------------------------------------------------------------------- */

/* The part for a model other than the one that answers; made when it is not there. */
struct pawl_usage *pawl_meter_part_for(struct pawl_meter_result *result, struct pawl_slice model);

struct pawl_meter_bill {
    int64_t microcents;
    int64_t tokens;
    struct pawl_cost costs[PAWL_METER_PART_COUNT_MAX]; /* one a part */
    struct pawl_price prices[PAWL_METER_PART_COUNT_MAX];
    size_t part_count;
};

struct pawl_meter_bill_query {
    const struct pawl_price_book *book;
    struct pawl_slice provider;        /* as in pawl_price_query */
    struct pawl_slice requested_model; /* for a part whose own name is missing or has no price */
    int64_t at_us;
    uint32_t
        modifiers; /* added to those of the answer: what only the caller knows, such as the host */
};

/* Prices every part by the model that used it. false: not even the requested model has a
 * price. */
PAWL_MUST_CHECK bool pawl_meter_bill(const struct pawl_meter_result *result,
                                     const struct pawl_meter_bill_query *query,
                                     struct pawl_meter_bill *ret_bill);

#endif
