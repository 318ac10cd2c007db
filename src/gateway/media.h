/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.h: upper bounds for what pictures, documents and sound cost in tokens. Providers
 * document formulas over width, height, pages and seconds; the length of the base64 says
 * nothing. Only a header's worth of it is looked at, and a document's page marks.
 */
#ifndef PAWL_GATEWAY_MEDIA_H
#define PAWL_GATEWAY_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"
#include "gateway/dialect.h"

enum pawl_media_kind { PAWL_MEDIA_IMAGE, PAWL_MEDIA_DOCUMENT, PAWL_MEDIA_AUDIO, PAWL_MEDIA_VIDEO };

struct pawl_media {
    enum pawl_media_kind kind;
    enum pawl_dialect dialect;
    struct pawl_slice model;
    struct pawl_slice base64;   /* empty when the body only refers to it */
    struct pawl_slice type;     /* "application/pdf", as the body calls it; may be empty */
    struct pawl_slice detail;   /* OpenAI: "low", "high", "auto", "original"; Gemini: the media
                               * resolution; may be empty */
    uint32_t frames_per_second; /* of a video: how many are looked at */
};

uint32_t pawl_media_tokens_max(const struct pawl_media *media);

/* What of it is read as text, which the caller counts beside those tokens: a document that is no
 * PDF, whatever it calls itself. Decoded bytes of ASCII and beyond it. */
struct pawl_media_text {
    uint64_t plain_bytes;
    uint64_t dense_bytes;
};
struct pawl_media_text pawl_media_text(const struct pawl_media *media);

/* Width and height from the header of a PNG, JPEG, GIF or WebP. */
PAWL_MUST_CHECK bool
pawl_media_image_size(struct pawl_slice base64, uint32_t *ret_width, uint32_t *ret_height);
/* Pages of a PDF, from above. */
uint32_t pawl_media_pdf_pages(struct pawl_slice base64);

#endif
