/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media_gemini.c: Google's formulas. Two of them are in use, by squares and by a fixed number a
 * picture that the request may choose; the larger of both counts.
 *
 *   picture    258 for each square after it was scaled to at most 3,072 px a side; the square's
 *              side is two thirds of the shorter side, 256 to 768 px. Or 1,120; 2,240 at the
 *              highest resolution
 *   document   a PDF: as a picture, a page; anything else is text (media.c)
 *   sound      32 a second; the length from the bytes at the lowest usual bit rate
 *   video      280 a frame, one frame a second unless the request says how many, and its sound; the
 *              length from the header of an MP4, else from the bytes at a very low bit rate
 *
 * What is only referred to may be as long as the context window is wide.
 */
#include "gateway/media_priv.h"

enum {
    CONTEXT_TOKENS = 1048576,
    SIDE_MAX = 3072,
    SQUARE_MIN = 256,
    SQUARE_MAX = 768,
    SQUARE_TOKENS = 258,
    SQUARES_MAX = 24, /* of any picture of that side */
    PICTURE_TOKENS = 1120,
    PICTURE_TOKENS_ULTRA = 2240,
    FRAME_TOKENS = 280,
    SOUND_TOKENS = 32,            /* a second */
    SOUND_BYTES_PER_TOKEN = 31,   /* of base64, at 8 kbit/s */
    VIDEO_BYTES_PER_SECOND = 5461 /* of base64, at 32 kbit/s */
};

static uint32_t at_most(uint64_t value, uint32_t max)
{
    return value < max ? (uint32_t)value : max;
}

static uint32_t picture_tokens(const struct pawl_media *media)
{
    bool ultra = pawl_slice_equal_str(media->detail, "MEDIA_RESOLUTION_ULTRA_HIGH");
    return ultra ? PICTURE_TOKENS_ULTRA : PICTURE_TOKENS;
}

static uint64_t squares_of(uint64_t width, uint64_t height)
{
    uint64_t longer = width > height ? width : height;
    if (longer > SIDE_MAX) {
        width = width * SIDE_MAX / longer + 1;
        height = height * SIDE_MAX / longer + 1;
    }
    uint64_t side = (width < height ? width : height) * 2 / 3;
    side = side < SQUARE_MIN ? SQUARE_MIN : (side > SQUARE_MAX ? SQUARE_MAX : side);
    return ((width + side - 1) / side) * ((height + side - 1) / side);
}

static uint32_t picture(const struct pawl_media *media)
{
    uint32_t width = 0;
    uint32_t height = 0;
    uint64_t squares = SQUARES_MAX;
    if (pawl_media_image_size(media->base64, &width, &height)) {
        squares = squares_of(width, height);
    }
    uint32_t by_squares = at_most(squares, SQUARES_MAX) * SQUARE_TOKENS;
    uint32_t fixed = picture_tokens(media);
    return by_squares > fixed ? by_squares : fixed;
}

static uint32_t document(const struct pawl_media *media)
{
    if (pawl_slice_empty(media->base64)) {
        return CONTEXT_TOKENS;
    }
    return at_most((uint64_t)pawl_media_document_pages(media) * picture_tokens(media),
                   CONTEXT_TOKENS);
}

static uint32_t sound(const struct pawl_media *media)
{
    return pawl_slice_empty(media->base64)
               ? CONTEXT_TOKENS
               : at_most(media->base64.bytes / SOUND_BYTES_PER_TOKEN + 1, CONTEXT_TOKENS);
}

/* Seconds from the movie header of an MP4; 0 where there is none. It stands at the beginning or
 * behind all pictures, so all of the file is looked through. */
static uint64_t movie_seconds(struct pawl_slice base64)
{
    size_t bytes = base64.bytes / 4 * 3;
    for (size_t i = 0; i + 32 < bytes; i++) {
        if (pawl_media_byte_at(base64, i) != 'm' || !pawl_media_text_at(base64, i, "mvhd")) {
            continue;
        }
        /* Of the wide form's eight bytes of length the first is 0 in any movie. */
        bool wide = pawl_media_byte_at(base64, i + 4) == 1;
        int64_t scale = pawl_media_number_at(base64, i + (wide ? 24 : 16), 4, true);
        int64_t length = wide ? pawl_media_number_at(base64, i + 29, 7, true)
                              : pawl_media_number_at(base64, i + 20, 4, true);
        if (scale > 0 && length > 0) {
            return (uint64_t)(length / scale) + 1;
        }
    }
    return 0;
}

static uint32_t video(const struct pawl_media *media)
{
    if (pawl_slice_empty(media->base64)) {
        return CONTEXT_TOKENS;
    }
    uint64_t seconds = movie_seconds(media->base64);
    if (seconds == 0) {
        seconds = media->base64.bytes / VIDEO_BYTES_PER_SECOND + 1;
    }
    uint64_t frames = media->frames_per_second > 1 ? media->frames_per_second : 1;
    return at_most(at_most(seconds, CONTEXT_TOKENS) * (frames * FRAME_TOKENS + SOUND_TOKENS),
                   CONTEXT_TOKENS);
}

uint32_t pawl_media_gemini_tokens_max(const struct pawl_media *media)
{
    switch (media->kind) {
    case PAWL_MEDIA_IMAGE:
        return picture(media);
    case PAWL_MEDIA_DOCUMENT:
        return document(media);
    case PAWL_MEDIA_AUDIO:
        return sound(media);
    case PAWL_MEDIA_VIDEO:
        return video(media);
    }
    return CONTEXT_TOKENS;
}
