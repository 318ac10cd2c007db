/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h: what pawl must know about the body of a model call, and the few places where it
 * changes it. The body is read once, as JSON that is only looked at; what goes upstream is the
 * same bytes with a few values replaced or put in front.
 *
 * A body that asks for something whose cost nothing in it bounds says so in `unbounded`; under a
 * hard cap such a call is refused.
 */
#ifndef PAWL_GATEWAY_REQUEST_H
#define PAWL_GATEWAY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/fingerprint.h"
#include "base/slice.h"
#include "gateway/containers.h"
#include "gateway/dialect.h"
#include "gateway/estimate.h"
#include "gateway/usage.h"

enum {
    PAWL_REQUEST_TOOLS_MAX = 16,         /* server tools in one body */
    PAWL_REQUEST_OUTPUT_DEFAULT = 32768, /* asked for by a body that says nothing */
    PAWL_REQUEST_USES_DEFAULT = 5,       /* of a server tool that has no max_uses */
    PAWL_REQUEST_USE_TOKENS = 10000,     /* that one use brings into the prompt */
    PAWL_REQUEST_QUERIES_DEFAULT = 10,   /* of a search that nothing bounds, until more is known */
    PAWL_REQUEST_CHOICES_MAX = 128
};

/* A value's bytes in the body; end 0: it is not there. */
struct pawl_request_span {
    size_t start;
    size_t end;
};

/* What each use of a tool is billed, besides its tokens. */
enum pawl_request_fee {
    PAWL_REQUEST_FEE_NONE,
    PAWL_REQUEST_FEE_WEB_SEARCH,
    PAWL_REQUEST_FEE_FILE_SEARCH
};

/* A tool that the provider runs, and whose uses the body bounds or can be made to bound; or nothing
 * bounds them, and as many are held as settled calls had (`assumed`). */
struct pawl_request_tool {
    const char *name; /* of the bound in the body */
    struct pawl_request_span max_uses;
    size_t inside; /* just behind the brace before the bound; 0: it cannot be bounded in place */
    int64_t uses_asked; /* 0: the body does not say */
    int64_t use_tokens; /* that one use brings in; 0: PAWL_REQUEST_USE_TOKENS */
    enum pawl_request_fee fee;
    bool pictures; /* each may be a picture */
    bool assumed;  /* uses_asked is what is taken to be enough while nothing was seen, */
    bool counted;  /* … and then as often as settled calls had it */
};

/* Pictures that a tool of OpenAI's makes, by another model (request_pictures.c). */
struct pawl_request_pictures {
    struct pawl_slice model; /* in the arena; empty: none are made */
    int64_t output_tokens;   /* of one, at most */
    int64_t seen_tokens;     /* of each that it looks at, */
    int64_t masks;           /* … beside those of the conversation, and */
    bool kept;               /* … that the provider may keep */
};

struct pawl_model_request {
    enum pawl_dialect dialect;
    struct pawl_slice body;  /* borrowed */
    struct pawl_slice model; /* in the arena */
    bool stream;
    bool usage_asked; /* the client expects usage in the stream */
    /* Output */
    bool output_given;
    bool output_fixed;       /* nothing in the body can lower it */
    bool no_ceiling;         /* nothing may be put in that would bound it: what fits is held, and
                              * what is beyond is found out (call_hold.c); set by call_admit.c */
    int64_t output_asked;    /* tokens of one choice, thinking included */
    int64_t thinking_budget; /* the ceiling must stay above it, or it is lowered; 0: none */
    bool hidden;             /* may produce tokens that the stream does not show */
    int64_t choices;
    int64_t passes; /* how often input and output may be billed: 2 with context compaction */
    bool audio_output;
    /* Input */
    struct pawl_estimate_body elements; /* in the arena */
    bool cache_short;                   /* writes to the prompt cache may be billed */
    bool cache_long;
    bool audio;
    bool image;
    bool video;
    uint32_t image_count;
    uint32_t modifiers;                  /* enum pawl_usage_modifier */
    struct pawl_slice previous_response; /* an answer that the input goes on from; in the arena */
    bool input_elsewhere; /* there is input that the provider keeps, and nobody knows how much */
    /* Tools */
    uint32_t tool_count;
    struct pawl_request_tool tools[PAWL_REQUEST_TOOLS_MAX];
    /* Size of the containers at the provider in which code may run; 0: there is none that is
     * billed. They are billed for files that are put in, too, when no code runs. */
    int64_t container_gb;       /* made for it */
    int64_t container_gb_named; /* of those that it names by their ids, once they are found */
    bool container_files;
    struct pawl_container_names containers_named;
    struct pawl_container_names containers_before; /* that its conversation has used */
    struct pawl_request_pictures pictures;
    bool tools_read_once;  /* what they bring in is read once, and so is the rest of the context */
    bool tools_fill;       /* … or as much as the context window has room for, each time */
    const char *unbounded; /* what in it cannot be bounded, for the refusal; NULL: nothing */
    /* Where it is changed */
    const char *ceiling_name; /* how a ceiling is put in; NULL: as the dialect of chat has it */
    size_t inside;            /* just behind the opening brace */
    bool empty; /* no member follows it (Gemini; elsewhere the model's name always does) */
    struct pawl_request_span max_tokens; /* Gemini: maxOutputTokens */
    struct pawl_request_span max_completion_tokens;
    int64_t max_tokens_value; /* -1: not there, or null */
    int64_t max_completion_tokens_value;
    struct pawl_request_span stream_options;
    bool stream_options_empty;  /* an object without members */
    bool stream_options_object; /* else null, or something that is no object */
    struct pawl_request_span include_usage;
    struct pawl_request_span config; /* Gemini: generationConfig, where its ceiling belongs */
    bool config_object;              /* else null */
    bool config_empty;
    struct pawl_request_span model_span; /* empty where the path names the model */
    struct pawl_request_span turns;      /* the conversation; empty where there is none */
    bool turns_are_text;                 /* one string instead of a list */
    struct pawl_request_span tool_choice;
    struct pawl_request_span thinking_span; /* of the thinking budget; empty: not to be lowered */
    bool has_tools;
    struct pawl_slice user; /* Anthropic: what metadata.user_id says; in the arena */
};

/* The least that a thinking budget is lowered to: what Anthropic takes. */
enum { PAWL_REQUEST_THINKING_LEAST = 1024 };

/* What is known of a body before it is read. */
struct pawl_request_source {
    enum pawl_dialect dialect;
    struct pawl_slice model;         /* Gemini: it stands in the path; elsewhere empty */
    bool stream;                     /* likewise */
    struct pawl_fingerprint_key key; /* under which the elements get their hashes */
};

/* Reads a body. INVALID with a message that a person can act on, MEMORY when the arena is full. */
PAWL_MUST_CHECK pawl_err pawl_request_read(const struct pawl_request_source *source,
                                           struct pawl_slice body,
                                           struct pawl_arena *arena,
                                           struct pawl_model_request *ret_request,
                                           struct pawl_errmsg *msg);

/* What the tools of a body that is read once are taken to bring into the prompt, all together. */
int64_t pawl_request_tool_tokens(const struct pawl_model_request *request);

/* What that many of its pictures use at most, at the prices of their model. */
void pawl_request_picture_usage(const struct pawl_model_request *request,
                                int64_t count,
                                struct pawl_usage *ret_usage);

/* How long its containers are billed for a call that took so long, times their gigabytes. */
int64_t pawl_request_container_minutes(const struct pawl_model_request *request,
                                       int64_t duration_us);

/* The largest answer of a model whose limit is below the default; else the default. */
int64_t pawl_request_output_default(struct pawl_slice model);

/* --- Forwarding (request_write.c) ------------------------------------------------------------ */

struct pawl_request_limits {
    int64_t ceiling; /* output tokens of one choice; -1: as it is */
    int64_t uses;    /* of each server tool; -1: as it is */
    bool old_name;   /* a new ceiling is called max_tokens, for providers that know no other */
    bool summary;    /* a question behind the conversation, and no tools */
    struct pawl_slice model; /* instead of the one that was asked for; empty: as it is */
};

/* Whether anything in the body has to change. */
bool pawl_request_changes(const struct pawl_model_request *request,
                          const struct pawl_request_limits *limits);
/* Appends the body with its changes. */
void pawl_request_write(const struct pawl_model_request *request,
                        const struct pawl_request_limits *limits,
                        struct pawl_buf *out);

/* --- The one more call at the limit (request_summary.c) --------------------------------------- */

enum { PAWL_SUMMARY_QUESTION_TOKENS = 128 };

/* What stands behind the last turn of a conversation; what in front of it where that is one text.
 */
const char *pawl_request_summary_turn(enum pawl_dialect dialect);
const char *pawl_request_summary_text_before(enum pawl_dialect dialect);
/* The member that forbids the use of tools. */
const char *pawl_request_no_tools_name(enum pawl_dialect dialect);
const char *pawl_request_no_tools_value(enum pawl_dialect dialect);

#endif
