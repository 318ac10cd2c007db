/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_element.c: one element of a body as the estimator sees it: a hash, a length of text,
 * and a bound for its media.
 *
 * The hash leaves cache_control members out, because clients move that mark from message to
 * message, and the text is the same with and without it. Everything else goes in: type, depth
 * and bytes of every key and every value.
 *
 * Media is looked for only where the dialects put it (content blocks, blocks inside tool
 * results and documents), never in what a tool got or gave as JSON: there a megabyte of text that
 * calls itself an image would be counted as one.
 */
#include "base/hash.h"
#include "gateway/media.h"
#include "gateway/request_priv.h"

enum {
    CONTENT_DEPTH_MAX = 4, /* message, tool result, document, its blocks */
    CACHE_MARK_BYTES = 13
};

/* --- Hash ----------------------------------------------------------------------------------- */

static bool is_key(const struct pawl_json *json, uint32_t node)
{
    return node + 1 < json->count && json->nodes[node + 1].key == node;
}

static bool is_cache_mark(const struct pawl_json *json, uint32_t node)
{
    return json->nodes[node].end - json->nodes[node].start == CACHE_MARK_BYTES + 2 &&
           is_key(json, node) &&
           pawl_slice_equal_str(pawl_json_string_raw(json, node), "cache_control");
}

static uint64_t hash_of(const struct pawl_json *json, uint32_t node)
{
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, (struct pawl_hash_key){0, 0});
    uint64_t end = json->nodes[node].end;
    uint32_t base_depth = json->nodes[node].depth;
    uint32_t at = node;
    while (at < json->count && json->nodes[at].start < end) {
        if (is_cache_mark(json, at)) {
            uint64_t skip = json->nodes[at + 1].end;
            while (at < json->count && json->nodes[at].start < skip) {
                at++;
            }
            continue;
        }
        const struct pawl_json_node *entry = &json->nodes[at];
        bool container = entry->type == PAWL_JSON_OBJECT || entry->type == PAWL_JSON_ARRAY;
        uint8_t mark[2] = {entry->type, (uint8_t)(entry->depth - base_depth)};
        pawl_hash_sip_add(&state, mark, sizeof(mark));
        if (!container) {
            struct pawl_slice raw = pawl_json_raw(json, at);
            pawl_hash_sip_add(&state, raw.data, raw.bytes);
        }
        at++;
    }
    return pawl_hash_sip_end(&state);
}

void pawl_request_find_cache_marks(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    for (uint32_t at = 0; at + 1 < json->count; at++) {
        if (!is_cache_mark(json, at) || !pawl_json_is(json, at + 1, PAWL_JSON_OBJECT)) {
            continue;
        }
        reader->request->cache_short = true;
        if (pawl_json_string_is(json, pawl_json_get(json, at + 1, "ttl"), "1h")) {
            reader->request->cache_long = true;
        }
    }
}

/* --- Media ---------------------------------------------------------------------------------- */

/* What was found so far in one element. */
struct tally {
    uint64_t media_bytes; /* of base64, which is no text */
    uint64_t media_tokens;
};

static void
tally_media(struct pawl_request_reader *reader, const struct pawl_media *media, struct tally *tally)
{
    tally->media_bytes += media->base64.bytes;
    tally->media_tokens += pawl_media_tokens_max(media);
    if (media->kind == PAWL_MEDIA_AUDIO) {
        reader->request->audio = true;
    } else {
        reader->request->image = true;
    }
}

static struct pawl_media media_of(const struct pawl_request_reader *reader,
                                  enum pawl_media_kind kind)
{
    return (struct pawl_media){
        .kind = kind, .dialect = reader->request->dialect, .model = reader->request->model};
}

/* {"type":"image"|"document","source":{"type":"base64"|"url"|"file"|"text"|"content",…}} */
static void anthropic_block(struct pawl_request_reader *reader, uint32_t block, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t type = pawl_json_get(json, block, "type");
    bool image = pawl_json_string_is(json, type, "image");
    if (!image && !pawl_json_string_is(json, type, "document")) {
        return;
    }
    uint32_t source = pawl_json_get(json, block, "source");
    uint32_t source_type = pawl_json_get(json, source, "type");
    if (pawl_json_string_is(json, source_type, "text") ||
        pawl_json_string_is(json, source_type, "content")) {
        return; /* text; its blocks are visited on their own */
    }
    struct pawl_media media = media_of(reader, image ? PAWL_MEDIA_IMAGE : PAWL_MEDIA_DOCUMENT);
    if (pawl_json_string_is(json, source_type, "base64")) {
        media.base64 = pawl_json_string_raw(json, pawl_json_get(json, source, "data"));
    }
    tally_media(reader, &media, tally);
}

/* What stands behind "base64," in a data address; empty for any other address. */
static struct pawl_slice data_of_url(struct pawl_slice url)
{
    size_t comma = pawl_slice_find_byte(url, ',');
    if (!pawl_slice_starts_with(url, PAWL_SLICE("data:")) || comma == SIZE_MAX) {
        return PAWL_SLICE_NONE;
    }
    return pawl_slice_sub(url, comma + 1, url.bytes);
}

static void openai_part(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t type = pawl_json_get(json, part, "type");
    if (pawl_json_string_is(json, type, "image_url")) {
        struct pawl_media media = media_of(reader, PAWL_MEDIA_IMAGE);
        uint32_t image = pawl_json_get(json, part, "image_url");
        uint32_t url =
            pawl_json_is(json, image, PAWL_JSON_STRING) ? image : pawl_json_get(json, image, "url");
        media.base64 = data_of_url(pawl_json_string_raw(json, url));
        media.detail = pawl_json_string_raw(json, pawl_json_get(json, image, "detail"));
        tally_media(reader, &media, tally);
    } else if (pawl_json_string_is(json, type, "input_audio")) {
        struct pawl_media media = media_of(reader, PAWL_MEDIA_AUDIO);
        media.base64 = pawl_json_string_raw(json, pawl_json_path(json, part, "input_audio.data"));
        tally_media(reader, &media, tally);
    } else if (pawl_json_string_is(json, type, "file")) {
        struct pawl_media media = media_of(reader, PAWL_MEDIA_DOCUMENT);
        struct pawl_slice data =
            pawl_json_string_raw(json, pawl_json_path(json, part, "file.file_data"));
        struct pawl_slice behind = data_of_url(data);
        media.base64 = pawl_slice_empty(behind) ? data : behind;
        tally_media(reader, &media, tally);
    }
}

/* The blocks inside a block: of a tool result, or of a document made of blocks. */
static uint32_t inner_list(const struct pawl_json *json, uint32_t block)
{
    uint32_t list = pawl_json_get(json, block, "content");
    if (!pawl_json_is(json, list, PAWL_JSON_ARRAY)) {
        list = pawl_json_path(json, block, "source.content");
    }
    return pawl_json_is(json, list, PAWL_JSON_ARRAY) ? list : PAWL_JSON_NONE;
}

/* Visits a list of blocks and the lists in them, with a stack of fixed height. */
static void visit_content(struct pawl_request_reader *reader, uint32_t list, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t next[CONTENT_DEPTH_MAX]; /* the block that comes next in each open list */
    uint32_t depth = 0;
    next[0] = pawl_json_first(json, list);
    for (;;) {
        uint32_t block = next[depth];
        if (block == PAWL_JSON_NONE) {
            if (depth == 0) {
                return;
            }
            depth--;
            continue;
        }
        next[depth] = pawl_json_next(json, block);
        if (reader->request->dialect == PAWL_DIALECT_ANTHROPIC) {
            anthropic_block(reader, block, tally);
        } else {
            openai_part(reader, block, tally);
        }
        uint32_t inner = inner_list(json, block);
        if (inner != PAWL_JSON_NONE && depth + 1 < CONTENT_DEPTH_MAX) {
            depth++;
            next[depth] = pawl_json_first(json, inner);
        }
    }
}

struct pawl_estimate_element pawl_request_element(struct pawl_request_reader *reader, uint32_t node)
{
    const struct pawl_json *json = &reader->json;
    struct tally tally = {0, 0};
    uint32_t content = pawl_json_get(json, node, "content");
    if (pawl_json_is(json, content, PAWL_JSON_ARRAY)) {
        visit_content(reader, content, &tally);
    }
    struct pawl_slice raw = pawl_json_raw(json, node);
    uint64_t text = raw.bytes > tally.media_bytes ? raw.bytes - tally.media_bytes : 0;
    return (struct pawl_estimate_element){
        .hash = hash_of(json, node),
        .text_bytes = text < UINT32_MAX ? (uint32_t)text : UINT32_MAX,
        .media_tokens = tally.media_tokens < INT32_MAX ? (uint32_t)tally.media_tokens : INT32_MAX,
    };
}
