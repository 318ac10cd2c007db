/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patience.c: measured limits of known clients, and what a client says itself.
 *
 * SDKs send their time-out in a header, but what lies under them may be shorter: Node's HTTP
 * client gives up after 300 s without a head. So the smaller of the two counts. Claude Code, Codex
 * and the Google SDK were seen to wait for 320 s and more; the Gemini CLI gives up after 60 s.
 */
#include "gateway/patience.h"

#include <stdbool.h>

#include "base/attrs.h"

enum { MS = 1000, NODE_S = 300, SECONDS_MAX = 3600 };

/* By a part of User-Agent; the first row that fits counts. */
static const struct {
    const char *part;
    uint32_t limit_s;
} clients[] = {
    {"claude-cli/", 340}, {"codex", 340},      {"GeminiCLI", 60},    {"google-genai-sdk", 320},
    {"/JS ", NODE_S},     {"ai-sdk-", NODE_S}, {"node.js/", NODE_S},
};

/* Whole seconds of "600" or "600.5"; 0 for anything else. */
static uint32_t seconds_of(struct pawl_slice text)
{
    uint64_t seconds = 0;
    struct pawl_slice whole = pawl_slice_cut(&text, '.');
    if (!pawl_slice_to_u64(whole, &seconds)) {
        return 0;
    }
    return seconds < SECONDS_MAX ? (uint32_t)seconds : SECONDS_MAX;
}

/* What the client says: SDKs name a total, or the wait for the next byte. */
static uint32_t said_s(const struct pawl_http_header *headers, size_t count)
{
    static const char *const names[] = {"x-stainless-read-timeout", "x-stainless-timeout"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        uint32_t seconds = seconds_of(pawl_http_header_value(headers, count, names[i]));
        if (seconds > 0) {
            return seconds;
        }
    }
    return 0;
}

uint32_t pawl_patience_ms(const struct pawl_http_header *headers, size_t count)
{
    uint32_t said = said_s(headers, count);
    struct pawl_slice agent = pawl_http_header_value(headers, count, "user-agent");
    uint32_t known = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(clients) && known == 0; i++) {
        if (pawl_slice_find(agent, pawl_slice_str(clients[i].part)) != SIZE_MAX) {
            known = clients[i].limit_s;
        }
    }
    if (said == 0 && known == 0) {
        return PAWL_PATIENCE_UNKNOWN_MS;
    }
    uint32_t limit_s = said != 0 && (known == 0 || said < known) ? said : known;
    uint32_t limit_ms = limit_s * MS;
    return limit_ms > PAWL_PATIENCE_RESERVE_MS + PAWL_PATIENCE_MIN_MS
               ? limit_ms - PAWL_PATIENCE_RESERVE_MS
               : PAWL_PATIENCE_MIN_MS;
}
