/* SPDX-License-Identifier: Apache-2.0 */
/*
 * last_words.c: see last_words.h. Which client it is, its headers say.
 */
#include "gateway/last_words.h"

#include "base/attrs.h"
#include "net/http.h"

enum { FIRST_MS = 200 };

static bool is_gemini_cli(struct pawl_http_exchange *exchange)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    struct pawl_slice agent =
        pawl_http_header_value(request->headers, request->header_count, "user-agent");
    return pawl_slice_find(agent, PAWL_SLICE("GeminiCLI")) != SIZE_MAX;
}

/* Whether it is Google's SDK for Node before its version 3. */
static bool wants_bare(struct pawl_http_exchange *exchange)
{
    static const char *const names[] = {"user-agent", "x-goog-api-client"};
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        struct pawl_slice value =
            pawl_http_header_value(request->headers, request->header_count, names[i]);
        struct pawl_slice mark = PAWL_SLICE("google-genai-sdk/");
        size_t sdk = pawl_slice_find(value, mark);
        if (sdk != SIZE_MAX && pawl_slice_find(value, PAWL_SLICE("gl-node/")) != SIZE_MAX) {
            uint64_t major = 0;
            struct pawl_slice version = pawl_slice_sub(value, sdk + mark.bytes, value.bytes);
            bool known = pawl_slice_to_u64(pawl_slice_cut(&version, '.'), &major);
            return !known || major < 3;
        }
    }
    return is_gemini_cli(exchange);
}

enum pawl_halt_form pawl_last_words_form(const struct pawl_model_call *call)
{
    if (call->route.dialect != PAWL_DIALECT_GEMINI) {
        return PAWL_HALT_EVENT;
    }
    if (call->answer.items) {
        return call->answer.any_item ? PAWL_HALT_LAST_ITEM : PAWL_HALT_FIRST_ITEM;
    }
    return wants_bare(call->exchange) ? PAWL_HALT_BARE : PAWL_HALT_EVENT;
}

bool pawl_last_words_alone(const struct pawl_model_call *call)
{
    return call->exchange != NULL && call->answer.begun && call->answer.any_item &&
           pawl_last_words_form(call) == PAWL_HALT_BARE;
}

bool pawl_last_words_shown(const struct pawl_model_call *call)
{
    if (call->exchange == NULL || call->client_gone || !call->gateway->options.limit.attended ||
        call->route.dialect != PAWL_DIALECT_GEMINI || !is_gemini_cli(call->exchange)) {
        return false;
    }
    struct pawl_slice target = pawl_http_exchange_request(call->exchange)->target;
    return pawl_slice_find(target, PAWL_SLICE(":streamGenerateContent?")) != SIZE_MAX &&
           pawl_slice_find(target, PAWL_SLICE("alt=sse")) != SIZE_MAX;
}

uint64_t pawl_last_words_ms(const struct pawl_model_call *call)
{
    return (uint64_t)FIRST_MS << call->words_said;
}
