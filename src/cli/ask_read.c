/* SPDX-License-Identifier: Apache-2.0 */
/* ask_read.c: see ask_read.h. */
#define _GNU_SOURCE
#include "cli/ask_read.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/open.h"

const char *pawl_ask_text(struct pawl_ask *ask,
                          uint32_t node,
                          const char *key,
                          char out[static PAWL_ASK_CELL_BYTES])
{
    struct pawl_slice text =
        pawl_json_string(&ask->json, pawl_json_get(&ask->json, node, key), &ask->arena);
    return pawl_cli_plain(text, out, PAWL_ASK_CELL_BYTES);
}

const char *pawl_ask_texts(struct pawl_ask *ask,
                           uint32_t node,
                           const char *key,
                           char out[static PAWL_ASK_CELL_BYTES])
{
    size_t used = 0;
    uint32_t text = pawl_json_first_element(&ask->json, pawl_json_get(&ask->json, node, key));
    out[0] = '\0';
    for (; text != PAWL_JSON_NONE && used < PAWL_ASK_CELL_BYTES - 2;
         text = pawl_json_next(&ask->json, text)) {
        struct pawl_slice word = pawl_json_string(&ask->json, text, &ask->arena);
        if (used > 0) {
            used += (size_t)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, ", ");
        }
        (void)pawl_cli_plain(word, out + used, PAWL_ASK_CELL_BYTES - used);
        used += strlen(out + used);
    }
    return out;
}

const char *pawl_ask_pairs(struct pawl_ask *ask,
                           uint32_t node,
                           const char *key,
                           char out[static PAWL_ASK_CELL_BYTES])
{
    const struct pawl_json *json = &ask->json;
    uint32_t pairs = pawl_json_get(json, node, key);
    size_t used = 0;
    out[0] = '\0';
    if (!pawl_json_is(json, pairs, PAWL_JSON_OBJECT)) {
        return out;
    }
    for (uint32_t at = pawl_json_first(json, pairs);
         at != PAWL_JSON_NONE && used < PAWL_ASK_CELL_BYTES - 2; at = pawl_json_next(json, at)) {
        bool text = pawl_json_is(json, at, PAWL_JSON_STRING);
        struct pawl_slice name = pawl_json_string(json, json->nodes[at].key, &ask->arena);
        struct pawl_slice value =
            text ? pawl_json_string(json, at, &ask->arena) : pawl_json_raw(json, at);
        const struct pawl_slice parts[] = {used > 0 ? PAWL_SLICE(", ") : PAWL_SLICE_NONE, name,
                                           PAWL_SLICE("="), value};
        for (size_t i = 0; i < PAWL_ARRAY_LEN(parts) && used < PAWL_ASK_CELL_BYTES - 2; i++) {
            (void)pawl_cli_plain(parts[i], out + used, PAWL_ASK_CELL_BYTES - used);
            used += strlen(out + used);
        }
    }
    return out;
}

/* "2026-11-22T02:19:08.123Z", "2026-11-22T02:19:08+01:00". */
static bool parse_time(const char *text, int64_t *ret_ms)
{
    struct tm parts = {.tm_isdst = 0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL) {
        return false;
    }
    if (*rest == '.') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    int64_t shift_s = 0;
    int hours = 0;
    int minutes = 0;
    if (*rest == '+' || *rest == '-') {
        static const char digits[] = "0123456789";
        if (strspn(rest + 1, digits) != 2 || rest[3] != ':' || strspn(rest + 4, digits) != 2) {
            return false;
        }
        hours = (rest[1] - '0') * 10 + rest[2] - '0';
        minutes = (rest[4] - '0') * 10 + rest[5] - '0';
        shift_s = (int64_t)(hours * 3600 + minutes * 60) * (*rest == '-' ? -1 : 1);
    }
    *ret_ms = ((int64_t)timegm(&parts) - shift_s) * 1000;
    return true;
}

int64_t pawl_ask_time_ms(struct pawl_ask *ask, uint32_t node, const char *key)
{
    char text[PAWL_ASK_CELL_BYTES];
    int64_t ms = 0;
    uint32_t value = pawl_json_get(&ask->json, node, key);
    if (pawl_json_is(&ask->json, value, PAWL_JSON_STRING)) {
        return parse_time(pawl_ask_text(ask, node, key, text), &ms) ? ms : 0;
    }
    return pawl_json_count_or(&ask->json, value, 0);
}

const char *pawl_ask_time(struct pawl_ask *ask,
                          uint32_t node,
                          const char *key,
                          char out[static PAWL_ASK_CELL_BYTES])
{
    char text[PAWL_CLI_TEXT_BYTES];
    int64_t ms = pawl_ask_time_ms(ask, node, key);
    /* A time too far off for microseconds is shown as it came. */
    if (ms > 0 && ms < INT64_MAX / PAWL_US_PER_MS) {
        (void)snprintf(out, PAWL_ASK_CELL_BYTES, "%s",
                       pawl_cli_local_time(ms * PAWL_US_PER_MS, text));
        return out;
    }
    return pawl_ask_text(ask, node, key, out);
}

const char *pawl_ask_amount(struct pawl_ask *ask,
                            uint32_t node,
                            const char *key,
                            char out[static PAWL_REMOTE_WORDS_BYTES])
{
    uint32_t amount = pawl_json_get(&ask->json, node, key);
    int64_t value = 0;
    out[0] = '\0';
    if (!pawl_json_i64(&ask->json, pawl_json_get(&ask->json, amount, "amount"), &value)) {
        return out;
    }
    struct pawl_slice unit =
        pawl_json_string(&ask->json, pawl_json_get(&ask->json, amount, "unit"), &ask->arena);
    return pawl_remote_amount(unit, value, out);
}

int64_t pawl_ask_count(const struct pawl_ask *ask, uint32_t node, const char *key, int64_t fallback)
{
    uint32_t amount = pawl_json_get(&ask->json, node, key);
    int64_t value = fallback;
    if (pawl_json_i64(&ask->json, pawl_json_get(&ask->json, amount, "amount"), &value) ||
        pawl_json_i64(&ask->json, amount, &value)) {
        return value;
    }
    return fallback;
}

/* Other servers write white space between values; within strings there is no raw line break. */
void pawl_ask_print_json(const struct pawl_ask *ask, uint32_t node)
{
    struct pawl_slice raw = pawl_json_raw(&ask->json, node);
    bool quoted = false;
    for (size_t i = 0; i < raw.bytes; i++) {
        char byte = raw.data[i];
        if (quoted && byte == '\\' && i + 1 < raw.bytes) {
            putchar(byte);
            byte = raw.data[++i];
        } else if (byte == '"') {
            quoted = !quoted;
        } else if (!quoted && strchr(" \t\r\n", byte) != NULL) {
            continue;
        }
        putchar(byte);
    }
    putchar('\n');
}

void pawl_ask_print_field(const char *name, const char *value)
{
    if (value[0] != '\0') {
        printf("  %-12s %s\n", name, value);
    }
}
