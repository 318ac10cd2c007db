/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_openai_prompt.c: the two APIs of OpenAI's whose input is no conversation: POST
 * /v1/embeddings, which is billed by its input alone, and POST /v1/completions, the API before
 * chat. Both take a text, a list of texts, a text in tokens (a list of numbers), or a list of
 * those.
 */
#include "gateway/request_priv.h"

enum { TOKENS_MAX = 100000000, LEGACY_OUTPUT_DEFAULT = 16 /* of the API, when nothing is said */ };

/* Adds one text. Tokens count as what they are, and not by their digits. */
static void add_text(struct pawl_request_reader *reader, uint32_t node)
{
    if (pawl_json_is(&reader->json, node, PAWL_JSON_ARRAY)) {
        pawl_request_add_tokens(reader, node, reader->json.nodes[node].count);
    } else {
        pawl_request_add_base(reader, node, 0);
    }
}

/* Adds all that is there and says how many texts it is. */
static int64_t add_texts(struct pawl_request_reader *reader, const char *key)
{
    const struct pawl_json *json = &reader->json;
    uint32_t input = pawl_request_member(reader, key);
    uint32_t first = pawl_json_first_element(json, input);
    if (first == PAWL_JSON_NONE || pawl_json_is(json, first, PAWL_JSON_NUMBER)) {
        if (input != PAWL_JSON_NONE) {
            add_text(reader, input);
        }
        return 1;
    }
    int64_t count = 0;
    for (uint32_t node = first; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        add_text(reader, node);
        count++;
    }
    return count;
}

void pawl_request_read_openai_embed(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true;
    request->max_tokens_value = -1;
    request->max_completion_tokens_value = -1;
    request->output_given = true; /* there is none */
    request->output_fixed = true;
    (void)add_texts(reader, "input");
}

/* Every prompt is answered `n` times, and the best of `best_of`, which are billed. */
void pawl_request_read_openai_legacy(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->ceiling_name = "max_tokens";
    request->max_completion_tokens_value = -1;
    request->max_tokens_value =
        pawl_request_count(reader, "max_tokens", &request->max_tokens, TOKENS_MAX);
    request->output_given = request->max_tokens_value >= 0;
    request->output_asked =
        request->output_given ? request->max_tokens_value : LEGACY_OUTPUT_DEFAULT;
    struct pawl_request_span span;
    int64_t each = pawl_request_count(reader, "n", &span, PAWL_REQUEST_CHOICES_MAX);
    int64_t best = pawl_request_count(reader, "best_of", &span, PAWL_REQUEST_CHOICES_MAX);
    each = best > each ? best : each;
    request->choices = (each > 1 ? each : 1) * add_texts(reader, "prompt");
    pawl_request_read_stream_options(reader);
}
