/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c: the formulas. Where a provider's differ from model to model, the largest counts.
 *
 *   picture, Anthropic   width * height / 750, at most 4,784 (the high-resolution models)
 *   picture, OpenAI      the larger of tiles (85 + 170 each 512 px square, at most 8 after
 *                        scaling; gpt-4o-mini 2,833 + 5,667 each) and patches (32 px squares, at
 *                        most 1,536, times 2.46); detail "low" is 85, 630 or 2,833; "original"
 *                        at most 10,000 patches
 *   document             a PDF: 4,600 a page, 3,000 of text and a picture; by reference 100 pages;
 *                        anything else is text and counted by its decoded bytes, and what is
 *                        packed (an office document) as 100 pages beside
 *   sound                10 a second; the length from the bytes at the lowest usual bit rate
 *   Google's             are in media_gemini.c
 *
 * Base64 is decoded a byte at a time where it is asked for, so that nothing is copied. A header
 * that is not understood gives the largest bound.
 */
#include "gateway/media.h"

#include <string.h>

#include "gateway/media_priv.h"

enum {
    ANTHROPIC_IMAGE_MAX = 4784,
    ANTHROPIC_PIXELS_PER_TOKEN = 750,
    TILE_BASE = 85,
    TILE_EACH = 170,
    TILES_MAX = 8,
    TILE_MINI_BASE = 2833,
    TILE_MINI_EACH = 5667,
    PATCH_PX = 32,
    PATCHES_MAX = 1536,
    PATCHES_ORIGINAL_MAX = 10000,
    PATCH_LOW_TOKENS = 630,
    PATCH_PERCENT = 246,
    PAGE_TOKENS = 4600,
    PAGES_UNKNOWN = 100,
    PAGES_MAX = 1000,
    PDF_MARK_BYTES = 1024,
    PAGE_BYTES_COMPRESSED = 2048, /* a page whose marks are hidden in a compressed stream */
    AUDIO_BYTES_PER_TOKEN = 100,  /* 8 kbit/s, ten tokens a second */
    AUDIO_UNKNOWN_TOKENS = 36000, /* an hour */
    JPEG_SEGMENTS_MAX = 256
};

/* --- Base64 --------------------------------------------------------------------------------- */

/* 0 .. 63; -1 for padding and everything else. */
static int sextet(char byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    if (byte == '+' || byte == '-') {
        return 62;
    }
    return byte == '/' || byte == '_' ? 63 : -1;
}

int pawl_media_byte_at(struct pawl_slice base64, size_t index)
{
    size_t at = index / 3 * 4 + index % 3;
    if (at + 1 >= base64.bytes) {
        return -1;
    }
    int high = sextet(base64.data[at]);
    int low = sextet(base64.data[at + 1]);
    if (high < 0 || low < 0) {
        return -1;
    }
    unsigned both = (unsigned)high << 6 | (unsigned)low;
    unsigned shift = 4u - 2u * (unsigned)(index % 3);
    return (int)(both >> shift & 0xffu);
}

int64_t pawl_media_number_at(struct pawl_slice base64, size_t index, size_t count, bool big_endian)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        int byte = pawl_media_byte_at(base64, index + (big_endian ? i : count - 1 - i));
        if (byte < 0) {
            return -1;
        }
        value = value << 8 | byte;
    }
    return value;
}

bool pawl_media_text_at(struct pawl_slice base64, size_t index, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (pawl_media_byte_at(base64, index + i) != (unsigned char)text[i]) {
            return false;
        }
    }
    return true;
}

/* --- Headers of pictures -------------------------------------------------------------------- */

static bool set_size(int64_t width, int64_t height, uint32_t *ret_width, uint32_t *ret_height)
{
    if (width <= 0 || height <= 0 || width > UINT32_MAX || height > UINT32_MAX) {
        return false;
    }
    *ret_width = (uint32_t)width;
    *ret_height = (uint32_t)height;
    return true;
}

static bool jpeg_size(struct pawl_slice base64, uint32_t *ret_width, uint32_t *ret_height)
{
    size_t at = 2;
    for (int segment = 0; segment < JPEG_SEGMENTS_MAX; segment++) {
        int marker = pawl_media_byte_at(base64, at + 1);
        int64_t bytes = pawl_media_number_at(base64, at + 2, 2, true);
        if (pawl_media_byte_at(base64, at) != 0xff || marker < 0 || bytes < 2) {
            return false;
        }
        /* SOF0 .. SOF15, without the tables DHT, JPG and DAC among them. */
        bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            return set_size(pawl_media_number_at(base64, at + 7, 2, true),
                            pawl_media_number_at(base64, at + 5, 2, true), ret_width, ret_height);
        }
        at += 2 + (size_t)bytes;
    }
    return false;
}

static bool webp_size(struct pawl_slice base64, uint32_t *ret_width, uint32_t *ret_height)
{
    if (pawl_media_text_at(base64, 12, "VP8X")) {
        return set_size(pawl_media_number_at(base64, 24, 3, false) + 1,
                        pawl_media_number_at(base64, 27, 3, false) + 1, ret_width, ret_height);
    }
    if (pawl_media_text_at(base64, 12, "VP8L")) {
        int64_t bits = pawl_media_number_at(base64, 21, 4, false);
        return bits >= 0 &&
               set_size((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, ret_width, ret_height);
    }
    if (pawl_media_text_at(base64, 12, "VP8 ")) {
        int64_t width = pawl_media_number_at(base64, 26, 2, false);
        int64_t height = pawl_media_number_at(base64, 28, 2, false);
        return width >= 0 && height >= 0 &&
               set_size(width & 0x3fff, height & 0x3fff, ret_width, ret_height);
    }
    return false;
}

bool pawl_media_image_size(struct pawl_slice base64, uint32_t *ret_width, uint32_t *ret_height)
{
    if (pawl_media_text_at(base64, 1, "PNG\r\n")) {
        return set_size(pawl_media_number_at(base64, 16, 4, true),
                        pawl_media_number_at(base64, 20, 4, true), ret_width, ret_height);
    }
    if (pawl_media_text_at(base64, 0, "GIF8")) {
        return set_size(pawl_media_number_at(base64, 6, 2, false),
                        pawl_media_number_at(base64, 8, 2, false), ret_width, ret_height);
    }
    if (pawl_media_byte_at(base64, 0) == 0xff && pawl_media_byte_at(base64, 1) == 0xd8) {
        return jpeg_size(base64, ret_width, ret_height);
    }
    return pawl_media_text_at(base64, 0, "RIFF") && pawl_media_text_at(base64, 8, "WEBP") &&
           webp_size(base64, ret_width, ret_height);
}

/* --- Formulas ------------------------------------------------------------------------------- */

static uint32_t at_most(uint64_t value, uint32_t max)
{
    return value < max ? (uint32_t)value : max;
}

static uint32_t anthropic_image(struct pawl_slice base64)
{
    uint32_t width = 0;
    uint32_t height = 0;
    if (!pawl_media_image_size(base64, &width, &height)) {
        return ANTHROPIC_IMAGE_MAX;
    }
    uint64_t pixels = (uint64_t)width * height;
    return at_most(pixels / ANTHROPIC_PIXELS_PER_TOKEN + 1, ANTHROPIC_IMAGE_MAX);
}

static uint64_t squares(uint32_t width, uint32_t height, uint32_t side)
{
    return (((uint64_t)width + side - 1) / side) * (((uint64_t)height + side - 1) / side);
}

static uint32_t openai_image(const struct pawl_media *media)
{
    bool mini = pawl_slice_starts_with(media->model, PAWL_SLICE("gpt-4o-mini"));
    if (pawl_slice_equal_str(media->detail, "low")) {
        return mini ? TILE_MINI_BASE : PATCH_LOW_TOKENS;
    }
    bool original = pawl_slice_equal_str(media->detail, "original");
    uint32_t patches_max = original ? PATCHES_ORIGINAL_MAX : PATCHES_MAX;
    uint32_t width = 0;
    uint32_t height = 0;
    uint32_t tiles = TILES_MAX;
    uint32_t patches = patches_max;
    if (pawl_media_image_size(media->base64, &width, &height)) {
        /* Pictures are scaled down before they are cut up, never up. */
        tiles = at_most(squares(width, height, 512), TILES_MAX);
        patches = at_most(squares(width, height, PATCH_PX), patches_max);
    }
    uint32_t by_tiles =
        mini ? TILE_MINI_BASE + TILE_MINI_EACH * tiles : TILE_BASE + TILE_EACH * tiles;
    uint32_t by_patches = patches * PATCH_PERCENT / 100 + 1;
    return by_tiles > by_patches ? by_tiles : by_patches;
}

/* "/Type /Page" without an s behind it. */
static bool page_mark_at(struct pawl_slice base64, size_t index)
{
    if (!pawl_media_text_at(base64, index, "/Type")) {
        return false;
    }
    size_t at = index + 5;
    while (pawl_media_byte_at(base64, at) == ' ') {
        at++;
    }
    return pawl_media_text_at(base64, at, "/Page") && pawl_media_byte_at(base64, at + 5) != 's';
}

uint32_t pawl_media_pdf_pages(struct pawl_slice base64)
{
    size_t bytes = base64.bytes / 4 * 3;
    uint64_t pages = 0;
    bool compressed = false;
    for (size_t i = 0; i + 5 < bytes && pages < PAGES_MAX; i++) {
        int byte = pawl_media_byte_at(base64, i);
        if (byte != '/') {
            /* Line breaks in the base64 shift what follows: marks cannot be found then either. */
            compressed = compressed || byte < 0;
            continue;
        }
        pages += page_mark_at(base64, i) ? 1 : 0;
        compressed = compressed || pawl_media_text_at(base64, i, "/ObjStm");
    }
    if (compressed || pages == 0) {
        uint64_t by_bytes = bytes / PAGE_BYTES_COMPRESSED + 1;
        pages = by_bytes > pages ? by_bytes : pages;
    }
    return at_most(pages, PAGES_MAX);
}

/* --- Documents ------------------------------------------------------------------------------ */

/* Readers look for the mark in the first kilobyte. */
static bool says_pdf(struct pawl_slice base64)
{
    for (size_t i = 0; i < PDF_MARK_BYTES; i++) {
        if (pawl_media_byte_at(base64, i) == '%' && pawl_media_text_at(base64, i, "%PDF")) {
            return true;
        }
    }
    return false;
}

static bool called_pdf(const struct pawl_media *media)
{
    struct pawl_slice rest = media->type;
    struct pawl_slice type = pawl_slice_trim(pawl_slice_cut(&rest, ';'));
    return pawl_slice_equal_nocase(type, PAWL_SLICE("application/pdf"));
}

/* ZIP or gzip: what is in it may be many times as long. */
static bool is_packed(struct pawl_slice base64)
{
    return pawl_media_text_at(base64, 0, "PK") || pawl_media_text_at(base64, 0, "\x1f\x8b");
}

uint32_t pawl_media_document_pages(const struct pawl_media *media)
{
    if (pawl_slice_empty(media->base64) || is_packed(media->base64)) {
        return PAGES_UNKNOWN;
    }
    bool pdf = called_pdf(media) || says_pdf(media->base64);
    return pdf ? pawl_media_pdf_pages(media->base64) : 0;
}

struct pawl_media_text pawl_media_text(const struct pawl_media *media)
{
    struct pawl_media_text text = {0, 0};
    /* Where name and content differ nobody knows which of them is followed: both count. */
    bool pdf = says_pdf(media->base64) && (called_pdf(media) || pawl_slice_empty(media->type));
    if (media->kind != PAWL_MEDIA_DOCUMENT || pdf) {
        return text;
    }
    size_t bytes = media->base64.bytes / 4 * 3 + media->base64.bytes % 4;
    for (size_t i = 0; i < bytes; i++) {
        int byte = pawl_media_byte_at(media->base64, i);
        if (byte < 0 && i + 3 < bytes) {
            /* Not in order, so not decoded here; whoever can is given the most. */
            return (struct pawl_media_text){0, bytes};
        }
        text.plain_bytes += byte < 0x80 ? 1 : 0;
        text.dense_bytes += byte < 0x80 ? 0 : 1;
    }
    return text;
}

uint32_t pawl_media_tokens_max(const struct pawl_media *media)
{
    if (media->dialect == PAWL_DIALECT_GEMINI || media->dialect == PAWL_DIALECT_GEMINI_EMBED) {
        return pawl_media_gemini_tokens_max(media);
    }
    switch (media->kind) {
    case PAWL_MEDIA_IMAGE:
        return media->dialect == PAWL_DIALECT_ANTHROPIC ? anthropic_image(media->base64)
                                                        : openai_image(media);
    case PAWL_MEDIA_DOCUMENT:
        return PAGE_TOKENS * pawl_media_document_pages(media);
    case PAWL_MEDIA_VIDEO: /* no other dialect takes any */
    case PAWL_MEDIA_AUDIO:
        return pawl_slice_empty(media->base64)
                   ? AUDIO_UNKNOWN_TOKENS
                   : at_most(media->base64.bytes / AUDIO_BYTES_PER_TOKEN + 1, UINT32_MAX);
    }
    return 0;
}
