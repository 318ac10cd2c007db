/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media_priv.h: what the files of the formulas share: base64 that is decoded where it is asked for.
 */
#ifndef PAWL_GATEWAY_MEDIA_PRIV_H
#define PAWL_GATEWAY_MEDIA_PRIV_H

#include <stddef.h>

#include "gateway/media.h"

/* --- media.c -------------------------------------------------------------------------------- */

/* The decoded byte at an index; -1 beyond the end or where the text is no plain base64. */
int pawl_media_byte_at(struct pawl_slice base64, size_t index);
/* Big- or little-endian, `count` bytes; -1 if one is missing. */
int64_t pawl_media_number_at(struct pawl_slice base64, size_t index, size_t count, bool big_endian);
bool pawl_media_text_at(struct pawl_slice base64, size_t index, const char *text);
/* Of a document that the body has in it: 0 for one that is text. */
uint32_t pawl_media_document_pages(const struct pawl_media *media);

/* --- media_gemini.c ------------------------------------------------------------------------- */

uint32_t pawl_media_gemini_tokens_max(const struct pawl_media *media);

#endif
