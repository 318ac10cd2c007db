/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_priv.h: what the files that read bodies share: the reader at work, and the parts that
 * do not depend on the dialect.
 */
#ifndef PAWL_GATEWAY_REQUEST_PRIV_H
#define PAWL_GATEWAY_REQUEST_PRIV_H

#include "base/json.h"
#include "gateway/request.h"

/* A string that holds media, and no text. */
struct pawl_request_media {
    uint32_t node;
    const struct pawl_request_media *next;
};

struct pawl_request_reader {
    const struct pawl_request_source *source;
    struct pawl_json json;
    struct pawl_arena *arena;
    struct pawl_model_request *request;
    struct pawl_estimate_element *base; /* room for base_max */
    uint32_t base_max;
    const struct pawl_request_media *media; /* all that were found */
    const char *problem;                    /* the first thing that is wrong; NULL: nothing */
    const char *problem_key;
};

/* --- request.c ------------------------------------------------------------------------------ */

/* A member by name; a name that is there twice is a problem. Whatever is decided by a body is
 * looked up with this. */
uint32_t pawl_request_get(struct pawl_request_reader *reader, uint32_t node, const char *key);
/* The same of a member that has two names, as everything with more than one word in JSON that
 * stands for protocol buffers. Both at once is a problem too. */
uint32_t pawl_request_get_either(struct pawl_request_reader *reader,
                                 uint32_t node,
                                 const char *camel,
                                 const char *snake);
/* The same of the root. */
uint32_t pawl_request_member(struct pawl_request_reader *reader, const char *key);
void pawl_request_problem(struct pawl_request_reader *reader, const char *key, const char *problem);
struct pawl_request_span pawl_request_span_of(const struct pawl_json *json, uint32_t node);
/* A whole number in 0 .. max; -1 if it is not there or null. */
int64_t pawl_request_count(struct pawl_request_reader *reader,
                           const char *key,
                           struct pawl_request_span *ret_span,
                           int64_t max);
/* Adds one node (and `tokens` beside its text) to what the provider will count. */
void pawl_request_add_base(struct pawl_request_reader *reader, uint32_t node, uint32_t tokens);
/* Adds one node whose tokens are known, whatever its text is. */
void pawl_request_add_tokens(struct pawl_request_reader *reader, uint32_t node, uint32_t tokens);
bool pawl_request_nonempty(const struct pawl_json *json, uint32_t node);

/* --- request_element.c ---------------------------------------------------------------------- */

/* Hash, text and media of one node. */
struct pawl_estimate_element pawl_request_element(struct pawl_request_reader *reader,
                                                  uint32_t node);
/* Looks for cache_control marks anywhere in the body. */
void pawl_request_find_cache_marks(struct pawl_request_reader *reader);

/* --- request_tokens.c ----------------------------------------------------------------------- */

void pawl_request_note_media(struct pawl_request_reader *reader, uint32_t node);
/* When everything is read: lets the estimator count the tokens of elements. */
void pawl_request_let_count(struct pawl_request_reader *reader);

/* --- request_pictures.c --------------------------------------------------------------------- */

/* Reads a tool image_generation. false: nobody knows how many tokens its model's pictures have. */
bool pawl_request_read_pictures(struct pawl_request_reader *reader, uint32_t tool);

/* --- request_summary.c ---------------------------------------------------------------------- */

/* Where the conversation, the choice of tools and the model's name stand. */
void pawl_request_find_turns(struct pawl_request_reader *reader);

/* --- One file a dialect --------------------------------------------------------------------- */

void pawl_request_read_anthropic(struct pawl_request_reader *reader);
void pawl_request_read_openai(struct pawl_request_reader *reader);
void pawl_request_read_openai_responses(struct pawl_request_reader *reader);
void pawl_request_read_openai_compact(struct pawl_request_reader *reader);
void pawl_request_read_openai_legacy(struct pawl_request_reader *reader);
void pawl_request_read_openai_embed(struct pawl_request_reader *reader);
/* What a stream is asked to report. */
void pawl_request_read_stream_options(struct pawl_request_reader *reader);
/* How long what is written to OpenAI's prompt cache may be kept. */
void pawl_request_read_openai_cache(struct pawl_request_reader *reader);
void pawl_request_read_gemini(struct pawl_request_reader *reader);
void pawl_request_read_gemini_embed(struct pawl_request_reader *reader);

#endif
