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
#include "base/fingerprint.h"
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
    const struct pawl_json_node *entry = &json->nodes[node];
    bool may_be = entry->escaped || entry->end - entry->start == CACHE_MARK_BYTES + 2;
    return may_be && is_key(json, node) && pawl_json_string_is(json, node, "cache_control");
}

static uint64_t hash_of(const struct pawl_request_reader *reader, uint32_t node)
{
    const struct pawl_json *json = &reader->json;
    uint64_t hash = 0;
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
        hash = pawl_hash_mix(hash ^ ((uint64_t)entry->type << 32 | (entry->depth - base_depth)));
        if (!container) {
            hash = pawl_fingerprint(&reader->source->key, hash, pawl_json_raw(json, at));
        }
        at++;
    }
    return hash;
}

void pawl_request_find_cache_marks(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    for (uint32_t at = 0; at + 1 < json->count; at++) {
        if (!is_cache_mark(json, at) || !pawl_json_is(json, at + 1, PAWL_JSON_OBJECT)) {
            continue;
        }
        reader->request->cache_short = true;
        /* Whatever is not the shortest is held for as the longest. */
        uint32_t ttl = pawl_request_get(reader, at + 1, "ttl");
        if (pawl_json_is(json, ttl, PAWL_JSON_STRING) && !pawl_json_string_is(json, ttl, "5m")) {
            reader->request->cache_long = true;
        }
    }
}

/* --- Media ---------------------------------------------------------------------------------- */

/* What was found so far in one element. */
struct tally {
    uint64_t media_bytes; /* of base64, as far as it is no text of ASCII */
    uint64_t dense_bytes; /* beyond ASCII, in that base64 */
    uint64_t media_tokens;
    bool coded_text; /* a document that is text, in base64 */
};

/* `data` is the string in the body that holds the base64, or NONE. */
static void tally_media(struct pawl_request_reader *reader,
                        const struct pawl_media *media,
                        uint32_t data,
                        struct tally *tally)
{
    uint64_t raw_bytes = pawl_json_string_raw(&reader->json, data).bytes;
    struct pawl_media_text text = pawl_media_text(media);
    tally->media_bytes += raw_bytes > text.plain_bytes ? raw_bytes - text.plain_bytes : 0;
    tally->dense_bytes += text.dense_bytes;
    tally->media_tokens += pawl_media_tokens_max(media);
    tally->coded_text = tally->coded_text || text.plain_bytes + text.dense_bytes > 0;
    pawl_request_note_media(reader, data);
    bool video = media->kind == PAWL_MEDIA_VIDEO; /* which has sound too */
    reader->request->audio = reader->request->audio || media->kind == PAWL_MEDIA_AUDIO || video;
    reader->request->image = reader->request->image || media->kind != PAWL_MEDIA_AUDIO;
    reader->request->video = reader->request->video || video;
    reader->request->image_count += media->kind == PAWL_MEDIA_IMAGE ? 1 : 0;
}

static struct pawl_media media_of(const struct pawl_request_reader *reader,
                                  enum pawl_media_kind kind)
{
    return (struct pawl_media){
        .kind = kind, .dialect = reader->request->dialect, .model = reader->request->model};
}

/* Without its escapes: some writers put a backslash before every slash. */
static struct pawl_slice text_of(struct pawl_request_reader *reader, uint32_t node)
{
    return pawl_json_string(&reader->json, node, reader->arena);
}

/* {"type":"image"|"document","source":{"type":"base64"|"url"|"file"|"text"|"content",…}} */
static void anthropic_block(struct pawl_request_reader *reader, uint32_t block, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t type = pawl_request_get(reader, block, "type");
    bool image = pawl_json_string_is(json, type, "image");
    if (!image && !pawl_json_string_is(json, type, "document")) {
        return;
    }
    uint32_t source = pawl_request_get(reader, block, "source");
    uint32_t source_type = pawl_request_get(reader, source, "type");
    if (pawl_json_string_is(json, source_type, "text") ||
        pawl_json_string_is(json, source_type, "content")) {
        return; /* text; its blocks are visited on their own */
    }
    struct pawl_media media = media_of(reader, image ? PAWL_MEDIA_IMAGE : PAWL_MEDIA_DOCUMENT);
    uint32_t data = PAWL_JSON_NONE;
    if (pawl_json_string_is(json, source_type, "base64")) {
        data = pawl_request_get(reader, source, "data");
        media.base64 = text_of(reader, data);
        media.type = text_of(reader, pawl_request_get(reader, source, "media_type"));
    }
    tally_media(reader, &media, data, tally);
}

/* "data:TYPE;base64,BYTES" taken apart. false for any other address. */
static bool
split_data_url(struct pawl_slice url, struct pawl_slice *ret_type, struct pawl_slice *ret_data)
{
    size_t comma = pawl_slice_find_byte(url, ',');
    if (!pawl_slice_starts_with(url, PAWL_SLICE("data:")) || comma == SIZE_MAX) {
        return false;
    }
    struct pawl_slice head = pawl_slice_sub(url, 5, comma - 5);
    *ret_type = pawl_slice_cut(&head, ';');
    *ret_data = pawl_slice_sub(url, comma + 1, url.bytes);
    return pawl_slice_ends_with(head, PAWL_SLICE("base64"));
}

/* `url`: a string with an address or the picture itself; NONE where it is named by an id. */
static void
openai_image(struct pawl_request_reader *reader, uint32_t url, uint32_t detail, struct tally *tally)
{
    struct pawl_media media = media_of(reader, PAWL_MEDIA_IMAGE);
    media.detail = text_of(reader, detail);
    if (!split_data_url(text_of(reader, url), &media.type, &media.base64)) {
        media.base64 = PAWL_SLICE_NONE;
        url = PAWL_JSON_NONE;
    }
    tally_media(reader, &media, url, tally);
}

/* `data`: base64, with or without the head of a data URL; NONE where it is only referred to. */
static void openai_file(struct pawl_request_reader *reader, uint32_t data, struct tally *tally)
{
    struct pawl_media media = media_of(reader, PAWL_MEDIA_DOCUMENT);
    struct pawl_slice text = text_of(reader, data);
    if (!split_data_url(text, &media.type, &media.base64)) {
        if (pawl_slice_starts_with(text, PAWL_SLICE("data:"))) {
            return; /* it stands there in clear, and is counted as it stands */
        }
        media.type = PAWL_SLICE_NONE;
        media.base64 = text;
    }
    tally_media(reader, &media, data, tally);
}

static void openai_audio(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    struct pawl_media media = media_of(reader, PAWL_MEDIA_AUDIO);
    uint32_t audio = pawl_request_get(reader, part, "input_audio");
    uint32_t data = pawl_request_get(reader, audio, "data");
    media.base64 = text_of(reader, data);
    tally_media(reader, &media, data, tally);
}

static void openai_part(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t type = pawl_request_get(reader, part, "type");
    if (pawl_json_string_is(json, type, "image_url")) {
        uint32_t image = pawl_request_get(reader, part, "image_url");
        bool direct = pawl_json_is(json, image, PAWL_JSON_STRING);
        openai_image(reader, direct ? image : pawl_request_get(reader, image, "url"),
                     pawl_request_get(reader, image, "detail"), tally);
    } else if (pawl_json_string_is(json, type, "input_audio")) {
        openai_audio(reader, part, tally);
    } else if (pawl_json_string_is(json, type, "file")) {
        uint32_t file = pawl_request_get(reader, part, "file");
        openai_file(reader, pawl_request_get(reader, file, "file_data"), tally);
    }
}

/* A part of an item's content or of a tool's output, or an item that is a picture. */
static void responses_part(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    uint32_t type = pawl_request_get(reader, part, "type");
    if (pawl_json_string_is(json, type, "input_image") ||
        pawl_json_string_is(json, type, "computer_screenshot")) {
        openai_image(reader, pawl_request_get(reader, part, "image_url"),
                     pawl_request_get(reader, part, "detail"), tally);
    } else if (pawl_json_string_is(json, type, "input_file")) {
        openai_file(reader, pawl_request_get(reader, part, "file_data"), tally);
    } else if (pawl_json_string_is(json, type, "input_audio")) {
        openai_audio(reader, part, tally);
    } else if (pawl_json_string_is(json, type, "image_generation_call")) {
        struct pawl_media media = media_of(reader, PAWL_MEDIA_IMAGE);
        uint32_t data = pawl_request_get(reader, part, "result");
        media.base64 = text_of(reader, data);
        tally_media(reader, &media, data, tally);
    }
}

/* --- Google's parts ------------------------------------------------------------------------- */

static bool is_gemini(const struct pawl_request_reader *reader)
{
    return reader->request->dialect == PAWL_DIALECT_GEMINI ||
           reader->request->dialect == PAWL_DIALECT_GEMINI_EMBED;
}

static enum pawl_media_kind kind_of_type(struct pawl_slice type)
{
    static const struct {
        const char *prefix;
        enum pawl_media_kind kind;
    } kinds[] = {
        {"image/", PAWL_MEDIA_IMAGE}, {"audio/", PAWL_MEDIA_AUDIO}, {"video/", PAWL_MEDIA_VIDEO}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(kinds); i++) {
        struct pawl_slice prefix = pawl_slice_str(kinds[i].prefix);
        if (pawl_slice_equal_nocase(pawl_slice_sub(type, 0, prefix.bytes), prefix)) {
            return kinds[i].kind;
        }
    }
    return PAWL_MEDIA_DOCUMENT;
}

/* Frames of a video that are looked at in a second: whole ones, from above; 1 where it says
 * nothing. */
static uint32_t frames_per_second(struct pawl_request_reader *reader, uint32_t part)
{
    enum { FRAMES_MAX = 60 };
    uint32_t video = pawl_request_get_either(reader, part, "videoMetadata", "video_metadata");
    uint32_t fps = pawl_request_get(reader, video, "fps");
    struct pawl_slice text = pawl_json_raw(&reader->json, fps);
    uint64_t whole = 0;
    if (fps == PAWL_JSON_NONE || pawl_json_is(&reader->json, fps, PAWL_JSON_NULL)) {
        return 1;
    }
    struct pawl_slice digits = pawl_slice_cut(&text, '.');
    if (!pawl_slice_to_u64(digits, &whole) || whole >= FRAMES_MAX) {
        return FRAMES_MAX;
    }
    return (uint32_t)whole + (text.bytes > 0 || whole == 0 ? 1 : 0);
}

/* {"inlineData":{"mimeType":…,"data":…}} or {"fileData":{"mimeType":…,"fileUri":…}} */
static void gemini_part(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    uint32_t blob = pawl_request_get_either(reader, part, "inlineData", "inline_data");
    uint32_t file = pawl_request_get_either(reader, part, "fileData", "file_data");
    uint32_t resolution =
        pawl_request_get_either(reader, part, "mediaResolution", "media_resolution");
    uint32_t frames = frames_per_second(reader, part);
    for (int i = 0; i < 2; i++) {
        uint32_t node = i == 0 ? blob : file;
        if (!pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT)) {
            continue;
        }
        uint32_t data = i == 0 ? pawl_request_get(reader, node, "data") : PAWL_JSON_NONE;
        struct pawl_media media = media_of(reader, PAWL_MEDIA_DOCUMENT);
        media.type =
            text_of(reader, pawl_request_get_either(reader, node, "mimeType", "mime_type"));
        media.kind = kind_of_type(media.type);
        media.base64 = text_of(reader, data);
        media.detail = text_of(reader, pawl_request_get(reader, resolution, "level"));
        media.frames_per_second = frames;
        tally_media(reader, &media, data, tally);
    }
}

/* A list of parts: of a content, of the content of something to embed, of a function's answer.
 * One part may come without its brackets. */
static uint32_t gemini_parts(struct pawl_request_reader *reader, uint32_t node)
{
    uint32_t parts = pawl_request_get(reader, node, "parts");
    return parts != PAWL_JSON_NONE
               ? parts
               : pawl_request_get(reader, pawl_request_get(reader, node, "content"), "parts");
}

static void visit_parts(struct pawl_request_reader *reader, uint32_t parts, struct tally *tally)
{
    const struct pawl_json *json = &reader->json;
    bool one = pawl_json_is(json, parts, PAWL_JSON_OBJECT);
    uint32_t part = one ? parts : pawl_json_first(json, parts);
    while (part != PAWL_JSON_NONE) {
        gemini_part(reader, part, tally);
        uint32_t answer =
            pawl_request_get_either(reader, part, "functionResponse", "function_response");
        uint32_t inner = pawl_request_get(reader, answer, "parts");
        bool inner_one = pawl_json_is(json, inner, PAWL_JSON_OBJECT);
        uint32_t at = inner_one ? inner : pawl_json_first(json, inner);
        while (at != PAWL_JSON_NONE) {
            gemini_part(reader, at, tally);
            at = inner_one ? PAWL_JSON_NONE : pawl_json_next(json, at);
        }
        part = one ? PAWL_JSON_NONE : pawl_json_next(json, part);
    }
}

/* --- Elements ------------------------------------------------------------------------------- */

/* The blocks inside a block: of a tool result, or of a document made of blocks. */
static uint32_t inner_list(struct pawl_request_reader *reader, uint32_t block)
{
    const struct pawl_json *json = &reader->json;
    uint32_t list = pawl_request_get(reader, block, "content");
    if (!pawl_json_is(json, list, PAWL_JSON_ARRAY)) {
        list = pawl_request_get(reader, pawl_request_get(reader, block, "source"), "content");
    }
    return pawl_json_is(json, list, PAWL_JSON_ARRAY) ? list : PAWL_JSON_NONE;
}

static void part_of_dialect(struct pawl_request_reader *reader, uint32_t part, struct tally *tally)
{
    switch (reader->request->dialect) {
    case PAWL_DIALECT_ANTHROPIC:
        anthropic_block(reader, part, tally);
        break;
    case PAWL_DIALECT_OPENAI_RESPONSES:
    case PAWL_DIALECT_OPENAI_COMPACT:
        responses_part(reader, part, tally);
        break;
    case PAWL_DIALECT_OPENAI_CHAT:
    case PAWL_DIALECT_OPENAI_LEGACY:
    case PAWL_DIALECT_OPENAI_EMBED:
    case PAWL_DIALECT_GEMINI:
    case PAWL_DIALECT_GEMINI_EMBED:
    case PAWL_DIALECT_COUNT:
        openai_part(reader, part, tally);
        break;
    }
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
        part_of_dialect(reader, block, tally);
        uint32_t inner = inner_list(reader, block);
        if (inner != PAWL_JSON_NONE && depth + 1 < CONTENT_DEPTH_MAX) {
            depth++;
            next[depth] = pawl_json_first(json, inner);
        }
    }
}

/* Beside its content: an item that is a picture itself, and what a tool gave. */
static void visit_item(struct pawl_request_reader *reader, uint32_t item, struct tally *tally)
{
    uint32_t output = pawl_request_get(reader, item, "output");
    responses_part(reader, item, tally);
    if (pawl_json_is(&reader->json, output, PAWL_JSON_ARRAY)) {
        visit_content(reader, output, tally);
    } else if (pawl_json_is(&reader->json, output, PAWL_JSON_OBJECT)) {
        responses_part(reader, output, tally);
    }
}

struct pawl_estimate_element pawl_request_element(struct pawl_request_reader *reader, uint32_t node)
{
    const struct pawl_json *json = &reader->json;
    struct tally tally = {.media_bytes = 0};
    uint32_t content =
        is_gemini(reader) ? gemini_parts(reader, node) : pawl_request_get(reader, node, "content");
    if (is_gemini(reader)) {
        visit_parts(reader, content, &tally);
    } else if (pawl_json_is(json, content, PAWL_JSON_ARRAY)) {
        visit_content(reader, content, &tally);
    }
    if (reader->request->dialect == PAWL_DIALECT_OPENAI_RESPONSES ||
        reader->request->dialect == PAWL_DIALECT_OPENAI_COMPACT) {
        visit_item(reader, node, &tally);
    }
    struct pawl_estimate_text text = pawl_estimate_text_of(pawl_json_raw(json, node));
    uint64_t plain =
        text.plain_bytes > tally.media_bytes ? text.plain_bytes - tally.media_bytes : 0;
    uint64_t dense = text.dense_bytes + tally.dense_bytes;
    return (struct pawl_estimate_element){
        .hash = hash_of(reader, node),
        .node = tally.coded_text ? 0 : node,
        .text_bytes = plain < UINT32_MAX ? (uint32_t)plain : UINT32_MAX,
        .dense_bytes = dense < UINT32_MAX ? (uint32_t)dense : UINT32_MAX,
        .media_tokens = tally.media_tokens < INT32_MAX ? (uint32_t)tally.media_tokens : INT32_MAX,
    };
}
