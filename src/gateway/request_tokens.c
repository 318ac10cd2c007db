/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_tokens.c: how many tokens of o200k_base the text of an element has. A provider does not
 * see the JSON but what it makes of it, so strings are decoded, and of keys and words only those
 * are left out that every message has. Punctuation counts one token a member.
 *
 * Media stands apart, with bounds of its own: the strings that hold its base64 were noted when the
 * body was read, and are skipped.
 */
#include "base/money.h"
#include "gateway/request_priv.h"
#include "gateway/tokenizer.h"

enum { MEDIA_BYTES_MIN = 16 };

/* What was noted of one body, for the time in which it is read and estimated. */
struct texts {
    struct pawl_json json;
    struct pawl_arena *arena;
    const struct pawl_request_media *media;
};

static bool is_media(const struct texts *texts, uint32_t node)
{
    const struct pawl_json_node *entry = &texts->json.nodes[node];
    const struct pawl_request_media *media =
        entry->end - entry->start < MEDIA_BYTES_MIN ? NULL : texts->media;
    while (media != NULL && media->node != node) {
        media = media->next;
    }
    return media != NULL;
}

/* Names that wrap every message or block, and are told in no words of their own. */
static bool is_wrapping(const struct pawl_json *json, uint32_t key)
{
    return pawl_json_string_is(json, key, "content") || pawl_json_string_is(json, key, "text") ||
           pawl_json_string_is(json, key, "role") || pawl_json_string_is(json, key, "parts");
}

static uint64_t tokens_of_node(const struct texts *texts, uint32_t node)
{
    const struct pawl_json *json = &texts->json;
    const struct pawl_json_node *entry = &json->nodes[node];
    if (entry->type == PAWL_JSON_OBJECT || entry->type == PAWL_JSON_ARRAY ||
        is_media(texts, node)) {
        return 0;
    }
    if (entry->type != PAWL_JSON_STRING) {
        return pawl_tokenizer_count(pawl_json_raw(json, node));
    }
    bool key = node + 1 < json->count && json->nodes[node + 1].key == node;
    if (key && is_wrapping(json, node)) {
        return 0;
    }
    struct pawl_slice text = pawl_json_string(json, node, texts->arena);
    if (pawl_slice_empty(text)) {
        text = pawl_json_string_raw(json, node); /* no memory to decode it */
    }
    return pawl_tokenizer_count(text) + (key ? 1 : 0);
}

static uint32_t count_tokens(void *arg, uint32_t node)
{
    const struct texts *texts = arg;
    const struct pawl_json *json = &texts->json;
    uint64_t end = json->nodes[node].end;
    uint64_t tokens = 0;
    for (uint32_t at = node; at < json->count && json->nodes[at].start < end; at++) {
        tokens += tokens_of_node(texts, at);
    }
    return tokens < INT32_MAX ? (uint32_t)tokens : INT32_MAX;
}

void pawl_request_note_media(struct pawl_request_reader *reader, uint32_t node)
{
    struct pawl_request_media *media = pawl_arena_alloc(reader->arena, sizeof(*media));
    if (media == NULL || node == PAWL_JSON_NONE) {
        return; /* the arena's flag is looked at in the end */
    }
    *media = (struct pawl_request_media){.node = node, .next = reader->media};
    reader->media = media;
}

void pawl_request_let_count(struct pawl_request_reader *reader)
{
    struct texts *texts = pawl_arena_alloc(reader->arena, sizeof(*texts));
    if (texts == NULL) {
        return;
    }
    *texts = (struct texts){.json = reader->json, .arena = reader->arena, .media = reader->media};
    reader->request->elements.count_tokens = count_tokens;
    reader->request->elements.arg = texts;
}
