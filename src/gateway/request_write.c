/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_write.c: the body as it goes upstream. A handful of edits, each a stretch of the old
 * text and what stands there instead, applied from front to back; all other bytes stay.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/money.h"
#include "gateway/request.h"

enum { EDITS_MAX = PAWL_REQUEST_TOOLS_MAX + 12, EDIT_BYTES = 160, MODEL_BYTES_MAX = 128 };

struct edit {
    size_t start; /* what is replaced; start == end puts something in */
    size_t end;
    char text[EDIT_BYTES];
    const char *tail; /* behind the text: one that stands elsewhere; NULL: none */
};

struct edits {
    struct edit list[EDITS_MAX]; /* by start */
    size_t count;
};

static void add_edit(struct edits *edits, struct pawl_request_span span, const char *text)
{
    PAWL_ASSERT(edits->count < EDITS_MAX && span.start <= span.end);
    size_t at = edits->count++;
    while (at > 0 && edits->list[at - 1].start > span.start) {
        edits->list[at] = edits->list[at - 1];
        at--;
    }
    struct edit *edit = &edits->list[at];
    edit->start = span.start;
    edit->end = span.end;
    edit->tail = NULL;
    bool fits = pawl_slice_copy_str(pawl_slice_str(text), edit->text, sizeof(edit->text));
    PAWL_ASSERT(fits);
}

/* A text that is too long for an edit of its own. */
static void add_long(struct edits *edits, size_t at, const char *text, const char *tail)
{
    add_edit(edits, (struct pawl_request_span){at, at}, text);
    for (size_t i = 0; i < edits->count; i++) {
        if (edits->list[i].start == at && edits->list[i].end == at) {
            edits->list[i].tail = tail;
        }
    }
}

static void replace_number(struct edits *edits, struct pawl_request_span span, int64_t value)
{
    char text[EDIT_BYTES];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    add_edit(edits, span, text);
}

/* Puts `"key":value` in front of the members of an object that has some. */
static void put_in_front(struct edits *edits, size_t inside, const char *key, int64_t value)
{
    char text[EDIT_BYTES];
    (void)snprintf(text, sizeof(text), "\"%s\":%lld,", key, (long long)value);
    add_edit(edits, (struct pawl_request_span){inside, inside}, text);
}

/* Lowers a ceiling that is there and above. */
static void
lower(struct edits *edits, struct pawl_request_span span, int64_t value, int64_t ceiling)
{
    if (span.end != 0 && value > ceiling) {
        replace_number(edits, span, ceiling);
    }
}

/* In generationConfig, which is made where there is none. */
static void
edit_gemini_ceiling(const struct pawl_model_request *request, int64_t ceiling, struct edits *edits)
{
    struct pawl_request_span config = request->config;
    char text[EDIT_BYTES];
    if (request->output_given) {
        lower(edits, request->max_tokens, request->max_tokens_value, ceiling);
    } else if (request->max_tokens.end != 0) {
        replace_number(edits, request->max_tokens, ceiling); /* it was null or 0 */
    } else if (request->config_object) {
        (void)snprintf(text, sizeof(text), "\"maxOutputTokens\":%lld%s", (long long)ceiling,
                       request->config_empty ? "" : ",");
        add_edit(edits, (struct pawl_request_span){config.start + 1, config.start + 1}, text);
    } else if (config.end != 0) {
        (void)snprintf(text, sizeof(text), "{\"maxOutputTokens\":%lld}", (long long)ceiling);
        add_edit(edits, config, text); /* it was null */
    } else {
        (void)snprintf(text, sizeof(text), "\"generationConfig\":{\"maxOutputTokens\":%lld}%s",
                       (long long)ceiling, request->empty ? "" : ",");
        add_edit(edits, (struct pawl_request_span){request->inside, request->inside}, text);
    }
}

static void edit_ceiling(const struct pawl_model_request *request,
                         const struct pawl_request_limits *limits,
                         struct edits *edits)
{
    int64_t ceiling = limits->ceiling;
    if (ceiling < 0 || request->no_ceiling) {
        return;
    }
    if (request->dialect == PAWL_DIALECT_GEMINI) {
        edit_gemini_ceiling(request, ceiling, edits);
        return;
    }
    if (request->output_given) {
        lower(edits, request->max_tokens, request->max_tokens_value, ceiling);
        lower(edits, request->max_completion_tokens, request->max_completion_tokens_value, ceiling);
        return;
    }
    const char *name = request->ceiling_name;
    struct pawl_request_span span = request->max_tokens;
    if (name == NULL) {
        name = limits->old_name ? "max_tokens" : "max_completion_tokens";
        span = limits->old_name ? request->max_tokens : request->max_completion_tokens;
    }
    if (span.end != 0) {
        replace_number(edits, span, ceiling); /* it was null */
        return;
    }
    put_in_front(edits, request->inside, name, ceiling);
}

static void edit_uses(const struct pawl_model_request *request,
                      const struct pawl_request_limits *limits,
                      struct edits *edits)
{
    for (uint32_t i = 0; i < request->tool_count && limits->uses >= 0; i++) {
        const struct pawl_request_tool *tool = &request->tools[i];
        if (tool->inside == 0) {
            continue;
        }
        if (tool->uses_asked > 0) {
            lower(edits, tool->max_uses, tool->uses_asked, limits->uses);
        } else if (tool->max_uses.end != 0) {
            replace_number(edits, tool->max_uses, limits->uses);
        } else {
            /* A tool has a type at least and a body a model, so it is never empty. */
            put_in_front(edits, tool->inside, tool->name, limits->uses);
        }
    }
}

/* Usage is wanted from every stream. */
static void edit_stream_options(const struct pawl_model_request *request, struct edits *edits)
{
    if (!request->stream || request->usage_asked) {
        return;
    }
    struct pawl_request_span options = request->stream_options;
    if (options.end == 0) {
        add_edit(edits, (struct pawl_request_span){request->inside, request->inside},
                 "\"stream_options\":{\"include_usage\":true},");
    } else if (!request->stream_options_object) {
        add_edit(edits, options, "{\"include_usage\":true}");
    } else if (request->include_usage.end != 0) {
        add_edit(edits, request->include_usage, "true");
    } else {
        size_t inside = options.start + 1;
        add_edit(edits, (struct pawl_request_span){inside, inside},
                 request->stream_options_empty ? "\"include_usage\":true"
                                               : "\"include_usage\":true,");
    }
}

/* --- Another model, and the one more call at the limit --------------------------------------- */

/* Names of models have nothing in them that needs an escape: those that do are not in any book. */
static void edit_model(const struct pawl_model_request *request,
                       const struct pawl_request_limits *limits,
                       struct edits *edits)
{
    char text[EDIT_BYTES];
    if (pawl_slice_empty(limits->model) || request->model_span.end == 0) {
        return;
    }
    struct pawl_slice model = pawl_slice_sub(limits->model, 0, MODEL_BYTES_MAX);
    /* Google's bodies need not name one; where they do, it has a kind in front of it. */
    const char *kind = request->dialect == PAWL_DIALECT_GEMINI ? "models/" : "";
    (void)snprintf(text, sizeof(text), "\"%s%.*s\"", kind, (int)model.bytes, model.data);
    add_edit(edits, request->model_span, text);
}

static void edit_turns(const struct pawl_model_request *request, struct edits *edits)
{
    const char *turn = pawl_request_summary_turn(request->dialect);
    if (request->turns_are_text) {
        size_t start = request->turns.start;
        add_edit(edits, (struct pawl_request_span){start, start},
                 pawl_request_summary_text_before(request->dialect));
        add_long(edits, request->turns.end, "},", turn);
        add_edit(edits, (struct pawl_request_span){request->turns.end, request->turns.end}, "]");
    } else {
        add_long(edits, request->turns.end - 1, ",", turn);
    }
}

static void edit_summary(const struct pawl_model_request *request,
                         const struct pawl_request_limits *limits,
                         struct edits *edits)
{
    char text[EDIT_BYTES];
    if (!limits->summary) {
        return;
    }
    edit_turns(request, edits);
    const char *none = pawl_request_no_tools_value(request->dialect);
    if (request->tool_choice.end != 0) {
        add_edit(edits, request->tool_choice, none);
    } else if (request->has_tools) {
        (void)snprintf(text, sizeof(text), "\"%s\":%s,",
                       pawl_request_no_tools_name(request->dialect), none);
        add_edit(edits, (struct pawl_request_span){request->inside, request->inside}, text);
    }
    if (request->thinking_span.end != 0) {
        replace_number(edits, request->thinking_span, request->thinking_budget);
    }
}

/* Where the lowered ceiling leaves no room above the thinking budget: at most three quarters of it
 * are for thinking, so that an answer follows. In powers of two, since with each change of the
 * budget the provider reads the conversation anew and not from its cache. */
static void edit_thinking(const struct pawl_model_request *request,
                          const struct pawl_request_limits *limits,
                          struct edits *edits)
{
    int64_t ceiling = limits->ceiling;
    bool lowered = ceiling >= 0 && !request->no_ceiling && ceiling < request->output_asked;
    if (limits->summary || !lowered || request->thinking_span.end == 0 ||
        ceiling > request->thinking_budget) {
        return;
    }
    int64_t budget = PAWL_REQUEST_THINKING_LEAST;
    while (budget <= ceiling / 8 * 3) {
        budget *= 2;
    }
    replace_number(edits, request->thinking_span, pawl_min_i64(budget, request->thinking_budget));
}

static void collect(const struct pawl_model_request *request,
                    const struct pawl_request_limits *limits,
                    struct edits *edits)
{
    edits->count = 0;
    edit_ceiling(request, limits, edits);
    edit_thinking(request, limits, edits);
    edit_uses(request, limits, edits);
    edit_stream_options(request, edits);
    edit_model(request, limits, edits);
    edit_summary(request, limits, edits);
}

bool pawl_request_changes(const struct pawl_model_request *request,
                          const struct pawl_request_limits *limits)
{
    struct edits edits;
    collect(request, limits, &edits);
    return edits.count > 0;
}

void pawl_request_write(const struct pawl_model_request *request,
                        const struct pawl_request_limits *limits,
                        struct pawl_buf *out)
{
    struct edits edits;
    collect(request, limits, &edits);
    size_t at = 0;
    for (size_t i = 0; i < edits.count; i++) {
        const struct edit *edit = &edits.list[i];
        PAWL_ASSERT(edit->start >= at);
        pawl_buf_append_slice(out, pawl_slice_sub(request->body, at, edit->start - at));
        pawl_buf_append_str(out, edit->text);
        pawl_buf_append_str(out, edit->tail != NULL ? edit->tail : "");
        at = edit->end;
    }
    pawl_buf_append_slice(out, pawl_slice_sub(request->body, at, request->body.bytes - at));
}
